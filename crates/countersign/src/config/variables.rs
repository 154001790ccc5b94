//! Environment variables that begin like this program's and are not known: one that is misspelled has no effect, and
//! nothing else would say so.

use super::keys::KEYS;

/// What every variable of this program begins with.
const PREFIX: &str = "COUNTERSIGN_";

/// The variables that are not keys of the configuration. The last is for scripts that start this program.
const OTHERS: [&str; 5] = [
    "COUNTERSIGN_CONFIG",
    "COUNTERSIGN_LOG",
    "COUNTERSIGN_LOG_FORMAT",
    "COUNTERSIGN_SNAPSHOT_KEY",
    "COUNTERSIGN_BINARY",
];

/// Logs each variable of this process that is not known, with the known name that is nearest.
pub(crate) fn warn_of_unknown() {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in names.filter(|name| is_unknown(name)) {
        let nearest = nearest(&name);
        tracing::warn!("the variable {name} is not known and has no effect: is it {nearest}?");
    }
}

fn known() -> impl Iterator<Item = String> {
    KEYS.iter().map(super::key::Key::variable).chain(OTHERS.map(str::to_owned))
}

fn is_unknown(name: &str) -> bool {
    // Kubernetes makes such variables of a Service that is named like this program.
    let is_of_a_service = name.contains("_SERVICE_") || name.contains("_PORT");
    name.starts_with(PREFIX) && !is_of_a_service && known().all(|known| known != name)
}

fn nearest(name: &str) -> String {
    known().min_by_key(|known| strsim::levenshtein(known, name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_not_known_is_named_with_the_nearest_that_is() {
        for (name, expected) in [
            ("COUNTERSIGN_AMAZON_REGOIN", Some("COUNTERSIGN_AMAZON_REGION")),
            ("COUNTERSIGN_SHOP_TOKENFILE", Some("COUNTERSIGN_SHOP_TOKEN_FILE")),
            ("COUNTERSIGN_CONFIGURATION", Some("COUNTERSIGN_CONFIG")),
            ("COUNTERSIGN_LISTEN", None),
            ("COUNTERSIGN_SNAPSHOT_KEY", None),
            ("COUNTERSIGN_LOG_FORMAT", None),
            ("COUNTERSIGN_SERVICE_HOST", None),
            ("COUNTERSIGN_PORT_8080_TCP", None),
            ("PATH", None),
        ] {
            let told = is_unknown(name).then(|| nearest(name));
            assert_eq!(told.as_deref(), expected, "{name}");
        }
    }
}
