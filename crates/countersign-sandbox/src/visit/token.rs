//! The token of a visit, which is in the visit's URL: a caller that has the token counts as the
//! visit's buyer.

use countersign_protocol::signing::sha256_hex;

/// The number of hexadecimal digits of the key that name a visit where its token must not appear.
const ID_LEN: usize = 16;

/// The token of a visit.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct VisitToken(String);

impl VisitToken {
    /// A token that was drawn for a new visit.
    pub(crate) fn drawn(token: String) -> Self {
        Self(token)
    }

    /// Reads a text that has the form of a token.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The key under which the visit is stored. Nobody who reads it in the store can continue the
    /// visit.
    pub(crate) fn key(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }

    /// The visit's name on pages and in messages.
    pub(crate) fn visit_id(&self) -> String {
        self.key().get(..ID_LEN).unwrap_or_default().to_owned()
    }
}
