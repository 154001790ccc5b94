//! The claim of a cart: its orders that may be paid.

use countersign_document::stored;
use countersign_domain::ids::CheckoutId;

use super::Merchant;

/// The orders of a cart that may be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CartClaim {
    pub(crate) holders: Vec<CheckoutId>,
}

stored! {
    by Merchant;

    document CartClaim as "cart", format 1;

    struct CartClaim { holders }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_comes_back_as_it_went_in_its_form() {
        let holders = vec![CheckoutId::parse("c1").unwrap(), CheckoutId::parse("c2").unwrap()];
        let claim = CartClaim { holders };
        let (format, bytes) = encode(&claim);
        assert_eq!((format, &bytes[..]), (1, &br#"{"holders":["c1","c2"]}"#[..]));
        assert_eq!(decode(format, &bytes), Ok(claim));
    }

    #[test]
    fn what_is_not_a_claim_is_refused() {
        for (format, form) in [(2, r#"{"holders":[]}"#), (1, "{}"), (1, r#"{"holders":["ä"]}"#), (1, "")] {
            assert!(decode(format, form.as_bytes()).is_err(), "{form}");
        }
    }
}
