//! Share sources are proved when the daemon starts, so that a broken one is reported then and not at the next outage.

use crate::accounts::Trusted;
use crate::config::Settings;
use crate::explain::Explain;
use crate::report::error::in_one_line;
use crate::report::message::Message;
use crate::shares::{Notice, ShareError, Source};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How long the TPM is left to servers that are sealed when we start.
const SERVERS_FIRST: Duration = Duration::from_secs(2);

/// Looks at every share source as far as that takes no TPM, and keeps nothing but what is odd about it.
pub(super) fn sources(settings: &Settings) -> Result<Vec<Notice>, ShareError> {
    let mut oddities = Vec::new();
    for source in of(settings) {
        oddities.extend(source.prove(&settings.trusted)?);
    }
    Ok(oddities)
}

/// Has the TPM open what is sealed to it, off the loop, and says what came of it. A TPM that does not answer ends nothing:
/// it may come back, and the servers may be unsealed.
pub(super) fn with_the_tpm(settings: &Settings) -> Option<JoinHandle<()>> {
    let sealed: Vec<Source> =
        of(settings).filter(|source| matches!(source, Source::Tpm2 { .. })).cloned().collect();
    if sealed.is_empty() {
        return None;
    }
    let trusted: Arc<Trusted> = Arc::clone(&settings.trusted);
    Some(tokio::spawn(async move {
        sleep(SERVERS_FIRST).await;
        for source in sealed {
            let name = source.to_string();
            // Fails only if the runtime ends.
            let trusted = Arc::clone(&trusted);
            let loaded = tokio::task::spawn_blocking(move || source.load(&trusted)).await;
            let Ok(loaded) = loaded else { return };
            match loaded {
                Ok(loaded) => {
                    tracing::info!("the TPM opens {name}");
                    loaded.notices.iter().for_each(|oddity| notice(oddity));
                }
                Err(error) => {
                    // No node is sealed for it so far: that would be another message.
                    tracing::error!(message_id = Message::Notice.id(), "{}", in_one_line(&error));
                }
            }
        }
    }))
}

/// Says what is odd.
pub(super) fn notice(oddity: &dyn Explain) {
    tracing::warn!(message_id = Message::Notice.id(), "{}", in_one_line(oddity));
}

fn of(settings: &Settings) -> impl Iterator<Item = &Source> {
    settings.clusters.iter().filter_map(|cluster| cluster.shares.as_ref())
}
