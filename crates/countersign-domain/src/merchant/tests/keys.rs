//! Under which key a Finalize is sent: what has left keeps the key that was stored with it, whatever key would be
//! derived for it today.

use super::decide::decided;
use super::*;
use crate::merchant::attempt::finalize;

fn stored(n: u32) -> KeyedRequest {
    let idempotency_key = IdempotencyKey::parse(&format!("stored{n}")).unwrap();
    KeyedRequest { n: KeyOrdinal::new(n), idempotency_key, body: Arc::from(*b"body") }
}

/// Another key than the one that is stored for the same ordinal, as an upgrade may derive.
fn derived(n: KeyOrdinal) -> IdempotencyKey {
    IdempotencyKey::parse(&format!("derived{n}")).unwrap()
}

fn begun(before: &Checkout) -> (KeyedRequest, Checkout) {
    let begin = |draft: &mut Draft| finalize::begin_approved(draft, AttemptNumber::FIRST, &derived);
    sent(decided(before, sent_at(), &rules(), begin))
}

fn sent_again(before: &Checkout) -> (KeyedRequest, Checkout) {
    let again = |draft: &mut Draft| finalize::send_again(draft, AttemptNumber::FIRST, &derived);
    sent(decided(before, sent_at(), &rules(), again))
}

fn sent((step, next): (Option<CheckoutStep>, NextStep)) -> (KeyedRequest, Checkout) {
    let NextStep::Send(OutgoingCall::Finalize { send, .. }) = next else {
        panic!("nothing is sent: {next:?}")
    };
    (send, step.unwrap().next)
}

fn recorded(earlier: KeyedRequest, left_at: Option<Timestamp>) -> Checkout {
    let state = InFlight::Recorded { earlier: Some(earlier), left_at, retry_at: sent_at() };
    checkout(PaymentIntent::Authorize, AttemptState::Finalize(state))
}

// Promise: B25
#[test]
fn what_was_to_be_sent_and_what_is_in_doubt_is_sent_under_the_key_that_is_kept() {
    // No connection: the same key again.
    assert_eq!(begun(&recorded(stored(1), None)).0, stored(1));
    // Turned away: the first key is spent, and the next one is derived.
    let (second, _) = begun(&recorded(stored(1), Some(sent_at())));
    assert_eq!((second.n.get(), second.idempotency_key), (2, derived(KeyOrdinal::new(2))));
    // In doubt: the same key, however often.
    let mut doubted =
        checkout(PaymentIntent::Authorize, in_doubt_attempt(Doubt { send: stored(1), ..doubt() }));
    for _ in 0..3 {
        let (again, after) = sent_again(&doubted);
        assert_eq!(again, stored(1));
        doubted = after;
    }
    // Its lease is over: the same.
    let orphan = AttemptState::Finalize(InFlight::Sent {
        send: stored(1),
        sent_at: sent_at(),
        lease_until: sent_at(),
    });
    let orphan = checkout(PaymentIntent::Authorize, orphan);
    let orphaned =
        decided(&orphan, sent_at(), &rules(), |draft| finalize::orphaned(draft, AttemptNumber::FIRST));
    assert_eq!(sent_again(&orphaned.0.unwrap().next).0, stored(1));
}

// Promise: B25
#[test]
fn what_is_given_up_is_in_doubt_under_the_key_under_which_it_left() {
    let gone_at = sent_at().plus(rules().policy.resend_window).plus(SECOND);
    let given_up = |before: &Checkout, how: &str| {
        let by = |draft: &mut Draft| match how {
            "canceled" => {
                let request = CancelRequest { reference: "c", reason: None, shipped_too: false };
                crate::merchant::after::cancel::request_cancel(draft, &request).unwrap();
            }
            "taken up" => drop(finalize::take_up(draft, AttemptNumber::FIRST)),
            _ => drop(finalize::begin_approved(draft, AttemptNumber::FIRST, &derived)),
        };
        let now = if how == "canceled" { sent_at() } else { gone_at };
        let (step, ()) = decided(before, now, &rules(), by);
        let attempt = step.unwrap().next.attempts.remove(0);
        let doubt = attempt.state.doubt().unwrap_or_else(|| panic!("{how}: {:?}", attempt.state)).clone();
        assert_eq!(attempt.next_key_ordinal(), doubt.send.n, "{how}: the key is not spent");
        doubt.send
    };
    // The first send was turned away. The second found no connection; so it is the first that may arrive.
    let (_, second) = begun(&recorded(stored(1), Some(sent_at())));
    let (step, _) = decided(&second, sent_at(), &rules(), |draft| {
        let n = KeyOrdinal::new(2);
        finalize::answered(draft, AttemptNumber::FIRST, n, &FinalizeAnswer::NotSent)
    });
    let unsent = step.unwrap().next;
    for how in ["canceled", "taken up", "begun"] {
        assert_eq!(given_up(&recorded(stored(1), Some(sent_at())), how), stored(1), "{how}");
        assert_eq!(given_up(&unsent, how), stored(1), "{how}");
    }
    // A document of an earlier format does not say what was turned away: no key is derived for it.
    let mut earlier = unsent;
    earlier.attempts[0].turned_away = None;
    assert_eq!(given_up(&earlier, "taken up").n.get(), 2);
}
