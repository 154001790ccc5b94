//! Surveys what is open, stuck, due or missing. It reads indexes, never documents, and each count has a
//! limit.

use std::time::Duration;

use countersign_domain::merchant::rules::Deadline;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{IndexRow, MAX_ROWS};

use super::{Book, StoreFailed, Walk, open_work, snapshot_document};
use crate::events::fact;
use crate::metrics::Survey;

/// How long work may be open before it counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(10 * 60);
/// How long a timer may be due before it counts as overdue.
const OVERDUE_AFTER: Duration = Duration::from_secs(60);
/// The hours within which captures are counted as due, for an operator's planning.
const WITHIN: [(&str, Duration); 2] =
    [("24", Duration::from_secs(24 * 3_600)), ("72", Duration::from_secs(72 * 3_600))];
/// At most this many entries of an index are counted, and at most this many webhooks.
const COUNTED: usize = 10_000;
/// How many checkouts are named, those that have been stuck longest.
const NAMED: usize = 10;

fn figure(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Book {
    /// Makes a survey.
    pub(crate) async fn survey(&self) -> Result<Survey, StoreFailed> {
        let now = self.clock.now();
        let mut survey = Survey::default();
        for row in self.rows(Walk::over(open_work::INDEX, "")).await? {
            let Some((what, since)) = open_work::parse(&row.value) else { continue };
            let count = survey.open.entry(what).or_default();
            count.open = count.open.saturating_add(1);
            if now.since(since) > STUCK_AFTER {
                count.stuck = count.stuck.saturating_add(1);
                survey.stuck.push((since, row.key.id));
            }
        }
        survey.stuck.sort();
        survey.stuck.truncate(NAMED);
        let due = self.store.due(now, MAX_ROWS).await?;
        let is_overdue = |due_at: Timestamp| now.since(due_at) > OVERDUE_AFTER;
        survey.timers_overdue = figure(due.iter().filter(|timer| is_overdue(timer.due_at)).count());
        survey.timers_due = figure(due.len());
        survey.webhook_backlog = figure(self.store.backlog(fact::TOPIC, COUNTED).await?.count);
        for deadline in Deadline::ALL.iter().copied() {
            let prefix = format!("{} ", deadline.as_str());
            // A deadline that has passed is not counted.
            let from = (open_work::capture_value(deadline, now), String::new());
            let walk = Walk { after: Some(from), ..Walk::over(open_work::CAPTURES, prefix) };
            let due = self.rows(walk).await?;
            for (hours, within) in WITHIN {
                let until = open_work::capture_value(deadline, now.plus(within));
                let count = due.iter().filter(|row| row.value <= until).count();
                survey.captures_due.insert((deadline.as_str(), hours), figure(count));
            }
        }
        survey.snapshots_missed =
            figure(self.rows(Walk::over(snapshot_document::MISSING, "missed")).await?.len());
        survey.snapshots_due = figure(self.rows(Walk::over(snapshot_document::MISSING, "due")).await?.len());
        Ok(survey)
    }

    /// The first rows of an index, at most as many as are counted.
    async fn rows(&self, mut walk: Walk) -> Result<Vec<IndexRow>, StoreFailed> {
        let mut rows = Vec::new();
        while !walk.is_over && rows.len() < COUNTED {
            rows.extend(self.page(&mut walk, MAX_ROWS).await?);
        }
        Ok(rows)
    }
}
