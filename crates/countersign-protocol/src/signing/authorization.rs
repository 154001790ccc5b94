//! The `authorization` header: read strictly, and written in its only form.

use core::fmt;

use countersign_domain::ids::PublicKeyId;

use super::algorithm::Algorithm;

/// The longest `authorization` header that is read, in bytes. The longest real ones have 900.
pub const MAX_AUTHORIZATION_LEN: usize = 4_096;

/// The largest number of names in `SignedHeaders`. Real clients sign at most a dozen.
pub const MAX_SIGNED_HEADERS: usize = 64;

/// What an `authorization` header says. None of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The key that is claimed to have signed.
    pub public_key_id: PublicKeyId,
    /// The names of the signed headers as they are in the header: in any case, possibly repeated.
    pub signed_headers: Vec<&'a str>,
    /// The signature's text, which should be Base64.
    pub signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Reads `ALG PublicKeyId=ID, SignedHeaders=a;b;c, Signature=BASE64`: one space after the
    /// algorithm, a comma and a space between the parts, no quotes.
    ///
    /// # Errors
    /// What is wrong with it, as the rest of a sentence that begins with the header's name.
    pub fn parse(text: &'a str) -> Result<Self, &'static str> {
        if text.len() > MAX_AUTHORIZATION_LEN {
            return Err("is longer than 4096 bytes");
        }
        let (algorithm, rest) = text.split_once(' ').ok_or(SHAPE)?;
        let algorithm = Algorithm::parse(algorithm)
            .ok_or("must begin with AMZN-PAY-RSASSA-PSS or AMZN-PAY-RSASSA-PSS-V2 and one blank")?;
        let rest = rest.strip_prefix("PublicKeyId=").ok_or(SHAPE)?;
        let (public_key_id, rest) = rest.split_once(',').ok_or(SHAPE)?;
        let (signed_headers, rest) =
            rest.strip_prefix(" SignedHeaders=").and_then(|rest| rest.split_once(',')).ok_or(SHAPE)?;
        let signature = rest.strip_prefix(" Signature=").ok_or(SHAPE)?;
        let public_key_id =
            PublicKeyId::parse(public_key_id).map_err(|_| "has a PublicKeyId that is not a key's id")?;
        let signed_headers = read_names(signed_headers)?;
        if signature.is_empty() || signature.bytes().any(|byte| matches!(byte, b' ' | b',' | b'"')) {
            return Err(SHAPE);
        }
        Ok(Self { algorithm, public_key_id, signed_headers, signature })
    }

    /// Whether a header is signed. `name` is in lower case.
    #[must_use]
    pub fn signs(&self, name: &str) -> bool {
        self.signed_headers.iter().any(|signed| signed.eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Authorization<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { algorithm, public_key_id, signature, .. } = self;
        let signed_headers = self.signed_headers.join(";");
        write!(
            f,
            "{algorithm} PublicKeyId={public_key_id}, SignedHeaders={signed_headers}, Signature={signature}"
        )
    }
}

const SHAPE: &str = "must have the form ALGORITHM PublicKeyId=ID, SignedHeaders=NAME;NAME, Signature=BASE64";

/// Reads the names. A name may be listed twice, as one client does, but not more often: each
/// mention is hashed.
fn read_names(text: &str) -> Result<Vec<&str>, &'static str> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let mut names: Vec<&str> = Vec::with_capacity(8);
    for name in text.split(';') {
        if names.len() >= MAX_SIGNED_HEADERS {
            return Err("lists more than 64 SignedHeaders");
        }
        if name.is_empty() || !name.bytes().all(legal) {
            return Err("has an illegal name in SignedHeaders");
        }
        if names.iter().filter(|earlier| earlier.eq_ignore_ascii_case(name)).nth(1).is_some() {
            return Err("lists a name in SignedHeaders more than twice");
        }
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_form_is_read_and_written_back() {
        for text in [
            "AMZN-PAY-RSASSA-PSS PublicKeyId=A, SignedHeaders=accept, Signature=YQ==",
            "AMZN-PAY-RSASSA-PSS-V2 PublicKeyId=SANDBOX-A, SignedHeaders=Accept;x-amz-pay-Date;Accept, Signature=a+/=",
        ] {
            assert_eq!(Authorization::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn every_other_form_is_refused() {
        let many =
            format!("AMZN-PAY-RSASSA-PSS PublicKeyId=A, SignedHeaders=a{}, Signature=Y", ";b".repeat(64));
        let long =
            format!("AMZN-PAY-RSASSA-PSS PublicKeyId=A, SignedHeaders=a, Signature={}", "Y".repeat(4_096));
        for text in [
            "",
            "Bearer abc",
            "AMZN-PAY-RSASSA-PSS",
            "AMZN-PAY-RSASSA-PSS-V3 PublicKeyId=A, SignedHeaders=a, Signature=Y",
            "amzn-pay-rsassa-pss PublicKeyId=A, SignedHeaders=a, Signature=Y",
            "AMZN-PAY-RSASSA-PSS  PublicKeyId=A, SignedHeaders=a, Signature=Y",
            "AMZN-PAY-RSASSA-PSS PublicKeyId=A,SignedHeaders=a, Signature=Y",
            "AMZN-PAY-RSASSA-PSS PublicKeyId=A, SignedHeaders=a,  Signature=Y",
            "AMZN-PAY-RSASSA-PSS PublicKeyId=\"A\", SignedHeaders=a, Signature=Y",
            "AMZN-PAY-RSASSA-PSS PublicKeyId=, SignedHeaders=a, Signature=Y",
            "AMZN-PAY-RSASSA-PSS PublicKeyId=A, SignedHeaders=, Signature=Y",
            "AMZN-PAY-RSASSA-PSS PublicKeyId=A, SignedHeaders=a;;b, Signature=Y",
            "AMZN-PAY-RSASSA-PSS PublicKeyId=A, SignedHeaders=a b, Signature=Y",
            "AMZN-PAY-RSASSA-PSS PublicKeyId=A, SignedHeaders=a;A;a, Signature=Y",
            "AMZN-PAY-RSASSA-PSS PublicKeyId=A, SignedHeaders=a, Signature=",
            "AMZN-PAY-RSASSA-PSS PublicKeyId=A, SignedHeaders=a, Signature=Y, Signature=Z",
            "AMZN-PAY-RSASSA-PSS Signature=Y, SignedHeaders=a, PublicKeyId=A",
            &many,
            &long,
        ] {
            assert!(Authorization::parse(text).is_err(), "{text}");
        }
    }
}
