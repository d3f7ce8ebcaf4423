//! A profile as a row of its table: read and written.
//!
//! What may stand in it is the profile's to say.

use super::{AutoRecharge, Profile, ProfileAuth};
use crate::column::{list_text, parsed, parsed_list, parsed_option};
use crate::{Error, Ha1, Result};
use domain::fraud::{FraudTerms, Suspension};
use domain::{Caps, Micros, ProfileId, Wall};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

pub(super) const SELECT: &str =
    "SELECT p.id, p.company, c.currency, p.name, p.sip_user, p.state, p.channels, p.registration, p.sources,
    p.caller_id, p.recharge_amount, p.recharge_threshold, p.require_plus, p.created_us, p.ha1_md5, p.ha1_sha256,
    p.incoming_to, p.srtp, p.calls_per_second, p.t38, p.dtmf, p.certificates, p.contact, p.credit_failure, p.warn_before,
    p.max_rate, p.max_call_cost, p.fraud_rules, p.daily_cap_follows, p.suspended_us, p.suspended_by, p.suspended_because,
    p.released_us, p.released_by, p.advice
    FROM profiles p JOIN companies c ON c.id = p.company";

pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Profile> {
    let amount: Option<i64> = row.get(10)?;
    let threshold: Option<i64> = row.get(11)?;
    Ok(Profile {
        id: parsed(row, 0)?,
        company: parsed(row, 1)?,
        currency: parsed(row, 2)?,
        name: row.get(3)?,
        sip_user: row.get(4)?,
        state: parsed(row, 5)?,
        channels: row.get(6)?,
        auth: ProfileAuth {
            registration: row.get(7)?,
            sources: parsed_list(row, 8)?,
            certificates: parsed_list(row, 21)?,
        },
        contact: parsed_option(row, 22)?,
        caller_id: parsed_option(row, 9)?,
        auto_recharge: amount
            .zip(threshold)
            .map(|(amount, threshold)| AutoRecharge { amount: Micros::new(amount), threshold: Micros::new(threshold) }),
        require_plus: row.get(12)?,
        created_at: Wall::from_unix_micros(row.get(13)?),
        incoming_to: parsed(row, 16)?,
        srtp: parsed(row, 17)?,
        calls_per_second: row.get(18)?,
        t38: parsed(row, 19)?,
        dtmf: parsed(row, 20)?,
        advice: parsed(row, 34)?,
        credit_failure: parsed(row, 23)?,
        warn_before: parsed_option(row, 24)?,
        caps: Caps { max_rate: micros(row, 25)?, max_call_cost: micros(row, 26)? },
        fraud: FraudTerms {
            rules: parsed(row, 27)?,
            suspension: suspension(row)?,
            released_at: row.get::<_, Option<i64>>(32)?.map(Wall::from_unix_micros),
        },
        daily_cap_follows: row.get(28)?,
        released_by: row.get(33)?,
    })
}

fn suspension(row: &Row<'_>) -> rusqlite::Result<Option<Suspension>> {
    let (at, because): (Option<i64>, Option<String>) = (row.get(29)?, row.get(31)?);
    let (Some(at), Some(rule)) = (at.map(Wall::from_unix_micros), parsed_option(row, 30)?) else { return Ok(None) };
    Ok(Some(Suspension { at, rule, because: because.unwrap_or_default().into() }))
}

fn micros(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Micros>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(Micros::new))
}

fn with_ha1(row: &Row<'_>) -> rusqlite::Result<(Profile, Ha1)> {
    Ok((from_row(row)?, Ha1 { md5: row.get(14)?, sha256: row.get(15)? }))
}

pub(crate) fn get(connection: &Connection, id: ProfileId) -> Result<Profile> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE p.id = ?1"))?
        .query_row([id.to_string()], from_row)
        .optional()?
        .ok_or_else(|| Error::not_found("profile", id))
}

pub(crate) fn all_with_ha1(connection: &Connection) -> Result<Vec<(Profile, Ha1)>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} ORDER BY p.id"))?;
    let rows = statement.query_map([], with_ha1)?.collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

/// What may be changed, by column.
fn changeable(profile: &Profile) -> [(&'static str, Value); 21] {
    let recharge = profile.auto_recharge;
    [
        ("name", profile.name.clone().into()),
        ("state", profile.state.as_str().to_owned().into()),
        ("channels", profile.channels.into()),
        ("registration", profile.auth.registration.into()),
        ("sources", list_text(&profile.auth.sources).into()),
        ("caller_id", profile.caller_id.map(|number| number.to_string()).into()),
        ("recharge_amount", recharge.map(|recharge| recharge.amount.get()).into()),
        ("recharge_threshold", recharge.map(|recharge| recharge.threshold.get()).into()),
        ("require_plus", profile.require_plus.into()),
        ("incoming_to", profile.incoming_to.as_str().to_owned().into()),
        ("srtp", profile.srtp.as_str().to_owned().into()),
        ("calls_per_second", profile.calls_per_second.into()),
        ("t38", profile.t38.as_str().to_owned().into()),
        ("dtmf", profile.dtmf.as_str().to_owned().into()),
        ("advice", profile.advice.as_str().to_owned().into()),
        ("credit_failure", profile.credit_failure.to_string().into()),
        ("certificates", list_text(&profile.auth.certificates).into()),
        ("contact", profile.contact.as_ref().map(ToString::to_string).into()),
        ("max_rate", profile.caps.max_rate.map(Micros::get).into()),
        ("max_call_cost", profile.caps.max_call_cost.map(Micros::get).into()),
        ("warn_before", profile.warn_before.map(|times| times.to_string()).into()),
    ]
}

pub(super) fn insert(connection: &Connection, profile: &Profile, ha1: &Ha1, sealed: &[u8]) -> Result<()> {
    let fixed: [(&str, Value); 9] = [
        ("fraud_rules", profile.fraud.rules.to_string().into()),
        ("daily_cap_follows", profile.daily_cap_follows.into()),
        ("id", profile.id.to_string().into()),
        ("company", profile.company.to_string().into()),
        ("sip_user", profile.sip_user.clone().into()),
        ("created_us", profile.created_at.as_unix_micros().into()),
        ("ha1_md5", ha1.md5.to_vec().into()),
        ("ha1_sha256", ha1.sha256.to_vec().into()),
        ("sealed_password", sealed.to_vec().into()),
    ];
    let (names, values): (Vec<&str>, Vec<Value>) = fixed.into_iter().chain(changeable(profile)).unzip();
    let places: Vec<String> = (1..=names.len()).map(|place| format!("?{place}")).collect();
    let sql = format!("INSERT INTO profiles ({}) VALUES ({})", names.join(", "), places.join(", "));
    connection.prepare_cached(&sql)?.execute(params_from_iter(values))?;
    Ok(())
}

pub(super) fn update(connection: &Connection, profile: &Profile) -> Result<()> {
    let (names, values): (Vec<&str>, Vec<Value>) = changeable(profile).into_iter().unzip();
    let changes: Vec<String> = names.iter().zip(2..).map(|(name, place)| format!("{name} = ?{place}")).collect();
    let sql = format!("UPDATE profiles SET {} WHERE id = ?1", changes.join(", "));
    let id = Value::from(profile.id.to_string());
    connection.prepare_cached(&sql)?.execute(params_from_iter(std::iter::once(id).chain(values)))?;
    Ok(())
}
