//! The Charge: one authorization under a permission, and what became of it.
//!
//! ```text
//! AuthorizationInitiated ──decided──▶ Authorized ──capture────────▶ Captured ──refund──▶ (its refunds)
//!     │       └──────────▶ Declined      │  └──after 7 days──▶ CaptureInitiated ──decided──▶ Captured
//!     └──cancel──▶ Canceled ◀──cancel, 2 or 30 days──┘                └─────────────────▶ Declined
//! ```
//!
//! The checks of Create Charge and Capture Charge, in their order; the form of the body and that the
//! object exists and is the caller's come before:
//!
//! | # | Create Charge | refused as | Capture Charge | refused as |
//! |---|---|---|---|---|
//! | 1 | the permission is not Closed | `PermissionClosed` | the charge is Authorized | `NotAuthorized` |
//! | 2 | nor NonChargeable | `PermissionNonChargeable` | | |
//! | 3 | `chargeAmount` is present | `Missing` | `captureAmount` is present | `Missing` |
//! | 4 | not captureNow and pending at once | `PendingWithCapture` | | |
//! | 5 | a soft descriptor goes with captureNow | `SoftDescriptorWithoutCapture` | | |
//! | 6 | the currency is the permission's | `CurrencyDiffers` | the currency is the charge's | `CurrencyDiffers` |
//! | 7 | more than nothing | `NothingToCharge` | more than nothing | `NothingToCapture` |
//! | 8 | at most what Amazon charges at once | `AboveMaximum` | at most that | `AboveMaximum` |
//! | 9 | fewer than 25 charges | `TooManyCharges` | | |
//! | 10 | at most what is left | `ExceedsBalance` | at most what is authorized, or [`capturable`] where the session allowed more | `ExceedsAuthorizedAmount` |
//! | 11 | the simulation fits | `SimulationDoesNotFit` | with all other captures at most [`surplus`] more than the permission's limit | `ExceedsOvercharge` |
//!
//! Amazon documents the rules and not their order: state before attributes, one attribute before several,
//! as in Finalize, is this project's choice (docs/compatibility.md). Cancel Charge has one rule, that the
//! charge is AuthorizationInitiated or Authorized. A decline is no refusal: it is an outcome that is kept,
//! and that the permission feels.

use alloc::string::String;
use alloc::vec::Vec;

use super::buyer::CardBehaviour;
use super::charge_permission::{ChargePermissionState, NonChargeableReason};
use super::event::{Event, Happened};
use super::ledger::Unbalanced;
use super::payment::Payment;
use super::profile::{PENDING_DECIDED_AFTER, Profile};
use super::refund::{Refund, RefundState};
use crate::amazon_limits::{CAPTURE_GUARANTEED, MAX_CHARGES, ceiling, surplus};
use crate::ids::{ChargeId, ChargePermissionId};
use crate::money::Money;
use crate::step::Step;
use crate::terms::{MerchantMetadata, words};
use crate::time::Timestamp;

/// One payment under a Charge Permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Its id.
    pub id: ChargeId,
    /// The permission that it is made under.
    pub charge_permission_id: ChargePermissionId,
    /// What is to be charged.
    pub amount: Money,
    /// Whether the merchant can wait for the authorization.
    pub can_handle_pending_authorization: bool,
    /// Whether it was to be captured at once.
    pub capture_now: bool,
    /// The text on the buyer's statement.
    pub soft_descriptor: Option<String>,
    /// The merchant's notes.
    pub merchant_metadata: MerchantMetadata,
    /// A payment service provider's own reference.
    pub provider_reference_id: Option<String>,
    /// A solution provider's merchant id.
    pub platform_id: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When its authorization was asked for, and again when it was given: seven days later a capture
    /// becomes asynchronous.
    pub authorized_at: Timestamp,
    /// When its authorization lapses uncaptured, or would have: by the profile in force when it was
    /// asked for, and again when it was given. What becomes of it later moves this no more.
    pub expires_at: Timestamp,
    /// How far it is.
    pub state: ChargeState,
    /// What was given back of it, oldest first.
    pub refunds: Vec<Refund>,
}

/// How far a charge is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeState {
    /// The bank has not decided yet.
    AuthorizationInitiated {
        /// What it will decide.
        outcome: PendingOutcome,
        /// When.
        decided_at: Timestamp,
    },
    /// The amount is held until [`Charge::expires_at`].
    Authorized,
    /// A capture is under way; the amount is still held.
    CaptureInitiated {
        /// How much is being captured.
        capturing: Money,
        /// What will become of it: `None` when it is captured.
        decline: Option<ChargeDeclineReason>,
        /// When.
        decided_at: Timestamp,
    },
    /// Money was taken.
    Captured {
        /// How much.
        captured: Money,
    },
    /// Nothing is held, and nothing was taken.
    Canceled {
        /// Why.
        reason: ChargeCancelReason,
    },
    /// The bank or Amazon said no.
    Declined {
        /// Why.
        reason: ChargeDeclineReason,
    },
}

/// What a bank that has not decided yet will decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PendingOutcome {
    /// Yes.
    Authorized,
    /// No, for this reason.
    Declined(ChargeDeclineReason),
}

words! {
    /// Why a charge is Canceled.
    ChargeCancelReason {
        /// Nothing was captured in time.
        ExpiredUnused,
        /// Amazon canceled it.
        AmazonCanceled,
        /// The merchant canceled it.
        MerchantCanceled,
        /// Its permission was closed.
        ChargePermissionCanceled,
        /// The buyer canceled it.
        BuyerCanceled,
    }
}

words! {
    /// Why a charge is Declined.
    ChargeDeclineReason {
        /// Trying again may work.
        SoftDeclined,
        /// Only another payment method can work.
        HardDeclined,
        /// Amazon declined it; the permission is canceled too.
        AmazonRejected,
        /// An error of Amazon's.
        ProcessingFailure,
        /// Nobody answered in time.
        TransactionTimedOut,
    }
}

words! {
    /// The simulation codes of Create Charge. The two `Pending…` codes are spelled as this project
    /// chose: Amazon's spelling is not known (docs/compatibility.md).
    CreateChargeSimulation {
        /// Declined; trying again may work.
        SoftDeclined,
        /// Declined; the permission is NonChargeable until the buyer names another payment method.
        HardDeclined,
        /// Declined; the permission is closed.
        AmazonRejected,
        /// Declined for want of an answer.
        TransactionTimedOut,
        /// With `captureNow`: the capture is asynchronous.
        CaptureInitiated,
        /// With `canHandlePendingAuthorization`: pending, then authorized.
        PendingAuthorized,
        /// With `canHandlePendingAuthorization`: pending, then declined.
        PendingDeclined,
    }
}

words! {
    /// The simulation codes of Capture Charge. The first is documented, the others are this project's.
    CaptureSimulation {
        /// The capture is asynchronous, and succeeds.
        CaptureInitiated,
        /// The same.
        CapturePending,
        /// The capture is asynchronous, and is declined.
        CaptureDeclined,
    }
}

/// What the merchant asks for by Create Charge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreateCharge {
    /// Required.
    pub charge_amount: Option<Money>,
    /// Whether to capture at once.
    pub capture_now: bool,
    /// Whether the merchant can wait for the authorization.
    pub can_handle_pending_authorization: bool,
    /// At most 16 characters; with `capture_now` only.
    pub soft_descriptor: Option<String>,
    /// The merchant's notes.
    pub merchant_metadata: MerchantMetadata,
    /// A payment service provider's own reference.
    pub provider_reference_id: Option<String>,
    /// A solution provider's merchant id.
    pub platform_id: Option<String>,
}

/// Why no charge is created. One a check, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CreateChargeRefused {
    /// 1: the permission is Closed.
    PermissionClosed,
    /// 2: it is NonChargeable: an open charge holds all that is left, or the last one was declined and
    /// the buyer has not named another payment method.
    PermissionNonChargeable(NonChargeableReason),
    /// 3: `chargeAmount` is absent.
    Missing,
    /// 4: `captureNow` and pending authorization at once.
    PendingWithCapture,
    /// 5: a soft descriptor without `captureNow`.
    SoftDescriptorWithoutCapture,
    /// 6: the currency is not the permission's.
    CurrencyDiffers,
    /// 7: nothing is to be charged.
    NothingToCharge,
    /// 8: more than Amazon charges at once.
    AboveMaximum,
    /// 9: the permission has had [`MAX_CHARGES`], declined ones not counted.
    TooManyCharges,
    /// 10: more than is left of the permission's limit.
    ExceedsBalance,
    /// 11: the simulation's prerequisites do not hold.
    SimulationDoesNotFit,
    /// No rule: the permission's accounts are broken.
    Unbalanced(Unbalanced),
}

impl From<Unbalanced> for CreateChargeRefused {
    fn from(unbalanced: Unbalanced) -> Self {
        Self::Unbalanced(unbalanced)
    }
}

/// Why nothing is captured. One a check, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaptureRefused {
    /// 1: the charge is not Authorized.
    NotAuthorized,
    /// 3: `captureAmount` is absent.
    Missing,
    /// 6: the currency is not the charge's.
    CurrencyDiffers,
    /// 7: nothing is to be captured.
    NothingToCapture,
    /// 8: more than Amazon charges at once.
    AboveMaximum,
    /// 10: more than is authorized, and than the session's `allowOvercharge` allows.
    ExceedsAuthorizedAmount,
    /// 11: the session's `allowOvercharge` allows so much more than the order once, and not for each of
    /// its charges.
    ExceedsOvercharge,
    /// No rule: the permission's accounts are broken.
    Unbalanced(Unbalanced),
}

impl From<Unbalanced> for CaptureRefused {
    fn from(unbalanced: Unbalanced) -> Self {
        Self::Unbalanced(unbalanced)
    }
}

/// Why a charge is not canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CancelRefused {
    /// A capture has begun, or the charge is over.
    NotCancelable,
    /// No rule: the permission's accounts are broken.
    Unbalanced(Unbalanced),
}

impl From<Unbalanced> for CancelRefused {
    fn from(unbalanced: Unbalanced) -> Self {
        Self::Unbalanced(unbalanced)
    }
}

/// What Create Charge led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charged {
    /// The charge exists: it is the payment's last.
    Created(Step<Payment, Event>),
    /// The bank or Amazon said no. There is no charge; the permission may have changed, and the answer
    /// is 422 with this reason.
    Declined(ChargeDeclineReason, Step<Payment, Event>),
}

impl Charge {
    /// What is held for it: nothing once captured, canceled or declined.
    #[must_use]
    pub const fn held(&self) -> Money {
        match &self.state {
            ChargeState::AuthorizationInitiated { .. }
            | ChargeState::Authorized
            | ChargeState::CaptureInitiated { .. } => self.amount,
            ChargeState::Captured { .. } | ChargeState::Canceled { .. } | ChargeState::Declined { .. } => {
                Money::zero(self.amount.currency())
            }
        }
    }

    /// What was taken.
    #[must_use]
    pub const fn captured(&self) -> Money {
        match &self.state {
            ChargeState::Captured { captured } => *captured,
            ChargeState::AuthorizationInitiated { .. }
            | ChargeState::Authorized
            | ChargeState::CaptureInitiated { .. }
            | ChargeState::Canceled { .. }
            | ChargeState::Declined { .. } => Money::zero(self.amount.currency()),
        }
    }

    /// The sum of its refunds in these states.
    #[must_use]
    pub fn refunded(&self, is_counted: impl Fn(&RefundState) -> bool) -> Money {
        let counted = self.refunds.iter().filter(|refund| is_counted(&refund.state));
        let zero = Money::zero(self.amount.currency());
        counted.fold(zero, |sum, refund| sum.checked_add(refund.amount).unwrap_or(sum))
    }

    /// Its own earliest deadline, that of its refunds aside.
    const fn own_due_at(&self) -> Option<Timestamp> {
        match &self.state {
            ChargeState::AuthorizationInitiated { decided_at, .. }
            | ChargeState::CaptureInitiated { decided_at, .. } => Some(*decided_at),
            ChargeState::Authorized => Some(self.expires_at),
            ChargeState::Captured { .. } | ChargeState::Canceled { .. } | ChargeState::Declined { .. } => {
                None
            }
        }
    }

    /// Its earliest deadline, those of its refunds included.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        self.refunds.iter().map(Refund::due_at).chain([self.own_due_at()]).flatten().min()
    }

    fn moved(&self, state: ChargeState, at: Timestamp) -> Self {
        Self { state, updated_at: at, ..self.clone() }
    }

    /// Applies the earliest deadline as of its own instant; `None` when there is none.
    #[must_use]
    pub fn expire(&self, profile: Profile) -> Option<Step<Self, Event>> {
        let due_at = self.due_at()?;
        if let Some(position) = self.refunds.iter().position(|refund| refund.due_at() == Some(due_at)) {
            let decided = self.refunds.get(position)?.decide()?;
            let mut next = self.clone();
            *next.refunds.get_mut(position)? = decided.next;
            return Some(Step { next, events: decided.events });
        }
        let (state, what) = match &self.state {
            ChargeState::AuthorizationInitiated { outcome: PendingOutcome::Authorized, .. } => {
                let event = Event::new(due_at, Happened::ChargeAuthorized(self.id.clone(), self.amount));
                let expires_at = profile.authorization_expires_at(due_at);
                let authorized = self.moved(ChargeState::Authorized, due_at);
                return Some(Step::one(Self { expires_at, authorized_at: due_at, ..authorized }, event));
            }
            ChargeState::AuthorizationInitiated { outcome: PendingOutcome::Declined(reason), .. } => {
                let what = Happened::ChargeDeclined(self.id.clone(), *reason);
                (ChargeState::Declined { reason: *reason }, what)
            }
            ChargeState::Authorized => {
                let reason = ChargeCancelReason::ExpiredUnused;
                let what = Happened::ChargeCanceled(self.id.clone(), reason);
                (ChargeState::Canceled { reason }, what)
            }
            ChargeState::CaptureInitiated { capturing, decline: None, .. } => {
                let what = Happened::ChargeCaptured(self.id.clone(), *capturing);
                (ChargeState::Captured { captured: *capturing }, what)
            }
            ChargeState::CaptureInitiated { decline: Some(reason), .. } => {
                let what = Happened::ChargeDeclined(self.id.clone(), *reason);
                (ChargeState::Declined { reason: *reason }, what)
            }
            ChargeState::Captured { .. } | ChargeState::Canceled { .. } | ChargeState::Declined { .. } => {
                return None;
            }
        };
        Some(Step::one(self.moved(state, due_at), Event::new(due_at, what)))
    }

    /// This charge, canceled, and that it was; `None` when that is no longer possible.
    pub(super) fn canceled(&self, reason: ChargeCancelReason, at: Timestamp) -> Option<(Self, Event)> {
        match self.state {
            ChargeState::AuthorizationInitiated { .. } | ChargeState::Authorized => {}
            ChargeState::CaptureInitiated { .. }
            | ChargeState::Captured { .. }
            | ChargeState::Canceled { .. }
            | ChargeState::Declined { .. } => return None,
        }
        let what = Happened::ChargeCanceled(self.id.clone(), reason);
        Some((self.moved(ChargeState::Canceled { reason }, at), Event::new(at, what)))
    }
}

/// Creates a charge under a permission, as of now.
///
/// # Errors
/// The first check that fails; nothing is changed by it.
pub fn create(
    payment: &Payment,
    request: CreateCharge,
    simulation: Option<CreateChargeSimulation>,
    id: ChargeId,
    profile: Profile,
    now: Timestamp,
) -> Result<Charged, CreateChargeRefused> {
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
    // No rule is left below this line.
    let mut next = payment.clone();
    let state = match answer {
        Ok(state) => state,
        Err(reason) => {
            let events = next.declined(reason, now);
            return Ok(Charged::Declined(reason, Step { next, events }));
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
    let events = next.begin(charge, now)?;
    Ok(Charged::Created(Step { next, events }))
}

/// What the card, or the simulation in its place, makes of a charge: the state that it begins in, or
/// why it is declined.
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
        (
            None,
            Some(
                CardBehaviour::Pays
                | CardBehaviour::BuyerCancels
                | CardBehaviour::IsDeclined
                | CardBehaviour::PendsThenPays
                | CardBehaviour::PendsThenIsDeclined,
            )
            | None,
        ) if request.capture_now => Ok(Ok(ChargeState::Captured { captured: amount })),
        (
            None,
            Some(
                CardBehaviour::Pays
                | CardBehaviour::BuyerCancels
                | CardBehaviour::IsDeclined
                | CardBehaviour::PendsThenPays
                | CardBehaviour::PendsThenIsDeclined,
            )
            | None,
        ) => Ok(Ok(ChargeState::Authorized)),
    }
}

/// The most that may be captured of an authorization. An order's authorizations together are bounded
/// besides ([`CaptureRefused::ExceedsOvercharge`]).
#[must_use]
pub fn capturable(amount: Money, allow_overcharge: bool) -> Money {
    if allow_overcharge { ceiling(amount) } else { amount }
}

/// What is captured above authorizations, or will be: a capture that is under way is open, and so among
/// the charges, and has moved no money yet.
fn overcharged(payment: &Payment) -> Option<Money> {
    let pending = |charge: &Charge| match &charge.state {
        ChargeState::CaptureInitiated { capturing, .. } => capturing.checked_sub(charge.amount),
        ChargeState::AuthorizationInitiated { .. }
        | ChargeState::Authorized
        | ChargeState::Captured { .. }
        | ChargeState::Canceled { .. }
        | ChargeState::Declined { .. } => None,
    };
    let captured = payment.permission.balances.overcharge;
    payment.charges.iter().filter_map(pending).try_fold(captured, Money::checked_add)
}

/// Captures an Authorized charge, as of now, whole or in part; what is not captured is released. From
/// seven days after the authorization on it is asynchronous (Amazon's rule).
///
/// # Errors
/// The first check that fails; nothing is changed by it.
pub fn capture(
    payment: &Payment,
    id: &ChargeId,
    amount: Option<Money>,
    soft_descriptor: Option<String>,
    simulation: Option<CaptureSimulation>,
    profile: Profile,
    now: Timestamp,
) -> Result<Step<Payment, Event>, CaptureRefused> {
    use CaptureRefused as Refused;
    let charge = payment.charge(id).ok_or(Refused::NotAuthorized)?;
    match charge.state {
        ChargeState::Authorized => {}
        ChargeState::AuthorizationInitiated { .. }
        | ChargeState::CaptureInitiated { .. }
        | ChargeState::Captured { .. }
        | ChargeState::Canceled { .. }
        | ChargeState::Declined { .. } => return Err(Refused::NotAuthorized),
    }
    let amount = amount.ok_or(Refused::Missing)?;
    if amount.currency() != charge.amount.currency() {
        return Err(Refused::CurrencyDiffers);
    }
    if amount.is_zero() {
        return Err(Refused::NothingToCapture);
    }
    if amount.minor() > amount.currency().maximum().minor() {
        return Err(Refused::AboveMaximum);
    }
    if amount.minor() > capturable(charge.amount, payment.permission.allow_overcharge).minor() {
        return Err(Refused::ExceedsAuthorizedAmount);
    }
    if let Some(over) = amount.checked_sub(charge.amount).filter(|over| !over.is_zero()) {
        let all = overcharged(payment).and_then(|others| others.checked_add(over));
        if all.is_none_or(|all| all.minor() > surplus(payment.permission.limit).minor()) {
            return Err(Refused::ExceedsOvercharge);
        }
    }
    // No rule is left below this line.
    let is_late = now >= charge.authorized_at.plus(CAPTURE_GUARANTEED);
    let decline = match simulation {
        Some(CaptureSimulation::CaptureDeclined) => Some(ChargeDeclineReason::ProcessingFailure),
        Some(CaptureSimulation::CaptureInitiated | CaptureSimulation::CapturePending) | None => None,
    };
    let (state, what) = if is_late || simulation.is_some() {
        let decided_at = now.plus(profile.settled_after());
        let state = ChargeState::CaptureInitiated { capturing: amount, decline, decided_at };
        (state, Happened::ChargeCaptureInitiated(id.clone(), amount))
    } else {
        (ChargeState::Captured { captured: amount }, Happened::ChargeCaptured(id.clone(), amount))
    };
    let mut after = charge.moved(state, now);
    after.soft_descriptor = soft_descriptor.or(after.soft_descriptor);
    let mut next = payment.clone();
    let events = next.replace(after, Event::new(now, what))?;
    Ok(Step { next, events })
}

/// Cancels a charge that is AuthorizationInitiated or Authorized, as of now, and releases what it
/// holds.
///
/// # Errors
/// [`CancelRefused::NotCancelable`] (422 `InvalidChargeStatus`).
pub fn cancel(
    payment: &Payment,
    id: &ChargeId,
    reason: ChargeCancelReason,
    now: Timestamp,
) -> Result<Step<Payment, Event>, CancelRefused> {
    let canceled = payment.charge(id).and_then(|charge| charge.canceled(reason, now));
    let (after, event) = canceled.ok_or(CancelRefused::NotCancelable)?;
    // No rule is left below this line.
    let mut next = payment.clone();
    let events = next.replace(after, event)?;
    Ok(Step { next, events })
}
