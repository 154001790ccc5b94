//! Notifications, as the control API shows them: the endpoints, and the attempts to send to them.
//! Sending is in [`crate::notify`].

use countersign_domain::ids::{ChargePermissionId, MerchantId, PublicKeyId};
use countersign_protocol::json::Members;
use countersign_protocol::notification::SignatureVersion;
use countersign_protocol::object;
use countersign_protocol::wire::{Spellings, read_request};

use super::checkout;
use super::errors::ControlRefused;
use super::numbers::SignatureNumber;
use crate::book::endpoints::NewEndpoint;
use crate::merchants::Merchants;
use crate::notify::delivery_log::{DeliveryOutcome, DeliveryRecord};
use crate::notify::endpoint::{Endpoint, EndpointUrl, GivenBy};

object! {
    struct RegisterEndpoint {
        url: String = "url" [..=EndpointUrl::MAX_LEN],
        public_key_id: PublicKeyId = "publicKeyId",
        merchant_id: MerchantId = "merchantId",
        signature_version: SignatureNumber = "signatureVersion",
    }
}

/// `POST /_sandbox/notification-endpoints`.
pub(super) fn endpoint(body: &[u8], merchants: &Merchants) -> Result<NewEndpoint, ControlRefused> {
    let request: RegisterEndpoint = read_request(body, Spellings::Every)?;
    let url = request.url.as_deref().ok_or_else(|| ControlRefused::missing("url"))?;
    let url =
        EndpointUrl::parse(url).map_err(|refused| ControlRefused::invalid("url", refused.to_string()))?;
    let merchant_id = match (request.public_key_id, request.merchant_id) {
        (Some(_), Some(_)) => {
            return Err(ControlRefused::combination("merchantId", "the key names the account already"));
        }
        (Some(key), None) => Some(checkout::key(&key, merchants)?.merchant_id.clone()),
        (None, Some(merchant_id)) => {
            let is_known = merchants.iter().any(|key| key.merchant_id == merchant_id);
            if !is_known {
                return Err(ControlRefused::invalid("merchantId", "the sandbox has no such merchant"));
            }
            Some(merchant_id)
        }
        (None, None) => None,
    };
    let signature_version = request.signature_version.map_or(SignatureVersion::V1, |number| number.0);
    Ok(NewEndpoint { url, merchant_id, signature_version })
}

/// Shows an endpoint.
pub(super) fn shown(endpoint: Endpoint) -> Members {
    Members::default()
        .with("endpointId", endpoint.id)
        .with("url", endpoint.url.as_str())
        .some("merchantId", endpoint.merchant_id.as_ref().map(MerchantId::as_str))
        .with("signatureVersion", endpoint.signature_version.as_str())
        .with("confirmed", endpoint.is_confirmed)
        // The operator gave a fixed endpoint: a reset registers it again.
        .with("fixed", endpoint.given_by == GivenBy::Operator)
}

/// Shows one attempt, or what happened instead of one.
pub(super) fn sent(record: DeliveryRecord) -> Members {
    let DeliveryRecord { at, endpoint_id, letter, attempt, outcome, again_at, fault } = record;
    let (outcome, status) = match outcome {
        DeliveryOutcome::Delivered(status) => ("delivered", Some(status)),
        DeliveryOutcome::Refused(status) => ("refused", Some(status)),
        DeliveryOutcome::NotDelivered(why) => (why.as_str(), None),
        DeliveryOutcome::Unsigned => ("unsigned", None),
        DeliveryOutcome::Dropped => ("dropped", None),
        DeliveryOutcome::PutOff => ("putOff", None),
    };
    let message = letter.message.as_ref();
    let permission_id = message.and_then(|message| message.charge_permission_id.as_ref());
    Members::default()
        .with("at", at.to_string())
        .with("endpointId", endpoint_id)
        .with("type", if message.is_some() { "Notification" } else { "SubscriptionConfirmation" })
        .with("messageId", &letter.message_id)
        .some("notificationId", message.and_then(|message| message.notification_id.as_ref()))
        .some("merchantId", message.map(|message| message.merchant_id.as_str()))
        .some("objectType", message.map(|message| message.object.object_type().to_string()))
        .some("objectId", message.map(|message| message.object.object_id()))
        .some("chargePermissionId", permission_id.map(ChargePermissionId::as_str))
        .with("attempt", attempt)
        .with("outcome", outcome)
        .some("status", status.map(|status| status.as_u16()))
        .some("againAt", again_at.map(|again_at| again_at.to_string()))
        .some("fault", fault)
}
