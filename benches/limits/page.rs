//! What a run was, and the page that is made of it: docs/development/measurements.md.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::options::Options;
use super::plot;
use super::support::server::Flavour;
use super::table::Table;

/// Between these the page is generated; the rest of it is by hand.
const BEGIN: &str = "<!-- From here on written by `./x bench --full --write` -->\n";
const END: &str = "<!-- Up to here -->\n";

/// A load before the run that spoils it.
const BUSY: f64 = 0.5;
const NOT_AT_REST: &str = "The machine was not at rest before the run: its times say little.";

/// Of what, where, when and beside what.
pub(crate) struct Circumstances {
    commit: String,
    date: String,
    machine: String,
    server: String,
    n: usize,
    peers: Vec<String>,
    /// Processes that ran or wanted to in the minute before the run, and in its last minute, its own with them.
    load: (String, String),
}

impl Circumstances {
    pub(crate) fn begin(options: &Options) -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kibibytes = memory.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0.0);
        let machine = format!(
            "{} × {}, {:.0} GB, Linux {}",
            output("nproc", &[]),
            model.map_or("processor", |(_, model)| model),
            kibibytes / 1e6,
            output("uname", &["-rm"])
        );
        let server = Flavour::of_this_run().program().to_str().map(|program| output(program, &["version"]));
        Self {
            commit: output("git", &["describe", "--always", "--dirty", "--abbrev=10"]),
            date: output("date", &["--utc", "+%Y-%m-%d"]),
            machine,
            server: server.unwrap_or_default().split(" (").next().unwrap_or_default().to_owned(),
            n: options.n,
            peers: options.peers.iter().map(|(name, command)| format!("{name} ({command})")).collect(),
            load: (load(), String::new()),
        }
    }

    pub(crate) fn end(&mut self) {
        self.load.1 = load();
    }

    pub(crate) fn json(&self, table: &Table) -> Value {
        let mut all = table.json();
        all["commit"] = json!(self.commit);
        all["date"] = json!(self.date);
        all["machine"] = json!(self.machine);
        all["server"] = json!(self.server);
        all["n"] = json!(self.n);
        all["peers"] = json!(self.peers);
        all["load"] = json!({ "before": self.load.0, "at_the_end": self.load.1 });
        all
    }
}

impl fmt::Display for Circumstances {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "Commit {}, {}, beside {}.", self.commit, self.date, self.server)?;
        writeln!(out, "{}; load {} before, {} at the end.", self.machine, self.load.0, self.load.1)?;
        if self.load.0.parse().is_ok_and(|load: f64| load > BUSY) {
            writeln!(out, "**{NOT_AT_REST}**")?;
        }
        write!(out, "Times: n = {}.", self.n)?;
        if !self.peers.is_empty() {
            write!(out, " Beside: {}.", self.peers.join(", "))?;
        }
        writeln!(out)
    }
}

/// Puts a run into the page and the picture.
pub(crate) fn write(circumstances: &Circumstances, table: &Table) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("docs/development/measurements.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page says where its generated part begins");
    let (_, after) = rest.split_once(END).expect("and where it ends");
    fs::write(path, format!("{before}{BEGIN}\n{}\n{END}{after}", markdown(circumstances, table))).unwrap();
    fs::write(root.join("docs/pictures/measurements.svg"), plot::svg(table)).unwrap();
}

fn markdown(circumstances: &Circumstances, table: &Table) -> String {
    let mut text = format!("{circumstances}");
    for (part, grid) in table.grids() {
        let lines: Vec<String> = grid.iter().map(|line| format!("| {} |", line.join(" | "))).collect();
        let (head, lines) = lines.split_first().expect("a grid has a head");
        let rule = "| --- ".repeat(grid[0].len()) + "|";
        text += &format!("\n## {part}\n\n{head}\n{rule}\n{}\n", lines.join("\n"));
    }
    for line in &table.absent {
        text += &format!("\nHere {line}.\n");
    }
    for line in &table.failed {
        text += &format!("\n**Failed, and has no rows: {line}.**\n");
    }
    text
}

/// The average of the last minute.
fn load() -> String {
    fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default().to_owned()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    output.map_or(String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
