//! The shop ships a parcel: the gate is asked and, if it says yes, the parcel is recorded in the same
//! decision. So a cancellation that comes later knows what has left, and one that came earlier wins.

use alloc::string::String;

use super::fulfilment::{Freshness, Fulfilment, fulfilment, judged};
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::draft::Draft;
use crate::merchant::event::PaymentEvent;
use crate::merchant::payment::ask::OperationRefused;
use crate::merchant::payment::charge::ChargeState;
use crate::merchant::payment::operation::OperationName;
use crate::merchant::payment::shipment::{PaidBy, Shipment, ShipmentRequest};
use crate::merchant::rules::MAX_SHIPMENTS;
use crate::money::Money;

/// The answer to a request to ship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShipmentAnswer {
    /// The parcel may leave, and is recorded under its reference, now or by an earlier request.
    Recorded,
    /// The parcel stays, and nothing is recorded.
    Stays(Fulfilment),
}

/// Records a parcel if it may leave.
///
/// # Errors
/// The first broken rule; then nothing is changed.
pub fn ship(
    draft: &mut Draft,
    reference: &str,
    asked: &ShipmentRequest,
    freshness: Freshness,
) -> Result<ShipmentAnswer, OperationRefused> {
    use OperationRefused as Refused;
    let (now, rules) = (draft.now, draft.rules);
    let checkout = draft.checkout();
    if let Some((_, known)) = checkout.payment.as_ref().and_then(|payment| payment.shipment(reference)) {
        let is_same = known.asked == *asked;
        return if is_same { Ok(ShipmentAnswer::Recorded) } else { Err(Refused::ReferenceReused) };
    }
    let name = OperationName::Shop(String::from(reference));
    let mut operations = checkout.payment.iter().flat_map(|payment| &payment.operations);
    if operations.any(|it| it.name == name) || checkout.has_named(reference) {
        return Err(Refused::ReferenceReused);
    }
    if let Some(amount) = asked.amount {
        check_amount(checkout, amount)?;
    }
    let charge_id = asked.charge_id.as_ref();
    let answer = fulfilment(checkout, charge_id, freshness, now, &rules).ok_or(Refused::NoSuchCharge)?;
    if !answer.may_ship {
        return Ok(ShipmentAnswer::Stays(answer));
    }
    let (Some(payment), Some(charge), Some(seen_at)) =
        (&checkout.payment, judged(checkout, charge_id), answer.seen_at)
    else {
        return Err(Refused::NotCompleted);
    };
    if payment.shipment_count() >= MAX_SHIPMENTS {
        return Err(Refused::TooManyShipments);
    }
    let paid_by = match charge.state {
        ChargeState::Captured(_) => PaidBy::Capture,
        ChargeState::AuthorizationInitiated
        | ChargeState::Authorized
        | ChargeState::CaptureInitiated
        | ChargeState::Canceled(_)
        | ChargeState::Declined(_) => PaidBy::Authorization,
    };
    let left = payment.shippable(charge);
    if left.is_zero() {
        return Err(Refused::AlreadyShipped);
    }
    let amount = asked.amount.unwrap_or(left);
    if amount.minor() > left.minor() {
        return Err(Refused::ExceedsShippable(left));
    }
    let charge_id = charge.id.clone();
    let Some(draft) = &mut draft.payment() else { return Err(Refused::NotCompleted) };
    // Nothing below this line may fail.
    let reference = String::from(reference);
    if let Some(charge) = draft.payment.charge_mut(&charge_id) {
        let (reference, asked) = (reference.clone(), asked.clone());
        charge.shipments.push(Shipment { reference, asked, amount, paid_by, seen_at, recorded_at: now });
    }
    draft.emit(PaymentEvent::ShipmentRecorded { charge_id, reference, amount });
    Ok(ShipmentAnswer::Recorded)
}

fn check_amount(checkout: &Checkout, amount: Money) -> Result<(), OperationRefused> {
    let currency = checkout.terms.charge_amount.currency();
    if amount.currency() != currency {
        return Err(OperationRefused::OtherCurrency("amount"));
    }
    if amount.is_zero() {
        return Err(OperationRefused::Nothing("amount"));
    }
    if amount.minor() > currency.maximum().minor() {
        return Err(OperationRefused::AboveMaximum("amount"));
    }
    Ok(())
}
