//! The rules by which a shop acts on Amazon's answers.
