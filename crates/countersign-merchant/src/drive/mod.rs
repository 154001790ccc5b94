//! What happens next: the driver of a checkout, and everything that starts one. It calls Amazon and the
//! shop's quote hook, and keeps the results in the book.

pub(crate) mod charge_looks;
pub(crate) mod complete;
pub(crate) mod decide;
mod driver;
mod finalize_keys;
mod fulfilment;
pub(crate) mod inbox;
pub(crate) mod operate;
pub(crate) mod quote;
mod recovery;
pub(crate) mod runner;
mod snapshot;
pub(crate) mod webhook;

use std::ops::Deref;
use std::sync::Arc;

use countersign_client::notification::NotificationVerifier;
use countersign_domain::merchant::attempt::Account;

use self::charge_looks::ChargeLooks;
use crate::book::Book;
use crate::gateway::amazon::Amazon;
use crate::gateway::quote_hook::QuoteHook;
use crate::gateway::webhook::Webhook;
use crate::settings::Settings;

/// What the merchant half works with.
pub(crate) struct App {
    pub(crate) book: Arc<Book>,
    pub(crate) amazon: Amazon,
    /// The hook by which the shop is asked for quotes, if it has one.
    pub(crate) quote_hook: Option<QuoteHook>,
    /// The shop's endpoint for webhooks, if it has one.
    pub(crate) webhook: Option<Webhook>,
    /// The looks at charges that callers wait for.
    pub(crate) charge_looks: ChargeLooks,
    /// Verifies Amazon's notifications.
    pub(crate) verifier: NotificationVerifier,
}

impl App {
    /// The configured account, to which every call goes.
    fn account(&self) -> Account {
        let Settings { merchant_id, region, .. } = &self.settings;
        Account { merchant_id: merchant_id.clone(), environment: self.amazon.environment(), region: *region }
    }
}

/// Stored data is read and written through the book.
impl Deref for App {
    type Target = Book;

    fn deref(&self) -> &Book {
        &self.book
    }
}
