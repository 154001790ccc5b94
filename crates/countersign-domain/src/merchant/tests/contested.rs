//! Ids are unique: what happens to an answer with an id that another order holds, and of the order that holds it.

use super::paid::*;
use super::*;
use crate::ids::{Environment, MerchantId, Region};
use crate::merchant::after::contest::{Act, HeldIds, contest};
use crate::merchant::after::due;
use crate::merchant::attempt::{Account, FailedCharge, RefusalLooks, finalize, look, prove};
use crate::merchant::checkout::standing::{Need, Standing};
use crate::merchant::payment::contest::{ClaimedId, Holder};
use crate::merchant::payment::send as sending_rules;
use crate::merchant::proof::SessionPermission;

const FIRST: AttemptNumber = AttemptNumber::FIRST;

fn second_charge() -> ChargeId {
    ChargeId::parse("S01-1-C2").unwrap()
}

fn strange_charge() -> ChargeId {
    ChargeId::parse("S01-9-C9").unwrap()
}

fn strange_permission() -> ChargePermissionId {
    ChargePermissionId::parse("S01-9").unwrap()
}

fn strange_refund() -> RefundId {
    RefundId::parse("S01-9-R9").unwrap()
}

/// Each kind of id that a paid order holds.
fn held() -> [ClaimedId; 4] {
    [
        ClaimedId::Permission(permission()),
        ClaimedId::Charge(charge()),
        ClaimedId::Charge(second_charge()),
        ClaimedId::Refund(refund_id()),
    ]
}

/// A paid order with a refund, and with a second charge by an operation.
fn order() -> Checkout {
    let first = Charge {
        refunds: vec![refund_in(4_000, RefundState::Refunded)],
        ..charge_in(ChargeState::Captured(hundred()))
    };
    let second = Charge {
        id: second_charge(),
        origin: ChargeOrigin::Operation,
        amount: usd(5_000),
        ..charge_in(ChargeState::Authorized)
    };
    let made = OperationState::Done(OperationEffect::Charge(second_charge()));
    paid(Payment { operations: vec![operation(1, create(), made)], ..payment_of(vec![first, second]) })
}

fn decide(before: &Checkout, taken: &[ClaimedId], act: impl FnOnce(&mut Draft)) -> CheckoutDecision {
    let mut draft = Draft::new(before.clone(), sent_at(), rules());
    draft.see_taken(taken.to_vec());
    act(&mut draft);
    draft.finish()
}

fn contested(before: &Checkout, id: &ClaimedId, holder: Holder) -> CheckoutDecision {
    decide(before, &[], |draft| contest(draft, core::slice::from_ref(id), holder))
}

fn is_contested(checkout: &Checkout) -> bool {
    checkout.payment.as_ref().is_some_and(Payment::is_contested)
}

fn session_with(permission: ChargePermissionId, charge: ChargeId) -> SessionView {
    SessionView::Completed { charge_permission_id: Some(permission), charge_id: Some(charge) }
}

fn second_charge_view() -> ChargeView {
    let mut view = charge_shown_as(AmazonChargeState::Authorized);
    view.id = second_charge();
    view.seen.charge_amount = AmountView::Shown(usd(5_000));
    view
}

fn refund_view(id: RefundId) -> RefundView {
    RefundView { id, charge_id: charge(), amount: usd(4_000), state: RefundState::Refunded }
}

// Promise: B09, D02
#[test]
fn an_order_whose_id_is_answered_for_another_ships_nothing_and_sends_nothing() {
    for id in held() {
        let step = contested(&order(), &id, Holder::ThisOrder);
        assert_eq!(step.events, [PaymentEvent::Contested(id.clone()).into()]);
        let after = step.checkout;
        for charge in [None, Some(charge()), Some(second_charge())] {
            let gate = fulfilment(&after, charge.as_ref(), sent_at()).unwrap();
            assert_eq!((gate.may_ship, gate.reason.as_str()), (false, "Contradicted"), "{id:?}");
        }
        assert_eq!(after.verdict(), Verdict::Checking(Some(CheckingReason::CONTRADICTED)), "{id:?}");
        assert_eq!(after.standing(sent_at()), Standing::Contradicted, "{id:?}");
        assert!(after.needs().contains(&Need::Contradicted), "{id:?}");
        assert_eq!(after.due_at(&rules()), Some(sent_at()), "{id:?}");
        let refused = decide(&after, &[], |draft| {
            let name = OperationName::Shop("again".to_string());
            let asked = ask::ask(draft, name, OperationRequest::Close { reason: None });
            assert_eq!(asked, Err(OperationRefused::Contradicted), "{id:?}");
        });
        assert!(!refused.is_changed);
        // What was requested before stays recorded, and what is in doubt is not sent again.
        for state in [recorded(), in_doubt()] {
            let mut asked = after.clone();
            let call = PaymentCall::Capture { charge_id: second_charge(), amount: usd(5_000) };
            asked.payment.as_mut().unwrap().operations.push(operation(2, call, state));
            decide(&asked, &[], |draft| {
                let number = OperationNumber::new(2);
                assert_eq!(sending_rules::begin(draft, number, send()), NextStep::Rest, "{id:?}");
                assert_eq!(sending_rules::send_again(draft, number), NextStep::Rest, "{id:?}");
            });
        }
        // It is reported once.
        assert!(contested(&after, &id, Holder::ThisOrder).events.is_empty(), "{id:?}");
    }
}

#[test]
fn two_ids_of_one_payment_are_reported_once_and_settled_once() {
    let ids = [ClaimedId::Permission(permission()), ClaimedId::Charge(charge())];
    let step = decide(&order(), &[], |draft| contest(draft, &ids, Holder::ThisOrder));
    assert_eq!(step.events, [PaymentEvent::Contested(ClaimedId::Charge(charge())).into()]);
    let settled = decide(&step.checkout, &[], |draft| {
        look::session_seen(draft, FIRST, &session_with(permission(), charge()));
    });
    assert_eq!(settled.events, [PaymentEvent::ContestSettled(ClaimedId::Charge(charge())).into()]);
    // As long as one of them is contested, nothing is settled.
    let with_refund = decide(&step.checkout, &[], |draft| {
        contest(draft, &[ClaimedId::Refund(refund_id())], Holder::ThisOrder);
    });
    assert!(with_refund.events.is_empty());
    let partly = decide(&with_refund.checkout, &[], |draft| {
        look::session_seen(draft, FIRST, &session_with(permission(), charge()));
    });
    assert!(partly.events.is_empty() && is_contested(&partly.checkout));
}

#[test]
fn whose_an_id_is_is_asked_where_it_comes_from() {
    for id in held() {
        let after = contested(&order(), &id, Holder::ThisOrder).checkout;
        let mut next = None;
        let step = decide(&after, &[], |draft| next = due::take_up_payment(draft));
        let asks = match next.unwrap() {
            NextStep::LookAtSession(session) => session.id.to_string(),
            NextStep::LookAtCharge(id) => id.to_string(),
            NextStep::LookAtRefund(id) => id.to_string(),
            other => panic!("{other:?}"),
        };
        let expected = match &id {
            ClaimedId::Permission(_) => "session1".to_string(),
            ClaimedId::Charge(id) if *id == charge() => "session1".to_string(),
            ClaimedId::Charge(_) | ClaimedId::Refund(_) => id.as_str().to_string(),
        };
        assert_eq!(asks, expected);
        assert!(step.checkout.due_at(&rules()).is_some_and(|at| at > sent_at()), "it is asked again later");
    }
}

// Promise: D02
#[test]
fn each_contest_is_settled_by_what_says_whose_the_id_is_and_by_nothing_else() {
    type Evidence = (&'static str, fn(&mut Draft));
    let evidence: [Evidence; 5] = [
        ("the session", |draft| {
            look::session_seen(draft, FIRST, &session_with(permission(), charge()));
        }),
        ("the open session", |draft| {
            look::session_seen(draft, FIRST, &open());
        }),
        ("the first charge", |draft| {
            sending_rules::charge_shown(draft, &charge_shown_as(AmazonChargeState::Captured));
        }),
        ("the second charge", |draft| {
            sending_rules::charge_shown(draft, &second_charge_view());
        }),
        ("the refund", |draft| sending_rules::refund_shown(draft, &refund_view(refund_id()))),
    ];
    for id in held() {
        let before = contested(&order(), &id, Holder::ThisOrder).checkout;
        for (name, show) in evidence {
            let settles = match &id {
                ClaimedId::Permission(_) => name == "the session",
                ClaimedId::Charge(id) if *id == charge() => name == "the session",
                ClaimedId::Charge(_) => name == "the second charge",
                ClaimedId::Refund(_) => name == "the refund",
            };
            let step = decide(&before, &[], show);
            assert_eq!(is_contested(&step.checkout), !settles, "{id:?} {name}");
            let settled = CheckoutEvent::from(PaymentEvent::ContestSettled(id.clone()));
            assert_eq!(step.events.contains(&settled), settles, "{id:?} {name}");
            if settles {
                // Another answer with the id is not this order's concern any more.
                let again = contested(&step.checkout, &id, Holder::ThisOrder);
                assert!(!again.is_changed, "{id:?}");
            }
        }
    }
}

// Promise: B09
#[test]
fn a_session_that_names_another_payment_ends_the_one_that_was_contested() {
    let other = session_with(strange_permission(), strange_charge());
    let untouched = paid(payment_of(vec![charge_in(ChargeState::Authorized)]));
    for id in [ClaimedId::Permission(permission()), ClaimedId::Charge(charge())] {
        let before = contested(&untouched, &id, Holder::ThisOrder).checkout;
        let step = decide(&before, &[], |draft| {
            look::session_seen(draft, FIRST, &other);
        });
        let after = &step.checkout;
        assert_eq!(after.payment, None, "{id:?}");
        assert!(after.claimed_ids().is_empty(), "{id:?}: another order may have them");
        assert_eq!(after.attempts[0].state.name(), "Unresolved");
        assert_eq!(after.due_at(&rules()), Some(sent_at()));
        // The session's own payment is looked at next.
        decide(after, &[], |draft| {
            let next = look::session_seen(draft, FIRST, &other);
            let looks_at_it = matches!(
                &next,
                NextStep::LookAtAttemptsCharge { charge_id, .. } if *charge_id == strange_charge()
            );
            assert!(looks_at_it, "{next:?}");
        });
        // What was done with it needs a person.
        let mut touched = before.clone();
        touched.payment.as_mut().unwrap().operations.push(operation(1, capture(), recorded()));
        let stays = decide(&touched, &[], |draft| {
            look::session_seen(draft, FIRST, &other);
        });
        assert!(is_contested(&stays.checkout), "{id:?}");
    }
    // Nobody contests it: what its session names says nothing about a completed order.
    let step = decide(&untouched, &[], |draft| {
        look::session_seen(draft, FIRST, &other);
    });
    assert!(!step.is_changed);
}

// Promise: B09, D02
#[test]
fn a_finalize_that_is_answered_with_what_another_order_holds_is_contradicted_in_every_intent() {
    let intents = [PaymentIntent::Confirm, PaymentIntent::Authorize, PaymentIntent::AuthorizeWithCapture];
    for intent in intents {
        for pending in [false, true] {
            let is_confirm = intent == PaymentIntent::Confirm;
            if is_confirm && pending {
                continue;
            }
            let success = FinalizeSuccess {
                pending,
                charge_permission_id: permission(),
                charge_id: (!is_confirm).then(charge),
                charge_amount: AmountView::Absent,
            };
            let answer = FinalizeAnswer::Success(success);
            let before = checkout(intent, finalizing(sent_at().plus(30 * SECOND)));
            let answered = |taken: &[ClaimedId]| {
                let step = decide(&before, taken, |draft| {
                    finalize::answered(draft, FIRST, send().n, &answer);
                });
                step.checkout
            };
            assert!(!answered(&[]).claimed_ids().is_empty(), "{intent:?}");
            assert!(!answered(&[ClaimedId::Permission(strange_permission())]).claimed_ids().is_empty());
            let mut taken = vec![ClaimedId::Permission(permission())];
            taken.extend((!is_confirm).then(|| ClaimedId::Charge(charge())));
            for id in taken {
                let after = answered(core::slice::from_ref(&id));
                assert_eq!(after.payment, None, "{intent:?} {id:?}");
                assert!(after.claimed_ids().is_empty(), "{intent:?} {id:?}");
                assert_eq!(after.verdict(), Verdict::Checking(Some(CheckingReason::CONTRADICTED)));
                assert_eq!(after.due_at(&rules()), Some(sent_at()), "the session is asked immediately");
            }
        }
    }
}

#[test]
fn a_charge_that_failed_for_another_order_says_nothing_about_this_one() {
    for state in [AmazonChargeState::Declined, AmazonChargeState::Canceled, AmazonChargeState::Captured] {
        let before = proved_ours(checkout(PaymentIntent::AuthorizeWithCapture, in_doubt_attempt(doubt())));
        let shown = view(state, AmountView::Shown(amount()));
        let step = decide(&before, &[ClaimedId::Charge(charge())], |draft| {
            look::charge_seen(draft, FIRST, &permission(), &charge(), &shown);
        });
        assert_eq!(step.checkout.attempts[0].state.name(), "Unresolved", "{state:?}");
        let is_misfit = |event: &CheckoutEvent| {
            matches!(
                event,
                CheckoutEvent::Attempt {
                    event: AttemptEvent::Contradicted { misfit: Misfit::OfAnotherAct, .. },
                    ..
                }
            )
        };
        assert!(step.events.iter().any(is_misfit), "{:?}", step.events);
    }
}

// Promise: D02
#[test]
fn an_operation_that_is_answered_with_what_another_order_holds_stays_in_doubt() {
    let mut shown = charge_shown_as(AmazonChargeState::Authorized);
    shown.id = strange_charge();
    shown.seen.charge_amount = AmountView::Shown(usd(5_000));
    let cases = [
        (create(), ObjectView::Charge(shown), ClaimedId::Charge(strange_charge())),
        (refund(), ObjectView::Refund(refund_view(strange_refund())), ClaimedId::Refund(strange_refund())),
    ];
    for (call, shown, id) in cases {
        let payment = payment_of(vec![charge_in(ChargeState::Captured(hundred()))]);
        let before = paid(Payment { operations: vec![operation(1, call, sending())], ..payment });
        let number = OperationNumber::FIRST;
        let answer = OperationAnswer::Success(shown);
        let answered = |taken: &[ClaimedId]| {
            let step = decide(&before, taken, |draft| {
                sending_rules::answered(draft, number, &answer);
            });
            step.checkout
        };
        assert!(answered(&[]).holds(&id));
        let after = answered(core::slice::from_ref(&id));
        let operation = after.payment.as_ref().unwrap().operation(number).unwrap();
        assert!(operation.state.is_in_doubt(), "{id:?}");
        assert_eq!(operation.lead, None, "{id:?}");
        assert!(!after.holds(&id));
    }
}

#[test]
fn what_another_order_holds_is_not_adopted() {
    let before = paid(payment_of(vec![charge_in(ChargeState::Captured(hundred()))]));
    let mut shown = charge_shown_as(AmazonChargeState::Authorized);
    shown.id = strange_charge();
    let charge = ClaimedId::Charge(strange_charge());
    let refund = ClaimedId::Refund(strange_refund());
    for is_taken in [false, true] {
        let taken = if is_taken { vec![charge.clone(), refund.clone()] } else { Vec::new() };
        let step = decide(&before, &taken, |draft| {
            sending_rules::charge_shown(draft, &shown);
        });
        assert_eq!(step.checkout.holds(&charge), !is_taken);
        let step = decide(&before, &taken, |draft| {
            sending_rules::refund_shown(draft, &refund_view(strange_refund()));
        });
        assert_eq!(step.checkout.holds(&refund), !is_taken);
    }
}

#[test]
fn an_attempt_that_is_pending_is_contradicted_and_one_that_failed_is_left_alone() {
    let pending = AttemptState::Pending {
        charge_permission_id: permission(),
        charge_id: charge(),
        since: sent_at(),
        look: LookSchedule { at: sent_at().plus(5 * SECOND), count: 0 },
        alarm_count: 0,
    };
    let charge_of_it =
        FailedCharge { charge_permission_id: permission(), charge_id: charge(), contradicted: None };
    let failed = AttemptState::NotPaid {
        reason: NotPaidReason::ChargeDeclined(None),
        charge: Some(charge_of_it),
        at: sent_at(),
    };
    for id in [ClaimedId::Permission(permission()), ClaimedId::Charge(charge())] {
        let step = contested(&checkout(PaymentIntent::Authorize, pending.clone()), &id, Holder::ThisOrder);
        assert_eq!(step.checkout.attempts[0].state.name(), "Unresolved", "{id:?}");
        assert_eq!(step.checkout.due_at(&rules()), Some(sent_at()), "{id:?}");
        let before = checkout(PaymentIntent::Authorize, failed.clone());
        assert!(before.holds(&id), "a failed payment holds its ids");
        assert!(!contested(&before, &id, Holder::ThisOrder).is_changed, "{id:?}");
    }
}

#[test]
fn of_two_orders_whose_sessions_both_name_an_id_the_one_that_has_claimed_it_keeps_it() {
    for id in [ClaimedId::Permission(permission()), ClaimedId::Charge(charge())] {
        let before = contested(&order(), &id, Holder::AnotherOrder).checkout;
        assert!(!before.holds(&id), "{id:?}");
        let shown = |taken: &[ClaimedId]| {
            let step = decide(&before, taken, |draft| {
                look::session_seen(draft, FIRST, &session_with(permission(), charge()));
            });
            step.checkout
        };
        let kept = shown(core::slice::from_ref(&id));
        assert!(is_contested(&kept) && !kept.holds(&id), "{id:?}");
        let given = shown(&[]);
        assert!(!is_contested(&given) && given.holds(&id), "{id:?}");
    }
}

#[test]
fn an_adopted_payment_has_no_session_that_could_be_asked() {
    let mut before = order();
    before.attempts[0].checkout_session_id = CheckoutSessionId::parse(permission().as_str()).unwrap();
    for id in [ClaimedId::Permission(permission()), ClaimedId::Charge(charge())] {
        let after = contested(&before, &id, Holder::ThisOrder).checkout;
        let mut next = None;
        decide(&after, &[], |draft| next = due::take_up_payment(draft));
        let is_asked = matches!(next, Some(NextStep::LookAtPermission(_) | NextStep::LookAtCharge(_)));
        assert!(is_asked, "{next:?}");
        assert!(after.needs().contains(&Need::Contradicted), "a person can end it");
    }
}

#[test]
fn a_claim_says_which_act_an_id_comes_from() {
    let mut order = order();
    let theirs = Charge {
        id: strange_charge(),
        origin: ChargeOrigin::Elsewhere,
        ..charge_in(ChargeState::Authorized)
    };
    order.payment.as_mut().unwrap().charges.push(theirs);
    let acts: Vec<(String, Act)> =
        order.claimed_ids().iter().map(|id| (id.as_str().to_string(), order.act_of(id))).collect();
    let expected = [
        ("S01-1", Act::Finalize(FIRST)),
        ("S01-1-C1", Act::Finalize(FIRST)),
        ("S01-1-R1", Act::Others),
        ("S01-1-C2", Act::Operation(OperationNumber::FIRST)),
        ("S01-9-C9", Act::Others),
    ];
    assert_eq!(acts, expected.map(|(id, act)| (id.to_string(), act)));
}

#[test]
fn an_attempt_is_not_paid_by_what_another_attempt_of_the_order_has() {
    let failed = AttemptState::NotPaid {
        reason: NotPaidReason::ChargeDeclined(None),
        charge: Some(FailedCharge {
            charge_permission_id: permission(),
            charge_id: charge(),
            contradicted: None,
        }),
        at: sent_at(),
    };
    let mut before = checkout(PaymentIntent::AuthorizeWithCapture, finalizing(sent_at().plus(30 * SECOND)));
    let first = Attempt { state: failed, ..before.attempts[0].clone() };
    before.attempts[0].number = AttemptNumber::new(2);
    before.attempts.insert(0, first);
    let answers =
        [(permission(), strange_charge()), (strange_permission(), charge()), (permission(), charge())];
    for (permission, charge) in answers {
        let success = FinalizeSuccess {
            pending: false,
            charge_permission_id: permission,
            charge_id: Some(charge),
            charge_amount: AmountView::Absent,
        };
        let answer = FinalizeAnswer::Success(success);
        let step = decide(&before, &[], |draft| {
            finalize::answered(draft, AttemptNumber::new(2), send().n, &answer);
        });
        assert_eq!(step.checkout.attempts[1].state.name(), "Unresolved", "{answer:?}");
        assert_eq!(step.checkout.verdict(), Verdict::Checking(Some(CheckingReason::CONTRADICTED)));
    }
}

#[test]
fn the_ids_of_a_payment_that_contradicts_are_claimed_unless_they_may_be_another_orders() {
    let before = proved_ours(checkout(PaymentIntent::AuthorizeWithCapture, in_doubt_attempt(doubt())));
    let named = |taken: &[ClaimedId], shown: &ChargeView| {
        let mut draft = Draft::new(before.clone(), sent_at(), rules());
        draft.see_taken(taken.to_vec());
        look::charge_seen(&mut draft, FIRST, &permission(), &charge(), shown);
        let named: Vec<ClaimedId> = draft.named().iter().map(|(_, id)| id.clone()).collect();
        assert_eq!(draft.finish().checkout.attempts[0].state.name(), "Unresolved");
        named
    };
    let ids = vec![ClaimedId::Permission(permission()), ClaimedId::Charge(charge())];
    let differs = view(AmazonChargeState::Captured, AmountView::Shown(usd(100)));
    assert_eq!(named(&[], &differs), ids);
    for taken in &ids {
        assert!(named(core::slice::from_ref(taken), &differs).is_empty(), "{taken:?}");
    }
    let other =
        ChargeView { id: strange_charge(), ..view(AmazonChargeState::Captured, AmountView::Shown(amount())) };
    assert!(named(&[], &other).is_empty(), "another charge may be another order's");
}

#[test]
fn a_claim_counts_as_long_as_nobody_knows_what_its_act_has_made() {
    let id = ClaimedId::Charge(strange_charge());
    let by_finalize = |state: AttemptState| {
        checkout(PaymentIntent::AuthorizeWithCapture, state).may_hold(&id, Act::Finalize(FIRST))
    };
    assert!(by_finalize(in_doubt_attempt(doubt())));
    assert!(by_finalize(finalizing(sent_at())));
    assert!(by_finalize(unresolved(UnresolvedReason::Contradicted)));
    let not_paid = AttemptState::NotPaid { reason: NotPaidReason::Decided, charge: None, at: sent_at() };
    for over in [completed(Completion::Captured(charge())), not_paid, AttemptState::Surplus { of: FIRST }] {
        assert!(!by_finalize(over.clone()), "{over:?}");
    }
    let order = order();
    for held in held() {
        for act in [Act::Finalize(FIRST), Act::Operation(OperationNumber::FIRST), Act::Others] {
            assert!(order.may_hold(&held, act), "{held:?} {act:?}");
            assert!(!order.may_hold(&id, act), "{act:?}");
        }
    }
    assert!(!order.may_hold(&id, Act::Finalize(AttemptNumber::new(9))), "there is no such attempt");
}

#[test]
fn only_what_an_order_did_not_hold_before_is_new() {
    let order = order();
    let before = HeldIds::of(&order);
    assert!(order.ids_beyond(&before).is_empty());
    let mut after = order.clone();
    let theirs = Charge { id: strange_charge(), ..charge_in(ChargeState::Authorized) };
    after.payment.as_mut().unwrap().charges.push(theirs);
    assert_eq!(after.ids_beyond(&before), [ClaimedId::Charge(strange_charge())]);
    assert_eq!(order.ids_beyond(&HeldIds::default()), held_in_order());
    // An id of one kind is not one of another kind, and the beginning of an id is no id.
    let mut shorter = order;
    shorter.payment.as_mut().unwrap().charges[1].id = ChargeId::parse("S01-1-C").unwrap();
    assert_eq!(shorter.ids_beyond(&before), [ClaimedId::Charge(ChargeId::parse("S01-1-C").unwrap())]);
}

/// What [`order`] holds, in the order in which it is claimed.
fn held_in_order() -> [ClaimedId; 4] {
    let [permission, charge, second, refund] = held();
    [permission, charge, refund, second]
}

#[test]
fn the_account_of_an_id_is_the_one_that_its_payment_was_made_under() {
    let account = |merchant: &str| Account {
        merchant_id: MerchantId::parse(merchant).unwrap(),
        environment: Environment::Sandbox,
        region: Region::NorthAmerica,
    };
    let mut order = order();
    order.attempts[0].account = Some(account("M1"));
    let failed = Attempt {
        number: AttemptNumber::new(2),
        account: Some(account("M2")),
        state: AttemptState::NotPaid { reason: NotPaidReason::Decided, charge: None, at: sent_at() },
        ..order.attempts[0].clone()
    };
    order.attempts.insert(0, failed);
    for act in [Act::Finalize(FIRST), Act::Operation(OperationNumber::FIRST), Act::Others] {
        assert_eq!(order.account_of(act), Some(&account("M1")), "{act:?}");
    }
    assert_eq!(order.account_of(Act::Finalize(AttemptNumber::new(2))), Some(&account("M2")));
}

#[test]
fn a_confirmed_order_that_was_answered_anothers_permission_is_settled_by_its_own() {
    let before = checkout(PaymentIntent::Confirm, finalizing(sent_at().plus(30 * SECOND)));
    let success = FinalizeSuccess {
        pending: false,
        charge_permission_id: strange_permission(),
        charge_id: None,
        charge_amount: AmountView::Absent,
    };
    let answer = FinalizeAnswer::Success(success);
    let taken = [ClaimedId::Permission(strange_permission())];
    let contradicted = decide(&before, &taken, |draft| {
        finalize::answered(draft, FIRST, send().n, &answer);
    });
    assert_eq!(contradicted.checkout.attempts[0].state.name(), "Unresolved");
    let session = SessionView::Completed { charge_permission_id: Some(permission()), charge_id: None };
    let mut next = NextStep::Rest;
    let looked =
        decide(&contradicted.checkout, &taken, |draft| next = look::session_seen(draft, FIRST, &session));
    assert!(matches!(next, NextStep::LookAtAttemptsPermission { .. }), "{next:?}");
    let shown = |id: ChargePermissionId| SessionPermission {
        id,
        state: PermissionState::Chargeable,
        reference: Some("c1".to_string()),
        limit: AmountView::Shown(amount()),
    };
    let settled = |shown: &SessionPermission| {
        let step = decide(&looked.checkout, &taken, |draft| {
            prove::permission_seen(draft, FIRST, shown);
        });
        step.checkout.verdict().outcome()
    };
    assert_eq!(settled(&shown(permission())), "confirmed");
    assert_eq!(settled(&shown(strange_permission())), "checking");
}

#[test]
fn what_the_session_of_an_attempt_in_doubt_names_is_claimed_and_contradicts_if_another_order_has_it() {
    let before = checkout(PaymentIntent::AuthorizeWithCapture, in_doubt_attempt(doubt()));
    let ids = [ClaimedId::Permission(permission()), ClaimedId::Charge(charge())];
    let shown = |checkout: &Checkout, taken: &[ClaimedId]| {
        let mut draft = Draft::new(checkout.clone(), sent_at(), rules());
        draft.see_taken(taken.to_vec());
        look::session_seen(&mut draft, FIRST, &session_with(permission(), charge()));
        let named: Vec<ClaimedId> = draft.named().iter().map(|(_, id)| id.clone()).collect();
        (named, draft.finish().checkout)
    };
    let (named, after) = shown(&before, &[]);
    assert_eq!(named, ids);
    assert!(ids.iter().all(|id| after.may_hold(id, Act::Finalize(FIRST))));
    assert!(shown(&after, &[]).0.is_empty(), "it is claimed once");
    for taken in ids {
        let (named, after) = shown(&before, core::slice::from_ref(&taken));
        assert!(named.is_empty(), "{taken:?}");
        assert_eq!(after.verdict(), Verdict::Checking(Some(CheckingReason::CONTRADICTED)), "{taken:?}");
    }
}

// Promise: B09
#[test]
fn a_refused_attempt_whose_session_names_what_another_order_holds_is_not_let_go() {
    let refused = || AttemptState::NotPaid {
        reason: NotPaidReason::Declined("HardDeclined".to_string()),
        charge: None,
        at: sent_at(),
    };
    for intent in [PaymentIntent::Authorize, PaymentIntent::AuthorizeWithCapture, PaymentIntent::Confirm] {
        let mut before = checkout(intent, refused());
        before.attempts[0].refusal = Some(RefusalLooks::default());
        let bound = AttemptState::Bound { retry_at: sent_at(), missing: None };
        let number = AttemptNumber::new(2);
        before.attempts.push(Attempt { number, refusal: None, state: bound, ..before.attempts[0].clone() });
        let shown = |checkout: &Checkout, taken: &[ClaimedId]| {
            let seen = session_with(permission(), charge());
            decide(checkout, taken, |draft| drop(look::session_seen(draft, FIRST, &seen))).checkout
        };
        let own = shown(&before, &[]);
        assert!(own.live_beside(number).is_some(), "{intent:?}");
        for taken in [ClaimedId::Permission(permission()), ClaimedId::Charge(charge())] {
            let after = shown(&before, core::slice::from_ref(&taken));
            assert!(after.live_beside(number).is_some(), "{intent:?} {taken:?}: nothing else is sent");
            let is = words(&after.attempts[0], sent_at());
            assert!(is.starts_with("Unresolved CompletedElsewhere"), "{intent:?} {taken:?}: {is}");
            assert!(after.claimed_ids().is_empty(), "{intent:?} {taken:?}");
            // Whatever happens to the other order, who completed the session is for a person.
            for again in [&[][..], core::slice::from_ref(&taken)] {
                let later = shown(&shown(&after, again), &[]);
                assert_eq!(later.attempts[0].state.name(), "Unresolved", "{intent:?} {taken:?}");
                let mut draft = Draft::new(later, sent_at(), rules());
                let captured = view(AmazonChargeState::Captured, AmountView::Shown(amount()));
                look::charge_seen(&mut draft, FIRST, &permission(), &charge(), &captured);
                let later = draft.finish().checkout;
                assert_eq!(later.attempts[0].state.name(), "Unresolved", "{intent:?} {taken:?}");
            }
        }
    }
}
