//! The bodies of the calls on Charges, Charge Permissions and Refunds. As in the session's calls, a rule may
//! still require a member that can be absent here.

use countersign_domain::ids::{ChargeId, ChargePermissionId};

use super::payment_details::MAX_SOFT_DESCRIPTOR_LEN;
use super::{ChargeStatus, MerchantMetadata, Price, ProviderMetadata, RecurringMetadata, WebCheckoutDetails};
use crate::object;

/// The largest length of a `closureReason` and, by this project's choice, of a `cancellationReason`.
pub const MAX_REASON_LEN: usize = 255;

object! {
    /// Create Charge.
    pub struct CreateCharge {
        charge_permission_id: ChargePermissionId = "chargePermissionId",
        charge_amount: Price = "chargeAmount",
        /// Absent means false.
        capture_now: bool = "captureNow",
        /// Only with `captureNow`.
        soft_descriptor: String = "softDescriptor" [..=MAX_SOFT_DESCRIPTOR_LEN],
        /// Absent means false.
        can_handle_pending_authorization: bool = "canHandlePendingAuthorization",
        provider_metadata: ProviderMetadata = "providerMetadata",
        merchant_metadata: MerchantMetadata = "merchantMetadata",
        platform_id: String = "platformId" [..=256],
        /// For saved wallets: who requested the charge.
        charge_initiator: String = "chargeInitiator" [..=64],
        channel: String = "channel" [..=64],
        web_checkout_details: WebCheckoutDetails = "webCheckoutDetails",
    }
}

object! {
    /// Capture Charge.
    pub struct CaptureCharge {
        capture_amount: Price = "captureAmount",
        soft_descriptor: String = "softDescriptor" [..=MAX_SOFT_DESCRIPTOR_LEN],
    }
}

object! {
    /// Cancel Charge.
    pub struct CancelCharge {
        cancellation_reason: String = "cancellationReason" [..=MAX_REASON_LEN],
    }
}

object! {
    /// Update Charge: for payments that a payment service provider processes.
    pub struct UpdateCharge {
        status_details: ChargeStatus = "statusDetails",
    }
}

object! {
    /// Update Charge Permission.
    pub struct UpdateChargePermission {
        merchant_metadata: MerchantMetadata = "merchantMetadata",
        /// Only for recurring permissions.
        recurring_metadata: RecurringMetadata = "recurringMetadata",
    }
}

object! {
    /// Close Charge Permission.
    pub struct CloseChargePermission {
        closure_reason: String = "closureReason" [..=MAX_REASON_LEN],
        /// Absent means false. If true, pending charges are canceled with it.
        cancel_pending_charges: bool = "cancelPendingCharges",
    }
}

object! {
    /// Create Refund.
    pub struct CreateRefund {
        charge_id: ChargeId = "chargeId",
        refund_amount: Price = "refundAmount",
        soft_descriptor: String = "softDescriptor" [..=MAX_SOFT_DESCRIPTOR_LEN],
    }
}

#[cfg(test)]
mod tests {
    use super::super::BodyRefusedKind::{InvalidParameterValue, InvalidRequestFormat, UnrecognizedField};
    use super::super::{BodyRefused, Object, Spellings, read_request};
    use super::*;
    use countersign_domain::money::{Currency, Money};

    fn read<T: Object>(body: &str) -> Result<T, BodyRefused> {
        read_request(body.as_bytes(), Spellings::Every)
    }

    // Promise: A14
    #[test]
    fn what_each_sdk_sends_is_one_request() {
        let expected = CreateCharge {
            charge_permission_id: Some(ChargePermissionId::parse("S01-5105180-3221187").unwrap()),
            charge_amount: Some(Money::from_minor(1_400, Currency::USD).into()),
            capture_now: Some(true),
            can_handle_pending_authorization: Some(false),
            ..CreateCharge::default()
        };
        for body in [
            r#"{"chargePermissionId":"S01-5105180-3221187","chargeAmount":{"amount":"14.00","currencyCode":"USD"},
                "captureNow":true,"canHandlePendingAuthorization":false}"#,
            r#"{"chargePermissionId":"S01-5105180-3221187","chargeAmount":{"amount":14,"currencyCode":"USD"},
                "captureNow":true,"canHandlePendingAuthorization":false}"#,
            r#"{"chargePermissionId":"S01-5105180-3221187","chargeAmount":{"amount":14.0,"currencyCode":"USD"},
                "captureNow":"true","canHandlePendingAuthorization":"false","softDescriptor":null,
                "merchantMetadata":null,"providerMetadata":null,"platformId":null}"#,
        ] {
            assert_eq!(read(body), Ok(expected.clone()), "{body}");
        }
        let closed = CloseChargePermission {
            closure_reason: Some("done".to_owned()),
            cancel_pending_charges: Some(true),
            ..CloseChargePermission::default()
        };
        for pending in ["true", "\"true\""] {
            let body = format!(r#"{{"closureReason":"done","cancelPendingCharges":{pending}}}"#);
            assert_eq!(read(&body), Ok(closed.clone()));
        }
        for nothing in ["{}", r#"{"captureAmount":null,"softDescriptor":null}"#] {
            assert_eq!(read(nothing), Ok(CaptureCharge::default()));
        }
        for amount in ["\"5\"", "\"5.00\"", "5", "5.0", "5.00"] {
            let body = format!(r#"{{"captureAmount":{{"amount":{amount},"currencyCode":"EUR"}}}}"#);
            let five = Money::from_minor(500, Currency::EUR);
            assert_eq!(read::<CaptureCharge>(&body).unwrap().capture_amount.map(Money::from), Some(five));
        }
    }

    /// How requests of a kind are refused: the reason code and the field.
    type Refused = fn(&str) -> Option<BodyRefused>;

    #[test]
    fn each_refusal_names_its_kind_and_its_field() {
        let create: Refused = |body| read::<CreateCharge>(body).err();
        let capture: Refused = |body| read::<CaptureCharge>(body).err();
        let cancel: Refused = |body| read::<CancelCharge>(body).err();
        let update: Refused = |body| read::<UpdateChargePermission>(body).err();
        let close: Refused = |body| read::<CloseChargePermission>(body).err();
        let refund: Refused = |body| read::<CreateRefund>(body).err();
        let text = |field: &str, len: usize| format!(r#"{{"{field}":"{}"}}"#, "日".repeat(len));
        let amount = |field: &str, amount: &str| {
            format!(r#"{{"{field}":{{"amount":{amount},"currencyCode":"USD"}}}}"#)
        };
        for (refused, body, kind, field) in [
            (create, "", InvalidRequestFormat, ""),
            (capture, "[]", InvalidRequestFormat, ""),
            (refund, r#"{"chargeId":"a","chargeId":"b"}"#, InvalidRequestFormat, "chargeId"),
            (create, r#"{"chargeId":"S01-1-2-C3"}"#, UnrecognizedField, "chargeId"),
            (create, r#"{"captureAmount":{}}"#, UnrecognizedField, "captureAmount"),
            (capture, r#"{"chargeAmount":{}}"#, UnrecognizedField, "chargeAmount"),
            (cancel, r#"{"closureReason":"x"}"#, UnrecognizedField, "closureReason"),
            (update, r#"{"chargeAmount":{}}"#, UnrecognizedField, "chargeAmount"),
            (close, r#"{"cancellationReason":"x"}"#, UnrecognizedField, "cancellationReason"),
            (refund, r#"{"merchantMetadata":{}}"#, UnrecognizedField, "merchantMetadata"),
            (create, r#"{"chargePermissionId":""}"#, InvalidParameterValue, "chargePermissionId"),
            (create, r#"{"chargePermissionId":7}"#, InvalidParameterValue, "chargePermissionId"),
            (create, r#"{"captureNow":"yes"}"#, InvalidParameterValue, "captureNow"),
            (create, r#"{"captureNow":1}"#, InvalidParameterValue, "captureNow"),
            (
                create,
                r#"{"canHandlePendingAuthorization":"True"}"#,
                InvalidParameterValue,
                "canHandlePendingAuthorization",
            ),
            (create, &text("softDescriptor", 17), InvalidParameterValue, "softDescriptor"),
            (create, &text("platformId", 257), InvalidParameterValue, "platformId"),
            (create, &text("chargeInitiator", 65), InvalidParameterValue, "chargeInitiator"),
            (create, &text("channel", 65), InvalidParameterValue, "channel"),
            (create, r#"{"merchantMetadata":"x"}"#, InvalidParameterValue, "merchantMetadata"),
            (create, &amount("chargeAmount", "\"\""), InvalidParameterValue, "chargeAmount.amount"),
            (create, &amount("chargeAmount", "\"14.000\""), InvalidParameterValue, "chargeAmount.amount"),
            (capture, &amount("captureAmount", "-1"), InvalidParameterValue, "captureAmount.amount"),
            (capture, &amount("captureAmount", "1e2"), InvalidParameterValue, "captureAmount.amount"),
            (capture, r#"{"captureAmount":"14.00"}"#, InvalidParameterValue, "captureAmount"),
            (
                capture,
                r#"{"captureAmount":{"amount":"14.00","currencyCode":"usd"}}"#,
                InvalidParameterValue,
                "captureAmount.currencyCode",
            ),
            (capture, &text("softDescriptor", 17), InvalidParameterValue, "softDescriptor"),
            (cancel, &text("cancellationReason", 256), InvalidParameterValue, "cancellationReason"),
            (cancel, r#"{"cancellationReason":{}}"#, InvalidParameterValue, "cancellationReason"),
            (
                update,
                &format!(r#"{{"merchantMetadata":{}}}"#, text("noteToBuyer", 256)),
                InvalidParameterValue,
                "merchantMetadata.noteToBuyer",
            ),
            (close, &text("closureReason", 256), InvalidParameterValue, "closureReason"),
            (close, r#"{"cancelPendingCharges":"no"}"#, InvalidParameterValue, "cancelPendingCharges"),
            (refund, r#"{"chargeId":"a/b"}"#, InvalidParameterValue, "chargeId"),
            (refund, &amount("refundAmount", "true"), InvalidParameterValue, "refundAmount.amount"),
            (refund, &text("softDescriptor", 17), InvalidParameterValue, "softDescriptor"),
        ] {
            let refused = refused(body).expect(body);
            assert_eq!((refused.kind, refused.field.as_deref().unwrap_or_default()), (kind, field), "{body}");
        }
        for (refused, body) in [
            (create, text("softDescriptor", 16)),
            (capture, text("softDescriptor", 16)),
            (cancel, text("cancellationReason", 255)),
            (close, text("closureReason", 255)),
            (refund, text("softDescriptor", 16)),
        ] {
            assert_eq!(refused(&body), None, "{body}");
        }
    }

    #[test]
    fn the_references_spellings_alone_can_be_demanded() {
        let documented = |body: &str| {
            read_request::<CreateCharge>(body.as_bytes(), Spellings::Documented)
                .err()
                .and_then(|refused| refused.field)
        };
        let number = r#"{"chargeAmount":{"amount":14,"currencyCode":"USD"}}"#;
        assert_eq!(documented(number).as_deref(), Some("chargeAmount.amount"));
        assert_eq!(documented(r#"{"captureNow":"true"}"#).as_deref(), Some("captureNow"));
        assert_eq!(documented(r#"{"captureNow":true}"#), None);
    }
}
