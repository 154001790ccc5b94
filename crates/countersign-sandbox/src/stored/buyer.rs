//! A buyer, with addresses and card, inside a document.

use countersign_domain::address::Address;
use countersign_domain::ids::BuyerId;
use countersign_domain::provider::buyer::{Buyer, Card};
use serde::{Deserialize, Serialize};

use super::{Illegible, Legible as _, Text};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StoredAddress<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address_line1: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address_line2: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address_line3: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    city: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    county: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    district: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state_or_region: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    postal_code: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    country_code: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone_number: Option<Text<'a>>,
}

impl<'a> From<&'a Address> for StoredAddress<'a> {
    fn from(address: &'a Address) -> Self {
        let Address {
            name,
            address_line1,
            address_line2,
            address_line3,
            city,
            county,
            district,
            state_or_region,
            postal_code,
            country_code,
            phone_number,
        } = address;
        let text = |text: &'a Option<String>| text.as_deref().map(Text::Borrowed);
        Self {
            name: text(name),
            address_line1: text(address_line1),
            address_line2: text(address_line2),
            address_line3: text(address_line3),
            city: text(city),
            county: text(county),
            district: text(district),
            state_or_region: text(state_or_region),
            postal_code: text(postal_code),
            country_code: text(country_code),
            phone_number: text(phone_number),
        }
    }
}

impl From<StoredAddress<'_>> for Address {
    fn from(address: StoredAddress<'_>) -> Self {
        let text = |text: Option<Text<'_>>| text.map(Text::into_owned);
        Self {
            name: text(address.name),
            address_line1: text(address.address_line1),
            address_line2: text(address.address_line2),
            address_line3: text(address.address_line3),
            city: text(address.city),
            county: text(address.county),
            district: text(address.district),
            state_or_region: text(address.state_or_region),
            postal_code: text(address.postal_code),
            country_code: text(address.country_code),
            phone_number: text(address.phone_number),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StoredBuyer<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone_number: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shipping_address: Option<StoredAddress<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    billing_address: Option<StoredAddress<'a>>,
    #[serde(borrow)]
    card: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery_option: Option<Text<'a>>,
}

impl<'a> From<&'a Buyer> for StoredBuyer<'a> {
    fn from(buyer: &'a Buyer) -> Self {
        let Buyer { id, name, email, phone_number, shipping_address, billing_address, card, delivery_option } =
            buyer;
        let text = |text: &'a Option<String>| text.as_deref().map(Text::Borrowed);
        Self {
            id: Text::Borrowed(id.as_str()),
            name: text(name),
            email: text(email),
            phone_number: text(phone_number),
            shipping_address: shipping_address.as_ref().map(Into::into),
            billing_address: billing_address.as_ref().map(Into::into),
            card: Text::Borrowed(card.last_digits()),
            delivery_option: text(delivery_option),
        }
    }
}

impl StoredBuyer<'_> {
    pub(super) fn read(self) -> Result<Buyer, Illegible> {
        let text = |text: Option<Text<'_>>| text.map(Text::into_owned);
        Ok(Buyer {
            id: BuyerId::parse(&self.id).member("buyer's id")?,
            name: text(self.name),
            email: text(self.email),
            phone_number: text(self.phone_number),
            shipping_address: self.shipping_address.map(Into::into),
            billing_address: self.billing_address.map(Into::into),
            card: Card::parse(&self.card).member("card")?,
            delivery_option: text(self.delivery_option),
        })
    }
}
