//! What is known of Amazon's idempotency keys on Finalize: learned by a trial, which begins with a success and is
//! written in its change set, at most once a week.

use std::time::Duration;

use countersign_domain::ids::{Environment, IdempotencyKey};
use countersign_domain::merchant::attempt::{Account, AttemptState};
use countersign_domain::merchant::call::KeyedRequest;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::number::AttemptNumber;
use countersign_domain::merchant::rules::FinalizeKeys;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Content, Document, Expect, Key, Write};

use super::commit::PendingCommit;
use super::learned::LEARNED_FOR;
use super::{Book, StoreFailed};
use crate::stored::finalize_keys::{self, KeyTrial, KnownFinalizeKeys};

/// How long after its success a trial is sent: the buyer has the result by then.
const TRIED_AFTER: Duration = Duration::from_secs(10 * 60);
/// The pause between two tries of a trial.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(3_600);
/// How many times a trial is sent in vain, at most.
const TRIES: u32 = 5;

/// The end of a trial's try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrialAnswer {
    /// The success that is known.
    SameSuccess,
    /// A refusal, or another success.
    Otherwise,
    /// Nothing that says anything.
    Nothing,
}

impl Book {
    /// Reads what was learned before. Call this at the start.
    pub(crate) async fn load_finalize_keys(&self, environment: Environment) -> Result<(), StoreFailed> {
        let known = self.document(&self.finalize_keys_key(environment)).await?;
        if let Some(known) = known.as_ref().and_then(|found| decode(found).ok()) {
            self.finalize_keys.put(&known);
        }
        Ok(())
    }

    fn finalize_keys_key(&self, environment: Environment) -> Key {
        let letter = match environment {
            Environment::Sandbox => 'S',
            Environment::Live => 'P',
        };
        let id = format!("{} {letter}", self.settings.merchant_id);
        Key { collection: finalize_keys::COLLECTION, id }
    }

    /// The write that begins a trial with a success that one of these sends was answered with. `None` if there is
    /// none, or if another has begun one meanwhile.
    pub(super) async fn begin_trial(
        &self,
        checkout: &Checkout,
        sends: Vec<(AttemptNumber, KeyedRequest)>,
        now: Timestamp,
    ) -> Result<Option<Write>, StoreFailed> {
        let is_own = |sent_to: &Account| {
            sent_to.merchant_id == self.settings.merchant_id
                && sent_to.environment == self.settings.environment
        };
        let Some((attempt, send)) = sends.into_iter().find_map(|(number, send)| {
            let attempt = checkout.attempt(number).filter(|it| it.account.as_ref().is_none_or(is_own))?;
            matches!(attempt.state, AttemptState::Completed { .. }).then_some((attempt, send))
        }) else {
            return Ok(None);
        };
        let AttemptState::Completed { completion, charge_permission_id, .. } = &attempt.state else {
            return Ok(None);
        };
        let key = self.finalize_keys_key(self.settings.environment);
        let found = self.document(&key).await?;
        let known = found.as_ref().and_then(|found| decode(found).ok());
        if known
            .as_ref()
            .is_some_and(|known| known.trial.is_some() && now.since(known.tried_at) < LEARNED_FOR)
        {
            return Ok(None);
        }
        // No call has this key: it is a digest read backwards.
        let other_key: String = send.idempotency_key.to_string().chars().rev().collect();
        let Ok(other_key) = IdempotencyKey::parse(&other_key) else { return Ok(None) };
        let trial = KeyTrial {
            checkout_session_id: attempt.checkout_session_id.clone(),
            payment_intent: checkout.terms.payment_intent,
            send,
            other_key,
            charge_permission_id: charge_permission_id.clone(),
            charge_id: completion.charge_id().cloned(),
            has_same_answer: false,
            try_count: 0,
            due_at: now.plus(TRIED_AFTER),
        };
        let keys = known.map_or(FinalizeKeys::Unknown, |known| known.keys);
        let known = KnownFinalizeKeys { keys, tried_at: now, trial: Some(trial) };
        Ok(Some(write(key, found.as_ref(), &known)))
    }

    /// Notes that a trial was begun, once its change set is stored.
    pub(super) fn note_trial(&self, now: Timestamp) {
        let keys = self.finalize_keys.keys();
        self.finalize_keys.put(&KnownFinalizeKeys { keys, tried_at: now, trial: None });
    }

    /// Takes up a trial that is due: reschedules its timer, so that nobody else takes it up as well. The trial of
    /// an account other than the configured one is not sent, because that account's sessions cannot be asked for
    /// here, and is given up when what it would show is too old.
    pub(crate) async fn take_up_trial(&self, id: &str) -> Result<Option<KeyTrial>, StoreFailed> {
        let now = self.clock.now();
        let is_own = self.is_own_account(id);
        let taken_up = self
            .revise_trial(id, |known| {
                let is_over = now.since(known.tried_at) >= LEARNED_FOR;
                let trial = known.trial.as_mut().filter(|trial| trial.due_at <= now)?;
                trial.due_at = now.plus(TRIED_AGAIN_AFTER);
                if is_own {
                    return Some(Some(trial.clone()));
                }
                if is_over {
                    known.trial = None;
                }
                Some(None)
            })
            .await?;
        Ok(taken_up.flatten())
    }

    /// Whether what is known under this id is about the configured account and environment.
    fn is_own_account(&self, id: &str) -> bool {
        self.finalize_keys_key(self.settings.environment).id == id
    }

    /// Stores what a try has shown. Keys are honoured if the same key is answered with the same success, and
    /// another key is not.
    pub(crate) async fn end_try(
        &self,
        id: &str,
        tried: &KeyTrial,
        answer: TrialAnswer,
    ) -> Result<(), StoreFailed> {
        let now = self.clock.now();
        let learned = self
            .revise_trial(id, |known| {
                let trial = known.trial.as_mut()?;
                if trial.send != tried.send || trial.has_same_answer != tried.has_same_answer {
                    return None;
                }
                let learned = match (answer, trial.has_same_answer) {
                    (TrialAnswer::SameSuccess, false) => {
                        trial.has_same_answer = true;
                        trial.due_at = now;
                        return Some(None);
                    }
                    (TrialAnswer::Otherwise, true) => FinalizeKeys::Honoured,
                    (TrialAnswer::SameSuccess, true) | (TrialAnswer::Otherwise, false) => {
                        FinalizeKeys::NotHonoured
                    }
                    (TrialAnswer::Nothing, _) => {
                        trial.try_count = trial.try_count.saturating_add(1);
                        if trial.try_count >= TRIES {
                            known.trial = None;
                        }
                        return Some(None);
                    }
                };
                let is_news = known.keys != learned;
                *known = KnownFinalizeKeys { keys: learned, tried_at: now, trial: None };
                Some(is_news.then_some(learned))
            })
            .await?;
        if let Some(Some(keys)) = learned {
            tracing::info!(%keys, "whether Amazon honours idempotency keys on Finalize was found out");
        }
        Ok(())
    }

    async fn revise_trial<T: Send>(
        &self,
        id: &str,
        revise: impl Fn(&mut KnownFinalizeKeys) -> Option<T> + Send + Sync,
    ) -> Result<Option<T>, StoreFailed> {
        let key = Key { collection: finalize_keys::COLLECTION, id: id.to_owned() };
        let (revise, key) = (&revise, &key);
        let (_, outcome) = self
            .commit(|| async move {
                let Some(found) = self.document(key).await? else { return Ok(PendingCommit::nothing(None)) };
                let mut known = decode(&found)?;
                let Some(outcome) = revise(&mut known) else { return Ok(PendingCommit::nothing(None)) };
                let write = write(key.clone(), Some(&found), &known);
                let now = self.clock.now();
                Ok::<_, StoreFailed>(self.beside(vec![write], Vec::new(), Some((outcome, known)), now))
            })
            .await?;
        Ok(outcome.map(|(outcome, known)| {
            if self.is_own_account(&key.id) {
                self.finalize_keys.put(&known);
            }
            outcome
        }))
    }
}

fn decode(found: &Document) -> Result<KnownFinalizeKeys, StoreFailed> {
    Ok(finalize_keys::decode(found.format, &found.bytes)?)
}

fn write(key: Key, found: Option<&Document>, known: &KnownFinalizeKeys) -> Write {
    let (format, bytes) = finalize_keys::encode(known);
    let expect = found.map_or(Expect::Absent, |found| Expect::Version(found.version));
    let due_at = known.trial.as_ref().map(|trial| trial.due_at);
    Write { key, expect, content: Some(Content { format, bytes, due_at, index: Vec::new() }) }
}
