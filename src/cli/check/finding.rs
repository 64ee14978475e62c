//! What a check found, and how it is shown.

use crate::explain::{Explain, Explanation};
use crate::report::Style;
use crate::report::state::counted;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Write as _;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Works, but not as well or as safely as it could.
    Warning,
    /// Keeps a server from being unsealed.
    Problem,
}

/// One finding.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was checked.
    pub subject: String,
    /// A stable word for machines.
    pub kind: Cow<'static, str>,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// Commands to paste one after the other, where a line or two will not do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<String>,
}

/// All findings, in the order in which they were made.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    /// A line of the table each.
    pub findings: Vec<Finding>,
}

impl Findings {
    /// Those about one thing.
    pub fn about(&mut self, subject: &(impl ToString + ?Sized)) -> Topic<'_> {
        Topic { subject: subject.to_string(), findings: &mut self.findings }
    }

    /// Adds those of another.
    pub fn extend(&mut self, other: Self) {
        self.findings.extend(other.findings);
    }

    /// The worst of all findings.
    pub fn worst(&self) -> Severity {
        self.findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok)
    }

    /// How many findings there are of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// What is checked, and where the findings about it go.
pub struct Topic<'a> {
    subject: String,
    findings: &'a mut Vec<Finding>,
}

impl Topic<'_> {
    /// It is as it should be.
    pub fn good(&mut self, message: impl Into<String>) {
        self.note("ok", message);
    }

    /// It is so, and works.
    pub fn note(&mut self, kind: &'static str, message: impl Into<String>) {
        self.add(Severity::Ok, Explanation::without_advice(kind, message));
    }

    /// It works, but not as well or as safely as it could.
    pub fn warn(&mut self, kind: &'static str, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Warning, Explanation::new(kind, message, remedy));
    }

    /// It keeps a server from being unsealed.
    pub fn problem(&mut self, kind: &'static str, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Problem, Explanation::new(kind, message, remedy));
    }

    /// It explains itself.
    pub fn explain(&mut self, severity: Severity, what: &dyn Explain) {
        self.add(severity, Explanation::of(what));
    }

    /// What came of it, unless it failed: that is a problem.
    pub fn succeeded<T>(&mut self, result: Result<T, impl Explain>) -> Option<T> {
        result.map_err(|error| self.explain(Severity::Problem, &error)).ok()
    }

    /// Anything else.
    pub fn add(&mut self, severity: Severity, what: Explanation) {
        let (subject, Explanation { kind, message, advice: remedy }) = (self.subject.clone(), what);
        let kind = Cow::Borrowed(kind);
        self.findings.push(Finding { severity, subject, kind, message, remedy, steps: None });
    }

    /// Gives steps to the last finding.
    pub fn steps(&mut self, steps: String) {
        if let Some(last) = self.findings.last_mut() {
            last.steps = Some(steps);
        }
    }
}

/// One line a finding, its remedy indented below it, and a line that counts; below that, steps at the margin, so that
/// they can be pasted.
pub fn findings_table(findings: &Findings, style: Style) -> String {
    let width = findings.findings.iter().map(|finding| finding.subject.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in &findings.findings {
        let painted = match finding.severity {
            Severity::Ok => style.good("ok     "),
            Severity::Warning => style.warning("warning"),
            Severity::Problem => style.bad("problem"),
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

fn remedy(finding: &Finding, width: usize) -> String {
    let indent = " ".repeat(7 + 2 + width + 2);
    let lines = finding.remedy.iter().flat_map(|remedy| remedy.lines());
    lines.fold(String::new(), |text, line| text + &indent + line + "\n")
}

fn summary(findings: &Findings) -> String {
    let problems = match findings.count(Severity::Problem) {
        0 => "no problems".to_owned(),
        problems => counted(problems, "problem"),
    };
    match findings.count(Severity::Warning) {
        0 => format!("{problems}\n"),
        warnings => format!("{problems}, {}\n", counted(warnings, "warning")),
    }
}
