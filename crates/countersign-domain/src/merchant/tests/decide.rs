//! One decision on a checkout that is not modified: what a table's row and a model's step need. Every
//! decision is finished as its caller would finish it.

use super::*;

/// Decides on a copy; returns the step, if there is anything to write, and the decision's result.
pub(super) fn decided<T>(
    before: &Checkout,
    now: Timestamp,
    rules: &MerchantRules,
    decide: impl FnOnce(&mut Draft) -> T,
) -> (Option<CheckoutStep>, T) {
    let mut draft = Draft::new(before.clone(), now, *rules);
    let outcome = decide(&mut draft);
    let CheckoutDecision { checkout: next, events, is_changed } = draft.finish();
    (is_changed.then_some(Step { next, events }), outcome)
}

/// The step, or one that changes nothing.
fn step_or_none(before: &Checkout, step: Option<CheckoutStep>) -> CheckoutStep {
    step.unwrap_or_else(|| Step { next: before.clone(), events: Vec::new() })
}

fn delivered(next: NextStep) -> Option<KeyedRequest> {
    match next {
        NextStep::Send(OutgoingCall::Finalize { send, .. } | OutgoingCall::Operation { send, .. }) => {
            Some(send)
        }
        _ => None,
    }
}

pub(super) fn change_terms(
    before: &Checkout,
    version: u32,
    terms: Terms,
) -> Result<CheckoutStep, TermsRefused> {
    let (step, changed) = decided(before, sent_at(), &rules(), |draft| draft.change_terms(version, terms));
    changed.map(|()| step_or_none(before, step))
}

pub(super) mod attempts {
    use super::super::super::attempt::{agree as comparing, arrive as arriving, finalize, look};
    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) enum Agreement {
        Agreed(AddressKind, Address),
        Ends(CheckoutStep),
        NotReady,
    }

    pub(crate) fn agree(
        before: &Checkout,
        attempt: u32,
        seen: &SessionView,
        environment: Environment,
        now: Timestamp,
    ) -> Agreement {
        let ours =
            OurStore { environment, store_id: StoreId::parse("amzn1.application-oa2-client.1").unwrap() };
        let priced = comparing::QuoteBasis::Known;
        let number = AttemptNumber::new(attempt);
        let agree = |draft: &mut Draft| comparing::agree(draft, number, seen, None, &ours, priced);
        match decided(before, now, &rules(), agree) {
            // A session that is asked for again is also noted as seen.
            (_, Some((kind, address))) => Agreement::Agreed(kind, address),
            (Some(step), None) => Agreement::Ends(step),
            (None, None) => Agreement::NotReady,
        }
    }

    pub(crate) fn ask_again(before: &Checkout, attempt: u32, now: Timestamp) -> Option<Checkout> {
        decided(before, now, &rules(), |draft| comparing::ask_again(draft, AttemptNumber::new(attempt)))
            .0
            .map(|step| step.next)
    }

    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) enum Arrival {
        Known(u32),
        New(u32, CheckoutStep),
    }

    pub(crate) fn arrive(
        before: &Checkout,
        session: &CheckoutSessionId,
        given: &GivenAddresses,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Result<Arrival, arriving::ArrivalRefused> {
        let (step, arrival) =
            decided(before, now, rules, |draft| arriving::arrive(draft, session, given, Bearer::Shop));
        Ok(match arrival? {
            arriving::Arrival::Known(number) => Arrival::Known(number.get()),
            arriving::Arrival::New(number) => Arrival::New(number.get(), step_or_none(before, step)),
        })
    }

    pub(crate) fn buyer_seen(
        before: &Checkout,
        attempt: u32,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Option<Checkout> {
        decided(before, now, rules, |draft| arriving::note_buyer(draft, AttemptNumber::new(attempt)))
            .0
            .map(|step| step.next)
    }

    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) enum BeginResult {
        Send(KeyedRequest, CheckoutStep),
        Ends(CheckoutStep),
        NotReady,
    }

    pub(crate) fn begin(
        before: &Checkout,
        attempt: u32,
        body: Arc<[u8]>,
        key_of: &dyn Fn(u32) -> IdempotencyKey,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> BeginResult {
        let n =
            before.attempt(AttemptNumber::new(attempt)).map_or(KeyOrdinal::FIRST, Attempt::next_key_ordinal);
        let send = KeyedRequest { n, idempotency_key: key_of(n.get()), body };
        let begin = |draft: &mut Draft| finalize::begin(draft, AttemptNumber::new(attempt), send);
        let (step, next) = decided(before, now, rules, begin);
        match (step, delivered(next)) {
            (Some(step), Some(send)) => BeginResult::Send(send, step),
            (Some(step), None) => BeginResult::Ends(step),
            (None, _) => BeginResult::NotReady,
        }
    }

    pub(crate) fn answered(
        before: &Checkout,
        attempt: u32,
        n: u32,
        answer: &FinalizeAnswer,
        now: Timestamp,
    ) -> Option<CheckoutStep> {
        decided(before, now, &rules(), |draft| {
            finalize::answered(draft, AttemptNumber::new(attempt), KeyOrdinal::new(n), answer)
        })
        .0
    }

    pub(crate) fn take_up(
        before: &Checkout,
        attempt: u32,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Option<(CheckoutStep, NextStep)> {
        let (step, next) =
            decided(before, now, rules, |draft| finalize::take_up(draft, AttemptNumber::new(attempt)));
        Some((step_or_none(before, step), next?))
    }

    pub(crate) fn orphaned(before: &Checkout, attempt: u32, now: Timestamp) -> Option<CheckoutStep> {
        decided(before, now, &rules(), |draft| finalize::orphaned(draft, AttemptNumber::new(attempt))).0
    }

    pub(crate) fn send_again(
        before: &Checkout,
        attempt: u32,
        key_of: &dyn Fn(u32) -> IdempotencyKey,
    ) -> Option<(KeyedRequest, CheckoutStep)> {
        let send_again = |draft: &mut Draft| {
            finalize::send_again(draft, AttemptNumber::new(attempt), &|n| key_of(n.get()))
        };
        let (step, next) = decided(before, sent_at(), &rules(), send_again);
        Some((delivered(next)?, step?))
    }

    pub(crate) fn session_seen(
        before: &Checkout,
        attempt: u32,
        seen: &SessionView,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Option<(CheckoutStep, NextStep)> {
        let (step, next) =
            decided(before, now, rules, |draft| look::session_seen(draft, AttemptNumber::new(attempt), seen));
        Some((step?, next))
    }

    pub(crate) fn charge_seen(
        before: &Checkout,
        attempt: u32,
        permission: &ChargePermissionId,
        shown: &ChargeView,
        now: Timestamp,
    ) -> Option<CheckoutStep> {
        let see = |draft: &mut Draft| {
            look::charge_seen(draft, AttemptNumber::new(attempt), permission, &shown.id, shown)
        };
        decided(before, now, &rules(), see).0
    }
}

pub(super) mod payments {
    use super::super::super::after::{cancel, due, hint, shipment};
    use super::super::super::payment::ask::{self, OperationRefused};
    use super::super::super::payment::operation::{OperationName, OperationRequest};
    use super::super::super::payment::permission::PermissionView;
    use super::super::super::payment::refund::RefundView;
    use super::super::super::payment::send::{self, OperationAnswer};
    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) enum RecordedOperation {
        Known(u32),
        New(u32, CheckoutStep),
    }

    pub(crate) fn ask(
        before: &Checkout,
        name: OperationName,
        asked: OperationRequest,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Result<RecordedOperation, OperationRefused> {
        let (step, recorded) = decided(before, now, rules, |draft| ask::ask(draft, name, asked));
        Ok(match recorded? {
            ask::RecordedOperation::Known(number) => RecordedOperation::Known(number.get()),
            ask::RecordedOperation::New(number) => {
                RecordedOperation::New(number.get(), step_or_none(before, step))
            }
        })
    }

    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) enum CancelAsked {
        Known,
        New(CheckoutStep),
    }

    pub(crate) fn request_cancel(
        before: &Checkout,
        reference: &str,
        reason: Option<&str>,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Result<CancelAsked, OperationRefused> {
        let request = CancelRequest { reference, reason, shipped_too: false };
        cancel_by(before, &request, now, rules)
    }

    pub(crate) fn cancel_by(
        before: &Checkout,
        request: &CancelRequest<'_>,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Result<CancelAsked, OperationRefused> {
        let (step, requested) = decided(before, now, rules, |draft| cancel::request_cancel(draft, request));
        Ok(match requested? {
            cancel::RecordedCancellation::Known => CancelAsked::Known,
            cancel::RecordedCancellation::New => CancelAsked::New(step_or_none(before, step)),
        })
    }

    pub(crate) fn begin(
        before: &Checkout,
        number: u32,
        body: Arc<[u8]>,
        key: IdempotencyKey,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Option<(KeyedRequest, CheckoutStep)> {
        let first = KeyedRequest { n: KeyOrdinal::FIRST, idempotency_key: key, body };
        let (step, next) =
            decided(before, now, rules, |draft| send::begin(draft, OperationNumber::new(number), first));
        Some((delivered(next)?, step?))
    }

    /// Begins an operation, whether it is sent now, is looked at first, or ends.
    pub(crate) fn begin_or_look(
        before: &Checkout,
        number: u32,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> (CheckoutStep, NextStep) {
        let key = IdempotencyKey::parse(&format!("op{number}-1")).unwrap();
        let first = KeyedRequest { n: KeyOrdinal::FIRST, idempotency_key: key, body: Arc::from(*b"body") };
        let (step, next) =
            decided(before, now, rules, |draft| send::begin(draft, OperationNumber::new(number), first));
        (step_or_none(before, step), next)
    }

    /// Sends an operation again, if that may happen now, or says what must be looked at first.
    pub(crate) fn again_or_look(
        before: &Checkout,
        number: u32,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> (CheckoutStep, NextStep) {
        let (step, next) =
            decided(before, now, rules, |draft| send::send_again(draft, OperationNumber::new(number)));
        (step_or_none(before, step), next)
    }

    /// Nothing is shown before a refund is sent.
    pub(crate) fn nothing_shown_before(
        before: &Checkout,
        number: u32,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> CheckoutStep {
        let number = OperationNumber::new(number);
        let (step, may_send) =
            decided(before, now, rules, |draft| send::charge_shown_before(draft, number, None));
        assert!(!may_send);
        step_or_none(before, step)
    }

    /// Takes in what is shown before a refund is sent. Returns whether it may be sent.
    pub(crate) fn charge_shown_before(
        before: &Checkout,
        number: u32,
        shown: &ChargeView,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> (CheckoutStep, bool) {
        let shown = ChargeView { asked_at: now, ..shown.clone() };
        let number = OperationNumber::new(number);
        let (step, may_send) =
            decided(before, now, rules, |draft| send::charge_shown_before(draft, number, Some(&shown)));
        (step_or_none(before, step), may_send)
    }

    pub(crate) fn send_again(
        before: &Checkout,
        number: u32,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Option<(KeyedRequest, CheckoutStep)> {
        let (step, next) =
            decided(before, now, rules, |draft| send::send_again(draft, OperationNumber::new(number)));
        Some((delivered(next)?, step?))
    }

    pub(crate) fn answered(
        before: &Checkout,
        number: u32,
        answer: &OperationAnswer,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Option<CheckoutStep> {
        decided(before, now, rules, |draft| send::answered(draft, OperationNumber::new(number), answer)).0
    }

    pub(crate) fn orphaned(before: &Checkout, now: Timestamp, rules: &MerchantRules) -> Option<CheckoutStep> {
        decided(before, now, rules, send::orphaned).0
    }

    pub(crate) fn charge_shown(
        before: &Checkout,
        shown: &ChargeView,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Option<(CheckoutStep, NextStep)> {
        // It was asked for just now, unless the test says when.
        let asked_at = if shown.asked_at == sent_at() { now } else { shown.asked_at };
        let shown = ChargeView { asked_at, ..shown.clone() };
        let (step, next) = decided(before, now, rules, |draft| send::charge_shown(draft, &shown));
        before.payment.as_ref()?;
        Some((step_or_none(before, step), next))
    }

    pub(crate) fn ship(
        before: &Checkout,
        reference: &str,
        asked: &ShipmentRequest,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Result<(CheckoutStep, ShipmentAnswer), OperationRefused> {
        let request = |draft: &mut Draft| shipment::ship(draft, reference, asked, Freshness::at(now));
        let (step, answer) = decided(before, now, rules, request);
        Ok((step_or_none(before, step), answer?))
    }

    pub(crate) fn permission_shown(
        before: &Checkout,
        shown: &PermissionView,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Option<(CheckoutStep, NextStep)> {
        let (step, next) = decided(before, now, rules, |draft| send::permission_shown(draft, shown));
        before.payment.as_ref()?;
        Some((step_or_none(before, step), next))
    }

    pub(crate) fn refund_shown(
        before: &Checkout,
        shown: &RefundView,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Option<CheckoutStep> {
        decided(before, now, rules, |draft| send::refund_shown(draft, shown)).0
    }

    pub(crate) fn take_up_payment(
        before: &Checkout,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Option<(CheckoutStep, NextStep)> {
        let (step, next) = decided(before, now, rules, due::take_up_payment);
        Some((step_or_none(before, step), next?))
    }

    pub(crate) fn hinted(
        before: &Checkout,
        hint: &hint::Hint,
        now: Timestamp,
        rules: &MerchantRules,
    ) -> Option<(CheckoutStep, NextStep)> {
        let (step, next) = decided(before, now, rules, |draft| hint::hinted(draft, hint));
        if step.is_none() && next == NextStep::Rest {
            return None;
        }
        Some((step_or_none(before, step), next))
    }

    pub(crate) fn unpaid_charge_seen(
        before: &Checkout,
        permission: &ChargePermissionId,
        shown: &ChargeView,
        now: Timestamp,
    ) -> Option<CheckoutStep> {
        let see = |draft: &mut Draft| hint::unpaid_charge_seen(draft, permission, shown);
        decided(before, now, &rules(), see).0
    }
}
