//! Which part of the two servers may name which: only one folder of each server calls the store,
//! and only the store has SQL.

use super::tree::Tree;
use super::violation::Violation;

/// Each server, its folder that calls the store, and its file to which a storage engine is passed at
/// the start.
const SERVERS: [(&str, &str, &str); 2] =
    [("countersign-sandbox", "src/book/", "src/lib.rs"), ("countersign-merchant", "src/book/", "src/lib.rs")];

pub(super) fn one_folder_calls_the_store(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (server, folder, root) in SERVERS {
        for (file, below) in tree.files_of(server) {
            let code = &file.code().shipped;
            if !below.starts_with(folder) && below != root {
                let what = |_: &str| format!("names the store, which only {folder} may call");
                violations.extend(Violation::for_words(&file.path, code, &["countersign_store"], what));
            }
            if ["src/http/", "src/calls/"].iter().any(|handlers| below.starts_with(handlers)) {
                let what = |_: &str| format!("a handler names a stored document; ask {folder} instead");
                violations.extend(Violation::for_words(&file.path, code, &["crate::stored"], what));
            }
        }
    }
    violations
}

pub(super) fn only_the_store_knows_sql(tree: &Tree) -> Vec<Violation> {
    let elsewhere = |krate: &str| krate != "countersign-store";
    tree.rust_files()
        .filter(|file| file.in_crate().is_some_and(|(krate, _)| elsewhere(krate)))
        .flat_map(|file| {
            let what = |_: &str| "only countersign-store knows SQL".to_owned();
            Violation::for_words(&file.path, &file.code().shipped, &["rusqlite"], what).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: fn(&Tree) -> Vec<Violation>, path: &str, text: &str) -> usize {
        rule(&Tree::with_file(path, text)).len()
    }

    #[test]
    fn a_store_call_outside_its_folder_is_found() {
        let cases = [
            ("crates/countersign-sandbox/src/http/finalize.rs", 1),
            ("crates/countersign-merchant/src/pages/result.rs", 1),
            ("crates/countersign-sandbox/src/book/finalize.rs", 0),
            ("crates/countersign-merchant/src/stored/checkout.rs", 1),
            ("crates/countersign-merchant/src/book/commit.rs", 0),
            ("crates/countersign-merchant/tests/completing.rs", 0),
            ("crates/countersign-simulation/src/lib.rs", 0),
        ];
        for (path, expected) in cases {
            let count = found(one_folder_calls_the_store, path, "use countersign_store::contract::Store;");
            assert_eq!(count, expected, "{path}");
        }
    }

    #[test]
    fn a_handler_that_names_a_stored_document_is_found() {
        let text = "use crate::stored::charge::Charge;";
        assert_eq!(found(one_folder_calls_the_store, "crates/countersign-sandbox/src/http/a.rs", text), 1);
        assert_eq!(found(one_folder_calls_the_store, "crates/countersign-sandbox/src/book/a.rs", text), 0);
    }

    #[test]
    fn sql_outside_the_store_is_found() {
        let text = "use rusqlite::Connection;";
        assert_eq!(found(only_the_store_knows_sql, "crates/countersign-merchant/src/drive/a.rs", text), 1);
        assert_eq!(found(only_the_store_knows_sql, "crates/countersign-store/src/sqlite.rs", text), 0);
    }
}
