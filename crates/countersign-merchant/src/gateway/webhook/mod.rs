//! Notifying the shop by webhook: where to, signed with what, when again. `sender` is the loop; the
//! outbox itself is in `book/outbox`.
//!
//! A fact is appended to the outbox in the change set that proves it, so a crash anywhere leaves it
//! there. The sender leases it, sends it, and releases it: delivered, or due again. A crash in
//! between lets the lease run out, and the fact is sent again under the same id: at least once on
//! the wire, exactly once by id.

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
    /// What they are signed with.
    pub secrets: SigningSecrets,
    /// What carries them. It follows no redirect.
    pub transport: Arc<dyn Transport>,
}

impl Webhook {
    /// The endpoint at a URL, reached over the network.
    #[must_use]
    pub fn at(url: http::Uri, secrets: SigningSecrets) -> Self {
        Self { transport: Arc::new(to_the_shop(&url)), url, secrets }
    }
}

/// A URL may hold a token of the shop's.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("host", &self.url.host()).finish_non_exhaustive()
    }
}
