//! The operations that the shop asks for once an order is paid. Each is recorded with the amount that it
//! reserves, in the commit that makes its bytes durable; then the shop's own request, a timer or a restart
//! executes it, all through the same driver.
//!
//! As with a completion, the commit before a call settles who makes the call. After a crash, whether before or
//! after the call, the timer remains: by the operation's own rule, it looks the result up or sends the call again.

use countersign_domain::merchant::after::cancel::{CancelRequest, RecordedCancellation, request_cancel};
use countersign_domain::merchant::after::fulfilment::Freshness;
use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::call::InFlight;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::draft::Draft;
use countersign_domain::merchant::next::NextStep;
use countersign_domain::merchant::number::OperationNumber;
use countersign_domain::merchant::payment::Payment;
use countersign_domain::merchant::payment::ask::{OperationRefused, RecordedOperation, ask, unseen_charge};
use countersign_domain::merchant::payment::operation::{
    Operation, OperationName, OperationRequest, OperationState,
};

use super::App;
use super::driver::{OverdueWork, WatchOutcome, begin_operation};
use crate::book::DecisionError;
use crate::book::commit::LoadedRegistration;
use crate::registration::Registration;

/// Why an operation is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OperateRefused {
    /// No checkout has this id.
    NotFound,
    /// A rule refuses it; with the checkout that the rule was applied to.
    Rule(OperationRefused, Box<Checkout>),
}

/// A checkout, and which of its operations the caller asked about.
pub(crate) struct OperationOutcome {
    pub(crate) registration: Registration,
    pub(crate) number: OperationNumber,
}

/// An operation that was asked for: its number, whether this caller has recorded it, and what comes next.
struct OperationStart {
    number: OperationNumber,
    is_mine: bool,
    next: NextStep,
}

impl App {
    /// Records what the shop asks for, and executes it, or waits for the caller that does.
    pub(crate) async fn operate(
        &self,
        checkout_id: &str,
        reference: &str,
        asked: &OperationRequest,
    ) -> Result<OperationOutcome, DecisionError<OperateRefused>> {
        let give_up_at = self.clock.monotonic().saturating_add(self.settings.deadlines.caller_wait);
        let (loaded, asking) = match self.record(checkout_id, reference, asked).await {
            // The buyer may have chosen another payment method since, so the permission is looked up first.
            Err(DecisionError::Refused(OperateRefused::Rule(
                OperationRefused::PermissionNonChargeable,
                checkout,
            ))) => {
                if let Some(Payment { charge_permission_id, .. }) = checkout.payment {
                    let ask = NextStep::LookAtPermission(charge_permission_id);
                    self.driver(checkout_id).follow(ask).await?;
                }
                self.record(checkout_id, reference, asked).await?
            }
            recorded => recorded?,
        };
        let OperationStart { number, is_mine, next } = asking;
        if !is_mine {
            self.metrics.note_duplicate("operation");
        }
        let as_recorded = loaded.registration.clone();
        let mut driver = self.driver_of(checkout_id, loaded);
        let settled = match driver.follow(next).await {
            Ok(()) => {
                let is_in_hand = |checkout: &Checkout| {
                    let payment = checkout.payment.as_ref();
                    payment
                        .and_then(|payment| payment.operation(number))
                        .is_some_and(|it| self.is_on_its_way(it))
                };
                driver.wait(give_up_at, |checkout| self.watch(checkout, is_in_hand)).await
            }
            Err(failed) => Err(failed),
        };
        // If the store fails from here on, the timer continues the operation, and the caller gets what is
        // known.
        let registration = settled.unwrap_or_else(|failed| {
            tracing::warn!(
                checkout_id,
                number = number.get(),
                %failed,
                "the store failed before an operation finished; the operation's timer will continue it",
            );
            as_recorded
        });
        Ok(OperationOutcome { registration, number })
    }

    /// Records that the shop cancels the order, and immediately undoes what can be undone.
    pub(crate) async fn cancel(
        &self,
        checkout_id: &str,
        request: &CancelRequest<'_>,
    ) -> Result<Registration, DecisionError<OperateRefused>> {
        let give_up_at = self.clock.monotonic().saturating_add(self.settings.deadlines.caller_wait);
        let (loaded, requested) =
            self.ask_by_rule(checkout_id, |draft| request_cancel(draft, request)).await?;
        if requested == RecordedCancellation::Known {
            self.metrics.note_duplicate("cancellation");
        }
        let as_recorded = loaded.registration.clone();
        let driver = self.driver_of(checkout_id, loaded);
        let is_in_hand = |checkout: &Checkout| {
            let is_sent =
                |state: &AttemptState| matches!(state, AttemptState::Finalize(InFlight::Sent { .. }));
            let mut operations = checkout.payment.iter().flat_map(Payment::in_flight);
            checkout.attempts.iter().any(|attempt| is_sent(&attempt.state))
                || operations.any(|operation| self.is_on_its_way(operation))
        };
        let settled = driver.wait(give_up_at, |checkout| self.watch(checkout, is_in_hand)).await;
        Ok(settled.unwrap_or_else(|failed| {
            tracing::warn!(
                checkout_id,
                %failed,
                "the store failed before a cancellation finished; the cancellation's timer will continue it",
            );
            as_recorded
        }))
    }

    /// What the shop waits for: that nothing is overdue, and that nothing it asked for is being worked on.
    fn watch(&self, checkout: &Checkout, is_in_hand: impl Fn(&Checkout) -> bool) -> WatchOutcome {
        let is_due = checkout.due_at(&self.rules()).is_some_and(|due_at| due_at <= self.clock.now());
        WatchOutcome { overdue: is_due.then_some(OverdueWork::Anything), is_in_hand: is_in_hand(checkout) }
    }

    /// Whether this operation was sent and has no answer yet, or is about to be sent. A caller should not
    /// wait for one that was turned away, or that waits for others to end.
    fn is_on_its_way(&self, operation: &Operation) -> bool {
        match &operation.state {
            OperationState::InFlight(InFlight::Sent { .. }) => true,
            OperationState::InFlight(InFlight::Recorded { retry_at, .. }) => {
                let soon = self.clock.now().plus(self.rules().lease);
                operation.turned_away == 0 && *retry_at <= soon
            }
            OperationState::InFlight(InFlight::InDoubt(_))
            | OperationState::Done(_)
            | OperationState::Refused { .. } => false,
        }
    }

    /// Records an operation, with the bytes to send unless other operations must end first. Before a refund,
    /// Amazon is asked what others have refunded; if it does not answer, the refund is recorded, and waits
    /// for that answer.
    async fn record(
        &self,
        checkout_id: &str,
        reference: &str,
        asked: &OperationRequest,
    ) -> Result<(LoadedRegistration, OperationStart), DecisionError<OperateRefused>> {
        let name = OperationName::Shop(reference.to_owned());
        let start = |draft: &mut Draft| match unseen_charge(draft, &name, asked) {
            Some(charge_id) => Ok(Err(charge_id)),
            None => self.start(draft, name.clone(), asked).map(Ok),
        };
        match self.ask_by_rule(checkout_id, start).await? {
            (loaded, Ok(start)) => Ok((loaded, start)),
            (loaded, Err(charge_id)) => {
                self.look_together(loaded, charge_id, Freshness::at(self.clock.now())).await?;
                self.ask_by_rule(checkout_id, |draft| self.start(draft, name.clone(), asked)).await
            }
        }
    }

    fn start(
        &self,
        draft: &mut Draft,
        name: OperationName,
        asked: &OperationRequest,
    ) -> Result<OperationStart, OperationRefused> {
        let others = draft.checkout().payment.iter().flat_map(Payment::in_flight).count();
        Ok(match ask(draft, name, asked.clone())? {
            RecordedOperation::Known(number) => {
                OperationStart { number, is_mine: false, next: NextStep::Rest }
            }
            RecordedOperation::New(number)
                if others > 0 && matches!(asked, OperationRequest::Close { .. }) =>
            {
                OperationStart { number, is_mine: true, next: NextStep::Rest }
            }
            RecordedOperation::New(number) => {
                let next = begin_operation(&self.settings.merchant_id, draft, number);
                OperationStart { number, is_mine: true, next }
            }
        })
    }

    /// Makes one decision that a rule may refuse.
    pub(super) async fn ask_by_rule<T: Send>(
        &self,
        checkout_id: &str,
        decide: impl Fn(&mut Draft) -> Result<T, OperationRefused> + Send + Sync,
    ) -> Result<(LoadedRegistration, T), DecisionError<OperateRefused>> {
        let decide = |draft: &mut Draft| {
            let decided = decide(draft);
            let by_rule = |refused| OperateRefused::Rule(refused, Box::new(draft.checkout().clone()));
            decided.map_err(|refused| DecisionError::Refused(by_rule(refused)))
        };
        let (after, outcome) = self.decide(checkout_id, None, decide).await?;
        after.zip(outcome).ok_or(DecisionError::Refused(OperateRefused::NotFound))
    }
}
