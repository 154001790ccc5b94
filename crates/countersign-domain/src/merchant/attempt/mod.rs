//! An attempt: one Checkout Session and how far its payment is known.
//!
//! ```text
//! Bound ──Get agrees──▶ Finalize ──200, whole──▶ Completed
//!                         │  │  └─202──────────▶ Pending ──Get Charge──▶ Completed | NotPaid
//!                         │  └─definitive no───▶ NotPaid
//!                         └─in doubt, looked up─▶ Completed | Pending | NotPaid | Unresolved
//! ```
//!
//! Between Bound and what is proved stands one durable call ([`super::call`]): Finalize.

pub mod agree;
pub mod arrive;
pub mod finalize;
pub mod look;

use alloc::string::String;

use super::call::{Doubt, InFlight, KeyOrdinal, Look, Send};
use crate::address::{Address, AddressKind, AddressMember};
use crate::ids::{ChargeId, ChargePermissionId, CheckoutSessionId};
use crate::time::Timestamp;
use crate::words::words;

/// One Checkout Session of a checkout. A session is bound once, to one attempt, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the checkout's first session.
    pub number: u32,
    /// The session.
    pub checkout_session_id: CheckoutSessionId,
    /// What the caller said of the addresses: kept while the session may still be compared, by whoever
    /// goes on after a crash and again under other terms.
    pub given: GivenAddresses,
    /// When the session was bound.
    pub bound_at: Timestamp,
    /// When the buyer was last known to wait for this attempt.
    pub buyer_seen_at: Timestamp,
    /// How many idempotency keys are spent: each answered with a proof of no effect.
    pub spent_keys: u32,
    /// How far its payment is known.
    pub state: AttemptState,
}

impl Attempt {
    /// Under which of its keys new bytes leave: the first that is not spent. A spent key never carries other bytes.
    #[must_use]
    pub const fn next_key_ordinal(&self) -> KeyOrdinal {
        KeyOrdinal::new(self.spent_keys).next()
    }
}

/// How far an attempt's payment is known.
#[derive(Clone, PartialEq, Eq)]
pub enum AttemptState {
    /// The session is bound; Get has not agreed with the terms yet. Never sent.
    Bound {
        /// When the owner, if it still lives, has finished asking; then anybody may ask again.
        retry_at: Timestamp,
    },
    /// Finalize is to be sent, perhaps again, on its way, or in doubt: then money may have moved.
    Finalize(InFlight),
    /// Amazon has accepted the order and still decides on the authorization (up to 24 hours).
    Pending {
        /// Amazon's ids, stored with the transition.
        charge_permission_id: ChargePermissionId,
        /// The charge to ask for.
        charge_id: ChargeId,
        /// Since when.
        since: Timestamp,
        /// When to ask for it.
        look: Look,
        /// How many of the alarms have rung.
        alarm_count: u32,
    },
    /// Paid, authorized or confirmed, with Amazon's ids. Final.
    Completed {
        /// What success means here, with the charge unless the intent was Confirm.
        completion: Completion,
        /// Stored for good: deferred payments, and the buyer's data for 30 days.
        charge_permission_id: ChargePermissionId,
        /// Since when.
        at: Timestamp,
    },
    /// Proved unpaid. Final; the checkout may have another attempt.
    NotPaid {
        /// Why.
        reason: NotPaidReason,
        /// The charge that came to nothing, if Amazon had made one.
        charge: Option<FailedCharge>,
        /// Since when.
        at: Timestamp,
    },
    /// Sent, and Amazon no longer tells what became of it. Not shippable, no new attempt; left by
    /// evidence or by an operator's decision.
    Unresolved {
        /// Why.
        reason: UnresolvedReason,
        /// What was sent.
        send: Option<Send>,
        /// When it was first sent; for a session that somebody else completed, when that was seen.
        sent_at: Timestamp,
        /// When to look for evidence again.
        look_at: Timestamp,
    },
    /// A further session (two tabs) that arrived while another attempt was live. Never finalized.
    Surplus {
        /// The attempt whose outcome it gets.
        of: u32,
    },
}

/// A charge that Amazon has made and then declined or canceled. Its notifications come for days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCharge {
    /// The permission that it is under.
    pub charge_permission_id: ChargePermissionId,
    /// Which it is.
    pub charge_id: ChargeId,
    /// When Amazon has shown money under the permission all the same; the operator is told once.
    pub contradicted_at: Option<Timestamp>,
}

/// The addresses that the caller of the completion gave, if it gave any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GivenAddresses {
    /// The shipping address.
    pub shipping: Option<Address>,
    /// The billing address.
    pub billing: Option<Address>,
}

/// What a success means, by the payment intent and the charge's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// The money is the shop's.
    Captured(ChargeId),
    /// The capture was accepted and is carried out asynchronously.
    CaptureInitiated(ChargeId),
    /// The money is reserved; capture later.
    Authorized(ChargeId),
    /// A Charge Permission only; authorize later.
    Confirmed,
}

impl Completion {
    /// The state of what was made, in one word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Captured(_) => "Captured",
            Self::CaptureInitiated(_) => "CaptureInitiated",
            Self::Authorized(_) => "Authorized",
            Self::Confirmed => "Confirmed",
        }
    }

    /// The charge, unless the intent was Confirm.
    #[must_use]
    pub const fn charge_id(&self) -> Option<&ChargeId> {
        match self {
            Self::Captured(charge_id) | Self::CaptureInitiated(charge_id) | Self::Authorized(charge_id) => {
                Some(charge_id)
            }
            Self::Confirmed => None,
        }
    }
}

/// Why an attempt is proved unpaid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotPaidReason {
    /// Finalize answered with a decline; the reason code.
    Declined(String),
    /// The session is Canceled at Amazon; the reason code, if one was given.
    SessionCanceled(Option<String>),
    /// The session disagrees with the terms; the member's name.
    Mismatch(String),
    /// The session's address is not the one that the shop registered, or that the caller gave.
    AddressDrift(AddressKind, AddressMember),
    /// Amazon refused the request as such; the reason code. A defect to be told to the operator.
    Misuse(String),
    /// The session does not exist, and was never sent.
    SessionGone,
    /// Nothing left this machine, and the buyer has been away for too long to be charged now.
    Abandoned,
    /// The shop canceled the order before anything was sent.
    OrderCanceled,
    /// The authorization was declined in the end; the charge's reason code.
    ChargeDeclined(Option<String>),
    /// The authorization was canceled; the charge's reason code.
    ChargeCanceled(Option<String>),
}

impl NotPaidReason {
    /// The member that is to blame, if one is.
    #[must_use]
    pub fn field(&self) -> Option<String> {
        match self {
            Self::Mismatch(member) => Some(member.clone()),
            Self::AddressDrift(kind, member) => Some(alloc::format!("{}.{}", kind.as_str(), member.as_str())),
            Self::Declined(_)
            | Self::SessionCanceled(_)
            | Self::Misuse(_)
            | Self::SessionGone
            | Self::Abandoned
            | Self::OrderCanceled
            | Self::ChargeDeclined(_)
            | Self::ChargeCanceled(_) => None,
        }
    }

    /// The reason in one word, as the checkout result carries it: Amazon's code where there is one.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Declined(code) | Self::Misuse(code) => code,
            Self::SessionCanceled(Some(code)) => code,
            Self::SessionCanceled(None) => "CheckoutSessionCanceled",
            Self::Mismatch(_) => "TermsMismatch",
            Self::AddressDrift(..) => "AddressDrift",
            Self::SessionGone => "SessionGone",
            Self::Abandoned => "Abandoned",
            Self::OrderCanceled => "OrderCanceled",
            Self::ChargeDeclined(code) => code.as_deref().unwrap_or("Declined"),
            Self::ChargeCanceled(code) => code.as_deref().unwrap_or("Canceled"),
        }
    }
}

impl AsRef<str> for NotPaidReason {
    fn as_ref(&self) -> &str {
        self.code()
    }
}

words! {
    /// Why nobody can say whether an attempt was paid.
    UnresolvedReason {
        /// Sent, and now the session is not found: Amazon deletes sessions after 30 days.
        SessionGone,
        /// Paid, by Amazon's account, but with another amount or currency than ours.
        AmountDiffers,
        /// The session was Completed before this shop sent anything.
        CompletedElsewhere,
        /// Completed, but Amazon gives no ids to prove the payment by.
        IdsMissing,
    }
}

/// Bodies and buyers' data stay out of logs: the state's name and due time are what a reader needs.
impl core::fmt::Debug for AttemptState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.name())?;
        match self.due_at() {
            Some(due_at) => write!(f, " due {due_at}"),
            None => Ok(()),
        }
    }
}

impl AttemptState {
    /// What is known of its Finalize, if that is in doubt.
    #[must_use]
    pub const fn doubt(&self) -> Option<&Doubt> {
        if let Self::Finalize(in_flight) = self { in_flight.doubt() } else { None }
    }

    /// Amazon's ids, where the state has them: the permission and, unless the intent was Confirm, the charge,
    /// be it one that came to nothing.
    #[must_use]
    pub fn ids(&self) -> Option<(&ChargePermissionId, Option<&ChargeId>)> {
        match self {
            Self::Pending { charge_permission_id, charge_id, .. } => {
                Some((charge_permission_id, Some(charge_id)))
            }
            Self::Completed { completion, charge_permission_id, .. } => {
                Some((charge_permission_id, completion.charge_id()))
            }
            Self::NotPaid { charge, .. } => {
                charge.as_ref().map(|failed| (&failed.charge_permission_id, Some(&failed.charge_id)))
            }
            Self::Bound { .. } | Self::Finalize(_) | Self::Unresolved { .. } | Self::Surplus { .. } => None,
        }
    }

    /// When to look for what became of it, if that is waited for.
    pub(super) const fn look_at_mut(&mut self) -> Option<&mut Timestamp> {
        match self {
            Self::Finalize(InFlight::InDoubt(doubt)) => Some(&mut doubt.look.at),
            Self::Pending { look, .. } => Some(&mut look.at),
            Self::Unresolved { look_at, .. } => Some(look_at),
            Self::Bound { .. }
            | Self::Finalize(InFlight::Recorded { .. } | InFlight::Sent { .. })
            | Self::Completed { .. }
            | Self::NotPaid { .. }
            | Self::Surplus { .. } => None,
        }
    }

    /// Whether money may have moved and is not proved back: while one attempt is live no other may
    /// be sent.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        match self {
            Self::Finalize(InFlight::Recorded { left_at, .. }) => left_at.is_some(),
            Self::Finalize(_) | Self::Pending { .. } | Self::Completed { .. } | Self::Unresolved { .. } => {
                true
            }
            Self::Bound { .. } | Self::NotPaid { .. } | Self::Surplus { .. } => false,
        }
    }

    /// Whether it never changes again.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::NotPaid { .. } | Self::Surplus { .. })
    }

    /// Whether nothing of it ever left this machine, and still may.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        self.is_to_be_sent() && !self.is_live()
    }

    /// Whether its Finalize is still to leave this machine, for the first time or again.
    #[must_use]
    pub const fn is_to_be_sent(&self) -> bool {
        matches!(self, Self::Bound { .. } | Self::Finalize(InFlight::Recorded { .. }))
    }

    /// The instant at which somebody must look after it; none for a final state.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Bound { retry_at, .. } => Some(*retry_at),
            Self::Finalize(in_flight) => Some(in_flight.due_at()),
            Self::Pending { look, .. } => Some(look.at),
            Self::Unresolved { look_at, .. } => Some(*look_at),
            Self::Completed { .. } | Self::NotPaid { .. } | Self::Surplus { .. } => None,
        }
    }

    /// The name of an attempt whose Finalize is on its way.
    pub const FINALIZING: &'static str = "Finalizing";

    /// The state's name, as answers and logs carry it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bound { .. } => "Bound",
            Self::Finalize(InFlight::Recorded { .. }) => "Approved",
            Self::Finalize(InFlight::Sent { .. }) => Self::FINALIZING,
            Self::Finalize(InFlight::InDoubt(_)) => "InDoubt",
            Self::Pending { .. } => "Pending",
            Self::Completed { .. } => "Completed",
            Self::NotPaid { .. } => "NotPaid",
            Self::Unresolved { .. } => "Unresolved",
            Self::Surplus { .. } => "Surplus",
        }
    }
}
