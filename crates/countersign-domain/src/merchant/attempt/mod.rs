//! An attempt: one Checkout Session, and what is known of its payment.
//!
//! ```text
//! Bound ──Get agrees──▶ Finalize ──200, complete──▶ Completed
//!                         │  │  └─202──────────▶ Pending ──Get Charge──▶ Completed | NotPaid
//!                         │  └─definitive no───▶ NotPaid
//!                         └─in doubt, looked up─▶ Completed | Pending | NotPaid | NotApproved | Unresolved
//! ```
//!
//! Between Bound and a proved state there is one durable call ([`super::call`]): Finalize.

pub mod agree;
pub mod arrive;
pub mod finalize;
pub mod look;
pub mod missing;
pub mod not_approved;
pub mod prove;
pub mod sends;
pub mod surplus;

use crate::merchant::number::AttemptNumber;
use alloc::string::String;
use core::time::Duration;

use self::sends::Sends;
use super::absence::Absence;
use super::call::{Doubt, InFlight, KeyedRequest, LookSchedule};
use super::number::KeyOrdinal;
use super::rules::MerchantRules;
use crate::address::{Address, AddressKind, AddressMember};
use crate::ids::{
    ChargeId, ChargePermissionId, CheckoutId, CheckoutSessionId, Environment, MerchantId, Region,
};
use crate::time::Timestamp;
use crate::words::words;

/// One Checkout Session of a checkout. It arrives first; it is bound, once and forever, in the change set that
/// sends its Finalize, after Amazon has shown whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the checkout's first session.
    pub number: AttemptNumber,
    /// The session. For a payment that was adopted without its session, the permission's id takes its place:
    /// see [`session`](Self::session).
    pub checkout_session_id: CheckoutSessionId,
    /// The addresses that the caller gave: kept while the session may still be compared, whether after a
    /// crash or again under changed terms.
    pub given: GivenAddresses,
    /// Whose token brought the session.
    pub bearer: Bearer,
    /// When the session arrived.
    pub bound_at: Timestamp,
    /// When the buyer was last known to wait for this attempt.
    pub buyer_seen_at: Timestamp,
    /// How many idempotency keys are spent: each was answered with a proof that it had no effect.
    pub spent_keys: u32,
    /// How many of these keys Amazon has refused each time because the session was not approved.
    pub refused_keys: u32,
    /// The latest send under an earlier key, which Amazon turned away without evaluating it or refused because the
    /// session was not approved, once the next one was begun: a copy of it may still arrive.
    pub turned_away: Option<KeyedRequest>,
    /// The version of the terms that the bytes of that send carry.
    pub turned_away_terms: Option<u32>,
    /// The other order of the cart that its first send waits for, if it waits.
    pub waits_for: Option<CheckoutId>,
    /// The version of the terms that the bytes of its Finalize carry, or will carry if they are built now.
    pub terms_version: u32,
    /// Where its Finalize was sent, once it agreed with the terms: it is looked up and sent again only there.
    pub account: Option<Account>,
    /// What looks at its session have shown since Amazon refused its Finalize, as long as only that answer says
    /// that nothing was paid: no other session is sent until they prove it.
    pub refusal: Option<RefusalLooks>,
    /// How many times in a row its charge was shown with an amount that cannot be read.
    pub unreadable_count: u32,
    /// What its sends can have done, while that is not decided.
    pub sends: Sends,
    /// Whether a Finalize of this store is known to have reached Amazon for it, once that is decided.
    pub was_sent: bool,
    /// What is known of its payment.
    pub state: AttemptState,
}

impl Attempt {
    /// The session; `None` for a payment that was adopted without its session.
    #[must_use]
    pub fn session(&self) -> Option<&CheckoutSessionId> {
        let is_adopted = match &self.state {
            AttemptState::Completed { charge_permission_id, .. } => {
                charge_permission_id.as_str() == self.checkout_session_id.as_str()
            }
            AttemptState::Bound { .. }
            | AttemptState::Finalize(_)
            | AttemptState::Pending { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::NotApproved(_)
            | AttemptState::Unresolved { .. }
            | AttemptState::Surplus { .. }
            | AttemptState::Released { .. } => false,
        };
        (!is_adopted).then_some(&self.checkout_session_id)
    }

    /// Whether a payment that Amazon shows for it can contradict what is known of it.
    pub(super) const fn may_be_contradicted(&self) -> bool {
        match &self.state {
            AttemptState::Unresolved { reason: UnresolvedReason::Refunding, .. }
            | AttemptState::Finalize(InFlight::Recorded { left_at: None, .. }) => false,
            AttemptState::Finalize(_)
            | AttemptState::Unresolved { .. }
            | AttemptState::Pending { .. }
            | AttemptState::NotApproved(_) => true,
            AttemptState::Bound { .. }
            | AttemptState::Completed { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::Surplus { .. }
            | AttemptState::Released { .. } => false,
        }
    }

    /// The key for new bytes: the first that is not spent. A spent key never carries other bytes. The key of an
    /// attempt in doubt that was asked for again is spent by the send that follows.
    #[must_use]
    pub const fn next_key_ordinal(&self) -> KeyOrdinal {
        match &self.state {
            AttemptState::Finalize(InFlight::InDoubt(Doubt { asked_again: Some(_), send, .. })) => {
                send.n.next()
            }
            AttemptState::Bound { .. }
            | AttemptState::Finalize(_)
            | AttemptState::Pending { .. }
            | AttemptState::Completed { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::NotApproved(_)
            | AttemptState::Unresolved { .. }
            | AttemptState::Surplus { .. }
            | AttemptState::Released { .. } => KeyOrdinal::new(self.spent_keys).next(),
        }
    }

    /// Keeps what left last, before a send with key `n` takes its place.
    fn keep_turned_away(&mut self, n: KeyOrdinal) {
        let last = match &self.state {
            AttemptState::Finalize(InFlight::Recorded { earlier: Some(earlier), .. }) => earlier,
            AttemptState::NotApproved(waiting) => &waiting.doubt.send,
            AttemptState::Finalize(InFlight::InDoubt(doubt)) => {
                // Each of its sends was refused, which is why it may be sent under another key.
                self.spent_keys = doubt.send.n.get();
                self.refused_keys = self.spent_keys;
                &doubt.send
            }
            AttemptState::Bound { .. }
            | AttemptState::Finalize(InFlight::Recorded { earlier: None, .. } | InFlight::Sent { .. })
            | AttemptState::Pending { .. }
            | AttemptState::Completed { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::Unresolved { .. }
            | AttemptState::Surplus { .. }
            | AttemptState::Released { .. } => return,
        };
        if last.n < n {
            self.turned_away = Some(last.clone());
            self.turned_away_terms = Some(self.terms_version);
        }
    }

    /// Where a Finalize of it may have left for; `None` if none has left.
    #[must_use]
    pub const fn sent_to(&self) -> Option<&Account> {
        match &self.state {
            AttemptState::Bound { .. }
            | AttemptState::Finalize(InFlight::Recorded { left_at: None, .. })
            | AttemptState::Surplus { .. }
            | AttemptState::Released { .. } => None,
            AttemptState::Finalize(_)
            | AttemptState::Pending { .. }
            | AttemptState::Completed { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::NotApproved(_)
            | AttemptState::Unresolved { .. } => self.account.as_ref(),
        }
    }

    /// Whether its buyer still waits for it, as far as is known.
    #[must_use]
    pub fn is_buyer_here(&self, now: Timestamp, rules: &MerchantRules) -> bool {
        is_within(self.buyer_seen_at, now, rules.policy.resend_window)
    }
}

/// Whether an instant is at most this long ago. An instant later than now proves nothing.
fn is_within(at: Timestamp, now: Timestamp, long: Duration) -> bool {
    at <= now && now.since(at) <= long
}

/// The looks in a row that have shown a session Open after its Finalize was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RefusalLooks {
    /// When the first of them was.
    pub open_since: Option<Timestamp>,
    /// How many there were.
    pub open_count: u32,
}

/// An account at Amazon, in one environment and region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The merchant.
    pub merchant_id: MerchantId,
    /// The environment.
    pub environment: Environment,
    /// The region.
    pub region: Region,
}

/// What is known of an attempt's payment.
#[derive(Clone, PartialEq, Eq)]
pub enum AttemptState {
    /// The session has arrived; Get has not agreed with the terms yet. Nothing was sent, and another checkout
    /// may still bind it.
    Bound {
        /// When the owner, if it is still alive, has finished asking; then anybody may ask again.
        retry_at: Timestamp,
        /// Amazon's latest answers, if they were that it has no such session.
        missing: Option<Absence>,
    },
    /// Finalize is to be sent (perhaps again), is on its way, or is in doubt: once it has left, money may
    /// have moved.
    Finalize(InFlight),
    /// Amazon has accepted the order and has not decided on the authorization yet (up to 24 hours).
    Pending {
        /// Amazon's ids, stored in the same write as the transition.
        charge_permission_id: ChargePermissionId,
        /// The charge to ask for.
        charge_id: ChargeId,
        /// When this began.
        since: Timestamp,
        /// When to ask for the charge.
        look: LookSchedule,
        /// How many of the alarms have been raised.
        alarm_count: u32,
    },
    /// Paid, authorized or confirmed, with Amazon's ids. Final.
    Completed {
        /// What success means here, with the charge unless the intent was Confirm.
        completion: Completion,
        /// Stored permanently: needed for deferred payments, and to read the buyer's data for 30 days.
        charge_permission_id: ChargePermissionId,
        /// When this was proved.
        at: Timestamp,
    },
    /// Proved unpaid. Final; the checkout may have another attempt.
    NotPaid {
        /// Why.
        reason: NotPaidReason,
        /// The charge that failed, if Amazon had made one.
        charge: Option<FailedCharge>,
        /// When this was proved.
        at: Timestamp,
    },
    /// Refused each time because the session was not approved yet. It blocks no other session.
    NotApproved(NotApproved),
    /// Sent, and Amazon can no longer say what its result was. The order cannot be shipped and gets no new
    /// attempt; evidence or an operator's decision ends this state.
    Unresolved {
        /// Why.
        reason: UnresolvedReason,
        /// What was sent.
        send: Option<KeyedRequest>,
        /// When it was first sent; for a session that somebody else completed, when that was seen.
        sent_at: Timestamp,
        /// When to look for evidence again.
        look_at: Timestamp,
    },
    /// A further session (two tabs) that arrived while another attempt was live. It is never finalized unless
    /// it is taken up ([`surplus`]) once that attempt is proved unpaid.
    Surplus {
        /// The attempt whose outcome this one shares.
        of: AttemptNumber,
    },
    /// The session belongs to another order of this store. Nothing was sent, and nothing is known about this
    /// order. Final.
    Released {
        /// When that was seen.
        at: Timestamp,
    },
}

/// What is known of an attempt whose session was not approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotApproved {
    /// What was sent, and when to look at the session again. The attempt returns to this doubt as soon as
    /// Amazon shows anything but Open.
    pub doubt: Doubt,
    /// When Amazon last showed the session Open.
    pub seen_at: Timestamp,
    /// When the session is compared with the terms, while somebody asks for it again.
    pub asked_again: Option<Timestamp>,
}

impl NotApproved {
    /// When it is due.
    #[must_use]
    pub const fn due_at(&self) -> Timestamp {
        self.doubt.look.or_at(self.asked_again)
    }
}

words! {
    /// Whose token a session was brought with.
    #[derive(Default)]
    Bearer {
        /// The shop's own server, which knows its orders and their prices.
        Shop,
        /// The buyer's browser, which may say anything.
        #[default]
        Browser,
    }
}

/// A charge that Amazon has made and then declined or canceled. Notifications about it can arrive for days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCharge {
    /// Its permission.
    pub charge_permission_id: ChargePermissionId,
    /// Its id.
    pub charge_id: ChargeId,
    /// When to look at the charge, while Amazon contradicts that it failed, because Amazon has shown money
    /// under the permission. The shop and the operator are notified once.
    pub contradicted: Option<LookSchedule>,
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
    /// The capture was accepted and runs asynchronously.
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
    /// The session's address is not the one that the shop registered, or not the one that the caller gave.
    AddressDrift(AddressKind, AddressMember),
    /// Amazon refused the request itself; the reason code. This is a defect, and is logged for the operator.
    Misuse(String),
    /// The session does not exist, and nothing was sent.
    SessionGone,
    /// Nothing left this machine, and the buyer has been away for too long to be charged now.
    Abandoned,
    /// The shop canceled the order before anything was sent.
    OrderCanceled,
    /// The authorization was declined in the end; the charge's reason code.
    ChargeDeclined(Option<String>),
    /// The authorization was canceled; the charge's reason code.
    ChargeCanceled(Option<String>),
    /// Persons have decided it.
    Decided,
}

impl NotPaidReason {
    /// The member that caused this, if there is one.
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
            | Self::ChargeCanceled(_)
            | Self::Decided => None,
        }
    }

    /// The reason in one word, as the checkout result has it: Amazon's code if there is one.
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
            Self::Decided => "Decided",
        }
    }
}

impl AsRef<str> for NotPaidReason {
    fn as_ref(&self) -> &str {
        self.code()
    }
}

words! {
    /// Why nobody can tell whether an attempt was paid.
    UnresolvedReason {
        /// Finalize was sent, and now the session is not found: Amazon deletes sessions after 30 days.
        SessionGone,
        /// Amazon shows a payment that is not the one that was asked for: another amount, currency or
        /// permission, or an amount that stays unreadable.
        Contradicted,
        /// The session is Completed, and not proved to be by a Finalize of this store.
        CompletedElsewhere,
        /// Completed, but Amazon gives no ids with which the payment could be proved.
        IdsMissing,
        /// Persons have decided that its money is refunded; the order's cancellation does that.
        Refunding,
    }
}

/// Bodies and buyers' data stay out of logs, so only the state's name and due time are printed.
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
    /// The doubt about its Finalize, if there is one.
    #[must_use]
    pub const fn doubt(&self) -> Option<&Doubt> {
        if let Self::Finalize(in_flight) = self { in_flight.doubt() } else { None }
    }

    /// What was sent for it, if that is kept.
    pub(super) const fn sent_request(&self) -> Option<&KeyedRequest> {
        match self {
            Self::Finalize(in_flight) => in_flight.send(),
            Self::Unresolved { send, .. } => send.as_ref(),
            Self::Bound { .. }
            | Self::Pending { .. }
            | Self::Completed { .. }
            | Self::NotPaid { .. }
            | Self::Surplus { .. }
            | Self::NotApproved(_)
            | Self::Released { .. } => None,
        }
    }

    /// Whether persons have decided that its money is refunded, and that is not finished yet.
    #[must_use]
    pub const fn is_refunding(&self) -> bool {
        matches!(self, Self::Unresolved { reason: UnresolvedReason::Refunding, .. })
    }

    /// Amazon's ids, if the state has them: the permission and, unless the intent was Confirm, the charge,
    /// even one that failed.
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
            Self::Bound { .. }
            | Self::Finalize(_)
            | Self::NotApproved(_)
            | Self::Unresolved { .. }
            | Self::Surplus { .. }
            | Self::Released { .. } => None,
        }
    }

    /// When to look at it again, if it waits for a look.
    pub(super) const fn look_at_mut(&mut self) -> Option<&mut Timestamp> {
        match self {
            Self::Finalize(InFlight::InDoubt(doubt)) => Some(&mut doubt.look.at),
            Self::Pending { look, .. } => Some(&mut look.at),
            Self::NotApproved(waiting) => Some(&mut waiting.doubt.look.at),
            Self::Unresolved { look_at, .. } => Some(look_at),
            Self::NotPaid { charge: Some(FailedCharge { contradicted: Some(look), .. }), .. } => {
                Some(&mut look.at)
            }
            Self::Bound { .. }
            | Self::Finalize(InFlight::Recorded { .. } | InFlight::Sent { .. })
            | Self::Completed { .. }
            | Self::NotPaid { .. }
            | Self::Surplus { .. }
            | Self::Released { .. } => None,
        }
    }

    /// Whether money may have moved and is not proved to be back: while one attempt is live, no other may be
    /// sent.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        match self {
            Self::Finalize(InFlight::Recorded { left_at, .. }) => left_at.is_some(),
            Self::Finalize(_) | Self::Pending { .. } | Self::Completed { .. } | Self::Unresolved { .. } => {
                true
            }
            Self::Bound { .. }
            | Self::NotPaid { .. }
            | Self::NotApproved(_)
            | Self::Surplus { .. }
            | Self::Released { .. } => false,
        }
    }

    /// Whether it is final, unless a surplus one is taken up.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Completed { .. } | Self::NotPaid { .. } | Self::Surplus { .. } | Self::Released { .. }
        )
    }

    /// Whether nothing is in doubt about it, and something may still be sent: nothing has left this machine, or
    /// all that left was refused.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        self.is_to_be_sent() && !self.is_live()
    }

    /// Whether its Finalize still has to leave this machine, for the first time or again.
    #[must_use]
    pub const fn is_to_be_sent(&self) -> bool {
        matches!(self, Self::Finalize(InFlight::Recorded { .. })) || self.is_compared()
    }

    /// Whether its session is to be compared with the terms.
    #[must_use]
    pub const fn is_compared(&self) -> bool {
        matches!(self, Self::Bound { .. }) || self.asked_again().is_some()
    }

    /// When the session of an attempt that was refused each time is compared with the terms, while somebody asks
    /// for it again.
    #[must_use]
    pub const fn asked_again(&self) -> Option<Timestamp> {
        match self {
            Self::NotApproved(waiting) => waiting.asked_again,
            Self::Finalize(InFlight::InDoubt(doubt)) => doubt.asked_again,
            Self::Bound { .. }
            | Self::Finalize(InFlight::Recorded { .. } | InFlight::Sent { .. })
            | Self::Pending { .. }
            | Self::Completed { .. }
            | Self::NotPaid { .. }
            | Self::Unresolved { .. }
            | Self::Surplus { .. }
            | Self::Released { .. } => None,
        }
    }

    const fn asked_again_mut(&mut self) -> Option<&mut Option<Timestamp>> {
        match self {
            Self::NotApproved(waiting) => Some(&mut waiting.asked_again),
            Self::Finalize(InFlight::InDoubt(doubt)) => Some(&mut doubt.asked_again),
            Self::Bound { .. }
            | Self::Finalize(InFlight::Recorded { .. } | InFlight::Sent { .. })
            | Self::Pending { .. }
            | Self::Completed { .. }
            | Self::NotPaid { .. }
            | Self::Unresolved { .. }
            | Self::Surplus { .. }
            | Self::Released { .. } => None,
        }
    }

    /// Whether it is proved unpaid, but Amazon shows money under its permission.
    #[must_use]
    pub const fn is_contradicted(&self) -> bool {
        matches!(self, Self::NotPaid { charge: Some(FailedCharge { contradicted: Some(_), .. }), .. })
    }

    /// The instant at which it is due; `None` for a final state that Amazon does not contradict.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Bound { retry_at, .. } => Some(*retry_at),
            Self::Finalize(in_flight) => Some(in_flight.due_at()),
            Self::Pending { look, .. } => Some(look.at),
            Self::NotApproved(waiting) => Some(waiting.due_at()),
            Self::Unresolved { look_at, .. } => Some(*look_at),
            Self::NotPaid { charge: Some(FailedCharge { contradicted: Some(look), .. }), .. } => {
                Some(look.at)
            }
            Self::Completed { .. } | Self::NotPaid { .. } | Self::Surplus { .. } | Self::Released { .. } => {
                None
            }
        }
    }

    /// The name of an attempt whose Finalize is on its way.
    pub const FINALIZING: &'static str = "Finalizing";

    /// The state's name, as it appears in answers and logs.
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
            Self::Released { .. } => "Released",
            Self::NotApproved(_) => "NotApproved",
        }
    }
}
