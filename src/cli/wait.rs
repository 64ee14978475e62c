//! `vault-unseal wait`: returns when the servers are unsealed.

use super::daemon_status::DaemonStatus;
use super::probe::{Probe, ResolvedName, Target, mark_foreign_nodes, of_cluster, one, probe};
use super::start::say;
use super::start::with_settings;
use super::status::{is_of_service, service};
use super::{ConfigArguments, Exit, arguments::WaitArguments};
use crate::api::Role;
use crate::cluster::Discovery;
use crate::config::{Cluster, Settings};
use crate::control;
use crate::discovery::{FoundNodes, LookupError, LookupOutcome, LookupReason, Schedule};
use crate::explain::Explanation;
use crate::report;
use crate::report::Style;
use crate::report::in_one_line;
use crate::report::state::{advice, reason};
use crate::systemd;
use crate::systemd::service::ServiceProblem;
use crate::unseal::State;
use crate::vault::TlsFileError;
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{sleep, timeout_at};

/// Pause between two looks after a change: what waits for us should start as soon as it can.
const PAUSE: Duration = Duration::from_millis(20);
/// What it grows to in the first minutes.
const LONG_PAUSE: Duration = Duration::from_millis(80);
/// Pause after [`PATIENCE`].
const LATE_PAUSE: Duration = Duration::from_millis(500);
/// How long the shorter pauses are worth their price.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often a service manager that waits for us is told to go on waiting.
const EXTEND: Duration = Duration::from_secs(10);

/// Waits as the options say.
pub(super) fn wait(arguments: &ConfigArguments, options: &WaitArguments) -> Exit {
    let began = Instant::now();
    let of_service = is_of_service(arguments);
    let verb = async |settings: &Settings| wait_for(settings, options, of_service, began).await;
    match with_settings(arguments, options.timeout, verb) {
        Some(exit) => exit,
        None => Exit::StillSealed,
    }
}

/// What is new.
enum WaitEvent {
    /// One server's state.
    State { index: usize, probe: Probe },
    /// What a name stands for.
    Name { cluster: usize, discovery: Discovery, result: Result<FoundNodes, LookupError> },
}

/// The servers that are waited for, and the names that stand for some of them.
struct WaitSet<'a> {
    settings: &'a Settings,
    names: Vec<ResolvedName>,
    targets: Vec<Target>,
    states: Vec<Option<State>>,
    sender: Sender<WaitEvent>,
    /// Why the service of this machine does not unseal them, once the time is over.
    service: Option<ServiceProblem>,
}

async fn wait_for(
    settings: &Settings,
    options: &WaitArguments,
    of_service: bool,
    began: Instant,
) -> Result<Exit, TlsFileError> {
    // A deadline beyond what the clock can say is none.
    let deadline = options.timeout.and_then(|limit| began.checked_add(limit));
    let (sender, mut events) = channel(16);
    let mut servers = WaitSet {
        settings,
        names: Vec::new(),
        targets: Vec::new(),
        states: Vec::new(),
        sender,
        service: None,
    };
    for (index, cluster) in settings.clusters.iter().enumerate() {
        match before(deadline, servers.join(cluster)).await {
            Some(joined) => joined?,
            None => return Ok(servers.end(options, began, Exit::StillSealed)),
        }
        for discovery in &cluster.discoveries {
            tokio::spawn(search(index, cluster.clone(), discovery.clone(), servers.sender.clone()));
        }
    }
    while !servers.is_done(options.any) {
        systemd::status(&servers.summary());
        match next(&mut events, deadline).await {
            Some(WaitEvent::State { index, probe }) => {
                if let Some(target) = servers.targets.get(index).filter(|_| !options.json) {
                    say(format_args!("{}: {}", target.address, report::state::phrase(&probe.state)));
                }
                if let Some(state) = servers.states.get_mut(index) {
                    *state = Some(probe.state);
                }
            }
            Some(WaitEvent::Name { cluster, discovery, result }) => {
                let applied = servers.apply_lookup(cluster, discovery, result, !options.json);
                match before(deadline, applied).await {
                    Some(applied) => applied?,
                    None => return Ok(servers.end(options, began, Exit::StillSealed)),
                }
            }
            None => {
                let daemon = DaemonStatus::at(&options.socket).await;
                servers.ask(&daemon);
                servers.service = if of_service { service(&daemon).await } else { None };
                return Ok(servers.end(options, began, Exit::StillSealed));
            }
        }
    }
    systemd::ready(&servers.summary());
    Ok(servers.end(options, began, Exit::Done))
}

impl WaitSet<'_> {
    /// Follows the servers of a cluster that are not followed yet.
    async fn join(&mut self, cluster: &Cluster) -> Result<(), TlsFileError> {
        for target in of_cluster(cluster, &self.names).await? {
            if !self.targets.iter().any(|known| known.is(&target.cluster, &target.address)) {
                tokio::spawn(follow(self.targets.len(), target.clone(), self.sender.clone()));
                self.targets.push(target);
                self.states.push(None);
            }
        }
        Ok(())
    }

    /// Takes in what a name stands for. A server that it does not stand for any more is still waited for: Kubernetes
    /// takes those that are sealed out of DNS.
    async fn apply_lookup(
        &mut self,
        cluster: usize,
        discovery: Discovery,
        result: Result<FoundNodes, LookupError>,
        aloud: bool,
    ) -> Result<(), TlsFileError> {
        let Some(cluster) = self.settings.clusters.get(cluster) else { return Ok(()) };
        let new = ResolvedName { cluster: cluster.name.clone(), discovery, result, elsewhere: Vec::new() };
        let earlier =
            self.names.iter().position(|name| name.cluster == new.cluster && name.discovery == new.discovery);
        let problems = |name: &ResolvedName| name.problems().into_iter().map(|problem| problem.message);
        let said: Vec<String> =
            earlier.and_then(|at| self.names.get(at)).map(problems).into_iter().flatten().collect();
        let at = earlier.unwrap_or(self.names.len());
        match self.names.get_mut(at) {
            Some(name) => *name = new,
            None => self.names.push(new),
        }
        mark_foreign_nodes(self.settings, &mut self.names);
        if let Some(name) = self.names.get(at).filter(|_| aloud) {
            for message in problems(name).filter(|message| !said.contains(message)) {
                say(format_args!("{}: {message}", name.discovery));
            }
        }
        self.join(cluster).await
    }

    /// Any server serves, or all do: then every name has to stand for some.
    fn is_done(&self, any: bool) -> bool {
        let serving = self.states.iter().flatten().filter(|state| serves(state)).count();
        if any {
            return serving > 0;
        }
        let mut all = self.settings.clusters.iter().flat_map(|cluster| {
            cluster.discoveries.iter().map(|discovery| (cluster.name.as_str(), discovery))
        });
        serving == self.targets.len() && all.all(|(cluster, discovery)| self.has_found(cluster, discovery))
    }

    /// A name stood for a server once, whatever came of its last lookup.
    fn has_found(&self, cluster: &str, discovery: &Discovery) -> bool {
        let now = self.names.iter().any(|name| {
            name.cluster == cluster && name.discovery == *discovery && name.nodes().next().is_some()
        });
        now || self
            .targets
            .iter()
            .any(|target| target.cluster == cluster && target.found_by.as_ref() == Some(discovery))
    }

    /// Puts in what the daemon knows.
    fn ask(&mut self, daemon: &DaemonStatus) {
        for (target, state) in self.targets.iter().zip(&mut self.states) {
            if let Some(known) = state.as_ref().and_then(|seen| daemon.of(target, seen)) {
                *state = Some(known);
            }
        }
    }

    fn summary(&self) -> String {
        let mut line = self.states.iter().map(Option::as_ref).collect::<report::state::Tally>().to_string();
        for name in &self.names {
            for problem in name.problems() {
                line = format!("{line}; {}: {}", name.discovery, problem.message);
            }
        }
        line
    }

    fn end(&self, options: &WaitArguments, began: Instant, exit: Exit) -> Exit {
        if options.json {
            let nodes = self.targets.iter().zip(&self.states).map(|(target, state)| Node {
                cluster: &target.cluster,
                address: target.address.to_string(),
                state: state.as_ref().map(State::word),
                reason: state.as_ref().and_then(reason),
            });
            let result = Document {
                unsealed: exit == Exit::Done,
                waited_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                nodes: nodes.collect(),
                names: self.names.iter().map(ResolvedName::document).collect(),
                service_problem: self.service.as_ref().map(Explanation::of),
            };
            return super::status::print_json(&result, exit);
        }
        let style = Style::of(&std::io::stderr());
        if exit == Exit::Done {
            let waited = humantime::format_duration(Duration::from_millis(
                u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            ));
            say(format_args!("{} after {waited}", style.good("unsealed")));
        } else {
            say(format_args!("{}: {}", style.bad("not unsealed in time"), self.summary()));
            self.explain();
            if let Some(problem) = &self.service {
                say(format_args!("  {}", in_one_line(problem)));
            }
            say("  Look at `vault-unseal status`, and at `journalctl -u vault-unseal` for the reason.");
        }
        exit
    }

    /// Says why servers are not unsealed, and what to do about it. Why one is unreachable was said when it was.
    fn explain(&self) {
        for (target, state) in self.targets.iter().zip(&self.states) {
            let Some(state) = state.as_ref().filter(|state| !matches!(state, State::Unreachable { .. }))
            else {
                continue;
            };
            let advice = advice(state);
            if reason(state).is_none() && advice.is_none() {
                continue;
            }
            say(format_args!("  {}: {}", target.address, report::state::phrase(state)));
            for line in advice.iter().flat_map(|advice| advice.lines()) {
                say(format_args!("    {line}"));
            }
        }
    }
}

/// Unsealed, and able to answer: a standby that sees no active node, as every raft node is for an instant after its
/// unseal, would fail whoever waits for us.
fn serves(state: &State) -> bool {
    matches!(state, State::Unsealed { role } if *role != Role::StandbyWithoutActive)
}

/// What comes of reading files, or `None` at the deadline.
async fn before<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline.into(), work).await.ok(),
        None => Some(work.await),
    }
}

/// The next event, or `None` at the deadline. Tells a waiting service manager to be patient meanwhile.
async fn next(events: &mut Receiver<WaitEvent>, deadline: Option<Instant>) -> Option<WaitEvent> {
    loop {
        let now = Instant::now();
        let turn = now + EXTEND;
        let until = deadline.map_or(turn, |deadline| deadline.min(turn));
        if let Ok(received) = timeout_at(until.into(), events.recv()).await {
            return received;
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        }
        systemd::extend_timeout(EXTEND * 3);
    }
}

/// Looks at one server for as long as somebody listens, and reports every change of state.
async fn follow(index: usize, target: Target, sender: Sender<WaitEvent>) {
    let began = Instant::now();
    let mut last = None;
    let mut pause = PAUSE;
    loop {
        let probe = probe(&target).await;
        pause = (pause * 5 / 4).min(if began.elapsed() < PATIENCE { LONG_PAUSE } else { LATE_PAUSE });
        if last.as_ref() != Some(&probe.state) {
            last = Some(probe.state.clone());
            pause = PAUSE;
            if sender.send(WaitEvent::State { index, probe }).await.is_err() {
                return;
            }
        }
        sleep(pause).await;
    }
}

/// Looks one name up for as long as somebody listens.
async fn search(index: usize, cluster: Cluster, discovery: Discovery, sender: Sender<WaitEvent>) {
    let mut schedule = Schedule::new(cluster.pace.resolve_interval);
    loop {
        let result = one(&cluster, &discovery).await;
        let outcome = if result.is_ok() { LookupOutcome::Same } else { LookupOutcome::Failed };
        let event = WaitEvent::Name { cluster: index, discovery: discovery.clone(), result };
        if sender.send(event).await.is_err() {
            return;
        }
        sleep(schedule.after(LookupReason::Turn, outcome).closes).await;
    }
}

#[derive(Serialize)]
struct Document<'a> {
    unsealed: bool,
    waited_ms: u64,
    nodes: Vec<Node<'a>>,
    /// The names that stand for nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<control::Name>,
    /// Why the service of this machine does not do its work.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_problem: Option<Explanation>,
}

#[derive(Serialize)]
struct Node<'a> {
    cluster: &'a str,
    address: String,
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}
