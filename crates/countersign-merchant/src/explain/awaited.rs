//! What happens next, derived from the states.

use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::call::InFlight;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::cancellation::CancellationState;
use countersign_domain::merchant::checkout::unexplained::UnexplainedState;
use countersign_domain::merchant::decision::{Asked, Decision, DecisionState};
use countersign_domain::merchant::payment::charge::{Charge, ChargeState};
use countersign_domain::merchant::payment::operation::{Operation, OperationState, PaymentCall};
use countersign_domain::merchant::payment::permission::PermissionState;
use countersign_domain::merchant::rules::MerchantRules;
use countersign_domain::time::Timestamp;

use crate::registration::Registration;
use countersign_protocol::json::Members;

const COMPARES: &str = "Get Checkout Session is called again, to compare the session with the terms";

pub(super) fn entries(registration: &Registration, rules: &MerchantRules) -> Vec<Members> {
    let checkout = &registration.checkout;
    let mut awaited = Vec::new();
    let lapse = "the quote lapses unless it is paid, and the registered amount applies again";
    add(&mut awaited, lapse.to_owned(), registration.lapses_at());
    for attempt in &checkout.attempts {
        let what = match &attempt.state {
            AttemptState::Bound { .. } | AttemptState::Finalize(InFlight::Recorded { .. })
                if attempt.waits_for.is_some() =>
            {
                "another order of the cart is looked at, to see whether it may still be paid"
            }
            AttemptState::Bound { .. } | AttemptState::Finalize(InFlight::Recorded { .. })
                if checkout.decisions.is_payment_disputed() =>
            {
                "nothing is sent until two persons agree about what was decided"
            }
            AttemptState::Bound { .. } => COMPARES,
            AttemptState::NotApproved(_) | AttemptState::Finalize(InFlight::InDoubt(_))
                if attempt.state.asked_again().is_some() =>
            {
                COMPARES
            }
            AttemptState::Finalize(InFlight::Recorded { .. }) => "Finalize is sent",
            AttemptState::Finalize(InFlight::Sent { .. }) => {
                "Amazon answers Finalize, or the result is looked up"
            }
            AttemptState::Finalize(InFlight::InDoubt(_)) => "the session is looked up again",
            AttemptState::Pending { .. } => "Get Charge is called for Amazon's decision",
            AttemptState::NotApproved(_) => {
                "the session is looked up again, until Amazon shows it Canceled or its buyer comes back"
            }
            // The cancellation of the order has its own entry.
            AttemptState::Unresolved { .. } if attempt.state.is_refunding() => continue,
            AttemptState::Unresolved { .. } => "the session is looked up once more; a person can decide",
            AttemptState::NotPaid { .. } if attempt.state.is_contradicted() => {
                "Get Charge is called, to see whether Amazon still shows money"
            }
            AttemptState::Completed { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::Surplus { .. }
            | AttemptState::Released { .. } => continue,
        };
        add(&mut awaited, format!("attempt {}: {what}", attempt.number), attempt.state.due_at());
    }
    for known in &checkout.unexplained {
        let what = match &known.state {
            UnexplainedState::Heard { .. } => {
                "every session of the order is looked up, because it names the order"
            }
            UnexplainedState::Watched { .. } => "it is looked up again, because it names the order",
            UnexplainedState::Open { .. } if known.is_returning() => {
                "it is looked up again, to return its money or to see it returned"
            }
            UnexplainedState::Open { .. } => {
                "it is looked up again; a person must decide whose payment it is"
            }
            UnexplainedState::Over { .. } => continue,
        };
        let at = known.state.look().map(|look| look.at);
        add(&mut awaited, format!("{}: {what}", known.charge_permission_id), at);
    }
    if let Some(payment) = &checkout.payment {
        for operation in payment.in_flight() {
            let what = format!("operation {}: {}", operation.number, operation_text(checkout, operation));
            add(&mut awaited, what, operation.state.due_at());
        }
    }
    for charge in checkout.payment.iter().flat_map(|payment| &payment.charges) {
        add_charge(charge, rules, &mut awaited);
    }
    for contest in checkout.payment.iter().flat_map(|payment| &payment.contests) {
        let (kind, id) = (contest.id.kind(), contest.id.as_str());
        let what = format!(
            "{kind} {id}: Amazon is asked whose it is, because it was answered for another order too"
        );
        add(&mut awaited, what, contest.look().map(|look| look.at));
    }
    for dispute in checkout.payment.iter().flat_map(|payment| &payment.disputes) {
        let what = format!("dispute {}: a person settles it, or a reminder is logged", dispute.id);
        add(&mut awaited, what, dispute.due_at());
    }
    if let Some(permission) = checkout.payment.as_ref().map(|payment| &payment.permission) {
        let what = match permission.state {
            PermissionState::Chargeable | PermissionState::Closed(_) => {
                "Get Charge Permission is called for its state"
            }
            PermissionState::NonChargeable(_) => {
                "Get Charge Permission is called, to see whether it can be charged again"
            }
        };
        add(&mut awaited, what.to_owned(), permission.look.map(|look| look.at));
    }
    if let Some(CancellationState::Requested { remind_at, is_stuck }) =
        checkout.cancellation.as_ref().map(|cancellation| cancellation.state)
    {
        let what = if is_stuck {
            "a person must finish the cancellation; the next reminder is logged"
        } else {
            "everything that was paid is undone, or a reminder is logged"
        };
        add(&mut awaited, what.to_owned(), Some(remind_at));
    }
    for decision in &checkout.decisions.made {
        let (verdict, reference) = (decision.asked.verdict(), &decision.first.reference);
        let what = match decision.state {
            DecisionState::AwaitsSecond { .. } => {
                let DecisionText { ids, actor, command } = DecisionText::of(decision, checkout);
                format!(
                    "a second person confirms what {actor} has decided under {reference:?} ({verdict}{ids}), or it \
                     expires; `{command}` shows the evidence"
                )
            }
            DecisionState::Reminds { .. } => format!("the reminder {reference:?} is logged"),
            DecisionState::Expired { .. }
            | DecisionState::Made { .. }
            | DecisionState::Reminded { .. }
            | DecisionState::Superseded { .. } => continue,
        };
        add(&mut awaited, what, decision.due_at());
    }
    awaited
}

/// What a second person must know of a decision.
struct DecisionText<'a> {
    /// The ids and the amount of the verdict, each after a comma.
    ids: String,
    actor: &'a str,
    /// The command that shows everything about it.
    command: String,
}

impl<'a> DecisionText<'a> {
    fn of(decision: &'a Decision, checkout: &Checkout) -> Self {
        let (permission, charge, refund, amount) = match &decision.asked {
            Asked::Paid { charge_permission_id, charge_id, amount } => {
                (charge_permission_id.as_ref(), charge_id.as_ref(), None, *amount)
            }
            Asked::Refund { charge_permission_id, charge_id, amount } => {
                (charge_permission_id.as_ref(), Some(charge_id), None, Some(*amount))
            }
            Asked::Done { charge_id, refund_id } => (None, charge_id.as_ref(), refund_id.as_ref(), None),
            Asked::RefundUnexplained { amount } => (None, None, None, Some(*amount)),
            Asked::Lost { amount } => (None, None, None, *amount),
            Asked::NotPaid
            | Asked::NoEffect
            | Asked::Ours
            | Asked::NotOurs
            | Asked::Won
            | Asked::Remind { .. } => (None, None, None, None),
        };
        let words = [
            permission.map(ToString::to_string),
            charge.map(ToString::to_string),
            refund.map(ToString::to_string),
            amount.map(|amount| amount.to_string()),
        ];
        let ids = words.into_iter().flatten().map(|word| format!(", {word}")).collect();
        let command = super::needs::command(&decision.subject, checkout);
        Self { ids, actor: &decision.first.actor, command }
    }
}

fn add(awaited: &mut Vec<Members>, what: String, at: Option<Timestamp>) {
    if let Some(at) = at {
        awaited.push(Members::default().with("what", what).with("at", at.to_string()));
    }
}

fn operation_text(checkout: &Checkout, operation: &Operation) -> String {
    let call = operation.request.call();
    match &operation.state {
        OperationState::InFlight(InFlight::Recorded { .. }) => format!("{call} is sent"),
        OperationState::InFlight(InFlight::Sent { .. }) => format!("Amazon answers {call}"),
        OperationState::InFlight(InFlight::InDoubt(_)) if checkout.holds_back(operation) => {
            format!(
                "the permission is closed; {call} is sent again only when it can no longer charge the buyer"
            )
        }
        OperationState::InFlight(InFlight::InDoubt(_)) => match operation.request {
            PaymentCall::CreateCharge { .. } | PaymentCall::Refund { .. } => {
                format!("{call} is sent again with the same bytes and the same key")
            }
            PaymentCall::Capture { .. } | PaymentCall::CancelCharge { .. } => {
                format!("Get Charge is called for the result of {call}")
            }
            PaymentCall::Close { .. } => format!("Get Charge Permission is called for the result of {call}"),
        },
        OperationState::Done(_) | OperationState::Refused { .. } => String::new(),
    }
}

fn add_charge(charge: &Charge, rules: &MerchantRules, awaited: &mut Vec<Members>) {
    let id = &charge.id;
    if charge.contradicted_by().is_some() {
        let what = format!("{id}: Get Charge is called, to see whether Amazon still contradicts the payment");
        return add(awaited, what, charge.look.map(|look| look.at));
    }
    match &charge.state {
        ChargeState::Authorized if !charge.is_ours() => {
            let what = format!("{id}: others made it, and it is left to them; the authorization expires");
            add(awaited, what, Some(charge.expires_at));
        }
        ChargeState::Authorized => {
            let what = match charge.captured_at(rules) {
                Some(at) => {
                    add(awaited, format!("{id}: it is captured as capture.policy says"), Some(at));
                    format!("{id}: the authorization expires")
                }
                None => format!("{id}: the shop must capture it before the authorization expires"),
            };
            add(awaited, what, Some(charge.expires_at));
        }
        ChargeState::AuthorizationInitiated => {
            let what = format!("{id}: Get Charge is called for Amazon's decision");
            add(awaited, what, charge.look.map(|look| look.at));
        }
        ChargeState::CaptureInitiated => {
            let what = format!("{id}: Get Charge is called for the result of the capture");
            add(awaited, what, charge.look.map(|look| look.at));
        }
        ChargeState::Captured(_) | ChargeState::Canceled(_) | ChargeState::Declined(_) => {}
    }
    for refund in &charge.refunds {
        let what = format!("{}: Get Refund is called for its result", refund.id);
        add(awaited, what, refund.look.map(|look| look.at));
    }
}
