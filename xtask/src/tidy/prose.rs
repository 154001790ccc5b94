//! The prose in Rust files: comments, log lines and error messages. `cargo xtask prose` draws some
//! of each kind to be read aloud, and [`phrases`](super::phrases) searches all of them. What is not prose is not
//! drawn, and neither are the sandbox's answers: their bytes are Amazon's contract.

use std::fmt;

use proc_macro2::{TokenStream, TokenTree};

use super::code;
use super::tree::{File, Tree};
use crate::lot::lot;

/// The kinds of passages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Comment,
    LogLine,
    ErrorMessage,
    /// Any other literal of several words: the tokens around it do not show its purpose.
    Text,
}

impl Kind {
    const DRAWN: [Self; 3] = [Self::Comment, Self::LogLine, Self::ErrorMessage];

    const fn heading(self) -> &'static str {
        match self {
            Self::Comment => "Comments",
            Self::LogLine => "Log lines",
            Self::ErrorMessage => "Error messages",
            Self::Text => "Other texts",
        }
    }
}

/// A comment, or the text of a log line or of an error.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passage<'a> {
    pub(super) kind: Kind,
    pub(super) path: &'a str,
    /// The number of its first line, counted from 1.
    pub(super) line: usize,
    pub(super) text: String,
}

impl fmt::Display for Passage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// How many of each kind are drawn.
const DRAWN: usize = 30;

/// Where the texts of the sandbox's answers are. Their bytes are Amazon's contract, so no editor may change them.
const ANSWERS: [&str; 9] = [
    "crates/countersign-protocol/src/signing/authorization.rs",
    "crates/countersign-protocol/src/signing/button.rs",
    "crates/countersign-protocol/src/signing/refusal.rs",
    "crates/countersign-protocol/src/wire/",
    "crates/countersign-sandbox/src/calls/",
    "crates/countersign-sandbox/src/control/",
    "crates/countersign-sandbox/src/hosted/",
    "crates/countersign-sandbox/src/http/",
    "crates/countersign-sandbox/src/visit/",
];

/// Draws some passages of each kind: the same ones for the same seed and tree. Left out are the error messages of
/// the sandbox's answers, because their bytes are Amazon's contract, and what is not prose: the promises that a
/// test keeps, names, and formats of tables.
pub(super) fn draw(tree: &Tree, seed: &str) -> String {
    let mut passages: Vec<Passage> = tree.rust_files().flat_map(passages).filter(is_drawn).collect();
    passages.sort_by_cached_key(|passage| lot(seed, &passage.to_string()));
    let of = |kind: Kind| {
        let drawn = passages.iter().filter(move |passage| passage.kind == kind).take(DRAWN);
        let lines: String = drawn.map(|passage| format!("{passage}\n")).collect();
        format!("{}\n\n{lines}", kind.heading())
    };
    Kind::DRAWN.map(of).join("\n")
}

fn is_drawn(passage: &Passage) -> bool {
    let is_of_an_answer =
        passage.kind == Kind::ErrorMessage && ANSWERS.iter().any(|path| passage.path.starts_with(path));
    !is_of_an_answer && is_prose(&passage.text)
}

/// Whether a text is prose: at least two words, one of them not a name in capitals.
fn is_prose(text: &str) -> bool {
    let words: Vec<&str> = text
        .split_whitespace()
        .map(|word| word.trim_matches(|sign: char| sign.is_ascii_punctuation()))
        .filter(|word| word.chars().all(|sign| sign.is_alphabetic() || matches!(sign, '\'' | '-')))
        .filter(|word| !word.is_empty())
        .collect();
    let is_plain = |word: &&str| word.chars().all(|sign| !sign.is_uppercase());
    words.len() > 1 && words.iter().any(is_plain) && !text.starts_with("Promise: ")
}

/// All passages of a Rust file, with the comments of its tests.
pub(super) fn passages(file: &File) -> Vec<Passage<'_>> {
    let mut passages = comments(file);
    if !file.is_for_tests() {
        read_texts(file, file.text.parse().unwrap_or_default(), None, &mut passages);
    }
    passages
}

/// The comments of a file. Neighbouring lines of one kind of comment are one comment.
fn comments(file: &File) -> Vec<Passage<'_>> {
    let mut comments: Vec<(Passage, &str)> = Vec::new();
    let mut is_open = false;
    for (number, line) in (1..).zip(file.text.lines()) {
        let line = line.trim_start();
        let sign = ["//!", "///", "//"].into_iter().find(|sign| line.starts_with(sign));
        let text = sign.and_then(|sign| line.strip_prefix(sign)).map(str::trim);
        match (sign.zip(text), comments.last_mut()) {
            (Some((sign, text)), Some((comment, before))) if is_open && sign == *before => {
                comment.text.push(' ');
                comment.text.push_str(text);
            }
            (Some((sign, text)), _) => {
                let text = text.to_owned();
                comments.push((Passage { kind: Kind::Comment, path: &file.path, line: number, text }, sign));
            }
            (None, _) => {}
        }
        is_open = sign.is_some();
    }
    comments.into_iter().map(|(comment, _)| comment).collect()
}

/// Reads the literals among the tokens. `within` is their kind, if the tokens around them show it.
fn read_texts<'a>(
    file: &'a File,
    tokens: TokenStream,
    within: Option<Kind>,
    passages: &mut Vec<Passage<'a>>,
) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut is_test_item = false;
    let mut item = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        is_test_item |= code::opens_test_item(&tokens[at..]);
        if !is_test_item {
            match token {
                TokenTree::Literal(literal) => {
                    let text = literal.to_string();
                    if text.starts_with(['"', 'r']) && text.contains(' ') {
                        let (kind, line) = (within.unwrap_or(Kind::Text), literal.span().start().line);
                        passages.push(Passage { kind, path: &file.path, line, text: plain(&text) });
                    }
                }
                // A doc comment is an attribute to the lexer.
                TokenTree::Group(_) if is_attribute(&tokens[..at]) => {}
                TokenTree::Group(group) => {
                    let within = opened(&tokens[..at], &item).or(within);
                    read_texts(file, group.stream(), within, passages);
                }
                TokenTree::Ident(ident) => item.push(ident.to_string()),
                TokenTree::Punct(_) => {}
            }
        }
        if code::ends_item(token) {
            is_test_item = false;
            item.clear();
        }
    }
}

/// The kind of the literals in a group, by the tokens before it: `item` has the names since the previous item.
fn opened(before: &[TokenTree], item: &[String]) -> Option<Kind> {
    let words: Vec<String> = before.iter().rev().take(5).map(ToString::to_string).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["!", level, ":", ":", "tracing"] if is_level(level) => Some(Kind::LogLine),
        ["Info" | "Warn" | "Error", ":", ":", "LogLine", ..] => Some(Kind::LogLine),
        ["with_texts" | "refused", ..] | ["!", "with_texts", ..] => Some(Kind::ErrorMessage),
        _ if item.first().is_some_and(|word| word == "impl") && item.iter().any(|word| word == "Display") => {
            Some(Kind::ErrorMessage)
        }
        _ => None,
    }
}

fn is_attribute(before: &[TokenTree]) -> bool {
    matches!(before, [.., TokenTree::Punct(sign)] if sign.as_char() == '#')
        || matches!(before, [.., TokenTree::Punct(sign), TokenTree::Punct(inner)]
            if sign.as_char() == '#' && inner.as_char() == '!')
}

fn is_level(word: &str) -> bool {
    matches!(word, "error" | "warn" | "info" | "debug" | "trace")
}

/// A literal without its quotes and its line breaks.
fn plain(literal: &str) -> String {
    let text = literal.strip_prefix('r').unwrap_or(literal).trim_matches('#');
    text.trim_matches('"').split("\\\n").map(str::trim_start).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(Kind, usize, String)> {
        let file = File::new("crates/countersign-domain/src/money.rs", text);
        passages(&file).into_iter().map(|it| (it.kind, it.line, it.text)).collect()
    }

    #[test]
    fn comments_are_read_whole_and_texts_by_what_they_are_for() {
        let source = "//! Money.\n\n/// An amount\n/// of money.\nfn a() {\n    // Why.\n    \
             tracing::warn!(id, \"the clock is wrong\");\n    b(\"no message\");\n}\n\
             impl fmt::Display for A {\n    fn fmt(&self) { write!(f, \"is not {}\", 1) }\n}\n\
             with_texts! { A { /// Its file.\n B => \"is in use\" } }\n\
             #[cfg(test)]\nmod tests { fn c() { tracing::warn!(\"a test runs\") } }\n";
        let expected = [
            (Kind::Comment, 1, "Money."),
            (Kind::Comment, 3, "An amount of money."),
            (Kind::Comment, 6, "Why."),
            (Kind::LogLine, 7, "the clock is wrong"),
            (Kind::Text, 8, "no message"),
            (Kind::ErrorMessage, 11, "is not {}"),
            (Kind::ErrorMessage, 14, "is in use"),
        ];
        assert_eq!(read(source), expected.map(|(kind, line, text)| (kind, line, text.to_owned())));
    }

    #[test]
    fn a_seed_draws_the_same_passages_each_time() {
        let comments: String = (0..99).map(|number| format!("// Number {number} is drawn.\n\n")).collect();
        let tree = Tree::with_file("crates/countersign-domain/src/money.rs", &comments);
        assert_eq!(draw(&tree, "1"), draw(&tree, "1"));
        assert_ne!(draw(&tree, "1"), draw(&tree, "2"));
        assert_eq!(draw(&tree, "1").matches("Number").count(), DRAWN);
    }

    #[test]
    fn what_is_not_prose_is_not_drawn() {
        for text in ["Promise: A02, B07", "Money.", "RSA PRIVATE KEY", "{what:<40} {why}", "Bearer {}", ", "]
        {
            assert!(!is_prose(text), "{text}");
        }
        for text in ["is not {}", "A charge.", "{found} is not among {known}"] {
            assert!(is_prose(text), "{text}");
        }
    }

    #[test]
    fn the_sandboxs_answers_are_not_drawn_but_its_comments_are() {
        let source = "// Why it fails.\nimpl fmt::Display for A {\n    \
                      fn fmt(&self) { f.write_str(\"it is not valid\") }\n}\n";
        let drawn = |path: &str| draw(&Tree::with_file(path, source), "1");
        let answer = drawn("crates/countersign-sandbox/src/calls/call.rs");
        assert!(answer.contains("Why it fails.") && !answer.contains("it is not valid"), "{answer}");
        let text = drawn("crates/countersign-sandbox/src/merchants.rs");
        assert!(text.contains("Why it fails.") && text.contains("it is not valid"), "{text}");
    }
}
