//! Carrying out what an attempt needs next: one network call, then one decision on its answer. Every
//! caller comes through here (the buyer's return, a timer, a restart), so all get the same outcome.
//!
//! Who may call Amazon for an attempt is settled by the commit before the call: it moves the
//! attempt's timer on, and of two that try only one commits. A crash before the call leaves the
//! timer, a crash after it too; nothing else is needed to go on.

use std::sync::Arc;

use countersign_domain::ids::{CheckoutSessionId, IdempotencyKey};
use countersign_domain::merchant::attempt::{AttemptState, Send};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::completion::{
    Agreement, Beginning, CheckoutStep, FinalizeAnswer, GivenAddresses, Happened, PlantedBug, agree,
    answered, ask_again, begin,
};
use countersign_domain::merchant::doubt::{Act, charge_seen, looked_up, resend, take_up};
use countersign_domain::terms::PaymentIntent;
use countersign_protocol::wire::{FinalizeCheckoutSession, Object as _};
use countersign_store::contract::Expect;
use countersign_store::transact::Decision;

use super::change::{Loaded, write_checkout};
use super::key::idempotency_key;
use super::registration::Registration;
use super::{App, StoreFailed};
use countersign_domain::address::{Address, AddressMember};
use countersign_domain::merchant::completion::AddressKind;

/// How many acts one caller carries out in a row before it leaves the rest to the timer. The
/// longest useful chain: agree, send, look up, re-send, look up, ask for the charge.
const ACTS: usize = 8;

/// The caller gave an address that is not the session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GivenAddressDiffers(pub(crate) AddressKind, pub(crate) AddressMember);

/// Why an act could not be carried out or its outcome not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ActFailed {
    GivenAddress(GivenAddressDiffers),
    Store(StoreFailed),
}

impl From<StoreFailed> for ActFailed {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

impl App {
    /// Takes up one attempt if it is due, and goes on until it rests.
    pub(crate) async fn drive(&self, checkout_id: &str, attempt: u32) -> Result<(), ActFailed> {
        for _ in 0..ACTS {
            let act = self
                .step(checkout_id, |checkout| {
                    let (step, act) = take_up(checkout, attempt, self.clock.now(), &self.rules())?;
                    Some((step, act))
                })
                .await?;
            let Some(act) = act else { return Ok(()) };
            self.carry_out(checkout_id, attempt, act, &GivenAddresses::default()).await?;
        }
        Ok(())
    }

    /// Carries out one act and whatever follows from its answer at once.
    pub(crate) async fn carry_out(
        &self,
        checkout_id: &str,
        attempt: u32,
        act: Act,
        given: &GivenAddresses,
    ) -> Result<(), ActFailed> {
        let mut next = act;
        for _ in 0..ACTS {
            next = match next {
                Act::Rest => return Ok(()),
                Act::Agree => self.agree_and_send(checkout_id, attempt, given).await?,
                Act::Begin => self.begin_approved(checkout_id, attempt).await?,
                Act::LookUp => self.look_up(checkout_id, attempt).await?,
                Act::Resend => self.send_again(checkout_id, attempt).await?,
                Act::AskCharge(permission, charge) => {
                    let Ok(seen) = self.amazon.charge(&charge, self.clock.wall()).await else {
                        return Ok(());
                    };
                    let now = self.clock.now();
                    self.step(checkout_id, |checkout| {
                        let step = charge_seen(checkout, attempt, &permission, &charge, &seen, now)?;
                        Some((step, ()))
                    })
                    .await?;
                    Act::Rest
                }
            };
        }
        Ok(())
    }

    /// Loads the checkout, makes one decision, and commits its step; `None` when the decision was
    /// that there is nothing to do.
    pub(crate) async fn step<T: std::marker::Send>(
        &self,
        checkout_id: &str,
        decide: impl Fn(&Checkout) -> Option<(CheckoutStep, T)> + std::marker::Send + Sync,
    ) -> Result<Option<T>, StoreFailed> {
        let decide = &decide;
        self.transact(|| async {
            let Some(before) = self.checkout(checkout_id).await? else {
                return Ok::<_, StoreFailed>(Decision { change: None, outcome: None });
            };
            let Some((step, outcome)) = decide(&before.registration.checkout) else {
                return Ok(Decision { change: None, outcome: None });
            };
            Ok(self.decision(&before, step, Some(outcome)))
        })
        .await
    }

    /// A step's change set; none when the step changes nothing.
    fn decision<T>(&self, before: &Loaded, step: CheckoutStep, outcome: T) -> Decision<T> {
        if step.next == before.registration.checkout && step.events.is_empty() {
            return Decision { change: None, outcome };
        }
        let links = before.registration.links.clone();
        let after = Registration { checkout: step.next, links };
        let change = self.step_change(before, &after, &step.events, self.clock.now());
        tell_operator(&after.checkout, &step.events);
        Decision { change: Some(change), outcome }
    }

    async fn agree_and_send(
        &self,
        checkout_id: &str,
        attempt: u32,
        given: &GivenAddresses,
    ) -> Result<Act, ActFailed> {
        let Some(session) = self.session_of(checkout_id, attempt).await? else { return Ok(Act::Rest) };
        let seen = match self.amazon.session(&session, self.clock.wall()).await {
            Ok(seen) => seen,
            Err(nothing) => {
                tracing::warn!(
                    checkout_id,
                    attempt,
                    answer = nothing.0,
                    "Get Checkout Session shows nothing"
                );
                self.ask_again_soon(checkout_id, attempt).await?;
                return Ok(Act::Rest);
            }
        };
        let send = self
            .transact(|| async {
                let Some(before) = self.checkout(checkout_id).await? else {
                    return Ok(Decision { change: None, outcome: None });
                };
                let (now, rules) = (self.clock.now(), self.rules());
                let checkout = &before.registration.checkout;
                if !matches!(checkout.attempt(attempt).map(|it| &it.state), Some(AttemptState::Bound { .. }))
                {
                    return Ok(Decision { change: None, outcome: None });
                }
                match agree(checkout, attempt, &seen, self.amazon.environment(), given, now) {
                    Agreement::GivenAddressDiffers(kind, member) => {
                        Err(ActFailed::GivenAddress(GivenAddressDiffers(kind, member)))
                    }
                    Agreement::Ends(step) => Ok(self.decision(&before, step, None)),
                    Agreement::Agreed(kind, address) => {
                        let body = finalize_body(checkout, kind, &address);
                        Ok(self.beginning(&before, attempt, body, now, &rules))
                    }
                }
            })
            .await?;
        match send {
            Some((send, intent)) => self.send(checkout_id, attempt, &session, &send, intent).await,
            None => Ok(Act::Rest),
        }
    }

    async fn begin_approved(&self, checkout_id: &str, attempt: u32) -> Result<Act, ActFailed> {
        let Some(session) = self.session_of(checkout_id, attempt).await? else { return Ok(Act::Rest) };
        let send = self
            .transact(|| async {
                let Some(before) = self.checkout(checkout_id).await? else {
                    return Ok::<_, StoreFailed>(Decision { change: None, outcome: None });
                };
                let state = before.registration.checkout.attempt(attempt).map(|attempt| &attempt.state);
                let Some(AttemptState::Approved { body, .. }) = state else {
                    return Ok(Decision { change: None, outcome: None });
                };
                let body = body.clone();
                Ok(self.beginning(&before, attempt, body, self.clock.now(), &self.rules()))
            })
            .await?;
        match send {
            Some((send, intent)) => self.send(checkout_id, attempt, &session, &send, intent).await,
            None => Ok(Act::Rest),
        }
    }

    fn beginning(
        &self,
        before: &Loaded,
        attempt: u32,
        body: Arc<[u8]>,
        now: countersign_domain::time::Timestamp,
        rules: &countersign_domain::merchant::completion::CompletionRules,
    ) -> Decision<Option<(Send, PaymentIntent)>> {
        let checkout = &before.registration.checkout;
        let key_of = self.keys_of(checkout, attempt);
        match begin(checkout, attempt, body, &key_of, now, rules) {
            Beginning::Send(send, step) => {
                let intent = checkout.terms.payment_intent;
                self.decision(before, step, Some((send, intent)))
            }
            Beginning::Ends(step) => self.decision(before, step, None),
            Beginning::NotReady => Decision { change: None, outcome: None },
        }
    }

    fn keys_of<'a>(&'a self, checkout: &'a Checkout, attempt: u32) -> impl Fn(u32) -> IdempotencyKey + 'a {
        move |n| idempotency_key(&self.settings.merchant_id, &checkout.id, attempt, "finalize", n)
    }

    /// Sends Finalize and keeps what its answer proves. If that cannot be kept, the attempt stays
    /// where it is, and its timer looks up what became of it.
    async fn send(
        &self,
        checkout_id: &str,
        attempt: u32,
        session: &CheckoutSessionId,
        send: &Send,
        intent: PaymentIntent,
    ) -> Result<Act, ActFailed> {
        let answer = self.amazon.finalize(session, send, intent, self.clock.wall()).await;
        #[cfg(feature = "planted-bugs")]
        if self.rules().has(PlantedBug::IdsWrittenAfterSuccess)
            && let FinalizeAnswer::Success { .. } = answer
        {
            self.show_first(checkout_id, attempt, send.n, &answer);
            return Ok(Act::Rest);
        }
        let now = self.clock.now();
        let kept = self
            .step(checkout_id, |checkout| {
                let step = answered(checkout, attempt, send.n, &answer, now)?;
                let in_doubt = matches!(step.next.attempt(attempt)?.state, AttemptState::InDoubt(_));
                Some((step, in_doubt))
            })
            .await;
        match kept {
            // Freshly in doubt: look up at once, the buyer waits.
            Ok(Some(true)) => Ok(Act::LookUp),
            Ok(Some(false) | None) => Ok(Act::Rest),
            Err(failed) => {
                if let FinalizeAnswer::Success { charge_permission_id, charge_id, .. } = &answer {
                    tracing::error!(
                        checkout_id,
                        %session,
                        %charge_permission_id,
                        charge_id = charge_id.as_ref().map(tracing::field::display),
                        %failed,
                        "paid at Amazon, and the ids could not be written"
                    );
                }
                Err(failed.into())
            }
        }
    }

    async fn look_up(&self, checkout_id: &str, attempt: u32) -> Result<Act, ActFailed> {
        let Some(session) = self.session_of(checkout_id, attempt).await? else { return Ok(Act::Rest) };
        let seen = match self.amazon.session(&session, self.clock.wall()).await {
            Ok(seen) => seen,
            Err(nothing) => {
                tracing::warn!(checkout_id, attempt, answer = nothing.0, "a look-up shows nothing");
                return Ok(Act::Rest);
            }
        };
        let (now, rules) = (self.clock.now(), self.rules());
        let next =
            self.step(checkout_id, |checkout| looked_up(checkout, attempt, &seen, now, &rules)).await?;
        Ok(next.unwrap_or(Act::Rest))
    }

    async fn send_again(&self, checkout_id: &str, attempt: u32) -> Result<Act, ActFailed> {
        let Some(session) = self.session_of(checkout_id, attempt).await? else { return Ok(Act::Rest) };
        let rules = self.rules();
        let send = self
            .step(checkout_id, |checkout| {
                let key_of = self.keys_of(checkout, attempt);
                let (send, step) = resend(checkout, attempt, &key_of, &rules)?;
                Some((step, (send, checkout.terms.payment_intent)))
            })
            .await?;
        let Some((mut send, intent)) = send else { return Ok(Act::Rest) };
        if rules.has(PlantedBug::BodyReserializedOnResend) {
            send.body = reserialized(&send.body);
        }
        // A second send's answer that is no success is only a hint: the timer looks up again.
        self.send(checkout_id, attempt, &session, &send, intent).await.map(|_| Act::Rest)
    }

    async fn session_of(
        &self,
        checkout_id: &str,
        attempt: u32,
    ) -> Result<Option<CheckoutSessionId>, StoreFailed> {
        let checkout = self.checkout(checkout_id).await?;
        Ok(checkout.and_then(|it| {
            it.registration.checkout.attempt(attempt).map(|it| it.checkout_session_id.clone())
        }))
    }

    async fn ask_again_soon(&self, checkout_id: &str, attempt: u32) -> Result<(), StoreFailed> {
        let now = self.clock.now();
        self.quietly(checkout_id, |checkout| ask_again(checkout, attempt, now)).await
    }

    /// Writes a checkout in which nothing happened that a timeline tells.
    pub(crate) async fn quietly(
        &self,
        checkout_id: &str,
        decide: impl Fn(&Checkout) -> Option<Checkout> + std::marker::Send + Sync,
    ) -> Result<(), StoreFailed> {
        let decide = &decide;
        self.transact(|| async {
            let Some(before) = self.checkout(checkout_id).await? else {
                return Ok::<_, StoreFailed>(Decision { change: None, outcome: () });
            };
            let Some(next) = decide(&before.registration.checkout) else {
                return Ok(Decision { change: None, outcome: () });
            };
            let after = Registration { checkout: next, links: before.registration.links };
            let mut change = self.change_set(self.clock.now());
            change.write = vec![write_checkout(&after, Expect::Version(before.version))];
            Ok(Decision { change: Some(change), outcome: () })
        })
        .await
    }
}

/// The exact bytes of a Finalize: the terms as recorded and the address that Amazon shared.
fn finalize_body(checkout: &Checkout, kind: AddressKind, address: &Address) -> Arc<[u8]> {
    let terms = &checkout.terms;
    let address = countersign_protocol::wire::Address::from(address.clone());
    let (shipping_address, billing_address) = match kind {
        AddressKind::Shipping => (Some(address), None),
        AddressKind::Billing => (None, Some(address)),
    };
    let request = FinalizeCheckoutSession {
        payment_intent: Some(terms.payment_intent.into()),
        charge_amount: Some(terms.charge_amount.into()),
        total_order_amount: terms.total_order_amount.map(Into::into),
        can_handle_pending_authorization: terms.can_handle_pending_authorization.then_some(true),
        shipping_address,
        billing_address,
        supplementary_data: terms.supplementary_data.clone(),
        ..FinalizeCheckoutSession::default()
    };
    Arc::from(request.to_request().into_bytes())
}

fn reserialized(body: &[u8]) -> Arc<[u8]> {
    let value: Result<serde_json::Value, _> = serde_json::from_slice(body);
    let again = value.and_then(|value| serde_json::to_vec_pretty(&value));
    again.map_or_else(|_| Arc::from(body), Arc::from)
}

/// What a person must know at once. Ids only, no buyer data.
fn tell_operator(checkout: &Checkout, events: &[countersign_domain::merchant::completion::AttemptEvent]) {
    let checkout_id = checkout.id.as_str();
    let order_id = checkout.order_id.as_str();
    for event in events {
        let attempt = event.attempt;
        match &event.what {
            Happened::DoubtAlarm { lasting } => {
                tracing::error!(
                    checkout_id,
                    order_id,
                    attempt,
                    seconds = lasting.as_secs(),
                    "still in doubt"
                );
            }
            Happened::Unresolved => {
                tracing::error!(checkout_id, order_id, attempt, "nobody can say whether this was paid");
            }
            Happened::Contradiction { found } => {
                tracing::error!(checkout_id, order_id, attempt, found, "Amazon contradicts what was proved");
            }
            Happened::NotEvaluated { code } if code != "TooManyRequests" => {
                tracing::error!(
                    checkout_id,
                    order_id,
                    attempt,
                    code,
                    "Amazon turns this merchant's requests away"
                );
            }
            Happened::NotPaid => {
                let reason = checkout.attempt(attempt).map(|attempt| match &attempt.state {
                    AttemptState::NotPaid { reason, .. } => reason.code().to_owned(),
                    other => other.name().to_owned(),
                });
                tracing::info!(checkout_id, order_id, attempt, reason, "not paid");
            }
            Happened::DoubtBegan { cause } => {
                tracing::warn!(checkout_id, order_id, attempt, cause, "in doubt");
            }
            Happened::Completed => tracing::info!(checkout_id, order_id, attempt, "completed"),
            Happened::NotEvaluated { .. }
            | Happened::SessionBound
            | Happened::SurplusRecorded { .. }
            | Happened::Approved
            | Happened::FinalizeSent { .. }
            | Happened::LookedUp { .. }
            | Happened::PendingBegan => {}
        }
    }
}
