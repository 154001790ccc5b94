//! The shop cancels an order, at whatever point it is: what was never sent ends, what was sent is looked
//! up and not sent again, and what is proved to be paid is undone. Each authorization is canceled, each
//! capture refunded, the permission closed; then the shop is told, once.
//!
//! ```text
//! never sent ──────────────▶ NotPaid ────────────────────────────────────────────┐
//! sent ──only looked up──▶ NotPaid | Completed                                   ▼
//!        Completed: Authorized ──Cancel Charge──▶ Canceled ──▶ Close ──▶ Done, told once
//!                   Captured ──Create Refund──▶ Refunded ────────▲
//! ```
//!
//! Every step that changes a payment goes on with its cancellation in the same change set, so a crash
//! anywhere leaves operations with their timers, or nothing to do. An undoing that Amazon refuses is
//! tried three times and then told to the operator, again and again, until somebody has mended it. A new
//! charge in doubt holds up nothing: the permission is closed first, and what became of the charge is asked
//! for under that ([`is_held_back`](super::operation::is_held_back)).

use alloc::string::String;
use alloc::vec::Vec;

use super::attempt::{AttemptState, NotPaidReason};
use super::checkout::Checkout;
use super::completion::{CheckoutEvent, CheckoutStep, CompletionRules, Happened, event, given_up};
use super::operation::{
    Asked, MAX_OPERATIONS, OVERTAKEN, OperationName, OperationRefused, OperationState, RefundCeiling,
    Request, record, refundable,
};
use super::payment::{ChargeState, Look, Payment, PaymentEvent, PermissionState, RefundState, Sight};
use super::sending;
use crate::ids::{ChargeId, IdempotencyKey};
use crate::step::Step;
use crate::time::{DAY, Timestamp};

/// The wish to cancel, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// The shop's word for it.
    pub reference: String,
    /// Why, in the shop's words.
    pub reason: Option<String>,
    /// When the shop asked for it.
    pub requested_at: Timestamp,
    /// How far it is.
    pub state: CancellationState,
}

/// How far a cancellation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancellationState {
    /// Something is in flight or still to be undone.
    Requested {
        /// When the operator is reminded.
        remind_at: Timestamp,
        /// Whether somebody has to help.
        is_stuck: bool,
    },
    /// Nothing is held and nothing kept.
    Done {
        /// Since when.
        at: Timestamp,
        /// When the operator is reminded of what turned up afterwards, until that is undone too.
        remind_at: Option<Timestamp>,
    },
}

/// How often an undoing is tried.
const TRIES: u32 = 3;

/// What became of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelAsked {
    /// It was asked for before.
    Known,
    /// It is recorded now.
    New(CheckoutStep),
}

/// Records that the shop cancels the order, and ends or undoes what can be at once. `key_of` derives the
/// finalize key of an attempt and an `n`.
///
/// # Errors
/// [`OperationRefused::ReferenceReused`], and [`OperationRefused::OrderCanceled`] for another reference.
pub fn request_cancel(
    checkout: &Checkout,
    reference: &str,
    reason: Option<&str>,
    key_of: &dyn Fn(u32, u32) -> IdempotencyKey,
    now: Timestamp,
    rules: &CompletionRules,
) -> Result<CancelAsked, OperationRefused> {
    if let Some(known) = &checkout.cancellation {
        return match (known.reference == reference, known.reason.as_deref() == reason) {
            (true, true) => Ok(CancelAsked::Known),
            (true, false) => Err(OperationRefused::ReferenceReused),
            (false, _) => Err(OperationRefused::OrderCanceled),
        };
    }
    let name = OperationName::Shop(reference.into());
    if checkout.payment.iter().flat_map(|payment| &payment.operations).any(|it| it.name == name) {
        return Err(OperationRefused::ReferenceReused);
    }
    // Nothing below this line may fail.
    let mut next = checkout.clone();
    let mut events = alloc::vec![CheckoutEvent::Payment(PaymentEvent::CancelRequested)];
    for attempt in &checkout.attempts {
        match attempt.state {
            AttemptState::Bound { .. } | AttemptState::Approved { sent_at: None, .. } => {
                let state =
                    AttemptState::NotPaid { reason: NotPaidReason::OrderCanceled, charge: None, at: now };
                next = next.with_state(attempt.number, state);
                events.push(event(attempt.number, Happened::NotPaid));
            }
            AttemptState::Approved { sent_at: Some(_), .. } => {
                let step = given_up(&next, attempt, &|n| key_of(attempt.number, n), now);
                next = step.next;
                events.extend(step.events);
            }
            AttemptState::Finalizing { .. }
            | AttemptState::InDoubt(_)
            | AttemptState::Pending { .. }
            | AttemptState::Completed { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::Unresolved { .. }
            | AttemptState::Surplus { .. } => {}
        }
    }
    next.cancellation = Some(Cancellation {
        reference: reference.into(),
        reason: reason.map(Into::into),
        requested_at: now,
        state: CancellationState::Requested { remind_at: now.plus(DAY), is_stuck: false },
    });
    let undone = go_on(&mut next, now, rules);
    events.extend(undone.into_iter().map(CheckoutEvent::Payment));
    Ok(CancelAsked::New(Step { next, events }))
}

/// Goes on with a cancellation after a step of an attempt: whatever that proved is undone in the same
/// change set. Whoever keeps a step passes it through here first.
#[must_use]
pub fn settled(step: CheckoutStep, now: Timestamp, rules: &CompletionRules) -> CheckoutStep {
    let Step { mut next, mut events } = step;
    let undone = go_on(&mut next, now, rules);
    events.extend(undone.into_iter().map(CheckoutEvent::Payment));
    Step { next, events }
}

/// Whether everything that was paid is undone, or what is to be done next.
pub(super) fn go_on(checkout: &mut Checkout, now: Timestamp, rules: &CompletionRules) -> Vec<PaymentEvent> {
    let mut events = Vec::new();
    let Some(cancellation) = &checkout.cancellation else { return events };
    let (remind_at, is_stuck) = match cancellation.state {
        CancellationState::Requested { remind_at, is_stuck } => (remind_at, is_stuck),
        // A charge that turns up afterwards is undone too; the shop has been told once.
        CancellationState::Done { at, remind_at } => {
            let undone = checkout.payment.as_mut().map(|payment| undo(payment, &mut events, now, rules));
            let remind_at = match undone {
                Some(Undone::Yes) | None => None,
                Some(Undone::NotYet) => remind_at.or(Some(now.plus(DAY))),
                Some(Undone::Stuck(_)) => remind_at.or(Some(now)),
            };
            if let Some(cancellation) = &mut checkout.cancellation {
                cancellation.state = CancellationState::Done { at, remind_at };
            }
            return events;
        }
    };
    let is_live = checkout
        .attempts
        .iter()
        .any(|attempt| attempt.state.is_live() && !matches!(attempt.state, AttemptState::Completed { .. }));
    let undone = match &mut checkout.payment {
        _ if is_live => Undone::NotYet,
        None => Undone::Yes,
        Some(payment) => undo(payment, &mut events, now, rules),
    };
    let state = match undone {
        Undone::Yes => {
            events.push(PaymentEvent::CheckoutCanceled);
            CancellationState::Done { at: now, remind_at: None }
        }
        Undone::NotYet => CancellationState::Requested { remind_at, is_stuck: false },
        Undone::Stuck(why) => {
            if !is_stuck {
                events.push(PaymentEvent::CancellationStuck { why });
            }
            CancellationState::Requested { remind_at, is_stuck: true }
        }
    };
    if let Some(cancellation) = &mut checkout.cancellation {
        cancellation.state = state;
    }
    events
}

/// How far the undoing is.
enum Undone {
    Yes,
    NotYet,
    Stuck(String),
}

/// Asks for what is still to be undone.
fn undo(
    payment: &mut Payment,
    events: &mut Vec<PaymentEvent>,
    now: Timestamp,
    rules: &CompletionRules,
) -> Undone {
    overtake(payment, events);
    sending::wake_closes(payment, true, now, rules);
    let mut asked = Vec::new();
    let mut is_waiting = payment.in_flight().any(|it| !sending::waits_for_close(it));
    for charge in &payment.charges {
        if payment.changing(&charge.id).is_some() {
            continue;
        }
        match charge.state {
            ChargeState::AuthorizationInitiated | ChargeState::CaptureInitiated => is_waiting = true,
            // Amazon has refused to undo it: it may be captured, canceled or refunded already.
            ChargeState::Authorized | ChargeState::Captured(_)
                if charge.sight == Sight::Doubted
                    || (charge.sight == Sight::Never && was_refused(payment, &charge.id)) =>
            {
                is_waiting = true;
            }
            ChargeState::Authorized => {
                let request = Request::CancelCharge { charge_id: charge.id.clone() };
                asked.push((cancel(&charge.id), request));
            }
            ChargeState::Captured(_) => {
                if charge.refunds.iter().any(|refund| refund.state == RefundState::RefundInitiated) {
                    is_waiting = true;
                }
                let amount = refundable(payment, charge, RefundCeiling::Captured);
                if !amount.is_zero() {
                    let request = Request::Refund { charge_id: charge.id.clone(), amount };
                    asked.push((alloc::format!("refund {}", charge.id), request));
                }
            }
            ChargeState::Canceled(_) | ChargeState::Declined(_) => {}
        }
    }
    let mut stuck = None;
    for (word, request) in asked {
        if ask_again(payment, &word, request, TRIES, events, now) {
            is_waiting = true;
        } else {
            stuck = Some(word);
        }
    }
    // Also if something cannot be undone: at least nothing more can be charged.
    let is_closed = matches!(payment.permission.state, PermissionState::Closed(_));
    if !is_waiting && !is_closed {
        if ask_again(payment, CLOSE, close(), TRIES, events, now) {
            is_waiting = true;
        } else {
            stuck = Some(CLOSE.into());
        }
    }
    // What is in doubt is sent again under the closed permission, and cannot take effect any more.
    let is_in_doubt = payment.in_flight().next().is_some();
    match stuck {
        _ if is_waiting => Undone::NotYet,
        Some(why) => Undone::Stuck(why),
        None if is_in_doubt => Undone::NotYet,
        None => Undone::Yes,
    }
}

/// Whether Amazon has refused something that was to be done with a charge.
fn was_refused(payment: &Payment, id: &ChargeId) -> bool {
    payment.operations.iter().any(|operation| {
        let is_of_charge = match &operation.request {
            Request::CancelCharge { charge_id } | Request::Refund { charge_id, .. } => charge_id == id,
            Request::Capture { .. } | Request::CreateCharge { .. } | Request::Close { .. } => false,
        };
        is_of_charge && matches!(operation.state, OperationState::Refused { .. })
    })
}

/// The word of canceling a charge.
fn cancel(id: &ChargeId) -> String {
    alloc::format!("cancel {id}")
}

/// The word of closing the permission.
const CLOSE: &str = "close";

fn close() -> Request {
    Request::Close { reason: Some("the order was canceled".into()) }
}

/// Asks for an undoing, once more if it was refused. Whether that was not often enough yet.
fn ask_again(
    payment: &mut Payment,
    word: &str,
    request: Request,
    most: u32,
    events: &mut Vec<PaymentEvent>,
    now: Timestamp,
) -> bool {
    let prefix = alloc::format!("{word} ");
    let is_of_word =
        |name: &OperationName| matches!(name, OperationName::Own(own) if own.starts_with(&prefix));
    let tries = payment.operations.iter().filter(|it| is_of_word(&it.name)).count();
    let tries = u32::try_from(tries).unwrap_or(u32::MAX);
    if tries >= most {
        return false;
    }
    let name = OperationName::Own(alloc::format!("{word} {}", tries.saturating_add(1)));
    let asked = match &request {
        Request::CancelCharge { charge_id } => Asked::CancelCharge(charge_id.clone()),
        Request::Refund { charge_id, amount } | Request::Capture { charge_id, amount } => {
            Asked::Refund { charge_id: Some(charge_id.clone()), amount: Some(*amount) }
        }
        Request::Close { reason } => Asked::Close { reason: reason.clone() },
        Request::CreateCharge { amount, capture_now, can_handle_pending_authorization } => Asked::Charge {
            amount: *amount,
            capture_now: *capture_now,
            can_handle_pending_authorization: *can_handle_pending_authorization,
        },
    };
    let number = record(payment, name, asked, request, now);
    events.push(PaymentEvent::OperationRecorded(number));
    true
}

/// Ends what would take the buyer's money and has not left, or has come back without a look at it. If a
/// copy was carried out all the same, what turns up is undone as well.
fn overtake(payment: &mut Payment, events: &mut Vec<PaymentEvent>) {
    for operation in &mut payment.operations {
        let OperationState::Recorded { .. } = &operation.state else { continue };
        let is_overtaken = match operation.request {
            Request::CreateCharge { .. } | Request::Capture { .. } => true,
            Request::Refund { .. } | Request::CancelCharge { .. } | Request::Close { .. } => false,
        };
        if is_overtaken {
            let (number, code) = (operation.number, String::from(OVERTAKEN));
            operation.state = OperationState::Refused { code: code.clone() };
            events.push(PaymentEvent::OperationRefused { number, code });
        }
    }
}

/// Reminds the operator of a cancellation that has not come to its end, and tries once more to cancel what is
/// authorized and to close the permission: somebody may have mended what Amazon refused it for. A refund is not
/// tried again unseen: somebody may have given the money back by hand. `None` when nothing is due.
pub(super) fn remind(checkout: &Checkout, now: Timestamp) -> Option<CheckoutStep> {
    let mut next = checkout.clone();
    let cancellation = next.cancellation.as_mut()?;
    if cancellation.due_at()? > now {
        return None;
    }
    let tomorrow = now.plus(DAY);
    let why = match &mut cancellation.state {
        CancellationState::Requested { remind_at, is_stuck } => {
            *remind_at = tomorrow;
            if *is_stuck { "Amazon refuses to undo it" } else { "something is still in flight" }
        }
        CancellationState::Done { remind_at, .. } => {
            *remind_at = Some(tomorrow);
            "what turned up after it is not undone"
        }
    };
    // Whatever is known may no longer be so.
    let mut events = Vec::new();
    if let Some(payment) = &mut next.payment {
        let look = Some(Look { at: now, count: 0 });
        for charge in &mut payment.charges {
            if matches!(charge.state, ChargeState::Authorized | ChargeState::Captured(_)) {
                charge.look = look;
            }
        }
        let is_waiting = payment.in_flight().any(|it| !sending::waits_for_close(it));
        let held = payment.charges.iter().filter(|charge| charge.state == ChargeState::Authorized);
        let held: Vec<ChargeId> = held.map(|charge| charge.id.clone()).collect();
        for id in held {
            if payment.changing(&id).is_none() && payment.operations.len() < MAX_OPERATIONS {
                let request = Request::CancelCharge { charge_id: id.clone() };
                ask_again(payment, &cancel(&id), request, u32::MAX, &mut events, now);
            }
        }
        if !matches!(payment.permission.state, PermissionState::Closed(_)) {
            payment.permission.look = look;
            if !is_waiting && payment.operations.len() < MAX_OPERATIONS {
                ask_again(payment, CLOSE, close(), u32::MAX, &mut events, now);
            }
        }
    }
    events.push(PaymentEvent::CancellationStuck { why: why.into() });
    Some(Step { next, events: events.into_iter().map(CheckoutEvent::Payment).collect() })
}

impl Cancellation {
    /// When somebody must look after it.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self.state {
            CancellationState::Requested { remind_at, .. } => Some(remind_at),
            CancellationState::Done { remind_at, .. } => remind_at,
        }
    }
}
