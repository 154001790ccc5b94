//! A buyer inside a document.

use countersign_document::stored;
use countersign_domain::provider::buyer::{Buyer, Card};

use super::Sandbox;

stored! {
    by Sandbox;

    struct Buyer {
        id,
        name,
        email,
        phone_number,
        shipping_address,
        billing_address,
        card,
        delivery_option,
    }

    text Card: last_digits, Card::parse;
}
