//! Why an initialisation was refused, failed or was left unfinished.

use crate::config::{AddressError, Discovery, NodeAddress};
use crate::discovery::LookupError;
use crate::explain::Explain;
use crate::external::quote;
use crate::external::{ExternalText, error};
use crate::shares::home::HomeError;
use crate::shares::offline::OfflineError;
use crate::shares::rescue::RescueError;
use crate::shares::{ContentRefusal, Source};
use crate::vault::{Product, Refusal, TlsFileError, TokenFailure, Unreachable};
use std::io;
use std::path::PathBuf;

/// How a server is made new whose shares nobody has.
const BEGIN_AGAIN: &str = "A server whose shares nobody has holds nothing that could be read: stop it, remove what is \
                           in its storage (raft: the files below `path`), start it, and give this command again.";
/// What else the server may be.
const UNTIL_THEN: &str = "It may still be at it: wait a minute, then look at `vault-unseal status`. If it says \
                          uninitialized, give this command again.";

/// Everything that can go wrong. Never carries a byte of a share or token.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("--node {text:?}: {cause}")]
    Address { text: String, cause: AddressError },
    #[error("several servers are configured, and init is for one: {list}")]
    SeveralServers { list: String },
    #[error("{node} is not among the configured servers: {list}")]
    NotConfigured { node: NodeAddress, list: String },
    #[error(transparent)]
    TlsFiles(TlsFileError),
    #[error("{node} cannot be asked: {cause}")]
    Unreachable { node: NodeAddress, cause: Unreachable },
    #[error("{node} is initialised already")]
    Initialised { node: NodeAddress, product: Product },
    #[error("{node} unseals itself ({seal_type}): it has no shares to give")]
    ForeignSeal { node: NodeAddress, seal_type: ExternalText, product: Product },
    #[error("{node} is damaged, and not new: {reason}")]
    Damaged { node: NodeAddress, reason: String, advice: String },
    #[error("{node} has no keys, and shares for its cluster are there already: {origin}")]
    SharesHeld { node: NodeAddress, origin: Source },
    #[error("{node}, of the same cluster, is initialised already (it is {state}): {meant} must join it")]
    InitialisedPeer { node: NodeAddress, meant: NodeAddress, state: &'static str },
    #[error("{node}, of the same cluster, cannot be asked whether it is initialised already: {cause}")]
    SilentPeer { node: NodeAddress, meant: NodeAddress, cause: Unreachable },
    #[error("{name} {cause}: which servers it stands for is not known")]
    Unresolved { name: Discovery, meant: Option<NodeAddress>, cause: LookupError },
    #[error("there is no terminal to show the root token on")]
    NoTerminal,
    #[error("signals cannot be held: {}", error::io(.0))]
    Signals(io::Error),
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error("{} was put there by somebody else meanwhile", quote::sentence(path))]
    Meanwhile { path: PathBuf },
    #[error(transparent)]
    Offline(#[from] OfflineError),
    #[error(transparent)]
    Rescue(#[from] RescueError),
    #[error("{node} refuses to be initialised: {refusal}")]
    Refused { node: NodeAddress, refusal: Refusal, initialised: Option<bool> },
    #[error("the answer of {node} is lost ({cause}); {}", now(.initialised.as_ref()))]
    Lost { node: NodeAddress, cause: Unreachable, initialised: Option<bool> },
    #[error("the answer of {node} broke off: {cause}")]
    BrokenOff { node: NodeAddress, cause: Unreachable },
    #[error("what {0} answered are no shares: {1}")]
    Answer(NodeAddress, ContentRefusal),
    #[error("{node} gave {got} shares instead of {wanted}")]
    Count { node: NodeAddress, got: usize, wanted: u8 },
    #[error("{0} gave no root token")]
    NoToken(NodeAddress),
    #[error("{node} cannot be unsealed with its shares: {why}")]
    Unseal { node: NodeAddress, why: String },
    #[error("the root token cannot be {done} by {node}: {cause}")]
    Token { node: NodeAddress, done: &'static str, cause: TokenFailure },
    #[error("the result cannot be written: {}", error::io(.0))]
    Output(io::Error),
}

fn now(initialised: Option<&bool>) -> &'static str {
    match initialised {
        Some(true) => "it is initialised now, and nobody has its shares",
        Some(false) => "it says that it is not initialised, as far as it knows yet",
        None => "it may be initialised now, with shares that nobody has",
    }
}

impl Explain for Trouble {
    fn kind(&self) -> &'static str {
        match self {
            Self::Address { .. } | Self::SeveralServers { .. } | Self::NotConfigured { .. } => "usage",
            Self::TlsFiles(error) => error.kind(),
            Self::Unreachable { cause, .. } => cause.kind(),
            Self::Initialised { .. } => "initialized",
            Self::ForeignSeal { .. } => "foreign-seal",
            Self::Damaged { .. } => "damaged",
            Self::SharesHeld { .. } => "shares-held",
            Self::InitialisedPeer { .. } => "peer-initialized",
            Self::SilentPeer { .. } => "peer-unreachable",
            Self::Unresolved { cause, .. } => cause.kind(),
            Self::NoTerminal => "no-terminal",
            Self::Signals(_) => "signals",
            Self::Home(error) => error.kind(),
            Self::Meanwhile { .. } => "home-occupied",
            Self::Offline(error) => error.kind(),
            Self::Rescue(error) => error.kind(),
            Self::Refused { .. } => "init-refused",
            Self::Lost { .. } | Self::BrokenOff { .. } => "init-answer-lost",
            Self::Answer(..) | Self::Count { .. } | Self::NoToken(_) => "init-answer",
            Self::Unseal { .. } => "unseal",
            Self::Token { .. } => "root-token",
            Self::Output(_) => "output",
        }
    }

    fn advice(&self) -> Option<String> {
        Some(match self {
            Self::Address { .. } | Self::SeveralServers { .. } => {
                "Say which: --node URL, as it is written in the configuration.".to_owned()
            }
            Self::NotConfigured { .. } => "Configure it, or name it with --nodes instead of --node.".to_owned(),
            Self::TlsFiles(error) => return error.advice(),
            Self::Unreachable { cause, .. } => return cause.advice(),
            Self::Initialised { product, .. } => format!(
                "Nothing was changed. Its shares are with whoever initialised it; {} makes others.\nIt may hold data: do not \
                 empty its storage.",
                product.commands("operator rekey", "operator rotate-keys")
            ),
            Self::ForeignSeal { product, .. } => {
                format!("Initialise it with {}, and keep its recovery keys.", product.command("operator init"))
            }
            Self::Damaged { advice, .. } => format!(
                "Nothing was changed. {advice}\nIf all its data may be lost for ever: empty its storage, and say \
                 --over-existing."
            ),
            Self::SharesHeld { .. } => {
                "Nothing was changed. It is a new member that has not joined its cluster, or its storage is not mounted: \
                 initialising it would make these shares worthless. Let it join, or look for its storage.\nIf they and the \
                 data that they protect may be lost for ever: --over-existing."
                    .to_owned()
            }
            Self::InitialisedPeer { .. } => "A second initialisation would make a second cluster. Let it join (retry_join in its \
                                             storage \"raft\"), and give it the shares that the first one has."
                .to_owned(),
            Self::SilentPeer { meant, .. } => format!(
                "Start it. If it was never initialised and never will be before {meant}: leave it out, with --nodes {meant}"
            ),
            Self::Unresolved { meant: Some(meant), .. } => format!(
                "One of them may be initialised already. If none is: name the server itself, with --nodes {meant}"
            ),
            Self::Unresolved { cause, .. } => return cause.advice(),
            Self::NoTerminal => {
                "Give this command on a terminal (ssh -t), or say --root-token wrap, --root-token revoke or --json.".to_owned()
            }
            Self::Home(HomeError::Occupied { .. }) => {
                "Name another file with --output. If its shares are kept elsewhere too, --force-home replaces it once the \
                 new one was opened and compared."
                    .to_owned()
            }
            Self::Home(error) => return error.advice(),
            Self::Meanwhile { .. } => "Move it away.".to_owned(),
            Self::Offline(error) => return error.advice(),
            Self::Rescue(error) => return error.advice(),
            Self::Refused { initialised: Some(false), .. } => "The server is as it was, and nothing was stored.".to_owned(),
            Self::Refused { initialised: Some(true), .. } => {
                "It is initialised all the same now, and nobody has its shares: what is left of other data in its storage is \
                 in the way. Nothing was stored. Restore its storage from a backup, or empty it and give this command again."
                    .to_owned()
            }
            Self::Refused { initialised: None, .. } => {
                "Nothing was stored. Whether the server is as it was is not known: look at its log.".to_owned()
            }
            Self::Lost { initialised: Some(true), .. } => BEGIN_AGAIN.to_owned(),
            Self::Lost { .. } => format!("{UNTIL_THEN}\n{BEGIN_AGAIN}"),
            Self::BrokenOff { .. } | Self::Answer(..) => format!(
                "What came is shown on the terminal, where there is one. `vault-unseal enroll -` stores shares that are typed. If \
                 there are too few: {BEGIN_AGAIN}"
            ),
            Self::Unseal { .. } | Self::Token { .. } => "The server's log says more.".to_owned(),
            Self::Signals(_) | Self::Count { .. } | Self::NoToken(_) | Self::Output(_) => return None,
        })
    }
}
