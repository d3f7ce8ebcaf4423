//! A profile as a row of its table: read and written.
//!
//! What may stand in it is the profile's to say.

use super::{AutoRecharge, Profile, ProfileAuth};
use crate::column::{list_text, parsed, parsed_list, parsed_option};
use crate::{Error, Ha1, Result};
use domain::{Micros, ProfileId, Wall};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub(super) const SELECT: &str =
    "SELECT p.id, p.company, c.currency, p.name, p.sip_user, p.state, p.channels, p.registration, p.sources,
    p.caller_id, p.recharge_amount, p.recharge_threshold, p.require_plus, p.created_us, p.ha1_md5, p.ha1_sha256,
    p.incoming_to, p.srtp, p.calls_per_second, p.t38, p.dtmf, p.certificates, p.contact
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
    })
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

pub(super) fn insert(connection: &Connection, profile: &Profile, ha1: &Ha1, sealed: &[u8]) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO profiles (id, company, name, sip_user, state, channels, registration, sources, caller_id,
             recharge_amount, recharge_threshold, require_plus, created_us, ha1_md5, ha1_sha256, sealed_password,
             incoming_to, srtp, calls_per_second, t38, dtmf, certificates, contact)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
             ?21, ?22, ?23)",
        )?
        .execute(params![
            profile.id.to_string(),
            profile.company.to_string(),
            profile.name,
            profile.sip_user,
            profile.state.as_str(),
            profile.channels,
            profile.auth.registration,
            list_text(&profile.auth.sources),
            profile.caller_id.map(|number| number.to_string()),
            profile.auto_recharge.map(|recharge| recharge.amount.get()),
            profile.auto_recharge.map(|recharge| recharge.threshold.get()),
            profile.require_plus,
            profile.created_at.as_unix_micros(),
            ha1.md5,
            ha1.sha256,
            sealed,
            profile.incoming_to.as_str(),
            profile.srtp.as_str(),
            profile.calls_per_second,
            profile.t38.as_str(),
            profile.dtmf.as_str(),
            list_text(&profile.auth.certificates),
            profile.contact.as_ref().map(ToString::to_string)
        ])?;
    Ok(())
}

pub(super) fn update(connection: &Connection, profile: &Profile) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE profiles SET name = ?2, state = ?3, channels = ?4, registration = ?5, sources = ?6, caller_id = ?7,
             recharge_amount = ?8, recharge_threshold = ?9, require_plus = ?10, incoming_to = ?11, srtp = ?12,
             calls_per_second = ?13, t38 = ?14, dtmf = ?15, certificates = ?16, contact = ?17 WHERE id = ?1",
        )?
        .execute(params![
            profile.id.to_string(),
            profile.name,
            profile.state.as_str(),
            profile.channels,
            profile.auth.registration,
            list_text(&profile.auth.sources),
            profile.caller_id.map(|number| number.to_string()),
            profile.auto_recharge.map(|recharge| recharge.amount.get()),
            profile.auto_recharge.map(|recharge| recharge.threshold.get()),
            profile.require_plus,
            profile.incoming_to.as_str(),
            profile.srtp.as_str(),
            profile.calls_per_second,
            profile.t38.as_str(),
            profile.dtmf.as_str(),
            list_text(&profile.auth.certificates),
            profile.contact.as_ref().map(ToString::to_string)
        ])?;
    Ok(())
}
