//! Update Charge. Only a payment service provider's own charges are updated, and this sandbox has none.

use countersign_domain::ids::ChargeId;
use countersign_protocol::wire;

use super::call::{Call, KeyUse, Properties, Simulations, Target};
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::Answer;
use crate::http::errors::Refused;

pub(super) struct UpdateCharge(ChargeId);

impl Call for UpdateCharge {
    const PROPERTIES: Properties = Properties {
        idempotency_key: KeyUse::Ignored,
        simulations: Simulations::Refused,
        target: Target::Charge,
    };

    fn read(request: &SignedRequest<'_>) -> Result<Self, Refused> {
        let _: wire::UpdateCharge = request.body()?;
        Ok(Self(ChargeId::parse(request.id)?))
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<Answer, Refused> {
        book.charge(&request.caller.owner, &self.0, request.look).await?;
        Err(Refused::NotAProvidersCharge)
    }
}
