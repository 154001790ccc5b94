//! Where notifications go: a merchant's endpoints, and which notifications each receives.

use std::fmt;

use countersign_domain::ids::MerchantId;
use countersign_protocol::notification::SignatureVersion;
use countersign_protocol::signing::sha256_hex;
use http::Uri;
use http::uri::Scheme;

/// The largest number of registered endpoints: each notification is appended once per endpoint.
pub(crate) const MAX_ENDPOINTS: usize = 16;

/// An endpoint's URL: http or https, with a host, without user data or a fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl(String);

/// Why a text is not an endpoint's URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointUrlRefused(&'static str);

impl fmt::Display for EndpointUrlRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for EndpointUrlRefused {}

impl EndpointUrl {
    /// The longest URL, in bytes.
    pub const MAX_LEN: usize = 2_048;

    /// Reads a URL. Loopback and private hosts are allowed: this is a tool for a developer's own machine.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, EndpointUrlRefused> {
        if text.len() > Self::MAX_LEN {
            return Err(EndpointUrlRefused("it is longer than 2048 bytes"));
        }
        if text.contains('#') {
            return Err(EndpointUrlRefused("it has a fragment, which is never sent"));
        }
        let uri: Uri = text.parse().map_err(|_| EndpointUrlRefused("it is not a URL"))?;
        let known = |scheme: &Scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
        if !uri.scheme().is_some_and(known) {
            return Err(EndpointUrlRefused("it does not begin with http:// or https://"));
        }
        let authority = uri.authority().ok_or(EndpointUrlRefused("it has no host"))?;
        if authority.host().is_empty() {
            return Err(EndpointUrlRefused("it has no host"));
        }
        if authority.as_str().contains('@') {
            return Err(EndpointUrlRefused("it has user data before the host"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The URL as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Prints no URL: it may contain one of the merchant's secrets.
impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointUrl(…)")
    }
}

/// An endpoint that the operator gives. Every start and every reset registers it, and it receives
/// the notifications of every merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedEndpoint {
    /// Where the notifications are sent.
    pub url: EndpointUrl,
    /// How they are signed.
    pub signature_version: SignatureVersion,
}

/// Who gave an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenBy {
    /// The operator, at the start.
    Operator,
    /// The control API: the endpoint is in the store, and a reset removes it.
    Control,
}

/// A registered endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) url: EndpointUrl,
    /// The merchant whose notifications it receives; `None` for all merchants.
    pub(crate) merchant_id: Option<MerchantId>,
    pub(crate) signature_version: SignatureVersion,
    /// The token that the endpoint's confirmation must contain.
    pub(crate) token: String,
    pub(crate) is_confirmed: bool,
    pub(crate) given_by: GivenBy,
    pub(crate) lane: Lane,
}

/// An endpoint's place in the outbox, below [`MAX_ENDPOINTS`]. No two endpoints have the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lane(pub(crate) usize);

impl Endpoint {
    /// A fixed endpoint has the same id after every start, so that notifications appended for it
    /// before a restart are sent after it.
    pub(crate) fn fixed(position: usize, fixed: &FixedEndpoint, token: String, lane: Lane) -> Self {
        let FixedEndpoint { url, signature_version } = fixed.clone();
        let hash =
            sha256_hex(format!("{position} {} {}", signature_version.as_str(), url.as_str()).as_bytes());
        let id = format!("fixed-{}", hash.get(..16).unwrap_or_default());
        let given_by = GivenBy::Operator;
        Self { id, url, merchant_id: None, signature_version, token, is_confirmed: false, given_by, lane }
    }

    /// The part of its subscription's name after the topic. A caller that has the name can end the
    /// subscription, so for an endpoint of the control API the name cannot be guessed. The
    /// operator's subscriptions cannot be ended. Their names are the same after a restart, so that
    /// a notification is sent again unchanged.
    pub(crate) fn subscription(&self) -> &str {
        match self.given_by {
            GivenBy::Operator => &self.id,
            GivenBy::Control => &self.token,
        }
    }

    pub(crate) fn hears_of(&self, merchant_id: &MerchantId) -> bool {
        self.merchant_id.as_ref().is_none_or(|own| own == merchant_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_whole_http_url() {
        for url in [
            "http://127.0.0.1:9000/amazon/notifications",
            "https://shop.example/ipn?token=abc",
            "http://[::1]:9000",
            "HTTP://localhost/",
        ] {
            assert_eq!(EndpointUrl::parse(url).map(|url| url.0), Ok(url.to_owned()), "{url}");
        }
        let long = format!("https://shop.example/{}", "a".repeat(EndpointUrl::MAX_LEN));
        for (url, why) in [
            ("", "it is not a URL"),
            ("http://", "it is not a URL"),
            ("shop.example/ipn", "it is not a URL"),
            ("/ipn", "it does not begin with http:// or https://"),
            ("ftp://shop.example/ipn", "it does not begin with http:// or https://"),
            ("http://:9000/ipn", "it has no host"),
            ("https://user:word@shop.example/ipn", "it has user data before the host"),
            ("https://shop.example/ipn#top", "it has a fragment, which is never sent"),
            ("https://shop.example/a b", "it is not a URL"),
            (long.as_str(), "it is longer than 2048 bytes"),
        ] {
            assert_eq!(EndpointUrl::parse(url), Err(EndpointUrlRefused(why)), "{url}");
        }
    }

    #[test]
    fn a_fixed_endpoint_keeps_its_id_and_no_other_has_it() {
        let fixed = |url, signature_version| FixedEndpoint {
            url: EndpointUrl::parse(url).unwrap(),
            signature_version,
        };
        let one = fixed("http://127.0.0.1:1/", SignatureVersion::V1);
        let id = |position, fixed: &FixedEndpoint| {
            Endpoint::fixed(position, fixed, "token".to_owned(), Lane(0)).id
        };
        assert_eq!(id(0, &one), id(0, &one));
        assert_ne!(id(0, &one), id(1, &one));
        assert_ne!(id(0, &one), id(0, &fixed("http://127.0.0.1:2/", SignatureVersion::V1)));
        assert_ne!(id(0, &one), id(0, &fixed("http://127.0.0.1:1/", SignatureVersion::V2)));
        assert!(!format!("{one:?}").contains("127.0.0.1"));
    }
}
