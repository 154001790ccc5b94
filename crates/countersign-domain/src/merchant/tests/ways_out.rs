//! Every state has a way out: a timer, or a person who is needed and can decide, or it is over. Each list is exhaustive: a new
//! state does not compile until it is given its way out here, and fails until it is constructed. That a person can decide is
//! tried by [`super::routes`]. What persons do without a decision is documented: a missed snapshot is confirmed by
//! `DELETE …/snapshot`, and a webhook is sent by `POST /v1/webhooks/{eventId}/send`; the merchant half's tests try both.

use super::decide::payments::*;
use super::paid::*;
use super::routes::route;
use super::*;
use crate::ids::DisputeId;
use crate::merchant::checkout::standing::Need;
use crate::merchant::decision::evidence::Evidence;
use crate::merchant::decision::{Asked, Decision, DecisionState, Decisions, Precedence, Statement, Subject};
use crate::merchant::payment::dispute::{Dispute, DisputeState};
use crate::merchant::rules::ALARMS;

/// How a state ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WayOut {
    /// A timer asks Amazon again.
    Timer,
    /// A timer asks Amazon again, and a person is needed, who can decide.
    TimerAndPerson(Need),
    /// A person is needed, who can decide.
    Person(Need),
    /// It is final, and nothing is asked any more.
    Over,
}

#[track_caller]
fn holds(checkout: &Checkout, way_out: WayOut, what: &str) {
    let is_timed = checkout.due_at(&rules()).is_some();
    let needs = checkout.needs();
    match way_out {
        WayOut::Timer => {
            assert!(is_timed, "{what} has no timer");
            assert_eq!(needs, [], "{what}");
        }
        WayOut::TimerAndPerson(need) => {
            assert!(is_timed, "{what} has no timer");
            assert_eq!(needs, [need], "{what}");
            assert!(route(checkout, need).is_some(), "no decision ends {what}");
        }
        WayOut::Person(need) => {
            assert!(!is_timed, "{what} has a timer");
            assert_eq!(needs, [need], "{what}");
            assert!(route(checkout, need).is_some(), "no decision ends {what}");
        }
        WayOut::Over => {
            assert!(!is_timed, "{what} is over and has a timer");
            assert_eq!(needs, [], "{what}");
        }
    }
}

/// Every name of `all` is among the constructed ones: none is forgotten.
#[track_caller]
fn all_constructed(constructed: &[&str], all: &[&str]) {
    for name in all {
        assert!(constructed.contains(name), "{name} is not constructed");
    }
}

fn of_attempt(state: &AttemptState) -> WayOut {
    match state {
        AttemptState::Bound { .. } | AttemptState::Pending { .. } | AttemptState::NotApproved(_) => {
            WayOut::Timer
        }
        AttemptState::Finalize(InFlight::InDoubt(doubt)) if doubt.alarm_count as usize >= ALARMS.len() => {
            WayOut::TimerAndPerson(Need::Unresolved)
        }
        AttemptState::Finalize(in_flight) => match in_flight {
            InFlight::Recorded { .. } | InFlight::Sent { .. } | InFlight::InDoubt(_) => WayOut::Timer,
        },
        // A person has decided: the money is on its way back.
        AttemptState::Unresolved { reason: UnresolvedReason::Refunding, .. } => WayOut::Timer,
        AttemptState::Unresolved { reason: UnresolvedReason::Contradicted, .. } => {
            WayOut::TimerAndPerson(Need::Contradicted)
        }
        AttemptState::Unresolved {
            reason:
                UnresolvedReason::SessionGone
                | UnresolvedReason::CompletedElsewhere
                | UnresolvedReason::IdsMissing,
            ..
        } => WayOut::TimerAndPerson(Need::Unresolved),
        AttemptState::NotPaid { charge, .. } => match charge.as_ref().map(|failed| failed.contradicted) {
            Some(Some(_)) => WayOut::TimerAndPerson(Need::Contradicted),
            Some(None) | None => WayOut::Over,
        },
        AttemptState::Completed { .. } | AttemptState::Surplus { .. } | AttemptState::Released { .. } => {
            WayOut::Over
        }
    }
}

#[test]
fn every_state_of_an_attempt_has_a_way_out() {
    let failed = |contradicted| AttemptState::NotPaid {
        reason: NotPaidReason::ChargeDeclined(None),
        charge: Some(crate::merchant::attempt::FailedCharge {
            charge_permission_id: permission(),
            charge_id: charge(),
            contradicted,
        }),
        at: sent_at(),
    };
    let doubted = Doubt { alarm_count: u32::try_from(ALARMS.len()).unwrap(), ..doubt() };
    let more = [
        failed(None),
        failed(Some(LookSchedule { at: sent_at(), count: 0 })),
        AttemptState::Finalize(InFlight::InDoubt(doubted)),
    ];
    let mut constructed = Vec::new();
    for state in states().into_iter().chain(more) {
        constructed.push(state.name());
        let way_out = of_attempt(&state);
        holds(&checkout(PaymentIntent::Authorize, state.clone()), way_out, state.name());
        // An order that waits for another of its cart has a timer, too.
        if let AttemptState::Bound { .. } = state {
            let mut waiting = checkout(PaymentIntent::Authorize, state);
            waiting.attempts[0].waits_for = Some(CheckoutId::parse("other").unwrap());
            holds(&waiting, WayOut::Timer, "an attempt that waits");
        }
    }
    // A second payment of the order ends once its money was returned in Seller Central.
    let mut twice = paid(payment_of(vec![charge_in(ChargeState::Captured(hundred()))]));
    let state = unresolved(UnresolvedReason::Contradicted);
    let second = Attempt { number: AttemptNumber::new(2), state, ..twice.attempts[0].clone() };
    twice.attempts.push(second);
    holds(&twice, WayOut::TimerAndPerson(Need::Contradicted), "a second payment");
    all_constructed(
        &constructed,
        &[
            "Bound",
            "Approved",
            AttemptState::FINALIZING,
            "InDoubt",
            "NotApproved",
            "Pending",
            "Completed",
            "NotPaid",
            "Unresolved",
            "Surplus",
            "Released",
        ],
    );
}

fn of_operation(state: &OperationState) -> WayOut {
    match state {
        OperationState::InFlight(InFlight::Recorded { .. } | InFlight::Sent { .. }) => WayOut::Timer,
        OperationState::InFlight(InFlight::InDoubt(doubt)) if doubt.alarm_count as usize >= ALARMS.len() => {
            WayOut::TimerAndPerson(Need::OperationInDoubt)
        }
        OperationState::InFlight(InFlight::InDoubt(_)) => WayOut::Timer,
        OperationState::Done(_) | OperationState::Refused { .. } => WayOut::Over,
    }
}

#[test]
fn every_state_of_every_operation_has_a_way_out() {
    let calls = [
        (create(), OperationEffect::Charge(charge())),
        (capture(), OperationEffect::Charge(charge())),
        (refund(), OperationEffect::Refund(refund_id())),
        (cancel(), OperationEffect::Charge(charge())),
        (close(), OperationEffect::Closed),
    ];
    for (call, effect) in calls {
        let old = OperationState::InFlight(InFlight::InDoubt(Doubt {
            alarm_count: u32::try_from(ALARMS.len()).unwrap(),
            ..doubt()
        }));
        let mut constructed = Vec::new();
        for state in operation_states(effect).into_iter().chain([old]) {
            constructed.push(state.name());
            let way_out = of_operation(&state);
            // Its charge is over, so nothing but the operation has a timer.
            let charge = charge_in(ChargeState::Captured(hundred()));
            let payment = Payment {
                operations: vec![operation(1, call.clone(), state.clone())],
                ..payment_of(vec![charge])
            };
            holds(&paid(payment), way_out, &format!("{} {}", call.call(), state.name()));
        }
        all_constructed(&constructed, &["Recorded", OperationState::SENDING, "InDoubt", "Done", "Refused"]);
    }
}

fn of_charge(state: &ChargeState, sight: LastSeen) -> WayOut {
    match (state, sight) {
        (_, LastSeen::Contradicted(_)) => WayOut::TimerAndPerson(Need::Contradicted),
        (
            ChargeState::AuthorizationInitiated | ChargeState::Authorized | ChargeState::CaptureInitiated,
            LastSeen::Never | LastSeen::Doubted | LastSeen::At(_),
        ) => WayOut::Timer,
        (
            ChargeState::Captured(_) | ChargeState::Canceled(_) | ChargeState::Declined(_),
            LastSeen::Never | LastSeen::Doubted | LastSeen::At(_),
        ) => WayOut::Over,
    }
}

#[test]
fn every_state_of_a_charge_that_amazon_can_show_has_a_way_out() {
    let known = [
        ChargeState::AuthorizationInitiated,
        ChargeState::Authorized,
        ChargeState::CaptureInitiated,
        ChargeState::Captured(hundred()),
        ChargeState::Canceled(None),
        ChargeState::Declined(None),
    ];
    let now = sent_at().plus(SECOND);
    let mut constructed = Vec::new();
    for state in known {
        for seen in CHARGES_SEEN {
            let before = paid(payment_of(vec![charge_in(state.clone())]));
            let shown = ChargeView { asked_at: now, ..charge_shown_as(seen) };
            let after = charge_shown(&before, &shown, now, &rules()).map_or(before, |(step, _)| step.next);
            let charge = &after.payment.as_ref().unwrap().charges[0];
            constructed.push(charge.state.name());
            let what =
                format!("{} shown as {seen:?}, now {} {:?}", state.name(), charge.state.name(), charge.sight);
            let is_over = of_charge(&charge.state, charge.sight) == WayOut::Over;
            // What is over may be looked at once more, because Amazon has shown something else.
            if !is_over || after.due_at(&rules()).is_none() {
                holds(&after, of_charge(&charge.state, charge.sight), &what);
            }
        }
    }
    let all =
        ["AuthorizationInitiated", "Authorized", "CaptureInitiated", "Captured", "Canceled", "Declined"];
    all_constructed(&constructed, &all);
}

fn of_refund(state: &RefundState) -> WayOut {
    match state {
        RefundState::RefundInitiated => WayOut::Timer,
        RefundState::Refunded | RefundState::Declined(_) => WayOut::Over,
    }
}

#[test]
fn a_contradiction_of_a_further_charge_and_a_charge_that_no_look_finds_have_ways_out() {
    let captured = || charge_in(ChargeState::Captured(hundred()));
    for state in [ChargeState::Authorized, ChargeState::Captured(usd(5_000)), ChargeState::Canceled(None)] {
        let further = Charge {
            id: ChargeId::parse("S01-1-C2").unwrap(),
            origin: ChargeOrigin::Operation,
            amount: usd(5_000),
            sight: LastSeen::Contradicted(Misfit::StateDiffers),
            look: Some(LookSchedule { at: sent_at(), count: 0 }),
            ..charge_in(state)
        };
        let order = paid(payment_of(vec![captured(), further]));
        holds(&order, WayOut::TimerAndPerson(Need::Contradicted), "a further charge");
    }
    let lost = Operation { contradicted_count: 2, ..operation(1, create(), in_doubt()) };
    let order = paid(Payment { operations: vec![lost], ..payment_of(vec![captured()]) });
    holds(&order, WayOut::TimerAndPerson(Need::OperationInDoubt), "a charge that no look finds");
}

#[test]
fn every_state_of_a_dispute_has_a_way_out() {
    let of = |state: DisputeState| match state {
        DisputeState::Open { .. } => WayOut::TimerAndPerson(Need::Disputed),
        DisputeState::Won { .. } | DisputeState::Lost { .. } => WayOut::Over,
    };
    let at = sent_at();
    for state in [DisputeState::Open { remind_at: at }, DisputeState::Won { at }, DisputeState::Lost { at }] {
        let id = DisputeId::parse("S01-1-B1").unwrap();
        let dispute = Dispute { id, charge_id: Some(charge()), amount: None, opened_at: at, state };
        let captured = payment_of(vec![charge_in(ChargeState::Captured(hundred()))]);
        holds(&paid(Payment { disputes: vec![dispute], ..captured }), of(state), state.name());
    }
}

/// An earlier decision, and one that disputes it in this state, or one alone.
fn decided(supersedes: Precedence, state: DecisionState) -> Checkout {
    let statement = |reference: &str| Statement {
        reference: reference.to_string(),
        actor: "alice".to_string(),
        evidence: Evidence::parse("Seller Central shows it").unwrap(),
        at: sent_at(),
    };
    let decision = |reference: &str, asked, supersedes, state| Decision {
        subject: Subject::Attempt(AttemptNumber::FIRST),
        asked,
        first: statement(reference),
        second: None,
        supersedes,
        replaces: None,
        state,
    };
    let paid_by = Asked::Paid { charge_permission_id: None, charge_id: None, amount: None };
    let made = DecisionState::Made { at: sent_at() };
    let earlier = decision("1", paid_by, Precedence::First, made);
    let latest = |asked| decision("2", asked, supersedes, state);
    let made = match supersedes {
        Precedence::Disputes => vec![earlier, latest(Asked::NotPaid)],
        Precedence::First | Precedence::Besides => vec![latest(Asked::Remind { at: None })],
    };
    let order = paid(payment_of(vec![charge_in(ChargeState::Captured(hundred()))]));
    Checkout { decisions: Decisions { made, absences: Vec::new() }, ..order }
}

#[test]
fn every_state_of_a_decision_has_a_way_out() {
    let of = |supersedes: Precedence, state: DecisionState| match (state, supersedes) {
        (DecisionState::AwaitsSecond { .. }, Precedence::Disputes) => {
            WayOut::TimerAndPerson(Need::Unresolved)
        }
        (DecisionState::Expired { .. }, Precedence::Disputes) => WayOut::Person(Need::Unresolved),
        (DecisionState::AwaitsSecond { .. }, Precedence::First | Precedence::Besides)
        | (DecisionState::Reminds { .. }, _) => WayOut::Timer,
        (DecisionState::Expired { .. }, Precedence::First | Precedence::Besides)
        | (
            DecisionState::Made { .. } | DecisionState::Reminded { .. } | DecisionState::Superseded { .. },
            Precedence::First | Precedence::Disputes | Precedence::Besides,
        ) => WayOut::Over,
    };
    let at = sent_at();
    let states = [
        DecisionState::AwaitsSecond { until: at.plus(DAY) },
        DecisionState::Expired { at },
        DecisionState::Made { at },
        DecisionState::Reminds { at },
        DecisionState::Reminded { at },
        DecisionState::Superseded { at },
    ];
    for supersedes in [Precedence::First, Precedence::Disputes, Precedence::Besides] {
        for state in states {
            let what = format!("{supersedes:?} {}", state.name());
            holds(&decided(supersedes, state), of(supersedes, state), &what);
        }
    }
}

#[test]
fn every_state_of_a_refund_has_a_way_out() {
    let states = [RefundState::RefundInitiated, RefundState::Refunded, RefundState::Declined(None)];
    for state in &states {
        let captured = || charge_in(ChargeState::Captured(hundred()));
        let known = Charge { refunds: vec![refund_in(4_000, state.clone())], ..captured() };
        holds(&paid(payment_of(vec![known])), of_refund(state), state.name());
        // As Amazon shows it for the first time.
        let before = paid(payment_of(vec![captured()]));
        let now = sent_at().plus(SECOND);
        let shown = refund_shown(&before, &refund_shown_as(state.clone()), now, &rules()).unwrap();
        // Its charge may be looked at once more, for what it shows as refunded.
        if of_refund(state) == WayOut::Timer || shown.next.due_at(&rules()).is_none() {
            holds(&shown.next, of_refund(state), &format!("{} shown", state.name()));
        }
    }
}

/// A permission that waits for its buyer has a timer; one that is spent or closed is over.
fn of_permission(state: &PermissionState) -> WayOut {
    use crate::merchant::payment::permission::Hindrance;
    match state {
        PermissionState::Chargeable | PermissionState::Closed(_) => WayOut::Over,
        PermissionState::NonChargeable(_) => match state.hindrance() {
            Some(Hindrance::Buyer) => WayOut::Timer,
            Some(Hindrance::ChargeInProgress | Hindrance::Spent) | None => WayOut::Over,
        },
    }
}

#[test]
fn every_state_of_a_permission_has_a_way_out() {
    let nonchargeable = |reason: &str| PermissionState::NonChargeable(reason.to_string());
    for state in [
        PermissionState::Chargeable,
        nonchargeable("PaymentMethodInvalid"),
        nonchargeable("TransactionAmountExceeded"),
        nonchargeable("ChargeInProgress"),
        closed(),
    ] {
        let before = paid(payment_of(vec![charge_in(ChargeState::Captured(hundred()))]));
        let now = sent_at().plus(SECOND);
        let after = permission_shown(&before, &permission_shown_as(state.clone()), now, &rules())
            .map_or(before, |(step, _)| step.next);
        let way_out = of_permission(&state);
        let what = format!("{} {:?}", state.name(), state.reason());
        assert_eq!(after.due_at(&rules()).is_some(), way_out == WayOut::Timer, "{what}");
    }
}

#[test]
fn every_state_of_a_cancellation_has_a_way_out() {
    let of = |state: &CancellationState| match state {
        CancellationState::Requested { is_stuck: true, .. } => {
            WayOut::TimerAndPerson(Need::CancellationStuck)
        }
        CancellationState::Requested { is_stuck: false, .. } => WayOut::Timer,
        CancellationState::Done { remind_at: Some(_), .. } => WayOut::TimerAndPerson(Need::CancellationStuck),
        CancellationState::Done { remind_at: None, .. } => WayOut::Over,
    };
    for state in [
        CancellationState::Requested { remind_at: sent_at(), is_stuck: false },
        CancellationState::Requested { remind_at: sent_at(), is_stuck: true },
        CancellationState::Done { at: sent_at(), remind_at: None },
        CancellationState::Done { at: sent_at(), remind_at: Some(sent_at()) },
    ] {
        let what = UndoStep::Refund(charge());
        let refused = (1..=3).map(|try_number| Operation {
            name: OperationName::Own(OwnName::Undo { what: what.clone(), try_number }),
            ..operation(
                try_number,
                refund(),
                OperationState::Refused { code: "TransactionCountExceeded".to_string() },
            )
        });
        let payment = Payment {
            operations: refused.collect(),
            permission: Permission { state: closed(), look: None },
            ..payment_of(vec![charge_in(ChargeState::Captured(hundred()))])
        };
        let canceled =
            Checkout { cancellation: Some(Cancellation { state, ..cancellation() }), ..paid(payment) };
        holds(&canceled, of(&state), &format!("{state:?}"));
    }
}

#[test]
fn every_state_of_a_permission_that_names_the_order_has_a_way_out() {
    use crate::merchant::checkout::unexplained::{
        Unexplained, UnexplainedEnd, UnexplainedReason, UnexplainedState,
    };
    let of = |state: &UnexplainedState| match state {
        UnexplainedState::Heard { .. } | UnexplainedState::Watched { .. } => WayOut::Timer,
        UnexplainedState::Open { .. } => WayOut::TimerAndPerson(Need::Unexplained),
        UnexplainedState::Over { .. } => WayOut::Over,
    };
    let look = LookSchedule { at: sent_at(), count: 0 };
    let mut states = vec![UnexplainedState::Heard { look }, UnexplainedState::Watched { look }];
    let open = UnexplainedReason::ALL.iter().map(|reason| UnexplainedState::Open {
        reason: *reason,
        since: sent_at(),
        look,
    });
    states.extend(open);
    states.extend(UnexplainedEnd::ALL.iter().map(|end| UnexplainedState::Over { end: *end, at: sent_at() }));
    let mut constructed = Vec::new();
    for state in states {
        constructed.push(state.name());
        let way_out = of(&state);
        let heard_of = Unexplained {
            charge_permission_id: permission(),
            charge_ids: Vec::new(),
            attempt: None,
            amount: None,
            heard_at: sent_at(),
            returning: None,
            asked_at: None,
            state,
        };
        let what = format!("{:?}", heard_of.state);
        holds(&Checkout { unexplained: vec![heard_of], ..unpaid(PaymentIntent::Authorize) }, way_out, &what);
    }
    all_constructed(&constructed, &["Heard", "Watched", "Open", "Over"]);
    // Beside the payment of the order, a second one can only be returned.
    let second = Unexplained {
        charge_permission_id: ChargePermissionId::parse("S01-2").unwrap(),
        charge_ids: vec![ChargeId::parse("S01-2-C1").unwrap()],
        attempt: None,
        amount: Some(hundred()),
        heard_at: sent_at(),
        returning: None,
        asked_at: Some(sent_at()),
        state: UnexplainedState::Open { reason: UnexplainedReason::PaidTwice, since: sent_at(), look },
    };
    let order = paid(payment_of(vec![charge_in(ChargeState::Captured(hundred()))]));
    let order = Checkout { unexplained: vec![second], ..order };
    holds(&order, WayOut::TimerAndPerson(Need::Unexplained), "a second payment");
}

#[test]
fn every_state_of_a_contest_has_a_way_out() {
    use crate::merchant::payment::contest::{ClaimedId, Contest, ContestState, Holder};
    let of = |state: &ContestState| match state {
        ContestState::Open { .. } => WayOut::TimerAndPerson(Need::Contradicted),
        ContestState::Settled { .. } => WayOut::Over,
    };
    let look = LookSchedule { at: sent_at(), count: 0 };
    let ids =
        [ClaimedId::Permission(permission()), ClaimedId::Charge(charge()), ClaimedId::Refund(refund_id())];
    for id in ids {
        for holder in [Holder::ThisOrder, Holder::AnotherOrder] {
            for state in [ContestState::Open { look }, ContestState::Settled { at: sent_at() }] {
                let (way_out, what) = (of(&state), format!("{id:?} {holder:?} {state:?}"));
                let contests = vec![Contest { id: id.clone(), holder, state }];
                let payment = payment_of(vec![charge_in(ChargeState::Captured(hundred()))]);
                holds(&paid(Payment { contests, ..payment }), way_out, &what);
            }
        }
    }
}
