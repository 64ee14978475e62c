//! What the names of the configuration stand for, looked up once.

use crate::cluster::Node;
use crate::cluster::{Discovery, NodeAddress};
use crate::config::{Cluster, Settings};
use crate::control;
use crate::discovery::{FirstFew, FoundNodes, LookupError, Owners, look_up};
use crate::explain::{Explain, Explanation};
use crate::external::{ExternalText, error};

/// A name of the configuration, and what it stands for.
#[derive(Debug, Clone)]
pub(super) struct ResolvedName {
    pub(super) cluster: String,
    pub(super) discovery: Discovery,
    pub(super) result: Result<FoundNodes, LookupError>,
    /// Of the nodes in it, those that are another cluster's, and whose.
    pub(super) elsewhere: Vec<(NodeAddress, String)>,
}

impl ResolvedName {
    /// The nodes that belong to its cluster.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        let found = self.result.as_ref().map(|found| found.nodes.as_slice()).unwrap_or_default();
        found.iter().filter(|node| !self.elsewhere.iter().any(|(address, _)| *address == node.address))
    }

    /// For machines, in the form that the daemon has for it.
    pub(super) fn document(&self) -> control::Name {
        let found = self.result.as_ref().ok();
        control::Name {
            cluster: self.cluster.clone(),
            name: self.discovery.to_string(),
            nodes: self.nodes().count(),
            resolved: found.is_some(),
            refused: found
                .map(|found| found.refused.first().map(ToString::to_string).collect())
                .unwrap_or_default(),
            refused_count: found.map_or(0, |found| found.refused.count()),
            problem: self.result.as_ref().err().map(|error| control::Problem {
                kind: error.kind().to_owned(),
                message: error.to_string(),
                advice: error.advice(),
            }),
        }
    }

    /// What is wrong with it, each with what to do about it.
    pub(super) fn problems(&self) -> Vec<Explanation> {
        let found = match &self.result {
            Ok(found) => found,
            Err(error) => return vec![Explanation::of(error)],
        };
        let mut problems = Vec::new();
        if let Some((message, advice)) = found.refused.reason(&self.discovery) {
            problems.push(Explanation::new("target-refused", message, advice));
        }
        let message = match self.elsewhere.as_slice() {
            [] => None,
            [(address, owner)] => {
                Some(format!("it stands for {address}, which is a node of the cluster \"{owner}\""))
            }
            many => {
                let nodes =
                    FirstFew::of(many.iter().map(|(address, owner)| format!("{address} (\"{owner}\")")));
                Some(format!("it stands for {} nodes of other clusters: {nodes}", many.len()))
            }
        };
        if let Some(message) = message {
            let advice =
                "Such a node gets no shares of this cluster. Correct the name in DNS, or the configuration.";
            problems.push(Explanation::new("node-of-another-cluster", message, advice));
        }
        if found.nodes.is_empty() && problems.is_empty() {
            let advice = "The target of its SRV record is \".\" (RFC 2782).";
            let message = "DNS says that there is no such service";
            problems.push(Explanation::new("name-without-nodes", message, advice));
        }
        problems
    }
}

/// Looks up all names at once, in the order of the configuration.
pub(super) async fn names(settings: &Settings) -> Vec<ResolvedName> {
    let all = settings
        .clusters
        .iter()
        .flat_map(|cluster| cluster.discoveries.iter().map(move |discovery| (cluster, discovery)));
    let tasks: Vec<_> = all
        .map(|(cluster, discovery)| {
            let (name, discovery) = (cluster.name.clone(), discovery.clone());
            let lookup = one(cluster, &discovery);
            (name, discovery, tokio::spawn(lookup))
        })
        .collect();
    let mut names = Vec::with_capacity(tasks.len());
    for (cluster, discovery, task) in tasks {
        let result =
            task.await.unwrap_or_else(|error| Err(LookupError::Name(ExternalText::new(error::task(&error)))));
        names.push(ResolvedName { cluster, discovery, result, elsewhere: Vec::new() });
    }
    mark_foreign_nodes(settings, &mut names);
    names
}

/// Looks one name up.
pub(super) fn one(
    cluster: &Cluster,
    discovery: &Discovery,
) -> impl Future<Output = Result<FoundNodes, LookupError>> + use<> {
    let (named, limit) = (cluster.tls.binds_name(), cluster.pace.request_timeout);
    let discovery = discovery.clone();
    async move { look_up(&discovery, named, limit).await }
}

/// Notes the nodes that are another cluster's.
pub(super) fn mark_foreign_nodes(settings: &Settings, names: &mut [ResolvedName]) {
    let mut owners = Owners::default();
    for cluster in &settings.clusters {
        owners.configured(&cluster.name, &cluster.nodes);
    }
    let mut order: Vec<&mut ResolvedName> = names.iter_mut().collect();
    order.sort_by(|a, b| (&a.cluster, &a.discovery).cmp(&(&b.cluster, &b.discovery)));
    for name in order {
        let Ok(found) = &name.result else { continue };
        name.elsewhere.clear();
        for node in &found.nodes {
            if let Some(owner) = owners.elsewhere(&node.address, &name.cluster) {
                name.elsewhere.push((node.address.clone(), owner.to_owned()));
            }
        }
    }
}
