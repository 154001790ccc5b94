//! The rules that Amazon enforces: Checkout Session, Finalize, Charge Permission, Charge, Refund, and the
//! double entry behind every movement of money.
//!
//! Amazon documents most of them; where it is silent the rule is this project's choice, and
//! docs/compatibility.md lists it. Every object is read *as of* an instant: an overdue one is first
//! carried to where its deadlines have put it, so that reading and expiring give the same answer.

pub mod buyer;
pub mod charge;
pub mod charge_permission;
pub mod checkout_session;
pub mod event;
pub mod finalize;
pub mod ledger;
pub mod payment;
pub mod payment_details;
pub mod profile;
pub mod refund;
#[cfg(test)]
mod tests;
