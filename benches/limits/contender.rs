//! Who is measured: the daemon, the bare loop, and whatever else is named. Each is a process of its own that gets the same
//! nodes, shares and authority, so that time, memory, CPU and connections of all are counted alike.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::json;

use super::asking;
use super::bare::Bare;
use super::ground::write;
use super::libraries;
use super::options::{Beside, Options};
use super::support::certs::Authority;
use super::support::network::Namespace;
use super::support::process::{Daemon, vault_unseal};
use super::table::{DAEMON, Table, Unit};

/// One of them.
pub(crate) struct Contender {
    pub(crate) name: String,
    program: Program,
}

enum Program {
    Daemon,
    Bare(Bare),
    Beside(Beside),
    /// A command with `{config}` in it.
    Peer(String),
}

impl Contender {
    /// The daemon first, then the bare loop, then the peers.
    pub(crate) fn all(bare: Bare, options: &Options) -> Vec<Self> {
        let bare_name = if matches!(bare, Bare::Poller) { "bare poller" } else { "bare loop" };
        let mut all = vec![Self::daemon(), Self { name: bare_name.to_owned(), program: Program::Bare(bare) }];
        for beside in &options.beside {
            let name = match beside {
                // There is nothing to ask first.
                Beside::Asking if matches!(bare, Bare::Poller) => continue,
                Beside::Asking => "asks first",
                Beside::Libraries => "libraries alone",
            };
            all.push(Self { name: name.to_owned(), program: Program::Beside(*beside) });
        }
        for (name, command) in &options.peers {
            all.push(Self { name: name.clone(), program: Program::Peer(command.clone()) });
        }
        all
    }

    /// How this one compares with the bare loop, as the name of a column.
    pub(crate) fn compared(&self) -> String {
        if self.name == DAEMON {
            super::table::COMPARED.to_owned()
        } else {
            format!("{}, compared", self.name)
        }
    }

    /// It goes on looking at servers that are unsealed, as the loops do not.
    pub(crate) fn watches(&self) -> bool {
        !matches!(self.program, Program::Bare(Bare::One | Bare::Many) | Program::Beside(Beside::Asking))
    }

    /// The limit, if this is who has to keep it.
    pub(crate) fn held_to(&self, limit: f64) -> Option<f64> {
        (self.name == DAEMON).then_some(limit)
    }

    /// The daemon alone.
    pub(crate) fn daemon() -> Self {
        Self { name: DAEMON.to_owned(), program: Program::Daemon }
    }

    /// Starts it.
    pub(crate) fn start(&self, home: &Home) -> Running {
        self.start_with(home, |_| ())
    }

    /// Starts it with a runtime directory, and says where it can be observed.
    pub(crate) fn start_observed(&self, home: &Home) -> (Running, PathBuf) {
        let directory = home.files.path().join("run");
        fs::create_dir_all(&directory).unwrap();
        let running = self.start_with(home, |command| {
            command.env("RUNTIME_DIRECTORY", &directory);
        });
        (running, directory.join("observe.sock"))
    }

    fn start_with(&self, home: &Home, more: impl FnOnce(&mut Command)) -> Running {
        let config = home.files.path().join("config.toml");
        let mut command = match &self.program {
            Program::Daemon => vault_unseal(&["run", "--config", config.to_str().unwrap()]),
            Program::Bare(bare) => bare_loop(&["bare", bare.word()], home),
            Program::Beside(Beside::Asking) => bare_loop(&[asking::WORD], home),
            Program::Beside(Beside::Libraries) => bare_loop(&[libraries::WORD], home),
            Program::Peer(text) => {
                let mut words = text.split_whitespace();
                let mut command = Command::new(words.next().expect("a program"));
                command.args(words.map(|word| word.replace("{config}", config.to_str().unwrap())));
                command
            }
        };
        command.env_clear().stdin(Stdio::null());
        more(&mut command);
        let mut start = || {
            let began = Instant::now();
            Running { began, process: Daemon::start(&mut command) }
        };
        match &home.namespace {
            None => start(),
            Some(namespace) => namespace.inside(start),
        }
    }
}

fn bare_loop(words: &[&str], home: &Home) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(words).arg(home.files.path().join("bare.json"));
    command
}

/// Rows of one measure: the bare loop's, the daemon's, what they give, and the peers'.
pub(crate) fn contest(
    table: &mut Table,
    measure: &str,
    contenders: &[Contender],
    values: &[&Vec<f64>],
    unit: Unit,
    limit: Option<f64>,
) {
    let bare = values[1];
    table.sample(measure, &contenders[1].name, bare, unit, None);
    for (contender, values) in contenders.iter().zip(values).filter(|(it, _)| it.name != contenders[1].name) {
        table.sample(measure, &contender.name, values, unit, None);
        let limit = limit.and_then(|limit| contender.held_to(limit));
        table.ratio(measure, &contender.compared(), (values, bare), limit);
    }
}

/// One that runs; killed when dropped.
pub(crate) struct Running {
    /// Just before its process was made.
    pub(crate) began: Instant,
    process: Daemon,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }
}

/// What each of them is told, and where it runs.
pub(crate) struct Home {
    files: tempfile::TempDir,
    namespace: Option<Namespace>,
}

impl Home {
    /// `tls`: the authority, and the name in the certificates where that is not the nodes' address.
    pub(crate) fn new(
        urls: &[String],
        tls: Option<(&Authority, Option<&str>)>,
        shares: &[String],
        namespace: Option<Namespace>,
    ) -> Self {
        let files = super::support::directory::named("limits-");
        let path = |name: &str| files.path().join(name);
        let trust = tls.map_or(String::new(), |(authority, name)| {
            write(path("ca.crt"), &authority.pem());
            let name = name.map_or(String::new(), |name| format!(", server_name = {name:?}"));
            format!("tls = {{ ca_file = \"{}\"{name} }}\n", path("ca.crt").display())
        });
        write(path("shares"), &(shares.join("\n") + "\n"));
        let config = format!(
            "[[cluster]]\nnodes = {urls:?}\nshares = {{ file = \"{}\" }}\n{trust}",
            path("shares").display()
        );
        write(path("config.toml"), &config);

        let nodes: Vec<&str> = urls.iter().map(|url| url.split("://").nth(1).unwrap()).collect();
        let name = tls.map(|(_, name)| name.unwrap_or_else(|| nodes[0].rsplit_once(':').unwrap().0));
        let authority = tls.map(|(authority, _)| authority.pem());
        let bare = json!({ "nodes": nodes, "authority": authority, "name": name, "shares": shares });
        write(path("bare.json"), &bare.to_string());
        Self { files, namespace }
    }

    /// Does this where they run.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        within(self.namespace.as_ref(), work)
    }
}

/// Does this in a namespace, if there is one.
pub(crate) fn within<T: Send>(namespace: Option<&Namespace>, work: impl FnOnce() -> T + Send) -> T {
    match namespace {
        None => work(),
        Some(namespace) => namespace.inside(work),
    }
}
