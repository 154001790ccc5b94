//! The rows of `[quote]`: what delivery costs, which tax is added, what a coupon takes off. In the
//! file each row is a table; in a flag or a variable, all rows of a kind are one TOML array.

use countersign_domain::money::{Currency, Money};
use countersign_merchant::settings::{CouponRate, DeliveryRate, Discount, TaxRate, is_country_code};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::values::ReadResult;

const MAX_DELIVERIES: usize = 50;
const MAX_TAXES: usize = 300;
const MAX_COUPONS: usize = 1_000;

/// 100 %, in basis points.
const WHOLE: u32 = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows<T> {
    rows: Vec<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delivery {
    id: String,
    name: String,
    price: String,
    #[serde(default)]
    countries: Vec<String>,
    days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tax {
    country: String,
    percent_basis_points: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Coupon {
    code: String,
    amount: Option<String>,
    basis_points: Option<u32>,
}

fn rows<T: DeserializeOwned>(text: &str, most: usize, example: &str) -> ReadResult<Vec<T>> {
    let read: Result<Rows<T>, _> = toml::from_str(&format!("rows = {text}"));
    match read {
        Ok(Rows { rows }) if rows.len() <= most => Ok(rows),
        Ok(_) => Err(format!("must have at most {most} rows")),
        Err(error) => {
            // Only the first line is shown: the others quote the text in a form that the user did
            // not write.
            let why = error.message().lines().next().unwrap_or_default();
            Err(format!("must be rows such as {example}: {why}"))
        }
    }
}

pub(super) fn deliveries(text: &str) -> ReadResult<Vec<DeliveryRate>> {
    let example = r#"[{id="standard", name="Standard", price="4.90 EUR", countries=["DE", "AT"], days=2}]"#;
    let mut rates: Vec<DeliveryRate> = Vec::new();
    for row in rows::<Delivery>(text, MAX_DELIVERIES, example)? {
        let of = |why: &str| format!("has a row that is not valid: the delivery `{}` {why}", row.id);
        let is_short = |text: &str| !text.trim().is_empty() && text.chars().count() <= 255;
        if !is_short(&row.id) || !is_short(&row.name) {
            return Err(of("needs an id and a name of up to 255 characters"));
        }
        if rates.iter().any(|rate| rate.id == row.id) {
            return Err(of("is listed twice"));
        }
        if row.days.is_some_and(|days| !(1..=365).contains(&days)) {
            return Err(of("needs days from 1 to 365"));
        }
        let price = money(&row.price).ok_or_else(|| of("needs a price such as 4.90 EUR"))?;
        if !row.countries.iter().all(|country| is_country_code(country)) {
            return Err(of("needs countries by their ISO 3166 codes, such as DE"));
        }
        rates.push(DeliveryRate {
            id: row.id,
            name: row.name,
            price,
            countries: row.countries,
            days: row.days,
        });
    }
    Ok(rates)
}

pub(super) fn taxes(text: &str) -> ReadResult<Vec<TaxRate>> {
    let mut rates: Vec<TaxRate> = Vec::new();
    for row in rows::<Tax>(text, MAX_TAXES, r#"[{country="DE", percent_basis_points=1900}]"#)? {
        let of = |why: &str| format!("has a row that is not valid: the tax of `{}` {why}", row.country);
        if !is_country_code(&row.country) {
            return Err(of("needs a country by its ISO 3166 code, such as DE"));
        }
        if rates.iter().any(|rate| rate.country == row.country) {
            return Err(of("is listed twice"));
        }
        if row.percent_basis_points > WHOLE {
            return Err(of("must be at most 10000 basis points, which is 100 %"));
        }
        rates.push(TaxRate { country: row.country, basis_points: row.percent_basis_points });
    }
    Ok(rates)
}

pub(super) fn coupons(text: &str) -> ReadResult<Vec<CouponRate>> {
    let example = r#"[{code="SPRING", basis_points=1000}, {code="FIVE", amount="5.00 EUR"}]"#;
    let mut rates: Vec<CouponRate> = Vec::new();
    for row in rows::<Coupon>(text, MAX_COUPONS, example)? {
        let of = |why: &str| format!("has a row that is not valid: the coupon `{}` {why}", row.code);
        let is_code = (1..=64).contains(&row.code.chars().count()) && row.code.trim() == row.code;
        if !is_code || row.code.chars().any(char::is_control) {
            return Err(of("needs a code of 1 to 64 printable characters"));
        }
        if rates.iter().any(|rate| rate.code.eq_ignore_ascii_case(&row.code)) {
            return Err(of("is listed twice"));
        }
        let discount = match (row.amount.as_deref().map(money), row.basis_points) {
            (Some(Some(amount)), None) if !amount.is_zero() => Discount::Amount(amount),
            (None, Some(points @ 1..=WHOLE)) => Discount::BasisPoints(points),
            _ => return Err(of("needs an amount such as 5.00 EUR, or basis_points from 1 to 10000")),
        };
        rates.push(CouponRate { code: row.code, discount });
    }
    Ok(rates)
}

/// An amount and its currency: `4.90 EUR`.
fn money(text: &str) -> Option<Money> {
    let (amount, currency) = text.trim().split_once(' ')?;
    Money::parse(amount, Currency::parse(currency.trim_start())?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_one_array() {
        let read = deliveries(r#"[{id="a", name="A", price="4.90 EUR", countries=["DE"], days=2}]"#).unwrap();
        let price = Money::from_minor(490, Currency::EUR);
        let countries = vec!["DE".to_owned()];
        assert_eq!(
            read,
            [DeliveryRate { id: "a".into(), name: "A".into(), price, countries, days: Some(2) }]
        );
        let taxes = taxes(r#"[{country="DE", percent_basis_points=1900}]"#).unwrap();
        assert_eq!((taxes[0].country.as_str(), taxes[0].basis_points), ("DE", 1_900));
        let coupons = coupons(r#"[{code="A", basis_points=1000}, {code="B", amount="500 JPY"}]"#).unwrap();
        assert_eq!(coupons[0].discount, Discount::BasisPoints(1_000));
        assert_eq!(coupons[1].discount, Discount::Amount(Money::from_minor(500, Currency::JPY)));
    }

    #[test]
    fn a_wrong_row_is_named() {
        let delivery = |change: (&str, &str)| {
            let row = r#"[{id="a", name="A", price="4.90 EUR", countries=["DE"], days=2}]"#;
            deliveries(&row.replace(change.0, change.1)).unwrap_err()
        };
        for (change, told) in [
            (("4.90 EUR", "4.90"), "the delivery `a` needs a price such as 4.90 EUR"),
            (("4.90 EUR", "4.905 EUR"), "needs a price"),
            (("4.90 EUR", "-1.00 EUR"), "needs a price"),
            (("DE", "de"), "ISO 3166 code"),
            (("days=2", "days=0"), "needs days from 1 to 365"),
            (("days=2", "day=2"), "unknown field `day`"),
            ((r#"name="A""#, r#"name="""#), "needs an id and a name"),
            (("}]", "}]\nmore = 1"), "unknown field `more`"),
            (("[{", "{"), "must be rows such as [{id="),
            (("}]", r#"}, {id="a", name="B", price="0 EUR"}]"#), "is listed twice"),
        ] {
            let refused = delivery(change);
            assert!(refused.contains(told) && !refused.contains('\n'), "{change:?}: {refused}");
        }
        for (row, told) in [
            (r#"[{country="D", percent_basis_points=1}]"#, "ISO 3166 code"),
            (r#"[{country="DE", percent_basis_points=10001}]"#, "at most 10000"),
            (r#"[{country="DE", percent_basis_points=19.5}]"#, "must be rows such as"),
        ] {
            let refused = taxes(row).unwrap_err();
            assert!(refused.contains(told), "{refused}");
        }
        for row in [
            r#"[{code="A"}]"#,
            r#"[{code="A", basis_points=0}]"#,
            r#"[{code="A", basis_points=10001}]"#,
            r#"[{code="A", basis_points=1, amount="1.00 EUR"}]"#,
            r#"[{code="A", amount="0.00 EUR"}]"#,
            r#"[{code=" A", amount="1.00 EUR"}]"#,
            r#"[{code="A", basis_points=1}, {code="a", basis_points=1}]"#,
        ] {
            assert!(coupons(row).unwrap_err().contains("the coupon `"), "{row}");
        }
    }
}
