//! The names of keys, accounts and holds in Redis: readable, without blanks. What stands under them is in `function.lua`.

use domain::credit::{Account, HoldId, Holder, Unit};
use domain::{BusinessAccountId, CompanyId, ProfileId};

/// Who has this Redis: the id of the node whose journal is the record.
pub(super) const NODE: &str = "tandem:node";

/// Which process of a node writes for it: field the node, value the life of its latest start. An earlier one of the same journal, or of a
/// copy of it, is fenced off by it.
pub(super) const LIVES: &str = "tandem:lives";

/// The keys of one company. The braces are the hash tag of Redis Cluster: all of a company is in one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) meta: String,
    pub(super) balances: String,
    pub(super) holds: String,
    pub(super) outcomes: String,
    pub(super) order: String,
}

impl Keys {
    pub(super) fn of(company: CompanyId) -> Self {
        let key = |what: &str| format!("tandem:{{{:032x}}}:{what}", company.bits());
        Self {
            meta: key("meta"),
            balances: key("balances"),
            holds: key("holds"),
            outcomes: key("outcomes"),
            order: key("order"),
        }
    }

    pub(super) fn all(&self) -> [&str; 5] {
        [&self.meta, &self.balances, &self.holds, &self.outcomes, &self.order]
    }
}

/// The pattern of every company's balances, and the company of such a key.
pub(super) const BALANCES_OF_ALL: &str = "tandem:{*}:balances";

pub(super) fn company_of(key: &str) -> Option<CompanyId> {
    let bits = key.strip_prefix("tandem:{")?.strip_suffix("}:balances")?;
    u128::from_str_radix(bits, 16).ok().map(CompanyId::from_bits)
}

/// An account, within its company.
pub(super) fn account(account: &Account) -> String {
    let unit = match &account.unit {
        Unit::Money(currency) => currency.as_str(),
        Unit::BundleSeconds => "seconds",
        Unit::Channels => "channels",
    };
    match account.holder {
        Holder::Company => format!("company:{unit}"),
        Holder::Profile(id) => format!("profile/{:032x}:{unit}", id.bits()),
        Holder::BusinessAccount(id) => format!("account/{:032x}:{unit}", id.bits()),
        Holder::Revenue => format!("revenue:{unit}"),
        Holder::World => format!("world:{unit}"),
    }
}

/// The account of this name.
pub(super) fn account_of(company: CompanyId, name: &str) -> Option<Account> {
    let (holder, unit) = name.split_once(':')?;
    let unit = match unit {
        "seconds" => Unit::BundleSeconds,
        "channels" => Unit::Channels,
        currency => Unit::Money(currency.parse().ok()?),
    };
    let bits = |text: &str| u128::from_str_radix(text, 16).ok();
    let holder = match holder.split_once('/') {
        Some(("profile", id)) => Holder::Profile(ProfileId::from_bits(bits(id)?)),
        Some(("account", id)) => Holder::BusinessAccount(BusinessAccountId::from_bits(bits(id)?)),
        None if holder == "company" => Holder::Company,
        None if holder == "revenue" => Holder::Revenue,
        None if holder == "world" => Holder::World,
        _ => return None,
    };
    Some(Account { company, holder, unit })
}

/// A hold, within its company.
pub(super) fn hold(hold: HoldId) -> String {
    format!("{:032x}/{}", hold.subject, hold.number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Currency;

    #[test]
    fn every_name_reads_back() {
        let company = CompanyId::from_bits(0xab << 100);
        let id = 0x123 << 90 | 7;
        let holders = [
            Holder::Company,
            Holder::Profile(ProfileId::from_bits(id)),
            Holder::BusinessAccount(BusinessAccountId::from_bits(id)),
            Holder::Revenue,
            Holder::World,
        ];
        for holder in holders {
            for unit in [Unit::Money(Currency::USD), Unit::BundleSeconds, Unit::Channels] {
                let one = Account { company, holder, unit };
                assert_eq!(account_of(company, &account(&one)), Some(one));
                assert!(!account(&one).contains(' '));
            }
        }

        assert_eq!(company_of(&Keys::of(company).balances), Some(company));
        for wrong in ["", "company", "profile/:USD", "profile/xyz:USD", "cup/1:USD", "company:XXY1"] {
            assert_eq!(account_of(company, wrong), None, "{wrong}");
        }
    }
}
