//! The texts for buyers, in the seven locales of Amazon's button: on the result page, and in the answers to
//! the shop's page and to the shop.

use countersign_domain::merchant::attempt::{AttemptState, NotPaidReason};
use countersign_domain::merchant::checkout::Checkout;

use super::buyer_news::BuyerNews;

/// The message that Amazon's specification requires a shop to show the buyer.
const NOT_PAID_MESSAGE: &str = "Your payment was not successful. Please try another payment method.";

/// The texts in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) language: &'static str,
    pub(crate) paid: &'static str,
    pub(crate) placed: &'static str,
    pub(crate) pending: &'static str,
    pub(crate) checking: &'static str,
    pub(crate) pay_once: &'static str,
    pub(crate) looks_again: &'static str,
    pub(crate) not_paid: &'static str,
    pub(crate) not_started: &'static str,
    pub(crate) partly_refunded: &'static str,
    pub(crate) refunded: &'static str,
    pub(crate) expired: &'static str,
    pub(crate) lapsed: &'static str,
    pub(crate) canceling: &'static str,
    pub(crate) canceled: &'static str,
    pub(crate) canceled_unpaid: &'static str,
    pub(crate) changed: &'static str,
    pub(crate) other_address: &'static str,
    pub(crate) other_way: &'static str,
    pub(crate) check_again: &'static str,
    pub(crate) try_again: &'static str,
    pub(crate) to_shop: &'static str,
    pub(crate) go_on: &'static str,
    pub(crate) order: &'static str,
    pub(crate) amount: &'static str,
    pub(crate) not_found: &'static str,
    pub(crate) unavailable: &'static str,
}

const ENGLISH: Texts = Texts {
    language: "en",
    paid: "Your payment was successful.",
    placed: "Your order is placed.",
    pending: "Your payment is being processed.",
    checking: "We are checking your payment.",
    pay_once: "Please do not pay again.",
    looks_again: "This page updates itself and shows the result as soon as it is known.",
    not_paid: NOT_PAID_MESSAGE,
    not_started: "This order has not been paid yet.",
    partly_refunded: "A part of your payment was refunded.",
    refunded: "Your payment was refunded.",
    expired: "The reservation of your payment has ended.",
    lapsed: "Nothing was charged. The reservation of your payment has ended.",
    canceling: "This order is being canceled.",
    canceled: "This order was canceled.",
    canceled_unpaid: "Nothing was charged. This order was canceled.",
    changed: "Nothing was charged. Your order has changed in the meantime. Please review it and pay again.",
    other_address: "Nothing was charged. The address at Amazon Pay is not the address of your order. Please review it and pay again.",
    other_way: "Several attempts have failed. Please choose another way to pay in the shop.",
    check_again: "Check again",
    try_again: "Back to checkout",
    to_shop: "Back to the shop",
    go_on: "Continue",
    order: "Order",
    amount: "Amount",
    not_found: "There is no such page.",
    unavailable: "We cannot look this up right now. Please reload this page in a moment.",
};

const BRITISH: Texts = Texts {
    language: "en-GB",
    canceling: "This order is being cancelled.",
    canceled: "This order was cancelled.",
    canceled_unpaid: "Nothing was charged. This order was cancelled.",
    ..ENGLISH
};

const GERMAN: Texts = Texts {
    language: "de",
    paid: "Ihre Zahlung war erfolgreich.",
    placed: "Ihre Bestellung ist eingegangen.",
    pending: "Ihre Zahlung wird bearbeitet.",
    checking: "Wir prüfen Ihre Zahlung.",
    pay_once: "Bitte zahlen Sie nicht noch einmal.",
    looks_again: "Diese Seite sieht von selbst wieder nach und zeigt das Ergebnis, sobald wir es kennen.",
    not_paid: "Ihre Zahlung war nicht erfolgreich. Bitte versuchen Sie es mit einer anderen Zahlungsart.",
    not_started: "Diese Bestellung ist noch nicht bezahlt.",
    partly_refunded: "Ein Teil Ihrer Zahlung wurde erstattet.",
    refunded: "Ihre Zahlung wurde erstattet.",
    expired: "Die Reservierung Ihrer Zahlung ist beendet.",
    lapsed: "Es wurde nichts abgebucht. Die Reservierung Ihrer Zahlung ist beendet.",
    canceling: "Diese Bestellung wird gerade storniert.",
    canceled: "Diese Bestellung wurde storniert.",
    canceled_unpaid: "Es wurde nichts abgebucht. Diese Bestellung wurde storniert.",
    changed: "Es wurde nichts abgebucht. Ihre Bestellung hat sich inzwischen geändert. Bitte prüfen Sie sie und zahlen Sie noch einmal.",
    other_address: "Es wurde nichts abgebucht. Die Adresse bei Amazon Pay ist nicht die Ihrer Bestellung. Bitte prüfen Sie sie und zahlen Sie noch einmal.",
    other_way: "Das ist mehrmals fehlgeschlagen. Bitte wählen Sie im Shop eine andere Zahlungsmöglichkeit.",
    check_again: "Noch einmal nachsehen",
    try_again: "Zurück zur Kasse",
    to_shop: "Zurück zum Shop",
    go_on: "Weiter",
    order: "Bestellung",
    amount: "Betrag",
    not_found: "Diese Seite gibt es nicht.",
    unavailable: "Wir können das gerade nicht nachsehen. Bitte laden Sie diese Seite gleich noch einmal.",
};

const FRENCH: Texts = Texts {
    language: "fr",
    paid: "Votre paiement a été effectué.",
    placed: "Votre commande est enregistrée.",
    pending: "Votre paiement est en cours de traitement.",
    checking: "Nous vérifions votre paiement.",
    pay_once: "Merci de ne pas payer une seconde fois.",
    looks_again: "Cette page se met à jour d’elle-même et affichera le résultat dès qu’il sera connu.",
    not_paid: "Votre paiement n’a pas abouti. Veuillez essayer un autre moyen de paiement.",
    not_started: "Cette commande n’est pas encore payée.",
    partly_refunded: "Une partie de votre paiement a été remboursée.",
    refunded: "Votre paiement a été remboursé.",
    expired: "La réservation de votre paiement a pris fin.",
    lapsed: "Rien n’a été débité. La réservation de votre paiement a pris fin.",
    canceling: "Cette commande est en cours d’annulation.",
    canceled: "Cette commande a été annulée.",
    canceled_unpaid: "Rien n’a été débité. Cette commande a été annulée.",
    changed: "Rien n’a été débité. Votre commande a changé entre-temps. Merci de la vérifier et de payer à nouveau.",
    other_address: "Rien n’a été débité. L’adresse chez Amazon Pay n’est pas celle de votre commande. Merci de la vérifier et de payer à nouveau.",
    other_way: "Plusieurs tentatives ont échoué. Veuillez choisir une autre façon de payer dans la boutique.",
    check_again: "Vérifier à nouveau",
    try_again: "Revenir au paiement",
    to_shop: "Retour à la boutique",
    go_on: "Continuer",
    order: "Commande",
    amount: "Montant",
    not_found: "Cette page n’existe pas.",
    unavailable: "La vérification est impossible pour l’instant. Merci de recharger cette page dans un moment.",
};

const ITALIAN: Texts = Texts {
    language: "it",
    paid: "Il pagamento è andato a buon fine.",
    placed: "L’ordine è stato registrato.",
    pending: "Il pagamento è in elaborazione.",
    checking: "Stiamo verificando il pagamento.",
    pay_once: "Non pagare di nuovo.",
    looks_again: "Questa pagina si aggiorna da sola e mostrerà l’esito appena lo conosceremo.",
    not_paid: "Il pagamento non è andato a buon fine. Prova con un altro metodo di pagamento.",
    not_started: "Questo ordine non è ancora stato pagato.",
    partly_refunded: "Una parte del pagamento è stata rimborsata.",
    refunded: "Il pagamento è stato rimborsato.",
    expired: "La prenotazione del pagamento è terminata.",
    lapsed: "Nulla è stato addebitato. La prenotazione del pagamento è terminata.",
    canceling: "Questo ordine sta per essere annullato.",
    canceled: "Questo ordine è stato annullato.",
    canceled_unpaid: "Nulla è stato addebitato. Questo ordine è stato annullato.",
    changed: "Nulla è stato addebitato. Nel frattempo l’ordine è cambiato. Controllalo e paga di nuovo.",
    other_address: "Nulla è stato addebitato. L’indirizzo su Amazon Pay non è quello dell’ordine. Controllalo e paga di nuovo.",
    other_way: "Diversi tentativi non sono riusciti. Scegli un altro modo di pagare nel negozio.",
    check_again: "Controlla di nuovo",
    try_again: "Torna al pagamento",
    to_shop: "Torna al negozio",
    go_on: "Continua",
    order: "Ordine",
    amount: "Importo",
    not_found: "Questa pagina non esiste.",
    unavailable: "Al momento non possiamo verificare. Ricarica questa pagina tra poco.",
};

const SPANISH: Texts = Texts {
    language: "es",
    paid: "El pago se ha realizado correctamente.",
    placed: "Tu pedido está registrado.",
    pending: "Tu pago se está procesando.",
    checking: "Estamos comprobando tu pago.",
    pay_once: "No vuelvas a pagar.",
    looks_again: "Esta página se actualiza sola y mostrará el resultado en cuanto lo sepamos.",
    not_paid: "El pago no se ha realizado. Prueba con otro método de pago.",
    not_started: "Este pedido aún no está pagado.",
    partly_refunded: "Se ha reembolsado una parte de tu pago.",
    refunded: "Se ha reembolsado tu pago.",
    expired: "La reserva de tu pago ha terminado.",
    lapsed: "No se ha cobrado nada. La reserva de tu pago ha terminado.",
    canceling: "Este pedido se está cancelando.",
    canceled: "Este pedido se ha cancelado.",
    canceled_unpaid: "No se ha cobrado nada. Este pedido se ha cancelado.",
    changed: "No se ha cobrado nada. Tu pedido ha cambiado entretanto. Revísalo y vuelve a pagar.",
    other_address: "No se ha cobrado nada. La dirección de Amazon Pay no es la de tu pedido. Revísala y vuelve a pagar.",
    other_way: "Ha fallado varias veces. Elige otra forma de pagar en la tienda.",
    check_again: "Comprobar de nuevo",
    try_again: "Volver a la compra",
    to_shop: "Volver a la tienda",
    go_on: "Continuar",
    order: "Pedido",
    amount: "Importe",
    not_found: "Esta página no existe.",
    unavailable: "Ahora mismo no podemos comprobarlo. Vuelve a cargar esta página en un momento.",
};

const JAPANESE: Texts = Texts {
    language: "ja",
    paid: "お支払いが完了しました。",
    placed: "ご注文を承りました。",
    pending: "お支払いを処理しています。",
    checking: "お支払いを確認しています。",
    pay_once: "もう一度お支払いにならないでください。",
    looks_again: "このページは自動的に更新され、結果がわかり次第お知らせします。",
    not_paid: "お支払いが完了しませんでした。別のお支払い方法をお試しください。",
    not_started: "このご注文はまだお支払いいただいていません。",
    partly_refunded: "お支払いの一部が返金されました。",
    refunded: "お支払いは返金されました。",
    expired: "お支払いの予約は終了しました。",
    lapsed: "請求は行われていません。お支払いの予約は終了しました。",
    canceling: "このご注文はキャンセル手続き中です。",
    canceled: "このご注文はキャンセルされました。",
    canceled_unpaid: "請求は行われていません。このご注文はキャンセルされました。",
    changed: "請求は行われていません。ご注文の内容が変更されました。内容をご確認のうえ、もう一度お支払いください。",
    other_address: "請求は行われていません。Amazon Pay のご住所がご注文のご住所と異なります。ご確認のうえ、もう一度お支払いください。",
    other_way: "お支払いが何度か完了しませんでした。ショップの別のお支払い手段をお選びください。",
    check_again: "もう一度確認する",
    try_again: "ご購入手続きに戻る",
    to_shop: "ショップに戻る",
    go_on: "続ける",
    order: "注文番号",
    amount: "金額",
    not_found: "ページが見つかりません。",
    unavailable: "ただいま確認できません。しばらくしてからこのページを再読み込みしてください。",
};

/// At most this many of a browser's languages are considered.
const MOST_LANGUAGES: usize = 20;

impl Texts {
    /// The texts of the answers to the shop, which translates by the reason if it wants to.
    pub(crate) const FOR_SHOP: &'static Self = &ENGLISH;

    /// The texts for a button's `checkoutLanguage`, such as `de_DE`; English if there is none.
    pub(crate) fn for_language(checkout_language: Option<&str>) -> &'static Self {
        checkout_language.and_then(Self::spoken).unwrap_or(&ENGLISH)
    }

    /// The texts for a browser's `accept-language`, for a page without an order. Browsers list the preferred
    /// languages first.
    pub(crate) fn accepted(header: Option<&str>) -> &'static Self {
        let languages = header.unwrap_or_default().split(',').take(MOST_LANGUAGES);
        let mut texts = languages.filter_map(|one| Self::spoken(one.split(';').next()?.trim()));
        texts.next().unwrap_or(&ENGLISH)
    }

    fn spoken(language: &str) -> Option<&'static Self> {
        let all = [&BRITISH, &ENGLISH, &GERMAN, &FRENCH, &ITALIAN, &SPANISH, &JAPANESE];
        let language = language.replace('_', "-");
        let find = |tag: &str| all.into_iter().find(|texts| texts.language.eq_ignore_ascii_case(tag));
        find(&language).or_else(|| find(language.split('-').next()?))
    }

    /// What there is to say about an order, in one or more sentences that contradict no other.
    pub(crate) const fn headline(&self, news: BuyerNews<'_>) -> &'static str {
        match news {
            BuyerNews::NotStarted => self.not_started,
            BuyerNews::Checking | BuyerNews::NotApproved => self.checking,
            BuyerNews::Pending => self.pending,
            BuyerNews::Placed => self.placed,
            BuyerNews::Paid => self.paid,
            BuyerNews::PartlyRefunded => self.partly_refunded,
            BuyerNews::Refunded => self.refunded,
            BuyerNews::Expired => self.expired,
            BuyerNews::Lapsed => self.lapsed,
            BuyerNews::Canceling => self.canceling,
            BuyerNews::Canceled => self.canceled,
            BuyerNews::NotPaid(reason) => self.unpaid(reason),
        }
    }

    /// Why nothing was paid. Where another card may help, it is the specification's message to the letter;
    /// where it cannot help, the text says first that nothing was charged.
    const fn unpaid(&self, reason: &NotPaidReason) -> &'static str {
        match reason {
            NotPaidReason::Declined(_)
            | NotPaidReason::SessionCanceled(_)
            | NotPaidReason::Misuse(_)
            | NotPaidReason::SessionGone
            | NotPaidReason::Abandoned
            | NotPaidReason::ChargeDeclined(_)
            | NotPaidReason::ChargeCanceled(_)
            | NotPaidReason::Decided => self.not_paid,
            NotPaidReason::Mismatch(_) => self.changed,
            NotPaidReason::AddressDrift(..) => self.other_address,
            NotPaidReason::OrderCanceled => self.canceled_unpaid,
        }
    }

    /// What else the buyer should do.
    pub(crate) fn advice(&self, checkout: &Checkout, news: BuyerNews<'_>) -> Option<&'static str> {
        match news {
            BuyerNews::Pending | BuyerNews::Checking => Some(self.pay_once),
            // Only advice that agrees with the headline.
            BuyerNews::NotPaid(reason) if self.unpaid(reason) == self.not_paid => {
                (unpaid_attempts(checkout) >= ENOUGH_ATTEMPTS).then_some(self.other_way)
            }
            BuyerNews::NotPaid(_)
            | BuyerNews::NotStarted
            | BuyerNews::NotApproved
            | BuyerNews::Placed
            | BuyerNews::Paid
            | BuyerNews::PartlyRefunded
            | BuyerNews::Refunded
            | BuyerNews::Expired
            | BuyerNews::Lapsed
            | BuyerNews::Canceling
            | BuyerNews::Canceled => None,
        }
    }

    /// The headline and the advice as one text.
    pub(crate) fn message(&self, checkout: &Checkout, news: BuyerNews<'_>) -> String {
        let mut message = self.headline(news).to_owned();
        if let Some(advice) = self.advice(checkout, news) {
            // There is no space between Japanese sentences.
            if !message.ends_with('。') {
                message.push(' ');
            }
            message.push_str(advice);
        }
        message
    }
}

/// After this number of unpaid attempts, a buyer is advised to pay in another way.
const ENOUGH_ATTEMPTS: usize = 3;

fn unpaid_attempts(checkout: &Checkout) -> usize {
    let is_unpaid = |state: &AttemptState| matches!(state, AttemptState::NotPaid { .. });
    checkout.attempts.iter().filter(|attempt| is_unpaid(&attempt.state)).count()
}

#[cfg(test)]
mod tests {
    use countersign_domain::address::{AddressKind, AddressMember};

    use super::*;

    /// The texts of each locale of the button, and how they begin where nothing was charged.
    const LOCALES: [(&str, &str); 7] = [
        ("en_US", "Nothing was charged. "),
        ("en_GB", "Nothing was charged. "),
        ("de_DE", "Es wurde nichts abgebucht. "),
        ("fr_FR", "Rien n’a été débité. "),
        ("it_IT", "Nulla è stato addebitato. "),
        ("es_ES", "No se ha cobrado nada. "),
        ("ja_JP", "請求は行われていません。"),
    ];

    fn code() -> String {
        "HardDeclined".to_owned()
    }

    // Promise: B36
    #[test]
    fn where_another_card_may_help_the_message_is_the_specifications_and_else_it_says_that_nothing_was_charged()
     {
        let spec = "Your payment was not successful. Please try another payment method.";
        assert_eq!((ENGLISH.not_paid, BRITISH.not_paid), (spec, spec));
        let helps = [
            NotPaidReason::Declined(code()),
            NotPaidReason::ChargeDeclined(None),
            NotPaidReason::ChargeCanceled(None),
            NotPaidReason::SessionGone,
            NotPaidReason::Abandoned,
            NotPaidReason::SessionCanceled(None),
            NotPaidReason::SessionCanceled(Some(code())),
            NotPaidReason::Misuse(code()),
        ];
        let cannot_help = [
            NotPaidReason::Mismatch("chargeAmount".to_owned()),
            NotPaidReason::AddressDrift(AddressKind::Shipping, AddressMember::City),
            NotPaidReason::OrderCanceled,
        ];
        for (locale, nothing) in LOCALES {
            let texts = Texts::for_language(Some(locale));
            for reason in &helps {
                assert_eq!(texts.headline(BuyerNews::NotPaid(reason)), texts.not_paid, "{locale} {reason:?}");
            }
            let mut own = std::collections::BTreeSet::new();
            for reason in &cannot_help {
                let text = texts.headline(BuyerNews::NotPaid(reason));
                assert!(text.starts_with(nothing), "{locale} {reason:?}: {text}");
                assert!(!text.contains(texts.not_paid), "{locale} {reason:?}: {text}");
                own.insert(text);
            }
            assert_eq!(own.len(), cannot_help.len(), "{locale}: a sentence for each");
            assert!(texts.headline(BuyerNews::Lapsed).starts_with(nothing), "{locale}");
        }
    }

    // Promise: D16
    #[test]
    fn nothing_but_a_payment_that_is_kept_is_called_successful() {
        let reason = NotPaidReason::SessionGone;
        for (locale, _) in LOCALES {
            let texts = Texts::for_language(Some(locale));
            let all = [
                BuyerNews::NotStarted,
                BuyerNews::Checking,
                BuyerNews::Pending,
                BuyerNews::Placed,
                BuyerNews::Paid,
                BuyerNews::PartlyRefunded,
                BuyerNews::Refunded,
                BuyerNews::Expired,
                BuyerNews::Lapsed,
                BuyerNews::Canceling,
                BuyerNews::Canceled,
                BuyerNews::NotPaid(&reason),
            ];
            let headlines: std::collections::BTreeSet<_> = all.map(|news| texts.headline(news)).into();
            assert_eq!(headlines.len(), all.len(), "{locale}: each news has its own words");
        }
    }

    #[test]
    fn a_locale_has_its_own_texts_and_a_language_those_of_its_first_locale() {
        for (language, tag) in [
            (Some("en_GB"), "en-GB"),
            (Some("en-gb"), "en-GB"),
            (Some("en_US"), "en"),
            (Some("en_AU"), "en"),
            (Some("de_AT"), "de"),
            (Some("ja"), "ja"),
            (Some("nl_NL"), "en"),
            (Some(""), "en"),
            (None, "en"),
        ] {
            assert_eq!(Texts::for_language(language).language, tag, "{language:?}");
        }
        for (header, tag) in [("en-GB,en;q=0.9", "en-GB"), ("nl, fr-CH;q=0.8", "fr"), ("", "en")] {
            assert_eq!(Texts::accepted(Some(header)).language, tag, "{header}");
        }
    }
}
