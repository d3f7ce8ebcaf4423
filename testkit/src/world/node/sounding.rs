//! The media room of a simulated node: it gives addresses, and nothing more.
//!
//! What is ordered of it about far ends is noted in `node`.

use super::{Node, SWITCH};
use actors::call;
use domain::Refusal;
use media::{Mode, Opened};
use std::net::SocketAddr;

impl Node {
    pub(super) fn open_sound(&mut self, place: u64, mode: Mode) -> Result<Opened, Refusal> {
        if !self.has_ports {
            return Err(call::no_sound(&media::OpenRefused::PortsExhausted));
        }
        assert!(self.sounds.insert(place), "ports are opened once");
        let mut port = || {
            self.next_port = if self.next_port > 60_000 { 10_000 } else { self.next_port + 2 };
            SocketAddr::new(SWITCH.ip(), self.next_port)
        };
        Ok(Opened { a: port(), b: (mode == Mode::Relay).then(&mut port) })
    }
}
