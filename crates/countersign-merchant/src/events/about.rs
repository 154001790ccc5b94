//! What an event is about: ids, the reference of the request, and one detail. The detail is typed where a
//! decision depends on it; its text is for people.

use std::fmt;

use serde::{Deserialize, Serialize};

use countersign_protocol::json::Members;

/// What an event is about. It contains only ids and codes, and no text from Amazon or from a buyer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EventSubject {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) amazon_checkout_session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) charge_permission_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) charge_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refund_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dispute_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<u32>,
    /// The shop's reference, or the name of our own rule, of the operation or cancellation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<String>,
    /// Amazon's call that the operation makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) call: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<Detail>,
}

/// The reason, or what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Detail {
    /// A code, an id, an amount or a few words of our own.
    Word(String),
    /// A call that was sent: the ordinal of its key, and how often it has been sent under that key.
    Sent { key: u32, send_count: u32 },
    /// How long something has been in doubt.
    LastingSeconds(u64),
    /// The code of the reason, what proves that nothing was paid, and the member that differs, if one does.
    NotPaid { code: String, proof: UnpaidProof, field: Option<String> },
    /// A deadline, and when it passes.
    Due { deadline: String, at: String },
}

/// What proves that nothing was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum UnpaidProof {
    /// The session differs from the terms.
    Mismatch,
    AddressDrift,
    SessionGone,
    Abandoned,
    SessionCanceled,
    /// Amazon refused the request as not valid.
    Misuse,
    /// Persons have decided it.
    Decided,
    /// Amazon's answer says so.
    Amazon,
}

impl EventSubject {
    /// Adds its ids to the members of an answer.
    pub(crate) fn ids(&self, members: Members) -> Members {
        members
            .some("attempt", self.attempt)
            .some("amazonCheckoutSessionId", self.amazon_checkout_session_id.as_ref())
            .some("chargePermissionId", self.charge_permission_id.as_ref())
            .some("chargeId", self.charge_id.as_ref())
            .some("refundId", self.refund_id.as_ref())
            .some("disputeId", self.dispute_id.as_ref())
    }

    /// The detail in words, after the call if it is about one.
    pub(crate) fn text(&self) -> Option<String> {
        match (&self.call, &self.detail) {
            (Some(call), Some(detail)) => Some(format!("{call}: {detail}")),
            (Some(call), None) => Some(call.clone()),
            (None, detail) => detail.as_ref().map(ToString::to_string),
        }
    }

    /// The member that differs, if one does.
    pub(crate) fn field(&self) -> Option<&str> {
        let Some(Detail::NotPaid { field, .. }) = &self.detail else { return None };
        field.as_deref()
    }

    /// What proves that nothing was paid, if the event is about that.
    pub(crate) fn unpaid(&self) -> Option<UnpaidProof> {
        let Some(Detail::NotPaid { proof, .. }) = self.detail else { return None };
        Some(proof)
    }

    /// The detail, if it is a word.
    pub(crate) fn plain_word(&self) -> Option<&str> {
        let Some(Detail::Word(word)) = &self.detail else { return None };
        Some(word)
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Sent { key, send_count } => write!(f, "key {key}, send {send_count}"),
            Self::LastingSeconds(seconds) => write!(f, "in doubt after {seconds} s"),
            Self::NotPaid { code, .. } => f.write_str(code),
            Self::Due { deadline, at } => write!(f, "{deadline} at {at}"),
        }
    }
}
