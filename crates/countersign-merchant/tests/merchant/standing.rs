//! What is so now: in one checkout, in lists, on the buyer's page and in the shop's facts.

use std::time::Duration;

use serde_json::{Value, json};

use super::amazon::Fault;
use super::shop::{SECRET, Shop, WebhookAnswer};
use super::world::{
    ENGINES, NOT_PAID_MESSAGE, OTHER_SESSION, SESSION, World, order, session_for, usd, waiting_order,
};

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);
const CHARGE: &str = "S01-5105180-0000001-C000001";

fn authorized() -> Value {
    let mut order = order();
    order["paymentDetails"]["paymentIntent"] = json!("Authorize");
    order
}

fn numbered(number: usize) -> Value {
    let mut order = authorized();
    order["orderId"] = json!(format!("{number:04}"));
    order
}

/// The standing of one checkout, which its list and its page's answer agree with.
fn standing(world: &World, checkout_id: &str) -> String {
    let shown = world.checkout(checkout_id);
    let word = shown["standing"].as_str().unwrap().to_owned();
    assert_eq!(shown["standingUntil"].is_string(), word == "reserved", "{shown}");
    let order_id = shown["orderId"].as_str().unwrap();
    for query in [format!("orderId={order_id}"), format!("standing={word}"), String::new()] {
        let listed = world.get(&format!("/v1/checkouts?{query}")).json();
        let all = listed["checkouts"].as_array().unwrap();
        let row = all.iter().find(|it| it["checkoutId"] == checkout_id);
        assert_eq!(row.unwrap()["standing"], word.as_str(), "{query}");
    }
    let explained = world.get(&format!("/v1/checkouts/{checkout_id}/explanation")).json();
    assert_eq!(explained["standing"], word.as_str());
    word
}

fn ids(world: &World, query: &str) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("/v1/checkouts?{query}&after={after}")).json();
        ids.extend(
            page["checkouts"].as_array().unwrap().iter().map(|it| it["orderId"].as_str().unwrap().to_owned()),
        );
        match page["after"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return ids,
        }
    }
}

fn page(world: &World, checkout_id: &str) -> String {
    world.get(&world.result_path(checkout_id)).text
}

fn facts(world: &World, kind: &str) -> Vec<Value> {
    world.facts().into_iter().filter(|fact| fact["type"] == kind).collect()
}

fn last_refund(world: &World, checkout_id: &str) -> String {
    let shown = world.checkout(checkout_id);
    let refunds = shown["payment"]["charges"][0]["refunds"].as_array().unwrap();
    refunds.last().unwrap()["refundId"].as_str().unwrap().to_owned()
}

/// Amazon's own end of an authorization.
fn expire(world: &World, reason: &str) {
    world.amazon.change_charge(CHARGE, |charge| {
        charge["statusDetails"] = json!({ "state": "Canceled", "reasonCode": reason });
    });
}

// Promise: D16
#[test]
fn an_order_stands_as_it_is_now_through_its_whole_life() {
    for engine in ENGINES {
        let world = World::new(engine);
        let id = world.placed(&authorized());
        assert_eq!(standing(&world, &id), "awaitingPayment");
        world.complete(&id, SESSION);
        world.let_pass(MINUTE);
        assert_eq!(standing(&world, &id), "reserved");
        assert!(page(&world, &id).contains("Your order is placed."));
        world.ask(&id, "captures", &json!({ "reference": "1" }));
        assert_eq!(standing(&world, &id), "captured");
        assert!(page(&world, &id).contains("Your payment was successful."));
        world.ask(&id, "refunds", &json!({ "reference": "2", "refundAmount": usd("4.00") }));
        assert_eq!(standing(&world, &id), "partlyRefunded");
        let shown = page(&world, &id);
        assert!(shown.contains("A part of your payment was refunded."), "{shown}");
        world.ask(&id, "refunds", &json!({ "reference": "3" }));
        assert_eq!(standing(&world, &id), "refunded");
        let shown = page(&world, &id);
        assert!(shown.contains("Your payment was refunded.") && !shown.contains("successful"), "{shown}");
        // The outcome of the attempt does not change, but what the buyer reads does.
        let again = world.complete(&id, SESSION);
        assert_eq!(again.verdict(), (200, "authorized".to_owned()));
        assert_eq!(again.json()["message"], "Your payment was refunded.");
        world.amazon.decide_refund(&last_refund(&world, &id), "Declined");
        world.let_pass(MINUTE);
        assert_eq!(standing(&world, &id), "partlyRefunded", "a refund that is declined is none");
        world.skip(DAY);
    }
}

// Promise: D16
#[test]
fn a_cancellation_shows_what_it_is_doing_and_what_it_has_done() {
    let world = World::in_memory();
    let id = world.placed(&order());
    world.complete(&id, SESSION);
    world.amazon.goes_down("createRefund");
    world.ask(&id, "cancel", &json!({ "reference": "c" }));
    assert_eq!(standing(&world, &id), "canceling");
    let shown = page(&world, &id);
    assert!(shown.contains("This order is being canceled.") && !shown.contains("successful"), "{shown}");
    world.amazon.comes_back();
    world.skip(DAY);
    world.amazon.decide_refund(&last_refund(&world, &id), "Refunded");
    world.skip(3 * DAY);
    assert_eq!(standing(&world, &id), "canceled");
    assert!(page(&world, &id).contains("This order was canceled."));
}

// Promise: D16
#[test]
fn an_authorization_lapses_at_its_instant_and_the_shop_is_told_once_amazon_has_shown_it() {
    for engine in ENGINES {
        let world = World::new(engine);
        world.amazon.authorizes_for(2 * DAY);
        let id = world.placed(&authorized());
        world.complete(&id, SESSION);
        world.let_pass(MINUTE);
        let until = world.checkout(&id)["standingUntil"].as_str().unwrap().to_owned();
        assert_eq!(until, "20261125T154700Z");
        // The clock reaches the instant before the timer has run.
        world.time.advance(2 * DAY);
        assert_eq!(standing(&world, &id), "lapsed");
        assert_eq!(ids(&world, "standing=reserved"), Vec::<String>::new());
        assert_eq!(ids(&world, "standing=lapsed"), ["1001"]);
        assert_eq!(facts(&world, "checkout.lapsed"), Vec::<Value>::new(), "time alone proves nothing");
        let shown = page(&world, &id);
        assert!(shown.contains("The reservation of your payment has ended."), "{shown}");
        assert!(!shown.contains("Nothing was charged") && !shown.contains("placed"), "{shown}");
        expire(&world, "ExpiredUnused");
        world.skip(DAY);
        assert_eq!(standing(&world, &id), "lapsed");
        let shown = page(&world, &id);
        assert!(shown.contains("Nothing was charged. The reservation of your payment has ended."), "{shown}");
        let told = facts(&world, "checkout.lapsed");
        assert_eq!(told.len(), 1);
        assert_eq!((&told[0]["chargeId"], &told[0]["reason"]), (&json!(CHARGE), &json!("ExpiredUnused")));
        assert_eq!(told[0]["amount"], usd("14.00"));
        world.skip(30 * DAY);
        assert_eq!(facts(&world, "checkout.lapsed").len(), 1, "told once");
    }
}

// Promise: D16
#[test]
fn what_amazon_cancels_before_its_time_is_shown_as_lapsed() {
    let world = World::in_memory();
    let id = world.placed(&authorized());
    world.complete(&id, SESSION);
    world.let_pass(MINUTE);
    expire(&world, "AmazonCanceled");
    world.skip(2 * DAY);
    assert_eq!(standing(&world, &id), "lapsed");
    assert_eq!(world.checkout(&id)["state"], "authorized", "the outcome of the attempt");
    assert_eq!(facts(&world, "checkout.lapsed").len(), 1);
}

// Promise: D16
#[test]
fn an_order_in_doubt_is_checked_and_one_that_is_declined_is_not_paid() {
    let world = World::in_memory();
    let id = world.placed(&waiting_order());
    world.amazon.fault("finalize", Fault::Declined("HardDeclined"));
    world.complete(&id, SESSION);
    assert_eq!(standing(&world, &id), "notPaid");
    assert!(page(&world, &id).contains(NOT_PAID_MESSAGE));
    world.amazon.open(OTHER_SESSION, session_for(&waiting_order(), OTHER_SESSION, &id));
    world.amazon.fault("finalize", Fault::refusal(429, "TooManyRequests"));
    world.amazon.fault("finalize", Fault::Pending);
    world.complete(&id, OTHER_SESSION);
    assert_eq!(standing(&world, &id), "checking", "never notPaid while an attempt is live");
    world.let_pass(Duration::from_secs(6));
    assert_eq!(standing(&world, &id), "pending");
    world.amazon.decide(CHARGE, "Authorized");
    world.let_pass(MINUTE);
    assert_eq!(standing(&world, &id), "reserved");
}

// Promise: D16
#[test]
fn what_needs_a_person_is_found_by_one_list_and_leaves_it_when_it_is_settled() {
    for engine in ENGINES {
        let world = World::new(engine);
        world.knows_a_charge();
        let id = world.placed(&order());
        assert_eq!(ids(&world, "needsPerson=true"), Vec::<String>::new());
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::refusal(404, "ResourceNotFound"));
        world.complete(&id, SESSION);
        assert_eq!(ids(&world, "needsPerson=true"), Vec::<String>::new(), "a look may still settle it");
        let mut remembered = Value::Null;
        world.amazon.change(SESSION, |session| remembered = session.clone());
        world.amazon.delete(SESSION);
        world.skip(Duration::from_secs(3_600));
        assert_eq!(standing(&world, &id), "unresolved");
        assert_eq!(world.checkout(&id)["needsPerson"], json!(["unresolved"]));
        for query in
            ["needsPerson=true", "state=unresolved", "standing=unresolved", "orderId=1001&needsPerson=true"]
        {
            assert_eq!(ids(&world, query), ["1001"], "{query}");
        }
        assert_eq!(ids(&world, "orderId=0999&needsPerson=true"), Vec::<String>::new());
        world.amazon.open(SESSION, remembered);
        world.skip(2 * DAY);
        assert_eq!(standing(&world, &id), "captured");
        assert_eq!(world.checkout(&id)["needsPerson"], json!([]));
        assert_eq!(ids(&world, "needsPerson=true"), Vec::<String>::new());
    }
}

// Promise: D16
#[test]
fn a_contradicted_payment_is_neither_captured_nor_reserved() {
    let world = World::in_memory();
    let id = world.placed(&order());
    world.complete(&id, SESSION);
    world.amazon.change_charge(CHARGE, |charge| {
        charge["chargeAmount"] = usd("1.00");
        charge["captureAmount"] = usd("1.00");
    });
    world.let_pass(2 * MINUTE);
    assert_eq!(standing(&world, &id), "contradicted");
    assert_eq!(world.fulfilment(&id), (false, "Contradicted".to_owned()));
    assert_eq!(world.checkout(&id)["needsPerson"], json!(["contradicted"]));
    let shown = page(&world, &id);
    assert!(shown.contains("We are checking your payment.") && shown.contains("do not pay again"), "{shown}");
}

// Promise: D16
#[test]
fn data_that_are_lost_need_a_person_until_the_loss_is_confirmed() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let id = world.placed(&order());
        world.amazon.goes_down("permission");
        world.complete(&id, SESSION);
        world.skip(29 * DAY);
        assert_eq!(world.checkout(&id)["needsPerson"], json!([]), "they can still be fetched");
        world.skip(4 * DAY);
        assert_eq!(world.checkout(&id)["needsPerson"], json!(["snapshotMissed"]));
        assert_eq!(standing(&world, &id), "captured", "the money is not in question");
        world.restart();
        assert_eq!(ids(&world, "needsPerson=true"), ["1001"]);
        assert_eq!(world.call("DELETE", &format!("/v1/checkouts/{id}/snapshot"), "").status, 200);
        assert_eq!(ids(&world, "needsPerson=true"), Vec::<String>::new());
        assert_eq!(world.checkout(&id)["needsPerson"], json!([]));
        world.amazon.comes_back();
    }
}

// Promise: D16
#[test]
fn a_charge_that_no_look_can_find_needs_a_person_as_soon_as_that_is_known() {
    let world = World::in_memory();
    let id = world.completed("Authorize");
    world.let_pass(MINUTE);
    // Whatever is sent under this key, Amazon answers with the charge of the first parcel.
    let first = json!({ "chargeId": CHARGE, "chargePermissionId": "S01-5105180-0000001",
        "chargeAmount": usd("40.00"), "statusDetails": { "state": "Authorized" } });
    world.amazon.fault("createCharge", Fault::Answer(201, first.clone()));
    world.amazon.fault("createCharge", Fault::refusal(503, "ServiceUnavailable"));
    let second = json!({ "reference": "2", "chargeAmount": usd("60.00") });
    assert_eq!(world.ask(&id, "charges", &second).status, 202);
    assert_eq!(standing(&world, &id), "checking");
    assert_eq!(world.checkout(&id)["needsPerson"], json!([]), "one answer may be a stray one");
    for _ in 0..40 {
        world.amazon.fault("createCharge", Fault::Answer(201, first.clone()));
    }
    world.let_pass(MINUTE);
    assert_eq!(standing(&world, &id), "checking");
    assert_eq!(world.checkout(&id)["needsPerson"], json!(["operationInDoubt"]));
    assert_eq!(ids(&world, "needsPerson=true"), ["1001"]);
    world.amazon.forget_faults();
    world.skip(DAY);
    assert_eq!(world.checkout(&id)["needsPerson"], json!([]), "Amazon has answered with the charge itself");
    assert_eq!(standing(&world, &id), "reserved");
}

// Promise: D16
#[test]
fn a_webhook_that_was_given_up_needs_a_person_until_it_is_delivered() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let shop = Shop::new(&world.time);
        world.webhook = Some(shop.webhook(SECRET));
        world.restart();
        let id = world.placed(&order());
        shop.answers_always(WebhookAnswer::Status(500));
        world.complete(&id, SESSION);
        world.let_pass(20 * HOUR);
        assert_eq!(world.checkout(&id)["needsPerson"], json!([]), "it will be sent again");
        world.let_pass(20 * HOUR);
        assert_eq!(shop.arrived().len(), 8);
        let event_id = shop.arrived()[0].id().to_owned();
        assert_eq!(world.checkout(&id)["needsPerson"], json!(["webhookGivenUp"]));
        world.restart();
        assert_eq!(ids(&world, "needsPerson=true"), ["1001"]);
        assert_eq!(world.timeline(&id).iter().filter(|it| *it == "WebhookGivenUp").count(), 1);

        let send = |id: &str| world.call("POST", &format!("/v1/webhooks/{id}/send"), "");
        for (answer, told) in [
            (WebhookAnswer::Refused, "refused the connection"),
            (WebhookAnswer::NotSecure, "cannot be reached over TLS: invalid peer certificate: Expired"),
            (WebhookAnswer::Hangs, "did not answer in time"),
            (WebhookAnswer::Status(302), "answered with status 302"),
            (WebhookAnswer::Status(410), "answered with status 410"),
        ] {
            shop.answers([answer]);
            let refused = send(&event_id);
            assert_eq!(refused.refusal(), (409, "WebhookNotTaken".to_owned(), None));
            let message = refused.json()["error"]["message"].clone();
            assert_eq!(message, format!("The shop's webhook endpoint {told}."));
        }
        assert_eq!(ids(&world, "needsPerson=true"), ["1001"], "it was not taken");
        shop.answers_always(WebhookAnswer::Status(200));
        let sent = send(&event_id);
        assert_eq!((sent.status, sent.json()), (200, json!({ "id": event_id, "delivered": true })));
        assert_eq!(shop.arrived().last().unwrap().id(), event_id, "under its own id");
        assert_eq!(ids(&world, "needsPerson=true"), Vec::<String>::new());
        assert_eq!(world.checkout(&id)["needsPerson"], json!([]));
        // A second time it is delivered again, and nothing else changes.
        let timeline = world.timeline(&id);
        assert_eq!(send(&event_id).status, 200);
        assert_eq!(world.timeline(&id), timeline);
        for unknown in ["evt_999", "evt_0", "x"] {
            let field = Some("eventId".to_owned());
            assert_eq!(send(unknown).refusal(), (404, "NoSuchEvent".to_owned(), field), "{unknown}");
        }
        let path = format!("/v1/webhooks/{event_id}/send");
        let refused = world.call("POST", &path, r#"{"now":true}"#).refusal();
        assert_eq!(refused, (400, "InvalidValue".to_owned(), Some("body".to_owned())));
        assert_eq!(world.call("POST", &path, "{}").status, 200);
    }
    let world = World::in_memory();
    assert_eq!(world.call("POST", "/v1/webhooks/evt_1/send", "").refusal().1, "NoWebhook");
}

// Promise: D16
#[test]
fn lists_of_a_standing_are_complete_and_without_repetition_page_by_page() {
    for engine in ENGINES {
        let world = World::new(engine);
        // Half of the authorizations end in two days, the others in thirty.
        for number in 0..220 {
            let order = numbered(number);
            let id = world.register(&order);
            let session = format!("s{number}");
            world.amazon.authorizes_for(if number % 2 == 0 { 2 * DAY } else { 30 * DAY });
            world.amazon.open(&session, session_for(&order, &session, &id));
            assert_eq!(world.complete(&id, &session).status, 200);
        }
        world.let_pass(2 * MINUTE);
        for number in 220..225 {
            world.register(&numbered(number));
        }
        assert_eq!(ids(&world, "standing=reserved").len(), 220);
        assert_eq!(ids(&world, "standing=awaitingPayment").len(), 5);
        world.time.advance(3 * DAY);
        let lapsed = ids(&world, "standing=lapsed");
        let distinct: std::collections::BTreeSet<_> = lapsed.iter().collect();
        assert_eq!((lapsed.len(), distinct.len()), (110, 110));
        assert_eq!(ids(&world, "standing=reserved").len(), 110);
        world.let_pass(MINUTE);
        assert_eq!(ids(&world, "standing=lapsed").len(), 110, "after the timers have run");
    }
}

#[test]
fn a_list_of_a_standing_that_cannot_be_read_is_refused_naming_the_field() {
    let world = World::in_memory();
    for (query, field) in [
        ("standing=open", "standing"),
        ("standing=Captured", "standing"),
        ("needsPerson=false", "needsPerson"),
        ("needsPerson=1", "needsPerson"),
        ("state=paid&standing=captured", "standing"),
        ("standing=captured&needsPerson=true", "needsPerson"),
        ("needsPerson=true&state=paid", "state"),
        ("standing=captured&after=paid:1", "after"),
        ("standing=captured&after=now.refunded:1", "after"),
        ("standing=reserved&after=now.reserved.x:1", "after"),
        ("needsPerson=true&after=paid:1", "after"),
        ("after=now.captured:1", "after"),
        ("needsPerson=true&orderId=1&after=person:1", "after"),
    ] {
        let refused = world.get(&format!("/v1/checkouts?{query}"));
        assert_eq!(refused.refusal(), (400, "InvalidValue".to_owned(), Some(field.to_owned())), "{query}");
    }
    for query in [
        "standing=captured&after=now.captured:1",
        "standing=lapsed&after=now.reserved.001795448820000:1",
        "standing=checking&after=checking:1",
        "standing=checking&after=now.checking:1",
        "needsPerson=true&after=person:1",
    ] {
        assert_eq!(world.get(&format!("/v1/checkouts?{query}")).status, 200, "{query}");
    }
}
