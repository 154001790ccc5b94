//! The operator's settings, as plain data. The binary reads them from a file, flags and the environment.

use std::time::Duration;

use countersign_client::Deadlines as ClientDeadlines;
use countersign_client::notification::{
    CertificateOrigins, NotAnOrigin, NotificationVerifier, NotificationVerifierBuilder,
};
pub use countersign_domain::address::{AddressMember, AddressMembers};
use countersign_domain::ids::{Environment, MerchantId, PublicKeyId, Region, StoreId};
pub use countersign_domain::merchant::checkout::quote::{
    CouponRate, DeliveryRate, Discount, QuoteTable, TaxRate,
};
use countersign_domain::merchant::rules::MerchantRules;
pub use countersign_domain::merchant::rules::{
    AbsentReference, AfterGuarantee, CapturePolicy, Integration, Policy, RefundCeiling,
};

use crate::credentials::Credentials;
pub use crate::secret::Secret;

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
    /// The tokens in `shop.token_file`, `shop.tokens_file` and `operator.tokens_file`.
    pub credentials: Credentials,
    /// `public_url`: the URL at which a buyer's browser reaches this server.
    pub public_url: String,
    /// `[deadlines]`.
    pub deadlines: Deadlines,
    /// `[capture]`, `[refunds]` and the other settings of the rules.
    pub policy: Policy,
    /// `[notifications]`.
    pub notifications: Notifications,
    /// The settings for the buyer's browser.
    pub storefront: Storefront,
}

/// The settings for the buyer's browser.
#[derive(Debug, Clone, Default)]
pub struct Storefront {
    /// `shop.origins`: the origins of a checkout's page, in addition to that of its `startOfCheckoutUrl`.
    pub origins: Vec<Origin>,
    /// `shop.url`: what the shop's name on the result page links to.
    pub shop_url: Option<String>,
    /// `[quote]`: the table that makes quotes if the shop has no hook.
    pub quote_table: QuoteTable,
}

/// The origin of a page, as in a browser's `Origin` header: the scheme, the host, and the port unless it is
/// the scheme's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin of an http or https URL; `None` for anything else.
    #[must_use]
    pub fn from_url(url: &str) -> Option<Self> {
        // `Uri` does not read fragments.
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

/// Which notifications are accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notifications {
    /// Origins, such as a sandbox's `http://127.0.0.1:8100`, from which a certificate may be fetched in
    /// addition to those of Amazon's own notification service.
    pub certificate_origins: Vec<String>,
    /// The topics that may notify; if there are none, every topic may.
    pub topic_arns: Vec<String>,
}

impl Notifications {
    /// The builder of the verifier of this merchant's notifications.
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

/// Whether a text is the code of a country, in two capital letters as Amazon writes it: ISO 3166-1, and `XK`,
/// which postal services use for Kosovo.
#[must_use]
pub fn is_country_code(text: &str) -> bool {
    rust_iso3166::from_alpha2(text).is_some() || text == "XK"
}

/// The time limits.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// How long a caller waits for a completion that another caller is executing.
    pub caller_wait: Duration,
    /// The total deadline of one Finalize. It is never below the client's minimum, because a lost answer
    /// leaves a payment in doubt.
    pub finalize: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { caller_wait: Duration::from_secs(25), finalize: ClientDeadlines::LEAST_FOR_PAYMENT }
    }
}

impl Settings {
    /// The settings of the rules, for a machine whose clock is not in question.
    pub(crate) fn rules(&self) -> MerchantRules {
        MerchantRules {
            policy: self.policy,
            // The sender must have given up before another caller takes over.
            lease: self.deadlines.finalize.saturating_add(Duration::from_secs(10)),
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
            assert_eq!(Origin::from_url(url).as_ref().map(Origin::as_str), origin, "{url}");
        }
    }
}
