//! Shows stored documents in the tests of their forms: long ones are broken into lines, and repeated values are
//! left out. Every byte of a document is shown, or is the same in the first document.

/// A document that is longer is broken into lines, one per member or item.
const WIDTH: usize = 160;
/// Replaces a value that is the same in the first document.
const REPEATED: &str = "…";

/// Shows documents of one kind: the first completely, and of the others the values that differ from the
/// first.
pub(super) fn shown(documents: &[String]) -> String {
    let Some((first, others)) = documents.split_first() else { return String::new() };
    let others = others.iter().map(|other| laid_out(&without_repeated(other, first)));
    [laid_out(first)].into_iter().chain(others).map(|document| document + "\n").collect()
}

/// An object without the values that `other` has under the same names.
fn without_repeated(object: &str, other: &str) -> String {
    let repeated = parts(other);
    let members = parts(object).into_iter().map(|member| match value_of(member) {
        Some((name, _)) if repeated.contains(&member) => format!("{name}{REPEATED}"),
        Some(_) | None => member.to_owned(),
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// JSON with line breaks and indentation, and nothing else, added.
fn laid_out(json: &str) -> String {
    let mut text = String::new();
    lay_out(json, 0, &mut text);
    text
}

fn lay_out(json: &str, indent: usize, text: &mut String) {
    let (name, value) = value_of(json).unwrap_or(("", json));
    text.push_str(name);
    let (Some(open), Some(close)) = (value.chars().next(), value.chars().last()) else { return };
    if indent + json.chars().count() <= WIDTH || !matches!(open, '{' | '[') {
        return text.push_str(value);
    }
    let new_line = |text: &mut String, indent| text.extend(["\n", &" ".repeat(indent)]);
    text.push(open);
    let mut was_repeated = false;
    for (place, part) in parts(value).into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        // Consecutive repeated values share a line.
        let is_repeated = part.ends_with(REPEATED);
        if !(is_repeated && was_repeated) {
            new_line(text, indent + 2);
        }
        lay_out(part, indent + 2, text);
        was_repeated = is_repeated;
    }
    new_line(text, indent);
    text.push(close);
}

/// The name of a member, with its colon, and its value.
fn value_of(member: &str) -> Option<(&str, &str)> {
    if !member.starts_with('"') {
        return None;
    }
    let colon = outside_strings(member).find(|(_, sign)| *sign == ':')?.0;
    Some(member.split_at(colon + 1))
}

/// The members of an object, or the items of an array.
fn parts(json: &str) -> Vec<&str> {
    let inside = &json[1..json.len() - 1];
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (place, sign) in outside_strings(inside) {
        match sign {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inside[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.extend(Some(&inside[start..]).filter(|part| !part.is_empty()));
    parts
}

/// The characters of JSON outside its strings, with their places.
fn outside_strings(json: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut is_inside, mut is_escaped) = (false, false);
    json.char_indices().filter(move |(_, sign)| {
        let was_inside = is_inside;
        if !is_escaped && *sign == '"' {
            is_inside = !is_inside;
        }
        is_escaped = is_inside && !is_escaped && *sign == '\\';
        !was_inside
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_document_is_broken_at_its_members_and_keeps_every_byte() {
        let long = "x".repeat(WIDTH - 10);
        let json = format!(r#"{{"a":{{"b, \"{{":[1,2],"c":"{long}"}},"d":[{{}},[],null]}}"#);
        let expected = format!(
            "{{\n  \"a\":{{\n    \"b, \\\"{{\":[1,2],\n    \"c\":\"{long}\"\n  }},\n  \
             \"d\":[{{}},[],null]\n}}"
        );
        assert_eq!(laid_out(&json), expected);
        assert_eq!(expected.lines().map(str::trim_start).collect::<String>(), json);
        assert_eq!(laid_out("{}"), "{}");
        let repeated = format!(r#"{{"a":{REPEATED},"b":{REPEATED},"c":"{long}"}}"#);
        let expected = format!("{{\n  \"a\":{REPEATED},\"b\":{REPEATED},\n  \"c\":\"{long}\"\n}}");
        assert_eq!(laid_out(&repeated), expected);
    }

    #[test]
    fn a_value_is_left_out_only_where_the_first_document_has_it_under_the_same_name() {
        let documents = [
            r#"{"id":1,"state":{"Open":[1,2]},"at":5}"#,
            r#"{"id":2,"state":{"Open":[1,2]},"at":5}"#,
            r#"{"state":{"Open":[1,3]},"at":1,"then":5}"#,
        ];
        let expected = format!(
            "{}\n{}\n{}\n",
            documents[0], r#"{"id":2,"state":…,"at":…}"#, r#"{"state":{"Open":[1,3]},"at":1,"then":5}"#
        );
        assert_eq!(shown(&documents.map(str::to_owned)), expected);
    }
}
