//! `vault-unseal init`: initialises a server, and loses nothing of what it answers.
//!
//! A server hands out its shares once. The order of things follows from that:
//!
//! 1. Whatever can fail comes first, tried with bytes that are nobody's share: the server and its peers are asked, the
//!    home is sealed and opened, every recipient encrypted to, room on the disk reserved, the terminal opened.
//! 2. A key for the answer is sealed and stored ([`Rescue::prepare`]), which may take a TPM seconds.
//! 3. Signals are held from here on. The server is looked at once more, and asked.
//! 4. The first thing that happens to the answer, before it is even read, is one encryption, one write and one
//!    fsync(2): milliseconds. From then on a crash loses nothing, and `--resume` goes on at 5.
//! 5. The shares go home, then to the recipients; then comes the root token; the result is written; and only then are
//!    the rescue's files removed.
//! 6. If something fails at 5, the shares and the token are shown on the terminal and the rescue stays.
//!
//! What remains is the time between the server's own write to its storage and the fsync of 4, with the network in between.
//! A crash there leaves an initialised server whose shares nobody has, as does an answer that is lost on the way. Such
//! a server holds nothing: its storage is removed and it starts again, which is what the message says.

mod arguments;
mod error;
mod held;
mod outcome;
mod request;
mod root_token;
mod target;

pub(super) use arguments::EXAMPLES;
pub use arguments::{InitArguments, RootToken};

use super::enroll::Unmeasured;
use super::next_steps::{Destination, steps};
use super::start::{fail, load, runtime, say};
use super::store_choice::at_configured_tpm;
use super::terminal::Terminal;
use super::{ConfigArguments, Exit};
use crate::accounts::Trusted;
use crate::config::Purpose;
use crate::external::{self, quote};
use crate::shares::home::{Existing, HomeError, Prepared, Protection, Stored};
use crate::shares::rescue::Rescue;
use crate::shares::{InitAnswer, Scheme, ShareSet, offline};
use crate::vault::{InitFailure, Meaning, Refusal};
use crate::{protect, report};
use error::Trouble;
use held::Held;
use outcome::{Outcome, Token};
use request::Request;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use target::Ground;

/// Initialises the server, or finishes an initialisation that was interrupted.
pub(super) fn init(arguments: &ConfigArguments, options: &InitArguments) -> Exit {
    if let Err(error) = protect::this_process() {
        let error = external::error::io(&error);
        say(format_args!("error: the kernel does not let this process protect its memory: {error}"));
        return Exit::Failed;
    }
    let mut request = match Request::of(options) {
        Ok(request) => request,
        Err(misuse) => return fail(&misuse, Exit::Usage),
    };
    // Where shares will be is for the daemon; it may not be configured yet.
    let loaded = match load(arguments, Purpose::Observe) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    for notice in &loaded.notices {
        say(report::error::render_warning(notice));
    }
    at_configured_tpm(&mut request.home, &loaded.settings);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    // From within the loop: signals need it.
    let exit = runtime.block_on(async {
        let ground = match Ground::find(&loaded.settings, options.node.as_deref()).await {
            Ok(ground) => ground,
            Err(trouble @ Trouble::TlsFiles(_)) => return fail(&trouble, Exit::Config),
            Err(trouble) => return fail(&trouble, Exit::Usage),
        };
        let destination = Destination::of(&ground.cluster, &loaded.settings, arguments.config.as_deref());
        let name = destination.credential(&request.name).to_owned();
        request.name = name;
        request.home.name_credential(&request.name);
        // Before anything is done: what the service could not be told of is no place for its shares.
        if let Err(error) = steps(&request.home, &request.name, &destination, Path::new("/")) {
            if !options.resume {
                return fail(&error, Exit::Usage);
            }
        }
        request.destination = destination;
        let trusted = &loaded.settings.trusted;
        let work =
            Work { request: &request, ground: &ground, trusted, json: options.json, resumed: options.resume };
        let done = if options.resume { work.resume().await } else { Box::pin(work.begin()).await };
        done.unwrap_or_else(|trouble| fail(&trouble, Exit::Failed))
    });
    runtime.shutdown_background();
    exit
}

struct Work<'a> {
    request: &'a Request,
    ground: &'a Ground,
    trusted: &'a Arc<Trusted>,
    json: bool,
    /// Whether an earlier process has done a part of it.
    resumed: bool,
}

/// What is ready for the answer.
struct Ready {
    home: Option<Prepared>,
    copies: offline::Prepared,
    terminal: Option<Terminal>,
}

impl Work<'_> {
    /// Everything up to the answer. Errors: nothing was changed, or the answer is lost.
    async fn begin(&self) -> Result<Exit, Trouble> {
        Rescue::is_free(&self.request.home)?;
        self.terminal()?;
        self.ground.is_bare(self.request.over_existing, self.trusted).await?;
        let home = Some(self.request.home.clone().prepare(self.request.existing, self.trusted)?);
        let ready = self.ready(home, Existing::Keep)?;
        let mut rescue = Rescue::prepare(&self.request.home, self.trusted)?;
        let mut held = Held::begin().map_err(Trouble::Signals)?;
        // All this may have taken a while.
        self.ground.is_bare(self.request.over_existing, self.trusted).await?;
        let node = &self.ground.target.address;
        say(format_args!("initialising {node} …"));
        let (shares, threshold) = (self.request.shares, self.request.threshold);
        let limit = self.ground.cluster.pace.unseal_timeout;
        let answer = held.during(self.ground.target.server.init(shares, threshold, limit)).await;
        match answer {
            Ok(body) => {
                let kept = rescue.keep(&body);
                Ok(held.during(self.finish(ready, rescue, kept.is_ok(), &body)).await)
            }
            Err(InitFailure::NotSent(cause)) => Err(Trouble::Unreachable { node: node.clone(), cause }),
            Err(InitFailure::Refused(refusal)) => {
                // It may have written its keys before it met with what made it refuse.
                let health = self.ground.target.server.health().await;
                let initialised = health.ok().map(|health| health.initialized);
                // Of shares nothing was asked: such words of the server's are about its own storage.
                let meaning = match refusal.meaning {
                    Meaning::RoundFailed | Meaning::InvalidKey => Meaning::Transient,
                    meaning => meaning,
                };
                let refusal = Refusal { meaning, ..refusal };
                Err(Trouble::Refused { node: node.clone(), refusal, initialised })
            }
            Err(InitFailure::Lost { cause, partial }) => {
                let health = self.ground.target.server.health().await;
                let initialised = health.ok().map(|health| health.initialized);
                if partial.is_empty() {
                    return Err(Trouble::Lost { node: node.clone(), cause, initialised });
                }
                // Half an answer may have all the shares in it.
                let trouble = Trouble::BrokenOff { node: node.clone(), cause };
                let kept = rescue.keep(&partial).is_ok();
                Ok(self.leave_unfinished(&trouble, ready.terminal, &rescue, kept, None, &partial))
            }
        }
    }

    /// Everything from the answer on, with one that an earlier process kept.
    async fn resume(&self) -> Result<Exit, Trouble> {
        let (rescue, body) = Rescue::open(&self.request.home, self.trusted)?;
        let home = match self.request.home.clone().prepare(self.request.existing, self.trusted) {
            Ok(home) => Some(home),
            // As far as that it came.
            Err(HomeError::Occupied { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let ready = self.ready(home, Existing::Replace)?;
        let mut held = Held::begin().map_err(Trouble::Signals)?;
        Ok(held.during(self.finish(ready, rescue, true, &body)).await)
    }

    fn ready(&self, home: Option<Prepared>, existing: Existing) -> Result<Ready, Trouble> {
        let (recipients, count) = (&self.request.recipients, usize::from(self.request.shares));
        let copies = offline::prepare(recipients, count, &self.request.offline, existing)?;
        let terminal = self.terminal()?;
        Ok(Ready { home, copies, terminal })
    }

    /// The terminal, if there is one. Errors: there is none, and the root token is to be shown on it.
    fn terminal(&self) -> Result<Option<Terminal>, Trouble> {
        let terminal = Terminal::open();
        if self.request.root_token == RootToken::Show && !self.json && terminal.is_none() {
            return Err(Trouble::NoTerminal);
        }
        Ok(terminal)
    }

    /// Everything after the answer.
    async fn finish(&self, mut ready: Ready, rescue: Rescue, kept: bool, body: &[u8]) -> Exit {
        let node = &self.ground.target.address;
        // Kept with the shares, so that they never go to a server that cannot be theirs. An answer of an earlier process
        // may be to another question: its options are said once more, and nobody compares them.
        let (threshold, total) = (self.request.threshold.into(), self.request.shares.into());
        let asked = (!self.resumed).then_some(Scheme { threshold, total });
        let (answer, done) = match InitAnswer::parse(body, asked) {
            Ok(answer) => {
                let done = self.store(&mut ready, &answer).await;
                (Some(answer), done)
            }
            Err(cause) => (None, Err(Trouble::Answer(node.clone(), cause))),
        };
        match done {
            Ok(()) => {
                rescue.finish();
                Exit::Done
            }
            Err(trouble) => {
                self.leave_unfinished(&trouble, ready.terminal, &rescue, kept, answer.as_ref(), body)
            }
        }
    }

    async fn store(&self, ready: &mut Ready, answer: &InitAnswer) -> Result<(), Trouble> {
        let (request, node) = (self.request, self.ground.target.address.clone());
        let count = answer.shares.count();
        if count != usize::from(request.shares) {
            return Err(Trouble::Count { node, got: count, wanted: request.shares });
        }
        let mine = answer.shares.only(&request.kept_here(count));
        let stored = match &mut ready.home {
            Some(home) => home.store(&mine).map_err(|error| match error {
                HomeError::Occupied { path } => Trouble::Meanwhile { path },
                error => error.into(),
            })?,
            None => self.stored_before(&mine)?,
        };
        let title = format!("of {count} shares of {node}; {} are needed", request.threshold);
        let copies = ready.copies.store(&answer.shares, &title)?;
        let token = answer.root_token.as_ref().ok_or_else(|| Trouble::NoToken(node.clone()))?;
        let token = match request.root_token {
            RootToken::Show => Token::Plain(token.clone()),
            RootToken::Wrap => {
                Token::Wrapped(root_token::wrap(self.ground, &answer.shares, request.threshold, token).await?)
            }
            RootToken::Revoke => {
                let (shares, threshold) = (&answer.shares, request.threshold);
                root_token::revoke(self.ground, shares, threshold, token, self.resumed).await?;
                Token::Revoked
            }
        };
        let product = self.ground.product().await;
        let client = outcome::client_command(product, &self.ground.target.node, &self.ground.cluster.tls);
        self.tell(&Outcome { node, stored, copies, token, product, client }, ready.terminal.as_mut())
    }

    /// A file that an interrupted init had put in its place already.
    fn stored_before(&self, mine: &ShareSet) -> Result<Stored, Trouble> {
        let home = &self.request.home;
        let Ok(there) = home.open(self.trusted) else {
            return Err(Trouble::Meanwhile { path: home.path().to_owned() });
        };
        let there = there.shares;
        let same = there.count() == mine.count()
            && there.iter().zip(mine).all(|(one, other)| one.hex() == other.hex());
        if !same {
            return Err(Trouble::Meanwhile { path: home.path().to_owned() });
        }
        Ok(Stored { home: home.clone(), count: there.count(), protection: Protection::default() })
    }

    fn tell(&self, outcome: &Outcome, terminal: Option<&mut Terminal>) -> Result<(), Trouble> {
        let output = io::stdout().as_fd().try_clone_to_owned().map(File::from);
        let mut output = output.map_err(Trouble::Output)?;
        if let Some(unmeasured) = Unmeasured::of(&outcome.stored.protection) {
            say(report::error::render_warning(&unmeasured));
        }
        if self.json {
            let text = outcome::json(outcome, self.request);
            let text = text.ok_or_else(|| Trouble::Output(io::ErrorKind::InvalidData.into()))?;
            return output.write_all(&text).map_err(Trouble::Output);
        }
        output.write_all(outcome::text(outcome, self.request).as_bytes()).map_err(Trouble::Output)?;
        match (&outcome.token, terminal) {
            (Token::Plain(token), Some(terminal)) => {
                terminal.show(&outcome::root_token(token, &outcome.client)).map_err(Trouble::Output)
            }
            (Token::Plain(_), None) => Err(Trouble::NoTerminal),
            _ => Ok(()),
        }
    }

    /// Says what went wrong, and sees to it that the shares are with somebody.
    fn leave_unfinished(
        &self,
        trouble: &Trouble,
        terminal: Option<Terminal>,
        rescue: &Rescue,
        kept: bool,
        answer: Option<&InitAnswer>,
        body: &[u8],
    ) -> Exit {
        let exit = fail(trouble, Exit::Failed);
        let path = quote::sentence(rescue.path());
        // A TPM that fails now may have failed the rescue's key too.
        let kept = kept && rescue.gives(&self.request.home, body, self.trusted);
        let said = if kept {
            let advice = "Mend what failed, and give the same command with --resume: it finishes the work.";
            format!("{} is initialised. Its answer is kept, encrypted, in {path}\n  {advice}", self.node())
        } else {
            format!("{} is initialised, and what is in {path} cannot be relied on", self.node())
        };
        let _ = writeln!(io::stderr(), "{said}");
        // A log keeps what is written to it: only what is nowhere else goes to standard error.
        let terminal = terminal.or_else(|| if kept { None } else { Terminal::last_resort() });
        if let Some(mut terminal) = terminal {
            let _ = terminal.show(&outcome::to_be_written_down(answer, body));
        }
        exit
    }

    fn node(&self) -> String {
        self.ground.target.address.to_string()
    }
}
