//! Requests as official SDKs and third-party clients send them, with what they sign, one file for each stage
//! under `tests/vectors/`: `request.txt` (without its signature), `canonical.txt`, `string_to_sign.txt`; for
//! buttons `payload.json` and `string_to_sign.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use countersign_protocol::signing::{
    Algorithm, Claim, Head, VerifiedRequest, VerifyRefused, VerifyingKey, string_to_sign,
    string_to_sign_of_button, verify_button,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::keys::{encoding, sign_text, verifying_key};

/// The vectors whose signer spells the request differently from what is sent.
const RESPELLED: [&str; 8] = [
    "dotnet-path-encoded-once-more",
    "java-comma-list-unsorted",
    "java-decoded-path",
    "node-quote-in-query",
    "python-doubled-names-and-region-de",
    "sdk-get-unicode-name",
    "sdk-get-unicode-path",
    "sdk-get-values-sorted",
];

/// A request as it is sent.
#[derive(Clone)]
struct Request {
    method: String,
    path: String,
    query: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let mut first = lines.next().unwrap().split(' ');
        let (method, target) = (first.next().unwrap().to_owned(), first.next().unwrap());
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_owned(), value.to_owned())
        };
        let headers = lines.map(header).collect();
        Self { method, path: path.to_owned(), query, headers, body: body.into() }
    }

    fn header_map(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn claim<'a>(&'a self, headers: &'a HeaderMap) -> Result<Claim<'a>, VerifyRefused> {
        let (method, path) = (self.method.as_str(), self.path.as_str());
        Claim::parse(Head { method, path, query: self.query.as_deref(), headers }, 32)
    }

    fn verify(&self, key: &VerifyingKey) -> Result<VerifiedRequest, VerifyRefused> {
        let headers = self.header_map();
        self.claim(&headers)?.verify(key, &self.body)
    }
}

struct Vector {
    name: String,
    folder: PathBuf,
    string_to_sign: String,
    algorithm: Algorithm,
}

impl Vector {
    fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(name)).ok()
    }

    /// The request, signed over the vector's own string to sign.
    fn signed_request(&self) -> Option<Request> {
        let signature = sign_text(self.string_to_sign.as_bytes(), encoding(self.algorithm));
        let text = self.file("request.txt")?;
        Some(Request::read(&text.replacen("SIGNATURE", &BASE64_STANDARD.encode(signature), 1)))
    }
}

fn vectors() -> Vec<Vector> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut folders: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let vector = |folder: PathBuf| {
        let string_to_sign = fs::read_to_string(folder.join("string_to_sign.txt")).unwrap();
        let algorithm = Algorithm::parse(string_to_sign.lines().next().unwrap()).unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        Vector { name, folder, string_to_sign, algorithm }
    };
    folders.into_iter().map(vector).collect()
}

// Promise: A08
#[test]
fn every_stage_follows_from_the_one_before() {
    let (mut requests, mut buttons) = (0, 0);
    for vector in vectors() {
        let Vector { name, string_to_sign: expected, algorithm, .. } = &vector;
        if let Some(payload) = vector.file("payload.json") {
            assert_eq!(&string_to_sign_of_button(*algorithm, &payload), expected, "{name}");
            let signature = BASE64_STANDARD.encode(sign_text(expected.as_bytes(), encoding(*algorithm)));
            assert_eq!(verify_button(&payload, &signature, &verifying_key(), *algorithm), Ok(()), "{name}");
            buttons += 1;
            continue;
        }
        let canonical = vector.file("canonical.txt").unwrap();
        assert_eq!(&string_to_sign(*algorithm, canonical.as_bytes()), expected, "{name}");
        if let Some(request) = vector.signed_request() {
            let headers = request.header_map();
            let as_sent = request.claim(&headers).unwrap().canonical_request(&request.body);
            let as_sent = String::from_utf8(as_sent).unwrap();
            assert_eq!(as_sent != canonical, RESPELLED.contains(&name.as_str()), "{name}: {as_sent}");
            request.verify(&verifying_key()).unwrap_or_else(|refused| panic!("{name}: {refused}"));
            requests += 1;
        }
    }
    assert_eq!((requests, buttons), (33, 2));
}

// Promise: A08
#[test]
fn no_vector_verifies_under_the_other_salt_length() {
    for vector in vectors() {
        let other = match vector.algorithm {
            Algorithm::Pss => Algorithm::PssV2,
            Algorithm::PssV2 => Algorithm::Pss,
        };
        let signature = BASE64_STANDARD.encode(sign_text(vector.string_to_sign.as_bytes(), encoding(other)));
        if let Some(request) = vector.file("request.txt") {
            let request = Request::read(&request.replacen("SIGNATURE", &signature, 1));
            let refused = request.verify(&verifying_key()).unwrap_err();
            assert!(matches!(refused, VerifyRefused::WrongSignature { .. }), "{}: {refused}", vector.name);
        }
    }
}

/// Each text with one bit of one ASCII byte changed.
fn changed(text: &str) -> impl Iterator<Item = String> {
    (0..text.len()).filter(|at| text.as_bytes()[*at].is_ascii()).map(move |at| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1;
        String::from_utf8(bytes).unwrap()
    })
}

// Promise: A08
#[test]
fn every_changed_byte_of_what_is_signed_is_refused() {
    let key = verifying_key();
    let mut changes = 0;
    for vector in vectors() {
        let Some(request) = vector.signed_request() else { continue };
        let mut tampered = Vec::new();
        tampered.extend(changed(&request.method).map(|method| Request { method, ..request.clone() }));
        tampered.extend(changed(&request.path).map(|path| Request { path, ..request.clone() }));
        for query in changed(request.query.as_deref().unwrap_or_default()) {
            tampered.push(Request { query: Some(query), ..request.clone() });
        }
        for at in 0..request.body.len() {
            let mut request = request.clone();
            request.body[at] ^= 1;
            tampered.push(request);
        }
        let authorization = request.header_map()["authorization"].to_str().unwrap().to_owned();
        let names = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
        for (position, (name, value)) in request.headers.iter().enumerate() {
            let is_signed = names.split(';').any(|signed| signed.eq_ignore_ascii_case(name));
            if is_signed || name == "authorization" {
                // The key's id is not signed, but used to look the key up: another id means another
                // key.
                let same_key = |changed: &String| {
                    name != "authorization"
                        || changed.contains("SANDBOX-AHEGSJCM3L2S,")
                        || changed.contains("=AHEGSJCM3L2S,")
                };
                for value in changed(value).filter(same_key) {
                    let mut request = request.clone();
                    request.headers[position].1 = value;
                    tampered.push(request);
                }
            }
        }
        let mut longer = request.clone();
        longer.body.push(b' ');
        tampered.push(longer);
        for request in tampered {
            let verdict = request.verify(&key);
            assert!(verdict.is_err(), "{}: {} {:?}", vector.name, request.path, request.headers);
            changes += 1;
        }
    }
    assert!(changes > 10_000, "{changes}");
}
