//! The one match from refusal to status, reason code and message. A message names the member or the
//! header at fault and never quotes a buyer's data.

use countersign_domain::amazon_limits::{MAX_CHARGES, MAX_REFUNDS};
use countersign_domain::ids::NotAnId;
use countersign_domain::provider::cancel_charge::CancelRefused;
use countersign_domain::provider::capture_charge::CaptureRefused;
use countersign_domain::provider::charge::ChargeDeclineReason;
use countersign_domain::provider::checkout_session::SessionRefused;
use countersign_domain::provider::close_charge_permission::CloseRefused;
use countersign_domain::provider::create_charge::CreateChargeRefused;
use countersign_domain::provider::create_refund::CreateRefundRefused;
use countersign_domain::provider::finalize::{Attribute, FinalizeRefused, PaymentFailure};
use countersign_domain::provider::ledger::LedgerImbalance;
use countersign_domain::provider::payment_details::PaymentDetailsRefused;
use countersign_http::IncompleteRequest;
use countersign_protocol::signing::VerifyRefused;
use countersign_protocol::wire::{BodyRefused, Error, Object as _, ReasonCode};
use http::StatusCode;

use crate::book::answer::ApiAnswer;
use crate::book::refused::{BookRefused, StoreFailed};
use crate::settings::Flags;

/// Everything that the API refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ApiRefused {
    NoSuchPath,
    WrongMethod,
    Unreadable(IncompleteRequest),
    /// Check 1.
    Signature(VerifyRefused),
    /// A `SANDBOX-` key on `/live`, or a `LIVE-` key on `/sandbox`.
    EnvironmentsContradict,
    /// Neither the key nor the path names an environment.
    NoEnvironment,
    /// A simulation code, in the sandbox environment, on a call that has no simulations.
    KnowsNoSimulation,
    /// A simulation code that this call does not know.
    UnknownSimulation,
    MissingIdempotencyKey,
    /// Check 2.
    Body(BodyRefused),
    Missing(&'static str),
    Invalid {
        field: &'static str,
        why: &'static str,
    },
    /// Check 3, the rules for every object of a kind, and failures of the store.
    Book(BookRefused),
    /// The checks of Finalize and Complete.
    Finalize(FinalizeRefused),
    /// The checks of Create Charge.
    CreateCharge(CreateChargeRefused),
    /// Update Charge was called for one of the merchant's own charges.
    NotAProvidersCharge,
    /// The checks of Capture Charge.
    Capture(CaptureRefused),
    /// The charge can no longer be canceled.
    Cancel(CancelRefused),
    /// The checks of Create Refund.
    CreateRefund(CreateRefundRefused),
    /// The permission cannot be closed.
    Close(CloseRefused),
    /// The notes of a Closed permission cannot be changed.
    NotModifiable,
    /// A buyer cannot change the payment method of a Closed permission.
    PermissionClosed,
    /// An ordered fault.
    Fault(StatusCode),
    /// The answer that is stored under the request's idempotency key.
    Kept(ApiAnswer),
}

impl From<VerifyRefused> for ApiRefused {
    fn from(refused: VerifyRefused) -> Self {
        Self::Signature(refused)
    }
}

impl From<BodyRefused> for ApiRefused {
    fn from(refused: BodyRefused) -> Self {
        Self::Body(refused)
    }
}

impl From<BookRefused> for ApiRefused {
    fn from(refused: BookRefused) -> Self {
        Self::Book(refused)
    }
}

impl From<StoreFailed> for ApiRefused {
    fn from(failed: StoreFailed) -> Self {
        Self::Book(failed.into())
    }
}

/// The object that the path names cannot exist: no object has such an id.
impl From<NotAnId> for ApiRefused {
    fn from(_: NotAnId) -> Self {
        Self::Book(BookRefused::NotFound)
    }
}

/// A refusal, in the form in which it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) reason_code: ReasonCode,
    pub(crate) message: String,
}

/// A refusal with the status that the API's pages give the code.
pub(crate) fn refusal(reason_code: ReasonCode, message: impl Into<String>) -> Refusal {
    Refusal { status: reason_code.status(), reason_code, message: message.into() }
}

pub(crate) fn missing(field: &str) -> Refusal {
    refusal(ReasonCode::MissingParameterValue, format!("The parameter [{field}] is required."))
}

pub(crate) fn invalid(field: &str, why: &str) -> Refusal {
    let message = format!("The value provided for [{field}] is invalid: {why}.");
    refusal(ReasonCode::InvalidParameterValue, message)
}

/// The answer to a refused request.
pub(crate) fn answer(refused: &ApiRefused, flags: &Flags) -> ApiAnswer {
    render(match refused {
        ApiRefused::Kept(answer) => return answer.clone(),
        ApiRefused::NoSuchPath => refusal(ReasonCode::ResourceNotFound, "There is no resource at this path."),
        ApiRefused::WrongMethod => {
            refusal(ReasonCode::RequestNotSupported, "This path does not support this method.")
        }
        ApiRefused::Unreadable(unreadable) => unreadable_refusal(*unreadable),
        ApiRefused::Signature(refused) => refusal(refused.reason_code(), refused.to_string()),
        ApiRefused::EnvironmentsContradict => refusal(
            ReasonCode::InvalidRequest,
            "The key's prefix names another environment than the request's path.",
        ),
        ApiRefused::NoEnvironment => refusal(
            ReasonCode::InvalidRequest,
            "A key without the prefix SANDBOX- or LIVE- needs a path that begins with /sandbox or /live.",
        ),
        ApiRefused::KnowsNoSimulation => refusal(
            ReasonCode::InvalidSandboxSimulationSpecified,
            "This call knows no value of the header x-amz-pay-simulation-code.",
        ),
        ApiRefused::UnknownSimulation => refusal(
            ReasonCode::InvalidSandboxSimulationSpecified,
            "This call does not know the value provided for x-amz-pay-simulation-code.",
        ),
        ApiRefused::NotAProvidersCharge => refusal(
            ReasonCode::UnsupportedOperation,
            "Only charges that a payment service provider processes are updated.",
        ),
        ApiRefused::MissingIdempotencyKey => {
            refusal(ReasonCode::MissingHeader, "The header x-amz-pay-idempotency-key is missing")
        }
        ApiRefused::Body(refused) => refusal(refused.kind.reason_code(), refused.to_string()),
        ApiRefused::Missing(field) => missing(field),
        ApiRefused::Invalid { field, why } => invalid(field, why),
        ApiRefused::Book(refused) => book_refusal(refused),
        ApiRefused::Finalize(refused) => finalize_refusal(refused, flags),
        ApiRefused::CreateCharge(refused) => create_charge_refusal(*refused),
        ApiRefused::Capture(refused) => capture_refusal(*refused),
        ApiRefused::Cancel(CancelRefused::NotCancelable) => refusal(
            ReasonCode::InvalidChargeStatus,
            "The Charge is neither AuthorizationInitiated nor Authorized.",
        ),
        ApiRefused::CreateRefund(refused) => create_refund_refusal(*refused),
        ApiRefused::NotModifiable => {
            refusal(ReasonCode::ChargePermissionNotModifiable, "The Charge Permission is Closed.")
        }
        ApiRefused::Close(CloseRefused::PermissionClosed) | ApiRefused::PermissionClosed => {
            refusal(ReasonCode::InvalidChargePermissionStatus, "The Charge Permission is Closed.")
        }
        ApiRefused::Cancel(CancelRefused::Unbalanced(why))
        | ApiRefused::Close(CloseRefused::Unbalanced(why)) => unbalanced(*why),
        ApiRefused::Fault(status) => {
            let ordered = refusal(ordered_code(*status), "This answer was ordered.");
            Refusal { status: status.as_u16(), ..ordered }
        }
    })
}

/// The answer to a payment that failed.
pub(crate) fn payment_failure(failure: PaymentFailure, flags: &Flags) -> ApiAnswer {
    render(match failure {
        PaymentFailure::SessionCanceled => canceled(flags),
        PaymentFailure::HardDeclined => refusal(ReasonCode::HardDeclined, "The payment was declined."),
    })
}

pub(crate) fn render(Refusal { status, reason_code, message }: Refusal) -> ApiAnswer {
    ApiAnswer::new(status, Error::new(reason_code, message).to_answer())
}

fn canceled(flags: &Flags) -> Refusal {
    let status = flags.canceled_status;
    Refusal { status, ..refusal(ReasonCode::CheckoutSessionCanceled, "The Checkout Session was canceled.") }
}

fn unreadable_refusal(unreadable: IncompleteRequest) -> Refusal {
    let too_large = |status: StatusCode, message: &str| Refusal {
        status: status.as_u16(),
        ..refusal(ReasonCode::InvalidRequest, message)
    };
    match unreadable {
        IncompleteRequest::BodyTooLarge => {
            too_large(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large.")
        }
        IncompleteRequest::HeadTooLarge => {
            too_large(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's headers are too large.")
        }
        IncompleteRequest::BodyTimedOut => {
            refusal(ReasonCode::RequestTimeout, "The request body did not arrive in time.")
        }
        IncompleteRequest::BodyTruncated => {
            refusal(ReasonCode::InvalidRequestFormat, "The request body ended too early.")
        }
    }
}

fn book_refusal(refused: &BookRefused) -> Refusal {
    match refused {
        BookRefused::DuplicateIdempotencyKey => refusal(
            ReasonCode::DuplicateIdempotencyKey,
            "The value provided for x-amz-pay-idempotency-key was used for another request.",
        ),
        BookRefused::NotFound => {
            refusal(ReasonCode::ResourceNotFound, "There is no such resource for this merchant.")
        }
        BookRefused::Session(refused) => session_refusal(refused),
        BookRefused::Store(failed) => {
            tracing::error!(%failed, "a request failed because the store could not be read or written");
            match failed {
                StoreFailed::Unavailable(_) => {
                    refusal(ReasonCode::ServiceUnavailable, "The service is not available. Try again.")
                }
                StoreFailed::Indeterminate(_) | StoreFailed::Unreadable(_) => {
                    refusal(ReasonCode::InternalServerError, "The service failed.")
                }
            }
        }
    }
}

/// The answer to a charge that was declined before it was created.
pub(crate) fn charge_declined(reason: ChargeDeclineReason) -> ApiAnswer {
    let (code, message) = match reason {
        ChargeDeclineReason::SoftDeclined => {
            (ReasonCode::SoftDeclined, "The charge was declined. Trying again may work.")
        }
        ChargeDeclineReason::HardDeclined => {
            (ReasonCode::HardDeclined, "The charge was declined. The buyer must name another payment method.")
        }
        ChargeDeclineReason::AmazonRejected => (ReasonCode::AmazonRejected, "Amazon declined the charge."),
        ChargeDeclineReason::ProcessingFailure => {
            (ReasonCode::ProcessingFailure, "The charge could not be processed.")
        }
        ChargeDeclineReason::TransactionTimedOut => {
            (ReasonCode::TransactionTimedOut, "Nobody answered in time.")
        }
    };
    render(refusal(code, message))
}

/// A defect of this sandbox or of its store. Nothing was changed.
fn unbalanced(unbalanced: LedgerImbalance) -> Refusal {
    tracing::error!(%unbalanced, "a request failed because a payment's accounts do not balance");
    refusal(ReasonCode::InternalServerError, "The service failed.")
}

fn combination(message: &str) -> Refusal {
    refusal(ReasonCode::InvalidParameterCombination, message)
}

fn other_currency(field: &str, than: &str) -> Refusal {
    let message = format!("The currency of [{field}] is not that of the {than}.");
    refusal(ReasonCode::CurrencyMismatch, message)
}

fn too_much(field: &str, why: &str) -> Refusal {
    let message = format!("The value provided for [{field}] is too much: {why}.");
    refusal(ReasonCode::TransactionAmountExceeded, message)
}

fn create_charge_refusal(refused: CreateChargeRefused) -> Refusal {
    const FIELD: &str = "chargeAmount";
    match refused {
        CreateChargeRefused::PermissionClosed => {
            refusal(ReasonCode::InvalidChargePermissionStatus, "The Charge Permission is Closed.")
        }
        CreateChargeRefused::Missing => missing(FIELD),
        CreateChargeRefused::PendingWithCapture => combination(
            "The values provided for [captureNow] and [canHandlePendingAuthorization] cannot be combined.",
        ),
        CreateChargeRefused::SoftDescriptorWithoutCapture => {
            combination("[softDescriptor] goes with [captureNow] only.")
        }
        CreateChargeRefused::CurrencyDiffers => other_currency(FIELD, "Charge Permission"),
        CreateChargeRefused::NothingToCharge => invalid(FIELD, "it must be more than zero"),
        CreateChargeRefused::AboveMaximum => too_much(FIELD, "Amazon Pay does not charge so much at once"),
        CreateChargeRefused::PermissionNonChargeable(reason) => refusal(
            ReasonCode::InvalidChargePermissionStatus,
            format!("The Charge Permission is NonChargeable: {reason}."),
        ),
        CreateChargeRefused::TooManyCharges => refusal(
            ReasonCode::TransactionCountExceeded,
            format!("A Charge Permission has at most {MAX_CHARGES} charges."),
        ),
        CreateChargeRefused::ExceedsBalance => {
            too_much(FIELD, "it is more than is left of the Charge Permission's limit")
        }
        CreateChargeRefused::SimulationDoesNotFit => refusal(
            ReasonCode::InvalidSandboxSimulationSpecified,
            "The simulation's prerequisites do not hold.",
        ),
        CreateChargeRefused::Unbalanced(why) => unbalanced(why),
    }
}

fn capture_refusal(refused: CaptureRefused) -> Refusal {
    const FIELD: &str = "captureAmount";
    match refused {
        CaptureRefused::NotAuthorized => {
            refusal(ReasonCode::InvalidChargeStatus, "The Charge is not Authorized.")
        }
        CaptureRefused::Missing => missing(FIELD),
        CaptureRefused::CurrencyDiffers => other_currency(FIELD, "Charge"),
        CaptureRefused::NothingToCapture => invalid(FIELD, "it must be more than zero"),
        CaptureRefused::AboveMaximum => too_much(FIELD, "Amazon Pay does not charge so much at once"),
        CaptureRefused::ExceedsAuthorizedAmount => too_much(FIELD, "it is more than is authorized"),
        CaptureRefused::ExceedsOvercharge => {
            too_much(FIELD, "with what was captured before it is more than the order may be overcharged")
        }
        CaptureRefused::Unbalanced(why) => unbalanced(why),
    }
}

fn create_refund_refusal(refused: CreateRefundRefused) -> Refusal {
    const FIELD: &str = "refundAmount";
    match refused {
        CreateRefundRefused::NotCaptured => {
            refusal(ReasonCode::InvalidChargeStatus, "The Charge is not Captured.")
        }
        CreateRefundRefused::Missing => missing(FIELD),
        CreateRefundRefused::CurrencyDiffers => other_currency(FIELD, "Charge"),
        CreateRefundRefused::NothingToRefund => invalid(FIELD, "it must be more than zero"),
        CreateRefundRefused::AboveMaximum => too_much(FIELD, "Amazon Pay does not refund so much at once"),
        CreateRefundRefused::TooManyRefunds => refusal(
            ReasonCode::TransactionCountExceeded,
            format!("A Charge has at most {MAX_REFUNDS} refunds."),
        ),
        CreateRefundRefused::ExceedsCeiling => {
            too_much(FIELD, "with the Charge's other refunds it exceeds what may be refunded")
        }
        CreateRefundRefused::Unbalanced(why) => unbalanced(why),
    }
}

fn session_refusal(refused: &SessionRefused) -> Refusal {
    let status = |message: String| refusal(ReasonCode::InvalidCheckoutSessionStatus, message);
    match refused {
        SessionRefused::NotOpen => status("The Checkout Session is not Open.".to_owned()),
        SessionRefused::Payment(refused) => payment_details_refusal(refused),
        SessionRefused::Constrained(constraint) => status(constraint.description().to_owned()),
        SessionRefused::AlreadyPlaced => status("The buyer has placed the order already.".to_owned()),
        SessionRefused::NothingToShip => invalid("action", "a PayOnly checkout ships nothing"),
    }
}

fn payment_details_refusal(refused: &PaymentDetailsRefused) -> Refusal {
    match refused {
        PaymentDetailsRefused::PendingWithCapture => combination(
            "The values provided for [paymentDetails.paymentIntent] and \
             [paymentDetails.canHandlePendingAuthorization] cannot be combined.",
        ),
        PaymentDetailsRefused::SoftDescriptorWithoutCapture => combination(
            "[paymentDetails.softDescriptor] goes with the paymentIntent AuthorizeWithCapture only.",
        ),
        PaymentDetailsRefused::NotOfRegion(field) => {
            invalid(field, "accounts of this region are not paid in its currency")
        }
        PaymentDetailsRefused::NothingToCharge(field) => invalid(field, "it must be more than zero"),
        PaymentDetailsRefused::AboveMaximum(field) => {
            invalid(field, "it is more than Amazon Pay charges at once")
        }
        PaymentDetailsRefused::TotalInAnotherCurrency => refusal(
            ReasonCode::CurrencyMismatch,
            "The currency of [paymentDetails.totalOrderAmount] is not that of [paymentDetails.chargeAmount].",
        ),
        PaymentDetailsRefused::TotalBelowCharge => {
            invalid("paymentDetails.totalOrderAmount", "it is less than [paymentDetails.chargeAmount]")
        }
    }
}

fn finalize_refusal(refused: &FinalizeRefused, flags: &Flags) -> Refusal {
    let status = |message: &str| refusal(ReasonCode::InvalidCheckoutSessionStatus, message);
    let differs = |attribute: Attribute| {
        format!("The value provided for [{}] is not the Checkout Session's.", attribute.as_str())
    };
    match refused {
        FinalizeRefused::SessionCanceled => canceled(flags),
        FinalizeRefused::SessionCompleted => status("The Checkout Session is Completed."),
        FinalizeRefused::OrderNotPlaced => status("The buyer has not placed the order yet."),
        FinalizeRefused::Constrained(constraint) => status(constraint.description()),
        FinalizeRefused::Missing(attribute) => missing(attribute.as_str()),
        FinalizeRefused::PendingWithCapture => combination(
            "The values provided for [paymentIntent] and [canHandlePendingAuthorization] cannot be combined.",
        ),
        FinalizeRefused::PaymentIntentDiffers => {
            refusal(ReasonCode::InvalidParameterValue, differs(Attribute::PaymentIntent))
        }
        FinalizeRefused::PendingDiffers => {
            refusal(ReasonCode::InvalidParameterValue, differs(Attribute::CanHandlePendingAuthorization))
        }
        FinalizeRefused::CurrencyDiffers(attribute) => refusal(
            ReasonCode::CurrencyMismatch,
            format!("The currency of [{}] is not the Checkout Session's.", attribute.as_str()),
        ),
        FinalizeRefused::AmountDiffers(attribute) => refusal(ReasonCode::AmountMismatch, differs(*attribute)),
        FinalizeRefused::Unexpected(attribute) => {
            invalid(attribute.as_str(), "the Checkout Session has none")
        }
        FinalizeRefused::SupplementaryDataDiffers => {
            refusal(ReasonCode::InvalidParameterValue, differs(Attribute::SupplementaryData))
        }
        FinalizeRefused::AddressDiffers(kind, member) => {
            invalid(&format!("{}.{}", kind.as_str(), member.as_str()), "it is not the one that Amazon shared")
        }
        FinalizeRefused::AddressNotShared(kind) => invalid(kind.as_str(), "Amazon shared no such address"),
        FinalizeRefused::SimulationDoesNotFit => refusal(
            ReasonCode::InvalidSandboxSimulationSpecified,
            "The simulation does not fit this call, or its prerequisites do not hold.",
        ),
        FinalizeRefused::Unbalanced(why) => unbalanced(*why),
    }
}

/// The reason code for an ordered status: the one that the API usually sends with it, if the API
/// uses the status.
fn ordered_code(status: StatusCode) -> ReasonCode {
    match status.as_u16() {
        401 => ReasonCode::UnauthorizedAccess,
        403 => ReasonCode::InvalidAuthentication,
        404 => ReasonCode::ResourceNotFound,
        405 => ReasonCode::RequestNotSupported,
        408 => ReasonCode::RequestTimeout,
        409 => ReasonCode::AmountMismatch,
        422 => ReasonCode::InvalidCheckoutSessionStatus,
        426 => ReasonCode::TLSVersionNotSupported,
        429 => ReasonCode::TooManyRequests,
        400..=499 => ReasonCode::InvalidRequest,
        500 => ReasonCode::InternalServerError,
        _ => ReasonCode::ServiceUnavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_status_has_a_reason_code() {
        for status in 400..600 {
            let code = ordered_code(StatusCode::from_u16(status).unwrap());
            let documented = ReasonCode::ALL.iter().any(|code| code.status() == status);
            assert_eq!(code.status() == status, documented, "{status} {code}");
        }
    }
}
