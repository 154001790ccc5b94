//! Postal addresses, and when two of them count as the same.
//!
//! Amazon says that the address in Finalize "must match" the one that it shared, and does not define the
//! rule; the rule here is this project's choice (docs/compatibility.md, `address-match`).

use alloc::string::String;
use core::fmt;
use unicode_normalization::UnicodeNormalization;

use crate::words::words;

macro_rules! address {
    ($($field:ident, $member:ident, $wire:literal;)+) => {
        /// A postal address as the API writes it: eleven members, each a text or absent.
        #[derive(Clone, PartialEq, Eq, Default)]
        pub struct Address {
            $(
                #[doc = concat!("`", $wire, "`.")]
                pub $field: Option<String>,
            )+
        }

        words! {
            /// One member of an address, in the API's order: if several differ, the first is named.
            AddressMember {
                $(
                    #[doc = concat!("`", $wire, "`.")]
                    $member = $wire,
                )+
            }
        }

        impl Address {
            /// One member's text.
            #[must_use]
            pub fn member(&self, member: AddressMember) -> Option<&str> {
                match member { $(AddressMember::$member => self.$field.as_deref()),+ }
            }

            /// Mutable access to the text of one member.
            pub fn member_mut(&mut self, member: AddressMember) -> &mut Option<String> {
                match member { $(AddressMember::$member => &mut self.$field),+ }
            }
        }
    };
}

address! {
    name, Name, "name";
    address_line1, AddressLine1, "addressLine1";
    address_line2, AddressLine2, "addressLine2";
    address_line3, AddressLine3, "addressLine3";
    city, City, "city";
    county, County, "county";
    district, District, "district";
    state_or_region, StateOrRegion, "stateOrRegion";
    postal_code, PostalCode, "postalCode";
    country_code, CountryCode, "countryCode";
    phone_number, PhoneNumber, "phoneNumber";
}

/// An address is buyer data: its `Debug` says only which members it has.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let present = AddressMember::ALL.iter().filter(|member| self.member(**member).is_some());
        f.debug_tuple("Address")
            .field(&present.map(|member| member.as_str()).collect::<alloc::vec::Vec<_>>())
            .finish()
    }
}

/// A set of members of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressMembers(u16);

impl AddressMembers {
    /// Every member.
    pub const ALL: Self = Self::of(AddressMember::ALL);
    /// What Finalize itself must match, unless the shop says otherwise: where a parcel goes, without the name
    /// and the telephone number of its recipient.
    pub const DEFAULT: Self = Self::of(&[
        AddressMember::AddressLine1,
        AddressMember::AddressLine2,
        AddressMember::AddressLine3,
        AddressMember::City,
    ])
    .and(Self::PRICED);
    /// The members that a price depends on. They are compared wherever a price was calculated for an address.
    pub const PRICED: Self =
        Self::of(&[AddressMember::StateOrRegion, AddressMember::PostalCode, AddressMember::CountryCode]);

    /// The set of these members.
    #[must_use]
    pub const fn of(members: &[AddressMember]) -> Self {
        let mut set = Self(0);
        let mut rest = members;
        while let [member, others @ ..] = rest {
            set.0 |= Self::bit(*member);
            rest = others;
        }
        set
    }

    /// The members of either set.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a member is in this set.
    #[must_use]
    pub const fn contains(self, member: AddressMember) -> bool {
        self.0 & Self::bit(member) != 0
    }

    const fn bit(member: AddressMember) -> u16 {
        1 << member as u16
    }
}

words! {
    /// Which address of an order.
    AddressKind {
        /// `shippingAddress`.
        Shipping = "shippingAddress",
        /// `billingAddress`.
        Billing = "billingAddress",
    }
}

/// How addresses are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressMatch {
    /// Unicode NFC, outer white space trimmed, inner runs folded to one space; absent, `null` and
    /// empty are the same. Case counts.
    #[default]
    Canonical,
    /// Character by character; only absent and `null` are the same.
    Exact,
}

impl Address {
    /// The first member, in the API's order, in which two addresses differ; `None` if they match.
    #[must_use]
    pub fn difference(&self, other: &Self, rule: AddressMatch) -> Option<AddressMember> {
        AddressMember::ALL.iter().copied().find(|member| self.differs_in(other, *member, rule))
    }

    /// The first of some members in which two addresses differ, by the canonical rule; `None` if they match.
    #[must_use]
    pub fn difference_in(&self, other: &Self, compared: AddressMembers) -> Option<AddressMember> {
        let mut members = AddressMember::ALL.iter().copied().filter(|member| compared.contains(*member));
        members.find(|member| self.differs_in(other, *member, AddressMatch::Canonical))
    }

    /// For an address of which only a part may be known: the first of the compared members that this address
    /// has and that differs in `whole`.
    #[must_use]
    pub fn contradiction(&self, whole: &Self, compared: AddressMembers) -> Option<AddressMember> {
        let is_known = |member: &AddressMember| self.has(*member) && compared.contains(*member);
        let mut known = AddressMember::ALL.iter().copied().filter(is_known);
        known.find(|member| self.differs_in(whole, *member, AddressMatch::Canonical))
    }

    /// Whether a member is present and is not blank.
    #[must_use]
    pub fn has(&self, member: AddressMember) -> bool {
        canonical(self.member(member)).next().is_some()
    }

    fn differs_in(&self, other: &Self, member: AddressMember, rule: AddressMatch) -> bool {
        let (ours, theirs) = (self.member(member), other.member(member));
        match rule {
            AddressMatch::Exact => ours != theirs,
            // Equal texts are the common case and need no normalization.
            AddressMatch::Canonical => ours != theirs && !canonical(ours).eq(canonical(theirs)),
        }
    }
}

/// The characters that count, white space folded.
fn canonical(text: Option<&str>) -> impl Iterator<Item = char> + '_ {
    let words = text.unwrap_or("").split_whitespace();
    words.enumerate().flat_map(|(position, word)| (position > 0).then_some(' ').into_iter().chain(word.nfc()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn street(text: Option<&str>) -> Address {
        Address { address_line1: text.map(ToString::to_string), ..Address::default() }
    }

    // Promise: B12
    #[test]
    fn spelling_that_carries_no_meaning_does_not_count() {
        for (ours, theirs) in [
            (Some("10 Ditka Ave"), Some("  10  Ditka\tAve ")),
            (Some("Caf\u{e9}"), Some("Cafe\u{301}")),
            (None, Some("")),
            (None, Some("  ")),
            (Some("𠮷野家"), Some("𠮷野家")),
        ] {
            let (ours, theirs) = (street(ours), street(theirs));
            assert_eq!(ours.difference(&theirs, AddressMatch::Canonical), None);
            assert_eq!(ours == theirs, ours.difference(&theirs, AddressMatch::Exact).is_none());
        }
    }

    // Promise: B12
    #[test]
    fn what_carries_meaning_differs_and_is_named() {
        for (ours, theirs) in [
            (Some("10 Ditka Ave"), Some("10 Ditka Avenue")),
            (Some("10 Ditka Ave"), Some("10 ditka ave")),
            (Some("10 Ditka Ave"), Some("10DitkaAve")),
            (Some("Packstation 101"), None),
            (Some("a b"), Some("ab")),
        ] {
            let difference = street(ours).difference(&street(theirs), AddressMatch::Canonical);
            assert_eq!(difference, Some(AddressMember::AddressLine1), "{ours:?} {theirs:?}");
        }
    }

    #[test]
    fn a_partial_address_contradicts_only_by_what_it_has() {
        let whole = Address { city: Some("Berlin".to_string()), ..street(Some("10 Ditka Ave")) };
        let contradiction = |part: &Address| part.contradiction(&whole, AddressMembers::ALL);
        assert_eq!(contradiction(&Address::default()), None);
        assert_eq!(contradiction(&street(Some(" 10  Ditka Ave"))), None);
        assert_eq!(contradiction(&street(Some("  "))), None);
        assert_eq!(contradiction(&street(Some("11 Ditka Ave"))), Some(AddressMember::AddressLine1));
        let unknown_there = Address { county: Some("Mitte".to_string()), ..Address::default() };
        assert_eq!(contradiction(&unknown_there), Some(AddressMember::County));
    }

    #[test]
    fn every_member_takes_part() {
        for member in AddressMember::ALL {
            let mut address = Address::default();
            *address.member_mut(*member) = Some("x".to_string());
            assert_eq!(address.difference(&Address::default(), AddressMatch::Canonical), Some(*member));
            assert_eq!(AddressMember::parse(member.as_str()), Some(*member));
        }
    }

    #[test]
    fn only_the_compared_members_count() {
        for compared in AddressMember::ALL {
            let set = AddressMembers::of(&[*compared]);
            for member in AddressMember::ALL {
                let mut address = Address::default();
                *address.member_mut(*member) = Some("x".to_string());
                let expected = (member == compared).then_some(*member);
                assert_eq!(address.difference_in(&Address::default(), set), expected);
                assert_eq!(address.contradiction(&Address::default(), set), expected);
                assert!(AddressMembers::ALL.contains(*member));
            }
        }
        let left_out = ["name", "county", "district", "phoneNumber"];
        for member in AddressMember::ALL {
            let is_compared = AddressMembers::DEFAULT.contains(*member);
            assert_eq!(is_compared, !left_out.contains(&member.as_str()), "{}", member.as_str());
        }
    }

    #[test]
    fn debug_prints_no_buyer_data() {
        assert_eq!(alloc::format!("{:?}", street(Some("canary"))), r#"Address(["addressLine1"])"#);
    }
}
