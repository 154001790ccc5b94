//! Calls over a scripted network and a clock that the test moves: what is sent, how often, and what the
//! result means.

use std::sync::Arc;
use std::time::Duration;

use crate::keys::{self, credentials};
use crate::network::{NO_JITTER, Network, NextAnswer, moved_clock};
use countersign_client::ids::{ChargeId, CheckoutSessionId, Environment, IdempotencyKey, Region};
use countersign_client::money::{Currency, Money};
use countersign_client::terms::PaymentIntent;
use countersign_client::wire::{
    CompleteCheckoutSession, CreateCheckoutSession, FinalizeCheckoutSession, ReasonCode,
    UpdateCheckoutSession,
};
use countersign_client::{
    Answer, Client, ClientBuilder, ConfigurationRefused, Deadlines, Endpoint, Error, FailureClass,
    RetryPolicy, SendMode, wire,
};
use countersign_world::fake::FakeClock;

const SESSION: &str = "bd504926-f659-4ad7-a1a9-9a747aaf5275";
const COMPLETED: &str = r#"{"checkoutSessionId":"bd504926-f659-4ad7-a1a9-9a747aaf5275",
    "statusDetails":{"state":"Completed"},"chargePermissionId":"S01-5105180-3221187",
    "chargeId":"S01-5105180-3221187-C056351"}"#;

fn session() -> CheckoutSessionId {
    CheckoutSessionId::parse(SESSION).unwrap()
}

fn key() -> IdempotencyKey {
    IdempotencyKey::parse("AVLo5tI10BHgEk2jEXAMPLEKEY").unwrap()
}

fn completed() -> NextAnswer {
    NextAnswer::Answer(200, COMPLETED.to_owned())
}

fn builder(network: &Arc<Network>, clock: &Arc<FakeClock>) -> ClientBuilder {
    Client::builder(Region::NorthAmerica, credentials("SANDBOX-AHEGSJCM3L2S"))
        .transport(Arc::clone(network) as _)
        .clock(Arc::clone(clock) as _)
        .entropy(Arc::new(NO_JITTER))
}

fn client(network: &Arc<Network>) -> Client {
    builder(network, &clock()).build().unwrap()
}

fn clock() -> Arc<FakeClock> {
    moved_clock("20261123T154700Z")
}

fn finalize_request() -> FinalizeCheckoutSession {
    FinalizeCheckoutSession {
        payment_intent: Some(PaymentIntent::Authorize.into()),
        charge_amount: Some(Money::from_minor(1400, Currency::USD).into()),
        shipping_address: Some(wire::Address { name: Some("canary".to_owned()), ..Default::default() }),
        ..Default::default()
    }
}

async fn finalize(
    network: &Arc<Network>,
    sending: SendMode<'_>,
) -> Result<Answer<wire::CheckoutSession>, Error> {
    client(network).finalize_checkout_session(&session(), &finalize_request(), sending).await
}

// Promise: C09
#[tokio::test]
async fn each_try_is_signed_anew_under_the_same_key() {
    let network = Network::scripted([
        NextAnswer::refusal(503, "ServiceUnavailable"),
        NextAnswer::refusal(503, "ServiceUnavailable"),
        completed(),
    ]);
    let answer = finalize(&network, SendMode::RepeatedlyWithKey(&key())).await.unwrap();
    assert_eq!(answer.attempts, 3);
    let mut dates = network.headers("x-amz-pay-date");
    dates.dedup();
    assert_eq!(dates, ["20261123T154700Z", "20261123T154701Z", "20261123T154703Z"]);
    assert_eq!(network.headers("x-amz-pay-idempotency-key"), [key().as_str(); 3]);
    for (request, date) in network.requests.lock().unwrap().iter().zip(&dates) {
        assert_eq!(&keys::check_signature(request).signed_at().to_string(), date);
    }
    let mut signatures = network.headers("authorization");
    signatures.dedup();
    assert_eq!(signatures.len(), 3);
}

// Promise: C14
#[tokio::test]
async fn an_endpoints_port_and_path_are_honoured_and_signed() {
    for (url, key_id, expected) in [
        ("http://127.0.0.1:8100/pay/eu", "SANDBOX-A", "http://127.0.0.1:8100/pay/eu/v2/charges/S01-1-2-C3"),
        ("https://proxy.example:8443", "A", "https://proxy.example:8443/sandbox/v2/charges/S01-1-2-C3"),
        ("https://pay-api.amazon.com", "A", "https://pay-api.amazon.com/sandbox/v2/charges/S01-1-2-C3"),
    ] {
        let network = Network::scripted([NextAnswer::Answer(200, "{}".to_owned())]);
        let client = Client::builder(Region::NorthAmerica, credentials(key_id))
            .environment(Environment::Sandbox)
            .endpoint(Endpoint::parse(url).unwrap())
            .transport(Arc::clone(&network) as _)
            .clock(clock())
            .build()
            .unwrap();
        client.get_charge(&ChargeId::parse("S01-1-2-C3").unwrap()).await.unwrap();
        let requests = network.requests.lock().unwrap();
        assert_eq!(requests[0].uri().to_string(), expected);
        keys::check_signature(&requests[0]);
        let authority = requests[0].uri().authority().unwrap();
        assert_eq!(requests[0].headers()["x-amz-pay-host"].to_str().unwrap(), authority.as_str());
    }
}

// Promise: C08
#[tokio::test]
async fn the_bytes_that_are_given_are_the_bytes_that_are_sent_and_signed() {
    let body: bytes::Bytes =
        "{ \"chargeAmount\" : {\"amount\":14.0, \"currencyCode\":\"USD\"},\n\"x\":\"\\/日本\" }".into();
    let network = Network::scripted([completed()]);
    let client = client(&network);
    client.finalize_checkout_session_bytes(&session(), body.clone(), &key()).await.unwrap();
    let requests = network.requests.lock().unwrap();
    assert_eq!(requests[0].body(), &body);
    keys::check_signature(&requests[0]);
}

#[tokio::test]
async fn an_answer_brings_its_evidence() {
    let network = Network::scripted([completed()]);
    let answer = finalize(&network, SendMode::Once).await.unwrap();
    assert_eq!((answer.status, answer.request_id.as_deref()), (200, Some("6a1b")));
    assert_eq!(answer.date.map(|date| date.to_string()).as_deref(), Some("20261123T154700Z"));
    assert_eq!(answer.body, COMPLETED);
    assert_eq!(answer.value.charge_id.unwrap().as_str(), "S01-5105180-3221187-C056351");
    assert!(network.headers("x-amz-pay-idempotency-key").is_empty());
}

// Promise: C10
#[tokio::test]
async fn a_call_that_moves_money_is_repeated_only_with_a_key_and_on_request() {
    for end in [
        NextAnswer::Lost,
        NextAnswer::Hang,
        NextAnswer::refusal(503, "ServiceUnavailable"),
        NextAnswer::refusal(429, "TooManyRequests"),
    ] {
        let network = Network::scripted([end.clone()]);
        let error = finalize(&network, SendMode::Once).await.unwrap_err();
        assert_eq!((error.attempts(), network.count()), (1, 1), "{end:?}");

        let network = Network::scripted([end.clone()]);
        let error = finalize(&network, SendMode::OnceWithKey(&key())).await.unwrap_err();
        assert_eq!((error.attempts(), network.count()), (1, 1), "{end:?}");

        let network = Network::scripted([end.clone()]);
        let client = client(&network);
        let error =
            client.finalize_checkout_session_bytes(&session(), "{}".into(), &key()).await.unwrap_err();
        assert_eq!((error.attempts(), network.count()), (1, 1), "{end:?}");

        let network = Network::scripted([end.clone(), completed()]);
        let answer = finalize(&network, SendMode::RepeatedlyWithKey(&key())).await.unwrap();
        assert_eq!((answer.attempts, network.count()), (2, 2), "{end:?}");
    }
}

#[tokio::test]
async fn what_certainly_never_left_is_sent_again_even_without_a_key() {
    let network = Network::scripted([NextAnswer::NotSent, completed()]);
    assert_eq!(finalize(&network, SendMode::Once).await.unwrap().attempts, 2);

    let network = Network::scripted([
        NextAnswer::NotSent,
        NextAnswer::NotSent,
        NextAnswer::NotSent,
        NextAnswer::NotSent,
    ]);
    let error = finalize(&network, SendMode::Once).await.unwrap_err();
    assert!(error.is_definitive() && error.is_retryable() && !error.may_have_been_sent(), "{error:?}");
}

#[tokio::test]
async fn an_update_is_not_repeated_and_a_creation_is() {
    let network = Network::scripted([NextAnswer::Lost]);
    let update =
        client(&network).update_checkout_session(&session(), &UpdateCheckoutSession::default()).await;
    assert!(update.unwrap_err().is_ambiguous());
    assert_eq!(network.requests.lock().unwrap()[0].method(), "PATCH");

    let network = Network::scripted([NextAnswer::Lost, NextAnswer::Answer(201, "{}".to_owned())]);
    let created = client(&network).create_checkout_session(&CreateCheckoutSession::default(), &key()).await;
    assert_eq!(created.unwrap().status, 201);
}

#[tokio::test]
async fn after_a_try_that_may_have_arrived_only_a_success_is_definitive() {
    for last in [
        NextAnswer::refusal(422, "InvalidCheckoutSessionStatus"),
        NextAnswer::refusal(409, "AmountMismatch"),
        NextAnswer::refusal(422, "HardDeclined"),
        NextAnswer::refusal(403, "InvalidRequestSignature"),
    ] {
        let network = Network::scripted([NextAnswer::Lost, last.clone()]);
        let error = finalize(&network, SendMode::RepeatedlyWithKey(&key())).await.unwrap_err();
        assert!(error.is_ambiguous(), "{last:?}");
        assert_eq!(error.failure_class(), FailureClass::InDoubt);
    }
    // A throttled try was not evaluated and leaves no doubt.
    let network = Network::scripted([
        NextAnswer::refusal(429, "TooManyRequests"),
        NextAnswer::refusal(409, "AmountMismatch"),
    ]);
    let error = finalize(&network, SendMode::RepeatedlyWithKey(&key())).await.unwrap_err();
    assert!(error.is_definitive());
}

// Promise: C12
#[tokio::test]
async fn a_payment_is_waited_for_longer_than_a_look() {
    let clock = clock();
    let network = Network::scripted([NextAnswer::Hang]);
    let client = builder(&network, &clock).build().unwrap();
    let error =
        client.finalize_checkout_session(&session(), &finalize_request(), SendMode::Once).await.unwrap_err();
    assert!(error.is_ambiguous() && error.status().is_none());
    assert_eq!(clock.now().to_string(), "20261123T154725Z");

    let clock = moved_clock("20261123T154700Z");
    let network = Network::scripted([NextAnswer::Hang, NextAnswer::Hang]);
    let retry = RetryPolicy { max_attempts: 2, ..RetryPolicy::default() };
    let client = builder(&network, &clock).retry(retry).build().unwrap();
    let error = client.get_checkout_session(&session()).await.unwrap_err();
    assert!(error.is_definitive() && error.is_retryable());
    // Two tries of 15 s each, with a pause of 1 s in between.
    assert_eq!(clock.now().to_string(), "20261123T154731Z");
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_gets_it() {
    let clock = clock();
    let network =
        Network::scripted([NextAnswer::AskForPause(429, 7), NextAnswer::Answer(200, "{}".to_owned())]);
    let client = builder(&network, &clock).build().unwrap();
    client.get_checkout_session(&session()).await.unwrap();
    assert_eq!(clock.now().to_string(), "20261123T154707Z");
}

#[tokio::test]
async fn a_success_that_is_not_whole_is_ambiguous() {
    let other = "11111111-f659-4ad7-a1a9-9a747aaf5275";
    for (status, body) in [
        (200, String::new()),
        (200, "<html>".to_owned()),
        (200, "[]".to_owned()),
        (204, String::new()),
        (200, "{}".to_owned()),
        (200, COMPLETED[..40].to_owned()),
        (200, COMPLETED.replace(SESSION, other)),
        (200, COMPLETED.replace("Completed", "Open")),
        (200, COMPLETED.replace("Completed", "Levitating")),
        (200, COMPLETED.replace("chargePermissionId", "chargePermission")),
        (200, COMPLETED.replace("\"S01-5105180-3221187\"", "null")),
        (202, COMPLETED.replace("\"S01-5105180-3221187-C056351\"", "null")),
        (200, COMPLETED.replace("\"S01-5105180-3221187-C056351\"", "7")),
        (302, COMPLETED.to_owned()),
    ] {
        let network = Network::scripted([NextAnswer::Answer(status, body.clone())]);
        let error = finalize(&network, SendMode::Once).await.expect_err(&body);
        assert!(error.is_ambiguous() && error.status() == Some(status), "{status} {body}");
        assert_eq!(error.body().map(|kept| kept.as_ref()), Some(body.as_bytes()));
    }
    let confirm =
        FinalizeCheckoutSession { payment_intent: Some(PaymentIntent::Confirm.into()), ..finalize_request() };
    let body = COMPLETED.replace("\"S01-5105180-3221187-C056351\"", "null");
    let network = Network::scripted([NextAnswer::Answer(200, body.clone()), NextAnswer::Answer(202, body)]);
    let client = client(&network);
    client.finalize_checkout_session(&session(), &confirm, SendMode::Once).await.unwrap();
    let complete = CompleteCheckoutSession::default();
    client.complete_checkout_session(&session(), &complete, SendMode::Once).await.unwrap();
}

// Promise: C05
#[tokio::test]
async fn every_reason_code_says_whether_money_may_have_moved() {
    let mut table = String::new();
    for code in ReasonCode::ALL {
        let mut line = format!("{} {code}:", code.status());
        for (name, sending) in [("once", SendMode::Once), ("with key", SendMode::OnceWithKey(&key()))] {
            let network = Network::scripted([NextAnswer::refusal(code.status(), code.as_str())]);
            let error = finalize(&network, sending).await.unwrap_err();
            assert_ne!(error.is_definitive(), error.is_ambiguous());
            assert_eq!(error.reason_code(), Some(&wire::Word::Known(*code)));
            let words = [
                (error.is_ambiguous(), "AMBIGUOUS"),
                (error.is_definitive(), "definitive"),
                (error.is_retryable(), "retryable"),
                (error.is_misuse(), "misuse"),
            ];
            let words: Vec<_> = words.iter().filter(|(holds, _)| *holds).map(|(_, word)| *word).collect();
            line.push_str(&format!(" {name} {};", words.join(" ")));
        }
        table.push_str(&line);
        table.push('\n');
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_look_changes_nothing_whatever_comes_of_it() {
    let policy = RetryPolicy { max_attempts: 1, ..Default::default() };
    for end in [
        NextAnswer::Lost,
        NextAnswer::Hang,
        NextAnswer::refusal(404, "ResourceNotFound"),
        NextAnswer::refusal(500, "InternalServerError"),
    ] {
        let network = Network::scripted([end.clone()]);
        let client = builder(&network, &clock()).retry(policy).build().unwrap();
        let error = client.get_checkout_session(&session()).await.unwrap_err();
        assert!(error.is_definitive(), "{end:?}");
    }
}

#[tokio::test]
async fn errors_and_answers_print_no_buyer_data_and_no_text_of_the_server() {
    let network = Network::scripted([
        NextAnswer::refusal(409, "AmountMismatch"),
        NextAnswer::refusal(422, r"canary\n"),
    ]);
    for _ in 0..2 {
        let error = finalize(&network, SendMode::Once).await.unwrap_err();
        assert_eq!(error.message(), Some("canary"));
        let said = format!("{error} {error:?}");
        assert!(!said.contains("canary"), "{said}");
    }
    let body = COMPLETED.replace("\"chargeId\"", "\"buyer\":{\"name\":\"canary\"},\"chargeId\"");
    let network = Network::scripted([NextAnswer::Answer(200, body)]);
    let answer = finalize(&network, SendMode::Once).await.unwrap();
    let said = format!("{answer:?}");
    assert!(!said.contains("canary") && said.contains("S01-5105180-3221187-C056351"), "{said}");
    let said = format!("{:?}", client(&network));
    assert!(!said.contains("PRIVATE") && said.contains("Sandbox"), "{said}");
}

#[test]
fn a_call_can_be_made_from_any_thread() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let network = Network::scripted([]);
    let client = assert_send(client(&network));
    let (id, key, request) = (session(), key(), finalize_request());
    drop(assert_send(client.finalize_checkout_session(&id, &request, SendMode::OnceWithKey(&key))));
    drop(assert_send(client.get_checkout_session(&id)));
    fn assert_sync<T: Sync + std::error::Error + 'static>() {}
    assert_sync::<Error>();
}

#[test]
fn a_configuration_that_contradicts_itself_is_refused() {
    let build = |key_id: &str, environment: Option<Environment>| {
        let builder = Client::builder(Region::Japan, credentials(key_id));
        let builder = match environment {
            Some(environment) => builder.environment(environment),
            None => builder,
        };
        builder.build().map(|client| client.environment())
    };
    assert_eq!(build("LIVE-A", None), Ok(Environment::Live));
    assert_eq!(build("A", Some(Environment::Live)), Ok(Environment::Live));
    assert_eq!(build("SANDBOX-A", Some(Environment::Sandbox)), Ok(Environment::Sandbox));
    assert_eq!(build("A", None), Err(ConfigurationRefused::EnvironmentUnknown));
    assert_eq!(
        build("LIVE-A", Some(Environment::Sandbox)),
        Err(ConfigurationRefused::EnvironmentContradictsKey)
    );

    let deadlines = |payment| Deadlines { payment, ..Default::default() };
    let build =
        |payment| Client::builder(Region::Japan, credentials("LIVE-A")).deadlines(deadlines(payment)).build();
    assert!(build(Deadlines::LEAST_FOR_PAYMENT).is_ok());
    let shorter = Deadlines::LEAST_FOR_PAYMENT - Duration::from_millis(1);
    assert_eq!(build(shorter).err(), Some(ConfigurationRefused::PaymentDeadlineTooShort));
}
