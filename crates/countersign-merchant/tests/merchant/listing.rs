//! Looks up checkouts: one, that of an order, those in a state, and all, page by page.

use serde_json::{Value, json};

use super::amazon::Fault;
use super::world::{ALICE, ENGINES, SESSION, World, order, session_for};

fn numbered(number: usize) -> Value {
    let mut order = order();
    order["orderId"] = json!(format!("{number}"));
    order
}

fn orders(page: &Value) -> Vec<String> {
    let checkouts = page["checkouts"].as_array().unwrap().iter();
    checkouts.map(|checkout| checkout["orderId"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_checkout_shows_its_state_attempts_ids_amounts_and_timeline() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.complete(&checkout_id, SESSION);
    insta::assert_snapshot!(serde_json::to_string_pretty(&world.checkout(&checkout_id)).unwrap());
    assert_eq!(world.get("/v1/checkouts/nowhere").refusal(), (404, "NoSuchCheckout".to_owned(), None));
}

#[test]
fn a_timeline_over_the_limit_shows_its_newest_entries() {
    let world = World::in_memory();
    let checkout_id = world.register(&order());
    let terms = |version: usize| {
        let mut terms = order();
        for member in ["orderId", "startOfCheckoutUrl", "successUrl"] {
            terms.as_object_mut().unwrap().remove(member);
        }
        terms["termsVersion"] = json!(version);
        terms.to_string()
    };
    for version in 1..=1_100 {
        let path = format!("/v1/checkouts/{checkout_id}/terms");
        assert_eq!(world.call("PUT", &path, &terms(version)).status, 200);
    }
    let shown = world.checkout(&checkout_id);
    let timeline = shown["timeline"].as_array().unwrap();
    assert_eq!(timeline.len(), 1_000);
    assert_eq!(timeline.last().unwrap()["detail"], "version 1101");
}

#[test]
fn lists_are_complete_and_without_repetition_page_by_page() {
    for engine in ENGINES {
        let world = World::new(engine);
        for number in 0..250 {
            world.register(&numbered(number));
        }
        for query in ["", "state=registered"] {
            let (mut seen, mut pages, mut after) = (Vec::new(), Vec::new(), Value::Null);
            loop {
                let cursor = after.as_str().map(|after| format!("&after={after}")).unwrap_or_default();
                let page = world.get(&format!("/v1/checkouts?{query}{cursor}")).json();
                seen.extend(orders(&page));
                pages.push(orders(&page).len());
                after = page["after"].clone();
                if after.is_null() {
                    break;
                }
            }
            assert_eq!(pages, [100, 100, 50], "{query}");
            let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
            assert_eq!(distinct.len(), 250);
        }
        assert_eq!(world.get("/v1/checkouts?state=paid").json(), json!({ "checkouts": [], "after": null }));
    }
}

#[test]
fn a_list_is_of_a_state_or_an_order() {
    let world = World::in_memory();
    let ids: Vec<_> = (0..4).map(|number| world.register(&numbered(number))).collect();
    for (number, fault) in
        [(1, Fault::Nothing), (2, Fault::refusal(422, "HardDeclined")), (3, Fault::LostBefore)]
    {
        let session = format!("s{number}");
        world.amazon.open(&session, session_for(&order(), &session, &ids[number]));
        world.amazon.fault("finalize", fault);
        if number == 3 {
            world.amazon.fault("session", Fault::Nothing);
            world.amazon.goes_down("session");
        }
        world.complete(&ids[number], &session);
    }
    for (query, expected) in [
        ("state=registered", vec!["0"]),
        ("state=paid", vec!["1"]),
        ("state=notPaid", vec!["2"]),
        ("state=checking", vec!["3"]),
        ("state=pending", vec![]),
        ("orderId=2", vec!["2"]),
        ("orderId=2&state=notPaid", vec!["2"]),
        ("orderId=2&state=paid", vec![]),
        ("orderId=9", vec![]),
        ("after=", vec!["3", "2", "1", "0"]),
    ] {
        let page = world.get(&format!("/v1/checkouts?{query}"));
        assert_eq!(page.status, 200, "{query}");
        assert_eq!(orders(&page.json()), expected, "{query}");
    }
}

#[test]
fn an_order_number_is_found_however_it_is_spelled_in_a_query() {
    let world = World::in_memory();
    let mut order = order();
    order["orderId"] = json!("a b/ü&");
    world.register(&order);
    let page = world.get("/v1/checkouts?orderId=a+b%2F%C3%BC%26").json();
    assert_eq!(orders(&page), ["a b/ü&"]);
}

#[test]
fn a_query_that_cannot_be_read_is_refused_naming_the_field() {
    let world = World::in_memory();
    for (query, field) in [
        ("state=open", "state"),
        ("orderId=", "orderId"),
        ("orderId", "orderId"),
        ("orderId=1&orderId=1", "orderId"),
        ("state=", "state"),
        ("standing=", "standing"),
        ("needsPerson=", "needsPerson"),
        ("orderId=%zz", "orderId"),
        ("orderId=%ff", "orderId"),
        ("after=x", "after"),
        ("after=open:1", "after"),
        ("after=paid:1&state=checking", "after"),
        ("after=paid:1&orderId=1001", "after"),
    ] {
        let refused = world.get(&format!("/v1/checkouts?{query}"));
        assert_eq!(refused.refusal(), (400, "InvalidValue".to_owned(), Some(field.to_owned())), "{query}");
    }
    let long = world.get(&format!("/v1/checkouts?orderId={}", "x".repeat(129)));
    assert_eq!(long.refusal(), (400, "InvalidValue".to_owned(), Some("orderId".to_owned())));
}

#[test]
fn a_parameter_that_a_path_does_not_take_is_refused_by_its_name() {
    let world = World::in_memory();
    let id = world.completed("Authorize");
    let checkout = format!("/v1/checkouts/{id}");
    for (path, taken) in [
        ("/v1/checkouts".to_owned(), "orderId, state, standing, needsPerson, after"),
        ("/v1/events".to_owned(), "after, limit"),
        (format!("{checkout}/explanation"), "after, limit"),
        (format!("{checkout}/fulfilment"), "chargeId, maxAge"),
        (format!("{checkout}/snapshot"), "none"),
        (checkout.clone(), "none"),
    ] {
        let refused = world.get(&format!("{path}?maxage=0"));
        assert_eq!(
            refused.refusal(),
            (400, "UnrecognizedField".to_owned(), Some("maxage".to_owned())),
            "{path}"
        );
        let message = format!("[maxage] is not a parameter of this path, which takes {taken}.");
        assert_eq!(refused.json()["error"]["message"], message.as_str());
        assert_eq!(world.get(&format!("{path}?")).status, world.get(&path).status, "{path}");
    }
    let inquiry = format!("{checkout}/attempts/1/decision?now=1");
    let alice = format!("Bearer {ALICE}");
    let refused = world.run(world.request_with("GET", &inquiry, "", Some(&alice)));
    assert_eq!(refused.refusal(), (400, "UnrecognizedField".to_owned(), Some("now".to_owned())));
}
