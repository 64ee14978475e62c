//! A model of one server as `docs` and recordings show it: rounds, duplicates, resets, restarts, raft joins.
//!
//! Shares are numbers: those below `total` belong to the server, all others are somebody's garbage.

use std::time::Duration;
use vault_unseal::vault::{Health, Meaning, Refusal, Role, SealStatus, UnsealAnswer};

#[expect(clippy::struct_excessive_bools, reason = "a server's independent conditions")]
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) threshold: usize,
    pub(crate) total: usize,
    pub(crate) initialized: bool,
    pub(crate) sealed: bool,
    pub(crate) up: bool,
    pub(crate) seal_type: &'static str,
    pub(crate) migration: bool,
    pub(crate) removed: bool,
    /// Error every request to `sys/unseal` gets, while it lasts.
    pub(crate) trouble: Option<Meaning>,
    /// How long a completed round stays in the background before the server is unsealed.
    pub(crate) join_delay: Option<Duration>,
    joined_at: Option<Duration>,
    parts: Vec<usize>,
    rounds: u64,
}

impl Model {
    pub(crate) fn new(threshold: usize, total: usize) -> Self {
        Self {
            threshold,
            total,
            initialized: true,
            sealed: true,
            up: true,
            seal_type: "shamir",
            migration: false,
            removed: false,
            trouble: None,
            join_delay: None,
            joined_at: None,
            parts: Vec::new(),
            rounds: 0,
        }
    }

    /// Anything that time alone changes.
    pub(crate) fn tick(&mut self, now: Duration) {
        if self.joined_at.is_some_and(|at| now >= at) {
            self.joined_at = None;
            self.sealed = false;
        }
    }

    pub(crate) fn restart(&mut self) {
        self.up = true;
        self.seal();
    }

    pub(crate) fn seal(&mut self) {
        self.sealed = true;
        self.joined_at = None;
        self.parts.clear();
    }

    pub(crate) fn takes_shares(&self) -> bool {
        self.initialized && self.sealed && self.seal_type == "shamir" && !self.migration && !self.removed
    }

    pub(crate) fn health(&self) -> Health {
        Health {
            initialized: self.initialized,
            sealed: self.sealed,
            role: Role::Active,
            removed: self.removed,
            version: None,
            cluster_name: None,
            server_time: None,
        }
    }

    pub(crate) fn seal_status(&self) -> SealStatus {
        SealStatus {
            seal_type: self.seal_type.to_owned(),
            initialized: self.initialized,
            sealed: self.sealed,
            threshold: if self.initialized { self.threshold } else { 0 },
            total: if self.initialized { self.total } else { 0 },
            progress: self.parts.len(),
            nonce: if self.parts.is_empty() { String::new() } else { format!("round-{}", self.rounds) },
            recovery_seal: self.seal_type != "shamir",
            migration: self.migration,
            removed: self.removed,
            version: None,
        }
    }

    pub(crate) fn submit(&mut self, share: usize, now: Duration) -> UnsealAnswer {
        if let Some(meaning) = self.trouble {
            return refused(meaning);
        }
        if !self.initialized {
            return refused(Meaning::NotInitialized);
        }
        if !self.sealed || self.joined_at.is_some() {
            return UnsealAnswer::Status(self.seal_status());
        }
        if self.migration {
            return refused(Meaning::Migrating);
        }
        if self.parts.is_empty() {
            self.rounds += 1;
        }
        if !self.parts.contains(&share) {
            self.parts.push(share);
        }
        if self.parts.len() >= self.threshold {
            let ours = self.parts.iter().all(|&part| part < self.total);
            self.parts.clear();
            if !ours || self.seal_type != "shamir" {
                return refused(Meaning::RoundFailed);
            }
            match self.join_delay.take() {
                Some(delay) => self.joined_at = Some(now + delay),
                None => self.sealed = false,
            }
        }
        UnsealAnswer::Status(self.seal_status())
    }

    pub(crate) fn reset(&mut self) -> UnsealAnswer {
        if !self.sealed {
            return refused(Meaning::AlreadyUnsealed);
        }
        self.parts.clear();
        UnsealAnswer::Status(self.seal_status())
    }
}

fn refused(meaning: Meaning) -> UnsealAnswer {
    let (status, text) = match meaning {
        Meaning::RoundFailed => (400, "cipher: message authentication failed"),
        Meaning::NotInitialized => (400, "Vault is not initialized"),
        Meaning::AlreadyUnsealed => (400, "vault is unsealed"),
        Meaning::Migrating => (500, "migrate option not provided and seal migration is pending"),
        Meaning::NoKeyring => (500, "crypto/aes: invalid key size 0"),
        Meaning::Malformed => (400, "'key' must be a valid hex or base64 string"),
        Meaning::Transient => (503, "overloaded"),
    };
    UnsealAnswer::Refused(Refusal { status, meaning, text: text.to_owned(), from_server: true })
}
