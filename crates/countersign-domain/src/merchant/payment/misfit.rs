//! How an answer of Amazon's contradicts what is known.

use crate::words::words;

words! {
    /// How an answer contradicts what is known.
    Misfit {
        /// The charge is under another permission.
        ChargePermissionDiffers,
        /// An amount is in another currency.
        CurrencyDiffers,
        /// `chargeAmount` is another amount.
        ChargeAmountDiffers,
        /// `captureAmount` is another amount.
        CaptureAmountDiffers,
        /// `refundAmount` is another amount.
        RefundAmountDiffers,
        /// The object belongs to another act, of this order or of another one.
        OfAnotherAct,
        /// The state excludes what was proved.
        StateDiffers,
        /// An amount was shown three times in a form that cannot be read.
        AmountUnreadable,
        /// It was paid under terms that are no longer the order's.
        TermsMoved,
        /// It was paid, and so was another session of the order.
        PaidTwice,
        /// An answer names another id than the one that was asked for or was proved.
        IdsDiffer,
        /// The permission has another merchant reference than this order's.
        ReferenceDiffers,
    }
}

impl Misfit {
    /// The misfit in words, for the operator.
    #[must_use]
    pub const fn found(self) -> &'static str {
        match self {
            Self::ChargePermissionDiffers => "a charge under another permission",
            Self::CurrencyDiffers => "an amount in another currency",
            Self::ChargeAmountDiffers => "a charge of another amount",
            Self::CaptureAmountDiffers => "a capture of another amount",
            Self::RefundAmountDiffers => "a refund of another amount",
            Self::OfAnotherAct => "an object that another act has made",
            Self::StateDiffers => "a state that excludes what was proved",
            Self::AmountUnreadable => "an amount that cannot be read",
            Self::TermsMoved => "a payment by earlier terms",
            Self::PaidTwice => "a payment beside another payment of the order",
            Self::IdsDiffer => "an answer with another id",
            Self::ReferenceDiffers => "a permission with the reference of another order",
        }
    }
}
