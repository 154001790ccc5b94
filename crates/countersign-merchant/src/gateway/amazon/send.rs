//! What is sent to Amazon: the exact bytes of a call, and their key. Both are made once, kept, and sent unchanged
//! each time. A key is derived, never random, so that a restart, another instance or an upgrade sends the same key
//! for the same call.

use countersign_domain::merchant::number::{AttemptNumber, OperationNumber};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use countersign_domain::address::{Address, AddressKind};
use countersign_domain::ids::{ChargePermissionId, IdempotencyKey, MerchantId};
use countersign_domain::merchant::call::{CallKind, KeyedRequest};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::terms::Terms;
use countersign_domain::merchant::number::KeyOrdinal;
use countersign_domain::merchant::payment::charge::Charge;
use countersign_domain::merchant::payment::operation::PaymentCall;
use countersign_protocol::wire::{
    self, CancelCharge, CaptureCharge, CloseChargePermission, CreateCharge, CreateRefund, Object as _,
};

/// What a Finalize sends: the recorded terms and the address from the session, under the attempt's next key.
/// `None` when there is no such attempt.
pub(crate) fn finalize_send(
    merchant: &MerchantId,
    checkout: &Checkout,
    attempt: AttemptNumber,
    (kind, address): (AddressKind, Address),
) -> Option<KeyedRequest> {
    let n = checkout.attempt(attempt)?.next_key_ordinal();
    let idempotency_key = finalize_keys(merchant, checkout.id.as_str(), attempt)(n);
    Some(KeyedRequest { n, idempotency_key, body: finalize_body(&checkout.terms, kind, address) })
}

/// What an operation sends. `None` when there is no such operation.
pub(crate) fn operation_send(
    merchant: &MerchantId,
    checkout: &Checkout,
    number: OperationNumber,
) -> Option<KeyedRequest> {
    let payment = checkout.payment.as_ref()?;
    let request = &payment.operation(number)?.request;
    let n = KeyOrdinal::FIRST;
    let idempotency_key = idempotency_key(merchant, checkout.id.as_str(), number.get(), request.call(), n);
    let body = operation_body(request, &payment.charge_permission_id, OpenCharges::of(checkout));
    Some(KeyedRequest { n, idempotency_key, body })
}

/// The keys of an attempt's Finalize.
pub(crate) fn finalize_keys<'a>(
    merchant: &'a MerchantId,
    checkout_id: &'a str,
    attempt: AttemptNumber,
) -> impl Fn(KeyOrdinal) -> IdempotencyKey + 'a {
    move |n| idempotency_key(merchant, checkout_id, attempt.get(), CallKind::Finalize.name(), n)
}

/// H(merchant, checkout, number of the attempt or operation, call, n): 160 bits of SHA-256 as 32 lower-case
/// base32 characters, the longest key that Amazon accepts. Each part is hashed with its length before it, so
/// that no two lists of parts have the same input.
fn idempotency_key(
    merchant: &MerchantId,
    checkout_id: &str,
    number: u32,
    operation: &str,
    n: KeyOrdinal,
) -> IdempotencyKey {
    let mut hash = Context::new(&SHA256);
    let (number, n) = (number.to_string(), n.to_string());
    for part in [merchant.as_str(), checkout_id, &number, operation, &n] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let text = base32(&hash.finish().as_ref()[..20]);
    IdempotencyKey::parse(&text).unwrap_or_else(|_| unreachable!("{text} is a key"))
}

fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::with_capacity(32);
    for five_bytes in bytes.chunks(5) {
        let bits = five_bytes.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in (0..8).rev() {
            let index = (bits >> (place * 5)) & 31;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}

fn finalize_body(terms: &Terms, kind: AddressKind, address: Address) -> Arc<[u8]> {
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

/// The reason for canceling a charge, which Amazon shows to the merchant only.
const CANCELED: &str = "The order was canceled.";
/// The reason for closing a permission, when the shop gives none.
const CLOSED: &str = "Closed by the shop.";

/// What happens to the open charges under a permission that is closed.
#[derive(Debug, Clone, Copy)]
enum OpenCharges {
    /// They stay.
    Left,
    /// Amazon cancels them: a pending charge that is not known here would keep the permission open.
    Canceled,
}

impl OpenCharges {
    /// They are canceled with their order, unless one of them pays for a parcel that has left.
    fn of(checkout: &Checkout) -> Self {
        let is_open = |charge: &Charge| !charge.state.is_final();
        match checkout.cancellation {
            Some(_) if !checkout.left_behind().any(is_open) => Self::Canceled,
            Some(_) | None => Self::Left,
        }
    }
}

/// The bytes of an operation's call.
fn operation_body(
    request: &PaymentCall,
    permission_id: &ChargePermissionId,
    open_charges: OpenCharges,
) -> Arc<[u8]> {
    let text = match request {
        PaymentCall::CreateCharge { amount, capture_now, can_handle_pending_authorization } => CreateCharge {
            charge_permission_id: Some(permission_id.clone()),
            charge_amount: Some((*amount).into()),
            capture_now: capture_now.then_some(true),
            can_handle_pending_authorization: can_handle_pending_authorization.then_some(true),
            ..CreateCharge::default()
        }
        .to_request(),
        PaymentCall::Capture { amount, .. } => {
            CaptureCharge { capture_amount: Some((*amount).into()), ..CaptureCharge::default() }.to_request()
        }
        PaymentCall::CancelCharge { .. } => {
            CancelCharge { cancellation_reason: Some(CANCELED.to_owned()), ..CancelCharge::default() }
                .to_request()
        }
        PaymentCall::Refund { charge_id, amount } => CreateRefund {
            charge_id: Some(charge_id.clone()),
            refund_amount: Some((*amount).into()),
            ..CreateRefund::default()
        }
        .to_request(),
        PaymentCall::Close { reason } => CloseChargePermission {
            closure_reason: Some(reason.as_deref().unwrap_or(CLOSED).to_owned()),
            cancel_pending_charges: match open_charges {
                OpenCharges::Canceled => Some(true),
                OpenCharges::Left => None,
            },
            ..CloseChargePermission::default()
        }
        .to_request(),
    };
    Arc::from(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(merchant: &str, checkout: &str, attempt: u32, operation: &str, n: u32) -> String {
        let merchant = MerchantId::parse(merchant).unwrap();
        idempotency_key(&merchant, checkout, attempt, operation, KeyOrdinal::new(n)).to_string()
    }

    // Promise: B25
    #[test]
    fn the_same_call_has_the_same_key_forever() {
        // Frozen: a release that derives a different key would pay an order twice after an upgrade.
        assert_eq!(key("M1", "c1", 1, "finalize", 1), "cymdxwo3474rz6thyy5ftby4gaboe3nr");
    }

    // Promise: B25
    #[test]
    fn a_different_call_has_a_different_key() {
        let keys = [
            key("M1", "c1", 1, "finalize", 1),
            key("M2", "c1", 1, "finalize", 1),
            key("M1", "c2", 1, "finalize", 1),
            key("M1", "c1", 2, "finalize", 1),
            key("M1", "c1", 1, "capture", 1),
            key("M1", "c1", 1, "finalize", 2),
            key("M1", "c11", 1, "finalize", 1),
            key("M", "1c1", 1, "finalize", 1),
            key("M1", "c1", 11, "finalize", 1),
            key("M1", "c1", 1, "finalize", 11),
        ];
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert!(keys.iter().all(|key| key.len() == 32));
    }
}
