//! Update Charge Permission: its merchant's notes.

use countersign_domain::ids::ChargePermissionId;
use countersign_domain::provider::charge_permission::{PermissionClosed, update};
use countersign_domain::provider::payment::Payment;
use countersign_domain::terms::MerchantMetadata;
use countersign_protocol::wire;

use super::call::{Call, KeyUse, Properties, Simulations};
use super::payment_answer::with_permission_alone;
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::http::errors::ApiRefused;

pub(super) struct UpdateChargePermission {
    id: ChargePermissionId,
    notes: MerchantMetadata,
}

impl Call for UpdateChargePermission {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::Ignored, simulations: Simulations::Refused };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        let body: wire::UpdateChargePermission = request.body()?;
        if body.recurring_metadata.is_some() {
            let why = "it goes with recurring permissions only";
            return Err(ApiRefused::Invalid { field: "recurringMetadata", why });
        }
        let notes = body.merchant_metadata.map(Into::into).unwrap_or_default();
        Ok(Self { id: ChargePermissionId::parse(request.id)?, notes })
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        let caller = &request.caller;
        let decide = |payment: &Payment| {
            let step = update(&payment.permission, self.notes.clone(), caller.now);
            let step = step.map_err(|PermissionClosed| ApiRefused::NotModifiable)?;
            Ok(with_permission_alone(payment, step))
        };
        book.change_permission(caller, &self.id, decide).await
    }
}
