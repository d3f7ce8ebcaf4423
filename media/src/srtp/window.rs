//! Which packet indexes have been there: the replay list of RFC 3711 3.3.2, and the rollover counter of 3.3.1 and appendix A.
//!
//! Whether a packet is genuine is not known here: nothing is marked before its tag was checked.

/// Packets behind the newest whose arrival is remembered; what comes later than that counts as a replay (RFC 3711: at least 64).
pub(super) const WINDOW: u64 = u128::BITS as u64;

/// The indexes of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    newest: u64,
    /// Bit n: the index n below the newest has been there.
    seen: u128,
}

impl Window {
    /// `index` has been there, and nothing else.
    pub(super) const fn starting_at(index: u64) -> Self {
        Self { newest: index, seen: 1 }
    }

    /// As far as `self`, but under a key with which nothing has been sent.
    pub(super) const fn forgetting(self) -> Self {
        Self { seen: 0, ..self }
    }

    pub(super) const fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether `index` has not been there, as far as is remembered.
    pub(super) const fn is_new(&self, index: u64) -> bool {
        match self.newest.checked_sub(index) {
            None => true,
            Some(behind) => behind < WINDOW && self.seen & (1 << behind) == 0,
        }
    }

    /// `index`, which is new, has been there.
    pub(super) fn mark(&mut self, index: u64) {
        match index.checked_sub(self.newest) {
            Some(ahead) => {
                let shift = u32::try_from(ahead).unwrap_or(u32::MAX);
                self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
                self.newest = index;
            }
            None => self.seen |= 1u128.checked_shl((self.newest - index) as u32).unwrap_or(0),
        }
    }

    /// The 48-bit index that a sequence number means: the one closest to the newest (RFC 3711 appendix A).
    pub(super) const fn index_of(&self, sequence: u16) -> u64 {
        let (cycle, last) = (self.newest >> 16, self.newest as u16);
        let cycle = if last < 0x8000 && sequence > last && sequence - last > 0x8000 {
            // Before the first cycle is nothing.
            cycle.saturating_sub(1)
        } else if last >= 0x8000 && sequence < last - 0x8000 {
            cycle + 1
        } else {
            cycle
        };
        cycle << 16 | sequence as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rollover_counter_is_guessed_from_the_nearest_packet() {
        let at = |cycle: u64, sequence: u64| Window::starting_at(cycle << 16 | sequence);
        for (window, sequence, cycle) in [
            (at(0, 5), 6, 0),
            (at(0, 65_535), 0, 1),
            (at(0, 65_535), 65_534, 0),
            (at(1, 2), 65_530, 0),
            (at(7, 0), 32_768, 7),
            (at(7, 0), 32_769, 6),
            (at(7, 32_768), 0, 7),
            (at(7, 32_769), 0, 8),
            (at(0, 2), 65_530, 0),
        ] {
            assert_eq!(window.index_of(sequence), cycle << 16 | u64::from(sequence), "{window:?} {sequence}");
        }
    }

    #[test]
    fn an_index_is_new_once_and_never_when_it_is_too_old() {
        let mut window = Window::starting_at(1_000);
        assert!(
            !window.is_new(1_000) && window.is_new(999) && window.is_new(1_000 - 127) && !window.is_new(1_000 - 128)
        );
        window.mark(990);
        assert!(!window.is_new(990));
        window.mark(1_100);
        assert!(!window.is_new(1_000) && !window.is_new(990) && window.is_new(1_001));
        window.mark(9_000_000);
        assert!(window.is_new(8_999_999) && !window.is_new(1_100));
        assert!(window.forgetting().is_new(9_000_000));
    }
}
