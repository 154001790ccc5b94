//! An order as it is registered: the checkout, the links around it, and what the buyer's page has come to.

use std::time::Duration;

use countersign_domain::merchant::attempt::{Attempt, AttemptState};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::terms::Terms;
use countersign_domain::money::Money;
use countersign_domain::time::Timestamp;

use crate::settings::Settings;

/// How long a quote is valid: longer than the day that Amazon keeps its session. After that what the buyer entered
/// on a page that led nowhere is not kept.
const STANDS_FOR: Duration = Duration::from_secs(25 * 3_600);

/// A checkout and the links around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) checkout: Checkout,
    pub(crate) links: Links,
    pub(crate) browsing: Browsing,
}

/// Where the buyer comes from, goes to, and may look.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Links {
    /// Lets the checkout's own page speak for its buyer.
    pub(crate) browser_token: String,
    /// Opens the result page. Another token, since this one is seen in an address bar.
    pub(crate) result_token: String,
    pub(crate) start_of_checkout_url: String,
    pub(crate) success_url: Option<String>,
    pub(crate) checkout_language: Option<String>,
}

/// Tokens open doors: they are not printed.
impl core::fmt::Debug for Links {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Links")
            .field("start_of_checkout_url", &self.start_of_checkout_url)
            .finish_non_exhaustive()
    }
}

/// What the buyer's page has come to: kept next to the terms, since the next question rests on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Browsing {
    /// The last quote, unless the shop has changed the terms since.
    pub(crate) quoted: Option<Quoted>,
    /// How many quotes were given or refused.
    pub(crate) quote_count: u32,
    /// How many other events were reported.
    pub(crate) told_count: u32,
}

/// What a quote has put aside, and what the buyer has chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quoted {
    pub(crate) at: Timestamp,
    /// The registered `chargeAmount`: the items' price, of which every quote begins.
    pub(crate) base: Money,
    /// The registered `totalOrderAmount`.
    pub(crate) total: Option<Money>,
    pub(crate) delivery_option_id: Option<String>,
    pub(crate) coupon_codes: Vec<String>,
}

impl Registration {
    /// Where the buyer reads how the order is.
    pub(crate) fn result_url(&self, settings: &Settings) -> String {
        format!("{}/result/{}", settings.public_url.trim_end_matches('/'), self.links.result_token)
    }

    /// When the quote lapses: not while an attempt may still be paid by it, and never once it was paid.
    pub(crate) fn lapses_at(&self) -> Option<Timestamp> {
        let quoted = self.browsing.quoted.as_ref()?;
        let is_unpaid = |attempt: &Attempt| {
            matches!(attempt.state, AttemptState::NotPaid { .. } | AttemptState::Surplus { .. })
        };
        self.checkout.attempts.iter().all(is_unpaid).then(|| quoted.at.plus(STANDS_FOR))
    }

    /// This, once its quote has lapsed: the terms are those that the shop has set, as before any quote, so that no
    /// session with the quote's amount agrees with them. `None` while it is valid.
    pub(crate) fn lapsed(&self, now: Timestamp) -> Option<Self> {
        self.lapses_at().filter(|lapses_at| *lapses_at <= now)?;
        let mut lapsed = self.clone();
        lapsed.checkout.terms = self.registered_terms();
        lapsed.checkout.terms_version = lapsed.checkout.terms_version.saturating_add(1);
        lapsed.browsing.quoted = None;
        Some(lapsed)
    }

    /// This, without the address of a quote that was paid: the buyer's addresses are in the snapshot, sealed.
    pub(crate) fn without_quoted_address(mut self) -> Self {
        self.checkout.terms.quoted_address = None;
        self
    }

    /// The terms as the shop has set them, without what a quote has made of them since.
    pub(crate) fn registered_terms(&self) -> Terms {
        self.browsing.registered_terms(&self.checkout)
    }
}

impl Browsing {
    /// The terms of a checkout as the shop has set them.
    pub(crate) fn registered_terms(&self, checkout: &Checkout) -> Terms {
        let terms = checkout.terms.clone();
        let Some(quoted) = &self.quoted else { return terms };
        Terms { charge_amount: quoted.base, total_order_amount: quoted.total, quoted_address: None, ..terms }
    }
}
