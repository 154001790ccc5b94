//! The merchant half's configuration: one list of words, each a key of `countersign.toml`, a flag and
//! an environment variable. A flag goes before the environment, the environment before the file.
//! Secrets come from files only. Called by `serve`.

mod file;
mod quote;
mod values;
mod words;

use std::path::PathBuf;
use std::time::Duration;

use countersign_client::Endpoint;
use countersign_domain::ids::{Environment, MerchantId, PublicKeyId, Region, StoreId};
use countersign_merchant::settings::{
    CapturePolicy, Deadlines, Notifications, Origin, Payments, QuoteTable, RefundCeiling, Storefront,
};
use countersign_protocol::signing::Algorithm;

use crate::commands::parse::told;
use crate::failure::{Failure, Outcome};
use values::{Read, Values};
pub(crate) use words::{DoorGiven, Given};

/// All that `serve` is told.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: String,
    /// No slash at the end. Absent, it is the address that is listened on.
    pub(crate) public_url: Option<String>,
    pub(crate) store: StorePlace,
    pub(crate) amazon: AmazonConfig,
    pub(crate) shop: ShopConfig,
    /// Absent, it is `COUNTERSIGN_SNAPSHOT_KEY` or a file beside the store.
    pub(crate) snapshot_key_file: Option<PathBuf>,
    pub(crate) payments: Payments,
    pub(crate) notifications: Notifications,
    pub(crate) storefront: Storefront,
    pub(crate) deadlines: Deadlines,
}

/// Where checkouts are kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StorePlace {
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
    /// `memory`: gone when the process is.
    Memory,
}

/// The way to Amazon, and who the merchant is there.
#[derive(Debug)]
pub(crate) struct AmazonConfig {
    /// Absent, it is Amazon's own for the region.
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) region: Region,
    /// Absent, the public key id's prefix names it.
    pub(crate) environment: Option<Environment>,
    pub(crate) merchant_id: MerchantId,
    pub(crate) store_id: StoreId,
    pub(crate) public_key_id: PublicKeyId,
    pub(crate) private_key_file: PathBuf,
    pub(crate) algorithm: Algorithm,
}

/// The shop beside which this runs.
#[derive(Debug)]
pub(crate) struct ShopConfig {
    pub(crate) token_file: PathBuf,
    pub(crate) name: String,
    /// Where the shop is told of facts.
    pub(crate) webhook_url: Option<http::Uri>,
    /// Where the shop is asked for quotes.
    pub(crate) quote_url: Option<http::Uri>,
    /// What signs both calls: there with either.
    pub(crate) webhook_secret_file: Option<PathBuf>,
}

impl Config {
    /// Reads the file, if one is named, and what was given beside it.
    pub(crate) fn read(file: Option<PathBuf>, given: Given) -> Outcome<Self> {
        let mut values = Values::gather(file, given)?;
        // One without the other is a mistake that the missing one is named for.
        let (webhook_url, quote_url, webhook_secret_file) = (
            values.optional("shop.webhook_url", webhook_url)?,
            values.optional("shop.quote_url", quote_url)?,
            values.optional("shop.webhook_secret_file", path)?,
        );
        let is_called = webhook_url.is_some() || quote_url.is_some();
        if webhook_secret_file.is_some() != is_called {
            let missing = if is_called { "shop.webhook_secret_file" } else { "shop.webhook_url" };
            return Err(values::missing(missing));
        }
        Ok(Self {
            listen: values.value("listen", listen)?,
            public_url: values.optional("public_url", public_url)?,
            store: values.value("store", store)?,
            amazon: AmazonConfig {
                endpoint: values.optional("amazon.endpoint", told(Endpoint::parse))?,
                region: values.value("amazon.region", region)?,
                environment: values.optional("amazon.environment", environment)?,
                merchant_id: values.value("amazon.merchant_id", told(MerchantId::parse))?,
                store_id: values.value("amazon.store_id", told(StoreId::parse))?,
                public_key_id: values.value("amazon.public_key_id", told(PublicKeyId::parse))?,
                private_key_file: values.value("amazon.private_key_file", path)?,
                algorithm: values.value("amazon.algorithm", algorithm)?,
            },
            shop: ShopConfig {
                token_file: values.value("shop.token_file", path)?,
                name: values.value("shop.name", text)?,
                webhook_url,
                quote_url,
                webhook_secret_file,
            },
            snapshot_key_file: values.optional("snapshot.key_file", path)?,
            payments: Payments {
                capture_policy: values.value("capture.policy", capture_policy)?,
                capture_margin: values.value("capture.margin", duration)?,
                refund_ceiling: values.value("refunds.ceiling", refund_ceiling)?,
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
                resend_window: values.value("deadlines.resend_window", duration)?,
                caller_wait: values.value("deadlines.caller_wait", duration)?,
                finalize: values.value("deadlines.finalize", finalize_deadline)?,
            },
        })
    }
}

/// Where a running `serve` is asked, and by which token.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) url: String,
    pub(crate) token_file: PathBuf,
}

impl Door {
    /// Reads it from `serve`'s own configuration; a URL goes before the address that is listened on.
    pub(crate) fn read(file: Option<PathBuf>, given: DoorGiven, url: Option<String>) -> Outcome<Self> {
        let mut values = Values::gather(file, given.0)?;
        let listen = values.value("listen", listen)?;
        let url = match url {
            Some(url) => url,
            None => format!("http://{}", reached_at(&listen)?),
        };
        Ok(Self { url, token_file: values.value("shop.token_file", path)? })
    }
}

/// The address by which a neighbour reaches what listens here.
fn reached_at(listen: &str) -> Outcome<String> {
    let (host, port) = listen.rsplit_once(':').unwrap_or((listen, "0"));
    if port.trim_start_matches('0').is_empty() {
        return Err(Failure::new("listen says port 0: name the address that serve has printed by --url"));
    }
    Ok(match host {
        "0.0.0.0" => format!("127.0.0.1:{port}"),
        "[::]" => format!("[::1]:{port}"),
        _ => listen.to_owned(),
    })
}

fn text(text: &str) -> Read<String> {
    if text.trim().is_empty() { Err("must not be empty".to_owned()) } else { Ok(text.to_owned()) }
}

fn path(words: &str) -> Read<PathBuf> {
    text(words).map(PathBuf::from)
}

fn listen(text: &str) -> Read<String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match port.and_then(|(_, port)| port.parse::<u16>().ok()) {
        Some(_) => Ok(text.to_owned()),
        None => Err("must be an address with its port, such as 127.0.0.1:8080".to_owned()),
    }
}

fn public_url(text: &str) -> Read<String> {
    let refused = || "must be a URL such as https://shop.example or http://127.0.0.1:8080/pay".to_owned();
    let url: http::Uri = text.parse().map_err(|_| refused())?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https"));
    if is_web && url.authority().is_some() && url.query().is_none() && !text.contains('#') {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(refused())
    }
}

fn capture_policy(text: &str) -> Read<CapturePolicy> {
    let policy = CapturePolicy::parse(text);
    policy.ok_or_else(|| "must be manual, before-guarantee-ends or before-expiry".to_owned())
}

fn refund_ceiling(text: &str) -> Read<RefundCeiling> {
    let ceiling = RefundCeiling::parse(text);
    ceiling.ok_or_else(|| "must be captured or amazon".to_owned())
}

/// Texts with commas between them.
fn list<T>(text: &str, read: fn(&str) -> Read<T>) -> Read<Vec<T>> {
    text.split(',').map(|part| read(part.trim())).collect()
}

fn origin(text: &str) -> Read<String> {
    let refused = || "must be origins such as http://127.0.0.1:8100, with commas between them".to_owned();
    let endpoint = Endpoint::parse(text).map_err(|_| refused())?;
    let origin = text.trim_end_matches('/');
    if origin.ends_with(endpoint.authority()) { Ok(origin.to_owned()) } else { Err(refused()) }
}

fn topic_arn(text: &str) -> Read<String> {
    let parts: Vec<&str> = text.split(':').collect();
    let is_topic = matches!(
        parts.as_slice(),
        ["arn", partition, "sns", region, account, name]
            if [partition, region, account, name].iter().all(|part| !part.is_empty())
    );
    if is_topic && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("must be topics such as arn:aws:sns:us-east-1:123456789012:pay, with commas between them"
            .to_owned())
    }
}

fn webhook_url(text: &str) -> Read<http::Uri> {
    let refused = || "must be a URL such as https://shop.example/countersign".to_owned();
    let url: http::Uri = text.parse().map_err(|_| refused())?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https"));
    // Name and password in a URL are sent by no client of ours; a token belongs into the query.
    let has_user = url.authority().is_none_or(|authority| authority.as_str().contains('@'));
    if is_web && !has_user && !text.contains('#') { Ok(url) } else { Err(refused()) }
}

/// A buyer's address goes there: over TLS, or nowhere but to this machine.
fn quote_url(text: &str) -> Read<http::Uri> {
    let refused = "must be a URL such as https://shop.example/quote, or http on this machine only";
    let url = webhook_url(text).map_err(|_| refused.to_owned())?;
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_local = host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if url.scheme() == Some(&http::uri::Scheme::HTTPS) || is_local {
        Ok(url)
    } else {
        Err(refused.to_owned())
    }
}

fn shop_url(text: &str) -> Read<String> {
    let is_plain = !text.chars().any(|it| it.is_control() || it.is_whitespace() || it == '\\');
    match Origin::of_url(text) {
        Some(_) if is_plain => Ok(text.to_owned()),
        _ => Err("must be a URL such as https://shop.example".to_owned()),
    }
}

fn page_origin(text: &str) -> Read<Origin> {
    let refused = || "must be origins such as https://m.shop.example, with commas between them".to_owned();
    // A path would be taken for a rule that nobody applies.
    let has_no_path =
        text.trim_end_matches('/').split("://").nth(1).is_some_and(|rest| !rest.contains(['/', '?', '#']));
    Origin::of_url(text).filter(|_| has_no_path).ok_or_else(refused)
}

fn store(text: &str) -> Read<StorePlace> {
    match text.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(StorePlace::Sqlite(PathBuf::from(path))),
        None if text == "memory" => Ok(StorePlace::Memory),
        _ => Err("must be sqlite:PATH, or memory for a trial".to_owned()),
    }
}

fn region(text: &str) -> Read<Region> {
    Region::parse(text).ok_or_else(|| "must be na, eu or jp".to_owned())
}

fn environment(text: &str) -> Read<Environment> {
    match text {
        "sandbox" => Ok(Environment::Sandbox),
        "live" => Ok(Environment::Live),
        _ => Err("must be sandbox or live".to_owned()),
    }
}

fn algorithm(text: &str) -> Read<Algorithm> {
    let [first, second] = Algorithm::ALL;
    Algorithm::parse(text).ok_or_else(|| format!("must be {first} or {second}"))
}

fn duration(text: &str) -> Read<Duration> {
    let refused = || "must be a time such as 90s, 15m or PT15M".to_owned();
    let duration: jiff::SignedDuration = text.parse().map_err(|_| refused())?;
    let duration = Duration::try_from(duration).map_err(|_| refused())?;
    if duration > countersign_domain::time::DAY {
        Err("must be at most a day".to_owned())
    } else {
        Ok(duration)
    }
}

fn finalize_deadline(text: &str) -> Read<Duration> {
    let least = countersign_client::Deadlines::LEAST_FOR_PAYMENT;
    let duration = duration(text)?;
    if duration < least {
        return Err(format!(
            "must be at least {}s: Amazon asks the buyer's bank, and a call given up earlier leaves paid orders \
             in doubt",
            least.as_secs()
        ));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        listen = "127.0.0.1:0"
        store = "memory"
        [amazon]
        region = "eu"
        merchant_id = "A1"
        store_id = "amzn1.application-oa2-client.1"
        public_key_id = "SANDBOX-A1"
        private_key_file = "merchant.pem"
        [shop]
        token_file = "token"
        [deadlines]
        resend_window = "2m"
    "#;

    fn read(file: &str, given: Given) -> Outcome<Config> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("countersign.toml");
        std::fs::write(&path, file).unwrap();
        Config::read(Some(path), given)
    }

    /// The failure, without the file's directory.
    fn refused(file: &str) -> String {
        let told = read(file, Given::default()).unwrap_err().to_string();
        told.rsplit_once("countersign.toml").map_or(told.clone(), |(_, told)| told.to_owned())
    }

    #[test]
    fn a_whole_file_is_read_and_defaults_fill_what_it_leaves_out() {
        let config = read(WHOLE, Given::default()).unwrap();
        assert_eq!(config.store, StorePlace::Memory);
        assert_eq!(config.amazon.region, Region::Europe);
        assert_eq!(config.amazon.algorithm, Algorithm::PssV2);
        assert_eq!(config.deadlines.resend_window, Duration::from_secs(120));
        assert_eq!(config.deadlines.finalize, Deadlines::default().finalize);
        assert_eq!(config.public_url, None);
    }

    #[test]
    fn what_is_given_beside_the_file_goes_before_it() {
        let mut given = Given::default();
        given.set("amazon.region", "jp", "--amazon-region");
        given.set("shop.name", "Corner Shop", "COUNTERSIGN_SHOP_NAME");
        let config = read(WHOLE, given).unwrap();
        assert_eq!(config.amazon.region, Region::Japan);
        assert_eq!(config.shop.name, "Corner Shop");

        let mut given = Given::default();
        given.set("amazon.region", "mars", "--amazon-region");
        let told = read(WHOLE, given).unwrap_err().to_string();
        assert_eq!(told, "--amazon-region must be na, eu or jp");
    }

    #[test]
    fn a_wrong_line_is_named_with_its_number_and_key() {
        let after = |line: &str| format!("{WHOLE}\n{line}\n");
        let line_number = WHOLE.lines().count() + 1;
        for (file, told) in [
            (
                after("retries = \"3\""),
                format!(
                    ":{line_number}: there is no key deadlines.retries; those of [deadlines] are resend_window, \
                     caller_wait, finalize"
                ),
            ),
            (after("finalize = \"3s\""), {
                let why =
                    "Amazon asks the buyer's bank, and a call given up earlier leaves paid orders in doubt";
                format!(":{line_number}: deadlines.finalize must be at least 20s: {why}")
            }),
            (
                after("caller_wait = \"soon\""),
                format!(":{line_number}: deadlines.caller_wait must be a time such as 90s, 15m or PT15M"),
            ),
            (
                after("caller_wait = 3"),
                format!(":{line_number}: deadlines.caller_wait must be a text in quotes"),
            ),
            (
                after("[amazn]"),
                format!(
                    ":{line_number}: there is no section [amazn]; there are [amazon], [shop], [quote], [snapshot], \
                     [capture], [refunds], [notifications], [deadlines]"
                ),
            ),
            (WHOLE.replace("\"eu\"", "\"mars\""), ":5: amazon.region must be na, eu or jp".to_owned()),
            (
                WHOLE.replace("\"memory\"", "\"postgres:x\""),
                ":3: store must be sqlite:PATH, or memory for a trial".to_owned(),
            ),
            (
                WHOLE.replace("listen = \"127.0.0.1:0\"", "listen = \"8080\""),
                ":2: listen must be an address with its port, such as 127.0.0.1:8080".to_owned(),
            ),
            (
                WHOLE.replace("listen", "port"),
                ":2: there is no key port; those outside of sections are listen, public_url, store"
                    .to_owned(),
            ),
            (
                "amazon = \"x\"".to_owned(),
                ":1: amazon must be a section: [amazon] on a line of its own".to_owned(),
            ),
        ] {
            assert_eq!(refused(&file), told);
        }
        let told = refused("listen = ");
        assert!(told.starts_with(":1: "), "{told}");
        assert!(!told.contains('\n'));
    }

    #[test]
    fn a_missing_key_is_named_with_every_way_to_give_it() {
        let file = WHOLE.replace("merchant_id", "#");
        let told = read(&file, Given::default()).unwrap_err().to_string();
        assert_eq!(
            told,
            "amazon.merchant_id is missing: set it in the configuration file, by --amazon-merchant-id or by \
             COUNTERSIGN_AMAZON_MERCHANT_ID"
        );
    }

    #[test]
    fn a_running_serve_is_reached_where_it_listens() {
        for (listen, url) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("pay.internal:80", "pay.internal:80"),
        ] {
            assert_eq!(reached_at(listen).unwrap(), url);
        }
        let told = reached_at("127.0.0.1:0").unwrap_err().to_string();
        assert_eq!(told, "listen says port 0: name the address that serve has printed by --url");
    }

    #[test]
    fn a_door_is_read_from_the_file_of_serve() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("countersign.toml");
        std::fs::write(&path, WHOLE.replace("127.0.0.1:0", "0.0.0.0:8200")).unwrap();
        let door = Door::read(Some(path.clone()), DoorGiven::default(), None).unwrap();
        assert_eq!((door.url.as_str(), door.token_file.to_str()), ("http://127.0.0.1:8200", Some("token")));
        let url = Some("https://pay.example".to_owned());
        assert_eq!(Door::read(Some(path), DoorGiven::default(), url).unwrap().url, "https://pay.example");
        let told = Door::read(None, DoorGiven::default(), None).unwrap_err().to_string();
        assert!(told.starts_with("shop.token_file is missing"), "{told}");
    }

    #[test]
    fn a_webhook_wants_both_its_address_and_its_secret() {
        let with = |lines: &str| {
            WHOLE.replace("token_file = \"token\"", &format!("token_file = \"token\"\n{lines}"))
        };
        let (url, secret) =
            ("webhook_url = \"https://shop.example/hooks?a=b\"", "webhook_secret_file = \"s\"");
        let config = read(&with(&format!("{url}\n{secret}")), Given::default()).unwrap();
        assert_eq!(config.shop.webhook_url.unwrap(), "https://shop.example/hooks?a=b");
        assert_eq!(config.shop.webhook_secret_file.unwrap(), PathBuf::from("s"));
        for (lines, told) in
            [(url, "shop.webhook_secret_file is missing"), (secret, "shop.webhook_url is missing")]
        {
            let refused = read(&with(lines), Given::default()).unwrap_err().to_string();
            assert!(refused.starts_with(told), "{refused}");
        }
        for url in
            ["shop.example", "ftp://shop.example/", "https://a:b@shop.example/", "https://shop.example/#a"]
        {
            let refused = refused(&with(&format!("webhook_url = \"{url}\"\n{secret}")));
            assert!(refused.contains("shop.webhook_url must be a URL"), "{refused}");
        }
    }

    #[test]
    fn quotes_are_asked_for_over_tls_or_on_this_machine_with_the_secret_of_webhooks() {
        let with = |lines: &str| {
            WHOLE.replace("token_file = \"token\"", &format!("token_file = \"token\"\n{lines}"))
        };
        let secret = "webhook_secret_file = \"s\"";
        for url in [
            "https://shop.example/quote?a=b",
            "http://127.0.0.1:3000/q",
            "http://localhost/q",
            "http://[::1]:3/q",
        ] {
            let config = read(&with(&format!("quote_url = \"{url}\"\n{secret}")), Given::default()).unwrap();
            let quote_url = config.shop.quote_url.unwrap().to_string();
            assert_eq!((quote_url.as_str(), config.shop.webhook_url), (url, None));
        }
        for url in ["http://shop.example/q", "http://10.0.0.1/q", "https://a:b@shop.example/", "shop.example"]
        {
            let refused = refused(&with(&format!("quote_url = \"{url}\"\n{secret}")));
            assert!(refused.contains("shop.quote_url must be a URL"), "{refused}");
        }
        let alone = with("quote_url = \"https://shop.example/quote\"");
        let refused = read(&alone, Given::default()).unwrap_err().to_string();
        assert!(refused.starts_with("shop.webhook_secret_file is missing"), "{refused}");
    }

    #[test]
    fn a_table_of_quotes_stands_in_the_file_or_in_a_flag() {
        let file = format!(
            "{WHOLE}\n[[quote.delivery]]\nid = \"standard\"\nname = \"Standard \\\"quick\\\"\"\nprice = \"4.90 EUR\"\n\
             countries = [\"DE\", \"AT\"]\ndays = 2\n[[quote.delivery]]\nid = \"express\"\nname = \"E\"\n\
             price = \"9.90 EUR\"\n[[quote.tax]]\ncountry = \"DE\"\npercent_basis_points = 1900\n\
             [[quote.coupon]]\ncode = \"FIVE\"\namount = \"5.00 EUR\"\n"
        );
        let table = read(&file, Given::default()).unwrap().storefront.quote_table;
        let ids: Vec<&str> = table.deliveries.iter().map(|rate| rate.id.as_str()).collect();
        assert_eq!(ids, ["standard", "express"]);
        assert_eq!(table.deliveries[0].name, "Standard \"quick\"");
        assert_eq!((table.taxes.len(), table.coupons[0].code.as_str()), (1, "FIVE"));

        let mut given = Given::default();
        given.set("quote.tax", r#"[{country="AT", percent_basis_points=2000}]"#, "--quote-tax");
        assert_eq!(read(&file, given).unwrap().storefront.quote_table.taxes[0].country, "AT");

        let line = WHOLE.lines().count() + 1;
        assert_eq!(
            refused(&file.replace("4.90 EUR", "4.90")),
            format!(
                ":{line}: quote.delivery must be right: the delivery `standard` needs a price such as 4.90 EUR"
            )
        );
        let told = refused(&format!("{WHOLE}\n[quote]\ntax = \"19\"\n"));
        assert!(told.contains("quote.tax must be rows such as"), "{told}");
        let told = refused(&format!("{WHOLE}\n[quote]\ntax = 19\n"));
        assert!(told.ends_with("quote.tax must be tables: [[quote.tax]] on a line of its own"), "{told}");
        let told = refused(&format!("{WHOLE}\n[[quote]]\ntax = 19\n"));
        assert!(told.contains("quote must be a section"), "{told}");
    }

    #[test]
    fn pages_of_other_origins_and_the_shops_address_are_named() {
        let with = |lines: &str| {
            WHOLE.replace("token_file = \"token\"", &format!("token_file = \"token\"\n{lines}"))
        };
        let lines =
            "origins = \"https://m.shop.example, http://127.0.0.1:3000/\"\nurl = \"https://shop.example/?a\"";
        let storefront = read(&with(lines), Given::default()).unwrap().storefront;
        let origins: Vec<&str> = storefront.origins.iter().map(Origin::as_str).collect();
        assert_eq!(origins, ["https://m.shop.example", "http://127.0.0.1:3000"]);
        assert_eq!(storefront.shop_url.as_deref(), Some("https://shop.example/?a"));
        for (line, key) in [
            ("origins = \"*\"", "shop.origins"),
            ("origins = \"https://shop.example/a\"", "shop.origins"),
            ("origins = \"null\"", "shop.origins"),
            ("url = \"javascript:alert(1)\"", "shop.url"),
            ("url = \"https://shop.example/ a\"", "shop.url"),
        ] {
            let refused = refused(&with(line));
            assert!(refused.contains(&format!("{key} must be ")), "{line}: {refused}");
        }
    }

    #[test]
    fn captures_and_refunds_go_by_what_the_shop_allows() {
        let with = |lines: &str| format!("{WHOLE}\n{lines}\n");
        assert_eq!(read(WHOLE, Given::default()).unwrap().payments, Payments::default());
        let lines =
            "[capture]\npolicy = \"before-expiry\"\nmargin = \"12h\"\n[refunds]\nceiling = \"amazon\"";
        let config = read(&with(lines), Given::default()).unwrap();
        let expected = Payments {
            capture_policy: CapturePolicy::BeforeExpiry,
            capture_margin: Duration::from_secs(12 * 3_600),
            refund_ceiling: RefundCeiling::Amazon,
        };
        assert_eq!(config.payments, expected);
        for (lines, told) in [
            (
                "[capture]\npolicy = \"always\"",
                "capture.policy must be manual, before-guarantee-ends or before-expiry",
            ),
            ("[capture]\nmargin = \"soon\"", "capture.margin must be a time such as 90s, 15m or PT15M"),
            ("[capture]\nmargin = \"25h\"", "capture.margin must be at most a day"),
            ("[refunds]\nceiling = \"all\"", "refunds.ceiling must be captured or amazon"),
        ] {
            let refused = refused(&with(lines));
            assert!(refused.ends_with(told), "{lines}: {refused}");
        }
    }

    #[test]
    fn notifications_are_believed_from_where_a_list_says() {
        let with = |line: &str| format!("{WHOLE}\n[notifications]\n{line}\n");
        let origins = "certificate_origins = \"http://127.0.0.1:8100/, https://sns.test\"";
        let arns = "topic_arns = \"arn:aws:sns:eu-west-1:1:a,arn:aws:sns:eu-west-1:1:b\"";
        let config = read(&with(&format!("{origins}\n{arns}")), Given::default()).unwrap();
        assert_eq!(config.notifications.certificate_origins, ["http://127.0.0.1:8100", "https://sns.test"]);
        assert_eq!(
            config.notifications.topic_arns,
            ["arn:aws:sns:eu-west-1:1:a", "arn:aws:sns:eu-west-1:1:b"]
        );
        for (line, key) in [
            ("certificate_origins = \"sns.test\"", "notifications.certificate_origins"),
            ("certificate_origins = \"http://a/b\"", "notifications.certificate_origins"),
            ("certificate_origins = \"http://a,\"", "notifications.certificate_origins"),
            ("topic_arns = \"pay\"", "notifications.topic_arns"),
            ("topic_arns = \"arn:aws:sqs:eu-west-1:1:a\"", "notifications.topic_arns"),
            ("topic_arns = \"arn:aws:sns:eu-west-1::a\"", "notifications.topic_arns"),
        ] {
            let refused = refused(&with(line));
            assert!(refused.contains(&format!("{key} must be ")), "{line}: {refused}");
        }
    }

    #[test]
    fn a_public_url_is_kept_without_its_last_slash() {
        assert_eq!(public_url("https://shop.example/pay/").unwrap(), "https://shop.example/pay");
        for refused in
            ["shop.example", "ftp://shop.example", "https://shop.example/?a", "https://shop.example/#a"]
        {
            assert!(public_url(refused).is_err(), "{refused}");
        }
    }
}
