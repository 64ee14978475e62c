//! Rounds of everything that goes wrong, drawn from a seed. After each, whoever can be expected to be unsealed is.
//!
//! `CHAOS_SEED` repeats what a run said that it drew, `CHAOS_ROUNDS` says how many.

mod deed;
mod draw;
mod judge;
mod pulse;
mod records;
mod stranger;
mod supervisor;

use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, SPLIT};
use deed::{Deed, give_clocks};
use draw::{Plan, draw};
use judge::Judge;
use pulse::Pulse;
use records::{Story, keep};
use stranger::{Traces, set_to_work};
use supervisor::Supervisor;

/// Rounds where nobody says how many.
const ROUNDS: usize = 12;
/// From the end of the last fault until the servers are unsealed.
const BOUND: Duration = Duration::from_secs(5);
/// How long a process may take to end that was asked to.
const ENDING: Duration = Duration::from_secs(20);

#[test]
fn whatever_goes_wrong_the_reachable_majority_is_unsealed_soon_after() {
    let seed = given("CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let rounds = given("CHAOS_ROUNDS").map_or(ROUNDS, |rounds| usize::try_from(rounds).unwrap());
    let Some(mut cluster) = Cluster::of(&SPLIT) else { return };
    let clocks = give_clocks(&mut cluster);
    println!("CHAOS_SEED={seed} CHAOS_ROUNDS={rounds}");
    let supervisor = Supervisor::of(&mut cluster, fastrand::Rng::with_seed(seed));
    let judge = Judge::of(&cluster);
    let mut chaos = Chaos { cluster, supervisor, judge, pulse: Pulse::start(), seed };
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let mut rng = fastrand::Rng::with_seed(seed.wrapping_add(round as u64 * 0x9e37_79b9));
        let plan = draw(&mut rng, chaos.cluster.nodes.len(), clocks);
        slowest = slowest.max(chaos.round(round, &plan));
    }
    println!(
        "{rounds} rounds with seed {seed}: all well. The slowest took {slowest:?}. {}",
        chaos.judge.summary()
    );
}

fn given(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

struct Chaos {
    cluster: Cluster,
    supervisor: Supervisor,
    judge: Judge,
    pulse: Pulse,
    seed: u64,
}

impl Chaos {
    /// One round; how long after the last fault it took until all was well.
    fn round(&mut self, round: usize, plan: &Plan) -> Duration {
        let mut story = Story::new();
        self.judge.begin();
        self.pulse.begin();
        for fault in &plan.faults {
            story.tell(fault);
        }
        let outcome = self.suffer(plan, &mut story);
        self.judge.read(&self.cluster);
        let outcome = outcome
            .and_then(|took| self.judge.judge(plan, &story, &self.supervisor.daemons_started).map(|()| took));
        let took = outcome.unwrap_or_else(|problem| {
            story.tell(&problem);
            story.tell(&self.pulse.report());
            let (kept, shown) = keep(&self.cluster, &story, self.seed, round, &self.judge.logs);
            panic!(
                "round {round} of seed {}: {problem}\nAll of it is kept in {}. Its end:\n{shown}",
                self.seed,
                kept.display()
            );
        });
        println!("round {round}: {took:.1?} {}", plan.faults.join("; "));
        self.cluster.nodes.iter_mut().for_each(crate::cluster::Node::forget_ended_daemons);
        took
    }

    fn suffer(&mut self, plan: &Plan, story: &mut Story) -> Result<Duration, String> {
        let began = Instant::now();
        let mut deeds = plan.deeds.iter();
        let mut next = deeds.next();
        let mut strangers: Vec<(usize, JoinHandle<Traces>)> = Vec::new();
        let mut ended = began;
        loop {
            while let Some((_, deed)) = next.filter(|(at, _)| began.elapsed() >= *at) {
                story.tell(&format!("{deed:?}"));
                match *deed {
                    Deed::PowerOff(node) => self.supervisor.switch_off(node),
                    Deed::PowerOn(node) => self.supervisor.switch_on(node),
                    Deed::TerminateServer(node) => self.supervisor.expect_end_of_server(node),
                    Deed::TerminateDaemon(node) => self.supervisor.expect_end_of_daemon(node),
                    Deed::Stranger(node, mischief) => {
                        strangers.push((
                            node,
                            set_to_work(self.cluster.stranger(node), mischief, &self.cluster.init.root_token),
                        ));
                    }
                    _ => {}
                }
                deed.perform(&mut self.cluster);
                ended = Instant::now();
                next = deeds.next();
            }
            let all_run = self.supervisor.tend(&mut self.cluster);
            if next.is_none() && all_run && strangers.iter().all(|(_, stranger)| stranger.is_finished()) {
                break;
            }
            if began.elapsed() > ENDING {
                return Err("something that was asked to end does not".to_owned());
            }
            sleep(Duration::from_millis(5));
        }
        for (node, stranger) in strangers {
            let traces = stranger.join().expect("a stranger does not panic");
            story.tell(&format!("the stranger at server {node} did {traces:?}"));
            ended = ended.max(traces.ended.unwrap_or(ended));
            self.judge.note(node, traces);
        }
        ended = ended.max(self.supervisor.started);
        let all: Vec<usize> = (0..self.cluster.nodes.len()).collect();
        let Some(cut) = &plan.lasting else { return self.unsealed(&all, ended, story) };
        let took = self.unsealed(&cut.judged, ended, story)?;
        for deed in &cut.end {
            story.tell(&format!("{deed:?}"));
            deed.perform(&mut self.cluster);
        }
        Ok(took.max(self.unsealed(&all, Instant::now(), story)?))
    }

    /// Waits until these servers say that they are unsealed.
    fn unsealed(&mut self, judged: &[usize], ended: Instant, story: &mut Story) -> Result<Duration, String> {
        story.tell(&format!("the last fault ended {:?} ago", ended.elapsed()));
        let mut missing = judged.to_vec();
        loop {
            // A process that dies now was not killed by us: it is started again, and the round goes on.
            self.supervisor.tend(&mut self.cluster);
            missing.retain(|&node| !self.cluster.nodes[node].is_unsealed());
            let took = ended.elapsed();
            if missing.is_empty() {
                story.tell(&format!("servers {judged:?} are unsealed after {took:?}"));
                return Ok(took);
            }
            if took > BOUND {
                return Err(format!("servers {missing:?} are not unsealed {took:?} after the last fault"));
            }
            sleep(Duration::from_millis(50));
        }
    }
}
