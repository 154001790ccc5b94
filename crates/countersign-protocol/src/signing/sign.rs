//! Signing a request: the headers that the signature covers, the text that is signed, and the `authorization`
//! header. A key in a device signs between [`prepare`] and [`PreparedRequest::attach`].

use bytes::Bytes;
use countersign_domain::ids::{PublicKeyId, Region};
use countersign_domain::time::Timestamp;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};

use super::algorithm::Algorithm;
use super::authorization::Authorization;
use super::canonical::{canonical_request, header_block, string_to_sign};
use super::encoding::{base64, sha256_hex};
use super::key::{KeyRefused, MerchantKey};
use super::refusal::SignRefused;
use super::spelling::sorted_query;

/// The headers that are signed if they are present, in the order that the signature requires.
const SIGNED: [&str; 6] = [
    "accept",
    "content-type",
    "x-amz-pay-date",
    "x-amz-pay-host",
    "x-amz-pay-idempotency-key",
    "x-amz-pay-region",
];

/// A request that has all its headers except `authorization`, and the text to sign for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedRequest {
    algorithm: Algorithm,
    signed_headers: Vec<&'static str>,
    string_to_sign: String,
}

/// Adds the date, host (with its port) and region, and `accept` and `content-type` if they are absent; then
/// composes the text to sign for exactly this method, path, query and body.
///
/// # Errors
/// The URI has no host.
pub fn prepare(
    request: &mut http::Request<Bytes>,
    algorithm: Algorithm,
    region: Region,
    signed_at: Timestamp,
) -> Result<PreparedRequest, SignRefused> {
    let authority = request.uri().authority().ok_or(SignRefused::NoHost)?.as_str();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = HeaderValue::from_str(host).map_err(|_| SignRefused::NotAHeader)?;
    let date = HeaderValue::from_str(&signed_at.to_string()).map_err(|_| SignRefused::NotAHeader)?;
    let headers = request.headers_mut();
    for name in [ACCEPT, CONTENT_TYPE] {
        headers.entry(name).or_insert(HeaderValue::from_static("application/json"));
    }
    headers.insert(HeaderName::from_static("x-amz-pay-date"), date);
    headers.insert(HeaderName::from_static("x-amz-pay-host"), host);
    headers.insert(HeaderName::from_static("x-amz-pay-region"), HeaderValue::from_static(region.code()));
    let (headers, body, uri) = (request.headers(), request.body(), request.uri());
    let names: Vec<_> = SIGNED.into_iter().filter(|name| headers.contains_key(*name)).collect();
    let block = header_block(headers, &names).map_err(|_| SignRefused::NotAHeader)?;
    let query = sorted_query(uri.query().unwrap_or_default());
    let method = request.method().as_str();
    let canonical = canonical_request(method, uri.path().as_bytes(), &query, &block, &sha256_hex(body));
    Ok(PreparedRequest {
        algorithm,
        signed_headers: names,
        string_to_sign: string_to_sign(algorithm, &canonical),
    })
}

impl PreparedRequest {
    /// The text to sign, with RSASSA-PSS, SHA-256, MGF1 with SHA-256, and the algorithm's salt
    /// length.
    #[must_use]
    pub fn string_to_sign(&self) -> &str {
        &self.string_to_sign
    }

    /// Adds the `authorization` header with a signature of [`PreparedRequest::string_to_sign`].
    ///
    /// # Errors
    /// None in practice: every part of the header is ASCII text.
    pub fn attach(
        &self,
        request: &mut http::Request<Bytes>,
        public_key_id: &PublicKeyId,
        signature: &[u8],
    ) -> Result<(), SignRefused> {
        let authorization = Authorization {
            algorithm: self.algorithm,
            public_key_id: public_key_id.clone(),
            signed_headers: self.signed_headers.clone(),
            signature: &base64(signature),
        };
        let value = HeaderValue::from_str(&authorization.to_string()).map_err(|_| SignRefused::NotAHeader)?;
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(())
    }
}

/// A merchant's private key together with its id and its algorithm: everything that signing needs.
#[derive(Debug)]
pub struct KeySigner {
    key: MerchantKey,
    public_key_id: PublicKeyId,
    algorithm: Algorithm,
}

impl KeySigner {
    /// Puts the parts together.
    #[must_use]
    pub fn new(public_key_id: PublicKeyId, key: MerchantKey, algorithm: Algorithm) -> Self {
        Self { key, public_key_id, algorithm }
    }

    /// Puts the parts together, reading the key from its PEM text, PKCS#8 or PKCS#1.
    ///
    /// # Errors
    /// [`KeyRefused`], which says in one line what the text is instead.
    pub fn from_pem(public_key_id: PublicKeyId, pem: &str, algorithm: Algorithm) -> Result<Self, KeyRefused> {
        Ok(Self::new(public_key_id, MerchantKey::from_pem(pem)?, algorithm))
    }

    /// The key's id at Amazon.
    #[must_use]
    pub fn public_key_id(&self) -> &PublicKeyId {
        &self.public_key_id
    }

    /// Signs a request: adds the date, host, region and `authorization`. Any later change of the body, path,
    /// query or signed headers makes the signature wrong.
    ///
    /// # Errors
    /// See [`SignRefused`].
    pub fn sign(
        &self,
        request: &mut http::Request<Bytes>,
        region: Region,
        signed_at: Timestamp,
    ) -> Result<(), SignRefused> {
        let prepared = prepare(request, self.algorithm, region, signed_at)?;
        let text = prepared.string_to_sign.as_bytes();
        let signature = self.key.sign(text, self.algorithm).ok_or(SignRefused::KeyFailed)?;
        prepared.attach(request, &self.public_key_id, &signature)
    }

    /// Signs a button's payload; see [`super::sign_button`].
    ///
    /// # Errors
    /// [`SignRefused::KeyFailed`].
    pub fn sign_button(&self, payload: &str) -> Result<String, SignRefused> {
        super::button::sign_button(payload, &self.key, self.algorithm)
    }
}
