//! The loop of the timers: it takes up what is due, some documents at a time, and sleeps until the next is
//! due. It decides nothing and keeps nothing; after a crash the next start finds every timer. A document that
//! takes long or fails does not hold up the others.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::book::timers::DueDocument;
use crate::drive::App;
use crate::in_hand::{InHand, finished};

/// The largest number of documents that are taken up at a time.
const AT_A_TIME: usize = 32;
/// The largest number of these that may be documents that can wait, so that they do not hold up the others.
const PATIENT_AT_A_TIME: usize = AT_A_TIME / 2;
/// How many due timers are read at a time. They include those that are being worked on, until their first
/// commit.
const READ_AT_ONCE: usize = 256;
/// The largest number of due timers that are read, if all earlier ones are being worked on, left alone or
/// waiting for a place.
const READ_AT_MOST: usize = 65_536;
/// The longest sleep: timers are also set by requests, which do not wake this loop.
const LONGEST: Duration = Duration::from_secs(1);
/// The shortest sleep: what is due and being worked on must not keep a core busy.
const SHORTEST: Duration = Duration::from_millis(50);
/// The pause after a round that had to read more than the first rows.
const FAR: Duration = Duration::from_millis(250);
/// How long a document whose work failed is left alone.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The work that is running, the documents it is about, and those that are left alone for a while.
struct Rounds {
    app: Arc<App>,
    running: InHand<(DueDocument, bool)>,
    in_hand: HashSet<DueDocument>,
    left_alone: HashMap<DueDocument, Duration>,
}

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    let mut rounds =
        Rounds { app, running: InHand::new(), in_hand: HashSet::new(), left_alone: HashMap::new() };
    loop {
        let pause = rounds.start_due().await;
        rounds.work_for(pause).await;
    }
}

impl Rounds {
    /// Starts what is due. Returns how long to wait before the next read.
    async fn start_due(&mut self) -> Duration {
        let monotonic = self.app.clock.monotonic();
        self.left_alone.retain(|_, until| *until > monotonic);
        let mut limit = READ_AT_ONCE;
        loop {
            let due = match self.app.due(limit).await {
                Ok(due) => due,
                Err(failed) => {
                    tracing::error!(%failed, "the due timers could not be read; trying again soon");
                    return LONGEST;
                }
            };
            if due.is_empty() {
                return match self.app.until_next_due().await {
                    Ok(Some(pause)) => pause.clamp(SHORTEST, LONGEST),
                    Ok(None) | Err(_) => LONGEST,
                };
            }
            let is_all = due.len() < limit || limit >= READ_AT_MOST;
            self.start(due);
            if is_all || self.running.len() >= AT_A_TIME {
                // Reading many rows is expensive, so it is done less often.
                return if limit == READ_AT_ONCE { SHORTEST } else { FAR };
            }
            limit = limit.saturating_mul(4).min(READ_AT_MOST);
        }
    }

    /// Starts as many of these documents as there is room for.
    fn start(&mut self, due: Vec<DueDocument>) {
        for due in due {
            if self.running.len() >= AT_A_TIME {
                break;
            }
            let waits = due.can_wait()
                && self.in_hand.iter().filter(|due| due.can_wait()).count() >= PATIENT_AT_A_TIME;
            if waits || self.left_alone.contains_key(&due) || !self.in_hand.insert(due.clone()) {
                continue;
            }
            let app = Arc::clone(&self.app);
            self.running.push(Box::pin(async move {
                let result = app.take_up_due(&due).await;
                if let Err(failed) = &result {
                    tracing::error!(%due, %failed, "the work of a due timer failed; it will be tried again");
                }
                (due, result.is_ok())
            }));
        }
    }

    /// Runs the work until the pause is over or a place has become free.
    async fn work_for(&mut self, pause: Duration) {
        let app = Arc::clone(&self.app);
        let mut sleep = std::pin::pin!(app.clock.sleep(pause));
        loop {
            let was_full = self.running.len() >= AT_A_TIME;
            let Some((due, succeeded)) = finished(&mut self.running, sleep.as_mut()).await else { return };
            self.in_hand.remove(&due);
            if !succeeded {
                let until = app.clock.monotonic().saturating_add(AFTER_FAILURE);
                self.left_alone.insert(due, until);
            }
            if was_full {
                return;
            }
        }
    }
}
