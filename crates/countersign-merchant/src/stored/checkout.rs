//! The checkout document: terms, attempts, payment, links. It is one document, so its version alone ensures
//! that at most one attempt is live.

use countersign_document::stored;
use countersign_domain::merchant::absence::{Absence, Access};
use countersign_domain::merchant::attempt::sends::{CompletedBy, CompletedSession, Sends};
use countersign_domain::merchant::attempt::{
    Account, Attempt, AttemptState, Bearer, Completion, FailedCharge, GivenAddresses, NotApproved,
    NotPaidReason, RefusalLooks, UnresolvedReason,
};
use countersign_domain::merchant::call::{Doubt, InFlight, KeyedRequest, StatusRefusals, StoredError};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::cart::{Cart, CartKey};
use countersign_domain::merchant::checkout::terms::Terms;
use countersign_domain::merchant::checkout::unexplained::{
    ReturnState, Returning, Unexplained, UnexplainedEnd, UnexplainedReason, UnexplainedState,
};
use countersign_domain::merchant::number::AttemptNumber;
use countersign_domain::merchant::number::KeyOrdinal;

use super::{Merchant, earlier};
use crate::registration::{BrowserState, LastQuote, Links, Missed, Registration};

stored! {
    by Merchant;

    document Registration as "checkout", format 7, upcast earlier::checkout;

    struct Registration { checkout, links, browsing or default, missed or default }

    struct Checkout {
        id,
        order_id,
        terms,
        terms_version,
        attempts,
        payment,
        cancellation,
        cart or default,
        superseded_by or default,
        unexplained or default,
        decisions or default,
        registered_at,
    }

    struct Cart { key, supersedes }

    enum CartKey { Named(id), Of(checkout_id) }

    struct Unexplained {
        charge_permission_id,
        charge_ids or default,
        attempt,
        amount,
        heard_at,
        asked_at,
        returning or default,
        state,
    }

    struct Returning { call, try_number, since, state }

    enum ReturnState {
        Recorded,
        Sent { send, sent_at, earlier_at },
        Accepted { refund_id },
        Refused { code },
    }

    enum UnexplainedState {
        Heard { look },
        Watched { look },
        Open { reason, since, look },
        Over { end, at },
    }

    text UnexplainedReason: as_str, UnexplainedReason::parse;

    text UnexplainedEnd: as_str, UnexplainedEnd::parse;

    struct Terms {
        product_type,
        payment_intent,
        can_handle_pending_authorization,
        charge_amount,
        total_order_amount,
        supplementary_data,
        merchant_metadata or default,
        shipping_address,
        quoted_address,
    }

    struct Attempt {
        number,
        checkout_session_id,
        given or default,
        bearer or default,
        bound_at,
        buyer_seen_at,
        spent_keys,
        turned_away or default,
        turned_away_terms or default,
        waits_for or default,
        refused_keys or default,
        terms_version,
        account or default,
        refusal or default,
        unreadable_count or default,
        sends or default,
        was_sent or default,
        state,
    }

    struct Sends {
        unanswered_count or default,
        unanswered_later_count or default,
        was_refused or default,
        completed or default,
    }

    struct CompletedSession {
        charge_permission_id,
        charge_id,
        silence_count or default,
        was_asked or default,
        completed_by,
    }

    enum CompletedBy { Unknown, Us, SoleIntegration }

    text Bearer: as_str, Bearer::parse;

    struct Account { merchant_id, environment, region }

    struct GivenAddresses { shipping, billing }

    struct AttemptNumber(number);

    struct KeyOrdinal(number);

    struct KeyedRequest { n, idempotency_key, body }

    enum AttemptState {
        Bound { retry_at, missing },
        Finalize(call),
        Pending { charge_permission_id, charge_id, since, look, alarm_count },
        Completed { completion, charge_permission_id, at },
        NotPaid { reason, charge, at },
        NotApproved(waiting),
        Unresolved { reason, send, sent_at, look_at },
        Surplus { of },
        Released { at },
    }

    enum InFlight {
        Recorded { earlier, left_at, retry_at },
        Sent { send, sent_at, lease_until },
        InDoubt(doubt),
    }

    struct RefusalLooks { open_since, open_count }

    struct NotApproved { doubt, seen_at, asked_again }

    struct Doubt {
        send,
        send_count,
        sent_at,
        since,
        look,
        alarm_count,
        stored_error,
        missing,
        refusals or default,
        asked_again or default,
        must_be_compared or default,
    }

    struct StatusRefusals { count, open_before, open_since, open_count, names_permission or default }

    struct Absence { access, count, first_at, reach_proved_at }

    struct Access(name);

    struct StoredError { cause, replay_count }

    enum Completion {
        Captured(charge_id),
        CaptureInitiated(charge_id),
        Authorized(charge_id),
        Confirmed,
    }

    struct FailedCharge { charge_permission_id, charge_id, contradicted }

    enum NotPaidReason {
        Declined(code),
        SessionCanceled(code),
        Mismatch(member),
        AddressDrift(kind, member),
        Misuse(code),
        SessionGone,
        Abandoned,
        OrderCanceled,
        ChargeDeclined(code),
        ChargeCanceled(code),
        Decided,
    }

    text UnresolvedReason: as_str, UnresolvedReason::parse;

    struct Links {
        browser_token,
        result_token,
        start_of_checkout_url,
        success_url,
        checkout_language,
    }

    struct Missed { snapshot_at, webhooks or default }

    struct BrowserState { quoted, quote_count, told_count }

    struct LastQuote { at, base, total, delivery_option_id, coupon_codes }
}

#[cfg(test)]
mod tests;
