//! A parcel that the shop has said it ships, with the charge that pays for it. It is recorded in the
//! checkout's document, whose version a cancellation needs, so only one of "ship" and "cancel" can win.

use alloc::string::String;

use crate::ids::ChargeId;
use crate::money::Money;
use crate::time::Timestamp;

/// A parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    /// The shop's reference for it.
    pub reference: String,
    /// The request as it was made: a repeated request is recognized by it.
    pub asked: ShipmentRequest,
    /// What the parcel is worth, as far as this charge pays for it.
    pub amount: Money,
    /// Whether the money was reserved or captured then.
    pub paid_by: PaidBy,
    /// When Amazon had last shown that.
    pub seen_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// A request to ship, before defaults were filled in for what it left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShipmentRequest {
    /// The charge that pays; by default the one that was requested last.
    pub charge_id: Option<ChargeId>,
    /// The amount; by default what no other parcel has.
    pub amount: Option<Money>,
}

/// What a parcel was paid by when it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaidBy {
    /// An authorization.
    Authorization,
    /// A capture.
    Capture,
}
