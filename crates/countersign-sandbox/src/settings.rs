//! What an operator sets, as plain data: the profile, and a flag for every rule on which Amazon's
//! documents are silent (docs/compatibility.md). The binary reads them from its command line, and
//! the token from a file.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use countersign_domain::address::AddressMatch;
use countersign_domain::ids::IdempotencyKey;
use countersign_domain::provider::checkout_session::ResponseDetail;
use countersign_domain::provider::finalize::{CheckOrder, FinalizeReplay, FinalizeRules, UnsharedAddress};
use countersign_domain::provider::profile::Profile;
use countersign_protocol::signing::DateWindow;
use countersign_protocol::wire::Spellings;

/// The sandbox's settings. The default is Amazon's sandbox as documented.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Which deadlines and limits apply.
    pub profile: Profile,
    /// By how much a request's date may differ from the clock.
    pub date_window: DateWindow,
    /// With a token, the control API requires it; without one, it answers loopback peers only.
    pub control_token: Option<ControlToken>,
    /// The rules that Amazon leaves open.
    pub flags: Flags,
}

/// The control API's token. It cannot be printed.
#[derive(Clone)]
pub struct ControlToken(Box<[u8]>);

impl ControlToken {
    /// A token with this text; `None` if it is empty, since that would admit everybody.
    #[must_use]
    pub fn new(token: &str) -> Option<Self> {
        (!token.is_empty()).then(|| Self(token.as_bytes().into()))
    }

    /// Whether this is the token, compared in constant time.
    #[must_use]
    pub fn matches(&self, shown: &[u8]) -> bool {
        verify_slices_are_equal(&self.0, shown).is_ok()
    }
}

impl fmt::Debug for ControlToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ControlToken(…)")
    }
}

/// The clock against which `x-amz-pay-date` is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateCheck {
    /// The machine's clock or the virtual one, whichever accepts the date: an SDK keeps working
    /// after the virtual clock was moved.
    Either,
    /// The virtual clock.
    Virtual,
    /// No clock: every date is accepted.
    Off,
}

/// How many times a notification is sent again, and after which failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpnRetries {
    /// Every hour for three hours, after a 5xx, a missing answer or a failure to connect.
    ThreeHourly,
    /// Every hour for 14 days, after a 5xx or a missing answer. After a failure to connect, the notification
    /// is given up.
    FourteenDays,
}

impl IpnRetries {
    /// The largest number of times that a notification is sent again.
    #[must_use]
    pub const fn count(self) -> u32 {
        match self {
            Self::ThreeHourly => 3,
            Self::FourteenDays => 14 * 24,
        }
    }
}

/// A flag's name, what it decides, and its choices, the default first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlagWords {
    /// The name, such as `address-match`.
    pub name: &'static str,
    /// What the flag decides, in a few words.
    pub about: &'static str,
    /// The words that it can be set to.
    pub choices: &'static [&'static str],
}

/// Why a flag cannot be set this way. The text names the flag and its choices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagRefused {
    /// There is no such flag.
    Unknown(String),
    /// The flag has no such choice.
    NotAChoice(FlagWords),
}

impl fmt::Display for FlagRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                let names: Vec<&str> = Flags::WORDS.iter().map(|flag| flag.name).collect();
                write!(f, "there is no flag {name:?}; the flags are {}", names.join(", "))
            }
            Self::NotAChoice(flag) => {
                write!(f, "the flag {} must be one of {}", flag.name, flag.choices.join(", "))
            }
        }
    }
}

impl std::error::Error for FlagRefused {}

macro_rules! flags {
    ($($field:ident: $type:ty = $name:literal, $about:literal { $($word:literal => $value:expr,)+ })+) => {
        /// The rules that Amazon leaves open, as they are set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Flags {
            $(
                #[doc = concat!("`", $name, "`: ", $about, ".")]
                pub $field: $type,
            )+
        }

        /// Each flag's first choice.
        impl Default for Flags {
            fn default() -> Self {
                Self { $($field: { let [first, ..] = [$($value),+]; first },)+ }
            }
        }

        impl Flags {
            /// Every flag with its words: what the binary offers and the documents list.
            pub const WORDS: &'static [FlagWords] = &[
                $(FlagWords { name: $name, about: $about, choices: &[$($word),+] },)+
            ];

            /// Sets a flag by its words.
            ///
            /// # Errors
            /// An unknown flag or word. Nothing is changed.
            pub fn choose(&mut self, name: &str, word: &str) -> Result<(), FlagRefused> {
                match name {
                    $($name => {
                        self.$field = match word {
                            $($word => $value,)+
                            _ => {
                                let choices = &[$($word),+];
                                let flag = FlagWords { name: $name, about: $about, choices };
                                return Err(FlagRefused::NotAChoice(flag));
                            }
                        };
                        Ok(())
                    })+
                    _ => Err(FlagRefused::Unknown(name.to_owned())),
                }
            }

            /// The word that a flag is set to.
            #[must_use]
            pub fn chosen(&self, name: &str) -> Option<&'static str> {
                match name {
                    $($name => [$(($value, $word)),+].iter()
                        .find(|(value, _)| *value == self.$field)
                        .map(|(_, word)| *word),)+
                    _ => None,
                }
            }
        }
    };
}

flags! {
    address_match: AddressMatch = "address-match", "how Finalize compares addresses" {
        "canonical" => AddressMatch::Canonical,
        "exact" => AddressMatch::Exact,
    }
    unshared_address: UnsharedAddress = "unshared-address",
        "what Finalize does with an address that Amazon did not share" {
        "ignored" => UnsharedAddress::Ignored,
        "refused" => UnsharedAddress::Refused,
    }
    finalize_replay: FinalizeReplay = "finalize-replay", "how Finalize answers on a Completed session" {
        "refuse" => FinalizeReplay::Refuse,
        "same-answer" => FinalizeReplay::SameAnswer,
    }
    check_order: CheckOrder = "check-order", "what Finalize checks first" {
        "state-first" => CheckOrder::StateFirst,
        "attributes-first" => CheckOrder::AttributesFirst,
    }
    response_detail: ResponseDetail = "response-detail",
        "how much of a Completed session Finalize returns, unless the session itself says" {
        "short" => ResponseDetail::Short,
        "full" => ResponseDetail::Full,
    }
    canceled_status: u16 = "canceled-status", "the status of CheckoutSessionCanceled" {
        "422" => 422,
        "400" => 400,
    }
    idempotency_key_length: usize = "idempotency-key-length", "the maximum length of an idempotency key" {
        // The documented length.
        "32" => IdempotencyKey::MAX_LEN,
        // Long enough for a UUID with its dashes.
        "36" => 36,
    }
    honour_key_on_finalize: bool = "honour-key-on-finalize",
        "whether Finalize and Complete look at an idempotency key" {
        // A second request with the key gets the first one's answer.
        "yes" => true,
        // The key's form is checked, and the key has no other effect.
        "no" => false,
    }
    save_refusals: bool = "save-refusals", "whether a refusal is kept for its idempotency key" {
        // Only the answers of calls that changed something are remembered: a corrected request may
        // use the same key.
        "no" => false,
        // The refusals of the rules are remembered, too.
        "yes" => true,
    }
    date_check: DateCheck = "date-check", "by which clock a request's date is judged" {
        "either" => DateCheck::Either,
        "virtual" => DateCheck::Virtual,
        "off" => DateCheck::Off,
    }
    ipn_retries: IpnRetries = "ipn-retries", "how often a notification is sent again" {
        "three-hourly" => IpnRetries::ThreeHourly,
        "fourteen-days" => IpnRetries::FourteenDays,
    }
    spellings: Spellings = "spellings", "which spellings of amounts and booleans are accepted" {
        "every" => Spellings::Every,
        "documented" => Spellings::Documented,
    }
}

impl Settings {
    /// The rules for Finalize under these flags.
    #[must_use]
    pub fn finalize_rules(&self) -> FinalizeRules {
        FinalizeRules {
            address_match: self.flags.address_match,
            unshared_address: self.flags.unshared_address,
            replay: self.flags.finalize_replay,
            check_order: self.flags.check_order,
            profile: self.profile,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_its_default_first_and_takes_each_of_its_words() {
        let defaults = Flags::default();
        for FlagWords { name, choices, .. } in Flags::WORDS {
            assert_eq!(defaults.chosen(name), choices.first().copied(), "{name}");
            for word in *choices {
                let mut flags = defaults;
                flags.choose(name, word).unwrap();
                assert_eq!(flags.chosen(name), Some(*word), "{name}={word}");
                let others = |flag: &&FlagWords| flag.name != *name;
                for other in Flags::WORDS.iter().filter(others) {
                    assert_eq!(flags.chosen(other.name), defaults.chosen(other.name), "{name}={word}");
                }
            }
        }
    }

    #[test]
    fn a_wrong_flag_or_word_is_named_and_changes_nothing() {
        let mut flags = Flags::default();
        let refused = flags.choose("address-match", "fuzzy").unwrap_err();
        assert_eq!(refused.to_string(), "the flag address-match must be one of canonical, exact");
        let refused = flags.choose("adress-match", "exact").unwrap_err();
        let told = refused.to_string();
        assert!(
            told.starts_with(r#"there is no flag "adress-match"; the flags are address-match, "#),
            "{told}"
        );
        assert_eq!(flags, Flags::default());
    }

    #[test]
    fn a_token_is_compared_whole_and_never_printed() {
        let token = ControlToken::new("open sesame").unwrap();
        assert!(token.matches(b"open sesame"));
        for wrong in ["open sesamE", "open sesam", "open sesame ", ""] {
            assert!(!token.matches(wrong.as_bytes()), "{wrong:?}");
        }
        assert_eq!(format!("{token:?}"), "ControlToken(…)");
        assert!(ControlToken::new("").is_none());
    }
}
