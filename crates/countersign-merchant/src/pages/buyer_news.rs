//! What a buyer is shown of an order: what is so now, without what only concerns the shop.

use countersign_domain::merchant::attempt::NotPaidReason;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::standing::Standing;
use countersign_domain::merchant::checkout::verdict::Verdict;
use countersign_domain::merchant::payment::Payment;
use countersign_domain::time::Timestamp;

/// What there is to say to a buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuyerNews<'a> {
    NotStarted,
    Checking,
    Pending,
    /// The order is placed; the money is reserved, or agreed.
    Placed,
    Paid,
    PartlyRefunded,
    Refunded,
    /// What was reserved is not reserved any more.
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
        // What the shop has asked for since is no concern of the buyer's until it is done.
        let money = |payment: &Payment| payment.settled_standing(now);
        let standing = match checkout.standing(now) {
            open @ (Standing::Checking | Standing::Pending | Standing::Capturing) => {
                checkout.payment.as_ref().map_or(open, money)
            }
            other => other,
        };
        match standing {
            Standing::Reserved { .. } | Standing::Confirmed | Standing::Capturing => Self::Placed,
            Standing::Captured | Standing::PartlyCaptured => Self::Paid,
            Standing::PartlyRefunded => Self::PartlyRefunded,
            Standing::Refunded => Self::Refunded,
            Standing::Lapsed => Self::Lapsed,
            Standing::Canceling => Self::Canceling,
            Standing::Canceled => Self::Canceled,
            Standing::Pending
            | Standing::Checking
            | Standing::Contradicted
            | Standing::Unresolved
            | Standing::AwaitingPayment
            | Standing::NotPaid => Self::Checking,
        }
    }
}
