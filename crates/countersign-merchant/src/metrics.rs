//! The figures of `GET /metrics`, in the text format of OpenMetrics. Counters rise when a change is stored;
//! gauges are set by the survey. No label contains an id, an amount or buyer data: each is a word of this
//! program or of Amazon's API.

use countersign_domain::merchant::number::{AttemptNumber, OperationNumber};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::call::InFlight;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::payment::Payment;
use countersign_domain::time::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::book::open_work::OpenWork;
use crate::events::table::{Event, Figure};

/// One label: its name and its value.
type Label = [(&'static str, &'static str); 1];
/// The labels of open work: its kind and its state.
type Labels = Vec<(&'static str, String)>;

/// The media type of [`Metrics::render`].
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The bounds of the histogram's buckets, in milliseconds: from a buyer's patience to the 30 days after which
/// Amazon deletes the data.
const TIMES_MS: [u64; 14] = [
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    20_000,
    60_000,
    900_000,
    3_600_000,
    21_600_000,
    86_400_000,
    604_800_000,
    2_592_000_000,
];

macro_rules! figures {
    ($($name:ident: $type:ty = $new:expr, $help:literal $(, $unit:expr)?;)+) => {
        /// All figures, and the registry that renders them.
        pub(crate) struct Metrics {
            registry: Registry,
            /// Every kind and state of open work that was ever shown.
            shown: Mutex<BTreeSet<OpenWork>>,
            $($name: $type,)+
        }

        impl Metrics {
            pub(crate) fn new() -> Self {
                let mut registry = Registry::with_prefix("countersign");
                $(
                    let $name: $type = $new;
                    figures!(@register registry, $name, $help $(, $unit)?);
                )+
                Self { registry, shown: Mutex::default(), $($name,)+ }
            }
        }
    };
    (@register $registry:ident, $name:ident, $help:literal) => {
        $registry.register(stringify!($name), $help, $name.clone());
    };
    (@register $registry:ident, $name:ident, $help:literal, $unit:expr) => {
        $registry.register_with_unit(stringify!($name), $help, $unit, $name.clone());
    };
}

figures! {
    open: Family<Labels, Gauge> = Family::default(),
        "Attempts and operations that are not over, by state";
    stuck: Family<Labels, Gauge> = Family::default(),
        "Attempts and operations that have been open for more than ten minutes, by state";
    doubts_began: Counter = Counter::default(),
        "Payments whose result was in doubt at first";
    doubts_resolved: Family<Label, Counter> = Family::default(),
        "Payments and operations that were in doubt and are resolved, by the state that was proved";
    time_to_definitive: Histogram = Histogram::new(TIMES_MS.map(|ms| Duration::from_millis(ms).as_secs_f64())),
        "Time from the buyer's return to a definitive outcome", Unit::Seconds;
    duplicates_suppressed: Family<Label, Counter> = Family::default(),
        "Repeated requests that got the first answer and had no effect, by what was repeated";
    timers_due: Gauge = Gauge::default(),
        "Timers that are due; at most 1000 are counted";
    timers_overdue: Gauge = Gauge::default(),
        "Timers that have been due for more than a minute; at most 1000 are counted";
    webhooks: Family<Label, Counter> = Family::default(),
        "Webhooks, by the result of each send";
    webhook_backlog: Gauge = Gauge::default(),
        "Webhooks that are still to be delivered; at most 10000 are counted";
    notifications: Family<Label, Counter> = Family::default(),
        "Notifications from Amazon, by their result";
    quotes: Family<Label, Counter> = Family::default(),
        "Quotes that buyers' pages asked for, by the answer";
    captures_due: Family<[(&'static str, &'static str); 2], Gauge> = Family::default(),
        "Authorized charges whose deadline passes within this many hours";
    snapshots_missing: Family<Label, Gauge> = Family::default(),
        "Snapshots of buyers' data that have not been fetched: due, or missed forever";
}

impl Metrics {
    /// Counts what a decision has changed.
    pub(crate) fn note(&self, noted: &CountedStep) {
        self.doubts_began.inc_by(noted.doubts_began);
        for outcome in &noted.resolved {
            self.doubts_resolved.get_or_create(&[("outcome", outcome)]).inc();
        }
        for time in &noted.times_to_definitive {
            self.time_to_definitive.observe(time.as_secs_f64());
        }
    }

    /// Counts a repeated request that got the same answer as the first.
    pub(crate) fn note_duplicate(&self, of: &'static str) {
        self.duplicates_suppressed.get_or_create(&[("of", of)]).inc();
    }

    /// Counts one send of a webhook.
    pub(crate) fn note_webhook(&self, outcome: &'static str) {
        self.webhooks.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Counts the result of a notification.
    pub(crate) fn note_notification(&self, outcome: &'static str) {
        self.notifications.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Counts one answer to a buyer's page: `quoted`, or the code of the refusal.
    pub(crate) fn note_quote(&self, outcome: &'static str) {
        self.quotes.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Sets the gauges to the results of a survey.
    pub(crate) fn show(&self, survey: &Survey) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.extend(survey.open.keys().cloned());
        // Work that is no longer open is shown as zero, because a figure that disappears looks like one that
        // is missing.
        for what in shown.iter() {
            let count = survey.open.get(what).copied().unwrap_or_default();
            let labels = vec![("kind", what.kind.clone()), ("state", what.state.clone())];
            self.open.get_or_create(&labels).set(count.open);
            self.stuck.get_or_create(&labels).set(count.stuck);
        }
        self.timers_due.set(survey.timers_due);
        self.timers_overdue.set(survey.timers_overdue);
        self.webhook_backlog.set(survey.webhook_backlog);
        for ((deadline, hours), count) in &survey.captures_due {
            self.captures_due.get_or_create(&[("deadline", deadline), ("hours", hours)]).set(*count);
        }
        for (state, count) in [("due", survey.snapshots_due), ("missed", survey.snapshots_missed)] {
            self.snapshots_missing.get_or_create(&[("state", state)]).set(count);
        }
    }

    /// All figures as text.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string never fails.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// How much work of one kind and state is open, and how much of it is stuck.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) open: i64,
    pub(crate) stuck: i64,
}

/// The results of a survey.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    pub(crate) open: BTreeMap<OpenWork, Count>,
    /// The checkouts whose work has been stuck longest, and since when.
    pub(crate) stuck: Vec<(Timestamp, String)>,
    pub(crate) timers_due: i64,
    pub(crate) timers_overdue: i64,
    pub(crate) webhook_backlog: i64,
    /// The captures that are due, by deadline and by the number of hours within which it passes.
    pub(crate) captures_due: BTreeMap<(&'static str, &'static str), i64>,
    pub(crate) snapshots_due: i64,
    pub(crate) snapshots_missed: i64,
}

/// The attempts and operations of a checkout that were in doubt before a decision.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Doubts {
    attempts: Vec<AttemptNumber>,
    operations: Vec<OperationNumber>,
}

impl Doubts {
    pub(crate) fn new(checkout: &Checkout) -> Self {
        let is_in_doubt = |state: &AttemptState| {
            matches!(state, AttemptState::Finalize(InFlight::InDoubt(_)) | AttemptState::Unresolved { .. })
        };
        let attempts = checkout.attempts.iter().filter(|attempt| is_in_doubt(&attempt.state));
        let operations = checkout.payment.iter().flat_map(Payment::in_flight);
        let operations = operations.filter(|operation| operation.state.is_in_doubt());
        Self {
            attempts: attempts.map(|attempt| attempt.number).collect(),
            operations: operations.map(|operation| operation.number).collect(),
        }
    }
}

/// What one decision changes in the figures: computed with the decision, and counted once the decision is
/// stored.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct CountedStep {
    doubts_began: u64,
    resolved: Vec<&'static str>,
    times_to_definitive: Vec<Duration>,
}

impl CountedStep {
    /// Compares the doubts before a decision with the checkout after it.
    pub(crate) fn new(before: &Doubts, after: &Checkout, events: &[Event], now: Timestamp) -> Self {
        let mut noted = Self::default();
        for Event { kind, about } in events {
            let figure = kind.row().figure;
            match figure {
                Figure::None => {}
                Figure::DoubtBegins => noted.doubts_began = noted.doubts_began.saturating_add(1),
                Figure::AttemptPends | Figure::AttemptEnds => {
                    let Some(attempt) =
                        about.attempt.and_then(|number| after.attempt(AttemptNumber::new(number)))
                    else {
                        continue;
                    };
                    let was_in_doubt = before.attempts.contains(&attempt.number);
                    noted.resolved.extend(was_in_doubt.then(|| attempt.state.name()));
                    let is_over = figure == Figure::AttemptEnds;
                    noted.times_to_definitive.extend(is_over.then(|| now.since(attempt.bound_at)));
                }
                Figure::OperationEnds => {
                    let payment = after.payment.as_ref();
                    let operation = payment
                        .zip(about.operation)
                        .and_then(|(it, number)| it.operation(OperationNumber::new(number)));
                    let resolved = operation.filter(|it| before.operations.contains(&it.number));
                    noted.resolved.extend(resolved.map(|operation| operation.state.name()));
                }
            }
        }
        noted
    }
}
