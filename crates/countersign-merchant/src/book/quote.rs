//! Keeps quotes: an accepted quote becomes the order's terms, and a refused one is entered in the timeline.
//! Both count toward [`MAX_QUOTES`].

use countersign_domain::merchant::checkout::quote::QuoteRefused;
use countersign_domain::merchant::checkout::terms::{Terms, TermsRefused};

use super::commit::LoadedRegistration;
use super::{Book, DecisionError, StoreFailed};
use crate::events::table::{Event, EventKind};
use crate::registration::{BrowserState, LastQuote};

/// The largest number of quotes for one checkout, including refused ones: a buyer who tries every address,
/// option and coupon needs a tenth of them.
pub(crate) const MAX_QUOTES: u32 = 500;
/// The largest number of the button's other events in one timeline.
pub(crate) const MAX_TOLD: u32 = 100;

/// The event that asks for a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    Init,
    ShippingAddress,
    DeliveryOption,
    /// Not an event of the button: the order is placed with an address that it was not quoted for.
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

/// Counts one more, up to `most`. Returns whether it was counted.
const fn counted(count: &mut u32, most: u32) -> bool {
    let may_be = *count < most;
    if may_be {
        *count = count.saturating_add(1);
    }
    may_be
}

impl Book {
    /// Writes a quote as the terms. If `terms_version` is named, it must be the current one; otherwise the
    /// later of two tabs counts. The registered terms must still be those that the quote started from.
    pub(crate) async fn keep_quote(
        &self,
        checkout_id: &str,
        (trigger, terms_version): (Trigger, Option<u32>),
        registered: &Terms,
        terms: &Terms,
        quoted: &LastQuote,
    ) -> Result<(), DecisionError<QuoteRefused>> {
        let kept = self.revise(checkout_id, None, |revision| {
            let refused = |refused| Err(DecisionError::Refused(refused));
            let begins_as_registered = revision
                .browsing
                .registered_terms(revision.draft.checkout())
                .difference(registered)
                .is_none();
            let version = revision.draft.checkout().terms_version;
            // The limit is checked again, because other tabs may have asked since. The quote at payment is
            // not limited: it is asked for once per session.
            if revision.browsing.quote_count >= MAX_QUOTES && trigger != Trigger::Complete {
                return refused(QuoteRefused::UnknownError);
            }
            if terms_version.is_some_and(|expected| expected != version) || !begins_as_registered {
                return refused(QuoteRefused::CartChanged);
            }
            match revision.draft.quote_terms(terms) {
                Ok(()) => {}
                Err(TermsRefused::AlreadySent | TermsRefused::OrderCanceled | TermsRefused::Unexplained) => {
                    return refused(QuoteRefused::CartChanged);
                }
                Err(_) => return refused(QuoteRefused::UnknownError),
            }
            revision.browsing.quoted = Some(quoted.clone());
            revision.browsing.quote_count = revision.browsing.quote_count.saturating_add(1);
            let version = revision.draft.checkout().terms_version;
            let detail = format!("{}: {}, version {version}", trigger.as_str(), terms.charge_amount);
            revision.besides.push(Event::with_word(EventKind::Quoted, detail));
            Ok(Some(()))
        });
        kept.await?.1.ok_or(DecisionError::Refused(QuoteRefused::CartChanged))
    }

    /// Counts a refusal and enters it in the timeline, up to [`MAX_QUOTES`].
    pub(crate) async fn keep_refusal(
        &self,
        checkout_id: &str,
        trigger: Trigger,
        refused: QuoteRefused,
        field: Option<&str>,
    ) -> Result<(), StoreFailed> {
        let field = field.map(|field| format!(" ({field})")).unwrap_or_default();
        let detail = format!("{}: {}{field}", trigger.as_str(), refused.as_str());
        let count = |browsing: &mut BrowserState| counted(&mut browsing.quote_count, MAX_QUOTES);
        self.tell_of_page(checkout_id, Event::with_word(EventKind::QuoteRefused, detail), &count).await
    }

    /// Enters in the timeline an event of the button that changes nothing, at most [`MAX_TOLD`] of them per
    /// checkout.
    pub(crate) async fn note_page_event(
        &self,
        loaded: &LoadedRegistration,
        event: Event,
    ) -> Result<(), StoreFailed> {
        let count = |browsing: &mut BrowserState| counted(&mut browsing.told_count, MAX_TOLD);
        self.tell_of_page(loaded.registration.checkout.id.as_str(), event, &count).await
    }

    async fn tell_of_page(
        &self,
        checkout_id: &str,
        event: Event,
        count: &(dyn Fn(&mut BrowserState) -> bool + Sync),
    ) -> Result<(), StoreFailed> {
        let told = self.revise(checkout_id, None, |revision| {
            let is_told = count(&mut revision.browsing);
            revision.besides.extend(is_told.then(|| event.clone()));
            Ok::<_, StoreFailed>(is_told.then_some(()))
        });
        told.await.map(|_| ())
    }
}
