//! Which decision about an operation is allowed, by what Amazon shows, and how many persons it needs. Nothing is
//! changed here.

use super::Asked;
use super::judge::{Allowed, DecisionRefused, Persons, STATE, member_of, reminder};
use super::shown::{AmazonShows, Shown};
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::cancellation::CancellationState;
use crate::merchant::payment::Payment;
use crate::merchant::payment::amount_view::AmountView;
use crate::merchant::payment::charge::{AmazonChargeState, Charge, ChargeView};
use crate::merchant::payment::operation::{
    Operation, OperationEffect, OperationName, OperationState, OwnName, PaymentCall, UndoStep,
};
use crate::merchant::payment::permission::{PermissionState, PermissionView};
use crate::merchant::payment::refund::{RefundState, RefundView};
use crate::merchant::proof::{ObjectView, Proof, answer_proof};
use crate::merchant::rules::{COPY_LIFETIME, FORGOTTEN_AFTER};
use crate::money::Money;
use crate::time::Timestamp;

/// What follows from a decision about an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationOutcome {
    /// It has had this effect.
    Done(OperationEffect, Effect),
    /// It has had no effect, and is not sent again.
    NoEffect,
    /// A part of undoing the order, which Amazon has refused as often as it is tried: it is tried once more, if
    /// it is still needed.
    TryAgain(UndoStep),
    /// A reminder, at this instant.
    Remind(Timestamp),
}

/// What an effect looks like at Amazon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The charge.
    Charge(ChargeView),
    /// The refund.
    Refund(RefundView),
    /// The permission.
    Permission(PermissionView),
}

/// Why an operation needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undecided {
    /// Its call is in doubt, and no copy of it is on its way any more.
    InDoubt,
    /// It is the last try of a part of undoing the order, and Amazon has refused it.
    Stuck(UndoStep),
}

/// Why an operation needs a person, if it does.
#[must_use]
pub fn undecided(checkout: &Checkout, operation: &Operation, now: Timestamp) -> Option<Undecided> {
    if let Some(doubt) = operation.state.in_flight().and_then(|in_flight| in_flight.doubt()) {
        let sent_at = operation.last_sent_at.unwrap_or(doubt.since).max(doubt.since);
        return (now.since(sent_at) >= COPY_LIFETIME).then_some(Undecided::InDoubt);
    }
    let state = checkout.cancellation.as_ref().map(|cancellation| cancellation.state);
    let is_stuck = matches!(state, Some(CancellationState::Requested { is_stuck: true, .. }));
    let OperationName::Own(OwnName::Undo { what, .. }) = &operation.name else { return None };
    let operations = checkout.payment.iter().flat_map(|payment| &payment.operations);
    let mut tries = operations.rev().filter(|it| it.is_undo_of(what));
    let is_last = tries.next().is_some_and(|last| last.number == operation.number);
    (is_stuck && is_last && matches!(operation.state, OperationState::Refused { .. }))
        .then(|| Undecided::Stuck(what.clone()))
}

/// Judges a decision about an operation.
///
/// # Errors
/// The first rule that it breaks.
pub fn operation(
    checkout: &Checkout,
    operation: &Operation,
    asked: &Asked,
    shows: &AmazonShows,
    now: Timestamp,
) -> Result<Allowed<OperationOutcome>, DecisionRefused> {
    let why = undecided(checkout, operation, now).ok_or(DecisionRefused::NotUndecided)?;
    let payment = checkout.payment.as_ref().ok_or(DecisionRefused::NotUndecided)?;
    let case = Case { payment, operation, shows, now };
    let by_one = |outcome| Allowed { persons: Persons::One, outcome };
    match asked {
        Asked::Remind { at } => Ok(by_one(OperationOutcome::Remind(reminder(*at, now)?))),
        Asked::Done { charge_id, refund_id } => {
            // Only the call that makes an object needs its id; any other may repeat the charge that it names.
            let may_name_charge = matches!(operation.request, PaymentCall::CreateCharge { .. })
                || operation.request.charge_id() == charge_id.as_ref();
            if charge_id.is_some() && !may_name_charge {
                return Err(DecisionRefused::NotOfVerdict("chargeId"));
            }
            if refund_id.is_some() && !matches!(operation.request, PaymentCall::Refund { .. }) {
                return Err(DecisionRefused::NotOfVerdict("refundId"));
            }
            match why {
                Undecided::InDoubt => case.done(charge_id.is_some(), refund_id.is_some()).map(by_one),
                Undecided::Stuck(what) => {
                    case.undone(&what)?;
                    Ok(by_one(OperationOutcome::TryAgain(what)))
                }
            }
        }
        Asked::NoEffect => match why {
            Undecided::InDoubt => case.no_effect(),
            Undecided::Stuck(what) => Ok(by_one(OperationOutcome::TryAgain(what))),
        },
        Asked::Paid { .. }
        | Asked::NotPaid
        | Asked::Refund { .. }
        | Asked::Ours
        | Asked::NotOurs
        | Asked::RefundUnexplained { .. } => Err(DecisionRefused::NotOfVerdict("verdict")),
    }
}

struct Case<'a> {
    payment: &'a Payment,
    operation: &'a Operation,
    shows: &'a AmazonShows,
    now: Timestamp,
}

impl Case<'_> {
    fn shown<'s, T>(&self, shown: &'s Shown<T>, member: &'static str) -> Result<&'s T, DecisionRefused> {
        match shown {
            Shown::It(it) => Ok(it),
            Shown::Silent | Shown::NotAsked => Err(DecisionRefused::AmazonSilent),
            Shown::Missing => Err(DecisionRefused::AmazonSaysOtherwise(member)),
        }
    }

    fn charge(&self) -> Result<&ChargeView, DecisionRefused> {
        self.shown(&self.shows.charge, "chargeId")
    }

    fn permission(&self) -> Result<PermissionView, DecisionRefused> {
        let facts = self.shown(&self.shows.permission, "chargePermissionId")?;
        Ok(PermissionView { state: facts.state.clone() })
    }

    fn done(&self, has_charge: bool, has_refund: bool) -> Result<OperationOutcome, DecisionRefused> {
        use DecisionRefused::{AmazonSaysOtherwise as Otherwise, Missing};
        let (effect, view) = match &self.operation.request {
            PaymentCall::CreateCharge { .. } if !has_charge => return Err(Missing("chargeId")),
            PaymentCall::Refund { .. } if !has_refund => return Err(Missing("refundId")),
            PaymentCall::CreateCharge { .. }
            | PaymentCall::Capture { .. }
            | PaymentCall::CancelCharge { .. } => {
                let charge = self.charge()?;
                (Effect::Charge(charge.clone()), ObjectView::Charge(charge.clone()))
            }
            PaymentCall::Refund { .. } => {
                let refund = self.shown(&self.shows.refund, "refundId")?;
                (Effect::Refund(refund.clone()), ObjectView::Refund(refund.clone()))
            }
            PaymentCall::Close { .. } => {
                let permission = self.permission()?;
                (Effect::Permission(permission.clone()), ObjectView::Permission(permission))
            }
        };
        match answer_proof(self.payment, self.operation, &view) {
            Proof::Fits(proved) => Ok(OperationOutcome::Done(proved, effect)),
            Proof::Contradicts(misfit) => Err(Otherwise(member_of(misfit))),
            Proof::Nothing(_) => Err(Otherwise(STATE)),
        }
    }

    /// Whether Amazon shows that a part of undoing the order was done elsewhere.
    fn undone(&self, what: &UndoStep) -> Result<(), DecisionRefused> {
        let is_undone = match what {
            UndoStep::CancelCharge(_) => {
                matches!(self.charge()?.seen.state, AmazonChargeState::Canceled | AmazonChargeState::Declined)
            }
            UndoStep::Refund(_) => {
                let charge = self.charge()?;
                let (captured, back) = (charge.captured.shown(), charge.refunded.shown());
                captured.zip(back).is_some_and(|(captured, back)| back.minor() >= captured.minor())
            }
            UndoStep::Close => matches!(self.permission()?.state, PermissionState::Closed(_)),
        };
        let member = if matches!(what, UndoStep::Refund(_)) { "refundedAmount" } else { STATE };
        if is_undone { Ok(()) } else { Err(DecisionRefused::AmazonSaysOtherwise(member)) }
    }

    fn no_effect(&self) -> Result<Allowed<OperationOutcome>, DecisionRefused> {
        use DecisionRefused::AmazonSaysOtherwise as Otherwise;
        let allowed = |persons| Ok(Allowed { persons, outcome: OperationOutcome::NoEffect });
        match &self.operation.request {
            PaymentCall::CreateCharge { .. } => {
                let facts = self.shown(&self.shows.permission, "chargePermissionId")?;
                let taken =
                    Money::sum(self.payment.limit.currency(), self.payment.charges.iter().map(Charge::taken));
                match facts.balance {
                    AmountView::Shown(balance) if balance == self.payment.limit.less(taken) => {
                        allowed(Persons::One)
                    }
                    AmountView::Shown(_) => Err(Otherwise("limits.amountBalance")),
                    AmountView::Absent | AmountView::Unreadable => self.by_age(),
                }
            }
            PaymentCall::Refund { charge_id, .. } => {
                let shown = self.charge()?;
                let known = self.payment.charge(charge_id).map(known_refunds);
                match (shown.refunded, known) {
                    (AmountView::Shown(back), Some(known)) if back.minor() <= known.minor() => {
                        allowed(Persons::One)
                    }
                    (AmountView::Shown(_), _) => Err(Otherwise("refundedAmount")),
                    (AmountView::Absent | AmountView::Unreadable, _) => self.by_age(),
                }
            }
            PaymentCall::Capture { .. } => match self.charge()?.seen.state {
                AmazonChargeState::CaptureInitiated | AmazonChargeState::Captured => Err(Otherwise(STATE)),
                AmazonChargeState::AuthorizationInitiated
                | AmazonChargeState::Authorized
                | AmazonChargeState::Declined
                | AmazonChargeState::Canceled => allowed(Persons::One),
            },
            PaymentCall::CancelCharge { .. } => match self.charge()?.seen.state {
                AmazonChargeState::Canceled => Err(Otherwise(STATE)),
                AmazonChargeState::AuthorizationInitiated
                | AmazonChargeState::Authorized
                | AmazonChargeState::CaptureInitiated
                | AmazonChargeState::Captured
                | AmazonChargeState::Declined => allowed(Persons::One),
            },
            PaymentCall::Close { .. } => match self.permission()?.state {
                PermissionState::Closed(_) => Err(Otherwise(STATE)),
                PermissionState::Chargeable | PermissionState::NonChargeable(_) => allowed(Persons::One),
            },
        }
    }

    /// Where Amazon shows no total that would tell, two persons may decide once Amazon's 30 days are over.
    fn by_age(&self) -> Result<Allowed<OperationOutcome>, DecisionRefused> {
        let from = self.operation.requested_at.plus(FORGOTTEN_AFTER);
        if self.now < from {
            return Err(DecisionRefused::TooEarly(Some(from)));
        }
        Ok(Allowed { persons: Persons::Two, outcome: OperationOutcome::NoEffect })
    }
}

/// What was refunded of a charge without the operation: by the known refunds, and by others.
fn known_refunds(charge: &Charge) -> Money {
    let counted = charge.refunds.iter().filter(|it| !matches!(it.state, RefundState::Declined(_)));
    let counted = counted.map(|refund| refund.amount).chain(charge.refunded_elsewhere);
    Money::sum(charge.amount.currency(), counted)
}
