//! "May I ship?" is the question whose wrong answer costs the parcel: before a yes, the charge is looked at.

use countersign_domain::ids::ChargeId;
use countersign_domain::merchant::after::fulfilment::{Fulfilment, fulfilment};
use countersign_domain::merchant::next::NextStep;

use super::App;
use crate::book::StoreFailed;
use crate::book::commit::Loaded;
use crate::registration::Registration;

impl App {
    /// Whether a parcel may leave, of a checkout that is there; none when it has no such charge. If Amazon
    /// does not answer there is no yes.
    pub(crate) async fn fulfilment(
        &self,
        loaded: Loaded,
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
