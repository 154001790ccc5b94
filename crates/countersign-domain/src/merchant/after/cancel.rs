//! The shop cancels an order, at any point of its life: what was never sent ends, what was sent is looked up
//! and not sent again, and what is proved to be paid is undone. Each authorization is canceled, each capture
//! is refunded, the permission is closed, and then the shop is notified, once.
//!
//! ```text
//! never sent ──────────────▶ NotPaid ────────────────────────────────────────────┐
//! sent ──only looked up──▶ NotPaid | Completed                                   ▼
//!        Completed: Authorized ──Cancel Charge──▶ Canceled ──▶ Close ──▶ Done, notified once
//!                   Captured ──Create Refund──▶ Refunded ────────▲
//! ```
//!
//! Every step that changes a payment also continues its cancellation in the same change set, so a crash at
//! any point leaves either operations with their timers or nothing to do. If Amazon refuses to undo
//! something, that step is tried three times; then the operator is reminded in the log until somebody has
//! fixed the cause. A new charge in doubt delays nothing: the permission is closed first, and the result of
//! the charge is asked for under the closed permission
//! ([`Checkout::holds_back`](crate::merchant::checkout::Checkout::holds_back)).

use crate::merchant::number::{AttemptNumber, OperationNumber};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::ids::ChargeId;
use crate::merchant::attempt::finalize::give_up;
use crate::merchant::attempt::{AttemptState, NotPaidReason};
use crate::merchant::call::{InFlight, LookSchedule};
use crate::merchant::checkout::cancellation::{Cancellation, CancellationState, Extent};
use crate::merchant::checkout::draft::{Draft, PaymentDraft};
use crate::merchant::event::PaymentEvent;
use crate::merchant::payment::Payment;
use crate::merchant::payment::ask::OperationRefused;
use crate::merchant::payment::charge::{Charge, ChargeState, LastSeen};
use crate::merchant::payment::operation::{
    OperationName, OperationRequest, OperationState, OwnName, PaymentCall, UndoStep,
};
use crate::merchant::payment::refund::RefundState;
use crate::merchant::payment::send::OVERTAKEN;
use crate::merchant::rules::{MAX_OPERATIONS, RefundCeiling, UNDOING_TRIES};
use crate::money::Money;
use crate::time::DAY;

/// A request to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelRequest<'a> {
    /// The shop's reference for it.
    pub reference: &'a str,
    /// The reason, in the shop's words.
    pub reason: Option<&'a str>,
    /// Whether charges whose parcels have left are undone too.
    pub shipped_too: bool,
}

/// The result of a request to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedCancellation {
    /// The cancellation was requested before.
    Known,
    /// The cancellation is recorded now.
    New,
}

/// Records that the shop cancels the order, and ends what can be ended immediately.
///
/// # Errors
/// [`OperationRefused::ReferenceReused`], and [`OperationRefused::OrderCanceled`] for another reference.
pub fn request_cancel(
    draft: &mut Draft,
    request: &CancelRequest<'_>,
) -> Result<RecordedCancellation, OperationRefused> {
    let CancelRequest { reference, reason, shipped_too } = *request;
    if let Some(known) = &draft.checkout().cancellation
        && known.is_named(reference)
    {
        let is_known = is_requested_by(known, request);
        return if is_known {
            Ok(RecordedCancellation::Known)
        } else {
            Err(OperationRefused::ReferenceReused)
        };
    }
    let name = OperationName::Shop(reference.into());
    let mut operations = draft.checkout().payment.iter().flat_map(|payment| &payment.operations);
    if operations.any(|it| it.name == name) || draft.checkout().has_named(reference) {
        return Err(OperationRefused::ReferenceReused);
    }
    if draft.checkout().cancellation.is_some() {
        if !shipped_too || draft.checkout().left_behind().next().is_none() {
            return Err(OperationRefused::OrderCanceled);
        }
        // Nothing below this line may fail.
        draft.emit_for_payment(PaymentEvent::CancelRequested);
        if let Some(cancellation) = &mut draft.change().cancellation {
            let (reference, reason) = (reference.into(), reason.map(Into::into));
            cancellation.extent = Extent::Widened { reference, reason };
        }
        return Ok(RecordedCancellation::New);
    }
    // Nothing below this line may fail.
    draft.emit_for_payment(PaymentEvent::CancelRequested);
    let unsent = draft.checkout().attempts.iter().filter(|attempt| attempt.state.is_to_be_sent());
    let unsent: Vec<(AttemptNumber, bool)> = unsent.map(|it| (it.number, it.state.is_live())).collect();
    for (number, has_left) in unsent {
        // One that was refused each time stays as it is: only Amazon's Canceled ends it.
        let was_refused = matches!(
            draft.checkout().attempt(number).map(|it| &it.state),
            Some(AttemptState::NotApproved(_))
        );
        if has_left || was_refused {
            give_up(draft, number);
        } else {
            draft.end_unpaid(number, NotPaidReason::OrderCanceled);
        }
    }
    let now = draft.now;
    draft.change().cancellation = Some(Cancellation {
        reference: reference.into(),
        reason: reason.map(Into::into),
        requested_at: now,
        extent: if shipped_too { Extent::Everything } else { Extent::Unshipped },
        state: CancellationState::Requested { remind_at: now.plus(DAY), is_stuck: false },
    });
    Ok(RecordedCancellation::New)
}

/// Whether a cancellation was requested by exactly this request.
fn is_requested_by(known: &Cancellation, request: &CancelRequest<'_>) -> bool {
    match &known.extent {
        Extent::Widened { reference, reason } if reference == request.reference => {
            request.shipped_too && reason.as_deref() == request.reason
        }
        Extent::Unshipped | Extent::Widened { .. } => {
            !request.shipped_too && known.reason.as_deref() == request.reason
        }
        Extent::Everything => request.shipped_too && known.reason.as_deref() == request.reason,
    }
}

/// Continues a cancellation after any decision has changed the checkout: what is proved paid is undone in the
/// same change set.
pub(super) fn go_on(draft: &mut Draft) {
    let now = draft.now;
    let Some(before) = draft.checkout().cancellation.as_ref().map(|cancellation| cancellation.state) else {
        return;
    };
    let is_live = draft.checkout().attempts.iter().any(|attempt| {
        let is_undone_here =
            matches!(attempt.state, AttemptState::Completed { .. }) || attempt.state.is_refunding();
        attempt.state.is_live() && !is_undone_here
    });
    let after = match before {
        // A charge that appears afterwards is undone too; the shop is not notified again.
        CancellationState::Done { at, remind_at } => {
            let progress = draft.payment().map_or(UndoProgress::Done, |mut payment| payment.undo());
            let remind_at = match progress {
                UndoProgress::Done => None,
                UndoProgress::Waiting => remind_at.or(Some(now.plus(DAY))),
                UndoProgress::Stuck(_) => remind_at.or(Some(now)),
            };
            CancellationState::Done { at, remind_at }
        }
        CancellationState::Requested { remind_at, is_stuck } => {
            let progress = match draft.payment() {
                _ if is_live => UndoProgress::Waiting,
                None => UndoProgress::Done,
                Some(mut payment) => payment.undo(),
            };
            match progress {
                UndoProgress::Done => {
                    draft.emit_for_payment(PaymentEvent::CheckoutCanceled);
                    CancellationState::Done { at: now, remind_at: None }
                }
                UndoProgress::Waiting => CancellationState::Requested { remind_at, is_stuck: false },
                UndoProgress::Stuck(what) => {
                    // What is tried again daily is logged daily, too.
                    let is_first = draft.payment().is_some_and(|it| it.tries(&what) <= UNDOING_TRIES);
                    if !is_stuck && is_first {
                        draft.emit_for_payment(PaymentEvent::CancellationStuck { why: what.to_string() });
                    }
                    CancellationState::Requested { remind_at, is_stuck: true }
                }
            }
        }
    };
    if let Some(state) = draft.cancellation() {
        *state = after;
    }
    if matches!(after, CancellationState::Done { remind_at: None, .. }) {
        let refunding = draft.checkout().attempts.iter().filter(|it| it.state.is_refunding());
        let refunding: Vec<AttemptNumber> = refunding.map(|it| it.number).collect();
        for number in refunding {
            // Nothing is held or kept any more.
            draft.end_unpaid(number, NotPaidReason::OrderCanceled);
        }
    }
}

/// The progress of the undo steps.
enum UndoProgress {
    Done,
    Waiting,
    Stuck(UndoStep),
}

/// Whether an undo step was requested, for the first time or again.
#[derive(PartialEq, Eq)]
enum Retry {
    Requested,
    /// It has been tried as often as is allowed.
    Exhausted,
}

impl PaymentDraft<'_> {
    /// Requests what is still to be undone.
    fn undo(&mut self) -> UndoProgress {
        self.overtake();
        self.wake_closes();
        // While one is open, the buyer could get the money twice.
        let is_disputed = self.payment.open_disputes().next().is_some();
        let payment = &*self.payment;
        let mut asked = Vec::new();
        let mut is_waiting = payment.in_flight().any(|it| !it.waits_for_close());
        for charge in payment.charges.iter().filter(|charge| charge.is_ours()) {
            if payment.changing(&charge.id).is_some() {
                continue;
            }
            if payment.is_stopped_for(Some(&charge.id)) {
                // Nothing more is sent for this charge until the contradiction is settled.
                is_waiting = true;
                continue;
            }
            match charge.state {
                ChargeState::AuthorizationInitiated | ChargeState::CaptureInitiated => is_waiting = true,
                // It pays for a parcel that has left. It cannot be canceled in part; what is captured of it
                // is up to the shop, or to its policy.
                ChargeState::Authorized if !self.undoes(&charge.id) => {}
                // Amazon has refused to undo this charge, which may already be captured, canceled or
                // refunded.
                ChargeState::Authorized | ChargeState::Captured(_)
                    if charge.sight == LastSeen::Doubted
                        || (charge.sight == LastSeen::Never && was_refused(payment, &charge.id)) =>
                {
                    is_waiting = true;
                }
                ChargeState::Authorized if is_disputed => is_waiting = true,
                ChargeState::Captured(_) if is_disputed => {
                    // What is left may be more than what is certain now.
                    is_waiting |= is_refunding(charge) || charge.is_recounted(self.now);
                    is_waiting |= !payment.kept(charge).less(self.leaves(charge)).is_zero();
                }
                ChargeState::Authorized => asked.push((UndoStep::CancelCharge(charge.id.clone()), None)),
                ChargeState::Captured(_) => {
                    // What is left may be more than what is certain now.
                    is_waiting |= is_refunding(charge) || charge.is_recounted(self.now);
                    // Earlier refunds count as refunds of the parcels that have not left.
                    let amount =
                        payment.refundable(charge, RefundCeiling::Captured).less(self.leaves(charge));
                    if !amount.is_zero() {
                        asked.push((UndoStep::Refund(charge.id.clone()), Some(amount)));
                    }
                }
                ChargeState::Canceled(_) | ChargeState::Declined(_) => {}
            }
        }
        let mut stuck = None;
        for (what, amount) in asked {
            match self.ask_again(&what, amount, UNDOING_TRIES) {
                Retry::Requested => is_waiting = true,
                Retry::Exhausted => stuck = Some(what),
            }
        }
        // The permission is closed even if something cannot be undone, so that at least nothing more can be
        // charged.
        if !is_waiting && self.closes() {
            if is_disputed {
                return UndoProgress::Waiting;
            }
            match self.ask_again(&UndoStep::Close, None, UNDOING_TRIES) {
                Retry::Requested => is_waiting = true,
                Retry::Exhausted => stuck = Some(UndoStep::Close),
            }
        }
        // What is in doubt is sent again under the closed permission, where it can no longer take effect.
        let is_in_doubt = self.payment.in_flight().next().is_some();
        match stuck {
            _ if is_waiting => UndoProgress::Waiting,
            Some(what) => UndoProgress::Stuck(what),
            None if is_in_doubt => UndoProgress::Waiting,
            None => UndoProgress::Done,
        }
    }

    /// Requests an undo step, again if Amazon refused it, unless it has already been tried `most` times. Only
    /// a refund has an amount.
    fn ask_again(&mut self, what: &UndoStep, amount: Option<Money>, most: usize) -> Retry {
        let tries = self.tries(what);
        if tries >= most {
            return Retry::Exhausted;
        }
        let (asked, request) = match (what, amount) {
            (UndoStep::CancelCharge(id), _) => (
                OperationRequest::CancelCharge(id.clone()),
                PaymentCall::CancelCharge { charge_id: id.clone() },
            ),
            (UndoStep::Refund(id), amount) => {
                let amount = amount.unwrap_or(Money::zero(self.payment.limit.currency()));
                let asked = OperationRequest::Refund { charge_id: Some(id.clone()), amount: Some(amount) };
                (asked, PaymentCall::Refund { charge_id: id.clone(), amount })
            }
            (UndoStep::Close, _) => {
                let reason = Some(String::from("the order was canceled"));
                (OperationRequest::Close { reason: reason.clone() }, PaymentCall::Close { reason })
            }
        };
        let try_number = u32::try_from(tries).unwrap_or(u32::MAX).saturating_add(1);
        let name = OperationName::Own(OwnName::Undo { what: what.clone(), try_number });
        let number = self.payment.record(name, asked, request, self.now);
        self.emit(PaymentEvent::OperationRecorded(number));
        Retry::Requested
    }

    /// How many times an undo step was tried.
    fn tries(&self, what: &UndoStep) -> usize {
        let is_of_it = |name: &OperationName| matches!(name, OperationName::Own(OwnName::Undo { what: known, .. }) if known == what);
        self.payment.operations.iter().filter(|it| is_of_it(&it.name)).count()
    }

    /// Ends the operations that would take the buyer's money and were never sent, or that Amazon turned away
    /// without evaluating them. If Amazon executed a copy anyway, the charge that appears is undone as well.
    fn overtake(&mut self) {
        let overtaken = self.payment.operations.iter().filter(|operation| {
            let is_unsent = matches!(operation.state, OperationState::InFlight(InFlight::Recorded { .. }));
            let takes_money = match &operation.request {
                PaymentCall::CreateCharge { .. } => true,
                PaymentCall::Capture { charge_id, .. } => self.undoes(charge_id),
                PaymentCall::Refund { .. } | PaymentCall::CancelCharge { .. } | PaymentCall::Close { .. } => {
                    false
                }
            };
            is_unsent && takes_money
        });
        let overtaken: Vec<OperationNumber> = overtaken.map(|operation| operation.number).collect();
        for number in overtaken {
            self.end(number, Err(OVERTAKEN));
        }
    }

    /// Requests an undo step once more because a person asks for it, if it is still needed.
    pub(in crate::merchant) fn try_once_more(&mut self, what: &UndoStep) {
        let charge = |id| self.payment.charge(id).filter(|it| it.contradicted_by().is_none());
        let amount = match what {
            UndoStep::CancelCharge(id)
                if charge(id).is_some_and(|it| it.state == ChargeState::Authorized) =>
            {
                None
            }
            UndoStep::Refund(id) => {
                let left = |it| self.payment.refundable(it, RefundCeiling::Captured).less(self.leaves(it));
                let Some(amount) = charge(id).map(left).filter(|it| !it.is_zero()) else { return };
                Some(amount)
            }
            UndoStep::Close if self.closes() => None,
            UndoStep::CancelCharge(_) | UndoStep::Close => return,
        };
        let is_asked = self.payment.in_flight().any(|it| it.is_undo_of(what));
        if !is_asked && self.payment.operations.len() < MAX_OPERATIONS {
            self.ask_again(what, amount, usize::MAX);
        }
    }

    /// Looks again at what is known, because it may be out of date, and retries what can be retried without a
    /// look first.
    fn try_again(&mut self) {
        let look = Some(LookSchedule::now(self.now));
        let is_contradicted = self.payment.charges.iter().any(|charge| charge.contradicted_by().is_some());
        for charge in &mut self.payment.charges {
            if matches!(charge.state, ChargeState::Authorized | ChargeState::Captured(_)) {
                charge.look = look;
            }
        }
        let is_waiting = self.payment.in_flight().any(|it| !it.waits_for_close());
        let held = self.payment.charges.iter().filter(|charge| charge.state == ChargeState::Authorized);
        let held = held.filter(|charge| charge.is_ours() && self.undoes(&charge.id));
        let held: Vec<ChargeId> = held.map(|charge| charge.id.clone()).collect();
        if is_contradicted || self.payment.open_disputes().next().is_some() {
            // Nothing is sent until the contradiction or the dispute is settled. The looks will show when a
            // contradiction is.
            return;
        }
        for id in held {
            if self.payment.changing(&id).is_none() && self.payment.operations.len() < MAX_OPERATIONS {
                self.ask_again(&UndoStep::CancelCharge(id), None, usize::MAX);
            }
        }
        for what in self.refused_refunds() {
            self.try_once_more(&what);
        }
        if self.closes() {
            self.payment.permission.look = look;
            if !is_waiting && self.payment.operations.len() < MAX_OPERATIONS {
                self.ask_again(&UndoStep::Close, None, usize::MAX);
            }
        }
    }
}

impl PaymentDraft<'_> {
    /// The refunds that have been tried as often as is allowed without a pause. Amazon is asked for the charge before
    /// a refund leaves, so what somebody has returned by hand meanwhile is not returned again.
    fn refused_refunds(&self) -> Vec<UndoStep> {
        let is_kept = |it: &&Charge| {
            let is_decided = !is_refunding(it) && !it.is_recounted(self.now);
            matches!(it.state, ChargeState::Captured(_)) && it.is_ours() && is_decided
        };
        let kept = self.payment.charges.iter().filter(is_kept);
        let kept = kept.filter(|it| self.payment.changing(&it.id).is_none());
        let steps = kept.map(|it| UndoStep::Refund(it.id.clone()));
        steps.filter(|what| self.tries(what) >= UNDOING_TRIES).collect()
    }
}

/// Whether Amazon still decides on a refund of a charge.
fn is_refunding(charge: &Charge) -> bool {
    charge.refunds.iter().any(|refund| refund.state == RefundState::RefundInitiated)
}

/// Whether Amazon has refused an operation on a charge.
fn was_refused(payment: &Payment, id: &ChargeId) -> bool {
    payment.operations.iter().any(|operation| {
        let is_of_charge = match &operation.request {
            PaymentCall::CancelCharge { charge_id } | PaymentCall::Refund { charge_id, .. } => {
                charge_id == id
            }
            PaymentCall::Capture { .. } | PaymentCall::CreateCharge { .. } | PaymentCall::Close { .. } => {
                false
            }
        };
        is_of_charge && matches!(operation.state, OperationState::Refused { .. })
    })
}

/// Reminds the operator of a cancellation that is not finished, and tries once more to cancel what is
/// authorized, to refund what is captured and to close the permission: somebody may have fixed the reason for which
/// Amazon refused. Returns whether anything was due.
pub(super) fn remind(draft: &mut Draft) -> bool {
    let now = draft.now;
    let cancellation = draft.checkout().cancellation.as_ref();
    if cancellation.and_then(Cancellation::due_at).is_none_or(|due_at| due_at > now) {
        return false;
    }
    let tomorrow = now.plus(DAY);
    let payment = draft.checkout().payment.as_ref();
    let is_disputed = payment.is_some_and(|payment| payment.open_disputes().next().is_some());
    let why = match draft.cancellation() {
        Some(CancellationState::Requested { remind_at, is_stuck }) => {
            *remind_at = tomorrow;
            match is_stuck {
                _ if is_disputed => "a dispute is open",
                true => "Amazon refuses to undo it",
                false => "something is still in flight",
            }
        }
        Some(CancellationState::Done { remind_at, .. }) => {
            *remind_at = Some(tomorrow);
            "what turned up after it is not undone"
        }
        None => return false,
    };
    if let Some(mut payment) = draft.payment() {
        payment.try_again();
    }
    draft.emit_for_payment(PaymentEvent::CancellationStuck { why: why.into() });
    true
}
