//! Quotes as they are kept: a good one is the order's terms, a refused one is counted.

use countersign_domain::merchant::checkout::{Terms, TermsRefused, change_terms};
use countersign_domain::merchant::quote::QuoteRefused;

use super::commit::{Change, Decided, Loaded};
use super::{Book, StoreFailed};
use crate::events::table::{Event, Kind};
use crate::registration::{Browsing, Quoted, Registration};

/// How many quotes, refused ones included, one checkout is given: a buyer who tries every address, option and
/// coupon needs a tenth of it.
pub(crate) const MAX_QUOTES: u32 = 500;
/// How many entries a button's other events make in one timeline.
pub(crate) const MAX_TOLD: u32 = 100;

/// Which of the button's events asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    Init,
    ShippingAddress,
    DeliveryOption,
    /// None of them: the order is placed, with an address that the quote does not rest on.
    Complete,
}

impl Trigger {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::ShippingAddress => "shippingAddress",
            Self::DeliveryOption => "deliveryOption",
            Self::Complete => "complete",
        }
    }
}

/// Counts one more, if there may be one more.
const fn counted(count: &mut u32, most: u32) -> bool {
    let may_be = *count < most;
    if may_be {
        *count = count.saturating_add(1);
    }
    may_be
}

impl Book {
    /// Writes a quote as the terms, on whatever version they have unless one is named: of two tabs the later
    /// one counts. What the shop has registered must still be what the quote began with.
    pub(crate) async fn keep_quote(
        &self,
        checkout_id: &str,
        (trigger, terms_version): (Trigger, Option<u32>),
        registered: &Terms,
        terms: &Terms,
        quoted: &Quoted,
    ) -> Result<Result<(), QuoteRefused>, StoreFailed> {
        let now = self.clock.now();
        let kept = self.commit(|| async {
            let refused = |refused| Ok(Decided::nothing(Err(refused)));
            let Some(before) = self.checkout(checkout_id).await? else {
                return refused(QuoteRefused::CartChanged);
            };
            let Registration { checkout, links, browsing } = &before.registration;
            // Others may have asked since. What an order costs where it is paid is asked once a session.
            if browsing.quote_count >= MAX_QUOTES && trigger != Trigger::Complete {
                return refused(QuoteRefused::UnknownError);
            }
            if terms_version.is_some_and(|expected| expected != checkout.terms_version) {
                return refused(QuoteRefused::CartChanged);
            }
            if before.registration.registered_terms().difference(registered).is_some() {
                return refused(QuoteRefused::CartChanged);
            }
            let step = match change_terms(checkout, checkout.terms_version, terms.clone()) {
                Ok(step) => step,
                Err(TermsRefused::AlreadySent | TermsRefused::OrderCanceled) => {
                    return refused(QuoteRefused::CartChanged);
                }
                Err(_) => return refused(QuoteRefused::UnknownError),
            };
            let is_changed = *terms != checkout.terms;
            let next = Registration {
                checkout: if is_changed { step.next } else { checkout.clone() },
                links: links.clone(),
                browsing: Browsing {
                    quoted: Some(quoted.clone()),
                    quote_count: browsing.quote_count.saturating_add(1),
                    ..*browsing
                },
            };
            let version = next.checkout.terms_version;
            let detail = format!("{}: {}, version {version}", trigger.as_str(), terms.charge_amount);
            let besides = vec![Event::with_word(Kind::Quoted, detail)];
            let change = Change { next, events: Vec::new(), besides, writes: Vec::new() };
            Ok::<_, StoreFailed>(self.decided(Some(before), change, Ok(()), now))
        });
        kept.await.map(|(_, outcome)| outcome)
    }

    /// Counts a refusal, and lets the timeline tell of it.
    pub(crate) async fn keep_refusal(
        &self,
        checkout_id: &str,
        trigger: Trigger,
        refused: QuoteRefused,
        field: Option<&str>,
    ) -> Result<(), StoreFailed> {
        let field = field.map(|field| format!(" ({field})")).unwrap_or_default();
        let detail = format!("{}: {}{field}", trigger.as_str(), refused.code());
        let count = |browsing: &mut Browsing| counted(&mut browsing.quote_count, MAX_QUOTES);
        self.tell_of_page(checkout_id, Event::with_word(Kind::QuoteRefused, detail), &count).await
    }

    /// Tells of a button's event that changes nothing; after so many of them, no more.
    pub(crate) async fn note_page_event(&self, loaded: &Loaded, event: Event) -> Result<(), StoreFailed> {
        let count = |browsing: &mut Browsing| counted(&mut browsing.told_count, MAX_TOLD);
        self.tell_of_page(loaded.registration.checkout.id.as_str(), event, &count).await
    }

    async fn tell_of_page(
        &self,
        checkout_id: &str,
        event: Event,
        count: &(dyn Fn(&mut Browsing) -> bool + Sync),
    ) -> Result<(), StoreFailed> {
        let now = self.clock.now();
        let told = self.commit(|| async {
            let Some(before) = self.checkout(checkout_id).await? else { return Ok(Decided::nothing(())) };
            let mut next = before.registration.clone();
            if !count(&mut next.browsing) {
                return Ok::<_, StoreFailed>(Decided::nothing(()));
            }
            let besides = vec![event.clone()];
            let change = Change { next, events: Vec::new(), besides, writes: Vec::new() };
            Ok(self.decided(Some(before), change, (), now))
        });
        told.await.map(|_| ())
    }
}
