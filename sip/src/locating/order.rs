//! Candidates in the order in which one attempt tries them: by service, by priority, and by weights among equals (RFC 2782).
//!
//! Which of them failed lately is its user's to know.

use super::Candidate;
use domain::Entropy;

/// The candidates as one attempt tries them; servers of one priority are drawn by their weights, each draw anew.
pub fn in_order(candidates: &[Candidate], chance: &mut Entropy) -> Vec<Candidate> {
    let mut rest: Vec<Candidate> = candidates.to_vec();
    // Stable: the addresses of a server stay in the order of the answer.
    rest.sort_by_key(|candidate| (candidate.rank, candidate.priority));
    let mut ordered = Vec::with_capacity(rest.len());
    for equals in rest.chunk_by(|one, other| (one.rank, one.priority) == (other.rank, other.priority)) {
        draw(equals, chance, &mut ordered);
    }
    ordered
}

/// RFC 2782: those without weight first; a running sum over all; the first whose sum is not below a number drawn from 0 to the whole.
fn draw(equals: &[Candidate], chance: &mut Entropy, ordered: &mut Vec<Candidate>) {
    let mut servers: Vec<(u16, u64)> = Vec::new();
    for candidate in equals {
        if !servers.iter().any(|(server, _)| *server == candidate.server) {
            servers.push((candidate.server, candidate.weight.into()));
        }
    }
    servers.sort_by_key(|(_, weight)| *weight > 0);
    while !servers.is_empty() {
        let whole: u64 = servers.iter().map(|(_, weight)| weight).sum();
        let lot = chance.below(whole + 1);
        let mut sum = 0;
        let place = servers.iter().position(|(_, weight)| {
            sum += weight;
            sum >= lot
        });
        let (server, _) = servers.remove(place.unwrap_or_default());
        ordered.extend(equals.iter().filter(|candidate| candidate.server == server));
    }
}
