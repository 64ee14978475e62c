//! What would be told of a recorded time.

use super::desk::Desk;
use super::looks::{Looker, PAUSE};
use super::settings::NotifySettings;
use super::tellers::PATIENCE;
use super::well::Pings;
use super::{host, seen};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::time::Duration;
use vault_unseal::cli::{Exit, fail};
use vault_unseal::explain::Explanation;
use vault_unseal::external::quote::sentence;
use vault_unseal::external::{ExternalText, error};
use vault_unseal::observe::Snapshot;
use vault_unseal::report::timestamp;

/// Longest time between two lines of a recording that is gone through.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Prints it. Each line of the file is a document of the observation socket.
pub(super) fn print(path: &Path, settings: &NotifySettings) -> Exit {
    let snapshots = match recorded(path) {
        Ok(snapshots) => snapshots,
        Err(error) => return fail(&error, Exit::Failed),
    };
    let mut out = io::stdout().lock();
    let mut silent = true;
    let mut say = |at: Duration, name: &str, title: &str, text: &str| {
        silent = false;
        let _ = writeln!(out, "{} {name}: {title}", timestamp(at.as_secs()));
        for line in text.lines() {
            let _ = writeln!(out, "    {line}");
        }
    };
    replay(&snapshots, settings, &mut say);
    if silent {
        let _ = writeln!(out, "nothing would have been told");
    }
    Exit::Done
}

/// Reads the file.
fn recorded(path: &Path) -> Result<Vec<Snapshot<ExternalText>>, Explanation> {
    let unread = |why: String| {
        let advice = "It takes what `vault-unseal status --json --watch` prints for other users than root.";
        Explanation::new("recording", format!("{}: {why}", sentence(path)), advice)
    };
    let file = File::open(path).map_err(|cause| unread(error::io(&cause)))?;
    let mut snapshots = Vec::new();
    for (at, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|cause| unread(error::io(&cause)))?;
        if line.trim().is_empty() {
            continue;
        }
        let snapshot = serde_json::from_str(&line);
        snapshots
            .push(snapshot.map_err(|cause| unread(format!("line {}: {}", at + 1, error::json(&cause))))?);
    }
    Ok(snapshots)
}

/// Goes through the time as the service would: a look a second, each at the last snapshot before it.
fn replay(
    snapshots: &[Snapshot<ExternalText>],
    settings: &NotifySettings,
    say: &mut impl FnMut(Duration, &str, &str, &str),
) {
    let host = host();
    let mut looker = Looker::default();
    let of_target = |notify| (notify, Desk::default(), Pings::default(), None);
    let mut desks: Vec<_> = settings.targets.iter().map(of_target).collect();
    for (index, snapshot) in snapshots.iter().enumerate() {
        let mut now = seen::seconds(snapshot.at);
        let next = snapshots.get(index + 1).map(|next| seen::seconds(next.at));
        // After the last one it goes on, so that what was due then is told.
        let end = next.unwrap_or_else(|| now.saturating_add(Duration::from_secs(3600)));
        // Not where the clock was set in between.
        let end = end.min(now.saturating_add(LONGEST));
        while now < end {
            let mut shown = snapshot.clone();
            shown.at = now.as_secs_f64();
            for node in &mut shown.nodes {
                // Nothing was recorded as long as nothing changed.
                if node.up {
                    node.last_confirmed = Some(shown.at);
                }
            }
            let look = looker.look(now, now, Ok(shown));
            for (notify, desk, pings, last) in &mut desks {
                if let Some(ping) = notify.target.ping() {
                    let shown = look.well.for_all(&notify.rules);
                    let after = notify.rules.after.unwrap_or(PATIENCE);
                    let Some(well) = pings.due(now, shown.is_ok(), ping.every(), after) else { continue };
                    pings.told(now, well);
                    // Of pings that say the same again there would be thousands.
                    if last.replace(well) != Some(well) {
                        let what = shown.as_ref().err().map_or("all is well", String::as_str);
                        say(now, &notify.name, what, "");
                    }
                    continue;
                }
                if let Some(message) = desk.compose(now, &look.seen, &look.tracker, &notify.rules) {
                    say(now, &notify.name, &message.title(&host), &message.text());
                    desk.sent(&message, &look.seen);
                }
            }
            now += PAUSE;
        }
    }
}
