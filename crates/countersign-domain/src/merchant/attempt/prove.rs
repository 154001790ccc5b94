//! Who completed a session that Amazon shows Completed, for an attempt in doubt: the same bytes are sent once more
//! under the same key, and the answer decides, by [`is_completed_by_us`]. Then the charge or, where nothing is
//! charged, the permission must fit. What is not proved to be ours needs a person, unless no other integration
//! finalizes sessions of this account and environment.

use alloc::boxed::Box;

use super::sends::{CompletedBy, CompletedSession, Unanswered};
use super::{Attempt, AttemptState, Completion, NotPaidReason, UnresolvedReason};
use crate::ids::{ChargeId, ChargePermissionId};
use crate::merchant::call::{CallAnswer, Doubt, InFlight, UnclearKind};
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::draft::Draft;
use crate::merchant::event::AttemptEvent;
use crate::merchant::next::{BoundSession, NextStep};
use crate::merchant::number::AttemptNumber;
use crate::merchant::payment::misfit::Misfit;
use crate::merchant::proof::{
    ExpectedPermission, FinalizeSuccess, LastAnswer, Proof, SessionPermission, is_completed_by_us,
    permission_proof,
};
use crate::merchant::rules::{FinalizeKeys, Integration, SILENT_PROOFS};
use crate::terms::PaymentIntent;

pub(super) fn session(attempt: &Attempt) -> BoundSession {
    BoundSession { attempt: attempt.number, id: attempt.checkout_session_id.clone() }
}

pub(super) fn stay_in_doubt(draft: &mut Draft, number: AttemptNumber, doubt: Doubt) {
    draft.move_on(number, AttemptState::Finalize(InFlight::InDoubt(doubt)));
}

pub(super) fn settled_but_for_proof(doubt: Doubt) -> Doubt {
    Doubt { missing: None, stored_error: None, asked_again: None, ..doubt }
}

/// Finds out who completed the session that Amazon shows Completed with these ids.
pub(super) fn prove(
    draft: &mut Draft,
    number: AttemptNumber,
    permission: &ChargePermissionId,
    charge: Option<&ChargeId>,
    doubt: Option<Doubt>,
) -> NextStep {
    use UnresolvedReason::{CompletedElsewhere, Contradicted, IdsMissing, SessionGone};
    let (now, rules) = (draft.now, draft.rules);
    let Some(attempt) = draft.checkout().attempt(number) else { return NextStep::Rest };
    // Beside the order's payment it does not matter who completed it.
    if matches!(attempt.state, AttemptState::Unresolved { .. })
        && draft.checkout().is_paid_beside(permission)
        && draft.completed_beside(number, permission, charge)
    {
        return NextStep::Rest;
    }
    let Some(attempt) = draft.checkout().attempt(number) else { return NextStep::Rest };
    let (session, known) = (session(attempt), attempt.sends.completed.as_deref().cloned());
    if draft.is_taken(permission, charge) {
        draft.contradict_attempt(number, Misfit::OfAnotherAct, permission, charge);
        return NextStep::Rest;
    }
    let is_sole = rules.policy.integration == Integration::Sole;
    let proved = known.as_ref().filter(|known| known.completed_by != CompletedBy::Unknown);
    if proved.is_some_and(|proved| !proved.names(permission, charge)) {
        draft.contradict_attempt(number, Misfit::IdsDiffer, permission, charge);
        return NextStep::Rest;
    }
    let (is_proved, is_first_known) = (proved.is_some(), known.is_none());
    let doubt = match (&attempt.state, doubt) {
        (_, Some(doubt)) => Some(settled_but_for_proof(doubt)),
        // A contradiction that nothing else is known of was found when the payment was already proved.
        (AttemptState::Unresolved { reason: Contradicted, .. }, None) if is_proved || is_first_known => {
            let is_confirm = draft.checkout().terms.payment_intent == PaymentIntent::Confirm;
            if let Some(attempt) = draft.change_attempt(number).filter(|_| is_first_known && is_confirm) {
                // Its permission says whether it fits, and not who has completed the session.
                attempt.sends.completed = Some(CompletedSession::new(permission, charge, CompletedBy::Us));
            }
            return look_at_payment(draft.checkout(), session, permission, charge);
        }
        // It is not proved to be ours: only a person can tell, unless nobody else can have completed it.
        (AttemptState::Unresolved { reason: CompletedElsewhere | Contradicted, .. }, None) if is_sole => None,
        // It was left so before it was known that Amazon honours keys: once that is known, the last step decides.
        (AttemptState::Unresolved { reason: CompletedElsewhere, send: Some(send), sent_at, .. }, None)
            if rules.finalize_keys == FinalizeKeys::Honoured
                && known.as_ref().is_none_or(|known| !known.was_asked) =>
        {
            Some(Doubt::again(send.clone(), *sent_at, now))
        }
        (
            AttemptState::Unresolved { reason: SessionGone | IdsMissing, send: Some(send), sent_at, .. },
            None,
        ) => Some(Doubt::again(send.clone(), *sent_at, now)),
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
            None,
        ) => return NextStep::Rest,
    };
    let is_in_doubt = doubt.is_some();
    if let Some(doubt) = doubt {
        stay_in_doubt(draft, number, doubt);
    }
    let completed = known.filter(|known| known.names(permission, charge));
    if completed.is_none() {
        draft.name(number, permission, charge);
    }
    let completed = completed.map(Box::new);
    let completed =
        completed.unwrap_or_else(|| CompletedSession::new(permission, charge, CompletedBy::Unknown));
    let Some(attempt) = draft.change_attempt(number) else { return NextStep::Rest };
    attempt.sends.completed = Some(completed);
    let unanswered = attempt.sends.unanswered();
    if is_proved {
        return look_at_payment(draft.checkout(), session, permission, charge);
    }
    if is_sole && (!is_in_doubt || unanswered == Unanswered::None) {
        let charge_permission_id = permission.clone();
        return NextStep::LookAtAttemptsPermission { session, charge_permission_id };
    }
    // Where it is not known whether keys are honoured, a success with other ids at least contradicts.
    let may_say_something = match rules.finalize_keys {
        FinalizeKeys::Honoured => true,
        FinalizeKeys::Unknown => unanswered == Unanswered::BeforeRefusal,
        FinalizeKeys::NotHonoured => false,
    };
    if may_say_something {
        NextStep::ProveBySending(number)
    } else {
        last_answer(draft, number, LastAnswer::None)
    }
}

/// Decides who completed the session of an attempt in doubt, by the last answer: if it was a Finalize of ours, its
/// charge or its permission is looked at; otherwise only a person can tell whose payment it is.
fn last_answer(draft: &mut Draft, number: AttemptNumber, last: LastAnswer) -> NextStep {
    let (keys, integration) = (draft.rules.finalize_keys, draft.rules.policy.integration);
    let Some(attempt) = draft.checkout().attempt(number) else { return NextStep::Rest };
    let (Some(doubt), Some(completed)) = (attempt.state.doubt(), attempt.sends.completed.as_deref()) else {
        return NextStep::Rest;
    };
    if !is_completed_by_us(attempt.sends.unanswered(), last, keys, integration) {
        let doubt = doubt.clone();
        if keys == FinalizeKeys::Honoured
            && let Some(attempt) = draft.change_attempt(number)
            && let Some(completed) = &mut attempt.sends.completed
        {
            completed.was_asked = true;
        }
        draft.leave_unresolved(number, UnresolvedReason::CompletedElsewhere, doubt);
        return NextStep::Rest;
    }
    let (session, completed) = (session(attempt), completed.clone());
    if let Some(attempt) = draft.change_attempt(number) {
        let completed_by = CompletedBy::Us;
        attempt.sends.completed = Some(Box::new(CompletedSession { completed_by, ..completed.clone() }));
    }
    let CompletedSession { charge_permission_id, charge_id, .. } = &completed;
    look_at_payment(draft.checkout(), session, charge_permission_id, charge_id.as_ref())
}

/// The look at what a session's completion has made: the charge or, where nothing is charged, the permission.
fn look_at_payment(
    checkout: &Checkout,
    session: BoundSession,
    permission: &ChargePermissionId,
    charge: Option<&ChargeId>,
) -> NextStep {
    let charge_permission_id = permission.clone();
    match (checkout.terms.payment_intent, charge) {
        (PaymentIntent::Authorize | PaymentIntent::AuthorizeWithCapture, Some(charge)) => {
            let charge_id = charge.clone();
            NextStep::LookAtAttemptsCharge { session, charge_permission_id, charge_id }
        }
        (PaymentIntent::Confirm, _)
        | (PaymentIntent::Authorize | PaymentIntent::AuthorizeWithCapture, None) => {
            NextStep::LookAtAttemptsPermission { session, charge_permission_id }
        }
    }
}

/// Applies what the permission proves to an attempt whose session is Completed: where nothing is charged it is the
/// payment; a payment that this store does not know to have sent must name this order there. Returns the next
/// step.
pub fn permission_seen(draft: &mut Draft, number: AttemptNumber, shown: &SessionPermission) -> NextStep {
    let now = draft.now;
    let checkout = draft.checkout();
    let Some(attempt) = checkout.attempt(number) else { return NextStep::Rest };
    let Some(completed) = attempt.sends.completed.as_deref().cloned() else { return NextStep::Rest };
    let was_contradicted = match &attempt.state {
        AttemptState::Finalize(InFlight::InDoubt(_)) => false,
        AttemptState::Unresolved { reason, .. } => *reason == UnresolvedReason::Contradicted,
        AttemptState::Bound { .. }
        | AttemptState::Finalize(_)
        | AttemptState::NotApproved(_)
        | AttemptState::Pending { .. }
        | AttemptState::Completed { .. }
        | AttemptState::NotPaid { .. }
        | AttemptState::Surplus { .. }
        | AttemptState::Released { .. } => return NextStep::Rest,
    };
    let is_known_to_be_ours = completed.completed_by == CompletedBy::Us;
    if !is_known_to_be_ours && draft.rules.policy.integration != Integration::Sole {
        return NextStep::Rest;
    }
    let (permission, charge) = (&completed.charge_permission_id, completed.charge_id.as_ref());
    let expected = ExpectedPermission {
        id: permission,
        reference: checkout.id.as_str(),
        may_lack_reference: is_known_to_be_ours,
        // Amazon closes a permission whose whole limit is captured; then the charge says whether it is the payment.
        may_be_closed: checkout.terms.payment_intent != PaymentIntent::Confirm,
        limit: checkout.terms.limit(),
    };
    match permission_proof(shown, &expected) {
        Proof::Fits(()) => {}
        Proof::Contradicts(misfit) => {
            draft.contradict_attempt(number, misfit, permission, charge);
            return NextStep::Rest;
        }
        Proof::Nothing(_) => return NextStep::Rest,
    }
    let (intent, session) = (checkout.terms.payment_intent, session(attempt));
    if !is_known_to_be_ours && let Some(attempt) = draft.change_attempt(number) {
        let completed_by = CompletedBy::SoleIntegration;
        attempt.sends.completed = Some(Box::new(CompletedSession { completed_by, ..completed.clone() }));
    }
    if intent != PaymentIntent::Confirm {
        return look_at_payment(draft.checkout(), session, permission, charge);
    }
    if let Some(misfit) = draft.misfit_of_success(number, permission, None) {
        draft.contradict_attempt(number, misfit, permission, charge);
        return NextStep::Rest;
    }
    let completion = Completion::Confirmed;
    let charge_permission_id = permission.clone();
    draft.move_on(number, AttemptState::Completed { completion, charge_permission_id, at: now });
    if was_contradicted {
        draft.emit(number, AttemptEvent::Settled);
    }
    draft.emit(number, AttemptEvent::Completed);
    NextStep::Rest
}

/// Whether Amazon shows the session Completed with ids other than those of a success.
pub(super) fn shows_other_ids(checkout: &Checkout, number: AttemptNumber, success: &FinalizeSuccess) -> bool {
    let completed = checkout.attempt(number).and_then(|attempt| attempt.sends.completed.as_deref());
    let (permission, charge) = (&success.charge_permission_id, success.charge_id.as_ref());
    completed.is_some_and(|completed| !completed.names(permission, charge))
}

/// Records a success with ids other than those that Amazon shows of the session: the success is proof, and so is
/// what the session shows; both cannot be.
pub(super) fn contradict_ids(draft: &mut Draft, number: AttemptNumber, success: &FinalizeSuccess) {
    let (permission, charge) = (&success.charge_permission_id, success.charge_id.as_ref());
    if let Some(attempt) = draft.change_attempt(number) {
        attempt.sends.completed = Some(CompletedSession::new(permission, charge, CompletedBy::Us));
    }
    draft.contradict_attempt(number, Misfit::IdsDiffer, permission, charge);
}

/// Handles the answer to the same bytes, sent once more because Amazon shows the session Completed.
pub(super) fn proved_by(
    draft: &mut Draft,
    number: AttemptNumber,
    is_latest: bool,
    answer: &CallAnswer<FinalizeSuccess, NotPaidReason>,
) -> NextStep {
    match answer {
        CallAnswer::Success(finalized) => {
            if shows_other_ids(draft.checkout(), number, finalized) {
                contradict_ids(draft, number, finalized);
                return NextStep::Rest;
            }
            last_answer(draft, number, LastAnswer::Success)
        }
        CallAnswer::Refused(_)
        | CallAnswer::WrongStatus { .. }
        | CallAnswer::Unclear { kind: UnclearKind::Refusal, .. }
            if is_latest =>
        {
            last_answer(draft, number, LastAnswer::Refusal)
        }
        CallAnswer::Unclear { .. } if is_latest => {
            let Some(attempt) = draft.change_attempt(number) else { return NextStep::Rest };
            let Some(completed) = &mut attempt.sends.completed else { return NextStep::Rest };
            completed.silence_count = completed.silence_count.saturating_add(1);
            if completed.silence_count < SILENT_PROOFS {
                return NextStep::Rest;
            }
            last_answer(draft, number, LastAnswer::None)
        }
        CallAnswer::Refused(_)
        | CallAnswer::WrongStatus { .. }
        | CallAnswer::Unclear { .. }
        | CallAnswer::NotSent
        | CallAnswer::NotEvaluated { .. } => NextStep::Rest,
    }
}
