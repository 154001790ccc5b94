//! A charge: its state as far as it is known, and what Amazon shows of one. States only move forward:
//!
//! ```text
//! AuthorizationInitiated ─▶ Authorized ─▶ CaptureInitiated ─▶ Captured
//!            └──────────────────┴─────────────────┴─────────▶ Declined | Canceled
//! ```

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::amount_view::AmountView;
use super::misfit::Misfit;
use super::refund::{Refund, RefundState};
use super::shipment::Shipment;
use crate::amazon_limits::{CAPTURE_GUARANTEED, MAX_REFUNDS};
use crate::ids::{ChargeId, ChargePermissionId};
use crate::merchant::call::LookSchedule;
use crate::merchant::rules::{
    AUTHORIZED_UNTIL_AMAZON_SAYS, COPY_LIFETIME, CapturePolicy, Deadline, MAX_AGE, MerchantRules, WARNINGS,
};
use crate::money::Money;
use crate::time::Timestamp;

/// A charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Its id.
    pub id: ChargeId,
    /// Who made it.
    pub origin: ChargeOrigin,
    /// The amount that it charges.
    pub amount: Money,
    /// When it was authorized: its `creationTimestamp` once Amazon has shown it, before that when it was
    /// first seen to be authorized.
    pub authorized_at: Timestamp,
    /// When its authorization lapses: what Amazon says or, until it has said so, after two days.
    pub expires_at: Timestamp,
    /// The plan for this charge has run up to this instant.
    pub planned_until: Timestamp,
    /// Its state.
    pub state: ChargeState,
    /// Whether Amazon shows that state.
    pub sight: LastSeen,
    /// When to look at it in addition to the plan.
    pub look: Option<LookSchedule>,
    /// Its refunds, oldest first.
    pub refunds: Vec<Refund>,
    /// `refundedAmount`, as last shown.
    pub refunded_shown: Option<Money>,
    /// What others have refunded, without a refund that is known here, as far as Amazon has shown it.
    pub refunded_elsewhere: Option<Money>,
    /// How many times in a row it was shown with an amount that cannot be read.
    pub unreadable_count: u32,
    /// The parcels that it pays for, oldest first.
    pub shipments: Vec<Shipment>,
}

/// Who made a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeOrigin {
    /// The Finalize that was proved to have succeeded.
    Finalize,
    /// One of our operations.
    Operation,
    /// Somebody else, under our permission, as far as is known.
    Elsewhere,
}

/// Whether a charge's state is what Amazon shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastSeen {
    /// Nobody has looked at the charge: all that is known is Finalize's answer, which names no state.
    Never,
    /// It was shown; then Amazon refused something that this state would have allowed, or declined a refund that
    /// may be among what was shown.
    Doubted,
    /// Amazon shows something that excludes what is known: what this was when it was first seen. The shop and
    /// the operator were notified, once. Nothing ships, and nothing more is sent for the charge, until Amazon
    /// shows what fits again.
    Contradicted(Misfit),
    /// It was shown, last to a request that left at this instant.
    At(Timestamp),
}

/// The state of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeState {
    /// Amazon has not decided yet.
    AuthorizationInitiated,
    /// Reserved.
    Authorized,
    /// The capture runs asynchronously: neither success nor failure yet.
    CaptureInitiated,
    /// Captured, with the amount.
    Captured(Money),
    /// Nothing is held; Amazon's reason.
    Canceled(Option<String>),
    /// Declined; Amazon's reason.
    Declined(Option<String>),
}

impl ChargeState {
    /// Amazon's name of the state.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AuthorizationInitiated => "AuthorizationInitiated",
            Self::Authorized => "Authorized",
            Self::CaptureInitiated => "CaptureInitiated",
            Self::Captured(_) => "Captured",
            Self::Canceled(_) => "Canceled",
            Self::Declined(_) => "Declined",
        }
    }

    /// Amazon's reason, if it gave one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Canceled(reason) | Self::Declined(reason) => reason.as_deref(),
            Self::AuthorizationInitiated | Self::Authorized | Self::CaptureInitiated | Self::Captured(_) => {
                None
            }
        }
    }

    /// Whether it holds money, or has taken it.
    #[must_use]
    pub const fn holds_money(&self) -> bool {
        match self {
            Self::AuthorizationInitiated | Self::Authorized | Self::CaptureInitiated | Self::Captured(_) => {
                true
            }
            Self::Canceled(_) | Self::Declined(_) => false,
        }
    }

    /// Whether it is final.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Captured(_) | Self::Canceled(_) | Self::Declined(_) => true,
            Self::AuthorizationInitiated | Self::Authorized | Self::CaptureInitiated => false,
        }
    }

    /// The order of the states: a charge never goes back.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::AuthorizationInitiated => 0,
            Self::Authorized => 1,
            Self::CaptureInitiated => 2,
            Self::Captured(_) | Self::Canceled(_) | Self::Declined(_) => 3,
        }
    }
}

/// The states of a charge, as Get Charge shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmazonChargeState {
    /// Still pending.
    AuthorizationInitiated,
    /// Reserved.
    Authorized,
    /// The capture runs asynchronously.
    CaptureInitiated,
    /// Captured.
    Captured,
    /// Declined.
    Declined,
    /// Canceled.
    Canceled,
}

/// What Get Charge showed. An answer with an unknown state shows nothing and is not represented here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeStatus {
    /// `statusDetails.state`.
    pub state: AmazonChargeState,
    /// `statusDetails.reasonCode`.
    pub reason: Option<String>,
    /// `chargeAmount`.
    pub charge_amount: AmountView,
}

/// A charge as Amazon shows it. What it proves is judged in [`crate::merchant::proof`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeView {
    /// Its id.
    pub id: ChargeId,
    /// When the request for this view left: the charge may have changed since.
    pub asked_at: Timestamp,
    /// `creationTimestamp`; if that is not shown, `lastUpdatedTimestamp`, since the charge existed by then.
    pub created_at: Option<Timestamp>,
    /// `chargePermissionId`.
    pub charge_permission_id: Option<ChargePermissionId>,
    /// State, reason and amount.
    pub seen: ChargeStatus,
    /// `captureAmount`.
    pub captured: AmountView,
    /// `refundedAmount`.
    pub refunded: AmountView,
    /// `expirationTimestamp`.
    pub expires_at: Option<Timestamp>,
}

impl ChargeView {
    /// Its state; `amount` is what was captured, if it is Captured and does not show how much.
    pub(in crate::merchant) fn state(&self, amount: Money) -> ChargeState {
        let reason = || self.seen.reason.clone();
        match self.seen.state {
            AmazonChargeState::AuthorizationInitiated => ChargeState::AuthorizationInitiated,
            AmazonChargeState::Authorized => ChargeState::Authorized,
            AmazonChargeState::CaptureInitiated => ChargeState::CaptureInitiated,
            AmazonChargeState::Captured => ChargeState::Captured(self.captured.shown().unwrap_or(amount)),
            AmazonChargeState::Canceled => ChargeState::Canceled(reason()),
            AmazonChargeState::Declined => ChargeState::Declined(reason()),
        }
    }
}

impl Charge {
    pub(in crate::merchant) fn new(
        id: ChargeId,
        origin: ChargeOrigin,
        amount: Money,
        state: ChargeState,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            origin,
            amount,
            authorized_at: now,
            expires_at: now.plus(AUTHORIZED_UNTIL_AMAZON_SAYS),
            planned_until: now,
            state,
            sight: LastSeen::Never,
            look: None,
            refunds: Vec::new(),
            refunded_shown: None,
            refunded_elsewhere: None,
            unreadable_count: 0,
            shipments: Vec::new(),
        }
    }

    /// Whether all that is known of its capture is that Finalize has succeeded.
    pub(in crate::merchant) fn is_only_said_to_be_captured(&self) -> bool {
        let is_said = match self.state {
            ChargeState::Captured(_) | ChargeState::CaptureInitiated => true,
            ChargeState::AuthorizationInitiated
            | ChargeState::Authorized
            | ChargeState::Canceled(_)
            | ChargeState::Declined(_) => false,
        };
        is_said && self.origin == ChargeOrigin::Finalize && self.sight == LastSeen::Never
    }

    /// How Amazon contradicts what is known of the charge, if it does.
    #[must_use]
    pub const fn contradicted_by(&self) -> Option<Misfit> {
        match self.sight {
            LastSeen::Contradicted(misfit) => Some(misfit),
            LastSeen::Never | LastSeen::Doubted | LastSeen::At(_) => None,
        }
    }

    /// When Amazon last showed it as it is known here, if it did. An instant later than now proves nothing.
    #[must_use]
    pub fn seen_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self.sight {
            LastSeen::At(at) => (at <= now).then_some(at),
            LastSeen::Never | LastSeen::Doubted | LastSeen::Contradicted(_) => None,
        }
    }

    /// Replaces the authorization time known here by Amazon's own, if Amazon's is earlier: the days count
    /// from then, not from when this server learned of the charge. If the capture plan has not begun, it
    /// starts from then too. So does the expiry that is assumed while Amazon has shown none.
    pub(super) fn was_authorized_by(&mut self, created_at: Timestamp, expires_at: Option<Timestamp>) {
        if created_at < self.authorized_at {
            let assumed = self.authorized_at.plus(AUTHORIZED_UNTIL_AMAZON_SAYS);
            if expires_at.is_none() && self.expires_at == assumed {
                self.expires_at = created_at.plus(AUTHORIZED_UNTIL_AMAZON_SAYS);
            }
            if self.planned_until == self.authorized_at {
                self.planned_until = created_at;
            }
            self.authorized_at = created_at;
        }
    }

    /// What its parcels are worth together.
    #[must_use]
    pub fn shipped(&self) -> Money {
        Money::sum(self.amount.currency(), self.shipments.iter().map(|shipment| shipment.amount))
    }

    /// The most that it pays for: what is captured or, before that, what is authorized.
    pub(super) const fn pays(&self) -> Money {
        match &self.state {
            ChargeState::Captured(captured) => *captured,
            ChargeState::AuthorizationInitiated
            | ChargeState::Authorized
            | ChargeState::CaptureInitiated
            | ChargeState::Canceled(_)
            | ChargeState::Declined(_) => self.amount,
        }
    }

    /// The captured amount.
    #[must_use]
    pub const fn captured(&self) -> Money {
        match &self.state {
            ChargeState::Captured(captured) => *captured,
            ChargeState::AuthorizationInitiated
            | ChargeState::Authorized
            | ChargeState::CaptureInitiated
            | ChargeState::Canceled(_)
            | ChargeState::Declined(_) => Money::zero(self.amount.currency()),
        }
    }

    /// What was refunded or is on its way: everything but declined refunds, what others have refunded, and at
    /// least what Amazon shows.
    #[must_use]
    pub fn refunded(&self) -> Money {
        self.refunded_with(Money::zero(self.amount.currency()))
    }

    /// As [`refunded`](Self::refunded), with what is being refunded and is not yet among the refunds. Amazon
    /// may show that already, so it is added only to what is known here.
    pub(super) fn refunded_with(&self, under_way: Money) -> Money {
        let counted = self.refunds.iter().filter(|refund| !matches!(refund.state, RefundState::Declined(_)));
        let known = counted.map(|refund| refund.amount);
        let known = known.chain(self.refunded_elsewhere).chain([under_way]);
        let known = Money::sum(self.amount.currency(), known);
        match self.refunded_shown {
            Some(shown) if shown.minor() > known.minor() => shown,
            Some(_) | None => known,
        }
    }

    /// What `refundedAmount`, asked for at an instant, shows beyond the refunds that it certainly includes;
    /// `None` if it shows less, as a slow replica does.
    fn beyond_refunded(&self, shown: Money, asked_at: Timestamp) -> Option<Money> {
        let counted = self.refunds.iter().filter(|refund| refund.is_counted(asked_at));
        shown.checked_sub(Money::sum(self.amount.currency(), counted.map(|refund| refund.amount)))
    }

    /// Takes in `refundedAmount`, which was asked for at an instant. Amazon does not say whether it includes a
    /// refund that is under way, and a slow replica does not include one that was just made. So each of these may
    /// be in it or not, and so may the operations that were `sent`. If no part of them explains what is shown
    /// beyond what is known, others have refunded that.
    pub(super) fn note_refunded(&mut self, shown: Money, sent: &[Money], asked_at: Timestamp) {
        self.refunded_shown = Some(shown);
        let Some(beyond) = self.beyond_refunded(shown, asked_at) else { return };
        let elsewhere = self.refunded_elsewhere.unwrap_or(Money::zero(self.amount.currency()));
        let is_open = |refund: &&Refund| {
            !matches!(refund.state, RefundState::Declined(_)) && !refund.is_counted(asked_at)
        };
        let under_way = self.refunds.iter().filter(is_open).map(|refund| refund.amount);
        let under_way = under_way.chain(sent.iter().copied());
        if !is_sum_of(beyond.checked_sub(elsewhere), under_way) {
            self.refunded_elsewhere = Some(beyond);
        }
    }

    /// Whether others have refunded a part, without a refund that is known here.
    pub(in crate::merchant) fn has_refunds_of_others(&self) -> bool {
        self.refunded_elsewhere.is_some_and(|elsewhere| !elsewhere.is_zero())
    }

    /// The look that finds out whether what others have refunded is a refund that has just been made: once
    /// Amazon's answers certainly include that refund. `None` if there is nothing to find out.
    pub(in crate::merchant) fn recount(&self, now: Timestamp) -> Option<LookSchedule> {
        if !self.has_refunds_of_others() {
            return None;
        }
        let made = self.refunds.iter().filter(|refund| refund.state == RefundState::Refunded);
        let at = made.filter_map(|refund| refund.decided_at).max()?.plus(COPY_LIFETIME);
        (at > now).then_some(LookSchedule { at, count: 0 })
    }

    /// Whether what others have refunded may still turn out to be less: a look that finds out is planned, or is due
    /// and was not made yet.
    pub(in crate::merchant) fn is_recounted(&self, now: Timestamp) -> bool {
        self.recount(now).is_some() || (self.has_refunds_of_others() && self.look.is_some())
    }

    /// Whether a refund of this amount cannot be in what Amazon shows, besides the refunds that it has made for
    /// certain.
    pub(in crate::merchant) fn shows_less_than(&self, amount: Money, asked_at: Timestamp) -> bool {
        let beyond = self.refunded_shown.and_then(|shown| self.beyond_refunded(shown, asked_at));
        beyond.is_some_and(|beyond| beyond.minor() < amount.minor())
    }

    /// Makes this look at it due: what was shown of it may have changed.
    pub(super) fn doubt(&mut self, look: LookSchedule) {
        self.look = Some(look);
        if let LastSeen::At(_) = self.sight {
            self.sight = LastSeen::Doubted;
        }
    }

    /// Whether Amazon must be asked for it before its money is returned, because it was not shown lately. What
    /// Amazon contradicts is up to a person, and no look changes that.
    pub(super) fn must_be_seen(&self, now: Timestamp) -> bool {
        match self.sight {
            LastSeen::Contradicted(_) => false,
            LastSeen::Never | LastSeen::Doubted | LastSeen::At(_) => {
                self.seen_at(now).is_none_or(|seen_at| now.since(seen_at) > MAX_AGE)
            }
        }
    }

    /// How much of the permission's limit it uses: what it holds, or what it captured.
    #[must_use]
    pub const fn taken(&self) -> Money {
        if self.state.is_final() { self.captured() } else { self.amount }
    }

    /// The instant of a deadline.
    #[must_use]
    pub fn deadline_at(&self, deadline: Deadline) -> Timestamp {
        match deadline {
            Deadline::Guarantee => self.authorized_at.plus(CAPTURE_GUARANTEED),
            Deadline::Expiry => self.expires_at,
        }
    }

    /// Whether it was made by our own Finalize or by one of our operations. What others made under our
    /// permission is theirs: it counts in every budget, and no rule of ours touches it.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        match self.origin {
            ChargeOrigin::Finalize | ChargeOrigin::Operation => true,
            ChargeOrigin::Elsewhere => false,
        }
    }

    /// When the policy captures it, if it does.
    #[must_use]
    pub fn captured_at(&self, rules: &MerchantRules) -> Option<Timestamp> {
        if !self.is_ours() {
            return None;
        }
        let before = match rules.policy.capture_policy {
            CapturePolicy::Manual => return None,
            CapturePolicy::BeforeGuaranteeEnds => self.deadline_at(Deadline::Guarantee).min(self.expires_at),
            CapturePolicy::BeforeExpiry => self.expires_at,
        };
        Some(before.minus(rules.policy.capture_margin).max(self.authorized_at.plus(Duration::from_millis(1))))
    }

    /// The next item of its plan, and when: `None` for a charge that is not Authorized, or that Amazon
    /// contradicts.
    pub(in crate::merchant) fn next_planned(
        &self,
        rules: &MerchantRules,
    ) -> Option<(Timestamp, CapturePlanItem)> {
        if self.state != ChargeState::Authorized || self.contradicted_by().is_some() {
            return None;
        }
        let warnings = [Deadline::Guarantee, Deadline::Expiry].into_iter().flat_map(|deadline| {
            let at = self.deadline_at(deadline);
            WARNINGS.into_iter().map(move |before| (at.minus(before), CapturePlanItem::Warn(deadline)))
        });
        let capture = self.captured_at(rules).map(|at| (at, CapturePlanItem::Capture));
        let planned = warnings.filter(|_| self.is_ours()).chain(capture);
        let planned = planned.filter(|(at, _)| *at < self.expires_at);
        planned
            .chain([(self.expires_at, CapturePlanItem::Ask)])
            .filter(|(at, _)| *at > self.planned_until)
            .min_by_key(|(at, _)| *at)
    }

    /// When it is due, its refunds included. Every charge that is not final has such a time.
    #[must_use]
    pub fn due_at(&self, rules: &MerchantRules) -> Option<Timestamp> {
        let refunds = self.refunds.iter().filter_map(|refund| refund.look).map(|look| look.at);
        let planned = self.next_planned(rules).map(|(at, _)| at);
        refunds.chain(self.look.map(|look| look.at)).chain(planned).min()
    }
}

/// Whether an amount is the sum of some of these, or of none of them. Of more than Amazon allows for one charge,
/// nobody can tell.
fn is_sum_of(amount: Option<Money>, parts: impl Iterator<Item = Money>) -> bool {
    let Some(amount) = amount else { return false };
    let mut sums = vec![Money::zero(amount.currency())];
    for part in parts.take(MAX_REFUNDS) {
        let with: Vec<Money> = sums.iter().filter_map(|sum| sum.checked_add(part)).collect();
        sums.extend(with);
    }
    sums.contains(&amount)
}

/// An item of the capture plan, for one instant of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::merchant) enum CapturePlanItem {
    /// The shop is notified of this deadline.
    Warn(Deadline),
    /// It is captured, if the policy says so.
    Capture,
    /// It has lapsed, or somebody captured it: look it up.
    Ask,
}
