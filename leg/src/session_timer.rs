//! Session timers (RFC 4028): what is asked of the peer and granted to it, who refreshes, and by when a sign of life is due.
//!
//! The timers themselves are armed, and refreshes sent, by `talk`.

use sip::endpoint::Reply;
use sip::{Lines, Message, Method, Name};
use std::time::Duration;

/// Seconds below which no session interval may lie (RFC 4028 4).
pub const MIN_SE_S: u32 = 90;

/// How long sessions last without a refresh, as an operator sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimers {
    /// The interval that we ask for, and the longest that we grant; 0: we ask for none, and grant what peers ask for.
    pub expires_s: u32,
    /// The shortest that we grant, at least [`MIN_SE_S`]: a peer that wants less gets 422 at the front door.
    pub min_se_s: u32,
}

impl Default for SessionTimers {
    fn default() -> Self {
        SessionTimers { expires_s: 1_800, min_se_s: MIN_SE_S }
    }
}

/// Who sends the refreshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresher {
    /// We do.
    Us,
    /// The peer does.
    Peer,
}

/// The session timer of one leg.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionTimer {
    policy: SessionTimers,
    /// 0: none runs.
    interval_s: u32,
    refresher: Refresher,
    /// The greatest Min-SE that was heard.
    floor_s: u32,
    takes_update: bool,
}

fn knows_timer(message: &Message) -> bool {
    message.supports("timer") || message.require().any(|tag| tag.eq_ignore_ascii_case("timer"))
}

impl SessionTimer {
    /// Before anything was agreed.
    pub(crate) fn new(policy: SessionTimers) -> SessionTimer {
        SessionTimer { policy, interval_s: 0, refresher: Refresher::Us, floor_s: MIN_SE_S, takes_update: false }
    }

    /// Whether refreshes may be UPDATEs.
    pub(crate) fn takes_update(&self) -> bool {
        self.takes_update
    }

    /// The peer said of UPDATE that it does not know it, whatever its Allow says.
    pub(crate) fn forget_update(&mut self) {
        self.takes_update = false;
    }

    fn hear(&mut self, message: &Message) {
        if message.header(Name::Allow).is_some() {
            self.takes_update = message.tokens(Name::Allow).any(|method| method == Method::Update.as_str());
        }
        self.floor_s = self.floor_s.max(message.min_se_s().unwrap_or_default());
    }

    /// A request of the peer (INVITE, re-INVITE, UPDATE) is accepted: what is granted is added to `reply`. The role is kept where
    /// the peer does not ask for another (RFC 4028 7.4).
    pub(crate) fn grant(&mut self, request: &Message, reply: Reply) -> Reply {
        self.hear(request);
        let knows = knows_timer(request);
        let asked = request.session_expires_s().filter(|_| knows);
        let was_running = self.interval_s > 0;
        match asked {
            Some((seconds, who)) => {
                let most = if self.policy.expires_s == 0 { seconds } else { self.policy.expires_s };
                let least = self.floor_s.max(self.policy.min_se_s).min(seconds.max(MIN_SE_S));
                self.interval_s = seconds.min(most).max(least);
                self.refresher = match who {
                    Some(who) if who.eq_ignore_ascii_case("uac") => Refresher::Peer,
                    Some(_) => Refresher::Us,
                    None if was_running => self.refresher,
                    None => Refresher::Peer,
                };
            }
            None if was_running => {}
            // Nobody asked, but a peer that vanishes shall be noticed: we refresh (RFC 4028 9, table 2).
            None => {
                self.interval_s = if self.policy.expires_s == 0 { 0 } else { self.policy.expires_s.max(self.floor_s) };
                self.refresher = Refresher::Us;
            }
        }
        if self.interval_s == 0 || !knows {
            return reply;
        }
        match self.refresher {
            Refresher::Peer => reply
                .header(Name::SessionExpires, format!("{};refresher=uac", self.interval_s))
                .header(Name::Require, "timer"),
            Refresher::Us => reply.header(Name::SessionExpires, format!("{};refresher=uas", self.interval_s)),
        }
    }

    /// What a request of ours asks for. In the first INVITE nobody is named: who is called chooses.
    pub(crate) fn ask<'b>(&self, lines: Lines<'b>) -> Lines<'b> {
        let wanted = if self.interval_s == 0 { self.policy.expires_s } else { self.interval_s };
        if wanted == 0 {
            return lines;
        }
        let wanted = wanted.max(self.floor_s);
        let lines = match (self.interval_s, self.refresher) {
            (0, _) => lines.header(Name::SessionExpires, wanted.to_string()),
            // Seen from this request we are the user agent client.
            (_, Refresher::Us) => lines.header_fmt(Name::SessionExpires, format_args!("{wanted};refresher=uac")),
            (_, Refresher::Peer) => lines.header_fmt(Name::SessionExpires, format_args!("{wanted};refresher=uas")),
        };
        if self.floor_s > MIN_SE_S { lines.header(Name::MinSe, self.floor_s.to_string()) } else { lines }
    }

    /// A request of ours was accepted: this is what the peer grants.
    pub(crate) fn granted(&mut self, response: &Message) {
        self.hear(response);
        match response.session_expires_s() {
            Some((seconds, who)) => {
                self.interval_s = seconds.max(MIN_SE_S);
                self.refresher = match who {
                    Some(who) if who.eq_ignore_ascii_case("uas") => Refresher::Peer,
                    _ => Refresher::Us,
                };
            }
            // It knows no session timers; so it is us who look whether it lives.
            None => {
                self.interval_s = if self.policy.expires_s == 0 { 0 } else { self.policy.expires_s.max(self.floor_s) };
                self.refresher = Refresher::Us;
            }
        }
    }

    /// A 422: the next request asks for as much as the peer wants. Whether that is more than before; otherwise asking again is no use.
    pub(crate) fn raise(&mut self, response: &Message) -> bool {
        let before = self.floor_s;
        self.floor_s = self.floor_s.max(response.min_se_s().unwrap_or_default());
        self.interval_s = if self.interval_s == 0 { 0 } else { self.interval_s.max(self.floor_s) };
        self.floor_s > before
    }

    /// How long after the last refresh we send the next one: half of the interval (RFC 4028 7.2); none where the peer does.
    pub(crate) fn refresh_after(&self) -> Option<Duration> {
        (self.interval_s > 0 && self.refresher == Refresher::Us)
            .then(|| Duration::from_secs(u64::from(self.interval_s / 2)))
    }

    /// How long after the last refresh the session is dead: a third of the interval, at most 32 s, before its end (RFC 4028 10).
    pub(crate) fn expires_after(&self) -> Option<Duration> {
        (self.interval_s > 0).then(|| Duration::from_secs(u64::from(self.interval_s - (self.interval_s / 3).min(32))))
    }
}
