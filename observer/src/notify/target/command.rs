//! A program that takes a message on its standard input. No shell is between.

use super::Undelivered;
use crate::document::{DocumentError, Table};
use crate::notify::message::Message;
use crate::notify::settings::refused;
use crate::service::{Looking, NOTIFIER, how_to_give};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use vault_unseal::explain::Explanation;
use vault_unseal::external::quote::sentence;
use vault_unseal::files::credentials_directory;

/// Stands at the beginning of an argument for the directory of the service's credentials.
const CREDENTIALS: &str = "$CREDENTIALS_DIRECTORY/";

/// A program.
#[derive(Debug)]
pub struct Command {
    run: Vec<String>,
    /// Text for people, rather than JSON.
    text: bool,
}

impl Command {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, DocumentError> {
        let run = table.texts("run")?.filter(|run| !run.is_empty());
        let run =
            run.ok_or_else(|| table.lacks("run", "Write run = [\"/usr/bin/program\", \"argument\"]."))?;
        if let Some(program) = run.first().filter(|program| !program.value.starts_with('/')) {
            let advice = "Write the whole path: no shell looks for it.";
            return Err(refused(&program.place, "config-path", "this program does not begin at /", advice));
        }
        if let Some(argument) = run.iter().find(|argument| argument.value.contains("://")) {
            let advice = "Everybody on the machine sees the arguments of programs. Put it into a file that the program reads, as \
                          Apprise does with --config=$CREDENTIALS_DIRECTORY/apprise, and give that to the service as credential.";
            return Err(refused(
                &argument.place,
                "config-secret",
                "this is a URL, which may have a secret in it",
                advice,
            ));
        }
        let text = match table.text("stdin")? {
            None => false,
            Some(written) => match written.value {
                "json" => false,
                "text" => true,
                _ => {
                    let advice = "There are json and text.";
                    return Err(refused(&written.place, "config-format", "there is no such format", advice));
                }
            },
        };
        Ok(Self { run: run.into_iter().map(|argument| argument.value.to_owned()).collect(), text })
    }

    fn program(&self) -> &str {
        self.run.first().map_or("", String::as_str)
    }

    pub(super) fn credentials(&self) -> Vec<&str> {
        self.run.iter().filter_map(|argument| Some(argument.split_once(CREDENTIALS)?.1)).collect()
    }

    pub(super) fn check(&self, looking: Looking<'_>) -> Result<(), Explanation> {
        let Looking::ByHand(service) = looking else {
            let lost = self.run.iter().map(|argument| argument_of(argument)).find_map(Result::err);
            // What is missing beside that is told when it is run: other targets need not wait for it.
            return lost.map_or(Ok(()), Err);
        };
        let path = Path::new(self.program());
        if std::fs::metadata(path)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        {
            if service.is_none_or(|service| service.can_run(path)) {
                return Ok(());
            }
            let message = format!("{NOTIFIER} may not run {}: its sandbox forbids it", sentence(path));
            let advice = "Put it into /usr/local/bin, or let it run: systemctl edit vault-unseal-notify, [Service], \
                          ExecPaths=DIRECTORY";
            return Err(Explanation::new("target-program", message, advice));
        }
        Err(Explanation::new(
            "target-program",
            format!("{} is no program", sentence(path)),
            "Install it, or write its whole path. The service sees /usr alone of where programs are.",
        ))
    }

    pub(super) async fn tell(&self, message: &Message, host: &str) -> Result<(), Undelivered> {
        let broken = || Undelivered::new("target-json", "the message cannot be written as JSON", "");
        let input = if self.text {
            format!("{}\n\n{}", message.title(host), message.text()).into_bytes()
        } else {
            message.json(host).map_err(|_| broken())?
        };
        let mut command = tokio::process::Command::new(self.program());
        let arguments: Result<Vec<_>, _> =
            self.run.iter().skip(1).map(|argument| argument_of(argument)).collect();
        command.args(arguments?);
        // What systemd gave this service is not the program's: its notification socket, its watchdog.
        command.env_clear();
        for name in [
            "PATH",
            "LANG",
            "LC_ALL",
            "HOME",
            "CREDENTIALS_DIRECTORY",
            "http_proxy",
            "https_proxy",
            "HTTPS_PROXY",
            "no_proxy",
            "NO_PROXY",
            "all_proxy",
            "ALL_PROXY",
        ] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("VAULT_UNSEAL_TITLE", message.title(host));
        // What it prints nobody knows: it may be the secret that it was given.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // With whatever it starts itself, if it takes too long.
        command.process_group(0).kill_on_drop(true);
        let failed = |what: String, advice: &str| Undelivered::new("target-program", what, advice);
        let mut child = command.spawn().map_err(|error| {
            let why = vault_unseal::external::error::io(&error);
            failed(
                format!("{} cannot be run: {why}", sentence(Path::new(self.program()))),
                "Look whether it is there, and may be executed. The service may run what is in /usr alone: `sudo \
                 vault-unseal-observer check` tells.",
            )
        })?;
        let mut group = Group(child.id());
        if let Some(mut stdin) = child.stdin.take() {
            // It need not read it.
            let _ = stdin.write_all(&input).await;
        }
        let status = child.wait().await;
        // What it left behind on purpose may go on, as a mail program's delivery does.
        group.0 = None;
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => {
                let how =
                    status.code().map_or_else(|| "by a signal".to_owned(), |code| format!("with {code}"));
                Err(failed(
                    format!("{} ended {how}", sentence(Path::new(self.program()))),
                    "Run it by hand with a text on its standard input: what it prints is not shown here, as secrets may be in it.",
                ))
            }
            Err(_) => Err(failed("it was lost".to_owned(), "It is tried again.")),
        }
    }
}

fn argument_of(argument: &str) -> Result<OsString, Explanation> {
    let (before, name) = match argument.split_once(CREDENTIALS) {
        Some((before, name)) if before.is_empty() || before.ends_with('=') => (before, name),
        _ => return Ok(argument.into()),
    };
    let path = credentials_directory().map(|directory| directory.join(name)).filter(|path| path.exists());
    let path = path.ok_or_else(|| {
        Explanation::new(
            "target-secret",
            format!("the credential \"{name}\" of an argument is not there"),
            how_to_give(NOTIFIER, name),
        )
    })?;
    let mut whole = OsString::from(before);
    whole.push(path);
    Ok(whole)
}

/// A program with its children: nobody is left when its time is over.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let group = self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
