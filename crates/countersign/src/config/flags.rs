//! Each key as a flag and an environment variable.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, FromArgMatches};

use super::given::{GivenValues, ServeAccessValues};
use super::key::Key;
use super::keys::KEYS;

impl Args for GivenValues {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(KEYS.iter().map(arg))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for GivenValues {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Self::default();
        given.update_from_arg_matches(matches)?;
        Ok(given)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for key in KEYS {
            // A command may have only some of the keys.
            let Ok(Some(text)) = matches.try_get_one::<String>(key.path) else { continue };
            let origin = match matches.value_source(key.path) {
                Some(ValueSource::EnvVariable) => key.variable(),
                _ => format!("--{}", key.flag()),
            };
            self.set(key.path, text, &origin);
        }
        Ok(())
    }
}

fn arg(key: &Key) -> Arg {
    Arg::new(key.path)
        .long(key.flag())
        .env(key.variable())
        .hide_env_values(true)
        .value_name(key.value_name)
        .help(key.help())
        .help_heading("Overriding the configuration file")
}

impl Args for ServeAccessValues {
    fn augment_args(command: clap::Command) -> clap::Command {
        let of_the_door = |key: &&Key| matches!(key.path, "listen" | "shop.token_file");
        command.args(KEYS.iter().filter(of_the_door).map(arg))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ServeAccessValues {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        GivenValues::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}
