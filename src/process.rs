//! This process and the kernel: the file descriptors that its nodes take (getrlimit(2)), and what is in its memory,
//! kept in it: no core dumps, no tracing by others, no swap.

use crate::explain::Explain;
use crate::external::error;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};
use std::borrow::Cow;
use std::cell::Cell;
use std::io;

/// What the kernel granted.
#[derive(Debug)]
pub struct Protection {
    /// Why memory could be written to swap; `None` when it cannot be.
    pub swappable: Option<String>,
}

/// Forbids core dumps and tracing (`PR_SET_DUMPABLE`, `RLIMIT_CORE`) and locks memory where that is allowed.
///
/// Call it before the first share is read. Errors: the kernel refuses what no kernel refuses.
pub fn protect_memory() -> io::Result<Protection> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(Protection { swappable: lock_memory().err() })
}

fn lock_memory() -> Result<(), String> {
    let unlimited = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None }).is_ok();
    if !unlimited && !may_lock_anyway() {
        // With a limit, later allocations would fail instead of being swapped: worse for a daemon that must run.
        return Err("the limit on locked memory is not infinite (in a unit LimitMEMLOCK=infinity, in a container `--ulimit \
                    memlock=-1`)".to_owned());
    }
    // ONFAULT: pages are locked when they are first touched, so that locking does not load all of the binary.
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)
        .map_err(|errno| error::io(&errno.into()))
}

/// `CAP_IPC_LOCK` lifts the limit (mlock(2)).
fn may_lock_anyway() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK))
}

/// Overwrites, when it is dropped, what functions left on the stack that have returned.
///
/// A parser works on 16 and 32 bytes at a time, and parts of a share that an answer repeats stay where its registers were
/// spilled to; a later value that is moved to the heap takes its gaps along, with what is in them.
#[derive(Debug)]
pub struct StackWipe;

impl StackWipe {
    /// One that follows what is `secret`, and none after anything else.
    pub fn after(secret: bool) -> Option<Self> {
        // Made only where it is wanted: the end of one that is not would do it all the same.
        if secret { Some(Self) } else { None }
    }

    /// Does it now.
    pub async fn now(self) {
        drop(self);
        // The task of the drop is the next.
        tokio::task::yield_now().await;
    }
}

impl Drop for StackWipe {
    fn drop(&mut self) {
        // From a task of its own: there the stack is as short as anywhere. Without a loop nothing follows.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        // One that is still to run comes after whatever was left here by then.
        if let Some(due) = WipeDue::now() {
            runtime.spawn(async move {
                drop(due);
                overwrite(STACK_PIECES);
            });
        }
    }
}

/// A wipe of this thread's stack is to run.
struct WipeDue;

thread_local! {
    static WIPE_IS_DUE: Cell<bool> = const { Cell::new(false) };
}

impl WipeDue {
    /// `None` where one is to run already.
    fn now() -> Option<Self> {
        // Made only where it is the one: its end says that none is to run.
        if WIPE_IS_DUE.replace(true) { None } else { Some(Self) }
    }
}

impl Drop for WipeDue {
    /// It runs, or its loop ended before.
    fn drop(&mut self) {
        WIPE_IS_DUE.set(false);
    }
}

/// Pieces of 4 KiB: deeper than HTTP and TLS go below all that waits for them (45 KiB at their system calls), and hardly more,
/// as it stays in memory from then on. In a build that is not optimised 28 are too few for tests/secrets: what is left on the
/// stack gets to the heap as well, with the unused parts of what is moved there.
const STACK_PIECES: usize = if cfg!(debug_assertions) { 48 } else { 24 };

#[inline(never)]
fn overwrite(pieces: usize) {
    let piece = [0_u64; 512];
    if pieces > 1 {
        overwrite(pieces - 1);
    }
    // Has to be there until here.
    std::hint::black_box(&piece);
}

/// Most that a node has open at a time: its connection; or two tries to make one, as to both addresses of a name; or a
/// question to the name server.
const OF_A_NODE: u64 = 2;
/// What else may be open: the loop, the journal, the control socket and its visitors, share files, pipes to a helper.
const OTHERS: u64 = 64;
/// What those take who observe the daemon: their socket, as many as may be connected, and one that is not judged yet.
pub(crate) const OBSERVERS: u64 = 24;

/// Fewest with which the daemon works: standard input and output, the loop and its signals, the journal, the control
/// socket and a visitor, one kept for systemd, and four each for a node and for a file with its directories.
const LEAST: u64 = 20;

/// This process may not have as many as the daemon takes with a single node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this process may have {allowed} file descriptors, and the daemon needs {LEAST} at the least")]
pub struct TooFew {
    /// The hard limit.
    allowed: u64,
}

impl Explain for TooFew {
    fn kind(&self) -> &'static str {
        "too-few-descriptors"
    }

    fn advice(&self) -> Option<String> {
        Some(
            "Take LimitNOFILE= out of the unit's drop-ins (`systemctl cat vault-unseal` shows them); in a shell, raise \
             `ulimit -n`."
                .to_owned(),
        )
    }
}

/// Looks whether this process may have as many as the daemon takes at the least.
pub fn suffice_for_daemon() -> Result<(), TooFew> {
    match getrlimit(Resource::Nofile).maximum {
        Some(allowed) if allowed < LEAST => Err(TooFew { allowed }),
        _ => Ok(()),
    }
}

/// This process may not have as many as its nodes take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{nodes} nodes take up to {needed} file descriptors, and this process may have {allowed}")]
pub struct Shortage {
    /// How many nodes are configured.
    pub nodes: usize,
    /// How many descriptors they take at the most.
    pub needed: u64,
    /// The hard limit.
    pub allowed: u64,
}

impl Explain for Shortage {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let advice = format!(
            "Nodes take turns, {1} at a time: the daemon is late where one restarts, and cannot tell an operator's seal from a \
             restart. Set LimitNOFILE={0} with `systemctl edit vault-unseal`; in a shell of root's, `ulimit -n {0}`.",
            self.needed,
            self.turns()
        );
        ("too-few-descriptors", Some(advice.into()))
    }
}

impl Shortage {
    /// How many nodes may have descriptors at a time.
    pub fn turns(&self) -> usize {
        let nodes = self.allowed.saturating_sub(OTHERS) / OF_A_NODE;
        usize::try_from(nodes).unwrap_or(usize::MAX).max(1)
    }

    /// How many of `wanted` may be kept open for what is rare, such as visitors of the control socket: what all others
    /// leave.
    pub fn spare(&self, wanted: usize) -> usize {
        let lacking = usize::try_from(OTHERS.saturating_sub(self.allowed)).unwrap_or(usize::MAX);
        wanted.saturating_sub(lacking)
    }
}

/// How many so many nodes take, and everything else but observers.
fn needed_for(nodes: usize) -> u64 {
    u64::try_from(nodes).unwrap_or(u64::MAX).saturating_mul(OF_A_NODE).saturating_add(OTHERS)
}

/// How many may be connected who only observe the daemon, beside so many nodes: they are the first to go.
pub fn places_for_observers(nodes: usize) -> usize {
    places_of(getrlimit(Resource::Nofile).current, nodes)
}

fn places_of(allowed: Option<u64>, nodes: usize) -> usize {
    let left = allowed.unwrap_or(u64::MAX).saturating_sub(needed_for(nodes)).min(OBSERVERS);
    // Their socket, and the one that is not judged yet.
    usize::try_from(left.saturating_sub(2)).unwrap_or(0)
}

/// Raises the soft limit to what so many nodes and those who observe them take, as far as the hard limit goes.
pub fn allow_descriptors_for(nodes: usize) -> Result<(), Shortage> {
    let needed = needed_for(nodes);
    let wanted = needed.saturating_add(OBSERVERS);
    let limit = getrlimit(Resource::Nofile);
    // None is no limit.
    let is_enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if is_enough(limit.current) {
        return Ok(());
    }
    let current = limit.maximum.map_or(wanted, |most| most.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum });
    let allowed = if raised.is_ok() { Some(current) } else { limit.current };
    match allowed {
        Some(allowed) if allowed < needed => Err(Shortage { nodes, needed, allowed }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observers_have_what_nodes_leave() {
        let all = usize::try_from(OBSERVERS).unwrap() - 2;
        assert_eq!((places_of(None, 3000), places_of(Some(1024), 100)), (all, all));
        assert_eq!((places_of(Some(64 + 2 * 100 + 5), 100), places_of(Some(64 + 2 * 100 + 2), 100)), (3, 0));
        assert_eq!((places_of(Some(20), 8), places_of(Some(1024), usize::MAX)), (0, 0));
    }

    #[test]
    fn stack_is_to_be_wiped_once_a_turn_and_again_whatever_became_of_that() {
        let a_loop = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let due = || WIPE_IS_DUE.get();
        a_loop().block_on(async {
            assert!(StackWipe::after(false).is_none() && !due(), "nothing was secret");
            drop(StackWipe::after(true));
            drop(StackWipe);
            assert!(due() && WipeDue::now().is_none(), "once for both");
            StackWipe.now().await;
            assert!(!due(), "it ran");
            drop(StackWipe);
            assert!(due());
        });
        assert!(!due(), "it never ran, as the loop ended");
    }
}
