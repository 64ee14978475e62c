//! The notifier's own metrics: a file in its runtime directory, which the exporter shows beside the daemon's. A notifier that
//! cannot tell cannot tell that either.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vault_unseal::files;

/// Where the service has it: `RuntimeDirectory=` of `vault-unseal-notify.service`.
pub const SERVICE_METRICS: &str = "/run/vault-unseal-notify/metrics.prom";
/// Its name in `$RUNTIME_DIRECTORY` (systemd.exec(5)).
const NAME: &str = "metrics.prom";

/// What is counted of a target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    told: u64,
    failed: u64,
    failing: bool,
}

/// What is counted since the notifier was started.
#[derive(Debug, Default)]
pub(super) struct NotifyMetrics {
    targets: Mutex<BTreeMap<String, Counted>>,
}

impl NotifyMetrics {
    fn targets(&self) -> MutexGuard<'_, BTreeMap<String, Counted>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These are the targets from now on.
    pub(super) fn begin<'a>(&self, names: impl Iterator<Item = &'a str>) {
        let mut targets = self.targets();
        let kept =
            names.map(|name| (name.to_owned(), targets.get(name).copied().unwrap_or_default())).collect();
        *targets = kept;
    }

    /// A target was told, or was not.
    pub(super) fn tried(&self, name: &str, told: bool) {
        if let Some(counted) = self.targets().get_mut(name) {
            counted.told += u64::from(told);
            counted.failed += u64::from(!told);
            counted.failing = !told;
        }
    }

    /// In Prometheus' text format; `looked` is when the daemon was asked last, since 1970.
    pub(super) fn text(&self, looked: Option<Duration>) -> String {
        let targets = self.targets();
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in samples {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        };
        let looked: Vec<_> = looked.iter().map(|at| (String::new(), at.as_secs())).collect();
        family(
            "vault_unseal_notify_last_look_timestamp_seconds",
            "gauge",
            "When the notifier asked the daemon last",
            &looked,
        );
        // Names of targets have no character that would be quoted.
        let each = |value: &dyn Fn(&Counted) -> u64, more: &str| -> Vec<_> {
            let labels = |name: &str| format!("{{target=\"{name}\"{more}}}");
            targets.iter().map(|(name, counted)| (labels(name), value(counted))).collect()
        };
        family(
            "vault_unseal_notify_target_failing",
            "gauge",
            "Whether a target could not be told when it was tried last",
            &each(&|counted| counted.failing.into(), ""),
        );
        let mut messages = each(&|counted| counted.told, ",result=\"told\"");
        messages.extend(each(&|counted| counted.failed, ",result=\"failed\""));
        family(
            "vault_unseal_notify_messages_total",
            "counter",
            "Tries to tell a target, by their result",
            &messages,
        );
        text
    }

    /// Writes it for the exporter. Blocks on the file.
    pub(super) fn write(&self, looked: Option<Duration>) {
        let directory = std::env::var_os("RUNTIME_DIRECTORY").filter(|path| !path.is_empty());
        if let Some(directory) = directory.map(PathBuf::from) {
            // Without it the alert on old metrics fires, which says the same.
            let _ = files::replace_readable(&directory.join(NAME), self.text(looked).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_counted_for_each_target_over_reloads() {
        let metrics = NotifyMetrics::default();
        metrics.begin(["mail", "ops"].into_iter());
        metrics.tried("ops", true);
        metrics.tried("ops", false);
        metrics.begin(["ops", "new"].into_iter());
        snapbox::assert_data_eq!(
            metrics.text(Some(Duration::from_millis(1_800_000_000_900))),
            snapbox::str![[r#"
# HELP vault_unseal_notify_last_look_timestamp_seconds When the notifier asked the daemon last
# TYPE vault_unseal_notify_last_look_timestamp_seconds gauge
vault_unseal_notify_last_look_timestamp_seconds 1800000000
# HELP vault_unseal_notify_target_failing Whether a target could not be told when it was tried last
# TYPE vault_unseal_notify_target_failing gauge
vault_unseal_notify_target_failing{target="new"} 0
vault_unseal_notify_target_failing{target="ops"} 1
# HELP vault_unseal_notify_messages_total Tries to tell a target, by their result
# TYPE vault_unseal_notify_messages_total counter
vault_unseal_notify_messages_total{target="new",result="told"} 0
vault_unseal_notify_messages_total{target="ops",result="told"} 1
vault_unseal_notify_messages_total{target="new",result="failed"} 0
vault_unseal_notify_messages_total{target="ops",result="failed"} 1

"#]]
        );
    }
}
