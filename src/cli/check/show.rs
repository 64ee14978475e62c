//! Findings as a table for people.

use super::finding::{Finding, Findings, Severity};
use crate::report::style::Style;
use std::fmt::Write as _;

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
