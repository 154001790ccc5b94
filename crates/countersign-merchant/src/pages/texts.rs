//! The texts for buyers, in the six languages of Amazon's button: on the result page, and in the answers to
//! the shop's page.

use countersign_domain::merchant::attempt::{AttemptState, NotPaidReason};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::verdict::Verdict;

/// The message that Amazon's specification requires a shop to show the buyer.
pub(crate) const NOT_PAID_MESSAGE: &str =
    "Your payment was not successful. Please try another payment method.";

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
    pub(crate) canceled: &'static str,
    pub(crate) changed: &'static str,
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
    canceled: "This order was canceled.",
    changed: "Your order has changed in the meantime, and nothing was charged. Please review it and pay again.",
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

const GERMAN: Texts = Texts {
    language: "de",
    paid: "Ihre Zahlung war erfolgreich.",
    placed: "Ihre Bestellung ist aufgegeben.",
    pending: "Ihre Zahlung wird bearbeitet.",
    checking: "Wir prüfen Ihre Zahlung.",
    pay_once: "Bitte zahlen Sie nicht noch einmal.",
    looks_again: "Diese Seite sieht von selbst wieder nach und zeigt das Ergebnis, sobald wir es kennen.",
    not_paid: "Ihre Zahlung war nicht erfolgreich. Bitte versuchen Sie es mit einer anderen Zahlungsart.",
    not_started: "Diese Bestellung ist noch nicht bezahlt.",
    canceled: "Diese Bestellung wurde storniert.",
    changed: "Ihre Bestellung hat sich inzwischen geändert, und nichts wurde abgebucht. Bitte prüfen Sie sie und zahlen Sie noch einmal.",
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
    canceled: "Cette commande a été annulée.",
    changed: "Votre commande a changé entre-temps et rien n’a été débité. Merci de la vérifier et de payer à nouveau.",
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
    placed: "L’ordine è stato inviato.",
    pending: "Il pagamento è in elaborazione.",
    checking: "Stiamo verificando il pagamento.",
    pay_once: "Non pagare di nuovo.",
    looks_again: "Questa pagina si aggiorna da sola e mostrerà l’esito appena lo conosceremo.",
    not_paid: "Il pagamento non è andato a buon fine. Prova con un altro metodo di pagamento.",
    not_started: "Questo ordine non è ancora stato pagato.",
    canceled: "Questo ordine è stato annullato.",
    changed: "Nel frattempo l’ordine è cambiato e nulla è stato addebitato. Controllalo e paga di nuovo.",
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
    canceled: "Este pedido se ha cancelado.",
    changed: "Tu pedido ha cambiado entretanto y no se ha cobrado nada. Revísalo y vuelve a pagar.",
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
    canceled: "このご注文はキャンセルされました。",
    changed: "ご注文の内容が変更されたため、請求は行われていません。内容をご確認のうえ、もう一度お支払いください。",
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
        let word = language.split(['_', '-']).next()?;
        let all = [&ENGLISH, &GERMAN, &FRENCH, &ITALIAN, &SPANISH, &JAPANESE];
        all.into_iter().find(|texts| texts.language.eq_ignore_ascii_case(word))
    }

    /// A verdict in one sentence. For a payment that failed, it is the specification's message.
    pub(crate) const fn headline(&self, verdict: Verdict<'_>) -> &'static str {
        match verdict {
            Verdict::Paid(_) => self.paid,
            Verdict::Authorized(_) | Verdict::Confirmed(_) => self.placed,
            Verdict::Pending(_) => self.pending,
            Verdict::Checking(_) => self.checking,
            Verdict::NotPaid(_) => self.not_paid,
            Verdict::Canceled => self.canceled,
            Verdict::Registered => self.not_started,
        }
    }

    /// What else the buyer should know.
    pub(crate) fn advice(&self, checkout: &Checkout, verdict: Verdict<'_>) -> Vec<&'static str> {
        match verdict {
            Verdict::Pending(_) | Verdict::Checking(_) => vec![self.pay_once],
            Verdict::NotPaid(reason) => {
                let has_changed =
                    matches!(reason, NotPaidReason::Mismatch(_) | NotPaidReason::AddressDrift(..));
                let is_enough = unpaid_attempts(checkout) >= ENOUGH_ATTEMPTS;
                let changed = has_changed.then_some(self.changed);
                changed.into_iter().chain(is_enough.then_some(self.other_way)).collect()
            }
            Verdict::Paid(_)
            | Verdict::Authorized(_)
            | Verdict::Confirmed(_)
            | Verdict::Canceled
            | Verdict::Registered => Vec::new(),
        }
    }
}

/// After this number of unpaid attempts, a buyer is advised to pay in another way.
const ENOUGH_ATTEMPTS: usize = 3;

fn unpaid_attempts(checkout: &Checkout) -> usize {
    let is_unpaid = |state: &AttemptState| matches!(state, AttemptState::NotPaid { .. });
    checkout.attempts.iter().filter(|attempt| is_unpaid(&attempt.state)).count()
}
