//! Capture Charge.

use countersign_domain::ids::ChargeId;
use countersign_domain::money::Money;
use countersign_domain::provider::capture_charge::{self as rules, CaptureSimulation};
use countersign_domain::provider::payment::Payment;
use countersign_protocol::wire;

use super::call::{Call, KeyUse, Properties, Simulations};
use super::payment_answer::with_charge;
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::http::errors::ApiRefused;

pub(super) struct CaptureCharge {
    /// The id in the path; `None` if no charge can have it.
    id: Option<ChargeId>,
    amount: Option<Money>,
    soft_descriptor: Option<String>,
    simulation: Option<CaptureSimulation>,
}

impl Call for CaptureCharge {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::Required, simulations: Simulations::Known };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        let wire::CaptureCharge { capture_amount, soft_descriptor, .. } = request.body()?;
        Ok(Self {
            id: ChargeId::parse(request.id).ok(),
            amount: capture_amount.map(Into::into),
            soft_descriptor,
            simulation: request.simulation(CaptureSimulation::parse)?,
        })
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        let (caller, profile) = (&request.caller, request.settings.profile);
        let decide = |payment: &Payment, id: &ChargeId| {
            let step = rules::capture_charge(
                payment,
                id,
                self.amount,
                self.soft_descriptor.clone(),
                self.simulation,
                profile,
                caller.now,
            );
            with_charge(step.map_err(ApiRefused::Capture)?, id, 200)
        };
        book.change_charge(caller, self.id.as_ref(), decide).await
    }
}
