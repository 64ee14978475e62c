//! What becomes of the root token.

use super::error::Trouble;
use super::target::Ground;
use crate::shares::{Share, ShareSet};
use crate::unseal::State;
use crate::vault::{Role, TokenFailure, UnsealAnswer};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks at a server that is about to become active.
const LOOK: Duration = Duration::from_millis(100);

/// Unseals the server, and lets it wrap the token: the token that gives it out once.
pub(super) async fn wrap(
    ground: &Ground,
    shares: &ShareSet,
    threshold: u8,
    token: &SecretString,
) -> Result<SecretString, Trouble> {
    unseal(ground, shares, threshold).await?;
    let node = ground.target.address.clone();
    let wrapped = ground.target.server.wrap_token(token.expose_secret()).await;
    wrapped.map_err(|cause| Trouble::Token { node, done: "wrapped", cause })
}

/// Unseals the server, and makes the token worthless, unless an init that this one resumes (`resumed`) has done so.
pub(super) async fn revoke(
    ground: &Ground,
    shares: &ShareSet,
    threshold: u8,
    token: &SecretString,
    resumed: bool,
) -> Result<(), Trouble> {
    unseal(ground, shares, threshold).await?;
    let node = ground.target.address.clone();
    match ground.target.server.revoke(token.expose_secret()).await {
        // A root token may do everything while it lives: an active server that forbids it this does not know it any more.
        Err(TokenFailure::Refused(refusal)) if resumed && refusal.status == 403 && refusal.from_server => {
            Ok(())
        }
        revoked => revoked.map_err(|cause| Trouble::Token { node, done: "revoked", cause }),
    }
}

/// Submits as many shares as are needed, and waits until the server is active. A daemon that does the same meanwhile
/// does no harm: shares that are there already change nothing.
async fn unseal(ground: &Ground, shares: &ShareSet, threshold: u8) -> Result<(), Trouble> {
    let server = &ground.target.server;
    let limit = ground.cluster.pace.unseal_timeout;
    let failed = |why: String| Trouble::Unseal { node: ground.target.address.clone(), why };
    let sealed = server.health().await.map_err(|cause| failed(cause.to_string()))?.sealed;
    let needed = if sealed { usize::from(threshold) } else { 0 };
    for body in shares.iter().take(needed).map(Share::unseal_request) {
        match server.submit(body, limit).await {
            Ok(UnsealAnswer::Status(status)) if !status.sealed => break,
            Ok(UnsealAnswer::Status(_)) => {}
            Ok(UnsealAnswer::Refused(refusal)) => return Err(failed(refusal.to_string())),
            Err(cause) => return Err(failed(cause.to_string())),
        }
    }
    let deadline = Instant::now() + limit;
    loop {
        let last = match server.health().await {
            Ok(health) => match State::of_health(&health) {
                Some(State::Unsealed { role: Role::Active }) => return Ok(()),
                Some(state) => state.word().to_owned(),
                None => "sealed".to_owned(),
            },
            Err(cause) => cause.to_string(),
        };
        if Instant::now() >= deadline {
            let limit = humantime::format_duration(limit);
            return Err(failed(format!("it is not active within {limit}, but {last}")));
        }
        sleep(LOOK).await;
    }
}
