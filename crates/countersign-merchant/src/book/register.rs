//! Registers an order with its terms, and changes the terms before anything was sent.

use bytes::Bytes;
use countersign_domain::merchant::attempt::arrive::end_unquoted;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::terms::{Terms, TermsRefused};
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Key, Write};

use super::commit::LoadedRegistration;
use super::{Book, DecisionError, StoreFailed, plain_write};
use crate::events::table::{Event, EventKind};
use crate::ids;
use crate::registration::{BrowserState, Links, Missed, Registration};

/// What the shop asks to register.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) order_id: String,
    pub(crate) terms: Terms,
    pub(crate) start_of_checkout_url: String,
    pub(crate) success_url: Option<String>,
    pub(crate) checkout_language: Option<String>,
}

/// Why an order is not registered or its terms are not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RegistrationRefused {
    /// The terms break a rule, or can no longer be changed.
    Terms(TermsRefused),
    /// The order is already registered with a different value in this field.
    OtherTerms(&'static str),
    /// No checkout has this id.
    NotFound,
}

/// The refusal of terms that break a rule.
fn by_rule(refused: TermsRefused) -> DecisionError<RegistrationRefused> {
    DecisionError::Refused(RegistrationRefused::Terms(refused))
}

/// A registration, and whether this call made it.
pub(crate) struct RegistrationOutcome {
    pub(crate) registration: Registration,
    pub(crate) is_new: bool,
}

fn order_key(order_id: &str) -> Key {
    Key { collection: "order", id: order_id.to_owned() }
}

pub(crate) fn result_link_key(token: &str) -> Key {
    Key { collection: "result_link", id: token.to_owned() }
}

pub(crate) fn browser_link_key(token: &str) -> Key {
    Key { collection: "browser_link", id: token.to_owned() }
}

/// A document that only points to a checkout: its bytes are the checkout's id.
pub(crate) fn pointer(key: Key, checkout_id: &str) -> Write {
    plain_write(key, None, (1, Bytes::copy_from_slice(checkout_id.as_bytes())))
}

impl Book {
    /// Follows a pointer document to its checkout.
    pub(crate) async fn follow(&self, key: Key) -> Result<Option<LoadedRegistration>, StoreFailed> {
        let Some(document) = self.document(&key).await? else { return Ok(None) };
        let id = core::str::from_utf8(&document.bytes)
            .map_err(|_| StoreFailed::Unreadable("a stored pointer is not text".to_owned()))?;
        self.checkout(id).await
    }

    /// The checkout of the shop's order.
    pub(crate) async fn checkout_of_order(
        &self,
        order_id: &str,
    ) -> Result<Option<LoadedRegistration>, StoreFailed> {
        self.follow(order_key(order_id)).await
    }

    /// Registers an order. Registering it again with the same terms returns the same checkout.
    pub(crate) async fn register(
        &self,
        order: &Order,
    ) -> Result<RegistrationOutcome, DecisionError<RegistrationRefused>> {
        order.terms.check().map_err(by_rule)?;
        self.check_payable(&order.terms)?;
        let now = self.clock.now();
        let (_, registered) = self
            .commit(|| async {
                if let Some(existing) = self.checkout_of_order(&order.order_id).await? {
                    return match difference(&existing.registration, order) {
                        Some(field) => Err(DecisionError::Refused(RegistrationRefused::OtherTerms(field))),
                        None => {
                            let door = self.missing_door(&existing.registration).await?;
                            let registration = existing.registration;
                            let outcome = RegistrationOutcome { registration, is_new: false };
                            Ok(self.beside(door.into_iter().collect(), Vec::new(), outcome, now))
                        }
                    };
                }
                let registration = self.draw_registration(order, now);
                let mut revision = self.open_new(registration.clone(), now);
                let id = registration.checkout.id.as_str();
                revision.writes = vec![
                    pointer(order_key(&order.order_id), id),
                    pointer(result_link_key(&registration.links.result_token), id),
                    pointer(browser_link_key(&registration.links.browser_token), id),
                ];
                revision.besides = vec![Event::new(EventKind::Registered)];
                Ok(self.keep(revision, RegistrationOutcome { registration, is_new: true }))
            })
            .await?;
        Ok(registered)
    }

    /// The write of a checkout's browser link, if the checkout was registered without one.
    async fn missing_door(&self, existing: &Registration) -> Result<Option<Write>, StoreFailed> {
        let key = browser_link_key(&existing.links.browser_token);
        let is_there = self.document(&key).await?.is_some();
        Ok((!is_there).then(|| pointer(key, existing.checkout.id.as_str())))
    }

    fn draw_registration(&self, order: &Order, now: Timestamp) -> Registration {
        let checkout = Checkout {
            id: ids::checkout_id(&*self.entropy, now),
            order_id: order.order_id.clone(),
            terms: order.terms.clone(),
            terms_version: 1,
            attempts: Vec::new(),
            payment: None,
            cancellation: None,
            registered_at: now,
        };
        let links = Links {
            browser_token: ids::token(&*self.entropy),
            result_token: ids::token(&*self.entropy),
            start_of_checkout_url: order.start_of_checkout_url.clone(),
            success_url: order.success_url.clone(),
            checkout_language: order.checkout_language.clone(),
        };
        Registration { checkout, links, browsing: BrowserState::default(), missed: Missed::default() }
    }

    /// Refuses what this account can never be paid for.
    fn check_payable(&self, terms: &Terms) -> Result<(), DecisionError<RegistrationRefused>> {
        terms.check_payable(self.settings.region, &self.settings.policy).map_err(by_rule)
    }

    /// Changes the terms, if `terms_version` is still their version.
    pub(crate) async fn change_terms(
        &self,
        checkout_id: &str,
        terms_version: u32,
        terms: &Terms,
    ) -> Result<Registration, DecisionError<RegistrationRefused>> {
        self.check_payable(terms)?;
        let changed = self.revise(checkout_id, None, |revision| {
            let draft = &mut revision.draft;
            draft.change_terms(terms_version, terms.clone()).map_err(by_rule)?;
            // The earlier quote is void, and the next one starts from the new amount. A session that was
            // priced by that quote ends too, because its address could not be compared with anything.
            if revision.browsing.quoted.take().is_some() {
                let attempts = &draft.checkout().attempts;
                let unsent = attempts.iter().filter(|attempt| attempt.state.is_unsent());
                for attempt in unsent.map(|attempt| attempt.number).collect::<Vec<_>>() {
                    end_unquoted(draft, attempt);
                }
            }
            let version = format!("version {}", draft.checkout().terms_version);
            revision.browsing.quote_count = 0;
            revision.besides.push(Event::with_word(EventKind::TermsChanged, version));
            Ok::<_, DecisionError<_>>(Some(()))
        });
        let (changed, _) = changed.await?;
        Ok(changed.ok_or(DecisionError::Refused(RegistrationRefused::NotFound))?.registration)
    }
}

fn difference(existing: &Registration, order: &Order) -> Option<&'static str> {
    let links = &existing.links;
    existing.registered_terms().difference(&order.terms).or_else(|| {
        [
            ("startOfCheckoutUrl", links.start_of_checkout_url != order.start_of_checkout_url),
            ("successUrl", links.success_url != order.success_url),
            ("checkoutLanguage", links.checkout_language != order.checkout_language),
        ]
        .into_iter()
        .find_map(|(name, differs)| differs.then_some(name))
    })
}
