//! What must be true of everything that follows a success: charges, captures, refunds,
//! cancellations. Each check compares one changed document with the truth on the other side.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::Value;

use crate::documents::{
    Balances, Cancellation, ChargePermission, Effect, InFlight, Name, Operation, OperationState, Payment,
    Request, SeenChargeState, SeenPermissionState, SeenRefundState, name,
};
use crate::invariants::{CheckResult, Invariant, broken, never};
use crate::limits::surplus;
use crate::requests::CANCEL;

/// Amazon's accounts of one permission: as a document has them, or as the sum of the log's postings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Accounts(BTreeMap<&'static str, u64>);

const ACCOUNTS: [&str; 6] = ["Available", "Held", "Captured", "Refunded", "Overcharge", "Goodwill"];

impl Accounts {
    /// The accounts in a permission's document.
    pub(crate) fn from_document(permission: &ChargePermission) -> Option<Self> {
        let Balances { available, held, captured, refunded, overcharge, goodwill } = &permission.balances;
        let given = permission.limit.0 + overcharge.0 + goodwill.0;
        let left = given.checked_sub(held.0 + captured.0 + refunded.0)?;
        let amounts = [left, held.0, captured.0, refunded.0, overcharge.0, goodwill.0];
        (left == available.0)
            .then(|| Self(ACCOUNTS.into_iter().zip(amounts).filter(|(_, amount)| *amount > 0).collect()))
    }

    /// Applies a posting of the log; `None` if it would overdraw its account.
    fn post(&mut self, from: &str, to: &str, amount: u64) -> Option<()> {
        let name = |word: &str| ACCOUNTS.into_iter().find(|known| *known == word);
        let (from, to) = (name(from)?, name(to)?);
        let source = self.0.entry(from).or_default();
        *source = if matches!(from, "Overcharge" | "Goodwill") {
            *source + amount
        } else {
            source.checked_sub(amount)?
        };
        *self.0.entry(to).or_default() += amount;
        self.0.retain(|_, amount| *amount > 0);
        Some(())
    }
}

/// Every permission's accounts, according to the log.
#[derive(Debug, Default)]
pub(crate) struct Books(HashMap<String, Accounts>);

impl Books {
    /// Applies one message of Amazon's event log.
    pub(crate) fn log(&mut self, events: &Value) -> CheckResult {
        for event in events.as_array().into_iter().flatten() {
            let id = ["refund_id", "charge_id", "charge_permission_id"]
                .into_iter()
                .find_map(|id| event[id].as_str());
            let Some(id) = id else { continue };
            let permission = permission_of(id);
            for posting in event["postings"].as_array().into_iter().flatten() {
                let (from, to) = (posting["from"].as_str(), posting["to"].as_str());
                let (Some(from), Some(to), Some(amount)) = (from, to, posting["amount"][0].as_u64()) else {
                    return broken(Invariant::Unbalanced, format!("a posting cannot be read: {posting}"));
                };
                let accounts = self.0.entry(permission.to_owned()).or_default();
                never(accounts.post(from, to, amount).is_none(), Invariant::Unbalanced, || {
                    format!("an account of {permission} is overdrawn by {posting}")
                })?;
            }
        }
        Ok(())
    }

    /// Opens the accounts of a new permission: all of the permission's limit is available. Its
    /// first postings may have been applied already.
    pub(crate) fn open(&mut self, permission: &ChargePermission) {
        self.0
            .entry(permission.id.clone())
            .or_insert_with(|| Accounts([("Available", permission.limit.0)].into_iter().collect()));
    }

    /// Checks that the document has the balances that the log's postings add up to.
    pub(crate) fn agree(&self, permission: &ChargePermission) -> CheckResult {
        let (of_document, of_log) = (Accounts::from_document(permission), self.0.get(&permission.id));
        match (of_document, of_log) {
            (Some(document), Some(log)) if document == *log => {
                let overcharge = document.0.get("Overcharge").copied().unwrap_or_default();
                let (limit, currency) = &permission.limit;
                never(overcharge > surplus(*limit, currency), Invariant::Unbalanced, || {
                    format!("{}: an overcharge of {overcharge} on {limit} {currency}", permission.id)
                })
            }
            (document, log) => {
                let shown_by =
                    format!("{}: the document has {document:?}, and the log {log:?}", permission.id);
                broken(Invariant::Unbalanced, shown_by)
            }
        }
    }
}

/// The permission's id within that of a charge or refund.
pub(crate) fn permission_of(id: &str) -> &str {
    let end = id.rfind("-C").or_else(|| id.rfind("-R")).unwrap_or(id.len());
    id.get(..end).unwrap_or(id)
}

/// Checks what changed in one step of a payment. `is_decided`: persons have decided something in it.
pub(crate) fn check_step(before: Option<&Payment>, after: Option<&Payment>, is_decided: bool) -> CheckResult {
    let Some(after) = after else {
        return match before {
            // Its session names another payment: this one was another order's.
            Some(before) if before.is_contested() => Ok(()),
            Some(_) => broken(Invariant::VerdictChanged, "a payment is gone"),
            None => Ok(()),
        };
    };
    if let Some(unowned) = after.unowned() {
        return broken(Invariant::NoTimer, format!("{unowned} has no timer"));
    }
    let Some(before) = before else { return Ok(()) };
    never(
        before.charge_permission_id != after.charge_permission_id,
        Invariant::VerdictChanged,
        || "a payment has a different permission now",
    )?;
    for was in &before.charges {
        let Some(is) = after.charge(&was.id) else {
            return broken(Invariant::VerdictChanged, format!("the charge {} is gone", was.id));
        };
        never(was.state.is_final() && was.state != is.state, Invariant::VerdictChanged, || {
            format!("the charge {} was {:?} and is now {:?}", was.id, was.state, is.state)
        })?;
    }
    for was in before.refunds() {
        let is = after.refunds().find(|is| is.id == was.id);
        let stands =
            is.is_some_and(|is| was.state == SeenRefundState::RefundInitiated || is.state == was.state);
        never(!stands, Invariant::VerdictChanged, || {
            format!("the refund {} was {:?} and is now {is:?}", was.id, was.state)
        })?;
    }
    for was in &before.operations {
        let Some(is) = after.operation(was.number) else {
            return broken(Invariant::VerdictChanged, format!("the operation {} is gone", was.number));
        };
        never(
            was.state.is_final() && was.state != is.state && !is_decided
                || was.request != is.request
                || was.name != is.name,
            Invariant::VerdictChanged,
            || format!("the operation {was:?} is now {is:?}"),
        )?;
        let sends = was.state.send().zip(is.state.send());
        never(sends.is_some_and(|(sent, send)| sent != send), Invariant::SendChanged, || {
            format!("the operation {} has a different key or different bytes now", was.number)
        })?;
    }
    Ok(())
}

/// The largest number of times that an operation may be sent while it is in doubt for this long: 30 times,
/// and once more per minute. The pauses between sends grow, so this is more than enough.
fn most_sends(lasting_ms: i64) -> i64 {
    30 + lasting_ms / 60_000
}

/// Checks what a payment claims: it must be true at Amazon at the moment when it is stored.
pub(crate) fn is_true(
    before: Option<&Payment>,
    after: &Payment,
    truth: &Truth<'_>,
    decided_at: i64,
) -> CheckResult {
    for charge in &after.charges {
        let known = before.and_then(|before| before.charge(&charge.id)).map(|known| &known.state);
        if known == Some(&charge.state) {
            continue;
        }
        let truly = truth.charge(&charge.id);
        let agrees = truly.is_some_and(|truly| match &charge.state {
            // At Amazon the charge may already be in a later state.
            SeenChargeState::Authorized | SeenChargeState::CaptureInitiated => truly.was_authorized,
            SeenChargeState::AuthorizationInitiated => true,
            end => truly.has_ended_as(end),
        });
        never(!agrees, Invariant::PaymentMisread, || {
            format!("{} is stored as {:?}, but is {truly:?}", charge.id, charge.state)
        })?;
    }
    for refund in after.refunds() {
        let truly = truth.refund(&refund.id);
        let agrees = truly.is_some_and(|truly| match refund.state {
            SeenRefundState::Declined(_) => truly.is_declined,
            SeenRefundState::Refunded => truly.is_refunded && truly.amount == refund.amount.0,
            SeenRefundState::RefundInitiated => truly.amount == refund.amount.0,
        });
        never(!agrees, Invariant::PaymentMisread, || {
            format!("{} is stored as {:?}, but is {truly:?}", refund.id, refund.state)
        })?;
    }
    for operation in &after.operations {
        if let OperationState::InFlight(InFlight::InDoubt { send_count, since, .. }) = &operation.state {
            let lasting = decided_at.saturating_sub(*since).max(0);
            never(i64::from(*send_count) > most_sends(lasting), Invariant::AskedTooOften, || {
                format!("operation {} in doubt was sent {send_count} times in {lasting} ms", operation.number)
            })?;
        }
        let is_true = match (&operation.state, &operation.request) {
            (OperationState::Done(Effect::Charge(id)), Request::CreateCharge {}) => {
                truth.charge(id).is_some()
            }
            (OperationState::Done(Effect::Charge(id)), Request::Capture { .. }) => truth
                .charge(id)
                .is_some_and(|truly| truly.is_capturing || truly.captured.is_some() || truly.is_declined),
            (OperationState::Done(Effect::Charge(id)), Request::CancelCharge { .. }) => {
                truth.charge(id).is_some_and(|truly| truly.is_canceled)
            }
            (OperationState::Done(Effect::Refund(id)), Request::Refund { amount, .. }) => {
                truth.refund(id).is_some_and(|truly| truly.amount == amount.0)
            }
            (OperationState::Done(Effect::Closed), Request::Close {}) => truth.is_closed,
            (OperationState::Done(_), _) => false,
            (_, _) => true,
        };
        never(!is_true, Invariant::PaymentMisread, || {
            format!(
                "operation {} is stored as {:?}, which is not true at Amazon",
                operation.number, operation.state
            )
        })?;
    }
    Ok(())
}

/// A charge at Amazon.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TrueCharge {
    pub(crate) was_authorized: bool,
    pub(crate) is_capturing: bool,
    pub(crate) captured: Option<u64>,
    pub(crate) is_canceled: bool,
    pub(crate) is_declined: bool,
    /// What its permission holds for it.
    pub(crate) held: u64,
}

impl TrueCharge {
    /// Whether it has ended in this state.
    fn has_ended_as(&self, seen: &SeenChargeState) -> bool {
        match seen {
            SeenChargeState::Captured(amount) => self.captured == Some(amount.0),
            SeenChargeState::Canceled(_) => self.is_canceled,
            SeenChargeState::Declined(_) => self.is_declined,
            SeenChargeState::AuthorizationInitiated
            | SeenChargeState::Authorized
            | SeenChargeState::CaptureInitiated => false,
        }
    }
}

/// A refund at Amazon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TrueRefund {
    pub(crate) amount: u64,
    pub(crate) is_refunded: bool,
    pub(crate) is_declined: bool,
}

/// The truth about one permission.
#[derive(Debug, Default)]
pub(crate) struct Truth<'a> {
    pub(crate) charges: BTreeMap<&'a str, TrueCharge>,
    pub(crate) refunds: BTreeMap<&'a str, TrueRefund>,
    pub(crate) is_closed: bool,
    pub(crate) closed_by_merchant: bool,
    pub(crate) held: u64,
}

impl Truth<'_> {
    fn charge(&self, id: &str) -> Option<&TrueCharge> {
        self.charges.get(id)
    }

    fn refund(&self, id: &str) -> Option<&TrueRefund> {
        self.refunds.get(id)
    }
}

/// Checks what Amazon did for a payment. It must have been asked for, each operation has at most
/// one effect, and no more is refunded than was captured. `elsewhere` is how often another integration has asked for
/// something under the permission.
pub(crate) fn check_effects(
    payment: Option<&Payment>,
    cancellation: Option<&Cancellation>,
    truth: &Truth<'_>,
    elsewhere: usize,
) -> CheckResult {
    let asked = |is_it: fn(&Operation) -> bool| {
        payment.iter().flat_map(|payment| &payment.operations).filter(|operation| is_it(operation)).count()
    };
    let charges = asked(|it| matches!(it.request, Request::CreateCharge {}));
    // Finalize makes the first charge, unless there was nothing to charge.
    never(truth.charges.len() > charges + 1 + elsewhere, Invariant::EffectTwice, || {
        format!(
            "there are {} charges, but only {charges} after the first were asked for",
            truth.charges.len()
        )
    })?;
    let refunds = asked(|it| matches!(it.request, Request::Refund { .. }));
    never(truth.refunds.len() > refunds + elsewhere, Invariant::EffectTwice, || {
        format!("there are {} refunds, but only {refunds} were asked for", truth.refunds.len())
    })?;
    let taken: u64 = truth.charges.values().filter_map(|charge| charge.captured).sum();
    let given: u64 =
        truth.refunds.values().filter(|refund| !refund.is_declined).map(|refund| refund.amount).sum();
    // Amazon lets others give back more than was captured, and this server cannot stop them.
    never(given > taken && elsewhere == 0, Invariant::RefundedTooMuch, || {
        format!("{given} refunded of {taken} captured")
    })?;
    let closes = asked(|it| matches!(it.request, Request::Close {}));
    let for_shop = asked(|it| matches!((&it.request, &it.name), (Request::Close {}, Name::Shop(_))));
    never(
        truth.closed_by_merchant && for_shop == 0 && cancellation.is_none(),
        Invariant::ClosedUnasked,
        || {
            format!(
                "the permission is closed; there were {closes} requests to close it, none of them the shop's"
            )
        },
    )
}

/// Checks the sends of a canceled order: a new charge in doubt is sent again only under a closed
/// permission.
pub(crate) fn check_canceled_sends(before: Option<&Payment>, after: &Payment) -> CheckResult {
    if matches!(after.permission.state, SeenPermissionState::Closed(_)) {
        return Ok(());
    }
    let copies = |operation: &Operation| match (&operation.request, &operation.state) {
        (Request::CreateCharge {}, OperationState::InFlight(InFlight::InDoubt { send_count, .. })) => {
            *send_count
        }
        _ => 0,
    };
    let earlier = |number: u32| before?.operation(number).map(copies).filter(|count| *count > 0);
    let again =
        after.operations.iter().find(|it| earlier(it.number).is_some_and(|earlier| earlier < copies(it)));
    again.map_or(Ok(()), |operation| {
        let shown_by =
            format!("operation {}, a new charge, is sent again for a canceled order", operation.number);
        broken(Invariant::ChargedWithoutOrder, shown_by)
    })
}

/// Checks that an order is canceled only if the shop asked for that.
pub(crate) fn check_cancellation(cancellation: &Cancellation) -> CheckResult {
    // An order that takes the place of another cancels it under this reference.
    if cancellation.reference == CANCEL || cancellation.reference.starts_with("superseded by ") {
        return Ok(());
    }
    broken(Invariant::CanceledUnasked, format!("canceled under {:?}", cancellation.reference))
}

/// Checks a payment at the end, when all faults are over: both ledgers agree, and every operation is decided.
pub(crate) fn check_end(payment: &Payment, truth: &Truth<'_>) -> CheckResult {
    if let Some(open) = payment.operations.iter().find(|operation| !operation.state.is_final()) {
        return broken(Invariant::NeverDecided, format!("{} is {:?}", open.request.name(), open.state));
    }
    let known: Vec<(&str, String)> =
        payment.charges.iter().map(|charge| (charge.id.as_str(), name(&charge.state))).collect();
    for charge in &payment.charges {
        let Some(truly) = truth.charge(&charge.id) else {
            return broken(
                Invariant::LedgersDiffer,
                format!("the charge {} is unknown to Amazon", charge.id),
            );
        };
        let agrees = match &charge.state {
            // The charge was made late in the forty days, and expires after them.
            SeenChargeState::Authorized => {
                truly.was_authorized && !truly.is_canceled && !truly.is_declined && truly.captured.is_none()
            }
            end => truly.has_ended_as(end),
        };
        never(!agrees, Invariant::LedgersDiffer, || {
            format!("{} is stored as {:?}, but is {truly:?}", charge.id, charge.state)
        })?;
    }
    if let Some(id) = truth.charges.keys().find(|id| payment.charge(id).is_none()) {
        return broken(Invariant::LedgersDiffer, format!("Amazon's charge {id} is not among {known:?}"));
    }
    for (id, truly) in &truth.refunds {
        let agrees =
            payment.refunds().find(|refund| refund.id == *id).is_some_and(|refund| match refund.state {
                SeenRefundState::Refunded => truly.is_refunded,
                SeenRefundState::Declined(_) => truly.is_declined,
                SeenRefundState::RefundInitiated => false,
            });
        never(!agrees, Invariant::LedgersDiffer, || {
            format!("the refund {id} is {truly:?} at Amazon, but not in the merchant half")
        })?;
    }
    Ok(())
}

/// Checks a cancellation at the end: it is done, and by the truth without what others have charged no money is held
/// or kept: what a dispute has `lost` counts as returned. Others may have refunded more than was captured, and the
/// permission is not closed over what they have charged.
pub(crate) fn check_undone(
    cancellation: &Cancellation,
    truth: &Truth<'_>,
    lost: u64,
    others_gave: bool,
    others_charged: bool,
) -> CheckResult {
    let taken: u64 = truth.charges.values().filter_map(|charge| charge.captured).sum();
    let given: u64 =
        truth.refunds.values().filter(|refund| refund.is_refunded).map(|refund| refund.amount).sum();
    let given = given + lost;
    match cancellation.done_at() {
        Some(_)
            if truth.held == 0
                && (taken == given || others_gave && taken < given)
                && (truth.is_closed || others_charged) =>
        {
            Ok(())
        }
        Some(_) => {
            let held = truth.held;
            broken(
                Invariant::NotUndone,
                format!("the order is canceled, but {held} is held, and {given} of {taken} was refunded"),
            )
        }
        // Amazon has repeatedly declined to undo the payment: that needs a person.
        None if cancellation.is_stuck() => Ok(()),
        None => broken(Invariant::NeverDecided, "a cancellation is not done"),
    }
}

/// Checks a session of a canceled order that a copy of its Finalize has completed late: by the truth about its
/// permission, the money is returned.
pub(crate) fn check_undone_late(session: &str, truth: &Truth<'_>) -> CheckResult {
    let taken: u64 = truth.charges.values().filter_map(|charge| charge.captured).sum();
    let returned: u64 =
        truth.refunds.values().filter(|refund| refund.is_refunded).map(|refund| refund.amount).sum();
    never(truth.held > 0 || taken > returned, Invariant::NotUndone, || {
        let held = truth.held;
        format!(
            "the order is canceled, but of its session {session} {held} is held, and {returned} of {taken} returned"
        )
    })
}

/// Checks a fact for the shop: what it claims must be true, and the shop must get it only once.
pub(crate) fn check_fact(
    fact: &Value,
    told: &mut std::collections::HashSet<String>,
    truth: &Truth<'_>,
) -> CheckResult {
    let text = |member: &str| fact[member].as_str().unwrap_or_default();
    let kind = text("type");
    // A deadline is announced twice, 72 and 24 hours before.
    let at = if kind == "capture.due" { text("at") } else { "" };
    let members = ["refundId", "disputeId", "chargeId", "checkoutId", "reason", "reference"].map(text);
    let about = [members.join(" ").as_str(), at].join(" ");
    let attempt = fact["attempt"].as_u64().unwrap_or_default();
    // A permission may become chargeable and non-chargeable repeatedly.
    let is_final = !kind.starts_with("chargePermission.") || kind == "chargePermission.closed";
    // What was settled may be contradicted again.
    if kind == "payment.settled" {
        told.retain(|known| {
            !known.starts_with("payment.contradicted") || !known.contains(text("checkoutId"))
        });
    } else if kind == "payment.contradicted" {
        told.retain(|known| !known.starts_with("payment.settled") || !known.contains(text("checkoutId")));
    }
    if is_final && !told.insert(format!("{kind} {about} {attempt}")) {
        return broken(Invariant::FactTwice, format!("{kind} of {about}"));
    }
    let charge = || truth.charge(text("chargeId"));
    let is_true = match kind {
        "charge.captured" => charge().is_some_and(|truly| truly.captured.is_some()),
        "charge.canceled" => charge().is_some_and(|truly| truly.is_canceled),
        "charge.declined" => charge().is_some_and(|truly| truly.is_declined),
        "charge.authorized" => charge().is_some_and(|truly| truly.was_authorized),
        "refund.refunded" => truth.refund(text("refundId")).is_some_and(|truly| truly.is_refunded),
        "refund.declined" => truth.refund(text("refundId")).is_some_and(|truly| truly.is_declined),
        "chargePermission.closed" => truth.is_closed,
        "checkout.canceled" => truth.held == 0,
        _ => true,
    };
    if is_true { Ok(()) } else { broken(Invariant::FactFalse, format!("{kind} of {about}: {truth:?}")) }
}

/// How long money is held before nothing explains it, less than 25 hours by as much as clocks may jump.
const HELD: Duration = Duration::from_secs(22 * 3_600);

/// Checks that a permission that no session of the order names is called unexplained only if its money is taken, or
/// has been held for so long that Amazon would have canceled the authorization of a session that is not finalized.
pub(crate) fn check_unexplained(fact: &Value, truth: &Truth<'_>, age: Option<Duration>) -> CheckResult {
    if fact["type"] != "payment.unexplained" || fact["reason"] != "NoSession" {
        return Ok(());
    }
    let is_taken = truth.charges.values().any(|charge| charge.captured.is_some() || charge.is_capturing);
    let is_old = age.is_some_and(|age| age >= HELD);
    never(!is_taken && !is_old, Invariant::UnexplainedWithoutNeed, || {
        format!("{} is called unexplained after {age:?}: {truth:?}", fact["chargePermissionId"])
    })
}

/// Checks that a parcel may leave only for money that is authorized or captured.
pub(crate) fn check_fulfilment(answer: &Value, truth: &Truth<'_>) -> CheckResult {
    if answer["mayShip"] != Value::Bool(true) {
        return Ok(());
    }
    if truth.charges.values().any(|charge| charge.was_authorized && !charge.is_declined) {
        return Ok(());
    }
    broken(Invariant::ShippedUnpaid, format!("the parcel may leave, but the truth is {truth:?}"))
}

#[cfg(test)]
pub(crate) mod tests;
