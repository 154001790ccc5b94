//! What must be true, whatever is lost, repeated, reordered or killed. The checks are in
//! `checkouts`, `payments` and `prices`, by what they check. Each module's tests break its
//! invariants by hand, and the test here fails for an invariant that none of them has broken.

use std::fmt;

/// Declares each invariant with its sentence.
macro_rules! invariants {
    ($($name:ident = $sentence:literal,)+) => {
        /// The invariants.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Invariant {
            $(#[doc = $sentence] $name,)+
        }

        impl Invariant {
            /// All invariants.
            pub const ALL: &[Self] = &[$(Self::$name,)+];
        }

        impl fmt::Display for Invariant {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $sentence,)+ })
            }
        }
    };
}

invariants! {
    ChargedWithoutOrder = "no buyer is charged without an order",
    PaidTwice = "no order is paid twice",
    CartPaidTwice = "of the orders of one cart at most one is paid",
    PaidElsewhere = "one payment at Amazon pays for at most one order of all integrations",
    NotOursTouched = "nothing that another integration made is touched",
    PaidCalledUnpaid = "no paid order is ever called unpaid",
    UnpaidCalledPaid = "no unpaid order is ever called paid, authorized or confirmed",
    SaidBeforeKept = "what an answer says is stored before the answer is sent",
    VerdictChanged = "a definitive verdict and ids once known never change",
    TwoLiveAttempts = "at most one attempt is live",
    NoTimer = "every attempt that is not final has a timer",
    SendChanged = "key and body stay the same while in doubt, and are durable before they are sent",
    SentTooLate = "no buyer is charged long after they were last seen",
    SentThoughHeld = "no payment of an order that can charge is sent while a permission that names it is not explained",
    SessionOfTwoOrders = "a session belongs to one order",
    NotQuoted = "the amount charged is what the order costs in its buyer's country",
    Unbalanced = "each of Amazon's accounts is the sum of its postings, and none is overdrawn",
    PaymentMisread = "what the merchant half stores about a charge, refund or operation is true at Amazon",
    EffectTwice = "an operation has at most one effect",
    RefundedTooMuch = "no more is refunded than was captured",
    ClosedUnasked = "a permission is closed only when the shop asks for it",
    CanceledUnasked = "an order is canceled only when the shop asks for it",
    ForgeryBelieved = "a notification that Amazon did not send is not accepted",
    NotificationForgotten = "a notification is kept until its order reflects what it is about",
    AskedTooOften = "an operation in doubt is sent again less and less often",
    FactTwice = "the shop gets each fact once",
    FactFalse = "every fact is true",
    ShippedUnpaid = "a parcel may leave only for money that is authorized or captured",
    UnexplainedWithoutNeed = "a permission of no session is unexplained only if its money is taken, or held for 25 hours",
    LedgersDiffer = "in the end both halves' ledgers agree",
    NotUndone = "for a canceled order no money is held or kept",
    NeverDecided = "in the end every attempt is decided",
    UnresolvedWithoutNeed = "an attempt is unresolved only if Amazon does not show its outcome",
    SnapshotMissing = "a completed checkout has its snapshot",
    NotSettled = "48 hours after Amazon's last deadline everything is settled or needs a person",
    NoEnd = "the world comes to an end",
    WorkLeft = "in the end nothing is due and nothing is undelivered",
}

impl Invariant {
    /// The invariant's name in the files of `defects/`, which is the variant's name.
    #[must_use]
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

/// An invariant that does not hold, and the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BrokenInvariant {
    pub(crate) invariant: Invariant,
    pub(crate) shown_by: String,
}

pub(crate) type CheckResult = Result<(), BrokenInvariant>;

pub(crate) fn broken(invariant: Invariant, shown_by: impl Into<String>) -> CheckResult {
    Err(BrokenInvariant { invariant, shown_by: shown_by.into() })
}

/// Fails, with this text as evidence, if something that must never happen has happened.
pub(crate) fn never<S: Into<String>>(
    is_so: bool,
    invariant: Invariant,
    shown_by: impl FnOnce() -> S,
) -> CheckResult {
    if is_so { broken(invariant, shown_by()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{checkouts, payments, prices, tests, witness};

    #[test]
    fn each_invariant_can_be_broken_and_is_recognized() {
        let cases = [
            ("checkouts", checkouts::tests::broken_by_hand()),
            ("payments", payments::tests::broken_by_hand()),
            ("prices", prices::tests::broken_by_hand()),
            ("witness", witness::tests::broken_by_hand()),
            ("run", tests::broken_by_hand()),
        ];
        let mut seen = HashSet::new();
        for (place, cases) in cases {
            for (number, (expected, held)) in cases.into_iter().enumerate() {
                let found = held.map_err(|broken| broken.invariant);
                assert_eq!(found, Err(expected), "case {number} of {place}");
                seen.insert(expected);
            }
        }
        let unbroken: Vec<_> = Invariant::ALL.iter().filter(|invariant| !seen.contains(invariant)).collect();
        assert!(unbroken.is_empty(), "no test has broken {unbroken:?}");
    }
}
