//! The pretended Redis against a real redis-server: everything that two nodes of the ledger say to it is said to both, and both must
//! answer the same; in the end they have the same under every key.
//!
//! `OPERATIONS` is the number of batches (default 4,000), `SEED` repeats a run. What the ledger does with the answers is in
//! `stepped_redis.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use clerk::posting::{Poster, chance_of, number};
use clerk::roster::Roster;
use clerk::server::RedisServer;
use domain::credit::Durability;
use ledger::Ledger;
use ledger::redis::{Line, Pretence, Pretended, RedisLedger, Server, Servers, Settings};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use testkit::redis::{Answer, PretendedRedis, command};

/// Both servers.
struct Both {
    ours: PretendedRedis,
    port: u16,
    /// How often each command was compared.
    compared: Arc<Mutex<BTreeMap<String, u64>>>,
}

/// A connection to each.
struct Lines {
    ours: Box<dyn Line>,
    theirs: TcpStream,
    heard: Vec<u8>,
    asked: VecDeque<Vec<String>>,
    compared: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Pretended for Both {
    fn connect(&self) -> io::Result<Box<dyn Line>> {
        let theirs = TcpStream::connect(("127.0.0.1", self.port))?;
        theirs.set_nodelay(true)?;
        let (ours, compared) = (self.ours.connect()?, Arc::clone(&self.compared));
        Ok(Box::new(Lines { ours, theirs, heard: Vec::new(), asked: VecDeque::new(), compared }))
    }
}

fn words(answer: &Answer) -> Vec<String> {
    let Answer::List(words) = answer else { panic!("{answer:?} is no command") };
    words.iter().map(|word| word.text().unwrap()).collect()
}

impl Lines {
    fn their_answer(&mut self) -> Answer {
        loop {
            if let Some((answer, length)) = read(&self.heard) {
                self.heard.drain(..length);
                return answer;
            }
            let mut some = [0; 65_536];
            let length = self.theirs.read(&mut some).unwrap();
            assert!(length > 0, "the real server hung up");
            self.heard.extend_from_slice(&some[..length]);
        }
    }
}

/// An answer, once it is whole.
fn read(bytes: &[u8]) -> Option<(Answer, usize)> {
    if bytes.is_empty() { None } else { Answer::read(bytes) }
}

impl Line for Lines {
    fn send(&mut self, commands: &[u8]) -> io::Result<()> {
        let mut rest = commands;
        while let Some((command, length)) = read(rest) {
            self.asked.push_back(words(&command));
            rest = &rest[length..];
        }
        self.theirs.write_all(commands)?;
        self.ours.send(commands)
    }

    fn hear(&mut self) -> io::Result<Vec<u8>> {
        let (asked, theirs, ours) = (self.asked.pop_front().unwrap(), self.their_answer(), self.ours.hear()?);
        let (our_answer, _) = Answer::read(&ours).unwrap();
        let name = asked[0].to_uppercase();
        match name.as_str() {
            // Told in pieces by one, in one piece by the other; what it says of itself is its own.
            "SCAN" | "INFO" => {}
            _ => assert_eq!(alike(&name, &our_answer), alike(&name, &theirs), "{asked:?}"),
        }
        *self.compared.lock().unwrap().entry(name).or_default() += 1;
        Ok(ours)
    }
}

/// Without what may differ: the order of fields, the wording of an error.
fn alike(name: &str, answer: &Answer) -> Answer {
    match (name, answer) {
        ("HGETALL", Answer::List(items)) => {
            let mut pairs: Vec<[Answer; 2]> = items.chunks(2).map(|pair| [pair[0].clone(), pair[1].clone()]).collect();
            pairs.sort_by_key(|[field, _]| field.text());
            Answer::List(pairs.into_iter().flatten().collect())
        }
        ("EXEC", Answer::List(tables)) => Answer::List(tables.iter().map(|table| alike("HGETALL", table)).collect()),
        (_, Answer::Error(text)) => Answer::Error(text.split(' ').next().unwrap_or_default().to_owned()),
        _ => answer.clone(),
    }
}

/// What a real server answers to one command.
fn ask(stream: &mut TcpStream, words: &[&str]) -> Answer {
    stream.write_all(&command(words)).unwrap();
    let mut heard = Vec::new();
    loop {
        let mut some = [0; 65_536];
        let length = stream.read(&mut some).unwrap();
        heard.extend_from_slice(&some[..length]);
        if let Some((answer, _)) = read(&heard) {
            return answer;
        }
    }
}

#[test]
fn the_pretended_server_answers_as_the_real_one_does() {
    let (operations, seed) = (number("OPERATIONS", 4_000), number("SEED", 0x5ed1_5000_1e06_e203));
    println!("SEED={seed} OPERATIONS={operations}");
    let real = RedisServer::start();
    let both = Arc::new(Both { ours: PretendedRedis::new(), port: real.port(), compared: Arc::default() });
    let mut stream = TcpStream::connect(("127.0.0.1", real.port())).unwrap();
    let server = Server { servers: Servers::Pretended(Pretence(both.clone())), ..Server::single("", 0) };
    let house = Arc::new(Roster::default());
    let nodes: Vec<_> = (0..2)
        .map(|_| {
            let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
            let journal = ledger::sqlite::Settings::new(folder.path().join("ledger.db"));
            let settings = Settings { house: Some(house.clone()), ..Settings::new(journal, server.clone()) };
            (RedisLedger::open_stepped(settings).unwrap(), folder)
        })
        .collect();
    let mut poster = Poster::new(chance_of(seed, 0));
    for _ in 0..operations {
        match poster.chance.below(400) {
            0 => ["FLUSHALL"].as_slice(),
            1 => ["SCRIPT", "FLUSH"].as_slice(),
            _ => &[],
        }
        .chunks(2)
        .for_each(|words| {
            assert_eq!(both.ours.run(words), ask(&mut stream, words));
        });
        let (ledger, _) = &nodes[poster.chance.below(2) as usize];
        let batch = poster.next_batch();
        let durability = [Durability::WithNextGroup, Durability::BeforeAnswer][poster.chance.below(2) as usize];
        ledger.submit(batch.clone(), durability, Box::new(drop));
        ledger.step();
        poster.posted.push(batch);
        if poster.chance.below(200) == 0 {
            nodes.iter().for_each(|(ledger, _)| assert!(ledger.compare().is_ok()));
        }
        nodes.iter().for_each(|(ledger, _)| ledger.step());
    }
    let Answer::List(found) = both.ours.run(&["SCAN", "0", "MATCH", "*"]) else { panic!("a scan has an answer") };
    let Answer::List(names) = &found[1] else { panic!("a scan has names") };
    let names: BTreeSet<String> = names.iter().map(|name| name.text().unwrap()).collect();
    assert_eq!(ask(&mut stream, &["DBSIZE"]), Answer::Integer(names.len() as i64), "there are as many keys");
    for name in &names {
        let kind = ask(&mut stream, &["TYPE", name]).text().unwrap();
        let reading = match kind.as_str() {
            "hash" => vec!["HGETALL", name],
            "list" => vec!["LRANGE", name, "0", "-1"],
            _ => vec!["GET", name],
        };
        assert_eq!(
            alike(reading[0], &both.ours.run(&reading)),
            alike(reading[0], &ask(&mut stream, &reading)),
            "{name}"
        );
    }
    let compared = both.compared.lock().unwrap();
    println!("{compared:?}, {} keys", names.len());
    assert!(compared["EVALSHA"] > operations / 2, "most batches have been decided by both: {compared:?}");
}

/// What the functions refuse to run with is an error of both, and changes nothing in either.
#[test]
fn a_function_fails_where_the_real_one_fails() {
    let real = RedisServer::start();
    let ours = PretendedRedis::new();
    let mut stream = TcpStream::connect(("127.0.0.1", real.port())).unwrap();
    let text = include_str!("../../ledger/src/redis/function.lua");
    let name = ours.run(&["SCRIPT", "LOAD", text]);
    assert_eq!(name, ask(&mut stream, &["SCRIPT", "LOAD", text]), "its name is the SHA-1 of its text");
    let name = name.text().unwrap();
    let mut both = |words: &[&str]| {
        let (one, other) = (alike(words[0], &ours.run(words)), alike(words[0], &ask(&mut stream, words)));
        assert_eq!(one, other, "{words:?}");
        one
    };
    both(&["HSET", "m", "life:n", "l", "have:n", "0"]);
    let numbers = [
        "0",
        "1",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "9223372036854775807",
        "1e3",
        "0x10",
        "1.5",
        "-1",
        "abc",
        "",
        " 7 ",
        "inf",
        "nan",
        "99999999999999999999",
    ];
    let (mut failed, mut done) = (0, 0);
    for (place, amount) in numbers.iter().enumerate() {
        for batch in [
            vec!["P", "world:USD", "company:USD", amount, "1"],
            vec!["I", "world:USD", "company:USD", "5", "1", "company:USD", amount],
            vec!["H", "h/1", "company:USD", "revenue:USD", amount, "60", "code", "0", "0"],
            vec!["C", "h/1", amount],
            vec!["P", "world:USD", "company:USD", amount],
            vec!["X", amount],
        ] {
            let id = format!("{place}/{}", batch.len());
            let head = ["EVALSHA", &name, "6", "m", "b", "o", "p", "h", "r", "n", "l", &id, "body", "1"];
            match both(&[&head[..], &batch].concat()) {
                Answer::Error(_) => failed += 1,
                _ => done += 1,
            }
        }
    }
    for key in ["m", "b", "o", "p", "h"] {
        both(&["HGETALL", key]);
    }
    both(&["LRANGE", "r", "0", "-1"]);
    assert!(failed > 20 && done > 20, "{failed} failed, {done} were done");
}
