//! The driver of one checkout: it takes the next step, calls Amazon, and decides on the answer, until there
//! is nothing to do now. Every caller uses it (the buyer's return, the shop's request, a timer, a
//! notification, a restart), so all get the same outcome.
//!
//! The commit before a call settles who may call Amazon: it reschedules a timer, and if two processes try,
//! only one of them commits. A crash before or after the call leaves the timer, which is all that is needed
//! to continue.

use countersign_domain::merchant::number::{AttemptNumber, OperationNumber};
use std::time::Duration;

use countersign_domain::ids::{
    ChargeId, ChargePermissionId, CheckoutId, IdempotencyKey, MerchantId, RefundId,
};
use countersign_domain::merchant::after::due::take_up_payment;
use countersign_domain::merchant::after::returning::{begin_return, return_answered};
use countersign_domain::merchant::after::unexplained::{Evidence, Holder, heard_seen, sessions_to_ask};
use countersign_domain::merchant::attempt::Attempt;
use countersign_domain::merchant::attempt::agree::{
    OurStore, QuoteBasis, SessionView, agree, ask_again, send_to, unquoted_address,
};
use countersign_domain::merchant::attempt::arrive::release;
use countersign_domain::merchant::attempt::finalize::{self, FinalizeAnswer};
use countersign_domain::merchant::attempt::look::{charge_seen, session_seen};
use countersign_domain::merchant::attempt::missing::{reach_seen, reach_to_prove};
use countersign_domain::merchant::attempt::not_approved::to_look_at_before;
use countersign_domain::merchant::attempt::prove::permission_seen;
use countersign_domain::merchant::call::{CallAnswer, KeyedRequest};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::cart::CartSight;
use countersign_domain::merchant::checkout::draft::Draft;
use countersign_domain::merchant::checkout::sharing::wake;
use countersign_domain::merchant::checkout::unexplained::Returning;
use countersign_domain::merchant::next::{BoundSession, CallId, NextStep, OutgoingCall};
use countersign_domain::merchant::number::KeyOrdinal;
use countersign_domain::merchant::payment::operation::{OperationEffect, PaymentCall};
use countersign_domain::merchant::payment::send::{
    self, OperationAnswer, charge_shown, charge_shown_before, other_charge_shown, other_permission_shown,
    other_refund_shown, permission_shown, refund_shown,
};
use countersign_domain::merchant::proof::ObjectView;
use countersign_domain::time::Timestamp;

use super::App;
use crate::book::StoreFailed;
use crate::book::commit::LoadedRegistration;
use crate::gateway::amazon::NoEvidence;
use crate::gateway::amazon::send::{finalize_key, finalize_send, operation_send, return_send};
use crate::registration::Registration;
use crate::settings::Integration;

/// The largest number of steps that are taken in a row before the rest is left to the timer. The longest
/// useful chain is: begin, send, look up, send again, send, look up, send to prove, send, get the charge.
const STEPS: usize = 12;
/// The largest number of times that one attempt is taken up in a row.
const TAKEN_UP: usize = 8;
/// The largest number of a payment's tasks that are taken up in a row: enough to cancel an order with a few
/// charges while the shop waits.
const TAKEN_UP_OF_PAYMENT: usize = 24;

/// The pause between two reads of a checkout that another caller is working on; it doubles up to
/// [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Drives one checkout.
pub(crate) struct Driver<'a> {
    app: &'a App,
    checkout_id: &'a str,
    /// The checkout as it was last read or written, if it was. If another caller has written since, the commit
    /// detects it.
    known: Option<LoadedRegistration>,
    /// The shop's order id, for the log, once the checkout has been read.
    order_id: Option<String>,
}

/// What a waiting caller needs to know about a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WatchOutcome {
    /// What the caller must take up itself, because it is overdue.
    pub(super) overdue: Option<OverdueWork>,
    /// Whether another caller is working on something that is worth waiting for.
    pub(super) is_in_hand: bool,
}

/// What to take up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OverdueWork {
    /// This attempt.
    Attempt(AttemptNumber),
    /// Everything that is due.
    Anything,
}

impl App {
    /// Drives a checkout that has not been read yet.
    pub(super) fn driver<'a>(&'a self, checkout_id: &'a str) -> Driver<'a> {
        Driver { app: self, checkout_id, known: None, order_id: None }
    }

    /// Drives a checkout that was just read or written.
    pub(super) fn driver_of<'a>(&'a self, checkout_id: &'a str, known: LoadedRegistration) -> Driver<'a> {
        let order_id = Some(known.registration.checkout.order_id.clone());
        Driver { app: self, checkout_id, known: Some(known), order_id }
    }
}

impl<'a> Driver<'a> {
    /// Makes one decision and commits it; `None` when there is no such checkout.
    pub(super) async fn decide<T: Send>(
        &mut self,
        decide: impl Fn(&mut Draft) -> T + Send + Sync,
    ) -> Result<Option<T>, StoreFailed> {
        let decide = |draft: &mut Draft| Ok::<_, StoreFailed>(decide(draft));
        let (after, outcome) = self.app.book.decide(self.checkout_id, self.known.take(), decide).await?;
        self.know(after);
        Ok(outcome)
    }

    fn know(&mut self, known: Option<LoadedRegistration>) {
        if self.order_id.is_none() {
            self.order_id = known.as_ref().map(|known| known.registration.checkout.order_id.clone());
        }
        self.known = known;
    }

    /// Makes one decision that returns the next step.
    pub(super) async fn next(
        &mut self,
        decide: impl Fn(&mut Draft) -> NextStep + Send + Sync,
    ) -> Result<NextStep, StoreFailed> {
        Ok(self.decide(decide).await?.unwrap_or(NextStep::Rest))
    }

    /// Takes one step, and each step that follows immediately from its answer.
    pub(super) async fn follow(&mut self, first: NextStep) -> Result<(), StoreFailed> {
        let mut next = first;
        let mut was_sent_again = false;
        let mut was_proved = false;
        for _ in 0..STEPS {
            if let Some(attempt) = attempt_of(&next)
                && self.was_sent_elsewhere(attempt).await?
            {
                return Ok(());
            }
            next = match next {
                NextStep::Rest => return Ok(()),
                NextStep::Agree(session) => self.agree(&session).await?,
                NextStep::Begin(call) => self.begin(call).await?,
                // One re-send is enough here: the timer sends the call again, with growing pauses.
                NextStep::SendAgain(_) if was_sent_again => return Ok(()),
                NextStep::SendAgain(call) => {
                    was_sent_again = true;
                    self.send_again(call).await?
                }
                NextStep::Send(OutgoingCall::Finalize { session, payment_intent, send }) => {
                    let answer = self.app.amazon.finalize(&session.id, &send, payment_intent).await;
                    self.finalize_answered(&session, send.n, &answer).await?
                }
                NextStep::Send(OutgoingCall::Operation { number, charge_permission_id, request, send }) => {
                    let answer = self.app.amazon.operate(&charge_permission_id, &request, &send).await;
                    self.operation_answered(number, &request, &answer).await?
                }
                // Boxed, because the futures are large and rarely needed.
                NextStep::Send(OutgoingCall::Return { charge_permission_id, request, send }) => {
                    Box::pin(self.send_return(&charge_permission_id, &request, &send)).await?
                }
                NextStep::BeginReturn(permission) => Box::pin(self.begin_return(&permission)).await?,
                // The session is Completed: sending it again and again would only repeat the answer.
                NextStep::ProveBySending(_) if was_proved => return Ok(()),
                NextStep::ProveBySending(attempt) => {
                    was_proved = true;
                    let merchant = &self.app.settings.merchant_id;
                    self.next(|draft| with_keys(merchant, draft, attempt, finalize::send_to_prove)).await?
                }
                NextStep::LookAtSession(session) => self.look_at_session(&session).await?,
                NextStep::ProveReach(session) => self.prove_reach(&session).await?,
                NextStep::LookAtAttemptsCharge { session, charge_permission_id, charge_id } => {
                    self.look_at_attempts_charge(&session, &charge_permission_id, &charge_id).await?
                }
                NextStep::LookAtAttemptsPermission { session, charge_permission_id } => {
                    self.look_at_attempts_permission(&session, &charge_permission_id).await?
                }
                NextStep::LookAtCharge(id) => self.look_at_charge(&id).await?,
                // Boxed, because the future is large and rarely needed.
                NextStep::LookBefore { charge_id, number } => {
                    Box::pin(self.look_before(&charge_id, number)).await?
                }
                NextStep::LookAtRefund(id) => self.look_at_refund(&id).await?,
                NextStep::LookAtHeard(id) => self.look_at_heard(&id).await?,
                NextStep::LookAtPermission(id) => {
                    let answer = self.app.amazon.permission(&id).await;
                    match self.shown(answer, None, "Get Charge Permission returned nothing") {
                        Some(Some(shown)) => self.next(|draft| permission_shown(draft, &shown)).await?,
                        Some(None) => {
                            self.decide(other_permission_shown).await?;
                            NextStep::Rest
                        }
                        None => NextStep::Rest,
                    }
                }
            };
        }
        Ok(())
    }

    /// Whether the Finalize of an attempt was sent to an account other than the configured one: what that one
    /// answers says nothing about the attempt.
    pub(super) async fn was_sent_elsewhere(&mut self, attempt: AttemptNumber) -> Result<bool, StoreFailed> {
        let (account, checkout_id) = (self.app.account(), self.checkout_id);
        let checkout = self.checkout().await?;
        let sent_to = checkout.and_then(|it| it.attempt(attempt)).and_then(Attempt::sent_to);
        let Some(sent_to) = sent_to.filter(|sent_to| **sent_to != account) else { return Ok(false) };
        tracing::error!(
            checkout_id,
            attempt = attempt.get(),
            merchant_id = %sent_to.merchant_id,
            environment = ?sent_to.environment,
            region = sent_to.region.code(),
            "an attempt waits: it was sent to another Amazon account, environment or region than the configured one"
        );
        Ok(true)
    }

    /// Takes up one attempt for as long as it is due.
    pub(super) async fn drive_attempt(&mut self, attempt: AttemptNumber) -> Result<(), StoreFailed> {
        for _ in 0..TAKEN_UP {
            let take_up = |draft: &mut Draft| finalize::take_up(draft, attempt);
            let now = self.app.clock.now();
            let waiting = self.checkout().await?.and_then(|checkout| checkout.attempt(attempt));
            let waiting = waiting.filter(|it| it.waits_for.is_some()).map(|it| it.state.due_at());
            let taken = match waiting {
                Some(due_at) => {
                    if due_at.is_some_and(|due_at| due_at <= now) {
                        self.look_at_cart().await?;
                    }
                    self.decide_in_cart(take_up).await?
                }
                None => self.decide(take_up).await?,
            };
            let taken = taken.flatten();
            let Some(next) = taken else { return Ok(()) };
            self.follow(next).await?;
        }
        Ok(())
    }

    /// Takes up everything that is due, one task after the other. Returns whether anything was due.
    pub(super) async fn drive(&mut self) -> Result<bool, StoreFailed> {
        let now = self.app.clock.now();
        let Some(checkout) = self.checkout().await? else { return Ok(true) };
        let is_due = |at: Option<_>| at.is_some_and(|due_at| due_at <= now);
        let due = checkout.attempts.iter().filter(|attempt| is_due(attempt.state.due_at()));
        let due: Vec<AttemptNumber> = due.map(|attempt| attempt.number).collect();
        let was_due = !due.is_empty();
        for attempt in due {
            self.drive_attempt(attempt).await?;
        }
        for count in 0..TAKEN_UP_OF_PAYMENT {
            let Some(next) = self.decide(take_up_payment).await?.flatten() else {
                return Ok(was_due || count > 0);
            };
            self.follow(next).await?;
        }
        Ok(true)
    }

    /// Waits while another caller is working, at most until `give_up_at`, and takes up what is overdue itself.
    /// Returns the registration as it is then.
    pub(super) async fn wait(
        mut self,
        give_up_at: Duration,
        watch: impl Fn(&Checkout) -> WatchOutcome,
    ) -> Result<Registration, StoreFailed> {
        let mut pause = FIRST_PAUSE;
        let mut took_up = false;
        loop {
            let registration = self.registration().await?;
            let watched = watch(&registration.checkout);
            if let Some(overdue) = watched.overdue.filter(|_| !took_up) {
                match overdue {
                    OverdueWork::Attempt(attempt) => self.drive_attempt(attempt).await?,
                    OverdueWork::Anything => {
                        self.drive().await?;
                    }
                }
                took_up = true;
                continue;
            }
            if !watched.is_in_hand || self.app.clock.monotonic() >= give_up_at {
                return self.into_registration().await;
            }
            self.app.clock.sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            took_up = false;
            self.known = None;
        }
    }

    /// The checkout, read if it is not known; `None` when it does not exist.
    pub(super) async fn checkout(&mut self) -> Result<Option<&Checkout>, StoreFailed> {
        if self.known.is_none() {
            let read = self.app.book.checkout(self.checkout_id).await?;
            self.know(read);
        }
        Ok(self.known.as_ref().map(|known| &known.registration.checkout))
    }

    /// The registration. The checkout exists: it was read or written before, and no checkout is deleted.
    async fn registration(&mut self) -> Result<&Registration, StoreFailed> {
        self.checkout().await?;
        let gone = || StoreFailed::Unreadable(format!("checkout {} no longer exists", self.checkout_id));
        self.known.as_ref().map(|known| &known.registration).ok_or_else(gone)
    }

    /// As [`registration`](Self::registration), but consumes the driver.
    pub(super) async fn into_registration(mut self) -> Result<Registration, StoreFailed> {
        self.registration().await?;
        let gone = || StoreFailed::Unreadable(format!("checkout {} no longer exists", self.checkout_id));
        self.known.map(|known| known.registration).ok_or_else(gone)
    }

    /// Takes what was read or written last, so that the next decision reads it again.
    pub(super) const fn take_known(&mut self) -> Option<LoadedRegistration> {
        self.known.take()
    }

    pub(super) const fn app(&self) -> &'a App {
        self.app
    }

    pub(super) const fn checkout_id(&self) -> &'a str {
        self.checkout_id
    }

    async fn agree(&mut self, session: &BoundSession) -> Result<NextStep, StoreFailed> {
        let attempt = session.attempt;
        let answer = self.app.amazon.session_and_owner(&session.id).await;
        let message = "Get Checkout Session returned nothing to compare with the terms";
        let Some((seen, reference)) = self.shown(answer, Some(attempt), message) else {
            self.decide(|draft| ask_again(draft, attempt)).await?;
            return Ok(NextStep::Rest);
        };
        if self.names_another_checkout(reference.as_deref()).await? {
            self.decide(|draft| release(draft, attempt)).await?;
            return Ok(NextStep::Rest);
        }
        // Usually the address is the one that the order was priced for, and the shop is not asked.
        let elsewhere = match &seen {
            SessionView::Open(open) => {
                let priced = self.app.settings.policy.priced_address();
                let checkout = self.checkout().await?;
                let address = checkout.and_then(|checkout| unquoted_address(checkout, attempt, open, priced));
                address.map(|address| (open, address.clone()))
            }
            SessionView::Completed { .. } | SessionView::Canceled { .. } | SessionView::NotFound(_) => None,
        };
        let priced = match elsewhere {
            // Boxed, because the future is large and rarely needed.
            Some((open, address)) => Box::pin(self.price_where_paid(attempt, open, &address)).await?,
            None => QuoteBasis::Known,
        };
        if let Some(first) = self.look_at_others(attempt).await? {
            return Ok(first);
        }
        self.look_at_cart().await?;
        let settings = &self.app.settings;
        let merchant = &settings.merchant_id;
        let ours =
            OurStore { environment: self.app.amazon.environment(), store_id: settings.store_id.clone() };
        let account = self.app.account();
        let decide = |draft: &mut Draft| {
            let agreed = agree(draft, attempt, &seen, reference.as_deref(), &ours, priced);
            let Some(agreed) = agreed else {
                return match (settings.policy.integration, &seen) {
                    (Integration::Sole, SessionView::Completed { .. }) => session_seen(draft, attempt, &seen),
                    _ => reach_to_prove(draft, attempt),
                };
            };
            let send = finalize_send(merchant, draft.checkout(), attempt, agreed);
            let Some(send) = send else { return NextStep::Rest };
            let next = finalize::begin(draft, attempt, send);
            send_to(draft, attempt, &account);
            next
        };
        // A session that is over may have been paid for another order, which its claim shows.
        let known = self.known.take().filter(|_| matches!(seen, SessionView::Open(_)));
        let (after, next) = self.app.book.decide_and_bind(self.checkout_id, session, known, decide).await?;
        self.know(after);
        Ok(next)
    }

    /// Whether a session's reference is that of another checkout in this store.
    async fn names_another_checkout(&self, reference: Option<&str>) -> Result<bool, StoreFailed> {
        let id = reference.filter(|id| *id != self.checkout_id).and_then(|id| CheckoutId::parse(id).ok());
        match id {
            Some(id) => Ok(self.app.book.checkout(id.as_str()).await?.is_some()),
            None => Ok(false),
        }
    }

    /// Looks at the sessions that must be looked at immediately before this attempt is sent. If one of them is
    /// not shown, or its look leads to a further step, this attempt waits, and that step is returned.
    async fn look_at_others(&mut self, attempt: AttemptNumber) -> Result<Option<NextStep>, StoreFailed> {
        let since = self.app.clock.now();
        let others = self.unseen(attempt, since).await?;
        for earlier in &others {
            if self.was_sent_elsewhere(earlier.attempt).await? {
                continue;
            }
            // Boxed, because the future is large and rarely needed.
            let next = Box::pin(self.look_at_session(earlier)).await?;
            if next != NextStep::Rest {
                self.decide(|draft| ask_again(draft, attempt)).await?;
                return Ok(Some(next));
            }
        }
        if others.is_empty() || self.unseen(attempt, since).await?.is_empty() {
            return Ok(None);
        }
        self.decide(|draft| ask_again(draft, attempt)).await?;
        Ok(Some(NextStep::Rest))
    }

    /// Looks at the sessions of the other orders of its cart that were refused: until Amazon shows them, a Finalize of
    /// this order waits. What a look leads to is left to that order's timers.
    async fn look_at_cart(&mut self) -> Result<(), StoreFailed> {
        let app = self.app;
        let Some(checkout) = self.checkout().await?.filter(|it| it.cart.is_some()) else { return Ok(()) };
        for (other, session) in app.book.refused_in_cart(checkout).await? {
            let mut driver = app.driver(other.as_str());
            if !driver.was_sent_elsewhere(session.attempt).await? {
                // Boxed, because the future is large and rarely needed.
                Box::pin(driver.look_at_session(&session)).await?;
            }
        }
        Ok(())
    }

    /// The sessions that must be looked at before this attempt is sent.
    async fn unseen(
        &mut self,
        attempt: AttemptNumber,
        since: Timestamp,
    ) -> Result<Vec<BoundSession>, StoreFailed> {
        let now = self.app.clock.now();
        let checkout = self.checkout().await?;
        Ok(checkout.map_or_else(Vec::new, |checkout| to_look_at_before(checkout, attempt, since, now)))
    }

    async fn begin(&mut self, call: CallId) -> Result<NextStep, StoreFailed> {
        if let CallId::Finalize(attempt) = call
            && let Some(first) = self.look_at_others(attempt).await?
        {
            return Ok(first);
        }
        let merchant = &self.app.settings.merchant_id;
        match call {
            CallId::Finalize(attempt) => {
                self.decide_to_send(|draft| with_keys(merchant, draft, attempt, finalize::begin_approved))
                    .await
            }
            CallId::Operation(number) => self.next(|draft| begin_operation(merchant, draft, number)).await,
        }
    }

    /// Makes a decision that may send a Finalize: with the other orders of the cart in sight, if it has one.
    async fn decide_to_send(
        &mut self,
        decide: impl Fn(&mut Draft) -> NextStep + Send + Sync,
    ) -> Result<NextStep, StoreFailed> {
        if self.checkout().await?.is_some_and(|checkout| checkout.cart.is_some()) {
            self.look_at_cart().await?;
            return Ok(self.decide_in_cart(decide).await?.unwrap_or(NextStep::Rest));
        }
        self.next(decide).await
    }

    /// As [`decide`](Self::decide), with the other orders of the cart in sight.
    async fn decide_in_cart<T: Send>(
        &mut self,
        decide: impl Fn(&mut Draft) -> T + Send + Sync,
    ) -> Result<Option<T>, StoreFailed> {
        self.known = None;
        let (after, outcome) = self.app.book.decide_in_cart(self.checkout_id, decide).await?;
        self.know(after);
        Ok(outcome)
    }

    /// Continues an attempt that waits for another order of its cart, if it need not wait any more.
    pub(super) async fn go_on_if_free(&mut self, attempt: AttemptNumber) -> Result<(), StoreFailed> {
        let app = self.app;
        let Some(checkout) = self.checkout().await? else { return Ok(()) };
        let Some(deciding) = checkout.deciding_attempt(attempt).filter(|it| it.waits_for.is_some()) else {
            return Ok(());
        };
        let number = deciding.number;
        if app.book.cart_sight(checkout).await? == CartSight::Free {
            self.decide(|draft| wake(draft, number)).await?;
            self.drive_attempt(number).await?;
        }
        Ok(())
    }

    async fn send_again(&mut self, call: CallId) -> Result<NextStep, StoreFailed> {
        let merchant = &self.app.settings.merchant_id;
        match call {
            CallId::Finalize(attempt) => {
                self.decide_to_send(|draft| with_keys(merchant, draft, attempt, finalize::send_again)).await
            }
            CallId::Operation(number) => self.next(|draft| send::send_again(draft, number)).await,
        }
    }

    /// Stores what the answer to a Finalize proves. If that fails, the attempt keeps its state, and its timer
    /// looks up the result.
    async fn finalize_answered(
        &mut self,
        session: &BoundSession,
        n: KeyOrdinal,
        answer: &FinalizeAnswer,
    ) -> Result<NextStep, StoreFailed> {
        let next = self.next(|draft| finalize::answered(draft, session.attempt, n, answer)).await;
        if let (Err(failed), CallAnswer::Success(finalized)) = (&next, answer) {
            let (permission, charge) = (Some(&finalized.charge_permission_id), finalized.charge_id.as_ref());
            self.log_unwritten(session, permission, charge, failed);
        }
        next
    }

    async fn look_at_session(&mut self, session: &BoundSession) -> Result<NextStep, StoreFailed> {
        let attempt = session.attempt;
        let answer = self.app.amazon.session(&session.id).await;
        let Some(seen) =
            self.shown(answer, Some(attempt), "the look-up of a Checkout Session returned nothing")
        else {
            return Ok(NextStep::Rest);
        };
        let next = self.next(|draft| session_seen(draft, attempt, &seen)).await;
        if let (Err(failed), SessionView::Completed { charge_permission_id, charge_id }) = (&next, &seen) {
            self.log_unwritten(session, charge_permission_id.as_ref(), charge_id.as_ref(), failed);
        }
        next
    }

    /// Asks Amazon for the youngest charge in the store, because it has answered that it does not have this
    /// session.
    async fn prove_reach(&mut self, session: &BoundSession) -> Result<NextStep, StoreFailed> {
        let known = self.app.book.youngest_charge(self.app.amazon.environment()).await?;
        let reach = self.app.amazon.reach(known.as_ref()).await;
        self.decide(|draft| reach_seen(draft, session.attempt, &reach)).await?;
        Ok(NextStep::Rest)
    }

    async fn look_at_attempts_charge(
        &mut self,
        session: &BoundSession,
        permission: &ChargePermissionId,
        charge: &ChargeId,
    ) -> Result<NextStep, StoreFailed> {
        let attempt = session.attempt;
        let answer = self.app.amazon.charge(charge).await;
        let Some(shown) = self.shown(answer, Some(attempt), "Get Charge returned nothing") else {
            return Ok(NextStep::Rest);
        };
        let seen = self.decide(|draft| charge_seen(draft, attempt, permission, charge, &shown)).await;
        seen.inspect_err(|failed| self.log_unwritten(session, Some(permission), Some(charge), failed))?;
        // Notifications may have come before the order was known to have this permission.
        self.app.wake_foreign(permission).await?;
        Ok(NextStep::Rest)
    }

    /// Asks for every session of the order, and for the money under a permission that names it.
    async fn look_at_heard(&mut self, permission: &ChargePermissionId) -> Result<NextStep, StoreFailed> {
        let evidence = self.ask_about_heard(permission).await?;
        self.next(|draft| heard_seen(draft, permission, &evidence)).await
    }

    /// Asks Amazon for everything that says whose a permission is.
    pub(super) async fn ask_about_heard(
        &mut self,
        permission: &ChargePermissionId,
    ) -> Result<Evidence, StoreFailed> {
        let Some(checkout) = self.checkout().await? else { return Ok(Evidence::default()) };
        let sessions = sessions_to_ask(checkout);
        let known = checkout.heard_of(permission);
        let mut charge_ids = known.map_or_else(Vec::new, |it| it.charge_ids.clone());
        let refund_id = known.and_then(|it| it.returning.as_ref()).and_then(Returning::refund_id).cloned();
        let mut evidence = Evidence::default();
        if self.app.book.checkout_under(permission).await?.is_some_and(|id| id != self.checkout_id) {
            evidence.holder = Holder::AnotherOrder;
        }
        let amazon = &self.app.amazon;
        let message = "a Checkout Session of an order that a notification names could not be looked up";
        for BoundSession { attempt, id } in sessions {
            if self.was_sent_elsewhere(attempt).await? {
                continue;
            }
            let Some(view) = self.shown(amazon.session(&id).await, Some(attempt), message) else { continue };
            if let SessionView::Completed { charge_permission_id: Some(named), charge_id: Some(charge) } =
                &view
                && named == permission
                && !charge_ids.contains(charge)
            {
                charge_ids.push(charge.clone());
            }
            evidence.sessions.push((attempt, view));
        }
        if evidence.holder == Holder::AnotherOrder && !evidence.is_named_by_a_session(permission) {
            return Ok(evidence);
        }
        let message = "a permission that names an order could not be looked up";
        evidence.permission = self.shown(amazon.permission_money(permission).await, None, message);
        for id in charge_ids {
            let message = "a charge under a permission that names an order could not be looked up";
            let shown = self.shown(amazon.charge(&id).await, None, message);
            evidence.charges.extend(shown.filter(|shown| shown.id == id));
        }
        if let Some(id) = refund_id {
            let message = "a refund of a payment that is not the order's could not be looked up";
            evidence.refund = self.shown(amazon.refund(&id).await, None, message);
        }
        Ok(evidence)
    }

    async fn look_at_attempts_permission(
        &mut self,
        session: &BoundSession,
        permission: &ChargePermissionId,
    ) -> Result<NextStep, StoreFailed> {
        let attempt = session.attempt;
        let answer = self.app.amazon.session_permission(permission).await;
        let Some(shown) = self.shown(answer, Some(attempt), "Get Charge Permission returned nothing") else {
            return Ok(NextStep::Rest);
        };
        let next = self.next(|draft| permission_seen(draft, attempt, &shown)).await;
        next.inspect_err(|failed| self.log_unwritten(session, Some(permission), None, failed))
    }

    async fn look_at_charge(&mut self, id: &ChargeId) -> Result<NextStep, StoreFailed> {
        let answer = self.app.amazon.charge(id).await;
        match self.shown(answer, None, "Get Charge returned nothing") {
            Some(shown) if shown.id != *id => {
                self.decide(|draft| other_charge_shown(draft, id)).await?;
                Ok(NextStep::Rest)
            }
            Some(shown) => self.next(|draft| charge_shown(draft, &shown)).await,
            None => Ok(NextStep::Rest),
        }
    }

    /// Looks at a charge before a refund of it is sent, and makes that send durable.
    async fn look_before(&mut self, id: &ChargeId, number: OperationNumber) -> Result<NextStep, StoreFailed> {
        let answer = self.app.amazon.charge(id).await;
        let shown = self.shown(answer, None, "Get Charge before a refund returned nothing");
        if shown.as_ref().is_some_and(|shown| shown.id != *id) {
            self.decide(|draft| other_charge_shown(draft, id)).await?;
        }
        let shown = shown.filter(|shown| shown.id == *id);
        let merchant = &self.app.settings.merchant_id;
        self.next(|draft| {
            if !charge_shown_before(draft, number, shown.as_ref()) {
                return NextStep::Rest;
            }
            let payment = draft.checkout().payment.as_ref();
            let operation = payment.and_then(|payment| payment.operation(number));
            match operation.is_some_and(|operation| operation.state.is_in_doubt()) {
                true => send::send_again(draft, number),
                false => begin_operation(merchant, draft, number),
            }
        })
        .await
    }

    async fn look_at_refund(&mut self, id: &RefundId) -> Result<NextStep, StoreFailed> {
        let answer = self.app.amazon.refund(id).await;
        let shown = self.shown(answer, None, "Get Refund returned nothing");
        if shown.as_ref().is_some_and(|shown| shown.id != *id) {
            self.decide(|draft| other_refund_shown(draft, id)).await?;
            return Ok(NextStep::Rest);
        }
        if let Some(shown) = shown {
            // A refund that was made elsewhere may belong to a charge that was made elsewhere: get the charge
            // first.
            let payment = self.checkout().await?.and_then(|checkout| checkout.payment.as_ref());
            if payment.is_some_and(|payment| payment.lacks_charge_of(&shown)) {
                self.look_at_charge(&shown.charge_id).await?;
            }
            self.decide(|draft| refund_shown(draft, &shown)).await?;
        }
        Ok(NextStep::Rest)
    }

    /// Stores what the answer to an operation proves. If that fails, the operation keeps its state, and its
    /// timer looks up the result.
    async fn operation_answered(
        &mut self,
        number: OperationNumber,
        request: &PaymentCall,
        answer: &OperationAnswer,
    ) -> Result<NextStep, StoreFailed> {
        let next = self.next(|draft| send::answered(draft, number, answer)).await;
        next.inspect_err(|failed| log_unwritten_answer(self.checkout_id, request, answer, failed))
    }

    async fn begin_return(&mut self, permission: &ChargePermissionId) -> Result<NextStep, StoreFailed> {
        let merchant = &self.app.settings.merchant_id;
        self.next(|draft| {
            let send = return_send(merchant, draft.checkout(), permission);
            send.map_or(NextStep::Rest, |send| begin_return(draft, permission, send))
        })
        .await
    }

    /// Sends a call that returns money, and stores what its answer says. If that fails, the looks find it out.
    async fn send_return(
        &mut self,
        permission: &ChargePermissionId,
        request: &PaymentCall,
        send: &KeyedRequest,
    ) -> Result<NextStep, StoreFailed> {
        let answer = self.app.amazon.operate(permission, request, send).await;
        let kept = self.decide(|draft| return_answered(draft, permission, &answer)).await;
        kept.inspect_err(|failed| log_unwritten_answer(self.checkout_id, request, &answer, failed))?;
        Ok(NextStep::Rest)
    }

    /// Logs the ids that the store did not keep: this line is how a person finds the payment.
    fn log_unwritten(
        &self,
        session: &BoundSession,
        charge_permission_id: Option<&ChargePermissionId>,
        charge_id: Option<&ChargeId>,
        failed: &StoreFailed,
    ) {
        tracing::error!(
            checkout_id = self.checkout_id,
            order_id = self.order_id,
            attempt = session.attempt.get(),
            checkout_session_id = %session.id,
            charge_permission_id = charge_permission_id.map(tracing::field::display),
            charge_id = charge_id.map(tracing::field::display),
            %failed,
            "Amazon accepted a payment, but its ids could not be stored"
        );
    }

    /// What Amazon has shown. If it has shown nothing, that is logged, and the timer asks again.
    fn shown<T>(
        &self,
        answer: Result<T, NoEvidence>,
        attempt: Option<AttemptNumber>,
        message: &'static str,
    ) -> Option<T> {
        answer.inspect_err(|nothing| nothing.tell(self.checkout_id, attempt, message)).ok()
    }
}

/// The attempt that a step asks Amazon about, or sends.
const fn attempt_of(step: &NextStep) -> Option<AttemptNumber> {
    match step {
        NextStep::Agree(session)
        | NextStep::LookAtSession(session)
        | NextStep::ProveReach(session)
        | NextStep::LookAtAttemptsCharge { session, .. }
        | NextStep::LookAtAttemptsPermission { session, .. }
        | NextStep::Send(OutgoingCall::Finalize { session, .. }) => Some(session.attempt),
        NextStep::Begin(CallId::Finalize(attempt))
        | NextStep::SendAgain(CallId::Finalize(attempt))
        | NextStep::ProveBySending(attempt) => Some(*attempt),
        NextStep::Rest
        | NextStep::Begin(CallId::Operation(_))
        | NextStep::SendAgain(CallId::Operation(_))
        | NextStep::Send(OutgoingCall::Operation { .. } | OutgoingCall::Return { .. })
        | NextStep::BeginReturn(_)
        | NextStep::LookAtCharge(_)
        | NextStep::LookBefore { .. }
        | NextStep::LookAtRefund(_)
        | NextStep::LookAtPermission(_)
        | NextStep::LookAtHeard(_) => None,
    }
}

/// Makes a decision that may need a new key for an attempt's Finalize.
fn with_keys(
    merchant: &MerchantId,
    draft: &mut Draft,
    attempt: AttemptNumber,
    decide: impl Fn(&mut Draft, AttemptNumber, &dyn Fn(KeyOrdinal) -> IdempotencyKey) -> NextStep,
) -> NextStep {
    let checkout = draft.checkout();
    let Some(bound) = checkout.attempt(attempt) else { return NextStep::Rest };
    let (checkout_id, session) = (checkout.id.clone(), bound.checkout_session_id.clone());
    decide(draft, attempt, &|n| finalize_key(merchant, &checkout_id, &session, n))
}

/// Makes the send of an operation durable, with its bytes, unless it was sent before.
pub(super) fn begin_operation(merchant: &MerchantId, draft: &mut Draft, number: OperationNumber) -> NextStep {
    let send = operation_send(merchant, draft.checkout(), number);
    send.map_or(NextStep::Rest, |send| send::begin(draft, number, send))
}

/// Logs the effect that the store did not keep: this line is how a person finds it.
fn log_unwritten_answer(
    checkout_id: &str,
    request: &PaymentCall,
    answer: &OperationAnswer,
    failed: &StoreFailed,
) {
    let (charge_id, refund_id) = match answer {
        CallAnswer::Success(ObjectView::Charge(shown)) => (Some(&shown.id), None),
        CallAnswer::Success(ObjectView::Refund(shown)) => (Some(&shown.charge_id), Some(&shown.id)),
        CallAnswer::Success(ObjectView::OnlyId(OperationEffect::Charge(id))) => (Some(id), None),
        CallAnswer::Success(ObjectView::OnlyId(OperationEffect::Refund(id))) => (None, Some(id)),
        CallAnswer::Success(ObjectView::Permission(_) | ObjectView::OnlyId(OperationEffect::Closed))
        | CallAnswer::Refused(_)
        | CallAnswer::NotSent
        | CallAnswer::NotEvaluated { .. }
        | CallAnswer::WrongStatus { .. }
        | CallAnswer::Unclear { .. } => (None, None),
    };
    tracing::error!(
        checkout_id,
        call = request.call(),
        charge_id = charge_id.map(tracing::field::display),
        refund_id = refund_id.map(tracing::field::display),
        %failed,
        "Amazon answered a call, but the answer could not be stored"
    );
}
