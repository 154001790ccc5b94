//! The other spellings of the same request that official and third-party SDKs sign: of its path,
//! its query and its list of headers. Each is computed from the request as it was sent, so only the
//! spelling may differ.

use std::borrow::Cow;

use super::encoding::{kept_by_javascript, percent_decode, percent_encode, unreserved};

/// Every form of the path that an SDK may have signed: as sent; with each segment decoded and encoded once (Java);
/// and with each segment encoded once more (.NET). The last two also merge repeated slashes. Equal forms are listed
/// once.
pub(super) fn paths(path: &str) -> Vec<Cow<'_, [u8]>> {
    let mut paths = vec![Cow::Borrowed(path.as_bytes())];
    for spelling in [respell_path(path, |segment| percent_decode(segment)), respell_path(path, Cow::Borrowed)]
    {
        add(&mut paths, Cow::Owned(spelling));
    }
    paths
}

/// Every form of the query that an SDK may have signed: as sent; sorted and encoded under RFC 3986 (PHP, Java,
/// .NET); and sorted, with unchanged names and with values as `encodeURIComponent` writes them (Node). Equal forms
/// are listed once.
pub(super) fn queries(query: &str) -> Vec<Cow<'_, [u8]>> {
    let mut queries = vec![Cow::Borrowed(query.as_bytes())];
    add(&mut queries, Cow::Owned(sorted_query(query)));
    let javascript = respell_query(query, |name| name.to_vec(), kept_by_javascript);
    add(&mut queries, Cow::Owned(javascript));
    queries
}

/// The query in the form that Amazon's pages require: encoded under RFC 3986, sorted by name and then by
/// value.
pub(super) fn sorted_query(query: &str) -> Vec<u8> {
    respell_query(query, |name| percent_encode(name, unreserved), unreserved)
}

/// The names of the signed headers in lower case, sorted, each once.
pub(super) fn sorted_names(names: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn add<'a>(spellings: &mut Vec<Cow<'a, [u8]>>, spelling: Cow<'a, [u8]>) {
    if !spellings.contains(&spelling) {
        spellings.push(spelling);
    }
}

fn respell_path<'a>(path: &'a str, prepare: impl Fn(&'a [u8]) -> Cow<'a, [u8]>) -> Vec<u8> {
    let mut respelled = Vec::with_capacity(path.len());
    for segment in path.as_bytes().split(|byte| *byte == b'/') {
        if segment.is_empty() {
            continue;
        }
        respelled.push(b'/');
        respelled.extend(percent_encode(&prepare(segment), unreserved));
    }
    if path.ends_with('/') {
        respelled.push(b'/');
    }
    respelled
}

fn respell_query(query: &str, respell_name: impl Fn(&[u8]) -> Vec<u8>, kept: fn(u8) -> bool) -> Vec<u8> {
    let mut pairs: Vec<(Cow<'_, [u8]>, Vec<u8>)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_encode(&percent_decode(value.as_bytes()), kept);
            (percent_decode(name.as_bytes()), value)
        })
        .collect();
    pairs.sort_unstable();
    let mut respelled = Vec::with_capacity(query.len());
    for (name, value) in pairs {
        if !respelled.is_empty() {
            respelled.push(b'&');
        }
        respelled.extend(respell_name(&name));
        respelled.push(b'=');
        respelled.extend(value);
    }
    respelled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(spellings: Vec<Cow<'_, [u8]>>) -> Vec<String> {
        spellings.iter().map(|spelling| String::from_utf8_lossy(spelling).into_owned()).collect()
    }

    #[test]
    fn an_ordinary_request_has_one_spelling() {
        assert_eq!(paths("/v2/charges/S01-5105180-3221187-C056351").len(), 1);
        assert_eq!(paths("/v2/refunds/x/").len(), 1);
        assert_eq!(queries("").len(), 1);
        assert_eq!(queries("pageSize=10&reportTypes=a%20b").len(), 1);
    }

    #[test]
    fn paths_are_spelled_as_the_sdks_do() {
        for (path, expected) in [
            ("/v2/buyers/a%7Cb", &["/v2/buyers/a%7Cb", "/v2/buyers/a%257Cb"][..]),
            ("/v2/buyers/a|b", &["/v2/buyers/a|b", "/v2/buyers/a%7Cb"]),
            ("//v2//charges/", &["//v2//charges/", "/v2/charges/"]),
            ("/a%7e", &["/a%7e", "/a~", "/a%257e"]),
            ("/%", &["/%", "/%25"]),
            ("/", &["/"]),
        ] {
            assert_eq!(texts(paths(path)), expected, "{path}");
        }
    }

    #[test]
    fn queries_are_spelled_as_the_sdks_do() {
        for (query, expected) in [
            (
                "reportTypes=B,C&reportTypes=A",
                &["reportTypes=B,C&reportTypes=A", "reportTypes=A&reportTypes=B%2CC"][..],
            ),
            ("a=it%27s!", &["a=it%27s!", "a=it%27s%21", "a=it's!"]),
            ("A.2=x&A.10=x&a=x&A.1=x", &["A.2=x&A.10=x&a=x&A.1=x", "A.1=x&A.10=x&A.2=x&a=x"]),
            ("q=a+b~", &["q=a+b~", "q=a%2Bb~"]),
            ("q", &["q", "q="]),
        ] {
            assert_eq!(texts(queries(query)), expected, "{query}");
        }
    }
}
