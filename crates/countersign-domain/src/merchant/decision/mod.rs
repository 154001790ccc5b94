//! What persons decide where no machine can: whether an attempt that nobody can resolve was paid, whether an
//! operation in doubt had its effect, and what is done with money that Amazon shows beside what was proved.
//!
//! ```text
//! asked ──one person is enough──────────────────────────▶ Made
//!       └─two are needed─▶ AwaitsSecond ─a second person─▶ Made ─two persons decide otherwise─▶ Superseded
//!                               └─24 hours─▶ Expired
//! ```
//!
//! Each decision is judged ([`judge`], [`operation`], [`unexplained`], [`dispute`]) by what Amazon shows in the same act: no number of persons
//! overrules an amount, a currency or a state that it shows. [`make`] records decisions and applies them,
//! [`due`] runs their timers, [`absence`] counts Amazon's answers that it has no such session.

pub mod absence;
pub mod dispute;
pub mod due;
pub mod evidence;
pub mod judge;
pub mod make;
pub mod operation;
pub mod shown;
pub mod unexplained;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use self::evidence::Evidence;
use super::absence::Absence;
use super::number::{AttemptNumber, OperationNumber};
use crate::ids::{ChargeId, ChargePermissionId, DisputeId, RefundId};
use crate::money::Money;
use crate::time::{DAY, Timestamp};

/// How long a first person's decision waits for a second.
pub const SECOND_WITHIN: Duration = DAY;
/// The latest time of a reminder, counted from the decision.
pub const REMIND_WITHIN: Duration = Duration::from_secs(31 * 86_400);
/// The time of a reminder that names none.
pub const REMIND_AFTER: Duration = DAY;
/// The largest number of decisions of one checkout.
pub const MAX_DECISIONS: usize = 100;

/// The decisions about a checkout, and what was counted for them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decisions {
    /// Oldest first.
    pub made: Vec<Decision>,
    /// Amazon's answers in a row that it has no such session, for attempts that only a person can resolve.
    pub absences: Vec<SessionAbsence>,
}

/// Amazon's answers in a row that it does not have the session of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionAbsence {
    /// Which attempt.
    pub attempt: AttemptNumber,
    /// Its answers.
    pub absence: Absence,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What it is about.
    pub subject: Subject,
    /// What was decided.
    pub asked: Asked,
    /// The person who asked for it.
    pub first: Statement,
    /// The second person, if it needs two and there is one.
    pub second: Option<Statement>,
    /// Whether what it is about had been decided before.
    pub supersedes: Precedence,
    /// The reference of the request whose place it has taken: one that waited for a second person, with another
    /// verdict or other ids.
    pub replaces: Option<String>,
    /// Its state.
    pub state: DecisionState,
}

/// What a decision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// This attempt.
    Attempt(AttemptNumber),
    /// This operation.
    Operation(OperationNumber),
    /// This permission, which names the order and which nothing of the order explains.
    Unexplained(ChargePermissionId),
    /// This dispute.
    Dispute(DisputeId),
}

impl Subject {
    /// The operation, if it is one.
    #[must_use]
    pub const fn operation(&self) -> Option<OperationNumber> {
        match self {
            Self::Operation(number) => Some(*number),
            Self::Attempt(_) | Self::Unexplained(_) | Self::Dispute(_) => None,
        }
    }
}

/// A verdict, with the members that belong to it, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The attempt was paid. What is not named is what Amazon shows for its session.
    Paid {
        /// The permission.
        charge_permission_id: Option<ChargePermissionId>,
        /// The charge.
        charge_id: Option<ChargeId>,
        /// The amount.
        amount: Option<Money>,
    },
    /// The attempt was not paid.
    NotPaid,
    /// The money that Amazon shows is refunded, and the order is canceled.
    Refund {
        /// The permission.
        charge_permission_id: Option<ChargePermissionId>,
        /// The charge.
        charge_id: ChargeId,
        /// What is refunded.
        amount: Money,
    },
    /// The operation has had its effect.
    Done {
        /// The charge that it made.
        charge_id: Option<ChargeId>,
        /// The refund that it made.
        refund_id: Option<RefundId>,
    },
    /// The operation has had no effect.
    NoEffect,
    /// The permission is this order's payment.
    Ours,
    /// The permission is not this order's payment.
    NotOurs,
    /// The money under the permission is refunded, and the order is canceled.
    RefundUnexplained {
        /// What is refunded.
        amount: Money,
    },
    /// The shop keeps the money of the dispute.
    Won,
    /// The buyer has the money of the dispute back.
    Lost {
        /// How much; by default what is disputed.
        amount: Option<Money>,
    },
    /// Nothing is decided yet.
    Remind {
        /// When to remind; by default [`REMIND_AFTER`] later.
        at: Option<Timestamp>,
    },
}

impl Asked {
    /// The verdict's word.
    #[must_use]
    pub const fn verdict(&self) -> &'static str {
        match self {
            Self::Paid { .. } => "paid",
            Self::NotPaid => "notPaid",
            Self::Refund { .. } | Self::RefundUnexplained { .. } => "refund",
            Self::Done { .. } => "done",
            Self::NoEffect => "noEffect",
            Self::Ours => "ours",
            Self::NotOurs => "notOurs",
            Self::Won => "won",
            Self::Lost { .. } => "lost",
            Self::Remind { .. } => "remind",
        }
    }
}

/// What one person has stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The person's own name for the decision, unique in the checkout.
    pub reference: String,
    /// The name of the person's credential.
    pub actor: String,
    /// Why the person believes it.
    pub evidence: Evidence,
    /// When.
    pub at: Timestamp,
}

/// Whether a decision is the first about its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precedence {
    /// It is: its subject was undecided.
    First,
    /// It disputes an earlier one.
    Disputes,
    /// It is about a further charge of the attempt's payment, and leaves what was decided about the attempt.
    Besides,
}

/// The state of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionState {
    /// One person has asked for it, and it needs another.
    AwaitsSecond {
        /// Until when the other may confirm it.
        until: Timestamp,
    },
    /// No second person has confirmed it in time.
    Expired {
        /// When that was noticed.
        at: Timestamp,
    },
    /// It is made.
    Made {
        /// When.
        at: Timestamp,
    },
    /// It only reminds.
    Reminds {
        /// When.
        at: Timestamp,
    },
    /// It has reminded.
    Reminded {
        /// When.
        at: Timestamp,
    },
    /// Two persons have decided otherwise since, or the payment that it was about was dropped.
    Superseded {
        /// When.
        at: Timestamp,
    },
}

impl DecisionState {
    /// The state's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AwaitsSecond { .. } => "AwaitsSecond",
            Self::Expired { .. } => "Expired",
            Self::Made { .. } => "Made",
            Self::Reminds { .. } => "Reminds",
            Self::Reminded { .. } => "Reminded",
            Self::Superseded { .. } => "Superseded",
        }
    }
}

impl Decision {
    /// When it is due.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self.state {
            DecisionState::AwaitsSecond { until } => Some(until),
            DecisionState::Reminds { at } => Some(at),
            DecisionState::Expired { .. }
            | DecisionState::Made { .. }
            | DecisionState::Reminded { .. }
            | DecisionState::Superseded { .. } => None,
        }
    }

    /// Whether it is what holds for its subject.
    fn holds(&self) -> bool {
        matches!(self.state, DecisionState::Made { .. }) && self.supersedes != Precedence::Besides
    }

    /// What the person with this reference has stated, if it is one of this decision's.
    #[must_use]
    pub fn statement(&self, reference: &str) -> Option<&Statement> {
        [Some(&self.first), self.second.as_ref()].into_iter().flatten().find(|it| it.reference == reference)
    }

    /// Whether one person disputes an earlier decision by it, and no second person has agreed to either.
    #[must_use]
    const fn disputes(&self) -> bool {
        match (self.supersedes, self.state) {
            (Precedence::Disputes, DecisionState::AwaitsSecond { .. } | DecisionState::Expired { .. }) => {
                true
            }
            (
                Precedence::First | Precedence::Disputes | Precedence::Besides,
                DecisionState::AwaitsSecond { .. }
                | DecisionState::Expired { .. }
                | DecisionState::Made { .. }
                | DecisionState::Reminds { .. }
                | DecisionState::Reminded { .. }
                | DecisionState::Superseded { .. },
            ) => false,
        }
    }
}

impl Decisions {
    /// The decision that holds for a subject: the last one that was made.
    #[must_use]
    pub fn of(&self, subject: &Subject) -> Option<&Decision> {
        self.made.iter().rev().find(|it| it.subject == *subject && it.holds())
    }

    /// The decision about a subject that waits for a second person.
    #[must_use]
    pub fn awaited(&self, subject: &Subject) -> Option<&Decision> {
        let is_it =
            |it: &&Decision| it.subject == *subject && matches!(it.state, DecisionState::AwaitsSecond { .. });
        self.made.iter().rev().find(is_it)
    }

    /// The decision to which a reference belongs.
    #[must_use]
    pub fn named(&self, reference: &str) -> Option<&Decision> {
        self.made.iter().find(|it| it.statement(reference).is_some())
    }

    /// Whether a decision is disputed: until two persons agree, nothing may ship. A dispute ends when two
    /// persons have agreed since.
    #[must_use]
    pub fn is_disputed(&self) -> bool {
        self.made.iter().any(|it| self.is_disputed_about(&it.subject))
    }

    /// Whether persons disagree about whether an attempt was paid, or about whose a permission is.
    #[must_use]
    pub fn is_payment_disputed(&self) -> bool {
        self.made.iter().any(|it| match it.subject {
            Subject::Attempt(_) | Subject::Unexplained(_) => self.is_disputed_about(&it.subject),
            Subject::Operation(_) | Subject::Dispute(_) => false,
        })
    }

    /// Whether a decision is disputed about such a subject.
    #[must_use]
    pub fn is_disputed_among(&self, is_meant: fn(&Subject) -> bool) -> bool {
        self.made.iter().any(|it| is_meant(&it.subject) && self.is_disputed_about(&it.subject))
    }

    /// Whether a decision about this subject is disputed.
    #[must_use]
    pub fn is_disputed_about(&self, subject: &Subject) -> bool {
        let about = self.made.iter().rev().filter(|it| it.subject == *subject);
        let mut since = about.take_while(|it| !it.holds());
        since.any(Decision::disputes)
    }

    /// Ends what was decided, disputed or asked for about the operations and disputes of a payment that is dropped.
    pub(in crate::merchant) fn end_with_payment(&mut self, at: Timestamp) {
        for decision in &mut self.made {
            match (&decision.subject, decision.state) {
                (
                    Subject::Operation(_) | Subject::Dispute(_),
                    DecisionState::AwaitsSecond { .. }
                    | DecisionState::Expired { .. }
                    | DecisionState::Made { .. },
                ) => decision.state = DecisionState::Superseded { at },
                (Subject::Operation(_) | Subject::Dispute(_), DecisionState::Reminds { .. }) => {
                    decision.state = DecisionState::Reminded { at };
                }
                (
                    Subject::Operation(_) | Subject::Dispute(_),
                    DecisionState::Reminded { .. } | DecisionState::Superseded { .. },
                )
                | (Subject::Attempt(_) | Subject::Unexplained(_), _) => {}
            }
        }
    }

    /// Makes room for one more: first what only reminds is forgotten, then requests that nobody confirmed. Returns
    /// whether there is room.
    fn make_room(&mut self) -> bool {
        if self.made.len() < MAX_DECISIONS {
            return true;
        }
        let only_reminds = |it: &Decision| matches!(it.asked, Asked::Remind { .. });
        // A dispute lasts even when nobody has confirmed it.
        let is_over = |it: &Decision| {
            it.supersedes == Precedence::First && matches!(it.state, DecisionState::Expired { .. })
        };
        let least = self.made.iter().position(only_reminds);
        let Some(least) = least.or_else(|| self.made.iter().position(is_over)) else { return false };
        self.made.remove(least);
        true
    }

    /// When the first of them is due.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        self.made.iter().filter_map(Decision::due_at).min()
    }
}
