//! The calls on Charges, Charge Permissions and Refunds: bodies in, answers out.

use countersign_domain::ids::{ChargeId, ChargePermissionId, RefundId};
use countersign_domain::provider::cancel_charge;
use countersign_domain::provider::capture_charge::{self, CaptureSimulation};
use countersign_domain::provider::charge::ChargeCancelReason;
use countersign_domain::provider::charge_permission::{
    self, ChargePermissionStep, ClosureReason, PermissionClosed,
};
use countersign_domain::provider::close_charge_permission::{
    CloseSimulation, OpenCharges, close_charge_permission,
};
use countersign_domain::provider::create_charge::{self, Charged, CreateChargeSimulation};
use countersign_domain::provider::create_refund::{self, RefundSimulation};
use countersign_domain::provider::event::Event;
use countersign_domain::provider::payment::Payment;
use countersign_domain::step::Step;
use countersign_domain::terms::MerchantMetadata;
use countersign_domain::time::Timestamp;
use countersign_protocol::wire;

use super::errors::{self, Refused};
use super::signed::Signed;
use super::{render, requests};
use crate::app::App;
use crate::book::answer::Answer;
use crate::book::payment::PaymentDecision;
use crate::book::refused::Refused as BookRefused;

/// Who may ask for a charge. What a one-time permission does not need is checked and not kept.
const CHARGE_INITIATORS: &[&str] = &["CITU", "MITU", "CITR", "MITR"];
/// Where a charge may come from.
const CHANNELS: &[&str] = &["Web", "Phone", "App", "Alexa", "PointOfSale", "FireTv", "Offline", "Amazon"];

fn one_of(field: &'static str, word: Option<&str>, words: &[&str]) -> Result<(), Refused> {
    match word {
        Some(word) if !words.contains(&word) => {
            Err(Refused::Invalid { field, why: "it is not one of the documented words" })
        }
        Some(_) | None => Ok(()),
    }
}

/// A decision that is answered with one of the payment's charges.
fn of_charge(step: Step<Payment, Event>, id: &ChargeId, status: u16) -> Result<PaymentDecision, BookRefused> {
    let charge = step.next.charge(id).ok_or(BookRefused::NotFound)?;
    let body = render::charge(charge, step.next.permission.owner.environment);
    Ok(PaymentDecision { step, refund: None, answer: Answer::new(status, body) })
}

/// A decision that is answered with the permission.
fn of_permission(step: Step<Payment, Event>) -> PaymentDecision {
    let body = render::charge_permission(&step.next.permission);
    PaymentDecision { step, refund: None, answer: Answer::new(200, body) }
}

/// A decision that moved the permission alone.
pub(crate) fn of_permission_alone(payment: &Payment, step: ChargePermissionStep) -> PaymentDecision {
    let next = Payment { permission: step.next, charges: payment.charges.clone() };
    of_permission(Step { next, events: step.events })
}

/// Create Charge. A decline is an answer that is remembered, like a success.
pub(super) async fn create_charge(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let caller = signed.keyed()?;
    let body: wire::CreateCharge = signed.body()?;
    one_of("chargeInitiator", body.charge_initiator.as_deref(), CHARGE_INITIATORS)?;
    one_of("channel", body.channel.as_deref(), CHANNELS)?;
    requests::web_checkout(body.web_checkout_details, caller.owner.environment)?;
    let simulation = signed.simulation(CreateChargeSimulation::parse)?;
    let permission_id = body.charge_permission_id.ok_or(Refused::Missing("chargePermissionId"))?;
    let create = create_charge::CreateCharge {
        charge_amount: body.charge_amount.map(Into::into),
        capture_now: body.capture_now.unwrap_or(false),
        can_handle_pending_authorization: body.can_handle_pending_authorization.unwrap_or(false),
        soft_descriptor: body.soft_descriptor,
        merchant_metadata: body.merchant_metadata.map(Into::into).unwrap_or_default(),
        provider_reference_id: body.provider_metadata.and_then(|provider| provider.provider_reference_id),
        platform_id: body.platform_id,
    };
    let profile = app.settings.profile;
    let decide = |payment: &Payment| {
        let id = app.ids.charge_id(&permission_id);
        let charged = create_charge::create_charge(
            payment,
            create.clone(),
            simulation,
            id.clone(),
            profile,
            caller.now,
        );
        match charged.map_err(BookRefused::CreateCharge)? {
            Charged::Created(step) => of_charge(step, &id, 201),
            Charged::Declined(reason, step) => {
                Ok(PaymentDecision { step, refund: None, answer: errors::charge_declined(reason) })
            }
        }
    };
    Ok(app.book.change_permission(caller, &permission_id, decide).await?)
}

/// Get Charge.
pub(super) async fn get_charge(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let owner = &signed.caller.owner;
    let charge = app.book.charge(owner, &ChargeId::parse(signed.route.id)?, signed.look).await?;
    Ok(Answer::new(200, render::charge(&charge, owner.environment)))
}

/// Update Charge. Only a payment service provider's own charges are updated, and this sandbox has none.
pub(super) async fn update_charge(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let _: wire::UpdateCharge = signed.body()?;
    get_charge(app, signed).await?;
    Err(Refused::NotAProvidersCharge)
}

/// Capture Charge.
pub(super) async fn capture_charge(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let caller = signed.keyed()?;
    let wire::CaptureCharge { capture_amount, soft_descriptor, .. } = signed.body()?;
    let amount = capture_amount.map(Into::into);
    let simulation = signed.simulation(CaptureSimulation::parse)?;
    let (id, profile) = (ChargeId::parse(signed.route.id).ok(), app.settings.profile);
    let decide = |payment: &Payment, id: &ChargeId| {
        let step = capture_charge::capture_charge(
            payment,
            id,
            amount,
            soft_descriptor.clone(),
            simulation,
            profile,
            caller.now,
        );
        of_charge(step.map_err(BookRefused::Capture)?, id, 200)
    };
    Ok(app.book.change_charge(caller, id.as_ref(), decide).await?)
}

/// Cancel Charge.
pub(super) async fn cancel_charge(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let _: wire::CancelCharge = signed.optional_body()?;
    let (id, now) = (ChargeId::parse(signed.route.id).ok(), signed.caller.now);
    let decide = |payment: &_, id: &_| cancel(payment, id, ChargeCancelReason::MerchantCanceled, now);
    Ok(app.book.change_charge(&signed.caller, id.as_ref(), decide).await?)
}

/// Cancels a charge for this reason: the merchant's, the buyer's or Amazon's.
pub(crate) fn cancel(
    payment: &Payment,
    id: &ChargeId,
    reason: ChargeCancelReason,
    now: Timestamp,
) -> Result<PaymentDecision, BookRefused> {
    of_charge(cancel_charge::cancel_charge(payment, id, reason, now).map_err(BookRefused::Cancel)?, id, 200)
}

/// Get Charge Permission.
pub(super) async fn get_permission(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let id = ChargePermissionId::parse(signed.route.id)?;
    let permission = app.book.charge_permission(&signed.caller.owner, &id, signed.look).await?;
    Ok(Answer::new(200, render::charge_permission(&permission)))
}

/// Update Charge Permission.
pub(super) async fn update_permission(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let body: wire::UpdateChargePermission = signed.body()?;
    if body.recurring_metadata.is_some() {
        let why = "it goes with recurring permissions only";
        return Err(Refused::Invalid { field: "recurringMetadata", why });
    }
    let notes: MerchantMetadata = body.merchant_metadata.map(Into::into).unwrap_or_default();
    let (id, now) = (ChargePermissionId::parse(signed.route.id)?, signed.caller.now);
    let decide = |payment: &Payment| {
        let step = charge_permission::update(&payment.permission, notes.clone(), now);
        let step = step.map_err(|PermissionClosed| BookRefused::NotModifiable)?;
        Ok(of_permission_alone(payment, step))
    };
    Ok(app.book.change_permission(&signed.caller, &id, decide).await?)
}

/// Close Charge Permission.
pub(super) async fn close_permission(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let body: wire::CloseChargePermission = signed.optional_body()?;
    let open_charges = match body.cancel_pending_charges {
        Some(true) => OpenCharges::AreCanceled,
        Some(false) | None => OpenCharges::Stay,
    };
    let reason = match signed.simulation(CloseSimulation::parse)? {
        None => ClosureReason::MerchantClosed,
        Some(CloseSimulation::AmazonClosed) => ClosureReason::AmazonClosed,
    };
    let (id, now) = (ChargePermissionId::parse(signed.route.id)?, signed.caller.now);
    let decide = |payment: &_| close(payment, reason, open_charges, now);
    Ok(app.book.change_permission(&signed.caller, &id, decide).await?)
}

/// Closes a permission for this reason: the merchant's, the buyer's or Amazon's.
pub(crate) fn close(
    payment: &Payment,
    reason: ClosureReason,
    open_charges: OpenCharges,
    now: Timestamp,
) -> Result<PaymentDecision, BookRefused> {
    let step = close_charge_permission(payment, reason, open_charges, now).map_err(BookRefused::Close)?;
    Ok(of_permission(step))
}

/// Create Refund.
pub(super) async fn create_refund(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let caller = signed.keyed()?;
    let body: wire::CreateRefund = signed.body()?;
    let simulation = signed.simulation(RefundSimulation::parse)?;
    let charge_id = body.charge_id.ok_or(Refused::Missing("chargeId"))?;
    let create = create_refund::CreateRefund {
        refund_amount: body.refund_amount.map(Into::into),
        soft_descriptor: body.soft_descriptor,
    };
    let profile = app.settings.profile;
    let decide = |payment: &Payment, charge_id: &ChargeId| {
        let id = app.ids.refund_id(&payment.permission.id);
        let step = create_refund::create_refund(
            payment,
            charge_id,
            create.clone(),
            simulation,
            id.clone(),
            profile,
            caller.now,
        )
        .map_err(BookRefused::CreateRefund)?;
        let charge = step.next.charge(charge_id);
        let refund = charge.and_then(|charge| charge.refunds.iter().find(|refund| refund.id == id));
        let body = render::refund(refund.ok_or(BookRefused::NotFound)?, charge_id, caller.owner.environment);
        let refund = Some((id, charge_id.clone()));
        Ok(PaymentDecision { step, refund, answer: Answer::new(201, body) })
    };
    Ok(app.book.change_charge(caller, Some(&charge_id), decide).await?)
}

/// Get Refund.
pub(super) async fn get_refund(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let owner = &signed.caller.owner;
    let id = RefundId::parse(signed.route.id)?;
    let (refund, charge_id) = app.book.refund(owner, &id, signed.look).await?;
    Ok(Answer::new(200, render::refund(&refund, &charge_id, owner.environment)))
}
