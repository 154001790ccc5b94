//! Update Charge. Only a payment service provider's own charges are updated, and this sandbox has none.

use countersign_domain::ids::ChargeId;
use countersign_protocol::wire;

use super::call::{Call, KeyUse, Properties, Simulations};
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::http::errors::ApiRefused;

pub(super) struct UpdateCharge(ChargeId);

impl Call for UpdateCharge {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::Ignored, simulations: Simulations::Refused };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        let _: wire::UpdateCharge = request.body()?;
        Ok(Self(ChargeId::parse(request.id)?))
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        book.charge(&request.caller.owner, &self.0, request.look).await?;
        Err(ApiRefused::NotAProvidersCharge)
    }
}
