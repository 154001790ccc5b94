//! Notifications, as the control API knows them: endpoints, and what was sent. What all of
//! it does is [`crate::notify`]'s affair.

use countersign_domain::ids::{ChargePermissionId, MerchantId, PublicKeyId};
use countersign_domain::time::Timestamp;
use countersign_protocol::notification::SignatureVersion;
use countersign_protocol::object;
use countersign_protocol::wire::{Integer, Spellings, read_request};

use super::checkout;
use super::errors::Refused;
use super::numbers::SignatureNumber;
use crate::book::endpoints::NewEndpoint;
use crate::merchants::Merchants;
use crate::notify::endpoint::{Endpoint, EndpointUrl, GivenBy};
use crate::notify::sent::{Outcome, Record};

object! {
    struct RegisterEndpoint {
        url: String = "url" [..=EndpointUrl::MAX_LEN],
        public_key_id: PublicKeyId = "publicKeyId",
        merchant_id: MerchantId = "merchantId",
        signature_version: SignatureNumber = "signatureVersion",
    }
}

/// `POST /_sandbox/notification-endpoints`.
pub(super) fn endpoint(body: &[u8], merchants: &Merchants) -> Result<NewEndpoint, Refused> {
    let request: RegisterEndpoint = read_request(body, Spellings::Every)?;
    let url = request.url.as_deref().ok_or_else(|| Refused::missing("url"))?;
    let url = EndpointUrl::parse(url).map_err(|refused| Refused::invalid("url", refused.to_string()))?;
    let merchant_id = match (request.public_key_id, request.merchant_id) {
        (Some(_), Some(_)) => {
            return Err(Refused::combination("merchantId", "the key names the account already"));
        }
        (Some(key), None) => Some(checkout::key(&key, merchants)?.merchant_id.clone()),
        (None, Some(merchant_id)) => {
            let is_known = merchants.iter().any(|key| key.merchant_id == merchant_id);
            if !is_known {
                return Err(Refused::invalid("merchantId", "the sandbox has no such merchant"));
            }
            Some(merchant_id)
        }
        (None, None) => None,
    };
    let signature_version = request.signature_version.map_or(SignatureVersion::V1, |number| number.0);
    Ok(NewEndpoint { url, merchant_id, signature_version })
}

object! {
    /// An endpoint as it is shown.
    pub(super) struct ShownEndpoint {
        endpoint_id: String = "endpointId",
        url: String = "url",
        merchant_id: MerchantId = "merchantId",
        signature_version: SignatureNumber = "signatureVersion",
        confirmed: bool = "confirmed",
        /// Whether the operator gave it: then it is there again after a reset.
        fixed: bool = "fixed",
    }
}

object! {
    /// The endpoints in force.
    pub(super) struct Endpoints {
        endpoints: Vec<ShownEndpoint> = "endpoints",
    }
}

object! {
    /// What was sent, oldest first.
    pub(super) struct SentList {
        notifications: Vec<ShownRecord> = "notifications",
    }
}

object! {
    /// One attempt, or what happened instead of one.
    pub(super) struct ShownRecord {
        at: Timestamp = "at",
        endpoint_id: String = "endpointId",
        kind: String = "type",
        message_id: String = "messageId",
        notification_id: String = "notificationId",
        merchant_id: MerchantId = "merchantId",
        object_type: String = "objectType",
        object_id: String = "objectId",
        charge_permission_id: ChargePermissionId = "chargePermissionId",
        attempt: Integer = "attempt",
        outcome: String = "outcome",
        status: Integer = "status",
        again_at: Timestamp = "againAt",
        fault: String = "fault",
    }
}

object! {
    /// The answer to a rotation.
    pub(super) struct Renewed {
        signing_cert_url: String = "signingCertUrl",
    }
}

/// Lists endpoints.
pub(super) fn endpoints(endpoints: Vec<Endpoint>) -> Endpoints {
    let endpoints = endpoints.into_iter().map(ShownEndpoint::from).collect();
    Endpoints { endpoints: Some(endpoints), ..Endpoints::default() }
}

/// Lists what was sent.
pub(super) fn sent(records: Vec<Record>) -> SentList {
    let notifications = records.into_iter().map(ShownRecord::from).collect();
    SentList { notifications: Some(notifications), ..SentList::default() }
}

impl From<Endpoint> for ShownEndpoint {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            endpoint_id: Some(endpoint.id),
            url: Some(endpoint.url.as_str().to_owned()),
            merchant_id: endpoint.merchant_id,
            signature_version: Some(SignatureNumber(endpoint.signature_version)),
            confirmed: Some(endpoint.is_confirmed),
            fixed: Some(endpoint.given_by == GivenBy::Operator),
            ..Self::default()
        }
    }
}

impl From<Record> for ShownRecord {
    fn from(record: Record) -> Self {
        let Record { at, endpoint_id, letter, attempt, outcome, again_at, fault } = record;
        let (outcome, status) = match outcome {
            Outcome::Delivered(status) => ("delivered", Some(status)),
            Outcome::Refused(status) => ("refused", Some(status)),
            Outcome::NotDelivered(why) => (why.as_str(), None),
            Outcome::Unsigned => ("unsigned", None),
            Outcome::Dropped => ("dropped", None),
            Outcome::PutOff => ("putOff", None),
        };
        let kind = if letter.message.is_some() { "Notification" } else { "SubscriptionConfirmation" };
        let told = letter.message.map(|message| Self {
            object_type: Some(message.object.object_type().as_str().to_owned()),
            object_id: Some(message.object.object_id().to_owned()),
            notification_id: message.notification_id,
            merchant_id: Some(message.merchant_id),
            charge_permission_id: message.charge_permission_id,
            ..Self::default()
        });
        Self {
            at: Some(at),
            endpoint_id: Some(endpoint_id),
            kind: Some(kind.to_owned()),
            message_id: Some(letter.message_id),
            attempt: Some(Integer(attempt)),
            outcome: Some(outcome.to_owned()),
            status: status.map(|status| Integer(status.as_u16().into())),
            again_at,
            fault: fault.map(str::to_owned),
            ..told.unwrap_or_default()
        }
    }
}
