//! What the merchant half sends to its shop is signed: a shop believes nothing else.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_http::Request;
use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// The shop's secret, as Standard Webhooks has it.
pub(super) struct Secret(hmac::Key);

impl Secret {
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let bytes = text.strip_prefix("whsec_").and_then(|secret| STANDARD.decode(secret).ok());
        let bytes = bytes.ok_or_else(|| Failure::new("the shop's secret is none"))?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The body of a request, if one of its signatures is right.
    pub(super) fn verified(&self, request: &Request) -> Option<Value> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?);
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", request.body()].concat();
        let is_right = |signature: &str| {
            let signature = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
            signature.is_some_and(|signature| hmac::verify(&self.0, &signed, &signature).is_ok())
        };
        let is_signed = header("webhook-signature")?.split(' ').take(5).any(is_right);
        if is_signed { serde_json::from_slice(request.body()).ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    fn request(signature: &str, body: &'static str) -> Request {
        http::Request::post("/quote")
            .header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
            .header("webhook-timestamp", "1614265330")
            .header("webhook-signature", signature)
            .body(body.into())
            .unwrap()
    }

    #[test]
    fn only_what_is_signed_is_believed() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let (right, body) = ("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", r#"{"test": 2432232314}"#);
        assert!(secret.verified(&request(right, body)).is_some());
        assert!(secret.verified(&request(&format!("v1,AAAA {right}"), body)).is_some());
        assert!(secret.verified(&request(right, r#"{"test": 2432232315}"#)).is_none());
        assert!(secret.verified(&request("v1,AAAA", body)).is_none());
        assert!(Secret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_err());
    }
}
