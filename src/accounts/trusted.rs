//! Who is trusted: the one definition for files, directories, and whoever answers at an address of this machine.

use super::{entries, passwd};
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
    pub fn server_users_with(&self, account: &super::User) -> String {
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
            words.push(super::User::of(self.this_process).to_string());
        }
        words.extend(self.servers.iter().map(|user| match user {
            ServerUser::Name(name) => name.clone(),
            ServerUser::Number(uid) => super::User::of(*uid).to_string(),
        }));
        let (last, rest) = words.split_last().map_or(("", &[][..]), |(last, rest)| (last.as_str(), rest));
        if rest.is_empty() { f.write_str(last) } else { write!(f, "{} or {last}", rest.join(", ")) }
    }
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
}
