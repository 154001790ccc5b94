//! What must hold, whatever is lost, repeated, reordered or killed. The checks are with what they are about:
//! checkouts, payments, prices. The tests of each break its invariants by hand, and the test here fails for an
//! invariant that none of them has broken.

use std::fmt;

/// Declares each invariant with the sentence that it is.
macro_rules! invariants {
    ($($name:ident = $sentence:literal,)+) => {
        /// The invariants.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Invariant {
            $(#[doc = $sentence] $name,)+
        }

        impl Invariant {
            /// All of them.
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
    PaidCalledUnpaid = "no paid order is ever called unpaid",
    UnpaidCalledPaid = "no unpaid order is ever called paid, authorized or confirmed",
    SaidBeforeKept = "what is said is in the store before it is said",
    VerdictChanged = "a definitive verdict and ids once known never change",
    TwoLiveAttempts = "at most one attempt is live",
    NoTimer = "every attempt that is not final has a timer",
    SendChanged = "key and body stay the same while in doubt, and are durable before they leave",
    SentTooLate = "nobody is charged long after they were seen",
    SessionOfTwoOrders = "a session belongs to one order",
    NotQuoted = "nothing is charged but what the order costs where its buyer is",
    Unbalanced = "Amazon's accounts are the sum of its postings, and none is overdrawn",
    PaymentMisread = "what is kept of a charge, refund or operation is Amazon's truth",
    EffectTwice = "an operation has at most one effect",
    RefundedTooMuch = "no more is given back than was taken",
    ClosedUnasked = "a permission is closed for the shop only",
    CanceledUnasked = "an order is canceled for the shop only",
    ForgeryBelieved = "what Amazon did not send is not believed",
    NotificationForgotten = "a notification is kept until its order knows of what it speaks",
    AskedTooOften = "what is in doubt is asked for less and less often",
    FactTwice = "a fact is told once",
    FactFalse = "a fact is so",
    ShippedUnpaid = "a parcel leaves only for money that is held or was taken",
    LedgersDiffer = "both ledgers agree in the end",
    NotUndone = "a canceled order has nothing held and nothing kept",
    NeverDecided = "every attempt is decided in the end",
    UnresolvedWithoutNeed = "unresolved only where Amazon cannot tell",
    SnapshotMissing = "a completed checkout has its snapshot",
    NoEnd = "the world comes to rest",
    WorkLeft = "in the end nothing is due and nothing is to be delivered",
}

impl Invariant {
    /// The name by which a file of `defects/` calls it: as it is written above.
    #[must_use]
    pub fn name(self) -> String {
        format!("{self:?}")
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

/// Broken, as the text shows, if what may never be is so.
pub(crate) fn never<S: Into<String>>(
    is_so: bool,
    invariant: Invariant,
    shown_by: impl FnOnce() -> S,
) -> Held {
    if is_so { broken(invariant, shown_by()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{checkouts, payments, prices, tests, witness};

    #[test]
    fn each_invariant_can_be_broken_and_is_seen_for_what_it_is() {
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
