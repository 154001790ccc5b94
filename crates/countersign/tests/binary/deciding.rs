//! `countersign decide`, and the commands of the operator's page: persons decide about a payment that a store
//! which was restored from a backup does not know.

use std::path::Path;

use serde_json::json;

use crate::failures::configure;
use crate::http::{Api, HttpAnswer};
use crate::process::{ProcessOutput, Server, run};

const PAGE: &str = include_str!("../../../../docs/operating.md");

const ALICE: &str = "alice-0123456789abcdef";
const BOB: &str = "bob-0123456789abcdef";

fn shop(serve: &Server) -> Api {
    Api { address: serve.address, token: Some("open-sesame") }
}

fn start_serve(directory: &Path, amazon: &Server) -> Server {
    let endpoint = format!("http://{}", amazon.address);
    let args = ["serve", "--config", "countersign.toml", "--store", "sqlite:shop.db"];
    let more = ["--operator-tokens-file", "operators", "--amazon-endpoint", endpoint.as_str()];
    Server::start(directory, &[&args[..], &more[..]].concat())
}

/// The commands on the page that decide, each as its words.
fn commands() -> Vec<Vec<String>> {
    let blocks = PAGE.split("\n```sh decide\n").skip(1).map(|block| block.split("\n```").next().unwrap());
    let lines = blocks.map(|block| block.replace("\\\n", " "));
    let lines: Vec<String> =
        lines.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.iter().map(|line| words(line)).collect()
}

/// The words of a command; a text in double quotes is one word.
fn words(line: &str) -> Vec<String> {
    let quoted = line.split('"').enumerate();
    let parts = quoted.flat_map(|(place, part)| match place % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
        _ => vec![part.to_owned()],
    });
    parts.collect()
}

// Promise: D03
#[test]
fn persons_decide_about_a_payment_that_a_restored_store_does_not_know() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(path);
    std::fs::write(path.join("operators"), format!("# who may decide\nalice {ALICE}\nbob {BOB}\n")).unwrap();
    std::fs::write(path.join("alice-token"), format!("{ALICE}\n")).unwrap();
    std::fs::write(path.join("bob-token"), format!("bob {BOB}\n")).unwrap();
    let sandbox = ["sandbox", "--listen", "127.0.0.1:0", "--public-key-id", "SANDBOX-SHOP"];
    let amazon = Server::start(path, &[&sandbox[..], &["--public-key", "merchant-public.pem"]].concat());
    let serve = start_serve(path, &amazon);
    let payment = json!({
        "paymentIntent": "AuthorizeWithCapture",
        "chargeAmount": { "amount": "14.00", "currencyCode": "USD" },
    });
    let order = json!({
        "orderId": "1001",
        "productType": "PayOnly",
        "paymentDetails": payment,
        "startOfCheckoutUrl": "https://shop.example/checkout",
    });
    let registered = shop(&serve).post("/v1/checkouts", &order).unwrap();
    let checkout_id = registered.text("checkoutId");
    assert_eq!(serve.terminate(), Some(0));
    std::fs::copy(path.join("shop.db"), path.join("backup.db")).unwrap();

    let serve = start_serve(path, &amazon);
    let session = json!({
        "productType": "PayOnly",
        "paymentDetails": payment,
        "merchantMetadata": { "merchantReferenceId": checkout_id },
        "placed": true,
    });
    let control = Api { address: amazon.address, token: None };
    let session = control.post("/_sandbox/checkout-sessions", &session).unwrap().text("checkoutSessionId");
    let complete = |serve: &Server| -> HttpAnswer {
        let path = format!("/v1/checkouts/{checkout_id}/complete");
        shop(serve).post(&path, &json!({ "amazonCheckoutSessionId": session })).unwrap()
    };
    let paid = complete(&serve);
    assert_eq!((paid.status, paid.text("outcome").as_str()), (200, "paid"), "{paid:?}");
    serve.kill();
    for file in ["shop.db", "shop.db-wal", "shop.db-shm"] {
        let _ = std::fs::remove_file(path.join(file));
    }
    std::fs::copy(path.join("backup.db"), path.join("shop.db")).unwrap();

    let serve = start_serve(path, &amazon);
    let unknown = complete(&serve);
    assert_eq!((unknown.status, unknown.text("reason").as_str()), (202, "CompletedElsewhere"), "{unknown:?}");
    let url = format!("http://{}", serve.address);
    let decide = |command: &[String]| -> ProcessOutput {
        let ids =
            [("S01-5105180-3221187-C056351", "chargeId"), ("S01-5105180-3221187", "chargePermissionId")];
        let with_ids = |word: &String| {
            ids.iter().fold(word.clone(), |word, (shown, member)| word.replace(shown, &paid.text(member)))
        };
        let args: Vec<String> = command.iter().skip(1).map(with_ids).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        run(path, &[&args[..], &["--url", &url]].concat())
    };
    let commands = commands();
    assert_eq!(commands.len(), 12);
    let ended: Vec<ProcessOutput> = commands.iter().map(|command| decide(command)).collect();
    let shown = &ended[0];
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""), "{}", shown.stdout);
    assert!(shown.stdout.contains("paid       possible, by 2 persons"), "{}", shown.stdout);
    assert!(shown.stdout.contains("state Captured"), "{}", shown.stdout);
    assert_eq!(ended[1].code, Some(3), "{:?}", ended[1]);
    assert!(ended[1].stdout.contains("awaits     a second person"), "{}", ended[1].stdout);
    assert_eq!(ended[2].code, Some(0), "{:?}", ended[2]);
    assert!(ended[2].stdout.contains("state      Completed; the order is paid"), "{}", ended[2].stdout);
    for ended in &ended[3..] {
        // It is decided by now; but every command is one.
        assert!(ended.code == Some(1) || ended.code == Some(3), "{ended:?}");
        assert!(ended.code == Some(3) || ended.stderr.starts_with("countersign: refused ("), "{ended:?}");
    }
    assert_eq!(complete(&serve).text("outcome"), "paid");

    std::fs::write(path.join("shop-own"), "open-sesame\n").unwrap();
    std::fs::write(path.join("wrong"), "wrong-0123456789abcdef\n").unwrap();
    std::fs::write(path.join("empty"), "\n").unwrap();
    let by = |file: &str, order: &str| -> String {
        let args = ["decide", order, "--attempt", "1", "--operator-token-file", file, "--url", &url];
        let ended = run(path, &args);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        ended.stderr
    };
    assert!(by("shop-own", "1001").contains("refused (NotPermitted)"));
    assert!(by("wrong", "1001").contains("does not accept the token in wrong"));
    assert!(by("empty", "1001").contains("empty cannot be used: it is empty"));
    assert!(by("operators", "1001").contains("it has more than one token"));
    assert!(by("none", "1001").contains("none cannot be read"));
    assert!(by("alice-token", "no such order").contains("there is no order and no checkout"));
    assert!(by("alice-token", "1002").contains("there is no order and no checkout"));
    for args in [
        &["decide", "1001", "--operator-token-file", "alice-token"][..],
        &["decide", "1001", "--attempt", "1"],
        &["decide", "1001", "--operation", "1", "--operator-token-file", "alice-token"],
        &["decide", "1001", "--attempt", "1", "--verdict", "paid", "--operator-token-file", "alice-token"],
        &["decide", "1001", "--attempt", "1", "--verdict", "maybe", "--operator-token-file", "alice-token"],
    ] {
        assert_eq!(run(path, args).code, Some(2), "{args:?}");
    }
}
