//! The parts that sending notifications needs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select;

use super::certificate::{Certificates, KeySource};
use super::courier::Courier;
use super::delivery_log::DeliveryLog;
use super::message_progress::MessagesInHand;
use crate::book::caller::{AppendedNotifications, NotificationBatch};
use crate::clock::VirtualClock;
use crate::faults::notification::{NotificationFaults, NotificationPoint};
use crate::stored::notification::Letter;

/// The longest time, in real time, for which an answer is held back until its notifications have been sent.
const LONGEST_HOLD: Duration = Duration::from_secs(15);

/// The parts that sending notifications needs.
pub(crate) struct Notifier {
    pub(crate) courier: Arc<dyn Courier>,
    pub(crate) certificates: Certificates,
    pub(crate) origin: String,
    pub(crate) faults: NotificationFaults,
    pub(crate) sent: DeliveryLog,
    /// Locked by the sending loop while it runs.
    pub(super) sending: tokio::sync::Mutex<()>,
    pub(super) hands: MessagesInHand,
}

impl Notifier {
    pub(crate) fn new(courier: Arc<dyn Courier>, key: KeySource, origin: String) -> Self {
        Self {
            courier,
            certificates: Certificates::new(key),
            origin,
            faults: NotificationFaults::default(),
            sent: DeliveryLog::default(),
            sending: tokio::sync::Mutex::default(),
            hands: MessagesInHand::default(),
        }
    }

    /// Holds an answer back, if a fault orders it, until the call's notifications have been sent to the
    /// merchant's endpoints, or sending them has failed once.
    pub(crate) async fn hold_answer(&self, told: &AppendedNotifications, clock: &VirtualClock) {
        let NotificationBatch { endpoint_ids, letters } = told.appended();
        let strikes = |letter: &&Letter| {
            let message = letter.message.as_ref();
            message.is_some_and(|message| {
                self.faults.strike_message(message, NotificationPoint::BeforeAnswer).is_some()
            })
        };
        let held_for: Vec<String> = letters.iter().filter(strikes).map(|it| it.message_id.clone()).collect();
        if held_for.is_empty() {
            return;
        }
        let noted = std::pin::pin!(self.sent.all_noted(&endpoint_ids, &held_for));
        select(noted, std::pin::pin!(clock.sleep(LONGEST_HOLD))).await;
    }

    /// Forgets everything but the signing keys.
    pub(crate) fn clear(&self) {
        self.faults.remove(None);
        self.sent.clear();
        self.hands.clear();
    }
}
