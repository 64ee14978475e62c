//! Keeps what is in this process's memory in it: no core dumps, no tracing by others, no swap.

use crate::external::error;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};
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
pub fn this_process() -> io::Result<Protection> {
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
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async { overwrite(STACK_PIECES) });
        }
    }
}

/// Pieces of 4 KiB: as deep as HTTP and TLS go, and not so deep that it shows in the memory at rest.
const STACK_PIECES: usize = 16;

#[inline(never)]
fn overwrite(pieces: usize) {
    let piece = [0_u64; 512];
    if pieces > 1 {
        overwrite(pieces - 1);
    }
    // Has to be there until here.
    std::hint::black_box(&piece);
}
