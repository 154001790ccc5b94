//! `--merchant-id M --public-key-id ID --public-key FILE`, repeatable: the order on the command line says
//! which key belongs to which account.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, FromArgMatches, value_parser};
use countersign_domain::ids::{MerchantId, PublicKeyId};

use super::super::parse;

const MERCHANT_ID: &str = "merchant-id";
const PUBLIC_KEY_ID: &str = "public-key-id";
const PUBLIC_KEY: &str = "public-key";

/// A key that a merchant has registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    /// The account, if one was named before the key.
    pub(super) merchant_id: Option<MerchantId>,
    pub(super) public_key_id: PublicKeyId,
    pub(super) public_key: PathBuf,
}

/// The merchants to start with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MerchantArgs {
    pub(super) pairs: Vec<Pair>,
    /// The last account that was named. If the sandbox makes a merchant, the merchant gets this
    /// account.
    pub(super) merchant_id: Option<MerchantId>,
}

impl Args for MerchantArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args([
            Arg::new(MERCHANT_ID)
                .long(MERCHANT_ID)
                .value_name("M")
                .action(ArgAction::Append)
                .value_parser(parse::told(MerchantId::parse))
                .help("The account of the pairs that follow: several keys under one merchant; repeatable"),
            Arg::new(PUBLIC_KEY_ID)
                .long(PUBLIC_KEY_ID)
                .value_name("ID")
                .action(ArgAction::Append)
                .value_parser(parse::told(PublicKeyId::parse))
                .help("A merchant to start with: the id of a public key, as requests name it; repeatable in pairs"),
            Arg::new(PUBLIC_KEY)
                .long(PUBLIC_KEY)
                .value_name("FILE")
                .action(ArgAction::Append)
                .value_parser(value_parser!(PathBuf))
                .help("That public key, PEM. Without any pair a merchant is made"),
        ])
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

enum Word {
    Merchant(MerchantId),
    KeyId(PublicKeyId),
    Key(PathBuf),
}

impl FromArgMatches for MerchantArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut words: Vec<(usize, Word)> = Vec::new();
        words.extend(placed(matches, MERCHANT_ID, Word::Merchant));
        words.extend(placed(matches, PUBLIC_KEY_ID, Word::KeyId));
        words.extend(placed(matches, PUBLIC_KEY, Word::Key));
        words.sort_by_key(|(place, _)| *place);
        let words = words.into_iter().map(|(_, word)| word);
        paired(words).map_err(|why| clap::Error::raw(ErrorKind::ValueValidation, format!("{why}\n")))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn placed<T: Clone + Send + Sync + 'static>(
    matches: &ArgMatches,
    name: &str,
    word: fn(T) -> Word,
) -> impl Iterator<Item = (usize, Word)> {
    let places = matches.indices_of(name).into_iter().flatten();
    places.zip(matches.get_many::<T>(name).into_iter().flatten().cloned().map(word))
}

fn paired(words: impl Iterator<Item = Word>) -> Result<MerchantArgs, String> {
    let mut args = MerchantArgs::default();
    let mut half: Option<PublicKeyId> = None;
    let alone = |id: &PublicKeyId| format!("--public-key-id {id} needs a --public-key FILE after it");
    for word in words {
        match (word, half.take()) {
            (Word::Key(public_key), Some(public_key_id)) => {
                let merchant_id = args.merchant_id.clone();
                args.pairs.push(Pair { merchant_id, public_key_id, public_key });
            }
            (Word::Key(file), None) => {
                return Err(format!("--public-key {} needs a --public-key-id ID before it", file.display()));
            }
            (Word::KeyId(_) | Word::Merchant(_), Some(alone_id)) => return Err(alone(&alone_id)),
            (Word::KeyId(id), None) => half = Some(id),
            (Word::Merchant(merchant_id), None) => args.merchant_id = Some(merchant_id),
        }
    }
    half.map_or(Ok(args), |id| Err(alone(&id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Vec<(String, String, String)>, String> {
        let command = MerchantArgs::augment_args(clap::Command::new("sandbox").no_binary_name(true));
        let matches = command.try_get_matches_from(line.split_whitespace()).map_err(|e| e.to_string())?;
        let args = MerchantArgs::from_arg_matches(&matches).map_err(|error| error.to_string())?;
        let texts = |pair: Pair| {
            let account = pair.merchant_id.map_or("-".to_owned(), |id| id.to_string());
            (account, pair.public_key_id.to_string(), pair.public_key.display().to_string())
        };
        Ok(args.pairs.into_iter().map(texts).collect())
    }

    #[test]
    fn an_account_is_that_of_all_pairs_after_it() {
        let pairs = read(
            "--public-key-id A --public-key a.pem --merchant-id M --public-key-id B --public-key b.pem \
             --public-key-id C --public-key c.pem --merchant-id N --public-key-id D --public-key d.pem",
        );
        let expected = [("-", "A", "a.pem"), ("M", "B", "b.pem"), ("M", "C", "c.pem"), ("N", "D", "d.pem")];
        assert_eq!(pairs.unwrap(), expected.map(|(m, i, k)| (m.to_owned(), i.to_owned(), k.to_owned())));
        assert_eq!(read("").unwrap(), []);
        assert_eq!(read("--merchant-id M").unwrap(), []);
    }

    #[test]
    fn half_a_pair_is_refused() {
        for (line, told) in [
            ("--public-key-id A", "--public-key-id A needs a --public-key FILE after it"),
            ("--public-key a.pem", "--public-key a.pem needs a --public-key-id ID before it"),
            (
                "--public-key-id A --public-key-id B --public-key b.pem",
                "--public-key-id A needs a --public-key FILE after it",
            ),
            (
                "--public-key-id A --merchant-id M --public-key b.pem",
                "--public-key-id A needs a --public-key FILE after it",
            ),
        ] {
            assert_eq!(read(line).unwrap_err().trim_end(), format!("error: {told}"), "{line}");
        }
    }
}
