//! Each typical mistake in signing, made on purpose here, gets the hint that fixes it.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaPssSaltLength, RsaSignatureEncoding};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use bytes::Bytes;
use countersign_domain::ids::PublicKeyId;
use countersign_protocol::signing::{
    Algorithm, Explanation, Head, Mistake, VerifyRefused, explain, sha256_hex,
};

use super::keys::{
    BODY, PSS_20, PSS_32, finalize, key_id, other_verifying_key, sign_text, verifying_key, with_header,
};

const PATH: &str = "/sandbox/v2/checkoutSessions/bd504926-f659-4ad7-a1a9-9a747aaf5275/finalize";
const NAMES: &str =
    "accept;content-type;x-amz-pay-date;x-amz-pay-host;x-amz-pay-idempotency-key;x-amz-pay-region";
const HEADERS: [(&str, &str); 6] = [
    ("accept", "application/json"),
    ("content-type", "application/json"),
    ("x-amz-pay-date", "20261123T154700Z"),
    ("x-amz-pay-host", "pay-api.amazon.com:8443"),
    ("x-amz-pay-idempotency-key", "AVLo5tI10BHgEk2jEXAMPLEKEY"),
    ("x-amz-pay-region", "na"),
];

fn lines(header: impl Fn(&str, &str) -> String) -> String {
    HEADERS.iter().map(|(name, value)| header(name, value)).collect()
}

fn plain_lines() -> String {
    lines(|name, value| format!("{name}:{value}\n"))
}

fn canonical(method: &str, path: &str, query: &str, hash: &str) -> String {
    format!("{method}\n{path}\n{query}\n{}\n{NAMES}\n{hash}", plain_lines())
}

fn right() -> String {
    canonical("POST", PATH, "a=1&b=x%20y", &sha256_hex(BODY.as_bytes()))
}

/// The request of [`finalize`] with this signature's text, this path and this body.
fn request(signature: &str, path_and_query: &str, body: &str) -> http::Request<Bytes> {
    let value = format!(
        "AMZN-PAY-RSASSA-PSS-V2 PublicKeyId={}, SignedHeaders={NAMES}, Signature={signature}",
        key_id()
    );
    let mut request = with_header(&finalize(Algorithm::PssV2), "authorization", Some(value.as_bytes()));
    *request.uri_mut() = path_and_query.parse().unwrap();
    *request.body_mut() = Bytes::from(body.to_owned());
    request
}

fn explained(request: &http::Request<Bytes>, others: &[PublicKeyId]) -> Explanation {
    let key = if others.is_empty() { verifying_key() } else { other_verifying_key() };
    let others: Vec<_> = others.iter().map(|id| (id.clone(), verifying_key())).collect();
    explain(Head::from(request), request.body(), 32, &key, &others).unwrap()
}

/// The explanation of a request for [`PATH`] with a signature over this text.
fn mistake_of(text: &str, encoding: &'static RsaSignatureEncoding) -> Option<Mistake> {
    let signature = BASE64_STANDARD.encode(sign_text(text.as_bytes(), encoding));
    explained(&request(&signature, &format!("{PATH}?a=1&b=x%20y"), BODY), &[]).mistake
}

fn string_to_sign(canonical: &str) -> String {
    format!("AMZN-PAY-RSASSA-PSS-V2\n{}", sha256_hex(canonical.as_bytes()))
}

#[test]
fn a_right_signature_has_nothing_to_explain() {
    let request = finalize(Algorithm::PssV2);
    let explanation = explained(&request, &[]);
    assert!(explanation.verdict.is_ok());
    assert_eq!(explanation.mistake, None);
    assert_eq!(explanation.canonical_request, right());
    assert_eq!(explanation.string_to_sign, string_to_sign(&right()));
}

#[test]
fn a_signature_of_something_else_altogether_is_only_refused() {
    let signature = BASE64_STANDARD.encode(sign_text(b"something else", &PSS_32));
    let explanation = explained(&request(&signature, &format!("{PATH}?a=1&b=x%20y"), BODY), &[]);
    assert!(matches!(explanation.verdict, Err(VerifyRefused::WrongSignature { .. })));
    assert_eq!(explanation.mistake, None);
}

// Promise: A09
#[test]
fn mistakes_in_the_cryptography_are_named() {
    const LONGEST: RsaSignatureEncoding = RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);
    let named = Algorithm::PssV2;
    let text = string_to_sign(&right());
    let other_name = text.replacen("PSS-V2", "PSS", 1);
    for (text, encoding, mistake) in [
        (&text, &PSS_20, Mistake::OtherSaltLength { named }),
        (&text, &LONGEST, Mistake::LongestSalt { named }),
        (&text, &RSA_PKCS1_SHA256, Mistake::NotPss),
        (&other_name, &PSS_32, Mistake::OtherAlgorithmInStringToSign { named }),
        (&other_name, &PSS_20, Mistake::OtherAlgorithm { named }),
    ] {
        assert_eq!(mistake_of(text, encoding), Some(mistake));
    }
}

#[test]
fn another_key_of_the_merchants_is_named() {
    let public_key_id = PublicKeyId::parse("LIVE-OTHER").unwrap();
    let explanation = explained(&finalize(Algorithm::Pss), core::slice::from_ref(&public_key_id));
    assert_eq!(explanation.mistake, Some(Mistake::OtherKey { public_key_id }));
}

#[test]
fn mistakes_in_the_signatures_text_are_named() {
    let bytes = sign_text(string_to_sign(&right()).as_bytes(), &PSS_32);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    for (text, mistake) in [
        (BASE64_STANDARD.encode(BASE64_STANDARD.encode(&bytes)), Mistake::DoubleBase64),
        (BASE64_URL_SAFE.encode(&bytes), Mistake::UrlSafeBase64),
        (BASE64_URL_SAFE.encode(&bytes).replace('=', ""), Mistake::UrlSafeBase64),
        (hex.to_uppercase(), Mistake::Hexadecimal),
        (hex, Mistake::Hexadecimal),
    ] {
        let explanation = explained(&request(&text, &format!("{PATH}?a=1&b=x%20y"), BODY), &[]);
        assert!(explanation.verdict.is_err());
        assert_eq!(explanation.mistake, Some(mistake));
    }
}

// Promise: A09
#[test]
fn mistakes_in_the_string_to_sign_are_named() {
    let hash = sha256_hex(right().as_bytes());
    let text = string_to_sign(&right());
    let hashed_once_more = digest(&SHA256, text.as_bytes());
    let signature = BASE64_STANDARD.encode(sign_text(hashed_once_more.as_ref(), &PSS_32));
    let explanation = explained(&request(&signature, &format!("{PATH}?a=1&b=x%20y"), BODY), &[]);
    assert_eq!(explanation.mistake, Some(Mistake::StringToSignHashedOnceMore));
    for (text, mistake) in [
        (sha256_hex(text.as_bytes()), Mistake::StringToSignHashedOnceMore),
        (format!("AMZN-PAY-RSASSA-PSS-V2\n{}", right()), Mistake::CanonicalRequestNotHashed),
        (right(), Mistake::NoStringToSign),
        (hash.clone(), Mistake::NoAlgorithmInStringToSign),
        (format!("AMZN-PAY-RSASSA-PSS-V2\n{}", hash.to_uppercase()), Mistake::UpperCaseHash),
        (format!("AMZN-PAY-RSASSA-PSS-V2\r\n{hash}"), Mistake::CarriageReturns),
        (format!("{text}\n"), Mistake::TrailingLineEnd),
    ] {
        assert_eq!(mistake_of(&text, &PSS_32), Some(mistake));
    }
}

// Promise: A09
#[test]
fn mistakes_in_the_canonical_request_are_named() {
    let hash = sha256_hex(BODY.as_bytes());
    let query = "a=1&b=x%20y";
    let with_lines = |lines: String, names: &str| format!("POST\n{PATH}\n{query}\n{lines}\n{names}\n{hash}");
    let capitals = |name: &str| {
        let words = name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
        words.collect::<Vec<_>>().join("-")
    };
    let all_capitals = NAMES.split(';').map(capitals).collect::<Vec<_>>().join(";");
    let no_environment = PATH.strip_prefix("/sandbox").unwrap();
    for (canonical, mistake) in [
        (right().replace('\n', "\r\n"), Mistake::CarriageReturns),
        (format!("{}\n", right()), Mistake::TrailingLineEnd),
        (right().replace("\n\naccept", "\naccept"), Mistake::NoEmptyLine),
        (
            with_lines(lines(|name, value| format!("{}:{value}\n", capitals(name))), NAMES),
            Mistake::HeaderNamesNotLowerCased,
        ),
        (
            with_lines(lines(|name, value| format!("{}:{value}\n", capitals(name))), &all_capitals),
            Mistake::HeaderNamesNotLowerCased,
        ),
        (
            with_lines(lines(|name, value| format!("{name}: {value}\n")), NAMES),
            Mistake::HeaderValuesNotTrimmed,
        ),
        (
            with_lines(lines(|name, value| format!("{name}:{value} \n")), NAMES),
            Mistake::HeaderValuesNotTrimmed,
        ),
        (canonical("post", PATH, query, &hash), Mistake::MethodNotUpperCased),
        (canonical("POST", &format!("{PATH}/"), query, &hash), Mistake::TrailingSlashAdded),
        (canonical("POST", no_environment, query, &hash), Mistake::PathWithoutEnvironment),
        (canonical("POST", &format!("/live{PATH}"), query, &hash), Mistake::PathWithEnvironment),
        (
            canonical("POST", &format!("https://pay-api.amazon.com:8443{PATH}"), query, &hash),
            Mistake::PathWithQueryOrHost,
        ),
        (canonical("POST", &format!("{PATH}?{query}"), "", &hash), Mistake::PathWithQueryOrHost),
        (canonical("POST", PATH, "", &hash), Mistake::QueryLeftOut),
        (canonical("POST", PATH, "?a=1&b=x%20y", &hash), Mistake::QueryWithQuestionMark),
        (canonical("POST", PATH, "a=1&b=x y", &hash), Mistake::QueryNotEncoded),
        (canonical("POST", PATH, "b=x%20y&a=1", &hash), Mistake::QueryNotSorted),
        (canonical("POST", PATH, query, &hash.to_uppercase()), Mistake::UpperCaseHash),
        (canonical("POST", PATH, query, BODY), Mistake::BodyNotHashed),
        (canonical("POST", PATH, query, &sha256_hex(b"")), Mistake::EmptyBodyHashed),
        (
            canonical("POST", PATH, query, &sha256_hex(format!("{BODY}\n").as_bytes())),
            Mistake::BodyWithTrailingLineEnd,
        ),
        (
            canonical(
                "POST",
                PATH,
                query,
                &sha256_hex(BODY.replace(':', ": ").replace(',', ", ").as_bytes()),
            ),
            Mistake::BodyWrittenAnew,
        ),
    ] {
        assert_eq!(mistake_of(&string_to_sign(&canonical), &PSS_32), Some(mistake), "{canonical}");
    }
}

// Promise: A09
#[test]
fn mistakes_that_need_another_request_are_named() {
    for (sent_path, sent_body, signed, mistake) in [
        (
            format!("{PATH}/"),
            BODY,
            canonical("POST", PATH, "", &sha256_hex(BODY.as_bytes())),
            Mistake::TrailingSlashStripped,
        ),
        (
            PATH.to_owned(),
            "",
            canonical("POST", PATH, "", &sha256_hex(b"{}")),
            Mistake::BodyHashedThatWasNotSent,
        ),
        (PATH.to_owned(), " {}\n", canonical("POST", PATH, "", &sha256_hex(b"{}")), Mistake::BodyTrimmed),
        (
            PATH.to_owned(),
            "{\r\n}",
            canonical("POST", PATH, "", &sha256_hex(b"{\n}")),
            Mistake::BodyWithOtherLineEnds,
        ),
        (
            PATH.to_owned(),
            r#"{"url":"https://shop.example/日"}"#,
            canonical("POST", PATH, "", &sha256_hex(br#"{"url":"https:\/\/shop.example\/\u65e5"}"#)),
            Mistake::BodyWrittenAnew,
        ),
    ] {
        let signature = BASE64_STANDARD.encode(sign_text(string_to_sign(&signed).as_bytes(), &PSS_32));
        let explanation = explained(&request(&signature, &sent_path, sent_body), &[]);
        assert_eq!(explanation.mistake, Some(mistake), "{signed}");
    }
}

#[test]
fn every_mistake_says_what_to_do_in_one_line() {
    let named = Algorithm::Pss;
    let lines = [
        Mistake::OtherSaltLength { named },
        Mistake::LongestSalt { named },
        Mistake::OtherAlgorithmInStringToSign { named },
        Mistake::OtherAlgorithm { named },
        Mistake::OtherKey { public_key_id: key_id() },
        Mistake::CarriageReturns,
        Mistake::BodyWrittenAnew,
    ]
    .map(|mistake| mistake.to_string());
    insta::assert_snapshot!(lines.join("\n"));
}
