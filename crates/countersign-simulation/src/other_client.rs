//! Another integration of the same account: it finalizes a session of one of the shop's orders, as its own sale. It
//! takes only sessions that Amazon has refused to the merchant half, so that the merchant half can know that the
//! payment is not its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Client, Transport, TransportError};
use countersign_domain::ids::{CheckoutSessionId, IdempotencyKey, Region};
use countersign_http::Response;
use countersign_sandbox::Sandbox;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::process::{GivingUp, Process, ServeOutcome};
use crate::world::World;

/// A network on which nothing goes wrong.
struct Direct(Arc<Process<Sandbox>>);

impl Transport for Direct {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: Duration,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            match self.0.serve(request, GivingUp::LeavesItRunning, |_| ()).await {
                ServeOutcome::Answer(answer) => Ok(answer),
                ServeOutcome::Reset | ServeOutcome::Refused => Err(TransportError::Lost("it is down".into())),
            }
        })
    }
}

impl World {
    /// The other client finalizes a session.
    pub(crate) async fn finalize_elsewhere(&self, session: &Value, terms: &Value) {
        let client = Client::builder(Region::NorthAmerica, self.signer())
            .transport(Arc::new(Direct(Arc::clone(&self.amazon))))
            .clock(Arc::new(self.clocks.amazon.clone()))
            .build();
        let Ok(client) = client else { return };
        let id = session["checkoutSessionId"].as_str().unwrap_or_default();
        let (Ok(session_id), Ok(key)) = (
            CheckoutSessionId::parse(id),
            IdempotencyKey::parse(&format!("other-{}", &id[..8.min(id.len())])),
        ) else {
            return;
        };
        let mut body = terms["paymentDetails"].clone();
        let address = if terms["productType"] == "PayOnly" { "billingAddress" } else { "shippingAddress" };
        body[address] = session[address].clone();
        if !terms["supplementaryData"].is_null() {
            body["supplementaryData"] = terms["supplementaryData"].clone();
        }
        self.witness.other_client_tries(id);
        let body = Bytes::from(json!(body).to_string());
        let answer = client.finalize_checkout_session_bytes(&session_id, body, &key).await;
        self.witness.other_client_was_answered(id, answer.is_ok());
    }
}
