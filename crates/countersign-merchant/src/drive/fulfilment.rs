//! Answers whether the shop may ship. A wrong yes costs the parcel, so the charge is looked up first.

use countersign_domain::ids::ChargeId;
use countersign_domain::merchant::after::fulfilment::{Fulfilment, fulfilment};
use countersign_domain::merchant::next::NextStep;

use super::App;
use crate::book::StoreFailed;
use crate::book::commit::LoadedRegistration;
use crate::registration::Registration;

impl App {
    /// Whether the shop may ship; `None` when the checkout has no such charge. If Amazon does not answer, the
    /// answer is not yes.
    pub(crate) async fn fulfilment(
        &self,
        loaded: LoadedRegistration,
        charge: Option<&ChargeId>,
    ) -> Result<(Registration, Option<Fulfilment>), StoreFailed> {
        let computed = fulfilment(&loaded.registration.checkout, charge, self.clock.now());
        let Some(unseen) = computed.as_ref().and_then(|computed| computed.unseen.clone()) else {
            return Ok((loaded.registration, computed));
        };
        let id = loaded.registration.checkout.id.clone();
        let mut driver = self.driver_of(id.as_str(), loaded);
        driver.follow(NextStep::LookAtCharge(unseen)).await?;
        let registration = driver.into_registration().await?;
        let computed = fulfilment(&registration.checkout, charge, self.clock.now());
        Ok((registration, computed))
    }
}
