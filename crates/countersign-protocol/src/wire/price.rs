//! An amount of money with its currency. It is read as text, never as a floating-point number.

use core::fmt;
use std::borrow::Cow;

use countersign_domain::money::{Currency, Money};

use super::member::{Member, read_text};
use super::reader::{RawValue, Reader, Spellings, Step};
use super::unknown::UnknownMembers;
use super::writer::Writer;

/// `{"amount": "14.00", "currencyCode": "USD"}`.
///
/// The amount is written as a string with all of the currency's digits. It is read from a string or
/// a number, since one official SDK sends numbers.
#[derive(Clone, PartialEq)]
pub struct Price {
    /// The value.
    pub money: Money,
    /// Members that this version does not know; always empty on a server.
    pub unknown: UnknownMembers,
}

impl From<Money> for Price {
    fn from(money: Money) -> Self {
        Self { money, unknown: UnknownMembers::default() }
    }
}

impl From<Price> for Money {
    fn from(price: Price) -> Self {
        price.money
    }
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.money, f)
    }
}

impl Member for Price {
    fn read(raw: &RawValue, reader: &mut Reader) -> Option<Self> {
        let (mut amount, mut currency_code, mut unknown) = (None, None, UnknownMembers::default());
        for (name, value) in reader.members(raw)? {
            match &*name {
                "amount" => amount = Some(value).filter(|value| value.get() != "null"),
                "currencyCode" => currency_code = Some(value).filter(|value| value.get() != "null"),
                _ if reader.is_strict() => reader.unrecognized(&name),
                _ => unknown.keep(&name, value),
            }
        }
        let mut present = |name, value: Option<_>| {
            if value.is_none() {
                reader.inside(Step::Member(name), |reader| reader.invalid("it is absent"));
            }
            value
        };
        let (amount, currency_code) = (present("amount", amount)?, present("currencyCode", currency_code)?);
        let currency = reader.inside(Step::Member("currencyCode"), |reader| {
            let currency = Currency::parse(&read_text(currency_code, reader)?);
            if currency.is_none() {
                reader.invalid("it is not a currency that Amazon Pay has");
            }
            currency
        })?;
        let money = reader.inside(Step::Member("amount"), |reader| {
            let amount = amount_text(amount, reader)?;
            // What Amazon shows may have more zeros than the currency has digits; what anybody sends may not.
            let parse = if reader.is_strict() { Money::parse } else { Money::parse_shown };
            parse(&amount, currency).map_err(|refused| reader.invalid(refused)).ok()
        })?;
        Some(Self { money, unknown })
    }

    fn write(&self, writer: &mut Writer) {
        writer.object(&self.unknown, |members| {
            members.text_member("amount", &self.money.amount());
            members.text_member("currencyCode", self.money.currency().as_str());
        });
    }
}

fn amount_text<'a>(raw: &'a RawValue, reader: &mut Reader) -> Option<Cow<'a, str>> {
    let is_number = raw.get().starts_with(|first: char| first.is_ascii_digit() || first == '-');
    match (is_number, reader.spellings()) {
        (true, Spellings::Every) => return Some(Cow::Borrowed(raw.get())),
        (true, Spellings::Documented) => {
            reader.invalid("it is a number, and an amount is a string, such as \"14.00\"");
            return None;
        }
        (false, Spellings::Every | Spellings::Documented) => {}
    }
    read_text(raw, reader)
}
