//! What a request looks like when it leaves: its address, its headers, and the signature.

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use http::HeaderValue;

use crate::call::Call;
use crate::client::Client;
use crate::signer::SigningFailed;

/// Sent to Amazon with each request, and not signed.
const USER_AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));

impl Client {
    pub(crate) fn signed_request(
        &self,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<http::Request<Bytes>, SigningFailed> {
        let settings = &self.shared.settings;
        let key = settings.signer.public_key_id();
        let path = settings.endpoint.path(key, self.environment(), &call.resource);
        let mut request = http::Request::builder()
            .method(call.method.clone())
            .uri(settings.endpoint.uri(&path)?)
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, "application/json")
            .header(http::header::USER_AGENT, USER_AGENT)
            .body(call.body.clone())?;
        if let Some(key) = call.idempotency_key {
            let key = HeaderValue::from_str(key.as_str())?;
            request.headers_mut().insert("x-amz-pay-idempotency-key", key);
        }
        settings.signer.sign(&mut request, settings.region, now)?;
        // The API's pages leave this header out of the signature.
        if let Some(code) = self.simulation.as_ref().filter(|_| call.can_be_simulated) {
            request.headers_mut().insert("x-amz-pay-simulation-code", code.header());
        }
        Ok(request)
    }
}
