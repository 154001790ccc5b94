//! The parcels of all integrations on the account: for one payment at Amazon at most one of them ships.

use super::{Facts, Witness};
use crate::invariants::{CheckResult, Invariant, never};

impl Facts {
    /// Notes that a parcel of an order may leave for the payment under this permission.
    pub(super) fn ships_here(&mut self, order: usize, permission: &str) -> CheckResult {
        let Some(session) = self.ledger.session_of(permission).map(str::to_owned) else { return Ok(()) };
        let is_elsewhere = self.shipped_elsewhere.contains(&session);
        self.shipped_here.insert(session, order);
        never(is_elsewhere, Invariant::PaidElsewhere, || {
            format!("a parcel may leave for {permission}, for which another integration has shipped")
        })
    }
}

impl Witness {
    /// Notes that another integration ships for what it has sold with a session.
    pub(crate) fn ships_elsewhere(&self, session: &str) {
        let mut facts = self.facts();
        facts.count("shipped elsewhere");
        facts.shipped_elsewhere.insert(session.to_owned());
        let order = facts.shipped_here.get(session).copied();
        let held = never(order.is_some(), Invariant::PaidElsewhere, || {
            format!("another integration ships for the session {session}, and so may an order of the shop")
        });
        facts.judge(order, held);
    }
}
