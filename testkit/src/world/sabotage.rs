//! Planted SIP bugs: what the switch says is falsified on its way out, as if it had been said so.
//!
//! It is code of the test world; there is no switch for it in the product. Which test finds which bug is in `docs/simulation.md`.

use super::text::{AMOUNT, amount_of, body, cseq, header, method, status, tag, told_sum};

/// What is wrong with the switch's SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireBug {
    /// A 2xx is not acknowledged.
    LostAck,
    /// A BYE has the number of the INVITE.
    WrongCseq,
    /// Hold is answered as if nothing had been asked.
    HoldAnsweredSendrecv,
    /// Of what rings, the 180s get lost.
    RingingDropped,
    /// Sessions are never refreshed.
    NeverRefreshed,
    /// The final sum that the PBX is told is not the one that it pays.
    DearerBill,
    /// The PBX is told a sum before anybody has paid it.
    EarlySum,
}

impl WireBug {
    /// What goes out instead; none where nothing does.
    pub(crate) fn falsify(self, text: String) -> Option<String> {
        let is_inside = header(&text, "To").and_then(tag).is_some();
        let called = method(&text);
        match self {
            WireBug::LostAck if called == Some("ACK") => None,
            WireBug::WrongCseq if called == Some("BYE") => {
                let line = format!("CSeq: {} BYE", cseq(&text).0);
                Some(text.replace(&line, "CSeq: 1 BYE"))
            }
            WireBug::HoldAnsweredSendrecv if status(&text) == Some(200) => {
                Some(text.replace("a=recvonly", "a=sendrecv").replace("a=inactive", "a=sendrecv"))
            }
            WireBug::RingingDropped if status(&text) == Some(180) => None,
            WireBug::NeverRefreshed if is_inside && matches!(called, Some("INVITE" | "UPDATE")) => None,
            WireBug::DearerBill if text.contains("<aoc-e>") => Some(dearer(&text)),
            WireBug::EarlySum if text.contains("<aoc-d>") => Some(dearer(&text)),
            _ => Some(text),
        }
    }
}

/// Each sum in it a cent more; what counts the body's octets is put right, should there be one more.
fn dearer(text: &str) -> String {
    let Some(sum) = told_sum(text) else { return text.to_owned() };
    let cents = sum / 10_000 + 1;
    let before = body(text).len();
    let (from, to) = (amount_of(text).unwrap_or_default(), format!("{}.{:02}", cents / 100, cents % 100));
    let again = text.replace(&format!("{AMOUNT}{from}<"), &format!("{AMOUNT}{to}<"));
    let after = before + to.len() - from.len();
    again.replace(&format!("Content-Length: {before}"), &format!("Content-Length: {after}"))
}
