//! The planted defect that needs code of its own, in builds with the feature `planted-bugs` only.

use crate::money::Money;

/// What is left of an amount, worked out in floating point and cut off.
#[expect(clippy::float_arithmetic, clippy::as_conversions, reason = "the defect that is to be found")]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the defect that is to be found"
)]
pub(super) fn floated(captured: Money, refunded: Money, left: Money) -> Money {
    let major = |money: Money| money.minor() as f64 / 100.0;
    let rest = (major(captured) - major(refunded)) * 1.15 * 100.0;
    if refunded.is_zero() { left } else { Money::from_minor(rest as u64, captured.currency()) }
}
