//! The commands that a build may leave out. The build that a shop deploys leaves all of them out.
//! The error for such a command says how to make a build that has it.

use clap::Error;
use clap::error::{ContextKind, ContextValue};

/// Each such command, and whether this build has it.
const OPTIONAL: [(&str, bool); 2] = [("demo", cfg!(feature = "demo")), ("bench", cfg!(feature = "bench"))];

/// The error of a command line, with a tip if it names a command that was left out.
pub(crate) fn explained(mut refused: Error) -> Error {
    if let Some(ContextValue::String(named)) = refused.get(ContextKind::InvalidSubcommand)
        && OPTIONAL.contains(&(named, false))
    {
        let tip =
            format!("this build does not include it; 'cargo build --release' makes one that has '{named}'");
        refused.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    refused
}
