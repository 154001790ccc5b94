//! One defect, as its file describes it. The file is named for the defect, and its text is
//!
//! ```text
//! path: crates/countersign-domain/src/merchant/attempt/look.rs
//! why: One sentence: what would happen to somebody's money.
//! judge: invariant PaidTwice
//! judge: invariant SendChanged
//! ---
//! the exact text, which must be in that file once
//! +++
//! its replacement
//! ```
//!
//! The judges are one or more invariants of the simulation, or one test:
//! `judge: test FILE: NAME`. The text and the replacement may be of several lines, or begin and end within one.

use crate::promises::named::Test;

/// The source that declares the simulation's invariants.
const INVARIANTS: &str = "crates/countersign-simulation/src/invariants.rs";

/// What separates the head from the text, and the text from its replacement.
const TEXT: &str = "---";
const REPLACEMENT: &str = "+++";

/// A deliberate fault: a change to one source file, which its judges must find.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Defect {
    /// The stem of its file's name.
    pub(super) name: String,
    /// The file that it changes, from the root.
    pub(super) path: String,
    pub(super) judges: Judges,
    text: String,
    replacement: String,
}

/// The judges that must find a defect.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judges {
    /// Invariants of the simulation, by name. One of them must be the first that fails.
    Invariants(Vec<String>),
    /// A test, as `FILE: NAME`.
    Test(String),
}

impl Defect {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// A member is unknown, missing or given twice, or a part is missing.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, String> {
        let (head, rest) = parted(text, TEXT)?;
        let (text, replacement) = parted(rest, REPLACEMENT)?;
        let (mut path, mut why, mut invariants, mut test) = (None, None, Vec::new(), None);
        for line in head.lines() {
            let (member, value) = line.split_once(": ").ok_or_else(|| format!("{line:?} has no member"))?;
            let value = value.trim();
            let is_new = match (member, value.split_once(' ')) {
                ("path", _) => path.replace(value.to_owned()).is_none(),
                ("why", _) => why.replace(value).is_none(),
                ("judge", Some(("invariant", name))) => {
                    let is_new = !invariants.iter().any(|known| known == name);
                    invariants.push(name.to_owned());
                    is_new
                }
                ("judge", Some(("test", name))) => test.replace(name.to_owned()).is_none(),
                ("judge", _) => return Err(format!("the judge {value} is neither an invariant nor a test")),
                (other, _) => return Err(format!("the member {other} is unknown")),
            };
            if !is_new {
                return Err(format!("{line:?} is given twice"));
            }
        }
        if why.is_none_or(str::is_empty) {
            return Err("it does not say why it is feared".to_owned());
        }
        let judges = match (invariants.is_empty(), test) {
            (false, None) => Judges::Invariants(invariants),
            (true, Some(test)) => Judges::Test(test),
            (false, Some(_)) => return Err("a test is its only judge".to_owned()),
            (true, None) => return Err("it names no judge".to_owned()),
        };
        let path = path.ok_or("it names no path")?;
        let [text, replacement] = [text, replacement].map(|part| part.trim_end_matches('\n').to_owned());
        if text == replacement || text.is_empty() {
            return Err("it changes nothing".to_owned());
        }
        Ok(Self { name: name.to_owned(), path, judges, text, replacement })
    }

    /// The file's text with the defect in it.
    ///
    /// # Errors
    /// The text to be replaced does not occur in the file exactly once.
    pub(super) fn put_into(&self, file: &str) -> Result<String, String> {
        match file.matches(&self.text).count() {
            1 => Ok(file.replacen(&self.text, &self.replacement, 1)),
            0 => Err(format!("its text is not in {}", self.path)),
            count => Err(format!("its text is {count} times in {}", self.path)),
        }
    }

    /// Why the defect cannot be tried on the tree: the text to be replaced does not occur in the
    /// source file exactly once, or a judge does not exist.
    pub(super) fn wrong<'a>(&self, text_of: impl Fn(&str) -> Option<&'a str>) -> Vec<String> {
        let mut wrong = Vec::new();
        match text_of(&self.path) {
            Some(file) => wrong.extend(self.put_into(file).err()),
            None => wrong.push(format!("there is no file {}", self.path)),
        }
        match &self.judges {
            Judges::Invariants(names) => {
                let known = invariants(text_of(INVARIANTS).unwrap_or_default());
                let unknown = names.iter().filter(|name| !known.contains(&name.as_str()));
                wrong.extend(unknown.map(|name| format!("the simulation has no invariant {name}")));
            }
            Judges::Test(name) => match Test::find(name, &text_of) {
                Ok(test) if test.is_listed => {}
                Ok(_) => wrong.push(format!("{name} is not a test function in Rust")),
                Err(why) => wrong.push(why),
            },
        }
        wrong
    }
}

/// The texts before and after the line `separator`.
fn parted<'a>(text: &'a str, separator: &str) -> Result<(&'a str, &'a str), String> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let after = at + line.len();
        if line.trim_end_matches('\n') == separator {
            return Ok((&text[..at], &text[after..]));
        }
        at = after;
    }
    Err(format!("it has no line {separator}"))
}

/// The names of the simulation's invariants, from the source that declares them.
fn invariants(source: &str) -> Vec<&str> {
    let declared = source.lines().skip_while(|line| *line != "invariants! {").skip(1);
    let rows = declared.take_while(|line| *line != "}").filter_map(|line| line.split_once(" = "));
    rows.map(|(name, _)| name.trim()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "path: crates/a/src/b.rs\nwhy: It is feared.\njudge: invariant PaidTwice\n";
    const FILE: &str = "fn a() {\n    let is_due = at >= deadline;\n}\n";
    const SOURCE: &str =
        "invariants! {\n    PaidTwice = \"no order is paid twice\",\n    NoTimer = \"a timer\",\n}\n";
    const TESTS: &str = "#[test]\nfn a_deadline_is_kept() {}\n";

    fn parsed(text: &str) -> Result<Defect, String> {
        Defect::parse("name", text)
    }

    fn defect(head: &str, text: &str, replacement: &str) -> Defect {
        parsed(&format!("{head}---\n{text}\n+++\n{replacement}\n")).unwrap()
    }

    fn wrong(defect: &Defect) -> Vec<String> {
        defect.wrong(|path| match path {
            "crates/a/src/b.rs" => Some(FILE),
            INVARIANTS => Some(SOURCE),
            "crates/a/tests/c.rs" => Some(TESTS),
            _ => None,
        })
    }

    #[test]
    fn a_defect_replaces_its_text_and_nothing_else() {
        let defect = defect(HEAD, ">= deadline;\n}", "> deadline;\n    again();\n}");
        assert_eq!(wrong(&defect), [] as [&str; 0]);
        let patched = defect.put_into(FILE).unwrap();
        assert_eq!(patched, "fn a() {\n    let is_due = at > deadline;\n    again();\n}\n");
        let judged = HEAD.replace("PaidTwice", "PaidTwice\njudge: invariant NoTimer");
        let judges = super::Judges::Invariants(vec!["PaidTwice".to_owned(), "NoTimer".to_owned()]);
        assert_eq!(self::defect(&judged, "a", "b").judges, judges);
    }

    // Promise: B41
    #[test]
    fn a_text_that_is_missing_or_twice_there_is_found() {
        for (text, expected) in [
            ("at > deadline", "its text is not in crates/a/src/b.rs"),
            ("d", "its text is 3 times in crates/a/src/b.rs"),
        ] {
            assert_eq!(wrong(&defect(HEAD, text, "x")), [expected]);
        }
        let elsewhere = defect(&HEAD.replace("b.rs", "gone.rs"), "a", "b");
        assert_eq!(wrong(&elsewhere), ["there is no file crates/a/src/gone.rs"]);
    }

    // Promise: B41
    #[test]
    fn a_judge_that_is_not_there_is_found() {
        let invariant = HEAD.replace("PaidTwice", "PaidThrice");
        assert_eq!(wrong(&defect(&invariant, "let", "b")), ["the simulation has no invariant PaidThrice"]);
        let by_test = |name: &str| {
            let head = HEAD.replace("invariant PaidTwice", &format!("test {name}"));
            wrong(&defect(&head, "let", "b"))
        };
        assert_eq!(by_test("crates/a/tests/c.rs: a_deadline_is_kept"), [] as [&str; 0]);
        assert_eq!(
            by_test("crates/a/tests/c.rs: a_deadline"),
            ["crates/a/tests/c.rs: a_deadline: the file has no such test"]
        );
        assert_eq!(by_test("a_deadline"), ["a_deadline must be written as `FILE: NAME`"]);
    }

    #[test]
    fn a_file_that_is_not_a_defect_is_refused_naming_what_is_wrong() {
        let body = "---\na\n+++\nb\n";
        let cases = [
            (format!("{HEAD}when: now\n{body}"), "the member when is unknown"),
            (format!("{HEAD}nothing\n{body}"), "\"nothing\" has no member"),
            (
                format!("{HEAD}judge: invariant PaidTwice\n{body}"),
                "\"judge: invariant PaidTwice\" is given twice",
            ),
            (format!("{HEAD}why: Again.\n{body}"), "\"why: Again.\" is given twice"),
            (format!("{HEAD}judge: test a: b\n{body}"), "a test is its only judge"),
            (
                format!("{HEAD}judge: somebody\n{body}"),
                "the judge somebody is neither an invariant nor a test",
            ),
            (format!("path: a\nwhy: b\n{body}"), "it names no judge"),
            (format!("path: a\njudge: test a: b\n{body}"), "it does not say why it is feared"),
            (format!("why: b\njudge: test a: b\n{body}"), "it names no path"),
            (HEAD.to_owned(), "it has no line ---"),
            (format!("{HEAD}---\na\n"), "it has no line +++"),
            (format!("{HEAD}---\na\n+++\na\n"), "it changes nothing"),
            (format!("{HEAD}---\n+++\na\n"), "it changes nothing"),
        ];
        for (text, expected) in cases {
            assert_eq!(parsed(&text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn the_invariants_are_read_from_their_declaration() {
        assert_eq!(invariants(SOURCE), ["PaidTwice", "NoTimer"]);
        assert_eq!(invariants("others! {\n    A = \"a\",\n}\n"), [] as [&str; 0]);
    }
}
