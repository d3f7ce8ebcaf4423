//! The media room of a simulated node: it gives addresses, and nothing more.
//!
//! What is ordered of it about far ends is noted in `node`.

use super::{Node, SWITCH, Work};
use actors::call;
use domain::Refusal;
use media::{BySide, Mode, OpenRequest, Opened, Side};
use std::net::{IpAddr, SocketAddr};

impl Node {
    /// One side of a call gets another address: where each call's ports are is not kept, so the other side's is as new as it.
    pub(super) fn on_move_sound(&mut self, place: u64, side: Side, ip: IpAddr) {
        assert!(self.sounds.remove(&place), "only open ports are opened anew");
        let mut bind_ip = BySide::default();
        bind_ip[side] = Some(ip);
        self.on_open_sound(place, OpenRequest { mode: Mode::Relay, bind_ip });
    }

    pub(super) fn on_open_sound(&mut self, place: u64, request: OpenRequest) {
        let outcome = self.open_sound(place, request);
        self.work.push_back(Work::Call(place, call::Event::SoundOpened(outcome)));
    }

    fn open_sound(&mut self, place: u64, request: OpenRequest) -> Result<Opened, Refusal> {
        if !self.has_ports {
            return Err(call::no_sound(&media::OpenRefused::PortsExhausted));
        }
        assert!(self.sounds.insert(place), "ports are opened once");
        let mut port = |side: Side| {
            self.next_port = if self.next_port > 60_000 { 10_000 } else { self.next_port + 2 };
            SocketAddr::new(request.bind_ip[side].unwrap_or(SWITCH.ip()), self.next_port)
        };
        Ok(Opened { a: port(Side::A), b: (request.mode == Mode::Relay).then(|| port(Side::B)) })
    }
}
