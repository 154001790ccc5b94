//! Amazon's rules as tables that a person can compare with the API's pages.

mod after_result;
mod money;
mod refusals;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use crate::address::{Address, AddressKind, AddressMatch, AddressMember};
use crate::folded_table::{Condition, folded};
use crate::ids::{BuyerId, ChargeId, ChargePermissionId, CheckoutSessionId, Environment, MerchantId, Region};
use crate::money::{Currency, Money};
use crate::provider::buyer::{Buyer, Card};
use crate::provider::charge::{Charge, ChargeState};
use crate::provider::charge_permission::ChargePermissionState;
use crate::provider::checkout_session::{
    AsOf, BuyerAct, CheckoutSession, CheckoutSessionState, Flow, Owner, ResponseDetail, SessionCancelReason,
    SessionUpdate, WebCheckoutDetails, act, as_of, create, update,
};
use crate::provider::event::Event;
use crate::provider::finalize::{
    Attribute, CheckOrder, CompleteRequest, CompletedCheckout, FinalizeOutcome, FinalizeRefused,
    FinalizeReplay, FinalizeRequest, FinalizeRules, NewIds, PaymentFailure, SimulationCode, UnsharedAddress,
    complete, finalize,
};
use crate::provider::payment::Payment;
use crate::provider::payment_details::{PaymentDetails, PaymentDetailsRefused, PaymentDetailsUpdate};
use crate::provider::profile::Profile;
use crate::terms::{MerchantMetadata, PaymentIntent, ProductType};
use crate::time::{DAY, HOUR, Timestamp};

const MILLISECOND: Duration = Duration::from_millis(1);

fn start() -> Timestamp {
    Timestamp::parse("20261124T120000Z").unwrap()
}

fn usd(cents: u64) -> Money {
    Money::from_minor(cents, Currency::USD)
}

fn address(line: &str) -> Address {
    Address {
        name: Some("Susie Smith".to_string()),
        address_line1: Some(line.to_string()),
        postal_code: Some("60602".to_string()),
        country_code: Some("US".to_string()),
        ..Address::default()
    }
}

fn buyer(card: Card) -> Buyer {
    Buyer {
        id: BuyerId::parse("amzn1.account.TEST").unwrap(),
        name: Some("Susie Smith".to_string()),
        email: Some("susie@example.com".to_string()),
        phone_number: None,
        shipping_address: Some(address("10 Ditka Ave")),
        billing_address: Some(address("11 Ditka Ave")),
        card,
        delivery_option: None,
    }
}

fn session(product_type: ProductType, payment: PaymentDetails) -> CheckoutSession {
    CheckoutSession {
        id: CheckoutSessionId::from_random([7; 16]),
        owner: Owner { merchant_id: MerchantId::parse("M1").unwrap(), environment: Environment::Sandbox },
        region: Region::NorthAmerica,
        flow: Flow::BuyNow,
        product_type,
        payment,
        supplementary_data: None,
        merchant_metadata: MerchantMetadata::default(),
        web_checkout: WebCheckoutDetails::default(),
        store_id: None,
        platform_id: None,
        provider_reference_id: None,
        response_detail: ResponseDetail::Short,
        created_at: start(),
        updated_at: start(),
        state: CheckoutSessionState::Open { buyer: None, placed_at: None, mfa_started_at: None },
    }
}

fn paying(intent: PaymentIntent) -> PaymentDetails {
    PaymentDetails {
        payment_intent: Some(intent),
        charge_amount: Some(usd(1_400)),
        ..PaymentDetails::default()
    }
}

/// The session, with its order placed by a buyer with this card.
fn placed(session: CheckoutSession, card: Card) -> CheckoutSession {
    act(session, BuyerAct::PlaceOrder, buyer(card), start()).unwrap().next
}

fn ids() -> NewIds {
    let charge_permission_id = ChargePermissionId::one_time(Environment::Sandbox, Region::NorthAmerica, 42);
    let charge_id = ChargeId::under(&charge_permission_id, 7);
    NewIds { charge_permission_id, charge_id }
}

/// The request that agrees with a session in every member.
fn agreeing(session: &CheckoutSession) -> FinalizeRequest {
    let (shipping_address, billing_address) = match session.product_type {
        ProductType::PayAndShip => (Some(address("10 Ditka Ave")), None),
        ProductType::PayOnly => (None, Some(address("11 Ditka Ave"))),
    };
    FinalizeRequest {
        payment_intent: session.payment.payment_intent,
        charge_amount: session.payment.charge_amount,
        total_order_amount: session.payment.total_order_amount,
        can_handle_pending_authorization: Some(session.payment.can_handle_pending_authorization),
        shipping_address,
        billing_address,
        supplementary_data: session.supplementary_data.clone(),
        merchant_metadata: None,
    }
}

fn run(session: &CheckoutSession, request: &FinalizeRequest) -> Result<FinalizeOutcome, FinalizeRefused> {
    finalize(session, request, None, &FinalizeRules::default(), ids(), start())
}

fn completed(result: Result<FinalizeOutcome, FinalizeRefused>) -> CompletedCheckout {
    match result {
        Ok(FinalizeOutcome::Completed(completed)) => *completed,
        other => panic!("{other:?}"),
    }
}

fn said(result: &Result<FinalizeOutcome, FinalizeRefused>) -> String {
    match result {
        Ok(FinalizeOutcome::Completed(completed)) => {
            let charge = completed.charge.as_ref().map_or("no charge", |charge| charge_word(charge));
            let permission = permission_word(&completed.permission.state);
            format!("Completed: {charge}, permission {permission}")
        }
        Ok(FinalizeOutcome::Failed(failure, step)) => {
            let failure = match failure {
                PaymentFailure::SessionCanceled => "CheckoutSessionCanceled",
                PaymentFailure::HardDeclined => "HardDeclined",
            };
            format!("{failure}; session {}", session_word(&step.next.state))
        }
        Ok(FinalizeOutcome::Again) => "Completed: as before".to_string(),
        Err(refused) => format!("refused: {refused:?}"),
    }
}

fn charge_word(charge: &Charge) -> &'static str {
    match charge.state {
        ChargeState::AuthorizationInitiated { .. } => "AuthorizationInitiated",
        ChargeState::Authorized => "Authorized",
        ChargeState::CaptureInitiated { .. } => "CaptureInitiated",
        ChargeState::Captured { .. } => "Captured",
        ChargeState::Canceled { reason } => reason.as_str(),
        ChargeState::Declined { reason } => reason.as_str(),
    }
}

fn permission_word(state: &ChargePermissionState) -> String {
    match state {
        ChargePermissionState::Chargeable => "Chargeable".to_string(),
        ChargePermissionState::NonChargeable { reason } => format!("NonChargeable/{reason}"),
        ChargePermissionState::Closed { reason } => format!("Closed/{reason}"),
    }
}

fn session_word(state: &CheckoutSessionState) -> String {
    match state {
        CheckoutSessionState::Open { buyer: None, .. } => "Open (no buyer)".to_string(),
        CheckoutSessionState::Open { mfa_started_at: Some(_), .. } => "Open (at the bank)".to_string(),
        CheckoutSessionState::Open { placed_at: None, .. } => "Open (choosing)".to_string(),
        CheckoutSessionState::Open { .. } => "Open (order placed)".to_string(),
        CheckoutSessionState::Completed { .. } => "Completed".to_string(),
        CheckoutSessionState::Canceled { reason } => format!("Canceled/{reason}"),
    }
}

/// Each session state, reached by the commands that lead there.
fn every_state() -> Vec<CheckoutSession> {
    let open = session(ProductType::PayAndShip, paying(PaymentIntent::Authorize));
    let choosing =
        act(open.clone(), BuyerAct::SelectCard(Card::Visa1111), buyer(Card::Visa1111), start()).unwrap().next;
    let at_the_bank = act(choosing.clone(), BuyerAct::StartMfa, buyer(Card::Visa1111), start()).unwrap().next;
    let placed = placed(open.clone(), Card::Visa1111);
    let mut states = alloc::vec![open, choosing, at_the_bank, placed.clone()];
    states.push(completed(run(&placed, &agreeing(&placed))).session);
    for reason in SessionCancelReason::ALL {
        states.push(placed.clone().canceled(*reason, start()).next);
    }
    states
}

/// A command's outcome on an existing session, in the table's words.
fn command(name: &str, session: &CheckoutSession, now: Timestamp) -> String {
    let acted = |what: BuyerAct| match act(session.clone(), what, buyer(Card::Visa1111), now) {
        Ok(step) => session_word(&step.next.state),
        Err(refused) => format!("refused: {refused:?}"),
    };
    match name {
        "get" => session_word(&session.state),
        "update" => match update(session.clone(), SessionUpdate::default(), now) {
            Ok(step) => session_word(&step.next.state),
            Err(refused) => format!("refused: {refused:?}"),
        },
        "selectCard" => acted(BuyerAct::SelectCard(Card::Jcb0000)),
        "signIn" => acted(BuyerAct::SignIn),
        "startMfa" => acted(BuyerAct::StartMfa),
        "passMfa" => acted(BuyerAct::PassMfa),
        "failMfa" => acted(BuyerAct::FailMfa),
        "declined" => acted(BuyerAct::BeDeclined),
        "giveUp" => acted(BuyerAct::GiveUp),
        "placeOrder" => acted(BuyerAct::PlaceOrder),
        "cancel" => acted(BuyerAct::Cancel),
        "finalize" => {
            said(&finalize(session, &agreeing(session), None, &FinalizeRules::default(), ids(), now))
        }
        "complete" => {
            let request = CompleteRequest {
                charge_amount: session.payment.charge_amount,
                total_order_amount: session.payment.total_order_amount,
            };
            said(&complete(session, &request, None, &FinalizeRules::default(), ids(), now))
        }
        other => panic!("{other}"),
    }
}

/// The instants before, at and after each time from the start, with their names; the earliest first.
fn around(times: &[(&str, Duration)]) -> Vec<(String, Timestamp)> {
    let around = times.iter().flat_map(|(name, time)| {
        let at = start().plus(*time);
        [
            (format!("{name} - 1 ms"), at.minus(MILLISECOND)),
            ((*name).to_string(), at),
            (format!("{name} + 1 ms"), at.plus(MILLISECOND)),
        ]
    });
    let around: Vec<_> = around.collect();
    assert!(around.is_sorted_by_key(|(_, instant)| *instant));
    around
}

#[test]
fn every_state_under_every_command_before_at_and_after_each_deadline() {
    let commands = [
        "get",
        "update",
        "signIn",
        "selectCard",
        "placeOrder",
        "startMfa",
        "passMfa",
        "failMfa",
        "declined",
        "giveUp",
        "cancel",
        "complete",
        "finalize",
    ];
    let instants =
        around(&[("10 min", Duration::from_secs(600)), ("24 h", DAY), ("30 d", DAY.saturating_mul(30))]);
    let states = every_state();
    let conditions = [
        Condition::any("state", states.iter().map(|session| session_word(&session.state))),
        Condition::instants(instants.iter().map(|(name, _)| name)),
        Condition::any("command", commands),
    ];
    let table = folded(&conditions, |[state, instant, name]| {
        let now = instants[instant].1;
        match as_of(states[state].clone(), now) {
            AsOf::Present(session, _) => command(commands[name], &session, now),
            AsOf::Deleted(_) => "not found".to_string(),
        }
    });
    insta::assert_snapshot!(table);
}

#[test]
fn the_bank_waits_ten_minutes_and_never_longer_than_the_session_lives() {
    let open = session(ProductType::PayAndShip, paying(PaymentIntent::Authorize));
    let choosing = act(open, BuyerAct::SignIn, buyer(Card::Visa1111), start()).unwrap().next;
    let ten_minutes = Duration::from_secs(600);
    let day = start().plus(DAY);
    for (asked_at, ends_at, reason) in [
        (start(), start().plus(ten_minutes), SessionCancelReason::Declined),
        (day.minus(ten_minutes).minus(MILLISECOND), day.minus(MILLISECOND), SessionCancelReason::Declined),
        (day.minus(ten_minutes), day, SessionCancelReason::Expired),
        (day.minus(MILLISECOND), day, SessionCancelReason::Expired),
    ] {
        let asked = act(choosing.clone(), BuyerAct::StartMfa, buyer(Card::Visa1111), asked_at).unwrap().next;
        assert_eq!(asked.due_at(), ends_at);
        let AsOf::Present(before, _) = as_of(asked.clone(), ends_at.minus(MILLISECOND)) else { panic!() };
        assert_eq!(session_word(&before.state), "Open (at the bank)");
        let AsOf::Present(ended, events) = as_of(asked, ends_at) else { panic!() };
        assert_eq!(ended.state, CheckoutSessionState::Canceled { reason });
        assert_eq!((ended.updated_at, events.len()), (ends_at, 1));
    }
}

#[test]
fn whatever_a_buyer_does_at_the_bank_but_end_it_they_have_returned_from_there() {
    let open = session(ProductType::PayAndShip, paying(PaymentIntent::Authorize));
    let acting = |session: &CheckoutSession, what: BuyerAct| {
        act(session.clone(), what, buyer(Card::Jcb0000), start()).unwrap().next
    };
    let asked = acting(&acting(&open, BuyerAct::SelectCard(Card::Visa1111)), BuyerAct::StartMfa);
    for returned in [
        BuyerAct::PassMfa,
        BuyerAct::BeDeclined,
        BuyerAct::SelectCard(Card::Visa1111),
        BuyerAct::SelectAddress(address("1 Ditka Ave")),
        BuyerAct::SelectDeliveryOption("express".to_string()),
        BuyerAct::SignIn,
        BuyerAct::PlaceOrder,
    ] {
        assert_eq!(acting(&asked, returned.clone()).due_at(), open.expires_at(), "{returned:?}");
    }
}

#[test]
fn whoever_signs_in_has_chosen_nothing_of_what_another_buyer_did() {
    let open = session(ProductType::PayAndShip, paying(PaymentIntent::Authorize));
    let first =
        act(open, BuyerAct::SelectDeliveryOption("express".to_string()), buyer(Card::Visa1111), start());
    let second = act(first.unwrap().next, BuyerAct::SignIn, buyer(Card::Jcb0000), start()).unwrap().next;
    let CheckoutSessionState::Open { buyer: Some(signed_in), placed_at: None, .. } = second.state else {
        panic!()
    };
    assert_eq!(*signed_in, buyer(Card::Jcb0000));
}

/// Whether the bank must decide while the buyer waits, or may do so later.
const AUTHORIZATION_TIMINGS: [&str; 2] = ["at once", "may pend"];
/// The index of the second of [`AUTHORIZATION_TIMINGS`].
const MAY_PEND: usize = 1;

// Promise: A03
#[test]
fn every_intent_and_product_type_has_its_outcome() {
    let conditions = [
        Condition::any("intent", PaymentIntent::ALL.iter().map(|intent| intent.as_str())),
        Condition::any("product type", ProductType::ALL.iter().map(|product_type| product_type.as_str())),
        Condition::any("timing", AUTHORIZATION_TIMINGS),
        Condition::any("card", Card::ALL.iter().map(|card| card.last_digits())),
    ];
    let table = folded(&conditions, |[intent, product_type, timing, card]| {
        let can_handle_pending_authorization = timing == MAY_PEND;
        let payment =
            PaymentDetails { can_handle_pending_authorization, ..paying(PaymentIntent::ALL[intent]) };
        let session = placed(session(ProductType::ALL[product_type], payment), Card::ALL[card]);
        said(&run(&session, &agreeing(&session)))
    });
    insta::assert_snapshot!(table);
}

/// One change that makes a request break exactly one rule, and the refusal that names it.
fn breakers() -> Vec<(&'static str, FinalizeRefused, CheckoutSession, FinalizeRequest)> {
    use AddressKind::{Billing, Shipping};
    use FinalizeRefused as R;
    let full = || {
        let payment =
            PaymentDetails { total_order_amount: Some(usd(2_000)), ..paying(PaymentIntent::Authorize) };
        let with_data = CheckoutSession {
            supplementary_data: Some("{\"airline\":1}".to_string()),
            ..session(ProductType::PayAndShip, payment)
        };
        placed(with_data, Card::Visa1111)
    };
    let plain = || placed(session(ProductType::PayAndShip, paying(PaymentIntent::Authorize)), Card::Visa1111);
    let pay_only = || placed(session(ProductType::PayOnly, paying(PaymentIntent::Authorize)), Card::Visa1111);
    let canceled = plain().canceled(SessionCancelReason::BuyerCanceled, start()).next;
    let done = completed(run(&plain(), &agreeing(&plain()))).session;
    let open = session(ProductType::PayAndShip, paying(PaymentIntent::Authorize));
    let euros = Some(Money::from_minor(1_400, Currency::EUR));
    let mut cases = alloc::vec![
        ("5 canceled", R::SessionCanceled, canceled.clone(), agreeing(&canceled)),
        ("6 completed", R::SessionCompleted, done.clone(), agreeing(&done)),
        ("6 not placed", R::OrderNotPlaced, open.clone(), agreeing(&open)),
    ];
    let mut with = |name, refused, session: CheckoutSession, change: &dyn Fn(&mut FinalizeRequest)| {
        let mut request = agreeing(&session);
        change(&mut request);
        cases.push((name, refused, session, request));
    };
    with("7 intent", R::Missing(Attribute::PaymentIntent), full(), &|r| r.payment_intent = None);
    with("7 charge", R::Missing(Attribute::ChargeAmount), full(), &|r| r.charge_amount = None);
    with("7 shipping", R::Missing(Attribute::ShippingAddress), full(), &|r| r.shipping_address = None);
    with("7 billing", R::Missing(Attribute::BillingAddress), pay_only(), &|r| r.billing_address = None);
    with("7 total", R::Missing(Attribute::TotalOrderAmount), full(), &|r| r.total_order_amount = None);
    with("7 data", R::Missing(Attribute::SupplementaryData), full(), &|r| r.supplementary_data = None);
    with("8 capture and pending", R::PendingWithCapture, full(), &|r| {
        r.payment_intent = Some(PaymentIntent::AuthorizeWithCapture);
        r.can_handle_pending_authorization = Some(true);
    });
    with("8 intent", R::PaymentIntentDiffers, full(), &|r| r.payment_intent = Some(PaymentIntent::Confirm));
    with("8 pending", R::PendingDiffers, full(), &|r| r.can_handle_pending_authorization = Some(true));
    with("9 charge", R::CurrencyDiffers(Attribute::ChargeAmount), full(), &|r| r.charge_amount = euros);
    with("9 total", R::CurrencyDiffers(Attribute::TotalOrderAmount), full(), &|r| {
        r.total_order_amount = euros;
    });
    with("10 charge, one cent over", R::AmountDiffers(Attribute::ChargeAmount), full(), &|r| {
        r.charge_amount = Some(usd(1_401));
    });
    with("10 charge, one cent under", R::AmountDiffers(Attribute::ChargeAmount), full(), &|r| {
        r.charge_amount = Some(usd(1_399));
    });
    with("10 total", R::AmountDiffers(Attribute::TotalOrderAmount), full(), &|r| {
        r.total_order_amount = Some(usd(2_001));
    });
    with("10 no total", R::Unexpected(Attribute::TotalOrderAmount), plain(), &|r| {
        r.total_order_amount = Some(usd(1_400));
    });
    with("11 data", R::SupplementaryDataDiffers, full(), &|r| {
        r.supplementary_data = Some("{\"airline\": 1}".to_string());
    });
    with("11 no data", R::Unexpected(Attribute::SupplementaryData), plain(), &|r| {
        r.supplementary_data = Some(String::new());
    });
    let line1 = AddressMember::AddressLine1;
    with("12 shipping", R::AddressDiffers(Shipping, line1), full(), &|r| {
        r.shipping_address = Some(address("10 ditka ave"));
    });
    with("12 billing", R::AddressDiffers(Billing, line1), pay_only(), &|r| {
        r.billing_address = Some(address("10 Ditka Ave"));
    });
    with("12 the other address", R::AddressDiffers(Billing, line1), full(), &|r| {
        r.billing_address = Some(address("10 Ditka Ave"));
    });
    let mut unshared = buyer(Card::Visa1111);
    unshared.billing_address = None;
    let without = session(ProductType::PayOnly, paying(PaymentIntent::Authorize));
    let without = act(without, BuyerAct::PlaceOrder, unshared, start()).unwrap().next;
    with("12 not shared", R::AddressNotShared(Billing), without, &|_| {});
    for card in [Card::Pending0701, Card::Pending4354] {
        let session = placed(session(ProductType::PayAndShip, paying(PaymentIntent::Authorize)), card);
        with("13 cannot pend", R::SimulationDoesNotFit, session, &|_| {});
    }
    cases
}

// Promise: A02
#[test]
fn a_request_that_breaks_one_rule_is_refused_for_it_and_a_right_one_still_pays() {
    for (name, expected, session, request) in breakers() {
        assert_eq!(run(&session, &request), Err(expected), "{name}");
        let again = run(&session, &agreeing(&session));
        match expected {
            FinalizeRefused::SessionCanceled
            | FinalizeRefused::SessionCompleted
            | FinalizeRefused::OrderNotPlaced
            | FinalizeRefused::AddressNotShared(_)
            | FinalizeRefused::SimulationDoesNotFit => assert_eq!(again, Err(expected), "{name}"),
            _ => assert!(matches!(again, Ok(FinalizeOutcome::Completed(_))), "{name}"),
        }
    }
}

/// The rule of the refusal, without its detail.
fn rule(refused: &FinalizeRefused) -> &'static str {
    match refused {
        FinalizeRefused::SessionCanceled => "SessionCanceled",
        FinalizeRefused::SessionCompleted => "SessionCompleted",
        FinalizeRefused::OrderNotPlaced => "OrderNotPlaced",
        FinalizeRefused::Constrained(_) => "Constrained",
        FinalizeRefused::Missing(_) => "Missing",
        FinalizeRefused::PendingWithCapture => "PendingWithCapture",
        FinalizeRefused::PaymentIntentDiffers => "PaymentIntentDiffers",
        FinalizeRefused::PendingDiffers => "PendingDiffers",
        FinalizeRefused::CurrencyDiffers(_) => "CurrencyDiffers",
        FinalizeRefused::AmountDiffers(_) => "AmountDiffers",
        FinalizeRefused::Unexpected(_) => "Unexpected",
        FinalizeRefused::SupplementaryDataDiffers => "SupplementaryDataDiffers",
        FinalizeRefused::AddressDiffers(_, _) => "AddressDiffers",
        FinalizeRefused::AddressNotShared(_) => "AddressNotShared",
        FinalizeRefused::SimulationDoesNotFit => "SimulationDoesNotFit",
        FinalizeRefused::Unbalanced(_) => "Unbalanced",
    }
}

#[test]
fn every_rule_of_finalize_is_reached() {
    let reached: BTreeSet<_> = breakers().iter().map(|(_, refused, _, _)| rule(refused)).collect();
    // `Constrained` belongs to Complete only: a session of the button cannot be constrained.
    assert_eq!(reached.len(), 14, "{reached:?}");
}

#[test]
fn a_request_that_breaks_two_rules_is_refused_for_the_first() {
    let full = || {
        let payment =
            PaymentDetails { total_order_amount: Some(usd(2_000)), ..paying(PaymentIntent::Authorize) };
        placed(session(ProductType::PayAndShip, payment), Card::Pending0701)
    };
    type Break = fn(&mut FinalizeRequest);
    let rungs: [(&str, Break); 6] = [
        ("Missing", |r| r.shipping_address = None),
        ("PaymentIntentDiffers", |r| r.payment_intent = Some(PaymentIntent::Confirm)),
        ("CurrencyDiffers", |r| r.total_order_amount = Some(Money::from_minor(2_000, Currency::EUR))),
        ("AmountDiffers", |r| r.charge_amount = Some(usd(1))),
        ("Unexpected", |r| r.supplementary_data = Some("x".to_string())),
        ("AddressDiffers", |r| {
            if let Some(address) = &mut r.shipping_address {
                address.city = Some("Chicago".to_string());
            }
        }),
    ];
    for first in 0..rungs.len() {
        let session = full();
        let mut request = agreeing(&session);
        for (_, breaks) in &rungs[first..] {
            breaks(&mut request);
        }
        let refused = run(&session, &request).unwrap_err();
        assert_eq!(rule(&refused), rungs[first].0);
    }
    let session = full();
    assert_eq!(run(&session, &agreeing(&session)), Err(FinalizeRefused::SimulationDoesNotFit));
}

#[test]
fn amounts_match_as_values_and_addresses_as_the_flag_says() {
    let plain = placed(session(ProductType::PayAndShip, paying(PaymentIntent::Confirm)), Card::Visa1111);
    for text in ["14", "14.0", "14.00"] {
        let charge_amount = Money::parse(text, Currency::USD).ok();
        let request = FinalizeRequest { charge_amount, ..agreeing(&plain) };
        assert!(matches!(run(&plain, &request), Ok(FinalizeOutcome::Completed(_))), "{text}");
    }
    let blanks = FinalizeRequest { shipping_address: Some(address(" 10  Ditka Ave")), ..agreeing(&plain) };
    let with = |address_match, unshared_address| FinalizeRules {
        address_match,
        unshared_address,
        ..FinalizeRules::default()
    };
    let canonical = with(AddressMatch::Canonical, UnsharedAddress::Ignored);
    let exact = with(AddressMatch::Exact, UnsharedAddress::Ignored);
    let under =
        |rules: &FinalizeRules, session, request| finalize(session, request, None, rules, ids(), start());
    assert!(under(&canonical, &plain, &blanks).is_ok());
    let line1 = AddressMember::AddressLine1;
    assert_eq!(
        under(&exact, &plain, &blanks),
        Err(FinalizeRefused::AddressDiffers(AddressKind::Shipping, line1))
    );
    let mut shares_no_billing = buyer(Card::Visa1111);
    shares_no_billing.billing_address = None;
    let open = session(ProductType::PayAndShip, paying(PaymentIntent::Confirm));
    let unshared = act(open, BuyerAct::PlaceOrder, shares_no_billing, start()).unwrap().next;
    let extra = FinalizeRequest { billing_address: Some(address("anything")), ..agreeing(&unshared) };
    assert!(under(&canonical, &unshared, &extra).is_ok());
    assert_eq!(
        under(&with(AddressMatch::Canonical, UnsharedAddress::Refused), &unshared, &extra),
        Err(FinalizeRefused::AddressNotShared(AddressKind::Billing))
    );
}

#[test]
fn a_completed_session_is_refused_or_answered_again_as_the_flag_says() {
    let session = placed(session(ProductType::PayOnly, paying(PaymentIntent::Confirm)), Card::Visa1111);
    let done = completed(run(&session, &agreeing(&session))).session;
    assert_eq!(run(&done, &agreeing(&done)), Err(FinalizeRefused::SessionCompleted));
    let rules = FinalizeRules { replay: FinalizeReplay::SameAnswer, ..FinalizeRules::default() };
    assert_eq!(finalize(&done, &agreeing(&done), None, &rules, ids(), start()), Ok(FinalizeOutcome::Again));
}

#[test]
fn the_checks_can_be_made_in_the_other_order() {
    let rules = FinalizeRules { check_order: CheckOrder::AttributesFirst, ..FinalizeRules::default() };
    let session = placed(session(ProductType::PayAndShip, paying(PaymentIntent::Confirm)), Card::Visa1111);
    let canceled = session.clone().canceled(SessionCancelReason::Expired, start()).next;
    let wrong = FinalizeRequest { charge_amount: Some(usd(1)), ..agreeing(&session) };
    let under = |session: &CheckoutSession, request: &FinalizeRequest| {
        finalize(session, request, None, &rules, ids(), start())
    };
    assert_eq!(under(&canceled, &wrong), Err(FinalizeRefused::AmountDiffers(Attribute::ChargeAmount)));
    assert_eq!(run(&canceled, &wrong), Err(FinalizeRefused::SessionCanceled));
    assert_eq!(under(&canceled, &agreeing(&session)), Err(FinalizeRefused::SessionCanceled));
    assert!(matches!(under(&session, &agreeing(&session)), Ok(FinalizeOutcome::Completed(_))));
}

/// Every code, and none, with every card, whether or not the session can wait; by Finalize and by Complete.
// Promise: A16
#[test]
fn a_simulation_code_overrides_the_card() {
    let codes: Vec<_> = SimulationCode::ALL.iter().copied().map(Some).chain([None]).collect();
    let conditions = [
        Condition::any("code", codes.iter().map(|code| code.map_or("no code", SimulationCode::as_str))),
        Condition::any("timing", AUTHORIZATION_TIMINGS),
        Condition::any("card", Card::ALL.iter().map(|card| card.last_digits())),
    ];
    let table = folded(&conditions, |[code, timing, card]| {
        let (code, card) = (codes[code], Card::ALL[card]);
        let can_handle_pending_authorization = timing == MAY_PEND;
        let payment = PaymentDetails { can_handle_pending_authorization, ..paying(PaymentIntent::Authorize) };
        let session = placed(session(ProductType::PayAndShip, payment), card);
        let rules = FinalizeRules::default();
        let finalized = finalize(&session, &agreeing(&session), code, &rules, ids(), start());
        let amounts = CompleteRequest {
            charge_amount: session.payment.charge_amount,
            total_order_amount: session.payment.total_order_amount,
        };
        let completed = complete(&session, &amounts, code, &rules, ids(), start());
        assert_eq!(said(&finalized), said(&completed), "{code:?} {card:?}");
        said(&finalized)
    });
    insta::assert_snapshot!(table);
}

#[test]
fn complete_takes_the_amounts_alone_and_demands_that_nothing_is_missing() {
    let payment = PaymentDetails { total_order_amount: Some(usd(2_000)), ..paying(PaymentIntent::Authorize) };
    let session = placed(session(ProductType::PayAndShip, payment), Card::Visa1111);
    let (charge, total) = (Some(usd(1_400)), Some(usd(2_000)));
    let run = |session: &CheckoutSession, charge_amount, total_order_amount| {
        let request = CompleteRequest { charge_amount, total_order_amount };
        complete(session, &request, None, &FinalizeRules::default(), ids(), start())
    };
    assert!(matches!(run(&session, charge, total), Ok(FinalizeOutcome::Completed(_))));
    for (charge_amount, total_order_amount, refused) in [
        (None, total, FinalizeRefused::Missing(Attribute::ChargeAmount)),
        (charge, None, FinalizeRefused::Missing(Attribute::TotalOrderAmount)),
        (Some(usd(1_401)), total, FinalizeRefused::AmountDiffers(Attribute::ChargeAmount)),
        (charge, Some(usd(2_001)), FinalizeRefused::AmountDiffers(Attribute::TotalOrderAmount)),
    ] {
        assert_eq!(run(&session, charge_amount, total_order_amount), Err(refused));
    }
    // A redirecting session whose result URL was taken away after the order was placed.
    let redirecting = CheckoutSession { flow: Flow::Redirect, ..session };
    assert!(matches!(run(&redirecting, charge, total), Err(FinalizeRefused::Constrained(_))));
}

#[test]
fn a_session_of_the_merchants_names_what_it_lacks() {
    let bare = CheckoutSession {
        flow: Flow::Redirect,
        ..session(ProductType::PayAndShip, PaymentDetails::default())
    };
    let ids = |session: &CheckoutSession| {
        session.constraints().into_iter().map(|constraint| constraint.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(
        ids(&bare),
        ["BuyerNotAssociated", "ChargeAmountNotSet", "CheckoutResultReturnUrlNotSet", "PaymentIntentNotSet"]
    );
    assert!(act(bare.clone(), BuyerAct::PlaceOrder, buyer(Card::Visa1111), start()).is_err());
    let brought = SessionUpdate {
        payment: PaymentDetailsUpdate {
            payment_intent: Some(PaymentIntent::Confirm),
            charge_amount: Some(usd(1_400)),
            ..PaymentDetailsUpdate::default()
        },
        web_checkout: WebCheckoutDetails {
            checkout_result_return_url: Some("https://shop.example/result".to_string()),
            ..WebCheckoutDetails::default()
        },
        ..SessionUpdate::default()
    };
    let updated = update(bare, brought, start()).unwrap().next;
    assert_eq!(ids(&updated), ["BuyerNotAssociated"]);
    let placed = placed(updated, Card::Visa1111);
    assert!(placed.constraints().is_empty());
    assert_eq!(session_word(&placed.state), "Open (order placed)");
}

// Promise: A15
#[test]
fn the_payment_parts_rules_are_each_reached_at_create_and_at_update() {
    use PaymentDetailsRefused as R;
    let european = |payment| CheckoutSession {
        // Of the regions, the one whose accounts have several currencies.
        region: Region::Europe,
        ..session(ProductType::PayAndShip, payment)
    };
    let base = paying(PaymentIntent::Authorize);
    let over = Currency::USD.maximum().checked_add(usd(1));
    let cases = [
        (
            PaymentDetails {
                can_handle_pending_authorization: true,
                ..paying(PaymentIntent::AuthorizeWithCapture)
            },
            R::PendingWithCapture,
        ),
        (
            PaymentDetails { soft_descriptor: Some("SHOP".to_string()), ..base.clone() },
            R::SoftDescriptorWithoutCapture,
        ),
        (
            PaymentDetails { charge_amount: Some(usd(0)), ..base.clone() },
            R::NothingToCharge("paymentDetails.chargeAmount"),
        ),
        (
            PaymentDetails { charge_amount: over, ..base.clone() },
            R::AboveMaximum("paymentDetails.chargeAmount"),
        ),
        (
            PaymentDetails { total_order_amount: Some(Money::from_minor(1, Currency::JPY)), ..base.clone() },
            R::TotalInAnotherCurrency,
        ),
        (PaymentDetails { total_order_amount: Some(usd(1_399)), ..base.clone() }, R::TotalBelowCharge),
    ];
    for (payment, refused) in cases {
        assert_eq!(create(european(payment.clone())).unwrap_err(), refused);
        let open = european(PaymentDetails::default());
        let brought = SessionUpdate {
            payment: PaymentDetailsUpdate {
                payment_intent: payment.payment_intent,
                can_handle_pending_authorization: Some(payment.can_handle_pending_authorization),
                charge_amount: payment.charge_amount,
                total_order_amount: payment.total_order_amount,
                soft_descriptor: payment.soft_descriptor,
                ..PaymentDetailsUpdate::default()
            },
            ..SessionUpdate::default()
        };
        let updated = update(open, brought, start());
        assert_eq!(updated.unwrap_err(), crate::provider::checkout_session::SessionRefused::Payment(refused));
    }
    let most = PaymentDetails { charge_amount: Some(Currency::USD.maximum()), ..base };
    assert!(create(european(most)).is_ok());
}

// Promise: A15
#[test]
fn a_session_is_in_a_currency_of_its_region() {
    for currency in Currency::ALL {
        let amount = Some(Money::from_minor(100, *currency));
        let of_region =
            |region, payment| CheckoutSession { region, ..session(ProductType::PayOnly, payment) };
        let charged = PaymentDetails { charge_amount: amount, ..PaymentDetails::default() };
        let split = PaymentDetails { total_order_amount: amount, ..PaymentDetails::default() };
        let shown = PaymentDetails { presentment_currency: Some(*currency), ..PaymentDetails::default() };
        for (region, is_paid) in [
            (Region::NorthAmerica, *currency == Currency::USD),
            (Region::Japan, *currency == Currency::JPY),
            (Region::Europe, true),
        ] {
            for (member, payment) in [
                ("paymentDetails.chargeAmount", &charged),
                ("paymentDetails.totalOrderAmount", &split),
                ("paymentDetails.presentmentCurrency", &shown),
            ] {
                let created = create(of_region(region, payment.clone())).map(|_| ());
                let expected = if is_paid { Ok(()) } else { Err(PaymentDetailsRefused::NotOfRegion(member)) };
                assert_eq!(created, expected, "{currency} in {region:?}");
            }
        }
    }
}

/// A permission with its charge, as Finalize leaves them.
fn paid(intent: PaymentIntent, card: Card, total_order_amount: Option<Money>) -> Payment {
    let can_handle_pending_authorization = intent == PaymentIntent::Authorize;
    let payment = PaymentDetails { can_handle_pending_authorization, total_order_amount, ..paying(intent) };
    let session = placed(session(ProductType::PayAndShip, payment), card);
    let CompletedCheckout { permission, charge, .. } = completed(run(&session, &agreeing(&session)));
    Payment { permission, charges: charge.into_iter().collect() }
}

fn payment_row(payment: &Payment) -> String {
    let Payment { permission, charges } = payment;
    let charge = charges.first().map_or("no charge", charge_word);
    let buyer = if permission.buyer.is_some() { "buyer" } else { "no buyer" };
    let state = permission_word(&permission.state);
    format!("{charge:<22} {state:<36} balance {:<10} {buyer}", permission.balance().amount())
}

// Promise: A04
#[test]
fn every_permission_and_charge_before_at_and_after_each_deadline() {
    let kinds = [
        ("Confirm", PaymentIntent::Confirm, Card::Visa1111, None),
        ("Authorize", PaymentIntent::Authorize, Card::Visa1111, None),
        ("Authorize a part", PaymentIntent::Authorize, Card::Visa1111, Some(usd(2_000))),
        ("pends and pays", PaymentIntent::Authorize, Card::Pending0701, None),
        ("pends and is declined", PaymentIntent::Authorize, Card::Pending4354, None),
        ("Capture", PaymentIntent::AuthorizeWithCapture, Card::Visa1111, None),
        ("Capture a part", PaymentIntent::AuthorizeWithCapture, Card::Visa1111, Some(usd(2_000))),
    ];
    let instants = around(&[
        ("30 s", Duration::from_secs(30)),
        ("2 d", DAY.saturating_mul(2)),
        ("2 d 30 s", DAY.saturating_mul(2).saturating_add(Duration::from_secs(30))),
        ("30 d", DAY.saturating_mul(30)),
        ("180 d", DAY.saturating_mul(180)),
    ]);
    let conditions = [
        Condition::any("payment", kinds.iter().map(|(kind, ..)| kind)),
        Condition::instants(instants.iter().map(|(name, _)| name)),
    ];
    let table = folded(&conditions, |[kind, instant]| {
        let (_, intent, card, total) = kinds[kind];
        let mut payment = paid(intent, card, total);
        payment.carry_to(instants[instant].1, Profile::Sandbox).unwrap();
        payment_row(&payment)
    });
    insta::assert_snapshot!(table);
}

#[test]
fn the_profile_decides_when_an_authorization_lapses() {
    for (profile, days) in [(Profile::Sandbox, 2), (Profile::Live, 30)] {
        let session =
            placed(session(ProductType::PayAndShip, paying(PaymentIntent::Authorize)), Card::Visa1111);
        let rules = FinalizeRules { profile, ..FinalizeRules::default() };
        let result = finalize(&session, &agreeing(&session), None, &rules, ids(), start());
        let CompletedCheckout { permission, charge, .. } = completed(result);
        let mut payment = Payment { permission, charges: charge.into_iter().collect() };
        let lapses = start().plus(DAY.saturating_mul(days));
        payment.carry_to(lapses.minus(MILLISECOND), profile).unwrap();
        assert_eq!(charge_word(&payment.charges[0]), "Authorized");
        payment.carry_to(lapses, profile).unwrap();
        assert_eq!(charge_word(&payment.charges[0]), "ExpiredUnused");
    }
}

#[test]
fn an_extended_permission_lives_for_13_calendar_months() {
    let payment = PaymentDetails { extend_expiration: true, ..paying(PaymentIntent::Confirm) };
    let session = placed(session(ProductType::PayAndShip, payment), Card::Visa1111);
    let permission = completed(run(&session, &agreeing(&session))).permission;
    assert_eq!(permission.expires_at.to_string(), "20271224T120000Z");
}

// Promise: A21
#[test]
fn one_jump_of_the_clock_and_many_small_ones_lead_to_the_same() {
    for (intent, card) in [
        (PaymentIntent::Authorize, Card::Pending0701),
        (PaymentIntent::Authorize, Card::Pending4354),
        (PaymentIntent::Confirm, Card::Visa1111),
        (PaymentIntent::AuthorizeWithCapture, Card::Visa1111),
    ] {
        let (mut jumped, mut walked) = (paid(intent, card, None), paid(intent, card, None));
        let end = start().plus(DAY.saturating_mul(200));
        let at_once = jumped.carry_to(end, Profile::Sandbox).unwrap();
        let mut in_steps: Vec<Event> = Vec::new();
        let mut now = start();
        while now < end {
            now = now.plus(HOUR.saturating_mul(7)).min(end);
            in_steps.extend(walked.carry_to(now, Profile::Sandbox).unwrap());
        }
        assert_eq!(jumped, walked);
        assert_eq!(at_once, in_steps);
        assert!(at_once.windows(2).all(|pair| pair[0].at <= pair[1].at), "{at_once:?}");
        assert_eq!(jumped.due_at(), None);
    }
}

#[test]
fn notes_are_updated_by_a_success_and_nothing_else_of_the_session_is() {
    let noted = CheckoutSession {
        merchant_metadata: MerchantMetadata {
            merchant_reference_id: Some("order 1".to_string()),
            note_to_buyer: Some("old".to_string()),
            ..MerchantMetadata::default()
        },
        ..session(ProductType::PayAndShip, paying(PaymentIntent::Confirm))
    };
    let session = placed(noted, Card::Visa1111);
    let notes = MerchantMetadata { note_to_buyer: Some("new".to_string()), ..MerchantMetadata::default() };
    let request = FinalizeRequest { merchant_metadata: Some(notes), ..agreeing(&session) };
    let CompletedCheckout { session: after, permission, .. } = completed(run(&session, &request));
    assert_eq!(after.merchant_metadata.merchant_reference_id.as_deref(), Some("order 1"));
    assert_eq!(after.merchant_metadata.note_to_buyer.as_deref(), Some("new"));
    assert_eq!(after.merchant_metadata, permission.merchant_metadata);
    assert_eq!(
        CheckoutSession {
            state: session.state.clone(),
            merchant_metadata: session.merchant_metadata.clone(),
            ..after
        },
        session
    );
}

#[test]
fn debug_prints_no_buyer_data() {
    let session = placed(session(ProductType::PayAndShip, paying(PaymentIntent::Confirm)), Card::Visa1111);
    let shown = format!("{session:?} {:?}", run(&session, &agreeing(&session)));
    for canary in ["Susie", "Ditka", "60602", "susie@"] {
        assert!(!shown.contains(canary), "{canary} in {shown}");
    }
}
