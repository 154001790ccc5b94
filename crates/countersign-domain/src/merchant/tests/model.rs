//! Random sequences of decisions, in any order and with any answers, and what must hold after each.

use proptest::prelude::*;

use super::decide::attempts::*;
use super::decide::change_terms;
use super::*;
use crate::merchant::absence::Reach;
use crate::merchant::attempt::missing::reach_seen;
use crate::merchant::attempt::not_approved::ask_for_again;
use crate::merchant::attempt::surplus::ask_for_surplus;
use crate::merchant::checkout::standing::Need;

/// One thing that may happen next; an attempt is chosen by its index modulo their number.
#[derive(Debug, Clone)]
enum Op {
    Arrive(u8),
    Agree(u8, LookResult),
    BeginApproved(u8),
    Answer(u8, u8, ModelAnswer),
    LookUp(u8, LookResult),
    AskCharge(u8, AmazonChargeState, Option<u8>),
    Resend(u8),
    TakeUp(u8),
    Orphan(u8),
    AskAgain(u8),
    BuyerSeen(u8),
    ChangeTerms(u8),
    Pass(u32),
    QuestionClock(bool),
}

#[derive(Debug, Clone, Copy)]
enum LookResult {
    Open,
    OpenOfOtherTerms,
    OpenWithPermission,
    Completed(bool, bool),
    Canceled,
    NotFound,
}

#[derive(Debug, Clone, Copy)]
enum ModelAnswer {
    Success { pending: bool, charge: bool },
    Declined,
    NotSent,
    NotEvaluated,
    WrongStatus,
    ServerError(u8),
    Lost,
}

fn looks() -> impl Strategy<Value = LookResult> {
    prop_oneof![
        4 => Just(LookResult::Open),
        1 => Just(LookResult::OpenOfOtherTerms),
        2 => Just(LookResult::OpenWithPermission),
        4 => (any::<bool>(), any::<bool>()).prop_map(|(permission, charge)| LookResult::Completed(permission, charge)),
        1 => Just(LookResult::Canceled),
        4 => Just(LookResult::NotFound),
    ]
}

fn answers() -> impl Strategy<Value = ModelAnswer> {
    prop_oneof![
        2 => (any::<bool>(), any::<bool>()).prop_map(|(pending, charge)| ModelAnswer::Success { pending, charge }),
        1 => Just(ModelAnswer::Declined),
        1 => Just(ModelAnswer::NotSent),
        1 => Just(ModelAnswer::NotEvaluated),
        3 => Just(ModelAnswer::WrongStatus),
        4 => (0..2_u8).prop_map(ModelAnswer::ServerError),
        2 => Just(ModelAnswer::Lost),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    let charge_states = prop_oneof![
        Just(AmazonChargeState::AuthorizationInitiated),
        Just(AmazonChargeState::Authorized),
        Just(AmazonChargeState::CaptureInitiated),
        Just(AmazonChargeState::Captured),
        Just(AmazonChargeState::Declined),
        Just(AmazonChargeState::Canceled),
    ];
    let amounts = prop_oneof![3 => Just(Some(0_u8)), 1 => Just(Some(1)), 1 => Just(None)];
    prop_oneof![
        2 => any::<u8>().prop_map(Op::Arrive),
        4 => (any::<u8>(), looks()).prop_map(|(attempt, look)| Op::Agree(attempt, look)),
        2 => any::<u8>().prop_map(Op::BeginApproved),
        6 => (any::<u8>(), 0..3_u8, answers()).prop_map(|(attempt, n, answer)| Op::Answer(attempt, n, answer)),
        4 => (any::<u8>(), looks()).prop_map(|(attempt, look)| Op::LookUp(attempt, look)),
        3 => (any::<u8>(), charge_states, amounts)
            .prop_map(|(attempt, state, amount)| Op::AskCharge(attempt, state, amount)),
        5 => any::<u8>().prop_map(Op::Resend),
        3 => any::<u8>().prop_map(Op::TakeUp),
        1 => any::<u8>().prop_map(Op::Orphan),
        1 => any::<u8>().prop_map(Op::AskAgain),
        1 => any::<u8>().prop_map(Op::BuyerSeen),
        1 => any::<u8>().prop_map(Op::ChangeTerms),
        1 => (0..3_000_000_u32).prop_map(Op::Pass),
        2 => (0..60_u32).prop_map(Op::Pass),
        1 => any::<bool>().prop_map(Op::QuestionClock),
    ]
}

/// Sequences of decisions. Some lead an attempt that was sent to NotApproved, or show that it was approved since,
/// which chance hardly ever does.
fn sequences() -> impl Strategy<Value = Vec<Op>> {
    let looks = prop_oneof![2 => Just(LookResult::Open), 1 => Just(LookResult::OpenWithPermission)];
    let not_approved = (any::<u8>(), 0..3_u8, looks).prop_map(|(attempt, n, look)| {
        let open = || Op::LookUp(attempt, look);
        let refused = Op::Answer(attempt, n, ModelAnswer::WrongStatus);
        vec![refused, open(), Op::Pass(30), open(), Op::Pass(31), open(), Op::Arrive(attempt)]
    });
    let some = prop_oneof![20 => ops().prop_map(|op| vec![op]), 1 => not_approved];
    proptest::collection::vec(some, 1..120).prop_map(|ops| ops.into_iter().flatten().collect())
}

struct World {
    checkout: Checkout,
    copies: Copies,
    now: Timestamp,
    rules: MerchantRules,
}

/// Amazon's side, one entry per session and attempt: how many copies of our Finalize may still be on their
/// way or have been executed. They are removed only when the client is certain that nothing left, when the
/// only copy is refused, or when Amazon itself says that nothing will be paid.
#[derive(Debug, Default)]
struct Copies {
    on_their_way: alloc::collections::BTreeMap<u32, u32>,
    /// The attempts that were not approved at some time, or counted as unpaid until a look or a late success showed
    /// that to be false: one of them may be live beside another attempt.
    refused: alloc::collections::BTreeSet<u32>,
}

impl Copies {
    fn count(&self, attempt: u32) -> u32 {
        self.on_their_way.get(&attempt).copied().unwrap_or(0)
    }

    /// Updates the counts by one decision.
    fn note(&mut self, op: &Op, before: &Checkout, after: &Checkout) {
        for new in &after.attempts {
            let was_on_its_way = before
                .attempt(new.number)
                .is_some_and(|old| matches!(old.state, AttemptState::Finalize(InFlight::Sent { .. })));
            let has_changed = before.attempt(new.number) != Some(new);
            let was_unpaid = |old: &Attempt| expects_nothing(&old.state);
            let is_refuted = before.attempt(new.number).is_some_and(was_unpaid) && new.state.is_live();
            if is_refuted || matches!(new.state, AttemptState::NotApproved(_)) {
                self.refused.insert(new.number.get());
            }
            let count = self.on_their_way.entry(new.number.get()).or_default();
            match op {
                _ if !has_changed => {}
                Op::Agree(..) | Op::BeginApproved(_) => {
                    *count += u32::from(matches!(new.state, AttemptState::Finalize(InFlight::Sent { .. })));
                }
                Op::Resend(_) => *count += 1,
                // Each answer is that of one copy, and those under an earlier key were all answered.
                Op::Answer(_, n, ModelAnswer::WrongStatus) => {
                    let sent = before.attempt(new.number).and_then(|old| send_of(&old.state));
                    if sent.is_some_and(|send| send.n.get() == u32::from(*n) + 1) {
                        *count = count.saturating_sub(1);
                    }
                }
                Op::Answer(_, _, ModelAnswer::NotSent) if was_on_its_way => *count -= 1,
                Op::Answer(_, _, ModelAnswer::Declined) if was_on_its_way && *count == 1 => *count = 0,
                Op::LookUp(_, LookResult::Canceled)
                | Op::AskCharge(_, AmazonChargeState::Declined | AmazonChargeState::Canceled, _) => {
                    *count = 0
                }
                _ => {}
            }
        }
    }
}

fn body_of(terms: &Terms) -> Arc<[u8]> {
    Arc::from(format!("{:?}", terms.charge_amount).into_bytes())
}

impl World {
    fn new(intent: PaymentIntent) -> Self {
        Self { checkout: unpaid(intent), copies: Copies::default(), now: sent_at(), rules: rules() }
    }

    fn place(&self, attempt: u8) -> u32 {
        match self.checkout.attempts.len() {
            0 => 1,
            len => u32::from(attempt) % u32::try_from(len).unwrap() + 1,
        }
    }

    fn seen(&self, look: LookResult) -> SessionView {
        match look {
            LookResult::Open => SessionView::Open(Box::new(open_session(&self.checkout.terms))),
            LookResult::OpenOfOtherTerms => {
                let other = Money::from_minor(1, Currency::USD);
                let session =
                    OpenSession { charge_amount: Some(other), ..open_session(&self.checkout.terms) };
                SessionView::Open(Box::new(session))
            }
            LookResult::OpenWithPermission => {
                let session = OpenSession {
                    charge_permission_id: Some(permission()),
                    ..open_session(&self.checkout.terms)
                };
                SessionView::Open(Box::new(session))
            }
            LookResult::Completed(has_permission, has_charge) => SessionView::Completed {
                charge_permission_id: has_permission.then(permission),
                charge_id: has_charge.then(charge),
            },
            LookResult::Canceled => SessionView::Canceled { reason: None },
            LookResult::NotFound => SessionView::NotFound(access()),
        }
    }

    /// Makes the decision and applies its step; `None` when the decision changes nothing.
    fn decide(&mut self, op: &Op) -> Option<()> {
        let (checkout, now, rules) = (&self.checkout, self.now, &self.rules);
        let next = match *op {
            Op::Arrive(session) => {
                let session = CheckoutSessionId::parse(&format!("s{}", session % 4)).unwrap();
                match arrive(checkout, &session, &GivenAddresses::default(), now, rules) {
                    Ok(Arrival::New(_, step)) => step.next,
                    Ok(Arrival::Known(attempt)) => {
                        let ask = |draft: &mut Draft| {
                            let (number, given) = (AttemptNumber::new(attempt), GivenAddresses::default());
                            ask_for_again(draft, number, &given, Bearer::Shop)
                                || ask_for_surplus(draft, number, &given, Bearer::Shop)
                        };
                        super::decide::decided(checkout, now, rules, ask).0?.next
                    }
                    Err(_) => return None,
                }
            }
            Op::Agree(attempt, look) => {
                let attempt = self.place(attempt);
                match agree(checkout, attempt, &self.seen(look), Environment::Sandbox, now) {
                    Agreement::Agreed(..) => {
                        match begin(checkout, attempt, body_of(&checkout.terms), &key_of, now, rules) {
                            BeginResult::Send(_, step) | BeginResult::Ends(step) => step.next,
                            BeginResult::NotReady => return None,
                        }
                    }
                    Agreement::Ends(step) => step.next,
                    Agreement::NotReady => return None,
                }
            }
            Op::BeginApproved(attempt) => {
                let attempt = self.place(attempt);
                let Some(AttemptState::Finalize(InFlight::Recorded {
                    earlier: Some(KeyedRequest { body, .. }),
                    ..
                })) = checkout.attempt(AttemptNumber::new(attempt)).map(|attempt| &attempt.state)
                else {
                    return None;
                };
                match begin(checkout, attempt, body.clone(), &key_of, now, rules) {
                    BeginResult::Send(_, step) | BeginResult::Ends(step) => step.next,
                    BeginResult::NotReady => return None,
                }
            }
            Op::Answer(attempt, n, answer) => {
                let answer = match answer {
                    ModelAnswer::Success { pending, charge: has_charge } => {
                        FinalizeAnswer::Success(FinalizeSuccess {
                            pending,
                            charge_permission_id: permission(),
                            charge_id: has_charge.then(charge),
                            charge_amount: AmountView::Absent,
                        })
                    }
                    ModelAnswer::Declined => {
                        FinalizeAnswer::Refused(NotPaidReason::Declined("X".to_string()))
                    }
                    ModelAnswer::NotSent => FinalizeAnswer::NotSent,
                    ModelAnswer::NotEvaluated => FinalizeAnswer::NotEvaluated { code: "X".to_string() },
                    ModelAnswer::WrongStatus => FinalizeAnswer::WrongStatus { cause: "422".to_string() },
                    ModelAnswer::ServerError(kind) => {
                        FinalizeAnswer::Unclear { cause: format!("50{kind}"), kind: UnclearKind::ServerError }
                    }
                    ModelAnswer::Lost => {
                        FinalizeAnswer::Unclear { cause: "lost".to_string(), kind: UnclearKind::Unknown }
                    }
                };
                answered(checkout, self.place(attempt), u32::from(n) + 1, &answer, now)?.next
            }
            Op::LookUp(attempt, look) => {
                let attempt = self.place(attempt);
                let (step, next) = session_seen(checkout, attempt, &self.seen(look), now, rules)?;
                match next {
                    NextStep::ProveReach(_) => {
                        let see = |draft: &mut Draft| {
                            reach_seen(draft, AttemptNumber::new(attempt), &Reach::Proved(access()))
                        };
                        super::decide::decided(&step.next, now, rules, see).0.map_or(step.next, |it| it.next)
                    }
                    _ => step.next,
                }
            }
            Op::AskCharge(attempt, state, other) => {
                let charge_amount = other.map(|other| match other {
                    0 => checkout.terms.charge_amount,
                    _ => Money::from_minor(1, Currency::EUR),
                });
                let shown = view(state, charge_amount.into());
                charge_seen(checkout, self.place(attempt), &permission(), &shown, now)?.next
            }
            // A look-up leads to no re-send while another attempt may have been paid.
            Op::Resend(attempt)
                if checkout.live_beside(AttemptNumber::new(self.place(attempt))).is_some() =>
            {
                return None;
            }
            Op::Resend(attempt) => send_again(checkout, self.place(attempt), &key_of)?.1.next,
            Op::TakeUp(attempt) => {
                let (step, act) = take_up(checkout, self.place(attempt), now, rules)?;
                let is_resend = matches!(act, NextStep::SendAgain(_));
                assert!(!is_resend, "never without a look-up before");
                step.next
            }
            Op::Orphan(attempt) => orphaned(checkout, self.place(attempt), now)?.next,
            Op::AskAgain(attempt) => ask_again(checkout, self.place(attempt), now)?,
            Op::BuyerSeen(attempt) => buyer_seen(checkout, self.place(attempt), now, rules)?,
            Op::ChangeTerms(amount) => {
                let charge_amount = Money::from_minor(u64::from(amount) + 2, Currency::USD);
                let terms = Terms { charge_amount, ..checkout.terms.clone() };
                change_terms(checkout, checkout.terms_version, terms).ok()?.next
            }
            Op::Pass(seconds) => {
                self.now = now.plus(Duration::from_secs(seconds.into()));
                return None;
            }
            Op::QuestionClock(hold_expiries) => {
                self.rules.hold_expiries = hold_expiries;
                return None;
            }
        };
        let before = core::mem::replace(&mut self.checkout, next);
        self.copies.note(op, &before, &self.checkout);
        Some(())
    }
}

fn send_of(state: &AttemptState) -> Option<&KeyedRequest> {
    match state {
        AttemptState::Finalize(InFlight::Sent { send, .. }) => Some(send),
        AttemptState::Finalize(InFlight::InDoubt(doubt)) => Some(&doubt.send),
        AttemptState::Unresolved { send, .. } => send.as_ref(),
        AttemptState::Bound { .. }
        | AttemptState::Finalize(InFlight::Recorded { .. })
        | AttemptState::Pending { .. }
        | AttemptState::Completed { .. }
        | AttemptState::NotPaid { .. }
        | AttemptState::NotApproved(_)
        | AttemptState::Surplus { .. }
        | AttemptState::Released { .. } => None,
    }
}

fn holds(before: &Checkout, op: &Op, world: &World) -> Result<(), TestCaseError> {
    let after = &world.checkout;
    super::standing::agrees(after, world.now)?;
    let possibly_paid =
        after.attempts.iter().filter(|attempt| world.copies.count(attempt.number.get()) > 0).count();
    prop_assert!(possibly_paid <= 1, "{possibly_paid} sessions of one order may be paid");
    let was_refused = |attempt: &Attempt| world.copies.refused.contains(&attempt.number.get());
    let live = after.attempts.iter().filter(|it| it.state.is_live() && !was_refused(it)).count();
    prop_assert!(live <= 1, "{live} live attempts");
    for (index, attempt) in after.attempts.iter().enumerate() {
        prop_assert_eq!(attempt.number.get() as usize, index + 1);
        let state = &attempt.state;
        let is_followed = !state.is_final() || state.is_contradicted();
        prop_assert_eq!(state.due_at().is_some(), is_followed, "{:?}", state);
        if world.copies.count(attempt.number.get()) > 0 {
            prop_assert!(state.is_live(), "{:?} may be paid", state);
        }
        match state {
            AttemptState::Bound { .. } => prop_assert_eq!(attempt.spent_keys, 0),
            AttemptState::Finalize(InFlight::Recorded { left_at, .. }) => {
                prop_assert_eq!(left_at.is_some(), attempt.spent_keys > 0);
            }
            _ => {}
        }
        if let AttemptState::Completed { completion, .. } = state {
            let is_confirm = after.terms.payment_intent == PaymentIntent::Confirm;
            prop_assert_eq!(completion.charge_id().is_none(), is_confirm);
        }
        // A surplus attempt gets a verdict, and it is that of an attempt that is not surplus.
        prop_assert!(after.deciding_attempt(attempt.number).is_some());
        if let Some(send) = send_of(state) {
            prop_assert_eq!(&send.idempotency_key, &key_of(send.n.get()));
            if attempt.terms_version == after.terms_version {
                prop_assert_eq!(&send.body, &body_of(&after.terms), "the terms that were sent are the terms");
            } else {
                prop_assert!(was_refused(attempt), "terms changed behind a payment");
            }
            prop_assert!(send.n.get() == attempt.spent_keys + 1);
        }
    }
    prop_assert!(after.attempts.len() >= before.attempts.len());
    for (old, new) in before.attempts.iter().zip(&after.attempts) {
        prop_assert_eq!(&old.checkout_session_id, &new.checkout_session_id);
        let is_surplus = |state: &AttemptState| matches!(state, AttemptState::Surplus { .. });
        let is_asked_for = matches!(op, Op::Arrive(_)) && is_surplus(&old.state);
        // A look may show that a refusal was false, and its charge, which is looked at daily, may settle that.
        let is_refuted = old.refusal.is_some() && matches!(op, Op::LookUp(_, LookResult::Completed(..)))
            || expects_nothing(&old.state) && matches!(op, Op::Answer(_, _, ModelAnswer::Success { .. }));
        let is_settled = old.state.is_contradicted() && matches!(op, Op::AskCharge(..) | Op::TakeUp(_));
        if old.state.is_final() && !is_asked_for && !is_refuted && !is_settled {
            let unlooked = |it: &Attempt| Attempt { refusal: None, ..it.clone() };
            prop_assert_eq!(unlooked(old), unlooked(new), "a final state changed");
        }
        if old.state.is_live() {
            prop_assert_eq!(&before.terms, &after.terms, "terms changed behind a payment");
        }
        let definite = |checkout: &Checkout, attempt: &Attempt| match checkout.verdict_of(attempt) {
            Verdict::Registered | Verdict::Checking(_) | Verdict::Pending(_) => None,
            verdict => Some(format!("{verdict:?}")),
        };
        // A surplus session has the outcome of another one until it is taken up.
        if let Some(told) = definite(before, old).filter(|_| !is_surplus(&old.state) && !is_refuted) {
            prop_assert_eq!(Some(told), definite(after, new), "a verdict was taken back");
        }
        if let (AttemptState::Finalize(InFlight::InDoubt(doubt)), Some(send)) =
            (&old.state, send_of(&new.state))
        {
            let is_compared = matches!(op, Op::Agree(..)) && doubt.asked_again.is_some();
            prop_assert!(is_compared || doubt.send.body == send.body);
            let is_stored = doubt.stored_error.as_ref().is_some_and(|it| it.replay_count >= 3);
            let may_rise = is_compared || (matches!(op, Op::Resend(_)) && is_stored);
            prop_assert!(send.n == doubt.send.n || (may_rise && send.n.get() == doubt.send.n.get() + 1));
        }
        // What may have been paid is proved unpaid by an answer, a look or a charge, never by time.
        if old.state.is_live() && matches!(new.state, AttemptState::NotPaid { .. }) {
            let is_canceled = matches!(op, Op::Agree(_, LookResult::Canceled));
            let is_proved = matches!(op, Op::Answer(..) | Op::LookUp(..) | Op::AskCharge(..));
            prop_assert!(is_canceled || is_proved, "{op:?}");
            prop_assert!(!matches!(
                op,
                Op::LookUp(
                    _,
                    LookResult::Open
                        | LookResult::OpenWithPermission
                        | LookResult::NotFound
                        | LookResult::Completed(..)
                )
            ));
        }
        if !old.state.is_live() && new.state.is_live() {
            let sends = matches!(op, Op::Agree(..) | Op::BeginApproved(_));
            prop_assert!(sends || was_refused(old) || is_refuted, "{op:?} made an attempt live");
        }
    }
    Ok(())
}

/// Whether no answer is expected any more, or none yet: a success is a copy's that was executed late.
fn expects_nothing(state: &AttemptState) -> bool {
    matches!(
        state,
        AttemptState::NotPaid { .. }
            | AttemptState::Bound { .. }
            | AttemptState::Finalize(InFlight::Recorded { .. })
            | AttemptState::Surplus { .. }
            | AttemptState::Released { .. }
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    // Promise: B06
    #[test]
    fn the_promise_holds_after_each_decision(
        intent in prop_oneof![
            Just(PaymentIntent::Confirm),
            Just(PaymentIntent::Authorize),
            Just(PaymentIntent::AuthorizeWithCapture),
        ],
        ops in sequences(),
    ) {
        let mut world = World::new(intent);
        for op in ops {
            let before = world.checkout.clone();
            if world.decide(&op).is_some() {
                holds(&before, &op, &world)?;
            }
        }
    }
}

/// The order after these decisions; what must hold is checked after each.
fn after_each(intent: PaymentIntent, ops: &[Op]) -> World {
    let mut world = World::new(intent);
    for op in ops {
        let before = world.checkout.clone();
        if world.decide(op).is_some() {
            holds(&before, op, &world).unwrap_or_else(|failed| panic!("{intent} {op:?}: {failed}"));
        }
    }
    world
}

/// The first session was refused, so the second one is bound; then both are found completed.
#[test]
fn nothing_is_sent_beside_two_sessions_that_somebody_else_completed_and_each_has_a_way_out() {
    let completed = || LookResult::Completed(false, false);
    let sent = || vec![Op::Arrive(2), Op::Agree(0, LookResult::Open)];
    let refused = || Op::Answer(0, 0, ModelAnswer::Declined);
    // The second session waited for the first one, or came after its refusal; a third one waits to be sent.
    let arrivals = [
        [sent(), vec![Op::Arrive(0), refused(), Op::Arrive(0), Op::Arrive(3)]].concat(),
        [sent(), vec![refused(), Op::Arrive(0), Op::Arrive(3)]].concat(),
    ];
    let states =
        |world: &World| -> Vec<_> { world.checkout.attempts.iter().map(|it| it.state.name()).collect() };
    for intent in PaymentIntent::ALL.iter().copied() {
        for (arrived, [first, last]) in arrivals.iter().flat_map(|it| [(it, [0, 1]), (it, [1, 0])]) {
            let what = format!("{intent} {arrived:?} {first}");
            let found = vec![Op::Agree(1, completed()), Op::LookUp(0, completed())];
            let mut world = after_each(intent, &[arrived.clone(), found].concat());
            assert_eq!(states(&world), ["Unresolved", "Unresolved", "Bound"], "{what}");
            let is_held = |world: &World| {
                assert_eq!(world.checkout.needs(), [Need::Unresolved], "{what}");
                assert_eq!(world.checkout.verdict().outcome(), "checking", "{what}");
                let mut trial = World { checkout: world.checkout.clone(), ..World::new(intent) };
                trial.decide(&Op::Agree(2, LookResult::Open));
                assert!(!trial.checkout.attempts[2].state.is_live(), "{what}");
            };
            is_held(&world);
            // Amazon shows that one of them was canceled after all. About the other one persons can decide.
            world.decide(&Op::LookUp(first, LookResult::Canceled)).unwrap();
            is_held(&world);
            assert!(super::routes::route(&world.checkout, Need::Unresolved).is_some(), "{what}");
            world.decide(&Op::LookUp(last, LookResult::Canceled)).unwrap();
            assert_eq!(states(&world), ["NotPaid", "NotPaid", "Bound"], "{what}");
            assert_eq!(world.checkout.needs(), [], "{what}");
            world.decide(&Op::Agree(2, LookResult::Open)).unwrap();
            assert_eq!(states(&world)[2], AttemptState::FINALIZING, "{what}");
        }
    }
}

#[test]
fn the_model_reaches_every_state() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut reached = alloc::collections::BTreeSet::new();
    for _ in 0..2_000 {
        let ops = sequences().new_tree(&mut runner).unwrap().current();
        let mut world = World::new(PaymentIntent::Authorize);
        for op in ops {
            world.decide(&op);
            reached.extend(world.checkout.attempts.iter().map(|attempt| match &attempt.state {
                AttemptState::Unresolved { reason, .. } => reason.as_str(),
                other => other.name(),
            }));
        }
    }
    let expected = [
        "Approved",
        "Bound",
        "Completed",
        "CompletedElsewhere",
        "Contradicted",
        "Finalizing",
        "IdsMissing",
        "InDoubt",
        "NotApproved",
        "NotPaid",
        "Pending",
        "SessionGone",
        "Surplus",
    ];
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), expected);
}
