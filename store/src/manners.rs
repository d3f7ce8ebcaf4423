//! How trunks are spoken to, and whose numbers their calls show: one document for each profile and each carrier that has one.
//!
//! Applying them does not live here: it is `switch`'s and `leg`'s.

use crate::column::unreadable;
use crate::{Error, Result, Signed, Store, carrier, profile};
use domain::call_control::Compat;
use domain::{CarrierId, Country, E164, HeaderLine, HeaderPolicy, ProfileId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Countries with a caller ID of their own at most (L2).
pub const COUNTRIES_MAX: usize = 64;

/// How a profile's PBX is spoken to, and whose numbers its calls show besides the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileManners {
    /// How its PBX is addressed (I6).
    pub compat: Compat,
    /// Shown instead of the default in calls to that country (L2); at most [`COUNTRIES_MAX`].
    pub by_country: BTreeMap<Country, E164>,
    /// Whether nobody is shown although a number is chosen (L6).
    pub withheld: bool,
    /// Whether a caller ID that the PBX may not show is refused; otherwise it is replaced (L5).
    pub refuse_spoofed: bool,
    /// Which headers go to its PBX and come from it.
    pub headers: HeaderPolicy,
}

/// How a carrier is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarrierManners {
    /// Whether it is in our trust domain (RFC 3325).
    pub trusted: bool,
    /// Which headers go to it and come from it.
    pub headers: HeaderPolicy,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadersJson {
    allow: Vec<String>,
    strip: Vec<String>,
    add: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileJson {
    classic: bool,
    by_country: BTreeMap<String, String>,
    withheld: bool,
    refuse_spoofed: bool,
    headers: HeadersJson,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CarrierJson {
    trusted: bool,
    headers: HeadersJson,
}

impl HeadersJson {
    fn of(policy: &HeaderPolicy) -> Self {
        let names = |names: &[Arc<str>]| names.iter().map(|name| name.to_string()).collect();
        let add = policy.add.iter().map(|line| (line.name.to_string(), line.value.to_string())).collect();
        Self { allow: names(&policy.allow), strip: names(&policy.strip), add }
    }

    fn policy(self) -> HeaderPolicy {
        let names = |names: Vec<String>| names.into_iter().map(Arc::from).collect();
        let line = |(name, value): (String, String)| HeaderLine { name: name.into(), value: value.into() };
        let add = self.add.into_iter().map(line).collect();
        HeaderPolicy { allow: names(self.allow), strip: names(self.strip), add }
    }
}

impl ProfileManners {
    fn text(&self) -> String {
        let by_country = self.by_country.iter().map(|(country, number)| (country.to_string(), number.to_string()));
        let json = ProfileJson {
            classic: self.compat == Compat::Classic,
            by_country: by_country.collect(),
            withheld: self.withheld,
            refuse_spoofed: self.refuse_spoofed,
            headers: HeadersJson::of(&self.headers),
        };
        serde_json::to_string(&json).unwrap_or_default()
    }

    fn read(text: &str) -> rusqlite::Result<Self> {
        let json: ProfileJson = serde_json::from_str(text).map_err(|error| unreadable(1, error))?;
        let entry = |(country, number): (String, String)| {
            let country: Country = country.parse().map_err(|error| unreadable(1, error))?;
            Ok((country, number.parse::<E164>().map_err(|error| unreadable(1, error))?))
        };
        Ok(ProfileManners {
            compat: if json.classic { Compat::Classic } else { Compat::Standard },
            by_country: json.by_country.into_iter().map(entry).collect::<rusqlite::Result<_>>()?,
            withheld: json.withheld,
            refuse_spoofed: json.refuse_spoofed,
            headers: json.headers.policy(),
        })
    }
}

impl CarrierManners {
    fn text(&self) -> String {
        let json = CarrierJson { trusted: self.trusted, headers: HeadersJson::of(&self.headers) };
        serde_json::to_string(&json).unwrap_or_default()
    }

    fn read(text: &str) -> rusqlite::Result<Self> {
        let json: CarrierJson = serde_json::from_str(text).map_err(|error| unreadable(1, error))?;
        Ok(CarrierManners { trusted: json.trusted, headers: json.headers.policy() })
    }
}

fn check_headers(policy: &HeaderPolicy) -> Result<()> {
    policy.check().map_err(|problem| Error::invalid("headers", problem.to_string()))
}

pub(crate) fn of_profiles(connection: &Connection) -> Result<BTreeMap<ProfileId, ProfileManners>> {
    let mut statement = connection.prepare_cached("SELECT profile, manners FROM profile_manners")?;
    let rows = statement
        .query_map([], |row| Ok((crate::column::parsed(row, 0)?, ProfileManners::read(row.get_ref(1)?.as_str()?)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(crate) fn of_carriers(connection: &Connection) -> Result<BTreeMap<CarrierId, CarrierManners>> {
    let mut statement = connection.prepare_cached("SELECT carrier, manners FROM carrier_manners")?;
    let rows = statement
        .query_map([], |row| Ok((crate::column::parsed(row, 0)?, CarrierManners::read(row.get_ref(1)?.as_str()?)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl Store {
    /// How a profile's PBX is spoken to.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn profile_manners(&self, id: ProfileId) -> Result<ProfileManners> {
        self.read(|connection| {
            profile::get(connection, id)?;
            let found = connection
                .prepare_cached("SELECT profile, manners FROM profile_manners WHERE profile = ?1")?
                .query_row([id.to_string()], |row| ProfileManners::read(row.get_ref(1)?.as_str()?))
                .optional()?;
            Ok(found.unwrap_or_default())
        })
    }

    /// Says how a profile's PBX is spoken to from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub fn set_profile_manners(&self, id: ProfileId, manners: &ProfileManners, signed: Signed<'_>) -> Result<()> {
        check_headers(&manners.headers)?;
        if manners.by_country.len() > COUNTRIES_MAX {
            let problem = format!("{} countries: expected at most {COUNTRIES_MAX}", manners.by_country.len());
            return Err(Error::invalid("by_country", problem));
        }
        let text = manners.text();
        self.change(signed, "profile_manners_set", id, &text, |transaction| {
            profile::get(transaction, id)?;
            transaction.execute(
                "INSERT INTO profile_manners VALUES (?1, ?2) ON CONFLICT (profile) DO UPDATE SET manners = ?2",
                params![id.to_string(), text],
            )?;
            Ok(())
        })
    }

    /// How a carrier is spoken to.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn carrier_manners(&self, id: CarrierId) -> Result<CarrierManners> {
        self.read(|connection| {
            carrier::get(connection, id)?;
            let found = connection
                .prepare_cached("SELECT carrier, manners FROM carrier_manners WHERE carrier = ?1")?
                .query_row([id.to_string()], |row| CarrierManners::read(row.get_ref(1)?.as_str()?))
                .optional()?;
            Ok(found.unwrap_or_default())
        })
    }

    /// Says how a carrier is spoken to from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub fn set_carrier_manners(&self, id: CarrierId, manners: &CarrierManners, signed: Signed<'_>) -> Result<()> {
        check_headers(&manners.headers)?;
        let text = manners.text();
        self.change(signed, "carrier_manners_set", id, &text, |transaction| {
            carrier::get(transaction, id)?;
            transaction.execute(
                "INSERT INTO carrier_manners VALUES (?1, ?2) ON CONFLICT (carrier) DO UPDATE SET manners = ?2",
                params![id.to_string(), text],
            )?;
            Ok(())
        })
    }
}
