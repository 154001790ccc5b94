//! What happens next: the driver of a checkout, and all that sets one going. It asks Amazon and the shop's
//! hook, and keeps what comes of it in the book.

pub(crate) mod complete;
mod driver;
mod fulfilment;
pub(crate) mod inbox;
pub(crate) mod operate;
pub(crate) mod quote;
mod recovery;
pub(crate) mod runner;
mod snapshot;

use std::ops::Deref;
use std::sync::Arc;

use countersign_client::notification::NotificationVerifier;

use crate::book::Book;
use crate::gateway::amazon::Amazon;
use crate::gateway::quote_hook::QuoteHook;

/// Everything that the merchant half works with.
pub(crate) struct App {
    pub(crate) book: Arc<Book>,
    pub(crate) amazon: Amazon,
    /// Where the shop is asked for quotes, if anywhere.
    pub(crate) quote_hook: Option<QuoteHook>,
    /// Whose notifications are believed.
    pub(crate) verifier: NotificationVerifier,
}

/// What is kept is read and written through the book.
impl Deref for App {
    type Target = Book;

    fn deref(&self) -> &Book {
        &self.book
    }
}
