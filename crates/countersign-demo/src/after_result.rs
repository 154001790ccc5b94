//! Stories of what follows a successful payment: parcels that are charged one by one, refunds, an authorization
//! that nobody captures, and a shop that cancels while Amazon has not answered yet.

use std::time::Duration;

use serde_json::{Value, json};

use super::shop::{AS_ORDERED, Checkout, CheckoutSessionId, FINALIZED, Shop, text, usd};
use super::stage::Stage;
use super::teller::Teller;
use crate::demo_result::DemoResult;

/// Amazon's sandbox decides on a refund 30 seconds after the request.
const REFUND_DECIDED: Duration = Duration::from_secs(31);
const DAY: Duration = Duration::from_secs(86_400);

/// Plays these stories. The last one lets days pass, which affects every other order too.
pub(super) async fn play(stage: &Stage, teller: &mut Teller) -> DemoResult {
    split_shipment(stage, teller).await?;
    partly_captured_partly_refunded(stage, teller).await?;
    refund_answer_lost(stage, teller).await?;
    canceled_in_flight(stage, teller).await?;
    overtaken(stage, teller).await?;
    lapsed(stage, teller).await
}

/// Registers an order, and lets its buyer pay for it.
async fn paid(
    stage: &Stage,
    teller: &Teller,
    (payment_intent, amount, total): (&'static str, &'static str, Option<&'static str>),
) -> DemoResult<(Checkout, CheckoutSessionId)> {
    let (shop, amazon) = stage.people();
    let mut order = teller.order("PayAndShip", payment_intent, amount);
    order.total = total;
    let checkout = teller.registered(&shop, &order).await?;
    let session = amazon.pay(&checkout, AS_ORDERED).await?;
    let answer = shop.complete(&checkout, &session).await?;
    let outcome = if payment_intent == "Authorize" { "authorized" } else { "paid" };
    teller.answered(&answer, 200, outcome)?;
    Ok((checkout, session))
}

/// Checks how much of the payment is captured, refunded and left.
async fn balances(teller: &Teller, shop: &Shop, checkout: &Checkout, expected: [&str; 3]) -> DemoResult {
    let seen = shop.checkout(checkout).await?;
    let amount = |name: &str| {
        let balance = seen.pointer(&format!("/payment/balances/{name}/amount"));
        balance.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let found = ["captured", "refunded", "left"].map(amount);
    let [captured, refunded, left] = &found;
    teller.tell(format_args!("Captured {captured}, refunded {refunded}, left to charge {left} USD."));
    teller.must_be("captured, refunded and left", &found, &expected.map(str::to_owned))
}

async fn split_shipment(stage: &Stage, teller: &mut Teller) -> DemoResult {
    let (shop, _) = stage.people();
    teller.begin("two parcels, a charge each");
    let (checkout, _) = paid(stage, teller, ("Authorize", "70.00", Some("120.00"))).await?;
    let first = text(&shop.checkout(&checkout).await?, "chargeId");
    teller.tell("The shop authorizes the second parcel's 50.00 USD.");
    let parcel = json!({ "reference": "parcel 2", "chargeAmount": usd("50.00") });
    let second = shop.ask(&checkout, "charges", parcel).await?;
    teller.shop_gets(&second, 201, "Authorized")?;
    let second = text(&second.body, "chargeId");
    teller.tell("Both leave, and each is captured.");
    for (reference, charge_id) in [("parcel 1 left", first), ("parcel 2 left", second)] {
        let capture = json!({ "reference": reference, "chargeId": charge_id });
        teller.shop_gets(&shop.ask(&checkout, "captures", capture).await?, 200, "Captured")?;
    }
    balances(teller, &shop, &checkout, ["120.00", "0.00", "0.00"]).await?;
    teller.tell("A third parcel of a cent is more than the buyer agreed to: nothing is sent.");
    let third = json!({ "reference": "parcel 3", "chargeAmount": usd("0.01") });
    teller.shop_gets(&shop.ask(&checkout, "charges", third).await?, 409, "ExceedsLimit")?;
    teller.end(&shop, &checkout, "authorized", "").await
}

async fn partly_captured_partly_refunded(stage: &Stage, teller: &mut Teller) -> DemoResult {
    let (shop, _) = stage.people();
    teller.begin("a part captured, a part of it refunded");
    let (checkout, _) = paid(stage, teller, ("Authorize", "90.00", None)).await?;
    teller.tell("One of three books is out of print: 60.00 USD are captured, the rest is released.");
    let capture = json!({ "reference": "shipped", "captureAmount": usd("60.00") });
    teller.shop_gets(&shop.ask(&checkout, "captures", capture).await?, 200, "Captured")?;
    teller.tell("One comes back: 25.00 USD are refunded.");
    let refund = json!({ "reference": "return 1", "refundAmount": usd("25.00") });
    teller.shop_gets(&shop.ask(&checkout, "refunds", refund).await?, 202, "RefundInitiated")?;
    stage.pass(REFUND_DECIDED).await?;
    shop.wait_for_facts(&checkout, "refund.refunded").await?;
    balances(teller, &shop, &checkout, ["60.00", "25.00", "30.00"]).await?;
    teller.tell("A refund of 35.01 USD would be a cent more than is left to refund.");
    let refund = json!({ "reference": "return 2", "refundAmount": usd("35.01") });
    teller.shop_gets(&shop.ask(&checkout, "refunds", refund).await?, 409, "ExceedsRefundable")?;
    teller.may_ship(&shop, &checkout, "Captured").await?;
    teller.end(&shop, &checkout, "authorized", "").await
}

async fn refund_answer_lost(stage: &Stage, teller: &mut Teller) -> DemoResult {
    let (shop, amazon) = stage.people();
    teller.begin("a refund whose answer is lost");
    let (checkout, session) = paid(stage, teller, ("AuthorizeWithCapture", "45.00", None)).await?;
    let lost = json!({ "operation": "createRefund", "point": "afterCommit", "kind": "reset", "times": 1 });
    amazon.mishap_of(&lost).await?;
    teller.tell(
        "The shop refunds the whole amount. Amazon does so, and the connection breaks before it answers.",
    );
    let refund = json!({ "reference": "return" });
    let answer = shop.ask(&checkout, "refunds", refund.clone()).await?;
    teller.tell(
        "Countersign sends the same bytes with the same key again: Amazon takes it for the same refund.",
    );
    teller.shop_gets(&answer, 202, "RefundInitiated")?;
    stage.pass(REFUND_DECIDED).await?;
    shop.wait_for_facts(&checkout, "refund.refunded").await?;
    teller.tell("The shop asks again, by the same reference.");
    teller.shop_gets(&shop.ask(&checkout, "refunds", refund).await?, 200, "Refunded")?;
    let refunds = amazon.count(&session, "RefundInitiated").await?;
    teller.must_be("the number of refunds at Amazon", &refunds, &1)?;
    balances(teller, &shop, &checkout, ["45.00", "45.00", "0.00"]).await?;
    teller.must_not_ship(&shop, &checkout, "Refunded").await?;
    teller.end(&shop, &checkout, "paid", "").await
}

async fn canceled_in_flight(stage: &Stage, teller: &mut Teller) -> DemoResult {
    let (shop, amazon) = stage.people();
    let (checkout, session) = teller
        .placed(stage, "canceled while in flight", ["PayAndShip", "AuthorizeWithCapture", "65.00"])
        .await?;
    let slow = json!({ "operation": "finalizeCheckoutSession", "point": "afterCommit", "kind": "timeout",
        "delay": "PT2S", "times": 1 });
    amazon.mishap(&session, slow).await?;
    let completing = tokio::spawn({
        let (shop, checkout, session) = (shop.clone(), checkout.clone(), session.clone());
        async move { shop.complete(&checkout, &session).await }
    });
    amazon.wait_for(&session, FINALIZED).await?;
    teller.tell("Amazon charges the buyer and is slow to answer. Meanwhile the shop cancels the order.");
    let cancel = json!({ "reference": "changed their mind", "reason": "the buyer has called" });
    let canceling = shop.ask(&checkout, "cancel", cancel).await?;
    teller.shop_gets(&canceling, 202, "CancelRequested")?;
    teller.must_not_ship(&shop, &checkout, "CancelRequested").await?;
    completing.await??;
    teller.tell("The charge is proved and refunded in full, and the permission is closed.");
    // An order counts as canceled only once its refund has ended.
    amazon.wait_for(&session, "RefundInitiated").await?;
    stage.pass(REFUND_DECIDED).await?;
    shop.wait_for(&checkout, "canceled").await?;
    let told = shop.facts(&checkout).await?;
    let canceled = told.iter().filter(|fact| *fact == "checkout.canceled").count();
    teller.must_be("the number of facts of the cancellation", &canceled, &1)?;
    balances(teller, &shop, &checkout, ["65.00", "65.00", "0.00"]).await?;
    let answer = shop.complete(&checkout, &session).await?;
    teller.answered(&answer, 402, "canceled")?;
    teller.end(&shop, &checkout, "canceled", "").await
}

async fn overtaken(stage: &Stage, teller: &mut Teller) -> DemoResult {
    let (shop, amazon) = stage.people();
    teller.begin("a notification that overtakes the answer");
    stage.notify_merchant().await?;
    let order = teller.order("PayAndShip", "Authorize", "85.00");
    let checkout = teller.registered(&shop, &order).await?;
    let session = amazon.pay(&checkout, AS_ORDERED).await?;
    amazon.notify_before_answer("CHARGE").await?;
    teller.tell("Amazon holds its answer back until its notification of the charge has arrived:");
    let answer = shop.complete(&checkout, &session).await?;
    let notified = amazon.notified_of(&text(&answer.body, "chargeId")).await?;
    teller.must_be("the outcome of the notification", &notified, &vec!["delivered".to_owned()])?;
    teller.tell(
        "the merchant half does not know that charge yet. It verifies the notification, stores it, and takes it \
         only as a reason to ask Amazon.",
    );
    teller.answered(&answer, 200, "authorized")?;
    teller.tell("Amazon notifies of the capture too, and the shop is notified of each once.");
    let capture = json!({ "reference": "shipped" });
    teller.shop_gets(&shop.ask(&checkout, "captures", capture).await?, 200, "Captured")?;
    let told = shop.facts(&checkout).await?;
    let of_charge: Vec<&str> =
        told.iter().map(String::as_str).filter(|fact| !fact.starts_with("chargePermission")).collect();
    teller.must_be("the facts of the charge", &of_charge, &vec!["checkout.authorized", "charge.captured"])?;
    teller.end(&shop, &checkout, "authorized", "").await
}

async fn lapsed(stage: &Stage, teller: &mut Teller) -> DemoResult {
    let (shop, _) = stage.people();
    teller.begin("an authorization that nobody captures");
    let (checkout, _) = paid(stage, teller, ("Authorize", "150.00", None)).await?;
    teller.may_ship(&shop, &checkout, "Authorized").await?;
    teller.tell("In Amazon's sandbox an authorization expires after two days. One day and a minute pass.");
    stage.pass(DAY + Duration::from_secs(60)).await?;
    shop.wait_for_facts(&checkout, "capture.due expiry").await?;
    teller.tell("The shop is warned by capture.due, and does not capture. The second day passes.");
    stage.pass(DAY).await?;
    shop.wait_for_facts(&checkout, "charge.canceled ExpiredUnused").await?;
    teller.tell("The authorization has expired: Amazon says so, and the shop is notified.");
    teller.must_not_ship(&shop, &checkout, "ChargeCanceled").await?;
    let charge_id = text(&shop.checkout(&checkout).await?, "chargeId");
    let capture = json!({ "reference": "too late", "chargeId": charge_id });
    teller.shop_gets(&shop.ask(&checkout, "captures", capture).await?, 409, "NotAuthorized")?;
    balances(teller, &shop, &checkout, ["0.00", "0.00", "150.00"]).await?;
    teller.end(&shop, &checkout, "authorized", "").await
}
