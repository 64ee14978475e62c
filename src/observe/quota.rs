//! How many readers may be connected at a time: of each user, and of each class of users, so that nobody's readers keep
//! root's out, and people's those of services. A person may have thousands of users (subuid(5)), but no services.

use crate::accounts::User;
use std::sync::{Arc, Mutex, PoisonError};

/// Most connections of one user.
pub(super) const OF_A_USER: usize = 4;
/// Most connections of services together: of the accounts of the system, and of those that systemd makes up.
const OF_SERVICES: usize = 6;
/// Most connections of all others together.
const OF_OTHERS: usize = 3 * OF_A_USER;
/// Most connections at all: with the socket, and one that is not judged yet, [`OBSERVERS`](crate::process::OBSERVERS).
const ALL: usize = OF_A_USER + OF_SERVICES + OF_OTHERS;

/// The last account of the system (login.defs(5), `SYS_UID_MAX`).
const LAST_OF_SYSTEM: u32 = 999;

/// Who a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Root,
    Service,
    Other,
}

impl Class {
    fn of(uid: u32) -> Self {
        match uid {
            0 => Self::Root,
            1..=LAST_OF_SYSTEM => Self::Service,
            _ if User::is_dynamic_uid(uid) => Self::Service,
            _ => Self::Other,
        }
    }

    fn most(self) -> usize {
        match self {
            Self::Root => OF_A_USER,
            Self::Service => OF_SERVICES,
            Self::Other => OF_OTHERS,
        }
    }
}

/// Who is connected.
#[derive(Debug)]
pub(super) struct ReaderQuota {
    most: usize,
    /// The user of each connection: a few.
    taken: Mutex<Vec<u32>>,
}

/// A reader's place, free again when dropped. Drop the connection first.
#[derive(Debug)]
pub(super) struct ReaderPlace {
    quota: Arc<ReaderQuota>,
    uid: u32,
}

impl ReaderQuota {
    /// For so many readers at the most, as far as descriptors go.
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.min(ALL), taken: Mutex::default() }
    }

    /// A place for a connection of this user, if there is one.
    pub(super) fn take(self: &Arc<Self>, uid: u32) -> Option<ReaderPlace> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let class = Class::of(uid);
        let own = taken.iter().filter(|other| **other == uid).count();
        let of_class = taken.iter().filter(|other| Class::of(**other) == class).count();
        if own >= OF_A_USER || of_class >= class.most() || taken.len() >= self.most {
            return None;
        }
        taken.push(uid);
        drop(taken);
        Some(ReaderPlace { quota: Arc::clone(self), uid })
    }
}

impl Drop for ReaderPlace {
    fn drop(&mut self) {
        let mut taken = self.quota.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = taken.iter().position(|uid| *uid == self.uid) {
            taken.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::OBSERVERS;

    #[test]
    fn user_has_four_places_and_nobody_takes_those_of_others() {
        let quota = Arc::new(ReaderQuota::new(ALL));
        let flood = |uids: std::ops::Range<u32>| -> Vec<ReaderPlace> {
            uids.flat_map(|uid| [uid; 1000]).filter_map(|uid| quota.take(uid)).collect()
        };
        let one = flood(1000..1001);
        assert_eq!(one.len(), OF_A_USER);
        let subordinate = flood(100_000..100_100);
        assert_eq!(one.len() + subordinate.len(), OF_OTHERS);
        assert!(quota.take(1001).is_none());
        let services = [flood(61_184..61_200), flood(998..999)].concat_len();
        assert_eq!(services.0, OF_SERVICES);
        let root = flood(0..1);
        assert_eq!(root.len(), OF_A_USER);
        drop((one, subordinate, services, root));
        assert!(quota.taken.lock().unwrap().is_empty(), "nothing is kept of who left");
        assert!(quota.take(1001).is_some());
    }

    trait Counted {
        fn concat_len(self) -> (usize, Vec<ReaderPlace>);
    }

    impl<const N: usize> Counted for [Vec<ReaderPlace>; N] {
        fn concat_len(self) -> (usize, Vec<ReaderPlace>) {
            let all: Vec<ReaderPlace> = self.into_iter().flatten().collect();
            (all.len(), all)
        }
    }

    #[test]
    fn places_and_the_socket_are_the_descriptors_that_are_counted() {
        assert_eq!(u64::try_from(ALL + 2).unwrap(), OBSERVERS);
    }

    #[test]
    fn fewer_descriptors_are_fewer_places() {
        let quota = Arc::new(ReaderQuota::new(1));
        let first = quota.take(0);
        assert!(first.is_some() && quota.take(998).is_none());
        assert!(Arc::new(ReaderQuota::new(0)).take(0).is_none());
    }
}
