//! Where an effect goes: the pure functions that the actors and the simulator both call.
//!
//! No actor, socket or clock is here; nothing is decided here that a machine could decide.
//!
//! | File | Holds |
//! |---|---|
//! | `owners` | the numbers by which the endpoint knows legs |
//! | `legs` | orders of legs to the endpoint, and its news to them |
//! | `attempt` | a request as an attempt that is remembered |
//! | `door` | a new request: who sends it, and the house of its call |
//! | `enrolling` | REGISTERs of ours to carriers |
//! | `errands` | requests that belong to no call, and what became of them; OPTIONS to carriers and PBXs |
//! | `register` | REGISTER as words, and its answer |
//! | `papers` | a posting of a profile as a batch with its memo |

pub mod attempt;
pub mod door;
pub mod enrolling;
pub mod errands;
pub mod legs;
pub mod owners;
pub mod papers;
pub mod register;
