//! A permission together with its charges, which change as a unit. A change of a charge moves money of its
//! permission and may change what can still be charged, so both are decided and moved forward in time
//! together. This is the only place that lets money move, by the rules of `settlement.rs`.

use alloc::vec::Vec;

use super::charge::{Charge, ChargeState};
use super::charge_permission::ChargePermission;
use super::event::{Event, EventKind};
use super::ledger::LedgerImbalance;
use super::profile::Profile;
use super::reason::ChargeDeclineReason;
use super::settlement;
use crate::ids::ChargeId;
use crate::step::Step;
use crate::time::Timestamp;

/// A permission with some of its charges: at least all open ones, and those that the reader asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The permission.
    pub permission: ChargePermission,
    /// The charges.
    pub charges: Vec<Charge>,
}

impl Payment {
    /// The charge with this id.
    #[must_use]
    pub fn charge(&self, id: &ChargeId) -> Option<&Charge> {
        self.charges.iter().find(|charge| charge.id == *id)
    }

    /// The earliest deadline of all.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        self.charges.iter().map(Charge::due_at).chain([self.permission.due_at()]).flatten().min()
    }

    /// Moves everything forward to an instant: the deadlines are applied in order, each as of its own
    /// instant, including those that an earlier one created.
    ///
    /// # Errors
    /// [`LedgerImbalance`]: the stored payment is broken; `self` must not be used any more.
    pub fn carry_to(&mut self, now: Timestamp, profile: Profile) -> Result<Vec<Event>, LedgerImbalance> {
        let mut events = Vec::new();
        while let Some(due_at) = self.due_at().filter(|due_at| *due_at <= now) {
            let due = self.charges.iter().find(|charge| charge.due_at() == Some(due_at));
            match due {
                Some(charge) => {
                    let Some(Step { next, events: happened }) = charge.expire(profile) else { break };
                    for event in happened {
                        events.extend(self.replace(next.clone(), event)?);
                    }
                }
                None => {
                    let Some(step) = self.permission.expire() else { break };
                    self.permission = step.next;
                    events.extend(step.events);
                }
            }
        }
        Ok(events)
    }

    /// Adds a new charge: its money moves and its permission follows.
    pub(super) fn begin(&mut self, charge: Charge, at: Timestamp) -> Result<Vec<Event>, LedgerImbalance> {
        let (id, amount) = (charge.id.clone(), charge.amount);
        let authorized = EventKind::ChargeAuthorized(id.clone(), amount);
        let (first, second) = match &charge.state {
            ChargeState::AuthorizationInitiated { .. } => {
                (EventKind::ChargeAuthorizationInitiated(id, amount), None)
            }
            ChargeState::CaptureInitiated { capturing, .. } => {
                (authorized, Some(EventKind::ChargeCaptureInitiated(id, *capturing)))
            }
            ChargeState::Captured { captured } => {
                (authorized, Some(EventKind::ChargeCaptured(id, *captured)))
            }
            ChargeState::Authorized | ChargeState::Canceled { .. } | ChargeState::Declined { .. } => {
                (authorized, None)
            }
        };
        self.permission.charge_count = self.permission.charge_count.saturating_add(1);
        self.charges.push(charge.clone());
        let mut events = self.follow(None, &charge, Event::new(at, first))?;
        if let Some(second) = second {
            // All money has moved with the first event.
            events.insert(1, Event::new(at, second));
        }
        Ok(events)
    }

    /// Replaces a charge by its next state, given the event.
    pub(super) fn replace(&mut self, after: Charge, event: Event) -> Result<Vec<Event>, LedgerImbalance> {
        let Some(place) = self.charges.iter_mut().find(|charge| charge.id == after.id) else {
            return Ok(Vec::new());
        };
        let before = core::mem::replace(place, after.clone());
        self.follow(Some(&before), &after, event)
    }

    /// Handles a charge that was declined before it existed.
    pub(super) fn declined(&mut self, reason: ChargeDeclineReason, at: Timestamp) -> Vec<Event> {
        let what = EventKind::ChargeRefused(self.permission.id.clone(), reason);
        let mut events = alloc::vec![Event::new(at, what)];
        events.extend(self.permission.update_state(Some(reason), at));
        events
    }

    /// Moves the money of a charge's change, and updates the permission.
    fn follow(
        &mut self,
        before: Option<&Charge>,
        after: &Charge,
        mut event: Event,
    ) -> Result<Vec<Event>, LedgerImbalance> {
        let at = event.at;
        let permission = &mut self.permission;
        event.postings = settlement::settle(&mut permission.balances, before, after)?;
        permission.open_charges.retain(|id| *id != after.id);
        if after.due_at().is_some() {
            permission.open_charges.push(after.id.clone());
        }
        let is_new = before.is_none_or(|before| before.state != after.state);
        let mut declined = None;
        if let ChargeState::Declined { reason } = after.state
            && is_new
        {
            declined = Some(reason);
            permission.charge_count = permission.charge_count.saturating_sub(1);
        }
        let mut events = alloc::vec![event];
        events.extend(permission.update_state(declined, at));
        Ok(events)
    }
}
