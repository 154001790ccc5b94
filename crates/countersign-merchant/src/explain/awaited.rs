//! What is awaited next, from the states alone.

use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::checkout::Checkout;

use super::Awaited;

pub(super) fn of(checkout: &Checkout) -> Vec<Awaited> {
    let attempts = checkout.attempts.iter().filter_map(|attempt| {
        let what = match &attempt.state {
            AttemptState::Bound { .. } => "Get Checkout Session is asked again, to compare with the terms",
            AttemptState::Approved { .. } => "Finalize is sent",
            AttemptState::Finalizing { .. } => "Amazon's answer to Finalize; without one it is looked up",
            AttemptState::InDoubt(_) => "the session is looked up again",
            AttemptState::Pending { .. } => "Get Charge is asked for Amazon's decision",
            AttemptState::Unresolved { .. } => "evidence is looked for; an operator may decide",
            AttemptState::Completed { .. } | AttemptState::NotPaid { .. } | AttemptState::Surplus { .. } => {
                return None;
            }
        };
        let at = attempt.state.due_at()?.to_string();
        Some(Awaited { what: format!("attempt {}: {what}", attempt.number), at })
    });
    attempts.collect()
}
