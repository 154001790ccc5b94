//! Ordering faults, and their effect on signed calls.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::scene::{KEY, OTHER_MERCHANT, Scene, SceneAnswer};

const PATH: &str = "/_sandbox/faults";

async fn order(scene: &Scene, fault: &Value) -> SceneAnswer {
    scene.control(Method::POST, PATH, &fault.to_string()).await
}

async fn ordered(scene: &Scene, fault: &Value) -> String {
    let answer = order(scene, fault).await;
    assert_eq!(answer.status, 201, "{fault}: {}", answer.body);
    answer.text("faultId").to_owned()
}

async fn listed(scene: &Scene) -> Vec<Value> {
    let answer = scene.control(Method::GET, PATH, "").await;
    assert_eq!(answer.status, 200);
    answer.body["faults"].as_array().unwrap().clone()
}

fn on_finalize(point: &str, kind: &str) -> Value {
    let mut fault = json!({"operation": "finalizeCheckoutSession", "point": point, "kind": kind});
    if kind == "status" {
        fault["status"] = json!(503);
    }
    fault
}

#[tokio::test]
async fn the_answer_is_lost_and_the_effect_is_as_declared() {
    for (point, effect) in [("before", "Open"), ("afterCommit", "Completed")] {
        for kind in ["reset", "timeout", "status"] {
            let scene = Scene::without_waiting().await;
            let id = scene.checkout(&json!({"placed": true})).await;
            ordered(&scene, &on_finalize(point, kind)).await;
            match scene.try_finalize(&id).await {
                None => assert_ne!(kind, "status"),
                Some(answer) => {
                    assert_eq!((answer.status, answer.reason_code()), (503, "ServiceUnavailable"));
                    assert_eq!(kind, "status");
                }
            }
            let expected_waits = if kind == "timeout" { vec![Duration::from_secs(60)] } else { vec![] };
            assert_eq!(scene.clock.slept(), expected_waits, "{point} {kind}");
            let read = scene.get_checkout_session(&id).await;
            assert_eq!(read.body["statusDetails"]["state"], effect, "{point} {kind}");
            assert_eq!(
                listed(&scene).await,
                Vec::<Value>::new(),
                "the fault has struck as many times as ordered"
            );
            // Before the commit nothing happened: the same call can still be made.
            if point == "before" {
                assert_eq!(scene.finalize(&id).await.status, 200);
            }
        }
    }
}

#[tokio::test]
async fn a_timeout_lasts_as_long_as_ordered() {
    let scene = Scene::without_waiting().await;
    let id = scene.checkout(&json!({"placed": true})).await;
    let mut fault = on_finalize("before", "timeout");
    fault["delay"] = json!("PT1M30S");
    ordered(&scene, &fault).await;
    assert!(scene.try_finalize(&id).await.is_none());
    assert_eq!(scene.clock.slept(), [Duration::from_secs(90)]);
}

#[tokio::test]
async fn a_refused_call_does_not_use_up_a_fault_after_commit() {
    let scene = Scene::new().await;
    let id = scene.checkout(&json!({})).await;
    ordered(&scene, &on_finalize("afterCommit", "reset")).await;
    let refused = scene.finalize(&id).await;
    assert_eq!((refused.status, refused.reason_code()), (422, "InvalidCheckoutSessionStatus"));
    let refused = scene.finalize_with_key(&id, "key-1").await;
    assert_eq!((refused.status, refused.reason_code()), (422, "InvalidCheckoutSessionStatus"));
    scene.act(&id, &json!({"action": "placeOrder"})).await;
    assert!(scene.try_finalize(&id).await.is_none());
}

#[tokio::test]
async fn a_declined_payment_is_an_effect_too() {
    let scene = Scene::new().await;
    let id = scene.checkout(&json!({"placed": true, "card": "3434"})).await;
    ordered(&scene, &on_finalize("afterCommit", "reset")).await;
    assert!(scene.try_finalize(&id).await.is_none());
    let read = scene.get_checkout_session(&id).await;
    assert_eq!(read.body["statusDetails"]["reasonCode"], "Declined");
}

#[tokio::test]
async fn the_signature_is_verified_before_anything_strikes() {
    let scene = Scene::new().await;
    let id = scene.checkout(&json!({"placed": true})).await;
    ordered(&scene, &on_finalize("before", "reset")).await;
    let refused = scene.finalize_with_a_wrong_signature(&id).await;
    assert_eq!((refused.status, refused.reason_code()), (403, "InvalidRequestSignature"));
    assert_eq!(listed(&scene).await.len(), 1);
}

/// Every call's method, its path with an object's id, and its name, from the sandbox's table.
fn calls() -> Vec<(Method, String, &'static str)> {
    let (_, table) = include_str!("../../../src/calls/mod.rs").split_once("\ncalls! {\n").unwrap();
    let (rows, _) = table.split_once("\n}").unwrap();
    let call = |row: &'static str| {
        let mut words = row.split_whitespace().map(|word| word.trim_matches('"'));
        let method = words.next()?.parse().unwrap();
        Some((method, format!("/v2/{}", words.next()?.replace('*', "S01-5105180")), words.next()?))
    };
    rows.lines().map(|row| call(row).unwrap()).collect()
}

#[tokio::test]
async fn every_operation_can_be_struck() {
    let scene = Scene::new().await;
    assert!(calls().len() >= 15);
    for (method, path, operation) in calls() {
        let fault = json!({"operation": operation, "point": "before", "kind": "status", "status": 429});
        ordered(&scene, &fault).await;
        let answer = scene.signed_with_key(method, &path, "{}", "key-1").await.unwrap();
        assert_eq!((answer.status, answer.reason_code()), (429, "TooManyRequests"), "{operation}");
    }
}

/// An order of 100.00 USD, of which 14.00 are captured: its permission and charge.
async fn captured_order(scene: &Scene) -> (String, String) {
    let details = json!({
        "paymentIntent": "AuthorizeWithCapture",
        "totalOrderAmount": {"amount": "100.00", "currencyCode": "USD"},
    });
    let id = scene.checkout(&json!({"placed": true, "paymentDetails": details})).await;
    let finalized = scene.finalize(&id).await;
    (finalized.text("chargePermissionId").to_owned(), finalized.text("chargeId").to_owned())
}

#[tokio::test]
async fn a_lost_answer_of_a_payments_call_follows_its_effect_or_no_effect() {
    for (point, took_effect) in [("before", false), ("afterCommit", true)] {
        let scene = Scene::new().await;
        let (permission, charge) = captured_order(&scene).await;
        let ten = json!({"amount": "10.00", "currencyCode": "USD"});
        let create = json!({"chargePermissionId": permission, "chargeAmount": ten}).to_string();
        let post = |path: String, body: String, key| {
            let scene = &scene;
            async move { scene.signed_with_key(Method::POST, &path, &body, key).await }
        };
        let open = post("/v2/charges".to_owned(), create.clone(), "open").await.unwrap();
        let open = open.text("chargeId").to_owned();
        let capture = json!({"captureAmount": ten}).to_string();
        let refund = json!({"chargeId": charge, "refundAmount": ten}).to_string();
        for (operation, path, body, key, created) in [
            ("createCharge", "/v2/charges".to_owned(), create, "a", "ChargeAuthorized"),
            ("captureCharge", format!("/v2/charges/{open}/capture"), capture, "b", "ChargeCaptured"),
            ("createRefund", "/v2/refunds".to_owned(), refund, "c", "RefundInitiated"),
        ] {
            let count = || async {
                let log = scene.control(Method::GET, "/_sandbox/events", "").await;
                let events = log.body["events"].as_array().unwrap().clone();
                events.iter().filter(|event| event["type"] == created).count()
            };
            let before = count().await;
            ordered(&scene, &json!({"operation": operation, "point": point, "kind": "reset"})).await;
            assert!(post(path.clone(), body.clone(), key).await.is_none(), "{operation}");
            assert_eq!(count().await == before + 1, took_effect, "{point} {operation}");
            let again = post(path, body, key).await.unwrap();
            assert!(again.status < 300, "{operation}: {}", again.body);
            assert_eq!(count().await, before + 1, "{point} {operation}: the same key has one effect");
        }
        let another = json!({"chargePermissionId": permission, "chargeAmount": ten}).to_string();
        let another = post("/v2/charges".to_owned(), another, "another").await.unwrap();
        let charge = format!("/v2/charges/{}", another.text("chargeId"));
        let permission = format!("/v2/chargePermissions/{permission}");
        for (operation, object, act, state) in [
            ("cancelCharge", charge, "cancel", "Canceled"),
            ("closeChargePermission", permission, "close", "Closed"),
        ] {
            ordered(&scene, &json!({"operation": operation, "point": point, "kind": "reset"})).await;
            assert!(scene.signed(Method::DELETE, &format!("{object}/{act}"), "{}").await.is_none());
            let read = scene.signed(Method::GET, &object, "").await.unwrap();
            assert_eq!(read.body["statusDetails"]["state"] == state, took_effect, "{point} {operation}");
        }
    }
}

#[tokio::test]
async fn stale_reads_of_a_payment_show_it_before_its_last_change() {
    let scene = Scene::new().await;
    let (permission, charge) = captured_order(&scene).await;
    let ten = json!({"amount": "10.00", "currencyCode": "USD"});
    let create = json!({"chargePermissionId": permission, "chargeAmount": ten}).to_string();
    let open = scene.signed_with_key(Method::POST, "/v2/charges", &create, "a").await.unwrap();
    let open = open.text("chargeId").to_owned();
    scene.advance("PT10S").await;
    let capture = json!({"captureAmount": ten}).to_string();
    let path = format!("/v2/charges/{open}/capture");
    scene.signed_with_key(Method::POST, &path, &capture, "b").await.unwrap();
    let refund = json!({"chargeId": charge, "refundAmount": ten}).to_string();
    let refund = scene.signed_with_key(Method::POST, "/v2/refunds", &refund, "c").await.unwrap();
    let refund = format!("/v2/refunds/{}", refund.text("refundId"));
    let charge = format!("/v2/charges/{open}");
    let shown = |path: String| {
        let scene = &scene;
        async move {
            let read = scene.signed(Method::GET, &path, "").await.unwrap();
            let state = read.body["statusDetails"]["state"].as_str();
            state.map_or_else(|| read.reason_code().to_owned(), ToOwned::to_owned)
        }
    };
    for (operation, path, stale, present) in [
        ("getCharge", &charge, "Authorized", "Captured"),
        ("getRefund", &refund, "ResourceNotFound", "RefundInitiated"),
    ] {
        ordered(&scene, &json!({"operation": operation, "kind": "staleRead"})).await;
        assert_eq!(shown(path.clone()).await, stale, "{operation}");
        assert_eq!(shown(path.clone()).await, present, "{operation}");
    }
    scene.advance("PT26S").await;
    let unrelated = scene.signed_with_key(Method::POST, "/v2/charges", &create, "d").await.unwrap();
    let unrelated = format!("/v2/charges/{}", unrelated.text("chargeId"));
    scene.advance("PT4S").await;
    ordered(&scene, &json!({"operation": "getCharge", "kind": "staleRead"})).await;
    assert_eq!(shown(unrelated).await, "ResourceNotFound", "the refund's timer has not changed this charge");
    ordered(&scene, &json!({"operation": "getRefund", "kind": "staleRead", "delay": "PT1M"})).await;
    assert_eq!(shown(refund.clone()).await, "RefundInitiated", "it was decided less than a minute ago");
    assert_eq!(shown(refund).await, "Refunded");
    let left = |read: &SceneAnswer| read.body["limits"]["amountBalance"]["amount"].clone();
    let permission = format!("/v2/chargePermissions/{permission}");
    let closed = scene.signed(Method::DELETE, &format!("{permission}/close"), "{}").await.unwrap();
    ordered(&scene, &json!({"operation": "getChargePermission", "kind": "staleRead"})).await;
    let stale = scene.signed(Method::GET, &permission, "").await.unwrap();
    assert_eq!(stale.body["statusDetails"]["state"], "Chargeable");
    assert_eq!(left(&stale), left(&closed), "closing moves no money");
}

#[tokio::test]
async fn a_stale_read_shows_the_state_before_the_last_change_for_a_while() {
    let scene = Scene::new().await;
    let id = scene.checkout(&json!({"placed": true})).await;
    let fault = json!({"operation": "getCheckoutSession", "kind": "staleRead", "times": 9, "delay": "PT10S"});
    ordered(&scene, &fault).await;
    scene.finalize(&id).await;
    for (moved, state) in [("PT0S", "Open"), ("PT9S", "Open"), ("PT1S", "Completed")] {
        scene.advance(moved).await;
        let read = scene.get_checkout_session(&id).await;
        assert_eq!(read.body["statusDetails"]["state"], state, "{moved}");
    }
}

#[tokio::test]
async fn a_new_object_is_not_found_by_a_stale_read() {
    let scene = Scene::new().await;
    let id = scene.checkout(&json!({"placed": true})).await;
    let finalized = scene.finalize(&id).await;
    for operation in ["getChargePermission", "getCharge"] {
        ordered(&scene, &json!({"operation": operation, "kind": "staleRead"})).await;
    }
    let (permission, charge) = (finalized.text("chargePermissionId"), finalized.text("chargeId"));
    let permission = format!("/v2/chargePermissions/{permission}");
    let charge = format!("/v2/charges/{charge}");
    for path in [&permission, &charge] {
        let stale = scene.signed(Method::GET, path, "").await.unwrap();
        assert_eq!((stale.status, stale.reason_code()), (404, "ResourceNotFound"), "{path}");
        assert_eq!(scene.signed(Method::GET, path, "").await.unwrap().status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_same_seed_strikes_the_same_calls() {
    let traces: Vec<Vec<bool>> = {
        let mut traces = Vec::new();
        for seed in [7, 7, 8] {
            let scene = Scene::new().await;
            let id = scene.checkout(&json!({})).await;
            let fault = json!({"operation": "getCheckoutSession", "point": "before", "kind": "reset",
                "times": 1000, "rate": "0.5", "seed": seed});
            ordered(&scene, &fault).await;
            let mut trace = Vec::new();
            for _ in 0..32 {
                let path = format!("/v2/checkoutSessions/{id}");
                trace.push(scene.signed(Method::GET, &path, "").await.is_none());
            }
            traces.push(trace);
        }
        traces
    };
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[0], traces[2]);
    assert!(traces[0].contains(&true) && traces[0].contains(&false));
}

#[tokio::test]
async fn orders_are_listed_as_they_are_now_and_removed_one_by_one_or_all_together() {
    let scene = Scene::new().await;
    let plain = ordered(&scene, &on_finalize("afterCommit", "status")).await;
    let fault = json!({"operation": "getCheckoutSession", "point": "before", "kind": "staleRead", "times": 3,
        "publicKeyId": KEY, "checkoutSessionId": "a", "rate": 0.25, "seed": 7, "delay": "PT1M"});
    let whole = ordered(&scene, &fault).await;
    assert_eq!(
        listed(&scene).await,
        [
            json!({"faultId": plain, "operation": "finalizeCheckoutSession", "point": "afterCommit",
                "kind": "status", "status": 503, "times": 1}),
            json!({"faultId": whole, "operation": "getCheckoutSession", "point": "before", "kind": "staleRead",
                "times": 3, "publicKeyId": KEY, "checkoutSessionId": "a", "rate": "0.250000", "seed": 7,
                "delay": "PT60S"}),
        ]
    );
    let delete = |path: String| {
        let scene = &scene;
        async move { scene.control(Method::DELETE, &path, "").await }
    };
    assert_eq!(delete(format!("{PATH}/{plain}")).await.body, json!({"removed": 1}));
    let again = delete(format!("{PATH}/{plain}")).await;
    assert_eq!((again.status, again.reason_code()), (404, "ResourceNotFound"));
    ordered(&scene, &on_finalize("before", "reset")).await;
    assert_eq!(delete(PATH.to_owned()).await.body, json!({"removed": 2}));
    assert_eq!(delete(PATH.to_owned()).await.body, json!({"removed": 0}));
    assert_eq!(listed(&scene).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_fault_that_is_not_valid_is_refused_by_name_and_not_ordered() {
    let scene = Scene::new().await;
    let base = || on_finalize("before", "reset");
    let with = |members: Value| super::scene::merged(&base(), &members);
    for (fault, reason_code, field) in [
        (with(json!({"operation": null})), "MissingParameterValue", "[operation]"),
        (with(json!({"point": null})), "MissingParameterValue", "[point]"),
        (with(json!({"kind": null})), "MissingParameterValue", "[kind]"),
        (with(json!({"kind": "status"})), "MissingParameterValue", "[status]"),
        (with(json!({"operation": "Finalize"})), "InvalidParameterValue", "[operation]"),
        (with(json!({"point": "after"})), "InvalidParameterValue", "[point]"),
        (with(json!({"kind": "explode"})), "InvalidParameterValue", "[kind]"),
        (with(json!({"kind": "status", "status": 200})), "InvalidParameterValue", "[status]"),
        (with(json!({"kind": "status", "status": 600})), "InvalidParameterValue", "[status]"),
        (with(json!({"status": 503})), "InvalidParameterCombination", "[status]"),
        (with(json!({"delay": "PT1S"})), "InvalidParameterCombination", "[delay]"),
        (with(json!({"kind": "timeout", "delay": "PT1H1S"})), "InvalidParameterValue", "[delay]"),
        (with(json!({"kind": "timeout", "delay": "1s"})), "InvalidParameterValue", "[delay]"),
        (with(json!({"times": 0})), "InvalidParameterValue", "[times]"),
        (with(json!({"times": -1})), "InvalidParameterValue", "[times]"),
        (with(json!({"rate": 1.5})), "InvalidParameterValue", "[rate]"),
        (with(json!({"rate": "often"})), "InvalidParameterValue", "[rate]"),
        (with(json!({"seed": 7})), "InvalidParameterCombination", "[seed]"),
        (with(json!({"rate": 1, "seed": "x"})), "InvalidParameterValue", "[seed]"),
        (with(json!({"publicKeyId": "SANDBOX-NOBODY"})), "InvalidParameterValue", "[publicKeyId]"),
        (with(json!({"kind": "staleRead"})), "InvalidParameterCombination", "[kind]"),
        (
            with(json!({"operation": "getCharge", "checkoutSessionId": "a"})),
            "InvalidParameterCombination",
            "[checkoutSessionId]",
        ),
        (with(json!({"how": "hard"})), "UnrecognizedField", "[how]"),
    ] {
        let answer = order(&scene, &fault).await;
        assert_eq!((answer.status, answer.reason_code()), (400, reason_code), "{fault}");
        assert!(answer.message().contains(field), "{fault}: {}", answer.message());
    }
    assert_eq!(listed(&scene).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_fault_strikes_only_the_key_and_the_session_that_it_names() {
    let scene = Scene::new().await;
    let (id, other) = (scene.checkout(&json!({})).await, scene.checkout(&json!({})).await);
    let fault = |members: Value| {
        let fault = json!({"operation": "getCheckoutSession", "point": "before", "kind": "reset"});
        super::scene::merged(&fault, &members)
    };
    ordered(&scene, &fault(json!({"publicKeyId": OTHER_MERCHANT}))).await;
    ordered(&scene, &fault(json!({"checkoutSessionId": other}))).await;
    let get = |id: &str| format!("/v2/checkoutSessions/{id}");
    assert!(scene.signed(Method::GET, &get(&id), "").await.is_some());
    assert!(scene.signed(Method::GET, &get(&other), "").await.is_none());
    assert_eq!(listed(&scene).await.len(), 1);
}

#[tokio::test]
async fn a_bounded_number_of_faults_is_accepted() {
    let scene = Scene::new().await;
    for _ in 0..1_000 {
        ordered(&scene, &on_finalize("before", "reset")).await;
    }
    let one_more = order(&scene, &on_finalize("before", "reset")).await;
    assert_eq!((one_more.status, one_more.reason_code()), (400, "InvalidRequest"));
    assert_eq!(listed(&scene).await.len(), 1_000);
}
