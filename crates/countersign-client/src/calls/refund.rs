//! The calls on Refunds.

use bytes::Bytes;
use countersign_domain::ids::{IdempotencyKey, RefundId};
use countersign_protocol::wire::{CreateRefund, Object as _, Refund};

use super::SendMode;
use super::charge::require_requested_charge;
use crate::client::Client;
use crate::error::CallResult;

impl Client {
    /// Create Refund: refunds a Captured charge. Always asynchronous: RefundInitiated, then Refunded or
    /// Declined. Amazon cannot list refunds: after a lost answer send the same request again under its key.
    ///
    /// # Errors
    /// [`Error::is_definitive`](crate::Error::is_definitive): nothing is refunded.
    /// [`Error::is_ambiguous`](crate::Error::is_ambiguous): something may be. A success that names another
    /// charge is ambiguous.
    pub async fn create_refund(&self, request: &CreateRefund, key: &IdempotencyKey) -> CallResult<Refund> {
        let body = request.to_request().into();
        let sending = SendMode::RepeatedlyWithKey(key);
        let call = self.payment_call("createRefund", "refunds".to_owned(), body, sending);
        let (answer, asked) = (self.exchange(&call).await?, request.charge_id.as_ref());
        require_requested_charge(&call, answer, asked, |it: &Refund| it.charge_id.as_ref())
    }

    /// Create Refund with exactly these bytes as its body; sent once, never repeated.
    ///
    /// # Errors
    /// As [`Client::create_refund`], for a call that is sent once.
    pub async fn create_refund_bytes(&self, body: Bytes, key: &IdempotencyKey) -> CallResult<Refund> {
        let sending = SendMode::OnceWithKey(key);
        self.exchange(&self.payment_call("createRefund", "refunds".to_owned(), body, sending)).await
    }

    /// Get Refund: whether the buyer has the money.
    ///
    /// # Errors
    /// No error changes anything; 404 `ResourceNotFound` for somebody else's refund.
    pub async fn get_refund(&self, id: &RefundId) -> CallResult<Refund> {
        self.exchange(&self.read_call("getRefund", format!("refunds/{id}"))).await
    }
}
