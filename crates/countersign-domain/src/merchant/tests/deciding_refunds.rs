//! What a person's decision about an attempt touches: only the payment that Amazon links to the attempt, and of that
//! only the charge that it names.

use super::deciding::*;
use super::paid::{DAY, charge_in, payment_of, usd};
use super::*;
use crate::merchant::decision::judge::DecisionRefused;
use crate::merchant::decision::make::Before;
use crate::merchant::decision::shown::{AmazonShows, PermissionFacts, Shown};
use crate::merchant::decision::{Asked, Decisions, SessionAbsence};
use crate::merchant::payment::dispute::{Dispute, DisputeState};
use crate::merchant::payment::shipment::{PaidBy, Shipment, ShipmentRequest};

const REFERENCE: &str = "AmazonSaysOtherwise(\"merchantMetadata.merchantReferenceId\")";

fn now() -> Timestamp {
    sent_at().plus(3 * DAY)
}

/// An attempt whose session Amazon has not had since a while, and the answers that it has no such session.
fn missing(since: Duration, count: u32, is_reached: bool) -> Checkout {
    let first_at = now().minus(since);
    let absence = absence(count, first_at, is_reached.then_some(first_at));
    let absences = vec![SessionAbsence { attempt: AttemptNumber::FIRST, absence }];
    Checkout {
        decisions: Decisions { absences, ..Decisions::default() },
        ..sent(UnresolvedReason::SessionGone)
    }
}

fn with_session(session: Shown<SessionView>) -> AmazonShows {
    AmazonShows { session, ..all_shown() }
}

// Promise: D03
#[test]
fn the_reference_alone_links_a_payment_only_if_its_session_is_gone_and_two_persons_say_so() {
    let gone = || Shown::It(SessionView::NotFound(access()));
    let day = DAY;
    let long = "AwaitsSecond, Unresolved SessionGone";
    let rows: Vec<(&str, Checkout, AmazonShows, &str, &str)> = vec![
        ("no answer", missing(day, 3, true), with_session(Shown::Silent), "AmazonSilent", "AmazonSilent"),
        ("not asked", missing(day, 3, true), with_session(Shown::NotAsked), "AmazonSilent", "AmazonSilent"),
        ("once", missing(Duration::ZERO, 1, false), with_session(gone()), "TooEarly", "TooEarly"),
        ("twice over a day", missing(day, 2, true), with_session(gone()), "TooEarly", "TooEarly"),
        (
            "over less than a day",
            missing(day - SECOND, 9, true),
            with_session(gone()),
            "TooEarly",
            "TooEarly",
        ),
        ("without a known charge", missing(2 * day, 9, false), with_session(gone()), "TooEarly", "TooEarly"),
        ("gone for a day", missing(day, 3, true), with_session(gone()), long, long),
        ("missing for a day", missing(day, 3, true), with_session(Shown::Missing), long, long),
        (
            "gone, and the permission names another order",
            missing(day, 3, true),
            AmazonShows { permission: Shown::It(facts_of("c2")), ..with_session(gone()) },
            REFERENCE,
            REFERENCE,
        ),
        (
            "completed, without its permission",
            missing(day, 3, true),
            with_session(Shown::It(SessionView::Completed { charge_permission_id: None, charge_id: None })),
            long,
            long,
        ),
        ("it names the permission", missing(day, 3, true), all_shown(), "Made, Completed", long),
    ];
    for (name, before, shows, expected_paid, expected_refund) in rows {
        for (asked, expected) in [(paid(), expected_paid), (refund(amount()), expected_refund)] {
            let (after, made, _) = by(&before, "alice", &asked, &shows, now());
            let told = told(&after, &made);
            assert!(told.starts_with(expected), "{name}, {}: {told}", asked.verdict());
            if made.is_err() {
                assert_eq!(after, before, "{name}");
            }
        }
    }
    // The second person is asked for the same.
    let (first, ..) = by(&missing(day, 3, true), "alice", &paid(), &with_session(gone()), now());
    let (second, made, _) = by(&first, "bob", &paid(), &with_session(gone()), now());
    assert_eq!(told(&second, &made), "Made, Completed");
}

fn facts_of(reference: &str) -> PermissionFacts {
    PermissionFacts { merchant_reference_id: Some(reference.to_string()), ..facts() }
}

// Promise: D03
#[test]
fn a_permission_with_the_reference_of_another_order_is_ours_only_if_our_finalize_was_sent() {
    let rewritten = AmazonShows { permission: Shown::It(facts_of("c2")), ..all_shown() };
    let contradicted = sent(UnresolvedReason::Contradicted);
    for (name, before, asked, expected) in [
        ("never sent", never_sent(), paid(), REFERENCE),
        ("never sent", never_sent(), refund(amount()), REFERENCE),
        ("sent", contradicted.clone(), paid(), "AwaitsSecond, Unresolved Contradicted"),
        ("sent", contradicted, refund(amount()), "AwaitsSecond, Unresolved Contradicted"),
    ] {
        let (after, made, _) = by(&before, "alice", &asked, &rewritten, now());
        assert_eq!(told(&after, &made), expected, "{name}, {}", asked.verdict());
    }
}

/// Amazon has declined what Finalize had captured, so it says; or it shows other money than was captured.
fn contradicted(charges: Vec<Charge>) -> Checkout {
    let state = AttemptState::Completed {
        completion: Completion::Captured(charge()),
        charge_permission_id: permission(),
        at: sent_at(),
    };
    let own = Charge {
        amount: amount(),
        sight: LastSeen::Contradicted(Misfit::CaptureAmountDiffers),
        ..charge_in(ChargeState::Captured(amount()))
    };
    let charges = [own].into_iter().chain(charges).collect();
    Checkout {
        payment: Some(Payment { limit: usd(10_000), ..payment_of(charges) }),
        ..checkout(PaymentIntent::AuthorizeWithCapture, state)
    }
}

fn further(state: ChargeState, origin: ChargeOrigin) -> Charge {
    let id = ChargeId::parse("S01-1-C2").unwrap();
    Charge { id, origin, amount: usd(500), ..charge_in(state) }
}

fn with_parcel(mut checkout: Checkout, index: usize) -> Checkout {
    let parcel = Shipment {
        reference: "parcel".to_string(),
        asked: ShipmentRequest { charge_id: None, amount: None },
        amount: usd(100),
        paid_by: PaidBy::Capture,
        seen_at: sent_at(),
        recorded_at: sent_at(),
    };
    checkout.payment.as_mut().unwrap().charges[index].shipments.push(parcel);
    checkout
}

fn with_operation(mut checkout: Checkout) -> Checkout {
    let done = OperationState::Done(OperationEffect::Charge(charge()));
    let it = super::paid::operation(1, super::paid::capture(), done);
    checkout.payment.as_mut().unwrap().operations.push(it);
    checkout
}

fn canceled(mut checkout: Checkout) -> Checkout {
    checkout.cancellation = Some(super::paid::cancellation());
    checkout
}

// Promise: D03
#[test]
fn a_payment_is_taken_as_shown_only_if_that_is_no_less_than_was_proved() {
    use AmazonChargeState::{AuthorizationInitiated, Authorized, CaptureInitiated, Captured, Declined};
    let captured = || Completion::Captured(charge());
    let authorized = || Completion::Authorized(charge());
    let capturing = || Completion::CaptureInitiated(charge());
    for (completion, state, is_taken) in [
        (captured(), Captured, true),
        (captured(), CaptureInitiated, false),
        (captured(), Authorized, false),
        (captured(), AuthorizationInitiated, false),
        (captured(), Declined, false),
        (capturing(), Captured, true),
        (capturing(), CaptureInitiated, true),
        (capturing(), Authorized, false),
        (authorized(), Authorized, true),
        (authorized(), Captured, true),
        (authorized(), AuthorizationInitiated, false),
    ] {
        let mut before = contradicted(Vec::new());
        let name = format!("{} shown as {state:?}", completion.name());
        before.attempts[0].state =
            AttemptState::Completed { completion, charge_permission_id: permission(), at: sent_at() };
        let shown = ChargeView { created_at: Some(sent_at()), ..view(state, AmountView::Shown(amount())) };
        let shows = AmazonShows { charge: Shown::It(shown), ..all_shown() };
        let (after, made, events) = by(&before, "alice", &paid(), &shows, now());
        let expected =
            if is_taken { "Made, Completed" } else { "AmazonSaysOtherwise(\"statusDetails.state\")" };
        assert_eq!(told(&after, &made), expected, "{name}");
        assert_eq!(after.needs().is_empty(), is_taken, "{name}");
        let again =
            |it: &&CheckoutEvent| matches!(it, CheckoutEvent::Attempt { event: AttemptEvent::Completed, .. });
        assert_eq!(events.iter().filter(again).count(), 0, "{name}: that it is paid is not told twice");
    }
}

fn shown_captured(minor: u64) -> AmazonShows {
    let shown = ChargeView { captured: AmountView::Shown(usd(minor)), ..captured() };
    AmazonShows { charge: Shown::It(shown), ..all_shown() }
}

fn calls(checkout: &Checkout) -> Vec<&'static str> {
    let operations = checkout.payment.iter().flat_map(|payment| &payment.operations);
    operations.map(|it| it.request.call()).collect()
}

// Promise: D03
#[test]
fn a_refund_touches_only_the_charge_that_it_names() {
    let held = || further(ChargeState::Authorized, ChargeOrigin::Operation);
    let of_others = || further(ChargeState::Captured(usd(500)), ChargeOrigin::Elsewhere);
    let over = || further(ChargeState::Declined(None), ChargeOrigin::Operation);
    let asked = refund(usd(900));
    let in_use = "PaymentInUse";
    for (name, before, expected, sent) in [
        ("it alone", contradicted(Vec::new()), "Made, Completed", vec!["createRefund"]),
        (
            "a further charge that came to nothing",
            contradicted(vec![over()]),
            "Made, Completed",
            vec!["createRefund"],
        ),
        ("a further charge that is held", contradicted(vec![held()]), in_use, vec![]),
        ("a charge of others", contradicted(vec![of_others()]), in_use, vec![]),
        ("a parcel", with_parcel(contradicted(Vec::new()), 0), in_use, vec![]),
        ("a parcel of the further charge", with_parcel(contradicted(vec![held()]), 1), in_use, vec![]),
        ("an operation", with_operation(contradicted(Vec::new())), in_use, vec!["captureCharge"]),
    ] {
        let (after, made, _) = by(&before, "alice", &asked, &shown_captured(900), now());
        assert_eq!(told(&after, &made), if made.is_err() { expected } else { "Made, Completed" }, "{name}");
        assert_eq!(calls(&after), sent, "{name}");
        assert_eq!(made.is_err(), after.cancellation.is_none(), "{name}");
    }
    // If the shop cancels the order, the decision ends the contradiction, and the cancellation undoes what it may.
    let before = canceled(with_parcel(contradicted(vec![held()]), 1));
    let (after, made, _) = by(&before, "alice", &asked, &shown_captured(900), now());
    assert_eq!(told(&after, &made), "Made, Completed");
    let cancellation = after.cancellation.as_ref().unwrap();
    assert_eq!(cancellation.extent, Extent::Unshipped, "what has left is not undone");
    assert_eq!(calls(&after), ["createRefund"]);
}

// Promise: D03
#[test]
fn a_refund_names_the_charge_of_the_payment_that_has_begun() {
    let other = ChargeId::parse("S01-1-C9").unwrap();
    let asked =
        |id: &ChargeId| Asked::Refund { charge_permission_id: None, charge_id: id.clone(), amount: usd(900) };
    let mut shows = shown_captured(900);
    if let Shown::It(view) = &mut shows.charge {
        view.id = other.clone();
    }
    shows.session =
        Shown::It(SessionView::Completed { charge_permission_id: Some(permission()), charge_id: None });
    let before = contradicted(Vec::new());
    let (after, made, _) = by(&before, "alice", &asked(&other), &shows, now());
    assert_eq!(told(&after, &made), "AmazonSaysOtherwise(\"chargeId\")");
    assert_eq!(after, before, "the payment is not replaced by another one");
}

// Promise: D03
#[test]
fn a_further_charge_that_amazon_contradicts_is_taken_as_shown_or_refunded_alone() {
    let shown = |state, minor: u64| {
        let amount = AmountView::Shown(usd(minor));
        let view = ChargeView { id: ChargeId::parse("S01-1-C2").unwrap(), ..view(state, amount) };
        AmazonShows { charge: Shown::It(view), ..all_shown() }
    };
    let before = |origin| {
        let further = Charge {
            sight: LastSeen::Contradicted(Misfit::CaptureAmountDiffers),
            ..further(ChargeState::Captured(usd(500)), origin)
        };
        let mut checkout = contradicted(vec![further]);
        checkout.payment.as_mut().unwrap().charges[0].sight = LastSeen::At(sent_at());
        checkout
    };
    let id = || ChargeId::parse("S01-1-C2").unwrap();
    let as_shown = Asked::Paid { charge_permission_id: None, charge_id: Some(id()), amount: None };
    let back = |minor| Asked::Refund { charge_permission_id: None, charge_id: id(), amount: usd(minor) };
    use AmazonChargeState::{Canceled, Captured, Declined};
    use ChargeOrigin::{Elsewhere, Operation};
    for (name, origin, asked, shows, expected, sent) in [
        ("as shown", Operation, as_shown.clone(), shown(Captured, 700), "Made, Completed", vec![]),
        ("as shown", Elsewhere, as_shown.clone(), shown(Captured, 700), "Made, Completed", vec![]),
        ("declined", Operation, as_shown.clone(), shown(Declined, 500), "Made, Completed", vec![]),
        ("canceled", Elsewhere, as_shown.clone(), shown(Canceled, 500), "Made, Completed", vec![]),
        ("back", Operation, back(700), shown(Captured, 700), "Made, Completed", vec!["createRefund"]),
        ("back, of others", Elsewhere, back(700), shown(Captured, 700), "AwaitsSecond, Completed", vec![]),
        ("another amount", Operation, back(500), shown(Captured, 700), "NotWhatIsLeft(7.00 USD)", vec![]),
        ("not paid", Operation, Asked::NotPaid, shown(Captured, 700), "NotUndecided", vec![]),
        ("its own charge", Operation, refund(amount()), all_shown(), "PaymentInUse", vec![]),
    ] {
        let before = before(origin);
        let (after, made, events) = by(&before, "alice", &asked, &shows, now());
        assert_eq!(told(&after, &made), expected, "{name}");
        assert_eq!(calls(&after), sent, "{name}");
        assert!(after.cancellation.is_none(), "{name}");
        if expected.starts_with("Made") {
            let settled = CheckoutEvent::Payment(PaymentEvent::Settled(id()));
            assert_eq!(events.iter().filter(|it| **it == settled).count(), 1, "{name}: {events:?}");
            assert_eq!(after.needs(), [], "{name}");
            assert_eq!(after.decisions.of(&attempt_1()), None, "{name}: the attempt itself was not decided");
        }
    }
}

// Promise: D03
#[test]
fn a_payment_with_disputes_or_refunds_is_not_forgotten() {
    let declined = || {
        let declined = view(AmazonChargeState::Declined, AmountView::Shown(amount()));
        AmazonShows { charge: Shown::It(declined), ..all_shown() }
    };
    let plain = contradicted(Vec::new());
    let mut disputed = plain.clone();
    disputed.payment.as_mut().unwrap().disputes.push(Dispute {
        id: crate::ids::DisputeId::parse("D1").unwrap(),
        charge_id: None,
        amount: None,
        opened_at: sent_at(),
        state: DisputeState::Won { at: sent_at() },
    });
    let mut refunded = plain.clone();
    refunded.payment.as_mut().unwrap().charges[0].refunds =
        vec![super::paid::refund_in(100, RefundState::Refunded)];
    let mut by_others = plain.clone();
    by_others.payment.as_mut().unwrap().charges[0].refunded_elsewhere = Some(usd(100));
    for (name, before, expected) in [
        ("nothing has happened", plain, "Made, NotPaid Decided"),
        ("a dispute", disputed.clone(), "PaymentInUse"),
        ("a refund", refunded.clone(), "PaymentInUse"),
        ("a refund of others", by_others, "PaymentInUse"),
        // The cancellation ends what is left, and nothing is forgotten.
        ("a dispute, canceled", canceled(disputed), "Made, Completed"),
        ("a refund, canceled", canceled(refunded), "Made, Completed"),
    ] {
        let (after, made, _) = by(&before, "alice", &Asked::NotPaid, &declined(), now());
        assert_eq!(told(&after, &made), expected, "{name}");
        if expected == "Made, Completed" {
            let payment = after.payment.as_ref().unwrap();
            assert_eq!(payment.charges[0].state, ChargeState::Declined(None), "{name}");
            assert_eq!(payment.charges[0].contradicted_by(), None, "{name}");
            assert!(!fulfilment(&after, None, now()).unwrap().may_ship, "{name}");
            assert_eq!(after.verdict(), Verdict::Checking(None), "{name}: it is not called paid");
        }
    }
}

// Promise: D03
#[test]
fn money_that_is_taken_up_to_be_returned_is_returned_and_its_permission_is_not_closed() {
    let shows = AmazonShows {
        charge: Shown::It(ChargeView {
            created_at: Some(sent_at()),
            ..view(AmazonChargeState::Authorized, AmountView::Shown(usd(1_500)))
        }),
        ..all_shown()
    };
    let asked = refund(usd(1_500));
    let (first, ..) = by(&never_sent(), "alice", &asked, &shows, now());
    let (second, made, _) = by(&first, "bob", &asked, &shows, now());
    assert_eq!(told(&second, &made), "Made, Unresolved Refunding");
    assert_eq!(calls(&second), ["cancelCharge"]);
    // Amazon cancels it; others have a charge under the same permission.
    let mut draft = Draft::new(second, now().plus(SECOND), rules());
    let gone = ChargeView {
        asked_at: now().plus(SECOND),
        ..view(AmazonChargeState::Canceled, AmountView::Shown(usd(1_500)))
    };
    let others = ChargeView {
        id: ChargeId::parse("S01-1-C7").unwrap(),
        ..view(AmazonChargeState::Authorized, AmountView::Shown(usd(100)))
    };
    for shown in [&others, &gone] {
        super::super::payment::send::charge_shown(&mut draft, shown);
    }
    let number = OperationNumber::FIRST;
    let answer = super::paid::charge_answer(gone.clone());
    super::super::payment::send::answered(&mut draft, number, &answer);
    let after = draft.finish().checkout;
    let payment = after.payment.as_ref().unwrap();
    let mut draft = Draft::new(after.clone(), now().plus(SECOND), rules());
    if payment.operations[0].state.in_flight().is_some() {
        draft.payment().unwrap().end(number, Ok(OperationEffect::Charge(charge())));
    }
    let after = draft.finish().checkout;
    assert_eq!(calls(&after), ["cancelCharge"], "others may have charges under the permission");
    assert_eq!(words_of(&after), "NotPaid OrderCanceled");
    assert!(after.is_canceled());
    // Nor is it closed later, by a reminder.
    let mut later = Draft::new(after, now().plus(2 * DAY), rules());
    while crate::merchant::after::due::take_up_payment(&mut later).is_some() {}
    assert_eq!(calls(&later.finish().checkout), ["cancelCharge"]);
}

// Promise: D03
#[test]
fn what_is_settled_agrees_with_a_decision_only_if_its_ids_do() {
    let completed = checkout(
        PaymentIntent::AuthorizeWithCapture,
        AttemptState::Completed {
            completion: Completion::Captured(charge()),
            charge_permission_id: permission(),
            at: sent_at(),
        },
    );
    let other_charge = ChargeId::parse("S01-1-C9").ok();
    let other_permission = ChargePermissionId::parse("S01-2").ok();
    let (own_permission, own_charge) = (Some(permission()), Some(charge()));
    for (permission, charge, amount, agrees) in [
        (None, None, None, true),
        (own_permission.clone(), own_charge.clone(), Some(amount()), true),
        (other_permission, own_charge.clone(), None, false),
        (own_permission.clone(), other_charge, None, false),
        (own_permission, own_charge, Some(usd(1_500)), false),
    ] {
        let asked = Asked::Paid { charge_permission_id: permission, charge_id: charge, amount };
        let evidence = crate::merchant::decision::evidence::Evidence::parse("x").unwrap();
        let request = crate::merchant::decision::make::DecisionRequest {
            subject: &attempt_1(),
            asked: &asked,
            reference: "1",
            actor: "alice",
            evidence: &evidence,
        };
        let mut draft = Draft::new(completed.clone(), now(), rules());
        let made =
            crate::merchant::decision::make::make(&mut draft, &request, &all_shown(), Before::Undecided);
        assert_eq!(made.is_ok(), agrees, "{asked:?}");
        assert!(agrees || made == Err(DecisionRefused::NotUndecided), "{asked:?}: {made:?}");
    }
}

// Promise: D03
#[test]
fn no_persons_call_paid_what_a_decision_is_refunding() {
    let by_two = |before: &Checkout, asked: &Asked| {
        let (first, ..) = by(before, "alice", asked, &all_shown(), now());
        by(&first, "bob", asked, &all_shown(), now())
    };
    let (called_paid, ..) = by_two(&never_sent(), &paid());
    let (refunded, made, _) = by_two(&called_paid, &refund(amount()));
    assert_eq!(told(&refunded, &made), "Made, Completed");
    let (taken_up, made, _) = by_two(&never_sent(), &refund(amount()));
    assert_eq!(told(&taken_up, &made), "Made, Unresolved Refunding");
    // Its refund is done.
    let mut over = taken_up.clone();
    over.attempts[0].state =
        AttemptState::NotPaid { reason: NotPaidReason::OrderCanceled, charge: None, at: now() };
    let (asked_for, ..) = by(&called_paid, "alice", &refund(amount()), &all_shown(), now());
    let named = Asked::Paid { charge_permission_id: None, charge_id: None, amount: Some(amount()) };
    let rows = [
        ("while the refund of its payment is on its way", &refunded, "OrderCanceled"),
        ("while what was taken up is refunded", &taken_up, "NotUndecided"),
        ("when that is over", &over, "OrderCanceled"),
        ("while one person only asks for the refund", &asked_for, "AwaitsSecond, Completed"),
    ];
    for (name, before, expected) in rows {
        for asked in [paid(), named.clone()] {
            let (after, made, events) = by(before, "carol", &asked, &all_shown(), now());
            assert_eq!(told(&after, &made), expected, "{name}");
            let is_paid = |event: &CheckoutEvent| {
                matches!(event, CheckoutEvent::Attempt { event: AttemptEvent::Completed, .. })
            };
            assert!(!events.iter().any(is_paid), "{name}: {events:?}");
        }
    }
}

// Promise: D03
#[test]
fn what_persons_have_called_unpaid_is_told_once_though_its_money_is_shown_and_returned() {
    let given_back = ChargeView { refunded: AmountView::Shown(amount()), ..super::deciding::captured() };
    let shows = AmazonShows { charge: Shown::It(given_back), ..all_shown() };
    for (reason, facts) in [(NotPaidReason::Decided, 0), (NotPaidReason::Abandoned, 1)] {
        let mut before = never_sent();
        before.attempts[0].state =
            AttemptState::NotPaid { reason: reason.clone(), charge: None, at: sent_at() };
        let mut draft = Draft::new(before, now(), rules());
        draft.contradict_unpaid(AttemptNumber::FIRST, &permission(), &charge());
        let contradicted = draft.finish().checkout;
        let (after, made, events) = by(&contradicted, "alice", &Asked::NotPaid, &shows, now());
        assert_eq!(told(&after, &made), "Made, NotPaid Decided", "{reason:?}");
        let is_told = |event: &&CheckoutEvent| {
            matches!(event, CheckoutEvent::Attempt { event: AttemptEvent::NotPaid, .. })
        };
        assert_eq!(events.iter().filter(is_told).count(), facts, "{reason:?}");
        assert!(!after.attempts[0].state.is_contradicted());
    }
}
