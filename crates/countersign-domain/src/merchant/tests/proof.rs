//! What each answer proves, member by member, and what follows: an answer that is not complete proves
//! nothing, and its budget stays reserved; after an answer that contradicts, nothing ships and nothing is
//! sent until the contradiction is settled.

use super::decide::payments::*;
use super::paid::*;
use super::*;
use crate::merchant::proof::{ExpectedCharge, Proof, charge_proof};

/// A member of an answer in each of the ways in which it may come.
const MEMBERS: [&str; 4] = ["ours", "another", "unreadable", "absent"];

fn amount_in(way: usize, ours: Money, another: Money) -> AmountView {
    [AmountView::Shown(ours), AmountView::Shown(another), AmountView::Unreadable, AmountView::Absent][way]
}

// Promise: B05, D01
#[test]
fn each_member_of_each_charge_proves_so() {
    let conditions = [
        Condition::any("state", CHARGES_SEEN.map(|state| format!("{state:?}"))),
        Condition::any("chargePermissionId", ["ours", "another", "absent"]),
        Condition::any("chargeAmount", MEMBERS),
        Condition::any("captureAmount", MEMBERS),
    ];
    let table = folded(&conditions, |[state, of_permission, of_amount, of_capture]| {
        let another = ChargePermissionId::parse("S01-2").unwrap();
        let shown = ChargeView {
            charge_permission_id: [Some(permission()), Some(another), None][of_permission].clone(),
            seen: ChargeStatus {
                state: CHARGES_SEEN[state],
                reason: None,
                charge_amount: amount_in(of_amount, hundred(), usd(100)),
            },
            captured: amount_in(of_capture, hundred(), usd(100)),
            ..charge_shown_as(CHARGES_SEEN[state])
        };
        let permission = permission();
        let expected = ExpectedCharge {
            charge_permission_id: &permission,
            currency: Currency::USD,
            amount: Some(hundred()),
            captured: Some(hundred()),
            excluded: &[],
        };
        match charge_proof(&shown, &expected) {
            Proof::Fits(proved) => format!("fits, {}", proved.state.name()),
            Proof::Contradicts(misfit) => format!("contradicts: {misfit}"),
            Proof::Nothing(why) => format!("nothing: {why}"),
        }
    });
    insta::assert_snapshot!(table);
}

#[test]
fn an_amount_in_another_currency_contradicts_wherever_it_is_shown() {
    let euros = AmountView::Shown(Money::from_minor(10_000, Currency::EUR));
    let changes: [fn(&mut ChargeView, AmountView); 3] = [
        |shown, amount| shown.seen.charge_amount = amount,
        |shown, amount| shown.captured = amount,
        |shown, amount| shown.refunded = amount,
    ];
    for state in CHARGES_SEEN {
        for change in changes {
            let mut shown = charge_shown_as(state);
            change(&mut shown, euros);
            let before = paid(payment_of(vec![charge_in(ChargeState::Authorized)]));
            let (step, _) = charge_shown(&before, &shown, sent_at(), &rules()).unwrap();
            assert_eq!(happened_to_payment(&step), "Contradicted: CurrencyDiffers", "{shown:?}");
        }
    }
}

/// The payment of the tables with one operation on its way.
fn on_its_way(request: &PaymentCall) -> Checkout {
    let state = match request {
        PaymentCall::Refund { .. } => ChargeState::Captured(hundred()),
        _ => ChargeState::Authorized,
    };
    let mut payment = payment_of(vec![charge_in(state)]);
    payment.operations = vec![operation(1, request.clone(), sending())];
    paid(payment)
}

fn payment(checkout: &Checkout) -> &Payment {
    checkout.payment.as_ref().unwrap()
}

fn create_and_capture() -> PaymentCall {
    PaymentCall::CreateCharge {
        amount: usd(5_000),
        capture_now: true,
        can_handle_pending_authorization: false,
    }
}

fn new_charge() -> ChargeId {
    ChargeId::parse("S01-1-C2").unwrap()
}

/// Incomplete and foreign answers to a call, by what is wrong with them.
fn half_answers(request: &PaymentCall) -> Vec<(&'static str, OperationAnswer)> {
    let changed = |mut shown: ChargeView, change: fn(&mut ChargeView)| {
        change(&mut shown);
        charge_answer(shown)
    };
    let new = |state, change| changed(new_charge_shown(state), change);
    let known = |state, change| changed(charge_shown_as(state), change);
    let only = |id| OperationAnswer::Success(ObjectView::OnlyId(id));
    use AmazonChargeState::{Authorized, Canceled, Captured};
    let mut answers = match request {
        PaymentCall::CreateCharge { .. } => vec![
            ("no amount", new(Captured, |shown| shown.seen.charge_amount = AmountView::Absent)),
            ("unreadable amount", new(Captured, |shown| shown.seen.charge_amount = AmountView::Unreadable)),
            ("no captured amount", new(Captured, |shown| shown.captured = AmountView::Absent)),
            ("captured without currency", new(Captured, |shown| shown.captured = AmountView::Unreadable)),
            ("no permission", new(Authorized, |shown| shown.charge_permission_id = None)),
            ("another amount", new(Captured, |shown| shown.seen.charge_amount = AmountView::Shown(usd(1)))),
            ("only the id", only(OperationEffect::Charge(new_charge()))),
            ("charge 1 again", charge_answer(ChargeView { id: charge(), ..new_charge_shown(Authorized) })),
        ],
        PaymentCall::Capture { .. } => vec![
            ("no captured amount", known(Captured, |shown| shown.captured = AmountView::Absent)),
            ("captured less", known(Captured, |shown| shown.captured = AmountView::Shown(usd(100)))),
            ("no amount", known(Captured, |shown| shown.seen.charge_amount = AmountView::Absent)),
            ("another charge", known(Captured, |shown| shown.id = ChargeId::parse("S01-1-C9").unwrap())),
            ("not captured", known(Authorized, |_| {})),
            ("only the id", only(OperationEffect::Charge(charge()))),
        ],
        PaymentCall::CancelCharge { .. } => vec![
            ("no permission", known(Canceled, |shown| shown.charge_permission_id = None)),
            ("another amount", known(Canceled, |shown| shown.seen.charge_amount = AmountView::Shown(usd(1)))),
            ("not canceled", known(Authorized, |_| {})),
        ],
        PaymentCall::Refund { .. } => {
            let refund = |change: fn(&mut RefundView)| {
                let mut shown = refund_shown_as(RefundState::RefundInitiated);
                change(&mut shown);
                refund_answer(shown)
            };
            vec![
                ("another amount", refund(|shown| shown.amount = usd(4_001))),
                ("another currency", refund(|shown| shown.amount = Money::from_minor(4_000, Currency::EUR))),
                ("another charge", refund(|shown| shown.charge_id = new_charge())),
                ("only the id", only(OperationEffect::Refund(refund_id()))),
            ]
        }
        PaymentCall::Close { .. } => {
            vec![("not closed", permission_answer(permission_shown_as(PermissionState::Chargeable)))]
        }
    };
    answers.push(("something else", permission_answer(permission_shown_as(closed()))));
    if let PaymentCall::Close { .. } = request {
        answers.pop();
    }
    answers
}

// Promise: B07
#[test]
fn an_answer_that_is_not_whole_proves_nothing_and_keeps_its_budget() {
    let mut table = String::new();
    for request in [create_and_capture(), capture(), cancel(), refund(), close()] {
        let before = on_its_way(&request);
        for (name, answer) in half_answers(&request) {
            let now = sent_at().plus(2 * SECOND);
            let step = answered(&before, 1, &answer, now, &rules()).unwrap();
            let (was, is) = (payment(&before), payment(&step.next));
            assert!(is.operations[0].state.is_in_doubt(), "{name}: {:?}", is.operations[0].state);
            assert_eq!(
                (is.left(), is.refunding(&charge())),
                (was.left(), was.refunding(&charge())),
                "{name}"
            );
            assert_eq!(is.charges, was.charges, "{name}: nothing of it is in the books");
            let lead = is.operations[0].lead.as_ref().map_or("–".to_string(), ToString::to_string);
            let (call, told) = (request.call(), happened_to_payment(&step));
            table.push_str(&format!("{call:<22} {name:<26} {lead:<9} {told}\n"));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_id_of_a_half_answer_is_looked_up_and_its_object_settles_the_doubt() {
    let now = sent_at().plus(2 * SECOND);
    for (name, answer) in half_answers(&create_and_capture()) {
        let step = answered(&on_its_way(&create_and_capture()), 1, &answer, now, &rules()).unwrap();
        let is_named = payment(&step.next).operations[0].lead.is_some();
        assert_eq!(is_named, !matches!(name, "charge 1 again" | "something else"), "{name}");
        if !is_named {
            continue;
        }
        // A charge that is not ours is forgotten, and is recorded nowhere as ours.
        let mut another = new_charge_shown(AmazonChargeState::Captured);
        another.seen.charge_amount = AmountView::Shown(usd(1));
        let (misled, _) = charge_shown(&step.next, &another, now, &rules()).unwrap();
        assert!(payment(&misled.next).operations[0].state.is_in_doubt(), "{name}");
        assert_eq!(payment(&misled.next).operations[0].lead, None, "{name}");
        // The same incomplete answer again proves as little as the first.
        let half = new_charge_shown(AmazonChargeState::Captured);
        let half = ChargeView { captured: AmountView::Absent, ..half };
        let (same, _) =
            charge_shown(&step.next, &half, now, &rules()).unwrap_or((step.clone(), NextStep::Rest));
        assert!(payment(&same.next).operations[0].state.is_in_doubt(), "{name}");
        let whole = new_charge_shown(AmazonChargeState::Captured);
        let (settled, _) = charge_shown(&step.next, &whole, now, &rules()).unwrap();
        let is = payment(&settled.next);
        assert_eq!(
            is.operations[0].state,
            OperationState::Done(OperationEffect::Charge(new_charge())),
            "{name}"
        );
        assert_eq!(is.charges[1].captured(), usd(5_000), "{name}");
        assert_eq!(is.left(), usd(10_000), "{name}: its money is counted once");
    }
    let only = OperationAnswer::Success(ObjectView::OnlyId(OperationEffect::Refund(refund_id())));
    let step = answered(&on_its_way(&refund()), 1, &only, now, &rules()).unwrap();
    let shown = refund_shown_as(RefundState::RefundInitiated);
    let settled = refund_shown(&step.next, &shown, now, &rules()).unwrap();
    let is = payment(&settled.next);
    assert_eq!(is.operations[0].state, OperationState::Done(OperationEffect::Refund(refund_id())));
    assert_eq!(is.charges[0].refunded(), usd(4_000));
}

/// What Amazon may show after Finalize has answered 200, and what that proves.
// Promise: D01
#[test]
fn what_finalize_said_is_held_against_the_first_look_at_its_charge() {
    type Change = fn(&mut ChargeView);
    let changes: [(&str, Change); 7] = [
        ("as asked", |_| {}),
        ("another amount", |shown| shown.seen.charge_amount = AmountView::Shown(usd(100))),
        ("captured less", |shown| shown.captured = AmountView::Shown(usd(100))),
        ("another permission", |shown| shown.charge_permission_id = ChargePermissionId::parse("S01-2").ok()),
        ("no permission", |shown| shown.charge_permission_id = None),
        ("unreadable amount", |shown| shown.seen.charge_amount = AmountView::Unreadable),
        ("no amount", |shown| shown.seen.charge_amount = AmountView::Absent),
    ];
    let intents = [PaymentIntent::Authorize, PaymentIntent::AuthorizeWithCapture];
    let conditions = [
        Condition::any("intent", intents.map(PaymentIntent::as_str)),
        Condition::any("state", CHARGES_SEEN.map(|state| format!("{state:?}"))),
        Condition::any("shown", changes.map(|(name, _)| name)),
    ];
    let table = folded(&conditions, |[intent, state, change]| {
        let finalized = finalized(intents[intent]);
        let mut shown = view(CHARGES_SEEN[state], AmountView::Shown(amount()));
        changes[change].1(&mut shown);
        let now = sent_at().plus(SECOND);
        let Some((step, _)) = charge_shown(&finalized, &shown, now, &rules()) else {
            return "–".to_string();
        };
        let (verdict, gate) = (step.next.verdict().outcome(), fulfilment(&step.next, None, now).unwrap());
        let is_asked = gate.unseen.is_some() && !gate.may_ship;
        let gate = if is_asked { "asks" } else { gate.reason.as_str() };
        format!("{verdict}, gate {gate} ({})", happened_to_payment(&step))
    });
    insta::assert_snapshot!(table);
}

/// A checkout whose Finalize was answered 200, and whose charge nobody has looked at.
fn finalized(intent: PaymentIntent) -> Checkout {
    let mut before = checkout(intent, finalizing(sent_at().plus(30 * SECOND)));
    before.terms.can_handle_pending_authorization = false;
    let success = FinalizeAnswer::Success(FinalizeSuccess {
        pending: false,
        charge_permission_id: permission(),
        charge_id: Some(charge()),
        charge_amount: AmountView::Absent,
    });
    super::decide::attempts::answered(&before, 1, 1, &success, sent_at()).unwrap().next
}

// Promise: B09
#[test]
fn what_amazon_contradicts_is_told_once_sends_nothing_and_is_settled_by_what_fits() {
    let wrong = || view(AmazonChargeState::Captured, AmountView::Shown(usd(100)));
    let mut checkout = finalized(PaymentIntent::AuthorizeWithCapture);
    assert_eq!(checkout.verdict().outcome(), "paid");
    let mut told = Vec::new();
    let mut now = sent_at();
    for _ in 0..3 {
        now = now.plus(SECOND);
        let (step, act) = charge_shown(&checkout, &wrong(), now, &rules()).unwrap();
        assert_eq!(act, NextStep::Rest);
        told.extend(step.events);
        checkout = step.next;
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(checkout.verdict().outcome(), "checking");
    // Nothing is asked for, and nothing that was asked for leaves.
    for asked in
        [OperationRequest::Refund { charge_id: None, amount: None }, OperationRequest::Close { reason: None }]
    {
        let refused = ask(&checkout, OperationName::Shop("r".to_string()), asked, now, &rules());
        assert_eq!(refused.err(), Some(OperationRefused::Contradicted));
    }
    let mut waiting = checkout.clone();
    waiting.payment.as_mut().unwrap().operations =
        vec![operation(1, refund(), recorded()), operation(2, refund(), in_doubt())];
    let mut acts = Vec::new();
    while let Some((step, act)) = take_up_payment(&waiting, now, &rules()) {
        waiting = step.next;
        acts.push(act);
    }
    let sends = |act: &&NextStep| matches!(act, NextStep::Begin(_) | NextStep::SendAgain(_));
    assert_eq!(acts.iter().filter(sends).count(), 0, "{acts:?}");
    // The charge is looked at daily, and an answer that fits settles the contradiction.
    let due_at = checkout.due_at(&rules()).unwrap();
    assert_eq!(due_at, now.plus(DAY));
    let (step, act) = take_up_payment(&checkout, due_at, &rules()).unwrap();
    assert_eq!(act, NextStep::LookAtCharge(charge()));
    let fits = view(AmazonChargeState::Captured, AmountView::Shown(amount()));
    let (settled, _) = charge_shown(&step.next, &fits, due_at, &rules()).unwrap();
    assert_eq!(happened_to_payment(&settled), "Settled(S01-1-C1)");
    assert_eq!(settled.next.verdict().outcome(), "paid");
    assert!(fulfilment(&settled.next, None, due_at).unwrap().may_ship);
    assert_eq!(settled.next.due_at(&rules()), None);
}

#[test]
fn an_amount_that_stays_unreadable_is_a_contradiction_at_the_third_time_on_every_path() {
    let unreadable = || view(AmazonChargeState::Authorized, AmountView::Unreadable);
    let ours = || view(AmazonChargeState::Authorized, AmountView::Shown(amount()));
    // After a success of Finalize.
    let now = sent_at().plus(SECOND);
    let mut checkout = finalized(PaymentIntent::Authorize);
    for time in 1..=4 {
        let (step, _) = charge_shown(&checkout, &unreadable(), now, &rules()).unwrap();
        assert_eq!(step.events.len(), usize::from(time == 3), "{time}");
        assert!(!fulfilment(&step.next, None, now).unwrap().may_ship, "{time}");
        checkout = step.next;
    }
    assert_eq!(checkout.verdict().outcome(), "checking");
    let (step, _) = charge_shown(&checkout, &ours(), now, &rules()).unwrap();
    assert_eq!(step.next.verdict().outcome(), "authorized");
    // Two unreadable answers with a readable one in between are no contradiction.
    let mut checkout = finalized(PaymentIntent::Authorize);
    for shown in [unreadable(), unreadable(), ours(), unreadable(), unreadable()] {
        checkout = charge_shown(&checkout, &shown, now, &rules()).unwrap().0.next;
    }
    assert_eq!(checkout.verdict().outcome(), "authorized");
    // After a lost answer, and while the authorization is pending.
    let pending = states().into_iter().find(|state| state.name() == "Pending").unwrap();
    for state in [in_doubt_attempt(doubt()), pending] {
        let mut checkout = proved_ours(super::checkout(PaymentIntent::Authorize, state));
        let see = |before: &Checkout, shown: &ChargeView| {
            super::decide::attempts::charge_seen(before, 1, &permission(), shown, now)
        };
        for time in 1..=3 {
            let step = see(&checkout, &unreadable()).unwrap();
            assert_eq!(step.events.len(), usize::from(time == 3), "{time}");
            checkout = step.next;
        }
        assert_eq!(checkout.verdict(), Verdict::Checking(Some(CheckingReason::CONTRADICTED)));
        let settled = see(&checkout, &ours()).unwrap();
        let told: Vec<_> = settled.events.iter().map(what).collect();
        assert_eq!(told, [&AttemptEvent::Settled, &AttemptEvent::Completed]);
        assert_eq!(settled.next.verdict().outcome(), "authorized");
    }
}

/// A lost answer and a 200 end alike where Amazon shows the same.
// Promise: D01
#[test]
fn every_path_to_a_charge_gives_the_same_answer_about_it() {
    let now = sent_at().plus(SECOND);
    let changes: [fn(&mut ChargeView); 4] = [
        |_| {},
        |shown| shown.seen.charge_amount = AmountView::Shown(usd(100)),
        |shown| shown.captured = AmountView::Shown(usd(100)),
        |shown| shown.charge_permission_id = ChargePermissionId::parse("S01-2").ok(),
    ];
    for change in changes {
        let mut shown = view(AmazonChargeState::Captured, AmountView::Shown(amount()));
        change(&mut shown);
        let intent = PaymentIntent::AuthorizeWithCapture;
        let lost = proved_ours(super::checkout(intent, in_doubt_attempt(doubt())));
        let lost = super::decide::attempts::charge_seen(&lost, 1, &permission(), &shown, now).unwrap().next;
        let (said, _) = charge_shown(&finalized(intent), &shown, now, &rules()).unwrap();
        assert_eq!(lost.verdict(), said.next.verdict(), "{shown:?}");
        let gate = |checkout: &Checkout| {
            let gate = fulfilment(checkout, None, now).unwrap();
            (gate.may_ship, gate.reason)
        };
        assert_eq!(gate(&lost), gate(&said.next), "{shown:?}");
    }
}

/// Evidence is compared with the terms that the bytes carried.
// Promise: D18
#[test]
fn a_payment_by_earlier_terms_is_contradicted_on_every_path_and_an_unpaid_one_is_over() {
    use super::decide::attempts;
    let now = sent_at().plus(SECOND);
    let contradicted = |step: &CheckoutStep| {
        let told: Vec<_> = step.events.iter().map(what).collect();
        let [AttemptEvent::Contradicted { misfit, charge_permission_id, charge_id }] = told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(*misfit, Misfit::TermsMoved);
        assert_eq!((charge_permission_id, charge_id), (&permission(), &Some(charge())));
        assert_eq!(step.next.verdict(), Verdict::Checking(Some(CheckingReason::CONTRADICTED)));
        assert_eq!(step.next.payment, None, "nothing is booked as this order's");
        assert_eq!(fulfilment(&step.next, None, now).unwrap().reason.as_str(), "Contradicted");
    };
    let moved = |state: AttemptState| {
        let checkout = checkout(PaymentIntent::Authorize, state);
        Checkout { terms_version: 2, ..proved_ours(checkout) }
    };
    let success = FinalizeAnswer::Success(FinalizeSuccess {
        pending: false,
        charge_permission_id: permission(),
        charge_id: Some(charge()),
        charge_amount: AmountView::Absent,
    });
    for state in [finalizing(sent_at().plus(30 * SECOND)), in_doubt_attempt(doubt())] {
        let unproved = checkout(PaymentIntent::Authorize, state);
        let moved = Checkout { terms_version: 2, ..unproved };
        contradicted(&attempts::answered(&moved, 1, 1, &success, now).unwrap());
    }
    let pending = states().into_iter().find(|state| state.name() == "Pending").unwrap();
    for state in [in_doubt_attempt(doubt()), pending, unresolved(UnresolvedReason::IdsMissing)] {
        for seen in [AmazonChargeState::Authorized, AmazonChargeState::Captured] {
            let shown = view(seen, AmountView::Shown(amount()));
            let step = attempts::charge_seen(&moved(state.clone()), 1, &permission(), &shown, now).unwrap();
            contradicted(&step);
            let again = attempts::charge_seen(&step.next, 1, &permission(), &shown, now);
            assert_eq!(again, None, "it is reported once");
        }
        let declined = view(AmazonChargeState::Declined, AmountView::Shown(amount()));
        let step = attempts::charge_seen(&moved(state), 1, &permission(), &declined, now).unwrap();
        assert_eq!(step.next.verdict().outcome(), "notPaid", "nothing was paid by any terms");
    }
}

#[test]
fn an_attempt_keeps_the_version_of_the_terms_that_its_bytes_carry() {
    use super::decide::attempts::{Arrival, BeginResult, arrive, begin};
    let session = CheckoutSessionId::parse("session1").unwrap();
    let given = GivenAddresses::default();
    let registered = unpaid(PaymentIntent::Authorize);
    let Ok(Arrival::New(1, bound)) = arrive(&registered, &session, &given, sent_at(), &rules()) else {
        panic!("expected a new session")
    };
    assert_eq!(bound.next.attempts[0].terms_version, 1);
    let terms = Terms { charge_amount: usd(1_500), ..bound.next.terms.clone() };
    let changed = super::decide::change_terms(&bound.next, 1, terms).unwrap();
    let BeginResult::Send(_, sent) =
        begin(&changed.next, 1, Arc::from(*b"new"), &key_of, sent_at(), &rules())
    else {
        panic!("expected a send")
    };
    assert_eq!((sent.next.attempts[0].terms_version, sent.next.terms_version), (2, 2));
}
