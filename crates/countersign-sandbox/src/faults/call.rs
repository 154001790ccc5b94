//! Ordered faults of calls: which calls a fault strikes, when, and what it does. This is pure
//! bookkeeping: the control API orders faults; `http/` asks before and after each call which fault
//! strikes the call, and applies that fault. `book/last_changes.rs` has what a stale read shows.

use std::time::Duration;

use countersign_domain::ids::{CheckoutSessionId, PublicKeyId};
use http::StatusCode;

use super::list::{Fault, FaultList};
use crate::calls::Operation;
use crate::words::words;

/// The time after which an ordered timeout resets the connection, unless the order says otherwise.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// The time after a change during which reads are stale, unless the order says otherwise.
pub(crate) const DEFAULT_STALENESS: Duration = Duration::from_secs(5);

words! {
    /// When a fault strikes a call.
    CallPoint {
        /// After the call's signature was verified, and before anything else is done.
        Before = "before",
        /// After the call was executed and its changes were committed. A refused call never gets
        /// here.
        AfterCommit = "afterCommit",
    }
}

words! {
    /// What a fault does to a call.
    CallFaultKind {
        Reset = "reset",
        Timeout = "timeout",
        Status = "status",
        StaleRead = "staleRead",
    }
}

/// What a fault does to a call, with the fault's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallFault {
    /// The connection is reset.
    Reset,
    /// Nothing is answered for this long, in real time; then the connection is reset.
    Timeout { delay: Duration },
    /// This status is answered instead.
    Status { status: StatusCode },
    /// A read shows the object as it was before its last change, for this long after that change.
    StaleRead { delay: Duration },
}

impl CallFault {
    /// The kind of this fault.
    pub(crate) const fn kind(self) -> CallFaultKind {
        match self {
            Self::Reset => CallFaultKind::Reset,
            Self::Timeout { .. } => CallFaultKind::Timeout,
            Self::Status { .. } => CallFaultKind::Status,
            Self::StaleRead { .. } => CallFaultKind::StaleRead,
        }
    }
}

/// Which calls a fault fits, and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallFaultOrder {
    pub(crate) operation: Operation,
    pub(crate) point: CallPoint,
    pub(crate) fault: CallFault,
    /// If set, the fault fits only calls with this key.
    pub(crate) public_key_id: Option<PublicKeyId>,
    /// If set, the fault fits only calls on this session.
    pub(crate) checkout_session_id: Option<CheckoutSessionId>,
}

/// Why a fault makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallFaultRefused {
    /// A stale read was ordered for a call that does not read an object.
    StaleWrite,
    /// The order names a Checkout Session, but no call of this kind does.
    NamesNoCheckoutSession,
}

/// A call that a fault may strike: the parts that are compared with the orders.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) operation: Operation,
    pub(crate) public_key_id: &'a PublicKeyId,
    pub(crate) checkout_session_id: Option<&'a CheckoutSessionId>,
}

impl CallFaultOrder {
    /// The order, if it makes sense.
    pub(crate) fn checked(mut self) -> Result<Self, CallFaultRefused> {
        if let CallFault::StaleRead { .. } = self.fault {
            if !self.operation.is_read() {
                return Err(CallFaultRefused::StaleWrite);
            }
            // A stale read has no point of its own: it is stored as `Before`.
            self.point = CallPoint::Before;
        }
        if self.checkout_session_id.is_some() && !self.operation.names_checkout_session() {
            return Err(CallFaultRefused::NamesNoCheckoutSession);
        }
        Ok(self)
    }

    fn fits(&self, call: &Candidate<'_>, point: CallPoint) -> bool {
        self.operation == call.operation
            && self.point == point
            && self.public_key_id.as_ref().is_none_or(|id| id == call.public_key_id)
            && self.checkout_session_id.as_ref().is_none_or(|id| Some(id) == call.checkout_session_id)
    }
}

/// The active faults of calls.
pub(crate) type CallFaults = FaultList<CallFaultOrder>;

impl CallFaults {
    /// The fault that strikes this call at this point.
    pub(crate) fn strike_call(
        &self,
        call: &Candidate<'_>,
        point: CallPoint,
    ) -> Option<Fault<CallFaultOrder>> {
        self.strike(|order| order.fits(call, point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::list::{Chance, MAX_FAULTS, TooManyFaults, WHOLE};

    fn key(text: &str) -> PublicKeyId {
        PublicKeyId::parse(text).unwrap()
    }

    fn session(text: &str) -> CheckoutSessionId {
        CheckoutSessionId::parse(text).unwrap()
    }

    fn order(operation: Operation, point: CallPoint) -> CallFaultOrder {
        CallFaultOrder {
            operation,
            point,
            fault: CallFault::Reset,
            public_key_id: None,
            checkout_session_id: None,
        }
    }

    fn once(fault_id: &str, order: CallFaultOrder) -> Fault<CallFaultOrder> {
        Fault { fault_id: fault_id.to_owned(), times: 1, chance: None, order }
    }

    fn finalize<'a>(key: &'a PublicKeyId, session: &'a CheckoutSessionId) -> Candidate<'a> {
        Candidate {
            operation: Operation::FinalizeCheckoutSession,
            public_key_id: key,
            checkout_session_id: Some(session),
        }
    }

    #[test]
    fn a_fault_strikes_what_it_fits_as_often_as_ordered() {
        let (key_a, key_b) = (key("A"), key("B"));
        let (session_1, session_2) = (session("1"), session("2"));
        let base = || order(Operation::FinalizeCheckoutSession, CallPoint::Before);
        let cases = [
            ("itself", 1, base(), 1),
            ("three times", 3, base(), 3),
            ("its key", 9, CallFaultOrder { public_key_id: Some(key("A")), ..base() }, 9),
            ("another key", 1, CallFaultOrder { public_key_id: Some(key_b.clone()), ..base() }, 0),
            ("its session", 9, CallFaultOrder { checkout_session_id: Some(session("1")), ..base() }, 9),
            (
                "another session",
                1,
                CallFaultOrder { checkout_session_id: Some(session_2.clone()), ..base() },
                0,
            ),
            ("another call", 1, order(Operation::CompleteCheckoutSession, CallPoint::Before), 0),
            ("another point", 1, order(Operation::FinalizeCheckoutSession, CallPoint::AfterCommit), 0),
        ];
        for (what, times, order, expected) in cases {
            let faults = CallFaults::default();
            let left = times - expected;
            faults.order(Fault { times, ..once("f", order) }).unwrap();
            let strike = || faults.strike_call(&finalize(&key_a, &session_1), CallPoint::Before);
            let struck = (0..9).filter(|_| strike().is_some()).count();
            assert_eq!(struck, expected as usize, "{what}");
            let remaining: Vec<u32> = faults.list().iter().map(|fault| fault.times).collect();
            assert_eq!(remaining, if left == 0 { vec![] } else { vec![left] }, "{what}");
        }
    }

    #[test]
    fn faults_strike_in_the_order_in_which_they_were_ordered() {
        let faults = CallFaults::default();
        for (id, status) in [("one", 500), ("two", 503), ("three", 429)] {
            let fault = CallFault::Status { status: StatusCode::from_u16(status).unwrap() };
            let base = order(Operation::GetCharge, CallPoint::Before);
            faults.order(once(id, CallFaultOrder { fault, ..base })).unwrap();
        }
        assert_eq!((faults.remove(Some("two")), faults.remove(Some("two"))), (1, 0));
        let (key, call) = (key("A"), Operation::GetCharge);
        let call = Candidate { operation: call, public_key_id: &key, checkout_session_id: None };
        let struck = |point| faults.strike_call(&call, point).map(|struck| struck.fault_id);
        assert_eq!(struck(CallPoint::Before).as_deref(), Some("one"));
        assert_eq!(faults.remove(None), 1);
        assert_eq!(struck(CallPoint::Before), None);
    }

    #[test]
    fn the_same_seed_gives_the_same_trace() {
        let (key, session) = (key("A"), session("1"));
        let trace = |rate, seed| -> Vec<bool> {
            let faults = CallFaults::default();
            let base = order(Operation::FinalizeCheckoutSession, CallPoint::Before);
            let chance = Some(Chance { rate, seed });
            faults.order(Fault { times: u32::MAX, chance, ..once("f", base) }).unwrap();
            let strike = || faults.strike_call(&finalize(&key, &session), CallPoint::Before);
            (0..1_000).map(|_| strike().is_some()).collect()
        };
        let count = |rate, seed| trace(rate, seed).into_iter().filter(|struck| *struck).count();
        assert_eq!(trace(250_000, 7), trace(250_000, 7));
        assert_ne!(trace(250_000, 7), trace(250_000, 8));
        assert!((200..300).contains(&count(250_000, 7)), "{}", count(250_000, 7));
        assert_eq!((count(0, 7), count(WHOLE, 7)), (0, 1_000));
    }

    #[test]
    fn an_order_that_makes_no_sense_is_refused() {
        let try_order = |order: CallFaultOrder| order.checked().map(|_| ());
        let stale = CallFault::StaleRead { delay: DEFAULT_STALENESS };
        for operation in Operation::ALL.iter().copied() {
            let word = operation.as_str();
            assert_eq!(Operation::parse(word), Some(operation));
            let of_session = CallFaultOrder {
                checkout_session_id: Some(session("1")),
                ..order(operation, CallPoint::Before)
            };
            let expected =
                if word.contains("CheckoutSession") && operation != Operation::CreateCheckoutSession {
                    Ok(())
                } else {
                    Err(CallFaultRefused::NamesNoCheckoutSession)
                };
            assert_eq!(try_order(of_session), expected, "{word}");
            let stale = CallFaultOrder { fault: stale, ..order(operation, CallPoint::AfterCommit) };
            let expected = if word.starts_with("get") { Ok(()) } else { Err(CallFaultRefused::StaleWrite) };
            assert_eq!(try_order(stale), expected, "{word}");
        }
        let faults = CallFaults::default();
        let try_order = || faults.order(once("f", order(Operation::GetCharge, CallPoint::Before)));
        for _ in 0..MAX_FAULTS {
            try_order().unwrap();
        }
        assert_eq!(try_order(), Err(TooManyFaults));
        assert_eq!(faults.list().len(), MAX_FAULTS);
    }
}
