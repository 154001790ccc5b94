//! The merchant that sends the load: its key, and its requests, which are signed before anything is
//! measured.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use countersign_domain::ids::{PublicKeyId, Region};
use countersign_protocol::signing::{Algorithm, KeySigner, MerchantKey, VerifyingKey};
use countersign_world::{Clock as _, SystemClock};

use super::bench_result::BenchResult;
use super::load::RequestBytes;

pub(super) const PUBLIC_KEY_ID: &str = "SANDBOX-BENCH";

/// A merchant's key, as files and as a signer.
pub(super) struct BenchKey {
    pub(super) signer: KeySigner,
    pub(super) verifying: VerifyingKey,
    pub(super) private_file: PathBuf,
    pub(super) public_file: PathBuf,
}

pub(super) fn make_key(folder: &Path) -> BenchResult<BenchKey> {
    let generated = MerchantKey::generate()?;
    let (private_file, public_file) = (folder.join("merchant.pem"), folder.join("merchant.pub.pem"));
    for (file, pem) in [(&private_file, &*generated.private_pem), (&public_file, &*generated.public_pem)] {
        std::fs::write(file, pem).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let verifying = generated.key.verifying_key()?;
    let signer = KeySigner::new(PublicKeyId::parse(PUBLIC_KEY_ID)?, generated.key, Algorithm::PssV2);
    Ok(BenchKey { signer, verifying, private_file, public_file })
}

/// A call before it is signed.
pub(super) struct CallDraft {
    pub(super) method: &'static str,
    pub(super) path: String,
    /// Empty if there is no body.
    pub(super) body: String,
    pub(super) idempotency_key: Option<String>,
}

impl CallDraft {
    pub(super) fn signed(self, host: &str, signer: &KeySigner) -> BenchResult<http::Request<Bytes>> {
        let mut request = http::Request::builder()
            .method(self.method)
            .uri(format!("http://{host}{}", self.path))
            .header("accept", "application/json")
            .header("content-type", "application/json");
        if let Some(key) = self.idempotency_key {
            request = request.header("x-amz-pay-idempotency-key", key);
        }
        let mut request = request.body(Bytes::from(self.body))?;
        signer.sign(&mut request, Region::NorthAmerica, SystemClock.now())?;
        Ok(request)
    }
}

/// Signs on two threads: signing takes 17 times as long as verifying.
pub(super) fn sign_all(
    host: &str,
    drafts: Vec<CallDraft>,
    signer: &KeySigner,
) -> BenchResult<Vec<RequestBytes>> {
    let half = drafts.len().div_ceil(2).max(1);
    let mut first = drafts;
    let second = first.split_off(half.min(first.len()));
    let sign = |share: Vec<CallDraft>| -> BenchResult<Vec<RequestBytes>> {
        share.into_iter().map(|draft| Ok(on_the_wire(host, &draft.signed(host, signer)?))).collect()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| sign(second));
        let mut signed = sign(first)?;
        signed.extend(other.join().map_err(|_| "signing panicked")??);
        Ok(signed)
    })
}

fn on_the_wire(host: &str, request: &http::Request<Bytes>) -> RequestBytes {
    let path = request.uri().path();
    let mut wire = format!("{} {path} HTTP/1.1\r\nhost: {host}\r\n", request.method()).into_bytes();
    for (name, value) in request.headers() {
        wire.extend_from_slice(name.as_str().as_bytes());
        wire.extend_from_slice(b": ");
        wire.extend_from_slice(value.as_bytes());
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(format!("content-length: {}\r\n\r\n", request.body().len()).as_bytes());
    wire.extend_from_slice(request.body());
    wire
}
