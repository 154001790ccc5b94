//! The checkout document: terms, attempts, links. One document, so that "at most one attempt is
//! live" is held by its version alone.

use std::sync::Arc;

use bytes::Bytes;
use countersign_domain::address::{Address, AddressKind, AddressMember};
use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutId, CheckoutSessionId, IdempotencyKey};
use countersign_domain::merchant::attempt::{
    Attempt, AttemptState, Completion, Doubt, FailedCharge, GivenAddresses, NotPaidReason, Send,
    UnresolvedReason,
};
use countersign_domain::merchant::checkout::{Checkout, Terms};
use countersign_domain::merchant::payment::Payment;
use countersign_domain::money::{Currency, Money};
use countersign_domain::terms::{MerchantMetadata, PaymentIntent, ProductType};
use countersign_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::payment::{self, StoredCancellation, StoredPayment};
use super::{Unreadable, from_json};
use crate::registration::{Browsing, Links, Quoted, Registration};

pub(crate) const COLLECTION: &str = "checkout";
const FORMAT: u16 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredRegistration {
    id: String,
    order_id: String,
    terms: StoredTerms,
    terms_version: u32,
    attempts: Vec<StoredAttempt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment: Option<StoredPayment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cancellation: Option<StoredCancellation>,
    registered_at: i64,
    browser_token: String,
    result_token: String,
    start_of_checkout_url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    success_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkout_language: Option<String>,
    /// Absent until the buyer's page has asked for something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    browsing: Option<StoredBrowsing>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredBrowsing {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quoted: Option<StoredQuoted>,
    quote_count: u32,
    told_count: u32,
}

/// Amounts are in the terms' currency.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredQuoted {
    at: i64,
    base: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery_option_id: Option<String>,
    coupon_codes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredTerms {
    product_type: String,
    payment_intent: String,
    can_handle_pending_authorization: bool,
    currency: String,
    charge_amount: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total_order_amount: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    supplementary_data: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    merchant_reference_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    merchant_store_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note_to_buyer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    custom_information: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shipping_address: Option<StoredAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quoted_address: Option<StoredAddress>,
}

/// The eleven members in the API's order.
type StoredAddress = Vec<Option<String>>;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredAttempt {
    number: u32,
    checkout_session_id: String,
    bound_at: i64,
    buyer_seen_at: i64,
    spent_keys: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given_shipping_address: Option<StoredAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given_billing_address: Option<StoredAddress>,
    state: StoredState,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StoredSend {
    n: u32,
    idempotency_key: String,
    body: String,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "is", rename_all_fields = "camelCase", deny_unknown_fields)]
enum StoredState {
    Bound {
        retry_at: i64,
    },
    Approved {
        body: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent_at: Option<i64>,
        retry_at: i64,
    },
    Finalizing {
        send: StoredSend,
        sent_at: i64,
        lease_until: i64,
    },
    InDoubt {
        send: StoredSend,
        send_count: u32,
        sent_at: i64,
        since: i64,
        look_at: i64,
        look_count: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stored_error: Option<String>,
        stored_error_count: u32,
        not_found_count: u32,
        alarm_count: u32,
    },
    Pending {
        charge_permission_id: String,
        charge_id: String,
        since: i64,
        look_at: i64,
        look_count: u32,
        alarm_count: u32,
    },
    Captured {
        charge_permission_id: String,
        charge_id: String,
        at: i64,
    },
    CaptureInitiated {
        charge_permission_id: String,
        charge_id: String,
        at: i64,
    },
    Authorized {
        charge_permission_id: String,
        charge_id: String,
        at: i64,
    },
    Confirmed {
        charge_permission_id: String,
        at: i64,
    },
    NotPaid {
        reason: StoredReason,
        at: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        charge: Option<StoredFailedCharge>,
    },
    Unresolved {
        reason: String,
        send: Option<StoredSend>,
        sent_at: i64,
        look_at: i64,
    },
    Surplus {
        of: u32,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredFailedCharge {
    charge_permission_id: String,
    charge_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contradicted_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum StoredReason {
    Declined(String),
    SessionCanceled(Option<String>),
    Mismatch(String),
    AddressDrift { kind: String, member: String },
    Misuse(String),
    SessionGone,
    Abandoned,
    OrderCanceled,
    ChargeDeclined(Option<String>),
    ChargeCanceled(Option<String>),
}

/// The document's format and bytes.
pub(crate) fn encode(registration: &Registration) -> (u16, Bytes) {
    let Registration { checkout, links, browsing } = registration;
    let stored = StoredRegistration {
        id: checkout.id.to_string(),
        order_id: checkout.order_id.clone(),
        terms: store_terms(&checkout.terms),
        terms_version: checkout.terms_version,
        attempts: checkout.attempts.iter().map(store_attempt).collect(),
        payment: checkout.payment.as_ref().map(payment::store),
        cancellation: checkout.cancellation.as_ref().map(payment::store_cancellation),
        registered_at: checkout.registered_at.as_millis(),
        browser_token: links.browser_token.clone(),
        result_token: links.result_token.clone(),
        start_of_checkout_url: links.start_of_checkout_url.clone(),
        success_url: links.success_url.clone(),
        checkout_language: links.checkout_language.clone(),
        browsing: (*browsing != Browsing::default()).then(|| store_browsing(browsing)),
    };
    // Strings, numbers and lists of them always serialise.
    (FORMAT, Bytes::from(serde_json::to_vec(&stored).unwrap_or_default()))
}

/// Reads a document of any format that was ever released.
pub(crate) fn decode(format: u16, bytes: &[u8]) -> Result<Registration, Unreadable> {
    if format != FORMAT {
        return Err(wrong(format!("format {format} is not known")));
    }
    let stored: StoredRegistration = from_json(COLLECTION, bytes)?;
    let terms = restore_terms(stored.terms)?;
    let attempts = stored.attempts.into_iter().map(restore_attempt).collect::<Result<Vec<_>, _>>()?;
    let payment = match stored.payment {
        Some(stored) => Some(payment::restore(stored, terms.charge_amount.currency())?),
        // Of before there were payments: it begins where its success was kept.
        None => attempts.iter().find_map(|attempt| Payment::of_attempt(&terms, attempt)),
    };
    let checkout = Checkout {
        id: CheckoutId::parse(&stored.id).map_err(wrong)?,
        order_id: stored.order_id,
        terms,
        terms_version: stored.terms_version,
        attempts,
        payment,
        cancellation: stored.cancellation.map(payment::restore_cancellation).transpose()?,
        registered_at: Timestamp::from_millis(stored.registered_at),
    };
    let links = Links {
        browser_token: stored.browser_token,
        result_token: stored.result_token,
        start_of_checkout_url: stored.start_of_checkout_url,
        success_url: stored.success_url,
        checkout_language: stored.checkout_language,
    };
    let currency = checkout.terms.charge_amount.currency();
    let browsing = stored.browsing.map(|stored| restore_browsing(stored, currency)).unwrap_or_default();
    Ok(Registration { checkout, links, browsing })
}

pub(super) fn wrong(why: impl core::fmt::Display) -> Unreadable {
    Unreadable { document: COLLECTION, why: why.to_string() }
}

fn store_browsing(browsing: &Browsing) -> StoredBrowsing {
    let quoted = browsing.quoted.as_ref().map(|quoted| StoredQuoted {
        at: quoted.at.as_millis(),
        base: quoted.base.minor(),
        total: quoted.total.map(Money::minor),
        delivery_option_id: quoted.delivery_option_id.clone(),
        coupon_codes: quoted.coupon_codes.clone(),
    });
    StoredBrowsing { quoted, quote_count: browsing.quote_count, told_count: browsing.told_count }
}

fn restore_browsing(stored: StoredBrowsing, currency: Currency) -> Browsing {
    let quoted = stored.quoted.map(|quoted| Quoted {
        at: Timestamp::from_millis(quoted.at),
        base: Money::from_minor(quoted.base, currency),
        total: quoted.total.map(|total| Money::from_minor(total, currency)),
        delivery_option_id: quoted.delivery_option_id,
        coupon_codes: quoted.coupon_codes,
    });
    Browsing { quoted, quote_count: stored.quote_count, told_count: stored.told_count }
}

fn store_terms(terms: &Terms) -> StoredTerms {
    let MerchantMetadata { merchant_reference_id, merchant_store_name, note_to_buyer, custom_information } =
        terms.merchant_metadata.clone();
    StoredTerms {
        product_type: terms.product_type.to_string(),
        payment_intent: terms.payment_intent.to_string(),
        can_handle_pending_authorization: terms.can_handle_pending_authorization,
        currency: terms.charge_amount.currency().to_string(),
        charge_amount: terms.charge_amount.minor(),
        total_order_amount: terms.total_order_amount.map(Money::minor),
        supplementary_data: terms.supplementary_data.clone(),
        merchant_reference_id,
        merchant_store_name,
        note_to_buyer,
        custom_information,
        shipping_address: terms.shipping_address.as_ref().map(store_address),
        quoted_address: terms.quoted_address.as_ref().map(store_address),
    }
}

fn restore_terms(stored: StoredTerms) -> Result<Terms, Unreadable> {
    let currency = Currency::parse(&stored.currency).ok_or_else(|| wrong("its currency is unknown"))?;
    Ok(Terms {
        product_type: ProductType::parse(&stored.product_type)
            .ok_or_else(|| wrong("its product type is unknown"))?,
        payment_intent: PaymentIntent::parse(&stored.payment_intent)
            .ok_or_else(|| wrong("its payment intent is unknown"))?,
        can_handle_pending_authorization: stored.can_handle_pending_authorization,
        charge_amount: Money::from_minor(stored.charge_amount, currency),
        total_order_amount: stored.total_order_amount.map(|minor| Money::from_minor(minor, currency)),
        supplementary_data: stored.supplementary_data,
        merchant_metadata: MerchantMetadata {
            merchant_reference_id: stored.merchant_reference_id,
            merchant_store_name: stored.merchant_store_name,
            note_to_buyer: stored.note_to_buyer,
            custom_information: stored.custom_information,
        },
        shipping_address: stored.shipping_address.map(restore_address).transpose()?,
        quoted_address: stored.quoted_address.map(restore_address).transpose()?,
    })
}

fn store_address(address: &Address) -> StoredAddress {
    AddressMember::ALL.iter().map(|member| address.member(*member).map(str::to_owned)).collect()
}

fn restore_address(stored: StoredAddress) -> Result<Address, Unreadable> {
    if stored.len() != AddressMember::ALL.len() {
        return Err(wrong("an address has another number of members"));
    }
    let mut address = Address::default();
    for (member, text) in AddressMember::ALL.iter().zip(stored) {
        *address.member_mut(*member) = text;
    }
    Ok(address)
}

pub(super) fn store_send(send: &Send) -> StoredSend {
    StoredSend { n: send.n, idempotency_key: send.idempotency_key.to_string(), body: store_body(&send.body) }
}

/// Bodies are this system's own JSON and so always text.
fn store_body(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

pub(super) fn restore_send(stored: StoredSend) -> Result<Send, Unreadable> {
    Ok(Send {
        n: stored.n,
        idempotency_key: IdempotencyKey::parse(&stored.idempotency_key).map_err(wrong)?,
        body: Arc::from(stored.body.into_bytes()),
    })
}

fn store_attempt(attempt: &Attempt) -> StoredAttempt {
    let state = match &attempt.state {
        AttemptState::Bound { retry_at } => StoredState::Bound { retry_at: retry_at.as_millis() },
        AttemptState::Approved { body, sent_at, retry_at } => StoredState::Approved {
            body: store_body(body),
            sent_at: sent_at.map(Timestamp::as_millis),
            retry_at: retry_at.as_millis(),
        },
        AttemptState::Finalizing { send, sent_at, lease_until } => StoredState::Finalizing {
            send: store_send(send),
            sent_at: sent_at.as_millis(),
            lease_until: lease_until.as_millis(),
        },
        AttemptState::InDoubt(doubt) => StoredState::InDoubt {
            send: store_send(&doubt.send),
            send_count: doubt.send_count,
            sent_at: doubt.sent_at.as_millis(),
            since: doubt.since.as_millis(),
            look_at: doubt.look_at.as_millis(),
            look_count: doubt.look_count,
            stored_error: doubt.stored_error.clone(),
            stored_error_count: doubt.stored_error_count,
            not_found_count: doubt.not_found_count,
            alarm_count: doubt.alarm_count,
        },
        AttemptState::Pending {
            charge_permission_id,
            charge_id,
            since,
            look_at,
            look_count,
            alarm_count,
        } => StoredState::Pending {
            charge_permission_id: charge_permission_id.to_string(),
            charge_id: charge_id.to_string(),
            since: since.as_millis(),
            look_at: look_at.as_millis(),
            look_count: *look_count,
            alarm_count: *alarm_count,
        },
        AttemptState::Completed { completion, charge_permission_id, at } => {
            let (charge_permission_id, at) = (charge_permission_id.to_string(), at.as_millis());
            match completion {
                Completion::Captured(charge_id) => {
                    StoredState::Captured { charge_permission_id, charge_id: charge_id.to_string(), at }
                }
                Completion::CaptureInitiated(charge_id) => StoredState::CaptureInitiated {
                    charge_permission_id,
                    charge_id: charge_id.to_string(),
                    at,
                },
                Completion::Authorized(charge_id) => {
                    StoredState::Authorized { charge_permission_id, charge_id: charge_id.to_string(), at }
                }
                Completion::Confirmed => StoredState::Confirmed { charge_permission_id, at },
            }
        }
        AttemptState::NotPaid { reason, charge, at } => StoredState::NotPaid {
            reason: store_reason(reason),
            at: at.as_millis(),
            charge: charge.as_ref().map(|charge| StoredFailedCharge {
                charge_permission_id: charge.charge_permission_id.to_string(),
                charge_id: charge.charge_id.to_string(),
                contradicted_at: charge.contradicted_at.map(Timestamp::as_millis),
            }),
        },
        AttemptState::Unresolved { reason, send, sent_at, look_at } => StoredState::Unresolved {
            reason: reason.code().to_owned(),
            send: send.as_ref().map(store_send),
            sent_at: sent_at.as_millis(),
            look_at: look_at.as_millis(),
        },
        AttemptState::Surplus { of } => StoredState::Surplus { of: *of },
    };
    StoredAttempt {
        number: attempt.number,
        checkout_session_id: attempt.checkout_session_id.to_string(),
        bound_at: attempt.bound_at.as_millis(),
        buyer_seen_at: attempt.buyer_seen_at.as_millis(),
        spent_keys: attempt.spent_keys,
        given_shipping_address: attempt.given.shipping.as_ref().map(store_address),
        given_billing_address: attempt.given.billing.as_ref().map(store_address),
        state,
    }
}

fn restore_attempt(stored: StoredAttempt) -> Result<Attempt, Unreadable> {
    let instant = Timestamp::from_millis;
    let permission = |id: String| ChargePermissionId::parse(&id).map_err(wrong);
    let charge = |id: String| ChargeId::parse(&id).map_err(wrong);
    let completed = |completion: Completion, id: String, at: i64| {
        Ok(AttemptState::Completed { completion, charge_permission_id: permission(id)?, at: instant(at) })
    };
    let state = match stored.state {
        StoredState::Bound { retry_at } => AttemptState::Bound { retry_at: instant(retry_at) },
        StoredState::Approved { body, sent_at, retry_at } => AttemptState::Approved {
            body: Arc::from(body.into_bytes()),
            sent_at: sent_at.map(instant),
            retry_at: instant(retry_at),
        },
        StoredState::Finalizing { send, sent_at, lease_until } => AttemptState::Finalizing {
            send: restore_send(send)?,
            sent_at: instant(sent_at),
            lease_until: instant(lease_until),
        },
        StoredState::InDoubt {
            send,
            send_count,
            sent_at,
            since,
            look_at,
            look_count,
            stored_error,
            stored_error_count,
            not_found_count,
            alarm_count,
        } => AttemptState::InDoubt(Doubt {
            send: restore_send(send)?,
            send_count,
            sent_at: instant(sent_at),
            since: instant(since),
            look_at: instant(look_at),
            look_count,
            stored_error,
            stored_error_count,
            not_found_count,
            alarm_count,
        }),
        StoredState::Pending { charge_permission_id, charge_id, since, look_at, look_count, alarm_count } => {
            AttemptState::Pending {
                charge_permission_id: permission(charge_permission_id)?,
                charge_id: charge(charge_id)?,
                since: instant(since),
                look_at: instant(look_at),
                look_count,
                alarm_count,
            }
        }
        StoredState::Captured { charge_permission_id, charge_id, at } => {
            completed(Completion::Captured(charge(charge_id)?), charge_permission_id, at)?
        }
        StoredState::CaptureInitiated { charge_permission_id, charge_id, at } => {
            completed(Completion::CaptureInitiated(charge(charge_id)?), charge_permission_id, at)?
        }
        StoredState::Authorized { charge_permission_id, charge_id, at } => {
            completed(Completion::Authorized(charge(charge_id)?), charge_permission_id, at)?
        }
        StoredState::Confirmed { charge_permission_id, at } => {
            completed(Completion::Confirmed, charge_permission_id, at)?
        }
        StoredState::NotPaid { reason, at, charge: failed } => AttemptState::NotPaid {
            reason: restore_reason(reason)?,
            charge: match failed {
                Some(failed) => Some(FailedCharge {
                    charge_permission_id: permission(failed.charge_permission_id)?,
                    charge_id: charge(failed.charge_id)?,
                    contradicted_at: failed.contradicted_at.map(instant),
                }),
                None => None,
            },
            at: instant(at),
        },
        StoredState::Unresolved { reason, send, sent_at, look_at } => AttemptState::Unresolved {
            reason: UnresolvedReason::parse(&reason).ok_or_else(|| wrong("its doubt's reason is unknown"))?,
            send: send.map(restore_send).transpose()?,
            sent_at: instant(sent_at),
            look_at: instant(look_at),
        },
        StoredState::Surplus { of } => AttemptState::Surplus { of },
    };
    Ok(Attempt {
        number: stored.number,
        checkout_session_id: CheckoutSessionId::parse(&stored.checkout_session_id).map_err(wrong)?,
        bound_at: instant(stored.bound_at),
        buyer_seen_at: instant(stored.buyer_seen_at),
        spent_keys: stored.spent_keys,
        given: GivenAddresses {
            shipping: stored.given_shipping_address.map(restore_address).transpose()?,
            billing: stored.given_billing_address.map(restore_address).transpose()?,
        },
        state,
    })
}

fn store_reason(reason: &NotPaidReason) -> StoredReason {
    match reason.clone() {
        NotPaidReason::Declined(code) => StoredReason::Declined(code),
        NotPaidReason::SessionCanceled(code) => StoredReason::SessionCanceled(code),
        NotPaidReason::Mismatch(member) => StoredReason::Mismatch(member),
        NotPaidReason::AddressDrift(kind, member) => {
            StoredReason::AddressDrift { kind: kind.name().to_owned(), member: member.name().to_owned() }
        }
        NotPaidReason::Misuse(code) => StoredReason::Misuse(code),
        NotPaidReason::SessionGone => StoredReason::SessionGone,
        NotPaidReason::Abandoned => StoredReason::Abandoned,
        NotPaidReason::OrderCanceled => StoredReason::OrderCanceled,
        NotPaidReason::ChargeDeclined(code) => StoredReason::ChargeDeclined(code),
        NotPaidReason::ChargeCanceled(code) => StoredReason::ChargeCanceled(code),
    }
}

fn restore_reason(stored: StoredReason) -> Result<NotPaidReason, Unreadable> {
    Ok(match stored {
        StoredReason::Declined(code) => NotPaidReason::Declined(code),
        StoredReason::SessionCanceled(code) => NotPaidReason::SessionCanceled(code),
        StoredReason::Mismatch(member) => NotPaidReason::Mismatch(member),
        StoredReason::AddressDrift { kind, member } => NotPaidReason::AddressDrift(
            [AddressKind::Shipping, AddressKind::Billing]
                .into_iter()
                .find(|known| known.name() == kind)
                .ok_or_else(|| wrong("its address is unknown"))?,
            AddressMember::parse(&member).ok_or_else(|| wrong("its address member is unknown"))?,
        ),
        StoredReason::Misuse(code) => NotPaidReason::Misuse(code),
        StoredReason::SessionGone => NotPaidReason::SessionGone,
        StoredReason::Abandoned => NotPaidReason::Abandoned,
        StoredReason::OrderCanceled => NotPaidReason::OrderCanceled,
        StoredReason::ChargeDeclined(code) => NotPaidReason::ChargeDeclined(code),
        StoredReason::ChargeCanceled(code) => NotPaidReason::ChargeCanceled(code),
    })
}

#[cfg(test)]
mod tests;
