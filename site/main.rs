//! `./x site`: makes the source of mdBook's book from the repository, and looks at what mdBook made of it.
//!
//!     site assemble BOOK MANUALS     writes the book's source; MANUALS has the manual pages, as mandoc's HTML
//!     site check SITE                every link of the built site leads somewhere

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a site that cannot be made says so by a panic, as the tests that read the same pages do"
)]

mod address;
mod book;
mod catalog;
mod check;
mod kinds;
#[path = "../tests/documentation/pages.rs"]
#[allow(dead_code, reason = "the tests of the pages take more of it")]
mod pages;

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use vault_unseal::report::message::Message;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["assemble", book, manuals] => assemble(Path::new(book), Path::new(manuals)),
        ["check", site] => return check(Path::new(site)),
        _ => panic!("site assemble BOOK MANUALS, site check SITE"),
    }
    ExitCode::SUCCESS
}

fn assemble(directory: &Path, manuals: &Path) {
    let mut wrong = kinds::differences();
    let explained = catalog::entries();
    let ids = Message::all().map(Message::id).filter(|id| !explained.contains_key(id));
    wrong.extend(ids.map(|id| format!("the message {id} has no entry in systemd/vault-unseal.catalog")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let manuals = check::files(manuals, manuals)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "html"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(manuals.join(path)).unwrap())
        });
    let manuals: std::collections::BTreeMap<_, _> = manuals.collect();
    assert!(!manuals.is_empty(), "there are no manual pages");
    book::Book::new(manuals).write(&directory.join("src"));
    let settings = include_str!("book.toml");
    // The page that a server shows where there is none is the one that must know where the site is.
    let address = address::address();
    let served = match address.strip_prefix("https://") {
        Some(rest) => {
            let path = rest.split_once('/').map_or("", |(_, path)| path);
            format!("site-url = \"/{path}{}\"\n", if path.is_empty() { "" } else { "/" })
        }
        None => "input-404 = \"\"\n".to_owned(),
    };
    fs::write(
        directory.join("book.toml"),
        settings.replace("[output.html]\n", &format!("[output.html]\n{served}")),
    )
    .unwrap();
    fs::write(directory.join("style.css"), include_str!("style.css")).unwrap();
}

fn check(site: &Path) -> ExitCode {
    let broken = check::broken(site);
    for what in &broken {
        println!("{what}");
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
