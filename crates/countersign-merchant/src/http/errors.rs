//! The one match from refusal to status, code, field and message.

use std::borrow::Cow;

use countersign_client::notification::{EnvelopeRefused, MessageRefused, NotificationRefused};
use countersign_domain::amazon_limits::{MAX_CHARGES, MAX_REFUNDS};
use countersign_domain::merchant::checkout::terms::TermsRefused;
use countersign_domain::merchant::payment::ask::OperationRefused;
use countersign_domain::merchant::rules::MAX_OPERATIONS;
use countersign_http::{Response, Unreadable};
use countersign_protocol::wire::{BodyRefused, BodyRefusedKind};
use http::{HeaderValue, StatusCode as Status, header};

use super::json::json;
use super::update_url;
use crate::book::StoreFailed;
use crate::book::arrival::CompleteRefused;
use crate::book::register::RegistrationRefused;
use crate::book::snapshot::SnapshotRefused;
use crate::drive::inbox::NotAcknowledged;
use crate::drive::operate::OperateRefused;
use crate::json::Members;

const BAD: Status = Status::BAD_REQUEST;
const CONFLICT: Status = Status::CONFLICT;

/// Everything that the merchant API refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    NoSuchPath,
    /// With the methods that the path takes.
    WrongMethod(&'static str),
    Unauthorized,
    OriginNotAllowed,
    Unreadable(Unreadable),
    Body(BodyRefused),
    Missing(&'static str),
    Invalid {
        field: &'static str,
        why: &'static str,
    },
    Terms(TermsRefused),
    OtherTerms(&'static str),
    NoSuchCheckout,
    BoundToAnotherOrder,
    TooManyAttempts,
    OrderCanceled,
    /// A rule of ours, and where the buyer names another payment method, if that is what it takes.
    Operation(OperationRefused, Option<String>),
    /// Amazon refused what was asked for, by this code.
    ByAmazon(String),
    /// The money was declined: Amazon's reason, and where the buyer names another payment method, if that
    /// is what it takes.
    Declined {
        code: String,
        update_url: Option<String>,
    },
    /// Amazon declined to give money back: which refund, and Amazon's reason.
    RefundDeclined {
        refund: String,
        reason: String,
    },
    NoSuchCharge,
    Snapshot(SnapshotRefused),
    Notification(NotificationRefused),
    Store(StoreFailed),
}

impl Refused {
    pub(super) fn missing(field: &'static str) -> Self {
        Self::Missing(field)
    }
}

impl From<BodyRefused> for Refused {
    fn from(refused: BodyRefused) -> Self {
        Self::Body(refused)
    }
}

impl From<StoreFailed> for Refused {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

impl From<RegistrationRefused> for Refused {
    fn from(refused: RegistrationRefused) -> Self {
        match refused {
            RegistrationRefused::Terms(refused) => Self::Terms(refused),
            RegistrationRefused::OtherTerms(field) => Self::OtherTerms(field),
            RegistrationRefused::NotFound => Self::NoSuchCheckout,
            RegistrationRefused::Store(failed) => Self::Store(failed),
        }
    }
}

impl From<CompleteRefused> for Refused {
    fn from(refused: CompleteRefused) -> Self {
        match refused {
            CompleteRefused::NotFound => Self::NoSuchCheckout,
            CompleteRefused::BoundToAnotherOrder => Self::BoundToAnotherOrder,
            CompleteRefused::TooManyAttempts => Self::TooManyAttempts,
            CompleteRefused::OrderCanceled => Self::OrderCanceled,
            CompleteRefused::Store(failed) => Self::Store(failed),
        }
    }
}

impl From<OperateRefused> for Refused {
    fn from(refused: OperateRefused) -> Self {
        match refused {
            OperateRefused::NotFound => Self::NoSuchCheckout,
            OperateRefused::Rule(refused, checkout) => {
                let payment = checkout.payment.as_ref();
                let is_of_permission = refused == OperationRefused::PermissionNonChargeable;
                let payment = payment.filter(|_| is_of_permission);
                Self::Operation(refused, payment.and_then(update_url::of_permission))
            }
            OperateRefused::Store(failed) => Self::Store(failed),
        }
    }
}

impl From<NotAcknowledged> for Refused {
    fn from(refused: NotAcknowledged) -> Self {
        match refused {
            NotAcknowledged::Refused(refused) => Self::Notification(refused),
            NotAcknowledged::Store(failed) => Self::Store(failed),
        }
    }
}

impl From<SnapshotRefused> for Refused {
    fn from(refused: SnapshotRefused) -> Self {
        match refused {
            SnapshotRefused::NoSuchCheckout => Self::NoSuchCheckout,
            SnapshotRefused::Store(failed) => Self::Store(failed),
            other => Self::Snapshot(other),
        }
    }
}

/// What a refusal is answered with.
struct Answer {
    status: Status,
    code: Cow<'static, str>,
    field: Option<String>,
    message: Cow<'static, str>,
}

fn answer(status: Status, code: &'static str, message: impl Into<Cow<'static, str>>) -> Answer {
    Answer { status, code: code.into(), field: None, message: message.into() }
}

impl Answer {
    fn at(self, field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..self }
    }
}

/// The answer to a refused request.
pub(super) fn render(refused: &Refused) -> Response {
    let Answer { status, code, field, message } = answer_to(refused);
    let payment_method_update_url = match refused {
        Refused::Operation(_, update_url) | Refused::Declined { update_url, .. } => update_url.as_deref(),
        _ => None,
    };
    let error = Members::default().with("code", code).with("field", field).with("message", message);
    let envelope = Members::default().with("error", error);
    let envelope = envelope.some("paymentMethodUpdateUrl", payment_method_update_url);
    let mut response = json(status, &envelope);
    match refused {
        Refused::WrongMethod(allowed) => {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        Refused::Unauthorized => {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        _ => {}
    }
    response
}

const NO_SUCH_CHECKOUT: &str = "There is no such checkout.";
const CANCELED: &str = "This order is canceled, or being canceled.";
const NO_SUCH_CHARGE: &str = "This checkout has no such charge.";
const NO_AMOUNT: &str = "The amount must be more than zero.";
const NO_STORE: &str = "The store does not answer. Nothing is lost; ask again.";

fn answer_to(refused: &Refused) -> Answer {
    match refused {
        Refused::NoSuchPath => answer(Status::NOT_FOUND, "NotFound", "There is nothing at this path."),
        Refused::WrongMethod(_) => {
            answer(Status::METHOD_NOT_ALLOWED, "MethodNotAllowed", "This path does not take this method.")
        }
        Refused::Unauthorized => {
            let message = "The header authorization must be `Bearer` and the shop's token.";
            answer(Status::UNAUTHORIZED, "Unauthorized", message).at("authorization")
        }
        Refused::OriginNotAllowed => {
            let message =
                "A page of this origin may not speak for this checkout; shop.origins names further ones.";
            answer(Status::FORBIDDEN, "OriginNotAllowed", message).at("origin")
        }
        Refused::Unreadable(unreadable) => {
            let (status, message) = match unreadable {
                Unreadable::BodyTooLarge => (Status::PAYLOAD_TOO_LARGE, "The body is too large."),
                Unreadable::HeadTooLarge => {
                    (Status::REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large.")
                }
                Unreadable::BodyTimedOut => (Status::REQUEST_TIMEOUT, "The body did not arrive in time."),
                Unreadable::BodyTruncated => (BAD, "The body ended too early."),
            };
            answer(status, "Unreadable", message)
        }
        Refused::Body(refused) => {
            let code = match refused.kind {
                BodyRefusedKind::InvalidRequestFormat => "InvalidFormat",
                BodyRefusedKind::UnrecognizedField => "UnrecognizedField",
                BodyRefusedKind::InvalidParameterValue => "InvalidValue",
            };
            Answer { field: refused.field.clone(), ..answer(BAD, code, refused.to_string()) }
        }
        Refused::Missing(field) => answer(BAD, "MissingValue", format!("[{field}] is required.")).at(field),
        Refused::Invalid { field, why } => answer(BAD, "InvalidValue", format!("[{field}] {why}.")).at(field),
        Refused::Terms(refused) => terms_refused(refused).at(refused.field()),
        Refused::OtherTerms(field) => {
            let message = format!("This order is registered with another [{field}].");
            answer(CONFLICT, "OrderExists", message).at(field)
        }
        Refused::NoSuchCheckout => answer(Status::NOT_FOUND, "NoSuchCheckout", NO_SUCH_CHECKOUT),
        Refused::BoundToAnotherOrder => {
            let message = "This Checkout Session belongs to another order.";
            answer(CONFLICT, "SessionOfAnotherOrder", message).at("amazonCheckoutSessionId")
        }
        Refused::TooManyAttempts => {
            let message = "This order has seen too many Checkout Sessions.";
            answer(CONFLICT, "TooManyAttempts", message).at("amazonCheckoutSessionId")
        }
        Refused::OrderCanceled => answer(CONFLICT, "OrderCanceled", CANCELED).at("amazonCheckoutSessionId"),
        Refused::Operation(refused, _) => {
            Answer { field: refused.field().map(str::to_owned), ..operation_refused(*refused) }
        }
        Refused::ByAmazon(code) => Answer {
            code: code.clone().into(),
            ..answer(CONFLICT, "", "Amazon refuses this; nothing was done.")
        },
        Refused::Declined { code, .. } => Answer {
            code: code.clone().into(),
            ..answer(Status::PAYMENT_REQUIRED, "", "The payment was declined; nothing was taken.")
        },
        Refused::RefundDeclined { refund, reason } => {
            let message = format!("Amazon declined the refund {refund} ({reason}); nothing was given back.");
            answer(CONFLICT, "RefundDeclined", message)
        }
        Refused::NoSuchCharge => answer(Status::NOT_FOUND, "NoSuchCharge", NO_SUCH_CHARGE).at("chargeId"),
        Refused::Snapshot(refused) => snapshot_refused(refused),
        Refused::Notification(refused) => {
            let (status, field) = notification_refused(refused);
            let code = match status {
                Status::SERVICE_UNAVAILABLE => "Unavailable",
                BAD => "InvalidFormat",
                _ => "NotBelieved",
            };
            let message = format!("This notification is not taken: {refused}.");
            Answer { field: field.map(str::to_owned), ..answer(status, code, message) }
        }
        Refused::Store(failed) => {
            tracing::error!(%failed, "a request was refused");
            let (code, message) = match failed {
                StoreFailed::Indeterminate(_) => {
                    ("Indeterminate", "Whether this was kept is not known; it may be carried out. Ask again.")
                }
                StoreFailed::Unavailable(_) | StoreFailed::Unreadable(_) => ("Unavailable", NO_STORE),
            };
            answer(Status::SERVICE_UNAVAILABLE, code, message)
        }
    }
}

fn terms_refused(refused: &TermsRefused) -> Answer {
    match refused {
        TermsRefused::PendingWithCapture => {
            let message = "AuthorizeWithCapture cannot wait for a pending authorization.";
            answer(BAD, "InvalidCombination", message)
        }
        TermsRefused::NothingToCharge => answer(BAD, "InvalidValue", NO_AMOUNT),
        TermsRefused::ChargeAboveMaximum => {
            answer(BAD, "InvalidValue", "The amount is more than Amazon Pay charges at once.")
        }
        TermsRefused::TotalInAnotherCurrency(currency) => {
            answer(BAD, "InvalidCombination", format!("{currency} is not the currency of chargeAmount."))
        }
        TermsRefused::TotalBelowCharge => {
            answer(BAD, "InvalidCombination", "The total is less than chargeAmount.")
        }
        TermsRefused::VersionMoved { current } => {
            let message = format!("The terms have version {current}: read them and decide again.");
            answer(CONFLICT, "TermsVersionMoved", message)
        }
        TermsRefused::OrderCanceled => answer(CONFLICT, "OrderCanceled", CANCELED),
        TermsRefused::AlreadySent => {
            let message = "A payment with the present terms was sent and is not proved unpaid.";
            answer(CONFLICT, "AlreadySent", message)
        }
    }
}

fn operation_refused(refused: OperationRefused) -> Answer {
    use OperationRefused as Rule;
    match refused {
        Rule::NotCompleted => answer(CONFLICT, "NotCompleted", "This order is not paid or authorized."),
        Rule::OrderCanceled => answer(CONFLICT, "OrderCanceled", CANCELED),
        Rule::ReferenceReused => {
            answer(CONFLICT, "ReferenceReused", "This reference was used for something else.")
        }
        Rule::TooManyOperations => {
            let message = format!("A checkout takes {MAX_OPERATIONS} operations.");
            answer(CONFLICT, "TooManyOperations", message)
        }
        Rule::PendingWithCapture => {
            let message = "captureNow cannot wait for a pending authorization.";
            answer(BAD, "InvalidCombination", message)
        }
        Rule::Nothing(_) => answer(BAD, "InvalidValue", NO_AMOUNT),
        Rule::OtherCurrency(_) => {
            answer(BAD, "InvalidValue", "The amount is in another currency than the order.")
        }
        Rule::AboveMaximum(_) => {
            answer(BAD, "InvalidValue", "The amount is more than Amazon Pay moves at once.")
        }
        Rule::PermissionClosed => {
            let message = "The Charge Permission is closed: nothing can be charged.";
            answer(CONFLICT, "ChargePermissionClosed", message)
        }
        Rule::PermissionNonChargeable => {
            let message =
                "The Charge Permission cannot be charged until the buyer names another payment method.";
            answer(CONFLICT, "ChargePermissionNonChargeable", message)
        }
        Rule::TooManyCharges => {
            let message = format!("A Charge Permission takes {MAX_CHARGES} charges.");
            answer(CONFLICT, "TooManyCharges", message)
        }
        Rule::ExceedsLimit(left) => {
            answer(CONFLICT, "ExceedsLimit", format!("Of this order {left} is left to be charged."))
        }
        Rule::NoSuchCharge => answer(BAD, "NoSuchCharge", NO_SUCH_CHARGE),
        Rule::ChargeNotNamed => {
            answer(CONFLICT, "ChargeNotNamed", "Not exactly one charge can be meant: name one.")
        }
        Rule::NotAuthorized => answer(CONFLICT, "NotAuthorized", "The charge is not Authorized."),
        Rule::ChargeBusy => answer(CONFLICT, "ChargeBusy", "Something else is being done with this charge."),
        Rule::ExceedsCharge(amount) => {
            answer(CONFLICT, "ExceedsCharge", format!("The charge is authorized for {amount}."))
        }
        Rule::NotCaptured => answer(CONFLICT, "NotCaptured", "The charge is not Captured."),
        Rule::ExceedsRefundable(left) => {
            answer(CONFLICT, "ExceedsRefundable", format!("Of this charge {left} may be refunded."))
        }
        Rule::TooManyRefunds => {
            answer(CONFLICT, "TooManyRefunds", format!("A charge takes {MAX_REFUNDS} refunds."))
        }
    }
}

/// Amazon sends again what is answered with a 5xx, and gives up what is answered with a 4xx.
fn notification_refused(refused: &NotificationRefused) -> (Status, Option<&'static str>) {
    match refused {
        NotificationRefused::Envelope(
            EnvelopeRefused::Missing { member } | EnvelopeRefused::Malformed { member, .. },
        ) => (BAD, Some(member)),
        NotificationRefused::Envelope(EnvelopeRefused::TooLong | EnvelopeRefused::NotAnObject) => (BAD, None),
        NotificationRefused::Message(
            MessageRefused::Missing { member } | MessageRefused::Malformed { member },
        ) => (BAD, Some(member)),
        NotificationRefused::Message(MessageRefused::NotAnObject) => (BAD, Some("Message")),
        NotificationRefused::UnexpectedTopic { .. } => (Status::FORBIDDEN, Some("TopicArn")),
        NotificationRefused::Stale { .. } | NotificationRefused::FromTheFuture { .. } => {
            (Status::FORBIDDEN, Some("Timestamp"))
        }
        NotificationRefused::CertificateUrl(_) => (Status::FORBIDDEN, Some("SigningCertURL")),
        NotificationRefused::NoCertificate(_) => (Status::SERVICE_UNAVAILABLE, Some("SigningCertURL")),
        NotificationRefused::Signature(_) => (Status::FORBIDDEN, Some("Signature")),
        NotificationRefused::ForeignMerchant => (Status::FORBIDDEN, Some("MerchantID")),
    }
}

fn snapshot_refused(refused: &SnapshotRefused) -> Answer {
    match refused {
        SnapshotRefused::NoSuchCheckout => answer(Status::NOT_FOUND, "NoSuchCheckout", NO_SUCH_CHECKOUT),
        SnapshotRefused::NotCompleted => {
            answer(Status::NOT_FOUND, "NoSnapshot", "Nothing was paid, so there is nothing to keep.")
        }
        SnapshotRefused::Due => {
            answer(Status::NOT_FOUND, "SnapshotDue", "It is not fetched from Amazon yet. Ask again later.")
        }
        SnapshotRefused::Missed => {
            answer(Status::GONE, "SnapshotMissed", "Amazon forgot the data before they could be fetched.")
        }
        SnapshotRefused::Erased => answer(Status::GONE, "SnapshotErased", "The data were erased."),
        SnapshotRefused::KeyMissing => {
            let message = "The key that opens it is not configured. Nothing is lost; the log names the key.";
            answer(Status::SERVICE_UNAVAILABLE, "SnapshotKeyMissing", message)
        }
        SnapshotRefused::Altered => {
            let message = "What is stored is not what was sealed. The log names it.";
            answer(Status::SERVICE_UNAVAILABLE, "SnapshotAltered", message)
        }
        SnapshotRefused::Store(_) => answer(Status::SERVICE_UNAVAILABLE, "Unavailable", NO_STORE),
    }
}
