//! Update Checkout Session.

use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::provider::checkout_session::{SessionUpdate, update};
use countersign_protocol::wire;

use super::call::{Call, KeyUse, Properties, Simulations};
use super::reading::{absent, one_time, payment, web_checkout};
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::book::checkout::Checkout;
use crate::http::errors::ApiRefused;
use crate::http::render;

pub(super) struct UpdateCheckoutSession {
    id: CheckoutSessionId,
    update: SessionUpdate,
}

impl Call for UpdateCheckoutSession {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::Ignored, simulations: Simulations::Refused };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        let body: wire::UpdateCheckoutSession = request.body()?;
        one_time(body.charge_permission_type)?;
        absent("recurringMetadata", body.recurring_metadata.as_ref())?;
        absent("paymentMethodOnFileMetadata", body.payment_method_on_file_metadata.as_ref())?;
        absent("multiAddressesCheckoutMetadata", body.multi_addresses_checkout_metadata.as_ref())?;
        let presents = |details: &wire::PaymentDetails| details.presentment_currency.is_some();
        if body.payment_details.as_ref().is_some_and(presents) {
            let why = "it follows the currency of [paymentDetails.chargeAmount] and cannot be updated itself";
            return Err(ApiRefused::Invalid { field: "paymentDetails.presentmentCurrency", why });
        }
        let provider = body.provider_metadata;
        let update = SessionUpdate {
            web_checkout: web_checkout(body.web_checkout_details, request.caller.owner.environment)?,
            payment: payment(body.payment_details),
            merchant_metadata: body.merchant_metadata.map(Into::into).unwrap_or_default(),
            supplementary_data: body.supplementary_data,
            platform_id: body.platform_id,
            provider_reference_id: provider.and_then(|provider| provider.provider_reference_id),
        };
        Ok(Self { id: CheckoutSessionId::parse(request.id)?, update })
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        let (owner, now) = (&request.caller.owner, request.caller.now);
        let decide = |checkout: &Checkout| update(checkout.session.clone(), self.update.clone(), now);
        let checkout = book.change_checkout_session(&self.id, Some(owner), now, decide).await?;
        Ok(ApiAnswer::new(200, render::checkout_session(&checkout, &request.origin)))
    }
}
