//! Faults that are planted into a copy of the core: the search must find each of them. `./x prove planted`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// What the copy is made of, from the root of the repository.
const PARTS: [&str; 8] = [
    "src/api",
    "src/cluster",
    "src/explain.rs",
    "src/external",
    "src/unseal",
    "tests/heart/model.rs",
    "tests/prove",
    "rustfmt.toml",
];

/// A fault: a text that says what it is and which promise it breaks, and a difference.
struct Patch {
    name: String,
    prose: String,
    breaks: String,
    hunks: Vec<Hunk>,
}

/// Lines of one file that take the place of others, wherever in it they are.
struct Hunk {
    file: String,
    before: String,
    after: String,
}

/// Plants each of these, or all, and looks whether the search finds it.
pub(crate) fn run(names: &[&str]) -> ExitCode {
    match plant(names) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("the faults could not be planted: {error}");
            ExitCode::FAILURE
        }
    }
}

fn plant(names: &[&str]) -> io::Result<bool> {
    let began = Instant::now();
    let root = crate::here().join("../..").canonicalize()?;
    let target =
        std::env::current_exe()?.ancestors().nth(2).map(|target| target.join("planted")).unwrap_or_default();
    let copy = target.join("copy");
    let mut patches = read(&crate::here().join("planted"))?;
    patches.retain(|patch| names.is_empty() || names.contains(&patch.name.as_str()));
    println!("Planting {} faults into copies of the core.", patches.len());
    // What was taken out of the core since.
    match fs::remove_dir_all(&copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut found = 0;
    for patch in &patches {
        for part in PARTS {
            mirror(&root.join(part), &copy.join(part))?;
        }
        println!("\n== {}: {}", patch.name, patch.prose);
        if let Err(hunk) = apply(patch, &copy)? {
            println!("NOT PLANTED: {} has no such lines any more:\n{}", hunk.file, hunk.before);
            continue;
        }
        let Some(search) = build(&copy, &target)? else {
            println!("NOT PLANTED: with it the core cannot be built");
            continue;
        };
        let output = Command::new(search).args(["find", &patch.breaks]).output()?;
        print!("{}", String::from_utf8_lossy(&output.stdout));
        if output.status.code() == Some(1) {
            found += 1;
        } else {
            println!("NOT FOUND: it breaks {}, and no history shows it", patch.breaks);
        }
    }
    println!("\n{found} of {} planted faults were found, in {} s.", patches.len(), began.elapsed().as_secs());
    Ok(found == patches.len() && found > 0)
}

fn read(directory: &Path) -> io::Result<Vec<Patch>> {
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

/// Changes the copy; the hunk that does not fit, if one does not.
fn apply<'a>(patch: &'a Patch, copy: &Path) -> io::Result<Result<(), &'a Hunk>> {
    for hunk in &patch.hunks {
        let path = copy.join(&hunk.file);
        let text = fs::read_to_string(&path)?;
        if text.matches(&hunk.before).count() != 1 {
            return Ok(Err(hunk));
        }
        fs::write(path, text.replacen(&hunk.before, &hunk.after, 1))?;
    }
    Ok(Ok(()))
}

/// Makes `to` what `from` is. What is the same stays, so that it is not built again.
fn mirror(from: &Path, to: &Path) -> io::Result<()> {
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

/// Builds the search of the copy; `None` when that fails, of which the compiler has said why.
fn build(copy: &Path, target: &Path) -> io::Result<Option<PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--offline", "--manifest-path"])
        .arg(copy.join("tests/prove/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        // What a fault leaves unused is none of its business.
        .env("RUSTFLAGS", format!("{} -Awarnings", std::env::var("RUSTFLAGS").unwrap_or_default()))
        .status()?;
    Ok(built.success().then(|| target.join("debug/prove")))
}
