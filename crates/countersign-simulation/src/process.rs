//! A half as a process: it runs, or it is down. Requests reach it while it runs, and a crash drops everything
//! that it was doing at that moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_http::{Handler, Reply, Request, Response};
use tokio::sync::oneshot;

use crate::executor::{Executor, Group, TaskId};
use crate::half::Half;

/// One half. Its store is not part of the process.
pub(crate) struct Process<H> {
    executor: Executor,
    half: Half,
    running: Mutex<Option<Arc<H>>>,
}

/// The result of a request.
#[derive(Debug)]
pub(crate) enum ServeOutcome {
    Answer(Response),
    /// The connection ended without an answer.
    Reset,
    /// The process is not running.
    Refused,
}

/// What happens to a request when its caller gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivingUp {
    /// The half does not notice.
    LeavesItRunning,
    /// The half notices that the connection is gone, and drops the request wherever it is.
    EndsIt,
}

struct EndsOnDrop(Executor, Option<TaskId>);

impl Drop for EndsOnDrop {
    fn drop(&mut self) {
        if let Some(task) = self.1 {
            self.0.cancel(task);
        }
    }
}

impl<H: Handler> Process<H> {
    pub(crate) fn new(executor: &Executor, half: Half) -> Self {
        Self { executor: executor.clone(), half, running: Mutex::new(None) }
    }

    fn running(&self) -> MutexGuard<'_, Option<Arc<H>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.running().is_some()
    }

    /// Notes that the half has started.
    pub(crate) fn started(&self, handler: H) {
        *self.running() = Some(Arc::new(handler));
    }

    /// Ends the process, and drops everything that it was doing.
    pub(crate) fn crash(&self) {
        let gone = self.running().take();
        self.executor.kill(Group::Half(self.half));
        drop(gone);
    }

    /// Passes the half a request. `inspect` gets the answer at the moment when the half makes it.
    pub(crate) async fn serve(
        &self,
        request: Request,
        giving_up: GivingUp,
        inspect: impl FnOnce(&Response) + Send + 'static,
    ) -> ServeOutcome {
        let Some(handler) = self.running().clone() else { return ServeOutcome::Refused };
        let (answers, answer) = oneshot::channel();
        let task = self.executor.spawn(Group::Half(self.half), async move {
            let reply = handler.handle(request).await;
            if let Reply::Answer(response) = &reply {
                inspect(response);
            }
            // The caller may be gone.
            let _ = answers.send(reply);
        });
        let ends = (giving_up == GivingUp::EndsIt).then_some(task);
        let _ends = EndsOnDrop(self.executor.clone(), ends);
        match answer.await {
            Ok(Reply::Answer(response)) => ServeOutcome::Answer(response),
            Ok(Reply::Reset) | Err(_) => ServeOutcome::Reset,
        }
    }
}
