//! "May I ship?": how old what Amazon has shown may be, and until when an authorization pays for a parcel.

use super::decide::payments::*;
use super::paid::*;
use super::*;
use crate::time::{DAY, HOUR};

const MILLISECOND: Duration = Duration::from_millis(1);

fn authorized(life: Duration) -> Checkout {
    let charge = Charge { expires_at: sent_at().plus(life), ..charge_in(ChargeState::Authorized) };
    paid(payment_of(vec![charge]))
}

/// The gate's answer to a caller who asks at this instant.
fn gate(checkout: &Checkout, max_age: Duration, now: Timestamp, word: AfterGuarantee) -> Fulfilment {
    let policy = Policy { after_guarantee: word, ..Policy::default() };
    let freshness = Freshness { arrived_at: now, max_age };
    let rules = MerchantRules { policy, ..rules() };
    fulfilment::fulfilment(checkout, None, freshness, now, &rules).unwrap()
}

fn seen(at: Timestamp, state: ChargeState) -> Checkout {
    paid(payment_of(vec![Charge { sight: LastSeen::At(at), ..charge_in(state) }]))
}

// Promise: B09
#[test]
fn a_yes_is_never_older_than_the_caller_allows() {
    let now = sent_at().plus(DAY);
    let ages = [Duration::ZERO, MILLISECOND, 60 * SECOND, 300 * SECOND];
    for max_age in [0, 1, 60, 299, 300].map(Duration::from_secs) {
        for age in ages.into_iter().chain([max_age, max_age + MILLISECOND]) {
            for state in [ChargeState::Authorized, ChargeState::Captured(hundred())] {
                let checkout = seen(now.minus(age), state);
                let answer = gate(&checkout, max_age, now, AfterGuarantee::No);
                let is_fresh = age <= max_age;
                assert_eq!(answer.may_ship, is_fresh, "{max_age:?} {age:?}");
                assert_eq!(answer.unseen.is_none(), is_fresh, "{max_age:?} {age:?}");
                assert_eq!(answer.seen_at, Some(now.minus(age)));
            }
        }
    }
}

// Promise: B09
#[test]
fn an_instant_later_than_now_proves_nothing() {
    let now = sent_at().plus(DAY);
    for ahead in [MILLISECOND, SECOND, HOUR, 400 * DAY] {
        for state in [ChargeState::Authorized, ChargeState::Captured(hundred())] {
            let answer = gate(&seen(now.plus(ahead), state), 300 * SECOND, now, AfterGuarantee::No);
            assert_eq!((answer.may_ship, answer.seen_at), (false, None), "{ahead:?}");
            assert_eq!(answer.unseen, Some(charge()));
        }
    }
    // What is shown afterwards counts, although the stored instant is later.
    let ahead = seen(now.plus(HOUR), ChargeState::Authorized);
    let shown = charge_shown_as(AmazonChargeState::Authorized);
    let (step, _) = charge_shown(&ahead, &shown, now, &rules()).unwrap();
    assert_eq!(gate(&step.next, Duration::ZERO, now, AfterGuarantee::No).seen_at, Some(now));
}

// Promise: B09
#[test]
fn what_was_asked_within_the_request_is_fresh_however_long_it_took() {
    let arrived_at = sent_at().plus(DAY);
    let now = arrived_at.plus(40 * SECOND);
    let freshness = Freshness { arrived_at, max_age: Duration::ZERO };
    for (asked_at, accepts) in [
        (arrived_at.minus(MILLISECOND), false),
        (arrived_at, true),
        (arrived_at.plus(SECOND), true),
        (now, true),
        (now.plus(MILLISECOND), false),
    ] {
        assert_eq!(freshness.accepts(asked_at, now), accepts, "{asked_at}");
    }
}

// Promise: B09
#[test]
fn an_answer_is_as_old_as_its_question() {
    let before = seen(sent_at(), ChargeState::Authorized);
    let (asked_at, now) = (sent_at().plus(HOUR), sent_at().plus(HOUR + 20 * SECOND));
    let shown = ChargeView { asked_at, ..charge_shown_as(AmazonChargeState::Authorized) };
    let (step, _) = charge_shown(&before, &shown, now, &rules()).unwrap();
    assert_eq!(gate(&step.next, HOUR, now, AfterGuarantee::No).seen_at, Some(asked_at));
    // An answer that was asked for earlier and arrives later neither makes what is known older nor undoes it.
    let refunded = |asked_at, minor| ChargeView {
        asked_at,
        refunded: AmountView::Shown(usd(minor)),
        ..charge_shown_as(AmazonChargeState::Captured)
    };
    let captured = seen(sent_at(), ChargeState::Captured(hundred()));
    let (newer, _) = charge_shown(&captured, &refunded(asked_at, 9_000), now, &rules()).unwrap();
    let late = refunded(asked_at.minus(SECOND), 0);
    let (older, _) = charge_shown(&newer.next, &late, now, &rules()).unwrap();
    let charge = &older.next.payment.as_ref().unwrap().charges[0];
    assert_eq!((charge.sight, charge.refunded()), (LastSeen::At(asked_at), usd(9_000)));
}

// Promise: B09
#[test]
fn the_answer_that_amazon_kept_under_a_key_shows_nothing_of_today() {
    let mut payment = payment_of(vec![]);
    payment.operations = vec![operation(1, create(), in_doubt())];
    let now = sent_at().plus(DAY);
    let shown = ChargeView { asked_at: now, ..new_charge_shown(AmazonChargeState::Authorized) };
    // The charge was authorized a day ago, and may have been canceled since.
    let again = answered(&paid(payment.clone()), 1, &charge_answer(shown.clone()), now, &rules()).unwrap();
    let answer = gate(&again.next, 60 * SECOND, now, AfterGuarantee::No);
    assert_eq!((answer.may_ship, answer.unseen), (false, Some(shown.id.clone())));
    // The answer to the only send shows the current state.
    payment.operations = vec![operation(1, create(), sending())];
    let first = answered(&paid(payment), 1, &charge_answer(shown), now, &rules()).unwrap();
    assert!(gate(&first.next, Duration::ZERO, now, AfterGuarantee::No).may_ship);
}

// Promise: B09
#[test]
fn an_authorization_pays_for_a_parcel_for_seven_days() {
    let end = sent_at().plus(7 * DAY);
    for (now, is_over) in [(end.minus(MILLISECOND), false), (end, true), (sent_at().plus(10 * DAY), true)] {
        for word in AfterGuarantee::ALL {
            let mut checkout = authorized(30 * DAY);
            checkout.payment.as_mut().unwrap().charges[0].sight = LastSeen::At(now);
            let answer = gate(&checkout, 60 * SECOND, now, *word);
            let stays = is_over && *word == AfterGuarantee::No;
            let reason = if stays { "GuaranteeEnded" } else { "Authorized" };
            assert_eq!((answer.may_ship, answer.reason.as_str()), (!stays, reason), "{now} {word}");
            assert_eq!(answer.seen_at, Some(now), "Amazon was asked all the same: it may be captured");
        }
        let captured = seen(now, ChargeState::Captured(hundred()));
        assert!(gate(&captured, 60 * SECOND, now, AfterGuarantee::No).may_ship, "{now}");
    }
    let lapsed = authorized(2 * DAY);
    assert_eq!(gate(&lapsed, 60 * SECOND, end, AfterGuarantee::Yes).reason.as_str(), "AuthorizationExpired");
}

// Promise: B09, D18
#[test]
fn the_seven_days_are_counted_from_amazons_own_time() {
    let made_at = sent_at().minus(3 * DAY);
    let shown = |asked_at, created_at| ChargeView {
        asked_at,
        created_at: Some(created_at),
        expires_at: Some(made_at.plus(30 * DAY)),
        ..charge_shown_as(AmazonChargeState::Authorized)
    };
    let guarantee = |checkout: &Checkout| checkout.payment.as_ref().unwrap().charges[0].authorized_at;
    // A charge that is first seen on its third day has four days left.
    let now = sent_at().plus(SECOND);
    let known = seen(sent_at(), ChargeState::Authorized);
    let unknown = paid(payment_of(vec![]));
    let pending = seen(sent_at(), ChargeState::AuthorizationInitiated);
    for before in [known, unknown, pending] {
        let (step, _) = charge_shown(&before, &shown(now, made_at), now, &rules()).unwrap();
        assert_eq!(guarantee(&step.next), made_at);
        let end = made_at.plus(7 * DAY);
        for (at, reason) in [(end.minus(SECOND), "Authorized"), (end, "GuaranteeEnded")] {
            let (step, _) = charge_shown(&step.next, &shown(at, made_at), at, &rules()).unwrap();
            let asked = fulfilment(&step.next, Some(&charge()), at).unwrap();
            assert_eq!(asked.reason.as_str(), reason, "{at}");
        }
    }
    // Amazon's clock is ahead of ours, or its time is not true: what we know counts.
    let known = seen(sent_at(), ChargeState::Authorized);
    let (step, _) = charge_shown(&known, &shown(now, now.plus(DAY)), now, &rules()).unwrap();
    assert_eq!(guarantee(&step.next), sent_at());
}

#[test]
fn an_expiry_that_amazon_has_not_shown_is_counted_from_amazons_own_time() {
    let now = sent_at().plus(SECOND);
    for made_before in [SECOND, DAY, 5 * DAY] {
        let made_at = sent_at().minus(made_before);
        let shown = ChargeView {
            asked_at: now,
            created_at: Some(made_at),
            expires_at: None,
            ..charge_shown_as(AmazonChargeState::Authorized)
        };
        let (step, _) = charge_shown(&paid(payment_of(vec![])), &shown, now, &rules()).unwrap();
        let expires_at = |checkout: &Checkout| checkout.payment.as_ref().unwrap().charges[0].expires_at;
        assert_eq!(expires_at(&step.next), made_at.plus(2 * DAY), "{made_before:?}");
        let asked = fulfilment(&step.next, Some(&charge()), now).unwrap();
        assert_eq!(asked.may_ship, made_before < 2 * DAY, "{made_before:?}");
        // What Amazon shows counts.
        let shown = ChargeView { expires_at: Some(made_at.plus(30 * DAY)), ..shown };
        let (step, _) = charge_shown(&step.next, &shown, now, &rules()).unwrap();
        assert_eq!(expires_at(&step.next), made_at.plus(30 * DAY), "{made_before:?}");
    }
}
