//! Who completed a session that Amazon shows Completed: what is known of the sends, and what the last answer adds.

use super::super::attempt::prove;
use super::super::attempt::sends::Unanswered;
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
        let (id, reference, amount) = (permission(), "c1", amount());
        permission_proof(shown, &ExpectedPermission { id: &id, reference, may_lack_reference, amount })
    };
    type Change = fn(&mut SessionPermission);
    let fits: [Change; 4] = [
        |_| {},
        |it| it.state = PermissionState::NonChargeable("ChargeInProgress".to_string()),
        |it| it.limit = AmountView::Absent,
        |it| it.limit = AmountView::Shown(Money::from_minor(1_401, Currency::USD)),
    ];
    for change in fits {
        let mut shown = whole.clone();
        change(&mut shown);
        assert_eq!(proof(&shown, false), Proof::Fits(()), "{shown:?}");
    }
    let contradicts: [(Change, Misfit); 5] = [
        (|it| it.id = ChargePermissionId::parse("S01-2").unwrap(), Misfit::ChargePermissionDiffers),
        (|it| it.reference = Some("c2".to_string()), Misfit::ReferenceDiffers),
        (|it| it.limit = AmountView::Shown(Money::from_minor(1_400, Currency::EUR)), Misfit::CurrencyDiffers),
        (
            |it| it.limit = AmountView::Shown(Money::from_minor(1_399, Currency::USD)),
            Misfit::ChargeAmountDiffers,
        ),
        (|it| it.state = PermissionState::Closed("BuyerClosed".to_string()), Misfit::StateDiffers),
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
    let unreadable = SessionPermission { limit: AmountView::Unreadable, ..whole };
    assert!(matches!(proof(&unreadable, true), Proof::Nothing(_)));
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
            limit: AmountView::Absent,
        };
        let see = |draft: &mut Draft| prove::permission_seen(draft, AttemptNumber::FIRST, &shown);
        assert_eq!(super::decide::decided(&in_doubt, now, &rules(), see), (None, NextStep::Rest));
        // What this store is known to have completed is paid.
        let (step, _) = super::decide::decided(&proved_ours(in_doubt), now, &rules(), see);
        let confirmed = step.map(|step| step.next.verdict().outcome());
        assert_eq!(confirmed, (*intent == PaymentIntent::Confirm).then_some("confirmed"));
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
