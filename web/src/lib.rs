//! The door for programs: REST with OpenAPI, metrics and health checks, over HTTP. The console will be the second door.
//!
//! Nothing is decided here: the API asks `backoffice`, `/metrics` asks `telemetry`.
#![forbid(unsafe_code)]

pub mod api;
mod body;
mod doorkeeper;
mod failure;
mod probes;
mod query;
mod server;
mod services;

pub use server::{Error, RunningServer, WebSettings, serve};
pub use services::{BeforeScrape, Services};
