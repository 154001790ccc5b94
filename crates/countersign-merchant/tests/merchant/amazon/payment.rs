//! The calls after a success: charges, refunds and permissions, each with the states in which it is refused.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Amazon, ReceivedCall, State, found};

/// A call that is refused because of a charge's or a permission's state.
fn refused(code: &str) -> (u16, Value) {
    (422, json!({ "reasonCode": code, "message": "canary" }))
}

fn state_of(object: &Value) -> &str {
    object["statusDetails"]["state"].as_str().unwrap_or_default()
}

fn minor(price: &Value) -> i64 {
    price["amount"].as_str().map_or(0, |amount| amount.replace('.', "").parse().unwrap())
}

impl Amazon {
    /// Sets how long new authorizations last, which Amazon then shows.
    pub(crate) fn authorizes_for(&self, duration: Duration) {
        self.state().authorized_for = Some(duration);
    }

    /// Sets the state of a refund.
    pub(crate) fn decide_refund(&self, refund_id: &str, state: &str) {
        self.state().refunds.get_mut(refund_id).unwrap()["statusDetails"] =
            json!({ "state": state, "reasonCode": (state == "Declined").then_some("AmazonRejected") });
    }

    /// Sets the state of every permission.
    pub(crate) fn decide_permission(&self, state: &str, reason: Option<&str>) {
        let reasons = reason.map(|reason| json!([{ "reasonCode": reason }]));
        let shown = json!({ "state": state, "reasons": reasons });
        self.state().permissions.values_mut().for_each(|permission| *permission = shown.clone());
    }

    /// Makes every permission NonChargeable until the buyer chooses another payment method.
    pub(crate) fn needs_another_method(&self) {
        self.decide_permission("NonChargeable", Some("PaymentMethodInvalid"));
    }

    /// Another system makes a charge of this amount under a permission, and it is authorized.
    pub(crate) fn charge_elsewhere(&self, charge_id: &str, amount: &Value) {
        let permission = charge_id.rsplit_once("-C").map(|(permission, _)| permission);
        let charge = json!({ "chargeId": charge_id, "chargePermissionId": permission, "chargeAmount": amount,
            "expirationTimestamp": "20261223T154700Z", "statusDetails": { "state": "Authorized" } });
        self.state().charges.insert(charge_id.to_owned(), charge);
    }

    /// Another system refunds this amount of a charge.
    pub(crate) fn refund_elsewhere(&self, refund_id: &str, charge_id: &str, amount: &Value) {
        let refund = json!({ "refundId": refund_id, "chargeId": charge_id, "refundAmount": amount,
            "statusDetails": { "state": "Refunded" } });
        self.state().refunds.insert(refund_id.to_owned(), refund);
    }

    /// Another system has refunded this amount of a charge in all, and nobody is notified of it.
    pub(crate) fn refunds_in_silence(&self, charge_id: &str, amount: &Value) {
        self.change_charge(charge_id, |charge| charge["refundedInSilence"] = amount.clone());
    }

    /// A permission of another system, with this reference.
    pub(crate) fn permission_elsewhere(&self, permission_id: &str, reference: &str) {
        let mut state = self.state();
        state.permissions.insert(permission_id.to_owned(), json!({ "state": "Chargeable" }));
        let session = json!({ "chargePermissionId": permission_id,
            "wasOpen": { "merchantMetadata": { "merchantReferenceId": reference } } });
        state.sessions.insert(format!("elsewhere-{permission_id}"), session);
    }

    /// Another system is paid this amount, under a permission with this reference, or with none. Its charge,
    /// `-C000001`, is in this state.
    pub(crate) fn paid_elsewhere(&self, permission_id: &str, reference: &str, amount: &Value, state: &str) {
        self.permission_elsewhere(permission_id, reference);
        let charge_id = format!("{permission_id}-C000001");
        self.charge_elsewhere(&charge_id, amount);
        self.decide(&charge_id, state);
        let created_at = self.time.now().to_string();
        self.state().limits.insert(permission_id.to_owned(), (amount.clone(), created_at));
    }

    /// The session of another system completes with the ids of what it was paid.
    pub(crate) fn complete_elsewhere(&self, session: &str, permission_id: &str) {
        let charge_id = format!("{permission_id}-C000001");
        self.change(session, |session| {
            let open = session.clone();
            *session = json!({ "checkoutSessionId": open["checkoutSessionId"],
                "statusDetails": { "state": "Completed" }, "chargePermissionId": permission_id,
                "chargeId": charge_id, "wasOpen": open });
        });
    }

    /// A permission shows these members, too.
    pub(crate) fn show_of_permission(&self, permission_id: &str, members: Value) {
        self.state().shown_of_permissions.insert(permission_id.to_owned(), members);
    }

    /// Another system completes a session, without a Finalize of ours: the charge is captured.
    pub(crate) fn completed_and_paid_elsewhere(
        &self,
        session: &str,
        permission: &str,
        created_at: &str,
        amount: &Value,
    ) {
        let charge_id = format!("{permission}-C000001");
        let mut state = self.state();
        let was_open = state.sessions[session].clone();
        let completed = json!({ "checkoutSessionId": session, "statusDetails": { "state": "Completed" },
            "chargePermissionId": permission, "chargeId": charge_id, "wasOpen": was_open });
        state.sessions.insert(session.to_owned(), completed);
        state.permissions.insert(permission.to_owned(), json!({ "state": "Chargeable" }));
        let shown = json!({ "creationTimestamp": created_at, "limits": { "amountLimit": amount } });
        state.shown_of_permissions.insert(permission.to_owned(), shown);
        let charge = json!({ "chargeId": charge_id, "chargePermissionId": permission, "chargeAmount": amount,
            "captureAmount": amount, "creationTimestamp": created_at, "statusDetails": { "state": "Captured" } });
        state.charges.insert(charge_id, charge);
    }

    /// Every charge shows when it was made.
    pub(crate) fn dates_charges(&self, created_at: &str) {
        let mut state = self.state();
        state.charges.values_mut().for_each(|charge| charge["creationTimestamp"] = json!(created_at));
    }

    /// Somebody else closes a permission.
    pub(crate) fn close_elsewhere(&self, permission_id: &str) {
        self.state().permissions.insert(permission_id.to_owned(), json!({ "state": "Closed" }));
    }

    pub(crate) fn refund_count(&self) -> usize {
        self.state().refunds.len()
    }

    pub(crate) fn permission_state(&self) -> String {
        let state = self.state();
        let states = state.permissions.values().map(|it| it["state"].as_str().unwrap().to_owned());
        states.collect::<Vec<_>>().join(" ")
    }

    /// All the money that has moved: held, captured and refunded.
    pub(crate) fn money(&self) -> String {
        let state = self.state();
        let sum_of = |of: &str, member: &str| -> i64 {
            state.charges.values().filter(|it| state_of(it) == of).map(|it| minor(&it[member])).sum()
        };
        let held = ["AuthorizationInitiated", "Authorized", "CaptureInitiated"]
            .map(|of| sum_of(of, "chargeAmount"))
            .iter()
            .sum::<i64>();
        let taken = sum_of("Captured", "captureAmount");
        let back = state.refunds.values().filter(|it| state_of(it) != "Declined");
        let back: i64 = back.map(|it| minor(&it["refundAmount"])).sum();
        format!("held {held}, captured {taken}, refunded {back}")
    }
}

impl State {
    pub(super) fn answer(&mut self, arrived: &ReceivedCall, is_pending: bool, now: i64) -> (u16, Value) {
        let id = arrived.path.split('/').nth(1).unwrap_or_default().to_owned();
        if let Some(key) = &arrived.key
            && let Some((body, status, answer)) = self.saved.get(key)
        {
            assert_eq!(*body, arrived.body, "a key was used again with a different body");
            return (*status, answer.clone());
        }
        let request: Value = serde_json::from_slice(&arrived.body).unwrap_or_default();
        let (status, answer) = match arrived.operation {
            "createCharge" => self.create_charge(&request, is_pending, now),
            "captureCharge" => self.capture(&id, &request, is_pending),
            "cancelCharge" => self.cancel_charge(&id),
            "createRefund" => self.create_refund(&request),
            "close" => self.close(&id, &request),
            other => panic!("this call is not known: {other}"),
        };
        if let Some(key) = arrived.key.as_ref().filter(|_| status < 300) {
            self.saved.insert(key.clone(), (arrived.body.clone(), status, answer.clone()));
        }
        (status, answer)
    }

    pub(super) fn expiry(&self, now: i64) -> Value {
        let expiry = |duration: Duration| {
            countersign_domain::time::Timestamp::from_millis(now).plus(duration).to_string()
        };
        json!(self.authorized_for.map(expiry))
    }

    fn create_charge(&mut self, request: &Value, is_pending: bool, now: i64) -> (u16, Value) {
        let permission = request["chargePermissionId"].as_str().unwrap();
        if self.permissions[permission]["state"] != "Chargeable" {
            return refused("InvalidChargePermissionStatus");
        }
        self.ids += 1;
        let charge_id = format!("{permission}-C{:06}", self.ids);
        let (state, captured) = match (is_pending, &request["captureNow"]) {
            (true, _) => ("AuthorizationInitiated", Value::Null),
            (false, Value::Bool(true)) => ("Captured", request["chargeAmount"].clone()),
            (false, _) => ("Authorized", Value::Null),
        };
        let charge = json!({ "chargeId": charge_id, "chargePermissionId": permission,
            "chargeAmount": request["chargeAmount"], "captureAmount": captured,
            "expirationTimestamp": self.expiry(now), "statusDetails": { "state": state } });
        self.charges.insert(charge_id, charge.clone());
        (201, charge)
    }

    fn capture(&mut self, id: &str, request: &Value, is_pending: bool) -> (u16, Value) {
        let Some(charge) = self.charges.get_mut(id) else { return found(None) };
        if state_of(charge) != "Authorized" {
            return refused("InvalidChargeStatus");
        }
        if is_pending {
            charge["statusDetails"] = json!({ "state": "CaptureInitiated" });
        } else {
            charge["statusDetails"] = json!({ "state": "Captured" });
        }
        charge["captureAmount"] = request["captureAmount"].clone();
        (200, charge.clone())
    }

    fn cancel_charge(&mut self, id: &str) -> (u16, Value) {
        let Some(charge) = self.charges.get_mut(id) else { return found(None) };
        if !["Authorized", "AuthorizationInitiated"].contains(&state_of(charge)) {
            return refused("InvalidChargeStatus");
        }
        charge["statusDetails"] = json!({ "state": "Canceled", "reasonCode": "MerchantCanceled" });
        (200, charge.clone())
    }

    fn create_refund(&mut self, request: &Value) -> (u16, Value) {
        let charge_id = request["chargeId"].as_str().unwrap();
        if self.charges.get(charge_id).is_none_or(|charge| state_of(charge) != "Captured") {
            return refused("InvalidChargeStatus");
        }
        self.ids += 1;
        let permission = charge_id.split("-C").next().unwrap();
        let refund_id = format!("{permission}-R{:06}", self.ids);
        let refund = json!({ "refundId": refund_id, "chargeId": charge_id,
            "refundAmount": request["refundAmount"], "statusDetails": { "state": "RefundInitiated" } });
        self.refunds.insert(refund_id, refund.clone());
        (201, refund)
    }

    /// A charge as Get Charge shows it: `refundedAmount` counts what others have refunded, and our refunds once
    /// they are made.
    pub(super) fn charge(&self, id: &str) -> (u16, Value) {
        let Some(charge) = self.charges.get(id) else { return found(None) };
        let mut shown = charge.clone();
        if let Some(silent) = shown.as_object_mut().and_then(|shown| shown.remove("refundedInSilence")) {
            let made = self.refunds.values().filter(|it| it["chargeId"] == id && state_of(it) == "Refunded");
            let made: i64 = made.map(|it| minor(&it["refundAmount"])).sum();
            let refunded = minor(&silent) + made;
            let amount = format!("{}.{:02}", refunded / 100, refunded % 100);
            shown["refundedAmount"] = json!({ "amount": amount, "currencyCode": "USD" });
        }
        (200, shown)
    }

    fn close(&mut self, id: &str, request: &Value) -> (u16, Value) {
        if self.permissions[id]["state"] == "Closed" {
            return refused("InvalidChargePermissionStatus");
        }
        if request["cancelPendingCharges"] == true {
            let prefix = format!("{id}-");
            let is_open =
                |charge: &Value| ["AuthorizationInitiated", "Authorized"].contains(&state_of(charge));
            let charges = self.charges.iter_mut().filter(|(charge_id, _)| charge_id.starts_with(&prefix));
            for (_, charge) in charges.filter(|(_, charge)| is_open(charge)) {
                charge["statusDetails"] = json!({ "state": "Canceled" });
            }
        }
        let reasons = json!([{ "reasonCode": "MerchantClosed" }]);
        self.permissions.insert(id.to_owned(), json!({ "state": "Closed", "reasons": reasons }));
        self.permission(id)
    }

    pub(super) fn permission(&self, id: &str) -> (u16, Value) {
        let Some(status) = self.permissions.get(id).cloned() else { return found(None) };
        let session = self.sessions.values().find(|session| session["chargePermissionId"] == id);
        let metadata = session.map(|session| session["wasOpen"]["merchantMetadata"].clone());
        let mut shown = json!({ "chargePermissionId": id, "buyer": { "name": "Canary" },
            "merchantMetadata": metadata, "statusDetails": status });
        if let Some(terms) = session.map(|session| &session["wasOpen"]["paymentDetails"]) {
            let total = Some(&terms["totalOrderAmount"]).filter(|total| total.is_object());
            shown["limits"] = json!({ "amountLimit": total.unwrap_or(&terms["chargeAmount"]) });
        }
        if let Some((limit, created_at)) = self.limits.get(id) {
            let is_used = |charge: &&Value| {
                charge["chargePermissionId"] == id && !["Declined", "Canceled"].contains(&state_of(charge))
            };
            let used: i64 = self.charges.values().filter(is_used).map(|it| minor(&it["chargeAmount"])).sum();
            let left = minor(limit) - used;
            let balance = json!({ "amount": format!("{}.{:02}", left / 100, left % 100),
                "currencyCode": limit["currencyCode"] });
            shown["limits"] = json!({ "amountLimit": limit, "amountBalance": balance });
            shown["creationTimestamp"] = json!(created_at);
        }
        if let Some(further) = self.shown_of_permissions.get(id).and_then(Value::as_object) {
            shown.as_object_mut().unwrap().extend(further.clone());
        }
        (200, shown)
    }
}
