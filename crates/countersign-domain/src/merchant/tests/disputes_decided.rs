//! What persons decide about a dispute: which verdict is allowed, by how many, and what follows.

use super::decide::decided;
use super::paid::*;
use super::*;
use crate::ids::DisputeId;
use crate::merchant::checkout::standing::{Need, Standing};
use crate::merchant::decision::evidence::Evidence;
use crate::merchant::decision::judge::DecisionRefused;
use crate::merchant::decision::make::{Before, DecisionRequest, check_undecided, make};
use crate::merchant::decision::shown::AmazonShows;
use crate::merchant::decision::{Asked, DecisionState, SECOND_WITHIN, Subject};
use crate::merchant::payment::dispute::{Dispute, DisputeState};

fn id(n: u32) -> DisputeId {
    DisputeId::parse(&format!("S01-1-B{n}")).unwrap()
}

fn open(n: u32) -> Dispute {
    let state = DisputeState::Open { remind_at: sent_at().plus(DAY) };
    Dispute { id: id(n), charge_id: Some(charge()), amount: None, opened_at: sent_at(), state }
}

/// An order of 100.00 that was captured, with these disputes.
fn disputed(disputes: Vec<Dispute>) -> Checkout {
    let captured = payment_of(vec![charge_in(ChargeState::Captured(hundred()))]);
    paid(Payment { disputes, ..captured })
}

/// The order after one person's decision, and the decision's state or its refusal.
fn by(
    before: &Checkout,
    actor: &str,
    n: u32,
    asked: &Asked,
    now: Timestamp,
) -> (Checkout, String, Vec<CheckoutEvent>) {
    let (subject, evidence) = (Subject::Dispute(id(n)), Evidence::parse("Seller Central shows it").unwrap());
    let reference = format!("{actor} {}", before.decisions.made.len());
    let request =
        DecisionRequest { subject: &subject, asked, reference: &reference, actor, evidence: &evidence };
    let shows = AmazonShows::default();
    let (step, made) =
        decided(before, now, &rules(), |draft| make(draft, &request, &shows, Before::Undecided));
    let word = match made {
        Ok(decision) => decision.state.name().to_string(),
        Err(refused) => format!("{refused:?}"),
    };
    let (next, events) = step.map_or_else(|| (before.clone(), Vec::new()), |step| (step.next, step.events));
    (next, word, events)
}

fn state(checkout: &Checkout, n: u32) -> &'static str {
    checkout.payment.as_ref().unwrap().dispute(&id(n)).unwrap().state.name()
}

fn lost(minor: u64) -> Asked {
    Asked::Lost { amount: Some(usd(minor)) }
}

// Promise: B19, D03
#[test]
fn a_person_says_how_a_dispute_ended_and_the_order_needs_nobody_any_more() {
    let now = sent_at().plus(DAY);
    for (asked, expected, gate) in [
        (Asked::Won, "Won", (true, fulfilment::Reason::Captured)),
        (Asked::Lost { amount: None }, "Lost", (false, fulfilment::Reason::Disputed)),
        (lost(10_000), "Lost", (false, fulfilment::Reason::Disputed)),
        (lost(4_000), "Lost", (true, fulfilment::Reason::Captured)),
    ] {
        let before = disputed(vec![open(1)]);
        assert_eq!(before.needs(), [Need::Disputed]);
        assert_eq!(check_undecided(&before, &Subject::Dispute(id(1)), now), Ok(()));
        let (after, made, events) = by(&before, "alice", 1, &asked, now);
        assert_eq!((made.as_str(), state(&after, 1)), ("Made", expected), "{asked:?}");
        assert_eq!(after.needs(), [], "{asked:?}");
        let is_fact = |event: &&CheckoutEvent| {
            matches!(
                event,
                CheckoutEvent::Payment(PaymentEvent::DisputeWon(_) | PaymentEvent::DisputeLost(_))
            )
        };
        assert_eq!(events.iter().filter(is_fact).count(), 1, "{asked:?}");
        let seen = LastSeen::At(now);
        let mut shown = after.clone();
        shown.payment.as_mut().unwrap().charges[0].sight = seen;
        let answer = fulfilment(&shown, None, now).unwrap();
        assert_eq!((answer.may_ship, answer.reason), gate, "{asked:?}");
        if gate.0 {
            assert_ne!(shown.standing(now), Standing::Disputed, "{asked:?}");
        }
        // The same again is decided like this.
        assert_eq!(by(&after, "bob", 1, &asked, now).1, "NotUndecided", "{asked:?}");
        assert_eq!(by(&after, "bob", 1, &Asked::Remind { at: None }, now).1, "NotUndecided");
    }
}

#[test]
fn a_decision_about_a_dispute_is_refused_if_it_cannot_be_so() {
    let now = sent_at().plus(DAY);
    let before = disputed(vec![open(1)]);
    let euros = Asked::Lost { amount: Some(Money::from_minor(1, Currency::EUR)) };
    for (n, asked, expected) in [
        (2, Asked::Won, "NoSuchDispute"),
        (1, lost(10_001), "AboveCaptured(100.00 USD)"),
        (1, lost(0), "AboveCaptured(100.00 USD)"),
        (1, euros, "AboveCaptured(100.00 USD)"),
        (1, Asked::Ours, "NotOfVerdict(\"verdict\")"),
        (1, Asked::NoEffect, "NotOfVerdict(\"verdict\")"),
        (1, Asked::Remind { at: Some(now) }, "ReminderOutOfRange"),
        (1, Asked::Remind { at: None }, "Reminds"),
    ] {
        let (after, made, _) = by(&before, "alice", n, &asked, now);
        assert_eq!(made, expected, "{asked:?}");
        assert_eq!(state(&after, 1), "Open");
    }
    let unpaid = unpaid(PaymentIntent::Authorize);
    let subject = Subject::Dispute(id(1));
    assert_eq!(check_undecided(&unpaid, &subject, now), Err(DecisionRefused::NoSuchDispute));
}

// Promise: B19, D03
#[test]
fn what_was_said_wrongly_of_a_dispute_is_superseded_by_two_and_nothing_ships_until_they_agree() {
    let now = sent_at().plus(DAY);
    for (first, then, ends) in [
        (Asked::Won, Asked::Lost { amount: None }, "Lost"),
        (Asked::Lost { amount: None }, Asked::Won, "Won"),
        (lost(4_000), lost(3_000), "Lost"),
    ] {
        let (before, _, _) = by(&disputed(vec![open(1), open(2)]), "alice", 2, &Asked::Won, now);
        let (before, _, _) = by(&before, "alice", 1, &first, now);
        let (after, made, events) = by(&before, "bob", 1, &then, now);
        assert_eq!(made, "AwaitsSecond", "{first:?}");
        assert_eq!(events.len(), 1, "nothing is settled yet: {events:?}");
        assert_eq!(fulfilment(&after, None, now).unwrap().reason, fulfilment::Reason::DecisionDisputed);
        assert_eq!(after.needs(), [Need::Disputed]);
        // Alone it expires, and the dispute about it lasts.
        let late = now.plus(SECOND_WITHIN);
        let expired =
            decided(&after, late, &rules(), crate::merchant::decision::due::take_up).0.unwrap().next;
        assert!(matches!(expired.decisions.made.last().unwrap().state, DecisionState::Expired { .. }));
        assert_eq!(fulfilment(&expired, None, late).unwrap().reason, fulfilment::Reason::DecisionDisputed);
        let (after, made, _) = by(&after, "carol", 1, &then, now);
        assert_eq!((made.as_str(), state(&after, 1)), ("Made", ends), "{first:?}");
        assert_eq!(after.needs(), []);
        assert_ne!(fulfilment(&after, None, now).unwrap().reason, fulfilment::Reason::DecisionDisputed);
        // Or two say that it stays as it was said.
        let (kept, _, _) = by(&by(&before, "bob", 1, &then, now).0, "carol", 1, &first, now);
        let (kept, made, _) = by(&kept, "dave", 1, &first, now);
        assert_eq!((made.as_str(), state(&kept, 1)), ("Made", state(&before, 1)), "{first:?}");
        assert_eq!(kept.needs(), []);
    }
}
