//! Keys for secure sound on one leg (SDES, RFC 4568): what we offer, what we choose of what is offered, and what was agreed.
//!
//! How lines are written is `sdp`'s; what goes with which key, `media`'s. Keys are minted here and go nowhere but into our own
//! description and to the relay: never to the other leg, a record or a log.

use domain::Entropy;
use domain::media::{MediaDescription, Security, Stream};
use domain::srtp::{CryptoLine, KeySeed, Keying, MasterKey, SrtpPolicy, Suite};

/// How one leg's sound is to be secured, and the keys that its own description names.
#[derive(Debug)]
pub struct Secrecy {
    policy: SrtpPolicy,
    entropy: Entropy,
    ours: Vec<CryptoLine>,
}

/// The peer's answer is not as secure as it must be, or takes what was not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsecured;

impl Secrecy {
    /// Nothing is secured.
    pub const fn off() -> Secrecy {
        Secrecy { policy: SrtpPolicy::Off, entropy: Entropy::from_seed([0; 16]), ours: Vec::new() }
    }

    /// Keys are minted from `seed`.
    pub const fn new(policy: SrtpPolicy, seed: KeySeed) -> Secrecy {
        Secrecy { policy, entropy: Entropy::from_seed(seed.0), ours: Vec::new() }
    }

    /// Makes `stream` the offer of ours that the policy wants: plain, both in one (RFC 8643), or secure only. Offered again, it has
    /// the same keys.
    pub fn offer(&mut self, stream: &mut Stream) {
        let has_feedback = stream.transport.ends_with('F');
        stream.transport = match (self.policy, has_feedback) {
            (SrtpPolicy::Off | SrtpPolicy::Preferred, false) => "RTP/AVP",
            (SrtpPolicy::Off | SrtpPolicy::Preferred, true) => "RTP/AVPF",
            (SrtpPolicy::Required, false) => "RTP/SAVP",
            (SrtpPolicy::Required, true) => "RTP/SAVPF",
        }
        .to_owned();
        if self.policy != SrtpPolicy::Off && self.ours.is_empty() {
            let entropy = &mut self.entropy;
            let lines = (1..).zip(Suite::ALL);
            self.ours = lines.map(|(tag, suite)| CryptoLine { tag, key: MasterKey::mint(suite, entropy) }).collect();
        }
        stream.crypto.clone_from(&self.ours);
    }

    /// Chooses of what the peer offers: its first way that we know. Our own key stays where the suite does, so that a peer that only
    /// changes its key finds ours going on.
    pub fn choose(&mut self, offered: &Stream) {
        let chosen = offered.crypto.first().filter(|_| self.policy != SrtpPolicy::Off);
        self.ours = match chosen {
            None => Vec::new(),
            Some(line) => {
                let suite = line.key.suite();
                let standing = self.ours.iter().map(|ours| ours.key).find(|key| key.suite() == suite);
                let key = standing.unwrap_or_else(|| MasterKey::mint(suite, &mut self.entropy));
                vec![CryptoLine { tag: line.tag, key }]
            }
        };
    }

    /// Makes `stream` the answer to what was chosen of.
    pub fn answer(&self, stream: &mut Stream) {
        stream.crypto.clone_from(&self.ours);
    }

    /// A description of the peer as far as the policy takes it; as it is where it takes nothing of it.
    pub fn permitted(&self, description: MediaDescription) -> MediaDescription {
        description.permitted(self.policy).unwrap_or(description)
    }

    /// Whether nothing may pass in the clear.
    pub(crate) fn is_required(&self) -> bool {
        self.policy == SrtpPolicy::Required
    }

    /// Whether an offer of the peer can be taken: with a key that is known, or plain where that is permitted.
    pub(crate) fn takes(&self, offered: &Stream) -> bool {
        let has_key = self.policy != SrtpPolicy::Off && !offered.crypto.is_empty();
        let may_be_plain =
            self.policy != SrtpPolicy::Required && matches!(offered.security(), Security::Plain | Security::Optional);
        has_key || may_be_plain
    }

    /// The keys that our description and the peer's have in common; none where both mean plain RTP.
    ///
    /// # Errors
    /// [`Unsecured`].
    pub fn keying(&self, theirs: &Stream) -> Result<Option<Keying>, Unsecured> {
        let agreed = theirs.crypto.iter().find_map(|line| {
            let is_answered = |ours: &&CryptoLine| ours.tag == line.tag && ours.key.suite() == line.key.suite();
            let ours = self.ours.iter().find(is_answered)?;
            Some(Keying { heard_with: line.key, spoken_with: ours.key })
        });
        let may_be_plain =
            self.policy != SrtpPolicy::Required && matches!(theirs.security(), Security::Plain | Security::Optional);
        match agreed {
            None if !may_be_plain => Err(Unsecured),
            agreed => Ok(agreed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp;
    use domain::srtp::SrtpPolicy::{Off, Preferred, Required};

    const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    fn stream(transport: &str, crypto: &[String]) -> Stream {
        let lines: String = crypto.iter().map(|line| format!("a=crypto:{line}\r\n")).collect();
        let text = format!("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 {transport} 8\r\n{lines}");
        sdp::read(text.as_bytes()).unwrap().streams.remove(0)
    }

    fn plain() -> Stream {
        stream("RTP/AVP", &[])
    }

    fn secrecy(policy: SrtpPolicy) -> Secrecy {
        Secrecy::new(policy, KeySeed([7; 16]))
    }

    #[test]
    fn each_policy_offers_its_own_way_and_never_the_other_legs() {
        for (policy, transport, keys) in [(Off, "RTP/AVP", 0), (Preferred, "RTP/AVP", 3), (Required, "RTP/SAVP", 3)] {
            for from in ["RTP/AVP", "RTP/SAVP"] {
                let mut offer = stream(from, &[]);
                secrecy(policy).offer(&mut offer);
                assert_eq!((offer.transport.as_str(), offer.crypto.len()), (transport, keys), "{policy} {from}");
            }
        }
        let mut offer = stream("RTP/SAVPF", &[]);
        secrecy(Preferred).offer(&mut offer);
        assert_eq!(offer.transport, "RTP/AVPF");
        let suites: Vec<_> = offer.crypto.iter().map(|line| (line.tag, line.key.suite())).collect();
        assert_eq!(suites, [(1, Suite::ALL[0]), (2, Suite::ALL[1]), (3, Suite::ALL[2])]);
        assert!(offer.crypto[1].key.key() != offer.crypto[2].key.key(), "each line has its own key");
    }

    #[test]
    fn an_answer_names_the_line_that_it_takes() {
        let mut ours = secrecy(Preferred);
        let mut offer = plain();
        ours.offer(&mut offer);
        let answer = stream("RTP/AVP", &[format!("2 AES_CM_128_HMAC_SHA1_80 {KEY}")]);
        let keying = ours.keying(&answer).unwrap().unwrap();
        assert_eq!((keying.heard_with, keying.spoken_with), (answer.crypto[0].key, offer.crypto[1].key));
        let mut again = plain();
        ours.offer(&mut again);
        assert_eq!(again, offer, "the keys of a session stay");
    }

    #[test]
    fn preferred_falls_back_and_required_does_not() {
        let wrong = stream("RTP/SAVP", &[format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}")]);
        for (policy, expected) in [(Off, Ok(None)), (Preferred, Ok(None)), (Required, Err(Unsecured))] {
            let mut ours = secrecy(policy);
            ours.offer(&mut plain());
            assert_eq!(ours.keying(&plain()), expected, "{policy}");
            assert_eq!(ours.keying(&wrong), Err(Unsecured), "tag 1 is another suite's");
        }
    }

    #[test]
    fn of_an_offer_the_first_known_line_is_taken_under_its_own_number() {
        let lines = [format!("7 F8_128_HMAC_SHA1_80 {KEY}"), format!("9 AES_CM_128_HMAC_SHA1_32 {KEY}|2^31|1:1")];
        let offer = stream("RTP/SAVP", &lines);
        for policy in [Preferred, Required] {
            let mut ours = secrecy(policy);
            ours.choose(&offer);
            let mut answer = stream("RTP/SAVP", &[]);
            ours.answer(&mut answer);
            assert_eq!(answer.crypto.len(), 1);
            assert_eq!((answer.crypto[0].tag, answer.crypto[0].key.suite()), (9, Suite::AesCm128HmacSha1_32));
            assert_eq!(answer.crypto[0].key.mki(), None, "ours needs no name");
            let keying = ours.keying(&offer).unwrap().unwrap();
            assert_eq!((keying.heard_with, keying.spoken_with), (offer.crypto[0].key, answer.crypto[0].key));
        }
        let mut off = secrecy(Off);
        off.choose(&stream("RTP/AVP", &lines));
        assert_eq!(off.keying(&stream("RTP/AVP", &lines)), Ok(None), "whoever offers both gets plain");
    }

    #[test]
    fn a_peer_that_changes_its_key_finds_ours_going_on() {
        let mut ours = secrecy(Required);
        let first = stream("RTP/SAVP", &[format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}")]);
        ours.choose(&first);
        let before = ours.keying(&first).unwrap().unwrap();
        let second = stream("RTP/SAVP", &[format!("2 AES_CM_128_HMAC_SHA1_80 {}", KEY.replace("WVN", "WVM"))]);
        ours.choose(&second);
        let after = ours.keying(&second).unwrap().unwrap();
        assert_eq!((after.spoken_with, after.heard_with), (before.spoken_with, second.crypto[0].key));
        let third = stream("RTP/SAVP", &[format!("1 AES_CM_128_HMAC_SHA1_32 {KEY}")]);
        ours.choose(&third);
        assert_ne!(ours.keying(&third).unwrap().unwrap().spoken_with.key(), before.spoken_with.key());
    }
}
