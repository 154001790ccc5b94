//! Paths of a server, each written as a template.

/// Whether a path is a template's; if so, the segment at the template's `*`, or nothing where it
/// has none.
pub(crate) fn matched<'a>(template: &str, path: &'a str) -> Option<&'a str> {
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
    fn a_path_is_a_templates_segment_by_segment() {
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
