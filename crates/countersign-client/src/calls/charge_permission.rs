//! The calls on Charge Permissions.

use countersign_domain::ids::ChargePermissionId;
use countersign_protocol::wire::ChargePermission;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// Get Charge Permission: its state, its limits, and for 30 days the buyer's data.
    ///
    /// # Errors
    /// None of them changes anything; 404 `ResourceNotFound` for a permission of somebody else.
    pub async fn get_charge_permission(
        &self,
        id: &ChargePermissionId,
    ) -> Result<Answer<ChargePermission>, Error> {
        self.exchange(&self.read_call("getChargePermission", format!("chargePermissions/{id}"))).await
    }
}
