//! The timers of decisions: a first person's decision that nobody confirms, and reminders.

use super::DecisionState;
use crate::merchant::checkout::draft::Draft;
use crate::merchant::event::DecisionEvent;

/// Takes up a decision that is due. Returns whether there was one.
pub(in crate::merchant) fn take_up(draft: &mut Draft) -> bool {
    let now = draft.now;
    let is_due = |at| at <= now;
    let mut made = draft.checkout().decisions.made.iter();
    let Some(index) = made.position(|it| it.due_at().is_some_and(is_due)) else { return false };
    let Some(decision) = draft.change().decisions.made.get_mut(index) else { return false };
    let (subject, verdict) = (decision.subject.clone(), decision.asked.verdict());
    let (state, event) = match decision.state {
        DecisionState::AwaitsSecond { .. } => (DecisionState::Expired { at: now }, DecisionEvent::Expired),
        DecisionState::Reminds { .. } => (DecisionState::Reminded { at: now }, DecisionEvent::Reminded),
        DecisionState::Expired { .. }
        | DecisionState::Made { .. }
        | DecisionState::Reminded { .. }
        | DecisionState::Superseded { .. } => return false,
    };
    decision.state = state;
    let (reference, actor) = (decision.first.reference.clone(), decision.first.actor.clone());
    draft.emit_decision(subject, event, verdict, reference, actor);
    true
}
