//! docs/api.md and docs/operating.md agree with the code. Every documented route is requested through the
//! real router, and every word that the sources can answer with is in its place on the page.

use std::collections::BTreeSet;

use countersign_domain::merchant::after::fulfilment::Reason;
use countersign_domain::merchant::checkout::quote::QuoteRefused;
use countersign_domain::merchant::checkout::verdict::Verdict;
use countersign_domain::reason_code::{ReasonClass, ReasonCode};
use serde_json::{Value, json};

use super::world::{SESSION, World, order_of_100, usd};

const PAGE: &str = include_str!("../../../../docs/api.md");
const OPERATING: &str = include_str!("../../../../docs/operating.md");

const ERRORS: &str = include_str!("../../src/http/errors.rs");
const BROWSER: &str = include_str!("../../src/http/browser.rs");
const TABLES: [&str; 3] =
    [include_str!("../../src/http/mod.rs"), include_str!("../../src/http/shop.rs"), BROWSER];
const REQUESTS: [&str; 4] = [
    include_str!("../../src/http/requests.rs"),
    include_str!("../../src/http/payment_requests.rs"),
    include_str!("../../src/http/decision_requests.rs"),
    BROWSER,
];

/// The texts between double quotes.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    let is_said = |line: &&str| !line.trim_start().starts_with("//") && !line.contains("debug_struct");
    text.lines().filter(is_said).flat_map(|line| line.split('"').skip(1).step_by(2))
}

/// The part of a text from one mark to the next.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from:?}"));
    rest.split_once(to).map_or(rest, |(part, _)| part)
}

/// Words such as `OrderCanceled`: they begin with a capital and have only letters.
fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.bytes().all(|it| it.is_ascii_alphabetic())
}

fn names(text: &str) -> BTreeSet<&str> {
    literals(text).filter(|word| is_name(word)).collect()
}

/// The texts between backticks.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// What a column of the tables quotes, in the part of the page below a heading.
fn column(heading: &str, column: usize) -> BTreeSet<&'static str> {
    let part = between(PAGE, heading, "\n## ");
    let rows = part.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.split('|').nth(column + 1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// The routes that have a heading on the page.
fn documented() -> Vec<(&'static str, &'static str)> {
    let headings = PAGE.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    headings.map(|heading| heading.split_once(' ').unwrap()).collect()
}

/// The rows of the routing tables, in the form of the page's headings.
fn routed() -> BTreeSet<(String, &'static str)> {
    let lines = TABLES.iter().flat_map(|text| text.lines());
    let rows = lines.filter_map(|line| line.trim().strip_prefix('.')?.split_once("(\""));
    let routes = rows.filter(|(_, rest)| rest.starts_with('/')).map(|(method, rest)| {
        let method = if method == "get_and_head" { "GET" } else { method };
        (method.to_uppercase(), rest.split('"').next().unwrap())
    });
    routes.collect()
}

#[test]
fn every_route_is_in_the_reference_and_accepts_the_methods_that_it_names() {
    let told = documented().into_iter().map(|(method, path)| (method.to_owned(), path));
    assert_eq!(told.collect::<BTreeSet<_>>(), routed());
    let world = World::in_memory();
    let registered = world.call("POST", "/v1/checkouts", &order_of_100("Authorize").to_string()).json();
    let browser_token = registered["browserToken"].as_str().unwrap();
    for (method, path) in documented() {
        let there: Vec<&str> = documented().iter().filter(|it| it.1 == path).map(|it| it.0).collect();
        let asked = path.replace("{checkoutId}", "c1").replace("{token}", "t1").replace("{eventId}", "evt_0");
        let asked = asked
            .replace("{browserToken}", browser_token)
            .replace("{number}", "1")
            .replace("{chargePermissionId}", "S01-1-1");
        let answer = world.call(method, &asked, "");
        assert_ne!(answer.status, 405, "{method} {path}");
        if answer.headers["content-type"] == "application/json" && answer.status == 404 {
            assert_ne!(answer.refusal().1, "NotFound", "{method} {path}");
        }
        let refused = world.call("PATCH", &asked, "");
        assert_eq!(refused.refusal().1, "MethodNotAllowed", "{path}");
        let allowed = refused.headers["allow"].to_str().unwrap();
        let allowed: BTreeSet<&str> = allowed.split(", ").filter(|it| *it != "HEAD").collect();
        assert_eq!(allowed, there.into_iter().collect(), "{path}");
    }
}

#[test]
fn every_error_code_is_in_the_table_and_no_other() {
    // A field's name is within `Some` or `at`; `Bearer` is the value of a header.
    let without_fields = ERRORS.replace("Some(\"", "").replace(".at(\"", "");
    let known: BTreeSet<&str> = names(&without_fields).into_iter().filter(|name| *name != "Bearer").collect();
    assert_eq!(column("\n## Errors", 0), known.union(&BTreeSet::from(["code"])).copied().collect());
    let is_decline = |code: &&ReasonCode| code.class() == ReasonClass::Decline;
    let declines: BTreeSet<&str> =
        ReasonCode::ALL.iter().filter(is_decline).map(|code| code.as_str()).collect();
    let told = quoted(between(PAGE, "Amazon's own codes", "otherwise."));
    assert!(declines.is_subset(&told), "{declines:?}");
}

/// The codes of our own with which an operation ends, in the answers to it, in a checkout and in a fact.
#[test]
fn every_code_of_an_operation_without_effect_is_in_the_table() {
    let ends = include_str!("../../../countersign-domain/src/merchant/payment/send.rs");
    let constants = ends.lines().filter(|line| line.starts_with("pub const ") && line.contains(": &str = "));
    let codes: BTreeSet<&str> = constants.flat_map(literals).collect();
    assert!(codes.contains("NotAuthorized") && codes.contains("OrderCanceled"), "{codes:?}");
    let told = quoted(between(PAGE, "\n## Errors", "\n## "));
    let missing: Vec<_> = codes.difference(&told).collect();
    assert!(missing.is_empty(), "{missing:?}");
    // No operation ends with a word that is not one of these constants.
    let literal = ends.lines().find(|line| line.contains("Err(\"") || line.contains("Err(state.name"));
    assert_eq!(literal, None);
}

#[test]
fn every_code_has_the_status_that_the_table_says() {
    let world = World::in_memory();
    let checkout = world.register(&order_of_100("Authorize"));
    let path = |call: &str| format!("/v1/checkouts/{checkout}/{call}");
    let rows: Vec<(&str, &str)> = between(PAGE, "\n## Errors", "\nAmazon's own")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|(code, rest)| (code, rest.split_once(" |").unwrap().0))
        .collect();
    for (method, path, body) in [
        ("GET", "/none".to_owned(), ""),
        ("PATCH", "/healthz".to_owned(), ""),
        ("POST", "/v1/checkouts".to_owned(), "{"),
        ("POST", "/v1/checkouts".to_owned(), r#"{"none":1}"#),
        ("POST", "/v1/checkouts".to_owned(), "{}"),
        ("GET", "/v1/checkouts?none=1".to_owned(), ""),
        ("GET", "/v1/checkouts/none".to_owned(), ""),
        ("GET", path("snapshot"), ""),
        ("GET", path("fulfilment?chargeId=S01-1-C1"), ""),
        ("POST", path("close"), r#"{"reference":"1"}"#),
        ("POST", "/amazon/notifications".to_owned(), "{}"),
        ("GET", "/browser/none".to_owned(), ""),
    ] {
        let (status, code, _) = world.call(method, &path, body).refusal();
        let said = rows.iter().find(|row| row.0 == code).unwrap_or_else(|| panic!("{code}")).1;
        assert!(said.split(", ").any(|said| said == status.to_string()), "{code} is {status}, not {said}");
    }
    assert_eq!(world.run(world.request_with("GET", "/v1/events", "", None)).refusal().1, "Unauthorized");
}

#[test]
fn every_member_of_a_body_and_parameter_of_a_query_is_in_the_reference() {
    let told = quoted(PAGE);
    for text in REQUESTS {
        let members = text.lines().filter_map(|line| line.trim().split_once(" = \"")?.1.split_once('"'));
        let members: Vec<&str> = members.map(|(member, _)| member).filter(|it| !it.contains(' ')).collect();
        assert!(members.len() > 5, "{members:?}");
        for member in members {
            let is_told = told.iter().any(|word| word.rsplit('.').next() == Some(member));
            assert!(is_told, "{member}");
        }
        for parameter in literals(text).filter(|word| word.starts_with("may have only ")) {
            let parameters = parameter.trim_start_matches("may have only ");
            for name in parameters.split([' ', ',']).filter(|it| !it.is_empty() && *it != "and") {
                assert!(told.iter().any(|word| word.contains(name)), "{name}");
            }
        }
    }
}

#[test]
fn every_outcome_and_reason_is_in_its_table() {
    let domain = |file: &str| match file {
        "verdict" => include_str!("../../../countersign-domain/src/merchant/checkout/verdict.rs"),
        "attempt" => include_str!("../../../countersign-domain/src/merchant/attempt/mod.rs"),
        "charge" => include_str!("../../../countersign-domain/src/merchant/payment/charge.rs"),
        "refund" => include_str!("../../../countersign-domain/src/merchant/payment/refund.rs"),
        "permission" => include_str!("../../../countersign-domain/src/merchant/payment/permission.rs"),
        _ => include_str!("../../../countersign-domain/src/merchant/payment/operation.rs"),
    };
    let outcomes: BTreeSet<&str> = literals(between(domain("verdict"), "fn outcome", "\n    }")).collect();
    let completing = column("\n## Completing", 1);
    for outcome in &outcomes {
        assert_eq!(completing.contains(outcome), *outcome != "registered", "{outcome}");
        assert!(column("\n## Orders", 1).contains(outcome), "{outcome} as a state");
    }
    assert_eq!(outcomes, Verdict::OUTCOMES.into());
    let ships = column("\n## After the result", 1);
    let table: BTreeSet<&str> = ships.into_iter().filter(|word| is_name(word)).collect();
    let known: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert!(known.is_subset(&table), "{:?}", known.difference(&table));
    let told = quoted(PAGE);
    for file in ["attempt", "charge", "refund", "permission", "operation"] {
        let states = names(domain(file));
        let missing: Vec<_> = states.difference(&told).collect();
        assert!(!states.is_empty() && missing.is_empty(), "{file}: {missing:?}");
    }
}

#[test]
fn every_type_of_an_event_is_in_its_table_and_no_other() {
    let table = include_str!("../../src/events/table.rs");
    let facts = include_str!("../../src/events/fact.rs");
    let types = literals(table).chain(literals(facts)).filter(|word| word.contains('.'));
    let types: BTreeSet<&str> = types.collect();
    assert_eq!(column("### `GET /v1/events`", 0), types.union(&BTreeSet::from(["type"])).copied().collect());
}

/// The names of all members in an answer, at any depth, but not within objects of Amazon's.
fn members(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                found.insert(name.clone());
                if !["button", "chargePermission", "charge"].contains(&name.as_str()) {
                    members(value, found);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| members(value, found)),
        _ => {}
    }
}

#[test]
fn every_member_of_an_answer_is_in_the_reference() {
    let world = World::in_memory();
    let order = order_of_100("Authorize");
    let registered = world.call("POST", "/v1/checkouts", &order.to_string()).json();
    let paid = world.call("POST", "/v1/checkouts", &order.to_string()).json();
    let checkout = registered["checkoutId"].as_str().unwrap().to_owned();
    world.amazon.open(SESSION, super::world::session_for(&order, SESSION, &checkout));
    let mut answers = vec![registered, paid, world.complete(&checkout, SESSION).json()];
    let steps = [
        ("captures", json!({ "reference": "1" })),
        ("refunds", json!({ "reference": "2", "refundAmount": usd("1.00") })),
        ("charges", json!({ "reference": "3", "chargeAmount": usd("5.00") })),
        ("charges", json!({ "reference": "3", "chargeAmount": usd("6.00") })),
        ("cancel", json!({ "reference": "4", "reason": "too late" })),
    ];
    for (call, body) in steps {
        answers.push(world.ask(&checkout, call, &body).json());
    }
    world.let_pass(std::time::Duration::from_secs(60));
    let path = |call: &str| format!("/v1/checkouts/{checkout}{call}");
    for path in
        [path(""), path("/fulfilment"), path("/explanation"), path("/snapshot"), "/v1/events".to_owned()]
    {
        answers.push(world.get(&path).json());
    }
    answers.push(world.get("/v1/checkouts").json());
    answers.push(world.call("DELETE", &path("/snapshot"), "").json());
    let mut found = BTreeSet::new();
    for answer in &answers {
        members(answer, &mut found);
    }
    assert!(
        found.contains("timeline") && found.contains("erasedAt") && found.contains("events"),
        "{found:?}"
    );
    let told = quoted(PAGE);
    for member in found {
        let is_told =
            told.iter().any(|word| word.split(|it: char| !it.is_ascii_alphanumeric()).any(|it| it == member));
        assert!(is_told, "{member}");
    }
}

#[test]
fn every_figure_and_each_of_its_words_is_on_the_operators_page() {
    let metrics = include_str!("../../src/metrics.rs");
    let rows = between(metrics, "\nfigures! {\n", "\n}\n");
    let told = quoted(OPERATING);
    let name = |row: &'static str| row.strip_prefix("    ")?.split_once(": ").map(|(name, _)| name);
    let registered: Vec<&str> = rows.lines().filter_map(name).filter(|it| !it.contains([' ', '"'])).collect();
    assert_eq!(registered.len(), 14);
    for name in registered {
        let name = format!("countersign_{name}");
        assert!(told.iter().any(|word| word.starts_with(&name)), "{name}");
    }
    let inbox = include_str!("../../src/drive/inbox.rs");
    let operation = include_str!("../../src/drive/operate.rs");
    let completion = include_str!("../../src/drive/complete.rs");
    let sender = include_str!("../../src/gateway/webhook/sender.rs");
    let refusals = include_str!("../../../countersign-client/src/notification/refusal.rs");
    let mut words: BTreeSet<&str> = BTreeSet::from(["Completed", "NotPaid", "Pending", "Done", "Refused"]);
    for (text, mark) in
        [(inbox, "note_notification("), (operation, "note_duplicate("), (completion, "note_duplicate(")]
    {
        let noted = text.split(mark).skip(1).filter(|call| call.starts_with('"'));
        words.extend(noted.filter_map(|call| literals(call).next()));
    }
    words.extend(literals(between(inbox, "let outcome = match kept {", "};")));
    words.extend(
        literals(between(sender, "let (outcome, again_at) = match sent {", "};"))
            .filter(|it| !it.contains(' ')),
    );
    words.extend(literals(between(refusals, "pub const fn name", "\n    }")));
    words.extend(QuoteRefused::ALL.iter().map(|refused| refused.as_str()));
    words.insert("quoted");
    assert!(words.len() > 20, "{words:?}");
    for word in words {
        assert!(told.contains(word), "{word}");
    }
    for cap in ["1,000", "10,000"] {
        assert!(OPERATING.contains(cap), "{cap}");
    }
}
