//! Every state of a payment and of a cancellation is read back as it was written.

use std::sync::Arc;

use countersign_document::{Bytes, UnreadableDocument, decode, encode};
use countersign_domain::ids::{ChargeId, ChargePermissionId, DisputeId, IdempotencyKey, RefundId};
use countersign_domain::merchant::call::{Doubt, InFlight, KeyedRequest, StatusRefusals};
use countersign_domain::merchant::number::{KeyOrdinal, OperationNumber};
use countersign_domain::money::{Currency, Money};
use countersign_domain::time::Timestamp;

use super::super::laid_out::shown;
use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_795_448_820_000 + seconds * 1_000)
}

fn yen(minor: u64) -> Money {
    Money::from_minor(minor, Currency::JPY)
}

fn charge_id(number: u32) -> ChargeId {
    ChargeId::parse(&format!("S03-1-C{number}")).unwrap()
}

fn send() -> KeyedRequest {
    KeyedRequest {
        n: KeyOrdinal::FIRST,
        idempotency_key: IdempotencyKey::parse("key1").unwrap(),
        body: Arc::from("{\"a\":\"ü\"}".as_bytes()),
    }
}

fn charges() -> Vec<Charge> {
    let refund = |number: u32, state| Refund {
        id: RefundId::parse(&format!("S03-1-R{number}")).unwrap(),
        amount: yen(100 * u64::from(number)),
        look: (state == RefundState::RefundInitiated).then(|| LookSchedule { at: at(60), count: 2 }),
        decided_at: (state == RefundState::Refunded).then(|| at(61)),
        known_at: Some(at(59)),
        state,
    };
    let states = [
        ChargeState::AuthorizationInitiated,
        ChargeState::Authorized,
        ChargeState::CaptureInitiated,
        ChargeState::Captured(yen(900)),
        ChargeState::Canceled(Some("ExpiredUnused".to_owned())),
        ChargeState::Canceled(None),
        ChargeState::Declined(Some("HardDeclined".to_owned())),
        ChargeState::Declined(None),
    ];
    let shipment = |charge: Option<u32>, paid_by| Shipment {
        reference: "parcel".to_owned(),
        asked: ShipmentRequest { charge_id: charge.map(charge_id), amount: charge.map(|_| yen(7)) },
        amount: yen(7),
        paid_by,
        seen_at: at(6),
        recorded_at: at(7),
    };
    let charge = |(number, state): (u32, ChargeState)| Charge {
        id: charge_id(number),
        origin: match number % 3 {
            0 => ChargeOrigin::Finalize,
            1 => ChargeOrigin::Operation,
            _ => ChargeOrigin::Elsewhere,
        },
        amount: yen(1_000),
        authorized_at: at(1),
        expires_at: at(2),
        planned_until: at(3),
        sight: match number % 4 {
            0 => LastSeen::Never,
            1 => LastSeen::Doubted,
            2 => LastSeen::Contradicted(Misfit::ChargeAmountDiffers),
            _ => LastSeen::At(at(5)),
        },
        refunded_shown: matches!(state, ChargeState::Captured(_)).then(|| yen(4)),
        refunded_elsewhere: matches!(state, ChargeState::Captured(_)).then(|| yen(3)),
        unreadable_count: number % 2,
        look: (!state.is_final()).then(|| LookSchedule { at: at(4), count: number }),
        refunds: match state {
            ChargeState::Captured(_) => vec![
                refund(1, RefundState::RefundInitiated),
                refund(2, RefundState::Refunded),
                refund(3, RefundState::Declined(Some("AmazonRejected".to_owned()))),
                refund(4, RefundState::Declined(None)),
            ],
            _ => Vec::new(),
        },
        shipments: match state {
            ChargeState::Authorized => vec![shipment(None, PaidBy::Authorization)],
            ChargeState::Captured(_) => {
                vec![shipment(None, PaidBy::Authorization), shipment(Some(number), PaidBy::Capture)]
            }
            _ => Vec::new(),
        },
        state,
    };
    (1..).zip(states).map(charge).collect()
}

fn operations() -> Vec<Operation> {
    let shop = |reference: &str| OperationName::Shop(reference.to_owned());
    let of_charge = Some(charge_id(2));
    let operations = [
        (
            shop("parcel 2"),
            OperationRequest::Charge {
                amount: yen(5),
                capture_now: true,
                can_handle_pending_authorization: false,
            },
            PaymentCall::CreateCharge {
                amount: yen(5),
                capture_now: true,
                can_handle_pending_authorization: false,
            },
            OperationState::InFlight(InFlight::Recorded { earlier: None, left_at: None, retry_at: at(5) }),
        ),
        (
            shop("capture"),
            OperationRequest::Capture { charge_id: None, amount: None },
            PaymentCall::Capture { charge_id: charge_id(2), amount: yen(1_000) },
            OperationState::InFlight(InFlight::Recorded {
                earlier: Some(send()),
                left_at: None,
                retry_at: at(6),
            }),
        ),
        (
            OperationName::Own(OwnName::PolicyCapture(charge_id(2))),
            OperationRequest::Capture { charge_id: of_charge.clone(), amount: Some(yen(7)) },
            PaymentCall::Capture { charge_id: charge_id(2), amount: yen(7) },
            OperationState::InFlight(InFlight::Sent { send: send(), sent_at: at(7), lease_until: at(8) }),
        ),
        (
            shop("refund"),
            OperationRequest::Refund { charge_id: None, amount: Some(Money::from_minor(8, Currency::EUR)) },
            PaymentCall::Refund { charge_id: charge_id(4), amount: yen(8) },
            OperationState::InFlight(InFlight::InDoubt(Doubt {
                send: send(),
                send_count: 2,
                sent_at: at(8),
                since: at(9),
                look: LookSchedule { at: at(10), count: 3 },
                alarm_count: 4,
                stored_error: None,
                missing: None,
                refusals: StatusRefusals::default(),
                asked_again: None,
                must_be_compared: false,
            })),
        ),
        (
            shop("refund 2"),
            OperationRequest::Refund { charge_id: of_charge, amount: None },
            PaymentCall::Refund { charge_id: charge_id(4), amount: yen(9) },
            OperationState::Done(OperationEffect::Refund(RefundId::parse("S03-1-R1").unwrap())),
        ),
        (
            OperationName::Own(OwnName::Undo { what: UndoStep::CancelCharge(charge_id(2)), try_number: 1 }),
            OperationRequest::CancelCharge(charge_id(2)),
            PaymentCall::CancelCharge { charge_id: charge_id(2) },
            OperationState::Done(OperationEffect::Charge(charge_id(2))),
        ),
        (
            shop("close"),
            OperationRequest::Close { reason: Some("sold out".to_owned()) },
            PaymentCall::Close { reason: Some("sold out".to_owned()) },
            OperationState::Done(OperationEffect::Closed),
        ),
        (
            shop("close 2"),
            OperationRequest::Close { reason: None },
            PaymentCall::Close { reason: None },
            OperationState::Refused { code: "InvalidParameterValue".to_owned() },
        ),
    ];
    let operation = |(number, (name, asked, request, state))| Operation {
        number: OperationNumber::new(number),
        name,
        asked,
        request,
        requested_at: at(0),
        last_sent_at: (number % 2 == 0).then(|| at(6)),
        turned_away: number % 2,
        alarm_count: number % 2,
        contradicted_count: number % 3,
        lead: (number == 1).then(|| OperationEffect::Charge(charge_id(9))),
        state,
    };
    (1..).zip(operations).map(operation).collect()
}

fn payments() -> Vec<Payment> {
    let payment = |state: PermissionState| Payment {
        charge_permission_id: ChargePermissionId::parse("S03-1").unwrap(),
        limit: yen(10_000),
        began_at: at(0),
        permission: Permission {
            look: matches!(state, PermissionState::NonChargeable(_))
                .then(|| LookSchedule { at: at(1), count: 1 }),
            state,
        },
        charges: charges(),
        operations: operations(),
        disputes: disputes(),
        contests: Vec::new(),
    };
    vec![
        payment(PermissionState::Chargeable),
        payment(PermissionState::NonChargeable("PaymentMethodInvalid".to_owned())),
        payment(PermissionState::Closed("MerchantClosed".to_owned())),
    ]
}

fn disputes() -> Vec<Dispute> {
    let dispute = |number: u32, state| Dispute {
        id: DisputeId::parse(&format!("S03-1-B{number}")).unwrap(),
        charge_id: (number == 2).then(|| charge_id(2)),
        amount: (number == 2).then(|| yen(5)),
        opened_at: at(70),
        state,
    };
    vec![
        dispute(1, DisputeState::Open { remind_at: at(71) }),
        dispute(2, DisputeState::Won { at: at(72) }),
        dispute(3, DisputeState::Lost { at: at(73) }),
    ]
}

fn cancellations() -> Vec<Cancellation> {
    let cancellation = |reason: Option<&str>, state| Cancellation {
        reference: "c".to_owned(),
        reason: reason.map(str::to_owned),
        requested_at: at(0),
        extent: Extent::Unshipped,
        state,
    };
    let done = || CancellationState::Done { at: at(2), remind_at: None };
    let widened = Extent::Widened { reference: "d".to_owned(), reason: Some("lost".to_owned()) };
    vec![
        Cancellation { extent: Extent::Everything, ..cancellation(None, done()) },
        Cancellation { extent: widened, ..cancellation(None, done()) },
        cancellation(None, CancellationState::Requested { remind_at: at(1), is_stuck: false }),
        cancellation(Some("lost"), CancellationState::Requested { remind_at: at(1), is_stuck: true }),
        cancellation(Some("lost"), CancellationState::Done { at: at(2), remind_at: None }),
        cancellation(Some("lost"), CancellationState::Done { at: at(2), remind_at: Some(at(3)) }),
    ]
}

#[test]
fn every_payment_comes_back_as_it_went() {
    for payment in payments() {
        assert_eq!(decode::<Merchant, _>("checkout", &encode::<Merchant, _>(&payment)), Ok(payment));
    }
}

#[test]
fn every_contest_comes_back_as_it_went_in_its_form() {
    let look = LookSchedule { at: at(1), count: 2 };
    let open = || ContestState::Open { look };
    let permission = ClaimedId::Permission(ChargePermissionId::parse("S03-1").unwrap());
    let charge = ClaimedId::Charge(charge_id(1));
    let refund = ClaimedId::Refund(RefundId::parse("S03-1-R1").unwrap());
    let contests = vec![
        Contest { id: permission, holder: Holder::ThisOrder, state: open() },
        Contest { id: charge, holder: Holder::AnotherOrder, state: open() },
        Contest { id: refund, holder: Holder::ThisOrder, state: ContestState::Settled { at: at(3) } },
    ];
    let payment = Payment { contests, ..payments().remove(0) };
    let bytes = encode::<Merchant, _>(&payment);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let (_, form) = text.split_once(r#""contests":"#).unwrap();
    let form: serde_json::Value = serde_json::from_str(form.strip_suffix('}').unwrap()).unwrap();
    let (one, three) = (at(1).as_millis(), at(3).as_millis());
    let expected = serde_json::json!([
        { "id": { "Permission": "S03-1" }, "holder": "ThisOrder",
          "state": { "Open": { "look": { "at": one, "count": 2 } } } },
        { "id": { "Charge": charge_id(1).as_str() }, "holder": "AnotherOrder",
          "state": { "Open": { "look": { "at": one, "count": 2 } } } },
        { "id": { "Refund": "S03-1-R1" }, "holder": "ThisOrder", "state": { "Settled": { "at": three } } },
    ]);
    assert_eq!(form, expected);
    assert_eq!(decode::<Merchant, _>("checkout", &bytes), Ok(payment));
}

#[test]
fn every_cancellation_comes_back_as_it_went() {
    for cancellation in cancellations() {
        assert_eq!(
            decode::<Merchant, _>("checkout", &encode::<Merchant, _>(&cancellation)),
            Ok(cancellation)
        );
    }
}

#[test]
fn the_form_on_disk_is_that_of_its_format() {
    // If a line changes here, the checkout document needs the next format.
    let text_of = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let payment = &payments()[1];
    let whole = text_of(encode::<Merchant, _>(payment));
    let charges: Vec<String> =
        payment.charges.iter().map(|charge| text_of(encode::<Merchant, _>(charge))).collect();
    let operations: Vec<String> =
        payment.operations.iter().map(|operation| text_of(encode::<Merchant, _>(operation))).collect();
    let disputes: Vec<String> =
        payment.disputes.iter().map(|dispute| text_of(encode::<Merchant, _>(dispute))).collect();
    let bare =
        Payment { charges: Vec::new(), operations: Vec::new(), disputes: Vec::new(), ..payment.clone() };
    let bare = text_of(encode::<Merchant, _>(&bare));
    let (charged, operated, disputed) = (charges.join(","), operations.join(","), disputes.join(","));
    let open = bare.strip_suffix('}').unwrap();
    let together =
        format!(r#"{open},"charges":[{charged}],"operations":[{operated}],"disputes":[{disputed}]}}"#);
    assert_eq!(whole, together);
    let cancellations: Vec<String> =
        cancellations().iter().map(|cancellation| text_of(encode::<Merchant, _>(cancellation))).collect();
    let sections = [
        ("A payment without charges and operations", vec![bare]),
        ("Its charges", charges),
        ("Its operations", operations),
        ("Its disputes", disputes),
        ("Cancellations", cancellations),
    ];
    let sections = sections.map(|(heading, documents)| format!("## {heading}\n{}", shown(&documents)));
    insta::assert_snapshot!(sections.join("\n"));
}

#[test]
fn what_cannot_be_read_is_reported_without_its_content() {
    let text = String::from_utf8(encode::<Merchant, _>(&payments()[1]).to_vec()).unwrap();
    for (from, to) in [
        ("\"S03-1\"", "\"-secret\""),
        ("\"NonChargeable\"", "\"secret\""),
        ("\"S03-1-C1\"", "\"-secret\""),
        ("\"S03-1-R1\"", "\"-secret\""),
        ("\"key1\"", "\"secret secret\""),
        ("\"EUR\"", "\"secret\""),
        ("\"request\":{\"Capture\":{\"charge_id\":\"S03-1-C2\",", "\"request\":{\"Capture\":{"),
    ] {
        assert!(text.contains(from), "{from}");
        let read: Result<Payment, UnreadableDocument> =
            decode::<Merchant, _>("checkout", text.replace(from, to).as_bytes());
        let why = read.unwrap_err().to_string();
        assert!(why.starts_with("a stored checkout cannot be read: "), "{why}");
        assert!(!why.contains("secret"), "{why}");
    }
    let neither = br#"{"reference":"c","requested_at":0}"#;
    assert!(decode::<Merchant, Cancellation>("checkout", neither).is_err());
}
