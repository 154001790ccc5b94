//! Load, decide, write: the only place that calls the store. Each function reads what it needs, asks
//! the domain for one decision, and commits it whole, with the answer that is remembered for its
//! idempotency key. `http/` and `control/` call these functions; `runner` calls [`App::apply_due`].

pub(crate) mod after_result;
pub(crate) mod alarm;
pub(crate) mod change;
pub(crate) mod checkout_session;
pub(crate) mod due;
pub(crate) mod events;
pub(crate) mod finalize;
pub(crate) mod moment;
pub(crate) mod notifications;
pub(crate) mod payment;
pub(crate) mod recent;
pub(crate) mod reply;
pub(crate) mod test_buyer;
pub(crate) mod visit;

use std::sync::Arc;

use countersign_domain::provider::cancel_charge::CancelRefused;
use countersign_domain::provider::capture_charge::CaptureRefused;
use countersign_domain::provider::checkout_session::SessionRefused;
use countersign_domain::provider::close_charge_permission::CloseRefused;
use countersign_domain::provider::create_charge::CreateChargeRefused;
use countersign_domain::provider::create_refund::CreateRefundRefused;
use countersign_domain::provider::finalize::FinalizeRefused;
use countersign_domain::provider::ledger::Unbalanced;
use countersign_domain::provider::payment_details::PaymentDetailsRefused;
use countersign_store::contract::{Store, StoreError};
pub(crate) use countersign_store::transact::StoreFailed;
use countersign_store::transact::{Decision, decide};

use crate::clock::VirtualClock;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::merchants::Merchants;
use crate::notify::Notices;
use crate::settings::Settings;
use alarm::Alarm;
use due::Stuck;
use recent::Recent;

/// Everything that Amazon's half works with.
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: VirtualClock,
    pub(crate) ids: Ids,
    pub(crate) settings: Settings,
    pub(crate) merchants: Merchants,
    pub(crate) faults: Faults,
    pub(crate) notices: Notices,
    pub(crate) recent: Recent,
    pub(crate) alarm: Alarm,
    /// Held by whoever applies what is due.
    pub(crate) applying: tokio::sync::Mutex<Stuck>,
    /// Read by whoever has a moment.
    pub(crate) moments: tokio::sync::RwLock<()>,
}

/// Why a call changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The idempotency key was used for another request.
    DuplicateIdempotencyKey,
    /// There is no such object of this merchant's in this environment.
    NotFound,
    /// The session or the buyer cannot do this.
    Session(SessionRefused),
    /// A new session's payment part breaks a rule.
    Payment(PaymentDetailsRefused),
    /// The ladder of Finalize and Complete.
    Finalize(FinalizeRefused),
    /// The ladder of Create Charge.
    CreateCharge(CreateChargeRefused),
    /// The ladder of Capture Charge.
    Capture(CaptureRefused),
    /// The charge can no longer be canceled.
    NotCancelable,
    /// The ladder of Create Refund.
    CreateRefund(CreateRefundRefused),
    /// A Closed permission takes no other notes.
    NotModifiable,
    /// A Closed permission cannot be closed, and no buyer mends it.
    PermissionClosed,
    /// The store let the caller down.
    Store(StoreFailed),
}

impl From<CreateChargeRefused> for Refused {
    fn from(refused: CreateChargeRefused) -> Self {
        Self::CreateCharge(refused)
    }
}

impl From<CaptureRefused> for Refused {
    fn from(refused: CaptureRefused) -> Self {
        Self::Capture(refused)
    }
}

impl From<CancelRefused> for Refused {
    fn from(refused: CancelRefused) -> Self {
        match refused {
            CancelRefused::NotCancelable => Self::NotCancelable,
            CancelRefused::Unbalanced(unbalanced) => unbalanced.into(),
        }
    }
}

impl From<CloseRefused> for Refused {
    fn from(refused: CloseRefused) -> Self {
        match refused {
            CloseRefused::PermissionClosed => Self::PermissionClosed,
            CloseRefused::Unbalanced(unbalanced) => unbalanced.into(),
        }
    }
}

impl From<Unbalanced> for Refused {
    fn from(unbalanced: Unbalanced) -> Self {
        Self::Store(broken(unbalanced))
    }
}

/// What was stored of a payment is broken.
fn broken(unbalanced: Unbalanced) -> StoreFailed {
    StoreFailed::Unreadable(unbalanced.to_string())
}

impl From<CreateRefundRefused> for Refused {
    fn from(refused: CreateRefundRefused) -> Self {
        Self::CreateRefund(refused)
    }
}

impl From<StoreFailed> for Refused {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<SessionRefused> for Refused {
    fn from(refused: SessionRefused) -> Self {
        Self::Session(refused)
    }
}

impl From<FinalizeRefused> for Refused {
    fn from(refused: FinalizeRefused) -> Self {
        Self::Finalize(refused)
    }
}

impl From<PaymentDetailsRefused> for Refused {
    fn from(refused: PaymentDetailsRefused) -> Self {
        Self::Payment(refused)
    }
}

impl App {
    /// Runs a decision until it is committed. What the store did to it becomes the caller's error.
    async fn transact<T, E: From<StoreFailed>, F>(&self, decision: impl FnMut() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<Decision<T>, E>>,
    {
        decide(&*self.store, decision).await
    }
}
