//! An answer to Get Refund or Get Charge Permission that names another object than was asked for contradicts, as one to
//! Get Charge does: what is known of the charge is not certain any more.

use super::decide::decided;
use super::paid::*;
use super::*;
use crate::merchant::payment::send::{other_permission_shown, other_refund_shown};

fn contradictions(decided: &Option<CheckoutStep>) -> usize {
    let is_it = |event: &&CheckoutEvent| {
        matches!(event, CheckoutEvent::Payment(PaymentEvent::Contradicted { misfit: Misfit::IdsDiffer, .. }))
    };
    decided.iter().flat_map(|step| &step.events).filter(is_it).count()
}

// Promise: B06
#[test]
fn an_answer_with_another_id_contradicts_the_charge_that_it_is_about() {
    let now = sent_at().plus(SECOND);
    let refunded = Refund {
        id: refund_id(),
        amount: usd(300),
        state: RefundState::RefundInitiated,
        look: None,
        decided_at: None,
        known_at: None,
    };
    let captured = Charge { refunds: vec![refunded], ..charge_in(ChargeState::Captured(hundred())) };
    let order = paid(payment_of(vec![captured]));
    let by_refund: fn(&mut Draft) = |draft| other_refund_shown(draft, &refund_id());
    let by_permission: fn(&mut Draft) = other_permission_shown;
    for (name, shown) in [("refund", by_refund), ("permission", by_permission)] {
        let (step, ()) = decided(&order, now, &rules(), shown);
        assert_eq!(contradictions(&step), 1, "{name}");
        let after = step.unwrap().next;
        assert_eq!(fulfilment(&after, None, now).unwrap().reason, fulfilment::Reason::Contradicted, "{name}");
        assert!(
            after.due_at(&rules()).is_some_and(|at| at <= now.plus(60 * SECOND)),
            "its charge is looked at"
        );
        // The same answer again is no news.
        assert_eq!(contradictions(&decided(&after, now, &rules(), shown).0), 0, "{name}");
    }
    // Of a refund that is not known, and of a payment without a charge, only the operator is notified.
    let without = paid(payment_of(Vec::new()));
    let unknown: fn(&mut Draft) = |draft| other_refund_shown(draft, &RefundId::parse("S01-1-R9").unwrap());
    for (order, shown) in [(&order, unknown), (&without, by_permission)] {
        let events = decided(order, now, &rules(), shown).0.unwrap().events;
        assert!(
            matches!(&events[..], [CheckoutEvent::Payment(PaymentEvent::Contradiction { .. })]),
            "{events:?}"
        );
    }
}
