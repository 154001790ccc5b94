//! What the client signs: every form of key, both algorithms, a key in a device, and exactly the bytes
//! that leave.

use std::sync::Arc;

use crate::keys::{PKCS1, PKCS8, check_signature, signer};
use crate::network::{NO_JITTER, Network, NextAnswer, moved_clock};
use bytes::Bytes;
use countersign_client::ids::{ChargeId, CheckoutSessionId, IdempotencyKey, PublicKeyId, Region};
use countersign_client::time::Timestamp;
use countersign_client::{Algorithm, Client, SendMode, SignRequest, SigningFailed, signing, wire};

fn client(network: &Arc<Network>, signer: impl SignRequest) -> Client {
    Client::builder(Region::Japan, Arc::new(signer))
        .transport(Arc::clone(network) as _)
        .clock(moved_clock("20261123T154700Z"))
        .entropy(Arc::new(NO_JITTER))
        .build()
        .unwrap()
}

fn charge() -> ChargeId {
    ChargeId::parse("S03-5105180-3221187-C056351").unwrap()
}

// Promise: C07
#[tokio::test]
async fn both_forms_of_key_and_both_algorithms_sign() {
    for pem in [PKCS1, PKCS8] {
        for algorithm in Algorithm::ALL {
            let network = Network::scripted([NextAnswer::Answer(200, "{}".to_owned())]);
            let client = client(&network, signer("SANDBOX-A", pem, algorithm));
            client.get_charge(&charge()).await.unwrap();
            let verified = check_signature(&network.requests.lock().unwrap()[0]);
            assert_eq!(verified.algorithm(), algorithm);
            assert_eq!(verified.public_key_id().as_str(), "SANDBOX-A");
            assert_eq!(verified.region(), Region::Japan);
            assert_eq!(verified.signed_at().to_string(), "20261123T154700Z");
        }
    }
}

/// A key that never leaves its device: it gets a text and returns a signature, or fails.
struct Device {
    id: PublicKeyId,
    works: bool,
}

impl SignRequest for Device {
    fn public_key_id(&self) -> &PublicKeyId {
        &self.id
    }

    fn sign(
        &self,
        request: &mut http::Request<Bytes>,
        region: Region,
        signed_at: Timestamp,
    ) -> Result<(), SigningFailed> {
        let prepared = signing::prepare(request, Algorithm::Pss, region, signed_at)?;
        let text = prepared.string_to_sign();
        assert!(text.starts_with("AMZN-PAY-RSASSA-PSS\n"), "{text}");
        if !self.works {
            return Err("the device does not answer".into());
        }
        Ok(prepared.attach(request, &self.id, text.as_bytes())?)
    }
}

// Promise: C07
#[tokio::test]
async fn a_key_in_a_device_signs_by_the_trait() {
    let network = Network::scripted([NextAnswer::Answer(200, "{}".to_owned())]);
    let id = PublicKeyId::parse("SANDBOX-DEVICE").unwrap();
    client(&network, Device { id, works: true }).get_charge(&charge()).await.unwrap();
    let authorization = network.headers("authorization");
    assert!(
        authorization[0].starts_with("AMZN-PAY-RSASSA-PSS PublicKeyId=SANDBOX-DEVICE, SignedHeaders=accept;content-type;x-amz-pay-date;x-amz-pay-host;x-amz-pay-region, Signature=QU1aTi"),
        "{authorization:?}"
    );
}

#[tokio::test]
async fn nothing_leaves_when_the_device_fails() {
    let network = Network::scripted([]);
    let id = PublicKeyId::parse("SANDBOX-DEVICE").unwrap();
    let error = client(&network, Device { id, works: false }).get_charge(&charge()).await.unwrap_err();
    assert!(!error.may_have_been_sent());
    assert_eq!(network.count(), 0);
}

// Promise: C08
#[tokio::test]
async fn the_bytes_that_leave_are_the_bytes_that_were_signed() {
    let session = CheckoutSessionId::parse("bd504926-f659-4ad7-a1a9-9a747aaf5275").unwrap();
    let key = IdempotencyKey::parse("AVLo5tI10BHgEk2jEXAMPLEKEY").unwrap();
    let completed = r#"{"checkoutSessionId":"bd504926-f659-4ad7-a1a9-9a747aaf5275",
        "statusDetails":{"state":"Completed"},"chargePermissionId":"S01-5105180-3221187","chargeId":"S01-5105180-3221187-C056351"}"#;
    for text in
        ["日本 é e\u{301} \u{1f600}", "a/b\\/c", "</script>&'\"", "14.0", "1e3", "\u{7f}\u{2028}\t\n", ""]
    {
        let network = Network::scripted([
            NextAnswer::Answer(200, completed.to_owned()),
            NextAnswer::Answer(200, completed.to_owned()),
        ]);
        let client = client(&network, signer("SANDBOX-A", PKCS8, Algorithm::Pss));
        let request =
            wire::FinalizeCheckoutSession { supplementary_data: Some(text.to_owned()), ..Default::default() };
        client.finalize_checkout_session(&session, &request, SendMode::Once).await.unwrap();
        let raw = Bytes::from(format!("{{\"supplementaryData\" : {text:?} ,\"n\":14.00 }}\n"));
        client.finalize_checkout_session_bytes(&session, raw.clone(), &key).await.unwrap();
        let requests = network.requests.lock().unwrap();
        for request in requests.iter() {
            check_signature(request);
        }
        assert_eq!(requests[1].body(), &raw, "{text:?}");
    }
}
