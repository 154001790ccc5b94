//! An operation: one thing that the shop, the capture plan or a cancellation asked for, which has at most
//! one effect at Amazon.
//!
//! It is recorded with what it reserves (of the limit, of a charge, of the refund budget), and holds that
//! until it is Done or Refused. In between stands one durable call ([`crate::merchant::call`]).

use alloc::string::String;

use crate::ids::{ChargeId, RefundId};
use crate::merchant::call::{CallKind, InFlight};
use crate::money::Money;
use crate::time::Timestamp;

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

/// Who named an operation, and how. A name stands for one operation of a checkout, forever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationName {
    /// The shop's `reference`.
    Shop(String),
    /// A rule's own.
    Own(OwnName),
}

/// The name of what a rule asks for, and not the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnName {
    /// The capture that the policy makes of a charge.
    PolicyCapture(ChargeId),
    /// What a cancellation undoes.
    Undo {
        /// Which part.
        what: Undoing,
        /// 1 for the first time that it is asked for.
        try_number: u32,
    },
}

/// One part of undoing an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undoing {
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

impl core::fmt::Display for Undoing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::CancelCharge(charge_id) => write!(f, "cancel {charge_id}"),
            Self::Refund(charge_id) => write!(f, "refund {charge_id}"),
            Self::Close => f.write_str("close"),
        }
    }
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
    /// Which call it is.
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

    /// The API's call, as keys, logs and metrics name it.
    #[must_use]
    pub const fn call(&self) -> &'static str {
        self.kind().name()
    }

    /// What it captures, if it captures.
    #[must_use]
    pub const fn captures(&self) -> Option<Money> {
        if let Self::Capture { amount, .. } = self { Some(*amount) } else { None }
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
    /// It may still have its effect.
    InFlight(InFlight),
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

impl core::fmt::Display for Effect {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Charge(id) => id.fmt(f),
            Self::Refund(id) => id.fmt(f),
            Self::Closed => f.write_str("the permission"),
        }
    }
}

impl Operation {
    /// Whether a canceled order's permission is closed before this is over, and not after.
    pub(in crate::merchant) const fn waits_for_close(&self) -> bool {
        matches!(self.request, Request::CreateCharge { .. }) && self.state.is_in_doubt()
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

    /// Whether it is in doubt.
    #[must_use]
    pub const fn is_in_doubt(&self) -> bool {
        matches!(self, Self::InFlight(InFlight::InDoubt(_)))
    }

    /// Whether it never changes again.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        self.in_flight().is_none()
    }

    /// When somebody must look after it; none for a final state.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        self.in_flight().map(InFlight::due_at)
    }

    /// The name of an operation that is on its way.
    pub const SENDING: &'static str = "Sending";

    /// The state's name, as answers and logs carry it.
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
