//! Which addresses a shop delivers to: the button's `deliverySpecifications`, applied to an address book.

use std::collections::BTreeMap;

use countersign_domain::address::Address;
use countersign_protocol::wire::DeliverySpecifications;
use serde::Deserialize;

/// The words of `specialRestrictions`.
const PO_BOXES: &str = "RestrictPOBoxes";
const PACKSTATIONS: &str = "RestrictPackstations";

/// The words for post boxes, in lower case and without dots or spaces. Amazon's own rule is not documented;
/// this rule searches the lines of the address for these words.
const PO_BOX_WORDS: [&str; 6] =
    ["pobox", "postofficebox", "postfach", "boîtepostale", "casellapostale", "私書箱"];

/// A shop's restrictions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Restrictions {
    no_po_boxes: bool,
    no_packstations: bool,
    places: Option<Places>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Places {
    are_allowed: bool,
    countries: BTreeMap<String, Country>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Country {
    states_or_regions: Vec<String>,
    zip_codes: Vec<String>,
}

/// The member that is not valid, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotARestriction(pub(crate) &'static str, pub(crate) &'static str);

/// Why an address cannot be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotDelivered {
    PoBox,
    Packstation,
    Place,
}

impl Restrictions {
    /// Reads a button's `deliverySpecifications`.
    pub(crate) fn read(specifications: Option<&DeliverySpecifications>) -> Result<Self, NotARestriction> {
        let Some(specifications) = specifications else { return Ok(Self::default()) };
        let mut read = Self::default();
        for word in specifications.special_restrictions.iter().flatten() {
            match word.as_str() {
                PO_BOXES => read.no_po_boxes = true,
                PACKSTATIONS => read.no_packstations = true,
                _ => {
                    let why = "it is not one of RestrictPOBoxes, RestrictPackstations";
                    return Err(NotARestriction("deliverySpecifications.specialRestrictions", why));
                }
            }
        }
        let Some(places) = &specifications.address_restrictions else { return Ok(read) };
        let are_allowed = match places.restriction_type.as_deref() {
            Some("Allowed") => true,
            Some("NotAllowed") => false,
            _ => {
                let why = "it is not one of Allowed, NotAllowed";
                return Err(NotARestriction("deliverySpecifications.addressRestrictions.type", why));
            }
        };
        let countries = places.restrictions.as_ref().map_or("{}", |json| json.text());
        let countries = serde_json::from_str(countries).map_err(|_| {
            let why = "it is no object of country codes, each with statesOrRegions and zipCodes";
            NotARestriction("deliverySpecifications.addressRestrictions.restrictions", why)
        })?;
        Ok(Self { places: Some(Places { are_allowed, countries }), ..read })
    }

    /// Why an address cannot be chosen; `None` when it can.
    pub(crate) fn refuse(&self, address: &Address) -> Option<NotDelivered> {
        let lines = [&address.address_line1, &address.address_line2, &address.address_line3];
        let mut lines = lines.into_iter().flatten().map(|line| {
            let letters = line.chars().filter(|letter| !letter.is_whitespace() && *letter != '.');
            letters.flat_map(char::to_lowercase).collect::<String>()
        });
        let has = |words: &[&str]| {
            let has_word = |line: String| words.iter().any(|word| line.contains(word));
            lines.clone().any(has_word)
        };
        if self.no_po_boxes && has(&PO_BOX_WORDS) {
            return Some(NotDelivered::PoBox);
        }
        if self.no_packstations && lines.any(|line| line.contains("packstation")) {
            return Some(NotDelivered::Packstation);
        }
        let places = self.places.as_ref()?;
        (places.are_there(address) != places.are_allowed).then_some(NotDelivered::Place)
    }
}

impl Places {
    fn are_there(&self, address: &Address) -> bool {
        let country = address.country_code.as_deref().unwrap_or_default();
        let country = self.countries.iter().find(|(code, _)| code.eq_ignore_ascii_case(country));
        country.is_some_and(|(_, country)| country.has(address))
    }
}

impl Country {
    /// Whether a country's restriction includes an address. Without states and postal codes it
    /// includes the whole country.
    fn has(&self, address: &Address) -> bool {
        let is_whole = self.states_or_regions.is_empty() && self.zip_codes.is_empty();
        let state = address.state_or_region.as_deref().unwrap_or_default();
        let code = address.postal_code.as_deref().unwrap_or_default();
        is_whole
            || self.states_or_regions.iter().any(|known| known.eq_ignore_ascii_case(state))
            || self.zip_codes.iter().any(|known| match known.strip_suffix('*') {
                Some(beginning) => code.starts_with(beginning),
                None => known == code,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_protocol::wire::{Spellings, read_request};

    fn restrictions(json: &str) -> Result<Restrictions, NotARestriction> {
        let read: DeliverySpecifications = read_request(json.as_bytes(), Spellings::Every).unwrap();
        Restrictions::read(Some(&read))
    }

    fn address(line: &str, state: &str, code: &str, country: &str) -> Address {
        let text = |text: &str| Some(text.to_owned());
        Address {
            address_line2: text(line),
            state_or_region: text(state),
            postal_code: text(code),
            country_code: text(country),
            ..Address::default()
        }
    }

    #[test]
    fn each_restriction_refuses_what_it_names_and_nothing_else() {
        let all = r#"{"specialRestrictions":["RestrictPOBoxes","RestrictPackstations"]}"#;
        let allowed = r#"{"addressRestrictions":{"type":"Allowed","restrictions":
            {"US":{"statesOrRegions":["WA"],"zipCodes":["95050","934*"]},"DE":{}}}}"#;
        let not_allowed = allowed.replace("\"Allowed\"", "\"NotAllowed\"");
        let place = Some(NotDelivered::Place);
        for (json, line, state, code, country, expected) in [
            (all, "P.O. Box 12", "", "", "US", Some(NotDelivered::PoBox)),
            (all, "Postfach 12", "", "", "DE", Some(NotDelivered::PoBox)),
            (all, "Packstation 145", "", "", "DE", Some(NotDelivered::Packstation)),
            (all, "12 Pobble Street", "", "", "US", None),
            ("{}", "PO Box 12", "", "", "US", None),
            (allowed, "", "WA", "98101", "US", None),
            (allowed, "", "wa", "98101", "us", None),
            (allowed, "", "CA", "95050", "US", None),
            (allowed, "", "CA", "93412", "US", None),
            (allowed, "", "CA", "95051", "US", place),
            (allowed, "", "", "10115", "DE", None),
            (allowed, "", "", "75001", "FR", place),
            (&not_allowed, "", "WA", "98101", "US", place),
            (&not_allowed, "", "", "10115", "DE", place),
            (&not_allowed, "", "", "75001", "FR", None),
        ] {
            let refused = restrictions(json).unwrap().refuse(&address(line, state, code, country));
            assert_eq!(refused, expected, "{json} {line} {state} {code} {country}");
        }
    }

    #[test]
    fn a_restriction_that_is_not_valid_is_named() {
        for (json, member) in [
            (r#"{"specialRestrictions":["?"]}"#, "specialRestrictions"),
            (r#"{"addressRestrictions":{}}"#, "addressRestrictions.type"),
            (r#"{"addressRestrictions":{"type":"allowed"}}"#, "addressRestrictions.type"),
            (
                r#"{"addressRestrictions":{"type":"Allowed","restrictions":[]}}"#,
                "addressRestrictions.restrictions",
            ),
            (
                r#"{"addressRestrictions":{"type":"Allowed","restrictions":{"US":{"zip":[]}}}}"#,
                "addressRestrictions.restrictions",
            ),
        ] {
            let NotARestriction(named, _) = restrictions(json).unwrap_err();
            assert_eq!(named, format!("deliverySpecifications.{member}"), "{json}");
        }
    }
}
