//! REGISTERs to a carrier as they stand on the wire: one correspondence, which answers its challenges and reads what is granted.
//!
//! When to register, and for how long, is decided in `switch::enrolment`.

use super::errands::calling;
use crate::call::Naming;
use bytes::{Bytes, BytesMut};
use domain::{CarrierId, Entropy};
use leg::{Account, CarrierTarget, Prover};
use sip::dialog::Calling;
use sip::endpoint::Destination;
use sip::message::Contact;
use sip::{Message, Method, Name, Uri};
use std::sync::Arc;
use switch::enrolment::{Answer, Event};

/// Seconds that are granted where a 200 does not say (RFC 3261 10.2.4: what was asked for; a registrar that says nothing at all is taken
/// at this).
const EXPIRES_UNSAID_S: u32 = 3_600;

/// Proxies of a Service-Route at most: more are a loop, or somebody's joke.
const SERVICE_ROUTE_MAX: usize = 8;

/// REGISTERs with one Call-ID (RFC 3261 10.2.4), by one account and to one place.
#[derive(Debug)]
pub struct Correspondence {
    /// Whose.
    pub carrier: CarrierId,
    version: u64,
    destination: Destination,
    contact: String,
    calling: Calling,
    prover: Prover,
}

/// A REGISTER that is under way.
#[derive(Debug)]
pub struct UnderWay {
    number: u64,
    expires_s: u32,
    is_proven: bool,
}

impl UnderWay {
    /// The number that it was ordered under.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// What a final response to a REGISTER means.
#[derive(Debug)]
pub enum Heard {
    /// It was challenged: this is sent in its place.
    Again(Bytes, UnderWay),
    /// It is over.
    Over(Event),
}

impl Correspondence {
    /// A new one; `version` tells it from those of other accounts.
    pub fn open(
        carrier: CarrierId,
        version: u64,
        target: &CarrierTarget,
        account: &Arc<Account>,
        naming: &Naming,
        entropy: &mut Entropy,
    ) -> Correspondence {
        let identity = naming.identity_towards(target.destination.transport, target.destination.local, false);
        let address = format!("<sip:{}@{}>", account.user, target.host);
        let who = [address.clone(), address];
        let mut calling = calling(naming, entropy, &identity.host, format!("sip:{}", target.host), who);
        // A Service-Route is for what comes after (RFC 3608 6.1).
        calling.routes = target.proxy.iter().map(ToString::to_string).collect();
        Correspondence {
            carrier,
            version,
            destination: target.destination,
            contact: identity.contact_of(&account.user),
            calling,
            prover: Prover::new(Arc::clone(account), entropy.fork()),
        }
    }

    /// Whether a REGISTER of this version belongs to it.
    pub fn is_of(&self, version: u64) -> bool {
        self.version == version
    }

    /// Where its REGISTERs are sent.
    pub fn destination(&self) -> Destination {
        self.destination
    }

    /// The next REGISTER, without Via, proven where it was asked before.
    pub fn register(&mut self, number: u64, expires_s: u32, user_agent: &str) -> (Bytes, UnderWay) {
        (self.print(expires_s, user_agent), UnderWay { number, expires_s, is_proven: false })
    }

    fn print(&mut self, expires_s: u32, user_agent: &str) -> Bytes {
        let mut out = BytesMut::with_capacity(768);
        let lines = self
            .calling
            .request(&Method::Register, &mut out)
            .header(Name::Contact, &self.contact)
            .header(Name::Expires, expires_s.to_string())
            .header(Name::Supported, "path");
        match user_agent {
            "" => lines.end(),
            user_agent => lines.header(Name::UserAgent, user_agent).end(),
        }
        self.prover.prove(&out.freeze())
    }

    /// A final response. A challenge is answered once for each REGISTER (RFC 3261 22.2).
    pub fn hear(&mut self, response: &Message, under_way: UnderWay, user_agent: &str) -> Heard {
        let UnderWay { number, expires_s, is_proven } = under_way;
        let answer = match response.status().unwrap_or_default() {
            401 | 407 if !is_proven && self.prover.hear(response) => {
                let request = self.print(expires_s, user_agent);
                return Heard::Again(request, UnderWay { number, expires_s, is_proven: true });
            }
            200..300 => self.granted(response),
            423 => Answer::TooBrief { min_expires_s: response.min_expires_s().unwrap_or_default() },
            status => Answer::Refused { status, retry_after_s: response.retry_after_s() },
        };
        Heard::Over(Event::Answered { number, answer })
    }

    /// Which of the Contacts that a 200 lists is ours: it lists those of others too (RFC 3261 10.3, 8). One that the registrar has rewritten
    /// is known by its user, where it is the only one.
    fn granted(&self, response: &Message) -> Answer {
        let ours = Uri::parse(self.contact.trim_matches(['<', '>']).as_bytes()).ok();
        let listed: Vec<_> = response
            .contacts()
            .filter_map(|contact| match contact {
                Ok(Contact::Address(address)) => Some(address),
                _ => None,
            })
            .collect();
        let found = listed.iter().find(|address| ours.as_ref().is_some_and(|ours| ours.is_equivalent(address.uri())));
        let found = found.or_else(|| match &listed[..] {
            [only] if ours.as_ref().is_some_and(|ours| ours.user() == only.uri().user()) => Some(only),
            _ => None,
        });
        match found {
            Some(address) => Answer::Granted {
                expires_s: address.expires_s().or(response.expires_s()).unwrap_or(EXPIRES_UNSAID_S),
                contact: address.uri().as_str().into(),
                service_route: service_route(response),
            },
            None => Answer::Granted { expires_s: 0, contact: "".into(), service_route: [].into() },
        }
    }
}

/// By which proxies the carrier wants our calls, the nearest first (RFC 3608 6.1). One that cannot be read makes all of them useless.
fn service_route(response: &Message) -> Arc<[Arc<str>]> {
    let hops = response.addresses(Name::ServiceRoute).take(SERVICE_ROUTE_MAX + 1);
    let read: Result<Vec<Arc<str>>, _> =
        hops.map(|hop| hop.map(|hop| format!("<{}>", hop.uri().as_str()).into())).collect();
    match read {
        Ok(hops) if hops.len() <= SERVICE_ROUTE_MAX => hops.into(),
        _ => [].into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::endpoint::Transport;
    use sip::endpoint::steering::SteeringKey;

    fn correspondence() -> Correspondence {
        let local = "203.0.113.1:5060".parse().unwrap();
        let identity = leg::Identity {
            host: "sip.example.net".into(),
            user_agent: "Tandem".into(),
            contact: local,
            transport: Transport::Udp,
            is_sips: false,
            timers: leg::SessionTimers::default(),
        };
        let naming = Naming {
            shard: 3,
            steering: SteeringKey::new([1; 16]),
            identity: Arc::new(identity),
            advertised: None,
            media: Default::default(),
        };
        let addr = "198.51.100.7:5060".parse().unwrap();
        let destination = Destination { transport: Transport::Udp, addr, flow: None, local };
        let target = CarrierTarget { host: "north.example".into(), ..CarrierTarget::at(destination) };
        let account = Arc::new(Account::new("acme", "s3cret"));
        let mut entropy = Entropy::from_seed([5; 16]);
        Correspondence::open(CarrierId::from_bits(1), 1, &target, &account, &naming, &mut entropy)
    }

    fn read(request: &Bytes) -> Message {
        let text = String::from_utf8(request.to_vec()).unwrap();
        let via = "Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK1\r\n";
        let message = Message::parse(Bytes::from(text.replacen("\r\n", &format!("\r\n{via}"), 1))).unwrap();
        message.check().unwrap();
        message
    }

    fn answer(request: &Message, status: u16, lines: &str) -> Message {
        let header = |name| String::from_utf8(request.header(name).unwrap().to_vec()).unwrap();
        let text = format!(
            "SIP/2.0 {status} X\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=t\r\nCall-ID: {}\r\nCSeq: {}\r\n{lines}Content-Length: 0\r\n\r\n",
            header(Name::Via),
            header(Name::From),
            header(Name::To),
            header(Name::CallId),
            header(Name::CSeq),
        );
        Message::parse(Bytes::from(text)).unwrap()
    }

    const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"north\", nonce=\"abc\", algorithm=MD5, qop=\"auth\"\r\n";
    const OURS: &str = "sip:acme@203.0.113.1:5060";

    /// RFC 3261 10.2, 22.2.
    #[test]
    fn a_register_says_who_we_are_and_is_proven_when_it_is_asked_and_unasked_from_then_on() {
        let mut correspondence = correspondence();
        let (request, under_way) = correspondence.register(1, 600, "Tandem");
        let first = read(&request);
        assert_eq!(first.uri().unwrap().as_str(), "sip:north.example");
        assert_eq!(first.to().unwrap().uri().as_str(), "sip:acme@north.example");
        assert_eq!(first.from().unwrap().uri().as_str(), "sip:acme@north.example");
        assert_eq!(first.contact().unwrap().uri().as_str(), OURS);
        assert_eq!((first.expires_s(), first.authorizations().count()), (Some(600), 0));
        let heard = correspondence.hear(&answer(&first, 401, CHALLENGE), under_way, "Tandem");
        let Heard::Again(request, under_way) = heard else { panic!("{heard:?}") };
        let second = read(&request);
        assert_eq!(
            (second.cseq().unwrap().number, second.call_id(), second.expires_s()),
            (2, first.call_id(), Some(600))
        );
        let proof = String::from_utf8(second.authorizations().next().unwrap().to_vec()).unwrap();
        assert!(proof.contains("uri=\"sip:north.example\"") && proof.contains("nc=00000001"), "{proof}");
        let heard = correspondence.hear(&answer(&second, 401, CHALLENGE), under_way, "Tandem");
        let refused = Answer::Refused { status: 401, retry_after_s: None };
        assert!(matches!(heard, Heard::Over(Event::Answered { number: 1, answer }) if answer == refused));
        let (request, _) = correspondence.register(2, 600, "Tandem");
        let proof = String::from_utf8(read(&request).authorizations().next().unwrap().to_vec()).unwrap();
        assert!(proof.contains("nonce=\"abc\""), "{proof}");
    }

    fn granted_to(expires_s: u32, contact: &str) -> Answer {
        Answer::Granted { expires_s, contact: contact.into(), service_route: [].into() }
    }

    fn granted(lines: &str) -> Answer {
        let mut correspondence = correspondence();
        let (request, under_way) = correspondence.register(1, 600, "");
        let ok = answer(&read(&request), 200, lines);
        match correspondence.hear(&ok, under_way, "") {
            Heard::Over(Event::Answered { answer, .. }) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// RFC 3327 5.1, RFC 3608 6.1.
    #[test]
    fn a_register_lets_proxies_put_themselves_on_the_path_and_hears_by_which_ones_to_call() {
        let (request, _) = correspondence().register(1, 600, "");
        assert_eq!(read(&request).supported().collect::<Vec<_>>(), ["path"]);
        let routes = |lines: &str| match granted(&format!("Contact: <{OURS}>;expires=60\r\n{lines}")) {
            Answer::Granted { service_route, .. } => service_route.join(" "),
            other => panic!("{other:?}"),
        };
        let two = "Service-Route: \"The edge\" <sip:192.0.2.1;lr>;x=y, <sip:core.north.example;lr>\r\n";
        assert_eq!(routes(two), "<sip:192.0.2.1;lr> <sip:core.north.example;lr>");
        assert_eq!(routes("Service-Route: <sip:192.0.2.1;lr>\r\nService-Route: broken\r\n"), "");
        assert_eq!(routes(&"Service-Route: <sip:192.0.2.1;lr>\r\n".repeat(9)), "", "nine proxies");
        assert_eq!(routes(""), "");
    }

    /// RFC 3261 10.2.4, 10.3: a 200 lists every binding of the address of record.
    #[test]
    fn of_the_contacts_of_a_200_ours_counts() {
        let ours = |expires_s| granted_to(expires_s, OURS);
        let nothing = granted_to(0, "");
        for (lines, expected) in [
            (format!("Contact: <sip:acme@192.0.2.9>;expires=60, <{OURS}>;expires=120\r\n"), ours(120)),
            (format!("Contact: <sip:acme@192.0.2.9>;expires=60\r\nContact: <{OURS}>\r\nExpires: 300\r\n"), ours(300)),
            (format!("Contact: <{OURS}>\r\n"), ours(3_600)),
            ("Contact: <sip:acme@192.0.2.9>;expires=60, <sip:other@192.0.2.9>\r\n".to_owned(), nothing.clone()),
            ("Contact: <sip:other@192.0.2.9>;expires=60\r\n".to_owned(), nothing.clone()),
            (String::new(), nothing),
        ] {
            assert_eq!(granted(&lines), expected, "{lines}");
        }
        let rewritten = granted_to(60, "sip:acme@192.0.2.9:1024");
        assert_eq!(
            granted("Contact: <sip:acme@192.0.2.9:1024>;expires=60\r\n"),
            rewritten,
            "by a registrar that sees NAT"
        );
    }

    #[test]
    fn a_423_says_how_long_it_must_be() {
        let mut correspondence = correspondence();
        let (request, under_way) = correspondence.register(7, 60, "");
        let brief = answer(&read(&request), 423, "Min-Expires: 900\r\n");
        let heard = correspondence.hear(&brief, under_way, "");
        let expected = Answer::TooBrief { min_expires_s: 900 };
        assert!(matches!(heard, Heard::Over(Event::Answered { number: 7, answer }) if answer == expected));
    }
}
