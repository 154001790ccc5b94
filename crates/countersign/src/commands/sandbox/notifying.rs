//! `--ipn-url` and `--ipn-signature-version`: the endpoints that the sandbox notifies from the
//! start, the sockets that carry its notifications, and the file with its signing key.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use countersign_client::{Https, Transport as _, TransportError};
use countersign_protocol::notification::SignatureVersion;
use countersign_sandbox::notify::{
    CertificateStore, Courier, EndpointUrl, FixedEndpoint, KeySource, NotDelivered, Notifications,
};
use futures_util::future::BoxFuture;
use http::uri::Scheme;
use http::{Request, StatusCode};

use crate::commands::parse;
use crate::key_files::{self, Readers};

/// How long a connection to an endpoint may take; the whole attempt has its own limit.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest answer of an endpoint, in bytes; its content is ignored.
const LONGEST_ANSWER: usize = 64 * 1024;
/// The name of the file in the sandbox's directory.
const KEY_FILE: &str = "notifications.pem";

/// Whom to notify.
#[derive(Args)]
pub(super) struct NotifyingArgs {
    /// Where every merchant's notifications (IPN) are posted; repeatable. The control API registers others
    #[arg(long = "ipn-url", value_name = "URL", value_parser = parse::told(EndpointUrl::parse))]
    urls: Vec<EndpointUrl>,
    /// What notifications to an --ipn-url are signed with: 1 for SHA-1, as Amazon Pay does, or 2 for
    /// SHA-256
    #[arg(
        long = "ipn-signature-version",
        value_name = "VERSION",
        default_value = "1",
        value_parser = parse::signature_version
    )]
    signature_version: SignatureVersion,
}

impl NotifyingArgs {
    /// The notifications of a sandbox that listens at `address` and keeps its files in `directory`, if given.
    pub(super) fn notifications(&self, address: SocketAddr, directory: Option<&Path>) -> Notifications {
        let signature_version = self.signature_version;
        let fixed = |url: &EndpointUrl| FixedEndpoint { url: url.clone(), signature_version };
        let key = match directory {
            Some(directory) => KeySource::Kept(Arc::new(KeyFile(directory.join(KEY_FILE)))),
            None => KeySource::Made,
        };
        Notifications {
            courier: Arc::new(Sockets::new()),
            key,
            origin: origin(address),
            endpoints: self.urls.iter().map(fixed).collect(),
        }
    }
}

/// The origin at which a receiver on this machine reaches the sandbox. If the sandbox listens on
/// every address, this is the loopback address.
fn origin(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    format!("http://{address}")
}

/// Sends notifications over TCP, with TLS if the endpoint's URL is https. It uses the client's
/// transport, which follows no redirects and accepts the certificates that a browser would accept.
pub(crate) struct Sockets(Https);

impl Sockets {
    pub(crate) fn new() -> Self {
        Self(Https::for_scheme(&Scheme::HTTP, CONNECT).with_longest_answer(LONGEST_ANSWER))
    }
}

impl Courier for Sockets {
    fn post(
        &self,
        request: Request<Bytes>,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<StatusCode, NotDelivered>> {
        Box::pin(async move {
            match self.0.send(request, deadline).await {
                Ok(answer) => Ok(answer.status()),
                Err(TransportError::NotSent(_)) => Err(NotDelivered::Unreachable),
                Err(TransportError::Lost(_)) => Err(NotDelivered::Lost),
                Err(TransportError::TimedOut) => Err(NotDelivered::TimedOut),
            }
        })
    }
}

/// The signing key's file, readable by its owner alone.
struct KeyFile(PathBuf);

impl CertificateStore for KeyFile {
    fn take(&self) -> Result<Option<String>, String> {
        if !self.0.exists() {
            return Ok(None);
        }
        key_files::read(&self.0).map(Some).map_err(|failure| failure.to_string())
    }

    fn put(&self, pem: &str) -> Result<(), String> {
        key_files::replace(&self.0, pem, Readers::Owner).map_err(|failure| failure.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_sent_to_an_address_that_it_can_reach() {
        for (listening, expected) in [
            ("127.0.0.1:8100", "http://127.0.0.1:8100"),
            ("0.0.0.0:8100", "http://127.0.0.1:8100"),
            ("[::]:8100", "http://127.0.0.1:8100"),
            ("[::1]:8100", "http://[::1]:8100"),
            ("192.0.2.7:80", "http://192.0.2.7:80"),
        ] {
            assert_eq!(origin(listening.parse().unwrap()), expected);
        }
    }

    #[test]
    fn a_key_that_is_put_replaces_the_last() {
        let directory = tempfile::tempdir().unwrap();
        let file = KeyFile(directory.path().join(KEY_FILE));
        assert_eq!(file.take(), Ok(None));
        for text in ["first", "second"] {
            file.put(text).unwrap();
            assert_eq!(file.take(), Ok(Some(text.to_owned())));
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
