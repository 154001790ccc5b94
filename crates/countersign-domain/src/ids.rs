//! One type per kind of id, so that ids cannot be confused. The compiler refuses a charge id where a charge
//! permission id belongs:
//!
// Promise: C02
//! ```compile_fail
//! use countersign_domain::ids::{ChargeId, ChargePermissionId};
//! fn close(_permission: &ChargePermissionId) {}
//! close(&ChargeId::parse("S01-5105180-3221187-C056351").unwrap());
//! ```

use alloc::string::{String, ToString};
use core::fmt;

use crate::words::words;

/// The text cannot be an id: it is empty, too long, or contains characters that no id of Amazon's has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnId {
    /// What was expected, such as `chargeId`.
    pub expected: &'static str,
}

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is not a {}", self.expected)
    }
}

impl core::error::Error for NotAnId {}

/// The longest id that this system accepts, in bytes.
pub const MAX_ID_LEN: usize = 128;

fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    text.len() <= MAX_ID_LEN
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.bytes().all(plain)
}

/// Declares a validated text type; each type brings its own `parse`.
macro_rules! text_type {
    ($(#[$doc:meta])+ $name:ident) => {
        $(#[$doc])+
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The text as it is on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! id_types {
    ($($(#[$doc:meta])+ $name:ident, $wire:literal;)+) => {$(
        text_type! { $(#[$doc])+ $name }

        impl $name {
            /// Reads an id: 1 to 128 letters, digits, `-`, `_`, `.` or `~`, starting with a letter or digit.
            ///
            /// Amazon's current shapes are not required: if Amazon introduces a new shape, a paid order must
            /// not become a doubtful one.
            ///
            /// # Errors
            /// [`NotAnId`] for any other text.
            pub fn parse(text: &str) -> Result<Self, NotAnId> {
                if is_id(text) { Ok(Self(text.to_string())) } else { Err(NotAnId { expected: $wire }) }
            }
        }
    )+};
}

id_types! {
    /// A Checkout Session: a lower-case version 4 UUID at Amazon.
    CheckoutSessionId, "checkoutSessionId";
    /// A Charge Permission, such as `S01-5105180-3221187`.
    ChargePermissionId, "chargePermissionId";
    /// A Charge, such as `S01-5105180-3221187-C056351`.
    ChargeId, "chargeId";
    /// A Refund, such as `S01-5105180-3221187-R056351`.
    RefundId, "refundId";
    /// A buyer, such as `amzn1.account.XXXXXXXX`.
    BuyerId, "buyerId";
    /// A merchant account.
    MerchantId, "merchantId";
    /// A merchant's public key at Amazon; may begin with `LIVE-` or `SANDBOX-`.
    PublicKeyId, "publicKeyId";
    /// A store, such as `amzn1.application-oa2-client.` and 32 hexadecimal digits.
    StoreId, "storeId";
    /// A checkout of the merchant half: one order of the shop with its terms.
    CheckoutId, "checkoutId";
}

words! {
    /// Whether an object lives in Amazon's sandbox or moves real money, in the words of `releaseEnvironment`.
    #[derive(PartialOrd, Ord)]
    Environment {
        /// Test money.
        Sandbox,
        /// Real money.
        Live,
    }
}

impl Environment {
    /// The path segment: `sandbox` or `live`.
    #[must_use]
    pub const fn path_segment(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }
}

impl PublicKeyId {
    /// The environment that a prefixed key names (`LIVE…`, `SANDBOX…`, in any case); `None` for a key without
    /// a prefix, whose environment is in the path instead.
    #[must_use]
    pub fn environment(&self) -> Option<Environment> {
        let starts_with =
            |prefix: &str| self.0.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if starts_with("LIVE") {
            Some(Environment::Live)
        } else if starts_with("SANDBOX") {
            Some(Environment::Sandbox)
        } else {
            None
        }
    }
}

/// One of Amazon Pay's three regions. It determines the two digits of the ids and the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Region {
    /// North America: `na`, ids `…01-`, `pay-api.amazon.com`.
    NorthAmerica,
    /// Europe and the United Kingdom: `eu`, ids `…02-`, `pay-api.amazon.eu`.
    Europe,
    /// Japan: `jp`, ids `…03-`, `pay-api.amazon.jp`.
    Japan,
}

impl Region {
    /// The word in `x-amz-pay-region`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NorthAmerica => "na",
            Self::Europe => "eu",
            Self::Japan => "jp",
        }
    }

    /// Reads `na`, `eu`, `jp`, and the aliases `us`, `de`, `uk`, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is = |name: &str| text.eq_ignore_ascii_case(name);
        if is("na") || is("us") {
            Some(Self::NorthAmerica)
        } else if is("eu") || is("de") || is("uk") {
            Some(Self::Europe)
        } else if is("jp") {
            Some(Self::Japan)
        } else {
            None
        }
    }

    /// Amazon's API host.
    #[must_use]
    pub const fn host(self) -> &'static str {
        match self {
            Self::NorthAmerica => "pay-api.amazon.com",
            Self::Europe => "pay-api.amazon.eu",
            Self::Japan => "pay-api.amazon.jp",
        }
    }

    const fn id_digits(self) -> &'static str {
        match self {
            Self::NorthAmerica => "01",
            Self::Europe => "02",
            Self::Japan => "03",
        }
    }
}

impl ChargePermissionId {
    /// A one-time permission's id: `S` or `P`, the region's digits, and 14 digits drawn by the caller
    /// (taken modulo 10¹⁴).
    #[must_use]
    pub fn one_time(environment: Environment, region: Region, draw: u64) -> Self {
        let letter = match environment {
            Environment::Sandbox => 'S',
            Environment::Live => 'P',
        };
        let digits = draw.checked_rem(100_000_000_000_000).unwrap_or(0);
        let (high, low) =
            (digits.checked_div(10_000_000).unwrap_or(0), digits.checked_rem(10_000_000).unwrap_or(0));
        Self(alloc::format!("{letter}{}-{high:07}-{low:07}", region.id_digits()))
    }
}

impl ChargeId {
    /// A charge's id under a one-time permission: `-C` and 6 digits drawn by the caller (modulo 10⁶).
    #[must_use]
    pub fn under(permission: &ChargePermissionId, draw: u64) -> Self {
        Self(alloc::format!("{permission}-C{:06}", draw.checked_rem(1_000_000).unwrap_or(0)))
    }
}

impl DisputeId {
    /// What the id says that it belongs to: the ids of the objects under a permission begin with the
    /// permission's, and are told apart by a letter, `C` for a charge.
    #[must_use]
    pub fn belongs_to(&self) -> (Option<ChargePermissionId>, Option<ChargeId>) {
        let Some((permission, rest)) = self.0.rsplit_once('-') else { return (None, None) };
        let charge_id = rest.starts_with('C').then(|| ChargeId::parse(&self.0).ok());
        (ChargePermissionId::parse(permission).ok(), charge_id.flatten())
    }
}

impl RefundId {
    /// A refund's id under a one-time permission: `-R` and 6 digits drawn by the caller (modulo 10⁶).
    #[must_use]
    pub fn under(permission: &ChargePermissionId, draw: u64) -> Self {
        Self(alloc::format!("{permission}-R{:06}", draw.checked_rem(1_000_000).unwrap_or(0)))
    }
}

impl CheckoutSessionId {
    /// A version 4 UUID from 16 random bytes.
    #[must_use]
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
        *version = (*version & 0x0f) | 0x40;
        *variant = (*variant & 0x3f) | 0x80;
        let mut text = String::with_capacity(36);
        for (position, byte) in bytes.iter().enumerate() {
            if matches!(position, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for nibble in [byte >> 4, byte & 0x0f] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
        }
        Self(text)
    }
}

/// Whether a text is made of these parts, with a dash between two of them: each is a letter before its digits, or
/// none, and how many digits it has.
fn is_made_of(text: &str, parts: &[(Option<u8>, usize)]) -> bool {
    let mut given = text.split('-');
    let fit = parts.iter().all(|(letter, count)| {
        let Some(part) = given.next() else { return false };
        let digits = match letter {
            Some(letter) => part.as_bytes().strip_prefix(core::slice::from_ref(letter)),
            None => Some(part.as_bytes()),
        };
        digits.is_some_and(|digits| digits.len() == *count && digits.iter().all(u8::is_ascii_digit))
    });
    fit && given.next().is_none()
}

/// The first letter of an id of Amazon's and its environment, where it names one. The two digits after it belong to
/// a region, but sources disagree about which to which, so any are accepted.
fn can_be_in(text: &str, environment: Environment, rest: &[(Option<u8>, usize)]) -> bool {
    let Some(letter) = text.bytes().next().filter(u8::is_ascii_uppercase) else { return false };
    let fits = match letter {
        b'S' => environment == Environment::Sandbox,
        b'P' => environment == Environment::Live,
        // Such as `B01` and `C01`, which name no environment.
        _ => true,
    };
    let of_permission = [(Some(letter), 2), (None, 7), (None, 7)];
    let parts: alloc::vec::Vec<_> = of_permission.iter().chain(rest).copied().collect();
    fits && is_made_of(text, &parts)
}

impl CheckoutSessionId {
    /// Whether it can be the id of a session at Amazon: a UUID, in lower case.
    #[must_use]
    pub fn can_be_amazons(&self) -> bool {
        let is_hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        let mut groups = self.0.split('-');
        let lengths = [8, 4, 4, 4, 12];
        let fit = lengths.iter().all(|length| {
            groups.next().is_some_and(|group| group.len() == *length && group.bytes().all(is_hex))
        });
        fit && groups.next().is_none()
    }
}

impl ChargePermissionId {
    /// Whether it can be the id of a permission in this environment, such as `S01-5105180-3221187`.
    #[must_use]
    pub fn can_be_in(&self, environment: Environment) -> bool {
        can_be_in(&self.0, environment, &[])
    }
}

impl ChargeId {
    /// Whether it can be the id of a charge in this environment, such as `S01-5105180-3221187-C056351`.
    #[must_use]
    pub fn can_be_in(&self, environment: Environment) -> bool {
        can_be_in(&self.0, environment, &[(Some(b'C'), 6)])
    }
}

impl RefundId {
    /// Whether it can be the id of a refund in this environment, such as `S01-5105180-3221187-R056351`.
    #[must_use]
    pub fn can_be_in(&self, environment: Environment) -> bool {
        can_be_in(&self.0, environment, &[(Some(b'R'), 6)])
    }
}

text_type! {
    /// A dispute, such as `P03-5105180-3221187-B000000`. Its form is not documented.
    DisputeId
}

impl DisputeId {
    /// Reads an id: 1 to 128 visible ASCII characters.
    ///
    /// # Errors
    /// [`NotAnId`] for any other text.
    pub fn parse(text: &str) -> Result<Self, NotAnId> {
        let is_id =
            (1..=MAX_ID_LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_id { Ok(Self(text.to_string())) } else { Err(NotAnId { expected: "disputeId" }) }
    }
}

text_type! {
    /// The key that identifies a repeated POST as the same request: at most 32 of `[A-Za-z0-9_-]`.
    IdempotencyKey
}

impl IdempotencyKey {
    /// The longest key that Amazon documents.
    pub const MAX_LEN: usize = 32;

    /// Reads a key of at most 32 characters. A UUID with its dashes has 36 and is refused.
    ///
    /// # Errors
    /// [`NotAnId`] for a text that is empty, too long, or contains other characters.
    pub fn parse(text: &str) -> Result<Self, NotAnId> {
        Self::parse_up_to(text, Self::MAX_LEN)
    }

    /// Reads a key of at most `max_len` characters: the sandbox can be configured to accept 36.
    ///
    /// # Errors
    /// As [`IdempotencyKey::parse`].
    pub fn parse_up_to(text: &str, max_len: usize) -> Result<Self, NotAnId> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if text.is_empty() || text.len() > max_len || !text.bytes().all(legal) {
            return Err(NotAnId { expected: "idempotency key of at most 32 letters, digits, - and _" });
        }
        Ok(Self(text.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn ids_have_amazons_shapes() {
        let permission =
            ChargePermissionId::one_time(Environment::Sandbox, Region::NorthAmerica, 51_051_803_221_187);
        assert_eq!(permission.as_str(), "S01-5105180-3221187");
        assert_eq!(ChargeId::under(&permission, 56_351).as_str(), "S01-5105180-3221187-C056351");
        assert_eq!(RefundId::under(&permission, 1_056_351).as_str(), "S01-5105180-3221187-R056351");
        let live = ChargePermissionId::one_time(Environment::Live, Region::Japan, u64::MAX);
        assert_eq!(live.as_str(), "P03-4407370-9551615");
        assert_eq!(
            CheckoutSessionId::from_random([0xff; 16]).as_str(),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
    }

    // Promise: C02
    #[test]
    fn what_cannot_be_an_id_is_refused() {
        for text in ["", "-capture", "S01 1", "a/b", "ä", "a\n", &"x".repeat(129)] {
            assert_eq!(ChargeId::parse(text), Err(NotAnId { expected: "chargeId" }), "{text:?}");
        }
    }

    #[test]
    fn an_id_that_no_amazon_gives_is_recognized() {
        let session = |text: &str| CheckoutSessionId::parse(text).unwrap().can_be_amazons();
        assert!(session("bd504926-f659-4ad7-a1a9-9a747aaf5275"));
        for text in [
            "BD504926-F659-4AD7-A1A9-9A747AAF5275",
            "bd504926f6594ad7a1a99a747aaf5275",
            "bd504926-f659-4ad7-a1a9-9a747aaf527",
            "bd504926-f659-4ad7-a1a9-9a747aaf52755",
            "bd504926-f659-4ad7-a1a9-9a747aaf527g",
            "bd504926-f659-4ad7-a1a9-9a747aaf5275-",
            "S01-5105180-3221187",
            "S01-5105180-3221187-C056351",
            "CHECKOUT_SESSION_ID",
        ] {
            assert!(!session(text), "{text}");
        }
        let (sandbox, live) = (Environment::Sandbox, Environment::Live);
        let charge = |text: &str, environment| ChargeId::parse(text).unwrap().can_be_in(environment);
        let permission =
            |text: &str, environment| ChargePermissionId::parse(text).unwrap().can_be_in(environment);
        let refund = |text: &str, environment| RefundId::parse(text).unwrap().can_be_in(environment);
        for region in ["01", "02", "03", "21"] {
            for (letter, fits) in
                [("S", [true, false]), ("P", [false, true]), ("B", [true, true]), ("C", [true, true])]
            {
                let id = format!("{letter}{region}-5105180-3221187");
                for (environment, fits) in [sandbox, live].into_iter().zip(fits) {
                    assert_eq!(permission(&id, environment), fits, "{id} {environment:?}");
                    assert_eq!(charge(&format!("{id}-C056351"), environment), fits, "{id} {environment:?}");
                    assert_eq!(refund(&format!("{id}-R056351"), environment), fits, "{id} {environment:?}");
                }
            }
        }
        for text in [
            "S01-5105180-3221187",
            "S01-5105180-3221187-R056351",
            "S01-5105180-3221187-C05635",
            "S01-5105180-3221187-C0563511",
            "S01-510518-3221187-C056351",
            "S01-5105180-32211878-C056351",
            "S1-5105180-3221187-C056351",
            "s01-5105180-3221187-C056351",
            "S01-5105180-3221187-c056351",
            "S01-5105180-3221187-C05635a",
            "S01-5105180-3221187-C056351-1",
            "bd504926-f659-4ad7-a1a9-9a747aaf5275",
        ] {
            assert!(!charge(text, sandbox), "{text}");
        }
        assert!(!permission("S01-5105180-3221187-C056351", sandbox));
        assert!(!refund("S01-5105180-3221187-C056351", sandbox));
    }

    #[test]
    fn an_idempotency_key_has_at_most_32_legal_characters() {
        assert!(IdempotencyKey::parse(&"a".repeat(32)).is_ok());
        for text in ["", &"a".repeat(33), "bd504926-f659-4ad7-a1a9-9a747aaf5275", "a b", "a=b", "ä"] {
            assert!(IdempotencyKey::parse(text).is_err(), "{text:?}");
        }
        assert!(IdempotencyKey::parse_up_to("bd504926-f659-4ad7-a1a9-9a747aaf5275", 36).is_ok());
    }

    #[test]
    fn a_prefixed_key_names_its_environment() {
        let environment = |id: &str| PublicKeyId::parse(id).unwrap().environment();
        assert_eq!(environment("SANDBOX-AHEGSJCM3L2S"), Some(Environment::Sandbox));
        assert_eq!(environment("liveAHEGSJCM3L2S"), Some(Environment::Live));
        assert_eq!(environment("AHEGSJCM3L2S"), None);
    }
}
