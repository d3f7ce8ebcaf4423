//! Planted SIP bugs: what the switch says is falsified on its way out, as if it had been said so.
//!
//! It is code of the test world; there is no switch for it in the product. Which test finds which bug is in `docs/simulation.md`.

use super::text::{cseq, header, method, status, tag};

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
}

impl WireBug {
    /// What goes out instead; none where nothing does.
    pub(super) fn falsify(self, text: String) -> Option<String> {
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
            _ => Some(text),
        }
    }
}
