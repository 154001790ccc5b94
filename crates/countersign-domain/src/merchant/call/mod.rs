//! One durable call to Amazon, of any kind: Finalize, or a later operation on the payment.
//!
//! ```text
//! Recorded ──begin──▶ Sent ──a success──▶ proved
//!    ▲                 │ │└──a refusal──▶ refused
//!    └─not evaluated───┘ └───anything else──▶ InDoubt ──look up, send again──▶ proved | refused
//! ```
//!
//! It is recorded before anything leaves. The exact bytes and their key are durable before they leave, and no
//! other bytes ever leave under that key. A crash before the send leaves the call Recorded, with its timer; a
//! crash after the send leaves the call Sent, and once its lease has run out, it is InDoubt. What a success
//! or a refusal proves is decided by the caller: this module only handles what no answer has settled.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::time::Duration;

use super::absence::Absence;
use super::number::KeyOrdinal;
use super::rules::{ALARMS, MerchantRules, alarms_due, doubt_delay, pending_delay, reminders_due};
use crate::ids::IdempotencyKey;
use crate::time::Timestamp;

/// The kind of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallKind {
    /// Finalize Checkout Session.
    Finalize,
    /// Create Charge.
    CreateCharge,
    /// Capture Charge.
    Capture,
    /// Create Refund.
    Refund,
    /// Cancel Charge.
    CancelCharge,
    /// Close Charge Permission.
    Close,
}

impl CallKind {
    /// The calls of operations: all but Finalize.
    pub const OPERATIONS: [Self; 5] =
        [Self::CreateCharge, Self::Capture, Self::Refund, Self::CancelCharge, Self::Close];

    /// The API's name of the call, as keys, logs and metrics use it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Finalize => "finalize",
            Self::CreateCharge => "createCharge",
            Self::Capture => "captureCharge",
            Self::Refund => "createRefund",
            Self::CancelCharge => "cancelCharge",
            Self::Close => "closeChargePermission",
        }
    }
}

/// The bytes of a call that left, or will leave, this machine. They never change: a re-send carries them
/// again, across restarts and upgrades; only the date and the signature are new.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyedRequest {
    /// Which key of the call this is.
    pub n: KeyOrdinal,
    /// Derived once, from merchant, checkout, call, what the call is for and `n`; from then on it is the one
    /// that is kept here.
    pub idempotency_key: IdempotencyKey,
    /// The exact body.
    pub body: Arc<[u8]>,
}

/// The body of a Finalize holds the buyer's address.
impl core::fmt::Debug for KeyedRequest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Send")
            .field("n", &self.n)
            .field("idempotency_key", &self.idempotency_key)
            .field("body_len", &self.body.len())
            .finish()
    }
}

/// When to look at something, and how often that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookSchedule {
    /// The time of the next look.
    pub at: Timestamp,
    /// How many looks there were so far, not counting a waiting buyer's extra looks.
    pub count: u32,
}

impl LookSchedule {
    /// The first look at something that was never looked at and is due now.
    pub(super) const fn now(now: Timestamp) -> Self {
        Self { at: now, count: 0 }
    }

    /// The first look at something that Amazon has not decided yet.
    pub(super) fn first(now: Timestamp) -> Self {
        Self { at: now.plus(pending_delay(0)), count: 0 }
    }

    /// The time of the next look, or this time if it is earlier.
    pub(super) const fn or_at(self, other: Option<Timestamp>) -> Timestamp {
        match other {
            Some(at) if at.as_millis() < self.at.as_millis() => at,
            Some(_) | None => self.at,
        }
    }

    /// The look after this one at something that Amazon has not decided yet.
    pub(super) fn next(self, now: Timestamp) -> Self {
        let count = self.count.saturating_add(1);
        Self { at: now.plus(pending_delay(count)), count }
    }

    /// The next look at something that is still pending. An earlier look that is not due yet is kept.
    pub(super) fn waiting(before: Option<Self>, now: Timestamp) -> Self {
        match before {
            Some(look) if look.at > now => look,
            Some(look) => look.next(now),
            None => Self::first(now),
        }
    }

    /// A look that is due now, with the count of looks unchanged.
    pub(super) fn sooner(look: Option<Self>, now: Timestamp) -> Self {
        look.map_or(Self::now(now), |look| Self { at: look.at.min(now), ..look })
    }
}

/// A call that is still to be sent or may still have an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InFlight {
    /// It has had no effect; it is to be sent, perhaps again.
    Recorded {
        /// What was sent before, or was about to be: the same body is sent again.
        earlier: Option<KeyedRequest>,
        /// When a Finalize left and was turned away without being evaluated, if it ever was. The network may
        /// have made a copy of that request: its answer lets the next key be used, and proves nothing about
        /// what was paid.
        left_at: Option<Timestamp>,
        /// When to send it.
        retry_at: Timestamp,
    },
    /// On its way; its owner waits for the answer.
    Sent {
        /// What was sent.
        send: KeyedRequest,
        /// When it left, or was about to.
        sent_at: Timestamp,
        /// When the owner has given up, if it is still alive.
        lease_until: Timestamp,
    },
    /// It may have had its effect.
    InDoubt(Doubt),
}

/// What is known of a call whose answer was lost or proved nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// What was sent, and is sent again.
    pub send: KeyedRequest,
    /// How many times it was sent.
    pub send_count: u32,
    /// When it was first sent.
    pub sent_at: Timestamp,
    /// When the doubt began.
    pub since: Timestamp,
    /// When to look it up, or to send it again.
    pub look: LookSchedule,
    /// How many of the alarms have been raised.
    pub alarm_count: u32,
    /// For a Finalize: the 5xx answer to the latest send, if there was one.
    pub stored_error: Option<StoredError>,
    /// For a Finalize: Amazon's latest answers, if they were that it has no such session.
    pub missing: Option<Absence>,
    /// For a Finalize: what Amazon has refused because of the session's status.
    pub refusals: StatusRefusals,
    /// For a Finalize: when its session is compared with the terms, while somebody asks for it again.
    pub asked_again: Option<Timestamp>,
    /// For a Finalize: whether these bytes are not sent again, because its session counted as not approved or was
    /// asked for again: it must be compared, and sent under another key.
    pub must_be_compared: bool,
}

/// The sends of a Finalize that Amazon has refused because of the session's status, and the looks that have
/// shown the session Open since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatusRefusals {
    /// How many of the sends under this key were answered so.
    pub count: u32,
    /// When a look first showed the session Open between two of these answers.
    pub open_before: Option<Timestamp>,
    /// When a look first showed it Open after the latest of these answers.
    pub open_since: Option<Timestamp>,
    /// How many looks in a row have shown it Open since then.
    pub open_count: u32,
    /// Whether one of these looks, or of those before the latest answer, has shown a permission: then its buyer may
    /// have approved the session since, so it does not count as not approved.
    pub names_permission: bool,
}

/// A 5xx answer that the server may store under the call's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredError {
    /// Status and code.
    pub cause: String,
    /// How many times in a row a re-send got exactly the same answer, with the session open in between.
    pub replay_count: u32,
}

/// What came back for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallAnswer<Success, Refusal> {
    /// A success that can be read.
    Success(Success),
    /// A documented refusal of this call: it has had no effect.
    Refused(Refusal),
    /// No connection: the client is certain that nothing left.
    NotSent,
    /// Throttled, or turned away for its date, key or account: Amazon did not evaluate the request.
    NotEvaluated {
        /// Amazon's code.
        code: String,
    },
    /// Amazon's own answer that the object is not in a status in which the call is possible. For a Finalize
    /// alone this proves nothing: its session may have been completed, or not approved yet.
    WrongStatus {
        /// Status and code.
        cause: String,
    },
    /// Anything else, including no answer.
    Unclear {
        /// What came instead of an answer; a 5xx includes its status, so that a stored one can be recognized.
        cause: String,
        /// What kind of answer it was, if it was one.
        kind: UnclearKind,
    },
}

/// The kinds of answers that prove nothing about the call as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnclearKind {
    /// There was no answer, or none of Amazon's own that can be read: the call may have had its effect.
    Unknown,
    /// A 5xx answer: the call may have had its effect.
    ServerError,
    /// Amazon's own 4xx: this copy of the call had no effect. Another copy may have had it.
    Refusal,
}

/// What happened to a call of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEvent {
    /// It is about to leave.
    Sent {
        /// Under which key.
        n: KeyOrdinal,
        /// How many times these bytes were sent, including this time.
        send_count: u32,
    },
    /// No connection: nothing left this machine.
    NotSent,
    /// Amazon answered without evaluating it; it may be sent again.
    NotEvaluated {
        /// Amazon's code.
        code: String,
    },
    /// The answer was lost or proves nothing.
    DoubtBegan {
        /// What came instead of an answer.
        cause: String,
    },
    /// It has been open for so long that a person should know.
    Alarm {
        /// How long.
        lasting: Duration,
    },
}

/// What a call that is taken up needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallNeeds {
    /// It must be sent.
    Send,
    /// Nothing now: it is in doubt from now on, and due.
    Wait,
    /// It must be looked up or sent again, depending on its kind.
    Look,
}

impl InFlight {
    /// A call for which nothing was sent yet, due immediately.
    pub(super) const fn recorded(now: Timestamp) -> Self {
        Self::Recorded { earlier: None, left_at: None, retry_at: now }
    }

    /// A call that is about to leave.
    pub(super) fn begun(send: KeyedRequest, now: Timestamp, rules: &MerchantRules) -> (Self, CallEvent) {
        let event = CallEvent::Sent { n: send.n, send_count: 1 };
        (Self::Sent { send, sent_at: now, lease_until: now.plus(rules.lease) }, event)
    }

    /// A call whose answer proves nothing, or whose owner is gone: from now on the look-up decides.
    pub(super) fn doubted(
        send: KeyedRequest,
        sent_at: Timestamp,
        cause: &str,
        look_at: Timestamp,
        now: Timestamp,
    ) -> (Self, CallEvent) {
        let look = LookSchedule { at: look_at, count: 0 };
        let doubt = Doubt {
            send,
            send_count: 1,
            sent_at,
            since: now,
            look,
            alarm_count: 0,
            stored_error: None,
            missing: None,
            refusals: StatusRefusals::default(),
            asked_again: None,
            must_be_compared: false,
        };
        (Self::InDoubt(doubt), CallEvent::DoubtBegan { cause: cause.to_string() })
    }

    /// The bytes that were sent last, or were about to be, and their key.
    #[must_use]
    pub const fn send(&self) -> Option<&KeyedRequest> {
        match self {
            Self::Recorded { earlier, .. } => earlier.as_ref(),
            Self::Sent { send, .. } => Some(send),
            Self::InDoubt(doubt) => Some(&doubt.send),
        }
    }

    /// When it is due.
    #[must_use]
    pub const fn due_at(&self) -> Timestamp {
        match self {
            Self::Recorded { retry_at, .. } => *retry_at,
            Self::Sent { lease_until, .. } => *lease_until,
            Self::InDoubt(doubt) => doubt.look.or_at(doubt.asked_again),
        }
    }

    /// When it first left, if it may be on its way.
    #[must_use]
    pub const fn sent_at(&self) -> Option<Timestamp> {
        match self {
            Self::Recorded { left_at, .. } => *left_at,
            Self::Sent { sent_at, .. } => Some(*sent_at),
            Self::InDoubt(doubt) => Some(doubt.sent_at),
        }
    }

    /// The doubt about it, if there is one.
    #[must_use]
    pub const fn doubt(&self) -> Option<&Doubt> {
        if let Self::InDoubt(doubt) = self { Some(doubt) } else { None }
    }

    pub(super) const fn doubt_mut(&mut self) -> Option<&mut Doubt> {
        if let Self::InDoubt(doubt) = self { Some(doubt) } else { None }
    }

    /// Handles a send whose owner's lease is over or whose process has ended. `None` when the call is not on
    /// its way.
    pub(super) fn orphaned(&mut self, now: Timestamp) -> Option<CallEvent> {
        let Self::Sent { send, sent_at, .. } = self else { return None };
        let (doubted, event) = Self::doubted(send.clone(), *sent_at, "its sender is gone", now, now);
        *self = doubted;
        Some(event)
    }

    /// Takes the call up when it is due: reschedules its timer, so that nobody else takes it up as well.
    pub(super) fn take_up(
        &mut self,
        kind: CallKind,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> (CallNeeds, Option<CallEvent>) {
        match self {
            Self::Recorded { retry_at, .. } => {
                *retry_at = now.plus(rules.lease);
                (CallNeeds::Send, None)
            }
            Self::Sent { .. } => (CallNeeds::Wait, self.orphaned(now)),
            Self::InDoubt(doubt) => (CallNeeds::Look, doubt.take_up(kind, now)),
        }
    }

    /// Handles an answer to the call's only send that settles nothing: the call is to be sent again after the
    /// pause, or is in doubt. `unusable` describes a success that shows no effect. `None` when the call is
    /// not on its way, or a later send may have left: then such an answer proves nothing.
    pub(super) fn unsettled<S, R: AsRef<str>>(
        &mut self,
        kind: CallKind,
        answer: &CallAnswer<S, R>,
        unusable: &str,
        pause: Duration,
        now: Timestamp,
    ) -> Option<CallEvent> {
        let Self::Sent { send, sent_at, .. } = self else { return None };
        let (send, sent_at) = (send.clone(), *sent_at);
        // The caller that got the answer looks the call up immediately; if it does not, the timer does.
        let look_at = now.plus(doubt_delay(0));
        let in_doubt = |send, cause: &str| Self::doubted(send, sent_at, cause, look_at, now);
        let again = |send: KeyedRequest, left_at| {
            let left_at = if kind == CallKind::Finalize { left_at } else { None };
            Self::Recorded { earlier: Some(send), left_at, retry_at: now.plus(pause) }
        };
        let event;
        (*self, event) = match answer {
            CallAnswer::NotSent => {
                let left_at = (send.n > KeyOrdinal::FIRST).then_some(sent_at);
                (again(send, left_at), CallEvent::NotSent)
            }
            CallAnswer::NotEvaluated { code } => {
                (again(send, Some(sent_at)), CallEvent::NotEvaluated { code: code.clone() })
            }
            CallAnswer::Success(_) => in_doubt(send, unusable),
            CallAnswer::Refused(refusal) => in_doubt(send, refusal.as_ref()),
            CallAnswer::WrongStatus { cause } | CallAnswer::Unclear { cause, .. } => in_doubt(send, cause),
        };
        Some(event)
    }

    /// Records a re-send before it leaves: the same bytes under the same key. `None` when the call is not in
    /// doubt.
    pub(super) fn send_again(&mut self) -> Option<(KeyedRequest, CallEvent)> {
        let doubt = self.doubt_mut()?;
        doubt.send_count = doubt.send_count.saturating_add(1);
        let event = CallEvent::Sent { n: doubt.send.n, send_count: doubt.send_count };
        Some((doubt.send.clone(), event))
    }
}

impl Doubt {
    /// The doubt about a call that was given up, and that can be settled after all. Its alarms have been raised.
    pub(super) fn again(send: KeyedRequest, sent_at: Timestamp, now: Timestamp) -> Self {
        let alarm_count = alarms_due(&ALARMS, now.since(sent_at));
        let look = LookSchedule { at: now.plus(doubt_delay(0)), count: 0 };
        Self {
            send,
            send_count: 1,
            sent_at,
            since: sent_at,
            look,
            alarm_count,
            stored_error: None,
            missing: None,
            refusals: StatusRefusals::default(),
            asked_again: None,
            must_be_compared: false,
        }
    }

    fn take_up(&mut self, kind: CallKind, now: Timestamp) -> Option<CallEvent> {
        let lasting = now.since(self.since);
        let mut due = alarms_due(&ALARMS, lasting);
        let mut look_at = now.plus(doubt_delay(self.look.count));
        if kind == CallKind::Finalize {
            if let Some(next_alarm) = ALARMS.iter().find(|alarm| lasting < **alarm) {
                look_at = look_at.min(self.since.plus(*next_alarm));
            }
        } else {
            // The last alarm is repeated, as it is for an attempt that nobody can resolve.
            due = due.saturating_add(reminders_due(lasting));
        }
        self.look = LookSchedule { at: look_at, count: self.look.count.saturating_add(1) };
        let rings = due > self.alarm_count;
        self.alarm_count = self.alarm_count.max(due);
        rings.then_some(CallEvent::Alarm { lasting })
    }

    /// The stored 5xx that is known after a send of a Finalize got this answer.
    pub(super) fn stored_error_after<S, R>(&self, answer: &CallAnswer<S, R>) -> Option<StoredError> {
        match answer {
            CallAnswer::Unclear { cause, kind: UnclearKind::ServerError } => {
                let known = self.stored_error.as_ref().filter(|known| known.cause == *cause);
                let replay_count = known.map_or(0, |known| known.replay_count.saturating_add(1));
                Some(StoredError { cause: cause.clone(), replay_count })
            }
            CallAnswer::Success(_)
            | CallAnswer::Refused(_)
            | CallAnswer::NotSent
            | CallAnswer::NotEvaluated { .. }
            | CallAnswer::WrongStatus { .. }
            | CallAnswer::Unclear { .. } => None,
        }
    }
}
