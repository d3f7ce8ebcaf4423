//! Notices of the payment provider: what it tells by itself, believed where it is signed, fresh, and not taken before.
//!
//! What follows from one is decided in `switch`. How it is signed is in [`super::signature`].

use super::message::Telling;
use super::signature::{Forged, TOLERANCE};
use crate::error::{Error, Result};
use crate::office::Office;
use domain::PaymentId;
use switch::company::paying::Event;

/// Characters of a notice's name at most.
const ID_CHARS_MAX: usize = 100;

impl Office {
    /// Takes a notice: headers and body as they came. It is carried out before this returns, and then noted, so that one whose answer
    /// was lost in a crash may come again: a payment learns nothing twice.
    ///
    /// # Errors
    /// [`Error::NoPaymentProvider`], [`Error::NoticeRefused`] (forged, stale), [`Error::NoticeReplayed`], [`Error::Invalid`],
    /// [`Error::NotFound`] (the payment).
    pub fn take_payment_notice(&self, timestamp: Option<&str>, signature: Option<&str>, body: &[u8]) -> Result<()> {
        let till = self.till()?;
        let key = till.notices.as_ref().ok_or(Error::NoPaymentProvider)?;
        let (timestamp, signature) = timestamp.zip(signature).ok_or(Forged::Unsigned)?;
        let now = self.wall();
        key.verify(timestamp, signature, body, now)?;
        let telling: Telling = serde_json::from_slice(body).map_err(|error| Error::field("", error.to_string()))?;
        let is_name =
            |id: &&String| (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        let Some(id) = telling.id.as_ref().filter(is_name) else {
            return Err(Error::field(
                "/id",
                format!("expected a name of 1 to {ID_CHARS_MAX} printable ASCII characters"),
            ));
        };
        if self.store().knows_payment_notice(id)? {
            return Err(Error::NoticeReplayed(id.clone()));
        }
        let payment: PaymentId = telling.payment.parse().map_err(|_| Error::not_found("payment", &telling.payment))?;
        let payment = self.store().payment(payment)?;
        if *payment.provider != *till.provider {
            return Err(Error::not_found("payment", payment.id));
        }
        let answer = telling.of(&payment).map_err(|what| Error::field("/payment", what))?;
        till.hear(payment.id, Event::Notified(answer))?;
        // Until it is too old to be believed whoever sends it.
        let is_first = self.store().note_payment_notice(id, now, now - 2 * TOLERANCE)?;
        if is_first { Ok(()) } else { Err(Error::NoticeReplayed(id.clone())) }
    }
}
