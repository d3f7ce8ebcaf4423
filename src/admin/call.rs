//! `tandem call explain`: why a call cost what it cost, asked of a running switch.
//!
//! The sentences are the API's.

use super::door::Door;
use super::show::text;
use super::{Order, show};
use clap::Subcommand;
use serde_json::Value;

/// One call.
#[derive(Debug, Subcommand)]
pub(crate) enum CallCommand {
    /// Says why a call that has ended cost what it cost: the deck's row, every step of the price, every charge.
    Explain {
        /// Which: call_0193...
        id: String,
    },
}

impl Order for CallCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        let CallCommand::Explain { id } = self;
        let explanation = door.get(&format!("/calls/{id}/explain"))?;
        show::answer(door, &explanation, lines);
        Ok(())
    }
}

fn lines(explanation: &Value) -> Vec<String> {
    let [call, amount, currency] = ["/call", "/amount", "/currency"].map(|field| text(explanation, field));
    let mut lines = vec![format!("{call}: {amount} {currency}")];
    let sentences = explanation.pointer("/sentences").and_then(Value::as_array);
    lines.extend(sentences.into_iter().flatten().map(|sentence| format!("  {}", text(sentence, ""))));
    lines
}
