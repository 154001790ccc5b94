//! Whose session it is: what Amazon must show before a session is bound.

use super::super::attempt::agree::{QuoteBasis, agree};
use super::super::attempt::arrive::{give_later, release};
use super::super::rules::AbsentReference;
use super::decide::decided;
use super::*;

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
        agree(draft, AttemptNumber::FIRST, &seen, &ours(), QuoteBasis::Known)
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
