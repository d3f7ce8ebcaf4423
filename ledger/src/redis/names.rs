//! The names of keys, accounts and holds in Redis: readable, without blanks. What stands under them is in `function.lua`.

use domain::credit::{Account, HoldId, Holder, Unit};
use domain::{BusinessAccountId, CompanyId, ProfileId};

/// Who has this Redis: the id of the house, whose nodes' journals are the record.
pub(super) const HOUSE: &str = "tandem:house";

/// Which process of a node writes for it: field the node, value the life of its latest start. An earlier one of the same journal, or of a
/// copy of it, is fenced off by it.
pub(super) const LIVES: &str = "tandem:lives";

/// The companies in which a node is asked to lay its part: a list.
pub(super) fn called(node: &str) -> String {
    format!("tandem:called:{node}")
}

/// The keys of one company as one node sees them. The braces are the hash tag of Redis Cluster: all of a company is in one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    /// Of the company: what is laid, and by whom.
    pub(super) meta: String,
    /// Of the company: the totals.
    pub(super) balances: String,
    /// Of the company: what was answered.
    pub(super) outcomes: String,
    /// Of the node: its share of the totals.
    pub(super) part: String,
    /// Of the node: its open holds.
    pub(super) holds: String,
    /// Of the node: its batches in `outcomes`, oldest first.
    pub(super) order: String,
}

impl Keys {
    pub(super) fn of(company: CompanyId, node: &str) -> Self {
        let key = |what: &str| format!("tandem:{{{:032x}}}:{what}", company.bits());
        Self {
            meta: key("meta"),
            balances: key("balances"),
            outcomes: key("outcomes"),
            part: key(&format!("part:{node}")),
            holds: key(&format!("holds:{node}")),
            order: key(&format!("order:{node}")),
        }
    }

    /// In the order of `function.lua`.
    pub(super) fn all(&self) -> [&str; 6] {
        [&self.meta, &self.balances, &self.outcomes, &self.part, &self.holds, &self.order]
    }
}

/// The field of a company's meta that counts a node's changes since it laid its part.
pub(super) fn have(node: &str) -> String {
    format!("have:{node}")
}

/// The field of a company's meta that says which laying a node's part is from: a server that was promoted may have one that is older, with
/// as many changes.
pub(super) fn laid(node: &str) -> String {
    format!("laid:{node}")
}

/// The field of a company's meta that names the connection over which a node may write.
pub(super) fn life(node: &str) -> String {
    format!("life:{node}")
}

/// The pattern of every key of every company.
pub(super) const ALL_OF_ALL: &str = "tandem:{*}:*";

/// The pattern of a node's parts.
pub(super) fn parts_of_all(node: &str) -> String {
    format!("tandem:{{*}}:part:{node}")
}

/// The company of a key.
pub(super) fn company_of(key: &str) -> Option<CompanyId> {
    let (bits, _) = key.strip_prefix("tandem:{")?.split_once("}:")?;
    u128::from_str_radix(bits, 16).ok().map(CompanyId::from_bits)
}

/// What the unit of a day begins with; `function.lua` and `laying.lua` know it too.
const DAY: &str = "day/";

/// Whether an account of this name is forgotten once nothing is on it.
pub(super) fn is_passing(name: &str) -> bool {
    name.split_once(':').is_some_and(|(_, unit)| unit.starts_with(DAY))
}

/// An account, within its company.
pub(super) fn account(account: &Account) -> String {
    let day;
    let unit = match &account.unit {
        Unit::Money(currency) => currency.as_str(),
        Unit::BundleSeconds => "seconds",
        Unit::Channels => "channels",
        Unit::Day(number) => {
            day = format!("{DAY}{number}");
            &day
        }
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
        day if day.starts_with(DAY) => Unit::Day(day.strip_prefix(DAY)?.parse().ok()?),
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
            for unit in [Unit::Money(Currency::USD), Unit::BundleSeconds, Unit::Channels, Unit::Day(20_779)] {
                let one = Account { company, holder, unit };
                assert_eq!(account_of(company, &account(&one)), Some(one));
                assert!(!account(&one).contains(' '));
            }
        }

        for key in Keys::of(company, "ab").all() {
            assert_eq!(company_of(key), Some(company));
        }
        for wrong in ["", "company", "profile/:USD", "profile/xyz:USD", "cup/1:USD", "company:XXY1"] {
            assert_eq!(account_of(company, wrong), None, "{wrong}");
        }
    }
}
