//! `vault-unseal events`: what happened to the servers, as the daemon remembers it.

use super::Exit;
use super::arguments::EventArguments;
use super::start::{fail, say};
use crate::external::ExternalText;
use crate::observe::{self, ObservedValue, Seconds, Wanted};
use crate::report::render_warning;
use crate::report::state::counted;
use crate::telemetry::EventKind;
use std::io::{self, Write};
use std::thread::sleep;
use std::time::{Duration, UNIX_EPOCH};

/// Between two looks for later events.
const PAUSE: Duration = Duration::from_secs(1);

/// Prints the events as the options say.
pub(super) fn events(options: &EventArguments) -> Result<Exit, Exit> {
    let ask = |after| observe::document(&options.observe_socket, Wanted::Events(after));
    let mut list = ask(options.after).map_err(|error| fail(&error, Exit::Failed))?;
    if !print(&list, options, options.after == 0) {
        return Err(Exit::Failed);
    }
    if !options.follow {
        return Ok(Exit::Done);
    }
    let mut silent = false;
    loop {
        sleep(PAUSE);
        let last = list.items("events").last();
        let after = last.map_or_else(|| list.number("last"), |event| event.number("number"));
        // In another life of the daemon events have other numbers.
        let later = ask(after)
            .and_then(|later| if later.get("instance") == list.get("instance") { Ok(later) } else { ask(0) });
        match later {
            Ok(later) => list = later,
            Err(error) => {
                if !silent {
                    say(render_warning(&error));
                    say("  Waiting for it.");
                }
                silent = true;
                continue;
            }
        }
        silent = false;
        if !print(&list, options, false) {
            return Err(Exit::Failed);
        }
    }
}

/// Whether somebody reads it. What is no longer kept at the first look is nobody's loss.
fn print(list: &ObservedValue, options: &EventArguments, first: bool) -> bool {
    let lost = list.number("lost");
    if lost > 0 {
        let lost = counted(usize::try_from(lost).unwrap_or(usize::MAX), "event");
        let what = if first { "earlier ones are no longer kept" } else { "are missing here" };
        say(format_args!("{lost}: {what}; `journalctl -u vault-unseal` has them"));
    }
    let events = list.items("events").iter();
    let line = |event: &ObservedValue| if options.json { format!("{event}\n") } else { line(event) + "\n" };
    let text: String = events.map(line).collect();
    write!(io::stdout(), "{text}").and_then(|()| io::stdout().flush()).is_ok()
}

/// `2026-11-28T09:05:12Z https://vault.home:8200: sealed -> unsealed (active), 0.312 s after it was first seen sealed`.
fn line(event: &ObservedValue) -> String {
    let at = UNIX_EPOCH.checked_add(event.seconds("at").unwrap_or_default()).unwrap_or(UNIX_EPOCH);
    let at = humantime::format_rfc3339_seconds(at);
    match event.text("address") {
        Some(address) => format!("{at} {address}: {}", what(event)),
        None => format!("{at} {}", what(event)),
    }
}

fn what(event: &ObservedValue) -> String {
    let Some(state) = event.text("state") else {
        let words = words(&event.text("kind").unwrap_or_default());
        return event.text("cause").map_or_else(|| words.clone(), |cause| format!("{words} ({cause})"));
    };
    let mut line = match event.text("previous").filter(|previous| *previous != state) {
        Some(previous) => format!("{previous} -> {state}"),
        None => state.to_string(),
    };
    if let Some(why) = ["role", "hold", "cause"].into_iter().find_map(|name| event.text(name)) {
        line = format!("{line} ({why})");
    }
    match event.seconds("took") {
        Some(took) => format!("{line}, {} s after it was first seen sealed", Seconds(took)),
        None => line,
    }
}

/// A kind in words; one of a later version stays what it is.
fn words(kind: &ExternalText) -> String {
    let known = EventKind::all().find(|known| *kind == *known.word());
    let words = match known {
        None | Some(EventKind::State) => return kind.to_string(),
        Some(EventKind::Started) => "the daemon was started",
        Some(EventKind::Reloaded) => "the daemon uses a new configuration",
        Some(EventKind::ReloadRefused) => "the daemon refused a new configuration, the old one stays",
        Some(EventKind::Watched) => "watched from now on",
        Some(EventKind::Gone) => "no longer watched",
        Some(EventKind::Restarted) => "the server was restarted",
        Some(EventKind::OperatorSeal) => "an operator sealed it",
        Some(EventKind::SelfSeal) => "it sealed itself soon after it was unsealed",
        Some(EventKind::RoundRefused) => "it refused a round of shares from here",
        Some(EventKind::RoundDisturbed) => "a round that others had a part in failed or was lost",
        Some(EventKind::KeepsFailing) => "it keeps answering with errors",
        Some(EventKind::SeveralServers) => "several servers answer in turn",
        Some(EventKind::NoActiveNode) => "its cluster has no active node",
        Some(EventKind::CorruptShare) => "a share of its source does not fit the others",
        Some(EventKind::ForeignNode) => "it is a member of another cluster",
        Some(EventKind::ReconnectFails) => "a new connection to it would fail",
        Some(EventKind::ReconnectWorks) => "a new connection to it is good again",
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_words() {
        for kind in EventKind::all().filter(|kind| *kind != EventKind::State) {
            let word = kind.word();
            assert_ne!(words(&ExternalText::new(word)), word);
        }
        assert_eq!(words(&ExternalText::new("of-tomorrow\u{1b}")), "of-tomorrow\u{fffd}");
    }

    #[test]
    fn event_is_one_line() {
        let event = |json: &str| line(&serde_json::from_str(json).unwrap());
        let node = r#""number":7,"at":1764320712.25,"cluster":"home","address":"https://vault.home:8200""#;
        let shown = event(&format!(
            r#"{{{node},"kind":"state","state":"unsealed","previous":"unsealing","role":"active","took":0.3121}}"#
        ));
        assert_eq!(
            shown,
            "2025-11-28T09:05:12Z https://vault.home:8200: unsealing -> unsealed (active), 0.312 s after it was first seen sealed"
        );
        let shown = event(&format!(
            r#"{{{node},"kind":"state","state":"unreachable","previous":"unreachable","cause":"timeout"}}"#
        ));
        assert_eq!(shown, "2025-11-28T09:05:12Z https://vault.home:8200: unreachable (timeout)");
        let shown = event(&format!(r#"{{{node},"kind":"restarted"}}"#));
        assert_eq!(shown, "2025-11-28T09:05:12Z https://vault.home:8200: the server was restarted");
        assert_eq!(
            event(r#"{"number":1,"at":-1,"kind":"started"}"#),
            "1970-01-01T00:00:00Z the daemon was started"
        );
    }
}
