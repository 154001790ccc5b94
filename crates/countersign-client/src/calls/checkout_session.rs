//! The calls on Checkout Sessions.

use bytes::Bytes;
use countersign_domain::ids::{CheckoutSessionId, IdempotencyKey};
use countersign_domain::terms::PaymentIntent;
use countersign_protocol::wire::{
    CheckoutSession, CheckoutSessionState, CompleteCheckoutSession, CreateCheckoutSession,
    FinalizeCheckoutSession, Object as _, UpdateCheckoutSession, Word,
};

use super::SendMode;
use crate::answer::Answer;
use crate::call::Call;
use crate::client::Client;
use crate::error::{CallResult, Error};

impl Client {
    /// Create Checkout Session, for the flows in which the merchant creates it: in Buy Now, Amazon does.
    ///
    /// # Errors
    /// An ambiguous error leaves at most a session that nobody uses; the key makes it safe to repeat the
    /// call.
    pub async fn create_checkout_session(
        &self,
        request: &CreateCheckoutSession,
        key: &IdempotencyKey,
    ) -> CallResult<CheckoutSession> {
        let (resource, body) = ("checkoutSessions".to_owned(), request.to_request().into());
        let call =
            self.payment_call("createCheckoutSession", resource, body, SendMode::RepeatedlyWithKey(key));
        let deadline = self.shared.settings.deadlines.call;
        self.exchange(&Call { deadline, can_be_simulated: false, ..call }).await
    }

    /// Get Checkout Session.
    ///
    /// Completed does not prove that the order is paid: a pending authorization may have been declined since,
    /// so get the charge. Open proves nothing once Finalize was sent.
    ///
    /// # Errors
    /// No error changes anything; 404 `ResourceNotFound` 30 days after the creation.
    pub async fn get_checkout_session(&self, id: &CheckoutSessionId) -> CallResult<CheckoutSession> {
        self.exchange(&self.read_call("getCheckoutSession", format!("checkoutSessions/{id}"))).await
    }

    /// Update Checkout Session: every member that is present in the request replaces that of the session.
    ///
    /// # Errors
    /// 422 `InvalidCheckoutSessionStatus` unless the session is Open.
    pub async fn update_checkout_session(
        &self,
        id: &CheckoutSessionId,
        request: &UpdateCheckoutSession,
    ) -> CallResult<CheckoutSession> {
        // Once sent, this call is not repeated: the API ignores idempotency keys on PATCH, and a copy that
        // arrives late could undo a later update.
        let (resource, body) = (format!("checkoutSessions/{id}"), request.to_request().into());
        self.exchange(&self.change_call("updateCheckoutSession", http::Method::PATCH, resource, body)).await
    }

    /// Complete Checkout Session: executes the payment intent of the redirecting flow.
    ///
    /// # Errors
    /// As [`Client::finalize_checkout_session`].
    pub async fn complete_checkout_session(
        &self,
        id: &CheckoutSessionId,
        request: &CompleteCheckoutSession,
        sending: SendMode<'_>,
    ) -> CallResult<CheckoutSession> {
        let body = request.to_request().into();
        let call = self.payment_call(
            "completeCheckoutSession",
            format!("checkoutSessions/{id}/complete"),
            body,
            sending,
        );
        whole_completion(&call, self.exchange(&call).await?, id, None)
    }

    /// Finalize Checkout Session: verifies the payment-critical attributes and executes the payment intent.
    /// 202: accepted, the authorization is pending.
    ///
    /// A success has our session's id, the state Completed, a charge permission and, unless the intent is
    /// Confirm, a charge. Store both ids before reporting the success to anybody.
    ///
    /// # Errors
    /// [`Error::is_definitive`]: no money moved. [`Error::is_ambiguous`]: money may have moved; look the
    /// session up. A success whose body is incomplete is ambiguous.
    pub async fn finalize_checkout_session(
        &self,
        id: &CheckoutSessionId,
        request: &FinalizeCheckoutSession,
        sending: SendMode<'_>,
    ) -> CallResult<CheckoutSession> {
        let body = request.to_request().into();
        let call = self.finalize_call(id, body, sending);
        let intent = request.payment_intent.as_ref().and_then(Word::known);
        whole_completion(&call, self.exchange(&call).await?, id, intent)
    }

    /// Finalize Checkout Session with exactly these bytes as its body; sent once, never repeated.
    ///
    /// For callers that store a request before they send it, and that send the same bytes under the same key
    /// again after a crash. They have to judge from the answer whether a success is complete.
    ///
    /// # Errors
    /// As [`Client::finalize_checkout_session`], for a call that is sent once.
    pub async fn finalize_checkout_session_bytes(
        &self,
        id: &CheckoutSessionId,
        body: Bytes,
        key: &IdempotencyKey,
    ) -> CallResult<CheckoutSession> {
        self.exchange(&self.finalize_call(id, body, SendMode::OnceWithKey(key))).await
    }

    fn finalize_call<'a>(&self, id: &CheckoutSessionId, body: Bytes, sending: SendMode<'a>) -> Call<'a> {
        self.payment_call("finalizeCheckoutSession", format!("checkoutSessions/{id}/finalize"), body, sending)
    }
}

/// A success, if it has what a completion needs. If the intent is not known, no charge is required.
fn whole_completion(
    call: &Call<'_>,
    answer: Answer<CheckoutSession>,
    id: &CheckoutSessionId,
    intent: Option<PaymentIntent>,
) -> CallResult<CheckoutSession> {
    let session = &answer.value;
    let state = session.status_details.as_ref().and_then(|status| status.state.as_ref());
    let needs_charge = intent.is_some_and(|intent| intent != PaymentIntent::Confirm);
    let missing = if session.checkout_session_id.as_ref() != Some(id) {
        "its body names another checkout session"
    } else if state != Some(&Word::Known(CheckoutSessionState::Completed)) {
        "its session is not Completed"
    } else if session.charge_permission_id.is_none() {
        "its body names no charge permission"
    } else if needs_charge && session.charge_id.is_none() {
        "its body names no charge"
    } else {
        return Ok(answer);
    };
    Err(Error::unusable(call, answer, missing))
}
