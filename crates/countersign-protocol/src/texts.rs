//! Enumerations that print as a text for each of their values: refusals and mistakes. Value and text stand together.

/// Declares an enumeration with the text of each value. A text may name the value's members; arguments for it follow
/// behind commas.
macro_rules! with_texts {
    ($(#[$meta:meta])+ $name:ident { $(
        $(#[$doc:meta])+
        $variant:ident $({ $($(#[$member_doc:meta])+ $member:ident: $type:ty,)+ })? = $text:literal $(, $argument:expr)*;
    )+ }) => {
        $(#[$meta])+
        pub enum $name {
            $($(#[$doc])+ $variant $({ $($(#[$member_doc])+ $member: $type,)+ })?,)+
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self {
                    $(Self::$variant $({ $($member),+ })? => write!(f, $text $(, $argument)*),)+
                }
            }
        }
    };
}
pub(crate) use with_texts;
