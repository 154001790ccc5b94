//! The answer to each refusal: status, code, field and message.

use std::borrow::Cow;

use countersign_client::notification::{EnvelopeRefused, MessageRefused, NotificationRefused};
use countersign_domain::amazon_limits::{MAX_CHARGES, MAX_REFUNDS};
use countersign_domain::ids::{ChargeId, Environment};
use countersign_domain::merchant::attempt::arrive::ArrivalRefused;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::cart::SupersedesRefused;
use countersign_domain::merchant::checkout::standing::Standing;
use countersign_domain::merchant::checkout::terms::TermsRefused;
use countersign_domain::merchant::checkout::verdict::Verdict;
use countersign_domain::merchant::decision::MAX_DECISIONS;
use countersign_domain::merchant::decision::judge::DecisionRefused;
use countersign_domain::merchant::payment::ask::OperationRefused;
use countersign_domain::merchant::payment::send::{NOT_AUTHORIZED, OVERTAKEN};
use countersign_domain::merchant::rules::{MAX_ATTEMPTS, MAX_OPERATIONS, MAX_SHIPMENTS};
use countersign_http::{IncompleteRequest, Response, RoutingError};
use countersign_protocol::wire::{BodyRefused, BodyRefusedKind};
use http::{HeaderValue, StatusCode as Status, header};

use super::json::json;
use super::update_url;
use crate::book::arrival::CompleteRefused;
use crate::book::register::RegistrationRefused;
use crate::book::snapshot::SnapshotRefused;
use crate::book::{DecisionError, StoreFailed};
use crate::credentials::Privilege;
use crate::drive::decide::DecideRefused;
use crate::drive::operate::OperateRefused;
use crate::drive::webhook::WebhookRefused;
use countersign_protocol::json::Members;

const BAD: Status = Status::BAD_REQUEST;
const CONFLICT: Status = Status::CONFLICT;

/// What a route's function returns.
pub(super) type RouteResult = Result<Response, RequestRefused>;

/// The refusal of a request.
#[derive(Debug)]
pub(super) struct RequestRefused {
    status: Status,
    code: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    message: ErrorMessage,
    /// The methods that the path accepts, if it does not accept this one.
    allowed: Option<Box<str>>,
    /// Where the buyer can choose another payment method, if that would help.
    update_url: Option<Box<str>>,
    /// The store's failure that caused it, for the log.
    failed: Option<Box<StoreFailed>>,
}

/// The message for a person.
#[derive(Debug)]
enum ErrorMessage {
    Whole(Cow<'static, str>),
    /// What is wrong with the field.
    OfField(&'static str),
}

fn refused(
    status: Status,
    code: impl Into<Cow<'static, str>>,
    message: impl Into<Cow<'static, str>>,
) -> RequestRefused {
    let message = ErrorMessage::Whole(message.into());
    RequestRefused {
        status,
        code: code.into(),
        field: None,
        message,
        allowed: None,
        update_url: None,
        failed: None,
    }
}

const CANCELED: &str = "This order is canceled or is being canceled.";
const NO_SUCH_CHARGE: &str = "This checkout has no such charge.";
/// The longest part of an unknown parameter's name that a refusal repeats, in characters.
const SHOWN_NAME_LEN: usize = 64;
const NO_AMOUNT: &str = "The amount must be more than zero.";

impl RequestRefused {
    fn at(self, field: impl Into<Cow<'static, str>>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    const fn for_field(code: &'static str, field: &'static str, why: &'static str) -> Self {
        Self {
            status: BAD,
            code: Cow::Borrowed(code),
            field: Some(Cow::Borrowed(field)),
            message: ErrorMessage::OfField(why),
            allowed: None,
            update_url: None,
            failed: None,
        }
    }

    pub(super) const fn missing(field: &'static str) -> Self {
        Self::for_field("MissingValue", field, "is required")
    }

    pub(super) const fn invalid(field: &'static str, why: &'static str) -> Self {
        Self::for_field("InvalidValue", field, why)
    }

    /// What is wrong with the amount that a person has named.
    fn wrong_amount(why: String) -> Self {
        refused(BAD, "InvalidValue", format!("[amount] {why}.")).at("amount")
    }

    /// A parameter of the query that the path does not take. A name can be long, and is not decoded.
    pub(super) fn unknown_parameter(name: &str, taken: &[&str]) -> Self {
        let name: String = name.chars().take(SHOWN_NAME_LEN).collect();
        let taken = if taken.is_empty() { "none".to_owned() } else { taken.join(", ") };
        let message = format!("[{name}] is not a parameter of this path, which takes {taken}.");
        refused(BAD, "UnrecognizedField", message).at(name)
    }

    /// A word that is no standing.
    pub(super) fn no_standing() -> Self {
        let message = format!("[standing] must be one of {}.", Standing::WORDS.join(", "));
        refused(BAD, "InvalidValue", message).at("standing")
    }

    /// A member that cannot be used together with another one.
    pub(super) const fn not_combined(field: &'static str) -> Self {
        Self::for_field("InvalidCombination", field, "does not belong to this verdict")
    }

    pub(super) fn no_such_path() -> Self {
        refused(Status::NOT_FOUND, "NotFound", "There is nothing at this path.")
    }

    pub(super) fn unauthorized() -> Self {
        let message = "The header authorization must be `Bearer` and a token that this server knows.";
        refused(Status::UNAUTHORIZED, "Unauthorized", message).at("authorization")
    }

    /// The token is known, and may not do this.
    pub(super) fn not_permitted(privilege: Privilege) -> Self {
        let message = match privilege {
            Privilege::Read => "This token may not read.",
            Privilege::Ship => "Recording a parcel needs a token of the shop or of its warehouse.",
            Privilege::Trade => "This needs a token of the shop with the role shop.",
            Privilege::Decide => "A decision needs the token of an operator, from operator.tokens_file.",
        };
        refused(Status::FORBIDDEN, "NotPermitted", message).at("authorization")
    }

    pub(super) fn origin_not_allowed() -> Self {
        let message =
            "Pages of this origin may not act for this checkout. Add the origin to shop.origins to allow it.";
        refused(Status::FORBIDDEN, "OriginNotAllowed", message).at("origin")
    }

    pub(super) fn no_such_checkout() -> Self {
        refused(Status::NOT_FOUND, "NoSuchCheckout", "There is no such checkout.")
    }

    pub(super) fn no_such_charge() -> Self {
        refused(Status::NOT_FOUND, "NoSuchCharge", NO_SUCH_CHARGE).at("chargeId")
    }

    /// As it is, unless it says that there is no such charge, and the id cannot be that of a charge in this
    /// environment: then the id itself is wrong.
    pub(super) fn about_charge(self, charge_id: Option<&ChargeId>, environment: Environment) -> Self {
        let is_impossible = charge_id.is_some_and(|id| !id.can_be_in(environment));
        if is_impossible && self.code == "NoSuchCharge" {
            let why = "cannot be the id of a charge of Amazon's in the configured environment";
            return Self::invalid("chargeId", why);
        }
        self
    }

    /// The operation had no effect: Amazon refused it with this code, or a state that Amazon shows proves it.
    pub(super) fn without_effect(code: &str) -> Self {
        let message = match code {
            NOT_AUTHORIZED => {
                "Only an Authorized charge can be captured or canceled, and Amazon shows that somebody else \
                 has captured or canceled this one. This request had no effect."
                    .to_owned()
            }
            OVERTAKEN => format!("{CANCELED} This request was not executed any more."),
            code => format!("Amazon refused this request with {code}. It had no effect."),
        };
        refused(CONFLICT, code.to_owned(), message)
    }

    /// The payment was declined: Amazon's reason, and where the buyer can choose another payment method, if
    /// that would help.
    pub(super) fn declined(code: &str, update_url: Option<String>) -> Self {
        let message = "The payment was declined. Nothing was charged.";
        let update_url = update_url.map(Into::into);
        Self { update_url, ..refused(Status::PAYMENT_REQUIRED, code.to_owned(), message) }
    }

    /// Amazon declined a refund: its id, and Amazon's reason. It is not a 402, because another payment method
    /// would not help.
    pub(super) fn refund_declined(refund: &str, reason: &str) -> Self {
        let message = format!("Amazon declined the refund {refund} ({reason}). Nothing was refunded.");
        refused(CONFLICT, "RefundDeclined", message)
    }

    /// A refund was not sent, because others had refunded too much by then.
    pub(super) fn refund_too_large() -> Self {
        let message = "Others have refunded a part of this charge, so this is more than is left of it. Nothing was refunded.";
        refused(CONFLICT, "ExceedsRefundable", message).at("refundAmount")
    }

    /// A refund was in doubt, and Amazon shows that it was not made.
    pub(super) fn refund_not_made() -> Self {
        refused(
            CONFLICT,
            "RefundNotMade",
            "Amazon shows that this refund was not made. Nothing was refunded.",
        )
    }

    /// Persons have decided that the operation had no effect.
    pub(super) fn decided() -> Self {
        let message = "Operators have decided that this request had no effect. It is not sent again.";
        refused(CONFLICT, "Decided", message)
    }
}

impl RequestRefused {
    /// The members of the error.
    pub(super) fn error(&self) -> Members {
        let message = match &self.message {
            ErrorMessage::Whole(message) => message.to_string(),
            ErrorMessage::OfField(why) => format!("[{}] {why}.", self.field.as_deref().unwrap_or_default()),
        };
        Members::default()
            .with("code", &self.code)
            .with("field", self.field.as_deref())
            .with("message", message)
    }
}

/// The answer to a refused request.
pub(super) fn render(refused: RequestRefused) -> Response {
    let error = refused.error();
    let RequestRefused { status, allowed, update_url, failed, .. } = refused;
    if let Some(failed) = failed {
        tracing::error!(%failed, "a request could not be served because the store failed");
    }
    let envelope =
        Members::default().with("error", error).some("paymentMethodUpdateUrl", update_url.map(String::from));
    let mut response = json(status, &envelope);
    // Names of methods are always a valid header value.
    if let Some(Ok(allowed)) = allowed.map(|allowed| HeaderValue::from_str(&allowed)) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    if status == Status::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

impl<R> From<DecisionError<R>> for RequestRefused
where
    Self: From<R>,
{
    fn from(not_done: DecisionError<R>) -> Self {
        match not_done {
            DecisionError::Refused(refused) => refused.into(),
            DecisionError::Store(failed) => failed.into(),
        }
    }
}

impl From<StoreFailed> for RequestRefused {
    fn from(failed: StoreFailed) -> Self {
        let (code, message) = match failed {
            StoreFailed::Indeterminate(_) => (
                "Indeterminate",
                "It is unknown whether this request was stored; it may still be executed. Try again.",
            ),
            StoreFailed::Unavailable(_) | StoreFailed::Unreadable(_) => {
                ("Unavailable", "The store is not available. Nothing is lost. Try again.")
            }
        };
        Self { failed: Some(Box::new(failed)), ..refused(Status::SERVICE_UNAVAILABLE, code, message) }
    }
}

impl From<RoutingError> for RequestRefused {
    fn from(unrouted: RoutingError) -> Self {
        let RoutingError::WrongMethod { allowed } = unrouted else { return Self::no_such_path() };
        let message = "This path does not accept this method.";
        Self {
            allowed: Some(allowed.into()),
            ..refused(Status::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
        }
    }
}

impl From<IncompleteRequest> for RequestRefused {
    fn from(unreadable: IncompleteRequest) -> Self {
        let (status, message) = match unreadable {
            IncompleteRequest::BodyTooLarge => (Status::PAYLOAD_TOO_LARGE, "The body is too large."),
            IncompleteRequest::HeadTooLarge => {
                (Status::REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large.")
            }
            IncompleteRequest::BodyTimedOut => (Status::REQUEST_TIMEOUT, "The body did not arrive in time."),
            IncompleteRequest::BodyTruncated => (BAD, "The body ended too early."),
        };
        refused(status, "Unreadable", message)
    }
}

impl From<BodyRefused> for RequestRefused {
    fn from(body: BodyRefused) -> Self {
        let code = match body.kind {
            BodyRefusedKind::InvalidRequestFormat => "InvalidFormat",
            BodyRefusedKind::UnrecognizedField => "UnrecognizedField",
            BodyRefusedKind::InvalidParameterValue => "InvalidValue",
        };
        let message = body.to_string();
        Self { field: body.field.map(Into::into), ..refused(BAD, code, message) }
    }
}

impl From<RegistrationRefused> for RequestRefused {
    fn from(registration: RegistrationRefused) -> Self {
        match registration {
            RegistrationRefused::Terms(terms) => terms_refused(terms).at(terms.field()),
            RegistrationRefused::OtherTerms(field) => {
                let message = format!("This order is already registered with a different [{field}].");
                refused(CONFLICT, "OrderExists", message).at(field)
            }
            RegistrationRefused::NotFound => Self::no_such_checkout(),
            RegistrationRefused::Supersedes(supersedes) => supersedes_refused(supersedes),
        }
    }
}

impl From<CompleteRefused> for RequestRefused {
    fn from(completion: CompleteRefused) -> Self {
        let (code, message) = match completion {
            CompleteRefused::NotFound => return Self::no_such_checkout(),
            CompleteRefused::BoundToAnotherOrder => {
                ("SessionOfAnotherOrder", "This Checkout Session belongs to another order.")
            }
            CompleteRefused::Arrival(ArrivalRefused::TooManyAttempts) => {
                let message = format!("An order can have at most {MAX_ATTEMPTS} Checkout Sessions.");
                return refused(CONFLICT, "TooManyAttempts", message).at("amazonCheckoutSessionId");
            }
            CompleteRefused::Arrival(ArrivalRefused::OrderCanceled) => ("OrderCanceled", CANCELED),
        };
        refused(CONFLICT, code, message).at("amazonCheckoutSessionId")
    }
}

/// The refusal of an operation, which names the charge that it is about, as far as that is known.
pub(super) fn naming_charge(
    refused: DecisionError<OperateRefused>,
    charge_of: impl Fn(&Checkout) -> Option<ChargeId>,
) -> RequestRefused {
    match refused {
        DecisionError::Refused(OperateRefused::Rule(rule, checkout)) => {
            let charge = charge_of(&checkout);
            RequestRefused::of_operation(rule, &checkout, charge.as_ref())
        }
        DecisionError::Refused(refused @ OperateRefused::NotFound) => refused.into(),
        DecisionError::Store(failed) => failed.into(),
    }
}

impl RequestRefused {
    fn of_operation(rule: OperationRefused, checkout: &Checkout, charge: Option<&ChargeId>) -> Self {
        let is_of_permission = rule == OperationRefused::PermissionNonChargeable;
        let payment = checkout.payment.as_ref().filter(|_| is_of_permission);
        let update_url = payment.and_then(update_url::for_permission).map(Into::into);
        Self {
            field: rule.field().map(Into::into),
            update_url,
            ..operation_refused(rule, checkout.verdict(), charge)
        }
    }
}

impl From<OperateRefused> for RequestRefused {
    fn from(operation: OperateRefused) -> Self {
        match operation {
            OperateRefused::Rule(rule, checkout) => Self::of_operation(rule, &checkout, None),
            OperateRefused::NotFound => Self::no_such_checkout(),
        }
    }
}

impl From<DecideRefused> for RequestRefused {
    fn from(decision: DecideRefused) -> Self {
        match decision {
            DecideRefused::NotFound => Self::no_such_checkout(),
            DecideRefused::Rule(rule) => rule.into(),
            DecideRefused::OfAnotherOrder(member, holder) => {
                let message = format!(
                    "The checkout {holder} of this store holds the payment that [{member}] names. Decide that one \
                     first: a payment pays for one order."
                );
                refused(CONFLICT, "PaymentOfAnotherOrder", message).at(member)
            }
        }
    }
}

impl From<DecisionRefused> for RequestRefused {
    fn from(rule: DecisionRefused) -> Self {
        use DecisionRefused as Rule;
        match rule {
            Rule::NoSuchAttempt => {
                refused(Status::NOT_FOUND, "NoSuchAttempt", "This checkout has no such attempt.")
            }
            Rule::NoSuchOperation => {
                refused(Status::NOT_FOUND, "NoSuchOperation", "This checkout has no such operation.")
            }
            Rule::NoSuchPermission => {
                let message = "This checkout knows no such Charge Permission that names it.";
                refused(Status::NOT_FOUND, "NoSuchPermission", message)
            }
            Rule::NoSuchDispute => {
                refused(Status::NOT_FOUND, "NoSuchDispute", "This checkout has no such dispute.")
            }
            Rule::ReferenceReused => {
                let message = "This reference was already used for a different decision.";
                refused(CONFLICT, "ReferenceReused", message).at("reference")
            }
            Rule::NotUndecided => {
                let message = "There is nothing to decide: this is proved, is decided like this, or is still being \
                               looked up.";
                refused(CONFLICT, "NotUndecided", message)
            }
            Rule::AmazonSaysOtherwise(member) => {
                let message = format!(
                    "Amazon's [{member}] is not what this verdict needs. No number of persons overrules that."
                );
                refused(CONFLICT, "AmazonSaysOtherwise", message).at(member)
            }
            Rule::TooEarly(from) => {
                let message = match from {
                    Some(from) => {
                        format!("This can be decided from {from} on, if nothing has settled it by then.")
                    }
                    None => "Amazon has not said enough for this yet. Ask again later.".to_owned(),
                };
                refused(CONFLICT, "TooEarly", message)
            }
            Rule::NotWhatWasCharged(charged) => {
                Self::wrong_amount(format!("must be {charged}, what was charged"))
            }
            Rule::NotWhatIsLeft(left) => {
                let why = format!("must be {left}: exactly what Amazon shows to be left of the charge");
                Self::wrong_amount(why)
            }
            Rule::AboveCaptured(captured) => {
                let why = format!(
                    "must be more than zero, and at most {captured}: what was captured of the disputed charge"
                );
                Self::wrong_amount(why)
            }
            Rule::AmazonSilent => {
                let message = "Amazon did not answer, so nothing can be decided now. Try again later.";
                refused(CONFLICT, "AmazonSilent", message)
            }
            Rule::Missing(member) => Self::missing(member),
            Rule::NotOfVerdict(member) => Self::not_combined(member),
            Rule::ReminderOutOfRange => {
                Self::invalid("remindAt", "must be later than now, and at most 31 days ahead")
            }
            Rule::AnotherPayment => {
                let message = "Another attempt of this order is paid or may be paid. This cannot be decided \
                               beside it.";
                refused(CONFLICT, "AnotherPayment", message)
            }
            Rule::OrderCanceled => refused(CONFLICT, "OrderCanceled", CANCELED),
            Rule::OfAnotherOrder(member) => {
                let message = format!(
                    "Another order of this store holds this [{member}]. Decide that one first: a payment pays for one \
                     order."
                );
                refused(CONFLICT, "PaymentOfAnotherOrder", message).at(member)
            }
            Rule::PaymentInUse => {
                let message = "The payment has more than the charge of this attempt: parcels, operations, refunds, a \
                               dispute or further charges, and this verdict would drop them. If the order is not \
                               canceled, cancel it first. If it is canceled, its cancellation returns what the \
                               payment holds, and only the verdict refund can be given about this charge.";
                refused(CONFLICT, "PaymentInUse", message)
            }
            Rule::RequestExpired => {
                let message = "Nobody confirmed the request with this reference in time, or another one has taken \
                               its place. Decide again under another reference.";
                refused(CONFLICT, "DecisionExpired", message).at("reference")
            }
            Rule::TooManyDecisions => {
                let message = format!("A checkout can have at most {MAX_DECISIONS} decisions.");
                refused(CONFLICT, "TooManyDecisions", message)
            }
        }
    }
}

impl From<NotificationRefused> for RequestRefused {
    fn from(notification: NotificationRefused) -> Self {
        let (status, field) = notification_refused(&notification);
        let code = match status {
            Status::SERVICE_UNAVAILABLE => "Unavailable",
            BAD => "InvalidFormat",
            _ => "NotBelieved",
        };
        let message = format!("This notification was not accepted: {notification}.");
        Self { field: field.map(Into::into), ..refused(status, code, message) }
    }
}

impl From<SnapshotRefused> for RequestRefused {
    fn from(snapshot: SnapshotRefused) -> Self {
        let (status, code, message) = match snapshot {
            SnapshotRefused::NoSuchCheckout => return Self::no_such_checkout(),
            SnapshotRefused::NotCompleted => {
                (Status::NOT_FOUND, "NoSnapshot", "Nothing was paid, so there is no snapshot.")
            }
            SnapshotRefused::Due => (
                Status::NOT_FOUND,
                "SnapshotDue",
                "The snapshot has not been fetched from Amazon yet. Try again later.",
            ),
            SnapshotRefused::Missed => {
                (Status::GONE, "SnapshotMissed", "Amazon deleted the data before they could be fetched.")
            }
            SnapshotRefused::Erased => (Status::GONE, "SnapshotErased", "The data have been erased."),
            SnapshotRefused::KeyMissing => {
                let message = "The key that opens the snapshot is not configured. Nothing is lost. The log \
                               names the key.";
                (Status::SERVICE_UNAVAILABLE, "SnapshotKeyMissing", message)
            }
            SnapshotRefused::Altered => {
                let message = "The stored snapshot was altered after it was sealed. The log has the details.";
                (Status::SERVICE_UNAVAILABLE, "SnapshotAltered", message)
            }
        };
        refused(status, code, message)
    }
}

fn supersedes_refused(supersedes: SupersedesRefused) -> RequestRefused {
    let invalid = |why| RequestRefused::invalid("supersedes", why);
    let conflict = |code, message| refused(CONFLICT, code, message).at("supersedes");
    match supersedes {
        SupersedesRefused::Unknown => invalid("must be the id of a checkout"),
        SupersedesRefused::Itself => invalid("cannot be the checkout of this order itself"),
        SupersedesRefused::OtherCurrency => invalid("must be a checkout in the same currency"),
        SupersedesRefused::Superseded => {
            conflict("SupersededAlready", "Another order has taken the place of this checkout already.")
        }
        SupersedesRefused::Canceled => conflict("OrderCanceled", CANCELED),
        SupersedesRefused::OtherCart => {
            let message = "The superseded checkout belongs to another cart.";
            refused(CONFLICT, "OtherCart", message).at("cartId")
        }
        SupersedesRefused::TooMany => {
            conflict("TooManyOrdersOfCart", "Too many orders of this cart may still be paid.")
        }
    }
}

impl From<WebhookRefused> for RequestRefused {
    fn from(webhook: WebhookRefused) -> Self {
        match webhook {
            WebhookRefused::NoSuchEvent => {
                refused(Status::NOT_FOUND, "NoSuchEvent", "There is no such event.").at("eventId")
            }
            WebhookRefused::NoEndpoint => refused(
                CONFLICT,
                "NoWebhook",
                "No webhook is sent, because shop.webhook_url is not configured.",
            ),
            WebhookRefused::NotTaken(why) => {
                refused(CONFLICT, "WebhookNotTaken", format!("The shop's webhook endpoint {why}."))
            }
        }
    }
}

fn terms_refused(terms: TermsRefused) -> RequestRefused {
    match terms {
        TermsRefused::PendingWithCapture => {
            let message = "AuthorizeWithCapture cannot be combined with a pending authorization.";
            refused(BAD, "InvalidCombination", message)
        }
        TermsRefused::NothingToCharge => refused(BAD, "InvalidValue", NO_AMOUNT),
        TermsRefused::ChargeAboveMaximum => {
            refused(BAD, "InvalidValue", "The amount is more than Amazon Pay accepts for one charge.")
        }
        TermsRefused::CurrencyOfAnotherRegion(currency) => {
            let message = format!("An account in the configured amazon.region cannot be paid in {currency}.");
            refused(BAD, "InvalidValue", message)
        }
        TermsRefused::AddressIncomplete(_) => {
            let message =
                "Amazon shows it with every address, so no session could match an address without it.";
            refused(BAD, "MissingValue", message)
        }
        TermsRefused::TotalInAnotherCurrency(currency) => {
            refused(BAD, "InvalidCombination", format!("{currency} is not the currency of chargeAmount."))
        }
        TermsRefused::TotalBelowCharge => {
            refused(BAD, "InvalidCombination", "The total is less than chargeAmount.")
        }
        TermsRefused::VersionMoved { current } => {
            let message = format!("The terms now have version {current}. Read them and decide again.");
            refused(CONFLICT, "TermsVersionMoved", message)
        }
        TermsRefused::OrderCanceled => refused(CONFLICT, "OrderCanceled", CANCELED),
        TermsRefused::Unexplained => {
            let message = "A Charge Permission at Amazon names this order and holds money that nothing of this \
                           order explains, so the terms cannot be changed before that is decided.";
            refused(CONFLICT, "Unexplained", message)
        }
        TermsRefused::AlreadySent => {
            let message = "A payment with the current terms was sent and is not proved unpaid, so the terms \
                           cannot be changed.";
            refused(CONFLICT, "AlreadySent", message)
        }
    }
}

fn operation_refused(
    rule: OperationRefused,
    verdict: Verdict<'_>,
    charge: Option<&ChargeId>,
) -> RequestRefused {
    use OperationRefused as Rule;
    let this_charge = charge.map_or_else(|| "this charge".to_owned(), |id| format!("the charge {id}"));
    match rule {
        Rule::NotCompleted => refused(CONFLICT, "NotCompleted", not_completed(verdict)),
        Rule::OrderCanceled => refused(CONFLICT, "OrderCanceled", CANCELED),
        Rule::Contradicted => {
            let message = "Amazon contradicts this payment. Nothing will be sent until this is resolved.";
            refused(CONFLICT, "Contradicted", message)
        }
        Rule::ReferenceReused => {
            refused(CONFLICT, "ReferenceReused", "This reference was already used for a different request.")
        }
        Rule::TooManyOperations => {
            let message = format!("A checkout can have at most {MAX_OPERATIONS} operations.");
            refused(CONFLICT, "TooManyOperations", message)
        }
        Rule::PendingWithCapture => {
            let message = "captureNow cannot be combined with a pending authorization.";
            refused(BAD, "InvalidCombination", message)
        }
        Rule::Nothing(_) => refused(BAD, "InvalidValue", NO_AMOUNT),
        Rule::OtherCurrency(_) => {
            refused(BAD, "InvalidValue", "The amount is not in the currency of the order.")
        }
        Rule::AboveMaximum(_) => {
            refused(BAD, "InvalidValue", "The amount is more than Amazon Pay accepts for one operation.")
        }
        Rule::PermissionClosed => {
            let message = "Nothing more can be charged: the Charge Permission is closed, or its whole limit was captured.";
            refused(CONFLICT, "ChargePermissionClosed", message)
        }
        Rule::PermissionNonChargeable => {
            let message =
                "The Charge Permission cannot be charged until the buyer chooses another payment method.";
            refused(CONFLICT, "ChargePermissionNonChargeable", message)
        }
        Rule::TooManyCharges => {
            let message = format!("A Charge Permission can have at most {MAX_CHARGES} charges.");
            refused(CONFLICT, "TooManyCharges", message)
        }
        Rule::ExceedsLimit(left) => {
            refused(CONFLICT, "ExceedsLimit", format!("Only {left} of this order can still be charged."))
        }
        Rule::NoSuchCharge => {
            let message = charge.map(|id| format!("This checkout has no charge {id}."));
            refused(BAD, "NoSuchCharge", message.unwrap_or_else(|| NO_SUCH_CHARGE.to_owned()))
        }
        Rule::ChargeNotNamed => refused(
            CONFLICT,
            "ChargeNotNamed",
            "More than one charge matches this request. Name the charge in chargeId.",
        ),
        Rule::NotAuthorized(state) => {
            let none_is = none_is(state, &this_charge);
            let message = format!("Only an Authorized charge can be captured, and {none_is}.");
            refused(CONFLICT, "NotAuthorized", message)
        }
        Rule::ChargeBusy => {
            let message = format!("Another operation on {this_charge} is in progress.");
            refused(CONFLICT, "ChargeBusy", message)
        }
        Rule::ExceedsCharge(amount) => {
            let message = format!("At most {amount} of {this_charge} can be captured.");
            refused(CONFLICT, "ExceedsCharge", message)
        }
        Rule::ExceedsShipped(worth) => {
            let message = format!(
                "The order is canceled: at most {worth} can be captured, what its recorded parcels are worth."
            );
            refused(CONFLICT, "ExceedsCharge", message)
        }
        Rule::NotCaptured(state) => {
            let none_is = none_is(state, &this_charge);
            let message = format!("Only a Captured charge can be refunded, and {none_is}.");
            refused(CONFLICT, "NotCaptured", message)
        }
        Rule::ExceedsRefundable(left) => refused(
            CONFLICT,
            "ExceedsRefundable",
            format!(
                "Only {left} of {this_charge} can still be refunded, counting refunds that are under way."
            ),
        ),
        Rule::AmountNotNamed(_) => {
            let message = "This charge was not made by this server. To act on it, name the amount as well.";
            refused(CONFLICT, "AmountNotNamed", message)
        }
        Rule::Disputed => {
            let message = "A buyer disputes this charge, or it was lost by a dispute: a refund could return the money twice.";
            refused(CONFLICT, "Disputed", message)
        }
        Rule::TooManyShipments => {
            let message = format!("A checkout can have at most {MAX_SHIPMENTS} parcels.");
            refused(CONFLICT, "TooManyShipments", message)
        }
        Rule::AlreadyShipped => {
            let message =
                format!("All that {this_charge} pays for was recorded as shipped, or was refunded.");
            refused(CONFLICT, "AlreadyShipped", message)
        }
        Rule::ExceedsShippable(left) => refused(
            CONFLICT,
            "ExceedsShippable",
            format!("Only {left} of {this_charge} is left for further parcels."),
        ),
        Rule::TooManyRefunds => {
            refused(CONFLICT, "TooManyRefunds", format!("A charge can have at most {MAX_REFUNDS} refunds."))
        }
    }
}

/// Why there is nothing to charge, capture, refund or close.
const fn not_completed(verdict: Verdict<'_>) -> &'static str {
    match verdict {
        Verdict::Registered => "This order is not paid: no buyer has come back from Amazon's page yet.",
        Verdict::Checking(_) => "It is not known yet whether this order is paid. Try again later.",
        Verdict::Pending(_) => "Amazon has not decided on the payment of this order yet. Try again later.",
        Verdict::NotPaid(_) => "This order is not paid: its attempts are proved unpaid.",
        Verdict::Canceled => CANCELED,
        Verdict::Paid(_) | Verdict::Authorized(_) | Verdict::Confirmed(_) => {
            "This order is neither paid nor authorized."
        }
    }
}

/// Which state the charge is in, or that no charge is in the right one.
fn none_is(state: Option<&'static str>, this_charge: &str) -> String {
    state.map_or_else(|| "no charge of this order is".to_owned(), |state| format!("{this_charge} is {state}"))
}

/// Amazon sends a notification again if the answer is a 5xx, and gives up if it is a 4xx.
fn notification_refused(notification: &NotificationRefused) -> (Status, Option<&'static str>) {
    match notification {
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
