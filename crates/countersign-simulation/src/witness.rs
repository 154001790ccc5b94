//! The witness sees everything: each commit of either store, each Finalize that is sent, each answer at the
//! moment it is made. It checks the invariants immediately, and keeps the trace. The first broken invariant
//! ends the run.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use countersign_domain::money::{Currency, Money};
use countersign_merchant::settings::Integration;
use countersign_store::contract::{ChangeSet, NewMessage, Write};
use countersign_world::Clock as _;
use countersign_world::fake::ShiftedClock;
use http::StatusCode;
use serde_json::Value;

use crate::checkouts::{self, Audience, DurableSends, Others, SendTally, Statement};
use crate::documents::{
    AmazonCheckout, Attempt, AttemptState, Charge, ChargePermission, ChargePermissionState, Checkout,
    FinalizeKeys, HeardPermission, InFlight, KeyTrial, Notification, Operation, OperationState, Payment,
    Registration, Snapshot, name,
};
use crate::executor::Executor;
use crate::half::Half;
use crate::invariants::{BrokenInvariant, CheckResult, Invariant, broken, never};
use crate::ledger::Ledger;
use crate::payments;
use crate::persons::Books;
use crate::prices::QuotedOrder;
use crate::reading::{IdsOnGet, Reading};
use crate::trace::Trace;

/// A broken invariant, and the order that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) broken: BrokenInvariant,
    pub(crate) order: Option<usize>,
}

/// How many times each thing happened in a run.
pub(crate) type Counts = std::collections::BTreeMap<String, u64>;

pub(crate) struct Witness {
    executor: Executor,
    amazon_clock: ShiftedClock,
    facts: Mutex<Facts>,
}

#[derive(Default)]
struct Facts {
    /// The world's time.
    at: Duration,
    trace: Trace,
    violation: Option<Violation>,
    ledger: Ledger,
    /// The merchant half's checkouts by their ids.
    checkouts: HashMap<String, Arc<Checkout>>,
    /// Checkout ids by the orders' numbers.
    by_order: HashMap<usize, String>,
    order_of_session: HashMap<String, usize>,
    /// The sessions that another integration's buyers have begun.
    elsewhere: HashSet<String>,
    /// Those sessions that the other integration has finalized.
    finalized_elsewhere: HashSet<String>,
    /// The charges and refunds that another integration has made, under permissions of the shop's too, and when.
    made_elsewhere: HashMap<String, Duration>,
    /// How many charges and refunds another integration has asked for, by permission.
    asked_elsewhere: HashMap<String, usize>,
    /// The permissions under which another integration has done anything.
    touched_elsewhere: HashSet<String>,
    /// The sessions of orders of which persons may have decided wrongly.
    decided_wrongly: HashMap<usize, HashSet<String>>,
    /// Whether the merchant half knows that Amazon honours keys on Finalize.
    knows_keys: bool,
    /// The sessions that were left to a person before that was known.
    left_before_keys: HashSet<String>,
    /// The orders about whose objects Amazon has answered with another object's answer.
    contradicted: HashSet<usize>,
    /// The orders whose price the buyer's page asks for.
    priced: HashMap<usize, QuotedOrder>,
    snapshots: HashMap<String, Snapshot>,
    durable: DurableSends,
    tallies: HashMap<String, SendTally>,
    books: payments::Books,
    told: std::collections::HashSet<String>,
    /// When the shop or a buyer has last asked for something to be done about an order.
    asked_at: HashMap<usize, Duration>,
    counts: Counts,
}

/// What the counts say before each need of a person and its cause.
const NEEDS: &str = "48 hours later: needs a person:";

const DAY_MS: i64 = 86_400_000;

/// How long after the last request about an order it must be settled: Amazon takes up to 24 hours to decide.
const SETTLED_AFTER: Duration = Duration::from_secs((24 + 48) * 3_600);

/// How long after others have refunded something the merchant half must count it: it asks for the charge if it has
/// not seen it for a minute, and replicas and the network are slow.
const KNOWN_AFTER: Duration = Duration::from_secs(120);

/// What persons can bring about who decide wrongly, where Amazon shows nothing against it.
const BY_WRONG_DECISIONS: [Invariant; 6] = [
    // What is decided back is told again.
    Invariant::FactTwice,
    Invariant::PaidElsewhere,
    Invariant::UnpaidCalledPaid,
    Invariant::PaidCalledUnpaid,
    Invariant::NotOursTouched,
    Invariant::VerdictChanged,
];

/// What is not settled.
const OPEN_STANDINGS: [&str; 7] =
    ["checking", "pending", "capturing", "canceling", "contradicted", "unresolved", "restored"];

/// The simulation's number for the shop's order id.
fn order_number(order_id: &str) -> Option<usize> {
    order_id.strip_prefix("order-")?.parse().ok()
}

/// The name of the state before a change, for the trace.
fn was(name: Option<String>) -> String {
    name.unwrap_or_else(|| "none".to_owned())
}

fn read<'a, T: serde::Deserialize<'a>>(write: &'a Write) -> Option<T> {
    let content = write.content.as_ref()?;
    // Panics if this crate cannot read the form, because no check would see the document.
    Some(serde_json::from_slice(&content.bytes).unwrap_or_else(|error| {
        unreachable!("the simulation cannot read a document of {}: {error}", write.key.collection)
    }))
}

impl Facts {
    fn note(&mut self, order: Option<usize>, text: String) {
        self.trace.note(self.at, order, text);
    }

    fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    fn judge(&mut self, order: Option<usize>, held: CheckResult) {
        let was_decided = order.is_some_and(|order| self.decided_wrongly.contains_key(&order));
        if let Err(broken) = &held
            && was_decided
            && BY_WRONG_DECISIONS.contains(&broken.invariant)
        {
            return self.count(&format!("decided wrongly: {}", broken.invariant.name()));
        }
        if let Err(broken) = held
            && self.violation.is_none()
        {
            self.note(order, format!("BROKEN: {}: {}", broken.invariant, broken.shown_by));
            self.violation = Some(Violation { broken, order });
        }
    }

    fn order_of_object(&self, id: &str) -> Option<usize> {
        let session = self.ledger.session_of(id).unwrap_or(id);
        self.order_of_session.get(session).copied()
    }

    fn checkout_of(&self, order: usize) -> Option<&Arc<Checkout>> {
        self.checkouts.get(self.by_order.get(&order)?)
    }

    fn merchant_wrote(&mut self, change: &ChangeSet, write: &Write) {
        match write.key.collection {
            "checkout" => {
                let Some(after) = read::<Registration>(write) else {
                    return self.judge(None, broken(Invariant::VerdictChanged, "a checkout is deleted"));
                };
                self.checkout_wrote(change, write, after.into_checkout());
            }
            "notification" => {
                let held = self.check_notification(write);
                self.judge(None, held);
            }
            "finalize_keys" => {
                if let Some(FinalizeKeys { keys, trial }) = read(write) {
                    self.count(&format!("keys {keys}"));
                    self.knows_keys = keys == "Honoured";
                    for (session, key, body) in trial.iter().flat_map(KeyTrial::sends) {
                        self.durable.insert((session, key), body);
                    }
                }
            }
            "snapshot" => {
                if let Some(snapshot) = read::<Snapshot>(write) {
                    self.snapshots.insert(write.key.id.clone(), snapshot);
                }
            }
            _ => {}
        }
    }

    fn checkout_wrote(&mut self, change: &ChangeSet, write: &Write, after: Checkout) {
        let order = order_number(&after.order_id);
        let before = self.checkouts.get(&after.id).cloned();
        for attempt in &after.attempts {
            let earlier = before.as_ref().and_then(|before| before.attempt(attempt.number));
            if earlier.map(|earlier| &earlier.state) != Some(&attempt.state) {
                let (was, state) = (was(earlier.map(|earlier| earlier.state.name())), attempt.state.name());
                if was != state {
                    self.count(&format!("{was} → {state}"));
                    if let AttemptState::NotPaid { reason, .. } = &attempt.state {
                        self.count(&format!("NotPaid {reason}"));
                    }
                }
                self.note(
                    order,
                    format!("merchant keeps: attempt {} {:?}", attempt.number, ShortAttempt(attempt)),
                );
            }
            if let AttemptState::Unresolved { reason, .. } = &attempt.state
                && reason == "CompletedElsewhere"
                && !self.knows_keys
            {
                self.left_before_keys.insert(attempt.checkout_session_id.clone());
            }
            if let AttemptState::NotApproved { .. } = attempt.state {
                self.ledger.is_not_approved(&attempt.checkout_session_id);
            }
            if let AttemptState::Finalize(InFlight::InDoubt { sent_at, .. }) = attempt.state
                && change.at.as_millis().saturating_sub(sent_at) > DAY_MS
            {
                let money = self.ledger.money(&attempt.checkout_session_id);
                self.count(&format!("in doubt for a day, {money:?}"));
            }
            if let Some(send) = attempt.state.send() {
                let key = (attempt.checkout_session_id.clone(), send.idempotency_key.clone());
                let kept = self.durable.entry(key).or_insert_with(|| send.body.clone());
                let held = never(*kept != send.body, Invariant::SendChanged, || {
                    format!("attempt {} has different bytes under its key now", attempt.number)
                });
                self.judge(order, held);
            }
        }
        for known in &after.unexplained {
            let id = &known.charge_permission_id;
            let earlier = before.as_ref().and_then(|before| before.heard_of(id));
            let (was, is) = (was(earlier.map(|it| it.state.name())), known.state.name());
            if was != is {
                self.count(&format!("permission {is}"));
                self.note(order, format!("merchant keeps: the permission {id} is {is}"));
            }
        }
        for attempt in &after.attempts {
            let earlier = before.as_ref().and_then(|before| before.attempt(attempt.number));
            if attempt.waits_for.is_some() && earlier.is_none_or(|earlier| earlier.waits_for.is_none()) {
                self.count("waits for another order of its cart");
                self.note(order, format!("merchant waits for {:?}", attempt.waits_for));
            }
        }
        let held = checkouts::check_elsewhere(&after, &self.finalized_elsewhere);
        self.judge(order, held);
        for operation in after.payment.iter().flat_map(|payment| &payment.operations) {
            let earlier = before.as_ref().and_then(|before| before.payment.as_ref());
            let earlier = earlier.and_then(|payment| payment.operation(operation.number));
            let (was, is) = (was(earlier.map(|it| it.state.name())), operation.state.name());
            if was != is {
                let call = operation.request.name();
                self.count(&format!("{call} {was} → {is}"));
                self.note(order, format!("merchant keeps: {call} {} {is}", operation.number));
            }
        }
        let decided_at = change.at.as_millis();
        let held = checkouts::check_step(before.as_deref(), &after, write, decided_at, &self.ledger);
        self.judge(order, held);
        if after.is_completed() && !self.snapshots.contains_key(&after.id) {
            let is_due = change.write.iter().any(|write| write.key.collection == "snapshot");
            let held =
                never(!is_due, Invariant::SnapshotMissing, || "the success does not set a snapshot due");
            self.judge(order, held);
        }
        if let Some(order) = order {
            self.by_order.insert(order, after.id.clone());
        }
        self.checkouts.insert(after.id.clone(), Arc::new(after));
    }

    /// Checks what is written about a notification: it may be marked as handled only if its session
    /// has no call in flight, or if its order remembers the permission, with a timer.
    fn check_notification(&mut self, write: &Write) -> CheckResult {
        let Some(notification) = read::<Notification>(write) else { return Ok(()) };
        let Some(permission) = notification.is_over().then(|| notification.permission()).flatten() else {
            return Ok(());
        };
        self.count("notification taken in");
        let Some(session) = self.ledger.permission(&permission).map(|it| it.checkout_session_id.clone())
        else {
            return Ok(());
        };
        let order = self.order_of_session.get(&session).copied();
        let Some(checkout) = order.and_then(|order| self.checkout_of(order)) else { return Ok(()) };
        let is_remembered =
            |it: &&HeardPermission| it.charge_permission_id == permission && it.state.due_at().is_some();
        if checkout.unexplained.iter().any(|it| is_remembered(&it)) {
            return Ok(());
        }
        let is_undecided = |it: &&Attempt| it.checkout_session_id == session && it.state.send().is_some();
        let undecided = checkout.attempts.iter().find(is_undecided);
        undecided.map_or(Ok(()), |attempt| {
            let shown_by = format!(
                "a notification of {permission} is done while the attempt is {}",
                attempt.state.name()
            );
            broken(Invariant::NotificationForgotten, shown_by)
        })
    }

    fn amazon_wrote(&mut self, write: &Write) {
        match write.key.collection {
            "checkout_session" => match read::<AmazonCheckout>(write) {
                Some(AmazonCheckout { session }) => {
                    let order = self.order_of_session.get(&session.id).copied();
                    let was = self.ledger.session(&session.id).map(|session| &session.state);
                    if was != Some(&session.state) {
                        if order.is_some() {
                            let text =
                                format!("Amazon keeps: session {} {:?}", &session.id[..8], session.state);
                            self.note(order, text);
                        }
                        self.count(&format!("session {}", name(&session.state)));
                    }
                    self.ledger.put_session(session);
                }
                None => self.ledger.delete_session(&write.key.id),
            },
            "charge_permission" => {
                if let Some(permission) = read::<ChargePermission>(write) {
                    if let ChargePermissionState::Closed { reason } = &permission.state {
                        self.count(&format!("permission {reason}"));
                    }
                    self.books.open(&permission);
                    self.ledger.put_permission(permission);
                }
            }
            "charge" => {
                if let Some(charge) = read::<Charge>(write) {
                    self.count(&format!("charge {}", name(&charge.state)));
                    for refund in &charge.refunds {
                        self.count(&format!("refund {}", name(&refund.state)));
                    }
                    let order = self.order_of_object(&charge.id);
                    let (state, refunds) = (&charge.state, &charge.refunds);
                    self.note(order, format!("Amazon keeps: charge {state:?} {refunds:?}"));
                    self.ledger.put_charge(charge);
                }
            }
            _ => {}
        }
    }

    /// Checks that Amazon's accounts agree with its log, and that everything that Amazon did was
    /// asked for.
    fn accounts_moved(&mut self, change: &ChangeSet) {
        for write in change.write.iter().filter(|write| write.key.collection == "charge_permission") {
            let Some(permission) = self.ledger.permission(&write.key.id) else { continue };
            if self.is_elsewhere(&permission.checkout_session_id) {
                let held = self.books.agree(permission);
                self.judge(None, held);
                continue;
            }
            let order = self.order_of_session.get(&permission.checkout_session_id).copied();
            let held = self.books.agree(permission).and_then(|()| {
                let checkout = order.and_then(|order| self.checkout_of(order));
                let is_ours = |payment: &&Payment| payment.charge_permission_id == write.key.id;
                let payment = checkout.and_then(|checkout| checkout.payment.as_ref()).filter(is_ours);
                let cancellation = checkout.and_then(|checkout| checkout.cancellation.as_ref());
                let elsewhere = self.asked_elsewhere.get(&write.key.id).copied().unwrap_or_default();
                payments::check_effects(payment, cancellation, &self.ledger.truth(&write.key.id), elsewhere)
            });
            self.judge(order, held);
        }
    }

    /// Notes a stored fact for the shop, and checks it.
    fn fact_kept(&mut self, message: &NewMessage) {
        let Ok(fact) = serde_json::from_slice::<Value>(&message.bytes) else { return };
        let order = fact["orderId"].as_str().and_then(order_number);
        let kind = fact["type"].as_str().unwrap_or_default().to_owned();
        self.count(&format!("fact {kind}"));
        let permission = fact["chargePermissionId"].as_str().map(str::to_owned).or_else(|| {
            let payment = self.checkout_of(order?)?.payment.as_ref()?;
            Some(payment.charge_permission_id.clone())
        });
        let truth = permission.as_deref().map(|id| match kind.as_str() {
            // What others have made under the permission is left to them.
            "checkout.canceled" => self.ledger.truth_without(id, &self.made_elsewhere),
            _ => self.ledger.truth(id),
        });
        let truth = truth.unwrap_or_default();
        let age = permission.as_deref().and_then(|id| self.ledger.age(id));
        let held = payments::check_fact(&fact, &mut self.told, &truth)
            .and_then(|()| payments::check_unexplained(&fact, &truth, age));
        self.note(order, format!("merchant notifies the shop: {fact}"));
        self.judge(order, held);
    }

    /// Whether the shop has asked for this charge or refund, or Finalize has made it.
    fn is_known_to_the_shop(&self, id: &str) -> bool {
        let payment = self.checkouts.values().filter_map(|checkout| checkout.payment.as_ref());
        let permission = payments::permission_of(id);
        let mut ours = payment.filter(|payment| payment.charge_permission_id == permission);
        let of_finalize = |charge: &str| {
            let session = self.ledger.session_of(charge);
            session
                .and_then(|session| self.ledger.ids(session))
                .is_some_and(|(_, first)| first.as_deref() == Some(charge))
        };
        of_finalize(id)
            || ours.any(|payment| {
                payment.charge(id).is_some() || payment.refunds().any(|refund| refund.id == id)
            })
    }

    /// Why only a person can help with an order, by the truth: one of the causes that are allowed.
    fn cause(&self, order: usize, need: &str, reading: &Reading) -> Option<&'static str> {
        let checkout = self.checkout_of(order)?;
        let sessions = || checkout.attempts.iter().map(|attempt| attempt.checkout_session_id.as_str());
        let is_theirs = |session: &str| {
            self.finalized_elsewhere.contains(session) || self.ledger.may_be_anothers(session)
        };
        let permissions = checkout.unexplained.iter().map(|it| &it.charge_permission_id);
        let mut permissions =
            permissions.chain(checkout.payment.iter().map(|payment| &payment.charge_permission_id));
        let is_touched = |permission: &String| {
            self.touched_elsewhere.contains(permission)
                || self.ledger.session_of(permission).is_some_and(&is_theirs)
        };
        let is_refused = |operation: &Operation| matches!(operation.state, OperationState::Refused { .. });
        let is_gone = |session: &str| self.ledger.session(session).is_none();
        let proves_nothing =
            |session: &str| self.tallies.get(session).is_some_and(SendTally::was_unanswered_after_a_refusal);
        let keys_were_unknown =
            |session: &str| self.left_before_keys.contains(session) && proves_nothing(session);
        if sessions().any(is_theirs) || permissions.any(is_touched) {
            return Some("another integration has touched the order");
        }
        if self.contradicted.contains(&order) {
            return Some("Amazon has contradicted itself");
        }
        match need {
            "snapshotMissed" => return Some("Amazon's object is gone"),
            "cancellationStuck" => {
                let mut operations = checkout.payment.iter().flat_map(|payment| &payment.operations);
                return operations.any(is_refused).then_some("Amazon refuses to undo the payment");
            }
            _ => {}
        }
        if sessions().any(is_gone) {
            return Some("Amazon's object is gone");
        }
        if sessions().any(keys_were_unknown) && reading.flags.honour_key_on_finalize {
            return Some("keys were not known, and a refusal came before the send that is unanswered");
        }
        if sessions().any(proves_nothing) && !reading.flags.honour_key_on_finalize {
            return Some("keys are not honoured, and a refusal came before the send that is unanswered");
        }
        (reading.ids_on_get == IdsOnGet::Never).then_some("Amazon never shows a session's ids")
    }

    /// Whether a session belongs to another integration: its buyer has begun it there, and no order of the shop
    /// has bound it.
    fn is_elsewhere(&self, session: &str) -> bool {
        let is_bound = |checkout: &Arc<Checkout>| {
            let mut attempts = checkout.attempts.iter();
            attempts.any(|attempt| attempt.checkout_session_id == session && attempt.state.is_live())
        };
        self.elsewhere.contains(session)
            && (self.finalized_elsewhere.contains(session) || !self.checkouts.values().any(is_bound))
    }

    fn money_moved(&mut self, change: &ChangeSet) {
        for write in &change.write {
            let session = match write.key.collection {
                "checkout_session" => write.key.id.clone(),
                "charge_permission" | "charge" => match self.ledger.session_of(&write.key.id) {
                    Some(session) => session.to_owned(),
                    None => continue,
                },
                _ => continue,
            };
            if self.is_elsewhere(&session) {
                continue;
            }
            let checkouts = || self.checkouts.values().map(Arc::as_ref);
            let held = checkouts::check_payment(&session, &self.ledger, checkouts())
                .and_then(|()| checkouts::check_cart(&session, &self.ledger, checkouts));
            if held.is_err() {
                let order = self.order_of_session.get(&session).copied();
                self.judge(order, held);
            }
        }
    }
}

/// An attempt as the trace shows it.
struct ShortAttempt<'a>(&'a Attempt);

impl std::fmt::Debug for ShortAttempt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.state.name())?;
        match &self.0.state {
            AttemptState::Finalize(InFlight::InDoubt { send, send_count, stored_error, .. }) => {
                let replayed = stored_error.as_ref().map_or(0, |stored| stored.replay_count);
                write!(f, " (key {}, sent {send_count} times, {replayed} stored errors)", send.n)
            }
            AttemptState::Finalize(InFlight::Sent { send, .. }) => write!(f, " (key {})", send.n),
            AttemptState::NotPaid { reason, .. } => write!(f, " {reason}"),
            AttemptState::Unresolved { reason, .. } => write!(f, " {reason}"),
            AttemptState::Surplus { of } => write!(f, " of {of}"),
            _ => Ok(()),
        }
    }
}

impl Witness {
    pub(crate) fn new(executor: &Executor, amazon_clock: &ShiftedClock) -> Self {
        Self { executor: executor.clone(), amazon_clock: amazon_clock.clone(), facts: Mutex::default() }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.at = self.executor.now();
        let at = facts.at;
        facts.ledger.shows(self.amazon_clock.now().as_millis(), at);
        facts
    }

    pub(crate) fn note(&self, order: Option<usize>, text: String) {
        self.facts().note(order, text);
    }

    /// A line about one of Amazon's objects.
    pub(crate) fn note_of_object(&self, id: &str, text: impl FnOnce() -> String) {
        let mut facts = self.facts();
        let order = facts.order_of_object(id);
        facts.note(order, text());
    }

    pub(crate) fn count(&self, what: &str) {
        self.facts().count(what);
    }

    /// Notes that a session was made for an order.
    pub(crate) fn session_began(&self, session: &str, order: usize, card: &str) {
        self.note(Some(order), format!("a buyer with the card {card} begins the session {}", &session[..8]));
        self.facts().order_of_session.insert(session.to_owned(), order);
    }

    /// Notes that a buyer of another integration has begun a session there.
    pub(crate) fn session_began_elsewhere(&self, session: &str) {
        self.note(None, format!("a buyer elsewhere begins the session {}", &session[..8]));
        self.facts().elsewhere.insert(session.to_owned());
    }

    /// Notes that another integration is about to finalize a session.
    pub(crate) fn finalizes_elsewhere(&self, session: &str) {
        self.facts().ledger.finalizes_elsewhere(session);
    }

    /// Notes that Amazon has refused a session to another integration.
    pub(crate) fn refused_elsewhere(&self, session: &str) {
        let mut facts = self.facts();
        if !facts.finalized_elsewhere.contains(session) {
            facts.ledger.is_refused_elsewhere(session);
        }
    }

    /// Notes that another integration has finalized a session: it ships for this payment.
    pub(crate) fn finalized_elsewhere(&self, session: &str) {
        let mut facts = self.facts();
        facts.note(None, format!("the session {} is finalized elsewhere", &session[..8]));
        facts.finalized_elsewhere.insert(session.to_owned());
        let checkouts: Vec<_> = facts.checkouts.values().cloned().collect();
        for checkout in checkouts {
            let held = checkouts::check_elsewhere(&checkout, &facts.finalized_elsewhere);
            facts.judge(order_number(&checkout.order_id), held);
        }
    }

    /// Notes that another integration asks for a charge or a refund.
    pub(crate) fn acts_elsewhere(&self, path: &str, body: &[u8]) {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let named = ["chargePermissionId", "chargeId"].into_iter().filter_map(|id| body[id].as_str());
        let touched = path.split('/').chain(named).map(|id| payments::permission_of(id).to_owned());
        self.facts().touched_elsewhere.extend(touched);
        let about = ["chargePermissionId", "chargeId"].into_iter().find_map(|id| body[id].as_str());
        if let Some(about) = about {
            let permission = payments::permission_of(about).to_owned();
            *self.facts().asked_elsewhere.entry(permission).or_default() += 1;
        }
    }

    /// Notes that Amazon has answered about one of its objects with another one.
    pub(crate) fn is_contradicted(&self, id: &str) {
        let mut facts = self.facts();
        let order = facts.order_of_object(id);
        facts.contradicted.extend(order);
    }

    /// Notes what another integration has made.
    pub(crate) fn made_elsewhere(&self, answer: &[u8]) {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let is_new = answer["statusDetails"]["state"].as_str().is_some();
        let made = ["refundId", "chargeId"].into_iter().find_map(|id| answer[id].as_str());
        let mut facts = self.facts();
        // A capture or a cancellation answers with a charge that exists already.
        if let Some(made) = made.filter(|made| is_new && !facts.is_known_to_the_shop(made)) {
            let at = facts.at;
            facts.made_elsewhere.insert(made.to_owned(), at);
        }
    }

    /// Checks a call of the merchant half's that changes a payment.
    pub(crate) fn touches(&self, what: &str, id: &str) {
        let mut facts = self.facts();
        let session = facts.ledger.session_of(id).map(str::to_owned);
        let is_theirs = facts.made_elsewhere.contains_key(id)
            || session.is_some_and(|session| facts.finalized_elsewhere.contains(&session));
        let held = never(is_theirs, Invariant::NotOursTouched, || {
            format!("{what} of {id}, which another integration has made")
        });
        let of_order = |checkout: &&Arc<Checkout>| {
            let permission = payments::permission_of(id);
            checkout.payment.as_ref().is_some_and(|payment| payment.charge_permission_id == permission)
        };
        let order = facts.checkouts.values().find(of_order);
        let order = order.and_then(|checkout| order_number(&checkout.order_id));
        facts.judge(order, held);
    }

    /// Checks a refund that the merchant half sends: with what others have refunded of the charge a while ago, it
    /// returns no more than was captured.
    pub(crate) fn refunds(&self, charge_id: &str, body: &[u8]) {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut facts = self.facts();
        let Some((captured, currency)) = facts.ledger.captured(charge_id).cloned() else { return };
        let asked = body["refundAmount"]["amount"].as_str().zip(Currency::parse(&currency));
        let asked =
            asked.and_then(|(text, currency)| Money::parse(text, currency).ok()).map_or(0, Money::minor);
        let is_old = |id: &str| {
            let made_at = facts.made_elsewhere.get(id);
            made_at.is_some_and(|made_at| facts.at.saturating_sub(*made_at) > KNOWN_AFTER)
        };
        let given = facts.ledger.refunded(charge_id, is_old);
        let held = never(given > 0 && asked + given > captured, Invariant::RefundedTooMuch, || {
            format!("{asked} of {captured} is about to be refunded, and others have refunded {given} before")
        });
        let order = facts.order_of_object(charge_id);
        facts.judge(order, held);
    }

    /// A payment of the shop's: its permission and its first charge.
    pub(crate) fn any_payment(&self, draw: u64) -> Option<(String, Option<String>)> {
        let facts = self.facts();
        let mut payments: Vec<_> =
            facts.checkouts.values().filter_map(|checkout| checkout.payment.as_ref()).collect();
        payments.sort_unstable_by_key(|payment| payment.charge_permission_id.clone());
        let at = usize::try_from(draw.checked_rem(u64::try_from(payments.len()).ok()?)?).ok()?;
        let payment = payments.get(at)?;
        Some((payment.charge_permission_id.clone(), payment.charges.first().map(|charge| charge.id.clone())))
    }

    /// Notes that the buyer's page asks what this order costs.
    pub(crate) fn is_priced(&self, order: usize, priced: QuotedOrder) {
        self.facts().priced.insert(order, priced);
    }

    /// How long ago one of Amazon's objects changed.
    pub(crate) fn age(&self, id: &str) -> Option<Duration> {
        let changed_at = self.facts().ledger.changed_at(id)?;
        Some(self.executor.now().saturating_sub(changed_at))
    }

    /// Whether this is a Completed session, or an object that came from one.
    pub(crate) fn is_finalized(&self, id: &str) -> bool {
        let facts = self.facts();
        facts.ledger.session_of(id).is_some() || facts.ledger.ids(id).is_some()
    }

    /// Notes a committed change set, and checks it.
    pub(crate) fn committed(&self, half: Half, change: &ChangeSet) {
        let mut facts = self.facts();
        match half {
            Half::Merchant => {
                for write in &change.write {
                    facts.merchant_wrote(change, write);
                }
                for message in change.append.iter().filter(|message| message.topic == "fact") {
                    facts.fact_kept(message);
                }
            }
            Half::Amazon => {
                facts.ledger.decided(change.at.as_millis());
                for write in &change.write {
                    facts.amazon_wrote(write);
                }
                for message in change.append.iter().filter(|message| message.topic == "event") {
                    let events: Value = serde_json::from_slice(&message.bytes).unwrap_or_default();
                    let held = facts.books.log(&events);
                    let order = facts.order_of_session.get(&message.subject).copied();
                    facts.judge(order, held);
                }
                facts.accounts_moved(change);
                facts.money_moved(change);
            }
        }
    }

    /// Notes that a notification was delivered, or that the merchant half was not running.
    pub(crate) fn notified(&self, status: &str) {
        self.facts().count(&format!("notified {status}"));
    }

    /// Checks the merchant half's answer to a forged notification.
    pub(crate) fn answered_forgery(&self, status: StatusCode) {
        let mut facts = self.facts();
        facts.count(&format!("forged {}", status.as_str()));
        if status.is_success() {
            let held = broken(Invariant::ForgeryBelieved, format!("answered {status}"));
            facts.judge(None, held);
        }
    }

    /// Checks a Finalize that the merchant half sends.
    pub(crate) fn sends(&self, session: &str, key: &str, body: &Bytes) {
        let mut facts = self.facts();
        let order = facts.order_of_session.get(session).copied();
        facts.count("Finalize");
        facts.note(order, format!("merchant sends Finalize under {}", &key[..key.len().min(6)]));
        let held = checkouts::check_leaving(session, key, body, &facts.durable);
        facts.judge(order, held);
        if let Some(priced) = order.and_then(|order| facts.priced.get(&order)).copied() {
            facts.count("Finalize of a quote");
            facts.judge(order, priced.check_leaving(body));
        }
    }

    /// Whether Amazon has refused each Finalize that left the merchant half for a session, and there was one.
    pub(crate) fn was_refused(&self, session: &str) -> bool {
        self.facts().tallies.get(session).is_some_and(SendTally::was_only_refused)
    }

    /// Notes that another client of the account finalizes a session.
    pub(crate) fn other_client_tries(&self, session: &str) {
        let mut facts = self.facts();
        let order = facts.order_of_session.get(session).copied();
        facts.note(order, "another client finalizes the session".to_owned());
        facts.ledger.finalizes_elsewhere(session);
    }

    /// Notes whether the other client has completed the session.
    pub(crate) fn other_client_was_answered(&self, session: &str, is_completed: bool) {
        let mut facts = self.facts();
        facts.count(if is_completed { "completed elsewhere" } else { "refused elsewhere" });
        if is_completed {
            facts.ledger.is_completed_elsewhere(session);
        }
    }

    /// Notes that a Finalize has left the merchant half.
    pub(crate) fn has_left(&self, session: &str, key: &str) {
        self.facts().tallies.entry(session.to_owned()).or_default().left(key);
    }

    /// Notes that the merchant half got Amazon's own answer that a Finalize had no effect.
    pub(crate) fn had_no_effect(&self, session: &str, is_refusal: bool) {
        let mut facts = self.facts();
        facts.tallies.entry(session.to_owned()).or_default().had_no_effect(is_refusal);
    }

    /// Checks the merchant half's answer on whether a parcel may leave.
    pub(crate) fn fulfilment_said(&self, order: usize, answer: &Value) {
        let mut facts = self.facts();
        let reason = answer["reason"].as_str().unwrap_or_default();
        facts.count(&format!("may ship {}: {reason}", answer["mayShip"]));
        let Some(checkout) = facts.checkout_of(order).cloned() else { return };
        let truth = match &checkout.payment {
            Some(payment) => facts.ledger.truth(&payment.charge_permission_id),
            None => payments::Truth::default(),
        };
        let held = payments::check_fulfilment(answer, &truth);
        facts.judge(Some(order), held);
    }

    /// Checks the merchant half's answer to one of the shop's operations after a success.
    pub(crate) fn operation_said(&self, order: usize, what: &str, status: u16, answer: &Value) {
        let mut facts = self.facts();
        let word = answer["state"].as_str().or(answer["error"]["code"].as_str()).unwrap_or_default();
        facts.count(&format!("{what} {status}"));
        facts.note(Some(order), format!("merchant says {status} {word} to {what}"));
    }

    /// The order's checkout as it is stored now.
    pub(crate) fn checkout(&self, order: usize) -> Option<Arc<Checkout>> {
        self.facts().checkout_of(order).cloned()
    }

    /// Checks the merchant half's answer to a completion.
    pub(crate) fn completion_said(
        &self,
        order: usize,
        session: &str,
        before: Option<&Arc<Checkout>>,
        answer: &Value,
        audience: Audience,
    ) {
        let said = Statement { audience, ..said(answer, "outcome") };
        let mut facts = self.facts();
        facts.count(&format!("said {}", said.word));
        facts.note(Some(order), format!("merchant says {} about the session {}", said.word, &session[..8]));
        let Some(after) = facts.checkout_of(order).cloned() else { return };
        let held = checkouts::check_completion(&said, session, before.map(Arc::as_ref), &after);
        facts.judge(Some(order), held);
    }

    /// Checks a checkout that the merchant half showed, as JSON or by the class of a page's
    /// verdict.
    pub(crate) fn checkout_said(&self, order: usize, before: Option<&Arc<Checkout>>, answer: &Value) {
        let said = said(answer, "state");
        let mut facts = self.facts();
        facts.count(&format!("shown {}", said.word));
        facts.note(Some(order), format!("merchant shows {}", said.word));
        let Some(after) = facts.checkout_of(order).cloned() else { return };
        let held = checkouts::check_shown_checkout(&said, before.map(Arc::as_ref), &after);
        facts.judge(Some(order), held);
    }

    /// Notes that something is asked for about an order.
    pub(crate) fn is_asked_about(&self, order: usize) {
        let mut facts = self.facts();
        let at = facts.at;
        facts.asked_at.insert(order, at);
    }

    /// Checks what the merchant half says of an order 48 hours after the last deadline that Amazon's own rules leave
    /// open: it is settled, or needs a person, for a cause that is allowed. An order that waits for another of its
    /// cart waits for that one.
    pub(crate) fn settled(&self, order: usize, answer: &Value, reading: &Reading) {
        let mut facts = self.facts();
        let standing = answer["standing"].as_str().unwrap_or_default();
        let needs: Vec<&str> =
            answer["needsPerson"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for need in &needs {
            let cause = facts.cause(order, need, reading);
            facts.count(&format!("{NEEDS} {need}: {}", cause.unwrap_or("no cause")));
            let held = never(cause.is_none(), Invariant::NotSettled, || {
                format!("it is {standing} and needs a person ({need}), for no cause that is allowed")
            });
            facts.judge(Some(order), held);
        }
        let needs_person = !needs.is_empty();
        let waits = answer["reason"] == "PaidUnderAnotherOrder";
        let is_open = OPEN_STANDINGS.contains(&standing);
        let asked_at = facts.asked_at.get(&order);
        let is_fresh = asked_at.is_some_and(|at| facts.at.saturating_sub(*at) < SETTLED_AFTER);
        let word = match (needs_person, is_open, waits) {
            (true, _, _) => "needs a person",
            (false, false, _) => "settled",
            (false, true, true) => "waits for another order",
            (false, true, false) if is_fresh => "asked for a short while ago",
            (false, true, false) => "open",
        };
        facts.count(&format!("48 hours later: {word}"));
        facts.note(Some(order), format!("48 hours later: {standing}, {word}"));
        let held =
            never(word == "open", Invariant::NotSettled, || format!("it is {standing}, and needs nobody"));
        facts.judge(Some(order), held);
    }

    /// Checks what the merchant half says of an order after persons have decided daily what needed them: nothing is
    /// open, and nothing needs them.
    pub(crate) fn settled_by_persons(&self, order: usize, answer: &Value) {
        let mut facts = self.facts();
        let standing = answer["standing"].as_str().unwrap_or_default();
        let needs = answer["needsPerson"].as_array().cloned().unwrap_or_default();
        let waits = answer["reason"] == "PaidUnderAnotherOrder";
        let is_open = OPEN_STANDINGS.contains(&standing) && !waits;
        facts.count(&format!("with persons: {}", if is_open { "open" } else { "settled" }));
        let held = never(is_open || !needs.is_empty(), Invariant::NotSettled, || {
            format!("persons have decided for weeks; it is {standing} and needs {needs:?}")
        });
        facts.judge(Some(order), held);
    }

    /// What Amazon's books show of a session.
    pub(crate) fn books(&self, session: &str) -> Books {
        let facts = self.facts();
        let is_theirs = facts.finalized_elsewhere.contains(session) || facts.ledger.may_be_anothers(session);
        Books { is_theirs, money: facts.ledger.money(session), ids: facts.ledger.ids(session) }
    }

    /// The session that a permission came from.
    pub(crate) fn session_of(&self, permission: &str) -> Option<String> {
        self.facts().ledger.session_of(permission).map(str::to_owned)
    }

    /// Whether a session was begun for this order.
    pub(crate) fn is_session_of(&self, session: &str, order: usize) -> bool {
        self.facts().order_of_session.get(session) == Some(&order)
    }

    /// What is kept of a charge's captured money, if it is captured.
    pub(crate) fn kept(&self, charge: &str) -> Option<(u64, String)> {
        let facts = self.facts();
        let (captured, currency) = facts.ledger.captured(charge)?;
        let kept = captured.saturating_sub(facts.ledger.refunded(charge, |_| true));
        (kept > 0).then(|| (kept, currency.clone()))
    }

    /// Notes that persons may be about to decide wrongly of an order's session.
    pub(crate) fn may_be_decided_wrongly(&self, order: usize, session: &str) {
        self.facts().decided_wrongly.entry(order).or_default().insert(session.to_owned());
    }

    /// Notes that persons have decided rightly of a session, or not at all.
    pub(crate) fn is_decided_rightly(&self, order: usize, session: &str) {
        let mut facts = self.facts();
        if let Some(sessions) = facts.decided_wrongly.get_mut(&order) {
            sessions.remove(session);
        }
    }

    /// Whether persons may have decided wrongly of an order, and nobody has corrected it.
    pub(crate) fn was_decided_wrongly(&self, order: usize) -> bool {
        self.facts().decided_wrongly.get(&order).is_some_and(|sessions| !sessions.is_empty())
    }

    /// Checks everything at the end, when all faults are over and 40 days have passed.
    pub(crate) fn ends(&self, ids_on_get: IdsOnGet, integration: Integration) {
        let mut facts = self.facts();
        let mut orders: Vec<usize> = facts.by_order.keys().copied().collect();
        orders.sort_unstable();
        for order in orders {
            let Some(checkout) = facts.checkout_of(order).cloned() else { continue };
            let may_be_paid = |id: &str| {
                let other = facts.checkouts.get(id);
                other.is_some_and(|other| {
                    other.is_unexplained() || (other.live().next().is_some() && !other.is_canceled())
                })
            };
            let has_session = |session: &str| {
                let is_it =
                    |attempt: &Attempt| attempt.checkout_session_id == session && attempt.state.is_live();
                let mut others = facts.checkouts.values().filter(|other| other.id != checkout.id);
                others.any(|other| other.attempts.iter().any(is_it))
            };
            let is_elsewhere = |session: &str| facts.finalized_elsewhere.contains(session);
            let is_own = |session: &str| facts.order_of_session.get(session) == Some(&order);
            let may_have_paid = |session: &str| {
                integration == Integration::OneOfSeveral
                    && (facts.ledger.is_anothers(session)
                        || facts.tallies.get(session).is_none_or(SendTally::proves_nothing))
            };
            let others = Others {
                may_be_paid: &may_be_paid,
                has_session: &has_session,
                is_own: &is_own,
                may_have_paid: &may_have_paid,
                is_elsewhere: &is_elsewhere,
            };
            let held = checkouts::check_end(&checkout, &facts.ledger, ids_on_get, others);
            facts.judge(Some(order), held);
            if let Some(payment) = &checkout.payment {
                let mut truth = facts.ledger.truth(&payment.charge_permission_id);
                // What others have made under the permission need not be known here.
                let counts = |id: &str, is_known: bool| is_known || !facts.made_elsewhere.contains_key(id);
                truth.charges.retain(|id, _| counts(id, payment.charge(id).is_some()));
                truth.refunds.retain(|id, _| counts(id, payment.refunds().any(|it| it.id == *id)));
                let held = payments::check_end(payment, &truth).and_then(|()| {
                    let Some(cancellation) = &checkout.cancellation else { return Ok(()) };
                    // What others have charged is left to them; what they have refunded counts.
                    let id = &payment.charge_permission_id;
                    let undone = facts.ledger.truth_without(id, &facts.made_elsewhere);
                    let gave = |id: &&&str| facts.made_elsewhere.contains_key(**id);
                    let others_gave = undone.refunds.keys().any(|id| gave(&id));
                    let others_charged = undone.charges.len() < facts.ledger.truth(id).charges.len();
                    payments::check_undone(cancellation, &undone, others_gave, others_charged)
                });
                facts.judge(Some(order), held);
            }
            let snapshot = facts.snapshots.get(&checkout.id);
            let is_missing = checkout.is_completed() && snapshot != Some(&Snapshot::Taken {});
            let held =
                never(is_missing, Invariant::SnapshotMissing, || format!("the snapshot is {snapshot:?}"));
            facts.judge(Some(order), held);
        }
    }

    /// Checks that a half has no work left at the end.
    pub(crate) fn is_left(&self, half: Half, work: &[String]) {
        let held = never(!work.is_empty(), Invariant::WorkLeft, || format!("{half}: {work:?}"));
        self.facts().judge(None, held);
    }

    /// Records that the run did not finish.
    pub(crate) fn does_not_end(&self, why: String) {
        self.facts().judge(None, broken(Invariant::NoEnd, why));
    }

    pub(crate) fn has_seen_enough(&self) -> bool {
        self.facts().violation.is_some()
    }

    pub(crate) fn violation(&self) -> Option<(Violation, String)> {
        let facts = self.facts();
        let violation = facts.violation.clone()?;
        let trace = facts.trace.excerpt(violation.order);
        Some((violation, trace))
    }

    pub(crate) fn trace(&self) -> String {
        self.facts().trace.excerpt(None)
    }

    pub(crate) fn trace_hash(&self) -> u64 {
        self.facts().trace.hash()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.facts().counts.clone()
    }
}

fn said(answer: &Value, word: &str) -> Statement {
    let text = |member: &str| answer[member].as_str().map(str::to_owned);
    Statement {
        word: text(word).unwrap_or_default(),
        charge_permission_id: text("chargePermissionId"),
        charge_id: text("chargeId"),
        audience: Audience::Shop,
    }
}

#[cfg(test)]
pub(crate) mod tests;
