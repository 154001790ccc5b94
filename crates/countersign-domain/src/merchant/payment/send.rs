//! Sends an operation and finds out its result: from its answers, and from what a look at a charge or at the
//! permission proves about it. Which operations are allowed at all is decided in [`super::ask`].
//!
//! Recovery depends on the kind of call: Capture and Cancel look at the charge, Close at the permission;
//! Create Charge and Create Refund send the same bytes under the same key again, since Amazon can list
//! neither, and the answer that Amazon stores under the key is the result. After a crash between the answer
//! and its write, the lease runs out; then the look-up, or the same bytes again, finds the result again.

use crate::merchant::number::OperationNumber;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::Payment;
use super::amount_view::AmountView;
use super::charge::{Charge, ChargeOrigin, ChargeState, ChargeView};
use super::contest::ClaimedId;
use super::misfit::Misfit;
use super::operation::{Operation, OperationEffect, OperationName, OperationState, OwnName, PaymentCall};
use super::permission::{PermissionState, PermissionView};
use super::refund::{Refund, RefundState, RefundView};
use crate::ids::{ChargeId, RefundId};
use crate::merchant::call::{CallAnswer, CallNeeds, InFlight, KeyedRequest, LookSchedule};
use crate::merchant::checkout::draft::{Draft, PaymentDraft};
use crate::merchant::event::PaymentEvent;
use crate::merchant::next::{CallId, NextStep, OutgoingCall};
use crate::merchant::proof::{ObjectView, Proof, answer_proof, is_of_another_act, lead};
use crate::merchant::rules::{
    ALARMS, CLOSE_WAITS, CONTRADICTIONS, COPY_LIFETIME, REFUND_DECIDED_AFTER, alarms_due, doubt_delay,
    not_evaluated_delay, reminders_due,
};
use crate::money::Money;
use crate::reason_code::{ReasonClass, ReasonCode};
use crate::time::{HOUR, Timestamp};

/// What came back for an operation; a refusal is Amazon's code.
pub type OperationAnswer = CallAnswer<ObjectView, String>;

/// The code of an operation that was overtaken by a cancellation before it had an effect.
pub const OVERTAKEN: &str = "OrderCanceled";

/// The code of a refund that was recorded and, before it was sent, turned out to return more than is left.
pub const TOO_MUCH: &str = "ExceedsRefundable";

/// The code of a refund that was in doubt and that Amazon shows not to have been made.
pub const NOT_MADE: &str = "RefundNotMade";

/// The code of an operation that persons have decided to have had no effect.
pub const DECIDED: &str = "Decided";

/// Why a refund waits to be sent while Amazon does not show its charge.
const UNSEEN: &str = "Amazon has not shown its charge";

/// Why a refund, or a part of undoing an order, waits to be sent while the payment is disputed.
const DISPUTED: &str = "a dispute is open";

/// The code of an operation whose charge, as Amazon shows it, is not Authorized any more: somebody else has
/// captured or canceled it.
pub const NOT_AUTHORIZED: &str = "NotAuthorized";
/// The code of an operation whose charge was declined, as Amazon shows it.
pub const DECLINED: &str = "Declined";

/// Records an operation's first send, or the next one after it was turned away, before it leaves. `first` is
/// used only if nothing was sent before.
///
/// Before money is returned, Amazon is asked what has been returned already: others may have returned some, and
/// the notification of that may be lost.
pub fn begin(draft: &mut Draft, number: OperationNumber, first: KeyedRequest) -> NextStep {
    let Some(draft) = &mut draft.payment() else { return NextStep::Rest };
    if draft.payment.operation(number).is_none_or(|it| is_contradicted(draft.payment, it)) {
        return NextStep::Rest;
    }
    if draft.waits_for_dispute(number) {
        draft.wait_to_send(number, DISPUTED);
        return NextStep::Rest;
    }
    if let Some(charge_id) = draft.unseen_charge(number) {
        return NextStep::LookBefore { charge_id, number };
    }
    if draft.returns_too_much(number) {
        draft.end(number, Err(TOO_MUCH));
        return NextStep::Rest;
    }
    let Some(operation) = draft.payment.operation_mut(number) else { return NextStep::Rest };
    let OperationState::InFlight(InFlight::Recorded { earlier, .. }) = &mut operation.state else {
        return NextStep::Rest;
    };
    let send = earlier.take().unwrap_or(first);
    let (begun, event) = InFlight::begun(send.clone(), draft.now, draft.rules);
    operation.state = OperationState::InFlight(begun);
    operation.last_sent_at = Some(draft.now);
    draft.emit(PaymentEvent::OperationCall { number, event });
    draft.delivery(number, send)
}

/// Records a re-send before it leaves: the same bytes under the same key. Returns [`NextStep::Rest`] if the
/// operation is no longer in doubt, must wait until its canceled order's permission is closed, or concerns a
/// charge that Amazon contradicts, or if it would return more than is left because others have refunded since.
pub fn send_again(draft: &mut Draft, number: OperationNumber) -> NextStep {
    let Some(draft) = &mut draft.payment() else { return NextStep::Rest };
    let is_held_back = draft
        .payment
        .operation(number)
        .is_none_or(|it| draft.holds_back(it) || is_contradicted(draft.payment, it));
    if is_held_back || draft.waits_for_dispute(number) {
        return NextStep::Rest;
    }
    if let Some(charge_id) = draft.unseen_charge(number) {
        return NextStep::LookBefore { charge_id, number };
    }
    if draft.returns_too_much(number) {
        return NextStep::Rest;
    }
    let now = draft.now;
    let Some(operation) = draft.payment.operation_mut(number) else { return NextStep::Rest };
    let again = operation.state.in_flight_mut().and_then(InFlight::send_again);
    let Some((send, event)) = again else { return NextStep::Rest };
    operation.last_sent_at = Some(now);
    draft.emit(PaymentEvent::OperationCall { number, event });
    draft.delivery(number, send)
}

/// Handles an answer to an operation; returns the step that finds out what the answer leaves open.
///
/// A success counts whenever it arrives: what it shows is applied even if the operation has ended; if the
/// operation ended differently, the operator is notified. A refusal of the only send counts; a refusal of a
/// later send counts only if it also speaks for the earlier copies. Anything else leaves the operation in
/// doubt.
pub fn answered(draft: &mut Draft, number: OperationNumber, answer: &OperationAnswer) -> NextStep {
    let Some(draft) = &mut draft.payment() else { return NextStep::Rest };
    draft.take_answer(number, answer);
    match draft.payment.operation(number) {
        // An answer that proves nothing is still a hint: the object that it concerns is looked at.
        Some(operation) if operation.state.is_in_doubt() => find_out(draft.payment, operation, draft.now),
        Some(_) | None => NextStep::Rest,
    }
}

/// Handles every send whose process has ended. Returns how many there were.
pub fn orphaned(draft: &mut Draft) -> usize {
    let Some(draft) = &mut draft.payment() else { return 0 };
    let now = draft.now;
    let sent = draft.payment.operations.iter_mut().filter_map(|operation| {
        let event = operation.state.in_flight_mut()?.orphaned(now)?;
        Some((operation.number, event))
    });
    let sent: Vec<_> = sent.collect();
    let count = sent.len();
    for (number, event) in sent {
        draft.emit(PaymentEvent::OperationCall { number, event });
    }
    count
}

/// Applies what Get Charge showed; returns the next step for the operations that wait for it.
pub fn charge_shown(draft: &mut Draft, shown: &ChargeView) -> NextStep {
    let Some(draft) = &mut draft.payment() else { return NextStep::Rest };
    let is_named = |lead: &OperationEffect| matches!(lead, OperationEffect::Charge(id) if *id == shown.id);
    let maker = draft.led_to(is_named, || ObjectView::Charge(shown.clone()));
    let origin = maker.map_or(ChargeOrigin::Elsewhere, |_| ChargeOrigin::Operation);
    if !draft.take_charge(shown, origin) {
        return NextStep::Rest;
    }
    if let Some(number) = maker {
        draft.end(number, Ok(OperationEffect::Charge(shown.id.clone())));
    }
    let next = draft.resolve_by_charge(&shown.id);
    let refunds = match shown.refunded {
        AmountView::Shown(_) => draft.resolve_refunds(&shown.id, shown.asked_at),
        AmountView::Absent | AmountView::Unreadable => NextStep::Rest,
    };
    if next == NextStep::Rest { refunds } else { next }
}

/// Handles what Get Charge showed before a refund is sent, or that it showed nothing. Returns whether the refund
/// may be sent now; if not, its timer asks again.
pub fn charge_shown_before(draft: &mut Draft, number: OperationNumber, shown: Option<&ChargeView>) -> bool {
    if let Some(shown) = shown {
        // A step for another operation is left to its own timer.
        charge_shown(draft, shown);
    }
    let Some(draft) = &mut draft.payment() else { return false };
    let is_seen = draft.unseen_charge(number).is_none();
    if !is_seen {
        draft.wait_to_send(number, UNSEEN);
    }
    is_seen
}

/// Handles an answer to Get Charge that names another charge than this one.
pub fn other_charge_shown(draft: &mut Draft, asked_for: &ChargeId) {
    if let Some(draft) = &mut draft.payment() {
        draft.contradict_charge(asked_for, Misfit::IdsDiffer);
    }
}

/// Handles an answer to Get Refund that names another refund than this one: what its charge has returned is not
/// certain.
pub fn other_refund_shown(draft: &mut Draft, asked_for: &RefundId) {
    let Some(draft) = &mut draft.payment() else { return };
    let is_lead = |it: &&mut Operation| {
        it.state.is_in_doubt() && matches!(&it.lead, Some(OperationEffect::Refund(id)) if id == asked_for)
    };
    for operation in draft.payment.operations.iter_mut().filter(is_lead) {
        operation.lead = None;
    }
    let charge = draft.payment.refund(asked_for).map(|(charge, _)| charge.id.clone());
    draft.contradict_by_other_id(charge.as_ref(), asked_for);
}

/// Handles an answer to Get Charge Permission that names another permission than the payment's.
pub fn other_permission_shown(draft: &mut Draft) {
    let Some(draft) = &mut draft.payment() else { return };
    let payment = &draft.payment;
    let is_first = |it: &&Charge| it.origin == ChargeOrigin::Finalize;
    let charge = payment.charges.iter().find(is_first).or(payment.charges.first());
    let (charge, permission) = (charge.map(|it| it.id.clone()), payment.charge_permission_id.clone());
    draft.contradict_by_other_id(charge.as_ref(), &permission);
}

/// Applies what Get Refund showed.
pub fn refund_shown(draft: &mut Draft, shown: &RefundView) {
    if let Some(draft) = &mut draft.payment() {
        let is_named =
            |lead: &OperationEffect| matches!(lead, OperationEffect::Refund(id) if *id == shown.id);
        if let Some(number) = draft.led_to(is_named, || ObjectView::Refund(shown.clone())) {
            draft.end(number, Ok(OperationEffect::Refund(shown.id.clone())));
        }
        draft.take_refund(shown);
    }
}

/// Applies what Get Charge Permission showed; returns the next step for a Close that waits for it.
pub fn permission_shown(draft: &mut Draft, shown: &PermissionView) -> NextStep {
    let Some(draft) = &mut draft.payment() else { return NextStep::Rest };
    draft.take_permission(shown);
    draft.resolve_by_permission(shown)
}

/// Whether Amazon contradicts the charge that an operation concerns, or the one that the order was paid with,
/// so that nothing more is sent.
fn is_contradicted(payment: &Payment, operation: &Operation) -> bool {
    payment.is_stopped_for(operation.request.charge_id())
}

/// The step that finds out the result of an operation in doubt. The object that an answer has named is looked
/// at, but every second time the same bytes are sent again, because the object may have been named by
/// mistake.
///
/// For a refund that was sent a while ago, its charge is looked at before it is sent again.
fn find_out(payment: &Payment, operation: &Operation, now: Timestamp) -> NextStep {
    let looks = operation.state.in_flight().and_then(InFlight::doubt).map_or(0, |doubt| doubt.look.count);
    if looks.is_multiple_of(2) {
        match &operation.lead {
            Some(OperationEffect::Charge(id)) => return NextStep::LookAtCharge(id.clone()),
            Some(OperationEffect::Refund(id)) => return NextStep::LookAtRefund(id.clone()),
            Some(OperationEffect::Closed) | None => {}
        }
    }
    match &operation.request {
        PaymentCall::Refund { charge_id, .. } if was_sent_before(operation, COPY_LIFETIME, now) => {
            NextStep::LookAtCharge(charge_id.clone())
        }
        PaymentCall::CreateCharge { .. } | PaymentCall::Refund { .. } => {
            NextStep::SendAgain(CallId::Operation(operation.number))
        }
        PaymentCall::Capture { charge_id, .. } | PaymentCall::CancelCharge { charge_id } => {
            NextStep::LookAtCharge(charge_id.clone())
        }
        PaymentCall::Close { .. } => NextStep::LookAtPermission(payment.charge_permission_id.clone()),
    }
}

/// Whether an operation was last sent at least this long before an instant.
fn was_sent_before(operation: &Operation, pause: Duration, now: Timestamp) -> bool {
    operation.last_sent_at.is_some_and(|sent_at| now.since(sent_at) >= pause)
}

impl PaymentDraft<'_> {
    /// Records an answer that names another object than was asked for, about the charge that the object belongs to:
    /// a look at the charge settles it.
    fn contradict_by_other_id(&mut self, charge: Option<&ChargeId>, asked_for: &impl ToString) {
        let Some(id) = charge else {
            return self.contradict(asked_for, Misfit::IdsDiffer.found());
        };
        self.contradict_charge(id, Misfit::IdsDiffer);
        let look = Some(LookSchedule::first(self.now));
        if let Some(charge) = self.payment.charge_mut(id) {
            charge.look = look;
        }
    }

    /// The charge that a refund takes its money from, if Amazon must be asked for it before the refund is sent.
    fn unseen_charge(&self, number: OperationNumber) -> Option<ChargeId> {
        let (charge, _) = self.refund_to_send(number)?;
        charge.must_be_seen(self.now).then(|| charge.id.clone())
    }

    /// Whether a refund that is to be sent returns more than is left, now that Amazon has shown what was
    /// returned.
    fn returns_too_much(&self, number: OperationNumber) -> bool {
        let Some((charge, amount)) = self.refund_to_send(number) else { return false };
        let ceiling = self.rules.policy.refund_ceiling;
        let is_in_doubt = self.payment.operation(number).is_some_and(|it| it.state.is_in_doubt());
        if is_in_doubt {
            // What Amazon shows may be its effect.
            return self.payment.returns_too_much(charge, ceiling);
        }
        // Its own amount is among what is in flight.
        amount.minor() > self.payment.refundable_beside(charge, ceiling, number).minor()
    }

    fn refund_to_send(&self, number: OperationNumber) -> Option<(&Charge, Money)> {
        let operation = self.payment.operation(number)?;
        match operation.state {
            OperationState::InFlight(InFlight::Recorded { .. } | InFlight::InDoubt(_)) => {}
            OperationState::InFlight(InFlight::Sent { .. })
            | OperationState::Done(_)
            | OperationState::Refused { .. } => return None,
        }
        let PaymentCall::Refund { charge_id, amount } = &operation.request else { return None };
        Some((self.payment.charge(charge_id)?, *amount))
    }

    /// Whether an operation may not be sent while the payment is disputed: a refund of a charge that a dispute
    /// may be about, and every part of undoing the order.
    fn waits_for_dispute(&self, number: OperationNumber) -> bool {
        let Some(operation) = self.payment.operation(number) else { return false };
        let is_refund_of_disputed = match &operation.request {
            PaymentCall::Refund { charge_id, .. } => self.payment.is_disputed(charge_id),
            PaymentCall::CreateCharge { .. }
            | PaymentCall::Capture { .. }
            | PaymentCall::CancelCharge { .. }
            | PaymentCall::Close { .. } => false,
        };
        let undoes = matches!(operation.name, OperationName::Own(OwnName::Undo { .. }));
        is_refund_of_disputed || (undoes && self.payment.open_disputes().next().is_some())
    }

    /// Makes the operations due that have waited for a dispute, now that one is settled.
    pub(in crate::merchant) fn wake_held(&mut self) {
        let now = self.now;
        for operation in &mut self.payment.operations {
            if let Some(InFlight::Recorded { earlier: None, retry_at, .. }) = operation.state.in_flight_mut()
            {
                *retry_at = now.min(*retry_at);
            }
        }
    }

    /// Puts off an operation that may not be sent yet, longer and longer, and notifies the operator if it has
    /// waited for a long time. An operation in doubt has its own timer and alarms.
    fn wait_to_send(&mut self, number: OperationNumber, why: &'static str) {
        let now = self.now;
        let Some(operation) = self.payment.operation_mut(number) else { return };
        let Some(InFlight::Recorded { retry_at, .. }) = operation.state.in_flight_mut() else { return };
        let waited = now.since(operation.requested_at);
        *retry_at = now.plus(waited.clamp(not_evaluated_delay(1), HOUR));
        let due = alarms_due(&ALARMS, waited).saturating_add(reminders_due(waited));
        let rings = due > operation.alarm_count;
        operation.alarm_count = operation.alarm_count.max(due);
        if rings {
            self.emit(PaymentEvent::OperationWaits { number, why });
        }
    }

    fn delivery(&self, number: OperationNumber, send: KeyedRequest) -> NextStep {
        let Some(operation) = self.payment.operation(number) else { return NextStep::Rest };
        NextStep::Send(OutgoingCall::Operation {
            number,
            charge_permission_id: self.payment.charge_permission_id.clone(),
            request: operation.request.clone(),
            send,
        })
    }

    fn take_answer(&mut self, number: OperationNumber, answer: &OperationAnswer) {
        let mut unusable = "";
        if let CallAnswer::Success(shown) = answer {
            let Some(operation) = self.payment.operation(number) else { return };
            let named = lead(self.payment, operation, shown).filter(|named| !self.is_taken_effect(named));
            match self.unless_taken(answer_proof(self.payment, operation, shown)) {
                Proof::Fits(effect) => return self.take_success(number, effect, shown),
                Proof::Contradicts(misfit) => {
                    // The same bytes get the same answer again, which is no news.
                    let is_news = match &operation.state {
                        OperationState::InFlight(in_flight) => matches!(in_flight, InFlight::Sent { .. }),
                        OperationState::Done(_) | OperationState::Refused { .. } => true,
                    };
                    if is_news {
                        self.contradict(&shown.id(), misfit.found());
                    }
                    unusable = misfit.found();
                    if let Some(operation) = self.payment.operation_mut(number).filter(|it| it.was_sent()) {
                        let count = operation.contradicted_count.saturating_add(1);
                        operation.contradicted_count = count.min(CONTRADICTIONS);
                    }
                }
                Proof::Nothing(why) => unusable = why,
            }
            if let Some(operation) = self.payment.operation_mut(number).filter(|it| !it.state.is_final()) {
                operation.lead = named;
            }
        }
        let Some(operation) = self.payment.operation_mut(number) else { return };
        let OperationState::InFlight(in_flight) = &mut operation.state else { return };
        if let CallAnswer::Refused(code) = answer {
            let counts = match in_flight {
                InFlight::Sent { .. } => true,
                InFlight::InDoubt(doubt) => ends_doubt(&operation.request, doubt.look, code),
                InFlight::Recorded { .. } => false,
            };
            if counts {
                let request = operation.request.clone();
                self.end(number, Err(code));
                self.look_after_refusal(&request);
                return;
            }
        }
        let kind = operation.request.kind();
        let turned_away = operation.turned_away.saturating_add(1);
        let pause = not_evaluated_delay(turned_away);
        let event = in_flight.unsettled(kind, answer, unusable, pause, self.now);
        if let InFlight::Recorded { .. } = in_flight
            && event.is_some()
        {
            operation.turned_away = turned_away;
        }
        if let Some(event) = event {
            self.emit(PaymentEvent::OperationCall { number, event });
        }
    }

    /// What an answer proves, given that another order may hold the object that it names.
    fn unless_taken(&self, proof: Proof<OperationEffect>) -> Proof<OperationEffect> {
        match proof {
            Proof::Fits(effect) if self.is_taken_effect(&effect) => Proof::Contradicts(Misfit::OfAnotherAct),
            Proof::Fits(_) | Proof::Contradicts(_) | Proof::Nothing(_) => proof,
        }
    }

    fn is_taken_effect(&self, effect: &OperationEffect) -> bool {
        match effect {
            // A charge that is known is this order's.
            OperationEffect::Charge(id) => {
                self.payment.charge(id).is_none() && self.is_taken(&ClaimedId::Charge(id.clone()))
            }
            OperationEffect::Refund(id) => {
                self.payment.refund(id).is_none() && self.is_taken(&ClaimedId::Refund(id.clone()))
            }
            OperationEffect::Closed => false,
        }
    }

    /// Applies a success with its effect. If the operation has ended differently, the operator is notified;
    /// what the success shows counts all the same, since Amazon has it.
    fn take_success(&mut self, number: OperationNumber, effect: OperationEffect, shown: &ObjectView) {
        let Some(operation) = self.payment.operation_mut(number) else { return };
        // The answer to a later copy may be the one that Amazon has stored under the key since the first.
        let is_first = matches!(operation.state, OperationState::InFlight(InFlight::Sent { .. }));
        let known_since = (!is_first).then_some(operation.requested_at);
        let differs = match &operation.state {
            // Nothing was sent that could have an effect.
            OperationState::InFlight(InFlight::Recorded { earlier: None, .. }) => return,
            OperationState::InFlight(_) => {
                self.end(number, Ok(effect.clone()));
                false
            }
            OperationState::Done(known) => *known != effect,
            OperationState::Refused { .. } => true,
        };
        match shown {
            ObjectView::Charge(shown) => {
                let as_kept = known_since.map(|asked_at| ChargeView { asked_at, ..shown.clone() });
                self.take_charge(as_kept.as_ref().unwrap_or(shown), ChargeOrigin::Operation);
            }
            ObjectView::Refund(shown) => self.take_refund(shown),
            ObjectView::Permission(shown) => self.take_permission(shown),
            ObjectView::OnlyId(_) => {}
        }
        // A capture that was accepted and then declined has failed, which is already known.
        let is_declined = |id| {
            self.payment.charge(id).is_some_and(|charge| matches!(charge.state, ChargeState::Declined(_)))
        };
        let came_to_nothing = matches!(&effect, OperationEffect::Charge(id) if is_declined(id));
        if differs && !came_to_nothing {
            self.contradict(&effect, "a late success");
        }
    }

    /// Looks at the object whose state, according to a refusal, is not the one known here.
    fn look_after_refusal(&mut self, request: &PaymentCall) {
        let look = Some(LookSchedule::now(self.now));
        match request {
            PaymentCall::CreateCharge { .. } | PaymentCall::Close { .. } => {
                self.payment.permission.look = look
            }
            PaymentCall::Capture { charge_id, .. }
            | PaymentCall::CancelCharge { charge_id }
            | PaymentCall::Refund { charge_id, .. } => {
                if let Some(charge) = self.payment.charge_mut(charge_id) {
                    charge.doubt(LookSchedule::now(self.now));
                }
            }
        }
    }

    /// Takes up an operation that is due.
    pub(in crate::merchant) fn take_up(&mut self, number: OperationNumber) -> NextStep {
        let now = self.now;
        let is_contradicted =
            self.payment.operation(number).is_some_and(|it| is_contradicted(self.payment, it));
        let waits = is_contradicted || self.waits_for_others(number);
        let Some(operation) = self.payment.operation_mut(number) else { return NextStep::Rest };
        let kind = operation.request.kind();
        let Some(in_flight) = operation.state.in_flight_mut() else { return NextStep::Rest };
        if let InFlight::Recorded { retry_at, .. } = in_flight
            && waits
        {
            *retry_at = now.plus(CLOSE_WAITS);
            return NextStep::Rest;
        }
        let (needs, event) = in_flight.take_up(kind, now, self.rules);
        if let Some(event) = event {
            self.emit(PaymentEvent::OperationCall { number, event });
        }
        let Some(operation) = self.payment.operation(number) else { return NextStep::Rest };
        match needs {
            CallNeeds::Send => NextStep::Begin(CallId::Operation(number)),
            CallNeeds::Wait => NextStep::Rest,
            CallNeeds::Look => {
                let next = find_out(self.payment, operation, now);
                let is_send = matches!(next, NextStep::SendAgain(_));
                // Once the permission is seen to be Closed, the operation is taken up again.
                let is_held = is_contradicted || self.holds_back(operation);
                if is_send && is_held { NextStep::Rest } else { next }
            }
        }
    }

    /// The operation in doubt whose answer has named this object, if the object proves to be the operation's
    /// effect. If the object proves not to be, the operation forgets it.
    fn led_to(
        &mut self,
        is_named: impl Fn(&OperationEffect) -> bool,
        view: impl FnOnce() -> ObjectView,
    ) -> Option<OperationNumber> {
        let led = |it: &&Operation| it.state.is_in_doubt() && it.lead.as_ref().is_some_and(&is_named);
        let operation = self.payment.operations.iter().find(led)?;
        let number = operation.number;
        match self.unless_taken(answer_proof(self.payment, operation, &view())) {
            Proof::Fits(_) => return Some(number),
            Proof::Contradicts(_) => {}
            Proof::Nothing(_) => return None,
        }
        if let Some(operation) = self.payment.operation_mut(number) {
            operation.lead = None;
        }
        None
    }

    /// Whether a Close still waits: a permission is closed when the earlier operations are over; for a
    /// canceled order it is closed first.
    fn waits_for_others(&self, number: OperationNumber) -> bool {
        let comes_before = |it: &Operation| {
            it.number < number && !is_close(it) && !(self.is_canceled && it.waits_for_close())
        };
        self.payment.operation(number).is_some_and(is_close) && self.payment.in_flight().any(comes_before)
    }

    /// Makes a Close due that has waited for other operations, now that they are over. A Close that somebody
    /// is about to send is due within the lease, and is left alone.
    pub(in crate::merchant) fn wake_closes(&mut self) {
        let waiting = self.payment.in_flight().filter(|it| is_close(it) && it.turned_away == 0);
        let waiting: Vec<OperationNumber> = waiting.map(|it| it.number).collect();
        for number in waiting {
            if self.waits_for_others(number) {
                continue;
            }
            let operation = self.payment.operation_mut(number);
            if let Some(InFlight::Recorded { earlier: None, retry_at, .. }) =
                operation.and_then(|operation| operation.state.in_flight_mut())
                && *retry_at > self.now.plus(self.rules.lease)
            {
                *retry_at = self.now;
            }
        }
    }

    /// Ends the operations that wait for a charge, by the state in which it was seen; returns the one that
    /// must be sent again. A capture that shows no effect is not sent again for an order that is being
    /// canceled: a copy of it may still arrive, but the charge itself is looked at until it is undone.
    fn resolve_by_charge(&mut self, id: &ChargeId) -> NextStep {
        let Some(state) = self.payment.charge(id).map(|charge| charge.state.clone()) else {
            return NextStep::Rest;
        };
        let mut next = NextStep::Rest;
        for index in 0..self.payment.operations.len() {
            let Some(operation) = self.payment.operations.get(index) else { continue };
            if !operation.state.is_in_doubt() || operation.request.changes_charge() != Some(id) {
                continue;
            }
            let number = operation.number;
            match (&state, operation.request.captures()) {
                // Somebody else captured it: this capture can no longer have an effect.
                (ChargeState::Captured(captured), Some(asked)) if *captured != asked => {
                    self.end(number, Err(NOT_AUTHORIZED));
                    self.contradict(id, "a capture of another amount");
                }
                (ChargeState::Captured(_) | ChargeState::CaptureInitiated, Some(_))
                | (ChargeState::Canceled(_), None) => {
                    self.end(number, Ok(OperationEffect::Charge(id.clone())))
                }
                (ChargeState::Declined(_), _) => self.end(number, Err(DECLINED)),
                (ChargeState::Canceled(_), Some(_))
                | (ChargeState::Captured(_) | ChargeState::CaptureInitiated, None) => {
                    self.end(number, Err(NOT_AUTHORIZED));
                }
                (ChargeState::AuthorizationInitiated | ChargeState::Authorized, Some(_))
                    if self.undoes(id) =>
                {
                    self.end(number, Err(OVERTAKEN));
                }
                // This proves nothing: the call may still be on its way. If it is sent again, it still has
                // its effect only once.
                (ChargeState::AuthorizationInitiated | ChargeState::Authorized, _) => {
                    next = NextStep::SendAgain(CallId::Operation(number));
                }
            }
        }
        next
    }

    /// Ends the refunds of a charge that are in doubt and that Amazon, in its answer to a request that left at
    /// `asked_at`, shows not to have been made, if they were last sent long ago; returns one that was sent a
    /// while ago, to be sent again. That Amazon does not show a refund at once proves nothing: it may show only
    /// what it has decided.
    fn resolve_refunds(&mut self, id: &ChargeId, asked_at: Timestamp) -> NextStep {
        if let Some((number, refund)) = self.refund_made(id, asked_at) {
            self.end(number, Ok(OperationEffect::Refund(refund)));
        }
        let Some(charge) = self.payment.charge(id) else { return NextStep::Rest };
        let is_of_charge = |it: &&Operation| {
            it.state.is_in_doubt()
                && matches!(&it.request, PaymentCall::Refund { charge_id, .. } if charge_id == id)
        };
        let open: Vec<&Operation> = self.payment.in_flight().filter(is_of_charge).collect();
        let is_not_made = |it: &&&Operation| {
            was_sent_before(it, REFUND_DECIDED_AFTER, asked_at)
                && it.request.amount().is_some_and(|amount| charge.shows_less_than(amount, asked_at))
        };
        let not_made: Vec<OperationNumber> = open.iter().filter(is_not_made).map(|it| it.number).collect();
        let is_old =
            |it: &&&Operation| was_sent_before(it, COPY_LIFETIME, asked_at) && !not_made.contains(&it.number);
        let old = open.iter().find(is_old).map(|operation| CallId::Operation(operation.number));
        for number in not_made {
            self.end(number, Err(NOT_MADE));
        }
        old.map_or(NextStep::Rest, NextStep::SendAgain)
    }

    /// The refund of a charge that is in doubt and cannot be sent again, because it would return more than is left,
    /// and what it has made: the only refund of its amount that became known since and that is not known to be
    /// another operation's. Its answer was lost, and a notification came first.
    fn refund_made(&self, id: &ChargeId, asked_at: Timestamp) -> Option<(OperationNumber, RefundId)> {
        let charge = self.payment.charge(id)?;
        if !self.payment.returns_too_much(charge, self.rules.policy.refund_ceiling) {
            return None;
        }
        let refunds = |it: &&Operation, amount: Money| matches!(&it.request, PaymentCall::Refund { charge_id, amount: asked } if charge_id == id && *asked == amount);
        let is_settled = |it: &&Operation| {
            let is_alone = |amount| self.payment.in_flight().filter(|it| refunds(it, amount)).count() == 1;
            it.state.is_in_doubt()
                && was_sent_before(it, COPY_LIFETIME, asked_at)
                && it.request.amount().is_some_and(|amount| refunds(it, amount) && is_alone(amount))
        };
        self.payment.in_flight().filter(is_settled).find_map(|operation| {
            let is_its_own = |refund: &&Refund| {
                Some(refund.amount) == operation.request.amount()
                    && !matches!(refund.state, RefundState::Declined(_))
                    && refund.known_at.is_some_and(|known_at| known_at >= operation.requested_at)
                    && !is_of_another_act(
                        self.payment,
                        operation,
                        &OperationEffect::Refund(refund.id.clone()),
                    )
            };
            let mut made = charge.refunds.iter().filter(is_its_own);
            let refund = made.next().filter(|_| made.next().is_none())?;
            Some((operation.number, refund.id.clone()))
        })
    }

    /// Ends the Close that waits for the permission, by the state in which it was seen.
    fn resolve_by_permission(&mut self, shown: &PermissionView) -> NextStep {
        let closes = self.payment.operations.iter().filter(|it| it.state.is_in_doubt() && is_close(it));
        let closes: Vec<OperationNumber> = closes.map(|it| it.number).collect();
        let mut next = NextStep::Rest;
        for number in closes {
            match shown.state {
                PermissionState::Closed(_) => self.end(number, Ok(OperationEffect::Closed)),
                PermissionState::Chargeable | PermissionState::NonChargeable(_) => {
                    next = NextStep::SendAgain(CallId::Operation(number));
                }
            }
        }
        next
    }

    /// Ends an operation by what was seen: with its effect, or with the code that proves that it had none.
    pub(in crate::merchant) fn end(&mut self, number: OperationNumber, ended: Result<OperationEffect, &str>) {
        let Some(operation) = self.payment.operation_mut(number) else { return };
        let event;
        operation.lead = None;
        (operation.state, event) = match ended {
            Ok(effect) => (OperationState::Done(effect), PaymentEvent::OperationDone(number)),
            Err(code) => {
                let code = code.to_string();
                let event = PaymentEvent::OperationRefused { number, code: code.clone() };
                (OperationState::Refused { code }, event)
            }
        };
        self.emit(event);
    }
}

/// Whether a refusal of one copy speaks for every copy: a decline does, since Amazon stores it under the key;
/// any other refusal only when the earlier copy has arrived long ago or never will. For an operation that
/// changes a charge, the charge itself shows what happened.
fn ends_doubt(request: &PaymentCall, look: LookSchedule, code: &str) -> bool {
    match request {
        PaymentCall::CreateCharge { .. } | PaymentCall::Refund { .. } => {
            // The take-up that sends a copy has already been counted, and has set the pause after it.
            let pause_before = doubt_delay(look.count.saturating_sub(2));
            is_decline(code) || pause_before > COPY_LIFETIME
        }
        PaymentCall::Capture { .. } | PaymentCall::CancelCharge { .. } | PaymentCall::Close { .. } => false,
    }
}

/// Whether Amazon or the bank has decided against the payment itself.
fn is_decline(code: &str) -> bool {
    ReasonCode::parse(code)
        .is_some_and(|code| code.class() == ReasonClass::Decline || code == ReasonCode::ProcessingFailure)
}

fn is_close(operation: &Operation) -> bool {
    matches!(operation.request, PaymentCall::Close { .. })
}
