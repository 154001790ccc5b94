//! The one entry for completing a checkout. The browser, the shop, a timer and an operator all get
//! the same outcome for the same session, however often and from wherever they ask.

use std::time::Duration;

use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::completion::{Arrival, GivenAddresses, arrive, buyer_seen};
use countersign_domain::merchant::doubt::Act;
use countersign_store::contract::Key;
use countersign_store::transact::Decision;

use super::act::{ActFailed, GivenAddressDiffers};
use super::change::checkout_key;
use super::registration::{Registration, pointer};
use super::{App, StoreFailed, change};

/// Why a completion has no outcome to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CompleteRefused {
    /// No checkout has this id.
    NotFound,
    /// Another order came back with this session first.
    BoundToAnotherOrder,
    /// The checkout has bound too many sessions.
    TooManyAttempts,
    /// The given address is not the session's.
    GivenAddress(GivenAddressDiffers),
    /// The store failed before anything was sent.
    Store(StoreFailed),
}

impl From<StoreFailed> for CompleteRefused {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

/// A completed call: the registration as it stands, and which attempt the caller asked about.
pub(crate) struct Outcome {
    pub(crate) registration: Registration,
    pub(crate) attempt: u32,
}

/// The pause between two looks at an attempt that somebody else carries out: doubles up to a bound.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

fn session_key(session: &CheckoutSessionId) -> Key {
    Key { collection: "session", id: session.to_string() }
}

impl App {
    /// Completes a checkout with the session that the buyer came back with.
    pub(crate) async fn complete(
        &self,
        checkout_id: &str,
        session: &CheckoutSessionId,
        given: &GivenAddresses,
    ) -> Result<Outcome, CompleteRefused> {
        let (attempt, is_mine) = self.bind(checkout_id, session).await?;
        if is_mine {
            self.settle(self.carry_out(checkout_id, attempt, Act::Agree, given).await)?;
        } else {
            let now = self.clock.now();
            self.quietly(checkout_id, |checkout| buyer_seen(checkout, attempt, now)).await?;
        }
        let outcome = self.wait_for(checkout_id, attempt).await;
        #[cfg(feature = "planted-bugs")]
        let outcome = outcome.map(|it| Outcome { registration: self.as_shown(it.registration), ..it });
        outcome
    }

    /// Binds the session, once and for ever: to this checkout or, if another came first, not at all.
    async fn bind(
        &self,
        checkout_id: &str,
        session: &CheckoutSessionId,
    ) -> Result<(u32, bool), CompleteRefused> {
        let (now, rules) = (self.clock.now(), self.rules());
        let keys = [checkout_key(checkout_id), session_key(session)];
        self.transact(|| async {
            let documents = self.store.load(&keys).await.map_err(StoreFailed::from)?;
            let [Some(document), claim] = documents.as_slice() else { return Err(CompleteRefused::NotFound) };
            let before = change::decode(document)?;
            if claim.as_ref().is_some_and(|claim| claim.bytes != checkout_id.as_bytes()) {
                return Err(CompleteRefused::BoundToAnotherOrder);
            }
            let (number, step) = match arrive(&before.registration.checkout, session, now, &rules) {
                Err(_) => return Err(CompleteRefused::TooManyAttempts),
                Ok(Arrival::Known(number)) => {
                    return Ok(Decision { change: None, outcome: (number, false) });
                }
                Ok(Arrival::New(number, step)) => (number, step),
            };
            let bound = step.next.attempt(number).map(|attempt| &attempt.state);
            let is_mine = matches!(bound, Some(AttemptState::Bound { .. }));
            let after = Registration { checkout: step.next, links: before.registration.links.clone() };
            let mut change = self.step_change(&before, &after, &step.events, now);
            change.write.push(pointer(session_key(session), checkout_id));
            Ok(Decision { change: Some(change), outcome: (number, is_mine) })
        })
        .await
    }

    /// What of an act's failure a caller must hear. A store that failed after the send leaves the
    /// attempt to its timer, and the caller to "checking".
    fn settle(&self, result: Result<(), ActFailed>) -> Result<(), CompleteRefused> {
        match result {
            Ok(()) => Ok(()),
            Err(ActFailed::GivenAddress(differs)) => Err(CompleteRefused::GivenAddress(differs)),
            Err(ActFailed::Store(failed)) => {
                tracing::error!(%failed, "a completion's step could not be kept");
                Ok(())
            }
        }
    }

    /// Waits while somebody else carries the attempt out, for as long as a buyer may be kept waiting,
    /// and takes it up itself when its owner is overdue.
    async fn wait_for(&self, checkout_id: &str, attempt: u32) -> Result<Outcome, CompleteRefused> {
        let give_up_at = self.clock.monotonic().saturating_add(self.settings.deadlines.caller_wait);
        let mut pause = FIRST_PAUSE;
        loop {
            let loaded = self.checkout(checkout_id).await?.ok_or(CompleteRefused::NotFound)?;
            let checkout = &loaded.registration.checkout;
            let deciding = deciding_attempt(checkout, attempt);
            let state = checkout.attempt(deciding).map(|attempt| &attempt.state);
            let in_hand = matches!(
                state,
                Some(
                    AttemptState::Bound { .. }
                        | AttemptState::Approved { .. }
                        | AttemptState::Finalizing { .. }
                )
            );
            let now = self.clock.now();
            let is_due = state.and_then(AttemptState::due_at).is_some_and(|due_at| due_at <= now);
            if is_due && (in_hand || matches!(state, Some(AttemptState::InDoubt(_)))) {
                self.settle(self.drive(checkout_id, deciding).await)?;
                let loaded = self.checkout(checkout_id).await?.ok_or(CompleteRefused::NotFound)?;
                return Ok(Outcome { registration: loaded.registration, attempt });
            }
            let owner_works = match state {
                // Waiting for its turn again after Amazon turned it away, or after Get failed: that
                // is not worth a buyer's wait.
                Some(AttemptState::Bound { retry_at }) => {
                    retry_at.since(now) > self.settings.deadlines.finalize
                }
                Some(AttemptState::Finalizing { .. }) => true,
                _ => false,
            };
            if !owner_works || self.clock.monotonic() >= give_up_at {
                return Ok(Outcome { registration: loaded.registration, attempt });
            }
            self.clock.sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }
}

/// The attempt whose fate answers for this one: itself, or the one that it came second to.
fn deciding_attempt(checkout: &countersign_domain::merchant::checkout::Checkout, attempt: u32) -> u32 {
    match checkout.attempt(attempt).map(|attempt| &attempt.state) {
        Some(AttemptState::Surplus { of }) => *of,
        _ => attempt,
    }
}
