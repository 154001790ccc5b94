//! The merchant's rules as tables that a person can hold against the design, and as a model under
//! random sequences of decisions.

mod answers;
mod canceling;
mod life;
mod model;
mod operations;
mod paid;
mod plan;
mod shown;
mod time;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::attempt::{
    Attempt, AttemptState, Completion, Doubt, GivenAddresses, NotPaidReason, Send, UnresolvedReason,
};
use super::checkout::{Checkout, Terms};
use super::completion::{CheckoutEvent, CheckoutStep, CompletionRules, Happened, OpenSession, SessionSeen};
use crate::address::Address;
use crate::ids::{ChargeId, ChargePermissionId, CheckoutId, CheckoutSessionId, Environment, IdempotencyKey};
use crate::money::{Currency, Money};
use crate::terms::{MerchantMetadata, PaymentIntent, ProductType};
use crate::time::Timestamp;

const SECOND: Duration = Duration::from_secs(1);

/// When the attempts of the tables were sent.
fn sent_at() -> Timestamp {
    Timestamp::parse("20261123T120000Z").unwrap()
}

fn rules() -> CompletionRules {
    CompletionRules::default()
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

fn address() -> Address {
    Address { city: Some("Seattle".to_string()), ..Address::default() }
}

fn checkout(intent: PaymentIntent, state: AttemptState) -> Checkout {
    let spent_keys = u32::from(matches!(state, AttemptState::Approved { sent_at: Some(_), .. }));
    let attempt = Attempt {
        number: 1,
        checkout_session_id: CheckoutSessionId::parse("session1").unwrap(),
        given: GivenAddresses::default(),
        bound_at: sent_at(),
        buyer_seen_at: sent_at(),
        spent_keys,
        state,
    };
    Checkout { attempts: vec![attempt], ..unpaid(intent) }
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
        environment: Some(Environment::Sandbox),
        shipping_address: Some(address()),
        billing_address: None,
        unknown_word: None,
    }
}

fn open() -> SessionSeen {
    SessionSeen::Open(Box::new(open_session(&unpaid(PaymentIntent::Authorize).terms)))
}

/// What happened to an attempt.
fn what(event: &CheckoutEvent) -> &Happened {
    match event {
        CheckoutEvent::Attempt(event) => &event.what,
        CheckoutEvent::Payment(event) => panic!("not of an attempt: {event:?}"),
    }
}

fn send() -> Send {
    Send { n: 1, idempotency_key: key_of(1), body: Arc::from(*b"body") }
}

fn doubt() -> Doubt {
    Doubt {
        send: send(),
        send_count: 1,
        sent_at: sent_at(),
        since: sent_at(),
        look_at: sent_at().plus(SECOND),
        look_count: 0,
        stored_error: None,
        stored_error_count: 0,
        not_found_count: 0,
        alarm_count: 0,
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

/// Every state, each in its plainest form.
fn states() -> Vec<AttemptState> {
    let at = sent_at();
    let body: Arc<[u8]> = Arc::from(*b"body");
    let mut states = vec![
        AttemptState::Bound { retry_at: at },
        AttemptState::Approved { body: body.clone(), sent_at: None, retry_at: at },
        AttemptState::Approved { body, sent_at: Some(at), retry_at: at },
        AttemptState::Finalizing { send: send(), sent_at: at, lease_until: at.plus(30 * SECOND) },
        AttemptState::InDoubt(doubt()),
        AttemptState::Pending {
            charge_permission_id: permission(),
            charge_id: charge(),
            since: at,
            look_at: at.plus(5 * SECOND),
            look_count: 0,
            alarm_count: 0,
        },
        completed(Completion::Authorized(charge())),
        AttemptState::NotPaid {
            reason: NotPaidReason::Declined("HardDeclined".to_string()),
            charge: None,
            at,
        },
        AttemptState::Surplus { of: 2 },
    ];
    states.extend(UnresolvedReason::ALL.iter().map(|reason| unresolved(*reason)));
    states
}

fn after(now: Timestamp, at: Timestamp) -> String {
    format!("+{}s", at.since(now).as_secs())
}

/// A state in a few words, its times as seen from now.
fn words(attempt: &Attempt, now: Timestamp) -> String {
    let name = attempt.state.name();
    match &attempt.state {
        AttemptState::Bound { retry_at, .. } | AttemptState::Approved { sent_at: None, retry_at, .. } => {
            format!("{name} again {}", after(now, *retry_at))
        }
        AttemptState::Approved { sent_at: Some(_), retry_at, .. } => {
            format!("{name} after key {} again {}", attempt.spent_keys, after(now, *retry_at))
        }
        AttemptState::Finalizing { send, lease_until, .. } => {
            format!("{name} key {} lease {}", send.n, after(now, *lease_until))
        }
        AttemptState::InDoubt(doubt) => {
            let mut text = format!("{name} sent {} look {}", doubt.send_count, after(now, doubt.look_at));
            if let Some(error) = &doubt.stored_error {
                text.push_str(&format!(" [{error}] replayed {}", doubt.stored_error_count));
            }
            if doubt.not_found_count > 0 {
                text.push_str(&format!(" not found {}", doubt.not_found_count));
            }
            text
        }
        AttemptState::Pending { look_at, .. } => format!("{name} look {}", after(now, *look_at)),
        AttemptState::Completed { completion, .. } => match completion {
            Completion::Captured(_) => format!("{name} Captured"),
            Completion::CaptureInitiated(_) => format!("{name} CaptureInitiated"),
            Completion::Authorized(_) => format!("{name} Authorized"),
            Completion::Confirmed => format!("{name} Confirmed"),
        },
        AttemptState::NotPaid { reason, .. } => format!("{name} {}", reason.code()),
        AttemptState::Unresolved { reason, look_at, .. } => {
            format!("{name} {} look {}", reason.code(), after(now, *look_at))
        }
        AttemptState::Surplus { of } => format!("{name} of {of}"),
    }
}

fn happened(step: &CheckoutStep) -> String {
    let events = step.events.iter().map(|event| match what(event) {
        Happened::DoubtAlarm { lasting } => format!("DoubtAlarm {}s", lasting.as_secs()),
        Happened::Contradiction { found, .. } => format!("Contradiction: {found}"),
        Happened::LookedUp { .. } => "LookedUp".to_string(),
        Happened::NotEvaluated { .. } => "NotEvaluated".to_string(),
        Happened::DoubtBegan { .. } => "DoubtBegan".to_string(),
        Happened::SurplusRecorded { of } => format!("Surplus of {of}"),
        Happened::FinalizeSent { n, send_count } => format!("FinalizeSent {n}.{send_count}"),
        other @ (Happened::SessionBound
        | Happened::Approved
        | Happened::NotSent
        | Happened::PendingBegan
        | Happened::Completed
        | Happened::NotPaid
        | Happened::Unresolved) => format!("{other:?}"),
    });
    events.collect::<Vec<_>>().join(", ")
}

/// A row's right side: what became of the first attempt.
fn outcome(before: &Checkout, step: Option<&CheckoutStep>, now: Timestamp) -> String {
    let Some(step) = step else { return "–".to_string() };
    let state = match (before.attempt(1), step.next.attempt(1)) {
        (Some(before), Some(after)) if before == after => "unchanged".to_string(),
        (_, Some(after)) => words(after, now),
        (_, None) => "?".to_string(),
    };
    match happened(step) {
        events if events.is_empty() => state,
        events => format!("{state} ({events})"),
    }
}
