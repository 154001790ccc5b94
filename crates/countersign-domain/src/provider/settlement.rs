//! How a change of a charge affects the money of its permission: the only place where money moves.
//!
//! The postings are derived from the change and compared with what the charge itself says about its money:
//! the two are written independently, and if they differ nothing is changed.

use alloc::vec::Vec;

use super::charge::Charge;
use super::ledger::{Account, Balances, LedgerImbalance, Posting};
use super::refund::RefundState;
use crate::money::Money;

/// Moves the money of a charge that went from one state to the next, and returns the postings; `before` is
/// `None` for a new charge.
///
/// # Errors
/// [`LedgerImbalance`]; then the balances are unchanged.
pub(super) fn settle(
    balances: &mut Balances,
    before: Option<&Charge>,
    after: &Charge,
) -> Result<Vec<Posting>, LedgerImbalance> {
    let postings = postings(before, after);
    *balances = posted(*balances, &postings, before, after)?;
    Ok(postings)
}

/// The postings by which a charge went from one state to the next. No other place makes postings.
fn postings(before: Option<&Charge>, after: &Charge) -> Vec<Posting> {
    let zero = Money::zero(after.amount.currency());
    let smaller = |one: Money, other: Money| if one.minor() < other.minor() { one } else { other };
    let (held_before, held_after) = (before.map_or(zero, Charge::held), after.held());
    let taken = after.captured().less(before.map_or(zero, Charge::captured));
    let mut postings = Vec::new();
    let mut post = |from: Account, to: Account, amount: Money| {
        if !amount.is_zero() {
            postings.push(Posting { from, to, amount });
        }
    };
    let captured_at_once = before.is_none() && !taken.is_zero();
    let held_now = if captured_at_once { taken } else { held_before };
    let held_first = if captured_at_once { taken } else { held_after };
    post(Account::Available, Account::Held, held_first.less(held_before));
    let from_held = smaller(taken, held_now);
    post(Account::Held, Account::Captured, from_held);
    post(Account::Overcharge, Account::Captured, taken.less(from_held));
    post(Account::Held, Account::Available, held_now.less(from_held).less(held_after));
    let refunded = |charge: &Charge| charge.refunded(|state| *state == RefundState::Refunded);
    let refunded_before = before.map_or(zero, refunded);
    let back = refunded(after).less(refunded_before);
    let left = after.captured().less(refunded_before);
    let from_captured = smaller(back, left);
    post(Account::Captured, Account::Refunded, from_captured);
    post(Account::Goodwill, Account::Refunded, back.less(from_captured));
    postings
}

/// What the charge itself says about its money. None of it is available.
fn own_balances(charge: &Charge) -> Balances {
    let zero = Money::zero(charge.amount.currency());
    let (taken, refunded) = (charge.captured(), charge.refunded(|state| *state == RefundState::Refunded));
    Balances {
        available: zero,
        held: charge.held(),
        captured: taken.less(refunded),
        refunded,
        overcharge: taken.less(charge.amount),
        goodwill: refunded.less(taken),
    }
}

/// The balances after the postings of a charge's change, checked against the charge.
pub(super) fn posted(
    earlier: Balances,
    postings: &[Posting],
    before: Option<&Charge>,
    after: &Charge,
) -> Result<Balances, LedgerImbalance> {
    let mut balances = earlier;
    for posting in postings {
        balances.post(*posting)?;
    }
    let nothing = Balances::with_limit(Money::zero(balances.currency()));
    let (was, is) = (before.map_or(nothing, own_balances), own_balances(after));
    // The last account, Available, follows from these: no posting creates or destroys money.
    for account in
        [Account::Held, Account::Captured, Account::Refunded, Account::Overcharge, Account::Goodwill]
    {
        let moved = balances.account(account).checked_add(was.account(account));
        let should = earlier.account(account).checked_add(is.account(account));
        if moved.is_none() || moved != should {
            return Err(LedgerImbalance::Account(account));
        }
    }
    Ok(balances)
}
