//! Datagrams to ports where nobody listens come back over loopback, and nothing else is lost over it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

use std::net::{SocketAddr, UdpSocket};
use wire::{Bounce, ReadableSocket, RecvBatch, SendBatch, UdpOptions, send_batch, udp_socket};

const OPTIONS: UdpOptions = UdpOptions {
    reuse_port: false,
    recv_buffer: None,
    send_buffer: None,
    packet_info: false,
    drop_counter: false,
    bounces: true,
};

/// Where nobody listens: a port that was just given back.
fn deaf(loopback: &str) -> SocketAddr {
    UdpSocket::bind(loopback).unwrap().local_addr().unwrap()
}

#[test]
fn what_nobody_takes_comes_back_with_its_destination_and_its_first_bytes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    for loopback in ["127.0.0.1:0", "[::1]:0"] {
        runtime.block_on(async {
            let ours = ReadableSocket::register(udp_socket(loopback.parse().unwrap(), &OPTIONS).unwrap()).unwrap();
            let (deaf, long) = (deaf(loopback), vec![b'x'; 1_200]);
            let mut incoming = RecvBatch::new(4, 2_000);
            for sent in [&b"INVITE sip:nobody"[..], &long] {
                ours.socket().send_to(sent, deaf).unwrap();
                let mut bounces = Vec::new();
                assert_eq!(ours.recv_or_bounce(&mut incoming, &mut bounces).await.unwrap(), 0);
                let [Bounce { to, quote }] = &bounces[..] else { panic!("{bounces:?}") };
                assert_eq!(*to, deaf);
                // RFC 1812 4.3.2.3: as much as fits; RFC 4443 2.4 likewise.
                assert!(sent.starts_with(quote) && quote.len() >= sent.len().min(400), "{} bytes", quote.len());
            }
        });
    }
}

#[test]
fn what_arrives_meanwhile_is_read_and_what_is_sent_next_leaves_at_the_second_try() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let ours = ReadableSocket::register(udp_socket("127.0.0.1:0".parse().unwrap(), &OPTIONS).unwrap()).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (deaf, at) = (deaf("127.0.0.1:0"), peer.local_addr().unwrap());
        ours.socket().send_to(b"lost", deaf).unwrap();
        peer.send_to(b"heard", ours.socket().local_addr().unwrap()).unwrap();
        let mut outgoing = SendBatch::new(4, 100);
        outgoing.push(b"answer", at, None).unwrap();
        assert_eq!(outgoing.first(), Some((&b"answer"[..], at)));
        // The error of the lost one is told to whoever comes next, and then no more.
        let error = send_batch(ours.socket(), &mut outgoing).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        assert_eq!(send_batch(ours.socket(), &mut outgoing).unwrap(), 1);
        assert_eq!(outgoing.first(), None);
        let (mut incoming, mut bounces) = (RecvBatch::new(4, 100), Vec::new());
        while incoming.is_empty() {
            ours.recv_or_bounce(&mut incoming, &mut bounces).await.unwrap();
        }
        assert_eq!(incoming.get(0).unwrap().payload, b"heard");
        assert_eq!(bounces, [Bounce { to: deaf, quote: b"lost".to_vec() }]);
    });
}
