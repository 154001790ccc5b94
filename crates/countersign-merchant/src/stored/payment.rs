//! The payment and the cancellation within the checkout document: charges with their refunds, and the
//! operations, with the exact bytes that they send.

use countersign_domain::ids::{ChargeId, ChargePermissionId, RefundId};
use countersign_domain::merchant::cancellation::{Cancellation, CancellationState};
use countersign_domain::merchant::operation::{
    Asked, Effect, Operation, OperationName, OperationState, Request,
};
use countersign_domain::merchant::payment::{
    Charge, ChargeState, Look, Payment, Permission, PermissionState, Refund, RefundState, Sight,
};
use countersign_domain::money::{Currency, Money};
use countersign_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Unreadable;
use super::checkout::{StoredSend, restore_send, store_send, wrong};

/// Amounts are in minor units of the terms' currency, charges made elsewhere included: a permission has
/// one currency.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StoredPayment {
    charge_permission_id: String,
    limit: u64,
    began_at: i64,
    permission: StoredPermission,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    charges: Vec<StoredCharge>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    operations: Vec<StoredOperation>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredPermission {
    state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    look: Option<StoredLook>,
}

/// When, and how often so far.
type StoredLook = (i64, u32);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredCharge {
    id: String,
    amount: u64,
    authorized_at: i64,
    expires_at: i64,
    planned_until: i64,
    state: StoredChargeState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<StoredSight>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    look: Option<StoredLook>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refunds: Vec<StoredRefund>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refunded_shown: Option<u64>,
}

/// None of a charge that was never looked at.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum StoredSight {
    Doubted,
    Contradicted,
    At(i64),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum StoredChargeState {
    AuthorizationInitiated,
    Authorized,
    CaptureInitiated,
    Captured(u64),
    Canceled(Option<String>),
    Declined(Option<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredRefund {
    id: String,
    amount: u64,
    state: StoredRefundState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    look: Option<StoredLook>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum StoredRefundState {
    RefundInitiated,
    Refunded,
    Declined(Option<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredOperation {
    number: u32,
    name: StoredName,
    asked: StoredRequest,
    request: StoredRequest,
    requested_at: i64,
    #[serde(default, skip_serializing_if = "is_none")]
    turned_away: u32,
    state: StoredOperationState,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum StoredName {
    Shop(String),
    Own(String),
}

/// What was asked for, or what that means: the same words, the one with what was left out.
#[derive(Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase", deny_unknown_fields)]
enum StoredRequest {
    CreateCharge {
        amount: (u64, String),
        capture_now: bool,
        can_handle_pending_authorization: bool,
    },
    Capture {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        charge_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<(u64, String)>,
    },
    Refund {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        charge_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<(u64, String)>,
    },
    CancelCharge {
        charge_id: String,
    },
    Close {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase", deny_unknown_fields)]
enum StoredOperationState {
    Recorded {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        send: Option<StoredSend>,
        retry_at: i64,
    },
    Sending {
        send: StoredSend,
        sent_at: i64,
        lease_until: i64,
    },
    InDoubt {
        send: StoredSend,
        send_count: u32,
        since: i64,
        look: StoredLook,
        alarm_count: u32,
    },
    Done(StoredEffect),
    Refused(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum StoredEffect {
    Charge(String),
    Refund(String),
    Closed,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StoredCancellation {
    reference: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    requested_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    done_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remind_at: Option<i64>,
    #[serde(default, skip_serializing_if = "is_false")]
    is_stuck: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

fn look(look: Option<Look>) -> Option<StoredLook> {
    look.map(|look| (look.at.as_millis(), look.count))
}

fn restore_look((at, count): StoredLook) -> Look {
    Look { at: Timestamp::from_millis(at), count }
}

pub(super) fn store(payment: &Payment) -> StoredPayment {
    let Payment { charge_permission_id, limit, began_at, permission, charges, operations } = payment;
    StoredPayment {
        charge_permission_id: charge_permission_id.to_string(),
        limit: limit.minor(),
        began_at: began_at.as_millis(),
        permission: StoredPermission {
            state: permission.state.name().to_owned(),
            reason: permission.state.reason().map(str::to_owned),
            look: look(permission.look),
        },
        charges: charges.iter().map(store_charge).collect(),
        operations: operations.iter().map(store_operation).collect(),
    }
}

fn store_charge(charge: &Charge) -> StoredCharge {
    let Charge {
        id,
        amount,
        authorized_at,
        expires_at,
        planned_until,
        state,
        sight,
        look: at,
        refunds,
        refunded_shown,
    } = charge;
    StoredCharge {
        id: id.to_string(),
        amount: amount.minor(),
        authorized_at: authorized_at.as_millis(),
        expires_at: expires_at.as_millis(),
        planned_until: planned_until.as_millis(),
        state: match state {
            ChargeState::AuthorizationInitiated => StoredChargeState::AuthorizationInitiated,
            ChargeState::Authorized => StoredChargeState::Authorized,
            ChargeState::CaptureInitiated => StoredChargeState::CaptureInitiated,
            ChargeState::Captured(captured) => StoredChargeState::Captured(captured.minor()),
            ChargeState::Canceled(reason) => StoredChargeState::Canceled(reason.clone()),
            ChargeState::Declined(reason) => StoredChargeState::Declined(reason.clone()),
        },
        seen: match sight {
            Sight::Never => None,
            Sight::Doubted => Some(StoredSight::Doubted),
            Sight::Contradicted => Some(StoredSight::Contradicted),
            Sight::At(at) => Some(StoredSight::At(at.as_millis())),
        },
        look: look(*at),
        refunds: refunds.iter().map(store_refund).collect(),
        refunded_shown: refunded_shown.map(Money::minor),
    }
}

fn store_refund(refund: &Refund) -> StoredRefund {
    StoredRefund {
        id: refund.id.to_string(),
        amount: refund.amount.minor(),
        state: match &refund.state {
            RefundState::RefundInitiated => StoredRefundState::RefundInitiated,
            RefundState::Refunded => StoredRefundState::Refunded,
            RefundState::Declined(reason) => StoredRefundState::Declined(reason.clone()),
        },
        look: look(refund.look),
    }
}

fn money(money: Money) -> (u64, String) {
    (money.minor(), money.currency().code().to_owned())
}

fn store_operation(operation: &Operation) -> StoredOperation {
    let Operation { number, name, asked, request, requested_at, turned_away, state } = operation;
    let id = |id: &ChargeId| id.to_string();
    StoredOperation {
        number: *number,
        name: match name {
            OperationName::Shop(reference) => StoredName::Shop(reference.clone()),
            OperationName::Own(word) => StoredName::Own(word.clone()),
        },
        asked: match asked {
            Asked::Charge { amount, capture_now, can_handle_pending_authorization } => {
                StoredRequest::CreateCharge {
                    amount: money(*amount),
                    capture_now: *capture_now,
                    can_handle_pending_authorization: *can_handle_pending_authorization,
                }
            }
            Asked::Capture { charge_id, amount } => {
                StoredRequest::Capture { charge_id: charge_id.as_ref().map(id), amount: amount.map(money) }
            }
            Asked::Refund { charge_id, amount } => {
                StoredRequest::Refund { charge_id: charge_id.as_ref().map(id), amount: amount.map(money) }
            }
            Asked::CancelCharge(charge_id) => StoredRequest::CancelCharge { charge_id: id(charge_id) },
            Asked::Close { reason } => StoredRequest::Close { reason: reason.clone() },
        },
        request: match request {
            Request::CreateCharge { amount, capture_now, can_handle_pending_authorization } => {
                StoredRequest::CreateCharge {
                    amount: money(*amount),
                    capture_now: *capture_now,
                    can_handle_pending_authorization: *can_handle_pending_authorization,
                }
            }
            Request::Capture { charge_id, amount } => {
                StoredRequest::Capture { charge_id: Some(id(charge_id)), amount: Some(money(*amount)) }
            }
            Request::Refund { charge_id, amount } => {
                StoredRequest::Refund { charge_id: Some(id(charge_id)), amount: Some(money(*amount)) }
            }
            Request::CancelCharge { charge_id } => StoredRequest::CancelCharge { charge_id: id(charge_id) },
            Request::Close { reason } => StoredRequest::Close { reason: reason.clone() },
        },
        requested_at: requested_at.as_millis(),
        turned_away: *turned_away,
        state: match state {
            OperationState::Recorded { send, retry_at } => StoredOperationState::Recorded {
                send: send.as_ref().map(store_send),
                retry_at: retry_at.as_millis(),
            },
            OperationState::Sending { send, sent_at, lease_until } => StoredOperationState::Sending {
                send: store_send(send),
                sent_at: sent_at.as_millis(),
                lease_until: lease_until.as_millis(),
            },
            OperationState::InDoubt { send, send_count, since, look, alarm_count } => {
                StoredOperationState::InDoubt {
                    send: store_send(send),
                    send_count: *send_count,
                    since: since.as_millis(),
                    look: (look.at.as_millis(), look.count),
                    alarm_count: *alarm_count,
                }
            }
            OperationState::Done(effect) => StoredOperationState::Done(match effect {
                Effect::Charge(charge_id) => StoredEffect::Charge(id(charge_id)),
                Effect::Refund(refund_id) => StoredEffect::Refund(refund_id.to_string()),
                Effect::Closed => StoredEffect::Closed,
            }),
            OperationState::Refused { code } => StoredOperationState::Refused(code.clone()),
        },
    }
}

pub(super) fn restore(stored: StoredPayment, currency: Currency) -> Result<Payment, Unreadable> {
    let reason = stored.permission.reason.unwrap_or_default();
    let state = match stored.permission.state.as_str() {
        "Chargeable" => PermissionState::Chargeable,
        "NonChargeable" => PermissionState::NonChargeable(reason),
        "Closed" => PermissionState::Closed(reason),
        _ => return Err(wrong("its permission's state is unknown")),
    };
    Ok(Payment {
        charge_permission_id: ChargePermissionId::parse(&stored.charge_permission_id).map_err(wrong)?,
        limit: Money::from_minor(stored.limit, currency),
        began_at: Timestamp::from_millis(stored.began_at),
        permission: Permission { state, look: stored.permission.look.map(restore_look) },
        charges: stored
            .charges
            .into_iter()
            .map(|charge| restore_charge(charge, currency))
            .collect::<Result<_, _>>()?,
        operations: stored.operations.into_iter().map(restore_operation).collect::<Result<_, _>>()?,
    })
}

fn restore_charge(stored: StoredCharge, currency: Currency) -> Result<Charge, Unreadable> {
    let instant = Timestamp::from_millis;
    let money = |minor| Money::from_minor(minor, currency);
    Ok(Charge {
        id: ChargeId::parse(&stored.id).map_err(wrong)?,
        amount: money(stored.amount),
        authorized_at: instant(stored.authorized_at),
        expires_at: instant(stored.expires_at),
        planned_until: instant(stored.planned_until),
        state: match stored.state {
            StoredChargeState::AuthorizationInitiated => ChargeState::AuthorizationInitiated,
            StoredChargeState::Authorized => ChargeState::Authorized,
            StoredChargeState::CaptureInitiated => ChargeState::CaptureInitiated,
            StoredChargeState::Captured(captured) => ChargeState::Captured(money(captured)),
            StoredChargeState::Canceled(reason) => ChargeState::Canceled(reason),
            StoredChargeState::Declined(reason) => ChargeState::Declined(reason),
        },
        sight: match stored.seen {
            None => Sight::Never,
            Some(StoredSight::Doubted) => Sight::Doubted,
            Some(StoredSight::Contradicted) => Sight::Contradicted,
            Some(StoredSight::At(at)) => Sight::At(instant(at)),
        },
        look: stored.look.map(restore_look),
        refunded_shown: stored.refunded_shown.map(money),
        refunds: stored
            .refunds
            .into_iter()
            .map(|refund| {
                Ok(Refund {
                    id: RefundId::parse(&refund.id).map_err(wrong)?,
                    amount: money(refund.amount),
                    state: match refund.state {
                        StoredRefundState::RefundInitiated => RefundState::RefundInitiated,
                        StoredRefundState::Refunded => RefundState::Refunded,
                        StoredRefundState::Declined(reason) => RefundState::Declined(reason),
                    },
                    look: refund.look.map(restore_look),
                })
            })
            .collect::<Result<_, Unreadable>>()?,
    })
}

fn restore_money((minor, currency): (u64, String)) -> Result<Money, Unreadable> {
    let currency = Currency::parse(&currency).ok_or_else(|| wrong("an amount's currency is unknown"))?;
    Ok(Money::from_minor(minor, currency))
}

fn restore_operation(stored: StoredOperation) -> Result<Operation, Unreadable> {
    let instant = Timestamp::from_millis;
    let charge = |id: String| ChargeId::parse(&id).map_err(wrong);
    Ok(Operation {
        number: stored.number,
        name: match stored.name {
            StoredName::Shop(reference) => OperationName::Shop(reference),
            StoredName::Own(word) => OperationName::Own(word),
        },
        asked: match stored.asked {
            StoredRequest::CreateCharge { amount, capture_now, can_handle_pending_authorization } => {
                let amount = restore_money(amount)?;
                Asked::Charge { amount, capture_now, can_handle_pending_authorization }
            }
            StoredRequest::Capture { charge_id, amount } => Asked::Capture {
                charge_id: charge_id.map(charge).transpose()?,
                amount: amount.map(restore_money).transpose()?,
            },
            StoredRequest::Refund { charge_id, amount } => Asked::Refund {
                charge_id: charge_id.map(charge).transpose()?,
                amount: amount.map(restore_money).transpose()?,
            },
            StoredRequest::CancelCharge { charge_id } => Asked::CancelCharge(charge(charge_id)?),
            StoredRequest::Close { reason } => Asked::Close { reason },
        },
        request: restore_request(stored.request)?,
        requested_at: instant(stored.requested_at),
        turned_away: stored.turned_away,
        state: match stored.state {
            StoredOperationState::Recorded { send, retry_at } => OperationState::Recorded {
                send: send.map(restore_send).transpose()?,
                retry_at: instant(retry_at),
            },
            StoredOperationState::Sending { send, sent_at, lease_until } => OperationState::Sending {
                send: restore_send(send)?,
                sent_at: instant(sent_at),
                lease_until: instant(lease_until),
            },
            StoredOperationState::InDoubt { send, send_count, since, look, alarm_count } => {
                OperationState::InDoubt {
                    send: restore_send(send)?,
                    send_count,
                    since: instant(since),
                    look: restore_look(look),
                    alarm_count,
                }
            }
            StoredOperationState::Done(effect) => OperationState::Done(match effect {
                StoredEffect::Charge(id) => Effect::Charge(charge(id)?),
                StoredEffect::Refund(id) => Effect::Refund(RefundId::parse(&id).map_err(wrong)?),
                StoredEffect::Closed => Effect::Closed,
            }),
            StoredOperationState::Refused(code) => OperationState::Refused { code },
        },
    })
}

fn restore_request(stored: StoredRequest) -> Result<Request, Unreadable> {
    let charge = |id: Option<String>| {
        let id = id.ok_or_else(|| wrong("a request names no charge"))?;
        ChargeId::parse(&id).map_err(wrong)
    };
    let money = |amount: Option<(u64, String)>| {
        restore_money(amount.ok_or_else(|| wrong("a request names no amount"))?)
    };
    Ok(match stored {
        StoredRequest::CreateCharge { amount, capture_now, can_handle_pending_authorization } => {
            let amount = restore_money(amount)?;
            Request::CreateCharge { amount, capture_now, can_handle_pending_authorization }
        }
        StoredRequest::Capture { charge_id, amount } => {
            Request::Capture { charge_id: charge(charge_id)?, amount: money(amount)? }
        }
        StoredRequest::Refund { charge_id, amount } => {
            Request::Refund { charge_id: charge(charge_id)?, amount: money(amount)? }
        }
        StoredRequest::CancelCharge { charge_id } => {
            Request::CancelCharge { charge_id: charge(Some(charge_id))? }
        }
        StoredRequest::Close { reason } => Request::Close { reason },
    })
}

pub(super) fn store_cancellation(cancellation: &Cancellation) -> StoredCancellation {
    let (done_at, remind_at, is_stuck) = match cancellation.state {
        CancellationState::Done { at, remind_at } => {
            (Some(at.as_millis()), remind_at.map(Timestamp::as_millis), false)
        }
        CancellationState::Requested { remind_at, is_stuck } => (None, Some(remind_at.as_millis()), is_stuck),
    };
    StoredCancellation {
        reference: cancellation.reference.clone(),
        reason: cancellation.reason.clone(),
        requested_at: cancellation.requested_at.as_millis(),
        done_at,
        remind_at,
        is_stuck,
    }
}

pub(super) fn restore_cancellation(stored: StoredCancellation) -> Result<Cancellation, Unreadable> {
    let instant = Timestamp::from_millis;
    let state = match (stored.done_at, stored.remind_at) {
        (Some(at), remind_at) => {
            CancellationState::Done { at: instant(at), remind_at: remind_at.map(instant) }
        }
        (None, Some(remind_at)) => {
            CancellationState::Requested { remind_at: instant(remind_at), is_stuck: stored.is_stuck }
        }
        (None, None) => return Err(wrong("its cancellation is neither open nor done")),
    };
    Ok(Cancellation {
        reference: stored.reference,
        reason: stored.reason,
        requested_at: instant(stored.requested_at),
        state,
    })
}

#[cfg(test)]
mod tests;
