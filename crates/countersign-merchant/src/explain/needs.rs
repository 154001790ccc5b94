//! What a person has to do, with the command that decides about each object that waits for one.

use countersign_domain::merchant::attempt::{Attempt, AttemptState};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::standing::Need;
use countersign_domain::merchant::checkout::unexplained::Unexplained;
use countersign_domain::merchant::decision::Subject;
use countersign_domain::merchant::decision::judge::contradicted_charge;
use countersign_domain::merchant::payment::dispute::DisputeState;
use countersign_domain::merchant::payment::operation::{Operation, OperationName, OperationState, OwnName};

/// What a person has to do about a need.
pub(super) fn in_words(need: Need, checkout: &Checkout) -> String {
    let what = match need {
        Need::Contradicted => "compare the payment with Seller Central: Amazon contradicts what was proved",
        Need::Unexplained => {
            "say whose payment it is: a permission names this order, and nothing of the order explains its money"
        }
        Need::Unresolved => "look the payment up in Seller Central: nobody can tell whether it was paid",
        Need::OperationInDoubt => {
            "look the operation up in Seller Central: it is still in doubt after its last alarm"
        }
        Need::CancellationStuck => "undo the rest in Seller Central: Amazon refuses it",
        Need::Disputed => "answer the dispute in Seller Central, and say here how it ended",
        Need::SnapshotMissed => {
            "the buyer's data are gone: take them from the shop's own records, and erase the snapshot"
        }
        Need::WebhookGivenUp => "a webhook was not delivered: read the order's events, or send it again",
    };
    let subjects = subjects(need, checkout);
    let is_disputed = |it: &Subject| checkout.decisions.is_disputed_about(it);
    // What was decided is disputed, and nothing else is wrong with it.
    let what = match subjects.as_slice() {
        [_, ..] if subjects.iter().all(is_disputed) => {
            "one person disputes what was decided: a second one must agree with either"
        }
        [] | [_, ..] => what,
    };
    let commands: Vec<String> = subjects.iter().map(|it| command(it, checkout)).collect();
    if commands.is_empty() { what.to_owned() } else { format!("{what}: {}", commands.join("; ")) }
}

/// The command that shows what can be decided about an object.
pub(super) fn command(subject: &Subject, checkout: &Checkout) -> String {
    let order = &checkout.order_id;
    let is_plain = order.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let order = if is_plain && !order.starts_with('-') { order } else { checkout.id.as_str() };
    let of = match subject {
        Subject::Attempt(number) => format!("--attempt {number}"),
        Subject::Operation(number) => format!("--operation {number}"),
        Subject::Unexplained(permission) => format!("--unexplained {permission}"),
        Subject::Dispute(id) => format!("--dispute {id}"),
    };
    format!("countersign decide {order} {of}")
}

/// The objects that a person can decide about, for a need.
fn subjects(need: Need, checkout: &Checkout) -> Vec<Subject> {
    let attempts = |is_it: &dyn Fn(&Attempt) -> bool| {
        let attempts = checkout.attempts.iter().filter(|it| is_it(it));
        attempts.map(|it| Subject::Attempt(it.number)).collect::<Vec<_>>()
    };
    let operations = |is_it: &dyn Fn(&Operation) -> bool| {
        let operations = checkout.payment.iter().flat_map(|payment| &payment.operations);
        operations.filter(|it| is_it(it)).map(|it| Subject::Operation(it.number)).collect::<Vec<_>>()
    };
    let (mut found, is_meant): (Vec<Subject>, fn(&Subject) -> bool) = match need {
        Need::Contradicted => {
            let is_contested =
                |it: &Attempt| checkout.is_contested() && matches!(it.state, AttemptState::Completed { .. });
            let is_it = |it: &Attempt| {
                it.state.is_contradicted()
                    || checkout.is_contradicted(it)
                    || contradicted_charge(checkout, it).is_some()
                    || is_contested(it)
            };
            (attempts(&is_it), |_| false)
        }
        Need::Unresolved => {
            let is_it = |it: &Attempt| {
                let is_unresolved = matches!(it.state, AttemptState::Unresolved { .. });
                (is_unresolved && !it.state.is_refunding()) || it.state.doubt().is_some()
            };
            (attempts(&is_it), |it| matches!(it, Subject::Attempt(_)))
        }
        Need::Unexplained => {
            let open = checkout.unexplained.iter().filter(|it| Unexplained::needs_a_person(it));
            let open = open.map(|it| Subject::Unexplained(it.charge_permission_id.clone()));
            (open.collect(), |it| matches!(it, Subject::Unexplained(_)))
        }
        Need::OperationInDoubt => {
            let is_it = |it: &Operation| it.state.in_flight().is_some_and(|it| it.doubt().is_some());
            (operations(&is_it), |it| matches!(it, Subject::Operation(_)))
        }
        Need::CancellationStuck => {
            let is_it = |it: &Operation| {
                let is_undo = matches!(it.name, OperationName::Own(OwnName::Undo { .. }));
                is_undo && matches!(it.state, OperationState::Refused { .. })
            };
            (operations(&is_it).into_iter().next_back().into_iter().collect(), |_| false)
        }
        Need::Disputed => {
            let disputes = checkout.payment.iter().flat_map(|payment| &payment.disputes);
            let open = disputes.filter(|it| matches!(it.state, DisputeState::Open { .. }));
            (open.map(|it| Subject::Dispute(it.id.clone())).collect(), |it| matches!(it, Subject::Dispute(_)))
        }
        Need::SnapshotMissed | Need::WebhookGivenUp => return Vec::new(),
    };
    for decision in &checkout.decisions.made {
        let subject = &decision.subject;
        if is_meant(subject) && checkout.decisions.is_disputed_about(subject) && !found.contains(subject) {
            found.push(subject.clone());
        }
    }
    found
}
