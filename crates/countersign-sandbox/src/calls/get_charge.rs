//! Get Charge.

use countersign_domain::ids::ChargeId;

use super::call::{Call, KeyUse, Properties, Simulations, Target};
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::Answer;
use crate::http::errors::Refused;
use crate::http::render;

pub(super) struct GetCharge(ChargeId);

impl Call for GetCharge {
    const PROPERTIES: Properties = Properties {
        idempotency_key: KeyUse::Ignored,
        simulations: Simulations::Refused,
        target: Target::Charge,
    };

    fn read(request: &SignedRequest<'_>) -> Result<Self, Refused> {
        Ok(Self(ChargeId::parse(request.id)?))
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<Answer, Refused> {
        let owner = &request.caller.owner;
        let charge = book.charge(owner, &self.0, request.look).await?;
        Ok(Answer::new(200, render::charge(&charge, owner.environment)))
    }
}
