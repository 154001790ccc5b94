//! The endpoints that notifications go to: registering, confirming and removing them.

use std::fmt;

use countersign_domain::ids::MerchantId;
use countersign_protocol::notification::SignatureVersion;
use countersign_store::contract::{Content, Expect, IndexEntry, IndexRange, Key, Write};

use super::Book;
use super::commit::{Change, PendingCommit};
use super::outbox::message;
use super::refused::StoreFailed;
use crate::notify::endpoint::{Endpoint, EndpointUrl, GivenBy, MAX_ENDPOINTS};
use crate::stored::notification::{Letter, Notice};
use crate::stored::notification_endpoint as stored;

/// An endpoint to be registered.
#[derive(Debug, Clone)]
pub(crate) struct NewEndpoint {
    pub(crate) url: EndpointUrl,
    pub(crate) merchant_id: Option<MerchantId>,
    pub(crate) signature_version: SignatureVersion,
}

/// Why an endpoint is not registered, or the sandbox does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EndpointRefused {
    /// There would be more than [`MAX_ENDPOINTS`].
    TooMany {
        /// Registered by the control API earlier.
        registered: usize,
        /// Given by the operator, or by this request.
        given: usize,
    },
    Store(StoreFailed),
}

impl From<StoreFailed> for EndpointRefused {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

impl fmt::Display for EndpointRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { registered, given } => write!(
                f,
                "at most {MAX_ENDPOINTS} endpoints can be notified: {given} were given, and {registered} were \
                 already registered through the control API"
            ),
            Self::Store(failed) => failed.fmt(f),
        }
    }
}

fn endpoint_key(id: &str) -> Key {
    Key { collection: stored::COLLECTION, id: id.to_owned() }
}

fn write_endpoint(endpoint: &Endpoint, expect: Expect) -> Write {
    let index = vec![IndexEntry { index: stored::INDEX, value: endpoint.id.clone() }];
    let (format, bytes) = stored::encode(endpoint);
    let content = Content { format, bytes, due_at: None, index };
    Write { key: endpoint_key(&endpoint.id), expect, content: Some(content) }
}

impl Book {
    /// Reads the endpoints that the control API registered before this start, and registers the
    /// operator's endpoints.
    ///
    /// # Errors
    /// [`EndpointRefused::TooMany`] before anything is registered.
    pub(crate) async fn start_notifying(&self) -> Result<(), EndpointRefused> {
        let range =
            IndexRange { index: stored::INDEX, prefix: String::new(), after: None, limit: MAX_ENDPOINTS };
        let rows = self.store.range(range).await.map_err(StoreFailed::from)?;
        let keys: Vec<Key> = rows.into_iter().map(|row| row.key).collect();
        let documents = self.store.load(&keys).await.map_err(StoreFailed::from)?;
        for (key, document) in keys.iter().zip(documents) {
            let Some(document) = document else { continue };
            match stored::decode(document.format, &document.bytes) {
                Ok(endpoint) => self.endpoints.put(endpoint),
                Err(why) => {
                    tracing::error!(
                        %why,
                        endpoint_id = key.id,
                        "a stored endpoint cannot be read; it will not be notified"
                    )
                }
            }
        }
        let (registered, given) = (self.endpoints.list().len(), self.endpoints.fixed.len());
        if registered.saturating_add(given) > MAX_ENDPOINTS {
            return Err(EndpointRefused::TooMany { registered, given });
        }
        Ok(self.give_fixed_endpoints().await?)
    }

    /// Registers the operator's endpoints: at a start, and again after a reset.
    pub(super) async fn give_fixed_endpoints(&self) -> Result<(), StoreFailed> {
        for (position, fixed) in self.endpoints.fixed.iter().enumerate() {
            let lane = self.endpoints.free_lane();
            let endpoint = Endpoint::fixed(position, fixed, self.ids.notification_id(), lane);
            self.append_confirmation(&endpoint, Vec::new()).await?;
            self.endpoints.put(endpoint);
        }
        Ok(())
    }

    /// Registers an endpoint and asks it for its confirmation. The endpoint is notified of
    /// everything from now on, whether or not it confirms: at Amazon, merchants enter their URLs in
    /// a settings page and confirm nothing.
    pub(crate) async fn register_endpoint(&self, new: NewEndpoint) -> Result<Endpoint, EndpointRefused> {
        let _moment = self.moment().await;
        let _alone = self.endpoints.registering.lock().await;
        let registered = self.endpoints.list().len();
        if registered >= MAX_ENDPOINTS {
            return Err(EndpointRefused::TooMany { registered, given: 1 });
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
            lane: self.endpoints.free_lane(),
        };
        self.append_confirmation(&endpoint, vec![write_endpoint(&endpoint, Expect::Absent)]).await?;
        self.endpoints.put(endpoint.clone());
        Ok(endpoint)
    }

    async fn append_confirmation(&self, endpoint: &Endpoint, write: Vec<Write>) -> Result<(), StoreFailed> {
        let (at, published_at) = (self.clock.now(), self.clock.wall());
        let letters = vec![Letter { message_id: self.ids.notification_id(), message: None }];
        let notice = Notice { endpoint_id: endpoint.id.clone(), at, published_at, letters };
        let append = vec![message(notice, endpoint.lane)];
        self.decide(|| async {
            let (write, append, before) = (write.clone(), append.clone(), Vec::new());
            Ok(PendingCommit::change(Change { at, write, append, before }, ()))
        })
        .await
    }

    /// Confirms the endpoint that was sent this token; `None` if no endpoint was.
    pub(crate) async fn confirm_endpoint(&self, token: &str) -> Result<Option<Endpoint>, StoreFailed> {
        let _moment = self.moment().await;
        let _alone = self.endpoints.registering.lock().await;
        let Some(mut endpoint) = self.endpoints.with_token(token) else { return Ok(None) };
        endpoint.is_confirmed = true;
        self.rewrite(&endpoint, |write| write).await?;
        self.endpoints.put(endpoint.clone());
        Ok(Some(endpoint))
    }

    /// Removes one endpoint, or all of them, and returns how many. Notifications that were still
    /// waiting for them are never sent.
    pub(crate) async fn remove_endpoints(&self, id: Option<&str>) -> Result<usize, StoreFailed> {
        let _moment = self.moment().await;
        let _alone = self.endpoints.registering.lock().await;
        let mut removed = 0_usize;
        for endpoint in self.endpoints.list() {
            if id.is_some_and(|id| id != endpoint.id) {
                continue;
            }
            self.rewrite(&endpoint, |write| Write { content: None, ..write }).await?;
            self.endpoints.remove(&endpoint.id);
            removed = removed.saturating_add(1);
        }
        Ok(removed)
    }

    /// Rewrites an endpoint's document, with `change` applied to the write. The operator's
    /// endpoints have no document.
    async fn rewrite(&self, endpoint: &Endpoint, change: impl Fn(Write) -> Write) -> Result<(), StoreFailed> {
        if endpoint.given_by == GivenBy::Operator {
            return Ok(());
        }
        let at = self.clock.now();
        self.decide(|| async {
            let Some(found) = self.document(endpoint_key(&endpoint.id)).await? else {
                return Ok(PendingCommit::nothing(()));
            };
            let write = vec![change(write_endpoint(endpoint, Expect::Version(found.version)))];
            Ok(PendingCommit::change(Change::rows(at, write), ()))
        })
        .await
    }
}
