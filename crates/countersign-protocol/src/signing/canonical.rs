//! The canonical request and the string to sign: the same bytes for the signer and the verifier. Lines are
//! joined by a single LF; nothing follows the last line.

use http::HeaderMap;

use super::algorithm::Algorithm;
use super::encoding::sha256_hex;

/// The signed headers as they enter the canonical request: one line each, an empty line, and their
/// list. The list is written as given. On the lines, names are in lower case, values are trimmed,
/// and several values of one name are joined with commas.
///
/// # Errors
/// The name of a header that is listed but missing.
pub(super) fn header_block<'a>(headers: &HeaderMap, names: &[&'a str]) -> Result<Vec<u8>, &'a str> {
    let mut block = Vec::with_capacity(512);
    for name in names {
        block.extend(name.bytes().map(|byte| byte.to_ascii_lowercase()));
        block.push(b':');
        // A request has a dozen headers: comparing each is cheaper than hashing the name.
        let mut values = headers.iter().filter(|(known, _)| known.as_str().eq_ignore_ascii_case(name));
        let (_, value) = values.next().ok_or(*name)?;
        block.extend(value.as_bytes().trim_ascii());
        for (_, value) in values {
            block.push(b',');
            block.extend(value.as_bytes().trim_ascii());
        }
        block.push(b'\n');
    }
    for (position, name) in names.iter().enumerate() {
        block.push(if position == 0 { b'\n' } else { b';' });
        block.extend(name.as_bytes());
    }
    Ok(block)
}

pub(super) fn canonical_request(
    method: &str,
    path: &[u8],
    query: &[u8],
    header_block: &[u8],
    body_hash: &str,
) -> Vec<u8> {
    [method.as_bytes(), path, query, header_block, body_hash.as_bytes()].join(&b'\n')
}

/// The text that is signed for a request: the algorithm's name and the canonical request's hash.
#[must_use]
pub fn string_to_sign(algorithm: Algorithm, canonical_request: &[u8]) -> String {
    [algorithm.name(), &sha256_hex(canonical_request)].join("\n")
}

/// The text that is signed for a button: the algorithm's name and the payload's hash. The payload is exactly
/// the text that the page passes to `checkout.js`.
#[must_use]
pub fn string_to_sign_of_button(algorithm: Algorithm, payload: &str) -> String {
    string_to_sign(algorithm, payload.as_bytes())
}
