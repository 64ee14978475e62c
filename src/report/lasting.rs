//! Trouble that lasts, and an operator's seal that was undone, in words.

use super::message::Message;
use super::state::keep_sealed;
use crate::cluster::NodeAddress;
use crate::unseal::Event;
use std::time::Duration;
use tracing::Level;

/// What to do where no node is active.
pub const NO_ACTIVE_NODE: &str = "Look at the free space of its disk (`df`), and whether enough nodes of its cluster run and \
                                  reach each other.";

/// How loud an event is, its kind and its text; `None` for one that is no such trouble.
pub fn describe(node: &NodeAddress, event: &Event) -> Option<(Level, Message, String)> {
    Some(match *event {
        Event::KeepsFailing { status, to_shares, from_server, times, lasted, severe } => {
            let level = if severe { Level::ERROR } else { Level::WARN };
            let (what, whose) = if to_shares && from_server {
                ("shares", "The shares are not at fault: look at the server's log, its disk and its memory.")
            } else if to_shares {
                (
                    "shares",
                    "The shares are not at fault: look at the log of the proxy before the server, or name the server \
                     itself in `nodes`.",
                )
            } else {
                (
                    "questions",
                    "Nobody knows whether it is sealed: look at the server's log, and at the proxy if there is one.",
                )
            };
            let words = if from_server || status >= 500 { words_for(status) } else { "a proxy's own answer" };
            let text = format!(
                "{node}: {what} have been answered with HTTP {status} for {} ({times} times): {words}. {whose}",
                span(lasted)
            );
            (level, Message::KeepsFailing, text)
        }
        Event::SeveralServers => {
            let text = format!(
                "{node}: several servers answer here in turn: do nodes name a load balancer? Write the address of each \
                 server into `nodes`."
            );
            (Level::WARN, Message::SeveralServers, text)
        }
        Event::NoActiveNode { lasted } => {
            let text = format!(
                "{node}: unsealed, but there has been no active node for {}: its clients are not served. {NO_ACTIVE_NODE}",
                span(lasted)
            );
            (Level::WARN, Message::NoActiveNode, text)
        }
        Event::SealUndone => {
            let text = format!("{node}: an operator sealed it; it is unsealed again. {}", keep_sealed(node));
            (Level::WARN, Message::SealUndone, text)
        }
        _ => return None,
    })
}

/// What a status code says where the text that came with it is not shown.
fn words_for(status: u16) -> &'static str {
    match status {
        429 => "a rate limit",
        500 => "an internal error of the server",
        502 | 504 => "a proxy before the server gets no answer from it",
        503 => "the server, or a proxy before it, is overloaded or not available",
        501..=599 => "an error of the server's own",
        _ => "an error that says nothing of them",
    }
}

/// A length of time as a person says it: whole seconds, whole minutes from five of them on.
fn span(time: Duration) -> String {
    let seconds = time.as_secs().max(1);
    let whole = if seconds >= 300 { seconds - seconds % 60 } else { seconds };
    humantime::format_duration(Duration::from_secs(whole)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn lasting_trouble_is_told_in_our_words() {
        let node = "https://vault.home:8200".parse().unwrap();
        let failing = |status, to_shares, times, seconds, severe| Event::KeepsFailing {
            status,
            to_shares,
            from_server: status != 502 && status != 403,
            times,
            lasted: Duration::from_secs(seconds),
            severe,
        };
        let events = [
            failing(500, true, 3, 2, false),
            failing(503, true, 40, 301, true),
            failing(502, false, 310, 330, true),
            failing(429, true, 3, 2, false),
            failing(502, true, 3, 2, false),
            failing(403, true, 3, 2, false),
            Event::SeveralServers,
            Event::NoActiveNode { lasted: Duration::from_secs(60) },
            Event::SealUndone,
        ];
        let mut lines = String::new();
        for event in &events {
            let (level, _, text) = describe(&node, event).unwrap();
            writeln!(lines, "{level} {text}").unwrap();
        }
        assert_eq!(lines, include_str!("lasting.txt"));
    }
}
