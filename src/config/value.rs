//! What the texts of values mean: durations, words, paths and names.

use super::address::LONGEST_SOCKET;
use super::key::Key;
use super::keys;
use super::redact::redact;
use crate::accounts::ServerUser;
use crate::cluster::{COMPUTE_PIN, PinError};
use crate::external::could_be_secret;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a word, path or name cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// What was written, which is not one of the words of its key.
    #[error("\"{0}\" is not one of its words")]
    Word(String, &'static [&'static str]),
    /// Neither true nor false.
    #[error("\"{0}\" is neither true nor false")]
    Boolean(String),
    /// No path at all.
    #[error("the path is empty or has a control character in it")]
    Path,
    /// Longer than the path of a socket can be.
    #[error("it is longer than a socket's path can be ({LONGEST_SOCKET} bytes)")]
    SocketPath,
    /// `~` is the shell's.
    #[error("`~` is not expanded here")]
    Tilde,
    /// Neither a DNS name nor an IP address.
    #[error("\"{0}\" is neither a DNS name nor an IP address")]
    ServerName(String),
    /// Not a name that systemd gives to credentials.
    #[error("\"{0}\" is not the name of a credential")]
    Credential(String),
    /// Neither the name nor the number of an account.
    #[error("\"{0}\" is neither the name nor the number of an account")]
    Account(String),
    /// Not in the words of tpm2-tss.
    #[error("\"{0}\" names no TPM")]
    Tcti(String),
    /// Not the hash of a public key.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// A secret where none belongs; it is not repeated.
    #[error("this could be a key share or a token, and none belongs here")]
    Secret,
    /// A variable whose value is not text.
    #[error("its value is not UTF-8 text")]
    NotUtf8,
}

/// What follows from a share that was pasted into a configuration.
pub(super) const PASTED: &str = "Write the shares to a file that only its owner can read, name that file, and take them out of here: if others could \
                      read this, rekey: `vault operator rekey` (OpenBao: `bao operator rotate-keys`).";

impl ValueError {
    /// What to write instead.
    pub(super) fn advice(&self) -> String {
        match self {
            Self::Word(_, words) => format!("Write one of: {}.", words.join(", ")),
            Self::Boolean(_) => "Write true or false.".to_owned(),
            Self::SocketPath => "Have it listen at a shorter path, such as one in /run.".to_owned(),
            Self::Path | Self::Tilde => "Write the whole path, from the first `/` on.".to_owned(),
            Self::ServerName(_) => {
                "Write the name as the certificate has it, without scheme and port, as in \"vault.example\"."
                    .to_owned()
            }
            Self::Credential(_) => {
                "Write the name as LoadCredential= has it, without a path, as in \"shares\".".to_owned()
            }
            Self::Account(_) => {
                "Write the name as /etc/passwd has it, or its number, as in [\"vault\", 998].".to_owned()
            }
            Self::Tcti(_) => {
                "Write it as for tpm2-tools, as in \"device:/dev/tpmrm0\", or leave it out.".to_owned()
            }
            Self::Pin(_) => format!(
                "Compute it on the server, from its certificate: `{COMPUTE_PIN}`. Whoever computes it from afar, with `openssl \
                 s_client -connect HOST:PORT </dev/null | openssl x509 -noout -pubkey | …`, pins whoever answers."
            ),
            Self::Secret => PASTED.to_owned(),
            Self::NotUtf8 => "Set it to text, or unset it.".to_owned(),
        }
    }
}

/// Refuses what somebody pasted in place of a name or path: it would be shown wherever that is. Pins are of the same form.
pub(super) fn no_secret(key: &Key, text: &str) -> Result<(), ValueError> {
    if !key.is(&keys::PIN_SHA256) && could_be_secret(text) { Err(ValueError::Secret) } else { Ok(()) }
}

/// Refuses a word that `key` does not take.
pub(super) fn word<'a>(text: &'a str, words: &'static [&'static str]) -> Result<&'a str, ValueError> {
    if words.contains(&text) { Ok(text) } else { Err(ValueError::Word(redact(text), words)) }
}

/// Reads a truth value as Go's `strconv.ParseBool` does, for those who are used to Vault's own variables.
pub(super) fn boolean(text: &str) -> Result<bool, ValueError> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(ValueError::Boolean(redact(text))),
    }
}

/// The path that `text` means in a file of `directory`, or in the working directory when it was no file.
pub(super) fn path(text: &str, directory: Option<&Path>) -> Result<PathBuf, ValueError> {
    if text == "~" || text.starts_with("~/") {
        return Err(ValueError::Tilde);
    }
    if text.is_empty() || text.contains(char::is_control) {
        return Err(ValueError::Path);
    }
    let base = directory.unwrap_or(Path::new("."));
    std::path::absolute(base.join(text)).map_err(|_| ValueError::Path)
}

/// The same of a Unix socket.
pub(super) fn socket_path(text: &str, directory: Option<&Path>) -> Result<PathBuf, ValueError> {
    path(text, directory).and_then(|path| {
        if path.as_os_str().len() > LONGEST_SOCKET { Err(ValueError::SocketPath) } else { Ok(path) }
    })
}

/// An account by its number, or by a name as useradd(8) accepts it.
pub(super) fn account(text: &str) -> Result<ServerUser, ValueError> {
    let refused = || ValueError::Account(redact(text));
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return text.parse().map(ServerUser::Number).map_err(|_| refused());
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$');
    if text.is_empty() || text.len() > 32 || !text.chars().all(fits) {
        return Err(refused());
    }
    Ok(ServerUser::Name(text.to_owned()))
}

/// A DNS name (RFC 1123, underscores allowed as resolvers do) or an IP address.
pub(super) fn server_name(text: &str) -> Result<String, ValueError> {
    let label = |label: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        (1..=63).contains(&label.len())
            && label.chars().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let all_digits = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let name = text.len() <= 253 && !all_digits && text.split('.').all(label);
    if name || text.parse::<IpAddr>().is_ok() {
        Ok(text.to_owned())
    } else {
        Err(ValueError::ServerName(redact(text)))
    }
}

/// A credential's name: a file name of ASCII without `:`, as systemd demands.
pub(super) fn credential(text: &str) -> Result<String, ValueError> {
    let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ':');
    if text.is_empty() || text.len() > 255 || matches!(text, "." | "..") || !text.chars().all(fits) {
        return Err(ValueError::Credential(redact(text)));
    }
    Ok(text.to_owned())
}

/// Which TPM, as tpm2-tss takes it (`TPM2TOOLS_TCTI`): a kind, and after a colon its place.
pub(super) fn tcti(text: &str) -> Result<String, ValueError> {
    let kind = text.split(':').next().unwrap_or_default();
    // The kinds that vault-unseal-tpm speaks; libtss2 would load any library of that name.
    let known = ["device", "tabrmd", "swtpm", "mssim"].contains(&kind);
    if known && text.chars().all(|c| c.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err(ValueError::Tcti(redact(text)))
    }
}

/// Why a text is not a duration, or not one that this key takes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A number alone.
    #[error("{0} has no unit")]
    NoUnit(String),
    /// A unit that is none.
    #[error("\"{0}\" is not a unit of time")]
    Unit(String),
    /// Anything else that cannot be read.
    #[error("\"{0}\" is not a duration")]
    Unreadable(String),
    /// What was written is "shorter" or "longer" than the bound that it passes.
    #[error("{} is {} than {}", .0, .1, humantime::format_duration(*.2))]
    Bounds(String, &'static str, Duration),
}

impl DurationError {
    /// What to write instead.
    pub(super) fn advice(&self) -> String {
        match self {
            Self::NoUnit(number) => format!("Write \"{number}s\" for seconds; ms, m and h work too."),
            Self::Unit(_) | Self::Unreadable(_) => {
                "Write a number and its unit, ms, s, m or h, as in \"500ms\", \"30s\" or \"2m 30s\"."
                    .to_owned()
            }
            Self::Bounds(_, comparison, bound) => {
                let side = if *comparison == "shorter" { "least" } else { "most" };
                format!("Write at {side} \"{}\".", humantime::format_duration(*bound))
            }
        }
    }
}

/// Reads a duration between `least` and `most`, both allowed.
pub(super) fn duration(text: &str, least: Duration, most: Duration) -> Result<Duration, DurationError> {
    let trimmed = text.trim();
    if !trimmed.is_empty() && trimmed.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(DurationError::NoUnit(redact(trimmed)));
    }
    let duration = humantime::parse_duration(trimmed).map_err(|error| match error {
        humantime::DurationError::UnknownUnit { unit, .. } if !unit.is_empty() => {
            DurationError::Unit(redact(&unit))
        }
        _ => DurationError::Unreadable(redact(text)),
    })?;
    let bounds = |comparison, bound| DurationError::Bounds(redact(trimmed), comparison, bound);
    if duration < least {
        return Err(bounds("shorter", least));
    }
    if duration > most {
        return Err(bounds("longer", most));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_names() {
        for text in ["vault.home", "vault_1", "10.0.0.1", "fd00::1", "a"] {
            assert_eq!(server_name(text).as_deref(), Ok(text));
        }
        for text in
            ["", "https://vault.home", "vault.home:8200", "a..b", "-a", "300.1.1.1", "[::1]", "*.home"]
        {
            assert!(server_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn credential_names() {
        assert!(credential("shares").is_ok());
        for text in ["", ".", "..", "/run/credentials/shares", "a:b", "ä", "a b"] {
            assert!(credential(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tpms() {
        for text in ["device:/dev/tpmrm0", "device", "tabrmd:", "swtpm:host=127.0.0.1,port=2321"] {
            assert!(tcti(text).is_ok(), "{text}");
        }
        for text in ["", "/dev/tpmrm0", "libevil.so", "device:/dev/tpm 0", ":device"] {
            assert!(tcti(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_start_at_the_file_that_names_them() {
        let path = |text| path(text, Some(Path::new("/etc/vault-unseal")));
        assert_eq!(path("ca.crt"), Ok(PathBuf::from("/etc/vault-unseal/ca.crt")));
        assert_eq!(path("/ca.crt"), Ok(PathBuf::from("/ca.crt")));
        assert_eq!(path("~/ca.crt"), Err(ValueError::Tilde));
        assert_eq!(path(""), Err(ValueError::Path));
        assert_eq!(path("a\0b"), Err(ValueError::Path));
    }

    #[test]
    fn durations_and_the_lack_of_them() {
        let parse = |text| {
            duration(text, Duration::from_millis(100), Duration::from_secs(3600))
                .map(|duration| duration.as_millis())
                .map_err(|error| format!("{error}. {}", error.advice()))
        };
        assert_eq!(parse("100ms"), Ok(100));
        assert_eq!(parse(" 2m 30s "), Ok(150_000));
        assert_eq!(parse("1h"), Ok(3_600_000));
        assert_eq!(parse("1.5s"), Ok(1500));
        let refused = [
            ("30", "30 has no unit. Write \"30s\" for seconds"),
            ("1.5", "1.5 has no unit"),
            ("5 sekunden", "\"sekunden\" is not a unit of time"),
            ("", "\"\" is not a duration"),
            ("soon", "\"soon\" is not a duration"),
            ("-1s", "\"-1s\" is not a duration"),
            ("99ms", "99ms is shorter than 100ms. Write at least \"100ms\"."),
            ("61m", "61m is longer than 1h. Write at most \"1h\"."),
            ("99999999999999999999s", "\"…\" is not a duration"),
        ];
        for (text, expected) in refused {
            let error = parse(text).expect_err(text);
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
    }
}
