//! The two signature algorithms. They differ only in name and salt length.

use core::fmt;

use aws_lc_rs::rsa::{RsaParameters, RsaPssSaltLength};
use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, RsaSignatureEncoding};

/// RSASSA-PSS with SHA-256, under one of the API's two names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `AMZN-PAY-RSASSA-PSS`, with a salt of 20 bytes: the algorithm of a button signature that names none.
    Pss,
    /// `AMZN-PAY-RSASSA-PSS-V2`, with a salt of 32 bytes.
    PssV2,
}

impl Algorithm {
    /// Both, the older first.
    pub const ALL: [Self; 2] = [Self::Pss, Self::PssV2];

    /// The name as it is in the `authorization` header and in the string to sign.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pss => "AMZN-PAY-RSASSA-PSS",
            Self::PssV2 => "AMZN-PAY-RSASSA-PSS-V2",
        }
    }

    /// Reads a name, in exactly the API's spelling.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The salt's length in bytes. A verifier accepts no other length.
    #[must_use]
    pub const fn salt_len(self) -> u16 {
        match self {
            Self::Pss => 20,
            Self::PssV2 => 32,
        }
    }

    /// The other of the two.
    #[must_use]
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Pss => Self::PssV2,
            Self::PssV2 => Self::Pss,
        }
    }

    pub(super) const fn signing(self) -> &'static RsaSignatureEncoding {
        const PSS: RsaSignatureEncoding = RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(20));
        const PSS_V2: RsaSignatureEncoding =
            RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(32));
        match self {
            Self::Pss => &PSS,
            Self::PssV2 => &PSS_V2,
        }
    }

    pub(super) const fn verifying(self) -> &'static RsaParameters {
        const PSS: RsaParameters =
            RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(20));
        const PSS_V2: RsaParameters =
            RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(32));
        match self {
            Self::Pss => &PSS,
            Self::PssV2 => &PSS_V2,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
