//! What the endpoint answers by itself, without asking anybody, and in which order it looks.
//!
//! Who may call whom is not decided here.

use crate::Method;

/// What is understood here: methods, extensions, bodies.
#[derive(Clone, Debug)]
pub struct FrontDoor {
    /// Methods that are handed on; any other is answered 405 with these in Allow. ACK and CANCEL belong in the list, though they
    /// are never handed on as requests.
    pub methods: Vec<Method>,
    /// Option tags that may stand in Require and Proxy-Require; any other is answered 420. Printed in Supported.
    pub extensions: Vec<&'static str>,
    /// Printed in Accept in the answer to OPTIONS.
    pub accept: &'static str,
    /// Printed in Server in every answer of the endpoint's own; nothing where empty.
    pub server: String,
}

impl Default for FrontDoor {
    fn default() -> Self {
        Self {
            methods: vec![
                Method::Invite,
                Method::Ack,
                Method::Bye,
                Method::Cancel,
                Method::Options,
                Method::Register,
                Method::Info,
                Method::Update,
            ],
            extensions: vec!["timer"],
            accept: "application/sdp",
            server: String::new(),
        }
    }
}
