//! `vault-unseal init`: initialises a server, and loses nothing of what it answers.
//!
//! A server hands out its shares once. The order of things follows from that:
//!
//! 1. Whatever can fail comes first, tried with bytes that are nobody's share: the server and its peers are asked, the
//!    shares' file is sealed and opened, every recipient encrypted to, room on the disk reserved, the terminal opened.
//! 2. A key for the answer is sealed and stored ([`InitRecovery::prepare`]), which may take a TPM seconds.
//! 3. Signals are held from here on. The server is looked at once more, and asked.
//! 4. The first thing that happens to the answer, before it is even read, is one encryption, one write and one
//!    fsync(2): milliseconds. From then on a crash loses nothing, and `--resume` goes on at 5.
//! 5. The shares are stored, then to the recipients; then comes the root token; the result is written; and only then are
//!    the files of the recovery removed.
//! 6. If something fails at 5, the shares and the token are shown on the terminal and the files of the recovery stay.
//!
//! What remains is the time between the server's own write to its storage and the fsync of 4, with the network in between.
//! A crash there leaves an initialised server whose shares nobody has, as does an answer that is lost on the way. Such
//! a server holds nothing: its storage is removed and it starts again, which is what the message says.

mod outcome;
mod request;
mod target;

pub use request::{InitArguments, RootToken};

use super::enroll::unmeasured;
use super::next_steps::{Destination, steps};
use super::start::{fail, load, protect_memory, runtime, say};
use super::store_choice::at_configured_tpm;
use super::{ConfigArguments, Exit};
use crate::accounts::Trusted;
use crate::cluster::Scheme;
use crate::config::Purpose;
use crate::explain::{Explain, Explanation};
use crate::external::{error, quote};
use crate::report;
use crate::shares::recovery::InitRecovery;
use crate::shares::store::{Existing, PreparedStore, StoreError, StoreProtection, StoredShares};
use crate::shares::{InitAnswer, ShareSet, offline};
use outcome::{InitOutcome, RootTokenOutcome, Terminal};
use request::InitRequest;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use target::{InitTarget, not_initialised, revoke, shown_as_it_came, unseal, wrap};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Initialises the server, or finishes an initialisation that was interrupted.
pub(super) fn init(arguments: &ConfigArguments, options: &InitArguments) -> Result<Exit, Exit> {
    protect_memory()?;
    let mut request = InitRequest::of(options).map_err(|misuse| fail(&misuse, Exit::Usage))?;
    // Where shares will be is for the daemon; it may not be configured yet.
    let loaded = load(arguments, Purpose::Observe)?;
    for notice in &loaded.notices {
        say(report::render_warning(notice));
    }
    at_configured_tpm(&mut request.store, &loaded.settings);
    let runtime = runtime()?;
    // From within the loop: signals need it.
    let ended = runtime.block_on(async {
        let target = InitTarget::find(&loaded.settings, options.node.as_deref()).await?;
        let destination = Destination::of(&target.cluster, &loaded.settings, arguments.config.as_deref());
        let name = destination.credential(&request.name).to_owned();
        request.name = name;
        request.store.name_credential(&request.name);
        // Before anything is done: what the service could not be told of is no place for its shares.
        if let Err(error) = steps(&request.store, &request.name, &destination, Path::new("/")) {
            if !options.resume {
                return Err(fail(&error, Exit::Usage));
            }
        }
        request.destination = destination;
        let work =
            Initialisation { options, request: &request, target: &target, trusted: &loaded.settings.trusted };
        let done = if options.resume { work.resume().await } else { Box::pin(work.begin()).await };
        done.map_err(|why| fail(&why, Exit::Failed))
    });
    runtime.shutdown_background();
    ended
}

struct Initialisation<'a> {
    options: &'a InitArguments,
    request: &'a InitRequest,
    target: &'a InitTarget,
    trusted: &'a Arc<Trusted>,
}

/// What is ready for the answer.
struct Ready {
    store: Option<PreparedStore>,
    copies: offline::PreparedCopies,
    terminal: Option<Terminal>,
}

impl Initialisation<'_> {
    /// Everything up to the answer. Errors: nothing was changed, or the answer is lost.
    async fn begin(&self) -> Result<Exit, Explanation> {
        InitRecovery::is_free(&self.request.store).map_err(Explanation::of)?;
        self.terminal()?;
        self.target.is_bare(self.options.over_existing, self.trusted).await?;
        let prepared = self.request.store.clone().prepare(self.existing(), self.trusted);
        let ready = self.ready(Some(prepared.map_err(not_prepared)?), Existing::Keep)?;
        let recovery = InitRecovery::prepare(&self.request.store, self.trusted);
        let mut recovery = recovery.map_err(Explanation::of)?;
        let mut signals = HeldSignals::begin()?;
        // All this may have taken a while.
        self.target.is_bare(self.options.over_existing, self.trusted).await?;
        say(format_args!("initialising {} …", self.target.node.address));
        let (shares, threshold) = (self.request.shares, self.request.threshold);
        let limit = self.target.cluster.pace.unseal_timeout;
        match signals.during(self.target.node.server.init(shares, threshold, limit)).await {
            Ok(body) => {
                let kept = recovery.keep(&body).is_ok();
                Ok(signals.during(self.finish(ready, recovery, kept, &body)).await)
            }
            Err(failure) => {
                let (why, partial) = not_initialised(self.target, failure).await;
                if partial.is_empty() {
                    return Err(why);
                }
                let kept = recovery.keep(&partial).is_ok();
                Ok(self.leave_unfinished(&why, ready.terminal, &recovery, kept, None, &partial))
            }
        }
    }

    /// Everything from the answer on, with one that an earlier process kept.
    async fn resume(&self) -> Result<Exit, Explanation> {
        let opened = InitRecovery::open(&self.request.store, self.trusted);
        let (recovery, body) = opened.map_err(Explanation::of)?;
        let prepared = match self.request.store.clone().prepare(self.existing(), self.trusted) {
            Ok(prepared) => Some(prepared),
            // As far as that it came.
            Err(StoreError::Occupied(_)) => None,
            Err(error) => return Err(Explanation::of(&error)),
        };
        let ready = self.ready(prepared, Existing::Replace)?;
        let mut signals = HeldSignals::begin()?;
        Ok(signals.during(self.finish(ready, recovery, true, &body)).await)
    }

    /// Whether a share file may be replaced.
    fn existing(&self) -> Existing {
        if self.options.force_home { Existing::Replace } else { Existing::Keep }
    }

    fn ready(&self, store: Option<PreparedStore>, existing: Existing) -> Result<Ready, Explanation> {
        let (recipients, count) = (&self.request.recipients, usize::from(self.request.shares));
        let copies = offline::prepare(recipients, count, &self.request.offline, existing);
        let copies = copies.map_err(Explanation::of)?;
        let terminal = self.terminal()?;
        Ok(Ready { store, copies, terminal })
    }

    /// The terminal, if there is one. Errors: there is none, and the root token is to be shown on it.
    fn terminal(&self) -> Result<Option<Terminal>, Explanation> {
        let terminal = Terminal::open();
        if self.options.root_token == RootToken::Show && !self.options.json && terminal.is_none() {
            return Err(no_terminal());
        }
        Ok(terminal)
    }

    /// Everything after the answer.
    async fn finish(&self, mut ready: Ready, recovery: InitRecovery, kept: bool, body: &[u8]) -> Exit {
        let node = &self.target.node.address;
        // Kept with the shares, so that they never go to a server that cannot be theirs. An answer of an earlier process
        // may be to another question: its options are said once more, and nobody compares them.
        let (threshold, total) = (self.request.threshold.into(), self.request.shares.into());
        let asked = (!self.options.resume).then_some(Scheme { threshold, total });
        let (answer, done) = match InitAnswer::parse(body, asked) {
            Ok(answer) => {
                let done = self.store(&mut ready, &answer).await;
                (Some(answer), done)
            }
            Err(cause) => {
                let message = format!("what {node} answered are no shares: {cause}");
                (None, Err(Explanation::new("init-answer", message, shown_as_it_came())))
            }
        };
        match done {
            Ok(()) => {
                recovery.finish();
                Exit::Done
            }
            Err(why) => self.leave_unfinished(&why, ready.terminal, &recovery, kept, answer.as_ref(), body),
        }
    }

    async fn store(&self, ready: &mut Ready, answer: &InitAnswer) -> Result<(), Explanation> {
        let (request, node) = (self.request, self.target.node.address.clone());
        let count = answer.shares.count();
        if count != usize::from(request.shares) {
            let message = format!("{node} gave {count} shares instead of {}", request.shares);
            return Err(Explanation::without_advice("init-answer", message));
        }
        let mine = answer.shares.only(&request.kept_here(count));
        let stored = match &mut ready.store {
            Some(prepared) => prepared.store(&mine).map_err(|error| match error {
                StoreError::Occupied(path) => occupied_meanwhile(&path),
                error => Explanation::of(&error),
            })?,
            None => self.stored_before(&mine)?,
        };
        let title = format!("of {count} shares of {node}; {} are needed", request.threshold);
        let copies = ready.copies.store(&answer.shares, &title).map_err(Explanation::of)?;
        let token = answer.root_token.as_ref().ok_or_else(|| {
            Explanation::without_advice("init-answer", format!("{node} gave no root token"))
        })?;
        if self.options.root_token != RootToken::Show {
            unseal(self.target, &answer.shares, request.threshold).await?;
        }
        let token = match self.options.root_token {
            RootToken::Show => RootTokenOutcome::Plain(token.clone()),
            RootToken::Wrap => RootTokenOutcome::Wrapped(wrap(self.target, token).await?),
            RootToken::Revoke => {
                revoke(self.target, token, self.options.resume).await?;
                RootTokenOutcome::Revoked
            }
        };
        let product = self.target.product().await;
        let client = outcome::client_command(product, &self.target.node.node, &self.target.cluster.tls);
        self.tell(&InitOutcome { node, stored, copies, token, product, client }, ready.terminal.as_mut())
    }

    /// A file that an interrupted init had put in its place already.
    fn stored_before(&self, mine: &ShareSet) -> Result<StoredShares, Explanation> {
        let store = &self.request.store;
        let is_mine = |there: &ShareSet| {
            there.count() == mine.count()
                && there.iter().zip(mine).all(|(one, other)| one.hex() == other.hex())
        };
        match store.open(self.trusted) {
            Ok(there) if is_mine(&there.shares) => Ok(StoredShares {
                target: store.clone(),
                count: mine.count(),
                protection: StoreProtection::default(),
            }),
            _ => Err(occupied_meanwhile(store.path())),
        }
    }

    fn tell(&self, outcome: &InitOutcome, terminal: Option<&mut Terminal>) -> Result<(), Explanation> {
        let unwritten = |error: io::Error| unwritten(&error);
        let output = io::stdout().as_fd().try_clone_to_owned().map(File::from);
        let mut output = output.map_err(unwritten)?;
        if let Some(unmeasured) = unmeasured(&outcome.stored.protection) {
            say(report::render_warning(&unmeasured));
        }
        if self.options.json {
            let text = outcome::json(outcome, self.request);
            let text = text.ok_or_else(|| unwritten(io::ErrorKind::InvalidData.into()))?;
            return output.write_all(text.as_bytes()).map_err(unwritten);
        }
        output.write_all(outcome::text(outcome, self.request).as_bytes()).map_err(unwritten)?;
        match (&outcome.token, terminal) {
            (RootTokenOutcome::Plain(token), Some(terminal)) => {
                terminal.show(&outcome::root_token(token, &outcome.client)).map_err(unwritten)
            }
            (RootTokenOutcome::Plain(_), None) => Err(no_terminal()),
            _ => Ok(()),
        }
    }

    /// Says what went wrong, and shows the shares where they may be kept nowhere.
    fn leave_unfinished(
        &self,
        why: &Explanation,
        terminal: Option<Terminal>,
        recovery: &InitRecovery,
        kept: bool,
        answer: Option<&InitAnswer>,
        body: &[u8],
    ) -> Exit {
        let exit = fail(why, Exit::Failed);
        let path = quote::sentence(recovery.path());
        // A TPM that fails now may have failed the recovery's key too.
        let kept = kept && recovery.gives(&self.request.store, body, self.trusted);
        let node = &self.target.node.address;
        if kept {
            say(format_args!("{node} is initialised. Its answer is kept, encrypted, in {path}"));
            say("  Fix what failed, and give the same command with --resume: it finishes the work.");
        } else {
            say(format_args!("{node} is initialised, and what is in {path} cannot be relied on"));
        }
        // A log keeps what is written to it: only what is nowhere else goes to standard error.
        let terminal = terminal.or_else(|| if kept { None } else { Terminal::last_resort() });
        if let Some(mut terminal) = terminal {
            let _ = terminal.show(&outcome::to_be_written_down(answer, body));
        }
        exit
    }
}

/// While it lives, SIGINT, SIGTERM, SIGHUP and SIGQUIT end nothing.
struct HeldSignals([Signal; 4]);

impl HeldSignals {
    /// Begins to hold them. tokio never gives them back: they end nothing from now on.
    fn begin() -> Result<Self, Explanation> {
        let held = |kind| {
            signal(kind).map_err(|error| {
                let message = format!("signals cannot be held: {}", error::io(&error));
                Explanation::without_advice("signals", message)
            })
        };
        Ok(Self([
            held(SignalKind::interrupt())?,
            held(SignalKind::terminate())?,
            held(SignalKind::hangup())?,
            held(SignalKind::quit())?,
        ]))
    }

    /// Does something to its end, and says once why a signal does not end it.
    async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        let mut said = false;
        let [interrupt, terminate, hangup, quit] = &mut self.0;
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
                _ = quit.recv() => {}
            }
            if !said {
                said = true;
                say("the server's answer must not get lost: this goes on to its end");
            }
        }
    }
}

/// Why shares cannot be stored there, with what `init` has for it.
fn not_prepared(error: StoreError) -> Explanation {
    match error {
        StoreError::Occupied(_) => Explanation::new(
            error.kind(),
            error.to_string(),
            "Name another file with --output. If its shares are kept elsewhere too, --force-home replaces it once the new one \
             was opened and compared.",
        ),
        error => Explanation::of(&error),
    }
}

fn occupied_meanwhile(path: &Path) -> Explanation {
    let message = format!("{} was put there by somebody else meanwhile", quote::sentence(path));
    Explanation::new("home-occupied", message, "Move it away.")
}

fn no_terminal() -> Explanation {
    Explanation::new(
        "no-terminal",
        "there is no terminal to show the root token on",
        "Give this command on a terminal (ssh -t), or say --root-token wrap, --root-token revoke or --json.",
    )
}

fn unwritten(error: &io::Error) -> Explanation {
    let error = error::io(error);
    Explanation::without_advice("output", format!("the result cannot be written: {error}"))
}
