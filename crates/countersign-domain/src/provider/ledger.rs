//! Double entry for the money of one Charge Permission: whatever moves, moves by a posting from one
//! account to another, and a posting that an account cannot bear is refused.
//!
//! ```text
//! Available ──authorize──▶ Held ──capture──▶ Captured ──refund──▶ Refunded
//!     ▲                     │                   ▲                     ▲
//!     └──release────────────┘       Overcharge──┘           Goodwill──┘
//! ```
//!
//! `Overcharge` and `Goodwill` are sources outside the permission: what is captured above an
//! authorization, and what is refunded above a capture, where Amazon's rules let it. Events carry the
//! postings that they brought about, so the event log alone gives the balances again.

use alloc::vec::Vec;

use super::charge::Charge;
use super::refund::RefundState;
use crate::money::{Currency, Money};
use crate::terms::words;

words! {
    /// Where money of a permission can be.
    Account {
        /// It can still be charged.
        Available,
        /// An open charge holds it.
        Held,
        /// The merchant has it.
        Captured,
        /// The buyer has it back.
        Refunded,
        /// Source of what is captured above an authorization.
        Overcharge,
        /// Source of what is refunded above a capture.
        Goodwill,
    }
}

/// One movement of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// Where it was.
    pub from: Account,
    /// Where it is.
    pub to: Account,
    /// How much; never nothing.
    pub amount: Money,
}

/// A posting that its account cannot bear, or in another currency: a defect of the rules, never of a
/// request. Nothing was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unbalanced(pub Posting);

/// What is where. For the two sources it is what was drawn from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balances {
    /// See [`Account::Available`].
    pub available: Money,
    /// See [`Account::Held`].
    pub held: Money,
    /// See [`Account::Captured`].
    pub captured: Money,
    /// See [`Account::Refunded`].
    pub refunded: Money,
    /// See [`Account::Overcharge`].
    pub overcharge: Money,
    /// See [`Account::Goodwill`].
    pub goodwill: Money,
}

impl Balances {
    /// A new permission's: all of its limit can be charged.
    #[must_use]
    pub const fn of_limit(limit: Money) -> Self {
        let zero = Money::zero(limit.currency());
        Self {
            available: limit,
            held: zero,
            captured: zero,
            refunded: zero,
            overcharge: zero,
            goodwill: zero,
        }
    }

    /// The currency of them all.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.available.currency()
    }

    /// What was ever taken, refunded or not.
    #[must_use]
    pub fn taken(&self) -> Money {
        let given_back = self.refunded.checked_sub(self.goodwill);
        given_back.and_then(|back| self.captured.checked_add(back)).unwrap_or(self.captured)
    }

    /// Carries out one posting.
    ///
    /// # Errors
    /// [`Unbalanced`] where the account has not so much, for a posting within one account or into a
    /// source, of nothing, or in another currency.
    pub fn post(&mut self, posting: Posting) -> Result<(), Unbalanced> {
        let Posting { from, to, amount } = posting;
        let refused = Err(Unbalanced(posting));
        let into_source = matches!(to, Account::Overcharge | Account::Goodwill);
        if from == to || into_source || amount.is_zero() {
            return refused;
        }
        let source = match from {
            Account::Overcharge => self.overcharge.checked_add(amount),
            Account::Goodwill => self.goodwill.checked_add(amount),
            Account::Available => self.available.checked_sub(amount),
            Account::Held => self.held.checked_sub(amount),
            Account::Captured => self.captured.checked_sub(amount),
            Account::Refunded => self.refunded.checked_sub(amount),
        };
        let target = self.account(to).checked_add(amount);
        let (Some(source), Some(target)) = (source, target) else { return refused };
        *self.account_mut(from) = source;
        *self.account_mut(to) = target;
        Ok(())
    }

    /// Whether nothing was created and nothing lost: what is in the accounts is the limit and what the
    /// sources gave.
    #[must_use]
    pub fn are_of(&self, limit: Money) -> bool {
        let sum = |amounts: [Money; 4]| {
            let zero = Money::zero(limit.currency());
            amounts.into_iter().try_fold(zero, Money::checked_add)
        };
        let zero = Money::zero(limit.currency());
        let held = sum([self.available, self.held, self.captured, self.refunded]);
        held.is_some() && held == sum([limit, self.overcharge, self.goodwill, zero])
    }

    const fn account(&self, account: Account) -> Money {
        match account {
            Account::Available => self.available,
            Account::Held => self.held,
            Account::Captured => self.captured,
            Account::Refunded => self.refunded,
            Account::Overcharge => self.overcharge,
            Account::Goodwill => self.goodwill,
        }
    }

    const fn account_mut(&mut self, account: Account) -> &mut Money {
        match account {
            Account::Available => &mut self.available,
            Account::Held => &mut self.held,
            Account::Captured => &mut self.captured,
            Account::Refunded => &mut self.refunded,
            Account::Overcharge => &mut self.overcharge,
            Account::Goodwill => &mut self.goodwill,
        }
    }
}

/// The postings by which a charge came from one state to the next; `before` is none for a new one.
/// There is no other place that makes postings.
pub(super) fn postings(before: Option<&Charge>, after: &Charge) -> Vec<Posting> {
    let zero = Money::zero(after.amount.currency());
    let less = |one: Money, other: Money| one.checked_sub(other).unwrap_or(zero);
    let smaller = |one: Money, other: Money| if one.minor() < other.minor() { one } else { other };
    let (held_before, held_after) = (before.map_or(zero, Charge::held), after.held());
    let taken = less(after.captured(), before.map_or(zero, Charge::captured));
    let mut postings = Vec::new();
    let mut post = |from: Account, to: Account, amount: Money| {
        if !amount.is_zero() {
            postings.push(Posting { from, to, amount });
        }
    };
    let captured_at_once = before.is_none() && !taken.is_zero();
    let held_now = if captured_at_once { taken } else { held_before };
    post(
        Account::Available,
        Account::Held,
        less(if captured_at_once { taken } else { held_after }, held_before),
    );
    let from_held = smaller(taken, held_now);
    post(Account::Held, Account::Captured, from_held);
    post(Account::Overcharge, Account::Captured, less(taken, from_held));
    post(Account::Held, Account::Available, less(less(held_now, from_held), held_after));
    let refunded = |charge: &Charge| charge.refunded(|state| matches!(state, RefundState::Refunded));
    let refunded_before = before.map_or(zero, refunded);
    let back = less(refunded(after), refunded_before);
    let left = less(after.captured(), refunded_before);
    let from_captured = smaller(back, left);
    post(Account::Captured, Account::Refunded, from_captured);
    post(Account::Goodwill, Account::Refunded, less(back, from_captured));
    postings
}
