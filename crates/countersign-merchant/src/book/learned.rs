//! What this process knows of Amazon's idempotency keys on Finalize, and what a trial of them is made from.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign_domain::merchant::attempt::{Attempt, AttemptState};
use countersign_domain::merchant::call::{InFlight, KeyedRequest};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::number::AttemptNumber;
use countersign_domain::merchant::rules::FinalizeKeys;
use countersign_domain::time::Timestamp;

use crate::stored::finalize_keys::KnownFinalizeKeys;

/// How long what a trial has shown is believed.
pub(super) const LEARNED_FOR: Duration = Duration::from_secs(7 * 86_400);

/// What is known of the keys, as it was last stored.
#[derive(Default)]
pub(super) struct FinalizeKeysCell(Mutex<Learned>);

#[derive(Debug, Clone, Copy, Default)]
struct Learned {
    keys: FinalizeKeys,
    tried_at: Option<Timestamp>,
}

impl FinalizeKeysCell {
    fn learned(&self) -> Learned {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, known: &KnownFinalizeKeys) {
        let learned = Learned { keys: known.keys, tried_at: Some(known.tried_at) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = learned;
    }

    pub(super) fn keys(&self) -> FinalizeKeys {
        self.learned().keys
    }

    /// Whether the next success begins a trial.
    pub(super) fn is_trial_due(&self, now: Timestamp) -> bool {
        self.learned().tried_at.is_none_or(|at| now.since(at) >= LEARNED_FOR || at > now)
    }
}

/// The sends of a checkout that may be answered with a success.
pub(super) fn sends(checkout: &Checkout) -> Vec<(AttemptNumber, KeyedRequest)> {
    let sent = |attempt: &Attempt| match &attempt.state {
        AttemptState::Finalize(in_flight @ (InFlight::Sent { .. } | InFlight::InDoubt(_))) => {
            Some((attempt.number, in_flight.send()?.clone()))
        }
        _ => None,
    };
    checkout.attempts.iter().filter_map(sent).collect()
}
