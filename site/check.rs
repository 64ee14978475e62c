//! The built site: every link in it leads somewhere, and nothing is fetched from elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::pages::normal;

/// What links need to know of a page.
#[derive(Default)]
struct Html {
    ids: BTreeSet<String>,
    /// What a reader can follow.
    links: Vec<String>,
    /// What a browser fetches by itself.
    fetched: Vec<String>,
}

impl Html {
    fn of(text: &str) -> Self {
        let mut html = Self::default();
        let mut rest = text;
        while let Some(at) = rest.find('<') {
            rest = &rest[at + 1..];
            if let Some(comment) = rest.strip_prefix("!--") {
                rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
                continue;
            }
            let (tag, attributes, behind) = tag(rest);
            for (name, value) in attributes {
                match (tag, name) {
                    (_, "id") => drop(html.ids.insert(value)),
                    ("a", "href") => html.links.push(value),
                    (_, "href" | "src") => html.fetched.push(value),
                    _ => {}
                }
            }
            rest = behind;
            // Text that only looks like tags.
            for raw in ["script", "style"] {
                if tag == raw {
                    rest = rest.split_once(&format!("</{raw}>")).map_or("", |(_, rest)| rest);
                }
            }
        }
        html
    }
}

/// The name of the tag that begins here, its attributes, and what is behind it.
fn tag(text: &str) -> (&str, Vec<(&str, String)>, &str) {
    let end = |text: &str| text.find(|c: char| c.is_whitespace() || "=/>".contains(c)).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end(text));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() || rest.starts_with('>') {
            return (name, attributes, rest);
        }
        let (attribute, behind) = rest.split_at(end(rest).max(rest.chars().next().map_or(1, char::len_utf8)));
        rest = behind;
        if let Some(value) = behind.strip_prefix('=') {
            let quote = value.chars().next().filter(|quote| "\"'".contains(*quote));
            let (value, behind) = match quote {
                Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
                None => value.split_at(end(value)),
            };
            attributes.push((attribute, value.replace("&amp;", "&")));
            rest = behind;
        }
    }
}

/// What is wrong with the links of the site in this directory.
pub(crate) fn broken(directory: &Path) -> Vec<String> {
    let mut pages = BTreeMap::new();
    let mut broken = Vec::new();
    for path in files(directory, directory) {
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension {
            // Its links begin at the site's address, wherever it is shown.
            Some("html") if path != Path::new("404.html") => {
                let text = fs::read_to_string(directory.join(&path)).unwrap();
                pages.insert(path, Html::of(&text));
            }
            Some("css") => {
                let text = fs::read_to_string(directory.join(&path)).unwrap();
                for part in text.split("url(").skip(1) {
                    let target = part.split(')').next().unwrap().trim_matches(['"', '\'', ' ']);
                    if target.contains("//") && !target.starts_with("data:") {
                        broken.push(format!("{}: {target} is fetched from elsewhere", path.display()));
                    }
                }
            }
            _ => {}
        }
    }
    assert!(pages.len() > 50, "only {} pages", pages.len());
    for (path, html) in &pages {
        for target in &html.fetched {
            if target.contains("//") {
                broken.push(format!("{}: {target} is fetched from elsewhere", path.display()));
            }
        }
        for target in html.links.iter().chain(&html.fetched).filter(|target| !target.starts_with("https://"))
        {
            if let Some(why) = unreachable(directory, &pages, path, target) {
                broken.push(format!("{}: {target}: {why}", path.display()));
            }
        }
    }
    broken
}

fn unreachable(
    directory: &Path,
    pages: &BTreeMap<PathBuf, Html>,
    from: &Path,
    target: &str,
) -> Option<String> {
    let (file, id) = target.split_once('#').map_or((target, None), |(file, id)| (file, Some(id)));
    let to = if file.is_empty() { from.to_owned() } else { normal(&from.parent().unwrap().join(file)) };
    if !directory.join(&to).is_file() {
        return Some(format!("there is no {}", to.display()));
    }
    let id = id.filter(|id| !id.is_empty())?;
    let known = pages.get(&to).is_some_and(|page| page.ids.contains(id));
    (!known).then(|| format!("{} has no {id}", to.display()))
}

/// Every file below a directory, by its path from there.
pub(crate) fn files(directory: &Path, top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, top));
        } else {
            found.push(path.strip_prefix(top).unwrap().to_owned());
        }
    }
    found.sort();
    found
}
