//! What a look at the session or at its charge proves for an attempt whose answer was lost or is pending:
//! what ends it, what is sent again, and when to stop asking.

use super::agree::SessionView;
use super::finalize::{may_send_again, pending_since};
use super::missing::{reach_to_prove, sent_not_found};
use super::not_approved;
use super::prove::{prove, session, settled_but_for_proof, stay_in_doubt};
use super::sends::{CompletedBy, CompletedSession};
use super::{AttemptState, Completion, FailedCharge, NotPaidReason, UnresolvedReason};
use crate::ids::{ChargeId, ChargePermissionId};
use crate::merchant::after::contest::session_shown;
use crate::merchant::call::{Doubt, InFlight};
use crate::merchant::checkout::draft::Draft;
use crate::merchant::decision::absence::{note_missing, note_shown};
use crate::merchant::event::AttemptEvent;
use crate::merchant::next::{CallId, NextStep};
use crate::merchant::number::AttemptNumber;
use crate::merchant::payment::charge::{AmazonChargeState, ChargeOrigin, ChargeState, ChargeView};
use crate::merchant::payment::misfit::Misfit;
use crate::merchant::proof::{ExpectedCharge, Proof, charge_proof, is_unreadable};
use crate::merchant::rules::{
    FORGOTTEN_AFTER, FinalizeKeys, SENDS_FOR_IDS, UNREADABLE_AMOUNTS, next_evidence_look, pending_delay,
};
use crate::terms::PaymentIntent;
use crate::time::Timestamp;

/// Handles what a look at the session showed; returns the next step.
pub fn session_seen(draft: &mut Draft, number: AttemptNumber, seen: &SessionView) -> NextStep {
    let Some(attempt) = draft.checkout().attempt(number) else { return NextStep::Rest };
    match attempt.state {
        AttemptState::NotApproved(_) => return not_approved_seen(draft, number, seen),
        AttemptState::Completed { .. } => {
            session_shown(draft, number, seen);
            return contested_seen(draft, number, seen);
        }
        AttemptState::Bound { .. }
        | AttemptState::Finalize(_)
        | AttemptState::Pending { .. }
        | AttemptState::NotPaid { .. }
        | AttemptState::Unresolved { .. }
        | AttemptState::Surplus { .. }
        | AttemptState::Released { .. } => {}
    }
    if let AttemptState::NotPaid { at, .. } = attempt.state
        && attempt.refusal.is_some()
    {
        return refused_seen(draft, number, at, seen);
    }
    let may_send_again = may_send_again(draft, attempt);
    let doubt = attempt.state.doubt().cloned();
    if doubt.is_none() && !matches!(attempt.state, AttemptState::Unresolved { .. })
        || attempt.state.is_refunding()
    {
        return NextStep::Rest;
    }
    draft.emit(number, AttemptEvent::LookedUp { found: seen.name() });
    if !matches!(seen, SessionView::NotFound(_)) {
        note_shown(draft, number);
    }
    match (seen, doubt) {
        // Canceled is proof of non-payment.
        (SessionView::Canceled { reason }, _) => {
            draft.end_unpaid(number, NotPaidReason::SessionCanceled(reason.clone()));
            NextStep::Rest
        }
        (SessionView::Completed { charge_permission_id, charge_id }, doubt) => {
            completed(draft, number, charge_permission_id.as_ref(), charge_id.as_ref(), doubt)
        }
        // Open is proof of nothing.
        (SessionView::Open(open), Some(doubt)) => {
            let mut doubt = Doubt { missing: None, ..doubt };
            let names_permission = open.charge_permission_id.is_some();
            if not_approved::doubt_seen_open(draft, number, &mut doubt, names_permission) {
                return NextStep::Rest;
            }
            stay_in_doubt(draft, number, doubt);
            if may_send_again { NextStep::SendAgain(CallId::Finalize(number)) } else { NextStep::Rest }
        }
        // Not found stops the re-sends, but not the looks.
        (SessionView::NotFound(access), Some(doubt)) => sent_not_found(draft, number, access, doubt),
        // Once it is unresolved, only a person decides by that.
        (SessionView::NotFound(access), None) => {
            note_missing(draft, number, access);
            let reach = reach_to_prove(draft, number);
            if reach == NextStep::Rest { look_at_proved(draft, number) } else { reach }
        }
        (SessionView::Open(_), None) => NextStep::Rest,
    }
}

/// Counts the answers that the session of a completed attempt is not found, while its payment is contested: only by
/// these may persons decide then.
fn contested_seen(draft: &mut Draft, number: AttemptNumber, seen: &SessionView) -> NextStep {
    match seen {
        SessionView::NotFound(access) if draft.checkout().is_contested() => {
            note_missing(draft, number, access);
            reach_to_prove(draft, number)
        }
        SessionView::NotFound(_) => NextStep::Rest,
        SessionView::Open(_) | SessionView::Canceled { .. } | SessionView::Completed { .. } => {
            note_shown(draft, number);
            NextStep::Rest
        }
    }
}

/// Handles a look at the session of an attempt that a refusal has ended at this instant.
fn refused_seen(draft: &mut Draft, number: AttemptNumber, at: Timestamp, seen: &SessionView) -> NextStep {
    match seen {
        SessionView::Canceled { .. } => not_approved::refusal_settled(draft, number),
        SessionView::Open(open) => {
            not_approved::refusal_seen(draft, number, open.charge_permission_id.is_none());
        }
        // By then Amazon has deleted it, and nothing can be paid under it any more.
        SessionView::NotFound(_) if draft.now.since(at) >= FORGOTTEN_AFTER => {
            not_approved::refusal_settled(draft, number);
        }
        SessionView::NotFound(_) => not_approved::refusal_seen(draft, number, false),
        SessionView::Completed { charge_permission_id, charge_id } => {
            not_approved::refusal_settled(draft, number);
            draft.emit(number, AttemptEvent::LookedUp { found: seen.name() });
            let ids = charge_permission_id.as_ref().zip(charge_id.as_ref());
            // A Confirm makes no charge.
            let ids = ids.filter(|_| draft.checkout().terms.payment_intent != PaymentIntent::Confirm);
            return refused_but_completed(draft, number, at, ids);
        }
    }
    NextStep::Rest
}

/// Handles a session that is Completed although Amazon has refused its Finalize at this instant. Its charge
/// contradicts the refusal until it shows that it failed. Without a charge, or while another order holds it, only a
/// person can settle who completed the session.
fn refused_but_completed(
    draft: &mut Draft,
    number: AttemptNumber,
    at: Timestamp,
    ids: Option<(&ChargePermissionId, &ChargeId)>,
) -> NextStep {
    let now = draft.now;
    // What another order holds contradicts nothing yet, and the session may have been paid by it nevertheless.
    let own = ids.filter(|(permission, charge)| !draft.is_taken(permission, Some(*charge)));
    let Some((permission, charge_id)) = own else {
        let (reason, look_at) = (UnresolvedReason::CompletedElsewhere, next_evidence_look(at, now));
        draft.move_on(number, AttemptState::Unresolved { reason, send: None, sent_at: at, look_at });
        draft.emit(number, AttemptEvent::Unresolved);
        if let Some((permission, charge)) = ids
            && let Some(attempt) = draft.change_attempt(number)
        {
            let completed = CompletedSession::new(permission, Some(charge), CompletedBy::Unknown);
            attempt.sends.completed = Some(completed);
        }
        return NextStep::Rest;
    };
    draft.contradict_unpaid(number, permission, charge_id);
    let Some(attempt) = draft.checkout().attempt(number) else { return NextStep::Rest };
    NextStep::LookAtAttemptsCharge {
        session: session(attempt),
        charge_permission_id: permission.clone(),
        charge_id: charge_id.clone(),
    }
}

/// Handles a look at a session that was not approved when it was sent.
fn not_approved_seen(draft: &mut Draft, number: AttemptNumber, seen: &SessionView) -> NextStep {
    match seen {
        SessionView::Canceled { reason } => {
            draft.emit(number, AttemptEvent::LookedUp { found: seen.name() });
            draft.end_unpaid(number, NotPaidReason::SessionCanceled(reason.clone()));
            NextStep::Rest
        }
        SessionView::Open(open) if open.charge_permission_id.is_none() => {
            not_approved::still_open(draft, number);
            NextStep::Rest
        }
        // This says nothing new about an order that another session may have paid.
        SessionView::NotFound(_) if draft.checkout().live_beside(number).is_some() => NextStep::Rest,
        SessionView::Open(_) | SessionView::Completed { .. } | SessionView::NotFound(_) => {
            not_approved::doubt_again(draft, number, seen.name());
            session_seen(draft, number, seen)
        }
    }
}

/// Handles a session that is Completed. That is not proof of payment, and not even of a Finalize of ours: what
/// proves it is the same bytes, sent once more under the same key, and then the charge, or the permission where
/// nothing is charged.
fn completed(
    draft: &mut Draft,
    number: AttemptNumber,
    permission: Option<&ChargePermissionId>,
    charge: Option<&ChargeId>,
    doubt: Option<Doubt>,
) -> NextStep {
    let charge = charge.filter(|_| draft.checkout().terms.payment_intent != PaymentIntent::Confirm);
    match (draft.checkout().terms.payment_intent, permission, charge) {
        (PaymentIntent::Confirm, Some(permission), charge)
        | (
            PaymentIntent::Authorize | PaymentIntent::AuthorizeWithCapture,
            Some(permission),
            charge @ Some(_),
        ) => prove(draft, number, permission, charge, doubt),
        (PaymentIntent::Confirm | PaymentIntent::Authorize | PaymentIntent::AuthorizeWithCapture, _, _) => {
            match doubt {
                // The stored answer of the first send has the ids; asking for it cannot pay a completed
                // session twice, so an order that is held asks for it too.
                Some(doubt) if doubt.send_count < SENDS_FOR_IDS => {
                    stay_in_doubt(draft, number, settled_but_for_proof(doubt));
                    NextStep::ProveBySending(number)
                }
                Some(doubt) => {
                    draft.leave_unresolved(number, UnresolvedReason::IdsMissing, doubt);
                    NextStep::Rest
                }
                None => ask_for_ids_again(draft, number),
            }
        }
    }
}

/// Where Amazon honours keys, its stored answer to the first send has the ids, however often asking for it was in
/// vain: it is asked for again with each daily look at a session that names none.
fn ask_for_ids_again(draft: &mut Draft, number: AttemptNumber) -> NextStep {
    let (now, keys) = (draft.now, draft.rules.finalize_keys);
    let state = draft.checkout().attempt(number).map(|attempt| &attempt.state);
    if keys == FinalizeKeys::Honoured
        && let Some(AttemptState::Unresolved {
            reason: UnresolvedReason::IdsMissing,
            send: Some(send),
            sent_at,
            ..
        }) = state
    {
        let doubt = Doubt::again(send.clone(), *sent_at, now);
        stay_in_doubt(draft, number, doubt);
        return NextStep::ProveBySending(number);
    }
    look_at_proved(draft, number)
}

/// The look at the charge of a payment that was pending when something contradicted it, where the session does not
/// name it: a success has proved which charge is the attempt's, so that charge itself settles what it is.
fn look_at_proved(draft: &Draft, number: AttemptNumber) -> NextStep {
    let Some(attempt) = draft.checkout().attempt(number) else { return NextStep::Rest };
    let proved = attempt.sends.completed.as_deref().filter(|it| it.completed_by != CompletedBy::Unknown);
    match (&attempt.state, proved) {
        // What was in doubt may be contradicted because the session names other ids than the success.
        (
            AttemptState::Unresolved { reason: UnresolvedReason::Contradicted, send: None, .. },
            Some(CompletedSession { charge_permission_id, charge_id: Some(charge_id), .. }),
        ) => NextStep::LookAtAttemptsCharge {
            session: session(attempt),
            charge_permission_id: charge_permission_id.clone(),
            charge_id: charge_id.clone(),
        },
        (
            AttemptState::Unresolved { .. }
            | AttemptState::Bound { .. }
            | AttemptState::Finalize(_)
            | AttemptState::NotApproved(_)
            | AttemptState::Pending { .. }
            | AttemptState::Completed { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::Surplus { .. }
            | AttemptState::Released { .. },
            _,
        ) => NextStep::Rest,
    }
}

/// Applies what the charge proves to an attempt in doubt or pending, if that is new.
pub fn charge_seen(
    draft: &mut Draft,
    number: AttemptNumber,
    charge_permission_id: &ChargePermissionId,
    asked_for: &ChargeId,
    shown: &ChargeView,
) {
    let (checkout, now) = (draft.checkout(), draft.now);
    let Some(current) = checkout.attempt(number) else { return };
    // A Confirm makes no charge, so no charge proves anything about it.
    if checkout.terms.payment_intent == PaymentIntent::Confirm {
        return;
    }
    let is_proved_ours = current.sends.prove(charge_permission_id, Some(asked_for));
    let (was_pending, was_contradicted) = match &current.state {
        AttemptState::Pending { .. } => (true, false),
        AttemptState::Unresolved { reason: UnresolvedReason::Refunding, .. } => return,
        // A charge of somebody else's proves nothing.
        AttemptState::Finalize(InFlight::InDoubt(_)) if is_proved_ours => (false, false),
        // A contradiction that nothing else is known of was found when the payment was already proved.
        AttemptState::Unresolved { reason: UnresolvedReason::Contradicted, .. }
            if is_proved_ours || current.sends.completed.is_none() =>
        {
            (false, true)
        }
        AttemptState::Unresolved { .. } if is_proved_ours => (false, false),
        AttemptState::Finalize(InFlight::InDoubt(_)) | AttemptState::Unresolved { .. } => return,
        AttemptState::NotPaid { .. } => return unpaid_charge_seen_again(draft, number, shown),
        AttemptState::Bound { .. }
        | AttemptState::Finalize(InFlight::Recorded { .. } | InFlight::Sent { .. })
        | AttemptState::Completed { .. }
        | AttemptState::NotApproved(_)
        | AttemptState::Surplus { .. }
        | AttemptState::Released { .. } => return,
    };
    let amount = checkout.terms.charge_amount;
    let expected = ExpectedCharge {
        charge_permission_id,
        currency: amount.currency(),
        amount: Some(amount),
        // Nobody can have captured a part through this shop yet.
        captured: Some(amount),
        excluded: &[],
    };
    let charge_id = &shown.id;
    if charge_id != asked_for {
        let misfit = Misfit::IdsDiffer;
        return draft.contradict_attempt(number, misfit, charge_permission_id, Some(asked_for));
    }
    let proved = match charge_proof(shown, &expected) {
        Proof::Fits(proved) => proved,
        Proof::Contradicts(misfit) => {
            return draft.contradict_attempt(number, misfit, charge_permission_id, Some(charge_id));
        }
        Proof::Nothing(_) => return note_unreadable(draft, number, charge_permission_id, shown),
    };
    let completed = |completion: Completion| {
        let charge_permission_id = charge_permission_id.clone();
        (AttemptState::Completed { completion, charge_permission_id, at: now }, AttemptEvent::Completed)
    };
    let not_paid = |reason: NotPaidReason| {
        let charge = Some(FailedCharge {
            charge_permission_id: charge_permission_id.clone(),
            charge_id: charge_id.clone(),
            contradicted: None,
        });
        (AttemptState::NotPaid { reason, charge, at: now }, AttemptEvent::NotPaid)
    };
    let pending = || {
        let look_at = now.plus(pending_delay(0));
        // Amazon's 24 hours began when it made the charge.
        let since = shown.created_at.map_or(now, |created_at| created_at.min(now));
        let state = pending_since(charge_permission_id.clone(), charge_id.clone(), since, look_at);
        (state, AttemptEvent::PendingBegan)
    };
    let captures = checkout.terms.payment_intent == PaymentIntent::AuthorizeWithCapture;
    let (state, what) = match proved.state {
        ChargeState::Declined(reason) => not_paid(NotPaidReason::ChargeDeclined(reason)),
        ChargeState::Canceled(reason) => not_paid(NotPaidReason::ChargeCanceled(reason)),
        ChargeState::AuthorizationInitiated if was_pending => return still_pending(draft, number, shown),
        ChargeState::CaptureInitiated if was_pending && captures => {
            return still_pending(draft, number, shown);
        }
        ChargeState::AuthorizationInitiated => pending(),
        // The money is not taken yet: Amazon may still decline the capture.
        ChargeState::CaptureInitiated if captures => pending(),
        ChargeState::Authorized => completed(Completion::Authorized(charge_id.clone())),
        ChargeState::CaptureInitiated => completed(Completion::CaptureInitiated(charge_id.clone())),
        ChargeState::Captured(_) => completed(Completion::Captured(charge_id.clone())),
    };
    readable(draft, number);
    let is_unpaid = matches!(state, AttemptState::NotPaid { .. });
    let misfit = if is_unpaid {
        // A charge that failed for another order says nothing about this one.
        draft.misfit_of_ids(Some(number), charge_permission_id, Some(charge_id))
    } else {
        draft.misfit_of_success(number, charge_permission_id, Some(charge_id))
    };
    if let Some(misfit) = misfit {
        return draft.contradict_attempt(number, misfit, charge_permission_id, Some(charge_id));
    }
    let is_completed = matches!(state, AttemptState::Completed { .. });
    draft.move_on(number, state);
    if was_contradicted {
        draft.emit(number, AttemptEvent::Settled);
    }
    draft.emit(number, what);
    if is_completed && let Some(mut payment) = draft.payment() {
        // What was shown is applied completely: the money and the times.
        payment.take_charge(shown, ChargeOrigin::Finalize);
    }
}

/// Counts an answer with an amount that cannot be read: one may be a mistake, but not the third in a row.
fn note_unreadable(
    draft: &mut Draft,
    number: AttemptNumber,
    permission: &ChargePermissionId,
    shown: &ChargeView,
) {
    if !is_unreadable(shown) {
        return;
    }
    let Some(attempt) = draft.change_attempt(number) else { return };
    attempt.unreadable_count = attempt.unreadable_count.saturating_add(1);
    if attempt.unreadable_count >= UNREADABLE_AMOUNTS {
        draft.contradict_attempt(number, Misfit::AmountUnreadable, permission, Some(&shown.id));
    }
}

/// Handles a charge that is pending as before: how long it has been pending is counted from Amazon's own time.
fn still_pending(draft: &mut Draft, number: AttemptNumber, shown: &ChargeView) {
    readable(draft, number);
    let attempt = draft.checkout().attempt(number);
    if let Some(created_at) = shown.created_at
        && let Some(AttemptState::Pending { since, .. }) = attempt.map(|attempt| &attempt.state)
        && created_at < *since
        && let Some(AttemptState::Pending { since, .. }) =
            draft.change_attempt(number).map(|attempt| &mut attempt.state)
    {
        *since = created_at;
    }
}

fn readable(draft: &mut Draft, number: AttemptNumber) {
    let count = draft.checkout().attempt(number).map_or(0, |attempt| attempt.unreadable_count);
    if count > 0
        && let Some(attempt) = draft.change_attempt(number)
    {
        attempt.unreadable_count = 0;
    }
}

/// Handles the charge of an attempt that is proved unpaid and that Amazon contradicts: the contradiction is
/// settled once Amazon shows again that the charge failed, or that its money was returned.
fn unpaid_charge_seen_again(draft: &mut Draft, number: AttemptNumber, shown: &ChargeView) {
    let is_returned = || {
        let amounts = shown.captured.shown().zip(shown.refunded.shown());
        amounts.is_some_and(|(captured, refunded)| {
            captured.currency() == refunded.currency() && refunded.minor() >= captured.minor()
        })
    };
    let is_over = match shown.seen.state {
        AmazonChargeState::Declined | AmazonChargeState::Canceled => true,
        AmazonChargeState::Captured => is_returned(),
        AmazonChargeState::AuthorizationInitiated
        | AmazonChargeState::Authorized
        | AmazonChargeState::CaptureInitiated => false,
    };
    let Some(attempt) = draft.checkout().attempt(number) else { return };
    if !is_over || !attempt.state.is_contradicted() {
        return;
    }
    if let Some(AttemptState::NotPaid { charge: Some(charge), .. }) =
        draft.change_attempt(number).map(|attempt| &mut attempt.state)
        && charge.charge_id == shown.id
    {
        charge.contradicted = None;
        draft.emit(number, AttemptEvent::Settled);
    }
}
