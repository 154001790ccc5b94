//! Takes up what is due in a checkout, one item at a time, and finishes every decision.

use crate::merchant::number::AttemptNumber;
use alloc::vec::Vec;

use super::cancel::{go_on, remind};
use super::contest;
use super::unexplained;
use crate::merchant::attempt::finalize;
use crate::merchant::checkout::draft::{CheckoutDecision, Draft};
use crate::merchant::decision;
use crate::merchant::next::NextStep;
use crate::merchant::payment::send;
use crate::time::Timestamp;

impl Draft {
    /// The complete decision. Whatever was decided, the same steps follow in the same change set: a Close
    /// that has waited is sent, a capture that was left to another operation is requested if that operation
    /// has failed, a permission that is explained by now is forgotten, and a cancellation continues. So a crash at any point leaves either operations with their
    /// timers or nothing to do.
    #[must_use]
    pub fn finish(mut self) -> CheckoutDecision {
        if let Some(mut payment) = self.payment() {
            payment.wake_closes();
            payment.take_back_captures();
        }
        unexplained::settle(&mut self);
        go_on(&mut self);
        self.decided()
    }
}

/// Handles every send whose process has ended. Returns how many there were.
pub fn orphaned(draft: &mut Draft) -> usize {
    let attempts: Vec<AttemptNumber> =
        draft.checkout().attempts.iter().map(|attempt| attempt.number).collect();
    let finalizes = attempts.into_iter().filter(|attempt| finalize::orphaned(draft, *attempt)).count();
    finalizes.saturating_add(send::orphaned(draft))
}

/// Takes up one item that is due, of a payment or of a permission that names the order: reschedules its timer,
/// so that nobody else takes up the same item, and returns the next step. `None` when nothing is due. Once that step is done, the next item may be
/// taken up.
#[must_use]
pub fn take_up_payment(draft: &mut Draft) -> Option<NextStep> {
    let by_timer = |draft: &mut Draft| remind(draft) || decision::due::take_up(draft);
    let next = take_up(draft).or_else(|| contest::take_up(draft));
    let next = next.or_else(|| unexplained::take_up(draft));
    next.or_else(|| by_timer(draft).then_some(NextStep::Rest))
}

fn take_up(draft: &mut Draft) -> Option<NextStep> {
    let (now, rules) = (draft.now, draft.rules);
    let draft = &mut draft.payment()?;
    let is_due = |at: Timestamp| at <= now;
    let due = draft.payment.operations.iter().find(|it| it.state.due_at().is_some_and(is_due));
    if let Some(number) = due.map(|operation| operation.number) {
        return Some(draft.take_up(number));
    }
    for charge in &mut draft.payment.charges {
        for refund in &mut charge.refunds {
            if let Some(look) = refund.look.filter(|look| is_due(look.at)) {
                refund.look = Some(look.next(now));
                return Some(NextStep::LookAtRefund(refund.id.clone()));
            }
        }
        if let Some(look) = charge.look.filter(|look| is_due(look.at)) {
            charge.look = Some(look.next(now));
            return Some(NextStep::LookAtCharge(charge.id.clone()));
        }
    }
    let planned = draft.payment.charges.iter().find_map(|charge| {
        let (at, planned) = charge.next_planned(&rules)?;
        is_due(at).then(|| (charge.id.clone(), at, planned))
    });
    if let Some((id, at, planned)) = planned {
        return Some(draft.run_planned(&id, at, planned));
    }
    if draft.remind_of_dispute() {
        return Some(NextStep::Rest);
    }
    if let Some(look) = draft.payment.permission.look.filter(|look| is_due(look.at)) {
        draft.payment.permission.look = Some(look.next(now));
        return Some(NextStep::LookAtPermission(draft.payment.charge_permission_id.clone()));
    }
    None
}
