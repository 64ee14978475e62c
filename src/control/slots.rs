//! Who may be connected to the control socket at a time, and the file descriptors that are kept for them: those of
//! thousands of nodes may use up all that this process has, and `hold` must work then too.

use rustix::io::fcntl_dupfd_cloexec;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most connections of one user.
pub(super) const OF_A_USER: usize = 8;
/// Most connections of all users but root together.
const OF_OTHERS: usize = 3 * OF_A_USER;
/// Most connections at all. Nobody else takes those of root.
pub(super) const ALL: usize = OF_OTHERS + OF_A_USER;

const ROOT: u32 = 0;

/// How many connections each user has.
#[derive(Debug, Default)]
struct ConnectionQuota(BTreeMap<u32, usize>);

impl ConnectionQuota {
    /// Takes a slot for a connection of this user; `false` if there is none left for it.
    fn take(&mut self, uid: u32) -> bool {
        let is_free = self.of(uid) < OF_A_USER && (uid == ROOT || self.taken() - self.of(ROOT) < OF_OTHERS);
        if is_free {
            *self.0.entry(uid).or_default() += 1;
        }
        is_free
    }

    /// A connection of this user has ended.
    fn leave(&mut self, uid: u32) {
        if let Some(taken) = self.0.get_mut(&uid) {
            *taken -= 1;
            if *taken == 0 {
                self.0.remove(&uid);
            }
        }
    }

    /// How many are taken.
    fn taken(&self) -> usize {
        self.0.values().sum()
    }

    fn of(&self, uid: u32) -> usize {
        self.0.get(&uid).copied().unwrap_or(0)
    }
}

/// Together with the connections that have a slot, as many as there are slots, and one more for a connection that has
/// not been judged yet.
pub(super) const DESCRIPTORS: usize = ALL + 1;

/// How many each user has, and placeholders for those that are free.
pub(super) struct ConnectionSlots {
    state: Mutex<State>,
    /// How many placeholders there are at the most.
    kept: usize,
}

struct State {
    quota: ConnectionQuota,
    placeholders: Vec<OwnedFd>,
}

/// A connection's slot, free again when dropped. Drop the connection first.
pub(super) struct ConnectionSlot {
    slots: Arc<ConnectionSlots>,
    uid: u32,
}

impl ConnectionSlots {
    /// All are free. So many descriptors are kept for them, of [`DESCRIPTORS`].
    pub(super) fn new(kept: usize) -> Self {
        let placeholders = Vec::with_capacity(kept.min(DESCRIPTORS));
        Self { state: Mutex::new(State { quota: ConnectionQuota::default(), placeholders }), kept }
    }

    /// A slot for a connection of this user, if there is one for it.
    pub(super) fn take(self: &Arc<Self>, uid: u32) -> Option<ConnectionSlot> {
        self.state().quota.take(uid).then(|| ConnectionSlot { slots: Arc::clone(self), uid })
    }

    /// Keeps descriptors for the slots that are free, copies of `any`; those of the slots that were taken are given up.
    pub(super) fn keep_descriptors(&self, any: impl AsFd) {
        let State { quota, placeholders } = &mut *self.state();
        let wanted = DESCRIPTORS.saturating_sub(quota.taken()).min(self.kept);
        placeholders.truncate(wanted);
        while placeholders.len() < wanted {
            // Where there is none left now, the end of the next connection leaves one.
            let Ok(copy) = fcntl_dupfd_cloexec(&any, 0) else { return };
            placeholders.push(copy);
        }
    }

    /// Gives up one descriptor for a connection that waits; `false` if there is none.
    pub(super) fn give_descriptor(&self) -> bool {
        self.state().placeholders.pop().is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.slots.state().quota.leave(self.uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::fs::File;

    fn taken_by(who: &[(u32, usize)]) -> ConnectionQuota {
        let mut quota = ConnectionQuota::default();
        for &(uid, count) in who {
            for _ in 0..count {
                quota.take(uid);
            }
        }
        quota
    }

    #[test]
    fn user_gets_slot_unless_its_own_or_those_of_all_users_are_taken() {
        let full = &[(1, 8), (2, 8), (3, 8)][..];
        for (before, uid, gets) in [
            (&[][..], 1000, true),
            (&[(1000, 7)][..], 1000, true),
            (&[(1000, 8)][..], 1000, false),
            (&[(1000, 3000)][..], 1001, true),
            (&[(1000, 3000)][..], ROOT, true),
            (&[(ROOT, 3000)][..], ROOT, false),
            (&[(ROOT, 3000)][..], 1000, true),
            (full, 4, false),
            (full, ROOT, true),
            (&[(ROOT, 8), (1, 8), (2, 8), (3, 7)][..], 4, true),
        ] {
            assert_eq!(taken_by(before).take(uid), gets, "{before:?} {uid}");
        }
    }

    #[test]
    fn slot_that_is_left_is_free_again() {
        let mut quota = taken_by(&[(7, 8)]);
        assert!(!quota.take(7));
        quota.leave(7);
        assert!(quota.take(7) && !quota.take(7));
        for _ in 0..20 {
            quota.leave(7);
        }
        assert_eq!((quota.taken(), quota.0.len()), (0, 0), "nothing is kept of who left");
    }

    proptest! {
        #[test]
        fn root_gets_slot_and_all_are_bounded_whatever_others_do(
            visits in vec((any::<bool>(), prop_oneof![Just(ROOT), 1..6_u32, any::<u32>()]), 0..400)
        ) {
            let mut quota = ConnectionQuota::default();
            let mut connected: Vec<u32> = Vec::new();
            for (comes, uid) in visits {
                if comes {
                    let before = connected.iter().filter(|other| **other == uid).count();
                    let gets = quota.take(uid);
                    if uid == ROOT {
                        prop_assert_eq!(gets, before < OF_A_USER);
                    }
                    if gets {
                        connected.push(uid);
                    }
                } else if let Some(at) = connected.iter().position(|other| *other == uid) {
                    connected.remove(at);
                    quota.leave(uid);
                }
                prop_assert_eq!(quota.taken(), connected.len());
                prop_assert!(quota.taken() <= ALL);
                prop_assert!(quota.0.values().all(|taken| *taken <= OF_A_USER));
            }
        }
    }

    fn kept(slots: &ConnectionSlots) -> usize {
        slots.state().placeholders.len()
    }

    #[test]
    fn slots_and_descriptors_together_stay_the_same() {
        let (slots, any) = (Arc::new(ConnectionSlots::new(DESCRIPTORS)), File::open("/dev/null").unwrap());
        slots.keep_descriptors(&any);
        assert_eq!(kept(&slots), DESCRIPTORS);
        let taken: Vec<ConnectionSlot> =
            (0..12).flat_map(|uid| (0..9).map(move |_| uid)).filter_map(|uid| slots.take(uid)).collect();
        assert_eq!(taken.len(), ALL);
        slots.keep_descriptors(&any);
        assert_eq!(kept(&slots), 1, "for one that is accepted to be closed");
        assert!(slots.give_descriptor() && !slots.give_descriptor());
        drop(taken);
        slots.keep_descriptors(&any);
        assert_eq!(kept(&slots), DESCRIPTORS);
    }
}
