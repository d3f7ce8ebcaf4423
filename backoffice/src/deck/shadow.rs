//! Shadow tariffs: which deck is rated beside which, by operators. What comes of it, side by side, is in [`report`].
//!
//! No call is charged, refused or slowed by a shadow: it is rated from the record, and so only when somebody asks.

pub mod report;

use crate::caller::Caller;
use crate::error::Result;
use crate::office::Office;
use domain::Wall;
use serde::{Deserialize, Serialize};
use store::DeckId;
use utoipa::ToSchema;

/// Whose shadow a version is to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShadow {
    /// The deck whose calls are to be rated by it too, by name.
    #[schema(example = "standard")]
    pub of: String,
}

/// A shadow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shadow {
    /// The deck whose calls have it, by name.
    #[schema(example = "standard")]
    pub of: String,
    /// The version that they are rated by too; null where it was cleared.
    #[schema(example = "deck_12")]
    pub deck: Option<String>,
    /// The same as call records name versions.
    #[schema(example = "standard 4")]
    pub label: Option<String>,
    /// Calls that began from then on have it, until the next one of the same deck; RFC 3339.
    pub from: String,
    /// By whom.
    pub ordered_by: String,
}

fn show(shadow: store::Shadow) -> Shadow {
    Shadow {
        of: shadow.of,
        deck: shadow.shadow.as_ref().map(|deck| deck.id.to_string()),
        label: shadow.shadow.as_ref().map(store::Deck::label),
        from: shadow.from.to_string(),
        ordered_by: shadow.by,
    }
}

impl Office {
    /// Makes a version the shadow of a deck: calls that begin from now on are rated by both, and charged by the deck alone. It need not be in
    /// force, nor ever have been.
    ///
    /// # Errors
    /// Operators only; [`crate::Error::NotFound`], [`crate::Error::Invalid`] (no deck of this name, another currency).
    pub fn set_deck_shadow(&self, caller: &Caller, id: DeckId, new: &NewShadow) -> Result<Shadow> {
        caller.operator("set shadow decks")?;
        self.store().set_deck_shadow(&new.of, Some(id), self.signed(caller))?;
        let all = self.store().deck_shadows()?;
        let last = all.into_iter().rfind(|shadow| shadow.of == new.of);
        last.map(show).ok_or_else(|| crate::Error::not_found("deck", id))
    }

    /// From now on a version is nobody's shadow. Reports of the time before have it as before.
    ///
    /// # Errors
    /// Operators only; [`crate::Error::NotFound`] where it is nobody's.
    pub fn clear_deck_shadow(&self, caller: &Caller, id: DeckId) -> Result<()> {
        caller.operator("set shadow decks")?;
        let all = self.store().deck_shadows()?;
        let is_last = |index: usize| all[index + 1..].iter().all(|later| later.of != all[index].of);
        let is_of = |shadow: &store::Shadow| shadow.shadow.as_ref().is_some_and(|deck| deck.id == id);
        let casting: Vec<_> = (0..all.len()).filter(|index| is_last(*index) && is_of(&all[*index])).collect();
        if casting.is_empty() {
            return Err(crate::Error::not_found("shadow deck", id));
        }
        for index in casting {
            self.store().set_deck_shadow(&all[index].of, None, self.signed(caller))?;
        }
        Ok(())
    }

    /// Every shadow that there ever was, oldest first: a call has the last one of its deck from before it began.
    ///
    /// # Errors
    /// Operators only.
    pub fn deck_shadows(&self, caller: &Caller) -> Result<Vec<Shadow>> {
        caller.operator("see shadow decks")?;
        Ok(self.store().deck_shadows()?.into_iter().map(show).collect())
    }
}

/// The shadow that a call of this deck had that began then.
pub(crate) fn at<'a>(all: &'a [store::Shadow], of: &str, at: Wall) -> Option<&'a store::Deck> {
    all.iter().rfind(|shadow| shadow.of == of && shadow.from <= at)?.shadow.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Currency;

    fn version(version: u32) -> store::Deck {
        store::Deck {
            id: format!("deck_{version}").parse().unwrap(),
            name: "next".to_owned(),
            currency: Currency::USD,
            version,
            row_count: 0,
            created_at: Wall::from_unix_seconds(0),
            imported_by: String::new(),
            content: String::new(),
        }
    }

    /// A report of the past stays what it was, whatever is set later.
    #[test]
    fn a_call_keeps_the_shadow_that_its_deck_had_when_it_began() {
        let shadow = |of: &str, number: Option<u32>, from| store::Shadow {
            of: of.to_owned(),
            shadow: number.map(version),
            from: Wall::from_unix_seconds(from),
            by: String::new(),
        };
        let all = [
            shadow("standard", Some(1), 10),
            shadow("gold", Some(9), 15),
            shadow("standard", Some(2), 20),
            shadow("standard", None, 30),
            shadow("standard", Some(3), 40),
        ];
        let label = |of, second| at(&all, of, Wall::from_unix_seconds(second)).map(store::Deck::label);
        let of_standard = [9, 10, 19, 20, 29, 30, 39, 40].map(|second| label("standard", second));
        let next = |number: u32| Some(format!("next {number}"));
        assert_eq!(of_standard, [None, next(1), next(1), next(2), next(2), None, None, next(3)]);
        assert_eq!((label("gold", 99), label("silver", 99)), (next(9), None));
    }
}
