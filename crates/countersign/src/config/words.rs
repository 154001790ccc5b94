//! The list of words, and how each is a flag and an environment variable.

use std::collections::HashMap;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, FromArgMatches};

/// One key of the configuration.
pub(super) struct Word {
    /// `section.key`, or `key` outside of sections.
    pub(super) path: &'static str,
    value_name: &'static str,
    about: &'static str,
    /// Whether the file has a table for each of several.
    pub(super) is_rows: bool,
}

const fn word(path: &'static str, value_name: &'static str, about: &'static str) -> Word {
    Word { path, value_name, about, is_rows: false }
}

/// Several of a kind: tables of the file, or one TOML array.
const fn rows(path: &'static str, about: &'static str) -> Word {
    Word { path, value_name: "ROWS", about, is_rows: true }
}

/// Every key, in the order in which people write them.
pub(super) const WORDS: &[Word] = &[
    word("listen", "ADDR", "Where to listen; port 0 picks a free one [default: 127.0.0.1:8080]"),
    word("public_url", "URL", "What a buyer's browser reaches this server by [default: http://ADDR]"),
    word("store", "STORE", "sqlite:PATH, or memory for a trial [default: sqlite:countersign.db]"),
    word("amazon.endpoint", "URL", "Another endpoint than Amazon's own, such as a sandbox's"),
    word("amazon.region", "REGION", "na, eu or jp"),
    word("amazon.environment", "ENV", "sandbox or live [default: as the public key id begins]"),
    word("amazon.merchant_id", "ID", "The merchant account"),
    word("amazon.store_id", "ID", "The store: amzn1.application-oa2-client. and more"),
    word("amazon.public_key_id", "ID", "The id of the key that signs"),
    word("amazon.private_key_file", "FILE", "The private key that signs, PEM"),
    word("amazon.algorithm", "NAME", "The signature's algorithm [default: AMZN-PAY-RSASSA-PSS-V2]"),
    word("shop.token_file", "FILE", "The token that the shop shows, in a file"),
    word("shop.name", "NAME", "The shop's name on the result page [default: Shop]"),
    word("shop.webhook_url", "URL", "Where facts are sent; without it the shop asks for them"),
    word(
        "shop.webhook_secret_file",
        "FILE",
        "What webhooks are signed with: whsec_ and Base64, one a line, the current one first",
    ),
    word("shop.url", "URL", "Where the shop's name on the result page leads"),
    word(
        "shop.origins",
        "ORIGINS",
        "Where else than at its start of checkout a page of the shop may be, such as https://m.shop.example; \
         several with commas",
    ),
    word(
        "shop.quote_url",
        "URL",
        "Where the shop is asked for quotes, https or on this machine; without it [quote] makes them",
    ),
    rows(
        "quote.delivery",
        "The ways in which a parcel can come: TOML such as \
         [{id=\"standard\", name=\"Standard\", price=\"4.90 EUR\", countries=[\"DE\"], days=2}]",
    ),
    rows(
        "quote.tax",
        "What is added for a country: TOML such as [{country=\"DE\", percent_basis_points=1900}]",
    ),
    rows(
        "quote.coupon",
        "What a code takes off: TOML such as [{code=\"SPRING\", basis_points=1000}] or amount=\"5.00 EUR\"",
    ),
    word(
        "snapshot.key_file",
        "FILE",
        "What the data of buyers are sealed with: 32 bytes in Base64, one key a line, the current one first \
         [default: beside the store, made at the first start]",
    ),
    word(
        "capture.policy",
        "POLICY",
        "Who captures an authorization that the shop has not: manual (nobody, the shop is warned), \
         before-guarantee-ends (7 days) or before-expiry [default: manual]",
    ),
    word("capture.margin", "TIME", "How long before that it is captured [default: 6h]"),
    word(
        "refunds.ceiling",
        "CEILING",
        "How much of a charge may be refunded: captured, or amazon (what Amazon allows: up to 15 % more) \
         [default: captured]",
    ),
    word(
        "notifications.certificate_origins",
        "ORIGINS",
        "Where else than at Amazon a notification's certificate may be, such as a sandbox's \
         http://127.0.0.1:8100; several with commas",
    ),
    word(
        "notifications.topic_arns",
        "ARNS",
        "The topics that may notify; several with commas [default: any that Amazon has signed]",
    ),
    word(
        "deadlines.resend_window",
        "TIME",
        "How long after the buyer was last seen a payment may be sent again [default: 15m]",
    ),
    word("deadlines.caller_wait", "TIME", "How long a caller is kept waiting for an answer [default: 25s]"),
    word(
        "deadlines.finalize",
        "TIME",
        "How long Amazon may take to answer a payment, at least 20s [default: 20s]",
    ),
];

/// The flag of a key, without its dashes.
pub(super) fn flag(path: &str) -> String {
    path.replace(['.', '_'], "-")
}

/// The environment variable of a key.
pub(super) fn variable(path: &str) -> String {
    format!("COUNTERSIGN_{}", path.replace('.', "_").to_ascii_uppercase())
}

/// A value with the name of what gave it.
#[derive(Clone)]
pub(super) struct GivenValue {
    pub(super) text: String,
    pub(super) origin: String,
}

/// What flags and environment variables gave.
#[derive(Clone, Default)]
pub(crate) struct Given(HashMap<&'static str, GivenValue>);

impl Given {
    fn take_from(&mut self, words: impl Iterator<Item = &'static Word>, matches: &ArgMatches) {
        for Word { path, .. } in words {
            let Some(text) = matches.get_one::<String>(path) else { continue };
            let origin = match matches.value_source(path) {
                Some(ValueSource::EnvVariable) => variable(path),
                _ => format!("--{}", flag(path)),
            };
            self.0.insert(path, GivenValue { text: text.clone(), origin });
        }
    }

    pub(super) fn take(&mut self, path: &str) -> Option<GivenValue> {
        self.0.remove(path)
    }

    #[cfg(test)]
    pub(super) fn set(&mut self, path: &'static str, text: &str, origin: &str) {
        self.0.insert(path, GivenValue { text: text.to_owned(), origin: origin.to_owned() });
    }
}

impl Args for Given {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(WORDS.iter().map(arg))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Self::default();
        given.update_from_arg_matches(matches)?;
        Ok(given)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.take_from(WORDS.iter(), matches);
        Ok(())
    }
}

fn arg(word: &Word) -> Arg {
    Arg::new(word.path)
        .long(flag(word.path))
        .env(variable(word.path))
        .hide_env_values(true)
        .value_name(word.value_name)
        .help(word.about)
        .help_heading("Instead of a key of the configuration file")
}

/// What was given of the keys by which a running `serve` is found and asked.
#[derive(Clone, Default)]
pub(crate) struct DoorGiven(pub(super) Given);

fn of_the_door() -> impl Iterator<Item = &'static Word> {
    WORDS.iter().filter(|word| matches!(word.path, "listen" | "shop.token_file"))
}

impl Args for DoorGiven {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(of_the_door().map(arg))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for DoorGiven {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Self::default();
        given.update_from_arg_matches(matches)?;
        Ok(given)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.take_from(of_the_door(), matches);
        Ok(())
    }
}
