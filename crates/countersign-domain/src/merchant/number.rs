//! The numbers by which a checkout counts its attempts and its operations, and a call its keys.

/// Declares a number that counts from 1. It is a type of its own, so that no other number can be used in its
/// place.
macro_rules! ordinal {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The first.
            pub const FIRST: Self = Self(1);

            /// The one with this number.
            #[must_use]
            pub const fn new(number: u32) -> Self {
                Self(number)
            }

            /// Its number.
            #[must_use]
            pub const fn get(self) -> u32 {
                self.0
            }

            /// The next number.
            pub(in crate::merchant) const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(&self.0, f)
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

ordinal! {
    /// Which attempt of a checkout this is, in the order in which their sessions were bound.
    AttemptNumber
}

ordinal! {
    /// Which operation of a payment this is, in the order in which they were recorded.
    OperationNumber
}

ordinal! {
    /// Which key of a call this is. It rises only for a Finalize, and only after an answer that proves that
    /// there was no effect, or when the same stored 5xx was replayed three times while the session was still
    /// open.
    KeyOrdinal
}
