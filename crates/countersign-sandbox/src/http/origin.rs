//! The origin at which a client reaches this server. It is needed for the only URL in an answer that a buyer's
//! browser opens: the redirect URL of a Checkout Session.

use countersign_http::Request;
use http::HeaderName;
use http::header::HOST;
use http::uri::Authority;

/// The beginning of the host names of Amazon's API in all regions.
const AMAZONS: &str = "pay-api.amazon.";

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The origin that a client called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Amazon's own origin: a hosts file or a proxy leads its host here, and may do the same with
    /// the hosts of Amazon's pages.
    Amazon,
    /// This server's own origin, with the scheme of the proxy in front of it.
    Own(String),
}

impl Origin {
    /// Reads the request's `Host`; without a valid one the origin is Amazon's.
    pub(crate) fn from_request(request: &Request) -> Self {
        let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let host = text(HOST).filter(|host| !host.contains('@') && host.parse::<Authority>().is_ok());
        match host {
            Some(host) if !host.to_ascii_lowercase().starts_with(AMAZONS) => {
                let is_secure =
                    text(FORWARDED_PROTO).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
                Self::Own(format!("{}://{host}", if is_secure { "https" } else { "http" }))
            }
            Some(_) | None => Self::Amazon,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn the_origin_is_the_one_that_the_client_called() {
        let own = |origin: &str| Origin::Own(origin.to_owned());
        for (host, scheme, origin) in [
            (None, None, Origin::Amazon),
            (Some("pay-api.amazon.eu"), Some("https"), Origin::Amazon),
            (Some("Pay-API.amazon.com:443"), None, Origin::Amazon),
            (Some("a@b"), None, Origin::Amazon),
            (Some("a/b"), None, Origin::Amazon),
            (Some(""), None, Origin::Amazon),
            (Some("127.0.0.1:8100"), None, own("http://127.0.0.1:8100")),
            (Some("[::1]:8100"), Some("http"), own("http://[::1]:8100")),
            (Some("pay.test"), Some("HTTPS"), own("https://pay.test")),
            (Some("pay.test"), Some("javascript"), own("http://pay.test")),
        ] {
            let mut request = http::Request::builder();
            for (name, value) in [(HOST, host), (FORWARDED_PROTO, scheme)] {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            let request = request.body(Bytes::new()).unwrap();
            assert_eq!(Origin::from_request(&request), origin, "{host:?} {scheme:?}");
        }
    }
}
