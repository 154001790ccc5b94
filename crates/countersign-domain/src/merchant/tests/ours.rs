//! Who completed a session that Amazon shows Completed: what is known of the sends, and what the last answer adds.

use super::super::attempt::sends::Unanswered;
use super::super::attempt::{finalize, look, prove};
use super::super::proof::{
    ExpectedPermission, LastAnswer, Proof, SessionPermission, is_completed_by_us, permission_proof,
};
use super::super::rules::{FinalizeKeys, Integration};
use super::decide::attempts::{answered, session_seen};
use super::*;

const UNANSWERED: [Unanswered; 3] = [Unanswered::None, Unanswered::BeforeRefusal, Unanswered::AfterRefusal];
const LAST: [LastAnswer; 3] = [LastAnswer::Success, LastAnswer::Refusal, LastAnswer::None];

// Promise: B08, D18
#[test]
fn each_kind_of_evidence_proves_so() {
    let conditions = [
        Condition::any("integration", Integration::ALL.iter().map(|it| format!("{it:?}"))),
        Condition::any("keys", FinalizeKeys::ALL.iter().map(|it| it.as_str())),
        Condition::any("unanswered", UNANSWERED.map(|it| format!("{it:?}"))),
        Condition::any("last answer", LAST.map(|it| format!("{it:?}"))),
    ];
    let table = folded(&conditions, |[integration, keys, unanswered, last]| {
        let (unanswered, last) = (UNANSWERED[unanswered], LAST[last]);
        let (keys, integration) = (FinalizeKeys::ALL[keys], Integration::ALL[integration]);
        let is_ours = is_completed_by_us(unanswered, last, keys, integration);
        if is_ours { "ours" } else { "not proved" }.to_string()
    });
    insta::assert_snapshot!(table);
}

#[test]
fn the_sends_that_may_have_completed_a_session_are_counted_so() {
    // `>` a send, `x` its refusal, `-` its turning away.
    for (story, expected) in [
        ("", Unanswered::None),
        (">", Unanswered::BeforeRefusal),
        (">x", Unanswered::None),
        (">-", Unanswered::None),
        (">->", Unanswered::BeforeRefusal),
        (">x>", Unanswered::AfterRefusal),
        (">x>x", Unanswered::None),
        (">x>x>", Unanswered::AfterRefusal),
        (">>x", Unanswered::BeforeRefusal),
        (">>x>x", Unanswered::BeforeRefusal),
        (">->x>-", Unanswered::None),
        (">->x>", Unanswered::AfterRefusal),
        (">>-x", Unanswered::None),
    ] {
        let mut sends = Sends::default();
        for step in story.chars() {
            match step {
                '>' => sends.left(),
                'x' => sends.refused(),
                _ => sends.had_no_effect(),
            }
        }
        assert_eq!(sends.unanswered(), expected, "{story}");
    }
}

#[test]
fn what_a_permission_must_show_of_a_session_is_whole_and_ours() {
    let whole = SessionPermission {
        id: permission(),
        state: PermissionState::Chargeable,
        reference: Some("c1".to_string()),
        limit: AmountView::Shown(amount()),
    };
    let proof = |shown: &SessionPermission, may_lack_reference| {
        let (id, reference, limit) = (permission(), "c1", amount());
        let expected =
            ExpectedPermission { id: &id, reference, may_lack_reference, may_be_closed: false, limit };
        permission_proof(shown, &expected)
    };
    type Change = fn(&mut SessionPermission);
    let fits: [Change; 2] =
        [|_| {}, |it| it.state = PermissionState::NonChargeable("ChargeInProgress".to_string())];
    for change in fits {
        let mut shown = whole.clone();
        change(&mut shown);
        assert_eq!(proof(&shown, false), Proof::Fits(()), "{shown:?}");
    }
    let contradicts: [(Change, Misfit); 8] = [
        (|it| it.id = ChargePermissionId::parse("S01-2").unwrap(), Misfit::ChargePermissionDiffers),
        (|it| it.reference = Some("c2".to_string()), Misfit::ReferenceDiffers),
        (|it| it.limit = AmountView::Shown(Money::from_minor(1_400, Currency::EUR)), Misfit::CurrencyDiffers),
        (
            |it| it.limit = AmountView::Shown(Money::from_minor(1_399, Currency::USD)),
            Misfit::ChargeAmountDiffers,
        ),
        // A higher limit is that of an order of another amount.
        (
            |it| it.limit = AmountView::Shown(Money::from_minor(1_401, Currency::USD)),
            Misfit::ChargeAmountDiffers,
        ),
        (
            |it| it.limit = AmountView::Shown(Money::from_minor(9_900, Currency::USD)),
            Misfit::ChargeAmountDiffers,
        ),
        (|it| it.state = PermissionState::Closed("BuyerClosed".to_string()), Misfit::StateDiffers),
        (
            |it| {
                it.state = PermissionState::Closed("BuyerClosed".to_string());
                it.limit = AmountView::Absent;
            },
            Misfit::StateDiffers,
        ),
    ];
    for (change, misfit) in contradicts {
        let mut shown = whole.clone();
        change(&mut shown);
        for may_lack_reference in [false, true] {
            assert_eq!(proof(&shown, may_lack_reference), Proof::Contradicts(misfit));
        }
    }
    let unnamed = SessionPermission { reference: None, ..whole.clone() };
    assert_eq!(proof(&unnamed, true), Proof::Fits(()), "its Finalize is known to be ours");
    assert!(matches!(proof(&unnamed, false), Proof::Nothing(_)));
    // What is not shown does not fit.
    for limit in [AmountView::Absent, AmountView::Unreadable] {
        let unlimited = SessionPermission { limit, ..whole.clone() };
        assert!(matches!(proof(&unlimited, true), Proof::Nothing(_)), "{limit:?}");
        assert!(matches!(proof(&unlimited, false), Proof::Nothing(_)), "{limit:?}");
    }
}

/// The answer to the last step, for each kind of answer.
#[test]
fn each_answer_to_the_last_step_leads_on_so() {
    let success = |permission: &str| {
        FinalizeAnswer::Success(FinalizeSuccess {
            pending: false,
            charge_permission_id: ChargePermissionId::parse(permission).unwrap(),
            charge_id: Some(charge()),
            charge_amount: AmountView::Absent,
        })
    };
    let unclear = |kind| FinalizeAnswer::Unclear { cause: "X".to_string(), kind };
    let answers = [
        ("the same success", success("S01-1")),
        ("another success", success("S01-2")),
        ("a decline", FinalizeAnswer::Refused(NotPaidReason::Declined("X".to_string()))),
        ("422", unclear(UnclearKind::Refusal)),
        ("5xx", unclear(UnclearKind::ServerError)),
        ("no answer", unclear(UnclearKind::Unknown)),
        ("no connection", FinalizeAnswer::NotSent),
        ("429", FinalizeAnswer::NotEvaluated { code: "X".to_string() }),
    ];
    let now = sent_at().plus(60 * SECOND);
    let mut table = String::new();
    for keys in [FinalizeKeys::Unknown, FinalizeKeys::Honoured] {
        for silences in [0, 4] {
            for (name, answer) in &answers {
                let rules = MerchantRules { finalize_keys: keys, ..rules() };
                let before = checkout(PaymentIntent::Authorize, in_doubt_attempt(doubt()));
                let completed = SessionView::Completed {
                    charge_permission_id: Some(permission()),
                    charge_id: Some(charge()),
                };
                let (seen, next) = session_seen(&before, 1, &completed, now, &rules).unwrap();
                assert!(matches!(next, NextStep::ProveBySending(_)), "{next:?}");
                let mut proving = seen.next;
                proving.attempts[0].sends.left();
                proving.attempts[0].sends.completed.as_mut().unwrap().silence_count = silences;
                let answer_it = |draft: &mut Draft| {
                    let (first, n) = (AttemptNumber::FIRST, KeyOrdinal::FIRST);
                    super::super::attempt::finalize::answered(draft, first, n, answer)
                };
                let (step, next) = super::decide::decided(&proving, now, &rules, answer_it);
                let outcome = step.map_or_else(|| "–".to_string(), |it| outcome(&proving, Some(&it), now));
                let keys = keys.as_str();
                let line = format!("{keys:<9} {silences} {name:<17} {outcome} → {}\n", next_word(&next));
                table.push_str(&line);
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_charge_or_a_permission_proves_nothing_before_it_is_known_who_completed_the_session() {
    let now = sent_at().plus(60 * SECOND);
    for intent in PaymentIntent::ALL {
        let in_doubt = checkout(*intent, in_doubt_attempt(doubt()));
        let shown = view(AmazonChargeState::Captured, AmountView::Shown(amount()));
        assert_eq!(super::decide::attempts::charge_seen(&in_doubt, 1, &permission(), &shown, now), None);
        let shown = SessionPermission {
            id: permission(),
            state: PermissionState::Chargeable,
            reference: Some("c1".to_string()),
            limit: AmountView::Shown(amount()),
        };
        let see = |draft: &mut Draft| prove::permission_seen(draft, AttemptNumber::FIRST, &shown);
        assert_eq!(super::decide::decided(&in_doubt, now, &rules(), see), (None, NextStep::Rest));
        // What this store is known to have completed is paid.
        let (step, _) = super::decide::decided(&proved_ours(in_doubt), now, &rules(), see);
        let confirmed = step.map(|step| step.next.verdict().outcome());
        assert_eq!(confirmed, (*intent == PaymentIntent::Confirm).then_some("confirmed"));
    }
}

// Promise: B08, D18
#[test]
fn a_permission_that_amazon_closed_once_its_limit_was_captured_leaves_it_to_the_charge() {
    let now = sent_at().plus(60 * SECOND);
    let closed = PermissionState::Closed("AmazonClosed".to_string());
    for (intent, is_contradicted) in [
        (PaymentIntent::AuthorizeWithCapture, false),
        (PaymentIntent::Authorize, false),
        (PaymentIntent::Confirm, true),
    ] {
        for (reference, limit, is_otherwise) in [
            (Some("c1".to_string()), amount(), false),
            (Some("c2".to_string()), amount(), true),
            (Some("c1".to_string()), Money::from_minor(1, Currency::USD), true),
        ] {
            let before = proved_ours(checkout(intent, in_doubt_attempt(doubt())));
            let shown = SessionPermission {
                id: permission(),
                state: closed.clone(),
                reference,
                limit: AmountView::Shown(limit),
            };
            let mut draft = Draft::new(before, now, rules());
            let next = prove::permission_seen(&mut draft, AttemptNumber::FIRST, &shown);
            let after = draft.finish().checkout;
            let contradicted = after.verdict() == Verdict::Checking(Some(CheckingReason::CONTRADICTED));
            assert_eq!(contradicted, is_contradicted || is_otherwise, "{intent} {shown:?}");
            let looks = matches!(next, NextStep::LookAtAttemptsCharge { .. });
            assert_eq!(looks, !contradicted, "{intent} {shown:?}");
        }
    }
}

#[test]
fn a_late_success_proves_and_one_of_another_payment_contradicts() {
    let now = sent_at().plus(60 * SECOND);
    let in_doubt = proved_ours(checkout(PaymentIntent::AuthorizeWithCapture, in_doubt_attempt(doubt())));
    let other = FinalizeAnswer::Success(FinalizeSuccess {
        pending: false,
        charge_permission_id: ChargePermissionId::parse("S01-2").unwrap(),
        charge_id: Some(charge()),
        charge_amount: AmountView::Absent,
    });
    let step = answered(&in_doubt, 1, 1, &other, now).unwrap();
    assert_eq!(step.next.verdict(), Verdict::Checking(Some(CheckingReason::CONTRADICTED)));
    assert_eq!(
        what(&step.events[0]),
        &AttemptEvent::Contradicted {
            misfit: Misfit::IdsDiffer,
            charge_permission_id: ChargePermissionId::parse("S01-2").unwrap(),
            charge_id: Some(charge()),
        }
    );
}

// Promise: B07
#[test]
fn a_success_that_comes_after_the_doubt_was_given_up_proves_the_payment_as_far_as_it_fits() {
    let now = sent_at().plus(60 * SECOND);
    let reasons =
        [UnresolvedReason::CompletedElsewhere, UnresolvedReason::SessionGone, UnresolvedReason::IdsMissing];
    let shown = |permission: &str, charge: Option<ChargeId>| {
        Some(Box::new(CompletedSession {
            charge_permission_id: ChargePermissionId::parse(permission).unwrap(),
            charge_id: charge,
            silence_count: 5,
            was_asked: false,
            completed_by: CompletedBy::Unknown,
        }))
    };
    for reason in reasons {
        for intent in PaymentIntent::ALL {
            let is_confirm = *intent == PaymentIntent::Confirm;
            let charged = (!is_confirm).then(charge);
            let success = |charge_id: Option<ChargeId>, amount| {
                FinalizeAnswer::Success(FinalizeSuccess {
                    pending: false,
                    charge_permission_id: permission(),
                    charge_id,
                    charge_amount: amount,
                })
            };
            let settled = match intent {
                PaymentIntent::Confirm | PaymentIntent::AuthorizeWithCapture => "Completed",
                // The charge shows what the bank has decided.
                PaymentIntent::Authorize => "Pending",
            };
            let whole = AmountView::Shown(amount());
            let mut before = checkout(*intent, unresolved(reason));
            let other = ChargeId::parse("S01-1-C2").unwrap();
            for (name, known, answer, expected) in [
                ("no ids known", None, success(charged.clone(), whole), settled),
                ("the same ids", shown("S01-1", charged.clone()), success(charged.clone(), whole), settled),
                (
                    "another permission",
                    shown("S01-2", charged.clone()),
                    success(charged.clone(), whole),
                    "Unresolved Contradicted",
                ),
                (
                    "another charge",
                    shown("S01-1", Some(other)),
                    success(charged.clone(), whole),
                    "Unresolved Contradicted",
                ),
                (
                    "another amount",
                    None,
                    success(charged.clone(), AmountView::Shown(Money::from_minor(1_401, Currency::USD))),
                    "Unresolved",
                ),
                ("no charge", None, success(None, whole), if is_confirm { settled } else { "Unresolved" }),
            ] {
                before.attempts[0].sends.completed = known;
                let step = answered(&before, 1, 1, &answer, now);
                let after = step.map_or_else(|| before.clone(), |step| step.next);
                let words = words(&after.attempts[0], now);
                assert!(words.starts_with(expected), "{reason} {intent} {name}: {words}");
                let is_as_before = after.attempts[0].state == before.attempts[0].state;
                assert_eq!(is_as_before, expected == "Unresolved", "{reason} {intent} {name}");
            }
            // It is not paid for what the order is now, or not alone.
            let answer = success(charged, whole);
            before.attempts[0].sends.completed = None;
            let moved = Checkout { terms_version: 2, ..before.clone() };
            assert_eq!(happened(&answered(&moved, 1, 1, &answer, now).unwrap()), "Contradicted: TermsMoved");
            let mut beside = before.clone();
            let number = AttemptNumber::new(2);
            let state = AttemptState::Completed {
                completion: Completion::Authorized(ChargeId::parse("S01-2-C1").unwrap()),
                charge_permission_id: ChargePermissionId::parse("S01-2").unwrap(),
                at: sent_at(),
            };
            beside.attempts.push(Attempt { number, state, ..before.attempts[0].clone() });
            beside.payment = Payment::begun_by(&beside.terms, &beside.attempts[1]);
            let second = answered(&beside, 1, 1, &answer, now).unwrap().next;
            assert!(second.is_unexplained(), "{reason} {intent}");
        }
    }
}

// Promise: B08
#[test]
fn what_was_pending_and_is_contradicted_is_settled_by_the_charge_that_a_success_has_proved() {
    let now = sent_at().plus(60 * SECOND);
    let unnamed = SessionView::Completed { charge_permission_id: None, charge_id: None };
    let shown = |state| view(state, AmountView::Shown(amount()));
    let crossed =
        ChargeView { id: ChargeId::parse("S01-9-C1").unwrap(), ..shown(AmazonChargeState::Captured) };
    let other_amount = AmountView::Shown(Money::from_minor(1, Currency::USD));
    let contradicting = [crossed, view(AmazonChargeState::Authorized, other_amount)];
    let see = |before: &Checkout, shown: &ChargeView| {
        let mut draft = Draft::new(before.clone(), now, rules());
        look::charge_seen(&mut draft, AttemptNumber::FIRST, &permission(), &charge(), shown);
        draft.finish().checkout
    };
    for seen in contradicting {
        let pending = AttemptState::Pending {
            charge_permission_id: permission(),
            charge_id: charge(),
            since: sent_at(),
            look: LookSchedule { at: now, count: 0 },
            alarm_count: 0,
        };
        let before = checkout(PaymentIntent::Authorize, pending);
        let contradicted = see(&before, &seen);
        assert_eq!(contradicted.verdict(), Verdict::Checking(Some(CheckingReason::CONTRADICTED)), "{seen:?}");
        let (_, next) = session_seen(&contradicted, 1, &unnamed, now, &rules()).unwrap();
        let NextStep::LookAtAttemptsCharge { charge_permission_id, charge_id, .. } = next else {
            panic!("{next:?}");
        };
        assert_eq!((charge_permission_id, charge_id), (permission(), charge()), "{seen:?}");
        for (state, outcome) in [
            (AmazonChargeState::Declined, "notPaid"),
            (AmazonChargeState::Canceled, "notPaid"),
            (AmazonChargeState::AuthorizationInitiated, "pending"),
            (AmazonChargeState::Authorized, "authorized"),
        ] {
            assert_eq!(see(&contradicted, &shown(state)).verdict().outcome(), outcome, "{seen:?} {state:?}");
        }
    }
}

// Promise: B08, D18
#[test]
fn ids_that_a_session_does_not_name_are_asked_for_daily_where_keys_are_honoured() {
    let now = sent_at().plus(60 * SECOND);
    let unnamed = SessionView::Completed { charge_permission_id: None, charge_id: None };
    let look = |before: &Checkout, finalize_keys| {
        let mut draft = Draft::new(before.clone(), now, MerchantRules { finalize_keys, ..rules() });
        let next = look::session_seen(&mut draft, AttemptNumber::FIRST, &unnamed);
        (draft.finish().checkout, next)
    };
    let left = checkout(PaymentIntent::Authorize, unresolved(UnresolvedReason::IdsMissing));
    for keys in [FinalizeKeys::Unknown, FinalizeKeys::NotHonoured] {
        assert_eq!(look(&left, keys), (left.clone(), NextStep::Rest), "{keys:?}");
    }
    for reason in [UnresolvedReason::CompletedElsewhere, UnresolvedReason::Contradicted] {
        let other = checkout(PaymentIntent::Authorize, unresolved(reason));
        assert_eq!(look(&other, FinalizeKeys::Honoured).1, NextStep::Rest, "{reason}");
    }
    let (asking, next) = look(&left, FinalizeKeys::Honoured);
    assert_eq!(next, NextStep::ProveBySending(AttemptNumber::FIRST));
    let rules = MerchantRules { finalize_keys: FinalizeKeys::Honoured, ..rules() };
    let mut draft = Draft::new(asking, now, rules);
    let sent = finalize::send_to_prove(&mut draft, AttemptNumber::FIRST, &|n| key_of(n.get()));
    assert!(matches!(sent, NextStep::Send(_)), "{sent:?}");
    let success = FinalizeAnswer::Success(FinalizeSuccess {
        pending: false,
        charge_permission_id: permission(),
        charge_id: Some(charge()),
        charge_amount: AmountView::Absent,
    });
    finalize::answered(&mut draft, AttemptNumber::FIRST, KeyOrdinal::FIRST, &success);
    assert_eq!(draft.finish().checkout.verdict().outcome(), "pending");
}

// Promise: B08, D18
#[test]
fn what_was_left_to_a_person_before_the_keys_were_known_is_proved_once_more_when_they_are() {
    let now = sent_at().plus(60 * SECOND);
    let shown =
        SessionView::Completed { charge_permission_id: Some(permission()), charge_id: Some(charge()) };
    let left = || checkout(PaymentIntent::Authorize, unresolved(UnresolvedReason::CompletedElsewhere));
    let look = |before: &Checkout, finalize_keys| {
        let mut draft = Draft::new(before.clone(), now, MerchantRules { finalize_keys, ..rules() });
        let next = look::session_seen(&mut draft, AttemptNumber::FIRST, &shown);
        (draft.finish().checkout, next)
    };
    for keys in [FinalizeKeys::Unknown, FinalizeKeys::NotHonoured] {
        assert_eq!(look(&left(), keys), (left(), NextStep::Rest), "{keys:?}");
    }
    let nobody_sent = AttemptState::Unresolved {
        reason: UnresolvedReason::CompletedElsewhere,
        send: None,
        sent_at: now,
        look_at: now,
    };
    let refused = checkout(PaymentIntent::Authorize, nobody_sent);
    assert_eq!(look(&refused, FinalizeKeys::Honoured).1, NextStep::Rest, "there are no bytes to send");
    let success = FinalizeAnswer::Success(FinalizeSuccess {
        pending: false,
        charge_permission_id: permission(),
        charge_id: Some(charge()),
        charge_amount: AmountView::Absent,
    });
    let refusal = FinalizeAnswer::Unclear { cause: "X".to_string(), kind: UnclearKind::Refusal };
    for (answer, is_ours) in [(success, true), (refusal, false)] {
        let mut before = left();
        before.attempts[0].sends = Sends { unanswered_later_count: 1, was_refused: true, ..Sends::default() };
        let (proving, next) = look(&before, FinalizeKeys::Honoured);
        assert_eq!(next, NextStep::ProveBySending(AttemptNumber::FIRST));
        let rules = MerchantRules { finalize_keys: FinalizeKeys::Honoured, ..rules() };
        let mut draft = Draft::new(proving, now, rules);
        let sent = finalize::send_to_prove(&mut draft, AttemptNumber::FIRST, &|n| key_of(n.get()));
        assert!(matches!(sent, NextStep::Send(_)), "{sent:?}");
        let next = finalize::answered(&mut draft, AttemptNumber::FIRST, KeyOrdinal::FIRST, &answer);
        let after = draft.finish().checkout;
        assert_eq!(after.attempts[0].sends.prove(&permission(), Some(&charge())), is_ours, "{next:?}");
        if !is_ours {
            let state = &after.attempts[0].state;
            assert!(
                matches!(
                    state,
                    AttemptState::Unresolved { reason: UnresolvedReason::CompletedElsewhere, .. }
                ),
                "{state:?}"
            );
            assert_eq!(look(&after, FinalizeKeys::Honoured).1, NextStep::Rest, "it is asked once");
        }
    }
}
