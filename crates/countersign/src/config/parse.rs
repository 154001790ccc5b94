//! Parses the texts of values. A refusal says what the text must be, as the rest of a sentence that begins with its
//! key.

use std::path::PathBuf;
use std::time::Duration;

use countersign_client::Endpoint;
use countersign_domain::ids::{Environment, MerchantId, PublicKeyId, Region, StoreId};
use countersign_merchant::settings::{
    AbsentReference, AddressMember, AddressMembers, AfterGuarantee, CapturePolicy, Integration, Origin,
    RefundCeiling,
};
use countersign_protocol::signing::Algorithm;

use super::values::ReadResult;

/// Where checkouts are stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StorePlace {
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
    /// `memory`: lost when the process ends.
    Memory,
}

pub(super) fn text(text: &str) -> ReadResult<String> {
    if text.trim().is_empty() { Err("must not be empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// A text that people read.
pub(super) fn printable(words: &str) -> ReadResult<String> {
    let words = text(words)?;
    if words.chars().any(char::is_control) { Err("must be printable".to_owned()) } else { Ok(words) }
}

pub(super) fn path(words: &str) -> ReadResult<PathBuf> {
    text(words).map(PathBuf::from)
}

pub(super) fn listen(text: &str) -> ReadResult<String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match port.and_then(|(_, port)| port.parse::<u16>().ok()) {
        Some(_) => Ok(text.to_owned()),
        None => Err("must be an address with its port, such as 127.0.0.1:8080".to_owned()),
    }
}

pub(super) fn public_url(text: &str) -> ReadResult<String> {
    let refused = || "must be a URL such as https://shop.example or http://127.0.0.1:8080/pay".to_owned();
    let url: http::Uri = text.parse().map_err(|_| refused())?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https"));
    let has_user = url.authority().is_none_or(|authority| authority.as_str().contains('@'));
    if is_web && !has_user && url.query().is_none() && !text.contains('#') {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(refused())
    }
}

pub(super) fn capture_policy(text: &str) -> ReadResult<CapturePolicy> {
    let policy = CapturePolicy::parse(text);
    policy.ok_or_else(|| "must be manual, before-guarantee-ends or before-expiry".to_owned())
}

pub(super) fn absent_reference(text: &str) -> ReadResult<AbsentReference> {
    AbsentReference::parse(text).ok_or_else(|| "must be false or true".to_owned())
}

pub(super) fn integration(text: &str) -> ReadResult<Integration> {
    Integration::parse(text).ok_or_else(|| "must be false or true".to_owned())
}

pub(super) fn refund_ceiling(text: &str) -> ReadResult<RefundCeiling> {
    let ceiling = RefundCeiling::parse(text);
    ceiling.ok_or_else(|| "must be captured or amazon".to_owned())
}

pub(super) fn after_guarantee(text: &str) -> ReadResult<AfterGuarantee> {
    AfterGuarantee::parse(text).ok_or_else(|| "must be no or yes".to_owned())
}

pub(super) fn address_members(text: &str) -> ReadResult<AddressMembers> {
    let known = || AddressMember::ALL.iter().map(|member| member.as_str()).collect::<Vec<_>>().join(", ");
    let member = |word: &str| {
        let why = || format!("must be members of an address, with commas between them: {}", known());
        AddressMember::parse(word).ok_or_else(why)
    };
    let members = list(text, member)?;
    let is_twice =
        |(place, member): (usize, &AddressMember)| members.iter().take(place).any(|it| it == member);
    if members.iter().enumerate().any(is_twice) {
        return Err("must name each member once".to_owned());
    }
    Ok(AddressMembers::of(&members))
}

/// Texts with commas between them.
pub(super) fn list<T>(text: &str, read: impl Fn(&str) -> ReadResult<T>) -> ReadResult<Vec<T>> {
    text.split(',').map(|part| read(part.trim())).collect()
}

pub(super) fn origin(text: &str) -> ReadResult<String> {
    let refused = || "must be origins such as http://127.0.0.1:8100, with commas between them".to_owned();
    let endpoint = Endpoint::parse(text).map_err(|_| refused())?;
    let origin = text.trim_end_matches('/');
    if origin.ends_with(endpoint.authority()) { Ok(origin.to_owned()) } else { Err(refused()) }
}

pub(super) fn topic_arn(text: &str) -> ReadResult<String> {
    let parts: Vec<&str> = text.split(':').collect();
    let is_topic = matches!(
        parts.as_slice(),
        ["arn", partition, "sns", region, account, name]
            if [partition, region, account, name].iter().all(|part| !part.is_empty())
    );
    if is_topic && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("must be topics such as arn:aws:sns:us-east-1:123456789012:pay, with commas between them"
            .to_owned())
    }
}

pub(super) fn webhook_url(text: &str) -> ReadResult<http::Uri> {
    let refused = || "must be a URL such as https://shop.example/countersign".to_owned();
    let url: http::Uri = text.parse().map_err(|_| refused())?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https"));
    // Our clients do not send a URL's user name and password, so a token belongs in the query.
    let has_user = url.authority().is_none_or(|authority| authority.as_str().contains('@'));
    if is_web && !has_user && !text.contains('#') { Ok(url) } else { Err(refused()) }
}

/// Reads the URL of the quote hook. Buyers' addresses are sent to it, so it must use TLS or be on
/// this machine.
pub(super) fn quote_url(text: &str) -> ReadResult<http::Uri> {
    let refused = "must be a URL such as https://shop.example/quote, or http on this machine only";
    let url = webhook_url(text).map_err(|_| refused.to_owned())?;
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_local = host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if url.scheme() == Some(&http::uri::Scheme::HTTPS) || is_local {
        Ok(url)
    } else {
        Err(refused.to_owned())
    }
}

pub(super) fn shop_url(text: &str) -> ReadResult<String> {
    let is_plain = !text.chars().any(|it| it.is_control() || it.is_whitespace() || it == '\\');
    match Origin::from_url(text) {
        Some(_) if is_plain => Ok(text.to_owned()),
        _ => Err("must be a URL such as https://shop.example".to_owned()),
    }
}

pub(super) fn page_origin(text: &str) -> ReadResult<Origin> {
    let refused = || "must be origins such as https://m.shop.example, with commas between them".to_owned();
    // A path is refused: it would look like a restriction, but only origins are compared.
    let has_no_path =
        text.trim_end_matches('/').split("://").nth(1).is_some_and(|rest| !rest.contains(['/', '?', '#']));
    Origin::from_url(text).filter(|_| has_no_path).ok_or_else(refused)
}

pub(super) fn store(text: &str) -> ReadResult<StorePlace> {
    match text.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(StorePlace::Sqlite(PathBuf::from(path))),
        None if text == "memory" => Ok(StorePlace::Memory),
        _ => Err("must be sqlite:PATH, or memory for a trial".to_owned()),
    }
}

pub(super) fn region(text: &str) -> ReadResult<Region> {
    // The client's own spellings, such as `us`, are not the names that the documents use.
    let region = Region::parse(text).filter(|region| region.code() == text);
    region.ok_or_else(|| "must be na, eu or jp".to_owned())
}

/// What the ids of Amazon's have in common.
const IDS: &str = "1 to 128 letters, digits and - _ . ~";

pub(super) fn merchant_id(text: &str) -> ReadResult<MerchantId> {
    MerchantId::parse(text).map_err(|_| format!("must be the id of the merchant account: {IDS}"))
}

pub(super) fn public_key_id(text: &str) -> ReadResult<PublicKeyId> {
    PublicKeyId::parse(text).map_err(|_| format!("must be the id of the public key: {IDS}"))
}

pub(super) fn endpoint(text: &str) -> ReadResult<Endpoint> {
    Endpoint::parse(text).map_err(|refused| refused.to_string().replacen("it is not", "must be", 1))
}

/// What every store id begins with.
const STORE_ID_PREFIX: &str = "amzn1.application-oa2-client.";

/// Reads a store id. The sandbox and any other endpoint of the developer's own take every id.
pub(super) fn store_id(text: &str, endpoint: Option<&Endpoint>) -> ReadResult<StoreId> {
    let why = format!(
        "must be the store id (client id) from Integration Central, {STORE_ID_PREFIX} and what follows"
    );
    let id = StoreId::parse(text).map_err(|_| why.clone())?;
    let is_amazons = id.as_str().strip_prefix(STORE_ID_PREFIX).is_some_and(|rest| !rest.is_empty());
    match endpoint {
        _ if is_amazons => Ok(id),
        None => Err(why),
        Some(_) => {
            tracing::warn!("amazon.store_id {why}; {id} is accepted only because amazon.endpoint is set");
            Ok(id)
        }
    }
}

pub(super) fn environment(text: &str) -> ReadResult<Environment> {
    match text {
        "sandbox" => Ok(Environment::Sandbox),
        "live" => Ok(Environment::Live),
        _ => Err("must be sandbox or live".to_owned()),
    }
}

pub(super) fn algorithm(text: &str) -> ReadResult<Algorithm> {
    let [first, second] = Algorithm::ALL;
    Algorithm::parse(text).ok_or_else(|| format!("must be {first} or {second}"))
}

pub(super) fn duration(text: &str) -> ReadResult<Duration> {
    let refused = || "must be a time of at most a day, such as 90s, 15m or PT15M".to_owned();
    let duration: jiff::SignedDuration = text.parse().map_err(|_| refused())?;
    let duration = Duration::try_from(duration).map_err(|_| refused())?;
    if duration > countersign_domain::time::DAY { Err(refused()) } else { Ok(duration) }
}

pub(super) fn resend_window(text: &str) -> ReadResult<Duration> {
    let window = duration(text)?;
    if window.is_zero() { Err("must be more than zero, or nothing is sent".to_owned()) } else { Ok(window) }
}

pub(super) fn finalize_deadline(text: &str) -> ReadResult<Duration> {
    let least = countersign_client::Deadlines::LEAST_FOR_PAYMENT;
    let duration = duration(text)?;
    if duration < least {
        return Err(format!(
            "must be at least {}s: Amazon asks the buyer's bank, and a call given up earlier leaves paid orders \
             in doubt",
            least.as_secs()
        ));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_kept_without_its_last_slash() {
        assert_eq!(public_url("https://shop.example/pay/").unwrap(), "https://shop.example/pay");
        for refused in
            ["shop.example", "ftp://shop.example", "https://shop.example/?a", "https://shop.example/#a"]
        {
            assert!(public_url(refused).is_err(), "{refused}");
        }
    }
}
