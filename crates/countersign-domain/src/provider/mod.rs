//! The rules that Amazon enforces: Checkout Session, Finalize, Charge Permission, Charge, Refund, and the
//! double entry for every movement of money.
//!
//! Amazon documents most of them; where Amazon is silent, the rule is this project's choice, and
//! docs/compatibility.md lists it. Every object is read *as of* an instant: an overdue object is first moved
//! forward by its deadlines, so that reading and expiring give the same answer.
//!
//! Each object has a file, and so has each call that decides about more than one object. Below the objects
//! are the modules that they share: the reasons, the events and the ledger; between objects and calls is the
//! [`payment`], which changes as a unit.

pub mod buyer;
pub mod cancel_charge;
pub mod capture_charge;
pub mod charge;
pub mod charge_permission;
pub mod checkout_session;
pub mod close_charge_permission;
pub mod create_charge;
pub mod create_refund;
pub mod event;
pub mod finalize;
pub mod ledger;
pub mod payment;
pub mod payment_details;
pub mod profile;
pub mod reason;
pub mod refund;
mod settlement;
#[cfg(test)]
mod tests;
