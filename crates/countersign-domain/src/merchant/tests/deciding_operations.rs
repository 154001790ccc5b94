//! What persons decide about operations in doubt: what Amazon must show, and when it shows nothing.

use super::deciding::facts;
use super::paid::*;
use super::*;
use crate::merchant::decision::evidence::Evidence;
use crate::merchant::decision::judge::DecisionRefused;
use crate::merchant::decision::make::{Before, DecisionRequest, make};
use crate::merchant::decision::operation::is_charge_of_others;
use crate::merchant::decision::shown::{AmazonShows, PermissionFacts, RefundFacts, Shown};
use crate::merchant::decision::{Asked, Decision, Subject};
use crate::merchant::payment::send::DECIDED;

fn now() -> Timestamp {
    sent_at().plus(DAY)
}

fn late() -> Timestamp {
    sent_at().plus(32 * DAY)
}

fn subject() -> Subject {
    Subject::Operation(OperationNumber::FIRST)
}

/// The order with its charge of 100.00 of 250.00, and one operation.
fn with(call: PaymentCall, state: OperationState, charges: Vec<Charge>) -> Checkout {
    paid(Payment { operations: vec![operation(1, call, state)], ..payment_of(charges) })
}

fn held() -> Vec<Charge> {
    vec![charge_in(ChargeState::Authorized)]
}

fn kept() -> Vec<Charge> {
    vec![charge_in(ChargeState::Captured(hundred()))]
}

fn by(
    checkout: &Checkout,
    actor: &str,
    asked: &Asked,
    shows: &AmazonShows,
    now: Timestamp,
) -> (Checkout, Result<Decision, DecisionRefused>) {
    let evidence = Evidence::parse("Seller Central shows it").unwrap();
    let reference = format!("{actor} {}", checkout.decisions.made.len());
    let request =
        DecisionRequest { subject: &subject(), asked, reference: &reference, actor, evidence: &evidence };
    let mut draft = Draft::new(checkout.clone(), now, rules());
    let made = make(&mut draft, &request, shows, Before::Otherwise);
    (draft.finish().checkout, made)
}

fn told(checkout: &Checkout, made: &Result<Decision, DecisionRefused>) -> String {
    let state = &checkout.payment.as_ref().unwrap().operations[0].state;
    match made {
        Ok(decision) => format!("{}, {}", decision.state.name(), state.name()),
        Err(refused) => format!("{refused:?}"),
    }
}

fn says(member: &str) -> String {
    format!("AmazonSaysOtherwise({member:?})")
}

fn limits(limit: AmountView, balance: AmountView) -> AmazonShows {
    let facts = PermissionFacts { limit, balance, ..facts() };
    AmazonShows { permission: Shown::It(facts), ..AmazonShows::default() }
}

fn done(charge: &str) -> Asked {
    Asked::Done { charge_id: ChargeId::parse(charge).ok(), refund_id: None }
}

fn made_charge(created_at: Option<Timestamp>, amount: Money) -> ChargeView {
    ChargeView {
        id: ChargeId::parse("S01-1-C2").unwrap(),
        created_at,
        ..view(AmazonChargeState::Authorized, AmountView::Shown(amount))
    }
}

fn shows_charge(view: ChargeView) -> AmazonShows {
    AmazonShows { charge: Shown::It(view), permission: Shown::It(facts()), ..AmazonShows::default() }
}

// Promise: D03
#[test]
fn a_charge_had_no_effect_if_amazons_own_limit_and_balance_account_for_all_that_is_used() {
    let shown = |minor| AmountView::Shown(usd(minor));
    let eur = AmountView::Shown(Money::from_minor(15_000, Currency::EUR));
    let once = "Made, Refused";
    let twice = "AwaitsSecond, InDoubt";
    let early = format!("TooEarly(Some(Timestamp({})))", sent_at().plus(31 * DAY).as_millis());
    for (name, limit, balance, at, expected) in [
        ("all of it is known", shown(25_000), shown(15_000), now(), once.to_string()),
        ("of a higher limit", shown(30_000), shown(20_000), now(), once.to_string()),
        ("a higher limit hides it", shown(30_000), shown(15_000), now(), says("limits.amountBalance")),
        ("as much as it is used besides", shown(25_000), shown(10_000), now(), says("limits.amountBalance")),
        ("more is used besides", shown(25_000), shown(2_000), now(), says("limits.amountBalance")),
        ("too little is used besides", shown(25_000), shown(12_000), now(), twice.to_string()),
        ("less is used than is known", shown(25_000), shown(20_000), now(), "TooEarly".to_string()),
        ("less is used than is known, old", shown(25_000), shown(20_000), late(), twice.to_string()),
        ("no limit", AmountView::Absent, shown(15_000), now(), "TooEarly".to_string()),
        ("no balance", shown(25_000), AmountView::Absent, now(), "TooEarly".to_string()),
        ("no balance, old", shown(25_000), AmountView::Absent, late(), twice.to_string()),
        ("another currency", shown(25_000), eur, now(), says("limits.amountBalance")),
    ] {
        let before = with(create(), in_doubt(), held());
        let (after, made) = by(&before, "alice", &Asked::NoEffect, &limits(limit, balance), at);
        let told = told(&after, &made);
        assert!(told.starts_with(&expected), "{name}: {told}, {early}");
    }
    let silent = AmazonShows { permission: Shown::Silent, ..AmazonShows::default() };
    let (_, made) = by(&with(create(), in_doubt(), held()), "alice", &Asked::NoEffect, &silent, late());
    assert_eq!(made.unwrap_err(), DecisionRefused::AmazonSilent);
}

// Promise: D03
#[test]
fn what_was_made_before_or_by_others_is_not_an_operations_effect() {
    let at = |seconds: u64| Some(sent_at().plus(Duration::from_secs(seconds)));
    let before = || with(create(), in_doubt(), held());
    let known = || {
        let mut charges = held();
        let id = ChargeId::parse("S01-1-C2").unwrap();
        let others = Charge {
            id,
            origin: ChargeOrigin::Elsewhere,
            amount: usd(5_000),
            ..charge_in(ChargeState::Authorized)
        };
        charges.push(others);
        with(create(), in_doubt(), charges)
    };
    let amount = usd(5_000);
    for (name, before, shown, expected) in [
        ("made for it", before(), made_charge(at(1), amount), "Made, Done".to_string()),
        (
            "by a clock that is behind",
            before(),
            made_charge(Some(sent_at().minus(59 * SECOND)), amount),
            "Made, Done".to_string(),
        ),
        (
            "made before",
            before(),
            made_charge(Some(sent_at().minus(61 * SECOND)), amount),
            says("creationTimestamp"),
        ),
        (
            "made long before",
            before(),
            made_charge(Some(sent_at().minus(DAY)), amount),
            says("creationTimestamp"),
        ),
        ("its time is not shown", before(), made_charge(None, amount), says("creationTimestamp")),
        ("of another amount", before(), made_charge(at(1), usd(4_000)), says("chargeAmount")),
        ("known as made by others", known(), made_charge(at(1), amount), "AwaitsSecond, InDoubt".to_string()),
        (
            "known, and made before",
            known(),
            made_charge(Some(sent_at().minus(DAY)), amount),
            says("creationTimestamp"),
        ),
    ] {
        let (after, made) = by(&before, "alice", &done("S01-1-C2"), &shows_charge(shown.clone()), now());
        assert_eq!(told(&after, &made), expected, "{name}");
        if made.is_ok_and(|it| it.second.is_none()) && expected.starts_with("Made") {
            let charge = &after.payment.as_ref().unwrap().charges[1];
            assert_eq!(charge.origin, ChargeOrigin::Operation, "{name}");
        }
    }
    // Two who say so may be right: a notification of it came, and no answer.
    let shown = made_charge(at(1), amount);
    let (first, _) = by(&known(), "alice", &done("S01-1-C2"), &shows_charge(shown.clone()), now());
    let (second, made) = by(&first, "bob", &done("S01-1-C2"), &shows_charge(shown), now());
    assert_eq!(told(&second, &made), "Made, Done");
    // What a person names and is not the effect is made by others: then it is known and counted.
    for (shown, is_of_others) in [
        (made_charge(at(1), amount), false),
        (made_charge(at(1), usd(4_000)), true),
        (made_charge(Some(sent_at().minus(DAY)), amount), true),
        (made_charge(None, amount), false),
        (
            ChargeView {
                charge_permission_id: ChargePermissionId::parse("S01-9").ok(),
                ..made_charge(at(1), usd(4_000))
            },
            false,
        ),
    ] {
        assert_eq!(is_charge_of_others(&before(), OperationNumber::FIRST, &shown), is_of_others, "{shown:?}");
    }
    assert!(!is_charge_of_others(&known(), OperationNumber::FIRST, &made_charge(at(1), usd(4_000))));
}

// Promise: D03
#[test]
fn a_refund_is_done_by_one_that_was_made_for_it() {
    let asked = Asked::Done { charge_id: None, refund_id: Some(refund_id()) };
    let shows = |created_at| AmazonShows {
        charge: Shown::It(charge_shown_as(AmazonChargeState::Captured)),
        permission: Shown::It(facts()),
        refund: Shown::It(RefundFacts { view: refund_shown_as(RefundState::Refunded), created_at }),
        ..AmazonShows::default()
    };
    let known = || {
        let mut charges = kept();
        charges[0].refunds = vec![refund_in(4_000, RefundState::Refunded)];
        charges
    };
    for (name, charges, created_at, expected) in [
        ("made for it", kept(), Some(sent_at()), "Made, Done".to_string()),
        ("made before", kept(), Some(sent_at().minus(DAY)), says("creationTimestamp")),
        ("its time is not shown", kept(), None, says("creationTimestamp")),
        ("known", known(), Some(sent_at()), "AwaitsSecond, InDoubt".to_string()),
    ] {
        let before = with(refund(), in_doubt(), charges);
        let (after, made) = by(&before, "alice", &asked, &shows(created_at), now());
        assert_eq!(told(&after, &made), expected, "{name}");
    }
}

// Promise: D03
#[test]
fn that_amazon_shows_no_refund_yet_needs_two_persons_until_it_has_decided_every_refund() {
    let shows = |refunded| {
        let charge = ChargeView { asked_at: now(), refunded, ..charge_shown_as(AmazonChargeState::Captured) };
        AmazonShows { charge: Shown::It(charge), permission: Shown::It(facts()), ..AmazonShows::default() }
    };
    let shown = |minor| AmountView::Shown(usd(minor));
    let others = |minor| {
        let mut charges = kept();
        charges[0].refunded_elsewhere = Some(usd(minor));
        charges
    };
    let (once, twice) = ("Made, Refused".to_string(), "AwaitsSecond, InDoubt".to_string());
    for (name, charges, refunded, at, expected) in [
        ("none is shown", kept(), shown(0), now(), twice.clone()),
        ("none is shown, old", kept(), shown(0), late(), once.clone()),
        ("too little for it", kept(), shown(3_999), now(), twice.clone()),
        ("too little for it, old", kept(), shown(3_999), late(), once),
        ("as much as it", kept(), shown(4_000), late(), says("refundedAmount")),
        ("more", kept(), shown(9_000), late(), says("refundedAmount")),
        ("it can be what others refunded", others(4_000), shown(4_000), now(), "TooEarly".to_string()),
        ("it can be what others refunded, old", others(4_000), shown(4_000), late(), twice.clone()),
        ("more than others refunded", others(4_000), shown(8_000), late(), says("refundedAmount")),
        ("not shown", kept(), AmountView::Absent, now(), "TooEarly".to_string()),
        ("not shown, old", kept(), AmountView::Absent, late(), twice),
    ] {
        let before = with(refund(), in_doubt(), charges);
        let (after, made) = by(&before, "alice", &Asked::NoEffect, &shows(refunded), at);
        let told = told(&after, &made);
        assert!(told.starts_with(&expected), "{name}: {told}");
    }
}

// Promise: D03
#[test]
fn a_wrong_decision_about_an_operation_is_superseded_by_two() {
    let shows = || shows_charge(made_charge(Some(sent_at()), usd(5_000)));
    let free = || limits(AmountView::Shown(usd(25_000)), AmountView::Shown(usd(15_000)));
    let gate = |checkout: &Checkout| fulfilment(checkout, Some(&charge()), now()).unwrap().reason;
    // No effect, and it has had one.
    let (wrong, made) = by(&with(create(), in_doubt(), held()), "alice", &Asked::NoEffect, &free(), now());
    assert_eq!(told(&wrong, &made), "Made, Refused");
    let (_, made) = by(&wrong, "bob", &Asked::NoEffect, &free(), now());
    assert_eq!(made.unwrap_err(), DecisionRefused::NotUndecided, "it is decided so");
    let (disputed, made) = by(&wrong, "bob", &done("S01-1-C2"), &shows(), now());
    assert_eq!(told(&disputed, &made), "AwaitsSecond, Refused");
    assert_eq!(gate(&disputed), fulfilment::Reason::DecisionDisputed);
    let (right, made) = by(&disputed, "carol", &done("S01-1-C2"), &shows(), now());
    assert_eq!(told(&right, &made), "Made, Done");
    assert_ne!(gate(&right), fulfilment::Reason::DecisionDisputed);
    assert_eq!(right.payment.as_ref().unwrap().charges[1].origin, ChargeOrigin::Operation);
    // Or two repeat what was decided.
    let (first, made) = by(&disputed, "carol", &Asked::NoEffect, &free(), now());
    assert_eq!(told(&first, &made), "AwaitsSecond, Refused");
    let (affirmed, made) = by(&first, "alice", &Asked::NoEffect, &free(), now());
    assert_eq!(told(&affirmed, &made), "Made, Refused");
    assert_ne!(gate(&affirmed), fulfilment::Reason::DecisionDisputed);
    // Done, and others have made it.
    let (first, made) = by(&right, "alice", &Asked::NoEffect, &free(), now());
    assert_eq!(told(&first, &made), "AwaitsSecond, Done");
    let (back, made) = by(&first, "bob", &Asked::NoEffect, &free(), now());
    assert_eq!(told(&back, &made), "Made, Refused");
    let payment = back.payment.as_ref().unwrap();
    assert_eq!(payment.operations[0].state, OperationState::Refused { code: DECIDED.to_string() });
    assert_eq!(payment.charges[1].origin, ChargeOrigin::Elsewhere, "no cancellation undoes it");
    // A capture that Amazon shows to be done stays done.
    let captured = with(capture(), in_doubt(), held());
    let asked = Asked::Done { charge_id: None, refund_id: None };
    let taken = ChargeView { asked_at: now(), ..charge_shown_as(AmazonChargeState::Captured) };
    let (decided, made) = by(&captured, "alice", &asked, &shows_charge(taken.clone()), now());
    assert_eq!(told(&decided, &made), "Made, Done");
    let (_, made) = by(&decided, "bob", &Asked::NoEffect, &shows_charge(taken), now());
    assert_eq!(made.unwrap_err(), DecisionRefused::AmazonSaysOtherwise("statusDetails.state"));
    let (_, made) = by(&decided, "bob", &Asked::Remind { at: None }, &AmazonShows::default(), now());
    assert_eq!(made.unwrap_err(), DecisionRefused::NotUndecided);
}

// Promise: D03
#[test]
fn what_turned_up_after_a_cancellation_and_is_stuck_can_be_decided() {
    let refused = OperationState::Refused { code: "InvalidChargeStatus".to_string() };
    let mut last = operation(1, refund(), refused);
    last.name = OperationName::Own(OwnName::Undo { what: UndoStep::Refund(charge()), try_number: 3 });
    let stuck = |state| {
        let payment = Payment { operations: vec![last.clone()], ..payment_of(kept()) };
        Checkout { cancellation: Some(Cancellation { state, ..cancellation() }), ..paid(payment) }
    };
    let shows = shows_charge(charge_shown_as(AmazonChargeState::Captured));
    for (name, state, expected) in [
        ("asked for, stuck", CancellationState::Requested { remind_at: now(), is_stuck: true }, "Made"),
        ("done, stuck", CancellationState::Done { at: sent_at(), remind_at: Some(now()) }, "Made"),
    ] {
        let before = stuck(state);
        assert_eq!(before.needs().len(), 1, "{name}");
        let (after, made) = by(&before, "alice", &Asked::NoEffect, &shows, now());
        let told = told(&after, &made);
        assert!(told.starts_with(expected), "{name}: {told}");
        let operations = &after.payment.as_ref().unwrap().operations;
        assert_eq!(operations.len(), 2, "{name}: it is tried once more");
    }
}
