//! A key of the configuration: its name, its help, and what applies if it has no value.

/// One key of the configuration.
pub(super) struct Key {
    /// `section.key`, or `key` outside of sections.
    pub(super) path: &'static str,
    /// The placeholder for the value in the help, such as `FILE`.
    pub(super) value_name: &'static str,
    /// The possible values, for the page. Words that are written literally are in backticks.
    pub(super) takes: &'static str,
    /// What the key decides, for the help and the page. Words that are written literally are in
    /// backticks.
    pub(super) about: &'static str,
    pub(super) absent: WhenAbsent,
    /// Whether the file has a table for each row.
    pub(super) is_rows: bool,
}

/// What applies if a key is not given.
#[derive(Clone, Copy)]
pub(super) enum WhenAbsent {
    /// The key must be given.
    Refused,
    /// The code that reads the key decides what applies; this text describes it.
    Described(&'static str),
    /// The same as if this text were given.
    Default(fn() -> String),
}

impl Key {
    pub(super) const fn or(self, default: fn() -> String) -> Self {
        Self { absent: WhenAbsent::Default(default), ..self }
    }

    pub(super) const fn or_else(self, what: &'static str) -> Self {
        Self { absent: WhenAbsent::Described(what), ..self }
    }

    /// The help of the key's flag.
    pub(super) fn help(&self) -> String {
        let plain = |text: &str| text.replace('`', "");
        let mut help = plain(self.about);
        if self.takes.contains('`') {
            help = format!("{help} [value: {}]", plain(self.takes));
        }
        match self.absent {
            WhenAbsent::Refused => format!("{help} [required]"),
            WhenAbsent::Described(what) => format!("{help} [default: {}]", plain(what)),
            WhenAbsent::Default(default) => format!("{help} [default: {}]", default()),
        }
    }

    /// The text that applies if the key is not given, if it has one.
    pub(super) fn default(&self) -> Option<String> {
        match self.absent {
            WhenAbsent::Default(default) => Some(default()),
            WhenAbsent::Refused | WhenAbsent::Described(_) => None,
        }
    }

    /// The name of the key's flag, without the dashes.
    pub(super) fn flag(&self) -> String {
        self.path.replace(['.', '_'], "-")
    }

    /// The name of the key's environment variable.
    pub(super) fn variable(&self) -> String {
        format!("COUNTERSIGN_{}", self.path.replace('.', "_").to_ascii_uppercase())
    }
}

/// A key that must be given.
pub(super) const fn key(
    path: &'static str,
    value_name: &'static str,
    takes: &'static str,
    about: &'static str,
) -> Key {
    Key { path, value_name, takes, about, absent: WhenAbsent::Refused, is_rows: false }
}

/// A key with several rows: tables of the file, or one TOML array.
pub(super) const fn rows(path: &'static str, about: &'static str) -> Key {
    Key { is_rows: true, ..key(path, "ROWS", "tables", about) }
}
