//! The calls on Checkout Sessions: bodies in, answers out.

use countersign_domain::provider::checkout_session::{self as session_rules, CheckoutSession};
use countersign_domain::provider::finalize::{
    self as rules, FinalizeRefused, Finalized, NewIds, SimulationCode,
};

use super::errors::Refused;
use super::signed::Signed;
use super::{render, requests};
use crate::app::App;
use crate::book;
use crate::book::answer::Answer;
use crate::book::checkout::Checkout;

/// Create Checkout Session.
pub(super) async fn create(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let caller = signed.keyed()?;
    let new = requests::create(signed.body()?, caller.owner.clone(), signed.region, &app.settings.flags)?;
    let render = |checkout: &Checkout| Answer::new(201, render::checkout_session(checkout, &signed.origin));
    Ok(app.book.create_checkout_session(caller, &new, render).await?)
}

/// Get Checkout Session.
pub(super) async fn get(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let id = signed.session_id.as_ref().ok_or(book::refused::Refused::NotFound)?;
    let checkout = app.book.checkout_session(&signed.caller.owner, id, signed.look).await?;
    Ok(Answer::new(200, render::checkout_session(&checkout, &signed.origin)))
}

/// Update Checkout Session.
pub(super) async fn update(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let (owner, now) = (&signed.caller.owner, signed.caller.now);
    let update = requests::update(signed.body()?, owner.environment)?;
    let id = signed.session_id.as_ref().ok_or(book::refused::Refused::NotFound)?;
    let decide = |checkout: &Checkout| session_rules::update(checkout.session.clone(), update.clone(), now);
    let checkout = app.book.change_checkout_session(id, Some(owner), now, decide).await?;
    Ok(Answer::new(200, render::checkout_session(&checkout, &signed.origin)))
}

/// Finalize Checkout Session.
pub(super) async fn finalize(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let request = requests::finalize(signed.body()?);
    let (ladder, now) = (app.settings.finalize_rules(), signed.caller.now);
    let decide =
        |session: &_, simulation, ids| rules::finalize(session, &request, simulation, &ladder, ids, now);
    complete_by(app, signed, decide).await
}

/// Complete Checkout Session.
pub(super) async fn complete(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let request = requests::complete(signed.body()?);
    let (ladder, now) = (app.settings.finalize_rules(), signed.caller.now);
    let decide =
        |session: &_, simulation, ids| rules::complete(session, &request, simulation, &ladder, ids, now);
    complete_by(app, signed, decide).await
}

/// An unknown simulation code is refused where the payment would be made, and not before.
async fn complete_by(
    app: &App,
    signed: &Signed<'_>,
    decide: impl Fn(&CheckoutSession, Option<SimulationCode>, NewIds) -> Result<Finalized, FinalizeRefused>,
) -> Result<Answer, Refused> {
    let simulation = signed.simulation_code().map(SimulationCode::parse);
    let decide = |session: &CheckoutSession, ids| {
        let decided = decide(session, simulation.flatten(), ids)?;
        match (simulation, decided) {
            (Some(None), Finalized::Completed(_) | Finalized::Failed(..)) => {
                Err(FinalizeRefused::SimulationDoesNotFit)
            }
            (_, decided) => Ok(decided),
        }
    };
    let render = |outcome: book::finalize::Outcome<'_>| render::outcome(outcome, &app.settings.flags);
    Ok(app.book.complete_session(&signed.caller, signed.session_id.as_ref(), decide, render).await?)
}
