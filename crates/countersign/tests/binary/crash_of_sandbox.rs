//! Amazon's half under SIGKILL: whenever it dies, everything that it has answered is on disk, no
//! session is completed twice, and the merchant is notified of every charge.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Mutex;

use bytes::Bytes;
use countersign_domain::ids::{PublicKeyId, Region};
use countersign_protocol::signing::{Algorithm, KeySigner};
use countersign_world::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::crowd::{CLIENTS, Crowd, Random};
use crate::http::{Api, HttpAnswer, send, text};
use crate::process::{Server, run};
use crate::receiver::Receiver;

/// The answers of Finalize by session; `None` for a session that was only begun.
type Memory = Mutex<HashMap<String, Option<HttpAnswer>>>;

/// Sends a request with a new signature.
fn signed(
    signer: &KeySigner,
    address: SocketAddr,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: &str,
) -> std::io::Result<HttpAnswer> {
    let mut request =
        http::Request::builder().method(method).uri(format!("http://{address}/v2/checkoutSessions/{path}"));
    if let Some(key) = key {
        request = request.header("x-amz-pay-idempotency-key", key);
    }
    let mut request = request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    signer.sign(&mut request, Region::NorthAmerica, SystemClock.now()).unwrap();
    send(address, &request)
}

fn payment() -> Value {
    json!({ "paymentIntent": "Authorize", "chargeAmount": { "amount": "14.00", "currencyCode": "USD" } })
}

fn finalize_sessions(client: usize, crowd: &Crowd, signer: &KeySigner, memory: &Memory) {
    for number in 0.. {
        if crowd.is_ending() {
            return;
        }
        let begin = json!({ "productType": "PayAndShip", "paymentDetails": payment(), "placed": true });
        let begun =
            crowd.insist(|address| Api { address, token: None }.post("/_sandbox/checkout-sessions", &begin));
        assert_eq!(begun.status, 201, "{begun:?}");
        let session = begun.text("checkoutSessionId");
        memory.lock().unwrap().insert(session.clone(), None);

        let mut body = payment();
        body["shippingAddress"] = begun.body["shippingAddress"].clone();
        let (body, key, path) =
            (body.to_string(), format!("{client}-{number}"), format!("{session}/finalize"));
        let answer = crowd.insist(|address| signed(signer, address, "POST", &path, Some(&key), &body));
        assert_eq!(answer.status, 200, "the same key gets the same answer in every life: {answer:?}");
        memory.lock().unwrap().insert(session, Some(answer));
    }
}

// Promise: A24
#[test]
fn no_sigkill_makes_the_sandbox_forget_an_id_that_it_has_answered() {
    let mut random = Random::from_printed_seed();
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(run(directory.path(), &["keys"]).code, Some(0));
    let pem = std::fs::read_to_string(directory.path().join("merchant.pem")).unwrap();
    let id = PublicKeyId::parse("SANDBOX-SHOP").unwrap();
    let signer = KeySigner::from_pem(id, &pem, Algorithm::PssV2).unwrap();
    let receiver = Receiver::start();
    let url = receiver.url();
    let start = || {
        Server::start(
            directory.path(),
            &[
                "sandbox",
                "--listen",
                "127.0.0.1:0",
                "--log",
                "warn",
                "--data-dir",
                "amazon",
                "--public-key-id",
                "SANDBOX-SHOP",
                "--public-key",
                "merchant-public.pem",
                "--ipn-url",
                &url,
                // Signing for version 2 takes a fraction of the time.
                "--ipn-signature-version",
                "2",
            ],
        )
    };
    let memory = Memory::default();
    let first = start();
    let crowd = Crowd::new(first.address);
    let last = std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (crowd, memory, signer) = (&crowd, &memory, &signer);
            scope.spawn(move || finalize_sessions(client, crowd, signer, memory));
        }
        crowd.kill_again_and_again(100, first, &mut random, start)
    });

    let sessions = memory.into_inner().unwrap();
    receiver.wait_for(sessions.values().flatten().map(|answer| answer.text("chargeId")).collect());
    let mut permissions = HashSet::new();
    for (session, answer) in &sessions {
        let seen = signed(&signer, last.address, "GET", session, None, "").unwrap();
        assert_eq!(seen.status, 200, "{session}: {seen:?}");
        let Some(answer) = answer else { continue };
        let ids = |answer: &HttpAnswer| (answer.text("chargePermissionId"), answer.text("chargeId"));
        assert_eq!(ids(&seen), ids(answer), "{session}");
        assert_eq!(text(&seen.body["statusDetails"], "state"), "Completed", "{session}");
        assert!(permissions.insert(ids(answer).0), "{session} shares its permission with another session");
        let log = Api { address: last.address, token: None }
            .get(&format!("/_sandbox/events?checkoutSessionId={session}"))
            .unwrap();
        let events = log.body["events"].as_array().unwrap();
        let completed = events.iter().filter(|event| text(event, "type") == "CheckoutSessionCompleted");
        assert_eq!(completed.count(), 1, "{session}");
    }
    println!("{} sessions, {} ids answered", sessions.len(), permissions.len());
    assert!(!permissions.is_empty(), "a run in which no id is answered proves nothing");
}
