//! The hosted page as HTML: what a visit shows at each of its steps. The templates escape every
//! text, so that nothing a buyer or a shop wrote is read as HTML.

use std::borrow::Cow;
use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest;
use bytes::Bytes;
use countersign_domain::address::{Address, AddressMember};
use countersign_domain::cart::{Cart, Estimate, LineItem, TimeUnit};
use countersign_domain::provider::buyer::{Buyer, Card, CardBehaviour};
use countersign_domain::provider::checkout_session::{
    CheckoutSession, CheckoutSessionState, Flow, SessionCancelReason,
};
use countersign_domain::provider::event::HandlerFailure;
use countersign_domain::terms::ProductType;
use countersign_http::Response;
use countersign_protocol::signing::base64;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::texts::Texts;
use crate::book::visit::VisitView;
use crate::visit::act::{MAX_GIFT_MESSAGE_LEN, way_back};
use crate::visit::restriction::NotDelivered;
use crate::visit::test_buyer::{BuyerTrait, test_buyers};
use crate::visit::token::VisitToken;
use crate::visit::words::{Display, Handler, Purpose, Scope};
use crate::visit::{Choice, Ending, Failure, Gift, Visit, VisitStep};

const STYLE: &str = include_str!("../../../../web/hosted.css");

/// How long a handler may take before the page says that the shop does not answer, in seconds.
const HANDLER_LIMIT_S: u32 = 10;
/// How long `onCompleteCheckout` may take, during which the payment is made, in seconds.
const COMPLETE_LIMIT_S: u32 = 60;

/// An address that a buyer entered and that is not valid, to be shown again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddressDraft {
    /// The place in the address book of the address that it replaces; `None` for a new one.
    pub(super) place: Option<usize>,
    pub(super) address: Address,
    pub(super) wrong: AddressMember,
}

#[derive(Template)]
#[template(path = "hosted.html")]
struct HostedPage<'a> {
    texts: &'static Texts,
    style: &'static str,
    title: &'static str,
    base: String,
    visit: &'a Visit,
    shop_name: Option<&'a str>,
    /// A shop's page with several buttons distinguishes its checkouts by this reference.
    reference: Option<&'a str>,
    /// The question for the shop's page, as JSON.
    question: Option<String>,
    limit_s: u32,
    /// The event that the shop's page is notified of, as JSON.
    tell: Option<String>,
    /// The URL to which the page redirects the buyer by itself.
    follow: Option<Cow<'a, str>>,
    /// Whether the page is done and closes by itself.
    closes: bool,
    alert: Option<Alert<'a>>,
    body: Body<'a>,
    can_cancel: bool,
}

struct Alert<'a> {
    text: &'a str,
    /// The label of the field that it is about.
    field: Option<&'static str>,
    /// The original error message or code.
    detail: Option<&'a str>,
    can_retry: bool,
}

impl<'a> Alert<'a> {
    /// An alert that has only a text.
    const fn new(text: &'a str) -> Self {
        Self { text, field: None, detail: None, can_retry: false }
    }
}

enum Body<'a> {
    SignIn(Vec<ShownBuyer>),
    Consent(Vec<&'static str>),
    Review(Box<Review<'a>>),
    Bank(String),
    Declined(Vec<ShownCard>),
    Completing,
    /// The visit has ended: what the page says about it, if anything, and the label of the link or button by which
    /// the buyer continues.
    Ended(Option<&'static str>, &'static str),
}

struct ShownBuyer {
    name: String,
    about: &'static str,
}

struct ShownCard {
    digits: &'static str,
    name: String,
    /// What happens to a payment by this card, unless it simply succeeds.
    about: Option<&'static str>,
    is_chosen: bool,
}

struct Review<'a> {
    is_waiting: bool,
    /// Whether there is anything to pay for. Until then there is only an address to choose.
    has_begun: bool,
    is_redirecting: bool,
    can_place: bool,
    cart_number: u32,
    charge: Option<String>,
    book: Option<Vec<ShownAddress<'a>>>,
    adding: NewAddressForm<'a>,
    options: Vec<ShownOption>,
    coupons: Option<Vec<ShownCoupon<'a>>>,
    gift: Option<&'a Gift>,
    points: Option<u32>,
    cards: Vec<ShownCard>,
    lines: Vec<LineItem>,
    totals: Vec<Total>,
    more: Vec<(&'static str, &'a str)>,
}

struct ShownAddress<'a> {
    name: &'a str,
    first_line: &'a str,
    lines: String,
    is_chosen: bool,
    refused: Option<&'static str>,
    is_open: bool,
    fields: Vec<Field<'a>>,
}

struct NewAddressForm<'a> {
    is_open: bool,
    fields: Vec<Field<'a>>,
}

struct Field<'a> {
    name: &'static str,
    label: &'static str,
    value: &'a str,
    autocomplete: &'static str,
    is_required: bool,
    is_wrong: bool,
}

struct ShownOption {
    id: String,
    name: String,
    price: String,
    estimate: Option<String>,
    is_chosen: bool,
}

struct ShownCoupon<'a> {
    code: &'a str,
    state: Option<String>,
}

struct Total {
    label: &'static str,
    amount: String,
    is_charge: bool,
}

/// The page of a visit, as of now.
pub(super) fn for_visit(token: &VisitToken, seen: &VisitView, draft: Option<&AddressDraft>) -> Response {
    let VisitView { visit, session, .. } = seen;
    let texts = Texts::for_language(visit.language);
    let page = match &session.state {
        CheckoutSessionState::Canceled { reason } => canceled(texts, seen, *reason),
        CheckoutSessionState::Open { .. } | CheckoutSessionState::Completed { .. } => {
            at_its_step(texts, seen, draft)
        }
    };
    let metadata = &session.merchant_metadata;
    let page = HostedPage {
        base: format!("/checkout/{}", token.as_str()),
        shop_name: metadata.merchant_store_name.as_deref(),
        reference: metadata.merchant_reference_id.as_deref(),
        ..page
    };
    let status = if draft.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let framed_by = (visit.display == Display::Overlay).then_some(visit.origin.as_str());
    render(status, page.render(), framed_by)
}

fn plain<'a>(texts: &'static Texts, visit: &'a Visit, title: &'static str, body: Body<'a>) -> HostedPage<'a> {
    HostedPage {
        texts,
        style: STYLE,
        title,
        base: String::new(),
        visit,
        shop_name: None,
        reference: None,
        question: None,
        limit_s: HANDLER_LIMIT_S,
        tell: None,
        follow: None,
        closes: false,
        alert: None,
        body,
        can_cancel: false,
    }
}

fn canceled<'a>(texts: &'static Texts, seen: &'a VisitView, reason: SessionCancelReason) -> HostedPage<'a> {
    let VisitView { visit, session, .. } = seen;
    let title = match reason {
        SessionCancelReason::BuyerCanceled | SessionCancelReason::AmazonCanceled => texts.canceled,
        SessionCancelReason::Declined => texts.payment_declined,
        SessionCancelReason::Expired => texts.expired,
    };
    let body = Body::Ended(Some(texts.nothing_charged), texts.back_to_shop);
    let tell = json!({
        "id": "end",
        "event": Handler::Cancel.as_str(),
        "detail": {"amazonCheckoutSessionId": visit.checkout_session_id.as_str(), "reasonCode": reason.as_str()},
    });
    HostedPage {
        tell: Some(tell.to_string()),
        closes: reason == SessionCancelReason::BuyerCanceled,
        follow: way_back(session).map(Cow::Owned),
        ..plain(texts, visit, title, body)
    }
}

fn at_its_step<'a>(
    texts: &'static Texts,
    seen: &'a VisitView,
    draft: Option<&'a AddressDraft>,
) -> HostedPage<'a> {
    let VisitView { visit, session, .. } = seen;
    let (buyer, is_placed) = match &session.state {
        CheckoutSessionState::Open { buyer, placed_at, .. } => (buyer.as_deref(), placed_at.is_some()),
        CheckoutSessionState::Completed { .. } | CheckoutSessionState::Canceled { .. } => (None, true),
    };
    let chosen = buyer.map(|buyer: &Buyer| buyer.card);
    let page = match &visit.step {
        VisitStep::Finished(ending) => return finished(texts, seen, ending),
        VisitStep::Completing => completing(texts, seen),
        // The control API placed the order: the shop has not been asked yet.
        _ if is_placed => HostedPage {
            alert: Some(Alert { can_retry: true, ..Alert::new(texts.no_answer) }),
            ..plain(texts, visit, texts.completing, Body::Completing)
        },
        VisitStep::SignIn => {
            let shown = test_buyers(session.region, session.product_type).into_iter().map(|it| ShownBuyer {
                name: it.buyer.name.unwrap_or_default(),
                about: match it.trait_of {
                    BuyerTrait::Usual => texts.buyer_usual,
                    BuyerTrait::Letters => texts.buyer_letters,
                    BuyerTrait::PostBox => texts.buyer_post_box,
                    BuyerTrait::Absent => texts.buyer_absent,
                },
            });
            plain(texts, visit, texts.sign_in, Body::SignIn(shown.collect()))
        }
        VisitStep::Consent => {
            let scopes = visit.scopes.iter().map(|scope| scope_text(texts, *scope)).collect();
            plain(texts, visit, texts.consent, Body::Consent(scopes))
        }
        VisitStep::Review => review(texts, seen, chosen, draft),
        VisitStep::Bank => {
            let amount = session.payment.charge_amount.map(|amount| amount.to_string());
            plain(texts, visit, texts.bank, Body::Bank(amount.unwrap_or_default()))
        }
        VisitStep::Declined => plain(texts, visit, texts.declined, Body::Declined(cards(texts, chosen))),
    };
    let is_over = matches!(session.state, CheckoutSessionState::Completed { .. });
    HostedPage { can_cancel: !is_over, ..page }
}

fn completing<'a>(texts: &'static Texts, seen: &'a VisitView) -> HostedPage<'a> {
    let VisitView { visit, session, .. } = seen;
    let is_completed = matches!(session.state, CheckoutSessionState::Completed { .. });
    // The payment is made, whatever happened to the shop's answer, and the page must not let the
    // buyer think otherwise.
    let title = if is_completed && visit.asking().is_none() { texts.done } else { texts.completing };
    let page = HostedPage { limit_s: COMPLETE_LIMIT_S, ..plain(texts, visit, title, Body::Completing) };
    with_the_shop(texts, page, visit)
}

/// Adds the open question for the shop's page, or why the last question had no usable answer.
fn with_the_shop<'a>(texts: &'static Texts, page: HostedPage<'a>, visit: &'a Visit) -> HostedPage<'a> {
    let question = visit.asking().map(|question| {
        let detail = serde_json::from_str(&question.detail).unwrap_or(serde_json::Value::Null);
        let id = question.number.to_string();
        json!({"id": id, "event": question.handler.as_str(), "detail": detail}).to_string()
    });
    let alert = visit.failed().map(|(question, failure)| {
        let Failure { kind, why } = failure;
        let (text, detail) = match kind {
            HandlerFailure::ErrorReported => (reported(texts, why), Some(why.as_str())),
            HandlerFailure::NoAnswer => (texts.no_answer, Some(why.as_str())),
            HandlerFailure::TimedOut => (texts.no_answer, None),
            HandlerFailure::InvalidAnswer => (texts.invalid_answer, Some(why.as_str())),
        };
        // The buyer can enter these again, so there is no choice to retry.
        let is_entered = matches!(question.choice, Choice::Coupons(_) | Choice::Gift(_) | Choice::Points(_));
        let is_final = *kind == HandlerFailure::ErrorReported && is_entered;
        let detail = detail.filter(|detail| !detail.is_empty());
        Alert { detail, can_retry: !is_final, ..Alert::new(text) }
    });
    HostedPage { question, alert, ..page }
}

/// The text that a buyer reads for one of the shop's codes.
fn reported(texts: &'static Texts, code: &str) -> &'static str {
    match code {
        "shippingAddressInvalid" => texts.reports_address,
        "deliveryOptionUnavailable" => texts.reports_option,
        "cartChanged" => texts.reports_cart,
        "couponInvalid" => texts.reports_coupon,
        "timeout" => texts.no_answer,
        _ => texts.reports_error,
    }
}

/// The page of a finished visit: what the shop's page said last, and the state of the Checkout
/// Session. If the two differ, the page shows the session's state.
fn finished<'a>(texts: &'static Texts, seen: &'a VisitView, ending: &'a Ending) -> HostedPage<'a> {
    let VisitView { visit, session, .. } = seen;
    let is_completed = matches!(session.state, CheckoutSessionState::Completed { .. });
    let is_placed = matches!(session.state, CheckoutSessionState::Open { placed_at: Some(_), .. });
    let placed = if is_completed { texts.done } else { texts.completing };
    let page = |title, way_on| plain(texts, visit, title, Body::Ended(None, way_on));
    match ending {
        Ending::Success => HostedPage { closes: true, ..page(placed, texts.back_to_shop) },
        Ending::Error(code) => {
            // The payment is made, or may be soon: a buyer who reads otherwise pays again elsewhere.
            let (title, text) = match code.as_str() {
                "timeout" if is_placed => (texts.not_known, texts.shop_tells),
                _ if is_completed => (texts.done, reported(texts, code)),
                _ => (texts.not_completed, reported(texts, code)),
            };
            let alert = Some(Alert { detail: Some(code), ..Alert::new(text) });
            HostedPage { alert, ..page(title, texts.back_to_shop) }
        }
        Ending::Redirect(url) => {
            HostedPage { follow: Some(url.into()), ..page(texts.redirect, texts.continue_) }
        }
        Ending::Return(url) => {
            // The buyer may still have to order on the shop's page.
            let title = if is_completed || is_placed { placed } else { texts.redirect };
            HostedPage { follow: Some(url.into()), ..page(title, texts.back_to_shop) }
        }
    }
}

fn scope_text(texts: &'static Texts, scope: Scope) -> &'static str {
    match scope {
        Scope::Name => texts.scope_name,
        Scope::Email => texts.scope_email,
        Scope::PhoneNumber => texts.scope_phone_number,
        Scope::BillingAddress => texts.scope_billing_address,
        Scope::ShippingAddress => texts.scope_shipping_address,
        Scope::PostalCode => texts.scope_postal_code,
        Scope::PrimeStatus => texts.scope_prime_status,
    }
}

fn cards(texts: &'static Texts, chosen: Option<Card>) -> Vec<ShownCard> {
    let cards = Card::ALL.iter().map(|card| ShownCard {
        digits: card.last_digits(),
        name: card.descriptor().trim_end_matches(" (Amazon Pay)").to_owned(),
        about: match card.behaviour() {
            CardBehaviour::Pays => None,
            CardBehaviour::BuyerCancels => Some(texts.card_cancels),
            CardBehaviour::IsDeclined => Some(texts.card_declined),
            CardBehaviour::PendsThenPays => Some(texts.card_pends_pays),
            CardBehaviour::PendsThenIsDeclined => Some(texts.card_pends_declined),
        },
        is_chosen: Some(*card) == chosen,
    });
    cards.collect()
}

fn review<'a>(
    texts: &'static Texts,
    seen: &'a VisitView,
    card: Option<Card>,
    draft: Option<&'a AddressDraft>,
) -> HostedPage<'a> {
    let VisitView { visit, session, .. } = seen;
    let CheckoutSession { flow, product_type, .. } = session;
    let is_redirecting = !visit.places(session);
    let is_paying = visit.purpose == Purpose::Paying;
    let cart = visit.read_cart();
    let cart = cart.as_ref();
    let ships = *product_type == ProductType::PayAndShip && !is_paying;
    let has_begun = *flow == Flow::Redirect || cart.is_some();
    // Without a cart, the amount is the one that the shop's server set.
    let charge = cart.map(|cart| cart.charge).or(session.payment.charge_amount.filter(|_| !is_redirecting));
    let body = Review {
        is_waiting: visit.asking().is_some(),
        has_begun,
        is_redirecting,
        can_place: visit.can_place(*flow, *product_type),
        cart_number: visit.cart_number,
        charge: charge.map(|charge| charge.to_string()),
        book: ships.then(|| book(texts, seen, draft)),
        adding: NewAddressForm {
            is_open: draft.is_some_and(|draft| draft.place.is_none()),
            fields: fields(texts, None, draft.filter(|draft| draft.place.is_none())),
        },
        options: cart.map(|cart| options(texts, visit, cart)).unwrap_or_default(),
        coupons: visit.takes_coupons(*product_type).then(|| coupons(texts, visit, cart)),
        gift: visit.takes_gifts().then(|| match visit.asking_for() {
            Some(Choice::Gift(gift)) => gift,
            _ => &visit.gift,
        }),
        points: visit.takes_points().then(|| match visit.asking_for() {
            Some(Choice::Points(points)) => *points,
            _ => visit.points,
        }),
        cards: if is_paying { Vec::new() } else { cards(texts, card) },
        lines: cart.map(|cart| cart.line_items.clone()).unwrap_or_default(),
        totals: match (cart, charge) {
            (Some(cart), _) => totals(texts, cart),
            (None, Some(charge)) => {
                vec![Total { label: texts.charge_total, amount: charge.to_string(), is_charge: true }]
            }
            (None, None) => Vec::new(),
        },
        more: more(visit),
    };
    let title = match (*flow, is_paying) {
        (_, true) => texts.payment,
        (Flow::Redirect, false) => texts.choose,
        (Flow::BuyNow, false) => texts.review,
    };
    let page = with_the_shop(texts, plain(texts, visit, title, Body::Review(Box::new(body))), visit);
    if let Some(draft) = draft {
        let field = Some(label(texts, draft.wrong).0);
        return HostedPage { alert: Some(Alert { field, ..Alert::new(texts.please_check) }), ..page };
    }
    if ships && visit.address.is_none() && page.alert.is_none() && page.question.is_none() {
        return HostedPage { alert: Some(Alert::new(texts.no_address)), ..page };
    }
    page
}

fn book<'a>(
    texts: &'static Texts,
    seen: &'a VisitView,
    draft: Option<&'a AddressDraft>,
) -> Vec<ShownAddress<'a>> {
    let chosen = match seen.visit.asking_for() {
        Some(Choice::Address(place)) => Some(*place),
        _ => seen.visit.address,
    };
    let rows = seen.visit.addresses.iter().enumerate().map(|(place, address)| {
        let draft = draft.filter(|draft| draft.place == Some(place));
        let lines = AddressMember::ALL.iter().filter(|member| **member != AddressMember::Name);
        let lines: Vec<&str> = lines.filter_map(|member| address.member(*member)).collect();
        ShownAddress {
            name: address.name.as_deref().unwrap_or_default(),
            first_line: address.address_line1.as_deref().unwrap_or_default(),
            lines: lines.join(", "),
            is_chosen: chosen == Some(place),
            refused: seen.restrictions.refuse(address).map(|why| match why {
                NotDelivered::PoBox => texts.to_po_boxes,
                NotDelivered::Packstation => texts.to_packstations,
                NotDelivered::Place => texts.to_this_place,
            }),
            is_open: draft.is_some(),
            fields: fields(texts, Some(address), draft),
        }
    });
    rows.collect()
}

fn fields<'a>(
    texts: &'static Texts,
    address: Option<&'a Address>,
    draft: Option<&'a AddressDraft>,
) -> Vec<Field<'a>> {
    let shown = draft.map(|draft| &draft.address).or(address);
    let fields = AddressMember::ALL.iter().map(|member| {
        let (label, autocomplete) = label(texts, *member);
        Field {
            name: member.as_str(),
            label,
            value: shown.and_then(|address| address.member(*member)).unwrap_or_default(),
            autocomplete,
            is_required: REQUIRED.contains(member),
            is_wrong: draft.is_some_and(|draft| draft.wrong == *member),
        }
    });
    fields.collect()
}

/// The members that an address entered by a buyer must have.
pub(super) const REQUIRED: [AddressMember; 3] =
    [AddressMember::Name, AddressMember::AddressLine1, AddressMember::CountryCode];

/// A field's label, and its `autocomplete` value.
fn label(texts: &'static Texts, member: AddressMember) -> (&'static str, &'static str) {
    match member {
        AddressMember::Name => (texts.full_name, "shipping name"),
        AddressMember::AddressLine1 => (texts.line1, "shipping address-line1"),
        AddressMember::AddressLine2 => (texts.line2, "shipping address-line2"),
        AddressMember::AddressLine3 => (texts.line3, "shipping address-line3"),
        AddressMember::City => (texts.city, "shipping address-level2"),
        AddressMember::County => (texts.county, "off"),
        AddressMember::District => (texts.district, "off"),
        AddressMember::StateOrRegion => (texts.state, "shipping address-level1"),
        AddressMember::PostalCode => (texts.postal_code, "shipping postal-code"),
        AddressMember::CountryCode => (texts.country, "shipping country"),
        AddressMember::PhoneNumber => (texts.phone, "shipping tel"),
    }
}

fn options(texts: &'static Texts, visit: &Visit, cart: &Cart) -> Vec<ShownOption> {
    let asked = match visit.asking_for() {
        Some(Choice::DeliveryOption(id)) => Some(id),
        _ => visit.delivery_option.as_ref(),
    };
    let options = cart.delivery_options.iter().map(|option| {
        let estimates = option.estimate.iter().map(|estimate| estimated(texts, *estimate));
        let estimate = estimates.collect::<Vec<_>>().join(" – ");
        ShownOption {
            id: option.id.clone(),
            name: option.name.clone(),
            price: option.price.to_string(),
            estimate: Some(estimate).filter(|estimate| !estimate.is_empty()),
            is_chosen: asked == Some(&option.id),
        }
    });
    options.collect()
}

fn estimated(texts: &'static Texts, Estimate { value, unit }: Estimate) -> String {
    let (one, several) = match unit {
        TimeUnit::MINUTE => (texts.minute, texts.minutes),
        TimeUnit::HOUR => (texts.hour, texts.hours),
        TimeUnit::DAY => (texts.day, texts.days),
        TimeUnit::WEEK => (texts.week, texts.weeks),
        TimeUnit::MONTH => (texts.month, texts.months),
    };
    format!("{value} {}", if value == 1 { one } else { several })
}

fn coupons<'a>(texts: &'static Texts, visit: &'a Visit, cart: Option<&Cart>) -> Vec<ShownCoupon<'a>> {
    let answered = cart.map(|cart| cart.coupons.as_slice()).unwrap_or_default();
    let shown = visit.coupon_codes.iter().map(|code| {
        let state = answered.iter().find(|coupon| coupon.code == *code).map(|coupon| {
            let state = if coupon.is_applied { texts.applied } else { texts.not_applied };
            match &coupon.description {
                Some(description) => format!("{state}: {description}"),
                None => state.to_owned(),
            }
        });
        ShownCoupon { code, state }
    });
    shown.collect()
}

fn totals(texts: &'static Texts, cart: &Cart) -> Vec<Total> {
    let discount = cart.discount.filter(|discount| !discount.is_zero());
    let totals = [
        (texts.base_total, Some(cart.base.to_string()), false),
        (texts.shipping_total, Some(cart.shipping.to_string()), false),
        (texts.tax_total, Some(cart.tax.to_string()), false),
        (texts.discount_total, discount.map(|discount| format!("−{discount}")), false),
        (texts.charge_total, Some(cart.charge.to_string()), true),
        (texts.order_total, cart.total_order.map(|total| total.to_string()), false),
    ];
    let totals = totals
        .into_iter()
        .filter_map(|(label, amount, is_charge)| Some(Total { label, amount: amount?, is_charge }));
    totals.collect()
}

/// Members that the page shows without interpreting them.
fn more(visit: &Visit) -> Vec<(&'static str, &str)> {
    let Some(cart) = &visit.cart else { return Vec::new() };
    let members = [
        ("giftDetails", &cart.gift_details),
        ("addOnFeatures", &cart.add_on_features),
        ("addressDisplayType", &cart.address_display_type),
        ("merchantPoints", &cart.merchant_points),
    ];
    let shown = members.into_iter().filter_map(|(name, json)| Some((name, json.as_ref()?.text())));
    shown.collect()
}

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage<'a> {
    style: &'static str,
    headline: &'a str,
    why: &'a str,
    origin: Option<&'a str>,
    /// Whether the shop's page and the console are notified.
    is_told: bool,
}

/// The page for a configuration that does not begin a checkout. The page that sent it may frame it and
/// receives its message.
pub(super) fn refused(status: StatusCode, origin: Option<&str>, why: &str) -> Response {
    let headline = "This checkout cannot begin";
    let page = RefusedPage { style: STYLE, headline, why, origin, is_told: true };
    render(status, page.render(), origin)
}

/// A page outside any visit.
pub(super) fn nothing(status: StatusCode, headline: &str, why: &str) -> Response {
    let page = RefusedPage { style: STYLE, headline, why, origin: None, is_told: false };
    render(status, page.render(), None)
}

static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| base64(digest::digest(&digest::SHA256, STYLE.as_bytes()).as_ref()));

/// The policy of a page: only the page's own style and this server's own script may load, forms go
/// to this server, and no page but the shop's, if there is one, may frame it.
fn content_security_policy(framed_by: Option<&str>) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'sha256-{}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors {}",
        *STYLE_HASH,
        framed_by.unwrap_or("'none'"),
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

fn render(status: StatusCode, page: Result<String, askama::Error>, framed_by: Option<&str>) -> Response {
    // The template writes into memory only.
    let mut response = Response::new(Bytes::from(page.unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, content_security_policy(framed_by));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}
