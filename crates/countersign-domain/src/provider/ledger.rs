//! Double entry for the money of one Charge Permission: money moves only by a posting from one account to
//! another, and a posting that an account cannot cover is refused.
//!
//! ```text
//! Available ──authorize──▶ Held ──capture──▶ Captured ──refund──▶ Refunded
//!     ▲                     │                   ▲                     ▲
//!     └──release────────────┘       Overcharge──┘           Goodwill──┘
//! ```
//!
//! `Overcharge` and `Goodwill` are sources outside the permission: what is captured above an authorization,
//! and what is refunded above a capture, where Amazon's rules allow it. Events carry their postings, so the
//! balances can be computed from the event log alone.
//!
//! Which postings follow from a change of a charge is decided in `settlement.rs`, the only place where money
//! moves.

use core::fmt;

use crate::money::{Currency, Money};
use crate::words::words;

words! {
    /// Where money of a permission can be.
    Account {
        /// It can still be charged.
        Available,
        /// An open charge holds it.
        Held,
        /// The merchant has it.
        Captured,
        /// The buyer has the money back.
        Refunded,
        /// The source of what is captured above an authorization.
        Overcharge,
        /// The source of what is refunded above a capture.
        Goodwill,
    }
}

/// One movement of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Posting {
    /// The account that it leaves.
    pub from: Account,
    /// The account that it enters.
    pub to: Account,
    /// The amount; never zero.
    pub amount: Money,
}

/// The double entry does not balance: a defect of the rules or of the stored data, never of a request.
/// Nothing was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LedgerImbalance {
    /// A posting that its account cannot cover, of zero, or in another currency.
    Posting(Posting),
    /// This account did not change as the charge did.
    Account(Account),
}

impl fmt::Display for LedgerImbalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Posting(Posting { from, to, amount }) => {
                write!(f, "a posting of {amount} from {from} to {to} is not possible")
            }
            Self::Account(account) => {
                write!(f, "the balance of the account {account} did not change by as much as the charge did")
            }
        }
    }
}

/// The balance of each account. For the two sources, the amount drawn from them.
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
    /// The balances of a new permission: its whole limit can be charged.
    #[must_use]
    pub const fn with_limit(limit: Money) -> Self {
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

    /// The currency of all balances.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.available.currency()
    }

    /// What was ever captured, refunded or not.
    #[must_use]
    pub fn taken(&self) -> Money {
        let given_back = self.refunded.checked_sub(self.goodwill);
        given_back.and_then(|back| self.captured.checked_add(back)).unwrap_or(self.captured)
    }

    /// Executes one posting.
    ///
    /// # Errors
    /// [`LedgerImbalance::Posting`] where the account has too little, and for a posting within one account,
    /// into a source, of zero, or in another currency.
    pub fn post(&mut self, posting: Posting) -> Result<(), LedgerImbalance> {
        let Posting { from, to, amount } = posting;
        let refused = Err(LedgerImbalance::Posting(posting));
        let into_source = matches!(to, Account::Overcharge | Account::Goodwill);
        if from == to || into_source || amount.is_zero() {
            return refused;
        }
        let source = match from {
            Account::Overcharge | Account::Goodwill => self.account(from).checked_add(amount),
            Account::Available | Account::Held | Account::Captured | Account::Refunded => {
                self.account(from).checked_sub(amount)
            }
        };
        let target = self.account(to).checked_add(amount);
        let (Some(source), Some(target)) = (source, target) else { return refused };
        *self.account_mut(from) = source;
        *self.account_mut(to) = target;
        Ok(())
    }

    /// Whether nothing was created and nothing was lost: the accounts contain the limit and what came from
    /// the sources.
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

    pub(super) const fn account(mut self, account: Account) -> Money {
        *self.account_mut(account)
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
