//! Waits for a server to come back.

use crate::unseal::{Moment, knock_pause};
use crate::vault::Server;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::time::sleep_until;

/// How many nodes are knocked at: together they knock no more often than one alone.
#[derive(Debug, Default)]
pub(super) struct Doorsteps(AtomicUsize);

impl Doorsteps {
    /// Returns when something listens again at a server whose port was closed for the first time `refused` after
    /// `began`. Without that, or when it is no longer worth while, never.
    pub(super) async fn returned(&self, server: &Server, began: Instant, refused: Option<Moment>) {
        if let Some(refused) = refused {
            let _here = Guest::at(&self.0);
            let own = server.is_own().await;
            let mut next = tokio::time::Instant::now();
            while let Some(pause) = self.pause(began, refused, own) {
                // From try to try, not from end to try: timers count whole milliseconds and would double a short pause.
                next = (next + pause).max(tokio::time::Instant::now());
                sleep_until(next).await;
                if server.probe().await {
                    return;
                }
            }
        }
        pending::<()>().await;
    }

    fn pause(&self, began: Instant, refused: Moment, own: bool) -> Option<Moment> {
        knock_pause(began.elapsed().saturating_sub(refused), own, self.0.load(Ordering::Relaxed))
    }
}

/// Counts while it lives.
struct Guest<'a>(&'a AtomicUsize);

impl<'a> Guest<'a> {
    fn at(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
