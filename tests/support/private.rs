//! A mount namespace of its own for a command: what it mounts and writes there is nobody else's.

use std::path::Path;
use std::process::Command;

/// Runs `setup`, a script of sh, and then `command`, with everything that `setup` mounts seen by them alone. All of it
/// dies with the process that is returned.
pub fn mounted(setup: &str, command: &Command) -> Command {
    let mut whole = Command::new("unshare");
    whole.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-ec"]);
    whole.arg(format!("{setup}\nexec \"$@\"")).arg("sh");
    whole.arg(command.get_program()).args(command.get_args());
    whole.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    if let Some(directory) = command.get_current_dir() {
        whole.current_dir(directory);
    }
    whole
}

/// The script that makes `keys` the place of the host key of systemd-creds.
pub fn host_key_in(keys: &Path) -> String {
    format!("mount --bind {} /var/lib/systemd", keys.display())
}

/// Whether systemd-creds encrypts here: it needs root, mounts of our own, and a machine that has an identity.
pub fn encrypts() -> bool {
    let keys = super::directory::directory();
    let mut command = Command::new("systemd-creds");
    command.args(["encrypt", "--with-key=host", "--name=probe", "-", "-"]);
    let works = rustix::process::geteuid().is_root()
        && mounted(&format!("{}; exec < /dev/null", host_key_in(keys.path())), &command)
            .output()
            .is_ok_and(|output| output.status.success());
    if !works {
        super::untested("this needs root and a systemd-creds that works");
    }
    works
}

/// Mount namespaces are root's.
pub fn are_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        super::untested("this needs root");
    }
    root
}
