//! The version of an order's terms in a body: a JSON number, as the answers have it.

use countersign_protocol::wire::{Member, RawValue, Reader, Writer};

/// A version of the terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TermsVersion(pub(super) u32);

impl Member for TermsVersion {
    fn read(raw: &RawValue, reader: &mut Reader) -> Option<Self> {
        let digits = Some(raw.get()).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let version = digits.and_then(|digits| digits.parse().ok());
        if version.is_none() {
            reader.invalid("it is not a whole number, such as 1");
        }
        version.map(Self)
    }

    fn write(&self, writer: &mut Writer) {
        writer.raw(&self.0.to_string());
    }
}
