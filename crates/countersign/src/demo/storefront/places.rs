//! Where the demo's shop is, and whom it talks to.

use countersign_world::fake::ShiftedClock;

use crate::json::Api;

/// Where the shop is, and whom it talks to.
pub(in crate::demo) struct Places {
    pub(in crate::demo) own_url: String,
    pub(in crate::demo) merchant: Api,
    pub(in crate::demo) amazon: Api,
    pub(in crate::demo) clock: ShiftedClock,
}
