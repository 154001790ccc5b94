//! The buyer who comes when nobody says who: one a region, with invented data.

use countersign_domain::address::Address;
use countersign_domain::ids::{BuyerId, Region};
use countersign_domain::provider::buyer::{Buyer, Card};
use countersign_domain::terms::ProductType;

/// The test buyer of a region. Both addresses are shared, as Amazon does where the scope asks for the
/// billing address; PayOnly has no shipping address.
pub(crate) fn test_buyer(region: Region, product_type: ProductType) -> Buyer {
    let text = |text: &str| Some(text.to_owned());
    let (name, phone, address) = match region {
        Region::NorthAmerica => (
            "Robin Tester",
            "2065550100",
            Address {
                name: text("Robin Tester"),
                address_line1: text("12 Sample Street"),
                address_line2: text("Apartment 3"),
                city: text("Seattle"),
                state_or_region: text("WA"),
                postal_code: text("98101"),
                country_code: text("US"),
                phone_number: text("2065550100"),
                ..Address::default()
            },
        ),
        Region::Europe => (
            "Kim Probst",
            "03055500100",
            Address {
                name: text("Kim Probst"),
                address_line1: text("Musterweg 12"),
                city: text("Berlin"),
                postal_code: text("10115"),
                country_code: text("DE"),
                phone_number: text("03055500100"),
                ..Address::default()
            },
        ),
        Region::Japan => (
            "見本 太郎",
            "0355500100",
            Address {
                name: text("見本 太郎"),
                address_line1: text("見本町1-2-3"),
                city: text("千代田区"),
                state_or_region: text("東京都"),
                postal_code: text("100-0001"),
                country_code: text("JP"),
                phone_number: text("0355500100"),
                ..Address::default()
            },
        ),
    };
    let id = format!("amzn1.account.TESTBUYER{}", region.code().to_ascii_uppercase());
    Buyer {
        // Letters, digits and dots always make an id.
        id: BuyerId::parse(&id).unwrap_or_else(|_| unreachable!("{id} is an id")),
        name: text(name),
        email: Some(format!("buyer.{}@example.com", region.code())),
        phone_number: text(phone),
        shipping_address: match product_type {
            ProductType::PayAndShip => Some(address.clone()),
            ProductType::PayOnly => None,
        },
        billing_address: Some(address),
        card: Card::Visa1111,
        delivery_option: None,
    }
}
