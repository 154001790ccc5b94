//! The list of words, and how each is a flag and an environment variable.

use std::collections::HashMap;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, FromArgMatches};
use countersign_merchant::settings::{Deadlines, Payments};
use countersign_protocol::signing::Algorithm;

/// One key of the configuration.
pub(super) struct Word {
    /// `section.key`, or `key` outside of sections.
    pub(super) path: &'static str,
    value_name: &'static str,
    about: &'static str,
    absent: Absent,
    /// Whether the file has a table for each of several.
    pub(super) is_rows: bool,
}

/// What is so where a key is not given.
#[derive(Clone, Copy)]
enum Absent {
    /// What its reader makes of that.
    Nothing,
    /// The same, in words.
    Said(&'static str),
    /// It is as if this text were given.
    Text(fn() -> String),
}

impl Word {
    const fn or(self, default: fn() -> String) -> Self {
        Self { absent: Absent::Text(default), ..self }
    }

    const fn or_else(self, what: &'static str) -> Self {
        Self { absent: Absent::Said(what), ..self }
    }

    fn help(&self) -> String {
        let default = match self.absent {
            Absent::Nothing => return self.about.to_owned(),
            Absent::Said(what) => what.to_owned(),
            Absent::Text(default) => default(),
        };
        format!("{} [default: {default}]", self.about)
    }
}

/// The text that counts where a key is not given, if there is one.
pub(super) fn default_of(path: &str) -> Option<String> {
    match WORDS.iter().find(|word| word.path == path)?.absent {
        Absent::Text(default) => Some(default()),
        Absent::Nothing | Absent::Said(_) => None,
    }
}

/// A time as a person writes it: `15m`.
fn time(duration: Duration) -> String {
    jiff::SignedDuration::try_from(duration)
        .map_or_else(|_| String::new(), |duration| format!("{duration:#}"))
}

const fn word(path: &'static str, value_name: &'static str, about: &'static str) -> Word {
    Word { path, value_name, about, absent: Absent::Nothing, is_rows: false }
}

/// Several of a kind: tables of the file, or one TOML array.
const fn rows(path: &'static str, about: &'static str) -> Word {
    Word { path, value_name: "ROWS", about, absent: Absent::Nothing, is_rows: true }
}

/// Every key, in the order in which people write them.
pub(super) const WORDS: &[Word] = &[
    word("listen", "ADDR", "Where to listen; port 0 picks a free one").or(|| "127.0.0.1:8080".to_owned()),
    word("public_url", "URL", "What a buyer's browser reaches this server by").or_else("http://ADDR"),
    word("store", "STORE", "sqlite:PATH, or memory for a trial").or(|| "sqlite:countersign.db".to_owned()),
    word("amazon.endpoint", "URL", "Another endpoint than Amazon's own, such as a sandbox's"),
    word("amazon.region", "REGION", "na, eu or jp"),
    word("amazon.environment", "ENV", "sandbox or live").or_else("as the public key id begins"),
    word("amazon.merchant_id", "ID", "The merchant account"),
    word("amazon.store_id", "ID", "The store: amzn1.application-oa2-client. and more"),
    word("amazon.public_key_id", "ID", "The id of the key that signs"),
    word("amazon.private_key_file", "FILE", "The private key that signs, PEM"),
    word("amazon.algorithm", "NAME", "The signature's algorithm").or(|| Algorithm::PssV2.to_string()),
    word("shop.token_file", "FILE", "The token that the shop shows, in a file"),
    word("shop.name", "NAME", "The shop's name on the result page").or(|| "Shop".to_owned()),
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
        "What the data of buyers are sealed with: 32 bytes in Base64, one key a line, the current one first",
    )
    .or_else("beside the store, made at the first start"),
    word(
        "capture.policy",
        "POLICY",
        "Who captures an authorization that the shop has not: manual (nobody, the shop is warned), \
         before-guarantee-ends (7 days) or before-expiry",
    )
    .or(|| Payments::default().capture_policy.as_str().to_owned()),
    word("capture.margin", "TIME", "How long before that it is captured")
        .or(|| time(Payments::default().capture_margin)),
    word(
        "refunds.ceiling",
        "CEILING",
        "How much of a charge may be refunded: captured, or amazon (what Amazon allows: up to 15 % more)",
    )
    .or(|| Payments::default().refund_ceiling.as_str().to_owned()),
    word(
        "notifications.certificate_origins",
        "ORIGINS",
        "Where else than at Amazon a notification's certificate may be, such as a sandbox's \
         http://127.0.0.1:8100; several with commas",
    ),
    word("notifications.topic_arns", "ARNS", "The topics that may notify; several with commas")
        .or_else("any that Amazon has signed"),
    word(
        "deadlines.resend_window",
        "TIME",
        "How long after the buyer was last seen a payment may be sent again",
    )
    .or(|| time(Deadlines::default().resend_window)),
    word("deadlines.caller_wait", "TIME", "How long a caller is kept waiting for an answer")
        .or(|| time(Deadlines::default().caller_wait)),
    word("deadlines.finalize", "TIME", "How long Amazon may take to answer a payment, at least 20s")
        .or(|| time(Deadlines::default().finalize)),
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
        for Word { path, .. } in WORDS {
            // A command may take some of the keys only.
            let Ok(Some(text)) = matches.try_get_one::<String>(path) else { continue };
            let origin = match matches.value_source(path) {
                Some(ValueSource::EnvVariable) => variable(path),
                _ => format!("--{}", flag(path)),
            };
            self.0.insert(path, GivenValue { text: text.clone(), origin });
        }
        Ok(())
    }
}

fn arg(word: &Word) -> Arg {
    Arg::new(word.path)
        .long(flag(word.path))
        .env(variable(word.path))
        .hide_env_values(true)
        .value_name(word.value_name)
        .help(word.help())
        .help_heading("Instead of a key of the configuration file")
}

/// What was given of the keys by which a running `serve` is found and asked.
#[derive(Clone, Default)]
pub(crate) struct DoorGiven(pub(super) Given);

impl Args for DoorGiven {
    fn augment_args(command: clap::Command) -> clap::Command {
        let of_the_door = |word: &&Word| matches!(word.path, "listen" | "shop.token_file");
        command.args(WORDS.iter().filter(of_the_door).map(arg))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for DoorGiven {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Given::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}
