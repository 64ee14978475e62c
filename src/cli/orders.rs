//! `vault-unseal hold`, `resume` and `reload`: what the daemon is told to do.

use super::arguments::{HoldArguments, ReloadArguments, SOCKET};
use super::start::{fail, runtime, say};
use super::status::print_json;
use super::{ConfigArguments, Exit};
use crate::control::{self, ControlError, Request, Which, tell};
use crate::explain::Explanation;
use crate::report::render_warning;
use crate::report::state::counted;
use crate::systemd;
use crate::systemd::journal;
use crate::watch::Order;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{self, Write};
use std::path::PathBuf;

/// Gives the order to the daemon and says which nodes it is for.
pub(super) fn order(order: Order, options: &HoldArguments) -> Result<Exit, Exit> {
    let runtime = runtime()?;
    let which = if options.all { Which::All(true) } else { Which::Nodes(options.nodes.clone()) };
    let nodes = runtime.block_on(tell(&options.socket, &Request::Order(order, which)));
    let nodes = nodes.map_err(|error| fail(&error, Exit::Failed))?;
    // An earlier version of the daemon says nothing of it.
    let kept = nodes.kept != Some(false);
    let exit = if kept { Exit::Done } else { Exit::Failed };
    if options.json {
        return Ok(print_json(&nodes, exit));
    }
    let mut lines = nodes.nodes.iter().map(|node| {
        let node = &node.address;
        match (order, kept) {
            (Order::Hold, true) => {
                format!("{node}: held until `vault-unseal resume {node}`, or until this machine restarts\n")
            }
            (Order::Hold, false) => format!("{node}: held now, and forgotten when the daemon restarts\n"),
            (Order::Resume, true) => format!("{node}: resumed\n"),
            (Order::Resume, false) => {
                format!("{node}: resumed now, and held again when the daemon restarts\n")
            }
        }
    });
    let told = lines.try_for_each(|line| io::stdout().write_all(line.as_bytes()));
    if !kept {
        say(
            "error: the daemon could not write down its holds\n  Its log says why: journalctl -u vault-unseal",
        );
    }
    Ok(if told.is_err() { Exit::Failed } else { exit })
}

/// Has the daemon read its configuration again.
pub(super) fn reload(config: &ConfigArguments, options: &ReloadArguments) -> Result<Exit, Exit> {
    if config.is_given() {
        let misuse = Explanation::usage(
            "reload takes no flags of the configuration: the daemon reads its own again",
            "Edit the file that it was started with; its first line in the journal names it.",
        );
        return Err(fail(&misuse, Exit::Usage));
    }
    let runtime = runtime()?;
    // In `ExecReload=` systemd names the directory of the very service.
    let of_service = || systemd::runtime_directory().map(|directory| control::socket(&directory));
    let socket = options.socket.clone().or_else(of_service).unwrap_or_else(|| PathBuf::from(SOCKET));
    let exit = match runtime.block_on(tell(&socket, &Request::Reload)) {
        // The daemon has put it into the journal already.
        Ok(_) if journal::reads_our_stderr() => Exit::Done,
        Ok(nodes) => {
            let watched = counted(nodes.nodes.len(), "node");
            let _ = writeln!(io::stdout(), "reloaded: it watches {watched}");
            Exit::Done
        }
        // The daemon has put it into the journal already.
        Err(ControlError::ReloadRefused(..)) if journal::reads_our_stderr() => Exit::Config,
        Err(error @ ControlError::ReloadRefused(..)) => fail(&error, Exit::Config),
        Err(error @ (ControlError::Absent(..) | ControlError::Refused(_))) if signalled() => {
            say(render_warning(&error));
            say("  The daemon was sent SIGHUP instead: its log tells whether it reloads.");
            Exit::Done
        }
        Err(error) => fail(&error, Exit::Failed),
    };
    Ok(exit)
}

/// A daemon without a socket, or of an earlier version, reloads on SIGHUP. Only systemd names it, as `$MAINPID`
/// (systemd.service(5)).
fn signalled() -> bool {
    let pid = std::env::var("MAINPID").ok().and_then(|pid| Pid::from_raw(pid.parse().ok()?));
    pid.is_some_and(|pid| kill_process(pid, Signal::HUP).is_ok())
}
