//! The merchants that the sandbox knows: each public key with its account. They are fixed at the
//! start, and a reset keeps them.

use std::fmt;
use std::sync::Arc;

use countersign_domain::ids::{Environment, MerchantId, PublicKeyId};
use countersign_protocol::signing::{VerifySignature, sha256_hex};

/// A merchant's public key, as registered.
pub struct RegisteredKey {
    /// The id that requests name.
    pub public_key_id: PublicKeyId,
    /// The account. Several keys may share one, and see the same objects.
    pub merchant_id: MerchantId,
    /// The key itself.
    pub verifying_key: Arc<dyn VerifySignature>,
}

impl RegisteredKey {
    /// The environment that the key's prefix names; `None` if the request's path must name it.
    #[must_use]
    pub fn environment(&self) -> Option<Environment> {
        self.public_key_id.environment()
    }
}

impl fmt::Debug for RegisteredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { public_key_id, merchant_id, .. } = self;
        write!(f, "RegisteredKey({public_key_id} of {merchant_id})")
    }
}

/// This public key id is already registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlreadyRegistered(pub PublicKeyId);

impl fmt::Display for AlreadyRegistered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the public key id {} is registered twice", self.0)
    }
}

impl std::error::Error for AlreadyRegistered {}

/// All registered keys, in the order of their registration. There are only a handful, so each
/// request searches the whole list.
#[derive(Debug, Default)]
pub struct Merchants(Vec<RegisteredKey>);

impl Merchants {
    /// Registers a key.
    ///
    /// # Errors
    /// The id is taken. Nothing is changed.
    pub fn register(
        &mut self,
        merchant_id: MerchantId,
        public_key_id: PublicKeyId,
        verifying_key: impl VerifySignature,
    ) -> Result<(), AlreadyRegistered> {
        if self.key(&public_key_id).is_some() {
            return Err(AlreadyRegistered(public_key_id));
        }
        let verifying_key = Arc::new(verifying_key);
        self.0.push(RegisteredKey { public_key_id, merchant_id, verifying_key });
        Ok(())
    }

    /// The key of this id.
    #[must_use]
    pub fn key(&self, public_key_id: &PublicKeyId) -> Option<&RegisteredKey> {
        self.0.iter().find(|key| key.public_key_id == *public_key_id)
    }

    /// The first key that was registered: the default owner of a checkout.
    #[must_use]
    pub fn first(&self) -> Option<&RegisteredKey> {
        self.0.first()
    }

    /// All keys, in the order of their registration.
    pub fn iter(&self) -> impl Iterator<Item = &RegisteredKey> {
        self.0.iter()
    }
}

/// The account of a key that was registered without one: derived from the key's id, so that it is
/// the same after a restart. Its shape is that of Amazon's merchant ids.
#[must_use]
pub fn account_of(public_key_id: &PublicKeyId) -> MerchantId {
    let hash = sha256_hex(public_key_id.as_str().as_bytes()).to_ascii_uppercase();
    let text = format!("A{}", hash.get(..13).unwrap_or_default());
    // This never fails: a letter and hexadecimal digits always make an id.
    MerchantId::parse(&text).unwrap_or_else(|_| unreachable!("{text} is an id"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_protocol::signing::MerchantKey;

    #[test]
    fn keys_are_found_by_their_id_and_the_first_is_the_default() {
        let key = || MerchantKey::generate().unwrap().key.verifying_key().unwrap();
        let id = |text| PublicKeyId::parse(text).unwrap();
        let (one, other) = (MerchantId::parse("AONE").unwrap(), MerchantId::parse("AOTHER").unwrap());
        let mut merchants = Merchants::default();
        assert!(merchants.first().is_none());
        let key = key();
        for (merchant, text) in [(&one, "SANDBOX-A"), (&one, "LIVE-B"), (&other, "C")] {
            merchants.register(merchant.clone(), id(text), key.clone()).unwrap();
        }
        let refused = merchants.register(other.clone(), id("LIVE-B"), key).unwrap_err();
        assert_eq!(refused.to_string(), "the public key id LIVE-B is registered twice");

        let found = |text| merchants.key(&id(text)).map(|key| (key.merchant_id.clone(), key.environment()));
        assert_eq!(found("SANDBOX-A"), Some((one.clone(), Some(Environment::Sandbox))));
        assert_eq!(found("LIVE-B"), Some((one, Some(Environment::Live))));
        assert_eq!(found("C"), Some((other, None)));
        assert_eq!(found("c"), None);
        assert_eq!(merchants.first().map(|key| &key.public_key_id), Some(&id("SANDBOX-A")));
        assert_eq!(merchants.iter().count(), 3);
    }

    #[test]
    fn an_account_follows_from_the_key_id_alone() {
        let account = |text| account_of(&PublicKeyId::parse(text).unwrap());
        assert_eq!(account("SANDBOX-A"), account("SANDBOX-A"));
        assert_ne!(account("SANDBOX-A"), account("SANDBOX-B"));
        assert_eq!(account("SANDBOX-A").as_str().len(), 14);
    }
}
