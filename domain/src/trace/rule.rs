//! The rules that a call or a registration has to pass, and which of them each refusal is of.
//!
//! How each was passed is the trace's.

use crate::refusal::RefusalKind;

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident, $label:literal, $what:literal;)*) => {
        /// A rule that a call or a registration has to pass.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $($(#[$doc])* $name,)* }

        impl Rule {
            /// Every rule, about in the order in which they are looked at.
            pub const ALL: &'static [Rule] = &[$(Rule::$name,)*];

            /// The word in traces, stable for ever.
            pub const fn as_str(self) -> &'static str {
                match self { $(Rule::$name => $label,)* }
            }

            /// The rule with this word.
            pub fn from_label(label: &str) -> Option<Self> {
                match label { $($label => Some(Rule::$name),)* _ => None }
            }

            /// The rule in a sentence, for a person.
            pub const fn what(self) -> &'static str {
                match self { $(Rule::$name => $what,)* }
            }
        }
    };
}

rules! {
    /// S2.
    Authentication, "authentication", "Who asks is proven by a SIP user and its password";
    /// S3, S5.
    SourceAddress, "source_address", "Who asks is proven by the address that it comes from";
    /// RFC 5922 7.1.
    Certificate, "certificate", "Who asks is proven by a name in its client certificate";
    /// The message itself.
    Message, "message", "The message is correct and asks for what is offered";
    /// S4, of a REGISTER.
    AddressOfRecord, "address_of_record", "A PBX registers its own SIP user";
    /// D-17.
    RegistrationInterval, "registration_interval", "A registration lasts for a permitted time";
    /// RFC 3261 10.3.
    RegistrationOrder, "registration_order", "A registration is newer than the one before";
    /// Overload, draining.
    Node, "node", "This node takes new work";
    /// O3.
    Emergency, "emergency", "The dialled number is no emergency number";
    /// N9, I8.
    CalledNumber, "called_number", "The called number is assigned to a profile";
    /// The company may call and be called.
    Company, "company", "The company is not suspended";
    /// S4.
    FromUser, "from_user", "The user in From is the SIP user of the profile";
    /// P7.
    Subscription, "subscription", "The profile has channels";
    /// S6, R11, D-16.
    Number, "number", "The dialled number is a full international number";
    /// Limits on calls a second and their like.
    Limit, "limit", "The limits on new calls are kept";
    /// L1 to L7.
    CallerId, "caller_id", "The caller ID asked for may be shown";
    /// R11.
    Inside, "inside", "A number of this switch is called inside it, and not by who has it";
    /// A price.
    Price, "price", "The deck has a price for the number";
    /// A carrier.
    Route, "route", "A carrier serves the number";
    /// Routes at a loss.
    Margin, "margin", "A carrier costs no more than the call is sold for";
    /// I9.
    Registered, "registered", "The called PBX can be reached: it is registered, or has a fixed address";
    /// A codec.
    Codec, "codec", "The offer has sound that can be carried";
    /// RFC 6157.
    MediaFamily, "media_family", "This node has a media address of the version of IP that the sound is at";
    /// SRTP.
    Srtp, "srtp", "The offer is secured as the trunk wants it";
    /// C1.
    Channel, "channel", "A channel of the profile is free";
    /// Rules against fraud.
    Fraud, "fraud", "Nothing about the call is suspicious, and no rule against fraud has stopped the profile";
    /// K2, K3, R8.
    Credit, "credit", "The credit covers the first block of the call";
    /// One for each carrier, in order.
    Carrier, "carrier", "The carrier may be tried, and takes the call";
    /// Ports.
    Sound, "sound", "Ports for sound are free";
    /// What became of it there.
    CalledSide, "called_side", "The called side takes the call";
    /// RFC 4568 7.
    Keys, "keys", "Keys of secure sound go where nobody else can read them";
    /// Refused while the call went on.
    InDialog, "in_dialog", "What one side asks for inside the call can be done";
}

impl Rule {
    /// The rule that a refusal is of.
    pub const fn of(refusal: RefusalKind) -> Rule {
        match refusal {
            RefusalKind::NoCredit | RefusalKind::BelowFirstBlock | RefusalKind::DailyCap => Rule::Credit,
            RefusalKind::MaxRate | RefusalKind::MaxCallCost => Rule::Price,
            RefusalKind::SpendPerMinute
            | RefusalKind::HighCost
            | RefusalKind::NewDestination
            | RefusalKind::IpChange
            | RefusalKind::ProfileSuspended
            | RefusalKind::SpendBreaker => Rule::Fraud,
            RefusalKind::BadCredentials => Rule::Authentication,
            RefusalKind::FromMismatch => Rule::FromUser,
            RefusalKind::IpNotAllowed => Rule::SourceAddress,
            RefusalKind::CertificateUnknown => Rule::Certificate,
            RefusalKind::CliNotAllowed => Rule::CallerId,
            RefusalKind::OrgSuspended => Rule::Company,
            RefusalKind::NotE164 | RefusalKind::NotANumber | RefusalKind::NumberIncomplete => Rule::Number,
            RefusalKind::NoRoute => Rule::Route,
            RefusalKind::RouteAtLoss => Rule::Margin,
            RefusalKind::NumberUnassigned => Rule::CalledNumber,
            RefusalKind::IntervalTooBrief => Rule::RegistrationInterval,
            RefusalKind::OutOfOrder => Rule::RegistrationOrder,
            RefusalKind::PbxNotRegistered => Rule::Registered,
            RefusalKind::LoopDetected => Rule::Inside,
            RefusalKind::NoCommonCodec => Rule::Codec,
            RefusalKind::MediaFamily => Rule::MediaFamily,
            RefusalKind::SrtpRequired | RefusalKind::SrtpOff => Rule::Srtp,
            RefusalKind::ChannelsFull | RefusalKind::CalleeChannelsFull => Rule::Channel,
            RefusalKind::ProfileInactive => Rule::Subscription,
            RefusalKind::EmergencyNotCarried => Rule::Emergency,
            RefusalKind::Draining
            | RefusalKind::Overloaded
            | RefusalKind::NodeFull
            | RefusalKind::LedgerUnavailable => Rule::Node,
            RefusalKind::MediaPortsExhausted => Rule::Sound,
            RefusalKind::CarriersFull | RefusalKind::CarriersFailed => Rule::Carrier,
            RefusalKind::PbxChallengedUs
            | RefusalKind::NotAnswered
            | RefusalKind::PbxSilent
            | RefusalKind::PbxRefused
            | RefusalKind::UnusableAnswer
            | RefusalKind::EndedByOperator
            | RefusalKind::CalledBusy
            | RefusalKind::CalledUnavailable
            | RefusalKind::CalledUnknown
            | RefusalKind::CalledIncompatible
            | RefusalKind::CalledDeclined => Rule::CalledSide,
            RefusalKind::MalformedRequest
            | RefusalKind::UriNotSupported
            | RefusalKind::VersionNotSupported
            | RefusalKind::MessageTooLarge
            | RefusalKind::MethodNotAllowed
            | RefusalKind::MethodUnknown
            | RefusalKind::NoSuchDialog
            | RefusalKind::HopsUsedUp
            | RefusalKind::RequestMerged
            | RefusalKind::ExtensionUnknown
            | RefusalKind::SessionIntervalTooSmall
            | RefusalKind::BodyNotUnderstood
            | RefusalKind::RequestPending
            | RefusalKind::AnswerPending
            | RefusalKind::ForeignAddress
            | RefusalKind::OutboundUnsupported
            | RefusalKind::PrackMissing => Rule::Message,
            // Whoever adds a limit need not come here.
            _ => Rule::Limit,
        }
    }
}
