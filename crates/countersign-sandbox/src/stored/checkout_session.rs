//! The Checkout Session document: the members that the rules read, and members of Create that are
//! only shown again.

use countersign_document::stored;
use countersign_domain::provider::checkout_session::{
    CheckoutSession, CheckoutSessionState, Flow, Owner, ResponseDetail, SessionCancelReason,
    WebCheckoutDetails,
};
use countersign_domain::provider::payment_details::PaymentDetails;

use super::Sandbox;
use crate::book::checkout::{Checkout, SessionExtras};

stored! {
    by Sandbox;

    document Checkout as "checkout_session", format 3;

    struct Checkout { session, shown or default }

    struct CheckoutSession {
        id,
        owner,
        region,
        flow,
        product_type,
        payment,
        supplementary_data,
        merchant_metadata or default,
        web_checkout,
        store_id,
        platform_id,
        provider_reference_id,
        response_detail,
        created_at,
        updated_at,
        state,
    }

    struct Owner { merchant_id, environment }

    enum Flow { BuyNow, Redirect }

    enum ResponseDetail { Short, Full }

    struct PaymentDetails {
        payment_intent,
        can_handle_pending_authorization or default,
        charge_amount,
        total_order_amount,
        soft_descriptor,
        presentment_currency,
        allow_overcharge or default,
        extend_expiration or default,
        estimate_order_total,
    }

    struct WebCheckoutDetails {
        checkout_review_return_url,
        checkout_result_return_url,
        checkout_cancel_url,
        checkout_mode,
    }

    enum CheckoutSessionState {
        Open { buyer, placed_at, mfa_started_at },
        Completed { charge_permission_id, charge_id },
        Canceled { reason },
    }

    text SessionCancelReason: as_str, SessionCancelReason::parse;

    struct SessionExtras { delivery_specifications, multi_addresses, checkout_button_text, given_address }
}
