//! Reading: one checkout with its timeline, lists of them, and the checkout behind a result link.

use countersign_domain::merchant::checkout::Checkout;
use countersign_store::contract::IndexRange;

use super::change::{BY_STATE, Loaded};
use super::registration::{Registration, result_link_key};
use super::{App, StoreFailed};
use crate::stored::event::{self, Event};

/// The most timeline entries that one answer shows: the latest of them are what matters, and an
/// attempt in doubt for 30 days makes about a hundred.
const TIMELINE: usize = 1_000;
/// The most checkouts on one page of a list.
pub(crate) const PAGE: usize = 100;

/// A page of a list, and where the next one begins.
pub(crate) struct Page {
    pub(crate) checkouts: Vec<Registration>,
    pub(crate) next_after: Option<String>,
}

impl App {
    /// What happened to a checkout, oldest first.
    pub(crate) async fn timeline(&self, checkout: &Checkout) -> Result<Vec<Event>, StoreFailed> {
        let messages = self.store.messages(event::TOPIC, Some(checkout.id.as_str()), 0, TIMELINE).await?;
        messages.iter().map(|message| Ok(Event::decode(&message.bytes)?)).collect()
    }

    /// The checkout behind a result link.
    pub(crate) async fn checkout_of_result(&self, token: &str) -> Result<Option<Loaded>, StoreFailed> {
        self.follow(result_link_key(token)).await
    }

    /// The checkouts whose verdict is this word, by id; the page behind `after`.
    pub(crate) async fn checkouts_by_state(
        &self,
        state: &str,
        after: Option<&str>,
    ) -> Result<Page, StoreFailed> {
        let rows = self
            .store
            .range(IndexRange {
                index: BY_STATE,
                prefix: state.to_owned(),
                after: after.map(|id| (state.to_owned(), id.to_owned())),
                limit: PAGE,
            })
            .await?;
        let is_full = rows.len() >= PAGE;
        let next_after = rows.last().filter(|_| is_full).map(|row| row.key.id.clone());
        let keys: Vec<_> = rows.into_iter().filter(|row| row.value == state).map(|row| row.key).collect();
        let documents = self.store.load(&keys).await?;
        let checkouts = documents
            .iter()
            .flatten()
            .map(|document| super::change::decode(document).map(|loaded| loaded.registration))
            .collect::<Result<_, _>>()?;
        Ok(Page { checkouts, next_after })
    }
}
