//! The trait of every call. The compiler requires each call to have all its parts.

use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::http::errors::ApiRefused;

/// A call of Amazon Pay's API, as it was read from a request.
pub(super) trait Call: Sized {
    /// What is true of every request of this call.
    const PROPERTIES: Properties;

    /// Check 2: reads the request.
    ///
    /// # Errors
    /// The request's form is wrong. No object has been read.
    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused>;

    /// Decides, and answers.
    ///
    /// # Errors
    /// A rule refuses the call, or the store fails.
    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused>;
}

/// What is true of every request of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Properties {
    pub(crate) idempotency_key: KeyUse,
    pub(crate) simulations: Simulations,
}

/// How a request's idempotency key is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyUse {
    /// Without one the call is refused.
    Required,
    /// The flag `honour-key-on-finalize` decides whether the key has an effect.
    ByFlag,
    /// The key has no effect.
    Ignored,
}

/// How a request's simulation code is treated, in the sandbox environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Simulations {
    /// The call knows some codes, and decides itself what each means.
    Known,
    /// With any code the call is refused.
    Refused,
}
