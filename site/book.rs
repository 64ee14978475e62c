//! The source of the book: docs/ as it is, at other places, with links that fit them; and pages that are made of the journal's
//! catalog, of the sections of docs/errors and of the manual pages.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::catalog;
use crate::kinds::{self, Section};
use crate::pages::{self, Page, normal, root};

/// Where a page of the repository is in the book.
fn place(path: &Path) -> PathBuf {
    let path = match path.to_str().unwrap() {
        "README.md" => return "index.md".into(),
        "docs/README.md" => return "documentation.md".into(),
        _ => path.strip_prefix("docs").unwrap_or(path),
    };
    // mdBook makes index.html of this name, and changes no link to it.
    if path.file_name().is_some_and(|name| name == "README.md") {
        path.with_file_name("index.md")
    } else {
        path.to_owned()
    }
}

/// The way from the page at `from` to `to`, both in the book.
fn way(from: &Path, to: &Path) -> String {
    let up = from.components().count() - 1;
    let shared = from.components().zip(to.components()).take(up).take_while(|(from, to)| from == to).count();
    let mut way = "../".repeat(up - shared);
    way += to.components().skip(shared).collect::<PathBuf>().to_str().unwrap();
    way
}

/// All that the book is made of.
pub(crate) struct Book {
    pages: Vec<Page>,
    sections: Vec<Section>,
    /// By their names and sections, as in `vault-unseal.8`: what mandoc made of each.
    manuals: BTreeMap<String, String>,
    /// The chapters that are written, by their places.
    written: BTreeMap<PathBuf, String>,
    /// Files that pages show or lead to.
    files: BTreeMap<PathBuf, PathBuf>,
}

impl Book {
    /// Of everything in the repository.
    pub(crate) fn new(manuals: BTreeMap<String, String>) -> Self {
        let mut pages = pages::all();
        pages.retain(|page| !page.path.starts_with(".github"));
        Self { pages, sections: kinds::sections(), manuals, written: BTreeMap::new(), files: BTreeMap::new() }
    }

    /// Writes the chapters, their list and the files that they show into this directory.
    pub(crate) fn write(mut self, directory: &Path) {
        self.chapters();
        let summary = self.summary();
        self.written.insert("SUMMARY.md".into(), summary);
        for (place, text) in &self.written {
            let path = directory.join(place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        for (place, file) in &self.files {
            let path = directory.join(place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::copy(root().join(file), path).unwrap();
        }
    }

    fn chapters(&mut self) {
        for page in std::mem::take(&mut self.pages) {
            let at = place(&page.path);
            let text = match page.path.to_str().unwrap() {
                "docs/usage/journal.md" => with_links_to_messages(&page.text),
                path if path.starts_with("docs/errors/") && !path.ends_with("README.md") => {
                    self.list_of_kinds(&page)
                }
                _ => page.text.clone(),
            };
            let text = self.moved(&Page { path: page.path.clone(), text }, &at);
            self.written.insert(at, text);
            self.pages.push(page);
        }
        for section in std::mem::take(&mut self.sections) {
            let at = kind_page(&section.kind);
            let of = self.pages.iter().find(|page| page.path == section.page).unwrap();
            let above = &of.text[..of.text.find("\n## ").unwrap()];
            let (title, _) = above.trim_start_matches("# ").split_once('\n').unwrap();
            let text = format!(
                "# `{}`\n{}\nOf: [{title}]({})\n",
                section.kind,
                section.text,
                section.page.file_name().unwrap().to_str().unwrap()
            );
            let text = self.moved(&Page { path: section.page.clone(), text }, &at);
            self.written.insert(at, text);
            self.sections.push(section);
        }
        let mut list = String::from(
            "# Messages of the journal\n\nEach has an id that never changes. \
            [The journal](../usage/journal.md) has fields and queries.\n\n",
        );
        for page in messages() {
            let title = page.text.trim_start_matches("# ").lines().next().unwrap();
            let _ = writeln!(list, "- [{title}]({})", page.path.file_name().unwrap().to_str().unwrap());
            self.written.insert(page.path, page.text);
        }
        self.written.insert("message/index.md".into(), list);
        for (name, html) in &self.manuals {
            let mut text = manual(name, html);
            for other in self.manuals.keys() {
                let (program, section) = other.rsplit_once('.').unwrap();
                let named = format!("<b>{program}</b>({section})");
                text = text.replace(&named, &format!("<a href=\"{other}.html\">{named}</a>"));
            }
            self.written.insert(manual_page(name), text);
        }
    }

    /// A page of docs/errors without its sections, which have pages of their own.
    fn list_of_kinds(&self, page: &Page) -> String {
        let mut text = page.text[..page.text.find("\n## ").unwrap()].to_owned();
        text.push_str("\n| kind | what happened |\n| --- | --- |\n");
        for section in self.sections.iter().filter(|section| section.page == page.path) {
            let first = section.text.trim_start().split("\n\n").next().unwrap().replace('\n', " ");
            let first = first.split_inclusive(". ").next().unwrap().trim_end().replace('|', "\\|");
            let _ = writeln!(text, "| [`{0}`](#{0}) | {first} |", section.kind);
        }
        text
    }

    /// The text of a page with links that lead where they did from this place.
    fn moved(&mut self, page: &Page, at: &Path) -> String {
        let mut text = page.text.clone();
        let mut links = page.links();
        links.sort_by_key(|link| std::cmp::Reverse(link.place.start));
        for link in links {
            if link.target.contains("://") {
                continue;
            }
            let (file, heading) = link
                .target
                .split_once('#')
                .map_or((link.target.as_str(), None), |(file, heading)| (file, Some(heading)));
            let path = if file.is_empty() {
                page.path.clone()
            } else {
                normal(&page.path.parent().unwrap().join(file))
            };
            text.replace_range(link.place, &self.target(&path, heading, at));
        }
        text
    }

    /// Where a link to a file of the repository leads from this place in the book.
    fn target(&mut self, path: &Path, heading: Option<&str>, from: &Path) -> String {
        if path.starts_with("docs/errors") {
            if let Some(heading) = heading {
                return way(from, &kind_page(heading));
            }
        }
        let name = path.to_str().unwrap();
        if path.extension().is_some_and(|extension| extension == "md") {
            let heading = heading.map(|heading| format!("#{heading}")).unwrap_or_default();
            return way(from, &place(path)) + &heading;
        }
        let is_shown = ["svg", "png"].iter().any(|extension| name.ends_with(extension));
        // A browser shows text, and offers other files to be stored.
        let to = if is_shown { place(path) } else { PathBuf::from(format!("files/{name}.txt")) };
        if root().join(path).is_dir() {
            let index = PathBuf::from("files").join(path).join("index.md");
            let mut list = format!("# {name}\n\n");
            for file in pages::files(&[name], |_| true) {
                let to = PathBuf::from(format!("files/{}.txt", file.display()));
                let _ = writeln!(
                    list,
                    "- [`{}`]({})",
                    file.strip_prefix(path).unwrap().display(),
                    way(&index, &to)
                );
                self.files.insert(to, file);
            }
            self.written.insert(index.clone(), list);
            return way(from, &index);
        }
        self.files.insert(to.clone(), path.to_owned());
        way(from, &to)
    }

    /// mdBook's list of chapters, in the order of docs/README.md. What is in no list is an error.
    fn summary(&self) -> String {
        let mut summary = String::from("# Summary\n\n");
        let mut left: BTreeMap<&Path, &String> =
            self.written.iter().map(|(place, text)| (place.as_path(), text)).collect();
        let mut line = |level: usize, place: &Path| {
            let text = left
                .remove(place)
                .unwrap_or_else(|| panic!("{} is listed twice, or not there", place.display()));
            let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap();
            format!("{}- [{title}]({})\n", "  ".repeat(level), place.display())
        };
        summary += line(0, Path::new("index.md")).trim_start_matches("- ");
        summary.push('\n');
        summary += line(0, Path::new("documentation.md")).trim_start_matches("- ");
        let list = self.pages.iter().find(|page| page.path == Path::new("docs/README.md")).unwrap();
        for part in ["Guides", "Use", "Development"] {
            let _ = write!(summary, "\n# {part}\n\n");
            let section =
                list.text.split(&format!("\n## {part}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
            let section = Page { path: list.path.clone(), text: section.to_owned() };
            for link in section.links() {
                let path = normal(&Path::new("docs").join(&link.target));
                // The next part has them, with a page below it for each kind.
                if path == Path::new("docs/errors/README.md") {
                    continue;
                }
                summary += &line(0, &place(&path));
                if path == Path::new("docs/adr/README.md") {
                    for page in self
                        .pages
                        .iter()
                        .filter(|page| page.path.starts_with("docs/adr") && page.path != path)
                    {
                        summary += &line(1, &place(&page.path));
                    }
                }
            }
        }
        summary.push_str("\n# Look up\n\n");
        for name in self.manuals.keys() {
            summary += &line(0, &manual_page(name));
        }
        summary += &line(0, Path::new("errors/index.md"));
        let index = &self.written[Path::new("errors/index.md")];
        let mut pages = kinds::pages();
        pages.sort_by_key(|page| index.find(&format!("]({})", page.file_name().unwrap().to_str().unwrap())));
        for page in pages {
            summary += &line(1, &place(&page));
            for section in self.sections.iter().filter(|section| section.page == page) {
                summary += &line(2, &kind_page(&section.kind));
            }
        }
        summary += &line(0, Path::new("message/index.md"));
        for page in messages() {
            summary += &line(1, &page.path);
        }
        for place in ["CHANGELOG.md", "SECURITY.md"] {
            summary += &line(0, Path::new(place));
        }
        for index in self.written.keys().filter(|place| place.starts_with("files")) {
            summary += &line(0, index);
        }
        assert!(left.is_empty(), "docs/README.md does not list {:?}", left.keys());
        summary
    }
}

fn kind_page(kind: &str) -> PathBuf {
    PathBuf::from(format!("kind/{kind}.md"))
}

fn message_page(id: &str) -> PathBuf {
    PathBuf::from(format!("message/{id}.md"))
}

fn manual_page(name: &str) -> PathBuf {
    PathBuf::from(format!("man/{name}.md"))
}

/// The page of the journal, with each id in its table as a link.
fn with_links_to_messages(text: &str) -> String {
    let mut text = text.to_owned();
    for id in catalog::entries().keys() {
        text = text.replace(&format!("| `{id}` |"), &format!("| [`{id}`](../message/{id}.md) |"));
    }
    text
}

/// The page of each message, at its place in the book, in the order of the journal's page.
pub(crate) fn messages() -> Vec<Page> {
    let journal = fs::read_to_string(root().join("docs/usage/journal.md")).unwrap();
    let mut entries: Vec<_> = catalog::entries().into_iter().collect();
    entries.sort_by_key(|(id, _)| journal.find(&format!("| `{id}` |")));
    let page = |(id, (headers, text))| Page { path: message_page(id), text: message(id, headers, text) };
    entries.into_iter().map(page).collect()
}

/// What a line of the catalog may end with: a terminal has no other way to set a command apart.
const PROGRAMS: [&str; 5] = ["vault-unseal", "systemctl", "journalctl", "vault", "cat"];

/// The page of a message, from its entry in the catalog.
fn message(id: &str, headers: &str, text: &str) -> String {
    let mut page = format!("# {}\n\n", catalog::subject(headers));
    for line in text.trim_end().lines() {
        let line = line.replace("@VAULT_NODE@", "NODE").replace("@VAULT_CLUSTER@", "CLUSTER");
        let is_command = |(_, command): &(&str, &str)| {
            command.split(' ').next().is_some_and(|program| PROGRAMS.contains(&program))
                && command.contains(' ')
        };
        match line.split_once(": ").filter(is_command) {
            Some((before, command)) => match command.split_once(", ") {
                Some((command, behind)) => drop(writeln!(page, "{before}: `{command}`, {behind}")),
                None => drop(write!(page, "{before}:\n\n    {command}\n\n")),
            },
            // A block of code begins behind an empty line.
            None if line.starts_with("    ")
                && !page.ends_with("\n\n")
                && !page.trim_end().rsplit('\n').next().unwrap().starts_with("    ") =>
            {
                let _ = writeln!(page, "\n{line}");
            }
            None => drop(writeln!(page, "{line}")),
        }
    }
    let _ = write!(
        page,
        "\nIts `MESSAGE_ID` is `{id}`. Each such message in the journal:\n\n    journalctl MESSAGE_ID={id}\n"
    );
    if text.contains("@VAULT_NODE@") {
        page.push_str(
            "\nNODE is the server's address, and CLUSTER the name of its cluster in the configuration.\n",
        );
    }
    for manual in headers.lines().filter_map(|line| line.strip_prefix("Documentation: man:")) {
        let (name, section) = manual.trim_end_matches(')').split_once('(').unwrap();
        let _ = write!(
            page,
            "\n[{manual}](../man/{name}.{section}.md), [all messages](../usage/journal.md#kinds-of-messages)\n"
        );
    }
    page
}

/// A manual page: what mandoc made of it, as one piece of HTML, which an empty line would end.
fn manual(name: &str, html: &str) -> String {
    let (program, section) = name.rsplit_once('.').unwrap();
    let html = html.replace("<h1 ", "<h2 ").replace("</h1>", "</h2>");
    let mut text = format!("# {program}({section})\n\n<div class=\"manual\">\n");
    for line in html.lines() {
        // Nothing that shows, also in a block of code.
        text.push_str(if line.trim().is_empty() { "<!-- -->" } else { line });
        text.push('\n');
    }
    text.push_str("</div>\n");
    text
}
