//! What a trunk does about fax over T.38 (ITU-T T.38, RFC 3362): relayed, or refused so that the machines stay with sound.
//!
//! No packet is read here (`media` passes them on), and no session description (`leg` does).

crate::policy::policy! {
    /// Whether fax over T.38 passes a trunk.
    FaxPolicy, "T.38" {
        /// An INVITE or re-INVITE to T.38 is offered to the other side, and its packets pass.
        #[default]
        Relay = "relay",
        /// It is refused with 488; the machines go on with G.711.
        Refuse = "refuse",
    }
}
