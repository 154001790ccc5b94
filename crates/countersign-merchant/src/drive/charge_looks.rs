//! Looks at charges for callers that wait for the result. At most one look at a charge is under way. A caller
//! that wants another waits for its turn, and does not look if the previous look is recent enough for it,
//! whatever that look has shown. So any number of callers that ask about the same charge at the same time
//! cost Amazon one or two requests.
//!
//! A caller that is dropped while it looks leaves nothing behind, and the next in turn looks. Timers and
//! notifications look for themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use countersign_domain::ids::ChargeId;
use countersign_domain::time::Timestamp;

/// The right to look at a charge, which one caller has at a time, and when a caller that shares it last
/// looked, if one did.
pub(super) type Turn = futures_util::lock::Mutex<Option<Timestamp>>;

/// The charges that callers look at, or wait for. There are at most as many entries as there are such
/// callers, and one or two that nobody waits for any more.
#[derive(Default)]
pub(crate) struct ChargeLooks(Mutex<HashMap<ChargeId, Weak<Turn>>>);

impl ChargeLooks {
    /// The turn for a charge, which its callers share for as long as one of them holds it.
    pub(super) fn turn(&self, id: &ChargeId) -> Arc<Turn> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(id).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Turn::default());
        turns.insert(id.clone(), Arc::downgrade(&turn));
        turn
    }
}
