//! The merchant's notes in a document.

use countersign_domain::terms::MerchantMetadata;
use serde::{Deserialize, Serialize};

use super::Text;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StoredNotes<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    merchant_reference_id: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    merchant_store_name: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note_to_buyer: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    custom_information: Option<Text<'a>>,
}

impl<'a> From<&'a MerchantMetadata> for StoredNotes<'a> {
    fn from(notes: &'a MerchantMetadata) -> Self {
        let MerchantMetadata {
            merchant_reference_id,
            merchant_store_name,
            note_to_buyer,
            custom_information,
        } = notes;
        let text = |text: &'a Option<String>| text.as_deref().map(Text::Borrowed);
        Self {
            merchant_reference_id: text(merchant_reference_id),
            merchant_store_name: text(merchant_store_name),
            note_to_buyer: text(note_to_buyer),
            custom_information: text(custom_information),
        }
    }
}

impl From<StoredNotes<'_>> for MerchantMetadata {
    fn from(notes: StoredNotes<'_>) -> Self {
        let text = |text: Option<Text<'_>>| text.map(Text::into_owned);
        Self {
            merchant_reference_id: text(notes.merchant_reference_id),
            merchant_store_name: text(notes.merchant_store_name),
            note_to_buyer: text(notes.note_to_buyer),
            custom_information: text(notes.custom_information),
        }
    }
}
