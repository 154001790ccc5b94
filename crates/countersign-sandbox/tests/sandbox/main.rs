//! Amazon's half in process, in one program: its API, the control API, the buyer's pages and the
//! notifications.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod api;
mod control;
mod hosted;
mod leftovers;
mod notifications;
mod world;
