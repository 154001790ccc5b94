//! What must hold, whatever is lost, repeated, reordered or killed. The checks are with what they are about:
//! checkouts, payments, prices.

use std::fmt;

/// The invariants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Invariant {
    /// No buyer is charged without an order that asked for it.
    ChargedWithoutOrder,
    /// No order is paid twice.
    PaidTwice,
    /// No paid order is ever called unpaid.
    PaidCalledUnpaid,
    /// No unpaid order is ever called paid, authorized or confirmed.
    UnpaidCalledPaid,
    /// What is said of an attempt is in the store before it is said, ids included.
    SaidBeforeKept,
    /// A definitive verdict, and ids once known, never change.
    VerdictChanged,
    /// At most one attempt of a checkout is live.
    TwoLiveAttempts,
    /// Every attempt that is not final has a timer.
    NoTimer,
    /// While an attempt is in doubt its key and body stay the same, to the byte, and both are durable
    /// before they leave.
    SendChanged,
    /// Nobody is charged who has not been seen for longer than the window.
    SentTooLate,
    /// A session belongs to one order.
    SessionOfTwoOrders,
    /// Where the buyer's page asks what an order costs, nothing else is charged.
    NotQuoted,
    /// Amazon's accounts are the sum of its log's postings, and none is overdrawn.
    Unbalanced,
    /// What a payment claims of a charge, a refund or an operation is Amazon's truth.
    PaymentMisread,
    /// Each operation has at most one effect.
    EffectTwice,
    /// No more is given back than was taken.
    RefundedTooMuch,
    /// A permission is closed for the shop only.
    ClosedUnasked,
    /// An order is canceled for the shop only.
    CanceledUnasked,
    /// What Amazon did not send is not believed.
    ForgeryBelieved,
    /// A notification is done with only when its order knows of what it speaks.
    NotificationForgotten,
    /// What is in doubt is asked for less and less often.
    AskedTooOften,
    /// A fact is told to the shop once.
    FactTwice,
    /// A fact is so.
    FactFalse,
    /// A parcel leaves only for money that is held or was taken.
    ShippedUnpaid,
    /// When all faults are over both ledgers agree.
    LedgersDiffer,
    /// A canceled order has nothing held and nothing kept.
    NotUndone,
    /// When all faults are over every attempt is decided.
    NeverDecided,
    /// Unresolved is left only where Amazon truly cannot tell.
    UnresolvedWithoutNeed,
    /// The snapshot of a completed checkout is due with it, and taken in the end.
    SnapshotMissing,
    /// The world comes to rest.
    NoEnd,
}

impl Invariant {
    /// The name by which a file of `defects/` calls it: as it is written above.
    #[must_use]
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::ChargedWithoutOrder => "no buyer is charged without an order",
            Self::PaidTwice => "no order is paid twice",
            Self::PaidCalledUnpaid => "no paid order is ever called unpaid",
            Self::UnpaidCalledPaid => "no unpaid order is ever called paid, authorized or confirmed",
            Self::SaidBeforeKept => "what is said is in the store before it is said",
            Self::VerdictChanged => "a definitive verdict and ids once known never change",
            Self::TwoLiveAttempts => "at most one attempt is live",
            Self::NoTimer => "every attempt that is not final has a timer",
            Self::SendChanged => {
                "key and body stay the same while in doubt, and are durable before they leave"
            }
            Self::SentTooLate => "nobody is charged long after they were seen",
            Self::SessionOfTwoOrders => "a session belongs to one order",
            Self::NotQuoted => "nothing is charged but what the order costs where its buyer is",
            Self::Unbalanced => "Amazon's accounts are the sum of its postings, and none is overdrawn",
            Self::PaymentMisread => "what is kept of a charge, refund or operation is Amazon's truth",
            Self::EffectTwice => "an operation has at most one effect",
            Self::RefundedTooMuch => "no more is given back than was taken",
            Self::ClosedUnasked => "a permission is closed for the shop only",
            Self::CanceledUnasked => "an order is canceled for the shop only",
            Self::ForgeryBelieved => "what Amazon did not send is not believed",
            Self::NotificationForgotten => "a notification is kept until its order knows of what it speaks",
            Self::AskedTooOften => "what is in doubt is asked for less and less often",
            Self::FactTwice => "a fact is told once",
            Self::FactFalse => "a fact is so",
            Self::ShippedUnpaid => "a parcel leaves only for money that is held or was taken",
            Self::LedgersDiffer => "both ledgers agree in the end",
            Self::NotUndone => "a canceled order has nothing held and nothing kept",
            Self::NeverDecided => "every attempt is decided in the end",
            Self::UnresolvedWithoutNeed => "unresolved only where Amazon cannot tell",
            Self::SnapshotMissing => "a completed checkout has its snapshot",
            Self::NoEnd => "the world comes to rest",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// An invariant that does not hold, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) invariant: Invariant,
    pub(crate) shown_by: String,
}

pub(crate) type Held = Result<(), Broken>;

pub(crate) fn broken(invariant: Invariant, shown_by: impl Into<String>) -> Held {
    Err(Broken { invariant, shown_by: shown_by.into() })
}
