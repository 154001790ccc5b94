//! Every key of `serve`'s configuration, and the [`Config`] that is read from the keys. A new key
//! is a row of [`KEYS`] and a line of [`Config::read`]; its flag, its variable, its help and its
//! row of `docs/configuration.md` follow from the row.

use std::path::PathBuf;
use std::time::Duration;

use countersign_client::Endpoint;
use countersign_domain::ids::{Environment, MerchantId, PublicKeyId, Region, StoreId};
use countersign_merchant::settings::{
    AddressMember, Deadlines, Notifications, Policy, QuoteTable, Storefront,
};
use countersign_protocol::signing::Algorithm;

use super::given::GivenValues;
use super::key::{Key, key, rows};
use super::parse::{
    StorePlace, absent_reference, address_members, after_guarantee, algorithm, capture_policy, duration,
    endpoint, environment, finalize_deadline, integration, list, listen, merchant_id, origin, page_origin,
    path, printable, public_key_id, public_url, quote_url, refund_ceiling, region, resend_window, shop_url,
    store, store_id, topic_arn, webhook_url,
};
use super::quote;
use super::values::Values;
use crate::failure::CommandResult;

/// A time as a person writes it: `15m`.
fn time(duration: Duration) -> String {
    jiff::SignedDuration::try_from(duration)
        .map_or_else(|_| String::new(), |duration| format!("{duration:#}"))
}

/// Every key, in the order in which people write them.
pub(super) const KEYS: &[Key] = &[
    key("listen", "ADDR", "address with port", "Where to listen; port 0 picks a free one")
        .or(|| "127.0.0.1:8080".to_owned()),
    key("public_url", "URL", "http or https URL", "The URL by which a buyer's browser reaches this server")
        .or_else("http://ADDR"),
    key(
        "store",
        "STORE",
        "`sqlite:PATH` or `memory`",
        "Where checkouts are kept; `memory` is for a trial and is lost when the process ends",
    )
    .or(|| "sqlite:countersign.db".to_owned()),
    key("amazon.endpoint", "URL", "URL", "An endpoint other than Amazon's own, such as a sandbox's")
        .or_else("Amazon's own, for the region"),
    key("amazon.region", "REGION", "`na`, `eu` or `jp`", "The account's region"),
    key(
        "amazon.environment",
        "ENV",
        "`sandbox` or `live`",
        "The environment; needed only for a public key id without a prefix",
    )
    .or_else("the prefix of the public key id"),
    key("amazon.merchant_id", "ID", "id", "The merchant account"),
    key("amazon.store_id", "ID", "id", "The store id, which begins with `amzn1.application-oa2-client.`; another is only logged as a WARN with \
         `amazon.endpoint`"),
    key("amazon.public_key_id", "ID", "id", "The id of the key that signs requests"),
    key("amazon.private_key_file", "FILE", "file", "The private key that signs requests, PEM"),
    key(
        "amazon.algorithm",
        "NAME",
        "`AMZN-PAY-RSASSA-PSS` or `AMZN-PAY-RSASSA-PSS-V2`",
        "The algorithm of the signature",
    )
    .or(|| Algorithm::PssV2.to_string()),
    key(
        "amazon.allow_absent_reference",
        "WORD",
        "`false` or `true`",
        "Whether a session without merchantReferenceId is accepted if the shop's own server brings it",
    )
    .or(|| Policy::default().absent_reference.as_str().to_owned()),
    key(
        "amazon.sole_integration",
        "WORD",
        "`false` or `true`",
        "Whether only this server finalizes sessions of this account and environment: then a session that is \
         Completed is this server's even if nothing else proves it",
    )
    .or(|| Policy::default().integration.as_str().to_owned()),
    key(
        "shop.token_file",
        "FILE",
        "file",
        "The token that the shop's server sends: one word of at least 16 characters; a shorter one is refused, or only \
         logged as a WARN with `amazon.endpoint`, since that is a trial",
    ),
    key(
        "shop.tokens_file",
        "FILE",
        "file",
        "Further tokens of the shop's, each with a name and a role (`shop`, `warehouse` or `read`): `NAME ROLE TOKEN` \
         on each line, up to 64, each token at least 16 characters; a line with `#` is a comment",
    )
    .or_else("none"),
    key("shop.name", "NAME", "text", "The shop's name on the result page").or(|| "Shop".to_owned()),
    key(
        "shop.webhook_url",
        "URL",
        "http or https URL",
        "Where events are sent; needs `shop.webhook_secret_file`",
    )
    .or_else("none: the shop asks"),
    key(
        "shop.webhook_secret_file",
        "FILE",
        "file",
        "The secrets that sign webhooks and questions for quotes: `whsec_` and 24 to 64 bytes in Base64, one per line, \
         up to five, the current one first",
    )
    .or_else("none"),
    key("shop.url", "URL", "http or https URL", "Where the shop's name on the result page links to")
        .or_else("none: the name is not a link"),
    key(
        "shop.origins",
        "ORIGINS",
        "origins, with commas",
        "Further origins of the shop's pages, besides that of its start of checkout, such as `https://m.shop.example`",
    )
    .or_else("none: only the start of checkout"),
    key(
        "shop.quote_url",
        "URL",
        "https URL, or http on this machine",
        "Where the shop is asked what an order costs; needs `shop.webhook_secret_file`",
    )
    .or_else("none: `[quote]` makes quotes"),
    rows(
        "quote.delivery",
        "The ways of delivery, at most 50: TOML such as \
         `[{id=\"standard\", name=\"Standard\", price=\"4.90 EUR\", countries=[\"DE\"], days=2}]`",
    )
    .or_else("none: one way, everywhere, free of charge"),
    rows(
        "quote.tax",
        "The tax that is added for a country, at most 300: TOML such as \
         `[{country=\"DE\", percent_basis_points=1900}]`",
    )
    .or_else("none: no tax is added"),
    rows(
        "quote.coupon",
        "The discount of a buyer's code, at most 1,000: TOML such as \
         `[{code=\"SPRING\", basis_points=1000}]` or `amount=\"5.00 EUR\"`",
    )
    .or_else("none: no code is accepted"),
    key(
        "operator.tokens_file",
        "FILE",
        "file",
        "The tokens of the persons who may decide, each with the person's name: `NAME TOKEN` on each line, up to 64, \
         each token at least 16 characters; a line with `#` is a comment",
    )
    .or_else("none: nobody decides"),
    key(
        "snapshot.key_file",
        "FILE",
        "file",
        "The keys that seal buyers' data: 32 bytes in Base64, one per line, up to 32, the current one first",
    )
    .or_else("next to the store, made at the first start"),
    key(
        "capture.policy",
        "POLICY",
        "`manual`, `before-guarantee-ends` or `before-expiry`",
        "Who captures an authorization that the shop has not captured: nobody, with a warning to the shop, or \
         this server before the 7 days or the authorization end",
    )
    .or(|| Policy::default().capture_policy.as_str().to_owned()),
    key("capture.margin", "TIME", "time", "How long before that time it is captured")
        .or(|| time(Policy::default().capture_margin)),
    key(
        "refunds.ceiling",
        "CEILING",
        "`captured` or `amazon`",
        "How much of a charge may be refunded: what was captured, or up to 15 % more, as Amazon allows",
    )
    .or(|| Policy::default().refund_ceiling.as_str().to_owned()),
    key(
        "fulfilment.after_guarantee",
        "WORD",
        "`no` or `yes`",
        "Whether an authorization pays for a parcel after its 7 days, when its capture may be declined",
    )
    .or(|| Policy::default().after_guarantee.as_str().to_owned()),
    key(
        "compare.address",
        "MEMBERS",
        "members of an address, with commas",
        "In which members the session's address must be the one that the page has reported or the shop has \
         registered. `stateOrRegion`, `postalCode` and `countryCode` are compared in any case with an address that \
         the shop has registered or quoted a price for",
    )
    .or(|| {
        let members = AddressMember::ALL.iter().filter(|it| Policy::default().compared_address.contains(**it));
        members.map(|member| member.as_str()).collect::<Vec<_>>().join(", ")
    }),
    key(
        "notifications.certificate_origins",
        "ORIGINS",
        "origins, with commas",
        "Further origins of the certificates of notifications, besides Amazon's own, such as a sandbox's \
         `http://127.0.0.1:8100`",
    )
    .or_else("none"),
    key("notifications.topic_arns", "ARNS", "topics, with commas", "The topics that may notify")
        .or_else("any that Amazon has signed"),
    key(
        "deadlines.resend_window",
        "TIME",
        "time",
        "How long after the buyer was last seen a payment may be sent, or sent again",
    )
    .or(|| time(Policy::default().resend_window)),
    key("deadlines.caller_wait", "TIME", "time", "How long a caller waits for a payment or an operation that is already under way; a caller whose own \
         request calls Amazon also waits for Amazon's answers")
        .or(|| time(Deadlines::default().caller_wait)),
    key(
        "deadlines.finalize",
        "TIME",
        "time, at least 20s",
        "How long Amazon may take to answer a payment, at least 20s",
    )
    .or(|| time(Deadlines::default().finalize)),
];

/// Everything that is configured for `serve`.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: String,
    /// The URL at which `serve` is reached, without a slash at the end. If absent, it is the
    /// address that `serve` listens on.
    pub(crate) public_url: Option<String>,
    pub(crate) store: StorePlace,
    pub(crate) amazon: AmazonConfig,
    pub(crate) shop: ShopConfig,
    /// The file with the tokens of the persons who may decide.
    pub(crate) operator_tokens_file: Option<PathBuf>,
    /// If absent, the keys are in `COUNTERSIGN_SNAPSHOT_KEY` or in a file next to the store.
    pub(crate) snapshot_key_file: Option<PathBuf>,
    pub(crate) policy: Policy,
    pub(crate) notifications: Notifications,
    pub(crate) storefront: Storefront,
    pub(crate) deadlines: Deadlines,
}

/// How `serve` reaches Amazon, and which merchant it is there.
#[derive(Debug)]
pub(crate) struct AmazonConfig {
    /// If absent, `serve` calls Amazon's own endpoint of the region.
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) region: Region,
    /// If absent, the prefix of the public key's id determines the environment.
    pub(crate) environment: Option<Environment>,
    pub(crate) merchant_id: MerchantId,
    pub(crate) store_id: StoreId,
    pub(crate) public_key_id: PublicKeyId,
    pub(crate) private_key_file: PathBuf,
    pub(crate) algorithm: Algorithm,
}

/// The shop whose checkouts `serve` completes.
#[derive(Debug)]
pub(crate) struct ShopConfig {
    pub(crate) token_file: PathBuf,
    /// The file with further tokens.
    pub(crate) tokens_file: Option<PathBuf>,
    pub(crate) name: String,
    /// The URL that events are sent to.
    pub(crate) webhook_url: Option<http::Uri>,
    /// The URL at which the shop is asked for quotes.
    pub(crate) quote_url: Option<http::Uri>,
    /// The file with the secret that signs both calls. Present if either URL is.
    pub(crate) webhook_secret_file: Option<PathBuf>,
}

impl Config {
    /// Reads the file, if one is named, then the environment and the flags.
    pub(crate) fn read(file: Option<PathBuf>, given: GivenValues) -> CommandResult<Self> {
        let mut values = Values::gather(KEYS, file, given)?;
        // A URL without the secret, or the secret without a URL, is a mistake: the failure names
        // the missing key.
        let (webhook_url, quote_url, webhook_secret_file) = (
            values.optional("shop.webhook_url", webhook_url)?,
            values.optional("shop.quote_url", quote_url)?,
            values.optional("shop.webhook_secret_file", path)?,
        );
        let own_endpoint = values.optional("amazon.endpoint", endpoint)?;
        let is_called = webhook_url.is_some() || quote_url.is_some();
        if webhook_secret_file.is_some() != is_called {
            let missing = if is_called { "shop.webhook_secret_file" } else { "shop.webhook_url" };
            return Err(values.missing(missing));
        }
        Ok(Self {
            listen: values.value("listen", listen)?,
            public_url: values.optional("public_url", public_url)?,
            store: values.value("store", store)?,
            amazon: AmazonConfig {
                region: values.value("amazon.region", region)?,
                environment: values.optional("amazon.environment", environment)?,
                merchant_id: values.value("amazon.merchant_id", merchant_id)?,
                store_id: values.value("amazon.store_id", |text| store_id(text, own_endpoint.as_ref()))?,
                public_key_id: values.value("amazon.public_key_id", public_key_id)?,
                private_key_file: values.value("amazon.private_key_file", path)?,
                algorithm: values.value("amazon.algorithm", algorithm)?,
                endpoint: own_endpoint,
            },
            shop: ShopConfig {
                token_file: values.value("shop.token_file", path)?,
                tokens_file: values.optional("shop.tokens_file", path)?,
                name: values.value("shop.name", printable)?,
                webhook_url,
                quote_url,
                webhook_secret_file,
            },
            operator_tokens_file: values.optional("operator.tokens_file", path)?,
            snapshot_key_file: values.optional("snapshot.key_file", path)?,
            policy: Policy {
                resend_window: values.value("deadlines.resend_window", resend_window)?,
                capture_policy: values.value("capture.policy", capture_policy)?,
                capture_margin: values.value("capture.margin", duration)?,
                absent_reference: values.value("amazon.allow_absent_reference", absent_reference)?,
                integration: values.value("amazon.sole_integration", integration)?,
                refund_ceiling: values.value("refunds.ceiling", refund_ceiling)?,
                after_guarantee: values.value("fulfilment.after_guarantee", after_guarantee)?,
                compared_address: values.value("compare.address", address_members)?,
            },
            notifications: Notifications {
                certificate_origins: values
                    .optional("notifications.certificate_origins", |text| list(text, origin))?
                    .unwrap_or_default(),
                topic_arns: values
                    .optional("notifications.topic_arns", |text| list(text, topic_arn))?
                    .unwrap_or_default(),
            },
            storefront: Storefront {
                origins: values.optional("shop.origins", |text| list(text, page_origin))?.unwrap_or_default(),
                shop_url: values.optional("shop.url", shop_url)?,
                quote_table: QuoteTable {
                    deliveries: values.optional("quote.delivery", quote::deliveries)?.unwrap_or_default(),
                    taxes: values.optional("quote.tax", quote::taxes)?.unwrap_or_default(),
                    coupons: values.optional("quote.coupon", quote::coupons)?.unwrap_or_default(),
                },
            },
            deadlines: Deadlines {
                caller_wait: values.value("deadlines.caller_wait", duration)?,
                finalize: values.value("deadlines.finalize", finalize_deadline)?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::key::WhenAbsent;
    use super::*;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    const BEGIN: &str = "<!-- The rows of the keys: written by `cargo xtask docs`. -->\n";
    const END: &str = "<!-- The end of the keys. -->\n";

    /// The row of a key in the page.
    fn row(key: &Key) -> String {
        let default = match key.absent {
            WhenAbsent::Refused => "must be set".to_owned(),
            WhenAbsent::Described(what) => what.to_owned(),
            WhenAbsent::Default(default) => format!("`{}`", default()),
        };
        let Key { path, takes, about, .. } = key;
        let (flag, variable) = (key.flag(), key.variable());
        format!("| `{path}` | `--{flag}`, `{variable}` | {takes} | {default} | {about} |\n")
    }

    #[test]
    fn the_page_has_the_row_of_each_key() {
        let mut table =
            "\n| key | flag, variable | value | default | what it is |\n|---|---|---|---|---|\n".to_owned();
        KEYS.iter().for_each(|key| table.write_str(&row(key)).unwrap());
        table.push('\n');
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        let expected = format!("{before}{BEGIN}{table}{END}{after}");
        if std::env::var_os("COUNTERSIGN_UPDATE_DOCS").is_some() {
            std::fs::write(PAGE, expected).unwrap();
        } else {
            assert!(page == expected, "docs/configuration.md is not up to date: run `cargo xtask docs`");
        }
    }

    #[test]
    fn the_keys_that_must_be_set_are_those_without_a_default() {
        let mut given = GivenValues::default();
        let mut required = Vec::new();
        // The missing keys are named one after another, until all are set.
        while let Err(why) = Config::read(None, given.clone()) {
            let why = why.to_string();
            let path = why.split_once(" is missing: ").unwrap_or_else(|| panic!("{why}")).0;
            let key = KEYS.iter().find(|key| key.path == path).unwrap();
            let value = match key.path {
                "amazon.region" => "na",
                "amazon.store_id" => "amzn1.application-oa2-client.1",
                "amazon.merchant_id" => "A1",
                "amazon.public_key_id" => "SANDBOX-A1",
                _ => "file.pem",
            };
            given.set(key.path, value, key.path);
            required.push(key.path);
        }
        let without: Vec<&str> =
            KEYS.iter().filter(|key| matches!(key.absent, WhenAbsent::Refused)).map(|key| key.path).collect();
        assert_eq!(required, without);
    }
}
