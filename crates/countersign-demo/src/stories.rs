//! The stories: who does what, what the servers answer, what the buyer sees, and how each story
//! must end. Each story is printed while it happens. A story that ends in a different way ends the
//! demo.

use std::time::Duration;

use serde_json::{Value, json};

use super::after_result;
use super::shop::{AS_ORDERED, AmazonPage, Checkout, CheckoutSessionId, CheckoutVariation, FINALIZED, text};
use super::stage::Stage;
use super::table::Row;
use super::teller::{Printer, Teller};
use crate::demo_result::DemoResult;
use crate::json::list;

/// Plays every story; the rows are in the order in which the stories began.
pub(super) async fn play(stage: &mut Stage, say: Printer) -> DemoResult<Vec<Row>> {
    let mut teller = Teller::new(say);
    let played = play_all(stage, &mut teller).await;
    played.map_err(|failure| teller.failed(&*failure))?;
    teller.rows.sort_by(|[_, one, ..], [_, other, ..]| one.cmp(other));
    Ok(teller.rows)
}

async fn play_all(stage: &mut Stage, teller: &mut Teller) -> DemoResult {
    let pending = begin_pending(stage, teller).await?;
    for product_type in ["PayAndShip", "PayOnly"] {
        for (payment_intent, outcome) in
            [("AuthorizeWithCapture", "paid"), ("Authorize", "authorized"), ("Confirm", "confirmed")]
        {
            plain(stage, teller, product_type, payment_intent, outcome).await?;
        }
    }
    declined_then_paid(stage, teller).await?;
    amount_mismatch(stage, teller).await?;
    lost_answer(stage, teller).await?;
    two_tabs(stage, teller).await?;
    double_click(stage, teller).await?;
    restart_in_doubt(stage, teller).await?;
    store_fails(stage, teller).await?;
    for story in pending {
        end_pending(stage, teller, story).await?;
    }
    after_result::play(stage, teller).await
}

const fn with_card(card: &'static str) -> CheckoutVariation {
    CheckoutVariation { card: Some(card), amount: None }
}

/// The fault that loses an answer: Amazon executes the call, and the connection breaks before the
/// answer is sent.
fn answer_lost() -> Value {
    json!({ "operation": "finalizeCheckoutSession", "point": "afterCommit", "kind": "reset", "times": 1 })
}

async fn plain(
    stage: &Stage,
    teller: &mut Teller,
    product_type: &'static str,
    payment_intent: &'static str,
    outcome: &str,
) -> DemoResult {
    let (shop, _) = stage.people();
    let (title, order) =
        (format!("{payment_intent}, {product_type}"), [product_type, payment_intent, "24.90"]);
    let (checkout, session) = teller.placed(stage, &title, order).await?;
    teller.tell("A buyer pays on Amazon's page, and the shop completes the checkout.");
    let answer = shop.complete(&checkout, &session).await?;
    teller.answered(&answer, 200, outcome)?;
    teller.end(&shop, &checkout, outcome, "").await
}

async fn declined_then_paid(stage: &Stage, teller: &mut Teller) -> DemoResult {
    let (shop, amazon) = stage.people();
    let order = ["PayAndShip", "AuthorizeWithCapture", "80.00"];
    let (checkout, first) =
        teller.placed_differently(stage, "a decline, then another card", order, with_card("3434")).await?;
    teller.tell("The buyer pays with a card that the bank declines.");
    let declined = shop.complete(&checkout, &first).await?;
    teller.answered(&declined, 402, "notPaid")?;
    teller.must_be(
        "the way back",
        text(&declined.body, "redirectUrl").as_str(),
        "https://shop.example/checkout",
    )?;
    teller.tell("Back at the start of checkout, the buyer takes another card.");
    let second = amazon.pay(&checkout, AS_ORDERED).await?;
    let paid = shop.complete(&checkout, &second).await?;
    teller.answered(&paid, 200, "paid")?;
    teller.end(&shop, &checkout, "paid", "").await
}

async fn amount_mismatch(stage: &Stage, teller: &mut Teller) -> DemoResult {
    let (shop, amazon) = stage.people();
    let (checkout, session) = teller
        .placed_differently(
            stage,
            "an amount that is not the order's",
            ["PayAndShip", "AuthorizeWithCapture", "250.00"],
            CheckoutVariation { amount: Some("2.50"), card: None },
        )
        .await?;
    teller.tell("Somebody changed the page: the session at Amazon is over 2.50 USD.");
    let answer = shop.complete(&checkout, &session).await?;
    teller.answered(&answer, 402, "notPaid")?;
    let finalized = amazon.count(&session, FINALIZED).await?;
    teller.must_be("the number of finalized payments", &finalized, &0)?;
    teller.tell("Nothing was sent to Amazon, the buyer is not charged, and nothing may be shipped.");
    teller.end(&shop, &checkout, "notPaid", "TermsMismatch").await
}

async fn lost_answer(stage: &Stage, teller: &mut Teller) -> DemoResult {
    let (shop, amazon) = stage.people();
    let (checkout, session) =
        teller.placed(stage, "an answer is lost", ["PayAndShip", "AuthorizeWithCapture", "33.00"]).await?;
    amazon.mishap(&session, answer_lost()).await?;
    teller.tell("Amazon charges the buyer, and the connection breaks before it answers.");
    let answer = shop.complete(&checkout, &session).await?;
    teller.tell("Countersign does not guess: it looks up the session and the charge.");
    teller.answered(&answer, 200, "paid")?;
    paid_once(teller, &amazon, &[&session]).await?;
    teller.end(&shop, &checkout, "paid", "").await
}

async fn two_tabs(stage: &Stage, teller: &mut Teller) -> DemoResult {
    let (shop, amazon) = stage.people();
    let order = ["PayOnly", "AuthorizeWithCapture", "12.00"];
    let (checkout, left) = teller.placed(stage, "two tabs", order).await?;
    let right = amazon.pay(&checkout, AS_ORDERED).await?;
    teller.tell("The buyer has the checkout open in two tabs, and pays in both at the same time.");
    let (left_answer, right_answer) =
        tokio::try_join!(shop.complete(&checkout, &left), shop.complete(&checkout, &right))?;
    teller.answered(&left_answer, 200, "paid")?;
    teller.buyer_sees(&right_answer);
    teller.must_be("the second tab's answer", &right_answer, &left_answer)?;
    paid_once(teller, &amazon, &[&left, &right]).await?;
    teller.tell("One session was finalized, the other never: both tabs show the same charge.");
    let seen = shop.checkout(&checkout).await?;
    let surplus = list(&seen, "attempts").filter(|attempt| text(attempt, "state") == "Surplus").count();
    teller.must_be("the number of surplus attempts", &surplus, &1)?;
    teller.end(&shop, &checkout, "paid", "").await
}

async fn double_click(stage: &Stage, teller: &mut Teller) -> DemoResult {
    let (shop, amazon) = stage.people();
    let (checkout, session) =
        teller.placed(stage, "a double click", ["PayAndShip", "Authorize", "59.00"]).await?;
    teller.tell("The browser asks twice for the same session, at the same moment.");
    let (first, second) =
        tokio::try_join!(shop.complete(&checkout, &session), shop.complete(&checkout, &session))?;
    teller.answered(&first, 200, "authorized")?;
    teller.must_be("the second answer", &second, &first)?;
    paid_once(teller, &amazon, &[&session]).await?;
    teller.tell("Both got the same answer, and Amazon saw one payment.");
    teller.end(&shop, &checkout, "authorized", "").await
}

async fn restart_in_doubt(stage: &mut Stage, teller: &mut Teller) -> DemoResult {
    let (shop, amazon) = stage.people();
    let (checkout, session) =
        teller.placed(stage, "a restart in doubt", ["PayAndShip", "AuthorizeWithCapture", "75.00"]).await?;
    amazon.mishap(&session, json!({ "operation": "finalizeCheckoutSession", "point": "afterCommit", "kind": "timeout", "delay": "PT1M", "times": 1 })).await?;
    let completing = tokio::spawn({
        let (shop, checkout, session) = (shop.clone(), checkout.clone(), session.clone());
        async move { shop.complete(&checkout, &session).await }
    });
    amazon.wait_for(&session, FINALIZED).await?;
    teller.tell("Amazon charges the buyer and is slow to answer. Meanwhile the merchant half is killed.");
    stage.restart_merchant().await?;
    let unanswered = completing.await.is_ok_and(|answer| answer.is_err());
    teller.must_be("the buyer left without an answer", &unanswered, &true)?;
    teller.tell(
        "Started again on its files, it finds a payment whose answer it never received, and looks it up.",
    );
    let (shop, amazon) = stage.people();
    shop.wait_for(&checkout, "paid").await?;
    teller.buyer_sees(&shop.complete(&checkout, &session).await?);
    paid_once(teller, &amazon, &[&session]).await?;
    teller.end(&shop, &checkout, "paid", "").await
}

async fn store_fails(stage: &mut Stage, teller: &mut Teller) -> DemoResult {
    let (shop, _) = stage.people();
    let (checkout, session) = teller
        .placed(stage, "the disk fails after the answer", ["PayOnly", "AuthorizeWithCapture", "41.00"])
        .await?;
    teller.tell(
        "Amazon says yes, and at this moment the merchant half's disk is full: the ids cannot be stored.",
    );
    stage.break_store_after_answer();
    let answer = shop.complete(&checkout, &session).await?;
    teller.answered(&answer, 202, "checking")?;
    teller.tell(
        "An order is never called paid before it is on disk. The operator frees space and restarts the half:",
    );
    stage.restart_merchant().await?;
    teller.tell("it finds a payment that it has begun, and looks it up.");
    let (shop, amazon) = stage.people();
    shop.wait_for(&checkout, "paid").await?;
    paid_once(teller, &amazon, &[&session]).await?;
    teller.end(&shop, &checkout, "paid", "").await
}

/// A story in which Amazon takes half a minute to decide. It begins first and ends last.
struct PendingStory {
    title: &'static str,
    checkout: Checkout,
    outcome: &'static str,
    reason: &'static str,
}

async fn begin_pending(stage: &Stage, teller: &mut Teller) -> DemoResult<Vec<PendingStory>> {
    let (shop, amazon) = stage.people();
    let mut begun = Vec::new();
    for (title, card, outcome, reason) in [
        ("202, then authorized", "0701", "authorized", ""),
        ("202, then declined", "4354", "notPaid", "HardDeclined"),
    ] {
        teller.begin(title);
        let mut order = teller.order("PayAndShip", "Authorize", "199.00");
        order.pending = true;
        let checkout = teller.registered(&shop, &order).await?;
        let session = amazon.pay(&checkout, with_card(card)).await?;
        teller.tell("The buyer pays with a card whose bank takes its time.");
        let answer = shop.complete(&checkout, &session).await?;
        teller.answered(&answer, 202, "pending")?;
        begun.push(PendingStory { title, checkout, outcome, reason });
    }
    teller.tell("Both clocks move ahead by 31 seconds. These two stories end below.");
    stage.pass(Duration::from_secs(31)).await?;
    Ok(begun)
}

async fn end_pending(stage: &Stage, teller: &mut Teller, story: PendingStory) -> DemoResult {
    let (shop, _) = stage.people();
    let PendingStory { title, checkout, outcome, reason } = story;
    teller.resume(title);
    shop.wait_for(&checkout, outcome).await?;
    teller
        .tell(format_args!("The merchant half's timer has asked Amazon again: the order is {outcome} now."));
    teller.end(&shop, &checkout, outcome, reason).await
}

async fn paid_once(teller: &Teller, amazon: &AmazonPage, sessions: &[&CheckoutSessionId]) -> DemoResult {
    let mut count = 0;
    for session in sessions {
        count += amazon.count(session, FINALIZED).await?;
    }
    teller.must_be("the number of payments at Amazon", &count, &1)
}
