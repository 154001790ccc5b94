//! The document of an endpoint for notifications that the control API registered.

use bytes::Bytes;
use countersign_domain::ids::MerchantId;
use countersign_protocol::notification::SignatureVersion;
use serde::{Deserialize, Serialize};

use super::{Legible as _, Text, Unreadable, from_json, is_false, to_json};
use crate::notify::{Endpoint, EndpointUrl, GivenBy, Lane, MAX_ENDPOINTS};

pub(crate) const COLLECTION: &str = "notification_endpoint";
pub(crate) const FORMAT: u16 = 1;
/// Every endpoint is in it, by its id.
pub(crate) const INDEX: &str = "notification_endpoints";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredEndpoint<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    merchant_id: Option<Text<'a>>,
    #[serde(borrow)]
    signature_version: Text<'a>,
    #[serde(borrow)]
    token: Text<'a>,
    #[serde(default, skip_serializing_if = "is_false")]
    is_confirmed: bool,
    /// Absent in a document of the time when there was one lane for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lane: Option<usize>,
}

pub(crate) fn encode(endpoint: &Endpoint) -> Bytes {
    to_json(&StoredEndpoint {
        url: Text::Borrowed(endpoint.url.as_str()),
        merchant_id: endpoint.merchant_id.as_ref().map(|id| Text::Borrowed(id.as_str())),
        signature_version: Text::Borrowed(endpoint.signature_version.as_str()),
        token: Text::Borrowed(&endpoint.token),
        is_confirmed: endpoint.is_confirmed,
        lane: Some(endpoint.lane.0),
    })
}

/// `free` is the lane of an endpoint whose document names none.
pub(crate) fn decode(
    id: &str,
    format: u16,
    bytes: &[u8],
    free: impl FnOnce() -> Lane,
) -> Result<Endpoint, Unreadable> {
    let stored: StoredEndpoint<'_> = from_json(COLLECTION, (format, FORMAT), bytes)?;
    let read = || {
        Ok(Endpoint {
            id: id.to_owned(),
            url: EndpointUrl::parse(&stored.url).member("url")?,
            merchant_id: stored
                .merchant_id
                .as_deref()
                .map(MerchantId::parse)
                .transpose()
                .member("merchantId")?,
            signature_version: SignatureVersion::ALL
                .into_iter()
                .find(|known| known.as_str() == stored.signature_version)
                .member("signatureVersion")?,
            token: stored.token.to_string(),
            is_confirmed: stored.is_confirmed,
            given_by: GivenBy::Control,
            lane: stored.lane.filter(|lane| *lane < MAX_ENDPOINTS).map_or_else(free, Lane),
        })
    };
    read().map_err(|illegible: super::Illegible| illegible.of(COLLECTION))
}
