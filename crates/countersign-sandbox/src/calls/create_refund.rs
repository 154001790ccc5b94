//! Create Refund: pays back a Captured charge, or a part of it.

use countersign_domain::ids::ChargeId;
use countersign_domain::provider::create_refund::{self as rules, RefundSimulation};
use countersign_domain::provider::payment::Payment;
use countersign_protocol::wire;

use super::call::{Call, KeyUse, Properties, Simulations};
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::book::payment::PaymentDecision;
use crate::book::refused::BookRefused;
use crate::http::errors::ApiRefused;
use crate::http::render;

pub(super) struct CreateRefund {
    charge_id: ChargeId,
    create: rules::CreateRefund,
    simulation: Option<RefundSimulation>,
}

impl Call for CreateRefund {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::Required, simulations: Simulations::Known };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        let body: wire::CreateRefund = request.body()?;
        let simulation = request.simulation(RefundSimulation::parse)?;
        let create = rules::CreateRefund {
            refund_amount: body.refund_amount.map(Into::into),
            soft_descriptor: body.soft_descriptor,
        };
        Ok(Self { charge_id: body.charge_id.ok_or(ApiRefused::Missing("chargeId"))?, create, simulation })
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        let (caller, profile) = (&request.caller, request.settings.profile);
        let decide = |payment: &Payment, charge_id: &ChargeId| {
            let id = book.ids().refund_id(&payment.permission.id);
            let step = rules::create_refund(
                payment,
                charge_id,
                self.create.clone(),
                self.simulation,
                id.clone(),
                profile,
                caller.now,
            )
            .map_err(ApiRefused::CreateRefund)?;
            let charge = step.next.charge(charge_id);
            let refund = charge.and_then(|charge| charge.refunds.iter().find(|refund| refund.id == id));
            let refund = refund.ok_or(BookRefused::NotFound)?;
            let body = render::refund(refund, charge_id, caller.owner.environment);
            let refund = Some((id, charge_id.clone()));
            Ok(PaymentDecision { step, refund, answer: ApiAnswer::new(201, body) })
        };
        book.change_charge(caller, Some(&self.charge_id), decide).await
    }
}
