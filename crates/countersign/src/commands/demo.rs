//! `countersign demo`: runs the demo with this program's runtime, output and signals, and with its sockets
//! for notifications.

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
