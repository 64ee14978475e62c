//! Who belongs to which cluster, by what unsealed servers say of themselves.
//!
//! A sealed server tells nothing of its cluster; an unsealed one tells the id that its storage was given when it was
//! initialised. Servers with one storage, cloned or replicated, have one id, and servers that were initialised each by
//! itself never do: shares of one are nothing to the other. What was last seen is kept in memory, and no longer than it
//! can be true.

mod foreign;
#[cfg(test)]
mod tests;

pub use foreign::ForeignNode;

use crate::api::Membership;
use crate::cluster::NodeAddress;
use crate::external::ExternalText;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What all nodes of the configured clusters showed last.
#[derive(Debug, Default)]
pub struct Memberships {
    clusters: BTreeMap<String, Cluster>,
    /// The clusters of which a node shows this id.
    shown: BTreeMap<ExternalText, BTreeSet<String>>,
    /// The clusters whose shares unsealed a server that showed this id.
    proofs: BTreeMap<ExternalText, BTreeMap<String, Proof>>,
    revision: u64,
}

#[derive(Debug, Default)]
struct Cluster {
    nodes: BTreeMap<NodeAddress, Node>,
    /// Which nodes show an id, in the order of the configuration.
    votes: BTreeMap<ExternalText, BTreeSet<(usize, NodeAddress)>>,
    /// How many nodes were never looked at.
    unseen: usize,
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
    /// How often this changed.
    changes: u64,
}

/// That a cluster is what its nodes show.
#[derive(Debug, Default)]
struct Proof {
    /// How many of its nodes prove it.
    nodes: usize,
    /// Several nodes of another cluster showed the id before.
    contested: bool,
}

impl Memberships {
    /// A node is configured, in this place of its cluster's list.
    pub fn enter(&mut self, cluster: &str, address: &NodeAddress, rank: usize) {
        let known = self.clusters.entry(cluster.to_owned()).or_default();
        if !known.nodes.contains_key(address) {
            known.nodes.insert(address.clone(), Node::default());
            known.unseen += 1;
        }
        let Some(node) = known.nodes.get_mut(address) else { return };
        let earlier = std::mem::replace(&mut node.rank, rank);
        if earlier == rank {
            return;
        }
        // A reload moves one node after the other. What the cluster is in between is nobody's word: nothing is forgotten for it.
        let shows = node.shows.as_ref().map(|shows| shows.id.clone());
        self.revision += 1;
        if let Some(id) = shows {
            self.count(cluster, address, Some(&(id.clone(), earlier)), Some(&(id, rank)));
        }
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
            let Node { rank, changes, .. } = *node;
            *node = Node { rank, looked_at: true, changes, ..Node::default() };
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

    /// Moves when a node's verdict may have become another: when it changed itself, or what a cluster is. That one more
    /// node shows what its cluster is changes nobody else's, or a thousand that come up would each be judged a thousand times.
    pub fn revision(&self, cluster: &str, address: &NodeAddress) -> (u64, u64) {
        let node = self.clusters.get(cluster).and_then(|known| known.nodes.get(address));
        (self.revision, node.map_or(0, |node| node.changes))
    }

    /// Every node of a cluster was looked at once, so that a verdict is not over half of them.
    pub fn is_complete(&self, cluster: &str) -> bool {
        self.clusters.get(cluster).is_some_and(|known| known.unseen == 0)
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
        let mut others = self.showing(&shows.id).filter(|name| *name != cluster);
        let of = others.find(|name| self.own(name).is_some_and(|own| own.id == shows.id));
        Some(ForeignNode { shows: shows.clone(), own: own.cloned(), of: of.map(str::to_owned) })
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
        let (_, first) = self.own_vote(cluster)?;
        self.clusters.get(cluster)?.nodes.get(first)?.shows.as_ref()
    }

    /// The id of that, and the first node that shows it.
    fn own_vote(&self, cluster: &str) -> Option<(&ExternalText, &NodeAddress)> {
        let known = self.clusters.get(cluster)?;
        let weighed = known.votes.iter().filter_map(|(id, nodes)| {
            let weight = match self.proven(id) {
                Some(name) if name == cluster => (true, 0),
                Some(_) => return None,
                None => (false, nodes.len()),
            };
            Some((weight, id, nodes.first()?))
        });
        let (_, id, (_, first)) = weighed.max_by_key(|(weight, _, (rank, _))| (*weight, Reverse(*rank)))?;
        Some((id, first))
    }

    fn own_id(&self, cluster: &str) -> Option<ExternalText> {
        self.own_vote(cluster).map(|(id, _)| id.clone())
    }

    /// The cluster that is proved to have this id. Two at once prove nothing: one server may be configured in both, and
    /// who comes second is told that it is unsealed, whatever shares he brings. Nor does one server, which may lie, take
    /// from several of another cluster what they are.
    fn proven(&self, id: &ExternalText) -> Option<&str> {
        let mut clusters = self.proofs.get(id)?.iter();
        let (first, proof) = clusters.next()?;
        let alone = clusters.next().is_none();
        (alone && !proof.contested).then_some(first.as_str())
    }

    /// The clusters of which a node shows this id.
    fn showing(&self, id: &ExternalText) -> impl Iterator<Item = &str> {
        self.shown.get(id).into_iter().flatten().map(String::as_str)
    }

    /// Changes what is known of a node. A cluster that turns out to be another than it was, set up anew one node after
    /// the other, takes with it what the rest showed of the old one: who still is that shows it again.
    fn change(&mut self, cluster: &str, address: &NodeAddress, change: impl FnOnce(&mut Node) -> bool) {
        let Some(known) = self.clusters.get_mut(cluster) else { return };
        let Some(node) = known.nodes.get_mut(address) else { return };
        let vote = |node: &Node| node.shows.as_ref().map(|shows| (shows.id.clone(), node.rank));
        let (voted, proven, looked_at) = (vote(node), node.proven, node.looked_at);
        if !change(node) {
            return;
        }
        node.changes += 1;
        let (votes, proves) = (vote(node), node.proven);
        if !looked_at && node.looked_at {
            known.unseen -= 1;
            self.revision += u64::from(known.unseen == 0);
        }
        // It may be another than when the cluster last changed: it hangs on proofs elsewhere, too, which move without it.
        let own_before = self.own_id(cluster);
        if voted != votes {
            self.count(cluster, address, voted.as_ref(), votes.as_ref());
        }
        let id = |vote: Option<(ExternalText, usize)>, proven: bool| Some(vote?.0).filter(|_| proven);
        let (before, after) = (id(voted, proven), id(votes, proves));
        if before != after {
            self.book(cluster, before, after);
        }
        let own = self.own_id(cluster);
        self.revision += u64::from(own != own_before);
        let Some(known) = self.clusters.get_mut(cluster) else { return };
        if known.own == own {
            return;
        }
        let former = std::mem::replace(&mut known.own, own);
        self.revision += 1;
        if let (Some(former), Some(_)) = (former, &known.own) {
            let nodes = known.votes.get(&former).cloned().unwrap_or_default();
            for (rank, address) in nodes {
                let node = self.clusters.get_mut(cluster).and_then(|known| known.nodes.get_mut(&address));
                if let Some(node) = node.filter(|node| !node.proven) {
                    node.shows = None;
                    self.count(cluster, &address, Some(&(former.clone(), rank)), None);
                }
            }
        }
    }

    /// Counts that a node shows one id and no longer another.
    fn count(
        &mut self,
        cluster: &str,
        address: &NodeAddress,
        before: Option<&(ExternalText, usize)>,
        after: Option<&(ExternalText, usize)>,
    ) {
        let Some(known) = self.clusters.get_mut(cluster) else { return };
        if let Some((id, rank)) = before {
            if let Some(nodes) = known.votes.get_mut(id) {
                nodes.remove(&(*rank, address.clone()));
                if nodes.is_empty() {
                    known.votes.remove(id);
                    if let Some(clusters) = self.shown.get_mut(id) {
                        clusters.remove(cluster);
                        if clusters.is_empty() {
                            self.shown.remove(id);
                        }
                    }
                }
            }
        }
        if let Some((id, rank)) = after {
            known.votes.entry(id.clone()).or_default().insert((*rank, address.clone()));
            self.shown.entry(id.clone()).or_default().insert(cluster.to_owned());
        }
    }

    /// Books that one proof took the place of another.
    fn book(&mut self, cluster: &str, before: Option<ExternalText>, after: Option<ExternalText>) {
        if let Some(id) = before {
            if let Some(clusters) = self.proofs.get_mut(&id) {
                match clusters.get_mut(cluster) {
                    Some(proof) if proof.nodes > 1 => proof.nodes -= 1,
                    _ => {
                        clusters.remove(cluster);
                        self.revision += 1;
                    }
                }
                if clusters.is_empty() {
                    self.proofs.remove(&id);
                }
            }
        }
        if let Some(id) = after {
            let by_several = |name: &str| {
                name != cluster && self.clusters.get(name).is_some_and(|known| known.is_held_by_several(&id))
            };
            let contested = self.showing(&id).any(by_several);
            if let Some(known) = self.clusters.get_mut(cluster) {
                known.once.insert(id.clone());
            }
            let proof = self.proofs.entry(id).or_default().entry(cluster.to_owned()).or_default();
            self.revision += u64::from(proof.nodes == 0 || contested && !proof.contested);
            proof.nodes += 1;
            proof.contested |= contested;
        }
    }
}

impl Cluster {
    /// The cluster itself is this, and more than one of its nodes shows it.
    fn is_held_by_several(&self, id: &ExternalText) -> bool {
        self.own.as_ref() == Some(id) && self.votes.get(id).is_some_and(|nodes| nodes.len() > 1)
    }
}
