//! Who there is in a story: a company, a profile, carriers, and what their PBX asks for.
//!
//! What happens to them is the world's.

use domain::call_control::{Invitation, Proof};
use domain::media::{Direction, MediaDescription, Stream, StreamKind};
use domain::{CarrierId, CompanyId, Currency, ProfileId};
use rating::Deck;
use std::time::Duration;
use switch::directory::{
    Builder, CallSettings, CallerIdPolicy, Carrier, CarrierSource, Company, Country, CountryPlan, Directory,
    IncomingTo, Manners, Number,
};

pub(crate) const SIP_USER: &str = "99050000040027";
pub(crate) const CALLER_ID: &str = "+12025550199";
/// Where carriers call from.
const CARRIER: &str = "203.0.113.1";

pub(crate) fn company_id() -> CompanyId {
    CompanyId::from_bits(1)
}

pub(crate) fn profile_id() -> ProfileId {
    ProfileId::from_bits(2)
}

pub(crate) fn profile(id: ProfileId, sip_user: &str) -> switch::directory::Profile {
    switch::directory::Profile {
        id,
        company: company_id(),
        sip_user: sip_user.into(),
        channels: 10,
        calls_per_second: None,
        active: true,
        caller_id: CallerIdPolicy::Number(CALLER_ID.parse().unwrap()),
        auto_recharge: None,
        require_plus: false,
        sources: Vec::new(),
        certificates: Vec::new(),
        contact: None,
        incoming_to: IncomingTo::CalledNumber,
        manners: Manners::default(),
        srtp: Default::default(),
        t38: Default::default(),
        dtmf: Default::default(),
        advice: Default::default(),
        credit_failure: Default::default(),
        caps: Default::default(),
        fraud: Default::default(),
        warn_before: None,
        credentials: 0,
    }
}

pub(crate) fn company() -> Company {
    let csv = "prefix,destination,rate_per_minute,connection_fee\n\
               44,United Kingdom,0.02,0\n1,United States,0.008,0\n372,Estonia,1.20,0.039\n33,France,0,0\n";
    Company {
        id: company_id(),
        country: Country::assigned(*b"US"),
        currency: Currency::USD,
        suspended: false,
        deck: Deck::parse_csv(csv.as_bytes(), Currency::USD, "test").unwrap().into(),
        zone: Default::default(),
    }
}

pub(crate) fn carrier(number: u128) -> Carrier {
    Carrier {
        priority: number as u32,
        sources: vec![CarrierSource::Address(CARRIER.parse().unwrap())],
        ..Carrier::new(CarrierId::from_bits(number), format!("carrier{number}"))
    }
}

/// Three carriers, one company in the US, echo codes.
pub(crate) fn town() -> Builder {
    town_of([1, 2, 3].map(carrier).to_vec())
}

/// The same with these carriers.
pub(crate) fn town_of(carriers: Vec<Carrier>) -> Builder {
    let emergency = ["911", "112"].map(str::to_string).to_vec();
    let carriers = carriers.into_iter().fold(Directory::builder(), |builder, carrier| builder.carrier(carrier));
    carriers
        .company(company())
        .country(Country::assigned(*b"US"), CountryPlan { calling_code: "1".to_string(), emergency })
        .echo_code("*43")
        .echo_code("+17605550100")
        .number(Number {
            number: CALLER_ID.parse().unwrap(),
            company: company_id(),
            profile: Some(profile_id()),
            caller_id_allowed: true,
        })
        .settings(CallSettings { media_report_timeout: Duration::ZERO, ..CallSettings::default() })
}

pub(crate) fn sound() -> MediaDescription {
    let sound = Stream {
        kind: StreamKind::Audio,
        transport: "RTP/AVP".to_string(),
        receives_at: Some("192.0.2.7:4000".parse().unwrap()),
        receives_rtcp_at: None,
        direction: Direction::SendRecv,
        formats: Vec::new(),
        format_tokens: Vec::new(),
        fax: Vec::new(),
        ptime_ms: None,
        maxptime_ms: None,
        crypto: Vec::new(),
    };
    MediaDescription { streams: vec![sound] }
}

pub(crate) fn invitation(dialled: &str) -> Invitation {
    Invitation {
        proof: Proof::Credentials(profile_id()),
        source: "192.0.2.7:5060".parse().unwrap(),
        certificate: None,
        dialled: dialled.to_string(),
        from_user: SIP_USER.to_string(),
        from_display: String::new(),
        preferred_identity: None,
        asserted_identity: None,
        remote_party: None,
        anonymous: false,
        diverted_from: Vec::new(),
        headers: Vec::new(),
        offer: Some(sound()),
        is_signalling_secret: false,
        sip_call_id: "pbx-call".to_string(),
    }
}
