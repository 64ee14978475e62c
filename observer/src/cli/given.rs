//! Which credentials a service is given, as systemd knows it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use vault_unseal::explain::Explanation;
use vault_unseal::external::quote::sentence;
use vault_unseal::files;

/// How long `systemctl` may take.
const LIMIT: Duration = Duration::from_secs(5);
/// What gives credentials with names and places (systemd.exec(5)).
const PROPERTIES: &str =
    "--property=LoadState,LoadCredential,LoadCredentialEncrypted,SetCredential,SetCredentialEncrypted";

/// The credentials of a service, each with the file that it is loaded from, if it is from one.
pub(super) struct GivenCredentials {
    unit: &'static str,
    files: BTreeMap<String, Option<String>>,
}

impl GivenCredentials {
    /// `None` without systemd, or where the service is not installed.
    pub(super) fn of(unit: &'static str) -> Option<Self> {
        let output = files::within(LIMIT, move || {
            let mut command = Command::new("systemctl");
            command.args(["show", "--no-pager", PROPERTIES, "--", unit]).env("LC_ALL", "C.UTF-8");
            command.stdin(Stdio::null()).stderr(Stdio::null()).output()
        })?;
        let output = output.ok().filter(|output| output.status.success())?;
        Self::parse(unit, &String::from_utf8_lossy(&output.stdout))
    }

    fn parse(unit: &'static str, text: &str) -> Option<Self> {
        let mut files = BTreeMap::new();
        let mut loaded = false;
        for (property, value) in text.lines().filter_map(|line| line.split_once('=')) {
            loaded |= property == "LoadState" && value == "loaded";
            let from_file = property.starts_with("LoadCredential");
            // Several are in one line, or in one each.
            let values = value.split_whitespace().filter(|_| property.contains("Credential"));
            for (name, rest) in values.filter_map(|value| value.split_once(':')) {
                files.insert(name.to_owned(), from_file.then(|| rest.to_owned()));
            }
        }
        loaded.then_some(Self { unit, files })
    }

    /// What is wrong with a credential that the service takes.
    pub(super) fn problem(&self, name: &str) -> Option<Explanation> {
        let service = self.unit;
        let edit = format!(
            "systemctl edit {service}, [Service], LoadCredential={name}:FILE with the file that has it"
        );
        match self.files.get(name) {
            None => Some(Explanation::new(
                "credential-not-given",
                format!("{service} is not given the credential \"{name}\""),
                format!("Give it: {edit}"),
            )),
            Some(Some(file)) if file.starts_with('/') && !Path::new(file).exists() => Some(Explanation::new(
                "credential-missing",
                format!(
                    "{service}: the file of the credential \"{name}\" is not there: {}",
                    sentence(Path::new(file))
                ),
                format!("Write it, or name another: {edit}"),
            )),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_name_and_file() {
        let text = "LoadState=loaded\nLoadCredential=phone:/nonexistent/phone here:/etc/passwd\n\
                    SetCredential=set:abc\n";
        let given = GivenCredentials::parse("a.service", text).unwrap();
        let said = |name| given.problem(name).map(|problem| problem.message);
        assert_eq!(said("here"), None);
        assert_eq!(said("set"), None);
        assert_eq!(said("mail").unwrap(), "a.service is not given the credential \"mail\"");
        assert_eq!(
            said("phone").unwrap(),
            "a.service: the file of the credential \"phone\" is not there: /nonexistent/phone"
        );
        assert!(GivenCredentials::parse("a.service", "LoadState=not-found\n").is_none());
    }
}
