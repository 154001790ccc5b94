//! The loop that sends. It takes what is due, some messages at a time, posts each to its endpoint, and
//! releases it before it takes more. It keeps only what a fault wants to know of a message; a process that
//! dies loses nothing else.
//!
//! A message is due again at a fixed distance from its first due time, so that after a jump of the clock
//! every retry that fell into it is made, in the order of the due times over all messages of an endpoint.
//! One endpoint's messages are sent one after another; when it has let one time out, the others that were
//! taken with it are sent at once, so that it holds up nobody for longer than two deadlines.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_domain::time::{HOUR, Timestamp};
use countersign_protocol::notification::Message;
use futures_util::future::{Either, join_all, select};
use http::StatusCode;

use super::fault::{FaultKind, Point};
use super::sent::{Outcome, Record};
use super::{Endpoint, NotDelivered, envelope};
use crate::app::notifications::Leased;
use crate::app::{App, StoreFailed};
use crate::settings::IpnRetries;
use crate::stored::notification::Letter;

/// How many messages are taken at a time.
const BATCH: usize = 16;
/// How long one attempt may take, in real time.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long to leave a store alone that failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Of how many messages it is remembered how they stand. Of more, a restart's knowledge must do.
const MAX_REMEMBERED: usize = 10_000;

/// How a message stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hand {
    /// How often it was posted.
    attempts: u32,
    /// What its retries count from.
    base: Timestamp,
    due_at: Timestamp,
    /// It was looked at for faults.
    is_looked_at: bool,
    fault: Option<FaultKind>,
    /// It was sent before its time, behind another.
    is_done: bool,
}

impl Hand {
    /// What a process knows of a message that it has not had in hand: each lease was an attempt.
    fn of(leased: &Leased) -> Self {
        let attempts = leased.lease_count.saturating_sub(1);
        let base = leased.notice.at;
        let due_at = base.plus(HOUR.saturating_mul(attempts));
        Self { attempts, base, due_at, is_looked_at: attempts > 0, fault: None, is_done: false }
    }
}

/// Messages that wait for the next one of their endpoint.
pub(crate) type Held = HashMap<String, Vec<Leased>>;

/// What the loop does next.
enum Next {
    /// Something may be due.
    Look,
    WaitUntil(Timestamp),
    WaitForAny,
}

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        // Before anything is read, so that a message that is appended meanwhile is not missed.
        app.notices.alarm.ring_for_any();
        match send_due(&app).await {
            Ok(Next::Look) => {}
            Ok(Next::WaitUntil(due_at)) => {
                app.notices.alarm.ring_before(due_at);
                select(pin!(app.notices.alarm.rung()), pin!(app.clock.wait_until(due_at))).await;
            }
            Ok(Next::WaitForAny) => app.notices.alarm.rung().await,
            Err(failed) => {
                tracing::error!(%failed, "the notifications that are due could not be read");
                app.clock.sleep(PAUSE).await;
            }
        }
    }
}

async fn send_due(app: &App) -> Result<Next, StoreFailed> {
    let _alone = app.notices.sending.lock().await;
    let now = app.clock.now();
    match app.next_notice().await? {
        None => return Ok(Next::WaitForAny),
        Some(due_at) if due_at > now => return Ok(Next::WaitUntil(due_at)),
        Some(_) => {}
    }
    let mut by_endpoint: BTreeMap<String, VecDeque<Leased>> = BTreeMap::new();
    for leased in app.lease_notices(now, BATCH).await? {
        by_endpoint.entry(leased.notice.endpoint_id.clone()).or_default().push_back(leased);
    }
    let sent = join_all(by_endpoint.into_iter().map(|(id, taken)| send_to(app, id, taken))).await;
    sent.into_iter().collect::<Result<(), StoreFailed>>()?;
    Ok(Next::Look)
}

/// What became of a message that was taken.
#[derive(Debug, Clone, Copy, Default)]
struct Ended {
    again_at: Option<Timestamp>,
    is_timed_out: bool,
}

/// Sends what was taken for one endpoint.
async fn send_to(app: &App, endpoint_id: String, mut taken: VecDeque<Leased>) -> Result<(), StoreFailed> {
    let Some(endpoint) = app.notices.endpoint(&endpoint_id) else {
        // It was removed.
        for leased in taken {
            app.release_notice(&leased, None).await?;
        }
        return Ok(());
    };
    let mut again_at: Option<Timestamp> = None;
    while let Some(leased) = taken.pop_front() {
        let hand = hand(app, &leased);
        if again_at.is_some_and(|again_at| again_at < hand.due_at) {
            // What is to be sent again comes before it.
            remember(app, &leased, hand);
            app.release_notice(&leased, Some(hand.due_at)).await?;
            continue;
        }
        let ended = send_one(app, &endpoint, leased, hand).await?;
        again_at = [again_at, ended.again_at].into_iter().flatten().min();
        if ended.is_timed_out {
            let with_hand = |leased: Leased| {
                let hand = self::hand(app, &leased);
                (leased, hand)
            };
            let rest: Vec<_> = taken.drain(..).map(with_hand).collect();
            let sent = rest.into_iter().map(|(leased, hand)| send_one(app, &endpoint, leased, hand));
            join_all(sent).await.into_iter().collect::<Result<Vec<Ended>, StoreFailed>>()?;
        }
    }
    Ok(())
}

/// Sends a message, or does with it what a fault says.
async fn send_one(
    app: &App,
    endpoint: &Endpoint,
    leased: Leased,
    mut hand: Hand,
) -> Result<Ended, StoreFailed> {
    let now = app.clock.now();
    if hand.is_done {
        return let_go(app, &leased).await;
    }
    unhold(app, &leased);
    if !hand.is_looked_at {
        hand.is_looked_at = true;
        hand.fault =
            message_of(&leased).and_then(|message| app.notices.faults.strike(message, Point::BeforeSending));
        match hand.fault {
            Some(FaultKind::Drop) => {
                note(app, &leased, hand, Outcome::Dropped, None);
                return let_go(app, &leased).await;
            }
            Some(FaultKind::Delay { delay }) => {
                (hand.base, hand.due_at) = (now.plus(delay), now.plus(delay));
                return put_off(app, &leased, hand).await;
            }
            Some(FaultKind::Reorder { delay }) => {
                hand.due_at = now.plus(delay);
                hold(app, &leased);
                return put_off(app, &leased, hand).await;
            }
            Some(_) | None => {}
        }
    }
    let ended = attempt(app, endpoint, &leased, &mut hand).await;
    match ended.again_at {
        Some(again_at) => {
            hand.due_at = again_at;
            remember(app, &leased, hand);
            app.release_notice(&leased, Some(again_at)).await?;
        }
        None => {
            let_go(app, &leased).await?;
        }
    }
    if message_of(&leased).is_some() {
        send_held(app, endpoint).await;
    }
    Ok(ended)
}

/// Sends what waited for another to be sent. Its lease has ended: it is let go when it is due.
async fn send_held(app: &App, endpoint: &Endpoint) {
    let held = lock(&app.notices.held).remove(&endpoint.id).unwrap_or_default();
    for leased in held {
        let mut hand = hand(app, &leased);
        let due_at = hand.due_at;
        let ended = attempt(app, endpoint, &leased, &mut hand).await;
        hand.is_done = ended.again_at.is_none();
        remember(app, &leased, Hand { due_at, ..hand });
    }
}

/// Posts the letters of a message, until one is to be sent again.
async fn attempt(app: &App, endpoint: &Endpoint, leased: &Leased, hand: &mut Hand) -> Ended {
    hand.attempts = hand.attempts.saturating_add(1);
    for letter in &leased.notice.letters {
        let times = if hand.fault == Some(FaultKind::Duplicate) && hand.attempts == 1 { 2 } else { 1 };
        let mut outcome = Outcome::Unsigned;
        for _ in 0..times {
            outcome = post(app, endpoint, leased, letter, hand.fault).await;
            let again_at = again_at(app, *hand, outcome);
            note_letter(app, leased, letter, *hand, outcome, again_at);
        }
        if let Some(again_at) = again_at(app, *hand, outcome) {
            let is_timed_out = outcome == Outcome::NotDelivered(NotDelivered::TimedOut);
            return Ended { again_at: Some(again_at), is_timed_out };
        }
    }
    Ended::default()
}

async fn post(
    app: &App,
    endpoint: &Endpoint,
    leased: &Leased,
    letter: &Letter,
    fault: Option<FaultKind>,
) -> Outcome {
    let request = match envelope::request(&app.notices, endpoint, &leased.notice, letter, fault) {
        Ok(request) => request,
        Err(why) => {
            tracing::error!(%why, "a notification cannot be signed");
            return Outcome::Unsigned;
        }
    };
    let posting = app.notices.courier.post(request, DEADLINE);
    match select(posting, pin!(app.clock.sleep(DEADLINE))).await {
        Either::Left((Ok(status), _)) if status.is_success() => Outcome::Delivered(status),
        Either::Left((Ok(status), _)) => Outcome::Refused(status),
        Either::Left((Err(why), _)) => Outcome::NotDelivered(why),
        Either::Right(((), _)) => Outcome::NotDelivered(NotDelivered::TimedOut),
    }
}

/// When a message is sent again after this outcome; never after a yes, or a no that will stay one.
fn again_at(app: &App, hand: Hand, outcome: Outcome) -> Option<Timestamp> {
    let retries = app.settings.flags.ipn_retries;
    let is_retried = match outcome {
        Outcome::Refused(status) => status >= StatusCode::INTERNAL_SERVER_ERROR,
        Outcome::NotDelivered(NotDelivered::TimedOut | NotDelivered::Lost) => true,
        Outcome::NotDelivered(NotDelivered::Unreachable) => match retries {
            IpnRetries::ThreeHourly => true,
            IpnRetries::FourteenDays => false,
        },
        Outcome::Unsigned => true,
        Outcome::Delivered(_) | Outcome::Dropped | Outcome::PutOff => false,
    };
    (is_retried && hand.attempts <= retries.count())
        .then(|| hand.base.plus(HOUR.saturating_mul(hand.attempts)))
}

fn message_of(leased: &Leased) -> Option<&Message> {
    leased.notice.letters.iter().find_map(|letter| letter.message.as_ref())
}

async fn let_go(app: &App, leased: &Leased) -> Result<Ended, StoreFailed> {
    lock(&app.notices.hands).remove(&leased.sequence);
    app.release_notice(leased, None).await?;
    Ok(Ended::default())
}

async fn put_off(app: &App, leased: &Leased, hand: Hand) -> Result<Ended, StoreFailed> {
    note(app, leased, hand, Outcome::PutOff, Some(hand.due_at));
    remember(app, leased, hand);
    app.release_notice(leased, Some(hand.due_at)).await?;
    Ok(Ended::default())
}

fn hand(app: &App, leased: &Leased) -> Hand {
    lock(&app.notices.hands).get(&leased.sequence).copied().unwrap_or_else(|| Hand::of(leased))
}

fn remember(app: &App, leased: &Leased, hand: Hand) {
    let mut hands = lock(&app.notices.hands);
    if hands.len() < MAX_REMEMBERED || hands.contains_key(&leased.sequence) {
        hands.insert(leased.sequence, hand);
    }
}

fn hold(app: &App, leased: &Leased) {
    let mut held = lock(&app.notices.held);
    held.entry(leased.notice.endpoint_id.clone()).or_default().push(leased.clone());
}

/// Its time has come without another.
fn unhold(app: &App, leased: &Leased) {
    if let Some(held) = lock(&app.notices.held).get_mut(&leased.notice.endpoint_id) {
        held.retain(|other| other.sequence != leased.sequence);
    }
}

fn note(app: &App, leased: &Leased, hand: Hand, outcome: Outcome, again_at: Option<Timestamp>) {
    for letter in &leased.notice.letters {
        note_letter(app, leased, letter, hand, outcome, again_at);
    }
}

fn note_letter(
    app: &App,
    leased: &Leased,
    letter: &Letter,
    hand: Hand,
    outcome: Outcome,
    again_at: Option<Timestamp>,
) {
    app.notices.sent.note(Record {
        at: app.clock.now(),
        endpoint_id: leased.notice.endpoint_id.clone(),
        letter: letter.clone(),
        attempt: hand.attempts,
        outcome,
        again_at,
        fault: hand.fault.map(FaultKind::as_str),
    });
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
