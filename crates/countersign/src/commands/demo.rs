//! `countersign demo`: lends the demo this program's output, its end, and what carries notifications.

use std::sync::Arc;

use countersign_demo::Demo;

use super::sandbox::notifying::Sockets;
use crate::failure::{CommandResult, Failure};
use crate::output::say;
use crate::server;
use crate::signals;

pub(crate) fn run(demo: Demo) -> CommandResult {
    server::block_on(async move {
        let end = signals::wish_to_end()?;
        demo.run(|line| say(line), Arc::new(Sockets::new()), end).await.map_err(Failure::new)
    })
}
