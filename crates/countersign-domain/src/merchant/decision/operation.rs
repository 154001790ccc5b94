//! Which decision about an operation is allowed, by what Amazon shows, and how many persons it needs. Nothing is
//! changed here.

use super::judge::{Allowed, CLOCKS_DIFFER_BY, DecisionRefused, Persons, STATE, member_of, reminder};
use super::shown::{AmazonShows, PermissionFacts, RefundFacts, Shown};
use super::{Asked, Subject};
use crate::ids::{ChargeId, RefundId};
use crate::merchant::call::InFlight;
use crate::merchant::checkout::Checkout;
use crate::merchant::number::OperationNumber;
use crate::merchant::payment::Payment;
use crate::merchant::payment::charge::{AmazonChargeState, Charge, ChargeView};
use crate::merchant::payment::operation::{
    Operation, OperationEffect, OperationName, OperationState, OwnName, PaymentCall, UndoStep,
};
use crate::merchant::payment::permission::{PermissionState, PermissionView};
use crate::merchant::payment::refund::RefundView;
use crate::merchant::payment::send::DECIDED;
use crate::merchant::proof::{ObjectView, Proof, answer_proof};
use crate::merchant::rules::{COPY_LIFETIME, FORGOTTEN_AFTER, REFUND_DECIDED_AFTER};
use crate::money::Money;
use crate::time::Timestamp;

/// What follows from a decision about an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationOutcome {
    /// It has had this effect.
    Done(OperationEffect, Effect),
    /// It has had no effect, and is not sent again.
    NoEffect,
    /// This was not its effect, as persons had decided before: others have made it.
    NotItsEffect(OperationEffect),
    /// What persons had decided before stays as it is.
    Affirmed,
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
    /// Persons have decided it.
    Decided,
}

/// Why an operation needs a person, if it does.
#[must_use]
pub fn undecided(checkout: &Checkout, operation: &Operation, now: Timestamp) -> Option<Undecided> {
    if operation.state.in_flight().is_some_and(|in_flight| in_flight.doubt().is_some()) {
        let is_over = decidable_from(operation).is_none_or(|from| now >= from);
        return is_over.then_some(Undecided::InDoubt);
    }
    if let OperationName::Own(OwnName::Undo { what, .. }) = &operation.name {
        let operations = checkout.payment.iter().flat_map(|payment| &payment.operations);
        let mut tries = operations.rev().filter(|it| it.is_undo_of(what));
        let is_last = tries.next().is_some_and(|last| last.number == operation.number);
        let is_refused = matches!(operation.state, OperationState::Refused { .. });
        if is_last && is_refused && checkout.is_cancellation_stuck() {
            return Some(Undecided::Stuck(what.clone()));
        }
    }
    let holds = checkout.decisions.of(&Subject::Operation(operation.number))?;
    let is_decided = match &operation.state {
        OperationState::Done(_) => matches!(holds.asked, Asked::Done { .. }),
        OperationState::Refused { code } => holds.asked == Asked::NoEffect && code == DECIDED,
        OperationState::InFlight(_) => false,
    };
    is_decided.then_some(Undecided::Decided)
}

/// From when on a person may decide about an operation whose copy may still be on its way, if it is in doubt then.
#[must_use]
pub fn decidable_from(operation: &Operation) -> Option<Timestamp> {
    let left_at = match operation.state.in_flight()? {
        InFlight::Recorded { .. } => return None,
        InFlight::Sent { sent_at, .. } => *sent_at,
        InFlight::InDoubt(doubt) => operation.last_sent_at.unwrap_or(doubt.since).max(doubt.since),
    };
    Some(left_at.plus(COPY_LIFETIME))
}

/// Whether these ids, as far as they are given, name an operation's effect. Any call but the one that makes an object
/// may repeat the charge that it concerns.
pub(super) fn is_named(
    effect: &OperationEffect,
    operation: &Operation,
    charge_id: Option<&ChargeId>,
    refund_id: Option<&RefundId>,
) -> bool {
    let (charge, refund) = match effect {
        OperationEffect::Charge(id) => (Some(id), None),
        OperationEffect::Refund(id) => (operation.request.charge_id(), Some(id)),
        OperationEffect::Closed => (None, None),
    };
    charge_id.is_none_or(|it| Some(it) == charge) && refund_id.is_none_or(|it| Some(it) == refund)
}

/// Whether others have made a charge that is not known yet, under the permission of the payment: Amazon shows that it
/// is not the effect of this operation. It is known from then on, and what is left of the permission can be counted.
#[must_use]
pub fn is_charge_of_others(checkout: &Checkout, operation: OperationNumber, shown: &ChargeView) -> bool {
    let Some(payment) = &checkout.payment else { return false };
    let is_under = shown.charge_permission_id.as_ref() == Some(&payment.charge_permission_id);
    let view = ObjectView::Charge(shown.clone());
    is_under
        && payment.charge(&shown.id).is_none()
        && payment
            .operation(operation)
            .is_some_and(|it| is_not_its_effect(payment, it, &view, shown.created_at))
}

/// As [`is_charge_of_others`], for a refund of a known charge.
#[must_use]
pub fn is_refund_of_others(checkout: &Checkout, operation: OperationNumber, shown: &RefundFacts) -> bool {
    let Some(payment) = &checkout.payment else { return false };
    let RefundFacts { view, created_at } = shown;
    let is_known = payment.charge(&view.charge_id).is_none() || payment.refund(&view.id).is_some();
    let view = ObjectView::Refund(view.clone());
    !is_known
        && payment.operation(operation).is_some_and(|it| is_not_its_effect(payment, it, &view, *created_at))
}

fn is_not_its_effect(
    payment: &Payment,
    operation: &Operation,
    view: &ObjectView,
    created_at: Option<Timestamp>,
) -> bool {
    match answer_proof(payment, operation, view) {
        Proof::Contradicts(_) => true,
        Proof::Fits(_) => created_at.is_some() && was_made_before(operation, created_at),
        Proof::Nothing(_) => false,
    }
}

/// Whether an object was made before an operation was requested, or may have been.
fn was_made_before(operation: &Operation, created_at: Option<Timestamp>) -> bool {
    created_at.is_none_or(|at| at < operation.requested_at.minus(CLOCKS_DIFFER_BY))
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
    let why = undecided(checkout, operation, now).ok_or_else(|| not_undecided(operation, now))?;
    let payment = checkout.payment.as_ref().ok_or(DecisionRefused::NotUndecided)?;
    let case = Case { payment, operation, shows, now };
    let by_one = |outcome| Allowed { persons: Persons::One, outcome };
    match asked {
        Asked::Remind { .. } if why == Undecided::Decided => Err(DecisionRefused::NotUndecided),
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
                Undecided::InDoubt => case.done(charge_id.is_some(), refund_id.is_some()),
                Undecided::Stuck(what) => {
                    case.undone(&what)?;
                    Ok(by_one(OperationOutcome::TryAgain(what)))
                }
                Undecided::Decided => match &operation.state {
                    OperationState::Done(effect)
                        if is_named(effect, operation, charge_id.as_ref(), refund_id.as_ref()) =>
                    {
                        case.affirmed(checkout)
                    }
                    OperationState::Done(_) => Err(DecisionRefused::NotUndecided),
                    OperationState::Refused { .. } | OperationState::InFlight(_) => {
                        let allowed = case.done(charge_id.is_some(), refund_id.is_some())?;
                        Ok(Allowed { persons: Persons::Two, ..allowed })
                    }
                },
            }
        }
        Asked::NoEffect => match why {
            Undecided::InDoubt => case.no_effect(),
            Undecided::Stuck(what) => Ok(by_one(OperationOutcome::TryAgain(what))),
            Undecided::Decided => match &operation.state {
                OperationState::Done(effect) => case.not_its_effect(effect),
                OperationState::Refused { .. } | OperationState::InFlight(_) => case.affirmed(checkout),
            },
        },
        Asked::Paid { .. }
        | Asked::NotPaid
        | Asked::Refund { .. }
        | Asked::Ours
        | Asked::NotOurs
        | Asked::RefundUnexplained { .. }
        | Asked::Won
        | Asked::Lost { .. } => Err(DecisionRefused::NotOfVerdict("verdict")),
    }
}

/// Why there is nothing to decide about an operation.
pub(super) fn not_undecided(operation: &Operation, now: Timestamp) -> DecisionRefused {
    let from = decidable_from(operation).filter(|from| now < *from);
    from.map_or(DecisionRefused::NotUndecided, |from| DecisionRefused::TooEarly(Some(from)))
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

    fn permission_facts(&self) -> Result<&PermissionFacts, DecisionRefused> {
        self.shown(&self.shows.permission, "chargePermissionId")
    }

    fn permission(&self) -> Result<PermissionView, DecisionRefused> {
        Ok(PermissionView { state: self.permission_facts()?.state.clone() })
    }

    fn done(&self, has_charge: bool, has_refund: bool) -> Result<Allowed<OperationOutcome>, DecisionRefused> {
        use DecisionRefused::{AmazonSaysOtherwise as Otherwise, Missing};
        let mut made = None;
        let (effect, view) = match &self.operation.request {
            PaymentCall::CreateCharge { .. } if !has_charge => return Err(Missing("chargeId")),
            PaymentCall::Refund { .. } if !has_refund => return Err(Missing("refundId")),
            PaymentCall::CreateCharge { .. } => {
                let charge = self.charge()?;
                made = Some((charge.created_at, self.payment.charge(&charge.id).is_some()));
                (Effect::Charge(charge.clone()), ObjectView::Charge(charge.clone()))
            }
            PaymentCall::Capture { .. } | PaymentCall::CancelCharge { .. } => {
                let charge = self.charge()?;
                (Effect::Charge(charge.clone()), ObjectView::Charge(charge.clone()))
            }
            PaymentCall::Refund { .. } => {
                let RefundFacts { view, created_at } = self.shown(&self.shows.refund, "refundId")?;
                made = Some((*created_at, self.payment.refund(&view.id).is_some()));
                (Effect::Refund(view.clone()), ObjectView::Refund(view.clone()))
            }
            PaymentCall::Close { .. } => {
                let permission = self.permission()?;
                (Effect::Permission(permission.clone()), ObjectView::Permission(permission))
            }
        };
        let proved = match answer_proof(self.payment, self.operation, &view) {
            Proof::Fits(proved) => proved,
            Proof::Contradicts(misfit) => return Err(Otherwise(member_of(misfit))),
            Proof::Nothing(_) => return Err(Otherwise(STATE)),
        };
        let persons = match made {
            Some((created_at, _)) if was_made_before(self.operation, created_at) => {
                return Err(Otherwise("creationTimestamp"));
            }
            // It counts as made by others so far: a notification of it came, and no answer.
            Some((_, true)) => Persons::Two,
            Some((_, false)) | None => Persons::One,
        };
        Ok(Allowed { persons, outcome: OperationOutcome::Done(proved, effect) })
    }

    /// Persons repeat what they had decided, because somebody disputes it.
    fn affirmed(&self, checkout: &Checkout) -> Result<Allowed<OperationOutcome>, DecisionRefused> {
        if !checkout.decisions.is_disputed_about(&Subject::Operation(self.operation.number)) {
            return Err(DecisionRefused::NotUndecided);
        }
        self.permission_facts()?;
        Ok(Allowed { persons: Persons::Two, outcome: OperationOutcome::Affirmed })
    }

    /// Persons had decided that an object was the effect, and others have made it.
    fn not_its_effect(&self, effect: &OperationEffect) -> Result<Allowed<OperationOutcome>, DecisionRefused> {
        let outcome = match &self.operation.request {
            PaymentCall::CreateCharge { .. } | PaymentCall::Refund { .. } => {
                self.permission_facts()?;
                OperationOutcome::NotItsEffect(effect.clone())
            }
            // What it changed, Amazon shows.
            PaymentCall::Capture { .. } | PaymentCall::CancelCharge { .. } | PaymentCall::Close { .. } => {
                self.no_effect()?.outcome
            }
        };
        Ok(Allowed { persons: Persons::Two, outcome })
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
            PaymentCall::CreateCharge { amount, .. } => {
                let facts = self.permission_facts()?;
                let (Some(limit), Some(balance)) = (facts.limit.shown(), facts.balance.shown()) else {
                    return self.by_age();
                };
                // The limit may be higher than what the order was asked for.
                let used = limit.checked_sub(balance).ok_or(Otherwise("limits.amountBalance"))?;
                let known =
                    Money::sum(self.payment.limit.currency(), self.payment.charges.iter().map(Charge::taken));
                match used.checked_sub(known) {
                    Some(rest) if rest.is_zero() => allowed(Persons::One),
                    // Others have used the rest, and it is too little to be this charge.
                    Some(rest) if rest.minor() < amount.minor() => allowed(Persons::Two),
                    Some(_) => Err(Otherwise("limits.amountBalance")),
                    // Less is used than is known here: that says nothing.
                    None => self.by_age(),
                }
            }
            PaymentCall::Refund { charge_id, amount } => {
                let shown = self.charge()?;
                let (Some(back), Some(known)) = (shown.refunded.shown(), self.payment.charge(charge_id))
                else {
                    return self.by_age();
                };
                let charge = Charge { refunded_shown: Some(back), ..known.clone() };
                let sent_at = self.operation.last_sent_at.unwrap_or(self.operation.requested_at);
                let is_decided = self.now.since(sent_at) >= REFUND_DECIDED_AFTER;
                // What Amazon shows may be without a refund on which it still decides.
                let persons = if is_decided { Persons::One } else { Persons::Two };
                if charge.shows_less_than(*amount, shown.asked_at.min(self.now)) {
                    return allowed(persons);
                }
                let elsewhere = charge.refunded_elsewhere.unwrap_or(Money::zero(back.currency()));
                // What others have refunded can be that, as far as it is known, or this refund.
                if back.less(elsewhere).minor() < amount.minor() {
                    return self.by_age();
                }
                Err(Otherwise("refundedAmount"))
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
