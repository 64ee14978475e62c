//! What a check found, and how it is shown.

use crate::explain::Explain;
use crate::report::style::Style;
use serde::Serialize;
use std::fmt::Write as _;

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

/// One line a finding, its remedy indented below it, and a line that counts; below that, steps at the margin, so that
/// they can be pasted.
pub(super) fn table(findings: &Findings, style: Style) -> String {
    let width = findings.findings.iter().map(|finding| finding.subject.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in &findings.findings {
        let word = format!("{:<7}", word(finding.severity));
        let painted = match finding.severity {
            Severity::Ok => style.good(&word),
            Severity::Warning => style.warning(&word),
            Severity::Problem => style.bad(&word),
        };
        let _ = writeln!(text, "{painted}  {:<width$}  {}", finding.subject, finding.message);
        text.push_str(&remedy(finding, width));
    }
    text.push_str(&summary(findings));
    for steps in findings.findings.iter().filter_map(|finding| finding.steps.as_ref()) {
        text.push('\n');
        text.push_str(steps);
    }
    text
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "ok",
        Severity::Warning => "warning",
        Severity::Problem => "problem",
    }
}

fn remedy(finding: &Finding, width: usize) -> String {
    let indent = " ".repeat(7 + 2 + width + 2);
    let lines = finding.remedy.iter().flat_map(|remedy| remedy.lines());
    lines.fold(String::new(), |text, line| text + &indent + line + "\n")
}

fn summary(findings: &Findings) -> String {
    let plural =
        |count: usize, word: &str| if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") };
    let (problems, warnings) = (findings.count(Severity::Problem), findings.count(Severity::Warning));
    match (problems, warnings) {
        (0, 0) => "no problems\n".to_owned(),
        (0, warnings) => format!("no problems, {}\n", plural(warnings, "warning")),
        (problems, 0) => format!("{}\n", plural(problems, "problem")),
        (problems, warnings) => format!("{}, {}\n", plural(problems, "problem"), plural(warnings, "warning")),
    }
}
