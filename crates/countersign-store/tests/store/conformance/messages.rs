//! Messages: events to read, and what is to be sent, with its leases.

use std::sync::Arc;

use countersign_store::contract::{Backlog, ChangeSet, Content, Lease, Message, Store};
use countersign_store::work_left::work_left;

use super::values::{
    append, at, change, commit_writes, content, create, event, release, text, texts, to_send,
};

async fn lease(store: &dyn Store, now: i64, until: i64, limit: usize) -> Vec<Message> {
    store.lease(Lease { topic: "webhook", now: at(now), until: at(until), limit }).await.unwrap()
}

fn shown(leased: &[Message]) -> Vec<(String, u32)> {
    leased.iter().map(|message| (text(&message.bytes), message.lease_count)).collect()
}

fn expected(leased: &[(&str, u32)]) -> Vec<(String, u32)> {
    leased.iter().map(|(text, count)| ((*text).to_owned(), *count)).collect()
}

pub(crate) async fn messages_are_read_in_the_order_of_their_commits(store: Arc<dyn Store>) {
    append(&*store, [event("S", "1"), event("T", "2")]).await;
    append(&*store, [event("S", "3")]).await;
    append(&*store, [event("R", "4")]).await;
    let all = store.messages("event", None, 0, 10).await.unwrap();
    assert_eq!(texts(&*store, "event", None).await, ["1", "2", "3", "4"]);
    assert!(all.is_sorted_by(|one, next| one.sequence < next.sequence) && all[0].sequence > 0);
    assert_eq!((all[0].subject.as_str(), all[0].lease_count), ("S", 0));
    for (after, limit, found) in [
        (all[0].sequence, 10, &all[1..]),
        (all[1].sequence, 1, &all[2..3]),
        (all[3].sequence, 10, &[]),
        (u64::MAX, 10, &[]),
        (0, 0, &[]),
    ] {
        assert_eq!(store.messages("event", None, after, limit).await.unwrap(), found, "{after}");
    }
}

pub(crate) async fn messages_of_one_topic_and_subject_are_found(store: Arc<dyn Store>) {
    append(&*store, [event("S", "1"), event("SS", "2"), to_send("3", 1), event("S", "4"), event("", "5")])
        .await;
    assert_eq!(texts(&*store, "event", None).await, ["1", "2", "4", "5"]);
    assert_eq!(texts(&*store, "event", Some("S")).await, ["1", "4"]);
    assert_eq!(texts(&*store, "event", Some("")).await, ["5"]);
    assert_eq!(texts(&*store, "webhook", None).await, ["3"]);
    assert_eq!(texts(&*store, "webhook", Some("S")).await, Vec::<String>::new());
    let first = store.messages("event", Some("S"), 0, 1).await.unwrap();
    assert_eq!(shown(&first), expected(&[("1", 0)]));
    let second = store.messages("event", Some("S"), first[0].sequence, 1).await.unwrap();
    assert_eq!(shown(&second), expected(&[("4", 0)]));
}

pub(crate) async fn a_leased_message_is_kept_from_other_takers_until_its_time(store: Arc<dyn Store>) {
    append(&*store, [to_send("m", 10)]).await;
    assert_eq!(lease(&*store, 9, 60, 10).await, []);
    assert_eq!(shown(&lease(&*store, 10, 60, 10).await), expected(&[("m", 1)]));
    assert_eq!(lease(&*store, 59, 90, 10).await, []);
    assert_eq!(shown(&lease(&*store, 60, 90, 10).await), expected(&[("m", 2)]));
    assert_eq!(store.messages("webhook", None, 0, 1).await.unwrap()[0].lease_count, 2);
}

pub(crate) async fn what_is_still_to_be_delivered_is_counted_up_to_a_limit(store: Arc<dyn Store>) {
    let backlog = async |limit| store.backlog("webhook", limit).await.unwrap();
    assert_eq!(backlog(10).await, Backlog::default());
    append(&*store, [event("S", "1"), to_send("a", 30), to_send("b", 10), to_send("c", 20)]).await;
    let of = |count, next_at| Backlog { count, next_at: Some(at(next_at)) };
    assert_eq!(backlog(10).await, of(3, 10));
    assert_eq!(backlog(2).await, of(2, 10));
    assert_eq!(backlog(0).await, Backlog::default());
    let leased = lease(&*store, 10, 60, 1).await;
    assert_eq!(backlog(10).await, of(3, 20), "a leased one counts, and may be leased when its lease is over");
    assert_eq!(store.release(release(leased[0].sequence, 1, None)).await, Ok(true));
    assert_eq!(backlog(10).await, of(2, 20));
}

pub(crate) async fn messages_are_leased_oldest_due_first(store: Arc<dyn Store>) {
    append(&*store, [to_send("late", 30), to_send("early", 10), to_send("middle", 20), to_send("also", 20)])
        .await;
    assert_eq!(lease(&*store, 40, 60, 0).await, []);
    assert_eq!(
        shown(&lease(&*store, 40, 60, 3).await),
        expected(&[("early", 1), ("middle", 1), ("also", 1)])
    );
    assert_eq!(shown(&lease(&*store, 40, 60, 3).await), expected(&[("late", 1)]));
    assert_eq!(
        store.lease(Lease { topic: "event", now: at(40), until: at(60), limit: 3 }).await,
        Ok(Vec::new())
    );
}

pub(crate) async fn an_event_is_never_leased(store: Arc<dyn Store>) {
    append(&*store, [event("S", "1")]).await;
    let sequence = store.messages("event", None, 0, 1).await.unwrap()[0].sequence;
    assert_eq!(
        store.lease(Lease { topic: "event", now: at(i64::MAX), until: at(i64::MAX), limit: 10 }).await,
        Ok(Vec::new())
    );
    for lease_count in [0, 1] {
        assert_eq!(store.release(release(sequence, lease_count, Some(at(1)))).await, Ok(false));
    }
    assert_eq!(
        store.lease(Lease { topic: "event", now: at(i64::MAX), until: at(i64::MAX), limit: 10 }).await,
        Ok(Vec::new())
    );
}

pub(crate) async fn a_lease_ends_once(store: Arc<dyn Store>) {
    append(&*store, [to_send("m", 10)]).await;
    let sequence = store.messages("webhook", None, 0, 1).await.unwrap()[0].sequence;
    assert_eq!(store.release(release(sequence, 0, None)).await, Ok(false), "it was never leased");
    lease(&*store, 10, 60, 1).await;
    assert_eq!(store.release(release(sequence, 2, None)).await, Ok(false), "another lease");
    assert_eq!(store.release(release(sequence + 1, 1, None)).await, Ok(false), "no such message");
    assert_eq!(store.release(release(u64::MAX, 1, None)).await, Ok(false), "no such message");
    assert_eq!(store.release(release(sequence, 1, Some(at(20)))).await, Ok(true));
    assert_eq!(store.release(release(sequence, 1, None)).await, Ok(false), "it has ended");
    assert_eq!(shown(&lease(&*store, 20, 60, 1).await), expected(&[("m", 2)]));
    // The release is late, but no other caller came first.
    assert_eq!(store.release(release(sequence, 2, None)).await, Ok(true));
    assert_eq!(store.release(release(sequence, 2, Some(at(20)))).await, Ok(false), "it was delivered");
    assert_eq!(lease(&*store, 1_000, 2_000, 1).await, []);
    assert_eq!(texts(&*store, "webhook", None).await, ["m"]);
}

pub(crate) async fn a_lease_that_another_took_over_ends_as_a_no_op(store: Arc<dyn Store>) {
    append(&*store, [to_send("m", 10)]).await;
    let first = lease(&*store, 10, 20, 1).await.remove(0);
    let second = lease(&*store, 20, 90, 1).await.remove(0);
    assert_eq!(store.release(release(first.sequence, first.lease_count, None)).await, Ok(false));
    assert_eq!(lease(&*store, 89, 95, 1).await, [], "the second lease still holds");
    assert_eq!(store.release(release(second.sequence, second.lease_count, None)).await, Ok(true));
    assert_eq!(lease(&*store, 1_000, 2_000, 1).await, []);
}

pub(crate) async fn a_message_to_be_tried_again_waits_for_its_time(store: Arc<dyn Store>) {
    append(&*store, [to_send("m", 10)]).await;
    let leased = lease(&*store, 10, 20, 1).await.remove(0);
    store.release(release(leased.sequence, leased.lease_count, Some(at(500)))).await.unwrap();
    assert_eq!(lease(&*store, 499, 600, 1).await, []);
    assert_eq!(shown(&lease(&*store, 500, 600, 1).await), expected(&[("m", 2)]));
}

pub(crate) async fn a_lease_from_before_a_reset_ends_nothing(store: Arc<dyn Store>) {
    append(&*store, [to_send("before", 10)]).await;
    let before = lease(&*store, 10, 20, 1).await.remove(0);
    store.reset().await.unwrap();
    store.commit(ChangeSet { append: vec![to_send("after", 10)], ..change() }).await.unwrap();
    assert_eq!(shown(&lease(&*store, 10, 20, 1).await), expected(&[("after", 1)]));
    assert_eq!(store.release(release(before.sequence, before.lease_count, None)).await, Ok(false));
    assert_eq!(shown(&lease(&*store, 20, 30, 1).await), expected(&[("after", 2)]));
}

pub(crate) async fn what_is_due_waits_or_is_leased_is_left_to_do(store: Arc<dyn Store>) {
    let left = async |now| work_left(&*store, at(now), &["webhook", "event"]).await.unwrap();
    append(&*store, [event("S", "1")]).await;
    commit_writes(&*store, [create("a", Content { due_at: Some(at(1_000)), ..content("a") })]).await.unwrap();
    assert_eq!(left(999).await, Vec::<String>::new());
    assert_eq!(left(1_000).await, ["charge a has been due since 19700101T000001Z"]);
    append(&*store, [to_send("m", 0)]).await;
    let waits = "1 messages of webhook are not delivered: the next may be leased at 19700101T000000Z";
    assert_eq!(left(0).await, [waits]);
    let [leased] = &lease(&*store, 0, 2_000, 1).await[..] else { panic!("expected one leased message") };
    assert_eq!(left(0).await, [waits.replace("00Z", "02Z")]);
    assert!(store.release(release(leased.sequence, 1, None)).await.unwrap());
    assert_eq!(left(0).await, Vec::<String>::new());
}
