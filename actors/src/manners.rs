//! How trunks are spoken to, from the store's words to the directory's: also numbers that ring at business accounts, and landlines.
//!
//! The rest of the snapshot is built in `desk`.

use domain::Prefix;
use domain::call_control::CalledUser;
use std::sync::Arc;
use store::Everything;
use switch::directory::{Builder, CallerIds, CarrierManners, Country, CountryPlan, Manners, Number, Spoofed};

/// How a profile's PBX is spoken to.
pub(crate) fn of_profile(
    everything: &Everything,
    profile: &store::Profile,
    countries: &[(Country, CountryPlan)],
    faults: &mut Vec<String>,
) -> Manners {
    let Some(manners) = everything.profile_manners.get(&profile.id) else { return Manners::default() };
    let mut by_prefix = Vec::with_capacity(manners.by_country.len());
    for (country, number) in &manners.by_country {
        match calling_code(*country, countries) {
            Some(prefix) => by_prefix.push((prefix, *number)),
            None => faults.push(format!(
                "profile {}: the calling code of {country} is not known; its caller ID there was left out",
                profile.id
            )),
        }
    }
    by_prefix.sort_by_key(|(prefix, _)| *prefix);
    by_prefix.dedup_by_key(|(prefix, _)| *prefix);
    Manners {
        compat: manners.compat,
        caller_ids: CallerIds {
            by_prefix,
            withheld: manners.withheld,
            spoofed: if manners.refuse_spoofed { Spoofed::Refuse } else { Spoofed::Replace },
        },
        headers: Arc::new(manners.headers.clone()),
    }
}

fn calling_code(country: Country, countries: &[(Country, CountryPlan)]) -> Option<Prefix> {
    countries.iter().find(|(known, _)| *known == country)?.1.calling_code.parse().ok()
}

/// How a carrier is spoken to.
pub(crate) fn of_carrier(everything: &Everything, carrier: &store::Carrier) -> CarrierManners {
    let manners = everything.carrier_manners.get(&carrier.id);
    manners.map_or_else(CarrierManners::default, |manners| CarrierManners {
        trusted: manners.trusted,
        headers: Arc::new(manners.headers.clone()),
    })
}

/// Adds every number with how its PBX is called (I1, I2, I3), and the landlines that may be shown (L4).
pub(crate) fn with_numbers(mut builder: Builder, everything: &Everything) -> Builder {
    for number in &everything.numbers {
        let profile = everything.rings_at(number);
        builder = builder.number(Number {
            number: number.number,
            company: number.company,
            profile,
            caller_id_allowed: number.caller_id_allowed,
        });
        if let Some(account) = everything.account_of(number) {
            let user = match &account.extension {
                Some(extension) => CalledUser::Extension(extension.as_str().into()),
                None => CalledUser::Own(sip_user(everything, profile)),
            };
            builder = builder.called_as(number.number, user);
        }
    }
    for landline in everything.landlines_shown() {
        builder = builder.landline(landline.number, landline.company);
    }
    builder
}

fn sip_user(everything: &Everything, profile: Option<domain::ProfileId>) -> Arc<str> {
    let of = |id| {
        let place = everything.profiles.binary_search_by_key(&id, |(profile, _)| profile.id).ok()?;
        Some(everything.profiles.get(place)?.0.sip_user.as_str().into())
    };
    profile.and_then(of).unwrap_or_default()
}
