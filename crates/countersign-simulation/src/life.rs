//! The life of a world: shops and buyers, and what happens to them. At first things go wrong, then
//! the weather calms down, and then forty days pass.

use std::sync::Arc;
use std::time::Duration;

use countersign_http::Response;
use http::Method;
use serde_json::Value;

use crate::chaos;
use crate::elsewhere;
use crate::entropy::Random;
use crate::executor::Group;
use crate::features::Feature;
use crate::half::Half;
use crate::limits::{SANDBOX_AUTHORIZATION, SESSION_KEPT};
use crate::looking::Inspection;
use crate::persons::Persons;
use crate::process::{GivingUp, ServeOutcome};
use crate::requests::{read, shop_request};
use crate::shop::Story;
use crate::world::World;

/// The part of the seed that determines the first order's story; each further order uses the next
/// part.
const STORIES: u64 = 1_000;

/// The part of the seed for another integration on the account.
const ELSEWHERE: u64 = 999;

/// The time during which orders arrive.
const BUSY: Duration = Duration::from_secs(20 * 60);
/// How long the rush lasts, in which half of the orders arrive.
const RUSH: Duration = Duration::from_secs(30);
/// How long the world is observed after all faults are over: this is longer than Amazon keeps a
/// session.
const REST: Duration = SESSION_KEPT.saturating_add(Duration::from_secs(10 * 86_400));
/// 48 hours after the last deadline that Amazon's own rules leave open for a payment: those of a session, and of an
/// authorization that is pending.
const SETTLING: Duration = Duration::from_secs((24 + 24 + 48) * 3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// The longest time that Amazon takes to decide on the last requests, with a day to spare.
const LAST_ACTS: Duration = SANDBOX_AUTHORIZATION.saturating_add(Duration::from_secs(86_400));
impl World {
    /// Runs everything, from the first order to the end.
    pub(crate) async fn live(self: Arc<Self>) {
        self.start(Half::Amazon);
        self.start(Half::Merchant);
        chaos::begin(&self, self.seed);
        if self.has(Feature::OwnSales) || self.has(Feature::NamedOrders) {
            let random = Random::stream(self.seed, ELSEWHERE);
            elsewhere::begin(&self, &self.client_elsewhere(&random), &random);
        }
        if self.has(Feature::WrongDecisions) {
            Persons::new(&self).decide_at_random(BUSY * 3);
        }
        if self.has(Feature::DecidedOperations) {
            Persons::who_decide_later_calls(&self).decide_later_calls();
        }
        let rush_at = self.random.time(BUSY / 2, BUSY - RUSH * 5);
        for order in 0..self.order_count {
            let part = STORIES + u64::try_from(order).unwrap_or(0);
            let random = Random::stream(self.seed, part);
            let story = Story { world: Arc::clone(&self), order, random };
            let world = Arc::clone(&self);
            self.executor.spawn(Group::World, async move {
                let rushes = story.random.happens(500);
                let (from, within) = if rushes { (rush_at, RUSH) } else { (Duration::ZERO, BUSY) };
                let arrives = story.random.next() % u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
                world.executor.sleep(from + Duration::from_millis(arrives)).await;
                story.tell().await;
            });
        }
        self.be_busy(rush_at).await;
        self.calm_down();
        self.executor.sleep(Duration::from_secs(120)).await;
        self.let_pass(SETTLING, Duration::from_secs(300)).await;
        self.ask_what_is_settled().await;
        self.rest(REST.saturating_sub(SETTLING)).await;
        // Time for the shop's last operations to finish, too.
        self.weather.shut_the_shop();
        self.let_pass(LAST_ACTS, Duration::from_secs(300)).await;
        if self.has(Feature::Persons) {
            self.ask_what_persons_settled().await;
        }
        self.witness.ends(self.reading.ids_on_get, self.integration());
        self.look_at_everything().await;
        for half in [Half::Merchant, Half::Amazon] {
            self.witness.is_left(half, &self.work_left(half).await);
        }
    }

    /// Lets the time pass after which everything is settled that Amazon can settle. Persons decide the rest.
    async fn rest(self: &Arc<Self>, total: Duration) {
        if !self.has(Feature::Persons) {
            return self.let_pass(total, Duration::from_secs(300)).await;
        }
        let persons = Persons::new(self);
        let end = self.executor.now().saturating_add(total);
        while self.executor.now() < end {
            persons.look_after_everything().await;
            self.let_pass(DAY, Duration::from_secs(300)).await;
        }
    }

    /// Asks the merchant half what is so of each order, after persons have decided whatever needed them.
    async fn ask_what_persons_settled(&self) {
        for order in 0..self.order_count {
            let Some(checkout) = self.witness.checkout(order) else { continue };
            let path = format!("/v1/checkouts/{}", checkout.id);
            let witness = Arc::clone(&self.witness);
            let inspect = move |answer: &Response| {
                if let Some(said) = read(answer).filter(|_| answer.status().is_success()) {
                    witness.settled_by_persons(order, &said);
                }
            };
            let request = shop_request(Method::GET, &path, &Value::Null);
            self.look(Inspection { request, inspect: Box::new(inspect) }).await;
        }
    }

    /// Lets orders arrive. In many worlds hours or days of bad weather follow; in half of those the merchant
    /// half is cut off from Amazon, beginning in the rush.
    async fn be_busy(&self, rush_at: Duration) {
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        if self.random.happens(400) {
            return self.executor.sleep(BUSY).await;
        }
        let is_cut_off = self.random.happens(500);
        let begins_at = rush_at + RUSH + self.random.time(Duration::ZERO, RUSH * 3);
        self.executor.sleep(rush_at).await;
        if is_cut_off {
            self.witness.note(None, "the network begins to fail: payments are not answered".to_owned());
            self.weather.give_up_on_payments();
            self.executor.sleep(begins_at.saturating_sub(rush_at)).await;
            self.witness.note(None, "the merchant half is cut off from Amazon".to_owned());
            self.weather.cut_off();
        }
        self.executor.sleep(BUSY.saturating_sub(self.executor.now())).await;
        let lasting = if self.random.happens(500) {
            self.random.time(hours(1), hours(12))
        } else {
            self.random.time(hours(25), hours(40))
        };
        self.witness.note(None, format!("{lasting:?} pass in bad weather"));
        self.let_pass(lasting, Duration::from_secs(600)).await;
    }

    /// Asks the merchant half what is so of each order: from now on nothing is left to wait for, except for what
    /// needs a person.
    async fn ask_what_is_settled(&self) {
        for order in 0..self.order_count {
            let Some(checkout) = self.witness.checkout(order) else { continue };
            let path = format!("/v1/checkouts/{}", checkout.id);
            let (witness, reading) = (Arc::clone(&self.witness), self.reading.clone());
            let inspect = move |answer: &Response| {
                if let Some(said) = read(answer).filter(|_| answer.status().is_success()) {
                    witness.settled(order, &said, &reading);
                }
            };
            let request = shop_request(Method::GET, &path, &Value::Null);
            self.look(Inspection { request, inspect: Box::new(inspect) }).await;
        }
    }

    async fn look_at_everything(&self) {
        for order in 0..self.order_count {
            if let Some(checkout) = self.witness.checkout(order) {
                self.look(Inspection::at_checkout(&self.witness, order, &checkout.id)).await;
                self.look(Inspection::at_page(&self.witness, order, &checkout.result_token)).await;
            }
        }
    }

    async fn look(&self, Inspection { request, inspect }: Inspection) {
        match self.merchant.serve(request, GivingUp::LeavesItRunning, inspect).await {
            ServeOutcome::Answer(_) => {}
            ServeOutcome::Reset | ServeOutcome::Refused => {
                self.witness.does_not_end("the merchant half does not answer".to_owned())
            }
        }
    }
}
