//! A payment of an order in addition to the one that it has: it is unexplained, with the reason PaidTwice, however it
//! becomes known, and the order's own payment stays as it is.

use super::decide::attempts::{answered, charge_seen, session_seen};
use super::decide::decided;
use super::*;
use crate::merchant::after::hint::unpaid_charge_seen;
use crate::merchant::after::unexplained::{Evidence, decide_not_ours, heard_seen};
use crate::merchant::attempt::agree::{self, QuoteBasis};
use crate::merchant::attempt::prove::permission_seen;
use crate::merchant::attempt::{FailedCharge, RefusalLooks};
use crate::merchant::checkout::standing::Need;
use crate::merchant::checkout::unexplained::{UnexplainedEnd, UnexplainedReason, UnexplainedState};
use crate::merchant::payment::permission::PermissionMoney;
use crate::merchant::proof::SessionPermission;

const HOUR: Duration = Duration::from_secs(3_600);

/// The permission of the order's own payment.
fn own() -> ChargePermissionId {
    ChargePermissionId::parse("S01-2").unwrap()
}

/// An order whose second attempt is paid; the first one is in this state.
fn beside(intent: PaymentIntent, state: AttemptState) -> Checkout {
    let mut checkout = checkout(intent, state);
    let completion = match intent {
        PaymentIntent::Confirm => Completion::Confirmed,
        PaymentIntent::Authorize | PaymentIntent::AuthorizeWithCapture => {
            Completion::Authorized(ChargeId::parse("S01-2-C1").unwrap())
        }
    };
    let paid = Attempt {
        number: AttemptNumber::new(2),
        checkout_session_id: CheckoutSessionId::parse("session2").unwrap(),
        sends: Sends::default(),
        state: AttemptState::Completed { completion, charge_permission_id: own(), at: sent_at() },
        ..checkout.attempts[0].clone()
    };
    checkout.payment = Payment::begun_by(&checkout.terms, &paid);
    checkout.attempts.push(paid);
    checkout
}

fn success(checkout: &Checkout) -> FinalizeAnswer {
    FinalizeAnswer::Success(FinalizeSuccess {
        pending: false,
        charge_permission_id: permission(),
        charge_id: (checkout.terms.payment_intent != PaymentIntent::Confirm).then(charge),
        charge_amount: AmountView::Absent,
    })
}

fn completed_session(checkout: &Checkout) -> SessionView {
    let charge_id = (checkout.terms.payment_intent != PaymentIntent::Confirm).then(charge);
    SessionView::Completed { charge_permission_id: Some(permission()), charge_id }
}

/// How Amazon shows the first attempt's payment.
#[derive(Debug, Clone, Copy)]
enum By {
    Answer,
    Charge,
    ChargeOfAnotherAmount,
    Permission,
    Session,
    Comparison,
    FailedCharge,
    Nothing,
}

fn shown(before: &Checkout, by: By, now: Timestamp) -> (Checkout, Vec<CheckoutEvent>) {
    let authorized = |amount| view(AmazonChargeState::Authorized, AmountView::Shown(amount));
    let step = match by {
        By::Answer => answered(before, 1, 1, &success(before), now),
        By::Charge => charge_seen(&proved_ours(before.clone()), 1, &permission(), &authorized(amount()), now),
        By::ChargeOfAnotherAmount => {
            let other = authorized(Money::from_minor(1, Currency::USD));
            charge_seen(&proved_ours(before.clone()), 1, &permission(), &other, now)
        }
        By::Permission => {
            let shown = SessionPermission {
                id: permission(),
                state: PermissionState::Chargeable,
                reference: Some("c1".to_string()),
                limit: AmountView::Shown(amount()),
            };
            let see = |draft: &mut Draft| permission_seen(draft, AttemptNumber::FIRST, &shown);
            decided(&proved_ours(before.clone()), now, &rules(), see).0
        }
        By::Session => session_seen(before, 1, &completed_session(before), now, &rules()).map(|it| it.0),
        By::Comparison => {
            let ours =
                OurStore { environment: Environment::Sandbox, store_id: StoreId::parse("store1").unwrap() };
            let seen = completed_session(before);
            let compare = |draft: &mut Draft| {
                agree::agree(draft, AttemptNumber::FIRST, &seen, None, &ours, QuoteBasis::Known)
            };
            decided(before, now, &rules(), compare).0
        }
        By::FailedCharge => {
            let shown = authorized(amount());
            decided(before, now, &rules(), |draft| unpaid_charge_seen(draft, &permission(), &shown)).0
        }
        By::Nothing => decided(before, now, &rules(), |_| ()).0,
    };
    let step = step.unwrap();
    (step.next, step.events)
}

fn seen(draft_of: &Checkout, charge: Option<ChargeView>, now: Timestamp) -> (Checkout, Vec<CheckoutEvent>) {
    let used = if charge.is_some() { 0 } else { 1_400 };
    let evidence = Evidence {
        sessions: vec![(AttemptNumber::FIRST, completed_session(draft_of))],
        permission: Some(PermissionMoney {
            state: PermissionState::Chargeable,
            created_at: Some(sent_at()),
            limit: AmountView::Shown(amount()),
            balance: AmountView::Shown(Money::from_minor(used, Currency::USD)),
        }),
        charges: charge.into_iter().collect(),
        ..Evidence::default()
    };
    let step = decided(draft_of, now, &rules(), |draft| heard_seen(draft, &permission(), &evidence)).0;
    step.map_or_else(|| (draft_of.clone(), Vec::new()), |step| (step.next, step.events))
}

fn is_told(event: &CheckoutEvent) -> bool {
    matches!(event, CheckoutEvent::Payment(PaymentEvent::Unexplained(id)) if *id == permission())
}

fn is_contradiction(event: &CheckoutEvent) -> bool {
    let CheckoutEvent::Attempt { event, .. } = event else { return false };
    matches!(event, AttemptEvent::Contradicted { .. } | AttemptEvent::Contradiction { .. })
}

fn state_of(checkout: &Checkout) -> &'static str {
    checkout.heard_of(&permission()).map_or("nothing", |known| known.state.name())
}

fn gate(checkout: &Checkout, now: Timestamp) -> (bool, fulfilment::Reason) {
    let answer = fulfilment(checkout, None, now).unwrap();
    (answer.may_ship, answer.reason)
}

fn failed(contradicted: Option<LookSchedule>) -> AttemptState {
    let charge = FailedCharge { charge_permission_id: permission(), charge_id: charge(), contradicted };
    let reason = NotPaidReason::ChargeDeclined(None);
    AttemptState::NotPaid { reason, charge: Some(charge), at: sent_at() }
}

// Promise: B06
#[test]
fn a_second_payment_is_unexplained_however_it_becomes_known() {
    use PaymentIntent::{Authorize, AuthorizeWithCapture, Confirm};
    let look = LookSchedule { at: sent_at(), count: 0 };
    let gone = || unresolved(UnresolvedReason::SessionGone);
    let elsewhere = || unresolved(UnresolvedReason::CompletedElsewhere);
    let bound = || AttemptState::Bound { retry_at: sent_at(), missing: None };
    let declined = || NotPaidReason::Declined("HardDeclined".to_string());
    let unpaid = || AttemptState::NotPaid { reason: declined(), charge: None, at: sent_at() };
    for (intent, state, by, first) in [
        (Authorize, not_approved(sent_at(), None), By::Answer, "Open"),
        (AuthorizeWithCapture, not_approved(sent_at(), None), By::Answer, "Open"),
        (Confirm, not_approved(sent_at(), None), By::Answer, "Open"),
        (Authorize, in_doubt_attempt(doubt()), By::Answer, "Open"),
        (Authorize, finalizing(sent_at().plus(30 * SECOND)), By::Answer, "Open"),
        (AuthorizeWithCapture, gone(), By::Answer, "Open"),
        (Authorize, in_doubt_attempt(doubt()), By::Charge, "Open"),
        (Authorize, in_doubt_attempt(doubt()), By::ChargeOfAnotherAmount, "Open"),
        (Confirm, in_doubt_attempt(doubt()), By::Permission, "Open"),
        (Authorize, gone(), By::Session, "Heard"),
        (Authorize, elsewhere(), By::Session, "Heard"),
        (Confirm, elsewhere(), By::Session, "Heard"),
        (Authorize, unresolved(UnresolvedReason::Contradicted), By::Session, "Heard"),
        (Authorize, bound(), By::Comparison, "Heard"),
        (AuthorizeWithCapture, bound(), By::Comparison, "Heard"),
        (Authorize, unpaid(), By::Answer, "Open"),
        (AuthorizeWithCapture, unpaid(), By::Answer, "Open"),
        (Confirm, unpaid(), By::Answer, "Open"),
        (Authorize, failed(None), By::FailedCharge, "Open"),
        (Authorize, failed(Some(look)), By::Nothing, "Open"),
    ] {
        let now = sent_at().plus(60 * SECOND);
        let what = format!("{intent} {state:?} {by:?}");
        let before = beside(intent, state);
        let (after, events) = shown(&before, by, now);
        assert_eq!(state_of(&after), first, "{what}");
        assert!(!events.iter().any(is_contradiction), "{what}: {events:?}");
        let told = events.iter().filter(|it| is_told(it)).count();
        assert_eq!(told, usize::from(first == "Open"), "{what}");
        // No parcel leaves while it is not settled, and the timer asks now.
        assert_eq!(gate(&after, now), (false, fulfilment::Reason::Unexplained), "{what}");
        assert_eq!(after.due_at(&rules()), Some(now), "{what}");
        assert!(after.is_held(), "{what}");
        let captured = intent != Confirm;
        let shown = captured.then(|| view(AmazonChargeState::Captured, AmountView::Shown(amount())));
        let (after, events) = seen(&after, shown, now);
        let told_later = events.iter().filter(|it| is_told(it)).count();
        assert_eq!(told + told_later, 1, "{what}: it is reported once");
        let known = after.heard_of(&permission()).unwrap();
        let reason = UnexplainedReason::PaidTwice;
        assert!(
            matches!(known.state, UnexplainedState::Open { reason: of, .. } if of == reason),
            "{what}: {:?}",
            known.state
        );
        assert_eq!(known.attempt, Some(AttemptNumber::FIRST));
        assert_eq!(gate(&after, now), (false, fulfilment::Reason::Unexplained), "{what}");
        assert_eq!(after.needs(), [Need::Unexplained], "{what}");
        assert_eq!(after.attempts[0].state.name(), "Surplus", "{what}");
        assert_eq!(after.payment.as_ref().unwrap().charge_permission_id, own(), "{what}");
        let outcome = if intent == Confirm { "confirmed" } else { "authorized" };
        assert_eq!(after.verdict().outcome(), outcome, "{what}: it is paid all the same");
        assert_eq!(after.verdict_of(&after.attempts[0]).outcome(), outcome, "{what}");
    }
}

#[test]
fn a_completed_session_without_money_is_no_second_payment() {
    let bound = AttemptState::Bound { retry_at: sent_at(), missing: None };
    for state in [AmazonChargeState::Declined, AmazonChargeState::Canceled] {
        let now = sent_at().plus(60 * SECOND);
        let (after, _) = shown(&beside(PaymentIntent::Authorize, bound.clone()), By::Comparison, now);
        let mut evidence = view(state, AmountView::Shown(amount()));
        evidence.asked_at = now;
        let unused = PermissionMoney {
            state: PermissionState::Chargeable,
            created_at: Some(sent_at()),
            limit: AmountView::Shown(amount()),
            balance: AmountView::Shown(amount()),
        };
        let evidence = Evidence {
            sessions: vec![(AttemptNumber::FIRST, completed_session(&after))],
            permission: Some(unused),
            charges: vec![evidence],
            ..Evidence::default()
        };
        let see = |draft: &mut Draft| heard_seen(draft, &permission(), &evidence);
        let after = decided(&after, now, &rules(), see).0.unwrap().next;
        assert_eq!(state_of(&after), "Over", "{state:?}");
        assert_ne!(gate(&after, now).1, fulfilment::Reason::Unexplained);
        assert_eq!(after.needs(), []);
    }
}

// Promise: B06
#[test]
fn what_is_proved_first_is_the_payment_and_the_next_one_is_the_second() {
    let pending = AttemptState::Pending {
        charge_permission_id: own(),
        charge_id: ChargeId::parse("S01-2-C1").unwrap(),
        since: sent_at(),
        look: LookSchedule { at: sent_at().plus(5 * SECOND), count: 0 },
        alarm_count: 0,
    };
    for other in [in_doubt_attempt(doubt()), finalizing(sent_at().plus(30 * SECOND)), pending] {
        let now = sent_at().plus(SECOND);
        let mut before = checkout(PaymentIntent::AuthorizeWithCapture, not_approved(sent_at(), None));
        let second = Attempt {
            number: AttemptNumber::new(2),
            state: other.clone(),
            sends: Sends::one_unanswered(),
            ..before.attempts[0].clone()
        };
        before.attempts.push(second);
        let after = answered(&before, 1, 1, &success(&before), now).unwrap().next;
        assert_eq!(after.attempts[0].state.name(), "Completed", "{other:?}");
        assert_eq!(after.verdict().outcome(), "paid", "{other:?}");
        assert_eq!(after.payment.as_ref().unwrap().charge_permission_id, permission());
        if other.name() == "Pending" {
            continue;
        }
        let late = FinalizeAnswer::Success(FinalizeSuccess {
            pending: false,
            charge_permission_id: own(),
            charge_id: Some(ChargeId::parse("S01-2-C1").unwrap()),
            charge_amount: AmountView::Shown(amount()),
        });
        let step = answered(&after, 2, 1, &late, now).unwrap();
        let known = step.next.heard_of(&own()).unwrap();
        assert!(known.state.is_open() && known.amount == Some(amount()), "{other:?}");
        assert_eq!(step.next.attempts[1].state.name(), "Surplus");
        assert_eq!(step.next.verdict().outcome(), "paid");
    }
}

// Promise: B06
#[test]
fn a_late_success_beside_money_that_persons_have_refunded_is_in_a_payment_of_its_own() {
    for state in [not_approved(sent_at(), None), in_doubt_attempt(doubt())] {
        let now = sent_at().plus(60 * SECOND);
        let mut before = beside(PaymentIntent::AuthorizeWithCapture, state.clone());
        before.attempts.truncate(1);
        before.cancellation = Some(Cancellation {
            reference: "decision 1".to_string(),
            reason: None,
            requested_at: sent_at(),
            extent: Extent::Everything,
            state: CancellationState::Done { at: sent_at(), remind_at: None },
        });
        let step = answered(&before, 1, 1, &success(&before), now).unwrap();
        assert_eq!(step.events.iter().filter(|it| is_told(it)).count(), 1, "{state:?}");
        assert!(!step.events.iter().any(is_contradiction), "{state:?}");
        assert_eq!(state_of(&step.next), "Open", "{state:?}");
        assert_eq!(step.next.attempts[0].state.name(), "Unresolved", "it is not called unpaid");
        assert_eq!(step.next.payment.as_ref().unwrap().charge_permission_id, own());
        // It is reported once, however often it is looked at.
        let shown = view(AmazonChargeState::Captured, AmountView::Shown(amount()));
        let again = charge_seen(&proved_ours(step.next.clone()), 1, &permission(), &shown, now);
        assert!(again.is_none_or(|again| !again.events.iter().any(is_told)), "{state:?}");
        let end = |draft: &mut Draft| decide_not_ours(draft, &permission()).unwrap();
        let after = decided(&step.next, now, &rules(), end).0.unwrap().next;
        assert_eq!(words(&after.attempts[0], now), "NotPaid OrderCanceled");
        assert_eq!(after.needs(), []);
    }
}

#[test]
fn money_that_waits_for_a_session_is_unexplained_in_the_end() {
    let look = LookSchedule { at: sent_at(), count: 0 };
    let captured = view(AmazonChargeState::Captured, AmountView::Shown(amount()));
    let held = view(AmazonChargeState::Authorized, AmountView::Shown(amount()));
    let declined = view(AmazonChargeState::Declined, AmountView::Shown(amount()));
    let (hour, day) = (HOUR, 25 * HOUR);
    for (charge, after, expected) in [
        (Some(&captured), hour - SECOND, "Heard"),
        (Some(&captured), hour, "Open"),
        (Some(&held), hour, "Heard"),
        (Some(&held), day - SECOND, "Heard"),
        (Some(&held), day, "Open"),
        (None, day - SECOND, "Heard"),
        (None, day, "Open"),
        (Some(&declined), day - SECOND, "Heard"),
        (Some(&declined), day, "Over"),
    ] {
        // The session of an attempt in doubt is not shown.
        let mut before = checkout(PaymentIntent::Authorize, in_doubt_attempt(doubt()));
        let now = sent_at().plus(after);
        let heard = |draft: &mut Draft| {
            draft.remember(&permission()).unwrap().note_charge(&super::charge());
        };
        before = decided(&before, sent_at(), &rules(), heard).0.unwrap().next;
        before.unexplained[0].state = UnexplainedState::Heard { look };
        let is_declined = charge == Some(&declined);
        let evidence = Evidence {
            permission: charge.map(|_| PermissionMoney {
                state: PermissionState::Chargeable,
                created_at: Some(sent_at()),
                limit: AmountView::Shown(amount()),
                balance: AmountView::Shown(if is_declined { amount() } else { Money::zero(Currency::USD) }),
            }),
            charges: charge.into_iter().cloned().collect(),
            ..Evidence::default()
        };
        let see = |draft: &mut Draft| heard_seen(draft, &permission(), &evidence);
        let step = decided(&before, now, &rules(), see).0.unwrap();
        assert_eq!(state_of(&step.next), expected, "{charge:?} {after:?}");
        assert_eq!(step.events.iter().any(is_told), expected == "Open", "{charge:?} {after:?}");
        let needs = if expected == "Open" { vec![Need::Unexplained] } else { Vec::new() };
        assert_eq!(step.next.needs(), needs);
        assert_eq!(step.next.is_held(), expected != "Over");
    }
}

// Promise: B06
#[test]
fn what_persons_took_for_another_shops_is_followed_again_once_a_session_of_the_order_names_it() {
    let bound = AttemptState::Bound { retry_at: sent_at(), missing: None };
    let refused = AttemptState::NotPaid {
        reason: NotPaidReason::Declined("HardDeclined".to_string()),
        charge: None,
        at: sent_at(),
    };
    let now = sent_at().plus(60 * SECOND);
    for (state, by, expected) in [
        (bound, By::Comparison, "Heard"),
        (refused.clone(), By::Session, "Heard"),
        (in_doubt_attempt(doubt()), By::Answer, "Open"),
        (in_doubt_attempt(doubt()), By::Charge, "Open"),
    ] {
        let mut before = beside(PaymentIntent::AuthorizeWithCapture, state.clone());
        if state.name() == refused.name() {
            before.attempts[0].refusal = Some(RefusalLooks::default());
        }
        let remember = |draft: &mut Draft| {
            draft.remember(&permission()).unwrap().note_charge(&super::charge());
        };
        let mut before = decided(&before, sent_at(), &rules(), remember).0.unwrap().next;
        before.unexplained[0].state = UnexplainedState::Over { end: UnexplainedEnd::NotOurs, at: sent_at() };
        let (after, _) = shown(&before, by, now);
        assert_eq!(state_of(&after), expected, "{state:?} {by:?}");
        assert_eq!(after.attempts[0].state.name(), "Surplus", "{state:?} {by:?}");
        assert!(!gate(&after, now).0, "{state:?} {by:?}: no parcel leaves");
    }
}

#[test]
fn a_second_payment_is_called_so_however_many_permissions_the_order_remembers() {
    let now = sent_at().plus(2 * SECOND);
    for intent in PaymentIntent::ALL.iter().copied() {
        for (state, by) in [
            (in_doubt_attempt(doubt()), By::Answer),
            (in_doubt_attempt(doubt()), By::Charge),
            (in_doubt_attempt(doubt()), By::ChargeOfAnotherAmount),
            (AttemptState::Surplus { of: AttemptNumber::new(2) }, By::Answer),
            (failed(None), By::FailedCharge),
        ] {
            if intent == PaymentIntent::Confirm && !matches!(by, By::Answer) {
                continue;
            }
            let mut before = beside(intent, state);
            for number in 100..100 + crate::merchant::rules::MAX_UNEXPLAINED {
                let permission = ChargePermissionId::parse(&format!("S01-{number}")).unwrap();
                let mut draft = Draft::new(before, sent_at(), rules());
                crate::merchant::after::unexplained::heard(&mut draft, &permission, None, sent_at());
                before = draft.finish().checkout;
            }
            let (after, events) = shown(&before, by, now);
            assert!(!events.iter().any(is_contradiction), "{intent} {by:?}: {events:?}");
            assert_eq!(state_of(&after), "Open", "{intent} {by:?}");
            assert_eq!(after.unexplained.len(), before.unexplained.len() + 1, "nothing is forgotten");
            assert!(!gate(&after, now).0);
        }
    }
}
