//! A key that marks requests instead of signing them: enough to see when, what and how often was
//! signed.

use std::sync::Arc;

use bytes::Bytes;
use countersign_client::ids::{PublicKeyId, Region};
use countersign_client::time::Timestamp;
use countersign_client::{SignRequest, SigningFailed};

struct MarkingKey(PublicKeyId);

pub(crate) fn credentials(id: &str) -> Arc<dyn SignRequest> {
    Arc::new(MarkingKey(PublicKeyId::parse(id).unwrap()))
}

impl SignRequest for MarkingKey {
    fn public_key_id(&self) -> &PublicKeyId {
        &self.0
    }

    fn sign(
        &self,
        request: &mut http::Request<Bytes>,
        region: Region,
        signed_at: Timestamp,
    ) -> Result<(), SigningFailed> {
        let authority = request.uri().authority().unwrap().as_str().to_owned();
        let headers = request.headers_mut();
        headers.insert("x-amz-pay-date", signed_at.to_string().parse()?);
        headers.insert("x-amz-pay-region", region.code().parse()?);
        headers.insert("x-amz-pay-host", authority.parse()?);
        let mark = mark(request);
        request.headers_mut().insert("authorization", mark.parse()?);
        Ok(())
    }
}

fn mark(request: &http::Request<Bytes>) -> String {
    let headers = request.headers();
    let signed = ["accept", "content-type", "x-amz-pay-date", "x-amz-pay-host", "x-amz-pay-idempotency-key"];
    let signed: Vec<_> = signed.iter().filter_map(|name| headers.get(*name)?.to_str().ok()).collect();
    let body = request.body().escape_ascii();
    format!("{} {} {} {body}", request.method(), request.uri().path(), signed.join(","))
}

/// The mark was made over this very request.
pub(crate) fn check_signature(request: &http::Request<Bytes>) {
    let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
    assert_eq!(authorization, mark(request));
}
