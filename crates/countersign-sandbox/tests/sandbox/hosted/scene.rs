//! An in-memory sandbox whose clock the test moves, a shop's page that answers the questions of Amazon's page, and
//! the browser between the two, which sends forms and follows 303 answers.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use countersign_domain::ids::{MerchantId, PublicKeyId, Region};
use countersign_domain::time::Timestamp;
use countersign_http::{Handler as _, Reply, Response};
use countersign_protocol::signing::{Algorithm, KeySigner, MerchantKey, VerifyingKey, sign_button};
use countersign_sandbox::ids::Ids;
use countersign_sandbox::merchants::Merchants;
use countersign_sandbox::notify::Notifications;
use countersign_sandbox::settings::Settings;
use countersign_sandbox::{Parts, Sandbox};
use countersign_store::memory::MemoryStore;
use countersign_world::SystemEntropy;
use countersign_world::fake::FakeClock;
use http::Method;
use serde_json::{Value, json};

pub(crate) use crate::control::scene::merged;
use crate::leftovers::Leftovers;

/// When every test begins.
const NOON: &str = "20260901T120000Z";
/// The merchant's key.
pub(crate) const KEY: &str = "SANDBOX-AHEGSJCM3L2S637RBGABLAFW";
/// Another merchant's key, without a prefix.
pub(crate) const OTHER_KEY: &str = "BXK2S637RBGABLAFWAHEGSJC";
/// Where the shop's page is.
pub(crate) const SHOP: &str = "https://shop.example";
/// Where the sandbox is.
pub(crate) const HOST: &str = "sandbox.example:8100";
pub(crate) const OWN: &str = "http://sandbox.example:8100";

/// The merchant's key. It is made once, because making a key is slow.
fn keys() -> &'static (MerchantKey, KeySigner, VerifyingKey) {
    static KEYS: OnceLock<(MerchantKey, KeySigner, VerifyingKey)> = OnceLock::new();
    KEYS.get_or_init(|| {
        let generated = MerchantKey::generate().unwrap();
        let verifying_key = generated.key.verifying_key().unwrap();
        let again = MerchantKey::from_pem(&generated.private_pem).unwrap();
        let signer = KeySigner::new(PublicKeyId::parse(KEY).unwrap(), generated.key, Algorithm::PssV2);
        (again, signer, verifying_key)
    })
}

/// A payload with the merchant's signature.
pub(crate) fn signed(payload: &Value) -> Value {
    let payload = payload.to_string();
    let signature = sign_button(&payload, &keys().0, Algorithm::PssV2).unwrap();
    json!({"payloadJSON": payload, "signature": signature, "algorithm": "AMZN-PAY-RSASSA-PSS-V2", "publicKeyId": KEY})
}

pub(crate) struct Scene {
    sandbox: Arc<Sandbox>,
    _leftovers: Leftovers,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let mut merchants = Merchants::default();
        for (merchant_id, key) in [("A1EXAMPLE", KEY), ("A2EXAMPLE", OTHER_KEY)] {
            let merchant_id = MerchantId::parse(merchant_id).unwrap();
            merchants.register(merchant_id, PublicKeyId::parse(key).unwrap(), keys().2.clone()).unwrap();
        }
        let parts = Parts {
            store: Arc::new(MemoryStore::default()),
            clock: Arc::new(FakeClock::at(Timestamp::parse(NOON).unwrap())),
            ids: Ids::new(&SystemEntropy, Some(1), 0),
            merchants,
            settings: Settings::default(),
            notifications: Notifications::default(),
        };
        let (sandbox, _leftovers) = Leftovers::of_sandbox(parts).await;
        Self { sandbox, _leftovers }
    }

    pub(crate) async fn handle(&self, request: http::Request<Bytes>) -> Response {
        match self.sandbox.handle(request).await {
            Reply::Answer(response) => response,
            Reply::Reset => panic!("reset"),
        }
    }

    /// Sends a browser's request with these headers.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Response {
        let mut request = http::Request::builder().method(method).uri(path).header("host", HOST);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.handle(request.body(Bytes::from(body.to_owned())).unwrap()).await
    }

    /// Sends the form that `checkout.js` sends.
    pub(crate) async fn press(&self, configuration: &Value) -> Response {
        let body = form(&[("configuration", &configuration.to_string())]);
        self.send(Method::POST, "/checkout", &[("origin", SHOP)], &body).await
    }

    /// Opens the page of a button.
    pub(crate) async fn visit(&self, configuration: &Value) -> Browser<'_> {
        let answer = self.press(configuration).await;
        assert_eq!(answer.status(), 303, "{}", text(&answer));
        let path = answer.headers()["location"].to_str().unwrap().to_owned();
        let html = self.page(&path).await;
        Browser { scene: self, path, html, asked: Vec::new() }
    }

    /// Opens the page that a link of the shop leads to.
    pub(crate) async fn sent_to(&self, path: &str) -> Browser<'_> {
        let answer = self.send(Method::GET, path, &[], "").await;
        assert_eq!(answer.status(), 303, "{}", text(&answer));
        let path = answer.headers()["location"].to_str().unwrap().to_owned();
        let html = self.page(&path).await;
        Browser { scene: self, path, html, asked: Vec::new() }
    }

    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.send(Method::GET, path, &[], "").await;
        assert_eq!(answer.status(), 200, "{}", text(&answer));
        text(&answer)
    }

    async fn control(&self, method: Method, path: &str, body: &str) -> Value {
        let mut request = http::Request::new(Bytes::from(body.to_owned()));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        serde_json::from_slice(self.handle(request).await.body()).unwrap()
    }

    pub(crate) async fn advance(&self, by: &str) {
        let moved = self.control(Method::POST, "/_sandbox/clock", &json!({"advance": by}).to_string()).await;
        assert!(moved["now"].is_string(), "{moved}");
    }

    /// Lets the buyer act, by the control API.
    pub(crate) async fn act(&self, id: &str, act: &Value) -> Value {
        let path = format!("/_sandbox/checkout-sessions/{id}/buyer");
        self.control(Method::POST, &path, &act.to_string()).await
    }

    /// The types of all events, oldest first, each with its reason code.
    pub(crate) async fn events(&self) -> Vec<String> {
        let log = self.control(Method::GET, "/_sandbox/events", "").await;
        let shown = |event: &Value| match event["reasonCode"].as_str() {
            Some(code) => format!("{} {code}", event["type"].as_str().unwrap()),
            None => event["type"].as_str().unwrap().to_owned(),
        };
        log["events"].as_array().unwrap().iter().map(shown).collect()
    }

    /// The sequence of the latest event.
    pub(crate) async fn last_event(&self) -> u64 {
        let mut last = 0;
        loop {
            let page = self.control(Method::GET, &format!("/_sandbox/events?after={last}"), "").await;
            match page["events"].as_array().unwrap().last() {
                Some(event) => last = event["sequence"].as_u64().unwrap(),
                None => return last,
            }
        }
    }

    /// The id of the first Checkout Session.
    pub(crate) async fn session_id(&self) -> String {
        let log = self.control(Method::GET, "/_sandbox/events", "").await;
        log["events"][0]["checkoutSessionId"].as_str().unwrap().to_owned()
    }

    /// Makes a call of the merchant.
    pub(crate) async fn signed(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = http::Request::new(Bytes::from(body));
        if method == Method::POST && path.ends_with("/checkoutSessions") {
            request.headers_mut().insert("x-amz-pay-idempotency-key", "key-1".parse().unwrap());
        }
        *request.method_mut() = method;
        *request.uri_mut() = format!("http://{HOST}{path}").parse().unwrap();
        keys().1.sign(&mut request, Region::NorthAmerica, Timestamp::parse(NOON).unwrap()).unwrap();
        *request.uri_mut() = path.parse().unwrap();
        request.headers_mut().insert("host", HOST.parse().unwrap());
        let answer = self.handle(request).await;
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
    }

    pub(crate) async fn session(&self) -> Value {
        let path = format!("/v2/checkoutSessions/{}", self.session_id().await);
        self.signed(Method::GET, &path, &Value::Null).await.1
    }

    /// The session's state, with its reason code.
    pub(crate) async fn session_state(&self) -> String {
        let status = self.session().await["statusDetails"].clone();
        let reason = status["reasonCode"].as_str().map(|code| format!("/{code}")).unwrap_or_default();
        format!("{}{reason}", status["state"].as_str().unwrap())
    }

    /// Finalizes with the data that the shop's page was last sent, and with its last quote.
    pub(crate) async fn finalize(&self, told: &Value, quoted: &Value, config: &Value) -> (u16, Value) {
        let details = &config["checkoutSessionConfig"]["paymentDetails"];
        let body = json!({
            "paymentIntent": details["paymentIntent"],
            "canHandlePendingAuthorization": details["canHandlePendingAuthorization"],
            "chargeAmount": quoted["totalChargeAmount"],
            "totalOrderAmount": quoted["totalOrderAmount"],
            "supplementaryData": config["checkoutSessionConfig"]["supplementaryData"],
            "shippingAddress": told["shippingAddress"],
            "billingAddress": told["billingAddress"],
        });
        let id = told["amazonCheckoutSessionId"].as_str().unwrap();
        self.signed(Method::POST, &format!("/v2/checkoutSessions/{id}/finalize"), &body).await
    }
}

/// A browser on the hosted page.
pub(crate) struct Browser<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) path: String,
    /// The page that it shows.
    pub(crate) html: String,
    /// The handlers of the shop's page that were asked, with their events.
    pub(crate) asked: Vec<(String, Value)>,
}

impl Browser<'_> {
    /// Sends one of the page's forms and follows the answer.
    pub(crate) async fn send(&mut self, act: &str, fields: &[(&str, &str)]) {
        let path = format!("{}/{act}", self.path);
        let answer = self.scene.send(Method::POST, &path, &[("origin", OWN)], &form(fields)).await;
        assert_eq!(answer.status(), 303, "{act}: {}", text(&answer));
        assert_eq!(answer.headers()["location"], self.path.as_str());
        self.reload().await;
    }

    pub(crate) async fn reload(&mut self) {
        self.html = self.scene.page(&self.path).await;
    }

    /// The question on the page.
    pub(crate) fn question(&self) -> Option<Value> {
        Some(serde_json::from_str(&attribute(&self.html, "data-question")?).unwrap())
    }

    /// Answers the question, as the shop's page.
    pub(crate) async fn answer(&mut self, answer: &Value) {
        self.answer_text(&answer.to_string()).await;
    }

    pub(crate) async fn answer_text(&mut self, answer: &str) {
        let question = self.question().unwrap_or_else(|| panic!("nothing is asked: {}", self.html));
        let handler = question["event"].as_str().unwrap().to_owned();
        self.asked.push((handler, question["detail"].clone()));
        let id = question["id"].as_str().unwrap().to_owned();
        self.send("answer", &[("id", &id), ("answer", answer), ("failure", "")]).await;
    }

    /// Goes as far as the review, with this as the shop's first cart.
    pub(crate) async fn begin(&mut self, cart: &Value) {
        self.send("sign-in", &[("buyer", "0")]).await;
        self.send("consent", &[]).await;
        self.answer(cart).await;
        assert!(self.shows("Review your order"), "{}", self.html);
    }

    /// Places the order as the page shows it.
    pub(crate) async fn place(&mut self, bank: &str) {
        let cart = self.cart_number();
        self.send("place-order", &[("cart", &cart), ("bank", bank)]).await;
    }

    pub(crate) fn cart_number(&self) -> String {
        let (_, rest) = self.html.split_once(r#"name="cart" value=""#).unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    pub(crate) fn shows(&self, text: &str) -> bool {
        unescaped(&self.html).contains(text)
    }

    pub(crate) fn title(&self) -> String {
        unescaped(self.html.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap())
    }

    /// The names of the handlers that were asked.
    pub(crate) fn asked_names(&self) -> Vec<&str> {
        self.asked.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// An attribute of the page, as a script reads it.
pub(crate) fn attribute(html: &str, name: &str) -> Option<String> {
    let (_, rest) = html.split_once(&format!(" {name}=\""))?;
    Some(unescaped(rest.split('"').next()?))
}

pub(crate) fn unescaped(html: &str) -> String {
    let html = html.replace("&#34;", "\"").replace("&#39;", "'");
    html.replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&")
}

pub(crate) fn text(answer: &Response) -> String {
    String::from_utf8(answer.body().to_vec()).unwrap()
}

/// A body as browsers send it.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b' ' => "+".to_owned(),
                byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect()
    };
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// A button's configuration in dollars, PayAndShip, Authorize, with every usual handler, and with some
/// members changed.
pub(crate) fn button(changes: &Value) -> Value {
    let usual = json!({
        "merchantId": "A1EXAMPLE",
        "publicKeyId": KEY,
        "ledgerCurrency": "USD",
        "productType": "PayAndShip",
        "placement": "Checkout",
        "sandbox": true,
        "estimatedOrderAmount": {"amount": "20.00", "currencyCode": "USD"},
        "checkoutSessionConfig": {
            "storeId": "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef",
            "scopes": ["name", "email", "phoneNumber", "billingAddress", "shippingAddress"],
            "paymentDetails": {
                "paymentIntent": "Authorize",
                "canHandlePendingAuthorization": false,
                "chargeAmount": {"amount": "20.00", "currencyCode": "USD"},
            },
            "merchantMetadata": {"merchantReferenceId": "order-1", "merchantStoreName": "Cups & more"},
        },
        "display": "popup",
        "handlers": ["onInitCheckout", "onShippingAddressSelection", "onDeliveryOptionSelection",
            "onCompleteCheckout", "onCancel", "onError"],
    });
    merged(&usual, changes)
}

fn usd(cents: u32) -> Value {
    json!({"amount": format!("{}.{:02}", cents / 100, cents % 100), "currencyCode": "USD"})
}

/// A cart of two cups, with delivery for this many cents.
pub(crate) fn cart(shipping: u32) -> Value {
    let option = |id: &str, name: &str, price: u32, is_default: bool| {
        json!({
            "id": id, "price": usd(price), "isDefault": is_default,
            "shippingMethod": {"shippingMethodName": name, "shippingMethodCode": id},
            "shippingEstimate": [{"timeUnit": "DAY", "value": 1}, {"timeUnit": "DAY", "value": 3}],
        })
    };
    json!({
        "totalBaseAmount": usd(2_000), "totalShippingAmount": usd(shipping), "totalTaxAmount": usd(160),
        "totalChargeAmount": usd(2_160 + shipping),
        "deliveryOptions": [option("standard", "Standard", shipping, true), option("express", "Express", 1_500, false)],
        "lineItems": [{"id": "cup", "title": "A cup", "variantTitle": "blue", "quantity": "2",
            "listPrice": usd(1_000), "totalListPrice": usd(2_000)}],
    })
}

/// A cart that ships nothing.
pub(crate) fn digital() -> Value {
    let mut cart = cart(0);
    cart.as_object_mut().unwrap().remove("deliveryOptions");
    cart
}
