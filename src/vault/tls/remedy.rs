//! Commands that mend a file and leave it to whom it belongs: owner, group, mode and ACL stay.

use crate::external::quote;
use std::path::{Path, PathBuf};

/// GNU sed gives the file that it writes the rights of the old one. It would put a file in the place of a symbolic link,
/// so that the link's target is named.
pub(super) fn sed(script: &str, path: &Path) -> String {
    format!("sed -i '{script}' {}", quote::shell(&target(path)))
}

/// Runs the file through a command that takes it as its last word, and writes the result into the same file.
pub(super) fn through(command: &str, path: &Path) -> String {
    let path = target(path);
    let mut new = path.clone().into_os_string();
    new.push(".new");
    let (path, new) = (quote::shell(&path), quote::shell(Path::new(&new)));
    format!("(umask 077; {command} {path} >{new} && cat {new} >{path}; rm -f {new})")
}

fn target(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
