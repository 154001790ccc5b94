//! The effects of Amazon's notifications, and what they cannot do. Anybody who knows the URL can post to it,
//! so most cases here are posted by somebody else.

use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_client::notification::{Confirmation, EnvelopeKind, EnvelopeTimestamp, MAX_ENVELOPE_LEN};
use countersign_merchant::Merchant;
use countersign_store::contract::{Key, Store as _};
use countersign_world::Clock as _;
use futures_util::future::join;
use serde_json::{Value, json};

use super::amazon::Fault;
use super::logs::logged;
use super::notifying::{CERTIFICATE_URL, message, signed};
use super::world::{ENGINES, SESSION, World, order, session_for, usd, waiting_order};

const PERMISSION: &str = "S01-5105180-0000001";
const CHARGE: &str = "S01-5105180-0000001-C000001";
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// An order that Amazon has accepted, but whose authorization is pending.
fn pending(world: &World) -> String {
    let checkout_id = world.placed(&waiting_order());
    world.amazon.fault("finalize", Fault::Pending);
    assert_eq!(world.complete(&checkout_id, SESSION).status, 202);
    checkout_id
}

/// How many Gets Amazon has received.
fn asked(world: &World) -> usize {
    ["session", "charge", "refund", "permission"].map(|it| world.amazon.arrived(it).len()).iter().sum()
}

fn commits(world: &World) -> u64 {
    world.store.counts().applied
}

fn is_remembered(world: &World, id: &str) -> bool {
    let names = [format!("notification n-{id}"), format!("message m-{id}")];
    let keys = names.map(|id| Key { collection: "notification", id });
    world.run(world.store.load(&keys)).unwrap().iter().any(Option::is_some)
}

// Promise: B20
#[test]
fn what_is_not_from_amazon_is_refused_naming_the_field_and_changes_nothing() {
    let mut world = World::in_memory();
    world.notifications.topic_arns = vec!["arn:aws:sns:us-east-1:123456789012:M1".to_owned()];
    world.restart();
    let checkout_id = pending(&world);
    // Amazon has authorized it, so a notification that verifies makes this order authorized.
    world.amazon.decide(CHARGE, "Authorized");
    let now = world.time.now();
    let about = message("n-1", "CHARGE", CHARGE);
    let genuine = world.notification("1", "CHARGE", CHARGE);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut envelope: Value = serde_json::from_str(&genuine).unwrap();
        change(&mut envelope);
        envelope.to_string()
    };
    let elsewhere =
        |url: &str| signed("m-1", &about, now, |envelope| envelope.signing_cert_url = url.to_owned());
    let of_another = |member: &str, value: &str| {
        let mut about = about.clone();
        about[member] = json!(value);
        signed("m-1", &about, now, |_| ())
    };
    let at = |at| signed("m-1", &about, now, |envelope| envelope.timestamp = EnvelopeTimestamp::from(at));
    let (refused, malformed) = ((403, "NotBelieved"), (400, "InvalidFormat"));
    let cases = [
        ("nothing", String::new(), malformed, None),
        ("no JSON", "a=b".to_owned(), malformed, None),
        ("no object", "[]".to_owned(), malformed, None),
        ("no envelope", "{}".to_owned(), malformed, Some("Type")),
        ("no id", changed(&|it| it["MessageId"] = Value::Null), malformed, Some("MessageId")),
        ("a long id", changed(&|it| it["MessageId"] = json!("m".repeat(129))), malformed, Some("MessageId")),
        (
            "a version of tomorrow",
            changed(&|it| it["SignatureVersion"] = json!("3")),
            malformed,
            Some("SignatureVersion"),
        ),
        ("unsigned", changed(&|it| it["Signature"] = json!("")), malformed, Some("Signature")),
        ("forged", changed(&|it| it["Signature"] = json!("AAAA")), refused, Some("Signature")),
        (
            "tampered",
            changed(&|it| it["Message"] = json!(about_other_charge(&about))),
            refused,
            Some("Signature"),
        ),
        (
            "redated",
            changed(&|it| it["Timestamp"] = json!("2026-11-23T15:46:59.000Z")),
            refused,
            Some("Signature"),
        ),
        (
            "of another topic",
            signed("m-1", &about, now, |it| it.topic_arn.push('2')),
            refused,
            Some("TopicArn"),
        ),
        ("stale", at(now.minus(15 * DAY + SECOND)), refused, Some("Timestamp")),
        ("of tomorrow", at(now.plus(DAY)), refused, Some("Timestamp")),
        (
            "a certificate elsewhere",
            elsewhere("https://sns.us-east-1.amazonaws.com.example/a.pem"),
            refused,
            Some("SigningCertURL"),
        ),
        (
            "a certificate in clear",
            elsewhere("http://sns.us-east-1.amazonaws.com/a.pem"),
            refused,
            Some("SigningCertURL"),
        ),
        ("a certificate inside", elsewhere("http://169.254.169.254/a.pem"), refused, Some("SigningCertURL")),
        ("a file", elsewhere("file:///etc/passwd.pem"), refused, Some("SigningCertURL")),
        ("of another merchant", of_another("MerchantID", "M2"), refused, Some("MerchantID")),
        ("of no charge", of_another("ObjectId", "not an id"), malformed, Some("ObjectId")),
        ("no message", signed("m-1", &json!("text"), now, |_| ()), malformed, Some("Message")),
    ];
    let (before, asked_before, commits_before) =
        (world.checkout(&checkout_id), asked(&world), commits(&world));
    for (name, body, (status, code), field) in cases {
        let answer = world.post(&body).refusal();
        assert_eq!(answer, (status, code.to_owned(), field.map(str::to_owned)), "{name}");
        assert!(!is_remembered(&world, "1"), "{name}");
    }
    let too_long = world.post(&format!("{genuine}{}", " ".repeat(MAX_ENVELOPE_LEN)));
    assert_eq!(too_long.refusal(), (413, "Unreadable".to_owned(), None));
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let answer = world.run(world.request_with(method, "/amazon/notifications", &genuine, None));
        assert_eq!((answer.status, &answer.headers["allow"]), (405, &"POST".parse().unwrap()), "{method}");
    }
    // Nothing was stored or looked up, and only the known certificate URL was requested.
    assert_eq!(commits(&world), commits_before);
    world.let_pass(2 * SECOND);
    assert_eq!(asked(&world), asked_before);
    assert_eq!(world.checkout(&checkout_id), before);
    assert_eq!(world.certificates.requested(), [CERTIFICATE_URL]);
    // The genuine notification is still accepted.
    assert_eq!(world.post(&genuine).status, 200);
    world.let_pass(2 * SECOND);
    assert_eq!(world.attempts(&checkout_id), ["Completed"]);
    assert_eq!(world.certificates.requested(), [CERTIFICATE_URL]);
}

fn about_other_charge(about: &Value) -> String {
    let mut about = about.clone();
    about["ObjectId"] = json!("S01-5105180-0000001-C999999");
    about.to_string()
}

// Promise: B20
#[test]
fn a_certificate_that_cannot_be_fetched_makes_amazon_try_again() {
    let world = World::in_memory();
    let checkout_id = pending(&world);
    world.amazon.decide(CHARGE, "Authorized");
    world.certificates.is_down.store(true, Ordering::SeqCst);
    let body = world.notification("1", "CHARGE", CHARGE);
    let refusal = (503, "Unavailable".to_owned(), Some("SigningCertURL".to_owned()));
    assert_eq!(world.post(&body).refusal(), refusal);
    assert!(!is_remembered(&world, "1"));
    world.certificates.is_down.store(false, Ordering::SeqCst);
    world.time.advance(HOUR);
    assert_eq!(world.post(&body).status, 200);
    world.let_pass(2 * SECOND);
    assert_eq!(world.attempts(&checkout_id), ["Completed"]);
}

// Promise: B17
#[test]
fn a_notification_is_kept_before_it_is_acknowledged_and_a_full_store_makes_amazon_try_again() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = pending(&world);
        world.amazon.decide(CHARGE, "Authorized");
        let body = world.notification("1", "CHARGE", CHARGE);
        world.store.hook.is_full.store(true, Ordering::SeqCst);
        assert_eq!(world.post(&body).refusal(), (503, "Unavailable".to_owned(), None));
        world.store.hook.is_full.store(false, Ordering::SeqCst);
        world.store.hook.is_away.store(true, Ordering::SeqCst);
        assert_eq!(world.post(&body).status, 503);
        world.store.hook.is_away.store(false, Ordering::SeqCst);
        assert!(!is_remembered(&world, "1"));
        assert_eq!(world.post(&body).json(), json!({ "status": "ok" }));
        // The process ends before it looks the charge up.
        world.restart();
        world.let_pass(2 * SECOND);
        assert_eq!(world.attempts(&checkout_id), ["Completed"]);
    }
}

// Promise: B17
#[test]
fn a_crash_at_any_commit_loses_no_notification() {
    for engine in ENGINES {
        for is_applied in [false, true] {
            for n in 1..=4 {
                let mut world = World::new(engine);
                let checkout_id = pending(&world);
                world.let_pass(2 * SECOND);
                world.amazon.decide(CHARGE, "Authorized");
                let body = world.notification("1", "CHARGE", CHARGE);
                world.store.hook.dies_at(n, is_applied);
                let timers = world.merchant().timers();
                let posted = world.run_until_it_stops(async {
                    let answer = Box::pin(world.posting(&body));
                    let sleep = world.time.sleep(3 * SECOND);
                    futures_util::future::select(Box::pin(join(answer, sleep)), Box::pin(timers)).await;
                });
                world.restart();
                // Amazon got no answer, so it sends the notification again.
                assert_eq!(world.post(&body).status, 200);
                world.let_pass(10 * SECOND);
                assert_eq!(
                    world.attempts(&checkout_id),
                    ["Completed"],
                    "{n} {is_applied} {}",
                    posted.is_some()
                );
                let heard =
                    world.timeline(&checkout_id).iter().filter(|it| *it == "NotificationHeard").count();
                assert_eq!(heard, 1);
            }
        }
    }
}

// Promise: B17
#[test]
fn a_copy_of_a_notification_is_acknowledged_and_does_nothing() {
    let world = World::in_memory();
    let checkout_id = pending(&world);
    let first = world.notification("1", "CHARGE", CHARGE);
    // The copy from another topic has its own message id.
    let by_another_topic = signed("m-2", &message("n-1", "CHARGE", CHARGE), world.time.now(), |_| ());
    assert_eq!(world.post(&first).status, 200);
    world.let_pass(2 * SECOND);
    let (commits_before, asked_before) = (commits(&world), asked(&world));
    for body in [&first, &first, &by_another_topic] {
        assert_eq!(world.post(body).status, 200);
    }
    assert_eq!(commits(&world), commits_before);
    world.let_pass(2 * SECOND);
    assert_eq!(asked(&world), asked_before);
    let timeline = world.timeline(&checkout_id);
    assert_eq!(timeline.iter().filter(|it| *it == "NotificationHeard").count(), 1);
}

// Promise: B17
#[test]
fn a_notification_is_remembered_for_as_long_as_a_copy_may_come() {
    let world = World::in_memory();
    pending(&world);
    world.amazon.decide(CHARGE, "Authorized");
    let body = world.notification("1", "CHARGE", CHARGE);
    assert_eq!(world.post(&body).status, 200);
    world.skip(15 * DAY - HOUR);
    assert!(is_remembered(&world, "1"));
    assert_eq!(world.post(&body).status, 200);
    world.skip(DAY + 2 * HOUR);
    assert!(!is_remembered(&world, "1"));
    assert_eq!(world.post(&body).status, 403);
}

// Promise: B18
#[test]
fn the_object_of_a_notification_is_looked_up_immediately_and_only_the_answer_counts() {
    for (state, outcome) in
        [("Authorized", "authorized"), ("Declined", "notPaid"), ("AuthorizationInitiated", "pending")]
    {
        let world = World::in_memory();
        let checkout_id = pending(&world);
        world.let_pass(10 * 60 * SECOND);
        let asked_before = world.amazon.arrived("charge").len();
        world.amazon.decide(CHARGE, state);
        world.let_pass(2 * SECOND);
        assert_eq!(world.checkout(&checkout_id)["state"], "pending");
        assert_eq!(world.amazon.arrived("charge").len(), asked_before);
        world.notified("1", "CHARGE", CHARGE);
        world.let_pass(2 * SECOND);
        assert_eq!(world.checkout(&checkout_id)["state"], outcome);
        assert!(world.amazon.arrived("charge").len() > asked_before, "{state}");
    }
}

// Promise: B18
#[test]
fn a_forged_captured_changes_nothing() {
    let world = World::in_memory();
    let checkout_id = world.completed("Authorize");
    world.let_pass(2 * SECOND);
    let before = world.checkout(&checkout_id);
    // Signed by the service, as a message on anybody's own topic is, with every member that a reader could
    // wrongly trust.
    let mut captured = message("n-1", "CHARGE", CHARGE);
    captured["State"] = json!("Captured");
    captured["statusDetails"] = json!({ "state": "Captured" });
    captured["captureAmount"] = usd("40.00");
    assert_eq!(world.post(&signed("m-1", &captured, world.time.now(), |_| ())).status, 200);
    world.let_pass(2 * SECOND);
    let mut after = world.checkout(&checkout_id);
    assert_eq!(after["timeline"].as_array_mut().unwrap().pop().unwrap()["type"], "NotificationHeard");
    let (without_count, before) = (without_looks(after), without_looks(before));
    assert_eq!(without_count, before);
    assert_eq!(world.facts().len(), 1);
}

fn without_looks(mut checkout: Value) -> Value {
    checkout.as_object_mut().unwrap().remove("updatedAt");
    checkout
}

// Promise: B17
#[test]
fn a_notification_that_overtakes_finalizes_answer_is_kept_and_resolves_the_doubt() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::HangAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.goes_down("session");
        let early = async {
            world.time.sleep(SECOND).await;
            world.posting(&world.notification("1", "CHARGE", CHARGE)).await
        };
        let (completed, notified) = world.run(join(world.completing(&checkout_id, SESSION), early));
        assert_eq!((completed.status, notified.status), (202, 200));
        // For hours Amazon cannot be asked, and the pauses grow.
        world.skip(3 * HOUR);
        assert_eq!(world.attempts(&checkout_id), ["InDoubt"]);
        world.restart();
        world.amazon.comes_back();
        world.skip(2 * HOUR);
        assert_eq!(world.attempts(&checkout_id), ["Completed"]);
        assert!(world.timeline(&checkout_id).contains(&"NotificationHeard".to_owned()));
        assert_eq!(world.amazon.arrived("finalize").len(), 2, "the second proves whose payment it is");
    }
}

// Promise: B17
#[test]
fn a_doubt_whose_notification_comes_is_looked_up_immediately() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostAfter);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.goes_down("session");
    assert_eq!(world.complete(&checkout_id, SESSION).status, 202);
    world.skip(10 * HOUR);
    world.amazon.comes_back();
    world.let_pass(5 * SECOND);
    assert_eq!(world.attempts(&checkout_id), ["InDoubt"], "the next look-up is far in the future");
    // The notification has no session id, but the permission's reference leads back to the order.
    world.notified("1", "CHARGE", CHARGE);
    world.let_pass(2 * SECOND);
    assert_eq!(world.attempts(&checkout_id), ["Completed"]);
}

// Promise: B17
#[test]
fn a_notification_whose_order_cannot_be_looked_up_is_kept_until_it_can() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostAfter);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.goes_down("session");
    world.amazon.goes_down("permission");
    world.complete(&checkout_id, SESSION);
    world.notified("1", "CHARGE_PERMISSION", PERMISSION);
    world.skip(5 * HOUR);
    assert!(!world.timeline(&checkout_id).contains(&"NotificationHeard".to_owned()));
    world.amazon.comes_back();
    world.skip(2 * HOUR);
    assert!(world.timeline(&checkout_id).contains(&"NotificationHeard".to_owned()));
    assert_eq!(world.attempts(&checkout_id), ["Completed"]);
}

/// An order whose pending authorization Amazon has declined.
fn declined(world: &World) -> String {
    let checkout_id = pending(world);
    world.amazon.decide(CHARGE, "Declined");
    world.let_pass(60 * SECOND);
    assert_eq!(world.attempts(&checkout_id), ["NotPaid"]);
    checkout_id
}

fn errors(lines: &[String]) -> Vec<&String> {
    lines.iter().filter(|line| line.starts_with("ERROR")).collect()
}

fn heard(world: &World, checkout_id: &str) -> usize {
    world.timeline(checkout_id).iter().filter(|it| *it == "NotificationHeard").count()
}

#[test]
fn what_amazon_notifies_of_a_declined_authorization_is_taken_in() {
    for is_paid_since in [false, true] {
        let world = World::in_memory();
        let checkout_id = declined(&world);
        if is_paid_since {
            world.amazon.open("s2", session_for(&waiting_order(), "s2", &checkout_id));
            assert_eq!(world.complete(&checkout_id, "s2").status, 200);
        }
        let without_timeline = |world: &World| {
            let mut checkout = without_looks(world.checkout(&checkout_id));
            checkout.as_object_mut().unwrap().remove("timeline");
            (checkout, world.facts())
        };
        let before = without_timeline(&world);
        let lines = logged(|| {
            world.notified("1", "CHARGE", CHARGE);
            world.notified("2", "CHARGE_PERMISSION", PERMISSION);
            world.let_pass(5 * SECOND);
            assert_eq!(heard(&world, &checkout_id), 2, "{is_paid_since}");
            assert_eq!(without_timeline(&world), before);
            let asked_for_it = || {
                let arrived = [world.amazon.arrived("charge"), world.amazon.arrived("permission")].concat();
                arrived.iter().filter(|it| it.path.contains(PERMISSION)).count()
            };
            let asked = asked_for_it();
            world.skip(16 * DAY);
            assert_eq!(asked_for_it(), asked, "its objects are not looked up any more");
        });
        assert_eq!(errors(&lines), Vec::<&String>::new());
    }
}

#[test]
fn a_notification_that_leads_to_the_decline_is_taken_in() {
    let world = World::in_memory();
    let checkout_id = pending(&world);
    world.amazon.decide(CHARGE, "Declined");
    world.notified("1", "CHARGE", CHARGE);
    world.let_pass(2 * SECOND);
    assert_eq!(world.attempts(&checkout_id), ["NotPaid"]);
    assert_eq!(heard(&world, &checkout_id), 1);
}

#[test]
fn money_under_an_authorization_that_was_declined_is_logged_once_and_changes_nothing_else() {
    let (second, refund) = ("S01-5105180-0000001-C000009", "S01-5105180-0000001-R000009");
    for engine in ENGINES {
        for (state, object_type, object) in [
            ("Authorized", "CHARGE", CHARGE),
            ("CaptureInitiated", "CHARGE", CHARGE),
            ("Captured", "CHARGE", CHARGE),
            ("Authorized", "CHARGE_PERMISSION", PERMISSION),
            ("Declined", "CHARGE", second),
            ("Captured", "REFUND", refund),
        ] {
            let mut world = World::new(engine);
            let checkout_id = declined(&world);
            world.amazon.decide(CHARGE, state);
            world.amazon.charge_elsewhere(second, &usd("7.00"));
            world.amazon.refund_elsewhere(refund, CHARGE, &usd("3.00"));
            let facts = world.facts().len();
            let lines = logged(|| {
                // The object cannot be looked up yet.
                for down in ["charge", "refund"] {
                    world.amazon.goes_down(down);
                }
                world.notified("1", object_type, object);
                world.let_pass(5 * SECOND);
                assert_eq!(heard(&world, &checkout_id), 0);
                world.amazon.comes_back();
                world.skip(HOUR);
                world.restart();
                for id in ["2", "3"] {
                    world.notified(id, object_type, object);
                    world.let_pass(5 * SECOND);
                }
                world.skip(16 * DAY);
            });
            let errors = errors(&lines);
            let looked_at = if object_type == "CHARGE" { object } else { CHARGE };
            assert!(
                matches!(errors[..], [line] if line.contains("Amazon contradicts a payment")
                    && line.contains(&checkout_id) && line.contains(looked_at)),
                "{state} {object}: {errors:?}"
            );
            let told = &world.facts()[facts..];
            assert!(matches!(told, [fact] if fact["type"] == "payment.contradicted"), "{told:?}");
            assert_eq!(world.attempts(&checkout_id), ["NotPaid"]);
            let checkout = world.checkout(&checkout_id);
            assert_eq!(
                (&checkout["state"], &checkout["reason"]),
                (&json!("checking"), &json!("Contradicted"))
            );
            let timeline = world.timeline(&checkout_id);
            let count = |kind: &str| timeline.iter().filter(|it| *it == kind).count();
            assert_eq!((count("Contradicted"), count("NotificationHeard")), (1, 3), "{timeline:?}");
        }
    }
}

// Promise: B18, B24
#[test]
fn what_was_made_elsewhere_under_the_permission_is_taken_in_and_nothing_else() {
    let refund = "S01-5105180-0000001-R000009";
    let world = World::in_memory();
    let checkout_id = world.completed("AuthorizeWithCapture");
    let second = "S01-5105180-0000001-C000009";
    world.amazon.charge_elsewhere(second, &usd("7.00"));
    world.amazon.decide(second, "Captured");
    world.amazon.change_charge(second, |charge| charge["captureAmount"] = usd("7.00"));
    world.amazon.refund_elsewhere(refund, second, &usd("3.00"));
    // A charge under another order's permission, in a message that names this order's.
    let foreign = "S01-5105180-2222222-C000001";
    world.amazon.charge_elsewhere(foreign, &usd("9.00"));
    let mut confused = message("n-0", "CHARGE", foreign);
    confused["ChargePermissionId"] = json!(PERMISSION);
    assert_eq!(world.post(&signed("m-0", &confused, world.time.now(), |_| ())).status, 200);
    world.notified("1", "REFUND", refund);
    world.let_pass(2 * SECOND);
    let payment = world.checkout(&checkout_id)["payment"].clone();
    let ids: Vec<_> =
        payment["charges"].as_array().unwrap().iter().map(|it| it["chargeId"].clone()).collect();
    assert_eq!(ids, [CHARGE, second]);
    assert_eq!(payment["charges"][1]["refunds"][0]["refundId"], refund);
    assert!(world.amazon.arrived("charge").iter().all(|it| !it.path.contains(foreign)));
}

#[test]
fn a_notification_of_what_amazon_does_not_show_yet_is_kept_until_it_does() {
    let world = World::in_memory();
    let checkout_id = world.completed("Authorize");
    let second = "S01-5105180-0000001-C000009";
    world.notified("1", "CHARGE", second);
    world.let_pass(60 * SECOND);
    assert_eq!(world.checkout(&checkout_id)["payment"]["charges"].as_array().unwrap().len(), 1);
    world.amazon.charge_elsewhere(second, &usd("7.00"));
    world.skip(10 * 60 * SECOND);
    assert_eq!(world.checkout(&checkout_id)["payment"]["charges"][1]["chargeId"], second);
}

// Promise: B19
#[test]
fn in_whatever_order_and_however_often_notifications_come_the_checkout_is_the_same() {
    let (second, refund) = ("S01-5105180-0000001-C000009", "S01-5105180-0000001-R000009");
    let told =
        [("CHARGE", CHARGE), ("CHARGE", second), ("REFUND", refund), ("CHARGE_PERMISSION", PERMISSION)];
    let mut outcomes = Vec::new();
    for order in permutations(told.len()) {
        for pause in [Duration::ZERO, 2 * SECOND] {
            let world = World::in_memory();
            let checkout_id = world.completed("Authorize");
            world.let_pass(2 * SECOND);
            let bodies: Vec<_> = order
                .iter()
                .map(|&place| world.notification(&place.to_string(), told[place].0, told[place].1))
                .collect();
            // Everything has happened before the first notification arrives.
            world.amazon.decide(CHARGE, "Captured");
            world.amazon.change_charge(CHARGE, |charge| charge["captureAmount"] = usd("40.00"));
            world.amazon.charge_elsewhere(second, &usd("7.00"));
            world.amazon.refund_elsewhere(refund, CHARGE, &usd("3.00"));
            world.amazon.decide_permission("Closed", Some("MerchantClosed"));
            for body in bodies.iter().chain(bodies.iter().rev()) {
                assert_eq!(world.post(body).status, 200);
                world.let_pass(pause);
            }
            world.let_pass(30 * SECOND);
            let mut facts: Vec<_> =
                world.facts().iter().map(|fact| fact["type"].as_str().unwrap().to_owned()).collect();
            facts.sort();
            outcomes.push((world.checkout(&checkout_id)["payment"].clone(), facts, order.clone()));
        }
    }
    let (payment, facts, _) = outcomes[0].clone();
    let state = |path: &str| payment.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    assert_eq!(["/charges/0/state", "/charges/0/refunds/0/state"].map(state), ["Captured", "Refunded"]);
    assert_eq!(payment["charges"].as_array().unwrap().len(), 2);
    for (other, its_facts, order) in outcomes {
        assert_eq!(other, payment, "{order:?}");
        assert_eq!(its_facts, facts, "{order:?}");
    }
}

/// All permutations of `count` indexes.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    let Some(last) = count.checked_sub(1) else { return vec![Vec::new()] };
    let put_in = |shorter: &Vec<usize>| {
        let shorter = shorter.clone();
        (0..count).map(move |place| {
            let mut longer = shorter.clone();
            longer.insert(place, last);
            longer
        })
    };
    permutations(last).iter().flat_map(put_in).collect()
}

// Promise: B19
#[test]
fn a_stale_answer_after_a_notification_takes_nothing_back() {
    let world = World::in_memory();
    let checkout_id = world.completed("AuthorizeWithCapture");
    world.let_pass(2 * SECOND);
    // An earlier state comes from a slow replica. A different final state is not reachable from Captured, and
    // is logged once.
    for (state, is_told) in [
        ("Authorized", false),
        ("AuthorizationInitiated", false),
        ("CaptureInitiated", false),
        ("Declined", true),
        ("Canceled", false),
    ] {
        world.amazon.decide(CHARGE, state);
        let lines = logged(|| {
            world.notified(state, "CHARGE", CHARGE);
            world.let_pass(2 * SECOND);
        });
        let errors = errors(&lines);
        assert_eq!(errors.len(), usize::from(is_told), "{state}: {errors:?}");
        for line in errors {
            for part in ["Amazon contradicts a payment", &checkout_id, CHARGE, "StateDiffers"] {
                assert!(line.contains(part), "{part}: {line}");
            }
        }
        let checkout = world.checkout(&checkout_id);
        assert_eq!(checkout["payment"]["charges"][0]["state"], "Captured", "{state}");
        let is_contradicted = matches!(state, "Declined" | "Canceled");
        assert_eq!(checkout["state"], if is_contradicted { "checking" } else { "paid" }, "{state}");
    }
}

#[test]
fn a_notification_of_an_unknown_type_is_kept_and_then_forgotten() {
    let world = World::in_memory();
    let mut about = message("n-1", "SOMETHING_OF_TOMORROW", "an-id");
    about["ChargePermissionId"] = Value::Null;
    assert_eq!(world.post(&signed("m-1", &about, world.time.now(), |_| ())).status, 200);
    world.let_pass(2 * SECOND);
    assert!(is_remembered(&world, "1"));
    assert_eq!(asked(&world), 0);
    world.skip(17 * DAY);
    assert!(!is_remembered(&world, "1"));
}

// Promise: B20
#[test]
fn a_confirmation_is_acknowledged_and_logged_and_its_url_is_not_requested() {
    for is_beginning in [true, false] {
        let world = World::in_memory();
        let confirmation = Confirmation {
            token: "canary-token".to_owned(),
            subscribe_url: "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=canary"
                .to_owned(),
        };
        let kind = match is_beginning {
            true => EnvelopeKind::SubscriptionConfirmation(confirmation),
            false => EnvelopeKind::UnsubscribeConfirmation(confirmation),
        };
        let body = signed("m-1", &json!("visit it"), world.time.now(), |envelope| envelope.kind = kind);
        let lines = logged(|| {
            assert_eq!(world.post(&body).status, 200);
            assert_eq!(world.post(&body).status, 200);
            world.let_pass(2 * SECOND);
        });
        assert!(lines.iter().any(|line| line.contains("sns.us-east-1.amazonaws.com")), "{lines:?}");
        assert!(lines.iter().all(|line| !line.contains("canary")), "{lines:?}");
        assert_eq!(world.certificates.requested(), [CERTIFICATE_URL]);
        assert!(is_remembered(&world, "1"));
    }
}

#[test]
fn notifications_are_counted_by_their_result() {
    let world = World::in_memory();
    pending(&world);
    let body = world.notification("1", "CHARGE", CHARGE);
    world.post("{}");
    world.post(&body);
    world.post(&body);
    world.store.hook.is_full.store(true, Ordering::SeqCst);
    world.post(&world.notification("2", "CHARGE", CHARGE));
    world.store.hook.is_full.store(false, Ordering::SeqCst);
    world.let_pass(2 * SECOND);
    let figures = world.run(world.request_with("GET", "/metrics", "", None)).text;
    for outcome in ["malformedEnvelope", "accepted", "repeated", "notKept", "takenIn"] {
        let line = format!("countersign_notifications_total{{outcome=\"{outcome}\"}} 1\n");
        assert!(figures.contains(&line), "{outcome}: {figures}");
    }
}

#[test]
fn a_certificate_origin_that_is_not_valid_stops_the_start() {
    let mut world = World::in_memory();
    world.notifications.certificate_origins = vec!["ftp://127.0.0.1".to_owned()];
    let refused = world.run(Merchant::start(world.parts())).err().unwrap();
    assert!(refused.to_string().starts_with("notifications: "), "{refused}");
}
