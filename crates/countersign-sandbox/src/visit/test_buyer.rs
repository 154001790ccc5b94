//! The default buyers: for each region a usual one, and some whose data is hard to store, to compare or to
//! print. All data is invented.

use countersign_domain::address::{Address, AddressMember};
use countersign_domain::ids::{BuyerId, Region};
use countersign_domain::provider::buyer::{Buyer, Card};
use countersign_domain::provider::checkout_session::{
    self as rules, BuyerAct, CheckoutSession, CheckoutSessionState, SessionRefused, SessionStep,
};
use countersign_domain::terms::ProductType;
use countersign_domain::time::Timestamp;

/// The card with a billing address that differs from that of the buyer's other cards. If nothing is shipped,
/// choosing this card changes the payment-critical address after the shop has made its quote.
const BILLED_ELSEWHERE: Card = Card::Jcb0000;

/// A buyer who can log in on the hosted page, with the addresses that they have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestBuyer {
    pub(crate) buyer: Buyer,
    /// What is special about the buyer's data.
    pub(crate) trait_of: BuyerTrait,
    /// The address book, never empty.
    pub(crate) addresses: Vec<Address>,
}

impl TestBuyer {
    /// A card's billing address: the first of the book, or for [`BILLED_ELSEWHERE`] the second, if there is
    /// one.
    fn billing_address(&self, card: Card) -> Option<&Address> {
        let elsewhere = self.addresses.get(1).filter(|_| card == BILLED_ELSEWHERE);
        elsewhere.or(self.addresses.first())
    }
}

/// Makes the billing address follow the card, which was `before` until now. An address that is not
/// a test buyer's was given with the checkout, and stays. An address that is not shared stays
/// unshared.
pub(crate) fn bill_to_the_card(buyer: &mut Buyer, before: Card, region: Region) {
    let Some(shown) = &buyer.billing_address else { return };
    let buyers = test_buyers(region, ProductType::PayOnly);
    let own = buyers.iter().find(|own| own.billing_address(before) == Some(shown));
    if let Some(address) = own.and_then(|own| own.billing_address(buyer.card)) {
        buyer.billing_address = Some(address.clone());
    }
}

/// Applies the domain's act of a buyer. Choosing a card also changes the billing address.
///
/// # Errors
/// Those of the domain's act.
pub(crate) fn act(
    session: CheckoutSession,
    act: BuyerAct,
    arriving: Buyer,
    now: Timestamp,
) -> Result<SessionStep, SessionRefused> {
    let region = session.region;
    let before = match (&act, &session.state) {
        (BuyerAct::SelectCard(_), CheckoutSessionState::Open { buyer: Some(buyer), .. }) => Some(buyer.card),
        (BuyerAct::SelectCard(_), _) => Some(arriving.card),
        _ => None,
    };
    let mut step = rules::act(session, act, arriving, now)?;
    if let (Some(before), CheckoutSessionState::Open { buyer: Some(buyer), .. }) =
        (before, &mut step.next.state)
    {
        bill_to_the_card(buyer, before, region);
    }
    Ok(step)
}

/// What a test buyer's data tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuyerTrait {
    /// Nothing special: usual data.
    Usual,
    /// Diacritics in both normal forms, characters of four bytes, spaces at the ends.
    Letters,
    /// A post box, a parcel locker.
    PostBox,
    /// As many members absent as possible.
    Absent,
}

/// The columns of the address tables. An empty text is an absent member.
const COLUMNS: [AddressMember; 8] = [
    AddressMember::Name,
    AddressMember::AddressLine1,
    AddressMember::AddressLine2,
    AddressMember::City,
    AddressMember::StateOrRegion,
    AddressMember::PostalCode,
    AddressMember::CountryCode,
    AddressMember::PhoneNumber,
];

fn address_of(row: &str) -> Address {
    let mut address = Address::default();
    for (member, text) in COLUMNS.into_iter().zip(row.split('|')).filter(|(_, text)| !text.is_empty()) {
        *address.member_mut(member) = Some(text.to_owned());
    }
    address
}

/// The addresses of the usual buyer, and those of the others, one per row. The rare characters are
/// outside the basic plane, but Debian's DejaVu and Noto CJK fonts can draw them.
fn address_rows(region: Region) -> [&'static [&'static str]; 4] {
    match region {
        Region::NorthAmerica => [
            &[
                "Robin Tester|12 Sample Street|Apartment 3|Seattle|WA|98101|US|2065550100",
                "Robin Tester|500 Example Avenue|Floor 9|Portland|OR|97204|US|5035550100",
                "Kim Probst|Musterweg 12||Berlin||10115|DE|03055500100",
            ],
            &[
                "Zoe\u{308} N\u{fa}\u{f1}ez \u{20bb7}\u{1f600}|  7  Caf\u{e9} Cre\u{301}me Way |\
                 c/o \u{d8}re & <S\u{f8}n>|Seattle|WA|98102|US|2065550101",
                "\u{20bb7}\u{91ce} O'Brien-\u{141}ukasik|1 \"Quoted\" Street||Portland|OR|97205|US|\
                 5035550101",
            ],
            &[
                "Pat Postbox|P.O. Box 1234||Seattle|WA|98103|US|2065550102",
                "Pat Postbox|34 Sample Street||Portland|OR|97206|US|5035550102",
            ],
            &["Sam|1 Bare Street|||||US|"],
        ],
        Region::Europe => [
            &[
                "Kim Probst|Musterweg 12||Berlin||10115|DE|03055500100",
                "Kim Probst|Beispielgasse 4|T\u{fc}r 7|Wien||1010|AT|0155500100",
                "Kim Probst|8 rue de l'Exemple||Paris||75001|FR|0155500101",
                "Kim Probst|3 Sample Road||London||N1 1AA|GB|02055500100",
            ],
            &[
                "Zoe\u{308} M\u{fc}\u{df}ig \u{20bb7}\u{1f600}|  Stra\u{df}e  des Cre\u{301}me 7 |\
                 c/o \u{d8}re & <S\u{f8}n>|K\u{f6}ln||50667|DE|022155500100",
                "\u{20bb7}\u{91ce} O'Brien-\u{141}ukasik|ul. \"Pr\u{f3}bna\" 1||\u{141}\u{f3}d\u{17a}||\
                 90-001|PL|0425550100",
            ],
            &[
                "Pat Postfach|Packstation 145|1234567890|Berlin||10117|DE|03055500102",
                "Pat Postfach|Postfach 12 34||Berlin||10118|DE|03055500102",
            ],
            &["Sam|Kahlweg 1|||||DE|"],
        ],
        Region::Japan => [
            &[
                "見本 太郎|見本町1-2-3||千代田区|東京都|100-0001|JP|0355500100",
                "見本 太郎|例町4-5-6||大阪市|大阪府|530-0001|JP|0655500100",
            ],
            &["\u{20bb7}\u{91ce}\u{5bb6} \u{1f600}|\
                 \u{3000}\u{30ab}\u{3099}\u{30fc}\u{30c6}\u{3099}\u{30f3} <7>\u{3000}|Zo\u{eb} & Co|\
                 千代田区|東京都|100-0002|JP|0355500101"],
            &[
                "私書 箱子|私書箱12号||千代田区|東京都|100-8799|JP|0355500102",
                "私書 箱子|見本町7-8||千代田区|東京都|100-0003|JP|0355500102",
            ],
            &["無|見本町9|||||JP|"],
        ],
    }
}

/// The buyers who can log in on the hosted page of a region, the usual one first.
pub(crate) fn test_buyers(region: Region, product_type: ProductType) -> Vec<TestBuyer> {
    let traits = [BuyerTrait::Usual, BuyerTrait::Letters, BuyerTrait::PostBox, BuyerTrait::Absent];
    let buyers = traits.into_iter().zip(address_rows(region)).enumerate();
    let buyers = buyers.map(|(place, (trait_of, rows))| {
        let addresses: Vec<Address> = rows.iter().copied().map(address_of).collect();
        let has_mail = trait_of != BuyerTrait::Absent;
        let buyer = buyer(region, product_type, place, addresses.first().cloned().unwrap_or_default());
        TestBuyer { buyer: Buyer { email: buyer.email.filter(|_| has_mail), ..buyer }, trait_of, addresses }
    });
    buyers.collect()
}

/// The test buyer of a region. Both addresses are shared, as at Amazon when the scopes include the billing
/// address; PayOnly has no shipping address.
pub(crate) fn test_buyer(region: Region, product_type: ProductType) -> Buyer {
    let [usual, ..] = address_rows(region);
    buyer(region, product_type, 0, usual.first().copied().map(address_of).unwrap_or_default())
}

/// The buyer at a place of the list, with the first address of their book.
fn buyer(region: Region, product_type: ProductType, place: usize, first: Address) -> Buyer {
    let code = region.code();
    let (nth, mail) = match place {
        0 => (String::new(), format!("buyer.{code}@example.com")),
        _ => (place.saturating_add(1).to_string(), format!("buyer{place}.{code}@example.com")),
    };
    let id = format!("amzn1.account.TESTBUYER{}{nth}", code.to_ascii_uppercase());
    Buyer {
        // This never fails: letters, digits and dots always make an id.
        id: BuyerId::parse(&id).unwrap_or_else(|_| unreachable!("{id} is an id")),
        name: first.name.clone(),
        email: Some(mail),
        phone_number: first.phone_number.clone(),
        shipping_address: Some(first.clone()).filter(|_| product_type == ProductType::PayAndShip),
        billing_address: Some(first),
        card: Card::Visa1111,
        delivery_option: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_every_column() {
        for region in [Region::NorthAmerica, Region::Europe, Region::Japan] {
            for row in address_rows(region).into_iter().flatten() {
                assert_eq!(row.split('|').count(), COLUMNS.len(), "{row}");
            }
        }
    }
}
