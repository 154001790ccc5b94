//! What persons decide where no machine can: who may, what Amazon must show, and what follows.

use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};

use super::amazon::Fault;
use super::logs::logged;
use super::world::{
    ALICE, BOB, CAROL, ENGINES, Engine, HttpAnswer, OTHER_SESSION, READ_TOKEN, SESSION, SHOP_TOKEN,
    WAREHOUSE_TOKEN, World, order, session_for, usd,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The beginning of every test.
const NOW: &str = "20261123T154700Z";
/// The ids of an order that is completed elsewhere.
pub(crate) const ELSEWHERE: &str = "S01-7777777-0000001";
pub(crate) const ELSEWHERE_CHARGE: &str = "S01-7777777-0000001-C000001";

pub(crate) fn path(checkout_id: &str, of: &str) -> String {
    format!("/v1/checkouts/{checkout_id}/{of}/decision")
}

pub(crate) fn asked(world: &World, token: &str, method: &str, path: &str, body: &Value) -> HttpAnswer {
    let body = if method == "GET" { String::new() } else { body.to_string() };
    world.run(world.request_with(method, path, &body, Some(&format!("Bearer {token}"))))
}

pub(crate) fn decide(world: &World, token: &str, checkout_id: &str, body: &Value) -> HttpAnswer {
    asked(world, token, "POST", &path(checkout_id, "attempts/1"), body)
}

pub(crate) fn decide_operation(world: &World, checkout_id: &str, number: u32, body: &Value) -> HttpAnswer {
    asked(world, ALICE, "POST", &path(checkout_id, &format!("operations/{number}")), body)
}

pub(crate) fn inquire(world: &World, checkout_id: &str) -> Value {
    let answer = asked(world, ALICE, "GET", &path(checkout_id, "attempts/1"), &Value::Null);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

pub(crate) fn with(verdict: &str, members: Value) -> Value {
    let mut body = json!({ "reference": format!("case {verdict}"), "verdict": verdict,
        "evidence": "Seller Central shows it" });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

/// What a GET says about each verdict: the persons that it needs, or the code of the refusal.
pub(crate) fn verdicts(shown: &Value) -> Vec<String> {
    let verdicts = shown["verdicts"].as_array().unwrap().iter();
    verdicts
        .map(|it| {
            let word = it["verdict"].as_str().unwrap();
            match it["personsNeeded"].as_u64() {
                Some(persons) => format!("{word} {persons}"),
                None => format!("{word} {}", it["refused"]["code"].as_str().unwrap()),
            }
        })
        .collect()
}

pub(crate) fn decision_of(answer: &HttpAnswer) -> (u16, String) {
    (answer.status, answer.json()["decision"]["state"].as_str().unwrap_or("?").to_owned())
}

/// An order that our own Finalize paid, whose answer was lost, and whose session Amazon no longer has.
fn session_gone(world: &World) -> String {
    world.knows_a_charge();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostAfter);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.fault("session", Fault::refusal(404, "ResourceNotFound"));
    world.complete(&checkout_id, SESSION);
    world.amazon.delete(SESSION);
    world.skip(3 * HOUR);
    assert_eq!(world.attempts(&checkout_id), ["Unresolved"]);
    world.amazon.dates_charges("20261123T155000Z");
    let limits = json!({ "amountLimit": usd("14.00") });
    world.amazon.show_of_permission(
        PERMISSION,
        json!({ "creationTimestamp": "20261123T155000Z", "limits": limits,
            "merchantMetadata": { "merchantReferenceId": checkout_id } }),
    );
    checkout_id
}

/// Amazon says three times over a day that it has no such session; a charge that is known is shown in between.
fn stays_gone(world: &World, checkout_id: &str) {
    for _ in 0..3 {
        inquire(world, checkout_id);
        world.skip(13 * HOUR);
    }
}

const PERMISSION: &str = "S01-5105180-0000002";
const CHARGE: &str = "S01-5105180-0000002-C000002";

fn paid() -> Value {
    with("paid", json!({ "chargePermissionId": PERMISSION, "chargeId": CHARGE }))
}

/// An order whose session another system completed before this store sent anything.
pub(crate) fn completed_elsewhere(world: &World, amount: &str) -> String {
    let checkout_id = world.placed(&order());
    world.amazon.completed_and_paid_elsewhere(SESSION, ELSEWHERE, NOW, &usd(amount));
    let answer = world.complete(&checkout_id, SESSION);
    assert_eq!(answer.json()["reason"], "CompletedElsewhere", "{}", answer.text);
    checkout_id
}

/// The reference at the permission of an order that is completed elsewhere is this from now on.
pub(crate) fn names(world: &World, reference: &str) {
    world.amazon.show_of_permission(
        ELSEWHERE,
        json!({ "creationTimestamp": NOW, "limits": { "amountLimit": usd("14.00") },
            "merchantMetadata": { "merchantReferenceId": reference } }),
    );
}

pub(crate) fn paid_elsewhere() -> Value {
    with("paid", json!({ "chargePermissionId": ELSEWHERE, "chargeId": ELSEWHERE_CHARGE }))
}

// Promise: D03
#[test]
fn persons_decide_that_what_was_sent_is_paid_and_amazon_must_show_it() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = session_gone(&world);
        let shown = inquire(&world, &checkout_id);
        assert_eq!(shown["amazon"]["session"]["state"], "ResourceNotFound");
        assert_eq!(verdicts(&shown), ["paid MissingValue", "notPaid TooEarly", "remind 1"]);
        // That the session is not found once says nothing about whose the payment is, nor that it is not answered.
        assert_eq!(decide(&world, ALICE, &checkout_id, &paid()).refusal().1, "TooEarly");
        world.amazon.goes_down("session");
        assert_eq!(decide(&world, ALICE, &checkout_id, &paid()).refusal().1, "AmazonSilent");
        world.amazon.comes_back();
        stays_gone(&world, &checkout_id);
        world.restart();
        let first = decide(&world, ALICE, &checkout_id, &paid());
        assert_eq!(decision_of(&first), (202, "AwaitsSecond".to_owned()), "{}", first.text);
        let answer = decide(&world, BOB, &checkout_id, &paid());
        assert_eq!(decision_of(&answer), (200, "Made".to_owned()), "{}", answer.text);
        let told = answer.json();
        assert_eq!((&told["state"], &told["outcome"]), (&json!("Completed"), &json!("paid")));
        assert_eq!(told["decision"]["persons"][0]["actor"], "alice");
        assert_eq!(told["decision"]["persons"][1]["actor"], "bob");
        assert_eq!(told["decision"]["persons"][0]["evidence"], "Seller Central shows it");
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
        assert_eq!(world.fulfilment(&checkout_id), (true, "Captured".to_owned()));
        let fact = world.facts().into_iter().find(|it| it["checkoutId"] == *checkout_id).unwrap();
        assert_eq!((&fact["type"], &fact["chargeId"]), (&json!("checkout.paid"), &json!(CHARGE)));
        let timeline = world.timeline(&checkout_id);
        assert!(timeline.contains(&"DecisionMade".to_owned()), "{timeline:?}");
        let explained = world.get(&format!("/v1/checkouts/{checkout_id}/explanation")).text;
        assert!(explained.contains("decided by persons; Amazon showed what that needs"), "{explained}");
        assert!(!explained.contains("Seller Central"), "the evidence is not in the timeline: {explained}");
        // The same again, after a restart, is the same answer; another body is not.
        world.restart();
        let again = decide(&world, ALICE, &checkout_id, &paid());
        assert_eq!(again.json()["decision"], told["decision"]);
        let other = decide(&world, ALICE, &checkout_id, &with("paid", json!({})));
        assert_eq!(other.refusal(), (409, "ReferenceReused".to_owned(), Some("reference".to_owned())));
        let decided = json!({ "reference": "2", "verdict": "paid", "evidence": "x",
            "chargePermissionId": PERMISSION, "chargeId": CHARGE });
        assert_eq!(decide(&world, BOB, &checkout_id, &decided).refusal().1, "NotUndecided");
        // It is an order as any other.
        let refund = world.ask(&checkout_id, "refunds", &json!({ "reference": "1" }));
        assert_eq!(refund.status, 202, "{}", refund.text);
        world.let_pass(2 * MINUTE);
    }
}

// Promise: D03
#[test]
fn what_this_store_never_sent_is_paid_only_if_two_persons_say_so() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = completed_elsewhere(&world, "14.00");
        let shown = inquire(&world, &checkout_id);
        assert_eq!(shown["amazon"]["charge"]["chargeId"], ELSEWHERE_CHARGE);
        assert_eq!(verdicts(&shown), ["paid 2", "notPaid AmazonSaysOtherwise", "refund 2", "remind 1"]);
        let first = decide(&world, ALICE, &checkout_id, &paid_elsewhere());
        assert_eq!(decision_of(&first), (202, "AwaitsSecond".to_owned()));
        assert_eq!(first.json()["decision"]["until"], "20261124T154700Z");
        world.restart();
        let same = decide(&world, ALICE, &checkout_id, &paid_elsewhere());
        assert_eq!(decision_of(&same), (202, "AwaitsSecond".to_owned()), "the same person is no second one");
        let mut own = paid_elsewhere();
        own["reference"] = json!("another word");
        assert_eq!(decide(&world, ALICE, &checkout_id, &own).status, 202, "by any reference");
        assert_eq!(world.attempts(&checkout_id), ["Unresolved"]);
        assert!(world.facts().is_empty());
        assert!(!world.fulfilment(&checkout_id).0);
        let second = decide(&world, BOB, &checkout_id, &own);
        assert_eq!(decision_of(&second), (200, "Made".to_owned()), "{}", second.text);
        let told = second.json();
        let actors: Vec<_> =
            told["decision"]["persons"].as_array().unwrap().iter().map(|it| &it["actor"]).collect();
        assert_eq!(actors, ["alice", "bob"]);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
        world.let_pass(2 * MINUTE);
    }
}

// Promise: D03
#[test]
fn a_request_that_nobody_confirms_expires_and_the_order_still_needs_a_person() {
    let world = World::in_memory();
    let checkout_id = completed_elsewhere(&world, "14.00");
    assert_eq!(decide(&world, ALICE, &checkout_id, &paid_elsewhere()).status, 202);
    let lines = logged(|| world.skip(DAY + MINUTE));
    assert!(lines.iter().any(|line| line.contains("was not confirmed by a second person")), "{lines:#?}");
    assert_eq!(world.attempts(&checkout_id), ["Unresolved"]);
    assert!(world.timeline(&checkout_id).contains(&"DecisionExpired".to_owned()));
    for person in [ALICE, BOB] {
        let refused = decide(&world, person, &checkout_id, &paid_elsewhere()).refusal();
        assert_eq!(refused, (409, "DecisionExpired".to_owned(), Some("reference".to_owned())));
    }
    // Another day, another first person.
    let mut late = paid_elsewhere();
    late["reference"] = json!("late");
    assert_eq!(decide(&world, BOB, &checkout_id, &late).status, 202);
    assert_eq!(decide(&world, CAROL, &checkout_id, &late).status, 200);
    world.let_pass(2 * MINUTE);
}

/// A member, and what Amazon shows of it.
type Change = (&'static str, fn(&World));

// Promise: D03
#[test]
fn no_number_of_persons_overrules_what_amazon_shows() {
    let changes: [Change; 6] = [
        ("chargeAmount", |world| {
            world.amazon.change_charge(ELSEWHERE_CHARGE, |it| it["chargeAmount"] = usd("15.00"));
        }),
        ("captureAmount", |world| {
            world.amazon.change_charge(ELSEWHERE_CHARGE, |it| it["captureAmount"] = usd("9.00"));
        }),
        ("chargeAmount.currencyCode", |world| {
            world.amazon.change_charge(ELSEWHERE_CHARGE, |it| {
                it["chargeAmount"] = json!({ "amount": "14.00", "currencyCode": "EUR" });
            });
        }),
        ("creationTimestamp", |world| world.amazon.dates_charges("20261120T154700Z")),
        ("statusDetails.state", |world| world.amazon.decide(ELSEWHERE_CHARGE, "Declined")),
        ("limits.amountLimit", |world| {
            let shown = json!({ "creationTimestamp": NOW, "limits": { "amountLimit": usd("99.00") } });
            world.amazon.show_of_permission(ELSEWHERE, shown);
        }),
    ];
    for (member, change) in changes {
        let world = World::in_memory();
        let checkout_id = completed_elsewhere(&world, "14.00");
        assert_eq!(decide(&world, ALICE, &checkout_id, &paid_elsewhere()).status, 202, "{member}");
        change(&world);
        for (person, reference) in [(BOB, "b"), (CAROL, "c")] {
            let mut body = paid_elsewhere();
            body["reference"] = json!(reference);
            let refused = decide(&world, person, &checkout_id, &body).refusal();
            let expected = (409, "AmazonSaysOtherwise".to_owned(), Some(member.to_owned()));
            assert_eq!(refused, expected);
        }
        assert_eq!(world.attempts(&checkout_id), ["Unresolved"], "{member}");
        assert!(world.facts().is_empty(), "{member}");
    }
}

#[test]
fn the_ids_of_another_order_pay_for_no_order() {
    let world = World::in_memory();
    world.knows_a_charge();
    let (permission, charge) = ("S01-5105180-0000001", "S01-5105180-0000001-C000001");
    let checkout_id = completed_elsewhere(&world, "14.00");
    let body = with("paid", json!({ "chargePermissionId": permission, "chargeId": charge }));
    let refused = decide(&world, ALICE, &checkout_id, &body).refusal();
    assert_eq!(refused, (409, "PaymentOfAnotherOrder".to_owned(), Some("chargePermissionId".to_owned())));
    let refund = with("refund", json!({ "chargeId": charge, "amount": usd("14.00") }));
    let answer = decide(&world, ALICE, &checkout_id, &refund);
    assert_eq!(answer.refusal(), (409, "PaymentOfAnotherOrder".to_owned(), Some("chargeId".to_owned())));
    assert!(answer.text.contains("the payment that [chargeId] names"), "{}", answer.text);
    let alone = with("paid", json!({ "chargePermissionId": permission }));
    let refused = decide(&world, ALICE, &checkout_id, &alone).refusal();
    assert_eq!(refused, (409, "PaymentOfAnotherOrder".to_owned(), Some("chargePermissionId".to_owned())));
    let by_charge = with("paid", json!({ "chargeId": charge }));
    let refused = decide(&world, ALICE, &checkout_id, &by_charge).refusal();
    assert_eq!(refused, (409, "PaymentOfAnotherOrder".to_owned(), Some("chargeId".to_owned())));
    let unknown =
        with("paid", json!({ "chargePermissionId": ELSEWHERE, "chargeId": "S01-7777777-0000001-C000009" }));
    let refused = decide(&world, ALICE, &checkout_id, &unknown).refusal();
    assert_eq!(refused, (409, "AmazonSaysOtherwise".to_owned(), Some("chargeId".to_owned())));
}

// Promise: D03
#[test]
fn an_outage_decides_nothing() {
    for fault in [
        Fault::refusal(503, "ServiceUnavailable"),
        Fault::refusal(403, "InvalidAuthentication"),
        Fault::LostBefore,
        Fault::Stray(404, "<html>Not Found</html>"),
    ] {
        let world = World::in_memory();
        let checkout_id = completed_elsewhere(&world, "14.00");
        let before = world.checkout(&checkout_id);
        for operation in ["session", "charge", "permission"] {
            for _ in 0..4 {
                world.amazon.fault(operation, fault.clone());
            }
        }
        for body in [paid_elsewhere(), with("notPaid", json!({}))] {
            let refused = decide(&world, ALICE, &checkout_id, &body).refusal();
            assert_eq!(refused, (409, "AmazonSilent".to_owned(), None), "{fault:?}");
        }
        world.amazon.forget_faults();
        assert_eq!(world.checkout(&checkout_id)["attempts"], before["attempts"]);
    }
}

// Promise: D03
#[test]
fn not_paid_needs_31_days_and_two_persons_if_amazon_no_longer_answers() {
    let world = World::in_memory();
    let checkout_id = session_gone(&world);
    let body = with("notPaid", json!({}));
    assert_eq!(decide(&world, ALICE, &checkout_id, &body).refusal().1, "TooEarly");
    world.skip(31 * DAY);
    stays_gone(&world, &checkout_id);
    let first = decide(&world, ALICE, &checkout_id, &body);
    assert_eq!(decision_of(&first), (202, "AwaitsSecond".to_owned()), "{}", first.text);
    let second = decide(&world, BOB, &checkout_id, &body);
    assert_eq!(decision_of(&second), (200, "Made".to_owned()), "{}", second.text);
    let answer = world.complete(&checkout_id, SESSION);
    assert_eq!(
        (answer.verdict(), &answer.json()["reason"]),
        ((402, "notPaid".to_owned()), &json!("Decided"))
    );
    let fact = world.facts().into_iter().rfind(|it| it["checkoutId"] == *checkout_id).unwrap();
    assert_eq!((&fact["type"], &fact["reason"]), (&json!("attempt.notPaid"), &json!("Decided")));
    // Another session may pay the order.
    world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
    assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), (200, "paid".to_owned()));
    world.let_pass(2 * MINUTE);
}

// Promise: D03
#[test]
fn a_session_that_amazon_cancels_is_settled_by_that_and_the_decision_agrees() {
    let world = World::in_memory();
    let checkout_id = completed_elsewhere(&world, "14.00");
    world.amazon.cancel(SESSION, "Declined");
    let answer = decide(&world, ALICE, &checkout_id, &with("notPaid", json!({})));
    assert_eq!(decision_of(&answer), (200, "Made".to_owned()), "{}", answer.text);
    assert_eq!(world.complete(&checkout_id, SESSION).json()["reason"], "Declined", "Amazon's own word");
    let other = json!({ "reference": "2", "verdict": "notPaid", "evidence": "x" });
    assert_eq!(decide(&world, BOB, &checkout_id, &other).refusal().1, "NotUndecided");
}

// Promise: D21
#[test]
fn each_token_opens_what_its_role_may_and_nothing_else() {
    let world = World::in_memory();
    let checkout_id = world.completed("Authorize");
    let routes = [
        ("POST", "/v1/checkouts".to_owned(), "trade"),
        ("GET", "/v1/checkouts".to_owned(), "read"),
        ("GET", format!("/v1/checkouts/{checkout_id}"), "read"),
        ("PUT", format!("/v1/checkouts/{checkout_id}/terms"), "trade"),
        ("POST", format!("/v1/checkouts/{checkout_id}/complete"), "trade"),
        ("POST", format!("/v1/checkouts/{checkout_id}/charges"), "trade"),
        ("POST", format!("/v1/checkouts/{checkout_id}/captures"), "trade"),
        ("POST", format!("/v1/checkouts/{checkout_id}/refunds"), "trade"),
        ("POST", format!("/v1/checkouts/{checkout_id}/cancel"), "trade"),
        ("POST", format!("/v1/checkouts/{checkout_id}/close"), "trade"),
        ("GET", format!("/v1/checkouts/{checkout_id}/fulfilment"), "read"),
        ("POST", format!("/v1/checkouts/{checkout_id}/shipments"), "ship"),
        ("GET", format!("/v1/checkouts/{checkout_id}/explanation"), "read"),
        ("GET", format!("/v1/checkouts/{checkout_id}/snapshot"), "read"),
        ("DELETE", format!("/v1/checkouts/{checkout_id}/snapshot"), "trade"),
        ("GET", path(&checkout_id, "attempts/1"), "decide"),
        ("POST", path(&checkout_id, "attempts/1"), "decide"),
        ("POST", path(&checkout_id, "operations/1"), "decide"),
        ("GET", "/v1/events".to_owned(), "read"),
        ("POST", "/v1/webhooks/evt_0/send".to_owned(), "trade"),
    ];
    for (method, path, privilege) in routes {
        for (token, privileges) in [
            (SHOP_TOKEN, &["read", "ship", "trade"][..]),
            (WAREHOUSE_TOKEN, &["read", "ship"]),
            (READ_TOKEN, &["read"]),
            (ALICE, &["read", "decide"]),
        ] {
            let answer = asked(&world, token, method, &path, &json!({ "unknown": 1 }));
            let may = privileges.contains(&privilege);
            assert_eq!(answer.status == 403, !may, "{method} {path} {token}: {}", answer.text);
            if !may {
                let expected = (403, "NotPermitted".to_owned(), Some("authorization".to_owned()));
                assert_eq!(answer.refusal(), expected);
            }
        }
        for token in ["", "none", "the-token-of-alic", "the-token-of-alicee", "alice"] {
            let answer = asked(&world, token, method, &path, &json!({}));
            assert_eq!(answer.refusal().1, "Unauthorized", "{token:?}");
        }
    }
    let shipped = asked(
        &world,
        WAREHOUSE_TOKEN,
        "POST",
        &format!("/v1/checkouts/{checkout_id}/shipments"),
        &json!({ "reference": "parcel" }),
    );
    assert_eq!((shipped.status, &shipped.json()["mayShip"]), (200, &json!(true)));
}

#[test]
fn a_body_that_is_not_valid_is_refused_with_its_member() {
    let world = World::in_memory();
    let checkout_id = completed_elsewhere(&world, "14.00");
    let without = |member: &str| {
        let mut body = paid_elsewhere();
        body.as_object_mut().unwrap().remove(member);
        body
    };
    let but = |member: &str, value: Value| {
        let mut body = paid_elsewhere();
        body[member] = value;
        body
    };
    let long = "x".repeat(2_001);
    for (body, code, field) in [
        (without("reference"), "MissingValue", "reference"),
        (but("reference", json!("")), "InvalidValue", "reference"),
        (but("reference", json!("x".repeat(129))), "InvalidValue", "reference"),
        (without("verdict"), "MissingValue", "verdict"),
        (but("verdict", json!("maybe")), "InvalidValue", "verdict"),
        (but("verdict", json!("done")), "InvalidValue", "verdict"),
        (but("verdict", json!("PAID")), "InvalidValue", "verdict"),
        (without("evidence"), "MissingValue", "evidence"),
        (but("evidence", json!("")), "InvalidValue", "evidence"),
        (but("evidence", json!("  ")), "InvalidValue", "evidence"),
        (but("evidence", json!(long)), "InvalidValue", "evidence"),
        (but("evidence", json!("card 4111 1111 1111 1111")), "InvalidValue", "evidence"),
        (but("evidence", json!("card 4111\u{a0}1111.1111  1111")), "InvalidValue", "evidence"),
        (but("reference", json!("4111 1111 1111 1111")), "InvalidValue", "reference"),
        (but("reference", json!("4111.1111.1111.1111")), "InvalidValue", "reference"),
        (but("evidence", json!("a\u{7}")), "InvalidValue", "evidence"),
        (but("actor", json!("bob")), "UnrecognizedField", "actor"),
        (but("refundId", json!("S01-1-R1")), "UnrecognizedField", "refundId"),
        (but("chargeId", json!("not an id!")), "InvalidValue", "chargeId"),
        (but("chargePermissionId", json!(7)), "InvalidValue", "chargePermissionId"),
        (
            but("amount", json!({ "amount": "14.001", "currencyCode": "USD" })),
            "InvalidValue",
            "amount.amount",
        ),
        (but("remindAt", json!("20261124T154700Z")), "InvalidCombination", "remindAt"),
        (with("notPaid", json!({ "chargeId": CHARGE })), "InvalidCombination", "chargeId"),
        (with("notPaid", json!({ "amount": usd("14.00") })), "InvalidCombination", "amount"),
        (with("refund", json!({ "amount": usd("14.00") })), "MissingValue", "chargeId"),
        (with("refund", json!({ "chargeId": CHARGE })), "MissingValue", "amount"),
        (with("remind", json!({ "remindAt": "20261123T154659Z" })), "InvalidValue", "remindAt"),
        (with("remind", json!({ "remindAt": "20261123T154700Z" })), "InvalidValue", "remindAt"),
        (with("remind", json!({ "remindAt": "20261225T154700Z" })), "InvalidValue", "remindAt"),
        (with("remind", json!({ "remindAt": "tomorrow" })), "InvalidValue", "remindAt"),
    ] {
        let (status, told, member) = decide(&world, ALICE, &checkout_id, &body).refusal();
        assert_eq!((status, told.as_str(), member.as_deref()), (400, code, Some(field)), "{body}");
    }
    let broken = world.run(world.request_with(
        "POST",
        &path(&checkout_id, "attempts/1"),
        "{",
        Some(&format!("Bearer {ALICE}")),
    ));
    assert_eq!(broken.refusal().1, "InvalidFormat");
    for (of, code) in [
        ("attempts/2", "NoSuchAttempt"),
        ("operations/9", "NoSuchOperation"),
        ("unexplained/S01-1-1", "NoSuchPermission"),
        ("disputes/S01-1-B1", "NoSuchDispute"),
    ] {
        let answer = asked(&world, ALICE, "GET", &path(&checkout_id, of), &Value::Null);
        assert_eq!(answer.refusal().1, code, "{of}");
    }
    for of in ["attempts/0", "attempts/01", "attempts/99999999999", "operations/one", "unexplained/no!"] {
        let field = if of.starts_with("unexplained") { "chargePermissionId" } else { "number" };
        for method in ["GET", "POST"] {
            let answer = asked(&world, ALICE, method, &path(&checkout_id, of), &paid_elsewhere());
            let refused = (400, "InvalidValue".to_owned(), Some(field.to_owned()));
            assert_eq!(answer.refusal(), refused, "{method} {of}");
        }
    }
    let no_operation = json!({ "reference": "1", "verdict": "noEffect", "evidence": "x" });
    assert_eq!(decide_operation(&world, &checkout_id, 1, &no_operation).refusal().1, "NoSuchOperation");
    let nowhere = asked(&world, ALICE, "POST", &path("none", "attempts/1"), &paid_elsewhere());
    assert_eq!(nowhere.refusal().1, "NoSuchCheckout");
    assert_eq!(world.attempts(&checkout_id), ["Unresolved"]);
}

#[test]
fn what_is_proved_or_looked_up_is_not_for_persons() {
    let world = World::in_memory();
    let paid_order = world.completed("Authorize");
    for body in [paid(), with("notPaid", json!({})), with("remind", json!({}))] {
        assert_eq!(decide(&world, ALICE, &paid_order, &body).refusal().1, "NotUndecided", "{body}");
    }
    world.let_pass(2 * MINUTE);
    let world = World::in_memory();
    let doubted = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostBefore);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.goes_down("finalize");
    world.amazon.goes_down("session");
    world.complete(&doubted, SESSION);
    let early = decide(&world, ALICE, &doubted, &with("remind", json!({})));
    assert_eq!(early.refusal().1, "TooEarly", "the looks go on");
    assert!(early.text.contains("from 20261124T1547"), "{}", early.text);
    world.skip(25 * HOUR);
    assert_eq!(world.attempts(&doubted), ["InDoubt"]);
    assert_eq!(decide(&world, ALICE, &doubted, &with("remind", json!({}))).status, 200);
    world.amazon.comes_back();
    world.skip(2 * HOUR);
}

// Promise: D03
#[test]
fn of_two_persons_at_once_one_decides_and_the_newest_state_counts() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = session_gone(&world);
        stays_gone(&world, &checkout_id);
        let as_person = |token: &str, reference: &str| {
            let mut body = paid();
            body["reference"] = json!(reference);
            let bearer = format!("Bearer {token}");
            world.request_with("POST", &path(&checkout_id, "attempts/1"), &body.to_string(), Some(&bearer))
        };
        let (first, second) = world.run(join(as_person(ALICE, "a"), as_person(BOB, "b")));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 202], "{} {}", first.text, second.text);
        let third = world.run(as_person(CAROL, "c"));
        assert_eq!(third.refusal().1, "NotUndecided");
        let facts = world.facts();
        let paid =
            facts.iter().filter(|it| it["type"] == "checkout.paid" && it["checkoutId"] == *checkout_id);
        assert_eq!(paid.count(), 1);
        world.let_pass(2 * MINUTE);
    }
}

/// Amazon's answer to the look-up of another caller arrives while a person decides.
// Promise: D03
#[test]
fn an_answer_that_arrives_while_a_person_decides_counts() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostAfter);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.goes_down("session");
    world.complete(&checkout_id, SESSION);
    world.skip(26 * HOUR);
    assert_eq!(world.attempts(&checkout_id), ["InDoubt"]);
    world.amazon.comes_back();
    let bearer = format!("Bearer {ALICE}");
    let body = with("notPaid", json!({})).to_string();
    let deciding = world.request_with("POST", &path(&checkout_id, "attempts/1"), &body, Some(&bearer));
    let (decided, _) = world.run(join(deciding, world.completing(&checkout_id, SESSION)));
    assert_eq!(decided.status, 409, "{}", decided.text);
    world.skip(2 * HOUR);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
}

#[test]
fn an_evidence_is_in_no_log_and_in_no_fact() {
    let world = World::in_memory();
    let checkout_id = session_gone(&world);
    stays_gone(&world, &checkout_id);
    let mut body = paid();
    body["evidence"] = json!("Mrs Canary said so");
    let lines = logged(|| {
        assert_eq!(decide(&world, BOB, &checkout_id, &body).status, 202);
        assert_eq!(decide(&world, ALICE, &checkout_id, &body).status, 200);
        world.let_pass(2 * MINUTE);
    });
    assert!(lines.iter().any(|line| line.contains("was decided") && line.contains("alice")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("Canary")), "{lines:#?}");
    let facts = json!(world.facts()).to_string();
    assert!(!facts.contains("Canary"), "{facts}");
    assert!(!world.checkout(&checkout_id).to_string().contains("Canary"));
    assert!(inquire(&world, &checkout_id).to_string().contains("Mrs Canary said so"));
}

#[test]
fn a_reminder_reminds_once_and_decides_nothing() {
    let mut world = World::new(Engine::Sqlite);
    let checkout_id = completed_elsewhere(&world, "14.00");
    let body = with("remind", json!({ "remindAt": "20261125T100000Z" }));
    assert_eq!(decision_of(&decide(&world, ALICE, &checkout_id, &body)), (200, "Reminds".to_owned()));
    let explained = world.get(&format!("/v1/checkouts/{checkout_id}/explanation")).text;
    assert!(explained.contains("the reminder") && explained.contains("20261125T100000Z"), "{explained}");
    world.restart();
    let lines = logged(|| world.skip(3 * DAY));
    let reminded = lines.iter().filter(|line| line.contains("the reminder that was asked for")).count();
    assert_eq!(reminded, 1, "{lines:#?}");
    assert_eq!(world.attempts(&checkout_id), ["Unresolved"]);
    assert_eq!(decision_of(&decide(&world, ALICE, &checkout_id, &body)), (200, "Reminded".to_owned()));
}

// Promise: D03
#[test]
fn what_persons_have_undone_they_can_decide_again() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = completed_elsewhere(&world, "14.00");
        let snapshot = format!("/v1/checkouts/{checkout_id}/snapshot");
        for round in 0..3 {
            for (verdict, word, outcome) in
                [(paid_elsewhere(), "paid", "paid"), (with("notPaid", json!({})), "notPaid", "notPaid")]
            {
                let mut body = verdict;
                for (token, state) in [(ALICE, (202, "AwaitsSecond")), (BOB, (200, "Made"))] {
                    body["reference"] = json!(format!("{word} {round} {}", state.0));
                    let decided = decide(&world, token, &checkout_id, &body);
                    assert_eq!(
                        decision_of(&decided),
                        (state.0, state.1.to_owned()),
                        "{round}: {}",
                        decided.text
                    );
                }
                world.let_pass(2 * MINUTE);
                assert_eq!(world.checkout(&checkout_id)["state"], outcome, "{round}");
                let is_kept = world.get(&snapshot).status == 200;
                assert_eq!(is_kept, outcome == "paid", "the buyer's data are those of a payment");
            }
            world.restart();
        }
    }
}

// Promise: D03
#[test]
fn a_wrong_decision_ships_nothing_once_one_person_disputes_it() {
    let world = World::in_memory();
    let checkout_id = completed_elsewhere(&world, "14.00");
    decide(&world, ALICE, &checkout_id, &paid_elsewhere());
    assert_eq!(decide(&world, BOB, &checkout_id, &paid_elsewhere()).status, 200);
    world.let_pass(2 * MINUTE);
    assert_eq!(world.fulfilment(&checkout_id), (true, "Captured".to_owned()));
    let wrong = with("notPaid", json!({}));
    let disputed = decide(&world, CAROL, &checkout_id, &wrong);
    assert_eq!(decision_of(&disputed), (202, "AwaitsSecond".to_owned()), "{}", disputed.text);
    assert_eq!(world.fulfilment(&checkout_id), (false, "DecisionDisputed".to_owned()));
    world.skip(2 * DAY);
    assert_eq!(world.fulfilment(&checkout_id), (false, "DecisionDisputed".to_owned()));
    let mut again = wrong;
    again["reference"] = json!("again");
    assert_eq!(decide(&world, ALICE, &checkout_id, &again).status, 202);
    let superseded = decide(&world, BOB, &checkout_id, &again);
    assert_eq!(decision_of(&superseded), (200, "Made".to_owned()), "{}", superseded.text);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (402, "notPaid".to_owned()));
    assert_eq!(world.amazon.money(), "held 0, captured 1400, refunded 0", "it is the other system's");
}

// Promise: B08, D03
#[test]
fn one_person_who_disputes_that_an_order_is_unpaid_holds_its_other_session() {
    for engine in ENGINES {
        for is_paid in [true, false] {
            let mut world = World::new(engine);
            let checkout_id = completed_elsewhere(&world, "14.00");
            let not_paid = with("notPaid", json!({}));
            names(&world, "another-order");
            assert_eq!(decide(&world, ALICE, &checkout_id, &not_paid).status, 202);
            assert_eq!(decide(&world, BOB, &checkout_id, &not_paid).status, 200);
            names(&world, &checkout_id);
            assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (402, "notPaid".to_owned()));
            let disputed = decide(&world, CAROL, &checkout_id, &paid_elsewhere());
            assert_eq!(decision_of(&disputed), (202, "AwaitsSecond".to_owned()), "{}", disputed.text);
            world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
            for session in [SESSION, OTHER_SESSION] {
                let answer = world.complete(&checkout_id, session);
                assert_eq!(answer.verdict(), (202, "checking".to_owned()), "{}", answer.text);
                assert_eq!(answer.json()["reason"], "DecisionDisputed", "{}", answer.text);
            }
            world.restart();
            world.let_pass(3 * MINUTE);
            assert!(world.amazon.arrived("finalize").is_empty());
            let shown = world.checkout(&checkout_id);
            assert_eq!(shown["needsPerson"], json!(["unresolved"]));
            assert_eq!((&shown["state"], &shown["reason"]), (&json!("checking"), &json!("DecisionDisputed")));
            let explained = world.get(&format!("/v1/checkouts/{checkout_id}/explanation")).text;
            assert!(explained.contains("until two persons agree"), "{explained}");
            if is_paid {
                let confirmed = decide(&world, ALICE, &checkout_id, &paid_elsewhere());
                assert_eq!(decision_of(&confirmed), (200, "Made".to_owned()), "{}", confirmed.text);
                world.let_pass(3 * MINUTE);
                assert!(world.amazon.arrived("finalize").is_empty());
                assert_eq!(world.checkout(&checkout_id)["state"], "paid");
            } else {
                let again = with("notPaid", json!({ "reference": "again" }));
                let refused = decide(&world, ALICE, &checkout_id, &again).refusal();
                assert_eq!(refused.1, "AmazonSaysOtherwise", "its money names this order");
                names(&world, "another-order");
                assert_eq!(decide(&world, ALICE, &checkout_id, &again).status, 202);
                assert_eq!(decide(&world, BOB, &checkout_id, &again).status, 200);
                let answer = world.complete(&checkout_id, OTHER_SESSION);
                assert_eq!(answer.verdict(), (200, "paid".to_owned()), "{}", answer.text);
            }
        }
    }
}

// Promise: D03
#[test]
fn what_persons_decide_begins_no_trial_of_the_keys() {
    let world = World::with_keys(Engine::Memory, None);
    let checkout_id = completed_elsewhere(&world, "14.00");
    decide(&world, ALICE, &checkout_id, &paid_elsewhere());
    assert_eq!(decide(&world, BOB, &checkout_id, &paid_elsewhere()).status, 200);
    world.skip(HOUR);
    assert!(world.amazon.arrived("finalize").is_empty());

    // A Finalize that was sent: what a person says is no answer to it.
    let world = World::with_keys(Engine::Memory, Some("Honoured"));
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostAfter);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.goes_down("session");
    world.complete(&checkout_id, SESSION);
    world.skip(8 * DAY);
    assert_eq!(world.attempts(&checkout_id), ["InDoubt"]);
    world.amazon.comes_back();
    let (permission, charge) = ("S01-5105180-0000001", "S01-5105180-0000001-C000001");
    world.amazon.dates_charges("20261123T154800Z");
    world.amazon.show_of_permission(
        permission,
        json!({ "creationTimestamp": "20261123T154800Z", "limits": { "amountLimit": usd("14.00") } }),
    );
    let sent = world.amazon.arrived("finalize").len();
    let body = with("paid", json!({ "chargePermissionId": permission, "chargeId": charge }));
    for (person, status) in [(ALICE, 202), (BOB, 200)] {
        world.amazon.fault("session", Fault::WithoutIds);
        let answer = decide(&world, person, &checkout_id, &body);
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    world.skip(HOUR);
    assert_eq!(world.amazon.arrived("finalize").len(), sent);
}
