//! Postal addresses on the wire. The domain decides whether two are the same.

use countersign_domain::address as domain;

use crate::object;

/// The largest length of each member of an address, in characters.
///
/// Amazon documents none for the addresses of Finalize; 255 is this project's choice, well above what
/// Amazon's pages let a buyer enter.
pub const MAX_ADDRESS_MEMBER_LEN: usize = 255;

macro_rules! address_object {
    (
        @members $(#[$meta:meta])+ $name:ident { $($extra:ident = $extra_wire:literal)? }
        $($member:ident = $wire:literal,)+
    ) => {
        object! {
            $(#[$meta])+
            pub struct $name {
                $($extra: String = $extra_wire [..=MAX_ADDRESS_MEMBER_LEN],)?
                $($member: String = $wire [..=MAX_ADDRESS_MEMBER_LEN],)+
            }
        }

        impl From<$name> for domain::Address {
            fn from(address: $name) -> Self {
                Self { $($member: address.$member,)+ }
            }
        }

        impl From<domain::Address> for $name {
            fn from(address: domain::Address) -> Self {
                Self { $($member: address.$member,)+ ..Self::default() }
            }
        }
    };
    ($($object:tt)+) => {
        address_object! {
            @members $($object)+
            name = "name",
            address_line1 = "addressLine1",
            address_line2 = "addressLine2",
            address_line3 = "addressLine3",
            city = "city",
            county = "county",
            district = "district",
            state_or_region = "stateOrRegion",
            postal_code = "postalCode",
            country_code = "countryCode",
            phone_number = "phoneNumber",
        }
    };
}

address_object! {
    /// A postal address: eleven members.
    Address {}
}

address_object! {
    /// An element of `shippingAddressList`: an address with its id.
    ListedAddress { address_id = "addressId" }
}

object! {
    /// The address that a merchant gives when the buyer completes on Amazon's page
    /// (`checkoutMode: ProcessOrder`). Its `districtOrCounty` takes the place of two members of an address.
    pub struct AddressDetails {
        name: String = "name" [..=MAX_ADDRESS_MEMBER_LEN],
        address_line1: String = "addressLine1" [..=MAX_ADDRESS_MEMBER_LEN],
        address_line2: String = "addressLine2" [..=MAX_ADDRESS_MEMBER_LEN],
        address_line3: String = "addressLine3" [..=MAX_ADDRESS_MEMBER_LEN],
        city: String = "city" [..=MAX_ADDRESS_MEMBER_LEN],
        district_or_county: String = "districtOrCounty" [..=MAX_ADDRESS_MEMBER_LEN],
        state_or_region: String = "stateOrRegion" [..=MAX_ADDRESS_MEMBER_LEN],
        postal_code: String = "postalCode" [..=MAX_ADDRESS_MEMBER_LEN],
        country_code: String = "countryCode" [..=MAX_ADDRESS_MEMBER_LEN],
        phone_number: String = "phoneNumber" [..=MAX_ADDRESS_MEMBER_LEN],
    }
}
