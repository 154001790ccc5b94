//! Asking the shop what an order costs: where to, signed with what, and what its answer may be. `hook` is the
//! call; what becomes of the answer is in `app/quote`.

pub(crate) mod hook;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_client::Transport;

use crate::webhook::SigningSecrets;

/// The longest answer of the hook that is read, in bytes: ample for the longest cart.
pub const MAX_ANSWER_LEN: usize = 256 << 10;

/// How many buyers' questions are with the shop at a time. A hook that hangs costs no more than these, and
/// whoever comes after them hears at once that there is no answer.
const AT_A_TIME: usize = 64;
/// How many of these may be of one checkout: a buyer's two tabs. Who has its token could take every place.
const OF_ONE_CHECKOUT: usize = 2;

/// The shop's endpoint for quotes.
#[derive(Clone)]
pub struct QuoteHook {
    pub(crate) url: http::Uri,
    secrets: SigningSecrets,
    transport: Arc<dyn Transport>,
    asking: Asking,
}

impl QuoteHook {
    /// A hook that is asked at a URL. The transport follows no redirect and should read no more than
    /// [`MAX_ANSWER_LEN`].
    #[must_use]
    pub fn new(url: http::Uri, secrets: SigningSecrets, transport: Arc<dyn Transport>) -> Self {
        Self { url, secrets, transport, asking: Arc::default() }
    }

    /// A place among those who ask, if there is one for this checkout. It is given back when it is dropped.
    fn place(&self, checkout_id: &str) -> Option<Place> {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this = asking.iter().filter(|other| *other == checkout_id).count();
        if asking.len() >= AT_A_TIME || of_this >= OF_ONE_CHECKOUT {
            return None;
        }
        asking.push(checkout_id.to_owned());
        Some(Place { asking: Arc::clone(&self.asking), checkout_id: checkout_id.to_owned() })
    }
}

/// The checkouts whose questions are with the shop, once for each question.
type Asking = Arc<Mutex<Vec<String>>>;

struct Place {
    asking: Asking,
    checkout_id: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = asking.iter().position(|other| *other == self.checkout_id) {
            asking.swap_remove(position);
        }
    }
}

/// A URL may hold a token of the shop's.
impl fmt::Debug for QuoteHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuoteHook").field("host", &self.url.host()).finish_non_exhaustive()
    }
}
