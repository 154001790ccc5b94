//! The calls on Charges.

use bytes::Bytes;
use countersign_domain::ids::{ChargeId, IdempotencyKey};
use countersign_protocol::wire::{
    CancelCharge, CaptureCharge, Charge, CreateCharge, Object as _, UpdateCharge,
};
use http::Method;

use super::SendMode;
use crate::answer::Answer;
use crate::call::Call;
use crate::client::Client;
use crate::error::{CallResult, Error};

impl Client {
    /// Get Charge: its state, its amounts, what was captured and refunded.
    ///
    /// # Errors
    /// No error changes anything; 404 `ResourceNotFound` for somebody else's charge.
    pub async fn get_charge(&self, id: &ChargeId) -> CallResult<Charge> {
        self.exchange(&self.read_call("getCharge", format!("charges/{id}"))).await
    }

    /// Create Charge: authorizes, and with `captureNow` captures, under a Charge Permission.
    ///
    /// The answer is Authorized, Captured, or pending: AuthorizationInitiated and CaptureInitiated are
    /// decided later. Amazon cannot list charges: after a lost answer send the same request again under its
    /// key.
    ///
    /// # Errors
    /// [`Error::is_definitive`]: no charge was made. [`Error::is_ambiguous`]: one may have been.
    pub async fn create_charge(&self, request: &CreateCharge, key: &IdempotencyKey) -> CallResult<Charge> {
        let body = request.to_request().into();
        self.exchange(&self.create_charge_call(body, SendMode::RepeatedlyWithKey(key))).await
    }

    /// Create Charge with exactly these bytes as its body; sent once, never repeated.
    ///
    /// # Errors
    /// As [`Client::create_charge`], for a call that is sent once.
    pub async fn create_charge_bytes(&self, body: Bytes, key: &IdempotencyKey) -> CallResult<Charge> {
        self.exchange(&self.create_charge_call(body, SendMode::OnceWithKey(key))).await
    }

    /// Capture Charge: takes an Authorized charge's money, whole or in part; the rest is released.
    ///
    /// From seven days after the authorization on it is asynchronous: CaptureInitiated is not a failure.
    ///
    /// # Errors
    /// After an ambiguous error, and after 422 `InvalidChargeStatus`, get the charge: an earlier copy of this
    /// call may have captured it. A success that names another charge is ambiguous.
    pub async fn capture_charge(
        &self,
        id: &ChargeId,
        request: &CaptureCharge,
        key: &IdempotencyKey,
    ) -> CallResult<Charge> {
        let body = request.to_request().into();
        let call = self.capture_call(id, body, SendMode::RepeatedlyWithKey(key));
        require_requested_charge(&call, self.exchange(&call).await?, Some(id), |it| it.charge_id.as_ref())
    }

    /// Capture Charge with exactly these bytes as its body; sent once, never repeated.
    ///
    /// # Errors
    /// As [`Client::capture_charge`], for a call that is sent once.
    pub async fn capture_charge_bytes(
        &self,
        id: &ChargeId,
        body: Bytes,
        key: &IdempotencyKey,
    ) -> CallResult<Charge> {
        self.exchange(&self.capture_call(id, body, SendMode::OnceWithKey(key))).await
    }

    /// Cancel Charge: releases what an AuthorizationInitiated or Authorized charge holds.
    ///
    /// # Errors
    /// After an ambiguous error, and after 422 `InvalidChargeStatus`, get the charge. A success that names
    /// another charge is ambiguous.
    pub async fn cancel_charge(&self, id: &ChargeId, request: &CancelCharge) -> CallResult<Charge> {
        let call = self.cancel_call(id, request.to_request().into());
        require_requested_charge(&call, self.exchange(&call).await?, Some(id), |it| it.charge_id.as_ref())
    }

    /// Cancel Charge with exactly these bytes as its body.
    ///
    /// # Errors
    /// As [`Client::cancel_charge`].
    pub async fn cancel_charge_bytes(&self, id: &ChargeId, body: Bytes) -> CallResult<Charge> {
        self.exchange(&self.cancel_call(id, body)).await
    }

    /// Update Charge, for payments that a payment service provider processes.
    ///
    /// # Errors
    /// 422 for one of the merchant's own charges.
    pub async fn update_charge(&self, id: &ChargeId, request: &UpdateCharge) -> CallResult<Charge> {
        let (resource, body) = (format!("charges/{id}"), request.to_request().into());
        self.exchange(&self.change_call("updateCharge", Method::PATCH, resource, body)).await
    }

    fn cancel_call(&self, id: &ChargeId, body: Bytes) -> Call<'static> {
        self.change_call("cancelCharge", Method::DELETE, format!("charges/{id}/cancel"), body)
    }

    fn create_charge_call<'a>(&self, body: Bytes, sending: SendMode<'a>) -> Call<'a> {
        self.payment_call("createCharge", "charges".to_owned(), body, sending)
    }

    fn capture_call<'a>(&self, id: &ChargeId, body: Bytes, sending: SendMode<'a>) -> Call<'a> {
        self.payment_call("captureCharge", format!("charges/{id}/capture"), body, sending)
    }
}

/// A success, unless it names a charge other than the requested one: then it says nothing about ours.
pub(super) fn require_requested_charge<T>(
    call: &Call<'_>,
    answer: Answer<T>,
    asked: Option<&ChargeId>,
    answered: fn(&T) -> Option<&ChargeId>,
) -> CallResult<T> {
    match (asked, answered(&answer.value)) {
        (Some(asked), Some(answered)) if asked != answered => {
            Err(Error::unusable(call, answer, "its body names another charge"))
        }
        _ => Ok(answer),
    }
}
