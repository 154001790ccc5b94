//! The calls that follow a success: operations, with the exact bytes that were kept, and the Gets that show
//! the state of a charge, a refund or a permission.

use bytes::Bytes;
use countersign_client::{Answer, Error, FailureClass};
use countersign_domain::ids::{ChargeId, ChargePermissionId, RefundId};
use countersign_domain::merchant::call::{KeyedRequest, UnclearKind};
use countersign_domain::merchant::payment::charge::ChargeView;
use countersign_domain::merchant::payment::charge::{AmazonChargeState, ChargeStatus};
use countersign_domain::merchant::payment::operation::{OperationEffect, PaymentCall};
use countersign_domain::merchant::payment::permission::{PermissionMoney, PermissionState, PermissionView};
use countersign_domain::merchant::payment::refund::{RefundState, RefundView};
use countersign_domain::merchant::payment::send::OperationAnswer;
use countersign_domain::merchant::proof::{ObjectView, SessionPermission};
use countersign_domain::time::Timestamp;
use countersign_protocol::wire::{
    Charge, ChargePermission, ChargePermissionState, ChargeState, ReasonClass, ReasonCode, Refund,
    RefundState as WireRefundState, Word,
};

use super::{Amazon, NoEvidence, amount_view, bounded, classify, code_in_words, is_own_404, shows_nothing};

/// How much of a permission's reference is read.
const MAX_REFERENCE: usize = 128;

/// What a body shows, or why nothing can be concluded from it.
type ReadResult<T> = Result<T, &'static str>;

impl Amazon {
    /// Get Charge. The answer may name another charge, which is a contradiction.
    pub(crate) async fn charge(&self, id: &ChargeId) -> Result<ChargeView, NoEvidence> {
        let asked_at = self.clock.now();
        let answer = self.shown(self.client.get_charge(id).await)?;
        charge_shown(&answer, asked_at).map_err(NoEvidence::new)
    }

    /// Get Refund. The answer may name another refund, which is a contradiction.
    pub(crate) async fn refund(&self, id: &RefundId) -> Result<RefundView, NoEvidence> {
        let answer = self.shown(self.client.get_refund(id).await)?;
        refund_shown(&answer.value).map_err(NoEvidence::new)
    }

    /// Get Charge Permission. `None` if the answer names another permission, which is a contradiction.
    pub(crate) async fn permission(
        &self,
        id: &ChargePermissionId,
    ) -> Result<Option<PermissionView>, NoEvidence> {
        let answer = self.shown(self.client.get_charge_permission(id).await)?;
        let shown = answer.value.charge_permission_id.as_ref();
        let shown = shown.ok_or_else(|| NoEvidence::new("a charge permission without an id"))?;
        if shown != id {
            return Ok(None);
        }
        permission_shown(id, &answer.value).map(Some).map_err(NoEvidence::new)
    }

    /// Get Charge Permission: what it shows of a session's payment.
    pub(crate) async fn session_permission(
        &self,
        id: &ChargePermissionId,
    ) -> Result<SessionPermission, NoEvidence> {
        let answer = self.shown(self.client.get_charge_permission(id).await)?;
        let Answer { value: permission, malformed, .. } = &answer;
        let shown_id = permission.charge_permission_id.clone();
        let shown_id = shown_id.ok_or_else(|| NoEvidence::new("a charge permission without an id"))?;
        let state = permission_shown(&shown_id, permission).map_err(NoEvidence::new)?.state;
        let limits = permission.limits.as_ref();
        let limit = limits.and_then(|limits| limits.amount_limit.as_ref());
        let reference = permission.merchant_metadata.as_ref();
        Ok(SessionPermission {
            id: shown_id,
            state,
            reference: reference.and_then(|metadata| metadata.merchant_reference_id.clone()),
            limit: amount_view("limits.amountLimit", limit, malformed),
        })
    }

    /// Get Charge Permission, for a permission that no order is known to have: its merchant reference, which is
    /// a checkout's id if it names one. `None` also when Amazon answers that it has no such permission.
    pub(crate) async fn reference_of(&self, id: &ChargePermissionId) -> Result<Option<String>, NoEvidence> {
        let answer = match self.noted(self.client.get_charge_permission(id).await) {
            Ok(answer) => answer,
            Err(error) if is_own_404(&error, id.as_str()) => return Ok(None),
            Err(error) => return Err(shows_nothing(&error)),
        };
        if answer.value.charge_permission_id.as_ref() != Some(id) {
            return Err(NoEvidence::new("another charge permission"));
        }
        let reference = answer.value.merchant_metadata.and_then(|metadata| metadata.merchant_reference_id);
        // The buyer may have written anything, and no checkout's id is longer.
        let reference = reference.map(|reference| reference.chars().take(MAX_REFERENCE).collect::<String>());
        Ok(reference.filter(|reference| !reference.is_empty()))
    }

    /// Get Charge Permission: its state and its money, also of one that is not known here.
    pub(crate) async fn permission_money(
        &self,
        id: &ChargePermissionId,
    ) -> Result<PermissionMoney, NoEvidence> {
        let answer = self.shown(self.client.get_charge_permission(id).await)?;
        let PermissionView { state } = permission_shown(id, &answer.value).map_err(NoEvidence::new)?;
        let limits = answer.value.limits.as_ref();
        let limit = limits.and_then(|limits| limits.amount_limit.as_ref());
        let balance = limits.and_then(|limits| limits.amount_balance.as_ref());
        Ok(PermissionMoney {
            state,
            created_at: answer.value.creation_timestamp,
            limit: amount_view("limits.amountLimit", limit, &answer.malformed),
            balance: amount_view("limits.amountBalance", balance, &answer.malformed),
        })
    }

    /// Get Charge Permission: the body as it came, for a snapshot, and what it shows.
    pub(crate) async fn permission_as_it_came(
        &self,
        id: &ChargePermissionId,
    ) -> Result<(Bytes, Option<PermissionView>), NoEvidence> {
        let answer = self.shown(self.client.get_charge_permission(id).await)?;
        let shown = permission_shown(id, &answer.value).ok();
        Ok((answer.body, shown))
    }

    /// Get Charge: the body as it came, and what it shows.
    pub(crate) async fn charge_as_it_came(
        &self,
        id: &ChargeId,
    ) -> Result<(Bytes, Option<ChargeView>), NoEvidence> {
        let asked_at = self.clock.now();
        let answer = self.shown(self.client.get_charge(id).await)?;
        let shown = charge_shown(&answer, asked_at).ok().filter(|shown| shown.id == *id);
        Ok((answer.body, shown))
    }

    /// Executes an operation once, with exactly these bytes and, where the call takes one, this key.
    pub(crate) async fn operate(
        &self,
        permission: &ChargePermissionId,
        request: &PaymentCall,
        send: &KeyedRequest,
    ) -> OperationAnswer {
        let (body, key) = (Bytes::copy_from_slice(&send.body), &send.idempotency_key);
        let (client, asked_at) = (&self.client, self.clock.now());
        let read = match request {
            PaymentCall::CreateCharge { .. } => {
                self.noted(client.create_charge_bytes(body, key).await).map(charge_answer(asked_at))
            }
            PaymentCall::Capture { charge_id, .. } => self
                .noted(client.capture_charge_bytes(charge_id, body, key).await)
                .map(charge_answer(asked_at)),
            PaymentCall::CancelCharge { charge_id } => {
                self.noted(client.cancel_charge_bytes(charge_id, body).await).map(charge_answer(asked_at))
            }
            PaymentCall::Refund { .. } => {
                self.noted(client.create_refund_bytes(body, key).await).map(refund_answer)
            }
            PaymentCall::Close { .. } => self
                .noted(client.close_charge_permission_bytes(permission, body).await)
                .map(|answer| permission_shown(permission, &answer.value).map(ObjectView::Permission)),
        };
        match read {
            Ok(Ok(shown)) => OperationAnswer::Success(shown),
            Ok(Err(cause)) => {
                OperationAnswer::Unclear { cause: cause.to_owned(), kind: UnclearKind::Unknown }
            }
            Err(error) => classify(&error, |failure_class| refusal(failure_class, &error, request)),
        }
    }

    fn shown<T>(&self, answer: Result<Answer<T>, Error>) -> Result<Answer<T>, NoEvidence> {
        self.noted(answer).map_err(|error| shows_nothing(&error))
    }
}

/// The charge of an answer to an operation, or at least its id.
fn charge_answer(asked_at: Timestamp) -> impl FnOnce(Answer<Charge>) -> ReadResult<ObjectView> {
    move |answer| {
        let only_id = |id| ObjectView::OnlyId(OperationEffect::Charge(id));
        let shown = charge_shown(&answer, asked_at).map(ObjectView::Charge);
        shown.or_else(|why| answer.value.charge_id.map(only_id).ok_or(why))
    }
}

/// The refund of an answer to an operation, or at least its id.
fn refund_answer(answer: Answer<Refund>) -> ReadResult<ObjectView> {
    let only_id = |id| ObjectView::OnlyId(OperationEffect::Refund(id));
    let shown = refund_shown(&answer.value).map(ObjectView::Refund);
    shown.or_else(|why| answer.value.refund_id.map(only_id).ok_or(why))
}

pub(super) fn charge_shown(answer: &Answer<Charge>, asked_at: Timestamp) -> ReadResult<ChargeView> {
    let Answer { value: charge, malformed, .. } = answer;
    let id = charge.charge_id.clone().ok_or("a charge without an id")?;
    let status = charge.status_details.clone().unwrap_or_default();
    let state = match status.state.as_ref().and_then(Word::known).ok_or("an unknown charge state")? {
        ChargeState::AuthorizationInitiated => AmazonChargeState::AuthorizationInitiated,
        ChargeState::Authorized => AmazonChargeState::Authorized,
        ChargeState::CaptureInitiated => AmazonChargeState::CaptureInitiated,
        ChargeState::Captured => AmazonChargeState::Captured,
        ChargeState::Declined => AmazonChargeState::Declined,
        ChargeState::Canceled => AmazonChargeState::Canceled,
    };
    Ok(ChargeView {
        id,
        asked_at,
        created_at: charge.creation_timestamp.or(status.last_updated_timestamp),
        charge_permission_id: charge.charge_permission_id.clone(),
        seen: ChargeStatus {
            state,
            reason: status.reason_code.map(|code| bounded(code.as_str())),
            charge_amount: amount_view("chargeAmount", charge.charge_amount.as_ref(), malformed),
        },
        captured: amount_view("captureAmount", charge.capture_amount.as_ref(), malformed),
        refunded: amount_view("refundedAmount", charge.refunded_amount.as_ref(), malformed),
        expires_at: charge.expiration_timestamp,
    })
}

pub(super) fn refund_shown(refund: &Refund) -> ReadResult<RefundView> {
    let status = refund.status_details.clone().unwrap_or_default();
    let reason = status.reason_code.map(|code| bounded(code.as_str()));
    let state = match status.state.as_ref().and_then(Word::known).ok_or("an unknown refund state")? {
        WireRefundState::RefundInitiated => RefundState::RefundInitiated,
        WireRefundState::Refunded => RefundState::Refunded,
        WireRefundState::Declined => RefundState::Declined(reason),
    };
    Ok(RefundView {
        id: refund.refund_id.clone().ok_or("a refund without an id")?,
        charge_id: refund.charge_id.clone().ok_or("a refund without its charge")?,
        amount: refund
            .refund_amount
            .as_ref()
            .map(|price| price.money)
            .ok_or("a refund without its amount")?,
        state,
    })
}

pub(super) fn permission_shown(
    id: &ChargePermissionId,
    permission: &ChargePermission,
) -> ReadResult<PermissionView> {
    if permission.charge_permission_id.as_ref() != Some(id) {
        return Err("another charge permission");
    }
    let status = permission.status_details.clone().unwrap_or_default();
    let reasons = status.reasons.into_iter().flatten().flatten();
    let reason = reasons.filter_map(|reason| reason.reason_code).next();
    let reason = reason.map_or_else(String::new, |code| bounded(code.as_str()));
    let state = match status.state.as_ref().and_then(Word::known).ok_or("an unknown permission state")? {
        ChargePermissionState::Chargeable => PermissionState::Chargeable,
        ChargePermissionState::NonChargeable => PermissionState::NonChargeable(reason),
        ChargePermissionState::Closed => PermissionState::Closed(reason),
    };
    Ok(PermissionView { state })
}

/// The code of an answer that refuses a call for good.
fn refusal(failure_class: FailureClass, error: &Error, request: &PaymentCall) -> Option<String> {
    let is_refusal = match (failure_class, error.reason_code().and_then(Word::known)) {
        (FailureClass::Misuse, _) => true,
        // A code with a status other than its own, such as 500, proves nothing.
        (FailureClass::Refused, Some(code)) => is_refusal(request, code),
        (FailureClass::InDoubt, Some(code)) => {
            is_refusal(request, code) && error.status() == Some(code.status())
        }
        (FailureClass::NotEvaluated | FailureClass::Refused | FailureClass::InDoubt, _) => false,
    };
    is_refusal.then(|| code_in_words(error))
}

/// The codes that refuse a call for good. A code that refuses the object's state is one of them only where
/// the key would have returned an earlier success of the same call; an earlier capture, cancellation or
/// closing leaves the very state in which the next one is refused. A declined capture changes its charge,
/// which is looked up.
fn is_refusal(request: &PaymentCall, code: ReasonCode) -> bool {
    match request {
        PaymentCall::CreateCharge { .. } => {
            code.class() == ReasonClass::Decline
                || matches!(
                    code,
                    ReasonCode::TransactionAmountExceeded
                        | ReasonCode::TransactionCountExceeded
                        | ReasonCode::PeriodicAmountExceeded
                        | ReasonCode::CurrencyMismatch
                        | ReasonCode::InvalidChargePermissionStatus
                )
        }
        PaymentCall::Refund { .. } => matches!(
            code,
            ReasonCode::TransactionAmountExceeded
                | ReasonCode::TransactionCountExceeded
                | ReasonCode::CurrencyMismatch
                | ReasonCode::InvalidChargeStatus
                | ReasonCode::AmazonRejected
        ),
        PaymentCall::Capture { .. } => matches!(
            code,
            ReasonCode::TransactionAmountExceeded
                | ReasonCode::TransactionCountExceeded
                | ReasonCode::CurrencyMismatch
        ),
        PaymentCall::CancelCharge { .. } | PaymentCall::Close { .. } => false,
    }
}
