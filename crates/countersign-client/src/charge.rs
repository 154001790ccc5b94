//! Charges by their state: a call that a state does not allow cannot be written. The calls themselves are in
//! `calls/`. A handle only proves what Amazon answered at that time: the charge may have changed since, and
//! then the API says so.
//!
//! ```no_run
//! use countersign_client::{Client, CurrentCharge, Error, ids, wire};
//!
//! async fn capture_if_possible(
//!     client: &Client,
//!     id: &ids::ChargeId,
//!     request: &wire::CaptureCharge,
//!     key: &ids::IdempotencyKey,
//! ) -> Result<CurrentCharge, Error> {
//!     match client.charge(client.get_charge(id).await?.value) {
//!         CurrentCharge::Authorized(charge) => charge.capture(request, key).await,
//!         other => Ok(other),
//!     }
//! }
//! ```
//!
//! Each state has its methods:
//!
//! ```
//! # use countersign_client::charge::{Authorized, AuthorizationInitiated, Captured};
//! # use countersign_client::{ChargeHandle, ids, money, wire};
//! async fn capture(charge: ChargeHandle<Authorized>, request: &wire::CaptureCharge, key: &ids::IdempotencyKey) {
//!     let _ = charge.capture(request, key).await;
//! }
//! async fn cancel(charge: ChargeHandle<AuthorizationInitiated>, request: &wire::CancelCharge) {
//!     let _ = charge.cancel(request).await;
//! }
//! async fn refund(charge: ChargeHandle<Captured>, amount: money::Money, key: &ids::IdempotencyKey) {
//!     let _ = charge.refund(amount, key).await;
//! }
//! ```
//!
//! A charge whose authorization is pending, or that is captured, canceled or declined, has no `capture`; it
//! can only be looked at:
//!
//! ```
//! # use countersign_client::{ChargeHandle, charge::AuthorizationInitiated, ids, wire};
//! async fn look(charge: ChargeHandle<AuthorizationInitiated>, request: &wire::CaptureCharge, key: &ids::IdempotencyKey) {
//!     let _ = charge.look().await;
//! }
//! ```
//!
// Promise: C22
//! ```compile_fail,E0599
//! # use countersign_client::{ChargeHandle, charge::AuthorizationInitiated, ids, wire};
//! async fn capture(charge: ChargeHandle<AuthorizationInitiated>, request: &wire::CaptureCharge, key: &ids::IdempotencyKey) {
//!     let _ = charge.capture(request, key).await;
//! }
//! ```
//!
//! ```
//! # use countersign_client::{ChargeHandle, charge::CaptureInitiated, ids, wire};
//! async fn look(charge: ChargeHandle<CaptureInitiated>, request: &wire::CaptureCharge, key: &ids::IdempotencyKey) {
//!     let _ = charge.look().await;
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use countersign_client::{ChargeHandle, charge::CaptureInitiated, ids, wire};
//! async fn capture(charge: ChargeHandle<CaptureInitiated>, request: &wire::CaptureCharge, key: &ids::IdempotencyKey) {
//!     let _ = charge.capture(request, key).await;
//! }
//! ```
//!
//! ```
//! # use countersign_client::{ChargeHandle, charge::Captured, ids, wire};
//! async fn look(charge: ChargeHandle<Captured>, request: &wire::CaptureCharge, key: &ids::IdempotencyKey) {
//!     let _ = charge.look().await;
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use countersign_client::{ChargeHandle, charge::Captured, ids, wire};
//! async fn capture(charge: ChargeHandle<Captured>, request: &wire::CaptureCharge, key: &ids::IdempotencyKey) {
//!     let _ = charge.capture(request, key).await;
//! }
//! ```
//!
//! ```
//! # use countersign_client::{ChargeHandle, charge::Canceled, ids, wire};
//! async fn look(charge: ChargeHandle<Canceled>, request: &wire::CaptureCharge, key: &ids::IdempotencyKey) {
//!     let _ = charge.look().await;
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use countersign_client::{ChargeHandle, charge::Canceled, ids, wire};
//! async fn capture(charge: ChargeHandle<Canceled>, request: &wire::CaptureCharge, key: &ids::IdempotencyKey) {
//!     let _ = charge.capture(request, key).await;
//! }
//! ```
//!
//! ```
//! # use countersign_client::{ChargeHandle, charge::Declined, ids, wire};
//! async fn look(charge: ChargeHandle<Declined>, request: &wire::CaptureCharge, key: &ids::IdempotencyKey) {
//!     let _ = charge.look().await;
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use countersign_client::{ChargeHandle, charge::Declined, ids, wire};
//! async fn capture(charge: ChargeHandle<Declined>, request: &wire::CaptureCharge, key: &ids::IdempotencyKey) {
//!     let _ = charge.capture(request, key).await;
//! }
//! ```
//!
//! A handle that was captured is gone and cannot be captured again:
//!
//! ```
//! # use countersign_client::{ChargeHandle, charge::Authorized, ids, wire};
//! async fn capture(charge: ChargeHandle<Authorized>, request: &wire::CaptureCharge, key: &ids::IdempotencyKey) {
//!     let _ = charge.look().await;
//!     let _ = charge.capture(request, key).await;
//! }
//! ```
//!
//! ```compile_fail,E0382
//! # use countersign_client::{ChargeHandle, charge::Authorized, ids, wire};
//! async fn capture(charge: ChargeHandle<Authorized>, request: &wire::CaptureCharge, key: &ids::IdempotencyKey) {
//!     let _ = charge.capture(request, key).await;
//!     let _ = charge.capture(request, key).await;
//! }
//! ```
//!
//! Nor is there a copy of it that could be captured again. Only handles that no method consumes can be
//! cloned:
//!
//! ```
//! # use countersign_client::charge::{Canceled, CaptureInitiated, Captured, Declined};
//! # use countersign_client::ChargeHandle;
//! fn copy(
//!     captured: &ChargeHandle<Captured>,
//!     pending: &ChargeHandle<CaptureInitiated>,
//!     canceled: &ChargeHandle<Canceled>,
//!     declined: &ChargeHandle<Declined>,
//! ) {
//!     let _: ChargeHandle<Captured> = captured.clone();
//!     let _: ChargeHandle<CaptureInitiated> = pending.clone();
//!     let _: ChargeHandle<Canceled> = canceled.clone();
//!     let _: ChargeHandle<Declined> = declined.clone();
//! }
//! ```
//!
//! ```
//! # use countersign_client::{ChargeHandle, CurrentCharge, charge};
//! fn hand_on(charge: ChargeHandle<charge::Authorized>) -> ChargeHandle<charge::Authorized> {
//!     charge
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use countersign_client::{ChargeHandle, CurrentCharge, charge};
//! fn copy(charge: ChargeHandle<charge::Authorized>) -> ChargeHandle<charge::Authorized> {
//!     charge.clone()
//! }
//! ```
//!
//! ```
//! # use countersign_client::{ChargeHandle, CurrentCharge, charge};
//! fn hand_on(charge: ChargeHandle<charge::AuthorizationInitiated>) -> ChargeHandle<charge::AuthorizationInitiated> {
//!     charge
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use countersign_client::{ChargeHandle, CurrentCharge, charge};
//! fn copy(charge: ChargeHandle<charge::AuthorizationInitiated>) -> ChargeHandle<charge::AuthorizationInitiated> {
//!     charge.clone()
//! }
//! ```
//!
//! ```
//! # use countersign_client::{ChargeHandle, CurrentCharge, charge};
//! fn hand_on(charge: CurrentCharge) -> CurrentCharge {
//!     charge
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use countersign_client::{ChargeHandle, CurrentCharge, charge};
//! fn copy(charge: CurrentCharge) -> CurrentCharge {
//!     charge.clone()
//! }
//! ```
//!
//! Only a charge that is not captured yet can be canceled, and only a captured one can be refunded:
//!
//! ```
//! # use countersign_client::{ChargeHandle, charge::Captured, charge::Authorized, ids, money, wire};
//! async fn cancel(charge: ChargeHandle<Authorized>, request: &wire::CancelCharge) {
//!     let _ = charge.cancel(request).await;
//! }
//! async fn refund(charge: ChargeHandle<Captured>, amount: money::Money, key: &ids::IdempotencyKey) {
//!     let _ = charge.refund(amount, key).await;
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use countersign_client::{ChargeHandle, charge::Captured, wire};
//! async fn cancel(charge: ChargeHandle<Captured>, request: &wire::CancelCharge) {
//!     let _ = charge.cancel(request).await;
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use countersign_client::{ChargeHandle, charge::Authorized, ids, money, wire};
//! async fn refund(charge: ChargeHandle<Authorized>, amount: money::Money, key: &ids::IdempotencyKey) {
//!     let _ = charge.refund(amount, key).await;
//! }
//! ```

use core::fmt;
use core::marker::PhantomData;

use countersign_domain::ids::{ChargeId, IdempotencyKey};
use countersign_domain::money::Money;
use countersign_protocol::wire::{
    CancelCharge, CaptureCharge, Charge, ChargeState, CreateRefund, Refund, Word,
};

use crate::answer::Answer;
use crate::client::Client;
use crate::error::{CallResult, Error};

macro_rules! states {
    ($($(#[$doc:meta])+ $state:ident,)+) => {
        $(
            $(#[$doc])+
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub enum $state {}
        )+

        /// A charge, by the state that Amazon's answer shows.
        #[derive(Debug)]
        pub enum CurrentCharge {
            $($(#[$doc])+ $state(ChargeHandle<$state>),)+
            /// Its state is not one that this version knows, its answer lacks the id or the state, or it
            /// names a charge other than the requested one: all that can be done is to get it again.
            Unknown(Box<Charge>),
        }

        impl CurrentCharge {
            fn new(client: &Client, charge: Charge) -> Self {
                let state = charge.status_details.as_ref().and_then(|status| status.state.as_ref());
                match (charge.charge_id.clone(), state.and_then(Word::known)) {
                    $((Some(id), Some(ChargeState::$state)) => Self::$state(ChargeHandle::new(client, id, charge)),)+
                    (None, _) | (_, None) => Self::Unknown(Box::new(charge)),
                }
            }

            /// The charge as Amazon answered it.
            #[must_use]
            pub fn answered(&self) -> &Charge {
                match self {
                    $(Self::$state(handle) => handle.answered(),)+
                    Self::Unknown(charge) => charge,
                }
            }
        }
    };
}

states! {
    /// The authorization is pending. It can be canceled.
    AuthorizationInitiated,
    /// The money is held. It can be captured or canceled.
    Authorized,
    /// The capture is pending.
    CaptureInitiated,
    /// The money was taken. It can be refunded.
    Captured,
    /// No money was taken, and none is held.
    Canceled,
    /// No money was taken: the payment was declined.
    Declined,
}

/// A charge that, according to Amazon's answer, is in a given state. Each method is something that the state
/// allows; a method that changes the state consumes the handle and returns the charge as it is then.
pub struct ChargeHandle<S> {
    client: Client,
    id: ChargeId,
    charge: Box<Charge>,
    state: PhantomData<S>,
}

impl<S> ChargeHandle<S> {
    fn new(client: &Client, id: ChargeId, charge: Charge) -> Self {
        Self { client: client.clone(), id, charge: Box::new(charge), state: PhantomData }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &ChargeId {
        &self.id
    }

    /// The charge as Amazon answered it.
    #[must_use]
    pub fn answered(&self) -> &Charge {
        &self.charge
    }

    /// Gets the charge again: pending charges are decided without any call. An answer about another charge
    /// shows nothing about this one.
    ///
    /// # Errors
    /// As [`Client::get_charge`].
    pub async fn look(&self) -> Result<CurrentCharge, Error> {
        let charge = self.client.get_charge(&self.id).await?.value;
        if charge.charge_id.as_ref() != Some(&self.id) {
            return Ok(CurrentCharge::Unknown(Box::new(charge)));
        }
        Ok(self.client.charge(charge))
    }

    /// The charge after a call: a simulated outcome applies to this call and to no later one.
    fn after(&self, answer: Answer<Charge>) -> CurrentCharge {
        self.client.not_simulating().charge(answer.value)
    }
}

impl ChargeHandle<Authorized> {
    /// Takes the money, whole or in part; the rest is released. A charge can be captured once.
    ///
    /// # Errors
    /// As [`Client::capture_charge`]. The handle is consumed in any case: get the charge again, or send the
    /// same capture again under its key.
    pub async fn capture(
        self,
        request: &CaptureCharge,
        key: &IdempotencyKey,
    ) -> Result<CurrentCharge, Error> {
        let answer = self.client.capture_charge(&self.id, request, key).await?;
        Ok(self.after(answer))
    }
}

/// A state in which a charge can be canceled.
pub trait Cancelable: sealed::Sealed {}

impl Cancelable for AuthorizationInitiated {}
impl Cancelable for Authorized {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::AuthorizationInitiated {}
    impl Sealed for super::Authorized {}
}

impl<S: Cancelable> ChargeHandle<S> {
    /// Releases the held amount.
    ///
    /// # Errors
    /// As [`Client::cancel_charge`]. The handle is consumed in any case: get the charge again.
    pub async fn cancel(self, request: &CancelCharge) -> Result<CurrentCharge, Error> {
        let answer = self.client.cancel_charge(&self.id, request).await?;
        Ok(self.after(answer))
    }
}

impl ChargeHandle<Captured> {
    /// Refunds an amount. A charge can have several refunds, so the handle stays.
    ///
    /// # Errors
    /// As [`Client::create_refund`].
    pub async fn refund(&self, amount: Money, key: &IdempotencyKey) -> CallResult<Refund> {
        let request = CreateRefund {
            charge_id: Some(self.id.clone()),
            refund_amount: Some(amount.into()),
            ..CreateRefund::default()
        };
        self.client.create_refund(&request, key).await
    }
}

/// A state whose handle no method consumes: a copy of any other handle could be captured or canceled again.
trait FinalState {}

impl FinalState for CaptureInitiated {}
impl FinalState for Captured {}
impl FinalState for Canceled {}
impl FinalState for Declined {}

impl<S: FinalState> Clone for ChargeHandle<S> {
    fn clone(&self) -> Self {
        Self::new(&self.client, self.id.clone(), Charge::clone(&self.charge))
    }
}

impl<S> fmt::Debug for ChargeHandle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.charge, f)
    }
}

impl Client {
    /// The handle of a charge, by the state that an answer shows. No call is made.
    #[must_use]
    pub fn charge(&self, answered: Charge) -> CurrentCharge {
        CurrentCharge::new(self, answered)
    }
}
