//! The calls on Charge Permissions.

use bytes::Bytes;
use countersign_domain::ids::ChargePermissionId;
use countersign_protocol::wire::{
    ChargePermission, CloseChargePermission, Object as _, UpdateChargePermission,
};
use http::Method;

use crate::call::Call;
use crate::client::Client;
use crate::error::CallResult;

impl Client {
    /// Get Charge Permission: its state, its limits, and for 30 days the buyer's data.
    ///
    /// # Errors
    /// No error changes anything; 404 `ResourceNotFound` for somebody else's permission.
    pub async fn get_charge_permission(&self, id: &ChargePermissionId) -> CallResult<ChargePermission> {
        self.exchange(&self.read_call("getChargePermission", format!("chargePermissions/{id}"))).await
    }

    /// Update Charge Permission: the merchant's notes.
    ///
    /// # Errors
    /// 422 `ChargePermissionNotModifiable` for a Closed one.
    pub async fn update_charge_permission(
        &self,
        id: &ChargePermissionId,
        request: &UpdateChargePermission,
    ) -> CallResult<ChargePermission> {
        let (resource, body) = (format!("chargePermissions/{id}"), request.to_request().into());
        self.exchange(&self.change_call("updateChargePermission", Method::PATCH, resource, body)).await
    }

    /// Close Charge Permission: afterwards nothing can be charged under it. With `cancelPendingCharges` its
    /// open charges are canceled too.
    ///
    /// # Errors
    /// After an ambiguous error, and after 422 `InvalidChargePermissionStatus`, get the permission.
    pub async fn close_charge_permission(
        &self,
        id: &ChargePermissionId,
        request: &CloseChargePermission,
    ) -> CallResult<ChargePermission> {
        self.close_charge_permission_bytes(id, request.to_request().into()).await
    }

    /// Close Charge Permission with exactly these bytes as its body.
    ///
    /// # Errors
    /// As [`Client::close_charge_permission`].
    pub async fn close_charge_permission_bytes(
        &self,
        id: &ChargePermissionId,
        body: Bytes,
    ) -> CallResult<ChargePermission> {
        let resource = format!("chargePermissions/{id}/close");
        let call = self.change_call("closeChargePermission", Method::DELETE, resource, body);
        self.exchange(&Call { can_be_simulated: true, ..call }).await
    }
}
