//! The rules by which a shop acts on Amazon's answers: what may be sent, what an answer proves, and
//! what a buyer may learn.
//!
//! ```text
//! rules, number, event    every deadline and choice; everything that can happen
//! absence                 what it takes to believe that Amazon has no such session
//! call                    one durable call to Amazon, of any kind
//! checkout                the order, and the draft that every decision changes
//! attempt, payment        how each session ended; charges, refunds and what the shop requests
//! after                   what follows: captures, cancellations, hints, parcels
//! decision                what persons decide where no machine can
//! proof                   what an answer of Amazon's proves
//! next                    what the caller has to do next
//! ```
//!
//! The modules have no import cycles: no two files import names from each other.

pub mod absence;
pub mod after;
pub mod attempt;
pub mod call;
pub mod checkout;
pub mod decision;
pub mod event;
pub mod next;
pub mod number;
pub mod payment;
pub mod proof;
pub mod rules;

#[cfg(test)]
mod tests;
