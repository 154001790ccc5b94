//! The terms of a payment that both halves speak of: what is bought, how it is to be paid, and what
//! the merchant noted beside it.

use alloc::string::String;

/// Declares a closed enumeration of the API. A variant's name is its word unless one is given.
macro_rules! words {
    ($(#[$doc:meta])+ $name:ident { $($(#[$variant_doc:meta])+ $variant:ident $(= $word:literal)?,)+ }) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])+ $variant,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The API's word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => words!(@word $variant $($word)?)),+ }
            }

            /// Reads the API's word, in the API's spelling only.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
    (@word $variant:ident) => { stringify!($variant) };
    (@word $variant:ident $word:literal) => { $word };
}

pub(crate) use words;

words! {
    /// What Amazon's page asks the buyer for.
    ProductType {
        /// A parcel: the shipping address is payment-critical.
        PayAndShip,
        /// Nothing to ship: the billing address is payment-critical.
        PayOnly,
    }
}

words! {
    /// What a successful Finalize does with the buyer's money.
    PaymentIntent {
        /// Nothing yet: a Charge Permission only.
        Confirm,
        /// Reserve the amount; capture later.
        Authorize,
        /// Reserve and capture at once.
        AuthorizeWithCapture,
    }
}

/// The merchant's own notes on an order. Amazon shows some of them to the buyer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MerchantMetadata {
    /// The order's number at the merchant; at most 256 characters.
    pub merchant_reference_id: Option<String>,
    /// At most 50 characters.
    pub merchant_store_name: Option<String>,
    /// At most 255 characters.
    pub note_to_buyer: Option<String>,
    /// At most 4,096 characters.
    pub custom_information: Option<String>,
}

impl MerchantMetadata {
    /// These notes, with every member that `update` has taken over.
    #[must_use]
    pub fn updated(self, update: Self) -> Self {
        Self {
            merchant_reference_id: update.merchant_reference_id.or(self.merchant_reference_id),
            merchant_store_name: update.merchant_store_name.or(self.merchant_store_name),
            note_to_buyer: update.note_to_buyer.or(self.note_to_buyer),
            custom_information: update.custom_information.or(self.custom_information),
        }
    }
}
