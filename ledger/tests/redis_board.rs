//! The board on which nodes tell each other what is true for a while, in a real Redis: one server, a cluster, a master that Sentinels
//! watch; flushed, and after a promotion that lost the last words.
//!
//! What is told is not tested here.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use clerk::server::RedisServer;
use clerk::several::{Cluster, Watched, until};
use ledger::redis::{Board, News, READ_MAX, Row, Server};

const NOW_MS: i64 = 1_800_000_000_000;

fn board(server: Server, life: &str) -> Board {
    let folder = tempfile::tempdir().unwrap();
    Board::new(&RedisServer::settings_of(server, folder.path()), "the house".to_owned(), life.to_owned())
}

fn row(name: &str, at_us: i64, text: &str) -> Row {
    Row { name: name.to_owned(), at_us, until_ms: NOW_MS + 60_000, text: text.to_owned() }
}

fn texts(news: &News) -> Vec<&str> {
    news.rows.iter().map(|row| row.text.as_str()).collect()
}

/// Two nodes that tell each other something.
fn converse(server: Server) -> [Board; 2] {
    let mut nodes = [board(server.clone(), "a"), board(server, "b")];
    for node in &mut nodes {
        assert!(node.read(NOW_MS).unwrap().is_new, "what it holds is not there yet");
    }
    nodes[0].put(&[row("pbx", 10, "at the first node"), row("node", 1, "a b  c")]).unwrap();
    let news = nodes[1].read(NOW_MS).unwrap();
    assert_eq!((texts(&news), news.is_new), (vec!["at the first node", "a b  c"], false));
    assert_eq!(nodes[1].read(NOW_MS).unwrap(), News::default(), "no news");
    // The last word stands, in whatever order they come.
    nodes[1].put(&[row("pbx", 12, "at the second node")]).unwrap();
    nodes[0].put(&[row("pbx", 11, "at the first node, said late")]).unwrap();
    for node in &mut nodes {
        assert_eq!(texts(&node.read(NOW_MS).unwrap()).last(), Some(&"at the second node"));
    }
    nodes
}

#[test]
fn the_last_word_stands_and_a_flush_is_noticed_by_every_node() {
    let redis = RedisServer::start();
    let mut nodes = converse(redis.server());
    redis::cmd("FLUSHALL").exec(&mut redis.connection()).unwrap();
    for (number, node) in nodes.iter_mut().enumerate() {
        // Who claims Redis for its house again is the ledger; the board of a house goes on over its connection.
        assert!(node.read(NOW_MS).unwrap().is_new, "node {number}");
        node.put(&[row(&format!("node {number}"), 20, "here")]).unwrap();
    }
    assert_eq!(nodes[0].read(NOW_MS).unwrap().rows.len(), 2);
    // What has run out is swept away by whoever looks.
    for _ in 0..4 {
        nodes[0].read(NOW_MS + 3_600_000).unwrap();
    }
    let left: u64 = redis::cmd("HLEN").arg("tandem:{board}:rows").query(&mut redis.connection()).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn a_long_board_is_read_in_pieces() {
    let redis = RedisServer::start();
    let mut nodes = [board(redis.server(), "a"), board(redis.server(), "b")];
    let rows: Vec<Row> = (0..READ_MAX + 10).map(|number| row(&number.to_string(), 1, "x")).collect();
    nodes[0].put(&rows).unwrap();
    let first = nodes[1].read(NOW_MS).unwrap();
    assert_eq!((first.rows.len(), first.has_more, first.is_new), (READ_MAX, true, true));
    let rest = nodes[1].read(NOW_MS).unwrap();
    assert_eq!((rest.rows.len(), rest.has_more, rest.is_new), (10, false, false));
}

#[test]
fn another_house_has_no_say_on_the_board() {
    let redis = RedisServer::start();
    board(redis.server(), "a").read(NOW_MS).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = RedisServer::settings_of(redis.server(), folder.path());
    let told = Board::new(&settings, "another".to_owned(), "c".to_owned()).read(NOW_MS).unwrap_err().to_string();
    assert!(told.contains("another house"), "{told}");
}

/// Reads again until the servers have found each other.
fn insist(node: &mut Board) -> News {
    let mut read = None;
    until("a master that answers", || {
        read = node.read(NOW_MS).ok();
        read.is_some()
    });
    read.unwrap()
}

#[test]
fn a_cluster_keeps_the_board_and_what_a_dead_master_took_with_it_is_said_again() {
    let mut cluster = Cluster::start();
    let mut nodes = converse(cluster.server());
    let slot: u16 =
        redis::cmd("CLUSTER").arg("KEYSLOT").arg("{board}").query(&mut cluster.masters[1].connection()).unwrap();
    let home = [5_460, 10_922, 16_383].iter().position(|last| slot <= *last).unwrap();
    cluster.replicas[home].stand_still();
    nodes[0].put(&[row("pbx", 30, "nobody else hears this")]).unwrap();
    assert_eq!(texts(&nodes[1].read(NOW_MS).unwrap()), ["nobody else hears this"]);
    cluster.masters[home].kill();
    cluster.replicas[home].go_on();
    assert!(insist(&mut nodes[1]).is_new, "there were more changes than are known now");
    insist(&mut nodes[0]);
    nodes[0].put(&[row("pbx", 30, "said again")]).unwrap();
    assert_eq!(texts(&nodes[1].read(NOW_MS).unwrap()), ["said again"]);
}

#[test]
fn sentinel_names_the_master_that_has_the_board() {
    let mut watched = Watched::start();
    let mut nodes = converse(watched.server());
    watched.replica.stand_still();
    nodes[0].put(&[row("pbx", 30, "nobody else hears this")]).unwrap();
    assert_eq!(texts(&nodes[1].read(NOW_MS).unwrap()), ["nobody else hears this"]);
    watched.master.kill();
    watched.replica.go_on();
    assert!(insist(&mut nodes[1]).is_new);
    insist(&mut nodes[0]);
    nodes[0].put(&[row("pbx", 30, "said again")]).unwrap();
    assert_eq!(texts(&nodes[1].read(NOW_MS).unwrap()), ["said again"]);
}
