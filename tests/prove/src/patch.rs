//! Faults as patches, and the copies that they are planted into. tests/fuzz/ plants its own by it, too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A fault: a text that says what it is and which promise it breaks, and a difference.
pub(crate) struct Patch {
    pub(crate) name: String,
    pub(crate) prose: String,
    pub(crate) breaks: String,
    pub(crate) hunks: Vec<Hunk>,
}

/// Lines of one file that take the place of others, wherever in it they are.
pub(crate) struct Hunk {
    pub(crate) file: String,
    pub(crate) before: String,
    after: String,
}

/// Those of a directory, by their names.
pub(crate) fn read(directory: &Path) -> io::Result<Vec<Patch>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    paths.iter().map(|path| Ok(parse(path, &fs::read_to_string(path)?))).collect()
}

fn parse(path: &Path, text: &str) -> Patch {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (prose, difference) = text.split_once("\n\n").unwrap_or((text, ""));
    let (prose, breaks) = prose.split_once("\nBreaks: ").unwrap_or((prose, ""));
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut file = "";
    for line in difference.lines() {
        if let Some(path) = line.strip_prefix("--- a/") {
            file = path;
        } else if line.starts_with("@@") {
            hunks.push(Hunk { file: file.to_owned(), before: String::new(), after: String::new() });
        } else if let Some(hunk) = hunks.last_mut() {
            let (mark, rest) = line.split_at(line.len().min(1));
            if mark != "+" && !line.starts_with("+++ ") {
                hunk.before.extend([rest, "\n"]);
            }
            if mark != "-" && !line.starts_with("+++ ") {
                hunk.after.extend([rest, "\n"]);
            }
        }
    }
    Patch { name, prose: prose.to_owned(), breaks: breaks.trim().to_owned(), hunks }
}

/// Says which faults below `planted` cannot be planted into the sources at `root` any more, and whether there are any: a full
/// run is rare, and the sources move.
pub(crate) fn any_unfit(planted: &Path, root: &Path) -> io::Result<bool> {
    let mut unfit = false;
    for patch in read(planted)? {
        for hunk in &patch.hunks {
            if !hunk.fits(&fs::read_to_string(root.join(&hunk.file))?) {
                println!(
                    "the fault {} cannot be planted: {} has no such lines any more. Write it anew.",
                    patch.name, hunk.file
                );
                unfit = true;
            }
        }
    }
    Ok(unfit)
}

impl Hunk {
    fn fits(&self, text: &str) -> bool {
        text.matches(&self.before).count() == 1
    }
}

/// Changes the copy; the hunk that does not fit, if one does not.
pub(crate) fn apply<'a>(patch: &'a Patch, copy: &Path) -> io::Result<Result<(), &'a Hunk>> {
    for hunk in &patch.hunks {
        let path = copy.join(&hunk.file);
        let text = fs::read_to_string(&path)?;
        if !hunk.fits(&text) {
            return Ok(Err(hunk));
        }
        fs::write(path, text.replacen(&hunk.before, &hunk.after, 1))?;
    }
    Ok(Ok(()))
}

/// Makes `to` what `from` is. What is the same stays, so that it is not built again.
pub(crate) fn mirror(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            mirror(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    let text = fs::read(from)?;
    if fs::read(to).is_ok_and(|other| other == text) {
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(to, text)
}
