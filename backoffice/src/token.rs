//! API tokens: made, listed and revoked by operators. The token itself is shown once, at its birth.
//!
//! Checking tokens is in [`crate::caller`].

use crate::caller::{Caller, START_PREFIX, hash};
use crate::error::{Error, Result};
use crate::office::Office;
use crate::page::{Page, PageAsk};
use crate::text::Text;
use domain::CompanyId;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use store::{Scope, TokenId};
use utoipa::ToSchema;

/// What every token begins with, so that leaked ones can be searched for.
pub const SECRET_PREFIX: &str = "tk_live_";
/// Bytes of chance in a token.
const SECRET_BYTES: usize = 32;

/// A token to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// 1 to 100 characters: for people, and for the audit.
    #[schema(example = "billing export")]
    pub name: String,
    /// The company that it is bound to; an operator's token where none is given.
    #[schema(value_type = Option<String>)]
    pub company: Option<Text<CompanyId>>,
}

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Token {
    /// Which.
    #[schema(example = "tokn_7")]
    pub id: String,
    /// For people, and for the audit.
    pub name: String,
    /// `operator` or `company`.
    pub scope: String,
    /// The company that it is bound to.
    pub company: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// To within a minute; RFC 3339.
    pub last_used_at: Option<String>,
    /// Since when it is worthless; RFC 3339.
    pub revoked_at: Option<String>,
}

/// A token that was made, with its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MadeToken {
    /// The token.
    #[serde(flatten)]
    pub token: Token,
    /// What to send as `Authorization: Bearer`; shown here only.
    #[schema(example = "tk_live_4f1c...")]
    pub secret: String,
}

fn show(token: store::ApiToken) -> Token {
    let (scope, company) = match token.scope {
        Scope::Operator => ("operator", None),
        Scope::Company(company) => ("company", Some(company.to_string())),
    };
    Token {
        id: token.id.to_string(),
        name: token.name,
        scope: scope.to_owned(),
        company,
        created_at: token.created_at.to_string(),
        last_used_at: token.last_used_at.map(|at| at.to_string()),
        revoked_at: token.revoked_at.map(|at| at.to_string()),
    }
}

impl Office {
    /// Makes a token.
    ///
    /// # Errors
    /// Operators only; [`Error::Invalid`], [`Error::NotFound`] (the company).
    pub fn create_token(&self, caller: &Caller, new: NewToken) -> Result<MadeToken> {
        caller.operator("make tokens")?;
        if new.name.starts_with(START_PREFIX) {
            let problem = format!("names that begin with {START_PREFIX} are for the tokens of the tokens file");
            return Err(Error::field("/name", problem));
        }
        let mut bytes = [0; SECRET_BYTES];
        (self.inner.random.lock())(&mut bytes);
        let secret = bytes.iter().fold(SECRET_PREFIX.to_owned(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        let scope = new.company.map_or(Scope::Operator, |company| Scope::Company(company.0));
        let token = self.store().create_token(&new.name, scope, hash(&secret), self.signed(caller))?;
        Ok(MadeToken { token: show(token), secret })
    }

    /// Every token, revoked ones too, oldest first.
    ///
    /// # Errors
    /// Operators only; [`Error::Invalid`] (cursor).
    pub fn tokens(&self, caller: &Caller, ask: &PageAsk) -> Result<Page<Token>> {
        caller.operator("see tokens")?;
        Page::of_sorted(self.store().tokens()?, ask, |token| token.id, |token| Ok(show(token)))
    }

    /// Makes a token worthless; doing so again changes nothing.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`].
    pub fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<Token> {
        caller.operator("revoke tokens")?;
        Ok(show(self.store().revoke_token(id, self.signed(caller))?))
    }
}
