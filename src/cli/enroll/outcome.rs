//! What was done, for people and for machines. Never a byte of a share.

use super::source::{SourceFate, WORTH};
use crate::explain::Explanation;
use crate::external::quote;
use crate::report::Style;
use crate::shares::positions_in_words;
use crate::shares::store::{CredentialKind, ShareStore, StoredShares};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;

/// What was done.
pub(super) struct Enrolled<'a> {
    /// Each store, and the positions in the source of the shares in it.
    pub(super) stored: Vec<(StoredShares, Vec<usize>)>,
    /// How many shares the source held.
    pub(super) held: usize,
    /// How many are needed, where it is known.
    pub(super) threshold: Option<usize>,
    /// After a split: how many machines bring back a server.
    pub(super) coalition: Option<usize>,
    /// Whether a root token lay beside the shares.
    pub(super) root_token: bool,
    /// What is odd.
    pub(super) warnings: Vec<Explanation>,
    /// The file that was read.
    pub(super) source: Option<&'a Path>,
}

/// Aligned lines for people.
pub(super) fn table(done: &Enrolled<'_>, style: Style) -> String {
    let mut rows = Vec::new();
    for (stored, positions) in &done.stored {
        let file = quote::sentence(stored.target.path());
        let part =
            if done.stored.len() > 1 { format!(" ({})", shares_in_words(positions)) } else { String::new() };
        rows.push(("stored", format!("{file}{part}")));
    }
    if let Some((stored, positions)) = done.stored.first() {
        rows.push(("protected", protection(stored)));
        if done.stored.len() == 1 {
            rows.push(("shares", which(positions, done)));
        }
    }
    if let (Some(coalition), Some(threshold)) = (done.coalition, done.threshold) {
        rows.push((
            "together",
            format!("any {coalition} machines bring back a server ({threshold} shares); none does alone"),
        ));
    }
    rows.push(("opened", "again after writing, and the same as what went in".to_owned()));
    if done.root_token {
        rows.push(("left out", "the root token, which is stored nowhere by this".to_owned()));
    }
    let width = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    rows.iter().fold(String::new(), |mut text, (label, value)| {
        let label = format!("{label:<width$}");
        let label = if label.starts_with("stored") { style.good(&label) } else { label };
        let _ = writeln!(text, "{label}  {value}");
        text
    })
}

/// `share 1`, `shares 1 and 3`.
pub(super) fn shares_in_words(positions: &[usize]) -> String {
    let plural = if positions.len() == 1 { "" } else { "s" };
    format!("share{plural} {}", positions_in_words(positions))
}

fn which(positions: &[usize], done: &Enrolled<'_>) -> String {
    let held = done.held;
    let which = match positions.len() {
        1 if held == 1 => "the only one".to_owned(),
        count if count == held => format!("all {held}"),
        _ => format!("{} of {held}", shares_in_words(positions)),
    };
    match done.threshold {
        Some(threshold) if positions.len() < threshold => {
            format!("{which}; {threshold} are needed, so others must come from other machines")
        }
        Some(1) => format!("{which}; 1 is needed"),
        Some(threshold) => format!("{which}; {threshold} are needed"),
        None => which,
    }
}

/// What protects the shares, after "protected".
pub(in crate::cli) fn protection(stored: &StoredShares) -> String {
    match (&stored.target, &stored.protection.kind) {
        (ShareStore::Plain(_), _) => {
            "by owner and mode 0600 alone: whoever has the disk has the shares".to_owned()
        }
        (ShareStore::Credential(..), Some(kind @ CredentialKind::Host)) => {
            format!("by {kind}, on this disk: whoever has the whole disk has the shares")
        }
        (ShareStore::Credential(..), kind) => {
            format!("by {}", kind.as_ref().unwrap_or(&CredentialKind::Unknown))
        }
        (ShareStore::Tpm2(..), _) => by_tpm(stored.protection.pcrs.as_deref()),
    }
}

/// That the TPM protects them, and while these PCRs hold what they held.
pub(in crate::cli) fn by_tpm(pcrs: Option<&str>) -> String {
    match pcrs {
        Some(pcrs) => format!("by this machine's TPM, bound to PCR {pcrs}"),
        None => "by this machine's TPM, whatever the machine starts".to_owned(),
    }
}

/// What became of the source. `lost` says what else would go with it.
pub(super) fn fate(fate: SourceFate, source: &Path, lost: Option<&str>) -> String {
    let file = quote::sentence(source);
    match fate {
        SourceFate::NoFile => String::new(),
        SourceFate::Kept => {
            let word = quote::shell(source);
            let lost = lost.map_or_else(|| " ".to_owned(), |lost| format!(" {lost}\n"));
            format!("\n{file} was kept.{lost}To overwrite and delete it: shred -u {word}\n{WORTH}\n")
        }
        SourceFate::Shredded => format!("\n{file} was overwritten and deleted.\n{WORTH}\n"),
        SourceFate::Overwritten => format!(
            "\nThe content of {file} was overwritten. The name stays: it is a link, or another file's by now.\n{WORTH}\n"
        ),
    }
}

/// `enroll --json`.
#[derive(Serialize)]
pub(super) struct EnrollDocument<'a> {
    stored: Vec<Entry<'a>>,
    held: usize,
    threshold: Option<usize>,
    coalition: Option<usize>,
    root_token_left_out: bool,
    source: Option<Origin>,
    warnings: &'a [Explanation],
}

#[derive(Serialize)]
struct Entry<'a> {
    path: String,
    home: &'static str,
    keys: Option<&'static str>,
    pcrs: Option<&'a str>,
    pcrs_measured: Option<bool>,
    count: usize,
    positions: &'a [usize],
}

#[derive(Serialize)]
struct Origin {
    path: String,
    fate: &'static str,
}

/// The same for machines.
pub(super) fn document<'a>(done: &'a Enrolled<'_>, fate: SourceFate) -> EnrollDocument<'a> {
    let entry = |(stored, positions): &'a (StoredShares, Vec<usize>)| Entry {
        path: stored.target.path().to_string_lossy().into_owned(),
        home: stored.target.word(),
        keys: stored.protection.kind.as_ref().map(CredentialKind::word),
        pcrs: stored.protection.pcrs.as_deref(),
        pcrs_measured: stored.protection.pcrs.as_ref().map(|_| !stored.protection.unmeasured),
        count: stored.count,
        positions,
    };
    EnrollDocument {
        stored: done.stored.iter().map(entry).collect(),
        held: done.held,
        threshold: done.threshold,
        coalition: done.coalition,
        root_token_left_out: done.root_token,
        source: done
            .source
            .zip(fate.word())
            .map(|(path, fate)| Origin { path: path.to_string_lossy().into_owned(), fate }),
        warnings: &done.warnings,
    }
}
