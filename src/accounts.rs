//! The accounts of this machine: how they are named, and which of them are trusted. One definition for files, directories,
//! and whoever answers at an address of this machine.

use crate::external::in_words;
use rustix::process::geteuid;
use std::fmt;

/// The accounts that servers run as where nothing is configured: those that Vault's and OpenBao's packages make.
pub const DEFAULT_SERVER_USERS: [&str; 2] = ["vault", "openbao"];

/// Root, the account that this process runs as, and `server_users`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    this_process: u32,
    servers: Vec<ServerUser>,
}

/// An account that servers run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerUser {
    /// By its name in passwd(5). It may not exist yet.
    Name(String),
    /// By its number.
    Number(u32),
}

impl Trusted {
    /// Root, the effective user of this process, and these accounts.
    pub fn with(servers: Vec<ServerUser>) -> Self {
        Self { this_process: geteuid().as_raw(), servers }
    }

    /// Root and the effective user of this process alone: what judges the configuration itself, which says who else
    /// is trusted.
    pub fn without_servers() -> Self {
        Self::with(Vec::new())
    }

    /// As a process of another user would see it.
    #[must_use]
    pub fn seen_by(self, this_process: u32) -> Self {
        Self { this_process, ..self }
    }

    /// The user that this process runs as.
    pub fn this_process(&self) -> u32 {
        self.this_process
    }

    /// Whether the account with this number is trusted. Names are looked up each time they matter: a server may be
    /// installed after the daemon was started.
    pub fn includes(&self, uid: u32) -> bool {
        let by_number = |user: &ServerUser| *user == ServerUser::Number(uid);
        uid == 0
            || uid == self.this_process
            || self.servers.iter().any(by_number)
            || self.names(uid, &passwd())
    }

    fn names(&self, uid: u32, accounts: &str) -> bool {
        let is_named =
            |name| self.servers.iter().any(|user| matches!(user, ServerUser::Name(n) if n == name));
        entries(accounts).any(|(name, number)| number == uid && is_named(name))
    }

    /// The value of `server_users` that has this account in it too: a list of one's own takes the place of the default.
    pub fn server_users_with(&self, account: &User) -> String {
        let mut words: Vec<String> = self.servers.iter().map(ToString::to_string).collect();
        // By its number, a name can be given to another account: the name is what people mean.
        words.push(match account.word() {
            word if word.chars().all(|c| c.is_ascii_digit()) => word,
            word => format!("\"{word}\""),
        });
        format!("[{}]", words.join(", "))
    }

    /// The names among `server_users` that no account of this machine has; those that are there by default do not count.
    pub fn unknown_names(&self) -> Vec<&str> {
        let accounts = passwd();
        let names = self.servers.iter().filter_map(|user| match user {
            ServerUser::Name(name) => Some(name.as_str()),
            ServerUser::Number(_) => None,
        });
        let unknown = |name: &&str| {
            !DEFAULT_SERVER_USERS.contains(name) && !entries(&accounts).any(|(known, _)| known == *name)
        };
        names.filter(unknown).collect()
    }
}

/// As in the configuration: `"vault"` or `997`.
impl fmt::Display for ServerUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "\"{name}\""),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// What holds where nothing is configured.
impl Default for Trusted {
    fn default() -> Self {
        Self::with(DEFAULT_SERVER_USERS.map(|name| ServerUser::Name(name.to_owned())).to_vec())
    }
}

/// `root, uid 1000 (alice), vault or openbao`: for sentences.
impl fmt::Display for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = vec!["root".to_owned()];
        if self.this_process != 0 {
            words.push(User::of(self.this_process).to_string());
        }
        words.extend(self.servers.iter().map(|user| match user {
            ServerUser::Name(name) => name.clone(),
            ServerUser::Number(uid) => User::of(*uid).to_string(),
        }));
        f.write_str(&in_words(&words, "or"))
    }
}

/// The text of passwd(5). Directory services are not asked: they may take their time.
fn passwd() -> String {
    let text = crate::files::text(std::path::Path::new("/etc/passwd"));
    text.map(|text| text.to_string()).unwrap_or_default()
}

/// Name and number of each account in the text of passwd(5).
fn entries(passwd: &str) -> impl Iterator<Item = (&str, u32)> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((name, fields.nth(1)?.parse().ok()?))
    })
}

/// A user, by number and, where `/etc/passwd` has it, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    uid: u32,
    name: Option<String>,
}

impl User {
    /// Looks the number up in `/etc/passwd`; directory services are not asked, they may take their time.
    pub(crate) fn of(uid: u32) -> Self {
        Self { uid, name: name_in(&passwd(), uid) }
    }

    /// Its number.
    pub(crate) fn number(&self) -> u32 {
        self.uid
    }

    /// Whether systemd made the user up for a running service (`DynamicUser=`, systemd.exec(5)): the next start may be
    /// another number, and another service may get this one.
    pub(crate) fn is_dynamic(&self) -> bool {
        Self::is_dynamic_uid(self.uid)
    }

    /// The same of a number.
    pub(crate) fn is_dynamic_uid(uid: u32) -> bool {
        (61_184..=65_519).contains(&uid)
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
    entries(accounts)
        .find(|(name, number)| *number == uid && !name.is_empty() && name.chars().all(plain))
        .map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_this_process_and_server_users_are_trusted_and_nobody_else() {
        let accounts = "root:x:0:0::/:\nvault:x:998:998::/:\nbroken\nmallory:x:1001:1001::/home:\n";
        let trusted = Trusted::default().seen_by(1000);
        assert!(trusted.includes(0) && trusted.includes(1000));
        assert!(trusted.names(998, accounts));
        assert!(!trusted.names(1001, accounts) && !trusted.includes(4_000_000));
        assert!(!Trusted::without_servers().names(998, accounts));
        assert!(Trusted::with(vec![ServerUser::Number(4_000_000)]).includes(4_000_000));
    }

    #[test]
    fn the_trusted_are_named_in_sentences() {
        assert_eq!(Trusted::default().seen_by(0).to_string(), "root, vault or openbao");
        assert_eq!(Trusted::without_servers().seen_by(0).to_string(), "root");
        let trusted = Trusted::with(vec![ServerUser::Number(4_000_000)]).seen_by(4_000_001);
        assert_eq!(trusted.to_string(), "root, uid 4000001 or uid 4000000");
    }

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

    #[test]
    fn names_that_no_account_has_are_told_but_for_those_of_the_default() {
        let users = ["root", "vault", "nobody-has-this-name"].map(|name| ServerUser::Name(name.to_owned()));
        let trusted = Trusted::with(users.into_iter().chain([ServerUser::Number(64_999)]).collect());
        assert_eq!(trusted.unknown_names(), ["nobody-has-this-name"]);
    }

    #[test]
    fn account_is_added_by_its_name_where_it_has_one() {
        let trusted = Trusted::with(vec![ServerUser::Name("vault".to_owned()), ServerUser::Number(997)]);
        let with = |name: Option<&str>| {
            trusted.server_users_with(&User { uid: 1000, name: name.map(str::to_owned) })
        };
        assert_eq!(with(Some("pi")), r#"["vault", 997, "pi"]"#);
        assert_eq!(with(None), r#"["vault", 997, 1000]"#);
    }
}
