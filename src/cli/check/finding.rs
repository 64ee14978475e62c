//! What a check found.

use crate::explain::Explain;
use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// As it should be.
    Ok,
    /// Works, but not as well or as safely as it could.
    Warning,
    /// Keeps a server from being unsealed.
    Problem,
}

/// One finding.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// What was checked.
    pub(super) subject: String,
    /// A stable word for machines.
    pub(super) kind: &'static str,
    /// What was found.
    pub(super) message: String,
    /// What to do about it.
    pub(super) remedy: Option<String>,
    /// Commands to paste one after the other, where a line or two will not do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) steps: Option<String>,
}

/// All findings, in the order in which they were made.
#[derive(Debug, Default, Serialize)]
pub(super) struct Findings {
    pub(super) findings: Vec<Finding>,
}

impl Findings {
    /// Something is as it should be.
    pub(super) fn good(&mut self, subject: &str, message: impl Into<String>) {
        self.add(Severity::Ok, subject, "ok", message.into(), None);
    }

    /// Something that explains itself.
    pub(super) fn explain(&mut self, severity: Severity, subject: &str, error: &dyn Explain) {
        self.add(severity, subject, error.kind(), error.to_string(), error.advice());
    }

    /// Anything else.
    pub(super) fn add(
        &mut self,
        severity: Severity,
        subject: &str,
        kind: &'static str,
        message: String,
        remedy: Option<String>,
    ) {
        self.findings.push(Finding {
            severity,
            subject: subject.to_owned(),
            kind,
            message,
            remedy,
            steps: None,
        });
    }

    /// Gives steps to the last finding.
    pub(super) fn steps(&mut self, steps: String) {
        if let Some(last) = self.findings.last_mut() {
            last.steps = Some(steps);
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.findings.extend(other.findings);
    }

    /// The worst of all findings.
    pub(super) fn worst(&self) -> Severity {
        self.findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok)
    }

    /// How many findings there are of one severity.
    pub(super) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// So many shares, in words.
pub(super) fn shares(count: usize) -> String {
    if count == 1 { "1 share".to_owned() } else { format!("{count} shares") }
}
