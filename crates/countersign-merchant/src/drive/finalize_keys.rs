//! The trial of Amazon's idempotency keys on Finalize: a Finalize that has succeeded is sent once more, first under
//! its own key, then under another. A completed session cannot be paid twice, and nobody waits for the answer.

use countersign_domain::merchant::call::{CallAnswer, KeyedRequest, UnclearKind};

use super::App;
use crate::book::StoreFailed;
use crate::book::finalize_keys::TrialAnswer;
use crate::stored::finalize_keys::KeyTrial;

impl App {
    /// Takes up the trial of one account and environment, and sends what is due.
    pub(super) async fn try_finalize_keys(&self, id: &str) -> Result<(), StoreFailed> {
        while let Some(trial) = self.take_up_trial(id).await? {
            let answer = self.send_trial(&trial).await;
            self.end_try(id, &trial, answer).await?;
        }
        Ok(())
    }

    async fn send_trial(&self, trial: &KeyTrial) -> TrialAnswer {
        let idempotency_key =
            if trial.has_same_answer { trial.other_key.clone() } else { trial.send.idempotency_key.clone() };
        let send = KeyedRequest { idempotency_key, ..trial.send.clone() };
        match self.amazon.finalize(&trial.checkout_session_id, &send, trial.payment_intent).await {
            CallAnswer::Success(success) => {
                let is_same = success.charge_permission_id == trial.charge_permission_id
                    && success.charge_id == trial.charge_id;
                if is_same {
                    return TrialAnswer::SameSuccess;
                }
                tracing::error!(
                    checkout_session_id = %trial.checkout_session_id,
                    charge_permission_id = %success.charge_permission_id,
                    charge_id = success.charge_id.as_ref().map(tracing::field::display),
                    "Amazon answered a Finalize of a completed session with another payment"
                );
                TrialAnswer::Otherwise
            }
            // Another account, endpoint or proxy may have answered: it says nothing about the keys.
            CallAnswer::Unclear { cause, kind: UnclearKind::Refusal } if is_not_found(&cause) => {
                TrialAnswer::Nothing
            }
            CallAnswer::Refused(_)
            | CallAnswer::WrongStatus { .. }
            | CallAnswer::Unclear { kind: UnclearKind::Refusal, .. } => TrialAnswer::Otherwise,
            CallAnswer::NotSent
            | CallAnswer::NotEvaluated { .. }
            | CallAnswer::Unclear { kind: UnclearKind::Unknown | UnclearKind::ServerError, .. } => {
                TrialAnswer::Nothing
            }
        }
    }
}

/// Whether an answer is that there is no such session.
fn is_not_found(cause: &str) -> bool {
    cause.split(' ').next() == Some("404")
}
