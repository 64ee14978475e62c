//! Holds: nodes that are left alone though they could be unsealed.

use super::Moment;
use crate::config::OnOperatorSeal;
use crate::vault::Life;

/// Why a node is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// An operator sealed it. Ends with the server, with its time, or with the policy that wants it.
    Seal,
    /// Somebody asked for it. Ends when somebody asks for that.
    Request,
}

impl Hold {
    /// Its stable name, in files and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Seal => "operator-seal",
            Self::Request => "request",
        }
    }
}

/// What is known of an operator's wishes for one node.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    policy: OnOperatorSeal,
    hold: Option<Hold>,
    until: Option<Moment>,
    /// The life of the server in which it was last seen unsealed, if it could be asked ever since.
    unsealed_in: Option<Life>,
}

impl Wishes {
    pub(super) fn hold(&self) -> Option<Hold> {
        self.hold
    }

    /// When the hold ends by itself.
    pub(super) fn until(&self) -> Option<Moment> {
        self.until
    }

    /// What is wanted from now on. Where nothing is to be held, nothing stays held, but what was asked for.
    pub(super) fn follow(&mut self, policy: OnOperatorSeal) {
        self.policy = policy;
        if policy == OnOperatorSeal::Unseal && self.hold == Some(Hold::Seal) {
            self.set(None);
        }
    }

    /// An earlier run of the daemon had a hold.
    pub(super) fn restore(&mut self, hold: Option<Hold>, until: Option<Moment>) {
        self.set(hold);
        self.until = until;
        self.follow(self.policy);
    }

    /// Somebody asks for a hold, or for its end.
    pub(super) fn set(&mut self, hold: Option<Hold>) {
        self.hold = hold;
        self.until = None;
        self.unsealed_in = None;
    }

    /// The server was seen unsealed. Whoever unsealed one that an operator had sealed ended the hold.
    pub(super) fn unsealed(&mut self, life: Life) -> Option<Hold> {
        self.unsealed_in = Some(life);
        if self.hold == Some(Hold::Seal) {
            self.hold = None;
            self.until = None;
        }
        self.hold
    }

    /// The server was seen sealed: the hold that it is under, or comes under.
    ///
    /// A server that is sealed in the very life in which it was unsealed did not restart: an operator sealed it. If
    /// its connection ended in between, or it could not be asked, it most likely restarted, and a hold would be an
    /// outage that nobody wanted. If the connection ended only because the server had said so, nothing speaks for
    /// a restart, and the operator's side is taken.
    pub(super) fn sealed(&mut self, now: Moment, life: Life) -> Option<Hold> {
        let unsealed_in = self.unsealed_in.take();
        self.shorten(now);
        if self.until.is_some_and(|until| now >= until) {
            self.set(None);
        }
        match (self.hold, self.policy) {
            (None, OnOperatorSeal::Hold { at_most }) if unsealed_in == Some(life) => {
                self.hold = Some(Hold::Seal);
                self.until = at_most.map(|most| now.saturating_add(most));
            }
            _ => {}
        }
        self.hold
    }

    /// No hold ends later from now than the policy has it: neither one from before the policy, nor one whose end was
    /// kept by a clock that has been set back since.
    fn shorten(&mut self, now: Moment) {
        let OnOperatorSeal::Hold { at_most: Some(most) } = self.policy else { return };
        if self.hold == Some(Hold::Seal) {
            let latest = now.saturating_add(most);
            self.until = Some(self.until.map_or(latest, |until| until.min(latest)));
        }
    }

    /// The server could not be asked.
    pub(super) fn lost(&mut self) {
        self.unsealed_in = None;
    }

    /// Nothing listens at the server: it restarts. Less than that, as a network that is down, does not end a hold.
    pub(super) fn restarts(&mut self) {
        if self.hold == Some(Hold::Seal) {
            self.set(None);
        }
    }
}
