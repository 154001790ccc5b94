//! Permissions that name an order, although none of its sessions is known to have made them. The rules that
//! judge them are in `after/unexplained.rs`.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{ChargeId, ChargePermissionId, RefundId};
use crate::merchant::call::{KeyedRequest, LookSchedule};
use crate::merchant::number::AttemptNumber;
use crate::merchant::payment::operation::PaymentCall;
use crate::merchant::rules::{ALARMS, MAX_UNEXPLAINED_CHARGES};
use crate::money::Money;
use crate::time::Timestamp;
use crate::words::words;

/// A permission that names the order: a notification was about it, and its `merchantReferenceId` is the
/// order's. The buyer's browser sets that reference, so it says where to look, and proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unexplained {
    /// The permission.
    pub charge_permission_id: ChargePermissionId,
    /// The charges under it that were named, oldest first.
    pub charge_ids: Vec<ChargeId>,
    /// The attempt whose session names it, if one does: that session was completed by somebody else.
    pub attempt: Option<AttemptNumber>,
    /// The money that Amazon has last shown to be held or captured.
    pub amount: Option<Money>,
    /// When it was first heard of.
    pub heard_at: Timestamp,
    /// When Amazon was last asked about it.
    pub asked_at: Option<Timestamp>,
    /// The call by which its money is returned, once persons have decided that.
    pub returning: Option<Returning>,
    /// What is known of it.
    pub state: UnexplainedState,
}

/// A call that returns the money of a permission that is not the order's payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returning {
    /// Create Refund or Cancel Charge.
    pub call: PaymentCall,
    /// 1 for the first time that persons have decided it for this permission.
    pub try_number: u32,
    /// When they did.
    pub since: Timestamp,
    /// What is known of the call.
    pub state: ReturnState,
}

/// What is known of a call that returns money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReturnState {
    /// It is sent as soon as Amazon has shown that its money is still there.
    Recorded,
    /// It has left, and Amazon has not said that it has accepted it: the same bytes leave again after each look
    /// that still shows the money.
    Sent {
        /// The bytes and their key.
        send: KeyedRequest,
        /// When they left last.
        sent_at: Timestamp,
        /// When they left before that, if they did.
        earlier_at: Option<Timestamp>,
    },
    /// Amazon has accepted it; looks show when the money is returned.
    Accepted {
        /// The refund that it made; `None` for a charge that was canceled.
        refund_id: Option<RefundId>,
    },
    /// It has had no effect; persons may decide again.
    Refused {
        /// Amazon's code, or the state that proves it.
        code: String,
    },
}

impl Returning {
    /// The refund that Amazon has accepted, if it is one.
    #[must_use]
    pub const fn refund_id(&self) -> Option<&RefundId> {
        match &self.state {
            ReturnState::Accepted { refund_id } => refund_id.as_ref(),
            ReturnState::Recorded | ReturnState::Sent { .. } | ReturnState::Refused { .. } => None,
        }
    }
}

impl ReturnState {
    /// The state's name, as it appears in answers.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Recorded => "Recorded",
            Self::Sent { .. } => "Sent",
            Self::Accepted { .. } => "Accepted",
            Self::Refused { .. } => "Refused",
        }
    }
}

/// What is known of a permission that names the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnexplainedState {
    /// The order's sessions have not all been looked at since it was heard of.
    Heard {
        /// When to look at them.
        look: LookSchedule,
    },
    /// The sessions were looked at. It may still turn out to be explained, or to be without money.
    Watched {
        /// When to look again.
        look: LookSchedule,
    },
    /// It is unexplained: the shop and the operator were notified.
    Open {
        /// Why.
        reason: UnexplainedReason,
        /// Since when.
        since: Timestamp,
        /// When to look again.
        look: LookSchedule,
    },
    /// Nothing more is asked or decided about it.
    Over {
        /// How it ended.
        end: UnexplainedEnd,
        /// When.
        at: Timestamp,
    },
}

words! {
    /// Why a permission is unexplained.
    UnexplainedReason {
        /// No session of the order names it.
        NoSession,
        /// A session of the order was paid in addition to another payment of the order.
        PaidTwice,
        /// A session of the order was completed, though not by this shop's Finalize.
        CompletedElsewhere,
    }
}

words! {
    /// How a permission that names the order ended.
    UnexplainedEnd {
        /// It holds no money: it was declined, canceled or closed, or nothing was ever charged.
        Noted,
        /// Its money was returned: canceled, or refunded in full.
        Returned,
        /// It belongs to another order of this store.
        OfAnotherOrder,
        /// A person has decided that it is this order's payment.
        Ours,
        /// A person has decided that it is not this order's payment.
        NotOurs,
    }
}

impl UnexplainedState {
    /// Whether it is unexplained.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// Whether no Finalize of the order may leave because of it.
    #[must_use]
    pub const fn holds(&self) -> bool {
        matches!(self, Self::Heard { .. } | Self::Open { .. })
    }

    /// When to look again; `None` when it is over.
    #[must_use]
    pub const fn look(&self) -> Option<LookSchedule> {
        match self {
            Self::Heard { look } | Self::Watched { look } | Self::Open { look, .. } => Some(*look),
            Self::Over { .. } => None,
        }
    }

    pub(in crate::merchant) const fn look_mut(&mut self) -> Option<&mut LookSchedule> {
        match self {
            Self::Heard { look } | Self::Watched { look } | Self::Open { look, .. } => Some(look),
            Self::Over { .. } => None,
        }
    }

    /// The state's name, as it appears in answers.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Heard { .. } => "Heard",
            Self::Watched { .. } => "Watched",
            Self::Open { .. } => "Open",
            Self::Over { .. } => "Over",
        }
    }
}

impl Unexplained {
    /// Whether its money is being returned.
    #[must_use]
    pub fn is_returning(&self) -> bool {
        self.returning.as_ref().is_some_and(|it| match it.state {
            ReturnState::Recorded | ReturnState::Sent { .. } | ReturnState::Accepted { .. } => true,
            ReturnState::Refused { .. } => false,
        })
    }

    /// Whether only a person can help: it is unexplained, and its money is not on its way back, or has been for longer
    /// than the last alarm of a doubt.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        let since = self.returning.as_ref().filter(|_| self.is_returning()).map(|it| it.since);
        let lasts = since
            .zip(self.asked_at)
            .is_some_and(|(since, at)| ALARMS.last().is_some_and(|last| at.since(since) >= *last));
        self.state.is_open() && (since.is_none() || lasts)
    }

    /// Adds a charge to those that are looked at, unless it is one of them; the oldest one makes room.
    pub(in crate::merchant) fn note_charge(&mut self, charge: &ChargeId) {
        if self.charge_ids.contains(charge) {
            return;
        }
        if self.charge_ids.len() >= MAX_UNEXPLAINED_CHARGES {
            self.charge_ids.remove(0);
        }
        self.charge_ids.push(charge.clone());
    }

    /// The charge that was named last, if one was.
    #[must_use]
    pub fn charge_id(&self) -> Option<&ChargeId> {
        self.charge_ids.last()
    }
}
