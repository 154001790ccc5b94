//! Checkouts by their youngest charge, youngest first. Amazon is known to have that charge: if it does not
//! show even that one, its answer that another object does not exist proves nothing.

use countersign_domain::ids::{ChargeId, Environment, MerchantId};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::payment::charge::Charge;
use countersign_domain::time::Timestamp;
use countersign_store::contract::IndexEntry;

/// Checkouts by account, environment, and the age of their youngest charge.
pub(super) const INDEX: &str = "checkout_by_youngest_charge";

/// The prefix of the entries of an account and environment.
pub(super) fn prefix(merchant: &MerchantId, environment: Environment) -> String {
    let letter = match environment {
        Environment::Sandbox => 'S',
        Environment::Live => 'P',
    };
    format!("{merchant} {letter} ")
}

/// The youngest charge of a checkout, if it has one.
pub(super) fn charge(checkout: &Checkout) -> Option<&Charge> {
    checkout.payment.as_ref()?.charges.iter().max_by_key(|charge| charge.authorized_at)
}

/// The entry of a checkout, if it has a charge.
pub(super) fn entry(merchant: &MerchantId, checkout: &Checkout) -> Option<IndexEntry> {
    let charge = charge(checkout)?;
    let prefix = prefix(merchant, environment_of(&charge.id)?);
    // The order of the texts is that of time, the latest first.
    let age = Timestamp::MAX.as_millis().saturating_sub(charge.authorized_at.as_millis());
    Some(IndexEntry { index: INDEX, value: format!("{prefix}{age:015}") })
}

/// The environment that Amazon's ids begin with.
fn environment_of(charge: &ChargeId) -> Option<Environment> {
    match charge.as_str().chars().next()? {
        'S' => Some(Environment::Sandbox),
        'P' => Some(Environment::Live),
        _ => None,
    }
}
