//! Open work as entries of an index, so that a survey can count the work, and find what is stuck, without
//! reading a single checkout.

use countersign_domain::merchant::attempt::{Attempt, AttemptState};
use countersign_domain::merchant::call::{CallKind, InFlight};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::cancellation::CancellationState;
use countersign_domain::merchant::checkout::unexplained::UnexplainedState;
use countersign_domain::merchant::payment::Payment;
use countersign_domain::merchant::payment::charge::ChargeState;
use countersign_domain::merchant::payment::operation::{Operation, OperationState};
use countersign_domain::merchant::rules::Deadline;
use countersign_domain::time::Timestamp;
use countersign_store::contract::IndexEntry;

/// Checkouts by their open work: kind, state, and since when, in this order.
pub(crate) const INDEX: &str = "checkout_by_open_work";

/// The kind and the state of open work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OpenWork {
    /// `attempt`, `cancellation`, `unexplained`, or an operation's call.
    pub(crate) kind: String,
    pub(crate) state: String,
}

/// The prefixes of the entries of all calls that are on their way.
pub(super) fn sent_calls() -> Vec<String> {
    let finalize = format!("{ATTEMPT} {} ", AttemptState::FINALIZING);
    let operations = CallKind::OPERATIONS.map(|call| format!("{} {} ", call.name(), OperationState::SENDING));
    std::iter::once(finalize).chain(operations).collect()
}

/// The kind of an attempt's entry.
const ATTEMPT: &str = "attempt";

/// Checkouts by the deadlines of their Authorized charges: the deadline, and when it passes.
pub(crate) const CAPTURES: &str = "checkout_by_capture_deadline";

/// The entries of a checkout.
pub(crate) fn entries(checkout: &Checkout) -> Vec<IndexEntry> {
    let attempts = checkout.attempts.iter().filter_map(|attempt| {
        let since = open_since(attempt)?;
        let state = if attempt.state.is_contradicted() { "Contradicted" } else { attempt.state.name() };
        Some(entry(ATTEMPT, state, since))
    });
    let operations = checkout.payment.iter().flat_map(Payment::in_flight).filter_map(|operation| {
        let since = in_flight_since(operation)?;
        Some(entry(operation.request.call(), operation.state.name(), since))
    });
    let cancellation = checkout.cancellation.iter().filter_map(|cancellation| match cancellation.state {
        CancellationState::Requested { .. } => {
            Some(entry("cancellation", "Requested", cancellation.requested_at))
        }
        CancellationState::Done { .. } => None,
    });
    let unexplained = checkout.unexplained.iter().filter_map(|it| match &it.state {
        UnexplainedState::Open { since, .. } => Some(entry("unexplained", it.state.name(), *since)),
        UnexplainedState::Heard { .. } | UnexplainedState::Watched { .. } | UnexplainedState::Over { .. } => {
            None
        }
    });
    let charges = checkout.payment.iter().flat_map(|payment| &payment.charges);
    let authorized = charges.filter(|charge| charge.state == ChargeState::Authorized && charge.is_ours());
    let captures = authorized.flat_map(|charge| {
        Deadline::ALL.iter().map(|deadline| IndexEntry {
            index: CAPTURES,
            value: capture_value(*deadline, charge.deadline_at(*deadline)),
        })
    });
    attempts.chain(operations).chain(cancellation).chain(unexplained).chain(captures).take(MOST).collect()
}

/// The largest number of entries of one checkout: a document has room for them in addition to its others.
const MOST: usize = 200;

/// The entry of an Authorized charge: the deadline, and when it passes.
pub(crate) fn capture_value(deadline: Deadline, at: Timestamp) -> String {
    format!("{} {:015}", deadline.as_str(), at.as_millis())
}

fn in_flight_since(operation: &Operation) -> Option<Timestamp> {
    operation.state.in_flight().map(|in_flight| match in_flight {
        InFlight::Recorded { .. } => operation.requested_at,
        InFlight::Sent { sent_at, .. } => *sent_at,
        InFlight::InDoubt(doubt) => doubt.since,
    })
}

fn entry(kind: &str, state: &str, since: Timestamp) -> IndexEntry {
    // Fifteen digits are enough for every instant, so the order of the texts is the order of time.
    IndexEntry { index: INDEX, value: format!("{kind} {state} {:015}", since.as_millis()) }
}

/// Parses the value of an entry.
pub(crate) fn parse(value: &str) -> Option<(OpenWork, Timestamp)> {
    let mut words = value.split(' ');
    let (kind, state, since) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
    let what = OpenWork { kind: kind.to_owned(), state: state.to_owned() };
    Some((what, Timestamp::from_millis(since)))
}

/// Since when, at least approximately, an attempt has been in its state; `None` when the attempt is over.
fn open_since(attempt: &Attempt) -> Option<Timestamp> {
    match &attempt.state {
        AttemptState::Bound { .. } => Some(attempt.bound_at),
        AttemptState::Finalize(InFlight::Recorded { left_at, .. }) => {
            Some(left_at.unwrap_or(attempt.bound_at))
        }
        AttemptState::Finalize(InFlight::Sent { sent_at, .. }) | AttemptState::Unresolved { sent_at, .. } => {
            Some(*sent_at)
        }
        AttemptState::Finalize(InFlight::InDoubt(doubt)) => Some(doubt.since),
        AttemptState::Pending { since, .. } => Some(*since),
        AttemptState::NotPaid { at, .. } if attempt.state.is_contradicted() => Some(*at),
        AttemptState::NotApproved(waiting) => Some(waiting.doubt.since),
        AttemptState::Completed { .. }
        | AttemptState::NotPaid { .. }
        | AttemptState::Surplus { .. }
        | AttemptState::Released { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use countersign_domain::ids::IdempotencyKey;
    use countersign_domain::merchant::call::{Doubt, KeyedRequest, LookSchedule, StatusRefusals};
    use countersign_domain::merchant::number::{KeyOrdinal, OperationNumber};
    use countersign_domain::merchant::payment::operation::{
        OperationEffect, OperationName, OperationRequest, PaymentCall,
    };
    use countersign_domain::merchant::payment::permission::PermissionState;

    use super::*;
    use crate::events::fact::tests::{at, charge_id, checkout, usd};

    #[test]
    fn what_is_open_after_success_is_counted_and_what_is_over_is_not() {
        let mut checkout = checkout(PermissionState::Chargeable);
        let send = KeyedRequest {
            n: KeyOrdinal::FIRST,
            idempotency_key: IdempotencyKey::parse("k1").unwrap(),
            body: std::sync::Arc::from(&b"{}"[..]),
        };
        let doubt = Doubt {
            send: send.clone(),
            send_count: 1,
            sent_at: at(),
            since: at(),
            look: LookSchedule { at: at(), count: 0 },
            alarm_count: 0,
            stored_error: None,
            missing: None,
            refusals: StatusRefusals::default(),
            asked_again: None,
            must_be_compared: false,
        };
        let states = [
            OperationState::InFlight(InFlight::Recorded { earlier: None, left_at: None, retry_at: at() }),
            OperationState::InFlight(InFlight::Sent { send, sent_at: at(), lease_until: at() }),
            OperationState::InFlight(InFlight::InDoubt(doubt)),
            OperationState::Done(OperationEffect::Closed),
            OperationState::Refused { code: "InvalidChargeStatus".to_owned() },
        ];
        let payment = checkout.payment.as_mut().unwrap();
        payment.operations = (1..)
            .zip(states)
            .map(|(number, state)| Operation {
                number: OperationNumber::new(number),
                name: OperationName::Shop(format!("r{number}")),
                asked: OperationRequest::Capture { charge_id: None, amount: None },
                request: PaymentCall::Capture { charge_id: charge_id(1), amount: usd(1_000) },
                requested_at: at(),
                last_sent_at: None,
                turned_away: 0,
                alarm_count: 0,
                contradicted_count: 0,
                lead: None,
                state,
            })
            .collect();
        checkout.cancellation.as_mut().unwrap().state =
            CancellationState::Requested { remind_at: at(), is_stuck: false };
        let entries: Vec<_> = entries(&checkout).into_iter().map(|it| (it.index, it.value)).collect();
        let expected = [
            (INDEX, "captureCharge Recorded 001795448820000"),
            (INDEX, "captureCharge Sending 001795448820000"),
            (INDEX, "captureCharge InDoubt 001795448820000"),
            (INDEX, "cancellation Requested 001795448820000"),
            (CAPTURES, "guarantee 001796053620000"),
            (CAPTURES, "expiry 001795535220000"),
        ];
        assert_eq!(entries, expected.map(|(index, value)| (index, value.to_owned())));
    }

    #[test]
    fn an_entry_is_read_back() {
        for millis in [0, 1_795_448_820_000, Timestamp::MAX.as_millis()] {
            let since = Timestamp::from_millis(millis);
            let what = OpenWork { kind: "attempt".to_owned(), state: "InDoubt".to_owned() };
            assert_eq!(parse(&entry("attempt", "InDoubt", since).value), Some((what, since)));
        }
        for text in ["", "attempt", "attempt InDoubt", "attempt InDoubt soon"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
