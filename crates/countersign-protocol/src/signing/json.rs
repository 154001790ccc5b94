//! Other JSON texts for the same values, as other serializers write them. They are only for
//! explaining a signature: nothing is parsed, and nothing that is sent or stored passes through
//! here.

/// The length of the string at the beginning, including its quotes.
fn string_len(json: &str) -> usize {
    let mut escaped = false;
    for (position, character) in json.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return position.saturating_add(1),
            _ => {}
        }
    }
    json.len()
}

fn rewritten(json: &str, blanks: Blanks, text: impl Fn(&str) -> String) -> String {
    let mut written = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(first) = rest.chars().next() {
        let len = if first == '"' { string_len(rest) } else { first.len_utf8() };
        let (piece, behind) = rest.split_at_checked(len).unwrap_or((rest, ""));
        rest = behind;
        match blanks {
            _ if first == '"' => written.push_str(&text(piece)),
            Blanks::None | Blanks::BehindCommaAndColon if first.is_ascii_whitespace() => {}
            Blanks::BehindCommaAndColon if matches!(first, ',' | ':') => written.extend([first, ' ']),
            Blanks::AsTheyAre | Blanks::None | Blanks::BehindCommaAndColon => written.push(first),
        }
    }
    written
}

#[derive(Clone, Copy)]
enum Blanks {
    AsTheyAre,
    None,
    BehindCommaAndColon,
}

/// The texts: with and without spaces, with slashes and non-ASCII letters escaped or not.
pub(super) fn other_texts(json: &str) -> Vec<String> {
    let same = str::to_owned;
    let slashes_escaped = |text: &str| text.replace("\\/", "/").replace('/', "\\/");
    let slashes_plain = |text: &str| text.replace("\\/", "/");
    let ascii = |text: &str| escape_non_ascii(text);
    let ascii_and_slashes = |text: &str| escape_non_ascii(&slashes_escaped(text));
    let plain = |text: &str| unescape_non_ascii(&slashes_plain(text));
    vec![
        rewritten(json, Blanks::None, same),
        rewritten(json, Blanks::BehindCommaAndColon, same),
        rewritten(json, Blanks::AsTheyAre, slashes_escaped),
        rewritten(json, Blanks::AsTheyAre, slashes_plain),
        rewritten(json, Blanks::AsTheyAre, ascii),
        rewritten(json, Blanks::AsTheyAre, ascii_and_slashes),
        rewritten(json, Blanks::AsTheyAre, plain),
        rewritten(json, Blanks::BehindCommaAndColon, ascii),
        rewritten(json, Blanks::None, plain),
    ]
}

fn escape_non_ascii(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

fn unescape_non_ascii(text: &str) -> String {
    let mut parts = text.split("\\u");
    let mut units: Vec<u16> = parts.next().unwrap_or_default().encode_utf16().collect();
    for part in parts {
        let unit = part.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        match (unit.filter(|unit| *unit > 0x7f), part.get(4..)) {
            (Some(unit), Some(rest)) => {
                units.push(unit);
                units.extend(rest.encode_utf16());
            }
            _ => units.extend("\\u".encode_utf16().chain(part.encode_utf16())),
        }
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_written_as_the_serializers_do() {
        let compact = r#"{"a":"x/y: ,\"é","n":1.50}"#;
        let texts = other_texts(compact);
        for expected in [
            r#"{"a": "x/y: ,\"é", "n": 1.50}"#,
            r#"{"a":"x\/y: ,\"é","n":1.50}"#,
            r#"{"a":"x/y: ,\"\u00e9","n":1.50}"#,
            r#"{"a":"x\/y: ,\"\u00e9","n":1.50}"#,
        ] {
            assert!(texts.iter().any(|text| text == expected), "{expected}");
            assert!(other_texts(expected).iter().any(|text| text == compact), "{expected}");
        }
    }

    #[test]
    fn text_that_is_no_json_is_taken_as_it_comes() {
        for text in ["", "\"", "\"\\", "é\"é\\", "\\u12", "\"\\ud800\"", "\"\\u00e"] {
            assert_eq!(other_texts(text).len(), 9, "{text}");
        }
    }
}
