//! The result page's words in the six languages of Amazon's button.

/// The message of Amazon's specification for a payment that did not succeed.
pub(crate) const NOT_PAID_MESSAGE: &str =
    "Your payment was not successful. Please try another payment method.";

/// The words of one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) language: &'static str,
    pub(crate) paid: &'static str,
    pub(crate) placed: &'static str,
    pub(crate) pending: &'static str,
    pub(crate) checking: &'static str,
    pub(crate) checking_detail: &'static str,
    pub(crate) not_paid: &'static str,
    pub(crate) not_started: &'static str,
    pub(crate) canceled: &'static str,
    pub(crate) try_again: &'static str,
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
    checking_detail: "Please do not pay again. This page tells you as soon as we know.",
    not_paid: NOT_PAID_MESSAGE,
    not_started: "This order has not been paid yet.",
    canceled: "This order was canceled.",
    try_again: "Back to checkout",
    go_on: "Continue",
    order: "Order",
    amount: "Amount",
    not_found: "There is no such page.",
    unavailable: "We cannot look this up right now. Please load this page again in a moment.",
};

const GERMAN: Texts = Texts {
    language: "de",
    paid: "Ihre Zahlung war erfolgreich.",
    placed: "Ihre Bestellung ist aufgegeben.",
    pending: "Ihre Zahlung wird bearbeitet.",
    checking: "Wir prüfen Ihre Zahlung.",
    checking_detail: "Bitte zahlen Sie nicht noch einmal. Diese Seite zeigt das Ergebnis, sobald wir es kennen.",
    not_paid: "Ihre Zahlung war nicht erfolgreich. Bitte versuchen Sie es mit einer anderen Zahlungsart.",
    not_started: "Diese Bestellung ist noch nicht bezahlt.",
    canceled: "Diese Bestellung wurde storniert.",
    try_again: "Zurück zur Kasse",
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
    checking_detail: "Merci de ne pas payer une seconde fois. Cette page affichera le résultat dès qu’il sera connu.",
    not_paid: "Votre paiement n’a pas abouti. Veuillez essayer un autre moyen de paiement.",
    not_started: "Cette commande n’est pas encore payée.",
    canceled: "Cette commande a été annulée.",
    try_again: "Revenir au paiement",
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
    checking_detail: "Non pagare di nuovo. Questa pagina mostrerà l’esito appena lo conosceremo.",
    not_paid: "Il pagamento non è andato a buon fine. Prova con un altro metodo di pagamento.",
    not_started: "Questo ordine non è ancora stato pagato.",
    canceled: "Questo ordine è stato annullato.",
    try_again: "Torna al pagamento",
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
    checking_detail: "No vuelvas a pagar. Esta página mostrará el resultado en cuanto lo sepamos.",
    not_paid: "El pago no se ha realizado. Prueba con otro método de pago.",
    not_started: "Este pedido aún no está pagado.",
    canceled: "Este pedido se ha cancelado.",
    try_again: "Volver a la compra",
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
    checking_detail: "もう一度お支払いにならないでください。結果がわかり次第、このページに表示します。",
    not_paid: "お支払いが完了しませんでした。別のお支払い方法をお試しください。",
    not_started: "このご注文はまだお支払いいただいていません。",
    canceled: "このご注文はキャンセルされました。",
    try_again: "ご購入手続きに戻る",
    go_on: "続ける",
    order: "注文番号",
    amount: "金額",
    not_found: "ページが見つかりません。",
    unavailable: "ただいま確認できません。しばらくしてからこのページを再読み込みしてください。",
};

impl Texts {
    /// The words for a button's `checkoutLanguage`, such as `de_DE`; English for none.
    pub(crate) fn of(checkout_language: Option<&str>) -> &'static Self {
        match checkout_language.and_then(|language| language.split('_').next()) {
            Some("de") => &GERMAN,
            Some("fr") => &FRENCH,
            Some("it") => &ITALIAN,
            Some("es") => &SPANISH,
            Some("ja") => &JAPANESE,
            _ => &ENGLISH,
        }
    }
}
