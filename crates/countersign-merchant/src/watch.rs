//! The loop of the watch: it makes a survey once a minute, for the metrics and the log. It changes nothing.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::time::{HOUR, Timestamp};

use crate::book::Book;
use crate::metrics::Survey;

/// The pause between two surveys: the metrics' gauges are never older.
const PAUSE: Duration = Duration::from_secs(60);

/// Runs until it is dropped.
pub(crate) async fn run(book: Arc<Book>) {
    let mut logged = LastLogged::default();
    loop {
        match book.survey().await {
            Ok(survey) => {
                book.metrics.show(&survey);
                logged.log(&survey, book.clock.now());
            }
            Err(failed) => tracing::warn!(%failed, "the survey of open work failed"),
        }
        book.clock.sleep(PAUSE).await;
    }
}

/// What was last logged of a survey.
#[derive(Debug, Default)]
struct LastLogged {
    at: Option<Timestamp>,
    stuck: i64,
}

/// What a person must look at is logged again after this time, or when more work is stuck.
const TELL_EVERY: Duration = HOUR;

impl LastLogged {
    /// Logs what a person must look at, if anything.
    fn log(&mut self, survey: &Survey, now: Timestamp) {
        let stuck: i64 = survey.open.values().map(|count| count.stuck).sum();
        let is_time = self.at.is_none_or(|at| now.since(at) >= TELL_EVERY);
        let expiring = |hours| survey.captures_due.get(&("expiry", hours)).copied().unwrap_or_default();
        let needs_somebody =
            stuck > 0 || survey.timers_overdue > 0 || survey.snapshots_missed > 0 || expiring("24") > 0;
        if !needs_somebody || (!is_time && stuck <= self.stuck) {
            return;
        }
        self.at = Some(now);
        self.stuck = stuck;
        for (what, count) in survey.open.iter().filter(|(_, count)| count.stuck > 0) {
            let (kind, state, count) = (what.kind.as_str(), what.state.as_str(), count.stuck);
            tracing::warn!(kind, state, count, "work of this kind has been open for more than ten minutes");
        }
        for (since, checkout_id) in &survey.stuck {
            tracing::warn!(
                checkout_id,
                %since,
                "this checkout is one of those whose work has been open longest"
            );
        }
        let Survey { timers_overdue, webhook_backlog, snapshots_due, snapshots_missed, .. } = survey;
        tracing::warn!(
            timers_overdue,
            webhook_backlog,
            snapshots_due,
            snapshots_missed,
            expiring_in_24_h = expiring("24"),
            expiring_in_72_h = expiring("72"),
            "summary of open work"
        );
    }
}
