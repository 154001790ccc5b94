//! Verifies what the merchant half sends to the shop: a request must be signed, and must have been sent just now.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_domain::time::Timestamp;
use countersign_http::Request;
use serde_json::Value;

use crate::demo_result::DemoResult;

/// By how much `webhook-timestamp` may differ from the shop's clock, in either direction. An older
/// request may be a replay.
const TOLERANCE_MS: u64 = 5 * 60 * 1_000;

/// The content of a verified request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VerifiedWebhook {
    /// `webhook-id`: the same when a request is sent again.
    pub(super) id: String,
    pub(super) body: Value,
}

/// The shop's secret, as defined by Standard Webhooks.
pub(super) struct Secret(hmac::Key);

impl Secret {
    pub(super) fn parse(text: &str) -> DemoResult<Self> {
        let bytes = text.strip_prefix("whsec_").and_then(|secret| STANDARD.decode(secret).ok());
        let bytes = bytes.ok_or("the shop's secret is not valid")?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The content of a request, if one of its signatures is right and it was sent just now.
    pub(super) fn verified(&self, request: &Request, now: Timestamp) -> Option<VerifiedWebhook> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?);
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", request.body()].concat();
        let is_right = |signature: &str| {
            let signature = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
            signature.is_some_and(|signature| hmac::verify(&self.0, &signed, &signature).is_ok())
        };
        let is_signed = header("webhook-signature")?.split(' ').take(5).any(is_right);
        if !is_signed || !is_fresh(timestamp, now) {
            return None;
        }
        let body = serde_json::from_slice(request.body()).ok()?;
        Some(VerifiedWebhook { id: id.to_owned(), body })
    }

    #[cfg(test)]
    pub(super) fn sign(&self, id: &str, timestamp: &str, body: &str) -> String {
        let signed = [id, timestamp, body].join(".");
        format!("v1,{}", STANDARD.encode(hmac::sign(&self.0, signed.as_bytes())))
    }
}

/// Whether a request with this timestamp, in seconds since 1970, was sent within the tolerance.
fn is_fresh(timestamp: &str, now: Timestamp) -> bool {
    let is_number = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let sent_ms = timestamp.parse::<i64>().ok().filter(|_| is_number).and_then(|s| s.checked_mul(1_000));
    sent_ms.is_some_and(|sent_ms| now.as_millis().abs_diff(sent_ms) <= TOLERANCE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT_MS: i64 = 1_614_265_330_000;
    const RIGHT: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const BODY: &str = r#"{"test": 2432232314}"#;

    /// The example of the Standard Webhooks specification.
    fn request(signature: &str, body: &'static str) -> Request {
        http::Request::post("/quote")
            .header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
            .header("webhook-timestamp", "1614265330")
            .header("webhook-signature", signature)
            .body(body.into())
            .unwrap()
    }

    #[test]
    fn only_a_signed_request_is_accepted() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let verified = |signature: &str, body: &'static str| {
            secret.verified(&request(signature, body), Timestamp::from_millis(SENT_MS))
        };
        assert_eq!(
            verified(RIGHT, BODY).map(|signed| signed.id),
            Some("msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned())
        );
        assert!(verified(&format!("v1,AAAA {RIGHT}"), BODY).is_some());
        assert!(verified(RIGHT, r#"{"test": 2432232315}"#).is_none());
        assert!(verified("v1,AAAA", BODY).is_none());
        assert!(Secret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_err());
    }

    #[test]
    fn a_request_sent_more_than_five_minutes_from_now_is_not_accepted() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        for (offset_ms, is_accepted) in
            [(0, true), (300_000, true), (-300_000, true), (300_001, false), (-300_001, false)]
        {
            let now = Timestamp::from_millis(SENT_MS + offset_ms);
            assert_eq!(secret.verified(&request(RIGHT, BODY), now).is_some(), is_accepted, "{offset_ms}");
        }
        for none in ["", "+1614265330", "1614265330.0", "-1", "99999999999999999999"] {
            assert!(!is_fresh(none, Timestamp::from_millis(SENT_MS)), "{none}");
        }
    }
}
