//! The demo, as a newcomer runs it.

use bytes::Bytes;
use http::Method;

use crate::http::send;
use crate::process::{ProcessOutput, Server, run};

// Promise: A21
#[test]
fn the_demo_tells_every_story_and_ends_with_their_table() {
    let directory = tempfile::tempdir().unwrap();
    let ProcessOutput { code, stdout, stderr } = run(directory.path(), &["demo", "--once"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    let heading = stdout.lines().position(|line| line.starts_with("story ")).unwrap();
    let rows = stdout.lines().skip(heading + 2).map(|line| {
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let [story, order, outcome, reason, standing, permission, charge] = cells[..] else {
            panic!("{line}")
        };
        let given = |id: &str| if id == "-" { "none" } else { "some" };
        let (permission, charge) = (given(permission), given(charge));
        format!("{order} | {story} | {outcome} | {reason} | {standing} | {permission} | {charge}")
    });
    insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_demo_goes_on_with_a_shop_that_takes_orders_from_its_own_pages_only() {
    let directory = tempfile::tempdir().unwrap();
    let words = "Open this in a browser:  http://";
    let demo = Server::start_and_wait_for(words, 1_000, directory.path(), &["demo"]);
    let own_url = format!("http://{}", demo.address);
    let answer = |method: Method, path: &str, origin: Option<&str>, body: &'static str| {
        let request = http::Request::builder().method(method).uri(path);
        let request = match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        };
        send(demo.address, &request.body(Bytes::from(body)).unwrap()).unwrap()
    };
    let status = |method, path: &str, origin, body| answer(method, path, origin, body).status;
    let order = "cup=2&map=1&paymentIntent=Authorize";
    assert_eq!(status(Method::GET, "/", None, ""), 200);
    assert_eq!(status(Method::GET, "/shop", None, ""), 200);
    assert_eq!(status(Method::GET, "/shop/orders/1001", None, ""), 404);
    for foreign in [None, Some("http://127.0.0.1:1"), Some("null")] {
        assert_eq!(status(Method::POST, "/shop/orders", foreign, order), 403, "{foreign:?}");
    }
    let own = Some(own_url.as_str());
    assert_eq!(status(Method::POST, "/shop/orders", own, "cup=0&paymentIntent=Authorize"), 400);
    let ordered = answer(Method::POST, "/shop/orders", own, order);
    assert_eq!(ordered.status, 303);
    let page = ordered.location.as_str();
    assert_eq!(status(Method::GET, page, None, ""), 200);
    assert_eq!(status(Method::POST, &format!("{page}/captures"), own, ""), 409, "the order is not paid");
    assert_eq!(status(Method::POST, &format!("{page}/cancel"), own, ""), 303);
    // The order's number alone does not open the page: its address also has a random part.
    for guessed in ["/shop/orders/1001", "/shop/orders/1001-", "/shop/orders/1001-1"] {
        assert_eq!(status(Method::GET, guessed, None, ""), 404, "{guessed}");
        assert_eq!(status(Method::POST, &format!("{guessed}/cancel"), own, ""), 404, "{guessed}");
    }
    for unsigned in ["/quote", "/webhooks"] {
        assert_eq!(status(Method::POST, unsigned, None, r#"{"orderId":"D-1001"}"#), 401);
    }
    assert_eq!(demo.terminate(), Some(0));
}
