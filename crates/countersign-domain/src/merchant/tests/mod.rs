//! The merchant's rules as tables that a person can compare with the design, and as a model under random
//! sequences of decisions.

mod answers;
mod approved_since;
mod canceling;
mod cart;
mod contested;
mod decide;
mod deciding;
mod deciding_again;
mod deciding_operations;
mod deciding_refunds;
mod disputes;
mod disputes_decided;
mod gate;
mod heard;
mod keys;
mod life;
mod missing;
mod model;
mod not_approved;
mod operations;
mod other_ids;
mod others;
mod ours;
mod paid;
mod paid_though_unpaid;
mod plan;
mod proof;
mod refunding;
mod returning;
mod routes;
mod second;
mod shipping;
mod shown;
mod standing;
mod surplus;
mod time;
mod ways_out;
mod whose;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::absence::{Absence, Access};
use super::after::cancel::CancelRequest;
use super::after::fulfilment::{self, Freshness, Fulfilment};
use super::after::hint::{Hint, unpaid_under};
use super::after::shipment::ShipmentAnswer;
use super::attempt::agree::{OpenSession, OurStore, SessionView};
use super::attempt::arrive::ArrivalRefused;
use super::attempt::finalize::FinalizeAnswer;
use super::attempt::sends::{CompletedBy, CompletedSession, Sends};
use super::attempt::{
    Attempt, AttemptState, Bearer, Completion, GivenAddresses, NotApproved, NotPaidReason, UnresolvedReason,
};
use super::call::{
    CallEvent, Doubt, InFlight, KeyedRequest, LookSchedule, StatusRefusals, StoredError, UnclearKind,
};
use super::checkout::Checkout;
use super::checkout::cancellation::{Cancellation, CancellationState, Extent};
use super::checkout::draft::{CheckoutDecision, Draft};
use super::checkout::terms::{Terms, TermsRefused};
use super::checkout::verdict::{CheckingReason, Verdict};
use super::decision::Decisions;
use super::event::{AttemptEvent, CheckoutEvent, PaymentEvent};
use super::next::{CallId, NextStep, OutgoingCall};
use super::number::{AttemptNumber, KeyOrdinal, OperationNumber};
use super::payment::Payment;
use super::payment::amount_view::AmountView;
use super::payment::ask::{self, OperationRefused};
use super::payment::charge::{
    AmazonChargeState, Charge, ChargeOrigin, ChargeState, ChargeStatus, ChargeView, LastSeen,
};
use super::payment::misfit::Misfit;
use super::payment::operation::{
    Operation, OperationEffect, OperationName, OperationRequest, OperationState, OwnName, PaymentCall,
    UndoStep,
};
use super::payment::permission::{Permission, PermissionState, PermissionView};
use super::payment::refund::{Refund, RefundState, RefundView};
use super::payment::send::{OVERTAKEN, OperationAnswer};
use super::payment::shipment::ShipmentRequest;
use super::proof::{FinalizeSuccess, ObjectView};
use super::rules::{
    ALARMS, AfterGuarantee, CapturePolicy, MAX_OPERATIONS, MerchantRules, Policy, RefundCeiling,
};
use crate::address::{Address, AddressKind};
use crate::folded_table::{Condition, folded};
use crate::ids::{
    ChargeId, ChargePermissionId, CheckoutId, CheckoutSessionId, Environment, IdempotencyKey, RefundId,
    StoreId,
};
use crate::money::{Currency, Money};
use crate::step::Step;
use crate::terms::{MerchantMetadata, PaymentIntent, ProductType};
use crate::time::Timestamp;

/// The step that a decision about a checkout returns.
type CheckoutStep = Step<Checkout, CheckoutEvent>;

const SECOND: Duration = Duration::from_secs(1);

/// When the attempts of the tables were sent.
fn sent_at() -> Timestamp {
    Timestamp::parse("20261123T120000Z").unwrap()
}

fn rules() -> MerchantRules {
    MerchantRules::default()
}

/// What the gate says to a caller who asks now and does not say how old the answer may be.
fn fulfilment(checkout: &Checkout, charge: Option<&ChargeId>, now: Timestamp) -> Option<Fulfilment> {
    fulfilment::fulfilment(checkout, charge, Freshness::at(now), now, &rules())
}

fn key_of(n: u32) -> IdempotencyKey {
    IdempotencyKey::parse(&format!("key{n}")).unwrap()
}

fn amount() -> Money {
    Money::from_minor(1_400, Currency::USD)
}

fn permission() -> ChargePermissionId {
    ChargePermissionId::parse("S01-1").unwrap()
}

fn charge() -> ChargeId {
    ChargeId::parse("S01-1-C1").unwrap()
}

/// The attempts' charge as Amazon shows it; what was captured is the whole amount.
fn view(state: AmazonChargeState, charge_amount: AmountView) -> ChargeView {
    ChargeView {
        id: charge(),
        charge_permission_id: Some(permission()),
        seen: ChargeStatus { state, reason: None, charge_amount },
        asked_at: sent_at(),
        created_at: None,
        captured: if state == AmazonChargeState::Captured { charge_amount } else { AmountView::Absent },
        refunded: AmountView::Absent,
        expires_at: None,
    }
}

fn address() -> Address {
    Address { city: Some("Seattle".to_string()), ..Address::default() }
}

fn checkout(intent: PaymentIntent, state: AttemptState) -> Checkout {
    let has_left = matches!(state, AttemptState::Finalize(InFlight::Recorded { left_at: Some(_), .. }));
    let was_refused = matches!(state, AttemptState::NotApproved(_));
    let spent_keys = u32::from(has_left || was_refused);
    let attempt = Attempt {
        number: AttemptNumber::FIRST,
        checkout_session_id: CheckoutSessionId::parse("session1").unwrap(),
        given: GivenAddresses::default(),
        bearer: Bearer::Shop,
        bound_at: sent_at(),
        buyer_seen_at: sent_at(),
        spent_keys,
        turned_away: None,
        turned_away_terms: None,
        waits_for: None,
        refused_keys: u32::from(was_refused),
        terms_version: 1,
        account: None,
        refusal: None,
        unreadable_count: 0,
        sends: sends_of(&state),
        was_sent: matches!(state, AttemptState::NotPaid { charge: Some(_), .. }),
        state,
    };
    Checkout { attempts: vec![attempt], ..unpaid(intent) }
}

/// What is known of the sends of an attempt in this state: one is unanswered, if one was sent.
fn sends_of(state: &AttemptState) -> Sends {
    match state {
        AttemptState::Finalize(InFlight::Sent { .. } | InFlight::InDoubt(_))
        | AttemptState::Unresolved { send: Some(_), .. } => Sends::one_unanswered(),
        _ => Sends::default(),
    }
}

/// The order with its session Completed, and proved to be completed by this store.
fn proved_ours(mut checkout: Checkout) -> Checkout {
    let charge_id = (checkout.terms.payment_intent != PaymentIntent::Confirm).then(charge);
    checkout.attempts[0].sends.completed = Some(Box::new(CompletedSession {
        charge_permission_id: permission(),
        charge_id,
        silence_count: 0,
        was_asked: false,
        completed_by: CompletedBy::Us,
    }));
    checkout
}

fn unpaid(intent: PaymentIntent) -> Checkout {
    Checkout {
        id: CheckoutId::parse("c1").unwrap(),
        order_id: "1001".to_string(),
        terms: Terms {
            product_type: ProductType::PayAndShip,
            payment_intent: intent,
            can_handle_pending_authorization: intent == PaymentIntent::Authorize,
            charge_amount: amount(),
            total_order_amount: None,
            supplementary_data: None,
            merchant_metadata: MerchantMetadata::default(),
            shipping_address: None,
            quoted_address: None,
        },
        terms_version: 1,
        attempts: Vec::new(),
        payment: None,
        cancellation: None,
        cart: None,
        superseded_by: None,
        unexplained: Vec::new(),
        decisions: Decisions::default(),
        registered_at: sent_at(),
    }
}

/// The session of a buyer who agreed to these terms.
fn open_session(terms: &Terms) -> OpenSession {
    OpenSession {
        product_type: Some(terms.product_type),
        payment_intent: Some(terms.payment_intent),
        can_handle_pending_authorization: Some(terms.can_handle_pending_authorization),
        charge_amount: Some(terms.charge_amount),
        total_order_amount: terms.total_order_amount,
        supplementary_data: terms.supplementary_data.clone(),
        merchant_reference_id: Some("c1".to_string()),
        store_id: None,
        environment: Some(Environment::Sandbox),
        shipping_address: Some(address()),
        billing_address: None,
        charge_permission_id: None,
        unknown_word: None,
    }
}

fn open() -> SessionView {
    SessionView::Open(Box::new(open_session(&unpaid(PaymentIntent::Authorize).terms)))
}

/// The event of an attempt.
fn what(event: &CheckoutEvent) -> &AttemptEvent {
    match event {
        CheckoutEvent::Attempt { event, .. } => event,
        CheckoutEvent::Payment(_) | CheckoutEvent::Decision { .. } => {
            panic!("expected an event of an attempt: {event:?}")
        }
    }
}

fn send() -> KeyedRequest {
    KeyedRequest { n: KeyOrdinal::FIRST, idempotency_key: key_of(1), body: Arc::from(*b"body") }
}

fn access() -> Access {
    Access("SANDBOX-K1 https://amazon.example".to_string())
}

/// This many answers that there is no such session, the first at this instant, and when a charge was shown.
fn absence(count: u32, first_at: Timestamp, reach_proved_at: Option<Timestamp>) -> Absence {
    Absence { access: access(), count, first_at, reach_proved_at }
}

fn doubt() -> Doubt {
    Doubt {
        send: send(),
        send_count: 1,
        sent_at: sent_at(),
        since: sent_at(),
        look: LookSchedule { at: sent_at().plus(SECOND), count: 0 },
        alarm_count: 0,
        stored_error: None,
        missing: None,
        refusals: StatusRefusals::default(),
        asked_again: None,
        must_be_compared: false,
    }
}

/// A doubt of which every send was refused because of the session's status.
fn refused_doubt() -> Doubt {
    Doubt { refusals: StatusRefusals { count: 1, ..StatusRefusals::default() }, ..doubt() }
}

/// An attempt that was not approved, and was seen Open at this instant.
fn not_approved(seen_at: Timestamp, asked_again: Option<Timestamp>) -> AttemptState {
    AttemptState::NotApproved(NotApproved { doubt: refused_doubt(), seen_at, asked_again })
}

/// An attempt that is to be sent, after it left at this instant and was turned away, or could not connect.
fn approved(left_at: Option<Timestamp>, retry_at: Timestamp) -> AttemptState {
    AttemptState::Finalize(InFlight::Recorded { earlier: Some(send()), left_at, retry_at })
}

fn finalizing(lease_until: Timestamp) -> AttemptState {
    AttemptState::Finalize(InFlight::Sent { send: send(), sent_at: sent_at(), lease_until })
}

fn in_doubt_attempt(doubt: Doubt) -> AttemptState {
    AttemptState::Finalize(InFlight::InDoubt(doubt))
}

/// What comes next for an attempt, in one word.
fn next_word(next: &NextStep) -> &'static str {
    match next {
        NextStep::Rest => "Rest",
        NextStep::Agree(_) => "Agree",
        NextStep::Begin(_) => "Begin",
        NextStep::LookAtSession(_) => "LookUp",
        NextStep::LookAtAttemptsCharge { .. } => "AskCharge",
        NextStep::LookAtAttemptsPermission { .. } => "AskPermission",
        NextStep::ProveBySending(_) => "ProveBySending",
        NextStep::SendAgain(_) => "Resend",
        NextStep::ProveReach(_) => "ProveReach",
        other => panic!("expected a step of an attempt: {other:?}"),
    }
}

fn completed(completion: Completion) -> AttemptState {
    AttemptState::Completed { completion, charge_permission_id: permission(), at: sent_at() }
}

fn unresolved(reason: UnresolvedReason) -> AttemptState {
    AttemptState::Unresolved {
        reason,
        send: Some(send()),
        sent_at: sent_at(),
        look_at: sent_at().plus(24 * 3_600 * SECOND),
    }
}

/// Every state, each in its simplest form.
fn states() -> Vec<AttemptState> {
    let at = sent_at();
    let mut states = vec![
        AttemptState::Bound { retry_at: at, missing: None },
        approved(None, at),
        approved(Some(at), at),
        finalizing(at.plus(30 * SECOND)),
        in_doubt_attempt(doubt()),
        AttemptState::Pending {
            charge_permission_id: permission(),
            charge_id: charge(),
            since: at,
            look: LookSchedule { at: at.plus(5 * SECOND), count: 0 },
            alarm_count: 0,
        },
        completed(Completion::Authorized(charge())),
        AttemptState::NotPaid {
            reason: NotPaidReason::Declined("HardDeclined".to_string()),
            charge: None,
            at,
        },
        not_approved(at, None),
        not_approved(at, Some(at)),
        AttemptState::Surplus { of: AttemptNumber::new(2) },
        AttemptState::Released { at },
    ];
    states.extend(UnresolvedReason::ALL.iter().map(|reason| unresolved(*reason)));
    states
}

fn after(now: Timestamp, at: Timestamp) -> String {
    format!("+{}s", at.since(now).as_secs())
}

/// A state in a few words, its times relative to now.
fn words(attempt: &Attempt, now: Timestamp) -> String {
    let name = attempt.state.name();
    match &attempt.state {
        AttemptState::Bound { retry_at, missing: Some(missing) } => {
            format!("{name} again {} not found {}", after(now, *retry_at), missing.count)
        }
        AttemptState::Bound { retry_at, .. }
        | AttemptState::Finalize(InFlight::Recorded { left_at: None, retry_at, .. }) => {
            format!("{name} again {}", after(now, *retry_at))
        }
        AttemptState::Finalize(InFlight::Recorded { left_at: Some(_), retry_at, .. }) => {
            format!("{name} after key {} again {}", attempt.spent_keys, after(now, *retry_at))
        }
        AttemptState::Finalize(InFlight::Sent { send, lease_until, .. }) => {
            format!("{name} key {} lease {}", send.n, after(now, *lease_until))
        }
        AttemptState::Finalize(InFlight::InDoubt(doubt)) => {
            let mut text = format!("{name} sent {} look {}", doubt.send_count, after(now, doubt.look.at));
            if let Some(StoredError { cause, replay_count }) = &doubt.stored_error {
                text.push_str(&format!(" [{cause}] replayed {replay_count}"));
            }
            if let Some(missing) = &doubt.missing {
                text.push_str(&format!(" not found {}", missing.count));
            }
            if let Some(at) = doubt.asked_again {
                text.push_str(&format!(" asked again {}", after(now, at)));
            }
            text
        }
        AttemptState::Pending { look, .. } => format!("{name} look {}", after(now, look.at)),
        AttemptState::Completed { completion, .. } => match completion {
            Completion::Captured(_) => format!("{name} Captured"),
            Completion::CaptureInitiated(_) => format!("{name} CaptureInitiated"),
            Completion::Authorized(_) => format!("{name} Authorized"),
            Completion::Confirmed => format!("{name} Confirmed"),
        },
        AttemptState::NotPaid { reason, .. } => format!("{name} {}", reason.code()),
        AttemptState::Unresolved { reason, look_at, .. } => {
            format!("{name} {reason} look {}", after(now, *look_at))
        }
        AttemptState::NotApproved(waiting) => {
            let mut text = format!("{name} look {}", after(now, waiting.doubt.look.at));
            if let Some(at) = waiting.asked_again {
                text.push_str(&format!(" asked again {}", after(now, at)));
            }
            text
        }
        AttemptState::Surplus { of } => format!("{name} of {of}"),
        AttemptState::Released { .. } => name.to_string(),
    }
}

fn happened(step: &CheckoutStep) -> String {
    let events = step.events.iter().map(|event| match what(event) {
        AttemptEvent::Call(CallEvent::Alarm { lasting }) => format!("DoubtAlarm {}s", lasting.as_secs()),
        AttemptEvent::Contradiction { found, .. } => format!("Contradiction: {found}"),
        AttemptEvent::Contradicted { misfit, .. } => format!("Contradicted: {misfit}"),
        AttemptEvent::LookedUp { .. } => "LookedUp".to_string(),
        AttemptEvent::Call(CallEvent::NotEvaluated { .. }) => "NotEvaluated".to_string(),
        AttemptEvent::Call(CallEvent::DoubtBegan { .. }) => "DoubtBegan".to_string(),
        AttemptEvent::SurplusRecorded { of } => format!("Surplus of {of}"),
        AttemptEvent::WaitsForOrder(other) => format!("waits for {other}"),
        AttemptEvent::Call(CallEvent::Sent { n, send_count }) => format!("FinalizeSent {n}.{send_count}"),
        AttemptEvent::Call(CallEvent::NotSent) => "NotSent".to_string(),
        other @ (AttemptEvent::SessionBound
        | AttemptEvent::SessionReleased
        | AttemptEvent::Approved
        | AttemptEvent::ReachProved
        | AttemptEvent::PendingBegan
        | AttemptEvent::Completed
        | AttemptEvent::NotPaid
        | AttemptEvent::NotApproved
        | AttemptEvent::Settled
        | AttemptEvent::Unresolved) => format!("{other:?}"),
    });
    events.collect::<Vec<_>>().join(", ")
}

/// The right side of a row: what happened to the first attempt.
fn outcome(before: &Checkout, step: Option<&CheckoutStep>, now: Timestamp) -> String {
    let Some(step) = step else { return "–".to_string() };
    let state = match (before.attempt(AttemptNumber::FIRST), step.next.attempt(AttemptNumber::FIRST)) {
        (Some(before), Some(after)) if before == after => "unchanged".to_string(),
        (_, Some(after)) => words(after, now),
        (_, None) => "?".to_string(),
    };
    match happened(step) {
        events if events.is_empty() => state,
        events => format!("{state} ({events})"),
    }
}
