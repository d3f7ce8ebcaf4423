//! The redis engine where Redis is more than one plain server: a cluster, a master behind Sentinel, TLS, a user with few rights. What
//! becomes of the money when a master dies with writes that nobody else has is judged by the journal and by a comparison.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use clerk::server::RedisServer;
use clerk::several::{Cluster, RIGHTS, Watched, place};
use clerk::*;
use domain::CompanyId;
use domain::credit::{Account, Batch, BatchId, Code, Outcome, Transfer};
use ledger::Ledger;
use ledger::redis::{RedisLedger, Server, Servers, Tls};
use std::time::Duration;

/// Companies enough for every master of a cluster to have some.
const COMPANIES: u128 = 24;

fn of(company: CompanyId, account: Account) -> Account {
    Account { company, ..account }
}

/// A top-up of a company and the part of its profile, in one batch.
fn endowed(company: CompanyId, sequence: u64, amount: i64) -> Batch {
    let (world, purse, profile) = (of(company, world(USD)), of(company, purse()), of(company, profile()));
    let transfers: Vec<Transfer> =
        vec![post(world, purse, amount, Code::TopUp), post(purse, profile, amount / 2, Code::Allocate)];
    Batch { id: BatchId { subject: company.bits(), sequence }, company, at: at(1), transfers, memo: None }
}

fn companies() -> impl Iterator<Item = CompanyId> {
    (1..=COMPANIES).map(CompanyId::from_bits)
}

fn endow_all(ledger: &RedisLedger, sequence: u64) {
    for company in companies() {
        assert!(is_applied(&insist(ledger, &endowed(company, sequence, 100))), "{company}");
    }
}

fn expect_each_has(ledger: &RedisLedger, profile_has: i64) {
    for company in companies() {
        assert_eq!(ledger.balance(of(company, profile())), has(profile_has, 0), "{company}");
    }
    let compared = ledger.compare().unwrap();
    assert_eq!((compared.fault_count, &compared.faults[..]), (0, &[][..]));
    assert_eq!(compared.companies, COMPANIES as u64);
}

fn ledger_at(server: Server, folder: &tempfile::TempDir) -> RedisLedger {
    let mut settings = RedisServer::settings_of(server, folder.path());
    settings.away_patience = Duration::from_millis(50);
    RedisLedger::open(settings).unwrap()
}

#[test]
fn a_cluster_keeps_credit_and_a_master_that_dies_with_the_last_writes_costs_nothing() {
    let (mut cluster, folder) = (Cluster::start(), tempfile::tempdir().unwrap());
    let ledger = ledger_at(cluster.server(), &folder);
    endow_all(&ledger, 0);
    let sizes: Vec<u64> =
        cluster.masters.iter().map(|master| redis::cmd("DBSIZE").query(&mut master.connection()).unwrap()).collect();
    assert!(sizes.iter().all(|size| *size > 0), "every master has companies: {sizes:?}");
    expect_each_has(&ledger, 50);
    // Its replica hears no more of what it grants: that is lost with it.
    cluster.replicas[0].stand_still();
    endow_all(&ledger, 1);
    cluster.masters[0].kill();
    cluster.replicas[0].go_on();
    let bereft = companies().find(|company| cluster.is_of_the_first(&format!("{{{:032x}}}", company.bits()))).unwrap();
    assert_eq!(order(&ledger, endowed(bereft, 9, 2)), Outcome::Unavailable);
    endow_all(&ledger, 2);
    assert!(ledger.is_healthy());
    assert_eq!(ledger.disagreements(), 0);
    let again = order(&ledger, endowed(bereft, 9, 2));
    assert!(is_applied(&again), "what was answered as unavailable was not done: {again:?}");
    let taken = endowed(bereft, 10, 2);
    let back = taken.transfers.iter().rev().map(reversed).collect();
    assert!(is_applied(&order(&ledger, Batch { transfers: back, ..taken })));
    expect_each_has(&ledger, 150);
    assert_sound(&ledger);
}

/// The opposite of a post.
fn reversed(transfer: &Transfer) -> Transfer {
    match transfer.kind {
        domain::credit::Kind::Post { debit, credit, amount } => post(credit, debit, amount, transfer.code),
        _ => *transfer,
    }
}

#[test]
fn a_server_of_a_cluster_is_not_taken_for_one_and_one_is_not_taken_for_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |server: Server| {
        RedisLedger::open(RedisServer::settings_of(server, folder.path())).err().expect("a refusal").to_string()
    };
    let single = RedisServer::start();
    let servers = Servers::Cluster { seeds: vec![place(&single)] };
    let told = refused(Server { servers, ..single.server() });
    assert!(told.contains("is no part of a cluster: write redis://HOST:PORT"), "{told}");
    let bus = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let alone = RedisServer::start_with(&["--appendonly", "yes", "--cluster-enabled", "yes", "--cluster-port", &bus]);
    let told = refused(alone.server());
    assert!(told.contains("is part of a cluster") && told.contains("redis+cluster://"), "{told}");
    let servers = Servers::Cluster { seeds: vec![place(&alone)] };
    let told = refused(Server { servers, ..alone.server() });
    assert!(told.contains("leaves slot 0 to nobody") && told.contains("--cluster check"), "{told}");
}

#[test]
fn sentinel_is_asked_who_the_master_is_and_asked_again_when_it_dies() {
    let (mut watched, folder) = (Watched::start(), tempfile::tempdir().unwrap());
    let server = watched.server();
    let told = {
        let Servers::Sentinel { sentinels, database, .. } = server.servers.clone() else { unreachable!() };
        let servers = Servers::Sentinel { sentinels, service: "coal".to_owned(), database };
        let settings = RedisServer::settings_of(Server { servers, ..server.clone() }, folder.path());
        RedisLedger::open(settings).err().expect("a refusal").to_string()
    };
    assert!(told.contains("knows no service \"coal\"") && told.contains("sentinel monitor"), "{told}");
    let ledger = ledger_at(server, &folder);
    endow_all(&ledger, 0);
    watched.replica.stand_still();
    endow_all(&ledger, 1);
    watched.master.kill();
    watched.replica.go_on();
    endow_all(&ledger, 2);
    expect_each_has(&ledger, 150);
    assert_eq!(ledger.disagreements(), 0);
    assert_sound(&ledger);
    let role: Vec<redis::Value> = redis::cmd("ROLE").query(&mut watched.replica.connection()).unwrap();
    assert_eq!(role[0], redis::Value::BulkString("master".into()), "the replica has it now");
}

#[test]
fn a_user_of_redis_needs_few_rights() {
    let (redis, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("tandem").arg("on").arg(">hunter2-hunter2").arg("~tandem:*");
    RIGHTS.split(' ').for_each(|right| {
        user.arg(right);
    });
    user.exec(&mut redis.connection()).unwrap();
    let (name, password) = (Some("tandem".to_owned()), Some("hunter2-hunter2".to_owned()));
    let ledger = ledger_at(Server { user: name, password, ..redis.server() }, &folder);
    endow_all(&ledger, 0);
    expect_each_has(&ledger, 50);
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut redis.connection()).unwrap();
    endow_all(&ledger, 1);
    expect_each_has(&ledger, 100);
}

/// An authority, a certificate for the server, one for us; in PEM, and as files for Redis.
struct Papers {
    authority: String,
    ours: (String, String),
    options: Vec<String>,
}

fn papers(folder: &std::path::Path, name: &str) -> Papers {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "An authority");
    let authority = params.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::from_params(&params, &key);
    let issue = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
    };
    let (certificate, private) = issue(name);
    let mut options = vec!["--appendonly".to_owned(), "yes".to_owned()];
    for (option, text) in
        [("--tls-ca-cert-file", authority.pem()), ("--tls-cert-file", certificate), ("--tls-key-file", private)]
    {
        let file = folder.join(&option[2..]);
        std::fs::write(&file, text).unwrap();
        options.extend([option.to_owned(), file.display().to_string()]);
    }
    Papers { authority: authority.pem(), ours: issue("a switch"), options }
}

#[test]
fn over_tls_redis_shows_who_it_is_and_so_do_we() {
    let (folder, of_papers) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let papers_of_redis = papers(of_papers.path(), "127.0.0.1");
    let options: Vec<&str> = papers_of_redis.options.iter().map(String::as_str).collect();
    let redis = RedisServer::start_with(&options);
    let refused = |tls: Option<Tls>| {
        let settings = RedisServer::settings_of(Server { tls, ..redis.server() }, folder.path());
        RedisLedger::open(settings).err().expect("a refusal").to_string()
    };
    let Papers { authority, ours, .. } = papers_of_redis;
    let told = refused(Some(Tls { authorities: authority.clone(), identity: None }));
    assert!(told.contains("does not answer"), "without a certificate of ours: {told}");
    let strangers = papers(tempfile::tempdir().unwrap().path(), "127.0.0.1").authority;
    let told = refused(Some(Tls { authorities: strangers, identity: Some(ours.clone()) }));
    assert!(told.contains("UnknownIssuer") || told.contains("certificate"), "an authority of somebody else's: {told}");
    assert!(refused(None).contains("does not answer"), "without TLS");
    let tls = Some(Tls { authorities: authority, identity: Some(ours) });
    let ledger = ledger_at(Server { tls, ..redis.server() }, &folder);
    endow_all(&ledger, 0);
    expect_each_has(&ledger, 50);
}
