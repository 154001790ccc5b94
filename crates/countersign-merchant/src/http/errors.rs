//! The one match from refusal to status, code, field and message.

use countersign_client::notification::{EnvelopeRefused, MessageRefused, NotificationRefused};
use countersign_domain::merchant::checkout::TermsRefused;
use countersign_domain::merchant::operation::{MAX_OPERATIONS, OperationRefused};
use countersign_http::{Response, Unreadable};
use countersign_protocol::wire::{BodyRefused, BodyRefusedKind};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::{payment_render, render};
use crate::app::inbox::NotAcknowledged;
use crate::app::operation::OperateRefused;
use crate::book::StoreFailed;
use crate::book::arrival::CompleteRefused;
use crate::book::register::RegistrationRefused;
use crate::book::snapshot::SnapshotRefused;

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
            OperateRefused::Rule(refused, registration) => {
                let payment = registration.checkout.payment.as_ref();
                let is_of_permission = refused == OperationRefused::PermissionNonChargeable;
                let payment = payment.filter(|_| is_of_permission);
                Self::Operation(refused, payment.and_then(payment_render::update_url_of_permission))
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    error: Body<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_method_update_url: Option<&'a str>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: &'a str,
    field: Option<&'a str>,
    message: String,
}

/// The answer to a refused request.
pub(super) fn render(refused: &Refused) -> Response {
    use StatusCode as Status;
    let (status, code, field, message): (Status, &str, Option<String>, String) = match refused {
        Refused::NoSuchPath => {
            (Status::NOT_FOUND, "NotFound", None, "There is nothing at this path.".to_owned())
        }
        Refused::WrongMethod(_) => (
            Status::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            None,
            "This path does not take this method.".to_owned(),
        ),
        Refused::Unauthorized => (
            Status::UNAUTHORIZED,
            "Unauthorized",
            Some("authorization".to_owned()),
            "The header authorization must be `Bearer` and the shop's token.".to_owned(),
        ),
        Refused::OriginNotAllowed => (
            Status::FORBIDDEN,
            "OriginNotAllowed",
            Some("origin".to_owned()),
            "A page of this origin may not speak for this checkout; shop.origins names further ones."
                .to_owned(),
        ),
        Refused::Unreadable(unreadable) => {
            let (status, message) = match unreadable {
                Unreadable::BodyTooLarge => (Status::PAYLOAD_TOO_LARGE, "The body is too large."),
                Unreadable::HeadTooLarge => {
                    (Status::REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large.")
                }
                Unreadable::BodyTimedOut => (Status::REQUEST_TIMEOUT, "The body did not arrive in time."),
                Unreadable::BodyTruncated => (Status::BAD_REQUEST, "The body ended too early."),
            };
            (status, "Unreadable", None, message.to_owned())
        }
        Refused::Body(refused) => {
            let code = match refused.kind {
                BodyRefusedKind::InvalidRequestFormat => "InvalidFormat",
                BodyRefusedKind::UnrecognizedField => "UnrecognizedField",
                BodyRefusedKind::InvalidParameterValue => "InvalidValue",
            };
            (Status::BAD_REQUEST, code, refused.field.clone(), refused.to_string())
        }
        Refused::Missing(field) => (
            Status::BAD_REQUEST,
            "MissingValue",
            Some((*field).to_owned()),
            format!("[{field}] is required."),
        ),
        Refused::Invalid { field, why } => {
            (Status::BAD_REQUEST, "InvalidValue", Some((*field).to_owned()), format!("[{field}] {why}."))
        }
        Refused::Terms(refused) => {
            let (status, code, message) = terms_refused(refused);
            (status, code, Some(refused.field().to_owned()), message)
        }
        Refused::OtherTerms(field) => (
            Status::CONFLICT,
            "OrderExists",
            Some((*field).to_owned()),
            format!("This order is registered with another [{field}]."),
        ),
        Refused::NoSuchCheckout => {
            (Status::NOT_FOUND, "NoSuchCheckout", None, "There is no such checkout.".to_owned())
        }
        Refused::BoundToAnotherOrder => (
            Status::CONFLICT,
            "SessionOfAnotherOrder",
            Some("amazonCheckoutSessionId".to_owned()),
            "This Checkout Session belongs to another order.".to_owned(),
        ),
        Refused::TooManyAttempts => (
            Status::CONFLICT,
            "TooManyAttempts",
            Some("amazonCheckoutSessionId".to_owned()),
            "This order has seen too many Checkout Sessions.".to_owned(),
        ),
        Refused::Operation(refused, _) => {
            let (status, code, message) = operation_refused(*refused);
            (status, code, refused.field().map(str::to_owned), message)
        }
        Refused::ByAmazon(code) => {
            (Status::CONFLICT, code, None, "Amazon refuses this; nothing was done.".to_owned())
        }
        Refused::Declined { code, .. } => {
            (Status::PAYMENT_REQUIRED, code, None, "The payment was declined; nothing was taken.".to_owned())
        }
        Refused::RefundDeclined { refund, reason } => (
            Status::CONFLICT,
            "RefundDeclined",
            None,
            format!("Amazon declined the refund {refund} ({reason}); nothing was given back."),
        ),
        Refused::NoSuchCharge => (
            Status::NOT_FOUND,
            "NoSuchCharge",
            Some("chargeId".to_owned()),
            "This checkout has no such charge.".to_owned(),
        ),
        Refused::Snapshot(refused) => {
            let (status, code, message) = snapshot_refused(refused);
            (status, code, None, message.to_owned())
        }
        Refused::Notification(refused) => {
            let (status, field) = notification_refused(refused);
            let message = format!("This notification is not taken: {refused}.");
            let code = match status {
                Status::SERVICE_UNAVAILABLE => "Unavailable",
                Status::BAD_REQUEST => "InvalidFormat",
                _ => "NotBelieved",
            };
            (status, code, field.map(str::to_owned), message)
        }
        Refused::OrderCanceled => (
            Status::CONFLICT,
            "OrderCanceled",
            Some("amazonCheckoutSessionId".to_owned()),
            "This order is canceled, or being canceled.".to_owned(),
        ),
        Refused::Store(failed) => {
            tracing::error!(%failed, "a request was refused");
            let (code, message) = match failed {
                StoreFailed::Indeterminate(_) => {
                    ("Indeterminate", "Whether this was kept is not known; it may be carried out. Ask again.")
                }
                StoreFailed::Unavailable(_) | StoreFailed::Unreadable(_) => {
                    ("Unavailable", "The store does not answer. Nothing is lost; ask again.")
                }
            };
            (Status::SERVICE_UNAVAILABLE, code, None, message.to_owned())
        }
    };
    let payment_method_update_url = match refused {
        Refused::Operation(_, update_url) | Refused::Declined { update_url, .. } => update_url.as_deref(),
        _ => None,
    };
    let error = Body { code, field: field.as_deref(), message };
    let mut response = render::json(status, &Envelope { error, payment_method_update_url });
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

fn terms_refused(refused: &TermsRefused) -> (StatusCode, &'static str, String) {
    let bad = StatusCode::BAD_REQUEST;
    match refused {
        TermsRefused::PendingWithCapture => (
            bad,
            "InvalidCombination",
            "AuthorizeWithCapture cannot wait for a pending authorization.".to_owned(),
        ),
        TermsRefused::NothingToCharge => {
            (bad, "InvalidValue", "The amount must be more than zero.".to_owned())
        }
        TermsRefused::ChargeAboveMaximum => {
            (bad, "InvalidValue", "The amount is more than Amazon Pay charges at once.".to_owned())
        }
        TermsRefused::TotalInAnotherCurrency(currency) => {
            (bad, "InvalidCombination", format!("{currency} is not the currency of chargeAmount."))
        }
        TermsRefused::TotalBelowCharge => {
            (bad, "InvalidCombination", "The total is less than chargeAmount.".to_owned())
        }
        TermsRefused::VersionMoved { current } => (
            StatusCode::CONFLICT,
            "TermsVersionMoved",
            format!("The terms have version {current}: read them and decide again."),
        ),
        TermsRefused::OrderCanceled => {
            (StatusCode::CONFLICT, "OrderCanceled", "This order is canceled, or being canceled.".to_owned())
        }
        TermsRefused::AlreadySent => (
            StatusCode::CONFLICT,
            "AlreadySent",
            "A payment with the present terms was sent and is not proved unpaid.".to_owned(),
        ),
    }
}

fn operation_refused(refused: OperationRefused) -> (StatusCode, &'static str, String) {
    use OperationRefused as Rule;
    let (bad, conflict) = (StatusCode::BAD_REQUEST, StatusCode::CONFLICT);
    let (status, code, message) = match refused {
        Rule::NotCompleted => (conflict, "NotCompleted", "This order is not paid or authorized."),
        Rule::OrderCanceled => (conflict, "OrderCanceled", "This order is canceled, or being canceled."),
        Rule::ReferenceReused => (conflict, "ReferenceReused", "This reference stands for something else."),
        Rule::TooManyOperations => {
            let message = format!("A checkout takes {MAX_OPERATIONS} operations.");
            return (conflict, "TooManyOperations", message);
        }
        Rule::PendingWithCapture => {
            (bad, "InvalidCombination", "captureNow cannot wait for a pending authorization.")
        }
        Rule::Nothing(_) => (bad, "InvalidValue", "The amount must be more than zero."),
        Rule::OtherCurrency(_) => (bad, "InvalidValue", "The amount is in another currency than the order."),
        Rule::AboveMaximum(_) => (bad, "InvalidValue", "The amount is more than Amazon Pay moves at once."),
        Rule::PermissionClosed => {
            (conflict, "ChargePermissionClosed", "The Charge Permission is closed: nothing can be charged.")
        }
        Rule::PermissionNonChargeable => (
            conflict,
            "ChargePermissionNonChargeable",
            "The Charge Permission cannot be charged until the buyer names another payment method.",
        ),
        Rule::TooManyCharges => (conflict, "TooManyCharges", "A Charge Permission takes 25 charges."),
        Rule::ExceedsLimit(left) => {
            return (conflict, "ExceedsLimit", format!("Of this order {left} is left to be charged."));
        }
        Rule::NoSuchCharge => (bad, "NoSuchCharge", "This checkout has no such charge."),
        Rule::ChargeNotNamed => {
            (conflict, "ChargeNotNamed", "Not exactly one charge can be meant: name one.")
        }
        Rule::NotAuthorized => (conflict, "NotAuthorized", "The charge is not Authorized."),
        Rule::ChargeBusy => (conflict, "ChargeBusy", "Something else is being done with this charge."),
        Rule::ExceedsCharge(amount) => {
            return (conflict, "ExceedsCharge", format!("The charge is authorized for {amount}."));
        }
        Rule::NotCaptured => (conflict, "NotCaptured", "The charge is not Captured."),
        Rule::ExceedsRefundable(left) => {
            return (conflict, "ExceedsRefundable", format!("Of this charge {left} may be refunded."));
        }
        Rule::TooManyRefunds => (conflict, "TooManyRefunds", "A charge takes 10 refunds."),
    };
    (status, code, message.to_owned())
}

/// Amazon sends again what is answered with a 5xx, and gives up what is answered with a 4xx.
fn notification_refused(refused: &NotificationRefused) -> (StatusCode, Option<&'static str>) {
    use StatusCode as Status;
    match refused {
        NotificationRefused::Envelope(refused) => {
            let field = match refused {
                EnvelopeRefused::Missing { member } | EnvelopeRefused::Malformed { member, .. } => {
                    Some(*member)
                }
                EnvelopeRefused::TooLong | EnvelopeRefused::NotAnObject => None,
            };
            (Status::BAD_REQUEST, field)
        }
        NotificationRefused::Message(refused) => {
            let field = match refused {
                MessageRefused::Missing { member } | MessageRefused::Malformed { member } => member,
                MessageRefused::NotAnObject => "Message",
            };
            (Status::BAD_REQUEST, Some(field))
        }
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

fn snapshot_refused(refused: &SnapshotRefused) -> (StatusCode, &'static str, &'static str) {
    use StatusCode as Status;
    match refused {
        SnapshotRefused::NoSuchCheckout => {
            (Status::NOT_FOUND, "NoSuchCheckout", "There is no such checkout.")
        }
        SnapshotRefused::NotCompleted => {
            (Status::NOT_FOUND, "NoSnapshot", "Nothing was paid, so there is nothing to keep.")
        }
        SnapshotRefused::Due => {
            (Status::NOT_FOUND, "SnapshotDue", "It is not fetched from Amazon yet. Ask again later.")
        }
        SnapshotRefused::Missed => {
            (Status::GONE, "SnapshotMissed", "Amazon forgot the data before they could be fetched.")
        }
        SnapshotRefused::Erased => (Status::GONE, "SnapshotErased", "The data were erased."),
        SnapshotRefused::KeyMissing => (
            Status::SERVICE_UNAVAILABLE,
            "SnapshotKeyMissing",
            "The key that opens it is not configured. Nothing is lost; the log names the key.",
        ),
        SnapshotRefused::Altered => (
            Status::SERVICE_UNAVAILABLE,
            "SnapshotAltered",
            "What is stored is not what was sealed. The log names it.",
        ),
        SnapshotRefused::Store(_) => {
            (Status::SERVICE_UNAVAILABLE, "Unavailable", "The store does not answer.")
        }
    }
}
