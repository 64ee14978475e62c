//! `vault-unseal wait`: returns when the servers are unsealed.

use super::look::{Look, Target, look};
use super::say::say;
use super::start::with_targets;
use super::told::Told;
use super::{ConfigArguments, Exit, arguments::WaitArguments};
use crate::report;
use crate::report::state::{advice, reason};
use crate::report::style::Style;
use crate::systemd::notify;
use crate::unseal::State;
use crate::vault::Role;
use serde::Serialize;
use std::collections::BTreeMap;
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
    with_targets(arguments, async |targets| wait_for(targets, options).await)
}

/// One server's new state.
struct News {
    index: usize,
    look: Look,
}

async fn wait_for(targets: &[Target], options: &WaitArguments) -> Exit {
    let began = Instant::now();
    // A deadline beyond what the clock can say is none.
    let deadline = options.timeout.and_then(|limit| began.checked_add(limit));
    let (sender, mut news) = channel(targets.len().max(1));
    for (index, target) in targets.iter().cloned().enumerate() {
        tokio::spawn(follow(index, target, sender.clone()));
    }
    drop(sender);
    let mut states: BTreeMap<usize, State> = BTreeMap::new();
    let done = |states: &BTreeMap<usize, State>| {
        let serving = states.values().filter(|state| serves(state)).count();
        if options.any { serving > 0 } else { serving == targets.len() }
    };
    while !done(&states) {
        notify::status(&summary(targets, &states));
        let Some(News { index, look }) = next(&mut news, deadline).await else {
            let told = Told::by_daemon_at(&options.socket).await;
            for (index, state) in &mut states {
                if let Some(known) = targets.get(*index).and_then(|target| told.of(target, state)) {
                    *state = known;
                }
            }
            return end(targets, &states, options, began, Exit::StillSealed);
        };
        if let Some(target) = targets.get(index).filter(|_| !options.json) {
            say(format_args!("{}: {}", target.address, report::state::phrase(&look.state)));
        }
        states.insert(index, look.state);
    }
    notify::ready(&summary(targets, &states));
    end(targets, &states, options, began, Exit::Done)
}

/// Unsealed, and able to answer: a standby that sees no active node, as every raft node is for an instant after its
/// unseal, would fail whoever waits for us.
fn serves(state: &State) -> bool {
    matches!(state, State::Unsealed { role } if *role != Role::StandbyWithoutActive)
}

/// The next news, or `None` at the deadline. Tells a waiting service manager to be patient meanwhile.
async fn next(news: &mut Receiver<News>, deadline: Option<Instant>) -> Option<News> {
    loop {
        let now = Instant::now();
        let turn = now + EXTEND;
        let until = deadline.map_or(turn, |deadline| deadline.min(turn));
        if let Ok(received) = timeout_at(until.into(), news.recv()).await {
            return received;
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        }
        notify::extend_timeout(EXTEND * 3);
    }
}

/// Looks at one server for as long as somebody listens, and reports every change of state.
async fn follow(index: usize, target: Target, sender: Sender<News>) {
    let began = Instant::now();
    let mut last = None;
    let mut pause = PAUSE;
    loop {
        let look = look(&target).await;
        pause = (pause * 5 / 4).min(if began.elapsed() < PATIENCE { LONG_PAUSE } else { LATE_PAUSE });
        if last.as_ref() != Some(&look.state) {
            last = Some(look.state.clone());
            pause = PAUSE;
            if sender.send(News { index, look }).await.is_err() {
                return;
            }
        }
        sleep(pause).await;
    }
}

fn summary(targets: &[Target], states: &BTreeMap<usize, State>) -> String {
    report::state::summary((0..targets.len()).map(|index| states.get(&index)))
}

#[derive(Serialize)]
struct Result<'a> {
    unsealed: bool,
    waited_ms: u64,
    nodes: Vec<Node<'a>>,
}

#[derive(Serialize)]
struct Node<'a> {
    cluster: &'a str,
    address: String,
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

fn end(
    targets: &[Target],
    states: &BTreeMap<usize, State>,
    options: &WaitArguments,
    began: Instant,
    exit: Exit,
) -> Exit {
    if options.json {
        let nodes = targets.iter().enumerate().map(|(index, target)| Node {
            cluster: &target.cluster,
            address: target.address.to_string(),
            state: states.get(&index).map(State::word),
            reason: states.get(&index).and_then(reason),
        });
        let result = Result {
            unsealed: exit == Exit::Done,
            waited_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            nodes: nodes.collect(),
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
        say(format_args!("{}: {}", style.bad("not unsealed in time"), summary(targets, states)));
        for (index, state) in states {
            // Why a server is unreachable was said when it was.
            let why = !matches!(state, State::Unreachable { .. })
                && (reason(state).is_some() || advice(state).is_some());
            let Some(target) = targets.get(*index).filter(|_| why) else { continue };
            say(format_args!("  {}: {}", target.address, report::state::phrase(state)));
            for line in advice(state).iter().flat_map(|advice| advice.lines()) {
                say(format_args!("    {line}"));
            }
        }
        say("  Look at `vault-unseal status`, and at `journalctl -u vault-unseal` for the reason.");
    }
    exit
}
