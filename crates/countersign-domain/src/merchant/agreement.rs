//! Whether what Amazon shows of a session is what the shop asks for: the comparison before anything is sent.

use alloc::string::{String, ToString};
use core::time::Duration;

use super::attempt::{Attempt, AttemptState, GivenAddresses, NotPaidReason, UnresolvedReason};
use super::checkout::Checkout;
use super::completion::{CheckoutStep, Happened, ended, event};
use crate::address::{Address, AddressKind, AddressMatch};
use crate::ids::{ChargeId, ChargePermissionId, Environment};
use crate::money::Money;
use crate::step::Step;
use crate::terms::{PaymentIntent, ProductType};
use crate::time::Timestamp;

/// A Checkout Session as Amazon shows it while it is Open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenSession {
    /// `productType`.
    pub product_type: Option<ProductType>,
    /// `paymentDetails.paymentIntent`.
    pub payment_intent: Option<PaymentIntent>,
    /// `paymentDetails.canHandlePendingAuthorization`.
    pub can_handle_pending_authorization: Option<bool>,
    /// `paymentDetails.chargeAmount`.
    pub charge_amount: Option<Money>,
    /// `paymentDetails.totalOrderAmount`.
    pub total_order_amount: Option<Money>,
    /// `supplementaryData`.
    pub supplementary_data: Option<String>,
    /// `merchantMetadata.merchantReferenceId`.
    pub merchant_reference_id: Option<String>,
    /// `releaseEnvironment`.
    pub environment: Option<Environment>,
    /// `shippingAddress`.
    pub shipping_address: Option<Address>,
    /// `billingAddress`.
    pub billing_address: Option<Address>,
    /// The first member of these whose word this version does not know. It agrees with no terms.
    pub unknown_word: Option<&'static str>,
}

/// What Get Checkout Session showed. An answer that shows nothing is not one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionSeen {
    /// Not finalized, or not yet seen to be: proof of nothing once Finalize was sent.
    Open(alloc::boxed::Box<OpenSession>),
    /// The payment intent was carried out, the authorization perhaps still pending or declined.
    Completed {
        /// The Charge Permission, if the answer names it.
        charge_permission_id: Option<ChargePermissionId>,
        /// The charge, if there is one and the answer names it.
        charge_id: Option<ChargeId>,
    },
    /// Never to be paid.
    Canceled {
        /// Amazon's reason code.
        reason: Option<String>,
    },
    /// 404.
    NotFound,
}

impl SessionSeen {
    /// The state's word for the timeline.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open(_) => "Open",
            Self::Completed { .. } => "Completed",
            Self::Canceled { .. } => "Canceled",
            Self::NotFound => "ResourceNotFound",
        }
    }
}

/// What became of comparing the session with the terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// They agree: Finalize is to be sent with this address.
    Agreed(AddressKind, Address),
    /// The attempt ends here, unsent.
    Ends(CheckoutStep),
    /// The attempt does not wait for this any more.
    NotReady,
}

/// Compares what Amazon shows with what the shop recorded, before anything is sent.
///
/// An absent `merchantReferenceId` is accepted: whoever may call this has shown the shop's token.
#[must_use]
pub fn agree(
    checkout: &Checkout,
    attempt: u32,
    seen: &SessionSeen,
    environment: Environment,
    now: Timestamp,
) -> Agreement {
    let given = match checkout.attempt(attempt) {
        Some(Attempt { state: AttemptState::Bound { .. }, given, .. }) => given,
        // Agreed before, never sent, and resting because this machine's clock is in question: a session
        // that is over ends it without any clock.
        Some(Attempt { state: AttemptState::Approved { sent_at: None, .. }, given, .. })
            if !matches!(seen, SessionSeen::Open(_)) =>
        {
            given
        }
        Some(_) | None => return Agreement::NotReady,
    };
    let session = match seen {
        SessionSeen::Open(session) => session,
        SessionSeen::NotFound => {
            return Agreement::Ends(ended(checkout, attempt, NotPaidReason::SessionGone, now));
        }
        SessionSeen::Canceled { reason } => {
            return Agreement::Ends(ended(
                checkout,
                attempt,
                NotPaidReason::SessionCanceled(reason.clone()),
                now,
            ));
        }
        // Completed before this shop sent anything: perhaps another order's session, perhaps ours
        // from before a store was lost. Neither paid nor unpaid may be claimed.
        SessionSeen::Completed { charge_permission_id, charge_id }
            if let Some(live) = checkout.live_attempt() =>
        {
            let of = live.number;
            let contradiction = Happened::Contradiction {
                found: "a further session that somebody completed",
                charge_permission_id: charge_permission_id.clone(),
                charge_id: charge_id.clone(),
            };
            let next = checkout.clone().with_state(attempt, AttemptState::Surplus { of });
            let events =
                alloc::vec![event(attempt, Happened::SurplusRecorded { of }), event(attempt, contradiction),];
            return Agreement::Ends(Step { next, events });
        }
        SessionSeen::Completed { .. } => {
            let state = AttemptState::Unresolved {
                reason: UnresolvedReason::CompletedElsewhere,
                send: None,
                sent_at: now,
                look_at: super::doubt::next_look(now, now),
            };
            let next = checkout.clone().with_state(attempt, state);
            return Agreement::Ends(Step::one(next, event(attempt, Happened::Unresolved)));
        }
    };
    let drift = |kind, member| {
        Agreement::Ends(ended(checkout, attempt, NotPaidReason::AddressDrift(kind, member), now))
    };
    let mismatch = |member: &str| {
        Agreement::Ends(ended(checkout, attempt, NotPaidReason::Mismatch(member.to_string()), now))
    };
    let terms = &checkout.terms;
    let is_ours = session.merchant_reference_id.as_deref().is_none_or(|id| id == checkout.id.as_str());
    if !is_ours {
        return mismatch("merchantMetadata.merchantReferenceId");
    }
    if let Some(member) = session.unknown_word {
        return mismatch(member);
    }
    if session.environment.is_some_and(|seen| seen != environment) {
        return mismatch("releaseEnvironment");
    }
    if session.product_type.is_some_and(|seen| seen != terms.product_type) {
        return mismatch("productType");
    }
    if session.payment_intent != Some(terms.payment_intent) {
        return mismatch("paymentDetails.paymentIntent");
    }
    if session.can_handle_pending_authorization.unwrap_or(false) != terms.can_handle_pending_authorization {
        return mismatch("paymentDetails.canHandlePendingAuthorization");
    }
    if session.charge_amount != Some(terms.charge_amount) {
        return mismatch("paymentDetails.chargeAmount");
    }
    if session.total_order_amount != terms.total_order_amount {
        return mismatch("paymentDetails.totalOrderAmount");
    }
    if session.supplementary_data != terms.supplementary_data {
        return mismatch("supplementaryData");
    }
    for (kind, theirs, ours) in [
        (AddressKind::Shipping, &session.shipping_address, &given.shipping),
        (AddressKind::Billing, &session.billing_address, &given.billing),
    ] {
        if let (Some(theirs), Some(ours)) = (theirs, ours)
            && let Some(member) = ours.difference(theirs, AddressMatch::Canonical)
        {
            return drift(kind, member);
        }
    }
    let (kind, address) = decisive_address(terms.product_type, session, given);
    let Some(address) = address else { return mismatch(kind.name()) };
    if let (AddressKind::Shipping, Some(registered)) = (kind, &terms.shipping_address)
        && let Some(member) = registered.difference(address, AddressMatch::Canonical)
    {
        return drift(kind, member);
    }
    if let Some(quoted) = &terms.quoted_address
        && let Some(member) = quoted.difference(address, AddressMatch::Canonical)
    {
        return drift(kind, member);
    }
    Agreement::Agreed(kind, address.clone())
}

/// The payment-critical address of a session: where the parcel goes, or for `PayOnly` the billing address; as
/// Amazon shows it or, where it does not, as the caller gave it.
fn decisive_address<'a>(
    product_type: ProductType,
    session: &'a OpenSession,
    given: &'a GivenAddresses,
) -> (AddressKind, Option<&'a Address>) {
    let (kind, shared, given) = match product_type {
        ProductType::PayAndShip => (AddressKind::Shipping, &session.shipping_address, &given.shipping),
        ProductType::PayOnly => (AddressKind::Billing, &session.billing_address, &given.billing),
    };
    (kind, shared.as_ref().or(given.as_ref()))
}

/// The address of a bound session that is not wholly the one that the quote rests on: the buyer has taken
/// another card since, or the page told a part of it only. What the order costs there is to be asked before
/// [`agree`] compares. None where the quote rests on it, or there is no quote.
#[must_use]
pub fn unquoted_address<'a>(
    checkout: &'a Checkout,
    attempt: u32,
    session: &'a OpenSession,
) -> Option<&'a Address> {
    let attempt = checkout.attempt(attempt)?;
    let AttemptState::Bound { .. } = attempt.state else { return None };
    let quoted = checkout.terms.quoted_address.as_ref()?;
    let (_, address) = decisive_address(checkout.terms.product_type, session, &attempt.given);
    address.filter(|address| quoted.difference(address, AddressMatch::Canonical).is_some())
}

/// Get gave no answer to compare with: the session stays bound, and is asked for again soon. `None`
/// when that is no longer needed.
#[must_use]
pub fn ask_again(checkout: &Checkout, attempt: u32, now: Timestamp) -> Option<Checkout> {
    const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);
    let AttemptState::Bound { .. } = checkout.attempt(attempt)?.state else { return None };
    let state = AttemptState::Bound { retry_at: now.plus(ASK_AGAIN_AFTER) };
    Some(checkout.clone().with_state(attempt, state))
}
