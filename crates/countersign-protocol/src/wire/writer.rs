//! Writing JSON: straight into one buffer.

/// How an absent member is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbsentMember {
    /// As `null`, as in Amazon's answers.
    Null,
    /// Not at all, as in clients' requests.
    Omitted,
}

/// A buffer for JSON.
#[derive(Debug)]
pub struct Writer {
    out: String,
    absent: AbsentMember,
}

/// The buffer's first size, in bytes: room for the answer to Finalize, a Checkout Session whose
/// members are mostly `null`.
const USUAL_LEN: usize = 1_024;

impl Writer {
    /// An empty buffer.
    #[must_use]
    pub fn new(absent: AbsentMember) -> Self {
        Self { out: String::with_capacity(USUAL_LEN), absent }
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }

    /// How absent members are written.
    #[must_use]
    pub fn absent(&self) -> AbsentMember {
        self.absent
    }

    /// Writes finished JSON.
    pub fn raw(&mut self, json: &str) {
        self.out.push_str(json);
    }

    /// Writes a string, escaped where JSON requires it.
    pub fn text(&mut self, text: &str) {
        self.out.push('"');
        let mut plain_from = 0;
        for (position, byte) in text.bytes().enumerate() {
            if !matches!(byte, b'"' | b'\\' | 0..=0x1f) {
                continue;
            }
            self.out.push_str(text.get(plain_from..position).unwrap_or_default());
            plain_from = position.saturating_add(1);
            match byte {
                b'"' => self.out.push_str("\\\""),
                b'\\' => self.out.push_str("\\\\"),
                b'\n' => self.out.push_str("\\n"),
                b'\r' => self.out.push_str("\\r"),
                b'\t' => self.out.push_str("\\t"),
                control => {
                    self.out.push_str("\\u00");
                    for nibble in [control >> 4, control & 0x0f] {
                        self.out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
                    }
                }
            }
        }
        self.out.push_str(text.get(plain_from..).unwrap_or_default());
        self.out.push('"');
    }
}
