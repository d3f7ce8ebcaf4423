//! Chance as an argument: what a machine needs to mint tags, branches, nonces and identities.
//!
//! The seed comes from the operating system in production (`actors`) and from the test's seed in simulation.

use siphasher::sip::SipHasher24;
use std::hash::Hasher;

/// A stream of unpredictable numbers: SipHash-2-4, a keyed pseudo-random function, over a counter.
///
/// Who does not know the 128-bit key can predict no output from others, as RFC 3261 19.3 asks of tags.
#[derive(Clone)]
pub struct Entropy {
    key: (u64, u64),
    counter: u64,
}

impl Entropy {
    /// A stream that depends on nothing but `seed`.
    pub const fn from_seed(seed: [u8; 16]) -> Self {
        let seed = u128::from_le_bytes(seed);
        Self { key: (seed as u64, (seed >> 64) as u64), counter: 0 }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.key.0, self.key.1);
        hasher.write_u64(self.counter);
        self.counter += 1;
        hasher.finish()
    }

    /// The next 128 bits.
    pub fn next_u128(&mut self) -> u128 {
        u128::from(self.next_u64()) << 64 | u128::from(self.next_u64())
    }

    /// A number below `bound` (at least 1), uniform to within 2^-32 for bounds below 2^32.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound.max(1))) >> 64) as u64
    }

    /// A stream of its own for a new machine, independent of what this one gives next.
    pub fn fork(&mut self) -> Entropy {
        Entropy { key: (self.next_u64(), self.next_u64()), counter: 0 }
    }
}

/// Never prints the key: it would make every later tag predictable.
impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream_and_forks_differ() {
        let mut first = Entropy::from_seed([7; 16]);
        let mut second = Entropy::from_seed([7; 16]);
        assert_eq!(first.next_u128(), second.next_u128());
        let mut child = first.fork();
        assert_ne!(child.next_u64(), second.next_u64());
    }
}
