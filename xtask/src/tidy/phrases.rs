//! Phrases that make a reader stumble, each with what to write instead.

use super::prose::passages;
use super::tree::{File, Tree};
use super::violation::Violation;

/// This file, which must contain the phrases.
const OWN_FILE: &str = "xtask/src/tidy/phrases.rs";

/// Each phrase, in lower case, and what to write instead.
const BANNED: [(&str, &str); 25] = [
    ("it is none", "it is not valid"),
    ("is none of", "is not one of"),
    ("for ever", "forever"),
    ("so many", "this many, or at most N"),
    ("whoever", "the caller, or who it is"),
    ("whomever", "who it is"),
    ("the how many", "which"),
    ("asked in vain", "asked without an answer"),
    ("at nobody's", "not at anybody's"),
    ("mends itself", "is resolved by itself"),
    ("an affair of", "up to"),
    ("it stands as", "it is as"),
    ("whatever it be", "whatever it is"),
    ("is told", "is notified, is shown, or gets"),
    ("was told", "was notified, was shown, or got"),
    ("be told", "be notified, be shown, or be distinguished"),
    ("told of", "notified of"),
    ("tells of", "reports, or is about"),
    ("gives back", "returns"),
    ("given back", "returned, or refunded"),
    ("what became of", "what happened to, or the result of"),
    ("becomes of", "happens to"),
    ("carried out", "run, executed, or done"),
    ("anew", "again"),
    ("time-out", "timeout"),
];

pub(super) fn sentences_have_no_banned_phrase(tree: &Tree) -> Vec<Violation> {
    tree.files.iter().filter(|file| file.path != OWN_FILE).flat_map(found).collect()
}

fn found(file: &File) -> Vec<Violation> {
    if file.is_rust() {
        let passages = passages(file);
        let found = passages.iter().flat_map(|it| banned(&file.path, it.line, &it.text));
        found.collect()
    } else if file.path.ends_with(".md") {
        paragraphs(&file.text).flat_map(|(number, text)| banned(&file.path, number, &text)).collect()
    } else {
        Vec::new()
    }
}

/// The paragraphs of a document, each as one line with the number of its first line, since a phrase may be wrapped.
fn paragraphs(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut number = 1;
    text.split("\n\n").map(move |paragraph| {
        let first = number;
        number += paragraph.matches('\n').count() + 2;
        (first, paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
    })
}

fn banned(path: &str, line: usize, text: &str) -> Vec<Violation> {
    let text = text.to_lowercase();
    let found = BANNED.iter().filter(|(phrase, _)| has(&text, phrase));
    let what = |(phrase, better): &(&str, &str)| format!("line {line}: says {phrase:?}: write {better}");
    found.map(|phrase| Violation::new(path, what(phrase))).collect()
}

/// Whether a text has the phrase as whole words.
fn has(text: &str, phrase: &str) -> bool {
    super::code::line_of(text, phrase).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banned_phrase_is_found_in_comments_messages_and_documents() {
        let banned = concat!("for ", "ever");
        let cases = [
            ("crates/countersign-domain/src/money.rs", format!("//! Money.\n// It is kept {banned}.\n"), 1),
            ("crates/countersign-domain/src/money.rs", format!("fn a() {{ b(\"{banned}\") }}\n"), 1),
            ("crates/countersign-domain/src/money.rs", format!("// Not {banned}more.\n"), 0),
            ("docs/api.md", format!("It is kept {banned}.\n"), 1),
            ("docs/api.md", format!("It is\n\nkept {}.\n", banned.replace(' ', "\n")), 1),
            ("web/page.html", format!("{banned}\n"), 0),
        ];
        for (path, text, expected) in cases {
            assert_eq!(
                sentences_have_no_banned_phrase(&Tree::with_file(path, &text)).len(),
                expected,
                "{text}"
            );
        }
    }
}
