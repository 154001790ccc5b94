//! The Checkout Session: Open until it is finalized, canceled or 24 hours old; gone after 30 days.
//!
//! ```text
//! Open ──finalize / complete──▶ Completed
//!   └──buyer, decline, 24 h────▶ Canceled
//! ```
//!
//! While the buyer is at the bank for its check, an Open session has a nearer deadline: after 10 minutes the
//! check has failed.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::buyer::{Buyer, Card};
use super::event::{Event, EventKind};
use super::payment_details::{PaymentDetails, PaymentDetailsRefused, PaymentDetailsUpdate};
use super::profile::MFA_LIFETIME;
pub use super::reason::SessionCancelReason;
use crate::address::Address;
use crate::amazon_limits::{SESSION_KEPT, SESSION_LIFETIME};
use crate::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, Environment, MerchantId, Region, StoreId};
use crate::step::Step;
use crate::terms::{MerchantMetadata, ProductType};
use crate::time::Timestamp;
use crate::words::words;

/// The owner of an object: an object of another account or environment is not found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The merchant account; all of its keys see the same objects.
    pub merchant_id: MerchantId,
    /// Sandbox and live objects are never mixed.
    pub environment: Environment,
}

/// How the checkout began, which determines what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flow {
    /// Amazon made it when the buyer pressed the button: no URL is needed.
    BuyNow,
    /// The merchant made it by Create Checkout Session: the buyer is sent back to a URL.
    Redirect,
}

/// How much of a Completed session the answer to Finalize shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ResponseDetail {
    /// Only the ids and the state.
    #[default]
    Short,
    /// Also the payment details, the buyer and the addresses.
    Full,
}

/// Where the buyer's browser goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebCheckoutDetails {
    /// Back to the merchant's review page.
    pub checkout_review_return_url: Option<String>,
    /// Back to the merchant's result page.
    pub checkout_result_return_url: Option<String>,
    /// Back to the merchant when the buyer cancels.
    pub checkout_cancel_url: Option<String>,
    /// `ProcessOrder`, or absent.
    pub checkout_mode: Option<String>,
}

impl WebCheckoutDetails {
    /// These details after an update: each member that `update` has replaces the current one.
    #[must_use]
    pub fn updated(self, update: Self) -> Self {
        Self {
            checkout_review_return_url: update.checkout_review_return_url.or(self.checkout_review_return_url),
            checkout_result_return_url: update.checkout_result_return_url.or(self.checkout_result_return_url),
            checkout_cancel_url: update.checkout_cancel_url.or(self.checkout_cancel_url),
            checkout_mode: update.checkout_mode.or(self.checkout_mode),
        }
    }
}

/// One buyer's checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutSession {
    /// Its id.
    pub id: CheckoutSessionId,
    /// Its owner.
    pub owner: Owner,
    /// Determines the digits of the ids that it leads to.
    pub region: Region,
    /// How it began.
    pub flow: Flow,
    /// Which address is payment-critical.
    pub product_type: ProductType,
    /// What is to be paid and how.
    pub payment: PaymentDetails,
    /// Opaque to Amazon; compared byte for byte.
    pub supplementary_data: Option<String>,
    /// The merchant's notes.
    pub merchant_metadata: MerchantMetadata,
    /// Where the buyer's browser goes.
    pub web_checkout: WebCheckoutDetails,
    /// The merchant's store.
    pub store_id: Option<StoreId>,
    /// A solution provider's merchant id.
    pub platform_id: Option<String>,
    /// A payment service provider's own reference.
    pub provider_reference_id: Option<String>,
    /// How much of the session Finalize answers with.
    pub response_detail: ResponseDetail,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Its state.
    pub state: CheckoutSessionState,
}

/// The state of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckoutSessionState {
    /// The buyer is on Amazon's page, or has placed the order there.
    Open {
        /// The buyer, once there is one. Boxed, because a session has none for most of its life.
        buyer: Option<Box<Buyer>>,
        /// When the buyer placed the order; from then on it can be finalized.
        placed_at: Option<Timestamp>,
        /// When the bank began to wait for the buyer to confirm the payment. Never set together with
        /// `placed_at`: an order is placed after the check.
        mfa_started_at: Option<Timestamp>,
    },
    /// The payment intent was executed; a pending authorization may still fail.
    Completed {
        /// The permission.
        charge_permission_id: ChargePermissionId,
        /// The charge, unless the intent was Confirm.
        charge_id: Option<ChargeId>,
    },
    /// It will never be completed.
    Canceled {
        /// Why.
        reason: SessionCancelReason,
    },
}

words! {
    /// What an Open session still lacks before the buyer can place the order.
    Constraint {
        /// Nobody has logged in.
        BuyerNotAssociated,
        /// `paymentDetails.chargeAmount` is absent.
        ChargeAmountNotSet,
        /// `webCheckoutDetails.checkoutResultReturnUrl` is absent.
        CheckoutResultReturnUrlNotSet,
        /// `paymentDetails.paymentIntent` is absent.
        PaymentIntentNotSet,
    }
}

impl Constraint {
    /// Its text in Amazon's answers.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::BuyerNotAssociated => {
                "There is no buyer associated with the Checkout Session. Return the checkout session id to \
                 the Amazon Pay Button to allow buyer to login."
            }
            Self::ChargeAmountNotSet => "chargeAmount is not set.",
            Self::CheckoutResultReturnUrlNotSet => "checkoutResultReturnUrl is not set.",
            Self::PaymentIntentNotSet => "paymentIntent is not set.",
        }
    }
}

/// A step of a session.
pub type SessionStep = Step<CheckoutSession, Event>;

impl CheckoutSession {
    /// When an Open session is canceled.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.created_at.plus(SESSION_LIFETIME)
    }

    /// When it is deleted.
    #[must_use]
    pub fn deleted_at(&self) -> Timestamp {
        self.created_at.plus(SESSION_KEPT)
    }

    /// When the bank stops waiting for the buyer, if it waits and the session lives that long.
    #[must_use]
    pub fn mfa_expires_at(&self) -> Option<Timestamp> {
        let CheckoutSessionState::Open { mfa_started_at, .. } = &self.state else { return None };
        let ends_at = mfa_started_at.as_ref()?.plus(MFA_LIFETIME);
        (ends_at < self.expires_at()).then_some(ends_at)
    }

    /// Its earliest deadline.
    #[must_use]
    pub fn due_at(&self) -> Timestamp {
        match self.state {
            CheckoutSessionState::Open { .. } => self.mfa_expires_at().unwrap_or_else(|| self.expires_at()),
            CheckoutSessionState::Completed { .. } | CheckoutSessionState::Canceled { .. } => {
                self.deleted_at()
            }
        }
    }

    /// What it lacks; empty when the buyer can place the order, and for a session that is over.
    #[must_use]
    pub fn constraints(&self) -> Vec<Constraint> {
        let CheckoutSessionState::Open { buyer, .. } = &self.state else { return Vec::new() };
        let returns = match self.flow {
            Flow::BuyNow => true,
            Flow::Redirect => self.web_checkout.checkout_result_return_url.is_some(),
        };
        [
            (buyer.is_none(), Constraint::BuyerNotAssociated),
            (self.payment.charge_amount.is_none(), Constraint::ChargeAmountNotSet),
            (!returns, Constraint::CheckoutResultReturnUrlNotSet),
            (self.payment.payment_intent.is_none(), Constraint::PaymentIntentNotSet),
        ]
        .into_iter()
        .filter_map(|(lacks, constraint)| lacks.then_some(constraint))
        .collect()
    }

    /// The same session in another state.
    pub(super) fn moved(self, state: CheckoutSessionState, at: Timestamp) -> Self {
        Self { state, updated_at: at, ..self }
    }

    pub(super) fn canceled(self, reason: SessionCancelReason, at: Timestamp) -> SessionStep {
        let next = self.moved(CheckoutSessionState::Canceled { reason }, at);
        Step::one(next, Event::new(at, EventKind::CheckoutSessionCanceled(reason)))
    }
}

/// A session as it is at a given instant, after every deadline that has passed was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AsOf {
    /// It exists. The events of the deadlines that have passed, if any.
    Present(CheckoutSession, Vec<Event>),
    /// 30 days have passed: it is no longer found.
    Deleted(Vec<Event>),
}

/// Moves a session forward to an instant. A deadline applies at its very instant.
#[must_use]
pub fn as_of(session: CheckoutSession, now: Timestamp) -> AsOf {
    let deleted_at = session.deleted_at();
    let is_open = matches!(session.state, CheckoutSessionState::Open { .. });
    let expired = match session.mfa_expires_at() {
        Some(mfa_expires_at) => (SessionCancelReason::Declined, mfa_expires_at),
        None => (SessionCancelReason::Expired, session.expires_at()),
    };
    let (session, mut events) = match expired {
        (reason, at) if is_open && now >= at => {
            let Step { next, events } = session.canceled(reason, at);
            (next, events)
        }
        _ => (session, Vec::new()),
    };
    if now < deleted_at {
        return AsOf::Present(session, events);
    }
    events.push(Event::new(deleted_at, EventKind::CheckoutSessionDeleted));
    AsOf::Deleted(events)
}

/// Makes a session.
///
/// # Errors
/// A broken rule between the members of its payment part.
pub fn create(session: CheckoutSession) -> Result<SessionStep, PaymentDetailsRefused> {
    session.payment.check(session.region)?;
    // Nothing below this line may fail.
    let at = session.created_at;
    Ok(Step::one(session, Event::new(at, EventKind::CheckoutSessionCreated)))
}

/// What Update Checkout Session changes. What is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionUpdate {
    /// Where the buyer's browser goes.
    pub web_checkout: WebCheckoutDetails,
    /// The payment part.
    pub payment: PaymentDetailsUpdate,
    /// The merchant's notes.
    pub merchant_metadata: MerchantMetadata,
    /// Opaque to Amazon.
    pub supplementary_data: Option<String>,
    /// A solution provider's merchant id.
    pub platform_id: Option<String>,
    /// A payment service provider's own reference.
    pub provider_reference_id: Option<String>,
}

/// Why an update or an action of the buyer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionRefused {
    /// The session is not Open.
    NotOpen,
    /// A broken rule between the members of the payment part.
    Payment(PaymentDetailsRefused),
    /// The order cannot be placed yet.
    Constrained(Constraint),
    /// The order has already been placed, and the buyer has left Amazon's page.
    AlreadyPlaced,
    /// PayOnly ships nothing.
    NothingToShip,
}

/// Updates a session, as of now.
///
/// # Errors
/// [`SessionRefused::NotOpen`] and [`SessionRefused::Payment`].
pub fn update(
    session: CheckoutSession,
    update: SessionUpdate,
    now: Timestamp,
) -> Result<SessionStep, SessionRefused> {
    let CheckoutSessionState::Open { .. } = session.state else { return Err(SessionRefused::NotOpen) };
    let payment = session.payment.clone().updated(update.payment);
    payment.check(session.region).map_err(SessionRefused::Payment)?;
    // Nothing below this line may fail.
    let next = CheckoutSession {
        payment,
        web_checkout: session.web_checkout.clone().updated(update.web_checkout),
        merchant_metadata: session.merchant_metadata.clone().updated(update.merchant_metadata),
        supplementary_data: update.supplementary_data.or_else(|| session.supplementary_data.clone()),
        platform_id: update.platform_id.or_else(|| session.platform_id.clone()),
        provider_reference_id: update.provider_reference_id.or_else(|| session.provider_reference_id.clone()),
        updated_at: now,
        ..session
    };
    Ok(Step::one(next, Event::new(now, EventKind::CheckoutSessionUpdated)))
}

/// An action of the buyer on Amazon's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuyerAct {
    /// Logs in. An earlier buyer is forgotten, together with their choices.
    SignIn,
    /// Chooses where the parcel goes.
    SelectAddress(Address),
    /// Chooses a delivery option, by its id.
    SelectDeliveryOption(String),
    /// Chooses a card.
    SelectCard(Card),
    /// Is asked by the bank to confirm the payment. Every other action that does not end the session is a
    /// return from the bank.
    StartMfa,
    /// Passes the bank's check.
    PassMfa,
    /// Fails the bank's check: the session is Canceled, Declined.
    FailMfa,
    /// Is declined by the bank while still on Amazon's page: another card may work.
    BeDeclined,
    /// Has no other card: the session is Canceled, Declined.
    GiveUp,
    /// Places the order: the merchant can finalize.
    PlaceOrder,
    /// Cancels; possible until the session is finalized.
    Cancel,
}

/// Lets the buyer act, as of now. `arriving` is the buyer who logs in if the session has none yet.
///
/// # Errors
/// Any [`SessionRefused`] except `Payment`.
pub fn act(
    session: CheckoutSession,
    act: BuyerAct,
    arriving: Buyer,
    now: Timestamp,
) -> Result<SessionStep, SessionRefused> {
    let CheckoutSessionState::Open { buyer, placed_at, .. } = session.state.clone() else {
        return Err(SessionRefused::NotOpen);
    };
    if act == BuyerAct::Cancel {
        return Ok(session.canceled(SessionCancelReason::BuyerCanceled, now));
    }
    if matches!(act, BuyerAct::FailMfa | BuyerAct::GiveUp) {
        return Ok(session.canceled(SessionCancelReason::Declined, now));
    }
    if placed_at.is_some() {
        return Err(SessionRefused::AlreadyPlaced);
    }
    let mut buyer = match (&act, buyer) {
        (BuyerAct::StartMfa | BuyerAct::BeDeclined, None) => {
            return Err(SessionRefused::Constrained(Constraint::BuyerNotAssociated));
        }
        (BuyerAct::SignIn, _) | (_, None) => Box::new(arriving),
        (_, Some(buyer)) => buyer,
    };
    let is_of_parcel = matches!(act, BuyerAct::SelectAddress(_) | BuyerAct::SelectDeliveryOption(_));
    if is_of_parcel && session.product_type == ProductType::PayOnly {
        return Err(SessionRefused::NothingToShip);
    }
    let mut mfa_started_at = None;
    let (placed_at, what) = match act {
        BuyerAct::SignIn => (None, EventKind::SignedIn),
        BuyerAct::StartMfa => {
            mfa_started_at = Some(now);
            (None, EventKind::MfaStarted)
        }
        BuyerAct::BeDeclined => (None, EventKind::PaymentDeclined),
        BuyerAct::SelectAddress(address) => {
            buyer.shipping_address = Some(address);
            (None, EventKind::AddressSelected)
        }
        BuyerAct::SelectDeliveryOption(option) => {
            buyer.delivery_option = Some(option);
            (None, EventKind::DeliveryOptionSelected)
        }
        BuyerAct::SelectCard(card) => {
            buyer.card = card;
            (None, EventKind::CardSelected)
        }
        BuyerAct::PassMfa => (None, EventKind::MfaPassed),
        BuyerAct::PlaceOrder | BuyerAct::FailMfa | BuyerAct::GiveUp | BuyerAct::Cancel => {
            (Some(now), EventKind::OrderPlaced)
        }
    };
    let state = CheckoutSessionState::Open { buyer: Some(buyer), placed_at, mfa_started_at };
    let next = session.moved(state, now);
    if placed_at.is_some()
        && let Some(constraint) = next.constraints().into_iter().next()
    {
        return Err(SessionRefused::Constrained(constraint));
    }
    Ok(Step::one(next, Event::new(now, what)))
}
