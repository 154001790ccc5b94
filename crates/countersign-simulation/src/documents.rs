//! The parts of the two stores that the invariants need. This crate's own code reads the documents'
//! forms on disk, so that a wrong conversion in a half cannot hide its own effects.

mod disputes;

use std::fmt;

use serde::Deserialize;

pub(crate) use disputes::{Dispute, DisputeState};

/// An amount in minor units, and its currency.
pub(crate) type Amount = (u64, String);

/// The merchant half's document of a checkout.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Registration {
    checkout: Checkout,
    links: Links,
    #[serde(default)]
    browsing: BrowserState,
}

/// The links that the buyer gets.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Links {
    result_token: String,
}

/// The merchant half's checkout.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Checkout {
    pub(crate) id: String,
    pub(crate) order_id: String,
    pub(crate) terms: Terms,
    pub(crate) attempts: Vec<Attempt>,
    #[serde(default)]
    pub(crate) payment: Option<Payment>,
    #[serde(default)]
    pub(crate) cancellation: Option<Cancellation>,
    #[serde(default)]
    pub(crate) unexplained: Vec<HeardPermission>,
    #[serde(default)]
    pub(crate) cart: Option<Cart>,
    /// What persons have decided.
    #[serde(default)]
    pub(crate) decisions: serde_json::Value,
    #[serde(skip)]
    pub(crate) result_token: String,
    #[serde(skip)]
    pub(crate) browsing: BrowserState,
}

/// A permission that names the order although none of its sessions is known to have made it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct HeardPermission {
    pub(crate) charge_permission_id: String,
    pub(crate) state: HeardState,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum HeardState {
    Heard { look: LookSchedule },
    Watched { look: LookSchedule },
    Open { look: LookSchedule },
    Over { end: String },
}

impl HeardState {
    pub(crate) fn due_at(&self) -> Option<i64> {
        match self {
            Self::Heard { look } | Self::Watched { look } | Self::Open { look } => Some(look.at),
            Self::Over { .. } => None,
        }
    }

    /// Whether no Finalize of the order may leave because of it.
    pub(crate) fn holds(&self) -> bool {
        matches!(self, Self::Heard { .. } | Self::Open { .. })
    }

    /// The state in words, for the trace.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Heard { .. } => "Heard".to_owned(),
            Self::Watched { .. } => "Watched".to_owned(),
            Self::Open { .. } => "Open".to_owned(),
            Self::Over { end } => format!("Over {end}"),
        }
    }
}

impl Registration {
    /// The checkout, with the parts of its document that are stored next to it.
    pub(crate) fn into_checkout(self) -> Checkout {
        let Self { checkout, links: Links { result_token }, browsing } = self;
        Checkout { result_token, browsing, ..checkout }
    }
}

/// The state of the buyer's page. A quote expires, so it has a timer.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(crate) struct BrowserState {
    pub(crate) quoted: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Terms {
    pub(crate) payment_intent: String,
    pub(crate) charge_amount: Amount,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) checkout_session_id: String,
    pub(crate) buyer_seen_at: i64,
    /// The order of the same cart that it waits for.
    #[serde(default)]
    pub(crate) waits_for: Option<String>,
    #[serde(default)]
    pub(crate) sends: Sends,
    pub(crate) state: AttemptState,
}

/// What is known of the Finalizes that were sent for an attempt.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(crate) struct Sends {
    /// How many unanswered ones left before any was refused.
    #[serde(default)]
    pub(crate) unanswered_count: u32,
}

/// What an order has in common with others.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Cart {
    pub(crate) key: serde_json::Value,
    pub(crate) supersedes: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Send {
    pub(crate) n: u32,
    pub(crate) idempotency_key: String,
    pub(crate) body: String,
}

/// A call that may still have an effect.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum InFlight {
    Recorded {
        left_at: Option<i64>,
        retry_at: i64,
    },
    Sent {
        send: Send,
        lease_until: i64,
    },
    InDoubt {
        send: Send,
        send_count: u32,
        sent_at: i64,
        since: i64,
        look: LookSchedule,
        stored_error: Option<StoredError>,
        #[serde(default)]
        refusals: StatusRefusals,
        #[serde(default)]
        asked_again: Option<i64>,
    },
}

/// The sends that were refused because of the session's status.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(crate) struct StatusRefusals {
    pub(crate) count: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct StoredError {
    pub(crate) replay_count: u32,
}

impl InFlight {
    fn due_at(&self) -> i64 {
        match self {
            Self::Recorded { retry_at, .. } => *retry_at,
            Self::Sent { lease_until, .. } => *lease_until,
            Self::InDoubt { look, asked_again, .. } => asked_again.map_or(look.at, |at| at.min(look.at)),
        }
    }

    fn send(&self) -> Option<&Send> {
        match self {
            Self::Recorded { .. } => None,
            Self::Sent { send, .. } | Self::InDoubt { send, .. } => Some(send),
        }
    }
}

/// What is known of Amazon's keys on Finalize.
#[derive(Debug, Deserialize)]
pub(crate) struct FinalizeKeys {
    pub(crate) keys: String,
    pub(crate) trial: Option<KeyTrial>,
}

/// A Finalize of a completed session that is sent once more.
#[derive(Debug, Deserialize)]
pub(crate) struct KeyTrial {
    checkout_session_id: String,
    send: Send,
    other_key: String,
}

impl KeyTrial {
    /// What may be sent: session, key and body.
    pub(crate) fn sends(&self) -> [(String, String, String); 2] {
        [&self.send.idempotency_key, &self.other_key]
            .map(|key| (self.checkout_session_id.clone(), key.clone(), self.send.body.clone()))
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum AttemptState {
    Bound {
        retry_at: i64,
    },
    Finalize(InFlight),
    Pending {
        charge_permission_id: String,
        charge_id: String,
        look: LookSchedule,
    },
    Completed {
        completion: Completion,
        charge_permission_id: String,
    },
    NotPaid {
        reason: serde_json::Value,
        #[serde(default)]
        charge: Option<FailedCharge>,
    },
    NotApproved {
        doubt: DoubtShown,
        asked_again: Option<i64>,
    },
    Unresolved {
        reason: String,
        look_at: i64,
    },
    Surplus {
        of: u32,
    },
    Released {
        at: i64,
    },
}

/// The charge of a payment that came to nothing.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct FailedCharge {
    /// Present while Amazon contradicts that.
    #[serde(default)]
    contradicted: Option<LookSchedule>,
}

/// What was sent of an attempt that was not approved, and when it is looked at.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct DoubtShown {
    pub(crate) send: Send,
    look: LookSchedule,
}

/// The kind of a success, with the charge unless the intent was Confirm.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum Completion {
    Captured(String),
    CaptureInitiated(String),
    Authorized(String),
    Confirmed,
}

impl Completion {
    fn charge_id(&self) -> Option<&String> {
        match self {
            Self::Captured(charge_id) | Self::CaptureInitiated(charge_id) | Self::Authorized(charge_id) => {
                Some(charge_id)
            }
            Self::Confirmed => None,
        }
    }
}

/// The name of a state: the first word of its `Debug` text.
pub(crate) fn name(state: &impl fmt::Debug) -> String {
    let state = format!("{state:?}");
    state.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// Amazon's ids of a payment: the permission and, unless the intent is Confirm, the charge.
pub(crate) type Ids = (String, Option<String>);

impl AttemptState {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Completed { completion, .. } => name(completion),
            Self::Finalize(call) => name(call),
            state => name(state),
        }
    }

    /// The outcome's word, if it is a success.
    pub(crate) fn success(&self) -> Option<&'static str> {
        let Self::Completed { completion, .. } = self else { return None };
        Some(match completion {
            Completion::Captured(_) | Completion::CaptureInitiated(_) => "paid",
            Completion::Authorized(_) => "authorized",
            Completion::Confirmed => "confirmed",
        })
    }

    pub(crate) fn is_not_paid(&self) -> bool {
        matches!(self, Self::NotPaid { .. })
    }

    /// Whether this state never changes again.
    pub(crate) fn is_final(&self) -> bool {
        let is_over = matches!(self, Self::Surplus { .. } | Self::Released { .. });
        self.success().is_some() || self.is_not_paid() || is_over
    }

    /// Whether money may have moved.
    pub(crate) fn is_live(&self) -> bool {
        match self {
            Self::Bound { .. }
            | Self::NotPaid { .. }
            | Self::NotApproved { .. }
            | Self::Surplus { .. }
            | Self::Released { .. } => false,
            // A copy of a request that Amazon turned away may still arrive.
            Self::Finalize(InFlight::Recorded { left_at, .. }) => left_at.is_some(),
            _ => true,
        }
    }

    /// Whether another attempt may have been sent while this one was not live: each of its sends was refused
    /// because its session was not approved, and it is in doubt again, or contradicted.
    pub(crate) fn may_be_live_beside_another(&self) -> bool {
        match self {
            Self::Finalize(InFlight::InDoubt { refusals, send_count, .. }) => refusals.count == *send_count,
            Self::Unresolved { reason, .. } => reason == "Contradicted",
            _ => false,
        }
    }

    pub(crate) fn due_at(&self) -> Option<i64> {
        match self {
            Self::Bound { retry_at: at }
            | Self::Pending { look: LookSchedule { at }, .. }
            | Self::Unresolved { look_at: at, .. } => Some(*at),
            Self::NotApproved { doubt, asked_again } => {
                Some(asked_again.map_or(doubt.look.at, |at| at.min(doubt.look.at)))
            }
            Self::Finalize(call) => Some(call.due_at()),
            Self::NotPaid { charge: Some(charge), .. } => charge.contradicted.as_ref().map(|look| look.at),
            Self::Completed { .. } | Self::NotPaid { .. } | Self::Surplus { .. } | Self::Released { .. } => {
                None
            }
        }
    }

    pub(crate) fn send(&self) -> Option<&Send> {
        match self {
            Self::Finalize(call) => call.send(),
            Self::NotApproved { doubt, .. } => Some(&doubt.send),
            _ => None,
        }
    }

    pub(crate) fn ids(&self) -> Option<Ids> {
        match self {
            Self::Pending { charge_permission_id, charge_id, .. } => {
                Some((charge_permission_id.clone(), Some(charge_id.clone())))
            }
            Self::Completed { completion, charge_permission_id } => {
                Some((charge_permission_id.clone(), completion.charge_id().cloned()))
            }
            _ => None,
        }
    }
}

impl Checkout {
    /// Whether a cancellation is done.
    pub(crate) fn is_canceled(&self) -> bool {
        self.cancellation.as_ref().is_some_and(|cancellation| cancellation.done_at().is_some())
    }

    /// The attempt whose outcome is the answer for this session.
    pub(crate) fn deciding(&self, session: &str) -> Option<&Attempt> {
        let mut attempt = self.attempts.iter().find(|attempt| attempt.checkout_session_id == session)?;
        for _ in 0..self.attempts.len() {
            let AttemptState::Surplus { of } = attempt.state else { return Some(attempt) };
            attempt = self.attempt(of)?;
        }
        None
    }

    /// Whether Amazon contradicts an attempt or a charge, or nothing explains a permission that names the order:
    /// then what was said of the order before is not said until that is settled.
    pub(crate) fn is_in_question(&self) -> bool {
        let is_contradicted = |attempt: &Attempt| match &attempt.state {
            AttemptState::Unresolved { reason, .. } => reason == "Contradicted",
            AttemptState::NotPaid { charge: Some(charge), .. } => charge.contradicted.is_some(),
            _ => false,
        };
        self.attempts.iter().any(is_contradicted)
            || self.payment.iter().flat_map(|payment| &payment.charges).any(SeenCharge::is_contradicted)
            || self.payment.as_ref().is_some_and(Payment::is_contested)
            || self.unexplained.iter().any(|it| matches!(it.state, HeardState::Open { .. }))
    }

    /// Whether persons have decided something.
    pub(crate) fn has_decisions(&self) -> bool {
        self.decisions["made"].as_array().is_some_and(|made| !made.is_empty())
    }

    /// Whether a person may have to decide about an attempt.
    pub(crate) fn is_undecided(&self, attempt: &Attempt) -> bool {
        match &attempt.state {
            AttemptState::Unresolved { reason, .. } => reason != "Refunding",
            AttemptState::NotPaid { charge: Some(charge), .. } => charge.contradicted.is_some(),
            AttemptState::Completed { completion, .. } => {
                let charge = completion.charge_id().zip(self.payment.as_ref());
                charge.and_then(|(id, payment)| payment.charge(id)).is_some_and(SeenCharge::is_contradicted)
            }
            _ => false,
        }
    }

    /// What is remembered of a permission that names the order.
    pub(crate) fn heard_of(&self, permission: &str) -> Option<&HeardPermission> {
        self.unexplained.iter().find(|it| it.charge_permission_id == permission)
    }

    /// Whether nothing of the order explains the money of a permission that names it.
    pub(crate) fn is_unexplained(&self) -> bool {
        self.unexplained.iter().any(|it| matches!(it.state, HeardState::Open { .. }))
    }

    /// Whether no Finalize may leave because of one.
    pub(crate) fn is_held(&self) -> bool {
        self.unexplained.iter().any(|it| it.state.holds())
    }

    pub(crate) fn attempt(&self, number: u32) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.number == number)
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.state.success().is_some())
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.state.is_live())
    }
}

/// The merchant half's payment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Payment {
    pub(crate) charge_permission_id: String,
    pub(crate) permission: SeenPermission,
    #[serde(default)]
    pub(crate) charges: Vec<SeenCharge>,
    #[serde(default)]
    pub(crate) operations: Vec<Operation>,
    #[serde(default)]
    pub(crate) disputes: Vec<Dispute>,
    #[serde(default)]
    pub(crate) contests: Vec<Contest>,
}

/// An id that Amazon has answered for another order, too.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Contest {
    state: ContestState,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum ContestState {
    Open { look: LookSchedule },
    Settled {},
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct SeenPermission {
    pub(crate) state: SeenPermissionState,
    look: Option<LookSchedule>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum SeenPermissionState {
    Chargeable,
    NonChargeable(String),
    Closed(String),
}

/// When an object is looked up.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct LookSchedule {
    at: i64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct SeenCharge {
    pub(crate) id: String,
    expires_at: i64,
    planned_until: i64,
    pub(crate) state: SeenChargeState,
    /// When Amazon has last shown it, or what it contradicted.
    #[serde(default)]
    sight: serde_json::Value,
    look: Option<LookSchedule>,
    #[serde(default)]
    pub(crate) refunds: Vec<SeenRefund>,
    #[serde(default)]
    refunded_shown: Option<Amount>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum SeenChargeState {
    AuthorizationInitiated,
    Authorized,
    CaptureInitiated,
    Captured(Amount),
    Canceled(Option<String>),
    Declined(Option<String>),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct SeenRefund {
    pub(crate) id: String,
    pub(crate) amount: Amount,
    pub(crate) state: SeenRefundState,
    look: Option<LookSchedule>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum SeenRefundState {
    RefundInitiated,
    Refunded,
    Declined(Option<String>),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Operation {
    pub(crate) number: u32,
    pub(crate) name: Name,
    pub(crate) request: Request,
    pub(crate) state: OperationState,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum Name {
    Shop(String),
    Own(serde_json::Value),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum Request {
    CreateCharge {},
    Capture { charge_id: String },
    Refund { charge_id: String, amount: Amount },
    CancelCharge { charge_id: String },
    Close {},
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum OperationState {
    InFlight(InFlight),
    Done(Effect),
    Refused { code: String },
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum Effect {
    Charge(String),
    Refund(String),
    Closed,
}

/// The merchant half's cancellation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Cancellation {
    pub(crate) reference: String,
    state: CancellationState,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
enum CancellationState {
    Requested {
        remind_at: i64,
        #[serde(default)]
        is_stuck: bool,
    },
    Done {
        at: i64,
        remind_at: Option<i64>,
    },
}

impl Cancellation {
    pub(crate) fn due_at(&self) -> Option<i64> {
        match self.state {
            CancellationState::Requested { remind_at, .. } => Some(remind_at),
            CancellationState::Done { remind_at, .. } => remind_at,
        }
    }

    pub(crate) fn done_at(&self) -> Option<i64> {
        match self.state {
            CancellationState::Requested { .. } => None,
            CancellationState::Done { at, .. } => Some(at),
        }
    }

    pub(crate) fn is_stuck(&self) -> bool {
        matches!(self.state, CancellationState::Requested { is_stuck: true, .. })
    }
}

impl Contest {
    fn due_at(&self) -> Option<i64> {
        match &self.state {
            ContestState::Open { look } => Some(look.at),
            ContestState::Settled {} => None,
        }
    }
}

impl OperationState {
    pub(crate) fn name(&self) -> String {
        self.in_flight().map_or_else(|| name(self), name)
    }

    pub(crate) fn in_flight(&self) -> Option<&InFlight> {
        if let Self::InFlight(call) = self { Some(call) } else { None }
    }

    pub(crate) fn is_final(&self) -> bool {
        self.in_flight().is_none()
    }

    fn due_at(&self) -> Option<i64> {
        self.in_flight().map(InFlight::due_at)
    }

    pub(crate) fn send(&self) -> Option<&Send> {
        self.in_flight().and_then(InFlight::send)
    }
}

impl Request {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::CreateCharge {} => "createCharge",
            Self::Capture { .. } => "captureCharge",
            Self::Refund { .. } => "createRefund",
            Self::CancelCharge { .. } => "cancelCharge",
            Self::Close {} => "closeChargePermission",
        }
    }
}

impl SeenChargeState {
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Captured(_) | Self::Canceled(_) | Self::Declined(_))
    }
}

impl SeenCharge {
    /// Whether Amazon shows something that excludes what is known of it.
    pub(crate) fn is_contradicted(&self) -> bool {
        self.sight.get("Contradicted").is_some()
    }

    /// Whether it has captured more than is refunded, and was lost by disputes.
    fn keeps_more_than(&self, lost: u64) -> bool {
        let SeenChargeState::Captured(captured) = &self.state else { return false };
        let counted =
            self.refunds.iter().filter(|refund| !matches!(refund.state, SeenRefundState::Declined(_)));
        let known: u64 = counted.map(|refund| refund.amount.0).sum();
        captured.0 > lost.saturating_add(known.max(self.refunded_shown.as_ref().map_or(0, |shown| shown.0)))
    }
}

impl Payment {
    /// Whether a part of what was captured is kept.
    pub(crate) fn keeps_money(&self) -> bool {
        self.charges.iter().any(|charge| charge.keeps_more_than(disputes::lost(&self.disputes, &charge.id)))
    }

    /// The earliest instant at which work on this is due. For an Authorized charge that is its
    /// expiry at the latest.
    pub(crate) fn due_at(&self) -> Option<i64> {
        let operations = self.operations.iter().filter_map(|operation| operation.state.due_at());
        let charges = self.charges.iter().flat_map(|charge| {
            let refunds = charge.refunds.iter().filter_map(|refund| refund.look.as_ref()).map(|look| look.at);
            // A plan that asked until the expiry continues by look-ups.
            let is_planned = charge.planned_until < charge.expires_at;
            let is_authorized = charge.state == SeenChargeState::Authorized;
            // Nothing is planned for a charge that Amazon contradicts, its expiry included: it is looked at daily
            // until Amazon or a person settles it.
            let is_looked_at = charge.is_contradicted() && charge.look.is_some();
            let expires = (is_authorized && is_planned && !is_looked_at).then_some(charge.expires_at);
            refunds.chain(charge.look.as_ref().map(|look| look.at)).chain(expires)
        });
        let contests = self.contests.iter().filter_map(Contest::due_at);
        let permission = self.permission.look.as_ref().map(|look| look.at);
        let disputes = self.disputes.iter().filter_map(Dispute::due_at);
        operations.chain(charges).chain(contests).chain(disputes).chain(permission).min()
    }

    /// Whether Amazon has answered one of its ids for another order, too, and has not said whose it is.
    pub(crate) fn is_contested(&self) -> bool {
        self.contests.iter().any(|contest| contest.due_at().is_some())
    }

    /// The part that is not final but has no timer, if there is one.
    pub(crate) fn unowned(&self) -> Option<String> {
        let waits = |state: &SeenChargeState| {
            matches!(state, SeenChargeState::AuthorizationInitiated | SeenChargeState::CaptureInitiated)
        };
        self.charges.iter().find_map(|charge| {
            let refund = charge
                .refunds
                .iter()
                .find(|refund| refund.state == SeenRefundState::RefundInitiated && refund.look.is_none());
            match refund {
                Some(refund) => Some(format!("the refund {}", refund.id)),
                None if waits(&charge.state) && charge.look.is_none() => {
                    Some(format!("the charge {}", charge.id))
                }
                None => None,
            }
        })
    }

    pub(crate) fn charge(&self, id: &str) -> Option<&SeenCharge> {
        self.charges.iter().find(|charge| charge.id == id)
    }

    pub(crate) fn operation(&self, number: u32) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.number == number)
    }

    pub(crate) fn refunds(&self) -> impl Iterator<Item = &SeenRefund> {
        self.charges.iter().flat_map(|charge| &charge.refunds)
    }
}

/// The merchant half's snapshot of a completed checkout.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum Snapshot {
    Due {},
    Taken {},
    Missed {},
}

/// The document of a Checkout Session.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct AmazonCheckout {
    pub(crate) session: CheckoutSession,
}

/// Amazon's Checkout Session.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct CheckoutSession {
    pub(crate) id: String,
    pub(crate) state: CheckoutSessionState,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum CheckoutSessionState {
    Open { placed_at: Option<i64> },
    Completed { charge_permission_id: String, charge_id: Option<String> },
    Canceled { reason: String },
}

/// Amazon's Charge Permission.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct ChargePermission {
    pub(crate) id: String,
    pub(crate) checkout_session_id: String,
    pub(crate) limit: Amount,
    pub(crate) balances: Balances,
    /// By Amazon's clock.
    #[serde(default)]
    pub(crate) created_at: Option<i64>,
    pub(crate) state: ChargePermissionState,
}

/// The balances of a permission's accounts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Balances {
    pub(crate) available: Amount,
    pub(crate) held: Amount,
    pub(crate) captured: Amount,
    pub(crate) refunded: Amount,
    pub(crate) overcharge: Amount,
    pub(crate) goodwill: Amount,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum ChargePermissionState {
    Chargeable,
    NonChargeable {},
    Closed { reason: String },
}

/// Amazon's Charge.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) amount: Amount,
    pub(crate) expires_at: i64,
    pub(crate) state: ChargeState,
    #[serde(default)]
    pub(crate) refunds: Vec<Refund>,
}

/// Amazon's Refund.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) amount: Amount,
    pub(crate) state: RefundState,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum RefundState {
    RefundInitiated {
        /// Why the refund will be declined; absent if the buyer will get the money.
        decline: Option<String>,
        decided_at: i64,
    },
    Refunded,
    Declined {},
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum ChargeState {
    AuthorizationInitiated { outcome: PendingOutcome, decided_at: i64 },
    Authorized,
    CaptureInitiated { capturing: Amount, decline: Option<String>, decided_at: i64 },
    Captured { captured: Amount },
    Canceled { reason: String },
    Declined { reason: String },
}

/// What the bank will answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum PendingOutcome {
    Authorized,
    /// The bank declines, for this reason.
    Declined(String),
}

/// What the merchant half stores of a notification.
#[derive(Debug, Deserialize)]
pub(crate) struct Notification {
    message: Option<String>,
    progress: Progress,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
enum Progress {
    Waiting {},
    Parked,
    Over,
}

impl Notification {
    /// Whether it has been handled.
    pub(crate) fn is_over(&self) -> bool {
        self.progress == Progress::Over
    }

    /// The permission that the notification is about.
    pub(crate) fn permission(&self) -> Option<String> {
        let message: serde_json::Value = serde_json::from_str(self.message.as_deref()?).ok()?;
        message["ChargePermissionId"].as_str().map(str::to_owned)
    }
}
