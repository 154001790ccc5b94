//! Carrying out what an attempt needs next: one network call, then one decision on its answer. Every
//! caller comes through here (the buyer's return, a timer, a restart), so all get the same outcome.
//!
//! Who may call Amazon for an attempt is settled by the commit before the call: it moves the
//! attempt's timer on, and of two that try only one commits. A crash before the call leaves the
//! timer, a crash after it too; nothing else is needed to go on.

use std::sync::Arc;

use countersign_domain::address::{Address, AddressKind};
use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, IdempotencyKey};
use countersign_domain::merchant::attempt::{AttemptState, Send};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::completion::{
    Agreement, Beginning, CheckoutStep, FinalizeAnswer, SessionSeen, agree, answered, ask_again, begin,
};
use countersign_domain::merchant::doubt::{Act, charge_seen, looked_up, resend, take_up};
use countersign_domain::step::Step;
use countersign_domain::terms::PaymentIntent;
use countersign_domain::time::Timestamp;
use countersign_protocol::wire::{FinalizeCheckoutSession, Object as _};

use super::App;
use super::key::idempotency_key;
use super::quote::WherePaid;
use crate::book::StoreFailed;
use crate::book::commit::Loaded;

/// How many acts one caller carries out in a row before it leaves the rest to the timer. The
/// longest useful chain: agree, send, look up, re-send, look up, ask for the charge.
const ACTS: usize = 8;

/// One attempt of one checkout, and the session that it is bound to for ever.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) checkout_id: &'a str,
    pub(crate) attempt: u32,
    pub(crate) session: &'a CheckoutSessionId,
}

/// A Finalize that is durable and may leave.
struct Sending {
    send: Send,
    intent: PaymentIntent,
    order_id: String,
}

impl App {
    /// Takes up one attempt if it is due, and goes on until it rests. `known` is the checkout as last
    /// read or written, if it was; whoever was faster is noticed at the commit.
    pub(crate) async fn drive(
        &self,
        place: Place<'_>,
        known: &mut Option<Loaded>,
    ) -> Result<(), StoreFailed> {
        let rules = self.rules();
        for _ in 0..ACTS {
            let taken = self
                .step(place.checkout_id, known, |checkout, now| {
                    let key_of = self.keys_of(checkout, place.attempt);
                    take_up(checkout, place.attempt, &key_of, now, &rules)
                })
                .await?;
            let Some(act) = taken else { return Ok(()) };
            self.carry_out(place, act, known).await?;
        }
        Ok(())
    }

    /// Carries out one act and whatever follows from its answer at once.
    pub(crate) async fn carry_out(
        &self,
        place: Place<'_>,
        act: Act,
        known: &mut Option<Loaded>,
    ) -> Result<(), StoreFailed> {
        let mut next = act;
        let mut was_sent_again = false;
        for _ in 0..ACTS {
            next = match next {
                Act::Rest => return Ok(()),
                // Once is enough: the timer sends it again, less and less often.
                Act::Resend if was_sent_again => return Ok(()),
                Act::Agree => self.agree_and_send(place, known).await?,
                Act::Begin => self.begin_approved(place, known).await?,
                Act::LookUp => self.look_up(place, known).await?,
                Act::Resend => {
                    was_sent_again = true;
                    self.send_again(place, known).await?
                }
                Act::AskCharge(permission, charge) => {
                    self.ask_charge(place, &permission, &charge, known).await?
                }
            };
        }
        Ok(())
    }

    async fn agree_and_send(&self, place: Place<'_>, known: &mut Option<Loaded>) -> Result<Act, StoreFailed> {
        let seen = match self.amazon.session(place.session).await {
            Ok(seen) => seen,
            Err(nothing) => {
                nothing.tell(
                    place.checkout_id,
                    Some(place.attempt),
                    "Get Checkout Session shows nothing to agree with",
                );
                return self.ask_again(place, known).await;
            }
        };
        let where_paid = match &seen {
            SessionSeen::Open(session) => {
                self.price_where_paid((place.checkout_id, place.attempt), session, known).await?
            }
            SessionSeen::Completed { .. } | SessionSeen::Canceled { .. } | SessionSeen::NotFound => {
                WherePaid::Known
            }
        };
        let environment = self.amazon.environment();
        let sending = self
            .step(place.checkout_id, known, |checkout, now| {
                // A session that disagrees anyway waits for no answer of the shop's.
                if where_paid == WherePaid::Unanswered {
                    let mut unquoted = checkout.clone();
                    unquoted.terms.quoted_address = None;
                    if let Agreement::Agreed(..) = agree(&unquoted, place.attempt, &seen, environment, now) {
                        return Some((quiet(ask_again(checkout, place.attempt, now)?), None));
                    }
                }
                match agree(checkout, place.attempt, &seen, environment, now) {
                    Agreement::NotReady => None,
                    Agreement::Ends(step) => Some((step, None)),
                    Agreement::Agreed(kind, address) => {
                        self.beginning(checkout, place.attempt, finalize_body(checkout, kind, address), now)
                    }
                }
            })
            .await?;
        self.send_if_begun(place, sending, known).await
    }

    /// Nothing to agree with yet: asked for again soon.
    async fn ask_again(&self, place: Place<'_>, known: &mut Option<Loaded>) -> Result<Act, StoreFailed> {
        self.step(place.checkout_id, known, |checkout, now| {
            Some((quiet(ask_again(checkout, place.attempt, now)?), ()))
        })
        .await?;
        Ok(Act::Rest)
    }

    async fn begin_approved(&self, place: Place<'_>, known: &mut Option<Loaded>) -> Result<Act, StoreFailed> {
        let sending = self
            .step(place.checkout_id, known, |checkout, now| {
                let Some(AttemptState::Approved { body, .. }) =
                    checkout.attempt(place.attempt).map(|attempt| &attempt.state)
                else {
                    return None;
                };
                self.beginning(checkout, place.attempt, body.clone(), now)
            })
            .await?;
        self.send_if_begun(place, sending, known).await
    }

    async fn send_if_begun(
        &self,
        place: Place<'_>,
        sending: Option<Option<Sending>>,
        known: &mut Option<Loaded>,
    ) -> Result<Act, StoreFailed> {
        match sending.flatten() {
            Some(sending) => self.send(place, &sending, known).await,
            None => Ok(Act::Rest),
        }
    }

    fn beginning(
        &self,
        checkout: &Checkout,
        attempt: u32,
        body: Arc<[u8]>,
        now: Timestamp,
    ) -> Option<(CheckoutStep, Option<Sending>)> {
        let key_of = self.keys_of(checkout, attempt);
        match begin(checkout, attempt, body, &key_of, now, &self.rules()) {
            Beginning::Send(send, step) => Some((step, Some(Sending::new(send, checkout)))),
            Beginning::Ends(step) => Some((step, None)),
            Beginning::NotReady => None,
        }
    }

    pub(super) fn keys_of<'a>(
        &'a self,
        checkout: &'a Checkout,
        attempt: u32,
    ) -> impl Fn(u32) -> IdempotencyKey + 'a {
        move |n| idempotency_key(&self.settings.merchant_id, &checkout.id, attempt, "finalize", n)
    }

    /// Sends Finalize and keeps what its answer proves. If that cannot be kept, the attempt stays
    /// where it is, and its timer looks up what became of it.
    async fn send(
        &self,
        place: Place<'_>,
        sending: &Sending,
        known: &mut Option<Loaded>,
    ) -> Result<Act, StoreFailed> {
        let Sending { send, intent, order_id } = sending;
        let answer = self.amazon.finalize(place.session, send, *intent).await;
        let kept = self
            .step(place.checkout_id, known, |checkout, now| {
                let step = answered(checkout, place.attempt, send.n, &answer, now);
                // An answer that proves nothing is a hint all the same: what it is about is looked up.
                let step = step.unwrap_or_else(|| quiet(checkout.clone()));
                let is_in_doubt = matches!(step.next.attempt(place.attempt)?.state, AttemptState::InDoubt(_));
                Some((step, is_in_doubt))
            })
            .await;
        match kept {
            // In doubt: look up at once, the buyer waits.
            Ok(Some(true)) => Ok(Act::LookUp),
            Ok(Some(false) | None) => Ok(Act::Rest),
            Err(failed) => {
                if let FinalizeAnswer::Success { charge_permission_id, charge_id, .. } = &answer {
                    let charge_id = charge_id.as_ref();
                    tell_unwritten(place, Some(order_id), Some(charge_permission_id), charge_id, &failed);
                }
                Err(failed)
            }
        }
    }

    async fn look_up(&self, place: Place<'_>, known: &mut Option<Loaded>) -> Result<Act, StoreFailed> {
        let seen = match self.amazon.session(place.session).await {
            Ok(seen) => seen,
            Err(nothing) => {
                nothing.tell(place.checkout_id, Some(place.attempt), "a look-up shows nothing");
                return Ok(Act::Rest);
            }
        };
        let rules = self.rules();
        let order_id = order_id_of(known.as_ref());
        let next = self
            .step(place.checkout_id, known, |checkout, now| {
                looked_up(checkout, place.attempt, &seen, now, &rules)
            })
            .await;
        if let (Err(failed), SessionSeen::Completed { charge_permission_id, charge_id }) = (&next, &seen) {
            let (permission, charge) = (charge_permission_id.as_ref(), charge_id.as_ref());
            tell_unwritten(place, order_id.as_deref(), permission, charge, failed);
        }
        Ok(next?.unwrap_or(Act::Rest))
    }

    async fn ask_charge(
        &self,
        place: Place<'_>,
        permission: &ChargePermissionId,
        charge: &ChargeId,
        known: &mut Option<Loaded>,
    ) -> Result<Act, StoreFailed> {
        let shown = match self.amazon.charge(charge).await {
            Ok(shown) => shown,
            Err(nothing) => {
                nothing.tell(place.checkout_id, Some(place.attempt), "Get Charge shows nothing");
                return Ok(Act::Rest);
            }
        };
        let order_id = order_id_of(known.as_ref());
        let kept = self
            .step(place.checkout_id, known, |checkout, now| {
                Some((charge_seen(checkout, place.attempt, permission, charge, &shown.seen, now)?, ()))
            })
            .await;
        if let Err(failed) = &kept {
            tell_unwritten(place, order_id.as_deref(), Some(permission), Some(charge), failed);
        }
        kept.map(|_| Act::Rest)
    }

    async fn send_again(&self, place: Place<'_>, known: &mut Option<Loaded>) -> Result<Act, StoreFailed> {
        let sending = self
            .step(place.checkout_id, known, |checkout, _| {
                let key_of = self.keys_of(checkout, place.attempt);
                let (send, step) = resend(checkout, place.attempt, &key_of)?;
                Some((step, Sending::new(send, checkout)))
            })
            .await?;
        let Some(sending) = sending else { return Ok(Act::Rest) };
        let next = self.send(place, &sending, known).await?;
        Ok(if next == Act::LookUp { next } else { Act::Rest })
    }
}

impl Sending {
    fn new(send: Send, checkout: &Checkout) -> Self {
        Self { send, intent: checkout.terms.payment_intent, order_id: checkout.order_id.clone() }
    }
}

fn order_id_of(known: Option<&Loaded>) -> Option<String> {
    known.map(|loaded| loaded.registration.checkout.order_id.clone())
}

/// The one line by which a person finds a payment again whose ids the store did not take.
fn tell_unwritten(
    place: Place<'_>,
    order_id: Option<&str>,
    charge_permission_id: Option<&ChargePermissionId>,
    charge_id: Option<&ChargeId>,
    failed: &StoreFailed,
) {
    tracing::error!(
        checkout_id = place.checkout_id,
        order_id,
        attempt = place.attempt,
        checkout_session_id = %place.session,
        charge_permission_id = charge_permission_id.map(tracing::field::display),
        charge_id = charge_id.map(tracing::field::display),
        %failed,
        "Amazon has accepted the payment, and its ids could not be written"
    );
}

/// A step that no timeline tells of.
pub(super) fn quiet(next: Checkout) -> CheckoutStep {
    Step { next, events: Vec::new() }
}

/// The exact bytes of a Finalize: the terms as recorded and the address that Amazon shared.
fn finalize_body(checkout: &Checkout, kind: AddressKind, address: Address) -> Arc<[u8]> {
    let terms = &checkout.terms;
    let address = countersign_protocol::wire::Address::from(address);
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
