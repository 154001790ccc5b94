//! Both servers start, answer, and end when they are asked to.

use serde_json::json;

use crate::failures::configure;
use crate::http::Api;
use crate::process::{Server, run};

fn api(server: &Server) -> Api {
    Api { address: server.address, token: None }
}

#[test]
fn the_sandbox_answers_and_ends_gracefully() {
    let directory = tempfile::tempdir().unwrap();
    for kept in [&["--in-memory"] as &[&str], &["--data-dir", "amazon"]] {
        let sandbox =
            Server::start(directory.path(), &[&["sandbox", "--listen", "127.0.0.1:0"], kept].concat());
        assert_eq!(api(&sandbox).get("/_sandbox/health").unwrap().status, 200);
        assert_eq!(sandbox.terminate(), Some(0));
    }
}

#[test]
fn the_merchant_half_answers_and_ends_gracefully() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path());
    for store in ["memory", "sqlite:shop.db"] {
        let serve = ["serve", "--config", "countersign.toml", "--store", store];
        let serve = Server::start(directory.path(), &serve);
        assert_eq!(api(&serve).get("/healthz").unwrap().status, 200);
        assert_eq!(api(&serve).get("/v1/checkouts").unwrap().status, 401, "the shop's token is required");
        let shown = Api { token: Some("open-sesame-open-sesame"), ..api(&serve) };
        assert_eq!(shown.get("/v1/checkouts?state=checking").unwrap().status, 200);
        assert_eq!(serve.terminate(), Some(0));
    }
}

fn start_checkout(sandbox: &Server) -> crate::http::HttpAnswer {
    let body = json!({
        "productType": "PayOnly",
        "paymentDetails": {
            "paymentIntent": "Authorize",
            "chargeAmount": { "amount": "14.00", "currencyCode": "USD" },
        },
    });
    api(sandbox).post("/_sandbox/checkout-sessions", &body).unwrap()
}

#[test]
fn a_sandbox_that_made_its_merchant_has_the_same_one_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = ["sandbox", "--listen", "127.0.0.1:0", "--data-dir", "amazon"];
    let first = Server::start(directory.path(), &sandbox);
    let key = std::fs::read_to_string(directory.path().join("amazon/merchant.pem")).unwrap();
    let started = start_checkout(&first);
    assert_eq!(started.status, 201);
    assert_eq!(first.terminate(), Some(0));

    let second = Server::start(directory.path(), &sandbox);
    assert_eq!(std::fs::read_to_string(directory.path().join("amazon/merchant.pem")).unwrap(), key);
    let id = started.text("checkoutSessionId");
    let acted = api(&second)
        .post(&format!("/_sandbox/checkout-sessions/{id}/buyer"), &json!({ "action": "placeOrder" }))
        .unwrap();
    assert_eq!(acted.status, 200, "{acted:?}");
}

#[test]
fn a_seed_fixes_the_ids_of_each_start() {
    let ids_of_three_starts = || {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(run(directory.path(), &["keys"]).code, Some(0));
        let sandbox = [
            "sandbox",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            "amazon",
            "--seed",
            "7",
            "--public-key-id",
            "SANDBOX-SHOP",
            "--public-key",
            "merchant-public.pem",
        ];
        [(); 3].map(|()| {
            let server = Server::start(directory.path(), &sandbox);
            let id = start_checkout(&server).text("checkoutSessionId");
            server.kill();
            id
        })
    };
    let [first, second, third] = ids_of_three_starts();
    assert!(first != second && second != third && first != third);
    assert_eq!(ids_of_three_starts(), [first, second, third]);
}

#[test]
fn a_reset_does_not_make_the_next_start_draw_ids_that_were_drawn() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = ["sandbox", "--listen", "127.0.0.1:0", "--data-dir", "amazon", "--seed", "7"];
    let first = Server::start(directory.path(), &sandbox);
    assert_eq!(api(&first).post("/_sandbox/reset", &json!({})).unwrap().status, 200);
    let before = start_checkout(&first).text("checkoutSessionId");
    first.kill();

    let second = Server::start(directory.path(), &sandbox);
    let started = start_checkout(&second);
    assert_eq!(started.status, 201, "{started:?}");
    assert_ne!(started.text("checkoutSessionId"), before);
}

#[test]
fn the_control_api_requires_its_token() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("control-token"), "open-sesame").unwrap();
    let sandbox = ["sandbox", "--listen", "127.0.0.1:0", "--control-token-file", "control-token"];
    let sandbox = Server::start(directory.path(), &sandbox);
    assert_ne!(api(&sandbox).get("/_sandbox/clock").unwrap().status, 200);
    let shown = Api { token: Some("open-sesame"), ..api(&sandbox) };
    assert_eq!(shown.get("/_sandbox/clock").unwrap().status, 200);
}
