//! The hosted page's words in the six languages of Amazon's button, one row a text: English, German, French,
//! Italian, Spanish, Japanese.

use crate::visit::words::CheckoutLanguage;

macro_rules! texts {
    ($($name:ident: $en:literal, $de:literal, $fr:literal, $it:literal, $es:literal, $ja:literal;)+) => {
        /// The words of one language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) struct Texts {
            pub(super) language: &'static str,
            $(pub(super) $name: &'static str,)+
        }

        const ENGLISH: Texts = Texts { language: "en", $($name: $en,)+ };
        const GERMAN: Texts = Texts { language: "de", $($name: $de,)+ };
        const FRENCH: Texts = Texts { language: "fr", $($name: $fr,)+ };
        const ITALIAN: Texts = Texts { language: "it", $($name: $it,)+ };
        const SPANISH: Texts = Texts { language: "es", $($name: $es,)+ };
        const JAPANESE: Texts = Texts { language: "ja", $($name: $ja,)+ };
    };
}

impl Texts {
    /// The words for a `checkoutLanguage`.
    pub(super) const fn of(language: CheckoutLanguage) -> &'static Self {
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

#[rustfmt::skip]
texts! {
    banner:
        "Test environment: no real shop order, no real money.",
        "Testumgebung: keine echte Bestellung, kein echtes Geld.",
        "Environnement de test : ni vraie commande, ni argent réel.",
        "Ambiente di prova: nessun ordine reale, nessun addebito reale.",
        "Entorno de pruebas: ni pedido real ni dinero real.",
        "テスト環境です。実際の注文や請求は発生しません。";
    sign_in:
        "Sign in as a test buyer",
        "Als Testkäufer anmelden",
        "Se connecter comme acheteur de test",
        "Accedi come acquirente di prova",
        "Iniciar sesión como comprador de prueba",
        "テスト購入者としてサインイン";
    sign_in_intro:
        "Choose who buys.",
        "Wählen Sie, wer kauft.",
        "Choisissez qui achète.",
        "Scegli chi acquista.",
        "Elige quién compra.",
        "購入者を選んでください。";
    continue_: "Continue", "Weiter", "Continuer", "Continua", "Continuar", "続ける";
    buyer_usual:
        "Usual data",
        "Gewöhnliche Daten",
        "Données ordinaires",
        "Dati comuni",
        "Datos habituales",
        "通常のデータ";
    buyer_letters:
        "Diacritics, rare characters, stray blanks",
        "Diakritika, seltene Zeichen, überzählige Leerzeichen",
        "Diacritiques, caractères rares, espaces superflus",
        "Segni diacritici, caratteri rari, spazi superflui",
        "Diacríticos, caracteres raros, espacios sobrantes",
        "特殊文字、まれな漢字、余分な空白";
    buyer_post_box:
        "Post box or parcel locker",
        "Postfach oder Packstation",
        "Boîte postale ou consigne",
        "Casella postale o armadietto",
        "Apartado postal o taquilla",
        "私書箱または宅配ロッカー";
    buyer_absent:
        "As little data as possible",
        "So wenige Angaben wie möglich",
        "Le moins de données possible",
        "Meno dati possibile",
        "Los mínimos datos posibles",
        "最小限のデータ";
    consent:
        "Share your details with the shop",
        "Angaben mit dem Shop teilen",
        "Partager vos données avec la boutique",
        "Condividi i tuoi dati con il negozio",
        "Compartir tus datos con la tienda",
        "ショップへの情報提供";
    consent_intro:
        "The shop asks for:",
        "Der Shop bittet um:",
        "La boutique demande :",
        "Il negozio chiede:",
        "La tienda solicita:",
        "ショップが求めている情報：";
    agree:
        "Agree and continue",
        "Zustimmen und weiter",
        "Accepter et continuer",
        "Accetta e continua",
        "Aceptar y continuar",
        "同意して続ける";
    scope_name: "Name", "Name", "Nom", "Nome", "Nombre", "氏名";
    scope_email:
        "E-mail address",
        "E-Mail-Adresse",
        "Adresse e-mail",
        "Indirizzo e-mail",
        "Correo electrónico",
        "メールアドレス";
    scope_phone_number:
        "Telephone number",
        "Telefonnummer",
        "Numéro de téléphone",
        "Numero di telefono",
        "Número de teléfono",
        "電話番号";
    scope_billing_address:
        "Billing address",
        "Rechnungsadresse",
        "Adresse de facturation",
        "Indirizzo di fatturazione",
        "Dirección de facturación",
        "請求先住所";
    scope_shipping_address:
        "Delivery address",
        "Lieferadresse",
        "Adresse de livraison",
        "Indirizzo di consegna",
        "Dirección de entrega",
        "お届け先住所";
    scope_postal_code:
        "Postal code",
        "Postleitzahl",
        "Code postal",
        "Codice postale",
        "Código postal",
        "郵便番号";
    scope_prime_status:
        "Membership status",
        "Mitgliedsstatus",
        "Statut d’adhésion",
        "Stato dell’iscrizione",
        "Estado de la suscripción",
        "会員ステータス";
    review:
        "Review your order",
        "Bestellung prüfen",
        "Vérifier votre commande",
        "Controlla l’ordine",
        "Revisa tu pedido",
        "注文内容の確認";
    choose:
        "Choose address and payment",
        "Adresse und Zahlung wählen",
        "Choisir l’adresse et le paiement",
        "Scegli indirizzo e pagamento",
        "Elige dirección y pago",
        "住所とお支払い方法の選択";
    address:
        "Delivery address",
        "Lieferadresse",
        "Adresse de livraison",
        "Indirizzo di consegna",
        "Dirección de entrega",
        "お届け先住所";
    deliver_here:
        "Deliver to this address",
        "An diese Adresse liefern",
        "Livrer à cette adresse",
        "Consegna a questo indirizzo",
        "Entregar en esta dirección",
        "この住所に届ける";
    edit_address:
        "Edit this address",
        "Diese Adresse bearbeiten",
        "Modifier cette adresse",
        "Modifica questo indirizzo",
        "Editar esta dirección",
        "この住所を編集";
    add_address:
        "Add an address",
        "Adresse hinzufügen",
        "Ajouter une adresse",
        "Aggiungi un indirizzo",
        "Añadir una dirección",
        "住所を追加";
    save_address:
        "Save address",
        "Adresse speichern",
        "Enregistrer l’adresse",
        "Salva indirizzo",
        "Guardar dirección",
        "住所を保存";
    full_name: "Full name", "Vor- und Nachname", "Nom complet", "Nome e cognome", "Nombre completo", "氏名";
    line1:
        "Address line 1",
        "Adresszeile 1",
        "Adresse, ligne 1",
        "Indirizzo, riga 1",
        "Dirección, línea 1",
        "住所 1";
    line2:
        "Address line 2",
        "Adresszeile 2",
        "Adresse, ligne 2",
        "Indirizzo, riga 2",
        "Dirección, línea 2",
        "住所 2";
    line3:
        "Address line 3",
        "Adresszeile 3",
        "Adresse, ligne 3",
        "Indirizzo, riga 3",
        "Dirección, línea 3",
        "住所 3";
    city: "City", "Ort", "Ville", "Città", "Ciudad", "市区町村";
    county: "County", "Landkreis", "Département", "Provincia", "Comarca", "郡";
    district: "District", "Ortsteil", "Quartier", "Quartiere", "Distrito", "地区";
    state:
        "State or region",
        "Bundesland oder Region",
        "État ou région",
        "Stato o regione",
        "Estado o región",
        "都道府県";
    postal_code: "Postal code", "Postleitzahl", "Code postal", "Codice postale", "Código postal", "郵便番号";
    country:
        "Country code (two letters)",
        "Ländercode (zwei Buchstaben)",
        "Code du pays (deux lettres)",
        "Codice del paese (due lettere)",
        "Código del país (dos letras)",
        "国コード（2文字）";
    phone: "Telephone", "Telefon", "Téléphone", "Telefono", "Teléfono", "電話番号";
    please_check:
        "Please check:",
        "Bitte prüfen:",
        "À vérifier :",
        "Da controllare:",
        "Comprueba:",
        "ご確認ください：";
    to_po_boxes:
        "The shop does not deliver to post boxes.",
        "Der Shop liefert nicht an Postfächer.",
        "La boutique ne livre pas en boîte postale.",
        "Il negozio non consegna a caselle postali.",
        "La tienda no entrega en apartados postales.",
        "このショップは私書箱には配送しません。";
    to_packstations:
        "The shop does not deliver to parcel lockers.",
        "Der Shop liefert nicht an Packstationen.",
        "La boutique ne livre pas en consigne.",
        "Il negozio non consegna agli armadietti.",
        "La tienda no entrega en taquillas.",
        "このショップは宅配ロッカーには配送しません。";
    to_this_place:
        "The shop does not deliver there.",
        "Der Shop liefert nicht dorthin.",
        "La boutique ne livre pas à cet endroit.",
        "Il negozio non consegna lì.",
        "La tienda no entrega allí.",
        "このショップはこの地域には配送しません。";
    no_address:
        "Choose or add an address to which the shop delivers.",
        "Wählen oder ergänzen Sie eine Adresse, an die der Shop liefert.",
        "Choisissez ou ajoutez une adresse desservie par la boutique.",
        "Scegli o aggiungi un indirizzo raggiunto dal negozio.",
        "Elige o añade una dirección a la que entregue la tienda.",
        "配送可能な住所を選択または追加してください。";
    delivery: "Delivery", "Lieferung", "Livraison", "Consegna", "Entrega", "配送方法";
    use_delivery:
        "Use this delivery",
        "Diese Lieferung wählen",
        "Choisir cette livraison",
        "Usa questa consegna",
        "Usar esta entrega",
        "この配送方法にする";
    minute: "minute", "Minute", "minute", "minuto", "minuto", "分";
    minutes: "minutes", "Minuten", "minutes", "minuti", "minutos", "分";
    hour: "hour", "Stunde", "heure", "ora", "hora", "時間";
    hours: "hours", "Stunden", "heures", "ore", "horas", "時間";
    day: "day", "Tag", "jour", "giorno", "día", "日";
    days: "days", "Tage", "jours", "giorni", "días", "日";
    week: "week", "Woche", "semaine", "settimana", "semana", "週間";
    weeks: "weeks", "Wochen", "semaines", "settimane", "semanas", "週間";
    month: "month", "Monat", "mois", "mese", "mes", "か月";
    months: "months", "Monate", "mois", "mesi", "meses", "か月";
    coupon: "Coupon", "Gutschein", "Code promo", "Codice sconto", "Cupón", "クーポン";
    coupon_code: "Coupon code", "Gutscheincode", "Code", "Codice", "Código", "クーポンコード";
    apply: "Apply", "Einlösen", "Appliquer", "Applica", "Aplicar", "適用";
    remove: "Remove", "Entfernen", "Retirer", "Rimuovi", "Quitar", "削除";
    applied: "applied", "eingelöst", "appliqué", "applicato", "aplicado", "適用済み";
    not_applied: "not applied", "nicht eingelöst", "non appliqué", "non applicato", "no aplicado", "適用不可";
    gift:
        "Gift options",
        "Geschenkoptionen",
        "Options cadeau",
        "Opzioni regalo",
        "Opciones de regalo",
        "ギフト設定";
    gift_wrap:
        "Wrap as a gift",
        "Als Geschenk verpacken",
        "Emballer en cadeau",
        "Confeziona come regalo",
        "Envolver para regalo",
        "ギフト包装する";
    gift_message:
        "Gift message",
        "Grußbotschaft",
        "Message cadeau",
        "Messaggio regalo",
        "Mensaje de regalo",
        "ギフトメッセージ";
    use_gift:
        "Use these gift options",
        "Geschenkoptionen übernehmen",
        "Utiliser ces options cadeau",
        "Usa queste opzioni regalo",
        "Usar estas opciones de regalo",
        "このギフト設定にする";
    points:
        "Points of the shop",
        "Punkte des Shops",
        "Points de la boutique",
        "Punti del negozio",
        "Puntos de la tienda",
        "ショップのポイント";
    points_to_use:
        "Points to use",
        "Einzulösende Punkte",
        "Points à utiliser",
        "Punti da usare",
        "Puntos que usar",
        "利用するポイント数";
    payment: "Payment", "Zahlung", "Paiement", "Pagamento", "Pago", "お支払い方法";
    use_card:
        "Use this card",
        "Diese Karte wählen",
        "Utiliser cette carte",
        "Usa questa carta",
        "Usar esta tarjeta",
        "このカードを使う";
    card_cancels:
        "Finalize answers that the buyer canceled",
        "Finalize meldet: vom Käufer abgebrochen",
        "Finalize répond : annulé par l’acheteur",
        "Finalize risponde: annullato dall’acquirente",
        "Finalize responde: cancelado por el comprador",
        "Finalize が購入者キャンセルを返します";
    card_declined:
        "Finalize answers that it is declined",
        "Finalize meldet: abgelehnt",
        "Finalize répond : refusé",
        "Finalize risponde: rifiutato",
        "Finalize responde: rechazado",
        "Finalize が拒否を返します";
    card_pends_pays:
        "pending for 30 seconds, then paid",
        "30 Sekunden offen, dann bezahlt",
        "en attente 30 secondes, puis payé",
        "in sospeso per 30 secondi, poi pagato",
        "pendiente 30 segundos, después pagado",
        "30秒保留のあと支払い成功";
    card_pends_declined:
        "pending for 30 seconds, then declined",
        "30 Sekunden offen, dann abgelehnt",
        "en attente 30 secondes, puis refusé",
        "in sospeso per 30 secondi, poi rifiutato",
        "pendiente 30 segundos, después rechazado",
        "30秒保留のあと拒否";
    items: "Your items", "Ihre Artikel", "Vos articles", "I tuoi articoli", "Tus artículos", "商品";
    totals: "Totals", "Summen", "Totaux", "Totali", "Totales", "合計";
    base_total: "Items", "Artikel", "Articles", "Articoli", "Artículos", "商品小計";
    shipping_total: "Delivery", "Lieferung", "Livraison", "Consegna", "Entrega", "配送料";
    tax_total: "Tax", "Steuern", "Taxes", "Imposte", "Impuestos", "税";
    discount_total: "Discount", "Rabatt", "Remise", "Sconto", "Descuento", "割引";
    charge_total:
        "Total to pay",
        "Zu zahlen",
        "Total à payer",
        "Totale da pagare",
        "Total a pagar",
        "お支払い合計";
    order_total:
        "Whole order",
        "Gesamte Bestellung",
        "Commande entière",
        "Ordine completo",
        "Pedido completo",
        "注文全体";
    more:
        "More from the shop",
        "Weitere Angaben des Shops",
        "Autres informations de la boutique",
        "Altro dal negozio",
        "Más de la tienda",
        "ショップからのその他の情報";
    test_options:
        "Test options",
        "Testoptionen",
        "Options de test",
        "Opzioni di prova",
        "Opciones de prueba",
        "テストオプション";
    bank_when_placed:
        "When the order is placed, the bank…",
        "Wenn die Bestellung aufgegeben wird, …",
        "Quand la commande est passée, la banque…",
        "Quando l’ordine viene inviato, la banca…",
        "Al hacer el pedido, el banco…",
        "注文確定時の銀行の動作";
    bank_as_card:
        "does what the card says",
        "macht die Bank, was die Karte sagt",
        "fait ce que dit la carte",
        "fa ciò che dice la carta",
        "hace lo que dice la tarjeta",
        "カードの設定どおり";
    bank_declines:
        "declines here",
        "lehnt die Bank hier ab",
        "refuse ici",
        "rifiuta qui",
        "rechaza aquí",
        "この場で拒否";
    bank_asks:
        "asks for a confirmation",
        "verlangt die Bank eine Bestätigung",
        "demande une confirmation",
        "chiede una conferma",
        "pide una confirmación",
        "本人確認を求める";
    place_order:
        "Place order",
        "Zahlungspflichtig bestellen",
        "Passer la commande",
        "Invia ordine",
        "Hacer pedido",
        "注文を確定する";
    back_to_shop:
        "Back to the shop",
        "Zurück zum Shop",
        "Retour à la boutique",
        "Torna al negozio",
        "Volver a la tienda",
        "ショップに戻る";
    cancel: "Cancel", "Abbrechen", "Annuler", "Annulla", "Cancelar", "キャンセル";
    asking:
        "Asking the shop…",
        "Der Shop wird gefragt…",
        "La boutique est consultée…",
        "Richiesta al negozio in corso…",
        "Consultando a la tienda…",
        "ショップに問い合わせています…";
    needs_script:
        "Your browser asks the shop by a script. Please allow scripts here and load this page again.",
        "Ihr Browser fragt den Shop mit einem Skript. Bitte erlauben Sie hier Skripte und laden Sie die Seite neu.",
        "Votre navigateur consulte la boutique par un script. Autorisez les scripts ici et rechargez la page.",
        "Il browser consulta il negozio con uno script. Consenti gli script qui e ricarica la pagina.",
        "El navegador consulta a la tienda con un script. Permite los scripts aquí y recarga la página.",
        "ショップへの問い合わせにはスクリプトが必要です。スクリプトを許可して再読み込みしてください。";
    no_answer:
        "The shop does not answer.",
        "Der Shop antwortet nicht.",
        "La boutique ne répond pas.",
        "Il negozio non risponde.",
        "La tienda no responde.",
        "ショップから応答がありません。";
    invalid_answer:
        "The shop’s answer cannot be used.",
        "Die Antwort des Shops ist nicht brauchbar.",
        "La réponse de la boutique est inutilisable.",
        "La risposta del negozio non è utilizzabile.",
        "La respuesta de la tienda no sirve.",
        "ショップの応答を使用できません。";
    reports_error:
        "The shop reports an error.",
        "Der Shop meldet einen Fehler.",
        "La boutique signale une erreur.",
        "Il negozio segnala un errore.",
        "La tienda informa de un error.",
        "ショップでエラーが発生しました。";
    reports_address:
        "The shop cannot deliver to this address.",
        "Der Shop kann nicht an diese Adresse liefern.",
        "La boutique ne peut pas livrer à cette adresse.",
        "Il negozio non può consegnare a questo indirizzo.",
        "La tienda no puede entregar en esta dirección.",
        "この住所には配送できません。";
    reports_option:
        "This delivery is no longer available.",
        "Diese Lieferung ist nicht mehr verfügbar.",
        "Cette livraison n’est plus disponible.",
        "Questa consegna non è più disponibile.",
        "Esta entrega ya no está disponible.",
        "この配送方法は利用できません。";
    reports_cart:
        "The cart has changed in the shop.",
        "Der Warenkorb hat sich im Shop geändert.",
        "Le panier a changé dans la boutique.",
        "Il carrello è cambiato nel negozio.",
        "El carrito ha cambiado en la tienda.",
        "カートの内容が変更されました。";
    reports_coupon:
        "This coupon cannot be used.",
        "Dieser Gutschein gilt nicht.",
        "Ce code ne peut pas être utilisé.",
        "Questo codice non è utilizzabile.",
        "Este cupón no se puede usar.",
        "このクーポンは使用できません。";
    retry:
        "Ask again",
        "Erneut fragen",
        "Demander à nouveau",
        "Chiedi di nuovo",
        "Preguntar de nuevo",
        "もう一度問い合わせる";
    bank:
        "Your bank asks you to confirm",
        "Ihre Bank bittet um Bestätigung",
        "Votre banque demande une confirmation",
        "La banca chiede una conferma",
        "Tu banco pide confirmación",
        "銀行による本人確認";
    bank_intro:
        "Confirm this payment within 10 minutes.",
        "Bestätigen Sie diese Zahlung innerhalb von 10 Minuten.",
        "Confirmez ce paiement dans les 10 minutes.",
        "Conferma questo pagamento entro 10 minuti.",
        "Confirma este pago en 10 minutos.",
        "10分以内にお支払いを確認してください。";
    confirm:
        "Confirm payment",
        "Zahlung bestätigen",
        "Confirmer le paiement",
        "Conferma pagamento",
        "Confirmar pago",
        "支払いを確認する";
    fail_check:
        "Fail the check",
        "Prüfung nicht bestehen",
        "Échouer au contrôle",
        "Non superare il controllo",
        "No superar la comprobación",
        "確認に失敗する";
    declined:
        "Your bank declined the payment",
        "Ihre Bank hat die Zahlung abgelehnt",
        "Votre banque a refusé le paiement",
        "La banca ha rifiutato il pagamento",
        "Tu banco ha rechazado el pago",
        "お支払いが拒否されました";
    declined_intro:
        "Nothing was charged. Choose another card, or give up.",
        "Es wurde nichts abgebucht. Wählen Sie eine andere Karte oder geben Sie auf.",
        "Rien n’a été débité. Choisissez une autre carte, ou renoncez.",
        "Nessun addebito. Scegli un’altra carta o rinuncia.",
        "No se ha cobrado nada. Elige otra tarjeta o desiste.",
        "請求は発生していません。別のカードを選ぶか、中止してください。";
    give_up: "Give up", "Aufgeben", "Renoncer", "Rinuncia", "Desistir", "中止する";
    completing:
        "Completing your order",
        "Bestellung wird abgeschlossen",
        "Finalisation de votre commande",
        "Completamento dell’ordine",
        "Completando tu pedido",
        "注文を処理しています";
    done:
        "Your order is complete",
        "Ihre Bestellung ist abgeschlossen",
        "Votre commande est terminée",
        "L’ordine è completo",
        "Tu pedido está completo",
        "注文が完了しました";
    close_window:
        "You can close this window.",
        "Sie können dieses Fenster schließen.",
        "Vous pouvez fermer cette fenêtre.",
        "Puoi chiudere questa finestra.",
        "Puedes cerrar esta ventana.",
        "このウィンドウを閉じてください。";
    not_completed:
        "The shop could not complete the order",
        "Der Shop konnte die Bestellung nicht abschließen",
        "La boutique n’a pas pu finaliser la commande",
        "Il negozio non ha potuto completare l’ordine",
        "La tienda no ha podido completar el pedido",
        "ショップで注文を完了できませんでした";
    not_known:
        "It is not known yet whether your order was paid",
        "Ob Ihre Bestellung bezahlt wurde, steht noch nicht fest",
        "On ne sait pas encore si votre commande a été payée",
        "Non si sa ancora se l’ordine è stato pagato",
        "Aún no se sabe si tu pedido se ha pagado",
        "お支払いが完了したかどうかは、まだ確認できていません";
    shop_tells:
        "The shop will tell you. Please do not pay again.",
        "Der Shop teilt es Ihnen mit. Bitte bezahlen Sie nicht noch einmal.",
        "La boutique vous le dira. Veuillez ne pas payer une seconde fois.",
        "Il negozio te lo comunicherà. Non pagare di nuovo.",
        "La tienda te lo comunicará. No pagues otra vez.",
        "ショップからお知らせします。もう一度お支払いにならないでください。";
    redirect:
        "One more step",
        "Noch ein Schritt",
        "Encore une étape",
        "Un altro passo",
        "Un paso más",
        "あと一歩です";
    canceled:
        "Checkout canceled",
        "Bestellvorgang abgebrochen",
        "Achat annulé",
        "Acquisto annullato",
        "Compra cancelada",
        "キャンセルされました";
    payment_declined:
        "The payment was declined",
        "Die Zahlung wurde abgelehnt",
        "Le paiement a été refusé",
        "Il pagamento è stato rifiutato",
        "El pago ha sido rechazado",
        "お支払いが拒否されました";
    expired:
        "This checkout has expired",
        "Dieser Bestellvorgang ist abgelaufen",
        "Cette session d’achat a expiré",
        "Questo acquisto è scaduto",
        "Esta compra ha caducado",
        "セッションの有効期限が切れました";
    nothing_charged:
        "Nothing was charged.",
        "Es wurde nichts abgebucht.",
        "Rien n’a été débité.",
        "Nessun addebito.",
        "No se ha cobrado nada.",
        "請求は発生していません。";
}
