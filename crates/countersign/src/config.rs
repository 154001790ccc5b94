//! The merchant half's configuration: one list of keys, each with its name in `countersign.toml`, a
//! flag and an environment variable. A flag overrides the environment, which overrides the file.
//! The values contain no secrets: for each secret, a key names the file that contains it. Called by
//! `serve` and `explain`.

mod file;
mod flags;
mod given;
mod key;
mod keys;
mod parse;
mod quote;
mod values;
mod variables;

use std::path::PathBuf;

use crate::failure::{CommandResult, Failure};
pub(crate) use given::{GivenValues, ServeAccessValues};
pub(crate) use keys::Config;
pub(crate) use parse::StorePlace;
use values::Values;
pub(crate) use variables::warn_of_unknown;

/// The address of a running `serve`, and the token for it.
#[derive(Debug)]
pub(crate) struct ServeAccess {
    pub(crate) url: String,
    pub(crate) token_file: PathBuf,
}

impl ServeAccess {
    /// Reads both from `serve`'s own configuration; `url` overrides the address that `serve`
    /// listens on.
    pub(crate) fn read(
        file: Option<PathBuf>,
        given: ServeAccessValues,
        url: Option<String>,
    ) -> CommandResult<Self> {
        let mut values = Values::gather(keys::KEYS, file, given.0)?;
        let listen = values.value("listen", parse::listen)?;
        let url = match url {
            Some(url) => url,
            None => format!("http://{}", reached_at(&listen)?),
        };
        Ok(Self { url, token_file: values.value("shop.token_file", parse::path)? })
    }
}

/// The address of a running `serve` for a person who has a token of their own: `url`, or what `serve`'s
/// configuration says.
pub(crate) fn serve_for_person(
    file: Option<PathBuf>,
    url: Option<String>,
    token_file: PathBuf,
) -> CommandResult<ServeAccess> {
    let url = match url {
        Some(url) => url,
        None => {
            let mut values = Values::gather(keys::KEYS, file, GivenValues::default())?;
            format!("http://{}", reached_at(&values.value("listen", parse::listen)?)?)
        }
    };
    Ok(ServeAccess { url, token_file })
}

/// The address at which a program on this machine reaches a server that listens on `listen`.
fn reached_at(listen: &str) -> CommandResult<String> {
    let (host, port) = listen.rsplit_once(':').unwrap_or((listen, "0"));
    if port.trim_start_matches('0').is_empty() {
        return Err(Failure::new("listen has port 0: pass --url with the address that serve has printed"));
    }
    Ok(match host {
        "0.0.0.0" => format!("127.0.0.1:{port}"),
        "[::]" => format!("[::1]:{port}"),
        _ => listen.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use countersign_domain::ids::Region;
    use countersign_domain::time::HOUR;
    use countersign_merchant::settings::{
        AddressMember, AddressMembers, CapturePolicy, Deadlines, Origin, Policy, RefundCeiling,
    };
    use countersign_protocol::signing::Algorithm;

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

    fn read(file: &str, given: GivenValues) -> CommandResult<Config> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("countersign.toml");
        std::fs::write(&path, file).unwrap();
        Config::read(Some(path), given)
    }

    /// What the error message says after the file's path.
    fn refused(file: &str) -> String {
        let told = read(file, GivenValues::default()).unwrap_err().to_string();
        told.rsplit_once("countersign.toml").map_or(told.clone(), |(_, told)| told.to_owned())
    }

    #[test]
    fn a_whole_file_is_read_and_defaults_fill_what_it_leaves_out() {
        let config = read(WHOLE, GivenValues::default()).unwrap();
        assert_eq!(config.store, StorePlace::Memory);
        assert_eq!(config.amazon.region, Region::Europe);
        assert_eq!(config.amazon.algorithm, Algorithm::PssV2);
        assert_eq!(config.policy.resend_window, Duration::from_secs(120));
        assert_eq!(config.deadlines.finalize, Deadlines::default().finalize);
        assert_eq!(config.public_url, None);
    }

    #[test]
    fn flags_and_variables_override_the_file() {
        let mut given = GivenValues::default();
        given.set("amazon.region", "jp", "--amazon-region");
        given.set("shop.name", "Corner Shop", "COUNTERSIGN_SHOP_NAME");
        let config = read(WHOLE, given).unwrap();
        assert_eq!(config.amazon.region, Region::Japan);
        assert_eq!(config.shop.name, "Corner Shop");

        let mut given = GivenValues::default();
        given.set("amazon.region", "mars", "--amazon-region");
        let told = read(WHOLE, given).unwrap_err().to_string();
        assert_eq!(told, "--amazon-region must be na, eu or jp");
    }

    #[test]
    fn a_wrong_line_is_named_with_its_number_and_key() {
        let after = |line: &str| format!("{WHOLE}\n{line}\n");
        let store_id = || {
            ":7: amazon.store_id must be the store id (client id) from Integration Central, \
             amzn1.application-oa2-client. and what follows"
                .to_owned()
        };
        let line_number = WHOLE.lines().count() + 1;
        let sections: Vec<String> = file::sections(keys::KEYS).map(|it| format!("[{it}]")).collect();
        let sections = sections.join(", ");
        for (file, told) in [
            (
                format!("{WHOLE}\n[refunds]\nlimit = \"3\"\n"),
                format!(
                    ":{}: there is no key refunds.limit; the keys of [refunds] are ceiling",
                    line_number + 1
                ),
            ),
            (after("finalize = \"3s\""), {
                let why =
                    "Amazon asks the buyer's bank, and a call given up earlier leaves paid orders in doubt";
                format!(":{line_number}: deadlines.finalize must be at least 20s: {why}")
            }),
            (
                after("caller_wait = \"soon\""),
                format!(
                    ":{line_number}: deadlines.caller_wait must be a time of at most a day, such as 90s, 15m or PT15M"
                ),
            ),
            (
                after("caller_wait = 3"),
                format!(":{line_number}: deadlines.caller_wait must be a string in quotes"),
            ),
            (
                after("[amazn]"),
                format!(":{line_number}: there is no section [amazn]; the sections are {sections}"),
            ),
            (WHOLE.replace("\"eu\"", "\"mars\""), ":5: amazon.region must be na, eu or jp".to_owned()),
            (WHOLE.replace("\"eu\"", "\"us\""), ":5: amazon.region must be na, eu or jp".to_owned()),
            (WHOLE.replace("\"eu\"", "\"EU\""), ":5: amazon.region must be na, eu or jp".to_owned()),
            (WHOLE.replace("amzn1.application-oa2-client.1", "foo"), store_id()),
            (WHOLE.replace("amzn1.application-oa2-client.1", "amzn1.application-oa2-client."), store_id()),
            (WHOLE.replace("amzn1.application-oa2-client.1", "amzn1.account.1"), store_id()),
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
                ":2: there is no key port; the keys outside sections are listen, public_url, store"
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
    fn a_value_that_cannot_be_meant_is_refused_by_its_key() {
        let ids = "1 to 128 letters, digits and - _ . ~";
        for (from, to, told) in [
            ("\"A1\"", "\"\"", format!("amazon.merchant_id must be the id of the merchant account: {ids}")),
            (
                "\"A1\"",
                "\"A 1\"",
                format!("amazon.merchant_id must be the id of the merchant account: {ids}"),
            ),
            (
                "\"SANDBOX-A1\"",
                "\"a/b\"",
                format!("amazon.public_key_id must be the id of the public key: {ids}"),
            ),
            (
                "[amazon]",
                "[amazon]\nendpoint = \"127.0.0.1:8100\"",
                "amazon.endpoint must be an endpoint such as https://pay-api.amazon.com or \
                 http://127.0.0.1:8100/pay: it has no scheme"
                    .to_owned(),
            ),
            (
                "\"2m\"",
                "\"0s\"",
                "deadlines.resend_window must be more than zero, or nothing is sent".to_owned(),
            ),
            (
                "\"2m\"",
                "\"2d\"",
                "deadlines.resend_window must be a time of at most a day, such as 90s, 15m or PT15M"
                    .to_owned(),
            ),
            ("token_file =", "name = \"a\\nb\"\ntoken_file =", "shop.name must be printable".to_owned()),
            (
                "listen =",
                "public_url = \"https://a:b@shop.example\"\nlisten =",
                "public_url must be a URL such as https://shop.example or http://127.0.0.1:8080/pay"
                    .to_owned(),
            ),
        ] {
            let refused = refused(&WHOLE.replace(from, to));
            assert!(refused.ends_with(&told), "{to}: {refused}");
        }
    }

    #[test]
    fn an_endpoint_of_the_developers_own_takes_every_store_id() {
        let file = WHOLE.replace("amzn1.application-oa2-client.1", "store-1");
        let trial = file.replace("[amazon]", "[amazon]\nendpoint = \"http://127.0.0.1:8100\"");
        assert_eq!(read(&trial, GivenValues::default()).unwrap().amazon.store_id.as_str(), "store-1");
        assert!(refused(&file).contains("amazon.store_id must be"));
        let without = trial.replace("store-1", "");
        assert!(refused(&without).contains("amazon.store_id must be"));
    }

    #[test]
    fn a_missing_key_is_named_with_every_way_to_give_it() {
        let file = WHOLE.replace("merchant_id", "#");
        let told = read(&file, GivenValues::default()).unwrap_err().to_string();
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
        assert_eq!(told, "listen has port 0: pass --url with the address that serve has printed");
    }

    #[test]
    fn a_door_is_read_from_the_file_of_serve() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("countersign.toml");
        std::fs::write(&path, WHOLE.replace("127.0.0.1:0", "0.0.0.0:8200")).unwrap();
        let door = ServeAccess::read(Some(path.clone()), ServeAccessValues::default(), None).unwrap();
        assert_eq!((door.url.as_str(), door.token_file.to_str()), ("http://127.0.0.1:8200", Some("token")));
        let url = Some("https://pay.example".to_owned());
        assert_eq!(
            ServeAccess::read(Some(path), ServeAccessValues::default(), url).unwrap().url,
            "https://pay.example"
        );
        let told = ServeAccess::read(None, ServeAccessValues::default(), None).unwrap_err().to_string();
        assert!(told.starts_with("shop.token_file is missing"), "{told}");
    }

    #[test]
    fn a_webhook_needs_both_its_address_and_its_secret() {
        let with = |lines: &str| {
            WHOLE.replace("token_file = \"token\"", &format!("token_file = \"token\"\n{lines}"))
        };
        let (url, secret) =
            ("webhook_url = \"https://shop.example/hooks?a=b\"", "webhook_secret_file = \"s\"");
        let config = read(&with(&format!("{url}\n{secret}")), GivenValues::default()).unwrap();
        assert_eq!(config.shop.webhook_url.unwrap(), "https://shop.example/hooks?a=b");
        assert_eq!(config.shop.webhook_secret_file.unwrap(), PathBuf::from("s"));
        for (lines, told) in
            [(url, "shop.webhook_secret_file is missing"), (secret, "shop.webhook_url is missing")]
        {
            let refused = read(&with(lines), GivenValues::default()).unwrap_err().to_string();
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
            let config =
                read(&with(&format!("quote_url = \"{url}\"\n{secret}")), GivenValues::default()).unwrap();
            let quote_url = config.shop.quote_url.unwrap().to_string();
            assert_eq!((quote_url.as_str(), config.shop.webhook_url), (url, None));
        }
        for url in ["http://shop.example/q", "http://10.0.0.1/q", "https://a:b@shop.example/", "shop.example"]
        {
            let refused = refused(&with(&format!("quote_url = \"{url}\"\n{secret}")));
            assert!(refused.contains("shop.quote_url must be a URL"), "{refused}");
        }
        let alone = with("quote_url = \"https://shop.example/quote\"");
        let refused = read(&alone, GivenValues::default()).unwrap_err().to_string();
        assert!(refused.starts_with("shop.webhook_secret_file is missing"), "{refused}");
    }

    #[test]
    fn a_table_of_quotes_can_be_in_the_file_or_in_a_flag() {
        let file = format!(
            "{WHOLE}\n[[quote.delivery]]\nid = \"standard\"\nname = \"Standard \\\"quick\\\"\"\nprice = \"4.90 EUR\"\n\
             countries = [\"DE\", \"AT\"]\ndays = 2\n[[quote.delivery]]\nid = \"express\"\nname = \"E\"\n\
             price = \"9.90 EUR\"\n[[quote.tax]]\ncountry = \"DE\"\npercent_basis_points = 1900\n\
             [[quote.coupon]]\ncode = \"FIVE\"\namount = \"5.00 EUR\"\n"
        );
        let table = read(&file, GivenValues::default()).unwrap().storefront.quote_table;
        let ids: Vec<&str> = table.deliveries.iter().map(|rate| rate.id.as_str()).collect();
        assert_eq!(ids, ["standard", "express"]);
        assert_eq!(table.deliveries[0].name, "Standard \"quick\"");
        assert_eq!((table.taxes.len(), table.coupons[0].code.as_str()), (1, "FIVE"));

        let mut given = GivenValues::default();
        given.set("quote.tax", r#"[{country="AT", percent_basis_points=2000}]"#, "--quote-tax");
        assert_eq!(read(&file, given).unwrap().storefront.quote_table.taxes[0].country, "AT");

        let line = WHOLE.lines().count() + 1;
        assert_eq!(
            refused(&file.replace("4.90 EUR", "4.90")),
            format!(
                ":{line}: quote.delivery has a row that is not valid: the delivery `standard` needs a price \
                 such as 4.90 EUR"
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
        let storefront = read(&with(lines), GivenValues::default()).unwrap().storefront;
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
    fn the_members_that_addresses_are_compared_in_are_named() {
        let with = |members: &str| format!("{WHOLE}\n[compare]\naddress = \"{members}\"\n");
        let compared = |file: &str| read(file, GivenValues::default()).unwrap().policy.compared_address;
        assert_eq!(compared(WHOLE), AddressMembers::DEFAULT);
        let chosen = AddressMembers::of(&[AddressMember::PostalCode, AddressMember::Name]);
        assert_eq!(compared(&with(" postalCode,name ")), chosen);
        for (members, why) in [
            ("street", "compare.address must be members of an address, with commas between them: name, "),
            ("", "compare.address must be members of an address"),
            ("city,,name", "compare.address must be members of an address"),
            ("City", "compare.address must be members of an address"),
            ("city, name, city", "compare.address must name each member once"),
        ] {
            let refused = refused(&with(members));
            assert!(refused.contains(why), "{members}: {refused}");
        }
    }

    #[test]
    fn captures_and_refunds_go_by_what_the_shop_allows() {
        let with = |lines: &str| format!("{WHOLE}\n{lines}\n");
        assert_eq!(read(WHOLE, GivenValues::default()).unwrap().policy.capture_policy, CapturePolicy::Manual);
        let lines =
            "[capture]\npolicy = \"before-expiry\"\nmargin = \"12h\"\n[refunds]\nceiling = \"amazon\"";
        let config = read(&with(lines), GivenValues::default()).unwrap();
        let Policy { capture_policy, capture_margin, refund_ceiling, resend_window, .. } = config.policy;
        assert_eq!((capture_policy, capture_margin), (CapturePolicy::BeforeExpiry, 12 * HOUR));
        assert_eq!((refund_ceiling, resend_window), (RefundCeiling::Amazon, Duration::from_secs(120)));
        for (lines, told) in [
            (
                "[capture]\npolicy = \"always\"",
                "capture.policy must be manual, before-guarantee-ends or before-expiry",
            ),
            (
                "[capture]\nmargin = \"soon\"",
                "capture.margin must be a time of at most a day, such as 90s, 15m or PT15M",
            ),
            (
                "[capture]\nmargin = \"25h\"",
                "capture.margin must be a time of at most a day, such as 90s, 15m or PT15M",
            ),
            ("[refunds]\nceiling = \"all\"", "refunds.ceiling must be captured or amazon"),
            ("[fulfilment]\nafter_guarantee = \"true\"", "fulfilment.after_guarantee must be no or yes"),
            ("[fulfilment]\nafter_guarantee = \"No\"", "fulfilment.after_guarantee must be no or yes"),
        ] {
            let refused = refused(&with(lines));
            assert!(refused.ends_with(told), "{lines}: {refused}");
        }
    }

    #[test]
    fn origins_of_certificates_and_topics_are_read_as_lists() {
        let with = |line: &str| format!("{WHOLE}\n[notifications]\n{line}\n");
        let origins = "certificate_origins = \"http://127.0.0.1:8100/, https://sns.test\"";
        let arns = "topic_arns = \"arn:aws:sns:eu-west-1:1:a,arn:aws:sns:eu-west-1:1:b\"";
        let config = read(&with(&format!("{origins}\n{arns}")), GivenValues::default()).unwrap();
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
}
