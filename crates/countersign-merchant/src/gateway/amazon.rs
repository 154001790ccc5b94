//! Calls Amazon, and reads its answers as the domain's classes. Here and in the files of its folder, statuses
//! and reason codes become "paid", "not paid" or "in doubt".

mod inquiry;
mod payment;
pub(crate) mod send;

use countersign_domain::merchant::number::AttemptNumber;
use std::sync::Arc;

use bytes::Bytes;
use countersign_client::{Answer, Client, Error, FailureClass};
use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, Environment};
use countersign_domain::merchant::absence::{Access, Reach};
use countersign_domain::merchant::attempt::NotPaidReason;
use countersign_domain::merchant::attempt::agree::{OpenSession, SessionView};
use countersign_domain::merchant::attempt::finalize::FinalizeAnswer;
use countersign_domain::merchant::call::{self, KeyedRequest, UnclearKind};
use countersign_domain::merchant::payment::amount_view::AmountView;
use countersign_domain::merchant::proof::FinalizeSuccess;
use countersign_domain::terms::PaymentIntent;
use countersign_protocol::wire::{
    CheckoutSession, CheckoutSessionState, MalformedMember, Price, ReasonClass, ReasonCode, Word,
};

use crate::clock::DecisionClock;

/// The merchant half's calls to Amazon.
pub(crate) struct Amazon {
    client: Client,
    clock: Arc<DecisionClock>,
    /// The key and the endpoint of the client.
    access: Access,
}

/// Nothing can be concluded from a Get: there was no answer, a 5xx, or a body that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoEvidence {
    answer: String,
    /// The request was turned away for its date, key or account: an operator must fix that.
    turned_away: bool,
}

impl NoEvidence {
    pub(crate) fn new(answer: &str) -> Self {
        Self { answer: answer.to_owned(), turned_away: false }
    }

    /// Logs that a Get for a checkout showed nothing.
    pub(crate) fn tell(&self, checkout_id: &str, attempt: Option<AttemptNumber>, message: &'static str) {
        let (answer, attempt) = (&self.answer, attempt.map(AttemptNumber::get));
        if self.turned_away {
            tracing::error!(checkout_id, attempt, answer, "{message}");
        } else {
            tracing::warn!(checkout_id, attempt, answer, "{message}");
        }
    }

    /// Logs that a Get of a permission showed nothing.
    pub(crate) fn tell_of_permission(&self, permission: &ChargePermissionId, message: &'static str) {
        let answer = &self.answer;
        tracing::warn!(charge_permission_id = %permission, answer, "{message}");
    }
}

impl Amazon {
    pub(crate) fn new(client: Client, clock: Arc<DecisionClock>) -> Self {
        let endpoint = client.endpoint();
        let (scheme, authority) = (endpoint.scheme(), endpoint.authority());
        let access =
            Access(format!("{} {scheme}://{authority}{}", client.public_key_id(), endpoint.prefix()));
        Self { client, clock, access }
    }

    pub(crate) fn environment(&self) -> Environment {
        self.client.environment()
    }

    /// Compares the clocks by the date of an answer, whatever the answer is.
    fn noted<T>(&self, answer: Result<Answer<T>, Error>) -> Result<Answer<T>, Error> {
        let date = match &answer {
            Ok(answer) => answer.date,
            Err(error) => error.date(),
        };
        if let Some(date) = date {
            self.clock.compare(date);
        }
        answer
    }

    /// Get Checkout Session.
    pub(crate) async fn session(&self, id: &CheckoutSessionId) -> Result<SessionView, NoEvidence> {
        self.session_and_owner(id).await.map(|(seen, _)| seen)
    }

    /// Get Checkout Session, and the `merchantReferenceId` that it shows in whichever state.
    pub(crate) async fn session_and_owner(
        &self,
        id: &CheckoutSessionId,
    ) -> Result<(SessionView, Option<String>), NoEvidence> {
        match self.noted(self.client.get_checkout_session(id).await) {
            Ok(answer) => session_seen(id, &answer).map(|seen| (seen, reference_of(&answer.value))),
            Err(error) if is_own_404(&error, id.as_str()) => {
                Ok((SessionView::NotFound(self.access.clone()), None))
            }
            Err(error) => Err(shows_nothing(&error)),
        }
    }

    /// Asks for a charge that is known to exist, to prove that this key and endpoint reach its account.
    pub(crate) async fn reach(&self, known: Option<&ChargeId>) -> Reach {
        let Some(id) = known else { return Reach::NothingToAskFor };
        match self.charge(id).await {
            Ok(shown) if shown.id == *id => Reach::Proved(self.access.clone()),
            Ok(_) | Err(_) => Reach::Unproved,
        }
    }

    /// Finalize, with exactly these bytes and this key, once.
    pub(crate) async fn finalize(
        &self,
        id: &CheckoutSessionId,
        send: &KeyedRequest,
        intent: PaymentIntent,
    ) -> FinalizeAnswer {
        let body = Bytes::copy_from_slice(&send.body);
        let answer = self.client.finalize_checkout_session_bytes(id, body, &send.idempotency_key).await;
        match self.noted(answer) {
            Ok(answer) => read_success(id, intent, &answer),
            Err(error) if is_wrong_status(&error) => {
                FinalizeAnswer::WrongStatus { cause: answer_in_words(&error) }
            }
            Err(error) => classify(&error, |failure_class| unpaid(failure_class, &error)),
        }
    }
}

/// Whether an answer to Finalize is Amazon's own word, whole, that the session is not in a status in which it
/// can be finalized.
fn is_wrong_status(error: &Error) -> bool {
    let code = error.reason_code().and_then(Word::known);
    error.status() == Some(422)
        && code == Some(ReasonCode::InvalidCheckoutSessionStatus)
        && error.request_id().is_some_and(|request_id| !request_id.is_empty())
}

/// Whether a 404 is Amazon's own word about the object with this id: with its code, its request id, and a
/// message that names no other path. Any other 404 may be a proxy's, or about an address that is not the
/// API's.
fn is_own_404(error: &Error, id: &str) -> bool {
    let code = error.reason_code().and_then(Word::known);
    error.status() == Some(404)
        && code == Some(ReasonCode::ResourceNotFound)
        && error.request_id().is_some_and(|request_id| !request_id.is_empty())
        && !error.message().is_some_and(|message| names_other_path(message, id))
}

/// Whether a text has a path that does not end with this id.
fn names_other_path(text: &str, id: &str) -> bool {
    let is_edge = |c: char| !c.is_ascii_alphanumeric() && c != '/';
    text.split(char::is_whitespace)
        .map(|word| word.trim_matches(is_edge))
        .filter(|word| word.starts_with('/') || word.contains("://") || word.contains("/v2/"))
        .any(|path| path.trim_end_matches('/').rsplit('/').next() != Some(id))
}

fn shows_nothing(error: &Error) -> NoEvidence {
    let turned_away = error.failure_class() == FailureClass::NotEvaluated
        && error.status().is_some_and(|status| status != 429);
    NoEvidence { answer: answer_in_words(error), turned_away }
}

fn answer_in_words(error: &Error) -> String {
    match (error.status(), error.reason_code()) {
        (Some(status), Some(code)) => format!("{status} {}", bounded(code.as_str())),
        (Some(status), None) => format!("status {status}"),
        (None, _) => "no answer".to_owned(),
    }
}

/// A code comes from outside, so only a limited part of it is kept.
fn bounded(code: &str) -> String {
    code.chars().filter(char::is_ascii_graphic).take(64).collect()
}

fn session_seen(id: &CheckoutSessionId, answer: &Answer<CheckoutSession>) -> Result<SessionView, NoEvidence> {
    let session = &answer.value;
    if session.checkout_session_id.as_ref() != Some(id) {
        return Err(NoEvidence::new("another session"));
    }
    let status = session.status_details.clone().unwrap_or_default();
    match status.state {
        Some(Word::Known(CheckoutSessionState::Open)) => {
            if answer.malformed.iter().any(|malformed| is_compared(&malformed.field)) {
                return Err(NoEvidence::new("an open session that cannot be read"));
            }
            Ok(SessionView::Open(Box::new(open_session(session))))
        }
        Some(Word::Known(CheckoutSessionState::Completed)) => Ok(SessionView::Completed {
            charge_permission_id: session.charge_permission_id.clone(),
            charge_id: session.charge_id.clone(),
        }),
        Some(Word::Known(CheckoutSessionState::Canceled)) => {
            Ok(SessionView::Canceled { reason: status.reason_code.map(|code| bounded(code.as_str())) })
        }
        Some(Word::Unknown(_)) | None => Err(NoEvidence::new("an unknown session state")),
    }
}

/// An amount of an answer as it came.
fn amount_view(name: &str, price: Option<&Price>, malformed: &[MalformedMember]) -> AmountView {
    let is_within =
        |field: &str| field.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    match price {
        Some(price) => AmountView::Shown(price.money),
        None if malformed.iter().any(|member| is_within(&member.field)) => AmountView::Unreadable,
        None => AmountView::Absent,
    }
}

/// Whether a member of the session, or one that contains it or is within it, is compared with the terms.
fn is_compared(field: &str) -> bool {
    let is_within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    COMPARED.iter().any(|compared| is_within(field, compared) || is_within(compared, field))
}

/// The members of [`OpenSession`] that are compared, by their names on the wire.
const COMPARED: [&str; 11] = [
    "productType",
    "paymentDetails.paymentIntent",
    "paymentDetails.canHandlePendingAuthorization",
    "paymentDetails.chargeAmount",
    "paymentDetails.totalOrderAmount",
    "supplementaryData",
    "merchantMetadata.merchantReferenceId",
    "storeId",
    "releaseEnvironment",
    "shippingAddress",
    "billingAddress",
];

fn open_session(session: &CheckoutSession) -> OpenSession {
    let payment = session.payment_details.clone().unwrap_or_default();
    let unknown_word = [
        ("releaseEnvironment", is_unknown(session.release_environment.as_ref())),
        ("productType", is_unknown(session.product_type.as_ref())),
        ("paymentDetails.paymentIntent", is_unknown(payment.payment_intent.as_ref())),
    ]
    .into_iter()
    .find_map(|(member, is_unknown)| is_unknown.then_some(member));
    OpenSession {
        product_type: session.product_type.as_ref().and_then(Word::known),
        payment_intent: payment.payment_intent.as_ref().and_then(Word::known),
        can_handle_pending_authorization: payment.can_handle_pending_authorization,
        charge_amount: payment.charge_amount.map(|price| price.money),
        total_order_amount: payment.total_order_amount.map(|price| price.money),
        supplementary_data: session.supplementary_data.clone(),
        merchant_reference_id: reference_of(session),
        store_id: session.store_id.clone(),
        environment: session.release_environment.as_ref().and_then(Word::known),
        shipping_address: session.shipping_address.clone().map(Into::into),
        billing_address: session.billing_address.clone().map(Into::into),
        charge_permission_id: session.charge_permission_id.clone(),
        unknown_word,
    }
}

fn reference_of(session: &CheckoutSession) -> Option<String> {
    session.merchant_metadata.as_ref().and_then(|metadata| metadata.merchant_reference_id.clone())
}

fn is_unknown<T>(word: Option<&Word<T>>) -> bool {
    matches!(word, Some(Word::Unknown(_)))
}

/// A 2xx is a success only when it is complete: our session, Completed, a permission, and a charge unless the
/// intent is Confirm.
fn read_success(
    id: &CheckoutSessionId,
    intent: PaymentIntent,
    answer: &Answer<CheckoutSession>,
) -> FinalizeAnswer {
    let session = &answer.value;
    let unclear =
        |cause: &str| FinalizeAnswer::Unclear { cause: cause.to_owned(), kind: UnclearKind::Unknown };
    let pending = match answer.status {
        200 => false,
        202 => true,
        _ => return unclear("a success status that is not documented"),
    };
    if session.checkout_session_id.as_ref() != Some(id) {
        return unclear("a success for another session");
    }
    let state = session.status_details.as_ref().and_then(|status| status.state.as_ref());
    if state.and_then(Word::known) != Some(CheckoutSessionState::Completed) {
        return unclear("a success that is not Completed");
    }
    let Some(charge_permission_id) = session.charge_permission_id.clone() else {
        return unclear("a success without a charge permission");
    };
    let charge_id = session.charge_id.clone();
    if charge_id.is_none() && intent != PaymentIntent::Confirm {
        return unclear("a success without a charge");
    }
    let details = session.payment_details.as_ref();
    let amount = details.and_then(|details| details.charge_amount.as_ref());
    let charge_amount = amount_view("paymentDetails.chargeAmount", amount, &answer.malformed);
    FinalizeAnswer::Success(FinalizeSuccess { pending, charge_permission_id, charge_id, charge_amount })
}

/// The class of an answer that is not a success, by the client's [`FailureClass`]. Only the codes that refuse this
/// call are added here.
fn classify<S, R>(error: &Error, refusal: impl FnOnce(FailureClass) -> Option<R>) -> call::CallAnswer<S, R> {
    if !error.may_have_been_sent() {
        return call::CallAnswer::NotSent;
    }
    match error.failure_class() {
        FailureClass::NotEvaluated => call::CallAnswer::NotEvaluated { code: code_in_words(error) },
        failure_class @ (FailureClass::Misuse | FailureClass::Refused | FailureClass::InDoubt) => {
            match refusal(failure_class) {
                Some(refusal) => call::CallAnswer::Refused(refusal),
                None => {
                    call::CallAnswer::Unclear { cause: answer_in_words(error), kind: unclear_kind(error) }
                }
            }
        }
    }
}

/// The kind of an answer that is neither a success nor a refusal of the call as a whole. Only Amazon's own words say
/// that a copy had no effect: a machine in front of it may answer 404 or 408 for a call that was executed.
fn unclear_kind(error: &Error) -> UnclearKind {
    let is_own = error.reason_code().is_some() && error.request_id().is_some_and(|id| !id.is_empty());
    match error.status() {
        Some(500..) => UnclearKind::ServerError,
        Some(408 | 425) | None => UnclearKind::Unknown,
        Some(400..) if is_own => UnclearKind::Refusal,
        Some(_) => UnclearKind::Unknown,
    }
}

/// The reason code, or the answer in words if it has none.
fn code_in_words(error: &Error) -> String {
    error.reason_code().map_or_else(|| answer_in_words(error), |code| bounded(code.as_str()))
}

/// The answers to a Finalize that prove that nothing was paid: the declines, a canceled session (400 in one
/// of Amazon's pages), a disagreement with the session, and a request that is not valid. Amazon documents no
/// other code for a Finalize, so any other proves nothing.
fn unpaid(failure_class: FailureClass, error: &Error) -> Option<NotPaidReason> {
    if failure_class == FailureClass::InDoubt {
        return None;
    }
    let code = error.reason_code().and_then(Word::known)?;
    Some(match (error.status()?, code) {
        (400 | 422, ReasonCode::CheckoutSessionCanceled) => NotPaidReason::SessionCanceled(None),
        (409, ReasonCode::AmountMismatch) => {
            NotPaidReason::Mismatch("paymentDetails.chargeAmount.amount".to_owned())
        }
        (400, ReasonCode::CurrencyMismatch) => {
            NotPaidReason::Mismatch("paymentDetails.chargeAmount.currencyCode".to_owned())
        }
        (400, ReasonCode::TransactionAmountExceeded) => NotPaidReason::Declined(code.as_str().to_owned()),
        (422, code) if code.class() == ReasonClass::Decline => {
            NotPaidReason::Declined(code.as_str().to_owned())
        }
        (400, code) if code.class() == ReasonClass::Misuse && code.status() == 400 => {
            NotPaidReason::Misuse(code.as_str().to_owned())
        }
        _ => return None,
    })
}
