//! Which URLs a certificate may be fetched from. The URL is in the envelope but is not covered by
//! the signature, so the sender chooses it: this rule alone prevents a receiver from trusting a
//! stranger's key, and a sender from making the receiver call any address.

use core::fmt;

use countersign_domain::with_texts;

/// The longest URL that is accepted, in bytes. Amazon's URLs have about a hundred.
const MAX_URL_LEN: usize = 512;

/// The origins that certificates may come from: Amazon's notification service, and any origins that
/// were added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateOrigins {
    beside_amazon: Vec<String>,
}

/// The error of a text that is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnOrigin;

impl fmt::Display for NotAnOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "it is not an origin (a scheme, a host and optionally a port), such as http://127.0.0.1:8100",
        )
    }
}

impl core::error::Error for NotAnOrigin {}

/// A URL that a certificate may be fetched from, proved by [`CertificateOrigins::check`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateUrl(String);

impl CertificateUrl {
    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

with_texts! {
    /// Why no certificate is fetched from a URL.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    CertificateUrlRefused {
        /// It is longer than 512 bytes.
        TooLong = "the certificate's URL is longer than {MAX_URL_LEN} bytes";
        /// It is not `https`.
        NotHttps = "the certificate's URL is not https";
        /// Its host is not Amazon's notification service (`sns.REGION.amazonaws.com` in lower case and
        /// without a port), and its origin is not one of those that were added.
        ForeignHost = "the host of the certificate's URL is neither Amazon's nor that of a configured certificate origin";
        /// It has a query, a fragment, or a path with a segment that is not plain.
        NotAPlainPath = "after its host, the certificate's URL must have only a path of plain segments (letters, digits and - _ . ~)";
        /// Its path does not end in `.pem`.
        NotPem = "the certificate's URL does not end in .pem";
    }
}

impl CertificateOrigins {
    /// Amazon's notification service only.
    #[must_use]
    pub fn amazon() -> Self {
        Self::default()
    }

    /// Adds an origin, such as a sandbox's `http://127.0.0.1:8100`. A server at that origin can forge
    /// notifications.
    ///
    /// # Errors
    /// [`NotAnOrigin`] for anything but a scheme, a host and optionally a port; a trailing slash is allowed.
    pub fn and(mut self, origin: &str) -> Result<Self, NotAnOrigin> {
        let origin = origin.strip_suffix('/').unwrap_or(origin);
        let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
        match authority {
            Some(authority) if !authority.is_empty() && authority.bytes().all(plain) => {
                self.beside_amazon.push(origin.to_owned());
                Ok(self)
            }
            _ => Err(NotAnOrigin),
        }
    }

    /// Whether any origin is reached without TLS.
    #[must_use]
    pub fn has_plain(&self) -> bool {
        self.beside_amazon.iter().any(|origin| origin.starts_with("http://"))
    }

    /// Checks a URL. It is compared as text and never normalised: a spelling that would need
    /// normalising is refused, so two different accepted URLs are two different places, and one
    /// certificate cannot fill a cache under many names.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, url: &str) -> Result<CertificateUrl, CertificateUrlRefused> {
        if url.len() > MAX_URL_LEN {
            return Err(CertificateUrlRefused::TooLong);
        }
        let named = self
            .beside_amazon
            .iter()
            .find_map(|origin| url.strip_prefix(origin.as_str()).filter(|path| path.starts_with('/')));
        let path = match named {
            Some(path) => path,
            None => {
                let rest = url.strip_prefix("https://").ok_or(CertificateUrlRefused::NotHttps)?;
                let end = rest.find('/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
                if !is_amazons(authority) {
                    return Err(CertificateUrlRefused::ForeignHost);
                }
                path
            }
        };
        if !is_plain(path) {
            return Err(CertificateUrlRefused::NotAPlainPath);
        }
        if !path.ends_with(".pem") {
            return Err(CertificateUrlRefused::NotPem);
        }
        Ok(CertificateUrl(url.to_owned()))
    }
}

/// `sns.REGION.amazonaws.com`, or the same under `.cn`; the region is one label of at
/// least three characters.
fn is_amazons(host: &str) -> bool {
    let host = host.strip_suffix(".cn").unwrap_or(host);
    let region = host.strip_prefix("sns.").and_then(|rest| rest.strip_suffix(".amazonaws.com"));
    region.is_some_and(|region| {
        region.len() >= 3
            && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    })
}

/// Whether a path consists of segments of letters, digits and `- _ . ~`, none of them empty or `.` or `..`.
/// Percent signs, backslashes, queries and fragments mean different things to different readers.
fn is_plain(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    path.strip_prefix('/').is_some_and(|segments| {
        segments.split('/').all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain))
    })
}

#[cfg(test)]
mod tests {
    use super::CertificateUrlRefused::*;
    use super::*;

    const PATH: &str = "/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem";

    #[test]
    fn amazons_notification_service_is_the_only_place_unless_another_was_named() {
        let amazon = CertificateOrigins::amazon();
        for host in [
            "sns.us-east-1.amazonaws.com",
            "sns.eu-west-1.amazonaws.com",
            "sns.cn-north-1.amazonaws.com.cn",
            "sns.abc.amazonaws.com",
        ] {
            let url = format!("https://{host}{PATH}");
            assert_eq!(amazon.check(&url).as_ref().map(CertificateUrl::as_str), Ok(url.as_str()));
        }
    }

    // Promise: B20
    #[test]
    fn every_other_url_is_refused_for_its_reason() {
        let amazon = CertificateOrigins::amazon();
        let host = "sns.us-east-1.amazonaws.com";
        for (url, refused) in [
            (String::new(), NotHttps),
            (format!("http://{host}{PATH}"), NotHttps),
            (format!("HTTPS://{host}{PATH}"), NotHttps),
            (format!(" https://{host}{PATH}"), NotHttps),
            (format!("//{host}{PATH}"), NotHttps),
            ("file:///etc/key.pem".to_owned(), NotHttps),
            (format!("https:/{host}{PATH}"), NotHttps),
            (format!("https:{host}{PATH}"), NotHttps),
            ("https://".to_owned(), ForeignHost),
            (format!("https:///{host}{PATH}"), ForeignHost),
            ("https://169.254.169.254/latest/meta-data/key.pem".to_owned(), ForeignHost),
            ("https://127.0.0.1:8100/key.pem".to_owned(), ForeignHost),
            ("https://[::1]/key.pem".to_owned(), ForeignHost),
            ("https://localhost/key.pem".to_owned(), ForeignHost),
            (format!("https://evil.example{PATH}"), ForeignHost),
            (format!("https://{host}.evil.example{PATH}"), ForeignHost),
            (format!("https://evil.example#{host}{PATH}"), ForeignHost),
            (format!("https://evil.example?{host}{PATH}"), ForeignHost),
            (format!("https://evil.example\\{host}{PATH}"), ForeignHost),
            (format!("https://user@{host}{PATH}"), ForeignHost),
            (format!("https://{host}@evil.example{PATH}"), ForeignHost),
            (format!("https://{host}:@evil.example{PATH}"), ForeignHost),
            (format!("https://{host}:8443{PATH}"), ForeignHost),
            (format!("https://{host}:443{PATH}"), ForeignHost),
            (format!("https://sns.US-east-1.amazonaws.com{PATH}"), ForeignHost),
            (format!("https://Sns.us-east-1.amazonaws.com{PATH}"), ForeignHost),
            (format!("https://sns.us-east-1.AMAZONAWS.COM{PATH}"), ForeignHost),
            (format!("https://{host}:{PATH}"), ForeignHost),
            (format!("https://{host}:0443{PATH}"), ForeignHost),
            (format!("https://{host}.{PATH}"), ForeignHost),
            (format!("https://evil{host}{PATH}"), ForeignHost),
            (format!("https://sns.us-east-1.amazonaws.com.evil{PATH}"), ForeignHost),
            (format!("https://sns.us-east-1.amazonaws.cn{PATH}"), ForeignHost),
            (format!("https://sns.us-east-1.amazonaws.com.cn.cn{PATH}"), ForeignHost),
            (format!("https://sns.us.east.amazonaws.com{PATH}"), ForeignHost),
            (format!("https://sns.s3.amazonaws.com{PATH}"), ForeignHost),
            (format!("https://sns..amazonaws.com{PATH}"), ForeignHost),
            (format!("https://sns.amazonaws.com{PATH}"), ForeignHost),
            (format!("https://s3.us-east-1.amazonaws.com{PATH}"), ForeignHost),
            (format!("https://sns.us-east-1.amazonaws.com\n.evil.example{PATH}"), ForeignHost),
            (format!("https://sns.us_east.amazonaws.com{PATH}"), ForeignHost),
            (format!("https://sns.日本日本.amazonaws.com{PATH}"), ForeignHost),
            (format!("https://{host}"), NotAPlainPath),
            (format!("https://{host}/"), NotAPlainPath),
            (format!("https://{host}/?Action=GetTopic&x=.pem"), NotAPlainPath),
            (format!("https://{host}{PATH}?x=1"), NotAPlainPath),
            (format!("https://{host}{PATH}#x"), NotAPlainPath),
            (format!("https://{host}{PATH}#.pem"), NotAPlainPath),
            (format!("https://{host}/x%2f..%2fkey.pem"), NotAPlainPath),
            (format!("https://{host}/../key.pem"), NotAPlainPath),
            (format!("https://{host}/./key.pem"), NotAPlainPath),
            (format!("https://{host}//evil.example/key.pem"), NotAPlainPath),
            (format!("https://{host}/\\evil.example\\key.pem"), NotAPlainPath),
            (format!("https://{host}/key.pem "), NotAPlainPath),
            (format!("https://{host}/key.pem\r\nhost: evil.example/x.pem"), NotAPlainPath),
            (format!("https://{host}/key.der"), NotPem),
            (format!("https://{host}/key.PEM"), NotPem),
            (format!("https://{host}/pem"), NotPem),
            (format!("https://{host}/{}.pem", "x".repeat(512)), TooLong),
        ] {
            assert_eq!(amazon.check(&url), Err(refused), "{url}");
        }
    }

    #[test]
    fn a_named_origin_is_taken_whole() {
        let origins = CertificateOrigins::amazon()
            .and("http://127.0.0.1:8100/")
            .and_then(|origins| origins.and("https://sns.test"))
            .unwrap();
        assert!(origins.has_plain());
        assert!(origins.check("http://127.0.0.1:8100/certificates/key.pem").is_ok());
        assert!(origins.check("https://sns.test/key.pem").is_ok());
        assert!(origins.check(&format!("https://sns.us-east-1.amazonaws.com{PATH}")).is_ok());
        for (url, refused) in [
            ("http://127.0.0.1:81/key.pem", NotHttps),
            ("http://127.0.0.1:81000/key.pem", NotHttps),
            ("http://127.0.0.1:8100@evil.example/key.pem", NotHttps),
            ("http://127.0.0.1/key.pem", NotHttps),
            ("http://localhost:8100/key.pem", NotHttps),
            ("https://127.0.0.1:8100/key.pem", ForeignHost),
            ("https://sns.test:443/key.pem", ForeignHost),
            ("https://sns.test.evil.example/key.pem", ForeignHost),
            ("http://127.0.0.1:8100/key.pem?x", NotAPlainPath),
            ("http://127.0.0.1:8100/../key.pem", NotAPlainPath),
            ("http://127.0.0.1:8100/key", NotPem),
        ] {
            assert_eq!(origins.check(url), Err(refused), "{url}");
        }
        let amazon = CertificateOrigins::amazon();
        assert!(!amazon.has_plain());
        for origin in [
            "",
            "sns.test",
            "http://",
            "https://",
            "ftp://sns.test",
            "http://a/b",
            "http://a?b",
            "http://u@a",
            "http://a#b",
            "http://a b",
        ] {
            assert_eq!(amazon.clone().and(origin), Err(NotAnOrigin), "{origin}");
        }
    }
}
