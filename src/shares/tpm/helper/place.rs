//! Where the helper is.

use super::super::refusal::{TpmRefusal, TpmTrouble};
use crate::external::quote;
use rustix::fs::{AtFlags, CWD, FileType, Stat, statat};
use rustix::process::geteuid;
use std::path::{Path, PathBuf};

const NAME: &str = "vault-unseal-tpm";
/// Where the package puts it.
pub const INSTALLED: &str = "/usr/libexec/vault-unseal/vault-unseal-tpm";

/// The helper beside the running executable, where cargo puts both; else the installed one.
///
/// Errors: there is neither ([`TpmTrouble::HelperMissing`]).
pub fn find() -> Result<PathBuf, TpmRefusal> {
    let running = std::env::current_exe().ok();
    let beside = running.as_deref().and_then(|running| beside(running, geteuid().as_raw()));
    let installed = || Some(PathBuf::from(INSTALLED)).filter(|path| path.is_file());
    beside.or_else(installed).ok_or_else(|| {
        TpmRefusal::new(
            TpmTrouble::HelperMissing,
            format!("there is no {INSTALLED}, which speaks with the TPM"),
        )
    })
}

/// The helper in the directory of `running`, unless others than root and the user may write it more freely than the
/// running executable itself.
fn beside(running: &Path, user: u32) -> Option<PathBuf> {
    let path = running.with_file_name(NAME);
    let look = |path: &Path| statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).ok();
    let (ours, theirs) = (look(running)?, look(&path)?);
    let regular = FileType::from_raw_mode(theirs.st_mode) == FileType::RegularFile;
    let owned = theirs.st_uid == 0 || theirs.st_uid == user;
    let closed =
        theirs.st_mode & 0o002 == 0 && (theirs.st_mode & 0o020 == 0 || same_group_writes(&ours, &theirs));
    if regular && owned && closed {
        return Some(path);
    }
    tracing::warn!("{} is not used: others can write to it", quote::sentence(&path));
    None
}

fn same_group_writes(ours: &Stat, theirs: &Stat) -> bool {
    ours.st_mode & 0o020 != 0 && ours.st_gid == theirs.st_gid
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_helper_beside_the_executable_is_used_unless_others_can_write_it() {
        let directory = crate::testing::directory();
        let [running, helper] = ["vault-unseal", NAME].map(|name| directory.path().join(name));
        let user = geteuid().as_raw();
        let write = |path: &Path, mode| {
            fs::write(path, "").unwrap();
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        };
        write(&running, 0o755);
        assert_eq!(beside(&running, user), None);
        for (mode, used) in [(0o755, true), (0o700, true), (0o757, false), (0o775, false)] {
            write(&helper, mode);
            assert_eq!(beside(&running, user).is_some(), used, "{mode:o}");
        }
        // What a umask of 002 gives: no more open than what runs already.
        write(&running, 0o775);
        assert_eq!(beside(&running, user), Some(helper.clone()));
        if user == 0 {
            std::os::unix::fs::chown(&helper, Some(12345), None).unwrap();
            assert_eq!(beside(&running, user), None, "another user's");
        }
        fs::remove_file(&helper).unwrap();
        std::os::unix::fs::symlink(&running, &helper).unwrap();
        assert_eq!(beside(&running, user), None, "a link");
    }
}
