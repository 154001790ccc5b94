//! Completions: every intent, both products, repeated and concurrent calls.

use std::collections::HashSet;
use std::time::Duration;

use countersign_domain::merchant::rules::{AbsentReference, Policy};
use countersign_merchant::settings::{AddressMember, AddressMembers};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::amazon::Fault;
use super::world::{
    ENGINES, NOT_PAID_MESSAGE, OTHER_SESSION, SESSION, World, address, order, session_for, waiting_order,
};

#[test]
fn each_intent_and_product_has_its_outcome_and_ids() {
    let cases = [
        ("Confirm", "confirmed", "Confirmed"),
        ("Authorize", "authorized", "Authorized"),
        ("AuthorizeWithCapture", "paid", "Captured"),
    ];
    for engine in ENGINES {
        for (intent, outcome, completion) in cases {
            for (product, address_member) in
                [("PayAndShip", "shippingAddress"), ("PayOnly", "billingAddress")]
            {
                let world = World::new(engine);
                let mut order = order();
                order["productType"] = json!(product);
                order["paymentDetails"]["paymentIntent"] = json!(intent);
                order["paymentDetails"]["totalOrderAmount"] =
                    json!({ "amount": "30.00", "currencyCode": "USD" });
                order["supplementaryData"] = json!("{\"a\":1}");
                let checkout_id = world.placed(&order);
                let answer = world.complete(&checkout_id, SESSION);
                assert_eq!(answer.verdict(), (200, outcome.to_owned()), "{intent} {product}");
                let result = answer.json();
                assert_eq!(result["chargePermissionId"], "S01-5105180-0000001");
                let charge =
                    if intent == "Confirm" { Value::Null } else { json!("S01-5105180-0000001-C000001") };
                assert_eq!(result["chargeId"], charge);
                assert_eq!(result["redirectUrl"], "https://shop.example/thanks");
                assert_eq!(result["reason"], Value::Null);

                let sent: Value = serde_json::from_slice(&world.amazon.arrived("finalize")[0].body).unwrap();
                let mut expected = json!({
                    "paymentIntent": intent,
                    "chargeAmount": { "amount": "14.00", "currencyCode": "USD" },
                    "totalOrderAmount": { "amount": "30.00", "currencyCode": "USD" },
                    "supplementaryData": "{\"a\":1}",
                });
                expected[address_member] = address();
                assert_eq!(sent, expected);

                let shown = world.checkout(&checkout_id);
                assert_eq!(shown["attempts"][0]["completion"], completion);
                assert_eq!(
                    (&shown["chargePermissionId"], &shown["chargeId"]),
                    (&result["chargePermissionId"], &charge)
                );
                assert_eq!(
                    world.timeline(&checkout_id),
                    ["Registered", "SessionBound", "Approved", "FinalizeSent", "Completed"]
                );
            }
        }
    }
}

// Promise: B05
#[test]
fn a_hundred_clicks_are_a_hundred_identical_results() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    let first = world.complete(&checkout_id, SESSION);
    assert_eq!(first.verdict(), (200, "paid".to_owned()));
    let commits = world.store.counts().applied;
    for _ in 0..100 {
        assert_eq!(world.complete(&checkout_id, SESSION), first);
    }
    assert_eq!(world.store.counts().applied, commits, "nothing is written");
    assert_eq!(world.amazon.arrived("finalize").len(), 1);
    assert_eq!(world.amazon.arrived("session").len(), 1);
}

// Promise: B01
#[test]
fn sixty_four_callers_at_once_send_one_finalize_and_get_equal_answers() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = world.placed(&order());
        let answers = world.run(join_all((0..64).map(|_| world.completing(&checkout_id, SESSION))));
        assert_eq!(answers[0].verdict(), (200, "paid".to_owned()));
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!(world.amazon.arrived("finalize").len(), 1);
        assert_eq!(world.amazon.charge_count(), 1);
    }
}

// Promise: B01
#[test]
fn two_tabs_are_one_payment_and_one_outcome() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = world.placed(&order());
        world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
        let tabs = [SESSION, OTHER_SESSION].map(|session| world.completing(&checkout_id, session));
        let answers = world.run(join_all(tabs));
        for answer in &answers {
            assert_eq!(answer.verdict(), (200, "paid".to_owned()));
            assert_eq!(answer.json()["chargeId"], answers[0].json()["chargeId"]);
        }
        let states: HashSet<_> = world.attempts(&checkout_id).into_iter().collect();
        assert_eq!(states, ["Completed".to_owned(), "Surplus".to_owned()].into());
        assert_eq!(world.amazon.charge_count(), 1);
        // A third tab later gets the same outcome, and its session is not finalized either.
        assert_eq!(
            world.complete(&checkout_id, "3c1d3d4e-1111-4222-8333-944455556666").json()["chargeId"],
            answers[0].json()["chargeId"]
        );
        assert_eq!(world.amazon.arrived("finalize").len(), 1);
    }
}

// Promise: B06
#[test]
fn a_session_belongs_to_the_first_order_that_came_with_it() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = world.placed(&order());
        let mut other = order();
        other["orderId"] = json!("1002");
        let other_id = world.register(&other);
        world.complete(&checkout_id, SESSION);
        let refused = world.complete(&other_id, SESSION);
        assert_eq!(
            refused.refusal(),
            (409, "SessionOfAnotherOrder".to_owned(), Some("amazonCheckoutSessionId".to_owned()))
        );
        assert!(world.attempts(&other_id).is_empty());
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
    }
}

// Promise: B06
#[test]
fn two_orders_that_come_with_one_session_at_once_are_one_payment() {
    let mut world = World::in_memory();
    world.policy = Policy { absent_reference: AbsentReference::ShopsToken, ..Policy::default() };
    world.restart();
    let checkout_id = world.placed(&order());
    let mut other = order();
    other["orderId"] = json!("1002");
    let other_id = world.register(&other);
    world.amazon.change(SESSION, |session| session["merchantMetadata"] = Value::Null);
    let calls = (0..32).map(|n| world.completing(if n % 2 == 0 { &checkout_id } else { &other_id }, SESSION));
    let answers = world.run(join_all(calls));
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 16);
    assert_eq!(answers.iter().filter(|answer| answer.status == 409).count(), 16);
    assert_eq!(world.amazon.arrived("finalize").len(), 1);
}

// Promise: B10
#[test]
fn what_disagrees_with_the_terms_ends_unsent_naming_the_member() {
    let amount = |amount: &str| json!({ "amount": amount, "currencyCode": "USD" });
    let cases: [(&str, &str, Value); 10] = [
        ("/merchantMetadata/merchantReferenceId", "merchantMetadata.merchantReferenceId", json!("another")),
        ("/releaseEnvironment", "releaseEnvironment", json!("Live")),
        ("/productType", "productType", json!("PayOnly")),
        ("/paymentDetails/paymentIntent", "paymentDetails.paymentIntent", json!("Confirm")),
        (
            "/paymentDetails/canHandlePendingAuthorization",
            "paymentDetails.canHandlePendingAuthorization",
            json!(true),
        ),
        ("/paymentDetails/chargeAmount", "paymentDetails.chargeAmount", amount("14.01")),
        (
            "/paymentDetails/chargeAmount",
            "paymentDetails.chargeAmount",
            json!({ "amount": "14.00", "currencyCode": "EUR" }),
        ),
        ("/paymentDetails/totalOrderAmount", "paymentDetails.totalOrderAmount", amount("20.00")),
        ("/supplementaryData", "supplementaryData", json!("x")),
        ("/shippingAddress", "shippingAddress", Value::Null),
    ];
    for (pointer, field, value) in cases {
        let world = World::in_memory();
        let checkout_id = world.placed(&order());
        world.amazon.change(SESSION, |session| {
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            session.pointer_mut(parent).unwrap()[member] = value;
        });
        let answer = world.complete(&checkout_id, SESSION);
        assert_eq!(answer.verdict(), (402, "notPaid".to_owned()), "{field}");
        assert_eq!(answer.json()["reason"], "TermsMismatch");
        assert_eq!(world.checkout(&checkout_id)["attempts"][0]["field"], field);
        assert!(world.amazon.arrived("finalize").is_empty(), "{field}");
    }
}

// Promise: B12
#[test]
fn an_address_that_drifts_ends_unsent_naming_the_member() {
    let elsewhere = |member: &str| {
        let mut elsewhere = address();
        elsewhere[member] = json!("Elsewhere");
        elsewhere
    };
    // The address is registered with the order or given by the caller. Both addresses count for both
    // products.
    for (registered, given, field) in [
        (Some(elsewhere("city")), json!({}), "shippingAddress.city"),
        (None, json!({ "shippingAddress": elsewhere("addressLine2") }), "shippingAddress.addressLine2"),
        (None, json!({ "billingAddress": elsewhere("postalCode") }), "billingAddress.postalCode"),
    ] {
        let world = World::in_memory();
        let mut order = order();
        if let Some(registered) = registered {
            order["shippingAddress"] = registered;
        }
        let checkout_id = world.placed(&order);
        let mut body = given;
        body["amazonCheckoutSessionId"] = json!(SESSION);
        let path = format!("/v1/checkouts/{checkout_id}/complete");
        let answer = world.call("POST", &path, &body.to_string());
        assert_eq!(answer.verdict(), (402, "notPaid".to_owned()));
        assert_eq!(answer.json()["reason"], "AddressDrift");
        assert_eq!(world.checkout(&checkout_id)["attempts"][0]["field"], field);
        world.let_pass(Duration::from_secs(3_600));
        assert!(world.amazon.arrived("finalize").is_empty(), "a timer does not send it later either");
    }
}

#[test]
fn a_difference_that_decides_nothing_ends_no_order() {
    let spelled = |member: &str, text: &str| {
        let mut spelled = address();
        spelled[member] = json!(text);
        spelled
    };
    let decides = |members: &[AddressMember]| AddressMembers::of(members);
    // The members that are compared at the shop's choice, whether the address is registered or given by the
    // caller, the address, and the member that drifts.
    for (compared, is_registered, given, drift) in [
        (AddressMembers::DEFAULT, false, spelled("phoneNumber", "+1 206 555 0199"), None),
        (AddressMembers::DEFAULT, false, spelled("name", "R. Tester"), None),
        (AddressMembers::DEFAULT, true, spelled("county", "King"), None),
        (AddressMembers::DEFAULT, true, spelled("phoneNumber", ""), None),
        (AddressMembers::DEFAULT, false, spelled("stateOrRegion", "Washington"), Some("stateOrRegion")),
        (AddressMembers::ALL, false, spelled("name", "R. Tester"), Some("name")),
        (decides(&[]), false, spelled("stateOrRegion", "Washington"), None),
        (decides(&[]), false, spelled("city", "Elsewhere"), None),
        (decides(&[AddressMember::City]), false, spelled("city", "Elsewhere"), Some("city")),
        // The members of a registered address that its price depends on are always compared.
        (decides(&[]), true, spelled("city", "Elsewhere"), None),
        (decides(&[]), true, spelled("stateOrRegion", "OR"), Some("stateOrRegion")),
        (decides(&[]), true, spelled("postalCode", "98102"), Some("postalCode")),
        (decides(&[]), true, spelled("countryCode", "CA"), Some("countryCode")),
    ] {
        let mut world = World::in_memory();
        world.policy.compared_address = compared;
        world.restart();
        let mut order = order();
        let mut body = json!({ "amazonCheckoutSessionId": SESSION });
        if is_registered {
            order["shippingAddress"] = given.clone();
        } else {
            body["shippingAddress"] = given.clone();
        }
        let checkout_id = world.placed(&order);
        let path = format!("/v1/checkouts/{checkout_id}/complete");
        let answer = world.call("POST", &path, &body.to_string());
        let what = format!("{compared:?} {is_registered} {given}");
        if let Some(member) = drift {
            assert_eq!(answer.json()["reason"], "AddressDrift", "{what}");
            let field = world.checkout(&checkout_id)["attempts"][0]["field"].clone();
            assert_eq!(field, format!("shippingAddress.{member}"), "{what}");
            assert!(world.amazon.arrived("finalize").is_empty(), "{what}");
        } else {
            assert_eq!(answer.verdict(), (200, "paid".to_owned()), "{what}");
            let sent: Value = serde_json::from_slice(&world.amazon.arrived("finalize")[0].body).unwrap();
            assert_eq!(sent["shippingAddress"], address(), "Amazon is sent what it showed: {what}");
        }
    }
}

#[test]
fn an_address_that_is_given_and_equal_is_sent_as_amazon_shared_it() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    let mut spelled = address();
    spelled["city"] = json!("  Seattle ");
    spelled["addressLine2"] = json!("");
    let body = json!({ "amazonCheckoutSessionId": SESSION, "shippingAddress": spelled });
    let answer = world.call("POST", &format!("/v1/checkouts/{checkout_id}/complete"), &body.to_string());
    assert_eq!(answer.verdict(), (200, "paid".to_owned()));
    let sent: Value = serde_json::from_slice(&world.amazon.arrived("finalize")[0].body).unwrap();
    assert_eq!(sent["shippingAddress"], address());
}

// Promise: B10
#[test]
fn a_given_address_is_compared_even_after_a_crash() {
    let mut world = World::in_memory();
    let checkout_id = world.placed(&order());
    let mut elsewhere = address();
    elsewhere["city"] = json!("Elsewhere");
    world.amazon.fault("session", Fault::HangAfter);
    let body = json!({ "amazonCheckoutSessionId": SESSION, "shippingAddress": elsewhere });
    let completing =
        world.request("POST", &format!("/v1/checkouts/{checkout_id}/complete"), &body.to_string());
    let ended =
        super::time_machine::run_until(&world.time, || false, completing, || world.amazon.hanging() > 0);
    assert!(ended.is_none());
    world.restart();
    world.let_pass(Duration::from_secs(60));
    assert_eq!(world.complete(&checkout_id, SESSION).json()["reason"], "AddressDrift");
    assert!(world.amazon.arrived("finalize").is_empty());
}

// Promise: B36
#[test]
fn a_decline_leads_back_to_checkout_and_a_second_attempt_is_paid() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::Declined("HardDeclined"));
        let declined = world.complete(&checkout_id, SESSION);
        assert_eq!(declined.verdict(), (402, "notPaid".to_owned()));
        assert_eq!(declined.json()["reason"], "HardDeclined");
        assert_eq!(declined.json()["message"], NOT_PAID_MESSAGE);
        assert_eq!(declined.json()["redirectUrl"], "https://shop.example/checkout");

        world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), (200, "paid".to_owned()));
        // The outcome of the first attempt does not change.
        assert_eq!(world.complete(&checkout_id, SESSION), declined);
        assert_eq!(world.attempts(&checkout_id), ["NotPaid", "Completed"]);
        assert_eq!(world.checkout(&checkout_id)["state"], "paid");
    }
}

// Promise: B14
#[test]
fn a_pending_authorization_is_followed_to_its_end() {
    for engine in ENGINES {
        for (end, status, outcome) in
            [("Authorized", 200, "authorized"), ("Declined", 402, "notPaid"), ("Canceled", 402, "notPaid")]
        {
            let world = World::new(engine);
            let checkout_id = world.placed(&waiting_order());
            world.amazon.fault("finalize", Fault::Pending);
            let pending = world.complete(&checkout_id, SESSION);
            assert_eq!(pending.verdict(), (202, "pending".to_owned()));
            let charge_id = pending.json()["chargeId"].as_str().unwrap().to_owned();
            assert!(pending.json()["redirectUrl"].as_str().unwrap().contains("/result/"));

            world.let_pass(Duration::from_secs(600));
            assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "pending".to_owned()));
            world.amazon.decide(&charge_id, end);
            world.let_pass(Duration::from_secs(1_200));
            let decided = world.complete(&checkout_id, SESSION);
            assert_eq!(decided.verdict(), (status, outcome.to_owned()));
            if outcome == "authorized" {
                assert_eq!(decided.json()["chargeId"], charge_id);
            }
        }
    }
}

#[test]
fn where_an_authorization_may_be_pending_its_charge_decides_and_not_the_status() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = world.placed(&waiting_order());
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "authorized".to_owned()));
        assert_eq!(world.amazon.arrived("charge").len(), 1);

        for (end, status, outcome) in [("Authorized", 200, "authorized"), ("Declined", 402, "notPaid")] {
            let world = World::new(engine);
            let checkout_id = world.placed(&waiting_order());
            world.amazon.fault("finalize", Fault::PendingWith200);
            let pending = world.complete(&checkout_id, SESSION);
            assert_eq!(pending.verdict(), (202, "pending".to_owned()));
            world.amazon.decide(pending.json()["chargeId"].as_str().unwrap(), end);
            world.let_pass(Duration::from_secs(600));
            assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (status, outcome.to_owned()));
        }
    }
}

#[test]
fn an_authorization_may_stay_pending_and_an_alarm_is_raised_after_a_day() {
    let world = World::in_memory();
    let checkout_id = world.placed(&waiting_order());
    world.amazon.fault("finalize", Fault::Pending);
    let pending = world.complete(&checkout_id, SESSION).json();
    world.skip(Duration::from_secs(23 * 3_600));
    assert!(!world.timeline(&checkout_id).contains(&"DoubtAlarm".to_owned()));
    world.skip(Duration::from_secs(40 * 86_400));
    assert_eq!(world.attempts(&checkout_id), ["Pending"]);
    assert_eq!(world.timeline(&checkout_id).iter().filter(|kind| *kind == "DoubtAlarm").count(), 3);
    world.amazon.decide(pending["chargeId"].as_str().unwrap(), "Authorized");
    world.skip(Duration::from_secs(86_400));
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "authorized".to_owned()));
}

#[test]
fn success_leaves_a_snapshot_that_is_fetched_by_timer() {
    for (intent, charges) in [("Confirm", 0), ("Authorize", 1)] {
        let world = World::in_memory();
        let mut order = order();
        order["paymentDetails"]["paymentIntent"] = json!(intent);
        let checkout_id = world.placed(&order);
        world.complete(&checkout_id, SESSION);
        assert!(world.amazon.arrived("permission").is_empty());
        world.amazon.fault("permission", Fault::refusal(503, "ServiceUnavailable"));
        world.let_pass(Duration::from_secs(60));
        assert_eq!(world.amazon.arrived("permission").len(), 2, "tried again once, and then no more");
        assert_eq!(world.amazon.arrived("charge").len(), charges);
    }
}

// Promise: B36
#[test]
fn a_checkout_binds_fifty_sessions_and_no_more() {
    let world = World::in_memory();
    let checkout_id = world.register(&order());
    for n in 0..50 {
        let session = format!("s{n}");
        world.amazon.cancel(&session, "BuyerCanceled");
        assert_eq!(world.complete(&checkout_id, &session).json()["reason"], "BuyerCanceled");
    }
    let refused = world.complete(&checkout_id, "s50");
    assert_eq!(
        refused.refusal(),
        (409, "TooManyAttempts".to_owned(), Some("amazonCheckoutSessionId".to_owned()))
    );
    assert_eq!(world.complete(&checkout_id, "s0").json()["reason"], "BuyerCanceled");
}
