//! The payment and the cancellation within the checkout document: charges with their refunds, and the
//! operations, with the exact bytes that they send.

use countersign_document::stored;
use countersign_domain::merchant::cancellation::{Cancellation, CancellationState};
use countersign_domain::merchant::operation::{
    Asked, Effect, Operation, OperationName, OperationState, Request,
};
use countersign_domain::merchant::payment::{
    Charge, ChargeState, Look, Payment, Permission, PermissionState, Refund, RefundState, Sight,
};

use super::Merchant;

stored! {
    by Merchant;

    struct Payment {
        charge_permission_id,
        limit,
        began_at,
        permission,
        charges or default,
        operations or default,
    }

    struct Permission { state, look }

    enum PermissionState { Chargeable, NonChargeable(reason), Closed(reason) }

    struct Look { at, count }

    struct Charge {
        id,
        amount,
        authorized_at,
        expires_at,
        planned_until,
        state,
        sight,
        look,
        refunds or default,
        refunded_shown,
    }

    enum ChargeState {
        AuthorizationInitiated,
        Authorized,
        CaptureInitiated,
        Captured(amount),
        Canceled(reason),
        Declined(reason),
    }

    enum Sight { Never, Doubted, Contradicted, At(at) }

    struct Refund { id, amount, state, look }

    enum RefundState { RefundInitiated, Refunded, Declined(reason) }

    struct Operation { number, name, asked, request, requested_at, turned_away or default, state }

    enum OperationName { Shop(reference), Own(word) }

    enum Asked {
        Charge { amount, capture_now, can_handle_pending_authorization },
        Capture { charge_id, amount },
        Refund { charge_id, amount },
        CancelCharge(charge_id),
        Close { reason },
    }

    enum Request {
        CreateCharge { amount, capture_now, can_handle_pending_authorization },
        Capture { charge_id, amount },
        Refund { charge_id, amount },
        CancelCharge { charge_id },
        Close { reason },
    }

    enum OperationState {
        Recorded { send, retry_at },
        Sending { send, sent_at, lease_until },
        InDoubt { send, send_count, since, look, alarm_count },
        Done(effect),
        Refused { code },
    }

    enum Effect { Charge(charge_id), Refund(refund_id), Closed }

    struct Cancellation { reference, reason, requested_at, state }

    enum CancellationState {
        Requested { remind_at, is_stuck or default },
        Done { at, remind_at },
    }
}

#[cfg(test)]
mod tests;
