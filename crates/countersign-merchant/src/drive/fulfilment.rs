//! Answers whether the shop may ship. A wrong yes costs the parcel, so the charge is looked up first, unless
//! Amazon has shown it recently.

use countersign_domain::ids::ChargeId;
use countersign_domain::merchant::after::fulfilment::{Freshness, Fulfilment, fulfilment};
use countersign_domain::merchant::after::shipment::{ShipmentAnswer, ship};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::draft::Draft;
use countersign_domain::merchant::next::NextStep;
use countersign_domain::merchant::payment::shipment::ShipmentRequest;

use super::App;
use super::operate::OperateRefused;
use crate::book::commit::LoadedRegistration;
use crate::book::{DecisionError, StoreFailed};
use crate::registration::Registration;

impl App {
    /// Whether the shop may ship; `None` when the checkout has no such charge. If Amazon does not answer, the
    /// answer is not yes.
    pub(crate) async fn fulfilment(
        &self,
        loaded: LoadedRegistration,
        charge: Option<&ChargeId>,
        freshness: Freshness,
    ) -> Result<(Registration, Option<Fulfilment>), StoreFailed> {
        let answer =
            |checkout: &Checkout| fulfilment(checkout, charge, freshness, self.clock.now(), &self.rules());
        let computed = answer(&loaded.registration.checkout);
        let Some(unseen) = computed.as_ref().and_then(|computed| computed.unseen.clone()) else {
            return Ok((loaded.registration, computed));
        };
        let registration = self.look_together(loaded, unseen, freshness).await?;
        let computed = answer(&registration.checkout);
        Ok((registration, computed))
    }

    /// Looks at a charge, or waits for another caller's look if that is recent enough. Returns the checkout
    /// as it is then, which is unchanged if Amazon has shown nothing.
    pub(super) async fn look_together(
        &self,
        loaded: LoadedRegistration,
        charge_id: ChargeId,
        freshness: Freshness,
    ) -> Result<Registration, StoreFailed> {
        let turn = self.charge_looks.turn(&charge_id);
        let mut looked_at = turn.lock().await;
        let checkout_id = loaded.registration.checkout.id.clone();
        let mut driver = match *looked_at {
            None => self.driver_of(checkout_id.as_str(), loaded),
            // What other callers were shown meanwhile is read first.
            Some(_) => self.driver(checkout_id.as_str()),
        };
        if looked_at.is_none_or(|at| !freshness.accepts(at, self.clock.now())) {
            let asked_at = self.clock.now();
            driver.follow(NextStep::LookAtCharge(charge_id)).await?;
            *looked_at = Some(asked_at);
        }
        drop(looked_at);
        driver.into_registration().await
    }

    /// Records a parcel of the shop's if it may leave.
    pub(crate) async fn ship(
        &self,
        checkout_id: &str,
        reference: &str,
        asked: &ShipmentRequest,
    ) -> Result<(Registration, ShipmentAnswer), DecisionError<OperateRefused>> {
        let freshness = Freshness::at(self.clock.now());
        let decide = |draft: &mut Draft| ship(draft, reference, asked, freshness);
        let (loaded, answer) = self.ask_by_rule(checkout_id, decide).await?;
        let ShipmentAnswer::Stays(Fulfilment { unseen: Some(unseen), .. }) = &answer else {
            return Ok((loaded.registration, answer));
        };
        self.look_together(loaded, unseen.clone(), freshness).await?;
        let (loaded, answer) = self.ask_by_rule(checkout_id, decide).await?;
        Ok((loaded.registration, answer))
    }
}
