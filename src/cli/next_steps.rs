//! What is left to do once shares are stored where they should be.

use crate::cli::machine::{CONFIG, PLAIN_SHARES, SERVICE};
use crate::cluster::ShareSource;
use crate::config::{Cluster, Settings};
use crate::external::quote::{self, Inexpressible};
use crate::shares::store::ShareStore;
use crate::shares::tpm;
use crate::systemd::drop_in::{DIRECTORY, DropIn, ENDINGS};
use crate::systemd::units::UnitFile;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The name that the unit's own `LoadCredential=` gives to shares.
const DEFAULT_NAME: &str = "shares";

/// The cluster that shares are for, as far as the configuration tells.
#[derive(Debug, Default)]
pub(super) struct Destination {
    /// The one file that was read in place of the usual ones.
    config: Option<PathBuf>,
    /// How to find its table: not by a name where there is one alone.
    table: Option<String>,
    /// Where its shares are configured to be.
    source: Option<ShareSource>,
}

impl Destination {
    /// This cluster of the configuration.
    pub(super) fn of(cluster: &Cluster, settings: &Settings, config: Option<&Path>) -> Self {
        let several = settings.clusters.len() > 1;
        Self {
            config: config.map(Path::to_owned),
            table: several.then(|| format!("the [[cluster]] with name = {}", quote::toml(&cluster.name))),
            source: cluster.shares.clone(),
        }
    }

    /// The only cluster, or the only one whose shares are configured to be in this store.
    pub(super) fn guess(settings: &Settings, store: &ShareStore, name: &str, config: Option<&Path>) -> Self {
        let is_there = |cluster: &&Cluster| match (&cluster.shares, store) {
            (Some(ShareSource::Credential(named)), ShareStore::Plain(_) | ShareStore::Credential(..)) => {
                named == name
            }
            (Some(ShareSource::File(path)), ShareStore::Plain(store))
            | (Some(ShareSource::Tpm2 { path, .. }), ShareStore::Tpm2(store, _)) => path == store,
            _ => false,
        };
        let mut there = settings.clusters.iter().filter(is_there);
        match (settings.clusters.as_slice(), there.next(), there.next()) {
            ([only], ..) | (_, Some(only), None) => Self::of(only, settings, config),
            _ => Self {
                config: config.map(Path::to_owned),
                table: Some("the [[cluster]] that they are for".to_owned()),
                source: None,
            },
        }
    }

    /// The name of the credential: the configured one, unless another than the usual was asked for.
    pub(super) fn credential<'a>(&'a self, asked: &'a str) -> &'a str {
        match &self.source {
            Some(ShareSource::Credential(named)) if asked == DEFAULT_NAME => named,
            _ => asked,
        }
    }
}

/// The lines of the configuration and of the unit, and the commands, for shares in this store on the machine with this root
/// directory.
///
/// Errors: the unit or the configuration cannot name the file.
pub(super) fn steps(
    store: &ShareStore,
    name: &str,
    destination: &Destination,
    root: &Path,
) -> Result<String, Inexpressible> {
    if let (ShareStore::Plain(path), Some(ShareSource::File(named))) = (store, &destination.source) {
        if path == named {
            return Ok(
                "\nThe configuration names this file already: a running daemon reads it when it needs it.\n"
                    .to_owned(),
            );
        }
    }
    let config = destination.config.as_deref().map_or_else(|| CONFIG.to_owned(), quote::sentence);
    let table = destination.table.as_deref().unwrap_or("its [[cluster]]");
    let mut text = format!("\nNext, in {config}, in {table}:\n");
    match store {
        // What LoadCredential= below can name is UTF-8.
        ShareStore::Tpm2(path, sealing) => {
            let path = quote::toml(&path.to_string_lossy());
            let tcti = sealing.tcti.as_ref().map(|tcti| format!(", tcti = {}", quote::toml(tcti)));
            let _ = writeln!(text, "  shares = {{ tpm2 = {path}{} }}", tcti.unwrap_or_default());
        }
        ShareStore::Plain(_) | ShareStore::Credential(..) => {
            let _ = writeln!(text, "  shares = {{ credential = {} }}", quote::toml(name));
        }
    }
    let drop_in = match store {
        ShareStore::Plain(path) if path == Path::new(PLAIN_SHARES) && name == DEFAULT_NAME => None,
        ShareStore::Plain(path) => Some(format!(
            "sudo systemctl edit vault-unseal, with\n  [Service]\n  LoadCredential={}\n",
            quote::load_credential(name, path)?
        )),
        ShareStore::Credential(path, sealing) => {
            Some(DropIn::encrypted(path, name, sealing.key.needs_tpm2())?.steps(root, "sudo "))
        }
        ShareStore::Tpm2(path, sealing) => {
            let device = tpm::device(sealing.tcti.as_deref());
            Some(DropIn::tpm2(path, device.as_deref())?.steps(root, "sudo "))
        }
    };
    if let Some(drop_in) = drop_in {
        text.push_str("for the service, in a drop-in:\n");
        for line in drop_in.lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    text.push_str("then\n");
    for path in moved(store, name, destination, root) {
        let _ = writeln!(text, "  sudo rm {}", quote::shell(&path));
    }
    text.push_str("  sudo systemctl daemon-reload\n");
    text.push_str("  sudo vault-unseal check\n");
    text.push_str("  sudo systemctl restart vault-unseal\n");
    if store.is_sealed() {
        text.push_str(
            "Only this machine opens the file: keep the shares somewhere else too, such as on paper.\n",
        );
    }
    Ok(text)
}

/// The drop-ins of a move that name the file which the shares came from: they count after others of the same directory.
/// Not those that another cluster needs, nor any with more in them.
fn moved(store: &ShareStore, name: &str, destination: &Destination, root: &Path) -> Vec<PathBuf> {
    let given = match (store, &destination.source) {
        (ShareStore::Plain(_) | ShareStore::Credential(..), _) => name,
        (ShareStore::Tpm2(..), Some(ShareSource::Credential(named))) => named,
        (ShareStore::Tpm2(..), _) if destination.table.is_none() => name,
        (ShareStore::Tpm2(..), _) => return Vec::new(),
    };
    let names = ENDINGS.map(|ending| Path::new(DIRECTORY).join(format!("shares{ending}")));
    let drop_ins = UnitFile::drop_ins(root, SERVICE).into_iter();
    let theirs = drop_ins.filter(|file| names.contains(&file.path) && file.only_loads(given));
    theirs.map(|file| file.path.clone()).collect()
}

/// The same for parts that go to other machines.
pub(super) fn carrying(first: &Path) -> String {
    let file = quote::shell(first);
    format!(
        "\nNext, carry each file to its machine over a channel you trust, and there, for example:\n  \
         sudo vault-unseal enroll {file} --tpm2 --shred\nThen delete the files here: this machine has all of them.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shares::store::{CredentialKey, CredentialSealing};

    /// A machine with the package's examples.
    fn machine() -> tempfile::TempDir {
        let root = crate::testing::directory();
        let examples = root.path().join("usr/share/doc/vault-unseal/examples");
        std::fs::create_dir_all(&examples).unwrap();
        for name in ["tpm2.conf", "shares-encrypted.conf"] {
            std::fs::write(examples.join(name), "").unwrap();
        }
        root
    }

    #[test]
    fn drop_in_that_names_the_old_file_is_taken_away() {
        let root = machine();
        let store = ShareStore::Plain(PLAIN_SHARES.into());
        assert!(!steps(&store, "shares", &Destination::default(), root.path()).unwrap().contains("sudo rm"));
        let drop_in = root.path().join("etc/systemd/system/vault-unseal.service.d/shares.conf");
        std::fs::create_dir_all(drop_in.parent().unwrap()).unwrap();
        let put = |text: &str| std::fs::write(&drop_in, text).unwrap();
        let said = |store: &ShareStore, name: &str, table: Option<&str>| {
            let destination = Destination { table: table.map(str::to_owned), ..Destination::default() };
            steps(store, name, &destination, root.path()).unwrap()
        };
        let rm = "then\n  sudo rm /etc/systemd/system/vault-unseal.service.d/shares.conf\n";
        let moved = "[Service]\nLoadCredential=shares:/etc/vault/unseal.json\n";
        put(moved);
        assert!(said(&store, "shares", None).contains(rm));
        // Another cluster's shares.
        assert!(!said(&store, "work", None).contains("sudo rm"));
        let sealed = ShareStore::Tpm2("/etc/vault-unseal/work.tpm2".into(), tpm::Sealing::default());
        assert!(said(&sealed, "shares", None).contains(rm));
        assert!(!said(&sealed, "shares", Some("that of work")).contains("sudo rm"));
        for more in ["LoadCredential=work:/etc/work.json\n", "Nice=5\n", "[Unit]\nAfter=x.service\n"] {
            put(&(moved.to_owned() + more));
            assert!(!said(&store, "shares", None).contains("sudo rm"), "{more}");
        }
    }

    #[test]
    fn what_the_package_brings_is_installed() {
        let root = machine();
        let credential = |key| {
            ShareStore::Credential(
                "/etc/vault-unseal/shares.cred".into(),
                CredentialSealing { name: "shares".into(), key, pcrs: None, device: None },
            )
        };
        let tpm2 = ShareStore::Tpm2("/etc/vault-unseal/shares.tpm2".into(), tpm::Sealing::default());
        let said = |store: &ShareStore| steps(store, "shares", &Destination::default(), root.path()).unwrap();
        let end = "then\n  sudo systemctl daemon-reload\n  sudo vault-unseal check\n  sudo systemctl restart \
                   vault-unseal\n";
        let kept =
            "Only this machine opens the file: keep the shares somewhere else too, such as on paper.\n";
        let begin = "\nNext, in /etc/vault-unseal/config.toml, in its [[cluster]]:\n";
        let drop_in = "for the service, in a drop-in:\n";
        let install = |name: &str| {
            format!(
                "  sudo install -D -m 644 /usr/share/doc/vault-unseal/examples/{name} \
                 /etc/systemd/system/vault-unseal.service.d/{name}\n"
            )
        };
        let by_credential = "  shares = { credential = \"shares\" }\n";
        assert_eq!(
            said(&tpm2),
            format!(
                "{begin}  shares = {{ tpm2 = \"/etc/vault-unseal/shares.tpm2\" }}\n{drop_in}{}{end}{kept}",
                install("tpm2.conf")
            )
        );
        assert_eq!(
            said(&credential(CredentialKey::HostAndTpm2)),
            format!("{begin}{by_credential}{drop_in}{}{end}{kept}", install("shares-encrypted.conf"))
        );
        assert_eq!(
            said(&credential(CredentialKey::Host)),
            format!(
                "{begin}{by_credential}{drop_in}  sudo systemctl edit vault-unseal, with\n    [Service]\n    \
                 LoadCredentialEncrypted=shares:/etc/vault-unseal/shares.cred\n{end}{kept}"
            )
        );
        assert_eq!(
            said(&ShareStore::Plain(PLAIN_SHARES.into())),
            format!("{begin}{by_credential}{end}"),
            "the unit as it is"
        );
    }
}
