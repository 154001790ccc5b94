//! Finalize: sends it once, handles its answer, and takes up an attempt that is due. [`super::agree`] decides
//! whether the session agrees with the terms, [`super::look`] what a look at the session or the charge
//! proves. A timer decides no outcome: it only leads to a request.

use crate::merchant::number::AttemptNumber;
use alloc::vec::Vec;

use super::prove::{contradict_ids, proved_by, session, shows_other_ids};
use super::sends::{CompletedBy, CompletedSession};
use super::{
    Attempt, AttemptState, Completion, NotPaidReason, RefusalLooks, UnresolvedReason, is_within, not_approved,
};
use crate::ids::{ChargeId, ChargePermissionId, IdempotencyKey};
use crate::merchant::call::{
    CallAnswer, CallEvent, CallKind, CallNeeds, Doubt, InFlight, KeyedRequest, LookSchedule, UnclearKind,
};
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::cart::CartSight;
use crate::merchant::checkout::draft::Draft;
use crate::merchant::checkout::sharing::must_wait;
use crate::merchant::checkout::terms::Terms;
use crate::merchant::checkout::unexplained::{UnexplainedEnd, UnexplainedState};
use crate::merchant::event::AttemptEvent;
use crate::merchant::next::{CallId, NextStep, OutgoingCall};
use crate::merchant::number::KeyOrdinal;
use crate::merchant::payment::misfit::Misfit;
use crate::merchant::proof::{FinalizeSuccess, Proof, finalize_proof};
use crate::merchant::rules::{
    ALARMS, FORGOTTEN_AFTER, HELD_PAUSE, MerchantRules, PENDING_ALARMS, STORED_ERRORS, alarms_due,
    next_evidence_look, not_evaluated_delay, not_sent_delay, pending_delay,
};
use crate::terms::PaymentIntent;
use crate::time::{DAY, Timestamp};

/// What came back for a Finalize; a refusal proves that nothing was paid.
pub type FinalizeAnswer = CallAnswer<FinalizeSuccess, NotPaidReason>;

/// Records an attempt's first send, or the next one after a send that had no effect, before it leaves.
/// Returns [`NextStep::Rest`] if the attempt is not, or is no longer, ready for it, if this machine's clock
/// cannot show whether the buyer still waits, if another order of the cart may be paid, if [the order is
/// held](Checkout::is_held), and if the attempt
/// ends here because another attempt is live or the buyer has left.
///
/// The bytes were built from the terms that [`agree`](super::agree::agree) compared. A send under a key other
/// than the attempt's [`next_key_ordinal`](Attempt::next_key_ordinal) is refused: that key may have carried
/// other bytes.
pub fn begin(draft: &mut Draft, number: AttemptNumber, send: KeyedRequest) -> NextStep {
    let (checkout, now, rules) = (draft.checkout(), draft.now, draft.rules);
    let is_next = |attempt: &Attempt| attempt.state.is_to_be_sent() && attempt.next_key_ordinal() == send.n;
    if !checkout.attempt(number).is_some_and(is_next) {
        return NextStep::Rest;
    }
    if let Some(of) = checkout.live_beside(number).map(|live| live.number) {
        set_aside(draft, number, of);
        return NextStep::Rest;
    }
    if must_wait(draft, number) {
        return NextStep::Rest;
    }
    let checkout = draft.checkout();
    let Some(attempt) = checkout.attempt(number) else { return NextStep::Rest };
    match presence(checkout, attempt, now, &rules) {
        Presence::Here => {}
        Presence::Gone => {
            give_up(draft, number);
            return NextStep::Rest;
        }
        Presence::Unknown => return NextStep::Rest,
    }
    if checkout.is_held() {
        return NextStep::Rest;
    }
    if not_approved::is_unseen_just_now(checkout, number, now) {
        not_approved::wait_for_looks(draft, number);
        return NextStep::Rest;
    }
    // Nothing below this line may fail.
    let next = delivery(checkout, attempt, send.clone());
    let others = checkout.attempts.iter().filter(|it| it.number != number && it.state.is_unsent());
    let others: Vec<AttemptNumber> = others.map(|it| it.number).collect();
    let is_approved_now = attempt.state.is_compared();
    let terms_version = checkout.terms_version;
    if is_approved_now {
        draft.emit(number, AttemptEvent::Approved);
    }
    for other in others {
        // An earlier tab that was never sent becomes surplus to this one.
        set_aside(draft, other, number);
    }
    if let Some(attempt) = draft.change_attempt(number) {
        attempt.keep_turned_away(send.n);
        if is_approved_now {
            attempt.terms_version = terms_version;
        }
    }
    let (begun, event) = InFlight::begun(send, now, &rules);
    draft.move_on(number, AttemptState::Finalize(begun));
    if let Some(attempt) = draft.change_attempt(number) {
        attempt.sends.left();
    }
    draft.emit(number, AttemptEvent::Call(event));
    next
}

/// Sets an attempt that was to be sent aside because another one is live. What has left is looked up.
fn set_aside(draft: &mut Draft, number: AttemptNumber, live: AttemptNumber) {
    match state(draft, number) {
        Some(state) if state.is_live() || state.asked_again().is_some() => give_up(draft, number),
        Some(_) | None => draft.end_as_surplus(number, live),
    }
}

/// As [`begin`], for an attempt that was approved before: the body is the one that was approved, and so is its
/// key if that was never spent. `key_of` derives a new key.
pub fn begin_approved(
    draft: &mut Draft,
    number: AttemptNumber,
    key_of: &dyn Fn(KeyOrdinal) -> IdempotencyKey,
) -> NextStep {
    let Some(attempt) = draft.checkout().attempt(number) else { return NextStep::Rest };
    let AttemptState::Finalize(InFlight::Recorded { earlier: Some(earlier), .. }) = &attempt.state else {
        return NextStep::Rest;
    };
    let n = attempt.next_key_ordinal();
    let send = if earlier.n == n {
        earlier.clone()
    } else {
        KeyedRequest { n, idempotency_key: key_of(n), body: earlier.body.clone() }
    };
    begin(draft, number, send)
}

/// Records a re-send before it leaves: the same bytes under the same key. Returns [`NextStep::Rest`] if the
/// attempt is no longer in doubt, if [the order is held](Checkout::is_held), or if another order of its cart may
/// be paid or was not read.
///
/// `n` rises only when the same stored 5xx was replayed three times while the session was still open: a
/// server that stores errors under a key would answer with the same error forever. `key_of` derives that key.
pub fn send_again(
    draft: &mut Draft,
    number: AttemptNumber,
    key_of: &dyn Fn(KeyOrdinal) -> IdempotencyKey,
) -> NextStep {
    if draft.checkout().is_held() {
        return NextStep::Rest;
    }
    // While it was not approved, another order of its cart may have been sent.
    if draft.checkout().cart.is_some() && draft.cart_sight() != Some(&CartSight::Free) {
        return NextStep::Rest;
    }
    send_to_prove(draft, number, key_of)
}

/// As [`send_again`], for an attempt whose session Amazon shows Completed: the answer says who completed it, or
/// names the ids. Neither a held order nor its cart keeps it back, because it can charge nobody.
pub fn send_to_prove(
    draft: &mut Draft,
    number: AttemptNumber,
    key_of: &dyn Fn(KeyOrdinal) -> IdempotencyKey,
) -> NextStep {
    // One that is asked for again is compared, and sent under another key.
    let is_in_doubt = |it: &&Attempt| it.state.doubt().is_some() && !it.state.is_compared();
    if draft.checkout().attempt(number).filter(is_in_doubt).is_none() {
        return NextStep::Rest;
    }
    let Some(attempt) = draft.change_attempt(number) else { return NextStep::Rest };
    let AttemptState::Finalize(in_flight) = &mut attempt.state else { return NextStep::Rest };
    if let Some(doubt) = in_flight.doubt_mut()
        && let Some(stored) = doubt.stored_error.as_mut().filter(|it| it.replay_count >= STORED_ERRORS)
    {
        stored.replay_count = 0;
        attempt.spent_keys = doubt.send.n.get();
        doubt.send.n = doubt.send.n.next();
        doubt.send.idempotency_key = key_of(doubt.send.n);
    }
    let Some((send, event)) = in_flight.send_again() else { return NextStep::Rest };
    attempt.sends.left();
    draft.emit(number, AttemptEvent::Call(event));
    let checkout = draft.checkout();
    checkout.attempt(number).map_or(NextStep::Rest, |attempt| delivery(checkout, attempt, send))
}

fn delivery(checkout: &Checkout, attempt: &Attempt, send: KeyedRequest) -> NextStep {
    let payment_intent = checkout.terms.payment_intent;
    NextStep::Send(OutgoingCall::Finalize { session: session(attempt), payment_intent, send })
}

/// Gives up an attempt that was to be sent. If nothing was ever sent, the attempt ends here. Otherwise a copy
/// may have been paid, so the attempt is looked up and not sent again.
pub(in crate::merchant) fn give_up(draft: &mut Draft, number: AttemptNumber) {
    let now = draft.now;
    let Some(attempt) = draft.checkout().attempt(number) else { return };
    if attempt.state.asked_again().is_some() {
        return not_approved::stand_back(draft, number);
    }
    let AttemptState::Finalize(InFlight::Recorded { earlier: Some(earlier), left_at: Some(left_at), .. }) =
        &attempt.state
    else {
        return draft.end_unpaid(number, NotPaidReason::Abandoned);
    };
    // What left last may be an earlier send than the one that was to leave next.
    let left =
        if earlier.n > KeyOrdinal::new(attempt.spent_keys) { attempt.turned_away.as_ref() } else { None };
    let terms_version = left.and(attempt.turned_away_terms).unwrap_or(attempt.terms_version);
    let send = left.unwrap_or(earlier).clone();
    let n = send.n;
    let (doubted, event) = InFlight::doubted(send, *left_at, "its buyer is gone", now, now);
    draft.move_on(number, AttemptState::Finalize(doubted));
    draft.emit(number, AttemptEvent::Call(event));
    if let Some(attempt) = draft.change_attempt(number) {
        attempt.terms_version = terms_version;
        // The last key is in doubt, so it is not spent after all.
        attempt.spent_keys = n.get().saturating_sub(1);
        let refusals = not_approved::refused_before(attempt, n);
        if let AttemptState::Finalize(InFlight::InDoubt(doubt)) = &mut attempt.state {
            doubt.refusals = refusals;
            doubt.must_be_compared = refusals.count > 0;
        }
    }
}

/// Whether the buyer of an attempt that is to be sent still waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Here,
    Gone,
    /// This machine's clock is in question, so it can prove neither that the buyer is gone nor that the buyer
    /// is here.
    Unknown,
}

fn presence(checkout: &Checkout, attempt: &Attempt, now: Timestamp, rules: &MerchantRules) -> Presence {
    if checkout.cancellation.is_some() {
        // Nobody is charged for an order that is being canceled.
        return Presence::Gone;
    }
    let is_resend = attempt.state.is_live() && !attempt.state.is_compared();
    if is_resend && !is_within(attempt.bound_at, now, rules.resend_limit) {
        // This does not end the attempt: what was sent is looked up.
        Presence::Gone
    } else if attempt.is_buyer_here(now, rules) {
        Presence::Here
    } else if rules.hold_expiries {
        Presence::Unknown
    } else {
        Presence::Gone
    }
}

/// Takes up an attempt that is due: reschedules its timer, so that nobody else takes it up as well, and
/// returns the next step. `None` when it is not due.
pub fn take_up(draft: &mut Draft, number: AttemptNumber) -> Option<NextStep> {
    let (now, rules) = (draft.now, draft.rules);
    let attempt = draft.checkout().attempt(number)?;
    if attempt.state.due_at().is_none_or(|due_at| due_at > now) {
        return None;
    }
    // A buyer whose cart may be paid under another order must not read that nothing was paid.
    let is_looked_at = matches!(&attempt.state, AttemptState::NotApproved(it) if it.doubt.look.at <= now);
    if attempt.waits_for.is_some() && must_wait(draft, number) && !is_looked_at {
        return Some(NextStep::Rest);
    }
    let attempt = draft.checkout().attempt(number)?;
    let presence = presence(draft.checkout(), attempt, now, &rules);
    if attempt.state.is_to_be_sent() && presence == Presence::Gone {
        give_up(draft, number);
        return Some(NextStep::Rest);
    }
    let is_held = draft.checkout().is_held();
    let session = session(attempt);
    let (next, event) = match &mut draft.change_attempt(number)?.state {
        AttemptState::Bound { retry_at, .. }
        | AttemptState::Finalize(InFlight::Recorded { retry_at, .. })
            if is_held =>
        {
            *retry_at = now.plus(HELD_PAUSE);
            (NextStep::Rest, None)
        }
        AttemptState::Bound { retry_at, .. } => {
            *retry_at = now.plus(rules.lease);
            (NextStep::Agree(session), None)
        }
        AttemptState::Finalize(InFlight::InDoubt(Doubt { asked_again: Some(at), .. })) if *at <= now => {
            *at = now.plus(rules.lease);
            (NextStep::Agree(session), None)
        }
        AttemptState::Finalize(in_flight) => {
            let (needs, event) = in_flight.take_up(CallKind::Finalize, now, &rules);
            let next = match needs {
                // Each answer from Amazon has a date, so a request can show whether this clock is right
                // again.
                CallNeeds::Send if presence == Presence::Unknown => NextStep::Agree(session),
                CallNeeds::Send => NextStep::Begin(CallId::Finalize(number)),
                CallNeeds::Wait => NextStep::Rest,
                CallNeeds::Look => NextStep::LookAtSession(session),
            };
            (next, event)
        }
        AttemptState::NotApproved(waiting) => (waiting.take_up(session, now, now.plus(rules.lease)), None),
        AttemptState::Pending { charge_permission_id, charge_id, since, look, alarm_count } => {
            let lasting = now.since(*since);
            let due = alarms_due(PENDING_ALARMS, lasting);
            let event = (due > *alarm_count).then_some(CallEvent::Alarm { lasting });
            *alarm_count = due.max(*alarm_count);
            *look = look.next(now);
            let (charge_permission_id, charge_id) = (charge_permission_id.clone(), charge_id.clone());
            (NextStep::LookAtAttemptsCharge { session, charge_permission_id, charge_id }, event)
        }
        // The order's cancellation gives its money back, and has a timer of its own.
        AttemptState::Unresolved { reason: UnresolvedReason::Refunding, look_at, .. } => {
            *look_at = now.plus(DAY);
            (NextStep::Rest, None)
        }
        AttemptState::Unresolved { sent_at, look_at, .. } => {
            let lasting = now.since(*sent_at);
            // Nothing else reschedules this timer, so the last look was a day before it.
            let before = look_at.minus(DAY).since(*sent_at);
            let rings =
                lasting >= FORGOTTEN_AFTER || alarms_due(&ALARMS, lasting) > alarms_due(&ALARMS, before);
            *look_at = next_evidence_look(*sent_at, now);
            (NextStep::LookAtSession(session), rings.then_some(CallEvent::Alarm { lasting }))
        }
        AttemptState::NotPaid { charge: Some(failed), .. } => {
            let look = failed.contradicted.as_mut()?;
            *look = LookSchedule { at: now.plus(DAY), count: look.count.saturating_add(1) };
            let (charge_permission_id, charge_id) =
                (failed.charge_permission_id.clone(), failed.charge_id.clone());
            (NextStep::LookAtAttemptsCharge { session, charge_permission_id, charge_id }, None)
        }
        AttemptState::Completed { .. }
        | AttemptState::NotPaid { charge: None, .. }
        | AttemptState::Surplus { .. }
        | AttemptState::Released { .. } => return None,
    };
    if let Some(event) = event {
        draft.emit(number, AttemptEvent::Call(event));
    }
    Some(next)
}

/// Handles a send whose process has ended. Returns whether the attempt was on its way.
pub fn orphaned(draft: &mut Draft, number: AttemptNumber) -> bool {
    let now = draft.now;
    let is_sent = matches!(state(draft, number), Some(AttemptState::Finalize(InFlight::Sent { .. })));
    if is_sent && let Some(event) = draft.change_finalize(number).and_then(|sent| sent.orphaned(now)) {
        draft.emit(number, AttemptEvent::Call(event));
    }
    is_sent
}

/// Handles the answer to the send with key `n`; returns the next step, which may be a look at the session.
///
/// If there was only one send, every answer counts. Once a second send may have left, or the owner has lost
/// its lease, only a success counts; anything else is a hint, and the look-up decides.
pub fn answered(
    draft: &mut Draft,
    number: AttemptNumber,
    n: KeyOrdinal,
    answer: &FinalizeAnswer,
) -> NextStep {
    note_answer(draft, number, n, answer);
    let Some(current) = draft.checkout().attempt(number) else { return NextStep::Rest };
    match &current.state {
        AttemptState::Finalize(InFlight::Sent { send, .. }) if send.n == n => {
            sole_answer(draft, number, n, answer);
        }
        AttemptState::Finalize(InFlight::InDoubt(doubt)) => {
            let is_latest = doubt.send.n == n;
            if current.sends.completed.is_some() {
                return proved_by(draft, number, is_latest, answer);
            }
            if let CallAnswer::Success(finalized) = answer {
                succeed(draft, number, finalized);
            } else if is_latest {
                note_replay(draft, number, answer);
            }
        }
        AttemptState::Unresolved {
            reason:
                UnresolvedReason::SessionGone
                | UnresolvedReason::IdsMissing
                | UnresolvedReason::CompletedElsewhere,
            ..
        } => {
            if let CallAnswer::Success(finalized) = answer {
                proved_late(draft, number, finalized);
            }
        }
        AttemptState::NotApproved(_) => {
            if let CallAnswer::Success(finalized) = answer {
                late_success(draft, number, finalized);
            }
        }
        // The first outcome counts; a repeated answer says the same, or something is wrong at Amazon.
        state @ (AttemptState::Pending { .. } | AttemptState::Completed { .. }) => {
            if says_otherwise(answer, state.ids()) {
                contradict(draft, number, answer, "a late success with other ids");
            }
        }
        // Amazon shows a payment; only whether it is the right one is in question.
        AttemptState::Unresolved {
            reason: UnresolvedReason::Contradicted | UnresolvedReason::Refunding,
            ..
        } => {}
        AttemptState::NotPaid { .. }
        | AttemptState::Finalize(InFlight::Recorded { .. })
        | AttemptState::Surplus { .. }
        | AttemptState::Released { .. }
        | AttemptState::Bound { .. } => {
            if let CallAnswer::Success(finalized) = answer
                && let Some(next) = paid_though_unpaid(draft, number, finalized)
            {
                return next;
            }
            contradict(draft, number, answer, LATE_SUCCESS);
        }
        // The answer to the send that is on its way says more.
        AttemptState::Finalize(InFlight::Sent { .. }) => contradict(draft, number, answer, LATE_SUCCESS),
    }
    match draft.checkout().attempt(number) {
        // An attempt in doubt is looked up immediately, because the buyer waits. An answer that proves
        // nothing is still a hint.
        Some(attempt) if attempt.state.doubt().is_some() => NextStep::LookAtSession(session(attempt)),
        Some(_) | None => NextStep::Rest,
    }
}

/// Handles a success that arrives although the doubt about its session was given up: it proves who completed the
/// session.
fn proved_late(draft: &mut Draft, number: AttemptNumber, finalized: &FinalizeSuccess) {
    if shows_other_ids(draft.checkout(), number, finalized) {
        contradict_ids(draft, number, finalized);
    } else {
        succeed(draft, number, finalized);
    }
}

/// What is reported of a success that arrives too late to be an attempt's outcome.
const LATE_SUCCESS: &str = "a late success";

/// Handles a success for an attempt that counts as unpaid, or as not sent: Amazon contradicts that, unless the order
/// has another payment, next to which this is a second one. `None` if it is to be reported only: it does not have
/// what the intent needs, it repeats the ids of the charge that failed, or what its money is for is known.
fn paid_though_unpaid(
    draft: &mut Draft,
    number: AttemptNumber,
    finalized: &FinalizeSuccess,
) -> Option<NextStep> {
    let checkout = draft.checkout();
    let (terms, permission) = (&checkout.terms, &finalized.charge_permission_id);
    let charge = finalized.charge_id.as_ref().filter(|_| terms.payment_intent != PaymentIntent::Confirm);
    let is_as_asked = match finalize_proof(terms.payment_intent, terms.charge_amount, finalized) {
        Proof::Fits(_) => !draft.has_other_terms(number),
        // The money is taken, though not as the order asks for it now.
        Proof::Contradicts(_) => false,
        Proof::Nothing(_) => return None,
    };
    if charge.is_none() && terms.payment_intent != PaymentIntent::Confirm {
        return None;
    }
    let repeats_failed = state(draft, number).and_then(AttemptState::ids) == Some((permission, charge));
    if repeats_failed || is_explained(checkout, permission) {
        return None;
    }
    if draft.misfit_of_ids(Some(number), permission, charge).is_some() {
        return None;
    }
    let amount = finalized.charge_amount.shown().or(is_as_asked.then_some(terms.charge_amount));
    let amount = charge.and(amount);
    draft.name(number, permission, charge);
    not_approved::refusal_settled(draft, number);
    if draft.checkout().is_paid_beside(permission) && draft.paid_twice(number, permission, charge, amount) {
        return Some(NextStep::Rest);
    }
    let is_unpaid = matches!(state(draft, number), Some(AttemptState::NotPaid { .. }));
    match charge {
        Some(charge) if is_unpaid => draft.contradict_unpaid(number, permission, charge),
        Some(_) | None => contradict_over(draft, number, permission, charge),
    }
    let Some(charge) = charge else { return Some(NextStep::Rest) };
    let session = session(draft.checkout().attempt(number)?);
    let (charge_permission_id, charge_id) = (permission.clone(), charge.clone());
    Some(NextStep::LookAtAttemptsCharge { session, charge_permission_id, charge_id })
}

/// Whether it is known, or being decided, what the money under a permission is for.
fn is_explained(checkout: &Checkout, permission: &ChargePermissionId) -> bool {
    let is_the_payments = checkout.payment.as_ref().is_some_and(|it| it.charge_permission_id == *permission);
    is_the_payments
        || checkout.heard_of(permission).is_some_and(|known| match known.state {
            UnexplainedState::Open { .. }
            | UnexplainedState::Over {
                end: UnexplainedEnd::Returned | UnexplainedEnd::OfAnotherOrder | UnexplainedEnd::Ours,
                ..
            } => true,
            UnexplainedState::Heard { .. }
            | UnexplainedState::Watched { .. }
            | UnexplainedState::Over { end: UnexplainedEnd::Noted | UnexplainedEnd::NotOurs, .. } => false,
        })
}

/// Records that a Finalize has succeeded although nothing more was expected of its attempt: the order is held, and
/// looks at the charge, or at the permission of a Confirm, settle that.
fn contradict_over(
    draft: &mut Draft,
    number: AttemptNumber,
    permission: &ChargePermissionId,
    charge: Option<&ChargeId>,
) {
    let now = draft.now;
    let Some(attempt) = draft.checkout().attempt(number) else { return };
    let sent_at = match &attempt.state {
        AttemptState::NotPaid { at, .. } | AttemptState::Released { at } => *at,
        AttemptState::Finalize(InFlight::Recorded { .. })
        | AttemptState::Bound { .. }
        | AttemptState::Surplus { .. } => attempt.bound_at,
        AttemptState::Finalize(InFlight::Sent { .. } | InFlight::InDoubt(_))
        | AttemptState::Pending { .. }
        | AttemptState::Completed { .. }
        | AttemptState::NotApproved(_)
        | AttemptState::Unresolved { .. } => return,
    };
    let (reason, look_at) = (UnresolvedReason::Contradicted, next_evidence_look(sent_at, now));
    draft.move_on(number, AttemptState::Unresolved { reason, send: None, sent_at, look_at });
    if let Some(attempt) = draft.change_attempt(number) {
        attempt.sends.completed = Some(CompletedSession::new(permission, charge, CompletedBy::Us));
    }
    let (misfit, charge_permission_id) = (Misfit::StateDiffers, permission.clone());
    let charge_id = charge.cloned();
    draft.emit(number, AttemptEvent::Contradicted { misfit, charge_permission_id, charge_id });
}

/// Handles a success for an attempt that was refused each time: a copy of the request was executed late.
fn late_success(draft: &mut Draft, number: AttemptNumber, finalized: &FinalizeSuccess) {
    not_approved::doubt_again(draft, number, LATE_SUCCESS);
    succeed(draft, number, finalized);
}

/// Records whether the answer leaves a send unanswered, while money may have moved: this decides later who may
/// have completed the session.
fn note_answer(draft: &mut Draft, number: AttemptNumber, n: KeyOrdinal, answer: &FinalizeAnswer) {
    let is_known = match state(draft, number) {
        Some(AttemptState::Finalize(in_flight @ (InFlight::Sent { .. } | InFlight::InDoubt(_)))) => {
            in_flight.send().is_some_and(|send| n <= send.n)
        }
        Some(_) | None => false,
    };
    let is_refusal = match answer {
        CallAnswer::Refused(_)
        | CallAnswer::WrongStatus { .. }
        | CallAnswer::Unclear { kind: UnclearKind::Refusal, .. } => true,
        CallAnswer::NotSent | CallAnswer::NotEvaluated { .. } => false,
        CallAnswer::Success(_)
        | CallAnswer::Unclear { kind: UnclearKind::Unknown | UnclearKind::ServerError, .. } => return,
    };
    if !is_known {
        return;
    }
    let Some(attempt) = draft.change_attempt(number) else { return };
    if is_refusal {
        attempt.sends.refused();
    } else {
        attempt.sends.had_no_effect();
    }
}

fn sole_answer(draft: &mut Draft, number: AttemptNumber, n: KeyOrdinal, answer: &FinalizeAnswer) {
    let now = draft.now;
    let Some(attempt) = draft.checkout().attempt(number) else { return };
    // If a request under an earlier key was turned away, a copy of it may still arrive: a refusal under this
    // key proves nothing about that copy. If each was refused, looks have proved that none had an effect.
    if let CallAnswer::Refused(reason) = answer
        && attempt.refused_keys == attempt.spent_keys
    {
        draft.end_unpaid(number, reason.clone());
        if let Some(attempt) = draft.change_attempt(number) {
            attempt.refusal = Some(RefusalLooks::default());
        }
        return;
    }
    if let CallAnswer::Success(finalized) = answer
        && succeed(draft, number, finalized)
    {
        return;
    }
    let Some(attempt) = draft.change_attempt(number) else { return };
    let is_not_sent = matches!(answer, CallAnswer::NotSent);
    let tried_for = now.since(attempt.bound_at);
    let pause = if is_not_sent { not_sent_delay(tried_for) } else { not_evaluated_delay(n.get()) };
    let AttemptState::Finalize(in_flight) = &mut attempt.state else { return };
    let event = in_flight.unsettled(CallKind::Finalize, answer, "a success that does not fit", pause, now);
    if let CallAnswer::NotEvaluated { .. } = answer {
        attempt.spent_keys = n.get();
    }
    if let Some(event) = event {
        draft.emit(number, AttemptEvent::Call(event));
    }
    note_replay(draft, number, answer);
}

/// Records, for an attempt in doubt, the answer to its latest send.
fn note_replay(draft: &mut Draft, number: AttemptNumber, answer: &FinalizeAnswer) {
    if let CallAnswer::WrongStatus { .. } = answer
        && let Some(doubt) = draft.change_finalize(number).and_then(InFlight::doubt_mut)
    {
        doubt.refusals.refused(doubt.send_count);
    }
    let Some(doubt) = state(draft, number).and_then(AttemptState::doubt) else { return };
    let stored_error = doubt.stored_error_after(answer);
    if stored_error != doubt.stored_error
        && let Some(doubt) = draft.change_finalize(number).and_then(InFlight::doubt_mut)
    {
        doubt.stored_error = stored_error;
    }
}

fn state(draft: &Draft, number: AttemptNumber) -> Option<&AttemptState> {
    draft.checkout().attempt(number).map(|attempt| &attempt.state)
}

/// Reports a success that arrives in a state in which nothing may be concluded from it: the operator must
/// know.
fn contradict(draft: &mut Draft, number: AttemptNumber, answer: &FinalizeAnswer, found: &'static str) {
    if let CallAnswer::Success(FinalizeSuccess { charge_permission_id, charge_id, .. }) = answer {
        let (charge_permission_id, charge_id) = (Some(charge_permission_id.clone()), charge_id.clone());
        draft.emit(number, AttemptEvent::Contradiction { found, charge_permission_id, charge_id });
    }
}

/// Whether an answer is a success with different ids.
fn says_otherwise(answer: &FinalizeAnswer, known: Option<(&ChargePermissionId, Option<&ChargeId>)>) -> bool {
    let (CallAnswer::Success(finalized), Some((permission, charge))) = (answer, known) else { return false };
    let is_same_charge = charge.is_none() || charge == finalized.charge_id.as_ref();
    finalized.charge_permission_id != *permission || !is_same_charge
}

/// Applies a success after comparing it with the terms that the bytes of the Finalize carried. Returns
/// whether it has what the intent needs.
pub(super) fn succeed(draft: &mut Draft, number: AttemptNumber, finalized: &FinalizeSuccess) -> bool {
    let Some(state) = success_state(&draft.checkout().terms, finalized, draft.now) else { return false };
    let (permission, charge) = (&finalized.charge_permission_id, finalized.charge_id.as_ref());
    if let Some(misfit) = draft.misfit_of_success(number, permission, charge) {
        draft.contradict_attempt(number, misfit, permission, charge);
        return true;
    }
    let is_followed = matches!(state, AttemptState::Pending { .. });
    draft.move_on(number, state);
    draft.emit(number, if is_followed { AttemptEvent::PendingBegan } else { AttemptEvent::Completed });
    true
}

/// The state that a success leads to; `None` when it does not prove what the terms ask for.
fn success_state(terms: &Terms, finalized: &FinalizeSuccess, now: Timestamp) -> Option<AttemptState> {
    let Proof::Fits(charge_id) = finalize_proof(terms.payment_intent, terms.charge_amount, finalized) else {
        return None;
    };
    let charge_permission_id = finalized.charge_permission_id.clone();
    let completion = match (terms.payment_intent, charge_id) {
        (PaymentIntent::Confirm, _) | (_, None) => Completion::Confirmed,
        (PaymentIntent::Authorize | PaymentIntent::AuthorizeWithCapture, Some(charge_id))
            if finalized.pending =>
        {
            return Some(pending_since(charge_permission_id, charge_id, now, now.plus(pending_delay(0))));
        }
        // Where the shop can wait for the bank, a 200 does not mean that the bank has decided, and a 200 that
        // repeats an earlier answer may arrive after the bank has declined. Only the charge shows the
        // decision, so it is asked for immediately.
        (PaymentIntent::Authorize, Some(charge_id)) if terms.can_handle_pending_authorization => {
            return Some(pending_since(charge_permission_id, charge_id, now, now));
        }
        (PaymentIntent::Authorize, Some(charge_id)) => Completion::Authorized(charge_id),
        (PaymentIntent::AuthorizeWithCapture, Some(charge_id)) => Completion::Captured(charge_id),
    };
    Some(AttemptState::Completed { completion, charge_permission_id, at: now })
}

/// The state in which Amazon still decides on a charge, from now on.
pub(super) const fn pending_since(
    charge_permission_id: ChargePermissionId,
    charge_id: ChargeId,
    since: Timestamp,
    look_at: Timestamp,
) -> AttemptState {
    let look = LookSchedule { at: look_at, count: 0 };
    AttemptState::Pending { charge_permission_id, charge_id, since, look, alarm_count: 0 }
}

/// Whether a Finalize in doubt may be sent again while its session is still open.
pub(super) fn may_send_again(draft: &Draft, attempt: &Attempt) -> bool {
    // Nobody is charged for an order that is being canceled.
    draft.checkout().cancellation.is_none()
        // Two sends could pay the order twice.
        && draft.checkout().live_beside(attempt.number).is_none()
        && !draft.checkout().attempts.iter().any(|it| it.number != attempt.number && it.refusal.is_some())
        // The bytes carry the terms that the buyer agreed to, which may no longer be the order's.
        && !draft.has_other_terms(attempt.number)
        && !attempt.state.doubt().is_some_and(|doubt| doubt.must_be_compared)
        && attempt.is_buyer_here(draft.now, &draft.rules)
        && is_within(attempt.bound_at, draft.now, draft.rules.resend_limit)
}
