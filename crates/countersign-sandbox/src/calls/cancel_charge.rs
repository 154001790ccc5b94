//! Cancel Charge. When the buyer or Amazon cancels, the decision is the same.

use countersign_domain::ids::ChargeId;
use countersign_domain::provider::cancel_charge::cancel_charge;
use countersign_domain::provider::charge::ChargeCancelReason;
use countersign_domain::provider::payment::Payment;
use countersign_domain::time::Timestamp;
use countersign_protocol::wire;

use super::call::{Call, KeyUse, Properties, Simulations};
use super::payment_answer::with_charge;
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::book::payment::PaymentDecision;
use crate::http::errors::ApiRefused;

pub(super) struct CancelCharge(ChargeId);

impl Call for CancelCharge {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::Ignored, simulations: Simulations::Refused };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        let _: wire::CancelCharge = request.optional_body()?;
        Ok(Self(ChargeId::parse(request.id)?))
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        let (caller, reason) = (&request.caller, ChargeCancelReason::MerchantCanceled);
        let decide = |payment: &_, id: &_| cancel(payment, id, reason, caller.now);
        book.change_charge(caller, Some(&self.0), decide).await
    }
}

/// Cancels a charge for this reason: the merchant's, the buyer's or Amazon's.
pub(crate) fn cancel(
    payment: &Payment,
    id: &ChargeId,
    reason: ChargeCancelReason,
    now: Timestamp,
) -> Result<PaymentDecision, ApiRefused> {
    with_charge(cancel_charge(payment, id, reason, now).map_err(ApiRefused::Cancel)?, id, 200)
}
