//! Why an initialisation failed or was left unfinished. Never carries a byte of a share or token.

use super::target::InitTarget;
use crate::api::{Meaning, Refusal};
use crate::explain::{Explain, Explanation};
use crate::external::{error, quote};
use crate::shares::store::StoreError;
use crate::vault::InitFailure;
use std::io;
use std::path::Path;
use zeroize::Zeroizing;

/// How a server is made new whose shares nobody has.
const BEGIN_AGAIN: &str = "A server whose shares nobody has holds nothing that could be read: stop it, remove what is \
                           in its storage (raft: the files below `path`), start it, and give this command again.";
/// What else the server may be.
const UNTIL_THEN: &str = "It may still be at it: wait a minute, then look at `vault-unseal status`. If it says \
                          uninitialized, give this command again.\n";

/// Why there is no answer, or half of one, which may have all the shares in it.
pub(super) async fn not_initialised(
    target: &InitTarget,
    failure: InitFailure,
) -> (Explanation, Zeroizing<Vec<u8>>) {
    let node = &target.node.address;
    // It may have written its keys before it met with what made it refuse.
    let initialised = async || Some(target.node.server.health().await.ok()?.initialized);
    match failure {
        InitFailure::NotSent(cause) => (target.unreachable(&cause), Zeroizing::default()),
        InitFailure::Refused(refusal) => {
            // Of shares nothing was asked: such words of the server's are about its own storage.
            let meaning = match refusal.meaning {
                Meaning::RoundFailed | Meaning::InvalidKey => Meaning::Transient,
                meaning => meaning,
            };
            let refusal = Refusal { meaning, ..refusal };
            let advice = match initialised().await {
                Some(false) => "The server is as it was, and nothing was stored.",
                Some(true) => {
                    "It is initialised all the same now, and nobody has its shares: what is left of other data in its \
                     storage is in the way. Nothing was stored. Restore its storage from a backup, or empty it and give \
                     this command again."
                }
                None => "Nothing was stored. Whether the server is as it was is not known: look at its log.",
            };
            let message = format!("{node} refuses to be initialised: {refusal}");
            (Explanation::new("init-refused", message, advice), Zeroizing::default())
        }
        InitFailure::Lost { cause, partial } if partial.is_empty() => {
            let initialised = initialised().await;
            let now = match initialised {
                Some(true) => "it is initialised now, and nobody has its shares",
                Some(false) => "it says that it is not initialised, as far as it knows yet",
                None => "it may be initialised now, with shares that nobody has",
            };
            let wait = if initialised == Some(true) { "" } else { UNTIL_THEN };
            let message = format!("the answer of {node} is lost ({cause}); {now}");
            (Explanation::new("init-answer-lost", message, format!("{wait}{BEGIN_AGAIN}")), partial)
        }
        InitFailure::Lost { cause, partial } => {
            let message = format!("the answer of {node} broke off: {cause}");
            (Explanation::new("init-answer-lost", message, shown_as_it_came()), partial)
        }
    }
}

/// Why shares cannot be stored there, with what `init` has for it.
pub(super) fn of_home(error: StoreError) -> Explanation {
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

pub(super) fn occupied_meanwhile(path: &Path) -> Explanation {
    let message = format!("{} was put there by somebody else meanwhile", quote::sentence(path));
    Explanation::new("home-occupied", message, "Move it away.")
}

pub(super) fn no_terminal() -> Explanation {
    Explanation::new(
        "no-terminal",
        "there is no terminal to show the root token on",
        "Give this command on a terminal (ssh -t), or say --root-token wrap, --root-token revoke or --json.",
    )
}

pub(super) fn unwritten(error: &io::Error) -> Explanation {
    let error = error::io(error);
    Explanation::without_advice("output", format!("the result cannot be written: {error}"))
}

pub(super) fn shown_as_it_came() -> String {
    format!(
        "What came is shown on the terminal, where there is one. `vault-unseal enroll -` stores shares that are typed. If there \
         are too few: {BEGIN_AGAIN}"
    )
}
