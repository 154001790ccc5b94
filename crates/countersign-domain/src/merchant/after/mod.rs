//! What follows once an attempt has succeeded, and after every decision: captures before it is too late, the
//! steps that undo a canceled order, the looks that a notification causes, and whether a parcel may leave.

pub mod cancel;
pub mod capture_plan;
pub mod contest;
pub mod dispute;
pub mod due;
pub mod fulfilment;
pub mod hint;
pub mod returning;
pub mod shipment;
pub mod unexplained;
