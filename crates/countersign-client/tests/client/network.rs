//! A network and a clock that tests control: nothing really waits, and every request is kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use countersign_client::time::Timestamp;
use countersign_client::{Transport, TransportError};
use countersign_world::fake::{ConstantEntropy, FakeClock};
use futures_util::future::BoxFuture;

/// What the network does with the next request.
#[derive(Debug, Clone)]
pub(crate) enum NextAnswer {
    /// Answers with a status and a body.
    Answer(u16, String),
    /// Answers with a status and asks for a pause of this many seconds.
    AskForPause(u16, u64),
    /// Makes no connection.
    NotSent,
    /// Takes the request and loses the answer.
    Lost,
    /// Never answers.
    Hang,
}

impl NextAnswer {
    /// An error of Amazon's.
    pub(crate) fn refusal(status: u16, reason_code: &str) -> Self {
        Self::Answer(status, format!(r#"{{"reasonCode":"{reason_code}","message":"canary"}}"#))
    }
}

/// Answers by script. Fails the test if it gets more requests than the script has, or is dropped with answers
/// left.
pub(crate) struct Network {
    script: Mutex<VecDeque<NextAnswer>>,
    pub(crate) requests: Mutex<Vec<http::Request<Bytes>>>,
}

impl Network {
    pub(crate) fn scripted(script: impl IntoIterator<Item = NextAnswer>) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(script.into_iter().collect()), requests: Mutex::default() })
    }

    pub(crate) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// One header of every request, in order.
    pub(crate) fn headers(&self, name: &str) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .filter_map(|request| Some(request.headers().get(name)?.to_str().unwrap().to_owned()))
            .collect()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.script.get_mut().unwrap().is_empty(), "answers were left");
        }
    }
}

impl Transport for Network {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: Duration,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        self.requests.lock().unwrap().push(request);
        let next =
            self.script.lock().unwrap().pop_front().expect("the script has an answer for every request");
        Box::pin(async move {
            let answer = http::Response::builder()
                .header("x-amz-pay-request-id", "6a1b")
                .header("date", "Mon, 23 Nov 2026 15:47:00 GMT");
            match next {
                NextAnswer::Answer(status, body) => Ok(answer.status(status).body(body.into()).unwrap()),
                NextAnswer::AskForPause(status, seconds) => {
                    Ok(answer.status(status).header("retry-after", seconds).body(Bytes::new()).unwrap())
                }
                NextAnswer::NotSent => Err(TransportError::NotSent("refused".into())),
                NextAnswer::Lost => Err(TransportError::Lost("reset".into())),
                NextAnswer::Hang => std::future::pending().await,
            }
        })
    }
}

/// A clock that jumps to whatever time somebody waits for.
pub(crate) fn moved_clock(at: &str) -> Arc<FakeClock> {
    Arc::new(FakeClock::moved_by_sleeps(Timestamp::parse(at).unwrap()))
}

/// A clock that never moves: a caller that waits for it waits forever.
pub(crate) fn still_clock(at: &str) -> Arc<FakeClock> {
    Arc::new(FakeClock::at(Timestamp::parse(at).unwrap()))
}

/// Jitter that is always the same.
pub(crate) const NO_JITTER: ConstantEntropy = ConstantEntropy(0);
