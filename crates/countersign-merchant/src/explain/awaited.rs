//! What is awaited next, from the states alone.

use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::call::InFlight;
use countersign_domain::merchant::checkout::cancellation::CancellationState;
use countersign_domain::merchant::payment::charge::{Charge, ChargeState};
use countersign_domain::merchant::payment::operation::{Operation, OperationState, Request};
use countersign_domain::merchant::payment::permission::PermissionState;
use countersign_domain::merchant::rules::MerchantRules;
use countersign_domain::time::Timestamp;

use crate::registration::Registration;
use countersign_protocol::json::Members;

pub(super) fn of(registration: &Registration, rules: &MerchantRules) -> Vec<Members> {
    let checkout = &registration.checkout;
    let mut awaited = Vec::new();
    let lapse = "the quote lapses unless it is paid; then the registered amount stands again";
    add(&mut awaited, lapse.to_owned(), registration.lapses_at());
    for attempt in &checkout.attempts {
        let what = match &attempt.state {
            AttemptState::Bound { .. } => "Get Checkout Session is asked again, to compare with the terms",
            AttemptState::Finalize(InFlight::Recorded { .. }) => "Finalize is sent",
            AttemptState::Finalize(InFlight::Sent { .. }) => {
                "Amazon's answer to Finalize; without one it is looked up"
            }
            AttemptState::Finalize(InFlight::InDoubt(_)) => "the session is looked up again",
            AttemptState::Pending { .. } => "Get Charge is asked for Amazon's decision",
            AttemptState::Unresolved { .. } => "evidence is looked for; an operator may decide",
            AttemptState::Completed { .. } | AttemptState::NotPaid { .. } | AttemptState::Surplus { .. } => {
                continue;
            }
        };
        add(&mut awaited, format!("attempt {}: {what}", attempt.number), attempt.state.due_at());
    }
    if let Some(payment) = &checkout.payment {
        for operation in payment.in_flight() {
            let is_held_back = checkout.holds_back(operation);
            let what = format!("operation {}: {}", operation.number, of_operation(operation, is_held_back));
            add(&mut awaited, what, operation.state.due_at());
        }
    }
    for charge in checkout.payment.iter().flat_map(|payment| &payment.charges) {
        of_charge(charge, rules, &mut awaited);
    }
    if let Some(permission) = checkout.payment.as_ref().map(|payment| &payment.permission) {
        let what = match permission.state {
            PermissionState::Chargeable | PermissionState::Closed(_) => "Get Charge Permission is asked",
            PermissionState::NonChargeable(_) => {
                "Get Charge Permission is asked whether it can be charged again"
            }
        };
        add(&mut awaited, what.to_owned(), permission.look.map(|look| look.at));
    }
    if let Some(CancellationState::Requested { remind_at, is_stuck }) =
        checkout.cancellation.as_ref().map(|cancellation| cancellation.state)
    {
        let what = if is_stuck {
            "a person: the cancellation cannot be finished by itself; the reminder comes"
        } else {
            "all that was paid is undone; without that somebody is reminded"
        };
        add(&mut awaited, what.to_owned(), Some(remind_at));
    }
    awaited
}

fn add(awaited: &mut Vec<Members>, what: String, at: Option<Timestamp>) {
    if let Some(at) = at {
        awaited.push(Members::default().with("what", what).with("at", at.to_string()));
    }
}

fn of_operation(operation: &Operation, is_held_back: bool) -> String {
    let call = operation.request.call();
    match &operation.state {
        OperationState::InFlight(InFlight::Recorded { .. }) => format!("{call} is sent"),
        OperationState::InFlight(InFlight::Sent { .. }) => format!("Amazon's answer to {call}"),
        OperationState::InFlight(InFlight::InDoubt(_)) if is_held_back => {
            format!("the permission is closed; then {call} is sent again, and can charge nobody any more")
        }
        OperationState::InFlight(InFlight::InDoubt(_)) => match operation.request {
            Request::CreateCharge { .. } | Request::Refund { .. } => {
                format!("{call} is sent again, the same bytes under the same key")
            }
            Request::Capture { .. } | Request::CancelCharge { .. } => {
                format!("Get Charge is asked what became of {call}")
            }
            Request::Close { .. } => format!("Get Charge Permission is asked what became of {call}"),
        },
        OperationState::Done(_) | OperationState::Refused { .. } => String::new(),
    }
}

fn of_charge(charge: &Charge, rules: &MerchantRules, awaited: &mut Vec<Members>) {
    let id = &charge.id;
    match &charge.state {
        ChargeState::Authorized => {
            let what = match charge.captured_at(rules) {
                Some(at) => {
                    add(awaited, format!("{id}: it is captured by capture.policy"), Some(at));
                    format!("{id}: the authorization lapses")
                }
                None => format!("{id}: the shop captures it, before the authorization lapses"),
            };
            add(awaited, what, Some(charge.expires_at));
        }
        ChargeState::AuthorizationInitiated => {
            let what = format!("{id}: Get Charge is asked for Amazon's decision");
            add(awaited, what, charge.look.map(|look| look.at));
        }
        ChargeState::CaptureInitiated => {
            let what = format!("{id}: Get Charge is asked what became of the capture");
            add(awaited, what, charge.look.map(|look| look.at));
        }
        ChargeState::Captured(_) | ChargeState::Canceled(_) | ChargeState::Declined(_) => {}
    }
    for refund in &charge.refunds {
        let what = format!("{}: Get Refund is asked what became of it", refund.id);
        add(awaited, what, refund.look.map(|look| look.at));
    }
}
