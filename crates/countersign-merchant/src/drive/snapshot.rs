//! Fetching the buyer's and the transaction's data once an order is paid.

use countersign_domain::ids::{ChargeId, ChargePermissionId};
use countersign_domain::merchant::payment::charge::ChargeShown;
use countersign_domain::merchant::payment::permission::PermissionShown;
use countersign_domain::merchant::payment::send::{charge_shown, permission_shown};

use super::App;
use crate::book::StoreFailed;
use crate::book::snapshot::Transaction;

/// What Amazon gave, to be kept, and what it shows.
struct Fetched {
    transaction: Transaction,
    permission: Option<PermissionShown>,
    charge: Option<ChargeShown>,
}

impl App {
    /// Fetches the snapshot of a completed checkout, or tries again later.
    pub(crate) async fn take_snapshot(&self, checkout_id: &str) -> Result<(), StoreFailed> {
        let Some(ids) = self.completed_ids(checkout_id).await? else { return Ok(()) };
        let fetched = self.fetch(&ids).await;
        let transaction = fetched.as_ref().map(|fetched| &fetched.transaction);
        self.keep_snapshot(checkout_id, transaction).await?;
        match fetched {
            Some(fetched) => self.take_in(checkout_id, &fetched).await,
            None => Ok(()),
        }
    }

    /// What was fetched also says how far the payment is, and until when it is authorized.
    async fn take_in(&self, checkout_id: &str, fetched: &Fetched) -> Result<(), StoreFailed> {
        let mut driver = self.driver(checkout_id);
        if let Some(shown) = &fetched.permission {
            let next = driver.next(|draft| permission_shown(draft, shown)).await?;
            driver.follow(next).await?;
        }
        if let Some(shown) = &fetched.charge {
            let next = driver.next(|draft| charge_shown(draft, shown)).await?;
            driver.follow(next).await?;
        }
        Ok(())
    }

    /// Both objects as Amazon gives them, or nothing: half a snapshot would look like a whole one.
    async fn fetch(&self, ids: &(ChargePermissionId, Option<ChargeId>)) -> Option<Fetched> {
        let text = |body: bytes::Bytes| String::from_utf8(body.to_vec()).ok();
        let (body, permission) = self.amazon.permission_as_it_came(&ids.0).await.ok()?;
        let mut transaction = Transaction { charge_permission: text(body)?, charge: None };
        let Some(charge_id) = &ids.1 else { return Some(Fetched { transaction, permission, charge: None }) };
        let (body, charge) = self.amazon.charge_as_it_came(charge_id).await.ok()?;
        transaction.charge = Some(text(body)?);
        Some(Fetched { transaction, permission, charge })
    }
}
