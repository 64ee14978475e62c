//! Links from page to page, anchors included, and files that are named elsewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::pages::{self, Page, normal, root};

/// The target of every link of a page, and the line where it stands.
fn targets(page: &Page) -> Vec<(usize, String)> {
    page.links().into_iter().map(|link| (link.line, link.target)).collect()
}

/// The anchors that GitHub makes of a page's headings.
fn anchors(page: &Page) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let prose = page.prose();
    for (line, prose) in page.text.lines().zip(prose.lines()) {
        // In the prose, because a comment in code begins so, too.
        if !prose.starts_with('#') {
            continue;
        }
        let mut anchor = String::new();
        for character in line.trim_start_matches('#').trim().to_lowercase().chars() {
            match character {
                ' ' => anchor.push('-'),
                '-' | '_' => anchor.push(character),
                _ if character.is_alphanumeric() => anchor.push(character),
                _ => {}
            }
        }
        assert!(anchors.insert(anchor), "{}: two headings like {line:?}", page.path.display());
    }
    anchors
}

fn broken(pages: &[Page]) -> Vec<String> {
    let mut broken = Vec::new();
    for page in pages {
        for (line, target) in targets(page) {
            if target.starts_with("https://") {
                continue;
            }
            let (file, anchor) =
                target.split_once('#').map_or((target.as_str(), None), |(file, at)| (file, Some(at)));
            let path = match file {
                "" => page.path.clone(),
                _ => normal(&page.path.parent().unwrap().join(file)),
            };
            let place = format!("{}:{line}", page.path.display());
            let known = pages.iter().find(|page| page.path == path);
            if known.is_none() && !root().join(&path).exists() {
                broken.push(format!("{place}: {target}: there is no {}", path.display()));
            } else if let Some(anchor) = anchor {
                if !known.is_some_and(|page| anchors(page).contains(anchor)) {
                    broken
                        .push(format!("{place}: {target}: {} has no heading for #{anchor}", path.display()));
                }
            }
        }
    }
    broken
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    let pages = pages::all();
    let number: usize = pages.iter().map(|page| targets(page).len()).sum();
    assert!(number > 100, "only {number} links were found");
    let broken = broken(&pages);
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn broken_links_are_found() {
    let page = |text: &str| Page { path: PathBuf::from("docs/usage/x.md"), text: text.to_owned() };
    let of = |text: &str| broken(&[page(text)]);
    assert_eq!(of("# A `b-c`, d\n\n[here](#a-b-c-d), [up](../../README.md)\n"), [""; 0]);
    assert_eq!(of("\n[a](y.md)\n"), ["docs/usage/x.md:2: y.md: there is no docs/usage/y.md"]);
    assert_eq!(of("# A\n`ä` [a](#b)\n"), ["docs/usage/x.md:2: #b: docs/usage/x.md has no heading for #b"]);
    assert_eq!(of("`[a](y.md)`\n\n```\n[a](y.md)\n```\n\n    [a](y.md)\n"), [""; 0]);
}

/// A user of the README finds everything at most one link away; what no page leads to, nobody finds.
#[test]
fn every_page_is_linked_from_another() {
    let pages = pages::all();
    let linked: BTreeSet<PathBuf> = pages
        .iter()
        .flat_map(|page| targets(page).into_iter().map(|(_, target)| (page.path.clone(), target)))
        .filter(|(page, target)| !target.starts_with("https://") && page.extension().is_some())
        .map(|(page, target)| normal(&page.parent().unwrap().join(target.split('#').next().unwrap())))
        .collect();
    let alone = pages.iter().filter(|page| page.path.starts_with("docs") && !linked.contains(&page.path));
    let alone: Vec<_> = alone.map(|page| page.path.display().to_string()).collect();
    assert!(alone.is_empty(), "no page links to {alone:?}");
}

/// Sources, scripts and manual pages name pages by their path.
#[test]
fn every_page_that_a_file_names_exists() {
    let places = [
        "src",
        "tests",
        "man",
        "x",
        ".ci",
        "packaging",
        "systemd",
        "demo",
        "config",
        "benches",
        "Cargo.toml",
        "docs",
    ];
    let mut number = 0;
    for path in pages::files(&places, |path| !path.starts_with(root().join("tests/documentation"))) {
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        for (at, _) in text.match_indices("docs/") {
            if text[..at].ends_with(|before: char| before.is_alphanumeric() || "/._-".contains(before)) {
                continue;
            }
            let is_part = |part: char| part.is_ascii_alphanumeric() || "/._-".contains(part);
            let rest = &text[at..];
            let named =
                rest[..rest.find(|part| !is_part(part)).unwrap_or(rest.len())].trim_end_matches(['.', '/']);
            if Path::new(named).extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            number += 1;
            assert!(root().join(named).exists(), "{} names {named}, which does not exist", path.display());
        }
    }
    assert!(number > 10, "only {number} were found");
}

/// Files and folders that a page names as code, without a link. `docs/architecture.md` has a test of its own for those of the sources.
#[test]
fn every_path_on_the_pages_exists() {
    let folders = [
        "src/",
        "tests/",
        "systemd/",
        "packaging/",
        "config/",
        "docs/",
        "man/",
        "benches/",
        "demo/",
        ".ci/",
        ".github/",
    ];
    let mut number = 0;
    for page in pages::all()
        .iter()
        .filter(|page| !["CHANGELOG.md", "docs/architecture.md"].map(Path::new).contains(&&*page.path))
        // A decision is not edited when a file moves.
        .filter(|page| !page.path.starts_with("docs/adr"))
    {
        for code in page.code().iter().filter(|code| code.language == "inline") {
            let path = code.text.split(' ').next().unwrap();
            if folders.iter().any(|folder| path.starts_with(folder)) && !path.contains(['*', '{', '…']) {
                number += 1;
                let exists = root().join(path).exists() || root().join(format!("{path}.rs")).exists();
                assert!(exists, "{}:{}: there is no {path}", page.path.display(), code.line);
            }
        }
    }
    assert!(number > 20, "only {number} were found");
}

/// Not opened: the network is none of a test's business. `.ci/run documentation` prints them, for a person to open.
#[test]
fn links_to_other_sites_are_listed() {
    let mut sites = BTreeSet::new();
    for page in pages::all() {
        for (_, target) in targets(&page) {
            assert!(!target.starts_with("http://"), "{}: {target}", page.path.display());
            if target.starts_with("https://") {
                sites.insert(target);
            }
        }
    }
    assert!(sites.len() > 3);
    println!("links to other sites, not opened:");
    for site in sites {
        println!("  {site}");
    }
}

#[test]
fn readme_has_at_most_150_lines() {
    let lines = fs::read_to_string(root().join("README.md")).unwrap().lines().count();
    assert!(lines <= 150, "{lines} lines");
}
