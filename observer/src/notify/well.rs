//! Whether all is well, as a service is told that expects to hear so. Pure.

use super::seen::{seconds, serves};
use super::settings::Rules;
use super::tracker::STEADY;
use std::time::Duration;
use vault_unseal::external::ExternalText;
use vault_unseal::observe::{ObservedNode, Snapshot};

/// After so many polls without an answer of the server nothing is known of it.
const POLLS: u32 = 3;
/// Polls that are closer together are late by more than themselves on a busy machine.
const LEAST: Duration = Duration::from_secs(3);
/// Most servers that are named.
const NAMED: usize = 5;

/// What is well and what is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wellness {
    /// The daemon tells nothing, for this reason.
    Unknown(String),
    /// Each server's cluster, and what is wrong with it.
    Known(Vec<(String, Option<String>)>),
}

impl Wellness {
    /// What the daemon says.
    pub(super) fn of(snapshot: &Snapshot<ExternalText>) -> Self {
        Self::Known(
            snapshot.nodes.iter().map(|node| (node.cluster.to_string(), wrong(node, snapshot))).collect(),
        )
    }

    /// Every server of these clusters serves, and has said so itself within three polls; or what is not so.
    pub(super) fn for_all(&self, rules: &Rules) -> Result<(), String> {
        let nodes = match self {
            Self::Unknown(why) => return Err(why.clone()),
            Self::Known(nodes) => nodes.iter().filter(|(cluster, _)| rules.has_cluster(cluster)),
        };
        let (mut any, mut wrong) = (false, Vec::new());
        for (_, of_node) in nodes {
            any = true;
            wrong.extend(of_node.as_deref());
        }
        match wrong.len() {
            0 if any => Ok(()),
            0 => Err("no server is watched".to_owned()),
            many => {
                wrong.truncate(NAMED);
                let more = if many > NAMED { format!("; and {} more", many - NAMED) } else { String::new() };
                Err(format!("{}{more}", wrong.join("; ")))
            }
        }
    }
}

fn wrong(node: &ObservedNode<ExternalText>, snapshot: &Snapshot<ExternalText>) -> Option<String> {
    let state = node.state.as_ref().map_or_else(|| "not asked yet".to_owned(), ToString::to_string);
    if !serves(node) {
        let cause = node.cause.as_ref().map(|cause| format!(", {cause}")).unwrap_or_default();
        return Some(format!("{}: {state}{cause}", node.address));
    }
    let name = node.cluster.to_string();
    let cluster = snapshot.clusters.iter().find(|cluster| cluster.name == *name.as_str());
    let poll = cluster.and_then(|cluster| cluster.poll_interval);
    let young = poll.map_or(LEAST, |poll| (seconds(poll) * POLLS).max(LEAST));
    let age = node.last_confirmed.map(|confirmed| seconds(snapshot.at).saturating_sub(seconds(confirmed)));
    let late = age.is_none_or(|age| age > young);
    late.then(|| format!("{}: {state}, but it has not answered lately", node.address))
}

/// When a service is told that all is well or is not.
#[derive(Debug, Clone, Default)]
pub(super) struct Pings {
    /// When it was told last, and what.
    told: Option<(Duration, bool)>,
    /// Since when something is wrong.
    wrong: Option<Duration>,
    /// Since when nothing is wrong any more.
    well: Option<Duration>,
}

impl Pings {
    /// What to tell now, if anything: what is wrong is told when it has lasted for so long, and until then nothing is. It is
    /// over when all has been well for a while.
    pub(super) fn due(
        &mut self,
        now: Duration,
        well: bool,
        every: Duration,
        after: Duration,
    ) -> Option<bool> {
        if well {
            let since = *self.well.get_or_insert(now);
            if self.wrong.is_some() && now.saturating_sub(since) < STEADY.min(after) {
                return None;
            }
            self.wrong = None;
        } else {
            self.well = None;
            let since = *self.wrong.get_or_insert(now);
            if now.saturating_sub(since) < after {
                return None;
            }
        }
        let due = self.told.is_none_or(|(at, told)| told != well || now.saturating_sub(at) >= every);
        due.then_some(well)
    }

    /// It was told.
    pub(super) fn told(&mut self, now: Duration, well: bool) {
        self.told = Some((now, well));
    }
}
