//! Made-up payments, one for each way to break an invariant.

use serde_json::json;

use super::*;

const NOW: i64 = 10_000_000;

/// A payment under the permission P, with this charge, if any, and these operations.
fn payment(charge: Option<Value>, operations: Value) -> Payment {
    let charges: Vec<Value> = charge.into_iter().collect();
    read(json!({ "charge_permission_id": "P", "permission": { "state": "Chargeable" }, "charges": charges,
        "operations": operations }))
}

fn read<T: serde::de::DeserializeOwned>(document: Value) -> T {
    serde_json::from_value(document).unwrap()
}

fn charge(state: Value, refunds: Value) -> Option<Value> {
    Some(json!({ "id": "P-C1", "expires_at": NOW, "planned_until": NOW, "state": state, "refunds": refunds }))
}

fn captured() -> Value {
    json!({ "Captured": [1_400, "USD"] })
}

fn refund(state: Value) -> Value {
    json!([{ "id": "P-R1", "amount": [500, "USD"], "state": state, "look": { "at": NOW } }])
}

fn operation(request: Value, state: Value) -> Value {
    json!([{ "number": 1, "name": { "Shop": "one" }, "request": request, "state": state }])
}

fn in_doubt(body: &str, send_count: i64) -> Value {
    let send = json!({ "n": 1, "idempotency_key": "key-1", "body": body });
    json!({ "InFlight": { "InDoubt": { "send": send, "send_count": send_count, "sent_at": NOW, "since": NOW,
        "look": { "at": NOW } } } })
}

fn asked_again(send_count: i64) -> Payment {
    payment(None, operation(json!({ "CreateCharge": {} }), in_doubt("{}", send_count)))
}

fn done(request: Value, effect: Value) -> Payment {
    payment(None, operation(request, json!({ "Done": effect })))
}

fn cancellation(reference: &str, state: Value) -> Cancellation {
    read(json!({ "reference": reference, "state": state }))
}

fn true_charge(captured: Option<u64>) -> TrueCharge {
    TrueCharge { was_authorized: true, captured, ..TrueCharge::default() }
}

/// Amazon's truth about P: its first charge and its first refund.
fn truth(charge: Option<TrueCharge>, refund: Option<TrueRefund>) -> Truth<'static> {
    Truth {
        charges: charge.map(|charge| ("P-C1", charge)).into_iter().collect(),
        refunds: refund.map(|refund| ("P-R1", refund)).into_iter().collect(),
        ..Truth::default()
    }
}

fn refunded(amount: u64) -> Option<TrueRefund> {
    Some(TrueRefund { amount, is_refunded: true, is_declined: false })
}

fn permission(available: u64, overcharge: u64) -> ChargePermission {
    let none = json!([0, "USD"]);
    read(json!({ "id": "P", "checkout_session_id": "session", "limit": [1_400, "USD"], "state": "Chargeable",
        "balances": { "available": [available, "USD"], "held": none, "captured": none, "refunded": none,
            "overcharge": [overcharge, "USD"], "goodwill": none } }))
}

/// The books of P after a posting.
fn posted(from: &str, to: &str, amount: u64) -> (Books, CheckResult) {
    let mut books = Books::default();
    books.open(&permission(1_400, 0));
    let posting = json!({ "from": from, "to": to, "amount": [amount, "USD"] });
    let held = books.log(&json!([{ "charge_permission_id": "P", "postings": [posting] }]));
    (books, held)
}

fn fact(kind: &str) -> Value {
    json!({ "type": kind, "checkoutId": "c", "chargeId": "P-C1", "refundId": "P-R1" })
}

fn told(fact: &Value, truth: &Truth<'_>) -> CheckResult {
    check_fact(fact, &mut std::collections::HashSet::new(), truth)
}

/// Breaks the invariants, and returns each with what the check found.
pub(crate) fn broken_by_hand() -> Vec<(Invariant, CheckResult)> {
    use Invariant::*;
    [in_steps(), against_the_truth(), in_effects(), in_the_end(), in_what_is_said(), in_the_accounts()]
        .concat()
        .into_iter()
        .chain([(
            CanceledUnasked,
            check_cancellation(&cancellation("mine", json!({ "Requested": { "remind_at": NOW } }))),
        )])
        .collect()
}

fn in_steps() -> Vec<(Invariant, CheckResult)> {
    use Invariant::*;
    let step = |before: &Payment, after: &Payment| check_step(Some(before), Some(after), false);
    let bare = payment(None, json!([]));
    let other: Payment = Payment { charge_permission_id: "Q".to_owned(), ..bare.clone() };
    let taken = payment(charge(captured(), json!([])), json!([]));
    let lost = payment(charge(json!({ "Declined": null }), json!([])), json!([]));
    let given = payment(charge(captured(), refund(json!("Refunded"))), json!([]));
    let kept = payment(charge(captured(), refund(json!({ "Declined": null }))), json!([]));
    let closed = done(json!({ "Close": {} }), json!("Closed"));
    let refused = payment(None, operation(json!({ "Close": {} }), json!({ "Refused": { "code": "x" } })));
    let unowned = payment(charge(json!("AuthorizationInitiated"), json!([])), json!([]));
    let rewritten = payment(None, operation(json!({ "CreateCharge": {} }), in_doubt("{ }", 1)));
    vec![
        (VerdictChanged, check_step(Some(&bare), None, false)),
        (VerdictChanged, step(&bare, &other)),
        (VerdictChanged, step(&taken, &bare)),
        (VerdictChanged, step(&taken, &lost)),
        (VerdictChanged, step(&given, &taken)),
        (VerdictChanged, step(&given, &kept)),
        (VerdictChanged, step(&closed, &bare)),
        (VerdictChanged, step(&closed, &refused)),
        (NoTimer, check_step(None, Some(&unowned), false)),
        (SendChanged, step(&asked_again(1), &rewritten)),
        (ChargedWithoutOrder, check_canceled_sends(Some(&asked_again(1)), &asked_again(2))),
    ]
}

fn against_the_truth() -> Vec<(Invariant, CheckResult)> {
    use Invariant::*;
    let claimed = |claim: &Payment, truth: &Truth<'_>| is_true(None, claim, truth, NOW);
    let held = || truth(Some(true_charge(None)), None);
    let taken = payment(charge(captured(), json!([])), json!([]));
    let given = payment(charge(json!("Authorized"), refund(json!("Refunded"))), json!([]));
    let on = |request: &str| json!({ request: { "charge_id": "P-C1" } });
    vec![
        (PaymentMisread, claimed(&taken, &held())),
        (PaymentMisread, claimed(&taken, &truth(Some(true_charge(Some(1_399))), None))),
        (PaymentMisread, claimed(&given, &truth(Some(true_charge(None)), refunded(499)))),
        (PaymentMisread, claimed(&done(json!({ "CreateCharge": {} }), json!({ "Charge": "P-C2" })), &held())),
        (PaymentMisread, claimed(&done(on("Capture"), json!({ "Charge": "P-C1" })), &held())),
        (PaymentMisread, claimed(&done(on("CancelCharge"), json!({ "Charge": "P-C1" })), &held())),
        (PaymentMisread, claimed(&done(json!({ "Close": {} }), json!("Closed")), &held())),
        (PaymentMisread, claimed(&done(json!({ "Close": {} }), json!({ "Charge": "P-C1" })), &held())),
        (AskedTooOften, claimed(&asked_again(31), &held())),
    ]
}

fn in_effects() -> Vec<(Invariant, CheckResult)> {
    use Invariant::*;
    let one_refund = payment(
        None,
        operation(
            json!({ "Refund": { "charge_id": "P-C1", "amount": [500, "USD"] } }),
            json!({ "Done": { "Refund": "P-R1" } }),
        ),
    );
    let mut charged_again = truth(Some(true_charge(Some(1_400))), None);
    charged_again.charges.insert("P-C2", true_charge(None));
    let closed = Truth { closed_by_merchant: true, ..Truth::default() };
    vec![
        (EffectTwice, check_effects(None, None, &charged_again, 0)),
        (EffectTwice, check_effects(None, None, &truth(Some(true_charge(Some(1_400))), refunded(500)), 0)),
        (
            RefundedTooMuch,
            check_effects(Some(&one_refund), None, &truth(Some(true_charge(Some(499))), refunded(500)), 0),
        ),
        (ClosedUnasked, check_effects(None, None, &closed, 0)),
    ]
}

fn in_the_end() -> Vec<(Invariant, CheckResult)> {
    use Invariant::*;
    let ends = check_end;
    let undone =
        |cancellation: &Cancellation, truth: &Truth<'_>| check_undone(cancellation, truth, 0, false, false);
    let (bare, taken) = (payment(None, json!([])), payment(charge(captured(), json!([])), json!([])));
    let authorized = payment(charge(json!("Authorized"), json!([])), json!([]));
    let truly_taken = || truth(Some(true_charge(Some(1_400))), None);
    let was_done = cancellation(CANCEL, json!({ "Done": { "at": NOW } }));
    let goes_on = cancellation(CANCEL, json!({ "Requested": { "remind_at": NOW } }));
    vec![
        (NeverDecided, ends(&asked_again(1), &Truth::default())),
        (LedgersDiffer, ends(&taken, &Truth::default())),
        (LedgersDiffer, ends(&taken, &truth(Some(true_charge(None)), None))),
        (LedgersDiffer, ends(&authorized, &truly_taken())),
        (LedgersDiffer, ends(&bare, &truly_taken())),
        (LedgersDiffer, ends(&taken, &truth(Some(true_charge(Some(1_400))), refunded(500)))),
        (NotUndone, undone(&was_done, &Truth { is_closed: true, ..truly_taken() })),
        (NotUndone, undone(&was_done, &Truth { is_closed: true, held: 1, ..Truth::default() })),
        (NotUndone, undone(&was_done, &Truth::default())),
        (NotUndone, check_undone(&was_done, &truly_taken(), 0, true, true)),
        (NeverDecided, undone(&goes_on, &Truth::default())),
    ]
}

fn in_what_is_said() -> Vec<(Invariant, CheckResult)> {
    use Invariant::*;
    let mut heard = std::collections::HashSet::new();
    let truly = truth(Some(true_charge(Some(1_400))), None);
    let once = check_fact(&fact("charge.captured"), &mut heard, &truly);
    assert_eq!(once, Ok(()));
    let again = check_fact(&fact("charge.captured"), &mut heard, &truly);
    let held = truth(
        Some(TrueCharge::default()),
        Some(TrueRefund { amount: 1, is_refunded: false, is_declined: false }),
    );
    let false_facts = [
        "charge.captured",
        "charge.canceled",
        "charge.declined",
        "charge.authorized",
        "refund.refunded",
        "refund.declined",
        "chargePermission.closed",
    ];
    let mut cases: Vec<_> = false_facts.map(|kind| (FactFalse, told(&fact(kind), &held))).to_vec();
    let unexplained =
        json!({ "type": "payment.unexplained", "reason": "NoSession", "chargePermissionId": "P" });
    let hour = Some(Duration::from_secs(3_600));
    cases.push((UnexplainedWithoutNeed, check_unexplained(&unexplained, &held, hour)));
    cases.push((FactTwice, again));
    cases.push((FactFalse, told(&fact("checkout.canceled"), &Truth { held: 1, ..Truth::default() })));
    cases.push((ShippedUnpaid, check_fulfilment(&json!({ "mayShip": true }), &held)));
    cases
}

fn in_the_accounts() -> Vec<(Invariant, CheckResult)> {
    use Invariant::*;
    let mut unread = Books::default();
    vec![
        (Unbalanced, unread.log(&json!([{ "charge_permission_id": "P", "postings": [{ "from": "Held" }] }]))),
        (Unbalanced, posted("Available", "Held", 1_401).1),
        (Unbalanced, posted("Available", "Nowhere", 1).1),
        (Unbalanced, posted("Available", "Held", 1).0.agree(&permission(1_400, 0))),
        (Unbalanced, Books::default().agree(&permission(1_400, 0))),
        // An overcharge may be at most 15 %: 2.10 on 14.00.
        (Unbalanced, posted("Overcharge", "Available", 211).0.agree(&permission(1_611, 211))),
    ]
}

#[test]
fn correct_payments_break_no_invariant() {
    let taken = payment(charge(captured(), refund(json!("Refunded"))), json!([]));
    let held = payment(charge(json!("Authorized"), json!([])), json!([]));
    let truly = || truth(Some(true_charge(Some(1_400))), refunded(500));
    let was_done = cancellation(CANCEL, json!({ "Done": { "at": NOW } }));
    let undone = Truth { is_closed: true, ..truth(Some(true_charge(Some(500))), refunded(500)) };
    let bare_end = payment(charge(json!({ "Captured": [500, "USD"] }), refund(json!("Refunded"))), json!([]));
    for held in [
        check_step(Some(&held), Some(&taken), false),
        check_step(Some(&asked_again(1)), Some(&asked_again(2)), false),
        check_canceled_sends(None, &asked_again(2)),
        is_true(Some(&held), &taken, &truly(), NOW),
        is_true(None, &asked_again(30), &Truth::default(), NOW),
        check_effects(None, Some(&was_done), &Truth { closed_by_merchant: true, ..Truth::default() }, 0),
        check_cancellation(&was_done),
        check_end(&taken, &truly()),
        check_end(&bare_end, &undone),
        check_undone(&was_done, &undone, 0, false, false),
        told(&fact("refund.refunded"), &truly()),
        check_fulfilment(&json!({ "mayShip": true }), &truly()),
        check_fulfilment(&json!({ "mayShip": false }), &Truth::default()),
        posted("Available", "Held", 1_400).1,
        posted("Overcharge", "Available", 210).0.agree(&permission(1_610, 210)),
    ] {
        assert_eq!(held, Ok(()));
    }
}
