//! A Checkout Session as it is stored: what the rules read, and what they do not.

use countersign_domain::address::Address;
use countersign_domain::ids::{CheckoutSessionId, Region};
use countersign_domain::provider::checkout_session::{
    CheckoutSession, CheckoutSessionState, Flow, Owner, ResponseDetail, WebCheckoutDetails,
};
use countersign_domain::provider::payment_details::PaymentDetails;
use countersign_domain::terms::{MerchantMetadata, ProductType};
use countersign_domain::time::Timestamp;

/// A Checkout Session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkout {
    /// What the rules read.
    pub(crate) session: CheckoutSession,
    /// What no rule reads.
    pub(crate) shown: SessionExtras,
}

/// Members of Create that are only shown, and only while the session is Open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SessionExtras {
    /// The button's `deliverySpecifications`, as JSON.
    pub(crate) delivery_specifications: Option<String>,
    /// The addresses of an order with several destinations, as JSON.
    pub(crate) multi_addresses: Option<String>,
    pub(crate) checkout_button_text: Option<String>,
    /// The merchant's delivery address, used if the buyer does not choose one.
    pub(crate) given_address: Option<Address>,
}

impl Checkout {
    /// A new, Open checkout with only what every checkout has. Its id and its instants are placeholders until
    /// the book opens it.
    pub(crate) fn about_to_begin(
        owner: Owner,
        region: Region,
        flow: Flow,
        product_type: ProductType,
        response_detail: ResponseDetail,
    ) -> Self {
        let session = CheckoutSession {
            id: CheckoutSessionId::from_random([0; 16]),
            owner,
            region,
            flow,
            product_type,
            payment: PaymentDetails::default(),
            supplementary_data: None,
            merchant_metadata: MerchantMetadata::default(),
            web_checkout: WebCheckoutDetails::default(),
            store_id: None,
            platform_id: None,
            provider_reference_id: None,
            response_detail,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            state: CheckoutSessionState::Open { buyer: None, placed_at: None, mfa_started_at: None },
        };
        Self { session, shown: SessionExtras::default() }
    }
}
