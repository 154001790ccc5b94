//! Reads one checkout with its timeline, lists of checkouts, and the checkout of a link.

use countersign_domain::ids::{ChargeId, Environment};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::standing::Standing;
use countersign_domain::merchant::checkout::verdict::Verdict;
use countersign_domain::time::Timestamp;
use countersign_store::contract::IndexRow;

use super::commit::{
    self, BY_STANDING, BY_STATE, LoadedRegistration, NEEDS_PERSON, NOW, PERSON, RESERVED, reserved_value,
    same_verdict,
};
use super::register::{browser_link_key, result_link_key};
use super::{Book, StoreFailed, Walk, youngest};
use crate::events::entry::{self, Entry};
use crate::registration::Registration;

/// The largest number of timeline entries in one answer, which has the newest ones. It is ample, because an
/// attempt in doubt for 30 days makes about a hundred.
pub(crate) const TIMELINE: usize = 1_000;
/// The largest number of checkouts on one page of a list.
pub(crate) const PAGE: usize = 100;

/// A place in a list of checkouts: the value of an index and a checkout's id.
pub(crate) type Cursor = (String, String);

/// Which checkouts a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    All,
    /// Those with this verdict.
    State(&'static str),
    /// Those with this standing now.
    Standing(&'static str),
    /// Those that need a person.
    NeedsPerson,
}

impl Listed {
    /// Whether a checkout belongs to the list now.
    fn has(self, registration: &Registration, now: Timestamp) -> bool {
        let checkout = &registration.checkout;
        match self {
            Self::All => true,
            Self::State(state) => checkout.verdict().outcome() == state,
            Self::Standing(word) => checkout.standing(now).word() == word,
            Self::NeedsPerson => !registration.needs().is_empty(),
        }
    }

    /// Whether a value of an index belongs to the list, as far as the value shows.
    pub(crate) fn has_value(self, value: &str) -> bool {
        let is_reservation = || value.strip_prefix(RESERVED).is_some_and(|at| at.parse::<u64>().is_ok());
        match self {
            Self::All => Verdict::OUTCOMES.contains(&value),
            Self::State(state) => value == state,
            Self::Standing(IN_FORCE) => is_reservation(),
            Self::Standing(word) => {
                value.strip_prefix(NOW) == Some(word)
                    || same_verdict(word) == Some(value)
                    || (word == LAPSED && is_reservation())
            }
            Self::NeedsPerson => value == PERSON,
        }
    }

    /// The ranges of the indexes that have the list, one after the other.
    fn ranges(self, now: Timestamp) -> Vec<Range> {
        let whole = |index, prefix: String| Range { index, prefix, after: None, until: None };
        let in_force = || whole(BY_STANDING, RESERVED.to_owned());
        match self {
            Self::All => vec![whole(BY_STATE, String::new())],
            // No state's name begins with another's, so a name can be used as the prefix.
            Self::State(state) => vec![whole(BY_STATE, state.to_owned())],
            Self::Standing(IN_FORCE) => vec![Range { after: Some(reserved_value(now)), ..in_force() }],
            Self::Standing(word) => {
                let of_verdict = same_verdict(word).map(|verdict| whole(BY_STATE, verdict.to_owned()));
                // A reservation that has ended counts, whether its document was written since or not.
                let ended = Range { until: Some(reserved_value(now)), ..in_force() };
                let own = whole(BY_STANDING, format!("{NOW}{word}"));
                of_verdict.into_iter().chain([own]).chain((word == LAPSED).then_some(ended)).collect()
            }
            Self::NeedsPerson => vec![whole(NEEDS_PERSON, PERSON.to_owned())],
        }
    }
}

/// The standing of an order whose reservation has ended.
const LAPSED: &str = Standing::Lapsed.word();
/// The standing of an order with a reservation.
const IN_FORCE: &str = "reserved";
/// It comes after every id.
const AFTER_EVERY_ID: &str = "\u{10ffff}";

/// A part of an index.
struct Range {
    index: &'static str,
    prefix: String,
    /// Only values after this one.
    after: Option<String>,
    /// Only values up to this one.
    until: Option<String>,
}

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

    /// The checkout of an order as a list, which is empty if there is none, or if the list does not have it.
    pub(crate) async fn checkouts_of_order(
        &self,
        order_id: &str,
        listed: Listed,
        now: Timestamp,
    ) -> Result<Page, StoreFailed> {
        let found = self.checkout_of_order(order_id).await?.map(|loaded| loaded.registration);
        let found = found.filter(|registration| listed.has(registration, now));
        Ok(Page { checkouts: found.into_iter().collect(), next_after: None })
    }

    /// The page after `after` of a list: by the index's value, then by id.
    pub(crate) async fn checkouts(
        &self,
        listed: Listed,
        after: Option<Cursor>,
        now: Timestamp,
    ) -> Result<Page, StoreFailed> {
        let (mut rows, mut next_after) = (Vec::new(), None);
        let mut begins_after = after;
        for range in listed.ranges(now) {
            // The earlier page has ended in a later range.
            if begins_after.as_ref().is_some_and(|(value, _)| !value.starts_with(&range.prefix)) {
                continue;
            }
            let first = range.after.map(|value| (value, AFTER_EVERY_ID.to_owned()));
            let after = begins_after.take().max(first);
            let mut walk = Walk { after, ..Walk::over(range.index, range.prefix) };
            let found = self.page(&mut walk, PAGE.saturating_sub(rows.len())).await?;
            let is_within = |row: &IndexRow| range.until.as_ref().is_none_or(|until| row.value <= *until);
            let is_over = walk.is_over || !found.iter().all(is_within);
            rows.extend(found.into_iter().filter(is_within));
            next_after = walk.after.filter(|_| !is_over);
            if next_after.is_some() || rows.len() >= PAGE {
                break;
            }
        }
        let keys: Vec<_> = rows.into_iter().map(|row| row.key).collect();
        let documents = self.store.load(&keys).await?;
        let checkouts = documents
            .iter()
            .flatten()
            .map(|document| commit::decode(document).map(|loaded| loaded.registration))
            // A checkout may have changed since the index was read.
            .filter(|read| read.as_ref().map_or(true, |registration| listed.has(registration, now)))
            .collect::<Result<_, _>>()?;
        Ok(Page { checkouts, next_after })
    }
}
