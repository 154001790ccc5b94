//! Where the API is: scheme, host, port and path before `/v2`. An override is used completely, and every part
//! of it that the API's signature covers is signed.

use core::fmt;

use countersign_domain::ids::{Environment, PublicKeyId, Region};

/// The base address of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: http::uri::Scheme,
    authority: http::uri::Authority,
    /// Empty, or the path from its first `/` to before its last.
    prefix: String,
}

/// The text is not a base address of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnEndpoint {
    why: &'static str,
}

impl fmt::Display for NotAnEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "it is not an endpoint such as https://pay-api.amazon.com or http://127.0.0.1:8100/pay: {}",
            self.why
        )
    }
}

impl core::error::Error for NotAnEndpoint {}

impl Endpoint {
    /// Amazon's own endpoint for a region.
    #[must_use]
    pub fn amazon(region: Region) -> Self {
        Self {
            scheme: http::uri::Scheme::HTTPS,
            authority: http::uri::Authority::from_static(region.host()),
            prefix: String::new(),
        }
    }

    /// Reads a URL with a scheme and a host, and optionally a port and a path. Plain HTTP is used only if the
    /// URL says so.
    ///
    /// # Errors
    /// [`NotAnEndpoint`] for a URL without scheme or host, with a scheme other than `http` and `https`, with
    /// a user, a query or a fragment, or with a path that is not plain.
    pub fn parse(url: &str) -> Result<Self, NotAnEndpoint> {
        let refuse = |why| NotAnEndpoint { why };
        if url.contains('#') {
            return Err(refuse("it has a fragment"));
        }
        let parts = url.parse::<http::Uri>().map_err(|_| refuse("it is not a URL"))?.into_parts();
        let scheme = parts.scheme.ok_or(refuse("it has no scheme"))?;
        if scheme != http::uri::Scheme::HTTP && scheme != http::uri::Scheme::HTTPS {
            return Err(refuse("its scheme is neither https nor http"));
        }
        let authority = parts.authority.ok_or(refuse("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("it has user data before the host"));
        }
        if authority.host().is_empty() {
            return Err(refuse("it has no host"));
        }
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        if !port.is_empty() && authority.port_u16().is_none() {
            return Err(refuse("its port is not a number up to 65535"));
        }
        let path_and_query = parts.path_and_query.as_ref();
        if path_and_query.is_some_and(|path| path.query().is_some()) {
            return Err(refuse("it has a query"));
        }
        let path = path_and_query.map_or("", http::uri::PathAndQuery::path);
        // Signers differ in how they spell any other character.
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~');
        if !path.bytes().all(plain) || path.contains("//") {
            return Err(refuse("its path may contain only letters, digits, - _ . ~ and single slashes"));
        }
        let prefix = path.strip_suffix('/').unwrap_or(path).to_owned();
        Ok(Self { scheme, authority, prefix })
    }

    /// `https`, or `http` if the URL says so.
    #[must_use]
    pub fn scheme(&self) -> &http::uri::Scheme {
        &self.scheme
    }

    /// The host, with its port if the URL has one.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// The path before the version: empty, or from its first slash to before its last.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The path of a resource: the override's own path, the environment unless the key names it,
    /// the version, the resource.
    #[must_use]
    pub(crate) fn path(&self, key: &PublicKeyId, environment: Environment, resource: &str) -> String {
        let Self { prefix, .. } = self;
        match key.environment() {
            Some(_) => format!("{prefix}/v2/{resource}"),
            None => format!("{prefix}/{}/v2/{resource}", environment.path_segment()),
        }
    }

    /// The URL of a path.
    pub(crate) fn uri(&self, path: &str) -> Result<http::Uri, http::Error> {
        http::Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Promise: C14
    #[test]
    fn an_override_is_honoured_whole() {
        for (url, key, uri) in [
            ("https://pay-api.amazon.com", "SANDBOX-A", "https://pay-api.amazon.com/v2/charges/x"),
            ("https://pay-api.amazon.com/", "A", "https://pay-api.amazon.com/sandbox/v2/charges/x"),
            ("http://127.0.0.1:8100", "A", "http://127.0.0.1:8100/sandbox/v2/charges/x"),
            ("http://[::1]:8100/pay/eu/", "sandboxA", "http://[::1]:8100/pay/eu/v2/charges/x"),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            let path = endpoint.path(&PublicKeyId::parse(key).unwrap(), Environment::Sandbox, "charges/x");
            assert_eq!(endpoint.uri(&path).unwrap().to_string(), uri);
        }
    }

    #[test]
    fn what_is_not_an_endpoint_is_refused() {
        for url in [
            "",
            "pay-api.amazon.com",
            "127.0.0.1:8100",
            "ftp://pay-api.amazon.com",
            "https://",
            "https:///v2",
            "https://user@host",
            "https://host/?x=1",
            "https://host/#x",
            "https://host/a%20b",
            "https://host/a//b",
            "https://host:port",
            "https://host:",
            "https://host:65536",
            "https://[::1]x",
            "/v2",
        ] {
            assert!(Endpoint::parse(url).is_err(), "{url}");
        }
    }

    // Promise: C14
    #[test]
    fn amazons_endpoints_are_never_plain() {
        for region in [Region::NorthAmerica, Region::Europe, Region::Japan] {
            assert_eq!(Endpoint::amazon(region).scheme(), &http::uri::Scheme::HTTPS);
        }
    }
}
