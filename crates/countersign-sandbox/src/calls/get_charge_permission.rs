//! Get Charge Permission.

use countersign_domain::ids::ChargePermissionId;

use super::call::{Call, KeyUse, Properties, Simulations};
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::http::errors::ApiRefused;
use crate::http::render;

pub(super) struct GetChargePermission(ChargePermissionId);

impl Call for GetChargePermission {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::Ignored, simulations: Simulations::Refused };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        Ok(Self(ChargePermissionId::parse(request.id)?))
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        let permission = book.charge_permission(&request.caller.owner, &self.0, request.look).await?;
        Ok(ApiAnswer::new(200, render::charge_permission(&permission)))
    }
}
