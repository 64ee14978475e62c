//! `vault-unseal hold` and `vault-unseal resume`: the daemon keeps its hands off nodes, and takes them on again.

use super::Exit;
use super::arguments::HoldArguments;
use super::start::{fail, runtime};
use super::status::print_json;
use crate::control::{Request, Which, tell};
use crate::watch::Order;

/// Gives the order to the daemon and says which nodes it is for.
pub(super) fn order(order: Order, options: &HoldArguments) -> Exit {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let which = if options.all { Which::All(true) } else { Which::Nodes(options.nodes.clone()) };
    match runtime.block_on(tell(&options.socket, &Request::Order(order, which))) {
        Ok(nodes) if options.json => print_json(&nodes, Exit::Done),
        Ok(nodes) => {
            let done = match order {
                Order::Hold => "held until `vault-unseal resume`, or until this machine restarts",
                Order::Resume => "looked after again",
            };
            for node in nodes.nodes {
                println!("{}: {done}", node.address);
            }
            Exit::Done
        }
        Err(error) => fail(&error, Exit::Failed),
    }
}
