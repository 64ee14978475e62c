//! Texts of libraries and of other people's files reach nobody but by two ways: `external::error` says in our own words what a
//! library complains of, and `external::quote` shows a path. This reads the sources and finds what goes around them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

use std::fs;
use std::path::{Path, PathBuf};

/// Errors of others, by the names that the sources have for them.
const FOREIGN: [&str; 18] = [
    "io::Error",
    "std::io::Error",
    "Errno",
    "serde_json::Error",
    "toml_edit::TomlError",
    "TomlError",
    "figment::Error",
    "hyper::Error",
    "rustls::Error",
    "CertificateError",
    "webpki::Error",
    "pem::Error",
    "url::ParseError",
    "ParseIntError",
    "Utf8Error",
    "FromUtf8Error",
    "JoinError",
    "clap::Error",
];

/// Where errors of others are formatted on purpose.
const MAPPINGS: [&str; 4] =
    ["src/external/error.rs", "src/bin/tpm/failure.rs", "src/vault/failure.rs", "src/vault/tls/failure.rs"];

/// Every source file, without its tests.
fn sources() -> Vec<(PathBuf, String)> {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.file_stem().is_some_and(|stem| stem == "tests") {
                continue;
            }
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join("src"), &mut paths);
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("\n#[cfg(test)]\n").next().unwrap().to_owned();
        (path.strip_prefix(root).unwrap().to_owned(), code)
    };
    paths.into_iter().map(read).filter(|(path, _)| !exempt(path)).collect()
}

fn exempt(path: &Path) -> bool {
    MAPPINGS.iter().any(|exempt| path.starts_with(exempt) || path == Path::new(exempt))
}

/// Lines of a file as `path:line: text`.
fn found(path: &Path, code: &str, is_wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let lines =
        code.lines().zip(1..).filter(|(line, _)| !line.trim_start().starts_with("//") && is_wrong(line));
    lines.map(|(line, number)| format!("{}:{number}: {}", path.display(), line.trim())).collect()
}

fn assert_none(wrong: &[String], instead: &str) {
    assert!(wrong.is_empty(), "{instead}:\n{}", wrong.join("\n"));
}

#[test]
fn paths_are_shown_by_the_quoting_functions_alone() {
    let mut wrong = Vec::new();
    for (path, code) in sources().iter().filter(|(path, _)| !path.starts_with("src/bin/generate")) {
        wrong.extend(found(path, code, |line| line.contains(".display()")));
    }
    assert_none(&wrong, "use external::quote::sentence, or the function of the grammar");
}

/// The names of fields and parameters of a file that hold an error of somebody else's.
fn foreign_names(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in code.lines().map(str::trim) {
        for (at, _) in line.match_indices(": ") {
            let kind = line[at + 2..]
                .trim_start_matches('&')
                .trim_start_matches("Option<")
                .trim_start_matches("Box<");
            let end = kind.find(|c: char| !c.is_alphanumeric() && c != ':' && c != '_').unwrap_or(kind.len());
            let name = line[..at].rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            if FOREIGN.contains(&&kind[..end]) && !name.is_empty() {
                names.push(name.to_owned());
            }
        }
    }
    names
}

#[test]
fn error_types_never_format_an_error_of_a_library() {
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let names = foreign_names(&code);
        let shows = |line: &str| {
            line.contains("#[error(")
                && names.iter().any(|name| {
                    line.contains(&format!("{{{name}}}"))
                        || line.contains(&format!("{{{name}:"))
                        || line.contains(&format!(", {name})"))
                        || line.contains(&format!(", .{name})"))
                })
        };
        wrong.extend(found(&path, &code, shows));
        // A variant that is the error alone: `Name(io::Error)` below `#[error("… {0}")]`.
        let mut shown = None;
        for (line, number) in code.lines().zip(1..) {
            if line.contains("#[error(") {
                shown = Some(line).filter(|line| line.contains("{0") || line.contains("transparent"));
            } else if let Some(attribute) =
                shown.filter(|_| line.trim_start().starts_with(char::is_uppercase))
            {
                let alone = FOREIGN.iter().any(|kind| {
                    line.contains(&format!("({kind})")) || line.contains(&format!("(#[from] {kind})"))
                });
                if alone {
                    wrong.push(format!("{}:{number}: {}", path.display(), attribute.trim()));
                }
                shown = None;
            }
        }
    }
    assert_none(&wrong, "say it by external::error");
}

#[test]
fn errors_are_formatted_by_name_only_where_they_are_ours() {
    // `{error}` of a text that external::error made, or of an error type of ours: the line, or one of those before it in the
    // same block, shows which.
    let made = ["error::io(", "error::json(", "error::task(", "error::resolver(", "error::of_exchange("];
    let ours = [
        "labelled(",        // report: `dyn Explain`
        "in_one_line(",     // the same
        "client_config(",   // vault::TlsFileError
        "LookupFailed",     // discovery::LookupError
        "load_credential(", // external::quote::Inexpressible
        "shares_drop_in(",  // the same
        "value.parse()",    // the TPM helper's own arguments
    ];
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let lines: Vec<&str> = code.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let shows = ["{error}", "{error:?}", "{errno}", "{err}", "{e}", "{e:?}"]
                .iter()
                .any(|form| line.contains(form));
            if !shows || line.trim_start().starts_with("//") {
                continue;
            }
            let before = lines[number.saturating_sub(14)..=number].join("\n");
            if !made.iter().chain(&ours).any(|known| before.contains(known)) {
                wrong.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert_none(&wrong, "say it by external::error, or add our own error to the list");
}

#[test]
fn closures_never_turn_an_error_of_a_library_into_text() {
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        wrong.extend(found(&path, &code, |line| {
            line.contains("map_err(|error| error.to_string()")
                || line.contains("map_err(|e| e.to_string()")
                || line.contains("map_err(ToString::to_string)")
                || line.contains("io::Error::other(format!")
                || line.contains("unwrap_or_else(|error| error.to_string()")
                || line.contains("io::Error::other(\"")
                // In the arm of a match, or of a result: errors of ours have names of their own there.
                || ["error", "errno", "err", "e"].iter().any(|name| {
                    let (formatted, debugged) = (format!("({name}.to_string()"), format!("({name})"));
                    line.contains(&formatted) || (line.contains("format!(\"{:?}") && line.contains(&debugged))
                })
        }));
    }
    assert_none(&wrong, "say it by external::error; words of ours in an io::Error are OwnWords");
}

#[test]
fn this_test_finds_what_it_looks_for() {
    let code = "enum E {\n    #[error(\"cannot {cause}\")]\n    A {\n        cause: io::Error,\n    },\n}\n";
    assert_eq!(foreign_names(code), ["cause"]);
    assert_eq!(foreign_names("fn a(errno: Errno, b: &str) { let c: Option<io::Error>; }"), ["errno", "c"]);
    assert!(!sources().is_empty());
}
