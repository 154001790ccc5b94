//! Tests of the merchant half through its real router, with each real store and a scripted Amazon. The tests
//! control time and randomness; nothing waits.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod absence;
mod amazon;
mod bad_input;
mod browser;
mod canceling;
mod capture_plan;
mod cart;
mod completing;
mod counting;
mod crashes;
mod deciding;
mod documented;
mod doubt;
mod explaining;
mod figures;
mod gate;
mod keys;
mod life;
mod listing;
mod logs;
mod losing;
mod not_approved;
mod notifications;
mod notified;
mod notifying;
mod paying;
mod proving;
mod quoting;
mod recovery;
mod refunding;
mod refusing;
mod registering;
mod result_page;
mod shipping;
mod shop;
mod snapshot;
mod standing;
mod store;
mod telling;
mod time_machine;
mod unexplained;
mod where_paid;
mod whose;
mod world;
