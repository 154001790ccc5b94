//! The outbox of notifications and the endpoints that they go to: what is appended with a step, what is
//! leased and released, who is registered. Sending is `notify/`'s affair.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_domain::ids::{ChargeId, ChargePermissionId, MerchantId, RefundId};
use countersign_domain::provider::event::{Event, NotifiedObject};
use countersign_domain::time::Timestamp;
use countersign_protocol::notification::{Message, NotificationType, Notified, SignatureVersion};
use countersign_store::contract::{
    Content, Expect, IndexEntry, IndexRange, Key, MAX_CHANGES, NewMessage, Write,
};
use countersign_store::transact::Decision;
use futures_util::future::select;

use super::{App, StoreFailed};
use crate::notify::fault::Point;
use crate::notify::{Endpoint, EndpointUrl, GivenBy, Lane, MAX_ENDPOINTS};
use crate::stored::notification::{self, Letter, Notice};
use crate::stored::notification_attempts as stored_attempts;
use crate::stored::notification_endpoint as stored_endpoint;

/// How many messages a step may append beside the one of its events.
const ROOM: usize = MAX_CHANGES - 1;
/// How long, in real time, an answer is held back until what tells of it was sent.
const LONGEST_HOLD: Duration = Duration::from_secs(15);

/// What a request's change set appended for endpoints: an ordered fault may hold the answer back for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Appended>>);

#[derive(Debug, Clone, Default)]
struct Appended {
    endpoint_ids: Vec<String>,
    letters: Vec<Letter>,
}

impl Told {
    fn lock(&self) -> MutexGuard<'_, Appended> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A decision may be made several times; the last one counts.
    fn replace(&self, appended: Appended) {
        *self.lock() = appended;
    }

    /// The answer turned out to be an earlier one: it tells nothing.
    pub(super) fn clear(&self) {
        self.replace(Appended::default());
    }
}

/// A message that is to be sent now.
#[derive(Debug, Clone)]
pub(crate) struct Leased {
    pub(crate) sequence: u64,
    pub(crate) lease_count: u32,
    /// How often it was tried in vain, as was written.
    pub(crate) attempts: u32,
    pub(crate) notice: Notice,
}

/// An endpoint to be registered.
#[derive(Debug, Clone)]
pub(crate) struct NewEndpoint {
    pub(crate) url: EndpointUrl,
    pub(crate) merchant_id: Option<MerchantId>,
    pub(crate) signature_version: SignatureVersion,
}

/// Why nobody is notified, and the sandbox does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StartRefused {
    /// There would be more than [`MAX_ENDPOINTS`].
    TooManyEndpoints {
        /// By the control API, before.
        registered: usize,
        /// By the operator.
        given: usize,
    },
    Store(StoreFailed),
}

impl From<StoreFailed> for StartRefused {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

impl std::fmt::Display for StartRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooManyEndpoints { registered, given } => write!(
                f,
                "at most {MAX_ENDPOINTS} endpoints are notified: {given} are given, and the control API has \
                 registered {registered} before"
            ),
            Self::Store(failed) => failed.fmt(f),
        }
    }
}

/// Why an endpoint is not registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EndpointRefused {
    /// There are [`MAX_ENDPOINTS`].
    TooMany,
    Store(StoreFailed),
}

impl From<StoreFailed> for EndpointRefused {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

fn endpoint_key(id: &str) -> Key {
    Key { collection: stored_endpoint::COLLECTION, id: id.to_owned() }
}

fn write_endpoint(endpoint: &Endpoint, expect: Expect) -> Write {
    let index = vec![IndexEntry { index: stored_endpoint::INDEX, value: endpoint.id.clone() }];
    let (format, bytes) = stored_endpoint::encode(endpoint);
    let content = Content { format, bytes, due_at: None, index };
    Write { key: endpoint_key(&endpoint.id), expect, content: Some(content) }
}

fn attempts_key(sequence: u64) -> Key {
    Key { collection: stored_attempts::COLLECTION, id: sequence.to_string() }
}

fn message(notice: Notice, lane: Lane) -> NewMessage {
    NewMessage {
        topic: notification::topic(lane),
        subject: notice.endpoint_id.clone(),
        deliver_at: Some(notice.at),
        bytes: notification::encode(&notice),
    }
}

fn notified(object: NotifiedObject, id: &str) -> Option<Notified> {
    Some(match object {
        NotifiedObject::ChargePermission => Notified::ChargePermission(ChargePermissionId::parse(id).ok()?),
        NotifiedObject::Charge => Notified::Charge(ChargeId::parse(id).ok()?),
        NotifiedObject::Refund => Notified::Refund(RefundId::parse(id).ok()?),
    })
}

impl App {
    /// The messages that tell a permission's merchant of what happened to it. `told` keeps which.
    pub(super) fn tell(
        &self,
        merchant_id: &MerchantId,
        permission_id: &ChargePermissionId,
        events: &[Event],
        told: Option<&Told>,
    ) -> Vec<NewMessage> {
        let endpoints = self.notices.hearing_of(merchant_id);
        if endpoints.is_empty() {
            return Vec::new();
        }
        let mut letters: Vec<(Timestamp, Letter)> = Vec::new();
        for event in events {
            let Some((object, object_id)) = event.what.notifies_of() else { continue };
            let Some(object) = notified(object, object_id) else { continue };
            // Whoever is told gets the object; that it changed twice at one instant tells no more.
            let is_told = |(at, letter): &(Timestamp, Letter)| {
                *at == event.at && letter.message.as_ref().is_some_and(|message| message.object == object)
            };
            if letters.iter().any(is_told) {
                continue;
            }
            let message = Message {
                merchant_id: merchant_id.clone(),
                object,
                charge_permission_id: Some(permission_id.clone()),
                notification_type: Some(NotificationType::StateChange.into()),
                notification_id: Some(self.ids.notification_id()),
                notification_version: Some("V2".to_owned()),
            };
            let message_id = self.ids.notification_id();
            letters.push((event.at, Letter { message_id, message: Some(message) }));
        }
        if let Some(told) = told {
            let letters = letters.iter().map(|(_, letter)| letter.clone()).collect();
            let endpoint_ids = endpoints.iter().map(|(id, _)| id.clone()).collect();
            told.replace(Appended { endpoint_ids, letters });
        }
        let messages_each = ROOM.checked_div(endpoints.len()).unwrap_or(1).max(1);
        let letters_each = letters.len().div_ceil(messages_each).max(1);
        let published_at = self.clock.wall();
        let of_one = |letters: &[(Timestamp, Letter)]| {
            let at = letters.iter().map(|(at, _)| *at).max();
            (at.unwrap_or(published_at), letters.iter().map(|(_, letter)| letter.clone()).collect())
        };
        let chunks: Vec<(Timestamp, Vec<Letter>)> = letters.chunks(letters_each).map(of_one).collect();
        let mut messages = Vec::with_capacity(chunks.len().saturating_mul(endpoints.len()));
        for (at, letters) in chunks {
            for (endpoint_id, lane) in &endpoints {
                let (endpoint_id, letters) = (endpoint_id.clone(), letters.clone());
                messages.push(message(Notice { endpoint_id, at, published_at, letters }, *lane));
            }
        }
        messages
    }

    /// Holds an answer back, if a fault orders it, until what the call brought about was sent to the
    /// merchant's endpoints, or sending it has failed once.
    pub(crate) async fn hold_answer(&self, told: &Told) {
        let Appended { endpoint_ids, letters } = told.lock().clone();
        let strikes = |letter: &&Letter| {
            let message = letter.message.as_ref();
            message.is_some_and(|message| self.notices.faults.strike(message, Point::BeforeAnswer).is_some())
        };
        let held_for: Vec<String> = letters.iter().filter(strikes).map(|it| it.message_id.clone()).collect();
        if held_for.is_empty() {
            return;
        }
        let noted = std::pin::pin!(self.notices.sent.all_noted(&endpoint_ids, &held_for));
        select(noted, std::pin::pin!(self.clock.sleep(LONGEST_HOLD))).await;
    }

    /// When the next message of a lane is due.
    pub(crate) async fn next_notice(&self, lane: Lane) -> Result<Option<Timestamp>, StoreFailed> {
        Ok(self.store.backlog(notification::topic(lane), 1).await?.next_at)
    }

    /// Takes what is due in a lane, in due order. The lease ends at once by itself: see the head of `notify/`.
    pub(crate) async fn lease_notices(
        &self,
        lane: Lane,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Leased>, StoreFailed> {
        let mut leased = Vec::new();
        for message in self.store.lease(notification::topic(lane), now, now, limit).await? {
            let (sequence, lease_count) = (message.sequence, message.lease_count);
            match notification::decode(&message.bytes) {
                Ok(notice) => leased.push(Leased { sequence, lease_count, attempts: 0, notice }),
                Err(why) => {
                    tracing::error!(%why, sequence, "a notification can never be sent");
                    self.store.release(sequence, lease_count, None).await?;
                }
            }
        }
        // What is leased for the first time was never tried.
        let mut again: Vec<&mut Leased> = leased.iter_mut().filter(|it| it.lease_count > 1).collect();
        if again.is_empty() {
            return Ok(leased);
        }
        let keys: Vec<Key> = again.iter().map(|leased| attempts_key(leased.sequence)).collect();
        for (leased, document) in again.iter_mut().zip(self.store.load(&keys).await?) {
            let Some(document) = document else { continue };
            match stored_attempts::decode(document.format, &document.bytes) {
                Ok(attempts) => leased.attempts = attempts,
                Err(why) => tracing::error!(%why, "a notification is tried as if it never had been"),
            }
        }
        Ok(leased)
    }

    /// Writes how often a message was tried in vain; nothing if it is tried no more.
    pub(crate) async fn note_attempts(
        &self,
        leased: &Leased,
        attempts: Option<u32>,
    ) -> Result<(), StoreFailed> {
        let (at, key) = (self.clock.now(), attempts_key(leased.sequence));
        let encoded = attempts.as_ref().map(stored_attempts::encode);
        self.transact(|| async {
            let found = self.document(key.clone()).await?;
            let expect = found.as_ref().map_or(Expect::Absent, |found| Expect::Version(found.version));
            let content = encoded.clone();
            let content =
                content.map(|(format, bytes)| Content { format, bytes, due_at: None, index: Vec::new() });
            let is_written = content.is_some() || found.is_some();
            let write = vec![Write { key: key.clone(), expect, content }];
            let change = is_written.then(|| self.change_set(at, write, Vec::new()));
            Ok::<_, StoreFailed>(Decision { change, outcome: () })
        })
        .await
    }

    /// Lets go of a message that was sent, or is to be sent again at `again_at`.
    pub(crate) async fn release_notice(
        &self,
        leased: &Leased,
        again_at: Option<Timestamp>,
    ) -> Result<(), StoreFailed> {
        // It may be gone: a reset forgets messages, whoever has them.
        self.store.release(leased.sequence, leased.lease_count, again_at).await?;
        Ok(())
    }

    /// Reads the endpoints that the control API registered before this start, and registers the
    /// operator's.
    ///
    /// # Errors
    /// [`StartRefused::TooManyEndpoints`] before anything is registered.
    pub(crate) async fn start_notifying(&self) -> Result<(), StartRefused> {
        let range = IndexRange {
            index: stored_endpoint::INDEX,
            prefix: String::new(),
            after: None,
            limit: MAX_ENDPOINTS,
        };
        let rows = self.store.range(range).await.map_err(StoreFailed::from)?;
        let keys: Vec<Key> = rows.into_iter().map(|row| row.key).collect();
        let documents = self.store.load(&keys).await.map_err(StoreFailed::from)?;
        for (key, document) in keys.iter().zip(documents) {
            let Some(document) = document else { continue };
            match stored_endpoint::decode(document.format, &document.bytes) {
                Ok(endpoint) => self.notices.put_endpoint(endpoint),
                Err(why) => tracing::error!(%why, endpoint_id = key.id, "an endpoint is told nothing"),
            }
        }
        let (registered, given) = (self.notices.endpoints().len(), self.notices.fixed.len());
        if registered.saturating_add(given) > MAX_ENDPOINTS {
            return Err(StartRefused::TooManyEndpoints { registered, given });
        }
        Ok(self.give_fixed_endpoints().await?)
    }

    /// Registers the operator's endpoints, as at a start.
    pub(super) async fn give_fixed_endpoints(&self) -> Result<(), StoreFailed> {
        for (position, fixed) in self.notices.fixed.iter().enumerate() {
            let lane = self.notices.free_lane();
            let endpoint = Endpoint::fixed(position, fixed, self.ids.notification_id(), lane);
            self.append_confirmation(&endpoint, Vec::new()).await?;
            self.notices.put_endpoint(endpoint);
        }
        Ok(())
    }

    /// Registers an endpoint and asks it for its confirmation. It is told of everything from now on,
    /// confirmed or not: merchants enter their URLs in Amazon Pay's settings, and confirm nothing.
    pub(crate) async fn register_endpoint(&self, new: NewEndpoint) -> Result<Endpoint, EndpointRefused> {
        let _moment = self.moment().await;
        let _alone = self.notices.registering.lock().await;
        if self.notices.endpoints().len() >= MAX_ENDPOINTS {
            return Err(EndpointRefused::TooMany);
        }
        let NewEndpoint { url, merchant_id, signature_version } = new;
        let endpoint = Endpoint {
            id: self.ids.notification_id(),
            url,
            merchant_id,
            signature_version,
            token: self.ids.notification_id(),
            is_confirmed: false,
            given_by: GivenBy::Control,
            lane: self.notices.free_lane(),
        };
        self.append_confirmation(&endpoint, vec![write_endpoint(&endpoint, Expect::Absent)]).await?;
        self.notices.put_endpoint(endpoint.clone());
        Ok(endpoint)
    }

    async fn append_confirmation(&self, endpoint: &Endpoint, write: Vec<Write>) -> Result<(), StoreFailed> {
        let (at, published_at) = (self.clock.now(), self.clock.wall());
        let letters = vec![Letter { message_id: self.ids.notification_id(), message: None }];
        let notice = Notice { endpoint_id: endpoint.id.clone(), at, published_at, letters };
        let append = vec![message(notice, endpoint.lane)];
        self.transact(|| async {
            let change = self.change_set(at, write.clone(), append.clone());
            Ok::<_, StoreFailed>(Decision { change: Some(change), outcome: () })
        })
        .await?;
        self.notices.alarm.timer_is_set(at);
        Ok(())
    }

    /// An endpoint shows the token that it was sent; nothing if no endpoint has it.
    pub(crate) async fn confirm_endpoint(&self, token: &str) -> Result<Option<Endpoint>, StoreFailed> {
        let _moment = self.moment().await;
        let _alone = self.notices.registering.lock().await;
        let Some(mut endpoint) = self.notices.endpoint_with_token(token) else { return Ok(None) };
        endpoint.is_confirmed = true;
        self.rewrite(&endpoint, true).await?;
        self.notices.put_endpoint(endpoint.clone());
        Ok(Some(endpoint))
    }

    /// Removes one endpoint, or all of them, and says how many there were. What is still to be sent to
    /// them never is.
    pub(crate) async fn remove_endpoints(&self, id: Option<&str>) -> Result<usize, StoreFailed> {
        let _moment = self.moment().await;
        let _alone = self.notices.registering.lock().await;
        let mut removed = 0_usize;
        for endpoint in self.notices.endpoints() {
            if id.is_some_and(|id| id != endpoint.id) {
                continue;
            }
            self.rewrite(&endpoint, false).await?;
            self.notices.remove_endpoint(&endpoint.id);
            removed = removed.saturating_add(1);
        }
        Ok(removed)
    }

    /// Writes an endpoint's document anew, or deletes it. The operator's have none.
    async fn rewrite(&self, endpoint: &Endpoint, stays: bool) -> Result<(), StoreFailed> {
        match endpoint.given_by {
            GivenBy::Operator => return Ok(()),
            GivenBy::Control => {}
        }
        let at = self.clock.now();
        self.transact(|| async {
            let found = self.document(endpoint_key(&endpoint.id)).await?;
            let change = found.map(|document| {
                let expect = Expect::Version(document.version);
                let write = write_endpoint(endpoint, expect);
                let write = if stays { write } else { Write { content: None, ..write } };
                self.change_set(at, vec![write], Vec::new())
            });
            Ok::<_, StoreFailed>(Decision { change, outcome: () })
        })
        .await
    }
}
