//! Dialogs as values (RFC 3261 section 12), and the repeating of a 2xx until its ACK.
//!
//! Which requests belong to which dialog is looked up in [`crate::endpoint`]; offers and answers, session timers and what a call
//! means live in `leg`.
//!
//! | File | Holds |
//! |---|---|
//! | [`calling`] | what an UAC knows before there is a dialog: it prints the INVITE |
//! | [`established`] | the dialog itself, of either side |
//! | [`repeating`] | the 2xx until its ACK |

pub mod calling;
pub mod established;
pub mod repeating;

pub use calling::Calling;
pub use established::{Dialog, Role, Stage, Untimely};
pub use repeating::Repeating;
