//! Each call that the five official SDKs have on Checkout Sessions, Charge Permissions, Charges and Refunds
//! is a method here, under the same name, and sends the same request.

use std::sync::Arc;

use crate::keys::{self, credentials};
use crate::network::{NO_JITTER, Network, NextAnswer, moved_clock};
use bytes::Bytes;
use countersign_client::ids::{
    ChargeId, ChargePermissionId, CheckoutSessionId, Environment, IdempotencyKey, RefundId, Region,
};
use countersign_client::money::{Currency, Money};
use countersign_client::{
    Client, ConfigurationRefused, Error, NotASimulationCode, RetryPolicy, SendMode, SimulationCode, wire,
};

/// One call: its method, its path after the version, and its names in the SDKs of Node, PHP, Java, .NET and
/// Ruby. An empty name means that the SDK has no such call.
struct Call {
    method: &'static str,
    path: &'static str,
    names: [&'static str; 5],
}

const fn call(method: &'static str, path: &'static str, names: [&'static str; 5]) -> Call {
    Call { method, path, names }
}

const SESSIONS: &str = "/v2/checkoutSessions";
const SESSION: &str = "/v2/checkoutSessions/bd504926-f659-4ad7-a1a9-9a747aaf5275";
const PERMISSION: &str = "/v2/chargePermissions/S01-5105180-3221187";
const CHARGE: &str = "/v2/charges/S01-5105180-3221187-C056351";

#[rustfmt::skip]
const CALLS: [Call; 16] = [
    call("POST", SESSIONS, ["createCheckoutSession", "createCheckoutSession", "createCheckoutSession", "CreateCheckoutSession", "create_checkout_session"]),
    call("GET", SESSION, ["getCheckoutSession", "getCheckoutSession", "getCheckoutSession", "GetCheckoutSession", "get_checkout_session"]),
    call("PATCH", SESSION, ["updateCheckoutSession", "updateCheckoutSession", "updateCheckoutSession", "UpdateCheckoutSession", "update_checkout_session"]),
    call("POST", "/v2/checkoutSessions/bd504926-f659-4ad7-a1a9-9a747aaf5275/complete", ["completeCheckoutSession", "completeCheckoutSession", "completeCheckoutSession", "CompleteCheckoutSession", "complete_checkout_session"]),
    call("POST", "/v2/checkoutSessions/bd504926-f659-4ad7-a1a9-9a747aaf5275/finalize", ["finalizeCheckoutSession", "finalizeCheckoutSession", "finalizeCheckoutSession", "FinalizeCheckoutSession", "finalize_checkout_session"]),
    call("GET", PERMISSION, ["getChargePermission", "getChargePermission", "getChargePermission", "GetChargePermission", "get_charge_permission"]),
    call("PATCH", PERMISSION, ["updateChargePermission", "updateChargePermission", "updateChargePermission", "UpdateChargePermission", "update_charge_permission"]),
    call("DELETE", "/v2/chargePermissions/S01-5105180-3221187/close", ["closeChargePermission", "closeChargePermission", "closeChargePermission", "CloseChargePermission", "close_charge_permission"]),
    call("POST", "/v2/charges", ["createCharge", "createCharge", "createCharge", "CreateCharge", "create_charge"]),
    call("GET", CHARGE, ["getCharge", "getCharge", "getCharge", "GetCharge", "get_charge"]),
    call("PATCH", CHARGE, ["updateCharge", "updateCharge", "updateCharge", "", "update_charge"]),
    call("POST", "/v2/charges/S01-5105180-3221187-C056351/capture", ["captureCharge", "captureCharge", "captureCharge", "CaptureCharge", "capture_charge"]),
    call("DELETE", "/v2/charges/S01-5105180-3221187-C056351/cancel", ["cancelCharge", "cancelCharge", "cancelCharge", "CancelCharge", "cancel_charge"]),
    call("POST", "/v2/refunds", ["createRefund", "createRefund", "createRefund", "CreateRefund", "create_refund"]),
    call("GET", "/v2/refunds/S01-5105180-3221187-R022868", ["getRefund", "getRefund", "getRefund", "GetRefund", "get_refund"]),
    // All SDKs have this call, but it is not a request.
    call("", "", ["generateButtonSignature", "generateButtonSignature", "generateButtonSignature", "GenerateButtonSignature", "generate_button_signature"]),
];

fn charge() -> ChargeId {
    ChargeId::parse("S01-5105180-3221187-C056351").unwrap()
}

fn permission() -> ChargePermissionId {
    ChargePermissionId::parse("S01-5105180-3221187").unwrap()
}

fn session() -> CheckoutSessionId {
    CheckoutSessionId::parse("bd504926-f659-4ad7-a1a9-9a747aaf5275").unwrap()
}

fn key() -> IdempotencyKey {
    IdempotencyKey::parse("AVLo5tI10BHgEk2jEXAMPLEKEY").unwrap()
}

fn dollars() -> Option<wire::Price> {
    Some(Money::from_minor(1_400, Currency::USD).into())
}

fn client(network: &Arc<Network>) -> Client {
    client_retrying(network, RetryPolicy::default())
}

fn client_retrying(network: &Arc<Network>, retry: RetryPolicy) -> Client {
    Client::builder(Region::NorthAmerica, credentials("SANDBOX-AHEGSJCM3L2S"))
        .transport(Arc::clone(network) as _)
        .clock(moved_clock("20261123T154700Z"))
        .entropy(Arc::new(NO_JITTER))
        .retry(retry)
        .build()
        .unwrap()
}

/// Makes the call with a name; `None` if there is no such call.
async fn make(client: &Client, name: &str) -> Option<Result<(), Error>> {
    Some(match name {
        "create_checkout_session" => {
            client.create_checkout_session(&wire::CreateCheckoutSession::default(), &key()).await.map(drop)
        }
        "get_checkout_session" => client.get_checkout_session(&session()).await.map(drop),
        "update_checkout_session" => client
            .update_checkout_session(&session(), &wire::UpdateCheckoutSession::default())
            .await
            .map(drop),
        "complete_checkout_session" => {
            let request = wire::CompleteCheckoutSession::default();
            let sending = SendMode::RepeatedlyWithKey(&key());
            client.complete_checkout_session(&session(), &request, sending).await.map(drop)
        }
        "finalize_checkout_session" => {
            let request = wire::FinalizeCheckoutSession::default();
            let sending = SendMode::RepeatedlyWithKey(&key());
            client.finalize_checkout_session(&session(), &request, sending).await.map(drop)
        }
        "get_charge_permission" => client.get_charge_permission(&permission()).await.map(drop),
        "update_charge_permission" => {
            let request = wire::UpdateChargePermission::default();
            client.update_charge_permission(&permission(), &request).await.map(drop)
        }
        "close_charge_permission" => {
            let request = wire::CloseChargePermission {
                closure_reason: Some("done".to_owned()),
                cancel_pending_charges: Some(false),
                ..Default::default()
            };
            client.close_charge_permission(&permission(), &request).await.map(drop)
        }
        "create_charge" => {
            let request = wire::CreateCharge {
                charge_permission_id: Some(permission()),
                charge_amount: dollars(),
                capture_now: Some(true),
                ..Default::default()
            };
            client.create_charge(&request, &key()).await.map(drop)
        }
        "get_charge" => client.get_charge(&charge()).await.map(drop),
        "update_charge" => client.update_charge(&charge(), &wire::UpdateCharge::default()).await.map(drop),
        "capture_charge" => {
            let request = wire::CaptureCharge { capture_amount: dollars(), ..Default::default() };
            client.capture_charge(&charge(), &request, &key()).await.map(drop)
        }
        "cancel_charge" => {
            let request =
                wire::CancelCharge { cancellation_reason: Some("sold out".to_owned()), ..Default::default() };
            client.cancel_charge(&charge(), &request).await.map(drop)
        }
        "create_refund" => {
            let request = wire::CreateRefund {
                charge_id: Some(charge()),
                refund_amount: dollars(),
                ..Default::default()
            };
            client.create_refund(&request, &key()).await.map(drop)
        }
        "get_refund" => {
            let id = RefundId::parse("S01-5105180-3221187-R022868").unwrap();
            client.get_refund(&id).await.map(drop)
        }
        _ => return None,
    })
}

/// `captureCharge` and `CaptureCharge` as `capture_charge`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// A success for every call: it has what the completing calls need; to the other calls those members are
/// unknown.
fn success() -> NextAnswer {
    let body = r#"{"checkoutSessionId":"bd504926-f659-4ad7-a1a9-9a747aaf5275","statusDetails":{"state":"Completed"},
        "chargePermissionId":"S01-5105180-3221187"}"#;
    NextAnswer::Answer(200, body.to_owned())
}

// Promise: C06
#[tokio::test]
async fn every_call_of_the_five_sdks_is_here_and_sends_the_same() {
    for Call { method, path, names } in CALLS {
        let ours = snake_case(names[0]);
        for name in names.iter().filter(|name| !name.is_empty()) {
            assert_eq!(snake_case(name), ours);
        }
        if ours == "generate_button_signature" {
            let signer = keys::signer("SANDBOX-A", keys::PKCS8, countersign_client::Algorithm::PssV2);
            assert!(!signer.sign_button("{}").unwrap().is_empty());
            continue;
        }
        let network = Network::scripted([success()]);
        make(&client(&network), &ours).await.expect(&ours).expect(&ours);
        let requests = network.requests.lock().unwrap();
        assert_eq!((requests[0].method().as_str(), requests[0].uri().path()), (method, path), "{ours}");
        // Only calls for which Amazon honors keys have one; what is signed is what is sent.
        let has_key = requests[0].headers().contains_key("x-amz-pay-idempotency-key");
        assert_eq!(has_key, method == "POST", "{ours}");
        assert_eq!(requests[0].body().is_empty(), method == "GET", "{ours}");
        keys::check_signature(&requests[0]);
    }
}

#[tokio::test]
async fn a_lost_call_is_repeated_under_its_key_and_otherwise_only_if_it_reads() {
    for Call { method, names, .. } in CALLS.iter().filter(|call| !call.method.is_empty()) {
        let ours = snake_case(names[0]);
        let is_repeated = matches!(*method, "GET" | "POST");
        for end in [NextAnswer::Lost, NextAnswer::Hang, NextAnswer::refusal(503, "ServiceUnavailable")] {
            let mut script = vec![end];
            script.extend(is_repeated.then(success));
            let network = Network::scripted(script);
            let result = make(&client(&network), &ours).await.unwrap();
            match result {
                Ok(()) => assert!(is_repeated, "{ours}"),
                Err(error) => assert!(!is_repeated && error.is_ambiguous(), "{ours} {error:?}"),
            }
            let requests = network.requests.lock().unwrap();
            assert!(requests.iter().all(|request| request.body() == requests[0].body()), "{ours}");
        }
        // A request that certainly never left is sent again.
        let network = Network::scripted([NextAnswer::NotSent, success()]);
        make(&client(&network), &ours).await.unwrap().expect(&ours);
    }
}

/// The codes that a call's own page lists in addition to those of every call.
const REFUSALS: [(&str, &[wire::ReasonCode]); 6] = {
    use wire::ReasonCode::*;
    [
        (
            "create_charge",
            &[
                TransactionAmountExceeded,
                PeriodicAmountExceeded,
                CurrencyMismatch,
                InvalidChargePermissionStatus,
                TransactionCountExceeded,
                SoftDeclined,
                HardDeclined,
                PaymentMethodNotAllowed,
                MFANotCompleted,
                TransactionTimedOut,
                AmazonRejected,
                ProcessingFailure,
            ],
        ),
        (
            "capture_charge",
            &[
                TransactionAmountExceeded,
                CurrencyMismatch,
                InvalidChargePermissionStatus,
                InvalidChargeStatus,
                TransactionCountExceeded,
                AmazonRejected,
                ProcessingFailure,
            ],
        ),
        ("cancel_charge", &[InvalidChargePermissionStatus, InvalidChargeStatus]),
        ("update_charge_permission", &[ChargePermissionNotModifiable]),
        ("close_charge_permission", &[InvalidChargePermissionStatus]),
        (
            "create_refund",
            &[
                TransactionAmountExceeded,
                CurrencyMismatch,
                InvalidChargeStatus,
                TransactionCountExceeded,
                AmazonRejected,
                ProcessingFailure,
            ],
        ),
    ]
};

#[tokio::test]
async fn every_refusal_after_the_result_says_whether_money_may_have_moved() {
    let every_call = [
        wire::ReasonCode::InvalidParameterValue,
        wire::ReasonCode::DuplicateIdempotencyKey,
        wire::ReasonCode::ResourceNotFound,
        wire::ReasonCode::InvalidHeaderValue,
        wire::ReasonCode::InvalidRequestSignature,
        wire::ReasonCode::TooManyRequests,
        wire::ReasonCode::InternalServerError,
    ];
    let once = RetryPolicy { max_attempts: 1, ..RetryPolicy::default() };
    let mut table = String::new();
    for (name, codes) in REFUSALS {
        for code in codes.iter().chain(&every_call) {
            let network = Network::scripted([NextAnswer::refusal(code.status(), code.as_str())]);
            let error = make(&client_retrying(&network, once), name).await.unwrap().unwrap_err();
            let word = if error.is_ambiguous() { "AMBIGUOUS" } else { "definitive" };
            let again = if error.is_retryable() { ", again" } else { "" };
            table.push_str(&format!(
                "{name}: {} {code}: {:?}, {word}{again}\n",
                code.status(),
                error.failure_class()
            ));
        }
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn stored_bytes_are_sent_as_they_are_once() {
    let body = Bytes::from("{ \"chargeAmount\" : {\"amount\":14.0},\n\"x\":\"\\/日本\" }");
    for end in [success(), NextAnswer::Lost, NextAnswer::refusal(503, "ServiceUnavailable")] {
        let network = Network::scripted(vec![end; 5]);
        let client = client(&network);
        let (charge, key) = (charge(), key());
        drop(client.create_charge_bytes(body.clone(), &key).await);
        drop(client.capture_charge_bytes(&charge, body.clone(), &key).await);
        drop(client.create_refund_bytes(body.clone(), &key).await);
        drop(client.cancel_charge_bytes(&charge, body.clone()).await);
        drop(client.close_charge_permission_bytes(&permission(), body.clone()).await);
        let requests = network.requests.lock().unwrap();
        let sent: Vec<_> = requests
            .iter()
            .map(|request| {
                assert_eq!(request.body(), &body);
                keys::check_signature(request);
                let has_key = request.headers().contains_key("x-amz-pay-idempotency-key");
                (request.method().as_str(), request.uri().path(), has_key)
            })
            .collect();
        assert_eq!(
            sent,
            [
                ("POST", "/v2/charges", true),
                ("POST", "/v2/charges/S01-5105180-3221187-C056351/capture", true),
                ("POST", "/v2/refunds", true),
                ("DELETE", "/v2/charges/S01-5105180-3221187-C056351/cancel", false),
                ("DELETE", "/v2/chargePermissions/S01-5105180-3221187/close", false),
            ]
        );
    }
}

#[tokio::test]
async fn the_bodies_are_those_of_the_apis_pages() {
    for (name, expected) in [
        (
            "create_charge",
            r#"{"chargePermissionId":"S01-5105180-3221187","chargeAmount":{"amount":"14.00","currencyCode":"USD"},"captureNow":true}"#,
        ),
        ("capture_charge", r#"{"captureAmount":{"amount":"14.00","currencyCode":"USD"}}"#),
        ("cancel_charge", r#"{"cancellationReason":"sold out"}"#),
        ("close_charge_permission", r#"{"closureReason":"done","cancelPendingCharges":false}"#),
        (
            "create_refund",
            r#"{"chargeId":"S01-5105180-3221187-C056351","refundAmount":{"amount":"14.00","currencyCode":"USD"}}"#,
        ),
    ] {
        let network = Network::scripted([success()]);
        make(&client(&network), name).await.unwrap().unwrap();
        assert_eq!(network.requests.lock().unwrap()[0].body(), expected, "{name}");
    }
}

#[tokio::test]
async fn an_outcome_is_asked_of_the_calls_that_can_be_simulated_and_of_no_other() {
    let code = SimulationCode::parse("Declined").unwrap();
    let mut simulated = Vec::new();
    for Call { names, .. } in CALLS.iter().filter(|call| !call.method.is_empty()) {
        let name = snake_case(names[0]);
        let network = Network::scripted([success()]);
        make(&client(&network).simulating(&code).unwrap(), &name).await.unwrap().unwrap();
        if !network.headers("x-amz-pay-simulation-code").is_empty() {
            simulated.push(name);
        }
    }
    simulated.sort_unstable();
    let known = [
        "capture_charge",
        "close_charge_permission",
        "complete_checkout_session",
        "create_charge",
        "create_refund",
        "finalize_checkout_session",
    ];
    assert_eq!(simulated, known);
}

#[tokio::test]
async fn an_outcome_can_be_simulated_in_the_sandbox_only_and_is_not_signed() {
    let code = SimulationCode::parse("HardDeclined").unwrap();
    let network = Network::scripted([success(), success()]);
    let plain = client(&network);
    let simulating = plain.simulating(&code).unwrap();
    make(&simulating, "create_charge").await.unwrap().unwrap();
    make(&plain, "create_charge").await.unwrap().unwrap();
    assert_eq!(network.headers("x-amz-pay-simulation-code"), ["HardDeclined"]);
    assert!(!network.headers("authorization")[0].contains("simulation"));
    let requests = network.requests.lock().unwrap();
    assert!(
        requests.iter().all(|request| keys::check_signature(request).public_key_id().as_str().len() == 20)
    );

    let live = Client::builder(Region::Japan, credentials("LIVE-A")).build().unwrap();
    assert_eq!(live.environment(), Environment::Live);
    assert_eq!(live.simulating(&code).err(), Some(ConfigurationRefused::SimulationInLive));
    for text in ["", "Hard Declined", "a\r\nb", "日本", &"x".repeat(65)] {
        assert_eq!(SimulationCode::parse(text), Err(NotASimulationCode), "{text:?}");
    }
}
