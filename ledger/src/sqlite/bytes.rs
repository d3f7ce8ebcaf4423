//! The bytes of the journal's rows and snapshots: variable-length integers and accounts. What a row or a snapshot consists of is in
//! [`super::row`] and [`super::snapshot`].
//!
//! Integers are LEB128 (seven bits a byte, low ones first); signed ones are zigzagged first (0, -1, 1, -2 ...).

use domain::credit::{Account, Code, Holder, Unit};
use domain::{BusinessAccountId, CompanyId, Currency, ProfileId};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// Bytes that cannot be what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Garbled(pub(super) &'static str);

/// A number over everything that a row says, to notice damage. It is no signature: who can write the file can write this too.
pub(crate) fn checksum(parts: &[&[u8]]) -> i64 {
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write_u64(part.len() as u64);
        hasher.write(part);
    }
    hasher.finish() as i64
}

pub(super) fn put_unsigned(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

pub(super) fn put_signed(bytes: &mut Vec<u8>, value: i64) {
    put_unsigned(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

pub(super) fn put_id(bytes: &mut Vec<u8>, bits: u128) {
    bytes.extend_from_slice(&bits.to_be_bytes());
}

/// An account without its company, which is said once for all of them.
pub(super) fn put_account(bytes: &mut Vec<u8>, account: &Account) {
    let (holder, id) = match account.holder {
        Holder::Company => (0, None),
        Holder::Profile(id) => (1, Some(id.bits())),
        Holder::BusinessAccount(id) => (2, Some(id.bits())),
        Holder::Revenue => (3, None),
        Holder::World => (4, None),
    };
    let unit = match account.unit {
        Unit::Money(_) => 0x00,
        Unit::BundleSeconds => 0x10,
        Unit::Channels => 0x20,
        Unit::Day(_) => 0x30,
    };
    bytes.push(holder | unit);
    if let Some(id) = id {
        put_id(bytes, id);
    }
    if let Unit::Money(currency) = account.unit {
        bytes.extend_from_slice(currency.as_str().as_bytes());
    } else if let Unit::Day(day) = account.unit {
        bytes.extend_from_slice(&day.to_be_bytes());
    }
}

/// The byte of a code; never changed, only added to.
pub(super) const fn code_byte(code: Code) -> u8 {
    match code {
        Code::TopUp => 0,
        Code::Allocate => 1,
        Code::TakeBack => 2,
        Code::AutoRecharge => 3,
        Code::CallCharge => 4,
        Code::ChannelUse => 5,
        Code::Subscription => 6,
        Code::Bundle => 7,
        Code::Number => 8,
        Code::Refund => 9,
        Code::Adjustment => 10,
        Code::DailyCap => 11,
    }
}

/// Reads what the `put_` functions wrote.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn byte(&mut self) -> Result<u8, Garbled> {
        let (first, rest) = self.0.split_first().ok_or(Garbled("it ends too early"))?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, Garbled> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Garbled("an integer is too long"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, Garbled> {
        let value = self.unsigned()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A count of things that take at least one byte each.
    pub(super) fn count(&mut self) -> Result<usize, Garbled> {
        let count = self.unsigned()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.0.len() => Ok(count),
            _ => Err(Garbled("a count is larger than what follows")),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Garbled> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Garbled("it ends too early"))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn id(&mut self) -> Result<u128, Garbled> {
        self.take::<16>().map(u128::from_be_bytes)
    }

    pub(super) fn account(&mut self, company: CompanyId) -> Result<Account, Garbled> {
        let tag = self.byte()?;
        let holder = match tag & 0x0f {
            0 => Holder::Company,
            1 => Holder::Profile(ProfileId::from_bits(self.id()?)),
            2 => Holder::BusinessAccount(BusinessAccountId::from_bits(self.id()?)),
            3 => Holder::Revenue,
            4 => Holder::World,
            _ => return Err(Garbled("an unknown holder")),
        };
        let unit = match tag & 0xf0 {
            0x00 => {
                let letters = self.take::<3>()?;
                let text = std::str::from_utf8(&letters).map_err(|_| Garbled("a currency is not text"))?;
                Unit::Money(text.parse::<Currency>().map_err(|_| Garbled("an unknown currency"))?)
            }
            0x10 => Unit::BundleSeconds,
            0x20 => Unit::Channels,
            0x30 => Unit::Day(u16::from_be_bytes(self.take::<2>()?)),
            _ => return Err(Garbled("an unknown unit")),
        };
        Ok(Account { company, holder, unit })
    }

    pub(super) fn code(&mut self) -> Result<Code, Garbled> {
        let byte = self.byte()?;
        Code::ALL.iter().copied().find(|code| code_byte(*code) == byte).ok_or(Garbled("an unknown code"))
    }

    /// Bytes with their number before them.
    pub(super) fn bytes(&mut self) -> Result<&[u8], Garbled> {
        let length = self.count()?;
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn end(&self) -> Result<(), Garbled> {
        if self.0.is_empty() { Ok(()) } else { Err(Garbled("it goes on after its end")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_integer_reads_back(signed in any::<i64>(), unsigned in any::<u64>()) {
            let mut bytes = Vec::new();
            put_signed(&mut bytes, signed);
            put_unsigned(&mut bytes, unsigned);
            let mut reader = Reader(&bytes);
            prop_assert_eq!(reader.signed(), Ok(signed));
            prop_assert_eq!(reader.unsigned(), Ok(unsigned));
            prop_assert_eq!(reader.end(), Ok(()));
        }
    }

    #[test]
    fn every_code_has_a_byte_of_its_own() {
        for code in Code::ALL {
            assert_eq!(Reader(&[code_byte(*code)]).code(), Ok(*code));
        }
    }

    #[test]
    fn the_ends_of_the_integers_read_back() {
        for value in [0, 1, -1, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_signed(&mut bytes, value);
            assert_eq!(Reader(&bytes).signed(), Ok(value));
        }
    }
}
