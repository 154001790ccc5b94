//! The buyer's page: what its token gives access to, from which origins, and what a hostile page can do.

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_http::{Handler as _, Reply, Request};
use countersign_merchant::settings::Origin;
use countersign_store::contract::{ChangeId, ChangeSet, Expect, Key, Version, Write};
use futures_util::future::join;
use serde_json::{Value, json};

use super::amazon::Fault;
use super::logs::logged;
use super::world::{HttpAnswer, OTHER_SESSION, SESSION, World, address, order, session_for, waiting_order};

pub(crate) const ORIGIN: &str = "https://shop.example";

/// A checkout's own page in a buyer's browser.
pub(crate) struct Page<'a> {
    pub(crate) world: &'a World,
    pub(crate) checkout_id: String,
    pub(crate) token: String,
}

impl<'a> Page<'a> {
    /// Registers an order, and opens its page.
    pub(crate) fn open(world: &'a World, order: &Value) -> Self {
        let registered = world.call("POST", "/v1/checkouts", &order.to_string());
        assert!(matches!(registered.status, 200 | 201), "{}", registered.text);
        let registered = registered.json();
        let text = |member: &str| registered[member].as_str().unwrap().to_owned();
        Self { world, checkout_id: text("checkoutId"), token: text("browserToken") }
    }

    pub(crate) fn path(&self, event: &str) -> String {
        format!("/browser/{}/{event}", self.token)
    }

    /// An event of the button, as a browser sends it.
    pub(crate) fn asking(&self, event: &str, body: &Value) -> impl Future<Output = HttpAnswer> + use<> {
        request(self.world, "POST", &self.path(event), &body.to_string(), &[("origin", ORIGIN)])
    }

    pub(crate) fn ask(&self, event: &str, body: &Value) -> HttpAnswer {
        let answer = self.world.run(self.asking(event, body));
        assert_eq!(answer.headers["access-control-allow-origin"], ORIGIN, "{event}");
        assert_eq!(answer.headers["vary"], "origin");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
        assert!(!answer.headers.contains_key("set-cookie"));
        answer
    }

    pub(crate) fn stands(&self) -> Value {
        let path = self.path("");
        let answer = self.world.run(request(self.world, "GET", &path, "", &[("origin", ORIGIN)]));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    pub(crate) fn init(&self) -> HttpAnswer {
        self.ask("init", &init())
    }

    /// The buyer places the order at Amazon, and the page completes it.
    pub(crate) fn complete_with(&self, session: &str, order: &Value) -> HttpAnswer {
        self.world.amazon.open(session, session_for(order, session, &self.checkout_id));
        self.ask("complete", &completed(session))
    }

    /// The shop's request to change the terms to those of an order: path and body.
    pub(crate) fn change_of_terms(&self, order: &Value, version: u64) -> (String, String) {
        let mut terms = order.clone();
        for member in ["orderId", "startOfCheckoutUrl", "successUrl"] {
            terms.as_object_mut().unwrap().remove(member);
        }
        terms["termsVersion"] = json!(version);
        (format!("/v1/checkouts/{}/terms", self.checkout_id), terms.to_string())
    }

    /// The terms as the shop reads them: amount and version.
    pub(crate) fn terms(&self) -> (String, u64) {
        let checkout = self.world.checkout(&self.checkout_id);
        let amount = checkout["paymentDetails"]["chargeAmount"]["amount"].as_str().unwrap().to_owned();
        (amount, checkout["termsVersion"].as_u64().unwrap())
    }

    /// The details of the timeline's entries of one type.
    pub(crate) fn told(&self, kind: &str) -> Vec<String> {
        let checkout = self.world.checkout(&self.checkout_id);
        let entries = checkout["timeline"].as_array().unwrap().iter().filter(|entry| entry["type"] == kind);
        entries.map(|entry| entry["detail"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

pub(crate) fn request(
    world: &World,
    method: &str,
    path: &str,
    body: &str,
    headers: &[(&'static str, &str)],
) -> impl Future<Output = HttpAnswer> + use<> {
    let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
    *request.method_mut() = method.parse().unwrap();
    *request.uri_mut() = path.parse().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    let reply = world.merchant().handle(request);
    async {
        let Reply::Answer(response) = reply.await else { panic!("a connection was reset") };
        let (head, body) = response.into_parts();
        let text = String::from_utf8(body.to_vec()).unwrap();
        HttpAnswer { status: head.status.as_u16(), headers: head.headers, text }
    }
}

pub(crate) fn init() -> Value {
    json!({
        "buyer": { "buyerId": "amzn1.account.B1", "name": "Anna Canary", "email": "anna@canary.example",
            "loyalty": "a member of tomorrow" },
        "shippingAddress": address(),
        "billingAddress": address(),
        "scopes": ["name", "email"],
        "checkoutLanguage": "en_US",
    })
}

pub(crate) fn completed(session: &str) -> Value {
    json!({ "amazonCheckoutSessionId": session, "shippingAddress": address(), "billingAddress": address(),
        "paymentDescriptor": "Visa ****1111 (Amazon Pay)" })
}

/// What no answer to a browser may contain.
const NOT_FOR_BROWSERS: [&str; 8] =
    ["Terry", "98121", "Canary", "S01-", "chargeId", "chargePermissionId", SESSION, OTHER_SESSION];

fn is_for_browsers(answer: &HttpAnswer) {
    for word in NOT_FOR_BROWSERS {
        assert!(!answer.text.contains(word), "{word} in {}", answer.text);
    }
}

#[test]
fn a_purchase_goes_through_every_event_and_no_answer_has_amazons_ids_or_the_buyers_data() {
    let world = World::in_memory();
    let page = Page::open(&world, &order());
    assert_eq!(page.stands()["state"], "registered");
    let chosen = json!({ "deliveryOptions": { "id": "standard", "displayName": "S", "amount": "0.01" } });
    for (event, body) in [
        ("init", init()),
        ("shipping-address", json!({ "shippingAddress": address(), "couponCodes": [] })),
        ("delivery-option", chosen),
    ] {
        let cart = page.ask(event, &body);
        assert_eq!(cart.status, 200, "{}", cart.text);
        assert_eq!(cart.headers["content-type"], "application/json");
        assert_eq!(cart.json()["totalChargeAmount"]["amount"], "14.00");
        assert_eq!(cart.json()["deliveryOptions"][0]["isDefault"], true);
        is_for_browsers(&cart);
    }
    let paid = page.complete_with(SESSION, &order());
    assert_eq!(paid.verdict(), (200, "paid".to_owned()));
    is_for_browsers(&paid);
    let expected = json!({ "outcome": "paid", "reason": null, "checkoutId": page.checkout_id, "orderId": "1001",
        "message": "Your payment was successful.", "redirectUrl": "https://shop.example/thanks" });
    assert_eq!(paid.json(), expected);
    let result_url = format!("https://pay.example{}", world.result_path(&page.checkout_id));
    let stands = json!({ "checkoutId": page.checkout_id, "orderId": "1001", "state": "paid",
        "standing": "captured",        "message": "Your payment was successful.", "redirectUrl": "https://shop.example/thanks",
        "resultUrl": result_url });
    assert_eq!(page.stands(), stands);
    for (event, body) in [("cancel", json!({})), ("error", json!({ "message": "Closed" }))] {
        let answer = page.ask(event, &body);
        assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{event}");
    }
    let timeline = world.timeline(&page.checkout_id);
    assert_eq!(&timeline[..4], ["Registered", "Quoted", "Quoted", "Quoted"]);
    assert_eq!(&timeline[timeline.len() - 2..], ["PageCanceled", "PageError"]);
    assert_eq!(page.told("PageError"), ["Closed"]);
}

#[test]
fn each_outcome_has_its_status_message_and_link() {
    let start = "https://shop.example/checkout";
    for (fault, status, outcome, reason, message, to) in [
        (
            Fault::Pending,
            202,
            "pending",
            None,
            "Ihre Zahlung wird bearbeitet. Bitte zahlen Sie nicht noch einmal.",
            "result",
        ),
        (
            Fault::LostBefore,
            202,
            "checking",
            None,
            "Wir prüfen Ihre Zahlung. Bitte zahlen Sie nicht noch einmal.",
            "result",
        ),
        (
            Fault::refusal(422, "HardDeclined"),
            402,
            "notPaid",
            Some("HardDeclined"),
            "Ihre Zahlung war nicht erfolgreich. Bitte versuchen Sie es mit einer anderen Zahlungsart.",
            start,
        ),
    ] {
        let world = World::in_memory();
        let mut order = waiting_order();
        order["checkoutLanguage"] = json!("de_DE");
        let page = Page::open(&world, &order);
        world.amazon.fault("finalize", fault.clone());
        if outcome == "checking" {
            // The same bytes are immediately sent once more.
            world.amazon.fault("finalize", fault);
        }
        let answer = page.complete_with(SESSION, &order);
        assert_eq!(answer.verdict(), (status, outcome.to_owned()), "{}", answer.text);
        is_for_browsers(&answer);
        let body = answer.json();
        assert_eq!(body["reason"].as_str(), reason);
        assert_eq!(body["message"], message);
        assert!(body["redirectUrl"].as_str().unwrap().contains(to), "{body}");
        let stands = page.stands();
        assert_eq!((&stands["state"], &stands["message"]), (&json!(outcome), &body["message"]));
        assert_eq!(stands["redirectUrl"], body["redirectUrl"]);
    }
}

#[test]
fn only_pages_of_the_shop_are_answered() {
    let mut world = World::in_memory();
    world.storefront.origins = vec![Origin::from_url("https://m.shop.example").unwrap()];
    world.restart();
    let page = Page::open(&world, &order());
    let (event, standing) = (page.path("init"), page.path(""));
    let ask = |method: &str, path: &str, headers: &[(&'static str, &str)]| {
        let body = if method == "POST" { init().to_string() } else { String::new() };
        world.run(request(&world, method, path, &body, headers))
    };
    for origin in [ORIGIN, "https://m.shop.example"] {
        for (method, path, status) in [
            ("POST", &event, 200),
            ("GET", &standing, 200),
            ("OPTIONS", &event, 204),
            ("OPTIONS", &standing, 204),
        ] {
            let answer = ask(method, path, &[("origin", origin)]);
            assert_eq!(answer.status, status, "{origin} {method}: {}", answer.text);
            assert_eq!(answer.headers["access-control-allow-origin"], origin);
        }
    }
    let asked = ask("OPTIONS", &event, &[("origin", ORIGIN), ("access-control-request-method", "POST")]);
    assert_eq!(asked.headers["access-control-allow-methods"], "POST");
    assert_eq!(asked.headers["access-control-allow-headers"], "content-type");
    assert_eq!(asked.headers["access-control-max-age"], "600");
    assert_eq!(
        ask("OPTIONS", &standing, &[("origin", ORIGIN)]).headers["access-control-allow-methods"],
        "GET"
    );

    let before = world.store.counts().applied;
    for origin in [
        "null",
        "*",
        "",
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example.evil.example",
        "https://evil.example/https://shop.example",
        "https://shop.example/",
        "https://SHOP.example",
        "https://pay.example",
    ] {
        for (method, path) in [("POST", &event), ("GET", &standing), ("OPTIONS", &event)] {
            let answer = ask(method, path, &[("origin", origin)]);
            assert_eq!(answer.refusal().1, "OriginNotAllowed", "{origin} {method}");
            let told = answer.headers.keys().filter(|name| name.as_str().starts_with("access-control"));
            assert_eq!((answer.status, told.count()), (403, 0), "{origin} {method}");
        }
    }
    let two = ask("POST", &event, &[("origin", ORIGIN), ("origin", "https://evil.example")]);
    assert_eq!(two.status, 403);
    assert_eq!(world.store.counts().applied, before, "nothing was written");

    let without = ask("GET", &standing, &[]);
    assert_eq!(without.status, 200, "a request from a page of another origin always has the header");
    assert!(!without.headers.contains_key("access-control-allow-origin"));
}

#[test]
fn a_wrong_token_opens_nothing_whatever_else_is_wrong() {
    let world = World::in_memory();
    let page = Page::open(&world, &order());
    let result_token = world.result_path(&page.checkout_id).replace("/result/", "");
    let nowhere = world.get("/nowhere");
    let mut wrong: Vec<String> = (0..page.token.len())
        .map(|place| {
            let mut changed = page.token.clone().into_bytes();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            String::from_utf8(changed).unwrap()
        })
        .collect();
    let short = page.token[1..].to_owned();
    wrong.extend([
        result_token,
        page.checkout_id.clone(),
        page.token.to_uppercase(),
        short,
        "%00".to_owned(),
    ]);
    for token in wrong {
        for (method, event, body, origin) in [
            ("POST", "init", init().to_string(), ORIGIN),
            ("POST", "init", "{".to_owned(), "https://evil.example"),
            ("PATCH", "complete", String::new(), ORIGIN),
            ("OPTIONS", "init", String::new(), ORIGIN),
            ("GET", "", String::new(), ORIGIN),
            ("POST", "none", "x".repeat(70_000), ORIGIN),
        ] {
            let path = format!("/browser/{token}/{event}");
            let answer = world.run(request(&world, method, &path, &body, &[("origin", origin)]));
            assert_eq!((answer.status, &answer.text), (404, &nowhere.text), "{method} {path}");
            assert!(!answer.headers.contains_key("access-control-allow-origin"));
        }
    }
    let none = world.run(request(&world, "POST", "/browser//init", "{}", &[("origin", ORIGIN)]));
    assert_eq!(none.status, 404);
    assert_eq!(page.told("Quoted").len(), 0);
    let other = world.run(request(&world, "POST", &page.path("none"), "{}", &[("origin", ORIGIN)]));
    assert_eq!(other.refusal().1, "NotFound");
}

#[test]
fn an_event_that_cannot_be_read_is_refused_naming_the_member_and_changes_nothing() {
    let world = World::in_memory();
    let page = Page::open(&world, &order());
    let before = world.store.counts().applied;
    let of = |value: Value| value.to_string();
    for (event, body, status, code, field) in [
        ("init", String::new(), 400, "InvalidFormat", None),
        ("init", "[]".to_owned(), 400, "InvalidFormat", None),
        ("init", "{\"buyer\":{}".to_owned(), 400, "InvalidFormat", None),
        ("init", "{\"buyer\":{},\"buyer\":{}}".to_owned(), 400, "InvalidFormat", Some("buyer")),
        ("init", format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100)), 400, "InvalidFormat", None),
        ("init", of(json!({ "shippingAddress": "here" })), 400, "InvalidValue", Some("shippingAddress")),
        (
            "init",
            of(json!({ "shippingAddress": { "city": "x".repeat(256) } })),
            400,
            "InvalidValue",
            Some("shippingAddress.city"),
        ),
        ("init", of(json!({ "buyer": { "name": 1 } })), 400, "InvalidValue", Some("buyer.name")),
        ("shipping-address", of(json!({ "couponCodes": "A" })), 400, "InvalidValue", Some("couponCodes")),
        ("shipping-address", of(json!({ "couponCodes": [1] })), 400, "InvalidValue", Some("couponCodes[0]")),
        ("shipping-address", of(json!({ "couponCodes": [""] })), 400, "InvalidValue", Some("couponCodes")),
        (
            "shipping-address",
            of(json!({ "couponCodes": ["a\nb"] })),
            400,
            "InvalidValue",
            Some("couponCodes"),
        ),
        (
            "shipping-address",
            of(json!({ "couponCodes": ["x".repeat(65)] })),
            400,
            "InvalidValue",
            Some("couponCodes"),
        ),
        (
            "delivery-option",
            of(json!({ "couponCodes": vec!["A"; 21], "deliveryOptions": { "id": "x" } })),
            400,
            "InvalidValue",
            Some("couponCodes"),
        ),
        ("delivery-option", "{}".to_owned(), 400, "MissingValue", Some("deliveryOptions")),
        (
            "delivery-option",
            of(json!({ "deliveryOptions": { "id": "" } })),
            400,
            "MissingValue",
            Some("deliveryOptions.id"),
        ),
        (
            "delivery-option",
            of(json!({ "deliveryOptions": [{ "id": "x" }] })),
            400,
            "InvalidValue",
            Some("deliveryOptions"),
        ),
        ("complete", "{}".to_owned(), 400, "MissingValue", Some("amazonCheckoutSessionId")),
        (
            "complete",
            of(json!({ "amazonCheckoutSessionId": "../x" })),
            400,
            "InvalidValue",
            Some("amazonCheckoutSessionId"),
        ),
        ("cancel", String::new(), 400, "InvalidFormat", None),
        ("error", of(json!({ "message": 1 })), 400, "InvalidValue", Some("message")),
        ("init", of(json!({ "a": "x".repeat(65_536) })), 413, "Unreadable", None),
    ] {
        let path = page.path(event);
        let answer = world.run(request(&world, "POST", &path, &body, &[("origin", ORIGIN)]));
        let told = (status, code.to_owned(), field.map(str::to_owned));
        assert_eq!(answer.refusal(), told, "{event} {body:.80}");
        assert_eq!(answer.headers["access-control-allow-origin"], ORIGIN, "the page can read why");
    }
    assert_eq!(world.store.counts().applied, before);
    for (event, allowed) in [("init", "POST"), ("complete", "POST"), ("", "GET, HEAD")] {
        let answer = world.run(request(&world, "PUT", &page.path(event), "", &[("origin", ORIGIN)]));
        assert_eq!((answer.status, answer.headers["allow"].to_str().unwrap()), (405, allowed));
    }
    assert_eq!(page.init().status, 200, "a valid event is answered");
}

// Promise: B10
#[test]
fn an_address_that_the_browser_changed_pays_nothing() {
    for event in ["shippingAddress", "billingAddress"] {
        let world = World::in_memory();
        let page = Page::open(&world, &order());
        page.init();
        let mut tampered = completed(SESSION);
        tampered[event]["city"] = json!("Elsewhere");
        world.amazon.open(SESSION, session_for(&order(), SESSION, &page.checkout_id));
        let answer = page.ask("complete", &tampered);
        assert_eq!(answer.verdict(), (402, "notPaid".to_owned()));
        assert_eq!(answer.json()["reason"], "AddressDrift");
        assert!(answer.json()["message"].as_str().unwrap().starts_with("Nothing was charged. The address"));
        assert_eq!(world.amazon.arrived("finalize").len(), 0);
    }
}

#[test]
fn addresses_that_come_later_count_until_something_was_compared_with_them() {
    let mut tampered = completed(SESSION);
    tampered["shippingAddress"]["city"] = json!("Elsewhere");
    let world = World::in_memory();
    let page = Page::open(&world, &order());
    page.init();
    world.amazon.open(SESSION, session_for(&order(), SESSION, &page.checkout_id));
    world.amazon.goes_down("session");
    let bare = json!({ "amazonCheckoutSessionId": SESSION });
    assert_eq!(page.ask("complete", &bare).status, 202);
    assert_eq!(page.ask("complete", &tampered).status, 202);
    // The first addresses are not replaced by later ones.
    assert_eq!(page.ask("complete", &completed(SESSION)).status, 202);
    world.amazon.comes_back();
    world.let_pass(std::time::Duration::from_secs(60));
    assert_eq!(page.ask("complete", &completed(SESSION)).json()["reason"], "AddressDrift");
    assert_eq!(world.amazon.arrived("finalize").len(), 0);
}

#[test]
fn replayed_and_reordered_events_change_no_outcome() {
    let world = World::in_memory();
    let page = Page::open(&world, &order());
    // The page completes before any other event, so the registered amount is paid.
    world.amazon.open(SESSION, session_for(&order(), SESSION, &page.checkout_id));
    let (first, second) = world.run(join(
        page.asking("complete", &completed(SESSION)),
        page.asking("complete", &completed(SESSION)),
    ));
    assert_eq!(first, second, "both answers to a double click are the same");
    assert_eq!(first.verdict(), (200, "paid".to_owned()));
    let terms = page.terms();
    let elsewhere = json!({ "shippingAddress": { "countryCode": "FR" } });
    for (event, body) in [
        ("init", init()),
        ("shipping-address", elsewhere),
        ("delivery-option", json!({ "deliveryOptions": { "id": "x" } })),
    ] {
        let cart_changed = json!({ "status": "error", "reasonCode": "cartChanged" });
        assert_eq!(page.ask(event, &body).json(), cart_changed, "{event}");
    }
    assert_eq!(page.terms(), terms);
    let again = page.ask("complete", &completed(SESSION));
    assert_eq!(again.text, first.text);
    let other_tab = page.complete_with(OTHER_SESSION, &order());
    assert_eq!(other_tab.text, first.text, "a second tab gets the outcome of the first");
    assert_eq!(world.amazon.arrived("finalize").len(), 1);
    assert_eq!(world.attempts(&page.checkout_id), ["Completed", "Surplus"]);
}

#[test]
fn a_session_of_another_order_is_refused() {
    let world = World::in_memory();
    let mine = Page::open(&world, &order());
    let mut other = order();
    other["orderId"] = json!("1002");
    let theirs = Page::open(&world, &other);
    assert_eq!(mine.complete_with(SESSION, &order()).status, 200);
    let refused = theirs.ask("complete", &completed(SESSION));
    assert_eq!(refused.refusal().1, "SessionOfAnotherOrder");
    assert_eq!(theirs.stands()["state"], "registered");
}

#[test]
fn what_a_page_reports_is_limited_and_its_texts_are_not_kept() {
    let world = World::in_memory();
    let page = Page::open(&world, &order());
    let lines = logged(|| {
        for n in 0..60 {
            page.ask("error", &json!({ "message": format!("canary {n} <script>") }));
            page.ask("cancel", &json!({ "note": "canary" }));
        }
    });
    assert_eq!(page.told("PageError").len() + page.told("PageCanceled").len(), 100);
    assert!(!world.checkout(&page.checkout_id).to_string().contains("canary"));
    assert!(lines.iter().all(|line| !line.contains("canary")), "{lines:?}");
}

#[test]
fn the_script_is_served_to_every_page_and_asked_for_again_by_its_tag() {
    let world = World::in_memory();
    let get =
        |headers: &[(&'static str, &str)]| world.run(request(&world, "GET", "/countersign.js", "", headers));
    let script = get(&[]);
    assert_eq!(script.status, 200);
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(script.headers["x-content-type-options"], "nosniff");
    assert_eq!(script.headers["cache-control"], "public, max-age=300");
    assert_eq!(script.headers["access-control-allow-origin"], "*");
    assert_eq!(script.text, include_str!("../../../../web/countersign.js"));
    let tag = script.headers["etag"].to_str().unwrap().to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let unchanged = get(&[("if-none-match", &known)]);
        assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""), "{known}");
        assert_eq!(unchanged.headers["etag"], tag);
    }
    assert_eq!(get(&[("if-none-match", "\"other\"")]).status, 200);
    // A strict Content Security Policy does not allow a page to run text as code.
    for forbidden in ["eval(", "new Function", "innerHTML", "document.write", "insertAdjacentHTML", ".style"]
    {
        assert!(!script.text.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn an_order_without_a_browser_link_gets_one_when_it_is_registered_again() {
    let world = World::in_memory();
    let page = Page::open(&world, &order());
    let door = Write {
        key: Key { collection: "browser_link", id: page.token.clone() },
        expect: Expect::Version(Version(1)),
        content: None,
    };
    let change = ChangeSet {
        id: ChangeId([7; 16]),
        at: Timestamp::from_millis(0),
        require: Vec::new(),
        write: vec![door],
        append: Vec::new(),
    };
    world.run(world.store.inner().commit(change)).unwrap();
    let gone = world.run(request(&world, "GET", &page.path(""), "", &[("origin", ORIGIN)]));
    assert_eq!(gone.status, 404);
    assert_eq!(Page::open(&world, &order()).stands()["state"], "registered");
}
