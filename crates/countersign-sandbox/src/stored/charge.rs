//! The charge document, with its refunds. It has no timer of its own: its permission's timer covers both.

use countersign_document::stored;
use countersign_domain::provider::charge::{
    Charge, ChargeCancelReason, ChargeDeclineReason, ChargeState, PendingOutcome,
};
use countersign_domain::provider::refund::{Refund, RefundDeclineReason, RefundState};

use super::Sandbox;

stored! {
    by Sandbox;

    document Charge as "charge", format 3;

    struct Charge {
        id,
        charge_permission_id,
        amount,
        can_handle_pending_authorization or default,
        capture_now or default,
        soft_descriptor,
        merchant_metadata or default,
        provider_reference_id,
        platform_id,
        created_at,
        updated_at,
        authorized_at,
        expires_at,
        state,
        refunds or default,
    }

    enum ChargeState {
        AuthorizationInitiated { outcome, decided_at },
        Authorized,
        CaptureInitiated { capturing, decline, decided_at },
        Captured { captured },
        Canceled { reason },
        Declined { reason },
    }

    enum PendingOutcome { Authorized, Declined(reason) }

    text ChargeCancelReason: as_str, ChargeCancelReason::parse;
    text ChargeDeclineReason: as_str, ChargeDeclineReason::parse;

    struct Refund { id, amount, soft_descriptor, created_at, updated_at, state }

    enum RefundState {
        RefundInitiated { decline, decided_at },
        Refunded,
        Declined { reason },
    }

    text RefundDeclineReason: as_str, RefundDeclineReason::parse;
}
