//! The bodies of persons' decisions.

use countersign_domain::ids::{ChargeId, ChargePermissionId, RefundId};
use countersign_domain::merchant::decision::Asked;
use countersign_domain::merchant::decision::evidence::{Evidence, EvidenceRefused, has_card_number};
use countersign_domain::money::Money;
use countersign_domain::time::Timestamp;
use countersign_protocol::object;
use countersign_protocol::wire::{Price, Spellings, read_request};

use super::errors::RequestRefused;
use super::payment_requests::{MAX_REFERENCE_LEN, reference};

object! {
    struct DecideAttempt {
        reference: String = "reference" [..=MAX_REFERENCE_LEN],
        verdict: String = "verdict",
        charge_permission_id: ChargePermissionId = "chargePermissionId",
        charge_id: ChargeId = "chargeId",
        amount: Price = "amount",
        remind_at: Timestamp = "remindAt",
        evidence: String = "evidence",
    }
}

object! {
    struct DecideOperation {
        reference: String = "reference" [..=MAX_REFERENCE_LEN],
        verdict: String = "verdict",
        charge_id: ChargeId = "chargeId",
        refund_id: RefundId = "refundId",
        remind_at: Timestamp = "remindAt",
        evidence: String = "evidence",
    }
}

object! {
    struct DecideUnexplained {
        reference: String = "reference" [..=MAX_REFERENCE_LEN],
        verdict: String = "verdict",
        amount: Price = "amount",
        remind_at: Timestamp = "remindAt",
        evidence: String = "evidence",
    }
}

object! {
    struct DecideDispute {
        reference: String = "reference" [..=MAX_REFERENCE_LEN],
        verdict: String = "verdict",
        amount: Price = "amount",
        remind_at: Timestamp = "remindAt",
        evidence: String = "evidence",
    }
}

/// A decision as a body asks for it.
#[derive(Debug)]
pub(super) struct DecisionBody {
    pub(super) reference: String,
    pub(super) asked: Asked,
    pub(super) evidence: Evidence,
}

/// `POST …/attempts/{number}/decision`.
pub(super) fn attempt(body: &[u8]) -> Result<DecisionBody, RequestRefused> {
    let request: DecideAttempt = read_request(body, Spellings::Documented)?;
    let DecideAttempt { charge_permission_id, charge_id, remind_at, .. } = request;
    let amount = request.amount.map(Money::from);
    let no = |field, is_given: bool| if is_given { Err(combination(field)) } else { Ok(()) };
    let verdict = request.verdict.ok_or(RequestRefused::missing("verdict"))?;
    let asked = match verdict.as_str() {
        "paid" => {
            no("remindAt", remind_at.is_some())?;
            Asked::Paid { charge_permission_id, charge_id, amount }
        }
        "refund" => {
            no("remindAt", remind_at.is_some())?;
            let charge_id = charge_id.ok_or(RequestRefused::missing("chargeId"))?;
            let amount = amount.ok_or(RequestRefused::missing("amount"))?;
            Asked::Refund { charge_permission_id, charge_id, amount }
        }
        word @ ("notPaid" | "remind") => {
            no("chargePermissionId", charge_permission_id.is_some())?;
            no("chargeId", charge_id.is_some())?;
            no("amount", amount.is_some())?;
            if word == "remind" {
                Asked::Remind { at: remind_at }
            } else {
                no("remindAt", remind_at.is_some())?;
                Asked::NotPaid
            }
        }
        _ => return Err(RequestRefused::invalid("verdict", "must be paid, notPaid, refund or remind")),
    };
    let (reference, evidence) = (own_name(request.reference)?, evidence(request.evidence)?);
    Ok(DecisionBody { reference, asked, evidence })
}

/// `POST …/operations/{number}/decision`.
pub(super) fn operation(body: &[u8]) -> Result<DecisionBody, RequestRefused> {
    let request: DecideOperation = read_request(body, Spellings::Documented)?;
    let DecideOperation { charge_id, refund_id, remind_at, .. } = request;
    let no = |field, is_given: bool| if is_given { Err(combination(field)) } else { Ok(()) };
    let verdict = request.verdict.ok_or(RequestRefused::missing("verdict"))?;
    let asked = match verdict.as_str() {
        "done" => {
            no("remindAt", remind_at.is_some())?;
            Asked::Done { charge_id, refund_id }
        }
        word @ ("noEffect" | "remind") => {
            no("chargeId", charge_id.is_some())?;
            no("refundId", refund_id.is_some())?;
            if word == "remind" {
                Asked::Remind { at: remind_at }
            } else {
                no("remindAt", remind_at.is_some())?;
                Asked::NoEffect
            }
        }
        _ => return Err(RequestRefused::invalid("verdict", "must be done, noEffect or remind")),
    };
    let (reference, evidence) = (own_name(request.reference)?, evidence(request.evidence)?);
    Ok(DecisionBody { reference, asked, evidence })
}

/// `POST …/unexplained/{chargePermissionId}/decision`.
pub(super) fn unexplained(body: &[u8]) -> Result<DecisionBody, RequestRefused> {
    let request: DecideUnexplained = read_request(body, Spellings::Documented)?;
    let (amount, remind_at) = (request.amount.map(Money::from), request.remind_at);
    let no = |field, is_given: bool| if is_given { Err(combination(field)) } else { Ok(()) };
    let verdict = request.verdict.ok_or(RequestRefused::missing("verdict"))?;
    if verdict != "remind" {
        no("remindAt", remind_at.is_some())?;
    }
    if verdict != "refund" {
        no("amount", amount.is_some())?;
    }
    let asked = match verdict.as_str() {
        "ours" => Asked::Ours,
        "notOurs" => Asked::NotOurs,
        "refund" => Asked::RefundUnexplained { amount: amount.ok_or(RequestRefused::missing("amount"))? },
        "remind" => Asked::Remind { at: remind_at },
        _ => return Err(RequestRefused::invalid("verdict", "must be ours, notOurs, refund or remind")),
    };
    let (reference, evidence) = (own_name(request.reference)?, evidence(request.evidence)?);
    Ok(DecisionBody { reference, asked, evidence })
}

/// `POST …/disputes/{disputeId}/decision`.
pub(super) fn dispute(body: &[u8]) -> Result<DecisionBody, RequestRefused> {
    let request: DecideDispute = read_request(body, Spellings::Documented)?;
    let (amount, remind_at) = (request.amount.map(Money::from), request.remind_at);
    let no = |field, is_given: bool| if is_given { Err(combination(field)) } else { Ok(()) };
    let verdict = request.verdict.ok_or(RequestRefused::missing("verdict"))?;
    if verdict != "remind" {
        no("remindAt", remind_at.is_some())?;
    }
    if verdict != "lost" {
        no("amount", amount.is_some())?;
    }
    if amount.is_some_and(Money::is_zero) {
        return Err(RequestRefused::invalid("amount", "must be more than zero"));
    }
    let asked = match verdict.as_str() {
        "won" => Asked::Won,
        "lost" => Asked::Lost { amount },
        "remind" => Asked::Remind { at: remind_at },
        _ => return Err(RequestRefused::invalid("verdict", "must be won, lost or remind")),
    };
    let (reference, evidence) = (own_name(request.reference)?, evidence(request.evidence)?);
    Ok(DecisionBody { reference, asked, evidence })
}

/// A member that does not belong to the verdict.
fn combination(field: &'static str) -> RequestRefused {
    RequestRefused::not_combined(field)
}

/// The person's own name for the decision. It is in logs, so it must not have a card number either.
fn own_name(given: Option<String>) -> Result<String, RequestRefused> {
    let name = reference(given)?;
    if has_card_number(&name) {
        return Err(RequestRefused::invalid("reference", "must not have a card number"));
    }
    Ok(name)
}

fn evidence(given: Option<String>) -> Result<Evidence, RequestRefused> {
    let text = given.ok_or(RequestRefused::missing("evidence"))?;
    Evidence::parse(&text).map_err(|refused| {
        let why = match refused {
            EvidenceRefused::Empty => "must not be empty",
            EvidenceRefused::TooLong => "must have at most 2,000 characters",
            EvidenceRefused::Unprintable => "must be printable: it has a control character",
            EvidenceRefused::CardNumber => "must not have a card number: name the payment by Amazon's ids",
        };
        RequestRefused::invalid("evidence", why)
    })
}
