//! What is left to do once shares rest where they should.

use crate::shares::home::Home;
use crate::shares::quote;
use std::fmt::Write as _;
use std::path::Path;

/// Where the unit's own LoadCredential= looks.
const DEFAULT_PLAIN: &str = "/etc/vault-unseal/shares.json";
const DEFAULT_NAME: &str = "shares";

/// The lines of the configuration and of the unit, and the commands, for shares in this home on this machine.
pub(in crate::cli) fn steps(home: &Home, name: &str) -> String {
    let mut text = String::from("\nNext, in /etc/vault-unseal/config.toml, in its [[cluster]]:\n");
    let path = quote::sentence(home.path());
    match home {
        Home::Tpm2 { .. } => {
            let _ = writeln!(text, "  shares = {{ tpm2 = \"{path}\" }}");
        }
        Home::Plain { .. } | Home::Credential { .. } => {
            let _ = writeln!(text, "  shares = {{ credential = \"{name}\" }}");
        }
    }
    let directive = match home {
        Home::Plain { path } if path == Path::new(DEFAULT_PLAIN) && name == DEFAULT_NAME => None,
        Home::Plain { .. } => Some("LoadCredential"),
        Home::Credential { .. } => Some("LoadCredentialEncrypted"),
        Home::Tpm2 { .. } => None,
    };
    if let Some(directive) = directive {
        let _ = write!(
            text,
            "and in a drop-in of the service (sudo systemctl edit vault-unseal):\n  [Service]\n  \
             {directive}={name}:{path}\n"
        );
    }
    text.push_str("then\n");
    text.push_str("  sudo vault-unseal check\n");
    text.push_str("  sudo systemctl restart vault-unseal\n");
    if home.is_sealed() {
        text.push_str(
            "Only this machine opens the file: keep the shares somewhere else too, such as on paper.\n",
        );
    }
    text
}

/// The same for parts that go to other machines.
pub(super) fn carrying(first: &Path) -> String {
    let file = quote::shell(first);
    format!(
        "\nNext, carry each file to its machine over a channel you trust, and there, for example:\n  \
         sudo vault-unseal enroll {file} --tpm2 --shred\nThen delete the files here: this machine has all of them.\n"
    )
}
