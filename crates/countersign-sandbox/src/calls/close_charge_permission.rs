//! Close Charge Permission. When the buyer or Amazon closes, the decision is the same.

use countersign_domain::ids::ChargePermissionId;
use countersign_domain::provider::charge_permission::ClosureReason;
use countersign_domain::provider::close_charge_permission::{
    CloseSimulation, OpenCharges, close_charge_permission,
};
use countersign_domain::provider::payment::Payment;
use countersign_domain::time::Timestamp;
use countersign_protocol::wire;

use super::call::{Call, KeyUse, Properties, Simulations};
use super::payment_answer::with_permission;
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::book::payment::PaymentDecision;
use crate::http::errors::ApiRefused;

pub(super) struct CloseChargePermission {
    id: ChargePermissionId,
    reason: ClosureReason,
    open_charges: OpenCharges,
}

impl Call for CloseChargePermission {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::Ignored, simulations: Simulations::Known };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        let body: wire::CloseChargePermission = request.optional_body()?;
        let open_charges = match body.cancel_pending_charges {
            Some(true) => OpenCharges::AreCanceled,
            Some(false) | None => OpenCharges::Stay,
        };
        let reason = match request.simulation(CloseSimulation::parse)? {
            None => ClosureReason::MerchantClosed,
            Some(CloseSimulation::AmazonClosed) => ClosureReason::AmazonClosed,
        };
        Ok(Self { id: ChargePermissionId::parse(request.id)?, reason, open_charges })
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        let caller = &request.caller;
        let decide = |payment: &_| close(payment, self.reason, self.open_charges, caller.now);
        book.change_permission(caller, &self.id, decide).await
    }
}

/// Closes a permission for this reason: the merchant's, the buyer's or Amazon's.
pub(crate) fn close(
    payment: &Payment,
    reason: ClosureReason,
    open_charges: OpenCharges,
    now: Timestamp,
) -> Result<PaymentDecision, ApiRefused> {
    let step = close_charge_permission(payment, reason, open_charges, now).map_err(ApiRefused::Close)?;
    Ok(with_permission(step))
}
