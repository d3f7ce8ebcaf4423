//! [`Statuses`]: a set of final SIP statuses as a value, for the rules of failover.
//!
//! Its text form is `config`'s.

/// The lowest status that can be in a set.
const LOWEST: u16 = 300;
/// The highest.
const HIGHEST: u16 = 699;

/// A set of final SIP statuses, 300 to 699; others can be asked for but are never in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statuses([u64; 7]);

impl Statuses {
    /// The empty set.
    pub const fn none() -> Self {
        Statuses([0; 7])
    }

    /// The set with this status too.
    pub const fn with(mut self, status: u16) -> Self {
        if status >= LOWEST && status <= HIGHEST {
            let bit = status - LOWEST;
            self.0[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        self
    }

    /// The set with every status of a class too: 5 for 500 to 599.
    pub const fn with_class(mut self, class: u16) -> Self {
        let mut status = class.saturating_mul(100);
        let end = status.saturating_add(100);
        while status < end {
            self = self.with(status);
            status += 1;
        }
        self
    }

    /// The set without this status.
    pub const fn without(mut self, status: u16) -> Self {
        if status >= LOWEST && status <= HIGHEST {
            let bit = status - LOWEST;
            self.0[(bit / 64) as usize] &= !(1 << (bit % 64));
        }
        self
    }

    /// Whether it is in the set.
    pub const fn contains(&self, status: u16) -> bool {
        if status < LOWEST || status > HIGHEST {
            return false;
        }
        let bit = status - LOWEST;
        self.0[(bit / 64) as usize] & (1 << (bit % 64)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_statuses_has_what_was_put_in_and_nothing_else() {
        let set = Statuses::none().with_class(5).with(408).without(501).with(200).with(700);
        let members: Vec<u16> = (0..=1000).filter(|status| set.contains(*status)).collect();
        let expected: Vec<u16> = std::iter::once(408).chain((500..600).filter(|status| *status != 501)).collect();
        assert_eq!(members, expected);
        assert!(Statuses::none().with(300).contains(300) && Statuses::none().with(699).contains(699));
    }
}
