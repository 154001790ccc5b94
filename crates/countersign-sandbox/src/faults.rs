//! Ordered faults: which call is struck, when, and by what. Pure bookkeeping: the control API orders,
//! and the servers of the API ask [`Faults::strike`] before and after each call and do what it says. What
//! a stale read shows is in `app/recent.rs`.
//!
//! Nothing here is stored: a restart forgets every fault.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_domain::ids::{CheckoutSessionId, PublicKeyId};
use countersign_protocol::wire::ReasonCode;
use countersign_world::Stream;
use http::StatusCode;

/// The most faults that may be ordered at once: every call looks through them.
pub(crate) const MAX_FAULTS: usize = 1_000;
/// After how long an ordered time-out resets the connection, unless the order says.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// For how long after a change a read is stale, unless the order says.
pub(crate) const DEFAULT_STALENESS: Duration = Duration::from_secs(5);

macro_rules! words {
    ($(#[$doc:meta])+ $name:ident { $($variant:ident = $word:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum $name { $($variant,)+ }

        impl $name {
            pub(crate) const WORDS: &'static [&'static str] = &[$($word),+];

            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub(crate) fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// A call, by the name of the SDKs' method.
    Operation {
        CreateCheckoutSession = "createCheckoutSession",
        GetCheckoutSession = "getCheckoutSession",
        UpdateCheckoutSession = "updateCheckoutSession",
        CompleteCheckoutSession = "completeCheckoutSession",
        FinalizeCheckoutSession = "finalizeCheckoutSession",
        GetChargePermission = "getChargePermission",
        UpdateChargePermission = "updateChargePermission",
        CloseChargePermission = "closeChargePermission",
        CreateCharge = "createCharge",
        GetCharge = "getCharge",
        UpdateCharge = "updateCharge",
        CaptureCharge = "captureCharge",
        CancelCharge = "cancelCharge",
        CreateRefund = "createRefund",
        GetRefund = "getRefund",
    }
}

impl Operation {
    const fn is_read(self) -> bool {
        match self {
            Self::GetCheckoutSession | Self::GetChargePermission | Self::GetCharge | Self::GetRefund => true,
            Self::CreateCheckoutSession
            | Self::UpdateCheckoutSession
            | Self::CompleteCheckoutSession
            | Self::FinalizeCheckoutSession
            | Self::UpdateChargePermission
            | Self::CloseChargePermission
            | Self::CreateCharge
            | Self::UpdateCharge
            | Self::CaptureCharge
            | Self::CancelCharge
            | Self::CreateRefund => false,
        }
    }

    /// Whether the call's path has a Checkout Session's id.
    const fn names_a_checkout_session(self) -> bool {
        match self {
            Self::GetCheckoutSession
            | Self::UpdateCheckoutSession
            | Self::CompleteCheckoutSession
            | Self::FinalizeCheckoutSession => true,
            Self::CreateCheckoutSession
            | Self::GetChargePermission
            | Self::GetCharge
            | Self::GetRefund
            | Self::UpdateChargePermission
            | Self::CloseChargePermission
            | Self::CreateCharge
            | Self::UpdateCharge
            | Self::CaptureCharge
            | Self::CancelCharge
            | Self::CreateRefund => false,
        }
    }
}

words! {
    /// When a call is struck.
    Point {
        // Its signature was verified, and nothing else was done.
        Before = "before",
        // It was carried out, and what it changed is committed. A refused call never gets here.
        AfterCommit = "afterCommit",
    }
}

/// What becomes of a call that is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The connection is reset.
    Reset,
    /// Nothing is answered for so long, in real time; then the connection is reset.
    Timeout { delay: Duration },
    /// This is answered instead.
    Status { status: StatusCode },
    /// A read shows the object as it was before its last change, for so long after that change.
    StaleRead { delay: Duration },
}

impl FaultKind {
    pub(crate) const WORDS: &'static [&'static str] = &["reset", "timeout", "status", "staleRead"];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Timeout { .. } => "timeout",
            Self::Status { .. } => "status",
            Self::StaleRead { .. } => "staleRead",
        }
    }
}

/// How likely a fault strikes a call that it fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chance {
    /// In millionths: 1,000,000 is every call.
    pub(crate) rate: u32,
    /// The same seed strikes the same calls of a sequence.
    pub(crate) seed: u64,
}

/// A million: the whole of a rate.
pub(crate) const WHOLE: u32 = 1_000_000;

/// A fault as ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FaultOrder {
    pub(crate) operation: Operation,
    pub(crate) point: Point,
    pub(crate) kind: FaultKind,
    /// How many calls it strikes, at least 1.
    pub(crate) times: u32,
    /// Only calls with this key.
    pub(crate) public_key_id: Option<PublicKeyId>,
    /// Only calls on this session.
    pub(crate) checkout_session_id: Option<CheckoutSessionId>,
    /// Without one, every call that it fits.
    pub(crate) chance: Option<Chance>,
}

/// Why a fault is not ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultRefused {
    /// A call that reads nothing cannot be stale.
    StaleWrite,
    /// The call names no Checkout Session that could be compared.
    NamesNoCheckoutSession,
    /// There are [`MAX_FAULTS`].
    TooMany,
}

/// A call, as far as faults are told apart by it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) operation: Operation,
    pub(crate) public_key_id: &'a PublicKeyId,
    pub(crate) checkout_session_id: Option<&'a CheckoutSessionId>,
}

/// The fault that strikes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Struck {
    pub(crate) fault_id: String,
    pub(crate) kind: FaultKind,
}

/// A fault that is in force, for the control API's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) fault_id: String,
    /// Its `times` are those that are left.
    pub(crate) order: FaultOrder,
}

#[derive(Debug)]
struct Fault {
    standing: Standing,
    draws: Stream,
}

impl Fault {
    fn fits(&self, call: &Call<'_>, point: Point) -> bool {
        let order = &self.standing.order;
        order.operation == call.operation
            && order.point == point
            && order.public_key_id.as_ref().is_none_or(|id| id == call.public_key_id)
            && order.checkout_session_id.as_ref().is_none_or(|id| Some(id) == call.checkout_session_id)
    }

    fn draw(&self) -> bool {
        let drawn = || self.draws.draw().checked_rem(u64::from(WHOLE)).unwrap_or(0);
        self.standing.order.chance.is_none_or(|chance| drawn() < u64::from(chance.rate))
    }
}

/// The faults in force, in the order in which they were ordered.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a fault in force.
    pub(crate) fn order(&self, fault_id: String, mut order: FaultOrder) -> Result<(), FaultRefused> {
        if let FaultKind::StaleRead { .. } = order.kind {
            if !order.operation.is_read() {
                return Err(FaultRefused::StaleWrite);
            }
            // A read is stale in itself, neither before nor after anything.
            order.point = Point::Before;
        }
        if order.checkout_session_id.is_some() && !order.operation.names_a_checkout_session() {
            return Err(FaultRefused::NamesNoCheckoutSession);
        }
        let mut faults = self.lock();
        if faults.len() >= MAX_FAULTS {
            return Err(FaultRefused::TooMany);
        }
        let draws = Stream::new(order.chance.map_or(0, |chance| chance.seed));
        faults.push(Fault { standing: Standing { fault_id, order }, draws });
        Ok(())
    }

    /// What strikes this call at this point: the first fault that fits it and draws it. That fault has
    /// struck once more, and is gone if it has no times left.
    pub(crate) fn strike(&self, call: &Call<'_>, point: Point) -> Option<Struck> {
        let mut faults = self.lock();
        let position = faults.iter().position(|fault| fault.fits(call, point) && fault.draw())?;
        let standing = &mut faults.get_mut(position)?.standing;
        standing.order.times = standing.order.times.saturating_sub(1);
        let struck = Struck { fault_id: standing.fault_id.clone(), kind: standing.order.kind };
        if standing.order.times == 0 {
            faults.remove(position);
        }
        Some(struck)
    }

    /// The faults in force.
    pub(crate) fn list(&self) -> Vec<Standing> {
        self.lock().iter().map(|fault| fault.standing.clone()).collect()
    }

    /// Takes one fault out of force; `false` if there is none of this id.
    pub(crate) fn remove(&self, fault_id: &str) -> bool {
        let mut faults = self.lock();
        let before = faults.len();
        faults.retain(|fault| fault.standing.fault_id != fault_id);
        faults.len() < before
    }

    /// Takes every fault out of force, and says how many there were.
    pub(crate) fn clear(&self) -> usize {
        std::mem::take(&mut *self.lock()).len()
    }
}

/// The reason code that goes with an ordered status: the API's usual one where it has the status.
pub(crate) fn reason_code(status: StatusCode) -> ReasonCode {
    match status.as_u16() {
        401 => ReasonCode::UnauthorizedAccess,
        403 => ReasonCode::InvalidAuthentication,
        404 => ReasonCode::ResourceNotFound,
        405 => ReasonCode::RequestNotSupported,
        408 => ReasonCode::RequestTimeout,
        409 => ReasonCode::AmountMismatch,
        422 => ReasonCode::InvalidCheckoutSessionStatus,
        426 => ReasonCode::TLSVersionNotSupported,
        429 => ReasonCode::TooManyRequests,
        400..=499 => ReasonCode::InvalidRequest,
        500 => ReasonCode::InternalServerError,
        _ => ReasonCode::ServiceUnavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> PublicKeyId {
        PublicKeyId::parse(text).unwrap()
    }

    fn session(text: &str) -> CheckoutSessionId {
        CheckoutSessionId::parse(text).unwrap()
    }

    fn order(operation: Operation, point: Point) -> FaultOrder {
        FaultOrder {
            operation,
            point,
            kind: FaultKind::Reset,
            times: 1,
            public_key_id: None,
            checkout_session_id: None,
            chance: None,
        }
    }

    fn finalize<'a>(key: &'a PublicKeyId, session: &'a CheckoutSessionId) -> Call<'a> {
        Call {
            operation: Operation::FinalizeCheckoutSession,
            public_key_id: key,
            checkout_session_id: Some(session),
        }
    }

    #[test]
    fn a_fault_strikes_what_it_fits_as_often_as_ordered() {
        let (key_a, key_b) = (key("A"), key("B"));
        let (session_1, session_2) = (session("1"), session("2"));
        let base = || order(Operation::FinalizeCheckoutSession, Point::Before);
        let cases = [
            ("itself", base(), 1),
            ("three times", FaultOrder { times: 3, ..base() }, 3),
            ("its key", FaultOrder { times: 9, public_key_id: Some(key("A")), ..base() }, 9),
            ("another key", FaultOrder { public_key_id: Some(key_b.clone()), ..base() }, 0),
            ("its session", FaultOrder { times: 9, checkout_session_id: Some(session("1")), ..base() }, 9),
            ("another session", FaultOrder { checkout_session_id: Some(session_2.clone()), ..base() }, 0),
            ("another call", order(Operation::CompleteCheckoutSession, Point::Before), 0),
            ("another point", order(Operation::FinalizeCheckoutSession, Point::AfterCommit), 0),
        ];
        for (what, order, expected) in cases {
            let faults = Faults::default();
            let left = order.times.saturating_sub(expected);
            faults.order("f".to_owned(), order).unwrap();
            let strike = || faults.strike(&finalize(&key_a, &session_1), Point::Before);
            let struck = (0..9).filter(|_| strike().is_some()).count();
            assert_eq!(struck, expected as usize, "{what}");
            let standing: Vec<u32> = faults.list().iter().map(|fault| fault.order.times).collect();
            assert_eq!(standing, if left == 0 { vec![] } else { vec![left] }, "{what}");
        }
    }

    #[test]
    fn faults_strike_in_the_order_in_which_they_were_ordered() {
        let faults = Faults::default();
        for (id, status) in [("one", 500), ("two", 503), ("three", 429)] {
            let kind = FaultKind::Status { status: StatusCode::from_u16(status).unwrap() };
            let base = order(Operation::GetCharge, Point::Before);
            faults.order(id.to_owned(), FaultOrder { kind, ..base }).unwrap();
        }
        assert!(faults.remove("two") && !faults.remove("two"));
        let (key, call) = (key("A"), Operation::GetCharge);
        let call = Call { operation: call, public_key_id: &key, checkout_session_id: None };
        let struck = |point| faults.strike(&call, point).map(|struck| struck.fault_id);
        assert_eq!(struck(Point::Before).as_deref(), Some("one"));
        assert_eq!(faults.clear(), 1);
        assert_eq!(struck(Point::Before), None);
    }

    #[test]
    fn the_same_seed_gives_the_same_trace() {
        let (key, session) = (key("A"), session("1"));
        let trace = |rate, seed| -> Vec<bool> {
            let faults = Faults::default();
            let base = order(Operation::FinalizeCheckoutSession, Point::Before);
            let chance = Some(Chance { rate, seed });
            faults.order("f".to_owned(), FaultOrder { times: u32::MAX, chance, ..base }).unwrap();
            (0..1_000).map(|_| faults.strike(&finalize(&key, &session), Point::Before).is_some()).collect()
        };
        let count = |rate, seed| trace(rate, seed).into_iter().filter(|struck| *struck).count();
        assert_eq!(trace(250_000, 7), trace(250_000, 7));
        assert_ne!(trace(250_000, 7), trace(250_000, 8));
        assert!((200..300).contains(&count(250_000, 7)), "{}", count(250_000, 7));
        assert_eq!((count(0, 7), count(WHOLE, 7)), (0, 1_000));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let faults = Faults::default();
        let try_order = |order| faults.order("f".to_owned(), order);
        let stale = FaultKind::StaleRead { delay: DEFAULT_STALENESS };
        for word in Operation::WORDS {
            let operation = Operation::parse(word).unwrap();
            assert_eq!(operation.as_str(), *word);
            let of_session =
                FaultOrder { checkout_session_id: Some(session("1")), ..order(operation, Point::Before) };
            let expected =
                if word.contains("CheckoutSession") && operation != Operation::CreateCheckoutSession {
                    Ok(())
                } else {
                    Err(FaultRefused::NamesNoCheckoutSession)
                };
            assert_eq!(try_order(of_session), expected, "{word}");
            let stale = FaultOrder { kind: stale, ..order(operation, Point::AfterCommit) };
            let expected = if word.starts_with("get") { Ok(()) } else { Err(FaultRefused::StaleWrite) };
            assert_eq!(try_order(stale), expected, "{word}");
        }
        faults.clear();
        let some = || order(Operation::GetCharge, Point::Before);
        for _ in 0..MAX_FAULTS {
            try_order(some()).unwrap();
        }
        assert_eq!(try_order(some()), Err(FaultRefused::TooMany));
        assert_eq!(faults.list().len(), MAX_FAULTS);
    }

    #[test]
    fn every_error_status_has_a_reason_code() {
        for status in 400..600 {
            let code = reason_code(StatusCode::from_u16(status).unwrap());
            let documented = ReasonCode::ALL.iter().any(|code| code.status() == status);
            assert_eq!(code.status() == status, documented, "{status} {code}");
        }
    }
}
