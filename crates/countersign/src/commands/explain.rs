//! `countersign explain`: what happened to one order and why, as a running `serve` reports it.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::config::{ServeAccess, ServeAccessValues};
use crate::failure::CommandResult;
use crate::output::say;
use crate::serve_api::{ServeApi, no_such_order};
use crate::server;

/// The largest number of pages of a timeline that are read: a hundred thousand entries.
const PAGES: usize = 100;

/// Show what happened to an order, and the reason for every decision.
///
/// Asks a running `serve` and changes nothing. The last lines say what is awaited next and whether the
/// order may be shipped, and which `countersign decide` settles what needs a person. `--shop-token-file` takes any
/// token that may read: the shop's, or a file with your line (NAME TOKEN) of `operator.tokens_file`. Exits with 1 if
/// there is no such order or `serve` does not answer.
#[derive(Args)]
#[command(after_help = "\
Examples:
  countersign explain 1001 --config countersign.toml
  countersign explain 01a20916d12015cf8def9bcbfd947c0a --url http://127.0.0.1:8080 --shop-token-file shop-token
  countersign explain 1001 --json | jq .awaited")]
pub(crate) struct Explain {
    /// The shop's order number, or a checkout's id
    #[arg(value_name = "ORDER")]
    order: String,
    /// The configuration file that `serve` was started with
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Where `serve` is reached, if not at the address that it listens on
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    given: ServeAccessValues,
}

impl Explain {
    pub(crate) fn run(self) -> CommandResult {
        let api = ServeApi::at(ServeAccess::read(self.config, self.given, self.url)?)?;
        let told = server::block_on(async { explanation(&api, &self.order).await })?;
        say(if self.json { format!("{told:#}") } else { table(&told) });
        Ok(())
    }
}

/// The whole explanation, with the entries of all pages of its timeline.
async fn explanation(api: &ServeApi, order: &str) -> CommandResult<Value> {
    let unknown = || no_such_order(order);
    let checkout_id = api.checkout_of(order).await?;
    let mut whole = Value::Null;
    let (mut timeline, mut after) = (Vec::new(), String::new());
    for _ in 0..PAGES {
        let path = format!("/v1/checkouts/{checkout_id}/explanation?after={after}");
        let mut page = api.get(&path).await?.ok_or_else(unknown)?;
        if let Some(entries) = page["timeline"].as_array_mut() {
            timeline.append(entries);
        }
        let next = page["after"].as_str().map(str::to_owned);
        whole = page;
        match next {
            Some(next) => after = next,
            None => break,
        }
    }
    whole["timeline"] = json!(timeline);
    if let Some(members) = whole.as_object_mut() {
        members.remove("after");
    }
    Ok(whole)
}

/// The explanation as text for people: the timeline, then the order's state.
fn table(told: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let empty = Vec::new();
    let entries = told["timeline"].as_array().unwrap_or(&empty);
    let rows: Vec<[String; 3]> =
        entries.iter().map(|entry| [text(&entry["at"]), what(entry), text(&entry["why"])]).collect();
    let width = rows.iter().map(|[_, what, _]| what.chars().count()).max().unwrap_or_default().max(4);
    let mut table = format!(
        "order {}, checkout {}\n{}\n\n{:16}  {:width$}  WHY\n",
        text(&told["orderId"]),
        text(&told["checkoutId"]),
        text(&told["terms"]),
        "AT",
        "WHAT"
    );
    let mut shown_ids = Vec::new();
    for (entry, [at, what, why]) in entries.iter().zip(&rows) {
        let _ = writeln!(table, "{}", format!("{at:16}  {what:width$}  {why}").trim_end());
        // An id is shown below the first entry that has it.
        for member in IDS {
            let id = text(&entry[member]);
            if !id.is_empty() && !shown_ids.contains(&id) {
                let _ = writeln!(table, "{:16}    {member} {id}", "");
                shown_ids.push(id);
            }
        }
    }
    let _ = writeln!(table, "\nstate      {}", text(&told["state"]));
    let until = text(&told["standingUntil"]);
    let until = if until.is_empty() { until } else { format!(" until {until}") };
    let (standing, meaning) = (text(&told["standing"]), text(&told["standingInWords"]));
    let _ = writeln!(table, "standing   {standing}{until}: {meaning}");
    for need in told["needsInWords"].as_array().unwrap_or(&empty) {
        let _ = writeln!(table, "person     {}", text(need));
    }
    let awaited = told["awaited"].as_array().unwrap_or(&empty);
    if awaited.is_empty() {
        table.push_str("awaited    nothing\n");
    }
    for awaited in awaited {
        let _ = writeln!(table, "awaited    {}, at {}", text(&awaited["what"]), text(&awaited["at"]));
    }
    let may_ship = if told["mayShip"] == true { "yes" } else { "no" };
    let _ = write!(table, "may ship?  {may_ship}: {}", text(&told["reasonInWords"]));
    table
}

const IDS: [&str; 4] = ["amazonCheckoutSessionId", "chargePermissionId", "chargeId", "refundId"];

/// What happened, and to which attempt.
fn what(entry: &Value) -> String {
    let what = entry["what"].as_str().unwrap_or_default();
    match entry["attempt"].as_u64() {
        Some(attempt) => format!("attempt {attempt}: {what}"),
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Promise: B38
    #[test]
    fn the_table_tells_the_story_and_how_it_stands() {
        let told = json!({
            "checkoutId": "c1", "orderId": "1001", "terms": "PayOnly, Authorize, 14.00 USD", "state": "authorized",
            "timeline": [
                { "at": "20261123T154700Z", "what": "the order is registered", "why": "the shop asked for it" },
                { "at": "20261123T154800Z", "what": "the buyer is back", "why": "this session is bound",
                  "attempt": 1, "amazonCheckoutSessionId": "s1" },
                { "at": "20261123T154801Z", "what": "authorized", "why": "proved by Amazon's answer",
                  "attempt": 1, "amazonCheckoutSessionId": "s1", "chargePermissionId": "S01-1", "chargeId": "S01-1-C1" },
                { "at": "20261123T154802Z", "what": "something new", "why": "" },
            ],
            "standing": "reserved", "standingUntil": "20261223T154801Z", "standingInWords": "money is reserved",
            "needsPerson": ["snapshotMissed"], "needsInWords": ["the buyer's data are gone"],
            "awaited": [{ "what": "the capture", "at": "20261130T154801Z" }],
            "mayShip": true, "reasonInWords": "the money is reserved",
        });
        insta::assert_snapshot!(table(&told));
        let mut told = told;
        told["awaited"] = json!([]);
        told["mayShip"] = json!(false);
        assert!(table(&told).contains("\nawaited    nothing\nmay ship?  no: "));
    }
}
