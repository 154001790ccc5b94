//! Enumerations that print as one text for each value: refusals and mistakes. Each value is declared together
//! with its text.

/// Declares an enumeration with the text of each value; it is an error whose `Display` is that text. A text
/// may use the value's members; arguments for it follow after commas.
///
/// ```
/// countersign_domain::with_texts! {
///     /// Why nothing is sent.
///     #[derive(Debug, PartialEq)]
///     Refused {
///         /// Nothing was asked for.
///         Empty = "there is nothing to send";
///         /// More than fits.
///         TooLong {
///             /// In bytes.
///             len: usize,
///         } = "it has {len} bytes instead of {}", 1 << 10;
///         /// What was asked for is not a number.
///         NotANumber(why: core::num::ParseIntError) = "it is not a number: {why}";
///     }
/// }
///
/// assert_eq!(Refused::TooLong { len: 1_025 }.to_string(), "it has 1025 bytes instead of 1024");
/// ```
#[macro_export]
macro_rules! with_texts {
    ($(#[$meta:meta])+ $name:ident { $(
        $(#[$doc:meta])+
        $variant:ident
        $({ $($(#[$member_doc:meta])+ $member:ident: $type:ty,)+ })?
        $(( $($element:ident: $element_type:ty),+ ))?
        = $text:literal $(, $argument:expr)*;
    )+ }) => {
        $(#[$meta])+
        pub enum $name {
            $(
                $(#[$doc])+
                $variant $({ $($(#[$member_doc])+ $member: $type,)+ })? $(( $($element_type),+ ))?,
            )+
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self {
                    $(
                        Self::$variant $({ $($member),+ })? $(( $($element),+ ))? => {
                            write!(f, $text $(, $argument)*)
                        }
                    )+
                }
            }
        }

        impl ::core::error::Error for $name {}
    };
}
