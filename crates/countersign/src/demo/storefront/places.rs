//! Where the demo's shop is, and whom it talks to.

use countersign_world::fake::ShiftedClock;

use crate::demo::http::Http;

/// Where the shop is, and whom it talks to.
pub(in crate::demo) struct Places {
    pub(in crate::demo) own_url: String,
    pub(in crate::demo) merchant: Http,
    pub(in crate::demo) amazon: Http,
    pub(in crate::demo) clock: ShiftedClock,
}
