//! `vault-unseal enroll`: puts shares where the daemon finds them.

mod arguments;
mod distribution;
mod failure;
mod outcome;
mod request;
mod source;
mod unfit;

pub(super) use arguments::EXAMPLES;
pub use arguments::EnrollArguments;
pub(super) use outcome::protection;

use super::start::{fail, say};
use super::store_choice::at_configured_tpm;
use super::{ConfigArguments, Exit};
use crate::cli::next_steps::{self, Destination};
use crate::explain::Explain;
use crate::external::{error, quote};
use crate::protect;
use crate::report::style::Style;
use crate::shares::home::{Home, Prepared, Protection, Stored};
use crate::shares::{Notice, Scheme, positions_in_words};
use distribution::Distribution;
use failure::Failure;
use outcome::Done;
use request::{From, Parts, Request};
use source::{Fate, Input};
use std::io::{self, Write};
use std::sync::Arc;

/// Does what the arguments say.
pub(super) fn enroll(arguments: &ConfigArguments, options: &EnrollArguments) -> Exit {
    if let Err(error) = protect::this_process() {
        let error = error::io(&error);
        say(format_args!("error: the kernel does not let this process protect its memory: {error}"));
        return Exit::Failed;
    }
    match store(arguments, options) {
        Ok(exit) | Err(Failure::Told(exit)) => exit,
        Err(Failure::Error(error, exit)) => fail(error.as_ref(), exit),
    }
}

fn store(arguments: &ConfigArguments, options: &EnrollArguments) -> Result<Exit, Failure> {
    let mut request = Request::of(options)?;
    let configured = distribution::configured(arguments);
    if let Some(loaded) = &configured {
        at_configured_tpm(&mut request.home, &loaded.settings);
    }
    let destination = configured.as_ref().map_or_else(Destination::default, |loaded| {
        let config = arguments.config.as_deref();
        Destination::guess(&loaded.settings, &request.home, &options.home.name, config)
    });
    let name = destination.credential(&options.home.name).to_owned();
    request.home.name_credential(&name);
    let trusted = configured.map_or_else(Arc::default, |loaded| loaded.settings.trusted);
    // Before anything is written: what the service could not be told of is no place for its shares.
    let steps = match &request.parts {
        Parts::Split { node: None, .. } => {
            next_steps::carrying(request.homes().first().map_or_else(|| std::path::Path::new(""), Home::path))
        }
        _ => next_steps::steps(&request.home, &name, &destination, std::path::Path::new("/"))?,
    };
    let rebound = matches!(request.from, From::Home(_));
    if rebound {
        request.home = request.home.bound_as_before(&trusted)?;
    }
    // A file can be judged before anything is touched; whoever types is asked once it is sure that it can be kept.
    let named = source::named(&request.from)?;
    let mut homes = Vec::new();
    for home in request.homes() {
        homes.push(home.prepare(request.existing, &trusted)?);
    }
    let input = match named {
        Some(input) => input,
        None => source::read(&request.from, &request.home, &trusted)?,
    };
    let said = options.threshold.map(|threshold| Scheme::needing(threshold.into()));
    let server = said.or_else(|| distribution::ask_servers(arguments));
    let parts = if input.chosen { &Parts::All } else { &request.parts };
    let (distribution, doubt) = distribution::distribute(&input.loaded.shares, parts, server)?;
    if rebound && !input.chosen {
        let count = distribution.parts.iter().map(Vec::len).sum();
        distribution::as_many_as(request.home.count(&trusted), parts, count)?;
    }
    let stored = store_all(&input, &mut homes, &distribution)?;
    let warnings = warnings(&input, doubt, &stored);
    let done = Done {
        stored,
        held: input.loaded.shares.count(),
        threshold: server.map(|server| server.threshold),
        coalition: distribution.coalition,
        root_token: has_root_token(&input),
        warnings: &warnings,
        source: input.given.as_ref().map(crate::shares::given::Given::path),
    };
    Ok(tell(&steps, &input, &done, options))
}

fn store_all(
    input: &Input,
    homes: &mut [Prepared],
    distribution: &Distribution,
) -> Result<Vec<(Stored, Vec<usize>)>, Failure> {
    let shares = &input.loaded.shares;
    let mut stored = Vec::new();
    for (home, part) in homes.iter_mut().zip(&distribution.parts) {
        stored.push((home.store(&shares.only(part))?, shares.positions(part)));
    }
    Ok(stored)
}

fn has_root_token(input: &Input) -> bool {
    input.loaded.notices.iter().any(|notice| matches!(notice, Notice::RootToken { .. }))
}

/// PCRs that bind to nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "nothing has been measured into PCR {pcrs}: binding to them protects nothing, whatever this machine starts"
)]
pub(super) struct Unmeasured {
    pcrs: String,
}

impl Unmeasured {
    /// Those of this protection, if they are.
    pub(super) fn of(protection: &Protection) -> Option<Self> {
        let pcrs = protection.pcrs.clone().filter(|_| protection.unmeasured)?;
        Some(Self { pcrs })
    }
}

impl Explain for Unmeasured {
    fn kind(&self) -> &'static str {
        "pcrs-unmeasured"
    }

    fn advice(&self) -> Option<String> {
        let advice = "The firmware does not measure (a Raspberry Pi's does not). The TPM itself still protects the \
                      shares on a disk that is taken elsewhere.";
        Some(advice.to_owned())
    }
}

/// What is odd, apart from a root token, of which the table tells.
fn warnings(
    input: &Input,
    doubt: Option<distribution::Doubt>,
    stored: &[(Stored, Vec<usize>)],
) -> Vec<Box<dyn Explain>> {
    let mut warnings: Vec<Box<dyn Explain>> = Vec::new();
    if let Some(exposed) = input.exposed() {
        warnings.push(Box::new(exposed));
    }
    for notice in &input.loaded.notices {
        if !matches!(notice, Notice::RootToken { .. }) {
            warnings.push(Box::new(notice.clone()));
        }
    }
    if let Some(doubt) = doubt {
        warnings.push(Box::new(doubt));
    }
    if let Some(unmeasured) = stored.iter().find_map(|(stored, _)| Unmeasured::of(&stored.protection)) {
        warnings.push(Box::new(unmeasured));
    }
    warnings
}

/// What would be lost with the source: what was not stored, and perhaps the last copy that another machine can read.
fn lost(input: &Input, done: &Done<'_>) -> Option<String> {
    let stored = |position: &usize| done.stored.iter().any(|(_, positions)| positions.contains(position));
    let all: Vec<usize> = input.loaded.shares.iter().map(crate::shares::Share::position).collect();
    let rest: Vec<usize> = all.into_iter().filter(|position| !stored(position)).collect();
    let shares = match rest.as_slice() {
        [] => None,
        [one] => Some(format!("share {one}")),
        more => Some(format!("shares {}", positions_in_words(more))),
    };
    let token = has_root_token(input).then(|| "the root token".to_owned());
    let what: Vec<String> = shares.into_iter().chain(token).collect();
    let mut lines = Vec::new();
    if !what.is_empty() {
        lines.push(format!("It also holds {}, which would be lost.", what.join(" and ")));
    }
    if done.stored.iter().any(|(stored, _)| stored.home.is_sealed()) {
        lines.push(
            "Only this machine opens what was sealed: there should be another copy somewhere else."
                .to_owned(),
        );
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Warnings, what was done, what becomes of the source, what is next.
fn tell(steps: &str, input: &Input, done: &Done<'_>, options: &EnrollArguments) -> Exit {
    let style = Style::of(&io::stdout());
    if !options.json {
        source::warn(done.warnings);
        if write!(io::stdout(), "{}", outcome::table(done, style))
            .and_then(|()| io::stdout().flush())
            .is_err()
        {
            return Exit::Failed;
        }
    }
    let (fate, exit) = match source::settle(input.given.as_ref(), options, lost(input, done).as_deref()) {
        Ok(fate) => (fate, Exit::Done),
        Err(error) => {
            let path = done.source.unwrap_or(std::path::Path::new(""));
            say(format_args!(
                "error: the shares are stored, but {} could not be overwritten and deleted: {}",
                quote::sentence(path),
                error::io(&error)
            ));
            say(format_args!("  Do it yourself: shred -u {}", quote::shell(path)));
            (Fate::Kept, Exit::Failed)
        }
    };
    if options.json {
        return super::status::print_json(&outcome::document(done, fate), exit);
    }
    let source = done.source.filter(|_| exit == Exit::Done);
    let mut text = source.map(|source| outcome::fate(fate, source)).unwrap_or_default();
    text.push_str(steps);
    match write!(io::stdout(), "{text}") {
        Ok(()) => exit,
        Err(_) => Exit::Failed,
    }
}
