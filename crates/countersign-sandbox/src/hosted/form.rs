//! Bodies of plain HTML forms: `name=value` pairs, as browsers encode them.

use std::str;

/// More fields than any of our forms has.
const MAX_FIELDS: usize = 64;

/// A form's fields, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body; `None` if no form can have sent it.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let body = str::from_utf8(body).ok()?;
        let fields = body.split('&').filter(|field| !field.is_empty());
        let fields = fields.map(|field| {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            Some((decoded(name)?, decoded(value)?))
        });
        let fields: Vec<_> = fields.take(MAX_FIELDS + 1).collect::<Option<_>>()?;
        (fields.len() <= MAX_FIELDS).then_some(Self(fields))
    }

    /// The field of this name: the first, if there are several.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (char::from(rest.next()?), char::from(rest.next()?));
                let value = high.to_digit(16)?.checked_mul(16)?.checked_add(low.to_digit(16)?)?;
                u8::try_from(value).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let form = Form::read("name=Zo%C3%AB+M%26M&empty=&flag&name=later".as_bytes()).unwrap();
        assert_eq!(form.field("name"), Some("Zoë M&M"));
        assert_eq!((form.field("empty"), form.field("flag"), form.field("none")), (Some(""), Some(""), None));
        assert_eq!(Form::read(b""), Some(Form::default()));
        for broken in ["a=%", "a=%4", "a=%zz", "a=%FF", "%C3=a"] {
            assert_eq!(Form::read(broken.as_bytes()), None, "{broken}");
        }
        assert_eq!(Form::read(&[0xff]), None);
        assert!(Form::read("a=1&".repeat(64).as_bytes()).is_some());
        assert!(Form::read("a=1&".repeat(65).as_bytes()).is_none());
    }
}
