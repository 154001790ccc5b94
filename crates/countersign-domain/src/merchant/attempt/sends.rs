//! Whether the Finalizes that were sent for a session can have completed it. That Amazon shows a session
//! Completed does not say who completed it: another client of the account may have.
//!
//! A send is *unanswered* from when it leaves until Amazon answers it with a refusal, or without evaluating
//! it. Only an unanswered send can have completed a session that is Completed. One that left after another
//! was refused is weaker: the session may have been refused because somebody else was completing it.

use alloc::boxed::Box;

use crate::ids::{ChargeId, ChargePermissionId};

/// What is known of the Finalizes that were sent for an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sends {
    /// How many unanswered sends left before any was refused.
    pub unanswered_count: u32,
    /// How many unanswered sends left after one was refused.
    pub unanswered_later_count: u32,
    /// Whether Amazon has refused one.
    pub was_refused: bool,
    /// What Amazon shows of the session, once it shows it Completed with its ids.
    pub completed: Option<Box<CompletedSession>>,
}

/// A session that Amazon shows Completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedSession {
    /// The permission that Amazon names.
    pub charge_permission_id: ChargePermissionId,
    /// The charge that Amazon names, unless the intent is Confirm.
    pub charge_id: Option<ChargeId>,
    /// How many times the same bytes were sent once more without an answer that says anything.
    pub silence_count: u32,
    /// Whether the same bytes were sent once more while Amazon was known to honour keys, and that has not proved
    /// that a Finalize of this store completed it: they are not sent once more for that.
    pub was_asked: bool,
    /// Who completed it, as far as is known.
    pub completed_by: CompletedBy,
}

/// Who completed a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CompletedBy {
    /// It is not known yet: the same bytes are sent once more, and the answer decides.
    #[default]
    Unknown,
    /// A Finalize of this store.
    Us,
    /// The only integration of this account and environment: this store, even if it does not know of the send.
    SoleIntegration,
}

/// Which of an attempt's sends are unanswered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// None.
    None,
    /// One that left before any was refused.
    BeforeRefusal,
    /// Only some that left after one was refused.
    AfterRefusal,
}

impl Sends {
    /// The sends of an attempt of which nothing is known but that it was sent.
    #[must_use]
    pub fn one_unanswered() -> Self {
        Self { unanswered_count: 1, ..Self::default() }
    }

    /// Which sends are unanswered.
    #[must_use]
    pub const fn unanswered(&self) -> Unanswered {
        match (self.unanswered_count, self.unanswered_later_count) {
            (0, 0) => Unanswered::None,
            (0, _) => Unanswered::AfterRefusal,
            _ => Unanswered::BeforeRefusal,
        }
    }

    /// Whether Amazon has refused a send, or one is unanswered.
    #[must_use]
    pub const fn may_have_arrived(&self) -> bool {
        self.was_refused || !matches!(self.unanswered(), Unanswered::None)
    }

    /// Whether these ids are the session's, and the payment is proved to be ours.
    #[must_use]
    pub fn prove(&self, permission: &ChargePermissionId, charge: Option<&ChargeId>) -> bool {
        self.completed.as_ref().is_some_and(|completed| {
            completed.completed_by != CompletedBy::Unknown && completed.names(permission, charge)
        })
    }

    pub(in crate::merchant) const fn left(&mut self) {
        let count =
            if self.was_refused { &mut self.unanswered_later_count } else { &mut self.unanswered_count };
        *count = count.saturating_add(1);
    }

    /// The latest send was answered without being evaluated, or did not leave.
    pub(in crate::merchant) const fn had_no_effect(&mut self) {
        // A send that left after a refusal is later than all that left before it.
        let count = if self.unanswered_later_count > 0 {
            &mut self.unanswered_later_count
        } else {
            &mut self.unanswered_count
        };
        *count = count.saturating_sub(1);
    }

    /// The latest send was refused.
    pub(in crate::merchant) const fn refused(&mut self) {
        self.had_no_effect();
        self.was_refused = true;
    }
}

impl CompletedSession {
    /// A session that names these ids, before the same bytes were sent once more.
    #[must_use]
    pub fn new(
        permission: &ChargePermissionId,
        charge: Option<&ChargeId>,
        completed_by: CompletedBy,
    ) -> Box<Self> {
        Box::new(Self {
            charge_permission_id: permission.clone(),
            charge_id: charge.cloned(),
            silence_count: 0,
            was_asked: false,
            completed_by,
        })
    }

    /// Whether these are the ids that Amazon names.
    #[must_use]
    pub fn names(&self, permission: &ChargePermissionId, charge: Option<&ChargeId>) -> bool {
        self.charge_permission_id == *permission && self.charge_id.as_ref() == charge
    }
}
