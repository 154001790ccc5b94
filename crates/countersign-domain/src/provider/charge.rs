//! The Charge: one authorization under a permission, and what became of it.
//!
//! ```text
//! AuthorizationInitiated ──decided──▶ Authorized ──2 or 30 days──▶ Canceled (ExpiredUnused)
//!                        └──────────▶ Declined
//! Captured: what AuthorizeWithCapture leaves behind
//! ```

use alloc::string::String;

use super::event::{Event, Happened};
use super::profile::Profile;
use crate::ids::{ChargeId, ChargePermissionId};
use crate::money::Money;
use crate::step::Step;
use crate::terms::words;
use crate::time::Timestamp;

/// One payment under a Charge Permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Its id.
    pub id: ChargeId,
    /// The permission that it is made under.
    pub charge_permission_id: ChargePermissionId,
    /// What is to be charged.
    pub amount: Money,
    /// Whether the merchant can wait for the authorization.
    pub can_handle_pending_authorization: bool,
    /// Whether it was to be captured at once.
    pub capture_now: bool,
    /// The text on the buyer's statement.
    pub soft_descriptor: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When its authorization lapses uncaptured, or would have: by the profile in force when it was
    /// asked for, and again when it was given. What becomes of it later moves this no more.
    pub expires_at: Timestamp,
    /// How far it is.
    pub state: ChargeState,
}

/// How far a charge is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeState {
    /// The bank has not decided yet.
    AuthorizationInitiated {
        /// What it will decide.
        outcome: PendingOutcome,
        /// When.
        decided_at: Timestamp,
    },
    /// The amount is held until [`Charge::expires_at`].
    Authorized,
    /// Money was taken.
    Captured {
        /// How much.
        captured: Money,
    },
    /// Nothing is held, and nothing was taken.
    Canceled {
        /// Why.
        reason: ChargeCancelReason,
    },
    /// The bank or Amazon said no.
    Declined {
        /// Why.
        reason: ChargeDeclineReason,
    },
}

/// What a bank that has not decided yet will decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PendingOutcome {
    /// Yes.
    Authorized,
    /// No, for this reason.
    Declined(ChargeDeclineReason),
}

words! {
    /// Why a charge is Canceled.
    ChargeCancelReason {
        /// Nothing was captured in time.
        ExpiredUnused,
        /// Amazon canceled it.
        AmazonCanceled,
        /// The merchant canceled it.
        MerchantCanceled,
        /// Its permission was closed.
        ChargePermissionCanceled,
        /// The buyer canceled it.
        BuyerCanceled,
    }
}

words! {
    /// Why a charge is Declined.
    ChargeDeclineReason {
        /// Trying again may work.
        SoftDeclined,
        /// Only another payment method can work.
        HardDeclined,
        /// Amazon declined it; the permission is canceled too.
        AmazonRejected,
        /// An error of Amazon's.
        ProcessingFailure,
        /// Nobody answered in time.
        TransactionTimedOut,
    }
}

/// A step of a charge.
pub type ChargeStep = Step<Charge, Event>;

impl Charge {
    /// What is held for it: nothing once captured, canceled or declined.
    #[must_use]
    pub const fn held(&self) -> Money {
        match &self.state {
            ChargeState::AuthorizationInitiated { .. } | ChargeState::Authorized => self.amount,
            ChargeState::Captured { .. } | ChargeState::Canceled { .. } | ChargeState::Declined { .. } => {
                Money::zero(self.amount.currency())
            }
        }
    }

    /// What was taken.
    #[must_use]
    pub const fn captured(&self) -> Money {
        match &self.state {
            ChargeState::Captured { captured } => *captured,
            ChargeState::AuthorizationInitiated { .. }
            | ChargeState::Authorized
            | ChargeState::Canceled { .. }
            | ChargeState::Declined { .. } => Money::zero(self.amount.currency()),
        }
    }

    /// Its earliest deadline.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match &self.state {
            ChargeState::AuthorizationInitiated { decided_at, .. } => Some(*decided_at),
            ChargeState::Authorized => Some(self.expires_at),
            ChargeState::Captured { .. } | ChargeState::Canceled { .. } | ChargeState::Declined { .. } => {
                None
            }
        }
    }

    fn moved(&self, state: ChargeState, at: Timestamp) -> Self {
        Self { state, updated_at: at, ..self.clone() }
    }

    /// Applies the earliest deadline as of its own instant; `None` when there is none.
    #[must_use]
    pub fn expire(&self, profile: Profile) -> Option<ChargeStep> {
        let (state, at, what) = match &self.state {
            ChargeState::AuthorizationInitiated { outcome: PendingOutcome::Authorized, decided_at } => {
                let event = Event::new(*decided_at, Happened::ChargeAuthorized(self.id.clone()));
                let expires_at = profile.authorization_expires_at(*decided_at);
                let authorized = self.moved(ChargeState::Authorized, *decided_at);
                return Some(Step::one(Self { expires_at, ..authorized }, event));
            }
            ChargeState::AuthorizationInitiated { outcome: PendingOutcome::Declined(reason), decided_at } => {
                let reason = *reason;
                let what = Happened::ChargeDeclined(self.id.clone(), reason);
                (ChargeState::Declined { reason }, *decided_at, what)
            }
            ChargeState::Authorized => {
                let reason = ChargeCancelReason::ExpiredUnused;
                let what = Happened::ChargeCanceled(self.id.clone(), reason);
                (ChargeState::Canceled { reason }, self.expires_at, what)
            }
            ChargeState::Captured { .. } | ChargeState::Canceled { .. } | ChargeState::Declined { .. } => {
                return None;
            }
        };
        Some(Step::one(self.moved(state, at), Event::new(at, what)))
    }
}
