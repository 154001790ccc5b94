//! Amazon's answers that it does not have the session of an attempt that only a person can resolve. They count
//! for a decision when there are three over 24 hours and, between the first and the last, the same key and
//! endpoint have shown a charge that is known to exist. An outage, a timeout or a refused key is no such answer.

use core::time::Duration;

use super::SessionAbsence;
use crate::merchant::absence::{Absence, Access, Reach};
use crate::merchant::attempt::{Attempt, AttemptState};
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::draft::Draft;
use crate::merchant::number::AttemptNumber;
use crate::merchant::rules::NOT_FOUNDS;
use crate::time::{DAY, Timestamp};

/// Over how long a session must have been missing before a person may decide by that.
pub const MISSING_FOR: Duration = DAY;

/// The answers that were counted for an attempt.
#[must_use]
pub fn counted(checkout: &Checkout, number: AttemptNumber) -> Option<&Absence> {
    checkout.decisions.absences.iter().find(|it| it.attempt == number).map(|it| &it.absence)
}

/// Whether Amazon no longer answers for the session of an attempt.
#[must_use]
pub fn counts(checkout: &Checkout, number: AttemptNumber, now: Timestamp) -> bool {
    is_repeated(checkout, number, now)
        && counted(checkout, number).is_some_and(|absence| absence.reach_proved_at.is_some())
}

/// Whether Amazon has said often enough, over a long enough time, that it has no session of an attempt. Once Amazon
/// deletes every session, that says nothing more about the key or the endpoint, and no known charge is needed.
pub(super) fn is_repeated(checkout: &Checkout, number: AttemptNumber, now: Timestamp) -> bool {
    counted(checkout, number)
        .is_some_and(|absence| absence.count >= NOT_FOUNDS && now.since(absence.first_at) >= MISSING_FOR)
}

/// Counts one more answer that the session of an attempt that persons decide about is not found.
pub(in crate::merchant) fn note_missing(draft: &mut Draft, number: AttemptNumber, access: &Access) {
    let now = draft.now;
    let absence = Absence::again(counted(draft.checkout(), number), access, now);
    let absences = &mut draft.change().decisions.absences;
    absences.retain(|it| it.attempt != number);
    absences.push(SessionAbsence { attempt: number, absence });
}

/// Forgets the answers, since Amazon shows the session again.
pub(in crate::merchant) fn note_shown(draft: &mut Draft, number: AttemptNumber) {
    if counted(draft.checkout(), number).is_some() {
        draft.change().decisions.absences.retain(|it| it.attempt != number);
    }
}

/// Whether a charge that is known to exist must be asked for, so that the answers can count.
#[must_use]
pub(in crate::merchant) fn lacks_reach(checkout: &Checkout, number: AttemptNumber) -> bool {
    counted(checkout, number).is_some_and(Absence::lacks_reach)
}

/// Whether persons decide about an attempt by the absence of its session: it is unresolved, or its payment is
/// contested.
fn counts_for(checkout: &Checkout, attempt: &Attempt) -> bool {
    match &attempt.state {
        AttemptState::Unresolved { .. } => true,
        AttemptState::Completed { .. } => checkout.is_contested(),
        AttemptState::Bound { .. }
        | AttemptState::Finalize(_)
        | AttemptState::Pending { .. }
        | AttemptState::NotPaid { .. }
        | AttemptState::NotApproved(_)
        | AttemptState::Surplus { .. }
        | AttemptState::Released { .. } => false,
    }
}

/// Handles what the youngest charge in the store shows, for an attempt of which that counts. Returns whether it proves
/// that this key and endpoint reach the account. A store without a charge has nothing to ask for, and so no proof.
pub(in crate::merchant) fn reach_seen(draft: &mut Draft, number: AttemptNumber, reach: &Reach) -> bool {
    let now = draft.now;
    let is_counted =
        draft.checkout().attempt(number).is_some_and(|attempt| counts_for(draft.checkout(), attempt));
    let Some(absence) = counted(draft.checkout(), number).filter(|it| is_counted && it.lacks_reach()) else {
        return false;
    };
    let is_proved = match reach {
        Reach::Proved(access) => absence.access == *access,
        Reach::Unproved | Reach::NothingToAskFor => false,
    };
    if is_proved {
        let absences = &mut draft.change().decisions.absences;
        if let Some(it) = absences.iter_mut().find(|it| it.attempt == number) {
            it.absence.reach_proved_at = Some(now);
        }
    }
    is_proved
}
