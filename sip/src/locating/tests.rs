//! Searches in a small DNS of the test's own.

use super::*;
use domain::Entropy;
use std::collections::BTreeMap;

const TTL: Duration = Duration::from_secs(300);

/// What is known, by the question as text; everything else does not exist.
struct Zone(BTreeMap<String, Answer>);

fn ask(question: &Question) -> String {
    match question {
        Question::Naptr(name) => format!("NAPTR {name}"),
        Question::Srv(name) => format!("SRV {name}"),
        Question::Addresses(name) => format!("A {name}"),
    }
}

fn zone(lines: &[(&str, Answer)]) -> Zone {
    Zone(lines.iter().map(|(question, answer)| ((*question).to_owned(), answer.clone())).collect())
}

fn addresses(ips: &[&str]) -> Answer {
    Answer::Found(Records::Addresses(ips.iter().map(|ip| ip.parse().unwrap()).collect()), TTL)
}

fn srv(records: &[(u16, u16, u16, &str)]) -> Answer {
    let record = |(priority, weight, port, target): &(u16, u16, u16, &str)| Srv {
        priority: *priority,
        weight: *weight,
        port: *port,
        target: (*target).to_owned(),
    };
    Answer::Found(Records::Srv(records.iter().map(record).collect()), TTL)
}

fn naptr(records: &[(u16, u16, &str, &str)]) -> Answer {
    let record = |(order, preference, service, replacement): &(u16, u16, &str, &str)| Naptr {
        order: *order,
        preference: *preference,
        flags: "s".to_owned(),
        service: (*service).to_owned(),
        replacement: (*replacement).to_owned(),
    };
    Answer::Found(Records::Naptr(records.iter().map(record).collect()), TTL)
}

/// The questions in order, and what was found.
fn search(zone: &Zone, wanted: &Wanted) -> (Vec<String>, Option<Found>) {
    let mut search = Search::new(wanted.clone(), vec![Transport::Udp, Transport::Tcp, Transport::Tls]);
    let mut asked = Vec::new();
    while let Some(question) = search.question() {
        let text = ask(question);
        let answer = zone.0.get(&text).cloned().unwrap_or(Answer::Nothing(None));
        asked.push(text);
        search.hear(answer);
    }
    (asked, search.finish())
}

fn wanted(host: &str, port: Option<u16>, transport: Option<Transport>) -> Wanted {
    Wanted { host: host.into(), port, transport }
}

fn places(found: &Option<Found>) -> Vec<String> {
    let shown = |it: &Candidate| format!("{} {}", it.transport.as_str(), it.addr);
    found.as_ref().unwrap().candidates.iter().map(shown).collect()
}

/// RFC 3263 4.1: an address needs nobody; a port needs addresses only.
#[test]
fn an_address_is_asked_for_nowhere_and_a_port_rules_services_out() {
    let zone = zone(&[("A sip.example.net", addresses(&["192.0.2.1", "2001:db8::1"]))]);
    for (host, port, transport, expected) in [
        ("192.0.2.9", None, None, "UDP 192.0.2.9:5060"),
        ("192.0.2.9", None, Some(Transport::Tls), "TLS 192.0.2.9:5061"),
        ("2001:db8::9", Some(5_070), Some(Transport::Tcp), "TCP [2001:db8::9]:5070"),
    ] {
        let (asked, found) = search(&zone, &wanted(host, port, transport));
        assert_eq!((asked, places(&found)), (Vec::new(), vec![expected.to_owned()]));
    }
    let (asked, found) = search(&zone, &wanted("sip.example.net", Some(5_080), None));
    assert_eq!(asked, ["A sip.example.net"]);
    assert_eq!(places(&found), ["UDP 192.0.2.1:5080", "UDP [2001:db8::1]:5080"]);
    assert_eq!(found.unwrap().ttl, Some(TTL));
}

/// The example of RFC 3263 4.1.
#[test]
fn services_are_taken_in_the_order_of_their_naptr_records() {
    let zone = zone(&[
        (
            "NAPTR example.com",
            naptr(&[
                (90, 50, "SIP+D2T", "_sip._tcp.example.com."),
                (50, 50, "SIPS+D2T", "_sips._tcp.example.com."),
                (100, 50, "SIP+D2U", "_sip._udp.example.com."),
                (10, 50, "E2U+email", "_smtp._tcp.example.com."),
            ]),
        ),
        ("SRV _sips._tcp.example.com", srv(&[(0, 1, 5061, "secure.example.com.")])),
        (
            "SRV _sip._tcp.example.com",
            srv(&[(0, 1, 5060, "server1.example.com."), (1, 2, 5060, "server2.example.com.")]),
        ),
        ("A secure.example.com", addresses(&["192.0.2.1"])),
        ("A server1.example.com", addresses(&["192.0.2.2"])),
        ("A server2.example.com", addresses(&["192.0.2.3"])),
    ]);
    let (asked, found) = search(&zone, &wanted("example.com", None, None));
    assert_eq!(asked.first().map(String::as_str), Some("NAPTR example.com"));
    let candidates = found.unwrap().candidates;
    let mut chance = Entropy::from_seed([1; 16]);
    let order: Vec<String> = in_order(&candidates, &mut chance).iter().map(|it| it.addr.to_string()).collect();
    assert_eq!(order, ["192.0.2.1:5061", "192.0.2.2:5060", "192.0.2.3:5060"]);
}

#[test]
fn without_naptr_every_service_is_asked_for_and_without_services_the_host_itself() {
    let services = zone(&[
        ("SRV _sip._tcp.example.net", srv(&[(0, 0, 5070, "tcp.example.net")])),
        ("A tcp.example.net", addresses(&["192.0.2.2"])),
    ]);
    let (asked, found) = search(&services, &wanted("example.net", None, None));
    let wished =
        ["NAPTR example.net", "SRV _sip._udp.example.net", "SRV _sip._tcp.example.net", "SRV _sips._tcp.example.net"];
    assert_eq!((&asked[..4], places(&found)), (&wished.map(str::to_owned)[..], vec!["TCP 192.0.2.2:5070".to_owned()]));
    let plain = zone(&[("A example.net", addresses(&["192.0.2.9"]))]);
    let (_, found) = search(&plain, &wanted("example.net", None, None));
    assert_eq!(places(&found), ["UDP 192.0.2.9:5060"]);
    let (asked, found) = search(&plain, &wanted("example.net", None, Some(Transport::Tls)));
    assert_eq!(asked, ["SRV _sips._tcp.example.net", "A example.net"]);
    assert_eq!(places(&found), ["TLS 192.0.2.9:5061"]);
}

#[test]
fn a_service_that_decidedly_is_not_there_is_looked_for_nowhere_else() {
    let zone =
        zone(&[("SRV _sip._udp.example.net", srv(&[(0, 0, 0, ".")])), ("A example.net", addresses(&["192.0.2.9"]))]);
    let (asked, found) = search(&zone, &wanted("example.net", None, Some(Transport::Udp)));
    assert_eq!((asked.len(), found), (1, Some(Found { candidates: Vec::new(), ttl: Some(TTL) })));
}

#[test]
fn where_dns_does_not_answer_nothing_is_known_and_what_half_of_it_says_is_better_than_nothing() {
    let gone = zone(&[("SRV _sip._udp.example.net", Answer::Failed)]);
    let (_, found) = search(&gone, &wanted("example.net", None, Some(Transport::Udp)));
    assert_eq!(found, None);
    let half = zone(&[
        ("SRV _sip._udp.example.net", srv(&[(0, 0, 5060, "one.example.net"), (1, 0, 5060, "two.example.net")])),
        ("A one.example.net", Answer::Failed),
        ("A two.example.net", addresses(&["192.0.2.2"])),
    ]);
    let (_, found) = search(&half, &wanted("example.net", None, Some(Transport::Udp)));
    assert_eq!(places(&found), ["UDP 192.0.2.2:5060"]);
}

#[test]
fn the_shortest_life_of_any_answer_holds_for_all() {
    let zone = zone(&[
        ("SRV _sip._udp.example.net", srv(&[(0, 0, 5060, "one.example.net")])),
        (
            "A one.example.net",
            Answer::Found(Records::Addresses(vec!["192.0.2.2".parse().unwrap()]), Duration::from_secs(7)),
        ),
    ]);
    let (_, found) = search(&zone, &wanted("example.net", None, Some(Transport::Udp)));
    assert_eq!(found.unwrap().ttl, Some(Duration::from_secs(7)));
}

/// A zone that answers with more than anybody needs.
#[test]
fn a_search_ends_however_much_it_is_told() {
    let many: Vec<(u16, u16, u16, String)> =
        (0..500).map(|it| (it, 1, 5060, format!("host{it}.example.net"))).collect();
    let records: Vec<(u16, u16, u16, &str)> = many.iter().map(|(a, b, c, d)| (*a, *b, *c, d.as_str())).collect();
    let ips: Vec<String> = (0..200).map(|it| format!("192.0.2.{it}")).collect();
    let ips: Vec<&str> = ips.iter().map(String::as_str).collect();
    let mut lines = vec![("SRV _sip._udp.example.net", srv(&records))];
    let hosts: Vec<String> = (0..500).map(|it| format!("A host{it}.example.net")).collect();
    lines.extend(hosts.iter().map(|host| (host.as_str(), addresses(&ips))));
    let (asked, found) = search(&zone(&lines), &wanted("example.net", None, Some(Transport::Udp)));
    assert!(asked.len() <= QUESTIONS_MAX, "{} questions", asked.len());
    assert_eq!(found.unwrap().candidates.len(), CANDIDATES_MAX);
}

/// RFC 2782: shares by weight among one priority, and hardly ever who has none.
#[test]
fn servers_of_one_priority_are_drawn_by_their_weights() {
    let server = |server: u16, priority, weight| Candidate {
        transport: Transport::Udp,
        addr: SocketAddr::new("192.0.2.1".parse().unwrap(), 5_000 + server),
        rank: 0,
        priority,
        weight,
        server,
    };
    let candidates = [server(1, 0, 60), server(2, 0, 30), server(3, 0, 10), server(4, 0, 0), server(5, 1, 99)];
    let mut chance = Entropy::from_seed([42; 16]);
    let mut firsts = [0; 6];
    for _ in 0..10_000 {
        let order = in_order(&candidates, &mut chance);
        assert_eq!((order.len(), order[4].server), (5, 5), "the other priority comes last, always");
        firsts[usize::from(order[0].server)] += 1;
    }
    // A number from 0 to 100 is drawn: 0 is the one without weight.
    for (server, share) in [(1, 5_940), (2, 2_970), (3, 990), (4, 99)] {
        assert!((share - 200..=share + 200).contains(&firsts[server]), "seed 42: {firsts:?}");
    }
}

#[test]
fn the_addresses_of_one_server_stay_together_and_share_its_weight() {
    let at = |server: u16, port| Candidate {
        transport: Transport::Udp,
        addr: SocketAddr::new("192.0.2.1".parse().unwrap(), port),
        rank: 0,
        priority: 0,
        weight: 10,
        server,
    };
    let candidates = [at(1, 1), at(2, 2), at(1, 3)];
    let mut chance = Entropy::from_seed([9; 16]);
    for _ in 0..50 {
        let ports: Vec<u16> = in_order(&candidates, &mut chance).iter().map(|it| it.addr.port()).collect();
        assert!(ports == [1, 3, 2] || ports == [2, 1, 3], "{ports:?}");
    }
}
