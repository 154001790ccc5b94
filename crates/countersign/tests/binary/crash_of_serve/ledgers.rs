//! Compares the two sides of one order's money: what the merchant half shows, and what Amazon's accounts and
//! event log say about the same permission.

use std::collections::HashSet;
use std::ops::AddAssign;

use serde_json::Value;

use crate::http::{Api, HttpAnswer, text};

/// How many effects the operations of one order, or of all orders, had.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Effects {
    pub(super) charges: usize,
    pub(super) captures: usize,
    pub(super) refunds: usize,
    pub(super) cancellations: usize,
    pub(super) closures: usize,
}

impl AddAssign for Effects {
    fn add_assign(&mut self, other: Self) {
        self.charges += other.charges;
        self.captures += other.captures;
        self.refunds += other.refunds;
        self.cancellations += other.cancellations;
        self.closures += other.closures;
    }
}

fn list<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    value[member].as_array().into_iter().flatten()
}

/// An amount in minor units.
fn minor(amount: &Value) -> i64 {
    amount.as_str().unwrap().replace('.', "").parse().unwrap()
}

/// Whether anything is still open for this checkout.
pub(super) fn is_open(checkout: &Value) -> bool {
    let payment = &checkout["payment"];
    let is_begun = |object: &Value| text(object, "state").ends_with("Initiated");
    matches!(text(checkout, "state").as_str(), "checking" | "pending")
        || checkout["cancellation"]["state"] == "CancelRequested"
        || list(payment, "operations").any(is_unfinished)
        || list(payment, "charges").any(|charge| is_begun(charge) || list(charge, "refunds").any(is_begun))
}

/// Whether this order was canceled while its Finalize was in doubt. Such a Finalize is never sent
/// again: if the session is Open, it is only watched until it expires, which takes a day.
pub(super) fn waits_for_a_lapse(checkout: &Value) -> bool {
    let is_at_rest =
        |attempt: &Value| matches!(text(attempt, "state").as_str(), "InDoubt" | "NotPaid" | "Surplus");
    checkout["cancellation"]["state"] == "CancelRequested"
        && checkout["payment"].is_null()
        && list(checkout, "attempts").all(is_at_rest)
}

/// Whether the order was canceled, its permission is closed, and only charges and refunds in doubt
/// are open. Amazon refuses these now, but the refusal proves that earlier copies had no effect
/// only once the last copy is older than any request can live, which takes half an hour.
pub(super) fn waits_for_copies(checkout: &Value) -> bool {
    let payment = &checkout["payment"];
    let is_made_new = |it: &Value| matches!(text(it, "call").as_str(), "createCharge" | "createRefund");
    let open: Vec<_> = list(payment, "operations").filter(|it| is_unfinished(it)).collect();
    checkout["cancellation"]["state"] == "CancelRequested"
        && payment["chargePermission"]["state"] == "Closed"
        && !open.is_empty()
        && open.iter().all(|it| it["state"] == "InDoubt" && is_made_new(it))
}

/// Whether every charge and refund that Amazon has made is known here.
pub(super) fn knows_all_of(checkout: &Value, events: &[Value]) -> bool {
    let charges = || list(&checkout["payment"], "charges");
    let known_charges: HashSet<String> = charges().map(|it| text(it, "chargeId")).collect();
    let refunds = charges().flat_map(|it| list(it, "refunds"));
    let known_refunds: HashSet<String> = refunds.map(|it| text(it, "refundId")).collect();
    let made = |id: &str| -> HashSet<String> {
        events.iter().map(|event| text(event, id)).filter(|id| !id.is_empty()).collect()
    };
    made("chargeId") == known_charges && made("refundId") == known_refunds
}

fn is_unfinished(operation: &Value) -> bool {
    matches!(text(operation, "state").as_str(), "Recorded" | "Sending" | "InDoubt")
}

/// Checks that a timer owns every unfinished operation.
pub(super) fn check_timers(checkout: &Value) {
    for operation in list(&checkout["payment"], "operations").filter(|it| is_unfinished(it)) {
        assert!(operation["dueAt"].is_string(), "no timer owns {operation} of {checkout}");
    }
}

/// Checks that the answer that was given to a request with this reference still agrees with the
/// only operation of this reference.
pub(super) fn check_reference(checkout: &Value, reference: &str, answer: Option<&HttpAnswer>) {
    if checkout["cancellation"]["reference"] == reference {
        return;
    }
    let of_reference: Vec<_> =
        list(&checkout["payment"], "operations").filter(|it| it["reference"] == reference).collect();
    assert!(of_reference.len() <= 1, "{reference} names several operations: {of_reference:?}");
    let Some(answer) = answer.filter(|answer| answer.status < 300) else { return };
    let operation = of_reference.first();
    let operation = operation.unwrap_or_else(|| panic!("{answer:?} is forgotten: {checkout}"));
    let is_checking = answer.text("state") == "Checking";
    assert!(is_checking || text(operation, "state") == "Done", "{answer:?} became {operation}");
    for id in ["chargeId", "refundId"] {
        let told = answer.text(id);
        assert!(told.is_empty() || told == text(operation, id), "{answer:?} became {operation}");
    }
}

/// Checks that both sides have the same money in the same places, and that Amazon's log has exactly
/// one effect for each operation that is done, and no other effects.
pub(super) fn check_agreement(amazon: Api, checkout: &Value, events: &[Value]) -> Effects {
    let payment = &checkout["payment"];
    let canceled = usize::from(checkout["cancellation"]["state"] == "Canceled");
    if payment.is_null() {
        return Effects { cancellations: canceled, ..Effects::default() };
    }
    let permission = text(&payment["chargePermission"], "chargePermissionId");
    let ledger = amazon.get(&format!("/_sandbox/ledger?chargePermissionId={permission}")).unwrap();
    assert_eq!(ledger.status, 200, "{ledger:?}");
    check_money(payment, &ledger.body);

    let done = |call: &str, id: &str| -> Vec<String> {
        let of_call = list(payment, "operations").filter(|it| it["call"] == call && it["state"] == "Done");
        of_call.map(|it| text(it, id)).collect()
    };
    let logged = |kind: &str, id: &str| -> Vec<String> {
        events.iter().filter(|event| event["type"] == kind).map(|event| text(event, id)).collect()
    };
    let first = list(payment, "charges").map(|charge| text(charge, "chargeId")).next().unwrap();
    let mut charges = done("createCharge", "chargeId");
    let (created, taken, refunds, closures) = (
        charges.len(),
        done("captureCharge", "chargeId"),
        done("createRefund", "refundId"),
        done("closeChargePermission", "chargePermissionId").len(),
    );
    // Every charge after the first is created with an immediate capture.
    let mut captured = [taken.as_slice(), &charges].concat();
    captured.extend(overtaken_captures(payment));
    if checkout["paymentDetails"]["paymentIntent"] == "AuthorizeWithCapture" {
        captured.push(first.clone());
    }
    charges.push(first);
    let effects = Effects {
        charges: created,
        captures: taken.len(),
        refunds: refunds.len(),
        cancellations: canceled,
        closures,
    };
    let with_charge = events.iter().map(|event| text(event, "chargeId")).filter(|id| !id.is_empty());
    let at_amazon: Vec<String> = with_charge.collect::<HashSet<_>>().into_iter().collect();
    for (what, here, there) in [
        ("charges", charges, at_amazon),
        ("captures", captured, logged("ChargeCaptured", "chargeId")),
        ("cancellations", done("cancelCharge", "chargeId"), logged("ChargeCanceled", "chargeId")),
        ("refunds", refunds.clone(), logged("RefundInitiated", "refundId")),
        ("refunds' ends", refunds, logged("Refunded", "refundId")),
        ("closures", vec![permission; closures], logged("ChargePermissionClosed", "chargePermissionId")),
    ] {
        let sorted = |mut ids: Vec<String>| {
            ids.sort_unstable();
            ids
        };
        assert_eq!(sorted(here), sorted(there), "{what} here and at Amazon: {checkout} {events:?}");
    }
    effects
}

/// The charges of captures that a cancellation overtook, and of which a copy arrived after the
/// look-up that showed no effect. These charges are captured nevertheless, and refunded in full.
fn overtaken_captures(payment: &Value) -> impl Iterator<Item = String> {
    let is_overtaken = |it: &&Value| it["call"] == "captureCharge" && it["code"] == "OrderCanceled";
    let is_refunded = |id: &String| {
        let charge = list(payment, "charges").find(|charge| text(charge, "chargeId") == *id).unwrap();
        let refunds = list(charge, "refunds").map(|refund| minor(&refund["refundAmount"]["amount"]));
        charge["state"] == "Captured" && minor(&charge["captureAmount"]["amount"]) == refunds.sum::<i64>()
    };
    let overtaken = list(payment, "operations").filter(is_overtaken);
    overtaken.map(|it| text(it, "chargeId")).filter(is_refunded).collect::<HashSet<_>>().into_iter()
}

/// Checks that Amazon's ledger balances, and that the merchant's balances are the same.
fn check_money(payment: &Value, ledger: &Value) {
    const PLACES: [&str; 6] = ["Available", "Held", "Captured", "Refunded", "Overcharge", "Goodwill"];
    let place = |name: &Value| PLACES.iter().position(|place| name == place).unwrap();
    let mut balances = [minor(&ledger["limit"]), 0, 0, 0, 0, 0];
    for posting in list(ledger, "postings") {
        balances[place(&posting["from"])] -= minor(&posting["amount"]);
        balances[place(&posting["to"])] += minor(&posting["amount"]);
    }
    let shown = PLACES.map(|place| minor(&ledger["balances"][place.to_ascii_lowercase()]));
    assert_eq!(shown, balances, "the balances and the sum of the postings: {ledger}");
    let [available, held, kept, refunded, overcharge, goodwill] = balances;
    assert_eq!((overcharge, goodwill), (0, 0), "nobody asks for more than was agreed: {ledger}");

    let here = ["limit", "left", "held", "captured", "refunded"]
        .map(|name| minor(&payment["balances"][name]["amount"]));
    let there = [minor(&ledger["limit"]), available, held, kept + refunded, refunded];
    assert_eq!(here, there, "the money here and at Amazon: {payment} {ledger}");
}
