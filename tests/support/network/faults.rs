//! What goes wrong in a network: all of it in the switch, where neither side sees more than a real network shows.

use std::fmt::Write as _;
use std::sync::{Once, PoisonError};
use std::time::Duration;

use super::namespace::tool;
use super::{Network, port};

/// Packets that are swallowed without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swallow {
    /// The node they come from; `None`: any.
    pub from: Option<usize>,
    /// The node they go to; `None`: any.
    pub to: Option<usize>,
    /// The TCP port they go to; `None`: everything, ARP included.
    pub tcp_port: Option<u16>,
}

impl Swallow {
    /// All that this node sends.
    pub fn from(node: usize) -> Self {
        Self { from: Some(node), to: None, tcp_port: None }
    }

    /// All that this node is sent.
    pub fn to(node: usize) -> Self {
        Self { from: None, to: Some(node), tcp_port: None }
    }

    /// All that one node sends to another, and nothing of the way back.
    pub fn between(from: usize, to: usize) -> Self {
        Self { from: Some(from), to: Some(to), tcp_port: None }
    }

    /// Of these, the segments to this port.
    pub fn only_to_port(self, port: u16) -> Self {
        Self { tcp_port: Some(port), ..self }
    }

    fn rule(&self) -> String {
        let mut rule = String::new();
        for (side, node) in [("iifname", self.from), ("oifname", self.to)] {
            if let Some(node) = node {
                write!(rule, "{side} \"{}\" ", port(node)).unwrap();
            }
        }
        if let Some(port) = self.tcp_port {
            write!(rule, "tcp dport {port} ").unwrap();
        }
        rule + "drop\n"
    }
}

/// A slow and lossy link, in both directions.
#[derive(Debug, Clone, Copy)]
pub struct Slow {
    pub kbit_per_second: u32,
    /// Each way, where the kernel can delay (`sch_netem`); elsewhere the rate is all the delay there is.
    pub delay: Duration,
    /// How far the delay varies.
    pub jitter: Duration,
    pub loss_percent: u8,
}

/// What is wrong just now.
#[derive(Default)]
pub(super) struct Faults {
    swallowed: Vec<Swallow>,
    /// Losses of nodes, in per cent, where the kernel has no better way to lose packets.
    lossy: Vec<(usize, u8)>,
}

impl Network {
    /// Pulls the node's cable out: both ends see it.
    pub fn unplug(&self, node: usize) {
        self.switch.run(&["ip", "link", "set", &port(node), "down"]);
    }

    /// Puts it in again.
    pub fn plug(&self, node: usize) {
        self.switch.run(&["ip", "link", "set", &port(node), "up"]);
    }

    /// Swallows these packets from now on.
    pub fn swallow(&self, what: Swallow) {
        self.change(|faults| faults.swallowed.push(what));
    }

    /// Ends one [`Network::swallow`] of the same.
    pub fn deliver(&self, what: Swallow) {
        self.change(|faults| {
            if let Some(at) = faults.swallowed.iter().position(|known| *known == what) {
                faults.swallowed.remove(at);
            }
        });
    }

    /// Makes a node's link slow. At most one such fault a node.
    pub fn slow(&self, node: usize, link: Slow) {
        let netem = has_netem(self);
        let rate = format!("{}kbit", link.kbit_per_second);
        let [delay, jitter] = [link.delay, link.jitter].map(|time| format!("{}ms", time.as_millis()));
        let loss = format!("{}%", link.loss_percent);
        let how: Vec<&str> = if netem {
            vec!["netem", "delay", &delay, &jitter, "loss", &loss, "rate", &rate]
        } else {
            vec!["tbf", "rate", &rate, "burst", "4kb", "latency", "400ms"]
        };
        let there = port(node);
        for (namespace, device) in [(&self.switch, there.as_str()), (&self.nodes[node], "eth0")] {
            namespace.run(&[&["tc", "qdisc", "replace", "dev", device, "root"], how.as_slice()].concat());
        }
        if !netem {
            self.change(|faults| faults.lossy.push((node, link.loss_percent)));
        }
    }

    /// Ends [`Network::slow`].
    pub fn fast(&self, node: usize) {
        let there = port(node);
        for (namespace, device) in [(&self.switch, there.as_str()), (&self.nodes[node], "eth0")] {
            namespace.run(&["tc", "qdisc", "del", "dev", device, "root"]);
        }
        self.change(|faults| faults.lossy.retain(|(lossy, _)| *lossy != node));
    }

    /// All rules at one stroke.
    fn change(&self, change: impl FnOnce(&mut Faults)) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut faults);
        let mut rules = String::from(
            "table bridge faults\ndelete table bridge faults\n\
             table bridge faults {\nchain forward {\ntype filter hook forward priority 0\n",
        );
        for swallow in &faults.swallowed {
            rules.push_str(&swallow.rule());
        }
        for (node, percent) in &faults.lossy {
            for side in ["iifname", "oifname"] {
                writeln!(rules, "{side} \"{}\" numgen random mod 100 < {percent} drop", port(*node)).unwrap();
            }
        }
        rules.push_str("}\n}\n");
        self.switch.run(&["nft", &rules]);
    }
}

/// Whether this kernel can delay packets; says once what a slow link is here.
fn has_netem(network: &Network) -> bool {
    static SAID: Once = Once::new();
    // On a device of the switch's own that nothing goes through.
    let lo = |what: &[&str]| {
        let command = [&["tc", "qdisc", what[0], "dev", "lo", "root"], &what[1..]].concat();
        network.switch.inside(|| tool(&command).output()).is_ok_and(|output| output.status.success())
    };
    let has = lo(&["replace", "netem", "delay", "1ms"]) && lo(&["del"]);
    SAID.call_once(|| {
        let how = if has {
            "delay, jitter, loss and rate by netem"
        } else {
            "a rate by tbf, and losses by nft: this kernel has no netem"
        };
        eprintln!("slow links have {how}");
    });
    has
}
