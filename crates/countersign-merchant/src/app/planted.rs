//! Planted defects, in builds with the feature `planted-bugs` only. Success is shown to the caller first
//! and written by the next timers' round: a crash in between loses Amazon's ids. And a notification's word
//! is taken for the state of an attempt.

use std::sync::{Mutex, PoisonError};

use countersign_client::notification::{Message, NotificationType, Notified};
use countersign_domain::ids::{ChargePermissionId, CheckoutSessionId};
use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::completion::{FinalizeAnswer, answered};
use countersign_domain::merchant::doubt::{ChargeSeen, ChargeStateSeen, charge_seen};
use countersign_domain::terms::PaymentIntent;

use super::act::Place;
use super::registration::Registration;
use super::{App, StoreFailed};

/// The answers that were shown and are not written yet.
#[derive(Debug, Default)]
pub(crate) struct ShownFirst(Mutex<Vec<Shown>>);

#[derive(Debug)]
struct Shown {
    checkout_id: String,
    attempt: u32,
    session: CheckoutSessionId,
    n: u32,
    answer: FinalizeAnswer,
}

impl App {
    pub(super) fn show_first(&self, place: Place<'_>, n: u32, answer: &FinalizeAnswer) {
        let Place { checkout_id, attempt, session } = place;
        let shown = Shown {
            checkout_id: checkout_id.to_owned(),
            attempt,
            session: session.clone(),
            n,
            answer: answer.clone(),
        };
        self.shown_first.0.lock().unwrap_or_else(PoisonError::into_inner).push(shown);
    }

    /// The registration as a caller is shown it.
    pub(super) fn as_shown(&self, mut registration: Registration) -> Registration {
        for shown in self.shown_first.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let checkout = &registration.checkout;
            if shown.checkout_id == checkout.id.as_str()
                && let Some(step) =
                    answered(checkout, shown.attempt, shown.n, &shown.answer, self.clock.now())
            {
                registration.checkout = step.next;
            }
        }
        registration
    }

    /// Takes the news that a charge's state has changed for the news that it was authorized.
    pub(super) async fn believe(
        &self,
        checkout_id: &str,
        permission: &ChargePermissionId,
        message: &Message,
    ) -> Result<(), StoreFailed> {
        let is_change = message.notification_type == Some(NotificationType::StateChange.into());
        let Notified::Charge(charge_id) = &message.object else { return Ok(()) };
        let believed = |checkout: &Checkout, now| {
            let attempt = checkout.attempts.iter().find(|attempt| {
                matches!(attempt.state, AttemptState::InDoubt(_) | AttemptState::Pending { .. })
            })?;
            let state = match checkout.terms.payment_intent {
                PaymentIntent::AuthorizeWithCapture => ChargeStateSeen::Captured,
                PaymentIntent::Authorize | PaymentIntent::Confirm => ChargeStateSeen::Authorized,
            };
            let seen = ChargeSeen { state, reason: None, charge_amount: Some(checkout.terms.charge_amount) };
            Some((charge_seen(checkout, attempt.number, permission, charge_id, &seen, now)?, ()))
        };
        if is_change {
            self.step(checkout_id, &mut None, believed).await?;
        }
        Ok(())
    }

    /// Writes what was shown.
    pub(super) async fn write_shown(&self) -> Result<(), StoreFailed> {
        let shown = std::mem::take(&mut *self.shown_first.0.lock().unwrap_or_else(PoisonError::into_inner));
        for Shown { checkout_id, attempt, session, n, answer } in shown {
            let place = Place { checkout_id: &checkout_id, attempt, session: &session };
            let answered =
                |checkout: &Checkout, now| Some((answered(checkout, attempt, n, &answer, now)?, ()));
            self.step(place.checkout_id, &mut None, answered).await?;
        }
        Ok(())
    }
}
