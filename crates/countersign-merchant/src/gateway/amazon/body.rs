//! The exact bytes of the calls: written once, kept, and sent as they are however often they are sent.

use std::sync::Arc;

use countersign_domain::address::{Address, AddressKind};
use countersign_domain::ids::ChargePermissionId;
use countersign_domain::merchant::checkout::cancellation::Cancellation;
use countersign_domain::merchant::checkout::terms::Terms;
use countersign_domain::merchant::payment::operation::Request;
use countersign_protocol::wire::{
    self, CancelCharge, CaptureCharge, CloseChargePermission, CreateCharge, CreateRefund, Object as _,
};

/// The exact bytes of a Finalize: the terms as recorded and the address that Amazon shared.
pub(crate) fn finalize_body(terms: &Terms, kind: AddressKind, address: Address) -> Arc<[u8]> {
    let address = wire::Address::from(address);
    let (shipping_address, billing_address) = match kind {
        AddressKind::Shipping => (Some(address), None),
        AddressKind::Billing => (None, Some(address)),
    };
    let request = wire::FinalizeCheckoutSession {
        payment_intent: Some(terms.payment_intent.into()),
        charge_amount: Some(terms.charge_amount.into()),
        total_order_amount: terms.total_order_amount.map(Into::into),
        can_handle_pending_authorization: terms.can_handle_pending_authorization.then_some(true),
        shipping_address,
        billing_address,
        supplementary_data: terms.supplementary_data.clone(),
        ..wire::FinalizeCheckoutSession::default()
    };
    Arc::from(request.to_request().into_bytes())
}

/// Why a charge is canceled: Amazon shows it to the merchant only.
const CANCELED: &str = "The order was canceled.";
/// Why a permission is closed, when the shop does not say.
const CLOSED: &str = "Closed by the shop.";

/// The exact bytes of a call, for an order that is canceled or is not.
pub(crate) fn operation_body(
    request: &Request,
    permission_id: &ChargePermissionId,
    cancellation: Option<&Cancellation>,
) -> Arc<[u8]> {
    let text = match request {
        Request::CreateCharge { amount, capture_now, can_handle_pending_authorization } => CreateCharge {
            charge_permission_id: Some(permission_id.clone()),
            charge_amount: Some((*amount).into()),
            capture_now: capture_now.then_some(true),
            can_handle_pending_authorization: can_handle_pending_authorization.then_some(true),
            ..CreateCharge::default()
        }
        .to_request(),
        Request::Capture { amount, .. } => {
            CaptureCharge { capture_amount: Some((*amount).into()), ..CaptureCharge::default() }.to_request()
        }
        Request::CancelCharge { .. } => {
            CancelCharge { cancellation_reason: Some(CANCELED.to_owned()), ..CancelCharge::default() }
                .to_request()
        }
        Request::Refund { charge_id, amount } => CreateRefund {
            charge_id: Some(charge_id.clone()),
            refund_amount: Some((*amount).into()),
            ..CreateRefund::default()
        }
        .to_request(),
        Request::Close { reason } => CloseChargePermission {
            closure_reason: Some(reason.as_deref().unwrap_or(CLOSED).to_owned()),
            // One that is not known here may be among them.
            cancel_pending_charges: cancellation.is_some().then_some(true),
            ..CloseChargePermission::default()
        }
        .to_request(),
    };
    Arc::from(text.into_bytes())
}
