//! The Charge: one authorization under a permission, and what happened to it.
//!
//! ```text
//! AuthorizationInitiated ──decided──▶ Authorized ──capture────────▶ Captured ──refund──▶ (its refunds)
//!     │       └──────────▶ Declined      │  └──after 7 days──▶ CaptureInitiated ──decided──▶ Captured
//!     └──cancel──▶ Canceled ◀──cancel, 2 or 30 days──┘                └─────────────────▶ Declined
//! ```
//!
//! What can be done with a charge is decided elsewhere, together with its permission:
//! [`super::create_charge`], [`super::capture_charge`], [`super::cancel_charge`], [`super::create_refund`]. A
//! decline is not a refusal: it is an outcome, which is stored and affects the permission.

use alloc::string::String;
use alloc::vec::Vec;

use super::event::{Event, EventKind};
use super::profile::Profile;
pub use super::reason::{ChargeCancelReason, ChargeDeclineReason};
use super::refund::{Refund, RefundState};
use crate::ids::{ChargeId, ChargePermissionId};
use crate::money::Money;
use crate::step::Step;
use crate::terms::MerchantMetadata;
use crate::time::Timestamp;

/// One payment under a Charge Permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Its id.
    pub id: ChargeId,
    /// The permission under which it is made.
    pub charge_permission_id: ChargePermissionId,
    /// The amount to charge.
    pub amount: Money,
    /// Whether the merchant can wait for the authorization.
    pub can_handle_pending_authorization: bool,
    /// Whether it was to be captured immediately.
    pub capture_now: bool,
    /// The text on the buyer's statement.
    pub soft_descriptor: Option<String>,
    /// The merchant's notes.
    pub merchant_metadata: MerchantMetadata,
    /// A payment service provider's own reference.
    pub provider_reference_id: Option<String>,
    /// A solution provider's merchant id.
    pub platform_id: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When its authorization was requested, and later when it was granted: seven days after this a capture
    /// becomes asynchronous.
    pub authorized_at: Timestamp,
    /// When its authorization lapses if it is not captured, by the profile in force when it was requested,
    /// and later when it was granted. What happens to the charge afterwards does not change this.
    pub expires_at: Timestamp,
    /// Its state.
    pub state: ChargeState,
    /// Its refunds, oldest first.
    pub refunds: Vec<Refund>,
}

/// The state of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeState {
    /// The bank has not decided yet.
    AuthorizationInitiated {
        /// What the bank will decide.
        outcome: PendingOutcome,
        /// When it decides.
        decided_at: Timestamp,
    },
    /// The amount is held until [`Charge::expires_at`].
    Authorized,
    /// A capture is under way; the amount is still held.
    CaptureInitiated {
        /// The amount that is being captured.
        capturing: Money,
        /// How it will end: `None` if it is captured.
        decline: Option<ChargeDeclineReason>,
        /// When this is decided.
        decided_at: Timestamp,
    },
    /// The money was taken.
    Captured {
        /// The amount.
        captured: Money,
    },
    /// Nothing is held, and nothing was taken.
    Canceled {
        /// Why.
        reason: ChargeCancelReason,
    },
    /// The bank or Amazon declined it.
    Declined {
        /// Why.
        reason: ChargeDeclineReason,
    },
}

/// What a bank that has not decided yet will decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PendingOutcome {
    /// It authorizes the charge.
    Authorized,
    /// It declines the charge, for this reason.
    Declined(ChargeDeclineReason),
}

impl Charge {
    /// The amount held for it: zero once it is captured, canceled or declined.
    #[must_use]
    pub const fn held(&self) -> Money {
        match &self.state {
            ChargeState::AuthorizationInitiated { .. }
            | ChargeState::Authorized
            | ChargeState::CaptureInitiated { .. } => self.amount,
            ChargeState::Captured { .. } | ChargeState::Canceled { .. } | ChargeState::Declined { .. } => {
                Money::zero(self.amount.currency())
            }
        }
    }

    /// The captured amount.
    #[must_use]
    pub const fn captured(&self) -> Money {
        if let ChargeState::Captured { captured } = &self.state {
            return *captured;
        }
        Money::zero(self.amount.currency())
    }

    /// The sum of its refunds in these states.
    #[must_use]
    pub fn refunded(&self, is_counted: impl Fn(&RefundState) -> bool) -> Money {
        let counted = self.refunds.iter().filter(|refund| is_counted(&refund.state));
        Money::sum(self.amount.currency(), counted.map(|refund| refund.amount))
    }

    /// Its own earliest deadline, not counting its refunds.
    const fn own_due_at(&self) -> Option<Timestamp> {
        match &self.state {
            ChargeState::AuthorizationInitiated { decided_at, .. }
            | ChargeState::CaptureInitiated { decided_at, .. } => Some(*decided_at),
            ChargeState::Authorized => Some(self.expires_at),
            ChargeState::Captured { .. } | ChargeState::Canceled { .. } | ChargeState::Declined { .. } => {
                None
            }
        }
    }

    /// Its earliest deadline, including those of its refunds.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        self.refunds.iter().map(Refund::due_at).chain([self.own_due_at()]).flatten().min()
    }

    pub(super) fn moved(&self, state: ChargeState, at: Timestamp) -> Self {
        Self { state, updated_at: at, ..self.clone() }
    }

    /// Applies the earliest deadline as of its own instant; `None` when there is none.
    #[must_use]
    pub fn expire(&self, profile: Profile) -> Option<Step<Self, Event>> {
        let due_at = self.due_at()?;
        if let Some(position) = self.refunds.iter().position(|refund| refund.due_at() == Some(due_at)) {
            let decided = self.refunds.get(position)?.decide()?;
            let mut next = self.clone();
            *next.refunds.get_mut(position)? = decided.next;
            return Some(Step { next, events: decided.events });
        }
        let (state, what) = match &self.state {
            ChargeState::AuthorizationInitiated { outcome: PendingOutcome::Authorized, .. } => {
                let event = Event::new(due_at, EventKind::ChargeAuthorized(self.id.clone(), self.amount));
                let expires_at = profile.authorization_expires_at(due_at);
                let authorized = self.moved(ChargeState::Authorized, due_at);
                return Some(Step::one(Self { expires_at, authorized_at: due_at, ..authorized }, event));
            }
            ChargeState::AuthorizationInitiated { outcome: PendingOutcome::Declined(reason), .. } => {
                let what = EventKind::ChargeDeclined(self.id.clone(), *reason);
                (ChargeState::Declined { reason: *reason }, what)
            }
            ChargeState::Authorized => {
                let reason = ChargeCancelReason::ExpiredUnused;
                let what = EventKind::ChargeCanceled(self.id.clone(), reason);
                (ChargeState::Canceled { reason }, what)
            }
            ChargeState::CaptureInitiated { capturing, decline: None, .. } => {
                let what = EventKind::ChargeCaptured(self.id.clone(), *capturing);
                (ChargeState::Captured { captured: *capturing }, what)
            }
            ChargeState::CaptureInitiated { decline: Some(reason), .. } => {
                let what = EventKind::ChargeDeclined(self.id.clone(), *reason);
                (ChargeState::Declined { reason: *reason }, what)
            }
            ChargeState::Captured { .. } | ChargeState::Canceled { .. } | ChargeState::Declined { .. } => {
                return None;
            }
        };
        Some(Step::one(self.moved(state, due_at), Event::new(due_at, what)))
    }

    /// This charge after its cancellation, with the event; `None` when it can no longer be canceled.
    pub(super) fn canceled(&self, reason: ChargeCancelReason, at: Timestamp) -> Option<(Self, Event)> {
        if !matches!(self.state, ChargeState::AuthorizationInitiated { .. } | ChargeState::Authorized) {
            return None;
        }
        let what = EventKind::ChargeCanceled(self.id.clone(), reason);
        Some((self.moved(ChargeState::Canceled { reason }, at), Event::new(at, what)))
    }
}
