//! Which of the two algorithms signed an envelope.

/// The two signatures, both RSASSA-PKCS1-v1_5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureVersion {
    /// `1`: over SHA-1.
    V1,
    /// `2`: over SHA-256.
    V2,
}

impl SignatureVersion {
    /// Both, the older first.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "1",
            Self::V2 => "2",
        }
    }
}
