//! Finalize Checkout Session, and Complete, which it replaces: the ladder of checks, whose order is part of
//! the contract, and then the payment.
//!
//! The checks of the signature, the body and the idempotency key come before these and belong to the server;
//! the numbers here are those of docs/compatibility.md.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::buyer::{Buyer, CardBehaviour};
use super::charge::{Charge, ChargeDeclineReason, ChargeState, PendingOutcome};
use super::charge_permission::{ChargePermission, ChargePermissionState};
use super::checkout_session::{
    CheckoutSession, CheckoutSessionState, Constraint, SessionCancelReason, SessionStep,
};
use super::event::{Event, EventKind};
use super::ledger::{Balances, LedgerImbalance};
use super::payment::Payment;
use super::profile::{PENDING_DECIDED_AFTER, Profile};
use crate::address::{Address, AddressKind, AddressMatch, AddressMember};
use crate::amazon_limits::{EXTENDED_PERMISSION_MONTHS, PERMISSION_LIFETIME};
use crate::ids::{ChargeId, ChargePermissionId};
use crate::money::Money;
use crate::terms::{MerchantMetadata, PaymentIntent, ProductType};
use crate::time::Timestamp;
use crate::words::words;

/// What the merchant sends: the payment-critical attributes as the merchant recorded them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FinalizeRequest {
    /// Required.
    pub payment_intent: Option<PaymentIntent>,
    /// Required.
    pub charge_amount: Option<Money>,
    /// Required if the session has one.
    pub total_order_amount: Option<Money>,
    /// Optional.
    pub can_handle_pending_authorization: Option<bool>,
    /// Required for PayAndShip.
    pub shipping_address: Option<Address>,
    /// Required for PayOnly.
    pub billing_address: Option<Address>,
    /// Required if the session has it.
    pub supplementary_data: Option<String>,
    /// Updates the session's notes on success.
    pub merchant_metadata: Option<MerchantMetadata>,
}

/// What the merchant sends to Complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompleteRequest {
    /// Required.
    pub charge_amount: Option<Money>,
    /// Required if the session has one.
    pub total_order_amount: Option<Money>,
}

/// The chosen settings of the rules that Amazon leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FinalizeRules {
    /// How addresses are compared.
    pub address_match: AddressMatch,
    /// What happens to an address that the product type does not require and that Amazon has not shared.
    pub unshared_address: UnsharedAddress,
    /// How Finalize is answered on a Completed session.
    pub replay: FinalizeReplay,
    /// Whether the session's state is checked before the request's attributes.
    pub check_order: CheckOrder,
    /// The deadlines.
    pub profile: Profile,
}

/// How an address is treated if Amazon shared none to compare it with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnsharedAddress {
    /// It is ignored.
    #[default]
    Ignored,
    /// It is refused.
    Refused,
}

/// How a Finalize on a Completed session is answered if its key is new to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FinalizeReplay {
    /// 422 `InvalidCheckoutSessionStatus`.
    #[default]
    Refuse,
    /// The session as it is, as if it had been completed now.
    SameAnswer,
}

/// Which checks come first. Amazon's own order is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckOrder {
    /// The session's state (5, 6), then the attributes (7 to 12).
    #[default]
    StateFirst,
    /// The attributes, then the state.
    AttributesFirst,
}

words! {
    /// A member of the request.
    Attribute {
        /// `paymentIntent`.
        PaymentIntent = "paymentIntent",
        /// `chargeAmount`.
        ChargeAmount = "chargeAmount",
        /// `totalOrderAmount`.
        TotalOrderAmount = "totalOrderAmount",
        /// `canHandlePendingAuthorization`.
        CanHandlePendingAuthorization = "canHandlePendingAuthorization",
        /// `supplementaryData`.
        SupplementaryData = "supplementaryData",
        /// `shippingAddress`.
        ShippingAddress = "shippingAddress",
        /// `billingAddress`.
        BillingAddress = "billingAddress",
    }
}

impl From<AddressKind> for Attribute {
    fn from(kind: AddressKind) -> Self {
        match kind {
            AddressKind::Shipping => Self::ShippingAddress,
            AddressKind::Billing => Self::BillingAddress,
        }
    }
}

/// Why the session stays as it was. One variant per rule; the numbers are those of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinalizeRefused {
    /// 5: it is Canceled.
    SessionCanceled,
    /// 6: it is Completed.
    SessionCompleted,
    /// 6: the buyer has not placed the order yet.
    OrderNotPlaced,
    /// 6, Complete only: something is missing.
    Constrained(Constraint),
    /// 7: a required attribute is absent.
    Missing(Attribute),
    /// 8: AuthorizeWithCapture together with pending authorization.
    PendingWithCapture,
    /// 8: the intent is not the session's.
    PaymentIntentDiffers,
    /// 8: the pending flag is not the session's.
    PendingDiffers,
    /// 9: an amount's currency is not the session's.
    CurrencyDiffers(Attribute),
    /// 10: an amount is not the session's.
    AmountDiffers(Attribute),
    /// 10, 11: the session has no such attribute.
    Unexpected(Attribute),
    /// 11: it is not the session's, byte for byte.
    SupplementaryDataDiffers,
    /// 12: it is not the address that Amazon shared.
    AddressDiffers(AddressKind, AddressMember),
    /// 12: Amazon shared no such address.
    AddressNotShared(AddressKind),
    /// 13: the simulation's prerequisites do not hold.
    SimulationDoesNotFit,
    /// Not a rule: the session's own amounts do not form a valid permission.
    Unbalanced(LedgerImbalance),
}

words! {
    /// A simulation code of Complete and Finalize. It overrides the result of the card.
    SimulationCode {
        /// The buyer cancels.
        BuyerCanceled,
        /// Amazon cancels.
        AmazonCanceled,
        /// The payment is declined.
        Declined,
        /// The authorization is pending, and is then granted.
        AuthorizationInitiated,
    }
}

/// How the payment failed. Each of these failures cancels the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentFailure {
    /// The buyer or Amazon canceled.
    SessionCanceled,
    /// The payment was declined.
    HardDeclined,
}

/// The ids of what a success creates, drawn by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIds {
    /// The permission's id.
    pub charge_permission_id: ChargePermissionId,
    /// The charge's id, if there is a charge.
    pub charge_id: ChargeId,
}

/// The result of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinalizeOutcome {
    /// The payment intent was executed. 202 while the charge is AuthorizationInitiated, else 200.
    Completed(Box<CompletedCheckout>),
    /// The payment failed, and with it the session.
    Failed(PaymentFailure, Box<SessionStep>),
    /// The session had been Completed before, and is answered as it is ([`FinalizeReplay::SameAnswer`]).
    Again,
}

/// Everything that a success creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedCheckout {
    /// The session, Completed.
    pub session: CheckoutSession,
    /// The buyer, for a full answer; the session itself no longer has the buyer.
    pub buyer: Buyer,
    /// The permission.
    pub permission: ChargePermission,
    /// The charge, unless the intent is Confirm.
    pub charge: Option<Charge>,
    /// What happened, in causal order.
    pub events: Vec<Event>,
}

impl CompletedCheckout {
    /// Whether the bank has not decided yet: then the answer's status is 202.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        let state = self.charge.as_ref().map(|charge| &charge.state);
        matches!(state, Some(ChargeState::AuthorizationInitiated { .. }))
    }
}

/// Finalizes a session as of now. Check 4, that it exists and is the caller's, has already been done.
///
/// # Errors
/// The first broken rule of the ladder. The session stays as it was and, if its state allows it, can still be
/// finalized by a correct request.
pub fn finalize(
    session: &CheckoutSession,
    request: &FinalizeRequest,
    simulation: Option<SimulationCode>,
    rules: &FinalizeRules,
    ids: NewIds,
    now: Timestamp,
) -> Result<FinalizeOutcome, FinalizeRefused> {
    let completed = matches!(session.state, CheckoutSessionState::Completed { .. });
    if completed && rules.replay == FinalizeReplay::SameAnswer {
        return Ok(FinalizeOutcome::Again);
    }
    let buyer = match rules.check_order {
        CheckOrder::StateFirst => {
            let buyer = placed_order(session)?;
            attributes_agree(session, Some(buyer), request, rules)?;
            buyer
        }
        CheckOrder::AttributesFirst => {
            let buyer = match &session.state {
                CheckoutSessionState::Open { buyer, .. } => buyer.as_deref(),
                CheckoutSessionState::Completed { .. } | CheckoutSessionState::Canceled { .. } => None,
            };
            attributes_agree(session, buyer, request, rules)?;
            placed_order(session)?
        }
    };
    let Some((intent, amount)) = request.payment_intent.zip(request.charge_amount) else {
        return Err(FinalizeRefused::Missing(Attribute::PaymentIntent));
    };
    let notes = request.merchant_metadata.clone().unwrap_or_default();
    pay(session, buyer, (intent, amount), notes, simulation, rules.profile, ids, now)
}

/// Completes a session of the redirecting flow, as of now. Only the amounts are compared.
///
/// # Errors
/// As [`finalize`].
pub fn complete(
    session: &CheckoutSession,
    request: &CompleteRequest,
    simulation: Option<SimulationCode>,
    rules: &FinalizeRules,
    ids: NewIds,
    now: Timestamp,
) -> Result<FinalizeOutcome, FinalizeRefused> {
    let buyer = placed_order(session)?;
    if let Some(constraint) = session.constraints().into_iter().next() {
        return Err(FinalizeRefused::Constrained(constraint));
    }
    let Some(amount) = request.charge_amount else {
        return Err(FinalizeRefused::Missing(Attribute::ChargeAmount));
    };
    amounts_agree(session, amount, request.total_order_amount)?;
    let Some(intent) = session.payment.payment_intent else {
        return Err(FinalizeRefused::Constrained(Constraint::PaymentIntentNotSet));
    };
    let notes = MerchantMetadata::default();
    pay(session, buyer, (intent, amount), notes, simulation, rules.profile, ids, now)
}

/// Checks 5 and 6: the session waits to be finalized; returns its buyer.
fn placed_order(session: &CheckoutSession) -> Result<&Buyer, FinalizeRefused> {
    match &session.state {
        CheckoutSessionState::Canceled { .. } => Err(FinalizeRefused::SessionCanceled),
        CheckoutSessionState::Completed { .. } => Err(FinalizeRefused::SessionCompleted),
        CheckoutSessionState::Open { buyer: Some(buyer), placed_at: Some(_), .. } => Ok(buyer),
        CheckoutSessionState::Open { .. } => Err(FinalizeRefused::OrderNotPlaced),
    }
}

/// Checks 7 to 12.
fn attributes_agree(
    session: &CheckoutSession,
    buyer: Option<&Buyer>,
    request: &FinalizeRequest,
    rules: &FinalizeRules,
) -> Result<(), FinalizeRefused> {
    let required_address = match session.product_type {
        ProductType::PayAndShip => AddressKind::Shipping,
        ProductType::PayOnly => AddressKind::Billing,
    };
    let given = |kind: AddressKind| match kind {
        AddressKind::Shipping => request.shipping_address.as_ref(),
        AddressKind::Billing => request.billing_address.as_ref(),
    };
    // 7
    let intent = request.payment_intent.ok_or(FinalizeRefused::Missing(Attribute::PaymentIntent))?;
    let amount = request.charge_amount.ok_or(FinalizeRefused::Missing(Attribute::ChargeAmount))?;
    if given(required_address).is_none() {
        return Err(FinalizeRefused::Missing(required_address.into()));
    }
    if session.payment.total_order_amount.is_some() && request.total_order_amount.is_none() {
        return Err(FinalizeRefused::Missing(Attribute::TotalOrderAmount));
    }
    if session.supplementary_data.is_some() && request.supplementary_data.is_none() {
        return Err(FinalizeRefused::Missing(Attribute::SupplementaryData));
    }
    // 8
    let pending = request.can_handle_pending_authorization;
    if intent == PaymentIntent::AuthorizeWithCapture && pending == Some(true) {
        return Err(FinalizeRefused::PendingWithCapture);
    }
    if session.payment.payment_intent != Some(intent) {
        return Err(FinalizeRefused::PaymentIntentDiffers);
    }
    if pending.is_some_and(|pending| pending != session.payment.can_handle_pending_authorization) {
        return Err(FinalizeRefused::PendingDiffers);
    }
    // 9, 10
    amounts_agree(session, amount, request.total_order_amount)?;
    // 11
    if session.supplementary_data != request.supplementary_data {
        return Err(match session.supplementary_data {
            Some(_) => FinalizeRefused::SupplementaryDataDiffers,
            None => FinalizeRefused::Unexpected(Attribute::SupplementaryData),
        });
    }
    // 12
    let Some(buyer) = buyer else { return Ok(()) };
    for kind in [AddressKind::Shipping, AddressKind::Billing] {
        let shared = match kind {
            AddressKind::Shipping => buyer.shipping_address.as_ref(),
            AddressKind::Billing => buyer.billing_address.as_ref(),
        };
        match (given(kind), shared) {
            (None, _) => {}
            (Some(given), Some(shared)) => {
                if let Some(member) = given.difference(shared, rules.address_match) {
                    return Err(FinalizeRefused::AddressDiffers(kind, member));
                }
            }
            (Some(_), None) => {
                if kind == required_address || rules.unshared_address == UnsharedAddress::Refused {
                    return Err(FinalizeRefused::AddressNotShared(kind));
                }
            }
        }
    }
    Ok(())
}

/// Checks 9 and 10: the amount must match. Amounts are compared as values.
fn amounts_agree(
    session: &CheckoutSession,
    charge_amount: Money,
    total_order_amount: Option<Money>,
) -> Result<(), FinalizeRefused> {
    let expected_total = session.payment.total_order_amount;
    if expected_total.is_some() && total_order_amount.is_none() {
        return Err(FinalizeRefused::Missing(Attribute::TotalOrderAmount));
    }
    let currency = session.payment.charge_amount.map(Money::currency);
    for (attribute, amount) in
        [(Attribute::ChargeAmount, Some(charge_amount)), (Attribute::TotalOrderAmount, total_order_amount)]
    {
        if amount.is_some_and(|amount| Some(amount.currency()) != currency) {
            return Err(FinalizeRefused::CurrencyDiffers(attribute));
        }
    }
    if session.payment.charge_amount != Some(charge_amount) {
        return Err(FinalizeRefused::AmountDiffers(Attribute::ChargeAmount));
    }
    match (expected_total, total_order_amount) {
        (Some(expected), Some(given)) if expected != given => {
            Err(FinalizeRefused::AmountDiffers(Attribute::TotalOrderAmount))
        }
        (None, Some(_)) => Err(FinalizeRefused::Unexpected(Attribute::TotalOrderAmount)),
        (Some(_), Some(_)) | (_, None) => Ok(()),
    }
}

/// The bank's answer: it authorizes, or will decide later with this outcome, or it declines. After a decline
/// the payment has failed, and the session is Canceled.
type BankAnswer = Result<Option<PendingOutcome>, (PaymentFailure, SessionCancelReason)>;

/// Check 13: the result of a payment with this card, or of the simulation in its place.
fn bank_answer(
    session: &CheckoutSession,
    intent: PaymentIntent,
    buyer: &Buyer,
    simulation: Option<SimulationCode>,
) -> Result<BankAnswer, FinalizeRefused> {
    let may_pend = intent == PaymentIntent::Authorize && session.payment.can_handle_pending_authorization;
    let later = |outcome| {
        if may_pend { Ok(Ok(Some(outcome))) } else { Err(FinalizeRefused::SimulationDoesNotFit) }
    };
    let canceled = |reason| Err((PaymentFailure::SessionCanceled, reason));
    let declined = Err((PaymentFailure::HardDeclined, SessionCancelReason::Declined));
    match (simulation, buyer.card.behaviour()) {
        (Some(SimulationCode::BuyerCanceled), _) => Ok(canceled(SessionCancelReason::BuyerCanceled)),
        (Some(SimulationCode::AmazonCanceled), _) => Ok(canceled(SessionCancelReason::AmazonCanceled)),
        (Some(SimulationCode::Declined), _) => Ok(declined),
        (Some(SimulationCode::AuthorizationInitiated), _) => later(PendingOutcome::Authorized),
        (None, CardBehaviour::Pays) => Ok(Ok(None)),
        (None, CardBehaviour::BuyerCancels) => Ok(canceled(SessionCancelReason::BuyerCanceled)),
        (None, CardBehaviour::IsDeclined) => Ok(declined),
        (None, CardBehaviour::PendsThenPays) => later(PendingOutcome::Authorized),
        (None, CardBehaviour::PendsThenIsDeclined) => {
            later(PendingOutcome::Declined(ChargeDeclineReason::HardDeclined))
        }
    }
}

/// Executes the payment intent.
#[expect(clippy::too_many_arguments, reason = "one call from each of two ladders, with all they know")]
fn pay(
    session: &CheckoutSession,
    buyer: &Buyer,
    (intent, amount): (PaymentIntent, Money),
    notes: MerchantMetadata,
    simulation: Option<SimulationCode>,
    profile: Profile,
    ids: NewIds,
    now: Timestamp,
) -> Result<FinalizeOutcome, FinalizeRefused> {
    let answer = bank_answer(session, intent, buyer, simulation)?;
    // No rule follows below this line.
    let pending = match answer {
        Ok(pending) => pending,
        Err((failure, reason)) => {
            return Ok(FinalizeOutcome::Failed(failure, Box::new(session.clone().canceled(reason, now))));
        }
    };
    let NewIds { charge_permission_id, charge_id } = ids;
    let merchant_metadata = session.merchant_metadata.clone().updated(notes);
    let session = &CheckoutSession { merchant_metadata: merchant_metadata.clone(), ..session.clone() };
    let charge_state = match (intent, pending) {
        (PaymentIntent::Confirm, _) => None,
        (PaymentIntent::Authorize | PaymentIntent::AuthorizeWithCapture, Some(outcome)) => {
            let decided_at = now.plus(PENDING_DECIDED_AFTER);
            Some(ChargeState::AuthorizationInitiated { outcome, decided_at })
        }
        (PaymentIntent::Authorize, None) => Some(ChargeState::Authorized),
        (PaymentIntent::AuthorizeWithCapture, None) => Some(ChargeState::Captured { captured: amount }),
    };
    let charge = charge_state.map(|state| Charge {
        id: charge_id,
        charge_permission_id: charge_permission_id.clone(),
        amount,
        can_handle_pending_authorization: session.payment.can_handle_pending_authorization,
        capture_now: intent == PaymentIntent::AuthorizeWithCapture,
        soft_descriptor: session.payment.soft_descriptor.clone(),
        merchant_metadata: session.merchant_metadata.clone(),
        provider_reference_id: session.provider_reference_id.clone(),
        platform_id: session.platform_id.clone(),
        created_at: now,
        updated_at: now,
        authorized_at: now,
        expires_at: profile.authorization_expires_at(now),
        state,
        refunds: Vec::new(),
    });
    let limit = session.payment.total_order_amount.unwrap_or(amount);
    let permission = ChargePermission {
        id: charge_permission_id.clone(),
        checkout_session_id: session.id.clone(),
        owner: session.owner.clone(),
        limit,
        balances: Balances::with_limit(limit),
        charge_count: 0,
        allow_overcharge: session.payment.allow_overcharge,
        open_charges: Vec::new(),
        buyer: Some(Box::new(buyer.clone())),
        merchant_metadata,
        platform_id: session.platform_id.clone(),
        created_at: now,
        updated_at: now,
        expires_at: if session.payment.extend_expiration {
            now.plus_months(EXTENDED_PERMISSION_MONTHS)
        } else {
            now.plus(PERMISSION_LIFETIME)
        },
        state: ChargePermissionState::Chargeable,
    };
    let mut events = alloc::vec![
        Event::new(now, EventKind::CheckoutSessionCompleted),
        Event::new(now, EventKind::ChargePermissionCreated(charge_permission_id.clone())),
    ];
    let mut payment = Payment { permission, charges: Vec::new() };
    if let Some(charge) = charge {
        events.extend(payment.begin(charge, now).map_err(FinalizeRefused::Unbalanced)?);
    }
    let Payment { permission, charges } = payment;
    let charge = charges.into_iter().next();
    let completed = CheckoutSessionState::Completed {
        charge_permission_id,
        charge_id: charge.as_ref().map(|charge| charge.id.clone()),
    };
    let session = session.clone().moved(completed, now);
    Ok(FinalizeOutcome::Completed(Box::new(CompletedCheckout {
        session,
        buyer: buyer.clone(),
        permission,
        charge,
        events,
    })))
}
