//! What every call is to the rest of the sandbox. The compiler asks each call for all of it.

use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::Answer;
use crate::http::errors::Refused;

/// A call of Amazon Pay's API, as it was read from a request.
pub(super) trait Call: Sized {
    /// What holds for every request of this call.
    const PROPERTIES: Properties;

    /// Check 2: reads the request.
    ///
    /// # Errors
    /// What only the request's form is to blame for; no object is looked at.
    fn read(request: &SignedRequest<'_>) -> Result<Self, Refused>;

    /// Decides, and answers.
    ///
    /// # Errors
    /// A rule, or the store.
    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<Answer, Refused>;
}

/// What holds for every request of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Properties {
    pub(crate) idempotency_key: KeyUse,
    pub(crate) simulations: Simulations,
    pub(crate) target: Target,
}

/// What becomes of a request's idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyUse {
    /// Without one the call is refused.
    Required,
    /// The flag `honour-key-on-finalize` decides whether it counts.
    ByFlag,
    /// It has no effect.
    Ignored,
}

/// What becomes of a request's simulation code, in the sandbox environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Simulations {
    /// The call knows some codes, and judges by itself what a code means.
    Known,
    /// The call is refused with any.
    Refused,
}

/// The object whose id is in the call's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Nothing,
    CheckoutSession,
    ChargePermission,
    Charge,
    Refund,
}
