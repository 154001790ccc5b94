//! Reads the bodies that the shop sends, as strictly as Amazon reads a merchant's.

use std::time::Duration;

use countersign_domain::ids::{ChargeId, CheckoutId, CheckoutSessionId};
use countersign_domain::merchant::attempt::GivenAddresses;
use countersign_domain::merchant::checkout::standing::Standing;
use countersign_domain::merchant::checkout::terms::Terms;
use countersign_domain::merchant::checkout::verdict::Verdict;
use countersign_domain::merchant::rules::MAX_AGE;
use countersign_domain::terms::{MerchantMetadata, PaymentIntent, ProductType};
use countersign_protocol::object;
use countersign_protocol::wire::{
    Address, MAX_SUPPLEMENTARY_DATA_LEN, MerchantMetadata as WireMetadata, Price, Spellings, Word, Words,
    read_request,
};

use super::errors::RequestRefused;
use super::query::parameters;
use super::terms_version::TermsVersion;
use crate::book::lookup::{Cursor, Listed, TIMELINE};
use crate::book::outbox::{self, PAGE};
use crate::book::register::Order;
use crate::settings::is_country_code;

/// The longest order id and the longest URL, in characters.
const MAX_ORDER_ID_LEN: usize = 128;
const MAX_URL_LEN: usize = 2_048;
/// The longest id of a cart, in characters.
const MAX_CART_ID_LEN: usize = 128;

/// The languages that Amazon's button supports.
const LANGUAGES: [&str; 7] = ["en_US", "en_GB", "de_DE", "fr_FR", "it_IT", "es_ES", "ja_JP"];

object! {
    struct TermsDetails {
        payment_intent: Word<PaymentIntent> = "paymentIntent",
        can_handle_pending_authorization: bool = "canHandlePendingAuthorization",
        charge_amount: Price = "chargeAmount",
        total_order_amount: Price = "totalOrderAmount",
    }
}

object! {
    struct RegisterOrder {
        order_id: String = "orderId" [..=MAX_ORDER_ID_LEN],
        product_type: Word<ProductType> = "productType",
        payment_details: TermsDetails = "paymentDetails",
        supplementary_data: String = "supplementaryData" [..=MAX_SUPPLEMENTARY_DATA_LEN],
        merchant_metadata: WireMetadata = "merchantMetadata",
        shipping_address: Address = "shippingAddress",
        checkout_language: String = "checkoutLanguage" [..=16],
        start_of_checkout_url: String = "startOfCheckoutUrl" [..=MAX_URL_LEN],
        success_url: String = "successUrl" [..=MAX_URL_LEN],
        cart_id: String = "cartId" [..=MAX_CART_ID_LEN],
        supersedes: CheckoutId = "supersedes",
    }
}

object! {
    struct ChangeTerms {
        terms_version: TermsVersion = "termsVersion",
        product_type: Word<ProductType> = "productType",
        payment_details: TermsDetails = "paymentDetails",
        supplementary_data: String = "supplementaryData" [..=MAX_SUPPLEMENTARY_DATA_LEN],
        merchant_metadata: WireMetadata = "merchantMetadata",
        shipping_address: Address = "shippingAddress",
    }
}

object! {
    /// The body of a completion, from the shop or from the buyer's page.
    pub(super) struct CompleteCheckout {
        amazon_checkout_session_id: CheckoutSessionId = "amazonCheckoutSessionId",
        shipping_address: Address = "shippingAddress",
        billing_address: Address = "billingAddress",
    }
}

/// `POST /v1/checkouts`.
pub(super) fn order(body: &[u8]) -> Result<Order, RequestRefused> {
    let request: RegisterOrder = read_request(body, Spellings::Documented)?;
    let order_id = request.order_id.ok_or(RequestRefused::missing("orderId"))?;
    printable("orderId", &order_id)?;
    if let Some(cart_id) = &request.cart_id {
        printable("cartId", cart_id)?;
    }
    let checkout_language = request.checkout_language;
    if checkout_language.as_deref().is_some_and(|language| !LANGUAGES.contains(&language)) {
        let why = "must be one of en_US, en_GB, de_DE, fr_FR, it_IT, es_ES, ja_JP";
        return Err(RequestRefused::invalid("checkoutLanguage", why));
    }
    let start_of_checkout_url =
        request.start_of_checkout_url.ok_or(RequestRefused::missing("startOfCheckoutUrl"))?;
    web_address("startOfCheckoutUrl", &start_of_checkout_url)?;
    if let Some(url) = &request.success_url {
        web_address("successUrl", url)?;
    }
    let terms = terms_of(ChangeTerms {
        product_type: request.product_type,
        payment_details: request.payment_details,
        supplementary_data: request.supplementary_data,
        merchant_metadata: request.merchant_metadata,
        shipping_address: request.shipping_address,
        ..ChangeTerms::default()
    })?;
    Ok(Order {
        order_id,
        terms,
        start_of_checkout_url,
        success_url: request.success_url,
        checkout_language,
        cart_id: request.cart_id,
        supersedes: request.supersedes,
    })
}

/// `PUT /v1/checkouts/{checkoutId}/terms`.
pub(super) fn terms(body: &[u8]) -> Result<(u32, Terms), RequestRefused> {
    let request: ChangeTerms = read_request(body, Spellings::Documented)?;
    let TermsVersion(version) = request.terms_version.ok_or(RequestRefused::missing("termsVersion"))?;
    Ok((version, terms_of(request)?))
}

/// `POST /v1/checkouts/{checkoutId}/complete`.
pub(super) fn completion(body: &[u8]) -> Result<(CheckoutSessionId, GivenAddresses), RequestRefused> {
    given(read_request(body, Spellings::Documented)?)
}

/// The session of a completion, and the addresses that its caller gave.
pub(super) fn given(
    request: CompleteCheckout,
) -> Result<(CheckoutSessionId, GivenAddresses), RequestRefused> {
    let session =
        request.amazon_checkout_session_id.ok_or(RequestRefused::missing("amazonCheckoutSessionId"))?;
    if !session.can_be_amazons() {
        let why = "must be the id of a Checkout Session, a UUID in lower case";
        return Err(RequestRefused::invalid("amazonCheckoutSessionId", why));
    }
    let given = GivenAddresses {
        shipping: request.shipping_address.map(Into::into),
        billing: request.billing_address.map(Into::into),
    };
    Ok((session, given))
}

/// The terms, from either request.
fn terms_of(request: ChangeTerms) -> Result<Terms, RequestRefused> {
    fn known<T: Words>(word: Option<Word<T>>, member: &'static str) -> Result<T, RequestRefused> {
        word.as_ref().and_then(Word::known).ok_or(RequestRefused::missing(member))
    }
    let payment = request.payment_details.ok_or(RequestRefused::missing("paymentDetails"))?;
    let country_code = request.shipping_address.as_ref().and_then(|address| address.country_code.as_deref());
    if country_code.is_some_and(|code| !code.trim().is_empty() && !is_country_code(code)) {
        let why = "must be the ISO 3166 code of a country in two letters, such as DE";
        return Err(RequestRefused::invalid("shippingAddress.countryCode", why));
    }
    Ok(Terms {
        product_type: known(request.product_type, "productType")?,
        payment_intent: known(payment.payment_intent, "paymentDetails.paymentIntent")?,
        can_handle_pending_authorization: payment.can_handle_pending_authorization.unwrap_or(false),
        charge_amount: payment
            .charge_amount
            .ok_or(RequestRefused::missing("paymentDetails.chargeAmount"))?
            .money,
        total_order_amount: payment.total_order_amount.map(|price| price.money),
        supplementary_data: request.supplementary_data,
        merchant_metadata: request.merchant_metadata.map(MerchantMetadata::from).unwrap_or_default(),
        shipping_address: request.shipping_address.map(Into::into),
        quoted_address: None,
    })
}

/// Refuses a text that is empty or has control characters.
pub(super) fn printable(field: &'static str, text: &str) -> Result<(), RequestRefused> {
    if text.is_empty() {
        return Err(RequestRefused::invalid(field, "must not be empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(RequestRefused::invalid(field, "must be printable: it has a control character"));
    }
    Ok(())
}

/// Requires an absolute http or https URL, because a buyer's browser is sent there. Refuses what a browser
/// drops or reads differently: white space, control characters, backslashes, and a user name before the host.
fn web_address(field: &'static str, text: &str) -> Result<(), RequestRefused> {
    let is_plain = !text.chars().any(|it| it.is_control() || it.is_whitespace() || it == '\\');
    let uri: Result<http::Uri, _> = text.parse();
    let is_web = uri.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
    });
    if is_plain && is_web {
        Ok(())
    } else {
        Err(RequestRefused::invalid(field, "must be an absolute http or https URL"))
    }
}

/// The query of a list.
pub(super) struct ListQuery {
    pub(super) order_id: Option<String>,
    pub(super) listed: Listed,
    pub(super) after: Option<Cursor>,
}

/// The parameters of a list.
const LIST: &[&str] = &["orderId", "state", "standing", "needsPerson", "after"];

/// `?orderId=&state=&standing=&needsPerson=&after=`.
pub(super) fn list_query(query: &str) -> Result<ListQuery, RequestRefused> {
    let mut parsed = ListQuery { order_id: None, listed: Listed::All, after: None };
    let mut list = |field, listed| match core::mem::replace(&mut parsed.listed, listed) {
        Listed::All => Ok(()),
        Listed::State(_) | Listed::Standing(_) | Listed::NeedsPerson => Err(RequestRefused::invalid(
            field,
            "cannot be combined with another of state, standing and needsPerson",
        )),
    };
    let (mut order_id, mut after) = (None, None);
    for (name, value) in parameters(query, LIST)? {
        match name {
            "orderId" => order_id = Some(value),
            "after" => {
                let cursor = value.split_once(':').map(|(value, id)| (value.to_owned(), id.to_owned()));
                after = Some(cursor.ok_or(RequestRefused::invalid("after", NO_CURSOR))?);
            }
            // It is no verdict, but the one that an operator asks for: nobody can tell whether it was paid.
            "state" if value == Standing::Unresolved.word() => {
                list("state", Listed::Standing(Standing::Unresolved.word()))?;
            }
            "state" => {
                let why = "must be one of registered, checking, pending, paid, authorized, confirmed, \
                           notPaid, canceled, unresolved";
                list("state", Listed::State(state_of(&value).ok_or(RequestRefused::invalid("state", why))?))?;
            }
            "standing" => {
                let word = Standing::WORDS.into_iter().find(|word| *word == value);
                list("standing", Listed::Standing(word.ok_or_else(RequestRefused::no_standing)?))?;
            }
            _ if value == "true" => list("needsPerson", Listed::NeedsPerson)?,
            _ => return Err(RequestRefused::invalid("needsPerson", "may only be true")),
        }
    }
    let why = match (&after, &order_id) {
        (Some(_), Some(_)) => "cannot be combined with orderId: an order has one checkout",
        (Some((value, _)), None) if !parsed.listed.has_value(value) => match parsed.listed {
            Listed::All => NO_CURSOR,
            Listed::State(_) | Listed::Standing(_) | Listed::NeedsPerson => {
                "must be the `after` of a page of the same list"
            }
        },
        _ => return Ok(ListQuery { order_id, after, ..parsed }),
    };
    Err(RequestRefused::invalid("after", why))
}

const NO_CURSOR: &str = "must be the `after` of an earlier page";

/// The query for a page: the place after which the page begins, and the largest number of its entries.
pub(super) struct PageQuery<T> {
    pub(super) after: Option<T>,
    pub(super) limit: usize,
}

/// `?after=&limit=` of a timeline.
pub(super) fn timeline_query(query: &str) -> Result<PageQuery<u64>, RequestRefused> {
    page_query(query, TIMELINE, "must be the `after` of an earlier page", |text| text.parse().ok())
}

/// How many events a page has unless the query has a limit.
const EVENTS: usize = 100;

/// `?after=&limit=` of the events.
pub(super) fn events_query(query: &str) -> Result<PageQuery<u64>, RequestRefused> {
    page_query(query, EVENTS, "must be the id of an event", outbox::sequence)
}

fn page_query<T>(
    query: &str,
    limit: usize,
    why: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<PageQuery<T>, RequestRefused> {
    let mut parsed = PageQuery { after: None, limit };
    for (name, value) in parameters(query, &["after", "limit"])? {
        if name == "after" {
            parsed.after = Some(read(&value).ok_or(RequestRefused::invalid("after", why))?);
        } else {
            let limit = digits(&value).and_then(|digits| digits.parse().ok());
            let why = "must be a whole number from 1 to 1000";
            parsed.limit = limit
                .filter(|limit| (1..=PAGE).contains(limit))
                .ok_or(RequestRefused::invalid("limit", why))?;
        }
    }
    Ok(parsed)
}

/// Refuses every parameter, for a route that takes none.
pub(super) fn no_query(query: &str) -> Result<(), RequestRefused> {
    parameters(query, &[]).map(|_| ())
}

/// What is asked about a fulfilment.
pub(super) struct FulfilmentQuery {
    pub(super) charge_id: Option<ChargeId>,
    /// How recently Amazon must have shown the charge.
    pub(super) max_age: Duration,
}

/// The largest `maxAge`, in seconds.
const LONGEST_MAX_AGE: u64 = 300;

/// `?chargeId=&maxAge=` of a fulfilment.
pub(super) fn fulfilment_query(query: &str) -> Result<FulfilmentQuery, RequestRefused> {
    let (mut charge_id, mut max_age) = (None, None);
    for (name, value) in parameters(query, &["chargeId", "maxAge"])? {
        if name == "chargeId" {
            let why = "must be the id of a charge";
            charge_id = Some(ChargeId::parse(&value).map_err(|_| RequestRefused::invalid("chargeId", why))?);
        } else {
            max_age = Some(seconds(&value)?);
        }
    }
    Ok(FulfilmentQuery { charge_id, max_age: max_age.unwrap_or(MAX_AGE) })
}

/// A `maxAge`: digits only, without a sign.
fn seconds(value: &str) -> Result<Duration, RequestRefused> {
    let seconds =
        digits(value).and_then(|digits| digits.parse().ok()).filter(|seconds| *seconds <= LONGEST_MAX_AGE);
    let why = "must be a whole number of seconds from 0 to 300";
    seconds.map(Duration::from_secs).ok_or(RequestRefused::invalid("maxAge", why))
}

/// A text of digits only.
fn digits(text: &str) -> Option<&str> {
    Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn state_of(word: &str) -> Option<&'static str> {
    Verdict::OUTCOMES.into_iter().find(|state| *state == word)
}

/// A list's cursor as a later request sends it.
pub(super) fn cursor_text((state, id): &Cursor) -> String {
    format!("{state}:{id}")
}
