//! The words of secure sound (SRTP, RFC 3711): suites, master keys, and how much of it a trunk wants.
//!
//! Nothing is encrypted here (`media` does that), and no session description is read (`leg` does). Keys never print themselves.

use crate::entropy::Entropy;
use std::fmt;

/// Bytes of a master key of every suite here.
pub const KEY_SIZE: usize = 16;
/// Bytes of the longest master salt.
pub const SALT_SIZE_MAX: usize = 14;
/// Bytes at most that a packet may spend on naming its key (RFC 4568 6.1 allows 128).
pub const MKI_SIZE_MAX: u8 = 128;

/// How packets are encrypted and authenticated (the names are those of RFC 4568 6.2 and RFC 7714 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// AES in Galois mode, a tag of 16 bytes (RFC 7714).
    AeadAes128Gcm,
    /// AES in counter mode, a tag of 10 bytes: what every phone knows.
    AesCm128HmacSha1_80,
    /// Likewise with a tag of 4 bytes on RTP; RTCP keeps 10 (RFC 4568 6.2.2).
    AesCm128HmacSha1_32,
}

impl Suite {
    /// All, the strongest first: the order in which they are offered.
    pub const ALL: [Suite; 3] = [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32];

    /// The name in session descriptions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Suite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Suite::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// The suite of this name, in any case of letters.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.as_str().eq_ignore_ascii_case(label))
    }

    /// Bytes of its master salt.
    pub const fn salt_size(self) -> usize {
        match self {
            Suite::AeadAes128Gcm => 12,
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 => SALT_SIZE_MAX,
        }
    }
}

/// What each packet carries to name its key (RFC 3711 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mki {
    /// The name, a number.
    pub value: u64,
    /// Bytes that it takes in a packet, big-endian, 1 to [`MKI_SIZE_MAX`].
    pub size: u8,
}

/// A master key with its salt: what one side sends with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MasterKey {
    suite: Suite,
    key: [u8; KEY_SIZE],
    salt: [u8; SALT_SIZE_MAX],
    mki: Option<Mki>,
}

impl MasterKey {
    /// The key whose bytes are `key_and_salt`, in this order; none where their number is not the suite's.
    pub fn new(suite: Suite, key_and_salt: &[u8], mki: Option<Mki>) -> Option<MasterKey> {
        if key_and_salt.len() != KEY_SIZE + suite.salt_size() {
            return None;
        }
        let (key, rest) = key_and_salt.split_first_chunk::<KEY_SIZE>()?;
        let mut salt = [0; SALT_SIZE_MAX];
        salt.get_mut(..rest.len())?.copy_from_slice(rest);
        Some(MasterKey { suite, key: *key, salt, mki })
    }

    /// A new key that nobody can foretell who does not know the seed of `entropy`.
    pub fn mint(suite: Suite, entropy: &mut Entropy) -> MasterKey {
        let (key, salt) = (entropy.next_u128().to_be_bytes(), entropy.next_u128().to_be_bytes());
        let mut minted = MasterKey { suite, key, salt: [0; SALT_SIZE_MAX], mki: None };
        let size = suite.salt_size();
        minted.salt[..size].copy_from_slice(&salt[..size]);
        minted
    }

    /// Which suite it is for.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The key itself.
    pub const fn key(&self) -> &[u8; KEY_SIZE] {
        &self.key
    }

    /// The salt, as long as the suite says.
    pub fn salt(&self) -> &[u8] {
        &self.salt[..self.suite.salt_size()]
    }

    /// The name that packets carry, where they carry one.
    pub const fn mki(&self) -> Option<Mki> {
        self.mki
    }

    /// Key and salt, as a session description holds them.
    pub fn key_and_salt(&self) -> Vec<u8> {
        [&self.key, self.salt()].concat()
    }
}

/// Never prints the key: whoever reads a log shall not be able to listen.
impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.suite.as_str())
    }
}

/// What one leg's keys are minted from: chance that nobody else knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeySeed(pub [u8; 16]);

/// Never printed: every key of the leg follows from it.
impl fmt::Debug for KeySeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySeed")
    }
}

/// The two keys of one leg's sound, as negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keying {
    /// What the other side sends with.
    pub heard_with: MasterKey,
    /// What we send with.
    pub spoken_with: MasterKey,
}

/// One way to secure a stream, as a description offers or accepts it (`a=crypto`, RFC 4568 9.1). Ways that cannot be used are
/// not among the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CryptoLine {
    /// Its number within the stream; the answer repeats it.
    pub tag: u32,
    /// What the describer sends with.
    pub key: MasterKey,
}

crate::policy::policy! {
    /// How much a trunk wants its sound secured.
    SrtpPolicy, "SRTP" {
        /// Never: a peer that insists on SRTP is refused.
        #[default]
        Off = "off",
        /// Where the peer can: offered beside plain RTP (RFC 8643), taken where it is offered.
        Preferred = "preferred",
        /// Always: plain RTP is refused.
        Required = "required",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_prints_itself() {
        let bytes = [0xab; 30];
        let key = MasterKey::new(Suite::AesCm128HmacSha1_80, &bytes, None).unwrap();
        assert_eq!(format!("{key:?}"), "MasterKey(AES_CM_128_HMAC_SHA1_80)");
        assert_eq!(key.key_and_salt(), bytes);
        assert_eq!(MasterKey::new(Suite::AesCm128HmacSha1_80, &bytes[..28], None), None);
        assert_eq!(MasterKey::new(Suite::AeadAes128Gcm, &bytes[..28], None).map(|key| key.salt().len()), Some(12));
    }

    #[test]
    fn minted_keys_differ_and_come_from_the_seed_alone() {
        let mint = |seed| MasterKey::mint(Suite::AeadAes128Gcm, &mut Entropy::from_seed([seed; 16]));
        assert_eq!(mint(1), mint(1));
        assert_ne!(mint(1), mint(2));
        let mut entropy = Entropy::from_seed([3; 16]);
        let keys = [0; 2].map(|_| MasterKey::mint(Suite::AesCm128HmacSha1_80, &mut entropy));
        assert_ne!(keys[0], keys[1]);
    }

    #[test]
    fn suites_read_back_from_their_words() {
        for suite in Suite::ALL {
            assert_eq!(Suite::from_label(&suite.as_str().to_lowercase()), Some(suite));
        }
    }
}
