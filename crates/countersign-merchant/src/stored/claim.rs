//! The claim of an id of Amazon's: the one order that holds it, and the act that it comes from.

use countersign_document::stored;
use countersign_domain::ids::CheckoutId;
use countersign_domain::merchant::after::contest::Act;

use super::Merchant;

/// Who holds an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdClaim {
    pub(crate) checkout_id: CheckoutId,
    pub(crate) act: Act,
}

stored! {
    by Merchant;

    document IdClaim as "id_claim", format 1;

    struct IdClaim { checkout_id, act }

    enum Act { Finalize(attempt), Operation(number), Others }
}

#[cfg(test)]
mod tests {
    use countersign_domain::merchant::number::{AttemptNumber, OperationNumber};

    use super::*;

    #[test]
    fn a_claim_comes_back_as_it_went_in_its_form() {
        let acts = [
            (Act::Finalize(AttemptNumber::FIRST), r#"{"checkout_id":"c1","act":{"Finalize":1}}"#),
            (Act::Operation(OperationNumber::FIRST), r#"{"checkout_id":"c1","act":{"Operation":1}}"#),
            (Act::Others, r#"{"checkout_id":"c1","act":"Others"}"#),
        ];
        for (act, form) in acts {
            let claim = IdClaim { checkout_id: CheckoutId::parse("c1").unwrap(), act };
            let (format, bytes) = encode(&claim);
            assert_eq!((format, &bytes[..]), (1, form.as_bytes()));
            assert_eq!(decode(format, &bytes), Ok(claim));
        }
    }

    #[test]
    fn what_is_not_a_claim_is_refused() {
        for (format, form) in [(2, r#"{"checkout_id":"c1","act":"Others"}"#), (1, "{}"), (1, "")] {
            assert!(decode(format, form.as_bytes()).is_err(), "{form}");
        }
    }
}
