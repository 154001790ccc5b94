//! Reading Charge Permissions and Charges. A permission is read together with its open charges, all
//! from one moment, because what they hold is part of what it can still charge.

use std::time::Duration;

use countersign_domain::ids::{ChargeId, ChargePermissionId};
use countersign_domain::provider::charge::Charge;
use countersign_domain::provider::charge_permission::ChargePermission;
use countersign_domain::provider::checkout_session::Owner;
use countersign_domain::provider::payment::Payment;
use countersign_domain::step::Step;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Document, Key, Version};

use super::change::{Loaded, charge_key, charge_permission_key, read_charge, read_owner, read_permission};
use super::{App, Refused, StoreFailed};

/// A permission with its open charges, and their documents' versions.
pub(super) struct LoadedPayment {
    pub(super) payment: Payment,
    pub(super) permission_version: Version,
    /// In the order of the charges.
    pub(super) charge_versions: Vec<Version>,
    /// The permission's document and the charges', in their order.
    pub(super) documents: Vec<(Key, Document)>,
}

impl LoadedPayment {
    fn read(
        document: (Key, Document),
        permission: Loaded<ChargePermission>,
        charges: impl Iterator<Item = (Key, Option<Document>)>,
    ) -> Result<Self, StoreFailed> {
        let mut loaded = Self {
            payment: Payment { permission: permission.value, charges: Vec::new() },
            permission_version: permission.version,
            charge_versions: Vec::new(),
            documents: vec![document],
        };
        for (key, document) in charges {
            let Some(document) = document else { continue };
            let charge = read_charge(&document)?;
            loaded.payment.charges.push(charge.value);
            loaded.charge_versions.push(charge.version);
            loaded.documents.push((key, document));
        }
        Ok(loaded)
    }
}

/// How often a permission is read again because its charges changed meanwhile.
pub(super) const READS: usize = 8;

/// A charge with the permission that says whose it is.
#[derive(Debug)]
pub(crate) struct OwnedCharge {
    pub(crate) charge: Charge,
    pub(crate) owner: Owner,
}

impl App {
    /// Loads a permission with its open charges, and with `also`, be it open or not.
    pub(super) async fn payment(
        &self,
        id: &str,
        also: Option<&ChargeId>,
    ) -> Result<Option<LoadedPayment>, StoreFailed> {
        // Most often `also` is the only open charge: then one read is enough.
        let mut keys: Vec<Key> = vec![charge_permission_key(id)];
        keys.extend(also.map(|id| charge_key(id.as_str())));
        let mut read: Option<Loaded<ChargePermission>> = None;
        for _ in 0..READS {
            let documents = self.store.load(&keys).await?;
            let mut documents = documents.into_iter();
            let Some(permission_document) = documents.next().flatten() else { return Ok(None) };
            let permission = match read.take() {
                Some(read) if read.version == permission_document.version => read,
                Some(_) | None => read_permission(&permission_document)?,
            };
            let open = &permission.value.open_charges;
            let closed = also.filter(|id| !open.contains(id));
            let needed = || open.iter().chain(closed).map(ChargeId::as_str);
            let loaded = || keys.iter().skip(1).map(|key| key.id.as_str());
            if !needed().eq(loaded()) {
                keys.truncate(1);
                keys.extend(needed().map(charge_key));
                read = Some(permission);
                continue;
            }
            let document = (charge_permission_key(id), permission_document);
            let charges = keys.into_iter().skip(1).zip(documents);
            return LoadedPayment::read(document, permission, charges).map(Some);
        }
        Err(StoreFailed::Unavailable("too many write the same".to_owned()))
    }

    /// Loads the open charges of many permissions at once. These may be younger than their permissions:
    /// only for a decision that writes every permission it reads. No charge is written without its
    /// permission, so that the permission's version holds for its charges.
    pub(super) async fn payments(
        &self,
        permissions: Vec<(Key, Document)>,
    ) -> Result<Vec<LoadedPayment>, StoreFailed> {
        let read = permissions.iter().map(|(_, document)| read_permission(document));
        let read: Vec<Loaded<ChargePermission>> = read.collect::<Result<_, _>>()?;
        let open = read.iter().flat_map(|permission| &permission.value.open_charges);
        let keys: Vec<Key> = open.map(|id| charge_key(id.as_str())).collect();
        let documents = self.store.load(&keys).await?;
        let mut charges = keys.into_iter().zip(documents);
        let mut payments = Vec::with_capacity(read.len());
        for (document, permission) in permissions.into_iter().zip(read) {
            let open_count = permission.value.open_charges.len();
            payments.push(LoadedPayment::read(document, permission, charges.by_ref().take(open_count))?);
        }
        Ok(payments)
    }

    /// Get Charge Permission, as of now, or as it was before its last change.
    pub(crate) async fn charge_permission(
        &self,
        owner: &Owner,
        id: &ChargePermissionId,
        now: Timestamp,
        staleness: Option<Duration>,
    ) -> Result<ChargePermission, Refused> {
        let stale = staleness.and_then(|delay| self.recent.before(id.as_str(), delay, now));
        let permission = match stale {
            Some(before) => before.as_ref().map(read_permission).transpose()?.map(|loaded| loaded.value),
            None => match self.payment(id.as_str(), None).await? {
                Some(mut loaded) => {
                    loaded.payment.carry_to(now, self.settings.profile)?;
                    Some(loaded.payment.permission)
                }
                None => None,
            },
        };
        permission.filter(|permission| permission.owner == *owner).ok_or(Refused::NotFound)
    }

    /// Get Charge, as of now, or as it was before its last change.
    pub(crate) async fn charge(
        &self,
        owner: &Owner,
        id: &ChargeId,
        now: Timestamp,
        staleness: Option<Duration>,
    ) -> Result<OwnedCharge, Refused> {
        let stale = staleness.and_then(|delay| self.recent.before(id.as_str(), delay, now));
        let is_stale = stale.is_some();
        let document = match stale {
            Some(before) => before,
            None => self.document(charge_key(id.as_str())).await?,
        };
        let mut charge = read_charge(&document.ok_or(Refused::NotFound)?)?.value;
        // Whose a charge is never changes, so that its permission may be read at another moment.
        let key = charge_permission_key(charge.charge_permission_id.as_str());
        let whose = read_owner(&self.document(key).await?.ok_or(Refused::NotFound)?)?;
        if whose != *owner {
            return Err(Refused::NotFound);
        }
        while !is_stale && charge.due_at().is_some_and(|due_at| due_at <= now) {
            let Some(Step { next, .. }) = charge.expire(self.settings.profile) else { break };
            charge = next;
        }
        Ok(OwnedCharge { charge, owner: whose })
    }

    pub(super) async fn document(&self, key: Key) -> Result<Option<Document>, StoreFailed> {
        Ok(self.store.load(&[key]).await?.into_iter().next().flatten())
    }
}
