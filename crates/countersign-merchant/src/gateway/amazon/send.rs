//! What is sent to Amazon: the exact bytes of a call, and their key. Both are made once, kept, and sent unchanged
//! each time; what was sent is sent again under the key that was kept, whatever would be derived today. A key is
//! derived, never random, and from what the call is for, so that another instance or a restored store has the same
//! key for the same act, and no two acts have the same key.

use countersign_domain::merchant::number::{AttemptNumber, OperationNumber};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use countersign_domain::address::{Address, AddressKind};
use countersign_domain::ids::{
    ChargePermissionId, CheckoutId, CheckoutSessionId, IdempotencyKey, MerchantId,
};
use countersign_domain::merchant::call::{CallKind, KeyedRequest};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::terms::Terms;
use countersign_domain::merchant::number::KeyOrdinal;
use countersign_domain::merchant::payment::charge::Charge;
use countersign_domain::merchant::payment::operation::{OperationName, OwnName, PaymentCall, UndoStep};
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
    let attempt = checkout.attempt(attempt)?;
    let n = attempt.next_key_ordinal();
    let idempotency_key = finalize_key(merchant, &checkout.id, &attempt.checkout_session_id, n);
    Some(KeyedRequest { n, idempotency_key, body: finalize_body(&checkout.terms, kind, address) })
}

/// What an operation sends. `None` when there is no such operation.
pub(crate) fn operation_send(
    merchant: &MerchantId,
    checkout: &Checkout,
    number: OperationNumber,
) -> Option<KeyedRequest> {
    let payment = checkout.payment.as_ref()?;
    let operation = payment.operation(number)?;
    let n = KeyOrdinal::FIRST;
    let idempotency_key = operation_key(merchant, &checkout.id, operation.request.kind(), &operation.name, n);
    let body = operation_body(&operation.request, &payment.charge_permission_id, OpenCharges::of(checkout));
    Some(KeyedRequest { n, idempotency_key, body })
}

/// What returns the money under a permission that is not the order's payment. `None` when that is not decided.
pub(crate) fn return_send(
    merchant: &MerchantId,
    checkout: &Checkout,
    permission: &ChargePermissionId,
) -> Option<KeyedRequest> {
    let returning = checkout.heard_of(permission)?.returning.as_ref()?;
    let (call, n) = (&returning.call, KeyOrdinal::FIRST);
    let try_number = returning.try_number.to_string();
    let act = ["return", call.charge_id()?.as_str(), try_number.as_str()];
    let idempotency_key = idempotency_key(merchant, &checkout.id, call.kind(), &act, n);
    let body = match call {
        PaymentCall::CancelCharge { .. } => {
            let reason = Some(RETURNED.to_owned());
            let request = CancelCharge { cancellation_reason: reason, ..CancelCharge::default() };
            Arc::from(request.to_request().into_bytes())
        }
        PaymentCall::Refund { .. }
        | PaymentCall::CreateCharge { .. }
        | PaymentCall::Capture { .. }
        | PaymentCall::Close { .. } => operation_body(call, permission, OpenCharges::Left),
    };
    Some(KeyedRequest { n, idempotency_key, body })
}

/// The `n`th key of the Finalize of a session.
pub(crate) fn finalize_key(
    merchant: &MerchantId,
    checkout: &CheckoutId,
    session: &CheckoutSessionId,
    n: KeyOrdinal,
) -> IdempotencyKey {
    idempotency_key(merchant, checkout, CallKind::Finalize, &["session", session.as_str()], n)
}

/// The `n`th key of an operation. Its name says what it is for: its place among the operations does not, since
/// a store that was restored from a backup counts them again.
fn operation_key(
    merchant: &MerchantId,
    checkout: &CheckoutId,
    call: CallKind,
    name: &OperationName,
    n: KeyOrdinal,
) -> IdempotencyKey {
    let key = |act: &[&str]| idempotency_key(merchant, checkout, call, act, n);
    match name {
        OperationName::Shop(reference) => key(&["shop", reference]),
        OperationName::Own(OwnName::PolicyCapture(charge_id)) => key(&["policy capture", charge_id.as_str()]),
        OperationName::Own(OwnName::Undo { what, try_number }) => {
            let try_number = try_number.to_string();
            match what {
                UndoStep::CancelCharge(charge_id) => {
                    key(&["undo authorization", charge_id.as_str(), &try_number])
                }
                UndoStep::Refund(charge_id) => key(&["undo capture", charge_id.as_str(), &try_number]),
                UndoStep::Close => key(&["undo permission", &try_number]),
            }
        }
    }
}

/// H(merchant, checkout, call, act, n): 160 bits of SHA-256 as 32 lower-case base32 characters, the longest
/// key that Amazon accepts. Each part is hashed with its length before it, and the first part of an act is
/// one of the words above, so that no two acts have the same input, whatever a shop's reference contains.
fn idempotency_key(
    merchant: &MerchantId,
    checkout: &CheckoutId,
    call: CallKind,
    act: &[&str],
    n: KeyOrdinal,
) -> IdempotencyKey {
    let mut hash = Context::new(&SHA256);
    let n = n.to_string();
    let before = [DOMAIN, merchant.as_str(), checkout.as_str(), call.name()];
    for part in before.into_iter().chain(act.iter().copied()).chain([n.as_str()]) {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let text = base32(&hash.finish().as_ref()[..20]);
    IdempotencyKey::parse(&text).unwrap_or_else(|_| unreachable!("{text} is a key"))
}

/// Separates these keys from any that was derived in another way.
const DOMAIN: &str = "countersign idempotency key 2";

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
/// The reason for canceling a charge that is not the order's payment.
const RETURNED: &str = "The order has another payment.";
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
    /// They are canceled with their order, unless one of them pays for a parcel that has left, or others made
    /// one.
    fn of(checkout: &Checkout) -> Self {
        let is_open = |charge: &Charge| !charge.state.is_final();
        match checkout.cancellation {
            Some(_) if !checkout.left_behind().chain(checkout.left_to_others()).any(is_open) => {
                Self::Canceled
            }
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
    use countersign_domain::ids::ChargeId;

    use super::*;

    fn merchant() -> MerchantId {
        MerchantId::parse("M1").unwrap()
    }

    fn checkout(id: &str) -> CheckoutId {
        CheckoutId::parse(id).unwrap()
    }

    fn finalize(merchant: &str, checkout_id: &str, session: &str, n: u32) -> IdempotencyKey {
        let session = CheckoutSessionId::parse(session).unwrap();
        let merchant = MerchantId::parse(merchant).unwrap();
        finalize_key(&merchant, &checkout(checkout_id), &session, KeyOrdinal::new(n))
    }

    fn operation(call: CallKind, name: &OperationName) -> IdempotencyKey {
        operation_key(&merchant(), &checkout("c1"), call, name, KeyOrdinal::FIRST)
    }

    fn shop(reference: &str) -> OperationName {
        OperationName::Shop(reference.to_owned())
    }

    fn undo(what: UndoStep, try_number: u32) -> OperationName {
        OperationName::Own(OwnName::Undo { what, try_number })
    }

    fn charge(id: &str) -> ChargeId {
        ChargeId::parse(id).unwrap()
    }

    // Promise: B25
    #[test]
    fn the_same_call_has_the_same_key_forever() {
        // Frozen: a release that derives a different key would pay an order twice after an upgrade.
        assert_eq!(finalize("M1", "c1", "s1", 1).as_str(), "tsnsdcaw2wzz4ailtjlao6tslhagh47g");
        assert_eq!(
            operation(CallKind::Refund, &shop("return 2")).as_str(),
            "sbmdqdz5rnme7jgjl267l7xax5vihgko"
        );
    }

    // Promise: B25
    #[test]
    fn a_different_call_has_a_different_key() {
        let own = [
            OperationName::Own(OwnName::PolicyCapture(charge("C1"))),
            OperationName::Own(OwnName::PolicyCapture(charge("C2"))),
            undo(UndoStep::CancelCharge(charge("C1")), 1),
            undo(UndoStep::CancelCharge(charge("C1")), 2),
            undo(UndoStep::CancelCharge(charge("C1")), 11),
            undo(UndoStep::CancelCharge(charge("C11")), 1),
            undo(UndoStep::Refund(charge("C1")), 1),
            undo(UndoStep::Close, 1),
            undo(UndoStep::Close, 2),
        ];
        // A shop may use any printable text as a reference: the words of the rules, and what looks like the
        // separators or the lengths between two parts.
        let words = own.iter().map(|name| shop(&name.to_string()));
        let spelled = [
            "policy capture",
            "undo permission",
            "undo authorization",
            "shop",
            "session",
            "1",
            "C1",
            "C1 1",
            "C11",
            "a",
            "a,b",
            "a|b",
            "a b",
            "a/b",
            "a\u{0}b",
            "a:b",
            "2:ab",
            "ab1",
            "ab",
            "parcel 2",
            "parcel 3",
            "return 1",
            "return 2",
            "Return 2",
            " return 2",
            "return 2 ",
        ];
        let names: Vec<_> = own.iter().cloned().chain(words).chain(spelled.map(shop)).collect();
        let mut keys = Vec::new();
        for call in CallKind::OPERATIONS {
            keys.extend(names.iter().map(|name| operation(call, name)));
        }
        keys.extend([
            finalize("M1", "c1", "s1", 1),
            finalize("M2", "c1", "s1", 1),
            finalize("M1", "c2", "s1", 1),
            finalize("M1", "c1", "s2", 1),
            finalize("M1", "c1", "s1", 2),
            finalize("M1", "c11", "s1", 1),
            finalize("M", "1c1", "s1", 1),
            finalize("M1", "c1s1", "s1", 1),
            finalize("M1", "c1", "s11", 1),
            finalize("M1", "c1", "s1", 11),
        ]);
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert!(keys.iter().all(|key| key.as_str().len() == 32));
    }
}
