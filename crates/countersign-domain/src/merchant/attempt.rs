//! An attempt: one Checkout Session and how far its payment is known.
//!
//! ```text
//! Bound ──Get agrees──▶ Approved ──begin──▶ Finalizing ──200, whole──▶ Completed
//!                          ▲                  │  │  │  └─202─────────▶ Pending ──Get Charge──▶ Completed | NotPaid
//!                          └──not evaluated───┘  │  └─definitive no──▶ NotPaid
//!                                                └─anything else────▶ InDoubt ──look up, re-send──▶ Completed | Pending
//!                                                                                                 | NotPaid | Unresolved
//! ```

use alloc::string::String;
use alloc::sync::Arc;

use crate::address::{Address, AddressKind, AddressMember};
use crate::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, IdempotencyKey};
use crate::time::Timestamp;

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
    /// How many idempotency keys are spent: each answered with a proof of no effect. The next key
    /// is derived with `n = spent_keys + 1`.
    pub spent_keys: u32,
    /// How far its payment is known.
    pub state: AttemptState,
}

/// The bytes of a Finalize that left, or will leave, this machine. They never change: a re-send
/// carries them again, across restarts and upgrades, with only the date and the signature new.
#[derive(Clone, PartialEq, Eq)]
pub struct Send {
    /// Which key of the attempt this is, from 1. Rises only after an answer that proves no effect,
    /// or when one stored 5xx was replayed three times over a session that is still open.
    pub n: u32,
    /// Derived from merchant, checkout, attempt, operation and `n`.
    pub idempotency_key: IdempotencyKey,
    /// The exact body.
    pub body: Arc<[u8]>,
}

/// The body holds the buyer's address.
impl core::fmt::Debug for Send {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Send")
            .field("n", &self.n)
            .field("idempotency_key", &self.idempotency_key)
            .field("body_len", &self.body.len())
            .finish()
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
    /// Get agreed; to be sent, perhaps again.
    Approved {
        /// The exact body that is to be sent.
        body: Arc<[u8]>,
        /// When it was last sent and turned away without a look, if it ever was. Of the request that
        /// was turned away the network may have made a copy: that answer lets the next key go out,
        /// and proves nothing about what was paid.
        sent_at: Option<Timestamp>,
        /// When it may be sent.
        retry_at: Timestamp,
    },
    /// The sole send is on its way; its owner waits for the answer.
    Finalizing {
        /// What was sent.
        send: Send,
        /// When it left, or was about to.
        sent_at: Timestamp,
        /// When the owner has given up, if it still lives.
        lease_until: Timestamp,
    },
    /// Money may have moved.
    InDoubt(Doubt),
    /// Amazon has accepted the order and still decides on the authorization (up to 24 hours).
    Pending {
        /// Amazon's ids, stored with the transition.
        charge_permission_id: ChargePermissionId,
        /// The charge to ask for.
        charge_id: ChargeId,
        /// Since when.
        since: Timestamp,
        /// When to ask for it.
        look_at: Timestamp,
        /// How often it was asked for, a waiting buyer's extra looks aside.
        look_count: u32,
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

/// What is known of an attempt whose answer was lost or proved nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// What was sent, and is re-sent.
    pub send: Send,
    /// How often it was sent. After a second send only a success or a look-up decides.
    pub send_count: u32,
    /// When it was first sent.
    pub sent_at: Timestamp,
    /// Since when it is in doubt.
    pub since: Timestamp,
    /// When to look up.
    pub look_at: Timestamp,
    /// How often it was looked up, a waiting buyer's extra looks aside.
    pub look_count: u32,
    /// The 5xx that the latest send got, if it got one: status and code.
    pub stored_error: Option<String>,
    /// How often in a row a re-send got exactly that again, the session being open in between.
    pub stored_error_count: u32,
    /// How often in a row the session was not found.
    pub not_found_count: u32,
    /// How many of the alarms have rung.
    pub alarm_count: u32,
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
            Self::AddressDrift(kind, member) => Some(alloc::format!("{}.{}", kind.name(), member.name())),
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

/// Why nobody can say whether an attempt was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnresolvedReason {
    /// Sent, and now the session is not found: Amazon deletes sessions after 30 days.
    SessionGone,
    /// Paid, by Amazon's account, but with another amount or currency than ours.
    AmountDiffers,
    /// The session was Completed before this shop sent anything.
    CompletedElsewhere,
    /// Completed, but Amazon gives no ids to prove the payment by.
    IdsMissing,
}

impl UnresolvedReason {
    /// Every reason.
    pub const ALL: &'static [Self] =
        &[Self::SessionGone, Self::AmountDiffers, Self::CompletedElsewhere, Self::IdsMissing];

    /// Reads the reason's word.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.code() == code)
    }

    /// The reason in one word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::SessionGone => "SessionGone",
            Self::AmountDiffers => "AmountDiffers",
            Self::CompletedElsewhere => "CompletedElsewhere",
            Self::IdsMissing => "IdsMissing",
        }
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
    /// Whether money may have moved and is not proved back: while one attempt is live no other may
    /// be sent.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        match self {
            Self::Approved { sent_at, .. } => sent_at.is_some(),
            Self::Finalizing { .. }
            | Self::InDoubt(_)
            | Self::Pending { .. }
            | Self::Completed { .. }
            | Self::Unresolved { .. } => true,
            Self::Bound { .. } | Self::NotPaid { .. } | Self::Surplus { .. } => false,
        }
    }

    /// Whether it never changes again.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Completed { .. } | Self::NotPaid { .. } | Self::Surplus { .. } => true,
            Self::Bound { .. }
            | Self::Approved { .. }
            | Self::Finalizing { .. }
            | Self::InDoubt(_)
            | Self::Pending { .. }
            | Self::Unresolved { .. } => false,
        }
    }

    /// Whether nothing of it ever left this machine, and still may.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        self.is_to_be_sent() && !self.is_live()
    }

    /// Whether its Finalize is still to leave this machine, for the first time or again.
    #[must_use]
    pub const fn is_to_be_sent(&self) -> bool {
        match self {
            Self::Bound { .. } | Self::Approved { .. } => true,
            Self::Finalizing { .. }
            | Self::InDoubt(_)
            | Self::Pending { .. }
            | Self::Completed { .. }
            | Self::NotPaid { .. }
            | Self::Unresolved { .. }
            | Self::Surplus { .. } => false,
        }
    }

    /// The instant at which somebody must look after it; none for a final state.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Bound { retry_at, .. } | Self::Approved { retry_at, .. } => Some(*retry_at),
            Self::Finalizing { lease_until, .. } => Some(*lease_until),
            Self::InDoubt(doubt) => Some(doubt.look_at),
            Self::Pending { look_at, .. } => Some(*look_at),
            Self::Unresolved { look_at, .. } => Some(*look_at),
            Self::Completed { .. } | Self::NotPaid { .. } | Self::Surplus { .. } => None,
        }
    }

    /// The state's name, as answers and logs carry it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bound { .. } => "Bound",
            Self::Approved { .. } => "Approved",
            Self::Finalizing { .. } => "Finalizing",
            Self::InDoubt(_) => "InDoubt",
            Self::Pending { .. } => "Pending",
            Self::Completed { .. } => "Completed",
            Self::NotPaid { .. } => "NotPaid",
            Self::Unresolved { .. } => "Unresolved",
            Self::Surplus { .. } => "Surplus",
        }
    }
}
