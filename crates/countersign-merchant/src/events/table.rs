//! The table of events. A new event needs a row with every column and, if it comes from the domain, its ids and
//! detail in [`Event::from_domain`]; without them it does not compile.

use countersign_domain::merchant::number::{AttemptNumber, OperationNumber};
use std::fmt;

use countersign_client::notification::{Message, NotifiedObject};
use countersign_domain::ids::{ChargeId, ChargePermissionId, DisputeId, RefundId};
use countersign_domain::merchant::attempt::{Attempt, AttemptState, NotPaidReason};
use countersign_domain::merchant::call::CallEvent;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::cancellation::Extent;
use countersign_domain::merchant::checkout::unexplained::{Returning, UnexplainedState};
use countersign_domain::merchant::decision::Subject;
use countersign_domain::merchant::event::{AttemptEvent, CheckoutEvent, DecisionEvent, PaymentEvent};
use countersign_domain::merchant::payment::Payment;
use countersign_domain::merchant::payment::charge::ChargeState;
use countersign_domain::merchant::payment::contest::ClaimedId;
use countersign_domain::merchant::payment::misfit::Misfit;
use countersign_domain::merchant::payment::operation::{
    Operation, OperationEffect, OperationState, PaymentCall,
};
use countersign_domain::terms::PaymentIntent;
use countersign_domain::time::Timestamp;
use countersign_protocol::wire::ReasonCode;
use serde::{Deserialize, Serialize};

use super::about::{Detail, EventSubject, UnpaidProof};
use super::fact::{Fact, FactSource};
use super::log::LogLine;
use super::why::{
    completed, why_contradicted, why_decided, why_looked_up, why_not_paid, why_noted, why_sent,
    why_unexplained, why_unresolved, why_without_effect, without_effect,
};

/// One thing that happened to a checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: EventKind,
    pub(crate) about: EventSubject,
}

impl Event {
    /// An event of the checkout as a whole.
    pub(crate) fn new(kind: EventKind) -> Self {
        Self { kind, about: EventSubject::default() }
    }

    /// An event of the checkout as a whole, with a word as its detail.
    pub(crate) fn with_word(kind: EventKind, word: impl fmt::Display) -> Self {
        Self {
            kind,
            about: EventSubject { detail: Some(Detail::Word(word.to_string())), ..EventSubject::default() },
        }
    }

    /// A notification from Amazon that was applied to this checkout.
    pub(crate) fn from_notification(message: &Message) -> Self {
        let (charge_id, refund_id, dispute_id) = match &message.object {
            NotifiedObject::Charge(id) => (Some(id.to_string()), None, None),
            NotifiedObject::Refund(id) => (None, Some(id.to_string()), None),
            NotifiedObject::Chargeback(id) => (None, None, Some(id.clone())),
            NotifiedObject::ChargePermission(_) | NotifiedObject::Other { .. } => (None, None, None),
        };
        let about = EventSubject {
            charge_permission_id: message.charge_permission_id.as_ref().map(ToString::to_string),
            charge_id,
            refund_id,
            dispute_id,
            detail: Some(Detail::Word(message.object.object_type().as_str().to_owned())),
            ..EventSubject::default()
        };
        Self { kind: EventKind::NotificationHeard, about }
    }

    /// An event of the domain. `after`, the checkout after the event, shows what the event is about.
    pub(crate) fn from_domain(event: &CheckoutEvent, after: &Checkout) -> Self {
        let (kind, about) = match event {
            CheckoutEvent::Attempt { attempt, event } => to_attempt(*attempt, event, after),
            CheckoutEvent::Payment(event) => to_payment(event, after),
            CheckoutEvent::Decision { subject, event, verdict, reference, actor } => {
                let (kind, about) = to_decision(subject, *event, after);
                let detail = word(&format!("{verdict}, by {actor}"));
                (kind, EventSubject { detail, reference: Some(reference.clone()), ..about })
            }
        };
        Self { kind, about }
    }

    /// The fact for the shop, if the event is definitive.
    pub(crate) fn fact(&self, after: &Checkout, at: Timestamp) -> Option<Fact> {
        (self.kind.row().fact)(FactSource { about: &self.about, after, at })
    }

    /// Logs the event, if an operator should know about it.
    pub(crate) fn log(&self, after: &Checkout) {
        (self.kind.row().log)(&self.about).log(after, &self.about);
    }
}

/// How an event counts in the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    None,
    /// A payment or an operation is in doubt from now on.
    DoubtBegins,
    /// An attempt is no longer in doubt, if it was, but has no definitive outcome yet.
    AttemptPends,
    /// An attempt is over, and no longer in doubt if it was.
    AttemptEnds,
    /// An operation is over, and no longer in doubt if it was.
    OperationEnds,
}

/// The columns of an event.
pub(crate) struct Row {
    /// The fact for the shop, if the event is definitive.
    pub(crate) fact: fn(FactSource<'_>) -> Option<Fact>,
    pub(crate) log: fn(&EventSubject) -> LogLine,
    pub(crate) figure: Figure,
    /// What happened, for a person. `{by}` is the reference of the request, `{detail}` the detail, and
    /// `{: detail}` the detail after a colon, if there is a detail.
    pub(crate) what: fn(&EventSubject) -> &'static str,
    /// Why it happened, given the previous event of the same attempt or operation.
    pub(crate) why: fn(&EventSubject, Option<EventKind>) -> &'static str,
}

/// Why an object has the state that Amazon has shown.
const SHOWN: &str = "Amazon has shown it, in an answer or when it was looked up";
/// Why an alarm has no other effect.
const ALARM: &str = "an operator should know; time alone proves nothing";
/// The log line when Amazon throttles a call.
const THROTTLED: LogLine =
    LogLine::Warn("Amazon is throttling this merchant: the call will be sent again later");

const FINALIZE_NOT_EVALUATED: &str =
    "Amazon rejected Finalize without evaluating it (see detail): it had no effect and will be sent again";
const CALL_NOT_EVALUATED: &str =
    "Amazon rejected a call without evaluating it (see detail): it had no effect and will be sent again";

const fn no_fact(_: FactSource<'_>) -> Option<Fact> {
    None
}

const fn silent(_: &EventSubject) -> LogLine {
    LogLine::Silent
}

macro_rules! events {
    ($($kind:ident => fact: $fact:expr, log: $log:expr, figure: $figure:ident, what: $what:expr, why: $why:expr;)+) => {
        /// The kinds of events. Their names are those of the timeline.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub(crate) enum EventKind {
            $($kind,)+
        }

        impl EventKind {
            /// The event's row.
            pub(crate) const fn row(self) -> Row {
                match self {
                    $(Self::$kind => Row {
                        fact: $fact,
                        log: $log,
                        figure: Figure::$figure,
                        what: $what,
                        why: $why,
                    },)+
                }
            }
        }
    };
}

events! {
    Registered => fact: no_fact, log: silent, figure: None,
        what: |_| "the order was registered", why: |_, _| "the shop registered it with these terms";
    TermsChanged => fact: no_fact, log: silent, figure: None,
        what: |_| "the terms were changed: {detail}",
        why: |_, _| "the shop changed them while no payment was in progress";
    Quoted => fact: no_fact, log: silent, figure: None,
        what: |_| "a quote was given to the buyer's page: {detail}",
        why: |_, _| "from now on the order costs this amount, and Finalize sends no other";
    QuoteRefused => fact: no_fact, log: silent, figure: None,
        what: |_| "no quote was given to the buyer's page: {detail}",
        why: |_, _| "the earlier amount still applies; the log shows the cause";
    QuoteLapsed => fact: no_fact, log: silent, figure: None,
        what: |_| "the quote lapsed",
        why: |_, _| "it was not paid within a day, the lifetime of Amazon's session: the registered terms \
                     apply again";
    PageCanceled => fact: no_fact, log: silent, figure: None,
        what: |_| "the buyer left Amazon's page",
        why: |_, _| "the button reported it; it has no effect";
    PageError => fact: no_fact, log: silent, figure: None,
        what: |_| "the button reported an error{: detail}",
        why: |_, _| "the buyer's page reported it; it has no effect";
    SessionBound => fact: no_fact, log: silent, figure: None,
        what: |_| "the buyer came back from Amazon's page",
        why: |_, _| "the session is bound to this order once Amazon shows that it is this order's";
    SessionReleased => fact: no_fact,
        log: |_| LogLine::Error("an order was completed with another order's session"), figure: None,
        what: |_| "the session was released: it belongs to another order",
        why: |_, _| "Amazon shows the other order's reference; nothing was sent, and that order can be completed \
                     with it";
    SurplusRecorded => fact: no_fact, log: silent, figure: None,
        what: |_| "another session was set aside: {detail}",
        why: |_, _| "an order is paid once: this session is never finalized, and has the outcome of the \
                     other attempt";
    WaitsForOrder => fact: no_fact,
        log: |_| LogLine::Warn("an order waits: another order of its cart may be paid"), figure: None,
        what: |_| "Finalize waits for another order of the same cart: {detail}",
        why: |_, _| "that order is paid or may be paid, and a cart is paid once; this one goes on when that one is \
                     proved unpaid or is undone";
    Approved => fact: no_fact, log: silent, figure: None,
        what: |_| "the session agreed with the terms",
        why: |_, _| "Get Checkout Session showed the amount, intent, product and address that the shop \
                     expects";
    FinalizeSent => fact: no_fact, log: silent, figure: None,
        what: |_| "Finalize was sent: {detail}",
        why: |it, _| why_sent(it, "the session is still open, which proves nothing: the same bytes were sent \
                                   again with the same key");
    NotSent => fact: no_fact,
        log: |_| LogLine::Error("Finalize was not sent, because there was no connection to Amazon"),
        figure: None,
        what: |_| "Finalize was not sent, because there was no connection to Amazon",
        why: |_, _| "nothing left this machine, so it can be retried";
    NotEvaluated => fact: no_fact,
        log: |it| not_evaluated(it, LogLine::Error(FINALIZE_NOT_EVALUATED)),
        figure: None,
        what: |_| "Amazon did not evaluate Finalize: {detail}",
        why: |_, _| "this answer proves that it had no effect: it is sent again with the next key";
    DoubtBegan => fact: no_fact,
        log: |_| LogLine::Warn("the outcome of a payment is in doubt: it will be looked up at Amazon"),
        figure: DoubtBegins,
        what: |_| "in doubt: {detail}",
        why: |_, _| "this is neither a success nor a failure: the money may have moved, so the result is \
                     looked up, and no other session is finalized";
    DoubtAlarm => fact: no_fact,
        log: |_| LogLine::Error("the outcome of a payment is still in doubt"), figure: None,
        what: |_| "still {detail}", why: |_, _| ALARM;
    LookedUp => fact: no_fact, log: silent, figure: None,
        what: |_| "Amazon was asked for the session: {detail}", why: |it, _| why_looked_up(it);
    ReachProved => fact: no_fact, log: silent, figure: None,
        what: |_| "Amazon has shown a charge that is known to exist",
        why: |_, _| "so the key and the endpoint are correct, and a session that is not found may really be \
                     missing";
    AuthorizationPending => fact: no_fact, log: silent, figure: AttemptPends,
        what: |_| "Amazon accepted the order",
        why: |_, _| "Amazon decides on the authorization within 24 hours";
    Completed => fact: |it| it.completed(),
        log: |_| LogLine::Info("a checkout was completed"), figure: AttemptEnds,
        what: |it| completed(it), why: |_, before| proved_by(before);
    NotApproved => fact: no_fact,
        log: |_| LogLine::Warn("a session was handed over before its buyer had approved it"), figure: AttemptPends,
        what: |_| "not approved",
        why: |_, _| "Amazon refused each Finalize and shows the session open: another one may be sent";
    NotPaid => fact: |it| it.not_paid("attempt.notPaid"), log: not_paid, figure: AttemptEnds,
        what: |_| "not paid: {detail}", why: |it, _| why_not_paid(it);
    Unresolved => fact: no_fact,
        log: |_| LogLine::Error("the outcome of a payment cannot be determined: an operator must decide \
                                 whether it was paid"),
        figure: None,
        what: |_| "the outcome cannot be determined: {detail}", why: |it, _| why_unresolved(it);
    Contradiction => fact: no_fact,
        log: |_| LogLine::Error("Amazon contradicts an outcome that was proved: an operator must check the \
                                 payment"),
        figure: None,
        what: |_| "Amazon contradicted the proved outcome: {detail}",
        why: |_, _| "the first outcome remains, and an operator must check the payment";
    Contradicted => fact: |it| it.contradicted("payment.contradicted"),
        log: |_| LogLine::Error("Amazon contradicts a payment: nothing may ship and nothing will be sent to \
                                 Amazon until this is resolved"),
        figure: None,
        what: |_| "Amazon contradicted the payment: {detail}", why: |it, _| why_contradicted(it);
    Settled => fact: |it| it.settled("payment.settled"),
        log: |_| LogLine::Info("the contradiction about a payment was resolved: what Amazon shows is consistent \
                                again, or persons have decided"),
        figure: None,
        what: |_| "the contradiction about the payment was resolved",
        why: |_, before| match before {
            Some(EventKind::DecisionMade) => "persons have decided what is done about it",
            Some(_) => "what Amazon shows is consistent again",
            None => "what Amazon shows is consistent again, or persons have decided what is done about it",
        };
    OperationRecorded => fact: no_fact, log: silent, figure: None,
        what: |_| "{by} was requested: {detail}",
        why: |_, _| "it is stored, with any amount that it reserves, before anything is sent";
    OperationSent => fact: no_fact, log: silent, figure: None,
        what: |_| "{by} was sent: {detail}",
        why: |it, _| why_sent(it, "its result is not proved: the same bytes were sent again with the same \
                                   key");
    OperationNotSent => fact: no_fact,
        log: |_| LogLine::Error("a call was not sent, because there was no connection to Amazon; it will be \
                                 retried"),
        figure: None,
        what: |_| "{by} was not sent, because there was no connection to Amazon{: detail}",
        why: |_, _| "nothing left this machine, so it will be retried";
    OperationNotEvaluated => fact: no_fact,
        log: |it| not_evaluated(it, LogLine::Error(CALL_NOT_EVALUATED)),
        figure: None,
        what: |_| "Amazon did not evaluate {by}: {detail}",
        why: |_, _| "this answer proves that it had no effect: it is sent again";
    OperationDoubtBegan => fact: no_fact,
        log: |_| LogLine::Warn("the outcome of an operation is in doubt: it will be looked up at Amazon"),
        figure: DoubtBegins,
        what: |_| "{by} is in doubt: {detail}",
        why: |_, _| "it may have had its effect: the amount stays reserved until that is proved";
    OperationAlarm => fact: no_fact,
        log: |_| LogLine::Error("the outcome of an operation is still in doubt"), figure: None,
        what: |_| "{by} is still unproved: {detail}", why: |_, _| ALARM;
    OperationWaits => fact: no_fact,
        log: |_| LogLine::Error("an operation has been waiting to be sent for a long time"), figure: None,
        what: |_| "{by} still waits to be sent: {detail}", why: |_, _| ALARM;
    OperationDone => fact: no_fact, log: silent, figure: OperationEnds,
        what: |_| "{by} had its effect: {detail}", why: |_, before| proved_effect(before);
    OperationRefused => fact: |it| it.refused("operation.refused"),
        log: |it| LogLine::Warn(without_effect(it)), figure: OperationEnds,
        what: |_| "{by} had no effect: {detail}", why: |it, _| why_without_effect(it);
    ChargePending => fact: no_fact, log: silent, figure: None,
        what: |_| "the charge was accepted: {detail}",
        why: |_, _| "Amazon has not decided on the authorization yet";
    ChargeAuthorized => fact: |it| it.held("charge.authorized"), log: silent, figure: None,
        what: |_| "the charge was authorized: {detail}", why: |_, _| SHOWN;
    CapturePending => fact: no_fact, log: silent, figure: AttemptPends,
        what: |_| "the capture is in progress: {detail}",
        why: |_, _| "Amazon executes it later: it has neither succeeded nor failed yet";
    ChargeCaptured => fact: |it| it.captured("charge.captured"), log: silent, figure: None,
        what: |_| "the charge was captured: {detail}", why: |_, _| SHOWN;
    ChargeCanceled => fact: |it| it.charge_over("charge.canceled"), log: silent, figure: None,
        what: |_| "the charge was canceled: {detail}", why: |_, _| SHOWN;
    ChargeDeclined => fact: |it| it.charge_over("charge.declined"),
        log: |_| LogLine::Warn("a charge was declined"), figure: None,
        what: |_| "the charge was declined: {detail}", why: |_, _| SHOWN;
    ChargeAdopted => fact: no_fact,
        log: |_| LogLine::Warn("a charge was created outside Countersign"), figure: None,
        what: |_| "a charge was created outside Countersign: {detail}",
        why: |_, _| "it is under this permission, so it counts toward the limits";
    RefundPending => fact: no_fact, log: silent, figure: None,
        what: |_| "the refund is in progress: {detail}",
        why: |_, _| "Amazon executes it later; the amount stays reserved";
    Refunded => fact: |it| it.refund("refund.refunded"), log: silent, figure: None,
        what: |_| "the refund was made: {detail}", why: |_, _| SHOWN;
    RefundDeclined => fact: |it| it.refund("refund.declined"),
        log: |_| LogLine::Error("a refund was declined: the buyer was not paid back"), figure: None,
        what: |_| "the refund was declined: {detail}",
        why: |_, _| "the buyer was not paid back: the amount can be refunded again";
    PermissionChargeable => fact: |it| it.permission("chargePermission.chargeable"),
        log: silent, figure: None,
        what: |_| "the permission can be charged again", why: |_, _| SHOWN;
    PermissionNonChargeable => fact: |it| it.non_chargeable("chargePermission.nonChargeable"),
        log: silent, figure: None,
        what: |_| "the permission cannot be charged now: {detail}", why: |_, _| SHOWN;
    PermissionClosed => fact: |it| it.permission("chargePermission.closed"), log: silent, figure: None,
        what: |_| "the permission was closed: {detail}", why: |_, _| SHOWN;
    Unexplained => fact: |it| it.unexplained("payment.unexplained"),
        log: |_| LogLine::Error("a Charge Permission names an order and holds money that nothing of the order \
                                 explains: no payment of the order will be sent until an operator has decided"),
        figure: None,
        what: |_| "a permission that names this order holds money that is not explained: {detail}",
        why: |it, _| why_unexplained(it);
    UnexplainedSettled => fact: |it| it.settled("payment.settled"),
        log: |_| LogLine::Info("a Charge Permission that was not explained is settled"), figure: None,
        what: |_| "the permission that was not explained is settled: {detail}",
        why: |_, _| "an attempt of the order has it, its money was returned, or a person has decided";
    PermissionNoted => fact: no_fact, log: silent, figure: None,
        what: |_| "a permission that names this order is not followed any more: {detail}",
        why: |it, _| why_noted(it);
    ReturnSent => fact: no_fact, log: silent, figure: None,
        what: |_| "a call was sent that returns a second payment: {detail}",
        why: |_, _| "persons have decided it, and Amazon still shows the money";
    ReturnAccepted => fact: no_fact, log: silent, figure: None,
        what: |_| "Amazon accepted the return of a second payment: {detail}",
        why: |_, _| "Amazon's answer says so; looks show when the money is returned";
    ReturnRefused => fact: no_fact,
        log: |_| LogLine::Error("money that persons have decided to return was not returned: they must decide again"),
        figure: None,
        what: |_| "a second payment was not returned: {detail}",
        why: |_, _| "Amazon refused it, or shows that it can have no effect";
    CaptureDue => fact: |it| it.due("capture.due"),
        log: |_| LogLine::Warn("an authorized charge has not been captured, and its deadline is near"),
        figure: None,
        what: |_| "the charge has not been captured yet: {detail}",
        why: |_, _| "an authorization that is not captured in time is lost";
    Lapsed => fact: |it| it.charge_over("checkout.lapsed"),
        log: |_| LogLine::Warn("an authorization has ended, and nothing of its order was captured"),
        figure: None,
        what: |_| "the reservation has ended, and nothing is captured",
        why: |_, _| "Amazon has shown that the last authorization of the order is over";
    CancelRequested => fact: no_fact, log: silent, figure: None,
        what: |_| "a cancellation of the order was requested: {by}",
        why: |_, _| "the shop requested it, or persons have decided on a refund: nothing new is charged, and what was \
                     paid is undone, except for what left and what others made";
    ShipmentRecorded => fact: no_fact, log: silent, figure: None,
        what: |_| "a parcel was recorded: {by}: {detail}",
        why: |_, _| "the shop ships it, and Amazon had shown that its charge pays for it";
    CheckoutCanceled => fact: |it| Some(it.order("checkout.canceled")), log: silent, figure: None,
        what: |_| "the order was canceled",
        why: |_, _| "nothing that this server charged is held or kept any more, except for what had already been \
                     shipped";
    CancellationStuck => fact: no_fact,
        log: |_| LogLine::Error("a canceled order is not fully undone yet: an operator must check the \
                                 order"),
        figure: None,
        what: |_| "the cancellation is not finished: {detail}",
        why: |_, _| "an operator must check the order; not everything is undone yet";
    DecisionAsked => fact: no_fact,
        log: |_| LogLine::Warn("a person has decided about an order, and a second person must confirm it \
                                within 24 hours"),
        figure: None,
        what: |_| "one person decided {by}: {detail}",
        why: |_, _| "it needs a second person within 24 hours; until then nothing is changed";
    DecisionMade => fact: no_fact,
        log: |_| LogLine::Warn("what no machine can decide about an order was decided"), figure: None,
        what: |_| "it was decided {by}: {detail}",
        why: |it, _| why_decided(it);
    DecisionExpired => fact: no_fact,
        log: |_| LogLine::Error("a person's decision about an order was not confirmed by a second person: \
                                 the order still needs one"),
        figure: None,
        what: |_| "the decision {by} was not confirmed: {detail}",
        why: |_, _| "no second person agreed within 24 hours";
    DecisionReplaced => fact: no_fact,
        log: |_| LogLine::Warn("a person's decision about an order was replaced before a second person has confirmed it"),
        figure: None,
        what: |_| "the request {by} was replaced: {detail}",
        why: |_, _| "something else was decided or asked for about the same object before a second person agreed";
    ReminderSet => fact: no_fact, log: silent, figure: None,
        what: |_| "a reminder was set {by}: {detail}", why: |_, _| "a person wants to decide later";
    ReminderDue => fact: no_fact,
        log: |_| LogLine::Error("an order still needs a person's decision: this is the reminder that was \
                                 asked for"),
        figure: None,
        what: |_| "the reminder {by} is due: {detail}", why: |_, _| "a person asked for it";
    DisputeOpened => fact: |it| it.dispute("dispute.opened"),
        log: |_| LogLine::Error("a buyer disputed a payment: nothing may ship and nothing will be refunded until \
                                 a person has settled it"),
        figure: None,
        what: |_| "a buyer disputed the payment{: detail}",
        why: |_, _| "Amazon has notified of it; Seller Central shows what it asks for";
    DisputeStillOpen => fact: no_fact,
        log: |_| LogLine::Error("a dispute is still open: a person must settle it"), figure: None,
        what: |_| "the dispute is still open: {detail}", why: |_, _| ALARM;
    DisputeWon => fact: |it| it.dispute("dispute.won"),
        log: |_| LogLine::Info("a dispute was won"), figure: None,
        what: |_| "the dispute was won{: detail}", why: |_, _| "a person said so: the shop keeps the money";
    DisputeLost => fact: |it| it.dispute("dispute.lost"),
        log: |_| LogLine::Warn("a dispute was lost"), figure: None,
        what: |_| "the dispute was lost{: detail}",
        why: |_, _| "a person said so: the buyer has the money back, and it cannot be refunded again";
    NotificationHeard => fact: no_fact, log: silent, figure: None,
        what: |_| "a notification from Amazon was received: {detail}",
        why: |_, _| "a notification proves nothing: the object that it names is looked up";
    WebhookGivenUp => fact: no_fact, log: silent, figure: None,
        what: |_| "a webhook was given up: {detail}",
        why: |_, _| "the shop's endpoint has failed to take it eight times; GET /v1/events still has it";
    WebhookDelivered => fact: no_fact, log: silent, figure: None,
        what: |_| "a webhook that had been given up was delivered: {detail}",
        why: |_, _| "it was sent again on request";
    SnapshotTaken => fact: no_fact, log: silent, figure: None,
        what: |_| "the buyer's and the transaction's data were fetched and sealed",
        why: |_, _| "Amazon deletes them after 30 days";
    SnapshotMissed => fact: no_fact, log: silent, figure: None,
        what: |_| "the buyer's and the transaction's data were lost",
        why: |_, _| "they could not be fetched before Amazon deleted them";
    SnapshotErased => fact: no_fact, log: silent, figure: None,
        what: |_| "the buyer's and the transaction's data were erased", why: |_, _| "the shop requested it";
}

impl Row {
    /// What happened and why, given the previous event of the same attempt or operation.
    pub(crate) fn words(&self, about: &EventSubject, before: Option<EventKind>) -> (String, &'static str) {
        let detail = about.text().unwrap_or_default();
        let by = match &about.reference {
            Some(reference) => format!("{reference:?}"),
            None => "the operation".to_owned(),
        };
        let behind_a_colon = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        let what = (self.what)(about).replace("{: detail}", &behind_a_colon);
        // The reference is replaced last, because it may contain any text.
        (what.replace("{detail}", &detail).replace("{by}", &by), (self.why)(about, before))
    }
}

fn not_evaluated(about: &EventSubject, otherwise: LogLine) -> LogLine {
    if about.plain_word() == Some(ReasonCode::TooManyRequests.as_str()) { THROTTLED } else { otherwise }
}

/// An ERROR if the shop and Amazon disagree or the request was not valid, because every other buyer may get
/// the same result.
fn not_paid(about: &EventSubject) -> LogLine {
    match about.unpaid() {
        Some(UnpaidProof::Mismatch | UnpaidProof::AddressDrift) => {
            LogLine::Error("a payment attempt ended unpaid: its session does not match the terms")
        }
        Some(UnpaidProof::Misuse) => {
            LogLine::Error("a payment attempt ended unpaid: Amazon rejected the request as invalid")
        }
        Some(
            UnpaidProof::SessionGone
            | UnpaidProof::Abandoned
            | UnpaidProof::SessionCanceled
            | UnpaidProof::Decided
            | UnpaidProof::Amazon,
        )
        | None => LogLine::Info("a payment attempt ended unpaid"),
    }
}

/// The subject of an event about an id of the payment.
fn of_claimed(id: &ClaimedId, of: EventSubject) -> EventSubject {
    match id {
        ClaimedId::Permission(_) => of,
        ClaimedId::Charge(id) => EventSubject { charge_id: Some(id.to_string()), ..of },
        ClaimedId::Refund(id) => EventSubject { refund_id: Some(id.to_string()), ..of },
    }
}

fn proved_by(before: Option<EventKind>) -> &'static str {
    match before {
        Some(EventKind::FinalizeSent) => "proved by Amazon's answer to Finalize, complete and with its ids",
        Some(EventKind::AuthorizationPending | EventKind::CapturePending) => "proved by Get Charge",
        Some(EventKind::DecisionMade) => "decided by persons; Amazon showed what that needs",
        Some(EventKind::LookedUp) => "proved by Get Checkout Session, and by Get Charge if there is a charge",
        _ => "proved by what Amazon has shown",
    }
}

fn proved_effect(before: Option<EventKind>) -> &'static str {
    match before {
        Some(EventKind::OperationSent) => "proved by Amazon's answer, complete and with its ids",
        Some(EventKind::OperationDoubtBegan | EventKind::OperationAlarm) => {
            "proved by looking up the object at Amazon"
        }
        Some(EventKind::DecisionMade) => "decided by persons; Amazon showed what that needs",
        _ => "proved by what Amazon has shown",
    }
}

fn word(word: &str) -> Option<Detail> {
    Some(Detail::Word(word.to_owned()))
}

/// What happened to a call.
struct CallEventKinds {
    /// The kind of event, if the call is a Finalize.
    finalize: EventKind,
    /// The kind of event, if the call is an operation's.
    operation: EventKind,
    detail: Option<Detail>,
}

fn call_event_kinds(event: &CallEvent) -> CallEventKinds {
    let (finalize, operation, detail) = match event {
        CallEvent::Sent { n, send_count } => {
            let detail = Detail::Sent { key: n.get(), send_count: *send_count };
            (EventKind::FinalizeSent, EventKind::OperationSent, Some(detail))
        }
        CallEvent::NotSent => (EventKind::NotSent, EventKind::OperationNotSent, None),
        CallEvent::NotEvaluated { code } => {
            (EventKind::NotEvaluated, EventKind::OperationNotEvaluated, word(code))
        }
        CallEvent::DoubtBegan { cause } => {
            (EventKind::DoubtBegan, EventKind::OperationDoubtBegan, word(cause))
        }
        CallEvent::Alarm { lasting } => (
            EventKind::DoubtAlarm,
            EventKind::OperationAlarm,
            Some(Detail::LastingSeconds(lasting.as_secs())),
        ),
    };
    CallEventKinds { finalize, operation, detail }
}

fn to_attempt(number: AttemptNumber, event: &AttemptEvent, after: &Checkout) -> (EventKind, EventSubject) {
    let attempt = after.attempt(number);
    let about = attempt_subject(number, attempt);
    let plain = |kind| (kind, about.clone());
    let with = |kind, detail| (kind, EventSubject { detail, ..about.clone() });
    match event {
        AttemptEvent::SessionBound => plain(EventKind::SessionBound),
        AttemptEvent::SessionReleased => plain(EventKind::SessionReleased),
        AttemptEvent::SurplusRecorded { of } => {
            with(EventKind::SurplusRecorded, word(&format!("second to attempt {of}")))
        }
        AttemptEvent::WaitsForOrder(other) => with(EventKind::WaitsForOrder, word(other.as_str())),
        AttemptEvent::Approved => plain(EventKind::Approved),
        AttemptEvent::Call(event) => {
            let CallEventKinds { finalize, detail, .. } = call_event_kinds(event);
            with(finalize, detail)
        }
        AttemptEvent::LookedUp { found } => with(EventKind::LookedUp, word(found)),
        AttemptEvent::NotApproved => plain(EventKind::NotApproved),
        AttemptEvent::ReachProved => plain(EventKind::ReachProved),
        // If the intent is to capture, the capture is what is pending.
        AttemptEvent::PendingBegan => match after.terms.payment_intent {
            PaymentIntent::AuthorizeWithCapture => {
                with(EventKind::CapturePending, about.charge_id.as_deref().and_then(word))
            }
            PaymentIntent::Authorize | PaymentIntent::Confirm => plain(EventKind::AuthorizationPending),
        },
        AttemptEvent::Completed => with(EventKind::Completed, attempt.and_then(completion)),
        AttemptEvent::NotPaid => with(EventKind::NotPaid, attempt.and_then(not_paid_by)),
        AttemptEvent::Unresolved => with(EventKind::Unresolved, attempt.and_then(unresolved_by)),
        AttemptEvent::Contradicted { misfit, charge_permission_id, charge_id } => {
            let about = EventSubject {
                charge_permission_id: Some(charge_permission_id.to_string()),
                charge_id: charge_id.as_ref().map(ToString::to_string),
                detail: word(misfit.as_str()),
                ..about
            };
            (EventKind::Contradicted, about)
        }
        AttemptEvent::Settled => {
            let (permission, charge) = attempt.and_then(|attempt| attempt.state.ids()).unzip();
            let about = EventSubject {
                charge_permission_id: permission.map(ToString::to_string),
                charge_id: charge.flatten().map(ToString::to_string),
                ..about
            };
            (EventKind::Settled, about)
        }
        AttemptEvent::Contradiction { found, charge_permission_id, charge_id } => {
            let about = EventSubject {
                charge_permission_id: charge_permission_id.as_ref().map(ToString::to_string),
                charge_id: charge_id.as_ref().map(ToString::to_string),
                detail: word(found),
                ..about
            };
            (EventKind::Contradiction, about)
        }
    }
}

fn to_decision(subject: &Subject, event: DecisionEvent, after: &Checkout) -> (EventKind, EventSubject) {
    let about = match subject {
        Subject::Attempt(number) => attempt_subject(*number, after.attempt(*number)),
        Subject::Dispute(id) => dispute_subject(after.payment.as_ref(), id, EventSubject::default()),
        Subject::Unexplained(permission) => {
            let charge_permission_id = Some(permission.to_string());
            EventSubject { charge_permission_id, ..EventSubject::default() }
        }
        Subject::Operation(number) => {
            let operation = after.payment.as_ref().and_then(|payment| payment.operation(*number));
            let about = |it| EventSubject { call: None, ..operation_subject(it, EventSubject::default()) };
            operation.map_or_else(EventSubject::default, about)
        }
    };
    let kind = match event {
        DecisionEvent::Asked => EventKind::DecisionAsked,
        DecisionEvent::Made => EventKind::DecisionMade,
        DecisionEvent::Expired => EventKind::DecisionExpired,
        DecisionEvent::Replaced => EventKind::DecisionReplaced,
        DecisionEvent::ToRemind => EventKind::ReminderSet,
        DecisionEvent::Reminded => EventKind::ReminderDue,
    };
    (kind, about)
}

fn attempt_subject(number: AttemptNumber, attempt: Option<&Attempt>) -> EventSubject {
    let (charge_permission_id, charge_id) = match attempt.map(|attempt| &attempt.state) {
        Some(AttemptState::Completed { completion, charge_permission_id, .. }) => {
            (Some(charge_permission_id), completion.charge_id())
        }
        Some(AttemptState::Pending { charge_permission_id, charge_id, .. }) => {
            (Some(charge_permission_id), Some(charge_id))
        }
        _ => (None, None),
    };
    EventSubject {
        attempt: Some(number.get()),
        amazon_checkout_session_id: attempt.and_then(Attempt::session).map(ToString::to_string),
        charge_permission_id: charge_permission_id.map(ToString::to_string),
        charge_id: charge_id.map(ToString::to_string),
        ..EventSubject::default()
    }
}

fn completion(attempt: &Attempt) -> Option<Detail> {
    let AttemptState::Completed { completion, .. } = &attempt.state else { return None };
    word(completion.name())
}

fn not_paid_by(attempt: &Attempt) -> Option<Detail> {
    let AttemptState::NotPaid { reason, .. } = &attempt.state else { return None };
    let proof = match reason {
        NotPaidReason::Mismatch(_) => UnpaidProof::Mismatch,
        NotPaidReason::AddressDrift(..) => UnpaidProof::AddressDrift,
        NotPaidReason::SessionGone => UnpaidProof::SessionGone,
        NotPaidReason::Abandoned => UnpaidProof::Abandoned,
        NotPaidReason::SessionCanceled(None) => UnpaidProof::SessionCanceled,
        NotPaidReason::Misuse(_) => UnpaidProof::Misuse,
        NotPaidReason::Decided => UnpaidProof::Decided,
        NotPaidReason::SessionCanceled(Some(_))
        | NotPaidReason::Declined(_)
        | NotPaidReason::OrderCanceled
        | NotPaidReason::ChargeDeclined(_)
        | NotPaidReason::ChargeCanceled(_) => UnpaidProof::Amazon,
    };
    Some(Detail::NotPaid { code: reason.code().to_owned(), proof, field: reason.field() })
}

fn unresolved_by(attempt: &Attempt) -> Option<Detail> {
    let AttemptState::Unresolved { reason, .. } = &attempt.state else { return None };
    word(reason.as_str())
}

fn to_payment(event: &PaymentEvent, after: &Checkout) -> (EventKind, EventSubject) {
    let payment = after.payment.as_ref();
    let of = EventSubject {
        charge_permission_id: payment.map(|payment| payment.charge_permission_id.to_string()),
        ..EventSubject::default()
    };
    let operation = |kind, number: OperationNumber, detail| {
        let found = payment.and_then(|payment| payment.operation(number));
        (
            kind,
            found.map_or_else(
                || of.clone(),
                |it| operation_subject(it, EventSubject { detail, ..of.clone() }),
            ),
        )
    };
    let charge = |kind, id: &ChargeId| (kind, charge_subject(payment, id, of.clone()));
    let refund = |kind, id: &RefundId| (kind, refund_subject(payment, id, of.clone()));
    let permission = |kind| {
        let reason = payment.and_then(|payment| payment.permission.state.reason());
        (kind, EventSubject { detail: reason.and_then(word), ..of.clone() })
    };
    match event {
        PaymentEvent::OperationRecorded(number) => {
            let asked = payment.and_then(|payment| payment.operation(*number));
            let amount = asked.and_then(|operation| operation.request.amount());
            let amount = amount.map(|amount| Detail::Word(amount.to_string()));
            operation(EventKind::OperationRecorded, *number, amount)
        }
        PaymentEvent::OperationCall { number, event } => {
            let call_event_kinds = call_event_kinds(event);
            operation(call_event_kinds.operation, *number, call_event_kinds.detail)
        }
        PaymentEvent::OperationDone(number) => operation(EventKind::OperationDone, *number, None),
        PaymentEvent::OperationRefused { number, code } => {
            operation(EventKind::OperationRefused, *number, word(code))
        }
        PaymentEvent::OperationWaits { number, why } => {
            operation(EventKind::OperationWaits, *number, word(why))
        }
        PaymentEvent::Contradicted { charge_id, misfit } => {
            let charge_id = Some(charge_id.to_string());
            (EventKind::Contradicted, EventSubject { charge_id, detail: word(misfit.as_str()), ..of })
        }
        PaymentEvent::Settled(id) => {
            (EventKind::Settled, EventSubject { charge_id: Some(id.to_string()), ..of })
        }
        PaymentEvent::Contested(id) => {
            let detail = word(Misfit::OfAnotherAct.as_str());
            (EventKind::Contradicted, EventSubject { detail, ..of_claimed(id, of) })
        }
        PaymentEvent::ContestSettled(id) => (EventKind::Settled, of_claimed(id, of)),
        PaymentEvent::ChargePending(id) => charge(EventKind::ChargePending, id),
        PaymentEvent::ChargeAuthorized(id) => charge(EventKind::ChargeAuthorized, id),
        PaymentEvent::CapturePending(id) => charge(EventKind::CapturePending, id),
        PaymentEvent::ChargeCaptured(id) => charge(EventKind::ChargeCaptured, id),
        PaymentEvent::ChargeCanceled(id) => charge(EventKind::ChargeCanceled, id),
        PaymentEvent::ChargeDeclined(id) => charge(EventKind::ChargeDeclined, id),
        PaymentEvent::ChargeAdopted(id) => charge(EventKind::ChargeAdopted, id),
        PaymentEvent::RefundPending(id) => refund(EventKind::RefundPending, id),
        PaymentEvent::Refunded(id) => refund(EventKind::Refunded, id),
        PaymentEvent::RefundDeclined(id) => refund(EventKind::RefundDeclined, id),
        PaymentEvent::PermissionChargeable => permission(EventKind::PermissionChargeable),
        PaymentEvent::PermissionNonChargeable => permission(EventKind::PermissionNonChargeable),
        PaymentEvent::PermissionClosed => permission(EventKind::PermissionClosed),
        PaymentEvent::Unexplained(id) => (EventKind::Unexplained, heard_subject(after, id)),
        PaymentEvent::UnexplainedSettled(id) => (EventKind::UnexplainedSettled, heard_subject(after, id)),
        PaymentEvent::PermissionNoted(id) => (EventKind::PermissionNoted, heard_subject(after, id)),
        PaymentEvent::ReturnSent(id) => (EventKind::ReturnSent, return_subject(after, id, None)),
        PaymentEvent::ReturnAccepted(id) => (EventKind::ReturnAccepted, return_subject(after, id, None)),
        PaymentEvent::ReturnRefused { permission, code } => {
            (EventKind::ReturnRefused, return_subject(after, permission, Some(code)))
        }
        PaymentEvent::CaptureDue { charge_id, deadline, at } => {
            let detail = Detail::Due { deadline: deadline.as_str().to_owned(), at: at.to_string() };
            let charge_id = Some(charge_id.to_string());
            (EventKind::CaptureDue, EventSubject { charge_id, detail: Some(detail), ..of })
        }
        PaymentEvent::Lapsed { charge_id } => charge(EventKind::Lapsed, charge_id),
        PaymentEvent::DisputeOpened(id) => (EventKind::DisputeOpened, dispute_subject(payment, id, of)),
        PaymentEvent::DisputeWon(id) => (EventKind::DisputeWon, dispute_subject(payment, id, of)),
        PaymentEvent::DisputeLost(id) => (EventKind::DisputeLost, dispute_subject(payment, id, of)),
        PaymentEvent::DisputeStillOpen { id, lasting } => {
            let about = dispute_subject(payment, id, of);
            let lasting = word(&format!("after {} days", lasting.as_secs().div_euclid(86_400)));
            (EventKind::DisputeStillOpen, EventSubject { detail: lasting, ..about })
        }
        PaymentEvent::CancelRequested => {
            let reference = after.cancellation.as_ref().map(|cancellation| match &cancellation.extent {
                Extent::Widened { reference, .. } => reference.clone(),
                Extent::Unshipped | Extent::Everything => cancellation.reference.clone(),
            });
            (EventKind::CancelRequested, EventSubject { reference, ..of })
        }
        PaymentEvent::ShipmentRecorded { charge_id, reference, amount } => {
            let (charge_id, reference) = (Some(charge_id.to_string()), Some(reference.clone()));
            let detail = Some(Detail::Word(amount.to_string()));
            (EventKind::ShipmentRecorded, EventSubject { charge_id, reference, detail, ..of })
        }
        PaymentEvent::CheckoutCanceled => (EventKind::CheckoutCanceled, of),
        PaymentEvent::CancellationStuck { why } => {
            (EventKind::CancellationStuck, EventSubject { detail: word(why), ..of })
        }
        PaymentEvent::Contradiction { id, found } => {
            (EventKind::Contradiction, EventSubject { detail: word(&format!("{found}: {id}")), ..of })
        }
    }
}

/// What is remembered of a permission that names the order.
fn heard_subject(after: &Checkout, id: &ChargePermissionId) -> EventSubject {
    let known = after.heard_of(id);
    let detail = known.map(|known| match &known.state {
        UnexplainedState::Open { reason, .. } => reason.as_str(),
        UnexplainedState::Over { end, .. } => end.as_str(),
        UnexplainedState::Heard { .. } | UnexplainedState::Watched { .. } => known.state.name(),
    });
    EventSubject {
        attempt: known.and_then(|known| known.attempt).map(AttemptNumber::get),
        charge_permission_id: Some(id.to_string()),
        charge_id: known.and_then(|known| known.charge_id()).map(ToString::to_string),
        detail: word(detail.unwrap_or("Explained")),
        ..EventSubject::default()
    }
}

/// What is returned of a permission, or why it is not.
fn return_subject(after: &Checkout, id: &ChargePermissionId, code: Option<&str>) -> EventSubject {
    let returning = after.heard_of(id).and_then(|known| known.returning.as_ref());
    let call = returning.map(|it| &it.call);
    let amount = call.and_then(PaymentCall::amount).map(|amount| amount.to_string());
    EventSubject {
        charge_id: call.and_then(PaymentCall::charge_id).map(ToString::to_string),
        refund_id: returning.and_then(Returning::refund_id).map(ToString::to_string),
        call: call.map(|call| call.call().to_owned()),
        detail: code.map(ToOwned::to_owned).or(amount).map(Detail::Word),
        ..heard_subject(after, id)
    }
}

fn operation_subject(operation: &Operation, about: EventSubject) -> EventSubject {
    let (done_charge, refund_id) = match &operation.state {
        OperationState::Done(OperationEffect::Charge(id)) => (Some(id), None),
        OperationState::Done(OperationEffect::Refund(id)) => (None, Some(id)),
        _ => (None, None),
    };
    EventSubject {
        charge_id: operation.request.charge_id().or(done_charge).map(ToString::to_string),
        refund_id: refund_id.map(ToString::to_string),
        operation: Some(operation.number.get()),
        reference: Some(operation.name.to_string()),
        call: Some(operation.request.call().to_owned()),
        ..about
    }
}

fn charge_subject(payment: Option<&Payment>, id: &ChargeId, about: EventSubject) -> EventSubject {
    let charge = payment.and_then(|payment| payment.charge(id));
    let detail = charge.and_then(|charge| match &charge.state {
        ChargeState::Captured(captured) => Some(captured.to_string()),
        ChargeState::Canceled(reason) | ChargeState::Declined(reason) => reason.clone(),
        ChargeState::AuthorizationInitiated | ChargeState::Authorized | ChargeState::CaptureInitiated => {
            Some(charge.amount.to_string())
        }
    });
    EventSubject { charge_id: Some(id.to_string()), detail: detail.map(Detail::Word), ..about }
}

fn dispute_subject(payment: Option<&Payment>, id: &DisputeId, about: EventSubject) -> EventSubject {
    let found = payment.and_then(|payment| payment.dispute(id));
    EventSubject {
        charge_id: found.and_then(|dispute| dispute.charge_id.as_ref()).map(ToString::to_string),
        dispute_id: Some(id.to_string()),
        detail: found.and_then(|dispute| dispute.amount).map(|amount| Detail::Word(amount.to_string())),
        ..about
    }
}

fn refund_subject(payment: Option<&Payment>, id: &RefundId, about: EventSubject) -> EventSubject {
    let found = payment.and_then(|payment| payment.refund(id));
    let detail = found.map(|(_, refund)| match refund.state.reason() {
        Some(reason) => reason.to_owned(),
        None => refund.amount.to_string(),
    });
    EventSubject {
        charge_id: found.map(|(charge, _)| charge.id.to_string()),
        refund_id: Some(id.to_string()),
        detail: detail.map(Detail::Word),
        ..about
    }
}

#[cfg(test)]
mod tests;
