//! Runs several tasks at the same time until one of them has finished or a pause is over.

use std::future::Future;
use std::pin::Pin;

use futures_util::future::{BoxFuture, Either, pending, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

/// The tasks that are running.
pub(crate) type InHand<T> = FuturesUnordered<BoxFuture<'static, T>>;

/// The result of the first task to finish, or `None` once the pause is over.
pub(crate) async fn finished<T>(
    running: &mut InHand<T>,
    pause: Pin<&mut (impl Future<Output = ()> + ?Sized)>,
) -> Option<T> {
    let finished = std::pin::pin!(async {
        match running.next().await {
            Some(finished) => finished,
            None => pending().await,
        }
    });
    match select(finished, pause).await {
        Either::Left((finished, _)) => Some(finished),
        Either::Right(((), _)) => None,
    }
}
