//! The rules that Amazon enforces: Checkout Session, Finalize, Charge Permission, Charge.
