//! Get Checkout Session.

use countersign_domain::ids::CheckoutSessionId;

use super::call::{Call, KeyUse, Properties, Simulations};
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::http::errors::ApiRefused;
use crate::http::render;

pub(super) struct GetCheckoutSession(CheckoutSessionId);

impl Call for GetCheckoutSession {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::Ignored, simulations: Simulations::Refused };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        Ok(Self(CheckoutSessionId::parse(request.id)?))
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        let checkout = book.checkout_session(&request.caller.owner, &self.0, request.look).await?;
        Ok(ApiAnswer::new(200, render::checkout_session(&checkout, &request.origin)))
    }
}
