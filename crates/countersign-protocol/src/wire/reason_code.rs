//! The reason codes of refusals, each with its HTTP status.

use core::fmt;

macro_rules! reason_codes {
    ($($(#[$doc:meta])+ $code:ident => $status:literal,)+) => {
        /// Every reason code that a refused call is documented to carry, with its HTTP status.
        ///
        /// The codes of states (`ExpiredUnused`, `MerchantClosed`) are with their resources.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ReasonCode {
            $($(#[$doc])+ $code,)+
        }

        impl ReasonCode {
            /// Every code, in the order of Amazon's error page.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            /// The code as it stands on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => stringify!($code)),+ }
            }

            /// The HTTP status that the API's pages give the code.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$code => $status),+ }
            }

            /// Reads a code in the API's spelling; `None` for one that this version does not know.
            #[must_use]
            pub fn parse(code: &str) -> Option<Self> {
                match code {
                    $(stringify!($code) => Some(Self::$code),)+
                    _ => None,
                }
            }
        }
    };
}

reason_codes! {
    /// A header's value is invalid; the date of a clock that is wrong, for one.
    InvalidHeaderValue => 400,
    /// The request is invalid.
    InvalidRequest => 400,
    /// A parameter's value is invalid.
    InvalidParameterValue => 400,
    /// The body is not valid JSON.
    InvalidRequestFormat => 400,
    /// A required header is missing.
    MissingHeader => 400,
    /// A required header is empty.
    MissingHeaderValue => 400,
    /// A mandatory parameter is missing.
    MissingParameterValue => 400,
    /// The body has a field that the API does not know.
    UnrecognizedField => 400,
    /// The simulation does not fit the call.
    InvalidSandboxSimulationSpecified => 400,
    /// The idempotency key was used for another request.
    DuplicateIdempotencyKey => 400,
    /// These parameters exclude one another.
    InvalidParameterCombination => 400,
    /// The currency differs from the order's or the charge's.
    CurrencyMismatch => 400,
    /// The API has no such version.
    InvalidAPIVersion => 400,
    /// More than the charge or the permission allows.
    TransactionAmountExceeded => 400,
    /// More than a month's ceiling.
    PeriodicAmountExceeded => 400,
    /// The account may not make this request.
    UnauthorizedAccess => 401,
    /// The key is not known.
    InvalidAuthentication => 403,
    /// The merchant account is not in good standing.
    InvalidAccountStatus => 403,
    /// The signature is wrong.
    InvalidRequestSignature => 403,
    /// The authorization token is invalid.
    InvalidAuthorizationToken => 403,
    /// There is no such object for this merchant.
    ResourceNotFound => 404,
    /// The operation is not supported.
    UnsupportedOperation => 405,
    /// The HTTP method is not supported.
    RequestNotSupported => 405,
    /// The request took too long to arrive.
    RequestTimeout => 408,
    /// The amount differs from the session's.
    AmountMismatch => 409,
    /// The session is not in a state for this call.
    InvalidCheckoutSessionStatus => 422,
    /// The session was canceled.
    CheckoutSessionCanceled => 422,
    /// The permission cannot be changed.
    ChargePermissionNotModifiable => 422,
    /// The permission is not in a state for this call.
    InvalidChargePermissionStatus => 422,
    /// The charge is not in a state for this call.
    InvalidChargeStatus => 422,
    /// Too many charges, captures or refunds.
    TransactionCountExceeded => 422,
    /// Declined; trying again may work.
    SoftDeclined => 422,
    /// Declined; only another payment method can work.
    HardDeclined => 422,
    /// The payment method is not allowed for this merchant.
    PaymentMethodNotAllowed => 422,
    /// The buyer did not pass the bank's check.
    MFANotCompleted => 422,
    /// Nobody answered in time.
    TransactionTimedOut => 422,
    /// Amazon declined it.
    AmazonRejected => 422,
    /// The transport's security is too old.
    TLSVersionNotSupported => 426,
    /// Too many requests.
    TooManyRequests => 429,
    /// An error of Amazon's.
    InternalServerError => 500,
    /// An error of Amazon's while processing a payment.
    ProcessingFailure => 500,
    /// Amazon is not available.
    ServiceUnavailable => 503,
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
