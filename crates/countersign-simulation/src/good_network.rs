//! A network without the shop's weather, between another integration on the account and Amazon.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Transport, TransportError};
use countersign_sandbox::Sandbox;
use futures_util::future::BoxFuture;
use http::Response;

use crate::entropy::Random;
use crate::executor::Executor;
use crate::process::{GivingUp, Process, ServeOutcome};
use crate::witness::Witness;

/// The network.
#[derive(Clone)]
pub(crate) struct GoodNetwork {
    pub(crate) executor: Executor,
    pub(crate) amazon: Arc<Process<Sandbox>>,
    pub(crate) witness: Arc<Witness>,
    pub(crate) random: Random,
}

impl Transport for GoodNetwork {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: Duration,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            self.executor.sleep(self.random.time(Duration::from_millis(1), Duration::from_millis(500))).await;
            let path = request.uri().path().to_owned();
            self.witness.acts_elsewhere(&path, request.body());
            let session = path.strip_suffix("/finalize").and_then(|path| path.rsplit('/').next());
            if let Some(session) = session {
                self.witness.finalizes_elsewhere(session);
            }
            let (witness, session) = (Arc::clone(&self.witness), session.map(str::to_owned));
            let inspect = move |answer: &Response<Bytes>| match (session, answer.status().is_success()) {
                (Some(session), true) => witness.finalized_elsewhere(&session),
                (Some(session), false) => witness.refused_elsewhere(&session),
                (None, true) => witness.made_elsewhere(answer.body()),
                (None, false) => {}
            };
            match self.amazon.serve(request, GivingUp::LeavesItRunning, inspect).await {
                ServeOutcome::Answer(answer) => Ok(answer),
                ServeOutcome::Reset => Err(TransportError::Lost("the connection was reset".into())),
                ServeOutcome::Refused => Err(TransportError::NotSent("no connection".into())),
            }
        })
    }
}
