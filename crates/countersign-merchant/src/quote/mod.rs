//! Asking the shop what an order costs: where to, signed with what, and what its answer may be. `hook` is the
//! call; what becomes of the answer is in `app/quote`.

pub(crate) mod hook;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign_client::Transport;

use crate::webhook::SigningSecrets;

/// The longest answer of the hook that is read, in bytes: ample for the longest cart.
pub const MAX_ANSWER_LEN: usize = 256 << 10;

/// How many buyers' questions are with the shop at a time. A hook that hangs costs no more than these, and
/// whoever comes after them hears at once that there is no answer.
const AT_A_TIME: usize = 64;

/// The shop's endpoint for quotes.
#[derive(Clone)]
pub struct QuoteHook {
    pub(crate) url: http::Uri,
    secrets: SigningSecrets,
    transport: Arc<dyn Transport>,
    asking: Arc<AtomicUsize>,
}

impl QuoteHook {
    /// A hook that is asked at a URL. The transport follows no redirect and should read no more than
    /// [`MAX_ANSWER_LEN`].
    #[must_use]
    pub fn new(url: http::Uri, secrets: SigningSecrets, transport: Arc<dyn Transport>) -> Self {
        Self { url, secrets, transport, asking: Arc::default() }
    }

    /// A place among those who ask, if there is one. It is given back when it is dropped.
    fn place(&self) -> Option<Place> {
        let place = Place(Arc::clone(&self.asking));
        (place.0.fetch_add(1, Ordering::SeqCst) < AT_A_TIME).then_some(place)
    }
}

struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A URL may hold a token of the shop's.
impl fmt::Debug for QuoteHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuoteHook").field("host", &self.url.host()).finish_non_exhaustive()
    }
}
