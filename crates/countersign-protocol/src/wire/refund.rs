//! The Refund in Amazon's answers.

use countersign_domain::ids::{ChargeId, Environment, RefundId};
/// Why a Refund is Declined.
pub use countersign_domain::provider::reason::RefundDeclineReason as RefundReason;
use countersign_domain::time::Timestamp;

use super::word::words;
use super::{Price, Word};
use crate::object;

object! {
    /// Money on its way back to the buyer.
    pub struct Refund {
        refund_id: RefundId = "refundId",
        charge_id: ChargeId = "chargeId",
        refund_amount: Price = "refundAmount",
        soft_descriptor: String = "softDescriptor",
        creation_timestamp: Timestamp = "creationTimestamp",
        status_details: RefundStatus = "statusDetails",
        release_environment: Word<Environment> = "releaseEnvironment",
    }
}

object! {
    /// The state of a Refund.
    pub struct RefundStatus {
        state: Word<RefundState> = "state",
        reason_code: Word<RefundReason> = "reasonCode",
        reason_description: String = "reasonDescription",
        last_updated_timestamp: Timestamp = "lastUpdatedTimestamp",
    }
}

words! {
    /// The states of a Refund.
    RefundState {
        /// On its way.
        RefundInitiated,
        /// The buyer has the money.
        Refunded,
        /// The buyer does not have the money.
        Declined,
    }
}
