//! Fetches the buyer's and the transaction's data once an order is paid.

use countersign_domain::ids::{ChargeId, ChargePermissionId};

use super::App;
use crate::book::StoreFailed;
use crate::book::snapshot::{SnapshotData, Transaction};

impl App {
    /// Fetches the snapshot of a completed checkout, or tries again later. What the snapshot shows about the
    /// payment is stored with it, and the steps that follow are taken.
    pub(crate) async fn take_snapshot(&self, checkout_id: &str) -> Result<(), StoreFailed> {
        let Some(due) = self.due_snapshot(checkout_id).await? else { return Ok(()) };
        if due.is_first_try() {
            // Notifications may have come before the order was known to have this permission.
            self.wake_foreign(&due.charge_permission_id).await?;
        }
        let Some(fetched) = self.fetch(&due.charge_permission_id, due.charge_id.as_ref()).await else {
            return self.miss_snapshot(checkout_id).await;
        };
        let (Some(known), next) = self.keep_snapshot(checkout_id, due, &fetched).await? else {
            return Ok(());
        };
        let mut driver = self.driver_of(checkout_id, known);
        for step in next {
            driver.follow(step).await?;
        }
        Ok(())
    }

    /// Both objects as Amazon returns them, or nothing: half a snapshot would look like a whole one.
    async fn fetch(
        &self,
        permission_id: &ChargePermissionId,
        charge_id: Option<&ChargeId>,
    ) -> Option<SnapshotData> {
        let text = |body: bytes::Bytes| String::from_utf8(body.to_vec()).ok();
        let (body, permission) = self.amazon.permission_as_it_came(permission_id).await.ok()?;
        let mut transaction = Transaction { charge_permission: text(body)?, charge: None };
        let Some(charge_id) = charge_id else {
            return Some(SnapshotData { transaction, permission, charge: None });
        };
        let (body, charge) = self.amazon.charge_as_it_came(charge_id).await.ok()?;
        transaction.charge = Some(text(body)?);
        Some(SnapshotData { transaction, permission, charge })
    }
}
