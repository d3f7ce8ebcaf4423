//! The switch's place among the nodes that share its store and its Redis: where they tell each other which PBX is registered where.
//!
//! What is told is `actors`'.

use super::ServeError;
use super::reaping::Reaper;
use actors::{Exchange, Joining};
use ledger::redis::Board;

/// Takes it. Blocks for as long as Redis takes to answer once.
pub(super) fn join(exchange: &Exchange, reaper: &Reaper) -> Result<(), ServeError> {
    let mut life = [0; 16];
    super::random(&mut life);
    let life = life.iter().map(|byte| format!("{byte:02x}")).collect();
    let board = Board::new(&reaper.redis, reaper.store.house()?, life);
    let joining = Joining { name: reaper.name.clone(), key: reaper.store.route_key()?, board: Box::new(board) };
    exchange.join(joining).map_err(ServeError::Neighbours)
}
