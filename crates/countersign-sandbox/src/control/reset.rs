//! The body of a reset, or of an order for a new certificate: empty, or an object without members.

use std::collections::BTreeMap;

use countersign_protocol::wire::{BodyRefused, BodyRefusedKind};
use serde::de::IgnoredAny;

use super::errors::ControlRefused;

/// Checks the body of a call that takes no members.
pub(super) fn nothing(body: &[u8]) -> Result<(), ControlRefused> {
    if body.is_empty() {
        return Ok(());
    }
    let members: BTreeMap<String, IgnoredAny> = serde_json::from_slice(body).map_err(|_| BodyRefused {
        kind: BodyRefusedKind::InvalidRequestFormat,
        field: None,
        why: "it is not a JSON object".to_owned(),
    })?;
    members.into_keys().next().map_or(Ok(()), |name| Err(ControlRefused::unknown(&name)))
}
