//! A button's configuration, as `checkout.js` sends it: how it is checked, and the checkout that it
//! begins. The text of a refusal names the member at fault, and is shown in the browser's console.

use std::fmt;

use countersign_domain::ids::{CheckoutSessionId, Environment, MerchantId, PublicKeyId, Region};
use countersign_domain::money::{Currency, Money};
use countersign_domain::provider::checkout_session::{CheckoutSession, Flow, Owner};
use countersign_domain::provider::payment_details::{PaymentDetails, PaymentDetailsRefused};
use countersign_domain::terms::ProductType;
use countersign_protocol::object;
use countersign_protocol::signing::{Algorithm, ButtonRefused, verify_button};
use countersign_protocol::wire::{BodyRefused, CreateCheckoutSession, Object as _, Price, read_request};

use crate::book::checkout::{Checkout, SessionExtras};
use crate::calls::create_checkout_session::new_checkout;
use crate::calls::reading;
use crate::http::errors::{self, ApiRefused};
use crate::merchants::{Merchants, RegisteredKey};
use crate::settings::Settings;
use crate::visit::Visit;
use crate::visit::restriction::{NotARestriction, Restrictions};
use crate::visit::words::{CheckoutLanguage, Display, Handler, Scope};
use crate::words::listed;

/// The longest word of a configuration, with a margin.
const MAX_WORD_LEN: usize = 64;
/// The longest signed payload, in characters.
const MAX_PAYLOAD_LEN: usize = 32 * 1024;
/// The longest signature, in characters: that of the longest key, with a margin.
const MAX_SIGNATURE_LEN: usize = 2_048;

object! {
    /// A payload that the merchant's server has signed.
    struct SignedPayload {
        payload_json: String = "payloadJSON" [..=MAX_PAYLOAD_LEN],
        signature: String = "signature" [..=MAX_SIGNATURE_LEN],
        algorithm: String = "algorithm" [..=MAX_WORD_LEN],
        public_key_id: PublicKeyId = "publicKeyId",
    }
}

object! {
    /// The arguments of the button, without its functions.
    struct Configuration {
        merchant_id: MerchantId = "merchantId",
        public_key_id: PublicKeyId = "publicKeyId",
        ledger_currency: String = "ledgerCurrency" [..=MAX_WORD_LEN],
        checkout_language: String = "checkoutLanguage" [..=MAX_WORD_LEN],
        product_type: String = "productType" [..=MAX_WORD_LEN],
        placement: String = "placement" [..=MAX_WORD_LEN],
        button_color: String = "buttonColor" [..=MAX_WORD_LEN],
        sandbox: bool = "sandbox",
        estimated_order_amount: Price = "estimatedOrderAmount",
        checkout_session_config: CreateCheckoutSession = "checkoutSessionConfig",
        create_checkout_session_config: SignedPayload = "createCheckoutSessionConfig",
        /// The id of an existing session.
        amazon_checkout_session_id: CheckoutSessionId = "amazonCheckoutSessionId",
        change_action: String = "changeAction" [..=MAX_WORD_LEN],
        /// How `checkout.js` shows the page. `handlers` lists the handlers that the shop's page
        /// has.
        display: String = "display" [..=MAX_WORD_LEN],
        handlers: Vec<String> = "handlers",
    }
}

/// Why a configuration does not begin a checkout, in words for the shop's developer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfigurationRefused(String);

impl fmt::Display for ConfigurationRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<BodyRefused> for ConfigurationRefused {
    fn from(refused: BodyRefused) -> Self {
        Self(refused.to_string())
    }
}

fn missing(field: &str) -> ConfigurationRefused {
    ConfigurationRefused(errors::missing(field).message)
}

fn invalid(field: &str, why: impl AsRef<str>) -> ConfigurationRefused {
    ConfigurationRefused(errors::invalid(field, why.as_ref()).message)
}

/// The signed payload is not the merchant's.
fn wrong_signature(refused: ButtonRefused) -> ConfigurationRefused {
    let field = "createCheckoutSessionConfig.signature";
    ConfigurationRefused(format!("InvalidSignatureError: [{field}]: {refused}."))
}

fn one_of(field: &str, word: &str, words: &[&str]) -> Result<(), ConfigurationRefused> {
    if words.contains(&word) {
        return Ok(());
    }
    Err(invalid(field, format!("it is not one of {}", words.join(", "))))
}

/// What a configuration asks for.
pub(super) enum VisitRequest {
    /// A new checkout.
    New(Box<Checkout>, Box<Visit>),
    /// A further visit for an existing session.
    Again(CheckoutSessionId, Box<Visit>),
}

/// Reads the configuration that a page of `origin` sent.
pub(super) fn read(
    json: &str,
    origin: &str,
    merchants: &Merchants,
    settings: &Settings,
) -> Result<VisitRequest, ConfigurationRefused> {
    let configuration: Configuration = read_request(json.as_bytes(), settings.flags.spellings)?;
    let display = match configuration.display.as_deref() {
        None => Display::Window,
        Some(word) => Display::parse(word)
            .ok_or_else(|| invalid("display", "it is not one of popup, overlay, window"))?,
    };
    let mut visit = Visit {
        handlers: handlers(configuration.handlers.as_deref().unwrap_or_default())?,
        ..Visit::arriving(origin.to_owned(), display, CheckoutLanguage::EnUs)
    };
    if let Some(id) = configuration.amazon_checkout_session_id {
        let action = configuration.change_action.ok_or_else(|| missing("changeAction"))?;
        one_of("changeAction", &action, &["changeAddress", "changePayment"])?;
        visit.language = language(configuration.checkout_language.as_deref(), Region::NorthAmerica)?;
        return Ok(VisitRequest::Again(id, Box::new(visit)));
    }
    let button = Button::read(&configuration, merchants)?;
    visit.language = language(configuration.checkout_language.as_deref(), button.region)?;
    visit.currency = button.ledger_currency;
    match (configuration.checkout_session_config, configuration.create_checkout_session_config) {
        (Some(config), None) => buy_now(config, button, visit, settings),
        (None, Some(signed)) => redirecting(signed, button, visit, merchants, settings),
        (Some(_), Some(_)) => {
            Err(invalid("createCheckoutSessionConfig", "it does not go with checkoutSessionConfig"))
        }
        (None, None) => Err(missing("checkoutSessionConfig")),
    }
}

/// The members that every button has.
struct Button<'a> {
    key: &'a RegisteredKey,
    environment: Environment,
    region: Region,
    ledger_currency: Currency,
    product_type: ProductType,
}

impl<'a> Button<'a> {
    fn read(configuration: &Configuration, merchants: &'a Merchants) -> Result<Self, ConfigurationRefused> {
        let merchant_id = configuration.merchant_id.as_ref().ok_or_else(|| missing("merchantId"))?;
        let signed = configuration.create_checkout_session_config.as_ref();
        let in_payload = signed.and_then(|signed| signed.public_key_id.as_ref());
        let key = match configuration.public_key_id.as_ref().or(in_payload) {
            Some(id) => {
                merchants.key(id).ok_or_else(|| invalid("publicKeyId", "the sandbox knows no such key"))?
            }
            None => merchants
                .iter()
                .find(|key| key.merchant_id == *merchant_id)
                .ok_or_else(|| invalid("merchantId", "the sandbox knows no such merchant"))?,
        };
        if key.merchant_id != *merchant_id {
            let why = format!("the key {} is not this merchant's", key.public_key_id);
            return Err(invalid("merchantId", why));
        }
        let environment = match (key.environment(), configuration.sandbox) {
            (Some(Environment::Live), Some(true)) => {
                return Err(invalid("sandbox", "the key's prefix names the other environment"));
            }
            (Some(environment), _) => environment,
            (None, Some(true)) => Environment::Sandbox,
            // Amazon's default.
            (None, Some(false) | None) => Environment::Live,
        };
        let ledger = configuration.ledger_currency.as_deref().ok_or_else(|| missing("ledgerCurrency"))?;
        let (region, ledger_currency) = match ledger {
            "USD" => (Region::NorthAmerica, Currency::USD),
            "JPY" => (Region::Japan, Currency::JPY),
            "GBP" => (Region::Europe, Currency::GBP),
            "EUR" => (Region::Europe, Currency::EUR),
            _ => return Err(invalid("ledgerCurrency", "it is not one of USD, EUR, GBP, JPY")),
        };
        let placement = configuration.placement.as_deref().ok_or_else(|| missing("placement"))?;
        one_of("placement", placement, &["Home", "Product", "Cart", "Checkout", "Other"])?;
        if let Some(color) = configuration.button_color.as_deref() {
            one_of("buttonColor", color, &["Gold", "LightGray", "DarkGray"])?;
        }
        let product_type = match configuration.product_type.as_deref() {
            None => ProductType::PayAndShip,
            Some(word) => ProductType::parse(word)
                .ok_or_else(|| invalid("productType", "it is not one of PayAndShip, PayOnly"))?,
        };
        if let Some(estimate) = &configuration.estimated_order_amount
            && !estimate.money.currency().is_paid_in(region)
        {
            return Err(not_paid_there("estimatedOrderAmount", estimate.money.currency(), region));
        }
        Ok(Self { key, environment, region, ledger_currency, product_type })
    }

    fn owner(&self) -> Owner {
        Owner { merchant_id: self.key.merchant_id.clone(), environment: self.environment }
    }
}

fn buy_now(
    config: CreateCheckoutSession,
    button: Button<'_>,
    visit: Visit,
    settings: &Settings,
) -> Result<VisitRequest, ConfigurationRefused> {
    let within = |field: &str| format!("checkoutSessionConfig.{field}");
    let of_config = |refused| refused_within(refused, "checkoutSessionConfig");
    for handler in [Handler::InitCheckout, Handler::CompleteCheckout, Handler::Cancel] {
        if !visit.handlers.contains(&handler) {
            return Err(missing(handler.as_str()));
        }
    }
    let store_id = config.store_id.clone().ok_or_else(|| missing(&within("storeId")))?;
    for checked in [
        reading::absent("recurringMetadata", config.recurring_metadata.as_ref()),
        reading::absent("paymentMethodOnFileMetadata", config.payment_method_on_file_metadata.as_ref()),
        reading::absent("chargePermissionId", config.charge_permission_id.as_ref()),
        reading::absent("multiAddressesCheckoutMetadata", config.multi_addresses_checkout_metadata.as_ref()),
        reading::absent("addressDetails", config.address_details.as_ref()),
    ] {
        checked.map_err(of_config)?;
    }
    reading::one_time(config.charge_permission_type).map_err(of_config)?;
    let scopes = scopes(config.scopes.as_deref())?;
    let details = config.payment_details.ok_or_else(|| missing(&within("paymentDetails")))?;
    let payment = PaymentDetails::default().updated(reading::payment(Some(details)));
    payment.payment_intent.ok_or_else(|| missing(&within("paymentDetails.paymentIntent")))?;
    let currency = payment.charge_amount.map(Money::currency).or(payment.presentment_currency);
    let currency = currency.unwrap_or(button.ledger_currency);
    if !currency.is_paid_in(button.region) {
        return Err(not_paid_there(&within("paymentDetails.chargeAmount"), currency, button.region));
    }
    payment
        .check(button.region)
        .map_err(|refused| payment_refused_within(refused, "checkoutSessionConfig"))?;
    // The shop's page says later which amount is charged. The amounts that the browser sends here
    // do not count.
    let payment = PaymentDetails { charge_amount: None, total_order_amount: None, ..payment };
    Restrictions::read(config.delivery_specifications.as_ref())
        .map_err(|NotARestriction(field, why)| invalid(&within(field), why))?;
    let Button { region, product_type, .. } = button;
    let detail = settings.flags.response_detail;
    let new = Checkout::about_to_begin(button.owner(), region, Flow::BuyNow, product_type, detail);
    let session = CheckoutSession {
        payment,
        supplementary_data: config.supplementary_data,
        merchant_metadata: config.merchant_metadata.map(Into::into).unwrap_or_default(),
        store_id: Some(store_id),
        platform_id: config.platform_id,
        provider_reference_id: config.provider_metadata.and_then(|provider| provider.provider_reference_id),
        ..new.session
    };
    let shown = SessionExtras {
        delivery_specifications: config.delivery_specifications.map(|it| it.to_request()),
        checkout_button_text: config.checkout_button_text,
        ..SessionExtras::default()
    };
    let visit = Visit { scopes, currency, ..visit };
    Ok(VisitRequest::New(Box::new(Checkout { session, shown }), Box::new(visit)))
}

/// The flow that redirects the buyer: the merchant's server has signed its configuration.
fn redirecting(
    signed: SignedPayload,
    button: Button<'_>,
    visit: Visit,
    merchants: &Merchants,
    settings: &Settings,
) -> Result<VisitRequest, ConfigurationRefused> {
    const CONFIG: &str = "createCheckoutSessionConfig";
    let within = |field: &str| format!("{CONFIG}.{field}");
    let payload = signed.payload_json.ok_or_else(|| missing(&within("payloadJSON")))?;
    let signature = signed.signature.ok_or_else(|| missing(&within("signature")))?;
    let algorithm = match signed.algorithm.as_deref() {
        None => Algorithm::Pss,
        Some(name) => Algorithm::parse(name).ok_or_else(|| {
            invalid(&within("algorithm"), "it is not one of AMZN-PAY-RSASSA-PSS, AMZN-PAY-RSASSA-PSS-V2")
        })?,
    };
    let key = match &signed.public_key_id {
        None => button.key,
        Some(id) => merchants
            .key(id)
            .filter(|key| key.merchant_id == button.key.merchant_id)
            .ok_or_else(|| invalid(&within("publicKeyId"), "this merchant has no such key"))?,
    };
    verify_button(&payload, &signature, &*key.verifying_key, algorithm).map_err(wrong_signature)?;
    let payload_json = within("payloadJSON");
    let read: CreateCheckoutSession = read_request(payload.as_bytes(), settings.flags.spellings)
        .map_err(|refused| refused_within(refused.into(), &payload_json))?;
    let (wanted, specifications) = (read.scopes.clone(), read.delivery_specifications.clone());
    let Checkout { session, shown } = new_checkout(read, button.owner(), button.region, &settings.flags)
        .map_err(|refused| refused_within(refused, &payload_json))?;
    Restrictions::read(specifications.as_ref())
        .map_err(|NotARestriction(field, why)| invalid(&format!("{payload_json}.{field}"), why))?;
    session.payment.check(button.region).map_err(|refused| payment_refused_within(refused, &payload_json))?;
    let details = &session.web_checkout;
    if details.checkout_mode.is_some() && details.checkout_result_return_url.is_none() {
        return Err(missing(&format!("{payload_json}.webCheckoutDetails.checkoutResultReturnUrl")));
    }
    let visit = Visit { scopes: scopes(wanted.as_deref())?, ..visit };
    let session = CheckoutSession { product_type: button.product_type, ..session };
    Ok(VisitRequest::New(Box::new(Checkout { session, shown }), Box::new(visit)))
}

/// Reads a list of words without repetitions.
fn each_once<T: PartialEq>(
    words: &[String],
    read: impl Fn(&str) -> Result<T, ConfigurationRefused>,
) -> Result<Vec<T>, ConfigurationRefused> {
    let mut found = Vec::new();
    for word in words {
        let read = read(word)?;
        if !found.contains(&read) {
            found.push(read);
        }
    }
    Ok(found)
}

fn handlers(names: &[String]) -> Result<Vec<Handler>, ConfigurationRefused> {
    let unknown = || invalid("handlers", "one of them is no handler of a button");
    each_once(names, |name| Handler::parse(name).ok_or_else(unknown))
}

fn scopes(words: Option<&[String]>) -> Result<Vec<Scope>, ConfigurationRefused> {
    let Some(words) = words.filter(|words| !words.is_empty()) else {
        return Ok(Scope::unless_named());
    };
    let unknown = || {
        let known = listed(Scope::ALL.iter().map(|scope| scope.as_str()));
        invalid("checkoutSessionConfig.scopes", format!("one is not one of {known}"))
    };
    each_once(words, |word| Scope::parse(word).ok_or_else(unknown))
}

fn language(word: Option<&str>, region: Region) -> Result<CheckoutLanguage, ConfigurationRefused> {
    let Some(word) = word else {
        return Ok(CheckoutLanguage::default_for(region));
    };
    CheckoutLanguage::parse(word).ok_or_else(|| {
        let known = listed(CheckoutLanguage::ALL.iter().map(|language| language.as_str()));
        invalid("checkoutLanguage", format!("it is not one of {known}"))
    })
}

fn not_paid_there(field: &str, currency: Currency, region: Region) -> ConfigurationRefused {
    invalid(field, format!("{currency} is not paid in {}", region.code()))
}

/// A refusal of the API, with its field's path below the member that contains it.
fn refused_within(refused: ApiRefused, within: &str) -> ConfigurationRefused {
    match refused {
        ApiRefused::Missing(field) => missing(&format!("{within}.{field}")),
        ApiRefused::Invalid { field, why } => invalid(&format!("{within}.{field}"), why),
        ApiRefused::Body(body) => ConfigurationRefused::from(BodyRefused {
            field: Some(body.field.map_or_else(|| within.to_owned(), |field| format!("{within}.{field}"))),
            ..body
        }),
        _ => invalid(within, "it begins no checkout"),
    }
}

fn payment_refused_within(refused: PaymentDetailsRefused, within: &str) -> ConfigurationRefused {
    use PaymentDetailsRefused as Refused;
    let (field, why) = match refused {
        Refused::PendingWithCapture => {
            ("paymentDetails.canHandlePendingAuthorization", "it does not go with AuthorizeWithCapture")
        }
        Refused::SoftDescriptorWithoutCapture => {
            ("paymentDetails.softDescriptor", "it goes with AuthorizeWithCapture only")
        }
        Refused::NotOfRegion(field) => (field, "its currency is not paid in this region"),
        Refused::NothingToCharge(field) => (field, "it is nothing"),
        Refused::AboveMaximum(field) => (field, "it is more than is charged at once"),
        Refused::TotalInAnotherCurrency => {
            ("paymentDetails.totalOrderAmount", "its currency is not that of chargeAmount")
        }
        Refused::TotalBelowCharge => ("paymentDetails.totalOrderAmount", "it is less than chargeAmount"),
    };
    invalid(&format!("{within}.{field}"), why)
}
