//! What becomes of the root token.

use super::target::InitTarget;
use crate::api::{Role, UnsealAnswer};
use crate::explain::Explanation;
use crate::shares::{Share, ShareSet};
use crate::unseal::State;
use crate::vault::TokenFailure;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks at a server that is about to become active.
const LOOK: Duration = Duration::from_millis(100);

/// What helps where the server does not do as it should.
const LOG: &str = "The server's log says more.";

/// Lets the server wrap the token: the token that gives it out once.
pub(super) async fn wrap(target: &InitTarget, token: &SecretString) -> Result<SecretString, Explanation> {
    let wrapped = target.node.server.wrap_token(token.expose_secret()).await;
    wrapped.map_err(|cause| refused(target, "wrapped", &cause))
}

/// Makes the token worthless, unless an init that this one resumes (`resumed`) has done so.
pub(super) async fn revoke(
    target: &InitTarget,
    token: &SecretString,
    resumed: bool,
) -> Result<(), Explanation> {
    match target.node.server.revoke(token.expose_secret()).await {
        // A root token may do everything while it lives: an active server that forbids it this does not know it any more.
        Err(TokenFailure::Refused(refusal)) if resumed && refusal.status == 403 && refusal.from_server => {
            Ok(())
        }
        revoked => revoked.map_err(|cause| refused(target, "revoked", &cause)),
    }
}

fn refused(target: &InitTarget, done: &str, cause: &TokenFailure) -> Explanation {
    let message = format!("the root token cannot be {done} by {}: {cause}", target.node.address);
    Explanation::new("root-token", message, LOG)
}

/// Submits as many shares as are needed, and waits until the server is active. A daemon that does the same meanwhile
/// does no harm: shares that are there already change nothing.
pub(super) async fn unseal(target: &InitTarget, shares: &ShareSet, threshold: u8) -> Result<(), Explanation> {
    let server = &target.node.server;
    let limit = target.cluster.pace.unseal_timeout;
    let failed = |why: String| {
        let message = format!("{} cannot be unsealed with its shares: {why}", target.node.address);
        Explanation::new("unseal", message, LOG)
    };
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
