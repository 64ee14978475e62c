//! The server of an `init`: which one is meant, whether it and its peers may get keys, why there is no answer, and what
//! becomes of the root token. No error carries a byte of a share or token.

use crate::accounts::Trusted;
use crate::api::{Meaning, Product, Refusal, Role, Unreachable, UnsealAnswer};
use crate::cli::arguments::SOCKET;
use crate::cli::daemon_status::DaemonStatus;
use crate::cli::probe::{ResolvedName, Target, names, probe, targets};
use crate::cli::start::fail;
use crate::cli::{Exit, machine};
use crate::cluster::NodeAddress;
use crate::config::{AddressError, Cluster, Settings};
use crate::explain::{Explain, Explanation};
use crate::report::state::{advice, reason};
use crate::shares::{Share, ShareSet};
use crate::unseal::{Damage, State};
use crate::vault::{InitFailure, TokenFailure};
use secrecy::{ExposeSecret, SecretString};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

/// The server that is to be initialised, and the rest of its cluster.
pub(super) struct InitTarget {
    pub(super) node: Target,
    pub(super) cluster: Cluster,
    peers: Vec<Target>,
    /// The names that stand for some of them.
    names: Vec<ResolvedName>,
}

impl InitTarget {
    /// Finds the one server that is meant; if there is none, says why.
    pub(super) async fn find(settings: &Settings, node: Option<&str>) -> Result<Self, Exit> {
        let usage = |why: Explanation| fail(&why, Exit::Usage);
        let names = names(settings).await;
        let mut all = targets(settings, &names).await.map_err(|error| fail(&error, Exit::Config))?;
        let list = all.iter().map(|target| target.address.to_string()).collect::<Vec<_>>().join(", ");
        let which = "Say which: --node URL, as it is written in the configuration.";
        let several = || {
            let message = format!("several servers are configured, and init is for one: {list}");
            Explanation::usage(message, which)
        };
        let wanted: NodeAddress = match (node, all.as_slice()) {
            (Some(text), _) => text.parse().map_err(|cause: AddressError| {
                usage(Explanation::usage(format!("--node {text:?}: {cause}"), which))
            })?,
            (None, [only]) => only.address.clone(),
            (None, []) => return Err(usage(unresolved(&names, None).unwrap_or_else(several))),
            (None, _) => return Err(usage(several())),
        };
        let meant = all.iter().position(|target| target.address == wanted).map(|at| all.swap_remove(at));
        let found = meant.and_then(|target| {
            let cluster = settings.clusters.iter().find(|cluster| cluster.name == target.cluster)?;
            Some((target, cluster.clone()))
        });
        let Some((target, cluster)) = found else {
            return Err(usage(Explanation::usage(
                format!("{wanted} is not among the configured servers: {list}"),
                "Configure it, or name it with --nodes instead of --node.",
            )));
        };
        all.retain(|peer| peer.cluster == target.cluster);
        Ok(Self { node: target, cluster, peers: all, names })
    }

    /// Asks the server and its peers: none of them may have keys, for they would be one cluster's. Unless `over_existing`,
    /// nothing may say that the server had some, either.
    pub(super) async fn is_bare(
        &self,
        over_existing: bool,
        trusted: &Arc<Trusted>,
    ) -> Result<(), Explanation> {
        if let Some(unresolved) = unresolved(&self.names, Some(&self.node)) {
            return Err(unresolved);
        }
        for peer in &self.peers {
            self.is_bare_peer(peer).await?;
        }
        let node = &self.node.address;
        let seen = probe(&self.node).await.state;
        // What the daemon saw before, the server no longer says.
        let told = DaemonStatus::at(Path::new(SOCKET)).await.of(&self.node, &seen);
        match told.filter(|told| matches!(told, State::Damaged { .. })).unwrap_or(seen) {
            State::Unreachable { cause } => return Err(self.unreachable(&cause)),
            // With its seal left, a server writes new keys over what could be saved and then refuses.
            state @ State::Damaged { .. }
                if !over_existing
                    || matches!(state, State::Damaged { damage: Damage::SealWithoutKeyring { .. } }) =>
            {
                let (reason, advice) =
                    (reason(&state).unwrap_or_default(), advice(&state).unwrap_or_default());
                return Err(Explanation::new(
                    "damaged",
                    format!("{node} is damaged, and not new: {reason}"),
                    format!(
                        "Nothing was changed. {advice}\nIf all its data may be lost for ever: empty its storage, and say \
                         --over-existing."
                    ),
                ));
            }
            State::Uninitialized { .. } | State::Damaged { .. } => {}
            _ => return Err(self.initialised(self.product().await)),
        }
        // While it joins a raft cluster it calls itself initialised here sooner than there.
        let seal = self.node.server.seal_status().await.map_err(|cause| self.unreachable(&cause))?;
        if seal.initialized {
            return Err(self.initialised(seal.product));
        }
        if !seal.takes_unseal_shares() {
            let command = seal.product.command("operator init");
            return Err(Explanation::new(
                "foreign-seal",
                format!("{node} unseals itself ({}): it has no shares to give", seal.seal_type),
                format!("Initialise it with {command}, and keep its recovery keys."),
            ));
        }
        match self.cluster.shares.as_ref().filter(|_| !over_existing) {
            Some(source) if machine::may_have_shares(source, trusted).await => Err(Explanation::new(
                "shares-held",
                format!("{node} has no keys, and shares for its cluster are there already: {source}"),
                "Nothing was changed. It is a new member that has not joined its cluster, or its storage is not mounted: \
                 initialising it would make these shares worthless. Let it join, or look for its storage.\nIf they and the \
                 data that they protect may be lost for ever: --over-existing.",
            )),
            _ => Ok(()),
        }
    }

    /// A peer that has keys, or may have some, is to be joined.
    async fn is_bare_peer(&self, peer: &Target) -> Result<(), Explanation> {
        let (node, meant) = (&peer.address, &self.node.address);
        match probe(peer).await.state {
            State::Uninitialized { .. } => Ok(()),
            State::Unreachable { cause } => Err(Explanation::new(
                "peer-unreachable",
                format!(
                    "{node}, of the same cluster, cannot be asked whether it is initialised already: {cause}"
                ),
                format!(
                    "Start it. If it was never initialised and never will be before {meant}: leave it out, with --nodes {meant}"
                ),
            )),
            state => Err(Explanation::new(
                "peer-initialized",
                format!(
                    "{node}, of the same cluster, is initialised already (it is {}): {meant} must join it",
                    state.word()
                ),
                "A second initialisation would make a second cluster. Let it join (retry_join in its storage \"raft\"), and \
                 give it the shares that the first one has.",
            )),
        }
    }

    /// The server does not answer.
    pub(super) fn unreachable(&self, cause: &Unreachable) -> Explanation {
        let message = format!("{} cannot be asked: {cause}", self.node.address);
        Explanation { message, ..Explanation::of(cause) }
    }

    fn initialised(&self, product: Product) -> Explanation {
        let rekey = product.commands("operator rekey", "operator rotate-keys");
        Explanation::new(
            "initialized",
            format!("{} is initialised already", self.node.address),
            format!(
                "Nothing was changed. Its shares are with whoever initialised it; {rekey} makes others.\nIt may hold data: do \
                 not empty its storage."
            ),
        )
    }

    /// Which program the server is, as far as it tells.
    pub(super) async fn product(&self) -> Product {
        let server = &self.node.server;
        let by_seal = server.seal_status().await.map_or(Product::Unknown, |seal| seal.product);
        match by_seal {
            Product::Unknown => server.health().await.map_or(by_seal, |health| health.product),
            known => known,
        }
    }
}

/// A name of the target's cluster, or any, that cannot be resolved: who its servers are is not known.
fn unresolved(names: &[ResolvedName], target: Option<&Target>) -> Option<Explanation> {
    let ours = |name: &&ResolvedName| target.is_none_or(|target| target.cluster == name.cluster);
    names.iter().filter(ours).find_map(|name| {
        let cause = name.result.as_ref().err()?;
        let message = format!("{} {cause}: which servers it stands for is not known", name.discovery);
        let advice = match target {
            Some(Target { address, .. }) => Some(format!(
                "One of them may be initialised already. If none is: name the server itself, with --nodes {address}"
            )),
            None => cause.advice(),
        };
        Some(Explanation { kind: cause.kind(), message, advice })
    })
}

/// How a server is made new whose shares nobody has.
const BEGIN_AGAIN: &str = "A server whose shares nobody has holds nothing that could be read: stop it, remove what is \
                           in its storage (raft: the files below `path`), start it, and give this command again.";
/// What else the server may be.
const UNTIL_THEN: &str = "It may still be at it: wait a minute, then look at `vault-unseal status`. If it says \
                          uninitialized, give this command again.\n";

/// Why there is no answer, or half of one, which may have all the shares in it.
pub(super) async fn not_initialised(
    target: &InitTarget,
    failure: InitFailure,
) -> (Explanation, Zeroizing<Vec<u8>>) {
    let node = &target.node.address;
    // It may have written its keys before it met with what made it refuse.
    let initialised = async || Some(target.node.server.health().await.ok()?.initialized);
    match failure {
        InitFailure::NotSent(cause) => (target.unreachable(&cause), Zeroizing::default()),
        InitFailure::Refused(refusal) => {
            // Of shares nothing was asked: such words of the server's are about its own storage.
            let meaning = match refusal.meaning {
                Meaning::RoundFailed | Meaning::InvalidKey => Meaning::Transient,
                meaning => meaning,
            };
            let refusal = Refusal { meaning, ..refusal };
            let advice = match initialised().await {
                Some(false) => "The server is as it was, and nothing was stored.",
                Some(true) => {
                    "It is initialised all the same now, and nobody has its shares: what is left of other data in its \
                     storage is in the way. Nothing was stored. Restore its storage from a backup, or empty it and give \
                     this command again."
                }
                None => "Nothing was stored. Whether the server is as it was is not known: look at its log.",
            };
            let message = format!("{node} refuses to be initialised: {refusal}");
            (Explanation::new("init-refused", message, advice), Zeroizing::default())
        }
        InitFailure::Lost { cause, partial } if partial.is_empty() => {
            let initialised = initialised().await;
            let now = match initialised {
                Some(true) => "it is initialised now, and nobody has its shares",
                Some(false) => "it says that it is not initialised, as far as it knows yet",
                None => "it may be initialised now, with shares that nobody has",
            };
            let wait = if initialised == Some(true) { "" } else { UNTIL_THEN };
            let message = format!("the answer of {node} is lost ({cause}); {now}");
            (Explanation::new("init-answer-lost", message, format!("{wait}{BEGIN_AGAIN}")), partial)
        }
        InitFailure::Lost { cause, partial } => {
            let message = format!("the answer of {node} broke off: {cause}");
            (Explanation::new("init-answer-lost", message, shown_as_it_came()), partial)
        }
    }
}

pub(super) fn shown_as_it_came() -> String {
    format!(
        "What came is shown on the terminal, where there is one. `vault-unseal enroll -` stores shares that are typed. If there \
         are too few: {BEGIN_AGAIN}"
    )
}

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
