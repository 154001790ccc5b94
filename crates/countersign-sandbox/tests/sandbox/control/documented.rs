//! docs/sandbox.md matches the control API: the routes of its router, the words that it accepts
//! (its refusal of a wrong word lists them), and the members that it reads.

use std::collections::BTreeSet;

use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::scene::Scene;

const PAGE: &str = include_str!("../../../../../docs/sandbox.md");
const ROUTES: &str = include_str!("../../../src/control/mod.rs");

/// Where the control API reads and shows members.
const SHAPES: [&str; 6] = [
    include_str!("../../../src/control/checkout.rs"),
    include_str!("../../../src/control/events.rs"),
    include_str!("../../../src/control/fault.rs"),
    include_str!("../../../src/control/moves.rs"),
    include_str!("../../../src/control/notifications.rs"),
    include_str!("../../../src/control/payments.rs"),
];

/// The part of a text between two marks.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from:?}"));
    rest.split_once(to).map_or(rest, |(part, _)| part)
}

/// The texts between backticks.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// What the first column of a table quotes: the table with this head, below this heading.
fn column(heading: &str, head: &str) -> BTreeSet<&'static str> {
    let table = between(between(PAGE, heading, "\n#"), &format!("| {head} |"), "\n\n");
    let cells = table.lines().filter_map(|row| row.strip_prefix("| ")?.split('|').next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// What the row of this name, in the table below a heading, quotes after the name.
fn row(heading: &str, name: &str) -> BTreeSet<&'static str> {
    let row = between(between(PAGE, heading, "\n##"), &format!("| {name} |"), "\n");
    quoted(row)
}

/// The headings that are routes.
fn documented() -> BTreeSet<(&'static str, &'static str)> {
    let headings = PAGE.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    headings.map(|heading| heading.split_once(' ').unwrap()).collect()
}

/// The routes of the router's table.
fn routed() -> BTreeSet<(String, &'static str)> {
    let rows = ROUTES.lines().filter_map(|line| line.trim().strip_prefix('.')?.split_once("(\""));
    let rows = rows.filter(|(_, rest)| rest.starts_with('/'));
    rows.map(|(method, rest)| (method.to_uppercase(), rest.split('"').next().unwrap())).collect()
}

#[tokio::test]
async fn the_reference_lists_every_route_and_no_other() {
    let told = documented().into_iter().map(|(method, path)| (method.to_owned(), path));
    assert_eq!(told.collect::<BTreeSet<_>>(), routed());
    let scene = Scene::new().await;
    for (_, path) in documented() {
        for method in ["DELETE", "GET", "PATCH", "POST", "PUT"] {
            let answer = scene.control(method.parse().unwrap(), &path.replace(['{', '}'], ""), "").await;
            let is_told = documented().contains(&(method, path));
            assert_eq!(answer.status != 405, is_told, "{method} {path}");
            assert_ne!(answer.body["message"], "The control API has no such path.", "{method} {path}");
        }
    }
}

/// The words that the API accepts, as it lists them when it gets a different one.
async fn taken(scene: &Scene, path: &str, member: &str, body: Value) -> BTreeSet<String> {
    let answer = scene.control(Method::POST, path, &body.to_string()).await;
    assert_eq!((answer.status, answer.reason_code()), (400, "InvalidParameterValue"), "{body}");
    assert!(answer.message().contains(&format!("[{member}]")), "{}", answer.message());
    let words = between(answer.message(), "it is not one of ", ".");
    words.split(", ").map(str::to_owned).collect()
}

/// The path, the member, a body with a wrong word, what the page quotes there, and which of these are not
/// words of the member.
type Case<'a> = (&'a str, &'a str, Value, BTreeSet<&'static str>, &'a [&'a str]);

#[tokio::test]
async fn the_reference_lists_every_accepted_word_in_its_place_and_no_other() {
    let scene = Scene::new().await;
    let checkout = "/_sandbox/checkout-sessions";
    let start = json!({"productType": "PayOnly", "paymentDetails": {"paymentIntent": "Confirm",
        "chargeAmount": {"amount": "1.00", "currencyCode": "USD"}}});
    let starting = |member: &str| {
        let mut body = start.clone();
        body[member] = json!("?");
        body
    };
    let (buyer, faults) = (format!("{checkout}/1/buyer"), "/_sandbox/faults");
    let notices = "/_sandbox/notification-faults";
    let (permission, charge) = ("/_sandbox/charge-permissions/S01-1-1", "/_sandbox/charges/S01-1-1-C1");
    let (by_buyer, by_amazon) = (format!("{permission}/buyer"), format!("{permission}/amazon"));
    let (charge_by_buyer, charge_by_amazon) = (format!("{charge}/buyer"), format!("{charge}/amazon"));
    let started = "### `POST /_sandbox/checkout-sessions`";
    let acted = "/buyer`\n\nThe buyer acts";
    let of = |heading: &str| quoted(between(PAGE, heading, "\n#"));
    let action = json!({"action": "?"});
    let cases: Vec<Case<'_>> = vec![
        (checkout, "environment", starting("environment"), row(started, "`environment`"), &[]),
        (checkout, "region", starting("region"), row(started, "`region`"), &[]),
        (checkout, "responseDetail", starting("responseDetail"), row(started, "`responseDetail`"), &[]),
        (checkout, "card", starting("card"), column("### Cards", "card"), &[]),
        (&buyer, "action", action.clone(), column(acted, "`action`"), &[]),
        (&by_buyer, "action", action.clone(), of("{chargePermissionId}/buyer`"), &["action", "BuyerClosed"]),
        (
            &by_amazon,
            "action",
            action.clone(),
            of("{chargePermissionId}/amazon`"),
            &["action", "AmazonCanceled"],
        ),
        (&charge_by_buyer, "action", action.clone(), of("{chargeId}/buyer`"), &["action", "BuyerCanceled"]),
        (&charge_by_amazon, "action", action, BTreeSet::from(["cancel"]), &[]),
        (faults, "operation", json!({"operation": "?"}), row("`POST /_sandbox/faults`", "`operation`"), &[]),
        (
            faults,
            "point",
            json!({"operation": "getCharge", "kind": "reset", "point": "?"}),
            row("`POST /_sandbox/faults`", "`point`"),
            &["staleRead"],
        ),
        (
            faults,
            "kind",
            json!({"operation": "getCharge", "kind": "?"}),
            column("`POST /_sandbox/faults`", "kind"),
            &[],
        ),
        (notices, "kind", json!({"kind": "?"}), column("`POST /_sandbox/notification-faults`", "kind"), &[]),
        (
            notices,
            "objectType",
            json!({"kind": "drop", "objectType": "?"}),
            row("`POST /_sandbox/notification-faults`", "`objectType`"),
            &[],
        ),
    ];
    for (path, member, body, mut told, besides) in cases {
        for word in besides {
            assert!(told.remove(word), "{path} {member}: {word}");
        }
        let taken = taken(&scene, path, member, body).await;
        assert_eq!(taken.iter().map(String::as_str).collect::<BTreeSet<_>>(), told, "{path} {member}");
    }
}

#[test]
fn the_reference_has_every_member_that_is_read_or_shown() {
    let told = quoted(PAGE);
    for text in SHAPES {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        // Members that are read are declared; members that are shown are written one by one.
        let members = lines.filter_map(|line| {
            [" = \"", "with(\"", "some(\""].iter().find_map(|mark| line.split_once(mark)?.1.split_once('"'))
        });
        let members: Vec<&str> = members.map(|(member, _)| member).collect();
        assert!(members.len() > 3, "{members:?}");
        for member in members {
            let is_told = told
                .iter()
                .any(|word| word.split(|it: char| !it.is_ascii_alphanumeric()).any(|it| it == member));
            assert!(is_told, "{member}");
        }
    }
}

#[test]
fn the_reference_has_every_type_of_event_and_every_simulation_code() {
    let events = include_str!("../../../../countersign-domain/src/provider/event.rs");
    let rows = between(events, "\nhappened! {", "\n}").lines().filter_map(|line| line.strip_prefix("    "));
    let names = rows.filter(|row| row.starts_with(|first: char| first.is_ascii_uppercase()));
    let types: BTreeSet<&str> =
        names.filter_map(|row| row.split(|it: char| !it.is_ascii_alphanumeric()).next()).collect();
    assert!(types.len() > 20);
    let listed = quoted(between(PAGE, "The types are", "\n\n"));
    assert_eq!(listed, types);
    let finalize = include_str!("../../../../countersign-domain/src/provider/finalize.rs");
    let create_charge = include_str!("../../../../countersign-domain/src/provider/create_charge.rs");
    let capture_charge = include_str!("../../../../countersign-domain/src/provider/capture_charge.rs");
    let close = include_str!("../../../../countersign-domain/src/provider/close_charge_permission.rs");
    let create_refund = include_str!("../../../../countersign-domain/src/provider/create_refund.rs");
    for (call, text, words, besides) in [
        ("Finalize, Complete", finalize, "SimulationCode {", &["0701"][..]),
        (
            "Create Charge",
            create_charge,
            "CreateChargeSimulation {",
            &["captureNow", "canHandlePendingAuthorization"],
        ),
        ("Capture Charge", capture_charge, "    CaptureSimulation {", &[]),
        ("Close Charge Permission", close, "CloseSimulation {", &[]),
        ("Create Refund", create_refund, "RefundSimulation {", &[]),
    ] {
        let variants = between(text, words, "\n    }").lines().map(str::trim);
        let codes = variants.filter_map(|line| line.strip_suffix(',')).filter(|line| !line.starts_with('/'));
        let codes: BTreeSet<&str> = codes.chain(besides.iter().copied()).collect();
        assert_eq!(row("### Simulation codes", call), codes, "{call}");
    }
}

#[tokio::test]
async fn only_this_machine_is_answered() {
    let scene = Scene::new().await;
    for (method, path) in documented() {
        let path = path.replace(['{', '}'], "");
        let answer =
            scene.send(&method.parse().unwrap(), &path, HeaderMap::new(), "", Some("192.0.2.1:5000")).await;
        assert_eq!((answer.status, answer.reason_code()), (403, "UnauthorizedAccess"), "{method} {path}");
    }
}
