//! The one entry for completing a checkout. The browser, the shop, a timer and an operator all get the same
//! outcome for the same session, however often they ask.

use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::merchant::attempt::arrive::{is_buyer_news, note_buyer};
use countersign_domain::merchant::attempt::{AttemptState, Bearer, GivenAddresses};
use countersign_domain::merchant::call::InFlight;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::next::{BoundSession, NextStep};
use countersign_domain::merchant::number::AttemptNumber;

use super::App;
use super::driver::{Driver, OverdueWork, WatchOutcome};
use crate::book::arrival::{CompleteRefused, SessionArrival};
use crate::book::{DecisionError, StoreFailed};
use crate::registration::Registration;

/// The registration as it was last read, and which attempt the caller asked about.
pub(crate) struct CompletionOutcome {
    pub(crate) registration: Registration,
    pub(crate) attempt: AttemptNumber,
}

impl App {
    /// Completes a checkout with the session that the buyer came back with.
    pub(crate) async fn complete(
        &self,
        checkout_id: &str,
        session: &CheckoutSessionId,
        given: &GivenAddresses,
        bearer: Bearer,
    ) -> Result<CompletionOutcome, DecisionError<CompleteRefused>> {
        let give_up_at = self.clock.monotonic().saturating_add(self.settings.deadlines.caller_wait);
        let SessionArrival { loaded, attempt, is_mine } =
            self.book.record_arrival(checkout_id, session, given, bearer).await?;
        let as_arrived = loaded.registration.clone();
        let mut driver = self.driver_of(checkout_id, loaded);
        let worked = if is_mine {
            driver.follow(NextStep::Agree(BoundSession { attempt, id: session.clone() })).await
        } else {
            self.metrics.note_duplicate("completion");
            match driver.note_buyer(attempt).await {
                Ok(()) => driver.go_on_if_free(attempt).await,
                Err(failed) => Err(failed),
            }
        };
        let settled = match worked {
            Ok(()) => driver.wait(give_up_at, |checkout| self.watch_attempt(checkout, attempt)).await,
            Err(failed) => Err(failed),
        };
        // If the store fails from here on, the timer continues the attempt, and the caller gets what is
        // known: nothing definite, unless it was definite before.
        let registration = settled.unwrap_or_else(|failed| {
            tracing::warn!(
                checkout_id,
                attempt = attempt.get(),
                %failed,
                "the store failed before a completion finished; the attempt's timer will continue it",
            );
            as_arrived
        });
        let state = registration.checkout.attempt(attempt).map(|attempt| &attempt.state);
        if let Some(AttemptState::Released { .. }) = state {
            return Err(DecisionError::Refused(CompleteRefused::BoundToAnotherOrder));
        }
        Ok(CompletionOutcome { registration, attempt })
    }

    /// What the buyer waits for: the attempt that decides about this one.
    fn watch_attempt(&self, checkout: &Checkout, attempt: AttemptNumber) -> WatchOutcome {
        let nothing = WatchOutcome { overdue: None, is_in_hand: false };
        let Some(deciding) = checkout.deciding_attempt(attempt) else { return nothing };
        let is_in_hand = match &deciding.state {
            // It waits for another order of its cart, for as long as that takes.
            AttemptState::Bound { .. } if deciding.waits_for.is_some() => false,
            // Nothing is sent before a person has decided, or the money was returned.
            AttemptState::Bound { .. }
                if checkout.is_unexplained() || checkout.decisions.is_payment_disputed() =>
            {
                false
            }
            AttemptState::Bound { .. } | AttemptState::Finalize(InFlight::Sent { .. }) => true,
            AttemptState::NotApproved(_) | AttemptState::Finalize(InFlight::InDoubt(_)) => {
                deciding.state.asked_again().is_some()
            }
            // The buyer does not wait for an attempt that is pending, in doubt, or was turned away and waits to be
            // sent again. If it is due, it is taken up all the same.
            AttemptState::Finalize(InFlight::Recorded { .. }) | AttemptState::Pending { .. } => false,
            AttemptState::Completed { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::Unresolved { .. }
            | AttemptState::Surplus { .. }
            | AttemptState::Released { .. } => return nothing,
        };
        let is_due = deciding.state.due_at().is_some_and(|due_at| due_at <= self.clock.now());
        WatchOutcome { overdue: is_due.then_some(OverdueWork::Attempt(deciding.number)), is_in_hand }
    }
}

impl Driver<'_> {
    /// Records that the buyer is back at the attempt that decides about this one.
    async fn note_buyer(&mut self, attempt: AttemptNumber) -> Result<(), StoreFailed> {
        let (now, rules) = (self.app().clock.now(), self.app().rules());
        let Some(checkout) = self.checkout().await? else { return Ok(()) };
        let Some(deciding) = checkout.deciding_attempt(attempt).map(|deciding| deciding.number) else {
            return Ok(());
        };
        // Most repeated requests have nothing to write.
        if is_buyer_news(checkout, deciding, now, &rules) {
            self.decide(|draft| note_buyer(draft, deciding)).await?;
        }
        Ok(())
    }
}
