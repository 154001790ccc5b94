//! What a world can have besides a shop, its buyers and a bad network. A world that can have a feature has it in a
//! share of the seeds, so that every other seed still runs the world that it always did. A feature that finds a
//! fault that is not fixed yet is left out of [`Features::DEFAULT`], by its name, and can be switched on.

use std::fmt;

/// Declares the features: their names, whether they are on by default, in which seeds they are, and what is counted
/// each time that one of them really happens.
macro_rules! features {
    ($($(#[$doc:meta])+ $feature:ident = $name:literal, $default:ident, seeds $which:literal of $of:literal,
        counts $counted:literal;)+) => {
        /// Something that a world can have.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Feature {
            $($(#[$doc])+ $feature,)+
        }

        impl Feature {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$feature,)+];

            /// Its name on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$feature => $name,)+ }
            }

            /// What the run counts each time that it happens.
            #[must_use]
            pub const fn counted_as(self) -> &'static str {
                match self { $(Self::$feature => $counted,)+ }
            }

            const fn is_default(self) -> bool {
                match self { $(Self::$feature => features!(@is $default),)+ }
            }

            /// Whether the world of this seed has it, if it may.
            const fn is_in(self, seed: u64) -> bool {
                match self { $(Self::$feature => seed % $of == $which,)+ }
            }
        }
    };
    (@is on) => { true };
    (@is off) => { false };
}

features! {
    /// The shop registers some carts under two order numbers, and some orders in place of others.
    Carts = "carts", on, seeds 2 of 4, counts "waits for another order of its cart";
    /// In worlds with an odd seed, whose settings do not say that this server is the account's only integration:
    /// another integration on the account sells by rules of its own: it finalizes, charges, captures, cancels,
    /// refunds and closes what it has made. Its buyers write any order's id into their buttons, and it
    /// rewrites references after the payment.
    OwnSales = "own-sales", on, seeds 1 of 6, counts "sold elsewhere";
    /// The other integration sells to buyers who write this shop's orders into their buttons, with the same terms,
    /// and Amazon's notifications about its sales reach this shop, too. It only captures them, or lets them lapse.
    NamedOrders = "named-orders", on, seeds 5 of 8, counts "named order: captured elsewhere";
    /// Buyers come back to this shop with sessions that the other integration finalizes, too.
    ForeignSessions = "foreign-sessions", on, seeds 1 of 6, counts "came back with a foreign session";
    /// The other integration charges, captures, cancels and refunds under this shop's permissions.
    ActsOnOurs = "acts-on-ours", on, seeds 1 of 6, counts "elsewhere: an act on ours";
    /// A member is missing in some of Amazon's answers.
    LeftOut = "left-out", on, seeds 4 of 5, counts "an answer with a member left out";
    /// A Get is sometimes answered with another object of the same kind.
    Crossed = "crossed", on, seeds 4 of 5, counts "another object's answer";
    /// Persons decide daily what nothing else has settled 48 hours after Amazon's last deadline.
    Persons = "persons", on, seeds 1 of 2, counts "with persons: settled";
    /// Other persons decide before them, at random.
    WrongDecisions = "wrong-decisions", on, seeds 3 of 4, counts "decided at random";
    /// A Finalize is sometimes answered with the ids of an earlier payment.
    KnownIds = "known-ids", on, seeds 4 of 5, counts "known ids";
    /// When a buyer places an order, Amazon sometimes authorizes it at once, before any Finalize: the permission names
    /// the order, Get Checkout Session may show it, and notifications report it. It is canceled within 24 hours.
    EarlyAuthorizations = "early-authorizations", on, seeds 1 of 3, counts "authorized before Finalize";
    /// Persons decide about operations that are in doubt, too, rightly and wrongly, and correct it later.
    DecidedOperations = "decided-operations", on, seeds 1 of 2, counts "an operation is decided";
    /// Buyers dispute what was captured. Amazon notifies of that, and persons say how it ended, rightly and wrongly.
    Disputes = "disputes", on, seeds 5 of 12, counts "a dispute is decided";
    /// A copy of a Finalize, or of a call that changes a payment, sometimes arrives at Amazon hours or days later.
    LateCopies = "late-copies", on, seeds 2 of 3, counts "a copy that arrives hours later";
    /// Get Checkout Session sometimes shows a session Open after it was completed, for as long as the session may be
    /// Open by Amazon's own rules.
    StaleOpens = "stale-opens", on, seeds 0 of 5, counts "shown Open after it was completed";
}

/// A set of features.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Features(u32);

impl Features {
    /// What every run has unless it says otherwise.
    pub const DEFAULT: Self = Self::of(false);
    /// Everything.
    pub const ALL: Self = Self::of(true);

    const fn of(all: bool) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < Feature::ALL.len() {
            if all || Feature::ALL[at].is_default() {
                set |= 1 << at;
            }
            at += 1;
        }
        Self(set)
    }

    /// With this one, too.
    #[must_use]
    pub const fn with(self, feature: Feature) -> Self {
        Self(self.0 | 1 << feature as u16)
    }

    /// Without this one.
    #[must_use]
    pub const fn without(self, feature: Feature) -> Self {
        Self(self.0 & !(1 << feature as u16))
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn includes(self, feature: Feature) -> bool {
        self.0 & 1 << feature as u16 != 0
    }

    /// Whether the world of a seed has it.
    pub(crate) const fn has(self, feature: Feature, seed: u64) -> bool {
        self.includes(feature) && feature.is_in(seed)
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Feature::ALL.iter().filter(|feature| self.includes(**feature));
        f.debug_set().entries(names.map(|feature| feature.name())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_switched_on_and_off_by_itself() {
        for feature in Feature::ALL.iter().copied() {
            let seed = (0..100).find(|seed| feature.is_in(*seed)).unwrap();
            assert!(Features::ALL.has(feature, seed), "{feature:?}");
            assert!(!Features::ALL.without(feature).has(feature, seed), "{feature:?}");
            assert!(Features::DEFAULT.with(feature).has(feature, seed), "{feature:?}");
            assert!((0..100).any(|seed| !Features::ALL.has(feature, seed)), "{feature:?} is in every world");
        }
    }
}
