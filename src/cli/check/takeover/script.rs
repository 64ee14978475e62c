//! The text of what a unit starts, and what a shell script in it that unseals says about its servers: addresses, authority, files.
//!
//! Read, not run: assignments are put in for variables, and the words are looked at. Shares in the text go nowhere
//! from here, and the copies made on the way wipe themselves.

use super::branches::{is_of_name, without_dead_branches};
use super::old_config;
use crate::cli::machine::Machine;
use crate::cluster::NodeAddress;
use crate::external::{ExternalText, could_be_secret};
use crate::files;
use crate::ordered;
use crate::systemd::units::{CommandLine, Unit};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Variables may stand for variables, but not for ever.
const MOST_EXPANSIONS: usize = 4;
/// No address or path is longer.
const LONGEST_VALUE: usize = 256;
/// A text that grows beyond this assigns variables to themselves.
const LONGEST_TEXT: usize = 1024 * 1024;

/// Words before the file of an authority: options of curl and of the servers' command lines, variables.
const AUTHORITIES: [&str; 7] =
    ["--cacert", "-cacert", "-ca-cert", "--ca-cert", "VAULT_CACERT", "BAO_CACERT", "SSL_CERT_FILE"];

/// What a script says. Never a share.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    /// The servers it speaks to, each once, in the order of the text.
    pub(crate) addresses: Vec<NodeAddress>,
    /// The certificate authorities it names.
    pub(crate) authorities: Vec<PathBuf>,
    /// Every other absolute path in it.
    pub(crate) paths: Vec<PathBuf>,
    /// Whether it takes any certificate (`curl -k` and its like).
    pub(crate) unverified: bool,
    /// Whether it submits shares.
    pub(crate) unseals: bool,
}

impl Script {
    /// Reads the text of a script. Lines `NAME=value` before it are its environment.
    pub(crate) fn read(text: &str) -> Self {
        let code = without_comments(text);
        let expanded = expand(&without_dead_branches(&code));
        let mut script = Self {
            unseals: ["sys/unseal", "operator unseal"].iter().any(|call| expanded.contains(call)),
            ..Self::default()
        };
        let mut before = "";
        for word in expanded.split(|c: char| c.is_whitespace() || "'\"`;|&(),<>=\\".contains(c)) {
            script.word(before, word);
            if !word.is_empty() {
                before = word;
            }
        }
        script
    }

    /// Takes in one word; `before` is the one before it.
    fn word(&mut self, before: &str, word: &str) {
        if has_secret(word) {
            return;
        }
        let names = |names: &[&str]| names.contains(&before);
        if word.starts_with("https://") || word.starts_with("http://") {
            let named = names(&["VAULT_ADDR", "BAO_ADDR", "-address", "--address"]);
            if let Some(address) = address(word).filter(|_| named || word.contains("/v1/")) {
                push(&mut self.addresses, address);
            }
        } else if word.starts_with('/') && !word.contains(['$', '*']) {
            let path = PathBuf::from(word.trim_end_matches([':', '.', '}']));
            if names(&AUTHORITIES) {
                push(&mut self.authorities, path);
            } else {
                push(&mut self.paths, path);
            }
        } else if names(&["VAULT_SKIP_VERIFY", "BAO_SKIP_VERIFY"]) {
            self.unverified |= ["1", "true", "t", "TRUE", "True"].contains(&word);
        } else {
            self.unverified |= word == "--insecure" || word == "-tls-skip-verify" || is_curl_k(word);
        }
    }
}

/// Whether a part of an address or a path could be a share or a token: it stands in the wrong place, and is not repeated.
pub(super) fn has_secret(word: &str) -> bool {
    word.split(['/', ':', '@', '?', '#']).any(could_be_secret)
}

/// `-k`, alone or among the letters of a short option such as `-fsSk`.
fn is_curl_k(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|letters| {
        letters.len() <= 6 && letters.contains('k') && letters.chars().all(|c| c.is_ascii_alphabetic())
    })
}

/// The server of a URL, whatever path is behind it.
fn address(url: &str) -> Option<NodeAddress> {
    let (scheme, rest) = url.split_once("://")?;
    let server = rest.split(['/', '?']).next()?;
    if server.contains(['$', '{', '@', '%']) {
        return None;
    }
    format!("{scheme}://{server}").parse().ok()
}

fn push<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// A script without its lines of comment.
fn without_comments(text: &str) -> Zeroizing<String> {
    let mut code = Zeroizing::new(String::with_capacity(text.len() + 1));
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        code.push_str(line);
        code.push('\n');
    }
    code
}

/// The text with the variables it assigns put in.
fn expand(code: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(code.to_owned());
    for _ in 0..MOST_EXPANSIONS {
        let next = {
            let variables = assignments(&text);
            substitute(&text, &variables)
        };
        if *next == *text || next.len() > LONGEST_TEXT {
            break;
        }
        text = next;
    }
    text
}

/// What `NAME=value` says in a text; the last one counts.
fn assignments(text: &str) -> BTreeMap<&str, &str> {
    let words = text.split(|c: char| c.is_whitespace() || ";&|(".contains(c));
    let pairs = words.filter_map(|word| word.split_once('='));
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(is_of_name) && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    let said = pairs
        .map(|(name, value)| (name.trim_start_matches(['"', '\'']), value.trim_matches(['"', '\''])))
        .filter(|(name, value)| {
            is_name(name)
                && !value.is_empty()
                && value.len() <= LONGEST_VALUE
                && !value.starts_with(['$', '`'])
        });
    ordered::map(said)
}

/// Puts values in for `$NAME`, `${NAME}` and `${NAME:-default}`; what is not known stays.
fn substitute(text: &str, variables: &BTreeMap<&str, &str>) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len() * 2));
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        let (name, default, after) = reference(behind);
        if let Some(value) = variables.get(name).copied().or(default) {
            out.push_str(value);
            rest = after;
        } else {
            out.push('$');
            rest = behind;
        }
    }
    out.push_str(rest);
    out
}

/// The variable that is named behind a `$`, its default, and what follows.
fn reference(behind: &str) -> (&str, Option<&str>, &str) {
    if let Some((inner, after)) = behind.strip_prefix('{').and_then(|inside| inside.split_once('}')) {
        let (name, default) = match inner.split_once(":-").or_else(|| inner.split_once('-')) {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        return (name, default.filter(|_| name.chars().all(is_of_name)), after);
    }
    let end = behind.find(|c| !is_of_name(c)).unwrap_or(behind.len());
    let (name, after) = behind.split_at(end);
    (name, None, after)
}

/// Whether a path can be a file of shares by its name.
pub(crate) fn may_hold_shares(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
    let named = ["unseal", "share", "key", "init"].iter().any(|word| name.contains(word));
    extension == "json"
        || named
            && !["sh", "bash", "py", "pem", "crt", "key", "service", "log", "lock", "pid"]
                .contains(&extension)
}

/// No script that unseals comes near; larger files are programs.
const LARGEST: usize = 64 * 1024;

/// What a unit starts, as far as it can be read.
#[derive(Default)]
pub(crate) struct Program {
    /// The first program, which may be the shell of a script.
    pub(crate) first: Option<ExternalText>,
    /// The scripts that were read.
    pub(crate) scripts: Vec<PathBuf>,
    /// What they and the unit say.
    pub(crate) says: Script,
    /// The configuration that another program of our name is started with.
    pub(super) config: Option<PathBuf>,
}

impl Program {
    /// Reads what the settings of these names start. The unit's environment counts as assignments before the script.
    pub(crate) fn of(machine: &Machine, unit: &Unit, settings: &[&str]) -> Self {
        let commands: Vec<CommandLine> = settings.iter().flat_map(|key| unit.commands(key)).collect();
        if commands.is_empty() {
            return Self::default();
        }
        let mut text = environment(machine, unit);
        let mut scripts = Vec::new();
        for command in &commands {
            for word in std::iter::once(&command.program).chain(&command.arguments) {
                text.push_str(word);
                text.push('\n');
                for path in word.split_whitespace().map(Path::new).filter(|path| path.is_absolute()) {
                    if let Some(script) = read_script(machine, path) {
                        text.push_str(&script);
                        text.push('\n');
                        scripts.push(path.to_owned());
                    }
                }
            }
        }
        let mut says = Script::read(&text);
        says.paths.retain(|path| !scripts.contains(path));
        let first = commands.first().map(|command| {
            let program = command.program.as_str();
            ExternalText::new(if could_be_secret(program) { "…" } else { program })
        });
        let mut ours = commands.iter().filter(|command| command.name() == "vault-unseal");
        let config = ours.find_map(|command| old_config::named(&command.arguments));
        Self { first, scripts, says, config }
    }
}

fn environment(machine: &Machine, unit: &Unit) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for value in unit.values("Environment") {
        text.extend([value.trim_matches(['"', '\'']), "\n"]);
    }
    for file in unit.values("EnvironmentFile") {
        text.extend(
            read(&machine.at(Path::new(file.trim_start_matches('-')))).as_ref().map(|file| file.as_str()),
        );
        text.push('\n');
    }
    text
}

/// The text of an executable that is text, or of what is called a script. Never of data: that is where shares are.
fn read_script(machine: &Machine, path: &Path) -> Option<Zeroizing<String>> {
    let metadata = machine.look(path)?;
    let called = path.extension().is_some_and(|extension| extension == "sh" || extension == "bash");
    let executable = metadata.permissions().mode() & 0o111 != 0;
    (called || executable).then(|| read(&machine.at(path))).flatten()
}

fn read(path: &Path) -> Option<Zeroizing<String>> {
    let bytes = files::read_unjudged(path, LARGEST).ok()?;
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(script: &Script) -> (Vec<String>, Vec<&str>, Vec<&str>) {
        (
            script.addresses.iter().map(ToString::to_string).collect(),
            script.authorities.iter().filter_map(|path| path.to_str()).collect(),
            script.paths.iter().filter_map(|path| path.to_str()).collect(),
        )
    }

    #[test]
    fn variables_are_followed() {
        let script = Script::read(
            "#!/bin/sh\n# curl https://old:8200/v1/sys/unseal\nHOST=vault.home\nexport VAULT_ADDR=\"https://${HOST}:${PORT:-8200}\"\n\
             KEYS='/srv/keys/init.json'\ncurl -s --cacert \"$CA\" $VAULT_ADDR/v1/sys/health | jq . \n\
             for key in $(jq -r '.keys[]' \"$KEYS\"); do curl -X PUT -d \"{\\\"key\\\": \\\"$key\\\"}\" \
             $VAULT_ADDR/v1/sys/unseal; done; CA=/etc/ca.pem\n",
        );
        let (addresses, authorities, paths) = shown(&script);
        assert_eq!(addresses, ["https://vault.home:8200"]);
        assert_eq!(authorities, ["/etc/ca.pem"]);
        assert!(paths.contains(&"/srv/keys/init.json"), "{paths:?}");
        assert!(script.unseals && !script.unverified);
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let script =
            Script::read("for host in a b; do vault operator unseal -address=https://$host:8200 $1; done");
        assert_eq!(shown(&script).0, [] as [String; 0]);
        assert!(script.unseals);
        let script =
            Script::read("curl https://example.org/install.sh; curl -sk http://127.0.0.1:8200/v1/sys/health");
        assert_eq!(shown(&script).0, ["http://127.0.0.1:8200"]);
        assert!(script.unverified && !script.unseals);
        let script = Script::read("BAO_ADDR=${BAO_ADDR:-https://[::1]:8200}\nbao operator unseal");
        assert_eq!(shown(&script).0, ["https://[::1]:8200"]);
    }

    #[test]
    fn default_of_a_variable_decides_no_branch() {
        for first in
            ["INSECURE=${INSECURE:-no}", "INSECURE=no\nINSECURE=${1}", "", "INSECURE=no\nINSECURE=yes"]
        {
            let script = Script::read(&format!(
                "{first}\nif [ yes = \"${{INSECURE:-no}}\" ]\nthen\n OPTIONS=\"-sk\"\nelse\n OPTIONS=\"-s\"\nfi\n\
                 curl $OPTIONS https://vault.home:8200/v1/sys/health\n"
            ));
            assert!(script.unverified, "{first}");
        }
    }

    #[test]
    fn names_of_share_files() {
        for name in ["/etc/vault/unseal.json", "/root/vault-keys.txt", "/root/.vault_unseal", "/x/a.json"] {
            assert!(may_hold_shares(Path::new(name)), "{name}");
        }
        for name in ["/etc/vault/tls/vault.key", "/etc/vault/vault-unseal.sh", "/bin/sh", "/v1/sys/health"] {
            assert!(!may_hold_shares(Path::new(name)), "{name}");
        }
    }
}
