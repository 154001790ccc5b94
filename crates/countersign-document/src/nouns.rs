//! The forms of the nouns that both halves use: money, instants, ids, words, addresses, exact bodies; and of
//! the types that contain others.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_domain::address::{Address, AddressKind, AddressMember};
use countersign_domain::ids::{
    BuyerId, ChargeId, ChargePermissionId, CheckoutId, CheckoutSessionId, DisputeId, Environment,
    IdempotencyKey, MerchantId, RefundId, Region, StoreId,
};
use countersign_domain::money::{Currency, Money};
use countersign_domain::terms::{MerchantMetadata, PaymentIntent, ProductType};
use countersign_domain::time::Timestamp;

use super::illegible_value::IllegibleValue;
use super::reader::Reader;
use super::stored::Stored;
use super::writer::Writer;

crate::stored! {
    by any;

    text BuyerId: as_str, BuyerId::parse;
    text ChargeId: as_str, ChargeId::parse;
    text ChargePermissionId: as_str, ChargePermissionId::parse;
    text CheckoutId: as_str, CheckoutId::parse;
    text CheckoutSessionId: as_str, CheckoutSessionId::parse;
    text IdempotencyKey: as_str, IdempotencyKey::parse;
    text MerchantId: as_str, MerchantId::parse;
    text RefundId: as_str, RefundId::parse;

    text DisputeId: as_str, DisputeId::parse;
    text StoreId: as_str, StoreId::parse;

    text AddressMember: as_str, AddressMember::parse;
    text Currency: as_str, Currency::parse;
    text PaymentIntent: as_str, PaymentIntent::parse;
    text ProductType: as_str, ProductType::parse;
    text Region: code, Region::parse;

    enum AddressKind { Shipping, Billing }
    enum Environment { Sandbox, Live }

    struct MerchantMetadata {
        merchant_reference_id,
        merchant_store_name,
        note_to_buyer,
        custom_information,
    }

    struct Address {
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
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl<By> Stored<By> for $number {
            fn write(&self, writer: &mut Writer) {
                writer.number(self);
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue> {
                reader.number()
            }
        }
    )+};
}

numbers!(u16, u32, u64, usize, i64);

impl<By> Stored<By> for bool {
    fn write(&self, writer: &mut Writer) {
        writer.raw(if *self { "true" } else { "false" });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue> {
        if reader.take_word("true") {
            Ok(true)
        } else if reader.take_word("false") {
            Ok(false)
        } else {
            Err(reader.illegible("is not true or false"))
        }
    }
}

impl<By> Stored<By> for String {
    fn write(&self, writer: &mut Writer) {
        writer.text(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue> {
        reader.text().map(Cow::into_owned)
    }
}

impl<By> Stored<By> for Cow<'_, str> {
    fn write(&self, writer: &mut Writer) {
        writer.text(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue> {
        reader.text().map(|text| Cow::Owned(text.into_owned()))
    }
}

/// Milliseconds since 1970.
impl<By> Stored<By> for Timestamp {
    fn write(&self, writer: &mut Writer) {
        writer.number(self.as_millis());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue> {
        reader.number().map(Self::from_millis)
    }
}

/// `[1400,"USD"]`: minor units and currency.
impl<By> Stored<By> for Money {
    fn write(&self, writer: &mut Writer) {
        <(u64, Currency) as Stored<By>>::write(&(self.minor(), self.currency()), writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue> {
        let (minor, currency) = <(u64, Currency) as Stored<By>>::read(reader)?;
        Ok(Self::from_minor(minor, currency))
    }
}

impl<By, One: Stored<By>, Other: Stored<By>> Stored<By> for (One, Other) {
    fn write(&self, writer: &mut Writer) {
        writer.list(|writer| {
            writer.element();
            self.0.write(writer);
            writer.element();
            self.1.write(writer);
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue> {
        const NOT_A_PAIR: &str = "is not a pair";
        reader.expect(b'[', "is not a list")?;
        let one = One::read(reader).map_err(|illegible| illegible.inside_element(0))?;
        reader.expect(b',', NOT_A_PAIR)?;
        let other = Other::read(reader).map_err(|illegible| illegible.inside_element(1))?;
        reader.expect(b']', NOT_A_PAIR)?;
        Ok((one, other))
    }
}

/// The exact body of a call: this system's own JSON, stored as a text.
impl<By> Stored<By> for Arc<[u8]> {
    fn write(&self, writer: &mut Writer) {
        writer.text(&String::from_utf8_lossy(self));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue> {
        reader.text().map(|text| Self::from(text.as_bytes()))
    }
}

/// Bytes of any kind, in Base64.
impl<By> Stored<By> for Bytes {
    fn write(&self, writer: &mut Writer) {
        writer.text(&STANDARD.encode(self));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue> {
        reader.parsed(|text| STANDARD.decode(text)).map(Self::from)
    }
}

/// This many bytes of any kind, in Base64.
impl<By, const LEN: usize> Stored<By> for [u8; LEN] {
    fn write(&self, writer: &mut Writer) {
        writer.text(&STANDARD.encode(self));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue> {
        reader.parsed(|text| Self::try_from(STANDARD.decode(text).ok()?).ok())
    }
}

/// A member that may be absent is left out; anywhere else `None` is `null`.
impl<By, T: Stored<By>> Stored<By> for Option<T> {
    fn write(&self, writer: &mut Writer) {
        match self {
            Some(value) => value.write(writer),
            None => writer.raw("null"),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue> {
        if reader.take_word("null") { Ok(None) } else { T::read(reader).map(Some) }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<By, T: Stored<By>> Stored<By> for Box<T> {
    fn write(&self, writer: &mut Writer) {
        T::write(self, writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue> {
        T::read(reader).map(Self::new)
    }
}

impl<By, T: Stored<By>> Stored<By> for Vec<T> {
    fn write(&self, writer: &mut Writer) {
        writer.list(|writer| {
            for element in self {
                writer.element();
                element.write(writer);
            }
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue> {
        let mut elements = Self::new();
        reader.list(|reader| {
            elements.push(T::read(reader).map_err(|illegible| illegible.inside_element(elements.len()))?);
            Ok(())
        })?;
        Ok(elements)
    }
}

impl<By, T: Stored<By> + Clone> Stored<By> for Cow<'_, T> {
    fn write(&self, writer: &mut Writer) {
        T::write(self, writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue> {
        T::read(reader).map(Cow::Owned)
    }
}
