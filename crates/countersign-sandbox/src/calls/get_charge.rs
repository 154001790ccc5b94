//! Get Charge.

use countersign_domain::ids::ChargeId;

use super::call::{Call, KeyUse, Properties, Simulations};
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::http::errors::ApiRefused;
use crate::http::render;

pub(super) struct GetCharge(ChargeId);

impl Call for GetCharge {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::Ignored, simulations: Simulations::Refused };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        Ok(Self(ChargeId::parse(request.id)?))
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        let owner = &request.caller.owner;
        let charge = book.charge(owner, &self.0, request.look).await?;
        Ok(ApiAnswer::new(200, render::charge(&charge, owner.environment)))
    }
}
