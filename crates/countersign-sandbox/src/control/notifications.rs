//! Notifications, as the control API knows them: endpoints, ordered faults, and what was sent. What all of
//! it does is [`crate::notify`]'s affair.

use countersign_domain::ids::{MerchantId, PublicKeyId};
use countersign_protocol::notification::{ObjectType, SignatureVersion};
use countersign_protocol::object;
use countersign_protocol::wire::{Spellings, WholeNumber, Words as _, read_request};
use serde::Serialize;

use super::errors::Refused;
use super::numbers::{IsoDuration, Rate, Seed, SignatureNumber};
use crate::app::notifications::NewEndpoint;
use crate::faults::Chance;
use crate::merchants::Merchants;
use crate::notify::fault::{FaultKind, FaultOrder, Standing};
use crate::notify::sent::{Outcome, Record};
use crate::notify::{Endpoint, EndpointUrl, GivenBy};

/// The longest word of an order, with room.
const MAX_WORD_LEN: usize = 64;

object! {
    struct RegisterEndpoint {
        url: String = "url" [..=EndpointUrl::MAX_LEN],
        public_key_id: PublicKeyId = "publicKeyId",
        merchant_id: MerchantId = "merchantId",
        signature_version: SignatureNumber = "signatureVersion",
    }
}

object! {
    struct OrderFault {
        kind: String = "kind" [..=MAX_WORD_LEN],
        times: WholeNumber = "times",
        rate: Rate = "rate",
        seed: Seed = "seed",
        delay: IsoDuration = "delay",
        object_type: String = "objectType" [..=MAX_WORD_LEN],
        public_key_id: PublicKeyId = "publicKeyId",
    }
}

/// `POST /_sandbox/notification-endpoints`.
pub(super) fn endpoint(body: &[u8], merchants: &Merchants) -> Result<NewEndpoint, Refused> {
    let request: RegisterEndpoint = read_request(body, Spellings::Every)?;
    let url = request.url.as_deref().ok_or(Refused::Missing("url"))?;
    let url = EndpointUrl::parse(url).map_err(|refused| Refused::invalid("url", refused.to_string()))?;
    let merchant_id = match (request.public_key_id, request.merchant_id) {
        (Some(_), Some(_)) => {
            return Err(Refused::combination("merchantId", "the key names the account already"));
        }
        (Some(key), None) => Some(account(&key, merchants)?),
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

fn account(key: &PublicKeyId, merchants: &Merchants) -> Result<MerchantId, Refused> {
    let key =
        merchants.key(key).ok_or_else(|| Refused::invalid("publicKeyId", "the sandbox has no such key"))?;
    Ok(key.merchant_id.clone())
}

/// `POST /_sandbox/notification-faults`. `drawn_seed` is for an order that has a rate and no seed.
pub(super) fn fault(
    body: &[u8],
    merchants: &Merchants,
    drawn_seed: impl FnOnce() -> u64,
) -> Result<FaultOrder, Refused> {
    let order: OrderFault = read_request(body, Spellings::Every)?;
    let kind = order.kind.as_deref().ok_or(Refused::Missing("kind"))?;
    let delay = order.delay.map(|IsoDuration(delay)| delay);
    let kind = FaultKind::parse(kind, delay).ok_or_else(|| Refused::not_one_of("kind", FaultKind::WORDS))?;
    if delay.is_some() && kind.delay().is_none() {
        return Err(Refused::combination("delay", "it goes with delay, reorder and staleTimestamp"));
    }
    let chance = match (order.rate, order.seed) {
        (Some(Rate(rate)), Some(Seed(seed))) => Some(Chance { rate, seed }),
        (Some(Rate(rate)), None) => Some(Chance { rate, seed: drawn_seed() }),
        (None, Some(_)) => return Err(Refused::combination("seed", "without a rate nothing is drawn")),
        (None, None) => None,
    };
    let times = match order.times {
        Some(WholeNumber(0)) => return Err(Refused::invalid("times", "it is not at least 1")),
        Some(WholeNumber(times)) => times,
        None => 1,
    };
    let object_type = order.object_type.as_deref().map(object_type).transpose()?;
    let merchant_id = order.public_key_id.map(|key| account(&key, merchants)).transpose()?;
    Ok(FaultOrder { kind, times, object_type, merchant_id, chance })
}

fn object_type(word: &str) -> Result<ObjectType, Refused> {
    const KNOWN: [ObjectType; 3] = [ObjectType::ChargePermission, ObjectType::Charge, ObjectType::Refund];
    let known = KNOWN.into_iter().find(|known| known.as_str() == word);
    known.ok_or_else(|| Refused::not_one_of("objectType", &KNOWN.map(ObjectType::as_str)))
}

/// An endpoint as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownEndpoint {
    endpoint_id: String,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_id: Option<String>,
    signature_version: &'static str,
    confirmed: bool,
    /// Whether the operator gave it: then it is there again after a reset.
    fixed: bool,
}

impl From<Endpoint> for ShownEndpoint {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            endpoint_id: endpoint.id,
            url: endpoint.url.as_str().to_owned(),
            merchant_id: endpoint.merchant_id.map(|id| id.to_string()),
            signature_version: endpoint.signature_version.as_str(),
            confirmed: endpoint.is_confirmed,
            fixed: match endpoint.given_by {
                GivenBy::Operator => true,
                GivenBy::Control => false,
            },
        }
    }
}

/// The endpoints in force.
#[derive(Serialize)]
pub(super) struct Endpoints {
    pub(super) endpoints: Vec<ShownEndpoint>,
}

/// The faults in force.
#[derive(Serialize)]
pub(super) struct Faults {
    pub(super) faults: Vec<ShownFault>,
}

/// A fault as it is shown. Members that do not apply are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownFault {
    fault_id: String,
    kind: &'static str,
    /// How many are left.
    times: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<String>,
}

impl From<Standing> for ShownFault {
    fn from(Standing { fault_id, order }: Standing) -> Self {
        Self {
            fault_id,
            kind: order.kind.as_str(),
            times: order.times,
            object_type: order.object_type.map(ObjectType::as_str),
            merchant_id: order.merchant_id.map(|id| id.to_string()),
            rate: order.chance.map(|chance| Rate(chance.rate).to_string()),
            seed: order.chance.map(|chance| chance.seed),
            delay: order.kind.delay().map(|delay| IsoDuration(delay).to_string()),
        }
    }
}

/// The list of what was sent, oldest first.
#[derive(Serialize)]
pub(super) struct SentList {
    pub(super) notifications: Vec<ShownRecord>,
}

/// One attempt, or what happened instead of one. Members that do not apply are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownRecord {
    at: String,
    endpoint_id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_permission_id: Option<String>,
    attempt: u32,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    again_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
}

impl From<Record> for ShownRecord {
    fn from(record: Record) -> Self {
        let Record { at, endpoint_id, letter, attempt, outcome, again_at, fault } = record;
        let (outcome, status) = match outcome {
            Outcome::Delivered(status) => ("delivered", Some(status.as_u16())),
            Outcome::Refused(status) => ("refused", Some(status.as_u16())),
            Outcome::NotDelivered(why) => (why.as_str(), None),
            Outcome::Unsigned => ("unsigned", None),
            Outcome::Dropped => ("dropped", None),
            Outcome::PutOff => ("putOff", None),
        };
        let message = letter.message.as_ref();
        Self {
            at: at.to_string(),
            endpoint_id,
            kind: if message.is_some() { "Notification" } else { "SubscriptionConfirmation" },
            message_id: letter.message_id,
            notification_id: message.and_then(|message| message.notification_id.clone()),
            merchant_id: message.map(|message| message.merchant_id.to_string()),
            object_type: message.map(|message| message.object.object_type().as_str().to_owned()),
            object_id: message.map(|message| message.object.object_id().to_owned()),
            charge_permission_id: message
                .and_then(|message| message.charge_permission_id.as_ref())
                .map(ToString::to_string),
            attempt,
            outcome,
            status,
            again_at: again_at.map(|at| at.to_string()),
            fault,
        }
    }
}

/// The answer to a rotation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Renewed {
    pub(super) signing_cert_url: String,
}
