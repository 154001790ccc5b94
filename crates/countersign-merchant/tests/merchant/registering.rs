//! Orders are registered, and their terms are changed.

use serde_json::{Value, json};

use super::world::{ENGINES, OTHER_SESSION, SESSION, World, address, order, session_for};

#[test]
fn an_order_is_registered_once() {
    for engine in ENGINES {
        let world = World::new(engine);
        let first = world.call("POST", "/v1/checkouts", &order().to_string());
        assert_eq!(first.status, 201);
        let registered = first.json();
        assert_eq!(registered["orderId"], "1001");
        assert_eq!(registered["state"], "registered");
        assert_eq!(registered["termsVersion"], 1);
        assert!(registered["browserToken"].as_str().unwrap().len() >= 32);
        let result_url = registered["resultUrl"].as_str().unwrap();
        assert!(result_url.starts_with("https://pay.example/result/"));
        assert!(!result_url.contains(registered["browserToken"].as_str().unwrap()));

        let second = world.call("POST", "/v1/checkouts", &order().to_string());
        assert_eq!((second.status, second.json()), (200, registered));
    }
}

#[test]
fn the_button_has_all_that_amazon_checks_later() {
    let world = World::in_memory();
    let mut order = order();
    order["supplementaryData"] = json!("{\"airline\":1}");
    order["checkoutLanguage"] = json!("en_GB");
    let registered = world.call("POST", "/v1/checkouts", &order.to_string()).json();
    let button = &registered["button"];
    assert_eq!(button["merchantId"], "M1");
    assert_eq!(button["publicKeyId"], "SANDBOX-K1");
    assert_eq!(button["ledgerCurrency"], "USD");
    assert_eq!(button["checkoutLanguage"], "en_GB");
    assert_eq!(button["productType"], "PayAndShip");
    assert_eq!(button["sandbox"], true);
    let config = &button["checkoutSessionConfig"];
    assert_eq!(config["storeId"], "amzn1.application-oa2-client.1");
    assert_eq!(config["paymentDetails"]["paymentIntent"], "AuthorizeWithCapture");
    assert_eq!(config["paymentDetails"]["chargeAmount"], json!({ "amount": "14.00", "currencyCode": "USD" }));
    assert_eq!(config["supplementaryData"], "{\"airline\":1}");
    assert_eq!(config["merchantMetadata"]["merchantReferenceId"], registered["checkoutId"]);
}

#[test]
fn an_order_that_can_never_be_paid_is_refused_naming_the_field() {
    let with = |members: &[(&str, Value)]| {
        let mut order = order();
        for (pointer, value) in members {
            *order.pointer_mut(pointer).unwrap() = value.clone();
        }
        order
    };
    let amount = |currency: &str| {
        ("/paymentDetails/chargeAmount", json!({ "amount": "14", "currencyCode": currency }))
    };
    let address = |change: fn(&mut Value)| {
        let mut address = address();
        change(&mut address);
        json!(address)
    };
    let country = |code: &str| {
        let mut address = address(|_| ());
        address["countryCode"] = json!(code);
        address
    };
    let to = |address: Value| {
        let mut order = order();
        order["shippingAddress"] = address;
        order
    };
    let (currency, code) = ("paymentDetails.chargeAmount", "shippingAddress.countryCode");
    let cases = [
        (with(&[amount("GBP")]), "InvalidValue", currency),
        (with(&[amount("EUR")]), "InvalidValue", currency),
        (with(&[amount("JPY")]), "InvalidValue", currency),
        (to(country("USA")), "InvalidValue", code),
        (to(country("us")), "InvalidValue", code),
        (to(country("UK")), "InvalidValue", code),
        (to(country("ZZ")), "InvalidValue", code),
        (to(country("U S")), "InvalidValue", code),
        (to(json!({})), "MissingValue", "shippingAddress.addressLine1"),
        (to(json!({ "name": "Robin Tester" })), "MissingValue", "shippingAddress.addressLine1"),
        (to(address(|it| it["addressLine1"] = json!(" "))), "MissingValue", "shippingAddress.addressLine1"),
        (to(address(|it| it["countryCode"] = Value::Null)), "MissingValue", code),
        (to(country(" ")), "MissingValue", code),
    ];
    let world = World::in_memory();
    let registered = world.register(&order());
    for (order, reason, field) in cases {
        let mut other = order.clone();
        other["orderId"] = json!("another");
        let refused = world.call("POST", "/v1/checkouts", &other.to_string()).refusal();
        assert_eq!(refused, (400, reason.to_owned(), Some(field.to_owned())), "{order}");
        // Nor can the terms of a registered order be changed to these.
        let mut terms = order.clone();
        for member in ["orderId", "startOfCheckoutUrl", "successUrl", "checkoutLanguage"] {
            terms.as_object_mut().unwrap().remove(member);
        }
        terms["termsVersion"] = json!(1);
        let refused =
            world.call("PUT", &format!("/v1/checkouts/{registered}/terms"), &terms.to_string()).refusal();
        assert_eq!(refused, (400, reason.to_owned(), Some(field.to_owned())), "{order}");
    }
    for known in ["US", "DE", "JP", "GB", "XK"] {
        let mut order = to(country(known));
        order["orderId"] = json!(format!("to {known}"));
        assert_eq!(world.call("POST", "/v1/checkouts", &order.to_string()).status, 201, "{known}");
    }
}

#[test]
fn the_same_order_with_other_terms_is_refused_naming_the_field() {
    let world = World::in_memory();
    world.register(&order());
    let amount = |amount: &str| json!({ "amount": amount, "currencyCode": "USD" });
    let cases: [(&str, &str, Value); 8] = [
        ("productType", "/productType", json!("PayOnly")),
        ("paymentDetails.paymentIntent", "/paymentDetails/paymentIntent", json!("Authorize")),
        ("paymentDetails.chargeAmount", "/paymentDetails/chargeAmount", amount("14.01")),
        ("paymentDetails.totalOrderAmount", "/paymentDetails/totalOrderAmount", amount("20.00")),
        ("supplementaryData", "/supplementaryData", json!("x")),
        ("merchantMetadata", "/merchantMetadata", json!({ "noteToBuyer": "x" })),
        (
            "shippingAddress",
            "/shippingAddress",
            json!({ "addressLine1": "1 Other Street", "countryCode": "US" }),
        ),
        ("startOfCheckoutUrl", "/startOfCheckoutUrl", json!("https://shop.example/other")),
    ];
    for (field, pointer, value) in cases {
        let mut other = order();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        other.pointer_mut(parent).unwrap()[member] = value;
        let refused = world.call("POST", "/v1/checkouts", &other.to_string());
        assert_eq!(refused.refusal(), (409, "OrderExists".to_owned(), Some(field.to_owned())));
    }
    // A different spelling of the same value is not a difference.
    let mut same = order();
    same["paymentDetails"]["chargeAmount"]["amount"] = json!("14");
    assert_eq!(world.call("POST", "/v1/checkouts", &same.to_string()).status, 200);
}

#[test]
fn many_registrations_of_one_order_are_one_checkout() {
    for engine in ENGINES {
        let world = World::new(engine);
        let requests = (0..64).map(|_| world.request("POST", "/v1/checkouts", &order().to_string()));
        let answers = world.run(futures_util::future::join_all(requests));
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert!(answers.iter().all(|answer| answer.json() == answers[0].json()));
    }
}

fn terms(version: u32, amount: &str) -> String {
    let order = order();
    let mut terms = json!({ "termsVersion": version, "productType": order["productType"],
        "paymentDetails": order["paymentDetails"] });
    terms["paymentDetails"]["chargeAmount"]["amount"] = json!(amount);
    terms.to_string()
}

#[test]
fn terms_change_by_compare_and_set() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = world.register(&order());
        let path = format!("/v1/checkouts/{checkout_id}/terms");
        let changed = world.call("PUT", &path, &terms(1, "15.00"));
        assert_eq!(changed.status, 200);
        assert_eq!(changed.json()["termsVersion"], 2);
        assert_eq!(changed.json()["button"]["estimatedOrderAmount"]["amount"], "15.00");

        let stale = world.call("PUT", &path, &terms(1, "16.00"));
        assert_eq!(stale.refusal(), (409, "TermsVersionMoved".to_owned(), Some("termsVersion".to_owned())));
        assert_eq!(world.checkout(&checkout_id)["paymentDetails"]["chargeAmount"]["amount"], "15.00");

        let racing = (0..8).map(|n| world.request("PUT", &path, &terms(2, &format!("2{n}.00"))));
        let answers = world.run(futures_util::future::join_all(racing));
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert_eq!(world.checkout(&checkout_id)["termsVersion"], 3);
        assert_eq!(world.timeline(&checkout_id), ["Registered", "TermsChanged", "TermsChanged"]);
    }
}

#[test]
fn terms_are_fixed_once_a_payment_was_sent_and_free_again_once_it_is_proved_unpaid() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    let path = format!("/v1/checkouts/{checkout_id}/terms");
    world.amazon.fault("finalize", super::amazon::Fault::Declined("HardDeclined"));
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (402, "notPaid".to_owned()));
    assert_eq!(world.call("PUT", &path, &terms(1, "15.00")).status, 200);

    let mut dearer = order();
    dearer["paymentDetails"]["chargeAmount"]["amount"] = json!("15.00");
    world.amazon.open(OTHER_SESSION, session_for(&dearer, OTHER_SESSION, &checkout_id));
    assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), (200, "paid".to_owned()));
    let sent = world.amazon.arrived("finalize");
    assert!(String::from_utf8_lossy(&sent[1].body).contains("15.00"));

    let refused = world.call("PUT", &path, &terms(2, "16.00"));
    assert_eq!(refused.refusal(), (409, "AlreadySent".to_owned(), Some("termsVersion".to_owned())));
    assert_eq!(world.checkout(&checkout_id)["paymentDetails"]["chargeAmount"]["amount"], "15.00");
}

#[test]
fn a_given_address_is_compared_again_under_new_terms() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", super::amazon::Fault::NotSent);
    let body = json!({ "amazonCheckoutSessionId": SESSION, "shippingAddress": super::world::address() });
    let path = format!("/v1/checkouts/{checkout_id}");
    assert_eq!(world.call("POST", &format!("{path}/complete"), &body.to_string()).status, 202);
    assert_eq!(world.call("PUT", &format!("{path}/terms"), &terms(1, "15.00")).status, 200);
    // The buyer has agreed to the new terms, with a different address.
    world.amazon.change(SESSION, |session| {
        session["paymentDetails"]["chargeAmount"]["amount"] = json!("15.00");
        session["shippingAddress"]["city"] = json!("Elsewhere");
    });
    world.let_pass(std::time::Duration::from_secs(60));
    assert_eq!(world.complete(&checkout_id, SESSION).json()["reason"], "AddressDrift");
}

#[test]
fn what_found_no_connection_is_sent_with_the_new_terms_or_not_at_all() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", super::amazon::Fault::NotSent);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
    assert_eq!(world.attempts(&checkout_id), ["Approved"]);
    assert_eq!(
        world.call("PUT", &format!("/v1/checkouts/{checkout_id}/terms"), &terms(1, "15.00")).status,
        200
    );
    // The buyer agreed to 14.00, so nothing is sent for 15.00.
    world.let_pass(std::time::Duration::from_secs(60));
    assert_eq!(world.amazon.arrived("finalize").len(), 1);
    assert_eq!(world.complete(&checkout_id, SESSION).json()["reason"], "TermsMismatch");
}
