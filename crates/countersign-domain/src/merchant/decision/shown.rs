//! What Amazon shows when it is asked for one decision.

use alloc::string::String;

use crate::ids::{ChargePermissionId, CheckoutId};
use crate::merchant::after::unexplained::Evidence;
use crate::merchant::attempt::agree::SessionView;
use crate::merchant::payment::amount_view::AmountView;
use crate::merchant::payment::charge::ChargeView;
use crate::merchant::payment::permission::PermissionState;
use crate::merchant::payment::refund::RefundView;
use crate::time::Timestamp;

/// One object, as far as Amazon has shown it in this act.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Shown<T> {
    /// It was not asked for, because nothing names it.
    #[default]
    NotAsked,
    /// No answer, or one that proves nothing: an outage, a timeout, a refused key.
    Silent,
    /// Amazon's own answer that it has no such object.
    Missing,
    /// As Amazon shows it.
    It(T),
}

impl<T> Shown<T> {
    /// What was shown, if anything was.
    pub const fn it(&self) -> Option<&T> {
        if let Self::It(shown) = self { Some(shown) } else { None }
    }
}

/// What a Charge Permission shows of its origin and its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionFacts {
    /// Its id.
    pub id: ChargePermissionId,
    /// Its state.
    pub state: PermissionState,
    /// `creationTimestamp`.
    pub created_at: Option<Timestamp>,
    /// `merchantMetadata.merchantReferenceId`: the buyer's text, which says where to look and proves nothing.
    pub merchant_reference_id: Option<String>,
    /// `limits.amountLimit`.
    pub limit: AmountView,
    /// `limits.amountBalance`.
    pub balance: AmountView,
}

/// A refund, and when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundFacts {
    /// The refund.
    pub view: RefundView,
    /// `creationTimestamp`.
    pub created_at: Option<Timestamp>,
}

/// Everything that Amazon was asked for one decision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AmazonShows {
    /// The attempt's session.
    pub session: Shown<SessionView>,
    /// The permission that the decision or the session names.
    pub permission: Shown<PermissionFacts>,
    /// The charge that the decision or the session names, or the operation concerns.
    pub charge: Shown<ChargeView>,
    /// The refund that the decision names.
    pub refund: Shown<RefundFacts>,
    /// What was shown about a permission that nothing of the order explains.
    pub heard: Evidence,
    /// The checkout to which the permission belongs, as far as this store knows.
    pub holder: Option<CheckoutId>,
    /// The member that names what the holder holds, if there is a holder.
    pub held: Option<&'static str>,
}
