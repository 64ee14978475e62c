//! What we tell systemd and the journal, what unit files tell us, and what systemd gives this process: credentials
//! (systemd.exec(5), "CREDENTIALS"), in its own directory or behind the service's; and the directory of the control
//! socket and of what is held, `RuntimeDirectory=` of the unit.
//!
//! Whoever can write to that directory could name what is held, or answer in the daemon's place: it is used if only
//! root and the daemon's own user can. Directories above it are the administrator's, who names it.

pub mod access;
pub mod drop_in;
pub mod journal;
mod lines;
pub mod service;
pub mod units;

pub use crate::files::credentials_directory;
pub use service::SERVICE;

use crate::accounts::User;
use crate::explain::Explain;
use crate::external::error;
use crate::external::quote::{self, sentence};
use crate::files::below;
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
use rustix::process::geteuid;
use sd_notify::NotifyState;
use std::borrow::Cow;
use std::io;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;
use units::{CredentialOrigin, Unit};

/// Where systemd keeps the credentials of services that run.
pub const RUNNING_CREDENTIALS: &str = "/run/credentials";

/// Where the credential `name` can be read that holds nothing secret.
///
/// The service has a copy of its own. Whoever looks at servers without one (a shell, the waiting unit) reads the file
/// that the service's unit below `root` names, as far as he may; where the unit names none, the copy of the service
/// that runs. Reads unit files; the file itself need not exist.
pub fn credential_location(root: &Path, name: &str) -> PathBuf {
    if let Some(directory) = credentials_directory() {
        let own = directory.join(name);
        if own.exists() || directory.ends_with(SERVICE) {
            return own;
        }
    }
    let origin = Unit::load(root, SERVICE).and_then(|unit| unit.credential(name));
    if let Some(origin @ CredentialOrigin::File { encrypted: false, .. }) = origin {
        let places: Vec<PathBuf> = origin.places().iter().map(|path| below(root, path)).collect();
        if let Some(place) = places.iter().find(|path| path.exists()).or(places.first()) {
            return place.clone();
        }
    }
    below(root, Path::new(RUNNING_CREDENTIALS)).join(SERVICE).join(name)
}

/// Configuration valid, loop running.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The line that `systemctl status` shows.
pub fn status(status: &str) {
    send(&[NotifyState::Status(status)]);
}

/// A reload begins; [`ready`] ends it. The timestamp lets systemd tell it from earlier ones (Type=notify-reload).
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(_) => send(&[NotifyState::Reloading]),
    }
}

/// The end begins.
pub fn stopping(status: &str) {
    send(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// The loop made progress.
pub fn watchdog() {
    send(&[NotifyState::Watchdog]);
}

/// Start-up goes on for this long yet (`EXTEND_TIMEOUT_USEC=`): keeps a unit that waits from being killed.
pub fn extend_timeout(by: Duration) {
    let usec = u32::try_from(by.as_micros()).unwrap_or(u32::MAX);
    send(&[NotifyState::ExtendTimeoutUsec(usec)]);
}

/// How often systemd wants to hear from the watchdog, halved; `None` when it does not watch us.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2).filter(|interval| !interval.is_zero())
}

/// The socket to systemd, made once: when nodes have used up all file descriptors, there would be none for it.
static SOCKET: OnceLock<Option<UnixDatagram>> = OnceLock::new();

fn send(states: &[NotifyState<'_>]) {
    let lines: Vec<String> = states.iter().map(ToString::to_string).collect();
    let text = lines.join("\n");
    let sent =
        SOCKET.get_or_init(connected).as_ref().is_some_and(|socket| socket.send(text.as_bytes()).is_ok());
    if sent {
        return;
    }
    // Whoever listens may have begun anew. Without a supervisor this does nothing. A supervisor that went away is no reason
    // to stop unsealing.
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("cannot notify the service manager: {}", error::io(&error));
    }
}

fn connected() -> Option<UnixDatagram> {
    let name = std::env::var_os("NOTIFY_SOCKET")?;
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect_addr(&address.ok()?).ok()?;
    Some(socket)
}

/// An ACL that lets others write shows in the group's bits (acl(5)).
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The directory of this process, if it was given one.
pub fn runtime_directory() -> Option<PathBuf> {
    let all = std::env::var("RUNTIME_DIRECTORY").ok()?;
    all.split(':').next().filter(|first| !first.is_empty()).map(PathBuf::from)
}

/// Opens the directory if only root and this process's user can write to it. A link to it is followed: systemd makes one
/// for dynamic users.
pub fn open_runtime_directory(path: &Path) -> Result<OwnedFd, RuntimeDirectoryError> {
    let failed = |errno: rustix::io::Errno| RuntimeDirectoryError::Io(path.to_owned(), errno.into());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = openat(CWD, path, flags, Mode::empty()).map_err(failed)?;
    let stat = fstat(&directory).map_err(failed)?;
    let user = geteuid().as_raw();
    if stat.st_uid != 0 && stat.st_uid != user {
        let (owner, user) = (User::of(stat.st_uid), User::of(user));
        return Err(RuntimeDirectoryError::Owner { path: path.to_owned(), owner, user });
    }
    if stat.st_mode & WRITABLE_BY_OTHERS != 0 {
        return Err(RuntimeDirectoryError::Mode(path.to_owned(), stat.st_mode & 0o7777));
    }
    Ok(directory)
}

/// Why the directory is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeDirectoryError {
    /// Somebody else's.
    #[error("the runtime directory {} belongs to {owner}", sentence(path))]
    Owner {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: User,
        /// Who runs this process.
        user: User,
    },
    /// Others can write to it; its permissions.
    #[error("others than its owner can write to the runtime directory {} (mode {:04o})", sentence(.0), .1)]
    Mode(PathBuf, u32),
    /// It cannot be opened.
    #[error("cannot open the runtime directory {}: {}", sentence(.0), error::io(.1))]
    Io(PathBuf, io::Error),
}

impl Explain for RuntimeDirectoryError {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, remedy) = match self {
            Self::Owner { path, user, .. } if user.is_dynamic() => {
                ("runtime-directory-owner", format!("rm -r {}", quote::shell(path)))
            }
            Self::Owner { path, user, .. } => {
                ("runtime-directory-owner", format!("chown {} {}", user.word(), quote::shell(path)))
            }
            Self::Mode(path, _) => ("runtime-directory-mode", format!("chmod go-w {}", quote::shell(path))),
            Self::Io(..) => {
                let advice =
                    "`hold` and `resume` do not work, and a restart of this daemon forgets what is held.";
                return ("runtime-directory", Some(advice.into()));
            }
        };
        let advice = format!(
            "It is not used: `hold` and `resume` do not work, and a restart of this daemon forgets what is held. Restart the \
             daemon after `{remedy}`."
        );
        (kind, Some(advice.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn credential_without_a_directory_is_found_behind_the_unit() {
        let root = crate::testing::directory();
        let at = |path: &str| root.path().join(path);
        let found = || credential_location(root.path(), "ca");
        let running = at("run/credentials/vault-unseal.service/ca");
        assert_eq!(found(), running, "no unit");
        fs::create_dir_all(at("etc/systemd/system/vault-unseal.service.d")).unwrap();
        fs::write(at("etc/systemd/system/vault-unseal.service"), "[Service]\nExecStart=/bin/x\n").unwrap();
        let drop_in = |line: &str| {
            fs::write(
                at("etc/systemd/system/vault-unseal.service.d/ca.conf"),
                format!("[Service]\n{line}\n"),
            )
            .unwrap();
        };
        drop_in("LoadCredential=ca:/etc/vault/tls/vault-ca.crt");
        assert_eq!(found(), at("etc/vault/tls/vault-ca.crt"));
        drop_in("LoadCredential=ca");
        assert_eq!(found(), at("etc/credstore/ca"), "the first of the stores");
        fs::create_dir_all(at("usr/lib/credstore")).unwrap();
        fs::write(at("usr/lib/credstore/ca"), "").unwrap();
        assert_eq!(found(), at("usr/lib/credstore/ca"), "the one that has it");
        drop_in("LoadCredentialEncrypted=ca:/etc/ca.cred");
        assert_eq!(found(), running, "only systemd opens it");
    }
}
