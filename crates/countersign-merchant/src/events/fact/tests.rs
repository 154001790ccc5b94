//! Which events are facts, and what the facts say.

use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutId, RefundId};
use countersign_domain::merchant::call::CallEvent;
use countersign_domain::merchant::checkout::cancellation::{Cancellation, CancellationState, Extent};
use countersign_domain::merchant::checkout::terms::Terms;
use countersign_domain::merchant::event::CheckoutEvent;
use countersign_domain::merchant::event::PaymentEvent;
use countersign_domain::merchant::number::{KeyOrdinal, OperationNumber};
use countersign_domain::merchant::payment::Payment;
use countersign_domain::merchant::payment::charge::{ChargeOrigin, ChargeState, LastSeen};
use countersign_domain::merchant::payment::misfit::Misfit;
use countersign_domain::merchant::payment::operation::{
    Operation, OperationName, OperationRequest, OperationState, OwnName, PaymentCall, UndoStep,
};
use countersign_domain::merchant::payment::permission::{Permission, PermissionState};
use countersign_domain::merchant::payment::refund::{Refund, RefundState};
use countersign_domain::merchant::rules::Deadline;
use countersign_domain::money::Currency;
use countersign_domain::terms::{MerchantMetadata, PaymentIntent, ProductType};
use serde_json::{Value, json};

use super::super::table::Event;
use countersign_domain::merchant::decision::Decisions;

use super::*;

#[test]
fn an_id_has_one_spelling() {
    for number in [0, 1, 10, u64::MAX] {
        assert_eq!(sequence(&id(number)), Some(number));
    }
    for text in ["", "evt_", "1", "evt_01", "evt_+1", "evt_-1", "evt_1 ", "EVT_1", "evt_18446744073709551616"]
    {
        assert_eq!(sequence(text), None, "{text}");
    }
}

#[test]
fn a_body_begins_with_its_id() {
    assert_eq!(body(7, br#"{"at":"x"}"#), r#"{"id":"evt_7","at":"x"}"#);
}

pub(crate) fn at() -> Timestamp {
    Timestamp::from_millis(1_795_448_820_000)
}

pub(crate) fn usd(minor: u64) -> Money {
    Money::from_minor(minor, Currency::USD)
}

pub(crate) fn charge_id(n: u32) -> ChargeId {
    ChargeId::parse(&format!("S01-5105180-0000001-C00000{n}")).unwrap()
}

fn refund_id(n: u32) -> RefundId {
    RefundId::parse(&format!("S01-5105180-0000001-R00000{n}")).unwrap()
}

fn charge(n: u32, state: ChargeState) -> Charge {
    Charge {
        id: charge_id(n),
        origin: ChargeOrigin::Operation,
        amount: usd(1_000),
        authorized_at: at(),
        expires_at: at().plus(std::time::Duration::from_secs(86_400)),
        planned_until: at(),
        state,
        sight: LastSeen::Never,
        look: None,
        refunds: Vec::new(),
        refunded_shown: None,
        refunded_elsewhere: None,
        unreadable_count: 0,
        shipments: Vec::new(),
    }
}

/// A refused operation of each kind: the shop's calls, the capture policy's, and a cancellation's.
fn operations() -> Vec<Operation> {
    let (shop, own) = (OperationName::Shop, OperationName::Own);
    let undo = |what| OwnName::Undo { what, try_number: 1 };
    let create = PaymentCall::CreateCharge {
        amount: usd(700),
        capture_now: false,
        can_handle_pending_authorization: false,
    };
    let capture = PaymentCall::Capture { charge_id: charge_id(1), amount: usd(1_000) };
    let refund = PaymentCall::Refund { charge_id: charge_id(2), amount: usd(100) };
    let cancel = PaymentCall::CancelCharge { charge_id: charge_id(1) };
    let close = PaymentCall::Close { reason: Some("Mrs Canary moved".to_owned()) };
    let named = [
        (shop("parcel 2".to_owned()), create),
        (shop("parcel 1".to_owned()), capture.clone()),
        (shop("back".to_owned()), refund.clone()),
        (shop("end".to_owned()), close.clone()),
        (own(OwnName::PolicyCapture(charge_id(1))), capture),
        (own(undo(UndoStep::CancelCharge(charge_id(1)))), cancel),
        (own(undo(UndoStep::Refund(charge_id(2)))), refund),
        (own(undo(UndoStep::Close)), close),
    ];
    let refused = |number, name, request| Operation {
        number: OperationNumber::new(number),
        name,
        // The fact of a refusal depends on the resolved request, not on what was asked for.
        asked: OperationRequest::Close { reason: None },
        request,
        requested_at: at(),
        last_sent_at: None,
        turned_away: 0,
        alarm_count: 0,
        contradicted_count: 0,
        lead: None,
        state: OperationState::Refused { code: "X".to_owned() },
    };
    (1..).zip(named).map(|(number, (name, request))| refused(number, name, request)).collect()
}

/// A canceled order with a charge in each state that can last.
pub(crate) fn checkout(permission: PermissionState) -> Checkout {
    let refund = |n, state| Refund {
        id: refund_id(n),
        amount: usd(100),
        state,
        look: None,
        decided_at: None,
        known_at: None,
    };
    let refunds = vec![
        refund(1, RefundState::Refunded),
        refund(2, RefundState::Declined(Some("ProcessingFailure".to_owned()))),
        refund(3, RefundState::RefundInitiated),
    ];
    let reason = || Some("AmazonRejected".to_owned());
    Checkout {
        id: CheckoutId::parse("c1").unwrap(),
        order_id: "1001".to_owned(),
        terms: Terms {
            product_type: ProductType::PayOnly,
            payment_intent: PaymentIntent::Authorize,
            can_handle_pending_authorization: false,
            charge_amount: usd(1_000),
            total_order_amount: None,
            supplementary_data: None,
            merchant_metadata: MerchantMetadata::default(),
            shipping_address: None,
            quoted_address: None,
        },
        terms_version: 1,
        attempts: Vec::new(),
        payment: Some(Payment {
            charge_permission_id: ChargePermissionId::parse("S01-5105180-0000001").unwrap(),
            limit: usd(5_000),
            began_at: at(),
            permission: Permission { state: permission, look: None },
            charges: vec![
                charge(1, ChargeState::Authorized),
                Charge { refunds, ..charge(2, ChargeState::Captured(usd(900))) },
                charge(3, ChargeState::Canceled(reason())),
                charge(4, ChargeState::Declined(reason())),
            ],
            operations: operations(),
            disputes: Vec::new(),
            contests: Vec::new(),
        }),
        cancellation: Some(Cancellation {
            reference: "r".to_owned(),
            reason: Some("Mrs Canary changed her mind".to_owned()),
            requested_at: at(),
            extent: Extent::Unshipped,
            state: CancellationState::Done { at: at(), remind_at: None },
        }),
        cart: None,
        superseded_by: None,
        unexplained: Vec::new(),
        decisions: Decisions::default(),
        registered_at: at(),
    }
}

/// The fact of a payment's event, without the members that every fact has.
fn told(event: PaymentEvent, permission: PermissionState) -> Value {
    let after = checkout(permission);
    let fact = Event::from_domain(&CheckoutEvent::Payment(event), &after).fact(&after, at());
    let Some(fact) = fact else { return Value::Null };
    let mut told: Value = serde_json::from_slice(&fact.encode()).unwrap();
    let members = told.as_object_mut().unwrap();
    assert_eq!(members.remove("at").unwrap(), "20261123T154700Z");
    assert_eq!(members.remove("checkoutId").unwrap(), "c1");
    assert_eq!(members.remove("orderId").unwrap(), "1001");
    assert!(members.remove("termsVersion").unwrap().is_u64());
    let permission = members.remove("chargePermissionId");
    assert_eq!(permission.is_none(), members["type"] == "checkout.canceled");
    told
}

// Promise: B31
#[test]
fn each_definitive_event_of_a_payment_is_its_fact() {
    let amount = |amount: &str| json!({ "amount": amount, "currencyCode": "USD" });
    let closed = || PermissionState::Closed("MerchantClosed".to_owned());
    let non_chargeable = || PermissionState::NonChargeable("PaymentMethodInvalid".to_owned());
    let chargeable = || PermissionState::Chargeable;
    let id = |n: u32| charge_id(n).to_string();
    for (event, permission, expected) in [
        (
            PaymentEvent::ChargeAuthorized(charge_id(1)),
            chargeable(),
            json!({ "type": "charge.authorized", "chargeId": id(1), "amount": amount("10.00"),
                "dueAt": "20261124T154700Z" }),
        ),
        (
            PaymentEvent::ChargeCaptured(charge_id(2)),
            chargeable(),
            json!({ "type": "charge.captured", "chargeId": id(2), "amount": amount("9.00") }),
        ),
        (
            PaymentEvent::ChargeCanceled(charge_id(3)),
            chargeable(),
            json!({ "type": "charge.canceled", "chargeId": id(3), "amount": amount("10.00"),
                "reason": "AmazonRejected" }),
        ),
        (
            PaymentEvent::ChargeDeclined(charge_id(4)),
            chargeable(),
            json!({ "type": "charge.declined", "chargeId": id(4), "amount": amount("10.00"),
                "reason": "AmazonRejected" }),
        ),
        (
            PaymentEvent::Lapsed { charge_id: charge_id(3) },
            chargeable(),
            json!({ "type": "checkout.lapsed", "chargeId": id(3), "amount": amount("10.00"),
                "reason": "AmazonRejected" }),
        ),
        (
            PaymentEvent::Refunded(refund_id(1)),
            chargeable(),
            json!({ "type": "refund.refunded", "chargeId": id(2), "refundId": refund_id(1).to_string(),
                "amount": amount("1.00") }),
        ),
        (
            PaymentEvent::RefundDeclined(refund_id(2)),
            chargeable(),
            json!({ "type": "refund.declined", "chargeId": id(2), "refundId": refund_id(2).to_string(),
                "amount": amount("1.00"), "reason": "ProcessingFailure" }),
        ),
        (
            PaymentEvent::Contradicted { charge_id: charge_id(1), misfit: Misfit::ChargeAmountDiffers },
            chargeable(),
            json!({ "type": "payment.contradicted", "chargeId": id(1), "amount": amount("10.00"),
                "reason": "ChargeAmountDiffers" }),
        ),
        (
            PaymentEvent::Settled(charge_id(1)),
            chargeable(),
            json!({ "type": "payment.settled", "chargeId": id(1), "amount": amount("10.00") }),
        ),
        (PaymentEvent::PermissionChargeable, chargeable(), json!({ "type": "chargePermission.chargeable" })),
        (
            PaymentEvent::PermissionNonChargeable,
            non_chargeable(),
            json!({ "type": "chargePermission.nonChargeable", "reason": "PaymentMethodInvalid" }),
        ),
        (
            PaymentEvent::PermissionClosed,
            closed(),
            json!({ "type": "chargePermission.closed", "reason": "MerchantClosed" }),
        ),
        (
            PaymentEvent::CaptureDue { charge_id: charge_id(1), deadline: Deadline::Expiry, at: at() },
            chargeable(),
            json!({ "type": "capture.due", "chargeId": id(1), "amount": amount("10.00"), "reason": "expiry",
                "dueAt": "20261123T154700Z" }),
        ),
        (PaymentEvent::CheckoutCanceled, closed(), json!({ "type": "checkout.canceled" })),
    ] {
        assert_eq!(told(event.clone(), permission), expected, "{event:?}");
    }
}

#[test]
fn a_refusal_is_the_fact_of_what_the_shop_or_its_capture_policy_asked_for() {
    let refused = |number| {
        let (number, code) = (OperationNumber::new(number), "TransactionAmountExceeded".to_owned());
        told(PaymentEvent::OperationRefused { number, code }, PermissionState::Chargeable)
    };
    let fact = |reference: &str, call: &str, of: Value| {
        let mut fact = json!({ "type": "operation.refused", "reference": reference, "call": call,
            "code": "TransactionAmountExceeded" });
        fact.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
        fact
    };
    let of = |n: u32, amount: &str| {
        json!({ "chargeId": charge_id(n).to_string(),
            "amount": { "amount": amount, "currencyCode": "USD" } })
    };
    let amount = json!({ "amount": { "amount": "7.00", "currencyCode": "USD" } });
    assert_eq!(refused(1), fact("parcel 2", "createCharge", amount));
    assert_eq!(refused(2), fact("parcel 1", "captureCharge", of(1, "10.00")));
    assert_eq!(refused(3), fact("back", "createRefund", of(2, "1.00")));
    assert_eq!(refused(4), fact("end", "closeChargePermission", json!({})));
    let policys = format!("capture {}", charge_id(1));
    assert_eq!(refused(5), fact(&policys, "captureCharge", of(1, "10.00")));
    for number in 6..=8 {
        assert_eq!(refused(number), Value::Null, "an operation of a cancellation has no fact: {number}");
    }
}

// Promise: B31
#[test]
fn what_is_pending_in_doubt_or_only_requested_is_not_a_fact() {
    let code = || "ServiceUnavailable".to_owned();
    let of_call = |event| PaymentEvent::OperationCall { number: OperationNumber::FIRST, event };
    for event in [
        PaymentEvent::OperationRecorded(OperationNumber::FIRST),
        of_call(CallEvent::Sent { n: KeyOrdinal::FIRST, send_count: 1 }),
        of_call(CallEvent::NotSent),
        of_call(CallEvent::NotEvaluated { code: code() }),
        of_call(CallEvent::DoubtBegan { cause: code() }),
        of_call(CallEvent::Alarm { lasting: std::time::Duration::from_secs(300) }),
        PaymentEvent::OperationDone(OperationNumber::FIRST),
        PaymentEvent::ChargePending(charge_id(1)),
        PaymentEvent::CapturePending(charge_id(1)),
        PaymentEvent::ChargeAdopted(charge_id(1)),
        PaymentEvent::RefundPending(refund_id(3)),
        PaymentEvent::CancelRequested,
        PaymentEvent::ShipmentRecorded {
            charge_id: charge_id(1),
            reference: "parcel".to_owned(),
            amount: usd(100),
        },
        PaymentEvent::CancellationStuck { why: code() },
        PaymentEvent::Contradiction { id: code(), found: "a late success" },
    ] {
        assert_eq!(told(event.clone(), PermissionState::Chargeable), Value::Null, "{event:?}");
    }
    for reason in ["ChargeInProgress", "TransactionAmountExceeded"] {
        let by_the_shops_own_doing = PermissionState::NonChargeable(reason.to_owned());
        assert_eq!(told(PaymentEvent::PermissionNonChargeable, by_the_shops_own_doing), Value::Null);
    }
}
