//! Signals that would end the process, held until its work is done.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// While it lives, SIGINT, SIGTERM, SIGHUP and SIGQUIT end nothing.
pub(super) struct Held {
    signals: Vec<Signal>,
}

impl Held {
    /// Begins to hold them. tokio never gives them back: they end nothing from now on.
    pub(super) fn begin() -> io::Result<Self> {
        let kinds =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
        Ok(Self { signals: kinds.into_iter().map(signal).collect::<io::Result<_>>()? })
    }

    /// Does something to its end, and says once why a signal does not end it.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        let mut said = false;
        let [interrupt, terminate, hangup, quit] = self.signals.as_mut_slice() else { return work.await };
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
                _ = quit.recv() => {}
            }
            if !said {
                said = true;
                // With the terminal gone there is nobody to tell.
                let _ = io::Write::write_all(
                    &mut io::stderr(),
                    b"the server's answer must not get lost: this goes on to its end\n",
                );
            }
        }
    }
}
