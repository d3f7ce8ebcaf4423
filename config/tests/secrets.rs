//! Secrets are read from their files, refused in words that do not repeat them, and never printed.
//!
//! That the settings name the files rightly is tested in `refused_files.rs`.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use config::{ConfigFaults, Secrets, Settings};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn read(tokens: Option<&str>, key: Option<&str>) -> Result<Secrets, ConfigFaults> {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let mut settings = Settings::default();
    settings.http.tokens_file = tokens.map(|text| file("tokens", text));
    settings.sip.nonce_key_file = key.map(|text| file("key", text));
    settings.read_secrets()
}

fn messages(faults: &ConfigFaults) -> Vec<String> {
    // The folder is another one each time.
    faults.faults.iter().map(|fault| fault.message.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn tokens_and_keys_are_read_from_their_files() {
    let secrets =
        read(Some(&format!("# ours\n\nalice {TOKEN}\r\n  bob\t{TOKEN}2 \n")), Some(&format!("{TOKEN}\n"))).unwrap();
    let tokens: Vec<(&str, &str)> =
        secrets.api_tokens.iter().map(|token| (token.name.as_str(), token.secret.expose())).collect();
    assert_eq!(tokens, [("alice", TOKEN), ("bob", &format!("{TOKEN}2"))]);
    assert_eq!(secrets.nonce_key.as_ref().map(|key| key.expose()), Some(TOKEN));
    assert_eq!(read(None, None).unwrap(), Secrets::default());
}

#[test]
fn no_secret_is_ever_printed() {
    let secrets = read(Some(&format!("alice {TOKEN}\n")), Some(TOKEN)).unwrap();
    let printed = format!("{secrets:?} {}", secrets.api_tokens[0].secret);
    assert!(!printed.contains(TOKEN) && printed.contains("******"), "{printed}");

    let mut settings = Settings::default();
    settings.http.tokens_file = Some("/etc/tandem/api_tokens".into());
    assert!(
        settings.effective().contains("tokens_file = \"/etc/tandem/api_tokens\""),
        "the name of the file is no secret"
    );
}

#[test]
fn every_line_that_is_no_token_is_refused_without_repeating_it() {
    let faults = read(Some(&format!("alice {TOKEN}\nalice {TOKEN}\nbob hunter2hunter2\n{TOKEN}\n")), Some("hunter2"))
        .unwrap_err();
    assert_eq!(
        messages(&faults),
        [
            "tokens, line 2: the name is taken already",
            "tokens, line 3: the token is too short",
            "tokens, line 4: not a name and a token",
            "key: the key is too short",
        ]
    );
    let report = faults.report();
    assert!(!report.contains(TOKEN) && !report.contains("hunter2"), "{report}");
    assert!(report.contains("such as `openssl rand -hex 32` prints"), "{report}");
}

#[test]
fn more_tokens_than_permitted_are_refused_and_not_dropped() {
    let lines = |count: usize| (0..count).map(|index| format!("name{index} {TOKEN}{index}\n")).collect::<String>();
    assert_eq!(read(Some(&lines(1_000)), None).unwrap().api_tokens.len(), 1_000);
    assert_eq!(messages(&read(Some(&lines(1_002)), None).unwrap_err()), ["tokens, line 1001: more than 1000 tokens"]);
}

#[test]
fn a_secret_file_that_is_not_there_is_named_with_its_key() {
    let mut settings = Settings::default();
    settings.http.tokens_file = Some("/nonexistent/tokens".into());
    settings.sip.nonce_key_file = Some("/nonexistent/key".into());
    settings.ledger.password_file = Some("/nonexistent/password".into());
    let faults = settings.read_secrets().unwrap_err();
    assert_eq!(faults.faults.len(), 3);
    assert!(faults.faults[2].message.starts_with("ledger.password_file: \"/nonexistent/password\" cannot be read: "));
    assert!(faults.faults[0].message.starts_with("http.tokens_file: \"/nonexistent/tokens\" cannot be read: "));
    assert!(faults.faults[1].message.starts_with("sip.nonce_key_file: \"/nonexistent/key\" cannot be read: "));
}

#[test]
fn the_payment_providers_secret_is_read_where_there_is_one_and_refused_where_it_can_be_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("payment_secret");
    let mut settings = Settings::default();
    settings.payments.url = Some("http://127.0.0.1:8000/v1".to_owned());
    settings.payments.secret_file = Some(path.clone());
    assert_eq!(settings.read_secrets().unwrap().payments, None, "the provider is off");
    settings.payments.provider = config::PaymentProviderName::Http;
    std::fs::write(&path, format!("{TOKEN}\n")).unwrap();
    let read = settings.read_secrets().unwrap().payments.unwrap();
    assert_eq!((read.secret.expose(), read.authorities.as_str()), (TOKEN, ""));
    assert!(!format!("{read:?}").contains(TOKEN));
    std::fs::write(&path, "hunter2").unwrap();
    let faults = settings.read_secrets().unwrap_err();
    assert_eq!(messages(&faults), ["payment_secret: the secret is too short"]);
}
