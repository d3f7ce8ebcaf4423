//! Two nodes of a house and a PBX at one of them; what strangers may not.

use super::*;
use crate::endpoint::Flow;

const NODE: &str = "192.0.2.1:5060";
const OTHER: &str = "192.0.2.2:5060";
const PBX: &str = "198.51.100.9:40000";

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn relay(life: u32) -> Relay {
    Relay::new(&[7; 32], life, at(NODE), at(NODE), None)
}

fn pbx(flow: Option<Flow>) -> Destination {
    let transport = if flow.is_some() { Transport::Tls } else { Transport::Udp };
    let local = if flow.is_some() { at("192.0.2.1:5061") } else { at(NODE) };
    Destination { transport, addr: at(PBX), flow, local }
}

fn nodes() -> BTreeSet<SocketAddr> {
    [at(OTHER)].into()
}

fn from(peer: &str, transport: Transport, flow: Option<Flow>) -> Source {
    Source { transport, peer: at(peer), local: at(NODE), flow }
}

fn request(line: &str, routes: &[String], to_tag: &str, branch: &str) -> Message {
    let routes: String = routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
    let (method, _) = line.split_once(' ').unwrap();
    let text = format!(
        "{line} SIP/2.0\r\nVia: SIP/2.0/UDP {OTHER};branch={branch};rport\r\n{routes}Max-Forwards: 70\r\nFrom: <sip:1@a>;tag=f\r\n\
         To: <sip:2@b>{to_tag}\r\nCall-ID: c\r\nCSeq: 1 {method}\r\nContact: <sip:{OTHER}>\r\nContent-Length: 4\r\n\r\nbody"
    );
    Message::parse(Bytes::from(text)).unwrap()
}

fn on(passing: Passing) -> (Message, Destination, Way) {
    match passing {
        Passing::On { bytes, destination, way } => (Message::parse(bytes).unwrap(), destination, way),
        other => panic!("{other:?}"),
    }
}

/// RFC 3261 16.6, 16.7, 16.11: an INVITE, its CANCEL by the same branch, and the response by the way it came.
#[test]
fn an_invite_of_another_node_goes_to_the_pbx_and_the_answer_back() {
    let relay = relay(1);
    let path = relay.route(&pbx(None), Transport::Udp);
    let further = "<sip:proxy.example;lr>".to_owned();
    let invite = request("INVITE sip:2@10.0.0.9:5060", &[format!("{path}, {further}")], "", "z9hG4bKa");
    let (sent, destination, way) = on(relay.pass(&invite, &from(OTHER, Transport::Udp, None), &nodes()));
    assert_eq!((destination, way), (pbx(None), Way::ToPbx));
    assert_eq!(sent.max_forwards(), Ok(Some(69)));
    assert_eq!(sent.header(crate::Name::Route), Some(further.as_bytes()), "what is not ours stays");
    assert_eq!(sent.record_routes().count(), 1);
    assert_eq!(sent.body(), b"body");
    let below = sent.vias().nth(1).unwrap().unwrap();
    assert_eq!((below.received(), below.rport()), (Some(at(OTHER).ip()), Some(5060)));
    let cancel = request("CANCEL sip:2@10.0.0.9:5060", std::slice::from_ref(&path), "", "z9hG4bKa");
    let (cancel, ..) = on(relay.pass(&cancel, &from(OTHER, Transport::Udp, None), &nodes()));
    assert_eq!(cancel.top_via().unwrap().branch(), sent.top_via().unwrap().branch(), "it cancels that INVITE");
    let mut answer = BytesMut::new();
    Response::to(&sent, 180, "Ringing").record_route().print(&mut answer).end();
    let answer = Message::parse(answer.freeze()).unwrap();
    let (back, destination, way) = on(relay.pass(&answer, &from(PBX, Transport::Udp, None), &nodes()));
    assert_eq!((destination.addr, destination.transport, way), (at(OTHER), Transport::Udp, Way::Back));
    assert_eq!(back.top_via().unwrap().branch(), Some("z9hG4bKa"));
    assert_eq!((back.status(), back.vias().count()), (Some(180), 1));
}

#[test]
fn what_the_pbx_says_inside_the_dialog_goes_to_the_node_and_nowhere_else() {
    let relay = relay(1);
    let flow = Some(Flow { shard: 1, slot: 2, generation: 3 });
    let path = relay.route(&pbx(flow), Transport::Tcp);
    let invite = request("INVITE sip:2@10.0.0.9:5060", &[path], "", "z9hG4bKa");
    let (sent, destination, _) = on(relay.pass(&invite, &from("192.0.2.2:41000", Transport::Tcp, None), &nodes()));
    assert_eq!(destination, pbx(flow));
    let recorded: Vec<String> =
        sent.record_routes().map(|route| format!("<{}>", route.unwrap().uri().as_str())).collect();
    assert_eq!(recorded.len(), 2, "each side has its own");
    assert!(
        recorded[0].contains("@192.0.2.1:5061;lr;transport=tls")
            && recorded[1].contains("@192.0.2.1:5060;lr;transport=tcp")
    );
    let bye = |uri: &str, to_tag: &str| request(&format!("BYE sip:{uri}"), &recorded, to_tag, "z9hG4bKb");
    let at_pbx = from(PBX, Transport::Tls, flow);
    let (sent, destination, way) = on(relay.pass(&bye(OTHER, ";tag=t"), &at_pbx, &nodes()));
    assert_eq!((destination.addr, destination.transport, way), (at(OTHER), Transport::Tcp, Way::ToNode));
    assert_eq!((sent.routes().count(), sent.record_routes().count()), (0, 0));
    for (message, source) in [
        (bye("203.0.113.1:5060", ";tag=t"), at_pbx),
        (bye(OTHER, ""), at_pbx),
        (bye(OTHER, ";tag=t"), from("203.0.113.7:5060", Transport::Udp, None)),
        (bye("203.0.113.1:5060", ";tag=t"), from("203.0.113.7:5060", Transport::Udp, None)),
    ] {
        assert_eq!(relay.pass(&message, &source, &nodes()), Passing::Dropped, "{message:?} from {source:?}");
    }
}

#[test]
fn a_route_that_this_house_did_not_make_is_none() {
    let (relay, stranger) = (relay(1), Relay::new(&[8; 32], 1, at(NODE), at(NODE), None));
    let source = from(OTHER, Transport::Udp, None);
    let token = relay.route(&pbx(None), Transport::Udp);
    for route in
        [stranger.route(&pbx(None), Transport::Udp), token.replacen("sip:00", "sip:01", 1), format!("<sip:{NODE};lr>")]
    {
        let invite = request("INVITE sip:2@10.0.0.9:5060", &[route], "", "z9hG4bKa");
        assert_eq!(relay.pass(&invite, &source, &nodes()), Passing::Own);
    }
    let forged = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKpass0004c000020213c4\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\n\
                  From: <sip:1@a>;tag=f\r\nTo: <sip:2@b>;tag=t\r\nCall-ID: c\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n";
    let forged = Message::parse(Bytes::from_static(forged.as_bytes())).unwrap();
    assert_eq!(relay.pass(&forged, &source, &nodes()), Passing::Dropped);
}

/// RFC 5626 5.3: a connection of an earlier life is nobody's now, however it is numbered.
#[test]
fn a_connection_of_an_earlier_life_is_told_to_be_gone_and_a_last_hop_is_the_last() {
    let flow = Some(Flow { shard: 1, slot: 2, generation: 3 });
    let path = relay(1).route(&pbx(flow), Transport::Tcp);
    let invite = request("INVITE sip:2@10.0.0.9:5060", &[path], "", "z9hG4bKa");
    let source = from(OTHER, Transport::Tcp, None);
    let Passing::Refused { bytes, .. } = relay(2).pass(&invite, &source, &nodes()) else { panic!("it was passed on") };
    assert_eq!(Message::parse(bytes).unwrap().status(), Some(430));
    let path = relay(1).route(&pbx(None), Transport::Udp);
    let invite = request("INVITE sip:2@10.0.0.9:5060", &[path], "", "z9hG4bKa");
    let text = String::from_utf8(invite.as_bytes().to_vec()).unwrap().replace("Max-Forwards: 70", "Max-Forwards: 0");
    let spent = Message::parse(Bytes::from(text)).unwrap();
    let Passing::Refused { bytes, .. } = relay(2).pass(&spent, &source, &nodes()) else { panic!("it was passed on") };
    assert_eq!(Message::parse(bytes).unwrap().status(), Some(483));
}
