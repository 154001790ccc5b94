//! A request's head as it was on the wire: what a signature covers, except the body.

use http::HeaderMap;

/// Method, path, query and headers of one request.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// The method, in upper case as in HTTP.
    pub method: &'a str,
    /// The path from the first `/` to the `?`, not decoded, with its trailing slash.
    pub path: &'a str,
    /// The text after the `?`, not decoded.
    pub query: Option<&'a str>,
    /// All headers.
    pub headers: &'a HeaderMap,
}

impl<'a, B> From<&'a http::Request<B>> for Head<'a> {
    fn from(request: &'a http::Request<B>) -> Self {
        Self {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query(),
            headers: request.headers(),
        }
    }
}

impl<'a> From<&'a http::request::Parts> for Head<'a> {
    fn from(parts: &'a http::request::Parts) -> Self {
        Self {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query(),
            headers: &parts.headers,
        }
    }
}

impl core::fmt::Debug for Head<'_> {
    /// Prints the method and the path: headers must not be logged.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}
