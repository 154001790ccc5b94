//! The merchant's own notes on an order.

use countersign_domain::terms;

use crate::object;

object! {
    /// The merchant's own notes. Amazon shows some of them to the buyer.
    pub struct MerchantMetadata {
        merchant_reference_id: String = "merchantReferenceId" [..=256],
        merchant_store_name: String = "merchantStoreName" [..=50],
        note_to_buyer: String = "noteToBuyer" [..=255],
        custom_information: String = "customInformation" [..=4_096],
    }
}

impl From<MerchantMetadata> for terms::MerchantMetadata {
    fn from(metadata: MerchantMetadata) -> Self {
        let MerchantMetadata { merchant_reference_id, merchant_store_name, note_to_buyer, .. } = metadata;
        let custom_information = metadata.custom_information;
        Self { merchant_reference_id, merchant_store_name, note_to_buyer, custom_information }
    }
}

impl From<terms::MerchantMetadata> for MerchantMetadata {
    fn from(metadata: terms::MerchantMetadata) -> Self {
        Self {
            merchant_reference_id: metadata.merchant_reference_id,
            merchant_store_name: metadata.merchant_store_name,
            note_to_buyer: metadata.note_to_buyer,
            custom_information: metadata.custom_information,
            ..Self::default()
        }
    }
}
