//! Users in sentences and commands.

use std::fmt;

/// A user, by number and, where `/etc/passwd` has it, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    uid: u32,
    name: Option<String>,
}

impl User {
    /// Looks the number up in `/etc/passwd`; directory services are not asked, they may take their time.
    pub(crate) fn of(uid: u32) -> Self {
        Self { uid, name: name_in(&super::passwd(), uid) }
    }

    /// Its number.
    pub(crate) fn number(&self) -> u32 {
        self.uid
    }

    /// Whether systemd made the user up for a running service (`DynamicUser=`, systemd.exec(5)): the next start may be
    /// another number, and another service may get this one.
    pub(crate) fn is_dynamic(&self) -> bool {
        (61_184..=65_519).contains(&self.uid)
    }

    /// The word for `chown`. Never a dynamic user: root instead, from whom systemd hands files over.
    pub(crate) fn word(&self) -> String {
        if self.is_dynamic() {
            return "root".to_owned();
        }
        self.name.clone().unwrap_or_else(|| self.uid.to_string())
    }
}

/// `uid 1000 (alice)`.
impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uid {}", self.uid)?;
        self.name.iter().try_for_each(|name| write!(f, " ({name})"))
    }
}

/// Finds a user in the text of passwd(5). Names that a shell would not take as one plain word are left out.
fn name_in(accounts: &str, uid: u32) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    super::entries(accounts)
        .find(|(name, number)| *number == uid && !name.is_empty() && name.chars().all(plain))
        .map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_named_where_they_have_a_name() {
        let accounts =
            "root:x:0:0:root:/root:/bin/sh\nbroken\nal ice:x:7:7::/:\nbob:x:1000:1000::/home/bob:\n";
        let shown = |uid| User { uid, name: name_in(accounts, uid) }.to_string();
        assert_eq!(shown(0), "uid 0 (root)");
        assert_eq!(shown(1000), "uid 1000 (bob)");
        assert_eq!(shown(7), "uid 7");
        assert_eq!(shown(1), "uid 1");
    }

    #[test]
    fn a_dynamic_user_is_never_the_word_for_chown() {
        let word = |uid, name: Option<&str>| User { uid, name: name.map(str::to_owned) }.word();
        for uid in [61_184, 62_497, 65_519] {
            assert_eq!(word(uid, None), "root");
            assert_eq!(word(uid, Some("vault-unseal")), "root");
        }
        assert_eq!(word(61_183, None), "61183");
        assert_eq!(word(65_520, None), "65520");
        assert_eq!(word(1000, Some("bob")), "bob");
    }
}
