//! `vault-unseal hold` and `vault-unseal resume`: the daemon leaves nodes alone, and unseals them again.

use super::Exit;
use super::arguments::HoldArguments;
use super::say::say;
use super::start::{fail, runtime};
use super::status::print_json;
use crate::control::{Request, Which, tell};
use crate::watch::Order;
use std::io::{self, Write};

/// Gives the order to the daemon and says which nodes it is for.
pub(super) fn order(order: Order, options: &HoldArguments) -> Exit {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let which = if options.all { Which::All(true) } else { Which::Nodes(options.nodes.clone()) };
    let nodes = match runtime.block_on(tell(&options.socket, &Request::Order(order, which))) {
        Ok(nodes) => nodes,
        Err(error) => return fail(&error, Exit::Failed),
    };
    // An earlier version of the daemon says nothing of it.
    let kept = nodes.kept != Some(false);
    let exit = if kept { Exit::Done } else { Exit::Failed };
    if options.json {
        return print_json(&nodes, exit);
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
    if told.is_err() { Exit::Failed } else { exit }
}
