//! What the endpoint answers by itself, without asking anybody, and in which order it looks.
//!
//! Who may call whom is not decided here.
//!
//! The order is that of RFC 3261 8.2: the method (405), then (of new requests) whether it can be new at all (481), the hops left
//! (483), merged requests (482, looked up by the endpoint), the extensions (420), and OPTIONS (200).

use super::Reply;
use crate::{Message, Method, Name};
use domain::refusal::RefusalKind;

/// What is understood here: methods, extensions, bodies.
#[derive(Clone, Debug)]
pub struct FrontDoor {
    /// Methods that are handed on; any other is answered 405 with these in Allow. ACK and CANCEL belong in the list, though they
    /// are never handed on as requests.
    pub methods: Vec<Method>,
    /// Option tags that may stand in Require and Proxy-Require; any other is answered 420. Printed in Supported.
    pub extensions: Vec<&'static str>,
    /// The shortest session interval that is granted, in seconds: a peer that knows session timers and asks for less gets 422 (RFC 4028 9).
    pub min_se_s: u32,
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
                Method::Prack,
            ],
            extensions: vec!["timer", "100rel"],
            min_se_s: 90,
            accept: "application/sdp",
            server: String::new(),
        }
    }
}

impl FrontDoor {
    /// An answer of the endpoint's own.
    pub(super) fn reply(&self, status: u16, phrase: &'static str) -> Reply {
        let reply = Reply::new(status, phrase);
        if self.server.is_empty() { reply } else { reply.header(Name::Server, &self.server) }
    }

    /// A refusal of the endpoint's own.
    pub(super) fn refuse(&self, kind: RefusalKind) -> Reply {
        self.reply(kind.status(), kind.phrase()).because(kind, kind.sentence())
    }

    /// 405 to a method that is known and not offered, 501 to one that nobody has heard of (RFC 3261 8.2.1, 21.5.2).
    pub(super) fn refuse_method(&self, method: &Method) -> Option<Reply> {
        if self.methods.contains(method) {
            return None;
        }
        let reply = match method {
            Method::Other(_) => self.refuse(RefusalKind::MethodUnknown),
            Method::Refer => {
                let sentence = "Calls are not transferred by REFER; call the other number and join the two in the PBX";
                self.refuse(RefusalKind::MethodNotAllowed).because(RefusalKind::MethodNotAllowed, sentence)
            }
            _ => self.refuse(RefusalKind::MethodNotAllowed),
        };
        Some(reply.header(Name::Allow, self.allow()))
    }

    /// 422 to a session interval that is too short (RFC 4028 9). Who does not know session timers cannot be told.
    pub(super) fn refuse_interval(&self, request: &Message) -> Option<Reply> {
        let (asked, _) = request.session_expires_s()?;
        let knows = request.supports("timer") || request.require().any(|tag| tag.eq_ignore_ascii_case("timer"));
        (asked < self.min_se_s && knows)
            .then(|| self.refuse(RefusalKind::SessionIntervalTooSmall).header(Name::MinSe, self.min_se_s.to_string()))
    }

    /// 481 to a request without To tag whose method has no meaning outside of dialogs (RFC 3261 15.1.2, RFC 3311 5.2, RFC 6086
    /// 4.2.1, RFC 3262 3).
    pub(super) fn refuse_dialogless(&self, method: &Method) -> Option<Reply> {
        let needs_dialog = matches!(method, Method::Bye | Method::Update | Method::Info | Method::Prack);
        needs_dialog.then(|| self.refuse(RefusalKind::NoSuchDialog))
    }

    /// 483 to a new request whose hops are used up: as a back-to-back user agent we would send it on. Requests inside dialogs
    /// are for us, whatever their count.
    pub(super) fn refuse_hops(&self, request: &Message) -> Option<Reply> {
        let is_used_up = request.max_forwards().is_ok_and(|hops| hops == Some(0));
        is_used_up.then(|| self.refuse(RefusalKind::HopsUsedUp))
    }

    /// 420 to extensions that are not understood (RFC 3261 8.2.2.3).
    pub(super) fn refuse_extensions(&self, request: &Message) -> Option<Reply> {
        let mut unknown = String::new();
        for option in request.require().chain(request.proxy_require()) {
            if !self.extensions.iter().any(|known| known.eq_ignore_ascii_case(option)) {
                unknown.push_str(if unknown.is_empty() { "" } else { ", " });
                unknown.push_str(option);
            }
        }
        (!unknown.is_empty()).then(|| self.refuse(RefusalKind::ExtensionUnknown).header(Name::Unsupported, unknown))
    }

    /// 200 to OPTIONS outside of dialogs (RFC 3261 11.2).
    pub(super) fn answer_options(&self, method: &Method) -> Option<Reply> {
        if *method != Method::Options {
            return None;
        }
        let mut reply = self.reply(200, "OK").header(Name::Allow, self.allow()).header(Name::Accept, self.accept);
        if !self.extensions.is_empty() {
            reply = reply.header(Name::Supported, self.extensions.join(", "));
        }
        Some(reply)
    }

    /// The value of Allow.
    pub fn allow(&self) -> String {
        self.methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
    }
}
