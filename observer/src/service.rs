//! What a service of ours is given, and what it can read and run, as its unit files say.

use rustix::process::geteuid;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use vault_unseal::explain::Explanation;
use vault_unseal::external::quote::sentence;
use vault_unseal::systemd::access::ServiceAccess;
use vault_unseal::systemd::units::{CredentialOrigin, Unit};

/// The exporter's unit.
pub(crate) const EXPORTER: &str = "vault-unseal-exporter.service";
/// The notifier's unit.
pub(crate) const NOTIFIER: &str = "vault-unseal-notify.service";

/// What to do so that a service is given a credential.
pub(crate) fn how_to_give(service: &str, credential: &str) -> String {
    format!(
        "Give it to the service: systemctl edit {service}, [Service], LoadCredential={credential}:FILE with the file that has it"
    )
}

/// Who looks whether all is there that a configuration names.
#[derive(Clone, Copy)]
pub(crate) enum Looking<'a> {
    /// The service itself.
    Service,
    /// Somebody by hand; the service, where it is installed.
    ByHand(Option<&'a Service>),
}

impl Looking<'_> {
    /// Why the service cannot read this file, if somebody else looks; and then what to do.
    pub(crate) fn cannot_read(self, path: &Path, remedy: &str) -> Result<(), Explanation> {
        match self {
            Self::ByHand(Some(service)) => service.cannot_read(path, remedy).map_or(Ok(()), Err),
            _ => Ok(()),
        }
    }
}

/// A service of ours.
pub(crate) struct Service {
    name: &'static str,
    unit: Unit,
}

impl Service {
    /// `None` where the service is not installed.
    pub(crate) fn of(root: &Path, name: &'static str) -> Option<Self> {
        Some(Self { name, unit: Unit::load(root, name)? })
    }

    /// The file that systemd makes a credential of, where root can look at it as it is; the first that is there.
    pub(crate) fn file(&self, credential: &str) -> Option<PathBuf> {
        let origin = self.unit.credential(credential)?;
        let plain = matches!(origin, CredentialOrigin::File { encrypted: false, .. });
        // One that is a socket is asked (systemd.exec(5)): whoever answers there may do so once.
        let is_socket = |place: &Path| fs::metadata(place).is_ok_and(|found| found.file_type().is_socket());
        let first = origin.places().into_iter().find(|place| place.exists())?;
        (plain && geteuid().is_root() && !is_socket(&first)).then_some(first)
    }

    /// Why it, a user of its own, cannot read a file that is there; `None` when it can, or when that is the question of an
    /// administrator who chose its user.
    pub(crate) fn cannot_read(&self, path: &Path, remedy: &str) -> Option<Explanation> {
        if !self.unit.is_on("DynamicUser") || self.unit.value("User").is_some() {
            return None;
        }
        let path = &fs::canonicalize(path).ok()?;
        let why = ServiceAccess::of(Some(&self.unit), Path::new("/")).refusal(path)?;
        let message = format!("{}, a user of its own, cannot read {}: {why}", self.name, sentence(path));
        Some(Explanation::new("service-cannot-read", message, remedy))
    }

    /// Whether its sandbox lets it run a program.
    pub(crate) fn can_run(&self, program: &Path) -> bool {
        let Ok(program) = fs::canonicalize(program) else { return true };
        let within = |key| {
            let values = self.unit.values(key);
            let mut paths = values.iter().flat_map(|value| value.split_whitespace());
            paths.any(|path| program.starts_with(path.trim_start_matches(['-', '+'])))
        };
        !within("NoExecPaths") || within("ExecPaths")
    }

    /// Whether it may listen at ports below 1024 (capabilities(7), `CAP_NET_BIND_SERVICE`).
    pub(crate) fn has_capability(&self, name: &str) -> bool {
        self.unit
            .values("AmbientCapabilities")
            .iter()
            .any(|value| value.split_whitespace().any(|word| word == name))
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
    use std::os::unix::fs::PermissionsExt;

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
        let given = Service::of(root.path(), "a.service").unwrap();
        let said = |name| given.problem(name).map(|problem| problem.message);
        assert_eq!((said("here"), said("set")), (None, None));
        assert_eq!(said("mail").unwrap(), "a.service is not given the credential \"mail\"");
        assert_eq!(
            said("phone").unwrap(),
            "a.service: the file of the credential \"phone\" is not there: /nonexistent/phone"
        );
        assert!(Service::of(root.path(), "b.service").is_none());
    }

    #[test]
    fn what_a_user_of_its_own_cannot_read_or_run_is_known() {
        let root = tempfile::tempdir().unwrap();
        let units = root.path().join("etc/systemd/system");
        fs::create_dir_all(&units).unwrap();
        let unit = "[Service]\nDynamicUser=yes\nNoExecPaths=/ /tmp\nExecPaths=/usr/bin -/usr/lib64\n";
        fs::write(units.join("a.service"), unit).unwrap();
        fs::write(units.join("b.service"), "[Service]\nDynamicUser=yes\nUser=me\n").unwrap();
        fs::write(units.join("c.service"), format!("{unit}PrivateTmp=yes\n")).unwrap();
        let [one, own, hidden] =
            ["a.service", "b.service", "c.service"].map(|name| Service::of(root.path(), name).unwrap());
        let (directory, file) = (root.path().join("closed"), root.path().join("closed/file"));
        fs::create_dir(&directory).unwrap();
        fs::write(&file, "").unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let why = |service: &Service| {
            let said = service.cannot_read(&file, "chmod").map(|problem| problem.message);
            said.map(|said| said.rsplit_once(": ").unwrap().1.to_owned())
        };
        set(root.path(), 0o755);
        for (of_directory, of_file, said) in [
            (0o755, 0o644, None),
            (0o755, 0o640, Some("its mode is 0640".to_owned())),
            (0o750, 0o644, Some(format!("the directory {} has mode 0750", directory.display()))),
        ] {
            set(&directory, of_directory);
            set(&file, of_file);
            assert_eq!((why(&one), why(&own)), (said, None));
        }
        let in_tmp = root.path().starts_with("/tmp");
        assert!(!in_tmp || why(&hidden).unwrap() == "its sandbox hides /tmp (PrivateTmp=yes)");
        assert!(one.can_run(Path::new("/usr/bin/env")) && own.can_run(&file) && !one.can_run(&file));
    }
}
