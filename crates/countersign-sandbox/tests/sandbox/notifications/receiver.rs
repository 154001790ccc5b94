//! An endpoint that takes the place of the network: it keeps every notification, and answers as the
//! test says.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use countersign_sandbox::notify::{Courier, NotDelivered};
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;

/// What the receiver does with a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReceiverAct {
    Answer(u16),
    Fail(NotDelivered),
    /// The receiver keeps the notification and never answers.
    Hang,
}

/// A notification that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Post {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The envelope, unverified.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn message_id(&self) -> String {
        self.json()["MessageId"].as_str().unwrap().to_owned()
    }

    /// The object that the message names, such as `CHARGE S01-…`, unverified.
    pub(crate) fn object(&self) -> String {
        let message: Value = serde_json::from_str(self.json()["Message"].as_str().unwrap()).unwrap();
        let word = |member: &str| message[member].as_str().unwrap().to_owned();
        format!("{} {}", word("ObjectType"), word("ObjectId"))
    }
}

#[derive(Debug)]
pub(crate) struct Receiver {
    posts: Mutex<Vec<Post>>,
    next: Mutex<VecDeque<ReceiverAct>>,
    otherwise: Mutex<ReceiverAct>,
    /// Posts to this URL are kept and never answered.
    silent: Mutex<Option<&'static str>>,
}

impl Default for Receiver {
    fn default() -> Self {
        Self {
            posts: Mutex::default(),
            next: Mutex::default(),
            otherwise: Mutex::new(ReceiverAct::Answer(200)),
            silent: Mutex::default(),
        }
    }
}

impl Receiver {
    /// Sets what the receiver does from now on.
    pub(crate) fn always(&self, does: ReceiverAct) {
        *self.otherwise.lock().unwrap() = does;
    }

    /// From now on there is no answer at this URL.
    pub(crate) fn silence(&self, url: &'static str) {
        *self.silent.lock().unwrap() = Some(url);
    }

    /// Sets what the receiver does with the next notifications. After these, the setting of
    /// [`Self::always`] applies again.
    pub(crate) fn next(&self, does: impl IntoIterator<Item = ReceiverAct>) {
        self.next.lock().unwrap().extend(does);
    }

    /// Returns the notifications that were sent since the last call.
    pub(crate) fn take(&self) -> Vec<Post> {
        std::mem::take(&mut *self.posts.lock().unwrap())
    }
}

impl Courier for Receiver {
    fn post(
        &self,
        request: Request<Bytes>,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<StatusCode, NotDelivered>> {
        assert!(deadline > Duration::ZERO);
        let (head, body) = request.into_parts();
        let url = head.uri.to_string();
        let is_silent = *self.silent.lock().unwrap() == Some(url.as_str());
        self.posts.lock().unwrap().push(Post { method: head.method, url, headers: head.headers, body });
        if is_silent {
            return Box::pin(std::future::pending());
        }
        let does = self.next.lock().unwrap().pop_front();
        match does.unwrap_or(*self.otherwise.lock().unwrap()) {
            ReceiverAct::Answer(status) => {
                Box::pin(std::future::ready(Ok(StatusCode::from_u16(status).unwrap())))
            }
            ReceiverAct::Fail(why) => Box::pin(std::future::ready(Err(why))),
            ReceiverAct::Hang => Box::pin(std::future::pending()),
        }
    }
}
