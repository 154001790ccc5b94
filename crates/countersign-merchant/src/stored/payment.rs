//! The payment and the cancellation within the checkout document: charges with their refunds, and operations
//! with the exact bytes that they send.

use countersign_document::stored;
use countersign_domain::merchant::call::LookSchedule;
use countersign_domain::merchant::checkout::cancellation::{Cancellation, CancellationState, Extent};
use countersign_domain::merchant::number::OperationNumber;
use countersign_domain::merchant::payment::Payment;
use countersign_domain::merchant::payment::charge::{Charge, ChargeOrigin, ChargeState, LastSeen};
use countersign_domain::merchant::payment::contest::{ClaimedId, Contest, ContestState, Holder};
use countersign_domain::merchant::payment::dispute::{Dispute, DisputeState};
use countersign_domain::merchant::payment::misfit::Misfit;
use countersign_domain::merchant::payment::operation::{
    Operation, OperationEffect, OperationName, OperationRequest, OperationState, OwnName, PaymentCall,
    UndoStep,
};
use countersign_domain::merchant::payment::permission::{Permission, PermissionState};
use countersign_domain::merchant::payment::refund::{Refund, RefundState};
use countersign_domain::merchant::payment::shipment::{PaidBy, Shipment, ShipmentRequest};

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
        disputes or default,
        contests or default,
    }

    struct Contest { id, holder, state }

    enum ClaimedId { Permission(charge_permission_id), Charge(charge_id), Refund(refund_id) }

    enum Holder { ThisOrder, AnotherOrder }

    enum ContestState { Open { look }, Settled { at } }

    struct Permission { state, look }

    enum PermissionState { Chargeable, NonChargeable(reason), Closed(reason) }

    struct LookSchedule { at, count }

    struct Charge {
        id,
        origin,
        amount,
        authorized_at,
        expires_at,
        planned_until,
        state,
        sight,
        look,
        refunds or default,
        refunded_shown,
        refunded_elsewhere,
        unreadable_count or default,
        shipments or default,
    }

    enum ChargeOrigin { Finalize, Operation, Elsewhere }

    text Misfit: as_str, Misfit::parse;

    struct Shipment { reference, asked, amount, paid_by, seen_at, recorded_at }

    struct ShipmentRequest { charge_id, amount }

    enum PaidBy { Authorization, Capture }

    enum ChargeState {
        AuthorizationInitiated,
        Authorized,
        CaptureInitiated,
        Captured(amount),
        Canceled(reason),
        Declined(reason),
    }

    enum LastSeen { Never, Doubted, Contradicted(misfit), At(at) }

    struct Refund { id, amount, state, look, decided_at, known_at }

    enum RefundState { RefundInitiated, Refunded, Declined(reason) }

    struct Dispute { id, charge_id, amount, opened_at, state }

    enum DisputeState { Open { remind_at }, Won { at }, Lost { at } }

    struct OperationNumber(number);

    struct Operation {
        number,
        name,
        asked,
        request,
        requested_at,
        last_sent_at,
        turned_away or default,
        alarm_count or default,
        contradicted_count or default,
        lead,
        state,
    }

    enum OperationName { Shop(reference), Own(name) }

    enum OwnName { PolicyCapture(charge_id), Undo { what, try_number } }

    enum UndoStep { CancelCharge(charge_id), Refund(charge_id), Close }

    enum OperationRequest {
        Charge { amount, capture_now, can_handle_pending_authorization },
        Capture { charge_id, amount },
        Refund { charge_id, amount },
        CancelCharge(charge_id),
        Close { reason },
    }

    enum PaymentCall {
        CreateCharge { amount, capture_now, can_handle_pending_authorization },
        Capture { charge_id, amount },
        Refund { charge_id, amount },
        CancelCharge { charge_id },
        Close { reason },
    }

    enum OperationState {
        InFlight(call),
        Done(effect),
        Refused { code },
    }

    enum OperationEffect { Charge(charge_id), Refund(refund_id), Closed }

    struct Cancellation { reference, reason, requested_at, extent or default, state }

    enum Extent { Unshipped, Everything, Widened { reference, reason } }

    enum CancellationState {
        Requested { remind_at, is_stuck or default },
        Done { at, remind_at },
    }
}

#[cfg(test)]
mod tests;
