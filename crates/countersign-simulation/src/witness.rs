//! The witness sees everything: each commit of either store, each Finalize that is sent, each answer at the
//! moment it is made. It checks the invariants immediately, and keeps the trace. The first broken invariant
//! ends the run.

mod disputes;
mod elsewhere;
mod operations;
mod settling;
mod shipping;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use countersign_merchant::settings::Integration;
use countersign_store::contract::{ChangeSet, NewMessage, Write};
use countersign_world::Clock as _;
use countersign_world::fake::ShiftedClock;
use http::StatusCode;
use serde_json::Value;

use crate::checkouts::{self, Audience, DurableSends, Others, SendTally, Statement};
use crate::documents::{
    AmazonCheckout, Attempt, AttemptState, Charge, ChargePermission, ChargePermissionState, Checkout,
    FinalizeKeys, HeardPermission, InFlight, KeyTrial, Notification, Payment, Registration, Snapshot, name,
};
use crate::executor::Executor;
use crate::half::Half;
use crate::invariants::{BrokenInvariant, CheckResult, Invariant, broken, never};
use crate::ledger::Ledger;
use crate::payments::{self, Books};
use crate::prices::QuotedOrder;
use crate::reading::IdsOnGet;
use crate::seller_central::TrueDispute;
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
    /// The sessions for which the other integration has shipped, and those for which an order of the shop may ship.
    shipped_elsewhere: HashSet<String>,
    shipped_here: HashMap<String, usize>,
    /// The charges and refunds that another integration has made, under permissions of the shop's too, and when.
    made_elsewhere: HashMap<String, Duration>,
    /// How many charges and refunds another integration has asked for, by permission.
    asked_elsewhere: HashMap<String, usize>,
    /// The permissions under which another integration has done anything.
    touched_elsewhere: HashSet<String>,
    /// The permissions that persons have closed in Seller Central.
    closed_by_persons: HashSet<String>,
    /// The sessions of orders of which persons may have decided wrongly, and their operations and disputes: these have
    /// a space in their names.
    decided_wrongly: HashMap<usize, HashSet<String>>,
    /// The disputes of buyers, and since when the merchant half knows each.
    disputes: HashMap<String, TrueDispute>,
    dispute_known_at: HashMap<String, Duration>,
    /// The keys under which refunds were sent.
    refund_keys: HashSet<String>,
    /// The keys of each checkout's operations, and what was made under them.
    operation_keys: HashMap<(String, u32), HashSet<String>>,
    made_under_keys: HashMap<String, String>,
    /// Since when the merchant half knows that Amazon honours keys on Finalize.
    keys_known_at: Option<Duration>,
    /// The orders about whose objects Amazon has answered with another object's answer.
    contradicted: HashSet<usize>,
    /// The orders whose price the buyer's page asks for.
    priced: HashMap<usize, QuotedOrder>,
    snapshots: HashMap<String, Snapshot>,
    durable: DurableSends,
    tallies: HashMap<String, SendTally>,
    books: Books,
    told: std::collections::HashSet<String>,
    /// By how many milliseconds the merchant half's clock is off.
    merchant_clock_off_by: i64,
    /// When the shop or a buyer has last asked for something to be done about an order.
    asked_at: HashMap<usize, Duration>,
    counts: Counts,
}

const DAY_MS: i64 = 86_400_000;

/// What persons can bring about who decide wrongly, where Amazon shows nothing against it.
const BY_WRONG_DECISIONS: [Invariant; 7] = [
    // A payment of others is refunded, and their permission is theirs.
    Invariant::NotUndone,
    // What is decided back is sent again.
    Invariant::FactTwice,
    Invariant::PaidElsewhere,
    Invariant::UnpaidCalledPaid,
    Invariant::PaidCalledUnpaid,
    Invariant::NotOursTouched,
    Invariant::VerdictChanged,
];

/// What they can bring about besides, if they decide wrongly about an operation or a dispute.
const BY_WRONG_OPERATIONS: [Invariant; 4] = [
    // What they say is stored, and counts.
    Invariant::PaymentMisread,
    Invariant::FactFalse,
    Invariant::RefundedTooMuch,
    Invariant::LedgersDiffer,
];

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
        let wrong = order.and_then(|order| self.decided_wrongly.get(&order));
        let is_about_later = |subject: &String| subject.contains(' ');
        if let Err(broken) = &held
            && wrong.is_some_and(|wrong| {
                BY_WRONG_DECISIONS.contains(&broken.invariant)
                    || (BY_WRONG_OPERATIONS.contains(&broken.invariant) && wrong.iter().any(is_about_later))
            })
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
                    let known_at = (keys == "Honoured").then_some(self.at);
                    self.keys_known_at = known_at.map(|at| self.keys_known_at.unwrap_or(at));
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
        self.operations_wrote(&after);
        self.disputes_wrote(before.as_deref(), &after);
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
            // A buyer may have brought a session to the shop that was begun elsewhere.
            let order = self.order_of_session.get(&permission.checkout_session_id).copied();
            let order = order.or_else(|| self.order_paid_under(&write.key.id));
            let held = self.books.agree(permission).and_then(|()| {
                let checkout = order.and_then(|order| self.checkout_of(order));
                let is_ours = |payment: &&Payment| payment.charge_permission_id == write.key.id;
                let payment = checkout.and_then(|checkout| checkout.payment.as_ref()).filter(is_ours);
                let cancellation = checkout.and_then(|checkout| checkout.cancellation.as_ref());
                let elsewhere = self.asked_elsewhere.get(&write.key.id).copied().unwrap_or_default();
                let mut truth = self.ledger.truth(&write.key.id);
                truth.closed_by_merchant &= !self.closed_by_persons.contains(&write.key.id);
                payments::check_effects(payment, cancellation, &truth, elsewhere)
            });
            self.judge(order, held);
        }
    }

    /// The order whose payment is under this permission.
    fn order_paid_under(&self, permission: &str) -> Option<usize> {
        let is_it = |payment: &Payment| payment.charge_permission_id == permission;
        let paid = self.checkouts.values().find(|checkout| checkout.payment.as_ref().is_some_and(is_it));
        paid.and_then(|checkout| order_number(&checkout.order_id))
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
        // A machine whose clock was set wrong cannot know how old anything is.
        let ahead = Duration::from_millis(u64::try_from(self.merchant_clock_off_by).unwrap_or(0));
        let held = payments::check_fact(&fact, &mut self.told, &truth).and_then(|()| {
            payments::check_unexplained(&fact, &truth, age.map(|age| age.saturating_add(ahead)))
        });
        self.note(order, format!("merchant notifies the shop: {fact}"));
        self.judge(order, held);
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
        let mut facts = self.facts();
        facts.order_of_session.insert(session.to_owned(), order);
        facts.ledger.begins_for(session, format!("order-{order}"));
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

    /// Notes that a Finalize has left the merchant half.
    pub(crate) fn has_left(&self, session: &str, key: &str) {
        self.facts().tallies.entry(session.to_owned()).or_default().left(key);
    }

    /// Notes that the network delivers a Finalize twice, and at most one of the answers.
    pub(crate) fn is_copied(&self, session: &str) {
        self.facts().tallies.entry(session.to_owned()).or_default().is_copied();
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
        if let Some(payment) = checkout.payment.as_ref().filter(|_| answer["mayShip"] == Value::Bool(true)) {
            let held = facts.ships_here(order, &payment.charge_permission_id);
            facts.judge(Some(order), held);
            let disputed = facts.open_dispute(payment, None);
            let held = never(disputed.is_some(), Invariant::ShippedUnpaid, || {
                format!("the parcel may leave, and the dispute {disputed:?} is open")
            });
            facts.judge(Some(order), held);
        }
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
                    let lost = facts.lost_under(id);
                    payments::check_undone(cancellation, &undone, lost, others_gave, others_charged)
                });
                facts.judge(Some(order), held);
            }
            let sessions = checkout.attempts.iter().map(|attempt| &attempt.checkout_session_id);
            let late: Vec<&String> = sessions
                .filter(|session| checkout.is_canceled() && facts.ledger.is_completed_by_a_late_copy(session))
                .collect();
            for session in late {
                let Some((permission, _)) = facts.ledger.ids(session) else { continue };
                let held = payments::check_undone_late(session, &facts.ledger.truth(&permission));
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
