//! An attempt whose session Amazon says it does not have. Once that counts ([`Absence`]), an attempt that was
//! never sent ends. One that was sent never ends this way: it becomes `Unresolved`, which only stops the
//! re-sending and asks for a person.

use super::prove::session;
use super::{Attempt, AttemptState, NotPaidReason, UnresolvedReason};
use crate::amazon_limits::SESSION_LIFETIME;
use crate::merchant::absence::{Absence, Access, Reach};
use crate::merchant::call::{Doubt, InFlight};
use crate::merchant::checkout::draft::Draft;
use crate::merchant::decision;
use crate::merchant::event::AttemptEvent;
use crate::merchant::next::NextStep;
use crate::merchant::number::AttemptNumber;
use crate::merchant::rules::{ASK_AGAIN_AFTER, FORGOTTEN_AFTER, doubt_delay};

impl AttemptState {
    const fn absence_mut(&mut self) -> Option<&mut Absence> {
        match self {
            Self::Bound { missing, .. } => missing.as_mut(),
            Self::Finalize(InFlight::InDoubt(doubt)) => doubt.missing.as_mut(),
            Self::Finalize(InFlight::Recorded { .. } | InFlight::Sent { .. })
            | Self::Pending { .. }
            | Self::NotApproved(_)
            | Self::Completed { .. }
            | Self::NotPaid { .. }
            | Self::Unresolved { .. }
            | Self::Surplus { .. }
            | Self::Released { .. } => None,
        }
    }
}

fn absence(attempt: &Attempt) -> Option<&Absence> {
    if let AttemptState::Bound { missing, .. } = &attempt.state {
        return missing.as_ref();
    }
    attempt.state.doubt().and_then(|doubt| doubt.missing.as_ref())
}

/// Handles the answer that the session of an attempt that was never sent is not found: the attempt ends if
/// that counts; otherwise Amazon is asked again, less and less often.
pub(super) fn unsent_not_found(draft: &mut Draft, number: AttemptNumber, access: &Access) {
    let now = draft.now;
    let Some(attempt) = draft.checkout().attempt(number) else { return };
    let missing = Absence::again(absence(attempt), access, now);
    if missing.counts(now) {
        return draft.end_unpaid(number, NotPaidReason::SessionGone);
    }
    let retry_at = now.plus(doubt_delay(missing.count).max(ASK_AGAIN_AFTER));
    draft.move_on(number, AttemptState::Bound { retry_at, missing: Some(missing) });
}

/// Handles the answer that the session of an attempt in doubt is not found. This ends the re-sends, but not
/// the looks.
pub(super) fn sent_not_found(
    draft: &mut Draft,
    number: AttemptNumber,
    access: &Access,
    doubt: Doubt,
) -> NextStep {
    let missing = Absence::again(doubt.missing.as_ref(), access, draft.now);
    if missing.counts(draft.now) {
        draft.leave_unresolved(number, UnresolvedReason::SessionGone, doubt);
        return NextStep::Rest;
    }
    // A new key is only for a session that stays open behind a stored error.
    let mut doubt = Doubt { missing: Some(missing), stored_error: None, asked_again: None, ..doubt };
    doubt.refusals.forget_looks();
    draft.move_on(number, AttemptState::Finalize(InFlight::InDoubt(doubt)));
    reach_to_prove(draft, number)
}

/// What must be asked before the absence of this attempt's session can count, if anything.
#[must_use]
pub fn reach_to_prove(draft: &Draft, number: AttemptNumber) -> NextStep {
    let waits = |attempt: &&Attempt| absence(attempt).is_some_and(Absence::lacks_reach);
    let is_decided_by = decision::absence::lacks_reach(draft.checkout(), number);
    let waiting = draft.checkout().attempt(number).filter(|it| waits(it) || is_decided_by);
    waiting.map_or(NextStep::Rest, |attempt| NextStep::ProveReach(session(attempt)))
}

/// Handles what the youngest charge in the store shows.
pub fn reach_seen(draft: &mut Draft, number: AttemptNumber, reach: &Reach) {
    let (now, rules) = (draft.now, draft.rules);
    if decision::absence::reach_seen(draft, number, reach) {
        return draft.emit(number, AttemptEvent::ReachProved);
    }
    let Some(attempt) = draft.checkout().attempt(number) else { return };
    let Some(missing) = absence(attempt).filter(|missing| missing.lacks_reach()) else { return };
    match reach {
        Reach::Proved(access) if missing.access == *access => {
            let absence = draft.change_attempt(number).and_then(|attempt| attempt.state.absence_mut());
            if let Some(absence) = absence {
                absence.reach_proved_at = Some(now);
            }
            draft.emit(number, AttemptEvent::ReachProved);
        }
        Reach::Proved(_) | Reach::Unproved => {}
        Reach::NothingToAskFor if !missing.is_repeated(now) => {}
        // Amazon cancels a session after 24 hours, and deletes it after 30 days.
        Reach::NothingToAskFor => match attempt.state.doubt().cloned() {
            None if now.since(attempt.bound_at) >= SESSION_LIFETIME && !rules.hold_expiries => {
                draft.end_unpaid(number, NotPaidReason::SessionGone);
            }
            Some(doubt) if now.since(doubt.sent_at) >= FORGOTTEN_AFTER => {
                draft.leave_unresolved(number, UnresolvedReason::SessionGone, doubt);
            }
            Some(_) | None => {}
        },
    }
}
