//! The domain is `no_std` and the protocol does no I/O. This file checks their source;
//! [`super::dependencies`] checks their dependencies.

use super::code::line_of;
use super::tree::Tree;
use super::violation::{Violation, words_in};

/// Words that must not be in the domain, except in its tests.
const NOT_IN_DOMAIN: [&str; 5] = ["std::", "extern crate std", "serde", "tokio", "tracing"];

/// Words that must not be in the protocol, which takes bytes and instants as arguments.
const NOT_IN_PROTOCOL: [&str; 9] = [
    "tokio",
    "std::net",
    "std::fs",
    "std::io",
    "std::thread",
    "std::env",
    "SystemTime",
    "Instant",
    "Timestamp::now",
];

pub(super) fn domain_is_no_std(tree: &Tree) -> Vec<Violation> {
    let mut violations = words_in(tree, "countersign-domain", &NOT_IN_DOMAIN, "in countersign-domain");
    for (file, below) in tree.files_of("countersign-domain") {
        if below == "src/lib.rs" && line_of(&file.code().shipped, "#![no_std]").is_none() {
            violations.push(Violation::new(&file.path, "does not declare #![no_std]"));
        }
    }
    violations
}

pub(super) fn protocol_does_no_io(tree: &Tree) -> Vec<Violation> {
    words_in(tree, "countersign-protocol", &NOT_IN_PROTOCOL, "in countersign-protocol")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: fn(&Tree) -> Vec<Violation>, path: &str, text: &str) -> usize {
        rule(&Tree::with_file(path, text)).len()
    }

    #[test]
    fn std_in_the_domain_is_found() {
        let path = "crates/countersign-domain/src/money.rs";
        let cases = [
            ("use std::collections::HashMap;", 1),
            ("extern crate std;", 1),
            ("use serde::Serialize;", 1),
            ("use core::fmt; // not std::fmt", 0),
            ("#[cfg(test)]\nmod tests { use std::fs; }", 0),
        ];
        for (text, expected) in cases {
            assert_eq!(found(domain_is_no_std, path, text), expected, "{text}");
        }
    }

    #[test]
    fn a_domain_that_does_not_declare_no_std_is_found() {
        let path = "crates/countersign-domain/src/lib.rs";
        assert_eq!(found(domain_is_no_std, path, "//! Rules.\n"), 1);
        assert_eq!(found(domain_is_no_std, path, "//! Rules.\n#![no_std]\n"), 0);
    }

    #[test]
    fn io_and_clocks_in_the_protocol_are_found() {
        let path = "crates/countersign-protocol/src/signing.rs";
        for word in NOT_IN_PROTOCOL {
            assert_eq!(found(protocol_does_no_io, path, &format!("use {word};")), 1, "{word}");
        }
        assert_eq!(found(protocol_does_no_io, path, "use std::fmt;"), 0);
    }
}
