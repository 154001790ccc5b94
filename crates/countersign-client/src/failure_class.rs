//! What an answer that is not a success says about the call's effect, as one pure function of status and
//! reason code. Nothing here knows which call was made or how often it was sent.

use countersign_protocol::wire::{ReasonClass, ReasonCode, Word};

/// What is known of the effect of a call that was evaluated at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// Amazon evaluated it and refused: it had no effect, and the same request gets the same answer.
    Refused,
    /// It had no effect: the request is wrong, because the program or the configuration that made it is
    /// wrong.
    Misuse,
    /// Amazon did not evaluate it: it had no effect, and may be sent again later or once the cause is fixed.
    NotEvaluated,
    /// It may have taken effect.
    InDoubt,
}

/// Classifies an answer. `reason_code` is absent when the body could not be read as an error's.
///
/// Success statuses are classified as well: a caller asks only if it could not use their body.
#[must_use]
pub fn failure_class(status: u16, reason_code: Option<&Word<ReasonCode>>) -> FailureClass {
    match status {
        // Turned away without being evaluated, whatever the body says.
        401 | 403 | 429 => return FailureClass::NotEvaluated,
        // An early 404 can come from a replica that is not up to date; 408 and 425 can come from a gateway
        // that has forwarded the request.
        404 | 408 | 425 => return FailureClass::InDoubt,
        400..=499 => {}
        // A success without a readable body, a redirect, or a failure during execution.
        _ => return FailureClass::InDoubt,
    }
    let Some(Word::Known(code)) = reason_code else {
        return FailureClass::InDoubt;
    };
    match code.class() {
        ReasonClass::Decline | ReasonClass::Rule => FailureClass::Refused,
        ReasonClass::Misuse => FailureClass::Misuse,
        ReasonClass::TurnedAway => FailureClass::NotEvaluated,
        ReasonClass::Unclear => FailureClass::InDoubt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Promise: C05
    #[test]
    fn every_reason_code_is_classified() {
        let mut table = String::new();
        for code in ReasonCode::ALL {
            let failure_class = failure_class(code.status(), Some(&Word::Known(*code)));
            table.push_str(&format!("{} {code}: {failure_class:?}\n", code.status()));
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn a_body_that_says_nothing_leaves_the_status_to_decide() {
        let mut table = String::new();
        for status in [
            200, 201, 202, 204, 302, 400, 401, 403, 404, 405, 408, 409, 413, 422, 425, 426, 429, 500, 502,
            503,
        ] {
            let unknown = Word::Unknown("TooLucky".to_owned());
            assert_eq!(failure_class(status, Some(&unknown)), failure_class(status, None), "{status}");
            table.push_str(&format!("{status}: {:?}\n", failure_class(status, None)));
        }
        insta::assert_snapshot!(table);
    }

    // Promise: C05
    #[test]
    fn no_reason_code_makes_a_server_failure_definitive() {
        for code in ReasonCode::ALL {
            for status in [200, 301, 404, 408, 425, 500, 503, 599] {
                assert_eq!(
                    failure_class(status, Some(&Word::Known(*code))),
                    FailureClass::InDoubt,
                    "{status} {code}"
                );
            }
        }
    }

    #[test]
    fn a_canceled_session_is_a_refusal_under_either_documented_status() {
        let code = Word::Known(ReasonCode::CheckoutSessionCanceled);
        for status in [400, 422] {
            assert_eq!(failure_class(status, Some(&code)), FailureClass::Refused);
        }
    }
}
