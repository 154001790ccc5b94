//! Why an object is in its state: Amazon's reason codes, one enumeration for each state that has reasons. The
//! objects and the event log share them; each object's module re-exports its own.

use crate::words::words;

words! {
    /// Why a session is Canceled.
    SessionCancelReason {
        /// The buyer canceled.
        BuyerCanceled,
        /// 24 hours passed.
        Expired,
        /// Amazon canceled, not because of the payment.
        AmazonCanceled,
        /// The payment was declined.
        Declined,
    }
}

words! {
    /// Why a permission cannot be charged now.
    NonChargeableReason {
        /// An open charge holds all that is left.
        ChargeInProgress,
        /// The last charge was declined: the buyer must choose another payment method.
        PaymentMethodInvalid,
    }
}

words! {
    /// Why a permission is Closed.
    ClosureReason {
        /// The merchant closed it.
        MerchantClosed,
        /// The buyer closed it.
        BuyerClosed,
        /// Amazon closed it: everything was captured.
        AmazonClosed,
        /// Amazon canceled it.
        AmazonCanceled,
        /// It has expired.
        Expired,
    }
}

words! {
    /// Why a charge is Canceled.
    ChargeCancelReason {
        /// Nothing was captured in time.
        ExpiredUnused,
        /// Amazon canceled it.
        AmazonCanceled,
        /// The merchant canceled it.
        MerchantCanceled,
        /// Its permission was closed.
        ChargePermissionCanceled,
        /// The buyer canceled it.
        BuyerCanceled,
    }
}

words! {
    /// Why a charge is Declined.
    ChargeDeclineReason {
        /// Trying again may work.
        SoftDeclined,
        /// Only another payment method can work.
        HardDeclined,
        /// Amazon declined it; the permission is canceled too.
        AmazonRejected,
        /// An error of Amazon's.
        ProcessingFailure,
        /// Nobody answered in time.
        TransactionTimedOut,
    }
}

words! {
    /// Why a refund is Declined.
    RefundDeclineReason {
        /// Amazon declined it: refund by other means.
        AmazonRejected,
        /// An internal error, or the buyer has already been refunded through a claim.
        ProcessingFailure,
    }
}
