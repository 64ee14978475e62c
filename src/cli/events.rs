//! `vault-unseal events`: what happened to the servers, as the daemon remembers it.

use super::Exit;
use super::arguments::EventArguments;
use super::start::{fail, say};
use crate::observe::{self, ObservedValue, Seconds, Wanted};
use crate::report::render_warning;
use crate::report::state::counted;
use std::io::{self, Write};
use std::thread::sleep;
use std::time::{Duration, UNIX_EPOCH};

/// Between two looks for later events.
const PAUSE: Duration = Duration::from_secs(1);

/// The last time that is written in this form: the end of the year 9999.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// Prints the events as the options say.
pub(super) fn events(options: &EventArguments) -> Result<Exit, Exit> {
    let ask = |after| observe::document(&options.observe_socket, Wanted::Events(after));
    let mut list = ask(0).map_err(|error| fail(&error, Exit::Failed))?;
    if !print(&list, options, true) {
        return Err(Exit::Failed);
    }
    if !options.follow {
        return Ok(Exit::Done);
    }
    let (mut silent, mut after) = (false, 0);
    loop {
        sleep(PAUSE);
        after = list.items("events").last().map_or(after, |event| event.number("number"));
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
    let at = UNIX_EPOCH.checked_add(event.seconds("at").unwrap_or_default().min(LAST)).unwrap_or(UNIX_EPOCH);
    let at = humantime::format_rfc3339_seconds(at);
    match event.text("address") {
        Some(address) => format!("{at} {address}: {}", what(event)),
        None => format!("{at} daemon: {}", what(event)),
    }
}

fn what(event: &ObservedValue) -> String {
    let Some(state) = event.text("state") else {
        let kind = event.text("kind").unwrap_or_default().to_string().replace('-', " ");
        return event.text("cause").map_or_else(|| kind.clone(), |cause| format!("{kind} ({cause})"));
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(shown, "2025-11-28T09:05:12Z https://vault.home:8200: restarted");
        assert_eq!(
            event(r#"{"number":1,"at":1,"kind":"of-tomorrow\u001b[31m","cause":"x"}"#),
            "1970-01-01T00:00:01Z daemon: of tomorrow\u{fffd}[31m (x)"
        );
        assert_eq!(
            event(r#"{"number":1,"at":4e11,"kind":"started"}"#),
            "9999-12-31T23:59:59Z daemon: started"
        );
        assert_eq!(event(r#"{"number":1,"at":-1,"kind":"started"}"#), "1970-01-01T00:00:00Z daemon: started");
    }
}
