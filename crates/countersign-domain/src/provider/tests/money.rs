//! The double entry: any sequence of commands and deadlines keeps every account right, the balances can be
//! computed from the log alone, and a posting that an account cannot cover is refused.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt::Debug;
use core::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::after_result::{
    authorized, capture_of, captured, charge_id, charge_of, charge_request, paid_with, refund_of,
};
use super::{agreeing, completed, paying, placed, session, start, usd};
use crate::amazon_limits::{ceiling, surplus};
use crate::ids::{ChargeId, RefundId};
use crate::money::{Currency, Money};
use crate::provider::buyer::Card;
use crate::provider::cancel_charge::cancel_charge;
use crate::provider::capture_charge::{CaptureSimulation, capturable, capture_charge};
use crate::provider::charge::{Charge, ChargeCancelReason};
use crate::provider::charge_permission::{ClosureReason, update_payment_method};
use crate::provider::close_charge_permission::{OpenCharges, close_charge_permission};
use crate::provider::create_charge::{
    CreateCharge, CreateChargeOutcome, CreateChargeSimulation, create_charge,
};
use crate::provider::create_refund::{CreateRefund, RefundSimulation, create_refund};
use crate::provider::event::Event;
use crate::provider::finalize::{CompletedCheckout, FinalizeRules, finalize};
use crate::provider::ledger::{Account, Balances, LedgerImbalance, Posting};
use crate::provider::payment::Payment;
use crate::provider::payment_details::PaymentDetails;
use crate::provider::profile::Profile;
use crate::provider::refund::RefundState;
use crate::provider::settlement;
use crate::terms::{PaymentIntent, ProductType};
use crate::time::DAY;

/// One action, or time that passes; numbers choose among what exists.
#[derive(Debug, Clone, Copy)]
enum Act {
    Create { amount: u64, capture_now: bool, pending: bool, simulation: usize },
    Capture { charge: usize, amount: u64, simulation: usize },
    Cancel { charge: usize },
    Refund { charge: usize, amount: u64, declined: bool },
    Close { cancels: bool },
    UpdatePaymentMethod,
    Wait { seconds: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    let amount = || prop_oneof![1..40_u64, 1..2_000_u64, 1..20_000_u64];
    prop_oneof![
        4 => (amount(), any::<(bool, bool)>(), 0..40_usize).prop_map(|(amount, flags, simulation)| {
            Act::Create { amount, capture_now: flags.0, pending: flags.1, simulation }
        }),
        4 => (0..6_usize, amount(), 0..8_usize)
            .prop_map(|(charge, amount, simulation)| Act::Capture { charge, amount, simulation }),
        1 => (0..6_usize).prop_map(|charge| Act::Cancel { charge }),
        4 => (0..6_usize, amount(), any::<bool>())
            .prop_map(|(charge, amount, declined)| Act::Refund { charge, amount, declined }),
        1 => any::<bool>().prop_map(|cancels| Act::Close { cancels }),
        1 => Just(Act::UpdatePaymentMethod),
        2 => prop_oneof![0..60_u64, 0..100_000_u64, 0..3_000_000_u64]
            .prop_map(|seconds| Act::Wait { seconds }),
    ]
}

/// What was executed; `None` for what a rule refused. Accounts that do not balance do not count as such a
/// refusal: no sequence may lead to them.
fn unless_refused<T, E: Debug>(acted: Result<T, E>) -> Option<T> {
    acted.inspect_err(|refused| assert!(!alloc::format!("{refused:?}").starts_with("Unbalanced"))).ok()
}

/// Plays one sequence; returns the payment, all of its log, and how many actions were executed.
fn played(
    profile: Profile,
    allow_overcharge: bool,
    currency: Currency,
    acts: &[Act],
) -> (Payment, Vec<Event>, usize) {
    let money = |minor| Money::from_minor(minor, currency);
    let details = PaymentDetails {
        charge_amount: Some(money(1_400)),
        total_order_amount: Some(money(10_000)),
        can_handle_pending_authorization: true,
        allow_overcharge,
        ..paying(PaymentIntent::Authorize)
    };
    let session = placed(session(ProductType::PayAndShip, details), Card::Visa1111);
    let rules = FinalizeRules { profile, ..FinalizeRules::default() };
    let result = finalize(&session, &agreeing(&session), None, &rules, super::ids(), start());
    let CompletedCheckout { permission, charge, mut events, .. } = completed(result);
    let mut payment = Payment { permission, charges: charge.into_iter().collect() };
    let (mut now, mut carried_out) = (start(), 0);
    for (draw, act) in acts.iter().enumerate() {
        events.extend(payment.carry_to(now, profile).unwrap());
        let id = |charge: usize| payment.charges[charge % payment.charges.len()].id.clone();
        let step = match *act {
            Act::Wait { seconds } => {
                now = now.plus(Duration::from_secs(seconds));
                continue;
            }
            Act::Create { amount, capture_now, pending, simulation } => {
                let request = CreateCharge {
                    charge_amount: Some(money(amount)),
                    capture_now,
                    can_handle_pending_authorization: pending,
                    ..CreateCharge::default()
                };
                let simulation = CreateChargeSimulation::ALL.get(simulation).copied();
                let id = ChargeId::under(&payment.permission.id, 1_000 + draw as u64);
                let created = create_charge(&payment, request, simulation, id, profile, now);
                unless_refused(created).map(|charged| match charged {
                    CreateChargeOutcome::Created(step) | CreateChargeOutcome::Declined(_, step) => step,
                })
            }
            Act::Capture { charge, amount, simulation } => {
                let simulation = CaptureSimulation::ALL.get(simulation).copied();
                let captured = capture_charge(
                    &payment,
                    &id(charge),
                    Some(money(amount)),
                    None,
                    simulation,
                    profile,
                    now,
                );
                unless_refused(captured)
            }
            Act::Cancel { charge } => {
                let canceled =
                    cancel_charge(&payment, &id(charge), ChargeCancelReason::MerchantCanceled, now);
                unless_refused(canceled)
            }
            Act::Refund { charge, amount, declined } => {
                let request = CreateRefund { refund_amount: Some(money(amount)), soft_descriptor: None };
                let simulation = declined.then_some(RefundSimulation::RefundDeclined);
                let refund_id = RefundId::under(&payment.permission.id, draw as u64);
                let refunded =
                    create_refund(&payment, &id(charge), request, simulation, refund_id, profile, now);
                unless_refused(refunded)
            }
            Act::Close { cancels } => {
                let open = if cancels { OpenCharges::AreCanceled } else { OpenCharges::Stay };
                let closed = close_charge_permission(&payment, ClosureReason::MerchantClosed, open, now);
                unless_refused(closed)
            }
            Act::UpdatePaymentMethod => {
                if let Ok(Some(step)) = update_payment_method(&payment.permission, Card::Visa1111, now) {
                    payment.permission = step.next;
                    events.extend(step.events);
                }
                continue;
            }
        };
        if let Some(step) = step {
            payment = step.next;
            events.extend(step.events);
            carried_out += 1;
        }
        let broken = broken(&payment);
        assert!(broken.is_none(), "{broken:?} after {act:?}: {payment:?}");
    }
    events.extend(payment.carry_to(now, profile).unwrap());
    (payment, events, carried_out)
}

/// What is wrong with a payment's money, if anything.
fn broken(payment: &Payment) -> Option<&'static str> {
    let Payment { permission, charges } = payment;
    let Balances { held, .. } = permission.balances;
    let sum = |amounts: &mut dyn Iterator<Item = Money>| {
        amounts.fold(Money::zero(held.currency()), |sum, amount| sum.checked_add(amount).unwrap())
    };
    if !permission.balances.are_of(permission.limit) {
        return Some("money was created or lost");
    }
    if sum(&mut charges.iter().map(|charge| charge.held())) != held {
        return Some("what is held is not what the charges hold");
    }
    if sum(&mut charges.iter().map(|charge| charge.captured())) != permission.balances.taken() {
        return Some("what was taken is not what the charges took");
    }
    let refunded = |charge: &Charge| charge.refunded(|state| *state == RefundState::Refunded);
    if sum(&mut charges.iter().map(refunded)) != permission.balances.refunded {
        return Some("what was refunded is not what the refunds say");
    }
    let allowed = if permission.allow_overcharge { surplus(permission.limit).minor() } else { 0 };
    if permission.balances.overcharge.minor() > allowed {
        return Some("more is taken than the order and its overcharge");
    }
    for charge in charges {
        if charge.captured().minor() > capturable(charge, permission).minor() {
            return Some("more is captured than authorized");
        }
        let counted = charge.refunds.iter().filter(|refund| refund.counts());
        let counted = sum(&mut counted.map(|refund| refund.amount));
        if counted.minor() > ceiling(charge.captured()).minor() {
            return Some("more is refunded than the ceiling");
        }
        if charge.due_at().is_some() != permission.open_charges.contains(&charge.id) {
            return Some("a charge with a deadline is not open");
        }
    }
    None
}

/// The balances computed from a log.
fn replayed(limit: Money, events: &[Event]) -> Result<Balances, LedgerImbalance> {
    let mut balances = Balances::with_limit(limit);
    for posting in events.iter().flat_map(|event| &event.postings) {
        balances.post(*posting)?;
    }
    Ok(balances)
}

/// The first event of a log by which a charge, a refund or the permission took a step that its diagram does
/// not have.
fn illegal(events: &[Event]) -> Option<&Event> {
    let mut latest: BTreeMap<&str, &str> = BTreeMap::new();
    events.iter().find(|event| {
        let entry = event.what.entry();
        let id = match (entry.refund_id, entry.charge_id, entry.charge_permission_id) {
            (Some(id), _, _) => id.as_str(),
            (None, Some(id), _) => id.as_str(),
            (None, None, Some(id)) => id.as_str(),
            (None, None, None) => return false,
        };
        // Events of a permission that do not change its state.
        if ["ChargeRefused", "BuyerForgotten", "ChargePermissionUpdated"].contains(&entry.name) {
            return false;
        }
        let before = latest.insert(id, entry.name).unwrap_or("");
        !matches!(
            (before, entry.name),
            ("", "ChargeAuthorizationInitiated" | "ChargeAuthorized" | "RefundInitiated")
                | ("", "ChargePermissionCreated")
                | ("ChargeAuthorizationInitiated", "ChargeAuthorized" | "ChargeCanceled" | "ChargeDeclined")
                | ("ChargeAuthorized", "ChargeCaptureInitiated" | "ChargeCaptured" | "ChargeCanceled")
                | ("ChargeCaptureInitiated", "ChargeCaptured" | "ChargeDeclined")
                | ("RefundInitiated", "Refunded" | "RefundDeclined")
                | (
                    "ChargePermissionCreated"
                        | "ChargePermissionChargeable"
                        | "ChargePermissionNonChargeable",
                    "ChargePermissionChargeable" | "ChargePermissionNonChargeable" | "ChargePermissionClosed"
                )
        )
    })
}

// Promise: A36
#[test]
fn whatever_is_commanded_no_money_is_created_or_lost_and_the_log_gives_the_balances_again() {
    // A million actions: each sequence has 40 of them on average.
    const SEQUENCES: u32 = 25_000;
    let currencies = proptest::sample::select(Currency::ALL);
    let sequence = (any::<(bool, bool)>(), currencies, proptest::collection::vec(act(), 20..=60));
    let carried_out = Cell::new(0_usize);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(SEQUENCES));
    let held = runner.run(&sequence, |((live, allow_overcharge), currency, acts)| {
        let profile = if live { Profile::Live } else { Profile::Sandbox };
        let (payment, events, count) = played(profile, allow_overcharge, currency, &acts);
        carried_out.set(carried_out.get() + count);
        prop_assert_eq!(replayed(payment.permission.limit, &events), Ok(payment.permission.balances));
        prop_assert!(events.windows(2).all(|pair| pair[0].at <= pair[1].at));
        prop_assert_eq!(illegal(&events), None);
        // A reader who reads once, at the end, sees the same as one who reads all the time.
        let now = events.last().map_or(start(), |last| last.at);
        let (mut jumped, mut walked, mut in_steps) = (payment.clone(), payment, Vec::new());
        let at_once = jumped.carry_to(now.plus(DAY.saturating_mul(200)), profile).unwrap();
        for days in [0, 1, 6, 29, 31, 179, 200] {
            in_steps.extend(walked.carry_to(now.plus(DAY.saturating_mul(days)), profile).unwrap());
        }
        prop_assert_eq!(broken(&jumped), None);
        prop_assert_eq!(jumped, walked);
        prop_assert_eq!(at_once, in_steps);
        Ok(())
    });
    assert!(held.is_ok(), "{held:?}");
    assert!(carried_out.get() > 3 * SEQUENCES as usize, "{} acts executed", carried_out.get());
}

/// Changes of a charge that move money, each with the accounts before it.
fn every_movement() -> Vec<(&'static str, Balances, Option<Charge>, Charge)> {
    let movement = |name, before: &Payment, after: &Payment, place: usize| {
        let charge = after.charges[place].clone();
        (name, before.permission.balances, before.charges.get(place).cloned(), charge)
    };
    let carried = |payment: &Payment| {
        let mut later = payment.clone();
        later.carry_to(start().plus(DAY.saturating_mul(31)), Profile::Live).unwrap();
        later
    };
    let created = |payment: &Payment, request| match charge_of(payment, request, None, start()) {
        Ok(CreateChargeOutcome::Created(step)) => step.next,
        other => panic!("{other:?}"),
    };
    let (open, paid) = (authorized(), captured());
    let overcharging = paid_with(
        PaymentDetails { allow_overcharge: true, ..paying(PaymentIntent::Authorize) },
        Card::Visa1111,
    );
    let overcharged = capture_of(&overcharging, usd(1_500), start()).unwrap();
    let at_once = CreateCharge { capture_now: true, ..charge_request(usd(600)) };
    let (in_part, above) =
        (refund_of(&paid, usd(300), start()).unwrap(), refund_of(&paid, usd(1_600), start()).unwrap());
    let canceled =
        cancel_charge(&open, &charge_id(&open), ChargeCancelReason::MerchantCanceled, start()).unwrap();
    alloc::vec![
        movement("authorized", &open, &created(&open, charge_request(usd(600))), 1),
        movement("captured at once", &open, &created(&open, at_once), 1),
        movement("captured", &open, &capture_of(&open, usd(1_400), start()).unwrap(), 0),
        movement("captured in part", &open, &capture_of(&open, usd(1_000), start()).unwrap(), 0),
        movement("overcharged", &overcharging, &overcharged, 0),
        movement("canceled", &open, &canceled.next, 0),
        movement("lapsed", &open, &carried(&open), 0),
        movement("refunded", &in_part, &carried(&in_part), 0),
        movement("refunded above the capture", &above, &carried(&above), 0),
    ]
}

// Promise: A36
#[test]
fn a_wrong_posting_is_caught_where_it_is_made_and_moves_nothing() {
    const ACCOUNTS: &[Account] = Account::ALL;
    for (name, balances, before, after) in every_movement() {
        let mut moved = balances;
        let right = settlement::settle(&mut moved, before.as_ref(), &after).unwrap();
        assert!(!right.is_empty(), "{name}");
        assert_ne!(moved, balances, "{name}");
        let mut wrong: Vec<Vec<Posting>> = Vec::new();
        for (place, posting) in right.iter().enumerate() {
            let with = |changed: Posting| {
                let mut postings = right.clone();
                postings[place] = changed;
                postings
            };
            let amount = |minor| Money::from_minor(minor, posting.amount.currency());
            wrong.extend(ACCOUNTS.iter().map(|from| with(Posting { from: *from, ..*posting })));
            wrong.extend(ACCOUNTS.iter().map(|to| with(Posting { to: *to, ..*posting })));
            wrong.push(with(Posting { amount: amount(posting.amount.minor() + 1), ..*posting }));
            wrong.push(with(Posting { amount: amount(posting.amount.minor() - 1), ..*posting }));
            wrong.push(with(Posting { from: posting.to, to: posting.from, ..*posting }));
            let mut lost = right.clone();
            lost.remove(place);
            wrong.push(lost);
            let mut twice = right.clone();
            twice.push(*posting);
            wrong.push(twice);
        }
        wrong.retain(|postings| *postings != right);
        assert!(wrong.len() > 10, "{name}");
        for postings in wrong {
            let caught = settlement::posted(balances, &postings, before.as_ref(), &after);
            assert!(caught.is_err(), "{name}: {postings:?} for {right:?}");
        }
    }
}

// Promise: A36
#[test]
fn a_posting_that_its_account_cannot_bear_is_refused_and_moves_nothing() {
    let balances = Balances::with_limit(usd(100));
    for (from, to, amount) in [
        (Account::Available, Account::Held, usd(101)),
        (Account::Held, Account::Captured, usd(1)),
        (Account::Captured, Account::Refunded, usd(1)),
        (Account::Available, Account::Held, usd(0)),
        (Account::Available, Account::Available, usd(1)),
        (Account::Available, Account::Overcharge, usd(1)),
        (Account::Available, Account::Goodwill, usd(1)),
        (Account::Available, Account::Held, Money::from_minor(1, Currency::EUR)),
    ] {
        let posting = Posting { from, to, amount };
        let mut after = balances;
        assert_eq!(after.post(posting), Err(LedgerImbalance::Posting(posting)));
        assert_eq!(after, balances);
    }
}

// Promise: A36
#[test]
fn a_log_with_one_posting_too_many_or_too_few_does_not_give_the_balances() {
    let acts = [
        Act::Capture { charge: 0, amount: 1_000, simulation: 9 },
        Act::Refund { charge: 0, amount: 300, declined: false },
        Act::Wait { seconds: 100_000 },
    ];
    let (payment, events, _) = played(Profile::Sandbox, false, Currency::USD, &acts);
    let limit = payment.permission.limit;
    assert_eq!(replayed(limit, &events), Ok(payment.permission.balances));
    let posted: Vec<usize> = (0..events.len()).filter(|at| !events[*at].postings.is_empty()).collect();
    assert_eq!(posted.len(), 3, "{events:?}");
    for at in posted {
        let mut doubled = events.clone();
        doubled.insert(at, events[at].clone());
        assert_ne!(replayed(limit, &doubled), Ok(payment.permission.balances));
        let mut lost = events.clone();
        lost.remove(at);
        assert_ne!(replayed(limit, &lost), Ok(payment.permission.balances));
    }
}
