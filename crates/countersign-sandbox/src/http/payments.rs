//! The calls on Charges, Charge Permissions and Refunds: bodies in, answers out.

use countersign_domain::ids::{ChargeId, ChargePermissionId, Environment};
use countersign_domain::provider::charge::ChargeCancelReason;
use countersign_domain::provider::close_charge_permission::OpenCharges;
use countersign_domain::terms::MerchantMetadata;
use countersign_domain::{provider, terms};
use countersign_http::Request;
use countersign_protocol::wire::{self, Spellings, read_request};

use super::errors::{self, Refused};
use super::{Signed, render, requests};
use crate::app::after_result::{Capture, Close};
use crate::app::reply::{Answer, Caller};
use crate::app::{self, App};
use crate::faults::Operation;

/// Who may ask for a charge. What a one-time permission does not need is checked and not kept.
const CHARGE_INITIATORS: &[&str] = &["CITU", "MITU", "CITR", "MITR"];
/// Where a charge may come from.
const CHANNELS: &[&str] = &["Web", "Phone", "App", "Alexa", "PointOfSale", "FireTv", "Offline", "Amazon"];

/// A call that changes a payment, whatever its method.
pub(super) async fn change(app: &App, request: &Request, signed: &Signed<'_>) -> Result<Answer, Refused> {
    match signed.route.operation {
        Operation::CreateCharge => create_charge(app, request, signed).await,
        Operation::CaptureCharge => capture(app, request, signed).await,
        Operation::CreateRefund => create_refund(app, request, signed).await,
        Operation::CancelCharge => cancel(app, request, signed).await,
        Operation::UpdateCharge => update_charge(app, request, signed).await,
        Operation::UpdateChargePermission => update_permission(app, request, signed).await,
        Operation::CloseChargePermission => close(app, request, signed).await,
        // The others have functions of their own.
        Operation::CreateCheckoutSession
        | Operation::GetCheckoutSession
        | Operation::UpdateCheckoutSession
        | Operation::CompleteCheckoutSession
        | Operation::FinalizeCheckoutSession
        | Operation::GetChargePermission
        | Operation::GetCharge
        | Operation::GetRefund => Err(Refused::NoSuchPath),
    }
}

/// The caller of a call that requires an idempotency key.
fn keyed<'a>(signed: &'a Signed<'_>) -> Result<&'a Caller, Refused> {
    let caller = &signed.caller;
    caller.idempotency.as_ref().map(|_| caller).ok_or(Refused::MissingIdempotencyKey)
}

/// The simulation that the header asks for, in the sandbox environment; a code that the call does not
/// know is refused.
fn simulation<T>(
    request: &Request,
    environment: Environment,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Refused> {
    match super::simulation_code(request, environment) {
        None => Ok(None),
        Some(code) => parse(code).map(Some).ok_or(Refused::UnknownSimulation),
    }
}

fn charge_id(id: &str) -> Result<ChargeId, Refused> {
    ChargeId::parse(id).map_err(|_| app::Refused::NotFound.into())
}

fn permission_id(id: &str) -> Result<ChargePermissionId, Refused> {
    ChargePermissionId::parse(id).map_err(|_| app::Refused::NotFound.into())
}

fn spellings(app: &App) -> Spellings {
    app.settings.flags.spellings
}

fn notes(metadata: Option<wire::MerchantMetadata>) -> MerchantMetadata {
    metadata.map(terms::MerchantMetadata::from).unwrap_or_default()
}

fn one_of(field: &'static str, word: Option<&str>, words: &[&str]) -> Result<(), Refused> {
    match word {
        Some(word) if !words.contains(&word) => {
            Err(Refused::Invalid { field, why: "it is not one of the documented words" })
        }
        Some(_) | None => Ok(()),
    }
}

async fn create_charge(app: &App, request: &Request, signed: &Signed<'_>) -> Result<Answer, Refused> {
    use provider::create_charge::{CreateCharge, CreateChargeSimulation};
    let caller = keyed(signed)?;
    let body: wire::CreateCharge = read_request(request.body(), spellings(app))?;
    let environment = caller.owner.environment;
    one_of("chargeInitiator", body.charge_initiator.as_deref(), CHARGE_INITIATORS)?;
    one_of("channel", body.channel.as_deref(), CHANNELS)?;
    requests::web_checkout(body.web_checkout_details, environment)?;
    let simulation = simulation(request, environment, CreateChargeSimulation::parse)?;
    let permission_id = body.charge_permission_id.ok_or(Refused::Missing("chargePermissionId"))?;
    let create = CreateCharge {
        charge_amount: body.charge_amount.map(Into::into),
        capture_now: body.capture_now.unwrap_or(false),
        can_handle_pending_authorization: body.can_handle_pending_authorization.unwrap_or(false),
        soft_descriptor: body.soft_descriptor,
        merchant_metadata: notes(body.merchant_metadata),
        provider_reference_id: body.provider_metadata.and_then(|provider| provider.provider_reference_id),
        platform_id: body.platform_id,
    };
    let created = |charge: &_| Answer::new(201, render::charge(charge));
    Ok(app
        .create_charge(caller, &permission_id, &create, simulation, created, errors::charge_declined)
        .await?)
}

async fn capture(app: &App, request: &Request, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let caller = keyed(signed)?;
    let body: wire::CaptureCharge = read_request(request.body(), spellings(app))?;
    let parse = provider::capture_charge::CaptureSimulation::parse;
    let capture = Capture {
        amount: body.capture_amount.map(Into::into),
        soft_descriptor: body.soft_descriptor,
        simulation: simulation(request, caller.owner.environment, parse)?,
    };
    let Ok(id) = ChargeId::parse(signed.route.id) else {
        return Ok(app.nothing_has_this_id(caller).await?);
    };
    Ok(app.capture_charge(caller, &id, &capture, |charge| Answer::new(200, render::charge(charge))).await?)
}

async fn cancel(app: &App, request: &Request, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let _: wire::CancelCharge = optional_body(request, spellings(app))?;
    let id = charge_id(signed.route.id)?;
    let reason = ChargeCancelReason::MerchantCanceled;
    let canceled = |charge: &_| Answer::new(200, render::charge(charge));
    Ok(app.cancel_charge(&signed.caller, &id, reason, canceled).await?)
}

/// Only a payment service provider's own charges are updated, and this sandbox has none.
async fn update_charge(app: &App, request: &Request, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let _: wire::UpdateCharge = read_request(request.body(), spellings(app))?;
    let caller = &signed.caller;
    app.charge(&caller.owner, &charge_id(signed.route.id)?, caller.now, None).await?;
    Err(Refused::NotAProvidersCharge)
}

async fn update_permission(app: &App, request: &Request, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let body: wire::UpdateChargePermission = read_request(request.body(), spellings(app))?;
    if body.recurring_metadata.is_some() {
        let why = "it goes with recurring permissions only";
        return Err(Refused::Invalid { field: "recurringMetadata", why });
    }
    let id = permission_id(signed.route.id)?;
    let updated = |permission: &_| Answer::new(200, render::charge_permission(permission));
    Ok(app.update_charge_permission(&signed.caller, &id, &notes(body.merchant_metadata), updated).await?)
}

async fn close(app: &App, request: &Request, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let caller = &signed.caller;
    let body: wire::CloseChargePermission = optional_body(request, spellings(app))?;
    let parse = provider::close_charge_permission::CloseSimulation::parse;
    let close = Close {
        open_charges: match body.cancel_pending_charges {
            Some(true) => OpenCharges::AreCanceled,
            Some(false) | None => OpenCharges::Stay,
        },
        simulation: simulation(request, caller.owner.environment, parse)?,
    };
    let id = permission_id(signed.route.id)?;
    let closed = |permission: &_| Answer::new(200, render::charge_permission(permission));
    Ok(app.close_charge_permission(caller, &id, close, closed).await?)
}

async fn create_refund(app: &App, request: &Request, signed: &Signed<'_>) -> Result<Answer, Refused> {
    use provider::create_refund::{CreateRefund, RefundSimulation};
    let caller = keyed(signed)?;
    let body: wire::CreateRefund = read_request(request.body(), spellings(app))?;
    let simulation = simulation(request, caller.owner.environment, RefundSimulation::parse)?;
    let charge_id = body.charge_id.ok_or(Refused::Missing("chargeId"))?;
    let create = CreateRefund {
        refund_amount: body.refund_amount.map(Into::into),
        soft_descriptor: body.soft_descriptor,
    };
    let created = |refund: &_| Answer::new(201, render::refund(refund));
    Ok(app.create_refund(caller, &charge_id, &create, simulation, created).await?)
}

/// A DELETE may come without a body: some clients cannot send one.
fn optional_body<T: wire::Object>(request: &Request, spellings: Spellings) -> Result<T, Refused> {
    let body: &[u8] = if request.body().is_empty() { b"{}" } else { request.body() };
    Ok(read_request(body, spellings)?)
}
