//! Who may speak on a port: the source rule of one port of one side.
//!
//! Sound is sent to the described address. The source is learned only where that address is not routable, or where its IP
//! matches and just the port differs, and only from the IP of the authenticated signalling; once per negotiation, then it is
//! fixed. (Measured: relays that learn by default let a stranger hear and speak.)
//!
//! Whether a packet is RTP at all was decided before, so that noise teaches nothing.

use crate::routable::{is_routable, is_somewhere};
use crate::settings::Learning;
use std::net::{IpAddr, SocketAddr};

/// Who may speak on one port, and where is answered to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceRule {
    described: SocketAddr,
    signalling_ip: IpAddr,
    trust: Trust,
    state: State,
}

/// Who may teach another source than the described one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    Nobody,
    /// The signalling's IP, where the description leaves room for it.
    Signalling,
    /// One IP, whatever is described.
    Ip(IpAddr),
    Anybody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has spoken since the negotiation.
    Waiting,
    /// Nobody has spoken since the negotiation, which described the same far end as the one before: its source stands until
    /// then (a phone behind a NAT that is put on hold must hear the music).
    Carried(SocketAddr),
    /// Nobody has spoken from the new far end since the negotiation, which described another one than before: the last packets of the
    /// former source are still heard, and fix nothing. A phone may answer from its old port for as long as our answer is on its way.
    Moved(SocketAddr),
    Fixed(SocketAddr),
}

impl SourceRule {
    /// The rule for RTP from a far end that describes `described`; `former` is the rule of the negotiation before.
    pub(crate) fn for_rtp(
        former: Option<&SourceRule>,
        described: SocketAddr,
        signalling_ip: IpAddr,
        learning: Learning,
    ) -> Self {
        let trust = match learning {
            Learning::Off => Trust::Nobody,
            Learning::SignallingIp => Trust::Signalling,
            Learning::FirstPacket => Trust::Anybody,
        };
        Self::new(former, described, signalling_ip, trust)
    }

    /// The rule for RTCP. Where the first packet decides, that is the first RTP packet: see [`SourceRule::follow`].
    pub(crate) fn for_rtcp(
        former: Option<&SourceRule>,
        described: SocketAddr,
        signalling_ip: IpAddr,
        learning: Learning,
    ) -> Self {
        let trust = match learning {
            Learning::Off | Learning::FirstPacket => Trust::Nobody,
            Learning::SignallingIp => Trust::Signalling,
        };
        Self::new(former, described, signalling_ip, trust)
    }

    fn new(former: Option<&SourceRule>, described: SocketAddr, signalling_ip: IpAddr, trust: Trust) -> Self {
        let state = match former {
            Some(former) if is_same(former.described, described) && former.signalling_ip == signalling_ip => {
                match former.state {
                    State::Fixed(source) | State::Carried(source) => State::Carried(source),
                    State::Moved(former) => State::Moved(former),
                    State::Waiting => State::Waiting,
                }
            }
            Some(former) if former.signalling_ip == signalling_ip => match former.state {
                State::Fixed(source) | State::Carried(source) | State::Moved(source) => State::Moved(source),
                State::Waiting => State::Waiting,
            },
            _ => State::Waiting,
        };
        Self { described, signalling_ip, trust, state }
    }

    /// Whether a packet from `from` is heard. The first that is fixes the source.
    pub(crate) fn admits(&mut self, from: SocketAddr) -> bool {
        match self.state {
            State::Fixed(source) => is_same(source, from),
            State::Carried(source) if is_same(source, from) => self.fix(from),
            State::Moved(former) if is_same(former, from) && !is_same(self.described, from) => true,
            State::Carried(_) | State::Moved(_) | State::Waiting => {
                (is_same(self.described, from) || self.may_teach(from)) && self.fix(from)
            }
        }
    }

    /// Whether a packet from `from` would be heard, or teach its source: what is asked before it is known to be genuine.
    pub(crate) fn would_admit(&self, from: SocketAddr) -> bool {
        let mut rule = *self;
        rule.admits(from)
    }

    /// Whether a packet from `from` would be heard without teaching anything.
    pub(crate) fn is_expected(&self, from: SocketAddr) -> bool {
        match self.state {
            State::Fixed(source) => is_same(source, from),
            State::Carried(source) | State::Moved(source) => is_same(source, from) || is_same(self.described, from),
            State::Waiting => is_same(self.described, from),
        }
    }

    /// RTP has its source: where the first packet decides, RTCP may come from any port of the same IP.
    pub(crate) fn follow(&mut self, rtp_source: IpAddr) {
        self.trust = Trust::Ip(rtp_source);
    }

    /// Where to send to: the source once it is fixed; the described address as long as it is not, if that can be meant for
    /// us. None also where the description asks for nothing (`0.0.0.0`, port 0).
    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        if self.described.ip().is_unspecified() || self.described.port() == 0 {
            return None;
        }
        match self.state {
            State::Fixed(source) | State::Carried(source) => Some(source),
            State::Waiting | State::Moved(_) => {
                let is_meant = match self.trust {
                    Trust::Nobody => is_somewhere(self.described.ip()),
                    Trust::Signalling | Trust::Ip(_) | Trust::Anybody => {
                        is_routable(self.described.ip(), self.signalling_ip)
                    }
                };
                is_meant.then_some(self.described)
            }
        }
    }

    /// The source, once it is fixed.
    pub(crate) fn source(&self) -> Option<SocketAddr> {
        match self.state {
            State::Fixed(source) => Some(source),
            State::Waiting | State::Carried(_) | State::Moved(_) => None,
        }
    }

    /// Whether the source was learned rather than described.
    pub(crate) fn is_learned(&self) -> bool {
        self.source().is_some_and(|source| !is_same(source, self.described))
    }

    fn may_teach(&self, from: SocketAddr) -> bool {
        match self.trust {
            Trust::Nobody => false,
            Trust::Signalling => {
                from.ip() == self.signalling_ip
                    && (from.ip() == self.described.ip() || !is_routable(self.described.ip(), self.signalling_ip))
            }
            Trust::Ip(ip) => from.ip() == ip,
            Trust::Anybody => true,
        }
    }

    fn fix(&mut self, source: SocketAddr) -> bool {
        self.state = State::Fixed(source);
        true
    }
}

/// Flow labels and scopes of IPv6 are not compared: no description carries them.
fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    one.ip() == other.ip() && one.port() == other.port()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARRIER: &str = "203.0.113.9:4000";
    const NATTED: &str = "192.168.1.5:4000";
    const PUBLIC: &str = "198.51.100.7:61000";

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn rule(described: &str, signalling: &str, learning: Learning) -> SourceRule {
        SourceRule::for_rtp(None, at(described), signalling.parse().unwrap(), learning)
    }

    #[test]
    fn a_routable_source_is_the_described_one_and_nobody_else() {
        for learning in [Learning::Off, Learning::SignallingIp] {
            let mut rule = rule(CARRIER, "203.0.113.5", learning);
            assert_eq!(rule.destination(), Some(at(CARRIER)));
            assert!(!rule.admits(at("198.51.100.66:4000")), "a stranger");
            assert!(!rule.admits(at("203.0.113.9:4002")), "another port, but not the signalling's IP");
            assert!(!rule.admits(at("203.0.113.5:4000")), "the signalling's IP, but the described one is routable");
            assert!(rule.admits(at(CARRIER)));
            assert!(!rule.is_learned());
            assert_eq!(rule.destination(), Some(at(CARRIER)));
        }
    }

    #[test]
    fn a_phone_behind_a_nat_is_learned_once_and_only_from_its_signallings_ip() {
        let mut rule = rule(NATTED, "198.51.100.7", Learning::SignallingIp);
        assert_eq!(rule.destination(), None, "192.168.1.5 would be somebody in our own network");
        assert!(!rule.admits(at("203.0.113.66:61000")));
        assert!(rule.admits(at(PUBLIC)));
        assert!(rule.is_learned());
        assert_eq!(rule.destination(), Some(at(PUBLIC)));
        assert!(!rule.admits(at("198.51.100.7:61001")), "once per negotiation");
        assert!(!rule.admits(at(NATTED)), "once per negotiation");
        assert!(rule.admits(at(PUBLIC)));
    }

    #[test]
    fn another_port_of_the_described_ip_is_learned_once() {
        let mut rule = rule("198.51.100.7:4000", "198.51.100.7", Learning::SignallingIp);
        assert_eq!(rule.destination(), Some(at("198.51.100.7:4000")));
        assert!(rule.admits(at(PUBLIC)));
        assert_eq!(rule.destination(), Some(at(PUBLIC)));
        assert!(!rule.admits(at("198.51.100.7:4000")));
    }

    #[test]
    fn with_learning_off_a_nat_is_not_crossed() {
        let mut rule = rule(NATTED, "198.51.100.7", Learning::Off);
        assert_eq!(rule.destination(), Some(at(NATTED)), "the operator says that descriptions are to be believed");
        assert!(!rule.admits(at(PUBLIC)));
        assert!(rule.admits(at(NATTED)));
    }

    #[test]
    fn where_the_first_packet_decides_rtcp_follows_it() {
        let (described, signalling) = (at(CARRIER), "203.0.113.5".parse().unwrap());
        let mut rtp = SourceRule::for_rtp(None, described, signalling, Learning::FirstPacket);
        let mut rtcp = SourceRule::for_rtcp(None, at("203.0.113.9:4001"), signalling, Learning::FirstPacket);
        assert!(!rtcp.admits(at("198.51.100.7:61001")));
        assert!(rtp.admits(at(PUBLIC)));
        assert!(!rtp.admits(described));
        rtcp.follow(at(PUBLIC).ip());
        assert!(!rtcp.admits(at("198.51.100.8:61001")));
        assert!(rtcp.admits(at("198.51.100.7:61001")));
    }

    #[test]
    fn a_new_negotiation_learns_anew_and_the_same_far_end_is_heard_meanwhile() {
        let mut rule = rule(NATTED, "198.51.100.7", Learning::SignallingIp);
        assert!(rule.admits(at(PUBLIC)));
        let signalling = "198.51.100.7".parse().unwrap();
        let mut again = SourceRule::for_rtp(Some(&rule), at(NATTED), signalling, Learning::SignallingIp);
        assert_eq!(again.destination(), Some(at(PUBLIC)), "music on hold finds its way");
        assert!(again.admits(at("198.51.100.7:62000")), "the NAT has another port for it now");
        assert!(!again.admits(at(PUBLIC)));

        let elsewhere = SourceRule::for_rtp(Some(&rule), at("192.168.1.6:4000"), signalling, Learning::SignallingIp);
        assert_eq!(elsewhere.destination(), None);
    }

    /// Field lesson 25: the last packets from the old port come after the new one was described.
    #[test]
    fn a_far_end_that_moves_to_another_port_is_heard_from_both_until_it_speaks_from_the_new_one() {
        let mut rule = rule(PUBLIC, "198.51.100.7", Learning::SignallingIp);
        assert!(rule.admits(at(PUBLIC)));
        let signalling = "198.51.100.7".parse().unwrap();
        let moved = at("198.51.100.7:62000");
        let mut rule = SourceRule::for_rtp(Some(&rule), moved, signalling, Learning::SignallingIp);
        assert_eq!(rule.destination(), Some(moved), "it is sent where it says, at once");
        assert!(rule.admits(at(PUBLIC)), "a straggler");
        assert!(!rule.admits(at("203.0.113.66:61000")), "a stranger");
        assert!(rule.admits(moved));
        assert!(!rule.admits(at(PUBLIC)), "it has moved");
        assert_eq!(rule.destination(), Some(moved));
    }

    #[test]
    fn an_unspecified_address_is_sent_nothing_but_may_be_heard() {
        let mut rule = rule("0.0.0.0:4000", "198.51.100.7", Learning::SignallingIp);
        assert_eq!(rule.destination(), None);
        assert!(rule.admits(at(PUBLIC)));
        assert_eq!(rule.destination(), None, "the hold of RFC 2543");
    }

    #[test]
    fn on_loopback_the_rule_is_the_same() {
        let mut rule = rule("127.0.0.1:4000", "127.0.0.1", Learning::SignallingIp);
        assert_eq!(rule.destination(), Some(at("127.0.0.1:4000")));
        assert!(!rule.admits(at("127.0.0.2:4000")));
        assert!(rule.admits(at("127.0.0.1:4000")));
        assert!(!rule.admits(at("127.0.0.1:4002")));
    }
}
