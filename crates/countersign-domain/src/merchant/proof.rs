//! What an answer of Amazon's proves about an act of ours: a session's payment, a charge, a refund, the
//! permission. Every path uses this one judgement: the answers to Finalize and to each operation, each
//! look-up, and what a notification leads to.
//!
//! An answer is judged as a whole. It *fits* if it shows everything that its kind and state need, and each of
//! these is ours; only then is the answer applied, with its money. If it shows one thing that is not ours, it
//! *contradicts*. If it lacks something, it proves *nothing*: the call stays in doubt and keeps what it has
//! reserved, and the id that the answer names is a lead, which is looked up.
//!
//! | answer | state | needs, each ours |
//! |---|---|---|
//! | Finalize | Completed | session, permission; the charge, unless the intent is Confirm |
//! | a charge | any | its id, its permission, `chargeAmount` |
//! | a charge | Captured | also `captureAmount`, and `refundedAmount` if it is shown |
//! | a refund | any | its id, its charge, `refundAmount` |
//! | the permission | any | its id |
//!
//! What a call's answer must show in addition, to be its effect:
//!
//! | call | effect |
//! |---|---|
//! | Create Charge | a charge that no other act has made, with the amount that was asked for |
//! | Capture | that charge, CaptureInitiated, or Captured with the amount that was asked for |
//! | Cancel | that charge, Canceled |
//! | Create Refund | a refund that no other act has made, of that charge and amount |
//! | Close | the permission, Closed |
//!
//! That a session is Completed does not prove that a Finalize of ours completed it. [`is_completed_by_us`] has the
//! table of what does.

use alloc::string::{String, ToString};

use super::attempt::sends::Unanswered;
use super::payment::Payment;
use super::payment::amount_view::AmountView;
use super::payment::charge::{AmazonChargeState, ChargeOrigin, ChargeState, ChargeView};
use super::payment::misfit::Misfit;
use super::payment::operation::{Operation, OperationEffect, OperationState, PaymentCall};
use super::payment::permission::{PermissionState, PermissionView};
use super::payment::refund::RefundView;
use super::rules::{FinalizeKeys, Integration};
use crate::ids::{ChargeId, ChargePermissionId};
use crate::money::{Currency, Money};
use crate::terms::PaymentIntent;

/// A complete 200 or 202 to Finalize: our session, Completed, a permission, and a charge unless the intent is
/// Confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalizeSuccess {
    /// 202: the authorization is pending.
    pub pending: bool,
    /// The Charge Permission.
    pub charge_permission_id: ChargePermissionId,
    /// The charge, unless the intent is Confirm.
    pub charge_id: Option<ChargeId>,
    /// `paymentDetails.chargeAmount`, which a full answer shows.
    pub charge_amount: AmountView,
}

/// What a success of an operation shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectView {
    /// The charge that it concerns.
    Charge(ChargeView),
    /// The refund that it created.
    Refund(RefundView),
    /// The permission.
    Permission(PermissionView),
    /// Only the id of a charge or a refund: the answer lacks its state, or what it belongs to.
    OnlyId(OperationEffect),
}

impl ObjectView {
    /// The object's id, for the operator.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Charge(view) => view.id.to_string(),
            Self::Refund(view) => view.id.to_string(),
            Self::Permission(_) => "the permission".to_string(),
            Self::OnlyId(id) => id.to_string(),
        }
    }
}

/// What an answer proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof<T> {
    /// The answer shows everything that it needs, and all of that is ours.
    Fits(T),
    /// The answer shows something that is not ours.
    Contradicts(Misfit),
    /// The answer lacks something, or shows nothing of the act; the reason, in words.
    Nothing(&'static str),
}

impl<T> Proof<T> {
    fn and_then<U>(self, next: impl FnOnce(T) -> Proof<U>) -> Proof<U> {
        match self {
            Self::Fits(proved) => next(proved),
            Self::Contradicts(misfit) => Proof::Contradicts(misfit),
            Self::Nothing(why) => Proof::Nothing(why),
        }
    }
}

/// What must be shown of a charge, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedCharge<'a> {
    /// The permission that it must be under.
    pub charge_permission_id: &'a ChargePermissionId,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// `chargeAmount`; `None` if the charge is not known yet.
    pub amount: Option<Money>,
    /// `captureAmount` once it is Captured; `None` if any part may have been captured.
    pub captured: Option<Money>,
    /// The states that exclude what is known of it.
    pub excluded: &'a [AmazonChargeState],
}

/// What a whole answer shows of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedCharge {
    /// Its state; Captured has its amount.
    pub state: ChargeState,
    /// `chargeAmount`.
    pub amount: Money,
}

/// What the same bytes were answered with under the same key, once Amazon had shown the session Completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastAnswer {
    /// A success with the ids that the session shows.
    Success,
    /// A refusal.
    Refusal,
    /// Nothing that says anything, or they were not sent.
    None,
}

/// Whether a session that Amazon shows Completed was completed by a Finalize of ours.
///
/// | unanswered sends | keys are honoured | keys are not, or it is not known |
/// |---|---|---|
/// | one that left before any refusal | unless the last answer is a refusal | yes |
/// | only some that left after a refusal | if the last answer is a success | no |
/// | none | if the last answer is a success | no |
///
/// In the only integration of its account and environment, nobody else can have completed it.
#[must_use]
pub fn is_completed_by_us(
    unanswered: Unanswered,
    last: LastAnswer,
    keys: FinalizeKeys,
    integration: Integration,
) -> bool {
    if integration == Integration::Sole {
        return true;
    }
    match (unanswered, keys, last) {
        (_, FinalizeKeys::Honoured, LastAnswer::Success) => true,
        (_, FinalizeKeys::Honoured, LastAnswer::Refusal) => false,
        (Unanswered::BeforeRefusal, _, _) => true,
        (Unanswered::AfterRefusal | Unanswered::None, _, _) => false,
    }
}

/// What Get Charge Permission shows of a session's permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPermission {
    /// `chargePermissionId`.
    pub id: ChargePermissionId,
    /// `statusDetails`.
    pub state: PermissionState,
    /// `merchantMetadata.merchantReferenceId`.
    pub reference: Option<String>,
    /// `limits.amountLimit`.
    pub limit: AmountView,
}

/// What must be shown of a session's permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedPermission<'a> {
    /// Its id.
    pub id: &'a ChargePermissionId,
    /// The order's reference at Amazon.
    pub reference: &'a str,
    /// Whether it is enough that no other reference is shown.
    pub may_lack_reference: bool,
    /// Whether it may be closed.
    pub may_be_closed: bool,
    /// Its limit.
    pub limit: Money,
}

/// What a view of a session's permission proves. A limit that is not shown proves nothing, and one that is not
/// the order's, even a higher one, is that of another payment.
#[must_use]
pub fn permission_proof(view: &SessionPermission, expected: &ExpectedPermission<'_>) -> Proof<()> {
    if view.id != *expected.id {
        return Proof::Contradicts(Misfit::ChargePermissionDiffers);
    }
    if view.reference.as_deref().is_some_and(|shown| shown != expected.reference) {
        return Proof::Contradicts(Misfit::ReferenceDiffers);
    }
    match view.limit {
        AmountView::Shown(limit) if limit.currency() != expected.limit.currency() => {
            return Proof::Contradicts(Misfit::CurrencyDiffers);
        }
        AmountView::Shown(limit) if limit != expected.limit => {
            return Proof::Contradicts(Misfit::ChargeAmountDiffers);
        }
        AmountView::Shown(_) | AmountView::Absent | AmountView::Unreadable => {}
    }
    match view.state {
        PermissionState::Closed(_) if !expected.may_be_closed => {
            return Proof::Contradicts(Misfit::StateDiffers);
        }
        PermissionState::Closed(_) | PermissionState::Chargeable | PermissionState::NonChargeable(_) => {}
    }
    // What the view shows is ours. The checks from here on find out whether anything is missing.
    match view.limit {
        AmountView::Absent => return Proof::Nothing("a permission without its limit"),
        AmountView::Unreadable => return Proof::Nothing("a permission whose limit cannot be read"),
        AmountView::Shown(_) => {}
    }
    if view.reference.is_none() && !expected.may_lack_reference {
        return Proof::Nothing("a permission without its reference");
    }
    Proof::Fits(())
}

/// What a success of Finalize proves: the charge that it made, unless the intent is Confirm, which is never
/// pending.
#[must_use]
pub fn finalize_proof(
    intent: PaymentIntent,
    amount: Money,
    success: &FinalizeSuccess,
) -> Proof<Option<ChargeId>> {
    match success.charge_amount.shown() {
        Some(shown) if shown.currency() != amount.currency() => {
            return Proof::Contradicts(Misfit::CurrencyDiffers);
        }
        Some(shown) if shown != amount => return Proof::Contradicts(Misfit::ChargeAmountDiffers),
        Some(_) | None => {}
    }
    match (intent, &success.charge_id) {
        (PaymentIntent::Confirm, _) if success.pending => Proof::Nothing("a pending success of a Confirm"),
        (PaymentIntent::Confirm, _) => Proof::Fits(None),
        (PaymentIntent::Authorize | PaymentIntent::AuthorizeWithCapture, Some(id)) => {
            Proof::Fits(Some(id.clone()))
        }
        (PaymentIntent::Authorize | PaymentIntent::AuthorizeWithCapture, None) => {
            Proof::Nothing("a success without its charge")
        }
    }
}

/// Whether a view of a charge has an amount that it needs, but that cannot be read.
#[must_use]
pub fn is_unreadable(view: &ChargeView) -> bool {
    let needs_capture = view.seen.state == AmazonChargeState::Captured;
    view.seen.charge_amount == AmountView::Unreadable
        || (needs_capture && [view.captured, view.refunded].contains(&AmountView::Unreadable))
}

/// What a view of a charge proves.
#[must_use]
pub fn charge_proof(view: &ChargeView, expected: &ExpectedCharge<'_>) -> Proof<ProvedCharge> {
    let ChargeView { charge_permission_id, seen, captured, refunded, .. } = view;
    if charge_permission_id.as_ref().is_some_and(|shown| shown != expected.charge_permission_id) {
        return Proof::Contradicts(Misfit::ChargePermissionDiffers);
    }
    let amounts = [seen.charge_amount, *captured, *refunded].into_iter().filter_map(AmountView::shown);
    if amounts.into_iter().any(|amount| amount.currency() != expected.currency) {
        return Proof::Contradicts(Misfit::CurrencyDiffers);
    }
    let differs = |ours: Option<Money>, shown: AmountView| {
        ours.zip(shown.shown()).is_some_and(|(ours, shown)| ours != shown)
    };
    if differs(expected.amount, seen.charge_amount) {
        return Proof::Contradicts(Misfit::ChargeAmountDiffers);
    }
    if seen.state == AmazonChargeState::Captured && differs(expected.captured, *captured) {
        return Proof::Contradicts(Misfit::CaptureAmountDiffers);
    }
    if expected.excluded.contains(&seen.state) {
        return Proof::Contradicts(Misfit::StateDiffers);
    }
    // What the view shows is ours. The checks from here on find out whether anything is missing.
    if charge_permission_id.is_none() {
        return Proof::Nothing("a charge without its permission");
    }
    let Some(amount) = seen.charge_amount.shown() else {
        return Proof::Nothing("a charge without its amount");
    };
    let reason = || seen.reason.clone();
    let state = match seen.state {
        AmazonChargeState::AuthorizationInitiated => ChargeState::AuthorizationInitiated,
        AmazonChargeState::Authorized => ChargeState::Authorized,
        AmazonChargeState::CaptureInitiated => ChargeState::CaptureInitiated,
        AmazonChargeState::Captured if *refunded == AmountView::Unreadable => {
            return Proof::Nothing("a capture whose refunds cannot be read");
        }
        AmazonChargeState::Captured => match captured.shown() {
            Some(captured) => ChargeState::Captured(captured),
            None => return Proof::Nothing("a capture without its amount"),
        },
        AmazonChargeState::Canceled => ChargeState::Canceled(reason()),
        AmazonChargeState::Declined => ChargeState::Declined(reason()),
    };
    Proof::Fits(ProvedCharge { state, amount })
}

/// What the answer to an operation proves: its effect.
#[must_use]
pub fn answer_proof(payment: &Payment, operation: &Operation, view: &ObjectView) -> Proof<OperationEffect> {
    let expected = |amount, captured| ExpectedCharge {
        charge_permission_id: &payment.charge_permission_id,
        currency: payment.limit.currency(),
        amount,
        captured,
        excluded: &[],
    };
    match (&operation.request, view) {
        (PaymentCall::CreateCharge { amount, capture_now, .. }, ObjectView::Charge(view)) => {
            let effect = OperationEffect::Charge(view.id.clone());
            if is_of_another_act(payment, operation, &effect) {
                return Proof::Contradicts(Misfit::OfAnotherAct);
            }
            let captured = capture_now.then_some(*amount);
            charge_proof(view, &expected(Some(*amount), captured)).and_then(|_| Proof::Fits(effect))
        }
        (
            PaymentCall::Capture { charge_id, .. } | PaymentCall::CancelCharge { charge_id },
            ObjectView::Charge(view),
        ) if view.id == *charge_id => {
            let known = payment.charge(charge_id).map(|charge| charge.amount);
            let proved = charge_proof(view, &expected(known, operation.request.captures()));
            let is_capture = operation.request.captures().is_some();
            proved.and_then(|charge| match charge.state {
                ChargeState::Captured(_) | ChargeState::CaptureInitiated if is_capture => {
                    Proof::Fits(OperationEffect::Charge(charge_id.clone()))
                }
                ChargeState::Canceled(_) if !is_capture => {
                    Proof::Fits(OperationEffect::Charge(charge_id.clone()))
                }
                ChargeState::AuthorizationInitiated
                | ChargeState::Authorized
                | ChargeState::CaptureInitiated
                | ChargeState::Captured(_)
                | ChargeState::Canceled(_)
                | ChargeState::Declined(_) => Proof::Nothing("a success that shows another state"),
            })
        }
        (PaymentCall::Refund { charge_id, amount }, ObjectView::Refund(view)) => {
            let effect = OperationEffect::Refund(view.id.clone());
            if view.charge_id != *charge_id || is_of_another_act(payment, operation, &effect) {
                return Proof::Contradicts(Misfit::OfAnotherAct);
            }
            if view.amount.currency() != amount.currency() {
                return Proof::Contradicts(Misfit::CurrencyDiffers);
            }
            if view.amount != *amount {
                return Proof::Contradicts(Misfit::RefundAmountDiffers);
            }
            Proof::Fits(effect)
        }
        (PaymentCall::Close { .. }, ObjectView::Permission(view)) => match view.state {
            PermissionState::Closed(_) => Proof::Fits(OperationEffect::Closed),
            PermissionState::Chargeable | PermissionState::NonChargeable(_) => {
                Proof::Nothing("a success that shows another state")
            }
        },
        (_, ObjectView::OnlyId(_)) => Proof::Nothing("a success that shows only an id"),
        (
            PaymentCall::CreateCharge { .. }
            | PaymentCall::Capture { .. }
            | PaymentCall::CancelCharge { .. }
            | PaymentCall::Refund { .. }
            | PaymentCall::Close { .. },
            ObjectView::Charge(_) | ObjectView::Refund(_) | ObjectView::Permission(_),
        ) => Proof::Nothing("a success of something else"),
    }
}

/// The object that an answer names without proving the effect: a look at the object may prove it.
#[must_use]
pub fn lead(payment: &Payment, operation: &Operation, view: &ObjectView) -> Option<OperationEffect> {
    let named = match (&operation.request, view) {
        (PaymentCall::CreateCharge { .. }, ObjectView::Charge(view)) => {
            OperationEffect::Charge(view.id.clone())
        }
        (PaymentCall::Refund { .. }, ObjectView::Refund(view)) => OperationEffect::Refund(view.id.clone()),
        (PaymentCall::CreateCharge { .. }, ObjectView::OnlyId(id @ OperationEffect::Charge(_)))
        | (PaymentCall::Refund { .. }, ObjectView::OnlyId(id @ OperationEffect::Refund(_))) => id.clone(),
        // The object that any other call concerns is looked at anyway.
        _ => return None,
    };
    (!is_of_another_act(payment, operation, &named)).then_some(named)
}

/// Whether another act of this order has made the object, since an object is the effect of one act only.
pub(super) fn is_of_another_act(payment: &Payment, operation: &Operation, effect: &OperationEffect) -> bool {
    let made_by_finalize = match effect {
        OperationEffect::Charge(id) => {
            payment.charge(id).is_some_and(|charge| charge.origin == ChargeOrigin::Finalize)
        }
        OperationEffect::Refund(_) | OperationEffect::Closed => false,
    };
    let makes_objects =
        |it: &&Operation| matches!(it.request, PaymentCall::CreateCharge { .. } | PaymentCall::Refund { .. });
    let others = payment.operations.iter().filter(makes_objects).filter(|it| it.number != operation.number);
    made_by_finalize
        || others.into_iter().any(|it| matches!(&it.state, OperationState::Done(known) if known == effect))
}
