//! Verifying a request, in two steps, so that a server can look the key up in between: a [`Claim`]
//! is what a request's head says, and a [`VerifiedRequest`] is the proof that the key's owner made
//! the request.
//!
//! A signature is not a nonce: some SDKs send the identical signed request again, up to about 14 s later. The
//! idempotency key decides whether a copy takes effect twice.

use core::fmt;
use core::time::Duration;

use countersign_domain::ids::{IdempotencyKey, PublicKeyId, Region};
use countersign_domain::time::Timestamp;
use http::HeaderMap;

use super::algorithm::Algorithm;
use super::authorization::Authorization;
use super::canonical::{canonical_request, header_block, string_to_sign};
use super::encoding::{from_base64, sha256_hex};
use super::head::Head;
use super::key::VerifySignature;
use super::refusal::VerifyRefused;
use super::spelling;

/// The headers that every request has and signs.
const REQUIRED: [&str; 5] =
    ["accept", "content-type", "x-amz-pay-date", "x-amz-pay-host", "x-amz-pay-region"];

/// The header that must be signed if it is present.
const IDEMPOTENCY_KEY: &str = "x-amz-pay-idempotency-key";

/// By how much a request's date may differ from a server's clock. Both limits are still accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateWindow {
    /// By how much the date may be later than the clock. Amazon's tolerance is small; a minute is
    /// this project's choice.
    pub ahead: Duration,
    /// By how much the date may be earlier than the clock. This must exceed the 14 s over which
    /// SDKs send the same signed request again.
    pub age: Duration,
}

impl Default for DateWindow {
    /// A minute ahead, 15 minutes old.
    fn default() -> Self {
        Self { ahead: Duration::from_secs(60), age: Duration::from_secs(15 * 60) }
    }
}

/// What a request says about itself: well-formed, but not proved.
pub struct Claim<'a> {
    pub(super) head: Head<'a>,
    pub(super) authorization: Authorization<'a>,
    date_as_sent: &'a str,
    signed_at: Timestamp,
    region: Region,
    idempotency_key: Option<IdempotencyKey>,
    pub(super) header_block: Vec<u8>,
}

impl<'a> Claim<'a> {
    /// Reads a head. An idempotency key may have up to `max_key_len` characters: [`IdempotencyKey::MAX_LEN`]
    /// according to the API's pages, 36 to accept UUIDs with dashes.
    ///
    /// # Errors
    /// [`VerifyRefused`], in this order: a required header is missing or empty; `authorization`, date, region
    /// or idempotency key are malformed; one of them is not signed; a signed header is missing.
    pub fn parse(head: impl Into<Head<'a>>, max_key_len: usize) -> Result<Self, VerifyRefused> {
        let head = head.into();
        let headers = head.headers;
        let authorization = text(headers, "authorization")?;
        for header in REQUIRED {
            required(headers, header)?;
        }
        let authorization = authorization
            .ok_or("is not UTF-8")
            .and_then(Authorization::parse)
            .map_err(|why| VerifyRefused::MalformedAuthorization { why })?;
        let date_as_sent = text(headers, "x-amz-pay-date")?.ok_or(VerifyRefused::NotADate)?;
        let signed_at = Timestamp::parse(date_as_sent).map_err(|_| VerifyRefused::NotADate)?;
        let region =
            text(headers, "x-amz-pay-region")?.and_then(Region::parse).ok_or(VerifyRefused::UnknownRegion)?;
        let idempotency_key = idempotency_key(headers, max_key_len)?;
        let must_be_signed = REQUIRED.into_iter().chain(idempotency_key.is_some().then_some(IDEMPOTENCY_KEY));
        for header in must_be_signed {
            if !authorization.signs(header) {
                return Err(VerifyRefused::NotSigned { header });
            }
        }
        let header_block = header_block(headers, &authorization.signed_headers)
            .map_err(|name| missing(&name.to_ascii_lowercase()))?;
        Ok(Self { head, authorization, date_as_sent, signed_at, region, idempotency_key, header_block })
    }

    /// The key that the request claims to be signed with.
    #[must_use]
    pub fn public_key_id(&self) -> &PublicKeyId {
        &self.authorization.public_key_id
    }

    /// The refusal for a key that the server does not have.
    #[must_use]
    pub fn unknown_key(&self) -> VerifyRefused {
        VerifyRefused::UnknownKey { public_key_id: self.authorization.public_key_id.clone() }
    }

    /// Checks the date against the caller's clocks. The date is accepted if it is within the window
    /// of any of them; otherwise the refusal by the first clock is returned. Without a clock
    /// nothing is checked.
    ///
    /// # Errors
    /// The date is too far in the future, or too old.
    pub fn date_within(&self, window: DateWindow, clocks: &[Timestamp]) -> Result<(), VerifyRefused> {
        let mut refusal = Ok(());
        for now in clocks {
            let value = || self.date_as_sent.to_owned();
            let checked = if self.signed_at > now.plus(window.ahead) {
                Err(VerifyRefused::DateInFuture { value: value() })
            } else if self.signed_at < now.minus(window.age) {
                Err(VerifyRefused::DateTooOld { value: value() })
            } else {
                return Ok(());
            };
            refusal = refusal.and(checked);
        }
        refusal
    }

    /// The canonical request as the server writes it: everything as it was sent, with the headers
    /// in the listed order.
    #[must_use]
    pub fn canonical_request(&self, body: &[u8]) -> Vec<u8> {
        let Head { method, path, query, .. } = self.head;
        let query = query.unwrap_or_default().as_bytes();
        canonical_request(method, path.as_bytes(), query, &self.header_block, &sha256_hex(body))
    }

    /// Verifies the signature over this head and these body bytes: first as they were sent, then in the other
    /// spellings that real SDKs sign, at most 18 in total.
    ///
    /// # Errors
    /// The signature is not Base64, or is not this key's in any of the spellings.
    pub fn verify(
        self,
        key: &(impl VerifySignature + ?Sized),
        body: &[u8],
    ) -> Result<VerifiedRequest, VerifyRefused> {
        let signature = self.authorization.signature;
        let Some(bytes) = from_base64(signature.as_bytes()) else {
            let why = "has a Signature that is not standard Base64 with padding";
            return Err(VerifyRefused::MalformedAuthorization { why });
        };
        let algorithm = self.authorization.algorithm;
        let as_sent = string_to_sign(algorithm, &self.canonical_request(body));
        if key.verifies(as_sent.as_bytes(), &bytes, algorithm)
            || self.other_spellings(body).any(|text| key.verifies(text.as_bytes(), &bytes, algorithm))
        {
            return Ok(VerifiedRequest {
                public_key_id: self.authorization.public_key_id,
                algorithm,
                signed_at: self.signed_at,
                region: self.region,
                idempotency_key: self.idempotency_key,
            });
        }
        Err(VerifyRefused::WrongSignature { string_to_sign: as_sent, signature: signature.to_owned() })
    }

    /// The strings to sign of every spelling except the first.
    fn other_spellings(&self, body: &[u8]) -> impl Iterator<Item = String> {
        let body_hash = sha256_hex(body);
        let paths = spelling::paths(self.head.path);
        let queries = spelling::queries(self.head.query.unwrap_or_default());
        let mut blocks = vec![self.header_block.clone()];
        let sorted = spelling::sorted_names(&self.authorization.signed_headers);
        let sorted: Vec<&str> = sorted.iter().map(String::as_str).collect();
        if let Ok(sorted) = header_block(self.head.headers, &sorted)
            && sorted != self.header_block
        {
            blocks.push(sorted);
        }
        let mut texts = Vec::new();
        for block in &blocks {
            for path in &paths {
                for query in &queries {
                    let request = canonical_request(self.head.method, path, query, block, &body_hash);
                    texts.push(string_to_sign(self.authorization.algorithm, &request));
                }
            }
        }
        texts.into_iter().skip(1)
    }
}

impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("head", &self.head)
            .field("public_key_id", &self.authorization.public_key_id)
            .field("signed_at", &self.signed_at)
            .finish_non_exhaustive()
    }
}

fn missing(header: &str) -> VerifyRefused {
    VerifyRefused::MissingHeader { header: header.to_owned() }
}

/// The first value of a header, trimmed.
fn required<'a>(headers: &'a HeaderMap, header: &'static str) -> Result<&'a [u8], VerifyRefused> {
    let value = headers.get(header).ok_or_else(|| missing(header))?.as_bytes().trim_ascii();
    if value.is_empty() { Err(VerifyRefused::MissingHeaderValue { header }) } else { Ok(value) }
}

/// The only value of a header, trimmed; the inner `None` means that the value is not UTF-8. The
/// caller checks the content.
fn text<'a>(headers: &'a HeaderMap, header: &'static str) -> Result<Option<&'a str>, VerifyRefused> {
    let value = required(headers, header)?;
    if headers.get_all(header).iter().nth(1).is_some() {
        return Err(VerifyRefused::RepeatedHeader { header });
    }
    Ok(core::str::from_utf8(value).ok())
}

fn idempotency_key(headers: &HeaderMap, max_len: usize) -> Result<Option<IdempotencyKey>, VerifyRefused> {
    if !headers.contains_key(IDEMPOTENCY_KEY) {
        return Ok(None);
    }
    text(headers, IDEMPOTENCY_KEY)?
        .and_then(|key| IdempotencyKey::parse_up_to(key, max_len).ok())
        .map(Some)
        .ok_or(VerifyRefused::IllegalIdempotencyKey { max_len })
}

/// Proof that the owner of a key signed a request. Only [`Claim::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRequest {
    public_key_id: PublicKeyId,
    algorithm: Algorithm,
    signed_at: Timestamp,
    region: Region,
    idempotency_key: Option<IdempotencyKey>,
}

impl VerifiedRequest {
    /// The key that signed.
    #[must_use]
    pub fn public_key_id(&self) -> &PublicKeyId {
        &self.public_key_id
    }

    /// The algorithm that was used.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The date that was signed, to the second.
    #[must_use]
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }

    /// The region that was signed.
    #[must_use]
    pub fn region(&self) -> Region {
        self.region
    }

    /// The idempotency key that was signed, if there is one.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        self.idempotency_key.as_ref()
    }
}
