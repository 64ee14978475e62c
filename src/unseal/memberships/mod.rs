//! Who belongs to which cluster, by what unsealed servers say of themselves.
//!
//! A sealed server tells nothing of its cluster; an unsealed one tells the id that its storage was given when it was
//! initialised. Servers with one storage, cloned or replicated, have one id, and servers that were initialised each by
//! itself never do: shares of one are nothing to the other. What was last seen is kept in memory, and no longer than it
//! can be true.

#[cfg(test)]
mod tests;

use crate::api::Membership;
use crate::cluster::NodeAddress;
use crate::explain::Explain;
use crate::external::ExternalText;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What all nodes of the configured clusters showed last.
#[derive(Debug, Default)]
pub struct Memberships {
    clusters: BTreeMap<String, Cluster>,
    /// The clusters whose shares unsealed a server that showed this id, and how many of their nodes did.
    proofs: BTreeMap<ExternalText, BTreeMap<String, usize>>,
    /// Ids and clusters in `proofs` of which several nodes of another cluster showed the id before.
    contested: BTreeSet<(ExternalText, String)>,
    revision: u64,
}

#[derive(Debug, Default)]
struct Cluster {
    nodes: BTreeMap<NodeAddress, Node>,
    /// What the cluster itself was when it last changed.
    own: Option<ExternalText>,
    /// What it was proved to be by our shares, now or earlier.
    once: BTreeSet<ExternalText>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// The place in the configuration.
    rank: usize,
    /// It answered, or it was found that it does not.
    looked_at: bool,
    /// What it showed last while it was unsealed.
    shows: Option<Membership>,
    /// Our shares alone unsealed it, and it has shown the same ever since.
    proven: bool,
}

impl Memberships {
    /// A node is configured, in this place of its cluster's list.
    pub fn enter(&mut self, cluster: &str, address: &NodeAddress, rank: usize) {
        let nodes = &mut self.clusters.entry(cluster.to_owned()).or_default().nodes;
        nodes.entry(address.clone()).or_default().rank = rank;
        self.revision += 1;
    }

    /// A node is configured no longer.
    pub fn strike(&mut self, cluster: &str, address: &NodeAddress) {
        self.forget(cluster, address);
        if let Some(known) = self.clusters.get_mut(cluster) {
            known.nodes.remove(address);
            if known.nodes.is_empty() {
                self.clusters.remove(cluster);
            }
        }
        self.revision += 1;
    }

    /// A node is unsealed and shows this. `by_us`: a round of our shares alone unsealed it.
    pub fn unsealed(&mut self, cluster: &str, address: &NodeAddress, shows: &Membership, by_us: bool) {
        self.change(cluster, address, |node| {
            let same = node.shows.as_ref().is_some_and(|before| before.id == shows.id);
            let news = !same || by_us && !node.proven || !node.looked_at;
            node.proven = by_us || same && node.proven;
            node.looked_at = true;
            if !same {
                node.shows = Some(shows.clone());
            }
            news
        });
    }

    /// A node showed nothing of its cluster, being sealed or not there: what it showed before stands.
    ///
    /// Unless it showed what this cluster was before it was set up anew: then it is as likely the next to be set up, and
    /// nobody may be looking in the moment in which it has no data.
    pub fn silent(&mut self, cluster: &str, address: &NodeAddress) {
        let known = self.clusters.get(cluster);
        let shows = known.and_then(|known| known.nodes.get(address)?.shows.as_ref());
        let former = shows.is_some_and(|shows| {
            let once = known.is_some_and(|known| known.once.contains(&shows.id));
            once && !self.proofs.contains_key(&shows.id)
        });
        if former {
            self.forget(cluster, address);
        } else {
            self.change(cluster, address, |node| !std::mem::replace(&mut node.looked_at, true));
        }
    }

    /// A node has no data, or somebody says that what it showed is no longer true: it can become a member of anything.
    pub fn forget(&mut self, cluster: &str, address: &NodeAddress) {
        self.change(cluster, address, |node| {
            let news = !node.looked_at || node.shows.is_some();
            *node = Node { rank: node.rank, looked_at: true, ..Node::default() };
            news
        });
    }

    /// A round of our shares alone failed at a node: it was not they that unsealed it.
    pub fn refuted(&mut self, cluster: &str, address: &NodeAddress) {
        let known = self.clusters.get_mut(cluster);
        if let Some(Cluster { nodes, once, .. }) = known {
            if let Some(shows) = nodes.get(address).and_then(|node| node.shows.as_ref()) {
                once.remove(&shows.id);
            }
        }
        self.change(cluster, address, |node| std::mem::take(&mut node.proven));
    }

    /// Counts changes: an unchanged record has unchanged verdicts.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Every node of a cluster was looked at once, so that a verdict is not over half of them.
    pub fn is_complete(&self, cluster: &str) -> bool {
        self.clusters.get(cluster).is_some_and(|known| known.nodes.values().all(|node| node.looked_at))
    }

    /// Why a node is no member of its cluster, if it is none. A node that was not seen unsealed is given the benefit of
    /// the doubt, and so is one that our own shares unsealed.
    pub fn outsider(&self, cluster: &str, address: &NodeAddress) -> Option<ForeignNode> {
        let shows = self.clusters.get(cluster)?.nodes.get(address)?.shows.as_ref()?;
        let proven = self.proven(&shows.id);
        if proven == Some(cluster) {
            return None;
        }
        let own = self.own(cluster).filter(|own| own.id != shows.id);
        if own.is_none() && proven.is_none() {
            return None;
        }
        let others = self.clusters.keys().filter(|name| *name != cluster);
        let of = others.into_iter().find(|name| self.own(name).is_some_and(|own| own.id == shows.id));
        Some(ForeignNode { shows: shows.clone(), own: own.cloned(), of: of.cloned() })
    }

    /// Pairs of clusters that are one and the same, as far as their nodes show.
    pub fn twins(&self) -> Vec<(&str, &str, &Membership)> {
        let mut seen: BTreeMap<&ExternalText, &str> = BTreeMap::new();
        let mut twins = Vec::new();
        for name in self.clusters.keys() {
            let Some(own) = self.own(name) else { continue };
            match seen.get(&own.id) {
                Some(first) => twins.push((*first, name.as_str(), own)),
                None => drop(seen.insert(&own.id, name)),
            }
        }
        twins
    }

    /// What the cluster itself is: what a node shows that our own shares unsealed; else what most of its nodes show, but
    /// for what another cluster is proved to be. Of several, what the first of them in the configuration does.
    fn own(&self, cluster: &str) -> Option<&Membership> {
        let mut votes: BTreeMap<&ExternalText, Vote<'_>> = BTreeMap::new();
        for node in self.clusters.get(cluster)?.nodes.values() {
            let Some(shows) = &node.shows else { continue };
            let vote = votes.entry(&shows.id).or_insert(Vote { shows, count: 0, rank: node.rank });
            vote.count += 1;
            vote.rank = vote.rank.min(node.rank);
        }
        let weight = |vote: &Vote<'_>| match self.proven(&vote.shows.id) {
            Some(name) if name == cluster => Some((true, 0)),
            Some(_) => None,
            None => Some((false, vote.count)),
        };
        let weighed = votes.values().filter_map(|vote| Some((weight(vote)?, vote)));
        let heaviest = weighed.max_by_key(|(weight, vote)| (*weight, Reverse(vote.rank)));
        heaviest.map(|(_, vote)| vote.shows)
    }

    /// The cluster that is proved to have this id. Two at once prove nothing: one server may be configured in both, and
    /// who comes second is told that it is unsealed, whatever shares he brings. Nor does one server, which may lie, take
    /// from several of another cluster what they are.
    fn proven(&self, id: &ExternalText) -> Option<&str> {
        let mut clusters = self.proofs.get(id)?.keys();
        let first = clusters.next()?;
        let alone = clusters.next().is_none();
        (alone && !self.contested.contains(&(id.clone(), first.clone()))).then_some(first.as_str())
    }

    /// Changes what is known of a node. A cluster that turns out to be another than it was, set up anew one node after
    /// the other, takes with it what the rest showed of the old one: who still is that shows it again.
    fn change(&mut self, cluster: &str, address: &NodeAddress, change: impl FnOnce(&mut Node) -> bool) {
        let Some(known) = self.clusters.get_mut(cluster) else { return };
        let Some(node) = known.nodes.get_mut(address) else { return };
        let proof = |node: &Node| node.shows.as_ref().filter(|_| node.proven).map(|shows| shows.id.clone());
        let before = proof(node);
        if !change(node) {
            return;
        }
        self.revision += 1;
        let after = proof(node);
        if before != after {
            self.book(cluster, before, after);
        }
        let own = self.own(cluster).map(|own| own.id.clone());
        let Some(known) = self.clusters.get_mut(cluster) else { return };
        let former = std::mem::replace(&mut known.own, own);
        if let (Some(former), Some(_)) =
            (&former, known.own.as_ref().filter(|own| Some(*own) != former.as_ref()))
        {
            for node in known.nodes.values_mut().filter(|node| !node.proven) {
                node.shows.take_if(|shows| shows.id == *former);
            }
        }
    }

    /// Books that one proof took the place of another.
    fn book(&mut self, cluster: &str, before: Option<ExternalText>, after: Option<ExternalText>) {
        if let Some(id) = before {
            if let Some(clusters) = self.proofs.get_mut(&id) {
                match clusters.get_mut(cluster) {
                    Some(count) if *count > 1 => *count -= 1,
                    _ => {
                        clusters.remove(cluster);
                        self.contested.remove(&(id.clone(), cluster.to_owned()));
                    }
                }
                if clusters.is_empty() {
                    self.proofs.remove(&id);
                }
            }
        }
        if let Some(id) = after {
            if let Some(known) = self.clusters.get_mut(cluster) {
                known.once.insert(id.clone());
            }
            if self.clusters.iter().any(|(name, known)| name != cluster && known.is_held_by_several(&id)) {
                self.contested.insert((id.clone(), cluster.to_owned()));
            }
            *self.proofs.entry(id).or_default().entry(cluster.to_owned()).or_default() += 1;
        }
    }
}

impl Cluster {
    /// The cluster itself is this, and more than one of its nodes shows it.
    fn is_held_by_several(&self, id: &ExternalText) -> bool {
        let shows = |node: &&Node| node.shows.as_ref().is_some_and(|shows| shows.id == *id);
        self.own.as_ref() == Some(id) && self.nodes.values().filter(shows).count() > 1
    }
}

/// How many nodes of a cluster show an id, and which of them stands first.
struct Vote<'a> {
    shows: &'a Membership,
    count: usize,
    rank: usize,
}

/// A node that showed itself as a member of another cluster. The shares of this one are nothing to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignNode {
    /// What it showed when it was last unsealed.
    pub shows: Membership,
    /// What the cluster is that it is configured in, if that is known and something else.
    pub own: Option<Membership>,
    /// The configured cluster that it is a member of, if it is one.
    pub of: Option<String>,
}

/// As it follows the node's address: `it is a member of another cluster: …`.
impl fmt::Display for ForeignNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Some(of) => write!(f, "it is a member of the cluster \"{of}\"")?,
            None => f.write_str("it is a member of another cluster")?,
        }
        write!(f, ": it showed {}", self.shows)?;
        match &self.own {
            Some(own) => write!(f, ", and its cluster here is {own}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ForeignNode {}

impl Explain for ForeignNode {
    fn kind(&self) -> &'static str {
        "another-clusters-member"
    }

    fn advice(&self) -> Option<String> {
        let remedy = match &self.of {
            Some(_) => "Take it out of `nodes` here",
            None => "Take it out of `nodes`, or give it a [[cluster]] of its own with its own shares",
        };
        Some(format!(
            "While it is sealed it gets no shares. {remedy}. If it was set up anew as a member of this one: \
             `vault-unseal resume NODE`."
        ))
    }
}
