//! The page itself: what it accepts and sends, whose requests it answers, and its content.

use http::Method;
use serde_json::{Value, json};

use super::scene::{Browser, HOST, OWN, SHOP, Scene, attribute, button, cart, form, merged, text, unescaped};

const HOSTILE: &str = r#"<script>alert(1)</script>"'><img src=x onerror=alert(2)>&amp;"#;

/// Whether the page has nothing that a browser would run or load from an unescaped text.
fn is_clean(html: &str) -> bool {
    !html.contains("<script>") && !html.contains("<img") && !html.contains(r#"">"#.repeat(2).as_str())
}

// Promise: A27
#[tokio::test]
async fn what_a_shop_or_a_buyer_writes_stays_text() {
    let scene = Scene::new().await;
    let config = button(&json!({"checkoutSessionConfig": {
        "merchantMetadata": {"merchantStoreName": HOSTILE.get(..50), "merchantReferenceId": HOSTILE},
    }}));
    let mut buyer = scene.visit(&config).await;
    assert!(is_clean(&buyer.html), "{}", buyer.html);
    buyer.send("sign-in", &[("buyer", "1")]).await;
    buyer.send("consent", &[]).await;
    let hostile = json!({
        "deliveryOptions": [merged(&cart(500)["deliveryOptions"][0], &json!({
            "id": HOSTILE, "shippingMethod": {"shippingMethodName": HOSTILE, "shippingMethodCode": HOSTILE}}))],
        "lineItems": [merged(&cart(500)["lineItems"][0], &json!({
            "id": HOSTILE, "title": HOSTILE, "variantTitle": HOSTILE}))],
        "giftDetails": {HOSTILE: HOSTILE},
    });
    buyer.answer(&merged(&cart(500), &hostile)).await;
    assert!(is_clean(&buyer.html), "{}", buyer.html);
    assert!(buyer.shows(HOSTILE), "the text is shown unchanged");

    let address = [("name", HOSTILE), ("addressLine1", HOSTILE), ("countryCode", "US"), ("city", HOSTILE)];
    buyer.send("add-address", &address).await;
    let question = buyer.question().unwrap();
    assert_eq!(question["detail"]["shippingAddress"]["city"], HOSTILE);
    assert!(is_clean(&buyer.html));
    buyer.answer(&json!({"status": "error", "reasonCode": HOSTILE.get(..64)})).await;
    assert!(is_clean(&buyer.html));
    buyer.send("coupon", &[("code", HOSTILE.get(..60).unwrap())]).await;
    let coupons =
        json!({"couponCodes": [{"code": HOSTILE.get(..60), "status": "no", "description": HOSTILE}]});
    buyer.answer(&merged(&cart(500), &coupons)).await;
    assert!(is_clean(&buyer.html) && buyer.shows("not applied"));
    buyer.place("card").await;
    let id = buyer.question().unwrap()["id"].as_str().unwrap().to_owned();
    buyer.send("answer", &[("id", &id), ("failure", "NoAnswer"), ("message", HOSTILE)]).await;
    assert!(is_clean(&buyer.html) && buyer.shows(HOSTILE));
    buyer.send("retry", &[]).await;
    buyer.answer(&json!({"status": "error", "reasonCode": HOSTILE.get(..64)})).await;
    assert!(is_clean(&buyer.html));

    let answer = scene.press(&button(&json!({HOSTILE: 1}))).await;
    assert_eq!(answer.status(), 400);
    assert!(is_clean(&text(&answer)));
}

#[tokio::test]
async fn every_page_is_never_cached_framed_only_by_the_shop_and_runs_only_its_own_script() {
    let scene = Scene::new().await;
    for (display, ancestors) in [("popup", "'none'"), ("window", "'none'"), ("overlay", SHOP)] {
        let buyer = scene.visit(&button(&json!({"display": display}))).await;
        let answer = scene.send(Method::GET, &buyer.path, &[], "").await;
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        let policy: Vec<&str> = header("content-security-policy").split("; ").collect();
        assert_eq!(policy[..2], ["default-src 'none'", "script-src 'self'"]);
        assert!(policy[2].starts_with("style-src 'sha256-"), "{policy:?}");
        let ancestors = format!("frame-ancestors {ancestors}");
        assert_eq!(policy[3..], ["form-action 'self'", "base-uri 'none'", ancestors.as_str()], "{display}");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("content-type"), "text/html; charset=utf-8");
        assert!(!buyer.html.contains(" style=") && !buyer.html.contains(" onclick="));
    }
}

#[tokio::test]
async fn a_visit_is_not_found_without_its_token_nor_continued_from_another_site() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({}))).await;
    let token = buyer.path.rsplit('/').next().unwrap().to_owned();
    assert_eq!(token.len(), 64);
    let id = attribute(&buyer.html, "data-visit").unwrap();
    assert!(!token.contains(&id), "messages do not reveal the token");
    let last = if token.ends_with('0') { "1" } else { "0" };
    let other = format!("{}{last}", &token[..63]);
    for wrong in [other.as_str(), "1", "x", &token[..63], &token.to_uppercase(), &id] {
        let answer = scene.send(Method::GET, &format!("/checkout/{wrong}"), &[], "").await;
        assert_eq!(answer.status(), 404, "{wrong}");
        let answer =
            scene.send(Method::POST, &format!("/checkout/{wrong}/cancel"), &[("origin", OWN)], "").await;
        assert_eq!(answer.status(), 404, "{wrong}");
    }
    let cancel = format!("{}/cancel", buyer.path);
    for headers in [
        &[("origin", SHOP)][..],
        &[("origin", "https://evil.example")],
        &[("origin", "http://sandbox.example:8101")],
        &[("origin", "file://")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", OWN), ("sec-fetch-site", "cross-site")],
    ] {
        let answer = scene.send(Method::POST, &cancel, headers, "").await;
        assert_eq!(answer.status(), 403, "{headers:?}");
    }
    assert_eq!(scene.events().await, ["CheckoutSessionCreated"]);
    for headers in [
        &[("origin", OWN)][..],
        &[("origin", "null"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "same-origin")],
        &[("origin", "https://sandbox.example:8100")],
        &[],
    ] {
        let path = format!("{}/sign-in", buyer.path);
        let answer = scene.send(Method::POST, &path, headers, "buyer=99").await;
        assert_eq!(answer.status(), 303, "{headers:?}");
    }
    assert_eq!(
        scene.send(Method::POST, &format!("{}/dance", buyer.path), &[("origin", OWN)], "").await.status(),
        404
    );
    assert_eq!(scene.send(Method::POST, &buyer.path, &[("origin", OWN)], "").await.status(), 405);
    assert_eq!(scene.send(Method::GET, &cancel, &[], "").await.status(), 405);
    let broken = scene.send(Method::POST, &cancel, &[("origin", OWN)], "a=%FF").await;
    assert_eq!(broken.status(), 400);
    buyer.reload().await;
    assert_eq!(buyer.title(), "Sign in as a test buyer");
    assert!(HOST.contains("8100"));
}

async fn at_each_step<'a>(scene: &'a Scene, config: &Value) -> (Browser<'a>, Vec<String>) {
    let mut config = config.clone();
    for handler in ["onGiftWrapOptionSelection", "onMerchantManagedPaymentMethodSelection"] {
        config["handlers"].as_array_mut().unwrap().push(json!(handler));
    }
    let mut buyer = scene.visit(&config).await;
    let mut pages = vec![buyer.html.clone()];
    buyer.send("sign-in", &[("buyer", "0")]).await;
    pages.push(buyer.html.clone());
    buyer.send("consent", &[]).await;
    pages.push(buyer.html.clone());
    buyer.answer(&cart(500)).await;
    pages.push(buyer.html.clone());
    buyer.place("decline").await;
    pages.push(buyer.html.clone());
    buyer.send("another-card", &[("card", "1111")]).await;
    buyer.place("mfa").await;
    pages.push(buyer.html.clone());
    buyer.send("pass", &[]).await;
    pages.push(buyer.html.clone());
    buyer.answer(&json!({"status": "success"})).await;
    pages.push(buyer.html.clone());
    (buyer, pages)
}

#[tokio::test]
async fn the_page_is_in_the_buttons_language_and_says_that_it_is_a_test() {
    let mut firsts = Vec::new();
    for (word, language, banner) in [
        ("en_US", "en", "Test environment"),
        ("en_GB", "en", "Test environment"),
        ("de_DE", "de", "Testumgebung"),
        ("fr_FR", "fr", "Environnement de test"),
        ("it_IT", "it", "Ambiente di prova"),
        ("es_ES", "es", "Entorno de pruebas"),
        ("ja_JP", "ja", "テスト環境"),
    ] {
        let scene = Scene::new().await;
        let (_, pages) = at_each_step(&scene, &button(&json!({"checkoutLanguage": word}))).await;
        for html in &pages {
            assert!(html.contains(&format!("<html lang=\"{language}\">")), "{word}");
            assert!(html.contains(banner), "{word}");
        }
        firsts.push(pages[3].clone());
    }
    let banner = |html: &String| {
        unescaped(html).split("<h1>").nth(1).map(|rest| rest.split('<').next().unwrap().to_owned())
    };
    let headings: std::collections::BTreeSet<_> = firsts.iter().map(banner).collect();
    assert_eq!(headings.len(), 6, "each language has its own words");
}

#[tokio::test]
async fn every_page_is_light_and_every_control_has_its_label() {
    let scene = Scene::new().await;
    let (_, pages) = at_each_step(&scene, &button(&json!({}))).await;
    let script = include_str!("../../../../../web/hosted.js");
    for html in &pages {
        assert!(html.len() + script.len() < 60 * 1024, "{} bytes before gzip", html.len());
        assert_eq!(html.matches("<h1>").count(), 1);
        assert_eq!((html.matches("<main>").count(), html.matches("<header>").count()), (1, 1));
        let inputs = html.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap());
        let visible = inputs.filter(|input| !input.contains("type=\"hidden\"")).count();
        assert_eq!(html.matches("<label").count(), visible, "{html}");
        assert_eq!(html.matches("<fieldset").count(), html.matches("<legend").count());
    }
    // The largest page: everything that a cart can have.
    let mut buyer = scene.visit(&button(&json!({}))).await;
    let line = cart(500)["lineItems"][0].clone();
    let all = json!({"lineItems": vec![line; 50]});
    buyer.begin(&merged(&cart(500), &all)).await;
    assert!(buyer.html.len() + script.len() < 60 * 1024, "{} bytes before gzip", buyer.html.len());
}

// Promise: A30
#[tokio::test]
async fn addresses_to_which_the_shop_does_not_deliver_cannot_be_chosen() {
    let scene = Scene::new().await;
    let config = button(&json!({"checkoutSessionConfig": {"deliverySpecifications": {
        "specialRestrictions": ["RestrictPOBoxes"],
        "addressRestrictions": {"type": "Allowed", "restrictions": {"US": {"statesOrRegions": ["OR"]}}},
    }}}));
    let mut buyer = scene.visit(&config).await;
    buyer.send("sign-in", &[("buyer", "0")]).await;
    buyer.send("consent", &[]).await;
    let detail = buyer.question().unwrap()["detail"].clone();
    assert_eq!(detail["shippingAddress"]["city"], "Portland", "the first address that the shop delivers to");
    buyer.answer(&cart(500)).await;
    assert!(buyer.shows("The shop does not deliver there."));
    buyer.send("address", &[("address", "0")]).await;
    assert_eq!(buyer.question(), None, "the shop does not deliver to Seattle");
    let post_box =
        [("name", "N"), ("addressLine1", "P.O. Box 1"), ("stateOrRegion", "OR"), ("countryCode", "US")];
    buyer.send("add-address", &post_box).await;
    assert!(buyer.shows("The shop does not deliver to post boxes.") && buyer.question().is_none());
}

#[tokio::test]
async fn a_buyer_without_an_address_that_fits_adds_one_and_begins_with_it() {
    let scene = Scene::new().await;
    let config = button(&json!({"checkoutSessionConfig": {"deliverySpecifications": {
        "addressRestrictions": {"type": "Allowed", "restrictions": {"CA": {}}},
    }}}));
    let mut buyer = scene.visit(&config).await;
    buyer.send("sign-in", &[("buyer", "0")]).await;
    buyer.send("consent", &[]).await;
    assert!(buyer.question().is_none() && buyer.shows("Choose or add an address"));
    assert!(!buyer.html.contains("/place-order"));
    let address = [("name", "N"), ("addressLine1", "1 Rue"), ("city", "Montréal"), ("countryCode", "ca")];
    buyer.send("add-address", &address).await;
    let question = buyer.question().unwrap();
    assert_eq!(question["event"], "onInitCheckout");
    assert_eq!(question["detail"]["shippingAddress"]["city"], "Montréal");
    assert_eq!(question["detail"]["shippingAddress"]["countryCode"], "CA");
    buyer.answer(&cart(500)).await;
    buyer.place("card").await;
    let told = buyer.question().unwrap()["detail"].clone();
    assert_eq!(scene.finalize(&told, &cart(500), &config).await.0, 200);
}

#[tokio::test]
async fn an_edited_address_is_quoted_again_before_the_order_is_placed() {
    let scene = Scene::new().await;
    let config = button(&json!({}));
    let mut buyer = scene.visit(&config).await;
    buyer.begin(&cart(500)).await;
    let edited =
        [("address", "0"), ("name", "R"), ("addressLine1", "13 Sample Street"), ("countryCode", "US")];
    buyer.send("edit-address", &edited).await;
    let question = buyer.question().unwrap();
    assert_eq!(question["detail"]["shippingAddress"]["addressLine1"], "13 Sample Street");
    assert_eq!(question["detail"]["shippingAddress"]["city"], Value::Null, "an empty field is absent");
    buyer.answer(&json!({"status": "error", "reasonCode": "shippingAddressInvalid"})).await;
    buyer.place("card").await;
    assert_eq!(buyer.title(), "Review your order", "no address is chosen");
    buyer.send("address", &[("address", "0")]).await;
    buyer.answer(&cart(600)).await;
    buyer.place("card").await;
    let told = buyer.question().unwrap()["detail"].clone();
    assert_eq!(told["shippingAddress"]["addressLine1"], "13 Sample Street");
    assert_eq!(scene.finalize(&told, &cart(600), &config).await.0, 200);
}

#[tokio::test]
async fn an_address_that_is_not_valid_is_shown_again_with_its_field_named() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({}))).await;
    buyer.begin(&cart(500)).await;
    let long = "x".repeat(256);
    let cases: [(&str, &[(&str, &str)]); 4] = [
        ("Full name", &[("addressLine1", "1 Street"), ("countryCode", "US")]),
        ("Address line 1", &[("name", "N"), ("addressLine1", "  "), ("countryCode", "US")]),
        ("Country code", &[("name", "N"), ("addressLine1", "1 Street"), ("countryCode", "USA")]),
        ("City", &[("name", "N"), ("addressLine1", "1 Street"), ("city", &long), ("countryCode", "US")]),
    ];
    for (label, fields) in cases {
        for (act, place) in [("add-address", None), ("edit-address", Some(("address", "1")))] {
            let fields: Vec<_> = fields.iter().copied().chain(place).collect();
            let path = format!("{}/{act}", buyer.path);
            let answer = scene.send(Method::POST, &path, &[("origin", OWN)], &form(&fields)).await;
            let html = text(&answer);
            assert_eq!(answer.status(), 422, "{label}");
            assert!(html.contains(&format!("<strong>Please check:</strong> {label}")), "{label}");
            assert!(html.contains("aria-invalid=\"true\"") && html.contains("<details open>"), "{label}");
        }
    }
    assert_eq!(buyer.question(), None);
}
