//! Charges, permissions and refunds after a successful Finalize: each state under each command before, at and
//! after each deadline, and the results of a decline, a Close and another payment method.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::{agreeing, around, completed, paying, permission_word, placed, session, start, usd};
use crate::amazon_limits::MAX_REFUNDS;
use crate::folded_table::{Condition, folded};
use crate::ids::{ChargeId, RefundId};
use crate::money::Money;
use crate::provider::buyer::Card;
use crate::provider::cancel_charge::cancel_charge;
use crate::provider::capture_charge::{CaptureRefused, CaptureSimulation, capture_charge};
use crate::provider::charge::{ChargeCancelReason, ChargeState};
use crate::provider::charge_permission::{ClosureReason, PermissionClosed, update, update_payment_method};
use crate::provider::close_charge_permission::{OpenCharges, close_charge_permission};
use crate::provider::create_charge::{
    CreateCharge, CreateChargeOutcome, CreateChargeRefused, CreateChargeSimulation, create_charge,
};
use crate::provider::create_refund::{CreateRefund, CreateRefundRefused, RefundSimulation, create_refund};
use crate::provider::event::Event;
use crate::provider::finalize::{CompletedCheckout, FinalizeRules, finalize};
use crate::provider::payment::Payment;
use crate::provider::payment_details::PaymentDetails;
use crate::provider::profile::Profile;
use crate::provider::refund::{Refund, RefundState};
use crate::step::Step;
use crate::terms::{MerchantMetadata, PaymentIntent, ProductType};
use crate::time::{DAY, HOUR, Timestamp};

pub(super) const PROFILE: Profile = Profile::Live;

/// A permission for 20.00, of which 14.00 was charged with this intent and card.
fn payment(intent: PaymentIntent, card: Card) -> Payment {
    let details = PaymentDetails {
        can_handle_pending_authorization: intent == PaymentIntent::Authorize,
        total_order_amount: Some(usd(2_000)),
        ..paying(intent)
    };
    paid_with(details, card)
}

pub(super) fn paid_with(details: PaymentDetails, card: Card) -> Payment {
    let session = placed(session(ProductType::PayAndShip, details), card);
    let rules = FinalizeRules { profile: PROFILE, ..FinalizeRules::default() };
    let result = finalize(&session, &agreeing(&session), None, &rules, super::ids(), start());
    let CompletedCheckout { permission, charge, .. } = completed(result);
    Payment { permission, charges: charge.into_iter().collect() }
}

pub(super) fn authorized() -> Payment {
    let mut payment = payment(PaymentIntent::Authorize, Card::Visa1111);
    payment.carry_to(start(), PROFILE).unwrap();
    payment
}

pub(super) fn captured() -> Payment {
    payment(PaymentIntent::AuthorizeWithCapture, Card::Visa1111)
}

/// The id of its first charge or, without a charge, one that does not exist.
pub(super) fn charge_id(payment: &Payment) -> ChargeId {
    payment.charges.first().map_or_else(|| ChargeId::under(&payment.permission.id, 0), |it| it.id.clone())
}

fn new_charge(payment: &Payment) -> ChargeId {
    ChargeId::under(&payment.permission.id, 500_000 + payment.charges.len() as u64)
}

pub(super) fn new_refund(payment: &Payment) -> RefundId {
    let refunds: usize = payment.charges.iter().map(|charge| charge.refunds.len()).sum();
    RefundId::under(&payment.permission.id, refunds as u64)
}

pub(super) fn capture_of(
    payment: &Payment,
    amount: Money,
    now: Timestamp,
) -> Result<Payment, CaptureRefused> {
    let id = charge_id(payment);
    capture_charge(payment, &id, Some(amount), None, None, PROFILE, now).map(|step| step.next)
}

pub(super) fn refund_of(
    payment: &Payment,
    amount: Money,
    now: Timestamp,
) -> Result<Payment, CreateRefundRefused> {
    let request = CreateRefund { refund_amount: Some(amount), soft_descriptor: None };
    let (id, charge) = (new_refund(payment), charge_id(payment));
    create_refund(payment, &charge, request, None, id, PROFILE, now).map(|step| step.next)
}

pub(super) fn charge_of(
    payment: &Payment,
    request: CreateCharge,
    simulation: Option<CreateChargeSimulation>,
    now: Timestamp,
) -> Result<CreateChargeOutcome, CreateChargeRefused> {
    create_charge(payment, request, simulation, new_charge(payment), PROFILE, now)
}

pub(super) fn charge_request(amount: Money) -> CreateCharge {
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
    let charges = if charges.is_empty() { "no charge".to_string() } else { charges.join(" + ") };
    let state = permission_word(&payment.permission.state);
    format!("{charges}; {state}, left {}", payment.permission.balance().amount())
}

/// Each state of a charge and of its refund.
fn every_charge_state() -> Vec<(&'static str, Payment)> {
    let at = start();
    let simulated = |simulation| {
        let payment = authorized();
        let id = charge_id(&payment);
        capture_charge(&payment, &id, Some(usd(1_000)), None, Some(simulation), PROFILE, at).unwrap().next
    };
    let refunded = |simulation| {
        let payment = captured();
        let request = CreateRefund { refund_amount: Some(usd(500)), soft_descriptor: None };
        let (id, charge) = (new_refund(&payment), charge_id(&payment));
        create_refund(&payment, &charge, request, simulation, id, PROFILE, at).unwrap().next
    };
    let later = |mut payment: Payment| {
        payment.carry_to(at.plus(Duration::from_secs(3_600)), PROFILE).unwrap();
        payment
    };
    let authorized = authorized();
    let id = charge_id(&authorized);
    alloc::vec![
        ("pending (will pay)", payment(PaymentIntent::Authorize, Card::Pending0701)),
        ("pending (will not)", payment(PaymentIntent::Authorize, Card::Pending4354)),
        ("Authorized", authorized.clone()),
        ("capturing (will be)", simulated(CaptureSimulation::CaptureInitiated)),
        ("capturing (will not)", simulated(CaptureSimulation::CaptureDeclined)),
        ("Captured", captured()),
        ("Captured in part", capture_of(&authorized, usd(1_000), at).unwrap()),
        ("Canceled", cancel_charge(&authorized, &id, ChargeCancelReason::MerchantCanceled, at).unwrap().next),
        ("Declined", later(payment(PaymentIntent::Authorize, Card::Pending4354))),
        ("refunding (will be)", refunded(None)),
        ("refunding (will not)", refunded(Some(RefundSimulation::RefundDeclined))),
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
        "get buyer" => match payment.permission.buyer {
            Some(_) => "shown".to_string(),
            None => "forgotten".to_string(),
        },
        "create charge 6.00" => match charge_of(payment, charge_request(usd(600)), None, now) {
            Ok(CreateChargeOutcome::Created(step) | CreateChargeOutcome::Declined(_, step)) => {
                row(&step.next)
            }
            Err(refused) => format!("refused: {refused:?}"),
        },
        "capture 14.00" => {
            said(capture_of(payment, usd(1_400), now).map_err(|refused| format!("{refused:?}")))
        }
        "capture 5.00" => said(capture_of(payment, usd(500), now).map_err(|refused| format!("{refused:?}"))),
        "cancel charge" => said(
            cancel_charge(payment, &id, ChargeCancelReason::MerchantCanceled, now)
                .map(|step| step.next)
                .map_err(|refused| format!("{refused:?}")),
        ),
        "refund 1.00" => said(refund_of(payment, usd(100), now).map_err(|refused| format!("{refused:?}"))),
        "update" => match update(&payment.permission, MerchantMetadata::default(), now) {
            Ok(step) => permission_word(&step.next.state),
            Err(refused) => format!("refused: {refused:?}"),
        },
        "close" => said(
            close_charge_permission(payment, ClosureReason::MerchantClosed, OpenCharges::Stay, now)
                .map(|step| step.next)
                .map_err(|refused| format!("{refused:?}")),
        ),
        "close and cancel charges" => said(
            close_charge_permission(payment, ClosureReason::MerchantClosed, OpenCharges::AreCanceled, now)
                .map(|step| step.next)
                .map_err(|refused| format!("{refused:?}")),
        ),
        "change card" => match update_payment_method(&payment.permission, Card::Visa1111, now) {
            Ok(Some(step)) if step.next.state == payment.permission.state => "as it was".to_string(),
            Ok(Some(step)) => permission_word(&step.next.state),
            Ok(None) => "as it was".to_string(),
            Err(refused) => format!("refused: {refused:?}"),
        },
        other => panic!("{other}"),
    }
}

const COMMANDS: [&str; 11] = [
    "get",
    "get buyer",
    "create charge 6.00",
    "capture 14.00",
    "capture 5.00",
    "cancel charge",
    "refund 1.00",
    "update",
    "close",
    "close and cancel charges",
    "change card",
];

/// The outcome of each command in each state at each instant, under headings of the commands.
fn by_command(states: &[(&str, Payment)], instants: &[(String, Timestamp)]) -> String {
    let conditions = [
        Condition::any("command", COMMANDS),
        Condition::any("state", states.iter().map(|(name, _)| name)),
        Condition::instants(instants.iter().map(|(name, _)| name)),
    ];
    folded(&conditions, |[command, state, instant]| {
        let (mut payment, now) = (states[state].1.clone(), instants[instant].1);
        payment.carry_to(now, PROFILE).unwrap();
        commanded(COMMANDS[command], &payment, now)
    })
}

// Promise: A21
#[test]
fn every_charge_and_refund_state_under_every_command_before_at_and_after_each_deadline() {
    let states = every_charge_state();
    // A pending authorization's decision; a capture's or refund's; the end of the seven days in which a
    // capture is immediate; and the authorization's end. The last two are later where the authorization was
    // pending.
    let pending = Duration::from_secs(30);
    let (week, month) = (DAY.saturating_mul(7), DAY.saturating_mul(30));
    let deadlines = [
        ("30 s", pending),
        ("1 h", HOUR),
        ("7 d", week),
        ("7 d 30 s", week.saturating_add(pending)),
        ("30 d", month),
        ("30 d 30 s", month.saturating_add(pending)),
    ];
    for (name, state) in &states {
        let due_at = state.charges[0].due_at();
        let is_known = |due_at| deadlines.iter().any(|(_, time)| start().plus(*time) == due_at);
        assert!(due_at.is_none_or(is_known), "{name} is due at {due_at:?}");
    }
    insta::assert_snapshot!(by_command(&states, &around(&deadlines)));
}

// Promise: A21
#[test]
fn every_permission_state_under_every_command_before_at_and_after_each_deadline() {
    let at = start();
    let open = authorized();
    let declined =
        match charge_of(&open, charge_request(usd(100)), Some(CreateChargeSimulation::HardDeclined), at) {
            Ok(CreateChargeOutcome::Declined(_, step)) => step.next,
            other => panic!("{other:?}"),
        };
    let with_intent = |intent| paid_with(paying(intent), Card::Visa1111);
    let extended = PaymentDetails { extend_expiration: true, ..paying(PaymentIntent::Confirm) };
    let mut states = alloc::vec![
        ("Chargeable", open.clone()),
        ("never charged", with_intent(PaymentIntent::Confirm)),
        ("extended", paid_with(extended, Card::Visa1111)),
        ("ChargeInProgress", with_intent(PaymentIntent::Authorize)),
        ("PaymentMethodInvalid", declined),
        ("all captured", with_intent(PaymentIntent::AuthorizeWithCapture)),
    ];
    for reason in ClosureReason::ALL {
        states.push((
            reason.as_str(),
            close_charge_permission(&open, *reason, OpenCharges::Stay, at).unwrap().next,
        ));
    }
    // The buyer is forgotten, a permission expires, and so does an extended one, after 13 months.
    let deadlines = [30, 180, 395].map(|days| DAY.saturating_mul(days));
    for (name, state) in &states {
        for deadline in [state.permission.buyer_forgotten_at(), state.permission.expires_at] {
            assert!(deadlines.contains(&deadline.since(at)), "{name} has a deadline at {deadline}");
        }
    }
    let named: Vec<(&str, Duration)> = ["30 d", "180 d", "395 d"].into_iter().zip(deadlines).collect();
    insta::assert_snapshot!(by_command(&states, &around(&named)));
}

// Promise: A15
#[test]
fn a_charge_has_ten_refunds_and_a_declined_one_does_not_count() {
    let mut paid = captured();
    let (id, charge) = (new_refund(&paid), charge_id(&paid));
    let request = CreateRefund { refund_amount: Some(usd(1_000)), soft_descriptor: None };
    let declined = Some(RefundSimulation::RefundDeclined);
    paid = create_refund(&paid, &charge, request, declined, id, PROFILE, start()).unwrap().next;
    // It holds its part of the ceiling while it is under way, and releases it afterwards.
    assert_eq!(refund_of(&paid, usd(1_000), start()), Err(CreateRefundRefused::ExceedsCeiling));
    let later = start().plus(DAY);
    paid.carry_to(later, PROFILE).unwrap();
    for _ in 0..MAX_REFUNDS {
        paid = refund_of(&paid, usd(10), later).unwrap();
    }
    assert_eq!(refund_of(&paid, usd(10), later), Err(CreateRefundRefused::TooManyRefunds));
    paid.carry_to(later.plus(DAY), PROFILE).unwrap();
    assert_eq!(paid.permission.balances.refunded, usd(100));
    assert_eq!(paid.permission.balances.captured, usd(1_300));
}

// Promise: A16
#[test]
fn a_decline_has_its_consequence_for_the_permission_and_the_buyer_mends_it() {
    let open = authorized();
    for (simulation, state) in [
        (CreateChargeSimulation::SoftDeclined, "Chargeable"),
        (CreateChargeSimulation::TransactionTimedOut, "Chargeable"),
        (CreateChargeSimulation::HardDeclined, "NonChargeable/PaymentMethodInvalid"),
        (CreateChargeSimulation::AmazonRejected, "Closed/AmazonCanceled"),
    ] {
        let Ok(CreateChargeOutcome::Declined(reason, step)) =
            charge_of(&open, charge_request(usd(100)), Some(simulation), start())
        else {
            panic!("{simulation}: expected a decline")
        };
        assert_eq!(reason.as_str(), simulation.as_str());
        assert_eq!(permission_word(&step.next.permission.state), state);
        assert_eq!(step.next.permission.charge_count, open.permission.charge_count);
        let mended = update_payment_method(&step.next.permission, Card::Visa1111, start());
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

// Promise: A16
#[test]
fn a_pending_charge_is_decided_as_its_card_or_simulation_says() {
    let open = payment(PaymentIntent::Authorize, Card::Pending4354);
    let may_pend = CreateCharge { can_handle_pending_authorization: true, ..charge_request(usd(600)) };
    for (simulation, ends) in [
        (None, "Declined/HardDeclined"),
        (Some(CreateChargeSimulation::PendingAuthorized), "Authorized"),
        (Some(CreateChargeSimulation::PendingDeclined), "Declined/HardDeclined"),
    ] {
        let Ok(CreateChargeOutcome::Created(step)) = charge_of(&open, may_pend.clone(), simulation, start())
        else {
            panic!("{simulation:?}")
        };
        let mut payment = step.next;
        assert_eq!(charge_word(&payment.charges[1].state), "AuthorizationInitiated");
        payment.carry_to(start().plus(Duration::from_secs(30)), PROFILE).unwrap();
        assert_eq!(charge_word(&payment.charges[1].state), ends);
        assert!(payment.permission.balances.are_of(payment.permission.limit));
    }
}

/// Each code under each form of its call: its first state, and its state two hours later.
// Promise: A16
#[test]
fn every_simulation_code_of_each_call_has_its_outcome_or_does_not_fit() {
    let later = |step: Step<Payment, Event>, place: usize| {
        let mut payment = step.next;
        let begins = charge_word(&payment.charges[place].state);
        payment.carry_to(start().plus(HOUR.saturating_mul(2)), PROFILE).unwrap();
        format!("{begins}, then {}", row(&payment))
    };
    let open = authorized();
    let mut table = String::new();
    for code in CreateChargeSimulation::ALL {
        for (form, capture_now, can_handle_pending_authorization) in
            [("plain", false, false), ("captureNow", true, false), ("may pend", false, true)]
        {
            let request =
                CreateCharge { capture_now, can_handle_pending_authorization, ..charge_request(usd(600)) };
            let outcome = match charge_of(&open, request, Some(*code), start()) {
                Ok(CreateChargeOutcome::Created(step)) => later(step, 1),
                Ok(CreateChargeOutcome::Declined(reason, step)) => {
                    format!("declined: {reason}; {}", row(&step.next))
                }
                Err(refused) => format!("refused: {refused:?}"),
            };
            table.push_str(&format!("CreateCharge  {:<20} {form:<10} {outcome}\n", code.as_str()));
        }
    }
    for code in CaptureSimulation::ALL {
        let id = charge_id(&open);
        let step = capture_charge(&open, &id, Some(usd(1_400)), None, Some(*code), PROFILE, start()).unwrap();
        table.push_str(&format!("CaptureCharge {:<20} {:<10} {}\n", code.as_str(), "", later(step, 0)));
    }
    for code in RefundSimulation::ALL {
        let paid = captured();
        let request = CreateRefund { refund_amount: Some(usd(500)), soft_descriptor: None };
        let (id, charge) = (new_refund(&paid), charge_id(&paid));
        let step = create_refund(&paid, &charge, request, Some(*code), id, PROFILE, start()).unwrap();
        table.push_str(&format!("CreateRefund  {:<20} {:<10} {}\n", code.as_str(), "", later(step, 0)));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_closed_permission_keeps_its_open_charges_capturable_unless_they_are_canceled() {
    let open = authorized();
    let kept = close_charge_permission(&open, ClosureReason::MerchantClosed, OpenCharges::Stay, start())
        .unwrap()
        .next;
    let taken = capture_of(&kept, usd(1_400), start()).unwrap();
    assert_eq!(permission_word(&taken.permission.state), "Closed/MerchantClosed");
    let emptied =
        close_charge_permission(&open, ClosureReason::MerchantClosed, OpenCharges::AreCanceled, start())
            .unwrap();
    assert_eq!(charge_word(&emptied.next.charges[0].state), "Canceled/ChargePermissionCanceled");
    assert!(emptied.next.permission.open_charges.is_empty());
    assert!(emptied.next.permission.balances.held.is_zero());
    let names: Vec<&str> = emptied.events.iter().map(|event| event.what.entry().name).collect();
    assert_eq!(names, ["ChargePermissionClosed", "ChargeCanceled"]);
}

#[test]
fn a_buyers_other_card_pays_from_then_on_and_a_bad_one_does_not() {
    let may_pend = || CreateCharge { can_handle_pending_authorization: true, ..charge_request(usd(100)) };
    let mut declined = payment(PaymentIntent::Authorize, Card::Pending4354);
    declined.carry_to(start().plus(HOUR), PROFILE).unwrap();
    let now = start().plus(HOUR);
    for (card, state) in [
        (Card::Visa1111, "Chargeable"),
        (Card::Pending0701, "Chargeable"),
        (Card::Pending4354, "NonChargeable/PaymentMethodInvalid"),
    ] {
        let mended = update_payment_method(&declined.permission, card, now).unwrap().unwrap();
        assert_eq!(mended.events.len(), 1);
        let mended = Payment { permission: mended.next, charges: declined.charges.clone() };
        let Ok(CreateChargeOutcome::Created(step)) = charge_of(&mended, may_pend(), None, now) else {
            panic!("{card:?}")
        };
        let mut later = step.next;
        later.carry_to(now.plus(HOUR), PROFILE).unwrap();
        assert_eq!(permission_word(&later.permission.state), state, "{card:?}");
        assert_eq!(later.permission.buyer.as_ref().map(|buyer| buyer.card), Some(card));
    }
    // If nothing was wrong with the old card, the new one pays all the same, and nobody is notified.
    let open = authorized();
    let changed = update_payment_method(&open.permission, Card::Pending4354, now).unwrap().unwrap();
    assert_eq!((changed.next.state, changed.events), (open.permission.state, Vec::new()));
}
