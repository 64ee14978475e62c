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
struct Seats(BTreeMap<u32, usize>);

impl Seats {
    /// Takes a seat for a connection of this user; `false` if there is none left for it.
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

/// Together with the connections that have a seat, as many as there are seats, and one more for a connection that has
/// not been judged yet.
const DESCRIPTORS: usize = ALL + 1;

/// Seats, and placeholders for those that are free.
pub(super) struct Room(Mutex<State>);

struct State {
    seats: Seats,
    placeholders: Vec<OwnedFd>,
}

/// A connection's seat, free again when dropped. Drop the connection first.
pub(super) struct Seat {
    room: Arc<Room>,
    uid: u32,
}

impl Room {
    /// All seats are free.
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { seats: Seats::default(), placeholders: Vec::with_capacity(DESCRIPTORS) }))
    }

    /// A seat for a connection of this user, if there is one for it.
    pub(super) fn take(self: &Arc<Self>, uid: u32) -> Option<Seat> {
        self.state().seats.take(uid).then(|| Seat { room: Arc::clone(self), uid })
    }

    /// Keeps descriptors for the seats that are free, copies of `any`; those of the seats that were taken are given up.
    pub(super) fn keep_descriptors(&self, any: impl AsFd) {
        let State { seats, placeholders } = &mut *self.state();
        let wanted = DESCRIPTORS - seats.taken().min(DESCRIPTORS);
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.state().seats.leave(self.uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::fs::File;

    fn taken_by(who: &[(u32, usize)]) -> Seats {
        let mut seats = Seats::default();
        for &(uid, count) in who {
            for _ in 0..count {
                seats.take(uid);
            }
        }
        seats
    }

    #[test]
    fn user_gets_seat_unless_its_own_or_those_of_all_users_are_taken() {
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
    fn seat_that_is_left_is_free_again() {
        let mut seats = taken_by(&[(7, 8)]);
        assert!(!seats.take(7));
        seats.leave(7);
        assert!(seats.take(7) && !seats.take(7));
        for _ in 0..20 {
            seats.leave(7);
        }
        assert_eq!((seats.taken(), seats.0.len()), (0, 0), "nothing is kept of who left");
    }

    proptest! {
        #[test]
        fn root_gets_seat_and_all_are_bounded_whatever_others_do(
            visits in vec((any::<bool>(), prop_oneof![Just(ROOT), 1..6_u32, any::<u32>()]), 0..400)
        ) {
            let mut seats = Seats::default();
            let mut connected: Vec<u32> = Vec::new();
            for (comes, uid) in visits {
                if comes {
                    let before = connected.iter().filter(|other| **other == uid).count();
                    let gets = seats.take(uid);
                    if uid == ROOT {
                        prop_assert_eq!(gets, before < OF_A_USER);
                    }
                    if gets {
                        connected.push(uid);
                    }
                } else if let Some(at) = connected.iter().position(|other| *other == uid) {
                    connected.remove(at);
                    seats.leave(uid);
                }
                prop_assert_eq!(seats.taken(), connected.len());
                prop_assert!(seats.taken() <= ALL);
                prop_assert!(seats.0.values().all(|taken| *taken <= OF_A_USER));
            }
        }
    }

    fn kept(room: &Room) -> usize {
        room.state().placeholders.len()
    }

    #[test]
    fn seats_and_descriptors_together_stay_the_same() {
        let (room, any) = (Arc::new(Room::new()), File::open("/dev/null").unwrap());
        room.keep_descriptors(&any);
        assert_eq!(kept(&room), DESCRIPTORS);
        let seats: Vec<Seat> =
            (0..12).flat_map(|uid| (0..9).map(move |_| uid)).filter_map(|uid| room.take(uid)).collect();
        assert_eq!(seats.len(), ALL);
        room.keep_descriptors(&any);
        assert_eq!(kept(&room), 1, "for one that is accepted to be closed");
        assert!(room.give_descriptor() && !room.give_descriptor());
        drop(seats);
        room.keep_descriptors(&any);
        assert_eq!(kept(&room), DESCRIPTORS);
    }
}
