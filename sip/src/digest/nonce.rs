//! Nonces that validate themselves: the time, the issuer and a random number, signed with a key that all nodes share, together with the
//! address that asked: a nonce proves that who shows it hears what is sent there.
//!
//! Whether a nonce was used already is not known here: that is [`super::window`].

use domain::Wall;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// Bytes of a nonce before the proof: 8 of time (microseconds), 2 of issuer, 6 random.
const BODY: usize = 16;
/// Bytes of the proof: half an HMAC-SHA-256, far beyond guessing within a nonce's life.
const PROOF: usize = 16;

/// Characters of a nonce: hexadecimal.
pub const NONCE_LEN: usize = (BODY + PROOF) * 2;

/// Who issued a nonce: node and shard in one number, unique among those who share the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issuer(pub u16);

/// What a valid nonce says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce {
    /// When it was issued.
    pub issued: Wall,
    /// Who issued it.
    pub issuer: Issuer,
    /// What tells it from others of the same microsecond, and from those of other lives of its issuer; 48 bits: [`Nonce::of_life`].
    pub random: u64,
}

/// What tells one life of an issuer from another: drawn at its birth, 24 bits. Times alone do not: a clock that was set back makes times
/// happen again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life(u64);

/// Bits of a nonce's random number that tell nonces of one life apart.
const RANDOM_BITS: u32 = 24;
const RANDOM_MASK: u64 = (1 << RANDOM_BITS) - 1;

impl Life {
    /// A life of this chance.
    pub const fn of(chance: u64) -> Life {
        Life(chance & RANDOM_MASK)
    }
}

impl Nonce {
    /// A nonce of a life, made different from others by chance.
    pub const fn of_life(life: Life, issued: Wall, issuer: Issuer, chance: u64) -> Nonce {
        Nonce { issued, issuer, random: life.0 << RANDOM_BITS | chance & RANDOM_MASK }
    }

    /// In which life of its issuer it was made.
    pub const fn life(&self) -> Life {
        Life(self.random >> RANDOM_BITS)
    }
}

/// Signs and recognises nonces of one realm.
#[derive(Clone)]
pub struct Mint {
    /// The HMAC state with the key and the realm already in it.
    keyed: Hmac<Sha256>,
}

impl Mint {
    /// A mint for `realm` with the secret that all nodes share.
    pub fn new(secret: &[u8; 32], realm: &str) -> Mint {
        // One HMAC block of key: `new_from_slice` takes keys of any length, so the fallback is never taken.
        let mut keyed = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| Hmac::new(&Default::default()));
        keyed.update(b"tandem nonce\0");
        keyed.update(realm.as_bytes());
        keyed.update(&[0]);
        Mint { keyed }
    }

    /// The text of a nonce for who asks from this address; of IPv6 its /64 counts, within which hosts change their addresses by themselves
    /// (RFC 8981).
    pub fn print(&self, nonce: &Nonce, asker: IpAddr) -> [u8; NONCE_LEN] {
        let body = body_of(nonce);
        let mut text = [0; NONCE_LEN];
        write_hex(&body, &mut text[..BODY * 2]);
        write_hex(&self.prove(&body, asker), &mut text[BODY * 2..]);
        text
    }

    /// Reads a nonce; `None` if it is not one of ours for this address.
    pub fn read(&self, text: &[u8], asker: IpAddr) -> Option<Nonce> {
        let bytes: [u8; BODY + PROOF] = read_hex(text)?;
        let (body, proof) = bytes.split_at(BODY);
        if !bool::from(self.prove(body, asker).ct_eq(proof)) {
            return None;
        }
        let number =
            |range: std::ops::Range<usize>| body[range].iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        Some(Nonce {
            issued: Wall::from_unix_micros(number(0..8) as i64),
            issuer: Issuer(number(8..10) as u16),
            random: number(10..16),
        })
    }

    fn prove(&self, body: &[u8], asker: IpAddr) -> [u8; PROOF] {
        let mut mac = self.keyed.clone();
        mac.update(body);
        match asker.to_canonical() {
            IpAddr::V4(ip) => mac.update(&ip.octets()),
            IpAddr::V6(ip) => mac.update(&ip.octets()[..8]),
        }
        let full = mac.finalize().into_bytes();
        let mut proof = [0; PROOF];
        proof.copy_from_slice(&full[..PROOF]);
        proof
    }
}

impl std::fmt::Debug for Mint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mint")
    }
}

fn body_of(nonce: &Nonce) -> [u8; BODY] {
    let mut body = [0; BODY];
    body[..8].copy_from_slice(&nonce.issued.as_unix_micros().to_be_bytes());
    body[8..10].copy_from_slice(&nonce.issuer.0.to_be_bytes());
    body[10..].copy_from_slice(&nonce.random.to_be_bytes()[2..]);
    body
}

fn write_hex(bytes: &[u8], out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

fn read_hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != N * 2 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: Nonce = Nonce { issued: Wall::from_unix_seconds(1_700_000_000), issuer: Issuer(7), random: 0xabcd };

    const ASKER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    #[test]
    fn a_nonce_is_recognised_by_every_node_with_the_key() {
        let text = Mint::new(&[1; 32], "tandem.example").print(&NONCE, ASKER);
        assert_eq!(Mint::new(&[1; 32], "tandem.example").read(&text, ASKER), Some(NONCE));
    }

    #[test]
    fn a_nonce_is_good_for_the_address_that_asked_for_it_alone() {
        let mint = Mint::new(&[1; 32], "tandem.example");
        let is_good = |asked: &str, shown: &str| {
            let text = mint.print(&NONCE, asked.parse().unwrap());
            mint.read(&text, shown.parse().unwrap()).is_some()
        };
        assert!(is_good("192.0.2.7", "::ffff:192.0.2.7"));
        assert!(!is_good("192.0.2.7", "192.0.2.8"));
        assert!(is_good("2001:db8:0:1::5", "2001:db8:0:1:a::6"), "a host of IPv6 changes its address by itself");
        assert!(!is_good("2001:db8:0:1::5", "2001:db8:0:2::5"));
    }

    #[test]
    fn a_nonce_of_another_key_realm_or_with_one_digit_changed_is_not_ours() {
        let mint = Mint::new(&[1; 32], "tandem.example");
        let text = mint.print(&NONCE, ASKER);
        assert_eq!(Mint::new(&[2; 32], "tandem.example").read(&text, ASKER), None);
        assert_eq!(Mint::new(&[1; 32], "other.example").read(&text, ASKER), None);
        for at in 0..NONCE_LEN {
            let mut forged = text;
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(mint.read(&forged, ASKER), None, "digit {at}");
        }
        assert_eq!(mint.read(&text[..NONCE_LEN - 2], ASKER), None);
        assert_eq!(mint.read(b"", ASKER), None);
    }
}
