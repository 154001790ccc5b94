//! What is so now: the table of standings, what needs a person, and how both agree with the verdict and the
//! gate whatever has happened.

use super::decide::payments::*;
use super::paid::*;
use super::*;
use crate::ids::DisputeId;
use crate::merchant::attempt::FailedCharge;
use crate::merchant::checkout::standing::{Need, Standing};
use crate::merchant::payment::dispute::{Dispute, DisputeState};
use crate::merchant::payment::shipment::{PaidBy, Shipment};
use crate::merchant::rules::ALARMS;
use proptest::prelude::*;

fn second_charge(amount: u64, state: ChargeState) -> Charge {
    Charge {
        id: ChargeId::parse("S01-1-C2").unwrap(),
        origin: ChargeOrigin::Operation,
        amount: usd(amount),
        ..charge_in(state)
    }
}

/// An order of 100.00 with these charges.
fn order_of(charges: Vec<Charge>) -> Checkout {
    paid(Payment { limit: hundred(), ..payment_of(charges) })
}

fn with_refund(amount: u64, state: RefundState) -> Checkout {
    let refunds = vec![refund_in(amount, state)];
    order_of(vec![Charge { refunds, ..charge_in(ChargeState::Captured(hundred())) }])
}

fn asking(request: PaymentCall, state: OperationState, charge: ChargeState) -> Checkout {
    let mut checkout = order_of(vec![charge_in(charge)]);
    checkout.payment.as_mut().unwrap().operations = vec![operation(1, request, state)];
    checkout
}

fn canceled(state: CancellationState, checkout: Checkout) -> Checkout {
    Checkout { cancellation: Some(Cancellation { state, ..cancellation() }), ..checkout }
}

fn attempts(states: Vec<AttemptState>) -> Checkout {
    let first = checkout(PaymentIntent::Authorize, AttemptState::Surplus { of: AttemptNumber::FIRST });
    let attempts = (1..).zip(states).map(|(number, state)| Attempt {
        number: AttemptNumber::new(number),
        state,
        ..first.attempts[0].clone()
    });
    Checkout { attempts: attempts.collect(), ..unpaid(PaymentIntent::Authorize) }
}

fn not_paid(contradicted: Option<LookSchedule>) -> AttemptState {
    let failed = FailedCharge { charge_permission_id: permission(), charge_id: charge(), contradicted };
    AttemptState::NotPaid {
        reason: NotPaidReason::Declined("HardDeclined".to_string()),
        charge: Some(failed),
        at: sent_at(),
    }
}

/// The order after a dispute about this charge, or nobody knows about which, was lost.
fn lost(mut checkout: Checkout, charge_id: Option<ChargeId>, amount: Option<Money>) -> Checkout {
    checkout.payment.as_mut().unwrap().disputes = vec![Dispute {
        id: DisputeId::parse("S01-1-B1").unwrap(),
        charge_id,
        amount,
        opened_at: sent_at(),
        state: DisputeState::Lost { at: sent_at() },
    }];
    checkout
}

/// An order with a charge of its own, and one that others made under its permission.
fn with_others(own: ChargeState, theirs: ChargeState) -> Checkout {
    let theirs = Charge { origin: ChargeOrigin::Elsewhere, ..second_charge(100, theirs) };
    order_of(vec![charge_in(own), theirs])
}

fn seen_otherwise(charge: Charge) -> Charge {
    Charge { sight: LastSeen::Contradicted(Misfit::StateDiffers), ..charge }
}

/// A doubt after its last alarm.
fn doubt_for_good() -> OperationState {
    let alarm_count = u32::try_from(ALARMS.len()).unwrap();
    OperationState::InFlight(InFlight::InDoubt(Doubt { alarm_count, ..doubt() }))
}

/// An order with a call in doubt after this many answers that name another object.
fn answered_wrongly(request: PaymentCall, count: u32) -> Checkout {
    let mut checkout = asking(request, in_doubt(), ChargeState::Authorized);
    checkout.payment.as_mut().unwrap().operations[0].contradicted_count = count;
    checkout
}

fn declined() -> ChargeState {
    ChargeState::Declined(Some("HardDeclined".to_string()))
}

fn expired() -> ChargeState {
    ChargeState::Canceled(Some("ExpiredUnused".to_string()))
}

// Promise: D16
#[test]
fn each_checkout_has_this_standing_now() {
    let now = sent_at().plus(DAY);
    let at = Some(LookSchedule { at: now, count: 0 });
    let requested = CancellationState::Requested { remind_at: now, is_stuck: false };
    let done = |remind_at| CancellationState::Done { at: now, remind_at };
    let lone = |state| order_of(vec![charge_in(state)]);
    let confirmed = |charges| {
        let payment = Payment { limit: hundred(), ..payment_of(charges) };
        Checkout {
            payment: Some(payment),
            ..checkout(PaymentIntent::Confirm, completed(Completion::Confirmed))
        }
    };
    let closed_permission = |mut checkout: Checkout| {
        checkout.payment.as_mut().unwrap().permission.state = closed();
        checkout
    };
    let captured = || ChargeState::Captured(hundred());
    let refunded_once = |checkout: Checkout, more: Charge| {
        let mut checkout = checkout;
        checkout.payment.as_mut().unwrap().charges.push(more);
        checkout
    };
    for (what, checkout, word) in [
        ("nobody came", unpaid(PaymentIntent::Authorize), "awaitingPayment"),
        ("bound", attempts(vec![states()[0].clone()]), "checking"),
        ("in doubt", attempts(vec![in_doubt_attempt(doubt())]), "checking"),
        ("another tab after a decline", attempts(vec![not_paid(None), states()[0].clone()]), "checking"),
        ("a decline after another tab", attempts(vec![states()[0].clone(), not_paid(None)]), "checking"),
        ("Amazon decides", attempts(vec![states()[5].clone()]), "pending"),
        ("declined", attempts(vec![not_paid(None)]), "notPaid"),
        ("declined, and money is shown", attempts(vec![not_paid(at)]), "contradicted"),
        ("deleted", attempts(vec![unresolved(UnresolvedReason::SessionGone)]), "unresolved"),
        ("another amount", attempts(vec![unresolved(UnresolvedReason::Contradicted)]), "contradicted"),
        ("authorized", lone(ChargeState::Authorized), "reserved"),
        (
            "authorized and expired",
            {
                let charge = charge_in(ChargeState::Authorized);
                order_of(vec![Charge { expires_at: now, ..charge }])
            },
            "lapsed",
        ),
        ("canceled by Amazon", lone(expired()), "lapsed"),
        ("declined at the capture", lone(declined()), "lapsed"),
        ("captured", lone(captured()), "captured"),
        ("captured, of which a part", lone(ChargeState::Captured(usd(9_999))), "partlyCaptured"),
        ("captured under a closed permission", closed_permission(lone(captured())), "captured"),
        (
            "a first parcel of two",
            { order_of(vec![Charge { amount: usd(4_000), ..charge_in(ChargeState::Captured(usd(4_000))) }]) },
            "partlyCaptured",
        ),
        (
            "a second parcel is reserved",
            {
                let first = Charge { amount: usd(4_000), ..charge_in(ChargeState::Captured(usd(4_000))) };
                order_of(vec![first, second_charge(6_000, ChargeState::Authorized)])
            },
            "partlyCaptured",
        ),
        (
            "both parcels",
            {
                let first = Charge { amount: usd(4_000), ..charge_in(ChargeState::Captured(usd(4_000))) };
                order_of(vec![first, second_charge(6_000, ChargeState::Captured(usd(6_000)))])
            },
            "captured",
        ),
        (
            "a second parcel is pending",
            {
                let first = Charge { amount: usd(4_000), ..charge_in(ChargeState::Captured(usd(4_000))) };
                order_of(vec![first, second_charge(6_000, ChargeState::AuthorizationInitiated)])
            },
            "pending",
        ),
        ("refunded", with_refund(10_000, RefundState::Refunded), "refunded"),
        ("on its way back", with_refund(10_000, RefundState::RefundInitiated), "refunded"),
        ("the refund was declined", with_refund(10_000, RefundState::Declined(None)), "captured"),
        ("a part is refunded", with_refund(9_999, RefundState::Refunded), "partlyRefunded"),
        (
            "refunded elsewhere",
            {
                let charge = charge_in(captured());
                order_of(vec![Charge { refunded_shown: Some(hundred()), ..charge }])
            },
            "refunded",
        ),
        (
            "one parcel is refunded, another reserved",
            {
                let more = second_charge(5_000, ChargeState::Authorized);
                refunded_once(with_refund(10_000, RefundState::Refunded), more)
            },
            "reserved",
        ),
        ("being captured at Amazon", lone(ChargeState::CaptureInitiated), "capturing"),
        ("a capture in doubt", asking(capture(), in_doubt(), ChargeState::Authorized), "capturing"),
        ("a refund in doubt", asking(refund(), in_doubt(), captured()), "checking"),
        ("a charge on its way", asking(create(), sending(), captured()), "checking"),
        ("a close to be sent", asking(close(), recorded(), captured()), "checking"),
        ("being released", asking(cancel(), sending(), ChargeState::Authorized), "canceling"),
        ("agreed", confirmed(Vec::new()), "confirmed"),
        ("agreed, and declined", confirmed(vec![second_charge(4_000, declined())]), "confirmed"),
        ("agreed, and lapsed", confirmed(vec![second_charge(4_000, expired())]), "lapsed"),
        ("agreed, and closed", closed_permission(confirmed(Vec::new())), "lapsed"),
        ("agreed, and reserved", confirmed(vec![second_charge(4_000, ChargeState::Authorized)]), "reserved"),
        ("being canceled", canceled(requested, lone(ChargeState::Authorized)), "canceling"),
        ("canceled", canceled(done(None), lone(expired())), "canceled"),
        ("canceled before it was sent", canceled(done(None), unpaid(PaymentIntent::Authorize)), "canceled"),
        ("something turned up", canceled(done(Some(now)), lone(captured())), "canceling"),
        (
            "a dispute is lost",
            { lost(order_of(vec![charge_in(captured())]), Some(charge()), Some(hundred())) },
            "refunded",
        ),
        (
            "a part is lost by a dispute",
            { lost(order_of(vec![charge_in(captured())]), Some(charge()), Some(usd(1))) },
            "partlyRefunded",
        ),
        (
            "a dispute of an amount that nobody knows is lost",
            { lost(order_of(vec![charge_in(captured())]), None, None) },
            "refunded",
        ),
        (
            "a part is refunded, and the rest lost",
            { lost(with_refund(4_000, RefundState::Refunded), Some(charge()), Some(usd(6_000))) },
            "refunded",
        ),
        (
            "everything is refunded, and lost as well",
            { lost(with_refund(10_000, RefundState::Refunded), Some(charge()), Some(hundred())) },
            "refunded",
        ),
        (
            "one parcel of two is lost",
            {
                let first = Charge { amount: usd(4_000), ..charge_in(ChargeState::Captured(usd(4_000))) };
                let second = second_charge(6_000, ChargeState::Captured(usd(6_000)));
                lost(order_of(vec![first, second]), Some(charge()), None)
            },
            "partlyRefunded",
        ),
        (
            "more than one parcel was refunded, and nothing of another",
            {
                let first = Charge { amount: usd(4_000), ..charge_in(ChargeState::Captured(usd(4_000))) };
                let first = Charge { refunds: vec![refund_in(4_600, RefundState::Refunded)], ..first };
                order_of(vec![first, second_charge(500, ChargeState::Captured(usd(500)))])
            },
            "partlyRefunded",
        ),
        (
            "canceled, and others have reserved under its permission",
            canceled(done(None), with_others(expired(), ChargeState::Authorized)),
            "reserved",
        ),
        (
            "canceled, and others have captured",
            canceled(done(None), with_others(expired(), ChargeState::Captured(usd(100)))),
            "partlyCaptured",
        ),
        (
            "canceled, and others have given back what they had captured",
            {
                let mut checkout = with_others(expired(), ChargeState::Captured(usd(100)));
                let theirs = &mut checkout.payment.as_mut().unwrap().charges[1];
                theirs.refunds = vec![refund_in(100, RefundState::Refunded)];
                canceled(done(None), checkout)
            },
            "canceled",
        ),
        (
            "canceled, and others have lost theirs by a dispute",
            {
                let checkout = with_others(expired(), ChargeState::Captured(usd(100)));
                let theirs = checkout.payment.as_ref().unwrap().charges[1].id.clone();
                canceled(done(None), lost(checkout, Some(theirs), None))
            },
            "canceled",
        ),
        (
            "canceled, and what others had reserved has lapsed",
            canceled(done(None), with_others(expired(), expired())),
            "canceled",
        ),
        (
            "canceled, and others decide on a charge",
            canceled(done(None), with_others(expired(), ChargeState::AuthorizationInitiated)),
            "pending",
        ),
        (
            "being canceled, and others have captured",
            canceled(requested, with_others(ChargeState::Authorized, captured())),
            "canceling",
        ),
        (
            "something turned up, and others have captured",
            canceled(done(Some(now)), with_others(captured(), captured())),
            "canceling",
        ),
        ("another state is shown", order_of(vec![seen_otherwise(charge_in(captured()))]), "contradicted"),
        (
            "canceled, and captured",
            { canceled(done(None), order_of(vec![seen_otherwise(charge_in(expired()))])) },
            "contradicted",
        ),
    ] {
        assert_eq!(checkout.standing(now).word(), word, "{what}");
        agrees(&checkout, now).unwrap_or_else(|why| panic!("{what}: {why}"));
    }
}

// Promise: D16
#[test]
fn what_has_left_stands_as_it_is_paid_after_the_rest_was_canceled() {
    let now = sent_at().plus(DAY);
    let parcel = Shipment {
        reference: "p1".to_string(),
        asked: ShipmentRequest { charge_id: None, amount: None },
        amount: hundred(),
        paid_by: PaidBy::Capture,
        seen_at: now,
        recorded_at: now,
    };
    for (state, word) in [
        (ChargeState::Captured(hundred()), "captured"),
        (ChargeState::Authorized, "reserved"),
        (ChargeState::CaptureInitiated, "capturing"),
    ] {
        let charge = Charge { shipments: vec![parcel.clone()], ..charge_in(state) };
        let cancellation = Cancellation {
            extent: Extent::Unshipped,
            state: CancellationState::Done { at: now, remind_at: None },
            ..cancellation()
        };
        let checkout = Checkout { cancellation: Some(cancellation), ..order_of(vec![charge]) };
        assert_eq!(checkout.standing(now).word(), word);
    }
}

// Promise: D16
#[test]
fn a_reservation_says_until_when_and_lapses_at_that_instant() {
    let until = sent_at().plus(3 * DAY);
    let first = Charge { expires_at: until, ..charge_in(ChargeState::Authorized) };
    let later = Charge { expires_at: until.plus(DAY), ..second_charge(100, ChargeState::Authorized) };
    let alone = order_of(vec![first.clone()]);
    let both = order_of(vec![first, later]);
    let just_before = until.minus(Duration::from_millis(1));
    assert_eq!(alone.standing(just_before), Standing::Reserved { until });
    assert_eq!(alone.standing(until), Standing::Lapsed);
    assert_eq!(both.standing(just_before).until(), Some(until), "the earliest");
    assert_eq!(both.standing(until).until(), Some(until.plus(DAY)));
    assert_eq!(both.standing(until.plus(DAY)), Standing::Lapsed);
}

// Promise: D16
#[test]
fn a_person_is_needed_for_this_and_for_nothing_else() {
    let now = sent_at().plus(DAY);
    let stuck = CancellationState::Requested { remind_at: now, is_stuck: true };
    let waiting = CancellationState::Requested { remind_at: now, is_stuck: false };
    let done = |remind_at| CancellationState::Done { at: now, remind_at };
    let captured = || order_of(vec![charge_in(ChargeState::Captured(hundred()))]);
    let refund_open = || with_refund(10_000, RefundState::RefundInitiated);
    for (what, checkout, needs) in [
        ("nothing", captured(), vec![]),
        ("a doubt", asking(refund(), in_doubt(), ChargeState::Captured(hundred())), vec![]),
        (
            "a doubt after its last alarm",
            { asking(refund(), doubt_for_good(), ChargeState::Captured(hundred())) },
            vec![Need::OperationInDoubt],
        ),
        ("another charge was answered, once", answered_wrongly(create(), 1), vec![]),
        ("another charge was answered, again", answered_wrongly(create(), 2), vec![Need::OperationInDoubt]),
        ("a capture, which its charge will show", answered_wrongly(capture(), 2), vec![]),
        ("an attempt in doubt", attempts(vec![in_doubt_attempt(doubt())]), vec![]),
        ("nobody can tell", attempts(vec![unresolved(UnresolvedReason::IdsMissing)]), vec![Need::Unresolved]),
        (
            "another amount",
            attempts(vec![unresolved(UnresolvedReason::Contradicted)]),
            vec![Need::Contradicted],
        ),
        (
            "another state",
            order_of(vec![seen_otherwise(charge_in(ChargeState::Authorized))]),
            vec![Need::Contradicted],
        ),
        ("being canceled", canceled(waiting, captured()), vec![]),
        ("cannot be undone", canceled(stuck, captured()), vec![Need::CancellationStuck]),
        ("something turned up and is refunded", canceled(done(Some(now)), refund_open()), vec![]),
        (
            "something turned up and stays",
            canceled(done(Some(now)), captured()),
            vec![Need::CancellationStuck],
        ),
        ("lapsed", order_of(vec![charge_in(expired())]), vec![]),
        ("declined", attempts(vec![not_paid(None)]), vec![]),
    ] {
        assert_eq!(checkout.needs(), needs, "{what}");
    }
}

/// How many times a lapse was announced in a step.
fn lapses(step: &CheckoutStep) -> usize {
    let is_lapse =
        |event: &&CheckoutEvent| matches!(event, CheckoutEvent::Payment(PaymentEvent::Lapsed { .. }));
    step.events.iter().filter(is_lapse).count()
}

fn lapsed_charge(step: &CheckoutStep) -> Option<String> {
    step.events.iter().find_map(|event| match event {
        CheckoutEvent::Payment(PaymentEvent::Lapsed { charge_id }) => Some(charge_id.to_string()),
        _ => None,
    })
}

// Promise: D16
#[test]
fn a_lapse_is_announced_once_and_only_when_amazon_has_shown_it() {
    let now = sent_at().plus(30 * DAY);
    let reserved = order_of(vec![charge_in(ChargeState::Authorized)]);
    let still = charge_shown_as(AmazonChargeState::Authorized);
    let over = charge_shown_as(AmazonChargeState::Canceled);
    let taken = charge_shown_as(AmazonChargeState::Captured);
    // Time alone announces nothing: the authorization may have been captured elsewhere.
    assert_eq!(reserved.standing(now), Standing::Lapsed);
    let looked = charge_shown(&reserved, &still, now, &rules()).map_or(0, |(step, _)| lapses(&step));
    assert_eq!(looked, 0);
    let (lapsed, _) = charge_shown(&reserved, &over, now, &rules()).unwrap();
    assert_eq!((lapses(&lapsed), lapsed.next.standing(now)), (1, Standing::Lapsed));
    let again = charge_shown(&lapsed.next, &over, now, &rules()).map_or(0, |(step, _)| lapses(&step));
    assert_eq!(again, 0, "shown again");
    let (kept, _) = charge_shown(&reserved, &taken, now, &rules()).unwrap();
    assert_eq!(lapses(&kept), 0, "it was captured");
    // Another authorization is in force; and an order that the shop cancels does not lapse.
    let two = order_of(vec![charge_in(ChargeState::Authorized), second_charge(100, ChargeState::Authorized)]);
    let (one_left, _) = charge_shown(&two, &over, now, &rules()).unwrap();
    assert_eq!(lapses(&one_left), 0);
    let requested = CancellationState::Requested { remind_at: now, is_stuck: false };
    let undone = charge_shown(&canceled(requested, reserved), &over, now, &rules()).unwrap().0;
    assert_eq!(lapses(&undone), 0);
    // A further charge that is declined is no further lapse.
    let mut charged = lapsed.next;
    let payment = charged.payment.as_mut().unwrap();
    payment.charges.push(second_charge(100, ChargeState::AuthorizationInitiated));
    let refused = ChargeView {
        id: ChargeId::parse("S01-1-C2").unwrap(),
        seen: ChargeStatus {
            state: AmazonChargeState::Declined,
            reason: None,
            charge_amount: AmountView::Shown(usd(100)),
        },
        ..over
    };
    let (step, _) = charge_shown(&charged, &refused, now, &rules()).unwrap();
    assert_eq!(lapses(&step), 0);
    // One that had reserved money is, and it is the one that the shop is notified of.
    for (state, end) in [
        (ChargeState::Authorized, AmazonChargeState::Canceled),
        (ChargeState::CaptureInitiated, AmazonChargeState::Declined),
    ] {
        let charges = &mut charged.payment.as_mut().unwrap().charges;
        charges.pop();
        charges.push(second_charge(100, state));
        let mut over = refused.clone();
        over.seen.state = end;
        let (step, _) = charge_shown(&charged, &over, now, &rules()).unwrap();
        assert_eq!((lapses(&step), lapsed_charge(&step).as_deref()), (1, Some("S01-1-C2")), "{end:?}");
    }
}

/// Whether something of a checkout is in flight, as its parts say.
fn is_in_flight(checkout: &Checkout) -> bool {
    let is_of = |is_it: fn(&AttemptState) -> bool| checkout.attempts.iter().any(|it| is_it(&it.state));
    let is_paid = is_of(|state| matches!(state, AttemptState::Completed { .. }));
    // Once another attempt was paid, one that was never sent cannot be sent any more, and one that was refused
    // does not count. A canceled order is canceled, although a refused one is still looked at.
    let is_refused = |state: &AttemptState| matches!(state, AttemptState::NotApproved(_));
    let attempt = !is_paid
        && (is_of(AttemptState::is_live)
            || is_of(AttemptState::is_unsent)
            || (checkout.cancellation.is_none() && is_of(is_refused)));
    let charge = checkout.payment.iter().flat_map(|payment| &payment.charges).any(|charge| {
        matches!(charge.state, ChargeState::AuthorizationInitiated | ChargeState::CaptureInitiated)
    });
    let operation = checkout.payment.iter().any(|payment| payment.in_flight().next().is_some());
    let leaves_nothing = checkout.left_behind().next().is_none();
    let cancellation = checkout.cancellation.as_ref().is_some_and(|it| match it.state {
        CancellationState::Requested { .. } => true,
        CancellationState::Done { remind_at, .. } => remind_at.is_some() && leaves_nothing,
    });
    attempt || charge || operation || cancellation
}

/// What must be so of the standing of any checkout that can be reached.
pub(super) fn agrees(checkout: &Checkout, now: Timestamp) -> Result<(), TestCaseError> {
    let standing = checkout.standing(now);
    let needs = checkout.needs();
    prop_assert!(Standing::WORDS.contains(&standing.word()));
    let open_by_itself = matches!(standing, Standing::Contradicted | Standing::Unresolved);
    prop_assert_eq!(
        standing.is_settled(),
        !is_in_flight(checkout) && !open_by_itself,
        "{:?} of {:?}",
        standing,
        checkout
    );
    prop_assert_eq!(needs.contains(&Need::Contradicted), standing == Standing::Contradicted);
    let is_doubted_for_good = |attempt: &Attempt| {
        attempt.state.doubt().is_some_and(|doubt| doubt.alarm_count as usize >= ALARMS.len())
    };
    let is_doubted = checkout.attempts.iter().any(is_doubted_for_good);
    prop_assert!(!needs.contains(&Need::Unresolved) || open_by_itself || is_doubted);
    prop_assert!(standing != Standing::Unresolved || needs.contains(&Need::Unresolved));
    let is_of_parcels = checkout.left_behind().next().is_some();
    // The money of one attempt is settled, and what another one did is not known.
    let is_of_another = is_doubted && needs == [Need::Unresolved];
    let may_need = is_of_parcels || is_of_another || needs == [Need::Disputed];
    prop_assert!(
        needs.is_empty() || !standing.is_settled() || may_need,
        "{:?} is settled and needs {:?}",
        standing,
        needs
    );
    if checkout.live_attempt().is_some() {
        prop_assert!(!matches!(standing, Standing::NotPaid | Standing::AwaitingPayment), "{:?}", standing);
    }
    match checkout.verdict() {
        Verdict::NotPaid(_) => prop_assert!(
            matches!(standing, Standing::NotPaid | Standing::Canceling | Standing::Contradicted),
            "{:?}",
            standing
        ),
        Verdict::Registered => prop_assert!(
            matches!(standing, Standing::AwaitingPayment | Standing::Canceling),
            "{:?}",
            standing
        ),
        Verdict::Checking(Some(CheckingReason::CONTRADICTED)) => {
            prop_assert_eq!(standing, Standing::Contradicted);
        }
        Verdict::Checking(_)
        | Verdict::Pending(_)
        | Verdict::Canceled
        | Verdict::Paid(_)
        | Verdict::Authorized(_)
        | Verdict::Confirmed(_) => prop_assert!(standing != Standing::NotPaid),
    }
    let gate = fulfilment(checkout, None, now).unwrap();
    if gate.reason == fulfilment::Reason::Contradicted {
        prop_assert_eq!(standing, Standing::Contradicted);
    }
    if gate.may_ship {
        let is_nothing_kept = matches!(
            standing,
            Standing::Refunded
                | Standing::Lapsed
                | Standing::Confirmed
                | Standing::Canceling
                | Standing::Canceled
                | Standing::NotPaid
                | Standing::AwaitingPayment
                | Standing::Unresolved
                | Standing::Disputed
        );
        prop_assert!(!is_nothing_kept, "ships, and is {standing:?}");
    }
    let payment = checkout.payment.as_ref().filter(|_| standing.is_settled());
    let captured = |payment: &Payment| payment.charges.iter().any(|charge| !charge.captured().is_zero());
    match standing {
        Standing::Captured | Standing::PartlyCaptured | Standing::PartlyRefunded | Standing::Refunded => {
            prop_assert!(payment.is_some_and(captured));
        }
        Standing::Lapsed | Standing::Confirmed => prop_assert!(payment.is_some_and(|it| !captured(it))),
        Standing::Reserved { until } => prop_assert!(until > now),
        Standing::AwaitingPayment
        | Standing::Checking
        | Standing::Pending
        | Standing::Capturing
        | Standing::Canceling
        | Standing::Canceled
        | Standing::NotPaid
        | Standing::Contradicted
        | Standing::Unresolved
        | Standing::Disputed => {}
    }
    Ok(())
}

// Promise: B06, B34
#[test]
fn no_order_is_called_canceled_while_amazon_contradicts_it_or_may_have_been_paid_since() {
    let done = CancellationState::Done { at: sent_at(), remind_at: None };
    let look = LookSchedule { at: sent_at().plus(DAY), count: 0 };
    let unresolved = |reason| AttemptState::Unresolved {
        reason,
        send: None,
        sent_at: sent_at(),
        look_at: sent_at().plus(DAY),
    };
    let contradicted = || unresolved(UnresolvedReason::Contradicted);
    let ended =
        || AttemptState::NotPaid { reason: NotPaidReason::OrderCanceled, charge: None, at: sent_at() };
    let paid_back = |sight| {
        let charge = Charge { sight, ..charge_in(ChargeState::Canceled(None)) };
        order_of(vec![charge])
    };
    let mut beside = paid_back(LastSeen::At(sent_at()));
    beside.attempts.push(Attempt {
        number: AttemptNumber::new(2),
        state: contradicted(),
        ..beside.attempts[0].clone()
    });
    let says_contradicted = Verdict::Checking(Some(CheckingReason::CONTRADICTED));
    for (what, checkout) in [
        ("an attempt that had ended", attempts(vec![not_paid(Some(look)), ended()])),
        ("an attempt", attempts(vec![ended(), contradicted()])),
        ("a charge", paid_back(LastSeen::Contradicted(Misfit::StateDiffers))),
        ("an attempt beside the payment", beside),
    ] {
        let checkout = canceled(done, checkout);
        assert_eq!(checkout.verdict(), says_contradicted, "{what}");
        for attempt in &checkout.attempts {
            assert_ne!(checkout.verdict_of(attempt), Verdict::Canceled, "{what}");
        }
        assert_eq!(checkout.standing(sent_at()), Standing::Contradicted, "{what}");
        agrees(&checkout, sent_at()).unwrap();
    }
    for (state, expected) in [
        (in_doubt_attempt(doubt()), "checking"),
        (unresolved(UnresolvedReason::CompletedElsewhere), "checking"),
        (ended(), "canceled"),
        (not_paid(None), "canceled"),
    ] {
        let checkout = canceled(done, attempts(vec![ended(), state]));
        assert_eq!(checkout.verdict().outcome(), expected, "{:?}", checkout.attempts[1].state);
    }
    let undone = canceled(done, paid_back(LastSeen::At(sent_at())));
    assert_eq!(
        (undone.verdict(), undone.verdict_of(&undone.attempts[0])),
        (Verdict::Canceled, Verdict::Canceled)
    );
}
