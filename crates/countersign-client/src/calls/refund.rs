//! The calls on Refunds.

use bytes::Bytes;
use countersign_domain::ids::{IdempotencyKey, RefundId};
use countersign_protocol::wire::{CreateRefund, Object as _, Refund};

use super::Sending;
use crate::answer::Answer;
use crate::client::Client;
use crate::error::{Answered, Error};

impl Client {
    /// Create Refund: gives back of a Captured charge. Always asynchronous: RefundInitiated, then
    /// Refunded or Declined. Amazon lists no refunds: after a lost answer send the same again under its
    /// key.
    ///
    /// # Errors
    /// [`Error::is_definitive`]: nothing is refunded. [`Error::is_ambiguous`]: it may be. A success that
    /// names another charge is ambiguous.
    pub async fn create_refund(&self, request: &CreateRefund, key: &IdempotencyKey) -> Answered<Refund> {
        let body = request.to_request().into();
        let sending = Sending::RepeatedlyWithKey(key);
        let call = self.payment_call("createRefund", "refunds".to_owned(), body, sending);
        let answer: Answer<Refund> = self.exchange(&call).await?;
        match (&request.charge_id, &answer.value.charge_id) {
            (Some(asked), Some(answered)) if asked != answered => {
                Err(Error::unusable(&call, answer, "its body names another charge"))
            }
            (_, Some(_) | None) => Ok(answer),
        }
    }

    /// Create Refund with exactly these bytes as its body, once, never repeated.
    ///
    /// # Errors
    /// As [`Client::create_refund`], for a call that is sent once.
    pub async fn create_refund_bytes(&self, body: Bytes, key: &IdempotencyKey) -> Answered<Refund> {
        let sending = Sending::OnceWithKey(key);
        self.exchange(&self.payment_call("createRefund", "refunds".to_owned(), body, sending)).await
    }

    /// Get Refund: whether the buyer has the money.
    ///
    /// # Errors
    /// None of them changes anything; 404 `ResourceNotFound` for a refund of somebody else.
    pub async fn get_refund(&self, id: &RefundId) -> Answered<Refund> {
        self.exchange(&self.read_call("getRefund", format!("refunds/{id}"))).await
    }
}
