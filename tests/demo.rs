//! `tandem demo --exit --json`, as a stranger runs it: the process, its exit code, and the one object that it prints.
//!
//! What each step demands is told in `src/demo/story`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use serde_json::Value;
use std::process::{Command, Stdio};

/// Runs the demo with these options too, and gives its summary with what it said.
fn demo(options: &[&str]) -> (Value, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["demo", "--exit", "--json"])
        .args(options)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{}\n{said}", out.status);
    (serde_json::from_slice(&out.stdout).expect("one JSON object on standard output"), said)
}

#[test]
fn the_demo_ends_well_and_all_books_agree() {
    let (summary, said) = demo(&[]);
    let steps: Vec<&str> =
        summary["steps"].as_array().unwrap().iter().filter_map(|step| step["name"].as_str()).collect();
    let told = ["registration", "answered", "busy", "emergency", "cut_off", "no_credit", "echo", "unregistration"];
    assert_eq!(steps, told, "{said}");
    assert!(summary["steps"].as_array().unwrap().iter().all(|step| step["ok"] == true), "{said}");
    let books = &summary["books"];
    let charged = summary["expected_charged"].as_str().unwrap();
    for source in ["charged_by_totals", "charged_by_records", "charged_by_statements", "charged_by_ledger"] {
        assert_eq!(books[source], charged, "{source}: {said}");
    }
    assert_eq!((books["calls"].as_u64(), books["answered"].as_u64()), (Some(7), Some(4)));
    assert_eq!(books["ledger_clean"], true);
    assert!(summary["seconds"].as_f64().unwrap() < 30.0, "{said}");
}
