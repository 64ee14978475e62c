//! The pages, and what is code in them and what is prose.

use std::fs;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

/// A page in Markdown.
pub(crate) struct Page {
    /// From the root of the repository.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A link of a page.
pub(crate) struct Link {
    /// Counted from 1.
    pub(crate) line: usize,
    /// Where its target stands in the page's text.
    pub(crate) place: Range<usize>,
    pub(crate) target: String,
}

/// A line of a block of code, or a piece of it in a line of prose.
pub(crate) struct Code {
    pub(crate) page: PathBuf,
    /// Counted from 1.
    pub(crate) line: usize,
    /// The name that a fenced block begins with, such as `sh` or `toml`; "inline" in prose; nothing for others.
    pub(crate) language: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below these places whose name ends so, by their paths from the root of the repository.
pub(crate) fn files(places: &[&str], is_wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    fn collect(path: &Path, found: &mut Vec<PathBuf>) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                collect(&entry.unwrap().path(), found);
            }
        } else if path.is_file() {
            found.push(path.to_owned());
        }
    }
    let mut found = Vec::new();
    for place in places {
        collect(&root().join(place), &mut found);
    }
    found.retain(|path| is_wanted(path));
    found.sort();
    found.into_iter().map(|path| path.strip_prefix(root()).unwrap().to_owned()).collect()
}

pub(crate) fn all() -> Vec<Page> {
    let places = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs", ".github"];
    let is_page = |path: &Path| path.extension().is_some_and(|extension| extension == "md");
    let pages = files(&places, is_page).into_iter();
    pages.map(|path| Page { text: fs::read_to_string(root().join(&path)).unwrap(), path }).collect()
}

/// Those for people who use the program.
pub(crate) fn for_users() -> Vec<Page> {
    let mut pages = all();
    pages.retain(|page| {
        page.path == Path::new("README.md")
            || ["docs/usage", "docs/errors"].iter().any(|place| page.path.starts_with(place))
    });
    assert!(pages.len() > 10);
    pages
}

impl Page {
    /// The page without its code: lines stay, and the columns of what is left.
    pub(crate) fn prose(&self) -> String {
        self.split().0
    }

    /// The lines of blocks of code, and the pieces of code in prose.
    pub(crate) fn code(&self) -> Vec<Code> {
        self.split().1
    }

    /// Every link, in the order of the kinds `[…](…)` and `<https://…>`.
    pub(crate) fn links(&self) -> Vec<Link> {
        let prose = self.prose();
        let mut found = Vec::new();
        let mut push = |at: usize, start: usize, end: usize| {
            let line = prose[..at].matches('\n').count() + 1;
            found.push(Link { line, place: start..end, target: self.text[start..end].to_owned() });
        };
        for (at, _) in prose.match_indices("](") {
            let start = byte(&self.text, &prose, at) + 2;
            let rest = &self.text[start..];
            push(at, start, start + rest.find([')', '\n']).unwrap_or(rest.len()));
        }
        for (at, _) in prose.match_indices("<https://") {
            let start = byte(&self.text, &prose, at) + 1;
            push(at, start, start + self.text[start..].find('>').unwrap());
        }
        found
    }

    fn split(&self) -> (String, Vec<Code>) {
        let mut prose = String::new();
        let mut code = Vec::new();
        let mut fence: Option<String> = None;
        let mut after_blank = true;
        let mut in_list = false;
        // Code in prose that goes on in the next line, and where it begins.
        let mut inside: Option<(usize, String)> = None;
        let mut push = |line: usize, language: &str, text: &str| {
            code.push(Code {
                page: self.path.clone(),
                line,
                language: language.to_owned(),
                text: text.to_owned(),
            });
        };
        for (number, line) in (1..).zip(self.text.lines()) {
            let trimmed = line.trim_start();
            let indented = line.len() - trimmed.len();
            if let Some(language) = trimmed.strip_prefix("```") {
                fence = if fence.is_some() { None } else { Some(language.trim().to_owned()) };
            } else if let Some(language) = &fence {
                push(number, language, line);
            } else if indented >= if in_list { 7 } else { 4 } && after_blank {
                // A block by indentation goes on as long as its lines are indented.
                push(number, "", line);
                prose.push('\n');
                continue;
            } else {
                if !trimmed.is_empty() {
                    in_list = indented > 0 && in_list || trimmed.starts_with(['-', '1', '2', '3']);
                }
                after_blank = trimmed.is_empty();
                assert!(
                    !after_blank || inside.is_none(),
                    "{}:{number}: an odd number of ` above",
                    self.path.display()
                );
                for (index, part) in line.split('`').enumerate() {
                    if index > 0 {
                        prose.push(' ');
                        inside = match inside {
                            Some((begins, text)) => {
                                push(begins, "inline", &text);
                                None
                            }
                            None => Some((number, String::new())),
                        };
                    }
                    match &mut inside {
                        Some((_, text)) => {
                            text.push_str(if index == 0 { part.trim_start() } else { part });
                            prose.extend(part.chars().map(|_| ' '));
                        }
                        None => prose.push_str(part),
                    }
                }
                if let Some((_, text)) = &mut inside {
                    text.push(' ');
                }
            }
            prose.push('\n');
        }
        (prose, code)
    }
}

/// Where in the text of a page a place of its prose is: the same line, as many characters into it.
fn byte(text: &str, prose: &str, at: usize) -> usize {
    let line = prose[..at].matches('\n').count();
    let column = prose[..at].rsplit('\n').next().unwrap().chars().count();
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    start + text[start..].chars().take(column).map(char::len_utf8).sum::<usize>()
}

/// Without `..`, as far as the path goes up inside the repository.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => assert!(normal.pop(), "{} leaves the repository", path.display()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}
