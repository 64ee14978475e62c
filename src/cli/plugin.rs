//! `vault-unseal status --plugin`: one line for Icinga, Nagios and Checkmk, as the Monitoring Plugins guidelines want it.

use super::Exit;
use super::node_table::short;
use super::observed::is_unsealed;
use crate::observe::{self, ObserveError, ObservedValue, SERVICE_SOCKET, Wanted};
use crate::report::in_one_line;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

/// Most servers that the line names.
const NAMED: usize = 3;

/// What a plugin says, the worse the later, but for `Unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Ok,
    Warning,
    Critical,
    Unknown,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// 0, 1, 2 and 3: the numbers mean something else here than for other verbs.
    fn exit(self) -> Exit {
        match self {
            Self::Ok => Exit::Done,
            Self::Warning => Exit::Failed,
            Self::Critical => Exit::Usage,
            Self::Unknown => Exit::StillSealed,
        }
    }
}

/// Asks the daemon that can be observed at `path`, or else the service's, and prints the line.
pub(super) fn show(path: Option<&Path>) -> Exit {
    let path = path.unwrap_or(Path::new(SERVICE_SOCKET));
    let (verdict, line) = said(observe::document(path, Wanted::Nodes));
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => verdict.exit(),
        Err(_) => Verdict::Unknown.exit(),
    }
}

fn said(seen: Result<ObservedValue, ObserveError>) -> (Verdict, String) {
    let (verdict, text, figures) = match seen {
        Ok(snapshot) if snapshot.items("nodes").is_empty() => {
            (Verdict::Unknown, "no server is watched: none was found yet".to_owned(), String::new())
        }
        Ok(snapshot) => judge(&snapshot),
        Err(error) => (Verdict::Unknown, in_one_line(&error), String::new()),
    };
    // What follows a bar is figures.
    let text = text.replace('|', "/");
    (verdict, format!("VAULT-UNSEAL {} - {text}{figures}", verdict.word()))
}

fn judge(snapshot: &ObservedValue) -> (Verdict, String, String) {
    let nodes = snapshot.items("nodes");
    let now = snapshot.seconds("at").unwrap_or_default();
    let mut remarks = Vec::new();
    let (mut unsealed, mut held, mut unreachable, mut lifetime) = (0, 0, 0, None);
    for node in nodes {
        let address = node.text("address").unwrap_or_default();
        let state = node.text("state").map_or_else(|| "not asked yet".to_owned(), |state| state.to_string());
        unsealed += u32::from(is_unsealed(node));
        held += u32::from(node.is("state", "held"));
        unreachable += u32::from(node.is("state", "unreachable"));
        let of_state = match state.as_str() {
            "unsealed" => Verdict::Ok,
            "held" => Verdict::Warning,
            _ => Verdict::Critical,
        };
        if of_state != Verdict::Ok {
            remarks.push((of_state, format!("{address} {state}")));
        }
        if let Some((of_certificate, left)) = certificate(node, now) {
            let ends =
                if left.is_zero() { "has ended".to_owned() } else { format!("ends in {}", short(left)) };
            if of_certificate != Verdict::Ok {
                remarks.push((of_certificate, format!("certificate of {address} {ends}")));
            }
            lifetime = lifetime.into_iter().chain([left]).min();
        }
    }
    for cluster in
        snapshot.items("clusters").iter().filter(|cluster| cluster.flag("share_source_up") == Some(false))
    {
        let name = cluster.text("name").unwrap_or_default();
        remarks.push((Verdict::Warning, format!("shares of {name} cannot be read")));
    }
    if snapshot.flag("reload_refused") == Some(true) {
        remarks.push((Verdict::Warning, "the last reload was refused".to_owned()));
    }
    // The worst first; of the same kind, in their order.
    remarks.sort_by_key(|(of_remark, _)| std::cmp::Reverse(*of_remark));
    let verdict = remarks.first().map_or(Verdict::Ok, |(worst, _)| *worst);
    let mut text = format!("{unsealed} of {} unsealed", nodes.len());
    for (_, remark) in remarks.iter().take(NAMED) {
        let _ = write!(text, ", {remark}");
    }
    if remarks.len() > NAMED {
        let _ = write!(text, ", and {} more", remarks.len() - NAMED);
    }
    let all = nodes.len();
    let mut figures =
        format!(" | unsealed={unsealed};;;0;{all} held={held};;;0;{all} unreachable={unreachable};;;0;{all}");
    if let Some(left) = lifetime {
        let _ = write!(figures, " certificate={}s", left.as_secs());
    }
    (verdict, text, figures)
}

/// How a certificate is that a server shows, and how long it lasts: less than a quarter of its life is little, however long
/// that is.
fn certificate(node: &ObservedValue, now: Duration) -> Option<(Verdict, Duration)> {
    let certificate = node.get("certificate")?;
    let (first, last) = (certificate.seconds("not_before")?, certificate.seconds("not_after")?);
    let left = last.saturating_sub(now);
    let verdict = match left {
        Duration::ZERO => Verdict::Critical,
        left if left < last.saturating_sub(first) / 4 => Verdict::Warning,
        _ => Verdict::Ok,
    };
    Some((verdict, left))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(nodes: &[&str], more: &str) -> (u8, String) {
        let nodes: Vec<_> = (1..)
            .zip(nodes)
            .map(|(at, node)| {
                format!(r#"{{"cluster":"home","address":"https://vault-{at}.home:8200",{node}}}"#)
            })
            .collect();
        let text = format!(r#"{{"at":1000000.5,"nodes":[{}]{more}}}"#, nodes.join(","));
        let (verdict, line) = said(Ok(serde_json::from_str(&text).unwrap()));
        (verdict.exit().code(), line)
    }

    #[test]
    fn line_has_the_worst_first_and_figures_behind_a_bar() {
        let unsealed =
            r#""state":"unsealed","sealed":false,"certificate":{"not_before":0,"not_after":2000000}"#;
        let short_lived =
            r#""state":"unsealed","sealed":false,"certificate":{"not_before":0,"not_after":1200000}"#;
        let ended = r#""state":"unsealed","sealed":false,"certificate":{"not_before":0,"not_after":1000000}"#;
        let held = r#""state":"held","sealed":false"#;
        let (sealed, away) = (r#""state":"sealed","sealed":true"#, r#""state":"unreachable""#);
        for (nodes, more, code, said) in [
            (
                vec![unsealed, unsealed],
                "",
                0,
                "OK - 2 of 2 unsealed | unsealed=2;;;0;2 held=0;;;0;2 unreachable=0;;;0;2 certificate=999999s",
            ),
            (
                vec![held, sealed],
                "",
                2,
                "CRITICAL - 1 of 2 unsealed, https://vault-2.home:8200 sealed, https://vault-1.home:8200 held \
                 | unsealed=1;;;0;2 held=1;;;0;2 unreachable=0;;;0;2",
            ),
            (
                vec![short_lived],
                "",
                1,
                "WARNING - 1 of 1 unsealed, certificate of https://vault-1.home:8200 ends in 2d \
                 | unsealed=1;;;0;1 held=0;;;0;1 unreachable=0;;;0;1 certificate=199999s",
            ),
            (
                vec![ended],
                "",
                2,
                "CRITICAL - 1 of 1 unsealed, certificate of https://vault-1.home:8200 has ended \
                 | unsealed=1;;;0;1 held=0;;;0;1 unreachable=0;;;0;1 certificate=0s",
            ),
            (
                vec![away, away, away, away, ""],
                "",
                2,
                "CRITICAL - 0 of 5 unsealed, https://vault-1.home:8200 unreachable, https://vault-2.home:8200 unreachable, \
                 https://vault-3.home:8200 unreachable, and 2 more \
                 | unsealed=0;;;0;5 held=0;;;0;5 unreachable=4;;;0;5",
            ),
            (
                vec![r#""state":"unsealed""#],
                r#","reload_refused":true,"clusters":[{"name":"a|b","share_source_up":false},{"name":"c","share_source_up":true}]"#,
                1,
                "WARNING - 1 of 1 unsealed, shares of a/b cannot be read, the last reload was refused \
                 | unsealed=1;;;0;1 held=0;;;0;1 unreachable=0;;;0;1",
            ),
        ] {
            let nodes: Vec<_> =
                nodes.into_iter().map(|node| if node.is_empty() { r#""up":false"# } else { node }).collect();
            assert_eq!(line(&nodes, more), (code, format!("VAULT-UNSEAL {said}")));
        }
    }

    /// Names that stand for servers can be looked up later.
    #[test]
    fn without_servers_nothing_is_well() {
        assert_eq!(
            line(&[], ""),
            (3, "VAULT-UNSEAL UNKNOWN - no server is watched: none was found yet".to_owned())
        );
    }

    #[test]
    fn without_a_daemon_nothing_is_known() {
        let path = Path::new("/nonexistent/observe.sock");
        let (verdict, line) = said(observe::document(path, Wanted::Nodes));
        assert_eq!(verdict.exit().code(), 3);
        assert!(
            line.starts_with("VAULT-UNSEAL UNKNOWN - no daemon can be observed at /nonexistent/"),
            "{line}"
        );
        assert_eq!(line.lines().count(), 1);
    }
}
