//! Registers an order with its terms, and changes the terms before anything was sent.

use bytes::Bytes;
use countersign_domain::ids::CheckoutId;
use countersign_domain::merchant::after::cancel::{CancelRequest, request_cancel};
use countersign_domain::merchant::attempt::arrive::end_unquoted;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::cart::{Cart, CartKey, SupersedesRefused};
use countersign_domain::merchant::checkout::sharing::{supersede, superseding};
use countersign_domain::merchant::checkout::terms::{Terms, TermsRefused};
use countersign_domain::merchant::decision::Decisions;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Key, Write};

use super::commit::{LoadedRegistration, Revision};
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
    /// The shop's id of the cart.
    pub(crate) cart_id: Option<String>,
    /// The checkout whose place this order takes.
    pub(crate) supersedes: Option<CheckoutId>,
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
    /// The order cannot take the place of the one that it names.
    Supersedes(SupersedesRefused),
}

fn by_cart(refused: SupersedesRefused) -> DecisionError<RegistrationRefused> {
    DecisionError::Refused(RegistrationRefused::Supersedes(refused))
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
                    if order.supersedes.as_ref() == Some(&existing.registration.checkout.id) {
                        return Err(by_cart(SupersedesRefused::Itself));
                    }
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
                let mut registration = self.draw_registration(order, now);
                let (cart, superseded) = self.join_cart(order, &registration, now).await?;
                registration.checkout.cart = cart;
                let mut revision = self.open_new(registration.clone(), now);
                let id = registration.checkout.id.as_str();
                revision.writes = vec![
                    pointer(order_key(&order.order_id), id),
                    pointer(result_link_key(&registration.links.result_token), id),
                    pointer(browser_link_key(&registration.links.browser_token), id),
                ];
                revision.besides = vec![Event::new(EventKind::Registered)];
                let kept = self.keep(revision, RegistrationOutcome { registration, is_new: true });
                Ok(match superseded {
                    Some(superseded) => kept.with(self.keep(superseded, ())),
                    None => kept,
                })
            })
            .await?;
        Ok(registered)
    }

    /// The cart of a new order and, if the order takes the place of another, that one, canceled.
    async fn join_cart(
        &self,
        order: &Order,
        registration: &Registration,
        now: Timestamp,
    ) -> Result<(Option<Cart>, Option<Revision>), DecisionError<RegistrationRefused>> {
        let Some(supersedes) = &order.supersedes else {
            let named = |id: &String| Cart { key: CartKey::Named(id.clone()), supersedes: None };
            return Ok((order.cart_id.as_ref().map(named), None));
        };
        let first = self.checkout(supersedes.as_str()).await?;
        let first = first.ok_or(by_cart(SupersedesRefused::Unknown))?;
        let currency = order.terms.charge_amount.currency();
        let cart = superseding(&first.registration.checkout, order.cart_id.as_deref(), currency);
        let cart = cart.map_err(by_cart)?;
        let mut first = self.open(first, now);
        let by = &registration.checkout.id;
        let reference = format!("superseded by {by}");
        let request = CancelRequest { reference: &reference, reason: None, shipped_too: false };
        request_cancel(&mut first.draft, &request).map_err(|_| by_cart(SupersedesRefused::Canceled))?;
        supersede(&mut first.draft, by);
        let claim = self.claim_superseded(&cart, first.draft.checkout()).await?;
        first.claim = claim.map_err(by_cart)?.map(Box::new);
        Ok((Some(cart), Some(first)))
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
            cart: None,
            superseded_by: None,
            unexplained: Vec::new(),
            decisions: Decisions::default(),
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
            ("cartId", has_other_cart(existing.checkout.cart.as_ref(), order)),
            (
                "supersedes",
                existing.checkout.cart.as_ref().and_then(|cart| cart.supersedes.as_ref())
                    != order.supersedes.as_ref(),
            ),
        ]
        .into_iter()
        .find_map(|(name, differs)| differs.then_some(name))
    })
}

/// Whether an order names another cart than the one that it was registered with. An order that takes the place of
/// another need not name the cart: it has that one's.
fn has_other_cart(existing: Option<&Cart>, order: &Order) -> bool {
    match (existing.map(|cart| &cart.key), &order.cart_id) {
        (Some(CartKey::Named(known)), Some(id)) => known != id,
        (Some(CartKey::Named(_)), None) => order.supersedes.is_none(),
        (Some(CartKey::Of(_)) | None, Some(_)) => true,
        (Some(CartKey::Of(_)) | None, None) => false,
    }
}
