//! `countersign demo`: both halves on loopback, with real sockets, signatures and files, and buyers
//! who pay. The binary passes in what a library must not choose itself: the output, the signal to
//! end, and the transport of notifications. Only a developer's build of the binary has this crate;
//! the build that a shop deploys does not.

mod after_result;
mod demo_result;
mod json;
mod shop;
mod stage;
mod storefront;
mod stories;
mod table;
mod teller;

use std::sync::Arc;

use clap::Args;
use countersign_sandbox::notify::Courier;

use demo_result::DemoResult;
use stage::Stage;
use teller::Printer;

/// Run both halves and play buyers, one story for each.
///
/// Everything is real but the money: sockets on loopback, signatures, SQLite files in a directory that
/// is removed at the end. The last output is a table with the outcome of each story.
#[derive(Args)]
pub struct Demo {
    /// Exit after the stories, with 0 only if each ended as it must
    #[arg(long)]
    once: bool,
}

impl Demo {
    /// Plays the stories and prints their table. Without `--once`, both halves and a shop then keep running until
    /// `end` is ready; `end` also breaks off the stories. Must run inside a tokio runtime.
    ///
    /// Each line is passed to `say`; `courier` carries the notifications of Amazon's half.
    ///
    /// # Errors
    /// A half does not start, or a story does not end as it must.
    pub async fn run(
        self,
        say: Printer,
        courier: Arc<dyn Courier>,
        end: impl Future<Output = ()>,
    ) -> DemoResult {
        let mut end = std::pin::pin!(end);
        let mut stage = Stage::set(courier).await?;
        say(&format_args!("Amazon's half    {}", stage.amazon_url()));
        say(&format_args!("merchant's half  {}", stage.merchant_url()));
        let rows = tokio::select! {
            rows = stories::play(&mut stage, say) => Some(rows?),
            () = &mut end => None,
        };
        if let Some(rows) = rows {
            say(&format_args!("\n{}", table::table(&rows)));
            if !self.once {
                let shop_url = stage.open_shop().await?;
                say(&format_args!("\nOpen this in a browser:  {shop_url}\n\n{}", stage.how_to_go_on()));
                end.await;
            }
        }
        stage.strike().await;
        Ok(())
    }
}
