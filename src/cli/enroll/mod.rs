//! `vault-unseal enroll`: puts shares where the daemon finds them.

mod outcome;
mod request;
mod source;

pub(super) use outcome::{by_tpm, protection};
pub use request::EnrollArguments;

use super::start::{fail, protect_memory, runtime, say};
use super::store_choice::at_configured_tpm;
use super::{ConfigArguments, Exit};
use crate::cli::next_steps::{self, Destination};
use crate::cli::probe::{Target, names, targets};
use crate::cluster::Scheme;
use crate::config::{self, Environment, LoadedConfig, Purpose, Settings};
use crate::explain::Explanation;
use crate::external::{error, quote};
use crate::report;
use crate::report::Style;
use crate::shares::load::Given;
use crate::shares::store::{ShareStore, StoreError, StoreProtection, StoredShares};
use crate::shares::{Notice, Share};
use outcome::Enrolled;
use request::{EnrollRequest, ShareSelection, as_many_as, distribute};
use source::{Input, SourceFate};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long servers are asked for their threshold: it is good to know, and `check` asks again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Does what the arguments say.
pub(super) fn enroll(arguments: &ConfigArguments, options: &EnrollArguments) -> Result<Exit, Exit> {
    protect_memory()?;
    let mut request = EnrollRequest::of(options).map_err(|misuse| fail(&misuse, Exit::Usage))?;
    let configured = configured(arguments);
    if let Some(loaded) = &configured {
        at_configured_tpm(&mut request.store, &loaded.settings);
    }
    let destination = configured.as_ref().map_or_else(Destination::default, |loaded| {
        let config = arguments.config.as_deref();
        Destination::guess(&loaded.settings, &request.store, &options.store.name, config)
    });
    let name = destination.credential(&options.store.name).to_owned();
    request.store.name_credential(&name);
    let trusted = configured.as_ref().map(|loaded| Arc::clone(&loaded.settings.trusted)).unwrap_or_default();
    // Before anything is written: what the service could not be told of is no place for its shares.
    let steps = match &request.parts {
        ShareSelection::Split { node: None, .. } => {
            next_steps::carrying(request.stores().first().map_or_else(|| Path::new(""), ShareStore::path))
        }
        _ => next_steps::steps(&request.store, &name, &destination, Path::new("/"))
            .map_err(|error| fail(&error, Exit::Usage))?,
    };
    let not_stored = |error: StoreError| fail(&error, Exit::Failed);
    if options.rebind {
        request.store = request.store.bound_as_before(&trusted).map_err(not_stored)?;
    }
    // A file can be judged before anything is touched; whoever types is asked once it is sure that it can be kept.
    let file = options.file.as_deref();
    let named = file.filter(|path| !options.rebind && !source::is_standard_input(path));
    let named = named.map(source::file).transpose()?;
    let mut prepared = Vec::new();
    for store in request.stores() {
        prepared.push(store.prepare(request.existing, &trusted).map_err(not_stored)?);
    }
    let input = match named {
        Some(input) => input,
        None if options.rebind => source::store(&request.store, file, &trusted)?,
        None => source::standard_input()?,
    };
    let shares = &input.loaded.shares;
    let said = options.threshold.map(|threshold| Scheme::needing(threshold.into()));
    let server = said.or_else(|| ask_servers(&configured.as_ref()?.settings));
    let parts = if input.chosen { &ShareSelection::All } else { &request.parts };
    let refused = |why: Explanation| fail(&why, Exit::Failed);
    let distribution = distribute(shares, parts, server).map_err(refused)?;
    if options.rebind && !input.chosen {
        let count = distribution.parts.iter().map(Vec::len).sum();
        as_many_as(request.store.count(&trusted), parts, count).map_err(refused)?;
    }
    let mut stored = Vec::new();
    for (prepared, part) in prepared.iter_mut().zip(&distribution.parts) {
        stored.push((prepared.store(&shares.only(part)).map_err(not_stored)?, shares.positions(part)));
    }
    let done = Enrolled {
        warnings: warnings(&input, distribution.doubt, &stored),
        stored,
        held: shares.count(),
        threshold: server.map(|server| server.threshold),
        coalition: distribution.coalition,
        root_token: input.has_root_token(),
        source: input.given.as_ref().map(Given::path),
    };
    Ok(tell(&steps, &input, &done, options))
}

/// That PCRs bind to nothing.
pub(super) fn unmeasured(protection: &StoreProtection) -> Option<Explanation> {
    let pcrs = protection.pcrs.as_ref().filter(|_| protection.unmeasured)?;
    Some(Explanation::new(
        "pcrs-unmeasured",
        format!(
            "nothing has been measured into PCR {pcrs}: binding to them protects nothing, whatever this machine starts"
        ),
        "The firmware does not measure (a Raspberry Pi's does not). The TPM itself still protects the shares on a disk that \
         is taken elsewhere.",
    ))
}

/// What is odd, apart from a root token, of which the table tells.
fn warnings(
    input: &Input,
    doubt: Option<Explanation>,
    stored: &[(StoredShares, Vec<usize>)],
) -> Vec<Explanation> {
    let notices = input.loaded.notices.iter().filter(|notice| !matches!(notice, Notice::RootToken { .. }));
    let notices = notices.map(Explanation::of);
    let unmeasured = stored.iter().find_map(|(stored, _)| unmeasured(&stored.protection));
    input.exposed().into_iter().chain(notices).chain(doubt).chain(unmeasured).collect()
}

/// What would be lost with the source: what was not stored, and perhaps the last copy that another machine can read.
fn lost(input: &Input, done: &Enrolled<'_>) -> Option<String> {
    let stored = |position: &usize| done.stored.iter().any(|(_, positions)| positions.contains(position));
    let all = input.loaded.shares.iter().map(Share::position);
    let rest: Vec<usize> = all.filter(|position| !stored(position)).collect();
    let mut what = Vec::new();
    if !rest.is_empty() {
        what.push(outcome::shares_in_words(&rest));
    }
    if input.has_root_token() {
        what.push("the root token".to_owned());
    }
    let mut lines = Vec::new();
    if !what.is_empty() {
        lines.push(format!("It also holds {}, which would be lost.", what.join(" and ")));
    }
    if done.stored.iter().any(|(stored, _)| stored.target.is_sealed()) {
        let copy = "Only this machine opens what was sealed: there should be another copy somewhere else.";
        lines.push(copy.to_owned());
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Warnings, what was done, what becomes of the source, what is next.
fn tell(steps: &str, input: &Input, done: &Enrolled<'_>, options: &EnrollArguments) -> Exit {
    let style = Style::of(&io::stdout());
    if !options.json {
        for warning in &done.warnings {
            say(report::render_warning(warning));
        }
        if write!(io::stdout(), "{}", outcome::table(done, style))
            .and_then(|()| io::stdout().flush())
            .is_err()
        {
            return Exit::Failed;
        }
    }
    let lost = lost(input, done);
    let (fate, exit) = match source::settle(input.given.as_ref(), options, lost.as_deref()) {
        Ok(fate) => (fate, Exit::Done),
        Err(error) => {
            let path = done.source.unwrap_or(Path::new(""));
            say(format_args!(
                "error: the shares are stored, but {} could not be overwritten and deleted: {}",
                quote::sentence(path),
                error::io(&error)
            ));
            say(format_args!("  Do it yourself: shred -u {}", quote::shell(path)));
            (SourceFate::Kept, Exit::Failed)
        }
    };
    if options.json {
        return super::status::print_json(&outcome::document(done, fate), exit);
    }
    let source = done.source.filter(|_| exit == Exit::Done);
    let mut text = source.map(|source| outcome::fate(fate, source, lost.as_deref())).unwrap_or_default();
    text.push_str(steps);
    match write!(io::stdout(), "{text}") {
        Ok(()) => exit,
        Err(_) => Exit::Failed,
    }
}

/// The configuration; one that is wrong, or not there yet, is for `check` to tell.
fn configured(arguments: &ConfigArguments) -> Option<LoadedConfig> {
    let environment = Environment::of_process();
    config::load(&arguments.origin(), &environment, &arguments.overrides(), Purpose::Observe).ok()
}

/// Asks the configured servers how many shares they have and need; `None` when none says so, or not all the same.
fn ask_servers(settings: &Settings) -> Option<Scheme> {
    let runtime = runtime().ok()?;
    let schemes = runtime.block_on(async {
        let names = timeout(PATIENCE, names(settings)).await.unwrap_or_default();
        let ask = async |target: Target| timeout(PATIENCE, target.server.seal_status()).await.ok()?.ok();
        let targets = targets(settings, &names).await.ok()?.into_iter();
        let tasks: Vec<_> = targets.map(|target| tokio::spawn(ask(target))).collect();
        let mut schemes = Vec::new();
        for task in tasks {
            let status = task.await.ok().flatten();
            let known = status.filter(|status| status.threshold > 0 && status.takes_unseal_shares());
            schemes.extend(known.map(|status| status.scheme()));
        }
        Some(schemes)
    })?;
    runtime.shutdown_background();
    let first = schemes.first().copied()?;
    schemes.iter().all(|scheme| *scheme == first).then_some(first)
}
