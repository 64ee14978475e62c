//! What the daemon is measured against: programs that do the bare minimum, each a process of its own, as the daemon is.
//!
//! They are frozen (`frozen.rs`): a figure beside another bare loop is another figure.

mod connection;
mod many;
mod one;
mod poller;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

/// One of them, by the word that starts it.
#[derive(Clone, Copy)]
pub(crate) enum Bare {
    /// Unseals one node.
    One,
    /// Unseals many.
    Many,
    /// Asks one node for its health, once a second.
    Poller,
}

impl Bare {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Many => "many",
            Self::Poller => "poller",
        }
    }
}

/// What one of them is told in its file, as the daemon is in its configuration.
struct Task {
    nodes: Vec<SocketAddr>,
    /// The authority in PEM, and the name in its certificates; `None` without TLS.
    tls: Option<(String, String)>,
    shares: Vec<String>,
}

impl Task {
    fn read(path: &Path) -> Self {
        let task: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let texts = |name: &str| -> Vec<String> {
            task[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let text = |name: &str| task[name].as_str().map(str::to_owned);
        Self {
            nodes: texts("nodes").iter().map(|address| address.parse().unwrap()).collect(),
            tls: text("authority").zip(text("name")),
            shares: texts("shares"),
        }
    }
}

/// `limits bare WORD FILE`, until it is killed.
pub(crate) fn run(word: &str, file: &Path) {
    let task = Task::read(file);
    match word {
        "one" => one::run(&task),
        "many" => many::run(task),
        "poller" => poller::run(&task),
        other => panic!("there is no bare {other}"),
    }
}
