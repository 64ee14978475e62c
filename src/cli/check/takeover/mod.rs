//! Taking over from a shell script, or from another program of our name: the steps of the move for the machine at hand, as
//! commands to paste into a shell of root, and the way back.

mod branches;
mod configuration;
mod old_config;
mod old_setup;
mod script;

pub(super) use old_config::OLD_CONFIG;
pub use old_config::notification_urls;
pub(super) use old_setup::{OldSetup, triggers};
pub(super) use script::Program;

use crate::cli::machine::{CONFIG, PLAIN_SHARES, SERVICE};
use crate::external::quote;
use crate::files;
use crate::systemd::drop_in::{DIRECTORY as DROP_INS, ENDINGS};
use configuration::configuration;
use old_setup::{Authority, OldUnit};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where a copy of an authority goes that the service could not read.
const COPIED_AUTHORITY: &str = "/etc/vault-unseal/vault-ca.crt";
/// The drop-ins of what waits for servers, which takes the authority too.
const WAIT_DROP_INS: &str = "/etc/systemd/system/vault-unsealed-wait.service.d";

/// What is added to the names of files that are put away.
const OLD_ENDINGS: [&str; 4] = [".old", ".old2", ".old3", ".old4"];

/// Everything to do, in order. Begins at the margin: a here-document does not end at an indented word.
pub(crate) fn steps(this: &OldSetup) -> String {
    let mut text = format!(
        "The move from {} to vault-unseal, step by step, as root. No server is sealed by it.\n",
        quote::sentence(this.origin())
    );
    let mut number = 0;
    let mut step = |title: &str, commands: &str| {
        number += 1;
        let _ = write!(text, "\n# {number}. {title}\n{commands}");
    };
    if !this.installed {
        step(
            "Install vault-unseal's own unit: none is on this machine yet.",
            "#    (The package brings it to /usr/lib/systemd/system.)\n",
        );
    }
    if this.unit.as_ref().is_some_and(|unit| is_put_away(this, &unit.path)) {
        step(
            "It was put away before, and something has restored it: with the Ansible role, set vault_unseal_service: false.",
            "",
        );
    }
    if this.configured {
        step(
            "The configuration is written already. Compare it with what was found here:",
            &remarked(&configuration(this)),
        );
    } else {
        step("Write the configuration.", &written(this));
    }
    let (title, commands) = share_step(this);
    step(&title, &commands);
    if let Some(text) = authority_drop_in(this) {
        let (service, wait) =
            (drop_in(this, DROP_INS, "ca", &text), drop_in(this, WAIT_DROP_INS, "ca", &text));
        let (service, wait) = (quote::shell(&service), quote::shell(&wait));
        step(
            "The authority's file stays where it is as well. What waits for the server reads it too.",
            &format!(
                "install -d -m 755 {DROP_INS} {WAIT_DROP_INS}\ncat >{service} <<'END'\n{text}END\ncp {service} {wait}\n"
            ),
        );
    }
    if let Some((title, commands)) = notifications(this) {
        step(&title, &commands);
    }
    step(
        if this.unit.is_some() {
            "Look at it as it will be. Only if nothing is wrong, put the old unit away and start the new one."
        } else {
            "Look at it as it will be. Only if nothing is wrong, start the service."
        },
        &take_over(this),
    );
    let _ = write!(text, "\n# To go back:\n{}", back(this));
    text
}

fn written(this: &OldSetup) -> String {
    let mut text = String::from("install -d -m 755 /etc/vault-unseal\n");
    if let (Authority::File { path, readable: false, .. }, None) = (&this.authority, handed_over(this)) {
        let _ = writeln!(text, "install -m 644 {} {COPIED_AUTHORITY}", quote::shell(path));
    }
    let _ = write!(text, "cat >{CONFIG} <<'END'\n{}END\nchmod 644 {CONFIG}\n", configuration(this));
    text
}

/// As comments of a shell.
fn remarked(text: &str) -> String {
    text.lines().fold(String::new(), |all, line| all + "#    " + line + "\n")
}

/// Who is told of failures, which another program does here.
fn notifications(this: &OldSetup) -> Option<(String, String)> {
    let (path, config) = this.config.as_ref().filter(|(_, config)| config.targets > 0)?;
    let targets = if config.targets == 1 {
        "1 target is".to_owned()
    } else {
        format!("{} targets are", config.targets)
    };
    Some((
        format!(
            "Notifications: {targets} told by the old program, and by vault-unseal-observer from now on."
        ),
        format!(
            "#    apt install vault-unseal-observer\n\
             #    vault-unseal-observer translate <{}      # prints what goes where; it has secrets\n",
            quote::shell(path)
        ),
    ))
}

fn share_step(this: &OldSetup) -> (String, String) {
    let Some(path) = &this.shares else {
        return (
            format!(
                "The script does not show a file with the shares. Put them into {PLAIN_SHARES}, one a line."
            ),
            // Never over a file that is there: it may hold the only copy.
            format!(
                "test -e {PLAIN_SHARES} || install -m 600 /dev/null {PLAIN_SHARES}\n${{EDITOR:-nano}} {PLAIN_SHARES}\n"
            ),
        );
    };
    let file = quote::sentence(path);
    if this.shares_taken {
        return (
            format!("The share file stays as it is: the unit hands {file} to the service."),
            String::new(),
        );
    }
    match shares_drop_in(path) {
        Ok(text) => (
            "The share file stays where it is: systemd reads it and hands it to the service.".to_owned(),
            format!(
                "install -d -m 755 {DROP_INS}\ncat >{} <<'END'\n{text}END\n",
                quote::shell(&drop_in(this, DROP_INS, "shares", &text))
            ),
        ),
        Err(error) => (
            format!("Copy the share file {file} to {PLAIN_SHARES}. {error}."),
            format!("test -e {PLAIN_SHARES} || install -m 600 {} {PLAIN_SHARES}\n", quote::shell(path)),
        ),
    }
}

/// What hands an authority to the service that this cannot read where it is; `None` for one that it can, and for one that
/// no unit can name.
fn handed_over(this: &OldSetup) -> Option<String> {
    match &this.authority {
        Authority::File { path, readable: false, .. } => quote::load_credential("ca", path).ok(),
        _ => None,
    }
}

/// What hands the share file to the service.
fn shares_drop_in(path: &Path) -> Result<String, quote::Inexpressible> {
    quote::load_credential("shares", path).map(|value| format!("[Service]\nLoadCredential={value}\n"))
}

/// What hands the authority to the services. Without a file the service says so, as of shares; systemd would fail to start it
/// over and over.
fn authority_drop_in(this: &OldSetup) -> Option<String> {
    handed_over(this).map(|value| format!("[Service]\nLoadCredential={value}\nSetCredential=ca:\\n\n"))
}

/// The name of a drop-in with this text: the one that an earlier move wrote, or one that is free.
fn drop_in(this: &OldSetup, directory: &str, stem: &str, text: &str) -> PathBuf {
    let named = |ending: &str| Path::new(directory).join(format!("{stem}{ending}"));
    let taken = |path: &PathBuf| this.machine.look(path).is_some() && !this.holds(path, text);
    ENDINGS.into_iter().map(named).find(|path| !taken(path)).unwrap_or_else(|| named(ENDINGS[0]))
}

/// The drop-ins of this move, and those that an earlier one wrote for the same: they apply to the old unit as well.
fn drop_ins(this: &OldSetup) -> Vec<PathBuf> {
    let mut all = Vec::new();
    if let Some(text) = this.shares.as_ref().and_then(|path| shares_drop_in(path).ok()) {
        let path = drop_in(this, DROP_INS, "shares", &text);
        all.extend((!this.shares_taken || this.holds(&path, &text)).then_some(path));
    }
    if let Some(text) = authority_drop_in(this) {
        all.extend([DROP_INS, WAIT_DROP_INS].map(|directory| drop_in(this, directory, "ca", &text)));
    }
    all
}

/// What starts the service, then the service: so it is not started again meanwhile.
fn old_units(this: &OldSetup) -> impl Iterator<Item = &OldUnit> {
    this.triggers.iter().chain(&this.unit)
}

/// The files that would take the place of ours, start it, or change it; without links, which `systemctl disable` removes.
fn in_the_way(this: &OldSetup) -> impl Iterator<Item = &PathBuf> {
    old_units(this).filter(|unit| unit.link.is_none()).map(|unit| &unit.path).chain(&this.drop_ins)
}

/// One list of commands, each only if those before it worked: nothing is put away for what would not start.
fn take_over(this: &OldSetup) -> String {
    let mut text = String::new();
    for target in links(this) {
        let _ = writeln!(text, "# (The link to {} goes with `disable`.)", quote::sentence(target));
    }
    text.push_str("vault-unseal check --takeover &&\n");
    // What was put away by an earlier move stays where it is.
    let as_seen: Vec<String> = in_the_way(this)
        .map(|path| {
            let old = quote::shell(&old_name(this, path));
            if is_put_away(this, path) {
                format!("cmp {} {old}", quote::shell(path))
            } else {
                format!("! ls -d {old} 2>/dev/null")
            }
        })
        .collect();
    if !as_seen.is_empty() {
        let _ = writeln!(
            text,
            "{{ {} ||\n  {{ echo 'The old unit stays: the files have changed since these steps were printed. For new \
             ones: vault-unseal check'; false; }}; }} &&",
            as_seen.join(" &&\n  ")
        );
    }
    let stopped = names(old_units(this));
    if stopped.is_empty() {
        text.push_str("{\n");
    } else {
        let _ = writeln!(text, "{{ systemctl disable --now {stopped} &&");
    }
    text.extend(in_the_way(this).map(|path| {
        if is_put_away(this, path) {
            format!("  rm {} &&\n", quote::shell(path))
        } else {
            format!("  {} &&\n", moved(path, &old_name(this, path)))
        }
    }));
    // All of what follows is tried in a shell that ends at an error, and the shell that it is pasted into stays as it is.
    let _ = writeln!(
        text,
        "  systemctl daemon-reload &&\n  systemctl enable --now {SERVICE} ||\n  ( set +e\n    \
         systemctl disable --now {SERVICE}"
    );
    // The one that failed, and those after it, are where they were.
    text.extend(in_the_way(this).map(|path| {
        let old = old_name(this, path);
        format!("    test ! -e {} || {}\n", quote::shell(&old), moved(&old, path))
    }));
    let put_back = removed(this) + &linked(this) + "systemctl daemon-reload\n";
    text.extend(put_back.lines().map(|line| format!("    {line}\n")));
    let files: Vec<String> = old_units(this).map(|unit| quote::shell(&unit.path)).collect();
    if files.is_empty() {
        text.push_str(
            "    echo 'The service did not start. The reason: journalctl -u vault-unseal'\n    exit 1 ); }\n",
        );
        return text;
    }
    let _ = write!(
        text,
        "    if ls -d {} >/dev/null && {}\n    \
         then echo 'The move failed, and the old unit is back. The reason: journalctl -u vault-unseal'\n    \
         else echo 'The move failed, and the old unit did not start again. The reasons: journalctl -u vault-unseal'\n    \
         fi\n    exit 1 ); }}\n",
        files.join(" "),
        started(this)
    );
    text
}

fn back(this: &OldSetup) -> String {
    let mut text = format!("systemctl disable --now {SERVICE}\n");
    text.extend(in_the_way(this).map(|path| moved(&old_name(this, path), path) + "\n"));
    text += &(removed(this) + &linked(this) + "systemctl daemon-reload\n");
    match &this.unit {
        Some(_) => text + &started(this) + "\n",
        None => {
            text + "#    (and the old package: dpkg --force-confold --install FILE.deb; apt-mark hold vault-unseal)\n"
        }
    }
}

/// Takes the drop-ins away again.
fn removed(this: &OldSetup) -> String {
    drop_ins(this).iter().fold(String::new(), |all, path| all + "rm -f " + &quote::shell(path) + "\n")
}

/// Makes the links again that `systemctl disable` removed.
fn linked(this: &OldSetup) -> String {
    links(this).fold(String::new(), |all, target| all + "systemctl link " + &quote::shell(target) + "\n")
}

/// Starts the old units, once their files are back.
fn started(this: &OldSetup) -> String {
    let enabled = names(old_units(this).filter(|unit| unit.enabled));
    if enabled.is_empty() {
        format!("systemctl start {SERVICE}")
    } else {
        format!("systemctl enable --now {enabled}")
    }
}

/// What the links lead to that `systemctl disable` removes.
fn links(this: &OldSetup) -> impl Iterator<Item = &PathBuf> {
    old_units(this).filter_map(|unit| unit.link.as_ref())
}

/// Names of old units for a shell.
fn names<'a>(units: impl Iterator<Item = &'a OldUnit>) -> String {
    units.map(|unit| quote::shell(Path::new(&unit.name))).collect::<Vec<_>>().join(" ")
}

fn moved(from: &Path, to: &Path) -> String {
    format!("mv {} {}", quote::shell(from), quote::shell(to))
}

/// A name that systemd does not read: that of the same file from an earlier move, or one that is free.
fn old_name(this: &OldSetup, path: &Path) -> PathBuf {
    let named = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let taken = |name: &PathBuf| this.machine.look(name).is_some() && !this.is_same(path, name);
    OLD_ENDINGS.into_iter().map(named).find(|name| !taken(name)).unwrap_or_else(|| named(OLD_ENDINGS[0]))
}

impl OldSetup {
    /// What is moved from, as a person names it.
    fn origin(&self) -> &Path {
        let unit = self.unit.as_ref().map(|unit| unit.path.as_path());
        unit.or(self.config()).unwrap_or(Path::new(OLD_CONFIG))
    }

    /// The configuration of another program of our name.
    pub(super) fn config(&self) -> Option<&Path> {
        self.config.as_ref().map(|(path, _)| path.as_path())
    }

    /// Whether a file of the machine has this text.
    fn holds(&self, path: &Path, text: &str) -> bool {
        files::read_unjudged(&self.machine.at(path), files::LARGEST)
            .is_ok_and(|held| *held == text.as_bytes())
    }

    /// Whether two files of the machine are the same, byte for byte.
    fn is_same(&self, one: &Path, other: &Path) -> bool {
        let read = |path: &Path| files::read_unjudged(&self.machine.at(path), files::LARGEST).ok();
        matches!((read(one), read(other)), (Some(one), Some(other)) if *one == *other)
    }
}

/// Whether an earlier move put the very same file away, as a role that is run again restores it.
fn is_put_away(this: &OldSetup, path: &Path) -> bool {
    this.is_same(path, &old_name(this, path))
}
