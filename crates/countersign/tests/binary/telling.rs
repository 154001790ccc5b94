//! What `serve` reports to a shop and to an operator, over real sockets: webhooks, and `explain`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};

use crate::failures::configure;
use crate::http::{Api, HttpAnswer};
use crate::process::{ProcessOutput, Server, run};

fn shop(serve: &Server) -> Api {
    Api { address: serve.address, token: Some("open-sesame-open-sesame") }
}

fn register(serve: &Server, order_id: &str) -> HttpAnswer {
    let order = json!({
        "orderId": order_id,
        "productType": "PayOnly",
        "paymentDetails": {
            "paymentIntent": "Authorize",
            "chargeAmount": { "amount": "14.00", "currencyCode": "USD" },
        },
        "startOfCheckoutUrl": "https://shop.example/checkout",
    });
    let registered = shop(serve).post("/v1/checkouts", &order).unwrap();
    assert_eq!(registered.status, 201, "{registered:?}");
    registered
}

/// One request as it arrived, answered with 204.
pub(crate) fn take_one(listener: &TcpListener) -> (Vec<String>, Value) {
    let (stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_ascii_lowercase());
    }
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

// Promise: B31
#[test]
fn a_shop_gets_a_signed_webhook_of_what_is_proved() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path());
    std::fs::write(directory.path().join("whsec"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks?from=pay", listener.local_addr().unwrap());
    let serve = [
        "serve",
        "--config",
        "countersign.toml",
        "--shop-webhook-url",
        &url,
        "--shop-webhook-secret-file",
        "whsec",
        "--amazon-endpoint",
    ];
    let amazon = Server::start(
        directory.path(),
        &[
            "sandbox",
            "--listen",
            "127.0.0.1:0",
            "--public-key-id",
            "SANDBOX-SHOP",
            "--public-key",
            "merchant-public.pem",
        ],
    );
    let endpoint = format!("http://{}", amazon.address);
    let serve = Server::start(directory.path(), &[&serve[..], &[&endpoint]].concat());
    let checkout_id = register(&serve, "1001").text("checkoutId");
    let pay = json!({
        "productType": "PayOnly", "placed": true,
        "paymentDetails": {
            "paymentIntent": "Authorize",
            "chargeAmount": { "amount": "14.00", "currencyCode": "USD" },
        },
        "merchantMetadata": { "merchantReferenceId": checkout_id },
    });
    let amazon = Api { address: amazon.address, token: None };
    let session = amazon.post("/_sandbox/checkout-sessions", &pay).unwrap().text("checkoutSessionId");
    let path = format!("/v1/checkouts/{checkout_id}/complete");
    let completed = shop(&serve).post(&path, &json!({ "amazonCheckoutSessionId": session })).unwrap();
    assert_eq!(completed.status, 200, "{completed:?}");

    let (head, fact) = take_one(&listener);
    assert_eq!(head[0], "post /hooks?from=pay http/1.1");
    for name in ["webhook-id: evt_", "webhook-timestamp: ", "webhook-signature: v1,"] {
        assert!(head.iter().any(|line| line.starts_with(name)), "{name}: {head:?}");
    }
    assert_eq!((&fact["type"], &fact["orderId"]), (&json!("checkout.authorized"), &json!("1001")));
    assert_eq!(shop(&serve).get("/v1/events").unwrap().body["events"], json!([fact]));
}

fn explain(directory: &Path, args: &[&str]) -> ProcessOutput {
    run(directory, &[&["explain"], args].concat())
}

// Promise: B38
#[test]
fn an_order_is_explained_by_its_number_and_by_its_checkouts_id() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(path);
    let serve = Server::start(path, &["serve", "--config", "countersign.toml"]);
    let checkout_id = register(&serve, "a 1/ü").text("checkoutId");
    let url = format!("http://{}", serve.address);
    let at = ["--config", "countersign.toml", "--url", &url];

    let by_order = explain(path, &[&["a 1/ü"], &at[..]].concat());
    assert_eq!((by_order.code, by_order.stderr.as_str()), (Some(0), ""));
    assert!(by_order.stdout.starts_with(&format!("order a 1/ü, checkout {checkout_id}\n")), "{by_order:?}");
    assert!(by_order.stdout.contains("the order was registered"), "{by_order:?}");
    assert!(by_order.stdout.ends_with("may ship?  no: the buyer has not come back from Amazon's page yet\n"));
    assert_eq!(explain(path, &[&[checkout_id.as_str()], &at[..]].concat()), by_order);

    let as_json = explain(path, &[&["a 1/ü", "--json"], &at[..]].concat());
    let told: Value = serde_json::from_str(&as_json.stdout).unwrap();
    assert_eq!((&told["checkoutId"], &told["mayShip"]), (&json!(checkout_id), &json!(false)));
}

// Promise: B38
#[test]
fn what_cannot_be_explained_ends_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(path);
    std::fs::write(path.join("other"), "another-token").unwrap();
    let serve = Server::start(path, &["serve", "--config", "countersign.toml"]);
    let url = format!("http://{}", serve.address);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", taken.local_addr().unwrap());
    drop(taken);
    let long = "1".repeat(129);
    let too_long = "[orderId] must have at most 128 characters.";
    let cases: [(&[&str], String); 9] = [
        (&["", "--url", &url], "the order is empty: name its number, or its checkout's id".into()),
        (&[&long, "--url", &url], format!("serve at {url} refuses this: {too_long}")),
        (&["1001", "--url", &url], "there is no order and no checkout \"1001\"".into()),
        (&["1 2", "--url", &url], "there is no order and no checkout \"1 2\"".into()),
        (
            &["1001", "--url", &url, "--shop-token-file", "other"],
            format!("serve at {url} does not accept the token in other"),
        ),
        (&["1001", "--url", &nobody], format!("serve at {nobody} does not answer: ")),
        (&["1001", "--url", "nowhere"], "nowhere: it is not an endpoint".into()),
        (&["1001"], "listen has port 0: pass --url with the address that serve has printed".into()),
        (&["1001", "--url", &url, "--shop-token-file", "absent"], "absent cannot be read: ".into()),
    ];
    for (args, told) in cases {
        let ended = explain(path, &[args, &["--config", "countersign.toml"]].concat());
        assert!(ended.stderr.starts_with(&format!("countersign: {told}")), "{args:?}: {ended:?}");
        assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.lines().count()), (Some(1), "", 1));
    }
}

#[test]
fn a_key_for_buyers_data_is_made_once_next_to_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(path);
    let serve = ["serve", "--config", "countersign.toml", "--store", "sqlite:shop.db"];
    let key = path.join("shop.db.snapshot-key");
    assert_eq!(Server::start(path, &serve).terminate(), Some(0));
    let first = std::fs::read_to_string(&key).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(Server::start(path, &serve).terminate(), Some(0));
    assert_eq!(std::fs::read_to_string(&key).unwrap(), first);
    let logs = std::fs::read_to_string(path.join("logs.txt")).unwrap();
    assert_eq!(logs.matches("a new key for buyer data was created").count(), 1);
    assert!(!logs.contains(first.trim()), "a key is in the log");
}
