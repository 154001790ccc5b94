//! The cart of an order: what it has in common with other orders, and what they mean for it. The rules are in
//! [`super::sharing`].

use alloc::string::String;

use crate::ids::CheckoutId;

/// The cart of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cart {
    /// What its orders have in common.
    pub key: CartKey,
    /// The checkout whose place this one takes. That one was canceled when this one was registered.
    pub supersedes: Option<CheckoutId>,
}

/// What the orders of a cart have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CartKey {
    /// The shop's own id of the cart.
    Named(String),
    /// The first checkout of the cart, which was registered without one.
    Of(CheckoutId),
}

/// What the other orders of a cart, which were read with the decision, mean for a Finalize of this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CartSight {
    /// None of them may be paid.
    Free,
    /// It is not known yet whether this one is paid, or it is being undone.
    InDoubt(CheckoutId),
    /// This one is paid.
    Paid(CheckoutId),
}

/// Why an order cannot take the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupersedesRefused {
    /// There is no such checkout.
    Unknown,
    /// It is this order's own checkout.
    Itself,
    /// Another order has taken its place already.
    Superseded,
    /// It is canceled already.
    Canceled,
    /// It is in another currency.
    OtherCurrency,
    /// It belongs to a cart with another id.
    OtherCart,
    /// Too many orders of the cart may still be paid.
    TooMany,
}

impl CartSight {
    /// The order that a Finalize waits for, if it waits.
    #[must_use]
    pub const fn blocked_by(&self) -> Option<&CheckoutId> {
        match self {
            Self::Free => None,
            Self::InDoubt(other) | Self::Paid(other) => Some(other),
        }
    }
}
