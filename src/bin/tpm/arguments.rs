//! What the helper is asked to do.

use std::ffi::OsString;
use vault_unseal::shares::tpm::PcrSelection;

/// How it is called.
pub(crate) const USAGE: &str = "\
usage: vault-unseal-tpm open [--tcti TCTI] < FILE > SHARES
       vault-unseal-tpm seal [--tcti TCTI] [--pcrs sha256:7+11] < SHARES > FILE
vault-unseal starts it; `vault-unseal enroll` is for people.";

/// The command line.
pub(crate) struct Arguments {
    pub(crate) verb: Verb,
    /// Which TPM, in the words of tpm2-tss.
    pub(crate) tcti: String,
}

/// What to do.
pub(crate) enum Verb {
    Open,
    Seal { pcrs: Option<PcrSelection> },
}

impl Arguments {
    pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut words =
            words.map(|word| word.into_string().map_err(|_| "an argument is not text".to_owned()));
        let mut next = || words.next().transpose();
        let mut verb = match next()?.as_deref() {
            Some("open") => Verb::Open,
            Some("seal") => Verb::Seal { pcrs: None },
            Some(word) => return Err(format!("there is no verb {word:?}")),
            None => return Err("no verb was given".to_owned()),
        };
        let mut tcti = "device:/dev/tpmrm0".to_owned();
        while let Some(option) = next()? {
            let value = next()?.ok_or_else(|| format!("{option} needs a value"))?;
            match (option.as_str(), &mut verb) {
                ("--tcti", _) => tcti = value,
                ("--pcrs", Verb::Seal { pcrs }) => {
                    *pcrs = Some(value.parse().map_err(|error| format!("--pcrs: {error}"))?);
                }
                _ => return Err(format!("{option} is not known here")),
            }
        }
        Ok(Self { verb, tcti })
    }
}
