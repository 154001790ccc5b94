//! Every state of a charge, a refund and a permission × what a Get shows of it; and that neither the order
//! nor the number of times it is shown matters.

use proptest::prelude::*;

use super::decide::attempts::charge_seen;
use super::decide::payments::*;
use super::paid::*;
use super::*;

fn payment(checkout: &Checkout) -> &Payment {
    checkout.payment.as_ref().unwrap()
}

fn charge_row(before: &Checkout, shown: &ChargeView) -> String {
    let (step, _) = charge_shown(before, shown, sent_at().plus(SECOND), &rules()).unwrap();
    let is = charge_words(payment(&step.next).charge(&shown.id).unwrap());
    match happened_to_payment(&step) {
        told if told.is_empty() => is,
        told => format!("{is} ({told})"),
    }
}

// Promise: B19
#[test]
fn each_charge_takes_each_look_at_it_so() {
    let mut table = String::new();
    for state in charge_states() {
        let before = paid(payment_of(vec![charge_in(state.clone())]));
        let was = charge_words(&payment(&before).charges[0]);
        let mut looks: Vec<(String, ChargeView)> =
            CHARGES_SEEN.iter().map(|seen| (format!("{seen:?}"), charge_shown_as(*seen))).collect();
        let other = |change: fn(&mut ChargeView)| {
            let mut shown = charge_shown_as(AmazonChargeState::Captured);
            change(&mut shown);
            shown
        };
        looks.push((
            "Captured 60.00".to_string(),
            other(|shown| shown.captured = AmountView::Shown(usd(6_000))),
        ));
        looks.push(("Captured, no amount".to_string(), other(|shown| shown.captured = AmountView::Absent)));
        looks.push((
            "Captured, other charge".to_string(),
            other(|shown| shown.seen.charge_amount = AmountView::Shown(usd(9_999))),
        ));
        looks.push((
            "Captured in yen".to_string(),
            other(|shown| shown.captured = AmountView::Shown(Money::from_minor(1, Currency::JPY))),
        ));
        for (name, shown) in &looks {
            table.push_str(&format!("{was:<24} {name:<23} {}\n", charge_row(&before, shown)));
            let (step, _) = charge_shown(&before, shown, sent_at().plus(SECOND), &rules()).unwrap();
            let after = &payment(&step.next).charges[0];
            let is_owned = after.due_at(&rules()).is_some();
            let is_contradicted = after.contradicted_by().is_some();
            assert_eq!(is_owned, !after.state.is_final() || is_contradicted, "{was} {name}: the timer");
            if state.is_final() {
                assert_eq!(after.state, state, "{was} {name}");
            }
        }
    }
    insta::assert_snapshot!(table);
}

// Promise: B24
#[test]
fn a_charge_that_was_made_elsewhere_is_adopted_and_counts() {
    let before = paid(payment_of(vec![charge_in(ChargeState::Authorized)]));
    let mut table = String::new();
    for seen in CHARGES_SEEN {
        let shown = new_charge_shown(seen);
        let (step, _) = charge_shown(&before, &shown, sent_at(), &rules()).unwrap();
        let left = payment(&step.next).left().amount();
        let row = charge_row(&before, &shown);
        table.push_str(&format!("{:<23} {row}; {left} left\n", format!("{seen:?}")));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn each_refund_takes_each_look_at_it_so() {
    let states = || {
        [RefundState::RefundInitiated, RefundState::Refunded, RefundState::Declined(Some("X".to_string()))]
    };
    let mut table = String::new();
    for known in [None].into_iter().chain(states().map(Some)) {
        for seen in states() {
            for amount in [4_000, 4_001] {
                let refunds = known.clone().map(|state| refund_in(4_000, state)).into_iter().collect();
                let charge = Charge { refunds, ..charge_in(ChargeState::Captured(hundred())) };
                let before = paid(payment_of(vec![charge]));
                let was = known.as_ref().map_or("not known", RefundState::name);
                let mut shown = refund_shown_as(seen.clone());
                shown.amount = usd(amount);
                let step = refund_shown(&before, &shown, sent_at().plus(SECOND), &rules());
                let is = match &step {
                    None => "–".to_string(),
                    Some(step) => {
                        let charge = &payment(&step.next).charges[0];
                        format!("{} ({})", charge_words(charge), happened_to_payment(step))
                    }
                };
                let name = format!("{} {}", seen.name(), usd(amount).amount());
                table.push_str(&format!("{was:<16} {name:<22} {is}\n"));
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn each_permission_takes_each_look_at_it_so() {
    let states = || {
        [
            PermissionState::Chargeable,
            PermissionState::NonChargeable("ChargeInProgress".to_string()),
            PermissionState::NonChargeable("PaymentMethodInvalid".to_string()),
            PermissionState::NonChargeable("TransactionAmountExceeded".to_string()),
            PermissionState::Closed("BuyerClosed".to_string()),
        ]
    };
    let words = |state: &PermissionState| match state.reason() {
        Some(reason) => format!("{} {reason}", state.name()),
        None => state.name().to_string(),
    };
    let mut table = String::new();
    for known in states() {
        for seen in states() {
            let mut payment = payment_of(vec![]);
            payment.permission.state = known.clone();
            let before = paid(payment);
            let shown = permission_shown_as(seen.clone());
            let (step, _) = permission_shown(&before, &shown, sent_at(), &rules()).unwrap();
            let permission = &step.next.payment.as_ref().unwrap().permission;
            let look =
                permission.look.map_or(String::new(), |look| format!(" look {}", after(sent_at(), look.at)));
            let (was, seen, is) = (words(&known), words(&seen), words(&permission.state));
            let told = happened_to_payment(&step);
            table.push_str(&format!("{was:<39} {seen:<39} {is}{look} ({told})\n"));
        }
    }
    insta::assert_snapshot!(table);
}

// Promise: B18
#[test]
fn a_hint_brings_about_a_look_and_nothing_else() {
    let now = sent_at().plus(3 * SECOND);
    let refunds = vec![refund_in(4_000, RefundState::RefundInitiated)];
    for state in charge_states() {
        let charge = Charge { refunds: refunds.clone(), ..charge_in(state.clone()) };
        let mut before = payment_of(vec![charge]);
        before.operations = vec![operation(1, create(), in_doubt()), operation(2, capture(), recorded())];
        before.operations[1].state = OperationState::Refused { code: "X".to_string() };
        let before = paid(before);
        for (hint, act) in [
            (Hint::Charge(charge_id()), NextStep::LookAtCharge(charge_id())),
            (Hint::Refund(refund_id()), NextStep::LookAtRefund(refund_id())),
            (Hint::ChargePermission, NextStep::LookAtPermission(permission())),
        ] {
            let (step, at_once) = hinted(&before, &hint, now, &rules()).unwrap();
            assert_eq!((step.events.as_slice(), at_once), (&[][..], NextStep::Rest));
            let states = |checkout: &Checkout| {
                let payment = payment(checkout);
                let refunds: Vec<_> = payment.charges[0].refunds.iter().map(|it| it.state.clone()).collect();
                (payment.charges[0].state.clone(), refunds, payment.permission.state.clone())
            };
            assert_eq!(states(&step.next), states(&before), "a notification is no evidence");
            assert_eq!(hinted(&step.next, &hint, now, &rules()), None, "it is due already");
            let acts = due_acts(&step.next, now);
            assert!(acts.contains(&act), "{hint:?}: {acts:?}");
        }
        let stranger = ChargeId::parse("S01-1-C9").unwrap();
        let (step, act) = hinted(&before, &Hint::Charge(stranger.clone()), now, &rules()).unwrap();
        assert_eq!(act, NextStep::LookAtCharge(stranger));
        assert!(
            due_acts(&step.next, now)
                .contains(&NextStep::SendAgain(CallId::Operation(OperationNumber::FIRST))),
            "it may be the lost answer's"
        );
    }
}

fn charge_id() -> ChargeId {
    charge()
}

/// Everything that is due, taken up one by one.
fn due_acts(checkout: &Checkout, now: Timestamp) -> Vec<NextStep> {
    let (mut checkout, mut acts) = (checkout.clone(), Vec::new());
    while let Some((step, act)) = take_up_payment(&checkout, now, &rules()) {
        checkout = step.next;
        acts.push(act);
        assert!(acts.len() < 50, "taking up never ends: {acts:?}");
    }
    acts
}

#[test]
fn before_a_success_a_hint_looks_at_what_is_in_doubt_or_pending() {
    let now = sent_at();
    for state in states() {
        let before = checkout(PaymentIntent::Authorize, state);
        let name = before.attempts[0].state.name();
        let is_later = before.attempts[0].state.due_at().is_some_and(|at| at > now);
        let is_looked_for = is_later && matches!(name, "InDoubt" | "Pending" | "NotApproved" | "Unresolved");
        let hinted = hinted(&before, &Hint::ChargePermission, now, &rules());
        if before.payment.is_some() {
            continue;
        }
        match hinted {
            Some((step, NextStep::Rest)) => {
                assert!(is_looked_for, "{name}");
                assert_eq!(step.next.attempts[0].state.due_at(), Some(now));
            }
            other => assert!(!is_looked_for && other.is_none(), "{name}: {other:?}"),
        }
    }
}

// Promise: B09
#[test]
fn what_only_the_answer_to_finalize_said_gives_way_to_what_amazon_shows() {
    let said = Charge { sight: LastSeen::Never, ..charge_in(ChargeState::Captured(hundred())) };
    let before = paid(payment_of(vec![said]));
    let now = sent_at().plus(SECOND);
    let look =
        |before: &Checkout, state| charge_shown(before, &charge_shown_as(state), now, &rules()).unwrap().0;
    let may_ship = |checkout: &Checkout| fulfilment(checkout, None, now).unwrap();
    assert_eq!(may_ship(&before).unseen, Some(charge()));
    let seen = look(&before, AmazonChargeState::Captured).next;
    assert!(may_ship(&seen).may_ship);
    assert_eq!(payment(&seen).due_at(&rules()), None, "nothing is left to ask");
    // The money is not taken yet: this answer does not confirm the capture, but the next one does.
    for earlier in [
        AmazonChargeState::AuthorizationInitiated,
        AmazonChargeState::Authorized,
        AmazonChargeState::CaptureInitiated,
    ] {
        let under_way = look(&before, earlier);
        let is_under_way = earlier == AmazonChargeState::CaptureInitiated;
        let told = if is_under_way { "CapturePending(S01-1-C1)" } else { "" };
        assert_eq!(happened_to_payment(&under_way), told);
        assert!(!may_ship(&under_way.next).may_ship);
        assert!(payment(&under_way.next).due_at(&rules()).is_some());
        assert!(may_ship(&look(&under_way.next, AmazonChargeState::Captured).next).may_ship);
        let declined = look(&under_way.next, AmazonChargeState::Declined);
        assert_eq!(happened_to_payment(&declined), "Contradicted: StateDiffers");
        let day_later =
            charge_shown(&under_way.next, &charge_shown_as(earlier), sent_at().plus(DAY), &rules());
        let told = if is_under_way { "" } else { "Contradicted: StateDiffers" };
        assert_eq!(happened_to_payment(&day_later.unwrap().0), told);
    }
    let declined = look(&before, AmazonChargeState::Declined);
    assert_eq!(happened_to_payment(&declined), "Contradicted: StateDiffers", "the operator is notified");
    assert_eq!(may_ship(&declined.next).reason.as_str(), "Contradicted");
    // A slow replica does not undo what was seen.
    let stale = look(&seen, AmazonChargeState::CaptureInitiated).next;
    assert!(may_ship(&stale).may_ship);
}

#[test]
fn an_authorized_charge_is_looked_at_daily_until_it_is_over() {
    let mut checkout = paid(payment_of(vec![charge_in(ChargeState::Authorized)]));
    let mut now = sent_at();
    for day in 1..=3 {
        let (step, _) =
            charge_shown(&checkout, &charge_shown_as(AmazonChargeState::Authorized), now, &rules()).unwrap();
        now = step.next.due_at(&rules()).unwrap();
        assert_eq!(now, sent_at().plus(day * DAY));
        let (step, act) = take_up_payment(&step.next, now, &rules()).unwrap();
        assert_eq!(act, NextStep::LookAtCharge(charge()));
        checkout = step.next;
    }
    let (step, _) =
        charge_shown(&checkout, &charge_shown_as(AmazonChargeState::Canceled), now, &rules()).unwrap();
    assert_eq!(payment(&step.next).charges[0].due_at(&rules()), None);
}

// Promise: B24
#[test]
fn what_was_refunded_elsewhere_counts_in_the_budget_once_it_is_shown() {
    let before = paid(payment_of(vec![charge_in(ChargeState::Captured(hundred()))]));
    let mut shown = charge_shown_as(AmazonChargeState::Captured);
    shown.refunded = AmountView::Shown(usd(7_000));
    let (step, _) = charge_shown(&before, &shown, sent_at(), &rules()).unwrap();
    assert_eq!(payment(&step.next).charges[0].refunded(), usd(7_000));
    // A refund that becomes known may be a part of what was shown, or not: a look finds out.
    let known = refund_shown_as(RefundState::Refunded);
    let step = refund_shown(&step.next, &known, sent_at(), &rules()).unwrap();
    assert_eq!(payment(&step.next).charges[0].refunded(), usd(11_000));
    let (step, act) = take_up_payment(&step.next, sent_at(), &rules()).unwrap();
    assert_eq!(act, NextStep::LookAtCharge(charge()));
    for (refunded, expected) in [(11_000, 11_000), (7_000, 7_000)] {
        shown.refunded = AmountView::Shown(usd(refunded));
        let (step, _) = charge_shown(&step.next, &shown, sent_at(), &rules()).unwrap();
        assert_eq!(payment(&step.next).charges[0].refunded(), usd(expected));
    }
    // The object that made Amazon refuse a refund is looked at.
    let mut refunding = before;
    refunding.payment.as_mut().unwrap().operations = vec![operation(1, refund(), sending())];
    let no = refused("TransactionAmountExceeded");
    let step = answered(&refunding, 1, &no, sent_at(), &rules()).unwrap();
    let (_, act) = take_up_payment(&step.next, sent_at(), &rules()).unwrap();
    assert_eq!(act, NextStep::LookAtCharge(charge()));
}

/// The real histories of a charge, seen at every stage.
fn stories() -> Vec<Vec<AmazonChargeState>> {
    use AmazonChargeState::{
        AuthorizationInitiated, Authorized, Canceled, CaptureInitiated, Captured, Declined,
    };
    vec![
        vec![AuthorizationInitiated, Authorized, CaptureInitiated, Captured],
        vec![AuthorizationInitiated, Authorized, CaptureInitiated, Declined],
        vec![AuthorizationInitiated, Authorized, Captured],
        vec![AuthorizationInitiated, Authorized, Canceled],
        vec![AuthorizationInitiated, Declined],
        vec![AuthorizationInitiated, Canceled],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever is lost, duplicated and reordered on the way: once the end has been seen, it stays, it is
    /// reported once, and nothing is reported that did not happen.
    // Promise: B19
    #[test]
    fn looks_in_any_order_and_number_end_alike(
        story in proptest::sample::select(stories()),
        picks in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
        end_at in any::<proptest::sample::Index>(),
    ) {
        let last = *story.last().unwrap();
        let mut looks: Vec<_> = picks.iter().map(|pick| *pick.get(&story)).collect();
        looks.insert(end_at.index(looks.len() + 1), last);
        let mut checkout = paid(payment_of(vec![charge_in(ChargeState::AuthorizationInitiated)]));
        let mut told: Vec<PaymentEvent> = Vec::new();
        for (index, seen) in looks.iter().enumerate() {
            let now = sent_at().plus(Duration::from_secs(index as u64));
            let (step, _) = charge_shown(&checkout, &charge_shown_as(*seen), now, &rules()).unwrap();
            let was = payment(&checkout).charges[0].state.clone();
            let is = payment(&step.next).charges[0].state.clone();
            prop_assert!(!was.is_final() || was == is, "{was:?} became {is:?}");
            told.extend(step.events.iter().filter_map(|event| match event {
                CheckoutEvent::Payment(event) => Some(event.clone()),
                CheckoutEvent::Attempt { .. } | CheckoutEvent::Decision { .. } => None,
            }));
            checkout = step.next;
        }
        let end = &payment(&checkout).charges[0];
        let expected = match last {
            AmazonChargeState::Captured => "Captured",
            AmazonChargeState::Canceled => "Canceled",
            _ => "Declined",
        };
        prop_assert_eq!(end.state.name(), expected);
        prop_assert_eq!(end.due_at(&rules()), None);
        let ends = told.iter().filter(|event| matches!(
            event,
            PaymentEvent::ChargeCaptured(_) | PaymentEvent::ChargeCanceled(_) | PaymentEvent::ChargeDeclined(_)
        ));
        prop_assert_eq!(ends.count(), 1);
        let contradicted = told.iter().any(|event| matches!(event, PaymentEvent::Contradiction { .. }));
        prop_assert!(!contradicted, "nothing here contradicts: {told:?}");
    }
}

#[test]
fn what_is_shown_of_another_order_changes_nothing() {
    let before = paid(payment_of(vec![charge_in(ChargeState::Captured(hundred()))]));
    let mut shown = refund_shown_as(RefundState::Refunded);
    shown.charge_id = ChargeId::parse("S01-9-C9").unwrap();
    shown.id = RefundId::parse("S01-9-R9").unwrap();
    assert_eq!(refund_shown(&before, &shown, sent_at(), &rules()), None);
}

// Promise: D01
#[test]
fn money_under_a_charge_that_came_to_nothing_is_a_contradiction_once_and_all_else_is_none() {
    use AmazonChargeState as Seen;
    for ended in [Seen::Declined, Seen::Canceled] {
        for before in states() {
            let before = proved_ours(checkout(PaymentIntent::Authorize, before));
            let seen = view(ended, AmountView::Shown(amount()));
            let Some(step) = charge_seen(&before, 1, &permission(), &seen, sent_at()) else {
                assert_eq!(unpaid_under(&before, &permission()), None);
                continue;
            };
            let unpaid = step.next;
            let (attempt, failed) = unpaid_under(&unpaid, &permission()).unwrap();
            assert_eq!((attempt, &failed.charge_id), (AttemptNumber::FIRST, &charge()));
            let another = ChargePermissionId::parse("S01-2").unwrap();
            assert_eq!(unpaid_under(&unpaid, &another), None);
            for state in [Seen::AuthorizationInitiated, Seen::Declined, Seen::Canceled] {
                let shown = charge_shown_as(state);
                assert_eq!(unpaid_charge_seen(&unpaid, &permission(), &shown, sent_at()), None, "{state:?}");
            }
            for state in [Seen::Authorized, Seen::CaptureInitiated, Seen::Captured] {
                let shown = new_charge_shown(state);
                assert_eq!(unpaid_charge_seen(&unpaid, &another, &shown, sent_at()), None);
                let step = unpaid_charge_seen(&unpaid, &permission(), &shown, sent_at()).unwrap();
                let AttemptEvent::Contradicted { charge_permission_id, charge_id, .. } =
                    what(&step.events[0])
                else {
                    panic!("{:?}", step.events)
                };
                assert_eq!((charge_permission_id, charge_id), (&permission(), &Some(shown.id.clone())));
                assert_eq!(unpaid_charge_seen(&step.next, &permission(), &shown, sent_at()), None, "once");
                is_settled_when_it_is_shown_to_be_over(&step.next, &shown.id);
            }
        }
    }
}

/// An attempt that is proved unpaid, but whose charge Amazon shows with money.
fn is_settled_when_it_is_shown_to_be_over(contradicted: &Checkout, charge: &ChargeId) {
    assert_eq!(contradicted.verdict().outcome(), "checking", "never unpaid while Amazon shows money");
    let next = CheckoutSessionId::parse("session9").unwrap();
    let given = GivenAddresses::default();
    let Ok(super::decide::attempts::Arrival::New(number, step)) =
        super::decide::attempts::arrive(contradicted, &next, &given, sent_at(), &rules())
    else {
        panic!("expected a new session")
    };
    assert_eq!(
        step.next.attempt(AttemptNumber::new(number)).unwrap().state.name(),
        "Surplus",
        "nothing is sent beside it"
    );
    let due_at = contradicted.attempts[0].state.due_at().unwrap();
    let (taken, act) = super::decide::attempts::take_up(contradicted, 1, due_at, &rules()).unwrap();
    assert!(matches!(act, NextStep::LookAtAttemptsCharge { .. }), "{act:?}");
    let mut shown = view(AmazonChargeState::Authorized, AmountView::Shown(amount()));
    shown.id = charge.clone();
    assert_eq!(charge_seen(&taken.next, 1, &permission(), &shown, due_at), None, "it still shows money");
    shown.seen.state = AmazonChargeState::Declined;
    let step = charge_seen(&taken.next, 1, &permission(), &shown, due_at).unwrap();
    assert_eq!(step.events.iter().map(what).collect::<Vec<_>>(), [&AttemptEvent::Settled]);
    assert_eq!(step.next.verdict().outcome(), "notPaid");
    assert_eq!(step.next.attempts[0].state.due_at(), None);
}

#[test]
fn a_charge_that_contradicts_itself_is_told_once_and_ships_nothing() {
    let captured = || paid(payment_of(vec![charge_in(ChargeState::Captured(hundred()))]));
    let other_amount = || {
        let mut shown = charge_shown_as(AmazonChargeState::Captured);
        shown.seen.charge_amount = AmountView::Shown(usd(1));
        shown
    };
    let other_currency = || {
        let mut shown = charge_shown_as(AmazonChargeState::Captured);
        shown.refunded = AmountView::Shown(Money::from_minor(1, Currency::EUR));
        shown
    };
    for shown in [other_amount(), other_currency(), charge_shown_as(AmazonChargeState::Declined)] {
        let mut checkout = captured();
        let mut told = 0;
        for _ in 0..3 {
            let (step, _) = charge_shown(&checkout, &shown, sent_at(), &rules()).unwrap();
            let is_told = |event: &&CheckoutEvent| {
                matches!(event, CheckoutEvent::Payment(PaymentEvent::Contradicted { .. }))
            };
            told += step.events.iter().filter(is_told).count();
            checkout = step.next;
            let parcel = fulfilment(&checkout, None, sent_at()).unwrap();
            assert_eq!((parcel.may_ship, parcel.reason.as_str()), (false, "Contradicted"), "{shown:?}");
        }
        assert_eq!(told, 1, "{shown:?}");
        // If Amazon shows again what it showed before, that counts again.
        let agreeing = charge_shown_as(AmazonChargeState::Captured);
        let (step, _) = charge_shown(&checkout, &agreeing, sent_at(), &rules()).unwrap();
        assert!(fulfilment(&step.next, None, sent_at()).unwrap().may_ship);
    }
}
