//! Money in minor units, exactly as the API writes it. No floating point and no rounding anywhere.

use alloc::string::String;
use core::fmt;

use crate::ids::Region;
use crate::words::words;

macro_rules! currencies {
    ($($code:ident => $digits:literal),+ $(,)?) => {
        words! {
            /// A currency that Amazon Pay knows, by its ISO 4217 code: one of the ledger currencies
            /// (USD, EUR, GBP and JPY) or a presentment currency of a multi-currency account.
            #[derive(PartialOrd, Ord)]
            Currency {
                $(
                    #[doc = concat!("ISO 4217 `", stringify!($code), "`.")]
                    $code,
                )+
            }
        }

        impl Currency {
            /// How many digits follow the decimal point: the ISO 4217 exponent.
            #[must_use]
            pub const fn digits(self) -> u32 {
                match self { $(Self::$code => $digits),+ }
            }
        }
    };
}

currencies! {
    AUD => 2, CHF => 2, DKK => 2, EUR => 2, GBP => 2, HKD => 2,
    JPY => 0, NOK => 2, NZD => 2, SEK => 2, USD => 2, ZAR => 2,
}

impl Currency {
    /// The largest single charge or refund: 150,000 USD, EUR or GBP; 10,000,000 JPY.
    ///
    /// Amazon documents no maximum for the other presentment currencies; 10,000,000 major units is this
    /// project's choice (docs/compatibility.md).
    #[must_use]
    pub const fn maximum(self) -> Money {
        let minor = match self {
            Self::USD | Self::EUR | Self::GBP => 15_000_000,
            Self::JPY => 10_000_000,
            Self::AUD | Self::CHF | Self::DKK | Self::HKD | Self::NOK | Self::NZD | Self::SEK | Self::ZAR => {
                1_000_000_000
            }
        };
        Money { minor, currency: self }
    }

    /// Whether accounts of a region are paid in this currency: those of North America in dollars, those of
    /// Japan in yen, and those of Europe, the only ones that can be multi-currency, in any.
    #[must_use]
    pub const fn is_paid_in(self, region: Region) -> bool {
        match region {
            Region::NorthAmerica => matches!(self, Self::USD),
            Region::Japan => matches!(self, Self::JPY),
            Region::Europe => true,
        }
    }
}

/// Why a text is not an amount of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountRefused {
    /// Not just digits, optionally followed by one point and digits: empty, signed, with an exponent or
    /// separators.
    NotAPlainDecimal,
    /// More digits after the point than the currency has (`14.000` USD, `500.00` JPY).
    TooManyDecimals,
    /// Larger than any amount of money that this system handles.
    TooLarge,
}

impl fmt::Display for AmountRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAPlainDecimal => "it is not a plain decimal such as 14.00",
            Self::TooManyDecimals => "it has more decimals than its currency",
            Self::TooLarge => "it is too large",
        })
    }
}

/// An amount in minor units of its currency. Never negative.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: u64,
    currency: Currency,
}

impl Money {
    /// An amount in minor units: cents for USD, yen for JPY.
    #[must_use]
    pub const fn from_minor(minor: u64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Zero, in a currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn minor(self) -> u64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Whether the amount is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// Reads a plain decimal: digits, and after one point at most as many digits as the currency has.
    ///
    /// `14`, `14.0` and `14.00` USD are the same value. Signs, exponents, thousands separators, spaces and
    /// excess decimals are refused, even if they are zeros.
    ///
    /// # Errors
    /// Says what is wrong with the text; it never rounds.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, AmountRefused> {
        let (whole, fraction) = decimal(text)?;
        Self::from_digits(whole, fraction, currency)
    }

    /// Reads an amount that Amazon shows: like [`parse`](Self::parse), but extra zeros beyond the currency's decimals
    /// are accepted, since they do not change the amount: `1400.00` JPY is 1400 JPY, and `14.000` USD is 14.00 USD.
    ///
    /// # Errors
    /// Says what is wrong with the text; it never rounds, so a nonzero digit beyond the currency's decimals is refused.
    pub fn parse_shown(text: &str, currency: Currency) -> Result<Self, AmountRefused> {
        let (whole, fraction) = decimal(text)?;
        let digits = fraction.len().min(currency.digits() as usize);
        let (own, excess) = fraction.split_at_checked(digits).unwrap_or((fraction, ""));
        if excess.bytes().any(|digit| digit != b'0') {
            return Err(AmountRefused::TooManyDecimals);
        }
        Self::from_digits(whole, own, currency)
    }

    fn from_digits(whole: &str, fraction: &str, currency: Currency) -> Result<Self, AmountRefused> {
        let fraction_digits = u32::try_from(fraction.len()).map_err(|_| AmountRefused::TooManyDecimals)?;
        let missing_digits =
            currency.digits().checked_sub(fraction_digits).ok_or(AmountRefused::TooManyDecimals)?;
        let mut minor: u64 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            minor = minor
                .checked_mul(10)
                .and_then(|shifted| shifted.checked_add(u64::from(digit.wrapping_sub(b'0'))))
                .ok_or(AmountRefused::TooLarge)?;
        }
        let minor = 10_u64
            .checked_pow(missing_digits)
            .and_then(|scale| minor.checked_mul(scale))
            .ok_or(AmountRefused::TooLarge)?;
        Ok(Self { minor, currency })
    }

    /// The amount as the API prints it: all of the currency's digits, no separators (`14.00`, `500`).
    #[must_use]
    pub fn amount(self) -> String {
        alloc::format!("{}", Amount(self))
    }

    /// The sum; `None` when the currencies differ or the sum does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        Some(Self { minor: self.minor.checked_add(other.minor)?, ..self })
    }

    /// The difference; `None` when the currencies differ or it would be negative.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        Some(Self { minor: self.minor.checked_sub(other.minor)?, ..self })
    }

    /// What is left after another amount of the same currency is subtracted; zero if that amount is larger.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        self.checked_sub(other).unwrap_or(Self::zero(self.currency))
    }

    /// The sum of amounts in one currency.
    #[must_use]
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Self>) -> Self {
        let zero = Self::zero(currency);
        amounts.into_iter().fold(zero, |sum, amount| sum.checked_add(amount).unwrap_or(sum))
    }
}

/// The digits before and after the point of a plain decimal.
fn decimal(text: &str) -> Result<(&str, &str), AmountRefused> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !fraction.is_none_or(all_digits) {
        return Err(AmountRefused::NotAPlainDecimal);
    }
    Ok((whole, fraction.unwrap_or("")))
}

struct Amount(Money);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Money { minor, currency } = self.0;
        let digits = currency.digits();
        if digits == 0 {
            return write!(f, "{minor}");
        }
        let scale = 10_u64.saturating_pow(digits);
        let whole = minor.checked_div(scale).unwrap_or(0);
        let fraction = minor.checked_rem(scale).unwrap_or(0);
        write!(f, "{whole}.{fraction:0width$}", width = digits as usize)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Amount(*self), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn one_value_has_one_amount_however_it_is_written() {
        for text in ["14", "14.0", "14.00", "014.00"] {
            assert_eq!(
                Money::parse(text, Currency::USD),
                Ok(Money::from_minor(1400, Currency::USD)),
                "{text}"
            );
        }
        assert_eq!(Money::parse("500", Currency::JPY), Ok(Money::from_minor(500, Currency::JPY)));
        assert_eq!(Money::parse("0.07", Currency::EUR).unwrap().amount(), "0.07");
    }

    // Promise: A15, C01
    #[test]
    fn what_is_not_a_plain_decimal_of_the_currency_is_refused() {
        use AmountRefused::*;
        for (text, currency, refused) in [
            ("", Currency::USD, NotAPlainDecimal),
            (".", Currency::USD, NotAPlainDecimal),
            ("14.", Currency::USD, NotAPlainDecimal),
            (".50", Currency::USD, NotAPlainDecimal),
            ("+14.00", Currency::USD, NotAPlainDecimal),
            ("-14.00", Currency::USD, NotAPlainDecimal),
            ("1,000.00", Currency::USD, NotAPlainDecimal),
            ("1e3", Currency::USD, NotAPlainDecimal),
            ("14.00 ", Currency::USD, NotAPlainDecimal),
            ("1.4.0", Currency::USD, NotAPlainDecimal),
            ("١٤", Currency::USD, NotAPlainDecimal),
            ("0x10", Currency::USD, NotAPlainDecimal),
            ("0.9000", Currency::USD, TooManyDecimals),
            ("14.000", Currency::USD, TooManyDecimals),
            ("7.7225", Currency::EUR, TooManyDecimals),
            ("500.00", Currency::JPY, TooManyDecimals),
            ("500.0", Currency::JPY, TooManyDecimals),
            ("18446744073709551616", Currency::JPY, TooLarge),
            ("184467440737095516.16", Currency::USD, TooLarge),
        ] {
            assert_eq!(Money::parse(text, currency), Err(refused), "{text:?} {currency}");
        }
    }

    // Promise: C01
    #[test]
    fn zeros_beyond_the_currencys_digits_are_read_in_what_amazon_shows_and_nothing_else_is() {
        use AmountRefused::*;
        for (text, currency, read) in [
            ("1400.00", Currency::JPY, Ok(1_400)),
            ("1400.0", Currency::JPY, Ok(1_400)),
            ("1400", Currency::JPY, Ok(1_400)),
            ("14.000", Currency::USD, Ok(1_400)),
            ("0.9000", Currency::EUR, Ok(90)),
            ("14", Currency::USD, Ok(1_400)),
            ("14.5", Currency::USD, Ok(1_450)),
            ("0.00000000000000000000", Currency::JPY, Ok(0)),
            ("1400.01", Currency::JPY, Err(TooManyDecimals)),
            ("1400.10", Currency::JPY, Err(TooManyDecimals)),
            ("14.001", Currency::USD, Err(TooManyDecimals)),
            ("7.7225", Currency::EUR, Err(TooManyDecimals)),
            ("14.", Currency::USD, Err(NotAPlainDecimal)),
            ("1,400.00", Currency::JPY, Err(NotAPlainDecimal)),
            ("-1400.00", Currency::JPY, Err(NotAPlainDecimal)),
            ("18446744073709551616.00", Currency::JPY, Err(TooLarge)),
        ] {
            let read = read.map(|minor| Money::from_minor(minor, currency));
            assert_eq!(Money::parse_shown(text, currency), read, "{text:?} {currency}");
        }
    }

    // Promise: C01
    #[test]
    fn currencies_that_amazon_pay_has_not_are_unknown() {
        for code in ["BHD", "usd", "US", "", "USDX"] {
            assert_eq!(Currency::parse(code), None, "{code:?}");
        }
        for currency in Currency::ALL {
            assert_eq!(Currency::parse(currency.as_str()), Some(*currency));
        }
    }

    #[test]
    fn maxima_are_those_of_the_api() {
        assert_eq!(Currency::USD.maximum().to_string(), "150000.00 USD");
        assert_eq!(Currency::JPY.maximum().to_string(), "10000000 JPY");
    }

    #[test]
    fn amounts_of_two_currencies_never_add_up() {
        let dollar = Money::from_minor(100, Currency::USD);
        let yen = Money::from_minor(100, Currency::JPY);
        assert_eq!(dollar.checked_add(yen), None);
        assert_eq!(dollar.checked_sub(yen), None);
        assert_eq!(dollar.checked_sub(Money::from_minor(101, Currency::USD)), None);
        assert_eq!(Money::from_minor(u64::MAX, Currency::USD).checked_add(dollar), None);
    }

    proptest! {
        // Promise: C01
        #[test]
        fn print_and_parse_are_inverse(minor: u64, index in 0..Currency::ALL.len()) {
            let money = Money::from_minor(minor, Currency::ALL[index]);
            prop_assert_eq!(Money::parse(&money.amount(), money.currency()), Ok(money));
        }
    }
}
