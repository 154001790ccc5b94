//! `countersign decide`, and the commands of the operator's page: each is run against an order of which it is accepted.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver as Inbox, channel};
use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_store::contract::{ChangeId, ChangeSet, Content, Expect, Key, Store as _, Write};
use countersign_store::sqlite::SqliteStore;
use countersign_world::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::failures::configure;
use crate::http::{Api, HttpAnswer, text};
use crate::process::{ProcessOutput, Server, run};
use crate::telling::take_one;

const PAGE: &str = include_str!("../../../../docs/operating.md");

const ALICE: &str = "alice-0123456789abcdef";
const BOB: &str = "bob-0123456789abcdef";
/// How long to wait for a fact: one that has not come by then will never come.
const PATIENCE: Duration = Duration::from_secs(60);

/// The order that the page's command is about, which is always 1001 there: one in the state that its verdict is for.
fn order_of(command: &[String]) -> &'static str {
    let has = |flag: &str| command.iter().any(|word| word == flag);
    let verdict = command.iter().skip_while(|word| *word != "--verdict").nth(1).map(String::as_str);
    let subject = ["--attempt", "--operation", "--unexplained", "--dispute"].into_iter().find(|it| has(it));
    match (subject.unwrap(), verdict) {
        ("--attempt", None | Some("paid")) => "paid",
        ("--attempt", Some("refund")) => "refunded",
        ("--attempt", Some("notPaid")) => "not-paid",
        ("--attempt", Some("remind")) => "waiting",
        ("--operation", Some("done")) => "done",
        ("--operation", Some("noEffect")) => "without-effect",
        ("--unexplained", Some("notOurs")) => "unexplained",
        ("--unexplained", Some("refund")) => "unwanted",
        ("--dispute", Some("won")) => "won",
        ("--dispute", Some("lost")) => "lost",
        other => panic!("no order is in the state for {other:?}"),
    }
}

/// The exit code that the page promises for a command.
fn expected_code(command: &[String]) -> i32 {
    let needs_second = match order_of(command) {
        "paid" => command.iter().any(|word| word == "case-77"),
        order => ["refunded", "unwanted"].contains(&order),
    };
    if needs_second { 3 } else { 0 }
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

/// An order at one or both of the servers, and Amazon's ids of its payment.
#[derive(Debug, Clone, Default)]
struct Order {
    checkout_id: String,
    session: String,
    permission: String,
    charge: String,
    refund: String,
}

/// Amazon, the store as it is now, and, where it was restored from a backup, the one that went on without it.
struct Stage<'a> {
    path: &'a Path,
    amazon: Server,
    webhook_url: String,
    facts: Inbox<Value>,
}

fn shop(serve: &Server) -> Api {
    Api { address: serve.address, token: Some("open-sesame-open-sesame") }
}

impl Stage<'_> {
    fn serve(&self, store: &str) -> Server {
        let endpoint = format!("http://{}", self.amazon.address);
        let store = format!("sqlite:{store}");
        let args = ["serve", "--config", "countersign.toml", "--store", &store];
        let more = ["--operator-tokens-file", "operators", "--amazon-endpoint", &endpoint];
        let notified = ["--notifications-certificate-origins", &endpoint];
        let told = ["--shop-webhook-url", &self.webhook_url, "--shop-webhook-secret-file", "whsec"];
        Server::start(self.path, &[&args[..], &more[..], &notified[..], &told[..]].concat())
    }

    /// Returns once the shop was sent a fact of this type about an order.
    fn wait_for(&self, fact_type: &str, order: &Order) {
        loop {
            let fact = self.facts.recv_timeout(PATIENCE);
            let fact = fact.unwrap_or_else(|_| panic!("no {fact_type} has come"));
            if fact["type"] == fact_type && fact["checkoutId"] == order.checkout_id.as_str() {
                return;
            }
        }
    }

    fn control(&self) -> Api {
        Api { address: self.amazon.address, token: None }
    }

    /// A session that its buyer has placed for an order.
    fn placed(&self, order: &mut Order, intent: &str) {
        let session = json!({
            "productType": "PayOnly",
            "paymentDetails": payment(intent),
            "merchantMetadata": { "merchantReferenceId": order.checkout_id },
            "placed": true,
        });
        let answer = self.control().post("/_sandbox/checkout-sessions", &session).unwrap();
        order.session = answer.text("checkoutSessionId");
    }

    /// From now on every such call breaks off, at this point.
    fn breaks(&self, operation: &str, point: &str) {
        let fault = json!({ "operation": operation, "point": point, "kind": "reset", "times": 1_000 });
        let ordered = self.control().post("/_sandbox/faults", &fault).unwrap();
        assert_eq!(ordered.status, 201, "{ordered:?}");
    }

    /// The last refund that Amazon has begun of an order.
    fn last_refund(&self, order: &Order) -> String {
        let path = format!("/_sandbox/events?checkoutSessionId={}", order.session);
        let events = self.control().get(&path).unwrap().body;
        let refunds = events["events"].as_array().unwrap().iter().rev();
        refunds.map(|event| text(event, "refundId")).find(|id| !id.is_empty()).unwrap()
    }
}

fn payment(intent: &str) -> Value {
    json!({
        "paymentIntent": intent,
        "chargeAmount": { "amount": "14.00", "currencyCode": "USD" },
    })
}

fn registered(serve: &Server, order_id: &str, intent: &str) -> Order {
    let order = json!({
        "orderId": order_id,
        "productType": "PayOnly",
        "paymentDetails": payment(intent),
        "startOfCheckoutUrl": "https://shop.example/checkout",
    });
    let checkout_id = shop(serve).post("/v1/checkouts", &order).unwrap().text("checkoutId");
    Order { checkout_id, ..Order::default() }
}

fn completed(serve: &Server, order: &Order) -> HttpAnswer {
    let path = format!("/v1/checkouts/{}/complete", order.checkout_id);
    shop(serve).post(&path, &json!({ "amazonCheckoutSessionId": order.session })).unwrap()
}

/// Completes an order whose payment this server makes.
fn pays(serve: &Server, order: &mut Order) {
    let answer = completed(serve, order);
    assert_eq!(answer.status, 200, "{answer:?}");
    order.permission = answer.text("chargePermissionId");
    order.charge = answer.text("chargeId");
}

fn asked(serve: &Server, order: &Order, call: &str, body: &Value) -> HttpAnswer {
    shop(serve).post(&format!("/v1/checkouts/{}/{call}", order.checkout_id), body).unwrap()
}

fn shown(serve: &Server, order: &Order) -> Value {
    shop(serve).get(&format!("/v1/checkouts/{}", order.checkout_id)).unwrap().body
}

/// Changes the document of an order.
fn edit(store: &Path, order: &Order, change: impl FnOnce(&mut Value)) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(store).unwrap();
        let key = Key { collection: "checkout", id: order.checkout_id.clone() };
        let found = store.load(std::slice::from_ref(&key)).await.unwrap().remove(0).unwrap();
        let mut checkout: Value = serde_json::from_slice(&found.bytes).unwrap();
        change(&mut checkout);
        let (format, bytes) = (found.format, checkout.to_string().into());
        let content = Some(Content { format, bytes, due_at: None, index: Vec::new() });
        let write = Write { key, expect: Expect::Version(found.version), content };
        let id = ChangeId(order.checkout_id.bytes().cycle().take(16).collect::<Vec<_>>().try_into().unwrap());
        let at = Timestamp::from_millis(0);
        let change = ChangeSet { id, at, require: Vec::new(), write: vec![write], append: Vec::new() };
        store.commit(change).await.unwrap();
    });
}

/// A dispute of an order's payment. Amazon only notifies of one, and the sandbox has none.
fn dispute(document: &mut Value, order: &Order) {
    let opened_at = document["checkout"]["payment"]["began_at"].as_i64().unwrap();
    document["checkout"]["payment"]["disputes"] = json!([{
        "id": format!("{}-B000001", order.permission),
        "charge_id": order.charge,
        "opened_at": opened_at,
        "state": { "Open": { "remind_at": opened_at + 24 * 60 * 60 * 1_000 } },
    }]);
}

/// Lets ten minutes pass for the calls in doubt of an order, during which nothing is looked at or sent.
fn age(value: &mut Value) {
    let earlier = |at: &Value| json!(at.as_i64().unwrap() - 10 * 60 * 1_000);
    match value {
        Value::Object(members) => {
            if let Some(doubt) = members.get_mut("InDoubt") {
                doubt["since"] = earlier(&doubt["since"]);
                doubt["sent_at"] = earlier(&doubt["sent_at"]);
                doubt["look"]["at"] = json!(doubt["look"]["at"].as_i64().unwrap() + 60 * 60 * 1_000);
            }
            if let Some(at) = members.get_mut("last_sent_at").filter(|at| at.is_i64()) {
                *at = earlier(at);
            }
            members.values_mut().for_each(age);
        }
        Value::Array(items) => items.iter_mut().for_each(age),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The orders of the page's commands, each in the state that its command is for, and the server that has them.
fn orders(stage: &Stage<'_>) -> (BTreeMap<&'static str, Order>, Server) {
    let path = stage.path;
    let serve = stage.serve("old.db");
    let mut orders = BTreeMap::new();
    let unknown = ["paid", "refunded", "not-paid", "waiting"];
    let intent = |name: &str| if name == "not-paid" { "Authorize" } else { "AuthorizeWithCapture" };
    for name in unknown.into_iter().chain(["unexplained", "unwanted"]) {
        orders.insert(name, registered(&serve, name, intent(name)));
    }
    assert_eq!(serve.terminate(), Some(0));
    // The store is restored from a backup, and knows nothing of what was paid afterwards.
    std::fs::copy(path.join("old.db"), path.join("shop.db")).unwrap();
    let (old, serve) = (stage.serve("old.db"), stage.serve("shop.db"));
    for name in unknown {
        let order = orders.get_mut(name).unwrap();
        stage.placed(order, intent(name));
        pays(&old, order);
        let answer = completed(&serve, order);
        assert_eq!(
            (answer.status, answer.text("reason").as_str()),
            (202, "CompletedElsewhere"),
            "{answer:?}"
        );
    }
    let canceled = asked(&old, &orders["not-paid"], "cancel", &json!({ "reference": "1" }));
    assert_eq!((canceled.status, canceled.text("state").as_str()), (200, "Canceled"), "{canceled:?}");
    let captured = "AuthorizeWithCapture";
    for (name, intent) in
        [("done", captured), ("without-effect", "Authorize"), ("won", captured), ("lost", captured)]
    {
        let mut order = registered(&serve, name, intent);
        stage.placed(&mut order, intent);
        pays(&serve, &mut order);
        orders.insert(name, order);
    }
    let usd = |amount: &str| json!({ "amount": amount, "currencyCode": "USD" });
    let order = orders.get_mut("done").unwrap();
    let first = asked(&serve, order, "refunds", &json!({ "reference": "1", "refundAmount": usd("1.00") }));
    assert_eq!((first.status, first.text("state").as_str()), (202, "RefundInitiated"), "{first:?}");
    stage.breaks("createRefund", "afterCommit");
    let second = asked(&serve, order, "refunds", &json!({ "reference": "2", "refundAmount": usd("13.00") }));
    assert_eq!((second.status, second.text("state").as_str()), (202, "Checking"), "{second:?}");
    order.refund = stage.last_refund(order);
    let order = &orders["without-effect"];
    stage.breaks("captureCharge", "before");
    let capture = asked(&serve, order, "captures", &json!({ "reference": "1" }));
    assert_eq!((capture.status, capture.text("state").as_str()), (202, "Checking"), "{capture:?}");
    // What a notification says could settle the doubts, so none is sent before.
    let notified = json!({ "url": format!("http://{}/amazon/notifications", serve.address) });
    let endpoint = stage.control().post("/_sandbox/notification-endpoints", &notified).unwrap();
    assert_eq!(endpoint.status, 201, "{endpoint:?}");
    for name in ["unexplained", "unwanted"] {
        let order = orders.get_mut(name).unwrap();
        stage.placed(order, "AuthorizeWithCapture");
        pays(&old, order);
        stage.wait_for("payment.unexplained", order);
        assert_eq!(shown(&serve, order)["needsPerson"], json!(["unexplained"]));
    }
    assert_eq!(serve.terminate(), Some(0));
    for name in ["done", "without-effect"] {
        edit(&path.join("shop.db"), &orders[name], age);
    }
    for name in ["won", "lost"] {
        edit(&path.join("shop.db"), &orders[name], |document| dispute(document, &orders[name]));
    }
    (orders, stage.serve("shop.db"))
}

fn set_up(path: &Path) -> Stage<'_> {
    configure(path);
    std::fs::write(path.join("operators"), format!("# who may decide\nalice {ALICE}\nbob {BOB}\n")).unwrap();
    std::fs::write(path.join("alice-token"), format!("{ALICE}\n")).unwrap();
    std::fs::write(path.join("bob-token"), format!("bob {BOB}\n")).unwrap();
    let sandbox = ["sandbox", "--listen", "127.0.0.1:0", "--merchant-id", "ASHOP"];
    let key = ["--public-key-id", "SANDBOX-SHOP", "--public-key", "merchant-public.pem"];
    let amazon = Server::start(path, &[&sandbox[..], &key[..]].concat());
    std::fs::write(path.join("whsec"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let webhook_url = format!("http://{}/hooks", listener.local_addr().unwrap());
    let (sender, facts) = channel();
    std::thread::spawn(move || while sender.send(take_one(&listener).1).is_ok() {});
    Stage { path, amazon, webhook_url, facts }
}

// Promise: D03
#[test]
fn each_command_of_the_operators_page_decides_what_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let stage = set_up(directory.path());
    let (orders, serve) = orders(&stage);
    let url = format!("http://{}", serve.address);
    let tomorrow = SystemClock.now().plus(Duration::from_secs(86_400)).to_string();
    let ended = |command: &[String]| -> ProcessOutput {
        let name = order_of(command);
        let order = &orders[name];
        let as_here = |word: &String| {
            let shown = [
                ("S01-5105180-3221187-C056351", order.charge.as_str()),
                ("S01-5105180-3221187-R000001", &order.refund),
                ("S01-5105180-3221187", &order.permission),
                ("20261231T090000Z", &tomorrow),
                ("1001", name),
            ];
            shown.iter().fold(word.clone(), |word, (shown, here)| word.replace(shown, here))
        };
        let args: Vec<String> = command.iter().skip(1).map(as_here).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        run(stage.path, &[&args[..], &["--url", &url]].concat())
    };
    let commands = commands();
    let mut about: Vec<&str> = commands.iter().map(|command| order_of(command)).collect();
    about.sort_unstable();
    about.dedup();
    assert_eq!(about, orders.keys().copied().collect::<Vec<_>>(), "each order has its command");
    for command in &commands {
        let first = ended(command);
        assert_eq!(first.code, Some(expected_code(command)), "{command:?}: {first:?}");
        let is_shown = !command.iter().any(|word| word == "--verdict");
        let word = if is_shown { "paid       possible, by 2 persons" } else { "state" };
        assert!(first.stdout.contains(word), "{command:?}: {first:?}");
        let name = order_of(command);
        if first.code == Some(3) && name != "paid" {
            assert!(first.stdout.contains("awaits     a second person"), "{first:?}");
            let by_bob = command.iter().map(|word| word.replace("alice-token", "bob-token"));
            let by_bob: Vec<String> = by_bob.map(|word| word.replace("case-", "second-case-")).collect();
            let second = ended(&by_bob);
            assert_eq!(second.code, Some(0), "{by_bob:?}: {second:?}");
        }
    }
    let standing = |name: &str| text(&shown(&serve, &orders[name]), "standing");
    assert_eq!(standing("paid"), "captured");
    assert_eq!(completed(&serve, &orders["paid"]).text("outcome"), "paid");
    for name in ["refunded", "unwanted"] {
        assert!(["canceling", "canceled"].contains(&standing(name).as_str()), "{name}");
    }
    assert_eq!((standing("won").as_str(), standing("lost").as_str()), ("captured", "partlyRefunded"));
    assert_eq!(standing("not-paid"), "notPaid");
    assert_eq!(standing("waiting"), "unresolved");
    assert_eq!(standing("unexplained"), "awaitingPayment");
    let operation = |name: &str, place: usize| {
        let operation = shown(&serve, &orders[name])["payment"]["operations"][place].clone();
        (text(&operation, "state"), text(&operation, "refundId"), text(&operation, "code"))
    };
    assert_eq!(operation("done", 1), ("Done".to_owned(), orders["done"].refund.clone(), String::new()));
    let refused = ("Refused".to_owned(), String::new(), "Decided".to_owned());
    assert_eq!(operation("without-effect", 0), refused);
}

#[test]
fn a_decision_that_cannot_be_meant_is_refused_before_anything_is_asked() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let stage = set_up(path);
    let serve = stage.serve("shop.db");
    let mut order = registered(&serve, "1001", "AuthorizeWithCapture");
    stage.placed(&mut order, "AuthorizeWithCapture");
    pays(&serve, &mut order);
    let url = format!("http://{}", serve.address);
    std::fs::write(path.join("shop-own"), "open-sesame-open-sesame\n").unwrap();
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
    assert!(by("empty", "1001").contains("empty cannot be used: it has no token"));
    std::fs::write(path.join("words"), "alice operator some words\n").unwrap();
    assert!(by("words", "1001").contains("one line of operator.tokens_file (NAME TOKEN)"));
    assert!(by("operators", "1001").contains("it has more than one token"));
    assert!(by("none", "1001").contains("none cannot be read"));
    assert!(by("alice-token", "no such order").contains("there is no order and no checkout"));
    assert!(by("alice-token", "1002").contains("there is no order and no checkout"));
    for args in [
        &["decide", "1001", "--operator-token-file", "alice-token"][..],
        &["decide", "1001", "--attempt", "1"],
        &["decide", "1001", "--attempt", "1", "--operation", "1", "--operator-token-file", "alice-token"],
        &["decide", "1001", "--attempt", "0", "--operator-token-file", "alice-token"],
        &["decide", "1001", "--attempt", "1", "--amount", "14.00", "--operator-token-file", "alice-token"],
        &["decide", "1001", "--attempt", "1", "--verdict", "paid", "--operator-token-file", "alice-token"],
        &["decide", "1001", "--attempt", "1", "--verdict", "maybe", "--operator-token-file", "alice-token"],
    ] {
        assert_eq!(run(path, args).code, Some(2), "{args:?}");
    }
    let told = run(path, &["decide", "1001", "--operator-token-file", "alice-token"]).stderr;
    for object in ["--attempt", "--operation", "--unexplained", "--dispute"] {
        assert!(told.contains(object), "{object}: {told}");
    }
    let told =
        run(path, &["decide", "1001", "--attempt", "0", "--operator-token-file", "alice-token"]).stderr;
    assert!(told.contains("count from 1"), "{told}");
    // A person explains an order with the line that the person has.
    let explain = ["explain", "1001", "--url", &url, "--config", "countersign.toml"];
    let explained = run(path, &[&explain[..], &["--shop-token-file", "bob-token"]].concat());
    assert_eq!(explained.code, Some(0), "{explained:?}");
    let refused = run(path, &[&explain[..], &["--shop-token-file", "operators"]].concat());
    assert!(refused.stderr.contains("name a file with one token, or with one line"), "{refused:?}");
}
