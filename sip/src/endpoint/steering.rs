//! Which shard a message is for: by the shard tag inside Call-IDs that we minted, by a keyed hash for all others.
//!
//! Pure functions over bytes; nothing is parsed but the Call-ID, and nothing is sent here.

use domain::Entropy;
use siphasher::sip::SipHasher24;
use std::hash::Hasher;

/// The secret that spreads strangers' Call-IDs over shards and signs the shard tag in ours, so that nobody outside can aim
/// his calls at one shard. One per process, the same on every shard.
#[derive(Clone, Copy)]
pub struct SteeringKey(u64, u64);

impl SteeringKey {
    /// A key from 16 secret bytes.
    pub const fn new(secret: [u8; 16]) -> SteeringKey {
        let secret = u128::from_le_bytes(secret);
        SteeringKey(secret as u64, (secret >> 64) as u64)
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.0, self.1);
        hasher.write(bytes);
        hasher.finish()
    }
}

/// Never prints the key.
impl std::fmt::Debug for SteeringKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SteeringKey")
    }
}

/// What our Call-IDs begin with: `tdm-SSSS-RRRRRRRRRRRRRRRR-MMMMMMMM@host`, all hexadecimal: shard, random, proof.
const PREFIX: &[u8] = b"tdm-";
const SHARD_AT: usize = PREFIX.len();
const PROOF_AT: usize = SHARD_AT + 4 + 1 + 16 + 1;
const MINTED_LEN: usize = PROOF_AT + 8;

/// A new Call-ID (RFC 3261 8.1.1.4) of a leg that shard `shard` originates; `host` is printed after the `@`.
pub fn mint_call_id(shard: u16, key: &SteeringKey, entropy: &mut Entropy, host: &str) -> String {
    let mut id = format!("tdm-{shard:04x}-{:016x}-", entropy.next_u64());
    let proof = key.hash(id.as_bytes()) as u32;
    use std::fmt::Write as _;
    // Writing to a String cannot fail.
    let _ = write!(id, "{proof:08x}@{host}");
    id
}

/// The shard, below `shards` (at least 1), that a Call-ID is for.
pub fn shard_of(call_id: &[u8], shards: u16, key: &SteeringKey) -> u16 {
    let shards = shards.max(1);
    match minted_shard(call_id, key) {
        Some(shard) if shard < shards => shard,
        // The high half of a multiplication: uniform, without a division.
        _ => ((u128::from(key.hash(call_id)) * u128::from(shards)) >> 64) as u16,
    }
}

/// The shard named by a Call-ID that we minted.
fn minted_shard(call_id: &[u8], key: &SteeringKey) -> Option<u16> {
    if !call_id.starts_with(PREFIX) || call_id.get(MINTED_LEN) != Some(&b'@') {
        return None;
    }
    let proof = hex(&call_id[PROOF_AT..MINTED_LEN])?;
    if proof != u64::from(key.hash(&call_id[..PROOF_AT]) as u32) {
        return None;
    }
    u16::try_from(hex(&call_id[SHARD_AT..SHARD_AT + 4])?).ok()
}

fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

/// The value of the first Call-ID (or `i`) header, found without parsing the message; `None` where there is none, or where it
/// is empty.
///
/// Folded Call-IDs (RFC 3261 7.3.1 permits them, nobody sends them) are unfolded by skipping the line break: a Call-ID has no
/// white space in it, so a fold can stand only before its first or after its last byte.
pub fn call_id_of(message: &[u8]) -> Option<&[u8]> {
    let mut at = memchr::memchr(b'\n', message)? + 1;
    loop {
        let line = &message[at..];
        let length = match line.first()? {
            b'\r' | b'\n' => return None,
            b'C' | b'c' if starts_with_ignoring_case(line, b"call-id") => b"call-id".len(),
            b'i' | b'I' => 1,
            _ => 0,
        };
        if length > 0
            && let Some(value) = value_after(&line[length..])
        {
            return Some(value);
        }
        at += memchr::memchr(b'\n', line)? + 1;
    }
}

fn starts_with_ignoring_case(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
}

/// `rest` begins behind a header's name: the value, if a colon follows (RFC 3261 lets white space stand before it).
fn value_after(rest: &[u8]) -> Option<&[u8]> {
    let rest = rest.trim_ascii_start().strip_prefix(b":")?;
    let mut start = 0;
    // White space, and a line break that is followed by white space: a fold.
    while let Some(byte) = rest.get(start) {
        match byte {
            b' ' | b'\t' => start += 1,
            b'\r' | b'\n' => {
                let line_break = if rest[start..].starts_with(b"\r\n") { 2 } else { 1 };
                match rest.get(start + line_break) {
                    Some(b' ' | b'\t') => start += line_break + 1,
                    _ => return None,
                }
            }
            _ => break,
        }
    }
    let value = &rest[start..];
    let end = value.iter().position(|byte| byte.is_ascii_whitespace()).unwrap_or(value.len());
    (end > 0).then_some(&value[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: SteeringKey = SteeringKey::new(*b"0123456789abcdef");

    #[test]
    fn a_call_that_we_originate_comes_back_to_its_shard() {
        let mut entropy = Entropy::from_seed([1; 16]);
        for shard in 0..8 {
            let id = mint_call_id(shard, &KEY, &mut entropy, "192.0.2.1");
            assert_eq!(shard_of(id.as_bytes(), 8, &KEY), shard, "{id}");
        }
    }

    #[test]
    fn nobody_outside_can_name_a_shard() {
        let mut entropy = Entropy::from_seed([2; 16]);
        let id = mint_call_id(3, &KEY, &mut entropy, "192.0.2.1");
        let forged = id.replacen("0003", "0005", 1);
        let honest = (0..64).filter(|round| {
            let other = format!("{forged}{round}");
            shard_of(other.as_bytes(), 8, &KEY) == 5
        });
        assert!(honest.count() < 32, "a forged tag is hashed like any stranger's Call-ID");
        assert_eq!(minted_shard(forged.as_bytes(), &KEY), None);
    }

    #[test]
    fn strangers_spread_over_all_shards() {
        let mut hits = [0u32; 4];
        for call in 0..4_000 {
            hits[usize::from(shard_of(format!("{call}@pbx.example").as_bytes(), 4, &KEY))] += 1;
        }
        assert!(hits.iter().all(|count| (850..1_150).contains(count)), "{hits:?}");
        assert_eq!(shard_of(b"x", 0, &KEY), 0);
    }

    #[test]
    fn a_shard_that_no_longer_exists_is_not_named() {
        let id = mint_call_id(7, &KEY, &mut Entropy::from_seed([3; 16]), "h");
        assert!(shard_of(id.as_bytes(), 4, &KEY) < 4);
    }

    #[test]
    fn the_call_id_is_found_in_every_form() {
        for (message, expected) in [
            (&b"INVITE sip:a SIP/2.0\r\nVia: x\r\nCall-ID: abc@d\r\nCSeq: 1 INVITE\r\n\r\n"[..], Some(&b"abc@d"[..])),
            (b"SIP/2.0 200 OK\r\nVia: i:nope\r\ni:short\r\n\r\n", Some(b"short")),
            (b"X sip:a SIP/2.0\r\ncAlL-iD  :\t folded\r\n\r\n", Some(b"folded")),
            (b"X sip:a SIP/2.0\r\nCall-ID:\r\n  after a fold\r\n\r\n", Some(b"after")),
            (b"X sip:a SIP/2.0\nCall-ID: bare\n\n", Some(b"bare")),
            (b"X sip:a SIP/2.0\r\nCall-ID-Other: no\r\nIdentity: no\r\n\r\ni: body", None),
            (b"X sip:a SIP/2.0\r\nCall-ID:\r\n\r\n", None),
            (b"X sip:a SIP/2.0\r\nCall-ID", None),
            (b"", None),
        ] {
            assert_eq!(call_id_of(message), expected, "{}", String::from_utf8_lossy(message));
        }
    }
}
