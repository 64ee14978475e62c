//! The worlds that are searched: who holds what, and what may happen.

use crate::step::Kind;
use std::time::Duration;
use vault_unseal::cluster::{Misfit, OnOperatorSeal, Pace};
use vault_unseal::unseal::{Observation, ShareCandidates};

/// The default pace; tests/heart holds it against the configuration's.
pub(crate) const PACE: Pace = include!("../pace.rs");

/// What a share source holds.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Sets to try. Shares below 100 are the server's.
    Sets(Vec<Vec<usize>>),
    Broken,
    Misfit,
}

impl Source {
    /// What loading it for this threshold brings.
    pub(crate) fn load(&self, threshold: usize) -> Observation {
        match self {
            Self::Sets(sets) => Observation::Shares(ShareCandidates {
                candidates: sets.iter().map(|set| set.iter().copied().take(threshold).collect()).collect(),
            }),
            Self::Broken => {
                Observation::SharesUnavailable { kind: "missing", text: "no file".to_owned(), advice: None }
            }
            Self::Misfit => Observation::Misfit(Misfit::SplitKey),
        }
    }

    pub(crate) fn sets(&self) -> &[Vec<usize>] {
        match self {
            Self::Sets(sets) => sets,
            Self::Broken | Self::Misfit => &[],
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) name: String,
    pub(crate) threshold: usize,
    pub(crate) total: usize,
    /// How many daemons, and the sources that each can have: daemon `i` begins with number `i`, and changes to the others in
    /// turn.
    pub(crate) daemons: usize,
    pub(crate) sources: Vec<Source>,
    pub(crate) policy: OnOperatorSeal,
    /// What may go wrong, and how often in a history.
    pub(crate) faults: u8,
    pub(crate) kinds: Vec<Kind>,
    /// How often a third party acts in a history.
    pub(crate) acts: u8,
    /// It begins without keys.
    pub(crate) bare: bool,
    /// Its storage may be damaged.
    pub(crate) ruined: bool,
    /// As its answers name it.
    pub(crate) version: Option<&'static str>,
    pub(crate) names_rounds: bool,
    /// States at which the search ends.
    pub(crate) limit: usize,
    /// What is known to be broken here: its name in known.txt.
    pub(crate) known: Option<&'static str>,
    /// It begins when, after this happened, the first daemon shows this.
    pub(crate) after: Option<(Kind, &'static str)>,
}

/// How often a perfectly timed third party must act to make right shares look wrong: two rounds, of two acts each.
pub(crate) const PROOF: usize = 4;

fn range(from: usize, count: usize) -> Vec<usize> {
    (from..from + count).collect()
}

/// Sets of t of t+1 shares of which one is wrong, those with it first.
fn one_wrong(threshold: usize) -> Vec<Vec<usize>> {
    let right = range(0, threshold);
    let with = (0..threshold).map(|out| {
        let mut set: Vec<usize> = right.iter().copied().filter(|share| *share != out).collect();
        set.push(500);
        set
    });
    with.chain([right.clone()]).collect()
}

impl World {
    /// Daemons that each hold all that is needed.
    fn full(name: &str, threshold: usize, daemons: usize) -> Self {
        Self {
            name: name.to_owned(),
            threshold,
            total: threshold,
            daemons,
            sources: vec![Source::Sets(vec![range(0, threshold)]); daemons],
            policy: OnOperatorSeal::Unseal,
            faults: 0,
            kinds: Vec::new(),
            acts: 0,
            bare: false,
            ruined: false,
            version: None,
            names_rounds: true,
            limit: usize::MAX,
            known: None,
            after: None,
        }
    }

    /// Daemons of which each holds these shares.
    fn split(name: &str, threshold: usize, held: &[&[usize]]) -> Self {
        let sources = held.iter().map(|set| Source::Sets(vec![set.to_vec()])).collect();
        Self { sources, total: 3, ..Self::full(name, threshold, held.len()) }
    }

    fn faults(mut self, faults: u8, kinds: &[Kind]) -> Self {
        (self.faults, self.kinds) = (faults, kinds.to_vec());
        self
    }

    fn acts(mut self, acts: u8) -> Self {
        self.acts = acts;
        self
    }

    fn at_most(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    fn holding(mut self, at_most: Option<Duration>) -> Self {
        self.policy = OnOperatorSeal::Hold { at_most };
        self
    }

    fn sources(mut self, sources: Vec<Source>) -> Self {
        self.sources = sources;
        self
    }

    /// A whole right set is in this source.
    pub(crate) fn is_right(&self, source: usize) -> bool {
        self.sources[source].has_right(self.threshold)
    }

    /// The source that a daemon has when all is well.
    pub(crate) fn home(&self, who: usize) -> usize {
        if self.sources.len() == self.daemons {
            return who;
        }
        (0..self.sources.len()).find(|source| self.is_right(*source)).unwrap_or(who)
    }

    /// It may lose its keys, or the use of them: then "damaged" can be true.
    pub(crate) fn may_be_damaged(&self) -> bool {
        self.ruined || self.kinds.contains(&Uninitialize)
    }

    /// All daemons together hold what is needed.
    pub(crate) fn can_unseal(&self) -> bool {
        let mut right: Vec<usize> = (0..self.daemons)
            .filter_map(|who| self.sources[self.home(who)].sets().last())
            .flatten()
            .copied()
            .filter(|share| *share < 100)
            .collect();
        right.sort_unstable();
        right.dedup();
        right.len() >= self.threshold
    }
}

use Kind::{
    Change, Crash, DaemonRestart, FailingJoin, Foreign, HeldJoin, Hold, Join, Jump, Lose, Migration, Reload,
    Remove, Restart, Ruin, Seal, SealsItself, Slow, Swallow, Trouble, Uninitialize,
};

/// What lies between a daemon and its server.
const NETWORK: [Kind; 3] = [Lose, Swallow, Slow];
/// What a server and its administrators do.
const SERVER: [Kind; 4] = [Crash, Restart, Seal, SealsItself];

/// Every world, the largest first. `scale`: by how much their limits are multiplied.
pub(crate) fn worlds(scale: usize) -> Vec<World> {
    let k = |thousands: usize| thousands * 1000 * scale;
    let wide: Vec<Kind> = [&NETWORK[..], &SERVER[..], &[DaemonRestart]].concat();
    let joins = [Join, HeldJoin, FailingJoin, Lose, Restart, Seal];
    let changes = [Change, Reload, Restart, Lose, Seal];
    let seals = [Foreign, Migration, Remove, Uninitialize, Restart];
    let hour = Duration::from_secs(20);
    let mut worlds = vec![
        World::split("3 daemons of AB, BC, CA; t 3", 3, &[&[0, 1], &[1, 2], &[2, 0]])
            .faults(1, &[Lose, Restart, Seal, DaemonRestart])
            .acts(1)
            .at_most(k(160)),
        World::full("2 daemons of all; t 2", 2, 2).faults(1, &wide).acts(2).at_most(k(160)),
        World::full("3 daemons of all; t 2", 2, 3).faults(1, &[Lose, Restart, Seal]).acts(1).at_most(k(120)),
        World::split("3 daemons of A, B, C; t 2", 2, &[&[0], &[1], &[2]])
            .faults(1, &[Lose, Restart, Join, DaemonRestart])
            .acts(1)
            .at_most(k(120)),
        World::full("1 daemon, third party; t 3", 3, 1).faults(1, &wide).acts(3).at_most(k(120)),
        World::full("1 daemon, faults; t 2", 2, 1).faults(3, &wide).at_most(k(120)),
        World::split("2 daemons of A, BC; t 3", 3, &[&[0], &[1, 2]])
            .faults(2, &[Lose, Restart, Seal, Join, FailingJoin, DaemonRestart])
            .at_most(k(80)),
        World::full("1 daemon, joins; t 2", 2, 1).faults(3, &joins).acts(1).at_most(k(80)),
        World { bare: true, ..World::split("2 daemons of A, B of a new node; t 2", 2, &[&[0], &[1]]) }
            .faults(2, &[Join, HeldJoin, FailingJoin, Lose])
            .at_most(k(60)),
        World::full("1 daemon, seals; t 2", 2, 1).faults(2, &seals).acts(1).at_most(k(60)),
        World { ruined: true, version: Some("2.7.2"), ..World::full("1 daemon, damage; t 2", 2, 1) }
            .faults(2, &[Ruin, Trouble, Uninitialize, Restart, Lose])
            .acts(1)
            .at_most(k(60)),
        World {
            ruined: true,
            version: Some("2.7.2"),
            ..World::split("2 daemons of A, B, damage; t 2", 2, &[&[0], &[1]])
        }
        .faults(1, &[Ruin, Trouble])
        .at_most(k(40)),
        World::full("1 daemon that holds seals; t 2", 2, 1)
            .holding(Some(hour))
            .faults(3, &[Seal, Hold, DaemonRestart, Restart, Lose, Jump, Remove])
            .acts(1)
            .at_most(k(80)),
        World::full("1 daemon that holds seals for ever; t 1", 1, 1)
            .holding(None)
            .faults(3, &[Seal, Hold, Foreign, Migration, SealsItself, DaemonRestart, Crash])
            .at_most(k(40)),
        World::full("1 daemon, sources that change; t 2", 2, 1)
            .sources(vec![
                Source::Sets(vec![range(0, 2)]),
                Source::Sets(vec![range(700, 2)]),
                Source::Broken,
                Source::Misfit,
                Source::Sets(vec![vec![1, 0]]),
                Source::Sets(vec![vec![0]]),
            ])
            .faults(4, &changes)
            .at_most(k(80)),
        World::full("1 daemon, one share of too many wrong; t 2", 2, 1)
            .sources(vec![Source::Sets(one_wrong(2)), Source::Sets(vec![range(700, 2)])])
            .faults(1, &changes)
            .acts(2)
            .at_most(k(80)),
        World {
            names_rounds: false,
            ..World::split("2 daemons of A, B, nameless rounds; t 2", 2, &[&[0], &[1]])
        }
        .faults(1, &[Lose, Restart, Swallow, Slow])
        .acts(1)
        .at_most(k(60)),
        World::full("1 daemon that lacks the right shares; t 2", 2, 1)
            .sources(vec![Source::Sets(vec![range(700, 2)]), Source::Sets(vec![range(0, 2)])])
            .faults(2, &[Change, Reload, Restart, Foreign, Migration, Remove, Hold])
            .acts(1)
            .at_most(k(40)),
        World::full("1 daemon that seals itself; t 1", 1, 1)
            .faults(3, &[SealsItself, Restart, Lose, Remove, Hold, Join])
            .acts(1)
            .at_most(k(40)),
        World::full("1 daemon alone; t 3, n 3", 3, 1).at_most(k(10)),
        World {
            ruined: true,
            version: Some("2.7.2"),
            ..World::full("1 daemon, too many shares and damage; t 2", 2, 1)
        }
        .sources(vec![Source::Sets(one_wrong(2))])
        .faults(1, &[Ruin])
        .at_most(k(20)),
        World::full("1 daemon, too many shares and timed acts; t 2", 2, 1)
            .sources(vec![Source::Sets(one_wrong(2))])
            .acts(2)
            .at_most(k(60)),
    ];
    worlds.extend(afterwards(scale));
    worlds
}

/// What may follow each state in which nothing is submitted: few faults of many kinds, and so deep that all is seen.
fn afterwards(scale: usize) -> Vec<World> {
    let limit = 25_000 * scale;
    let kinds = [Foreign, Migration, Remove, Hold, Reload, Restart, Lose];
    let right = || Source::Sets(vec![range(0, 1)]);
    let wrong = || Source::Sets(vec![range(700, 1)]);
    let alone = |name: &str, sources: Vec<Source>| {
        World::full(name, 1, 1).sources(sources).faults(2, &kinds).at_most(limit)
    };
    let damage = |name: &str, sources: Vec<Source>| World {
        ruined: true,
        version: Some("2.7.2"),
        after: Some((Ruin, "damaged")),
        ..alone(name, sources).faults(2, &[Ruin, Uninitialize, Foreign, Migration, Remove, Hold, Reload])
    };
    let few = World::split("after few shares; t 2", 2, &[&[0]]).faults(2, &kinds).at_most(limit);
    vec![
        damage("after damage; shares, then none; t 1", vec![right(), Source::Broken]),
        damage("after damage; shares, then wrong ones; t 1", vec![right(), wrong()]),
        World {
            after: Some((Kind::Pass, "shares-rejected")),
            ..alone("after wrong shares, then none; t 1", vec![wrong(), Source::Broken])
        },
        alone("after none, then right shares; t 1", vec![Source::Broken, right()]).acts(1),
        alone("after a join; t 1", vec![right()])
            .faults(2, &[Join, FailingJoin, Foreign, Migration, Remove, Hold]),
        World { bare: true, ..alone("after the lack of keys; t 1", vec![right()]) },
        few,
    ]
}

/// What histories are drawn for: larger than what can be searched.
pub(crate) fn random_worlds() -> Vec<World> {
    let endless = |world: World| {
        let kept = |kind: &Kind| match kind {
            Remove => false,
            Ruin | Uninitialize => world.ruined,
            _ => true,
        };
        World { faults: u8::MAX, acts: u8::MAX, kinds: Kind::ALL.into_iter().filter(kept).collect(), ..world }
    };
    vec![
        endless(World::full("1 daemon of all; t 3", 3, 1)),
        endless(World::full("3 daemons of all; t 2", 2, 3).holding(Some(Duration::from_secs(20)))),
        endless(World::split("3 daemons of AB, BC, CA; t 3", 3, &[&[0, 1], &[1, 2], &[2, 0]])),
        endless(World::split("3 daemons of A, B, C; t 2, holding", 2, &[&[0], &[1], &[2]]).holding(None)),
        endless(World {
            bare: true,
            ..World::split("2 daemons of A, BC of a new node; t 3", 3, &[&[0], &[1, 2]])
        }),
        endless(World { names_rounds: false, ..World::full("2 daemons, nameless rounds; t 3", 3, 2) }),
        endless(World::full("2 daemons, sources that change; t 2", 2, 2).sources(vec![
            Source::Sets(one_wrong(2)),
            Source::Sets(vec![range(0, 2)]),
            Source::Sets(vec![range(700, 2)]),
            Source::Broken,
            Source::Misfit,
        ])),
        endless(World {
            ruined: true,
            version: Some("2.7.2"),
            ..World::full("2 daemons, damage; t 2", 2, 2)
        }),
    ]
}

impl Source {
    /// Shares of its largest set.
    pub(crate) fn most(&self) -> usize {
        self.sets().iter().map(Vec::len).max().unwrap_or(0)
    }

    pub(crate) fn has(&self, share: usize) -> bool {
        self.sets().iter().flatten().any(|held| *held == share)
    }

    pub(crate) fn has_right(&self, threshold: usize) -> bool {
        self.sets().iter().any(|set| set.len() >= threshold && set.iter().all(|share| *share < 100))
    }
}
