//! The seats of the control socket with the file descriptors that are kept for them: those of thousands of nodes may
//! use up all that this process has, and `hold` must work then too.

use super::seats::{ALL, Seats};
use rustix::io::fcntl_dupfd_cloexec;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    use std::fs::File;

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
