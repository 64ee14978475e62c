//! What we tell systemd and the journal, what unit files tell us, and where this process finds a credential
//! (systemd.exec(5), "CREDENTIALS"): in its own directory, or behind the service's.

pub mod drop_in;
pub mod journal;
pub mod notify;
pub mod service;
pub mod units;

pub use crate::files::credentials_directory;
pub use service::SERVICE;

use std::path::{Path, PathBuf};
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
    let inside = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    let origin = Unit::load(root, SERVICE).and_then(|unit| unit.credential(name));
    if let Some(origin @ CredentialOrigin::File { encrypted: false, .. }) = origin {
        let places: Vec<PathBuf> = origin.places().iter().map(|path| inside(path)).collect();
        if let Some(place) = places.iter().find(|path| path.exists()).or(places.first()) {
            return place.clone();
        }
    }
    inside(Path::new(RUNNING_CREDENTIALS)).join(SERVICE).join(name)
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
