//! Rust source with its comments and the contents of its literals blanked, so that a rule about a
//! word is about code and not about prose. Knows just enough of the language for that.

/// One file's code. Both parts keep the file's length and lines; what is not theirs is blank.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) shipped: String,
    pub(super) tests: String,
}

/// Splits a file into the code that ships and the items under `#[cfg(test)]`.
pub(super) fn split(source: &str, tests_only: bool) -> Code {
    let code = blank_prose(source);
    if tests_only {
        let shipped = code.iter().map(|&c| blank(c)).collect();
        return Code { shipped, tests: code.into_iter().collect() };
    }
    let (mut shipped, mut tests): (String, String) = (String::new(), String::new());
    let mut at = 0;
    while at < code.len() {
        let end = if starts_with(&code[at..], "#[cfg(test)]") { end_of_item(&code, at) } else { at };
        if end == at {
            shipped.push(code[at]);
            tests.push(blank(code[at]));
            at += 1;
        } else {
            shipped.extend(code[at..end].iter().map(|&c| blank(c)));
            tests.extend(&code[at..end]);
            at = end;
        }
    }
    Code { shipped, tests }
}

/// The number of the first line that has `word` with no letter, digit or underscore next to its
/// ends. A word that itself ends in a sign, as `todo!`, is bounded on that side already.
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

fn blank(c: char) -> char {
    if c == '\n' { c } else { ' ' }
}

fn starts_with(code: &[char], text: &str) -> bool {
    let mut code = code.iter();
    text.chars().all(|c| code.next() == Some(&c))
}

/// The end of the item that begins at `at`: its closing brace, or a semicolon before any brace.
fn end_of_item(code: &[char], at: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, &c) in code[at..].iter().enumerate() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + offset + 1;
                }
            }
            ';' if depth == 0 => return at + offset + 1,
            _ => {}
        }
    }
    code.len()
}

fn blank_prose(source: &str) -> Vec<char> {
    let source: Vec<char> = source.chars().collect();
    let mut code = source.clone();
    let mut at = 0;
    while at < source.len() {
        let rest = &source[at..];
        let length = if starts_with(rest, "//") {
            rest.iter().position(|&c| c == '\n').unwrap_or(rest.len())
        } else if starts_with(rest, "/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(&source, at) {
            length
        } else if rest[0] == '"' {
            string(rest)
        } else if rest[0] == '\'' {
            character(rest)
        } else {
            0
        };
        for c in &mut code[at..at + length] {
            *c = blank(*c);
        }
        at += length.max(1);
    }
    code
}

/// Block comments nest.
fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if starts_with(&rest[at..], "/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if starts_with(&rest[at..], "*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn raw_string(source: &[char], at: usize) -> Option<usize> {
    let named = |c: &char| c.is_alphanumeric() || *c == '_';
    let before = at.checked_sub(1).map(|before| source[before]);
    if source[at] != 'r' || before.is_some_and(|c| named(&c) && c != 'b') {
        return None;
    }
    let rest = &source[at + 1..];
    let hashes = rest.iter().take_while(|&&c| c == '#').count();
    if rest.get(hashes) != Some(&'"') {
        return None;
    }
    let close: String = std::iter::once('"').chain("#".repeat(hashes).chars()).collect();
    let from = hashes + 1;
    let body = (from..rest.len()).find(|&end| starts_with(&rest[end..], &close));
    Some(body.map_or(rest.len(), |end| end + close.len()) + 1)
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A character literal's length; a lifetime's is 0.
fn character(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', ..] => rest.iter().skip(3).position(|&c| c == '\'').map_or(rest.len(), |end| end + 4),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
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
            assert_eq!(has(&split(source, false).shipped, "f64"), expected, "{source}");
        }
    }

    #[test]
    fn items_under_cfg_test_are_tests() {
        let code = split("fn a() {}\n#[cfg(test)]\nmod tests { fn b() { c(); } }\nfn d() {}", false);
        assert!(has(&code.shipped, "a") && has(&code.shipped, "d") && !has(&code.shipped, "b"));
        assert!(has(&code.tests, "b") && has(&code.tests, "c") && !has(&code.tests, "d"));
        assert_eq!(line_of(&code.tests, "b"), Some(3));
    }

    #[test]
    fn a_module_of_tests_in_its_own_file_ends_at_its_semicolon() {
        let code = split("#[cfg(test)]\nmod tests;\nfn a() {}", false);
        assert!(has(&code.shipped, "a"));
    }
}
