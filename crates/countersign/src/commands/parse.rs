//! Parses the values of flags into the types that the commands use. Each error says what the value must be.

use countersign_domain::ids::Region;
use countersign_domain::provider::profile::Profile;
use countersign_protocol::notification::SignatureVersion;
use countersign_protocol::signing::Algorithm;

/// The same parser, with its errors as text.
pub(crate) fn told<T: 'static, E: std::fmt::Display + 'static>(
    parse: fn(&str) -> Result<T, E>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| parse(text).map_err(|refused| refused.to_string())
}

pub(crate) fn method(text: &str) -> Result<http::Method, String> {
    let method =
        http::Method::from_bytes(text.as_bytes()).map_err(|_| "it is not an HTTP method".to_owned())?;
    if text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        Ok(method)
    } else {
        Err("a method must be in capitals, such as POST".to_owned())
    }
}

pub(crate) fn url(text: &str) -> Result<http::Uri, String> {
    let expected = || "it is not an absolute URL such as http://127.0.0.1:8100/v2/charges/ID".to_owned();
    let url: http::Uri = text.parse().map_err(|_| expected())?;
    if url.scheme().is_some() && url.authority().is_some() { Ok(url) } else { Err(expected()) }
}

pub(crate) fn signature_version(text: &str) -> Result<SignatureVersion, String> {
    let known = SignatureVersion::ALL.into_iter().find(|known| known.as_str() == text);
    known.ok_or_else(|| "it must be 1 or 2".to_owned())
}

pub(crate) fn algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::parse(text).ok_or_else(|| {
        let [first, second] = Algorithm::ALL;
        format!("it must be {first} or {second}")
    })
}

pub(crate) fn region(text: &str) -> Result<Region, String> {
    Region::parse(text).ok_or_else(|| "it must be na, eu or jp".to_owned())
}

pub(crate) fn profile(text: &str) -> Result<Profile, String> {
    Profile::parse(text).ok_or_else(|| "it must be sandbox or live".to_owned())
}
