//! The loop that sends webhooks: it leases the facts that are due, some at a time, sends each once, and
//! releases it. It keeps in memory only what it needs to send a checkout's facts in order; a crash loses
//! nothing else.
//!
//! The facts of one checkout are sent in order: while one is on its way or waits to be sent again, the later
//! ones wait too. After a restart, or with more failing checkouts than are remembered, a later fact may
//! overtake one that waits; the ids still show the order.
//!
//! A webhook is given up after a number of failed sends, which are counted in a document of their own before
//! the lease ends. A crash between a send and its count causes one more send, never one less.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Obstacle, read_http_date};
use countersign_domain::time::Timestamp;
use countersign_world::within;
use futures_util::future::pending;
use http::{Response, StatusCode, header};

use super::Webhook;
use super::schedule::pause_after;
use crate::book::outbox::KeptFact;
use crate::book::{Book, StoreFailed};
use crate::events::fact;
use crate::gateway::signed_post::signed_post;
use crate::in_hand::{InHand, finished};

/// The largest number of requests in flight at a time, and so the most that an endpoint that hangs can tie
/// up.
const AT_A_TIME: usize = 8;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long a fact is leased: longer than its request may take.
const LEASE: Duration = Duration::from_secs(30);
/// The longest sleep: commits do not wake this loop.
const LONGEST: Duration = Duration::from_secs(1);
/// The shortest sleep, when more may be due.
const SHORTEST: Duration = Duration::from_millis(50);
/// The largest number of checkouts whose waiting facts are remembered, so that the facts of each are sent in
/// order.
const REMEMBERED: usize = 10_000;
/// Failures are logged at most once in this time.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// The result of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum DeliveryOutcome {
    Delivered,
    /// The shop wants no more webhooks.
    Gone,
    Failed {
        why: NotTaken,
        asked: Option<Duration>,
    },
}

/// Why the endpoint has not taken a webhook, as the rest of a sentence that begins with the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// It answered with this status, which is not a 2xx.
    Answered(u16),
    /// It gave no answer.
    NoAnswer(Obstacle),
    /// The request could not be built from the configured URL.
    NotBuilt,
}

impl NotTaken {
    const fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(*status),
            Self::NoAnswer(_) | Self::NotBuilt => None,
        }
    }
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(status) => write!(f, "answered with status {status}"),
            Self::NoAnswer(Obstacle::NoAddress) => {
                f.write_str("was not found: the name of its host has no address")
            }
            Self::NoAnswer(Obstacle::Refused) => f.write_str("refused the connection"),
            Self::NoAnswer(Obstacle::Tls(why)) => write!(f, "cannot be reached over TLS: {why}"),
            Self::NoAnswer(Obstacle::TimedOut) => f.write_str("did not answer in time"),
            Self::NoAnswer(Obstacle::Unreachable) => f.write_str("cannot be reached"),
            Self::NoAnswer(Obstacle::Broken) => f.write_str("closed the connection without a whole answer"),
            Self::NotBuilt => f.write_str("has a URL that cannot be called"),
        }
    }
}

enum LeaseOutcome {
    Facts(Vec<KeptFact>),
    NothingFor(Duration),
}

struct Sender {
    book: Arc<Book>,
    webhook: Webhook,
    running: InHand<(KeptFact, DeliveryOutcome)>,
    /// Checkouts with a request on its way.
    in_hand: HashSet<String>,
    /// The waiting facts of each checkout, with the time until which they wait.
    waiting: HashMap<String, BTreeMap<u64, Timestamp>>,
    is_gone: bool,
    told_at: Option<Duration>,
    untold: u64,
}

/// Runs until it is dropped; without an endpoint there is nothing to do.
pub(crate) async fn run(book: Arc<Book>, webhook: Option<Webhook>) {
    let Some(webhook) = webhook else { return pending().await };
    let mut sender = Sender {
        book,
        webhook,
        running: InHand::new(),
        in_hand: HashSet::new(),
        waiting: HashMap::new(),
        is_gone: false,
        told_at: None,
        untold: 0,
    };
    loop {
        let pause = sender.start_due().await;
        sender.work_for(pause).await;
    }
}

impl Sender {
    /// Starts what is due and may be sent. Returns how long to wait before the next read.
    async fn start_due(&mut self) -> Duration {
        let room = AT_A_TIME.saturating_sub(self.running.len());
        if room == 0 || self.is_gone {
            return LONGEST;
        }
        let mut leased = match lease(&self.book, room).await {
            Ok(LeaseOutcome::Facts(leased)) => leased,
            Ok(LeaseOutcome::NothingFor(pause)) => return pause.clamp(SHORTEST, LONGEST),
            Err(failed) => {
                tracing::error!(%failed, "the due webhooks could not be read; trying again soon");
                return LONGEST;
            }
        };
        leased.sort_by_key(|kept| kept.sequence);
        for kept in leased {
            match self.must_wait_until(&kept) {
                Some(until) => self.hold(&kept, until).await,
                None => self.start(kept),
            }
        }
        SHORTEST
    }

    /// Until when an earlier fact of the same checkout keeps this one waiting.
    fn must_wait_until(&self, kept: &KeptFact) -> Option<Timestamp> {
        let now = self.book.clock.now();
        if self.in_hand.contains(&kept.subject) {
            return Some(now.plus(LONGEST));
        }
        let (earliest, until) = self.waiting.get(&kept.subject)?.first_key_value()?;
        (*earliest < kept.sequence).then(|| (*until).max(now).plus(SHORTEST))
    }

    async fn hold(&mut self, kept: &KeptFact, until: Timestamp) {
        self.remember(kept, until);
        self.book.release_fact(kept, Some(until)).await;
    }

    fn start(&mut self, kept: KeptFact) {
        self.in_hand.insert(kept.subject.clone());
        let (book, webhook) = (Arc::clone(&self.book), self.webhook.clone());
        self.running.push(Box::pin(async move {
            let sent = send(&book, &webhook, &kept).await;
            (kept, sent)
        }));
    }

    /// Runs the requests until the pause is over or there is room again.
    async fn work_for(&mut self, pause: Duration) {
        let book = Arc::clone(&self.book);
        let mut sleep = std::pin::pin!(book.clock.sleep(pause));
        loop {
            let Some((kept, sent)) = finished(&mut self.running, sleep.as_mut()).await else { return };
            let was_full = self.running.len().saturating_add(1) >= AT_A_TIME;
            self.settle(&kept, sent).await;
            if was_full {
                return;
            }
        }
    }

    /// Stores the result of one request.
    async fn settle(&mut self, kept: &KeptFact, sent: DeliveryOutcome) {
        self.in_hand.remove(&kept.subject);
        let (outcome, again_at) = match sent {
            DeliveryOutcome::Delivered => ("delivered", None),
            DeliveryOutcome::Gone => {
                // Requests that were on their way at the same time get the same answer.
                if !std::mem::replace(&mut self.is_gone, true) {
                    tracing::error!(
                        "the shop's webhook endpoint answered 410: no webhook will be sent until the next \
                         restart"
                    );
                }
                ("gone", Some(self.book.clock.now()))
            }
            DeliveryOutcome::Failed { why, asked } => {
                let failure_count = self.book.count_failure(kept).await.unwrap_or_else(|failed| {
                    // The webhook is sent again even if the store cannot count this failure.
                    tracing::warn!(
                        event_id = fact::id(kept.sequence),
                        %failed,
                        "the failure of a webhook could not be recorded; it is treated as the first",
                    );
                    1
                });
                let pause = pause_after(failure_count, asked, self.jitter());
                self.tell_failed(kept, &why, failure_count, pause);
                // A webhook is not given up before that is recorded: its lease runs out, and it is sent again.
                if pause.is_none()
                    && let Err(failed) = self.book.give_up_webhook(kept).await
                {
                    tracing::warn!(
                        event_id = fact::id(kept.sequence),
                        %failed,
                        "it could not be recorded that a webhook is given up; it will be sent again",
                    );
                    return;
                }
                let outcome = if pause.is_some() { "failed" } else { "givenUp" };
                (outcome, pause.map(|pause| self.book.clock.now().plus(pause)))
            }
        };
        self.book.metrics.note_webhook(outcome);
        match again_at {
            Some(until) => self.remember(kept, until),
            None => self.forget(kept),
        }
        let is_kept = self.book.release_fact(kept, again_at).await;
        // A fact that was leased only once has not failed before.
        if again_at.is_none()
            && is_kept
            && kept.lease_count > 1
            && let Err(failed) = self.book.forget_failures(kept).await
        {
            tracing::warn!(
                event_id = fact::id(kept.sequence),
                %failed,
                "the failure count of a finished webhook could not be deleted",
            );
        }
    }

    fn remember(&mut self, kept: &KeptFact, until: Timestamp) {
        let KeptFact { subject, sequence, .. } = kept;
        let is_known = self.waiting.contains_key(subject);
        if is_known || self.waiting.len() < REMEMBERED {
            self.waiting.entry(subject.clone()).or_default().insert(*sequence, until);
        }
    }

    fn forget(&mut self, kept: &KeptFact) {
        if let Some(waiting) = self.waiting.get_mut(&kept.subject) {
            waiting.remove(&kept.sequence);
            if waiting.is_empty() {
                self.waiting.remove(&kept.subject);
            }
        }
    }

    fn jitter(&self) -> u16 {
        let mut bytes = [0; 2];
        self.book.entropy.fill(&mut bytes);
        u16::from_be_bytes(bytes)
    }

    fn tell_failed(&mut self, kept: &KeptFact, why: &NotTaken, count: u32, pause: Option<Duration>) {
        let status = why.status();
        let (event_id, checkout_id) = (fact::id(kept.sequence), kept.subject.as_str());
        let Some(pause) = pause else {
            tracing::error!(
                event_id,
                checkout_id,
                status,
                %why,
                "a webhook was abandoned: the shop can still read the event with GET /v1/events"
            );
            return;
        };
        let now = self.book.clock.monotonic();
        if self.told_at.is_some_and(|at| now.saturating_sub(at) < TELL_EVERY) {
            self.untold = self.untold.saturating_add(1);
            return;
        }
        let (again_in_s, untold) = (pause.as_secs(), std::mem::take(&mut self.untold));
        self.told_at = Some(now);
        tracing::warn!(
            event_id,
            checkout_id,
            status,
            %why,
            count,
            again_in_s,
            untold,
            "a webhook failed and will be sent again"
        );
    }
}

/// Sends one fact once, because a person asks for it. Fails with the reason if the shop's endpoint has not taken it.
pub(crate) async fn send_once(book: &Book, webhook: &Webhook, kept: &KeptFact) -> Result<(), NotTaken> {
    match send(book, webhook, kept).await {
        DeliveryOutcome::Delivered => Ok(()),
        DeliveryOutcome::Gone => Err(NotTaken::Answered(StatusCode::GONE.as_u16())),
        DeliveryOutcome::Failed { why, .. } => Err(why),
    }
}

/// Leases what is due. It reads first, because a lease is a write.
async fn lease(book: &Book, room: usize) -> Result<LeaseOutcome, StoreFailed> {
    let now = book.clock.now();
    match book.next_delivery().await? {
        Some(next_at) if next_at <= now => Ok(LeaseOutcome::Facts(book.lease_facts(LEASE, room).await?)),
        Some(next_at) => Ok(LeaseOutcome::NothingFor(next_at.since(now))),
        None => Ok(LeaseOutcome::NothingFor(LONGEST)),
    }
}

/// Sends one fact once.
async fn send(book: &Book, webhook: &Webhook, kept: &KeptFact) -> DeliveryOutcome {
    let payload = fact::body(kept.sequence, &kept.bytes);
    // The wall clock, not the decision clock: the shop compares the time with its own clock.
    let (id, now) = (fact::id(kept.sequence), book.clock.wall());
    let Ok(request) = signed_post(webhook.url.clone(), &webhook.secrets, &id, now, payload) else {
        return DeliveryOutcome::Failed { why: NotTaken::NotBuilt, asked: None };
    };
    let sending = webhook.transport.send(request, TIMEOUT);
    match within(&book.clock.waiting(), TIMEOUT, sending).await {
        Some(Ok(answer)) => read(&answer, book.clock.wall()),
        Some(Err(error)) => no_answer(error.obstacle()),
        None => no_answer(Obstacle::TimedOut),
    }
}

const fn no_answer(obstacle: Obstacle) -> DeliveryOutcome {
    DeliveryOutcome::Failed { why: NotTaken::NoAnswer(obstacle), asked: None }
}

/// Only a 2xx means that the shop has received the fact; a redirect is not followed.
fn read(answer: &Response<Bytes>, now: Timestamp) -> DeliveryOutcome {
    let status = answer.status();
    if status.is_success() {
        return DeliveryOutcome::Delivered;
    }
    if status == StatusCode::GONE {
        return DeliveryOutcome::Gone;
    }
    let asked = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|asked| match asked.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(read_http_date(asked)?.since(now)),
    });
    DeliveryOutcome::Failed { why: NotTaken::Answered(status.as_u16()), asked }
}
