//! The parts of a running sandbox, which every request and every loop uses.

use std::sync::Arc;

use crate::book::Book;
use crate::book::refused::StoreFailed;
use crate::clock::VirtualClock;
use crate::faults::call::CallFaults;
use crate::ids::Ids;
use crate::merchants::Merchants;
use crate::notify::notifier::Notifier;
use crate::settings::Settings;

/// A running sandbox.
pub(crate) struct App {
    pub(crate) book: Book,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) settings: Settings,
    pub(crate) merchants: Merchants,
    pub(crate) faults: CallFaults,
    pub(crate) notices: Notifier,
}

impl App {
    /// Forgets every object, reply and fault, and restarts the ids and the clock. Merchants stay.
    pub(crate) async fn reset(&self) -> Result<(), StoreFailed> {
        let forget = || {
            self.faults.remove(None);
            self.notices.clear();
        };
        self.book.reset(forget).await
    }
}
