//! Who we are to a carrier: the name and the password by which it knows us, sealed, and whether we register there.
//!
//! Registering does not live here: it is `switch`'s and `actors`'.

use crate::column::parsed;
use crate::{Error, Password, Result, Signed, Store, carrier, checks};
use domain::CarrierId;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// Characters of a name or a password at most.
const LENGTH_MAX: usize = 128;
/// Seconds that may be registered for.
const EXPIRES_S: (u32, u32) = (60, 86_400);

/// Who we are to a carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user of our address of record: 1 to 128 characters that may stand in a SIP URI unescaped.
    pub user: String,
    /// The user of digest, where it is another: 1 to 128 bytes.
    pub auth_user: Option<String>,
    /// The only realm whose challenge is answered: 1 to 128 bytes; none for any.
    pub realm: Option<String>,
    /// Whether we register there.
    pub register: bool,
    /// For how many seconds, 60 to 86400, where it grants as much.
    pub expires_s: u32,
    /// One more with each change.
    pub version: u32,
}

/// What is to be kept of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// The user of our address of record.
    pub user: String,
    /// The user of digest, where it is another.
    pub auth_user: Option<String>,
    /// The only realm whose challenge is answered.
    pub realm: Option<String>,
    /// The password; none for the one that is kept.
    pub password: Option<Password>,
    /// Whether we register there.
    pub register: bool,
    /// For how many seconds.
    pub expires_s: u32,
}

/// Characters of a user part that need no escape (RFC 3261 25.1: unreserved, and `&=+$,`), quotes left out.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*()&=+$,".contains(&byte)
}

fn check(new: &NewAccount) -> Result<()> {
    if new.user.is_empty() || new.user.len() > LENGTH_MAX || !new.user.bytes().all(is_plain) {
        let problem = format!(
            "\"{}\" cannot be the user of a SIP URI: expected 1 to 128 letters, digits and -_.!~*()&=+$,",
            new.user.escape_debug()
        );
        return Err(Error::invalid("username", problem));
    }
    let said = [
        ("auth_username", new.auth_user.as_deref()),
        ("realm", new.realm.as_deref()),
        ("password", new.password.as_ref().map(Password::reveal)),
    ];
    for (field, text) in said {
        if text.is_some_and(|text| text.is_empty() || text.len() > LENGTH_MAX || text.chars().any(char::is_control)) {
            return Err(Error::invalid(field, "expected 1 to 128 bytes without control characters"));
        }
    }
    checks::within("expires_s", new.expires_s, EXPIRES_S.0, EXPIRES_S.1)
}

/// What the password of a carrier's account is sealed for: no profile has such an identity.
fn owner(id: CarrierId) -> String {
    format!("{id} account")
}

fn get(connection: &Connection, id: CarrierId) -> Result<Option<(Account, Vec<u8>)>> {
    let found = connection
        .prepare_cached(
            "SELECT user, register, expires_s, version, auth_user, realm, sealed_password FROM carrier_accounts
             WHERE carrier = ?1",
        )?
        .query_row([id.to_string()], |row| {
            let (user, register, expires_s, version) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let (auth_user, realm) = (row.get(4)?, row.get(5)?);
            Ok((Account { user, auth_user, realm, register, expires_s, version }, row.get(6)?))
        })
        .optional()?;
    Ok(found)
}

pub(crate) fn all(store: &Store, connection: &Connection) -> Result<BTreeMap<CarrierId, (Account, Password)>> {
    let mut statement = connection.prepare_cached("SELECT carrier FROM carrier_accounts")?;
    let ids = statement.query_map([], |row| parsed(row, 0))?.collect::<rusqlite::Result<Vec<CarrierId>>>()?;
    let mut all = BTreeMap::new();
    for id in ids {
        if let Some((account, sealed)) = get(connection, id)? {
            let password = Password::from_sealed(store.key.unseal(&owner(id), &sealed)?);
            all.insert(id, (account, password));
        }
    }
    Ok(all)
}

impl Store {
    /// Who we are to a carrier; none where it never asks.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn carrier_account(&self, id: CarrierId) -> Result<Option<Account>> {
        self.read(|connection| {
            carrier::get(connection, id)?;
            Ok(get(connection, id)?.map(|(account, _)| account))
        })
    }

    /// Says who we are to a carrier from now on. Its password is never shown again.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`]: no password, where none is kept yet.
    pub fn set_carrier_account(&self, id: CarrierId, new: &NewAccount, signed: Signed<'_>) -> Result<Account> {
        check(new)?;
        self.change(signed, "carrier_account_set", id, &format!("{new:?}"), |transaction| {
            carrier::get(transaction, id)?;
            let known = get(transaction, id)?;
            let version = known.as_ref().map_or(1, |(account, _)| account.version.wrapping_add(1));
            let sealed = match (&new.password, known) {
                (Some(password), _) => {
                    let mut random = self.random.lock();
                    self.key.seal(&owner(id), password.reveal(), &mut *random)?
                }
                (None, Some((_, sealed))) => sealed,
                (None, None) => {
                    return Err(Error::invalid("password", "there is none yet: the carrier has given you one"));
                }
            };
            transaction.execute(
                "INSERT OR REPLACE INTO carrier_accounts
                 (carrier, user, sealed_password, register, expires_s, version, auth_user, realm)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    id.to_string(),
                    new.user,
                    sealed,
                    new.register,
                    new.expires_s,
                    version,
                    new.auth_user,
                    new.realm
                ],
            )?;
            let NewAccount { user, auth_user, realm, register, expires_s, .. } = new.clone();
            Ok(Account { user, auth_user, realm, register, expires_s, version })
        })
    }

    /// The carrier asks no more.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn delete_carrier_account(&self, id: CarrierId, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "carrier_account_deleted", id, "", |transaction| {
            carrier::get(transaction, id)?;
            transaction.execute("DELETE FROM carrier_accounts WHERE carrier = ?1", [id.to_string()])?;
            Ok(())
        })
    }
}
