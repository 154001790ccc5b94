//! What may be requested once an attempt has succeeded: the ladder of rules between a request of the shop and
//! a recorded operation. Nothing is sent here.

use super::Payment;
use super::charge::{Charge, ChargeState};
use super::operation::{Operation, OperationName, OperationRequest, PaymentCall};
use super::permission::{Hindrance, PermissionState};
use super::refund::RefundState;
use crate::amazon_limits::{MAX_CHARGES, MAX_REFUNDS};
use crate::ids::ChargeId;
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::draft::Draft;
use crate::merchant::event::PaymentEvent;
use crate::merchant::number::OperationNumber;
use crate::merchant::rules::{MAX_OPERATIONS, MerchantRules, RefundCeiling};
use crate::money::Money;

/// Why an operation is refused. [`OperationRefused::field`] names the field that breaks the rule, if there is
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationRefused {
    /// No attempt is proved to have succeeded: there is nothing to charge, capture, refund or close.
    NotCompleted,
    /// The order is canceled or being canceled.
    OrderCanceled,
    /// The reference belongs to a different operation.
    ReferenceReused,
    /// More than [`MAX_OPERATIONS`].
    TooManyOperations,
    /// `captureNow` cannot wait for a pending authorization (Amazon's rule).
    PendingWithCapture,
    /// Amazon contradicts what is known of the charge, or of the one that the order was paid with: nothing is
    /// sent until that is settled.
    Contradicted,
    /// The amount is zero; the field.
    Nothing(&'static str),
    /// The amount is in another currency; the field.
    OtherCurrency(&'static str),
    /// More than Amazon moves in one call; the field.
    AboveMaximum(&'static str),
    /// The permission is Closed.
    PermissionClosed,
    /// The last charge was declined: the buyer must choose another payment method.
    PermissionNonChargeable,
    /// There are 25 charges already, declined ones not counted.
    TooManyCharges,
    /// More than is left of the limit; what is left.
    ExceedsLimit(Money),
    /// No charge of this checkout has this id.
    NoSuchCharge,
    /// No charge was named, and there is more than one that could be meant.
    ChargeNotNamed,
    /// The charge is not Authorized; its state, or `None` if none of several charges is.
    NotAuthorized(Option<&'static str>),
    /// Another operation on this charge is in flight.
    ChargeBusy,
    /// More than is authorized; the authorized amount.
    ExceedsCharge(Money),
    /// More than the parcels of a canceled order are worth that had left; what they are worth.
    ExceedsShipped(Money),
    /// The charge is not Captured; its state, or `None` if none of several charges is.
    NotCaptured(Option<&'static str>),
    /// More than may be refunded, including refunds on their way; what may be refunded.
    ExceedsRefundable(Money),
    /// Others made the charge, so the amount must be named; the field.
    AmountNotNamed(&'static str),
    /// The charge is disputed, or was lost by a dispute, and what may be refunded besides is less.
    Disputed,
    /// The charge has 10 refunds already.
    TooManyRefunds,
    /// More than [`MAX_SHIPMENTS`](crate::merchant::rules::MAX_SHIPMENTS).
    TooManyShipments,
    /// Every part of the charge belongs to a parcel that was recorded, or was refunded.
    AlreadyShipped,
    /// More than is left of the charge after its other parcels and what was refunded; what is left.
    ExceedsShippable(Money),
}

impl OperationRefused {
    /// The field that breaks the rule, as the merchant API spells it.
    #[must_use]
    pub const fn field(self) -> Option<&'static str> {
        match self {
            Self::NotCompleted
            | Self::OrderCanceled
            | Self::Contradicted
            | Self::TooManyOperations
            | Self::TooManyShipments
            | Self::PermissionClosed
            | Self::PermissionNonChargeable
            | Self::TooManyCharges => None,
            Self::ReferenceReused => Some("reference"),
            Self::PendingWithCapture => Some("canHandlePendingAuthorization"),
            Self::Nothing(field)
            | Self::OtherCurrency(field)
            | Self::AboveMaximum(field)
            | Self::AmountNotNamed(field) => Some(field),
            Self::ExceedsLimit(_) => Some("chargeAmount"),
            Self::NoSuchCharge
            | Self::ChargeNotNamed
            | Self::NotAuthorized(_)
            | Self::ChargeBusy
            | Self::NotCaptured(_)
            | Self::Disputed
            | Self::TooManyRefunds
            | Self::AlreadyShipped => Some("chargeId"),
            Self::ExceedsCharge(_) | Self::ExceedsShipped(_) => Some("captureAmount"),
            Self::ExceedsRefundable(_) => Some("refundAmount"),
            Self::ExceedsShippable(_) => Some("amount"),
        }
    }
}

/// The result of a request for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedOperation {
    /// It was requested before, as this operation.
    Known(OperationNumber),
    /// It is recorded now, and due.
    New(OperationNumber),
}

/// The charge that must be looked at before this refund may be recorded, unless the refund was requested before:
/// what may be refunded depends on what others have refunded.
#[must_use]
pub fn unseen_charge(draft: &Draft, name: &OperationName, asked: &OperationRequest) -> Option<ChargeId> {
    let OperationRequest::Refund { charge_id, .. } = asked else { return None };
    let payment = draft.checkout().payment.as_ref()?;
    if payment.operations.iter().any(|known| known.name == *name) {
        return None;
    }
    let is_meant = |charge: &&Charge| matches!(charge.state, ChargeState::Captured(_));
    let charge = named_or_only(payment, charge_id.as_ref(), is_meant).ok()?;
    charge.must_be_seen(draft.now).then(|| charge.id.clone())
}

/// Records what the shop requests, checked against the payment and everything in flight.
///
/// # Errors
/// The first broken rule; then nothing is changed.
pub fn ask(
    draft: &mut Draft,
    name: OperationName,
    asked: OperationRequest,
) -> Result<RecordedOperation, OperationRefused> {
    let payment = draft.checkout().payment.as_ref();
    let known = payment.and_then(|payment| payment.operations.iter().find(|it| it.name == name));
    if let Some(known) = known {
        let is_same = known.asked == asked;
        return if is_same {
            Ok(RecordedOperation::Known(known.number))
        } else {
            Err(OperationRefused::ReferenceReused)
        };
    }
    if let OperationName::Shop(reference) = &name
        && draft.checkout().has_named(reference)
    {
        return Err(OperationRefused::ReferenceReused);
    }
    let cancellation = draft.checkout().cancellation.as_ref();
    let is_of_others = is_refund_of_others(draft.checkout(), &asked);
    let must_have_left = cancellation.is_some() && !is_of_others;
    if must_have_left && !is_of_what_has_left(draft.checkout(), &asked) {
        return Err(OperationRefused::OrderCanceled);
    }
    let payment = payment.ok_or(OperationRefused::NotCompleted)?;
    if payment.operations.len() >= MAX_OPERATIONS {
        return Err(OperationRefused::TooManyOperations);
    }
    let request = resolve(payment, &asked, &draft.rules)?;
    let request = if must_have_left { within_what_has_left(payment, &asked, request)? } else { request };
    if payment.is_stopped_for(request.charge_id()) {
        return Err(OperationRefused::Contradicted);
    }
    let Some(draft) = &mut draft.payment() else { return Err(OperationRefused::NotCompleted) };
    // Nothing below this line may fail.
    let number = draft.payment.record(name, asked, request, draft.now);
    draft.emit(PaymentEvent::OperationRecorded(number));
    Ok(RecordedOperation::New(number))
}

/// The call that the request asks for, or the rule that it breaks.
fn resolve(
    payment: &Payment,
    asked: &OperationRequest,
    rules: &MerchantRules,
) -> Result<PaymentCall, OperationRefused> {
    use OperationRefused as Refused;
    let checked = |field: &'static str, amount: Money| {
        if amount.currency() != payment.limit.currency() {
            return Err(Refused::OtherCurrency(field));
        }
        if amount.is_zero() {
            return Err(Refused::Nothing(field));
        }
        if amount.minor() > amount.currency().maximum().minor() {
            return Err(Refused::AboveMaximum(field));
        }
        Ok(amount)
    };
    match asked {
        OperationRequest::Charge { amount, capture_now, can_handle_pending_authorization } => {
            if *capture_now && *can_handle_pending_authorization {
                return Err(Refused::PendingWithCapture);
            }
            let amount = checked("chargeAmount", *amount)?;
            match payment.permission.state.hindrance() {
                // Our own accounts say whether an open charge holds all that is left.
                None | Some(Hindrance::ChargeInProgress) if !payment.is_closed() => {}
                Some(Hindrance::Buyer) => return Err(Refused::PermissionNonChargeable),
                None | Some(Hindrance::ChargeInProgress | Hindrance::Spent) => {
                    return Err(Refused::PermissionClosed);
                }
            }
            let asked =
                payment.in_flight().filter(|it| matches!(it.request, PaymentCall::CreateCharge { .. }));
            let made = payment.charges.iter().filter(|it| !matches!(it.state, ChargeState::Declined(_)));
            if asked.count().saturating_add(made.count()) >= MAX_CHARGES as usize {
                return Err(Refused::TooManyCharges);
            }
            let left = payment.left();
            if amount.minor() > left.minor() {
                return Err(Refused::ExceedsLimit(left));
            }
            Ok(PaymentCall::CreateCharge {
                amount,
                capture_now: *capture_now,
                can_handle_pending_authorization: *can_handle_pending_authorization,
            })
        }
        OperationRequest::Capture { charge_id, amount } => {
            let amount = amount.map(|amount| checked("captureAmount", amount)).transpose()?;
            let is_meant = |charge: &&Charge| charge.state == ChargeState::Authorized;
            let charge = meant(payment, charge_id.as_ref(), is_meant, Refused::NotAuthorized)?;
            if !charge.is_ours() && amount.is_none() {
                return Err(Refused::AmountNotNamed("captureAmount"));
            }
            if payment.changing(&charge.id).is_some() {
                return Err(Refused::ChargeBusy);
            }
            let amount = amount.unwrap_or(charge.amount);
            if amount.minor() > charge.amount.minor() {
                return Err(Refused::ExceedsCharge(charge.amount));
            }
            Ok(PaymentCall::Capture { charge_id: charge.id.clone(), amount })
        }
        OperationRequest::Refund { charge_id, amount } => {
            let amount = amount.map(|amount| checked("refundAmount", amount)).transpose()?;
            let is_meant = |charge: &&Charge| matches!(charge.state, ChargeState::Captured(_));
            let charge = meant(payment, charge_id.as_ref(), is_meant, Refused::NotCaptured)?;
            if !charge.is_ours() && amount.is_none() {
                return Err(Refused::AmountNotNamed("refundAmount"));
            }
            let is_of = |it: &&Operation| matches!(&it.request, PaymentCall::Refund { charge_id, .. } if *charge_id == charge.id);
            let counted = charge.refunds.iter().filter(|it| !matches!(it.state, RefundState::Declined(_)));
            if counted.count().saturating_add(payment.in_flight().filter(is_of).count()) >= MAX_REFUNDS {
                return Err(Refused::TooManyRefunds);
            }
            let plain = payment.refundable(charge, RefundCeiling::Captured);
            let most = payment.refundable(charge, rules.policy.refund_ceiling);
            // What is left, if no amount was named.
            let amount = amount.unwrap_or(plain);
            if amount.is_zero() || amount.minor() > most.minor() {
                let is_disputed = !payment.disputed(charge).is_zero();
                return Err(if is_disputed { Refused::Disputed } else { Refused::ExceedsRefundable(most) });
            }
            Ok(PaymentCall::Refund { charge_id: charge.id.clone(), amount })
        }
        OperationRequest::CancelCharge(charge_id) => {
            let charge = payment.charge(charge_id).ok_or(Refused::NoSuchCharge)?;
            match charge.state {
                ChargeState::AuthorizationInitiated | ChargeState::Authorized => {}
                ChargeState::CaptureInitiated
                | ChargeState::Captured(_)
                | ChargeState::Canceled(_)
                | ChargeState::Declined(_) => return Err(Refused::NotAuthorized(Some(charge.state.name()))),
            }
            Ok(PaymentCall::CancelCharge { charge_id: charge_id.clone() })
        }
        OperationRequest::Close { reason } => match payment.permission.state {
            PermissionState::Closed(_) => Err(Refused::PermissionClosed),
            PermissionState::Chargeable | PermissionState::NonChargeable(_) => {
                Ok(PaymentCall::Close { reason: reason.clone() })
            }
        },
    }
}

/// Whether a request refunds a charge that others made: a canceled order leaves it, and a person may still
/// refund it.
fn is_refund_of_others(checkout: &Checkout, asked: &OperationRequest) -> bool {
    let named = match asked {
        OperationRequest::Refund { charge_id, .. } => charge_id.as_ref(),
        OperationRequest::Charge { .. }
        | OperationRequest::Capture { .. }
        | OperationRequest::CancelCharge(_)
        | OperationRequest::Close { .. } => None,
    };
    let charge = checkout.payment.as_ref().zip(named).and_then(|(payment, id)| payment.charge(id));
    charge.is_some_and(|charge| !charge.is_ours())
}

/// Whether a request may be about a parcel that has left and that the order's cancellation leaves: what the
/// cancellation leaves is still the shop's to capture, and to refund.
fn is_of_what_has_left(checkout: &Checkout, asked: &OperationRequest) -> bool {
    let is_of_charge = match asked {
        OperationRequest::Capture { .. } | OperationRequest::Refund { .. } => true,
        OperationRequest::Charge { .. }
        | OperationRequest::CancelCharge(_)
        | OperationRequest::Close { .. } => false,
    };
    is_of_charge && checkout.left_behind().next().is_some()
}

/// The call for a canceled order, if it is about a charge with parcels: a capture takes no more than they are
/// worth.
fn within_what_has_left(
    payment: &Payment,
    asked: &OperationRequest,
    request: PaymentCall,
) -> Result<PaymentCall, OperationRefused> {
    let charge = request.charge_id().and_then(|id| payment.charge(id));
    let shipped = charge.map(Charge::shipped).filter(|shipped| !shipped.is_zero());
    let shipped = shipped.ok_or(OperationRefused::OrderCanceled)?;
    match (request, asked) {
        (PaymentCall::Capture { charge_id, .. }, OperationRequest::Capture { amount: None, .. }) => {
            Ok(PaymentCall::Capture { charge_id, amount: shipped })
        }
        (PaymentCall::Capture { amount, .. }, _) if amount.minor() > shipped.minor() => {
            Err(OperationRefused::ExceedsShipped(shipped))
        }
        (request, _) => Ok(request),
    }
}

/// The charge that a request is about: the named one or, as far as only one can be meant, that one.
#[must_use]
pub fn charge_of(checkout: &Checkout, asked: &OperationRequest) -> Option<ChargeId> {
    if let Some(named) = asked.charge_id() {
        return Some(named.clone());
    }
    let payment = checkout.payment.as_ref()?;
    let is_meant = |charge: &&Charge| match asked {
        OperationRequest::Capture { .. } => charge.state == ChargeState::Authorized,
        OperationRequest::Refund { .. } => matches!(charge.state, ChargeState::Captured(_)),
        OperationRequest::Charge { .. }
        | OperationRequest::CancelCharge(_)
        | OperationRequest::Close { .. } => false,
    };
    let meant = named_or_only(payment, None, is_meant).ok();
    let is_of_charge = matches!(asked, OperationRequest::Capture { .. } | OperationRequest::Refund { .. });
    let only = || if let [only] = payment.charges.as_slice() { Some(only) } else { None };
    meant.or_else(|| only().filter(|_| is_of_charge)).map(|charge| charge.id.clone())
}

/// The charge that a request is about, which must be in the state that the request needs: the named charge, or
/// the only one of ours in that state. Otherwise the refusal names the state that it is in.
fn meant<'a>(
    payment: &'a Payment,
    charge_id: Option<&ChargeId>,
    is_meant: impl Fn(&&'a Charge) -> bool,
    otherwise: fn(Option<&'static str>) -> OperationRefused,
) -> Result<&'a Charge, OperationRefused> {
    let mut ours = payment.charges.iter().filter(|charge| charge.is_ours());
    if charge_id.is_none() && !ours.any(|charge| is_meant(&charge)) {
        let only = if let [only] = payment.charges.as_slice() { Some(only.state.name()) } else { None };
        return Err(otherwise(only));
    }
    let charge = named_or_only(payment, charge_id, &is_meant)?;
    if is_meant(&charge) { Ok(charge) } else { Err(otherwise(Some(charge.state.name()))) }
}

/// The named charge, or the only one of ours that can be meant.
fn named_or_only<'a>(
    payment: &'a Payment,
    charge_id: Option<&ChargeId>,
    is_meant: impl Fn(&&'a Charge) -> bool,
) -> Result<&'a Charge, OperationRefused> {
    if let Some(charge_id) = charge_id {
        return payment.charge(charge_id).ok_or(OperationRefused::NoSuchCharge);
    }
    let mut meant = payment.charges.iter().filter(|charge| charge.is_ours()).filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(charge), None) => Ok(charge),
        (None, _) | (Some(_), Some(_)) => Err(OperationRefused::ChargeNotNamed),
    }
}
