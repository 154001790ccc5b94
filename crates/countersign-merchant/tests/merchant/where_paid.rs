//! The price of an order is the price for the address with which it is paid. A page cannot lower it by sending only
//! part of the address or by skipping the quote; a buyer who uses another card can pay if the price is the same there.

use std::time::Duration;

use serde_json::{Value, json};

use super::browser::Page;
use super::logs::logged;
use super::quoting::{Hook, HookAnswer, at, cart, error, table, world_of_a_table};
use super::world::{OTHER_SESSION, SESSION, World, address, order, session_for};

/// A hook that adds a tax for Washington, and does not ship to Berlin.
fn by_state(question: &Value) -> HookAnswer {
    let address = match &question["shippingAddress"] {
        Value::Null => &question["billingAddress"],
        address => address,
    };
    if address["city"] == "Berlin" {
        return HookAnswer::Json(error("shippingAddressInvalid"));
    }
    let (tax, charge) = if address["stateOrRegion"] == "WA" { ("1.00", "15.00") } else { ("0.00", "14.00") };
    let mut cart = cart("14.00", "0.00", tax, charge);
    if question["shippingAddress"].is_null() {
        cart.as_object_mut().unwrap().remove("deliveryOptions");
    }
    HookAnswer::Json(cart)
}

/// The test buyer's address, in this state.
fn in_state(state: &str) -> Value {
    let mut address = address();
    address["stateOrRegion"] = json!(state);
    address
}

#[test]
fn an_address_that_was_sent_in_part_or_not_at_all_is_priced_once_more_before_it_is_paid() {
    let whole = in_state("WA");
    let without = |member: &str| {
        let mut address = in_state("WA");
        address.as_object_mut().unwrap().remove(member);
        address
    };
    // The address that the page sends, that of its session, the status, and how often the hook is asked.
    for (product, told, lives, status, asked) in [
        ("PayAndShip", whole.clone(), whole.clone(), 200, 1),
        ("PayAndShip", without("name"), whole.clone(), 200, 1),
        ("PayAndShip", without("stateOrRegion"), whole.clone(), 402, 2),
        ("PayAndShip", json!({}), whole.clone(), 402, 2),
        ("PayAndShip", json!({}), in_state("OR"), 200, 2),
        ("PayOnly", whole.clone(), whole.clone(), 200, 1),
        ("PayOnly", without("addressLine1"), whole.clone(), 200, 2),
        ("PayOnly", in_state("OR"), whole.clone(), 402, 2),
        ("PayOnly", Value::Null, whole.clone(), 402, 2),
        ("PayOnly", Value::Null, in_state("OR"), 200, 2),
    ] {
        let (world, hook) = Hook::asked();
        hook.says(by_state);
        let mut order = order();
        order["productType"] = json!(product);
        let page = Page::open(&world, &order);
        let member = if product == "PayAndShip" { "shippingAddress" } else { "billingAddress" };
        let quoted = page.ask("init", &json!({ member: told })).json()["totalChargeAmount"].clone();
        order["paymentDetails"]["chargeAmount"] = quoted;
        world.amazon.open(SESSION, session_for(&order, SESSION, &page.checkout_id));
        world.amazon.change(SESSION, |session| session[member] = lives.clone());
        let answer = page.ask("complete", &json!({ "amazonCheckoutSessionId": SESSION }));
        let what = format!("{product} {told} {lives}");
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        let sent = world.amazon.arrived("finalize");
        assert_eq!((sent.len(), hook.bodies().len()), (usize::from(status == 200), asked), "{what}");
        if let Some(sent) = sent.first() {
            let body: Value = serde_json::from_slice(&sent.body).unwrap();
            assert_eq!(body[member], lives, "{what}");
        } else {
            assert_eq!(answer.json()["reason"], "AddressDrift", "{what}");
        }
        if asked == 2 {
            assert_eq!(hook.bodies()[1]["trigger"], "complete");
        }
    }
}

#[test]
fn another_card_than_in_the_first_event_pays_where_that_costs_the_same() {
    for (quoting, member, other, status) in [
        (false, "countryCode", "CA", 200),
        (false, "name", "R. Tester", 200),
        (true, "name", "R. Tester", 200),
        (true, "countryCode", "CA", 402),
    ] {
        let mut world = World::in_memory();
        if quoting {
            world.storefront.quote_table = table();
            world.restart();
        }
        let mut order = order();
        order["productType"] = json!("PayOnly");
        let page = Page::open(&world, &order);
        order["paymentDetails"]["chargeAmount"] = page.init().json()["totalChargeAmount"].clone();
        world.amazon.open(SESSION, session_for(&order, SESSION, &page.checkout_id));
        world.amazon.change(SESSION, |session| session["billingAddress"][member] = json!(other));
        let answer = page.ask("complete", &json!({ "amazonCheckoutSessionId": SESSION }));
        assert_eq!(answer.status, status, "{quoting} {member}: {}", answer.text);
        assert_eq!(world.amazon.arrived("finalize").len(), usize::from(status == 200));
    }
}

#[test]
fn a_hook_that_is_silent_when_the_order_is_placed_is_asked_again() {
    for answers in [true, false] {
        let (world, hook) = Hook::asked();
        hook.says(by_state);
        let page = Page::open(&world, &order());
        page.ask("init", &json!({ "shippingAddress": { "countryCode": "US" } }));
        hook.always(HookAnswer::Hangs);
        world.amazon.open(SESSION, session_for(&at("14.00"), SESSION, &page.checkout_id));
        world.amazon.change(SESSION, |session| session["shippingAddress"] = in_state("OR"));
        let placed = page.ask("complete", &json!({ "amazonCheckoutSessionId": SESSION }));
        assert_eq!(placed.status, 202);
        assert_eq!(world.amazon.arrived("finalize").len(), 0);
        if answers {
            hook.says(by_state);
        }
        world.skip(Duration::from_secs(20 * 60));
        assert_eq!(page.stands()["state"], if answers { "paid" } else { "notPaid" });
        assert_eq!(world.amazon.arrived("finalize").len(), usize::from(answers));
    }
}

#[test]
fn a_tax_by_country_needs_one() {
    let world = world_of_a_table();
    let mut order = order();
    order["productType"] = json!("PayOnly");
    let page = Page::open(&world, &order);
    let asked = || page.ask("init", &json!({ "shippingAddress": address() }));
    let log = logged(|| assert_eq!(asked().json(), error("unknownError"))).concat();
    assert!(log.contains("the button must request the scope billingAddress"), "{log}");
    assert_eq!(page.complete_with(SESSION, &order).json()["reason"], "TermsMismatch", "nothing is paid");
}

#[test]
fn a_page_that_never_asks_what_the_order_costs_pays_nothing_for_it() {
    for hooked in [false, true] {
        let (mut world, _hook) = Hook::asked();
        if !hooked {
            world.quote_hook = None;
            world.storefront.quote_table = table();
            world.restart();
        }
        let page = Page::open(&world, &order());
        let log = logged(|| {
            let answer = page.complete_with(SESSION, &order());
            assert_eq!((answer.status, answer.json()["reason"].as_str()), (402, Some("TermsMismatch")));
        });
        let log = log.concat();
        assert!(log.contains("a buyer's page completed an order without asking for a quote"), "{log}");
        assert_eq!(world.checkout(&page.checkout_id)["attempts"][0]["field"], "paymentDetails.chargeAmount");
        assert_eq!(world.amazon.arrived("finalize").len(), 0);
        // A bound session has the same outcome for every caller, and a later quote changes nothing.
        page.init();
        assert_eq!(page.complete_with(SESSION, &order()).status, 402);
        assert_eq!(world.complete(&page.checkout_id, SESSION).status, 402);
        // The shop's own server knows what its order costs.
        let mut another = order();
        another["orderId"] = json!("another");
        let id = Page::open(&world, &another).checkout_id;
        world.amazon.open(OTHER_SESSION, session_for(&another, OTHER_SESSION, &id));
        assert_eq!(world.complete(&id, OTHER_SESSION).status, 200);
    }
}

#[test]
fn what_was_priced_by_a_quote_is_not_paid_by_terms_that_the_shop_sets_after_it() {
    let (world, hook) = Hook::asked();
    hook.says(by_state);
    let page = Page::open(&world, &order());
    page.ask("init", &json!({ "shippingAddress": { "countryCode": "US" } }));
    hook.always(HookAnswer::Hangs);
    world.amazon.open(SESSION, session_for(&at("14.00"), SESSION, &page.checkout_id));
    let complete = || page.ask("complete", &json!({ "amazonCheckoutSessionId": SESSION }));
    assert_eq!(complete().status, 202);
    // The shop changes the terms, which voids the quote.
    let (path, terms) = page.change_of_terms(&at("14.00"), page.terms().1);
    assert_eq!(world.call("PUT", &path, &terms).status, 200);
    hook.says(by_state);
    world.skip(Duration::from_secs(60));
    assert_eq!(complete().json()["reason"], "TermsMismatch");
    assert_eq!(world.amazon.arrived("finalize").len(), 0);
    assert_eq!(page.told("TermsChanged").len(), 1);
}

#[test]
fn a_session_that_disagrees_anyway_waits_for_no_answer_of_the_hook() {
    let (world, hook) = Hook::asked();
    hook.says(by_state);
    let page = Page::open(&world, &order());
    page.ask("init", &json!({ "shippingAddress": { "countryCode": "US" } }));
    hook.always(HookAnswer::Hangs);
    let answer = page.complete_with(SESSION, &at("0.01"));
    assert_eq!((answer.status, answer.json()["reason"].as_str()), (402, Some("TermsMismatch")));
}

#[test]
fn a_hook_that_does_not_know_the_question_has_answered() {
    for (says, is_over) in [
        (HookAnswer::Text(400, "what?".to_owned()), true),
        (HookAnswer::Json(json!({ "status": "error", "reasonCode": "tomorrow" })), true),
        (HookAnswer::Json(json!({ "totalBaseAmount": 14 })), true),
        (HookAnswer::Json(cart("14.00", "0.00", "1.00", "15.00")), true),
        (HookAnswer::Text(503, "soon".to_owned()), false),
        (HookAnswer::Lost, false),
    ] {
        let (world, hook) = Hook::asked();
        hook.says(by_state);
        let page = Page::open(&world, &order());
        page.ask("init", &json!({ "shippingAddress": { "countryCode": "US" } }));
        hook.always(says.clone());
        let answer = page.complete_with(SESSION, &at("14.00"));
        assert_eq!(answer.status, if is_over { 402 } else { 202 }, "{says:?}: {}", answer.text);
        assert_eq!(page.told("QuoteRefused").len(), usize::from(is_over), "{says:?}");
        assert_eq!(world.amazon.arrived("finalize").len(), 0);
    }
}

#[test]
fn the_last_quote_of_an_order_is_paid_where_it_costs_the_same() {
    let (world, hook) = Hook::asked();
    hook.says(by_state);
    let page = Page::open(&world, &order());
    for _ in 0..500 {
        page.ask("init", &json!({ "shippingAddress": { "countryCode": "US", "stateOrRegion": "WA" } }));
    }
    assert_eq!(page.complete_with(SESSION, &at("15.00")).status, 200);
}
