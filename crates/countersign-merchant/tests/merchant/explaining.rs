//! The explanations of orders for an operator: whole stories, with the reason for every decision.

use std::time::Duration;

use serde_json::{Value, json};

use super::amazon::Fault;
use super::world::{OTHER_SESSION, SESSION, World, order, session_for, waiting_order};

const HOUR: Duration = Duration::from_secs(3_600);

fn explained(world: &World, checkout_id: &str) -> Value {
    let answer = world.get(&format!("/v1/checkouts/{checkout_id}/explanation"));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// The explanation as a table, without its ids.
fn told(world: &World, checkout_id: &str) -> String {
    let whole = explained(world, checkout_id);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines = vec![text(&whole["terms"])];
    for entry in whole["timeline"].as_array().unwrap() {
        let attempt = entry["attempt"].as_u64().map(|attempt| format!("{attempt}: ")).unwrap_or_default();
        lines.push(format!(
            "{}  {attempt}{} | {}",
            text(&entry["at"]),
            text(&entry["what"]),
            text(&entry["why"])
        ));
    }
    lines.push(format!("state: {}", text(&whole["state"])));
    for awaited in whole["awaited"].as_array().unwrap() {
        lines.push(format!("awaited: {}, at {}", text(&awaited["what"]), text(&awaited["at"])));
    }
    lines.push(format!("may ship: {}, {}", whole["mayShip"], text(&whole["reasonInWords"])));
    lines.join("\n")
}

fn second_tab(world: &World, checkout_id: &str) {
    world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, checkout_id));
    world.complete(checkout_id, OTHER_SESSION);
}

// Promise: B38
#[test]
fn every_story_is_told_with_its_reasons() {
    type Act = fn(&World, &str);
    let stories: [(&str, Value, Act); 9] = [
        ("the buyer has not come back yet", order(), |_, _| {}),
        ("paid immediately, a second tab set aside", order(), |world, id| {
            world.complete(id, SESSION);
            second_tab(world, id);
        }),
        ("paid, and the buyer's data erased", order(), |world, id| {
            world.complete(id, SESSION);
            world.let_pass(Duration::from_secs(60));
            assert_eq!(world.call("DELETE", &format!("/v1/checkouts/{id}/snapshot"), "").status, 200);
        }),
        ("declined, then paid", order(), |world, id| {
            world.amazon.fault("finalize", Fault::Declined("HardDeclined"));
            world.complete(id, SESSION);
            second_tab(world, id);
        }),
        ("a lost answer", order(), |world, id| {
            world.amazon.fault("finalize", Fault::LostAfter);
            world.complete(id, SESSION);
        }),
        ("a lost request, and Amazon cannot be asked", order(), |world, id| {
            world.amazon.fault("finalize", Fault::LostBefore);
            world.amazon.fault("session", Fault::Nothing);
            world.amazon.goes_down("session");
            world.complete(id, SESSION);
            world.let_pass(HOUR);
        }),
        ("a pending authorization", waiting_order(), |world, id| {
            world.amazon.fault("finalize", Fault::Pending);
            world.complete(id, SESSION);
        }),
        ("turned away, then paid", order(), |world, id| {
            world.amazon.fault("finalize", Fault::refusal(429, "TooManyRequests"));
            world.complete(id, SESSION);
            world.let_pass(HOUR / 4);
        }),
        ("sent, and then Amazon deleted the session", order(), |world, id| {
            world.knows_a_charge();
            world.amazon.fault("finalize", Fault::LostBefore);
            world.amazon.fault("session", Fault::Nothing);
            world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
            world.complete(id, SESSION);
            world.amazon.delete(SESSION);
            world.skip(HOUR);
        }),
    ];
    let mut all = String::new();
    for (name, order, act) in stories {
        let world = World::in_memory();
        let checkout_id = world.placed(&order);
        act(&world, &checkout_id);
        all.push_str(&format!("## {name}\n{}\n\n", told(&world, &checkout_id)));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn an_explanation_names_ids_where_they_are_known() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.complete(&checkout_id, SESSION);
    let whole = explained(&world, &checkout_id);
    let last = whole["timeline"].as_array().unwrap().last().unwrap();
    assert_eq!(last["amazonCheckoutSessionId"], SESSION);
    assert!(last["chargePermissionId"].is_string() && last["chargeId"].is_string());
    assert_eq!((&whole["checkoutId"], &whole["orderId"]), (&checkout_id.into(), &"1001".into()));
}

#[test]
fn a_long_timeline_comes_page_by_page() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.complete(&checkout_id, SESSION);
    let whole = explained(&world, &checkout_id)["timeline"].clone();
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/checkouts/{checkout_id}/explanation?limit=2&after={after}");
        let page = world.get(&path).json();
        pages.extend(page["timeline"].as_array().unwrap().clone());
        assert_eq!(page["state"], "paid", "the state is on every page");
        let Some(next) = page["after"].as_str() else { break };
        after = next.to_owned();
    }
    let at = |entries: &[Value]| entries.iter().map(|entry| entry["what"].clone()).collect::<Vec<_>>();
    assert_eq!(at(&pages), at(whole.as_array().unwrap()));
    for (query, field) in
        [("limit=0", "limit"), ("limit=1001", "limit"), ("after=x", "after"), ("limit=", "limit")]
    {
        let refused = world.get(&format!("/v1/checkouts/{checkout_id}/explanation?{query}"));
        assert_eq!(refused.refusal(), (400, "InvalidValue".to_owned(), Some(field.to_owned())), "{query}");
    }
    let nowhere = world.get("/v1/checkouts/nowhere/explanation");
    assert_eq!(nowhere.refusal(), (404, "NoSuchCheckout".to_owned(), None));
}

/// An operation of the shop's on a paid order.
fn ask(world: &World, checkout_id: &str, call: &str, body: &Value) -> Value {
    let answer = world.call("POST", &format!("/v1/checkouts/{checkout_id}/{call}"), &body.to_string());
    assert!(matches!(answer.status, 200..=202), "{}", answer.text);
    answer.json()
}

// Promise: B38
#[test]
fn what_follows_a_success_is_told_with_its_reasons() {
    let usd = |amount: &str| json!({ "amount": amount, "currencyCode": "USD" });
    let mut authorized = order();
    authorized["paymentDetails"]["paymentIntent"] = json!("Authorize");
    let minute = Duration::from_secs(60);

    let world = World::in_memory();
    let id = world.placed(&authorized);
    world.complete(&id, SESSION);
    world.amazon.fault("captureCharge", Fault::LostAfter);
    ask(&world, &id, "captures", &json!({ "reference": "parcel", "captureAmount": usd("10.00") }));
    let refund = ask(&world, &id, "refunds", &json!({ "reference": "back", "refundAmount": usd("4.00") }));
    world.amazon.decide_refund(refund["refundId"].as_str().unwrap(), "Refunded");
    world.let_pass(minute);
    let captured = told(&world, &id);

    let world = World::in_memory();
    let id = world.placed(&order());
    world.complete(&id, SESSION);
    ask(&world, &id, "cancel", &json!({ "reference": "no", "reason": "Canary changed her mind" }));
    let waiting = told(&world, &id);
    let refunds = world.checkout(&id)["payment"]["charges"][0]["refunds"].clone();
    world.amazon.decide_refund(refunds[0]["refundId"].as_str().unwrap(), "Refunded");
    world.let_pass(minute);
    let canceled = told(&world, &id);
    assert!(!canceled.contains("Canary"), "{canceled}");
    let events = world.get("/v1/events").json()["events"].clone();
    assert!(!events.to_string().contains("Canary"));
    let kinds: Vec<_> = events.as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["checkout.paid", "refund.refunded", "chargePermission.closed", "checkout.canceled"]);

    insta::assert_snapshot!(format!(
        "## captured in part, the answer lost, refunded in part\n{captured}\n\n## canceled\n{canceled}\n\n## while \
         it was being canceled\n{}",
        waiting.lines().rev().take(4).collect::<Vec<_>>().join("\n")
    ));
}
