//! Parcels: what may be recorded, and what a cancellation leaves.

use alloc::collections::BTreeSet;

use super::decide::payments::*;
use super::paid::*;
use super::*;
use crate::merchant::after::fulfilment::Reason;
use crate::merchant::checkout::standing::Standing;
use crate::merchant::payment::shipment::Shipment;
use crate::merchant::rules::MAX_SHIPMENTS;
use crate::time::DAY;

fn request(charge_id: Option<&str>, minor: Option<u64>) -> ShipmentRequest {
    let charge_id = charge_id.map(|id| ChargeId::parse(id).unwrap());
    ShipmentRequest { charge_id, amount: minor.map(usd) }
}

fn held() -> Checkout {
    paid(payment_of(vec![charge_in(ChargeState::Authorized)]))
}

fn taken() -> Checkout {
    paid(payment_of(vec![charge_in(ChargeState::Captured(hundred()))]))
}

/// The order after a parcel of this amount was recorded.
fn shipped(before: &Checkout, reference: &str, minor: Option<u64>) -> Checkout {
    let (step, answer) = ship(before, reference, &request(None, minor), sent_at(), &rules()).unwrap();
    assert_eq!(answer, ShipmentAnswer::Recorded);
    assert!(matches!(&step.events[..], [CheckoutEvent::Payment(PaymentEvent::ShipmentRecorded { .. })]));
    step.next
}

fn asking<'a>(reference: &'a str, shipped_too: bool) -> CancelRequest<'a> {
    CancelRequest { reference, reason: None, shipped_too }
}

fn canceled(before: &Checkout, request: &CancelRequest<'_>) -> Checkout {
    match cancel_by(before, request, sent_at(), &rules()) {
        Ok(CancelAsked::New(step)) => step.next,
        other => panic!("{other:?}"),
    }
}

/// What the order asks Amazon for now.
fn asked_for(checkout: &Checkout) -> String {
    let operations = checkout.payment.iter().flat_map(|payment| payment.in_flight());
    let words = operations.map(|operation| {
        let amount = operation.request.amount().map(|amount| format!(" {}", amount.amount()));
        format!("{}{}", operation.request.call(), amount.unwrap_or_default())
    });
    words.collect::<Vec<_>>().join("; ")
}

// Promise: B09, D19
#[test]
fn a_parcel_is_recorded_with_a_yes_and_with_nothing_else() {
    for before in [held(), taken()] {
        let after = shipped(&before, "1", None);
        let payment = after.payment.as_ref().unwrap();
        assert_eq!(payment.charges[0].shipped(), hundred(), "all of it, if no amount is named");
        // The same request again is about the same parcel.
        let (step, answer) = ship(&after, "1", &request(None, None), sent_at().plus(DAY), &rules()).unwrap();
        assert_eq!((answer, step.next), (ShipmentAnswer::Recorded, after));
    }
    let later = sent_at().plus(8 * DAY);
    for (before, now, reason) in [
        (held(), sent_at().plus(61 * SECOND), "Checking"),
        (paid(payment_of(vec![])), sent_at(), "ConfirmedOnly"),
        (unpaid(PaymentIntent::Authorize), sent_at(), "Registered"),
        (paid(payment_of(vec![charge_in(ChargeState::CaptureInitiated)])), sent_at(), "CaptureInitiated"),
        (paid(payment_of(vec![charge_in(ChargeState::Canceled(None))])), later, "ChargeCanceled"),
        (canceled(&held(), &asking("c", false)), sent_at(), "CancelRequested"),
    ] {
        let (step, answer) = ship(&before, "1", &request(None, None), now, &rules()).unwrap();
        let ShipmentAnswer::Stays(answer) = answer else { panic!("{reason}") };
        assert_eq!((answer.may_ship, answer.reason.as_str()), (false, reason));
        assert_eq!(step.next, before, "nothing is recorded");
        assert_eq!(step.events, []);
    }
}

// Promise: B09
#[test]
fn each_rule_of_shipping_is_reached_and_changes_nothing() {
    use OperationRefused as Refused;
    let mut other = payment_of(vec![charge_in(ChargeState::Authorized)]);
    other.operations = vec![operation(1, create(), OperationState::Refused { code: "X".to_string() })];
    let sixty = shipped(&taken(), "1", Some(6_000));
    let mut given_back = taken();
    given_back.payment.as_mut().unwrap().charges[0].refunds = vec![refund_in(3_000, RefundState::Refunded)];
    let mut full = taken();
    let one = sixty.payment.as_ref().unwrap().charges[0].shipments[0].clone();
    let small = |n: usize| Shipment { reference: format!("p{n}"), amount: usd(1), ..one.clone() };
    full.payment.as_mut().unwrap().charges[0].shipments = (0..MAX_SHIPMENTS).map(small).collect();
    let operations_name = match &other.operations[0].name {
        OperationName::Shop(reference) => reference.clone(),
        OperationName::Own(name) => panic!("{name}"),
    };
    let eur = ShipmentRequest { charge_id: None, amount: Some(Money::from_minor(1, Currency::EUR)) };
    let most = Currency::USD.maximum().minor() + 1;
    let cases = [
        (sixty.clone(), "1", request(None, Some(5_999)), Refused::ReferenceReused, Some("reference")),
        (
            sixty.clone(),
            "1",
            request(Some("S01-1-C1"), Some(6_000)),
            Refused::ReferenceReused,
            Some("reference"),
        ),
        (
            paid(other),
            &operations_name,
            request(Some("S01-1-C1"), None),
            Refused::ReferenceReused,
            Some("reference"),
        ),
        (
            canceled(&held(), &asking("c", false)),
            "c",
            request(None, None),
            Refused::ReferenceReused,
            Some("reference"),
        ),
        (held(), "1", request(Some("S01-1-C9"), None), Refused::NoSuchCharge, Some("chargeId")),
        (
            unpaid(PaymentIntent::Authorize),
            "1",
            request(Some("S01-1-C1"), None),
            Refused::NoSuchCharge,
            Some("chargeId"),
        ),
        (held(), "1", request(None, Some(0)), Refused::Nothing("amount"), Some("amount")),
        (held(), "1", eur, Refused::OtherCurrency("amount"), Some("amount")),
        (held(), "1", request(None, Some(most)), Refused::AboveMaximum("amount"), Some("amount")),
        (held(), "1", request(None, Some(10_001)), Refused::ExceedsShippable(hundred()), Some("amount")),
        (
            sixty.clone(),
            "2",
            request(None, Some(4_001)),
            Refused::ExceedsShippable(usd(4_000)),
            Some("amount"),
        ),
        (given_back, "1", request(None, Some(7_001)), Refused::ExceedsShippable(usd(7_000)), Some("amount")),
        (shipped(&sixty, "2", None), "3", request(None, None), Refused::AlreadyShipped, Some("chargeId")),
        (shipped(&held(), "1", None), "2", request(None, Some(1)), Refused::AlreadyShipped, Some("chargeId")),
        (full, "1", request(None, Some(1)), Refused::TooManyShipments, None),
    ];
    let mut reached = BTreeSet::new();
    for (before, reference, asked, expected, field) in cases {
        let refused = ship(&before, reference, &asked, sent_at(), &rules()).unwrap_err();
        assert_eq!((refused, refused.field()), (expected, field), "{asked:?}");
        reached.insert(format!("{refused:?}"));
    }
    assert_eq!(reached.len(), 10, "{reached:?}");
    // Nor can an operation have the reference of a parcel.
    let asked = OperationRequest::Capture { charge_id: None, amount: None };
    let reused =
        ask(&shipped(&held(), "1", None), OperationName::Shop("1".to_string()), asked, sent_at(), &rules());
    assert!(matches!(reused, Err(Refused::ReferenceReused)), "{reused:?}");
}

// Promise: B34, D19
#[test]
fn a_cancellation_undoes_what_has_not_left() {
    let sixty = Some(6_000);
    let back = |minor: u64| {
        let mut before = taken();
        before.payment.as_mut().unwrap().charges[0].refunds = vec![refund_in(minor, RefundState::Refunded)];
        before
    };
    for (name, before, asks, all) in [
        ("nothing has left", held(), "cancelCharge", "cancelCharge"),
        ("captured, nothing has left", taken(), "createRefund 100.00", "createRefund 100.00"),
        ("all has left", shipped(&held(), "1", None), "closeChargePermission", "cancelCharge"),
        (
            "captured, all has left",
            shipped(&taken(), "1", None),
            "closeChargePermission",
            "createRefund 100.00",
        ),
        ("a part has left", shipped(&held(), "1", sixty), "closeChargePermission", "cancelCharge"),
        (
            "captured, a part has left",
            shipped(&taken(), "1", sixty),
            "createRefund 40.00",
            "createRefund 100.00",
        ),
        ("30 were refunded", shipped(&back(3_000), "1", sixty), "createRefund 10.00", "createRefund 70.00"),
        (
            "40 were refunded",
            shipped(&back(4_000), "1", sixty),
            "closeChargePermission",
            "createRefund 60.00",
        ),
    ] {
        let canceled_so = canceled(&before, &asking("c", false));
        assert_eq!(asked_for(&canceled_so), asks, "{name}");
        assert_eq!(asked_for(&canceled(&before, &asking("c", true))), all, "{name}, all of it");
        let left: Vec<_> = canceled_so.left_behind().map(|charge| charge.shipped()).collect();
        let has_left = before.payment.as_ref().unwrap().charges[0].shipped();
        assert_eq!(left, if has_left.is_zero() { vec![] } else { vec![has_left] }, "{name}");
        assert_eq!(canceled(&before, &asking("c", true)).left_behind().count(), 0, "{name}");
    }
}

// Promise: B34
#[test]
fn a_cancellation_that_left_something_can_be_widened_once_and_each_is_repeated_by_its_own_name() {
    let before = shipped(&held(), "1", Some(6_000));
    let narrow = canceled(&before, &asking("c", false));
    let again = |checkout: &Checkout, request: &CancelRequest<'_>| match cancel_by(
        checkout,
        request,
        sent_at(),
        &rules(),
    ) {
        Ok(CancelAsked::Known) => "known".to_string(),
        Ok(CancelAsked::New(_)) => "new".to_string(),
        Err(refused) => format!("{refused:?}"),
    };
    assert_eq!(again(&narrow, &asking("c", false)), "known");
    assert_eq!(again(&narrow, &asking("c", true)), "ReferenceReused");
    assert_eq!(again(&narrow, &asking("1", true)), "ReferenceReused", "the parcel's");
    assert_eq!(again(&narrow, &asking("d", false)), "OrderCanceled");
    let wide = canceled(&narrow, &asking("d", true));
    assert_eq!(asked_for(&wide), "closeChargePermission; cancelCharge");
    assert_eq!(wide.left_behind().count(), 0);
    assert_eq!(again(&wide, &asking("c", false)), "known");
    assert_eq!(again(&wide, &asking("d", true)), "known");
    assert_eq!(again(&wide, &asking("d", false)), "ReferenceReused");
    assert_eq!(again(&wide, &CancelRequest { reason: Some("x"), ..asking("d", true) }), "ReferenceReused");
    assert_eq!(again(&wide, &asking("e", true)), "OrderCanceled");
    let whole = canceled(&before, &asking("c", true));
    assert_eq!(again(&whole, &asking("c", true)), "known");
    assert_eq!(again(&whole, &asking("c", false)), "ReferenceReused");
    assert_eq!(again(&whole, &asking("d", true)), "OrderCanceled");
    // Nothing has left: there is nothing to widen.
    assert_eq!(again(&canceled(&held(), &asking("c", false)), &asking("d", true)), "OrderCanceled");
}

// Promise: B34
#[test]
fn an_order_is_not_canceled_again_before_what_its_widened_cancellation_undoes_is_undone() {
    let states = [ChargeState::Authorized, ChargeState::CaptureInitiated, ChargeState::Captured(usd(10_000))];
    for state in states {
        let mut narrow = canceled(&shipped(&held(), "1", Some(6_000)), &asking("c", false));
        narrow.payment.as_mut().unwrap().operations.clear();
        narrow.cancellation.as_mut().unwrap().state =
            CancellationState::Done { at: sent_at(), remind_at: None };
        assert!(!narrow.undoes_more());
        assert_eq!(narrow.verdict().outcome(), "authorized", "what has left is paid");
        narrow.payment.as_mut().unwrap().charges[0].state = state.clone();
        let wide = canceled(&narrow, &asking("d", true));
        // Money that is still there is not called canceled, whatever the first cancellation had come to.
        assert_eq!((wide.undoes_more(), wide.verdict().outcome()), (true, "authorized"), "{state:?}");
        assert_eq!(wide.standing(sent_at()), Standing::Canceling, "{state:?}");
        let gate = fulfilment(&wide, None, sent_at()).unwrap();
        assert_eq!((gate.may_ship, gate.reason), (false, Reason::CancelRequested), "{state:?}");
        // Once nothing is held or kept any more, it is.
        let mut undone = wide;
        undone.payment.as_mut().unwrap().charges[0].state = ChargeState::Canceled(None);
        assert_eq!((undone.undoes_more(), undone.verdict().outcome()), (false, "canceled"), "{state:?}");
    }
    // A refund that Amazon has accepted is not there yet.
    let back = |state| {
        let mut wide = canceled(&shipped(&taken(), "1", None), &asking("c", true));
        wide.cancellation.as_mut().unwrap().state =
            CancellationState::Done { at: sent_at(), remind_at: Some(sent_at().plus(DAY)) };
        wide.payment.as_mut().unwrap().charges[0].refunds = vec![refund_in(10_000, state)];
        (wide.undoes_more(), wide.verdict().outcome())
    };
    assert!(back(RefundState::RefundInitiated).0);
    assert_eq!(back(RefundState::Refunded), (false, "canceled"));
    // A charge that turned up after a cancellation is undone, too; one that others made is not.
    for (origin, expected) in [(ChargeOrigin::Operation, true), (ChargeOrigin::Elsewhere, false)] {
        let mut late = canceled(&held(), &asking("c", false));
        late.cancellation.as_mut().unwrap().state =
            CancellationState::Done { at: sent_at(), remind_at: Some(sent_at().plus(DAY)) };
        let charge = &mut late.payment.as_mut().unwrap().charges[0];
        charge.origin = origin;
        assert_eq!(late.undoes_more(), expected, "{origin:?}");
        assert_eq!(late.verdict().outcome() == "canceled", !expected, "{origin:?}");
    }
}

// Promise: B34, D19
#[test]
fn what_a_cancellation_leaves_is_still_the_shops_to_capture_and_to_refund() {
    use OperationRefused as Refused;
    let name = || OperationName::Shop("after".to_string());
    let capture = |minor: Option<u64>| OperationRequest::Capture { charge_id: None, amount: minor.map(usd) };
    let refund = |minor: Option<u64>| OperationRequest::Refund { charge_id: None, amount: minor.map(usd) };
    let asks = |checkout: &Checkout, asked: OperationRequest| {
        ask(checkout, name(), asked, sent_at(), &rules()).map(|asked| match asked {
            RecordedOperation::New(_, step) => {
                step.next.payment.unwrap().operations.last().unwrap().request.amount()
            }
            RecordedOperation::Known(number) => panic!("{number}"),
        })
    };
    let held_in_part = canceled(&shipped(&held(), "1", Some(6_000)), &asking("c", false));
    assert_eq!(asks(&held_in_part, capture(None)), Ok(Some(usd(6_000))));
    assert_eq!(asks(&held_in_part, capture(Some(5_000))), Ok(Some(usd(5_000))));
    assert_eq!(asks(&held_in_part, capture(Some(6_001))), Err(Refused::ExceedsShipped(usd(6_000))));
    let taken_in_part = canceled(&shipped(&taken(), "1", Some(6_000)), &asking("c", false));
    assert_eq!(asks(&taken_in_part, refund(Some(6_000))), Ok(Some(usd(6_000))));
    assert_eq!(asks(&taken_in_part, refund(Some(6_001))), Err(Refused::ExceedsRefundable(usd(6_000))));
    let more = OperationRequest::Charge {
        amount: usd(100),
        capture_now: false,
        can_handle_pending_authorization: false,
    };
    for checkout in [&held_in_part, &taken_in_part] {
        assert_eq!(asks(checkout, more.clone()), Err(Refused::OrderCanceled));
        assert_eq!(asks(checkout, OperationRequest::Close { reason: None }), Err(Refused::OrderCanceled));
    }
    for everything in
        [canceled(&shipped(&held(), "1", None), &asking("c", true)), canceled(&held(), &asking("c", false))]
    {
        assert_eq!(asks(&everything, capture(None)), Err(Refused::OrderCanceled));
    }
    // The policy captures what has left, and no more.
    let policy = Policy { capture_policy: CapturePolicy::BeforeExpiry, ..Policy::default() };
    let rules = MerchantRules { policy, ..rules() };
    let mut checkout = held_in_part;
    for _ in 0..40 {
        let Some((step, _)) = take_up_payment(&checkout, sent_at().plus(30 * DAY), &rules) else { break };
        checkout = step.next;
    }
    assert!(asked_for(&checkout).contains("captureCharge 60.00"), "{}", asked_for(&checkout));
    // An order whose cancellation leaves something is not canceled as a whole.
    let mut done = canceled(&shipped(&taken(), "1", None), &asking("c", false));
    done.cancellation.as_mut().unwrap().state = CancellationState::Done { at: sent_at(), remind_at: None };
    assert_ne!(done.verdict().outcome(), "canceled");
    let mut done = canceled(&shipped(&taken(), "1", None), &asking("c", true));
    done.cancellation.as_mut().unwrap().state = CancellationState::Done { at: sent_at(), remind_at: None };
    assert_eq!(done.verdict().outcome(), "canceled");
}
