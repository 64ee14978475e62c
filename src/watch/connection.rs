//! Connections beside the one that is kept: waiting for a server to come back, and whether one that runs would be believed
//! again. Its connection is kept for as long as it runs, so that a CA that was replaced, or a certificate that ended, would be
//! noticed only at its next restart: too late, and it stays sealed.

use super::desired::NodeSpec;
use super::ticker::Ticker;
use super::turns::Turns;
use crate::api::Unreachable;
use crate::explain::Explain;
use crate::unseal::{Moment, ProbeBudget, probe_pause};
use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

/// Times `slow_interval`: how much time lies between two checks (5 minutes).
const PAUSE: u32 = 10;
/// The same after one that failed (1 minute).
const PAUSE_IN_TROUBLE: u32 = 2;

/// Checks new connections to one server.
#[derive(Debug, Default)]
pub(super) struct ReconnectCheck {
    due: Option<Instant>,
    running: Option<JoinHandle<Result<(), Unreachable>>>,
    /// The kind of the last failure, until a connection is good again.
    failed: Option<&'static str>,
}

/// What a check found that is news.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reconnect {
    /// A new connection would be refused, here or there.
    Refused(Unreachable),
    /// A new connection is good again.
    Good,
}

impl ReconnectCheck {
    /// Returns what is news, once a check is due: never of a server that has no TLS or is not `unsealed`. Whoever gives up
    /// waiting for it loses nothing.
    pub(super) async fn news(&mut self, spec: &NodeSpec, unsealed: bool, turns: &Arc<Turns>) -> Reconnect {
        if !unsealed || !spec.server.has_tls() {
            // The next connection that is made tells as much.
            self.begin_anew();
            return pending().await;
        }
        loop {
            if let Some(news) = self.check(spec, turns).await {
                return news;
            }
        }
    }

    /// What is under way is of an earlier connection or configuration. What was told of the last failure stays told.
    pub(super) fn begin_anew(&mut self) {
        self.due = None;
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }

    async fn check(&mut self, spec: &NodeSpec, turns: &Arc<Turns>) -> Option<Reconnect> {
        let slow = spec.cluster.pace.slow_interval;
        if self.running.is_none() {
            let due = *self.due.get_or_insert_with(|| Instant::now() + around(slow.saturating_mul(PAUSE)));
            sleep_until(due.into()).await;
            // On its own: polls are not to cut it short.
            let (server, turns) = (spec.server.clone(), Arc::clone(turns));
            self.running = Some(tokio::spawn(async move {
                let _turn = turns.next(|| ()).await;
                server.connects_anew().await
            }));
        }
        let outcome = self.running.as_mut()?.await;
        self.running = None;
        let before = self.failed;
        let news = match outcome {
            Ok(Ok(())) => self.failed.take().map(|_| Reconnect::Good),
            Ok(Err(cause @ (Unreachable::Tls(_) | Unreachable::Files(_)))) => {
                self.failed = Some(cause.kind());
                (before != self.failed).then_some(Reconnect::Refused(cause))
            }
            // A busy server or network: says nothing of the next time.
            Ok(Err(_)) | Err(_) => None,
        };
        let pause = if self.failed.is_some() { PAUSE_IN_TROUBLE } else { PAUSE };
        self.due = Some(Instant::now() + around(slow.saturating_mul(pause)));
        news
    }
}

/// Up to a tenth more: not all servers at once.
fn around(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + fastrand::f64() / 10.0)
}

/// How often a node is asked at the most while its port is probed: that it refuses is known, and each question is
/// one more try at its host. It looks its name up anew.
const ASK_WHILE_PROBING: Duration = Duration::from_millis(500);
/// The same of all such nodes together: of a thousand, the questions would be a third of all tries.
const ASK_ANY_WHILE_PROBING: Duration = Duration::from_millis(2);

/// How many nodes of which host are probed, this machine's own under no name: together they are no more often than one alone,
/// and as often as their host's budget allows.
#[derive(Debug)]
pub(super) struct ReconnectProbes {
    /// What the budgets count time from.
    began: Instant,
    probed: Mutex<Probed>,
}

#[derive(Debug, Default)]
struct Probed {
    hosts: BTreeMap<Option<String>, ProbedHost>,
    all: usize,
}

#[derive(Debug, Default)]
struct ProbedHost {
    nodes: usize,
    /// Outlasts an outage: a host that is gone again and again is tried no more often than one that stays away.
    budget: ProbeBudget,
}

impl Default for ReconnectProbes {
    fn default() -> Self {
        Self { began: Instant::now(), probed: Mutex::default() }
    }
}

impl ReconnectProbes {
    /// How long to wait before a node is asked whose port was closed for the first time `refused` after `began`.
    pub(super) fn until_asked(&self, planned: Duration, began: Instant, refused: Option<Moment>) -> Duration {
        let probed = |refused| probe_pause(began.elapsed().saturating_sub(refused), true, 1, 1).is_some();
        if !refused.is_some_and(probed) {
            return planned;
        }
        let all = u32::try_from(self.probed().all).unwrap_or(u32::MAX);
        planned.max(ASK_WHILE_PROBING).max(ASK_ANY_WHILE_PROBING.saturating_mul(all))
    }

    /// Returns when something listens again at a server whose port was closed for the first time `refused` after
    /// `began`. Without that, or when it is no longer worth while, never.
    pub(super) async fn returned(&self, spec: &NodeSpec, began: Instant, refused: Option<Moment>) {
        if let Some(refused) = refused {
            let own = spec.server.is_own().await;
            let here = ProbePermit::at(self, (!own).then(|| spec.node.address.host.clone()));
            let mut ticker = Ticker::begin();
            while let Some(pause) = here.pause(began.elapsed().saturating_sub(refused)) {
                ticker.tick(pause).await;
                if here.may_try() && spec.server.probe().await {
                    return;
                }
            }
        }
        pending::<()>().await;
    }

    fn probed(&self) -> MutexGuard<'_, Probed> {
        self.probed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts while it lives.
struct ProbePermit<'a> {
    probes: &'a ReconnectProbes,
    host: Option<String>,
}

impl<'a> ProbePermit<'a> {
    fn at(probes: &'a ReconnectProbes, host: Option<String>) -> Self {
        let mut probed = probes.probed();
        if probed.all == 0 {
            let now = probes.began.elapsed();
            probed.hosts.retain(|_, host| !host.budget.is_full(now));
        }
        probed.hosts.entry(host.clone()).or_default().nodes += 1;
        probed.all += 1;
        Self { probes, host }
    }

    fn pause(&self, refused: Moment) -> Option<Moment> {
        let probed = self.probes.probed();
        let own = self.host.is_none();
        let host = probed.hosts.get(&self.host)?;
        let pause = probe_pause(refused, own, host.nodes, probed.all)?;
        Some(if own { pause } else { host.budget.wait(self.probes.began.elapsed(), pause) })
    }

    /// Takes a try out of the host's budget; this machine has none. If another node was faster, the next pause is longer.
    fn may_try(&self) -> bool {
        let mut probed = self.probes.probed();
        let host = probed.hosts.get_mut(&self.host).filter(|_| self.host.is_some());
        host.is_none_or(|host| host.budget.take(self.probes.began.elapsed()))
    }
}

impl Drop for ProbePermit<'_> {
    fn drop(&mut self) {
        let mut probed = self.probes.probed();
        probed.all -= 1;
        if let Some(host) = probed.hosts.get_mut(&self.host) {
            host.nodes -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_are_probed_are_asked_the_more_seldom_the_more_they_are() {
        let probes = ReconnectProbes::default();
        let (planned, long) = (Duration::from_millis(20), Duration::from_secs(60));
        let began = Instant::now().checked_sub(Duration::from_secs(40)).unwrap();
        let of = |ago: u64, planned| {
            probes.until_asked(planned, began, began.elapsed().checked_sub(Duration::from_secs(ago)))
        };
        assert_eq!(probes.until_asked(planned, began, None), planned, "nobody probes");
        assert_eq!((of(1, planned), of(1, long)), (ASK_WHILE_PROBING, long));
        assert_eq!(of(31, planned), planned, "nobody probes any more");
        let many: Vec<_> = (0..1000).map(|node| ProbePermit::at(&probes, Some(node.to_string()))).collect();
        assert_eq!((of(1, planned), of(1, long)), (Duration::from_secs(2), long));
        drop(many);
        assert_eq!(of(1, planned), ASK_WHILE_PROBING);
    }

    #[test]
    fn tries_at_a_host_are_counted_over_all_of_its_outages_and_nodes_and_only_those_that_are_made() {
        let probes = ReconnectProbes::default();
        let short = Some(Duration::from_millis(3));
        let of = |host: Option<&str>| ProbePermit::at(&probes, host.map(str::to_owned));
        let there = of(Some("there"));
        for _ in 0..1000 {
            assert_eq!(
                there.pause(Duration::ZERO),
                short,
                "whoever plans a try and gives it up has made none"
            );
        }
        assert!((0..1000).any(|_| !there.may_try()));
        let longer = there.pause(Duration::ZERO);
        assert!(longer > short, "{longer:?}");
        let elsewhere = of(Some("elsewhere"));
        assert!(elsewhere.may_try(), "another host has its own");
        drop(there);
        let again = of(Some("there"));
        assert!(!again.may_try() && again.pause(Duration::ZERO) > short, "it is gone again");
        let own = of(None);
        assert!((0..1000).all(|_| own.may_try()), "the kernel here is asked, not a host");
    }
}
