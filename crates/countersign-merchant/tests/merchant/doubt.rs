//! Answers that are lost, late, unexpected or contradictory: what is looked up, sent again, and answered.

use std::collections::HashSet;
use std::time::Duration;

use countersign_merchant::settings::{Integration, Policy};
use countersign_protocol::wire::ReasonCode;
use serde_json::{Value, json};

use super::amazon::Fault;
use super::logs::logged;
use super::world::{ENGINES, Engine, OTHER_SESSION, SESSION, World, order, session_for, usd, waiting_order};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// The keys of all Finalize calls that arrived, in order. Their bodies must be identical.
fn keys_of_one_body(world: &World) -> Vec<String> {
    let sent = world.amazon.arrived("finalize");
    assert!(sent.iter().all(|it| it.body == sent[0].body), "a body changed");
    sent.into_iter().map(|it| it.key.unwrap()).collect()
}

fn distinct(keys: &[String]) -> usize {
    keys.iter().collect::<HashSet<_>>().len()
}

#[test]
fn each_answer_to_the_sole_send_is_read_as_its_class() {
    let mut cases: Vec<(String, Fault)> = Vec::new();
    for code in ReasonCode::ALL {
        cases.push((format!("{} {code}", code.status()), Fault::refusal(code.status(), code.as_str())));
    }
    cases.push(("400 CheckoutSessionCanceled".into(), Fault::refusal(400, "CheckoutSessionCanceled")));
    cases.push(("422 of a code of tomorrow".into(), Fault::refusal(422, "OfTomorrow")));
    for status in [400, 401, 403, 404, 409, 422, 425, 429, 502, 504] {
        cases.push((format!("{status} without a code"), Fault::Answer(status, json!("not an object"))));
    }
    let whole = |change: fn(&mut Value)| {
        let mut whole = json!({ "checkoutSessionId": SESSION, "statusDetails": { "state": "Completed" },
            "chargePermissionId": "S01-1-1", "chargeId": "S01-1-1-C1" });
        change(&mut whole);
        whole
    };
    for (name, status, body) in [
        ("200 whole", 200, whole(|_| ())),
        ("202 whole", 202, whole(|_| ())),
        ("201 whole", 201, whole(|_| ())),
        ("204", 204, Value::Null),
        ("200 of another session", 200, whole(|body| body["checkoutSessionId"] = json!("another"))),
        ("200 still Open", 200, whole(|body| body["statusDetails"]["state"] = json!("Open"))),
        ("200 without a permission", 200, whole(|body| body["chargePermissionId"] = Value::Null)),
        ("200 without a charge", 200, whole(|body| body["chargeId"] = Value::Null)),
        ("200 without a body", 200, Value::Null),
    ] {
        cases.push((name.to_owned(), Fault::Answer(status, body)));
    }
    cases.push(("no connection".into(), Fault::NotSent));
    cases.push(("no answer".into(), Fault::LostBefore));
    cases.push(("silence".into(), Fault::HangBefore));

    let mut table = String::new();
    for (name, fault) in cases {
        let world = World::in_memory();
        let checkout_id = world.placed(&waiting_order());
        world.amazon.fault("finalize", fault);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.goes_down("session");
        world.amazon.goes_down("charge");
        let (status, outcome) = world.complete(&checkout_id, SESSION).verdict();
        let shown = world.checkout(&checkout_id);
        let attempt = &shown["attempts"][0];
        let word = |member: &str| attempt[member].as_str().map(|word| format!(" {word}")).unwrap_or_default();
        let state = attempt["state"].as_str().unwrap();
        let (reason, field) = (word("reason"), word("field"));
        table.push_str(&format!("{name:<40} {state}{reason}{field}: {status} {outcome}\n"));
        assert_eq!(world.amazon.arrived("finalize").len(), 1, "{name}");
    }
    insta::assert_snapshot!(table);
}

// Promise: B07
#[test]
fn a_lost_answer_is_looked_up_while_the_buyer_waits() {
    let lost = [
        Fault::LostAfter,
        Fault::HangAfter,
        Fault::AnswerAfter(500, json!({ "reasonCode": "InternalServerError" })),
        Fault::AnswerAfter(503, Value::Null),
        Fault::AnswerAfter(408, json!({ "reasonCode": "RequestTimeout" })),
        Fault::AnswerAfter(200, json!({})),
        Fault::WithoutIds,
    ];
    for engine in ENGINES {
        for (intent, outcome) in
            [("Confirm", "confirmed"), ("Authorize", "authorized"), ("AuthorizeWithCapture", "paid")]
        {
            for fault in &lost {
                let world = World::new(engine);
                let mut order = order();
                order["paymentDetails"]["paymentIntent"] = json!(intent);
                let checkout_id = world.placed(&order);
                world.amazon.fault("finalize", fault.clone());
                let answer = world.complete(&checkout_id, SESSION);
                assert_eq!(answer.verdict(), (200, outcome.to_owned()), "{fault:?}");
                assert_eq!(answer.json()["chargePermissionId"], "S01-5105180-0000001");
                // Completed does not prove a payment: the same bytes were sent once more, and what they have made
                // was looked up.
                assert_eq!(distinct(&keys_of_one_body(&world)), 1);
                assert_eq!(world.amazon.arrived("finalize").len(), 2, "{fault:?}");
                let asked = ["charge", "permission"].map(|call| world.amazon.arrived(call).len());
                assert_eq!(asked, if intent == "Confirm" { [0, 1] } else { [1, 0] }, "{fault:?}");
            }
        }
    }
}

#[test]
fn what_did_not_arrive_is_sent_again_in_the_same_bytes_under_the_same_key() {
    for fault in [Fault::LostBefore, Fault::HangBefore, Fault::refusal(503, "ServiceUnavailable")] {
        let world = World::in_memory();
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", fault);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
        let keys = keys_of_one_body(&world);
        assert_eq!((keys.len(), distinct(&keys)), (2, 1));
        assert_eq!(world.amazon.charge_count(), 1);
    }
}

#[test]
fn a_session_that_still_shows_as_open_is_paid_once_whether_or_not_keys_count() {
    for ignores_keys in [false, true] {
        let world = World::in_memory();
        let checkout_id = world.placed(&order());
        if ignores_keys {
            world.amazon.ignore_keys();
        }
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::StaleOpen);
        if ignores_keys {
            world.amazon.fault("session", Fault::StaleOpen);
        }
        let expected = if ignores_keys { (202, "checking".to_owned()) } else { (200, "paid".to_owned()) };
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), expected);
        world.let_pass(MINUTE);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
        assert_eq!(world.amazon.charge_count(), 1);
        assert_eq!(distinct(&keys_of_one_body(&world)), 1);
    }
}

#[test]
fn a_stored_server_error_is_replayed_three_times_before_a_new_key_is_tried() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.save_errors();
    world.amazon.fault("finalize", Fault::refusal(500, "InternalServerError"));
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
    world.let_pass(MINUTE);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
    let keys = keys_of_one_body(&world);
    assert_eq!(keys.len(), 5);
    assert_eq!(distinct(&keys[..4]), 1, "the error and three replays");
    assert_ne!(keys[4], keys[3]);
    assert_eq!(world.amazon.charge_count(), 1);
}

#[test]
fn an_answer_in_doubt_that_proves_nothing_is_looked_up_at_once() {
    for fault in [
        Fault::AnswerAfter(422, json!({ "reasonCode": "HardDeclined" })),
        Fault::AnswerAfter(503, Value::Null),
        Fault::LostAfter,
    ] {
        let world = World::in_memory();
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::LostBefore);
        world.amazon.fault("finalize", fault.clone());
        let began_at = world.time.now();
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()), "{fault:?}");
        assert_eq!(world.time.now(), began_at);
        assert_eq!(world.amazon.arrived("finalize").len(), 3, "the third proves whose payment it is");
    }
}

#[test]
fn what_fails_twice_in_a_row_waits_for_its_timer() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    for _ in 0..2 {
        world.amazon.fault("finalize", Fault::refusal(503, "ServiceUnavailable"));
    }
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
    assert_eq!(world.amazon.arrived("finalize").len(), 2);
}

#[test]
fn errors_that_differ_are_not_stored_errors_and_need_no_new_key() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    for _ in 0..4 {
        world.amazon.fault("finalize", Fault::refusal(500, "InternalServerError"));
        world.amazon.fault("finalize", Fault::refusal(503, "ServiceUnavailable"));
    }
    world.complete(&checkout_id, SESSION);
    world.let_pass(10 * MINUTE);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
    let keys = keys_of_one_body(&world);
    assert_eq!((keys.len(), distinct(&keys)), (9, 1));
}

// Promise: B07
#[test]
fn an_early_404_is_waited_out() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostAfter);
    world.amazon.fault("session", Fault::Nothing);
    for _ in 0..4 {
        world.amazon.fault("session", Fault::refusal(404, "ResourceNotFound"));
    }
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
    world.let_pass(MINUTE);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
    assert_eq!(
        world.amazon.arrived("finalize").len(),
        2,
        "Finalize is sent to a session that is Completed, and not to one that is not found"
    );
}

// Promise: B08
#[test]
fn a_session_that_is_gone_after_it_was_sent_is_unresolved_and_blocks_a_new_attempt() {
    for engine in ENGINES {
        let world = World::new(engine);
        world.knows_a_charge();
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::refusal(404, "ResourceNotFound"));
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
        let mut remembered = Value::Null;
        world.amazon.change(SESSION, |session| remembered = session.clone());
        world.amazon.delete(SESSION);
        let lines = logged(|| world.skip(HOUR));
        assert_eq!(world.attempts(&checkout_id), ["Unresolved"]);
        assert!(lines.iter().any(|line| line.starts_with("ERROR") && line.contains("SessionGone")));
        let told = world.complete(&checkout_id, SESSION);
        assert_eq!(told.verdict(), (202, "checking".to_owned()));
        assert_eq!(told.json()["reason"], "SessionGone");

        world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), (202, "checking".to_owned()));
        assert_eq!(world.attempts(&checkout_id), ["Unresolved", "Surplus"]);
        assert_eq!(
            world.amazon.arrived("finalize").len(),
            2,
            "one for each order, none for the other session"
        );

        // The session is shown again after all.
        world.amazon.open(SESSION, remembered);
        world.skip(2 * DAY);
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), (200, "paid".to_owned()));
        assert_eq!(world.attempts(&checkout_id), ["Completed", "Surplus"]);
    }
}

#[test]
fn an_unresolved_attempt_is_asked_for_daily_and_then_remembered_monthly() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostAfter);
    world.complete(&checkout_id, SESSION);
    let other = world.register(&{
        let mut other = order();
        other["orderId"] = json!("1002");
        other
    });
    world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &other));
    world.amazon.fault("finalize", Fault::LostBefore);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.fault("session", Fault::refusal(404, "ResourceNotFound"));
    world.complete(&other, OTHER_SESSION);
    world.amazon.delete(OTHER_SESSION);
    world.skip(31 * DAY);
    let asked = world.amazon.arrived("session").len();
    world.skip(90 * DAY);
    assert_eq!(world.amazon.arrived("session").len() - asked, 3);
    assert_eq!(world.attempts(&other), ["Unresolved"], "time alone proves nothing");
}

#[test]
fn ids_that_are_missing_are_asked_for_by_the_saved_answer() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostAfter);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.fault("session", Fault::WithoutIds);
    let answer = world.complete(&checkout_id, SESSION);
    assert_eq!(answer.verdict(), (200, "paid".to_owned()));
    assert_eq!(answer.json()["chargeId"], "S01-5105180-0000001-C000001");
    assert_eq!(distinct(&keys_of_one_body(&world)), 1);
}

#[test]
fn ids_that_are_missing_everywhere_leave_it_unresolved_until_they_are_shown() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.ignore_keys();
    world.amazon.fault("finalize", Fault::LostAfter);
    world.amazon.fault("session", Fault::Nothing);
    for _ in 0..8 {
        world.amazon.fault("session", Fault::WithoutIds);
    }
    world.complete(&checkout_id, SESSION);
    world.skip(HOUR);
    assert_eq!(world.complete(&checkout_id, SESSION).json()["reason"], "IdsMissing");
    world.skip(3 * DAY);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
    assert_eq!(distinct(&keys_of_one_body(&world)), 1);
}

// Promise: B07
#[test]
fn completed_is_not_proof_of_payment() {
    let charge_id = "S01-5105180-0000001-C000001";
    for (state, verdict, reason) in [
        ("Declined", (402, "notPaid"), "Declined"),
        ("Canceled", (402, "notPaid"), "Canceled"),
        ("AuthorizationInitiated", (202, "pending"), ""),
        ("Authorized", (200, "authorized"), ""),
        ("Captured", (200, "paid"), ""),
        ("CaptureInitiated", (200, "authorized"), ""),
        ("SomethingNew", (202, "checking"), ""),
    ] {
        let world = World::in_memory();
        let checkout_id = world.placed(&waiting_order());
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
        world.complete(&checkout_id, SESSION);
        world.amazon.decide(charge_id, state);
        world.let_pass(Duration::from_secs(3));
        let answer = world.complete(&checkout_id, SESSION);
        assert_eq!(answer.verdict(), (verdict.0, verdict.1.to_owned()), "{state}");
        assert_eq!(answer.json()["reason"].as_str().unwrap_or_default(), reason, "{state}");
    }
}

#[test]
fn a_capture_that_amazon_still_executes_is_pending_and_then_has_its_result() {
    let charge_id = "S01-5105180-0000001-C000001";
    for (decided, verdict) in [("Captured", (200, "paid")), ("Declined", (402, "notPaid"))] {
        let world = World::in_memory();
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
        world.complete(&checkout_id, SESSION);
        world.amazon.decide(charge_id, "CaptureInitiated");
        world.let_pass(Duration::from_secs(3));
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "pending".to_owned()));
        assert_eq!(world.fulfilment(&checkout_id), (false, "CaptureInitiated".to_owned()));
        assert!(world.facts().iter().all(|fact| fact["type"] != "checkout.paid"), "not a fact yet");
        assert!(world.timeline(&checkout_id).contains(&"CapturePending".to_owned()));
        world.amazon.decide(charge_id, decided);
        world.let_pass(Duration::from_secs(60));
        let answer = world.complete(&checkout_id, SESSION);
        assert_eq!(answer.verdict(), (verdict.0, verdict.1.to_owned()), "{decided}");
    }
}

#[test]
fn a_charge_of_another_amount_or_currency_is_contradicted_until_it_is_proved_canceled() {
    let charge_id = "S01-5105180-0000001-C000001";
    for (amount, currency) in [("14.01", "USD"), ("14.00", "EUR")] {
        let world = World::in_memory();
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
        world.complete(&checkout_id, SESSION);
        world.amazon.change_charge(charge_id, |charge| {
            charge["chargeAmount"] = json!({ "amount": amount, "currencyCode": currency });
        });
        world.let_pass(MINUTE);
        assert_eq!(world.complete(&checkout_id, SESSION).json()["reason"], "Contradicted");
        world.skip(3 * DAY);
        assert_eq!(world.attempts(&checkout_id), ["Unresolved"]);
        // Even a canceled charge proves nothing while its amount or currency differs.
        world.amazon.decide(charge_id, "Canceled");
        world.skip(DAY);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
        world.amazon.change_charge(charge_id, |charge| charge["chargeAmount"] = usd("14.00"));
        world.skip(DAY);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (402, "notPaid".to_owned()));
    }
}

#[test]
fn a_charge_whose_amount_cannot_be_read_is_asked_for_again() {
    let charge_id = "S01-5105180-0000001-C000001";
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostAfter);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
    world.complete(&checkout_id, SESSION);
    world.amazon.change_charge(charge_id, |charge| charge["chargeAmount"] = json!("a lot"));
    world.let_pass(MINUTE);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
    world.amazon.change_charge(charge_id, |charge| {
        charge["chargeAmount"] = json!({ "amount": "14.00", "currencyCode": "USD" });
    });
    world.skip(DAY);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
}

#[test]
fn a_buyer_who_has_left_is_not_charged_later() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostBefore);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.goes_down("session");
    world.complete(&checkout_id, SESSION);
    world.skip(20 * MINUTE);
    world.amazon.comes_back();
    // The session is open and the resend window is over: it is only looked up, even if the shop asks again.
    world.skip(HOUR);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
    world.skip(HOUR);
    assert_eq!(world.amazon.arrived("finalize").len(), 1);
    assert_eq!(world.attempts(&checkout_id), ["InDoubt"]);
    // Canceled proves that the session is not paid.
    world.amazon.cancel(SESSION, "Expired");
    world.skip(DAY);
    let answer = world.complete(&checkout_id, SESSION);
    assert_eq!(answer.verdict(), (402, "notPaid".to_owned()));
    assert_eq!(answer.json()["reason"], "Expired");
    world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
    assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), (200, "paid".to_owned()));
}

#[test]
fn a_finalize_is_sent_again_while_its_buyer_waits() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostBefore);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.goes_down("session");
    world.complete(&checkout_id, SESSION);
    for _ in 0..4 {
        world.skip(10 * MINUTE);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
    }
    world.amazon.comes_back();
    world.let_pass(2 * MINUTE);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
    assert_eq!(distinct(&keys_of_one_body(&world)), 1);
}

#[test]
fn what_was_never_sent_is_given_up_when_the_buyer_is_gone() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.goes_down("session");
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
    world.skip(20 * MINUTE);
    world.amazon.comes_back();
    let answer = world.complete(&checkout_id, SESSION);
    assert_eq!(answer.json()["reason"], "Abandoned");
    assert!(world.amazon.arrived("finalize").is_empty());
}

// Promise: B08
#[test]
fn a_clock_in_question_neither_gives_up_nor_sends() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.goes_down("session");
    world.amazon.skew(61);
    let lines = logged(|| {
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
    });
    assert!(
        lines.iter().any(|line| line.starts_with("ERROR") && line.contains("skew_ms=61000")),
        "{lines:?}"
    );
    world.let_pass(20 * MINUTE);
    assert_eq!(world.attempts(&checkout_id), ["Bound"]);
    world.amazon.comes_back();
    world.let_pass(MINUTE);
    assert!(world.amazon.arrived("finalize").is_empty());
    assert_eq!(world.attempts(&checkout_id), ["Bound"]);
    // The clock is right again, without any other call to Amazon.
    world.amazon.skew(0);
    world.let_pass(MINUTE);
    assert_eq!(world.complete(&checkout_id, SESSION).json()["reason"], "Abandoned");
    assert!(world.amazon.arrived("finalize").is_empty());
}

#[test]
fn an_approved_attempt_ends_when_a_clock_in_question_is_right_again() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::NotSent);
    world.amazon.skew(61);
    world.complete(&checkout_id, SESSION);
    world.time.advance(20 * MINUTE);
    world.let_pass(2 * MINUTE);
    assert_eq!(world.attempts(&checkout_id), ["Approved"]);
    world.amazon.skew(0);
    world.let_pass(MINUTE);
    assert_eq!(world.complete(&checkout_id, SESSION).json()["reason"], "Abandoned");
    assert_eq!(world.amazon.arrived("finalize").len(), 1);
}

#[test]
fn decisions_whose_clock_ran_ahead_hold_expiries_as_well() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    let right = world.time.now();
    world.time.set(right.plus(HOUR));
    world.register(&waiting_order_numbered("1002"));
    world.time.set(right);
    world.amazon.goes_down("session");
    let lines = logged(|| {
        world.complete(&checkout_id, SESSION);
    });
    assert!(
        lines.iter().any(|line| line.starts_with("ERROR") && line.contains("skew_ms=-3600000")),
        "{lines:?}"
    );
    world.let_pass(20 * MINUTE);
    assert_eq!(world.attempts(&checkout_id), ["Bound"]);
}

fn waiting_order_numbered(number: &str) -> Value {
    let mut order = waiting_order();
    order["orderId"] = json!(number);
    order
}

#[test]
fn an_open_session_that_cannot_be_read_shows_nothing_and_an_unknown_word_agrees_with_nothing() {
    let amount = json!({ "amount": "a lot", "currencyCode": "USD" });
    for (member, value, expected) in [
        ("chargeAmount", amount.clone(), None),
        ("totalOrderAmount", amount, None),
        ("canHandlePendingAuthorization", json!("perhaps"), None),
        ("paymentIntent", json!("OfTomorrow"), Some("paymentDetails.paymentIntent")),
        ("softDescriptor", json!(7), Some("")),
    ] {
        let world = World::in_memory();
        let checkout_id = world.placed(&order());
        world.amazon.change(SESSION, |session| session["paymentDetails"][member] = value);
        check_reading(&world, &checkout_id, member, expected);
    }
    for (member, value, expected) in [
        ("merchantMetadata", json!({ "merchantReferenceId": 7 }), None),
        ("merchantMetadata", json!([]), None),
        ("shippingAddress", json!("there"), None),
        ("supplementaryData", json!(7), None),
        ("productType", json!("PayAndFly"), Some("productType")),
        ("releaseEnvironment", json!("Staging"), Some("releaseEnvironment")),
        ("productType", Value::Null, Some("")),
        ("releaseEnvironment", Value::Null, Some("")),
    ] {
        let world = World::in_memory();
        let checkout_id = world.placed(&order());
        world.amazon.change(SESSION, |session| session[member] = value);
        check_reading(&world, &checkout_id, member, expected);
    }
}

/// `expected` is `None` if nothing can be concluded, the member that disagrees, or an empty text if the
/// session agrees.
fn check_reading(world: &World, checkout_id: &str, member: &str, expected: Option<&str>) {
    let verdict = world.complete(checkout_id, SESSION).verdict();
    let field = world.checkout(checkout_id)["attempts"][0]["field"].as_str().map(str::to_owned);
    match expected {
        None => assert_eq!(verdict, (202, "checking".to_owned()), "{member}"),
        Some("") => assert_eq!(verdict, (200, "paid".to_owned()), "{member}"),
        Some(expected) => {
            assert_eq!(verdict, (402, "notPaid".to_owned()), "{member}");
            assert_eq!(field.as_deref(), Some(expected));
        }
    }
}

#[test]
fn a_skew_of_a_minute_is_tolerated() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.skew(-60);
    let lines = logged(|| {
        world.complete(&checkout_id, SESSION);
    });
    assert!(!lines.iter().any(|line| line.contains("skew_ms")), "{lines:?}");
}

#[test]
fn what_amazon_did_not_evaluate_is_sent_again_later_with_a_new_key() {
    for (fault, alarms) in [
        (Fault::refusal(429, "TooManyRequests"), false),
        (Fault::refusal(400, "InvalidHeaderValue"), true),
        (Fault::refusal(401, "UnauthorizedAccess"), true),
        (Fault::refusal(403, "InvalidRequestSignature"), true),
        (Fault::NotSent, true),
    ] {
        let world = World::in_memory();
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", fault.clone());
        world.amazon.fault("finalize", fault.clone());
        let lines = logged(|| {
            assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
        });
        assert_eq!(lines.iter().any(|line| line.starts_with("ERROR")), alarms, "{fault:?} {lines:?}");
        assert_eq!(world.attempts(&checkout_id), ["Approved"]);
        world.let_pass(Duration::from_secs(30));
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()), "{fault:?}");
        let keys = keys_of_one_body(&world);
        let distinct_keys = if let Fault::NotSent = fault { 1 } else { 3 };
        assert_eq!((keys.len(), distinct(&keys)), (3, distinct_keys));
    }
}

#[test]
fn what_was_turned_away_is_looked_up_until_its_session_is_canceled_when_the_buyer_is_gone() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::refusal(429, "TooManyRequests"));
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
        world.time.advance(20 * MINUTE);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
        world.skip(2 * HOUR);
        assert_eq!(world.attempts(&checkout_id), ["InDoubt"]);
        // Meanwhile no other session of this order is charged.
        world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), (202, "checking".to_owned()));
        assert_eq!(world.attempts(&checkout_id), ["InDoubt", "Surplus"]);
        world.amazon.cancel(SESSION, "Expired");
        world.skip(DAY);
        assert_eq!(world.complete(&checkout_id, SESSION).json()["reason"], "Expired");
        assert_eq!(world.amazon.arrived("finalize").len(), 1);
    }
}

#[test]
fn what_was_turned_away_but_executed_is_one_payment() {
    let turned_away = json!({ "reasonCode": "InvalidRequestSignature", "message": "canary" });
    for (engine, integration) in ENGINES.into_iter().zip([Integration::Sole, Integration::OneOfSeveral]) {
        let mut world = World::new(engine);
        world.policy = Policy { integration, ..Policy::default() };
        world.restart();
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::AnswerAfter(403, turned_away.clone()));
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));

        let mut dearer = order();
        dearer["termsVersion"] = json!(1);
        dearer["paymentDetails"]["chargeAmount"]["amount"] = json!("15.00");
        for member in ["orderId", "startOfCheckoutUrl", "successUrl"] {
            dearer.as_object_mut().unwrap().remove(member);
        }
        let refused = world.call("PUT", &format!("/v1/checkouts/{checkout_id}/terms"), &dearer.to_string());
        assert_eq!(refused.refusal(), (409, "AlreadySent".to_owned(), Some("termsVersion".to_owned())));

        world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), (202, "checking".to_owned()));
        assert_eq!(world.attempts(&checkout_id), ["Approved", "Surplus"]);
        world.let_pass(MINUTE);
        for session in [SESSION, OTHER_SESSION] {
            let verdict = world.complete(&checkout_id, session).verdict();
            // Amazon has answered each send without executing it, so another client may have completed the session.
            match integration {
                Integration::Sole => assert_eq!(verdict, (200, "paid".to_owned())),
                Integration::OneOfSeveral => assert_eq!(verdict, (202, "checking".to_owned())),
            }
        }
        let first = if integration == Integration::Sole { "Completed" } else { "Unresolved" };
        assert_eq!(world.attempts(&checkout_id), [first, "Surplus"]);
        assert_eq!(world.amazon.charge_count(), 1);
    }
}

#[test]
fn a_refusal_after_an_earlier_send_was_turned_away_is_looked_up() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::refusal(429, "TooManyRequests"));
    world.amazon.fault("finalize", Fault::refusal(422, "HardDeclined"));
    world.complete(&checkout_id, SESSION);
    world.amazon.fault(
        "session",
        Fault::Answer(
            200,
            json!({ "checkoutSessionId": SESSION,
        "statusDetails": { "state": "Canceled", "reasonCode": "Declined" } }),
        ),
    );
    world.let_pass(MINUTE);
    let answer = world.complete(&checkout_id, SESSION);
    assert_eq!(answer.verdict(), (402, "notPaid".to_owned()));
    assert_eq!(answer.json()["reason"], "Declined");
    assert_eq!(world.attempts(&checkout_id), ["NotPaid"]);
}

#[test]
fn a_session_that_was_completed_before_anything_was_sent_proves_nothing() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.change(SESSION, |session| {
        *session = json!({ "checkoutSessionId": SESSION, "statusDetails": { "state": "Completed" },
            "chargePermissionId": "S01-1-1", "chargeId": "S01-1-1-C1" });
    });
    assert_eq!(world.complete(&checkout_id, SESSION).json()["reason"], "CompletedElsewhere");
    world.skip(3 * DAY);
    assert_eq!(world.attempts(&checkout_id), ["Unresolved"]);
    assert!(world.amazon.arrived("finalize").is_empty());
}

#[test]
fn a_doubt_raises_five_alarms() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostAfter);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.goes_down("session");
    world.complete(&checkout_id, SESSION);
    let alarms = |world: &World| world.timeline(&checkout_id).iter().filter(|it| *it == "DoubtAlarm").count();
    let mut rung = Vec::new();
    for time in [4 * MINUTE, 15 * MINUTE, 2 * HOUR, 26 * HOUR, 8 * DAY, 26 * DAY, 29 * DAY] {
        let since_start =
            Duration::from_millis((world.time.now().as_millis() - 1_795_448_820_000).try_into().unwrap());
        world.skip(time.saturating_sub(since_start));
        rung.push(alarms(&world));
    }
    assert_eq!(rung, [0, 1, 2, 3, 4, 5, 5]);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
    world.amazon.comes_back();
    world.skip(DAY);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
}

#[test]
fn amazons_messages_and_buyers_stay_out_of_the_logs() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    let lines = logged(|| {
        world.amazon.fault("finalize", Fault::refusal(400, "InvalidParameterValue"));
        world.complete(&checkout_id, SESSION);
        let other = World::new(Engine::Sqlite);
        let checkout_id = other.placed(&order());
        other.amazon.fault("finalize", Fault::refusal(500, "InternalServerError"));
        other.amazon.fault("session", Fault::Nothing);
        other.amazon.goes_down("session");
        other.complete(&checkout_id, SESSION);
        other.let_pass(MINUTE);
    });
    assert!(lines.len() > 3, "{lines:?}");
    for line in lines {
        for word in ["canary", "Terry", "Seattle", "98121", "shop-token"] {
            assert!(!line.contains(word), "{line}");
        }
    }
}
