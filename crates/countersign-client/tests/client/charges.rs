//! Charges by their state: which handle an answer gives, and what its methods send.

use std::sync::Arc;

use crate::keys::credentials;
use crate::network::{NO_JITTER, Network, NextAnswer, moved_clock};
use countersign_client::ids::{IdempotencyKey, Region};
use countersign_client::money::{Currency, Money};
use countersign_client::wire::{CancelCharge, CaptureCharge, Charge, ChargeState, read_answer};
use countersign_client::{Client, CurrentCharge, RetryPolicy, SimulationCode};

fn client(network: &Arc<Network>) -> Client {
    Client::builder(Region::NorthAmerica, credentials("SANDBOX-AHEGSJCM3L2S"))
        .transport(Arc::clone(network) as _)
        .clock(moved_clock("20261123T154700Z"))
        .entropy(Arc::new(NO_JITTER))
        .retry(RetryPolicy { max_attempts: 1, ..RetryPolicy::default() })
        .build()
        .unwrap()
}

fn answer(state: &str) -> String {
    format!(r#"{{"chargeId":"S01-5105180-3221187-C056351","statusDetails":{{"state":"{state}"}}}}"#)
}

fn charge(body: &str) -> Charge {
    read_answer(body.as_bytes()).unwrap().value
}

fn key() -> IdempotencyKey {
    IdempotencyKey::parse("AVLo5tI10BHgEk2jEXAMPLEKEY").unwrap()
}

/// The state, by the type of the handle.
fn state_of(current: &CurrentCharge) -> Option<ChargeState> {
    match current {
        CurrentCharge::AuthorizationInitiated(_) => Some(ChargeState::AuthorizationInitiated),
        CurrentCharge::Authorized(_) => Some(ChargeState::Authorized),
        CurrentCharge::CaptureInitiated(_) => Some(ChargeState::CaptureInitiated),
        CurrentCharge::Captured(_) => Some(ChargeState::Captured),
        CurrentCharge::Canceled(_) => Some(ChargeState::Canceled),
        CurrentCharge::Declined(_) => Some(ChargeState::Declined),
        CurrentCharge::Unknown(_) => None,
    }
}

// Promise: C22
#[test]
fn every_state_has_its_handle_and_whatever_is_not_whole_has_none() {
    let client = client(&Network::scripted([]));
    for state in ChargeState::ALL {
        let answered = charge(&answer(state.as_str()));
        let current = client.charge(answered.clone());
        assert_eq!(state_of(&current), Some(*state));
        assert_eq!(current.answered(), &answered);
    }
    for body in [
        "{}",
        r#"{"chargeId":"S01-5105180-3221187-C056351"}"#,
        r#"{"statusDetails":{"state":"Authorized"}}"#,
        r#"{"chargeId":7,"statusDetails":{"state":"Authorized"}}"#,
        &answer("Completed"),
        &answer("authorized"),
    ] {
        let answered = charge(body);
        let current = client.charge(answered.clone());
        assert_eq!(state_of(&current), None, "{body}");
        assert_eq!(current.answered(), &answered);
    }
}

#[tokio::test]
async fn an_authorized_charge_is_captured_and_is_what_the_answer_says_then() {
    let request = CaptureCharge {
        capture_amount: Some(Money::from_minor(900, Currency::USD).into()),
        ..Default::default()
    };
    for state in ["Captured", "CaptureInitiated", "Declined"] {
        let network = Network::scripted([NextAnswer::Answer(200, answer(state))]);
        let CurrentCharge::Authorized(handle) = client(&network).charge(charge(&answer("Authorized"))) else {
            panic!("expected an authorized charge")
        };
        assert_eq!(handle.id().as_str(), "S01-5105180-3221187-C056351");
        let current = handle.capture(&request, &key()).await.unwrap();
        assert_eq!(state_of(&current).map(ChargeState::as_str), Some(state));
        let requests = network.requests.lock().unwrap();
        assert_eq!(requests[0].method(), "POST");
        assert_eq!(requests[0].uri().path(), "/v2/charges/S01-5105180-3221187-C056351/capture");
        assert_eq!(requests[0].body(), r#"{"captureAmount":{"amount":"9.00","currencyCode":"USD"}}"#);
    }
    let network = Network::scripted([NextAnswer::Lost]);
    let CurrentCharge::Authorized(handle) = client(&network).charge(charge(&answer("Authorized"))) else {
        panic!("expected an authorized charge")
    };
    assert!(handle.capture(&request, &key()).await.unwrap_err().is_ambiguous());
}

#[tokio::test]
async fn what_is_not_captured_is_canceled_and_what_is_pending_is_looked_at() {
    let request = CancelCharge { cancellation_reason: Some("sold out".to_owned()), ..Default::default() };
    let network = Network::scripted([
        NextAnswer::Answer(200, answer("Authorized")),
        NextAnswer::Answer(200, answer("Canceled")),
        NextAnswer::Answer(200, answer("Canceled")),
    ]);
    let client = client(&network);
    let CurrentCharge::AuthorizationInitiated(pending) =
        client.charge(charge(&answer("AuthorizationInitiated")))
    else {
        panic!("expected a pending charge")
    };
    let CurrentCharge::Authorized(authorized) = pending.look().await.unwrap() else {
        panic!("expected the charge to be authorized now")
    };
    assert_eq!(state_of(&pending.cancel(&request).await.unwrap()), Some(ChargeState::Canceled));
    assert_eq!(state_of(&authorized.cancel(&request).await.unwrap()), Some(ChargeState::Canceled));
    let requests = network.requests.lock().unwrap();
    let sent: Vec<_> =
        requests.iter().map(|request| (request.method().as_str(), request.uri().path())).collect();
    let path = "/v2/charges/S01-5105180-3221187-C056351";
    let cancel = "/v2/charges/S01-5105180-3221187-C056351/cancel";
    assert_eq!(sent, [("GET", path), ("DELETE", cancel), ("DELETE", cancel)]);
}

#[tokio::test]
async fn a_captured_charge_is_refunded_as_often_as_asked() {
    let refund = || NextAnswer::Answer(201, r#"{"refundId":"S01-5105180-3221187-R022868"}"#.to_owned());
    let network = Network::scripted([refund(), refund()]);
    let CurrentCharge::Captured(handle) = client(&network).charge(charge(&answer("Captured"))) else {
        panic!("expected a captured charge")
    };
    for minor in [100, 250] {
        let refund = handle.refund(Money::from_minor(minor, Currency::USD), &key()).await.unwrap();
        assert_eq!(refund.value.refund_id.unwrap().as_str(), "S01-5105180-3221187-R022868");
    }
    let requests = network.requests.lock().unwrap();
    assert_eq!(requests[1].uri().path(), "/v2/refunds");
    assert_eq!(
        requests[1].body(),
        r#"{"chargeId":"S01-5105180-3221187-C056351","refundAmount":{"amount":"2.50","currencyCode":"USD"}}"#
    );
}

#[tokio::test]
async fn an_answer_about_another_charge_shows_nothing_of_this_one() {
    let other = |state| NextAnswer::Answer(200, answer(state).replace("C056351", "C056352"));
    let refund = r#"{"refundId":"S01-5105180-3221187-R022868","chargeId":"S01-5105180-3221187-C056352"}"#;
    let network = Network::scripted([
        other("Authorized"),
        other("Captured"),
        other("Canceled"),
        NextAnswer::Answer(201, refund.to_owned()),
    ]);
    let client = client(&network);
    let authorized = || match client.charge(charge(&answer("Authorized"))) {
        CurrentCharge::Authorized(handle) => handle,
        other => panic!("{other:?}"),
    };
    let looked = authorized().look().await.unwrap();
    assert!(matches!(looked, CurrentCharge::Unknown(_)), "{looked:?}");
    let CurrentCharge::Captured(captured) = client.charge(charge(&answer("Captured"))) else {
        panic!("expected a captured charge")
    };
    for said in [
        authorized().capture(&CaptureCharge::default(), &key()).await.map(drop),
        authorized().cancel(&CancelCharge::default()).await.map(drop),
        captured.refund(Money::from_minor(100, Currency::USD), &key()).await.map(drop),
    ] {
        let error = said.unwrap_err();
        assert!(error.is_ambiguous() && error.to_string().contains("another charge"), "{error}");
    }
}

#[tokio::test]
async fn a_simulated_outcome_is_asked_of_the_one_call_and_of_none_that_follows() {
    let network = Network::scripted([
        NextAnswer::Answer(200, answer("Authorized")),
        NextAnswer::Answer(200, answer("CaptureInitiated")),
        NextAnswer::Answer(200, answer("Captured")),
        NextAnswer::Answer(201, "{}".to_owned()),
    ]);
    let code = SimulationCode::parse("CaptureInitiated").unwrap();
    let client = client(&network).simulating(&code).unwrap();
    let CurrentCharge::Authorized(handle) = client.charge(charge(&answer("Authorized"))) else {
        panic!("expected an authorized charge")
    };
    let CurrentCharge::Authorized(handle) = handle.look().await.unwrap() else {
        panic!("expected the charge to be authorized still")
    };
    let pending = handle.capture(&CaptureCharge::default(), &key()).await.unwrap();
    let CurrentCharge::CaptureInitiated(pending) = pending else { panic!("{pending:?}") };
    let captured = pending.look().await.unwrap();
    let CurrentCharge::Captured(captured) = captured else { panic!("{captured:?}") };
    captured.refund(Money::from_minor(100, Currency::USD), &key()).await.unwrap();
    let requests = network.requests.lock().unwrap();
    let codes: Vec<_> = requests
        .iter()
        .map(|request| request.headers().get("x-amz-pay-simulation-code").map(|code| code.to_str().unwrap()))
        .collect();
    assert_eq!(codes, [None, Some("CaptureInitiated"), None, None]);
}

#[test]
fn a_handle_prints_its_charge_and_no_notes() {
    let client = client(&Network::scripted([]));
    let body = answer("Captured").replacen('{', r#"{"merchantMetadata":{"noteToBuyer":"canary"},"#, 1);
    let current = client.charge(charge(&body));
    let said = format!("{current:?}");
    assert!(said.contains("S01-5105180-3221187-C056351") && !said.contains("canary"), "{said}");
}
