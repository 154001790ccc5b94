//! Reads one checkout with its timeline, lists of checkouts, and the checkout of a link.

use countersign_domain::ids::{ChargeId, Environment};
use countersign_domain::merchant::checkout::Checkout;

use super::commit::{self, BY_STATE, LoadedRegistration};
use super::register::{browser_link_key, result_link_key};
use super::{Book, StoreFailed, Walk, youngest};
use crate::events::entry::{self, Entry};
use crate::registration::Registration;

/// The largest number of timeline entries in one answer, which has the newest ones. It is ample, because an
/// attempt in doubt for 30 days makes about a hundred.
pub(crate) const TIMELINE: usize = 1_000;
/// The largest number of checkouts on one page of a list.
pub(crate) const PAGE: usize = 100;

/// A place in the list of checkouts: a state and a checkout's id.
pub(crate) type Cursor = (String, String);

/// A page of a list, and where the next one begins.
pub(crate) struct Page {
    pub(crate) checkouts: Vec<Registration>,
    pub(crate) next_after: Option<Cursor>,
}

/// A page of a timeline, and where the next one begins.
pub(crate) struct TimelinePage {
    pub(crate) entries: Vec<Entry>,
    pub(crate) next_after: Option<u64>,
}

impl Book {
    /// A page of a checkout's timeline after a sequence number, oldest first.
    pub(crate) async fn timeline_page(
        &self,
        checkout: &Checkout,
        after: u64,
        limit: usize,
    ) -> Result<TimelinePage, StoreFailed> {
        let page = self.store.messages(entry::TOPIC, Some(checkout.id.as_str()), after, limit).await?;
        let next_after = page.last().filter(|_| page.len() >= limit).map(|last| last.sequence);
        let entries = page.iter().map(|message| Entry::decode(&message.bytes));
        Ok(TimelinePage { entries: entries.collect::<Result<_, _>>()?, next_after })
    }

    /// The newest entries of a checkout's timeline, as many as fit in one answer, oldest first.
    pub(crate) async fn timeline(&self, checkout: &Checkout) -> Result<Vec<Entry>, StoreFailed> {
        let (mut newest, mut after) = (Vec::new(), 0);
        loop {
            let page = self.store.messages(entry::TOPIC, Some(checkout.id.as_str()), after, TIMELINE).await?;
            let is_last = page.len() < TIMELINE;
            after = page.last().map_or(after, |last| last.sequence);
            newest.extend(page);
            newest.drain(..newest.len().saturating_sub(TIMELINE));
            if is_last {
                return newest.iter().map(|message| Ok(Entry::decode(&message.bytes)?)).collect();
            }
        }
    }

    /// The checkout of a result link.
    pub(crate) async fn checkout_of_result(
        &self,
        token: &str,
    ) -> Result<Option<LoadedRegistration>, StoreFailed> {
        self.follow(result_link_key(token)).await
    }

    /// The checkout of a browser token.
    pub(crate) async fn checkout_of_browser(
        &self,
        token: &str,
    ) -> Result<Option<LoadedRegistration>, StoreFailed> {
        self.follow(browser_link_key(token)).await
    }

    /// The youngest charge of this account and environment that any checkout has.
    pub(crate) async fn youngest_charge(
        &self,
        environment: Environment,
    ) -> Result<Option<ChargeId>, StoreFailed> {
        let prefix = youngest::prefix(&self.settings.merchant_id, environment);
        let mut walk = Walk::over(youngest::INDEX, prefix);
        let Some(row) = self.page(&mut walk, 1).await?.into_iter().next() else { return Ok(None) };
        let loaded = self.checkout(&row.key.id).await?;
        Ok(loaded.and_then(|loaded| youngest::charge(&loaded.registration.checkout).map(|it| it.id.clone())))
    }

    /// The checkout of an order as a list, which is empty if there is none, or if it is not in this state.
    pub(crate) async fn checkouts_of_order(
        &self,
        order_id: &str,
        state: Option<&str>,
    ) -> Result<Page, StoreFailed> {
        let found = self.checkout_of_order(order_id).await?.map(|loaded| loaded.registration);
        let is_asked_for =
            |it: &Registration| state.is_none_or(|state| it.checkout.verdict().outcome() == state);
        Ok(Page { checkouts: found.filter(is_asked_for).into_iter().collect(), next_after: None })
    }

    /// The page after `after` of the checkouts with this verdict, or of all checkouts: by state, then by id.
    pub(crate) async fn checkouts_by_state(
        &self,
        state: Option<&str>,
        after: Option<Cursor>,
    ) -> Result<Page, StoreFailed> {
        // No state's name begins with another's, so a name can be used as the prefix.
        let mut walk = Walk { after, ..Walk::over(BY_STATE, state.unwrap_or_default()) };
        let rows = self.page(&mut walk, PAGE).await?;
        let next_after = walk.after.filter(|_| !walk.is_over);
        let keys: Vec<_> = rows.into_iter().map(|row| row.key).collect();
        let documents = self.store.load(&keys).await?;
        let checkouts = documents
            .iter()
            .flatten()
            .map(|document| commit::decode(document).map(|loaded| loaded.registration))
            .collect::<Result<_, _>>()?;
        Ok(Page { checkouts, next_after })
    }
}
