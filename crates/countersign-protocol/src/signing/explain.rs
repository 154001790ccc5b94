//! Why a signature is wrong, in plain words: common mistakes are tried one after another, until the
//! signature matches the text that a signer with this mistake would have signed. This is for tools
//! and diagnosis; no request is ever accepted here.

use aws_lc_rs::rsa::RsaParameters;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use countersign_domain::ids::PublicKeyId;
use countersign_domain::with_texts;

use super::algorithm::Algorithm;
use super::canonical::string_to_sign;
use super::encoding::{from_base64, from_hex, from_url_safe_base64, percent_decode, sha256_hex, sha256_raw};
use super::head::Head;
use super::json;
use super::key::{LONGEST_SALT, VerifySignature as _, VerifyingKey};
use super::refusal::VerifyRefused;
use super::verify::{Claim, VerifiedRequest};

/// How a server reads a request, and why the signature does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The canonical request as the server writes it. It contains the values of the signed headers,
    /// so it may be shown only to the caller, and must never be logged.
    pub canonical_request: String,
    /// What the server expected to be signed.
    pub string_to_sign: String,
    /// Whether the signature is valid.
    pub verdict: Result<VerifiedRequest, VerifyRefused>,
    /// The mistake that makes the signature match, if one was found.
    pub mistake: Option<Mistake>,
}

with_texts! {
    /// A mistake in making a signature. Its text says what the signer did, and what to do instead.
    #[derive(Debug, Clone, PartialEq, Eq)]
    Mistake {
        /// The salt length of the other algorithm.
        OtherSaltLength {
            /// The algorithm that the request names.
            named: Algorithm,
        } =
            "it was made with a salt of {} bytes: {named} requires {}", named.other().salt_len(), named.salt_len();
        /// The longest salt that the key allows.
        LongestSalt {
            /// The algorithm that the request names.
            named: Algorithm,
        } = "it was made with the longest salt that the key allows: set the salt length to {}", named.salt_len();
        /// PKCS #1 version 1.5 instead of PSS.
        NotPss = "it has PKCS #1 v1.5 padding: use RSASSA-PSS with SHA-256 and MGF1 with SHA-256";
        /// The other algorithm's name in the string to sign.
        OtherAlgorithmInStringToSign {
            /// The algorithm that the request names.
            named: Algorithm,
        } = "the string to sign began with {}: it must begin with {named}", named.other();
        /// The other algorithm throughout, except in the `authorization` header.
        OtherAlgorithm {
            /// The algorithm that the request names.
            named: Algorithm,
        } = "it was made for {}, but the authorization header names {named}", named.other();
        /// Another of the given keys.
        OtherKey {
            /// That key's id.
            public_key_id: PublicKeyId,
        } = "it was made with the private key of {public_key_id}";
        /// Base64 of Base64.
        DoubleBase64 = "it was encoded in Base64 twice: encode it once";
        /// URL-safe Base64.
        UrlSafeBase64 = "it is in URL-safe Base64: use the standard alphabet (+ and /), with padding";
        /// Hexadecimal digits.
        Hexadecimal = "it is in hexadecimal: use Base64";
        /// The canonical request itself after the algorithm's name.
        CanonicalRequestNotHashed =
            "the canonical request itself was in the string to sign: put its SHA-256 there, in hexadecimal";
        /// The canonical request alone.
        NoStringToSign =
            "the canonical request itself was signed: sign the algorithm's name, a line feed, and the SHA-256 \
             of the canonical request, in hexadecimal";
        /// The hash without the algorithm's name.
        NoAlgorithmInStringToSign =
            "the hash was signed alone: put the algorithm's name and a line feed before it";
        /// The string to sign was hashed before it was signed.
        StringToSignHashedOnceMore =
            "the string to sign was hashed before it was signed: PSS hashes it itself";
        /// The hash in upper case.
        UpperCaseHash = "a hash was written in upper case: use lower-case hexadecimal";
        /// CR LF between the lines.
        CarriageReturns = "the lines were joined with CR LF: use LF alone";
        /// A line end after the last line.
        TrailingLineEnd =
            "there was a line feed after the last line: the canonical request must end without one";
        /// No empty line between headers and their list.
        NoEmptyLine = "the empty line between the last header and the list of names was missing";
        /// The names of the headers in their usual capitalisation.
        HeaderNamesNotLowerCased = "the header names had capitals: write them in lower case";
        /// Spaces around the headers' values.
        HeaderValuesNotTrimmed = "the header lines had spaces around the values: write name:value without \
                                  spaces";
        /// The method in lower case.
        MethodNotUpperCased = "the method was not in upper case";
        /// A path without the trailing slash that was sent.
        TrailingSlashStripped = "the path was signed without the trailing slash that was sent";
        /// A path with a trailing slash that was not sent.
        TrailingSlashAdded = "the path was signed with a trailing slash that was not sent";
        /// A path without `/live` or `/sandbox`.
        PathWithoutEnvironment = "the path was signed without the /live or /sandbox segment that was sent";
        /// A path with an environment that was not sent.
        PathWithEnvironment = "the path was signed with a /live or /sandbox segment that was not sent";
        /// The whole URL, or path and query on one line.
        PathWithQueryOrHost =
            "the path's line had more than the path: write the query on its own line, and leave out the \
             host";
        /// The query is left out.
        QueryLeftOut = "the query was sent but not signed";
        /// The query with its `?`.
        QueryWithQuestionMark = "the query was signed with its question mark";
        /// The query is not encoded.
        QueryNotEncoded = "the query was signed without percent-encoding";
        /// The query is not sorted, or not by bytes.
        QueryNotSorted = "the query parameters were signed in the wrong order: sort them by the byte values of their names";
        /// The hash of the empty text, although there is a body.
        EmptyBodyHashed = "the hash of an empty body was signed, but a body was sent";
        /// The hash of `{}` or `null`, although there is no body.
        BodyHashedThatWasNotSent = "the hash of a body was signed, but no body was sent";
        /// A line end after the body that was not sent.
        BodyWithTrailingLineEnd = "the body was signed with a trailing newline that was not sent";
        /// The body without the surrounding white space that was sent.
        BodyTrimmed = "the body was signed without the surrounding white space that was sent";
        /// Different line endings within the body.
        BodyWithOtherLineEnds = "the line endings of the signed body differ from those of the body that was sent";
        /// Other JSON text for the same values.
        BodyWrittenAnew =
            "the body was serialized twice, with different results: sign exactly the bytes that are sent";
        /// The body's own text instead of its hash.
        BodyNotHashed = "the body itself was in the canonical request: put its SHA-256 there";
    }
}

/// Explains a request. `others` are keys that the signer may have used by mistake. If nothing
/// matches, about forty signatures are verified, which takes half a millisecond.
///
/// # Errors
/// See [`Claim::parse`]: the head itself is malformed.
pub fn explain(
    head: Head<'_>,
    body: &[u8],
    max_key_len: usize,
    key: &VerifyingKey,
    others: &[(PublicKeyId, VerifyingKey)],
) -> Result<Explanation, VerifyRefused> {
    let claim = Claim::parse(head, max_key_len)?;
    let (named, signature) = (claim.authorization.algorithm, claim.authorization.signature.to_owned());
    let canonical = claim.canonical_request(body);
    let expected = string_to_sign(named, &canonical);
    let draft = RequestDraft::new(&claim, body);
    let verdict = claim.verify(key, body);
    let mistake = match &verdict {
        Ok(_) => None,
        Err(_) => Search { draft, body, canonical: &canonical, expected: &expected, named, key, others }
            .mistake(signature.as_bytes()),
    };
    Ok(Explanation {
        canonical_request: String::from_utf8_lossy(&canonical).into_owned(),
        string_to_sign: expected,
        verdict,
        mistake,
    })
}

/// Everything that a search for the mistake uses.
struct Search<'a> {
    draft: RequestDraft,
    body: &'a [u8],
    canonical: &'a [u8],
    expected: &'a str,
    named: Algorithm,
    key: &'a VerifyingKey,
    others: &'a [(PublicKeyId, VerifyingKey)],
}

impl Search<'_> {
    fn mistake(&self, signature: &[u8]) -> Option<Mistake> {
        self.in_encoding(signature).or_else(|| {
            let bytes = from_base64(signature)?;
            self.in_cryptography(&bytes)
                .or_else(|| self.in_string_to_sign(&bytes))
                .or_else(|| self.in_canonical_request(&bytes))
        })
    }

    fn fits(&self, text: &[u8], signature: &[u8]) -> bool {
        self.key.verifies(text, signature, self.named)
    }

    fn in_encoding(&self, signature: &[u8]) -> Option<Mistake> {
        let twice = || from_base64(&from_base64(signature)?);
        let candidates = [
            (Mistake::DoubleBase64, twice()),
            (Mistake::UrlSafeBase64, from_url_safe_base64(signature)),
            (Mistake::Hexadecimal, from_hex(signature)),
        ];
        candidates
            .into_iter()
            .find_map(|(mistake, bytes)| self.fits(self.expected.as_bytes(), &bytes?).then_some(mistake))
    }

    fn in_cryptography(&self, signature: &[u8]) -> Option<Mistake> {
        const LONGEST: &RsaParameters = &LONGEST_SALT;
        const NOT_PSS: &RsaParameters = &RSA_PKCS1_2048_8192_SHA256;
        let (text, named) = (self.expected.as_bytes(), self.named);
        let other_name = string_to_sign(named.other(), self.canonical);
        if self.key.verifies(text, signature, named.other()) {
            Some(Mistake::OtherSaltLength { named })
        } else if self.key.verifies_otherwise(text, signature, LONGEST) {
            Some(Mistake::LongestSalt { named })
        } else if self.key.verifies_otherwise(text, signature, NOT_PSS) {
            Some(Mistake::NotPss)
        } else if self.fits(other_name.as_bytes(), signature) {
            Some(Mistake::OtherAlgorithmInStringToSign { named })
        } else if self.key.verifies(other_name.as_bytes(), signature, named.other()) {
            Some(Mistake::OtherAlgorithm { named })
        } else {
            let other = self.others.iter().find(|(_, key)| key.verifies(text, signature, named))?;
            Some(Mistake::OtherKey { public_key_id: other.0.clone() })
        }
    }

    fn in_string_to_sign(&self, signature: &[u8]) -> Option<Mistake> {
        let name = self.named.name();
        let hash = sha256_hex(self.canonical);
        let not_hashed = [name.as_bytes(), b"\n", self.canonical].concat();
        let upper_case = format!("{name}\n{}", hash.to_ascii_uppercase());
        let carriage_return = format!("{name}\r\n{hash}");
        let trailing = format!("{name}\n{hash}\n");
        [
            (Mistake::CanonicalRequestNotHashed, not_hashed.as_slice()),
            (Mistake::NoStringToSign, self.canonical),
            (Mistake::NoAlgorithmInStringToSign, hash.as_bytes()),
            (Mistake::StringToSignHashedOnceMore, &sha256_raw(self.expected.as_bytes())),
            (Mistake::StringToSignHashedOnceMore, sha256_hex(self.expected.as_bytes()).as_bytes()),
            (Mistake::UpperCaseHash, upper_case.as_bytes()),
            (Mistake::CarriageReturns, carriage_return.as_bytes()),
            (Mistake::TrailingLineEnd, trailing.as_bytes()),
        ]
        .into_iter()
        .find_map(|(mistake, text)| self.fits(text, signature).then_some(mistake))
    }

    fn in_canonical_request(&self, signature: &[u8]) -> Option<Mistake> {
        let draft = &self.draft;
        let text = draft.text();
        let texts = [
            (Mistake::CarriageReturns, text.replace('\n', "\r\n")),
            (Mistake::TrailingLineEnd, format!("{text}\n")),
            (
                Mistake::NoEmptyLine,
                text.replace(&format!("\n\n{}\n", draft.list), &format!("\n{}\n", draft.list)),
            ),
        ];
        let drafts = [draft.headers(), draft.paths(), draft.queries(), draft.bodies(self.body)].concat();
        let drafts = drafts.into_iter().map(|(mistake, draft)| (mistake, draft.text()));
        texts.into_iter().chain(drafts).find_map(|(mistake, text)| {
            let text = string_to_sign(self.named, text.as_bytes());
            self.fits(text.as_bytes(), signature).then_some(mistake)
        })
    }
}

/// The parts of a canonical request, to be changed one at a time.
#[derive(Clone)]
struct RequestDraft {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    list: String,
    hash: String,
}

impl RequestDraft {
    fn new(claim: &Claim<'_>, body: &[u8]) -> Self {
        let Claim { head, authorization, header_block, .. } = claim;
        let block = String::from_utf8_lossy(header_block);
        // The headers end at the empty line before the list of their names.
        let headers = block.lines().map_while(|line| line.split_once(':'));
        Self {
            method: head.method.to_owned(),
            path: head.path.to_owned(),
            query: head.query.unwrap_or_default().to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            list: authorization.signed_headers.join(";"),
            hash: sha256_hex(body),
        }
    }

    fn text(&self) -> String {
        let Self { method, path, query, headers, list, hash } = self;
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        format!("{method}\n{path}\n{query}\n{lines}\n{list}\n{hash}")
    }

    fn with_headers(&self, change: impl Fn(&str, &str) -> (String, String)) -> Self {
        let headers = self.headers.iter().map(|(name, value)| change(name, value)).collect();
        Self { headers, ..self.clone() }
    }

    fn headers(&self) -> Vec<(Mistake, Self)> {
        let capitals = self.with_headers(|name, value| (capitalised(name), value.to_owned()));
        let list = self.headers.iter().map(|(name, _)| capitalised(name)).collect::<Vec<_>>().join(";");
        let capitals_throughout = Self { list, ..capitals.clone() };
        let listed = self.list.split(';').zip(&self.headers);
        let as_listed = listed.map(|(name, (_, value))| (name.to_owned(), value.clone())).collect();
        let blank = |before: &str, behind: &str| {
            self.with_headers(|name, value| (name.to_owned(), format!("{before}{value}{behind}")))
        };
        vec![
            (Mistake::HeaderNamesNotLowerCased, Self { headers: as_listed, ..self.clone() }),
            (Mistake::HeaderNamesNotLowerCased, capitals),
            (Mistake::HeaderNamesNotLowerCased, capitals_throughout),
            (Mistake::HeaderValuesNotTrimmed, blank(" ", "")),
            (Mistake::HeaderValuesNotTrimmed, blank("", " ")),
            (Mistake::HeaderValuesNotTrimmed, blank(" ", " ")),
            (Mistake::MethodNotUpperCased, Self { method: self.method.to_ascii_lowercase(), ..self.clone() }),
        ]
    }

    fn paths(&self) -> Vec<(Mistake, Self)> {
        let path = |path: String| Self { path, ..self.clone() };
        let host = self.headers.iter().find(|(name, _)| name == "x-amz-pay-host");
        let host = host.map_or("", |(_, value)| value);
        let mut drafts = vec![
            match self.path.strip_suffix('/') {
                Some(stripped) => (Mistake::TrailingSlashStripped, path(stripped.to_owned())),
                None => (Mistake::TrailingSlashAdded, path(format!("{}/", self.path))),
            },
            (Mistake::PathWithQueryOrHost, path(format!("https://{host}{}", self.path))),
            (Mistake::PathWithQueryOrHost, path(format!("http://{host}{}", self.path))),
            (Mistake::PathWithQueryOrHost, path(format!("{host}{}", self.path))),
            (Mistake::PathWithQueryOrHost, path(format!("{}?{}", self.path, self.query))),
            (
                Mistake::PathWithQueryOrHost,
                Self { query: String::new(), ..path(format!("{}?{}", self.path, self.query)) },
            ),
        ];
        for environment in ["/sandbox", "/live"] {
            drafts.push(match self.path.strip_prefix(environment) {
                Some(rest) => (Mistake::PathWithoutEnvironment, path(rest.to_owned())),
                None => (Mistake::PathWithEnvironment, path(format!("{environment}{}", self.path))),
            });
        }
        drafts
    }

    fn queries(&self) -> Vec<(Mistake, Self)> {
        if self.query.is_empty() {
            return Vec::new();
        }
        let query = |query: String| Self { query, ..self.clone() };
        let decoded = String::from_utf8_lossy(&percent_decode(self.query.as_bytes())).into_owned();
        let ordered = |order: fn(&mut [&str])| {
            let mut pairs: Vec<_> = self.query.split('&').collect();
            order(&mut pairs);
            (Mistake::QueryNotSorted, query(pairs.join("&")))
        };
        vec![
            (Mistake::QueryLeftOut, query(String::new())),
            (Mistake::QueryWithQuestionMark, query(format!("?{}", self.query))),
            (Mistake::QueryNotEncoded, query(decoded)),
            ordered(|pairs| pairs.reverse()),
            ordered(|pairs| pairs.sort_by_key(|pair| pair.to_ascii_lowercase())),
            ordered(|pairs| pairs.sort_by_key(|pair| pair.len())),
        ]
    }

    fn bodies(&self, body: &[u8]) -> Vec<(Mistake, Self)> {
        let hash = |hash: String| Self { hash, ..self.clone() };
        let hashed = |mistake: Mistake, body: &[u8]| (mistake, hash(sha256_hex(body)));
        let mut drafts = vec![
            (Mistake::UpperCaseHash, hash(self.hash.to_ascii_uppercase())),
            (Mistake::BodyNotHashed, hash(String::from_utf8_lossy(body).into_owned())),
        ];
        if body.is_empty() {
            drafts.push(hashed(Mistake::BodyHashedThatWasNotSent, b"{}"));
            drafts.push(hashed(Mistake::BodyHashedThatWasNotSent, b"null"));
            return drafts;
        }
        drafts.push(hashed(Mistake::EmptyBodyHashed, b""));
        drafts.push(hashed(Mistake::BodyWithTrailingLineEnd, &[body, b"\n"].concat()));
        drafts.push(hashed(Mistake::BodyWithTrailingLineEnd, &[body, b"\r\n"].concat()));
        drafts.push(hashed(Mistake::BodyTrimmed, body.trim_ascii()));
        drafts.push(hashed(Mistake::BodyTrimmed, body.trim_ascii_end()));
        let Ok(text) = core::str::from_utf8(body) else { return drafts };
        let line_feeds = text.replace("\r\n", "\n");
        drafts.push(hashed(Mistake::BodyWithOtherLineEnds, line_feeds.as_bytes()));
        drafts.push(hashed(Mistake::BodyWithOtherLineEnds, line_feeds.replace('\n', "\r\n").as_bytes()));
        for text in json::other_texts(text) {
            drafts.push(hashed(Mistake::BodyWrittenAnew, text.as_bytes()));
        }
        drafts
    }
}

/// `x-amz-pay-date` as `X-Amz-Pay-Date`.
fn capitalised(name: &str) -> String {
    let mut before = '-';
    let capitalise = |letter: char| {
        let begins = core::mem::replace(&mut before, letter) == '-';
        if begins { letter.to_ascii_uppercase() } else { letter }
    };
    name.chars().map(capitalise).collect()
}
