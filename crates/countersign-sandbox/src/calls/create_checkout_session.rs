//! Create Checkout Session. A button whose configuration the merchant's server has signed begins the same
//! checkout.

use countersign_domain::address::Address;
use countersign_domain::ids::Region;
use countersign_domain::provider::checkout_session::{CheckoutSession, Flow, Owner};
use countersign_domain::provider::payment_details::PaymentDetails;
use countersign_domain::terms::ProductType;
use countersign_protocol::wire::{self, Object as _};

use super::call::{Call, KeyUse, Properties, Simulations};
use super::reading::{absent, one_time, payment, web_checkout};
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::book::checkout::{Checkout, SessionExtras};
use crate::http::errors::ApiRefused;
use crate::http::render;
use crate::settings::Flags;

pub(super) struct CreateCheckoutSession(Checkout);

impl Call for CreateCheckoutSession {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::Required, simulations: Simulations::Refused };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        let SignedRequest { caller, region, settings, .. } = request;
        new_checkout(request.body()?, caller.owner.clone(), *region, &settings.flags).map(Self)
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        let render =
            |checkout: &Checkout| ApiAnswer::new(201, render::checkout_session(checkout, &request.origin));
        Ok(book.create_checkout_session(&request.caller, &self.0, render).await?)
    }
}

/// The checkout that Create begins.
pub(crate) fn new_checkout(
    body: wire::CreateCheckoutSession,
    owner: Owner,
    region: Region,
    flags: &Flags,
) -> Result<Checkout, ApiRefused> {
    one_time(body.charge_permission_type)?;
    absent("recurringMetadata", body.recurring_metadata.as_ref())?;
    absent("paymentMethodOnFileMetadata", body.payment_method_on_file_metadata.as_ref())?;
    absent("chargePermissionId", body.charge_permission_id.as_ref())?;
    let store_id = body.store_id.ok_or(ApiRefused::Missing("storeId"))?;
    let web_checkout = web_checkout(body.web_checkout_details, owner.environment)?;
    let processes_order = web_checkout.checkout_mode.is_some();
    if !processes_order && web_checkout.checkout_review_return_url.is_none() {
        return Err(ApiRefused::Missing("webCheckoutDetails.checkoutReviewReturnUrl"));
    }
    if processes_order && body.payment_details.is_none() {
        return Err(ApiRefused::Missing("paymentDetails"));
    }
    absent("addressDetails", body.address_details.as_ref().filter(|_| !processes_order))?;
    let given_address = body.address_details.map(|details| {
        let county = details.district_or_county;
        Address {
            name: details.name,
            address_line1: details.address_line1,
            address_line2: details.address_line2,
            address_line3: details.address_line3,
            city: details.city,
            county,
            district: None,
            state_or_region: details.state_or_region,
            postal_code: details.postal_code,
            country_code: details.country_code,
            phone_number: details.phone_number,
        }
    });
    // Create has no member for the product type. Without an address there is nothing to ship in this mode.
    let product_type = if processes_order && given_address.is_none() {
        ProductType::PayOnly
    } else {
        ProductType::PayAndShip
    };
    let new = Checkout::about_to_begin(owner, region, Flow::Redirect, product_type, flags.response_detail);
    Ok(Checkout {
        session: CheckoutSession {
            web_checkout,
            payment: PaymentDetails::default().updated(payment(body.payment_details)),
            merchant_metadata: body.merchant_metadata.map(Into::into).unwrap_or_default(),
            supplementary_data: body.supplementary_data,
            platform_id: body.platform_id,
            provider_reference_id: body.provider_metadata.and_then(|provider| provider.provider_reference_id),
            store_id: Some(store_id),
            ..new.session
        },
        shown: SessionExtras {
            delivery_specifications: body
                .delivery_specifications
                .map(|specifications| specifications.to_request()),
            multi_addresses: body.multi_addresses_checkout_metadata.map(|json| json.text().to_owned()),
            checkout_button_text: body.checkout_button_text,
            given_address,
        },
    })
}
