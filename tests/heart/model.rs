//! A model of one server as its sources and recorded answers show it: rounds, duplicates, resets, restarts, raft
//! joins, and the locks that hold answers back meanwhile.
//!
//! Shares are numbers: those of [`Model::right`] belong to the server, all others are somebody's garbage.

use std::time::Duration;
use vault_unseal::api::{
    ConnectionEpoch, Health, LogHint, Meaning, Nonce, Refusal, Role, SealState, SealStatus, UnsealAnswer,
};
use vault_unseal::external::ExternalText;

/// What is wrong with a server's storage, and what it answers then, as `OpenBao` 2.6.2 does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ruin {
    /// Its keyring is gone.
    Keyring,
    /// Its keyring cannot be decrypted.
    KeyringFlipped,
    /// Its stored keys are gone.
    StoredKeys,
    /// All of it is gone, or not mounted.
    Everything,
}

/// What a raft join does to the server and its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Join {
    /// How long a completed round stays in the background.
    pub(crate) takes: Duration,
    /// In the end the server is as sealed as before.
    pub(crate) fails: bool,
    /// The answer to the completing share, and the seal status, come when it is over (`retry_join`).
    pub(crate) holds_state: bool,
    /// Health does, too (Vault; `OpenBao`'s is lock-free).
    pub(crate) holds_health: bool,
}

#[expect(clippy::struct_excessive_bools, reason = "a server's independent conditions")]
#[derive(Debug, Clone)]
pub(crate) struct Model {
    /// Tells its rounds from those of others.
    pub(crate) server: usize,
    pub(crate) threshold: usize,
    pub(crate) total: usize,
    /// Counts rekeys and initialisations: each makes other shares right.
    generation: usize,
    pub(crate) initialized: bool,
    pub(crate) sealed: bool,
    pub(crate) up: bool,
    pub(crate) seal_type: &'static str,
    pub(crate) migration: bool,
    pub(crate) removed: bool,
    /// The server names its rounds; old ones and `RustyVault` do not.
    pub(crate) names_rounds: bool,
    /// As its answers name it.
    pub(crate) version: Option<&'static str>,
    /// What is wrong with its storage.
    pub(crate) ruin: Option<Ruin>,
    /// What it answers to wrong shares.
    pub(crate) wrong_shares: Meaning,
    /// Error every request to `sys/unseal` gets, while it lasts.
    pub(crate) trouble: Option<Meaning>,
    /// The next completed round sets off a join.
    pub(crate) join: Option<Join>,
    /// It was started since its storage was ruined: until then it answers from memory.
    notices_ruin: bool,
    joining: Option<(Duration, Join)>,
    /// Shares that came while a join was under way.
    pub(crate) disturbed_joins: usize,
    parts: Vec<usize>,
    rounds: u64,
    lives: u64,
    /// It seals itself so long after each unsealing, its process and connections living on.
    pub(crate) seals_after: Option<Duration>,
    /// When it will.
    seals_at: Option<Duration>,
}

impl Model {
    pub(crate) fn new(threshold: usize, total: usize) -> Self {
        Self {
            server: 0,
            threshold,
            total,
            generation: 0,
            initialized: true,
            sealed: true,
            up: true,
            seal_type: "shamir",
            migration: false,
            removed: false,
            names_rounds: true,
            version: None,
            ruin: None,
            wrong_shares: Meaning::RoundFailed,
            trouble: None,
            join: None,
            notices_ruin: false,
            joining: None,
            disturbed_joins: 0,
            parts: Vec::new(),
            rounds: 0,
            lives: 0,
            seals_after: None,
            seals_at: None,
        }
    }

    /// It does not know that it is initialised.
    fn lost(&self) -> bool {
        self.notices_ruin && matches!(self.ruin, Some(Ruin::Keyring | Ruin::Everything))
    }

    /// The server's shares as of now.
    pub(crate) fn right(&self) -> Vec<usize> {
        (0..self.total).map(|i| 100 * self.generation + i).collect()
    }

    /// Other shares, of another threshold. They count from the next seal on.
    pub(crate) fn rekey(&mut self, threshold: usize, total: usize) {
        self.generation += 1;
        self.threshold = threshold;
        self.total = total;
        self.parts.clear();
    }

    /// Anything that time alone changes.
    pub(crate) fn tick(&mut self, now: Duration) {
        if let Some((_, join)) = self.joining.filter(|(until, _)| now >= *until) {
            self.joining = None;
            if !join.fails {
                self.unseal(now);
            }
        }
        if self.seals_at.is_some_and(|at| now >= at) {
            self.seal();
        }
    }

    /// Until when a join holds back the answers of this kind.
    pub(crate) fn held_until(&self, health: bool) -> Duration {
        self.joining
            .filter(|(_, join)| if health { join.holds_health } else { join.holds_state })
            .map_or(Duration::ZERO, |(until, _)| until)
    }

    pub(crate) fn restart(&mut self) {
        self.up = true;
        self.notices_ruin = self.ruin.is_some();
        self.lives += 1;
        self.seal();
    }

    /// What its connections show of its restarts.
    pub(crate) fn life(&self) -> ConnectionEpoch {
        ConnectionEpoch::of(self.lives)
    }

    fn unseal(&mut self, now: Duration) {
        self.sealed = false;
        self.seals_at = self.seals_after.map(|after| now + after);
    }

    /// It no longer seals itself.
    pub(crate) fn recover(&mut self) {
        (self.seals_after, self.seals_at) = (None, None);
    }

    pub(crate) fn seal(&mut self) {
        self.seals_at = None;
        self.sealed = true;
        self.joining = None;
        self.parts.clear();
    }

    pub(crate) fn health(&self) -> Health {
        Health {
            initialized: self.initialized && !self.lost(),
            sealed: self.sealed,
            role: Role::Active,
            removed: self.removed,
            product: vault_unseal::api::Product::Unknown,
            version: self.version.map(ExternalText::new),
            membership: None,
            secondary: false,
            server_time: None,
        }
    }

    pub(crate) fn seal_status(&self) -> SealStatus {
        let shows_scheme = self.initialized && !(self.lost() && self.ruin == Some(Ruin::Everything));
        let named = self.names_rounds && !self.parts.is_empty();
        let state = SealState {
            shamir: self.seal_type == "shamir",
            initialized: self.initialized && !self.lost(),
            sealed: self.sealed,
            threshold: if shows_scheme { self.threshold } else { 0 },
            total: if shows_scheme { self.total } else { 0 },
            progress: self.parts.len(),
            nonce: if named {
                Nonce::of(&format!("round-{}-{}", self.server, self.rounds))
            } else {
                Nonce::default()
            },
            recovery_seal: self.seal_type != "shamir",
            migration: self.migration,
            removed: self.removed,
            product: vault_unseal::api::Product::Unknown,
        };
        SealStatus {
            state,
            seal_type: ExternalText::new(self.seal_type),
            version: self.version.map(ExternalText::new),
        }
    }

    pub(crate) fn submit(&mut self, share: usize, now: Duration) -> UnsealAnswer {
        if let Some(meaning) = self.trouble {
            return refused(meaning);
        }
        if !self.initialized || self.lost() {
            return refused(Meaning::NotInitialized);
        }
        if !self.sealed {
            return UnsealAnswer::Status(self.seal_status().state);
        }
        if self.joining.is_some() {
            self.disturbed_joins += 1;
            return UnsealAnswer::Status(self.seal_status().state);
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
            let right = self.right();
            let ours = self.parts.iter().all(|part| right.contains(part));
            self.parts.clear();
            if !ours || self.seal_type != "shamir" {
                return refused(self.wrong_shares);
            }
            match self.ruin {
                Some(Ruin::Keyring) => return refused(Meaning::NotInitialized),
                Some(Ruin::KeyringFlipped) => return refused(Meaning::InvalidKey),
                Some(Ruin::StoredKeys | Ruin::Everything) => return refused(Meaning::NoKeyring),
                None => {}
            }
            match self.join.take() {
                Some(join) => self.joining = Some((now + join.takes, join)),
                None => self.unseal(now),
            }
        }
        UnsealAnswer::Status(self.seal_status().state)
    }

    pub(crate) fn reset(&mut self) -> UnsealAnswer {
        if !self.sealed {
            return refused(Meaning::AlreadyUnsealed);
        }
        self.parts.clear();
        UnsealAnswer::Status(self.seal_status().state)
    }
}

pub(crate) fn refused(meaning: Meaning) -> UnsealAnswer {
    let status = match meaning {
        Meaning::Migrating | Meaning::NoKeyring | Meaning::NoSealConfiguration => 500,
        Meaning::Transient => 503,
        _ => 400,
    };
    UnsealAnswer::Refused(Refusal { status, meaning, from_server: true, hint: LogHint::default() })
}
