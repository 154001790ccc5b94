//! Whose session it is: what Amazon must show before a session is bound.

use super::super::attempt::Account;
use super::super::attempt::agree::{QuoteBasis, agree};
use super::super::attempt::arrive::{give_later, release};
use super::super::rules::AbsentReference;
use super::super::rules::Integration;
use super::decide::decided;
use super::*;
use crate::ids::{MerchantId, Region};

fn ours() -> OurStore {
    let store_id = StoreId::parse("amzn1.application-oa2-client.1").unwrap();
    OurStore { environment: Environment::Sandbox, store_id }
}

fn brought_with(bearer: Bearer) -> Checkout {
    let mut before =
        checkout(PaymentIntent::Authorize, AttemptState::Bound { retry_at: sent_at(), missing: None });
    before.attempts[0].bearer = bearer;
    before
}

fn agreed(before: &Checkout, session: OpenSession, allowed: AbsentReference) -> String {
    let rules = MerchantRules { policy: Policy { absent_reference: allowed, ..rules().policy }, ..rules() };
    let seen = SessionView::Open(Box::new(session));
    let (step, agreed) = decided(before, sent_at(), &rules, |draft| {
        agree(draft, AttemptNumber::FIRST, &seen, None, &ours(), QuoteBasis::Known)
    });
    match (step, agreed) {
        (None, Some(_)) => "agrees".to_string(),
        (Some(step), None) => match &step.next.attempts[0].state {
            AttemptState::NotPaid { reason, .. } => reason.field().unwrap(),
            other => panic!("expected an end: {other:?}"),
        },
        other => panic!("expected either: {other:?}"),
    }
}

// Promise: B10
#[test]
fn a_session_without_a_reference_agrees_only_with_the_shops_token_and_the_operators_leave() {
    let references = [("ours", Some("c1")), ("another", Some("c2")), ("empty", Some("")), ("none", None)];
    let bearers = [("shop", Bearer::Shop), ("browser", Bearer::Browser)];
    for (name, reference) in references {
        for (token, bearer) in bearers {
            for allowed in [AbsentReference::Refused, AbsentReference::ShopsToken] {
                let before = brought_with(bearer);
                let session = OpenSession {
                    merchant_reference_id: reference.map(ToString::to_string),
                    ..open_session(&before.terms)
                };
                let may = name == "ours"
                    || (name == "none" && token == "shop" && allowed == AbsentReference::ShopsToken);
                let expected = if may { "agrees" } else { "merchantMetadata.merchantReferenceId" };
                assert_eq!(agreed(&before, session, allowed), expected, "{name} {token} {allowed}");
            }
        }
    }
}

#[test]
fn a_store_id_that_is_shown_must_be_ours() {
    let before = brought_with(Bearer::Shop);
    for (store_id, expected) in [
        (None, "agrees"),
        (Some("amzn1.application-oa2-client.1"), "agrees"),
        (Some("amzn1.application-oa2-client.2"), "storeId"),
        (Some("AMZN1.APPLICATION-OA2-CLIENT.1"), "storeId"),
    ] {
        let store_id = store_id.map(|id| StoreId::parse(id).unwrap());
        let session = OpenSession { store_id, ..open_session(&before.terms) };
        assert_eq!(agreed(&before, session, AbsentReference::Refused), expected);
    }
}

#[test]
fn the_shops_token_counts_although_the_browser_was_first_and_never_the_other_way() {
    let given = GivenAddresses::default();
    for (first, then, is) in [
        (Bearer::Browser, Bearer::Shop, Bearer::Shop),
        (Bearer::Browser, Bearer::Browser, Bearer::Browser),
        (Bearer::Shop, Bearer::Browser, Bearer::Shop),
    ] {
        let before = brought_with(first);
        let (step, ()) = decided(&before, sent_at(), &rules(), |draft| {
            give_later(draft, AttemptNumber::FIRST, &given, then)
        });
        let after = step.map_or(before, |step| step.next);
        assert_eq!(after.attempts[0].bearer, is, "{first} {then}");
    }
}

#[test]
fn only_a_session_of_which_nothing_was_sent_is_released_and_says_nothing_about_the_order() {
    for state in states() {
        let before = checkout(PaymentIntent::Authorize, state);
        let (step, ()) = decided(&before, sent_at(), &rules(), |draft| release(draft, AttemptNumber::FIRST));
        let is_bound = matches!(before.attempts[0].state, AttemptState::Bound { .. });
        assert_eq!(step.is_some(), is_bound, "{:?}", before.attempts[0].state);
        if let Some(step) = step {
            assert_eq!(happened(&step), "SessionReleased");
            assert_eq!(step.next.verdict(), Verdict::Registered);
            assert_eq!(step.next.due_at(&rules()), None);
        }
    }
}

/// What happens to an attempt in this state whose session is Completed and shows this reference.
fn completed_with(state: AttemptState, reference: Option<&str>, integration: Integration) -> AttemptState {
    let before = checkout(PaymentIntent::Authorize, state);
    let rules = MerchantRules { policy: Policy { integration, ..rules().policy }, ..rules() };
    let seen = SessionView::Completed { charge_permission_id: Some(permission()), charge_id: Some(charge()) };
    let (step, agreed) = decided(&before, sent_at(), &rules, |draft| {
        agree(draft, AttemptNumber::FIRST, &seen, reference, &ours(), QuoteBasis::Known)
    });
    assert_eq!(agreed, None);
    step.map_or(before, |step| step.next).attempts[0].state.clone()
}

#[test]
fn a_completed_session_of_something_else_ends_unpaid_only_if_nothing_was_sent_and_another_reference_is_shown()
{
    let mismatch = NotPaidReason::Mismatch("merchantMetadata.merchantReferenceId".to_string());
    for integration in [Integration::OneOfSeveral, Integration::Sole] {
        for reference in [Some("c2"), Some("S2-1001"), Some("C1"), Some("")] {
            for state in states() {
                let (name, is_unsent) = (state.name(), state.is_unsent());
                let was_refused = matches!(state, AttemptState::NotApproved(_));
                let before = state.clone();
                let after = completed_with(state, reference, integration);
                if is_unsent && !was_refused {
                    let AttemptState::NotPaid { reason, .. } = after else { panic!("{name} {reference:?}") };
                    assert_eq!(reason, mismatch, "{name} {reference:?}");
                } else if is_unsent {
                    assert_eq!(after.name(), "InDoubt", "it was sent");
                } else {
                    assert_eq!(after, before, "{name} {reference:?}");
                }
            }
        }
        // It may be one of this order's from before a store was lost.
        for reference in [None, Some("c1"), Some("019aaa8c3a7f00112233445566778899")] {
            let bound = AttemptState::Bound { retry_at: sent_at(), missing: None };
            let after = completed_with(bound, reference, integration);
            assert!(after == unsent_elsewhere(&after), "{reference:?}: {after:?}");
        }
    }
}

/// CompletedElsewhere, with the time of the next look of the given state.
fn unsent_elsewhere(like: &AttemptState) -> AttemptState {
    let look_at = like.due_at().unwrap();
    let reason = UnresolvedReason::CompletedElsewhere;
    AttemptState::Unresolved { reason, send: None, sent_at: sent_at(), look_at }
}

// Promise: B08
#[test]
fn whatever_may_have_left_is_asked_for_only_where_it_was_sent() {
    let account = Account {
        merchant_id: MerchantId::parse("A1").unwrap(),
        environment: Environment::Sandbox,
        region: Region::Europe,
    };
    let has_left = |state: &AttemptState| {
        let has_not = matches!(
            state,
            AttemptState::Bound { .. }
                | AttemptState::Finalize(InFlight::Recorded { left_at: None, .. })
                | AttemptState::Surplus { .. }
                | AttemptState::Released { .. }
        );
        !has_not
    };
    for state in states() {
        let mut before = checkout(PaymentIntent::Authorize, state);
        before.attempts[0].account = Some(account.clone());
        let attempt = &before.attempts[0];
        let expected = has_left(&attempt.state).then_some(&account);
        assert_eq!(attempt.sent_to(), expected, "{:?}", attempt.state);
    }
}
