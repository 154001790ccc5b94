//! Where a buyer can choose another payment method, when that would help.

use countersign_domain::ids::ChargePermissionId;
use countersign_domain::merchant::payment::Payment;
use countersign_domain::merchant::payment::permission::PermissionState;
use countersign_protocol::wire::ReasonCode;

/// The URL of Amazon's own page where a buyer can choose another payment method for a permission, as
/// documented for the United States and Japan. Europe's is not documented; it follows the form of its other
/// pages.
fn update_url(id: &ChargePermissionId) -> String {
    let site = match id.as_str().get(..3) {
        Some("S02" | "P02" | "B02") => "https://payments.amazon.co.uk",
        Some("S03" | "P03" | "B03") => "https://pay.amazon.com/jp",
        _ => "https://payments.amazon.com",
    };
    format!("{site}/jr/your-account/ba/{id}")
}

/// The link, if the permission needs another payment method.
pub(super) fn for_permission(payment: &Payment) -> Option<String> {
    let PermissionState::NonChargeable(reason) = &payment.permission.state else { return None };
    let is_of_method = reason.starts_with("PaymentMethod") || reason == "BillingAddressDeleted";
    is_of_method.then(|| update_url(&payment.charge_permission_id))
}

/// The link, if this decline or the permission's state means that another payment method is needed.
pub(super) fn for_decline(payment: &Payment, code: &str) -> Option<String> {
    let is_of_method =
        [ReasonCode::HardDeclined, ReasonCode::PaymentMethodNotAllowed].map(ReasonCode::as_str);
    if is_of_method.contains(&code) {
        return Some(update_url(&payment.charge_permission_id));
    }
    for_permission(payment)
}
