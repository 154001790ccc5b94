//! The rules by which a shop acts on Amazon's answers: what may be sent, what an answer proves, and
//! what a buyer may be told.

pub mod agreement;
pub mod attempt;
pub mod cancellation;
pub mod capture_plan;
pub mod checkout;
pub mod completion;
pub mod doubt;
pub mod evidence;
pub mod fulfilment;
pub mod hint;
pub mod operation;
pub mod payment;
pub mod quote;
pub mod sending;
pub mod verdict;

#[cfg(test)]
mod tests;
