//! `vault-unseal status`: the state of every server, as the servers tell it.

use super::daemon_status::ShownServers;
use super::daemon_status::{DaemonStatus, HoldNote};
use super::node_table::{NodeRow, node_table};
use super::probe::{Probe, ResolvedName, Target, probe_all};
use super::screen::{Screen, columns_of_terminal};
use super::start::say;
use super::start::with_settings;
use super::{
    ConfigArguments, Exit, arguments::SOCKET, arguments::StatusArguments, daemon_status, observed, plugin,
};
use crate::config::{Origin, Settings, keys};
use crate::control;
use crate::explain::{Explanation, Remark};
use crate::external::quote::sentence;
use crate::external::{self, ExternalText};
use crate::observe::{self, ObservedValue};
use crate::report::Style;
use crate::report::in_one_line;
use crate::report::state::{advice, brief, reason};
use crate::systemd::SERVICE;
use crate::systemd::service::{ServiceProblem, ServiceState, shadow};
use crate::unseal::State;
use crate::vault::TlsFileError;
use serde::Serialize;
use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::path::Path;

/// What may keep a server from being unsealed further.
const STALLED: &str =
    "Too few shares are in as yet. If it stays so, see that enough daemons run and reach this server.";

/// Shows the states as the options say.
pub(super) fn status(arguments: &ConfigArguments, options: &StatusArguments) -> Exit {
    if options.plugin {
        return plugin::show(options.observe_socket.as_deref());
    }
    let of_service = is_of_service(arguments);
    if let Some(exit) = observed::show(options, of_service) {
        return exit;
    }
    with_settings(arguments, None, async |settings| show(settings, options, of_service).await)
        .unwrap_or(Exit::Failed)
}

/// Servers or a file that somebody names are not what the service of this machine looks after.
pub(super) fn is_of_service(arguments: &ConfigArguments) -> bool {
    matches!(arguments.origin(), Origin::Standard(_)) && !arguments.overrides().says(&keys::NODES)
}

async fn show(
    settings: &Settings,
    options: &StatusArguments,
    of_service: bool,
) -> Result<Exit, TlsFileError> {
    let style = Style::of(&io::stdout());
    let mut servers = ShownServers::of(settings).await?;
    let mut screen = Screen::new(options);
    let mut named = options.socket != Path::new(SOCKET);
    loop {
        let mut daemon = DaemonStatus::at(&options.socket).await;
        if named && !daemon.answered {
            say(format_args!(
                "No daemon answers at {}: the servers alone are asked.",
                sentence(&options.socket)
            ));
            named = false;
        }
        servers.add_known(&daemon).await;
        let mut probes = probe_all(&servers.targets).await;
        if daemon.answered && probes.iter().any(Probe::is_unreachable) {
            // That took a while.
            daemon = DaemonStatus::at(&options.socket).await;
        }
        let outsiders = outsiders(&servers.targets, &probes, &daemon);
        let service = if of_service { service(&daemon).await } else { None };
        for (target, probe) in servers.targets.iter().zip(&mut probes) {
            if let Some(state) = daemon.of(target, &probe.state) {
                probe.state = state;
            }
        }
        let unsealed = !probes.is_empty() && probes.iter().all(|probe| probe.state.is_unsealed());
        let shows_times = daemon.answered && !options.json;
        let observed = shows_times.then(|| observe::beside_control(&options.socket)).flatten();
        let view = StatusView {
            servers: &servers,
            probes: &probes,
            outsiders: &outsiders,
            daemon: &daemon,
            asked: asked(&options.socket),
            service,
        };
        let document = match json(&view.document()) {
            Ok(document) => document,
            Err(error) => {
                say(format_args!("error: cannot write JSON: {}", external::error::json(&error)));
                return Ok(Exit::Failed);
            }
        };
        let text = || {
            if options.json { document.clone() } else { view.table(observed.as_ref(), style) }
        };
        if screen.show(document.clone(), &text).is_err() {
            return Ok(Exit::Failed);
        }
        if !options.watch {
            return Ok(if options.exit_code && !unsealed { Exit::StillSealed } else { Exit::Done });
        }
        let paces = || settings.clusters.iter().map(|cluster| &cluster.pace);
        tokio::time::sleep(paces().map(|pace| pace.poll_interval).min().unwrap_or_default()).await;
        servers.renew(paces().map(|pace| pace.resolve_interval).min().unwrap_or_default()).await?;
    }
}

/// The daemon behind this socket, in words.
fn asked(socket: &Path) -> String {
    if socket == Path::new(SOCKET) {
        SERVICE.to_owned()
    } else {
        format!("the daemon at {}", sentence(socket))
    }
}

/// What is to be known of the service of this machine. Where a daemon answers, one runs.
pub(super) async fn service(daemon: &DaemonStatus) -> Option<ServiceProblem> {
    let looked =
        tokio::task::spawn_blocking(|| (shadow(Path::new("/")), ServiceState::of(SERVICE))).await.ok()?;
    if looked.0.is_some() {
        return looked.0;
    }
    looked.1?.problem().filter(|problem| !(daemon.answered && problem.is_down()))
}

/// Which servers are other clusters' members. The daemon remembers what a server showed that is sealed now; without one,
/// the servers have the word.
fn outsiders(targets: &[Target], probes: &[Probe], daemon: &DaemonStatus) -> Vec<Option<Remark>> {
    let shown = daemon_status::outsiders(&daemon_status::memberships(targets, probes), targets);
    let seen = shown.into_iter().map(|outsider| outsider.map(|outsider| Remark::of(&outsider)));
    targets.iter().zip(seen).map(|(target, seen)| daemon.outsider(target, seen)).collect()
}

/// `status --json`.
#[derive(Serialize)]
struct Document<'a> {
    nodes: Vec<Row<'a>>,
    /// The names that stand for nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<control::Name>,
    /// Why the daemon still uses an older configuration than the file's.
    #[serde(skip_serializing_if = "Option::is_none")]
    reload_refused: Option<&'a Remark>,
    /// Why the service of this machine does not do its work, or will not after the next boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_problem: Option<Explanation>,
}

#[derive(Serialize)]
struct Row<'a> {
    cluster: &'a str,
    address: String,
    /// The name it was found by.
    #[serde(skip_serializing_if = "Option::is_none")]
    found_by: Option<String>,
    /// Of a node that was found: whether DNS still has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_dns: Option<bool>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shares: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seal_type: Option<&'a ExternalText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a ExternalText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_name: Option<&'a ExternalText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_id: Option<&'a ExternalText>,
    tls_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    outsider: Option<&'a Remark>,
    /// Since when it is held, and who asked for it.
    #[serde(flatten)]
    held: Option<HoldNote>,
    /// When the last answer came to the daemon of one that is unreachable.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_confirmed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Explanation>,
}

/// Everything that is shown.
struct StatusView<'a> {
    servers: &'a ShownServers<'a>,
    probes: &'a [Probe],
    outsiders: &'a [Option<Remark>],
    daemon: &'a DaemonStatus,
    /// The daemon that was asked, in words.
    asked: String,
    service: Option<ServiceProblem>,
}

impl StatusView<'_> {
    fn document(&self) -> Document<'_> {
        let nodes = self.servers.targets.iter().zip(self.probes).zip(self.outsiders);
        Document {
            nodes: nodes
                .map(|((target, probe), outsider)| row(target, probe, outsider.as_ref(), self.daemon))
                .collect(),
            names: self.servers.names.iter().map(ResolvedName::document).collect(),
            reload_refused: self.daemon.reload_refused.as_ref(),
            service_problem: self.service.as_ref().map(Explanation::of),
        }
    }

    fn table(&self, observed: Option<&ObservedValue>, style: Style) -> String {
        let mut text = table(self, observed, style);
        if let Some(Remark { message, advice }) = &self.daemon.reload_refused {
            let message = format!("the new configuration is not used, the old one stays: {message}");
            remark(&mut text, &self.asked, &message, advice.as_deref());
        }
        if let Some(problem) = &self.service {
            let _ = writeln!(text, "\n{}", style.bad(&in_one_line(problem)));
        }
        text
    }
}

fn row<'a>(
    target: &'a Target,
    probe: &'a Probe,
    outsider: Option<&'a Remark>,
    daemon: &DaemonStatus,
) -> Row<'a> {
    let health = probe.health.as_ref();
    let seal = probe.seal.as_ref();
    Row {
        cluster: &target.cluster,
        address: target.address.to_string(),
        found_by: target.found_by.as_ref().map(ToString::to_string),
        in_dns: target.found_by.as_ref().map(|_| target.in_dns),
        state: probe.state.word(),
        role: match probe.state {
            State::Unsealed { role } => Some(role.word()),
            _ => None,
        },
        progress: seal.map(|seal| seal.progress),
        threshold: seal.map(|seal| seal.threshold),
        shares: seal.map(|seal| seal.total),
        seal_type: seal.map(|seal| &seal.seal_type),
        version: health.and_then(|health| health.version.as_ref()),
        cluster_id: health.and_then(|health| Some(&health.membership.as_ref()?.id)),
        cluster_name: health.and_then(|health| health.membership.as_ref()?.name.as_ref()),
        tls_verified: target.verified,
        outsider,
        held: daemon.held(target),
        last_confirmed: daemon.last_confirmed(target).filter(|_| probe.is_unreachable()),
        problem: match &probe.state {
            State::Unreachable { cause } => Some(Explanation::of(cause)),
            // Held is what somebody wanted.
            State::Held { .. } => None,
            state => reason(state).map(|message| Explanation {
                kind: state.word(),
                message,
                advice: advice(state),
            }),
        },
    }
}

/// A result as one line of JSON.
pub(super) fn json(document: &impl Serialize) -> serde_json::Result<String> {
    external::json_line(document).map(|text| text + "\n")
}

/// Prints a result as one line of JSON.
pub(super) fn print_json(document: &impl Serialize, exit: Exit) -> Exit {
    match json(document).map(|text| write!(io::stdout(), "{text}")) {
        Ok(Ok(())) => exit,
        _ => Exit::Failed,
    }
}

fn table(view: &StatusView<'_>, observed: Option<&ObservedValue>, style: Style) -> String {
    let StatusView { servers, probes, outsiders, daemon, .. } = view;
    let mut rows = Vec::new();
    let mut remarks = String::new();
    for ((target, probe), outsider) in servers.targets.iter().zip(*probes).zip(*outsiders) {
        let mut state = brief(&probe.state);
        if !target.in_dns {
            state.push_str(", not in DNS");
        }
        if target.address.tls && !target.verified {
            state.push_str(", certificate not verified");
        }
        let version = probe.health.as_ref().and_then(|health| health.version.as_ref());
        let (version, word) = (version.map(ToString::to_string), probe.state.word().to_owned());
        let address = target.address.to_string();
        rows.push(NodeRow::new(target.cluster.clone(), &address, word, state, version));
        if let Some(Remark { message, advice }) = outsider {
            remark(&mut remarks, &target.address, message, advice.as_deref());
        }
        // Reasons are sentences: below the table, where there is room for them. What stands there already, the daemon
        // gives as the reason why an outsider stays sealed.
        let why = reason(&probe.state)
            .filter(|text| outsider.as_ref().is_none_or(|outsider| outsider.message != *text));
        let why = why.map(|text| match daemon.held(target) {
            Some(held) => format!("{text}{held}"),
            None => text,
        });
        let confirmed = daemon.last_confirmed(target).filter(|_| probe.is_unreachable());
        let why = why.map(|text| match confirmed {
            Some(at) => format!("{text}; last confirmed at {at}"),
            None => text,
        });
        let advice = match probe.state {
            // Not for the journal: there it is so for a moment at every restart.
            State::Unsealing { .. } => Some(STALLED.to_owned()),
            ref state => advice(state),
        };
        match (why, advice) {
            (Some(text), advice) => remark(&mut remarks, &target.address, &text, advice.as_deref()),
            (None, Some(text)) => remark(&mut remarks, &target.address, &text, None),
            (None, None) => {}
        }
    }
    for name in &servers.names {
        for problem in name.problems() {
            remark(&mut remarks, &name.discovery, &problem.message, problem.advice.as_deref());
        }
    }
    if let Some(observed) = observed {
        rows = with_times(rows, &servers.targets, observed);
    }
    node_table(&rows, columns_of_terminal(), style) + &remarks
}

/// Adds what the daemon remembers, if it watches any of them.
fn with_times(rows: Vec<NodeRow>, targets: &[Target], observed: &ObservedValue) -> Vec<NodeRow> {
    let now = observed.seconds("at").unwrap_or_default();
    let known = observed.items("nodes");
    let of = |target: &Target| {
        let address = target.address.to_string();
        known.iter().find(|node| node.is("cluster", &target.cluster) && node.is("address", &address))
    };
    let nodes: Vec<_> = targets.iter().map(of).collect();
    if nodes.iter().all(Option::is_none) {
        return rows;
    }
    rows.into_iter().zip(nodes).map(|(row, node)| row.observed(node, now)).collect()
}

/// What is to be said of a server or a name, and below it what to do about it.
fn remark(remarks: &mut String, whom: &dyn Display, text: &str, advice: Option<&str>) {
    let _ = writeln!(remarks, "\n{whom}: {text}");
    for line in advice.into_iter().flat_map(str::lines) {
        let _ = writeln!(remarks, "  {line}");
    }
}
