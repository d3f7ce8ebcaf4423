//! Labels cannot come from the wire, and their number is bounded.

use super::*;
use domain::ReleaseCause;
use domain::credit::Code as LedgerCode;

#[test]
fn a_status_has_its_own_label_or_that_of_its_class() {
    let code = |status| Code::VALUES[Code::of(status).index()];
    for (status, label) in
        [(200, "200"), (486, "486"), (423, "4xx"), (505, "5xx"), (302, "3xx"), (606, "6xx"), (181, "1xx"), (0, "2xx")]
    {
        assert_eq!(code(status), label);
    }
    let final_code = |status| FinalCode::VALUES[FinalCode::of(status).index()];
    for (status, label) in [(200, "200"), (402, "402"), (423, "4xx"), (302, "3xx"), (604, "604"), (699, "6xx")] {
        assert_eq!(final_code(status), label);
    }
    for status in 100..700 {
        assert!(Code::of(status).index() < Code::VALUES.len());
        assert_eq!(code(status).as_bytes()[0], b'0' + (status / 100) as u8);
    }
}

#[test]
fn every_cause_and_ledger_code_is_at_its_own_place() {
    for cause in ReleaseCause::ALL {
        assert_eq!(ReleaseCause::VALUES[cause.index()], cause.as_str());
    }
    for code in LedgerCode::ALL {
        assert_eq!(LedgerCode::VALUES[code.index()], code.as_str());
    }
}
