//! When Amazon's answer that it has no such session counts.

use super::super::absence::Reach;
use super::super::attempt::missing::{reach_seen, reach_to_prove};
use super::decide::attempts::{Agreement, agree, session_seen};
use super::decide::decided;
use super::*;
use crate::time::{DAY, HOUR};

const MINUTE: Duration = Duration::from_secs(60);

fn elsewhere() -> Access {
    Access("SANDBOX-K2 https://amazon.example".to_string())
}

/// How one answer that there is no such session changes an attempt, in a few words.
fn not_found(state: AttemptState, under: Access, now: Timestamp) -> String {
    let before = checkout(PaymentIntent::Authorize, state);
    let seen = SessionView::NotFound(under);
    let step = match agree(&before, 1, &seen, Environment::Sandbox, now) {
        Agreement::Ends(step) => step,
        Agreement::NotReady => session_seen(&before, 1, &seen, now, &rules()).unwrap().0,
        Agreement::Agreed(..) => panic!("it is not there"),
    };
    let (_, next) = decided(&step.next, now, &rules(), |draft| reach_to_prove(draft, AttemptNumber::FIRST));
    format!("{} → {}", words(&step.next.attempts[0], now), next_word(&next))
}

fn bound(missing: Option<Absence>) -> AttemptState {
    AttemptState::Bound { retry_at: sent_at(), missing }
}

fn doubted(missing: Option<Absence>) -> AttemptState {
    in_doubt_attempt(Doubt { missing, ..doubt() })
}

// Promise: B08
#[test]
fn a_missing_session_counts_only_after_three_answers_over_ten_minutes_with_the_reach_proved_between() {
    let first = sent_at();
    let proved = Some(first.plus(MINUTE));
    let before = |reach| move |count| Some(absence(count, first, reach));
    let rows = [
        ("the first", None, access(), first),
        ("the second, at once", before(None)(1), access(), first),
        ("the third, a second too early", before(proved)(2), access(), first.plus(599 * SECOND)),
        ("the second, after an hour", before(proved)(1), access(), first.plus(HOUR)),
        ("the third, after ten minutes", before(proved)(2), access(), first.plus(600 * SECOND)),
        ("the same, and no charge was shown", before(None)(2), access(), first.plus(600 * SECOND)),
        ("the hundredth, and no charge was shown", before(None)(99), access(), first.plus(DAY)),
        ("the third, under another key", before(proved)(2), elsewhere(), first.plus(600 * SECOND)),
    ];
    let mut table = String::new();
    for (name, missing, under, now) in rows {
        let unsent = not_found(bound(missing.clone()), under.clone(), now);
        let sent = not_found(doubted(missing), under, now);
        table.push_str(&format!("{name:<40} unsent: {unsent:<45} sent: {sent}\n"));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_the_youngest_charge_shows_decides_whether_absence_may_count() {
    let first = sent_at();
    let reaches = [
        ("shown", Reach::Proved(access())),
        ("shown under another key", Reach::Proved(elsewhere())),
        ("not shown", Reach::Unproved),
        ("there is none", Reach::NothingToAskFor),
    ];
    let at = [
        ("minutes", 10 * MINUTE),
        ("24 hours less a second", DAY - SECOND),
        ("24 hours", DAY),
        ("31 days", 31 * DAY),
    ];
    let mut table = String::new();
    for (kind, state) in [("unsent", bound as fn(_) -> _), ("sent", doubted)] {
        for (name, reach) in &reaches {
            for (lasting, after) in at {
                let before = checkout(PaymentIntent::Authorize, state(Some(absence(3, first, None))));
                let (step, ()) = decided(&before, first.plus(after), &rules(), |draft| {
                    reach_seen(draft, AttemptNumber::FIRST, reach)
                });
                let is = outcome(&before, step.as_ref(), first.plus(after));
                table.push_str(&format!("{kind:<6} {name:<24} after {lasting:<24} {is}\n"));
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_clock_in_question_ends_no_attempt_by_the_24_hours_of_its_session() {
    let before = checkout(PaymentIntent::Authorize, bound(Some(absence(3, sent_at(), None))));
    let held = MerchantRules { hold_expiries: true, ..rules() };
    let (step, ()) = decided(&before, sent_at().plus(2 * DAY), &held, |draft| {
        reach_seen(draft, AttemptNumber::FIRST, &Reach::NothingToAskFor);
    });
    assert_eq!(step, None);
}

#[test]
fn one_answer_that_shows_the_session_starts_the_count_again() {
    let missing = Some(absence(2, sent_at(), Some(sent_at())));
    let before = checkout(PaymentIntent::Authorize, doubted(missing));
    let now = sent_at().plus(HOUR);
    let (step, _) = session_seen(&before, 1, &open(), now, &rules()).unwrap();
    let doubt = step.next.attempts[0].state.doubt().cloned().unwrap();
    assert_eq!(doubt.missing, None);
    assert_eq!(
        not_found(doubted(doubt.missing), access(), now),
        "InDoubt sent 1 look +0s not found 1 → Rest"
    );
}
