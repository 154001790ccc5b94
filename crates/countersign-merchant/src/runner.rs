//! The timers' loop: takes up what is due, some documents at a time, and sleeps until something is.
//! It decides nothing and keeps nothing; a process that dies in the middle leaves every timer where
//! the next start finds it. A document that takes long, or fails, holds up no other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, pending, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use crate::app::App;
use crate::app::recovery::Due;

/// How many documents are taken up at a time.
const AT_A_TIME: usize = 32;
/// How many due timers are read at once: those in hand stand among them until their first commit.
const READ_AT_ONCE: usize = 256;
/// The longest sleep: timers are also set by requests, which do not wake this loop.
const LONGEST: Duration = Duration::from_secs(1);
/// The shortest: what is due and in hand must not keep a core busy.
const SHORTEST: Duration = Duration::from_millis(50);
/// How long a document whose work failed is left alone.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// What is being done, what is thereby in hand, and what is left alone for a while.
struct Rounds {
    app: Arc<App>,
    running: FuturesUnordered<BoxFuture<'static, (Due, bool)>>,
    in_hand: HashSet<Due>,
    left_alone: HashMap<Due, Duration>,
}

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    let mut rounds =
        Rounds { app, running: FuturesUnordered::new(), in_hand: HashSet::new(), left_alone: HashMap::new() };
    loop {
        let pause = rounds.start_due().await;
        rounds.work_for(pause).await;
    }
}

impl Rounds {
    /// Starts what is due, and says when to look again.
    async fn start_due(&mut self) -> Duration {
        let monotonic = self.app.clock.monotonic();
        self.left_alone.retain(|_, until| *until > monotonic);
        let due = match self.app.due(READ_AT_ONCE).await {
            Ok(due) => due,
            Err(failed) => {
                tracing::error!(%failed, "the timers could not be read");
                return LONGEST;
            }
        };
        if due.is_empty() {
            return match self.app.until_next_due().await {
                Ok(Some(pause)) => pause.clamp(SHORTEST, LONGEST),
                Ok(None) | Err(_) => LONGEST,
            };
        }
        for due in due {
            if self.running.len() >= AT_A_TIME {
                break;
            }
            if self.left_alone.contains_key(&due) || !self.in_hand.insert(due.clone()) {
                continue;
            }
            let app = Arc::clone(&self.app);
            self.running.push(Box::pin(async move {
                let result = app.take_up_due(&due).await;
                if let Err(failed) = &result {
                    tracing::error!(%due, %failed, "a timer's work failed");
                }
                (due, result.is_ok())
            }));
        }
        SHORTEST
    }

    /// Lets what is in hand go on until the pause is over, or a place has become free.
    async fn work_for(&mut self, pause: Duration) {
        let app = Arc::clone(&self.app);
        let mut sleep = std::pin::pin!(app.clock.sleep(pause));
        loop {
            let was_full = self.running.len() >= AT_A_TIME;
            let finished = std::pin::pin!(async {
                match self.running.next().await {
                    Some(finished) => finished,
                    None => pending().await,
                }
            });
            let (due, succeeded) = match select(finished, sleep.as_mut()).await {
                Either::Left((finished, _)) => finished,
                Either::Right(((), _)) => return,
            };
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
