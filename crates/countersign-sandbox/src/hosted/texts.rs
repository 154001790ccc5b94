//! The hosted page's texts in the six languages of Amazon's button. The texts are in `texts/`, one
//! file per language; their names are here. Every text is complete: nothing is inserted into it.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::visit::words::CheckoutLanguage;

static ENGLISH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("texts/en.json")));
static GERMAN: LazyLock<Texts> = LazyLock::new(|| read(include_str!("texts/de.json")));
static FRENCH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("texts/fr.json")));
static ITALIAN: LazyLock<Texts> = LazyLock::new(|| read(include_str!("texts/it.json")));
static SPANISH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("texts/es.json")));
static JAPANESE: LazyLock<Texts> = LazyLock::new(|| read(include_str!("texts/ja.json")));

/// The texts of one language. Each text is a slice of its file, so no text may contain a JSON
/// escape. For quotation marks, the texts use the language's own.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Texts {
    /// The language, as the page's `lang` attribute names it.
    pub(super) language: &'static str,
    pub(super) banner: &'static str,
    pub(super) sign_in: &'static str,
    pub(super) sign_in_intro: &'static str,
    #[serde(rename = "continue")]
    pub(super) continue_: &'static str,
    pub(super) buyer_usual: &'static str,
    pub(super) buyer_letters: &'static str,
    pub(super) buyer_post_box: &'static str,
    pub(super) buyer_absent: &'static str,
    pub(super) consent: &'static str,
    pub(super) consent_intro: &'static str,
    pub(super) agree: &'static str,
    pub(super) scope_name: &'static str,
    pub(super) scope_email: &'static str,
    pub(super) scope_phone_number: &'static str,
    pub(super) scope_billing_address: &'static str,
    pub(super) scope_shipping_address: &'static str,
    pub(super) scope_postal_code: &'static str,
    pub(super) scope_prime_status: &'static str,
    pub(super) review: &'static str,
    pub(super) choose: &'static str,
    pub(super) address: &'static str,
    pub(super) deliver_here: &'static str,
    pub(super) edit_address: &'static str,
    pub(super) add_address: &'static str,
    pub(super) save_address: &'static str,
    pub(super) full_name: &'static str,
    pub(super) line1: &'static str,
    pub(super) line2: &'static str,
    pub(super) line3: &'static str,
    pub(super) city: &'static str,
    pub(super) county: &'static str,
    pub(super) district: &'static str,
    pub(super) state: &'static str,
    pub(super) postal_code: &'static str,
    pub(super) country: &'static str,
    pub(super) phone: &'static str,
    pub(super) please_check: &'static str,
    pub(super) to_po_boxes: &'static str,
    pub(super) to_packstations: &'static str,
    pub(super) to_this_place: &'static str,
    pub(super) no_address: &'static str,
    pub(super) delivery: &'static str,
    pub(super) use_delivery: &'static str,
    pub(super) minute: &'static str,
    pub(super) minutes: &'static str,
    pub(super) hour: &'static str,
    pub(super) hours: &'static str,
    pub(super) day: &'static str,
    pub(super) days: &'static str,
    pub(super) week: &'static str,
    pub(super) weeks: &'static str,
    pub(super) month: &'static str,
    pub(super) months: &'static str,
    pub(super) coupon: &'static str,
    pub(super) coupon_code: &'static str,
    pub(super) apply: &'static str,
    pub(super) remove: &'static str,
    pub(super) applied: &'static str,
    pub(super) not_applied: &'static str,
    pub(super) gift: &'static str,
    pub(super) gift_wrap: &'static str,
    pub(super) gift_message: &'static str,
    pub(super) use_gift: &'static str,
    pub(super) points: &'static str,
    pub(super) points_to_use: &'static str,
    pub(super) payment: &'static str,
    pub(super) use_card: &'static str,
    pub(super) card_cancels: &'static str,
    pub(super) card_declined: &'static str,
    pub(super) card_pends_pays: &'static str,
    pub(super) card_pends_declined: &'static str,
    pub(super) items: &'static str,
    pub(super) totals: &'static str,
    pub(super) base_total: &'static str,
    pub(super) shipping_total: &'static str,
    pub(super) tax_total: &'static str,
    pub(super) discount_total: &'static str,
    pub(super) charge_total: &'static str,
    pub(super) order_total: &'static str,
    pub(super) more: &'static str,
    pub(super) test_options: &'static str,
    pub(super) bank_when_placed: &'static str,
    pub(super) bank_as_card: &'static str,
    pub(super) bank_declines: &'static str,
    pub(super) bank_asks: &'static str,
    pub(super) place_order: &'static str,
    pub(super) back_to_shop: &'static str,
    pub(super) cancel: &'static str,
    pub(super) asking: &'static str,
    pub(super) needs_script: &'static str,
    pub(super) no_answer: &'static str,
    pub(super) invalid_answer: &'static str,
    pub(super) reports_error: &'static str,
    pub(super) reports_address: &'static str,
    pub(super) reports_option: &'static str,
    pub(super) reports_cart: &'static str,
    pub(super) reports_coupon: &'static str,
    pub(super) retry: &'static str,
    pub(super) bank: &'static str,
    pub(super) bank_intro: &'static str,
    pub(super) confirm: &'static str,
    pub(super) fail_check: &'static str,
    pub(super) declined: &'static str,
    pub(super) declined_intro: &'static str,
    pub(super) give_up: &'static str,
    pub(super) completing: &'static str,
    pub(super) done: &'static str,
    pub(super) close_window: &'static str,
    pub(super) not_completed: &'static str,
    pub(super) not_known: &'static str,
    pub(super) shop_tells: &'static str,
    pub(super) redirect: &'static str,
    pub(super) canceled: &'static str,
    pub(super) payment_declined: &'static str,
    pub(super) expired: &'static str,
    pub(super) nothing_charged: &'static str,
}

fn read(file: &'static str) -> Texts {
    serde_json::from_str(file).unwrap_or_else(|wrong| unreachable!("each file has every text: {wrong}"))
}

impl Texts {
    /// The texts for a `checkoutLanguage`.
    pub(super) fn for_language(language: CheckoutLanguage) -> &'static Self {
        match language {
            CheckoutLanguage::EnUs | CheckoutLanguage::EnGb => &ENGLISH,
            CheckoutLanguage::DeDe => &GERMAN,
            CheckoutLanguage::FrFr => &FRENCH,
            CheckoutLanguage::ItIt => &ITALIAN,
            CheckoutLanguage::EsEs => &SPANISH,
            CheckoutLanguage::JaJp => &JAPANESE,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/hosted/texts");

    /// Each file of the folder, with the language that it is named for.
    fn files() -> BTreeMap<String, &'static str> {
        let paths = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
        let file = |path: std::path::PathBuf| {
            let language = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (language, &*std::fs::read_to_string(&path).unwrap().leak())
        };
        paths.map(file).collect()
    }

    #[test]
    fn every_language_has_every_text_and_no_other() {
        let files = files();
        let languages = [
            CheckoutLanguage::EnUs,
            CheckoutLanguage::EnGb,
            CheckoutLanguage::DeDe,
            CheckoutLanguage::FrFr,
            CheckoutLanguage::ItIt,
            CheckoutLanguage::EsEs,
            CheckoutLanguage::JaJp,
        ];
        for (name, file) in &files {
            let texts: Texts = serde_json::from_str(file).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
            assert_eq!(texts.language, name);
            assert!(
                languages.iter().any(|language| *Texts::for_language(*language) == texts),
                "no checkoutLanguage uses {name}"
            );
        }
        assert_eq!(files.len(), 6);
    }

    #[test]
    fn no_text_is_empty_or_has_a_place_to_fill() {
        for (language, file) in files() {
            let texts: BTreeMap<&str, &str> = serde_json::from_str(file).unwrap();
            for (name, text) in texts {
                assert!(!text.is_empty() && text == text.trim(), "{language}, {name}: {text:?}");
                assert!(!text.contains(['{', '}', '%', '<']), "{language}, {name}: {text:?}");
            }
        }
    }
}
