//! The one entry for completing a checkout. The browser, the shop, a timer and an operator all get
//! the same outcome for the same session, however often and from wherever they ask.

use std::time::Duration;

use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::merchant::attempt::{AttemptState, GivenAddresses};
use countersign_domain::merchant::completion::buyer_seen;
use countersign_domain::merchant::doubt::Act;

use super::App;
use super::act::{Place, quiet};
use crate::book::StoreFailed;
use crate::book::arrival::{Bearer, Bound, CompleteRefused};
use crate::book::commit::Loaded;
use crate::registration::Registration;

/// The registration as far as it is known, and which attempt the caller asked about.
pub(crate) struct Outcome {
    pub(crate) registration: Registration,
    pub(crate) attempt: u32,
}

/// The pause between two looks at an attempt that somebody else carries out: doubles up to a bound.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(20);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_millis(500);

impl App {
    /// Completes a checkout with the session that the buyer came back with.
    pub(crate) async fn complete(
        &self,
        checkout_id: &str,
        session: &CheckoutSessionId,
        given: &GivenAddresses,
        bearer: Bearer,
    ) -> Result<Outcome, CompleteRefused> {
        let give_up_at = self.clock.monotonic().saturating_add(self.settings.deadlines.caller_wait);
        let bound = self.bind(checkout_id, session, given, bearer).await?;
        let Bound { loaded, attempt, is_mine } = bound;
        let as_bound = Outcome { registration: loaded.registration.clone(), attempt };
        let mut known = Some(loaded);
        if !is_mine {
            self.metrics.note_duplicate("completion");
        }
        let worked = if is_mine {
            self.carry_out(Place { checkout_id, attempt, session }, Act::Agree, &mut known).await
        } else {
            self.note_buyer(checkout_id, attempt, &mut known).await
        };
        let settled = match worked {
            Ok(()) => self.wait_for(checkout_id, attempt, known, give_up_at).await,
            Err(failed) => Err(failed),
        };
        // A store that fails from here on leaves the attempt to its timer, and the caller to what is
        // known: nothing definite, unless it was definite before.
        Ok(settled.unwrap_or_else(|failed| {
            tracing::warn!(checkout_id, attempt, %failed, "a completion cannot be followed");
            as_bound
        }))
    }

    /// The buyer is back, so whatever decides about this attempt is waited for.
    async fn note_buyer(
        &self,
        checkout_id: &str,
        attempt: u32,
        known: &mut Option<Loaded>,
    ) -> Result<(), StoreFailed> {
        let Some(loaded) = known else { return Ok(()) };
        let Some(deciding) = loaded.registration.checkout.deciding_attempt(attempt) else { return Ok(()) };
        let (now, rules) = (self.clock.now(), self.rules());
        // Most repetitions have nothing to write.
        if buyer_seen(&loaded.registration.checkout, deciding.number, now, &rules).is_none() {
            return Ok(());
        }
        let session = deciding.checkout_session_id.clone();
        let place = Place { checkout_id, attempt: deciding.number, session: &session };
        let noted = self.step(place.checkout_id, known, |checkout, now| {
            Some((quiet(buyer_seen(checkout, place.attempt, now, &rules)?), ()))
        });
        noted.await.map(|_| ())
    }

    /// Waits while somebody carries the attempt out, for as long as a buyer may be kept waiting, and
    /// takes it up itself when it is overdue.
    async fn wait_for(
        &self,
        checkout_id: &str,
        attempt: u32,
        mut known: Option<Loaded>,
        give_up_at: Duration,
    ) -> Result<Outcome, StoreFailed> {
        let mut pause = FIRST_PAUSE;
        let mut took_up = false;
        loop {
            let registration = match known.take() {
                Some(loaded) => loaded.registration,
                None => self.bound_checkout(checkout_id).await?,
            };
            let Some(deciding) = registration.checkout.deciding_attempt(attempt) else {
                return Ok(Outcome { registration, attempt });
            };
            let is_due = deciding.state.due_at().is_some_and(|due_at| due_at <= self.clock.now());
            let (is_in_hand, may_take_up) = match deciding.state {
                AttemptState::Bound { .. } | AttemptState::Finalizing { .. } => (true, true),
                // Turned away and backing off, or in doubt: worth a look, not a buyer's wait.
                AttemptState::Approved { .. } | AttemptState::InDoubt(_) => (false, true),
                AttemptState::Pending { .. } => (false, true),
                AttemptState::Completed { .. }
                | AttemptState::NotPaid { .. }
                | AttemptState::Unresolved { .. }
                | AttemptState::Surplus { .. } => (false, false),
            };
            if is_due && may_take_up && !took_up {
                let session = deciding.checkout_session_id.clone();
                let place = Place { checkout_id, attempt: deciding.number, session: &session };
                self.drive(place, &mut known).await?;
                took_up = true;
                continue;
            }
            if !is_in_hand || self.clock.monotonic() >= give_up_at {
                return Ok(Outcome { registration, attempt });
            }
            self.clock.sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            took_up = false;
        }
    }

    /// A checkout that has bound a session: it is never deleted.
    pub(super) async fn bound_checkout(&self, checkout_id: &str) -> Result<Registration, StoreFailed> {
        let loaded = self.checkout(checkout_id).await?;
        let gone = || StoreFailed::Unreadable("a checkout is gone".to_owned());
        Ok(loaded.ok_or_else(gone)?.registration)
    }
}
