//! When an answer was lost: what is asked, what it proves, what is sent again, and when to stop.
//! Also what follows a pending authorization to its end. A timer never decides here, it only asks.

use alloc::string::String;
use core::time::Duration;

use super::attempt::{
    Attempt, AttemptState, Completion, Doubt, FailedCharge, NotPaidReason, Send, UnresolvedReason,
};
use super::checkout::Checkout;
use super::completion::{
    CheckoutEvent, CheckoutStep, CompletionRules, FinalizeAnswer, Happened, Presence, SessionSeen,
    doubt_began, ended, event, given_up, presence, success,
};
use crate::amazon_limits::SESSION_KEPT;
use crate::ids::{ChargeId, ChargePermissionId, IdempotencyKey};
use crate::money::Money;
use crate::step::Step;
use crate::terms::PaymentIntent;
use crate::time::{DAY, HOUR, Timestamp};

/// For how long a doubt lasts before each alarm. The last leaves five days of Amazon's 30.
pub const ALARMS: [Duration; 5] = [
    Duration::from_secs(5 * 60),
    HOUR,
    DAY,
    Duration::from_secs(7 * 86_400),
    Duration::from_secs(25 * 86_400),
];

/// A stored 5xx is replayed so often before a new key may be tried.
const STORED_ERRORS: u32 = 3;
/// A session must be missing so often, over [`GONE_AFTER`], before it counts as gone: a session
/// that was just created or finalized may be missing from a slow replica.
const NOT_FOUNDS: u32 = 3;
const GONE_AFTER: Duration = Duration::from_secs(10 * 60);
/// A completed session without ids is asked for them by so many re-sends: a saved answer has them.
const SENDS_FOR_IDS: u32 = 5;
/// Amazon has deleted the session; a day of grace for two clocks.
const FORGOTTEN_AFTER: Duration = SESSION_KEPT.saturating_add(DAY);
/// When Amazon has forgotten the session a person must decide, and is reminded so often; and of an
/// operation in doubt once its alarms are over.
pub(super) const REMINDED_AFTER: Duration = Duration::from_secs(30 * 86_400);
/// An authorization is decided within 24 hours, so the earlier alarms mean nothing for it.
const PENDING_ALARMS: usize = 2;

/// The alarms that are due and have not rung yet, as one event; `rung` becomes how many have.
fn alarm(alarms: &[Duration], attempt: u32, lasting: Duration, rung: &mut u32) -> Option<CheckoutEvent> {
    let due = alarms.iter().filter(|alarm| lasting >= **alarm).count();
    let due = u32::try_from(due).unwrap_or(u32::MAX);
    let rings = due > *rung;
    *rung = due.max(*rung);
    rings.then(|| event(attempt, Happened::DoubtAlarm { lasting }))
}

/// When to look for evidence again in an unresolved attempt: daily while Amazon may know something.
pub(super) fn next_look(sent_at: Timestamp, now: Timestamp) -> Timestamp {
    let pause = if now.since(sent_at) < FORGOTTEN_AFTER { DAY } else { REMINDED_AFTER };
    now.plus(pause)
}

/// How long after the given number of look-ups to look again.
pub(super) fn doubt_delay(look_count: u32) -> Duration {
    let seconds = match look_count {
        0 => 1,
        1 => 2,
        2 => 4,
        3 => 8,
        4 => 15,
        5 => 30,
        6 => 60,
        7 => 120,
        8 => 300,
        9..=11 => 600,
        12..=60 => 3_600,
        61.. => 86_400,
    };
    Duration::from_secs(seconds)
}

/// How long after the given number of questions to ask for a pending charge again.
pub(super) fn pending_delay(look_count: u32) -> Duration {
    let seconds = match look_count {
        0 => 5,
        1 => 10,
        2..=4 => 20,
        5..=9 => 60,
        10..=20 => 600,
        21..=80 => 3_600,
        81.. => 86_400,
    };
    Duration::from_secs(seconds)
}

/// What an attempt needs next, from whoever takes it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Get Checkout Session and compare: [`super::completion::agree`]. Of one that is approved, and
    /// rests because this machine's clock is in question, the answer's date counts, and whether the
    /// session is over.
    Agree,
    /// Begin with the approved body: [`super::completion::begin`].
    Begin,
    /// Get Checkout Session: [`looked_up`].
    LookUp,
    /// Get Charge: [`charge_seen`].
    AskCharge(ChargePermissionId, ChargeId),
    /// Send the same bytes again: [`resend`]. Never without a look-up before.
    Resend,
    /// Nothing now.
    Rest,
}

/// Takes up an attempt that is due: moves its timer on, so that nobody else does the same, and says
/// what to do. `None` when it is not due. `key_of` derives the key of an `n`.
#[must_use]
pub fn take_up(
    checkout: &Checkout,
    attempt: u32,
    key_of: &dyn Fn(u32) -> IdempotencyKey,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<(CheckoutStep, Act)> {
    let current = checkout.attempt(attempt)?;
    if current.state.due_at().is_none_or(|due_at| due_at > now) {
        return None;
    }
    let mut events = alloc::vec::Vec::new();
    let unless_unknown = |act: Act| match presence(checkout, current, now, rules) {
        Presence::Here => act,
        // Each answer of Amazon's tells its time: only by asking can this clock come out of question.
        Presence::Unknown => Act::Agree,
        Presence::Gone => Act::Rest,
    };
    let (state, act) = match &current.state {
        AttemptState::Bound { .. } | AttemptState::Approved { .. }
            if presence(checkout, current, now, rules) == Presence::Gone =>
        {
            return Some((given_up(checkout, current, key_of, now), Act::Rest));
        }
        AttemptState::Bound { .. } => {
            let retry_at = now.plus(rules.lease);
            (AttemptState::Bound { retry_at }, unless_unknown(Act::Agree))
        }
        AttemptState::Approved { body, sent_at, .. } => {
            let (body, sent_at, retry_at) = (body.clone(), *sent_at, now.plus(rules.lease));
            (AttemptState::Approved { body, sent_at, retry_at }, unless_unknown(Act::Begin))
        }
        AttemptState::Finalizing { .. } => {
            return Some((orphaned(checkout, attempt, now)?, Act::Rest));
        }
        AttemptState::InDoubt(doubt) => {
            return Some((take_up_doubt(checkout, attempt, doubt, now), Act::LookUp));
        }
        AttemptState::Pending { charge_permission_id, charge_id, since, look_count, alarm_count, .. } => {
            let act = Act::AskCharge(charge_permission_id.clone(), charge_id.clone());
            let mut alarm_count = *alarm_count;
            let alarms = ALARMS.get(PENDING_ALARMS..).unwrap_or_default();
            events.extend(alarm(alarms, attempt, now.since(*since), &mut alarm_count));
            let look_count = look_count.saturating_add(1);
            let state = AttemptState::Pending {
                charge_permission_id: charge_permission_id.clone(),
                charge_id: charge_id.clone(),
                since: *since,
                look_at: now.plus(pending_delay(look_count)),
                look_count,
                alarm_count,
            };
            (state, act)
        }
        AttemptState::Unresolved { reason, send, sent_at, look_at } => {
            let lasting = now.since(*sent_at);
            if lasting >= FORGOTTEN_AFTER {
                events.push(event(attempt, Happened::DoubtAlarm { lasting }));
            } else {
                // Nobody moves this timer: the last look was a day before it.
                let before = look_at.minus(DAY).since(*sent_at);
                let mut rung = 0;
                alarm(&ALARMS, attempt, before, &mut rung);
                events.extend(alarm(&ALARMS, attempt, lasting, &mut rung));
            }
            let state = AttemptState::Unresolved {
                reason: *reason,
                send: send.clone(),
                sent_at: *sent_at,
                look_at: next_look(*sent_at, now),
            };
            (state, Act::LookUp)
        }
        AttemptState::Completed { .. } | AttemptState::NotPaid { .. } | AttemptState::Surplus { .. } => {
            return None;
        }
    };
    Some((Step { next: checkout.clone().with_state(attempt, state), events }, act))
}

fn take_up_doubt(checkout: &Checkout, attempt: u32, doubt: &Doubt, now: Timestamp) -> CheckoutStep {
    let mut doubt = doubt.clone();
    let mut events = alloc::vec::Vec::new();
    let lasting = now.since(doubt.since);
    events.extend(alarm(&ALARMS, attempt, lasting, &mut doubt.alarm_count));
    doubt.look_at = now.plus(doubt_delay(doubt.look_count));
    if let Some(next_alarm) = ALARMS.iter().find(|alarm| lasting < **alarm) {
        doubt.look_at = doubt.look_at.min(doubt.since.plus(*next_alarm));
    }
    doubt.look_count = doubt.look_count.saturating_add(1);
    let next = checkout.clone().with_state(attempt, AttemptState::InDoubt(doubt));
    Step { next, events }
}

/// The owner of a sole send is gone: its lease is over, or its process has ended. `None` when the
/// attempt is not on its way.
#[must_use]
pub fn orphaned(checkout: &Checkout, attempt: u32, now: Timestamp) -> Option<CheckoutStep> {
    let current = checkout.attempt(attempt)?;
    let AttemptState::Finalizing { send, sent_at, .. } = &current.state else { return None };
    Some(doubt_began(checkout, attempt, send, *sent_at, ("its sender is gone", None), now, now))
}

/// An answer that came while the attempt was in doubt: a success decides, all else is a hint.
pub(super) fn answered_in_doubt(
    checkout: &Checkout,
    attempt: u32,
    doubt: &Doubt,
    n: u32,
    answer: &FinalizeAnswer,
    now: Timestamp,
) -> Option<CheckoutStep> {
    if n != doubt.send.n {
        return success(checkout, attempt, answer, now);
    }
    let (stored_error, stored_error_count) = match answer {
        FinalizeAnswer::Success { .. } => return success(checkout, attempt, answer, now),
        FinalizeAnswer::Unclear { cause, server_error: true } => {
            let is_replay = doubt.stored_error.as_ref() == Some(cause);
            let count = if is_replay { doubt.stored_error_count.saturating_add(1) } else { 0 };
            (Some(cause.clone()), count)
        }
        FinalizeAnswer::Unclear { .. }
        | FinalizeAnswer::Refused(_)
        | FinalizeAnswer::NotSent
        | FinalizeAnswer::NotEvaluated { .. } => (None, 0),
    };
    if stored_error == doubt.stored_error && stored_error_count == doubt.stored_error_count {
        return None;
    }
    let doubt = Doubt { stored_error, stored_error_count, ..doubt.clone() };
    let next = checkout.clone().with_state(attempt, AttemptState::InDoubt(doubt));
    Some(Step { next, events: alloc::vec::Vec::new() })
}

/// What a look-up of the session proved, and what is to be done next.
#[must_use]
pub fn looked_up(
    checkout: &Checkout,
    attempt: u32,
    seen: &SessionSeen,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<(CheckoutStep, Act)> {
    let current = checkout.attempt(attempt)?;
    let (doubt, unresolved) = match &current.state {
        AttemptState::InDoubt(doubt) => (Some(doubt), None),
        AttemptState::Unresolved { reason, send, sent_at, .. } => (None, Some((*reason, send, *sent_at))),
        AttemptState::Bound { .. }
        | AttemptState::Approved { .. }
        | AttemptState::Finalizing { .. }
        | AttemptState::Pending { .. }
        | AttemptState::Completed { .. }
        | AttemptState::NotPaid { .. }
        | AttemptState::Surplus { .. } => return None,
    };
    let looked = event(attempt, Happened::LookedUp { found: seen.name() });
    let stay = |doubt: &Doubt, not_found_count: u32, act: Act| {
        let mut doubt = Doubt { not_found_count, ..doubt.clone() };
        if !matches!(seen, SessionSeen::Open(_)) {
            // A new key is for a session that stays open behind a stored error, for no other.
            (doubt.stored_error, doubt.stored_error_count) = (None, 0);
        }
        let next = checkout.clone().with_state(attempt, AttemptState::InDoubt(doubt));
        Some((Step::one(next, looked.clone()), act))
    };
    let unresolve = |reason: UnresolvedReason, send: &Option<Send>, sent_at: Timestamp| {
        let look_at = next_look(sent_at, now);
        let state = AttemptState::Unresolved { reason, send: send.clone(), sent_at, look_at };
        let next = checkout.clone().with_state(attempt, state);
        Some((
            Step { next, events: alloc::vec![looked.clone(), event(attempt, Happened::Unresolved)] },
            Act::Rest,
        ))
    };
    match (seen, doubt, unresolved) {
        // Canceled is proof of non-payment.
        (SessionSeen::Canceled { reason }, _, _) => {
            let mut step = ended(checkout, attempt, NotPaidReason::SessionCanceled(reason.clone()), now);
            step.events.insert(0, looked);
            Some((step, Act::Rest))
        }
        // Whoever completed it is unknown, and so is for which order: only a person can tell.
        (SessionSeen::Completed { .. }, _, Some((UnresolvedReason::CompletedElsewhere, _, _))) => {
            Some((Step::one(checkout.clone(), looked), Act::Rest))
        }
        // Completed is not proof of payment; its charge is, or its permission where nothing is charged.
        (SessionSeen::Completed { charge_permission_id, charge_id }, _, _) => {
            let intent = checkout.terms.payment_intent;
            match (intent, charge_permission_id, charge_id) {
                (PaymentIntent::Confirm, Some(permission), _) => {
                    let answer = FinalizeAnswer::Success {
                        pending: false,
                        charge_permission_id: permission.clone(),
                        charge_id: None,
                    };
                    let mut step = success(checkout, attempt, &answer, now)?;
                    step.events.insert(0, looked);
                    Some((step, Act::Rest))
                }
                (
                    PaymentIntent::Authorize | PaymentIntent::AuthorizeWithCapture,
                    Some(permission),
                    Some(charge),
                ) => {
                    let act = Act::AskCharge(permission.clone(), charge.clone());
                    match (doubt, unresolved) {
                        (Some(doubt), _) => stay(doubt, 0, act),
                        (None, _) => Some((Step::one(checkout.clone(), looked), act)),
                    }
                }
                (
                    PaymentIntent::Confirm | PaymentIntent::Authorize | PaymentIntent::AuthorizeWithCapture,
                    _,
                    _,
                ) => match doubt {
                    // The saved answer of the first send has the ids; a completed session cannot be
                    // paid twice by asking for it.
                    Some(doubt) if doubt.send_count < SENDS_FOR_IDS => stay(doubt, 0, Act::Resend),
                    Some(doubt) => {
                        unresolve(UnresolvedReason::IdsMissing, &Some(doubt.send.clone()), doubt.sent_at)
                    }
                    None => Some((Step::one(checkout.clone(), looked), Act::Rest)),
                },
            }
        }
        // Open is proof of nothing.
        (SessionSeen::Open(_), Some(doubt), _) => {
            let act = if may_resend(checkout, current, now, rules) { Act::Resend } else { Act::Rest };
            stay(doubt, 0, act)
        }
        // Not found ends the re-sending, never the question.
        (SessionSeen::NotFound, Some(doubt), _) => {
            let not_found_count = doubt.not_found_count.saturating_add(1);
            if not_found_count >= NOT_FOUNDS && now.since(doubt.sent_at) >= GONE_AFTER {
                return unresolve(UnresolvedReason::SessionGone, &Some(doubt.send.clone()), doubt.sent_at);
            }
            stay(doubt, not_found_count, Act::Rest)
        }
        (SessionSeen::Open(_) | SessionSeen::NotFound, None, _) => {
            Some((Step::one(checkout.clone(), looked), Act::Rest))
        }
    }
}

fn may_resend(checkout: &Checkout, attempt: &Attempt, now: Timestamp, rules: &CompletionRules) -> bool {
    // Nobody is charged for an order that is being canceled.
    checkout.cancellation.is_none()
        && now.since(attempt.buyer_seen_at) <= rules.resend_window
        && now.since(attempt.bound_at) <= rules.resend_limit
}

/// Makes a re-send durable before it leaves: the same bytes under the same key. `None` when the
/// attempt is no longer in doubt.
///
/// Only when one stored 5xx was replayed three times over a session that is still open does `n`
/// rise: a server that keeps errors for a key would answer with it for ever.
#[must_use]
pub fn resend(
    checkout: &Checkout,
    attempt: u32,
    key_of: &dyn Fn(u32) -> IdempotencyKey,
) -> Option<(Send, CheckoutStep)> {
    let current = checkout.attempt(attempt)?;
    let AttemptState::InDoubt(doubt) = &current.state else { return None };
    let mut doubt = doubt.clone();
    let mut spent_keys = current.spent_keys;
    if doubt.stored_error_count >= STORED_ERRORS {
        spent_keys = doubt.send.n;
        doubt.send.n = doubt.send.n.saturating_add(1);
        doubt.send.idempotency_key = key_of(doubt.send.n);
        doubt.stored_error_count = 0;
    }
    doubt.send_count = doubt.send_count.saturating_add(1);
    let send = doubt.send.clone();
    let what = Happened::FinalizeSent { n: send.n, send_count: doubt.send_count };
    let next = checkout.clone().with_state(attempt, AttemptState::InDoubt(doubt));
    let next = next.with_spent_keys(attempt, spent_keys);
    Some((send, Step::one(next, event(attempt, what))))
}

/// The states of a charge, as Get Charge shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeStateSeen {
    /// Still pending.
    AuthorizationInitiated,
    /// Reserved.
    Authorized,
    /// The capture is carried out asynchronously.
    CaptureInitiated,
    /// Captured.
    Captured,
    /// Declined.
    Declined,
    /// Canceled.
    Canceled,
}

/// What Get Charge showed. An answer with an unknown state shows nothing and is not one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeSeen {
    /// `statusDetails.state`.
    pub state: ChargeStateSeen,
    /// `statusDetails.reasonCode`.
    pub reason: Option<String>,
    /// `chargeAmount`, if the answer has one that can be read.
    pub charge_amount: Option<Money>,
}

/// What the charge proved, for an attempt in doubt or pending. `None`: it proved nothing new.
#[must_use]
pub fn charge_seen(
    checkout: &Checkout,
    attempt: u32,
    charge_permission_id: &ChargePermissionId,
    charge_id: &ChargeId,
    seen: &ChargeSeen,
    now: Timestamp,
) -> Option<CheckoutStep> {
    let current = checkout.attempt(attempt)?;
    // A Confirm has no charge; whatever this one is, it proves nothing about it.
    if checkout.terms.payment_intent == PaymentIntent::Confirm {
        return None;
    }
    let differed_before =
        matches!(current.state, AttemptState::Unresolved { reason: UnresolvedReason::AmountDiffers, .. });
    let (send, sent_at) = match &current.state {
        AttemptState::InDoubt(doubt) => (Some(doubt.send.clone()), doubt.sent_at),
        AttemptState::Unresolved { send, sent_at, .. } => (send.clone(), *sent_at),
        AttemptState::Pending { since, .. } => (None, *since),
        AttemptState::Bound { .. }
        | AttemptState::Approved { .. }
        | AttemptState::Finalizing { .. }
        | AttemptState::Completed { .. }
        | AttemptState::NotPaid { .. }
        | AttemptState::Surplus { .. } => return None,
    };
    let was_pending = matches!(current.state, AttemptState::Pending { .. });
    let completed = |completion: Completion| {
        let state = AttemptState::Completed {
            completion,
            charge_permission_id: charge_permission_id.clone(),
            at: now,
        };
        (state, Happened::Completed)
    };
    let not_paid = |reason: NotPaidReason| {
        let charge = Some(FailedCharge {
            charge_permission_id: charge_permission_id.clone(),
            charge_id: charge_id.clone(),
            contradicted_at: None,
        });
        (AttemptState::NotPaid { reason, charge, at: now }, Happened::NotPaid)
    };
    let pending = || {
        let state = AttemptState::Pending {
            charge_permission_id: charge_permission_id.clone(),
            charge_id: charge_id.clone(),
            since: now,
            look_at: now.plus(pending_delay(0)),
            look_count: 0,
            alarm_count: 0,
        };
        (state, Happened::PendingBegan)
    };
    let captures = checkout.terms.payment_intent == PaymentIntent::AuthorizeWithCapture;
    let amount_differs = seen.charge_amount.is_some_and(|amount| amount != checkout.terms.charge_amount);
    let (state, what) = match seen.state {
        ChargeStateSeen::Declined => not_paid(NotPaidReason::ChargeDeclined(seen.reason.clone())),
        ChargeStateSeen::Canceled => not_paid(NotPaidReason::ChargeCanceled(seen.reason.clone())),
        ChargeStateSeen::AuthorizationInitiated if was_pending => return None,
        ChargeStateSeen::CaptureInitiated if was_pending && captures => return None,
        ChargeStateSeen::AuthorizationInitiated
        | ChargeStateSeen::Authorized
        | ChargeStateSeen::CaptureInitiated
        | ChargeStateSeen::Captured
            if amount_differs && differed_before =>
        {
            return None;
        }
        ChargeStateSeen::AuthorizationInitiated
        | ChargeStateSeen::Authorized
        | ChargeStateSeen::CaptureInitiated
        | ChargeStateSeen::Captured
            if amount_differs =>
        {
            let (reason, look_at) = (UnresolvedReason::AmountDiffers, next_look(sent_at, now));
            (AttemptState::Unresolved { reason, send, sent_at, look_at }, Happened::Unresolved)
        }
        // Money without an amount is no proof of our payment: ask again.
        ChargeStateSeen::Authorized | ChargeStateSeen::CaptureInitiated | ChargeStateSeen::Captured
            if seen.charge_amount.is_none() =>
        {
            return None;
        }
        ChargeStateSeen::AuthorizationInitiated => pending(),
        // Not taken yet, and Amazon may decline it still.
        ChargeStateSeen::CaptureInitiated if captures => pending(),
        ChargeStateSeen::Authorized => completed(Completion::Authorized(charge_id.clone())),
        ChargeStateSeen::CaptureInitiated => completed(Completion::CaptureInitiated(charge_id.clone())),
        ChargeStateSeen::Captured => completed(Completion::Captured(charge_id.clone())),
    };
    Some(Step::one(checkout.clone().with_state(attempt, state), event(attempt, what)))
}
