//! The bodies of the requests that the shop makes once an order is paid.

use countersign_domain::ids::ChargeId;
use countersign_domain::merchant::payment::operation::OperationRequest;
use countersign_domain::merchant::payment::shipment::ShipmentRequest;
use countersign_domain::money::Money;
use countersign_protocol::object;
use countersign_protocol::wire::{MAX_REASON_LEN, Price, Spellings, read_request};

use super::errors::RequestRefused;
use super::requests::printable;

/// The longest reference, in characters.
pub(super) const MAX_REFERENCE_LEN: usize = 128;

object! {
    struct CreateCharge {
        reference: String = "reference" [..=MAX_REFERENCE_LEN],
        charge_amount: Price = "chargeAmount",
        capture_now: bool = "captureNow",
        can_handle_pending_authorization: bool = "canHandlePendingAuthorization",
    }
}

object! {
    struct Capture {
        reference: String = "reference" [..=MAX_REFERENCE_LEN],
        charge_id: ChargeId = "chargeId",
        capture_amount: Price = "captureAmount",
    }
}

object! {
    struct Refund {
        reference: String = "reference" [..=MAX_REFERENCE_LEN],
        charge_id: ChargeId = "chargeId",
        refund_amount: Price = "refundAmount",
    }
}

object! {
    struct End {
        reference: String = "reference" [..=MAX_REFERENCE_LEN],
        reason: String = "reason" [..=MAX_REASON_LEN],
    }
}

object! {
    struct Cancel {
        reference: String = "reference" [..=MAX_REFERENCE_LEN],
        reason: String = "reason" [..=MAX_REASON_LEN],
        shipped_too: bool = "shippedToo",
    }
}

object! {
    struct Ship {
        reference: String = "reference" [..=MAX_REFERENCE_LEN],
        charge_id: ChargeId = "chargeId",
        amount: Price = "amount",
    }
}

/// What the shop asks for, with its reference.
#[derive(Debug)]
pub(super) struct NamedRequest {
    pub(super) reference: String,
    pub(super) asked: OperationRequest,
}

/// `POST …/charges`.
pub(super) fn charge(body: &[u8]) -> Result<NamedRequest, RequestRefused> {
    let request: CreateCharge = read_request(body, Spellings::Documented)?;
    Ok(NamedRequest {
        reference: reference(request.reference)?,
        asked: OperationRequest::Charge {
            amount: request.charge_amount.ok_or(RequestRefused::missing("chargeAmount"))?.money,
            capture_now: request.capture_now.unwrap_or(false),
            can_handle_pending_authorization: request.can_handle_pending_authorization.unwrap_or(false),
        },
    })
}

/// `POST …/captures`.
pub(super) fn capture(body: &[u8]) -> Result<NamedRequest, RequestRefused> {
    let request: Capture = read_request(body, Spellings::Documented)?;
    let amount = request.capture_amount.map(Money::from);
    let asked = OperationRequest::Capture { charge_id: request.charge_id, amount };
    Ok(NamedRequest { reference: reference(request.reference)?, asked })
}

/// `POST …/refunds`.
pub(super) fn refund(body: &[u8]) -> Result<NamedRequest, RequestRefused> {
    let request: Refund = read_request(body, Spellings::Documented)?;
    let amount = request.refund_amount.map(Money::from);
    let asked = OperationRequest::Refund { charge_id: request.charge_id, amount };
    Ok(NamedRequest { reference: reference(request.reference)?, asked })
}

/// `POST …/close`.
pub(super) fn close(body: &[u8]) -> Result<NamedRequest, RequestRefused> {
    let request: End = read_request(body, Spellings::Documented)?;
    let reason = printable_reason(request.reason)?;
    Ok(NamedRequest { reference: reference(request.reference)?, asked: OperationRequest::Close { reason } })
}

/// The body of `POST …/cancel`.
#[derive(Debug)]
pub(super) struct CancelBody {
    pub(super) reference: String,
    pub(super) reason: Option<String>,
    pub(super) shipped_too: bool,
}

/// `POST …/cancel`.
pub(super) fn cancel(body: &[u8]) -> Result<CancelBody, RequestRefused> {
    let request: Cancel = read_request(body, Spellings::Documented)?;
    Ok(CancelBody {
        reason: printable_reason(request.reason)?,
        reference: reference(request.reference)?,
        shipped_too: request.shipped_too.unwrap_or(false),
    })
}

/// `POST …/shipments`: the reference and what is asked for.
pub(super) fn shipment(body: &[u8]) -> Result<(String, ShipmentRequest), RequestRefused> {
    let request: Ship = read_request(body, Spellings::Documented)?;
    let amount = request.amount.map(Money::from);
    Ok((reference(request.reference)?, ShipmentRequest { charge_id: request.charge_id, amount }))
}

fn printable_reason(reason: Option<String>) -> Result<Option<String>, RequestRefused> {
    if let Some(reason) = &reason {
        printable("reason", reason)?;
    }
    Ok(reason)
}

/// The reference of a request.
pub(super) fn reference(given: Option<String>) -> Result<String, RequestRefused> {
    let reference = given.ok_or(RequestRefused::missing("reference"))?;
    printable("reference", &reference)?;
    Ok(reference)
}
