//! Who may call the API below `/v1`, and what each caller may do: tokens with names and roles. The binary reads
//! their files; the table of routes says which privilege a route needs.

use std::fmt;
use std::sync::Arc;

use crate::secret::Secret;
use crate::secret_lines::{self, SecretLinesRefused};

/// The fewest characters of a token in a file with several tokens.
pub const MIN_TOKEN_LEN: usize = 16;
/// The most characters of a name.
pub const MAX_NAME_LEN: usize = 64;
/// At most this many tokens in one file.
const MAX_TOKENS: usize = 64;

/// The name of the token in `shop.token_file`.
const SHOP: &str = "shop";

/// What the holder of a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The shop's server: everything but decisions.
    Shop,
    /// A warehouse: reads, and records parcels.
    Warehouse,
    /// Only reads.
    Read,
    /// A person who decides what no machine can, and reads.
    Operator,
}

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privilege {
    /// To read.
    Read,
    /// To record that a parcel leaves.
    Ship,
    /// To register, complete, charge, refund, cancel and erase.
    Trade,
    /// To decide as a person.
    Decide,
}

impl Role {
    /// The role's word in `shop.tokens_file`; `None` for a word that is not a role of the shop's.
    fn of_shop(word: &str) -> Option<Self> {
        match word {
            "shop" => Some(Self::Shop),
            "warehouse" => Some(Self::Warehouse),
            "read" => Some(Self::Read),
            _ => None,
        }
    }

    /// Whether it has a privilege.
    pub(crate) const fn may(self, privilege: Privilege) -> bool {
        match (self, privilege) {
            (_, Privilege::Read)
            | (Self::Shop, Privilege::Ship | Privilege::Trade)
            | (Self::Warehouse, Privilege::Ship)
            | (Self::Operator, Privilege::Decide) => true,
            (Self::Shop, Privilege::Decide)
            | (Self::Warehouse, Privilege::Trade | Privilege::Decide)
            | (Self::Read, Privilege::Ship | Privilege::Trade | Privilege::Decide)
            | (Self::Operator, Privilege::Ship | Privilege::Trade) => false,
        }
    }
}

/// A token, who holds it, and what it may do.
#[derive(Debug, Clone)]
pub struct Credential {
    name: Arc<str>,
    role: Role,
    token: Secret,
}

impl Credential {
    /// The holder's name, as decisions and the log have it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the holder is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }
}

/// The tokens that open the API. No two have the same name or the same token.
#[derive(Clone, Default)]
pub struct Credentials(Vec<Credential>);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|it| (&it.name, it.role))).finish()
    }
}

impl Credentials {
    /// The one token of `shop.token_file`, with the name `shop` and that role.
    #[must_use]
    pub fn of_shop(token: &str) -> Self {
        Self(vec![Credential { name: SHOP.into(), role: Role::Shop, token: Secret::new(token) }])
    }

    /// Adds the tokens of `shop.tokens_file`: `NAME ROLE TOKEN` on each line.
    ///
    /// # Errors
    /// A line that is not valid, or whose name or token there is already.
    pub fn and_shop_tokens(self, text: &str) -> Result<Self, SecretLinesRefused> {
        self.and(text, |line| {
            let [name, role, token] = words(line).ok_or("not a name, a role and a token")?;
            let role = Role::of_shop(role).ok_or("without one of the roles shop, warehouse and read")?;
            Ok((name, role, token))
        })
    }

    /// Adds the tokens of `operator.tokens_file`: `NAME TOKEN` on each line.
    ///
    /// # Errors
    /// A line that is not valid, or whose name or token there is already.
    pub fn and_operator_tokens(self, text: &str) -> Result<Self, SecretLinesRefused> {
        self.and(text, |line| {
            let [name, token] = words(line).ok_or("not a name and a token")?;
            Ok((name, Role::Operator, token))
        })
    }

    fn and(
        self,
        text: &str,
        parts: impl Fn(&str) -> Result<(&str, Role, &str), &'static str>,
    ) -> Result<Self, SecretLinesRefused> {
        let Self(mut all) = self;
        let added = secret_lines::read(text, "token", MAX_TOKENS, |line, before: &[Credential]| {
            let (name, role, token) = parts(line)?;
            check_name(name)?;
            check_token(token)?;
            let mut others = all.iter().chain(before);
            if let Some(other) = others.find(|it| *it.name == *name || it.token.expose() == token) {
                let what = if *other.name == *name { "name" } else { "token" };
                return Err(format!("a second line for the {what} of {}", other.name));
            }
            Ok(Credential { name: name.into(), role, token: Secret::new(token) })
        })?;
        all.extend(added);
        Ok(Self(all))
    }

    /// Who holds a token. Every token is compared, each in constant time.
    pub(crate) fn holder(&self, token: &[u8]) -> Option<&Credential> {
        let mut holder = None;
        for credential in &self.0 {
            let expected = credential.token.expose().as_bytes();
            let is_it = aws_lc_rs::constant_time::verify_slices_are_equal(token, expected).is_ok();
            // An empty token would let everybody in.
            if is_it && !token.is_empty() {
                holder = Some(credential);
            }
        }
        holder
    }
}

/// The words of a line, if there are exactly `N`.
fn words<const N: usize>(line: &str) -> Option<[&str; N]> {
    line.split_ascii_whitespace().collect::<Vec<_>>().try_into().ok()
}

fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    if name.len() > MAX_NAME_LEN {
        return Err(format!("a name of more than {MAX_NAME_LEN} characters"));
    }
    if !name.bytes().all(is_plain) {
        return Err("a name with other characters than letters, digits, and . _ @ -".to_owned());
    }
    Ok(())
}

fn check_token(token: &str) -> Result<(), String> {
    if token.len() < MIN_TOKEN_LEN {
        return Err(format!("a token of fewer than {MIN_TOKEN_LEN} characters"));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a token with other than visible ASCII characters".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "alice-0123456789abcdef";

    fn refused(credentials: Result<Credentials, SecretLinesRefused>) -> String {
        credentials.unwrap_err().to_string()
    }

    // Promise: D21
    #[test]
    fn each_line_is_a_name_a_role_and_a_token() {
        let credentials = Credentials::of_shop("word")
            .and_shop_tokens("# the warehouse in Leipzig\nleipzig warehouse w-0123456789abcdef\nreports read r-0123456789abcdef\n")
            .unwrap()
            .and_operator_tokens(&format!("\n  alice   {ALICE}  \nbob@shop.example b-0123456789abcdef"))
            .unwrap();
        for (token, expected) in [
            ("word", Some(("shop", Role::Shop))),
            ("w-0123456789abcdef", Some(("leipzig", Role::Warehouse))),
            ("r-0123456789abcdef", Some(("reports", Role::Read))),
            (ALICE, Some(("alice", Role::Operator))),
            ("b-0123456789abcdef", Some(("bob@shop.example", Role::Operator))),
            ("", None),
            ("wor", None),
            ("words", None),
            ("alice", None),
        ] {
            let holder = credentials.holder(token.as_bytes()).map(|it| (it.name(), it.role()));
            assert_eq!(holder, expected, "{token}");
        }
        assert!(Credentials::default().holder(b"").is_none());
        let shown = format!("{credentials:?}");
        assert!(shown.contains("alice") && !shown.contains("0123456789"), "{shown}");
    }

    #[test]
    fn a_line_that_is_not_valid_is_named_without_its_token() {
        let operators = |text: &str| {
            refused(Credentials::of_shop("a-shop-token-of-28-characters").and_operator_tokens(text))
        };
        for (text, told) in [
            ("", "it has no token"),
            ("# nobody yet\n", "it has no token"),
            ("alice", "line 1 is not a name and a token"),
            ("\nalice operator a-0123456789abcdef", "line 2 is not a name and a token"),
            ("alice a-0123456789abc", "line 1 is a token of fewer than 16 characters"),
            ("alice a-0123456789abcdé", "line 1 is a token with other than visible ASCII characters"),
            (
                "al/ice a-0123456789abcdef",
                "line 1 is a name with other characters than letters, digits, and . _ @ -",
            ),
            (
                "alice a-0123456789abcdef\nalice b-0123456789abcdef",
                "line 2 is a second line for the name of alice",
            ),
            (
                "alice a-0123456789abcdef\nbob a-0123456789abcdef",
                "line 2 is a second line for the token of alice",
            ),
            ("shop a-0123456789abcdef", "line 1 is a second line for the name of shop"),
            ("alice a-shop-token-of-28-characters", "line 1 is a second line for the token of shop"),
        ] {
            assert_eq!(operators(text), told, "{text}");
        }
        assert_eq!(
            operators(&format!("{} a-0123456789abcdef", "n".repeat(65))),
            "line 1 is a name of more than 64 characters"
        );
        let many: String = (0..65).map(|n| format!("n{n} token-0123456789-{n}\n")).collect();
        assert_eq!(operators(&many), "it has more than 64 tokens");
        let shop = |text: &str| refused(Credentials::of_shop("word").and_shop_tokens(text));
        assert_eq!(shop("leipzig w-0123456789abcdef"), "line 1 is not a name, a role and a token");
        let role = "line 1 is without one of the roles shop, warehouse and read";
        assert_eq!(shop("alice operator w-0123456789abcdef"), role);
        assert_eq!(shop("alice Shop w-0123456789abcdef"), role);
    }

    #[test]
    fn a_name_may_not_be_used_in_both_files() {
        let credentials =
            Credentials::of_shop("word").and_shop_tokens("alice read r-0123456789abcdef").unwrap();
        let told = refused(credentials.and_operator_tokens(&format!("alice {ALICE}")));
        assert_eq!(told, "line 1 is a second line for the name of alice");
    }

    // Promise: D21
    #[test]
    fn each_role_has_its_privileges_and_no_other() {
        use Privilege::{Decide, Read, Ship, Trade};
        for (role, privileges) in [
            (Role::Shop, vec![Read, Ship, Trade]),
            (Role::Warehouse, vec![Read, Ship]),
            (Role::Read, vec![Read]),
            (Role::Operator, vec![Read, Decide]),
        ] {
            for privilege in [Read, Ship, Trade, Decide] {
                assert_eq!(role.may(privilege), privileges.contains(&privilege), "{role:?} {privilege:?}");
            }
        }
    }
}
