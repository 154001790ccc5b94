//! Looking over everything once in a while: what is open, stuck, due or missing. It reads indexes,
//! never documents, and each count has its limit. What it finds goes into the metrics and, at a
//! bounded rate, into the log.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_domain::time::{HOUR, Timestamp};
use countersign_store::contract::{IndexRow, MAX_ROWS};

use super::open_work::{self, OpenWork};
use super::{Book, StoreFailed, Walk, snapshot_document};
use crate::events::fact;

/// For so long something may be open before it counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(10 * 60);
/// For so long a timer may be due before it counts as overdue.
const OVERDUE_AFTER: Duration = Duration::from_secs(60);
/// An operator plans by these.
const WITHIN: [(&str, Duration); 2] =
    [("24", Duration::from_secs(24 * 3_600)), ("72", Duration::from_secs(72 * 3_600))];
/// So many entries of an index are counted, and so many webhooks.
const COUNTED: usize = 10_000;
/// So many of the checkouts that are stuck for longest are named.
const NAMED: usize = 10;

/// How much of one thing is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) open: i64,
    pub(crate) stuck: i64,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    pub(crate) open: BTreeMap<OpenWork, Count>,
    /// The checkouts with what has been open for longest, if for too long.
    pub(crate) stuck: Vec<(Timestamp, String)>,
    pub(crate) timers_due: i64,
    pub(crate) timers_overdue: i64,
    pub(crate) webhook_backlog: i64,
    /// By what passes, and within how many hours.
    pub(crate) captures_due: BTreeMap<(&'static str, &'static str), i64>,
    pub(crate) snapshots_due: i64,
    pub(crate) snapshots_missed: i64,
}

fn figure(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Book {
    /// Looks over everything.
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
        for deadline in open_work::DEADLINES {
            let prefix = format!("{} ", deadline.as_str());
            // What has passed is not due any more.
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

    /// The first rows of an index, as far as they are counted.
    async fn rows(&self, mut walk: Walk) -> Result<Vec<IndexRow>, StoreFailed> {
        let mut rows = Vec::new();
        while !walk.is_over && rows.len() < COUNTED {
            rows.extend(self.page(&mut walk, MAX_ROWS).await?);
        }
        Ok(rows)
    }
}

/// What the log says of a survey, and what it said last.
#[derive(Debug, Default)]
pub(crate) struct Told {
    at: Option<Timestamp>,
    stuck: i64,
}

/// What is stuck is told again after so long, or when there is more of it.
const TELL_EVERY: Duration = HOUR;

impl Told {
    /// Tells the operator what needs one: nothing, when nothing does.
    pub(crate) fn tell(&mut self, survey: &Survey, now: Timestamp) {
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
            tracing::warn!(kind, state, count, "open for more than ten minutes");
        }
        for (since, checkout_id) in &survey.stuck {
            tracing::warn!(checkout_id, %since, "among those that are open for longest");
        }
        let Survey { timers_overdue, webhook_backlog, snapshots_due, snapshots_missed, .. } = survey;
        tracing::warn!(
            timers_overdue,
            webhook_backlog,
            snapshots_due,
            snapshots_missed,
            expiring_in_24_h = expiring("24"),
            expiring_in_72_h = expiring("72"),
            "what waits"
        );
    }
}
