//! Paths: which call a request makes, on which object, in which environment. The calls' paths are in the
//! table of `calls/mod.rs`.

use countersign_domain::ids::Environment;
use http::Method;

use super::errors::ApiRefused;
use crate::calls::Operation;

/// The longest path of any route, with a margin: longer ones are "not found" without a search.
const MAX_PATH_LEN: usize = 512;

/// A call as its method and path name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route<'a> {
    pub(super) operation: Operation,
    /// The environment that the path names. If the key has a prefix, the path need not name one.
    pub(super) environment: Option<Environment>,
    /// The object's id; empty for a call without a target.
    pub(super) id: &'a str,
    /// The part of the path after the version, without a trailing slash: the same for every
    /// spelling of the path.
    pub(super) resource: &'a str,
}

/// Reads `/v2/…` and `/sandbox/v2/…` or `/live/v2/…`, each with or without a trailing slash.
///
/// # Errors
/// [`ApiRefused::NoSuchPath`], and [`ApiRefused::WrongMethod`] for a path that has other methods.
pub(super) fn route<'a>(method: &Method, path: &'a str) -> Result<Route<'a>, ApiRefused> {
    if path.len() > MAX_PATH_LEN {
        return Err(ApiRefused::NoSuchPath);
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    let (environment, path) = [Environment::Sandbox, Environment::Live]
        .into_iter()
        .find_map(|environment| {
            let rest = path.strip_prefix('/')?.strip_prefix(environment.path_segment())?;
            rest.starts_with('/').then_some((Some(environment), rest))
        })
        .unwrap_or((None, path));
    let resource = path.strip_prefix("/v2/").ok_or(ApiRefused::NoSuchPath)?;
    let mut routes = Operation::ALL.iter().filter_map(|operation| {
        let (its_method, template) = operation.route();
        let id = matched(template, resource).filter(|id| template.contains('*') != id.is_empty())?;
        Some((its_method, *operation, id))
    });
    let mut found = routes.next().ok_or(ApiRefused::NoSuchPath)?;
    while found.0 != *method {
        found = routes.next().ok_or(ApiRefused::WrongMethod)?;
    }
    let (_, operation, id) = found;
    Ok(Route { operation, environment, id, resource })
}

/// Matches a path against a template. Returns the segment at the template's `*`; it is empty if the template
/// has no `*`.
fn matched<'a>(template: &str, path: &'a str) -> Option<&'a str> {
    let mut found = "";
    let mut segments = path.split('/');
    for expected in template.split('/') {
        match segments.next()? {
            segment if expected == "*" => found = segment,
            segment if segment == expected => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_matches_a_template_segment_by_segment() {
        for (template, path, found) in [
            ("charges", "charges", Some("")),
            ("charges/*", "charges/C1", Some("C1")),
            ("charges/*", "charges/", Some("")),
            ("charges/*", "charges", None),
            ("charges/*", "charges/C1/capture", None),
            ("charges/*/capture", "charges/C1/capture", Some("C1")),
            ("charges/*/capture", "charges/C1/cancel", None),
        ] {
            assert_eq!(matched(template, path), found, "{template} {path}");
        }
    }
}
