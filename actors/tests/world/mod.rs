//! A node of its own on loopback, with one company, a PBX that registers nowhere and a carrier, both over plain sockets.
#![allow(dead_code, reason = "each story uses what it needs of its world")]

use actors::clock::Clock;
use actors::desk::NodeRules;
use actors::{Exchange, ExchangeSettings, Rooms};
use domain::credit::{Holder, Outcome};
use domain::{CarrierId, CompanyId, Currency, Entropy, Micros, ProfileId};
use ledger::Ledger;
use sip::digest::{Credentials, Ha1, Secret, answer};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use store::{NewDeck, Signed, Store};
use switch::directory::CallSettings;
use telemetry::{Build, Telemetry};
use testkit::company;
pub(crate) use testkit::company::REALM;

/// A node, its company, its one profile.
pub(crate) struct World {
    pub(crate) exchange: Exchange,
    pub(crate) store: Arc<Store>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) company: CompanyId,
    pub(crate) profile: ProfileId,
    pub(crate) sip_user: String,
    pub(crate) password: String,
    pub(crate) carrier: UdpSocket,
    _directory: tempfile::TempDir,
}

/// What the company begins with.
pub(crate) struct Beginning {
    pub(crate) channels: u16,
    pub(crate) profile_credit: Micros,
    pub(crate) rate: &'static str,
}

impl World {
    /// Starts a node. Must be called inside an actix system.
    pub(crate) fn start(beginning: &Beginning) -> World {
        World::start_with(beginning, |_| {})
    }

    /// The same with other settings.
    pub(crate) fn start_with(beginning: &Beginning, change: impl FnOnce(&mut ExchangeSettings)) -> World {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::start();
        let mut entropy = actors::chance::entropy().unwrap();
        let random = Box::new(|bytes: &mut [u8]| actors::chance::fill(bytes).unwrap());
        let opening = store::Opening {
            directory: directory.path(),
            sip_user_prefix: "990500000".parse().unwrap(),
            now: clock.now().wall,
            random,
        };
        let store = Arc::new(Store::open(opening).unwrap());
        let path = directory.path().join("ledger.db");
        let ledger: Arc<dyn Ledger> =
            Arc::new(ledger::sqlite::SqliteLedger::open(ledger::sqlite::Settings::new(path)).unwrap());
        let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
        carrier.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (company, profile, sip_user, password) =
            populate(&store, carrier.local_addr().unwrap(), beginning, clock, &mut entropy);
        credit(&ledger, company, profile, beginning, clock);
        let telemetry =
            Arc::new(Telemetry::install(Build { version: "test", revision: "test", rustc: "test" }).unwrap());
        let rooms = Rooms { clock, store: Arc::clone(&store), ledger: Arc::clone(&ledger), telemetry };
        let mut settings = settings();
        change(&mut settings);
        let exchange = Exchange::start(settings, rooms).unwrap();
        World { exchange, store, ledger, company, profile, sip_user, password, carrier, _directory: directory }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.exchange.listeners()[0]
    }

    pub(crate) fn profile_balance(&self) -> Micros {
        let account = company::money(self.company, Holder::Profile(self.profile));
        Micros::new(self.ledger.balance(account).available())
    }
}

fn settings() -> ExchangeSettings {
    ExchangeSettings {
        breakers: Default::default(),
        shards: 2,
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        advertised: None,
        host: None,
        realm: REALM.to_owned(),
        digest_algorithms: vec![sip::digest::Algorithm::Sha256, sip::digest::Algorithm::Md5],
        user_agent: "Tandem".to_owned(),
        timing: sip::transaction::Timing::default(),
        datagram_bytes_max: 1_300,
        limits: switch::overload::Limits { calls_per_second: 0, calls_max: 1_000 },
        transactions_max: 10_000,
        connections_max: 100,
        connections_per_source_max: 100,
        guard: switch::guard::Rules::default(),
        streams: actors::StreamSettings::default(),
        node_limits: actors::NodeLimits::default(),
        session: actors::SessionTimers::default(),
        nonce_lifetime: Duration::from_secs(300),
        nonce_key: None,
        media: media::MediaSettings::default(),
        media_addresses: Default::default(),
        dns: Default::default(),
        rules: NodeRules {
            calls: CallSettings::default(),
            echo_codes: vec!["*43".to_owned()],
            countries: Vec::new(),
            options_every: None,
            listeners: Vec::new(),
            tls_listeners: Vec::new(),
            asks_for_certificates: false,
            whereabouts: Default::default(),
            profile_calls_per_second: None,
        },
    }
}

fn populate(
    store: &Store,
    carrier: SocketAddr,
    beginning: &Beginning,
    clock: Clock,
    entropy: &mut Entropy,
) -> (CompanyId, ProfileId, String, String) {
    let now = clock.now().wall;
    let signed = || Signed { by: "test", at: now };
    let company = CompanyId::mint(now, entropy);
    store.create_company(&company::company(company, now), signed()).unwrap();
    let profile = ProfileId::mint(now, entropy);
    let new = company::profile(profile, company, beginning.channels, None);
    let ha1 = |user: &str, password: &store::Password| {
        let ha1 = Ha1::new(user, REALM, password.reveal());
        store::Ha1 { md5: ha1.md5, sha256: ha1.sha256 }
    };
    let (created, password) = store.create_profile(&new, &ha1, signed()).unwrap();
    let carrier = company::carrier(CarrierId::mint(now, entropy), "first", 1, carrier, now);
    store.create_carrier(&carrier, signed()).unwrap();
    let deck = NewDeck { name: "standard".to_owned(), currency: Currency::USD };
    let deck = store.import_deck(&deck, [company::deck_row(beginning.rate)], |_| {}, signed()).unwrap();
    store.activate_deck(deck.id, None, signed()).unwrap();
    (company, profile, created.sip_user, password.reveal().to_owned())
}

fn credit(ledger: &Arc<dyn Ledger>, company: CompanyId, profile: ProfileId, beginning: &Beginning, clock: Clock) {
    let accounts = [
        (company::money(company, Holder::Profile(profile)), beginning.profile_credit.get()),
        (company::channels(company, profile), beginning.channels.into()),
    ];
    let outcome = company::post(&**ledger, company::top_up(company, 0, clock.now().wall, &accounts));
    assert!(matches!(outcome, Outcome::Applied(_)));
}

/// A PBX over a plain socket: says what it is told to say, and knows digest.
pub(crate) struct Pbx {
    pub(crate) socket: UdpSocket,
    switch: SocketAddr,
    user: String,
    pub(crate) password: String,
    call_id: String,
    pub(crate) to_tag: String,
    cseq: u32,
}

impl Pbx {
    pub(crate) fn of(world: &World, call_id: &str) -> Pbx {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Pbx {
            socket,
            switch: world.address(),
            user: world.sip_user.clone(),
            password: world.password.clone(),
            call_id: call_id.to_owned(),
            to_tag: String::new(),
            cseq: 0,
        }
    }

    /// The same PBX, from the same socket, with another call.
    pub(crate) fn another_call(&self, call_id: &str) -> Pbx {
        Pbx {
            socket: self.socket.try_clone().unwrap(),
            switch: self.switch,
            user: self.user.clone(),
            password: self.password.clone(),
            call_id: call_id.to_owned(),
            to_tag: String::new(),
            cseq: 0,
        }
    }

    /// Sends a request of this call; INVITE has an offer.
    pub(crate) fn send(&mut self, method: &str, dialled: &str, more: &str) {
        if method != "ACK" {
            self.cseq += 1;
        }
        let local = self.socket.local_addr().unwrap();
        let body = if method == "INVITE" { sdp(local) } else { String::new() };
        let to_tag = if self.to_tag.is_empty() { String::new() } else { format!(";tag={}", self.to_tag) };
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{method} sip:{dialled}@{switch} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{method}{cseq}{call};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{REALM}>;tag=pbx\r\nTo: <sip:{dialled}@{REALM}>{to_tag}\r\n\
             Call-ID: {call}\r\nCSeq: {cseq} {method}\r\nContact: <sip:pbx@{local}>\r\n{more}{content}\
             Content-Length: {length}\r\n\r\n{body}",
            switch = self.switch,
            cseq = self.cseq,
            call = self.call_id,
            user = self.user,
            length = body.len(),
        );
        self.socket.send_to(text.as_bytes(), self.switch).unwrap();
    }

    /// Sends a request, is challenged, and sends it again with credentials. Gives the first line of what comes then.
    pub(crate) fn send_proven(&mut self, method: &str, dialled: &str) {
        self.send(method, dialled, "");
        let challenge = self.hear();
        assert!(challenge.starts_with("SIP/2.0 40"), "{challenge}");
        let headers = challenge.lines().filter_map(|line| line.split_once("-Authenticate: ").map(|(_, value)| value));
        let uri = format!("sip:{dialled}@{}", self.switch);
        let credentials = Credentials { user: &self.user, secret: Secret::Password(&self.password) };
        let value = answer(headers.map(str::as_bytes), credentials, method, &uri, 1, "cnonce").unwrap();
        let name = if challenge.starts_with("SIP/2.0 401") { "Authorization" } else { "Proxy-Authorization" };
        if method == "INVITE" {
            self.to_tag = tag_of(&challenge);
            self.send("ACK", dialled, "");
            self.to_tag.clear();
        }
        self.send(method, dialled, &format!("{name}: {value}\r\n"));
    }

    /// The next message.
    pub(crate) fn hear(&mut self) -> String {
        hear(&self.socket).0
    }

    /// Hears until a final answer; provisional ones are passed over.
    pub(crate) fn hear_final(&mut self) -> String {
        loop {
            let heard = self.hear();
            if !heard.starts_with("SIP/2.0 1") {
                self.to_tag = tag_of(&heard);
                return heard;
            }
        }
    }
}

/// One datagram, and who sent it.
pub(crate) fn hear(socket: &UdpSocket) -> (String, SocketAddr) {
    let mut buffer = [0; 65_535];
    let (length, peer) = socket.recv_from(&mut buffer).expect("nothing was heard within 5 s");
    (String::from_utf8_lossy(&buffer[..length]).into_owned(), peer)
}

/// The carrier answers a request with this status.
pub(crate) fn answer_with(socket: &UdpSocket, request: &str, peer: SocketAddr, status: &str) {
    let copied: String = request
        .lines()
        .filter(|line| ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name)))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let to = request.lines().find(|line| line.starts_with("To:")).unwrap();
    let to = if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=carrier") };
    let local = socket.local_addr().unwrap();
    let body = if status.starts_with("200") && request.starts_with("INVITE") { sdp(local) } else { String::new() };
    let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let text = format!(
        "SIP/2.0 {status}\r\n{copied}{to}\r\nContact: <sip:{local}>\r\n{content}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.send_to(text.as_bytes(), peer).unwrap();
}

fn sdp(local: SocketAddr) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n",
        ip = local.ip(),
        port = local.port()
    )
}

fn tag_of(message: &str) -> String {
    let to = message.lines().find(|line| line.starts_with("To:")).unwrap_or_default();
    to.split_once("tag=").map(|(_, tag)| tag.trim().to_owned()).unwrap_or_default()
}
