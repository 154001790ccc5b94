//! Both halves of the wire on loopback, with real sockets, signatures and files, and the buyers who
//! play on them. Called by `countersign demo`.

mod after_result;
mod shop;
mod stage;
mod storefront;
mod stories;
mod table;
mod teller;

use clap::Args;

use crate::failure::Outcome;
use crate::output::say;
use crate::server;
use crate::signals;
use stage::Stage;

/// Run both halves and play buyers, a story each.
///
/// Everything is real but the money: sockets on loopback, signatures, SQLite files in a directory that
/// is removed at the end. The last thing told is a table of what came of each story.
#[derive(Args)]
pub(crate) struct Demo {
    /// Exit after the stories; 0 only if each ended as it must
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(crate) fn run(self) -> Outcome {
        server::block_on(play(self.once))
    }
}

/// Plays the stories and prints the table; unless it is `once`, lets both halves run on.
async fn play(once: bool) -> Outcome {
    let end = signals::wish_to_end()?;
    let mut end = std::pin::pin!(end);
    let mut stage = Stage::set().await?;
    say(format_args!("Amazon's half    {}", stage.amazon_url()));
    say(format_args!("merchant's half  {}", stage.merchant_url()));
    let rows = tokio::select! {
        rows = stories::play(&mut stage) => Some(rows?),
        () = &mut end => None,
    };
    if let Some(rows) = rows {
        say(format_args!("\n{}", table::table(&rows)));
        if !once {
            let shop_url = stage.open_shop().await?;
            say(format_args!("\nOpen this in a browser:  {shop_url}\n\n{}", stage.how_to_go_on()));
            end.await;
        }
    }
    stage.strike().await;
    Ok(())
}
