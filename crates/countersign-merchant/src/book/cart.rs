//! The claim of a cart: which of its orders may be paid. The change set that makes a Finalize durable names the claim
//! and the orders in it as they were read, so that of two orders of one cart at most one is sent. The change set that
//! records that an order may be paid without such a send adds the order to the claim, so that no other is sent after it.

use countersign_domain::ids::CheckoutId;
use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::attempt::not_approved::to_look_at;
use countersign_domain::merchant::call::InFlight;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::cart::{Cart, CartKey, CartSight, SupersedesRefused};
use countersign_domain::merchant::checkout::draft::Draft;
use countersign_domain::merchant::checkout::sharing::sight_of;
use countersign_domain::merchant::next::BoundSession;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Document, Expect, Key};

use super::commit::{Claimed, LoadedRegistration, Revision, checkout_key, decode};
use super::{Book, StoreFailed, plain_write};
use crate::ids::hex;
use crate::stored::cart::{self, CartClaim};

/// The largest number of orders of a cart that may be paid at the same time because they were superseded while they
/// were in doubt. An order that turns out to be paid later is named even so.
const MAX_HOLDERS: usize = 16;

/// A cart as it was read for a decision about one of its orders.
pub(super) struct CartRead {
    key: Key,
    claim: Option<Document>,
    /// The orders that the claim names, this one included.
    holders: Vec<CheckoutId>,
    /// Those of them that are other orders.
    others: Vec<LoadedRegistration>,
}

/// The place of a cart's claim. A shop's id may be longer than the id of a document, so it is hashed; the word
/// before it keeps a checkout's id apart from a shop's.
fn claim_key(cart: &Cart) -> Key {
    let (kind, id) = match &cart.key {
        CartKey::Named(id) => ("named", id.as_str()),
        CartKey::Of(id) => ("of", id.as_str()),
    };
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, format!("{kind} {id}").as_bytes());
    Key { collection: cart::COLLECTION, id: hex(hash.as_ref()) }
}

impl Book {
    /// The cart of a checkout; `None` if it has none.
    pub(super) async fn cart(&self, checkout: &Checkout) -> Result<Option<CartRead>, StoreFailed> {
        let Some(cart) = &checkout.cart else { return Ok(None) };
        self.read_cart(cart, checkout).await.map(Some)
    }

    /// The cart that a checkout shares with another order: its own or, if it was registered without one and another
    /// order has taken its place, the cart of that order.
    async fn shared_cart(&self, checkout: &Checkout) -> Result<Option<CartRead>, StoreFailed> {
        let Some(by) = checkout.superseded_by.as_ref().filter(|_| checkout.cart.is_none()) else {
            return self.cart(checkout).await;
        };
        let by = self.checkout(by.as_str()).await?;
        match by.and_then(|by| by.registration.checkout.cart) {
            Some(cart) => self.read_cart(&cart, checkout).await.map(Some),
            None => Ok(None),
        }
    }

    /// The claims of the carts of these orders, with the orders.
    pub(super) async fn claims_of(&self, joining: &[&Checkout]) -> Result<Vec<Claimed>, StoreFailed> {
        let mut carts: Vec<(CartRead, Vec<&CheckoutId>)> = Vec::new();
        for checkout in joining {
            let Some(cart) = self.shared_cart(checkout).await? else { continue };
            match carts.iter_mut().find(|(known, _)| known.key == cart.key) {
                Some((_, ids)) => ids.push(&checkout.id),
                None => carts.push((cart, vec![&checkout.id])),
            }
        }
        Ok(carts.into_iter().map(|(cart, ids)| cart.taken_by(&ids)).collect())
    }

    async fn read_cart(&self, cart: &Cart, checkout: &Checkout) -> Result<CartRead, StoreFailed> {
        let key = claim_key(cart);
        let claim = self.document(&key).await?;
        let holders = match &claim {
            Some(claim) => cart::decode(claim.format, &claim.bytes)?.holders,
            None => Vec::new(),
        };
        let keys: Vec<Key> =
            holders.iter().filter(|id| **id != checkout.id).map(|id| checkout_key(id.as_str())).collect();
        let documents = if keys.is_empty() { Vec::new() } else { self.store.load(&keys).await? };
        let others = documents.iter().flatten().map(decode).collect::<Result<_, _>>()?;
        Ok(CartRead { key, claim, holders, others })
    }

    /// What the other orders of the cart mean for an order now.
    pub(crate) async fn cart_sight(&self, checkout: &Checkout) -> Result<CartSight, StoreFailed> {
        let now = self.clock.now();
        Ok(self.cart(checkout).await?.map_or(CartSight::Free, |cart| cart.sight(now)))
    }

    /// The sessions of the other orders of the cart that were refused, and that must be looked at before a Finalize of
    /// this order leaves.
    pub(crate) async fn refused_in_cart(
        &self,
        checkout: &Checkout,
    ) -> Result<Vec<(CheckoutId, BoundSession)>, StoreFailed> {
        let now = self.clock.now();
        let others = self.cart(checkout).await?.map_or_else(Vec::new, |cart| cart.others);
        let others = others.into_iter().map(|other| other.registration.checkout);
        let refused = others.flat_map(|other| {
            let sessions = to_look_at(&other, now, now);
            sessions.into_iter().map(move |session| (other.id.clone(), session))
        });
        Ok(refused.collect())
    }

    /// As [`decide`](Self::decide), for a decision that may send a Finalize of an order with a cart, or that depends
    /// on its other orders.
    pub(crate) async fn decide_in_cart<T: Send>(
        &self,
        checkout_id: &str,
        decide: impl Fn(&mut Draft) -> T + Send + Sync,
    ) -> Result<(Option<LoadedRegistration>, Option<T>), StoreFailed> {
        let (now, decide) = (self.clock.now(), &decide);
        self.commit(|| async move {
            let Some(before) = self.checkout(checkout_id).await? else {
                return Ok(super::commit::PendingCommit::nothing(None));
            };
            let cart = self.cart(&before.registration.checkout).await?;
            let mut revision = self.open(before, now);
            let outcome = decide_seeing(cart, now, &mut revision, decide);
            if let Some(claiming) = self.claim_unless_taken(&mut revision)
                && let Some(collision) = claiming.await?
            {
                let decide = |revision: &mut Revision| Ok(Some(decide(&mut revision.draft)));
                return Box::pin(self.decide_contested(checkout_id, collision, now, &decide)).await;
            }
            Ok::<_, StoreFailed>(self.keep(revision, Some(outcome)))
        })
        .await
    }

    /// Adds an order that was superseded, and that may be paid, to those that the claim of its cart names.
    pub(super) async fn claim_superseded(
        &self,
        cart: &Cart,
        first: &Checkout,
    ) -> Result<Result<Option<Claimed>, SupersedesRefused>, StoreFailed> {
        if !first.may_turn_out_paid() {
            return Ok(Ok(None));
        }
        let key = claim_key(cart);
        let claim = self.document(&key).await?;
        let mut holders = match &claim {
            Some(claim) => cart::decode(claim.format, &claim.bytes)?.holders,
            None => Vec::new(),
        };
        if holders.contains(&first.id) {
            return Ok(Ok(None));
        }
        if holders.len() >= MAX_HOLDERS {
            return Ok(Err(SupersedesRefused::TooMany));
        }
        holders.push(first.id.clone());
        let write = plain_write(key, claim.as_ref(), cart::encode(&CartClaim { holders }));
        Ok(Ok(Some(Claimed { requires: Vec::new(), write: Some(write) })))
    }
}

/// Makes a decision with the cart in sight. If it sends a Finalize, the claim is this order's in the same change set.
pub(super) fn decide_seeing<T>(
    cart: Option<CartRead>,
    now: Timestamp,
    revision: &mut Revision,
    decide: impl Fn(&mut Draft) -> T,
) -> T {
    let Some(cart) = cart else { return decide(&mut revision.draft) };
    revision.draft.see_cart(cart.sight(now));
    let outcome = decide(&mut revision.draft);
    let checkout = revision.draft.checkout();
    // What is in doubt may be sent again by this decision.
    let leaves = |state: &AttemptState| {
        matches!(state, AttemptState::Finalize(InFlight::Sent { .. } | InFlight::InDoubt(_)))
    };
    if checkout.attempts.iter().any(|attempt| leaves(&attempt.state)) {
        revision.claim = Some(Box::new(cart.taken_by(&[&checkout.id])));
    }
    outcome
}

impl CartRead {
    fn sight(&self, now: Timestamp) -> CartSight {
        sight_of(self.others.iter().map(|other| &other.registration.checkout), now)
    }

    /// The claim with these orders, and with every other that may be paid or may turn out to be.
    fn taken_by(self, ids: &[&CheckoutId]) -> Claimed {
        let Self { key, claim, holders, others } = self;
        let mut requires = Vec::new();
        let mut named = Vec::new();
        for LoadedRegistration { registration, version } in others {
            let other = registration.checkout;
            if ids.contains(&&other.id) {
                continue;
            }
            requires.push((checkout_key(other.id.as_str()), Expect::Version(version)));
            named.extend(other.may_turn_out_paid().then_some(other.id));
        }
        named.extend(ids.iter().copied().cloned());
        let is_named = holders.len() == named.len() && named.iter().all(|it| holders.contains(it));
        match &claim {
            Some(claim) if is_named => {
                requires.push((key, Expect::Version(claim.version)));
                Claimed { requires, write: None }
            }
            Some(_) | None => {
                let write = plain_write(key, claim.as_ref(), cart::encode(&CartClaim { holders: named }));
                Claimed { requires, write: Some(write) }
            }
        }
    }
}
