//! The query of a request, read as strictly as a body: each parameter is one that the route takes, is given once
//! and has a value. A filter that was left empty by mistake must not select everything.

use super::errors::RequestRefused;

/// The longest value, in characters: no order number, id or cursor is longer.
pub(super) const MAX_VALUE_LEN: usize = 128;

/// The one parameter that may be empty: a reader begins without a cursor.
const CURSOR: &str = "after";

/// A parameter of a route, by its name, with its decoded value.
pub(super) type GivenParameter = (&'static str, String);

/// Reads the parameters of a query, in their order. `taken` names those that the route takes. An empty cursor is
/// left out.
pub(super) fn parameters(query: &str, taken: &[&'static str]) -> Result<Vec<GivenParameter>, RequestRefused> {
    let mut given: Vec<GivenParameter> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let known = percent_decoded(name)
            .and_then(|name| taken.iter().copied().find(|parameter| *parameter == name))
            .ok_or_else(|| RequestRefused::unknown_parameter(name, taken))?;
        if seen.contains(&known) {
            return Err(RequestRefused::invalid(known, "may be given only once"));
        }
        seen.push(known);
        let decoded =
            percent_decoded(value).ok_or(RequestRefused::invalid(known, "is not percent-encoded UTF-8"))?;
        if decoded.is_empty() && known == CURSOR {
            continue;
        }
        if decoded.is_empty() {
            return Err(RequestRefused::invalid(known, "must not be empty: leave the parameter out instead"));
        }
        if decoded.chars().count() > MAX_VALUE_LEN {
            return Err(RequestRefused::invalid(known, "must have at most 128 characters"));
        }
        given.push((known, decoded));
    }
    Ok(given)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKEN: &[&str] = &["orderId", "state", "after"];

    fn read(query: &str) -> Result<Vec<GivenParameter>, String> {
        parameters(query, TAKEN).map_err(|refused| refused.error().text())
    }

    #[test]
    fn parameters_are_decoded_in_their_order() {
        let given = |pairs: &[(&'static str, &str)]| {
            Ok(pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
        };
        for (query, expected) in [
            ("", given(&[])),
            ("&", given(&[])),
            ("after=", given(&[])),
            ("after", given(&[])),
            ("state=paid&orderId=a+b%2F%C3%BC%26", given(&[("state", "paid"), ("orderId", "a b/ü&")])),
            ("order%49d=1", given(&[("orderId", "1")])),
            ("orderId=a=b", given(&[("orderId", "a=b")])),
        ] {
            assert_eq!(read(query), expected, "{query}");
        }
        assert!(read(&format!("orderId={}", "%C3%BC".repeat(MAX_VALUE_LEN))).is_ok());
    }

    #[test]
    fn a_parameter_that_is_empty_repeated_unknown_or_too_long_is_named() {
        let long = format!("orderId={}", "x".repeat(MAX_VALUE_LEN + 1));
        for (query, code, field, why) in [
            ("orderId=", "InvalidValue", "orderId", "[orderId] must not be empty"),
            ("orderId", "InvalidValue", "orderId", "[orderId] must not be empty"),
            ("state=paid&state=paid", "InvalidValue", "state", "[state] may be given only once"),
            ("after=&after=paid:1", "InvalidValue", "after", "[after] may be given only once"),
            ("orderId=%zz", "InvalidValue", "orderId", "[orderId] is not percent-encoded UTF-8"),
            ("orderId=%ff", "InvalidValue", "orderId", "[orderId] is not percent-encoded UTF-8"),
            ("orderId=%f", "InvalidValue", "orderId", "[orderId] is not percent-encoded UTF-8"),
            (&long, "InvalidValue", "orderId", "[orderId] must have at most 128 characters"),
            ("orderid=1", "UnrecognizedField", "orderid", "[orderid] is not a parameter of this path"),
            ("state=paid&a=b", "UnrecognizedField", "a", "which takes orderId, state, after"),
            ("=1", "UnrecognizedField", "", "[] is not a parameter of this path"),
        ] {
            let refused = read(query).unwrap_err();
            let begins = format!("{{\"code\":\"{code}\",\"field\":\"{field}\",");
            assert!(refused.starts_with(&begins) && refused.contains(why), "{query}: {refused}");
        }
        let refused = parameters("a=1", &[]).unwrap_err().error().text();
        assert!(refused.contains("which takes none"), "{refused}");
        let refused = read(&format!("{}=1", "y".repeat(500))).unwrap_err();
        assert!(refused.contains(&format!("\"field\":\"{}\"", "y".repeat(64))), "{refused}");
    }
}
