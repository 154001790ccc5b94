//! The outcomes that Amazon's sandbox can be asked for.

use core::fmt;

use http::HeaderValue;

/// What Amazon's sandbox should simulate: the value of `x-amz-pay-simulation-code`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulationCode(HeaderValue);

/// The text is not a simulation code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotASimulationCode;

impl fmt::Display for NotASimulationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not a simulation code such as HardDeclined: 1 to 64 letters and digits")
    }
}

impl core::error::Error for NotASimulationCode {}

impl SimulationCode {
    /// The header's value.
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Reads a code. Amazon decides which codes a call knows.
    ///
    /// # Errors
    /// [`NotASimulationCode`] for anything but 1 to 64 letters and digits.
    pub fn parse(code: &str) -> Result<Self, NotASimulationCode> {
        let is_code = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match HeaderValue::from_str(code) {
            Ok(code) if is_code => Ok(Self(code)),
            _ => Err(NotASimulationCode),
        }
    }
}
