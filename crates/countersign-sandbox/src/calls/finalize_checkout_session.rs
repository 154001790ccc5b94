//! Finalize Checkout Session, and what it shares with Complete Checkout Session.

use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::provider::checkout_session::CheckoutSession;
use countersign_domain::provider::finalize::{
    self as rules, FinalizeRefused, FinalizeRequest, Finalized, NewIds, SimulationCode,
};
use countersign_protocol::wire;

use super::call::{Call, KeyUse, Properties, Simulations, Target};
use super::reading::known;
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::Answer;
use crate::book::finalize::Outcome;
use crate::http::errors::Refused;
use crate::http::render;

pub(super) struct FinalizeCheckoutSession(FinalizeRequest);

impl Call for FinalizeCheckoutSession {
    const PROPERTIES: Properties = Properties {
        idempotency_key: KeyUse::ByFlag,
        simulations: Simulations::Known,
        target: Target::CheckoutSession,
    };

    fn read(request: &SignedRequest<'_>) -> Result<Self, Refused> {
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

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<Answer, Refused> {
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
    decide: impl Fn(&CheckoutSession, Option<SimulationCode>, NewIds) -> Result<Finalized, FinalizeRefused>,
) -> Result<Answer, Refused> {
    let simulation = request.simulation_code().map(SimulationCode::parse);
    let decide = |session: &CheckoutSession, ids| {
        let decided = decide(session, simulation.flatten(), ids).map_err(Refused::Finalize)?;
        match (simulation, decided) {
            (Some(None), Finalized::Completed(_) | Finalized::Failed(..)) => {
                Err(Refused::Finalize(FinalizeRefused::SimulationDoesNotFit))
            }
            (_, decided) => Ok(decided),
        }
    };
    let id = CheckoutSessionId::parse(request.id).ok();
    let render = |outcome: Outcome<'_>| render::outcome(outcome, &request.settings.flags);
    book.complete_session(&request.caller, id.as_ref(), decide, render).await
}
