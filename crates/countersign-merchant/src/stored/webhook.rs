//! The webhook document: how often a fact's webhook has failed. It exists only while a fact whose webhook
//! failed is still to be sent, so a webhook that succeeds immediately, as nearly all do, costs no write.

use countersign_document::stored;

use super::Merchant;

stored! {
    by Merchant;

    document u32 as "webhook", format 2;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_comes_back_as_it_went_in_its_form() {
        let (format, bytes) = encode(&3);
        assert_eq!((format, &bytes[..]), (2, &b"3"[..]));
        assert_eq!(decode(format, &bytes), Ok(3));
    }

    #[test]
    fn what_is_not_a_count_is_refused() {
        for (format, form) in [(1, "3"), (2, "{}"), (2, "-1"), (2, "")] {
            assert!(decode(format, form.as_bytes()).is_err(), "{form}");
        }
    }
}
