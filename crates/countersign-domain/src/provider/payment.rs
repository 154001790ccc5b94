//! A permission together with its open charges: what moves as one. A charge that is decided or
//! expires changes what its permission may still charge, so both are carried to an instant together.

use alloc::vec::Vec;

use super::charge::{Charge, ChargeDeclineReason, ChargeState};
use super::charge_permission::{ChargePermission, ChargePermissionState, ClosureReason, NonChargeableReason};
use super::event::Event;
use super::profile::Profile;
use crate::money::Money;
use crate::time::Timestamp;

/// A permission with charges of its: at least all open ones, and whichever the reader asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The permission.
    pub permission: ChargePermission,
    /// The charges.
    pub charges: Vec<Charge>,
}

impl Payment {
    /// The earliest deadline of all.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        self.charges.iter().map(Charge::due_at).chain([self.permission.due_at()]).flatten().min()
    }

    /// Carries everything to an instant: what is due is applied in the order of the deadlines, each
    /// as of its own instant, those included that another brought about.
    pub fn carry_to(&mut self, now: Timestamp, profile: Profile) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(due_at) = self.due_at().filter(|due_at| *due_at <= now) {
            let due = self.charges.iter().position(|charge| charge.due_at() == Some(due_at));
            let charge = due.and_then(|position| self.charges.get_mut(position));
            match charge {
                Some(charge) => {
                    let Some(step) = charge.expire(profile) else { break };
                    let before = core::mem::replace(charge, step.next);
                    events.extend(step.events);
                    let after = charge.clone();
                    events.extend(self.follow(&before, &after, due_at));
                }
                None => {
                    let Some(step) = self.permission.expire() else { break };
                    self.permission = step.next;
                    events.extend(step.events);
                }
            }
        }
        events
    }

    /// Lets the permission follow a change of one of its charges.
    fn follow(&mut self, before: &Charge, after: &Charge, at: Timestamp) -> Vec<Event> {
        let permission = &mut self.permission;
        permission.held = moved(permission.held, before.held(), after.held());
        permission.captured = moved(permission.captured, before.captured(), after.captured());
        if after.due_at().is_none() {
            permission.open_charges.retain(|id| *id != after.id);
        }
        let declined = match after.state {
            ChargeState::Declined { reason } => Some(reason),
            ChargeState::AuthorizationInitiated { .. }
            | ChargeState::Authorized
            | ChargeState::Captured { .. }
            | ChargeState::Canceled { .. } => None,
        };
        let Some(standing) = standing(permission, declined) else { return Vec::new() };
        if let ChargePermissionState::Closed { reason } = standing {
            let step = permission.clone().closed(reason, at);
            *permission = step.next;
            return step.events;
        }
        if permission.state != standing {
            permission.state = standing;
            permission.updated_at = at;
        }
        Vec::new()
    }
}

/// A sum in which one part has changed.
fn moved(sum: Money, before: Money, after: Money) -> Money {
    sum.checked_sub(before).and_then(|rest| rest.checked_add(after)).unwrap_or(sum)
}

/// Whether a permission can be charged, by what is left and how its last charge ended; `None` for a
/// closed one, which stays as it is.
pub(super) fn standing(
    permission: &ChargePermission,
    declined: Option<ChargeDeclineReason>,
) -> Option<ChargePermissionState> {
    if let ChargePermissionState::Closed { .. } = permission.state {
        return None;
    }
    if permission.captured == permission.limit {
        return Some(ChargePermissionState::Closed { reason: ClosureReason::AmazonClosed });
    }
    match declined {
        Some(ChargeDeclineReason::AmazonRejected) => {
            return Some(ChargePermissionState::Closed { reason: ClosureReason::AmazonCanceled });
        }
        Some(ChargeDeclineReason::HardDeclined) => {
            let reason = NonChargeableReason::PaymentMethodInvalid;
            return Some(ChargePermissionState::NonChargeable { reason });
        }
        Some(
            ChargeDeclineReason::SoftDeclined
            | ChargeDeclineReason::ProcessingFailure
            | ChargeDeclineReason::TransactionTimedOut,
        )
        | None => {}
    }
    Some(if permission.balance().is_zero() {
        ChargePermissionState::NonChargeable { reason: NonChargeableReason::ChargeInProgress }
    } else {
        ChargePermissionState::Chargeable
    })
}
