//! When an Authorized charge must be captured. For seven days Amazon captures immediately; an authorization
//! lapses after two days in its sandbox and after thirty with real money. If nobody captures in time, the
//! money is lost to the shop. So the shop is warned 72 and 24 hours before each deadline, and a policy can
//! capture at the last safe moment.
//!
//! ```text
//! authorized ──72 h──24 h──[margin]──▶ 7 days ──72 h──24 h──[margin]──▶ expires: Get Charge, until it is seen
//!              warned     captured by policy    warned     captured by policy
//! ```
//!
//! A timer decides nothing: at the expiry the charge is looked up, and its result is what Amazon shows.
//! `planned_until` records how much of the plan has run. Each step runs one item, so a crash between two
//! items leaves the rest due, and a clock that jumps forward skips none. The plan never waits for a clock
//! that is in question: a warning or a capture that is early costs less than one that is missed.
//!
//! The instants themselves belong to the charge ([`Charge::captured_at`], [`Charge::deadline_at`]).

use alloc::vec::Vec;

use crate::ids::ChargeId;
use crate::merchant::call::LookSchedule;
use crate::merchant::checkout::draft::PaymentDraft;
use crate::merchant::event::PaymentEvent;
use crate::merchant::next::NextStep;
use crate::merchant::payment::charge::{CapturePlanItem, Charge, ChargeState};
use crate::merchant::payment::operation::{
    Operation, OperationName, OperationRequest, OperationState, OwnName, PaymentCall,
};
use crate::money::Money;
use crate::time::Timestamp;

impl PaymentDraft<'_> {
    /// Captures each charge that the policy left to another operation, which was on its way at the last safe
    /// moment and has failed since. This happens once: if Amazon refuses the capture, the operator has to
    /// decide.
    pub(super) fn take_back_captures(&mut self) {
        let (payment, now) = (&*self.payment, self.now);
        let was_left_to = |operation: &Operation, charge: &Charge, moment: Timestamp| {
            let is_refused = matches!(operation.state, OperationState::Refused { .. });
            let is_about = operation.request.changes_charge() == Some(&charge.id);
            is_refused && is_about && operation.requested_at <= moment
        };
        let lost = payment.charges.iter().filter(|charge| {
            let Some(moment) = charge.captured_at(self.rules) else { return false };
            let own = OperationName::Own(OwnName::PolicyCapture(charge.id.clone()));
            charge.state == ChargeState::Authorized
                && !payment.is_stopped_for(Some(&charge.id))
                && !self.undoes(&charge.id)
                && (moment..charge.expires_at).contains(&now)
                && moment <= charge.planned_until
                && payment.changing(&charge.id).is_none()
                && payment.operations.iter().all(|operation| operation.name != own)
                && payment.operations.iter().any(|operation| was_left_to(operation, charge, moment))
        });
        let lost: Vec<(ChargeId, Money)> =
            lost.map(|charge| (charge.id.clone(), self.capturable(charge))).collect();
        for (charge_id, amount) in lost {
            self.capture_by_policy(charge_id, amount);
        }
    }

    /// What the policy captures of a charge: all of it or, of a canceled order, what has left.
    fn capturable(&self, charge: &Charge) -> Money {
        if self.is_canceled { self.leaves(charge) } else { charge.amount }
    }

    fn capture_by_policy(&mut self, charge_id: ChargeId, amount: Money) {
        let name = OperationName::Own(OwnName::PolicyCapture(charge_id.clone()));
        let asked = OperationRequest::Capture { charge_id: Some(charge_id.clone()), amount: Some(amount) };
        let number = self.payment.record(name, asked, PaymentCall::Capture { charge_id, amount }, self.now);
        self.emit(PaymentEvent::OperationRecorded(number));
    }

    /// Runs one item of the plan, and records that the plan has run up to its instant, so that each item
    /// happens once.
    pub(super) fn run_planned(&mut self, id: &ChargeId, at: Timestamp, planned: CapturePlanItem) -> NextStep {
        let is_left_alone = self.undoes(id) || self.payment.changing(id).is_some();
        let Some(amount) = self.payment.charge(id).map(|charge| self.capturable(charge)) else {
            return NextStep::Rest;
        };
        let Some(charge) = self.payment.charge_mut(id) else { return NextStep::Rest };
        charge.planned_until = at;
        let charge_id = charge.id.clone();
        match planned {
            CapturePlanItem::Warn(deadline) => {
                let at = charge.deadline_at(deadline);
                self.emit(PaymentEvent::CaptureDue { charge_id, deadline, at });
                NextStep::Rest
            }
            CapturePlanItem::Capture if is_left_alone => NextStep::Rest,
            CapturePlanItem::Capture => {
                self.capture_by_policy(charge_id, amount);
                NextStep::Rest
            }
            CapturePlanItem::Ask => {
                charge.look = Some(LookSchedule::now(self.now).next(self.now));
                NextStep::LookAtCharge(charge_id)
            }
        }
    }
}
