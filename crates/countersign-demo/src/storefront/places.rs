//! Where the demo's shop is, and whom it talks to.

use countersign_world::fake::ShiftedClock;

use crate::json::Api;

/// Where the shop is, and whom it talks to.
pub(crate) struct Places {
    pub(crate) own_url: String,
    pub(crate) merchant: Api,
    pub(crate) amazon: Api,
    pub(crate) clock: ShiftedClock,
}
