//! What a buyer is shown of an order: what is so now, without what only concerns the shop.

use countersign_domain::merchant::attempt::NotPaidReason;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::standing::Standing;
use countersign_domain::merchant::checkout::verdict::{CheckingReason, Verdict};
use countersign_domain::merchant::payment::Payment;
use countersign_domain::time::Timestamp;

/// What there is to say to a buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuyerNews<'a> {
    NotStarted,
    Checking,
    /// The buyer has not approved the session that was handed over, and may pay with another one.
    NotApproved,
    Pending,
    /// The order is placed; the money is reserved, or agreed.
    Placed,
    Paid,
    PartlyRefunded,
    Refunded,
    /// What was reserved is not reserved any more, by the clock; Amazon has not shown yet whether it was captured.
    Expired,
    /// What was reserved is not reserved any more, and nothing is captured.
    Lapsed,
    Canceling,
    Canceled,
    NotPaid(&'a NotPaidReason),
}

impl<'a> BuyerNews<'a> {
    /// What is so now, for the buyer of the attempt with this verdict: a success is shown as what has become
    /// of it since.
    pub(crate) fn of(checkout: &Checkout, verdict: Verdict<'a>, now: Timestamp) -> Self {
        match verdict {
            Verdict::Registered => Self::NotStarted,
            Verdict::Checking(Some(CheckingReason::NotApproved)) => Self::NotApproved,
            Verdict::Checking(_) => Self::Checking,
            Verdict::Pending(_) => Self::Pending,
            Verdict::NotPaid(reason) => Self::NotPaid(reason),
            Verdict::Canceled => Self::Canceled,
            Verdict::Paid(_) | Verdict::Authorized(_) | Verdict::Confirmed(_) => {
                Self::of_success(checkout, now)
            }
        }
    }

    fn of_success(checkout: &Checkout, now: Timestamp) -> Self {
        let Some(payment) = &checkout.payment else { return Self::Checking };
        let standing = match checkout.standing(now) {
            // What the shop has asked for since is no concern of the buyer's until it is done. While it may take
            // money, nobody says that nothing was charged.
            Standing::Checking | Standing::Pending => match payment.settled_standing(now) {
                Standing::Lapsed => Standing::Capturing,
                settled => settled,
            },
            Standing::Disputed => payment.settled_standing(now),
            other => other,
        };
        match standing {
            Standing::Reserved { .. } | Standing::Confirmed | Standing::Capturing => Self::Placed,
            Standing::Captured | Standing::PartlyCaptured => Self::Paid,
            Standing::PartlyRefunded => Self::PartlyRefunded,
            Standing::Refunded => Self::Refunded,
            Standing::Lapsed if is_held(payment) => Self::Expired,
            Standing::Lapsed => Self::Lapsed,
            Standing::Canceling => Self::Canceling,
            Standing::Canceled => Self::Canceled,
            Standing::Pending
            | Standing::Checking
            | Standing::Contradicted
            | Standing::Unresolved
            | Standing::Disputed
            | Standing::AwaitingPayment
            | Standing::NotPaid => Self::Checking,
        }
    }
}

/// Whether a charge is known to hold money, or to have taken it.
fn is_held(payment: &Payment) -> bool {
    payment.charges.iter().any(|charge| charge.state.holds_money())
}
