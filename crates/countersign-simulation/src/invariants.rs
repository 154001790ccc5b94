//! What must hold, whatever is lost, repeated, reordered or killed. Each check looks at one document that
//! has changed, or at one thing that was said, and at the truth on both sides.

use std::collections::HashMap;
use std::fmt;

use countersign_store::contract::Write;

use crate::documents::{Attempt, AttemptState, Checkout, Ids};
use crate::ledger::{Ledger, Money};

/// The invariants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Invariant {
    /// No buyer is charged without an order that asked for it.
    ChargedWithoutOrder,
    /// No order is paid twice.
    PaidTwice,
    /// No paid order is ever called unpaid.
    PaidCalledUnpaid,
    /// No unpaid order is ever called paid, authorized or confirmed.
    UnpaidCalledPaid,
    /// What is said of an attempt is in the store before it is said, ids included.
    SaidBeforeKept,
    /// A definitive verdict, and ids once known, never change.
    VerdictChanged,
    /// At most one attempt of a checkout is live.
    TwoLiveAttempts,
    /// Every attempt that is not final has a timer.
    NoTimer,
    /// While an attempt is in doubt its key and body stay the same, to the byte, and both are durable
    /// before they leave.
    SendChanged,
    /// Nobody is charged who has not been seen for longer than the window.
    SentTooLate,
    /// A session belongs to one order.
    SessionOfTwoOrders,
    /// A permission holds and has taken no more than its limit.
    LimitExceeded,
    /// When all faults are over every attempt is decided.
    NeverDecided,
    /// Unresolved is left only where Amazon truly cannot tell.
    UnresolvedWithoutNeed,
    /// The snapshot of a completed checkout is due with it, and taken in the end.
    SnapshotMissing,
    /// The world comes to rest.
    NoEnd,
}

impl Invariant {
    fn sentence(self) -> &'static str {
        match self {
            Self::ChargedWithoutOrder => "no buyer is charged without an order",
            Self::PaidTwice => "no order is paid twice",
            Self::PaidCalledUnpaid => "no paid order is ever called unpaid",
            Self::UnpaidCalledPaid => "no unpaid order is ever called paid, authorized or confirmed",
            Self::SaidBeforeKept => "what is said is in the store before it is said",
            Self::VerdictChanged => "a definitive verdict and ids once known never change",
            Self::TwoLiveAttempts => "at most one attempt is live",
            Self::NoTimer => "every attempt that is not final has a timer",
            Self::SendChanged => "key and body stay the same while in doubt, and are durable before they leave",
            Self::SentTooLate => "nobody is charged long after they were seen",
            Self::SessionOfTwoOrders => "a session belongs to one order",
            Self::LimitExceeded => "held and captured never exceed the limit",
            Self::NeverDecided => "every attempt is decided in the end",
            Self::UnresolvedWithoutNeed => "unresolved only where Amazon cannot tell",
            Self::SnapshotMissing => "a completed checkout has its snapshot",
            Self::NoEnd => "the world comes to rest",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// An invariant that does not hold, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) invariant: Invariant,
    pub(crate) shown_by: String,
}

pub(crate) type Held = Result<(), Broken>;

pub(crate) fn broken(invariant: Invariant, shown_by: impl Into<String>) -> Held {
    Err(Broken { invariant, shown_by: shown_by.into() })
}

/// The most time between the last sign of a buyer and a Finalize, in milliseconds: the window of the
/// default settings.
const RESEND_WINDOW_MS: i64 = 15 * 60 * 1_000;
/// A stored 5xx is replayed so often before a new key is tried.
const STORED_ERRORS: u32 = 3;

/// What a step of the merchant half's checkout must keep. `decided_at` is the half's own time.
pub(crate) fn of_step(
    before: Option<&Checkout>,
    after: &Checkout,
    write: &Write,
    decided_at: i64,
    ledger: &Ledger,
) -> Held {
    let live = after.live().count();
    if live > 1 {
        return broken(Invariant::TwoLiveAttempts, format!("{live} attempts are live"));
    }
    let due_at = after.attempts.iter().filter_map(|attempt| attempt.state.due_at()).min();
    let timer = write.content.as_ref().and_then(|content| content.due_at).map(|due_at| due_at.as_millis());
    if timer != due_at {
        return broken(Invariant::NoTimer, format!("the document's timer is {timer:?}, due is {due_at:?}"));
    }
    for attempt in &after.attempts {
        if !attempt.state.is_final() && attempt.state.due_at().is_none() {
            return broken(Invariant::NoTimer, format!("attempt {} has none", attempt.number));
        }
        let earlier = before.and_then(|before| {
            before.attempts.iter().find(|earlier| earlier.number == attempt.number)
        });
        of_attempt(earlier, attempt, decided_at, ledger)?;
        if earlier.map(|earlier| &earlier.state) != Some(&attempt.state) {
            is_true(after, attempt, ledger)?;
        }
    }
    let forgotten = before.is_some_and(|before| before.attempts.len() > after.attempts.len());
    if forgotten { broken(Invariant::VerdictChanged, "an attempt is gone") } else { Ok(()) }
}

fn of_attempt(before: Option<&Attempt>, after: &Attempt, decided_at: i64, ledger: &Ledger) -> Held {
    let number = after.number;
    if let Some(before) = before {
        if before.checkout_session_id != after.checkout_session_id {
            return broken(Invariant::SessionOfTwoOrders, format!("attempt {number} has another session"));
        }
        if before.state.is_final() && before.state != after.state {
            let (before, after) = (before.state.name(), after.state.name());
            return broken(Invariant::VerdictChanged, format!("attempt {number} was {before}, is {after}"));
        }
        if let (Some(was), Some(is)) = (before.state.ids(), after.state.ids())
            && was != is
        {
            return broken(Invariant::VerdictChanged, format!("attempt {number} had {was:?}, has {is:?}"));
        }
    }
    let (was, is) = (before.and_then(|before| before.state.send()), after.state.send());
    if let (Some(was), Some(is)) = (was, is)
        && was != is
    {
        let may_be_new = match before.map(|before| &before.state) {
            Some(AttemptState::InDoubt { stored_error_count, .. }) => *stored_error_count >= STORED_ERRORS,
            _ => false,
        };
        if !may_be_new || was.body != is.body {
            let shown_by = format!("attempt {number} is in doubt with key {}, now {}", was.n, is.n);
            return broken(Invariant::SendChanged, shown_by);
        }
    }
    let sends = |attempt: &Attempt| match &attempt.state {
        AttemptState::Finalizing { .. } => 1,
        AttemptState::InDoubt { send_count, .. } => *send_count,
        _ => 0,
    };
    let is_sent = sends(after) > before.map_or(0, sends);
    let away_ms = decided_at.saturating_sub(after.buyer_seen_at);
    // A completed session is asked for its ids at any time: nobody is charged by that.
    let may_charge = ledger.money(&after.checkout_session_id) == Money::Untouched;
    if is_sent && may_charge && away_ms > RESEND_WINDOW_MS {
        let shown_by = format!("attempt {number} is sent {} s after its buyer was seen", away_ms / 1_000);
        return broken(Invariant::SentTooLate, shown_by);
    }
    Ok(())
}

/// A verdict must be Amazon's truth at the moment at which it is kept.
fn is_true(checkout: &Checkout, attempt: &Attempt, ledger: &Ledger) -> Held {
    let session = attempt.checkout_session_id.as_str();
    let number = attempt.number;
    let money = ledger.money(session);
    if attempt.state.is_not_paid() {
        return match money {
            Money::Paid | Money::Pending => {
                broken(Invariant::PaidCalledUnpaid, format!("attempt {number} is NotPaid, its money {money:?}"))
            }
            Money::Untouched | Money::Never | Money::Released | Money::Declined => Ok(()),
        };
    }
    let Some(ids) = attempt.state.ids() else { return Ok(()) };
    let mut truth = ledger.ids(session);
    if ids.1.is_none()
        && let Some((_, charge)) = &mut truth
    {
        *charge = None;
    }
    if truth.as_ref() != Some(&ids) {
        let shown_by = format!("attempt {number} has the ids {ids:?}, Amazon {truth:?}");
        return broken(Invariant::UnpaidCalledPaid, shown_by);
    }
    let Some(word) = attempt.state.success() else { return Ok(()) };
    let intent = match word {
        "paid" => "AuthorizeWithCapture",
        "authorized" => "Authorize",
        _ => "Confirm",
    };
    if checkout.terms.payment_intent != intent {
        return broken(Invariant::UnpaidCalledPaid, format!("{word} under {}", checkout.terms.payment_intent));
    }
    if !ledger.was_paid(session) {
        let shown_by = format!("attempt {number} is {}, its money {money:?}", attempt.state.name());
        return broken(Invariant::UnpaidCalledPaid, shown_by);
    }
    let terms = (checkout.terms.charge_amount, checkout.terms.currency.clone());
    match ledger.charged(session) {
        Some(charged) if *charged != terms => {
            broken(Invariant::UnpaidCalledPaid, format!("charged {charged:?}, the terms say {terms:?}"))
        }
        Some(_) | None => Ok(()),
    }
}

/// What must hold when a session's money moves at Amazon. `checkouts` are all of the merchant half's.
pub(crate) fn of_payment<'a>(
    session: &str,
    ledger: &Ledger,
    checkouts: impl Iterator<Item = &'a Checkout>,
) -> Held {
    let money = ledger.money(session);
    if !matches!(money, Money::Pending | Money::Paid) {
        return Ok(());
    }
    let bound = checkouts.flat_map(|checkout| checkout.attempts.iter().map(move |attempt| (checkout, attempt)));
    let mut bound = bound.filter(|(_, attempt)| attempt.checkout_session_id == session);
    let Some((checkout, attempt)) = bound.next() else {
        return broken(Invariant::ChargedWithoutOrder, format!("no order knows the session {session}"));
    };
    if bound.next().is_some() {
        return broken(Invariant::SessionOfTwoOrders, format!("the session {session} is bound twice"));
    }
    let is_asked_for = attempt.state.may_be_finalized() || attempt.state.ids().is_some();
    if !is_asked_for {
        let (number, state) = (attempt.number, attempt.state.name());
        let shown_by = format!("attempt {number} is {state}, its money {money:?}");
        let invariant = if attempt.state.is_not_paid() {
            Invariant::PaidCalledUnpaid
        } else {
            Invariant::ChargedWithoutOrder
        };
        return broken(invariant, shown_by);
    }
    let paid = checkout.attempts.iter().filter(|attempt| {
        matches!(ledger.money(&attempt.checkout_session_id), Money::Pending | Money::Paid)
    });
    let paid: Vec<u32> = paid.map(|attempt| attempt.number).collect();
    if paid.len() > 1 {
        return broken(Invariant::PaidTwice, format!("the attempts {paid:?} of {}", checkout.order_id));
    }
    Ok(())
}

/// What was said about one session, or about a checkout as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// `paid`, `authorized`, `confirmed`, `pending`, `checking`, `notPaid` or `registered`; `good`, `bad`
    /// or `open` for a page.
    pub(crate) word: String,
    pub(crate) charge_permission_id: Option<String>,
    pub(crate) charge_id: Option<String>,
}

impl Said {
    fn ids(&self) -> Option<Ids> {
        Some((self.charge_permission_id.clone()?, self.charge_id.clone()))
    }
}

/// What is said of a session must be kept. `before` is the checkout when the question came, `after` when
/// the answer left.
pub(crate) fn of_completion(said: &Said, session: &str, before: Option<&Checkout>, after: &Checkout) -> Held {
    let (was, is) = (before.and_then(|before| before.deciding(session)), after.deciding(session));
    let Some(is) = is else {
        return broken(Invariant::SaidBeforeKept, format!("{} of a session that is not bound", said.word));
    };
    let state = is.state.name();
    match said.word.as_str() {
        "paid" | "authorized" | "confirmed" => {
            if is.state.success() != Some(said.word.as_str()) {
                return broken(Invariant::SaidBeforeKept, format!("said {}, kept {state}", said.word));
            }
            if is.state.ids() != said.ids() {
                let kept = is.state.ids();
                return broken(Invariant::SaidBeforeKept, format!("said {:?}, kept {kept:?}", said.ids()));
            }
        }
        "notPaid" => {
            if !is.state.is_not_paid() {
                return broken(Invariant::SaidBeforeKept, format!("said notPaid, kept {state}"));
            }
        }
        "pending" | "checking" => {
            let was_final = was.filter(|was| was.state.success().is_some() || was.state.is_not_paid());
            if let Some(was) = was_final {
                let shown_by = format!("said {} after {}", said.word, was.state.name());
                return broken(Invariant::VerdictChanged, shown_by);
            }
        }
        other => return broken(Invariant::SaidBeforeKept, format!("said {other:?}")),
    }
    Ok(())
}

/// What is said of a checkout as a whole, by the shop's API or the result page.
pub(crate) fn of_checkout_shown(said: &Said, before: Option<&Checkout>, after: &Checkout) -> Held {
    let completed = |checkout: &Checkout| {
        checkout.attempts.iter().find_map(|attempt| Some((attempt.state.success()?, attempt.state.ids())))
    };
    let word = said.word.as_str();
    if let Some((was, _)) = before.and_then(completed)
        && word != was
        && word != "good"
    {
        return broken(Invariant::VerdictChanged, format!("said {word} after {was}"));
    }
    match word {
        "paid" | "authorized" | "confirmed" | "good" => match completed(after) {
            Some((kept, ids)) if word == "good" || (word == kept && said.ids() == ids) => Ok(()),
            kept => broken(Invariant::SaidBeforeKept, format!("said {said:?}, kept {kept:?}")),
        },
        "notPaid" | "bad" => {
            let is_live = |number| after.live().any(|attempt| attempt.number == number);
            let live = before.and_then(|before| before.live().find(|attempt| is_live(attempt.number)));
            if let Some(live) = live {
                let shown_by = format!("said {word} while attempt {} is live", live.number);
                return broken(Invariant::PaidCalledUnpaid, shown_by);
            }
            if after.attempts.iter().any(|attempt| attempt.state.is_not_paid()) {
                return Ok(());
            }
            broken(Invariant::SaidBeforeKept, format!("said {word}, and no attempt is NotPaid"))
        }
        "pending" | "checking" | "registered" | "open" => Ok(()),
        other => broken(Invariant::SaidBeforeKept, format!("said {other:?}")),
    }
}

/// What must hold of a checkout when all faults are over and 40 days have passed.
pub(crate) fn of_the_end(checkout: &Checkout, ledger: &Ledger, ids_are_shown: bool) -> Held {
    for attempt in &checkout.attempts {
        let (number, money) = (attempt.number, ledger.money(&attempt.checkout_session_id));
        match &attempt.state {
            AttemptState::Unresolved { reason, .. } => {
                let cannot_tell = match reason.as_str() {
                    "IdsMissing" => !ids_are_shown,
                    _ => false,
                };
                if !cannot_tell {
                    let shown_by = format!("attempt {number}: {reason}, its money {money:?}");
                    return broken(Invariant::UnresolvedWithoutNeed, shown_by);
                }
            }
            state if !state.is_final() => {
                let shown_by = format!("attempt {number} is {}, its money {money:?}", state.name());
                return broken(Invariant::NeverDecided, shown_by);
            }
            state => {
                let called_paid = state.success().is_some();
                if money == Money::Paid && !called_paid {
                    let shown_by = format!("attempt {number} is {}, its money {money:?}", state.name());
                    return broken(Invariant::PaidCalledUnpaid, shown_by);
                }
            }
        }
    }
    Ok(())
}

/// The bytes that were made durable for each session and key.
pub(crate) type DurableSends = HashMap<(String, String), String>;

/// What leaves must have been made durable before, to the byte.
pub(crate) fn of_leaving(session: &str, key: &str, body: &[u8], durable: &DurableSends) -> Held {
    match durable.get(&(session.to_owned(), key.to_owned())) {
        None => broken(Invariant::SendChanged, "a Finalize leaves under a key that is not durable"),
        Some(kept) if kept.as_bytes() != body => {
            broken(Invariant::SendChanged, "a Finalize leaves with other bytes than were kept")
        }
        Some(_) => Ok(()),
    }
}
