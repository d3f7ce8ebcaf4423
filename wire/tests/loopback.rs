//! Batches over loopback sockets: bytes, addresses and counters arrive as they were sent.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use wire::{
    BATCH_MAX, ReadableSocket, RecvBatch, SendBatch, SendBatchRefused, UdpOptions, recv_batch, send_batch, udp_socket,
};

const LOOPBACK: [&str; 2] = ["127.0.0.1:0", "[::1]:0"];

fn socket(address: &str, options: &UdpOptions) -> (UdpSocket, SocketAddr) {
    let socket = udp_socket(address.parse().unwrap(), options).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[test]
fn a_batch_arrives_whole_in_order_and_with_its_senders_address() {
    for loopback in LOOPBACK {
        let (sender, sender_address) = socket(loopback, &UdpOptions::default());
        let (receiver, receiver_address) = socket(loopback, &UdpOptions::default());
        let mut outgoing = SendBatch::new(BATCH_MAX, 1_500);
        for number in 0..BATCH_MAX {
            outgoing.push(&vec![number as u8; number * 20], receiver_address, None).unwrap();
        }
        assert_eq!(outgoing.push(b"one more", receiver_address, None), Err(SendBatchRefused::Full));
        assert_eq!(send_batch(&sender, &mut outgoing).unwrap(), BATCH_MAX);
        assert!(outgoing.is_empty());
        assert_eq!(send_batch(&sender, &mut outgoing).unwrap(), 0);

        let mut incoming = RecvBatch::new(BATCH_MAX, 1_500);
        assert_eq!(recv_batch(&receiver, &mut incoming).unwrap(), BATCH_MAX);
        assert!(incoming.is_full());
        for (number, datagram) in incoming.iter().enumerate() {
            assert_eq!(datagram.payload, vec![number as u8; number * 20]);
            assert_eq!(datagram.from, sender_address);
            assert_eq!(datagram.local_ip, None, "not asked for");
            assert!(!datagram.truncated);
        }
        assert_eq!(recv_batch(&receiver, &mut incoming).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(incoming.is_empty() && incoming.get(0).is_none());
    }
}

#[test]
fn a_batch_is_reused_and_shows_only_the_latest_datagrams() {
    let (sender, _) = socket("127.0.0.1:0", &UdpOptions::default());
    let (receiver, address) = socket("127.0.0.1:0", &UdpOptions::default());
    let mut incoming = RecvBatch::new(4, 100);
    for payload in [&b"a long first one"[..], b"", b"short"] {
        sender.send_to(payload, address).unwrap();
        assert_eq!(recv_batch(&receiver, &mut incoming).unwrap(), 1);
        assert!(!incoming.is_full());
        assert_eq!(incoming.get(0).unwrap().payload, payload);
        assert_eq!(incoming.iter().count(), 1);
    }
    incoming.payload_mut(0).unwrap()[0] = b'S';
    assert_eq!(incoming.get(0).unwrap().payload, b"Short");
    assert!(incoming.payload_mut(1).is_none());
}

#[test]
fn a_datagram_that_is_too_long_says_so() {
    let (sender, _) = socket("127.0.0.1:0", &UdpOptions::default());
    let (receiver, address) = socket("127.0.0.1:0", &UdpOptions::default());
    sender.send_to(&[7; 101], address).unwrap();
    sender.send_to(&[8; 100], address).unwrap();
    let mut incoming = RecvBatch::new(4, 100);
    assert_eq!(recv_batch(&receiver, &mut incoming).unwrap(), 2);
    let cut = incoming.get(0).unwrap();
    assert_eq!((cut.payload.len(), cut.truncated), (100, true));
    assert!(!incoming.get(1).unwrap().truncated);
    let mut outgoing = SendBatch::new(1, 100);
    assert_eq!(outgoing.push(&[0; 101], address, None), Err(SendBatchRefused::TooLong));
}

#[test]
fn a_socket_on_all_addresses_tells_which_was_addressed_and_answers_from_it() {
    let options = UdpOptions { packet_info: true, ..UdpOptions::default() };
    for (all, addressed) in [("0.0.0.0:0", "127.0.0.9"), ("[::]:0", "::1")] {
        let addressed: IpAddr = addressed.parse().unwrap();
        let (server, server_address) = socket(all, &options);
        let (client, client_address) = socket(if all.starts_with('[') { LOOPBACK[1] } else { LOOPBACK[0] }, &options);
        let server_address = SocketAddr::new(addressed, server_address.port());
        client.send_to(b"question", server_address).unwrap();

        let mut incoming = RecvBatch::new(8, 100);
        recv_batch(&server, &mut incoming).unwrap();
        let question = incoming.get(0).unwrap();
        assert_eq!((question.local_ip, question.from), (Some(addressed), client_address));

        let mut outgoing = SendBatch::new(8, 100);
        outgoing.push(b"answer", question.from, question.local_ip).unwrap();
        assert_eq!(send_batch(&server, &mut outgoing).unwrap(), 1);
        recv_batch(&client, &mut incoming).unwrap();
        assert_eq!(incoming.get(0).unwrap().from, server_address);
    }
}

#[test]
fn one_batch_carries_datagrams_to_different_receivers() {
    let (sender, _) = socket("127.0.0.1:0", &UdpOptions::default());
    let receivers: Vec<_> = (0..5).map(|_| socket("127.0.0.1:0", &UdpOptions::default())).collect();
    let mut outgoing = SendBatch::new(8, 100);
    for (number, (_, address)) in receivers.iter().enumerate() {
        outgoing.push(&[number as u8], *address, None).unwrap();
    }
    assert_eq!(send_batch(&sender, &mut outgoing).unwrap(), 5);
    let mut incoming = RecvBatch::new(8, 100);
    for (number, (receiver, _)) in receivers.iter().enumerate() {
        assert_eq!(recv_batch(receiver, &mut incoming).unwrap(), 1);
        assert_eq!(incoming.get(0).unwrap().payload, [number as u8]);
    }
}

#[test]
fn a_datagram_that_the_kernel_refuses_holds_up_the_rest_until_it_is_given_up() {
    let (sender, _) = socket("127.0.0.1:0", &UdpOptions::default());
    let (receiver, address) = socket("127.0.0.1:0", &UdpOptions::default());
    let mut outgoing = SendBatch::new(8, 100);
    outgoing.push(b"before", address, None).unwrap();
    outgoing.push(b"to IPv6 from an IPv4 socket", "[::1]:9".parse().unwrap(), None).unwrap();
    outgoing.push(b"after", address, None).unwrap();
    assert_eq!(send_batch(&sender, &mut outgoing).unwrap(), 1);
    assert_eq!(outgoing.len(), 2);
    assert!(send_batch(&sender, &mut outgoing).is_err());
    outgoing.drop_first();
    assert_eq!(send_batch(&sender, &mut outgoing).unwrap(), 1);
    let mut incoming = RecvBatch::new(8, 100);
    recv_batch(&receiver, &mut incoming).unwrap();
    let payloads: Vec<_> = incoming.iter().map(|datagram| datagram.payload.to_vec()).collect();
    assert_eq!(payloads, [b"before".to_vec(), b"after".to_vec()]);
}

#[test]
fn what_a_full_socket_dropped_is_told_with_the_next_datagram() {
    let options = UdpOptions { drop_counter: true, recv_buffer: Some(4_096), ..UdpOptions::default() };
    let (receiver, address) = socket("127.0.0.1:0", &options);
    let (sender, _) = socket("127.0.0.1:0", &UdpOptions::default());
    let sent = 200;
    for _ in 0..sent {
        sender.send_to(&[0; 500], address).unwrap();
    }
    let mut incoming = RecvBatch::new(BATCH_MAX, 500);
    let mut received = 0;
    while let Ok(count) = recv_batch(&receiver, &mut incoming) {
        received += count;
    }
    assert!(received < sent);
    assert_eq!(incoming.dropped_total(), 0, "these were queued before the first drop");
    sender.send_to(b"after", address).unwrap();
    recv_batch(&receiver, &mut incoming).unwrap();
    assert_eq!(incoming.dropped_total() as usize, sent - received);
}

#[test]
fn a_taken_port_is_refused_unless_both_share_it() {
    let (_holder, address) = socket("127.0.0.1:0", &UdpOptions::default());
    let refused = udp_socket(address, &UdpOptions::default()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AddrInUse);

    let shared = UdpOptions { reuse_port: true, ..UdpOptions::default() };
    let (_first, address) = socket("127.0.0.1:0", &shared);
    assert_eq!(udp_socket(address, &shared).unwrap().local_addr().unwrap(), address);
    assert_eq!(udp_socket(address, &UdpOptions::default()).unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[test]
fn an_ipv6_socket_leaves_the_ipv4_port_to_others() {
    let (_six, address) = socket("[::]:0", &UdpOptions::default());
    let four = SocketAddr::new("0.0.0.0".parse().unwrap(), address.port());
    udp_socket(four, &UdpOptions::default()).unwrap();
}

#[test]
fn a_tokio_task_waits_for_a_batch_without_a_thread_of_its_own() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let (receiver, address) = socket("127.0.0.1:0", &UdpOptions::default());
        let (sender, _) = socket("127.0.0.1:0", &UdpOptions::default());
        let receiver = ReadableSocket::register(receiver).unwrap();
        let mut incoming = RecvBatch::new(4, 100);
        for round in 0..3u8 {
            for number in 0..10 {
                sender.send_to(&[round, number], address).unwrap();
            }
            // Two full batches and a part of a third: what a full batch leaves behind is taken by the next.
            let mut numbers = Vec::new();
            while numbers.len() < 10 {
                receiver.recv(&mut incoming).await.unwrap();
                numbers.extend(incoming.iter().map(|datagram| (datagram.payload[0], datagram.payload[1])));
            }
            assert_eq!(numbers, (0..10).map(|number| (round, number)).collect::<Vec<_>>());
        }
        assert_eq!(recv_batch(receiver.socket(), &mut incoming).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn a_thread_that_waits_is_not_woken_when_a_peer_takes_what_was_sent_to_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let parks = || runtime.metrics().worker_park_count(0);
    let (ours, address) = socket("127.0.0.1:0", &UdpOptions::default());
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let peer_address = peer.local_addr().unwrap();
    runtime.block_on(async {
        let ours = ReadableSocket::register(ours).unwrap();
        let mut incoming = RecvBatch::new(4, 100);
        for _ in 0..50 {
            ours.socket().send_to(b"out", peer_address).unwrap();
        }
        let before = parks();
        // It takes them one by one while we wait, and answers when it has them all.
        let takes = std::thread::spawn(move || {
            for _ in 0..50 {
                peer.recv(&mut [0; 8]).unwrap();
                std::thread::yield_now();
            }
            peer.send_to(b"in", address).unwrap();
        });
        ours.recv(&mut incoming).await.unwrap();
        takes.join().unwrap();
        assert!(parks() - before <= 1, "{} waits for one datagram", parks() - before);
    });
}
