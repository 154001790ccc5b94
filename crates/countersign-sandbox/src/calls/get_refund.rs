//! Get Refund.

use countersign_domain::ids::RefundId;

use super::call::{Call, KeyUse, Properties, Simulations};
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::http::errors::ApiRefused;
use crate::http::render;

pub(super) struct GetRefund(RefundId);

impl Call for GetRefund {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::Ignored, simulations: Simulations::Refused };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        Ok(Self(RefundId::parse(request.id)?))
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        let owner = &request.caller.owner;
        let (refund, charge_id) = book.refund(owner, &self.0, request.look).await?;
        Ok(ApiAnswer::new(200, render::refund(&refund, &charge_id, owner.environment)))
    }
}
