//! From the buyer's return to Amazon's answer: binding a session, sending Finalize once, and reading the
//! answer of that sole send. That the session agrees with the terms is [`super::agreement`]'s; what an answer
//! leaves open is [`super::doubt`]'s.
//!
//! Each function decides on one loaded [`Checkout`]; the caller writes what it returns with the
//! version that it read, so of two deciders one decides again.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

pub use super::agreement::{Agreement, OpenSession, SessionSeen, agree, ask_again, unquoted_address};
use super::attempt::{
    Attempt, AttemptState, Completion, Doubt, GivenAddresses, NotPaidReason, Send, UnresolvedReason,
};
use super::capture_plan::{CapturePolicy, DEFAULT_MARGIN};
use super::checkout::{Checkout, MAX_ATTEMPTS, Terms};
use super::operation::RefundCeiling;
use super::payment::PaymentEvent;
use crate::address::Address;
pub use crate::address::AddressKind;
use crate::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, IdempotencyKey};
use crate::step::Step;
use crate::terms::PaymentIntent;
use crate::time::{HOUR, Timestamp};

/// The deadlines of a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompletionRules {
    /// How long after the buyer was last seen the same Finalize may be sent again: nobody is
    /// charged hours after an outage.
    pub resend_window: Duration,
    /// How long after its session was bound a Finalize may be sent again at all, however often
    /// somebody asks for it meanwhile.
    pub resend_limit: Duration,
    /// How long whoever asks or sends owns its attempt: longer than the call may take, its repetitions
    /// included, so that owners hardly ever overlap. Where they do (a machine that stood still), the
    /// version of the checkout lets only one of them decide.
    pub lease: Duration,
    /// Whether local expiries are held because this machine's clock is in question.
    pub hold_expiries: bool,
    /// How much of a charge may be refunded.
    pub refund_ceiling: RefundCeiling,
    /// Who captures when the shop has not.
    pub capture_policy: CapturePolicy,
    /// How long before a deadline the last safe moment is.
    pub capture_margin: Duration,
}

impl Default for CompletionRules {
    fn default() -> Self {
        Self {
            resend_window: Duration::from_secs(15 * 60),
            resend_limit: HOUR,
            lease: Duration::from_secs(30),
            hold_expiries: false,
            refund_ceiling: RefundCeiling::default(),
            capture_policy: CapturePolicy::default(),
            capture_margin: DEFAULT_MARGIN,
        }
    }
}

/// What happened to an attempt: the timeline's entries, in causal order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEvent {
    /// Which attempt.
    pub attempt: u32,
    /// What happened.
    pub what: Happened,
}

/// One thing that can happen to an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// A session was bound to the checkout.
    SessionBound,
    /// A further session arrived while the named attempt was live.
    SurplusRecorded {
        /// The live attempt.
        of: u32,
    },
    /// Get agreed with the terms.
    Approved,
    /// Finalize is about to leave.
    FinalizeSent {
        /// Which key.
        n: u32,
        /// How often these bytes were sent, this time included.
        send_count: u32,
    },
    /// No connection: nothing left this machine.
    NotSent,
    /// Amazon answered without looking at the request; it may be sent again.
    NotEvaluated {
        /// Amazon's code.
        code: String,
    },
    /// The answer was lost or proves nothing.
    DoubtBegan {
        /// What came instead of an answer.
        cause: String,
    },
    /// It is open for so long that a person should know.
    DoubtAlarm {
        /// For how long.
        lasting: Duration,
    },
    /// Amazon was asked what became of it.
    LookedUp {
        /// What the session or charge looked like.
        found: &'static str,
    },
    /// The authorization is pending at Amazon.
    PendingBegan,
    /// Paid, authorized or confirmed.
    Completed,
    /// Proved unpaid.
    NotPaid,
    /// Nobody can say.
    Unresolved,
    /// Amazon's answer contradicts what is proved. An operator must look: money may have moved.
    Contradiction {
        /// What came.
        found: &'static str,
        /// The Charge Permission that it names.
        charge_permission_id: Option<ChargePermissionId>,
        /// The charge that it names.
        charge_id: Option<ChargeId>,
    },
}

/// What happened to a checkout: to an attempt of its, or to what was agreed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckoutEvent {
    /// To an attempt.
    Attempt(AttemptEvent),
    /// To its payment, or to the order as a whole.
    Payment(PaymentEvent),
}

/// A step of a checkout.
pub type CheckoutStep = Step<Checkout, CheckoutEvent>;

pub(super) fn event(attempt: u32, what: Happened) -> CheckoutEvent {
    CheckoutEvent::Attempt(AttemptEvent { attempt, what })
}

pub(super) fn ended(checkout: &Checkout, attempt: u32, reason: NotPaidReason, at: Timestamp) -> CheckoutStep {
    let next = checkout.clone().with_state(attempt, AttemptState::NotPaid { reason, charge: None, at });
    Step::one(next, event(attempt, Happened::NotPaid))
}

/// What a session's arrival means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// It was bound before.
    Known(u32),
    /// It is bound now: the attempt's number and the step. The attempt is Bound or Surplus.
    New(u32, CheckoutStep),
}

/// Why a session is not bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrivalRefused {
    /// The checkout has bound [`MAX_ATTEMPTS`] sessions already.
    TooManyAttempts,
    /// The order is canceled, or being canceled.
    OrderCanceled,
}

/// Binds a session that the buyer came back with, and the addresses that its caller gave. That no
/// other checkout has bound it is the caller's to require in the same change set.
///
/// # Errors
/// [`ArrivalRefused`].
pub fn arrive(
    checkout: &Checkout,
    session: &CheckoutSessionId,
    given: &GivenAddresses,
    now: Timestamp,
    rules: &CompletionRules,
) -> Result<Arrival, ArrivalRefused> {
    if let Some(known) = checkout.attempts.iter().find(|attempt| attempt.checkout_session_id == *session) {
        return Ok(Arrival::Known(known.number));
    }
    if checkout.attempts.len() >= MAX_ATTEMPTS {
        return Err(ArrivalRefused::TooManyAttempts);
    }
    if checkout.cancellation.is_some() {
        return Err(ArrivalRefused::OrderCanceled);
    }
    // Nothing below this line may fail.
    let number = checkout.attempts.last().map_or(1, |last| last.number.saturating_add(1));
    let (state, what) = match checkout.live_attempt() {
        Some(live) => {
            (AttemptState::Surplus { of: live.number }, Happened::SurplusRecorded { of: live.number })
        }
        None => {
            let state = AttemptState::Bound { retry_at: now.plus(rules.lease) };
            (state, Happened::SessionBound)
        }
    };
    let given = if state.is_final() { GivenAddresses::default() } else { given.clone() };
    let mut next = checkout.clone();
    next.attempts.push(Attempt {
        number,
        checkout_session_id: session.clone(),
        given,
        bound_at: now,
        buyer_seen_at: now,
        spent_keys: 0,
        state,
    });
    Ok(Arrival::New(number, Step::one(next, event(number, what))))
}

/// Ends an attempt that was bound just now: orders are quoted, and nobody has asked what this one costs. So
/// the session's amount cannot be what the shop asks for.
#[must_use]
pub fn unquoted(checkout: &Checkout, attempt: u32, now: Timestamp) -> CheckoutStep {
    let member = "paymentDetails.chargeAmount".to_string();
    ended(checkout, attempt, NotPaidReason::Mismatch(member), now)
}

/// Keeps the addresses of a later call where an earlier one gave none, as long as nothing was compared with
/// them. `None` when there is nothing to keep.
#[must_use]
pub fn given_later(checkout: &Checkout, attempt: u32, given: &GivenAddresses) -> Option<Checkout> {
    let mut next = checkout.clone();
    let bound = next.attempts.iter_mut().find(|other| other.number == attempt)?;
    let AttemptState::Bound { .. } = bound.state else { return None };
    let known = &mut bound.given;
    let is_new = |known: &Option<Address>, given: &Option<Address>| known.is_none() && given.is_some();
    if !is_new(&known.shipping, &given.shipping) && !is_new(&known.billing, &given.billing) {
        return None;
    }
    known.shipping = known.shipping.take().or_else(|| given.shipping.clone());
    known.billing = known.billing.take().or_else(|| given.billing.clone());
    Some(next)
}

/// What became of the wish to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beginning {
    /// Send these bytes, after the step is durable.
    Send(Send, CheckoutStep),
    /// Do not send; write the step: another attempt is live, or the buyer is gone.
    Ends(CheckoutStep),
    /// Do not send: the attempt is not (or no longer) ready for it.
    NotReady,
}

/// Makes the sole send of an attempt durable before it leaves.
///
/// The body was built from the terms that [`agree`] compared; `key_of` derives the key of an `n`.
#[must_use]
pub fn begin(
    checkout: &Checkout,
    attempt: u32,
    body: Arc<[u8]>,
    key_of: &dyn Fn(u32) -> IdempotencyKey,
    now: Timestamp,
    rules: &CompletionRules,
) -> Beginning {
    let Some(current) = checkout.attempt(attempt) else { return Beginning::NotReady };
    if !current.state.is_to_be_sent() {
        return Beginning::NotReady;
    }
    if let Some(live) = checkout.live_attempt()
        && live.number != attempt
    {
        let of = live.number;
        let next = checkout.clone().with_state(attempt, AttemptState::Surplus { of });
        return Beginning::Ends(Step::one(next, event(attempt, Happened::SurplusRecorded { of })));
    }
    match presence(checkout, current, now, rules) {
        Presence::Here => {}
        Presence::Gone => return Beginning::Ends(given_up(checkout, current, key_of, now)),
        Presence::Unknown => return Beginning::NotReady,
    }
    // Nothing below this line may fail.
    let n = current.spent_keys.saturating_add(1);
    let send = Send { n, idempotency_key: key_of(n), body };
    let mut events = Vec::new();
    if matches!(current.state, AttemptState::Bound { .. }) {
        events.push(event(attempt, Happened::Approved));
    }
    let mut next = checkout.clone();
    for other in &mut next.attempts {
        // An earlier tab that was never sent comes second from now on.
        if other.state.is_unsent() && other.number != attempt {
            other.state = AttemptState::Surplus { of: attempt };
            other.given = GivenAddresses::default();
            events.push(event(other.number, Happened::SurplusRecorded { of: attempt }));
        }
    }
    events.push(event(attempt, Happened::FinalizeSent { n, send_count: 1 }));
    let state =
        AttemptState::Finalizing { send: send.clone(), sent_at: now, lease_until: now.plus(rules.lease) };
    Beginning::Send(send, Step { next: next.with_state(attempt, state), events })
}

/// The buyer of an attempt that was to be sent is gone. What never left this machine ends here; of
/// what did, a copy may have been paid: that is looked up, and not sent any more.
pub(super) fn given_up(
    checkout: &Checkout,
    current: &Attempt,
    key_of: &dyn Fn(u32) -> IdempotencyKey,
    now: Timestamp,
) -> CheckoutStep {
    let attempt = current.number;
    let AttemptState::Approved { body, sent_at: Some(sent_at), .. } = &current.state else {
        return ended(checkout, attempt, NotPaidReason::Abandoned, now);
    };
    let n = current.spent_keys;
    let send = Send { n, idempotency_key: key_of(n), body: body.clone() };
    let step = doubt_began(checkout, attempt, &send, *sent_at, ("its buyer is gone", None), now, now);
    // The last key is the one in doubt, and not spent after all.
    Step { next: step.next.with_spent_keys(attempt, n.saturating_sub(1)), events: step.events }
}

/// Whether the buyer of an attempt that is to be sent still waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Here,
    Gone,
    /// This machine's clock is in question, so its word for "gone" counts no more than for "here".
    Unknown,
}

pub(super) fn presence(
    checkout: &Checkout,
    attempt: &Attempt,
    now: Timestamp,
    rules: &CompletionRules,
) -> Presence {
    if checkout.cancellation.is_some() {
        // Nobody is charged for an order that is being canceled.
        return Presence::Gone;
    }
    let is_resend = attempt.state.is_live();
    if is_resend && now.since(attempt.bound_at) > rules.resend_limit {
        // Nothing expires by this: what was sent is looked up.
        Presence::Gone
    } else if now.since(attempt.buyer_seen_at) <= rules.resend_window {
        Presence::Here
    } else if rules.hold_expiries {
        Presence::Unknown
    } else {
        Presence::Gone
    }
}

/// What came back for a Finalize.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinalizeAnswer {
    /// 200 or 202, whole: our session, Completed, a permission, and a charge unless Confirm.
    Success {
        /// 202: the authorization is pending.
        pending: bool,
        /// The Charge Permission.
        charge_permission_id: ChargePermissionId,
        /// The charge, unless the intent is Confirm.
        charge_id: Option<ChargeId>,
    },
    /// A decline or a canceled session, or a refusal of the request as such.
    Refused(NotPaidReason),
    /// No connection: the client is certain that nothing left.
    NotSent,
    /// Throttled, or turned away for its date, key or account: nobody looked at the request.
    NotEvaluated {
        /// Amazon's code.
        code: String,
    },
    /// Anything else, no answer included. The cause names it; a 5xx carries its status, so that a
    /// stored one can be recognised.
    Unclear {
        /// What came instead of an answer.
        cause: String,
        /// Whether it was a 5xx answer.
        server_error: bool,
    },
}

/// The state that a success leads to; `None` when the answer lacks what the intent needs.
fn success_state(
    terms: &Terms,
    pending: bool,
    charge_permission_id: &ChargePermissionId,
    charge_id: Option<&ChargeId>,
    now: Timestamp,
) -> Option<AttemptState> {
    let followed = |charge_id: &ChargeId, look_at: Timestamp| {
        let (charge_permission_id, charge_id) = (charge_permission_id.clone(), charge_id.clone());
        Some(AttemptState::Pending {
            charge_permission_id,
            charge_id,
            since: now,
            look_at,
            look_count: 0,
            alarm_count: 0,
        })
    };
    let completion = match (terms.payment_intent, charge_id, pending) {
        (PaymentIntent::Confirm, _, false) => Completion::Confirmed,
        // Where the shop can wait for the bank, a 200 does not say that the bank has decided, and one
        // that repeats an earlier answer may come after it said no. The charge knows: ask it at once.
        (PaymentIntent::Authorize, Some(charge_id), false) if terms.can_handle_pending_authorization => {
            return followed(charge_id, now);
        }
        (PaymentIntent::Authorize, Some(charge_id), false) => Completion::Authorized(charge_id.clone()),
        (PaymentIntent::AuthorizeWithCapture, Some(charge_id), false) => {
            Completion::Captured(charge_id.clone())
        }
        (PaymentIntent::Authorize | PaymentIntent::AuthorizeWithCapture, Some(charge_id), true) => {
            return followed(charge_id, now.plus(super::doubt::pending_delay(0)));
        }
        (PaymentIntent::Confirm, _, true)
        | (PaymentIntent::Authorize | PaymentIntent::AuthorizeWithCapture, None, _) => return None,
    };
    let charge_permission_id = charge_permission_id.clone();
    Some(AttemptState::Completed { completion, charge_permission_id, at: now })
}

/// The longest pause after a send that found no connection.
const NOT_SENT_PAUSE: Duration = Duration::from_secs(60);

/// How long to wait after the given number of answers that nobody evaluated: 2 s, doubling to 5 min.
pub(super) fn not_evaluated_delay(count: u32) -> Duration {
    Duration::from_secs(2_u64.saturating_pow(count.clamp(1, 9)).min(300))
}

/// Takes in the answer to the send of key `n`. `None`: it changes nothing.
///
/// For the sole send every answer counts. Once a second send may have left, or the owner has lost
/// its lease, only a success does; anything else is a hint, and the look-up decides.
#[must_use]
pub fn answered(
    checkout: &Checkout,
    attempt: u32,
    n: u32,
    answer: &FinalizeAnswer,
    now: Timestamp,
) -> Option<CheckoutStep> {
    let current = checkout.attempt(attempt)?;
    match &current.state {
        AttemptState::Finalizing { send, sent_at, .. } if send.n == n => {
            Some(sole_answer(checkout, current, send, *sent_at, answer, now))
        }
        AttemptState::InDoubt(doubt) => {
            super::doubt::answered_in_doubt(checkout, attempt, doubt, n, answer, now)
        }
        AttemptState::Unresolved {
            reason: UnresolvedReason::SessionGone | UnresolvedReason::IdsMissing,
            ..
        } => success(checkout, attempt, answer, now),
        AttemptState::Pending { charge_permission_id, charge_id, .. } => {
            same_or_contradiction(checkout, attempt, answer, charge_permission_id, Some(charge_id))
        }
        AttemptState::Completed { completion, charge_permission_id, .. } => {
            same_or_contradiction(checkout, attempt, answer, charge_permission_id, completion.charge_id())
        }
        // That it was paid is known; what with is the question.
        AttemptState::Unresolved { reason: UnresolvedReason::AmountDiffers, .. } => None,
        AttemptState::Finalizing { .. }
        | AttemptState::Unresolved { reason: UnresolvedReason::CompletedElsewhere, .. }
        | AttemptState::NotPaid { .. }
        | AttemptState::Surplus { .. }
        | AttemptState::Bound { .. }
        | AttemptState::Approved { .. } => contradiction(checkout, attempt, answer, "a late success"),
    }
}

/// Nothing may be claimed from a success that comes here, but a person must know.
fn contradiction(
    checkout: &Checkout,
    attempt: u32,
    answer: &FinalizeAnswer,
    found: &'static str,
) -> Option<CheckoutStep> {
    let FinalizeAnswer::Success { charge_permission_id, charge_id, .. } = answer else { return None };
    let (charge_permission_id, charge_id) = (Some(charge_permission_id.clone()), charge_id.clone());
    let what = Happened::Contradiction { found, charge_permission_id, charge_id };
    Some(Step::one(checkout.clone(), event(attempt, what)))
}

/// The first outcome stands; a repeated answer says the same, or something is wrong at Amazon.
fn same_or_contradiction(
    checkout: &Checkout,
    attempt: u32,
    answer: &FinalizeAnswer,
    permission: &ChargePermissionId,
    charge: Option<&ChargeId>,
) -> Option<CheckoutStep> {
    let FinalizeAnswer::Success { charge_permission_id, charge_id, .. } = answer else { return None };
    let same_charge = charge.is_none() || charge == charge_id.as_ref();
    if charge_permission_id == permission && same_charge {
        return None;
    }
    contradiction(checkout, attempt, answer, "a late success with other ids")
}

pub(super) fn success(
    checkout: &Checkout,
    attempt: u32,
    answer: &FinalizeAnswer,
    now: Timestamp,
) -> Option<CheckoutStep> {
    let FinalizeAnswer::Success { pending, charge_permission_id, charge_id } = answer else { return None };
    let state = success_state(&checkout.terms, *pending, charge_permission_id, charge_id.as_ref(), now)?;
    let is_followed = matches!(state, AttemptState::Pending { .. });
    let what = if is_followed { Happened::PendingBegan } else { Happened::Completed };
    Some(Step::one(checkout.clone().with_state(attempt, state), event(attempt, what)))
}

fn sole_answer(
    checkout: &Checkout,
    current: &Attempt,
    send: &Send,
    sent_at: Timestamp,
    answer: &FinalizeAnswer,
    now: Timestamp,
) -> CheckoutStep {
    let attempt = current.number;
    // Whoever got the answer looks up at once; the timer does if it does not.
    let look_at = now.plus(super::doubt::doubt_delay(0));
    match answer {
        FinalizeAnswer::Success { .. } => success(checkout, attempt, answer, now).unwrap_or_else(|| {
            doubt_began(checkout, attempt, send, sent_at, ("a success without its ids", None), look_at, now)
        }),
        // An earlier key was turned away, and a copy of that request may still arrive: a refusal of
        // this one proves nothing about it.
        FinalizeAnswer::Refused(reason) if current.spent_keys > 0 => {
            doubt_began(checkout, attempt, send, sent_at, (reason.code(), None), look_at, now)
        }
        FinalizeAnswer::Refused(reason) => ended(checkout, attempt, reason.clone(), now),
        FinalizeAnswer::NotSent => {
            // As long again as it has been tried for.
            let pause = now.since(current.bound_at).clamp(not_evaluated_delay(1), NOT_SENT_PAUSE);
            let sent_at = (current.spent_keys > 0).then_some(sent_at);
            let state =
                AttemptState::Approved { body: send.body.clone(), sent_at, retry_at: now.plus(pause) };
            Step::one(checkout.clone().with_state(attempt, state), event(attempt, Happened::NotSent))
        }
        FinalizeAnswer::NotEvaluated { code } => {
            let retry_at = now.plus(not_evaluated_delay(send.n));
            let state = AttemptState::Approved { body: send.body.clone(), sent_at: Some(sent_at), retry_at };
            let next = checkout.clone().with_state(attempt, state).with_spent_keys(attempt, send.n);
            Step::one(next, event(attempt, Happened::NotEvaluated { code: code.clone() }))
        }
        FinalizeAnswer::Unclear { cause, server_error } => {
            let stored_error = server_error.then_some(cause);
            doubt_began(checkout, attempt, send, sent_at, (cause, stored_error), look_at, now)
        }
    }
}

/// The sole send's answer proves nothing, or its owner is gone: from here on the look-up decides.
pub(super) fn doubt_began(
    checkout: &Checkout,
    attempt: u32,
    send: &Send,
    sent_at: Timestamp,
    (cause, stored_error): (&str, Option<&String>),
    look_at: Timestamp,
    now: Timestamp,
) -> CheckoutStep {
    let doubt = Doubt {
        send: send.clone(),
        send_count: 1,
        sent_at,
        since: now,
        look_at,
        look_count: 0,
        stored_error: stored_error.cloned(),
        stored_error_count: 0,
        not_found_count: 0,
        alarm_count: 0,
    };
    let next = checkout.clone().with_state(attempt, AttemptState::InDoubt(doubt));
    Step::one(next, event(attempt, Happened::DoubtBegan { cause: cause.to_string() }))
}

/// Notes that the buyer still waits. `None` when that was known to the minute, or no longer matters.
///
/// Whoever was away for longer than the window stays so: a shop's own repetition hours after an
/// outage must not charge a buyer who has left.
#[must_use]
pub fn buyer_seen(
    checkout: &Checkout,
    attempt: u32,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<Checkout> {
    const GRAIN: Duration = Duration::from_secs(60);
    let current = checkout.attempt(attempt)?;
    let away = now.since(current.buyer_seen_at);
    if current.state.is_final() || away < GRAIN || away > rules.resend_window {
        return None;
    }
    let mut next = checkout.clone();
    if let Some(attempt) = next.attempts.iter_mut().find(|other| other.number == attempt) {
        attempt.buyer_seen_at = now;
        // Somebody waits again: the next look is now, however rare looks have become.
        // This look comes beside the others and lets them become no rarer.
        if let AttemptState::InDoubt(Doubt { look_at, look_count, .. })
        | AttemptState::Pending { look_at, look_count, .. } = &mut attempt.state
            && now < *look_at
        {
            *look_at = now;
            *look_count = look_count.saturating_sub(1);
        }
    }
    Some(next)
}
