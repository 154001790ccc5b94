//! A notification causes a look, and nothing else. Its content is never taken as a state, so a notification
//! that is forged, stale, duplicated or out of order costs Amazon a request and changes nothing here. Only a
//! dispute is recorded as it was notified, since there is nothing yet to ask Amazon for it: it takes no money
//! and ends no state, but nothing ships and nothing is returned until a person has settled it.
//!
//! The inbox keeps a notification until its hint is handled. If the object is known here, its timer is set to
//! now in the same change set, so a crash afterwards loses nothing; an object that is not known here has no
//! timer, so the caller who read the notification looks at the object first, and only then removes the
//! notification.

use crate::merchant::number::AttemptNumber;
use alloc::vec::Vec;

use crate::ids::{ChargeId, ChargePermissionId, DisputeId, RefundId};
use crate::merchant::attempt::look::charge_seen;
use crate::merchant::attempt::{AttemptState, FailedCharge};
use crate::merchant::call::{InFlight, LookSchedule};
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::draft::{Draft, PaymentDraft};
use crate::merchant::event::AttemptEvent;
use crate::merchant::next::NextStep;
use crate::merchant::payment::charge::{AmazonChargeState, ChargeView};
use crate::merchant::payment::misfit::Misfit;
use crate::merchant::payment::operation::{Operation, PaymentCall};
use crate::time::DAY;

/// The object that a notification is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A charge.
    Charge(ChargeId),
    /// A refund.
    Refund(RefundId),
    /// The permission.
    ChargePermission,
    /// A dispute, and its charge if that is known.
    Dispute(DisputeId, Option<ChargeId>),
}

/// Handles a notification about an object: everything that waits for the object is looked at now. There is
/// nothing further to do, unless the object is not known here: then the caller has to ask Amazon for it.
pub fn hinted(draft: &mut Draft, hint: &Hint) -> NextStep {
    match draft.payment() {
        Some(mut payment) => payment.hinted(hint),
        None => {
            hint_attempts(draft);
            NextStep::Rest
        }
    }
}

impl PaymentDraft<'_> {
    fn hinted(&mut self, hint: &Hint) -> NextStep {
        let now = self.now;
        let (look, unknown) = match hint {
            Hint::Charge(id) => {
                let charge = self.payment.charge_mut(id);
                (charge.map(|charge| &mut charge.look), NextStep::LookAtCharge(id.clone()))
            }
            Hint::Refund(id) => {
                let refund = self.payment.refund_mut(id);
                (refund.map(|refund| &mut refund.look), NextStep::LookAtRefund(id.clone()))
            }
            Hint::ChargePermission => (Some(&mut self.payment.permission.look), NextStep::Rest),
            Hint::Dispute(id, charge_id) => {
                self.open_dispute(id, charge_id.as_ref());
                (Some(&mut self.payment.permission.look), NextStep::Rest)
            }
        };
        let is_known = look.is_some();
        if let Some(look) = look {
            *look = Some(LookSchedule::sooner(*look, now));
        }
        // The operations in doubt that the object can settle. An object that a call may have made settles the
        // calls of that kind.
        for operation in &mut self.payment.operations {
            if (settles(hint, operation) || (!is_known && may_come_from(hint, operation)))
                && let Some(doubt) = operation.state.in_flight_mut().and_then(InFlight::doubt_mut)
            {
                doubt.look = LookSchedule::sooner(Some(doubt.look), now);
            }
        }
        if is_known { NextStep::Rest } else { unknown }
    }
}

/// Whether the operation acts on the object itself.
fn settles(hint: &Hint, operation: &Operation) -> bool {
    match (&operation.request, hint) {
        (
            PaymentCall::Capture { charge_id, .. } | PaymentCall::CancelCharge { charge_id },
            Hint::Charge(id),
        ) => charge_id == id,
        (PaymentCall::Close { .. }, Hint::ChargePermission) => true,
        _ => false,
    }
}

/// Whether the operation may have made the object, if that is not known yet.
fn may_come_from(hint: &Hint, operation: &Operation) -> bool {
    matches!(
        (&operation.request, hint),
        (PaymentCall::CreateCharge { .. }, Hint::Charge(_)) | (PaymentCall::Refund { .. }, Hint::Refund(_))
    )
}

/// Before a success is proved there is no payment: attempts in doubt or pending are looked at.
fn hint_attempts(draft: &mut Draft) {
    let now = draft.now;
    let attempts = draft.checkout().attempts.iter();
    let later = attempts.filter(|attempt| attempt.state.due_at().is_some_and(|at| at > now));
    for number in later.map(|attempt| attempt.number).collect::<Vec<_>>() {
        draft.look_now(number);
    }
}

/// The attempt that is proved unpaid although Amazon had made a charge under this permission, and that
/// charge. Unless Amazon contradicts the proof, no timer looks at that charge any more, so the caller who
/// reads a notification about the charge must look.
#[must_use]
pub fn unpaid_under<'a>(
    checkout: &'a Checkout,
    permission: &ChargePermissionId,
) -> Option<(AttemptNumber, &'a FailedCharge)> {
    checkout.attempts.iter().find_map(|attempt| {
        let AttemptState::NotPaid { charge: Some(charge), .. } = &attempt.state else { return None };
        (charge.charge_permission_id == *permission).then_some((attempt.number, charge))
    })
}

/// Handles the state in which a charge was seen under the permission of an attempt that is proved unpaid
/// ([`unpaid_under`]). Money that is held or taken contradicts the proof that nothing was paid: the shop and
/// the operator are notified once, the attempt is no longer called unpaid, and no other attempt is sent,
/// until Amazon shows again that the charge failed.
pub fn unpaid_charge_seen(draft: &mut Draft, permission: &ChargePermissionId, shown: &ChargeView) {
    let now = draft.now;
    let Some((number, charge)) = unpaid_under(draft.checkout(), permission) else { return };
    use AmazonChargeState::{Authorized, CaptureInitiated, Captured};
    // Any other state may also come from a replica that does not have the decline yet.
    let is_money = matches!(shown.seen.state, Authorized | CaptureInitiated | Captured);
    if charge.contradicted.is_some() {
        return charge_seen(draft, number, permission, &shown.id, shown);
    }
    if !is_money {
        return;
    }
    if draft.checkout().is_paid_beside(permission)
        && draft.paid_twice(number, permission, Some(&shown.id), None)
    {
        return;
    }
    if let Some(AttemptState::NotPaid { charge: Some(charge), .. }) =
        draft.change_attempt(number).map(|attempt| &mut attempt.state)
    {
        charge.charge_id = shown.id.clone();
        charge.contradicted = Some(LookSchedule { at: now.plus(DAY), count: 0 });
    }
    let contradicted = AttemptEvent::Contradicted {
        misfit: Misfit::StateDiffers,
        charge_permission_id: permission.clone(),
        charge_id: Some(shown.id.clone()),
    };
    draft.emit(number, contradicted);
}
