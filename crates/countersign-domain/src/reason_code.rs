//! The reason codes of refusals, each with its HTTP status and its class: the only table of them.

use crate::words::words;

/// What a refusal with a code means, whatever the call was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasonClass {
    /// The payment was declined: not with this payment method, or not by this buyer.
    Decline,
    /// A rule of the API forbids it.
    Rule,
    /// The request is wrong, because the program or the configuration that made it is wrong.
    Misuse,
    /// Amazon did not evaluate the request: its date is wrong, or its key or account is in the wrong state.
    TurnedAway,
    /// The refusal proves nothing: an earlier copy of the same call may have caused the state that Amazon
    /// refuses, or may have stored the key.
    Unclear,
}

macro_rules! reason_codes {
    ($($(#[$doc:meta])+ $code:ident => $status:literal $class:ident,)+) => {
        words! {
            /// Every reason code that a refused call is documented to have, with its HTTP status, in the
            /// order of Amazon's error page.
            ///
            /// The codes of states (`ExpiredUnused`, `MerchantClosed`) are with their resources.
            ReasonCode {
                $($(#[$doc])+ $code,)+
            }
        }

        impl ReasonCode {
            /// The HTTP status that the API's pages give the code.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$code => $status),+ }
            }

            /// What a refusal with this code means.
            #[must_use]
            pub const fn class(self) -> ReasonClass {
                match self { $(Self::$code => ReasonClass::$class),+ }
            }
        }
    };
}

reason_codes! {
    /// A header's value is invalid; for example, the date of a wrong clock.
    InvalidHeaderValue => 400 TurnedAway,
    /// The request is invalid.
    InvalidRequest => 400 Misuse,
    /// A parameter's value is invalid.
    InvalidParameterValue => 400 Misuse,
    /// The body is not valid JSON.
    InvalidRequestFormat => 400 Misuse,
    /// A required header is missing.
    MissingHeader => 400 Misuse,
    /// A required header is empty.
    MissingHeaderValue => 400 Misuse,
    /// A mandatory parameter is missing.
    MissingParameterValue => 400 Misuse,
    /// The body has a field that the API does not know.
    UnrecognizedField => 400 Misuse,
    /// The simulation code does not fit the call.
    InvalidSandboxSimulationSpecified => 400 Misuse,
    /// The idempotency key was used for another request.
    DuplicateIdempotencyKey => 400 Unclear,
    /// These parameters exclude one another.
    InvalidParameterCombination => 400 Misuse,
    /// The currency differs from the order's or the charge's.
    CurrencyMismatch => 400 Rule,
    /// The API has no such version.
    InvalidAPIVersion => 400 Misuse,
    /// More than the charge or the permission allows.
    TransactionAmountExceeded => 400 Rule,
    /// More than a month's ceiling.
    PeriodicAmountExceeded => 400 Rule,
    /// The account may not make this request.
    UnauthorizedAccess => 401 TurnedAway,
    /// The key is not known.
    InvalidAuthentication => 403 TurnedAway,
    /// The state of the merchant account does not allow it.
    InvalidAccountStatus => 403 TurnedAway,
    /// The signature is wrong.
    InvalidRequestSignature => 403 TurnedAway,
    /// The authorization token is invalid.
    InvalidAuthorizationToken => 403 TurnedAway,
    /// There is no such object for this merchant.
    ResourceNotFound => 404 Unclear,
    /// The operation is not supported.
    UnsupportedOperation => 405 Misuse,
    /// The HTTP method is not supported.
    RequestNotSupported => 405 Misuse,
    /// The request took too long to arrive.
    RequestTimeout => 408 Unclear,
    /// The amount differs from the session's.
    AmountMismatch => 409 Rule,
    /// The session's state does not allow this call.
    InvalidCheckoutSessionStatus => 422 Unclear,
    /// The session was canceled.
    CheckoutSessionCanceled => 422 Rule,
    /// The permission cannot be changed.
    ChargePermissionNotModifiable => 422 Rule,
    /// The permission's state does not allow this call.
    InvalidChargePermissionStatus => 422 Unclear,
    /// The charge's state does not allow this call.
    InvalidChargeStatus => 422 Unclear,
    /// Too many charges, captures or refunds.
    TransactionCountExceeded => 422 Rule,
    /// Declined; trying again may work.
    SoftDeclined => 422 Decline,
    /// Declined; only another payment method can work.
    HardDeclined => 422 Decline,
    /// The payment method is not allowed for this merchant.
    PaymentMethodNotAllowed => 422 Decline,
    /// The buyer did not pass the bank's check.
    MFANotCompleted => 422 Decline,
    /// Nobody answered in time.
    TransactionTimedOut => 422 Decline,
    /// Amazon declined it.
    AmazonRejected => 422 Decline,
    /// The TLS version is too old.
    TLSVersionNotSupported => 426 Misuse,
    /// Too many requests.
    TooManyRequests => 429 TurnedAway,
    /// An error of Amazon's.
    InternalServerError => 500 Unclear,
    /// An error of Amazon's while processing a payment.
    ProcessingFailure => 500 Unclear,
    /// Amazon is not available.
    ServiceUnavailable => 503 Unclear,
}
