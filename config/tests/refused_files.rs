//! What is wrong with a settings file is said in full: the very texts that an operator reads, with file, line, caret and what would
//! be right.
//!
//! That right files are read rightly is tested in `shipped_files.rs`.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use config::{ConfigFaults, EmergencyNumbers, Settings};

fn refused(text: &str) -> ConfigFaults {
    refused_with(text, &[])
}

fn refused_with(text: &str, env: &[(&str, &str)]) -> ConfigFaults {
    Settings::parse("tandem.toml", text, variables(env)).unwrap_err()
}

fn variables(env: &[(&str, &str)]) -> Vec<(String, String)> {
    env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The report without trailing blanks, which an editor would take away from the expected text.
fn report(faults: &ConfigFaults) -> String {
    faults.report().lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// The messages alone.
fn messages(faults: &ConfigFaults) -> Vec<&str> {
    faults.faults.iter().map(|fault| fault.message.as_str()).collect()
}

#[test]
fn an_unknown_key_is_refused_with_the_keys_that_there_are() {
    let faults = refused("[registration]\nexpires_min_s = 30\nexpires_natt_max_s = 45\n");
    assert_eq!(
        report(&faults),
        "  × [registration]: unknown key `expires_natt_max_s`, expected one of `expires_nat_max_s`, `expires_direct_max_s`,
  │ `expires_min_s`, `keep_alive_s`, `bindings_max`
   ╭─[tandem.toml:3:1]
 2 │ expires_min_s = 30
 3 │ expires_natt_max_s = 45
   · ──────────────────
   ╰────
"
    );
}

#[test]
fn an_unknown_section_is_refused_with_the_sections_that_there_are() {
    assert_eq!(
        report(&refused("[sipp]\nt1_ms = 500\n")),
        "  × unknown key `sipp`, expected one of `node`, `sip`, `tls`, `websocket`, `registration`, `media`, `calls`,
  │ `carriers`, `dns`, `limits`, `guard`, `ledger`, `payments`, `webhooks`, `fraud`, `http`, `log`
   ╭─[tandem.toml:1:2]
 1 │ [sipp]
   ·  ────
 2 │ t1_ms = 500
   ╰────
"
    );
}

#[test]
fn a_bad_address_is_refused_with_one_that_would_be_right() {
    assert_eq!(
        report(&refused("[sip]\nlisten = [\"192.0.2.1:5060\", \"192.0.2.1:99999\"]\n")),
        "  × sip.listen: not an address with a port: expected one such as \"127.0.0.1:5060\" or \"[::1]:5060\"
   ╭─[tandem.toml:2:29]
 1 │ [sip]
 2 │ listen = [\"192.0.2.1:5060\", \"192.0.2.1:99999\"]
   ·                             ─────────────────
   ╰────
"
    );
}

#[test]
fn a_value_out_of_range_is_refused_with_the_range() {
    assert_eq!(
        report(&refused("[sip]\nt1_ms = 5\n")),
        "  × sip.t1_ms: 5 is out of range
   ╭─[tandem.toml:2:9]
 1 │ [sip]
 2 │ t1_ms = 5
   ·         ─
   ╰────
  help: expected 10 to 5000 milliseconds
"
    );
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_the_right_one() {
    assert_eq!(
        report(&refused("[calls]\nring_timeout_s = \"3 minutes\"\n")),
        "  × calls.ring_timeout_s: invalid type: string \"3 minutes\", expected a whole number from 0 to 4294967295
   ╭─[tandem.toml:2:18]
 1 │ [calls]
 2 │ ring_timeout_s = \"3 minutes\"
   ·                  ───────────
   ╰────
"
    );
}

#[test]
fn what_is_not_toml_is_refused_where_it_stops_being_it() {
    assert_eq!(
        report(&refused("[sip\nt1_ms = 500\n")),
        "  × not TOML: unclosed table, expected `]`
   ╭─[tandem.toml:1:5]
 1 │ [sip
   ·     ▲
 2 │ t1_ms = 500
   ╰────
"
    );
}

#[test]
fn a_variable_is_refused_by_its_name() {
    let env = [
        ("TANDEM__SIP__LISTEN", "127.0.0.1:x"),
        ("TANDEM__SIP__T1", "500"),
        ("TANDEM__LOG__NUMBERS_MASKED", "yes"),
        ("TANDEM__SIP", "5"),
        ("TANDEM__SIP__T4_MS", "-1"),
    ];
    let faults = refused_with("", &env);
    assert_eq!(
        messages(&faults),
        [
            "the variable TANDEM__LOG__NUMBERS_MASKED=\"yes\": invalid type: string \"yes\", expected true or false",
            "the variable TANDEM__SIP names no setting",
            "the variable TANDEM__SIP__LISTEN=\"127.0.0.1:x\": not an address with a port: expected one such as \
             \"127.0.0.1:5060\" or \"[::1]:5060\"",
            "the variable TANDEM__SIP__T1=\"500\": unknown key `t1`, expected one of `listen`, `advertised_address`, `domain`, \
             `realm`, `digest_algorithms`, `user_agent`, `t1_ms`, `t2_ms`, `t4_ms`, `datagram_bytes_max`, `session_expires_s`, `session_expires_min_s`, `calls_max`, \
             `calls_per_second_max`, `transactions_max`, `connections_max`, `connections_per_source_max`, `connection_idle_timeout_s`, \
             `connection_handshake_timeout_s`, `connection_first_message_timeout_s`, `connection_partial_message_timeout_s`, `connection_write_timeout_s`, \
             `nonce_lifetime_s`, `nonce_key_file`",
            "the variable TANDEM__SIP__T4_MS=\"-1\": invalid value: integer `-1`, expected a whole number from 0 to 4294967295",
        ]
    );
    assert_eq!(
        report(&refused_with("[sip]\nt1_ms = 500\n", &[("TANDEM__SIP__T1_MS", "5")])),
        "  × sip.t1_ms: 5 is out of range (from the variable TANDEM__SIP__T1_MS)\n  help: expected 10 to 5000 milliseconds\n"
    );
}

#[test]
fn a_variable_wins_over_the_file_and_others_are_not_looked_at() {
    let env = [
        ("TANDEM__SIP__LISTEN", "192.0.2.1:5060, [2001:db8::1]:5060"),
        ("TANDEM__SIP__REALM", "42"),
        ("TANDEM__SIP__ADVERTISED_ADDRESS", "192.0.2.9"),
        ("TANDEM__CALLS__EMERGENCY_NUMBERS", "{ EE = [\"112\"] }"),
        ("TANDEM__LOG__NUMBERS_MASKED", "false"),
        ("TANDEM__CALLS__ECHO", ""),
        ("TANDEM_HOME", "/nowhere"),
        ("PATH", "/bin"),
    ];
    let file = "[sip]\nlisten = [\"192.0.2.7:5060\"]\nt1_ms = 600\n";
    let settings = Settings::parse("tandem.toml", file, variables(&env)).unwrap();
    let listen: Vec<String> = settings.sip.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["192.0.2.1:5060", "[2001:db8::1]:5060"]);
    assert_eq!((settings.sip.realm.as_str(), settings.sip.t1_ms), ("42", 600));
    assert_eq!(settings.sip.advertised_address.map(|address| address.to_string()).as_deref(), Some("192.0.2.9"));
    assert_eq!(settings.calls.emergency_numbers.len(), 1);
    assert!(settings.calls.echo.is_empty() && !settings.log.numbers_masked);
}

#[test]
fn every_fault_of_form_is_collected_in_the_order_of_the_file() {
    let faults = refused(
        "http = 5\n[node]\nshards = -1\ndata_dir = 5\n[log]\nlevel = \"loud\"\nformat = \"xml\"\n[media]\nlearning = \"on\"\n\
         address = \"here\"\n[calls]\necho = [\"43\"]\nfailover_statuses = [\"200\"]\nemergency_numbers = { Estonia = [\"112\"] }\n\
         [sip]\ndomain = \"sip.example.net:5060\"\n",
    );
    assert_eq!(
        messages(&faults),
        [
            "http: invalid type: integer `5`, expected a table",
            "node.shards: invalid value: integer `-1`, expected a whole number from 0 to 65535",
            "node.data_dir: invalid type: integer `5`, expected the name of a file or folder",
            "log.level: \"loud\" is not a log level: expected error, warn, info, debug or trace",
            "log.format: \"xml\" is not a log format: expected json or text",
            "media.learning: \"on\" is not a way to learn media sources: expected off, signalling_ip or first_packet",
            "media.address: not an address: expected one such as \"192.0.2.1\" or \"2001:db8::1\"",
            "calls.echo: \"43\" is not a number for the echo test: expected a code such as *43, or an international number such as \
             +17605550100",
            "calls.failover_statuses: \"200\" is not a final SIP status: expected a status from 300 to 699 such as \"408\", or a \
             class such as \"5xx\"",
            "calls.emergency_numbers: \"Estonia\" is not a country: expected an ISO 3166 code of two capital letters such as US",
            "sip.domain: \"sip.example.net:5060\" is not a host: expected a name or an address without port, such as \
             sip.example.net, 192.0.2.1 or [2001:db8::1]",
        ]
    );
    assert_eq!(
        faults.to_string(),
        "tandem.toml: 11 faults, the first: http: invalid type: integer `5`, expected a table"
    );
}

#[test]
fn every_fault_of_meaning_is_collected_with_what_would_be_right() {
    let faults = refused(
        "[node]\nshards = 300\nmailbox_call_max = 1\n[sip]\nlisten = [\"0.0.0.0:5060\", \"0.0.0.0:5060\"]\n\
         realm = \"\"\nt2_ms = 100\nadvertised_address = \"0.0.0.0\"\ncalls_max = 0\nnonce_lifetime_s = 1\n\
         [registration]\nexpires_nat_max_s = 20\n[media]\nport_min = 5001\nport_max = 6000\n\
         [calls]\nring_timeout_s = 5\nfailover_statuses = [\"486\"]\necho = [\"*43\", \"*43\"]\n\
         emergency_numbers = { FR = [], EE = [\"1x\"] }\n[ledger]\ngroup_ms = 0\n[http]\nlisten = \"127.0.0.1:5060\"\n",
    );
    let told: Vec<String> = faults
        .faults
        .iter()
        .map(|fault| format!("{} / {}", fault.message, fault.help.as_deref().unwrap_or("?")))
        .collect();
    assert_eq!(
        told,
        [
            "node.shards: 300 is out of range / expected 0 to 255 threads, 0 for one a core",
            "node.mailbox_call_max: 1 is out of range / expected 16 to 1048576 messages",
            "sip.listen: 0.0.0.0:5060 stands twice / name each address once",
            "sip.listen: 0.0.0.0:5060 is among the RTP ports, 5001 to 6000 / choose a port or a range so that they are apart",
            "sip.listen: 0.0.0.0:5060 is among the RTP ports, 5001 to 6000 / choose a port or a range so that they are apart",
            "sip.realm: \"\" cannot be a realm / expected 1 to 64 ASCII characters without quotes and backslashes, such as \
             sip.example.net",
            "sip.t2_ms: 100 is out of range / expected 500 (t1_ms) to 32000 milliseconds",
            "sip.advertised_address: 0.0.0.0 is no address that peers can send to / expected the one that they see, such as \
             192.0.2.1",
            "sip.calls_max: 0 is out of range / expected 1 to 1000000 calls",
            "sip.nonce_lifetime_s: 1 is out of range / expected 10 to 86400 seconds",
            "registration.expires_nat_max_s: 20 is out of range / expected 30 (expires_min_s) to 86400 seconds",
            "media.port_min: 5001 cannot be the first RTP port / expected an even port from 1024 on: RTP has even ports, RTCP the \
             next odd ones",
            "media.port_min: 5001 to 6000 are 1000 ports / expected 10000 or more, so that they cannot be guessed",
            "media.port_max: 6000 cannot be the last RTP port / expected an odd port: the last one is for RTCP",
            "calls.ring_timeout_s: 5 is out of range / expected 10 to 600 seconds",
            "calls.carrier_progress_timeout_s: 6 is not below ring_timeout_s, 5 / a carrier must be given up before the call is, \
             or the next one is never tried",
            "calls.failover_statuses: 486 is the called person's own answer, and no reason to ring again elsewhere / 480, 486, 600 \
             and 603 must not be in the set; expected such as [\"408\", \"5xx\"]",
            "calls.echo: *43 stands twice / name each number once",
            "calls.emergency_numbers: EE: \"1x\" is not an emergency number / expected 2 to 7 digits as they are dialled, such as \
             \"112\"",
            "calls.emergency_numbers: FR: no number / expected one at least, such as \"112\": emergency calls must be known for \
             what they are",
            "ledger.group_ms: 0 is out of range / expected 1 to 1000 milliseconds",
            "http.listen: 127.0.0.1:5060 is taken by sip.listen / choose another port: SIP listens on TCP too",
            "http.listen: 127.0.0.1:5060 is taken by sip.listen / choose another port: SIP listens on TCP too",
        ]
    );
}

#[test]
fn servers_of_dns_that_cannot_be_asked_and_lives_that_cannot_be_are_told() {
    let faults = refused(
        "[dns]\nservers = [\"192.0.2.53:53\", \"0.0.0.0:53\", \"192.0.2.53:0\", \"192.0.2.54:53\"]\ntimeout_ms = 5\n\
         ttl_min_s = 60\nttl_max_s = 30\nnegative_ttl_s = 30\n",
    );
    assert_eq!(
        messages(&faults),
        [
            "dns.servers: 4 servers",
            "dns.servers: 0.0.0.0:53 cannot be asked",
            "dns.timeout_ms: 5 is out of range",
            "dns.ttl_max_s: 30 is out of range",
            "dns.negative_ttl_s: 30 is out of range",
        ]
    );
}

#[test]
fn addresses_that_mean_every_address_need_one_to_advertise() {
    let faults = refused("[sip]\nlisten = [\"0.0.0.0:5060\"]\n[media]\naddress = \"::\"\n");
    assert_eq!(
        messages(&faults),
        [
            "sip.listen: 0.0.0.0:5060 means every address of this machine, and peers cannot answer to that",
            "media.address: :: means every address of this machine, and nobody can send sound to that",
        ]
    );
    let named = "[sip]\nlisten = [\"0.0.0.0:5060\"]\nadvertised_address = \"192.0.2.1\"\n\
                 [media]\naddress = \"0.0.0.0\"\nadvertised_address = \"192.0.2.1\"\n";
    assert!(Settings::parse("tandem.toml", named, []).is_ok());
}

#[test]
fn more_calls_than_there_are_rtp_ports_for_are_refused() {
    let faults = refused("[media]\nport_min = 20000\nport_max = 29999\n");
    assert_eq!(
        report(&faults),
        "  × sip.calls_max: 5000 calls need 20000 RTP ports, and [media] permits 10000
   ╭─[tandem.toml:3:12]
 2 │ port_min = 20000
 3 │ port_max = 29999
   ·            ─────
   ╰────
  help: permit 2500 calls at most, or more ports
"
    );
    let narrow = "[sip]\ncalls_max = 2500\n[media]\nport_min = 20000\nport_max = 29999\n";
    let settings = Settings::parse("tandem.toml", narrow, []).unwrap();
    assert_eq!(settings.media.ports(), 10_000);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tandem.toml");
    let missing = Settings::load(&path, []).unwrap_err();
    assert_eq!(missing.faults.len(), 1);
    assert!(missing.faults[0].message.starts_with(&format!("{} cannot be read: ", path.display())), "{missing}");
    assert!(missing.faults[0].help.as_deref().is_some_and(|help| help.contains("config/tandem.toml")));

    std::fs::write(&path, "[sip]\nt1_ms = 600\n").unwrap();
    assert_eq!(Settings::load(&path, []).unwrap().sip.t1_ms, 600);
    std::fs::write(&path, "[sip]\nt1_ms = 5\n").unwrap();
    let wrong = Settings::load(&path, []).unwrap_err().report();
    assert!(wrong.contains(&format!("[{}:2:9]", path.display())), "{wrong}");
}

#[test]
fn an_emergency_list_with_faults_is_refused_with_all_of_them() {
    let text = "[EE]\ncalling_code = \"0372\"\nnumbers = [\"112\", \"112\", \"+112\"]\n[GB]\ncalling_code = \"44\"\nnumbers = []\n";
    let faults = EmergencyNumbers::parse("list.toml", text).unwrap_err();
    assert_eq!(
        messages(&faults),
        [
            "EE.calling_code: \"0372\" is not a calling code",
            "EE.numbers: \"112\" stands twice",
            "EE.numbers: \"+112\" is not an emergency number",
            "GB.numbers: no number",
        ]
    );
    let faults = EmergencyNumbers::parse("list.toml", "[EE]\nnumbers = [\"112\"]\n[gb]\n").unwrap_err();
    assert_eq!(faults.faults[0].message, "EE: missing key `calling_code`");
}

#[test]
fn redis_without_a_server_is_refused_with_what_to_write() {
    assert_eq!(
        report(&refused("[ledger]\nengine = \"redis\"\n")),
        "  × ledger.url: not set, and ledger.engine is \"redis\"
   ╭─[tandem.toml:2:10]
 1 │ [ledger]
 2 │ engine = \"redis\"
   ·          ───────
   ╰────
  help: name the server, such as url = \"redis://127.0.0.1:6379\"
"
    );
}

#[test]
fn a_wrong_redis_url_is_refused_and_a_password_in_it_is_not_repeated() {
    let text = |url: &str| format!("[ledger]\nengine = \"redis\"\nurl = \"{url}\"\n");
    let faults = refused(&text("127.0.0.1:6379"));
    assert!(messages(&faults)[0].contains("expected one such as \"redis://127.0.0.1:6379\""), "{}", report(&faults));
    let faults = refused(&text("redis://:hunter2@127.0.0.1"));
    assert!(messages(&faults)[0].contains("the password in a file that ledger.password_file names"));
    for several in ["rediss://127.0.0.1", "redis+sentinel://a,b/mymaster", "rediss+cluster://a,b:7001"] {
        let settings = Settings::parse("tandem.toml", &text(several), variables(&[]));
        assert!(settings.is_ok(), "{several}: {settings:?}");
    }
}

#[test]
fn half_of_what_is_shown_to_redis_is_refused() {
    for (given, missing) in [("certificate_file", "key_file"), ("key_file", "certificate_file")] {
        let faults = refused(&format!("[ledger]\n{given} = \"/etc/tandem/redis.pem\"\n"));
        assert_eq!(messages(&faults), [format!("ledger.{missing}: not set, and ledger.{given} is")]);
    }
}

#[test]
fn a_payment_provider_that_is_named_by_half_or_beside_the_sandbox_is_refused() {
    let http = refused("[payments]\nprovider = \"http\"\n");
    let missing = |key: &str| format!("payments.{key}: not set, and payments.provider is \"http\"");
    assert_eq!(messages(&http), [missing("url"), missing("secret_file")]);
    let both = refused("[payments]\nprovider = \"sandbox\"\nurl = \"https://pay.example.com/v1\"\n");
    let takes = "payments.provider: \"sandbox\" takes nobody's money, and payments.url names a real provider";
    assert_eq!(messages(&both), [takes]);
    let bad = ["http://pay.example.com", "https://pay.example.com/", "pay.example.com", "ftp://a", "https://a@b"];
    for url in bad.into_iter().chain(["http://127.0.0.1.example.com", "https://"]) {
        let text = format!("[payments]\nprovider = \"http\"\nurl = \"{url}\"\nsecret_file = \"secret\"\n");
        assert!(messages(&refused(&text))[0].starts_with("payments.url: "), "{url}");
    }
    for url in ["https://pay.example.com/v1", "http://127.0.0.1:8000/v1", "http://[::1]", "http://localhost"] {
        let text = format!("[payments]\nprovider = \"http\"\nurl = \"{url}\"\nsecret_file = \"secret\"\n");
        let settings = Settings::parse("tandem.toml", &text, variables(&[]));
        assert!(settings.is_ok(), "{url}: {settings:?}");
    }
}

#[test]
fn an_address_that_nobody_can_reach_is_not_told_to_the_internet() {
    let public = "[sip]\nlisten = [\"8.8.8.8:5060\"]\n";
    let told = messages(&refused(public)).join("\n");
    assert!(told.contains("media.address: SDP would name it, but 127.0.0.1 is the loopback of this machine"), "{told}");
    let behind = format!("{public}advertised_address = \"192.168.1.2\"\n[media]\naddress = \"8.8.8.8\"\n");
    assert_eq!(
        messages(&refused(&behind)),
        [
            "sip.advertised_address: 192.168.1.2 is a private address (RFC 1918), and peers that reach 8.8.8.8 from the internet \
          cannot send to it"
        ]
    );
}

#[test]
fn the_second_media_address_is_of_the_other_version_of_ip() {
    let file = |keys: &str| format!("[media]\naddress = \"127.0.0.1\"\n{keys}\n");
    assert_eq!(
        messages(&refused(&file("second_address = \"127.0.0.2\""))),
        ["media.second_address: 127.0.0.2 is of the same version of IP as media.address, 127.0.0.1"]
    );
    assert_eq!(
        messages(&refused(&file("second_address = \"::1\"\nsecond_advertised_address = \"192.0.2.1\""))),
        ["media.second_advertised_address: 192.0.2.1 is of another version of IP than ::1, where sound is received"]
    );
    assert_eq!(
        messages(&refused(&file("second_advertised_address = \"::1\""))),
        ["media.second_advertised_address: set, and media.second_address is not"]
    );
    let unspecified = messages(&refused(&file("second_address = \"::\""))).join("\n");
    assert!(unspecified.contains("media.second_address: :: means every address of this machine"), "{unspecified}");
    let advertised = messages(&refused(&file("advertised_address = \"2606:4700::1\""))).join("\n");
    assert!(advertised.contains("2606:4700::1 is of another version of IP than 127.0.0.1"), "{advertised}");
    let both = file("second_address = \"::1\"");
    assert_eq!(Settings::parse("tandem.toml", &both, []).unwrap().media.second_address, Some("::1".parse().unwrap()));
    let public = "[sip]\nlisten = [\"[2606:4700::1]:5060\"]\n[media]\naddress = \"2606:4700::1\"\nsecond_address = \"10.0.0.1\"\n";
    assert!(Settings::parse("tandem.toml", public, []).is_ok(), "nobody comes from the internet by IPv4");
}
