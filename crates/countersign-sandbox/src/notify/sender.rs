//! The sending loop. From each endpoint's lane it leases a few messages that are due, posts them,
//! and releases each of them before it leases more from that lane. No lane waits for another. In
//! memory it keeps only what faults need to know about a message, and how many times the message
//! was tried. A process that dies loses nothing else, and even the number of failed attempts is
//! stored before a message is released.
//!
//! Retries are due at fixed distances from a message's first due time, so that after a jump of the
//! clock every retry that the jump passed is made, in due order over all messages of an endpoint.
//! One endpoint's messages are sent one after another. If one of them times out, the others that
//! were leased with it are sent all at the same time, so that none of them waits for longer than
//! two deadlines.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::time::{HOUR, Timestamp};
use countersign_protocol::notification::Message;
use futures_util::StreamExt as _;
use futures_util::future::{Either, join_all, select};
use futures_util::stream::FuturesUnordered;
use http::StatusCode;

use super::courier::NotDelivered;
use super::delivery_log::{DeliveryOutcome, DeliveryRecord};
use super::endpoint::{Endpoint, Lane, MAX_ENDPOINTS};
use super::envelope;
use super::message_progress::MessageProgress;
use crate::app::App;
use crate::book::outbox::LeasedNotice;
use crate::book::refused::StoreFailed;
use crate::faults::notification::{NotificationFault, NotificationFaultKind, NotificationPoint};
use crate::settings::IpnRetries;
use crate::stored::notification::Letter;

/// The largest number of messages that are leased at a time.
const BATCH: usize = 16;
/// How long one attempt may take, in real time.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long to pause after the store failed.
const PAUSE: Duration = Duration::from_secs(1);

/// The state of a lane.
#[derive(Debug, Clone, Copy)]
enum LaneState {
    /// A message may be due in the lane.
    ToBeLookedAt,
    /// One of its messages may be on its way.
    UnderWay {
        /// A message was appended meanwhile, and the lane may have been read before that.
        is_rung: bool,
    },
    /// The lane waits until a message is appended, or until this instant.
    Waiting(Option<Timestamp>),
}

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    let app = &*app;
    let _alone = app.notices.sending.lock().await;
    let mut standings = [LaneState::ToBeLookedAt; MAX_ENDPOINTS];
    let mut turns = FuturesUnordered::new();
    // Every appended message wakes the loop: it may be due before everything that any lane waits
    // for.
    app.book.outbox_alarm.ring_for_any();
    loop {
        for (lane, standing) in standings.iter_mut().enumerate() {
            if matches!(standing, LaneState::ToBeLookedAt) {
                *standing = LaneState::UnderWay { is_rung: false };
                turns.push(turn(app, Lane(lane)));
            }
        }
        let next_at = standings.iter().filter_map(|standing| match standing {
            LaneState::Waiting(due_at) => *due_at,
            LaneState::ToBeLookedAt | LaneState::UnderWay { .. } => None,
        });
        let awakened = pin!(awakened(app, next_at.min()));
        let ended = if turns.is_empty() {
            awakened.await;
            None
        } else {
            match select(awakened, turns.next()).await {
                Either::Left(((), _)) => None,
                Either::Right((ended, _)) => ended,
            }
        };
        match ended {
            Some((Lane(lane), next)) => {
                if let Some(standing) = standings.get_mut(lane) {
                    let is_rung = matches!(standing, LaneState::UnderWay { is_rung: true });
                    *standing = if is_rung { LaneState::ToBeLookedAt } else { next };
                }
            }
            None => {
                for standing in &mut standings {
                    *standing = match standing {
                        LaneState::UnderWay { .. } => LaneState::UnderWay { is_rung: true },
                        LaneState::ToBeLookedAt | LaneState::Waiting(_) => LaneState::ToBeLookedAt,
                    };
                }
            }
        }
    }
}

/// Waits until a message is appended, or until an instant.
async fn awakened(app: &App, next_at: Option<Timestamp>) {
    match next_at {
        Some(due_at) => {
            select(pin!(app.book.outbox_alarm.rung()), pin!(app.clock.wait_until(due_at))).await;
        }
        None => app.book.outbox_alarm.rung().await,
    }
}

/// Sends the messages that are due in a lane, and returns the lane's state after that.
async fn turn(app: &App, lane: Lane) -> (Lane, LaneState) {
    let standing = send_due(app, lane).await;
    if let Err(failed) = &standing {
        tracing::error!(%failed, "the store failed; due notifications will be sent later");
        app.clock.sleep(PAUSE).await;
    }
    (lane, standing.unwrap_or(LaneState::ToBeLookedAt))
}

async fn send_due(app: &App, lane: Lane) -> Result<LaneState, StoreFailed> {
    let now = app.clock.now();
    let next_at = app.book.next_notice(lane).await?;
    if next_at.is_none_or(|due_at| due_at > now) {
        return Ok(LaneState::Waiting(next_at));
    }
    let mut by_endpoint: BTreeMap<String, VecDeque<LeasedNotice>> = BTreeMap::new();
    for leased in app.book.lease_notices(lane, now, BATCH).await? {
        by_endpoint.entry(leased.notice.endpoint_id.clone()).or_default().push_back(leased);
    }
    let sent = join_all(by_endpoint.into_iter().map(|(id, taken)| send_to(app, id, taken))).await;
    sent.into_iter().collect::<Result<(), StoreFailed>>()?;
    Ok(LaneState::ToBeLookedAt)
}

/// The result of sending a leased message.
#[derive(Debug, Clone, Copy, Default)]
struct AttemptOutcome {
    again_at: Option<Timestamp>,
    is_timed_out: bool,
}

/// Sends the messages that were leased for one endpoint.
async fn send_to(
    app: &App,
    endpoint_id: String,
    mut taken: VecDeque<LeasedNotice>,
) -> Result<(), StoreFailed> {
    let Some(endpoint) = app.book.endpoints.with_id(&endpoint_id) else {
        // The endpoint was removed.
        for leased in taken {
            let_go(app, &leased).await?;
        }
        return Ok(());
    };
    let sending = EndpointSender { app, endpoint };
    let mut again_at: Option<Timestamp> = None;
    while let Some(leased) = taken.pop_front() {
        let hand = app.notices.hands.progress(&leased);
        if again_at.is_some_and(|again_at| again_at < hand.due_at) {
            // An earlier message is to be sent again before this one is due.
            app.notices.hands.remember(&leased, hand);
            app.book.release_notice(&leased, Some(hand.due_at)).await?;
            continue;
        }
        let ended = sending.send_one(leased, hand).await?;
        again_at = [again_at, ended.again_at].into_iter().flatten().min();
        if ended.is_timed_out {
            let rest = taken.drain(..).map(|leased| {
                let hand = app.notices.hands.progress(&leased);
                sending.send_one(leased, hand)
            });
            join_all(rest).await.into_iter().collect::<Result<Vec<AttemptOutcome>, StoreFailed>>()?;
        }
    }
    Ok(())
}

/// Sending to one endpoint.
struct EndpointSender<'a> {
    app: &'a App,
    endpoint: Endpoint,
}

impl EndpointSender<'_> {
    /// Sends a message, or does what a fault orders instead.
    async fn send_one(
        &self,
        leased: LeasedNotice,
        mut hand: MessageProgress,
    ) -> Result<AttemptOutcome, StoreFailed> {
        let app = self.app;
        let now = app.clock.now();
        if hand.is_done {
            return let_go(app, &leased).await;
        }
        app.notices.hands.unhold(&leased);
        if !hand.is_looked_at {
            hand.is_looked_at = true;
            hand.fault = message_of(&leased).and_then(|message| {
                app.notices.faults.strike_message(message, NotificationPoint::BeforeSending)
            });
            let later = now.plus(hand.fault.and_then(|fault| fault.delay).unwrap_or_default());
            match hand.fault.map(|fault| fault.kind) {
                Some(NotificationFaultKind::Drop) => {
                    self.note(&leased.notice.letters, hand, DeliveryOutcome::Dropped, None);
                    return let_go(app, &leased).await;
                }
                Some(NotificationFaultKind::Delay) => {
                    (hand.base, hand.due_at) = (later, later);
                    return self.put_off(&leased, hand).await;
                }
                Some(NotificationFaultKind::Reorder) => {
                    hand.due_at = later;
                    app.notices.hands.hold(&leased);
                    return self.put_off(&leased, hand).await;
                }
                Some(_) | None => {}
            }
        }
        let ended = self.attempt(&leased, &mut hand).await;
        match ended.again_at {
            Some(again_at) => {
                hand.due_at = again_at;
                app.notices.hands.remember(&leased, hand);
                // The count is stored first: if the process dies before the release, the message is
                // due immediately, but gets no extra attempt.
                app.book.note_attempts(&leased, Some(hand.attempts)).await?;
                app.book.release_notice(&leased, Some(again_at)).await?;
            }
            None => {
                let_go(app, &leased).await?;
            }
        }
        if message_of(&leased).is_some() {
            self.send_held().await?;
        }
        Ok(ended)
    }

    /// Sends the messages that waited for another message to be sent. Their leases have ended, so
    /// each is released when it is due.
    async fn send_held(&self) -> Result<(), StoreFailed> {
        let app = self.app;
        let held = app.notices.hands.take_held(&self.endpoint.id);
        for leased in held {
            let mut hand = app.notices.hands.progress(&leased);
            let due_at = hand.due_at;
            let ended = self.attempt(&leased, &mut hand).await;
            hand.is_done = ended.again_at.is_none();
            app.notices.hands.remember(&leased, MessageProgress { due_at, ..hand });
            if !hand.is_done {
                app.book.note_attempts(&leased, Some(hand.attempts)).await?;
            }
        }
        Ok(())
    }

    /// Posts the letters of a message, until one is to be sent again.
    async fn attempt(&self, leased: &LeasedNotice, hand: &mut MessageProgress) -> AttemptOutcome {
        hand.attempts = hand.attempts.saturating_add(1);
        for letter in &leased.notice.letters {
            let is_doubled = hand.fault.is_some_and(|fault| fault.kind == NotificationFaultKind::Duplicate);
            let times = if is_doubled && hand.attempts == 1 { 2 } else { 1 };
            let mut outcome = DeliveryOutcome::Unsigned;
            for _ in 0..times {
                outcome = self.post(leased, letter, hand.fault).await;
                let again_at = again_at(self.app, *hand, outcome);
                self.note(slice::from_ref(letter), *hand, outcome, again_at);
            }
            if let Some(again_at) = again_at(self.app, *hand, outcome) {
                let is_timed_out = outcome == DeliveryOutcome::NotDelivered(NotDelivered::TimedOut);
                return AttemptOutcome { again_at: Some(again_at), is_timed_out };
            }
        }
        AttemptOutcome::default()
    }

    async fn post(
        &self,
        leased: &LeasedNotice,
        letter: &Letter,
        fault: Option<NotificationFault>,
    ) -> DeliveryOutcome {
        let Self { app, endpoint } = self;
        let request = match envelope::request(&app.notices, endpoint, &leased.notice, letter, fault) {
            Ok(request) => request,
            Err(why) => {
                tracing::error!(%why, "a notification could not be signed");
                return DeliveryOutcome::Unsigned;
            }
        };
        let posting = app.notices.courier.post(request, DEADLINE);
        match select(posting, pin!(app.clock.sleep(DEADLINE))).await {
            Either::Left((Ok(status), _)) if status.is_success() => DeliveryOutcome::Delivered(status),
            Either::Left((Ok(status), _)) => DeliveryOutcome::Refused(status),
            Either::Left((Err(why), _)) => DeliveryOutcome::NotDelivered(why),
            Either::Right(((), _)) => DeliveryOutcome::NotDelivered(NotDelivered::TimedOut),
        }
    }

    async fn put_off(
        &self,
        leased: &LeasedNotice,
        hand: MessageProgress,
    ) -> Result<AttemptOutcome, StoreFailed> {
        self.note(&leased.notice.letters, hand, DeliveryOutcome::PutOff, Some(hand.due_at));
        self.app.notices.hands.remember(leased, hand);
        self.app.book.release_notice(leased, Some(hand.due_at)).await?;
        Ok(AttemptOutcome::default())
    }

    /// Adds the result for some letters of a message to the list.
    fn note(
        &self,
        letters: &[Letter],
        hand: MessageProgress,
        outcome: DeliveryOutcome,
        again_at: Option<Timestamp>,
    ) {
        for letter in letters {
            self.app.notices.sent.note(DeliveryRecord {
                at: self.app.clock.now(),
                endpoint_id: self.endpoint.id.clone(),
                letter: letter.clone(),
                attempt: hand.attempts,
                outcome,
                again_at,
                fault: hand.fault.map(|fault| fault.kind.as_str()),
            });
        }
    }
}

/// When a message is sent again after this outcome. `None` after a success, after a refusal that
/// would be repeated, or after the last retry.
fn again_at(app: &App, hand: MessageProgress, outcome: DeliveryOutcome) -> Option<Timestamp> {
    let retries = app.settings.flags.ipn_retries;
    let is_retried = match outcome {
        DeliveryOutcome::Refused(status) => status >= StatusCode::INTERNAL_SERVER_ERROR,
        DeliveryOutcome::NotDelivered(NotDelivered::TimedOut | NotDelivered::Lost) => true,
        DeliveryOutcome::NotDelivered(NotDelivered::Unreachable) => match retries {
            IpnRetries::ThreeHourly => true,
            IpnRetries::FourteenDays => false,
        },
        DeliveryOutcome::Unsigned => true,
        DeliveryOutcome::Delivered(_) | DeliveryOutcome::Dropped | DeliveryOutcome::PutOff => false,
    };
    (is_retried && hand.attempts <= retries.count())
        .then(|| hand.base.plus(HOUR.saturating_mul(hand.attempts)))
}

fn message_of(leased: &LeasedNotice) -> Option<&Message> {
    leased.notice.letters.iter().find_map(|letter| letter.message.as_ref())
}

async fn let_go(app: &App, leased: &LeasedNotice) -> Result<AttemptOutcome, StoreFailed> {
    let hand = app.notices.hands.forget(leased);
    app.book.release_notice(leased, None).await?;
    if leased.attempts.max(hand.map_or(0, |hand| hand.attempts)) > 0 {
        app.book.note_attempts(leased, None).await?;
    }
    Ok(AttemptOutcome::default())
}
