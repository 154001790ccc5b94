//! `countersign decide`: a person decides about an order what no machine can, through a running `serve`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use crate::config;
use crate::failure::{CommandResult, Failure};
use crate::key_files;
use crate::output::say;
use crate::serve_api::{ServeApi, in_path, no_such_order};
use crate::server;

/// The exit code of a decision that a second person must confirm.
const AWAITS_SECOND: u8 = 3;

/// Decide what no machine can: whether an attempt was paid, or whose a payment is.
///
/// It also decides whether an operation had its effect, and how a dispute ended. Name one object: `--attempt`,
/// `--operation`, `--unexplained` or `--dispute`; `countersign explain` says which one waits for a person. Without a
/// verdict it shows what Amazon says of it now, which verdicts are possible, and what persons have asked for so far,
/// with their evidence. With one, `serve` asks Amazon in the same act, and refuses
/// what Amazon contradicts. The token is the person's own, of `operator.tokens_file`. Exits with 0 if it is
/// decided, with 3 if a second person must confirm it within 24 hours by the same verdict and ids, and with
/// 1 if it is refused, if there is no such order, or if `serve` does not answer.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("object").required(true).multiple(false).args(OBJECTS))]
#[command(after_help = "\
Examples:
  countersign decide 1001 --attempt 1 --operator-token-file alice-token --config countersign.toml
  countersign decide 1001 --attempt 1 --verdict paid \\
      --charge-permission-id S01-5105180-3221187 --charge-id S01-5105180-3221187-C056351 \\
      --reference case-77 --evidence \"Seller Central shows it\" \\
      --operator-token-file alice-token --url http://127.0.0.1:8080
  countersign decide 1001 --operation 2 --verdict noEffect --reference case-78 \\
      --evidence \"no such refund in Seller Central\" --operator-token-file alice-token")]
pub(crate) struct Decide {
    /// The shop's order number, or a checkout's id
    #[arg(value_name = "ORDER")]
    order: String,
    /// The attempt to decide about, counted from 1
    #[arg(long, value_name = "N", value_parser = ordinal)]
    attempt: Option<u32>,
    /// The operation to decide about, counted from 1
    #[arg(long, value_name = "N", value_parser = ordinal)]
    operation: Option<u32>,
    /// The Charge Permission to decide about, which names the order and which nothing explains
    #[arg(long, value_name = "ID")]
    unexplained: Option<String>,
    /// The dispute to settle, as Amazon has notified of it
    #[arg(long, value_name = "ID")]
    dispute: Option<String>,
    /// The verdict: paid, notPaid, refund or remind for an attempt; done, noEffect or remind for an operation;
    /// ours, notOurs, refund or remind for an unexplained permission; won, lost or remind for a dispute
    #[arg(long, value_name = "V", hide_possible_values = true, requires_all = ["reference", "evidence"])]
    verdict: Option<Verdict>,
    /// Amazon's Charge Permission, for paid and refund
    #[arg(long, value_name = "ID", requires = "verdict")]
    charge_permission_id: Option<String>,
    /// Amazon's charge, for paid, refund and done
    #[arg(long, value_name = "ID", requires = "verdict")]
    charge_id: Option<String>,
    /// Amazon's refund, for done
    #[arg(long, value_name = "ID", requires = "verdict")]
    refund_id: Option<String>,
    /// The amount, such as 14.00 USD; without a currency it is the order's
    #[arg(long, value_name = "AMOUNT", requires = "verdict")]
    amount: Option<String>,
    /// When to remind, such as 20261231T090000Z; by default in 24 hours
    #[arg(long, value_name = "TIME", requires = "verdict")]
    remind_at: Option<String>,
    /// Your own name for this decision, such as a case number
    #[arg(long, value_name = "REFERENCE", requires = "verdict")]
    reference: Option<String>,
    /// Why you believe it: 1 to 2,000 characters, without a card number
    #[arg(long, value_name = "TEXT", requires = "verdict")]
    evidence: Option<String>,
    /// The file with your token alone, or with your line (NAME TOKEN) of `operator.tokens_file`
    #[arg(long, value_name = "FILE")]
    operator_token_file: PathBuf,
    /// The configuration file that `serve` was started with
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Where `serve` is reached, if not at the address that it listens on
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// The options that name what is decided about.
const OBJECTS: [&str; 4] = ["attempt", "operation", "unexplained", "dispute"];

/// The number of an attempt or an operation.
fn ordinal(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "it must be a whole number: attempts and operations count from 1".to_owned())
}

/// A verdict, in the API's words or with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Verdict {
    Paid,
    #[value(name = "notPaid", alias = "not-paid")]
    NotPaid,
    Refund,
    Done,
    #[value(name = "noEffect", alias = "no-effect")]
    NoEffect,
    Ours,
    #[value(name = "notOurs", alias = "not-ours")]
    NotOurs,
    Won,
    Lost,
    Remind,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::NotPaid => "notPaid",
            Self::Refund => "refund",
            Self::Done => "done",
            Self::NoEffect => "noEffect",
            Self::Ours => "ours",
            Self::NotOurs => "notOurs",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Remind => "remind",
        }
    }
}

impl Decide {
    pub(crate) fn run(self) -> CommandResult<ExitCode> {
        let token = key_files::read_own_token(&self.operator_token_file)?;
        let access = config::serve_for_person(
            self.config.clone(),
            self.url.clone(),
            self.operator_token_file.clone(),
        )?;
        let api = ServeApi::with_token(access, token)?;
        let (status, answer) = server::block_on(async { self.decide(&api).await })?;
        match status {
            200 if self.verdict.is_none() => say(inquiry(&answer)),
            200 | 202 => say(decided(&answer)),
            404 if answer["error"]["code"] == "NoSuchCheckout" => return Err(no_such_order(&self.order)),
            _ => {
                let text = |member: &str| answer["error"][member].as_str().unwrap_or_default().to_owned();
                return Err(Failure::new(format_args!("refused ({}): {}", text("code"), text("message"))));
            }
        }
        Ok(if status == 202 { ExitCode::from(AWAITS_SECOND) } else { ExitCode::SUCCESS })
    }

    async fn decide(&self, api: &ServeApi) -> CommandResult<(u16, Value)> {
        let checkout_id = api.checkout_of(&self.order).await?;
        let of = match (self.attempt, self.operation, &self.unexplained, &self.dispute) {
            (_, _, _, Some(id)) => format!("disputes/{}", in_path(id)),
            (_, _, Some(id), None) => format!("unexplained/{}", in_path(id)),
            (_, Some(number), None, None) => format!("operations/{number}"),
            (number, None, None, None) => format!("attempts/{}", number.unwrap_or_default()),
        };
        let path = format!("/v1/checkouts/{checkout_id}/{of}/decision");
        let Some(verdict) = self.verdict else { return api.call(Method::GET, &path, Bytes::new()).await };
        let mut body =
            json!({ "verdict": verdict.word(), "reference": self.reference, "evidence": self.evidence });
        let named = [
            ("chargePermissionId", &self.charge_permission_id),
            ("chargeId", &self.charge_id),
            ("refundId", &self.refund_id),
            ("remindAt", &self.remind_at),
        ];
        for (member, value) in named {
            if let Some(value) = value {
                body[member] = json!(value);
            }
        }
        if let Some(amount) = &self.amount {
            let (amount, currency) = match amount.split_once(' ') {
                Some((amount, currency)) => (amount, currency.to_owned()),
                None => (amount.as_str(), currency_of(api, &checkout_id, &self.order).await?),
            };
            body["amount"] = json!({ "amount": amount, "currencyCode": currency });
        }
        api.call(Method::POST, &path, Bytes::from(body.to_string())).await
    }
}

/// The currency of an order.
async fn currency_of(api: &ServeApi, checkout_id: &str, order: &str) -> CommandResult<String> {
    let checkout = api.get(&format!("/v1/checkouts/{checkout_id}")).await?;
    let checkout = checkout.ok_or_else(|| no_such_order(order))?;
    Ok(text(&checkout["paymentDetails"]["chargeAmount"]["currencyCode"]))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => match (other["amount"].as_str(), other["currencyCode"].as_str()) {
            (Some(amount), Some(currency)) => format!("{amount} {currency}"),
            _ => other.to_string(),
        },
    }
}

/// What the answer is about.
fn head(answer: &Value) -> String {
    let of = ["attempt", "operation", "chargePermissionId", "disputeId"]
        .into_iter()
        .find(|of| !answer[*of].is_null());
    let of = of.unwrap_or("attempt");
    format!(
        "order {}, checkout {}, {of} {}",
        text(&answer["orderId"]),
        text(&answer["checkoutId"]),
        text(&answer[of])
    )
}

/// A decision as text for people.
fn decided(answer: &Value) -> String {
    let decision = &answer["decision"];
    let mut told = format!(
        "{}\nverdict    {}, {}\n",
        head(answer),
        text(&decision["verdict"]),
        text(&decision["state"])
    );
    if let Some(replaced) = decision["replaces"].as_str() {
        let _ = writeln!(told, "replaces   the request {replaced:?}, which nobody had confirmed");
    }
    for person in decision["persons"].as_array().into_iter().flatten() {
        let (actor, reference, at) =
            (text(&person["actor"]), text(&person["reference"]), text(&person["at"]));
        let _ = writeln!(told, "by         {actor}, {reference:?}, at {at}");
    }
    if let Some(until) = decision["until"].as_str() {
        let _ = writeln!(told, "awaits     {}, until {until}", text(&decision["awaits"]));
    }
    let _ = write!(told, "state      {}; the order is {}", text(&answer["state"]), text(&answer["outcome"]));
    told
}

/// What Amazon shows of an object as text for people, which verdicts are possible, and what persons have said.
fn inquiry(answer: &Value) -> String {
    let mut told = head(answer);
    let _ =
        write!(told, "\nstate      {}; the order is {}", text(&answer["state"]), text(&answer["outcome"]));
    let amazon = &answer["amazon"];
    let shown = [("session", "session"), ("chargePermission", "permission"), ("charge", "charge")];
    let shown = shown.map(|(object, name)| (name, &amazon[object])).into_iter();
    let shown = [("known here", &answer["object"])].into_iter().chain(shown);
    let charges = amazon["charges"].as_array().into_iter().flatten().map(|charge| ("charge", charge));
    for (name, shown) in shown.chain(charges) {
        if let Some(members) = shown.as_object() {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let members: Vec<_> =
                members.map(|(member, value)| format!("{member} {}", text(value))).collect();
            let _ = write!(told, "\n{name:10} {}", members.join(", "));
        }
    }
    for verdict in answer["verdicts"].as_array().into_iter().flatten() {
        let word = text(&verdict["verdict"]);
        let named = with_members(verdict);
        let refused = &verdict["refused"];
        let _ = match (verdict["personsNeeded"].as_u64(), text(&refused["code"]).as_str()) {
            (Some(1), _) => write!(told, "\n{word:10} possible{named}"),
            (Some(persons), _) => write!(told, "\n{word:10} possible, by {persons} persons{named}"),
            (None, "MissingValue") => write!(told, "\n{word:10} needs {}", flag(&text(&refused["field"]))),
            (None, _) => write!(told, "\n{word:10} refused: {}", text(&refused["message"])),
        };
    }
    for decision in answer["decisions"].as_array().into_iter().flatten() {
        let (verdict, state) = (text(&decision["verdict"]), text(&decision["state"]));
        let until = decision["until"].as_str().map(|until| format!(" until {until}")).unwrap_or_default();
        let _ = write!(told, "\ndecision   {verdict}, {state}{until}{}", with_members(decision));
        for member in ["replaces", "replacedBy"] {
            if let Some(reference) = decision[member].as_str() {
                let _ = write!(told, ", {member} {reference:?}");
            }
        }
        for person in decision["persons"].as_array().into_iter().flatten() {
            let (actor, reference, at) =
                (text(&person["actor"]), text(&person["reference"]), text(&person["at"]));
            let _ =
                write!(told, "\n  by       {actor}, {reference:?}, at {at}: {}", text(&person["evidence"]));
        }
    }
    told
}

/// The ids and the amount of a verdict, each after a comma.
fn with_members(verdict: &Value) -> String {
    let members = ["chargePermissionId", "chargeId", "refundId", "amount", "remindAt"].into_iter();
    let given = members.filter(|member| !verdict[*member].is_null());
    given.map(|member| format!(", {member} {}", text(&verdict[member]))).collect()
}

/// The option that gives a member of the request.
fn flag(member: &str) -> String {
    let mut flag = "--".to_owned();
    for letter in member.chars() {
        if letter.is_ascii_uppercase() {
            flag.push('-');
        }
        flag.push(letter.to_ascii_lowercase());
    }
    flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_told_plainly() {
        let persons = json!([{ "actor": "alice", "reference": "case 77", "at": "20261123T154700Z",
            "evidence": "Seller Central shows it" }]);
        let mut answer = json!({
            "checkoutId": "c1", "orderId": "1001", "attempt": 1, "state": "Unresolved", "outcome": "checking",
            "decision": { "verdict": "paid", "state": "AwaitsSecond", "until": "20261124T154700Z",
                "awaits": "a second person, with the same verdict and ids", "persons": persons },
        });
        insta::assert_snapshot!(decided(&answer));
        answer["object"] =
            json!({ "amount": { "amount": "14.00", "currencyCode": "USD" }, "at": "20261122T154700Z" });
        answer["amazon"] = json!({
            "session": { "state": "ResourceNotFound" }, "chargePermission": null,
            "charge": { "chargeId": "S01-1-C1", "state": "Captured", "reason": null,
                "chargeAmount": { "amount": "14.00", "currencyCode": "USD" } },
        });
        answer["verdicts"] = json!([
            { "verdict": "paid", "personsNeeded": 1 }, { "verdict": "refund", "personsNeeded": 2 },
            { "verdict": "notPaid", "refused": { "code": "TooEarly", "message": "Not yet." } },
            { "verdict": "done", "refused": { "code": "MissingValue", "field": "refundId", "message": "-" } },
        ]);
        answer["decisions"] = json!([answer["decision"]]);
        insta::assert_snapshot!(inquiry(&answer));
    }
}
