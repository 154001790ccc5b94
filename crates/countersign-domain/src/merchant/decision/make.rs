//! Records what persons decide, and applies a decision once enough persons agree. A decision is judged again
//! whenever somebody asks for it or confirms it, by the checkout as it is then and by what Amazon shows in that
//! act.

use alloc::vec::Vec;

use super::dispute::{self, DisputeVerdict};
use super::evidence::Evidence;
use super::judge::{self, Allowed, AttemptOutcome, DecisionRefused, Persons, Undecided};
use super::operation::{self, Effect, OperationOutcome};
use super::shown::AmazonShows;
use super::unexplained::{self, UnexplainedOutcome};
use super::{Asked, Decision, DecisionState, Precedence, SECOND_WITHIN, Statement, Subject};
use crate::ids::{ChargeId, ChargePermissionId, DisputeId};
use crate::merchant::after::cancel::{CancelRequest, request_cancel};
use crate::merchant::after::dispute::{SettledBefore, settle_dispute};
use crate::merchant::after::returning::decide_to_return;
use crate::merchant::after::unexplained::{adopt, decide_not_ours, decide_returned};
use crate::merchant::attempt::{
    Attempt, AttemptState, Completion, FailedCharge, NotPaidReason, UnresolvedReason,
};
use crate::merchant::call::LookSchedule;
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::draft::Draft;
use crate::merchant::checkout::unexplained::{UnexplainedEnd, UnexplainedState};
use crate::merchant::event::{AttemptEvent, DecisionEvent, PaymentEvent};
use crate::merchant::number::{AttemptNumber, OperationNumber};
use crate::merchant::payment::Payment;
use crate::merchant::payment::charge::{AmazonChargeState, Charge, ChargeOrigin, ChargeView, LastSeen};
use crate::merchant::payment::contest::ClaimedId;
use crate::merchant::payment::operation::{OperationEffect, OperationState, UndoStep};
use crate::merchant::payment::permission::{Permission, PermissionState};
use crate::merchant::payment::send::DECIDED;
use crate::merchant::rules::{next_evidence_look, pending_delay};
use crate::terms::PaymentIntent;
use crate::time::Timestamp;

/// A decision as a person asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionRequest<'a> {
    /// What it is about.
    pub subject: &'a Subject,
    /// The verdict.
    pub asked: &'a Asked,
    /// The person's own name for the decision.
    pub reference: &'a str,
    /// The name of the person's credential.
    pub actor: &'a str,
    /// Why the person believes it.
    pub evidence: &'a Evidence,
}

/// The decision that an earlier request has recorded, if this is the same one again. A request with a known
/// reference by another person than the one who has used it is a confirmation, and not known.
///
/// # Errors
/// [`DecisionRefused::ReferenceReused`], and [`DecisionRefused::RequestExpired`] if nobody has confirmed it.
pub fn known(
    checkout: &Checkout,
    request: &DecisionRequest<'_>,
    now: Timestamp,
) -> Result<Option<Decision>, DecisionRefused> {
    let Some(known) = checkout.decisions.named(request.reference) else { return Ok(None) };
    let Some(statement) = known.statement(request.reference) else { return Ok(None) };
    let is_same = known.subject == *request.subject
        && known.asked == *request.asked
        && statement.evidence == *request.evidence;
    if !is_same {
        return Err(DecisionRefused::ReferenceReused);
    }
    let is_open = match known.state {
        DecisionState::Expired { .. } => return Err(DecisionRefused::RequestExpired),
        // Its timer has not noticed yet.
        DecisionState::AwaitsSecond { until } if now >= until => {
            return Err(DecisionRefused::RequestExpired);
        }
        DecisionState::AwaitsSecond { .. } => true,
        DecisionState::Made { .. }
        | DecisionState::Reminds { .. }
        | DecisionState::Reminded { .. }
        | DecisionState::Superseded { .. } => false,
    };
    let by_another = statement.actor != request.actor;
    Ok((!(by_another && is_open)).then(|| known.clone()))
}

/// Whether a person can decide anything about a subject.
///
/// # Errors
/// There is no such subject, or it is not undecided.
pub fn check_undecided(
    checkout: &Checkout,
    subject: &Subject,
    now: Timestamp,
) -> Result<(), DecisionRefused> {
    match subject {
        Subject::Unexplained(permission) => {
            unexplained::undecided(checkout, permission)?.map(|_| ()).ok_or(DecisionRefused::NotUndecided)
        }
        Subject::Dispute(id) => dispute::check_known(checkout, id),
        Subject::Attempt(number) => {
            let attempt = checkout.attempt(*number).ok_or(DecisionRefused::NoSuchAttempt)?;
            let why = judge::undecided(checkout, attempt, now);
            why.map(|_| ()).ok_or_else(|| judge::not_undecided(attempt, now))
        }
        Subject::Operation(number) => {
            let payment = checkout.payment.as_ref().ok_or(DecisionRefused::NoSuchOperation)?;
            let it = payment.operation(*number).ok_or(DecisionRefused::NoSuchOperation)?;
            let why = operation::undecided(checkout, it, now);
            why.map(|_| ()).ok_or_else(|| operation::not_undecided(it, now))
        }
    }
}

/// What was known of a subject before Amazon was asked for a decision about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// It was undecided.
    Undecided,
    /// It was not, or is not known to have been.
    Otherwise,
}

/// Whether the rules have settled a subject as a person decides: what Amazon has shown in the same act proves
/// it.
fn is_settled_so(checkout: &Checkout, request: &DecisionRequest<'_>) -> bool {
    if checkout.decisions.of(request.subject).is_some() {
        return false;
    }
    match request.subject {
        Subject::Unexplained(_) | Subject::Dispute(_) => false,
        Subject::Attempt(number) => checkout.attempt(*number).is_some_and(|attempt| match &attempt.state {
            AttemptState::Completed { completion, charge_permission_id, .. } => match request.asked {
                Asked::Paid { charge_permission_id: permission, charge_id, amount } => {
                    permission.as_ref().is_none_or(|it| it == charge_permission_id)
                        && charge_id.as_ref().is_none_or(|it| Some(it) == completion.charge_id())
                        && amount.is_none_or(|it| it == checkout.terms.charge_amount)
                }
                Asked::NotPaid
                | Asked::Refund { .. }
                | Asked::Done { .. }
                | Asked::NoEffect
                | Asked::Ours
                | Asked::NotOurs
                | Asked::RefundUnexplained { .. }
                | Asked::Won
                | Asked::Lost { .. }
                | Asked::Remind { .. } => false,
            },
            AttemptState::NotPaid { .. } => *request.asked == Asked::NotPaid,
            AttemptState::Bound { .. }
            | AttemptState::Finalize(_)
            | AttemptState::Pending { .. }
            | AttemptState::Unresolved { .. }
            | AttemptState::Surplus { .. }
            | AttemptState::NotApproved(_)
            | AttemptState::Released { .. } => false,
        }),
        Subject::Operation(number) => {
            let operation = checkout.payment.as_ref().and_then(|payment| payment.operation(*number));
            operation.is_some_and(|operation| match (&operation.state, request.asked) {
                (OperationState::Done(effect), Asked::Done { charge_id, refund_id }) => {
                    operation::is_named(effect, operation, charge_id.as_ref(), refund_id.as_ref())
                }
                (OperationState::Refused { .. }, asked) => *asked == Asked::NoEffect,
                (OperationState::Done(_) | OperationState::InFlight(_), _) => false,
            })
        }
    }
}

/// Records a decision, and applies it if enough persons agree. `shows` is what Amazon was asked for it. Returns
/// the decision as it is recorded.
///
/// # Errors
/// The first rule that it breaks; then nothing is changed.
pub fn make(
    draft: &mut Draft,
    request: &DecisionRequest<'_>,
    shows: &AmazonShows,
    before: Before,
) -> Result<Decision, DecisionRefused> {
    let now = draft.now;
    if let Some(known) = known(draft.checkout(), request, now)? {
        return Ok(known);
    }
    let checkout = draft.checkout();
    let decisions = &checkout.decisions;
    if !decisions.clone().make_room() {
        return Err(DecisionRefused::TooManyDecisions);
    }
    let (Allowed { persons, outcome }, supersedes) =
        match judged(draft, request.subject, request.asked, shows) {
            Err(DecisionRefused::NotUndecided)
                if before == Before::Undecided && is_settled_so(checkout, request) =>
            {
                let allowed = Allowed { persons: Persons::One, outcome: Outcome::AlreadySo };
                (allowed, Precedence::First)
            }
            judged => judged?,
        };
    if let Some(member) = taken_by(draft, &outcome) {
        return Err(DecisionRefused::OfAnotherOrder(member));
    }
    let awaited = decisions.awaited(request.subject).filter(|it| it.asked == *request.asked);
    let in_time = awaited.filter(|it| it.due_at().is_some_and(|until| now < until));
    if let Some(known) = in_time.filter(|it| it.first.actor == request.actor && persons == Persons::Two) {
        // The same person twice is one person.
        return Ok(known.clone());
    }
    let confirmed = in_time.filter(|it| it.first.actor != request.actor);
    let replaces = confirmed.and_then(|it| it.replaces.clone());
    let first = confirmed.map(|it| it.first.clone());
    // Nothing below this line may fail.
    let statement = Statement {
        reference: request.reference.into(),
        actor: request.actor.into(),
        evidence: request.evidence.clone(),
        at: now,
    };
    let is_made = persons == Persons::One || first.is_some();
    let (state, event) = match &outcome {
        Outcome::Attempt(AttemptOutcome::Remind(at))
        | Outcome::Operation(OperationOutcome::Remind(at))
        | Outcome::Unexplained(UnexplainedOutcome::Remind(at))
        | Outcome::Dispute(DisputeVerdict::Remind(at)) => {
            (DecisionState::Reminds { at: *at }, DecisionEvent::ToRemind)
        }
        Outcome::Attempt(_)
        | Outcome::Operation(_)
        | Outcome::Unexplained(_)
        | Outcome::Dispute(_)
        | Outcome::AlreadySo
            if is_made =>
        {
            (DecisionState::Made { at: now }, DecisionEvent::Made)
        }
        Outcome::Attempt(_)
        | Outcome::Operation(_)
        | Outcome::Unexplained(_)
        | Outcome::Dispute(_)
        | Outcome::AlreadySo => {
            let until = now.plus(SECOND_WITHIN);
            (DecisionState::AwaitsSecond { until }, DecisionEvent::Asked)
        }
    };
    let (first, second) = match first {
        Some(first) => (first, Some(statement)),
        None => (statement, None),
    };
    let (subject, asked) = (request.subject, request.asked.clone());
    let decision = Decision { subject: subject.clone(), asked, first, second, supersedes, replaces, state };
    let decision = record(draft, decision);
    let verdict = request.asked.verdict();
    draft.emit_decision(subject.clone(), event, verdict, request.reference.into(), request.actor.into());
    if matches!(state, DecisionState::Made { .. }) && supersedes != Precedence::Besides {
        end_contradiction(draft, subject);
    }
    if is_made {
        apply(draft, request, outcome, shows);
    }
    Ok(decision)
}

/// What follows from a decision.
enum Outcome {
    Attempt(AttemptOutcome),
    Operation(OperationOutcome),
    Unexplained(UnexplainedOutcome),
    Dispute(DisputeVerdict),
    /// Nothing: what Amazon has shown has settled it like this already.
    AlreadySo,
}

/// The member with an id that a decision would give to this order, and that another order holds.
fn taken_by(draft: &Draft, outcome: &Outcome) -> Option<&'static str> {
    let is_taken = |id: ClaimedId| draft.taken().contains(&id);
    let of_payment = |permission: &ChargePermissionId, charge: Option<&ChargeView>| {
        if is_taken(ClaimedId::Permission(permission.clone())) {
            return Some("chargePermissionId");
        }
        charge.filter(|charge| is_taken(ClaimedId::Charge(charge.id.clone()))).map(|_| "chargeId")
    };
    match outcome {
        Outcome::Attempt(AttemptOutcome::Paid { charge_permission_id, charge }) => {
            of_payment(charge_permission_id, charge.as_ref())
        }
        Outcome::Attempt(AttemptOutcome::Refund { charge_permission_id, charge }) => {
            of_payment(charge_permission_id, Some(charge))
        }
        Outcome::Attempt(AttemptOutcome::AsShown(charge) | AttemptOutcome::RefundCharge(charge))
        | Outcome::Unexplained(UnexplainedOutcome::Refund(charge)) => {
            charge.charge_permission_id.as_ref().and_then(|permission| of_payment(permission, Some(charge)))
        }
        Outcome::Operation(OperationOutcome::Done(OperationEffect::Charge(id), _)) => {
            is_taken(ClaimedId::Charge(id.clone())).then_some("chargeId")
        }
        Outcome::Operation(OperationOutcome::Done(OperationEffect::Refund(id), _)) => {
            is_taken(ClaimedId::Refund(id.clone())).then_some("refundId")
        }
        Outcome::Attempt(
            AttemptOutcome::NotPaid { .. } | AttemptOutcome::Affirmed | AttemptOutcome::Remind(_),
        )
        | Outcome::Unexplained(
            UnexplainedOutcome::Ours
            | UnexplainedOutcome::Affirmed
            | UnexplainedOutcome::Return(_, _)
            | UnexplainedOutcome::NotOursAfterAll(_)
            | UnexplainedOutcome::NotOurs
            | UnexplainedOutcome::Remind(_),
        )
        | Outcome::Operation(
            OperationOutcome::Done(OperationEffect::Closed, _)
            | OperationOutcome::Affirmed
            | OperationOutcome::NotItsEffect(_)
            | OperationOutcome::NoEffect
            | OperationOutcome::TryAgain(_)
            | OperationOutcome::Remind(_),
        )
        | Outcome::Dispute(_)
        | Outcome::AlreadySo => None,
    }
}

/// How many persons a decision would need, by what Amazon shows.
///
/// # Errors
/// The first rule that it breaks.
pub fn persons_needed(
    draft: &Draft,
    subject: &Subject,
    asked: &Asked,
    shows: &AmazonShows,
) -> Result<Persons, DecisionRefused> {
    judged(draft, subject, asked, shows).map(|(Allowed { persons, .. }, _)| persons)
}

fn judged(
    draft: &Draft,
    subject: &Subject,
    asked: &Asked,
    shows: &AmazonShows,
) -> Result<(Allowed<Outcome>, Precedence), DecisionRefused> {
    let (checkout, now) = (draft.checkout(), draft.now);
    match subject {
        Subject::Dispute(id) => {
            let Allowed { persons, outcome } = dispute::dispute(checkout, id, asked, now)?;
            let supersedes = match outcome {
                DisputeVerdict::Settled(_) | DisputeVerdict::Remind(_) => Precedence::First,
                DisputeVerdict::SettledOtherwise(_) | DisputeVerdict::Affirmed => Precedence::Disputes,
            };
            Ok((Allowed { persons, outcome: Outcome::Dispute(outcome) }, supersedes))
        }
        Subject::Unexplained(permission) => {
            let Allowed { persons, outcome } =
                unexplained::unexplained(draft, permission, asked, &shows.heard)?;
            let supersedes = match unexplained::undecided(checkout, permission)? {
                Some(unexplained::Undecided::Decided(_)) => Precedence::Disputes,
                Some(unexplained::Undecided::Open) | None => Precedence::First,
            };
            Ok((Allowed { persons, outcome: Outcome::Unexplained(outcome) }, supersedes))
        }
        Subject::Attempt(number) => {
            let attempt = checkout.attempt(*number).ok_or(DecisionRefused::NoSuchAttempt)?;
            let Allowed { persons, outcome } = judge::attempt(checkout, attempt, asked, shows, now)?;
            let is_decided = judge::undecided(checkout, attempt, now) == Some(Undecided::Decided);
            let is_besides = match &outcome {
                AttemptOutcome::AsShown(charge) | AttemptOutcome::RefundCharge(charge) => {
                    attempt.state.ids().and_then(|(_, own)| own) != Some(&charge.id)
                }
                AttemptOutcome::Paid { .. }
                | AttemptOutcome::NotPaid { .. }
                | AttemptOutcome::Refund { .. }
                | AttemptOutcome::Affirmed
                | AttemptOutcome::Remind(_) => false,
            };
            let supersedes = match is_decided {
                _ if is_besides => Precedence::Besides,
                true => Precedence::Disputes,
                false => Precedence::First,
            };
            Ok((Allowed { persons, outcome: Outcome::Attempt(outcome) }, supersedes))
        }
        Subject::Operation(number) => {
            let payment = checkout.payment.as_ref().ok_or(DecisionRefused::NoSuchOperation)?;
            let it = payment.operation(*number).ok_or(DecisionRefused::NoSuchOperation)?;
            let Allowed { persons, outcome } = operation::operation(checkout, it, asked, shows, now)?;
            let is_decided = operation::undecided(checkout, it, now) == Some(operation::Undecided::Decided);
            let supersedes = if is_decided { Precedence::Disputes } else { Precedence::First };
            Ok((Allowed { persons, outcome: Outcome::Operation(outcome) }, supersedes))
        }
    }
}

/// Adds a decision in the place of what it ends: the first person's request that it confirms, any other request
/// that waits for a second person, and the decision that it supersedes. Returns it with the request that it replaces.
fn record(draft: &mut Draft, mut decision: Decision) -> Decision {
    let now = draft.now;
    let decisions = &mut draft.change().decisions;
    if decision.second.is_some() {
        decisions.made.retain(|it| it.first.reference != decision.first.reference);
    }
    decisions.make_room();
    let decisions = &mut decisions.made;
    let mut ended = Vec::new();
    let subject = decision.subject.clone();
    let is_made = matches!(decision.state, DecisionState::Made { .. });
    let is_besides = decision.supersedes == Precedence::Besides;
    let only_reminds = matches!(decision.state, DecisionState::Reminds { .. });
    for other in decisions.iter_mut().filter(|it| it.subject == subject && !only_reminds) {
        match other.state {
            DecisionState::AwaitsSecond { until } => {
                other.state = DecisionState::Expired { at: now };
                let is_replaced = now < until;
                if is_replaced {
                    decision.replaces = Some(other.first.reference.clone());
                }
                let event = if is_replaced { DecisionEvent::Replaced } else { DecisionEvent::Expired };
                ended.push((event, other.asked.verdict(), other.first.clone()));
            }
            DecisionState::Made { .. } if is_made && !is_besides && other.holds() => {
                other.state = DecisionState::Superseded { at: now };
            }
            DecisionState::Reminds { .. } if is_made => other.state = DecisionState::Reminded { at: now },
            DecisionState::Made { .. }
            | DecisionState::Reminds { .. }
            | DecisionState::Expired { .. }
            | DecisionState::Reminded { .. }
            | DecisionState::Superseded { .. } => {}
        }
    }
    decisions.push(decision.clone());
    for (event, verdict, Statement { reference, actor, .. }) in ended {
        draft.emit_decision(subject.clone(), event, verdict, reference, actor);
    }
    decision
}

fn apply(draft: &mut Draft, request: &DecisionRequest<'_>, outcome: Outcome, shows: &AmazonShows) {
    match (request.subject, outcome) {
        (Subject::Attempt(number), Outcome::Attempt(outcome)) => {
            apply_to_attempt(draft, *number, request, outcome);
        }
        (Subject::Operation(number), Outcome::Operation(outcome)) => {
            apply_to_operation(draft, *number, outcome);
        }
        (Subject::Dispute(id), Outcome::Dispute(verdict)) => apply_to_dispute(draft, id, verdict),
        (Subject::Unexplained(permission), Outcome::Unexplained(outcome)) => {
            apply_to_unexplained(draft, permission, request, &outcome, shows);
        }
        // A subject's own judge made the outcome.
        (
            Subject::Attempt(_) | Subject::Operation(_) | Subject::Unexplained(_) | Subject::Dispute(_),
            Outcome::Attempt(_)
            | Outcome::Operation(_)
            | Outcome::Unexplained(_)
            | Outcome::Dispute(_)
            | Outcome::AlreadySo,
        ) => {}
    }
}

/// Applies a decision about a dispute. What it needs was judged before, on the same checkout.
fn apply_to_dispute(draft: &mut Draft, id: &DisputeId, verdict: DisputeVerdict) {
    let (outcome, before) = match verdict {
        DisputeVerdict::Settled(outcome) => (outcome, SettledBefore::Counts),
        DisputeVerdict::SettledOtherwise(outcome) => (outcome, SettledBefore::IsSuperseded),
        DisputeVerdict::Affirmed | DisputeVerdict::Remind(_) => return,
    };
    let _ = settle_dispute(draft, id, outcome, before);
}

/// Applies a decision about a permission. What it needs was judged before, on the same checkout.
fn apply_to_unexplained(
    draft: &mut Draft,
    permission: &ChargePermissionId,
    request: &DecisionRequest<'_>,
    outcome: &UnexplainedOutcome,
    shows: &AmazonShows,
) {
    match outcome {
        UnexplainedOutcome::Remind(_) | UnexplainedOutcome::Affirmed => {}
        UnexplainedOutcome::Ours => {
            unexplained::take_up_again(draft, permission);
            let _ = adopt(draft, permission, &shows.heard);
        }
        UnexplainedOutcome::NotOursAfterAll(number) => {
            not_paid(draft, *number, None);
            let at = draft.now;
            if let Some(known) = draft.change_heard(permission) {
                known.state = UnexplainedState::Over { end: UnexplainedEnd::NotOurs, at };
            }
        }
        UnexplainedOutcome::NotOurs => {
            let _ = decide_not_ours(draft, permission);
        }
        UnexplainedOutcome::Return(charge, amount) => {
            decide_to_return(draft, permission, charge, *amount);
        }
        UnexplainedOutcome::Refund(charge) => {
            let _ = decide_returned(draft, permission);
            take_up_money(draft, permission.clone(), charge);
            cancel(draft, request);
        }
    }
}

/// Cancels the order: what was taken up is undone. An order that is being canceled already is undone by that
/// cancellation, as far as the shop has asked for it.
fn cancel(draft: &mut Draft, request: &DecisionRequest<'_>) {
    let mut reference = alloc::format!("decision {}", request.reference);
    // The shop may have used this word.
    while draft.checkout().is_used(&reference) {
        reference.push('\'');
    }
    let cancel = CancelRequest { reference: &reference, reason: None, shipped_too: false };
    let _ = request_cancel(draft, &cancel);
}

/// Records that a contradiction about an attempt is over, because persons have decided it.
fn end_contradiction(draft: &mut Draft, subject: &Subject) {
    let Subject::Attempt(number) = *subject else { return };
    let Some(attempt) = draft.checkout().attempt(number) else { return };
    let is_unresolved =
        matches!(attempt.state, AttemptState::Unresolved { reason: UnresolvedReason::Contradicted, .. });
    if is_unresolved || draft.checkout().is_contradicted(attempt) {
        draft.emit(number, AttemptEvent::Settled);
    }
}

/// Ends the contests about an attempt's payment, or only that about a further charge if the decision is about that.
fn end_contests(draft: &mut Draft, number: AttemptNumber, charge: &ChargeId) {
    let own = ids(draft.checkout(), number).is_some_and(|(_, own)| own == *charge);
    let Some(mut payment) = draft.payment() else { return };
    if own {
        payment.end_contests();
    } else {
        payment.settle_contests(|id| *id == ClaimedId::Charge(charge.clone()));
    }
}

fn apply_to_attempt(
    draft: &mut Draft,
    number: AttemptNumber,
    request: &DecisionRequest<'_>,
    outcome: AttemptOutcome,
) {
    match outcome {
        AttemptOutcome::Remind(_) | AttemptOutcome::Affirmed => {}
        AttemptOutcome::AsShown(charge) => {
            if matches!(request.asked, Asked::Paid { .. }) {
                end_contests(draft, number, &charge.id);
            }
            take_as_shown(draft, &charge);
        }
        AttemptOutcome::RefundCharge(charge) => {
            take_as_shown(draft, &charge);
            refund_charge(draft, &charge);
        }
        AttemptOutcome::Paid { charge_permission_id, charge } => {
            if let Some(mut payment) = draft.payment() {
                payment.end_contests();
            }
            paid(draft, number, charge_permission_id, charge.as_ref());
        }
        AttemptOutcome::NotPaid { charge } => {
            // What is contested is another order's, as persons have decided now.
            let is_contested = draft.checkout().is_contested();
            let failed = charge.or_else(|| ids(draft.checkout(), number).filter(|_| !is_contested));
            not_paid(draft, number, failed);
        }
        AttemptOutcome::Refund { charge_permission_id, charge } => {
            give_back(draft, number, charge_permission_id, &charge);
            cancel(draft, request);
        }
    }
}

/// Amazon's ids of an attempt, if both are known.
fn ids(checkout: &Checkout, number: AttemptNumber) -> Option<(ChargePermissionId, ChargeId)> {
    let (permission, charge) = checkout.attempt(number)?.state.ids()?;
    Some((permission.clone(), charge?.clone()))
}

fn paid(
    draft: &mut Draft,
    number: AttemptNumber,
    charge_permission_id: ChargePermissionId,
    charge: Option<&ChargeView>,
) {
    let now = draft.now;
    let captures = draft.checkout().terms.payment_intent == PaymentIntent::AuthorizeWithCapture;
    let completion = match charge {
        None => Some(Completion::Confirmed),
        Some(charge) => match charge.seen.state {
            AmazonChargeState::Captured => Some(Completion::Captured(charge.id.clone())),
            AmazonChargeState::CaptureInitiated if !captures => {
                Some(Completion::CaptureInitiated(charge.id.clone()))
            }
            AmazonChargeState::Authorized => Some(Completion::Authorized(charge.id.clone())),
            // Amazon still decides.
            AmazonChargeState::AuthorizationInitiated
            | AmazonChargeState::CaptureInitiated
            | AmazonChargeState::Declined
            | AmazonChargeState::Canceled => None,
        },
    };
    let is_completed = completion.is_some();
    let state = match (completion, charge) {
        (None, Some(charge)) => AttemptState::Pending {
            charge_permission_id,
            charge_id: charge.id.clone(),
            since: now,
            look: LookSchedule { at: now.plus(pending_delay(0)), count: 0 },
            alarm_count: 0,
        },
        (completion, _) => AttemptState::Completed {
            completion: completion.unwrap_or(Completion::Confirmed),
            charge_permission_id,
            at: now,
        },
    };
    let is_other = |it: &&Attempt| it.number != number && it.state.is_unsent();
    let others = draft.checkout().attempts.iter().filter(is_other);
    let others: Vec<AttemptNumber> = others.map(|it| it.number).collect();
    for other in others {
        draft.end_as_surplus(other, number);
    }
    draft.move_on(number, state);
    if let Some(attempt) = draft.change_attempt(number) {
        attempt.unreadable_count = 0;
    }
    draft.emit(number, if is_completed { AttemptEvent::Completed } else { AttemptEvent::PendingBegan });
    if let Some(charge) = charge
        && is_completed
        && let Some(mut payment) = draft.payment()
    {
        payment.take_charge(charge, ChargeOrigin::Finalize);
    }
}

fn not_paid(draft: &mut Draft, number: AttemptNumber, failed: Option<(ChargePermissionId, ChargeId)>) {
    let now = draft.now;
    let state = draft.checkout().attempt(number).map(|attempt| &attempt.state);
    let is_told = matches!(state, Some(AttemptState::NotPaid { reason: NotPaidReason::Decided, .. }));
    if matches!(state, Some(AttemptState::Completed { .. })) {
        draft.drop_payment();
    }
    // What Amazon shows of this charge from now on contradicts the decision, if it is money.
    let charge = failed.map(|(charge_permission_id, charge_id)| FailedCharge {
        charge_permission_id,
        charge_id,
        contradicted: None,
    });
    draft.move_on(number, AttemptState::NotPaid { reason: NotPaidReason::Decided, charge, at: now });
    if !is_told {
        draft.emit(number, AttemptEvent::NotPaid);
    }
}

/// Takes up the money that Amazon shows, with its own amount, so that the cancellation that follows undoes it.
fn give_back(
    draft: &mut Draft,
    number: AttemptNumber,
    charge_permission_id: ChargePermissionId,
    shown: &ChargeView,
) {
    let now = draft.now;
    if draft.checkout().payment.is_some() {
        if let Some(mut payment) = draft.payment() {
            // Only what is not contested can be undone.
            payment.end_contests();
        }
        // The payment is the attempt's own; what Amazon contradicted of it is as Amazon shows it now.
        return take_as_shown(draft, shown);
    }
    take_up_money(draft, charge_permission_id, shown);
    let Some(attempt) = draft.checkout().attempt(number) else { return };
    let send = attempt.state.sent_request().cloned();
    let reason = UnresolvedReason::Refunding;
    let look_at = next_evidence_look(now, now);
    draft.move_on(number, AttemptState::Unresolved { reason, send, sent_at: now, look_at });
}

/// Takes a charge of the payment as Amazon shows it now, which ends a contradiction about it.
fn take_as_shown(draft: &mut Draft, shown: &ChargeView) {
    let attempts = &draft.checkout().attempts;
    let is_own = attempts.iter().filter_map(|it| it.state.ids()).any(|(_, own)| own == Some(&shown.id));
    let Some(mut payment) = draft.payment() else { return };
    let is_settled = payment.take_as_shown(shown);
    // Of an attempt's own charge it is recorded as the attempt's.
    if is_settled && !is_own {
        payment.emit(PaymentEvent::Settled(shown.id.clone()));
    }
}

/// Requests that what a charge holds or keeps is returned; the order goes on.
fn refund_charge(draft: &mut Draft, shown: &ChargeView) {
    let Some(mut payment) = draft.payment() else { return };
    let id = shown.id.clone();
    payment.try_once_more(&match shown.seen.state {
        AmazonChargeState::Captured => UndoStep::Refund(id),
        AmazonChargeState::AuthorizationInitiated
        | AmazonChargeState::Authorized
        | AmazonChargeState::CaptureInitiated
        | AmazonChargeState::Declined
        | AmazonChargeState::Canceled => UndoStep::CancelCharge(id),
    });
}

/// Begins a payment with the charge as Amazon shows it, unless the order has a payment.
fn take_up_money(draft: &mut Draft, charge_permission_id: ChargePermissionId, shown: &ChargeView) {
    let now = draft.now;
    if draft.checkout().payment.is_some() {
        return;
    }
    let Some(amount) = shown.seen.charge_amount.shown() else { return };
    let charge = Charge {
        sight: LastSeen::At(shown.asked_at.min(now)),
        refunded_shown: shown.refunded.shown(),
        ..Charge::new(shown.id.clone(), ChargeOrigin::Finalize, amount, shown.state(amount), now)
    };
    draft.change().payment = Some(Payment {
        charge_permission_id,
        limit: amount,
        began_at: now,
        permission: Permission { state: PermissionState::Chargeable, look: None },
        charges: Vec::from([charge]),
        operations: Vec::new(),
        disputes: Vec::new(),
        contests: Vec::new(),
    });
}

fn apply_to_operation(draft: &mut Draft, number: OperationNumber, outcome: OperationOutcome) {
    let Some(mut payment) = draft.payment() else { return };
    match outcome {
        OperationOutcome::Remind(_) | OperationOutcome::Affirmed => {}
        OperationOutcome::Done(effect, view) => {
            payment.end(number, Ok(effect));
            match view {
                Effect::Charge(view) => {
                    payment.take_charge(&view, ChargeOrigin::Operation);
                }
                Effect::Refund(view) => payment.take_refund(&view),
                Effect::Permission(view) => payment.take_permission(&view),
            }
        }
        OperationOutcome::NoEffect => payment.end(number, Err(DECIDED)),
        OperationOutcome::NotItsEffect(made) => {
            payment.end(number, Err(DECIDED));
            if let OperationEffect::Charge(id) = &made
                && let Some(charge) = payment.payment.charge_mut(id)
            {
                charge.origin = ChargeOrigin::Elsewhere;
            }
        }
        OperationOutcome::TryAgain(what) => payment.try_once_more(&what),
    }
}
