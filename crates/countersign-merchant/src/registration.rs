//! An order as it is registered: the checkout, its links, and the state of the buyer's page.

use std::time::Duration;

use countersign_domain::merchant::attempt::{Attempt, AttemptState};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::standing::Need;
use countersign_domain::merchant::checkout::terms::Terms;
use countersign_domain::money::Money;
use countersign_domain::time::Timestamp;

use crate::settings::Settings;

/// How long a quote is valid: longer than the day that Amazon keeps its session. After that, what a buyer entered
/// without paying is not kept.
const STANDS_FOR: Duration = Duration::from_secs(25 * 3_600);

/// A checkout, its links, and the state of the buyer's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) checkout: Checkout,
    pub(crate) links: Links,
    pub(crate) browsing: BrowserState,
    pub(crate) missed: Missed,
}

/// What failed for good beside the payment, and only a person can make good. It is kept in the checkout's
/// document, so that a list of what needs a person reads nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Missed {
    /// When Amazon had deleted the buyer's data before they could be fetched.
    pub(crate) snapshot_at: Option<Timestamp>,
    /// The sequence numbers of the facts whose webhooks were given up and not delivered since, oldest first;
    /// at most [`MOST_GIVEN_UP`].
    pub(crate) webhooks: Vec<u64>,
}

/// The largest number of webhooks of one order that are remembered as given up.
const MOST_GIVEN_UP: usize = 100;

impl Missed {
    /// Remembers that a webhook was given up. Returns whether that is new.
    pub(crate) fn give_up(&mut self, sequence: u64) -> bool {
        let is_new = !self.webhooks.contains(&sequence) && self.webhooks.len() < MOST_GIVEN_UP;
        self.webhooks.extend(is_new.then_some(sequence));
        is_new
    }

    /// Forgets a webhook that was delivered after all. Returns whether it had been given up.
    pub(crate) fn deliver(&mut self, sequence: u64) -> bool {
        let before = self.webhooks.len();
        self.webhooks.retain(|given_up| *given_up != sequence);
        self.webhooks.len() < before
    }
}

/// Where the buyer comes from, where they go next, and which pages they may open.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Links {
    /// Lets the checkout's own page act for its buyer.
    pub(crate) browser_token: String,
    /// Opens the result page. It is a token of its own, because it is visible in the address bar.
    pub(crate) result_token: String,
    pub(crate) start_of_checkout_url: String,
    pub(crate) success_url: Option<String>,
    pub(crate) checkout_language: Option<String>,
}

/// Tokens grant access, so they are not printed.
impl core::fmt::Debug for Links {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Links")
            .field("start_of_checkout_url", &self.start_of_checkout_url)
            .finish_non_exhaustive()
    }
}

/// The state of the buyer's page, kept next to the terms because the next quote depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct BrowserState {
    /// The last quote, unless the shop has changed the terms since.
    pub(crate) quoted: Option<LastQuote>,
    /// How many quotes were given or refused.
    pub(crate) quote_count: u32,
    /// How many other events of the button were reported.
    pub(crate) told_count: u32,
}

/// The registered amounts that a quote replaced, and what the buyer has chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastQuote {
    pub(crate) at: Timestamp,
    /// The registered `chargeAmount`: the price of the items, from which every quote starts.
    pub(crate) base: Money,
    /// The registered `totalOrderAmount`.
    pub(crate) total: Option<Money>,
    pub(crate) delivery_option_id: Option<String>,
    pub(crate) coupon_codes: Vec<String>,
}

impl Registration {
    /// Where the buyer sees the result of the order.
    pub(crate) fn result_url(&self, settings: &Settings) -> String {
        format!("{}/result/{}", settings.public_url.trim_end_matches('/'), self.links.result_token)
    }

    /// What only a person can help with.
    pub(crate) fn needs(&self) -> Vec<Need> {
        let mut needs = self.checkout.needs();
        needs.extend(self.missed.snapshot_at.map(|_| Need::SnapshotMissed));
        needs.extend((!self.missed.webhooks.is_empty()).then_some(Need::WebhookGivenUp));
        needs
    }

    /// When the quote lapses. It does not lapse while an attempt may still be paid, or once one is paid.
    pub(crate) fn lapses_at(&self) -> Option<Timestamp> {
        let quoted = self.browsing.quoted.as_ref()?;
        let is_unpaid = |attempt: &Attempt| {
            matches!(
                attempt.state,
                AttemptState::NotPaid { .. } | AttemptState::Surplus { .. } | AttemptState::Released { .. }
            )
        };
        self.checkout.attempts.iter().all(is_unpaid).then(|| quoted.at.plus(STANDS_FOR))
    }

    /// The registration without its quote, once the quote has lapsed: the terms are again those that the shop
    /// registered, so no session with the quoted amount agrees with them. `None` while the quote is valid.
    pub(crate) fn lapsed(&self, now: Timestamp) -> Option<Self> {
        self.lapses_at().filter(|lapses_at| *lapses_at <= now)?;
        let mut lapsed = self.clone();
        lapsed.checkout.terms = self.registered_terms();
        lapsed.checkout.terms_version = lapsed.checkout.terms_version.saturating_add(1);
        lapsed.browsing.quoted = None;
        Some(lapsed)
    }

    /// The registration without the address of its quote, once it is paid: the buyer's addresses are sealed
    /// in the snapshot.
    pub(crate) fn without_quoted_address(mut self) -> Self {
        self.checkout.terms.quoted_address = None;
        self
    }

    /// The terms as the shop registered them, without the changes of a quote.
    pub(crate) fn registered_terms(&self) -> Terms {
        self.browsing.registered_terms(&self.checkout)
    }
}

impl BrowserState {
    /// The terms of a checkout as the shop registered them.
    pub(crate) fn registered_terms(&self, checkout: &Checkout) -> Terms {
        let terms = checkout.terms.clone();
        let Some(quoted) = &self.quoted else { return terms };
        Terms { charge_amount: quoted.base, total_order_amount: quoted.total, quoted_address: None, ..terms }
    }
}
