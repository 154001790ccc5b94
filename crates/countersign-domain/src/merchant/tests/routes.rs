//! The routes by which a person ends what only a person can end. A route is a decision that the rules accept for something
//! that Amazon can show, made by one person or by two, after which the need is over. A reminder is none.

use super::paid::*;
use super::*;
use crate::merchant::after::unexplained;
use crate::merchant::checkout::standing::Need;
use crate::merchant::decision::evidence::Evidence;
use crate::merchant::decision::make::{Before, DecisionRequest, make};
use crate::merchant::decision::shown::{AmazonShows, PermissionFacts, RefundFacts, Shown};
use crate::merchant::decision::{Asked, DecisionState, Subject};
use crate::merchant::payment::permission::PermissionMoney;

/// When the persons decide: the shop's looks are long over, and Amazon has deleted what it deletes.
fn later() -> Timestamp {
    sent_at().plus(40 * DAY)
}

/// What a person may say of each part of a checkout.
fn requests(checkout: &Checkout) -> Vec<(Subject, Asked)> {
    let mut requests = Vec::new();
    let amounts = || [amount(), hundred()].into_iter();
    for attempt in &checkout.attempts {
        let mut add = |asked| requests.push((Subject::Attempt(attempt.number), asked));
        for charge_id in [charge(), made_later()] {
            let charge_permission_id = Some(permission());
            add(Asked::Paid { charge_permission_id, charge_id: Some(charge_id), amount: None });
        }
        add(Asked::NotPaid);
        for amount in amounts() {
            add(Asked::Refund { charge_permission_id: None, charge_id: charge(), amount });
        }
    }
    for operation in checkout.payment.iter().flat_map(|payment| &payment.operations) {
        let mut add = |asked| requests.push((Subject::Operation(operation.number), asked));
        add(Asked::Done { charge_id: None, refund_id: None });
        add(Asked::Done { charge_id: Some(made_later()), refund_id: None });
        add(Asked::Done { charge_id: None, refund_id: Some(refund_id()) });
        add(Asked::NoEffect);
    }
    for heard_of in &checkout.unexplained {
        let mut add = |asked| {
            requests.push((Subject::Unexplained(heard_of.charge_permission_id.clone()), asked));
        };
        add(Asked::Ours);
        add(Asked::NotOurs);
        amounts().for_each(|amount| add(Asked::RefundUnexplained { amount }));
    }
    for dispute in checkout.payment.iter().flat_map(|payment| &payment.disputes) {
        requests.push((Subject::Dispute(dispute.id.clone()), Asked::Won));
        requests.push((Subject::Dispute(dispute.id.clone()), Asked::Lost { amount: None }));
    }
    requests
}

/// A charge that an operation has made.
fn made_later() -> ChargeId {
    ChargeId::parse("S01-1-C2").unwrap()
}

/// What Amazon may show.
fn answers() -> Vec<AmazonShows> {
    let completed =
        || SessionView::Completed { charge_permission_id: Some(permission()), charge_id: Some(charge()) };
    let created_at = Some(sent_at());
    let charge_as = |id: ChargeId, state: AmazonChargeState, amount: Money, refunded: Option<Money>| {
        let captured = if state == AmazonChargeState::Captured { Some(amount) } else { None };
        ChargeView {
            id,
            asked_at: later(),
            created_at,
            seen: ChargeStatus { state, reason: None, charge_amount: AmountView::Shown(amount) },
            captured: captured.into(),
            refunded: refunded.into(),
            ..charge_shown_as(state)
        }
    };
    let sessions =
        [(completed(), PermissionState::Chargeable), (SessionView::Canceled { reason: None }, closed())];
    let charges = [
        charge_as(charge(), AmazonChargeState::Captured, amount(), None),
        charge_as(charge(), AmazonChargeState::Authorized, amount(), None),
        charge_as(charge(), AmazonChargeState::Authorized, hundred(), None),
        charge_as(charge(), AmazonChargeState::Captured, hundred(), None),
        charge_as(charge(), AmazonChargeState::Canceled, hundred(), None),
        charge_as(charge(), AmazonChargeState::Captured, hundred(), Some(hundred())),
        charge_as(made_later(), AmazonChargeState::Authorized, usd(5_000), None),
        charge_as(made_later(), AmazonChargeState::Canceled, usd(5_000), None),
    ];
    let mut answers = Vec::new();
    for (session, state) in sessions {
        for charge in &charges {
            for (limit, balance) in [(amount(), usd(0)), (usd(25_000), usd(15_000))] {
                let (limit, balance) = (AmountView::Shown(limit), AmountView::Shown(balance));
                let facts = PermissionFacts {
                    id: permission(),
                    state: state.clone(),
                    created_at,
                    merchant_reference_id: Some("c1".to_string()),
                    limit,
                    balance,
                };
                let heard = unexplained::Evidence {
                    sessions: vec![(AttemptNumber::FIRST, session.clone())],
                    permission: Some(PermissionMoney { state: state.clone(), created_at, limit, balance }),
                    charges: vec![charge.clone()],
                    refund: None,
                    holder: unexplained::Holder::Nobody,
                };
                answers.push(AmazonShows {
                    session: Shown::It(session.clone()),
                    permission: Shown::It(facts),
                    charge: Shown::It(charge.clone()),
                    refund: Shown::It(RefundFacts {
                        view: refund_shown_as(RefundState::Refunded),
                        created_at,
                    }),
                    heard,
                    holder: None,
                    held: None,
                });
            }
        }
    }
    answers
}

/// The checkout after two persons have asked for the same, if the first of them, or both, were enough.
fn decided_by_two(
    checkout: &Checkout,
    subject: &Subject,
    asked: &Asked,
    shows: &AmazonShows,
) -> Option<Checkout> {
    let evidence = Evidence::parse("Seller Central shows it").unwrap();
    let mut checkout = checkout.clone();
    for actor in ["alice", "bob"] {
        let reference = &format!("the route of {actor}");
        let request = DecisionRequest { subject, asked, reference, actor, evidence: &evidence };
        let mut draft = Draft::new(checkout, later(), rules());
        let decision = make(&mut draft, &request, shows, Before::Otherwise).ok()?;
        checkout = draft.finish().checkout;
        if matches!(decision.state, DecisionState::Made { .. }) {
            return Some(checkout);
        }
    }
    None
}

/// The decision that ends a need of a checkout, if there is one.
pub(super) fn route(checkout: &Checkout, need: Need) -> Option<(Subject, Asked)> {
    let answers = answers();
    // What every decision is followed by ends no need by itself.
    let untouched = Draft::new(checkout.clone(), later(), rules()).finish().checkout;
    assert!(untouched.needs().contains(&need), "{need:?} ends without a decision");
    requests(checkout).into_iter().find(|(subject, asked)| {
        let mut decided = answers.iter().filter_map(|shows| decided_by_two(checkout, subject, asked, shows));
        decided.any(|after| !after.needs().contains(&need))
    })
}
