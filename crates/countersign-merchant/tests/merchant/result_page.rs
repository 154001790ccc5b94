//! The result page: it shows the result to anyone with the link, and nothing else.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use super::amazon::Fault;
use super::world::{
    ENGINES, HttpAnswer, NOT_PAID_MESSAGE, OTHER_SESSION, SESSION, World, order, session_for, waiting_order,
};

/// The page as a browser without cookies, or `curl`, gets it.
fn page(world: &World, path: &str) -> HttpAnswer {
    let page = world.run(world.request_with("GET", path, "", None));
    assert!(!page.headers.contains_key("set-cookie"));
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers["cache-control"], "no-store");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    // A page that checks again has its own script; where no scripts run, it reloads instead.
    let scripts = usize::from(page.text.contains("http-equiv"));
    assert_eq!(
        page.text.matches("<script src=\"page.js\" defer></script>").count(),
        scripts,
        "{}",
        page.text
    );
    assert_eq!(page.text.matches("<script").count(), scripts, "{}", page.text);
    assert!(!page.text.contains("javascript:"), "{}", page.text);
    for personal in ["Terry", "Seattle", "98121", "Work", SESSION, "S01-", "shop-token"] {
        assert!(!page.text.contains(personal), "{personal} in {}", page.text);
    }
    page
}

fn refreshes(page: &HttpAnswer) -> bool {
    page.text.contains("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>")
        && page.text.contains("data-again=\"5\"")
}

// Promise: B35
#[test]
fn each_verdict_has_its_page_and_reading_it_changes_nothing() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = world.placed(&waiting_order());
        let path = world.result_path(&checkout_id);
        let shows = |expected: &str, refreshing: bool, link: Option<&str>| {
            let commits = world.store.counts().applied;
            let first = page(&world, &path);
            assert_eq!(first.status, 200);
            assert!(first.text.contains(expected), "{}", first.text);
            assert_eq!(refreshes(&first), refreshing, "{expected}");
            assert!(first.text.contains("1001") && first.text.contains("14.00"));
            match link {
                Some(link) => assert!(first.text.contains(&format!("href=\"{link}\"")), "{}", first.text),
                None => assert!(!first.text.contains("href="), "{}", first.text),
            }
            assert_eq!(page(&world, &path), first, "reloading shows the same");
            assert_eq!(world.store.counts().applied, commits);
        };
        let checkout = Some("https://shop.example/checkout");
        shows("This order has not been paid yet.", false, checkout);

        world.amazon.fault("finalize", Fault::Declined("HardDeclined"));
        world.complete(&checkout_id, SESSION);
        shows(NOT_PAID_MESSAGE, false, checkout);

        world.amazon.open(OTHER_SESSION, session_for(&waiting_order(), OTHER_SESSION, &checkout_id));
        world.amazon.fault("finalize", Fault::refusal(429, "TooManyRequests"));
        world.amazon.fault("finalize", Fault::Pending);
        world.complete(&checkout_id, OTHER_SESSION);
        let own_link = format!("https://pay.example{path}");
        shows("We are checking your payment.", true, Some(&own_link));
        world.let_pass(Duration::from_secs(6));
        shows("Your payment is being processed.", true, Some(&own_link));
        world.amazon.decide("S01-5105180-0000001-C000001", "Authorized");
        world.let_pass(Duration::from_secs(60));
        shows("Your order is placed.", false, Some("https://shop.example/thanks"));
    }
}

#[test]
fn a_captured_payment_is_shown_as_paid() {
    let world = World::in_memory();
    let mut order = order();
    order["successUrl"] = serde_json::Value::Null;
    let checkout_id = world.placed(&order);
    let result = world.complete(&checkout_id, SESSION).json();
    let path = world.result_path(&checkout_id);
    assert_eq!(result["redirectUrl"], format!("https://pay.example{path}"), "without a successUrl");
    let page = page(&world, &path);
    assert!(page.text.contains("Your payment was successful."));
    assert!(!page.text.contains("href="));
}

// Promise: B36
#[test]
fn the_message_of_a_failed_payment_is_shown_in_seven_locales() {
    for (language, word, message, back) in [
        ("en_US", "en", NOT_PAID_MESSAGE, "Back to checkout"),
        ("en_GB", "en-GB", NOT_PAID_MESSAGE, "Back to checkout"),
        (
            "de_DE",
            "de",
            "Ihre Zahlung war nicht erfolgreich. Bitte versuchen Sie es mit einer anderen Zahlungsart.",
            "Zurück zur Kasse",
        ),
        (
            "fr_FR",
            "fr",
            "Votre paiement n’a pas abouti. Veuillez essayer un autre moyen de paiement.",
            "Revenir au paiement",
        ),
        (
            "it_IT",
            "it",
            "Il pagamento non è andato a buon fine. Prova con un altro metodo di pagamento.",
            "Torna al pagamento",
        ),
        ("es_ES", "es", "El pago no se ha realizado. Prueba con otro método de pago.", "Volver a la compra"),
        (
            "ja_JP",
            "ja",
            "お支払いが完了しませんでした。別のお支払い方法をお試しください。",
            "ご購入手続きに戻る",
        ),
    ] {
        let world = World::in_memory();
        let mut order = order();
        order["checkoutLanguage"] = json!(language);
        let checkout_id = world.placed(&order);
        world.amazon.fault("finalize", Fault::refusal(422, "SoftDeclined"));
        let result = world.complete(&checkout_id, SESSION).json();
        assert_eq!(result["message"], NOT_PAID_MESSAGE, "the shop's message is in English");
        assert_eq!(result["redirectUrl"], "https://shop.example/checkout");
        let page = page(&world, &world.result_path(&checkout_id));
        assert!(page.text.contains(&format!("<html lang=\"{word}\">")));
        assert!(page.text.contains(message), "{}", page.text);
        let link = format!("<a href=\"https://shop.example/checkout\">{back}</a>");
        assert!(page.text.contains(&link), "{}", page.text);
    }
}

#[test]
fn a_canceled_order_leads_back_to_the_shop_and_not_to_be_paid_in_seven_locales() {
    for (language, canceled, back) in [
        ("en_US", "This order was canceled.", "Back to the shop"),
        ("en_GB", "This order was cancelled.", "Back to the shop"),
        ("de_DE", "Diese Bestellung wurde storniert.", "Zurück zum Shop"),
        ("fr_FR", "Cette commande a été annulée.", "Retour à la boutique"),
        ("it_IT", "Questo ordine è stato annullato.", "Torna al negozio"),
        ("es_ES", "Este pedido se ha cancelado.", "Volver a la tienda"),
        ("ja_JP", "このご注文はキャンセルされました。", "ショップに戻る"),
    ] {
        // A shop without a URL of its own has the URL where its checkouts start.
        for (shop_url, leads_to) in [
            (Some("https://shop.example/"), "https://shop.example/"),
            (None, "https://shop.example/checkout"),
        ] {
            let mut world = World::in_memory();
            world.storefront.shop_url = shop_url.map(str::to_owned);
            world.restart();
            let mut order = order();
            order["checkoutLanguage"] = json!(language);
            let checkout_id = world.register(&order);
            let answer = world.ask(&checkout_id, "cancel", &json!({"reference": "c"}));
            assert_eq!(answer.status, 200, "{}", answer.text);
            let page = page(&world, &world.result_path(&checkout_id));
            assert!(page.text.contains(canceled), "{}", page.text);
            let link = format!("<p class=\"next\"><a href=\"{leads_to}\">{back}</a></p>");
            assert!(page.text.contains(&link), "{}", page.text);
        }
    }
}

// Promise: B35
#[test]
fn a_page_without_a_verdict_asks_again_less_and_less_and_after_half_an_hour_by_its_link() {
    let world = World::in_memory();
    let mut order = waiting_order();
    order["checkoutLanguage"] = json!("fr_FR");
    let checkout_id = world.placed(&order);
    world.amazon.fault("finalize", Fault::Pending);
    world.complete(&checkout_id, SESSION);
    let path = world.result_path(&checkout_id);
    let number = |page: &HttpAnswer, before: &str| {
        let (_, rest) = page.text.split_once(before)?;
        rest.split_once('"').and_then(|(seconds, _)| seconds.parse::<u32>().ok())
    };
    let mut shown = Vec::new();
    for pass in [0, 119, 1, 1_679, 1, 86_400] {
        world.time.advance(Duration::from_secs(pass));
        let page = page(&world, &path);
        let link = format!("<a href=\"https://pay.example{path}\">Vérifier à nouveau</a>");
        assert!(page.text.contains(&link), "{}", page.text);
        assert!(page.text.contains("Merci de ne pas payer une seconde fois."));
        let says_so = page.text.contains("Cette page se met à jour d’elle-même");
        let without_scripts = number(&page, "http-equiv=\"refresh\" content=\"");
        assert_eq!(number(&page, "data-again=\""), Some(without_scripts.unwrap_or(0)));
        assert_eq!(says_so, without_scripts.is_some(), "{}", page.text);
        shown.push(without_scripts);
    }
    assert_eq!(shown, [Some(5), Some(5), Some(20), Some(20), None, None]);
}

#[test]
fn a_page_that_updates_itself_says_so_in_six_languages() {
    for (language, once, again) in [
        ("en_US", "Please do not pay again.", "This page updates itself"),
        ("de_DE", "Bitte zahlen Sie nicht noch einmal.", "Diese Seite sieht von selbst wieder nach"),
        ("fr_FR", "Merci de ne pas payer une seconde fois.", "Cette page se met à jour d’elle-même"),
        ("it_IT", "Non pagare di nuovo.", "Questa pagina si aggiorna da sola"),
        ("es_ES", "No vuelvas a pagar.", "Esta página se actualiza sola"),
        ("ja_JP", "もう一度お支払いにならないでください。", "このページは自動的に更新され"),
    ] {
        let world = World::in_memory();
        let mut order = waiting_order();
        order["checkoutLanguage"] = json!(language);
        let checkout_id = world.placed(&order);
        world.amazon.fault("finalize", Fault::Pending);
        world.complete(&checkout_id, SESSION);
        let page = page(&world, &world.result_path(&checkout_id));
        assert!(page.text.contains(once) && page.text.contains(again), "{}", page.text);
    }
}

#[test]
fn the_pages_own_script_is_served_with_it_and_asks_its_own_server_only() {
    let world = World::in_memory();
    let script = world.run(world.request_with("GET", "/result/page.js", "", None));
    assert_eq!(script.status, 200);
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(script.text, include_str!("../../../../web/result.js"));
    for forbidden in ["eval(", "new Function", "innerHTML", "document.write", "insertAdjacentHTML", ".style"]
    {
        assert!(!script.text.contains(forbidden), "{forbidden}");
    }
    assert_eq!(world.run(world.request_with("POST", "/result/page.js", "", None)).status, 405);

    let checkout_id = world.placed(&waiting_order());
    world.amazon.fault("finalize", Fault::Pending);
    world.complete(&checkout_id, SESSION);
    let page = page(&world, &world.result_path(&checkout_id));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    let others = "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let own = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'sha256-";
    assert!(policy.starts_with(own) && policy.ends_with(others), "{policy}");
}

/// Declines the sessions with these numbers, one after the other.
fn decline(world: &World, order: &serde_json::Value, checkout_id: &str, numbers: core::ops::Range<usize>) {
    for n in numbers {
        let session = format!("{n:08}-1111-4222-8333-944455556666");
        world.amazon.open(&session, session_for(order, &session, checkout_id));
        world.amazon.fault("finalize", Fault::Declined("SoftDeclined"));
        assert_eq!(world.complete(checkout_id, &session).status, 402);
    }
}

// Promise: B36
#[test]
fn after_three_declines_the_buyer_is_advised_to_pay_in_another_way_in_six_languages() {
    for (language, other_way, changed) in [
        (
            "en_US",
            "Please choose another way to pay in the shop.",
            "Nothing was charged. Your order has changed",
        ),
        (
            "de_DE",
            "Bitte wählen Sie im Shop eine andere Zahlungsmöglichkeit.",
            "Es wurde nichts abgebucht. Ihre Bestellung hat sich",
        ),
        (
            "fr_FR",
            "Veuillez choisir une autre façon de payer",
            "Rien n’a été débité. Votre commande a changé",
        ),
        (
            "it_IT",
            "Scegli un altro modo di pagare nel negozio.",
            "Nulla è stato addebitato. Nel frattempo l’ordine è cambiato",
        ),
        ("es_ES", "Elige otra forma de pagar en la tienda.", "No se ha cobrado nada. Tu pedido ha cambiado"),
        (
            "ja_JP",
            "ショップの別のお支払い手段をお選びください。",
            "請求は行われていません。ご注文の内容が変更されました。",
        ),
    ] {
        let world = World::in_memory();
        let mut order = order();
        order["checkoutLanguage"] = json!(language);
        let checkout_id = world.register(&order);
        let path = world.result_path(&checkout_id);
        decline(&world, &order, &checkout_id, 0..2);
        assert!(!page(&world, &path).text.contains(other_way));
        decline(&world, &order, &checkout_id, 2..3);
        assert!(page(&world, &path).text.contains(other_way));
        // The next attempt ends because the order has changed in between: another way to pay would not help.
        let mut other = order.clone();
        other["paymentDetails"]["chargeAmount"]["amount"] = json!("13.00");
        world.amazon.open(OTHER_SESSION, session_for(&other, OTHER_SESSION, &checkout_id));
        world.complete(&checkout_id, OTHER_SESSION);
        let page = page(&world, &path);
        assert!(page.text.contains(changed) && !page.text.contains(other_way), "{}", page.text);
        assert!(page.text.contains("href=\"https://shop.example/checkout\""));
    }
}

#[test]
fn a_page_has_landmarks_a_status_and_the_shops_own_link() {
    let mut world = World::in_memory();
    world.storefront.shop_url = Some("https://shop.example/?a=\"1\"&b".to_owned());
    world.restart();
    let checkout_id = world.register(&order());
    for path in [world.result_path(&checkout_id), "/result/x".to_owned()] {
        let page = page(&world, &path);
        for once in ["<header>", "<main>", "<h1>", "role=\"status\"", "<html lang=\"en\">", "<title>"] {
            assert_eq!(page.text.matches(once).count(), 1, "{once} in {}", page.text);
        }
        let link = "<a href=\"https://shop.example/?a=&#34;1&#34;&#38;b\">A &#60;Shop&#62;</a>";
        assert!(page.text.contains(link), "{}", page.text);
        for media in ["@media print", "prefers-color-scheme: dark", "width=device-width"] {
            assert!(page.text.contains(media), "{media}");
        }
    }
}

// Promise: B35
#[test]
fn a_link_with_any_changed_character_leads_nowhere_and_says_nothing() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.complete(&checkout_id, SESSION);
    let path = world.result_path(&checkout_id);
    let nowhere = page(&world, "/result/x");
    assert_eq!(nowhere.status, 404);
    let start = "/result/".len();
    for place in start..path.len() {
        let mut changed = path.clone().into_bytes();
        changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(page(&world, &changed), nowhere, "{changed}");
    }
    for changed in
        [&path[..path.len() - 1], &format!("{path}0"), &path.to_uppercase().replace("RESULT", "result")]
    {
        assert_eq!(page(&world, changed), nowhere, "{changed}");
    }
    let browser = world.call("POST", "/v1/checkouts", &order().to_string()).json();
    let other_door = format!("/result/{}", browser["browserToken"].as_str().unwrap());
    assert_eq!(page(&world, &other_door), nowhere, "one token does not give access to the other page");
    assert_eq!(page(&world, &path).status, 200);
}

#[test]
fn a_page_that_knows_no_order_speaks_the_browsers_language_and_an_orders_page_the_orders() {
    let world = World::in_memory();
    let asked = |path: &str, languages: &str| {
        world.run(super::browser::request(&world, "GET", path, "", &[("accept-language", languages)]))
    };
    for (languages, word, not_found) in [
        ("de-AT,de;q=0.9,en;q=0.8", "de", "Diese Seite gibt es nicht."),
        ("pl, fr;q=0.7, en", "fr", "Cette page n’existe pas."),
        ("JA", "ja", "ページが見つかりません。"),
        ("it_IT", "it", "Questa pagina non esiste."),
        ("es", "es", "Esta página no existe."),
        ("pl", "en", "There is no such page."),
        (";,<b>", "en", "There is no such page."),
    ] {
        let page = asked("/result/x", languages);
        assert_eq!(page.status, 404);
        assert!(page.text.contains(&format!("<html lang=\"{word}\">")), "{languages}: {}", page.text);
        assert!(page.text.contains(not_found), "{languages}: {}", page.text);
    }
    let mut order = order();
    order["checkoutLanguage"] = json!("ja_JP");
    let path = world.result_path(&world.register(&order));
    assert!(asked(&path, "de").text.contains("<html lang=\"ja\">"));
    world.store.hook.is_away.store(true, Ordering::SeqCst);
    let away = asked(&path, "de");
    assert_eq!(away.status, 503);
    assert!(away.text.contains("Wir können das gerade nicht nachsehen."), "{}", away.text);
}

// Promise: B35
#[test]
fn only_the_pages_own_style_may_load() {
    let world = World::in_memory();
    let checkout_id = world.register(&order());
    let page = page(&world, &world.result_path(&checkout_id));
    let (_, rest) = page.text.split_once("<style>").unwrap();
    let (style, _) = rest.split_once("</style>").unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, style.as_bytes());
    let hash = countersign_protocol::signing::base64(digest.as_ref());
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        )
    );
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
}

#[test]
fn what_the_shop_wrote_is_text_on_the_page() {
    let world = World::in_memory();
    let mut order = order();
    order["orderId"] = json!("<b>\"1\"</b>");
    order["startOfCheckoutUrl"] = json!("https://shop.example/?a=1&b='2'");
    let checkout_id = world.register(&order);
    let page = page(&world, &world.result_path(&checkout_id));
    assert!(!page.text.contains("<b>") && !page.text.contains("<Shop>"), "{}", page.text);
    assert!(!page.text.contains("b='2'"), "{}", page.text);
}

#[test]
fn a_store_that_does_not_answer_is_never_shown_as_a_verdict() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.complete(&checkout_id, SESSION);
    let path = world.result_path(&checkout_id);
    world.store.hook.is_away.store(true, Ordering::SeqCst);
    let away = page(&world, &path);
    assert_eq!(away.status, 503);
    assert!(refreshes(&away));
    assert!(!away.text.contains("not successful") && !away.text.contains("successful"));
    world.store.hook.is_away.store(false, Ordering::SeqCst);
}
