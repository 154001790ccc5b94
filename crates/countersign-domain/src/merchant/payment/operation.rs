//! An operation: one request of the shop, the capture plan or a cancellation, which has at most one effect at
//! Amazon.
//!
//! It is recorded with the amount that it reserves (of the limit, of a charge, of the refund budget), and the
//! amount stays reserved until the operation is Done or Refused. Until then there is one durable call
//! ([`crate::merchant::call`]).

use crate::merchant::number::OperationNumber;
use alloc::string::String;

use crate::ids::{ChargeId, RefundId};
use crate::merchant::call::{CallKind, InFlight};
use crate::merchant::rules::CONTRADICTIONS;
use crate::money::Money;
use crate::time::Timestamp;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// 1 for the checkout's first operation.
    pub number: OperationNumber,
    /// The name by which it is identified.
    pub name: OperationName,
    /// The request as it was made: a repeated request is recognized by it.
    pub asked: OperationRequest,
    /// The call that it makes.
    pub request: PaymentCall,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// When it was last sent, if it was.
    pub last_sent_at: Option<Timestamp>,
    /// How many times Amazon turned it away without evaluating it.
    pub turned_away: u32,
    /// How many of the alarms were raised while it waited to be sent.
    pub alarm_count: u32,
    /// How many of its sends were answered with an object that cannot be its effect, counted as far as it matters.
    pub contradicted_count: u32,
    /// The charge or the refund that an answer named without proving that it is the effect: it is looked up.
    pub lead: Option<OperationEffect>,
    /// Its state.
    pub state: OperationState,
}

/// Who named an operation, and how. A name belongs to one operation of a checkout, forever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationName {
    /// The shop's `reference`.
    Shop(String),
    /// A name that one of the rules gave.
    Own(OwnName),
}

/// The name of an operation that a rule requests, not the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnName {
    /// The capture that the policy makes of a charge.
    PolicyCapture(ChargeId),
    /// A part of undoing a canceled order.
    Undo {
        /// Which part.
        what: UndoStep,
        /// 1 for the first time that it is requested.
        try_number: u32,
    },
}

/// One part of undoing an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoStep {
    /// This authorization is canceled.
    CancelCharge(ChargeId),
    /// This capture is refunded.
    Refund(ChargeId),
    /// The permission is closed.
    Close,
}

impl core::fmt::Display for OperationName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Shop(reference) => f.write_str(reference),
            Self::Own(name) => name.fmt(f),
        }
    }
}

impl core::fmt::Display for OwnName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::PolicyCapture(charge_id) => write!(f, "capture {charge_id}"),
            Self::Undo { what, try_number } => write!(f, "{what} {try_number}"),
        }
    }
}

impl core::fmt::Display for UndoStep {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::CancelCharge(charge_id) => write!(f, "cancel {charge_id}"),
            Self::Refund(charge_id) => write!(f, "refund {charge_id}"),
            Self::Close => f.write_str("close"),
        }
    }
}

/// A request as it was made, before defaults were filled in for what it left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationRequest {
    /// A charge under the permission.
    Charge {
        /// The amount.
        amount: Money,
        /// Whether to capture immediately.
        capture_now: bool,
        /// Whether the shop can wait for the authorization.
        can_handle_pending_authorization: bool,
    },
    /// A capture; by default the whole of the only open charge.
    Capture {
        /// The charge to capture.
        charge_id: Option<ChargeId>,
        /// The amount.
        amount: Option<Money>,
    },
    /// A refund; by default what is left of the only captured charge.
    Refund {
        /// The charge to refund.
        charge_id: Option<ChargeId>,
        /// The amount.
        amount: Option<Money>,
    },
    /// Cancels a charge. Only rules request this.
    CancelCharge(ChargeId),
    /// Closes the permission.
    Close {
        /// The reason, in the shop's words.
        reason: Option<String>,
    },
}

impl OperationRequest {
    /// The charge that it names, if it names one.
    #[must_use]
    pub const fn charge_id(&self) -> Option<&ChargeId> {
        match self {
            Self::Capture { charge_id, .. } | Self::Refund { charge_id, .. } => charge_id.as_ref(),
            Self::CancelCharge(charge_id) => Some(charge_id),
            Self::Charge { .. } | Self::Close { .. } => None,
        }
    }
}

/// A call to Amazon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentCall {
    /// Create Charge.
    CreateCharge {
        /// The amount.
        amount: Money,
        /// Whether to capture immediately.
        capture_now: bool,
        /// Whether the shop can wait for the authorization.
        can_handle_pending_authorization: bool,
    },
    /// Capture Charge.
    Capture {
        /// The charge to capture.
        charge_id: ChargeId,
        /// The amount.
        amount: Money,
    },
    /// Create Refund.
    Refund {
        /// The charge to refund.
        charge_id: ChargeId,
        /// The amount.
        amount: Money,
    },
    /// Cancel Charge.
    CancelCharge {
        /// The charge to cancel.
        charge_id: ChargeId,
    },
    /// Close Charge Permission.
    Close {
        /// The reason, in the shop's words.
        reason: Option<String>,
    },
}

impl PaymentCall {
    /// The kind of call.
    #[must_use]
    pub const fn kind(&self) -> CallKind {
        match self {
            Self::CreateCharge { .. } => CallKind::CreateCharge,
            Self::Capture { .. } => CallKind::Capture,
            Self::Refund { .. } => CallKind::Refund,
            Self::CancelCharge { .. } => CallKind::CancelCharge,
            Self::Close { .. } => CallKind::Close,
        }
    }

    /// The API's name of the call, as keys, logs and metrics use it.
    #[must_use]
    pub const fn call(&self) -> &'static str {
        self.kind().name()
    }

    /// The amount that it captures, if it is a capture.
    #[must_use]
    pub const fn captures(&self) -> Option<Money> {
        if let Self::Capture { amount, .. } = self { Some(*amount) } else { None }
    }

    /// The charge that it names; `None` if it creates one or concerns none.
    #[must_use]
    pub const fn charge_id(&self) -> Option<&ChargeId> {
        match self {
            Self::Capture { charge_id, .. }
            | Self::Refund { charge_id, .. }
            | Self::CancelCharge { charge_id } => Some(charge_id),
            Self::CreateCharge { .. } | Self::Close { .. } => None,
        }
    }

    /// The amount that it moves, if it names one.
    #[must_use]
    pub const fn amount(&self) -> Option<Money> {
        match self {
            Self::CreateCharge { amount, .. }
            | Self::Capture { amount, .. }
            | Self::Refund { amount, .. } => Some(*amount),
            Self::CancelCharge { .. } | Self::Close { .. } => None,
        }
    }

    /// The charge that it changes, if it changes one: only one operation at a time may change a charge.
    #[must_use]
    pub const fn changes_charge(&self) -> Option<&ChargeId> {
        match self {
            Self::Capture { charge_id, .. } | Self::CancelCharge { charge_id } => Some(charge_id),
            Self::CreateCharge { .. } | Self::Refund { .. } | Self::Close { .. } => None,
        }
    }
}

/// The state of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationState {
    /// It may still have its effect.
    InFlight(InFlight),
    /// It has had its effect.
    Done(OperationEffect),
    /// It is proved to have had no effect.
    Refused {
        /// Amazon's code, or the state that proves it.
        code: String,
    },
}

/// The result of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationEffect {
    /// This charge was made, captured or canceled.
    Charge(ChargeId),
    /// This refund was made.
    Refund(RefundId),
    /// The permission is closed.
    Closed,
}

impl core::fmt::Display for OperationEffect {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Charge(id) => id.fmt(f),
            Self::Refund(id) => id.fmt(f),
            Self::Closed => f.write_str("the permission"),
        }
    }
}

impl Operation {
    /// Whether it was sent and its result is not known.
    pub(in crate::merchant) const fn is_on_its_way_or_in_doubt(&self) -> bool {
        match self.state {
            OperationState::InFlight(InFlight::Sent { .. } | InFlight::InDoubt(_)) => true,
            OperationState::InFlight(InFlight::Recorded { .. })
            | OperationState::Done(_)
            | OperationState::Refused { .. } => false,
        }
    }

    /// Whether it is a try of this part of undoing the order.
    #[must_use]
    pub fn is_undo_of(&self, what: &UndoStep) -> bool {
        matches!(&self.name, OperationName::Own(OwnName::Undo { what: known, .. }) if known == what)
    }

    /// Whether it is on its way, or may have had its effect.
    pub(in crate::merchant) const fn was_sent(&self) -> bool {
        matches!(self.state, OperationState::InFlight(InFlight::Sent { .. } | InFlight::InDoubt(_)))
    }

    /// Whether no look and no repetition can settle it: Amazon answers the same bytes under the same key with an object
    /// that cannot be its effect, and has no list in which its own could be found.
    #[must_use]
    pub const fn is_beyond_looks(&self) -> bool {
        matches!(self.request, PaymentCall::CreateCharge { .. })
            && self.state.is_in_doubt()
            && self.contradicted_count >= CONTRADICTIONS
    }

    /// Whether, in a canceled order, this must wait until the permission is closed.
    pub(in crate::merchant) const fn waits_for_close(&self) -> bool {
        matches!(self.request, PaymentCall::CreateCharge { .. }) && self.state.is_in_doubt()
    }
}

impl OperationState {
    /// The call, while it may still have its effect.
    #[must_use]
    pub const fn in_flight(&self) -> Option<&InFlight> {
        if let Self::InFlight(in_flight) = self { Some(in_flight) } else { None }
    }

    pub(in crate::merchant) const fn in_flight_mut(&mut self) -> Option<&mut InFlight> {
        if let Self::InFlight(in_flight) = self { Some(in_flight) } else { None }
    }

    /// Whether its call is in doubt.
    #[must_use]
    pub const fn is_in_doubt(&self) -> bool {
        matches!(self, Self::InFlight(InFlight::InDoubt(_)))
    }

    /// Whether it is final.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        self.in_flight().is_none()
    }

    /// When it is due; `None` for a final state.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        self.in_flight().map(InFlight::due_at)
    }

    /// The name of an operation that is on its way.
    pub const SENDING: &'static str = "Sending";

    /// The state's name, as it appears in answers and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::InFlight(InFlight::Recorded { .. }) => "Recorded",
            Self::InFlight(InFlight::Sent { .. }) => Self::SENDING,
            Self::InFlight(InFlight::InDoubt(_)) => "InDoubt",
            Self::Done(_) => "Done",
            Self::Refused { .. } => "Refused",
        }
    }
}
