//! How many may be connected at a time. Who comes when all places are taken gets that of the one who has been connected
//! longest without asking anything, or else longest at all: nobody keeps others out by doing nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Most connections.
pub(super) const MOST: usize = 64;

/// Who is connected, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Vec<Arc<Guest>>>);

#[derive(Debug)]
struct Guest {
    asked: std::sync::atomic::AtomicBool,
    leave: Notify,
}

/// A place of one connection, free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    guest: Arc<Guest>,
}

impl Places {
    /// A place for one more; somebody else may have to leave for it.
    pub(super) fn take(self: &Arc<Self>) -> Place {
        let guest = Arc::new(Guest { asked: false.into(), leave: Notify::new() });
        let mut guests = self.guests();
        if guests.len() >= MOST {
            let asked = |guest: &Arc<Guest>| guest.asked.load(std::sync::atomic::Ordering::Relaxed);
            let idle = guests.iter().position(|guest| !asked(guest));
            guests.remove(idle.unwrap_or(0)).leave.notify_one();
        }
        guests.push(Arc::clone(&guest));
        drop(guests);
        Place { places: Arc::clone(self), guest }
    }

    fn guests(&self) -> MutexGuard<'_, Vec<Arc<Guest>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Its request is there.
    pub(super) fn asked(&self) {
        self.guest.asked.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// Somebody else needs the place.
    pub(super) async fn taken(&self) {
        self.guest.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.guests().retain(|guest| !Arc::ptr_eq(guest, &self.guest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn has_to_leave(place: &Place) -> bool {
        pin!(place.taken()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn oldest_who_asked_nothing_leaves_and_then_the_oldest() {
        let places = Arc::new(Places::default());
        let taken: Vec<Place> = (0..MOST).map(|_| places.take()).collect();
        taken[0].asked();
        taken[2].asked();
        let one = places.take();
        let left: Vec<usize> = (0..MOST).filter(|place| has_to_leave(&taken[*place])).collect();
        assert_eq!(left, [1]);
        one.asked();
        taken.iter().for_each(Place::asked);
        let _other = places.take();
        let left: Vec<usize> = (0..MOST).filter(|place| has_to_leave(&taken[*place])).collect();
        assert_eq!(left, [0]);
        assert_eq!(places.guests().len(), MOST);
        drop((one, taken));
        assert_eq!(places.guests().len(), 1, "nothing is kept of who left");
    }
}
