//! What the shop asks for once it is paid: recorded with what it reserves, in the same commit that makes
//! its bytes durable; then carried out by whoever comes by (the shop's own request, a timer, a restart),
//! all through the same acts.
//!
//! As with a completion, the commit before a call settles who makes it, and a crash before or after the
//! call leaves the timer, which looks up or sends again by the operation's own rule.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ids::{ChargePermissionId, IdempotencyKey};
use countersign_domain::merchant::attempt::{AttemptState, Send};
use countersign_domain::merchant::cancellation::{CancelAsked, request_cancel};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::completion::CheckoutStep;
use countersign_domain::merchant::operation::{
    Asked, OperationAnswer, OperationName, OperationRefused, OperationState, Recorded, Request, answered,
    ask, begin, orphaned, resend,
};
use countersign_domain::merchant::payment::{
    Payment, PaymentAct, RefundShown, charge_shown, permission_shown, refund_shown, take_up_payment,
};
use countersign_domain::time::Timestamp;
use countersign_protocol::wire::{
    CancelCharge, CaptureCharge, CloseChargePermission, CreateCharge, CreateRefund, Object as _,
};

use super::App;
use super::act::quiet;
use super::complete::{FIRST_PAUSE, LONGEST_PAUSE};
use super::key::idempotency_key;
use crate::book::StoreFailed;
use crate::book::commit::Loaded;
use crate::registration::Registration;

/// How many acts one caller carries out in a row before it leaves the rest to the timer: enough for an
/// order of a few charges to be canceled while its shop waits.
const ACTS: usize = 24;

/// Why nothing is done for the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OperateRefused {
    /// No checkout has this id.
    NotFound,
    /// A rule; and the checkout that it was held against.
    Rule(OperationRefused, Box<Registration>),
    /// The store did not say that it recorded anything. If it did, the timer carries it out; asking again
    /// with the same reference is right either way.
    Store(StoreFailed),
}

impl From<StoreFailed> for OperateRefused {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

/// A checkout, and which of its operations the caller asked about.
pub(crate) struct Operated {
    pub(crate) registration: Registration,
    pub(crate) number: u32,
}

/// A call that is durable and may leave.
struct Sending {
    number: u32,
    request: Request,
    permission_id: ChargePermissionId,
    send: Send,
}

/// What a decision came to: the step to keep, if there is one.
type Decided<T> = Result<(Option<CheckoutStep>, T), OperationRefused>;

impl App {
    /// Records what the shop asks for, carries it out, and waits for whoever else does.
    pub(crate) async fn operate(
        &self,
        checkout_id: &str,
        reference: &str,
        asked: &Asked,
    ) -> Result<Operated, OperateRefused> {
        let give_up_at = self.clock.monotonic().saturating_add(self.settings.deadlines.caller_wait);
        let (loaded, (number, sending, is_mine)) = match self.record(checkout_id, reference, asked).await {
            // The buyer may have named another payment method since: only Amazon knows.
            Err(OperateRefused::Rule(OperationRefused::PermissionNonChargeable, registration)) => {
                self.ask_permission(checkout_id, &registration).await?;
                self.record(checkout_id, reference, asked).await?
            }
            recorded => recorded?,
        };
        if !is_mine {
            self.metrics.note_duplicate("operation");
        }
        let as_recorded = loaded.registration.clone();
        let mut known = Some(loaded);
        let carried_out = match sending {
            Some(sending) => self.send_and_follow(checkout_id, sending, &mut known).await,
            None => Ok(()),
        };
        let settled = match carried_out {
            Ok(()) => self.wait(checkout_id, known, give_up_at, |it| self.is_on_its_way(it, number)).await,
            Err(failed) => Err(failed),
        };
        // A store that fails from here on leaves the operation to its timer, and the caller to what is known.
        let registration = settled.unwrap_or_else(|failed| {
            tracing::warn!(checkout_id, number, %failed, "an operation cannot be followed");
            as_recorded
        });
        Ok(Operated { registration, number })
    }

    /// Records that the shop cancels the order, and undoes what can be undone at once.
    pub(crate) async fn cancel(
        &self,
        checkout_id: &str,
        reference: &str,
        reason: Option<&str>,
    ) -> Result<Registration, OperateRefused> {
        let give_up_at = self.clock.monotonic().saturating_add(self.settings.deadlines.caller_wait);
        let (loaded, is_mine) = self
            .decided(checkout_id, |checkout, now| {
                let key_of = |attempt, n| self.keys_of(checkout, attempt)(n);
                Ok(match request_cancel(checkout, reference, reason, &key_of, now, &self.rules())? {
                    CancelAsked::Known => (None, false),
                    CancelAsked::New(step) => (Some(step), true),
                })
            })
            .await?;
        if !is_mine {
            self.metrics.note_duplicate("cancellation");
        }
        let as_recorded = loaded.registration.clone();
        let is_in_hand = |checkout: &Checkout| self.is_anything_on_its_way(checkout);
        let settled = self.wait(checkout_id, Some(loaded), give_up_at, is_in_hand).await;
        Ok(settled.unwrap_or_else(|failed| {
            tracing::warn!(checkout_id, %failed, "a cancellation cannot be followed");
            as_recorded
        }))
    }

    /// Whether somebody is waiting for an answer to this operation, or is about to send it. One that was
    /// turned away, or that waits for others to end, is nothing that a caller should wait for.
    fn is_on_its_way(&self, checkout: &Checkout, number: u32) -> bool {
        let operation = checkout.payment.as_ref().and_then(|payment| payment.operation(number));
        let soon = self.clock.now().plus(self.rules().lease);
        operation.is_some_and(|operation| match operation.state {
            OperationState::Sending { .. } => true,
            OperationState::Recorded { retry_at, .. } => operation.turned_away == 0 && retry_at <= soon,
            OperationState::InDoubt { .. } | OperationState::Done(_) | OperationState::Refused { .. } => {
                false
            }
        })
    }

    /// The same for everything that a cancellation waits for.
    fn is_anything_on_its_way(&self, checkout: &Checkout) -> bool {
        let is_sent = |state: &AttemptState| matches!(state, AttemptState::Finalizing { .. });
        let mut operations = checkout.payment.iter().flat_map(Payment::in_flight);
        checkout.attempts.iter().any(|attempt| is_sent(&attempt.state))
            || operations.any(|operation| self.is_on_its_way(checkout, operation.number))
    }

    /// Records an operation, with the bytes that it sends unless something must come first.
    async fn record(
        &self,
        checkout_id: &str,
        reference: &str,
        asked: &Asked,
    ) -> Result<(Loaded, (u32, Option<Sending>, bool)), OperateRefused> {
        let rules = self.rules();
        self.decided(checkout_id, |checkout, now| {
            let name = OperationName::Shop(reference.to_owned());
            let (number, recorded) = match ask(checkout, name, asked.clone(), now, &rules)? {
                Recorded::Known(number) => return Ok((None, (number, None, false))),
                Recorded::New(number, step) => (number, step),
            };
            let others = checkout.payment.iter().flat_map(Payment::in_flight).count();
            if others > 0 && matches!(asked, Asked::Close { .. }) {
                return Ok((Some(recorded), (number, None, true)));
            }
            Ok(match self.sending(&recorded.next, number, now) {
                Some((step, sending)) => {
                    let events = recorded.events.into_iter().chain(step.events).collect();
                    let step = CheckoutStep { next: step.next, events };
                    (Some(step), (number, Some(sending), true))
                }
                None => (Some(recorded), (number, None, true)),
            })
        })
        .await
    }

    /// Makes one decision that may be refused, and keeps its step if it has one.
    async fn decided<T: std::marker::Send>(
        &self,
        checkout_id: &str,
        decide: impl Fn(&Checkout, Timestamp) -> Decided<T> + std::marker::Send + Sync,
    ) -> Result<(Loaded, T), OperateRefused> {
        let decide = |registration: &Registration, now| {
            let refused = |refused| OperateRefused::Rule(refused, Box::new(registration.clone()));
            decide(&registration.checkout, now).map_err(refused)
        };
        self.decide(checkout_id, decide).await?.ok_or(OperateRefused::NotFound)
    }

    /// Carries out whatever is due of a checkout, and waits while somebody has something of it in hand,
    /// for as long as a caller may be kept waiting.
    async fn wait(
        &self,
        checkout_id: &str,
        mut known: Option<Loaded>,
        give_up_at: Duration,
        is_in_hand: impl Fn(&Checkout) -> bool,
    ) -> Result<Registration, StoreFailed> {
        let mut pause = FIRST_PAUSE;
        let mut took_up = false;
        loop {
            let registration = match known.take() {
                Some(loaded) => loaded.registration,
                None => self.bound_checkout(checkout_id).await?,
            };
            let due_at = registration.checkout.due_at(&self.rules());
            if due_at.is_some_and(|due_at| due_at <= self.clock.now()) && !took_up {
                self.drive_checkout(checkout_id).await?;
                took_up = true;
                continue;
            }
            if !is_in_hand(&registration.checkout) || self.clock.monotonic() >= give_up_at {
                return Ok(registration);
            }
            self.clock.sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            took_up = false;
        }
    }

    /// Takes up whatever is due of a checkout's payment, one thing after the other. Whether there was
    /// anything. `known` is the checkout as last read or written, if it was.
    pub(super) async fn drive_payment(
        &self,
        checkout_id: &str,
        known: &mut Option<Loaded>,
    ) -> Result<bool, StoreFailed> {
        for count in 0..ACTS {
            let rules = self.rules();
            let taken =
                self.step(checkout_id, known, |checkout, now| take_up_payment(checkout, now, &rules)).await?;
            let Some(act) = taken else { return Ok(count > 0) };
            self.act_on_payment(checkout_id, act, known).await?;
        }
        Ok(true)
    }

    /// Carries out one act and whatever follows from its answer at once.
    pub(super) async fn act_on_payment(
        &self,
        checkout_id: &str,
        act: PaymentAct,
        known: &mut Option<Loaded>,
    ) -> Result<(), StoreFailed> {
        let mut next = act;
        let mut was_sent_again = false;
        loop {
            let rules = self.rules();
            next = match next {
                PaymentAct::Rest => return Ok(()),
                // Once is enough: the timer sends it again, less and less often.
                PaymentAct::Resend(_) if was_sent_again => return Ok(()),
                PaymentAct::Send(number) => {
                    let sending = self
                        .step(checkout_id, known, |checkout, now| self.sending(checkout, number, now))
                        .await?;
                    match sending {
                        Some(sending) => self.send_operation(checkout_id, &sending, known).await?,
                        None => PaymentAct::Rest,
                    }
                }
                PaymentAct::Resend(number) => {
                    was_sent_again = true;
                    let sending = self
                        .step(checkout_id, known, |checkout, now| self.sending_again(checkout, number, now))
                        .await?;
                    match sending {
                        Some(sending) => self.send_operation(checkout_id, &sending, known).await?,
                        None => PaymentAct::Rest,
                    }
                }
                PaymentAct::LookUpCharge(id) => match self.amazon.charge(&id).await {
                    Ok(shown) => self
                        .step(checkout_id, known, |checkout, now| charge_shown(checkout, &shown, now, &rules))
                        .await?
                        .unwrap_or(PaymentAct::Rest),
                    Err(nothing) => {
                        nothing.tell(checkout_id, None, "Get Charge shows nothing");
                        PaymentAct::Rest
                    }
                },
                PaymentAct::LookUpPermission(id) => match self.amazon.permission(&id).await {
                    Ok(shown) => self
                        .step(checkout_id, known, |checkout, now| {
                            permission_shown(checkout, &shown, now, &rules)
                        })
                        .await?
                        .unwrap_or(PaymentAct::Rest),
                    Err(nothing) => {
                        nothing.tell(checkout_id, None, "Get Charge Permission shows nothing");
                        PaymentAct::Rest
                    }
                },
                PaymentAct::LookUpRefund(id) => {
                    match self.amazon.refund(&id).await {
                        Ok(shown) => {
                            self.get_charge_of(checkout_id, &shown, known).await?;
                            self.step(checkout_id, known, |checkout, now| {
                                Some((refund_shown(checkout, &shown, now, &rules)?, ()))
                            })
                            .await?;
                        }
                        Err(nothing) => nothing.tell(checkout_id, None, "Get Refund shows nothing"),
                    }
                    PaymentAct::Rest
                }
            };
        }
    }

    /// A refund that was made elsewhere may be of a charge that was made elsewhere: that one first.
    async fn get_charge_of(
        &self,
        checkout_id: &str,
        shown: &RefundShown,
        known: &mut Option<Loaded>,
    ) -> Result<(), StoreFailed> {
        if known.is_none() {
            *known = self.checkout(checkout_id).await?;
        }
        let payment = known.as_ref().and_then(|loaded| loaded.registration.checkout.payment.as_ref());
        if payment.is_none_or(|payment| !payment.lacks_charge_of(shown)) {
            return Ok(());
        }
        let rules = self.rules();
        match self.amazon.charge(&shown.charge_id).await {
            Ok(shown) => {
                self.step(checkout_id, known, |checkout, now| charge_shown(checkout, &shown, now, &rules))
                    .await?;
            }
            Err(nothing) => nothing.tell(checkout_id, None, "Get Charge shows nothing"),
        }
        Ok(())
    }

    async fn send_and_follow(
        &self,
        checkout_id: &str,
        sending: Sending,
        known: &mut Option<Loaded>,
    ) -> Result<(), StoreFailed> {
        let next = self.send_operation(checkout_id, &sending, known).await?;
        self.act_on_payment(checkout_id, next, known).await
    }

    /// Sends an operation's bytes and keeps what the answer proves; says how what it leaves open is found
    /// out. If it cannot be kept, the operation stays where it is, and its timer finds out.
    async fn send_operation(
        &self,
        checkout_id: &str,
        sending: &Sending,
        known: &mut Option<Loaded>,
    ) -> Result<PaymentAct, StoreFailed> {
        let Sending { number, request, permission_id, send } = sending;
        let answer = self.amazon.operate(permission_id, request, send).await;
        let rules = self.rules();
        let kept = self
            .step(checkout_id, known, |checkout, now| {
                // An answer that proves nothing is a hint all the same: what it is about is looked up.
                let step = answered(checkout, *number, &answer, now, &rules);
                let step = step.unwrap_or_else(|| quiet(checkout.clone()));
                let operation = step.next.payment.as_ref()?.operation(*number)?;
                let is_in_doubt = matches!(operation.state, OperationState::InDoubt { .. });
                Some((step, is_in_doubt))
            })
            .await;
        match kept {
            Ok(Some(true)) => Ok(match request {
                Request::CreateCharge { .. } | Request::Refund { .. } => PaymentAct::Resend(*number),
                Request::Capture { charge_id, .. } | Request::CancelCharge { charge_id } => {
                    PaymentAct::LookUpCharge(charge_id.clone())
                }
                Request::Close { .. } => PaymentAct::LookUpPermission(permission_id.clone()),
            }),
            Ok(Some(false) | None) => Ok(PaymentAct::Rest),
            Err(failed) => {
                tell_unwritten(checkout_id, request, &answer, &failed);
                Err(failed)
            }
        }
    }

    fn sending(&self, checkout: &Checkout, number: u32, now: Timestamp) -> Option<(CheckoutStep, Sending)> {
        let payment = checkout.payment.as_ref()?;
        let request = payment.operation(number)?.request.clone();
        let permission_id = payment.charge_permission_id.clone();
        let body = body_of(&request, &permission_id, checkout.cancellation.is_some());
        let key = self.operation_key(checkout, number, &request, 1);
        let (send, step) = begin(checkout, number, body, key, now, &self.rules())?;
        Some((step, Sending { number, request, permission_id, send }))
    }

    fn sending_again(
        &self,
        checkout: &Checkout,
        number: u32,
        now: Timestamp,
    ) -> Option<(CheckoutStep, Sending)> {
        let payment = checkout.payment.as_ref()?;
        let request = payment.operation(number)?.request.clone();
        let permission_id = payment.charge_permission_id.clone();
        let (send, step) = resend(checkout, number, now, &self.rules())?;
        Some((step, Sending { number, request, permission_id, send }))
    }

    fn operation_key(&self, checkout: &Checkout, number: u32, request: &Request, n: u32) -> IdempotencyKey {
        idempotency_key(&self.settings.merchant_id, &checkout.id, number, request.call(), n)
    }

    /// Asks whether a permission can be charged again.
    async fn ask_permission(
        &self,
        checkout_id: &str,
        registration: &Registration,
    ) -> Result<(), StoreFailed> {
        let Some(payment) = &registration.checkout.payment else { return Ok(()) };
        let act = PaymentAct::LookUpPermission(payment.charge_permission_id.clone());
        self.act_on_payment(checkout_id, act, &mut None).await
    }

    /// Takes over the calls of a process that is gone: whatever was on its way is in doubt.
    pub(super) async fn recover_operations(&self, checkout_id: &str) -> Result<usize, StoreFailed> {
        let Some(loaded) = self.checkout(checkout_id).await? else { return Ok(0) };
        let operations = loaded.registration.checkout.payment.iter().flat_map(Payment::in_flight);
        let sent = operations.filter(|it| matches!(it.state, OperationState::Sending { .. })).count();
        let rules = self.rules();
        let orphaned = |checkout: &Checkout, now| Some((orphaned(checkout, now, &rules)?, ()));
        self.step(checkout_id, &mut Some(loaded), orphaned).await?;
        Ok(sent)
    }
}

/// Why a charge is canceled: Amazon shows it to the merchant only.
const CANCELED: &str = "The order was canceled.";
/// Why a permission is closed, when the shop does not say.
const CLOSED: &str = "Closed by the shop.";

/// The exact bytes of a call, for an order that is canceled or is not.
fn body_of(request: &Request, permission_id: &ChargePermissionId, is_canceled: bool) -> Arc<[u8]> {
    let text = match request {
        Request::CreateCharge { amount, capture_now, can_handle_pending_authorization } => CreateCharge {
            charge_permission_id: Some(permission_id.clone()),
            charge_amount: Some((*amount).into()),
            capture_now: capture_now.then_some(true),
            can_handle_pending_authorization: can_handle_pending_authorization.then_some(true),
            ..CreateCharge::default()
        }
        .to_request(),
        Request::Capture { amount, .. } => {
            CaptureCharge { capture_amount: Some((*amount).into()), ..CaptureCharge::default() }.to_request()
        }
        Request::CancelCharge { .. } => {
            CancelCharge { cancellation_reason: Some(CANCELED.to_owned()), ..CancelCharge::default() }
                .to_request()
        }
        Request::Refund { charge_id, amount } => CreateRefund {
            charge_id: Some(charge_id.clone()),
            refund_amount: Some((*amount).into()),
            ..CreateRefund::default()
        }
        .to_request(),
        Request::Close { reason } => CloseChargePermission {
            closure_reason: Some(reason.as_deref().unwrap_or(CLOSED).to_owned()),
            // One that is not known here may be among them.
            cancel_pending_charges: is_canceled.then_some(true),
            ..CloseChargePermission::default()
        }
        .to_request(),
    };
    Arc::from(text.into_bytes())
}

/// The one line by which a person finds an effect again that the store did not take.
fn tell_unwritten(checkout_id: &str, request: &Request, answer: &OperationAnswer, failed: &StoreFailed) {
    let (charge_id, refund_id) = match answer {
        OperationAnswer::Charge(shown) => (Some(&shown.id), None),
        OperationAnswer::Refund(shown) => (Some(&shown.charge_id), Some(&shown.id)),
        OperationAnswer::Permission(_)
        | OperationAnswer::Refused { .. }
        | OperationAnswer::NotSent
        | OperationAnswer::NotEvaluated { .. }
        | OperationAnswer::Unclear { .. } => (None, None),
    };
    tracing::error!(
        checkout_id,
        call = request.call(),
        charge_id = charge_id.map(tracing::field::display),
        refund_id = refund_id.map(tracing::field::display),
        %failed,
        "Amazon has answered, and what it says could not be written"
    );
}
