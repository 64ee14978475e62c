//! Which credentials a service is given, as its unit files say, and how it is given one.

use std::path::Path;
use vault_unseal::explain::Explanation;
use vault_unseal::external::quote::sentence;
use vault_unseal::systemd::units::{CredentialOrigin, Unit};

/// The notifier's unit.
pub(crate) const NOTIFIER: &str = "vault-unseal-notify.service";

/// What to do so that a service is given a credential.
pub(crate) fn how_to_give(service: &str, credential: &str) -> String {
    format!(
        "Give it to the service: systemctl edit {service}, [Service], LoadCredential={credential}:FILE with the file that has it"
    )
}

/// The unit of a service.
pub(crate) struct GivenCredentials {
    name: &'static str,
    unit: Unit,
}

impl GivenCredentials {
    /// `None` where the service is not installed.
    pub(crate) fn of(root: &Path, name: &'static str) -> Option<Self> {
        Some(Self { name, unit: Unit::load(root, name)? })
    }

    /// What is wrong with a credential that the service takes.
    pub(crate) fn problem(&self, credential: &str) -> Option<Explanation> {
        let service = self.name;
        let give = how_to_give(service, credential);
        let Some(origin) = self.unit.credential(credential) else {
            return Some(Explanation::new(
                "credential-not-given",
                format!("{service} is not given the credential \"{credential}\""),
                give,
            ));
        };
        let missing = match &origin {
            CredentialOrigin::File { stand_in: false, .. } => origin.places(),
            _ => return None,
        };
        // Of several, systemd takes the first that is there.
        let first = missing.first().filter(|_| missing.iter().all(|place| !place.exists()))?;
        Some(Explanation::new(
            "credential-missing",
            format!(
                "{service}: the file of the credential \"{credential}\" is not there: {}",
                sentence(first)
            ),
            format!("Write it, or name another. {give}"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn credentials_are_known_by_name_and_file() {
        let root = tempfile::tempdir().unwrap();
        let units = root.path().join("etc/systemd/system");
        fs::create_dir_all(units.join("a.service.d")).unwrap();
        fs::write(
            units.join("a.service"),
            "[Service]\nLoadCredential=here:/etc/passwd\nSetCredential=set:abc\n",
        )
        .unwrap();
        let drop_in = "[Service]\nLoadCredential=phone:/nonexistent/phone\n";
        fs::write(units.join("a.service.d/phone.conf"), drop_in).unwrap();
        let given = GivenCredentials::of(root.path(), "a.service").unwrap();
        let said = |name| given.problem(name).map(|problem| problem.message);
        assert_eq!((said("here"), said("set")), (None, None));
        assert_eq!(said("mail").unwrap(), "a.service is not given the credential \"mail\"");
        assert_eq!(
            said("phone").unwrap(),
            "a.service: the file of the credential \"phone\" is not there: /nonexistent/phone"
        );
        assert!(GivenCredentials::of(root.path(), "b.service").is_none());
    }
}
