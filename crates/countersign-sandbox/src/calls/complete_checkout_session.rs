//! Complete Checkout Session: the counterpart of Finalize in the flow that redirects the buyer.

use countersign_domain::provider::finalize::{self as rules, CompleteRequest};
use countersign_protocol::wire;

use super::call::{Call, KeyUse, Properties, Simulations};
use super::finalize_checkout_session::complete_by;
use super::signed_request::SignedRequest;
use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::http::errors::ApiRefused;

pub(super) struct CompleteCheckoutSession(CompleteRequest);

impl Call for CompleteCheckoutSession {
    const PROPERTIES: Properties =
        Properties { idempotency_key: KeyUse::ByFlag, simulations: Simulations::Known };

    fn read(request: &SignedRequest<'_>) -> Result<Self, ApiRefused> {
        let body: wire::CompleteCheckoutSession = request.body()?;
        Ok(Self(CompleteRequest {
            charge_amount: body.charge_amount.map(Into::into),
            total_order_amount: body.total_order_amount.map(Into::into),
        }))
    }

    async fn answer(self, book: &Book, request: &SignedRequest<'_>) -> Result<ApiAnswer, ApiRefused> {
        let (ladder, now) = (request.settings.finalize_rules(), request.caller.now);
        let decide =
            |session: &_, simulation, ids| rules::complete(session, &self.0, simulation, &ladder, ids, now);
        complete_by(book, request, decide).await
    }
}
