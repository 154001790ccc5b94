//! Who may control the sandbox, and which paths and methods the control API has.

use countersign_sandbox::settings::{ControlToken, Settings};
use http::{HeaderMap, HeaderValue, Method};

use super::scene::Scene;

const CALLS: [(Method, &str); 15] = [
    (Method::POST, "/_sandbox/checkout-sessions"),
    (Method::POST, "/_sandbox/checkout-sessions/bd504926-f659-4ad7-a1a9-9a747aaf5275/buyer"),
    (Method::POST, "/_sandbox/charge-permissions/S01-5105180-3221187/buyer"),
    (Method::POST, "/_sandbox/charge-permissions/S01-5105180-3221187/amazon"),
    (Method::POST, "/_sandbox/charges/S01-5105180-3221187-C056351/buyer"),
    (Method::POST, "/_sandbox/charges/S01-5105180-3221187-C056351/amazon"),
    (Method::GET, "/_sandbox/ledger"),
    (Method::GET, "/_sandbox/clock"),
    (Method::POST, "/_sandbox/clock"),
    (Method::GET, "/_sandbox/events"),
    (Method::GET, "/_sandbox/faults"),
    (Method::POST, "/_sandbox/faults"),
    (Method::DELETE, "/_sandbox/faults"),
    (Method::POST, "/_sandbox/reset"),
    (Method::GET, "/_sandbox/health"),
];

fn header(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))])
}

#[tokio::test]
async fn only_loopback_peers_are_answered_without_a_token() {
    let scene = Scene::new().await;
    for (method, path) in CALLS {
        for (peer, admitted) in [
            ("127.0.0.1:5000", true),
            ("127.8.9.1:5000", true),
            ("[::1]:5000", true),
            ("[::ffff:127.0.0.1]:5000", true),
            ("192.0.2.1:5000", false),
            ("[2001:db8::1]:5000", false),
            ("[::ffff:192.0.2.1]:5000", false),
        ] {
            let answer = scene.send(&method, path, HeaderMap::new(), "{}", Some(peer)).await;
            assert_eq!(answer.status != 403, admitted, "{method} {path} from {peer}");
            if !admitted {
                assert_eq!(answer.reason_code(), "UnauthorizedAccess");
            }
        }
        let embedded = scene.send(&method, path, HeaderMap::new(), "{}", None).await;
        assert_ne!(embedded.status, 403, "{method} {path} from the embedding program");
    }
}

#[tokio::test]
async fn a_token_admits_every_peer_and_is_required_of_every_peer() {
    let settings = Settings { control_token: ControlToken::new("open-sesame"), ..Settings::default() };
    let scene = Scene::with(settings).await;
    for (method, path) in CALLS {
        for peer in ["127.0.0.1:5000", "192.0.2.1:5000"] {
            let right = header("authorization", "Bearer open-sesame");
            let answer = scene.send(&method, path, right, "{}", Some(peer)).await;
            assert!(![401, 403].contains(&answer.status), "{method} {path} from {peer}");
            for wrong in [
                HeaderMap::new(),
                header("authorization", "Bearer open-sesam"),
                header("authorization", "Bearer open-sesame2"),
                header("authorization", "bearer open-sesame"),
                header("authorization", "open-sesame"),
                header("authorization", "Bearer "),
                header("x-token", "open-sesame"),
            ] {
                let shown = format!("{wrong:?}");
                let answer = scene.send(&method, path, wrong, "{}", Some(peer)).await;
                assert_eq!((answer.status, answer.reason_code()), (401, "UnauthorizedAccess"), "{shown}");
            }
        }
    }
}

#[tokio::test]
async fn no_page_in_a_browser_is_answered() {
    let token = Settings { control_token: ControlToken::new("open-sesame"), ..Settings::default() };
    for settings in [Settings::default(), token] {
        let scene = Scene::with(settings).await;
        for (method, path) in CALLS {
            for origin in ["http://127.0.0.1:8100", "null", ""] {
                let mut headers = header("authorization", "Bearer open-sesame");
                headers.insert("origin", HeaderValue::from_static(origin));
                let answer = scene.send(&method, path, headers, "{}", Some("127.0.0.1:5000")).await;
                assert_eq!((answer.status, answer.reason_code()), (403, "UnauthorizedAccess"), "{origin:?}");
            }
        }
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_the_apis_envelope() {
    let scene = Scene::new().await;
    for path in
        ["", "/", "/clocks", "/clock/now", "/checkout-sessions/a", "/checkout-sessions/a/buyer/b", "//clock"]
    {
        let answer = scene.control(Method::GET, &format!("/_sandbox{path}"), "").await;
        assert_eq!((answer.status, answer.reason_code()), (404, "ResourceNotFound"), "{path:?}");
    }
    for (method, path) in CALLS {
        let answer = scene.control(Method::PATCH, path, "{}").await;
        assert_eq!((answer.status, answer.reason_code()), (405, "RequestNotSupported"), "{method} {path}");
        let slashed = scene.control(method.clone(), &format!("{path}/"), "{}").await;
        let plain = scene.control(method, path, "{}").await;
        assert_eq!(slashed.status, plain.status, "{path}/");
    }
    let health = scene.control(Method::GET, "/_sandbox/health", "").await;
    assert_eq!(health.status, 200);
}

#[tokio::test]
async fn bodies_are_read_as_strictly_as_amazons() {
    let scene = Scene::new().await;
    for (method, path) in CALLS {
        if method != Method::POST || path.ends_with("reset") {
            continue;
        }
        for (body, reason_code, named) in [
            ("", "InvalidRequestFormat", "empty"),
            ("{", "InvalidRequestFormat", "truncated"),
            ("[]", "InvalidRequestFormat", "not an object"),
            (r#"{"surprise":1}"#, "UnrecognizedField", "[surprise]"),
            ("{}", "MissingParameterValue", "is required"),
        ] {
            let answer = scene.control(method.clone(), path, body).await;
            assert_eq!((answer.status, answer.reason_code()), (400, reason_code), "{path} {body}");
            assert!(answer.message().contains(named), "{path} {body}: {}", answer.message());
        }
    }
}
