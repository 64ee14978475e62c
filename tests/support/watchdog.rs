//! The watchdog of the unit that is installed, as systemd would keep it.

use std::process::Command;
use std::time::{Duration, Instant};

use super::process::Notify;

const UNIT: &str = include_str!("../../systemd/vault-unseal.service");

/// Systemd's notification socket, with the unit's `WatchdogSec=`.
pub struct Watchdog {
    notify: Notify,
    limit: Duration,
}

impl Default for Watchdog {
    fn default() -> Self {
        Self::new()
    }
}

impl Watchdog {
    pub fn new() -> Self {
        let limit =
            UNIT.lines().find_map(|line| line.strip_prefix("WatchdogSec=")).expect("the unit has one");
        Self { notify: Notify::new(), limit: humantime::parse_duration(limit).unwrap() }
    }

    /// Has the daemon that this command starts report to it.
    pub fn over<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let limit = self.limit.as_micros().to_string();
        command.env("NOTIFY_SOCKET", self.notify.path()).env("WATCHDOG_USEC", limit)
    }

    /// Waits until it is fed once more.
    pub fn wait_until_fed(&mut self) {
        self.wait_for("WATCHDOG=1");
    }

    /// See [`Notify::wait_for`].
    pub fn wait_for(&mut self, beginning: &str) {
        self.notify.wait_for(beginning);
    }

    /// Panics if systemd had ended the daemon by now: no pause since it was ready was longer than the limit, up to its end if
    /// it has ended.
    pub fn assert_never_starved(&self) {
        let lines = self.notify.assignments();
        let at = |text: &str| lines.iter().find(|line| line.text == text).map(|line| line.at);
        let mut last = at("READY=1").expect("it is ready");
        let end = at("STOPPING=1").unwrap_or_else(Instant::now);
        let fed = lines.iter().filter(|line| line.text == "WATCHDOG=1").map(|line| line.at);
        for at in fed.chain([end]) {
            let pause = at.saturating_duration_since(last);
            assert!(pause <= self.limit, "{pause:?} without a word, of {:?}", self.limit);
            last = at;
        }
    }
}
