//! Whether the shares belong together and to the servers, and which of them go where.

use super::failure::Failure;
use super::request::Parts;
use super::unfit::Unfit;
use crate::cli::ConfigArguments;
use crate::cli::look::{Target, targets};
use crate::cli::names::names;
use crate::cli::start::runtime;
use crate::config::{self, Environment, Loaded, Purpose};
use crate::explain::Explain;
use crate::shares::{Scheme, ShareSet, Split, positions_in_words};
use std::time::Duration;

/// How long servers are asked for their threshold: it is good to know, and `check` asks again.
const PATIENCE: Duration = Duration::from_secs(5);

/// A share that is enrolled although it looks wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Doubt {
    #[error("share {} does not fit the others", positions_in_words(.0))]
    Corrupt(Vec<usize>),
    #[error("the shares do not all belong together, and there are too few to tell which is wrong")]
    Ambiguous,
}

impl Explain for Doubt {
    fn kind(&self) -> &'static str {
        match self {
            Self::Corrupt(_) => "corrupt-share",
            Self::Ambiguous => "inconsistent-shares",
        }
    }

    fn advice(&self) -> Option<String> {
        Some(match self {
            Self::Corrupt(_) => {
                "The daemon unseals without it while there are enough others. Replace it by a good copy."
                    .to_owned()
            }
            Self::Ambiguous => {
                "The daemon tries them in turn, and names the wrong one once the server is unsealed."
                    .to_owned()
            }
        })
    }
}

/// Which shares go to each home, as indices, and how many machines bring back a server.
pub(super) struct Distribution {
    pub(super) parts: Vec<Vec<usize>>,
    pub(super) coalition: Option<usize>,
}

/// Judges the shares and distributes them.
pub(super) fn distribute(
    shares: &ShareSet,
    parts: &Parts,
    server: Option<Scheme>,
) -> Result<(Distribution, Option<Doubt>), Failure> {
    let plan = server.map(|server| shares.plan(server)).unwrap_or_default();
    if let Some(misfit) = plan.misfit {
        return Err(Unfit::Misfit(misfit).into());
    }
    let positions = shares.positions(&plan.corrupt);
    let doubt = match (positions.is_empty(), plan.ambiguous) {
        (false, _) => Some(Doubt::Corrupt(positions)),
        (true, true) => Some(Doubt::Ambiguous),
        (true, false) => None,
    };
    let one = |part| Distribution { parts: vec![part], coalition: None };
    let distribution = match parts {
        Parts::All => one((0..shares.count()).collect()),
        Parts::Only(positions) => one(indices(shares, positions)?),
        Parts::Split { machines, node } => {
            match doubt {
                Some(Doubt::Corrupt(positions)) => return Err(Unfit::Corrupt(positions).into()),
                Some(Doubt::Ambiguous) => return Err(Unfit::Ambiguous.into()),
                None => {}
            }
            let threshold = server.ok_or(Unfit::NoThreshold)?.threshold;
            let split = Split::among(*machines, shares.count(), threshold)?;
            let wanted = |machine: usize| node.is_none_or(|node| node == machine);
            let parts = split.parts.into_iter().zip(1..).filter(|(_, machine)| wanted(*machine));
            Distribution { parts: parts.map(|(part, _)| part).collect(), coalition: Some(split.coalition) }
        }
    };
    Ok((distribution, doubt))
}

/// Refuses to put another number of shares into a home than was there: with split custody, others' shares too. Where
/// the home does not say how many there were (`None`), whoever asks must have said which.
pub(super) fn as_many_as(before: Option<usize>, parts: &Parts, now: usize) -> Result<(), Unfit> {
    match before {
        None if matches!(parts, Parts::All) => Err(Unfit::UnknownNumber { now }),
        Some(1) if now != 1 => Err(Unfit::AnotherNumber { before: "1 share".to_owned(), now }),
        Some(count) if count != now => Err(Unfit::AnotherNumber { before: format!("{count} shares"), now }),
        _ => Ok(()),
    }
}

/// The indices of the shares at these positions.
fn indices(shares: &ShareSet, positions: &[usize]) -> Result<Vec<usize>, Unfit> {
    let mut indices = Vec::with_capacity(positions.len());
    for &position in positions {
        let held = || shares.iter().map(crate::shares::Share::position).collect();
        let index = shares.iter().position(|share| share.position() == position);
        let index = index.ok_or_else(|| Unfit::NoSuchShare { position, held: held() })?;
        if indices.contains(&index) {
            return Err(Unfit::Twice(position));
        }
        indices.push(index);
    }
    indices.sort_unstable();
    Ok(indices)
}

/// Asks the configured servers how many shares they have and need; `None` when none says so, or not all the same.
pub(super) fn ask_servers(arguments: &ConfigArguments) -> Option<Scheme> {
    let loaded = configured(arguments)?;
    let runtime = runtime().ok()?;
    let schemes = runtime.block_on(async {
        let names = tokio::time::timeout(PATIENCE, names(&loaded.settings)).await.unwrap_or_default();
        Some(schemes(&targets(&loaded.settings, &names).await.ok()?).await)
    })?;
    runtime.shutdown_background();
    let first = schemes.first().copied()?;
    schemes.iter().all(|scheme| *scheme == first).then_some(first)
}

/// The configuration; one that is wrong, or not there yet, is for `check` to tell.
pub(super) fn configured(arguments: &ConfigArguments) -> Option<Loaded> {
    let environment = Environment::of_process();
    config::load(&arguments.origin(), &environment, &arguments.overrides(), Purpose::Observe).ok()
}

async fn schemes(targets: &[Target]) -> Vec<Scheme> {
    let ask = |target: Target| async move {
        tokio::time::timeout(PATIENCE, target.server.seal_status()).await.ok()?.ok()
    };
    let tasks: Vec<_> = targets.iter().cloned().map(|target| tokio::spawn(ask(target))).collect();
    let mut schemes = Vec::new();
    for task in tasks {
        let status = task.await.ok().flatten();
        let known = status.filter(|status| status.threshold > 0 && status.takes_unseal_shares());
        schemes.extend(known.map(|status| status.scheme()));
    }
    schemes
}
