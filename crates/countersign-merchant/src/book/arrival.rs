//! Binding the session that a buyer came back with: once, to one checkout, forever.

use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::merchant::attempt::GivenAddresses;
use countersign_domain::merchant::completion::{
    Arrival, ArrivalRefused, CheckoutStep, arrive, given_later, unquoted,
};
use countersign_store::contract::Key;

use super::commit::{Change, Loaded, checkout_key, decode};
use super::register::pointer;
use super::{Book, Prices, StoreFailed};

/// Why a completion has no outcome to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CompleteRefused {
    /// No checkout has this id.
    NotFound,
    /// Another order came back with this session first.
    BoundToAnotherOrder,
    /// The checkout has bound too many sessions.
    TooManyAttempts,
    /// The shop cancels the order: nobody pays for it any more.
    OrderCanceled,
    /// The store did not say that it bound the session. If it did and its answer was lost, the
    /// attempt's timer carries it out; asking again is right either way.
    Store(StoreFailed),
}

impl From<StoreFailed> for CompleteRefused {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

/// Who brings the session that the buyer came back with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bearer {
    /// The shop's own server, which knows what the order costs.
    Shop,
    /// The buyer's browser, which may have left the question out.
    Browser,
}

/// A session that is bound, to which attempt, and whether this caller has bound it.
pub(crate) struct Bound {
    pub(crate) loaded: Loaded,
    pub(crate) attempt: u32,
    pub(crate) is_mine: bool,
}

fn session_key(session: &CheckoutSessionId) -> Key {
    Key { collection: "session", id: session.to_string() }
}

impl Book {
    /// Binds the session, once and forever: to this checkout or, if another came first, not at all.
    /// The caller who bound it carries it out.
    pub(crate) async fn bind(
        &self,
        checkout_id: &str,
        session: &CheckoutSessionId,
        given: &GivenAddresses,
        bearer: Bearer,
    ) -> Result<Bound, CompleteRefused> {
        let must_be_quoted = bearer == Bearer::Browser && self.prices == Prices::Quoted;
        let (now, rules) = (self.clock.now(), self.rules());
        let keys = [checkout_key(checkout_id), session_key(session)];
        let (after, (attempt, is_mine)) = self
            .commit(|| async {
                let documents = self.store.load(&keys).await.map_err(StoreFailed::from)?;
                let [Some(document), claim] = documents.as_slice() else {
                    return Err(CompleteRefused::NotFound);
                };
                let before = decode(document)?;
                if claim.as_ref().is_some_and(|claim| claim.bytes != checkout_id.as_bytes()) {
                    return Err(CompleteRefused::BoundToAnotherOrder);
                }
                let checkout = &before.registration.checkout;
                let (attempt, step) = match arrive(checkout, session, given, now, &rules) {
                    Err(ArrivalRefused::TooManyAttempts) => return Err(CompleteRefused::TooManyAttempts),
                    Err(ArrivalRefused::OrderCanceled) => return Err(CompleteRefused::OrderCanceled),
                    Ok(Arrival::Known(attempt)) => {
                        let next = given_later(checkout, attempt, given).unwrap_or_else(|| checkout.clone());
                        let step = CheckoutStep { next, events: Vec::new() };
                        return Ok(self.unless_same(before, step, (attempt, false), now));
                    }
                    Ok(Arrival::New(attempt, step)) => (attempt, step),
                };
                let is_unsent = |step: &CheckoutStep| {
                    step.next.attempt(attempt).is_some_and(|bound| bound.state.is_unsent())
                };
                let is_unpriced = must_be_quoted && before.registration.browsing.quoted.is_none();
                let step = if is_unsent(&step) && is_unpriced {
                    tracing::warn!(
                        checkout_id,
                        attempt,
                        "the buyer's page has not asked what the order costs"
                    );
                    let ended = unquoted(&step.next, attempt, now);
                    let events = step.events.into_iter().chain(ended.events).collect();
                    CheckoutStep { next: ended.next, events }
                } else {
                    step
                };
                let is_mine = is_unsent(&step);
                let writes = vec![pointer(session_key(session), checkout_id)];
                let change = Change { writes, ..Change::of(&before.registration, step) };
                Ok(self.decided(Some(before), change, (attempt, is_mine), now))
            })
            .await?;
        let loaded = after.ok_or(CompleteRefused::NotFound)?;
        Ok(Bound { loaded, attempt, is_mine })
    }
}
