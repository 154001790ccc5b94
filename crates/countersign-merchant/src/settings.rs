//! What an operator sets, as plain data. Reading it from a file, flags and the environment is the
//! binary's work.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_client::Deadlines as ClientDeadlines;
use countersign_client::notification::{
    CertificateOrigins, NotAnOrigin, NotificationVerifier, NotificationVerifierBuilder,
};
use countersign_domain::ids::{Environment, MerchantId, PublicKeyId, Region, StoreId};
pub use countersign_domain::merchant::checkout::quote::{
    CouponRate, DeliveryRate, Discount, QuoteTable, TaxRate,
};
use countersign_domain::merchant::rules::MerchantRules;
pub use countersign_domain::merchant::rules::{CapturePolicy, Policy, RefundCeiling};

/// A text that no log prints.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The secret itself, for a comparison or a derivation.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The merchant half's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `amazon.environment`.
    pub environment: Environment,
    /// `amazon.region`.
    pub region: Region,
    /// `amazon.merchant_id`: goes into the button and into every idempotency key.
    pub merchant_id: MerchantId,
    /// `amazon.store_id`: goes into the button.
    pub store_id: StoreId,
    /// `amazon.public_key_id`: goes into the button.
    pub public_key_id: PublicKeyId,
    /// `shop.name`: the heading of the result page.
    pub shop_name: String,
    /// The token behind `shop.token_file`.
    pub shop_token: Secret,
    /// `public_url`: what a buyer's browser reaches this server by.
    pub public_url: String,
    /// `[deadlines]`.
    pub deadlines: Deadlines,
    /// `[capture]`, `[refunds]` and whatever else a rule asks for.
    pub policy: Policy,
    /// `[notifications]`.
    pub notifications: Notifications,
    /// What the buyer's browser has to do with.
    pub storefront: Storefront,
}

/// The shop as the buyer's browser meets it.
#[derive(Debug, Clone, Default)]
pub struct Storefront {
    /// `shop.origins`: where else than at its `startOfCheckoutUrl` a checkout's page may be.
    pub origins: Vec<Origin>,
    /// `shop.url`: where the shop's name on the result page leads.
    pub shop_url: Option<String>,
    /// `[quote]`: what a quote is made of where the shop has no hook.
    pub quote_table: QuoteTable,
}

/// Where a page comes from, as a browser's `Origin` header says it: scheme, host, and a port that is not
/// the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin of an http or https URL; none for anything else.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        // The fragment is no part of what `Uri` reads.
        let uri: http::Uri = url.split('#').next()?.parse().ok()?;
        let scheme = uri.scheme_str()?;
        let own_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let authority = uri.authority().filter(|it| !it.as_str().contains('@') && !it.host().is_empty())?;
        let host = authority.host().to_ascii_lowercase();
        Some(Self(match authority.port_u16().filter(|port| *port != own_port) {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }))
    }

    /// The header's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whose notifications are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notifications {
    /// Origins, such as `http://127.0.0.1:8100`, from which a certificate may be fetched besides those of
    /// Amazon's own notification service: a sandbox's.
    pub certificate_origins: Vec<String>,
    /// The topics that may notify; any, when none is named.
    pub topic_arns: Vec<String>,
}

impl Notifications {
    /// The verifier of this merchant's notifications, to be built.
    pub(crate) fn verifier(
        &self,
        merchant_id: &MerchantId,
    ) -> Result<NotificationVerifierBuilder, NotAnOrigin> {
        let mut origins = self.certificate_origins.iter();
        let origins =
            origins.try_fold(CertificateOrigins::amazon(), |origins, origin| origins.and(origin))?;
        Ok(NotificationVerifier::builder()
            .merchant_id(merchant_id.clone())
            .topic_arns(self.topic_arns.iter().cloned())
            .certificate_origins(origins))
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// How long a caller waits for a completion that somebody else carries out.
    pub caller_wait: Duration,
    /// The total deadline of one Finalize: at least the client's, since Amazon's answer is worth waiting for.
    pub finalize: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { caller_wait: Duration::from_secs(25), finalize: ClientDeadlines::LEAST_FOR_PAYMENT }
    }
}

impl Settings {
    /// What the rules ask for; `hold_expiries` while this machine's clock is in question.
    pub(crate) fn rules(&self, hold_expiries: bool) -> MerchantRules {
        MerchantRules {
            policy: self.policy,
            // The sender must have given up before anybody else takes over.
            lease: self.deadlines.finalize.saturating_add(Duration::from_secs(10)),
            hold_expiries,
            ..MerchantRules::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_says_of_a_page() {
        for (url, origin) in [
            ("https://shop.example/checkout?a=b#c", Some("https://shop.example")),
            ("https://Shop.Example:443", Some("https://shop.example")),
            ("http://shop.example:80/", Some("http://shop.example")),
            ("http://127.0.0.1:8100/a", Some("http://127.0.0.1:8100")),
            ("http://[::1]:8100", Some("http://[::1]:8100")),
            ("https://shop.example:80", Some("https://shop.example:80")),
            ("shop.example", None),
            ("null", None),
            ("https://a@shop.example", None),
            ("ftp://shop.example", None),
        ] {
            assert_eq!(Origin::of_url(url).as_ref().map(Origin::as_str), origin, "{url}");
        }
    }
}
