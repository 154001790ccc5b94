//! The declaration of stored forms.

/// Declares the stored forms of types, and which of them are documents of their own.
///
/// It begins with `by HALF;`, the marker type of the half that stores them. Then, in any order, come:
///
/// - `document T as "collection", format N;` gives the module `COLLECTION` and `FORMAT`; `encode`, which
///   returns the format and the bytes; and `decode`, which refuses every other format. `, upcast F` before
///   the semicolon reads earlier formats too: `F` is a function of a format and its bytes that returns the
///   bytes of the present format, or `None` for a format that it does not know.
/// - `message T as "topic";` gives it `TOPIC`, and an `encode` and a `decode` without a format.
/// - `struct T { field, … }`, an object. `field as "name"` is stored under a name other than its own, and
///   `field or default` is left out if it has the default value. Every field must be named: a field that is
///   added to the type does not compile until it is added here. `; check CLOSURE => "predicate"` at the end
///   refuses combinations of fields that are not valid.
/// - `struct T(field);`, which is stored as its field; `check` may come before the semicolon.
/// - `enum T { Variant, Variant { field, … }, Variant(data), Variant(one, other) }`: its name, or an object
///   of its name and its data. A single element is itself the data; several form an object, like fields.
/// - `text T: to_text, parse;`, a string: a method of the value, and a function from `&str` to an `Option` or
///   a `Result`.
///
/// ```
/// # use countersign_domain::ids::ChargeId;
/// # use countersign_domain::money::{Currency, Money};
/// # use charge::{Charge, State};
/// mod charge {
///     # use countersign_domain::ids::ChargeId;
///     # use countersign_domain::money::Money;
///     struct Shop;
///
///     #[derive(Debug, PartialEq)]
///     pub struct Charge {
///         pub id: ChargeId,
///         pub is_marked: bool,
///         pub state: State,
///     }
///
///     #[derive(Debug, PartialEq)]
///     pub enum State {
///         Open,
///         Captured(Money),
///         Canceled { reason: Option<String> },
///     }
///
///     countersign_document::stored! {
///         by Shop;
///
///         document Charge as "charge", format 2;
///
///         struct Charge { id, is_marked as "marked" or default, state }
///
///         enum State { Open, Captured(amount), Canceled { reason } }
///     }
/// }
///
/// let id = ChargeId::parse("S01-1-C1").unwrap();
/// let state = State::Captured(Money::from_minor(1_400, Currency::USD));
/// let value = Charge { id, is_marked: false, state };
/// let (format, bytes) = charge::encode(&value);
/// assert_eq!(&bytes[..], br#"{"id":"S01-1-C1","state":{"Captured":[1400,"USD"]}}"#);
/// assert_eq!(charge::decode(format, &bytes), Ok(value));
///
/// let refused = charge::decode(2, br#"{"id":"S01-1-C1","state":{"Captured":[1400,"usd"]}}"#).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "a stored charge cannot be read: its state.Captured[1] is not valid (byte 48)"
/// );
/// ```
#[macro_export]
macro_rules! stored {
    (by any; $($items:tt)+) => {
        $crate::stored! { @items [By] By, $($items)+ }
    };
    (by $by:ident; $($items:tt)+) => {
        $crate::stored! { @items [] $by, $($items)+ }
    };

    (@items $generics:tt $by:ident,) => {};

    (
        @items $generics:tt $by:ident,
        document $type:ty as $collection:literal, format $format:literal $(, upcast $upcast:path)?;
        $($rest:tt)*
    ) => {
        pub(crate) const COLLECTION: &str = $collection;
        const FORMAT: u16 = $format;

        /// The document's format and bytes.
        pub(crate) fn encode(document: &$type) -> (u16, $crate::Bytes) {
            (FORMAT, $crate::encode::<$by, $type>(document))
        }

        /// Reads a document.
        pub(crate) fn decode(format: u16, bytes: &[u8]) -> Result<$type, $crate::UnreadableDocument> {
            $(
                if format < FORMAT
                    && let Some(bytes) = $upcast(format, bytes)
                {
                    return $crate::decode::<$by, $type>(COLLECTION, &bytes);
                }
            )?
            $crate::check_format(COLLECTION, format, FORMAT)?;
            $crate::decode::<$by, $type>(COLLECTION, bytes)
        }

        $crate::stored! { @items $generics $by, $($rest)* }
    };

    (@items $generics:tt $by:ident, message $type:ty as $topic:literal; $($rest:tt)*) => {
        pub(crate) const TOPIC: &str = $topic;

        /// The message's bytes, which contain no format number.
        pub(crate) fn encode(message: &$type) -> $crate::Bytes {
            $crate::encode::<$by, $type>(message)
        }

        /// Reads a message.
        pub(crate) fn decode(bytes: &[u8]) -> Result<$type, $crate::UnreadableDocument> {
            $crate::decode::<$by, $type>(TOPIC, bytes)
        }

        $crate::stored! { @items $generics $by, $($rest)* }
    };

    (@items [$($generic:tt)*] $by:ident, text $type:ty: $to_text:ident, $parse:expr; $($rest:tt)*) => {
        impl<$($generic)*> $crate::Stored<$by> for $type {
            fn write(&self, writer: &mut $crate::Writer) {
                writer.text(::core::convert::AsRef::<str>::as_ref(&self.$to_text()));
            }

            fn read(reader: &mut $crate::Reader<'_>) -> Result<Self, $crate::IllegibleValue> {
                reader.parsed($parse)
            }
        }

        $crate::stored! { @items [$($generic)*] $by, $($rest)* }
    };

    (@items [$($generic:tt)*] $by:ident, struct $name:ident($field:ident) $(check $check:expr => $why:literal)?; $($rest:tt)*) => {
        impl<$($generic)*> $crate::Stored<$by> for $name {
            fn write(&self, writer: &mut $crate::Writer) {
                let Self($field) = self;
                $crate::Stored::<$by>::write($field, writer);
            }

            fn read(reader: &mut $crate::Reader<'_>) -> Result<Self, $crate::IllegibleValue> {
                let value = Self($crate::Stored::<$by>::read(reader)?);
                $( reader.check(&value, $why, $check)?; )?
                Ok(value)
            }
        }

        $crate::stored! { @items [$($generic)*] $by, $($rest)* }
    };

    (
        @items [$($generic:tt)*] $by:ident,
        struct $name:ident $(<$life:lifetime>)? {
            $( $field:ident $(as $stored:literal)? $(or $default:ident)? ),+ $(,)?
            $(; check $check:expr => $why:literal)?
        }
        $($rest:tt)*
    ) => {
        impl<$($life,)? $($generic)*> $crate::Stored<$by> for $name $(<$life>)? {
            fn write(&self, writer: &mut $crate::Writer) {
                let Self { $($field),+ } = self;
                $crate::stored!(@write $by, writer, { $( $field $(as $stored)? $(or $default)? ),+ });
            }

            fn read(reader: &mut $crate::Reader<'_>) -> Result<Self, $crate::IllegibleValue> {
                $crate::stored!(@fields $by, reader, $( $field $(as $stored)? ),+);
                let value = Self {
                    $( $field: $crate::stored!(@present $by, reader, $field $(as $stored)? $(or $default)?) ),+
                };
                $( reader.check(&value, $why, $check)?; )?
                Ok(value)
            }
        }

        $crate::stored! { @items [$($generic)*] $by, $($rest)* }
    };

    (
        @items [$($generic:tt)*] $by:ident,
        enum $name:ident {
            $(
                $variant:ident
                $({ $( $field:ident $(as $stored:literal)? $(or $default:ident)? ),+ $(,)? })?
                $(( $( $element:ident ),+ ))?
            ),+ $(,)?
        }
        $($rest:tt)*
    ) => {
        impl<$($generic)*> $crate::Stored<$by> for $name {
            fn write(&self, writer: &mut $crate::Writer) {
                match self {
                    $(
                        Self::$variant $({ $($field),+ })? $(( $($element),+ ))? => $crate::stored!(
                            @variant $by, writer, $variant,
                            $({ $( $field $(as $stored)? $(or $default)? ),+ })? $(( $($element),+ ))?
                        ),
                    )+
                }
            }

            fn read(reader: &mut $crate::Reader<'_>) -> Result<Self, $crate::IllegibleValue> {
                reader.variant(|reader, name, has_data| match (name, has_data) {
                    $(
                        $crate::stored!(
                            @tag $variant $({ $($field),+ })? $(( $($element),+ ))?
                        ) => $crate::stored!(
                            @read $by, reader, $variant,
                            $({ $( $field $(as $stored)? $(or $default)? ),+ })? $(( $($element),+ ))?
                        ),
                    )+
                    _ => {
                        let _ = reader;
                        Ok(None)
                    }
                })
            }
        }

        $crate::stored! { @items [$($generic)*] $by, $($rest)* }
    };

    // How a variant or an object is written.
    (@variant $by:ident, $writer:ident, $variant:ident,) => { $writer.text(stringify!($variant)) };
    (@variant $by:ident, $writer:ident, $variant:ident, $($data:tt)+) => {
        $writer.object(|writer| {
            writer.name(stringify!($variant));
            $crate::stored!(@write $by, writer, $($data)+);
        })
    };
    (@write $by:ident, $writer:ident, ($element:ident)) => {
        $crate::Stored::<$by>::write($element, $writer)
    };
    (@write $by:ident, $writer:ident, ($($element:ident),+)) => {
        $crate::stored!(@write $by, $writer, { $($element),+ })
    };
    (@write $by:ident, $writer:ident, { $( $field:ident $(as $stored:literal)? $(or $default:ident)? ),+ }) => {
        $writer.object(|writer| {
            $( $crate::stored!(@member $by, writer, $field $(as $stored)? $(or $default)?); )+
        })
    };
    (@member $by:ident, $writer:ident, $field:ident $(as $stored:literal)?) => {
        $crate::write_member::<$by, _>($writer, $crate::stored!(@name $field $(as $stored)?), $field)
    };
    (@member $by:ident, $writer:ident, $field:ident $(as $stored:literal)? or default) => {
        $crate::write_unless_default::<$by, _>($writer, $crate::stored!(@name $field $(as $stored)?), $field)
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident as $stored:literal) => { $stored };

    // How a variant or an object is read: every member into a variable of its field's name, then the value.
    (@tag $variant:ident) => { (stringify!($variant), false) };
    (@tag $variant:ident $data:tt) => { (stringify!($variant), true) };
    (@read $by:ident, $reader:ident, $variant:ident,) => { Ok(Some(Self::$variant)) };
    (@read $by:ident, $reader:ident, $variant:ident, ($element:ident)) => {
        $crate::Stored::<$by>::read($reader).map(|element| Some(Self::$variant(element)))
    };
    (@read $by:ident, $reader:ident, $variant:ident, ($($element:ident),+)) => {{
        $crate::stored!(@fields $by, $reader, $($element),+);
        Ok(Some(Self::$variant($( $crate::stored!(@present $by, $reader, $element) ),+)))
    }};
    (@read $by:ident, $reader:ident, $variant:ident, { $( $field:ident $(as $stored:literal)? $(or $default:ident)? ),+ }) => {{
        $crate::stored!(@fields $by, $reader, $( $field $(as $stored)? ),+);
        Ok(Some(Self::$variant {
            $( $field: $crate::stored!(@present $by, $reader, $field $(as $stored)? $(or $default)?) ),+
        }))
    }};
    (@fields $by:ident, $reader:ident, $( $field:ident $(as $stored:literal)? ),+) => {
        $( let mut $field = None; )+
        $reader.object(|reader, name| match name {
            $(
                $crate::stored!(@name $field $(as $stored)?) => {
                    $crate::read_member::<$by, _>(reader, $crate::stored!(@name $field $(as $stored)?), &mut $field)
                }
            )+
            _ => Err(reader.unknown(name)),
        })?;
    };
    (@present $by:ident, $reader:ident, $field:ident $(as $stored:literal)?) => {
        $crate::present::<$by, _>($reader, $crate::stored!(@name $field $(as $stored)?), $field)?
    };
    (@present $by:ident, $reader:ident, $field:ident $(as $stored:literal)? or default) => {
        $field.unwrap_or_default()
    };
}
