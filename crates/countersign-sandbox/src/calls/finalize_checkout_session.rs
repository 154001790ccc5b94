//! Finalize Checkout Session, and the code that it shares with Complete Checkout Session.

use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::provider::checkout_session::CheckoutSession;
use countersign_domain::provider::finalize::{
    self as rules, FinalizeOutcome, FinalizeRefused, FinalizeRequest, NewIds, SimulationCode,
};
use countersign_protocol::wire;

use super::call::{Call, KeyUse, Properties, Simulations};
use super::reading::known;
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::book::finalize::FinalizeResult;
use crate::http::errors::ApiRefused;
use crate::http::render;

pub(super) struct FinalizeCheckoutSession(FinalizeRequest);

impl Call for FinalizeCheckoutSession {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::ByFlag, simulations: Simulations::Known };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        let body: wire::FinalizeCheckoutSession = request.body()?;
        Ok(Self(FinalizeRequest {
            payment_intent: known(body.payment_intent),
            charge_amount: body.charge_amount.map(Into::into),
            total_order_amount: body.total_order_amount.map(Into::into),
            can_handle_pending_authorization: body.can_handle_pending_authorization,
            shipping_address: body.shipping_address.map(Into::into),
            billing_address: body.billing_address.map(Into::into),
            supplementary_data: body.supplementary_data,
            merchant_metadata: body.merchant_metadata.map(Into::into),
        }))
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        let (ladder, now) = (request.settings.finalize_rules(), request.caller.now);
        let decide =
            |session: &_, simulation, ids| rules::finalize(session, &self.0, simulation, &ladder, ids, now);
        complete_by(book, request, decide).await
    }
}

/// Completes the session that the path names. An unknown simulation code is refused only at the point where
/// the payment would be made.
pub(super) async fn complete_by(
    book: &Book,
    request: &SignedRequest<'_>,
    decide: impl Fn(&CheckoutSession, Option<SimulationCode>, NewIds) -> Result<FinalizeOutcome, FinalizeRefused>,
) -> Result<ApiAnswer, ApiRefused> {
    let simulation = request.simulation_code().map(SimulationCode::parse);
    let decide = |session: &CheckoutSession, ids| {
        let decided = decide(session, simulation.flatten(), ids).map_err(ApiRefused::Finalize)?;
        match (simulation, decided) {
            (Some(None), FinalizeOutcome::Completed(_) | FinalizeOutcome::Failed(..)) => {
                Err(ApiRefused::Finalize(FinalizeRefused::SimulationDoesNotFit))
            }
            (_, decided) => Ok(decided),
        }
    };
    let id = CheckoutSessionId::parse(request.id).ok();
    let render = |outcome: FinalizeResult<'_>| render::outcome(outcome, &request.settings.flags);
    book.complete_session(&request.caller, id.as_ref(), decide, render).await
}
