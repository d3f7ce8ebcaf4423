//! Who takes places and gives nothing: slow, silent, too many; over TCP and TLS.

use crate::authority::{Authority, Peer, options};
use crate::tls::switch_with;
use crate::world::{Beginning, World};
use actors::StreamSettings;
use domain::Micros;
use sip::endpoint::Transport;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// What the tests wait at most; the longest rule of these tests is the 10 s of a TLS handshake.
const PATIENCE: Duration = Duration::from_secs(45);

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// How long it takes until the other end hangs up; what it says before is passed over.
#[allow(clippy::disallowed_methods, reason = "the test times what a peer sees, by the clock on the wall")]
fn hung_up_after(mut stream: TcpStream) -> Duration {
    let began = Instant::now();
    let mut buffer = [0; 4_096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return began.elapsed(),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return began.elapsed(),
            Err(error) => panic!("not hung up on: {error}"),
        }
    }
}

async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    actix_rt::task::spawn_blocking(work).await.unwrap()
}

/// Trickles a message that never ends, a byte a tenth of a second, until it is hung up on.
#[allow(clippy::disallowed_methods, reason = "the test times what a peer sees, by the clock on the wall")]
fn trickle(mut stream: TcpStream) -> Duration {
    let began = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut head = b"OPTIONS sip:x SIP/2.0\r\nX-Slow: ".iter().copied().chain(std::iter::repeat(b'a'));
    while began.elapsed() < PATIENCE {
        let byte = [head.next().unwrap_or(b'a')];
        let is_gone = stream.write_all(&byte).is_err();
        // The pause between two bytes is the wait for what the switch may say.
        match stream.read(&mut [0; 64]) {
            Ok(0) => return began.elapsed(),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return began.elapsed(),
            _ if is_gone => return began.elapsed(),
            _ => {}
        }
    }
    panic!("a slow loris was suffered for {PATIENCE:?}");
}

/// Slow loris: it is the message's beginning that counts, not its last byte.
#[actix_rt::test]
async fn a_message_that_trickles_is_given_up_so_long_after_it_began() {
    let authority = Authority::new();
    authority.issue("switch", &["127.0.0.1"], 2099);
    let (world, tls) = switch_with(
        &authority,
        |_| {},
        |settings| {
            settings.node_limits.patience.partial_message = Duration::from_secs(3);
            settings.node_limits.patience.first_message = Duration::from_secs(5);
        },
    );
    let tcp = world.address();
    let (trickled, shaken, silent) = elsewhere(move || {
        let trickled = std::thread::spawn(move || trickle(connect(tcp)));
        // Says nothing where a TLS handshake is waited for.
        let shaken = std::thread::spawn(move || hung_up_after(connect(tls)));
        let silent = std::thread::spawn(move || hung_up_after(connect(tcp)));
        (trickled.join().unwrap(), shaken.join().unwrap(), silent.join().unwrap())
    })
    .await;
    for (what, took, least, most) in
        [("trickling", trickled, 2, 8), ("no handshake", shaken, 9, 20), ("silence", silent, 4, 15)]
    {
        let (least, most) = (Duration::from_secs(least), Duration::from_secs(most));
        assert!(least <= took && took <= most, "{what} was suffered for {took:?}, expected {least:?} to {most:?}");
    }
}

/// Asks and asks, and reads no answer, until it is hung up on.
#[allow(clippy::disallowed_methods, reason = "the test times what a peer sees, by the clock on the wall")]
fn ask_and_never_read(mut stream: TcpStream) -> Duration {
    let began = Instant::now();
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let question = options("deaf");
    while began.elapsed() < PATIENCE {
        match stream.write_all(question.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return began.elapsed(),
            _ => {}
        }
    }
    panic!("a peer that does not read was suffered for {PATIENCE:?}");
}

#[actix_rt::test]
async fn who_does_not_read_is_hung_up_on() {
    let beginning = Beginning { channels: 1, profile_credit: Micros::from_cents(1), rate: "0.02" };
    let world = World::start_with(&beginning, |settings| {
        settings.node_limits.patience.write = Duration::from_secs(1);
        // Nobody is banned here for asking much.
        settings.guard =
            switch::guard::Rules { failures_max: 0, answers_per_second: u32::MAX, ..settings.guard.clone() };
    });
    let tcp = world.address();
    let took = elsewhere(move || ask_and_never_read(connect(tcp))).await;
    assert!(took >= Duration::from_secs(1), "{took:?}");
}

#[actix_rt::test]
async fn one_source_has_its_share_of_the_connections_and_idle_ones_are_closed() {
    let authority = Authority::new();
    authority.issue("switch", &["127.0.0.1"], 2099);
    let beginning = Beginning { channels: 1, profile_credit: Micros::from_cents(1), rate: "0.02" };
    let world = World::start_with(&beginning, |settings| {
        settings.connections_per_source_max = 3;
        settings.node_limits.patience.idle = Duration::from_secs(2);
        let tls = actors::TlsSettings { allows_tls12: false, ..authority.of_switch() };
        let listen = vec![(Transport::Tls, "127.0.0.1:0".parse().unwrap())];
        settings.streams = StreamSettings { listen, tls: Some(tls), origins: Vec::new() };
    });
    let (tcp, tls) = (world.address(), world.exchange.stream_listeners()[0].1);
    let folder = authority.folder.path().to_owned();
    elsewhere(move || {
        let ask = |mut stream: &TcpStream| {
            stream.write_all(options("share").as_bytes()).unwrap();
            stream.read(&mut [0; 4_096]).unwrap()
        };
        let mut peers = [Peer::connect(&folder, tls, None).unwrap(), Peer::connect(&folder, tls, None).unwrap()];
        assert!(peers.iter_mut().all(|peer| peer.ask(&options("share")).is_ok()));
        let third = connect(tcp);
        assert!(ask(&third) > 0);
        let fourth = connect(tcp);
        assert!(hung_up_after(fourth) < Duration::from_secs(1), "the fourth of one source is closed at once");
        // The third says nothing more, and its place is another's.
        let idle = hung_up_after(third);
        assert!(
            Duration::from_secs(1) <= idle && idle < Duration::from_secs(10),
            "an idle connection stood for {idle:?}"
        );
        let fifth = connect(tcp);
        assert!(ask(&fifth) > 0);
    })
    .await;
}

#[actix_rt::test]
async fn a_handshake_takes_no_longer_than_the_setting_says() {
    let authority = Authority::new();
    authority.issue("switch", &["127.0.0.1"], 2099);
    let beginning = Beginning { channels: 1, profile_credit: Micros::from_cents(1), rate: "0.02" };
    let world = World::start_with(&beginning, |settings| {
        settings.node_limits.patience.handshake = Duration::from_secs(2);
        let tls = actors::TlsSettings { allows_tls12: false, ..authority.of_switch() };
        let any = "127.0.0.1:0".parse().unwrap();
        let listen = vec![(Transport::Tls, any), (Transport::Ws, any)];
        settings.streams = StreamSettings { listen, tls: Some(tls), origins: Vec::new() };
    });
    for (transport, address) in world.exchange.stream_listeners().to_vec() {
        let took = elsewhere(move || hung_up_after(connect(address))).await;
        let bounds = Duration::from_secs(1)..Duration::from_secs(8);
        assert!(bounds.contains(&took), "{transport:?}: who says nothing was suffered for {took:?}, by default 10 s");
    }
}
