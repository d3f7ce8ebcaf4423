//! Which way sound flows, as two answers instead of one word, so that wishes of two sides can be joined.
//!
//! How it stands in a description is `sdp`'s.

use domain::media::{Direction, Stream};

/// Which way sound flows, seen from one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) sends: bool,
    pub(crate) receives: bool,
}

impl Flow {
    /// Both ways.
    pub(crate) const BOTH: Flow = Flow { sends: true, receives: true };

    pub(crate) const fn of(direction: Direction) -> Flow {
        match direction {
            Direction::SendRecv => Flow { sends: true, receives: true },
            Direction::SendOnly => Flow { sends: true, receives: false },
            Direction::RecvOnly => Flow { sends: false, receives: true },
            Direction::Inactive => Flow { sends: false, receives: false },
        }
    }

    /// What a stream says. The hold of RFC 2543, an address of zeros, receives nothing whatever its direction says (RFC 3264 8.4).
    pub(crate) fn said_by(stream: &Stream) -> Flow {
        let said = Flow::of(stream.direction);
        let is_somewhere = stream.receives_at.is_some_and(|address| !address.ip().is_unspecified());
        Flow { receives: said.receives && is_somewhere, ..said }
    }

    pub(crate) const fn direction(self) -> Direction {
        match (self.sends, self.receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// The same, seen from the other end.
    pub(crate) const fn reversed(self) -> Flow {
        Flow { sends: self.receives, receives: self.sends }
    }

    /// What both allow.
    pub(crate) const fn and(self, other: Flow) -> Flow {
        Flow { sends: self.sends && other.sends, receives: self.receives && other.receives }
    }
}
