//! The scripts that browsers load.

use http::Method;

use super::scene::{Scene, text};

// Promise: A27
#[tokio::test]
async fn the_buttons_script_is_served_at_all_of_amazons_paths_and_cached_by_its_tag() {
    let scene = Scene::new().await;
    let script = include_str!("../../../../../web/checkout.js");
    for path in ["/checkout.js", "/na/checkout.js", "/eu/checkout.js", "/fe/checkout.js"] {
        let host = [("host", "static-eu.payments-amazon.com")];
        let answer = scene.send(Method::GET, path, &host, "").await;
        assert_eq!((answer.status().as_u16(), text(&answer).as_str()), (200, script), "{path}");
        assert_eq!(answer.headers()["content-type"], "text/javascript; charset=utf-8");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers()["cross-origin-resource-policy"], "cross-origin");
        let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
        let known = scene.send(Method::GET, path, &[("if-none-match", &tag)], "").await;
        assert_eq!((known.status().as_u16(), known.body().len()), (304, 0));
        assert_eq!(scene.send(Method::POST, path, &[], "").await.status(), 405);
    }
    assert_eq!(scene.send(Method::GET, "/us/checkout.js", &[], "").await.status(), 404);
    assert!(script.len() < 12 * 1024, "{} bytes", script.len());
}

#[tokio::test]
async fn the_pages_script_is_served_too() {
    let scene = Scene::new().await;
    let answer = scene.send(Method::GET, "/hosted.js", &[], "").await;
    assert_eq!(text(&answer), include_str!("../../../../../web/hosted.js"));
    assert_eq!(answer.headers()["cache-control"], "no-cache");
}

#[test]
fn no_script_does_arithmetic_on_money_or_reaches_beyond_its_own_server() {
    for script in
        [include_str!("../../../../../web/checkout.js"), include_str!("../../../../../web/hosted.js")]
    {
        for word in [
            "parseFloat",
            "toFixed",
            "innerHTML",
            "eval(",
            "document.write",
            "fetch(",
            "XMLHttpRequest",
            "cookie",
            "localStorage",
            "'*'",
        ] {
            assert!(!script.contains(word), "{word}");
        }
    }
}
