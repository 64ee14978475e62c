//! What a start and a reload look at: share sources and TLS files, so that a broken one is reported then and not at the next
//! outage; at a start also credentials, and what the TPM opens.

use super::credentials;
use crate::accounts::Trusted;
use crate::cluster::ShareSource;
use crate::config::Settings;
use crate::explain::{Explain, Explanation};
use crate::report::in_one_line;
use crate::report::message::Message;
use crate::shares::{LoadedShares, Notice};
use crate::watch::{ClusterContexts, StatusRegistry};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long the TPM is left to servers that are sealed when we start.
const SERVERS_FIRST: Duration = Duration::from_secs(2);
/// How long their first handshakes have the processor before files are judged that no handshake needs.
const HANDSHAKES_FIRST: Duration = Duration::from_millis(20);

/// What the files say that a configuration names.
pub(super) struct NamedFiles {
    /// What is odd about shares.
    pub(super) notices: Vec<Notice>,
    /// The clusters, with what is read for their connections.
    pub(super) clusters: ClusterContexts,
    /// How many shares the source of each cluster has, as far as that can be known at once.
    pub(super) held: Vec<(String, Option<usize>)>,
}

impl NamedFiles {
    /// Proves the share sources as far as that takes no TPM, and reads the TLS files of clusters that changed. Blocks on the
    /// file system.
    pub(super) fn read(settings: &Settings, earlier: &ClusterContexts) -> Result<Self, Explanation> {
        let (mut notices, mut held) = (Vec::new(), Vec::new());
        for cluster in &settings.clusters {
            let Some(source) = &cluster.shares else { continue };
            let (count, odd) = source.prove(&settings.trusted).map_err(Explanation::of)?;
            notices.extend(odd);
            held.push((cluster.name.clone(), count));
        }
        let clusters = earlier.changed_to(settings).map_err(Explanation::of)?;
        Ok(Self { notices, clusters, held })
    }

    /// Has observers know how many shares are held.
    pub(super) fn tell_held(held: &[(String, Option<usize>)], registry: &StatusRegistry) {
        for (cluster, held) in held {
            registry.telemetry().shares_read(cluster, *held);
        }
    }
}

/// Begins to look, off the loop, at what takes longer: what only the TPM opens, and where credentials come from. Ends when it is
/// dropped.
pub(super) fn begin(settings: &Settings, registry: &Arc<StatusRegistry>) -> JoinSet<()> {
    let mut checks = JoinSet::new();
    let sealed =
        sources(settings).filter(|source| matches!(source, ShareSource::Tpm2 { .. })).cloned().collect();
    checks.spawn(open_with_tpm(sealed, Arc::clone(&settings.trusted)));
    checks.spawn(judge_credentials(settings.clone(), Arc::clone(registry)));
    checks
}

/// Has the TPM open what is sealed to it, and says what came of it. A TPM that does not answer ends nothing: it may come back,
/// and the servers may be unsealed.
async fn open_with_tpm(sealed: Vec<ShareSource>, trusted: Arc<Trusted>) {
    if sealed.is_empty() {
        return;
    }
    sleep(SERVERS_FIRST).await;
    for source in sealed {
        let name = source.to_string();
        let trusted = Arc::clone(&trusted);
        // Fails only if the runtime ends.
        let Ok(loaded) = tokio::task::spawn_blocking(move || source.load(&trusted)).await else { return };
        match loaded {
            Ok(LoadedShares { shares, notices: odd }) => {
                // Wiped before it is told that they were here.
                drop(shares);
                tracing::info!("the TPM opens {name}");
                notices(&odd);
            }
            Err(error) => {
                // No node is sealed for it so far: that would be another message.
                tracing::error!(message_id = Message::Notice.id(), "{}", in_one_line(&error));
            }
        }
    }
}

/// Judges who else can get at the files of credentials, and has `status` of systemd say so.
async fn judge_credentials(settings: Settings, registry: Arc<StatusRegistry>) {
    sleep(HANDSHAKES_FIRST).await;
    let judged = tokio::task::spawn_blocking(move || credentials::of_this_process(&settings)).await;
    let Ok(problems) = judged else { return };
    for problem in &problems {
        notice(&problem.what);
    }
    let refused = problems.into_iter().filter(|problem| problem.refusal.is_some());
    registry.warn(refused.map(|problem| problem.what.message).collect());
}

/// Says what is odd.
pub(super) fn notice(what: &dyn Explain) {
    tracing::warn!(message_id = Message::Notice.id(), "{}", in_one_line(what));
}

/// The same of each.
pub(super) fn notices<T: Explain>(all: &[T]) {
    for what in all {
        notice(what);
    }
}

fn sources(settings: &Settings) -> impl Iterator<Item = &ShareSource> {
    settings.clusters.iter().filter_map(|cluster| cluster.shares.as_ref())
}
