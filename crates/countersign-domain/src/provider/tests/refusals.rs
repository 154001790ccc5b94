//! The refusals of the calls after a successful Finalize: each is reached; of two broken rules the first is
//! answered; and every amount's bound is tried on both sides in each ledger currency.

use alloc::collections::BTreeSet;
use alloc::string::ToString;

use super::after_result::{
    PROFILE, authorized, capture_of, captured, charge_id, charge_of, charge_request, new_refund, paid_with,
    refund_of,
};
use super::{agreeing, paying, placed, run, session, start, usd};
use crate::amazon_limits::{MAX_CHARGES, MAX_REFUNDS, ceiling};
use crate::ids::RefundId;
use crate::money::{AmountRefused, Currency, Money};
use crate::provider::buyer::Card;
use crate::provider::cancel_charge::{CancelRefused, cancel_charge};
use crate::provider::capture_charge::{CaptureRefused, CaptureSimulation, capture_charge};
use crate::provider::charge::{ChargeCancelReason, ChargeState};
use crate::provider::charge_permission::{ChargePermissionState, ClosureReason, NonChargeableReason, update};
use crate::provider::close_charge_permission::{CloseRefused, OpenCharges, close_charge_permission};
use crate::provider::create_charge::{
    CreateCharge, CreateChargeOutcome, CreateChargeRefused, CreateChargeSimulation,
};
use crate::provider::create_refund::{CreateRefund, CreateRefundRefused, create_refund};
use crate::provider::finalize::FinalizeRefused;
use crate::provider::ledger::{Account, LedgerImbalance, Posting};
use crate::provider::payment::Payment;
use crate::provider::payment_details::PaymentDetails;
use crate::provider::refund::{Refund, RefundState};
use crate::terms::{MerchantMetadata, PaymentIntent, ProductType};
use crate::time::DAY;

/// The name of a refusal, and the names of all refusals of its kind: a variant that is not listed here does
/// not compile, and one that no row reaches fails its test.
macro_rules! names {
    ($name:ident of $type:ident { $($variant:ident),+ $(,)? }) => {
        fn $name(refused: $type) -> &'static str {
            match refused { $($type::$variant { .. } => stringify!($variant)),+ }
        }

        impl RuleName for $type {
            const ALL: &'static [&'static str] = &[$(stringify!($variant)),+];
        }
    };
}

trait RuleName {
    const ALL: &'static [&'static str];
}

fn all_reached<R: RuleName>(reached: &BTreeSet<&str>) {
    assert_eq!(*reached, R::ALL.iter().copied().collect());
}

names! { create_charge_rule of CreateChargeRefused {
    PermissionClosed, PermissionNonChargeable, Missing, PendingWithCapture,
    SoftDescriptorWithoutCapture, CurrencyDiffers, NothingToCharge, AboveMaximum, TooManyCharges,
    ExceedsBalance, SimulationDoesNotFit, Unbalanced,
} }

names! { capture_rule of CaptureRefused {
    NotAuthorized, Missing, CurrencyDiffers, NothingToCapture, AboveMaximum, ExceedsAuthorizedAmount,
    ExceedsOvercharge, Unbalanced,
} }

names! { cancel_rule of CancelRefused { NotCancelable, Unbalanced } }

names! { close_rule of CloseRefused { PermissionClosed, Unbalanced } }

names! { create_refund_rule of CreateRefundRefused {
    NotCaptured, Missing, CurrencyDiffers, NothingToRefund, AboveMaximum, TooManyRefunds, ExceedsCeiling,
    Unbalanced,
} }

fn euros() -> Option<Money> {
    Some(Money::from_minor(100, Currency::EUR))
}

fn above_maximum() -> Option<Money> {
    Currency::USD.maximum().checked_add(usd(1))
}

/// Everything in a Create Charge that a row can break.
struct CreateCase {
    payment: Payment,
    request: CreateCharge,
    simulation: Option<CreateChargeSimulation>,
}

type BreakCreate = fn(&mut CreateCase);

/// The rules of Create Charge in order, each with what breaks only that rule.
const CREATE_CHARGE: [(&str, BreakCreate); 12] = [
    ("PermissionClosed", |it| {
        it.payment.permission.state = ChargePermissionState::Closed { reason: ClosureReason::BuyerClosed };
    }),
    ("PermissionNonChargeable", |it| {
        let reason = NonChargeableReason::PaymentMethodInvalid;
        it.payment.permission.state = ChargePermissionState::NonChargeable { reason };
    }),
    ("Missing", |it| it.request.charge_amount = None),
    ("PendingWithCapture", |it| {
        it.request.capture_now = true;
        it.request.can_handle_pending_authorization = true;
    }),
    ("SoftDescriptorWithoutCapture", |it| it.request.soft_descriptor = Some("SHOP".to_string())),
    ("CurrencyDiffers", |it| it.request.charge_amount = euros()),
    ("NothingToCharge", |it| it.request.charge_amount = Some(usd(0))),
    ("AboveMaximum", |it| it.request.charge_amount = above_maximum()),
    ("TooManyCharges", |it| it.payment.permission.charge_count = MAX_CHARGES),
    ("ExceedsBalance", |it| it.request.charge_amount = Some(usd(601))),
    ("SimulationDoesNotFit", |it| it.simulation = Some(CreateChargeSimulation::PendingAuthorized)),
    ("Unbalanced", |it| it.payment.permission.balances.held = usd(u64::MAX)),
];

fn creating(breaks: &[BreakCreate]) -> Result<CreateChargeOutcome, CreateChargeRefused> {
    let request = charge_request(usd(600));
    let mut it = CreateCase { payment: authorized(), request, simulation: None };
    breaks.iter().for_each(|breaks| breaks(&mut it));
    charge_of(&it.payment, it.request, it.simulation, start())
}

#[test]
fn each_refusal_of_create_charge_is_reached_and_the_first_of_two_is_answered() {
    assert!(matches!(creating(&[]), Ok(CreateChargeOutcome::Created(_))));
    let mut reached = BTreeSet::new();
    for (position, (rule, first)) in CREATE_CHARGE.iter().enumerate() {
        assert_eq!(creating(&[*first]).map_err(create_charge_rule), Err(*rule));
        reached.insert(*rule);
        for (later, second) in &CREATE_CHARGE[position..] {
            let refused = creating(&[*second, *first]).map_err(create_charge_rule);
            assert_eq!(refused, Err(*rule), "before {later}");
        }
    }
    all_reached::<CreateChargeRefused>(&reached);
}

#[test]
fn a_permission_that_an_open_charge_uses_up_refuses_another_until_that_one_is_canceled() {
    let open = paid_with(paying(PaymentIntent::Authorize), Card::Visa1111);
    let reason = NonChargeableReason::ChargeInProgress;
    assert_eq!(
        charge_of(&open, charge_request(usd(1)), None, start()),
        Err(CreateChargeRefused::PermissionNonChargeable(reason))
    );
    let id = charge_id(&open);
    let free = cancel_charge(&open, &id, ChargeCancelReason::MerchantCanceled, start()).unwrap().next;
    assert!(matches!(
        charge_of(&free, charge_request(usd(1)), None, start()),
        Ok(CreateChargeOutcome::Created(_))
    ));
}

type BreakCapture = fn(&mut Payment, &mut Option<Money>);

/// The rules of Capture Charge in order, each with what breaks only that rule.
const CAPTURE: [(&str, BreakCapture); 8] = [
    ("NotAuthorized", |payment, _| {
        payment.charges[0].state = ChargeState::Captured { captured: usd(1_400) };
    }),
    ("Missing", |_, amount| *amount = None),
    ("CurrencyDiffers", |_, amount| *amount = euros()),
    ("NothingToCapture", |_, amount| *amount = Some(usd(0))),
    ("AboveMaximum", |_, amount| *amount = above_maximum()),
    ("ExceedsAuthorizedAmount", |_, amount| *amount = Some(usd(1_611))),
    ("ExceedsOvercharge", |payment, amount| {
        payment.permission.allow_overcharge = true;
        payment.permission.balances.overcharge = usd(300);
        *amount = Some(usd(1_401));
    }),
    ("Unbalanced", |payment, _| payment.permission.balances.held = usd(1_399)),
];

#[test]
fn each_refusal_of_capture_is_reached_and_the_first_of_two_is_answered() {
    let capturing = |breaks: &[BreakCapture]| {
        let (mut payment, mut amount) = (authorized(), Some(usd(1_400)));
        breaks.iter().for_each(|breaks| breaks(&mut payment, &mut amount));
        capture_charge(&payment, &charge_id(&payment), amount, None, None, PROFILE, start())
            .map(|step| step.next)
    };
    let whole = capturing(&[]).unwrap();
    assert_eq!(capture_of(&whole, usd(1), start()), Err(CaptureRefused::NotAuthorized));
    let mut reached = BTreeSet::new();
    for (position, (rule, first)) in CAPTURE.iter().enumerate() {
        assert_eq!(capturing(&[*first]).map_err(capture_rule), Err(*rule));
        reached.insert(*rule);
        for (later, second) in &CAPTURE[position..] {
            let refused = capturing(&[*second, *first]).map_err(capture_rule);
            assert_eq!(refused, Err(*rule), "before {later}");
        }
    }
    all_reached::<CaptureRefused>(&reached);
}

type BreakRefund = fn(&mut Payment, &mut Option<Money>);

/// The rules of Create Refund in order, each with what breaks only that rule.
const CREATE_REFUND: [(&str, BreakRefund); 8] = [
    ("NotCaptured", |payment, _| payment.charges[0].state = ChargeState::Authorized),
    ("Missing", |_, amount| *amount = None),
    ("CurrencyDiffers", |_, amount| *amount = euros()),
    ("NothingToRefund", |_, amount| *amount = Some(usd(0))),
    ("AboveMaximum", |_, amount| *amount = above_maximum()),
    ("TooManyRefunds", |payment, _| {
        let refund = Refund {
            id: RefundId::under(&payment.permission.id, 1),
            amount: usd(1),
            soft_descriptor: None,
            created_at: start(),
            updated_at: start(),
            state: RefundState::Refunded,
        };
        payment.charges[0].refunds = alloc::vec![refund; MAX_REFUNDS];
    }),
    ("ExceedsCeiling", |_, amount| *amount = Some(usd(1_611))),
    ("Unbalanced", |payment, _| payment.permission.balances.captured = usd(u64::MAX)),
];

#[test]
fn each_refusal_of_create_refund_is_reached_and_the_first_of_two_is_answered() {
    let refunding = |breaks: &[BreakRefund]| {
        let (mut payment, mut refund_amount) = (captured(), Some(usd(1_400)));
        breaks.iter().for_each(|breaks| breaks(&mut payment, &mut refund_amount));
        let request = CreateRefund { refund_amount, soft_descriptor: None };
        let (id, charge) = (new_refund(&payment), charge_id(&payment));
        create_refund(&payment, &charge, request, None, id, PROFILE, start())
    };
    assert!(refunding(&[]).is_ok());
    let mut reached = BTreeSet::new();
    for (position, (rule, first)) in CREATE_REFUND.iter().enumerate() {
        assert_eq!(refunding(&[*first]).map_err(create_refund_rule), Err(*rule));
        reached.insert(*rule);
        for (later, second) in &CREATE_REFUND[position..] {
            let refused = refunding(&[*second, *first]).map_err(create_refund_rule);
            assert_eq!(refused, Err(*rule), "before {later}");
        }
    }
    all_reached::<CreateRefundRefused>(&reached);
}

/// A payment after Finalize whose accounts do not show the open charge.
fn with_broken_accounts() -> Payment {
    let mut broken = authorized();
    broken.permission.balances.held = usd(0);
    broken
}

#[test]
fn each_refusal_of_cancel_and_close_is_reached() {
    let open = authorized();
    let canceling = |payment: &Payment| {
        let reason = ChargeCancelReason::MerchantCanceled;
        cancel_charge(payment, &charge_id(payment), reason, start()).map(|step| step.next)
    };
    let closing = |payment: &Payment, open_charges| {
        close_charge_permission(payment, ClosureReason::MerchantClosed, open_charges, start())
            .map(|step| step.next)
    };
    let canceled = canceling(&open).unwrap();
    let refusals = [canceling(&canceled), canceling(&captured()), canceling(&with_broken_accounts())];
    let reached: BTreeSet<_> = refusals.into_iter().map(|it| cancel_rule(it.unwrap_err())).collect();
    all_reached::<CancelRefused>(&reached);
    let closed = closing(&open, OpenCharges::Stay).unwrap();
    let refusals = [
        closing(&closed, OpenCharges::Stay),
        closing(&closed, OpenCharges::AreCanceled),
        closing(&with_broken_accounts(), OpenCharges::AreCanceled),
    ];
    let reached: BTreeSet<_> = refusals.into_iter().map(|it| close_rule(it.unwrap_err())).collect();
    all_reached::<CloseRefused>(&reached);
    let notes = MerchantMetadata { note_to_buyer: Some("new".to_string()), ..MerchantMetadata::default() };
    assert!(update(&closed.permission, notes.clone(), start()).is_err());
    let updated = update(&open.permission, notes, start()).unwrap().next;
    assert_eq!(updated.merchant_metadata.note_to_buyer.as_deref(), Some("new"));
}

// Promise: A36
#[test]
fn accounts_that_are_broken_stop_a_deadline_and_a_completion_too() {
    let mut broken = with_broken_accounts();
    let posting = Posting { from: Account::Held, to: Account::Available, amount: usd(1_400) };
    let lapsed = broken.carry_to(start().plus(DAY.saturating_mul(30)), PROFILE);
    assert_eq!(lapsed, Err(LedgerImbalance::Posting(posting)));
    // No session can be created like this: its total is below its charge.
    let details = PaymentDetails { total_order_amount: Some(usd(1_000)), ..paying(PaymentIntent::Authorize) };
    let session = placed(session(ProductType::PayAndShip, details), Card::Visa1111);
    let posting = Posting { from: Account::Available, to: Account::Held, amount: usd(1_400) };
    assert_eq!(
        run(&session, &agreeing(&session)),
        Err(FinalizeRefused::Unbalanced(LedgerImbalance::Posting(posting)))
    );
}

// Promise: A15
#[test]
fn an_amount_has_its_currencys_decimals_and_no_more() {
    for (currency, least, too_fine) in [
        (Currency::USD, "0.01", "0.010"),
        (Currency::EUR, "0.01", "0.010"),
        (Currency::GBP, "0.01", "0.010"),
        (Currency::JPY, "1", "1.0"),
    ] {
        assert_eq!(Money::parse(least, currency), Ok(Money::from_minor(1, currency)));
        assert_eq!(Money::parse(too_fine, currency), Err(AmountRefused::TooManyDecimals), "{currency}");
    }
}

// Promise: A15
#[test]
fn the_maximum_and_the_balance_are_charged_to_the_last_minor_unit_in_each_currency() {
    for currency in Currency::ALL.iter().copied() {
        let money = |minor| Money::from_minor(minor, currency);
        let most = currency.maximum().minor();
        let expected = match currency {
            Currency::JPY => 10_000_000,
            Currency::USD | Currency::EUR | Currency::GBP => 15_000_000,
            // Amazon documents none.
            _ => 1_000_000_000,
        };
        assert_eq!(most, expected, "{currency}");
        let details = PaymentDetails {
            charge_amount: Some(money(1)),
            total_order_amount: Some(money(most + 3)),
            ..paying(PaymentIntent::Authorize)
        };
        let open = paid_with(details, Card::Visa1111);
        let over = charge_of(&open, charge_request(money(most + 1)), None, start());
        assert_eq!(over, Err(CreateChargeRefused::AboveMaximum), "{currency}");
        let Ok(CreateChargeOutcome::Created(step)) =
            charge_of(&open, charge_request(money(most)), None, start())
        else {
            panic!("{currency}")
        };
        assert_eq!(step.next.permission.balance(), money(2));
        let over = charge_of(&step.next, charge_request(money(3)), None, start());
        assert_eq!(over, Err(CreateChargeRefused::ExceedsBalance), "{currency}");
        assert!(charge_of(&step.next, charge_request(money(2)), None, start()).is_ok());
        // The maximum bounds an overcharge as well.
        let details = PaymentDetails {
            charge_amount: Some(money(most)),
            allow_overcharge: true,
            ..paying(PaymentIntent::Authorize)
        };
        let open = paid_with(details, Card::Visa1111);
        let over = capture_of(&open, money(most + 1), start());
        assert_eq!(over, Err(CaptureRefused::AboveMaximum), "{currency}");
        assert!(capture_of(&open, money(most), start()).is_ok());
    }
}

// Promise: A15
#[test]
fn an_overcharge_is_captured_to_the_cent_where_the_session_allowed_it() {
    for (currency, amount, most) in [
        (Currency::USD, 10_000, 11_500),
        (Currency::USD, 50_000, 57_500),
        (Currency::USD, 50_001, 57_501),
        (Currency::USD, 100_000, 107_500),
        (Currency::EUR, 1, 1),
        (Currency::EUR, 7, 8),
        (Currency::GBP, 50_000, 57_500),
        (Currency::JPY, 1_000, 1_150),
        (Currency::JPY, 56_000, 64_400),
        (Currency::JPY, 100_000, 108_400),
    ] {
        let money = |minor| Money::from_minor(minor, currency);
        for allow_overcharge in [false, true] {
            let details = PaymentDetails {
                charge_amount: Some(money(amount)),
                allow_overcharge,
                ..paying(PaymentIntent::Authorize)
            };
            let open = paid_with(details, Card::Visa1111);
            let most = if allow_overcharge { most } else { amount };
            let over = capture_of(&open, money(most + 1), start());
            assert_eq!(over, Err(CaptureRefused::ExceedsAuthorizedAmount), "{currency} {most}");
            let taken = capture_of(&open, money(most), start()).unwrap();
            assert_eq!(taken.permission.balances.taken(), money(most));
            assert!(taken.permission.balances.are_of(money(amount)));
        }
    }
}

#[test]
fn an_order_is_overcharged_once_however_many_charges_it_has() {
    for (currency, limit, authorized, first, second) in [
        // Both charges share the surplus that the limit allows: 15 %, or 75 (8,400 JPY).
        (Currency::USD, 10_000, 5_000, 750, 750),
        (Currency::USD, 110_000, 55_000, 7_500, 0),
        (Currency::USD, 110_000, 55_000, 7_499, 1),
        (Currency::EUR, 7, 3, 0, 0),
        (Currency::JPY, 112_000, 56_000, 8_400, 0),
    ] {
        for simulation in [None, Some(CaptureSimulation::CapturePending)] {
            let money = |minor| Money::from_minor(minor, currency);
            let details = PaymentDetails {
                charge_amount: Some(money(authorized)),
                total_order_amount: Some(money(limit)),
                allow_overcharge: true,
                ..paying(PaymentIntent::Authorize)
            };
            let open = paid_with(details, Card::Visa1111);
            let Ok(CreateChargeOutcome::Created(step)) =
                charge_of(&open, charge_request(money(authorized)), None, start())
            else {
                panic!("{currency}")
            };
            let open = step.next;
            let capturing = |payment: &Payment, place: usize, over: u64, simulation| {
                let (id, amount) = (&payment.charges[place].id, Some(money(authorized + over)));
                capture_charge(payment, id, amount, None, simulation, PROFILE, start()).map(|step| step.next)
            };
            let one = capturing(&open, 0, first, simulation).unwrap();
            let over = capturing(&one, 1, second + 1, None);
            let rule = if currency == Currency::EUR || limit == 10_000 {
                // The charge's own limit is no higher than the order's, so it is the one that is named.
                CaptureRefused::ExceedsAuthorizedAmount
            } else {
                CaptureRefused::ExceedsOvercharge
            };
            assert_eq!(over, Err(rule), "{currency} {limit}");
            let mut both = capturing(&one, 1, second, None).unwrap();
            both.carry_to(start().plus(DAY), PROFILE).unwrap();
            assert_eq!(both.permission.balances.overcharge, money(first + second), "{currency} {limit}");
            assert!(both.permission.balances.are_of(money(limit)));
        }
    }
}

#[test]
fn a_declined_capture_gives_its_overcharge_back() {
    let details = PaymentDetails {
        charge_amount: Some(usd(60_000)),
        total_order_amount: Some(usd(120_000)),
        allow_overcharge: true,
        ..paying(PaymentIntent::Authorize)
    };
    let open = paid_with(details, Card::Visa1111);
    let Ok(CreateChargeOutcome::Created(step)) = charge_of(&open, charge_request(usd(60_000)), None, start())
    else {
        panic!("expected the charge to be created")
    };
    let (one, two) = (&step.next.charges[0].id, &step.next.charges[1].id);
    let (over, declined) = (Some(usd(67_500)), Some(CaptureSimulation::CaptureDeclined));
    let mut payment = capture_charge(&step.next, one, over, None, declined, PROFILE, start()).unwrap().next;
    let refused = capture_charge(&payment, two, over, None, None, PROFILE, start());
    assert_eq!(refused, Err(CaptureRefused::ExceedsOvercharge));
    let later = start().plus(DAY);
    payment.carry_to(later, PROFILE).unwrap();
    let captured = capture_charge(&payment, two, over, None, None, PROFILE, later).unwrap().next;
    assert_eq!(captured.permission.balances.overcharge, usd(7_500));
}

// Promise: A15
#[test]
fn the_ceiling_is_refunded_to_the_last_minor_unit_in_each_currency() {
    for (currency, amount, most) in [
        (Currency::USD, 10_000, 11_500),
        (Currency::USD, 50_000, 57_500),
        (Currency::USD, 50_007, 57_507),
        (Currency::EUR, 7, 8),
        (Currency::GBP, 14_000_000, 14_007_500),
        (Currency::JPY, 500, 575),
        (Currency::JPY, 56_000, 64_400),
        (Currency::JPY, 56_007, 64_407),
    ] {
        let money = |minor| Money::from_minor(minor, currency);
        assert_eq!(ceiling(money(amount)), money(most));
        let details = PaymentDetails {
            charge_amount: Some(money(amount)),
            ..paying(PaymentIntent::AuthorizeWithCapture)
        };
        let paid = paid_with(details, Card::Visa1111);
        let over = refund_of(&paid, money(most + 1), start());
        assert_eq!(over, Err(CreateRefundRefused::ExceedsCeiling), "{currency} {most}");
        let mut all = refund_of(&paid, money(amount), start()).unwrap();
        if most > amount {
            all = refund_of(&all, money(most - amount), start()).unwrap();
        }
        assert_eq!(refund_of(&all, money(1), start()), Err(CreateRefundRefused::ExceedsCeiling));
        all.carry_to(start().plus(DAY), PROFILE).unwrap();
        assert_eq!(all.permission.balances.refunded, money(most), "{currency}");
        assert_eq!(all.permission.balances.goodwill, money(most - amount), "{currency}");
    }
}

// Promise: A15
#[test]
fn one_refund_is_at_most_what_amazon_refunds_at_once_whatever_the_ceiling() {
    for currency in Currency::ALL.iter().copied() {
        let most = currency.maximum();
        let details =
            PaymentDetails { charge_amount: Some(most), ..paying(PaymentIntent::AuthorizeWithCapture) };
        let paid = paid_with(details, Card::Visa1111);
        let over = Money::from_minor(most.minor() + 1, currency);
        assert_eq!(refund_of(&paid, over, start()), Err(CreateRefundRefused::AboveMaximum), "{currency}");
        let first = refund_of(&paid, most, start()).unwrap();
        assert!(refund_of(&first, Money::from_minor(1, currency), start()).is_ok(), "{currency}");
    }
}
