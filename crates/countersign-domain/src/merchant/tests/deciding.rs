//! What persons decide: which verdict is allowed for what Amazon shows, by how many, and what follows.

use super::*;
use crate::merchant::decision::absence::{MISSING_FOR, counts};
use crate::merchant::decision::evidence::Evidence;
use crate::merchant::decision::judge::DecisionRefused;
use crate::merchant::decision::make::{Before, DecisionRequest, make};
use crate::merchant::decision::shown::{AmazonShows, PermissionFacts, Shown};
use crate::merchant::decision::{Asked, Decision, DecisionState, Precedence, SECOND_WITHIN, Subject};
use crate::merchant::event::DecisionEvent;
use crate::merchant::payment::contest::{ClaimedId, Contest, ContestState, Holder};

const DAY: Duration = Duration::from_secs(24 * 3_600);

pub(super) fn attempt_1() -> Subject {
    Subject::Attempt(AttemptNumber::FIRST)
}

pub(super) fn facts() -> PermissionFacts {
    PermissionFacts {
        id: permission(),
        state: PermissionState::Chargeable,
        created_at: Some(sent_at()),
        merchant_reference_id: Some("c1".to_string()),
        limit: AmountView::Shown(amount()),
        balance: AmountView::Absent,
    }
}

pub(super) fn captured() -> ChargeView {
    ChargeView {
        created_at: Some(sent_at()),
        ..view(AmazonChargeState::Captured, AmountView::Shown(amount()))
    }
}

pub(super) fn completed_session() -> Shown<SessionView> {
    let (charge_permission_id, charge_id) = (Some(permission()), Some(charge()));
    Shown::It(SessionView::Completed { charge_permission_id, charge_id })
}

/// Amazon shows the payment as it was asked for.
pub(super) fn all_shown() -> AmazonShows {
    AmazonShows {
        session: completed_session(),
        permission: Shown::It(facts()),
        charge: Shown::It(captured()),
        ..AmazonShows::default()
    }
}

/// As [`all_shown`], but the permission names another order.
pub(super) fn anothers_shown() -> AmazonShows {
    let facts = PermissionFacts { merchant_reference_id: Some("c9".to_string()), ..facts() };
    AmazonShows { permission: Shown::It(facts), ..all_shown() }
}

pub(super) fn paid() -> Asked {
    Asked::Paid { charge_permission_id: Some(permission()), charge_id: Some(charge()), amount: None }
}

pub(super) fn refund(amount: Money) -> Asked {
    Asked::Refund { charge_permission_id: None, charge_id: charge(), amount }
}

/// One person's request; the reference is `actor n`.
pub(super) fn by(
    checkout: &Checkout,
    actor: &str,
    asked: &Asked,
    shows: &AmazonShows,
    now: Timestamp,
) -> (Checkout, Result<Decision, DecisionRefused>, Vec<CheckoutEvent>) {
    let count = checkout.decisions.made.len();
    as_request(checkout, &format!("{actor} {count}"), actor, asked, shows, now)
}

pub(super) fn as_request(
    checkout: &Checkout,
    reference: &str,
    actor: &str,
    asked: &Asked,
    shows: &AmazonShows,
    now: Timestamp,
) -> (Checkout, Result<Decision, DecisionRefused>, Vec<CheckoutEvent>) {
    let evidence = Evidence::parse("Seller Central shows it").unwrap();
    let request = DecisionRequest { subject: &attempt_1(), asked, reference, actor, evidence: &evidence };
    let mut draft = Draft::new(checkout.clone(), now, rules());
    let made = make(&mut draft, &request, shows, Before::Undecided);
    let decided = draft.finish();
    (decided.checkout, made, decided.events)
}

pub(super) fn sent(reason: UnresolvedReason) -> Checkout {
    checkout(PaymentIntent::AuthorizeWithCapture, unresolved(reason))
}

pub(super) fn never_sent() -> Checkout {
    let state = AttemptState::Unresolved {
        reason: UnresolvedReason::CompletedElsewhere,
        send: None,
        sent_at: sent_at(),
        look_at: sent_at().plus(DAY),
    };
    checkout(PaymentIntent::AuthorizeWithCapture, state)
}

/// The result in a few words: the decision's state, the attempt's, and the refusal.
pub(super) fn told(checkout: &Checkout, made: &Result<Decision, DecisionRefused>) -> String {
    match made {
        Ok(decision) => format!("{}, {}", decision.state.name(), words_of(checkout)),
        Err(refused) => format!("{refused:?}"),
    }
}

pub(super) fn words_of(checkout: &Checkout) -> String {
    let attempt = &checkout.attempts[0];
    match &attempt.state {
        AttemptState::NotPaid { reason, .. } => format!("NotPaid {}", reason.code()),
        AttemptState::Unresolved { reason, .. } => format!("Unresolved {reason}"),
        state => state.name().to_string(),
    }
}

// Promise: D03
#[test]
fn paid_needs_everything_shown_and_equal() {
    let now = sent_at().plus(2 * DAY);
    let other = Money::from_minor(1_500, Currency::USD);
    let with_charge = |charge: ChargeView| AmazonShows { charge: Shown::It(charge), ..all_shown() };
    let with_permission =
        |facts: PermissionFacts| AmazonShows { permission: Shown::It(facts), ..all_shown() };
    let with_session = |session: Shown<SessionView>| AmazonShows { session, ..all_shown() };
    let says = |member: &str| format!("AmazonSaysOtherwise({member:?})");
    let gone = || Shown::It(SessionView::NotFound(access()));
    let rows: Vec<(&str, AmazonShows, String)> = vec![
        ("all is shown", all_shown(), "Made, Completed".to_string()),
        ("the session is not found once", with_session(gone()), "TooEarly(None)".to_string()),
        ("the session is not answered", with_session(Shown::Silent), "AmazonSilent".to_string()),
        (
            "the session is open",
            with_session(Shown::It(SessionView::Open(Box::default()))),
            says("statusDetails.state"),
        ),
        (
            "the session is canceled",
            with_session(Shown::It(SessionView::Canceled { reason: None })),
            says("statusDetails.state"),
        ),
        (
            "the session names another permission",
            with_session(Shown::It(SessionView::Completed {
                charge_permission_id: ChargePermissionId::parse("S01-2").ok(),
                charge_id: None,
            })),
            says("chargePermissionId"),
        ),
        (
            "the session names another charge",
            with_session(Shown::It(SessionView::Completed {
                charge_permission_id: Some(permission()),
                charge_id: ChargeId::parse("S01-1-C2").ok(),
            })),
            says("chargeId"),
        ),
        (
            "neither names the order",
            AmazonShows {
                session: Shown::It(SessionView::Completed {
                    charge_permission_id: None,
                    charge_id: Some(charge()),
                }),
                permission: Shown::It(PermissionFacts { merchant_reference_id: None, ..facts() }),
                ..all_shown()
            },
            says("merchantMetadata.merchantReferenceId"),
        ),
        (
            "the permission is another order's",
            AmazonShows { holder: CheckoutId::parse("c2").ok(), ..all_shown() },
            "OfAnotherOrder(\"chargePermissionId\")".to_string(),
        ),
        (
            "no permission",
            AmazonShows { permission: Shown::Missing, ..all_shown() },
            says("chargePermissionId"),
        ),
        ("no answer", AmazonShows { permission: Shown::Silent, ..all_shown() }, "AmazonSilent".to_string()),
        ("no charge", AmazonShows { charge: Shown::Missing, ..all_shown() }, says("chargeId")),
        (
            "another limit",
            with_permission(PermissionFacts { limit: AmountView::Shown(other), ..facts() }),
            says("limits.amountLimit"),
        ),
        (
            "no limit",
            with_permission(PermissionFacts { limit: AmountView::Absent, ..facts() }),
            says("limits.amountLimit"),
        ),
        (
            "a permission of an earlier time",
            with_permission(PermissionFacts { created_at: Some(sent_at().minus(DAY)), ..facts() }),
            says("creationTimestamp"),
        ),
        (
            "a charge of a later time",
            with_charge(ChargeView { created_at: Some(sent_at().plus(2 * DAY)), ..captured() }),
            says("creationTimestamp"),
        ),
        (
            "a charge of no time",
            with_charge(ChargeView { created_at: None, ..captured() }),
            says("creationTimestamp"),
        ),
        (
            "another amount",
            with_charge(ChargeView {
                created_at: Some(sent_at()),
                ..view(AmazonChargeState::Captured, AmountView::Shown(other))
            }),
            says("chargeAmount"),
        ),
        (
            "another currency",
            with_charge(ChargeView {
                created_at: Some(sent_at()),
                ..view(
                    AmazonChargeState::Captured,
                    AmountView::Shown(Money::from_minor(1_400, Currency::EUR)),
                )
            }),
            says("chargeAmount.currencyCode"),
        ),
        (
            "another capture",
            with_charge(ChargeView { captured: AmountView::Shown(other), ..captured() }),
            says("captureAmount"),
        ),
        (
            "declined",
            with_charge(ChargeView {
                created_at: Some(sent_at()),
                ..view(AmazonChargeState::Declined, AmountView::Shown(amount()))
            }),
            says("statusDetails.state"),
        ),
        (
            "another permission's charge",
            with_charge(ChargeView {
                charge_permission_id: ChargePermissionId::parse("S01-2").ok(),
                ..captured()
            }),
            says("chargePermissionId"),
        ),
    ];
    for (name, shows, expected) in rows {
        for reason in
            [UnresolvedReason::SessionGone, UnresolvedReason::IdsMissing, UnresolvedReason::Contradicted]
        {
            let (after, made, _) = by(&sent(reason), "alice", &paid(), &shows, now);
            assert_eq!(told(&after, &made), expected, "{name}, {reason}");
            if made.is_err() {
                assert_eq!(after, sent(reason), "{name}: nothing is changed");
            }
        }
    }
    let confirm = checkout(PaymentIntent::Confirm, unresolved(UnresolvedReason::IdsMissing));
    let asked = Asked::Paid { charge_permission_id: Some(permission()), charge_id: None, amount: None };
    let (after, made, _) = by(&confirm, "alice", &asked, &all_shown(), now);
    assert_eq!(told(&after, &made), "Made, Completed");
    let (_, made, _) = by(&confirm, "alice", &paid(), &all_shown(), now);
    assert_eq!(made.unwrap_err(), DecisionRefused::NotOfVerdict("chargeId"));
    let nothing_named = Asked::Paid { charge_permission_id: None, charge_id: None, amount: None };
    let (after, made, _) =
        by(&sent(UnresolvedReason::IdsMissing), "alice", &nothing_named, &all_shown(), now);
    assert_eq!(told(&after, &made), "Made, Completed", "the session names both");
    let silent = AmazonShows { session: Shown::Silent, ..AmazonShows::default() };
    let (_, made, _) = by(&sent(UnresolvedReason::IdsMissing), "alice", &nothing_named, &silent, now);
    assert_eq!(made.unwrap_err(), DecisionRefused::AmazonSilent);
    let named = Asked::Paid { charge_permission_id: None, charge_id: None, amount: Some(other) };
    let (_, made, _) = by(&sent(UnresolvedReason::IdsMissing), "alice", &named, &all_shown(), now);
    assert_eq!(made.unwrap_err(), DecisionRefused::NotWhatWasCharged(amount()));
}

// Promise: D03
#[test]
fn what_this_store_never_sent_needs_two_persons() {
    let now = sent_at().plus(2 * DAY);
    let (first, made, events) = by(&never_sent(), "alice", &paid(), &all_shown(), now);
    assert_eq!(told(&first, &made), "AwaitsSecond, Unresolved CompletedElsewhere");
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(first.due_at(&rules()), Some(now.plus(SECOND_WITHIN).min(sent_at().plus(DAY))));
    // The same person twice is one person, and changes nothing.
    let (same, made, _) = by(&first, "alice", &paid(), &all_shown(), now.plus(SECOND));
    assert_eq!(same, first);
    assert_eq!(told(&same, &made), "AwaitsSecond, Unresolved CompletedElsewhere");
    // Another decision is no confirmation.
    let (other, made, events) = by(&first, "bob", &Asked::NotPaid, &anothers_shown(), now.plus(SECOND));
    assert_eq!(told(&other, &made), "AwaitsSecond, Unresolved CompletedElsewhere");
    assert_eq!(other.decisions.made[0].state.name(), "Expired");
    // It says which request it has replaced, and so does its confirmation.
    assert_eq!(made.unwrap().replaces, Some("alice 0".to_string()));
    let [CheckoutEvent::Decision { event: DecisionEvent::Replaced, reference, actor, .. }, _] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((reference.as_str(), actor.as_str()), ("alice 0", "alice"));
    let (_, made, _) = by(&other, "carol", &Asked::NotPaid, &anothers_shown(), now.plus(SECOND));
    assert_eq!(made.unwrap().replaces, Some("alice 0".to_string()));
    let (second, made, _) = by(&first, "bob", &paid(), &all_shown(), now.plus(SECOND_WITHIN).minus(SECOND));
    assert_eq!(told(&second, &made), "Made, Completed");
    let decision = made.unwrap();
    assert_eq!((decision.first.actor.as_str(), decision.second.unwrap().actor.as_str()), ("alice", "bob"));
    assert_eq!(second.decisions.made.len(), 1);
    // At the end of the day, it is a first request again.
    let (late, made, _) = by(&first, "bob", &paid(), &all_shown(), now.plus(SECOND_WITHIN));
    assert_eq!(told(&late, &made), "AwaitsSecond, Unresolved CompletedElsewhere");
    // Amazon is asked for the confirmation, too.
    let declined = view(AmazonChargeState::Declined, AmountView::Shown(amount()));
    let shows = AmazonShows { charge: Shown::It(declined), ..all_shown() };
    let (_, made, _) = by(&first, "bob", &paid(), &shows, now.plus(SECOND));
    assert_eq!(made.unwrap_err(), DecisionRefused::AmazonSaysOtherwise("statusDetails.state"));
}

#[test]
fn a_request_that_nobody_confirms_expires_by_its_timer() {
    let now = sent_at().plus(2 * DAY);
    let (first, ..) = by(&never_sent(), "alice", &paid(), &all_shown(), now);
    let take_up = |now: Timestamp| {
        let mut draft = Draft::new(first.clone(), now, rules());
        while crate::merchant::after::due::take_up_payment(&mut draft).is_some() {}
        draft.finish()
    };
    assert!(take_up(now.plus(SECOND_WITHIN).minus(SECOND)).events.is_empty());
    let expired = take_up(now.plus(SECOND_WITHIN));
    assert_eq!(expired.events.len(), 1);
    assert_eq!(expired.checkout.decisions.made[0].state.name(), "Expired");
    assert_eq!(expired.checkout.decisions.due_at(), None);
}

// Promise: D03
#[test]
fn not_paid_needs_amazons_word_or_31_days_and_two_persons() {
    let silent = || AmazonShows { session: Shown::Silent, ..AmazonShows::default() };
    let shows = |session: SessionView| AmazonShows { session: Shown::It(session), ..AmazonShows::default() };
    let open = || shows(SessionView::Open(Box::default()));
    let gone = || shows(SessionView::NotFound(access()));
    let early = DecisionRefused::TooEarly(Some(sent_at().plus(31 * DAY)));
    let (before, after) = (sent_at().plus(31 * DAY).minus(SECOND), sent_at().plus(31 * DAY));
    let reason = UnresolvedReason::SessionGone;
    for (name, shows, now, expected) in [
        (
            "canceled",
            shows(SessionView::Canceled { reason: None }),
            before,
            "Made, NotPaid Decided".to_string(),
        ),
        ("open", open(), before, format!("{early:?}")),
        ("open, old", open(), after, "AwaitsSecond, Unresolved SessionGone".to_string()),
        ("gone", gone(), before, format!("{early:?}")),
        ("gone, old, not counted", gone(), after, "TooEarly(None)".to_string()),
        ("an outage, old", silent(), after, "AmazonSilent".to_string()),
        ("completed, old", all_shown(), after, "AmazonSaysOtherwise(\"statusDetails.state\")".to_string()),
    ] {
        let (checkout, made, _) = by(&sent(reason), "alice", &Asked::NotPaid, &shows, now);
        assert_eq!(told(&checkout, &made), expected, "{name}");
    }
    // A charge that came to nothing ends it.
    let declined = view(AmazonChargeState::Declined, AmountView::Shown(amount()));
    let (checkout, made, _) = by(
        &sent(reason),
        "alice",
        &Asked::NotPaid,
        &AmazonShows { charge: Shown::It(declined), ..all_shown() },
        before,
    );
    assert_eq!(told(&checkout, &made), "Made, NotPaid Decided");
    // What was never sent is another order's payment, if its permission names that and two persons say so.
    let (first, made, _) = by(&never_sent(), "alice", &Asked::NotPaid, &anothers_shown(), before);
    assert_eq!(told(&first, &made), "AwaitsSecond, Unresolved CompletedElsewhere");
    let (second, made, _) = by(&first, "bob", &Asked::NotPaid, &anothers_shown(), before);
    assert_eq!(told(&second, &made), "Made, NotPaid Decided");
    assert_eq!(second.live_attempt(), None, "another session may pay the order");
}

// Promise: D03
#[test]
fn no_number_of_persons_calls_unpaid_what_amazon_shows_to_be_paid() {
    use AmazonChargeState::{
        AuthorizationInitiated, Authorized, Canceled, CaptureInitiated, Captured, Declined,
    };
    let now = sent_at().plus(2 * DAY);
    let in_state = |state| AmazonShows {
        charge: Shown::It(ChargeView {
            created_at: Some(sent_at()),
            ..view(state, AmountView::Shown(amount()))
        }),
        ..all_shown()
    };
    let with_reference = |reference: Option<&str>| {
        let facts = PermissionFacts { merchant_reference_id: reference.map(ToString::to_string), ..facts() };
        AmazonShows { permission: Shown::It(facts), ..all_shown() }
    };
    let back = ChargeView { refunded: AmountView::Shown(amount()), ..self::captured() };
    let refused = "AmazonSaysOtherwise(\"statusDetails.state\")";
    let by_two = "AwaitsSecond, Unresolved CompletedElsewhere";
    for (name, shows, expected) in [
        ("captured", in_state(Captured), refused),
        ("held", in_state(Authorized), refused),
        ("under way", in_state(AuthorizationInitiated), refused),
        ("a capture under way", in_state(CaptureInitiated), refused),
        ("declined", in_state(Declined), "Made, NotPaid Decided"),
        ("canceled", in_state(Canceled), "Made, NotPaid Decided"),
        ("given back", AmazonShows { charge: Shown::It(back), ..all_shown() }, "Made, NotPaid Decided"),
        ("the charge is not shown", AmazonShows { charge: Shown::Silent, ..all_shown() }, refused),
        ("the permission is not shown", AmazonShows { permission: Shown::Silent, ..all_shown() }, refused),
        ("there is no such charge", AmazonShows { charge: Shown::Missing, ..all_shown() }, by_two),
        ("the permission names nothing", with_reference(None), refused),
        ("the permission names another order", with_reference(Some("c9")), by_two),
        ("another order has it", AmazonShows { holder: CheckoutId::parse("c9").ok(), ..all_shown() }, by_two),
        ("the session is not shown", AmazonShows { session: Shown::Silent, ..all_shown() }, "AmazonSilent"),
    ] {
        let (first, made, _) = by(&never_sent(), "alice", &Asked::NotPaid, &shows, now);
        assert_eq!(told(&first, &made), expected, "{name}");
        let (second, made, _) = by(&first, "bob", &Asked::NotPaid, &shows, now);
        match expected {
            // Nor does the second person, if Amazon shows the money only then.
            _ if expected == by_two => {
                assert_eq!(told(&second, &made), "Made, NotPaid Decided", "{name}");
                let (_, made, _) = by(&first, "bob", &Asked::NotPaid, &all_shown(), now);
                assert_eq!(made.unwrap_err(), DecisionRefused::AmazonSaysOtherwise("statusDetails.state"));
            }
            "Made, NotPaid Decided" => {}
            refused => assert_eq!(told(&second, &made), refused, "{name}"),
        }
    }
    // A permission alone is a success where nothing is charged.
    let state = never_sent().attempts[0].state.clone();
    let confirm = checkout(PaymentIntent::Confirm, state);
    let (_, made, _) = by(&confirm, "alice", &Asked::NotPaid, &all_shown(), now);
    assert_eq!(made.unwrap_err(), DecisionRefused::AmazonSaysOtherwise("statusDetails.state"));
}

#[test]
fn a_session_that_is_gone_counts_after_three_answers_over_a_day_with_a_charge_shown_between() {
    use crate::merchant::absence::Reach;
    use crate::merchant::attempt::look::session_seen;
    use crate::merchant::attempt::missing::reach_seen;
    let start = sent_at().plus(31 * DAY);
    let rows = [
        ("three over a day, and a charge", vec![(0, false), (12, true), (24, false)], true),
        ("two", vec![(0, true), (24, true)], false),
        ("over less than a day", vec![(0, false), (12, true), (23, false)], false),
        ("without a charge", vec![(0, false), (12, false), (24, false)], false),
        ("in a store that knows no charge", vec![(0, false), (12, false), (25, false)], false),
        ("too few in a store that knows no charge", vec![(0, false), (25, false)], false),
        ("many", vec![(0, false), (1, false), (2, false), (3, true), (30, false)], true),
    ];
    for (name, looks, expected) in rows {
        let mut checkout = sent(UnresolvedReason::SessionGone);
        let mut now = start;
        for (hours, reached) in looks {
            now = start.plus(Duration::from_secs(hours * 3_600_u64));
            let mut draft = Draft::new(checkout, now, rules());
            session_seen(&mut draft, AttemptNumber::FIRST, &SessionView::NotFound(access()));
            let unproved = if name.contains("no charge") { Reach::NothingToAskFor } else { Reach::Unproved };
            let reach = if reached { Reach::Proved(access()) } else { unproved };
            reach_seen(&mut draft, AttemptNumber::FIRST, &reach);
            checkout = draft.finish().checkout;
        }
        assert_eq!(counts(&checkout, AttemptNumber::FIRST, now), expected, "{name}");
        let gone =
            AmazonShows { session: Shown::It(SessionView::NotFound(access())), ..AmazonShows::default() };
        let (_, made, _) = by(&checkout, "alice", &Asked::NotPaid, &gone, now);
        let from = start.plus(MISSING_FOR);
        let is_early = made == Err(DecisionRefused::TooEarly((from > now).then_some(from)));
        // After 31 days Amazon has deleted every session: two persons need no charge to be shown.
        let is_allowed = expected || name.starts_with("without") || name.starts_with("in a store");
        assert_eq!(made.is_ok(), is_allowed, "{name}: {made:?}");
        assert!(is_allowed || is_early, "{name}: {made:?}");
        // Another key, or the session itself, begins the count again.
        let mut draft = Draft::new(checkout, now, rules());
        session_seen(&mut draft, AttemptNumber::FIRST, &SessionView::Open(Box::default()));
        assert!(draft.finish().checkout.decisions.absences.is_empty(), "{name}");
    }
}

// Promise: D03
#[test]
fn a_refund_needs_its_charge_and_exactly_what_is_left_of_it() {
    let now = sent_at().plus(2 * DAY);
    let other = Money::from_minor(1_500, Currency::USD);
    let of_another_amount = ChargeView {
        created_at: Some(sent_at()),
        ..view(AmazonChargeState::Captured, AmountView::Shown(other))
    };
    let shows = AmazonShows { charge: Shown::It(of_another_amount.clone()), ..all_shown() };
    let refused = |shows: &AmazonShows, asked: &Asked| {
        by(&sent(UnresolvedReason::Contradicted), "alice", asked, shows, now).1.unwrap_err()
    };
    let otherwise = DecisionRefused::AmazonSaysOtherwise;
    let left = DecisionRefused::NotWhatIsLeft;
    assert_eq!(refused(&shows, &refund(amount())), left(other));
    assert_eq!(refused(&shows, &refund(Money::from_minor(1_500, Currency::EUR))), left(other));
    let half_back = ChargeView { refunded: AmountView::Shown(amount()), ..of_another_amount.clone() };
    let half = AmazonShows { charge: Shown::It(half_back), ..all_shown() };
    assert_eq!(refused(&half, &refund(other)), left(Money::from_minor(100, Currency::USD)));
    let all_back = ChargeView { refunded: AmountView::Shown(other), ..of_another_amount };
    let nothing_left = AmazonShows { charge: Shown::It(all_back), ..all_shown() };
    assert_eq!(refused(&nothing_left, &refund(other)), otherwise("captureAmount"));
    let under_way = view(AmazonChargeState::CaptureInitiated, AmountView::Shown(other));
    let waits = AmazonShows { charge: Shown::It(under_way), ..all_shown() };
    assert_eq!(refused(&waits, &refund(other)), DecisionRefused::TooEarly(None));
    let canceled = view(AmazonChargeState::Canceled, AmountView::Shown(other));
    let over = AmazonShows { charge: Shown::It(canceled), ..all_shown() };
    assert_eq!(refused(&over, &refund(other)), otherwise("statusDetails.state"));
    let foreign = AmazonShows { holder: CheckoutId::parse("c2").ok(), ..shows.clone() };
    assert_eq!(refused(&foreign, &refund(other)), DecisionRefused::OfAnotherOrder("chargePermissionId"));

    let contradicted = sent(UnresolvedReason::Contradicted);
    let (first, made, _) = by(&contradicted, "alice", &refund(other), &shows, now);
    assert_eq!(told(&first, &made), "AwaitsSecond, Unresolved Contradicted");
    assert!(first.payment.is_none() && first.cancellation.is_none());
    let (second, made, events) = by(&first, "bob", &refund(other), &shows, now);
    assert_eq!(told(&second, &made), "Made, Unresolved Refunding");
    let settled = CheckoutEvent::Attempt { attempt: AttemptNumber::FIRST, event: AttemptEvent::Settled };
    assert!(events.contains(&settled), "{events:?}");
    let payment = second.payment.as_ref().unwrap();
    let asked: Vec<_> = payment.operations.iter().map(|it| it.request.clone()).collect();
    assert_eq!(asked, [PaymentCall::Refund { charge_id: charge(), amount: other }]);
    assert_eq!(
        second.verdict(),
        Verdict::Checking(Some(CheckingReason::Unresolved(UnresolvedReason::Refunding)))
    );
    assert!(!fulfilment(&second, None, now).unwrap().may_ship);
}

/// An order whose attempt two persons have called paid, without a send of this store.
fn decided_paid(now: Timestamp) -> Checkout {
    let (first, ..) = by(&never_sent(), "alice", &paid(), &all_shown(), now);
    by(&first, "bob", &paid(), &all_shown(), now).0
}

// Promise: D03
#[test]
fn a_wrong_decision_is_superseded_by_two_and_nothing_ships_until_they_agree() {
    let now = sent_at().plus(2 * DAY);
    let decided = decided_paid(now);
    assert!(fulfilment(&decided, None, now).unwrap().reason != fulfilment::Reason::DecisionDisputed);
    let (_, made, _) = by(&decided, "carol", &paid(), &all_shown(), now);
    assert_eq!(made.unwrap_err(), DecisionRefused::NotUndecided, "it is decided so");
    let remind = Asked::Remind { at: None };
    let (_, made, _) = by(&decided, "carol", &remind, &all_shown(), now);
    assert_eq!(made.unwrap_err(), DecisionRefused::NotUndecided);
    let (disputed, made, _) = by(&decided, "carol", &Asked::NotPaid, &all_shown(), now);
    assert_eq!(told(&disputed, &made), "AwaitsSecond, Completed");
    assert_eq!(made.unwrap().supersedes, Precedence::Disputes);
    let gate = |checkout: &Checkout| fulfilment(checkout, None, now).unwrap().reason;
    assert_eq!(gate(&disputed), fulfilment::Reason::DecisionDisputed);
    // Even when the request has expired, one person's word is enough for a no.
    let mut draft = Draft::new(disputed.clone(), now.plus(DAY), rules());
    assert!(crate::merchant::decision::due::take_up(&mut draft));
    let expired = draft.finish().checkout;
    assert_eq!(gate(&expired), fulfilment::Reason::DecisionDisputed);
    // Two who affirm the decision end the dispute, and so do two who agree with it.
    let (affirmed, made, _) = by(&expired, "alice", &paid(), &all_shown(), now.plus(DAY));
    assert_eq!(told(&affirmed, &made), "AwaitsSecond, Completed");
    let (affirmed, made, _) = by(&affirmed, "bob", &paid(), &all_shown(), now.plus(DAY));
    assert_eq!(told(&affirmed, &made), "Made, Completed");
    assert!(gate(&affirmed) != fulfilment::Reason::DecisionDisputed);
    let (superseded, made, _) = by(&disputed, "bob", &Asked::NotPaid, &all_shown(), now);
    assert_eq!(told(&superseded, &made), "Made, NotPaid Decided");
    assert!(superseded.payment.is_none());
    let states: Vec<_> = superseded.decisions.made.iter().map(|it| it.state.name()).collect();
    assert_eq!(states, ["Superseded", "Made"]);
    // What Amazon shows of the dropped payment contradicts the decision again.
    let mut draft = Draft::new(superseded, now, rules());
    super::super::after::hint::unpaid_charge_seen(&mut draft, &permission(), &captured());
    let contradicted = draft.finish().checkout;
    assert!(contradicted.is_contradicted(&contradicted.attempts[0]));
}

#[test]
fn what_our_own_finalize_paid_is_not_called_unpaid_against_amazon() {
    let now = sent_at().plus(40 * DAY);
    let (decided, made, _) = by(&sent(UnresolvedReason::SessionGone), "alice", &paid(), &all_shown(), now);
    assert_eq!(told(&decided, &made), "Made, Completed");
    let (_, made, _) = by(&decided, "bob", &Asked::NotPaid, &all_shown(), now);
    assert_eq!(made.unwrap_err(), DecisionRefused::AmazonSaysOtherwise("statusDetails.state"));
    // A payment that was used is canceled, not dropped.
    let mut used = decided;
    let request =
        OperationRequest::Refund { charge_id: None, amount: Some(Money::from_minor(100, Currency::USD)) };
    let mut draft = Draft::new(used, now, rules());
    super::super::payment::ask::ask(&mut draft, OperationName::Shop("1".to_string()), request).unwrap();
    used = draft.finish().checkout;
    let (_, made, _) = by(&used, "bob", &Asked::NotPaid, &all_shown(), now);
    assert_eq!(made.unwrap_err(), DecisionRefused::PaymentInUse);
}

#[test]
fn only_what_is_undecided_is_decided() {
    let now = sent_at().plus(3_600 * SECOND);
    for state in states() {
        let is_undecided = matches!(&state, AttemptState::Unresolved { reason, .. } if *reason != UnresolvedReason::Refunding);
        let name = format!("{state:?}");
        let checkout = checkout(PaymentIntent::AuthorizeWithCapture, state);
        for asked in [paid(), Asked::NotPaid, refund(amount()), Asked::Remind { at: None }] {
            let evidence = Evidence::parse("x").unwrap();
            let request = DecisionRequest {
                subject: &attempt_1(),
                asked: &asked,
                reference: "1",
                actor: "alice",
                evidence: &evidence,
            };
            let mut draft = Draft::new(checkout.clone(), now, rules());
            let made = make(&mut draft, &request, &all_shown(), Before::Otherwise);
            let is_refused =
                matches!(made, Err(DecisionRefused::NotUndecided | DecisionRefused::TooEarly(Some(_))));
            assert_eq!(is_refused, !is_undecided, "{name} {asked:?}: {made:?}");
        }
    }
    // A doubt is looked up for a day; then a person may decide.
    let doubted = checkout(PaymentIntent::AuthorizeWithCapture, in_doubt_attempt(doubt()));
    for (now, expected) in [
        (
            sent_at().plus(DAY).minus(SECOND),
            format!("{:?}", DecisionRefused::TooEarly(Some(sent_at().plus(DAY)))),
        ),
        (sent_at().plus(DAY), "Reminds, InDoubt".to_string()),
    ] {
        let (after, made, _) = by(&doubted, "alice", &Asked::Remind { at: None }, &all_shown(), now);
        assert_eq!(told(&after, &made), expected);
    }
}

#[test]
fn a_reminder_is_ahead_and_at_most_31_days() {
    let now = sent_at().plus(2 * DAY);
    let checkout = sent(UnresolvedReason::SessionGone);
    for (at, expected) in [
        (Some(now), Err(DecisionRefused::ReminderOutOfRange)),
        (Some(now.minus(SECOND)), Err(DecisionRefused::ReminderOutOfRange)),
        (Some(now.plus(31 * DAY).plus(SECOND)), Err(DecisionRefused::ReminderOutOfRange)),
        (Some(now.plus(31 * DAY)), Ok(now.plus(31 * DAY))),
        (Some(now.plus(SECOND)), Ok(now.plus(SECOND))),
        (None, Ok(now.plus(DAY))),
    ] {
        let (after, made, _) = by(&checkout, "alice", &Asked::Remind { at }, &AmazonShows::default(), now);
        let expected = expected.map(|at| DecisionState::Reminds { at });
        assert_eq!(made.map(|it| it.state), expected, "{at:?}");
        assert_eq!(after.attempts, checkout.attempts);
    }
}

#[test]
fn the_same_reference_is_the_same_decision() {
    let now = sent_at().plus(2 * DAY);
    let (first, made, _) = as_request(&never_sent(), "case 1", "alice", &paid(), &all_shown(), now);
    let made = made.unwrap();
    let again = as_request(&first, "case 1", "alice", &paid(), &AmazonShows::default(), now.plus(SECOND));
    assert_eq!((again.0, again.1), (first.clone(), Ok(made)), "Amazon is not asked again");
    let (_, other, _) = as_request(&first, "case 1", "alice", &Asked::NotPaid, &all_shown(), now);
    assert_eq!(other, Err(DecisionRefused::ReferenceReused));
    let (_, other, _) = as_request(&first, "case 1", "bob", &Asked::NotPaid, &all_shown(), now);
    assert_eq!(other, Err(DecisionRefused::ReferenceReused));
    // The other person may use the same reference.
    let (second, made, _) = as_request(&first, "case 1", "bob", &paid(), &all_shown(), now);
    assert_eq!(told(&second, &made), "Made, Completed");
    let (_, made, _) = as_request(&second, "case 1", "bob", &paid(), &AmazonShows::default(), now);
    assert_eq!(told(&second, &made), "Made, Completed", "the same again, after it was made");
}

#[test]
fn another_payment_of_the_order_is_not_overruled() {
    let now = sent_at().plus(2 * DAY);
    let mut order = never_sent();
    let paid_elsewhere = ChargePermissionId::parse("S01-2").unwrap();
    order.attempts.push(Attempt {
        number: AttemptNumber::new(2),
        state: AttemptState::Completed {
            completion: Completion::Confirmed,
            charge_permission_id: paid_elsewhere,
            at: sent_at(),
        },
        ..order.attempts[0].clone()
    });
    for asked in [paid(), refund(amount())] {
        let (_, made, _) = by(&order, "alice", &asked, &all_shown(), now);
        assert_eq!(made, Err(DecisionRefused::AnotherPayment), "{asked:?}");
    }
}

/// What Amazon shows of an order of which a part is captured, and whose refund another order has been answered with.
pub(super) fn contested(id: ClaimedId, holder: Holder) -> Checkout {
    let state = ContestState::Open { look: LookSchedule { at: sent_at(), count: 0 } };
    let refund = Refund {
        id: RefundId::parse("S01-1-R1").unwrap(),
        amount: Money::from_minor(100, Currency::USD),
        state: RefundState::Refunded,
        look: None,
        decided_at: None,
        known_at: None,
    };
    let captured = Money::from_minor(500, Currency::USD);
    let charge = Charge {
        refunds: vec![refund],
        ..Charge::new(charge(), ChargeOrigin::Finalize, amount(), ChargeState::Captured(captured), sent_at())
    };
    let mut checkout =
        checkout(PaymentIntent::Authorize, completed(Completion::Authorized(charge.id.clone())));
    checkout.payment = Some(Payment {
        charge_permission_id: permission(),
        limit: amount(),
        began_at: sent_at(),
        permission: Permission { state: PermissionState::Chargeable, look: None },
        charges: vec![charge],
        operations: Vec::new(),
        disputes: Vec::new(),
        contests: vec![Contest { id, holder, state }],
    });
    checkout
}

fn contestable() -> [ClaimedId; 3] {
    [
        ClaimedId::Permission(permission()),
        ClaimedId::Charge(charge()),
        ClaimedId::Refund(RefundId::parse("S01-1-R1").unwrap()),
    ]
}

#[test]
fn a_contest_is_ended_by_a_person_who_says_whose_the_payment_is_however_much_of_it_is_captured() {
    let part =
        ChargeView { captured: AmountView::Shown(Money::from_minor(500, Currency::USD)), ..captured() };
    let shows = AmazonShows { charge: Shown::It(part), ..all_shown() };
    for id in contestable() {
        let before = contested(id.clone(), Holder::ThisOrder);
        let (after, made, _) = by(&before, "alice", &paid(), &shows, sent_at().plus(DAY));
        assert_eq!(told(&after, &made), "Made, Completed", "{id:?}");
        assert!(!after.payment.as_ref().unwrap().is_contested(), "{id:?}");
        // Amazon must show what is known.
        let (_, made, _) = by(&before, "alice", &paid(), &all_shown(), sent_at().plus(DAY));
        assert_eq!(made.unwrap_err(), DecisionRefused::AmazonSaysOtherwise("captureAmount"), "{id:?}");
        // While another order is known to hold it, it is that order's turn.
        let foreign = AmazonShows { holder: CheckoutId::parse("c2").ok(), ..shows.clone() };
        let (_, made, _) = by(&before, "alice", &paid(), &foreign, sent_at().plus(DAY));
        assert_eq!(made.unwrap_err(), DecisionRefused::OfAnotherOrder("chargePermissionId"), "{id:?}");
    }
}

// Promise: D03
#[test]
fn a_contest_is_ended_only_by_a_session_that_names_the_payment_or_by_two_when_it_is_gone() {
    use crate::merchant::absence::Reach;
    use crate::merchant::attempt::look::session_seen;
    use crate::merchant::attempt::missing::reach_seen;
    let part =
        ChargeView { captured: AmountView::Shown(Money::from_minor(500, Currency::USD)), ..captured() };
    let with =
        |session: Shown<SessionView>| AmazonShows { session, charge: Shown::It(part.clone()), ..all_shown() };
    let gone = || with(Shown::It(SessionView::NotFound(access())));
    let nameless = SessionView::Completed { charge_permission_id: None, charge_id: Some(charge()) };
    let before = contested(ClaimedId::Permission(permission()), Holder::ThisOrder);
    let start = sent_at().plus(DAY);
    for (name, shows, expected) in [
        ("no session", with(Shown::Missing), "TooEarly(None)"),
        ("one 404", gone(), "TooEarly(None)"),
        ("no answer", with(Shown::Silent), "AmazonSilent"),
        ("completed without ids", with(Shown::It(nameless)), "AwaitsSecond, Completed"),
    ] {
        let (after, made, _) = by(&before, "alice", &paid(), &shows, start);
        assert_eq!(told(&after, &made), expected, "{name}");
        assert!(after.is_contested(), "{name}");
    }
    // The looks of the contest count that it is gone.
    let (mut order, mut now) = (before.clone(), start);
    for _ in 0..3 {
        let mut draft = Draft::new(order, now, rules());
        session_seen(&mut draft, AttemptNumber::FIRST, &SessionView::NotFound(access()));
        reach_seen(&mut draft, AttemptNumber::FIRST, &Reach::Proved(access()));
        order = draft.finish().checkout;
        now = now.plus(DAY / 2);
    }
    let unnamed = PermissionFacts { merchant_reference_id: None, ..facts() };
    let (_, made, _) =
        by(&order, "alice", &paid(), &AmazonShows { permission: Shown::It(unnamed), ..gone() }, now);
    assert!(made.is_err(), "only its reference links it: {made:?}");
    let (first, made, _) = by(&order, "alice", &paid(), &gone(), now);
    assert_eq!(told(&first, &made), "AwaitsSecond, Completed");
    let (second, made, _) = by(&first, "bob", &paid(), &gone(), now);
    assert_eq!((told(&second, &made).as_str(), second.is_contested()), ("Made, Completed", false));
    // What is not contested needs no session that lasts.
    let mut draft = Draft::new(second, now, rules());
    session_seen(&mut draft, AttemptNumber::FIRST, &SessionView::NotFound(access()));
    assert!(!draft.finish().is_changed);
}

// Promise: D03
#[test]
fn what_another_client_completed_needs_two_persons_if_this_store_never_sent_it() {
    use crate::address::{AddressKind, AddressMember};
    let now = sent_at().plus(2 * DAY);
    let at = sent_at();
    for (state, was_sent) in [
        (AttemptState::Bound { retry_at: at, missing: None }, false),
        (approved(None, at), false),
        (in_doubt_attempt(doubt()), true),
        (finalizing(at), true),
        (not_approved(at, None), true),
        (unresolved(UnresolvedReason::IdsMissing), true),
    ] {
        for reason in [
            NotPaidReason::Mismatch("chargeAmount".to_string()),
            NotPaidReason::AddressDrift(AddressKind::Shipping, AddressMember::City),
            NotPaidReason::SessionCanceled(None),
            NotPaidReason::Abandoned,
        ] {
            let mut before = checkout(PaymentIntent::AuthorizeWithCapture, state.clone());
            before.attempts[0].sends.was_refused |= matches!(state, AttemptState::NotApproved(_));
            let mut draft = Draft::new(before, now, rules());
            draft.end_unpaid(AttemptNumber::FIRST, reason.clone());
            draft.contradict_unpaid(AttemptNumber::FIRST, &permission(), &charge());
            let before = draft.finish().checkout;
            assert!(before.attempts[0].state.is_contradicted());
            let (first, made, _) = by(&before, "alice", &paid(), &all_shown(), now);
            let alone = if was_sent {
                "Made, Completed".into()
            } else {
                format!("AwaitsSecond, NotPaid {}", reason.code())
            };
            assert_eq!(told(&first, &made), alone, "{state:?} {reason:?}");
            if !was_sent {
                let (second, made, _) = by(&first, "bob", &paid(), &all_shown(), now);
                assert_eq!(told(&second, &made), "Made, Completed", "{state:?} {reason:?}");
            }
        }
    }
}

#[test]
fn two_persons_end_a_contest_about_a_payment_that_the_session_does_not_name() {
    let session = Shown::It(SessionView::Completed {
        charge_permission_id: ChargePermissionId::parse("S01-9").ok(),
        charge_id: ChargeId::parse("S01-9-C9").ok(),
    });
    let shows = AmazonShows { session, ..all_shown() };
    for id in contestable() {
        let before = contested(id.clone(), Holder::ThisOrder);
        let now = sent_at().plus(DAY);
        let (first, made, _) = by(&before, "alice", &Asked::NotPaid, &shows, now);
        assert_eq!(told(&first, &made), "AwaitsSecond, Completed", "{id:?}");
        let (second, made, _) = by(&first, "bob", &Asked::NotPaid, &shows, now);
        assert_eq!(told(&second, &made), "Made, NotPaid Decided", "{id:?}");
        assert!(second.payment.is_none() && second.claimed_ids().is_empty(), "{id:?}");
        // A session that names the payment is no reason to drop it.
        let (_, made, _) = by(&before, "alice", &Asked::NotPaid, &all_shown(), now);
        assert!(made.is_err(), "{id:?}");
    }
}

#[test]
fn no_person_gives_an_order_what_another_order_holds() {
    let evidence = Evidence::parse("x").unwrap();
    for (asked, before) in [
        (paid(), sent(UnresolvedReason::IdsMissing)),
        (paid(), sent(UnresolvedReason::Contradicted)),
        (paid(), never_sent()),
        (paid(), contested(contestable()[0].clone(), Holder::AnotherOrder)),
        (refund(amount()), sent(UnresolvedReason::Contradicted)),
    ] {
        for (id, member) in contestable().into_iter().zip(["chargePermissionId", "chargeId"]) {
            let request = DecisionRequest {
                subject: &attempt_1(),
                asked: &asked,
                reference: "1",
                actor: "alice",
                evidence: &evidence,
            };
            let part = Money::from_minor(500, Currency::USD);
            let is_used = before.payment.is_some();
            let captured = AmountView::Shown(if is_used { part } else { amount() });
            let charge = ChargeView { captured, ..self::captured() };
            let shows = AmazonShows { charge: Shown::It(charge), ..all_shown() };
            let mut draft = Draft::new(before.clone(), sent_at().plus(DAY), rules());
            draft.see_taken(vec![id.clone()]);
            let made = make(&mut draft, &request, &shows, Before::Undecided);
            assert_eq!(made, Err(DecisionRefused::OfAnotherOrder(member)), "{asked:?} {id:?}");
            assert!(!draft.finish().is_changed);
        }
    }
}
