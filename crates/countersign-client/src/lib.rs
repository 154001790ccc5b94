//! A Rust client for Amazon Pay.
//!
//! One method for each call. Every call has timeouts; a call is repeated only where a copy does no harm, and
//! is signed again each time; an [`Error`] says whether money may have moved.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use countersign_client::{Algorithm, Client, Endpoint, KeySigner, SendMode, ids, money, terms, wire};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let key_id = ids::PublicKeyId::parse("SANDBOX-AHEGSJCM3L2S").map_err(|refused| refused.to_string())?;
//! let pem = std::fs::read_to_string("merchant.pem")?;
//! let signer = KeySigner::from_pem(key_id, &pem, Algorithm::PssV2)?;
//! let client = Client::builder(ids::Region::NorthAmerica, Arc::new(signer))
//!     .endpoint(Endpoint::parse("http://127.0.0.1:8100")?)
//!     .build()?;
//! let session = ids::CheckoutSessionId::parse("bd504926-f659-4ad7-a1a9-9a747aaf5275")
//!     .map_err(|refused| refused.to_string())?;
//! let request = wire::FinalizeCheckoutSession {
//!     payment_intent: Some(terms::PaymentIntent::Confirm.into()),
//!     charge_amount: Some(money::Money::from_minor(1_400, money::Currency::USD).into()),
//!     ..Default::default()
//! };
//! match client.finalize_checkout_session(&session, &request, SendMode::Once).await {
//!     Ok(answer) => println!("paid: {:?}", answer.value.charge_permission_id),
//!     Err(error) if error.is_ambiguous() => println!("perhaps paid: look it up ({error})"),
//!     Err(error) => println!("not paid: {error}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Modules: `calls/` has the calls, [`charge`] the handles of charges, [`notification`] the verifier of
//! Amazon's notifications, `exchange` how a call is sent, [`RetryPolicy`] when it is sent again, [`failure_class`]
//! what an answer means, [`Https`] the sockets.
#![warn(missing_docs)]

mod answer;
mod call;
mod calls;
pub mod charge;
mod client;
mod endpoint;
mod error;
mod exchange;
mod failure_class;
mod https;
pub mod notification;
mod retry;
mod signed;
mod signer;
mod simulation;
mod transport;

pub use answer::{Answer, read_http_date};
pub use calls::SendMode;
pub use charge::{ChargeHandle, CurrentCharge};
pub use client::{Client, ClientBuilder, ConfigurationRefused, Deadlines};
pub use countersign_domain::{address, ids, money, terms, time};
pub use countersign_protocol::signing::{Algorithm, KeyRefused, KeySigner, MerchantKey};
pub use countersign_protocol::{signing, wire};
pub use countersign_world::{Clock, Entropy, SystemClock, SystemEntropy};
pub use endpoint::{Endpoint, NotAnEndpoint};

pub use error::{CallResult, Error};
pub use failure_class::{FailureClass, failure_class};
pub use https::{Https, MAX_ANSWER_LEN};
pub use notification::NotificationVerifier;
pub use retry::{Decision, Outcome, RepeatSafety, RetryPolicy};
pub use signer::{SignRequest, SigningFailed};
pub use simulation::{NotASimulationCode, SimulationCode};
pub use transport::{Obstacle, Transport, TransportError};
