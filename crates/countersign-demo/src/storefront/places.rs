//! Where the demo's shop is, and which servers it calls.

use countersign_world::fake::ShiftedClock;

use crate::json::Api;

/// The shop's own URL, the two halves, and the clock that they share.
pub(crate) struct Places {
    pub(crate) own_url: String,
    pub(crate) merchant: Api,
    pub(crate) amazon: Api,
    pub(crate) clock: ShiftedClock,
}
