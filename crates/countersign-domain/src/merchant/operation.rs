//! An operation: one thing that the shop, the capture plan or a cancellation asked for, which has at most
//! one effect at Amazon.
//!
//! ```text
//! Recorded ──begin──▶ Sending ──2xx, whole──▶ Done
//!    ▲                 │  │  └──proved no──▶ Refused
//!    └──not evaluated──┘  └──anything else──▶ InDoubt ──look up, re-send──▶ Done | Refused
//! ```
//!
//! It is recorded, with what it reserves, before anything leaves; the exact bytes and the key are durable
//! before they leave, and are sent again unchanged. A crash before the send leaves it Recorded, with its
//! timer; a crash after it leaves it Sending, whose lease runs out into InDoubt. What an operation
//! reserves (of the limit, of a charge, of the refund budget) it holds until it is Done or Refused.
//!
//! Recovery by kind: Capture and Cancel ask for the charge, Close for the permission; Create Charge and
//! Create Refund send the same bytes under the same key again, since Amazon lists neither, and what the
//! key answers is the answer.

use alloc::string::String;

use super::attempt::Send;
use super::checkout::Checkout;
use super::completion::{CheckoutStep, CompletionRules};
use super::payment::{
    CHARGE_IN_PROGRESS, Charge, ChargeState, Look, Payment, PaymentEvent, PermissionState, less,
};
pub use super::sending::{OVERTAKEN, OperationAnswer, answered, begin, is_held_back, orphaned, resend};
use crate::amazon_limits::{self, MAX_CHARGES, MAX_REFUNDS};
use crate::ids::{ChargeId, RefundId};
use crate::money::Money;
use crate::time::Timestamp;

/// The most operations of one checkout, own ones included: 25 charges of 10 refunds are less.
pub const MAX_OPERATIONS: usize = 500;

/// One thing that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// 1 for the checkout's first.
    pub number: u32,
    /// By what name it is known.
    pub name: OperationName,
    /// What was asked for, as it was: what makes a repetition the same.
    pub asked: Asked,
    /// What that means.
    pub request: Request,
    /// When.
    pub requested_at: Timestamp,
    /// How often Amazon turned it away without a look.
    pub turned_away: u32,
    /// How far it is.
    pub state: OperationState,
}

/// Who named an operation, and how. A name stands for one operation of a checkout, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationName {
    /// The shop's `reference`.
    Shop(String),
    /// A rule's own word.
    Own(String),
}

/// What was asked for, before what was left out was filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A charge under the permission.
    Charge {
        /// How much.
        amount: Money,
        /// Whether to capture at once.
        capture_now: bool,
        /// Whether the shop can wait for the authorization.
        can_handle_pending_authorization: bool,
    },
    /// A capture; by default of the only open charge, whole.
    Capture {
        /// Of which charge.
        charge_id: Option<ChargeId>,
        /// How much.
        amount: Option<Money>,
    },
    /// A refund; by default of the only captured charge, what is left.
    Refund {
        /// Of which charge.
        charge_id: Option<ChargeId>,
        /// How much.
        amount: Option<Money>,
    },
    /// That a charge be canceled. Only rules ask for this.
    CancelCharge(ChargeId),
    /// That the permission be closed.
    Close {
        /// Why, in the shop's words.
        reason: Option<String>,
    },
}

/// What is asked of Amazon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Create Charge.
    CreateCharge {
        /// How much.
        amount: Money,
        /// Whether to capture at once.
        capture_now: bool,
        /// Whether the shop can wait for the authorization.
        can_handle_pending_authorization: bool,
    },
    /// Capture Charge.
    Capture {
        /// Which.
        charge_id: ChargeId,
        /// How much.
        amount: Money,
    },
    /// Create Refund.
    Refund {
        /// Of which charge.
        charge_id: ChargeId,
        /// How much.
        amount: Money,
    },
    /// Cancel Charge.
    CancelCharge {
        /// Which.
        charge_id: ChargeId,
    },
    /// Close Charge Permission.
    Close {
        /// Why, in the shop's words.
        reason: Option<String>,
    },
}

impl Request {
    /// The API's call, as keys, logs and metrics name it.
    #[must_use]
    pub const fn call(&self) -> &'static str {
        match self {
            Self::CreateCharge { .. } => "createCharge",
            Self::Capture { .. } => "captureCharge",
            Self::Refund { .. } => "createRefund",
            Self::CancelCharge { .. } => "cancelCharge",
            Self::Close { .. } => "closeChargePermission",
        }
    }

    /// The charge that it names, unless it makes one or is about none.
    #[must_use]
    pub const fn charge_id(&self) -> Option<&ChargeId> {
        match self {
            Self::Capture { charge_id, .. }
            | Self::Refund { charge_id, .. }
            | Self::CancelCharge { charge_id } => Some(charge_id),
            Self::CreateCharge { .. } | Self::Close { .. } => None,
        }
    }

    /// The money that it moves, if it names any.
    #[must_use]
    pub const fn amount(&self) -> Option<Money> {
        match self {
            Self::CreateCharge { amount, .. }
            | Self::Capture { amount, .. }
            | Self::Refund { amount, .. } => Some(*amount),
            Self::CancelCharge { .. } | Self::Close { .. } => None,
        }
    }

    /// The charge that it changes, if it changes one: one at a time may.
    #[must_use]
    pub const fn changes_charge(&self) -> Option<&ChargeId> {
        match self {
            Self::Capture { charge_id, .. } | Self::CancelCharge { charge_id } => Some(charge_id),
            Self::CreateCharge { .. } | Self::Refund { .. } | Self::Close { .. } => None,
        }
    }
}

/// How far an operation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationState {
    /// Nothing of it has had an effect; to be sent, perhaps again.
    Recorded {
        /// The bytes, once they are known.
        send: Option<Send>,
        /// When to send it.
        retry_at: Timestamp,
    },
    /// On its way; its owner waits for the answer.
    Sending {
        /// What was sent.
        send: Send,
        /// When.
        sent_at: Timestamp,
        /// When the owner has given up, if it still lives.
        lease_until: Timestamp,
    },
    /// It may have had its effect.
    InDoubt {
        /// What was sent, and is sent again.
        send: Send,
        /// How often.
        send_count: u32,
        /// Since when.
        since: Timestamp,
        /// When to look up or send again.
        look: Look,
        /// How many of the alarms have rung.
        alarm_count: u32,
    },
    /// It has had its effect.
    Done(Effect),
    /// It is proved to have had none.
    Refused {
        /// Amazon's code, or the state that proves it.
        code: String,
    },
}

/// What an operation has led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// This charge was made, captured or canceled.
    Charge(ChargeId),
    /// This refund was made.
    Refund(RefundId),
    /// The permission is closed.
    Closed,
}

impl OperationState {
    /// Whether it never changes again.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Done(_) | Self::Refused { .. } => true,
            Self::Recorded { .. } | Self::Sending { .. } | Self::InDoubt { .. } => false,
        }
    }

    /// When somebody must look after it; none for a final state.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Recorded { retry_at, .. } => Some(*retry_at),
            Self::Sending { lease_until, .. } => Some(*lease_until),
            Self::InDoubt { look, .. } => Some(look.at),
            Self::Done(_) | Self::Refused { .. } => None,
        }
    }

    /// The state's name, as answers and logs carry it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Recorded { .. } => "Recorded",
            Self::Sending { .. } => "Sending",
            Self::InDoubt { .. } => "InDoubt",
            Self::Done(_) => "Done",
            Self::Refused { .. } => "Refused",
        }
    }
}

/// How much may be refunded of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RefundCeiling {
    /// What was captured.
    #[default]
    Captured,
    /// What Amazon allows: the lesser of 15 % and 75 (8,400 JPY) more.
    Amazon,
}

impl RefundCeiling {
    /// Every ceiling.
    pub const ALL: [Self; 2] = [Self::Captured, Self::Amazon];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Amazon => "amazon",
        }
    }
}

/// Why nothing is done. Each names the field that the shop sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationRefused {
    /// No attempt is proved to have succeeded: there is nothing to charge, capture, refund or close.
    NotCompleted,
    /// The order is canceled, or being canceled.
    OrderCanceled,
    /// The reference stands for something else.
    ReferenceReused,
    /// More than [`MAX_OPERATIONS`].
    TooManyOperations,
    /// `captureNow` cannot wait for a pending authorization (Amazon's rule).
    PendingWithCapture,
    /// The amount is nothing; the field.
    Nothing(&'static str),
    /// The amount is in another currency; the field.
    OtherCurrency(&'static str),
    /// More than Amazon moves at once; the field.
    AboveMaximum(&'static str),
    /// The permission is Closed.
    PermissionClosed,
    /// The last charge was declined: the buyer must name another payment method.
    PermissionNonChargeable,
    /// 25 charges, declined ones not counted.
    TooManyCharges,
    /// More than is left of the limit: so much is.
    ExceedsLimit(Money),
    /// No charge of this checkout has this id.
    NoSuchCharge,
    /// No charge was named, and not exactly one is there to be meant.
    ChargeNotNamed,
    /// The charge is not Authorized.
    NotAuthorized,
    /// Another operation on this charge is in flight.
    ChargeBusy,
    /// More than is authorized: so much is.
    ExceedsCharge(Money),
    /// The charge is not Captured.
    NotCaptured,
    /// More than may be refunded, with what is on its way: so much may.
    ExceedsRefundable(Money),
    /// 10 refunds of a charge.
    TooManyRefunds,
}

impl OperationRefused {
    /// The field that is to blame, as the merchant API spells it.
    #[must_use]
    pub const fn field(self) -> Option<&'static str> {
        match self {
            Self::NotCompleted
            | Self::OrderCanceled
            | Self::TooManyOperations
            | Self::PermissionClosed
            | Self::PermissionNonChargeable
            | Self::TooManyCharges => None,
            Self::ReferenceReused => Some("reference"),
            Self::PendingWithCapture => Some("canHandlePendingAuthorization"),
            Self::Nothing(field) | Self::OtherCurrency(field) | Self::AboveMaximum(field) => Some(field),
            Self::ExceedsLimit(_) => Some("chargeAmount"),
            Self::NoSuchCharge
            | Self::ChargeNotNamed
            | Self::NotAuthorized
            | Self::ChargeBusy
            | Self::NotCaptured
            | Self::TooManyRefunds => Some("chargeId"),
            Self::ExceedsCharge(_) => Some("captureAmount"),
            Self::ExceedsRefundable(_) => Some("refundAmount"),
        }
    }
}

/// What became of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It was asked for before: this operation.
    Known(u32),
    /// It is recorded now, and due.
    New(u32, CheckoutStep),
}

/// Records what the shop asks for, against the payment and everything in flight.
///
/// # Errors
/// The first rule that is broken; nothing is changed by it.
pub fn ask(
    checkout: &Checkout,
    name: OperationName,
    asked: Asked,
    now: Timestamp,
    rules: &CompletionRules,
) -> Result<Recorded, OperationRefused> {
    let payment = checkout.payment.as_ref();
    let known = payment.and_then(|payment| payment.operations.iter().find(|it| it.name == name));
    if let Some(known) = known {
        let is_same = known.asked == asked;
        return if is_same {
            Ok(Recorded::Known(known.number))
        } else {
            Err(OperationRefused::ReferenceReused)
        };
    }
    if let Some(cancellation) = &checkout.cancellation {
        let is_reused = OperationName::Shop(cancellation.reference.clone()) == name;
        let refused =
            if is_reused { OperationRefused::ReferenceReused } else { OperationRefused::OrderCanceled };
        return Err(refused);
    }
    let payment = payment.ok_or(OperationRefused::NotCompleted)?;
    if payment.operations.len() >= MAX_OPERATIONS {
        return Err(OperationRefused::TooManyOperations);
    }
    let request = resolve(payment, &asked, rules)?;
    // Nothing below this line may fail.
    let mut payment = payment.clone();
    let number = record(&mut payment, name, asked, request, now);
    let events = alloc::vec![PaymentEvent::OperationRecorded(number)];
    let next = Checkout { payment: Some(payment), ..checkout.clone() };
    let events = events.into_iter().map(super::completion::CheckoutEvent::Payment).collect();
    Ok(Recorded::New(number, CheckoutStep { next, events }))
}

/// Adds an operation that is due at once.
pub(super) fn record(
    payment: &mut Payment,
    name: OperationName,
    asked: Asked,
    request: Request,
    now: Timestamp,
) -> u32 {
    let number = payment.operations.last().map_or(1, |last| last.number.saturating_add(1));
    let state = OperationState::Recorded { send: None, retry_at: now };
    payment.operations.push(Operation {
        number,
        name,
        asked,
        request,
        requested_at: now,
        turned_away: 0,
        state,
    });
    number
}

/// What is asked for means, or the rule that it breaks.
fn resolve(payment: &Payment, asked: &Asked, rules: &CompletionRules) -> Result<Request, OperationRefused> {
    use OperationRefused as Refused;
    let checked = |field: &'static str, amount: Money| {
        if amount.currency() != payment.limit.currency() {
            return Err(Refused::OtherCurrency(field));
        }
        if amount.is_zero() {
            return Err(Refused::Nothing(field));
        }
        if amount.minor() > amount.currency().maximum().minor() {
            return Err(Refused::AboveMaximum(field));
        }
        Ok(amount)
    };
    match asked {
        Asked::Charge { amount, capture_now, can_handle_pending_authorization } => {
            if *capture_now && *can_handle_pending_authorization {
                return Err(Refused::PendingWithCapture);
            }
            let amount = checked("chargeAmount", *amount)?;
            match &payment.permission.state {
                PermissionState::Chargeable => {}
                // Whether an open charge holds all that is left, our own accounts say.
                PermissionState::NonChargeable(reason) if reason == CHARGE_IN_PROGRESS => {}
                PermissionState::NonChargeable(_) => return Err(Refused::PermissionNonChargeable),
                PermissionState::Closed(_) => return Err(Refused::PermissionClosed),
            }
            let asked = payment.in_flight().filter(|it| matches!(it.request, Request::CreateCharge { .. }));
            let made = payment.charges.iter().filter(|it| !matches!(it.state, ChargeState::Declined(_)));
            if asked.count().saturating_add(made.count()) >= MAX_CHARGES as usize {
                return Err(Refused::TooManyCharges);
            }
            let left = payment.left();
            if amount.minor() > left.minor() {
                return Err(Refused::ExceedsLimit(left));
            }
            Ok(Request::CreateCharge {
                amount,
                capture_now: *capture_now,
                can_handle_pending_authorization: *can_handle_pending_authorization,
            })
        }
        Asked::Capture { charge_id, amount } => {
            let amount = amount.map(|amount| checked("captureAmount", amount)).transpose()?;
            let is_meant = |charge: &&Charge| charge.state == ChargeState::Authorized;
            let charge = named_or_only(payment, charge_id.as_ref(), is_meant)?;
            if charge.state != ChargeState::Authorized {
                return Err(Refused::NotAuthorized);
            }
            if payment.in_flight().any(|it| it.request.changes_charge() == Some(&charge.id)) {
                return Err(Refused::ChargeBusy);
            }
            let amount = amount.unwrap_or(charge.amount);
            if amount.minor() > charge.amount.minor() {
                return Err(Refused::ExceedsCharge(charge.amount));
            }
            Ok(Request::Capture { charge_id: charge.id.clone(), amount })
        }
        Asked::Refund { charge_id, amount } => {
            let amount = amount.map(|amount| checked("refundAmount", amount)).transpose()?;
            let is_meant = |charge: &&Charge| matches!(charge.state, ChargeState::Captured(_));
            let charge = named_or_only(payment, charge_id.as_ref(), is_meant)?;
            if !is_meant(&charge) {
                return Err(Refused::NotCaptured);
            }
            let is_of = |it: &&Operation| matches!(&it.request, Request::Refund { charge_id, .. } if *charge_id == charge.id);
            let counted = charge
                .refunds
                .iter()
                .filter(|it| !matches!(it.state, super::payment::RefundState::Declined(_)));
            if counted.count().saturating_add(payment.in_flight().filter(is_of).count()) >= MAX_REFUNDS {
                return Err(Refused::TooManyRefunds);
            }
            let plain = refundable(payment, charge, RefundCeiling::Captured);
            let most = refundable(payment, charge, rules.refund_ceiling);
            // What is left, where nobody says how much.
            let amount = amount.unwrap_or(plain);
            if amount.is_zero() || amount.minor() > most.minor() {
                return Err(Refused::ExceedsRefundable(most));
            }
            Ok(Request::Refund { charge_id: charge.id.clone(), amount })
        }
        Asked::CancelCharge(charge_id) => {
            let charge = payment.charge(charge_id).ok_or(Refused::NoSuchCharge)?;
            match charge.state {
                ChargeState::AuthorizationInitiated | ChargeState::Authorized => {}
                ChargeState::CaptureInitiated
                | ChargeState::Captured(_)
                | ChargeState::Canceled(_)
                | ChargeState::Declined(_) => return Err(Refused::NotAuthorized),
            }
            Ok(Request::CancelCharge { charge_id: charge_id.clone() })
        }
        Asked::Close { reason } => match payment.permission.state {
            PermissionState::Closed(_) => Err(Refused::PermissionClosed),
            PermissionState::Chargeable | PermissionState::NonChargeable(_) => {
                Ok(Request::Close { reason: reason.clone() })
            }
        },
    }
}

/// The named charge, or the only one that can be meant.
fn named_or_only<'a>(
    payment: &'a Payment,
    charge_id: Option<&ChargeId>,
    is_meant: impl Fn(&&'a Charge) -> bool,
) -> Result<&'a Charge, OperationRefused> {
    if let Some(charge_id) = charge_id {
        return payment.charge(charge_id).ok_or(OperationRefused::NoSuchCharge);
    }
    let mut meant = payment.charges.iter().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(charge), None) => Ok(charge),
        (None, _) | (Some(_), Some(_)) => Err(OperationRefused::ChargeNotNamed),
    }
}

/// What may still be refunded of a charge, with everything that is on its way taken off.
#[must_use]
pub fn refundable(payment: &Payment, charge: &Charge, ceiling: RefundCeiling) -> Money {
    let captured = charge.captured();
    let most = match ceiling {
        RefundCeiling::Captured => captured,
        RefundCeiling::Amazon => amazon_limits::ceiling(captured),
    };
    less(less(most, charge.refunded()), payment.refunding(&charge.id))
}
