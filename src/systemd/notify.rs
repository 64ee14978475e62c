//! `sd_notify(3)`: readiness, status line, watchdog.

use crate::external::error;
use sd_notify::NotifyState;
use std::time::Duration;

/// Configuration valid, loop running.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The line that `systemctl status` shows.
pub fn status(status: &str) {
    send(&[NotifyState::Status(status)]);
}

/// A reload begins; [`ready`] ends it. The timestamp lets systemd tell it from earlier ones (Type=notify-reload).
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(_) => send(&[NotifyState::Reloading]),
    }
}

/// The end begins.
pub fn stopping(status: &str) {
    send(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// The loop made progress.
pub fn watchdog() {
    send(&[NotifyState::Watchdog]);
}

/// Start-up goes on for this long yet (`EXTEND_TIMEOUT_USEC=`): keeps a unit that waits from being killed.
pub fn extend_timeout(by: Duration) {
    let usec = u32::try_from(by.as_micros()).unwrap_or(u32::MAX);
    send(&[NotifyState::ExtendTimeoutUsec(usec)]);
}

/// How often systemd wants to hear from the watchdog, halved; `None` when it does not watch us.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2).filter(|interval| !interval.is_zero())
}

fn send(states: &[NotifyState<'_>]) {
    // Without a supervisor this does nothing. A supervisor that went away is no reason to stop unsealing.
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("cannot notify the service manager: {}", error::io(&error));
    }
}
