//! Which server, and which version of it, this run of the tests is about: `SERVER=vault-1.12 cargo test`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::support::tally::{note, this_test};

/// A server in a version. The names are those of `SERVER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// `openbao-2.6`: the last that has `file` storage.
    OpenBao26,
    /// `openbao-2.7`: when nothing else is said.
    OpenBao27,
    /// `vault-1.12`.
    Vault112,
    /// `vault-1.14`: as it can be built, good for one server and not for a cluster.
    Vault114,
}

use Flavour::{OpenBao26, OpenBao27, Vault112, Vault114};

/// What not all of them can do. A test that takes one asks [`cannot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// A second raft node can join.
    Cluster,
    /// `sys/seal` seals a standby, that standby alone.
    SealOfStandby,
    /// `listener "unix"`.
    UnixListener,
    /// Mounts, policies and raw storage can be read and written.
    Administration,
    /// `disable_unauthed_*` of a listener.
    UnauthedOptions,
    /// Unseals itself with a key from a file.
    StaticSeal,
}

impl Flavour {
    /// The one of this run.
    pub fn of_this_run() -> Self {
        static FLAVOUR: OnceLock<Flavour> = OnceLock::new();
        *FLAVOUR.get_or_init(|| {
            let name = std::env::var("SERVER").unwrap_or_default();
            if name.is_empty() {
                return OpenBao27;
            }
            let all = [OpenBao26, OpenBao27, Vault112, Vault114];
            let names = all.map(Self::name).join(", ");
            all.into_iter()
                .find(|flavour| flavour.name() == name)
                .unwrap_or_else(|| panic!("SERVER={name} is none of {names}"))
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            OpenBao26 => "openbao-2.6",
            OpenBao27 => "openbao-2.7",
            Vault112 => "vault-1.12",
            Vault114 => "vault-1.14",
        }
    }

    pub fn is_vault(self) -> bool {
        matches!(self, Vault112 | Vault114)
    }

    /// Its binary, fetched or built once into the cache.
    pub fn program(self) -> &'static Path {
        static PROGRAMS: [OnceLock<PathBuf>; 4] = [const { OnceLock::new() }; 4];
        PROGRAMS[self as usize].get_or_init(|| match self {
            OpenBao26 => fetched("fetch-openbao", &["--file"]),
            OpenBao27 => fetched("fetch-openbao", &[]),
            Vault112 => fetched("fetch-vault", &[]),
            Vault114 => fetched("fetch-vault", &["1.14.1"]),
        })
    }

    /// Its own binary if that has `file` storage, else an older one's.
    pub(super) fn program_with_files(self) -> &'static Path {
        if self == OpenBao27 { OpenBao26.program() } else { self.program() }
    }

    /// Why it cannot do this.
    pub fn lacks(self, ability: Ability) -> Option<&'static str> {
        match ability {
            Ability::Cluster if self == Vault114 => Some("no node can join it as it is built"),
            Ability::UnixListener if self == Vault112 => Some("Vault 1.12 has no unix listener"),
            Ability::Administration if self == Vault114 => {
                Some("its sys/mounts and sys/raw crash as it is built")
            }
            Ability::SealOfStandby if self.is_vault() => Some("Vault does not seal a standby"),
            Ability::UnauthedOptions if self.is_vault() => Some("Vault has no disable_unauthed_* options"),
            Ability::StaticSeal if self.is_vault() => Some("Vault has no static seal"),
            _ => None,
        }
    }

    /// What it answers to a complete round of wrong shares.
    pub fn status_of_wrong_shares(self) -> u16 {
        if self == Vault112 { 500 } else { 400 }
    }

    /// What it calls the seal of [`super::Builder::unseals_itself`]: Vault tells the type of the recovery shares.
    pub fn foreign_seal(self) -> &'static str {
        if self.is_vault() { "shamir" } else { "static" }
    }

    /// The commands of `operator` that give new shares.
    pub fn rekey_verbs(self) -> &'static [&'static str] {
        if self.is_vault() { &["rekey"] } else { &["rotate-keys", "rekey"] }
    }
}

fn fetched(script: &str, arguments: &[&str]) -> PathBuf {
    let script = format!("{}/tests/{script}", env!("CARGO_MANIFEST_DIR"));
    let fetched = Command::new(&script)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("{script}: {error}"));
    assert!(fetched.status.success(), "{script} failed; see above");
    PathBuf::from(String::from_utf8(fetched.stdout).expect("a path").trim_end())
}

/// Whether the server of this run lacks what the test takes, which is said and counted as a skip: return then.
pub fn cannot(ability: Ability) -> bool {
    let flavour = Flavour::of_this_run();
    let Some(reason) = flavour.lacks(ability) else { return false };
    eprintln!("{} is skipped on {}: {reason}", this_test(), flavour.name());
    note("skipped", reason);
    true
}

/// Notes that this test speaks with a real server: `./x test` runs these tests alone on every further flavour.
pub(super) fn note_that_it_has_a_server() {
    note("server", "");
}
