//! Amazon Pay's objects as JSON: one file for each resource, one reader and one writer for all of them.
//!
//! A server reads requests with [`read_request`], which refuses everything that it does not know; a
//! client reads answers with [`read_answer`], which keeps it. Neither function builds a tree of
//! values, and no amount ever passes through a floating-point number. There are no rules here: a
//! request without its `chargeAmount` can be read, and the rules refuse it later.

mod address;
mod cart_details;
mod charge;
mod charge_permission;
mod checkout_session;
mod checkout_session_requests;
mod embedded;
mod error;
mod member;
mod members;
mod merchant_metadata;
mod object;
mod payment_details;
mod payment_requests;
mod price;
mod reader;
mod reading;
mod refund;
mod refused;
#[cfg(test)]
mod tests;
mod unknown;
mod word;
mod writer;

pub use address::{Address, AddressDetails, ListedAddress, MAX_ADDRESS_MEMBER_LEN};
pub use cart_details::{
    CartDetails, CouponCode, DeliveryOption, EstimationDetails, LineItem, NoCart, ShippingMethod,
};
pub use charge::{Charge, ChargeReason, ChargeState, ChargeStatus};
pub use charge_permission::{
    ChargePermission, ChargePermissionReason, ChargePermissionState, ChargePermissionStatus, Limits,
    StatusReason,
};
pub use checkout_session::{
    AddressRestrictions, Buyer, ChargePermissionType, CheckoutSession, CheckoutSessionReason,
    CheckoutSessionState, CheckoutSessionStatus, Constraint, DeliverySpecifications, Frequency,
    FrequencyUnit, PaymentMethodOnFileMetadata, PaymentPreference, ProviderMetadata, RecurringMetadata,
    WebCheckoutDetails,
};
pub use checkout_session_requests::{
    CompleteCheckoutSession, CreateCheckoutSession, FinalizeCheckoutSession, MAX_SUPPLEMENTARY_DATA_LEN,
    UpdateCheckoutSession,
};
pub use countersign_domain::reason_code::{ReasonClass, ReasonCode};
pub use embedded::EmbeddedJson;
pub use error::Error;
#[doc(hidden)]
pub use member::DebugMember;
pub use member::{Integer, Json, Member, WholeNumber};
pub use members::Members;
pub use merchant_metadata::MerchantMetadata;
pub use object::{MemberResult, Object};
pub use payment_details::PaymentDetails;
pub use payment_requests::{
    CancelCharge, CaptureCharge, CloseChargePermission, CreateCharge, CreateRefund, MAX_REASON_LEN,
    UpdateCharge, UpdateChargePermission,
};
pub use price::Price;
pub use reader::{MAX_DEPTH, RawValue, Reader, Spellings};
pub use reading::{ReadAnswer, read_answer, read_event, read_request};
pub use refund::{Refund, RefundReason, RefundState, RefundStatus};
pub use refused::{BodyRefused, BodyRefusedKind, MalformedMember};
pub use unknown::UnknownMembers;
pub use word::{Word, Words};
pub(crate) use word::{words, words_of_the_domain};
pub use writer::{AbsentMember, Writer};
