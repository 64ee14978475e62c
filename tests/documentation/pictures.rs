//! The words in the pictures of `docs/pictures`, without times, addresses and versions. Where one fails, make the pictures anew:
//! `docs/pictures/make`.

use std::fs;

use super::pages::{self, root};
use super::words;

/// The lines of text in a picture; each cell of a line by itself.
fn lines(name: &str) -> Vec<Vec<String>> {
    let picture = fs::read_to_string(root().join("docs/pictures").join(name)).unwrap();
    let lines = picture.lines().filter(|line| line.starts_with("<text y=") && line.contains("<tspan"));
    let cells = |line: &str| {
        line.split("<tspan ")
            .skip(1)
            .map(|cell| {
                let text = cell.split_once('>').unwrap().1.split("</tspan>").next().unwrap();
                text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
            })
            .collect()
    };
    lines.map(cells).collect()
}

/// The texts of the sources, joined where a string goes on in the next line.
fn sources(place: &str) -> String {
    let mut sources = String::new();
    for path in pages::files(&[place], |path| path.extension().is_some_and(|extension| extension == "rs")) {
        let mut continued = false;
        for line in fs::read_to_string(root().join(path)).unwrap().lines() {
            let line = if continued { line.trim_start() } else { line };
            continued = line.ends_with('\\');
            sources.push_str(line.trim_end_matches('\\'));
            if !continued {
                sources.push('\n');
            }
        }
    }
    sources
}

/// What `timeline.event(…)` and the timeline itself are given, each as the pieces between what is filled in.
fn events() -> Vec<Vec<String>> {
    let mut events = Vec::new();
    for part in sources("demo")
        .split(".event(\"")
        .skip(1)
        .map(str::to_owned)
        .chain(sources("demo").split(".event(&format!(\"").skip(1).map(str::to_owned))
    {
        events.push(part.split('"').next().unwrap().split("{}").map(str::to_owned).collect());
    }
    for part in sources("demo").split("self.line(").skip(1) {
        if let Some(text) = part.split(')').next().unwrap().split('"').nth(1).filter(|text| !text.is_empty())
        {
            events.push(vec![text.to_owned()]);
        }
    }
    events
}

fn matches(text: &str, pieces: &[String]) -> bool {
    let mut rest = text;
    for (index, piece) in pieces.iter().enumerate() {
        match rest.find(piece.as_str()) {
            Some(at) if index > 0 || at == 0 => rest = &rest[at + piece.len()..],
            _ => return false,
        }
    }
    pieces.last().is_some_and(String::is_empty) || rest.is_empty()
}

#[test]
fn the_picture_of_the_demo_has_its_words() {
    let events = events();
    assert!(events.len() >= 8, "{events:?}");
    // The prompt and the heading come first; a line is a time, what happened, and how long it took.
    let shown: Vec<String> = lines("demo.svg")[2..]
        .iter()
        .map(|line| {
            let line = line.concat();
            let line = line.trim_start().split_once("  ").unwrap().1;
            line.split("      ").next().unwrap().trim().to_owned()
        })
        .collect();
    for text in &shown {
        assert!(
            events.iter().any(|event| matches(text, event)),
            "the demo does not print {text:?}: {events:?}"
        );
    }
    for event in &events {
        assert!(shown.iter().any(|text| matches(text, event)), "the picture lacks {event:?}");
    }
    let heading = lines("demo.svg")[1].concat();
    for word in heading.split("  ").map(str::trim).filter(|word| !word.is_empty()) {
        assert!(sources("demo").contains(&format!("\"{word}\"")), "the demo's heading has no {word:?}");
    }
}

#[test]
fn the_picture_of_status_has_its_words() {
    let lines = lines("status.svg");
    assert!(lines[0].concat().ends_with("vault-unseal status"));
    let snapshot = fs::read_to_string(root().join("tests/verbs/snapshots/status.txt")).unwrap();
    // The snapshots are what the program prints; a test of theirs compares them.
    let heading: Vec<&str> =
        snapshot.lines().find(|line| line.starts_with("NODE")).unwrap().split_whitespace().collect();
    let shown: Vec<&str> = lines[1].iter().map(|cell| cell.trim()).collect();
    assert!(shown.starts_with(&heading), "{shown:?}");
    let sources = sources("src");
    for word in shown {
        assert!(sources.contains(&format!("\"{word}\"")), "the program's heading has no {word:?}");
    }
    // Above the nodes of each cluster stands its name.
    let is_cluster = |text: &str| text.ends_with(':') && !text.contains(' ');
    let below = lines[2..].iter().filter(|line| !is_cluster(&line.concat()));
    let (rows, remarks): (Vec<_>, Vec<_>) = below.partition(|line| line.len() > 1);
    assert!(rows.len() >= 3 && !remarks.is_empty());
    for row in rows {
        let state = row[1].trim();
        let word = state.split(' ').next().unwrap();
        assert!(words::states().contains(word), "there is no state {word:?}");
        assert!(
            word == state || snapshot.contains(&format!("  {state} ")),
            "the program does not say {state:?}"
        );
    }
    // A remark is the node and a cause; below it, folded, the advice.
    let mut said = Vec::new();
    let mut advice = String::new();
    for line in remarks.iter().map(|line| line.concat()).chain(["end: ".to_owned()]) {
        if let Some(more) = line.strip_prefix("  ") {
            advice = format!("{advice} {more}");
        } else {
            said.extend(
                std::mem::take(&mut advice).split_inclusive(". ").map(|sentence| sentence.trim().to_owned()),
            );
            let cause = line.rsplit(": ").next().unwrap();
            said.extend(cause.split("; last confirmed at ").take(1).map(str::to_owned));
        }
    }
    said.retain(|sentence| !sentence.is_empty());
    assert!(said.len() > 5, "{said:?}");
    for sentence in said {
        assert!(sources.contains(&sentence), "the program does not say {sentence:?}");
    }
}

#[test]
fn the_picture_of_what_is_observed_has_its_words() {
    let lines = lines("observed.svg");
    assert!(lines[0].concat().ends_with("vault-unseal status"));
    let heading = lines[1].join(" ");
    let heading: Vec<&str> = heading.split_whitespace().collect();
    assert_eq!(heading, ["NODE", "STATE", "VERSION", "SINCE", "UNSEALED", "CERT", "SEEN"]);
    let rows: Vec<_> = lines[2..].iter().filter(|line| line.len() > 1).collect();
    assert_eq!(rows.len(), 4, "{rows:?}");
    for row in rows {
        let word = row[1].split_whitespace().next().unwrap();
        assert!(words::states().contains(word), "there is no state {word:?}");
    }
}
