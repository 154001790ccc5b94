//! Charges, permissions and refunds after a successful Finalize: each state under each command before,
//! at and after each deadline, and each refusal reached.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::{MILLISECOND, agreeing, completed, paying, permission_word, placed, session, start, usd};
use crate::ids::{ChargeId, RefundId};
use crate::money::{Currency, Money};
use crate::provider::buyer::Card;
use crate::provider::charge::{
    CaptureRefused, CaptureSimulation, ChargeCancelReason, ChargeState, Charged, CreateCharge,
    CreateChargeRefused, CreateChargeSimulation, NotCancelable, cancel, capture, create,
};
use crate::provider::charge_permission::{
    ChargePermissionState, ClosureReason, NonChargeableReason, OpenCharges, PermissionClosed, close, update,
    update_payment_method,
};
use crate::provider::finalize::{Completed, FinalizeRules, finalize};
use crate::provider::payment::Payment;
use crate::provider::payment_details::PaymentDetails;
use crate::provider::profile::{MAX_CHARGES, Profile};
use crate::provider::refund::{
    self, CreateRefund, CreateRefundRefused, MAX_REFUNDS, Refund, RefundSimulation, RefundState, ceiling,
};
use crate::terms::{MerchantMetadata, PaymentIntent, ProductType};
use crate::time::{DAY, Timestamp};

const PROFILE: Profile = Profile::Live;

/// A permission over 20.00 of which 14.00 were charged by this intent and card.
fn payment(intent: PaymentIntent, card: Card) -> Payment {
    let details = PaymentDetails {
        can_handle_pending_authorization: intent == PaymentIntent::Authorize,
        total_order_amount: Some(usd(2_000)),
        ..paying(intent)
    };
    of(details, card)
}

fn of(details: PaymentDetails, card: Card) -> Payment {
    let session = placed(session(ProductType::PayAndShip, details), card);
    let rules = FinalizeRules { profile: PROFILE, ..FinalizeRules::default() };
    let result = finalize(&session, &agreeing(&session), None, &rules, super::ids(), start());
    let Completed { permission, charge, .. } = completed(result);
    Payment { permission, charges: charge.into_iter().collect() }
}

fn authorized() -> Payment {
    let mut payment = payment(PaymentIntent::Authorize, Card::Visa1111);
    payment.carry_to(start(), PROFILE);
    payment
}

fn captured() -> Payment {
    payment(PaymentIntent::AuthorizeWithCapture, Card::Visa1111)
}

fn charge_id(payment: &Payment) -> ChargeId {
    payment.charges[0].id.clone()
}

fn new_charge(payment: &Payment) -> ChargeId {
    ChargeId::under(&payment.permission.id, 500_000 + payment.charges.len() as u64)
}

fn new_refund(payment: &Payment) -> RefundId {
    let refunds: usize = payment.charges.iter().map(|charge| charge.refunds.len()).sum();
    RefundId::under(&payment.permission.id, refunds as u64)
}

fn capture_of(payment: &Payment, amount: Money, now: Timestamp) -> Result<Payment, CaptureRefused> {
    let id = charge_id(payment);
    capture(payment, &id, Some(amount), None, None, PROFILE, now).map(|step| step.next)
}

fn refund_of(payment: &Payment, amount: Money, now: Timestamp) -> Result<Payment, CreateRefundRefused> {
    let request = CreateRefund { refund_amount: Some(amount), soft_descriptor: None };
    let (id, charge) = (new_refund(payment), charge_id(payment));
    refund::create(payment, &charge, request, None, id, PROFILE, now).map(|step| step.next)
}

fn charge_of(
    payment: &Payment,
    request: CreateCharge,
    simulation: Option<CreateChargeSimulation>,
    now: Timestamp,
) -> Result<Charged, CreateChargeRefused> {
    create(payment, request, simulation, new_charge(payment), PROFILE, now)
}

fn of_amount(amount: Money) -> CreateCharge {
    CreateCharge { charge_amount: Some(amount), ..CreateCharge::default() }
}

fn refund_word(refund: &Refund) -> String {
    match refund.state {
        RefundState::RefundInitiated { .. } => "RefundInitiated".to_string(),
        RefundState::Refunded => "Refunded".to_string(),
        RefundState::Declined { reason } => format!("Declined/{reason}"),
    }
}

fn charge_word(state: &ChargeState) -> String {
    match state {
        ChargeState::AuthorizationInitiated { .. } => "AuthorizationInitiated".to_string(),
        ChargeState::Authorized => "Authorized".to_string(),
        ChargeState::CaptureInitiated { .. } => "CaptureInitiated".to_string(),
        ChargeState::Captured { captured } => format!("Captured {}", captured.amount()),
        ChargeState::Canceled { reason } => format!("Canceled/{reason}"),
        ChargeState::Declined { reason } => format!("Declined/{reason}"),
    }
}

/// The first charge with its refunds, and the permission.
fn row(payment: &Payment) -> String {
    let charges: Vec<String> = payment
        .charges
        .iter()
        .map(|charge| {
            let refunds: Vec<String> = charge.refunds.iter().map(refund_word).collect();
            let refunds =
                if refunds.is_empty() { String::new() } else { format!(" [{}]", refunds.join(", ")) };
            format!("{}{refunds}", charge_word(&charge.state))
        })
        .collect();
    let state = permission_word(&payment.permission.state);
    format!("{}; {state}, left {}", charges.join(" + "), payment.permission.balance().amount())
}

/// Each state of a charge and of its refund, with the instants before, at and after its next deadline.
fn every_charge_state() -> Vec<(&'static str, Payment)> {
    let at = start();
    let simulated = |simulation| {
        let payment = authorized();
        let id = charge_id(&payment);
        capture(&payment, &id, Some(usd(1_000)), None, Some(simulation), PROFILE, at).unwrap().next
    };
    let refunded = |simulation| {
        let payment = captured();
        let request = CreateRefund { refund_amount: Some(usd(500)), soft_descriptor: None };
        let (id, charge) = (new_refund(&payment), charge_id(&payment));
        refund::create(&payment, &charge, request, simulation, id, PROFILE, at).unwrap().next
    };
    let later = |mut payment: Payment| {
        payment.carry_to(at.plus(Duration::from_secs(3_600)), PROFILE);
        payment
    };
    let authorized = authorized();
    let id = charge_id(&authorized);
    alloc::vec![
        ("pending, will pay", payment(PaymentIntent::Authorize, Card::Pending0701)),
        ("pending, will not", payment(PaymentIntent::Authorize, Card::Pending4354)),
        ("Authorized", authorized.clone()),
        ("capturing, will be", simulated(CaptureSimulation::CaptureInitiated)),
        ("capturing, will not", simulated(CaptureSimulation::CaptureDeclined)),
        ("Captured", captured()),
        ("Captured in part", capture_of(&authorized, usd(1_000), at).unwrap()),
        ("Canceled", cancel(&authorized, &id, ChargeCancelReason::MerchantCanceled, at).unwrap().next),
        ("Declined", later(payment(PaymentIntent::Authorize, Card::Pending4354))),
        ("refunding, will be", refunded(None)),
        ("refunding, will not", refunded(Some(RefundSimulation::RefundDeclined))),
        ("Refunded in part", later(refunded(None))),
        ("refund Declined", later(refunded(Some(RefundSimulation::RefundDeclined)))),
    ]
}

fn commanded(name: &str, payment: &Payment, now: Timestamp) -> String {
    let id = charge_id(payment);
    let said = |result: Result<Payment, String>| match result {
        Ok(after) => row(&after),
        Err(refused) => format!("refused: {refused}"),
    };
    match name {
        "get" => row(payment),
        "create" => match charge_of(payment, of_amount(usd(600)), None, now) {
            Ok(Charged::Created(step) | Charged::Declined(_, step)) => row(&step.next),
            Err(refused) => format!("refused: {refused:?}"),
        },
        "capture" => said(capture_of(payment, usd(1_400), now).map_err(|refused| format!("{refused:?}"))),
        "cancel" => said(
            cancel(payment, &id, ChargeCancelReason::MerchantCanceled, now)
                .map(|step| step.next)
                .map_err(|refused| format!("{refused:?}")),
        ),
        "refund" => said(refund_of(payment, usd(100), now).map_err(|refused| format!("{refused:?}"))),
        "update" => match update(&payment.permission, MerchantMetadata::default(), now) {
            Ok(step) => permission_word(&step.next.state),
            Err(refused) => format!("refused: {refused:?}"),
        },
        "close" => said(
            close(payment, ClosureReason::MerchantClosed, OpenCharges::Stay, now)
                .map(|step| step.next)
                .map_err(|refused| format!("{refused:?}")),
        ),
        "close all" => said(
            close(payment, ClosureReason::MerchantClosed, OpenCharges::AreCanceled, now)
                .map(|step| step.next)
                .map_err(|refused| format!("{refused:?}")),
        ),
        other => panic!("{other}"),
    }
}

const COMMANDS: [&str; 8] = ["get", "create", "capture", "cancel", "refund", "update", "close", "close all"];

#[test]
fn every_charge_and_refund_state_under_every_command_before_at_and_after_each_deadline() {
    let mut table = String::new();
    for (name, state) in every_charge_state() {
        // The deadlines of the charge and its refunds, and the seven days of the guarantee.
        let own = state.charges[0].due_at();
        let guarantee = start().plus(DAY.saturating_mul(7));
        let deadlines: BTreeSet<Timestamp> = own.into_iter().chain([guarantee]).collect();
        for deadline in deadlines {
            let after = deadline.since(start());
            let (days, rest) = (after.as_secs() / 86_400, after.as_secs() % 86_400);
            let named = if days > 0 { format!("{days} d") } else { format!("{rest} s") };
            for (side, now) in [
                ("before", deadline.minus(MILLISECOND)),
                ("at", deadline),
                ("after", deadline.plus(MILLISECOND)),
            ] {
                for command in COMMANDS {
                    let mut payment = state.clone();
                    payment.carry_to(now, PROFILE);
                    let outcome = commanded(command, &payment, now);
                    table.push_str(&format!("{name:<20} {side:<6} {named:<6} {command:<10} {outcome}\n"));
                }
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn every_permission_state_under_every_command_before_at_and_after_each_deadline() {
    let at = start();
    let open = authorized();
    let declined = match charge_of(&open, of_amount(usd(100)), Some(CreateChargeSimulation::HardDeclined), at)
    {
        Ok(Charged::Declined(_, step)) => step.next,
        other => panic!("{other:?}"),
    };
    let all_held = of(paying(PaymentIntent::Authorize), Card::Visa1111);
    let mut states = alloc::vec![
        ("Chargeable", open.clone()),
        ("ChargeInProgress", all_held),
        ("PaymentMethodInvalid", declined),
    ];
    for reason in ClosureReason::ALL {
        states.push((reason.as_str(), close(&open, *reason, OpenCharges::Stay, at).unwrap().next));
    }
    let mut table = String::new();
    for (name, state) in states {
        for (named, deadline) in
            [("30 d", start().plus(DAY.saturating_mul(30))), ("180 d", start().plus(DAY.saturating_mul(180)))]
        {
            for (side, now) in [
                ("before", deadline.minus(MILLISECOND)),
                ("at", deadline),
                ("after", deadline.plus(MILLISECOND)),
            ] {
                for command in COMMANDS {
                    let mut payment = state.clone();
                    payment.carry_to(now, PROFILE);
                    let buyer = if payment.permission.buyer.is_some() { "buyer" } else { "no buyer" };
                    let outcome = commanded(command, &payment, now);
                    table.push_str(&format!(
                        "{name:<20} {side:<6} {named:<6} {buyer:<8} {command:<10} {outcome}\n"
                    ));
                }
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn each_refusal_of_create_charge_is_reached_and_changes_nothing() {
    use CreateChargeRefused as R;
    let open = authorized();
    let closed = close(&open, ClosureReason::BuyerClosed, OpenCharges::Stay, start()).unwrap().next;
    let mut declined = open.clone();
    declined.permission.state =
        ChargePermissionState::NonChargeable { reason: NonChargeableReason::PaymentMethodInvalid };
    let mut many = open.clone();
    many.permission.charge_count = MAX_CHARGES;
    let euros = Money::from_minor(100, Currency::EUR);
    let over = Currency::USD.maximum().checked_add(usd(1)).unwrap();
    let both =
        CreateCharge { capture_now: true, can_handle_pending_authorization: true, ..of_amount(usd(100)) };
    let described = CreateCharge { soft_descriptor: Some("SHOP".to_string()), ..of_amount(usd(100)) };
    let pends = Some(CreateChargeSimulation::PendingAuthorized);
    let cases = [
        (&closed, of_amount(usd(100)), None, R::PermissionClosed),
        (&open, CreateCharge::default(), None, R::Missing),
        (&open, both, None, R::PendingWithCapture),
        (&open, described, None, R::SoftDescriptorWithoutCapture),
        (&open, of_amount(euros), None, R::CurrencyDiffers),
        (&open, of_amount(usd(0)), None, R::NothingToCharge),
        (&open, of_amount(over), None, R::AboveMaximum),
        (
            &declined,
            of_amount(usd(100)),
            None,
            R::PermissionNonChargeable(NonChargeableReason::PaymentMethodInvalid),
        ),
        (&many, of_amount(usd(100)), None, R::TooManyCharges),
        (&open, of_amount(usd(601)), None, R::ExceedsBalance),
        (&open, of_amount(usd(600)), pends, R::SimulationDoesNotFit),
    ];
    for (payment, request, simulation, refused) in cases {
        assert_eq!(charge_of(payment, request, simulation, start()), Err(refused));
    }
    assert!(matches!(charge_of(&open, of_amount(usd(600)), None, start()), Ok(Charged::Created(_))));
}

#[test]
fn each_refusal_of_capture_is_reached_and_the_whole_amount_is_captured_afterwards() {
    use CaptureRefused as R;
    let open = authorized();
    let id = charge_id(&open);
    let refused = |amount| capture(&open, &id, amount, None, None, PROFILE, start()).unwrap_err();
    assert_eq!(refused(None), R::Missing);
    assert_eq!(refused(Some(Money::from_minor(1, Currency::GBP))), R::CurrencyDiffers);
    assert_eq!(refused(Some(usd(0))), R::NothingToCapture);
    assert_eq!(refused(Currency::USD.maximum().checked_add(usd(1))), R::AboveMaximum);
    assert_eq!(refused(Some(usd(1_401))), R::ExceedsAuthorizedAmount);
    let whole = capture_of(&open, usd(1_400), start()).unwrap();
    assert_eq!(capture_of(&whole, usd(1), start()), Err(R::NotAuthorized));
    assert_eq!(
        cancel(&whole, &id, ChargeCancelReason::MerchantCanceled, start()).unwrap_err(),
        NotCancelable
    );
}

#[test]
fn an_overcharge_is_captured_to_the_cent_where_the_session_allowed_it() {
    for (currency, amount, most) in [
        (Currency::USD, 10_000, 11_500),
        (Currency::USD, 100_000, 107_500),
        (Currency::EUR, 1, 1),
        (Currency::GBP, 50_000, 57_500),
        (Currency::JPY, 1_000, 1_150),
        (Currency::JPY, 100_000, 108_400),
    ] {
        let money = |minor| Money::from_minor(minor, currency);
        for allow_overcharge in [false, true] {
            let details = PaymentDetails {
                charge_amount: Some(money(amount)),
                allow_overcharge,
                ..paying(PaymentIntent::Authorize)
            };
            let open = of(details, Card::Visa1111);
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
fn each_refusal_of_create_refund_is_reached_to_the_cent_in_each_currency() {
    use CreateRefundRefused as R;
    assert_eq!(refund_of(&authorized(), usd(100), start()), Err(R::NotCaptured));
    for (currency, amount, most) in [
        (Currency::USD, 10_000, 11_500),
        (Currency::USD, 50_000, 57_500),
        (Currency::USD, 50_007, 57_507),
        (Currency::EUR, 7, 8),
        (Currency::GBP, 15_000_000, 15_007_500),
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
        let paid = of(details, Card::Visa1111);
        let other = if currency == Currency::EUR { Currency::USD } else { Currency::EUR };
        let id = charge_id(&paid);
        let refused = |request| {
            refund::create(&paid, &id, request, None, new_refund(&paid), PROFILE, start()).unwrap_err()
        };
        assert_eq!(refused(CreateRefund::default()), R::Missing);
        assert_eq!(refund_of(&paid, Money::from_minor(1, other), start()), Err(R::CurrencyDiffers));
        assert_eq!(refund_of(&paid, money(0), start()), Err(R::NothingToRefund));
        let above = money(currency.maximum().minor() + 1);
        assert_eq!(refund_of(&paid, above, start()), Err(R::AboveMaximum));
        if most < currency.maximum().minor() {
            assert_eq!(
                refund_of(&paid, money(most + 1), start()),
                Err(R::ExceedsCeiling),
                "{currency} {most}"
            );
        }
        let first = refund_of(&paid, money(amount), start()).unwrap();
        if most > amount {
            let all = refund_of(&first, money(most - amount), start()).unwrap();
            assert_eq!(refund_of(&all, money(1), start()), Err(R::ExceedsCeiling));
        } else {
            assert_eq!(refund_of(&first, money(1), start()), Err(R::ExceedsCeiling));
        }
    }
}

#[test]
fn a_charge_has_ten_refunds_and_a_declined_one_does_not_count() {
    let mut paid = captured();
    let (id, charge) = (new_refund(&paid), charge_id(&paid));
    let request = CreateRefund { refund_amount: Some(usd(1_000)), soft_descriptor: None };
    let declined = Some(RefundSimulation::RefundDeclined);
    paid = refund::create(&paid, &charge, request, declined, id, PROFILE, start()).unwrap().next;
    // It holds its part of the ceiling while it is under way, and gives it back.
    assert_eq!(refund_of(&paid, usd(1_000), start()), Err(CreateRefundRefused::ExceedsCeiling));
    let later = start().plus(DAY);
    paid.carry_to(later, PROFILE);
    for _ in 0..MAX_REFUNDS {
        paid = refund_of(&paid, usd(10), later).unwrap();
    }
    assert_eq!(refund_of(&paid, usd(10), later), Err(CreateRefundRefused::TooManyRefunds));
    paid.carry_to(later.plus(DAY), PROFILE);
    assert_eq!(paid.permission.balances.refunded, usd(100));
    assert_eq!(paid.permission.balances.captured, usd(1_300));
}

#[test]
fn a_decline_has_its_consequence_for_the_permission_and_the_buyer_mends_it() {
    let open = authorized();
    for (simulation, state) in [
        (CreateChargeSimulation::SoftDeclined, "Chargeable"),
        (CreateChargeSimulation::TransactionTimedOut, "Chargeable"),
        (CreateChargeSimulation::HardDeclined, "NonChargeable/PaymentMethodInvalid"),
        (CreateChargeSimulation::AmazonRejected, "Closed/AmazonCanceled"),
    ] {
        let Ok(Charged::Declined(reason, step)) =
            charge_of(&open, of_amount(usd(100)), Some(simulation), start())
        else {
            panic!("{simulation} is no decline")
        };
        assert_eq!(reason.as_str(), simulation.as_str());
        assert_eq!(permission_word(&step.next.permission.state), state);
        assert_eq!(step.next.permission.charge_count, open.permission.charge_count);
        let mended = update_payment_method(&step.next.permission, start());
        match simulation {
            CreateChargeSimulation::AmazonRejected => assert_eq!(mended, Err(PermissionClosed)),
            CreateChargeSimulation::HardDeclined => {
                let mended = mended.unwrap().unwrap();
                assert_eq!(permission_word(&mended.next.state), "Chargeable");
                assert_eq!(mended.events.len(), 1);
            }
            _ => assert_eq!(mended, Ok(None)),
        }
    }
}

#[test]
fn a_pending_charge_is_decided_as_its_card_or_simulation_says() {
    let open = payment(PaymentIntent::Authorize, Card::Pending4354);
    let may_pend = CreateCharge { can_handle_pending_authorization: true, ..of_amount(usd(600)) };
    for (simulation, ends) in [
        (None, "Declined/HardDeclined"),
        (Some(CreateChargeSimulation::PendingAuthorized), "Authorized"),
        (Some(CreateChargeSimulation::PendingDeclined), "Declined/HardDeclined"),
    ] {
        let Ok(Charged::Created(step)) = charge_of(&open, may_pend.clone(), simulation, start()) else {
            panic!("{simulation:?}")
        };
        let mut payment = step.next;
        assert_eq!(charge_word(&payment.charges[1].state), "AuthorizationInitiated");
        payment.carry_to(start().plus(Duration::from_secs(30)), PROFILE);
        assert_eq!(charge_word(&payment.charges[1].state), ends);
        assert!(payment.permission.balances.are_of(payment.permission.limit));
    }
}

#[test]
fn a_closed_permission_keeps_its_open_charges_capturable_unless_they_are_canceled() {
    let open = authorized();
    let kept = close(&open, ClosureReason::MerchantClosed, OpenCharges::Stay, start()).unwrap().next;
    let taken = capture_of(&kept, usd(1_400), start()).unwrap();
    assert_eq!(permission_word(&taken.permission.state), "Closed/MerchantClosed");
    let emptied = close(&open, ClosureReason::MerchantClosed, OpenCharges::AreCanceled, start()).unwrap();
    assert_eq!(charge_word(&emptied.next.charges[0].state), "Canceled/ChargePermissionCanceled");
    assert!(emptied.next.permission.open_charges.is_empty());
    assert!(emptied.next.permission.balances.held.is_zero());
    let names: Vec<&str> = emptied.events.iter().map(|event| event.what.entry().name).collect();
    assert_eq!(names, ["ChargePermissionClosed", "ChargeCanceled"]);
}
