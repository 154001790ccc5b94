//! Bodies that are not valid, and the accepted spellings of those that are.

use serde_json::{Value, json};

use crate::world::{Call, World, id, merged, right_body};

async fn refusals(session_over: Value, cases: &[(Value, u16, &str, &str)]) {
    let world = World::new().await;
    let session = world.placed(session_over).await;
    let before = world.get_session(id(&session)).await;
    for (over, status, reason_code, names) in cases {
        let body = merged(right_body(&session), over.clone());
        let answer = world.call(&Call::finalize(id(&session), &body)).await;
        assert_eq!(answer.refusal(), (*status, *reason_code), "{over}: {}", answer.text);
        assert!(answer.message().contains(names), "{over}: {}", answer.text);
    }
    assert_eq!(world.get_session(id(&session)).await, before);
    assert_eq!(world.call(&Call::finalize(id(&session), right_body(&session))).await.status, 200);
}

fn dollars(amount: impl Into<Value>) -> Value {
    json!({ "chargeAmount": { "amount": amount.into(), "currencyCode": "USD" } })
}

const VALUE: &str = "InvalidParameterValue";

#[tokio::test]
async fn amounts_are_plain_decimals() {
    let amount = "[chargeAmount.amount]";
    let mut cases: Vec<(Value, u16, &str, &str)> = Vec::new();
    for text in ["14.000", "1,400.00", "14,00", "+14.00", "-14.00", "1.4e1", "", " 14.00", "14.", ".5", "NaN"]
    {
        cases.push((dollars(text), 400, VALUE, amount));
    }
    cases.push((dollars(json!(14.001)), 400, VALUE, amount));
    cases.push((dollars(json!(-14)), 400, VALUE, amount));
    cases.push((dollars(json!(true)), 400, VALUE, amount));
    cases.push((dollars(json!({})), 400, VALUE, amount));
    cases.push((dollars("9".repeat(40)), 400, VALUE, amount));
    let currency = "[chargeAmount.currencyCode]";
    for code in [json!("XYZ"), json!("usd"), json!(""), json!(840)] {
        cases.push((json!({ "chargeAmount": { "currencyCode": code } }), 400, VALUE, currency));
    }
    cases.push((json!({ "chargeAmount": "14.00" }), 400, VALUE, "[chargeAmount]"));
    cases.push((json!({ "chargeAmount": [] }), 400, VALUE, "[chargeAmount]"));
    cases.push((
        json!({ "chargeAmount": { "value": "14" } }),
        400,
        "UnrecognizedField",
        "[chargeAmount.value]",
    ));
    refusals(json!({}), &cases).await;

    let yen = |amount: &str| json!({ "chargeAmount": { "amount": amount, "currencyCode": "JPY" } });
    let session = json!({ "paymentDetails": yen("500") });
    refusals(session, &[(yen("500.00"), 400, VALUE, amount), (yen("501"), 409, "AmountMismatch", "")]).await;
}

#[tokio::test]
async fn members_have_their_type_word_and_length() {
    let long = "x".repeat(4_097);
    refusals(
        json!({}),
        &[
            (json!({ "paymentIntent": "authorize" }), 400, VALUE, "[paymentIntent]"),
            (json!({ "paymentIntent": 1 }), 400, VALUE, "[paymentIntent]"),
            (json!({ "canHandlePendingAuthorization": "no" }), 400, VALUE, "[canHandlePendingAuthorization]"),
            (json!({ "canHandlePendingAuthorization": 0 }), 400, VALUE, "[canHandlePendingAuthorization]"),
            (json!({ "supplementaryData": long }), 400, VALUE, "[supplementaryData]"),
            (json!({ "supplementaryData": {} }), 400, VALUE, "[supplementaryData]"),
            (json!({ "shippingAddress": "Seattle" }), 400, VALUE, "[shippingAddress]"),
            (json!({ "shippingAddress": { "city": "x".repeat(256) } }), 400, VALUE, "[shippingAddress.city]"),
            (
                json!({ "shippingAddress": { "town": "x" } }),
                400,
                "UnrecognizedField",
                "[shippingAddress.town]",
            ),
            (json!({ "shippingAddress": { "city": 5 } }), 400, VALUE, "[shippingAddress.city]"),
            (
                json!({ "merchantMetadata": { "merchantReferenceId": long } }),
                400,
                VALUE,
                "merchantReferenceId",
            ),
            (json!({ "merchantMetadata": { "customInformation": long } }), 400, VALUE, "customInformation"),
            (
                json!({ "merchantMetadata": { "merchantStoreName": "x".repeat(51) } }),
                400,
                VALUE,
                "merchantStoreName",
            ),
            (json!({ "chargeamount": 1, "paymentIntent": 1 }), 400, "UnrecognizedField", "[chargeamount]"),
            (json!({ "supplementaryData": "unasked" }), 400, VALUE, "[supplementaryData]"),
            (
                json!({ "totalOrderAmount": { "amount": "14.00", "currencyCode": "USD" } }),
                400,
                VALUE,
                "[totalOrderAmount]",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_body_that_is_not_a_json_object_is_refused() {
    let world = World::new().await;
    let session = world.placed(json!({})).await;
    let right = right_body(&session).to_string();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = right.replacen('{', &format!("{{\"surprise\":{deep},"), 1);
    let twice = right.replacen('{', "{\"paymentIntent\":\"Authorize\",", 1);
    for body in [
        "",
        " ",
        "null",
        "[]",
        "\"x\"",
        "1",
        "nonsense",
        &right[..right.len() / 2],
        &format!("{right}x"),
        &nested,
        &twice,
    ] {
        let answer = world.call(&Call::finalize(id(&session), body)).await;
        assert_eq!(answer.refusal(), (400, "InvalidRequestFormat"), "{body:.40}");
    }
    let mut request = Call::finalize(id(&session), &right).request();
    *request.body_mut() = bytes::Bytes::from_static(b"{\"\xff\":1}");
    assert_eq!(world.send(request).await.status, 403, "the signature is checked first");
    assert_eq!(world.get_session(id(&session)).await.json, session);
}

// Promise: A14
#[tokio::test]
async fn real_clients_spellings_are_accepted_and_strictness_is_a_flag() {
    let spellings = |intent_total: Value, amount: Value, pending: Value| {
        json!({
            "chargeAmount": { "amount": amount, "currencyCode": "USD" },
            "canHandlePendingAuthorization": pending,
            "totalOrderAmount": intent_total, "supplementaryData": null, "billingAddress": null,
        })
    };
    for (amount, pending, documented) in [
        (json!("14.00"), json!(false), 200),
        (json!("14"), json!(false), 200),
        (json!("14.0"), json!(false), 200),
        (json!(14), json!(false), 400),
        (json!(14.0), json!(false), 400),
        (json!("14.00"), json!("false"), 400),
    ] {
        for (flag, expected) in [("every", 200), ("documented", documented)] {
            let world = World::with(|settings| settings.flags.choose("spellings", flag).unwrap()).await;
            let session = world.placed(json!({})).await;
            let mut body = right_body(&session);
            for (member, value) in
                spellings(Value::Null, amount.clone(), pending.clone()).as_object().unwrap()
            {
                body[member] = value.clone();
            }
            let answer = world.call(&Call::finalize(id(&session), &body)).await;
            assert_eq!(answer.status, expected, "{amount} {pending} {flag}: {}", answer.text);
        }
    }
}
