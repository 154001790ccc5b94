//! JSON of the servers' own APIs: the members of an object in the order in which they are added, and an amount.
//! Amazon's objects are in [`wire`](crate::wire).

use countersign_domain::money::Money;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// The members of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members(String);

impl Members {
    /// Adds a member. If it has no value, it is `null`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        // This never fails: only texts, numbers, and lists and objects of them are written here.
        let value = serde_json::to_string(&value).unwrap_or_default();
        let comma = if self.0.is_empty() { "" } else { "," };
        self.0.push_str(&format!("{comma}\"{name}\":{value}"));
        self
    }

    /// Adds a member, unless it has no value.
    #[must_use]
    pub fn some(self, name: &str, value: Option<impl Serialize>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The whole object.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{{{}}}", self.0)
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.text()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// An amount as Amazon's API writes it.
#[must_use]
pub fn amount(money: Money) -> Members {
    Members::default().with("amount", money.amount()).with("currencyCode", money.currency().as_str())
}

#[cfg(test)]
mod tests {
    use countersign_domain::money::Currency;

    use super::*;

    #[test]
    fn members_stand_in_their_order_and_an_absent_one_is_left_out_or_null() {
        let inner = Members::default().with("b", 1).some("c", None::<u32>).some("a", Some(true));
        let outer = Members::default()
            .with("text", "a \"quoted\" text")
            .with("inner", &inner)
            .with("list", [inner.clone(), Members::default()])
            .with("none", None::<u32>)
            .with("amount", amount(Money::from_minor(1_400, Currency::USD)));
        let expected = r#"{"text":"a \"quoted\" text","inner":{"b":1,"a":true},"list":[{"b":1,"a":true},{}],"none":null,"amount":{"amount":"14.00","currencyCode":"USD"}}"#;
        assert_eq!(outer.text(), expected);
        assert_eq!(serde_json::to_string(&outer).unwrap(), expected);
    }
}
