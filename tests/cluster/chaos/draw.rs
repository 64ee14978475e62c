//! What goes wrong in one round, drawn from a seed.

use std::time::Duration;

use super::deed::{Deed, SLEEPER};
use super::stranger::Mischief;
use crate::support::network::{Slow, Swallow};

/// What happens in a round, and what is to be judged.
pub(crate) struct Plan {
    /// In the order of time.
    pub(crate) deeds: Vec<(Duration, Deed)>,
    /// A cut that is not over when those are judged who can be expected to be unsealed all the same.
    pub(crate) lasting: Option<Cut>,
    /// What it is, in words.
    pub(crate) faults: Vec<String>,
}

/// A node that is cut off.
pub(crate) struct Cut {
    /// The machines that still reach a server in numbers that are enough: their daemons unseal it.
    pub(crate) judged: Vec<usize>,
    /// How it ends.
    pub(crate) end: Vec<Deed>,
}

/// Draws a round of a cluster of so many nodes. `clocks`: daemons have clocks that can jump.
pub(crate) fn draw(rng: &mut fastrand::Rng, nodes: usize, clocks: bool) -> Plan {
    let mut plan = Plan { deeds: Vec::new(), lasting: None, faults: Vec::new() };
    // A link has one fault at a time.
    let mut links: Vec<usize> = (0..nodes).collect();
    rng.shuffle(&mut links);
    // The first gives the daemons something to do.
    plan.outage(rng, nodes, &mut links);
    for _ in 0..rng.usize(0..=2) {
        match rng.u8(0..100) {
            0..25 => plan.outage(rng, nodes, &mut links),
            25..28 => plan.seal(rng, nodes),
            28..35 => plan.daemon_ends(rng, nodes),
            35..50 => plan.cut(rng, nodes, &mut links),
            50..58 => plan.slow_link(rng, &mut links),
            58..74 => plan.pause(rng, nodes),
            74..92 => plan.stranger(rng, nodes),
            _ if clocks => plan.clock(rng, nodes),
            _ => plan.daemon_ends(rng, nodes),
        }
    }
    plan.deeds.sort_by_key(|(at, _)| *at);
    plan
}

fn millis(rng: &mut fastrand::Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}

impl Plan {
    fn at(&mut self, at: Duration, deed: Deed) {
        self.deeds.push((at, deed));
    }

    /// Servers end: some or all of them, killed or asked to, or with their machine.
    fn outage(&mut self, rng: &mut fastrand::Rng, nodes: usize, links: &mut Vec<usize>) {
        if rng.u8(0..4) == 0 {
            return self.reboot(rng, nodes, links);
        }
        let mut which: Vec<usize> = (0..nodes).collect();
        rng.shuffle(&mut which);
        which.truncate(rng.usize(1..=nodes));
        self.faults.push(format!("servers {which:?} end"));
        let began = millis(rng, 0..800);
        for node in which {
            let at = began + millis(rng, 0..200);
            self.at(at, if rng.bool() { Deed::KillServer(node) } else { Deed::TerminateServer(node) });
        }
    }

    /// A machine restarts; when it loses power, nobody hears its connections end.
    fn reboot(&mut self, rng: &mut fastrand::Rng, nodes: usize, links: &mut Vec<usize>) {
        let node = links.pop().unwrap_or_else(|| rng.usize(0..nodes));
        let power = rng.bool();
        self.faults.push(format!("machine {node} reboots{}", if power { ", after a power cut" } else { "" }));
        let (began, takes) = (millis(rng, 0..800), millis(rng, 300..2500));
        if power {
            self.at(began, Deed::Swallow(Swallow::from(node)));
            self.at(began + takes, Deed::Deliver(Swallow::from(node)));
        }
        self.at(began, Deed::PowerOff(node));
        self.at(began + takes, Deed::PowerOn(node));
    }

    fn seal(&mut self, rng: &mut fastrand::Rng, nodes: usize) {
        let node = rng.usize(0..nodes);
        self.faults.push(format!("an operator seals server {node}"));
        self.at(millis(rng, 0..2000), Deed::Stranger(node, Mischief::Seal));
    }

    fn daemon_ends(&mut self, rng: &mut fastrand::Rng, nodes: usize) {
        let (node, at) = (rng.usize(0..nodes), millis(rng, 0..2000));
        self.faults.push(format!("daemon {node} ends"));
        self.at(at, if rng.bool() { Deed::KillDaemon(node) } else { Deed::TerminateDaemon(node) });
    }

    /// A node is cut off: for a while, or until the others have been judged.
    fn cut(&mut self, rng: &mut fastrand::Rng, nodes: usize, links: &mut Vec<usize>) {
        let Some(node) = links.pop() else { return };
        let other = links.last().copied();
        let (from, to) = (Swallow::from(node), Swallow::to(node));
        let mut judged: Vec<usize> = (0..nodes).filter(|&judged| judged != node).collect();
        let (how, begin, end) = match (rng.u8(0..5), other) {
            (0, _) => ("its cable is out", vec![Deed::Unplug(node)], vec![Deed::Plug(node)]),
            (1, _) => ("nobody hears it", vec![Deed::Swallow(from)], vec![Deed::Deliver(from)]),
            (2, _) => ("it hears nobody", vec![Deed::Swallow(to)], vec![Deed::Deliver(to)]),
            (3, Some(other)) => {
                // Each of the two still has its own daemon, and that of a third.
                judged.push(node);
                let one = Swallow::between(node, other);
                ("one other does not hear it", vec![Deed::Swallow(one)], vec![Deed::Deliver(one)])
            }
            _ => (
                "packets are swallowed both ways",
                vec![Deed::Swallow(from), Deed::Swallow(to)],
                vec![Deed::Deliver(from), Deed::Deliver(to)],
            ),
        };
        let began = millis(rng, 0..1000);
        self.deeds.extend(begin.into_iter().map(|deed| (began, deed)));
        let lasts = self.lasting.is_none() && rng.bool();
        self.faults
            .push(format!("node {node} is cut off: {how}{}", if lasts { ", and stays so" } else { "" }));
        if lasts {
            self.lasting = Some(Cut { judged, end });
        } else {
            // Some for longer than a connection lives that hears nothing.
            let takes = if rng.u8(0..5) == 0 { millis(rng, 4000..9000) } else { millis(rng, 300..3500) };
            self.deeds.extend(end.into_iter().map(|deed| (began + takes, deed)));
        }
    }

    fn slow_link(&mut self, rng: &mut fastrand::Rng, links: &mut Vec<usize>) {
        let Some(node) = links.pop() else { return };
        let link = Slow {
            kbit_per_second: rng.u32(256..2048),
            delay: millis(rng, 10..150),
            jitter: millis(rng, 0..30),
            loss_percent: rng.u8(0..10),
        };
        self.faults.push(format!("the link of node {node} is slow: {link:?}"));
        let (began, takes) = (millis(rng, 0..800), millis(rng, 500..3500));
        self.at(began, Deed::Slow(node, link));
        self.at(began + takes, Deed::Fast(node));
    }

    fn pause(&mut self, rng: &mut fastrand::Rng, nodes: usize) {
        let (node, server) = (rng.usize(0..nodes), rng.bool());
        let (began, takes) = (millis(rng, 0..1500), millis(rng, 200..2500));
        self.faults.push(format!("{} {node} hangs", if server { "server" } else { "daemon" }));
        let (begin, end) = if server {
            (Deed::PauseServer(node), Deed::ResumeServer(node))
        } else {
            (Deed::PauseDaemon(node), Deed::ResumeDaemon(node))
        };
        self.at(began, begin);
        self.at(began + takes, end);
    }

    fn stranger(&mut self, rng: &mut fastrand::Rng, nodes: usize) {
        let (node, times, pause) = (rng.usize(0..nodes), rng.usize(1..=3), millis(rng, 0..40));
        let mischief =
            if rng.bool() { Mischief::Resets { times, pause } } else { Mischief::Poison { times, pause } };
        self.faults.push(format!("a stranger at server {node}: {mischief:?}"));
        self.at(millis(rng, 0..500), Deed::Stranger(node, mischief));
    }

    /// Back by less than an hour: certificates begin an hour before the test does.
    fn clock(&mut self, rng: &mut fastrand::Rng, nodes: usize) {
        let node = rng.usize(0..nodes);
        if node == SLEEPER {
            let seconds = rng.i64(1..6 * 3600);
            self.faults.push(format!("machine {node} wakes {seconds} s later"));
            return self.at(millis(rng, 0..2000), Deed::Wake(node, seconds));
        }
        let seconds = if rng.bool() { rng.i64(-3300..0) } else { rng.i64(0..3 * 24 * 3600) };
        self.faults.push(format!("the clock of daemon {node} is {seconds} s off from now on"));
        self.at(millis(rng, 0..2000), Deed::Clock(node, seconds));
    }
}
