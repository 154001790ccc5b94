//! A small made-up world: one order and its session, as both halves would write them, with one
//! thing wrong.

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{ChangeId, Content, Expect, Key};
use serde_json::json;

use super::elsewhere::KNOWN_AFTER;
use super::*;
use crate::clock::half_clock;
use crate::entropy::Random;
use crate::reading::Reading;

const SESSION: &str = "bd504926-f659-4ad7-a1a9-9a747aaf5275";
const NOW: i64 = 10_000_000;

fn witness() -> Witness {
    let executor = Executor::new(Random::stream(1, 0));
    let clock = half_clock(&executor);
    let witness = Witness::new(&executor, &clock);
    witness.session_began(SESSION, 1, "any");
    witness
}

fn written(collection: &'static str, id: &str, document: Option<Value>, due_at: Option<i64>) -> Write {
    let content = document.map(|document| Content {
        format: 1,
        bytes: Bytes::from(document.to_string()),
        due_at: due_at.map(Timestamp::from_millis),
        index: Vec::new(),
    });
    Write { key: Key { collection, id: id.to_owned() }, expect: Expect::Absent, content }
}

fn commit(witness: &Witness, half: Half, write: Vec<Write>) {
    let at = Timestamp::from_millis(NOW);
    let change = ChangeSet { id: ChangeId([0; 16]), at, require: Vec::new(), write, append: Vec::new() };
    witness.committed(half, &change);
}

/// The merchant half's checkout with one attempt in this state.
fn checkout(state: &Value, due_at: Option<i64>) -> Write {
    let attempt =
        json!({ "number": 1, "checkout_session_id": SESSION, "buyer_seen_at": NOW, "state": state });
    let document = json!({
        "checkout": { "id": "c", "order_id": "order-1", "attempts": [attempt],
            "terms": { "payment_intent": "Authorize", "charge_amount": [1_400, "USD"] } },
        "links": { "result_token": "token" },
    });
    written("checkout", "c", Some(document), due_at)
}

fn in_doubt(body: &str) -> Write {
    let send = json!({ "n": 1, "idempotency_key": "key-1", "body": body });
    let state = json!({ "Finalize": { "InDoubt": { "send": send, "send_count": 1, "sent_at": NOW, "since": NOW,
        "look": { "at": NOW } } } });
    checkout(&state, Some(NOW))
}

fn authorized() -> Write {
    let completed = json!({ "completion": { "Authorized": "P-C1" }, "charge_permission_id": "P" });
    checkout(&json!({ "Completed": completed }), None)
}

fn snapshot(state: &str) -> Write {
    written("snapshot", "c", Some(json!({ state: {} })), None)
}

/// Amazon completes the session: 14.00 are held.
fn completed() -> Vec<Write> {
    let completed = json!({ "charge_permission_id": "P", "charge_id": "P-C1" });
    let none = json!([0, "USD"]);
    let balances = json!({ "available": [1_400, "USD"], "held": none, "captured": none, "refunded": none,
        "overcharge": none, "goodwill": none });
    let of = |collection, id, document| written(collection, id, Some(document), None);
    vec![
        of(
            "checkout_session",
            SESSION,
            json!({ "session": { "id": SESSION, "state": { "Completed": completed } } }),
        ),
        of(
            "charge_permission",
            "P",
            json!({ "id": "P", "checkout_session_id": SESSION, "limit": [1_400, "USD"],
            "balances": balances, "state": "Chargeable" }),
        ),
        of(
            "charge",
            "P-C1",
            json!({ "id": "P-C1", "amount": [1_400, "USD"], "expires_at": i64::MAX,
            "state": "Authorized" }),
        ),
    ]
}

/// A world in which Amazon's success did not reach the merchant half.
fn unheard() -> Witness {
    let witness = witness();
    commit(&witness, Half::Merchant, vec![in_doubt("{}")]);
    commit(&witness, Half::Amazon, completed());
    assert_eq!(witness.violation(), None);
    witness
}

/// A world in which it did.
fn heard() -> Witness {
    let witness = unheard();
    commit(&witness, Half::Merchant, vec![authorized(), snapshot("Due")]);
    assert_eq!(witness.violation(), None);
    witness
}

/// A reading by which Amazon shows what it has.
fn truthful() -> Reading {
    Reading { ids_on_get: IdsOnGet::Always, ..Reading::draw(&Random::stream(1, 0)) }
}

fn held(witness: &Witness) -> CheckResult {
    witness.violation().map_or(Ok(()), |(violation, _)| Err(violation.broken))
}

fn after(witness: Witness, happens: impl FnOnce(&Witness)) -> CheckResult {
    happens(&witness);
    held(&witness)
}

/// Breaks the invariants, and returns each with what the check found.
pub(crate) fn broken_by_hand() -> Vec<(Invariant, CheckResult)> {
    use Invariant::*;
    let over = || {
        let message = json!({ "ChargePermissionId": "P" }).to_string();
        written("notification", "n", Some(json!({ "message": message, "progress": "Over" })), None)
    };
    let merchant = |write: Write| move |witness: &Witness| commit(witness, Half::Merchant, vec![write]);
    vec![
        (ForgeryBelieved, after(witness(), |it| it.answered_forgery(StatusCode::OK))),
        (NotificationForgotten, after(unheard(), merchant(over()))),
        (SnapshotMissing, after(unheard(), merchant(authorized()))),
        (SnapshotMissing, after(heard(), |it| it.ends(IdsOnGet::Always, Integration::Sole))),
        (WorkLeft, after(heard(), |it| it.is_left(Half::Amazon, &["a charge is due".to_owned()]))),
        (SendChanged, after(unheard(), merchant(in_doubt("{ }")))),
        (
            NotOursTouched,
            after(witness(), |it| {
                it.session_began_elsewhere(SESSION);
                commit(it, Half::Amazon, completed());
                it.finalized_elsewhere(SESSION);
                it.touches("captureCharge", "P-C1");
            }),
        ),
        (
            RefundedTooMuch,
            after(witness(), |it| {
                let refund = json!({ "id": "P-R1", "amount": [400, "USD"], "state": "Refunded" });
                let charge = json!({ "id": "P-C1", "amount": [1_400, "USD"], "expires_at": i64::MAX,
                    "state": { "Captured": { "captured": [1_400, "USD"] } }, "refunds": [refund] });
                commit(it, Half::Amazon, vec![written("charge", "P-C1", Some(charge), None)]);
                it.made_elsewhere(br#"{"refundId":"P-R1","statusDetails":{"state":"Refunded"}}"#);
                it.executor.leap(KNOWN_AFTER + Duration::from_secs(1));
                it.refunds("P-C1", br#"{"refundAmount":{"amount":"10.01","currencyCode":"USD"}}"#);
            }),
        ),
        (
            NotSettled,
            after(heard(), |it| {
                it.settled(1, &json!({ "standing": "capturing", "needsPerson": [] }), &truthful())
            }),
        ),
        (
            NotSettled,
            after(heard(), |it| {
                it.settled(
                    1,
                    &json!({ "standing": "unresolved", "needsPerson": ["unresolved"] }),
                    &truthful(),
                )
            }),
        ),
        (VerdictChanged, after(heard(), merchant(written("checkout", "c", None, None)))),
    ]
}

#[test]
fn a_correct_world_breaks_no_invariant() {
    let witness = heard();
    witness.answered_forgery(StatusCode::FORBIDDEN);
    commit(&witness, Half::Merchant, vec![snapshot("Taken")]);
    witness.ends(IdsOnGet::Always, Integration::Sole);
    witness.is_left(Half::Merchant, &[]);
    assert_eq!(held(&witness), Ok(()));
}

#[test]
fn the_first_broken_invariant_is_the_one_that_counts() {
    let witness = unheard();
    commit(&witness, Half::Merchant, vec![authorized()]);
    witness.answered_forgery(StatusCode::OK);
    assert_eq!(held(&witness).map_err(|broken| broken.invariant), Err(Invariant::SnapshotMissing));
}
