//! Who asks: bearer tokens, known by their hash, and what they may see.
//!
//! Making and listing tokens is in [`crate::token`].

use crate::error::{Error, Result};
use crate::office::Office;
use domain::CompanyId;
use sha2::{Digest, Sha256};
use store::{Scope, Signed, TokenId};

/// Tokens given at start at most.
pub const START_TOKENS_MAX: usize = 1_000;
/// What the names of tokens that were given at start begin with in the store. No other token may be called so.
pub const START_PREFIX: &str = "file:";

/// A token that was given at start: an operator's.
#[derive(Clone, PartialEq, Eq)]
pub struct StartToken {
    /// Who holds it, for the audit.
    pub name: String,
    /// The token itself.
    pub secret: String,
}

/// Never prints the secret.
impl std::fmt::Debug for StartToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StartToken({})", self.name)
    }
}

/// Who asks, as their token has proven it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// By which token.
    pub token: TokenId,
    /// Its name, for the audit.
    pub name: String,
    /// Whose rows it may see and change.
    pub scope: Scope,
}

impl Caller {
    /// Passes where the caller is an operator.
    pub(crate) fn operator(&self, may: &'static str) -> Result<()> {
        match self.scope {
            Scope::Operator => Ok(()),
            Scope::Company(_) => Err(Error::OperatorOnly(may)),
        }
    }

    /// Whether rows of this company may be seen.
    pub(crate) fn sees(&self, company: CompanyId) -> bool {
        match self.scope {
            Scope::Operator => true,
            Scope::Company(own) => own == company,
        }
    }

    /// Passes where rows of this company may be seen; else the thing asked for is not there.
    pub(crate) fn may_see(&self, company: CompanyId, what: &'static str, id: impl ToString) -> Result<()> {
        if self.sees(company) { Ok(()) } else { Err(Error::not_found(what, id)) }
    }

    /// The company to whose rows a list is limited: the caller's own, or the one that an operator asks for.
    pub(crate) fn limit_to(&self, asked: Option<CompanyId>) -> Result<Option<CompanyId>> {
        match (self.scope, asked) {
            (Scope::Operator, asked) => Ok(asked),
            (Scope::Company(own), None) => Ok(Some(own)),
            (Scope::Company(own), Some(asked)) if own == asked => Ok(Some(own)),
            (Scope::Company(_), Some(asked)) => Err(Error::not_found("company", asked)),
        }
    }
}

/// The hash by which a token is known.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl Office {
    /// Takes the tokens that were given at start; those of an earlier start that are not among them are worthless now. To be
    /// called once, before the first request. Returns the names of tokens that stay worthless because they were revoked.
    ///
    /// # Errors
    /// [`Error::Invalid`] (too many, a name that is none), [`Error::Store`].
    pub fn take_start_tokens(&self, tokens: &[StartToken]) -> Result<Vec<String>> {
        if tokens.len() > START_TOKENS_MAX {
            return Err(Error::field("tokens", format!("expected at most {START_TOKENS_MAX}")));
        }
        let mut revoked = Vec::new();
        for token in tokens {
            let sha256 = hash(&token.secret);
            if self.store().find_token(sha256)?.is_none() {
                let name = format!("{START_PREFIX}{}", token.name);
                let signed = Signed { by: "start", at: self.wall() };
                match self.store().create_token(&name, Scope::Operator, sha256, signed) {
                    Ok(_) => {}
                    // It is in the store and was not found: it was revoked there.
                    Err(store::Error::Conflict { .. }) => {
                        revoked.push(token.name.clone());
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            self.inner.start_tokens.lock().insert(sha256);
        }
        Ok(revoked)
    }

    /// Who holds this token.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Store`].
    pub fn authenticate(&self, secret: &str) -> Result<Caller> {
        let unknown =
            Error::Unauthenticated("the token is unknown or revoked: send a valid one as Authorization: Bearer");
        let sha256 = hash(secret);
        let Some(token) = self.store().find_token(sha256)? else { return Err(unknown) };
        if token.name.starts_with(START_PREFIX) && !self.inner.start_tokens.lock().contains(&sha256) {
            return Err(unknown);
        }
        self.store().note_token_used(&token, self.wall())?;
        Ok(Caller { token: token.id, name: token.name, scope: token.scope })
    }
}
