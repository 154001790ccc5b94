//! The bodies of the requests that the shop makes once an order is paid.

use countersign_domain::ids::ChargeId;
use countersign_domain::merchant::payment::operation::OperationRequest;
use countersign_domain::money::Money;
use countersign_protocol::object;
use countersign_protocol::wire::{MAX_REASON_LEN, Price, Spellings, read_request};

use super::errors::RequestRefused;
use super::requests::printable;

/// The longest reference, in characters.
const MAX_REFERENCE_LEN: usize = 128;

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

/// What the shop asks for, with its reference.
#[derive(Debug)]
pub(super) struct NamedRequest {
    pub(super) reference: String,
    pub(super) asked: OperationRequest,
}

/// `POST …/charges`.
pub(super) fn charge(body: &[u8]) -> Result<NamedRequest, RequestRefused> {
    let request: CreateCharge = read_request(body, Spellings::Every)?;
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
    let request: Capture = read_request(body, Spellings::Every)?;
    let amount = request.capture_amount.map(Money::from);
    let asked = OperationRequest::Capture { charge_id: request.charge_id, amount };
    Ok(NamedRequest { reference: reference(request.reference)?, asked })
}

/// `POST …/refunds`.
pub(super) fn refund(body: &[u8]) -> Result<NamedRequest, RequestRefused> {
    let request: Refund = read_request(body, Spellings::Every)?;
    let amount = request.refund_amount.map(Money::from);
    let asked = OperationRequest::Refund { charge_id: request.charge_id, amount };
    Ok(NamedRequest { reference: reference(request.reference)?, asked })
}

/// `POST …/close`.
pub(super) fn close(body: &[u8]) -> Result<NamedRequest, RequestRefused> {
    let (reference, reason) = end(body)?;
    Ok(NamedRequest { reference, asked: OperationRequest::Close { reason } })
}

/// `POST …/cancel`: the reference and the reason.
pub(super) fn end(body: &[u8]) -> Result<(String, Option<String>), RequestRefused> {
    let request: End = read_request(body, Spellings::Every)?;
    if let Some(reason) = &request.reason {
        printable("reason", reason)?;
    }
    Ok((reference(request.reference)?, request.reason))
}

fn reference(given: Option<String>) -> Result<String, RequestRefused> {
    let reference = given.ok_or(RequestRefused::missing("reference"))?;
    printable("reference", &reference)?;
    Ok(reference)
}
