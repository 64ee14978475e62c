//! Which folder of `src/` imports which, and where libraries are named: docs/architecture.md says it in two tables, and this
//! holds the sources against them, unit tests apart. And the files that the page names exist.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Names = BTreeSet<String>;

/// The folders that every other may import.
const WORDS: [&str; 5] = ["explain", "external", "cluster", "api", "ordered"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A table of the page: the words in backticks of the first column's cell, and those of the second's.
fn table(head: &str) -> Vec<(Names, Names)> {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let rows = page.lines().skip_while(|line| *line != head).skip(2).take_while(|line| line.starts_with('|'));
    let words = |cell: &str| {
        cell.split('`').skip(1).step_by(2).map(|word| word.trim_end_matches('/').to_owned()).collect()
    };
    let row = |line: &str| {
        let mut cells = line.trim_matches('|').split('|');
        (words(cells.next().unwrap()), words(cells.next().unwrap()))
    };
    let rows: Vec<_> = rows.map(row).collect();
    assert!(!rows.is_empty(), "docs/architecture.md has no table \"{head}\"");
    rows
}

/// The code of each folder, or file, right below `src/`: by path and without comments and unit tests.
fn sources() -> BTreeMap<String, Vec<(String, String)>> {
    fn collect(directory: &Path, folder: Option<&str>, found: &mut BTreeMap<String, Vec<(String, String)>>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let folder = folder.unwrap_or(&name);
            if name == "tests" {
                continue;
            }
            if path.is_dir() {
                collect(&path, Some(folder), found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let shown = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                let code = without_comments_and_tests(&fs::read_to_string(&path).unwrap());
                found.entry(folder.to_owned()).or_default().push((shown, code));
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(&root().join("src"), None, &mut found);
    // Programs of their own, the library's list of folders, and what only tests use.
    for apart in ["bin", "main", "lib", "testing"] {
        found.remove(apart);
    }
    found
}

fn without_comments_and_tests(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// What stands behind each `path` in the code, which nothing goes before: one name, or those of a group in braces.
fn behind(code: &str, path: &str) -> Names {
    let mut names = Names::new();
    for (at, _) in code.match_indices(path) {
        let before = code.get(..at).unwrap().chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || "_:.".contains(c)) {
            continue;
        }
        let rest = code.get(at + path.len()..).unwrap();
        let first = |text: &str| {
            text.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned()
        };
        match rest.strip_prefix('{') {
            Some(group) => {
                let mut depth = 0;
                let ends = |c: char| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    depth < 0
                };
                let group = group.split(ends).next().unwrap();
                let mut depth = 0;
                let separates = |c: char| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    depth == 0 && c == ','
                };
                names.extend(group.split(separates).map(first).filter(|name| !name.is_empty()));
            }
            None => drop(names.insert(first(rest))),
        }
    }
    names
}

/// Whether the code names a crate, or a path of the standard library.
fn names(code: &str, path: &str) -> bool {
    match path.rsplit_once("::") {
        Some((parent, last)) => behind(code, &format!("{parent}::")).contains(last),
        None => !behind(code, &format!("{path}::")).is_empty() || code.contains(&format!("use {path};")),
    }
}

#[test]
fn folders_import_what_the_page_says() {
    let mut wrong = Vec::new();
    let page: BTreeMap<String, Names> = table("| folder | imports |")
        .into_iter()
        .flat_map(|(folders, imports)| folders.into_iter().map(move |folder| (folder, imports.clone())))
        .collect();
    for (folder, files) in sources() {
        let Some(row) = page.get(&folder) else {
            wrong.push(format!("src/{folder} has no row"));
            continue;
        };
        if row.contains("all") {
            continue;
        }
        let mut unused = row.clone();
        let words = if WORDS.contains(&folder.as_str()) { &[][..] } else { &WORDS };
        for (path, code) in files {
            for import in behind(&code, "crate::").into_iter().filter(|import| *import != folder) {
                unused.remove(&import);
                if !row.contains(&import) && !words.contains(&import.as_str()) {
                    wrong.push(format!("{path} imports {import}"));
                }
            }
        }
        wrong.extend(
            unused
                .into_iter()
                .map(|import| format!("src/{folder} does not import {import}, as its row says")),
        );
    }
    assert!(wrong.is_empty(), "docs/architecture.md, \"Layers\", says otherwise:\n{}", wrong.join("\n"));
}

#[test]
fn libraries_are_named_where_the_page_says() {
    let mut wrong = Vec::new();
    let sources = sources();
    for (crates, allowed) in table("| library | named in |") {
        for name in crates {
            for (folder, files) in sources.iter().filter(|(folder, _)| !allowed.contains(*folder)) {
                let naming = files.iter().filter(|(_, code)| names(code, &name));
                wrong.extend(
                    naming.map(|(path, _)| format!("{path} names {name}, and src/{folder} is not to")),
                );
            }
        }
    }
    assert!(wrong.is_empty(), "docs/architecture.md, \"Layers\", says otherwise:\n{}", wrong.join("\n"));
}

/// Every file below a folder, by its path from the root of the repository.
fn files(directory: &Path) -> Vec<String> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.strip_prefix(root()).unwrap().to_str() {
            _ if path.is_dir() => files(&path),
            path => path.map(str::to_owned).into_iter().collect(),
        })
        .collect()
}

#[test]
fn files_and_folders_of_the_page_exist() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let all: Vec<String> =
        ["src", "tests", "packaging"].iter().flat_map(|folder| files(&root().join(folder))).collect();
    let exists = |name: &str| {
        root().join(name).exists()
            || root().join("src").join(name).exists()
            // Beside the folder that its row is about.
            || all.iter().any(|path| format!("{path} ").contains(&format!("/{name}{}", if name.ends_with('/') { "" } else { " " })))
    };
    let names = page.split('`').skip(1).step_by(2);
    let named = names.filter(|name| {
        Path::new(name).extension().is_some_and(|extension| extension == "rs")
            || name.ends_with('/') && !name.contains('{')
    });
    let missing: Vec<&str> = named.filter(|name| !exists(name)).collect();
    assert!(missing.is_empty(), "docs/architecture.md names what there is not: {missing:?}");
}

#[test]
fn imports_and_libraries_are_found_in_every_form() {
    let code = without_comments_and_tests(
        "//! crate::comment\nuse crate::{a, b::{c, d}, e};\nuse crate::f::g;\nfn h() { crate::i::j(tokio::spawn()) }\n\
         use std::{fs, io};\n\n#[cfg(test)]\nmod tests {\n    use crate::k;\n}\n",
    );
    assert_eq!(behind(&code, "crate::").into_iter().collect::<String>(), "abefi");
    for (name, found) in
        [("tokio", true), ("std::fs", true), ("io", false), ("spawn", false), ("hyper", false)]
    {
        assert_eq!(names(&code, name), found, "{name}");
    }
    assert!(sources().len() > 10);
}

/// The defaults of the trait call each other: an error that says one half alone would never stop saying it.
#[test]
fn errors_say_kind_and_advice_together_or_each() {
    let mut seen = 0;
    for (path, code) in sources().into_values().flatten() {
        for (at, _) in code.match_indices("Explain for ") {
            let block = code.get(at..).unwrap().split("\n}").next().unwrap();
            let says = |method: &str| block.contains(&format!("fn {method}(&self)"));
            assert!(says("kind_and_advice") || says("kind") && says("advice"), "{path}: {block}");
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen} implementations were found");
}
