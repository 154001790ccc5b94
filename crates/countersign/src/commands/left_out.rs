//! Commands that a build may be without, as the one that a shop deploys is: who calls one is told how it is built.

use clap::Error;
use clap::error::{ContextKind, ContextValue};

/// Each such command, and whether this build has it.
const OPTIONAL: [(&str, bool); 2] = [("demo", cfg!(feature = "demo")), ("bench", cfg!(feature = "bench"))];

/// The refusal of a command line, with a tip where it names a command that was left out.
pub(crate) fn explained(mut refused: Error) -> Error {
    if let Some(ContextValue::String(named)) = refused.get(ContextKind::InvalidSubcommand)
        && OPTIONAL.contains(&(named, false))
    {
        let tip = format!("this build is without it; 'cargo build --release' makes one with '{named}'");
        refused.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    refused
}
