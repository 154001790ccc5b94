//! Create Charge. A decline is an answer that is remembered, like a success.

use countersign_domain::ids::ChargePermissionId;
use countersign_domain::provider::create_charge::{
    self as rules, CreateChargeOutcome, CreateChargeSimulation,
};
use countersign_domain::provider::payment::Payment;
use countersign_protocol::wire;

use super::call::{Call, KeyUse, Properties, Simulations};
use super::payment_answer::with_charge;
use super::reading::web_checkout;
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::book::payment::PaymentDecision;
use crate::http::errors::{self, ApiRefused};

/// Who may ask for a charge. A one-time permission does not need this member: it is checked but not
/// stored.
const CHARGE_INITIATORS: &[&str] = &["CITU", "MITU", "CITR", "MITR"];
/// Where a charge may come from.
const CHANNELS: &[&str] = &["Web", "Phone", "App", "Alexa", "PointOfSale", "FireTv", "Offline", "Amazon"];

pub(super) struct CreateCharge {
    permission_id: ChargePermissionId,
    create: rules::CreateCharge,
    simulation: Option<CreateChargeSimulation>,
}

impl Call for CreateCharge {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::Required, simulations: Simulations::Known };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        let body: wire::CreateCharge = request.body()?;
        one_of("chargeInitiator", body.charge_initiator.as_deref(), CHARGE_INITIATORS)?;
        one_of("channel", body.channel.as_deref(), CHANNELS)?;
        web_checkout(body.web_checkout_details, request.caller.owner.environment)?;
        let simulation = request.simulation(CreateChargeSimulation::parse)?;
        let permission_id = body.charge_permission_id.ok_or(ApiRefused::Missing("chargePermissionId"))?;
        let provider = body.provider_metadata;
        let create = rules::CreateCharge {
            charge_amount: body.charge_amount.map(Into::into),
            capture_now: body.capture_now.unwrap_or(false),
            can_handle_pending_authorization: body.can_handle_pending_authorization.unwrap_or(false),
            soft_descriptor: body.soft_descriptor,
            merchant_metadata: body.merchant_metadata.map(Into::into).unwrap_or_default(),
            provider_reference_id: provider.and_then(|provider| provider.provider_reference_id),
            platform_id: body.platform_id,
        };
        Ok(Self { permission_id, create, simulation })
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        let (caller, profile) = (&request.caller, request.settings.profile);
        let decide = |payment: &Payment| {
            let id = book.ids().charge_id(&self.permission_id);
            let charged = rules::create_charge(
                payment,
                self.create.clone(),
                self.simulation,
                id.clone(),
                profile,
                caller.now,
            );
            match charged.map_err(ApiRefused::CreateCharge)? {
                CreateChargeOutcome::Created(step) => with_charge(step, &id, 201),
                CreateChargeOutcome::Declined(reason, step) => {
                    Ok(PaymentDecision { step, refund: None, answer: errors::charge_declined(reason) })
                }
            }
        };
        book.change_permission(caller, &self.permission_id, decide).await
    }
}

fn one_of(field: &'static str, word: Option<&str>, words: &[&str]) -> Result<(), ApiRefused> {
    match word {
        Some(word) if !words.contains(&word) => {
            Err(ApiRefused::Invalid { field, why: "it is not one of the documented words" })
        }
        Some(_) | None => Ok(()),
    }
}
