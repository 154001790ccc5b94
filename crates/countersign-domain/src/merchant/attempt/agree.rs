//! Whether Amazon's view of a session is what the shop asks for: the comparison before anything is sent.

use crate::merchant::number::AttemptNumber;
use alloc::string::{String, ToString};

use super::missing::unsent_not_found;
use super::not_approved;
use super::{Account, Attempt, AttemptState, Bearer, GivenAddresses, NotPaidReason, UnresolvedReason};
use crate::address::{Address, AddressKind, AddressMembers};
use crate::ids::{ChargeId, ChargePermissionId, CheckoutId, Environment, StoreId};
use crate::merchant::absence::Access;
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::draft::Draft;
use crate::merchant::event::AttemptEvent;
use crate::merchant::rules::{ASK_AGAIN_AFTER, AbsentReference, Integration, Policy, next_evidence_look};
use crate::money::Money;
use crate::terms::{PaymentIntent, ProductType};

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
    /// `storeId`.
    pub store_id: Option<StoreId>,
    /// `releaseEnvironment`.
    pub environment: Option<Environment>,
    /// `chargePermissionId`: an authorization can exist before Finalize. It is not compared.
    pub charge_permission_id: Option<ChargePermissionId>,
    /// `shippingAddress`.
    pub shipping_address: Option<Address>,
    /// `billingAddress`.
    pub billing_address: Option<Address>,
    /// The first of these members whose value this version does not know. It never matches any terms.
    pub unknown_word: Option<&'static str>,
}

/// What Get Checkout Session showed. A failed Get is not represented here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionView {
    /// The session is not finalized, or not yet shown as finalized. Once Finalize was sent, this proves
    /// nothing.
    Open(alloc::boxed::Box<OpenSession>),
    /// The payment intent was executed; the authorization may still be pending or declined.
    Completed {
        /// The Charge Permission, if the answer names it.
        charge_permission_id: Option<ChargePermissionId>,
        /// The charge, if there is one and the answer names it.
        charge_id: Option<ChargeId>,
    },
    /// It can never be paid.
    Canceled {
        /// Amazon's reason code.
        reason: Option<String>,
    },
    /// Amazon's own 404, under this key and endpoint.
    NotFound(Access),
}

impl SessionView {
    /// The state's word for the timeline.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open(_) => "Open",
            Self::Completed { .. } => "Completed",
            Self::Canceled { .. } => "Canceled",
            Self::NotFound(_) => "ResourceNotFound",
        }
    }
}

/// What Amazon must show of a session that is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OurStore {
    /// The environment of the key.
    pub environment: Environment,
    /// The configured store id.
    pub store_id: StoreId,
}

/// Whether it is known if the quote of an order is based on the payment-critical address of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuoteBasis {
    /// It is based on that address, or is known not to be.
    Known,
    /// The shop was asked what the order costs there, and has not answered.
    Unanswered,
}

/// Compares what Amazon shows with what the shop recorded, before anything is sent. If they agree, returns
/// the address to send Finalize with; otherwise the attempt ends unsent, its session is asked for again, or
/// the attempt no longer waits for this comparison.
///
/// An absent `merchantReferenceId` is accepted only if the session was brought with the shop's token and the
/// operator allows it: nobody else can say which order it is for. `reference` is what the session shows of it in
/// whichever state.
pub fn agree(
    draft: &mut Draft,
    attempt: AttemptNumber,
    seen: &SessionView,
    reference: Option<&str>,
    ours: &OurStore,
    priced: QuoteBasis,
) -> Option<(AddressKind, Address)> {
    let now = draft.now;
    let current = draft.checkout().attempt(attempt)?;
    let is_bound = matches!(current.state, AttemptState::Bound { .. });
    // The attempt was approved, was never sent, and waits because this machine's clock is in question. If its
    // session is over, the attempt ends, which needs no clock.
    let is_over = !matches!(seen, SessionView::Open(_));
    if current.state.asked_again().is_some() {
        return agree_again(draft, attempt, seen, ours, priced);
    }
    let waits_for_this = is_bound || (is_over && current.state.is_unsent());
    if !waits_for_this {
        return None;
    }
    let reason = match seen {
        SessionView::Open(session) => {
            match compare(draft.checkout(), current, session, ours, &draft.rules.policy) {
                // Only a session that may still agree waits for the shop's answer.
                Ok(_) | Err(Disagreement::WithTheQuote(_)) if priced == QuoteBasis::Unanswered => {
                    ask_again(draft, attempt);
                    return None;
                }
                Ok(agreed) => return Some(agreed),
                Err(Disagreement::WithTheQuote(reason) | Disagreement::WithTheTerms(reason)) => reason,
            }
        }
        SessionView::NotFound(access) => {
            unsent_not_found(draft, attempt, access);
            return None;
        }
        SessionView::Canceled { reason } => NotPaidReason::SessionCanceled(reason.clone()),
        // It was completed for something else, and nothing was sent for it here.
        SessionView::Completed { .. }
            if reference.is_some_and(|it| !may_be_a_checkouts(it, &draft.checkout().id)) =>
        {
            NotPaidReason::Mismatch(REFERENCE.to_string())
        }
        // The session was completed before this shop sent anything: it may belong to another order, or to
        // this one from before a store was lost. So neither paid nor unpaid may be claimed.
        SessionView::Completed { charge_permission_id, charge_id } => {
            if let Some(of) = draft.checkout().live_attempt().map(|live| live.number) {
                let permission = charge_permission_id.as_ref();
                // What it has paid is looked at, and belongs to no attempt until that is decided.
                let is_followed =
                    permission.is_some_and(|id| draft.completed_beside(attempt, id, charge_id.as_ref()));
                if draft.checkout().attempt(attempt).is_some_and(|it| it.state.is_unsent()) {
                    draft.end_as_surplus(attempt, of);
                }
                if !is_followed {
                    draft.emit(
                        attempt,
                        AttemptEvent::Contradiction {
                            found: "a further session that somebody completed",
                            charge_permission_id: charge_permission_id.clone(),
                            charge_id: charge_id.clone(),
                        },
                    );
                }
            } else {
                let reason = UnresolvedReason::CompletedElsewhere;
                // In the only integration of its account, the session's permission may prove it now.
                let look_at = match draft.rules.policy.integration {
                    Integration::Sole => now,
                    Integration::OneOfSeveral => next_evidence_look(now, now),
                };
                draft
                    .move_on(attempt, AttemptState::Unresolved { reason, send: None, sent_at: now, look_at });
                draft.emit(attempt, AttemptEvent::Unresolved);
            }
            return None;
        }
    };
    draft.end_unpaid(attempt, reason);
    None
}

/// As [`agree`], for a session whose sends were all refused and that is asked for again. It was sent, so a
/// disagreement does not end it.
fn agree_again(
    draft: &mut Draft,
    attempt: AttemptNumber,
    seen: &SessionView,
    ours: &OurStore,
    priced: QuoteBasis,
) -> Option<(AddressKind, Address)> {
    let is_in_doubt = draft.checkout().attempt(attempt)?.state.doubt().is_some();
    let open = match seen {
        SessionView::Open(open) if is_in_doubt || open.charge_permission_id.is_none() => open,
        SessionView::Canceled { reason } => {
            draft.end_unpaid(attempt, NotPaidReason::SessionCanceled(reason.clone()));
            return None;
        }
        SessionView::Open(_) | SessionView::Completed { .. } | SessionView::NotFound(_) => {
            // The next look, which is due now, decides.
            not_approved::doubt_again(draft, attempt, seen.name());
            return None;
        }
    };
    not_approved::still_open(draft, attempt);
    let current = draft.checkout().attempt(attempt)?;
    match compare(draft.checkout(), current, open, ours, &draft.rules.policy) {
        Ok(_) | Err(Disagreement::WithTheQuote(_)) if priced == QuoteBasis::Unanswered => {
            not_approved::compare_later(draft, attempt);
            None
        }
        Ok(agreed) => Some(agreed),
        Err(Disagreement::WithTheQuote(_) | Disagreement::WithTheTerms(_)) => {
            not_approved::stand_back(draft, attempt);
            None
        }
    }
}

/// Whether a reference is that of this checkout, or may be that of one of this shop's from before a store was
/// lost: it has the form of a checkout's id, 32 hexadecimal digits.
#[must_use]
pub fn may_be_a_checkouts(reference: &str, this: &CheckoutId) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    reference == this.as_str() || (reference.len() == 32 && reference.bytes().all(is_digit))
}

/// The member that names the order of a session.
const REFERENCE: &str = "merchantMetadata.merchantReferenceId";

/// What a session first disagrees with.
enum Disagreement {
    WithTheTerms(NotPaidReason),
    /// With the address that the quote is based on, and with nothing else.
    WithTheQuote(NotPaidReason),
}

/// The payment-critical address of an open session, if everything in it is as the shop recorded it.
fn compare(
    checkout: &Checkout,
    attempt: &Attempt,
    session: &OpenSession,
    ours: &OurStore,
    policy: &Policy,
) -> Result<(AddressKind, Address), Disagreement> {
    use Disagreement::{WithTheQuote, WithTheTerms};
    let (terms, given) = (&checkout.terms, &attempt.given);
    let pending = session.can_handle_pending_authorization.unwrap_or(false);
    let is_named = match session.merchant_reference_id.as_deref() {
        Some(id) => id == checkout.id.as_str(),
        None => attempt.bearer == Bearer::Shop && policy.absent_reference == AbsentReference::ShopsToken,
    };
    let mismatch = |member: &str| WithTheTerms(NotPaidReason::Mismatch(member.to_string()));
    let compared = [
        (REFERENCE, is_named),
        ("storeId", session.store_id.as_ref().is_none_or(|seen| *seen == ours.store_id)),
        (session.unknown_word.unwrap_or_default(), session.unknown_word.is_none()),
        ("releaseEnvironment", session.environment.is_none_or(|seen| seen == ours.environment)),
        ("productType", session.product_type.is_none_or(|seen| seen == terms.product_type)),
        ("paymentDetails.paymentIntent", session.payment_intent == Some(terms.payment_intent)),
        ("paymentDetails.canHandlePendingAuthorization", pending == terms.can_handle_pending_authorization),
        ("paymentDetails.chargeAmount", session.charge_amount == Some(terms.charge_amount)),
        ("paymentDetails.totalOrderAmount", session.total_order_amount == terms.total_order_amount),
        ("supplementaryData", session.supplementary_data == terms.supplementary_data),
    ];
    if let Some((member, _)) = compared.into_iter().find(|(_, agrees)| !agrees) {
        return Err(mismatch(member));
    }
    let same = |kind, ours: Option<&Address>, theirs: Option<&Address>, compared| {
        let drift = ours.zip(theirs).and_then(|(ours, theirs)| ours.difference_in(theirs, compared));
        drift.map_or(Ok(()), |member| Err(NotPaidReason::AddressDrift(kind, member)))
    };
    let (compared, priced) = (policy.compared_address, policy.priced_address());
    let (shipping, billing) = (&session.shipping_address, &session.billing_address);
    same(AddressKind::Shipping, given.shipping.as_ref(), shipping.as_ref(), compared)
        .map_err(WithTheTerms)?;
    same(AddressKind::Billing, given.billing.as_ref(), billing.as_ref(), compared).map_err(WithTheTerms)?;
    let (kind, address) = decisive_address(terms.product_type, session, given);
    let address = address.ok_or_else(|| mismatch(kind.as_str()))?;
    let registered = terms.shipping_address.as_ref().filter(|_| kind == AddressKind::Shipping);
    same(kind, registered, Some(address), priced).map_err(WithTheTerms)?;
    same(kind, terms.quoted_address.as_ref(), Some(address), priced).map_err(WithTheQuote)?;
    Ok((kind, address.clone()))
}

/// The payment-critical address of a session: where the parcel goes, or for `PayOnly` the billing address; as
/// Amazon shows it or, if Amazon does not, as the caller gave it.
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

/// Records where the Finalize of an attempt that agrees is sent, in the decision that begins it.
pub fn send_to(draft: &mut Draft, attempt: AttemptNumber, account: &Account) {
    let is_new = |attempt: &Attempt| attempt.state.is_live() && attempt.account.as_ref() != Some(account);
    if draft.checkout().attempt(attempt).is_some_and(is_new)
        && let Some(attempt) = draft.change_attempt(attempt)
    {
        attempt.account = Some(account.clone());
    }
}

/// The address of a bound session that differs from the one that the quote is based on in a member that
/// `priced` names: the buyer has chosen another card since, or the page reported only a part of the address.
/// The price for that address must be asked for before [`agree`] compares. `None` if the quote is based on
/// it, or if there is no quote.
#[must_use]
pub fn unquoted_address<'a>(
    checkout: &'a Checkout,
    attempt: AttemptNumber,
    session: &'a OpenSession,
    priced: AddressMembers,
) -> Option<&'a Address> {
    let attempt = checkout.attempt(attempt)?;
    if !attempt.state.is_compared() {
        return None;
    }
    let quoted = checkout.terms.quoted_address.as_ref()?;
    let (_, address) = decisive_address(checkout.terms.product_type, session, &attempt.given);
    address.filter(|address| quoted.difference_in(address, priced).is_some())
}

/// Handles a Get that returned nothing to compare with: the session stays bound and is asked for again soon,
/// unless that is no longer needed.
pub fn ask_again(draft: &mut Draft, attempt: AttemptNumber) {
    not_approved::compare_later(draft, attempt);
    let retry_at = draft.now.plus(ASK_AGAIN_AFTER);
    let state = draft.checkout().attempt(attempt).map(|attempt| &attempt.state);
    if let Some(AttemptState::Bound { missing, .. }) = state {
        let missing = missing.clone();
        draft.move_on(attempt, AttemptState::Bound { retry_at, missing });
    }
}
