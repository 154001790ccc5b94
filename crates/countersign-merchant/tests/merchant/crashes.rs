//! Each call of the merchant API, with the process killed at each of its commits, before and after the commit
//! is applied; then a restart from what was stored, the timers, and the same request again. Nothing has a
//! second effect, and nothing that was begun is lost.

use std::collections::HashSet;
use std::time::Duration;

use countersign_store::contract::{Key, Store as _};
use serde_json::{Value, json};

use super::world::{ENGINES, Engine, HttpAnswer, SESSION, World, order_of_100, usd};

const MINUTE: Duration = Duration::from_secs(60);
const ORDER: &str = "1001";

/// A call, and what happens before it.
struct Case {
    name: &'static str,
    method: &'static str,
    /// Appended to the checkout's path; `None` for the list itself.
    path: Option<&'static str>,
    body: fn() -> Value,
    prepare: fn(&World),
}

fn reference() -> Value {
    json!({ "reference": "r" })
}

fn cases() -> Vec<Case> {
    let completed_and = |intent: &'static str| match intent {
        "Confirm" => (|world: &World| drop(world.completed("Confirm"))) as fn(&World),
        "Authorize" => |world: &World| drop(world.completed("Authorize")),
        _ => |world: &World| drop(world.completed("AuthorizeWithCapture")),
    };
    let post = |name, body, prepare| Case { name, method: "POST", path: Some(name), body, prepare };
    vec![
        Case {
            name: "register",
            method: "POST",
            path: None,
            body: || order_of_100("Authorize"),
            prepare: |_| (),
        },
        Case {
            name: "terms",
            method: "PUT",
            path: Some("terms"),
            body: || {
                let mut terms = order_of_100("Authorize");
                for member in ["orderId", "startOfCheckoutUrl", "successUrl"] {
                    terms.as_object_mut().unwrap().remove(member);
                }
                terms["termsVersion"] = json!(1);
                terms["paymentDetails"]["chargeAmount"] = usd("41.00");
                terms
            },
            prepare: |world| drop(world.register(&order_of_100("Authorize"))),
        },
        post(
            "complete",
            || json!({ "amazonCheckoutSessionId": SESSION }),
            |world| {
                drop(world.placed(&order_of_100("Authorize")));
            },
        ),
        post(
            "charges",
            || json!({ "reference": "r", "chargeAmount": usd("60.00") }),
            completed_and("Authorize"),
        ),
        post("captures", reference, completed_and("Authorize")),
        post("refunds", reference, completed_and("AuthorizeWithCapture")),
        post("close", reference, completed_and("Confirm")),
        Case { name: "cancel, authorized", ..post("cancel", reference, completed_and("Authorize")) },
        Case { name: "cancel, captured", ..post("cancel", reference, completed_and("AuthorizeWithCapture")) },
        Case {
            name: "erase",
            method: "DELETE",
            path: Some("snapshot"),
            body: || Value::Null,
            prepare: |world| {
                world.completed("Authorize");
                world.let_pass(MINUTE);
            },
        },
    ]
}

/// The checkout of the order, if it was registered.
fn checkout_id(world: &World) -> Option<String> {
    let listed = world.get(&format!("/v1/checkouts?orderId={ORDER}")).json();
    listed["checkouts"][0]["checkoutId"].as_str().map(str::to_owned)
}

/// The stored states of the order's attempts, operations and cancellation.
fn written(world: &World, id: Option<&str>) -> String {
    let Some(id) = id else { return "nothing".to_owned() };
    let key = Key { collection: "checkout", id: id.to_owned() };
    let documents = world.run(world.store.load(std::slice::from_ref(&key))).unwrap();
    let Some(document) = documents.into_iter().next().flatten() else { return "nothing".to_owned() };
    let stored: Value = serde_json::from_slice(&document.bytes).unwrap();
    let variant = |value: &Value| match value {
        Value::String(word) => word.clone(),
        other => other.as_object().and_then(|it| it.keys().next()).cloned().unwrap_or_default(),
    };
    let stored = &stored["checkout"];
    let mut words = vec![format!("terms {}", stored["terms_version"])];
    for attempt in stored["attempts"].as_array().unwrap() {
        let completion = attempt["state"]["Completed"].get("completion");
        words.push(match (variant(&attempt["state"]["Finalize"]).as_str(), completion) {
            ("Recorded", _) => "Approved".to_owned(),
            ("Sent", _) => "Finalizing".to_owned(),
            ("", completion) => variant(completion.unwrap_or(&attempt["state"])),
            (in_flight, _) => in_flight.to_owned(),
        });
    }
    for operation in stored["payment"]["operations"].as_array().into_iter().flatten() {
        let state = match variant(&operation["state"]["InFlight"]).as_str() {
            "" => variant(&operation["state"]),
            "Sent" => "Sending".to_owned(),
            in_flight => in_flight.to_owned(),
        };
        words.push(format!("{} {state}", variant(&operation["request"])));
    }
    if let Some(cancellation) = stored["cancellation"].as_object() {
        let is_done = variant(&cancellation["state"]) == "Done";
        words.push(if is_done { "canceled" } else { "to be canceled" }.to_owned());
    }
    words.join(", ")
}

fn told(answer: &HttpAnswer) -> String {
    let json = answer.json();
    let word = json["outcome"].as_str().or(json["state"].as_str()).or(json["error"]["code"].as_str());
    format!("{} {}", answer.status, word.unwrap_or(""))
}

/// The request of a case.
fn request(world: &World, case: &Case, id: Option<&str>) -> impl Future<Output = HttpAnswer> + use<> {
    let path = match (case.path, id) {
        (Some(path), Some(id)) => format!("/v1/checkouts/{id}/{path}"),
        _ => "/v1/checkouts".to_owned(),
    };
    let body = (case.body)();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    world.request(case.method, &path, &body)
}

/// The rows of a case: one before and one after each commit that it makes.
fn rows(engine: Engine, case: &Case) -> Vec<String> {
    let undisturbed = World::new(engine);
    (case.prepare)(&undisturbed);
    let answer = undisturbed.run(request(&undisturbed, case, checkout_id(&undisturbed).as_deref()));
    assert!(answer.status < 300, "{}: {}", case.name, answer.text);
    undisturbed.let_pass(2 * MINUTE);
    let expected = (undisturbed.amazon.money(), undisturbed.amazon.permission_state());

    let mut rows = Vec::new();
    for step in 1.. {
        for is_applied in [false, true] {
            let mut world = World::new(engine);
            (case.prepare)(&world);
            let id = checkout_id(&world);
            world.store.hook.dies_at(step, is_applied);
            if world.run_until_it_stops(request(&world, case, id.as_deref())).is_some() {
                assert!(step > 1, "{}: no commit at all", case.name);
                world.store.hook.lives_on();
                return rows;
            }
            let at_the_crash = world.amazon.money();
            world.reopen();
            let id = id.or_else(|| {
                let documents = world.run(world.store.load(&[order_key()])).unwrap();
                let order = documents.into_iter().next().flatten();
                order.map(|order| String::from_utf8(order.bytes.to_vec()).unwrap())
            });
            let left = written(&world, id.as_deref());
            world.restart();
            let started = written(&world, id.as_deref());
            world.let_pass(MINUTE);
            let later = written(&world, id.as_deref());
            let by_itself = world.amazon.money();
            let again = world.run(request(&world, case, id.as_deref()));
            world.let_pass(MINUTE);
            let name = case.name;
            let side = if is_applied { "after" } else { "before" };
            let outcome = (world.amazon.money(), world.amazon.permission_state());
            assert_eq!(outcome, expected, "{name}, {side} commit {step}");
            assert_one_effect(&world, name);
            rows.push(format!(
                "{name} | {side} {step} | {left} | {started} | {later} | {at_the_crash} -> {by_itself} | {}",
                told(&again)
            ));
        }
    }
    rows
}

fn order_key() -> Key {
    Key { collection: "order", id: ORDER.to_owned() }
}

/// Asserts that whatever was sent twice had the same key and bytes.
fn assert_one_effect(world: &World, name: &str) {
    for operation in ["finalize", "createCharge", "captureCharge", "cancelCharge", "createRefund", "close"] {
        let arrived = world.amazon.arrived(operation);
        let distinct: HashSet<_> = arrived.iter().map(|it| (&it.key, &it.body)).collect();
        assert!(distinct.len() <= 1, "{name}: {operation} {arrived:?}");
    }
}

#[test]
fn a_call_whose_process_is_killed_at_any_commit_is_finished_after_the_restart() {
    let mut tables = Vec::new();
    for engine in ENGINES {
        let rows = cases().iter().flat_map(|case| rows(engine, case)).collect::<Vec<_>>();
        tables.push(rows.join("\n"));
    }
    assert_eq!(tables[0], tables[1], "both engines");
    insta::assert_snapshot!(format!(
        "call | killed at commit | written then | after the restart | a minute later | money at Amazon, then \
         and a minute later | the same request again\n{}",
        tables[0]
    ));
}
