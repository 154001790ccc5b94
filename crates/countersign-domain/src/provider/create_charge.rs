//! Create Charge: the ladder of its checks, in order. The form of the body, and that the permission exists
//! and is the caller's, are checked earlier.
//!
//! | # | check | refused as |
//! |---|---|---|
//! | 5 | the permission is not Closed | [`CreateChargeRefused::PermissionClosed`] |
//! | 6 | and not NonChargeable | [`CreateChargeRefused::PermissionNonChargeable`] |
//! | 7 | `chargeAmount` is present | [`CreateChargeRefused::Missing`] |
//! | 8 | not `captureNow` together with pending authorization | [`CreateChargeRefused::PendingWithCapture`] |
//! | 8 | a soft descriptor is only allowed with `captureNow` | [`CreateChargeRefused::SoftDescriptorWithoutCapture`] |
//! | 9 | the currency is the permission's | [`CreateChargeRefused::CurrencyDiffers`] |
//! | 10 | more than zero | [`CreateChargeRefused::NothingToCharge`] |
//! | 11 | at most what Amazon charges in one payment | [`CreateChargeRefused::AboveMaximum`] |
//! | 12 | fewer than [`MAX_CHARGES`] charges | [`CreateChargeRefused::TooManyCharges`] |
//! | 13 | at most what is left | [`CreateChargeRefused::ExceedsBalance`] |
//! | 14 | the simulation fits | [`CreateChargeRefused::SimulationDoesNotFit`] |
//!
//! Amazon documents the rules but not their order: state before attributes and single attributes before
//! combinations, as in Finalize, is this project's choice (docs/compatibility.md).

use alloc::string::String;
use alloc::vec::Vec;

use super::buyer::CardBehaviour;
use super::charge::{Charge, ChargeState, PendingOutcome};
use super::charge_permission::ChargePermissionState;
use super::event::Event;
use super::ledger::LedgerImbalance;
use super::payment::Payment;
use super::profile::{PENDING_DECIDED_AFTER, Profile};
use super::reason::{ChargeDeclineReason, NonChargeableReason};
use crate::amazon_limits::MAX_CHARGES;
use crate::ids::ChargeId;
use crate::money::Money;
use crate::step::Step;
use crate::terms::MerchantMetadata;
use crate::time::Timestamp;
use crate::words::words;

words! {
    /// The simulation codes of Create Charge. The spelling of the two `Pending…` codes is this project's
    /// choice: Amazon's is not known (docs/compatibility.md).
    CreateChargeSimulation {
        /// Declined; trying again may work.
        SoftDeclined,
        /// Declined; the permission is NonChargeable until the buyer chooses another payment method.
        HardDeclined,
        /// Declined; the permission is closed.
        AmazonRejected,
        /// Declined because no answer came in time.
        TransactionTimedOut,
        /// With `captureNow`: the capture is asynchronous.
        CaptureInitiated,
        /// With `canHandlePendingAuthorization`: pending, then authorized.
        PendingAuthorized,
        /// With `canHandlePendingAuthorization`: pending, then declined.
        PendingDeclined,
    }
}

/// What the merchant requests with Create Charge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreateCharge {
    /// Required.
    pub charge_amount: Option<Money>,
    /// Whether to capture immediately.
    pub capture_now: bool,
    /// Whether the merchant can wait for the authorization.
    pub can_handle_pending_authorization: bool,
    /// At most 16 characters; only with `capture_now`.
    pub soft_descriptor: Option<String>,
    /// The merchant's notes.
    pub merchant_metadata: MerchantMetadata,
    /// A payment service provider's own reference.
    pub provider_reference_id: Option<String>,
    /// A solution provider's merchant id.
    pub platform_id: Option<String>,
}

/// Why a charge is refused, by the numbers of docs/compatibility.md, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CreateChargeRefused {
    /// 5: the permission is Closed.
    PermissionClosed,
    /// 6: it is NonChargeable: an open charge holds all that is left, or the last charge was declined and the
    /// buyer has not chosen another payment method.
    PermissionNonChargeable(NonChargeableReason),
    /// 7: `chargeAmount` is absent.
    Missing,
    /// 8: `captureNow` together with pending authorization.
    PendingWithCapture,
    /// 8: a soft descriptor without `captureNow`.
    SoftDescriptorWithoutCapture,
    /// 9: the currency is not the permission's.
    CurrencyDiffers,
    /// 10: the amount is zero.
    NothingToCharge,
    /// 11: more than Amazon charges in one payment.
    AboveMaximum,
    /// 12: the permission has had [`MAX_CHARGES`], declined ones not counted.
    TooManyCharges,
    /// 13: more than is left of the permission's limit.
    ExceedsBalance,
    /// 14: the simulation's prerequisites do not hold.
    SimulationDoesNotFit,
    /// Not a rule: the permission's accounts are broken.
    Unbalanced(LedgerImbalance),
}

/// The result of Create Charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateChargeOutcome {
    /// The charge exists: it is the last of the payment's charges.
    Created(Step<Payment, Event>),
    /// The bank or Amazon declined it. There is no charge; the permission may have changed, and the answer is
    /// 422 with this reason.
    Declined(ChargeDeclineReason, Step<Payment, Event>),
}

/// Creates a charge under a permission, as of now.
///
/// # Errors
/// The first check that fails; then nothing is changed.
pub fn create_charge(
    payment: &Payment,
    request: CreateCharge,
    simulation: Option<CreateChargeSimulation>,
    id: ChargeId,
    profile: Profile,
    now: Timestamp,
) -> Result<CreateChargeOutcome, CreateChargeRefused> {
    use CreateChargeRefused as Refused;
    let permission = &payment.permission;
    match permission.state {
        ChargePermissionState::Closed { .. } => return Err(Refused::PermissionClosed),
        ChargePermissionState::NonChargeable { reason } => {
            return Err(Refused::PermissionNonChargeable(reason));
        }
        ChargePermissionState::Chargeable => {}
    }
    let amount = request.charge_amount.ok_or(Refused::Missing)?;
    if request.capture_now && request.can_handle_pending_authorization {
        return Err(Refused::PendingWithCapture);
    }
    if request.soft_descriptor.is_some() && !request.capture_now {
        return Err(Refused::SoftDescriptorWithoutCapture);
    }
    if amount.currency() != permission.limit.currency() {
        return Err(Refused::CurrencyDiffers);
    }
    if amount.is_zero() {
        return Err(Refused::NothingToCharge);
    }
    if amount.minor() > amount.currency().maximum().minor() {
        return Err(Refused::AboveMaximum);
    }
    if permission.charge_count >= MAX_CHARGES {
        return Err(Refused::TooManyCharges);
    }
    if amount.minor() > permission.balance().minor() {
        return Err(Refused::ExceedsBalance);
    }
    let answer = bank_answer(payment, &request, amount, simulation, profile, now)?;
    // No rule follows below this line.
    let mut next = payment.clone();
    let state = match answer {
        Ok(state) => state,
        Err(reason) => {
            let events = next.declined(reason, now);
            return Ok(CreateChargeOutcome::Declined(reason, Step { next, events }));
        }
    };
    let charge = Charge {
        id,
        charge_permission_id: permission.id.clone(),
        amount,
        can_handle_pending_authorization: request.can_handle_pending_authorization,
        capture_now: request.capture_now,
        soft_descriptor: request.soft_descriptor,
        merchant_metadata: request.merchant_metadata,
        provider_reference_id: request.provider_reference_id,
        platform_id: request.platform_id,
        created_at: now,
        updated_at: now,
        authorized_at: now,
        expires_at: profile.authorization_expires_at(now),
        state,
        refunds: Vec::new(),
    };
    let events = next.begin(charge, now).map_err(Refused::Unbalanced)?;
    Ok(CreateChargeOutcome::Created(Step { next, events }))
}

/// The result of a charge with this card, or of the simulation in its place: the charge's first state, or why
/// it is declined.
fn bank_answer(
    payment: &Payment,
    request: &CreateCharge,
    amount: Money,
    simulation: Option<CreateChargeSimulation>,
    profile: Profile,
    now: Timestamp,
) -> Result<Result<ChargeState, ChargeDeclineReason>, CreateChargeRefused> {
    use CreateChargeSimulation as Code;
    let may_pend = request.can_handle_pending_authorization;
    let pending = |outcome| ChargeState::AuthorizationInitiated {
        outcome,
        decided_at: now.plus(PENDING_DECIDED_AFTER),
    };
    let hard = PendingOutcome::Declined(ChargeDeclineReason::HardDeclined);
    let fits = |fits: bool, state: ChargeState| {
        if fits { Ok(Ok(state)) } else { Err(CreateChargeRefused::SimulationDoesNotFit) }
    };
    let card = payment.permission.buyer.as_ref().map(|buyer| buyer.card.behaviour());
    match (simulation, card) {
        (Some(Code::SoftDeclined), _) => Ok(Err(ChargeDeclineReason::SoftDeclined)),
        (Some(Code::HardDeclined), _) => Ok(Err(ChargeDeclineReason::HardDeclined)),
        (Some(Code::AmazonRejected), _) => Ok(Err(ChargeDeclineReason::AmazonRejected)),
        (Some(Code::TransactionTimedOut), _) => Ok(Err(ChargeDeclineReason::TransactionTimedOut)),
        (Some(Code::CaptureInitiated), _) => {
            let decided_at = now.plus(profile.settled_after());
            let state = ChargeState::CaptureInitiated { capturing: amount, decline: None, decided_at };
            fits(request.capture_now, state)
        }
        (Some(Code::PendingAuthorized), _) => fits(may_pend, pending(PendingOutcome::Authorized)),
        (Some(Code::PendingDeclined), _) => fits(may_pend, pending(hard)),
        (None, Some(CardBehaviour::PendsThenPays)) if may_pend => Ok(Ok(pending(PendingOutcome::Authorized))),
        (None, Some(CardBehaviour::PendsThenIsDeclined)) if may_pend => Ok(Ok(pending(hard))),
        (None, _) if request.capture_now => Ok(Ok(ChargeState::Captured { captured: amount })),
        (None, _) => Ok(Ok(ChargeState::Authorized)),
    }
}
