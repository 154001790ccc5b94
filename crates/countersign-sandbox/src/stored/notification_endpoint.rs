//! The document of a notification endpoint that was registered through the control API.

use countersign_document::stored;
use countersign_protocol::notification::SignatureVersion;

use super::Sandbox;
use crate::notify::endpoint::{Endpoint, EndpointUrl, GivenBy, Lane, MAX_ENDPOINTS};

/// The index of all endpoints, by their ids.
pub(crate) const INDEX: &str = "notification_endpoints";

stored! {
    by Sandbox;

    document Endpoint as "notification_endpoint", format 2;

    struct Endpoint {
        id,
        url,
        merchant_id,
        signature_version,
        token,
        is_confirmed or default,
        given_by,
        lane,
    }

    enum GivenBy { Operator, Control }

    text EndpointUrl: as_str, EndpointUrl::parse;
    text SignatureVersion: as_str, |word| SignatureVersion::ALL.into_iter().find(|known| known.as_str() == word);

    struct Lane(place) check |lane| lane.0 < MAX_ENDPOINTS => "is not a lane";
}
