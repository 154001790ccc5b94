//! Ids that no Amazon gives are refused with the member that has them. What sources disagree about is accepted.

use serde_json::{Value, json};

use super::amazon::session_id;
use super::world::{SESSION, World, order, usd};

const CHARGE: &str = "S01-5105180-0000001-C000001";

fn is(status: u16, code: &str, field: &str) -> (u16, String, Option<String>) {
    (status, code.to_owned(), Some(field.to_owned()))
}

#[test]
fn a_session_that_cannot_be_amazons_is_refused_before_anything_is_asked() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    let browser_token =
        world.call("POST", "/v1/checkouts", &order().to_string()).json()["browserToken"].clone();
    let upper_case = SESSION.to_uppercase();
    for session in [
        "s2",
        "CHECKOUT_SESSION_ID",
        upper_case.as_str(),
        &SESSION.replace('-', ""),
        &SESSION[1..],
        &format!("{SESSION}0"),
        &SESSION.replace('b', "g"),
        "S01-5105180-0000001",
        CHARGE,
    ] {
        let body = json!({ "amazonCheckoutSessionId": session }).to_string();
        let answer = world.call("POST", &format!("/v1/checkouts/{checkout_id}/complete"), &body);
        assert_eq!(answer.refusal(), is(400, "InvalidValue", "amazonCheckoutSessionId"), "{session}");
        let path = format!("/browser/{}/complete", browser_token.as_str().unwrap());
        let answer = world.run(world.request_with("POST", &path, &body, None));
        assert_eq!(answer.refusal(), is(400, "InvalidValue", "amazonCheckoutSessionId"), "{session}");
    }
    assert_eq!(world.amazon.arrived("session").len(), 0);
    assert_eq!(world.attempts(&checkout_id), [""; 0]);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
    assert_eq!(session_id(SESSION), SESSION);
}

#[test]
fn a_charge_that_cannot_be_amazons_is_refused_as_such_and_another_as_unknown() {
    let world = World::in_memory();
    let checkout_id = world.completed("AuthorizeWithCapture");
    let impossible = [
        "S01-5105180-0000001",
        "S01-5105180-0000001-R000001",
        "S01-5105180-0000001-C00001",
        "S01-510518-0000001-C000001",
        // This server is configured for the sandbox.
        "P01-5105180-0000001-C000001",
        SESSION,
    ];
    // Another region's digits and other first letters may be Amazon's.
    let possible =
        ["S01-5105180-0000001-C000009", "S21-5105180-0000001-C000001", "B01-5105180-0000001-C000001"];
    let refused = |charge: &str| {
        let ask = |call: &str, body: Value| world.ask(&checkout_id, call, &body).refusal();
        let shown = world.get(&format!("/v1/checkouts/{checkout_id}/fulfilment?chargeId={charge}"));
        [
            ask("captures", json!({ "reference": format!("c {charge}"), "chargeId": charge })),
            ask("refunds", json!({ "reference": format!("r {charge}"), "chargeId": charge })),
            ask(
                "shipments",
                json!({ "reference": format!("s {charge}"), "chargeId": charge, "amount": usd("1.00") }),
            ),
            shown.refusal(),
        ]
    };
    for charge in impossible {
        for refusal in refused(charge) {
            assert_eq!(refusal, is(400, "InvalidValue", "chargeId"), "{charge}");
        }
    }
    for charge in possible {
        let [capture, refund, shipment, fulfilment] = refused(charge);
        for refusal in [capture, refund, shipment] {
            assert_eq!(refusal, is(400, "NoSuchCharge", "chargeId"), "{charge}");
        }
        assert_eq!(fulfilment, is(404, "NoSuchCharge", "chargeId"), "{charge}");
    }
}
