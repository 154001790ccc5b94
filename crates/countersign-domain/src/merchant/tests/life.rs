//! What follows a successful payment, tested against a small model of Amazon: random sequences of the shop's
//! requests, lost messages, Amazon's decisions, and changes that others make at Amazon. The checks state what must be
//! true after each step, and at the end, when everything has been looked at.

use alloc::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::decide::payments::*;
use super::paid::*;
use super::*;
use crate::ids::DisputeId;
use crate::merchant::after::dispute::{DisputeOutcome, SettledBefore, settle_dispute};

/// The model of Amazon: what is true.
#[derive(Debug, Default)]
struct Amazon {
    charges: BTreeMap<ChargeId, (u64, ChargeState)>,
    refunds: BTreeMap<RefundId, (ChargeId, u64, RefundState)>,
    /// The amount that an accepted capture will take.
    capturing: BTreeMap<ChargeId, Money>,
    is_closed: bool,
    /// The stored answers, by key.
    replies: BTreeMap<String, OperationAnswer>,
    /// The effects of each operation, by its number: more than one is a defect.
    effects: BTreeMap<u32, BTreeSet<String>>,
    /// How many times a request of ours exceeded a limit.
    over_the_limit: u32,
    has_strangers: bool,
    /// Whether `refundedAmount` counts a refund that is under way: Amazon's pages do not say.
    counts_under_way: bool,
    now: Option<Timestamp>,
    /// The refunds that others made, and whose notification comes.
    others_refunds: BTreeSet<RefundId>,
    /// The refunds that others made and that nobody was notified of, and when the last was made.
    unheard: BTreeSet<RefundId>,
    unheard_at: Option<Timestamp>,
    /// How many refunds of ours returned more than was captured, although a look could have shown that.
    over_refunded: u32,
    /// The charges that others made, whether one that is open is known when the permission is closed, and how
    /// many calls of our rules were about one.
    strangers: BTreeSet<ChargeId>,
    leaves_open: bool,
    touched: u32,
    /// What was lost of each charge by disputes.
    lost: BTreeMap<ChargeId, u64>,
    /// How many refunds and parts of undoing the order arrived while a dispute was open.
    despite_dispute: u32,
    /// Whether the shop has canceled the order, and how many charges were made after that.
    is_canceled: bool,
    made_for_nobody: u32,
}

const LIMIT: u64 = 25_000;

impl Amazon {
    fn taken(&self) -> u64 {
        let of = |(amount, state): &(u64, ChargeState)| match state {
            ChargeState::Captured(captured) => captured.minor(),
            ChargeState::Canceled(_) | ChargeState::Declined(_) => 0,
            _ => *amount,
        };
        self.charges.values().map(of).sum()
    }

    fn refunded(&self, id: &ChargeId) -> u64 {
        let of = self.refunds.values().filter(|(charge, ..)| charge == id);
        of.filter(|(.., state)| !matches!(state, RefundState::Declined(_))).map(|(_, amount, _)| amount).sum()
    }

    /// What was refunded of a charge, or lost by disputes.
    fn gone(&self, id: &ChargeId) -> u64 {
        self.refunded(id) + self.lost.get(id).copied().unwrap_or(0)
    }

    fn refunded_amount(&self, id: &ChargeId) -> u64 {
        let counts = |state: &RefundState| match state {
            RefundState::RefundInitiated => self.counts_under_way,
            RefundState::Refunded => true,
            RefundState::Declined(_) => false,
        };
        let of = self.refunds.values().filter(|(charge, _, state)| charge == id && counts(state));
        of.map(|(_, amount, _)| amount).sum()
    }

    fn new_charge(&mut self, amount: u64, state: ChargeState) -> ChargeId {
        let id = ChargeId::parse(&format!("S01-1-C{}", self.charges.len() + 1)).unwrap();
        self.charges.insert(id.clone(), (amount, state));
        id
    }

    fn new_refund(&mut self, charge: &ChargeId, amount: u64) -> RefundId {
        let id = RefundId::parse(&format!("S01-1-R{}", self.refunds.len() + 1)).unwrap();
        self.refunds.insert(id.clone(), (charge.clone(), amount, RefundState::RefundInitiated));
        id
    }

    fn charge(&self, id: &ChargeId) -> ChargeView {
        let (amount, state) = &self.charges[id];
        let (seen, captured) = match state {
            ChargeState::AuthorizationInitiated => (AmazonChargeState::AuthorizationInitiated, None),
            ChargeState::Authorized => (AmazonChargeState::Authorized, None),
            ChargeState::CaptureInitiated => (AmazonChargeState::CaptureInitiated, None),
            ChargeState::Captured(captured) => (AmazonChargeState::Captured, Some(*captured)),
            ChargeState::Canceled(_) => (AmazonChargeState::Canceled, None),
            ChargeState::Declined(_) => (AmazonChargeState::Declined, None),
        };
        ChargeView {
            id: id.clone(),
            asked_at: sent_at(),
            created_at: None,
            charge_permission_id: Some(permission()),
            seen: ChargeStatus { state: seen, reason: None, charge_amount: AmountView::Shown(usd(*amount)) },
            captured: captured.into(),
            refunded: captured.map(|_| usd(self.refunded_amount(id))).into(),
            expires_at: Some(sent_at().plus(30 * DAY)),
        }
    }

    fn refund(&self, id: &RefundId) -> RefundView {
        let (charge_id, amount, state) = self.refunds[id].clone();
        RefundView { id: id.clone(), charge_id, amount: usd(amount), state }
    }

    fn permission(&self) -> PermissionView {
        let state = if self.is_closed { closed() } else { PermissionState::Chargeable };
        PermissionView { state }
    }

    /// Executes a request or, if its idempotency key was used before, returns the saved answer.
    fn call(&mut self, number: u32, request: &PaymentCall, key: &str) -> OperationAnswer {
        let makes = !matches!(request, PaymentCall::CancelCharge { .. } | PaymentCall::Close { .. });
        if let Some(saved) = self.replies.get(key).filter(|_| makes) {
            return saved.clone();
        }
        let (answer, effect) = self.carry_out(request);
        if let Some(effect) = effect {
            self.effects.entry(number).or_default().insert(effect);
            if makes {
                self.replies.insert(key.to_string(), answer.clone());
            }
        }
        answer
    }

    fn carry_out(&mut self, request: &PaymentCall) -> (OperationAnswer, Option<String>) {
        let wrong_state = || (unclear(), None);
        match request {
            PaymentCall::CreateCharge { .. } if self.is_closed => {
                (refused("InvalidChargePermissionStatus"), None)
            }
            PaymentCall::CreateCharge { amount, capture_now, can_handle_pending_authorization } => {
                if self.taken() + amount.minor() > LIMIT {
                    self.over_the_limit += 1;
                    return (refused("TransactionAmountExceeded"), None);
                }
                self.made_for_nobody += u32::from(self.is_canceled);
                let state = match (capture_now, can_handle_pending_authorization) {
                    (true, _) => ChargeState::Captured(*amount),
                    (false, true) => ChargeState::AuthorizationInitiated,
                    (false, false) => ChargeState::Authorized,
                };
                let id = self.new_charge(amount.minor(), state);
                (charge_answer(self.charge(&id)), Some(format!("made {id}")))
            }
            PaymentCall::Capture { charge_id, amount } => {
                match &mut self.charges.get_mut(charge_id).unwrap().1 {
                    state @ ChargeState::Authorized => {
                        self.capturing.insert(charge_id.clone(), *amount);
                        // Every second amount is captured asynchronously.
                        *state = match amount.minor() % 2 {
                            0 => ChargeState::Captured(*amount),
                            _ => ChargeState::CaptureInitiated,
                        };
                        (charge_answer(self.charge(charge_id)), Some(format!("captured {charge_id}")))
                    }
                    _ => wrong_state(),
                }
            }
            PaymentCall::CancelCharge { charge_id } => {
                match &mut self.charges.get_mut(charge_id).unwrap().1 {
                    state @ (ChargeState::Authorized | ChargeState::AuthorizationInitiated) => {
                        *state = ChargeState::Canceled(None);
                        (charge_answer(self.charge(charge_id)), Some(format!("canceled {charge_id}")))
                    }
                    _ => wrong_state(),
                }
            }
            PaymentCall::Refund { charge_id, amount } => {
                let ChargeState::Captured(captured) = &self.charges[charge_id].1 else {
                    return (refused("InvalidChargeStatus"), None);
                };
                let lost = self.lost.get(charge_id).copied().unwrap_or(0);
                if self.refunded(charge_id) + lost + amount.minor() > captured.minor() {
                    self.over_the_limit += 1;
                    let is_unseen =
                        self.now.zip(self.unheard_at).is_some_and(|(now, at)| now.since(at) <= 60 * SECOND);
                    if is_unseen {
                        return (refused("TransactionAmountExceeded"), None);
                    }
                    // Amazon allows 15 % more than was captured.
                    self.over_refunded += 1;
                }
                let id = self.new_refund(charge_id, amount.minor());
                (refund_answer(self.refund(&id)), Some(format!("made {id}")))
            }
            PaymentCall::Close { .. } if self.is_closed => wrong_state(),
            PaymentCall::Close { .. } => {
                self.is_closed = true;
                let open = |state: &ChargeState| {
                    matches!(state, ChargeState::Authorized | ChargeState::AuthorizationInitiated)
                };
                // The Close of a canceled order has `cancelPendingCharges`.
                for (_, state) in self.charges.values_mut().filter(|(_, state)| open(state)) {
                    if self.is_canceled && !self.leaves_open {
                        *state = ChargeState::Canceled(None);
                    }
                }
                (permission_answer(self.permission()), Some("closed".to_string()))
            }
        }
    }

    /// Decides the first pending object, in the shop's favor or against it.
    fn decide(&mut self, kindly: bool) -> Option<Hint> {
        let pending = self.charges.iter_mut().find(|(_, (_, state))| {
            matches!(state, ChargeState::AuthorizationInitiated | ChargeState::CaptureInitiated)
        });
        if let Some((id, (_, state))) = pending {
            if *state == ChargeState::CaptureInitiated && !kindly {
                // The capture was accepted and then declined, so it had no effect.
                let word = format!("captured {id}");
                for effects in self.effects.values_mut() {
                    effects.remove(&word);
                }
            }
            *state = match state {
                _ if !kindly => ChargeState::Declined(None),
                ChargeState::AuthorizationInitiated => ChargeState::Authorized,
                _ => ChargeState::Captured(self.capturing[id]),
            };
            return Some(Hint::Charge(id.clone()));
        }
        let under_way = |(_, (.., state)): &(&RefundId, &mut (ChargeId, u64, RefundState))| {
            *state == RefundState::RefundInitiated
        };
        let (id, (.., state)) = self.refunds.iter_mut().find(under_way)?;
        *state = if kindly { RefundState::Refunded } else { RefundState::Declined(None) };
        if !kindly {
            let word = format!("made {id}");
            for effects in self.effects.values_mut() {
                effects.remove(&word);
            }
        }
        Some(Hint::Refund(id.clone()))
    }

    /// Somebody acts on Amazon's own pages.
    fn elsewhere(&mut self, what: u8) -> Option<Hint> {
        self.has_strangers = true;
        let authorized = self.charges.iter().find(|(_, (_, state))| *state == ChargeState::Authorized);
        let captured = self.charges.iter().find_map(|(id, (_, state))| match state {
            ChargeState::Captured(captured) => Some((id.clone(), captured.minor())),
            _ => None,
        });
        match (what % 6, authorized.map(|(id, (amount, _))| (id.clone(), *amount)), captured) {
            (0, Some((id, amount)), _) => {
                self.charges.insert(id.clone(), (amount, ChargeState::Captured(usd(amount / 2))));
                Some(Hint::Charge(id))
            }
            (1, Some((id, amount)), _) => {
                self.charges.insert(id.clone(), (amount, ChargeState::Canceled(None)));
                Some(Hint::Charge(id))
            }
            (2, _, Some((id, captured))) if self.gone(&id) < captured => {
                let refund = self.new_refund(&id, 1);
                self.others_refunds.insert(refund.clone());
                Some(Hint::Refund(refund))
            }
            (3, ..) if !self.is_closed && self.taken() < LIMIT => {
                let id = self.new_charge(1, ChargeState::Authorized);
                self.strangers.insert(id.clone());
                Some(Hint::Charge(id))
            }
            (4, ..) => {
                self.is_closed = true;
                Some(Hint::ChargePermission)
            }
            (5, _, Some((id, captured))) if self.gone(&id) + 1_001 < captured => {
                // The notification is lost. The amount is not that of a refund of ours, which would hide it.
                let refund = self.new_refund(&id, 1_001);
                if let Some((.., state)) = self.refunds.get_mut(&refund) {
                    *state = RefundState::Refunded;
                }
                self.unheard.insert(refund);
                self.unheard_at = self.now;
                None
            }
            _ => None,
        }
    }
}

/// One thing that may happen next.
#[derive(Debug, Clone)]
enum Op {
    Charge {
        amount: u16,
        capture_now: bool,
        pending: bool,
    },
    Capture {
        charge: u8,
        amount: Option<u16>,
    },
    Refund {
        charge: u8,
        amount: Option<u16>,
    },
    Close,
    Cancel,
    /// Amazon notifies of a dispute or, if one is open, a person says how it ended.
    Dispute(u8),
    /// Takes up what is due, and executes it with this fate.
    TakeUp(Fate),
    /// An answer that was late arrives now.
    Late,
    Decide(bool),
    Elsewhere(u8),
    /// A notification about this object arrives, whether it is news or not.
    Notify(u8),
    Crash,
    Pass(u32),
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Answered,
    LostBefore,
    LostAfter,
    Delayed,
    NotSent,
    NotEvaluated,
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Answered),
        2 => Just(Fate::LostBefore),
        2 => Just(Fate::LostAfter),
        2 => Just(Fate::Delayed),
        1 => Just(Fate::NotSent),
        1 => Just(Fate::NotEvaluated),
    ]
}

fn ops(has_strangers: bool) -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (1..12_000_u16, any::<bool>(), any::<bool>()).prop_map(|(amount, capture_now, pending)| {
            Op::Charge { amount, capture_now, pending: pending && !capture_now }
        }),
        3 => (any::<u8>(), proptest::option::of(1..12_000_u16))
            .prop_map(|(charge, amount)| Op::Capture { charge, amount }),
        // Others refund odd amounts, so that none of theirs looks like one of ours.
        4 => (any::<u8>(), proptest::option::of(1..6_000_u16))
            .prop_map(|(charge, amount)| Op::Refund { charge, amount: amount.map(|amount| 2 * amount) }),
        1 => Just(Op::Close),
        1 => Just(Op::Cancel),
        1 => any::<u8>().prop_map(Op::Dispute),
        16 => fates().prop_map(Op::TakeUp),
        2 => Just(Op::Late),
        3 => any::<bool>().prop_map(Op::Decide),
        3 => any::<u8>().prop_map(move |what| if has_strangers { Op::Elsewhere(what) } else { Op::Late }),
        2 => any::<u8>().prop_map(Op::Notify),
        1 => Just(Op::Crash),
        4 => (0..200_000_u32).prop_map(Op::Pass),
    ]
}

struct World {
    checkout: Checkout,
    amazon: Amazon,
    late: Vec<(u32, OperationAnswer)>,
    told: Vec<PaymentEvent>,
    asked: u32,
    is_canceled: bool,
    now: Timestamp,
    rules: MerchantRules,
}

impl World {
    fn new() -> Self {
        let mut amazon = Amazon::default();
        let id = amazon.new_charge(10_000, ChargeState::Authorized);
        let charge = Charge { id, ..charge_in(ChargeState::Authorized) };
        Self {
            checkout: paid(payment_of(vec![charge])),
            amazon,
            late: Vec::new(),
            told: Vec::new(),
            asked: 0,
            is_canceled: false,
            now: sent_at(),
            rules: MerchantRules {
                policy: Policy { capture_policy: CapturePolicy::BeforeExpiry, ..Policy::default() },
                ..rules()
            },
        }
    }

    fn payment(&self) -> &Payment {
        self.checkout.payment.as_ref().unwrap()
    }

    fn keep(&mut self, step: CheckoutStep) {
        self.told.extend(step.events.into_iter().filter_map(|event| match event {
            CheckoutEvent::Payment(event) => Some(event),
            CheckoutEvent::Attempt { .. } | CheckoutEvent::Decision { .. } => None,
        }));
        self.checkout = step.next;
    }

    fn has_dispute(&self) -> bool {
        self.payment().open_disputes().next().is_some()
    }

    fn place(&self, charge: u8) -> Option<ChargeId> {
        let charges = &self.payment().charges;
        charges.get(usize::from(charge) % charges.len().max(1)).map(|charge| charge.id.clone())
    }

    fn ask(&mut self, asked: OperationRequest) {
        self.asked += 1;
        let name = OperationName::Shop(format!("ref{}", self.asked));
        if let Ok(RecordedOperation::New(_, step)) = ask(&self.checkout, name, asked, self.now, &self.rules) {
            self.keep(step);
        }
    }

    fn answer(&mut self, number: u32, answer: &OperationAnswer) {
        if let Some(step) = answered(&self.checkout, number, answer, self.now, &self.rules) {
            self.keep(step);
        }
    }

    fn send(&mut self, number: u32, is_first: bool, fate: Fate) {
        let begin = if is_first { begin_or_look } else { again_or_look };
        let (step, mut next) = begin(&self.checkout, number, self.now, &self.rules);
        self.keep(step);
        if let NextStep::LookBefore { charge_id, .. } = &next {
            let shown = self.amazon.charge(charge_id);
            let (step, may_send) = charge_shown_before(&self.checkout, number, &shown, self.now, &self.rules);
            self.keep(step);
            if !may_send {
                return;
            }
            let step;
            (step, next) = begin(&self.checkout, number, self.now, &self.rules);
            self.keep(step);
        }
        let NextStep::Send(OutgoingCall::Operation { send, .. }) = next else { return };
        let operation = self.payment().operation(OperationNumber::new(number)).unwrap();
        let request = operation.request.clone();
        let undoes = matches!(operation.name, OperationName::Own(OwnName::Undo { .. }));
        let is_of_rule = matches!(operation.name, OperationName::Own(_));
        let is_held = undoes || matches!(request, PaymentCall::Refund { .. });
        let is_disputed = request.charge_id().is_none_or(|id| self.payment().is_disputed(id));
        self.amazon.despite_dispute += u32::from(is_held && is_disputed && self.has_dispute());
        let is_of_strangers = request.charge_id().is_some_and(|id| self.amazon.strangers.contains(id));
        self.amazon.touched += u32::from(is_of_rule && is_of_strangers);
        self.amazon.leaves_open = self.checkout.left_to_others().any(|charge| !charge.state.is_final());
        let key = send.idempotency_key.as_str();
        match fate {
            Fate::Answered => {
                let answer = self.amazon.call(number, &request, key);
                self.answer(number, &answer);
            }
            Fate::LostBefore => self.answer(number, &unclear()),
            Fate::LostAfter => {
                self.amazon.call(number, &request, key);
                self.answer(number, &unclear());
            }
            Fate::Delayed => {
                let answer = self.amazon.call(number, &request, key);
                self.late.push((number, answer));
            }
            Fate::NotSent => self.answer(number, &OperationAnswer::NotSent),
            Fate::NotEvaluated => {
                self.answer(number, &OperationAnswer::NotEvaluated { code: "TooManyRequests".to_string() });
            }
        }
    }

    fn act(&mut self, act: NextStep, fate: Fate) {
        let is_answered = !matches!(fate, Fate::LostBefore | Fate::LostAfter | Fate::NotSent);
        let (now, rules) = (self.now, self.rules);
        let shown = match act {
            NextStep::Rest => return,
            NextStep::Begin(CallId::Operation(number)) => return self.send(number.get(), true, fate),
            NextStep::SendAgain(CallId::Operation(number)) => return self.send(number.get(), false, fate),
            _ if !is_answered => return,
            NextStep::LookAtCharge(id) => charge_shown(&self.checkout, &self.amazon.charge(&id), now, &rules),
            NextStep::LookAtRefund(id) => {
                let shown = self.amazon.refund(&id);
                if self.payment().lacks_charge_of(&shown) {
                    self.act(NextStep::LookAtCharge(shown.charge_id.clone()), fate);
                }
                refund_shown(&self.checkout, &shown, now, &rules).map(|step| (step, NextStep::Rest))
            }
            NextStep::LookAtPermission(_) => {
                permission_shown(&self.checkout, &self.amazon.permission(), now, &rules)
            }
            other => panic!("expected a step of a payment: {other:?}"),
        };
        if let Some((step, next)) = shown {
            self.keep(step);
            if let NextStep::SendAgain(CallId::Operation(number)) = next {
                self.send(number.get(), false, fate);
            }
        }
    }

    fn dispute(&mut self, what: u8) {
        let captured = |charge: &&Charge| matches!(charge.state, ChargeState::Captured(_));
        let payment = self.payment();
        let Some(charge) = payment.charges.iter().find(captured) else { return };
        let charge_id = charge.id.clone();
        let Some(open) = payment.open_disputes().next() else {
            let id = DisputeId::parse(&format!("S01-1-B{}", payment.disputes.len())).unwrap();
            let named = what.is_multiple_of(2).then_some(charge_id);
            return self.hear(&Hint::Dispute(id, named));
        };
        let (id, named) = (open.id.clone(), open.charge_id.clone());
        let is_named = named.is_some();
        let id_of_charge = named.unwrap_or(charge_id);
        let captured = payment.charge(&id_of_charge).map_or(0, |charge| charge.captured().minor());
        let lost_before = self.amazon.lost.get(&id_of_charge).copied().unwrap_or(0);
        let most = captured.saturating_sub(self.amazon.refunded(&id_of_charge) + lost_before);
        let outcome = match what % 3 {
            0 if is_named && most > 1 => DisputeOutcome::Lost(Some(usd(most / 2))),
            _ => DisputeOutcome::Won,
        };
        let mut draft = Draft::new(self.checkout.clone(), self.now, self.rules);
        if settle_dispute(&mut draft, &id, outcome, SettledBefore::Counts).is_err() {
            return;
        }
        if let DisputeOutcome::Lost(Some(amount)) = outcome {
            *self.amazon.lost.entry(id_of_charge).or_default() += amount.minor();
        }
        let CheckoutDecision { checkout, events, .. } = draft.finish();
        self.keep(Step { next: checkout, events });
    }

    fn hear(&mut self, hint: &Hint) {
        if let Some((step, act)) = hinted(&self.checkout, hint, self.now, &self.rules) {
            self.keep(step);
            self.act(act, Fate::Answered);
        }
    }

    fn run(&mut self, op: &Op) {
        self.amazon.now = Some(self.now);
        match *op {
            Op::Charge { amount, capture_now, pending } => self.ask(OperationRequest::Charge {
                amount: usd(amount.into()),
                capture_now,
                can_handle_pending_authorization: pending,
            }),
            Op::Capture { charge, amount } => {
                let amount = amount.map(|amount| usd(amount.into()));
                self.ask(OperationRequest::Capture { charge_id: self.place(charge), amount });
            }
            Op::Refund { charge, amount } => {
                let amount = amount.map(|amount| usd(amount.into()));
                self.ask(OperationRequest::Refund { charge_id: self.place(charge), amount });
            }
            Op::Close => self.ask(OperationRequest::Close { reason: None }),
            Op::Cancel => {
                let asked = request_cancel(&self.checkout, "cancel", None, self.now, &self.rules);
                if let Ok(CancelAsked::New(step)) = asked {
                    (self.is_canceled, self.amazon.is_canceled) = (true, true);
                    self.keep(step);
                }
            }
            Op::Dispute(what) => self.dispute(what),
            Op::TakeUp(fate) => {
                if let Some((step, act)) = take_up_payment(&self.checkout, self.now, &self.rules) {
                    self.keep(step);
                    self.act(act, fate);
                }
            }
            Op::Late => {
                if let Some((number, answer)) = self.late.pop() {
                    self.answer(number, &answer);
                }
            }
            Op::Decide(kindly) => {
                self.amazon.decide(kindly);
            }
            Op::Elsewhere(what) => {
                if let Some(hint) = self.amazon.elsewhere(what) {
                    self.hear(&hint);
                }
            }
            Op::Notify(charge) => {
                let index = usize::from(charge) % self.amazon.charges.len();
                let id = self.amazon.charges.keys().nth(index).cloned().unwrap();
                self.hear(&Hint::Charge(id));
            }
            Op::Crash => {
                if let Some(step) = orphaned(&self.checkout, self.now, &self.rules) {
                    self.keep(step);
                }
            }
            Op::Pass(seconds) => self.now = self.now.plus(Duration::from_secs(seconds.into())),
        }
    }

    /// From here on nothing is lost: every timer runs until none is due for a month.
    fn come_to_rest(&mut self) -> Result<(), TestCaseError> {
        while self.has_dispute() {
            self.dispute(1);
        }
        for _ in 0..20_000 {
            while self.amazon.decide(true).is_some() {}
            let Some(due_at) = self.checkout.due_at(&self.rules) else { return Ok(()) };
            self.now = self.now.max(due_at);
            self.amazon.now = Some(self.now);
            if self.now.since(sent_at()) > 400 * DAY {
                return Ok(());
            }
            // An authorization lapses if nobody captures it.
            if self.now.since(sent_at()) >= 30 * DAY {
                for (_, state) in self.amazon.charges.values_mut() {
                    if *state == ChargeState::Authorized {
                        *state = ChargeState::Canceled(None);
                    }
                }
            }
            let Some((step, act)) = take_up_payment(&self.checkout, self.now, &self.rules) else {
                return Err(TestCaseError::fail(format!("due at {due_at}, and nothing to take up")));
            };
            self.keep(step);
            self.act(act, Fate::Answered);
        }
        // A Close may wait for such a refund.
        if self.is_held() {
            return Ok(());
        }
        Err(TestCaseError::fail(format!("it never comes to rest: {:?}", self.checkout.payment)))
    }

    /// Whether so much was refunded by others, or lost by disputes, since a refund was first sent that it may not
    /// be sent again, while nothing shows whether what was refunded includes it: a person is asked. After a loss,
    /// that takes two refunds in doubt, since Amazon's total shows whether a single one was made.
    fn is_held(&self) -> bool {
        let is_held = |operation: &&Operation| {
            let doubt = operation.state.in_flight().and_then(InFlight::doubt);
            matches!(operation.request, PaymentCall::Refund { .. })
                && doubt.is_some_and(|it| it.alarm_count > 4)
        };
        let held: Vec<&ChargeId> =
            self.payment().in_flight().filter(is_held).filter_map(|it| it.request.charge_id()).collect();
        let is_one_of_two = |id: &&ChargeId| held.iter().filter(|other| *other == id).count() > 1;
        let is_unclear = |id: &&ChargeId| {
            self.amazon.has_strangers || (self.amazon.lost.contains_key(*id) && is_one_of_two(id))
        };
        held.iter().any(is_unclear)
    }
}

fn is_final(state: &RefundState) -> bool {
    *state != RefundState::RefundInitiated
}

fn holds(before: &Checkout, world: &World) -> Result<(), TestCaseError> {
    super::standing::agrees(&world.checkout, world.now)?;
    let (old, new) = (before.payment.as_ref().unwrap(), world.payment());
    for charge in &old.charges {
        let after = new.charge(&charge.id).unwrap();
        prop_assert!(!charge.state.is_final() || charge.state == after.state, "{charge:?} became {after:?}");
        for refund in charge.refunds.iter().filter(|refund| is_final(&refund.state)) {
            prop_assert_eq!(&refund.state, &new.refund(&refund.id).unwrap().1.state);
        }
    }
    let was_closed = matches!(old.permission.state, PermissionState::Closed(_));
    prop_assert!(!was_closed || old.permission.state == new.permission.state);
    for (before, after) in old.operations.iter().zip(&new.operations) {
        prop_assert_eq!((before.number, &before.request), (after.number, &after.request));
        prop_assert!(!before.state.is_final() || before.state == after.state, "{before:?} became {after:?}");
    }
    // Everything that is waited for has a timer.
    for operation in new.in_flight() {
        prop_assert!(operation.state.due_at().is_some(), "{operation:?}");
    }
    for charge in &new.charges {
        let is_open = !charge.state.is_final() || charge.refunds.iter().any(|it| !is_final(&it.state));
        prop_assert!(!is_open || charge.due_at(&world.rules).is_some(), "{charge:?}");
    }
    if let Some(cancellation) = &world.checkout.cancellation {
        let is_done = matches!(cancellation.state, CancellationState::Done { .. });
        // What others do later may have to be reported, after it is done as well.
        let has_reminder = world.has_dispute() || world.amazon.has_strangers;
        prop_assert!(cancellation.due_at().is_none() == is_done || (is_done && has_reminder));
    }
    // Nothing here is in a better state than at Amazon.
    for charge in new.charges.iter().filter(|charge| charge.state.is_final()) {
        let (_, truth) = &world.amazon.charges[&charge.id];
        prop_assert_eq!(charge.state.name(), truth.name());
    }
    // One effect for an operation that is done; none for one that is refused.
    for operation in &new.operations {
        let effects = world.amazon.effects.get(&operation.number.get()).map_or(0, BTreeSet::len);
        prop_assert!(effects <= 1, "{operation:?} did {:?}", world.amazon.effects);
        match &operation.state {
            OperationState::Done(OperationEffect::Charge(id)) => {
                prop_assert!(world.amazon.charges.contains_key(id))
            }
            OperationState::Done(OperationEffect::Refund(id)) => {
                prop_assert!(world.amazon.refunds.contains_key(id))
            }
            OperationState::Done(OperationEffect::Closed) => prop_assert!(world.amazon.is_closed),
            OperationState::Refused { code } if code != OVERTAKEN => {
                prop_assert_eq!(effects, 0, "{:?}", operation);
            }
            _ => {}
        }
    }
    // Nobody but the shop closes or cancels.
    let is_canceled = world.checkout.cancellation.is_some();
    prop_assert_eq!(is_canceled, world.is_canceled);
    for operation in &new.operations {
        let is_own_close = matches!(
            (&operation.name, &operation.request),
            (OperationName::Own(_), PaymentCall::Close { .. })
        );
        prop_assert!(!is_own_close || is_canceled, "{operation:?}");
    }
    // The budgets: never more than was agreed, and the shop never asks Amazon for more.
    prop_assert!(world.amazon.taken() <= LIMIT);
    for (id, (_, state)) in &world.amazon.charges {
        let captured = if let ChargeState::Captured(captured) = state { captured.minor() } else { 0 };
        prop_assert!(world.amazon.refunded(id) <= captured);
    }
    prop_assert!(world.amazon.has_strangers || world.amazon.over_the_limit == 0, "over the limit");
    prop_assert_eq!(world.amazon.over_refunded, 0, "more was returned than was taken");
    prop_assert_eq!(world.amazon.touched, 0, "a rule acted on what others made");
    prop_assert_eq!(world.amazon.despite_dispute, 0, "a rule acted while a dispute was open");
    prop_assert_eq!(world.amazon.made_for_nobody, 0, "a charge for a canceled order");
    Ok(())
}

fn holds_in_the_end(world: &World) -> Result<(), TestCaseError> {
    let payment = world.payment();
    if world.is_held() {
        return Ok(());
    }
    prop_assert_eq!(payment.in_flight().count(), 0, "{:?}", payment.operations);
    for (id, (amount, state)) in &world.amazon.charges {
        let known = payment.charge(id);
        prop_assert!(
            known.is_some_and(|known| known.state.name() == state.name()),
            "{id} {amount} {state:?}"
        );
    }
    for (id, (charge, amount, state)) in &world.amazon.refunds {
        let known = payment.refund(id);
        // If the answer to a refund of ours is lost, that of somebody else of the same amount may be taken for it.
        let is_as_large = |other: &RefundId| {
            let (of, refunded, _) = &world.amazon.refunds[other];
            (of, refunded) == (charge, amount) && payment.refund(other).is_some()
        };
        if known.is_none() && world.amazon.others_refunds.iter().any(is_as_large) {
            continue;
        }
        // What was declined before anybody knew its id, nobody needs to know.
        let is_lost = known.is_none() && matches!(state, RefundState::Declined(_));
        if !world.amazon.unheard.contains(id) && !is_lost {
            prop_assert_eq!(known.map(|(_, refund)| &refund.state), Some(state));
        }
    }
    if let Some(cancellation) = &world.checkout.cancellation {
        if let CancellationState::Requested { is_stuck: true, .. } = cancellation.state {
            // Amazon declined one refund three times: the operator is reminded, and the cancellation is never
            // reported as finished.
            let is_refund = |name: &OperationName| {
                matches!(name, OperationName::Own(OwnName::Undo { what: UndoStep::Refund(_), .. }))
            };
            let tries = payment.operations.iter().filter(|operation| is_refund(&operation.name)).count();
            prop_assert!(tries >= 3 && cancellation.due_at().is_some(), "{:?}", payment.operations);
            prop_assert!(!world.told.contains(&PaymentEvent::CheckoutCanceled));
            return Ok(());
        }
        prop_assert!(matches!(cancellation.state, CancellationState::Done { .. }), "{cancellation:?}");
        let told = world.told.iter().filter(|event| **event == PaymentEvent::CheckoutCanceled).count();
        prop_assert_eq!(told, 1);
        let ours = world.amazon.charges.iter().filter(|(id, _)| !world.amazon.strangers.contains(*id));
        for (id, (_, state)) in ours {
            match state {
                ChargeState::Captured(captured) => {
                    let lost = world.amazon.lost.get(id).copied().unwrap_or(0);
                    prop_assert_eq!(world.amazon.refunded(id) + lost, captured.minor(), "{}", id);
                }
                other => prop_assert!(other.is_final(), "{id} holds money: {other:?}"),
            }
        }
        prop_assert!(world.amazon.is_closed);
    }
    Ok(())
}

fn lives(ops: &[Op], rules: MerchantRules) -> Result<(), TestCaseError> {
    live(ops, rules, false)?;
    live(ops, rules, true)
}

fn live(ops: &[Op], rules: MerchantRules, counts_under_way: bool) -> Result<(), TestCaseError> {
    let mut world = World::new();
    world.amazon.counts_under_way = counts_under_way;
    world.rules = MerchantRules { policy: world.rules.policy, ..rules };
    for op in ops {
        let before = world.checkout.clone();
        world.run(op);
        holds(&before, &world)?;
    }
    let before = world.checkout.clone();
    world.come_to_rest()?;
    holds(&before, &world)?;
    holds_in_the_end(&world)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    // Promise: B15
    #[test]
    fn the_budgets_and_the_books_hold_whatever_is_asked_and_lost(
        ops in proptest::collection::vec(ops(false), 1..80),
    ) {
        lives(&ops, rules())?;
    }

    // Promise: B19
    #[test]
    fn the_books_agree_in_the_end_whatever_others_do_elsewhere(
        ops in proptest::collection::vec(ops(true), 1..80),
    ) {
        lives(&ops, rules())?;
    }
}

/// The given number of lives, the same each time.
fn some_lives(count: usize, has_strangers: bool) -> impl Iterator<Item = Vec<Op>> {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let lives = proptest::collection::vec(ops(has_strangers), 80);
    core::iter::repeat_with(move || lives.new_tree(&mut runner).unwrap().current()).take(count)
}

#[test]
fn the_model_reaches_every_state() {
    let mut reached = BTreeSet::new();
    for ops in some_lives(300, true) {
        let mut world = World::new();
        for op in ops {
            world.run(&op);
            let payment = world.payment();
            reached.extend(payment.charges.iter().map(|charge| charge.state.name()));
            reached.extend(payment.operations.iter().map(|operation| operation.state.name()));
            reached.extend(payment.charges.iter().flat_map(|it| &it.refunds).map(|it| it.state.name()));
            reached.insert(payment.permission.state.name());
            reached.extend(world.checkout.is_canceled().then_some("canceled"));
        }
    }
    let expected = [
        "AuthorizationInitiated",
        "Authorized",
        "Canceled",
        "CaptureInitiated",
        "Captured",
        "Chargeable",
        "Closed",
        "Declined",
        "Done",
        "InDoubt",
        "Recorded",
        "RefundInitiated",
        "Refunded",
        "Refused",
        "Sending",
        "canceled",
    ];
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), expected);
}
