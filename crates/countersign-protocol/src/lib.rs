//! Amazon Pay on the wire: types, request signing and verifying, button signatures.
