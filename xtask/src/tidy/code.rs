//! Rust source with its comments and literals blanked, so that a rule about a word applies to code and not to prose.

use std::ops::Range;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The code of one file. Both parts keep the file's length and lines; the rest is blank.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) shipped: String,
    pub(super) tests: String,
}

/// What code is for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Shipping,
    Tests,
}

/// Splits a file into the code that ships and the items under `#[cfg(test)]`. In a file for tests,
/// no code ships. A text that is not Rust has no code.
pub(super) fn split(source: &str, purpose: Purpose) -> Code {
    let mut places = Places::default();
    places.read(source, source.parse().unwrap_or_default(), purpose);
    Code { shipped: with_only(source, &places.shipped), tests: with_only(source, &places.tests) }
}

/// The number of the first line that has `word` with no letter, digit or underscore next to its
/// ends. Next to an end that is a sign, as in `todo!`, any character is allowed.
pub(super) fn line_of(code: &str, word: &str) -> Option<usize> {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    let bounded = |at: usize| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let opens = !word.starts_with(part_of_name) || !before.is_some_and(part_of_name);
        let closes = !word.ends_with(part_of_name) || !after.is_some_and(part_of_name);
        opens && closes
    };
    let (at, _) = code.match_indices(word).find(|(at, _)| bounded(*at))?;
    Some(code[..at].matches('\n').count() + 1)
}

/// The source with everything blank except these places.
fn with_only(source: &str, places: &[Range<usize>]) -> String {
    let blank = |text: &str| text.chars().map(|c| if c == '\n' { c } else { ' ' }).collect::<String>();
    let (mut code, mut at) = (String::with_capacity(source.len()), 0);
    for place in places {
        code.push_str(&blank(&source[at..place.start]));
        code.push_str(&source[place.clone()]);
        at = place.end;
    }
    code + &blank(&source[at..])
}

/// The places of the tokens, in order.
#[derive(Default)]
struct Places {
    shipped: Vec<Range<usize>>,
    tests: Vec<Range<usize>>,
}

impl Places {
    fn read(&mut self, source: &str, tokens: TokenStream, purpose: Purpose) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut is_test_item = false;
        for (at, token) in tokens.iter().enumerate() {
            let place = token.span().byte_range();
            // A doc comment is an attribute to the lexer.
            if ["//", "/*"].iter().any(|sign| source[place.clone()].starts_with(sign)) {
                continue;
            }
            is_test_item |= opens_test_item(&tokens[at..]);
            let purpose = if is_test_item { Purpose::Tests } else { purpose };
            match token {
                TokenTree::Literal(_) => {}
                TokenTree::Ident(_) | TokenTree::Punct(_) => self.add(place, purpose),
                TokenTree::Group(group) => {
                    self.add(group.span_open().byte_range(), purpose);
                    self.read(source, group.stream(), purpose);
                    self.add(group.span_close().byte_range(), purpose);
                }
            }
            is_test_item &= !ends_item(token);
        }
    }

    fn add(&mut self, place: Range<usize>, purpose: Purpose) {
        match purpose {
            Purpose::Shipping => self.shipped.push(place),
            Purpose::Tests => self.tests.push(place),
        }
    }
}

pub(super) fn opens_test_item(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [TokenTree::Punct(sign), TokenTree::Group(attribute), ..]
        if sign.as_char() == '#' && attribute.stream().to_string() == "cfg (test)")
}

/// An item ends with its braces, or with a semicolon before any.
pub(super) fn ends_item(token: &TokenTree) -> bool {
    match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(sign) => sign.as_char() == ';',
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(code: &str, word: &str) -> bool {
        line_of(code, word).is_some()
    }

    #[test]
    fn prose_and_literals_are_not_code() {
        let cases = [
            ("// f64\nlet a = 1;", false),
            ("/* f64 /* f64 */ f64 */", false),
            ("let a = \"f64 \\\" f64\";", false),
            ("let a = r#\"f64 \" f64\"#;", false),
            ("let a = br\"f64\";", false),
            ("let a = '\"'; let b: f64;", true),
            ("let a = '\\''; let b: f64;", true),
            ("fn a<'f>(b: &'f f64) {}", true),
            ("let xf64 = f64_y;", false),
            ("let a = r#\"x\"# as f64;", true),
        ];
        for (source, expected) in cases {
            assert_eq!(has(&split(source, Purpose::Shipping).shipped, "f64"), expected, "{source}");
        }
    }

    #[test]
    fn items_under_cfg_test_are_tests() {
        let code =
            split("fn a() {}\n#[cfg(test)]\nmod tests { fn b() { c(); } }\nfn d() {}", Purpose::Shipping);
        assert!(has(&code.shipped, "a") && has(&code.shipped, "d") && !has(&code.shipped, "b"));
        assert!(has(&code.tests, "b") && has(&code.tests, "c") && !has(&code.tests, "d"));
        assert_eq!(line_of(&code.tests, "b"), Some(3));
    }

    #[test]
    fn a_module_of_tests_in_its_own_file_ends_at_its_semicolon() {
        let code = split("#[cfg(test)]\nmod tests;\nfn a() {}", Purpose::Shipping);
        assert!(has(&code.shipped, "a"));
    }
}
