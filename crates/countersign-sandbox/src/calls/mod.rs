//! The calls of Amazon Pay's API. Each call is one file: what it reads from a request, which rules
//! and methods of the book it calls, and what it answers. A new call is its file and a row of the
//! table below.
//!
//! A call neither verifies its request nor applies the faults that are ordered for it: `http/` does both.

mod call;
pub(crate) mod cancel_charge;
mod capture_charge;
pub(crate) mod close_charge_permission;
mod complete_checkout_session;
mod create_charge;
pub(crate) mod create_checkout_session;
mod create_refund;
mod finalize_checkout_session;
mod get_charge;
mod get_charge_permission;
mod get_checkout_session;
mod get_refund;
pub(crate) mod payment_answer;
pub(crate) mod reading;
pub(crate) mod signed_request;
mod update_charge;
mod update_charge_permission;
mod update_checkout_session;

use http::Method;

use crate::book::Book;
use crate::book::answer::ApiAnswer;
use crate::book::reply::RefusedBy;
use crate::http::errors::ApiRefused;
use crate::words::words;
use call::Call;
pub(crate) use call::{KeyUse, Properties, Simulations};
use signed_request::SignedRequest;

/// Declares the calls. Each row has the HTTP method, the path after the version (with the target's
/// id at the `*`), the name of the SDKs' method, and the type that the request is read into, in the
/// call's file.
macro_rules! calls {
    ($($method:ident $path:literal $word:literal $file:ident::$name:ident;)+) => {
        words! {
            /// A call, by the name of the SDKs' method.
            Operation {
                $($name = $word,)+
            }
        }

        impl Operation {
            /// Its method, and its path after the version, with the target's id at the `*`.
            pub(crate) const fn route(self) -> (Method, &'static str) {
                match self { $(Self::$name => (Method::$method, $path),)+ }
            }

            /// What holds for every request of this call.
            pub(crate) const fn properties(self) -> Properties {
                match self { $(Self::$name => $file::$name::PROPERTIES,)+ }
            }
        }

        /// Executes the call that a request asks for.
        ///
        /// # Errors
        /// A refusal by check 2 or a later check, and which of the two it was.
        pub(crate) async fn answer(
            operation: Operation,
            book: &Book,
            request: &SignedRequest<'_>,
        ) -> Result<ApiAnswer, (RefusedBy, ApiRefused)> {
            match operation { $(Operation::$name => make::<$file::$name>(book, request).await,)+ }
        }
    };
}

calls! {
    POST   "checkoutSessions"            "createCheckoutSession"   create_checkout_session::CreateCheckoutSession;
    GET    "checkoutSessions/*"          "getCheckoutSession"      get_checkout_session::GetCheckoutSession;
    PATCH  "checkoutSessions/*"          "updateCheckoutSession"   update_checkout_session::UpdateCheckoutSession;
    POST   "checkoutSessions/*/complete" "completeCheckoutSession" complete_checkout_session::CompleteCheckoutSession;
    POST   "checkoutSessions/*/finalize" "finalizeCheckoutSession" finalize_checkout_session::FinalizeCheckoutSession;
    GET    "chargePermissions/*"         "getChargePermission"     get_charge_permission::GetChargePermission;
    PATCH  "chargePermissions/*"         "updateChargePermission"  update_charge_permission::UpdateChargePermission;
    DELETE "chargePermissions/*/close"   "closeChargePermission"   close_charge_permission::CloseChargePermission;
    POST   "charges"                     "createCharge"            create_charge::CreateCharge;
    GET    "charges/*"                   "getCharge"               get_charge::GetCharge;
    PATCH  "charges/*"                   "updateCharge"            update_charge::UpdateCharge;
    POST   "charges/*/capture"           "captureCharge"           capture_charge::CaptureCharge;
    DELETE "charges/*/cancel"            "cancelCharge"            cancel_charge::CancelCharge;
    POST   "refunds"                     "createRefund"            create_refund::CreateRefund;
    GET    "refunds/*"                   "getRefund"               get_refund::GetRefund;
}

impl Operation {
    /// Whether its path contains the id of a Checkout Session.
    pub(crate) fn names_checkout_session(self) -> bool {
        self.route().1.starts_with("checkoutSessions/*")
    }

    /// Whether it changes nothing.
    pub(crate) fn is_read(self) -> bool {
        self.route().0 == Method::GET
    }
}

/// Executes one call: first makes the checks that every request of this call needs, then reads and
/// answers the request.
async fn make<C: Call>(
    book: &Book,
    request: &SignedRequest<'_>,
) -> Result<ApiAnswer, (RefusedBy, ApiRefused)> {
    if C::PROPERTIES.idempotency_key == KeyUse::Required && request.caller.idempotency.is_none() {
        return Err((RefusedBy::Form, ApiRefused::MissingIdempotencyKey));
    }
    let call = C::read(request).map_err(|refused| (RefusedBy::Form, refused))?;
    call.answer(book, request).await.map_err(|refused| (RefusedBy::Rule, refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calls_word_is_the_name_of_its_type() {
        for operation in Operation::ALL.iter().copied() {
            let name = format!("{operation:?}");
            let (first, rest) = name.split_at(1);
            assert_eq!(operation.as_str(), first.to_lowercase() + rest);
        }
    }

    #[test]
    fn an_idempotency_key_counts_on_every_post_and_on_nothing_else() {
        for operation in Operation::ALL.iter().copied() {
            let may_count = operation.properties().idempotency_key != KeyUse::Ignored;
            assert_eq!(may_count, operation.route().0 == Method::POST, "{operation}");
        }
    }
}
