//! Who is told, and how: one file a kind.

mod cause;
mod command;
mod http;
mod names;
mod ping;
mod secret;
mod smtp;
mod webhook;

use super::message::Message;
use crate::document::{DocumentError, Table};
use crate::service::Looking;
use command::Command;
use ping::Ping;
use smtp::Smtp;
use std::time::Duration;
use vault_unseal::explain::Explanation;
use webhook::Webhook;

/// How long telling may take.
pub(super) const LIMIT: Duration = Duration::from_secs(20);

/// Kinds of targets, as the configuration names them.
const KINDS: &str = "webhook, smtp, ping or command";

/// A kind of target with what it takes.
#[derive(Debug)]
pub enum Target {
    /// An address that takes messages over HTTP.
    Webhook(Webhook),
    /// A mail server.
    Smtp(Smtp),
    /// A service that misses us when we are silent.
    Ping(Ping),
    /// A program.
    Command(Command),
}

/// Why a target was not told.
#[derive(Debug)]
pub struct Undelivered {
    /// What happened, in words of ours: no URL, no password, nothing that the other side says.
    pub why: Explanation,
    /// The other side asks for so long a pause.
    pub retry_after: Option<Duration>,
}

impl Undelivered {
    fn new(kind: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { why: Explanation::new(kind, what, advice), retry_after: None }
    }
}

impl From<Explanation> for Undelivered {
    fn from(why: Explanation) -> Self {
        Self { why, retry_after: None }
    }
}

impl Target {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, DocumentError> {
        let mut found = Vec::new();
        if let Some(inner) = table.table("webhook")? {
            found.push((Self::Webhook(Webhook::read(&inner)?), inner));
        }
        if let Some(inner) = table.table("smtp")? {
            found.push((Self::Smtp(Smtp::read(&inner)?), inner));
        }
        if let Some(inner) = table.table("ping")? {
            found.push((Self::Ping(Ping::read(&inner)?), inner));
        }
        if let Some(inner) = table.table("command")? {
            found.push((Self::Command(Command::read(&inner)?), inner));
        }
        for (_, inner) in &found {
            inner.finish()?;
        }
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some((target, _)), None) => Ok(target),
            // A misspelt kind is told as that.
            (None, _) => Err(table.finish().err().unwrap_or_else(|| {
                table.lacks("webhook", format!("Say how it is told: {KINDS}, as webhook = {{ … }}."))
            })),
            (_, Some((_, second))) => Err(second.place().refuses(Explanation::new(
                "config-several-targets",
                "this target is of two kinds",
                "Write one [[notify]] for each.",
            ))),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Smtp(_) => "smtp",
            Self::Ping(_) => "ping",
            Self::Command(_) => "command",
        }
    }

    /// Whether all that it takes is there: secrets, authorities, programs; credentials only in the service. Blocks on
    /// files.
    pub(crate) fn check(&self, looking: Looking<'_>) -> Result<(), Explanation> {
        match self {
            Self::Webhook(webhook) => webhook.check(looking),
            Self::Smtp(smtp) => smtp.check(looking),
            Self::Ping(ping) => ping.check(looking),
            Self::Command(command) => command.check(looking),
        }
    }

    /// The credentials that it takes.
    pub fn credentials(&self) -> Vec<&str> {
        match self {
            Self::Webhook(webhook) => webhook.credentials(),
            Self::Smtp(smtp) => smtp.credentials(),
            Self::Ping(ping) => ping.credentials(),
            Self::Command(command) => command.credentials(),
        }
    }

    /// Tells it. `host` is this machine's name.
    pub async fn tell(&self, message: &Message, host: &str) -> Result<(), Undelivered> {
        let telling = async {
            match self {
                Self::Webhook(webhook) => webhook.tell(message, host).await,
                Self::Smtp(smtp) => smtp.tell(message, host).await,
                // What is so is told by [`Ping::tell`].
                Self::Ping(_) => Ok(()),
                Self::Command(command) => command.tell(message, host).await,
            }
        };
        in_time(telling).await
    }

    /// The ping, if it is one.
    pub fn ping(&self) -> Option<&Ping> {
        match self {
            Self::Ping(ping) => Some(ping),
            _ => None,
        }
    }
}

/// No target keeps the next message waiting for ever.
async fn in_time(telling: impl Future<Output = Result<(), Undelivered>>) -> Result<(), Undelivered> {
    tokio::time::timeout(LIMIT, telling).await.unwrap_or_else(|_| {
        Err(Undelivered::new(
            "target-timeout",
            format!("it took longer than {} s", LIMIT.as_secs()),
            "Look whether it can be reached from this machine; it is tried again.",
        ))
    })
}
