//! Notifies the shop by webhook: the endpoint, the signature, and the schedule of retries. `sender` is the
//! loop; the outbox itself is in `book/outbox`.
//!
//! A fact is appended to the outbox in the change set that proves it, so it survives every crash. The sender
//! leases it, sends it, and releases it as delivered or due again. After a crash in between, the lease runs
//! out and the fact is sent again under the same id: at least once on the wire, exactly once by id.

mod schedule;
pub(crate) mod sender;
mod signature;

use std::fmt;
use std::sync::Arc;

use countersign_client::Transport;

use super::signed_post::to_the_shop;

pub use signature::SigningSecrets;

/// The shop's endpoint.
#[derive(Clone)]
pub struct Webhook {
    /// Where facts are sent, by POST.
    pub url: http::Uri,
    /// The secrets that sign them.
    pub secrets: SigningSecrets,
    /// What sends them. It must follow no redirect.
    pub transport: Arc<dyn Transport>,
}

impl Webhook {
    /// The endpoint at a URL, reached over the network.
    #[must_use]
    pub fn at(url: http::Uri, secrets: SigningSecrets) -> Self {
        Self { transport: Arc::new(to_the_shop(&url)), url, secrets }
    }
}

/// The URL is not printed: it may contain a token of the shop's.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("host", &self.url.host()).finish_non_exhaustive()
    }
}
