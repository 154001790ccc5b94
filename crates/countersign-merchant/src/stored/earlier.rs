//! Documents of earlier formats, turned into the present format when they are read. They are written in the present
//! format with their next change.

use countersign_document::Bytes;
use serde_json::{Value, json};

/// A checkout of an earlier format, in the present one; `None` if the format is not known, or if it cannot be read.
pub(super) fn checkout(format: u16, bytes: &[u8]) -> Option<Bytes> {
    let mut document: Value = serde_json::from_slice(bytes).ok()?;
    let checkout = document.get_mut("checkout")?;
    if !(3..=6).contains(&format) {
        return None;
    }
    if format == 3 {
        from_3(checkout);
    }
    if format <= 4 {
        from_4(checkout);
    }
    if format <= 5 {
        from_5(checkout);
    }
    from_6(checkout);
    // Format 6 otherwise lacks only members that may be absent; a session whose bearer is not known is taken for the browser's.
    serde_json::to_vec(&document).ok().map(Bytes::from)
}

/// A notification of an earlier format, in the present one; `None` if the format is not known, or if it cannot be
/// read. Format 2 kept with each notification which checkout its permission names.
pub(super) fn notification(format: u16, bytes: &[u8]) -> Option<Bytes> {
    if format != 2 {
        return None;
    }
    let mut document: Value = serde_json::from_slice(bytes).ok()?;
    if let Some(waiting) = document.pointer_mut("/progress/Waiting").and_then(Value::as_object_mut) {
        waiting.remove("reference");
    }
    serde_json::to_vec(&document).ok().map(Bytes::from)
}

/// Format 3 did not say who made a charge, nor what Amazon contradicted.
fn from_3(checkout: &mut Value) {
    let mut made_by_finalize = Vec::new();
    for attempt in items(checkout, "attempts") {
        let Some(state) = attempt.get_mut("state") else { continue };
        if let Some(reason) = state.pointer_mut("/Unresolved/reason")
            && reason == "AmountDiffers"
        {
            *reason = json!("Contradicted");
        }
        if let Some(failed) = state.pointer_mut("/NotPaid/charge").and_then(Value::as_object_mut) {
            let contradicted_at = failed.remove("contradicted_at").filter(|at| !at.is_null());
            if let Some(at) = contradicted_at {
                failed.insert("contradicted".to_owned(), json!({ "at": at, "count": 0 }));
            }
        }
        let completion = state.pointer("/Completed/completion").and_then(Value::as_object);
        made_by_finalize.extend(completion.into_iter().flat_map(|it| it.values().cloned()));
    }
    let Some(payment) = checkout.get_mut("payment").filter(|payment| payment.is_object()) else { return };
    let operations = payment.get("operations").and_then(Value::as_array).into_iter().flatten();
    let created = operations.filter(|operation| operation.pointer("/request/CreateCharge").is_some());
    let made_by_operations: Vec<Value> =
        created.filter_map(|operation| operation.pointer("/state/Done/Charge").cloned()).collect();
    for charge in items(payment, "charges") {
        let Some(charge) = charge.as_object_mut() else { continue };
        let id = charge.get("id").cloned().unwrap_or_default();
        let origin = if made_by_finalize.contains(&id) {
            "Finalize"
        } else if made_by_operations.contains(&id) {
            "Operation"
        } else {
            "Elsewhere"
        };
        charge.insert("origin".to_owned(), json!(origin));
        if charge.get("sight").is_some_and(|sight| sight == "Contradicted") {
            charge.insert("sight".to_owned(), json!({ "Contradicted": "StateDiffers" }));
        }
    }
}

/// Format 4 did not say which terms an attempt's bytes carry. Terms change only while none is sent.
fn from_4(checkout: &mut Value) {
    let terms_version = checkout.get("terms_version").cloned().unwrap_or_default();
    for attempt in items(checkout, "attempts").filter_map(Value::as_object_mut) {
        attempt.insert("terms_version".to_owned(), terms_version.clone());
    }
}

/// Format 5 counted how often a session was missing, but not under which key and endpoint: the count starts again.
fn from_5(checkout: &mut Value) {
    for attempt in items(checkout, "attempts") {
        if let Some(doubt) = attempt.pointer_mut("/state/Finalize/InDoubt").and_then(Value::as_object_mut) {
            doubt.remove("not_found_count");
        }
    }
}

/// Format 6 did not say how an attempt's sends were answered: whatever was sent may have been executed. It named the
/// state that proved that an operation had no effect, which is no code of the API's.
fn from_6(checkout: &mut Value) {
    for attempt in items(checkout, "attempts").filter_map(Value::as_object_mut) {
        let state = attempt.get("state");
        let has = |pointer: &str| state.and_then(|it| it.pointer(pointer)).is_some_and(|it| !it.is_null());
        let was_sent = has("/Finalize/Sent")
            || has("/Finalize/InDoubt")
            || has("/Finalize/Recorded/left_at")
            || has("/Unresolved/send");
        if was_sent {
            attempt.entry("sends").or_insert_with(|| json!({ "unanswered_count": 1 }));
        }
    }
    let Some(payment) = checkout.get_mut("payment").filter(|payment| payment.is_object()) else { return };
    for operation in items(payment, "operations") {
        if let Some(code) = operation.pointer_mut("/state/Refused/code")
            && ["Captured", "CaptureInitiated", "Canceled"].iter().any(|state| code == state)
        {
            *code = json!("NotAuthorized");
        }
    }
}

fn items<'a>(of: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    of.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}
