//! The buyer on Amazon's page: what the merchant is shown, and how the buyer's card behaves.

use alloc::string::String;
use core::fmt;

use crate::address::Address;
use crate::ids::BuyerId;

/// A buyer and the data that they share. Its `Debug` prints no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Buyer {
    /// Amazon's id of the buyer.
    pub id: BuyerId,
    /// The buyer's name.
    pub name: Option<String>,
    /// The buyer's e-mail address.
    pub email: Option<String>,
    /// The buyer's telephone number.
    pub phone_number: Option<String>,
    /// Where the parcel goes. Absent for PayOnly.
    pub shipping_address: Option<Address>,
    /// The card's address, if the merchant may see it.
    pub billing_address: Option<Address>,
    /// The card that they pay with.
    pub card: Card,
    /// The delivery option they chose.
    pub delivery_option: Option<String>,
}

impl fmt::Debug for Buyer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buyer").field("id", &self.id).field("card", &self.card).finish_non_exhaustive()
    }
}

macro_rules! cards {
    ($($(#[$doc:meta])+ $name:ident = $digits:literal => $behaviour:ident,)+) => {
        /// One of the cards of Amazon's test buyers, named by its last four digits.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Card {
            $($(#[$doc])+ $name,)+
        }

        impl Card {
            /// Every card.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The last four digits.
            #[must_use]
            pub const fn last_digits(self) -> &'static str {
                match self { $(Self::$name => $digits),+ }
            }

            /// The result of a payment with it.
            #[must_use]
            pub const fn behaviour(self) -> CardBehaviour {
                match self { $(Self::$name => CardBehaviour::$behaviour),+ }
            }
        }
    };
}

cards! {
    /// Visa, pays.
    Visa1111 = "1111" => Pays,
    /// American Express, pays.
    Amex0005 = "0005" => Pays,
    /// Mastercard, pays.
    Mastercard4444 = "4444" => Pays,
    /// Discover, pays.
    Discover9424 = "9424" => Pays,
    /// JCB, pays.
    Jcb0000 = "0000" => Pays,
    /// The buyer cancels.
    BuyerCancels3064 = "3064" => BuyerCancels,
    /// Declined.
    Declined3434 = "3434" => IsDeclined,
    /// Pending, then authorized.
    Pending0701 = "0701" => PendsThenPays,
    /// Pending, then declined.
    Pending4354 = "4354" => PendsThenIsDeclined,
}

impl Card {
    /// The card with these last four digits; `None` if no test buyer has it.
    #[must_use]
    pub fn parse(last_digits: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|card| card.last_digits() == last_digits)
    }

    /// What the merchant may show of it, such as `Visa ****1111 (Amazon Pay)`.
    #[must_use]
    pub fn descriptor(self) -> String {
        let brand = match self {
            Self::Amex0005 => "American Express",
            Self::Mastercard4444 => "Mastercard",
            Self::Discover9424 => "Discover",
            Self::Jcb0000 => "JCB",
            Self::Visa1111
            | Self::BuyerCancels3064
            | Self::Declined3434
            | Self::Pending0701
            | Self::Pending4354 => "Visa",
        };
        alloc::format!("{brand} ****{} (Amazon Pay)", self.last_digits())
    }
}

/// The result of a payment with a card (Amazon's table of test cards).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CardBehaviour {
    /// It pays immediately.
    Pays,
    /// The buyer cancels.
    BuyerCancels,
    /// It is declined.
    IsDeclined,
    /// Its authorization is pending for 30 seconds and is then granted. Only for Authorize with
    /// `canHandlePendingAuthorization`.
    PendsThenPays,
    /// Its authorization is pending for 30 seconds and is then declined, under the same condition.
    PendsThenIsDeclined,
}
