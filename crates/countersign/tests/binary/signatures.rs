//! Keys, signatures and their explanation: each command's output is the next one's input.

use std::path::Path;

use crate::process::{ProcessOutput, run};

const URL: &str = "http://127.0.0.1:8100/v2/checkoutSessions/ID/finalize";

fn signed(directory: &Path, algorithm: &str) -> String {
    let args = [
        "sign",
        "POST",
        URL,
        "--body",
        "body.json",
        "--key",
        "merchant.pem",
        "--public-key-id",
        "SANDBOX-SHOP",
        "--algorithm",
        algorithm,
        "--date",
        "20260901T120000Z",
        "--idempotency-key",
        "order-1",
    ];
    let ProcessOutput { code, stdout, stderr } = run(directory, &args);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    stdout
}

fn captured(headers: &str, body: &str) -> String {
    let body_len = body.len();
    format!("POST /v2/checkoutSessions/ID/finalize HTTP/1.1\n{headers}content-length: {body_len}\n\n{body}")
}

const BODY: &str = r#"{"chargeAmount":{"amount":"14.00","currencyCode":"USD"}}"#;

fn with_keys() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(run(directory.path(), &["keys"]).code, Some(0));
    std::fs::write(directory.path().join("body.json"), BODY).unwrap();
    directory
}

fn verify(directory: &Path, request: &str) -> ProcessOutput {
    std::fs::write(directory.join("request.http"), request).unwrap();
    run(directory, &["verify", "--public-key", "merchant-public.pem", "--request", "request.http"])
}

#[test]
fn a_signed_request_verifies_with_both_algorithms() {
    let directory = with_keys();
    for algorithm in ["AMZN-PAY-RSASSA-PSS", "AMZN-PAY-RSASSA-PSS-V2"] {
        let ProcessOutput { code, stdout, stderr } =
            verify(directory.path(), &captured(&signed(directory.path(), algorithm), BODY));
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        let told = format!(
            "the signature is valid: SANDBOX-SHOP signed the request at 20260901T120000Z with {algorithm}"
        );
        assert_eq!(stdout.lines().last(), Some(told.as_str()));
    }
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_the_private_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = with_keys();
    let mode = std::fs::metadata(directory.path().join("merchant.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

// Promise: A09
#[test]
fn a_wrong_signature_is_explained() {
    let directory = with_keys();
    let path = directory.path();
    let headers = signed(path, "AMZN-PAY-RSASSA-PSS-V2");
    let spaced = BODY.replace(':', ": ").replace(',', ", ");
    let no_mistake =
        "no common mistake explains it: compare the canonical request above with yours, and the key";
    for (request, told) in [
        (captured(&headers, &BODY.replace("14.00", "1.00")), no_mistake),
        (
            captured(&headers, &spaced),
            "the body was serialized twice, with different results: sign exactly the bytes that are sent",
        ),
        (
            captured(&headers.replace("PSS-V2", "PSS"), BODY),
            "it was made for AMZN-PAY-RSASSA-PSS-V2, but the authorization header names AMZN-PAY-RSASSA-PSS",
        ),
        (
            captured(&headers.replace("x-amz-pay-region: na\n", ""), BODY),
            "The header x-amz-pay-region is missing",
        ),
    ] {
        let ProcessOutput { code, stderr, .. } = verify(path, &request);
        assert_eq!(stderr, format!("countersign: the signature is not valid: {told}\n"));
        assert_eq!(code, Some(1));
    }
}

#[test]
fn every_stage_of_a_signature_can_be_seen() {
    let directory = with_keys();
    let args = [
        "sign",
        "POST",
        URL,
        "--body",
        "body.json",
        "--key",
        "merchant.pem",
        "--public-key-id",
        "SANDBOX-SHOP",
        "--date",
        "20260901T120000Z",
        "--region",
        "eu",
        "-H",
        "accept: application/json",
        "--explain",
    ];
    let ProcessOutput { code, stdout, .. } = run(directory.path(), &args);
    assert_eq!(code, Some(0));
    let without_signature: Vec<&str> =
        stdout.lines().map(|line| line.split_once(" Signature=").map_or(line, |(line, _)| line)).collect();
    insta::assert_snapshot!(without_signature.join("\n"));
}

#[test]
fn a_buttons_payload_is_signed_and_verified() {
    let directory = with_keys();
    let path = directory.path();
    let signing =
        ["sign", "--button", "body.json", "--key", "merchant.pem", "--public-key-id", "SANDBOX-SHOP"];
    let ProcessOutput { stdout, .. } = run(path, &signing);
    let signature =
        stdout.lines().next().and_then(|line| line.strip_prefix("signature: ")).unwrap().to_owned();
    let verify = |more: &[&str]| {
        let args = [
            "verify",
            "--button",
            "body.json",
            "--public-key",
            "merchant-public.pem",
            "--signature",
            &signature,
        ];
        run(path, &[&args, more].concat())
    };
    let ProcessOutput { code, stdout, .. } = verify(&[]);
    assert_eq!((code, stdout.as_str()), (Some(0), "the signature is valid\n"));
    let ProcessOutput { code, stderr, .. } = verify(&["--algorithm", "AMZN-PAY-RSASSA-PSS"]);
    assert_eq!(stderr, "countersign: the signature is not valid: it was made for AMZN-PAY-RSASSA-PSS-V2\n");
    assert_eq!(code, Some(1));
    std::fs::write(path.join("body.json"), "{}").unwrap();
    let ProcessOutput { code, stderr, .. } = verify(&[]);
    assert_eq!(
        stderr,
        "countersign: the signature is not valid: it was made with a different key, or for different bytes\n"
    );
    assert_eq!(code, Some(1));
}
