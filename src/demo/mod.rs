//! `tandem demo`.

mod agent;
