//! What must be true of a checkout and of every answer about it. Each check compares one changed
//! document, or one answer, with the truth on both sides.

use std::collections::{HashMap, HashSet};

use countersign_store::contract::Write;

use crate::documents::{Attempt, AttemptState, Cancellation, Checkout, Ids, InFlight, Payment};
use crate::invariants::{CheckResult, Invariant, broken, never};
use crate::ledger::{Ledger, Money};
use crate::payments;
use crate::reading::IdsOnGet;

/// The longest time, in milliseconds, that may pass between the last sign of a buyer and a
/// Finalize: the window of the default settings.
const RESEND_WINDOW_MS: i64 = 15 * 60 * 1_000;
/// How many times a stored 5xx is replayed before a new key is tried.
const STORED_ERRORS: u32 = 3;

/// Checks one step of the merchant half's checkout. `decided_at` is the time on the half's own
/// clock.
pub(crate) fn check_step(
    before: Option<&Checkout>,
    after: &Checkout,
    write: &Write,
    decided_at: i64,
    ledger: &Ledger,
) -> CheckResult {
    // A session that was not approved may turn out to be in doubt after another one was sent.
    // Others may complete a session that was not approved. The send that proves whose it is then charges nobody.
    let may_be_beside = |attempt: &Attempt| {
        let session = attempt.checkout_session_id.as_str();
        attempt.state.may_be_live_beside_another()
            || (ledger.was_not_approved(session) && ledger.ids(session).is_some())
    };
    let live = after.live().filter(|attempt| !may_be_beside(attempt)).count();
    never(live > 1, Invariant::TwoLiveAttempts, || format!("{live} attempts are live"))?;
    let attempts = after.attempts.iter().filter_map(|attempt| attempt.state.due_at());
    let payment = after.payment.as_ref().and_then(Payment::due_at);
    let cancellation = after.cancellation.as_ref().and_then(Cancellation::due_at);
    let heard = after.unexplained.iter().filter_map(|it| it.state.due_at());
    let due_at = attempts.chain(payment).chain(cancellation).chain(heard).min();
    let timer = write.content.as_ref().and_then(|content| content.due_at).map(|due_at| due_at.as_millis());
    // A capture plan may have set a timer that is earlier than the instant read here.
    let is_owned = match (timer, due_at) {
        (Some(timer), Some(due_at)) => timer <= due_at,
        (None, Some(_)) => false,
        (timer, None) => timer.is_none() || after.browsing.quoted.is_some() || after.has_decisions(),
    };
    never(!is_owned, Invariant::NoTimer, || {
        format!("the document's timer is {timer:?}, but it is due at {due_at:?}")
    })?;
    for attempt in &after.attempts {
        never(!attempt.state.is_final() && attempt.state.due_at().is_none(), Invariant::NoTimer, || {
            format!("attempt {} has no timer", attempt.number)
        })?;
        let earlier = before.and_then(|before| before.attempt(attempt.number));
        // A payment that was another order's is dropped: the attempt's session names its own.
        let was_anothers =
            before.and_then(|before| before.payment.as_ref()).is_some_and(Payment::is_contested)
                && after.payment.is_none()
                && attempt.state.may_be_live_beside_another();
        let earlier_kept = earlier.filter(|earlier| !(was_anothers && earlier.state.success().is_some()));
        let is_decided = before.is_some_and(|before| before.decisions != after.decisions);
        check_attempt(earlier_kept, attempt, decided_at, ledger, is_decided)?;
        let is_sent = is_sent(earlier.map(|earlier| &earlier.state), &attempt.state);
        // One more send for a completed session proves who completed it, and can charge nobody.
        let can_charge = ledger.ids(&attempt.checkout_session_id).is_none();
        never(is_sent && can_charge && after.is_held(), Invariant::SentThoughHeld, || {
            format!(
                "attempt {} is sent although a permission that names the order is not explained",
                attempt.number
            )
        })?;
        if earlier.map(|earlier| &earlier.state) != Some(&attempt.state) {
            is_true(after, attempt, ledger)?;
        }
    }
    let is_decided = before.is_some_and(|before| before.decisions != after.decisions);
    payments::check_step(
        before.and_then(|before| before.payment.as_ref()),
        after.payment.as_ref(),
        is_decided,
    )?;
    // Persons decide that money is refunded by canceling the order.
    let canceled = after.cancellation.as_ref().filter(|_| !after.has_decisions());
    canceled.map_or(Ok(()), payments::check_cancellation)?;
    if let Some(payment) = &after.payment {
        let was_canceled = before.is_some_and(|before| before.cancellation.is_some());
        let before = before.and_then(|before| before.payment.as_ref());
        if was_canceled {
            payments::check_canceled_sends(before, payment)?;
        }
        payments::is_true(before, payment, &ledger.truth(&payment.charge_permission_id), decided_at)?;
    }
    let forgotten = before.is_some_and(|before| before.attempts.len() > after.attempts.len());
    if forgotten { broken(Invariant::VerdictChanged, "an attempt is gone") } else { Ok(()) }
}

/// Whether a Finalize leaves with this step: for the first time, or again.
fn is_sent(before: Option<&AttemptState>, after: &AttemptState) -> bool {
    use AttemptState::Finalize;
    use InFlight::{InDoubt, Sent};
    match (before, after) {
        (Some(Finalize(Sent { .. })), Finalize(Sent { .. })) => false,
        (_, Finalize(Sent { .. })) => true,
        (Some(Finalize(InDoubt { send_count: was, .. })), Finalize(InDoubt { send_count: is, .. })) => {
            is > was
        }
        _ => false,
    }
}

/// Checks one step of an attempt. `is_decided`: persons have decided something in it.
fn check_attempt(
    before: Option<&Attempt>,
    after: &Attempt,
    decided_at: i64,
    ledger: &Ledger,
    is_decided: bool,
) -> CheckResult {
    let number = after.number;
    if let Some(before) = before {
        never(
            before.checkout_session_id != after.checkout_session_id,
            Invariant::SessionOfTwoOrders,
            || format!("attempt {number} has a different session now"),
        )?;
        // A surplus session is taken up once the other one is proved unpaid, and the others follow it.
        let is_taken_up = matches!(
            (&before.state, &after.state),
            (AttemptState::Surplus { .. }, AttemptState::Bound { .. } | AttemptState::Surplus { .. })
        );
        // A charge that came to nothing may be contradicted, and that may be settled.
        let is_kept = match (&before.state, &after.state) {
            (AttemptState::NotPaid { reason: was, .. }, AttemptState::NotPaid { reason: is, .. }) => {
                was == is
            }
            // A refusal was false, and no charge is shown: only a person can tell.
            (AttemptState::NotPaid { .. }, AttemptState::Unresolved { reason, .. }) => {
                reason == "CompletedElsewhere"
            }
            (was, is) => was == is,
        };
        if before.state.is_final() && !is_kept && !is_taken_up && !is_decided {
            let (before, after) = (before.state.name(), after.state.name());
            return broken(
                Invariant::VerdictChanged,
                format!("attempt {number} was {before} and is now {after}"),
            );
        }
        let ids = before.state.ids().zip(after.state.ids());
        never(ids.as_ref().is_some_and(|(was, is)| was != is), Invariant::VerdictChanged, || {
            format!("attempt {number} has changed its ids: {ids:?}")
        })?;
    }
    let (was, is) = (before.and_then(|before| before.state.send()), after.state.send());
    if let (Some(was), Some(is)) = (was, is)
        && was != is
    {
        let may_be_new = match before.map(|before| &before.state) {
            // Every send under the old key was refused, and the terms may have changed since.
            Some(
                AttemptState::NotApproved { .. }
                | AttemptState::Finalize(InFlight::InDoubt { asked_again: Some(_), .. }),
            ) => {
                return never(is.n != was.n + 1, Invariant::SendChanged, || {
                    format!("attempt {number} was refused under key {}, and now has key {}", was.n, is.n)
                });
            }
            Some(AttemptState::Finalize(InFlight::InDoubt { stored_error: Some(stored), .. })) => {
                stored.replay_count >= STORED_ERRORS
            }
            _ => false,
        };
        never(!may_be_new || was.body != is.body, Invariant::SendChanged, || {
            format!("attempt {number} is in doubt with key {}, and now has key {}", was.n, is.n)
        })?;
    }
    let is_sent = is_sent(before.map(|before| &before.state), &after.state);
    let away_ms = decided_at.saturating_sub(after.buyer_seen_at);
    // Finalizing a completed session again only returns its ids, whenever it happens, and charges
    // nobody.
    let may_charge = ledger.money(&after.checkout_session_id) == Money::Untouched;
    never(is_sent && may_charge && away_ms > RESEND_WINDOW_MS, Invariant::SentTooLate, || {
        format!("attempt {number} is sent {} s after its buyer was seen", away_ms / 1_000)
    })
}

/// A verdict must be true at Amazon at the moment when it is stored.
fn is_true(checkout: &Checkout, attempt: &Attempt, ledger: &Ledger) -> CheckResult {
    let session = attempt.checkout_session_id.as_str();
    let number = attempt.number;
    never(ledger.is_anothers(session) && attempt.state.ids().is_some(), Invariant::UnpaidCalledPaid, || {
        format!("attempt {number} is {}, but another client has completed its session", attempt.state.name())
    })?;
    let money = ledger.money(session);
    // What another order was paid with has not paid for this one.
    let may_be_anothers =
        ledger.may_be_anothers(session) || ledger.is_of_another_order(session, &checkout.order_id);
    if attempt.state.is_not_paid() && !may_be_anothers {
        return match money {
            Money::Paid | Money::Pending => broken(
                Invariant::PaidCalledUnpaid,
                format!("attempt {number} is NotPaid, but its money is {money:?}"),
            ),
            Money::Untouched | Money::Never | Money::Released | Money::Declined => Ok(()),
        };
    }
    if let AttemptState::NotApproved { .. } = attempt.state {
        // Another client may complete it before the next look.
        let is_ours = matches!(money, Money::Paid | Money::Pending)
            && !ledger.may_be_anothers(session)
            && !ledger.is_completed_by_a_late_copy(session);
        return never(is_ours, Invariant::PaidCalledUnpaid, || {
            format!("attempt {number} is NotApproved, but its money is {money:?}")
        });
    }
    let Some(ids) = attempt.state.ids() else { return Ok(()) };
    let mut truth = ledger.ids(session);
    if ids.1.is_none()
        && let Some((_, charge)) = &mut truth
    {
        *charge = None;
    }
    never(truth.as_ref() != Some(&ids), Invariant::UnpaidCalledPaid, || {
        format!("attempt {number} has the ids {ids:?}, and Amazon has {truth:?}")
    })?;
    let Some(word) = attempt.state.success() else { return Ok(()) };
    let intent = match word {
        "paid" => "AuthorizeWithCapture",
        "authorized" => "Authorize",
        _ => "Confirm",
    };
    never(checkout.terms.payment_intent != intent, Invariant::UnpaidCalledPaid, || {
        format!("{word} with the intent {}", checkout.terms.payment_intent)
    })?;
    never(!ledger.was_paid(session), Invariant::UnpaidCalledPaid, || {
        format!("attempt {number} is {}, but its money is {money:?}", attempt.state.name())
    })?;
    let terms = &checkout.terms.charge_amount;
    match ledger.charged(session) {
        Some(charged) if charged != terms => broken(
            Invariant::UnpaidCalledPaid,
            format!("{charged:?} was charged, but the terms say {terms:?}"),
        ),
        Some(_) | None => Ok(()),
    }
}

/// Checks that a session's money may move at Amazon. `checkouts` are all the checkouts of the
/// merchant half.
pub(crate) fn check_payment<'a>(
    session: &str,
    ledger: &Ledger,
    checkouts: impl Iterator<Item = &'a Checkout>,
) -> CheckResult {
    let money = ledger.money(session);
    // What a late copy has completed is found by a look, and is unexplained beside another payment.
    if !matches!(money, Money::Pending | Money::Paid)
        || ledger.may_be_anothers(session)
        || ledger.is_completed_by_a_late_copy(session)
    {
        return Ok(());
    }
    let bound =
        checkouts.flat_map(|checkout| checkout.attempts.iter().map(move |attempt| (checkout, attempt)));
    let with_it: Vec<_> = bound.filter(|(_, attempt)| attempt.checkout_session_id == session).collect();
    // A session may have arrived at an order that it does not belong to, which has sent nothing.
    let mut live = with_it.iter().filter(|(_, attempt)| attempt.state.is_live());
    let Some((checkout, attempt)) = live.next().or(with_it.first()) else {
        return broken(Invariant::ChargedWithoutOrder, format!("no order has the session {session}"));
    };
    never(live.next().is_some(), Invariant::SessionOfTwoOrders, || {
        format!("the session {session} is bound to two attempts")
    })?;
    if !attempt.state.is_live() {
        let (number, state) = (attempt.number, attempt.state.name());
        let shown_by = format!("attempt {number} is {state}, but its money is {money:?}");
        let invariant = if attempt.state.is_not_paid() {
            Invariant::PaidCalledUnpaid
        } else {
            Invariant::ChargedWithoutOrder
        };
        return broken(invariant, shown_by);
    }
    // Of another order's session, this order has sent nothing.
    let may_be_foreign = |state: &AttemptState| {
        matches!(
            state,
            AttemptState::Bound { .. } | AttemptState::Surplus { .. } | AttemptState::Released { .. }
        )
    };
    let paid = checkout.attempts.iter().filter(|attempt| {
        !may_be_foreign(&attempt.state)
            && !ledger.may_be_anothers(&attempt.checkout_session_id)
            && !ledger.is_completed_by_a_late_copy(&attempt.checkout_session_id)
            && matches!(ledger.money(&attempt.checkout_session_id), Money::Pending | Money::Paid)
    });
    let paid: Vec<u32> = paid.map(|attempt| attempt.number).collect();
    never(paid.len() > 1, Invariant::PaidTwice, || {
        format!("the attempts {paid:?} of {} are all paid", checkout.order_id)
    })
}

/// Checks that no order counts a payment that another integration has made and ships for. `finalized_elsewhere` are
/// the sessions that it has finalized.
pub(crate) fn check_elsewhere(checkout: &Checkout, finalized_elsewhere: &HashSet<String>) -> CheckResult {
    if finalized_elsewhere.is_empty() {
        return Ok(());
    }
    let counts = |attempt: &&Attempt| {
        let is_counted = attempt.state.success().is_some() || attempt.state.name() == "Pending";
        is_counted && finalized_elsewhere.contains(&attempt.checkout_session_id)
    };
    checkout.attempts.iter().find(counts).map_or(Ok(()), |attempt| {
        let shown_by = format!(
            "attempt {} of {} is {}, and another integration has finalized its session",
            attempt.number,
            checkout.order_id,
            attempt.state.name()
        );
        broken(Invariant::PaidElsewhere, shown_by)
    })
}

/// Checks that no other order of the cart is paid when a session's money moves.
pub(crate) fn check_cart<'a, Checkouts>(
    session: &str,
    ledger: &Ledger,
    checkouts: impl Fn() -> Checkouts,
) -> CheckResult
where
    Checkouts: Iterator<Item = &'a Checkout>,
{
    let is_paid = |session: &str| {
        matches!(ledger.money(session), Money::Pending | Money::Paid)
            && !ledger.may_be_anothers(session)
            && !ledger.is_completed_by_a_late_copy(session)
    };
    // What was released is another order's session, and so is what was begun for one.
    let sessions = |checkout: &'a Checkout| {
        checkout.attempts.iter().filter(|attempt| {
            !matches!(attempt.state, AttemptState::Released { .. })
                && !ledger.is_of_another_order(&attempt.checkout_session_id, &checkout.order_id)
        })
    };
    let has = |checkout: &&'a Checkout| sessions(checkout).any(|it| it.checkout_session_id == session);
    let Some(paid) = checkouts().find(has).filter(|_| is_paid(session)) else { return Ok(()) };
    let supersedes = |one: &Checkout, other: &Checkout| {
        one.cart.as_ref().is_some_and(|cart| cart.supersedes.as_ref() == Some(&other.id))
    };
    let shares = |other: &Checkout| {
        let keys = paid.cart.as_ref().zip(other.cart.as_ref());
        other.id != paid.id
            && (keys.is_some_and(|(key, other)| key.key == other.key)
                || supersedes(paid, other)
                || supersedes(other, paid))
    };
    let undone = |checkout: &Checkout| checkout.is_canceled();
    let other = checkouts().find(|other| {
        shares(other)
            && !undone(other)
            && !undone(paid)
            && sessions(other).any(|attempt| is_paid(&attempt.checkout_session_id))
    });
    other.map_or(Ok(()), |other| {
        broken(Invariant::CartPaidTwice, format!("{} and {} are both paid", paid.order_id, other.order_id))
    })
}

/// Who got an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    Shop,
    /// A buyer's browser, which never gets ids.
    Browser,
}

/// An answer about one session, or about a checkout as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// `paid`, `authorized`, `confirmed`, `pending`, `checking`, `notPaid` or `registered`; `good`, `bad`
    /// or `open` for a page.
    pub(crate) word: String,
    pub(crate) charge_permission_id: Option<String>,
    pub(crate) charge_id: Option<String>,
    pub(crate) audience: Audience,
}

impl Statement {
    fn ids(&self) -> Option<Ids> {
        Some((self.charge_permission_id.clone()?, self.charge_id.clone()))
    }
}

/// Checks an answer about a session: what it says must be stored. `before` is the checkout when the
/// request came, `after` the checkout when the answer was sent.
pub(crate) fn check_completion(
    said: &Statement,
    session: &str,
    before: Option<&Checkout>,
    after: &Checkout,
) -> CheckResult {
    let (was, is) = (before.and_then(|before| before.deciding(session)), after.deciding(session));
    let Some(is) = is else {
        return broken(
            Invariant::SaidBeforeKept,
            format!("said {} about a session that is not bound", said.word),
        );
    };
    let state = is.state.name();
    let word = said.word.as_str();
    let is_kept = match word {
        "paid" | "authorized" | "confirmed" => is.state.success() == Some(word),
        "canceled" => after.is_canceled(),
        "notPaid" => is.state.is_not_paid(),
        "pending" | "checking" => {
            // A surplus session has the outcome of another one until it is taken up.
            let was = was.filter(|was| was.number == is.number);
            let was_final = was.filter(|was| was.state.success().is_some() || was.state.is_not_paid());
            // What Amazon contradicts is `checking` until it is settled.
            let in_question = before.is_some_and(Checkout::is_in_question) || after.is_in_question();
            return was_final.filter(|_| !in_question).map_or(Ok(()), |was| {
                broken(Invariant::VerdictChanged, format!("said {word} after it was {}", was.state.name()))
            });
        }
        other => return broken(Invariant::SaidBeforeKept, format!("said {other:?}")),
    };
    never(!is_kept, Invariant::SaidBeforeKept, || format!("said {word}, but {state} is stored"))?;
    let is_success = !matches!(word, "canceled" | "notPaid");
    let kept = is.state.ids().filter(|_| said.audience == Audience::Shop);
    never(is_success && kept != said.ids(), Invariant::SaidBeforeKept, || {
        format!("said {:?}, but {kept:?} is stored", said.ids())
    })
}

/// Checks what the shop's API or the result page says about a checkout as a whole.
pub(crate) fn check_shown_checkout(
    said: &Statement,
    before: Option<&Checkout>,
    after: &Checkout,
) -> CheckResult {
    let completed = |checkout: &Checkout| {
        checkout.attempts.iter().find_map(|attempt| Some((attempt.state.success()?, attempt.state.ids())))
    };
    let word = said.word.as_str();
    if let Some((was, _)) = before.and_then(completed)
        && word != was
        && word != "good"
        && word != "over"
        // What Amazon contradicts is `checking` until it is settled.
        && !(matches!(word, "checking" | "open")
            && (before.is_some_and(Checkout::is_in_question) || after.is_in_question()))
        // The page says what is so now: nobody can tell what another session of the order came to.
        && !(word == "open" && after.attempts.iter().any(|it| matches!(it.state, AttemptState::Unresolved { .. })))
        && !(after.cancellation.is_some() && matches!(word, "canceled" | "bad"))
    {
        return broken(Invariant::VerdictChanged, format!("said {word} after {was} was shown"));
    }
    match word {
        "paid" | "authorized" | "confirmed" | "good" => match completed(after) {
            Some((kept, ids)) if word == "good" || (word == kept && said.ids() == ids) => Ok(()),
            kept => broken(Invariant::SaidBeforeKept, format!("said {said:?}, but {kept:?} is stored")),
        },
        // It was paid, and is not any more: nothing that was captured is kept, or the order is being canceled.
        "over" if completed(after).is_none() => {
            broken(Invariant::SaidBeforeKept, "said over, but no attempt has succeeded")
        }
        "over"
            if after.cancellation.is_none() && after.payment.as_ref().is_some_and(Payment::keeps_money) =>
        {
            broken(Invariant::PaidCalledUnpaid, "said over while captured money is kept")
        }
        "over" => Ok(()),
        "canceled" if after.is_canceled() => Ok(()),
        "bad" if after.is_canceled() => Ok(()),
        "notPaid" | "bad" => {
            let is_live = |number| after.live().any(|attempt| attempt.number == number);
            let live = before.and_then(|before| before.live().find(|attempt| is_live(attempt.number)));
            if let Some(live) = live {
                let shown_by = format!("said {word} while attempt {} is live", live.number);
                return broken(Invariant::PaidCalledUnpaid, shown_by);
            }
            let is_refused = |checkout: &Checkout| {
                checkout.attempts.iter().any(|it| matches!(it.state, AttemptState::NotApproved { .. }))
            };
            if before.is_some_and(is_refused) && is_refused(after) {
                return broken(Invariant::PaidCalledUnpaid, format!("said {word} of what is not approved"));
            }
            if after.attempts.iter().any(|attempt| attempt.state.is_not_paid()) {
                return Ok(());
            }
            broken(Invariant::SaidBeforeKept, format!("said {word}, but no attempt is NotPaid"))
        }
        "pending" | "checking" | "registered" | "open" => Ok(()),
        other => broken(Invariant::SaidBeforeKept, format!("said {other:?}")),
    }
}

/// What the other checkouts are at the end.
#[derive(Clone, Copy)]
pub(crate) struct Others<'a> {
    /// Whether the checkout with this id may be paid: an order of the same cart waits for it.
    pub(crate) may_be_paid: &'a dyn Fn(&str) -> bool,
    /// Whether another checkout than this one is paid, or may be, with this session.
    pub(crate) has_session: &'a dyn Fn(&str) -> bool,
    /// Whether this session was begun for this order: what another order's session came to is checked with that
    /// order.
    pub(crate) is_own: &'a dyn Fn(&str) -> bool,
    /// Whether another client may have completed this session, as far as the sends of the merchant half show.
    pub(crate) may_have_paid: &'a dyn Fn(&str) -> bool,
    /// Whether another integration has finalized this session.
    pub(crate) is_elsewhere: &'a dyn Fn(&str) -> bool,
}

/// Checks a checkout at the end, when all faults are over and 40 days have passed.
pub(crate) fn check_end(
    checkout: &Checkout,
    ledger: &Ledger,
    ids_on_get: IdsOnGet,
    others: Others<'_>,
) -> CheckResult {
    for attempt in &checkout.attempts {
        let (number, money) = (attempt.number, ledger.money(&attempt.checkout_session_id));
        match &attempt.state {
            AttemptState::Unresolved { reason, .. } => {
                let cannot_tell = match reason.as_str() {
                    // Without the ids the session shows nothing of the payment that could settle it.
                    "IdsMissing" | "Contradicted" => ids_on_get == IdsOnGet::Never,
                    "CompletedElsewhere" => (others.may_have_paid)(&attempt.checkout_session_id),
                    _ => false,
                };
                // What another integration has completed does not show what came of a send of ours.
                let cannot_tell = cannot_tell || (others.is_elsewhere)(&attempt.checkout_session_id);
                never(!cannot_tell, Invariant::UnresolvedWithoutNeed, || {
                    format!("attempt {number} is unresolved for {reason}, and its money is {money:?}")
                })?;
            }
            _ if attempt.waits_for.as_deref().is_some_and(others.may_be_paid) => {}
            state if !state.is_final() => {
                let shown_by =
                    format!("attempt {number} is still {}, and its money is {money:?}", state.name());
                return broken(Invariant::NeverDecided, shown_by);
            }
            state if ledger.is_anothers(&attempt.checkout_session_id) => {
                never(state.success().is_some(), Invariant::UnpaidCalledPaid, || {
                    format!(
                        "attempt {number} is {}, but another client has completed its session",
                        state.name()
                    )
                })?;
            }
            state => {
                let session = attempt.checkout_session_id.as_str();
                let was_brought =
                    matches!(state, AttemptState::Released { .. } | AttemptState::Surplus { .. })
                        && !(others.is_own)(session);
                let is_others =
                    was_brought || (others.has_session)(session) || (others.is_elsewhere)(session);
                let called_paid = state.success().is_some() || checkout.is_canceled() || is_others;
                never(money == Money::Paid && !called_paid, Invariant::PaidCalledUnpaid, || {
                    format!("attempt {number} is {}, but its money is {money:?}", state.name())
                })?;
            }
        }
    }
    Ok(())
}

/// How the Finalizes of a session were answered, as the network saw it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SendTally {
    unanswered: u32,
    unanswered_after_refusal: u32,
    was_refused: bool,
    was_copied: bool,
    keys: HashSet<String>,
}

impl SendTally {
    pub(crate) fn left(&mut self, key: &str) {
        self.keys.insert(key.to_owned());
        *(if self.was_refused { &mut self.unanswered_after_refusal } else { &mut self.unanswered }) += 1;
    }

    /// The latest send was answered by Amazon itself, and had no effect.
    pub(crate) fn had_no_effect(&mut self, is_refusal: bool) {
        let after = self.unanswered_after_refusal > 0;
        let count = if after { &mut self.unanswered_after_refusal } else { &mut self.unanswered };
        *count = count.saturating_sub(1);
        self.was_refused |= is_refusal;
    }

    /// The network has delivered a send twice.
    pub(crate) const fn is_copied(&mut self) {
        self.was_copied = true;
    }

    /// Whether nothing that can be known proves that the merchant half completed the session. A copy of a request
    /// under an earlier key may have completed it.
    pub(crate) fn proves_nothing(&self) -> bool {
        self.unanswered == 0 || self.keys.len() > 1
    }

    /// Whether an unanswered send left after a refusal.
    pub(crate) const fn was_unanswered_after_a_refusal(&self) -> bool {
        self.was_refused && self.unanswered_after_refusal > 0
    }

    /// Whether the refusal of one copy is all that was heard of a send that was delivered twice: nothing shows the
    /// sender that the other copy was not refused.
    pub(crate) const fn was_refused_as_a_copy(&self) -> bool {
        self.was_copied && self.was_only_refused()
    }

    pub(crate) const fn was_only_refused(&self) -> bool {
        self.was_refused && self.unanswered == 0 && self.unanswered_after_refusal == 0
    }
}

/// For each session and key, the body that was made durable.
pub(crate) type DurableSends = HashMap<(String, String), String>;

/// Checks a Finalize that is sent: its body must have been made durable before, byte for byte.
pub(crate) fn check_leaving(session: &str, key: &str, body: &[u8], durable: &DurableSends) -> CheckResult {
    match durable.get(&(session.to_owned(), key.to_owned())) {
        None => broken(Invariant::SendChanged, "a Finalize is sent under a key that is not durable"),
        Some(kept) if kept.as_bytes() != body => {
            broken(Invariant::SendChanged, "a Finalize is sent with bytes that differ from the stored ones")
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    use bytes::Bytes;
    use countersign_domain::time::Timestamp;
    use countersign_store::contract::{Content, Expect, Key};
    use serde_json::{Value, json};

    const SESSION: &str = "bd504926-f659-4ad7-a1a9-9a747aaf5275";
    const NOW: i64 = 10_000_000;

    fn attempt(number: u32, state: Value) -> Value {
        let session = if number == 1 { SESSION.to_owned() } else { format!("session-{number}") };
        json!({ "number": number, "checkout_session_id": session, "buyer_seen_at": NOW, "state": state })
    }

    fn checkout(attempts: Value) -> Checkout {
        serde_json::from_value(json!({ "id": "c", "order_id": "order-1", "attempts": attempts,
            "terms": { "payment_intent": "Authorize", "charge_amount": [1_400, "USD"] } }))
        .unwrap()
    }

    fn one(state: Value) -> Checkout {
        checkout(json!([attempt(1, state)]))
    }

    /// The checkout, named by a permission that was heard of.
    fn named(checkout: Checkout) -> Checkout {
        let known =
            json!([{ "charge_permission_id": "p2", "state": { "Heard": { "look": { "at": NOW } } } }]);
        Checkout { unexplained: serde_json::from_value(known).unwrap(), ..checkout }
    }

    fn send(n: u32, body: &str) -> Value {
        json!({ "n": n, "idempotency_key": format!("key-{n}"), "body": body })
    }

    fn doubt(n: u32, body: &str, send_count: u32) -> Value {
        doubt_after(n, body, send_count, 0)
    }

    fn doubt_after(n: u32, body: &str, send_count: u32, replay_count: u32) -> Value {
        json!({ "Finalize": { "InDoubt": { "send": send(n, body), "send_count": send_count, "sent_at": NOW,
            "since": NOW, "look": { "at": NOW }, "stored_error": { "replay_count": replay_count } } } })
    }

    fn authorized(charge: &str) -> Value {
        json!({ "Completed": { "completion": { "Authorized": charge }, "charge_permission_id": "p" } })
    }

    /// A doubt of which this many of two sends were refused because of the session's status.
    fn refused_doubt(n: u32, refused: u32) -> Value {
        let mut doubt = doubt(n, "{}", 2);
        doubt["Finalize"]["InDoubt"]["refusals"] = json!({ "count": refused });
        doubt
    }

    fn not_approved() -> Value {
        json!({ "NotApproved": { "doubt": { "send": send(1, "{}"), "look": { "at": NOW } } } })
    }

    fn not_paid() -> Value {
        json!({ "NotPaid": { "reason": "SessionGone" } })
    }

    /// An order of a cart whose attempt of this number is paid.
    fn of_cart(number: u32) -> Checkout {
        let checkout = json!({ "id": format!("c{number}"), "order_id": format!("order-{number}"),
            "cart": { "key": { "Named": "cart" }, "supersedes": null },
            "attempts": [attempt(number, authorized(if number == 1 { "a" } else { "b" }))],
            "terms": { "payment_intent": "Authorize", "charge_amount": [1_400, "USD"] } });
        serde_json::from_value(checkout).unwrap()
    }

    /// Amazon, with sessions in these states and charges of 14.00.
    fn ledger(sessions: &[(&str, Value)], charges: &[(&str, Value)]) -> Ledger {
        let mut ledger = Ledger::default();
        for (id, state) in sessions {
            let session = serde_json::from_value(json!({ "id": id, "state": state })).unwrap();
            ledger.put_session(session);
        }
        for (id, state) in charges {
            let charge = json!({ "id": id, "amount": [1_400, "USD"], "expires_at": NOW, "state": state });
            ledger.put_charge(serde_json::from_value(charge).unwrap());
        }
        ledger
    }

    fn completed(charge: &str) -> Value {
        json!({ "Completed": { "charge_permission_id": "p", "charge_id": charge } })
    }

    fn held() -> Value {
        json!("Authorized")
    }

    fn write(due_at: Option<i64>) -> Write {
        let due_at = due_at.map(Timestamp::from_millis);
        let content = Content { format: 1, bytes: Bytes::new(), due_at, index: Vec::new() };
        let key = Key { collection: "checkout", id: "c".to_owned() };
        Write { key, expect: Expect::Absent, content: Some(content) }
    }

    fn step(before: Option<&Checkout>, after: &Checkout, decided_at: i64, ledger: &Ledger) -> CheckResult {
        let due_at = after.attempts.iter().filter_map(|attempt| attempt.state.due_at()).min();
        check_step(before, after, &write(due_at), decided_at, ledger)
    }

    fn said(word: &str, charge: Option<&str>) -> Statement {
        let charge_permission_id = charge.map(|_| "p".to_owned());
        let charge_id = charge.map(str::to_owned);
        Statement { word: word.to_owned(), charge_permission_id, charge_id, audience: Audience::Shop }
    }

    const NO_OTHERS: Others<'static> = Others {
        may_be_paid: &|_| false,
        has_session: &|_| false,
        is_own: &|_| true,
        may_have_paid: &|_| false,
        is_elsewhere: &|_| false,
    };

    /// Breaks the invariants, and returns each with what the check found.
    pub(crate) fn broken_by_hand() -> Vec<(Invariant, CheckResult)> {
        use Invariant::*;
        let untouched = ledger(&[(SESSION, json!({ "Open": {} }))], &[]);
        let paid = ledger(&[(SESSION, completed("a"))], &[("a", held())]);
        let declined =
            ledger(&[(SESSION, completed("a"))], &[("a", json!({ "Declined": { "reason": "x" } }))]);
        let twice = ledger(
            &[(SESSION, completed("a")), ("session-2", completed("b"))],
            &[("a", held()), ("b", held())],
        );
        let (in_doubt, done) = (one(doubt(1, "{}", 1)), one(authorized("a")));
        let refused = one(not_approved());
        let both = checkout(json!([attempt(1, authorized("a")), attempt(2, doubt(1, "{}", 1))]));
        let durable = DurableSends::from([((SESSION.to_owned(), "key-1".to_owned()), "{}".to_owned())]);
        let late = NOW + RESEND_WINDOW_MS + 1;
        let cart = [of_cart(1), of_cart(2)];

        vec![
            (PaidCalledUnpaid, step(Some(&in_doubt), &one(not_paid()), NOW, &paid)),
            (UnpaidCalledPaid, step(Some(&in_doubt), &done, NOW, &untouched)),
            (UnpaidCalledPaid, step(Some(&in_doubt), &done, NOW, &declined)),
            (UnpaidCalledPaid, step(Some(&in_doubt), &one(authorized("b")), NOW, &paid)),
            (VerdictChanged, step(Some(&done), &in_doubt, NOW, &paid)),
            (VerdictChanged, step(Some(&done), &one(authorized("b")), NOW, &paid)),
            (VerdictChanged, step(Some(&done), &checkout(json!([])), NOW, &paid)),
            (TwoLiveAttempts, step(None, &both, NOW, &paid)),
            (NoTimer, check_step(None, &in_doubt, &write(None), NOW, &untouched)),
            (NoTimer, check_step(None, &in_doubt, &write(Some(NOW + 1)), NOW, &untouched)),
            (SendChanged, step(Some(&in_doubt), &one(doubt(2, "{}", 2)), NOW, &untouched)),
            (SendChanged, step(Some(&in_doubt), &one(doubt(1, "{ }", 2)), NOW, &untouched)),
            (SentTooLate, step(Some(&in_doubt), &one(doubt(1, "{}", 2)), late, &untouched)),
            (SentThoughHeld, step(Some(&in_doubt), &named(one(doubt(1, "{}", 2))), NOW, &untouched)),
            (SendChanged, check_leaving(SESSION, "key-2", b"{}", &durable)),
            (SendChanged, check_leaving(SESSION, "key-1", b"{ }", &durable)),
            (ChargedWithoutOrder, check_payment(SESSION, &paid, [].into_iter())),
            (
                ChargedWithoutOrder,
                check_payment(SESSION, &paid, [&one(json!({ "Bound": { "retry_at": NOW } }))].into_iter()),
            ),
            (PaidCalledUnpaid, check_payment(SESSION, &paid, [&one(not_paid())].into_iter())),
            (SessionOfTwoOrders, check_payment(SESSION, &paid, [&in_doubt, &in_doubt].into_iter())),
            (PaidTwice, check_payment("session-2", &twice, [&both].into_iter())),
            (PaidElsewhere, check_elsewhere(&done, &HashSet::from([SESSION.to_owned()]))),
            (CartPaidTwice, check_cart(SESSION, &twice, || cart.iter())),
            (SaidBeforeKept, check_completion(&said("authorized", Some("a")), SESSION, None, &in_doubt)),
            (SaidBeforeKept, check_completion(&said("authorized", Some("b")), SESSION, None, &done)),
            (SaidBeforeKept, check_completion(&said("paid", Some("a")), SESSION, None, &done)),
            (SaidBeforeKept, check_completion(&said("notPaid", None), SESSION, None, &in_doubt)),
            (VerdictChanged, check_completion(&said("checking", None), SESSION, Some(&done), &done)),
            (SaidBeforeKept, check_shown_checkout(&said("good", None), None, &in_doubt)),
            (SaidBeforeKept, check_shown_checkout(&said("over", None), None, &in_doubt)),
            (PaidCalledUnpaid, check_shown_checkout(&said("bad", None), Some(&in_doubt), &in_doubt)),
            (VerdictChanged, check_shown_checkout(&said("open", None), Some(&done), &done)),
            (PaidCalledUnpaid, check_shown_checkout(&said("notPaid", None), Some(&refused), &refused)),
            (SaidBeforeKept, check_completion(&said("notPaid", None), SESSION, None, &refused)),
            (PaidCalledUnpaid, step(Some(&in_doubt), &refused, NOW, &paid)),
            (SendChanged, step(Some(&refused), &one(doubt(3, "{}", 1)), NOW, &untouched)),
            (
                TwoLiveAttempts,
                step(
                    None,
                    &checkout(json!([
                        attempt(1, refused_doubt(1, 2)),
                        attempt(2, doubt(1, "{}", 1)),
                        attempt(3, doubt(1, "{}", 1))
                    ])),
                    NOW,
                    &untouched,
                ),
            ),
            (NeverDecided, check_end(&in_doubt, &paid, IdsOnGet::Always, NO_OTHERS)),
            (
                UnresolvedWithoutNeed,
                check_end(
                    &one(json!({ "Unresolved": { "reason": "IdsMissing", "look_at": NOW } })),
                    &paid,
                    IdsOnGet::Always,
                    NO_OTHERS,
                ),
            ),
            (
                UnresolvedWithoutNeed,
                check_end(
                    &one(json!({ "Unresolved": { "reason": "AnythingElse", "look_at": NOW } })),
                    &paid,
                    IdsOnGet::Never,
                    NO_OTHERS,
                ),
            ),
            (PaidCalledUnpaid, check_end(&one(not_paid()), &paid, IdsOnGet::Always, NO_OTHERS)),
            (
                PaidCalledUnpaid,
                check_end(&one(json!({ "Surplus": { "of": 1 } })), &paid, IdsOnGet::Always, NO_OTHERS),
            ),
        ]
    }

    #[test]
    fn correct_steps_and_answers_break_no_invariant() {
        let paid = ledger(&[(SESSION, completed("a"))], &[("a", held())]);
        let untouched = ledger(&[(SESSION, json!({ "Open": {} }))], &[]);
        let (in_doubt, done) = (one(doubt(1, "{}", 1)), one(authorized("a")));
        let replayed_often = one(doubt_after(1, "{}", 4, 3));
        for held in [
            step(Some(&in_doubt), &done, NOW, &paid),
            step(Some(&in_doubt), &one(not_paid()), NOW, &untouched),
            step(Some(&in_doubt), &one(doubt(1, "{}", 2)), NOW + RESEND_WINDOW_MS, &untouched),
            step(Some(&replayed_often), &one(doubt(2, "{}", 5)), NOW, &untouched),
            check_payment(SESSION, &paid, [&in_doubt].into_iter()),
            check_completion(&said("authorized", Some("a")), SESSION, Some(&in_doubt), &done),
            check_completion(&said("checking", None), SESSION, Some(&in_doubt), &done),
            check_shown_checkout(&said("good", None), Some(&in_doubt), &done),
            check_shown_checkout(&said("over", None), Some(&done), &done),
            check_end(&done, &paid, IdsOnGet::Always, NO_OTHERS),
            check_end(
                &one(json!({ "Released": { "at": NOW } })),
                &paid,
                IdsOnGet::Always,
                Others { is_own: &|_| false, ..NO_OTHERS },
            ),
            step(Some(&one(refused_doubt(1, 2))), &one(not_approved()), NOW, &untouched),
            step(Some(&one(not_approved())), &one(doubt(2, "{ }", 1)), NOW, &untouched),
            step(
                None,
                &checkout(json!([attempt(1, refused_doubt(1, 2)), attempt(2, doubt(1, "{}", 1))])),
                NOW,
                &untouched,
            ),
        ] {
            assert_eq!(held, Ok(()));
        }
    }
}
